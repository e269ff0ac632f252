"""The measurements. All programs run once in each round, so that other work on the
machine affects all of them; the figures are medians."""

import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from sites import FORM, LOGIN
from work import lighttpd

DRAIN = 10  # seconds that requests may still run when wrk has ended


@dataclass
class Run:
    """A CGI program, a request to it, and a text that its response must contain."""

    label: str
    program: object
    variables: dict
    wanted: str


@dataclass
class Cost:
    """The cost of one CGI request, from spawn to exit."""

    micros: float
    faults: int
    kib: int
    fits: str  # whether 16 MiB of address space are enough


def spawn_to_exit(work, runs, rounds):
    """The cost of each run."""
    (work / "body").write_text(FORM)
    plan = []
    for number, run in enumerate(runs):
        path = work / f"variables.{number}"
        path.write_text("".join(f"{name}={text}\n" for name, text in run.variables.items()))
        login = run.wanted == LOGIN
        wanted = "Status: 303 See Other" if login else run.wanted
        body = work / "body" if login else "-"
        plan.append(f"{number}\t{run.program}\t{path}\t{body}\t{wanted}\n")
    done = subprocess.run(
        [work / "bin/spawn", str(rounds)], input="".join(plan), stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        labels = ", ".join(f"{number}: {run.label}" for number, run in enumerate(runs))
        sys.exit(f"tests/bench: a wrong response, see above; the programs: {labels}")
    costs = []
    for line in done.stdout.splitlines():
        _, micros, faults, kib, fits = line.split("\t")
        costs.append(Cost(float(micros), int(faults), int(kib), fits))
    return costs


def system_calls(work, run):
    """How many system calls it makes after execve."""
    trace = work / "trace"
    body = FORM if run.wanted == LOGIN else ""
    subprocess.run(
        ["strace", "-f", "-o", trace, run.program],
        env=run.variables, input=body.encode(), stdout=subprocess.DEVNULL, check=True,
    )
    made = re.findall(r"^\d+ +([a-z0-9_]+)\(", trace.read_text(), re.M)
    return len(made) - made.count("execve")


def requests_per_second(work, sites, rounds):
    """The rate of each site, all behind one lighttpd."""
    rates = [[] for _ in sites]
    with lighttpd(work, sites) as (process, port):
        for number, site in enumerate(sites):
            if site.login_needed:
                site.log_in(port, site.connections)
            site.check(port)
            (work / f"{number}.lua").write_text(site.script(port))
        idle = children(process)
        for _ in range(rounds):
            for number, site in enumerate(sites):
                rates[number].append(load(work / f"{number}.lua", port, site))
                settle(process, idle)
        for site in sites:
            site.check(port)
    return [statistics.median(measured) for measured in rates]


def load(script, port, site):
    command = ["wrk", "-t", "1", "-c", str(site.connections), "-d", str(site.seconds)]
    command += ["--timeout", "10", "-s", script, f"http://127.0.0.1:{port}/"]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    rate = re.search(r"^Requests/sec: *([\d.]+)", output, re.M)
    if "Non-2xx" in output or "Socket errors" in output or not rate:
        site.fail("fails behind lighttpd", output)
    return float(rate[1])


def children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return len(file.read().split())


def settle(process, idle):
    """Waits for CGI programs that still run when wrk has ended."""
    deadline = time.monotonic() + DRAIN
    while children(process) > idle and time.monotonic() < deadline:
        time.sleep(0.01)
