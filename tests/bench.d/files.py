"""Protected files: the throughput of a large one, by signet and by others, and the checks of
logins by signet that nginx makes in a second."""

import base64
import http.client
import os
import socket
import statistics
import time
from contextlib import ExitStack

from behind_nginx import Page, location, measure
from logins import PASSWORD, form, with_users
from peers import PHP, script
from sites import Cgi, FastCgi, PhpCgi, PhpFastCgi, Site
from table import Table, times
from work import lighttpd, nginx, say, server

SIZE = 256 << 20
ROUNDS = 9
PIECE = 1 << 20
NAME = "film.webm"
GOAL_CGI, GOAL_FASTCGI = 0.90, 0.70  # of cat

# Of the same password, by `htpasswd -nbB` (bcrypt of cost 5) and `htpasswd -nb`.
BCRYPT = "ada:$2y$05$ipMDUpDNN4WX.DxEqq6zLe6XDScqQRdAatFk2JPMIYsB5w2gz2fP6\n"
APR1 = "ada:$apr1$LNq9w8vI$VDSKfW01nJ27eZkHxXNON1\n"


def log_in(port, address):
    """The cookie of a user."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    fields = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"{address}/login", form("ada", PASSWORD), fields)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 303, answer.status
    cookies = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie")]
    return next(cookie for cookie in cookies if cookie.startswith("session="))


class Static(Site):
    """The web server sends the file itself."""

    @property
    def address(self):
        return f"/{self.name}/{NAME}"

    def gateway(self):
        return f'alias.url = ("/{self.name}/" => "{self.program.parent}/")'


class Download:
    """A row: a site, and the part of cat's rate that is its goal. With a goal, the file is
    protected by signet."""

    def __init__(self, site, goal=None):
        self.site = site
        self.goal = goal
        self.path = site.address + (f"/files/{NAME}" if goal else "")
        self.cookie = None
        self.seconds, self.first = [], []

    def prepare(self, port):
        if self.goal:
            status, _ = self.fetch(port)
            assert status == 303, (self.site.label, status)
            self.cookie = log_in(port, self.site.address)

    def fetch(self, port):
        """The status, and the seconds up to the first byte and up to the last one."""
        head = [f"GET {self.path} HTTP/1.0", "Host: 127.0.0.1"]
        if self.cookie:
            head.append(f"Cookie: {self.cookie}")
        buffer = bytearray(PIECE)
        with socket.create_connection(("127.0.0.1", port)) as client:
            started = time.perf_counter()
            client.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
            length = client.recv_into(buffer)
            first = time.perf_counter() - started
            start = bytes(buffer[:length])
            while read := client.recv_into(buffer):
                length += read
            last = time.perf_counter() - started
        status = int(start.split(maxsplit=2)[1])
        if status == 200:
            body = length - start.index(b"\r\n\r\n") - 4
            assert body == SIZE, (self.site.label, body)
        return status, (first, last)

    def measure(self, port):
        status, (first, last) = self.fetch(port)
        assert status == 200, (self.site.label, status)
        self.first.append(first)
        self.seconds.append(last)


def downloads(work):
    """Table 1."""
    folder = work / "files"
    folder.mkdir()
    path = folder / NAME
    piece = os.urandom(PIECE)
    with path.open("wb") as file:
        for _ in range(SIZE // PIECE):
            file.write(piece)
    environment = {"FILE": str(path), "SIZE": str(SIZE)}
    guarded = with_users(work, "guarded", GUARD_DIR=folder)
    program = work / "bin/static"
    php = script(work, "readfile.php")
    rows = [
        Download(Cgi("cat, CGI", script(work, "cat.sh"), environment=environment)),
        Download(Cgi("signet, CGI", program, environment=guarded), GOAL_CGI),
        Download(PhpCgi(f"{PHP} readfile, CGI", php, environment=environment)),
        Download(FastCgi("signet, FastCGI", program, environment=guarded), GOAL_FASTCGI),
        Download(PhpFastCgi(f"{PHP} readfile, FastCGI", php, environment=environment)),
        Download(Static("lighttpd itself, no login", path)),
    ]
    say("a large file behind lighttpd")
    # As in deploy: lighttpd sends what it has read, and not all of a file at its end.
    more = ["server.stream-response-body = 1"]
    with lighttpd(work, [row.site for row in rows], more) as (_, port):
        for row in rows:
            row.prepare(port)
            row.fetch(port)
        for _ in range(ROUNDS):
            for row in rows:
                row.measure(port)
    cat = statistics.median(rows[0].seconds)
    columns = ["", "MB/s", "bytes/s", "ms to the first byte", "goal"]
    table = Table(f"A file of {SIZE >> 20} MiB", columns, ["MB/s"])
    for row in rows:
        seconds = statistics.median(row.seconds)
        goal = f">= {row.goal:.2f}" if row.goal else ""
        first = statistics.median(row.first) * 1000
        table.row(row.site.label, f"{SIZE / seconds / 1e6:.0f}", times(cat, seconds), f"{first:.1f}", goal)
    table.note(f"cat: {SIZE / cat / 1e6:.0f} MB/s, after a line of shell that writes the header fields.")
    return table


def auth(work):
    """Table 2."""
    (work / "pages").mkdir()
    basic = "Authorization", "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    rows = [Page("no login")]
    for label, text in (("apr1, htpasswd's default", APR1), ("bcrypt of cost 5, htpasswd -B", BCRYPT)):
        path = work / f"passwords.{len(rows)}"
        path.write_text(text)
        lines = f'auth_basic "a"; auth_basic_user_file {path};'
        rows.append(Page(f"auth_basic, {label}", lines, basic))
    asked, lines = [], []
    with ExitStack() as stack:
        for label, more in (("signed cookie", {}), ("files", {"SESSION_TYPE": "filesystem"})):
            number = len(asked)
            path = work / f"asked.{number}"
            settings = with_users(work, f"asked.{number}", **more)
            command = [work / "bin/static", "fastcgi", "--listen", f"unix:{path}", "--workers", "2"]
            stack.enter_context(server(command, path, work / f"asked.{number}.log", env=settings))
            asked.append(Page(f"auth_request, signet, {label}", f"auth_request /asked{number}/auth;"))
            lines.append(location(number, path))
        rows += asked
        paths = [f"/page{number}/" for number in range(len(rows))]
        for path, row in zip(paths, rows):
            (work / "pages" / path[1:]).mkdir()
            (work / "pages" / path[1:] / "page.txt").write_text("a page\n")
            lines.append(f"location {path} {{ {row.lines} }}")
        say("auth_request and auth_basic of nginx")
        port = stack.enter_context(nginx(work, work / "pages", "\n".join(lines)))
        for number, row in enumerate(asked):
            row.field = "Cookie", log_in(port, f"/asked{number}")
        measure(work, port, [(path + "page.txt", row) for path, row in zip(paths, rows)])
    medians = [statistics.median(row.rates) for row in rows]
    table = Table("A page behind nginx", ["", "req/s", "requests/s"], ["req/s"])
    for row, rate in zip(rows, medians):
        table.row(row.label, f"{rate:.0f}", times(rate, medians[0], 2 if rate > medians[0] / 20 else 3))
    table.note(
        f"No login: {medians[0]:.0f} requests/s. One process of nginx, two of signet; "
        "auth_basic computes the hash of the password for each request."
    )
    return table
