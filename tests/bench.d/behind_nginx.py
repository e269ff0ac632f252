"""Pages behind nginx, which asks signet or sends them itself."""

import http.client
import statistics
import sys
from contextlib import ExitStack

from figures import load
from signet import state
from sites import CONNECTIONS
from table import Table, times
from work import HERE, nginx, say, server

ROUNDS = 7
WORKER_ROUNDS = 25  # because the goal is near
SHIPPED = HERE.parents[1] / "deploy/nginx-fastcgi.conf"
WORKERS = 2, 16, 64
CLIENTS = 16
GOAL_WORKERS = 0.90  # of the rate of the fewest


class Page:
    """A row: a page behind nginx, the lines that protect it, and the field of the visitor who
    may see it."""

    def __init__(self, label, lines="", field=None):
        self.label = label
        self.lines = lines
        self.field = field
        self.seconds = 1  # of wrk in each round
        self.rates = []
        self.connections = CONNECTIONS

    def status(self, port, path, field):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path, headers=dict([field] if field else []))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def check(self, port, path):
        """The page is shown only with the field."""
        assert self.status(port, path, self.field) == 200, self.label
        if self.field:
            name, text = self.field
            for field in (None, (name, text[:-4] + "AAAA")):
                assert self.status(port, path, field) == 401, (self.label, field)

    def fail(self, what, text):
        sys.exit(f"tests/bench: {self.label}: {what}:\n{text}")

    def script(self, path):
        """The request, in Lua for wrk."""
        lines = [f'wrk.path = "{path}"']
        if self.field:
            lines.append('wrk.headers["%s"] = "%s"' % self.field)
        return "\n".join(lines)


def location(number, path):
    """signet below /asked…, and what nginx asks there."""
    base = f"/asked{number}"
    shared = f"fastcgi_pass unix:{path}; include {SHIPPED};"
    return (
        f"location {base}/ {{ fastcgi_split_path_info (?s)^({base})(/.*)$; {shared} }}\n"
        f"location = {base}/auth {{ internal; fastcgi_pass_request_body off; {shared}\n"
        f"  fastcgi_param SCRIPT_NAME {base}; fastcgi_param PATH_INFO /auth;\n"
        f'  fastcgi_param REQUEST_URI {base}/auth; fastcgi_param QUERY_STRING ""; }}'
    )


def measure(work, port, rows, rounds=ROUNDS):
    for path, row in rows:
        row.check(port, path)
    for _ in range(rounds):
        for path, row in rows:
            (work / "page.lua").write_text(row.script(path))
            row.rates.append(load(work / "page.lua", port, row))
    for path, row in rows:
        row.check(port, path)


def workers(work):
    """Few and many processes of one daemon; nginx makes a connection for each request."""
    (work / "nothing").mkdir()
    rows, lines = [], []
    with ExitStack() as stack:
        for count in WORKERS:
            path = work / f"workers.{count}"
            command = [work / "bin/static", "fastcgi", "--listen", f"unix:{path}"]
            command += ["--workers", str(count)]
            log = work / f"workers.{count}.log"
            stack.enter_context(server(command, path, log, env=state(work, path.name)))
            row = Page(f"{count} processes")
            row.connections = CLIENTS
            rows.append((f"/asked{count}/", row))
            lines.append(location(count, path))
        say("FastCGI behind nginx, few and many processes")
        port = stack.enter_context(nginx(work, work / "nothing", "\n".join(lines)))
        measure(work, port, rows, WORKER_ROUNDS)
    medians = [statistics.median(row.rates) for _, row in rows]
    table = Table(f"FastCGI behind nginx, {CLIENTS} clients", ["", "req/s", "requests/s", "goal"], ["req/s"])
    for (_, row), rate in zip(rows, medians):
        goal = f">= {GOAL_WORKERS:.2f}" if rate is not medians[0] else ""
        table.row(row.label, f"{rate:.0f}", times(rate, medians[0]), goal)
    table.note(f"{rows[0][1].label}: {medians[0]:.0f} requests/s of visitors without a session.")
    return table
