"""A visitor of a peer's site. Each request is a process of its own, as a web
server would start it."""

import os
import select
import subprocess
import tempfile
import time
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

TIMEOUT = 300  # seconds; the longest request, for 1000 visitors, takes about ten


class Browser:
    """Sends the session's cookie, and keeps the one it gets."""

    def __init__(self, peer, cookie=None):
        self.peer = peer
        self.cookie = cookie

    def start(self, target, form=None, slow=False):
        return Request(self, target, form, slow)

    def get(self, target):
        return self.start(target).finish()

    def post(self, target, **form):
        return self.start(target, form).finish()

    def overlap(self, slow, target, form=None):
        """Starts the request `target` after the slow one has read the session,
        and finishes both; whether it did not have to wait for the slow one."""
        slow = self.start(slow, slow=True)
        fast = self.start(target, form)
        at_once = fast.ends_by_itself()
        for request in (fast, slow) if at_once else (slow, fast):
            request.finish()
        return at_once

    def values(self):
        """What the session holds."""
        return dict(line.split("=", 1) for line in self.get("/get").splitlines())

    def user(self):
        return self.values().get("username")


class Request:
    """A running CGI program. A slow one stops when it has read the session, says
    so by one FIFO, and goes on at a line in another."""

    def __init__(self, browser, target, form, slow):
        self.browser = browser
        self.slow = slow
        peer = browser.peer
        path, _, query = target.partition("?")
        body = urlencode(form or {}).encode()
        variables = {
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
            variables["CONTENT_LENGTH"] = str(len(body))
            variables["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        if browser.cookie:
            variables["HTTP_COOKIE"] = f"{peer.cookie_name}={browser.cookie}"
        if slow:
            hold = Path(tempfile.mkdtemp(dir=peer.place)) / "hold"
            variables["HTTP_X_HOLD"] = str(hold)
            self.has_read, self.go_on = (fifo(f"{hold}.{end}") for end in ("read", "go"))
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(peer.command(path), env=variables, umask=0o022, **pipes)
        self.process.stdin.write(body)
        self.process.stdin.close()
        self.process.stdin = None
        if slow and not select.select([self.has_read], [], [], TIMEOUT)[0]:
            raise self.killed("never read its session")

    def ends_by_itself(self):
        """Waits until it ends (True), or waits for a lock (False)."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                self.process.wait(timeout=0.01)
                return True
            except subprocess.TimeoutExpired:
                if self.waits_for_a_lock():
                    return False
        raise self.killed("neither ends nor waits for a lock")

    def waits_for_a_lock(self):
        # 1: -> FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF
        locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
        return any(lock[1] == "->" and lock[5] == str(self.process.pid) for lock in locks)

    def finish(self):
        """Lets a slow request go on. Returns the page; the browser has its cookie."""
        if self.slow:
            os.write(self.go_on, b"\n")
        try:
            output, errors = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            raise self.killed("does not end") from None
        if self.slow:
            os.close(self.has_read)
            os.close(self.go_on)
        head, _, body = output.decode().replace("\r\n", "\n").partition("\n\n")
        headers = [line.partition(":") for line in head.splitlines()]
        headers = [(name.lower(), value.strip()) for name, _, value in headers]
        status = dict(headers).get("status", "200")
        if self.process.returncode or status[0] not in "23":
            raise self.error("failed", output + errors)
        for name, value in headers:
            if name == "set-cookie":
                self.keep(SimpleCookie(value))
        return body

    def keep(self, cookies):
        cookie = cookies.get(self.browser.peer.cookie_name)
        if cookie is not None:
            deleted = cookie["max-age"] == "0" or not cookie.value or "1970" in cookie["expires"]
            self.browser.cookie = None if deleted else cookie.value

    def killed(self, what):
        self.process.kill()
        return self.error(what, b"".join(self.process.communicate()))

    def error(self, what, output):
        text = output.decode(errors="replace")
        return RuntimeError(f"{self.browser.peer.name}: a request {what}:\n{text}")


def fifo(path):
    """A new FIFO, open at both ends, so that no open() waits for the other end."""
    os.mkfifo(path)
    return os.open(path, os.O_RDWR)
