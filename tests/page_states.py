"""Checks pages in Chromium, in each view and colour scheme.

    page_states.py FOLDER [--all]  each .html file in its folder en, de and so on;
                                   screenshots go to target/screenshots

For each page: the checks of browser_walk.py, no advice by Chromium about forms, all rules of
axe-core for WCAG 2.2 AA and its best practices, and no scrolling sideways on a screen of 320
pixels (WCAG 1.4.10). In the dark scheme only the colours differ, so axe-core checks only
these. In other languages only the texts differ: without --all, these pages are checked on
that screen, by all rules but that about colours.
"""

import argparse
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from browser_walk import PHONE, VIEWS, Walk, chromium

AXE = Path(__file__).resolve().parent.parent / "target/node/node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
COLOURS = "color-contrast"
ALL_RULES = {"runOnly": TAGS}
RULES_FOR_COLOURS = {"runOnly": {"type": "rule", "values": [COLOURS]}}
RULES_FOR_TEXTS = {**ALL_RULES, "rules": {COLOURS: {"enabled": False}}}
NARROW = {**PHONE, "width": 320}

# `incomplete`: what axe-core cannot decide is a fault as well.
RUN_AXE = """
const [rules, done] = arguments;
axe.run({...rules, resultTypes: ['violations', 'incomplete']}).then(
  ({violations, incomplete}) => done([...violations, ...incomplete].map(
    ({id, help, nodes}) => [id, help, nodes.map(node => [node.html, node.failureSummary])])),
  error => done([String(error)]));
"""


@contextmanager
def served(folder):
    """The folder's URL: Chromium gives no advice about pages in files."""

    class Pages(SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/favicon.ico":
                self.send_response(204)
                return self.end_headers()
            return super().do_GET()

        def log_message(self, *_):
            pass

    serve = partial(Pages, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def axe(driver, rules):
    return driver.execute_async_script(RUN_AXE, rules)


def scrolls_sideways(walk):
    walk.view(NARROW, "light")
    root = "document.scrollingElement"
    return walk.driver.execute_script(f"return {root}.scrollWidth > {root}.clientWidth")


def check(walk, name):
    for size in VIEWS.values():
        for scheme in ("light", "dark"):
            walk.view(size, scheme)
            walk.check(name)
            if size is PHONE:
                found = axe(walk.driver, ALL_RULES if scheme == "light" else RULES_FOR_COLOURS)
                assert found == [], (name, scheme, found)
    assert not scrolls_sideways(walk), (name, "scrolls sideways")
    if walk.advice:
        # On a busy machine, Chromium may have looked at the forms before their layout.
        walk.advice = []
        walk.driver.refresh()
        time.sleep(2)
        walk.complaints()
    assert walk.advice == [], (name, walk.advice)


def check_texts(walk, name):
    assert not scrolls_sideways(walk), (name, "scrolls sideways")
    language = walk.driver.execute_script("return document.documentElement.lang")
    assert language == walk.language, (name, language)
    found = axe(walk.driver, RULES_FOR_TEXTS)
    assert found == [], (name, found)


def main():
    parser = argparse.ArgumentParser(description="Checks of pages in Chromium")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="all languages in all views")
    options = parser.parse_args()
    pages, faults = sorted(options.folder.glob("*/*.html")), []
    with served(options.folder) as url, chromium() as driver:
        axe_core = {"source": AXE.read_text()}
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", axe_core)
        for page in pages:
            walk = Walk(driver, url, language=page.parent.name)
            is_english = walk.language == "en"
            name = page.stem if is_english else f"{walk.language}-{page.stem}"
            walk.open(f"{walk.language}/{page.name}")
            try:
                if is_english or options.all:
                    check(walk, name)
                else:
                    check_texts(walk, name)
            except AssertionError as fault:
                faults.append(str(fault))
    assert pages and not faults, "\n".join(faults)
    print(f"{len(pages)} pages checked")


if __name__ == "__main__":
    main()
