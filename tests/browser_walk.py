"""A person's walk through the pages, in real Chromium by way of Selenium.

    browser_walk.py URL            the walk; screenshots go to target/screenshots
    browser_walk.py URL --picture FILE.png --password PASSWORD
                                   only the README's picture: three screens of the site
                                   that deploy/serve shows, with the password that it prints

URL is where the index page is served, on 127.0.0.1: the walk needs a second
site, and `localhost` is one. The site has a `/favicon.ico` of one pixel.
"""

import argparse
import base64
import shutil
import struct
import tempfile
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SCREENSHOTS = Path(__file__).resolve().parent.parent / "target" / "screenshots"
PHONE = {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": True}
DESK = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
VIEWS = {"phone": PHONE, "desk": DESK}

# What a page looks like to the eye, measured by the browser: every element
# that has text of its own, with its colours as sRGB bytes.
LOOK = """
const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function bytes(colour) {
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return Array.from(pen.getImageData(0, 0, 1, 1).data);
}
const probe = document.createElement('i');
probe.style.color = 'Canvas';
document.documentElement.append(probe);
const canvas = bytes(getComputedStyle(probe).color);
probe.remove();
function backdrop(element) {
  for (let e = element; e; e = e.parentElement) {
    const colour = bytes(getComputedStyle(e).backgroundColor);
    if (colour[3] === 255) return colour;
    if (colour[3] !== 0) throw new Error('half transparent: ' + e.outerHTML);
  }
  return canvas;
}
const texts = [];
for (const e of document.body.querySelectorAll('*')) {
  const own = Array.from(e.childNodes).some(n => n.nodeType === 3 && n.data.trim());
  if (!(own || e.matches('input, button')) || !e.checkVisibility()) continue;
  const style = getComputedStyle(e);
  texts.push({
    what: e.outerHTML.slice(0, 80), size: parseFloat(style.fontSize),
    text: bytes(style.color), back: backdrop(e),
  });
}
const field = document.querySelector('input[name=username]');
const root = document.documentElement;
return {
  texts, canvas,
  page: backdrop(document.body),
  title: document.title, lang: root.lang,
  rules: Array.from(document.styleSheets).map(s => s.cssRules.length),
  width: innerWidth, scrolls: document.scrollingElement.scrollWidth > root.clientWidth,
  field: field && {
    label: field.labels.length && field.labels[0].innerText.trim(),
  },
};
"""


@contextmanager
def chromium(profile=None, has_passwords=False):
    """A browser; what it keeps goes into the folder `profile`, or is removed. With
    `has_passwords` it has a password manager, as that of a person."""
    kept, profile = profile, profile or tempfile.mkdtemp(prefix="walk-")
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # A person's browser has this cache, and "back" is answered from it.
    automation = ["disable-back-forward-cache"]
    if has_passwords:
        automation.append("enable-automation")
        options.add_argument("--password-store=basic")
    options.add_experimental_option("excludeSwitches", automation)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync",
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{flag}")
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    # On a busy machine, axe-core takes longer than the default of 30 seconds.
    driver.set_script_timeout(300)
    try:
        yield driver
    finally:
        driver.quit()
        if not kept:
            shutil.rmtree(profile, ignore_errors=True)


@contextmanager
def another_site(link):
    """A page on `localhost` that links to the walk's site."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            icon = '<link rel="icon" href="data:,">'
            self.wfile.write(f'{icon}<a href="{link}">a harmless link</a>'.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()


def contrast(a, b):
    """WCAG 2's contrast ratio of two sRGB colours."""

    def luminance(colour):
        parts = [c / 255 for c in colour[:3]]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def corner(png):
    """The first pixel of a picture: whatever its line's filter, the bytes as they stand."""
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    return list(zlib.decompress(data)[1:4])


class Walk:
    def __init__(self, driver, url, language="en"):
        self.driver = driver
        self.url = url
        self.language = language
        self.pages = 0
        self.advice = []

    def view(self, size, scheme):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        self.size, self.scheme = size, scheme

    def open(self, path=""):
        self.driver.get(self.url + path)

    def link(self, words):
        self.driver.find_element(By.LINK_TEXT, words).click()

    def field(self):
        return self.appears("form input[name=username]")

    def button(self):
        return self.appears("form button, form [type=submit]")

    def wait(self, condition, what):
        """Waits until it holds; a page that is just being left may answer anything."""
        waiting = WebDriverWait(self.driver, 60, ignored_exceptions=(WebDriverException,))
        try:
            return waiting.until(lambda driver: condition())
        except TimeoutException:
            at = f"{self.driver.current_url}: {self.words()!r}"
            raise AssertionError(f"{what} at {at}") from None

    def appears(self, selector):
        """Waits for the first element of that kind."""
        find = self.driver.find_elements
        return self.wait(lambda: find(By.CSS_SELECTOR, selector), f"no {selector}")[0]

    def words(self):
        return self.driver.execute_script("return document.body.innerText")

    def shows(self, words, absent=None):
        """Waits until the page is loaded and says so, and does not say what it must not."""
        # From a page that is still being loaded, a link replaces it in the history.
        loaded = "return document.readyState === 'complete'"
        is_shown = lambda: words in self.words() and self.driver.execute_script(loaded)
        self.wait(is_shown, f"no {words!r}")
        assert absent is None or absent not in self.words(), (absent, self.words())

    def complaints(self):
        """The console since the last look: refused styles and failed loads; no mere notices.
        Chromium's advice about forms goes into `advice`.
        """
        complaints = []
        for line in self.driver.get_log("browser"):
            if line["source"] == "recommendation":
                self.advice.append(line["message"])
            elif line["level"] in ("SEVERE", "WARNING"):
                complaints.append(line["message"])
        return complaints

    def check(self, name, status=None):
        """Everything that holds for each page; `status`: an error page's own is no complaint."""
        where = f"{name}, {self.size['width']} wide, {self.scheme}"
        said = [
            line
            for line in self.complaints()
            if status is None or not line.startswith(self.driver.current_url) or status not in line
        ]
        assert said == [], (where, said)
        look = self.driver.execute_script(LOOK)
        assert look["title"].strip(), (where, "no title")
        assert look["lang"] == self.language, (where, look["lang"])
        assert look["rules"] and look["rules"][0] > 3, (where, "no style", look["rules"])
        assert look["width"] == self.size["width"], (where, "no viewport", look["width"])
        assert not look["scrolls"], (where, "scrolls sideways")
        assert look["texts"], (where, "no text")
        for text in look["texts"]:
            assert text["size"] >= 16, (where, text)
            ratio = contrast(text["text"], text["back"])
            assert ratio >= 4.5, (where, f"contrast {ratio:.2f}", text)
        png = self.driver.get_screenshot_as_png()
        for colour in (look["page"], corner(png)):
            dark = max(colour[:3]) < 64 if self.scheme == "dark" else min(colour[:3]) > 192
            assert dark, (where, "background", colour)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        width = next(view for view, size in VIEWS.items() if size is self.size)
        (SCREENSHOTS / f"{name}-{width}-{self.scheme}.png").write_bytes(png)
        self.pages += 1
        return look

    def offline(self, is_offline):
        self.driver.execute_cdp_cmd("Network.enable", {})
        limits = {"offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", limits)

    def log_in(self, name):
        self.open("login")
        self.field().send_keys(name, Keys.ENTER)
        self.shows("Logged in as " + name)

    def the_three_screens(self):
        self.driver.delete_all_cookies()
        self.open()
        self.shows("You are not logged in", absent="Logged in as")
        self.check("1-index")

        self.link("click here to log in")
        self.field()
        focused = "return document.activeElement.matches('input[name=username]')"
        self.wait(lambda: self.driver.execute_script(focused), "the field has no focus")
        field = self.check("2-login")["field"]
        assert field["label"], "the field has no label"

        # Typed where the focus is, as a person would: the field is not clicked.
        self.driver.switch_to.active_element.send_keys("admin")
        self.button().click()
        self.shows("Logged in as admin", absent="You are not logged in")
        assert self.driver.current_url == self.url, self.driver.current_url
        self.check("3-logged-in")

        self.link("click here to log out")
        self.shows("You are not logged in", absent="Logged in as")
        assert self.driver.current_url == self.url, self.driver.current_url
        assert self.driver.get_cookies() == [], self.driver.get_cookies()
        self.check("4-logged-out")

    def a_refused_name(self):
        """Too long: the message is there, and what was typed, up to the limit."""
        self.driver.delete_all_cookies()
        self.open("login")
        typed = "W" * 300
        # A limit in the form would keep the server from being asked.
        self.driver.execute_script("arguments[0].removeAttribute('maxlength')", self.field())
        self.driver.execute_script("arguments[0].value = arguments[1]", self.field(), typed)
        before = self.words()
        self.button().click()
        self.wait(lambda: self.words() != before, "no message about the refused name")
        look = self.check("5-refused-name", status="400")
        assert look["field"]["label"], "the field has no label"
        kept = self.field().get_attribute("value")
        assert typed.startswith(kept) and len(kept) >= 256, f"of what was typed is left: {kept!r}"
        assert self.driver.get_cookies() == [], "a refused name sets no cookie"

    def a_long_name(self):
        """The longest name allowed still fits a phone."""
        self.driver.delete_all_cookies()
        self.log_in("W" * 256)
        self.check("6-long-name")

    def a_link_from_another_site(self):
        """Somebody else's link does not log out; the button it leads to does."""
        self.driver.delete_all_cookies()
        self.log_in("admin")
        with another_site(self.url + "logout") as elsewhere:
            self.driver.get(elsewhere)
            self.link("a harmless link")
            button = self.button()
            assert self.driver.current_url == self.url + "logout", self.driver.current_url
            self.check("7-log-out-button")
        assert [c["name"] for c in self.driver.get_cookies()] == ["session"], "logged out"
        button.click()
        self.shows("You are not logged in", absent="Logged in as")
        assert self.driver.get_cookies() == [], self.driver.get_cookies()

    def the_sites_icon(self):
        """A browser asks for /favicon.ico by itself: the policy does not block it."""
        self.open()
        width = self.driver.execute_async_script(
            """const icon = new Image();
            icon.onload = icon.onerror = () => arguments[0](icon.naturalWidth);
            icon.src = '/favicon.ico';"""
        )
        said = self.complaints()
        assert (width, said) == (1, []), (width, said)

    def back_after_logging_out(self):
        """After a logout "back" shows no page of the user's, neither one step nor two, nor
        while the server cannot be reached. No header clears the browser's cache for that.
        """
        for detour, offline in ((False, False), (True, False), (True, True)):
            self.driver.delete_all_cookies()
            self.log_in("admin")
            if detour:
                # Left for another page, a page may be frozen as it is; one left
                # for its own address never is.
                self.open("login")
                self.open("logout")
            else:
                self.link("click here to log out")
            self.shows("You are not logged in")
            steps = -2 if detour else -1
            self.offline(offline)
            self.driver.execute_script(f"window.left = true; history.go({steps})")
            left = "return !window.left && document.readyState === 'complete'"
            self.wait(lambda: self.driver.execute_script(left), "still")
            if offline:
                self.wait(lambda: "ERR_INTERNET_DISCONNECTED" in self.words(), "no error page")
            else:
                self.shows("You are not logged in", absent="Logged in as")
            assert self.driver.current_url == self.url, self.driver.current_url
            self.offline(False)
        self.complaints()


def the_walk(driver, url):
    walk = Walk(driver, url)
    for size in VIEWS.values():
        for scheme in ("light", "dark"):
            walk.view(size, scheme)
            walk.the_three_screens()
            walk.a_refused_name()
            walk.a_long_name()
            walk.a_link_from_another_site()
    walk.the_sites_icon()
    walk.back_after_logging_out()
    print(f"{walk.pages} pages looked at, pictures in {SCREENSHOTS}")


def the_picture(driver, url, path, password):
    """The three screens in a row, each as wide as a phone, at twice the pixels."""
    walk = Walk(driver, url)
    width, height, gap = 400, 500, 20
    walk.view({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}, "light")
    screens = []

    def screen(words):
        walk.shows(words)
        screens.append(base64.b64encode(driver.get_screenshot_as_png()).decode())

    walk.open("files/")
    walk.field().send_keys("admin")
    walk.appears("form input[name=password]").send_keys(password)
    screen("Log in")
    walk.button().click()
    screen("welcome.txt")
    walk.open()
    screen("Logged in as admin")
    images = "".join(f'<img src="data:image/png;base64,{png}">' for png in screens)
    page = f"""<!doctype html><style>
      body {{ margin: 0; padding: {gap}px; display: flex; gap: {gap}px; background: #d9dde3 }}
      img {{ width: {width}px; height: {height}px; border-radius: 10px; box-shadow: 0 2px 8px #0004 }}
    </style>{images}"""
    frame = {"width": 3 * width + 4 * gap, "height": height + 2 * gap}
    walk.view({**frame, "deviceScaleFactor": 2, "mobile": False}, "light")
    driver.get("data:text/html;base64," + base64.b64encode(page.encode()).decode())
    path.write_bytes(driver.get_screenshot_as_png())


def main():
    parser = argparse.ArgumentParser(description="A walk through the pages in Chromium")
    parser.add_argument("url")
    parser.add_argument("--picture", type=Path, metavar="FILE.png")
    parser.add_argument("--password")
    asked = parser.parse_args()
    url = asked.url.rstrip("/") + "/"
    with chromium() as driver:
        if asked.picture:
            the_picture(driver, url, asked.picture, asked.password)
        else:
            the_walk(driver, url)


if __name__ == "__main__":
    main()
