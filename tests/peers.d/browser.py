"""A visitor of a peer's site, and the requests that it makes: each a process."""

import os
import select
import subprocess
import tempfile
import time
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

PATIENCE = 30  # seconds, for what takes a fraction of one


class Browser:
    """A visitor: sends the cookie it has, keeps the one it gets."""

    def __init__(self, peer, cookie=None):
        self.peer = peer
        self.cookie = cookie

    def start(self, target, form=None, slow=False):
        return Request(self, target, form, slow)

    def get(self, target):
        return self.start(target).finish()

    def post(self, target, **form):
        return self.start(target, form).finish()

    def values(self):
        """What the session holds."""
        return dict(line.split("=", 1) for line in self.get("/get").splitlines())

    def user(self):
        return self.values().get("username")


class Request:
    """A request, which is a process; a slow one runs until it has its session."""

    def __init__(self, browser, target, form, slow):
        self.browser = browser
        path, _, query = target.partition("?")
        body = urlencode(form or {})
        peer = browser.peer
        env = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "HTTP_HOST": "127.0.0.1",
            "PATH": os.environ["PATH"],
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": "GET" if form is None else "POST",
            "REQUEST_URI": f"/site{target}",
            "SCRIPT_NAME": "/site",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            **peer.variables(),
        }
        if form is not None:
            env["CONTENT_LENGTH"] = str(len(body))
            env["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        if browser.cookie:
            env["HTTP_COOKIE"] = f"{peer.cookie_name}={browser.cookie}"
        if slow:
            hold = Path(tempfile.mkdtemp(dir=peer.place)) / "hold"
            env["HTTP_X_HOLD"] = str(hold)
            # Open at both ends, so that nobody waits for anybody to open it.
            self.announced, self.told = (self.fifo(f"{hold}.{end}") for end in ("read", "go"))
        self.slow = slow
        self.process = subprocess.Popen(
            peer.command(path),
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            umask=0o022,
        )
        self.process.stdin.write(body.encode())
        self.process.stdin.close()
        self.process.stdin = None
        if slow and not select.select([self.announced], [], [], PATIENCE)[0]:
            self.process.kill()
            raise self.wrong("never had its session", *self.process.communicate())

    @staticmethod
    def fifo(path):
        os.mkfifo(path)
        return os.open(path, os.O_RDWR)

    def ends_by_itself(self):
        """Whether it ends, rather than wait for a lock that somebody holds."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self.process.wait(timeout=0.01)
                return True
            except subprocess.TimeoutExpired:
                if self.waits_for_a_lock():
                    return False
        self.process.kill()
        raise self.wrong("neither ends nor waits for a lock", *self.process.communicate())

    def waits_for_a_lock(self):
        # 1: -> FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF
        locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
        return any(lock[1] == "->" and lock[5] == str(self.process.pid) for lock in locks)

    def finish(self):
        """Lets a slow one go on; the page, and the cookie is the browser's."""
        if self.slow:
            os.write(self.told, b"\n")
        try:
            output, errors = self.process.communicate(timeout=PATIENCE * 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise self.wrong("does not end", *self.process.communicate()) from None
        if self.slow:
            os.close(self.announced)
            os.close(self.told)
        head, _, body = output.decode().replace("\r\n", "\n").partition("\n\n")
        headers = [line.partition(":") for line in head.splitlines()]
        status = [value.strip() for name, _, value in headers if name.lower() == "status"]
        if self.process.returncode or (status and status[0][0] not in "23"):
            raise self.wrong("failed", output, errors)
        for name, _, value in headers:
            if name.lower() == "set-cookie":
                self.keep(SimpleCookie(value.strip()))
        return body

    def keep(self, cookies):
        cookie = cookies.get(self.browser.peer.cookie_name)
        if cookie is not None:
            over = cookie["max-age"] == "0" or not cookie.value or "1970" in cookie["expires"]
            self.browser.cookie = None if over else cookie.value

    def wrong(self, what, output, errors):
        said = (output + errors).decode(errors="replace")
        return RuntimeError(f"{self.browser.peer.name}: a request {what}:\n{said}")
