"""signet by CGI and by FastCGI, each compared with a floor."""

import subprocess

from figures import Run, requests_per_second, spawn_to_exit, system_calls
from sites import ALWAYS, LOGGED_IN, LOGIN, NOBODY, Cgi, FastCgi, Fixed
from table import Table, times
from work import say

SPAWNS, SERVED = 2000, 11  # rounds
GOALS = {
    "static: logged in": "<= 1.50, >= 0.90",
    "static: logged in, signet.toml": "<= 1.65",
}
GOAL_KIB = 3072  # static
GOAL_FILES, GOAL_REDIS = 1.35, 2.00  # against the signed cookie
GOAL_FASTCGI = 0.85

TOML = """# As an owner would write it.
SESSION_COOKIE_NAME = "session"
SESSION_COOKIE_SAMESITE = "Lax"
PERMANENT_SESSION_LIFETIME = 2678400
MAX_CONTENT_LENGTH = 65536
"""


def state(work, name, **settings):
    """The variables for a new state directory."""
    path = work / "state" / name
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    variables = {"SIGNET_STATE_DIR": str(path)}
    return variables | {f"SIGNET_{name}": text for name, text in settings.items()}


def stores(work, redis):
    """Each store's name in a row, and the variables for it."""
    url = f"unix://{redis}"
    return {
        "signed cookie": state(work, "cookie"),
        "files": state(work, "files", SESSION_TYPE="filesystem"),
        "Redis": state(work, "redis", SESSION_TYPE="redis", SESSION_REDIS=url),
    }


def cgi(work, redis, programs):
    """Table 1: a process for each request."""
    store = stores(work, redis)
    toml = state(work, "toml")
    (work / "state/toml/signet.toml").write_text(TOML)
    sites = [Cgi("floor", work / "bin/floor", ALWAYS)]
    for name in programs:
        program = work / "bin" / name
        sites += [
            Cgi(f"{name}: anonymous", program, NOBODY, store["signed cookie"]),
            Cgi(f"{name}: logged in", program, LOGGED_IN, store["signed cookie"]),
            Cgi(f"{name}: logged in, signet.toml", program, LOGGED_IN, toml),
            Cgi(f"{name}: POST login", program, LOGIN, store["signed cookie"]),
            Cgi(f"{name}: logged in, files", program, LOGGED_IN, store["files"]),
            Cgi(f"{name}: logged in, Redis", program, LOGGED_IN, store["Redis"]),
        ]
    say("CGI, from spawn to exit")
    runs = []
    for site in sites:
        cookie = site.new_cookie() if site.login_needed else None
        method = "POST" if site.wanted == LOGIN else "GET"
        runs.append(Run(site.label, site.program, site.variables(method, cookie), site.wanted))
    costs = spawn_to_exit(work, runs, SPAWNS)
    say("CGI behind lighttpd")
    rates = requests_per_second(work, sites, SERVED)

    detail = ["us", "req/s", "calls", "faults", "peak KiB", "in 16 MiB"]
    columns = ["", "us", "spawn to exit", "req/s", "requests/s", *detail[2:], "goal"]
    table = Table("CGI", columns, detail)
    for site, run, cost, rate in zip(sites, runs, costs, rates):
        if site.label.endswith(": logged in"):
            cookie = cost
        goal = GOALS.get(site.label, "")
        for name, most in (("files", GOAL_FILES), ("Redis", GOAL_REDIS)):
            if site.label.endswith(f", {name}"):
                against = times(cost.micros, cookie.micros)
                goal = f"{against} x the cookie's time, <= {most:.2f}"
        table.row(
            site.label, f"{cost.micros:.0f}", times(cost.micros, costs[0].micros),
            f"{rate:.0f}", times(rate, rates[0]), system_calls(work, run), cost.faults,
            cost.kib, cost.fits, goal,
        )
    kib = [f"{name} {(work / 'bin' / name).stat().st_size // 1024}" for name in programs]
    table.note(
        f"Floor: {costs[0].micros:.0f} us, {rates[0]:.0f} requests/s. "
        f"KiB of the program: {', '.join(kib)} (goal for static: < {GOAL_KIB})."
    )
    return table


def fixed_answer(work, environment):
    """A FastCGI program that always responds with signet's page of a logged-in user,
    and the signet with that page."""
    signet = FastCgi("signet: logged in, signed cookie", work / "bin/static", LOGGED_IN, environment)
    same = Cgi(signet.label, signet.program, LOGGED_IN, environment)
    cookie = same.new_cookie()
    # With the links that the page has by FastCGI.
    variables = same.variables(cookie=cookie)
    variables |= {"SCRIPT_NAME": signet.address, "REQUEST_URI": signet.address + "/"}
    answer = subprocess.run(
        [signet.program], env=variables, stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL, check=True,
    ).stdout
    path = work / "answer"
    path.write_bytes(answer)
    return Fixed("floor (C, libfcgi, always the same page)", work / "bin/fixed", path), signet


def check_same(floor, signet):
    """Makes `signet` check that both respond with the same status, headers and page."""

    def check(port):
        answers = []
        for site in (floor, signet):
            cookie = site.cookies[0] if site.cookies else None
            status, headers, text = site.request(port, cookie=cookie)
            shown = sorted((name, value) for name, value in headers.items() if name != "Date")
            answers.append((status, shown, text))
        if answers[0] != answers[1]:
            signet.fail("the floor's response differs", f"{answers[0]}\n{answers[1]}")
        FastCgi.check(signet, port)

    signet.check = check


def fastcgi(work, redis):
    """Table 2: two processes for all requests."""
    store = stores(work, redis)
    floor, signet = fixed_answer(work, store["signed cookie"])
    check_same(floor, signet)
    program = work / "bin/static"
    sites = [
        floor,
        FastCgi("signet: anonymous", program, NOBODY, store["signed cookie"]),
        signet,
        FastCgi(
            "signet: logged in, signed cookie, SESSION_REDIS", program, LOGGED_IN,
            state(work, "marks", SESSION_REDIS=f"unix://{redis}"),
        ),
        FastCgi("signet: logged in, files", program, LOGGED_IN, store["files"]),
        FastCgi("signet: logged in, Redis", program, LOGGED_IN, store["Redis"]),
    ]
    say("FastCGI behind lighttpd")
    rates = requests_per_second(work, sites, SERVED)
    table = Table("FastCGI, two processes", ["", "req/s", "requests/s", "goal"], ["req/s"])
    for site, rate in zip(sites, rates):
        goal = f">= {GOAL_FASTCGI:.2f}" if site is signet else ""
        table.row(site.label, f"{rate:.0f}", times(rate, rates[0]), goal)
    table.note(f"Floor: {rates[0]:.0f} requests/s.")
    return table
