"""The session systems that are compared, and how the site of each is started."""

import hashlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from browser import Browser

HERE = Path(__file__).resolve().parent
LIFETIME = 3600


def said_by(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def at_once(visit, visitors):
    """What each of the visits returns; as many are made at a time as there are CPUs."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(visit, visitors))


class Peer:
    """A session system: how its site is started, and where it keeps sessions."""

    cookie_name = "session"
    made_up_id = None  # one of the right form; None: its cookies hold no id
    impossible = frozenset()  # rows that are out of reach of what it is
    ours = False
    replaces = frozenset()  # packages whose own tests run with it

    def __init__(self, work):
        self.work = work

    def fresh(self, lifetime=LIFETIME):
        """A place with nothing in it; the variables that say where it is."""
        self.place = Path(tempfile.mkdtemp(dir=self.work))
        self.lifetime = str(lifetime)
        self.store = self.place / "sessions"
        return self

    def variables(self):
        return {"STORE": str(self.store), "LIFETIME": self.lifetime}

    def files(self):
        """Sessions that lie in the store, whatever else does."""
        return {path for path in self.store.rglob("*") if path.is_file()}

    def many(self, count):
        """The cookies of so many visitors who stored something each."""
        return Browser(self).post("/many", count=count).split()

    def alive(self, cookies):
        """How many of these lead to what was stored."""
        return int(Browser(self).post("/alive", cookies=" ".join(cookies)))


class Signet(Peer):
    programs = Path(os.environ["PROGRAMS"])
    version = said_by(programs / "signet", "--version").strip()
    name = f"{version}, files"
    made_up_id = "A" * 43
    ours = True
    replaces = frozenset({"flask"})
    session_type = "filesystem"

    def command(self, path):
        # Logging in and out is the program itself; /set and /get are another
        # one, by the library, with the same sessions.
        program = "signet" if path in ("/login", "/logout") else "examples/site"
        return [self.programs / program]

    def variables(self):
        return {
            "SIGNET_STATE_DIR": str(self.place),
            "SIGNET_SESSION_TYPE": self.session_type,
            "SIGNET_PERMANENT_SESSION_LIFETIME": self.lifetime,
        }

    def many(self, count):
        def store(number):
            browser = Browser(self)
            browser.get(f"/set?number={number}")
            return browser.cookie

        return at_once(store, range(count))

    def alive(self, cookies):
        return sum(at_once(lambda cookie: "number" in Browser(self, cookie).values(), cookies))


class SignetCookie(Signet):
    name = f"{Signet.version}, cookie"
    made_up_id = None
    replaces = frozenset({"flask", "itsdangerous"})
    session_type = "cookie"
    # Nothing but the browser has the session, and it keeps the last one it got.
    impossible = frozenset({"lost_update", "logout_wins"})


class FlaskCookie(Peer):
    name = f"Flask {version('flask')}, cookie"

    def command(self, path):
        return [sys.executable, HERE / "app.py"]

    def variables(self):
        return {"LIFETIME": self.lifetime}


class FlaskSession(Peer):
    name = f"Flask-Session {version('flask-session')}, cachelib {version('cachelib')}"
    made_up_id = "A" * 43

    def command(self, path):
        return [sys.executable, HERE / "app.py"]

    def files(self):
        # cachelib counts in a file of its own, under the hash of its name.
        count = hashlib.sha256(b"__wz_cache_count").hexdigest()
        return {path for path in super().files() if path.name != count}


class Php(Peer):
    name = " ".join(said_by("php-cgi", "-n", "-v").split()[:2])
    cookie_name = "PHPSESSID"
    made_up_id = "a" * 26

    def fresh(self, lifetime=LIFETIME):
        super().fresh(lifetime)
        self.store.mkdir(mode=0o700)  # PHP makes none
        return self

    def command(self, path):
        return ["php-cgi"]

    def variables(self):
        site = str(HERE / "app.php")
        return {**super().variables(), "REDIRECT_STATUS": "200", "SCRIPT_FILENAME": site}


class CgiSession(Peer):
    name = "CGI::Session " + said_by(
        "perl", "-MCGI::Session", "-e", "print $CGI::Session::VERSION"
    )
    cookie_name = "CGISESSID"
    made_up_id = "a" * 32

    def command(self, path):
        return ["perl", HERE / "app.pl"]


PEERS = [Signet, SignetCookie, FlaskCookie, FlaskSession, Php, CgiSession]
