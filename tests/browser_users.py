"""A user's walk through a site with passwords, in real Chromium.

    browser_users.py URL --old PASSWORD --new PASSWORD

URL is where the index page is served. The site has the user `ada` with the old password,
and nobody has tried to log in there.
"""

import argparse
import re
import shutil
import tempfile
import time

from browser_walk import PHONE, Walk, chromium
from selenium.webdriver.common.by import By

NAME = "ada"
FREE = 5  # failures of a name from an address
# What password managers look for: https://html.spec.whatwg.org/#autofill
LOGIN_FIELDS = {"username": "username", "password": "current-password"}
CHANGE_FIELDS = LOGIN_FIELDS | {"new_password": "new-password", "new_password_again": "new-password"}


class User(Walk):
    def __init__(self, driver, url):
        super().__init__(driver, url)
        self.view(PHONE, "light")

    def complaints(self):
        return [line for line in super().complaints() if "/favicon.ico" not in line]

    def input(self, name):
        return self.appears(f"form input[name={name}]")

    def value(self, name):
        return self.input(name).get_property("value")

    def type(self, **values):
        for name, text in values.items():
            field = self.input(name)
            field.clear()
            field.send_keys(text)

    def submit(self):
        """Sends the form, and waits for another page."""
        button = self.button()
        self.driver.execute_script("window.left = true")
        button.click()
        arrived = "return !window.left && document.readyState === 'complete'"
        self.wait(lambda: self.driver.execute_script(arrived), "still")

    def log_in(self, password, remember=False):
        self.open("login")
        self.type(username=NAME, password=password)
        if self.input("remember").is_selected() != remember:
            self.driver.find_element(By.CSS_SELECTOR, "label[for=remember]").click()
        self.submit()

    def error(self):
        return self.appears(".error[role=alert]").text

    def is_logged_in(self):
        self.open()
        self.shows("Welcome")
        return f"Logged in as {NAME}" in self.words()

    def check_fields(self, wanted):
        """Password managers find these fields."""
        found = self.driver.execute_script(
            """return Array.from(document.querySelectorAll('form input[autocomplete]'))
            .map(field => [field.name, field.autocomplete])"""
        )
        assert dict(found) == wanted and len(found) == len(wanted), found


def wrong_until_limited_and_then_in(user):
    """The way to the page for a new password: login, wrong passwords, a wait, login."""
    user.open(".well-known/change-password")
    user.check_fields(LOGIN_FIELDS)
    for failures in range(20):
        user.type(username=NAME, password=f"wrong {failures}")
        user.submit()
        kept = (user.value("username"), user.value("password"))
        assert kept == (NAME, ""), kept
        focused = user.driver.switch_to.active_element.get_attribute("name")
        assert focused == "password", focused
        error = user.error()
        if "Too many attempts" in error:
            break
        assert "The name or the password is wrong" in error, error
        user.check("8-wrong-password", status="403")
    assert failures >= FREE, f"limited after {failures} failures"
    user.check("9-limited", status="429")
    when = re.search(r"Please try again in (a|\d+) seconds?\.$", error)
    assert when, error
    time.sleep(1 if when[1] == "a" else int(when[1]))
    # Only the password is typed again.
    user.type(password=user.old)
    user.submit()
    assert user.driver.current_url == user.url + "password", user.driver.current_url
    assert user.is_logged_in()


def change_password(user, other):
    """The other browser, which was to stay logged in, is logged out; this one is not."""
    user.link("Change password")
    user.check_fields(CHANGE_FIELDS)
    assert user.value("username") == NAME
    user.check("10-password")
    for old, new, again, error, status in (
        ("wrong", user.new, user.new, "The old password is wrong", "403"),
        (user.old, "password1", "password1", "most common", "400"),
        (user.old, user.new, user.new + "x", "differ", "400"),
    ):
        user.type(password=old, new_password=new, new_password_again=again)
        user.submit()
        assert error in user.error(), user.error()
        assert user.value("password") == user.value("new_password") == ""
        user.check("11-refused-password", status=status)
    user.type(password=user.old, new_password=user.new, new_password_again=user.new)
    user.submit()
    user.shows("Your password is changed", absent="You are not logged in")
    user.check("12-password-changed")
    assert user.is_logged_in() and not other.is_logged_in()
    other.log_in(user.old)
    assert "The name or the password is wrong" in other.error(), other.error()
    other.log_in(user.new)
    assert other.is_logged_in() and user.is_logged_in()
    user.link("click here to log out")
    user.shows("You are not logged in", absent="Logged in as")
    assert other.is_logged_in(), "one logout is not that of all browsers"


def the_walk(asked, url):
    profile = tempfile.mkdtemp(prefix="walk-")

    def started(driver):
        user = User(driver, url)
        user.old, user.new = asked.old, asked.new
        return user

    try:
        with chromium(profile) as driver:
            wrong_until_limited_and_then_in(started(driver))
        with chromium(profile) as driver:
            user = started(driver)
            assert not user.is_logged_in(), "logged in after a restart without being asked to"
            user.log_in(asked.old, remember=True)
            assert user.is_logged_in()
        with chromium(profile) as driver, chromium() as another:
            user, other = started(driver), started(another)
            assert user.is_logged_in(), "logged out by a restart"
            other.log_in(asked.old, remember=True)
            assert other.is_logged_in()
            change_password(user, other)
    finally:
        shutil.rmtree(profile, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="A user's walk in Chromium")
    parser.add_argument("url")
    parser.add_argument("--old", required=True)
    parser.add_argument("--new", required=True)
    asked = parser.parse_args()
    the_walk(asked, asked.url.rstrip("/") + "/")
    print("logged in, limited, remembered, password changed")


if __name__ == "__main__":
    main()
