"""The same page with a session by other systems, as in their own tutorials."""

import secrets
import subprocess
import sys
from importlib.metadata import version

from figures import requests_per_second
from signet import fixed_answer, stores
from sites import ALWAYS, LOGGED_IN, Cgi, FastCgi, PhpCgi, PhpFastCgi, Proxied
from table import Table, times
from work import HERE, gunicorn, say

ROUNDS = 5
SLOW_SECONDS = 3  # of wrk, for systems with a few dozen responses in a second


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def slow(site):
    site.seconds = SLOW_SECONDS
    return site


def script(work, source, start=""):
    """An executable copy, as in a cgi-bin folder."""
    path = work / "bin" / source
    path.write_text(start + (HERE / source).read_text())
    path.chmod(0o755)
    return path


def peers(work, redis):
    """Table 3."""
    key = {"KEY": secrets.token_hex(32)}
    store = stores(work, redis)
    with gunicorn(work, key) as socket:
        by_cgi = [
            Cgi("floor of CGI", work / "bin/floor", ALWAYS),
            Cgi("signet, signed cookie", work / "bin/static", LOGGED_IN, store["signed cookie"]),
            Cgi("signet, files", work / "bin/static", LOGGED_IN, store["files"]),
            *others_by_cgi(work, key),
        ]
        floor, _ = fixed_answer(work, store["signed cookie"])
        floor.label = "floor of FastCGI"
        php = script(work, "tutorial.php")
        started_once = [
            floor,
            FastCgi("signet, signed cookie", work / "bin/static", LOGGED_IN, store["signed cookie"]),
            FastCgi("signet, files", work / "bin/static", LOGGED_IN, store["files"]),
            PhpFastCgi(f"{PHP} FastCGI, files", php, LOGGED_IN, {"STORE": work / "php"}, ""),
            Proxied(f"{FLASK}, gunicorn {version('gunicorn')}, signed cookie", socket, LOGGED_IN),
        ]
        say("peers behind lighttpd")
        rates = requests_per_second(work, by_cgi + started_once, ROUNDS)

    table = Table("Logged in, by others", ["", "started", "req/s", "requests/s"], ["req/s"])
    ways = [("each time", by_cgi, rates[: len(by_cgi)]), ("once", started_once, rates[len(by_cgi) :])]
    for started, sites, measured in ways:
        for site, rate in zip(sites, measured):
            ratio = times(rate, measured[0], 2 if rate > measured[0] / 20 else 3)
            table.row(site.label, started, f"{rate:.0f}", ratio)
    table.note(
        "Each is compared with the floor of its kind; those that start once have two "
        "processes. The others' page is one line, as in their tutorials, without templates."
    )
    return table


def others_by_cgi(work, key):
    for name in ("php", "perl"):
        (work / name).mkdir(mode=0o700)
    perl = output_of("perl", "-MCGI::Session", "-e", "print $CGI::Session::VERSION")
    program = script(work, "tutorial.php")
    yield PhpCgi(f"{PHP} php-cgi, files", program, LOGGED_IN, {"STORE": work / "php"}, "")
    program = script(work, "tutorial.pl")
    site = Cgi(f"CGI::Session {perl}, files", program, LOGGED_IN, {"STORE": work / "perl"}, "")
    yield slow(site)
    if (work / "bin/go").exists():
        release = output_of("go", "env", "GOVERSION").strip().removeprefix("go")
        label = f"Go {release} net/http/cgi, signed cookie"
        yield Cgi(label, work / "bin/go", LOGGED_IN, key, "")
    else:
        say("the row for Go is missing: golang-go is not installed")
    program = script(work, "tutorial.py", f"#!{sys.executable}\n")
    yield slow(Cgi(f"{FLASK} CGIHandler, signed cookie", program, LOGGED_IN, key))


PHP = " ".join(output_of("php-cgi", "-n", "-v").split()[:2])
FLASK = f"Flask {version('flask')}"
