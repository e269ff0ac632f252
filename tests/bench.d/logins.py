"""Logins with passwords: what an attempt takes, and what an attack achieves."""

import http.client
import itertools
import os
import re
import socket
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from signet import state
from sites import Cgi
from table import Table
from work import lighttpd, say

RUNS = 200
PROCESSES = 50
MANY = 10_000
GUESSES = 1_000  # at the owner's password, during the attack
PASSWORD, WRONG = "correct horse", "tr0ub4dor"
# By htpasswd, bcrypt of cost 4; the last one is by `htpasswd -nbs` and is refused.
USERS = """ada:$2y$04$Z735b3IS6GniM.cQ.C7/WeWiDU5Yy4oXk7ndxrGpFwEIt33s1Ij0q
bob:$2y$04$WAYsTth4uYK1z7siwdo/dezKk3WirgT0fvm0TTEOQTWuFdq5rbseu
sha:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=
"""
WRONG_LOGIN, LIMITED, LOGGED_IN = 403, 429, 303


def with_users(work, name, **settings):
    environment = state(work, name, **settings)
    path = work / "state" / name / "users"
    path.write_text(USERS)
    path.chmod(0o600)
    return environment


def form(name, password):
    return f"username={name}&password={password.replace(' ', '+')}"


def duration(program, variables, body, wanted):
    """Milliseconds from spawn to exit."""
    variables = {**variables, "CONTENT_LENGTH": str(len(body))}
    started = time.perf_counter()
    done = subprocess.run(
        [program], env=variables, input=body.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    ended = time.perf_counter()
    status = re.search(rb"^Status: (\d+)", done.stdout, re.M)
    assert status and int(status[1]) == wanted, done
    return (ended - started) * 1000


def attempts(work):
    """Table 1: why an attempt failed cannot be told from its time."""
    environment = with_users(work, "attempts")
    site = Cgi("attempt", work / "bin/static", environment=environment)
    variables = site.variables("POST")
    rows = {
        "unknown user": ("zqx", WRONG, WRONG_LOGIN),
        "wrong password": ("ada", WRONG, WRONG_LOGIN),
        "refused hash": ("sha", WRONG, WRONG_LOGIN),
        "right password": ("ada", PASSWORD, LOGGED_IN),
    }
    limits = work / "state/attempts/rate_limits"
    measured = {row: [] for row in rows}
    say(f"attempts to log in, {RUNS} of each")
    for _ in range(RUNS):
        for row, (name, password, wanted) in rows.items():
            # No attempt is limited by those before it.
            limits.unlink(missing_ok=True)
            taken = duration(site.program, variables, form(name, password), wanted)
            measured[row].append(taken)
    table = Table("Attempt to log in (CGI)", ["", "median ms", "middle half", "of unknown user"])
    first = statistics.median(measured["unknown user"])
    for row, taken in measured.items():
        low, middle, high = statistics.quantiles(taken, n=4)
        table.row(row, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{middle / first:.3f}")
    table.note(f"{RUNS} attempts of each kind in turn, with bcrypt of cost 4; the middle half lies between the quartiles.")
    return table


class Attacked(Cgi):
    """A site, and the attempts to log in there."""

    def __init__(self, label, program, environment):
        super().__init__(label, program, environment={**environment, "SIGNET_TRUST_PROXY": "true"})
        self.port = None
        self.local = threading.local()

    def exchange(self, method, path, address, body="", cookie=None):
        """A request from this address: its status, headers, and milliseconds."""
        fields = {"X-Forwarded-For": address}
        if body:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        if cookie:
            fields["Cookie"] = cookie
        started = time.perf_counter()
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.local.connection = connection
        connection.request(method, self.address + path, body or None, fields)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers, (time.perf_counter() - started) * 1000

    def attempt(self, name, address, password=WRONG, cookie=None):
        return self.exchange("POST", "/login", address, form(name, password), cookie)


def address(number):
    return ".".join(str(byte) for byte in (10, *number.to_bytes(3, "big")))


def admitted(statuses):
    """How many attempts were admitted, of which all failed."""
    statuses = list(statuses)
    assert set(statuses) <= {WRONG_LOGIN, LIMITED}, statuses
    return statuses.count(WRONG_LOGIN)


def at_once(site, pool, who):
    """Of as many attempts at the same time as there are processes, those admitted; all in
    a second, after which one more would be."""
    for round in itertools.count():
        barrier = threading.Barrier(PROCESSES)

        def attempt(number):
            barrier.wait()
            return site.attempt(*who(round, number))[0]

        started = time.monotonic()
        statuses = list(pool.map(attempt, range(PROCESSES)))
        if time.monotonic() - started < 0.95:
            return f"{admitted(statuses)} of {PROCESSES}"
        assert round < 20, "no round takes less than a second"


@contextmanager
def repeated(request, pause):
    """Repeats a request beside the attack; the list of what it returns."""
    found, ended = [], threading.Event()

    def repeat():
        while not ended.wait(pause):
            found.append(request(len(found)))

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def median_of(found, wanted):
    """How many of these exchanges succeeded, and the median of all times."""
    good = sum(status == wanted for status, _, _ in found)
    return f"{good} of {len(found)}, {statistics.median(ms for _, _, ms in found):.0f} ms"


def attack(site, used):
    """The cells of a column. `used` says how many bytes the counters take."""
    with ThreadPoolExecutor(PROCESSES) as pool:
        yield at_once(site, pool, lambda round, _: (f"one{round}", address(1 + round)))
        yield at_once(site, pool, lambda round, number: (f"two{round}", address(1000 + 50 * round + number)))
        yield at_once(site, pool, lambda round, number: (f"three{round}-{number}", address(3000 + round)))

        status, headers, _ = site.attempt("ada", address(4000), PASSWORD)
        assert status == LOGGED_IN, status
        known = next(line for line in headers.get_all("Set-Cookie") if "_known=" in line)
        known = known.split(";")[0]
        before = used()
        started = time.monotonic()
        owner = repeated(lambda _: site.attempt("ada", address(4001), PASSWORD, known), 0.1)
        other = repeated(lambda number: site.attempt("bob", address(5000 + number), PASSWORD), 0.1)
        page = repeated(lambda _: site.exchange("GET", "/", address(4002)), 0.1)
        with owner as owner, other as other, page as page:
            # Each tenth request is a guess at the owner's password.
            step = MANY // GUESSES

            def request(number):
                invented = site.attempt(f"invented{number}", address(100_000 + number))[0]
                if number % step:
                    return invented, None
                return invented, site.attempt("ada", address(200_000 + number))[0]

            statuses = list(pool.map(request, range(MANY)))
        taken = time.monotonic() - started
        yield f"{admitted(first for first, _ in statuses)} of {MANY}"
        guesses = [second for _, second in statuses if second is not None]
        yield f"{admitted(guesses)} of {len(guesses)}"
        yield f"{taken:.0f} s"
        yield median_of(owner, LOGGED_IN)
        yield median_of(other, LOGGED_IN)
        yield median_of(page, 200)
        yield f"{(used() - before) / 1000:.0f} kB"


ROWS = (
    "one name from one address",
    "one name from 50 addresses",
    "50 names from one address",
    f"{MANY:_} invented names from as many addresses".replace("_", " "),
    f"guesses at the owner's password meanwhile, from {GUESSES:_} addresses".replace("_", " "),
    "all of them took",
    "logins of the owner meanwhile, in a known browser",
    "logins of another user meanwhile, in new browsers",
    "other pages meanwhile",
    "counters: disk space, or memory of Redis",
)


def memory(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"INFO memory\r\n")
        return int(re.search(rb"used_memory:(\d+)", client.recv(65536))[1])


def attacks(work, redis):
    """Table 2: an attack by 50 processes."""
    url = f"unix://{redis}"
    program = work / "bin/static"
    in_files = Attacked("files", program, with_users(work, "attack"))
    in_redis = Attacked("Redis", program, with_users(work, "attack_redis", SESSION_REDIS=url))

    def disk():
        return (work / "state/attack/rate_limits").stat().st_blocks * 512

    say(f"an attack by {PROCESSES} processes")
    columns = []
    with lighttpd(work, [in_files, in_redis]) as (_, port):
        for site, used in ((in_files, disk), (in_redis, lambda: memory(redis))):
            site.port = port
            columns.append(list(attack(site, used)))
    table = Table(f"Attack by {PROCESSES} processes (CGI)", ["", "counted in files", "in Redis"])
    for row in zip(ROWS, *columns, strict=True):
        table.row(*row)
    table.note(
        "Attempts: how many were admitted, of all. Others: how many succeeded, and the "
        "median of their times. bcrypt of cost 4, behind lighttpd, on the same "
        f"{os.cpu_count()} cores as the attackers."
    )
    return table
