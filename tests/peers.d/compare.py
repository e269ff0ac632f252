"""Asks the same questions of all session systems, and prints the answers as a
Markdown table. `tests/peers` sets it up and runs it."""

import argparse
import functools
import os
import shutil
import stat
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import own_tests
from browser import Browser
from systems import PEERS

SHORT_LIFETIME = 1  # seconds
NOT_APPLICABLE = ("n/a", True)

# The rows of the table: the first line of each function is the row's name. It
# returns the text in a peer's column, and whether that is the right behaviour.


def verdict(good, right, wrong):
    return (right if good else wrong), good


def store_only(row):
    """A row about ids or files: not for sessions in signed cookies."""

    @functools.wraps(row)
    def asked(peer):
        return row(peer) if peer.invented_id else NOT_APPLICABLE

    return asked


def visitor(peer, lifetime=None):
    """A browser at an empty site, whose session holds a value."""
    browser = Browser(peer.fresh(lifetime))
    browser.get("/set?before=1")
    return browser


def lost_update(peer):
    """two requests at once set two keys"""
    browser = visitor(peer)
    browser.overlap("/set?one=1", "/set?two=2")
    both = browser.values() == {"before": "1", "one": "1", "two": "2"}
    return verdict(both, "both kept", "ONE LOST")


def erased_by_reading(peer):
    """a value that a page writes, while a slow page of the same visitor only reads"""
    browser = visitor(peer)
    browser.overlap("/get", "/set?written=1")
    kept = browser.values() == {"before": "1", "written": "1"}
    return verdict(kept, "kept", "ERASED")


def nobody_waits(peer):
    """a fast page responds, while a slow page of the same visitor runs"""
    at_once = visitor(peer).overlap("/set?one=1", "/get")
    return verdict(at_once, "at once", "WAITS")


def logout_wins(peer):
    """the visitor after a logout, if a slow page that writes began before it"""
    browser = Browser(peer.fresh())
    browser.post("/login", username="ada")
    copy = browser.cookie
    browser.overlap("/set?one=1", "/logout", {})
    logged_in = browser.user() == "ada"
    # A copy of a signed cookie is valid after a logout, slow request or not.
    if peer.invented_id:
        logged_in = logged_in or Browser(peer, copy).user() == "ada"
    return verdict(not logged_in, "logged out", "LOGGED IN AGAIN")


@store_only
def adopted_id(peer):
    """an id that an attacker made up, sent at login"""
    browser = Browser(peer.fresh(), peer.invented_id)
    browser.post("/login", username="ada")
    assert browser.user() == "ada", f"{peer.name}: not logged in"
    adopted = Browser(peer, peer.invented_id).user() == "ada"
    return verdict(not adopted, "replaced", "ADOPTED")


@store_only
def renewed_at_login(peer):
    """the id after login"""
    for form, word in (({}, "new"), ({"renew": "yes"}, "NEW ONLY IF ASKED")):
        browser = visitor(peer)
        old = browser.cookie
        browser.post("/login", username="ada", **form)
        values = browser.values()
        # A session may hold more than the site's values: signet marks its demo login.
        logged_in = values.get("before") == "1" and values.get("username") == "ada"
        assert logged_in, f"{peer.name}: login: {values}"
        if browser.cookie != old and not Browser(peer, old).values():
            return word, word == "new"
    return "THE SAME", False


@store_only
def evicted(peer):
    """sessions that exist after 1000 visitors have stored something"""
    cookies = peer.fresh().many(1000)
    assert len(set(cookies)) == 1000, f"{peer.name}: {len(set(cookies))} ids"
    alive = peer.alive(cookies)
    return str(alive), alive == 1000


