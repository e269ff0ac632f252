"""The same two programs by authors who use signet's library, marty, or axum."""

import os
import re
import resource
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from figures import Run, spawn_to_exit
from signet import state
from sites import ALWAYS, Cgi
from table import Table, times
from work import HERE, say

SPAWNS = 2000  # rounds
SOURCES = HERE / "authors"
GOAL_COUNTER = 0.90  # of marty's time
GOALS = {
    "signet, small: hello": "no slower than marty's, <= 900 KB, <= 50 crates",
    "signet, small: counter": f"<= {GOAL_COUNTER:.2f} x marty's time",
}


@dataclass
class Program:
    """A row: a program in `authors/`, how it is built, and its response."""

    label: str
    package: str
    name: str
    wanted: str  # on the second visit
    profile: str = "release"
    features: str = ""


HELLO, COUNTER = "hello", "counter"
PROGRAMS = [
    Program("marty: hello", "with-marty", HELLO, "Hello from Marty CGI!"),
    Program("marty: counter", "with-marty", COUNTER, "Visit number 2", features="session"),
    Program("axum by marty: hello", "with-axum", HELLO, "Hello, World!"),
    Program("signet, small: hello", "with-signet", HELLO, "Hello from signet!", "signet"),
    Program("signet, small: counter", "with-signet", COUNTER, "Visit number 2", "signet"),
    Program("signet: hello", "with-signet", HELLO, "Hello from signet!", "signet", "full"),
    Program("signet: counter", "with-signet", COUNTER, "Visit number 2", "signet", "full"),
]


@dataclass
class Built:
    path: Path
    crates: int  # that were compiled
    seconds: float  # of processor time


def static_target():
    """The target for static programs; None: rustc has no such target."""
    rustc = os.environ.get("RUSTC", "rustc")
    version = subprocess.run([rustc, "-vV"], stdout=subprocess.PIPE, check=True, text=True)
    host = re.search(r"^host: (.*)", version.stdout, re.M)[1]
    target = host.replace("-gnu", "-musl")
    command = [rustc, "--print", "target-libdir", "--target", target]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return target if Path(found.stdout.strip() or "/nothing").is_dir() else None


def build(work, number, program, target):
    """Builds the program, and all crates that it needs, in a new folder."""
    folder = work / f"authors/{number}"
    command = [os.environ["CARGO"], "build", "--offline"]
    command += ["--manifest-path", SOURCES / "Cargo.toml", "--target-dir", folder]
    command += ["--package", program.package, "--bin", program.name]
    command += ["--features", program.features, "--profile", program.profile]
    command += ["--target", target] if target else []
    variables = dict(os.environ)
    if program.package == "with-signet" and target:
        variables["CARGO_ENCODED_RUSTFLAGS"] = flags()
    before = processor_time()
    done = subprocess.run(command, env=variables, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"tests/bench: {program.label} does not build:\n{done.stderr}")
    crates = len(re.findall(r"^ *Compiling ", done.stderr, re.M))
    path = work / f"bin/author{number}"
    (folder / (target or "") / program.profile / program.name).rename(path)
    return Built(path, crates, processor_time() - before)


def flags():
    """Those of deploy/build, by which signet's README builds an author's program, as Cargo
    reads them."""
    script = (HERE.parent.parent / "deploy/build").read_text()
    array = re.search(r"^flags=\(.*?\)$", script, re.M | re.S)[0]
    command = f'source=$PWD\n{array}\nIFS=$\'\\x1f\'; printf "%s" "${{flags[*]}}"'
    return subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, check=True, text=True).stdout


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def second_visit(work, program, built):
    """A visitor's second request, which has the cookie of the first one, if any."""
    variables = {"MARTY_SESSION_SECRET": secrets.token_hex(32)}
    if program.package == "with-signet":
        variables = state(work, f"author-{program.name}")
    site = Cgi(program.label, built.path, program.wanted, variables)
    found = re.search(r"^Set-Cookie: ([^;\r\n]+)", site.answer().decode(), re.I | re.M)
    cookie = found[1] if found else None
    return Run(program.label, built.path, site.variables(cookie=cookie), program.wanted)


def authors(work):
    """Table 4."""
    # Its Cargo.lock is changed only where signet has other dependencies than before.
    fetch = [os.environ["CARGO"], "fetch", "--quiet", "--manifest-path", SOURCES / "Cargo.toml"]
    subprocess.run(fetch, check=True)
    target = static_target()
    all_built = []
    for number, program in enumerate(PROGRAMS):
        say(f"building {program.label}")
        all_built.append(build(work, number, program, target))
    floor = Cgi("floor", work / "bin/floor", ALWAYS)
    runs = [Run(floor.label, floor.program, floor.variables(), floor.wanted)]
    runs += [second_visit(work, *each) for each in zip(PROGRAMS, all_built)]
    say("authors' programs, from spawn to exit")
    costs = spawn_to_exit(work, runs, SPAWNS)

    detail = ["us", "build, CPU s"]
    columns = ["", "us", "spawn to exit", "KiB", "crates", "build, CPU s", "goal"]
    table = Table("Programs by authors", columns, detail)
    table.row("floor", f"{costs[0].micros:.0f}", times(1, 1), "", "", "", "")
    for program, built, cost in zip(PROGRAMS, all_built, costs[1:]):
        table.row(
            program.label, f"{cost.micros:.0f}", times(cost.micros, costs[0].micros),
            built.path.stat().st_size // 1024, built.crates, f"{built.seconds:.0f}",
            GOALS.get(program.label, ""),
        )
    version = re.search(r'name = "marty"\nversion = "(.*)"', (SOURCES / "Cargo.lock").read_text())
    kind = f"static ({target})" if target else "dynamic: rustc has no target for static programs"
    table.note(
        f"marty {version[1]} and axum as in marty's README; signet as by deploy/build --bin, by its own release profile, "
        f"small: without Cargo's default features; all {kind}. Crates: those that a first build compiles."
    )
    return table
