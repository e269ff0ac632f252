"""Puts the same questions to session systems, on real programs, and prints what
they answered as a Markdown table. `tests/peers` sets it up and runs it.

Every request is a process of its own, as a web server would start it, so that
what overlaps does overlap. A slow request is held at the moment at which it has
its session; nothing here hopes that a pause is long enough.
"""

import argparse
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

SHORT_LIFETIME = 1
NOT_APPLICABLE = ("n/a", True)

# The rows. Each returns what the table says, and whether that is as it should be.


def lost_update(peer):
    """two requests at once set two keys"""
    browser = Browser(peer.fresh())
    browser.get("/set?before=1")
    slow = browser.start("/set?one=1", slow=True)
    fast = browser.start("/set?two=2")
    fast_first = fast.ends_by_itself()
    for request in (fast, slow) if fast_first else (slow, fast):
        request.finish()
    kept = browser.values() == {"before": "1", "one": "1", "two": "2"}
    return ("both kept" if kept else "ONE LOST"), kept


def erased_by_reading(peer):
    """a slow page reads, another writes meanwhile: the write"""
    browser = Browser(peer.fresh())
    browser.get("/set?before=1")
    slow = browser.start("/get", slow=True)
    write = browser.start("/set?written=1")
    write_first = write.ends_by_itself()
    for request in (write, slow) if write_first else (slow, write):
        request.finish()
    kept = browser.values() == {"before": "1", "written": "1"}
    return ("kept" if kept else "ERASED"), kept


def nobody_waits(peer):
    """a fast page, while a slow one of the same visitor runs"""
    browser = Browser(peer.fresh())
    browser.get("/set?before=1")
    slow = browser.start("/set?one=1", slow=True)
    fast = browser.start("/get")
    at_once = fast.ends_by_itself()
    for request in (fast, slow) if at_once else (slow, fast):
        request.finish()
    return ("at once" if at_once else "WAITS"), at_once


def logout_wins(peer):
    """logout while a slow page that writes runs; afterwards"""
    browser = Browser(peer.fresh())
    browser.post("/login", username="ada")
    copy = browser.cookie
    slow = browser.start("/set?one=1", slow=True)
    logout = browser.start("/logout", {})
    logout_first = logout.ends_by_itself()
    for request in (logout, slow) if logout_first else (slow, logout):
        request.finish()
    revived = browser.user() == "ada"
    # A signed cookie's copy needs no slow request to be believed after a logout.
    if peer.made_up_id:
        revived = revived or Browser(peer, copy).user() == "ada"
    return ("LOGGED IN AGAIN" if revived else "logged out"), not revived


def adopted_id(peer):
    """an id that an attacker made up, sent at login"""
    if not peer.made_up_id:
        return NOT_APPLICABLE
    browser = Browser(peer.fresh(), peer.made_up_id)
    browser.post("/login", username="ada")
    assert browser.user() == "ada", f"{peer.name}: not logged in"
    adopted = Browser(peer, peer.made_up_id).user() == "ada"
    return ("ADOPTED" if adopted else "replaced"), not adopted


def renewed_at_login(peer):
    """the id after login"""
    if not peer.made_up_id:
        return NOT_APPLICABLE
    for form, verdict in (({}, "new"), ({"renew": "yes"}, "NEW ONLY IF ASKED")):
        browser = Browser(peer.fresh())
        browser.get("/set?before=1")
        old = browser.cookie
        browser.post("/login", username="ada", **form)
        assert browser.values() == {"before": "1", "username": "ada"}, f"{peer.name}: login"
        if browser.cookie != old and not Browser(peer, old).values():
            return verdict, verdict == "new"
    return "THE SAME", False


def evicted(peer):
    """1000 visitors store something; sessions still there"""
    if not peer.made_up_id:
        return NOT_APPLICABLE
    cookies = peer.fresh().many(1000)
    assert len(set(cookies)) == 1000, f"{peer.name}: {len(set(cookies))} ids"
    alive = peer.alive(cookies)
    return str(alive), alive == 1000


def left_behind(peer):
    """50 expired sessions' files, after 200 more visitors and no cron job"""
    if not peer.made_up_id:
        return NOT_APPLICABLE
    peer.fresh(SHORT_LIFETIME).many(50)
    before = peer.files()
    assert before, f"{peer.name}: no files"
    expire()
    peer.many(200)
    left = len(before & peer.files())
    return (f"{left} LEFT" if left else "gone"), not left


def expired(peer):
    """a cookie that is sent after the session's lifetime"""
    browser = Browser(peer.fresh(SHORT_LIFETIME))
    browser.post("/login", username="ada")
    assert browser.cookie, f"{peer.name}: no cookie"
    expire()
    honoured = Browser(peer, browser.cookie).user() == "ada"
    return ("HONOURED" if honoured else "refused"), not honoured


def everywhere(peer):
    """"log out everywhere", for the browser at the office"""
    home, office = Browser(peer.fresh()), Browser(peer)
    for browser in (home, office):
        browser.post("/login", username="ada")
        assert browser.user() == "ada", f"{peer.name}: not logged in"
    home.post("/logout", everywhere="yes")
    if office.user() is None:
        return "logged out", True
    return "NONE", False


def readable(peer):
    """the files: mode, and the id in their names"""
    if not peer.made_up_id:
        return NOT_APPLICABLE
    browser = Browser(peer.fresh())
    browser.get("/set?before=1")
    files = peer.files()
    assert files, f"{peer.name}: no files"
    (mode,) = {stat.S_IMODE(path.stat().st_mode) for path in files}
    # However the store divides a name into folders.
    names = ["".join(path.relative_to(peer.store).parts) for path in files]
    shown = any(browser.cookie in name for name in names)
    verdict = f"{mode:04o}, {'ID SHOWN' if shown else 'id hidden'}"
    return verdict, mode == 0o600 and not shown


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


def expire():
    """What was stored until now is over: the clock is all there is to wait for."""
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
    expired,
    everywhere,
    readable,
    flask_tests,
    itsdangerous_tests,
]


def column(peer):
    return [row(peer) for row in ROWS]


def main():
    parser = argparse.ArgumentParser(description="Compares session systems.")
    parser.add_argument("--markdown", action="store_true", help="print the table only")
    markdown = parser.parse_args().markdown
    work = tempfile.mkdtemp(prefix="peers.", dir=os.environ["STATE_ROOT"])
    begun = time.monotonic()
    try:
        peers = [peer(work) for peer in PEERS]
        with ThreadPoolExecutor(len(peers)) as threads:
            columns = list(threads.map(column, peers))
    finally:
        shutil.rmtree(work)

    print("| |", " | ".join(peer.name for peer in peers), "|")
    print("|---" * (len(peers) + 1) + "|")
    for row, verdicts in zip(ROWS, zip(*columns)):
        print("|", row.__doc__, "|", " | ".join(word for word, _ in verdicts), "|")

    failed = [
        f"{peer.name}: {row.__doc__}: {word}"
        for peer, verdicts in zip(peers, columns)
        for row, (word, good) in zip(ROWS, verdicts)
        if peer.ours and not good and row.__name__ not in peer.impossible
    ]
    if not markdown:
        print(f"\n{len(ROWS)} rows in {time.monotonic() - begun:.0f} s")
    for failure in failed:
        print("FAILED:", failure, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
