"""Chromium's own password manager on a site with passwords.

    password_manager.py URL --password PASSWORD

URL is where the index page is served. The site has the user `ada` with that password, and
nobody has tried to log in there.
"""

import argparse
import hashlib
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from browser_users import NAME, User
from browser_walk import chromium

# Chromium counts here when it takes a form for a login that succeeded, so that it offers to
# save the password.
SUCCESSES = "PasswordManager.SuccessfulSubmissionIndicatorEvent"
FILLED = "return arguments[0].matches(':autofill')"


def successes(driver):
    found = driver.execute_cdp_cmd("Browser.getHistograms", {"query": SUCCESSES})["histograms"]
    return sum(histogram["count"] for histogram in found)


def only_the_right_password_is_offered_to_be_saved(user, password):
    for wrong in ("wrong 1", "wrong 2"):
        user.log_in(wrong)
        assert "is wrong" in user.error(), user.error()
    user.log_in(password)
    assert user.is_logged_in()
    user.wait(lambda: successes(user.driver) > 0, "a right password is not offered to be saved")
    assert successes(user.driver) == 1, "a wrong password is offered to be saved"


def save(profile, url, password):
    """Puts a password into the profile, as the button of the offer does, which a browser
    without a window does not have. With `--password-store=basic` the key is a constant."""
    key = hashlib.pbkdf2_hmac("sha1", b"peanuts", b"saltysalt", 1, 16)
    encrypt = ["openssl", "enc", "-aes-128-cbc", "-K", key.hex(), "-iv", (b" " * 16).hex()]
    encrypted = subprocess.run(encrypt, input=password.encode(), stdout=subprocess.PIPE, check=True)
    values = {
        "origin_url": url + "login", "action_url": url + "login", "signon_realm": url,
        "username_element": "username", "username_value": NAME,
        "password_element": "password", "password_value": b"v10" + encrypted.stdout,
        "times_used": 1, "date_created": 13_400_000_000_000_000,
    }
    database = sqlite3.connect(Path(profile) / "Default/Login Data")
    for _, column, kind, needed, *_ in database.execute("PRAGMA table_info(logins)"):
        if needed and column not in values:
            values[column] = "" if kind == "VARCHAR" else 0
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO logins ({names}) VALUES ({marks})", list(values.values()))
    database.commit()
    database.close()


def the_saved_password_is_filled_in(user, password):
    driver = user.driver
    driver.delete_all_cookies()
    user.open("login")
    for name in ("username", "password"):
        field = user.input(name)
        user.wait(lambda: driver.execute_script(FILLED, field), f"{name} is not filled in")
    user.submit()
    user.shows(f"Logged in as {NAME}")
    # For a new password, the old one is filled in and nothing else.
    user.open("password")
    old = user.input("password")
    user.wait(lambda: driver.execute_script(FILLED, old), "the old password is not filled in")
    old.click()
    user.wait(lambda: user.value("password") == password, "another password is filled in")
    assert user.value("new_password") == user.value("new_password_again") == ""


def main():
    parser = argparse.ArgumentParser(description="Chromium's password manager")
    parser.add_argument("url")
    parser.add_argument("--password", required=True)
    asked = parser.parse_args()
    url = asked.url.rstrip("/") + "/"
    profile = tempfile.mkdtemp(prefix="walk-")
    try:
        with chromium(profile, has_passwords=True) as driver:
            only_the_right_password_is_offered_to_be_saved(User(driver, url), asked.password)
        save(profile, url, asked.password)
        with chromium(profile, has_passwords=True) as driver:
            the_saved_password_is_filled_in(User(driver, url), asked.password)
    finally:
        shutil.rmtree(profile, ignore_errors=True)
    print("offered to be saved, and filled in")


if __name__ == "__main__":
    main()