@store_only
def left_behind(peer):
    """files of 50 expired sessions, after 200 more visitors, without a cron job"""
    peer.fresh(SHORT_LIFETIME).many(50)
    expired = peer.files()
    assert expired, f"{peer.name}: no files"
    wait_for_expiry()
    peer.many(200)
    # signet looks into a few of 4096 folders for each visitor: some are gone by now.
    left = len(expired & peer.files())
    return verdict(left < len(expired), "fewer", f"{left} LEFT")


def expired_cookie(peer):
    """a cookie that is sent after the session's lifetime"""
    browser = Browser(peer.fresh(SHORT_LIFETIME))
    browser.post("/login", username="ada")
    assert browser.cookie, f"{peer.name}: no cookie"
    wait_for_expiry()
    honoured = Browser(peer, browser.cookie).user() == "ada"
    return verdict(not honoured, "refused", "HONOURED")


def everywhere(peer):
    """another browser of the same user, after *Log out everywhere*"""
    home, office = Browser(peer.fresh()), Browser(peer)
    for browser in (home, office):
        browser.post("/login", username="ada")
        assert browser.user() == "ada", f"{peer.name}: not logged in"
    home.post("/logout", everywhere="yes")
    return verdict(office.user() is None, "logged out", "NOT POSSIBLE")


@store_only
def readable(peer):
    """the files: mode, and the id in their names"""
    browser = visitor(peer)
    files = peer.files()
    assert files, f"{peer.name}: no files"
    (mode,) = {stat.S_IMODE(path.stat().st_mode) for path in files}
    # A store may divide a name into folders.
    names = ["".join(path.relative_to(peer.store).parts) for path in files]
    shown = any(browser.cookie in name for name in names)
    text = f"{mode:04o}, {'ID SHOWN' if shown else 'id hidden'}"
    return text, mode == 0o600 and not shown


def flask_tests(peer):
    """Flask's own tests that use a session: passed"""
    if "flask" not in peer.replaces:
        return NOT_APPLICABLE
    return own_tests.run("flask", ["tests"], peer)


def itsdangerous_tests(peer):
    """itsdangerous' own tests of dated and URL-safe tokens: passed"""
    if "itsdangerous" not in peer.replaces:
        return NOT_APPLICABLE
    files = [f"tests/test_itsdangerous/test_{name}.py" for name in ("timed", "url_safe")]
    return own_tests.run("itsdangerous", files, peer)


def wait_for_expiry():
    """Only the clock ends a session's lifetime; dates have whole seconds."""
    time.sleep(SHORT_LIFETIME + 1.1)


ROWS = [
    lost_update,
    erased_by_reading,
    nobody_waits,
    logout_wins,
    adopted_id,
    renewed_at_login,
    evicted,
    left_behind,
    expired_cookie,
    everywhere,
    readable,
    flask_tests,
    itsdangerous_tests,
]


def main():
    parser = argparse.ArgumentParser(description="Compares session systems.")
    parser.add_argument("--markdown", action="store_true", help="print the table only")
    markdown = parser.parse_args().markdown
    work = tempfile.mkdtemp(prefix="peers.", dir=os.environ["STATE_ROOT"])
    started = time.monotonic()
    try:
        peers = [peer(work) for peer in PEERS]
        with ThreadPoolExecutor(len(peers)) as threads:
            columns = list(threads.map(lambda peer: [row(peer) for row in ROWS], peers))
    finally:
        shutil.rmtree(work)

    print("| |", " | ".join(peer.name for peer in peers), "|")
    print("|---" * (len(peers) + 1) + "|")
    for row, verdicts in zip(ROWS, zip(*columns)):
        print("|", row.__doc__, "|", " | ".join(text for text, _ in verdicts), "|")
    if not markdown:
        print(f"\n{len(ROWS)} rows in {time.monotonic() - started:.0f} s")

    failed = False
    for peer, verdicts in zip(peers, columns):
        for row, (text, good) in zip(ROWS, verdicts):
            if peer.is_signet and not good and row.__name__ not in peer.impossible:
                failed = True
                print(f"FAILED: {peer.name}: {row.__doc__}: {text}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
