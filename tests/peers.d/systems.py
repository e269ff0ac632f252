"""The session systems that are compared, and how each one's site is started."""

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
LIFETIME = 3600  # seconds


def output_of(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


class Peer:
    """A session system: its site's program, and where its sessions are."""

    cookie_name = "session"
    invented_id = None  # one of the right form; None: its cookies hold no id
    impossible = frozenset()  # rows that no session of its kind can get right
    is_signet = False
    replaces = frozenset()  # packages whose own tests run with it

    def __init__(self, work):
        self.work = work

    def fresh(self, lifetime=None):
        """Continues with a site that has no sessions."""
        self.place = Path(tempfile.mkdtemp(dir=self.work))
        self.store = self.place / "sessions"
        self.lifetime = str(lifetime or LIFETIME)
        return self

    def variables(self):
        return {"STORE": str(self.store), "LIFETIME": self.lifetime}

    def files(self):
        """The files that hold sessions."""
        return {path for path in self.store.rglob("*") if path.is_file()}

    def many(self, count):
        """The cookies of `count` visitors, each of whom has stored something."""
        return Browser(self).post("/many", count=count).split()

    def alive(self, cookies):
        """How many of the cookies lead to what was stored."""
        return int(Browser(self).post("/alive", cookies=" ".join(cookies)))


class Signet(Peer):
    programs = Path(os.environ["PROGRAMS"])
    version = output_of(programs / "signet", "--version").strip()
    name = f"{version}, files"
    invented_id = "A" * 43
    is_signet = True
    replaces = frozenset({"flask"})
    session_type = "filesystem"

    def command(self, path):
        # The program itself logs in and out. /set and /get are of another program,
        # by the library, with the same sessions.
        program = "signet" if path in ("/login", "/logout") else "examples/peer_site"
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

        return on_all_cpus(store, range(count))

    def alive(self, cookies):
        return sum(on_all_cpus(lambda cookie: "number" in Browser(self, cookie).values(), cookies))


def on_all_cpus(function, values):
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(function, values))


class SignetCookie(Signet):
    name = f"{Signet.version}, cookie"
    invented_id = None
    replaces = frozenset({"flask", "itsdangerous"})
    session_type = "cookie"
    # Only the browser has the session, and it keeps the last one that it gets.
    impossible = frozenset({"lost_update", "logout_wins"})


class FlaskCookie(Peer):
    name = f"Flask {version('flask')}, cookie"

    def command(self, path):
        return [sys.executable, HERE / "app.py"]

    def variables(self):
        return {"LIFETIME": self.lifetime}


class FlaskSession(Peer):
    name = f"Flask-Session {version('flask-session')}, cachelib {version('cachelib')}"
    invented_id = "A" * 43

    def command(self, path):
        return [sys.executable, HERE / "app.py"]

    def files(self):
        # cachelib counts the sessions in a file that is named by this hash.
        count = hashlib.sha256(b"__wz_cache_count").hexdigest()
        return {path for path in super().files() if path.name != count}


class Php(Peer):
    name = " ".join(output_of("php-cgi", "-n", "-v").split()[:2])
    cookie_name = "PHPSESSID"
    invented_id = "a" * 26

    def fresh(self, lifetime=None):
        super().fresh(lifetime)
        self.store.mkdir(mode=0o700)  # PHP does not create it
        return self

    def command(self, path):
        return ["php-cgi"]

    def variables(self):
        site = str(HERE / "app.php")
        return {**super().variables(), "REDIRECT_STATUS": "200", "SCRIPT_FILENAME": site}


class CgiSession(Peer):
    name = "CGI::Session " + output_of(
        "perl", "-MCGI::Session", "-e", "print $CGI::Session::VERSION"
    )
    cookie_name = "CGISESSID"
    invented_id = "a" * 32

    def command(self, path):
        return ["perl", HERE / "app.pl"]


PEERS = [Signet, SignetCookie, FlaskCookie, FlaskSession, Php, CgiSession]
