"""Prints what one request costs, as tables; `tests/bench` sets it up and runs it."""

import argparse
import datetime
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import authors
import behind_nginx
import files
import logins
import peers
import signet
import sizes
from work import build, redis, say

SECTIONS = ("cgi", "fastcgi", "logins", "peers", "authors", "sizes", "files")


def arguments():
    parser = argparse.ArgumentParser(
        prog="tests/bench", description="Measures the cost of one request."
    )
    parser.add_argument("--markdown", action="store_true", help="print the tables of tests/README.md")
    parser.add_argument(
        "--only", choices=SECTIONS, action="append", help="measure this part only; may be repeated"
    )
    parser.add_argument(
        "--million", action="store_true", help="also measure a store of a million files (takes minutes)"
    )
    parser.add_argument(
        "program", nargs="*", metavar="NAME=PROGRAM", help="another build to compare by CGI"
    )
    parsed = parser.parse_args()
    programs = {"static": "target/signet.cgi", "cargo build": os.environ["CARGO_PROGRAM"]}
    for argument in parsed.program:
        name, equals, path = argument.partition("=")
        if not equals or not os.access(path, os.X_OK):
            parser.error(f"{argument}: expected NAME=PROGRAM, an executable file")
        if not re.fullmatch(r"[\w.-]+", name) or name in programs:
            parser.error(f"{argument}: the name is used twice, or is not a word")
        programs[name] = path
    return parsed, programs


def machine():
    cpu = re.search(r"^model name\s*: *(.*)", Path("/proc/cpuinfo").read_text(), re.M)
    name = cpu[1] if cpu else "unknown processor"
    release = platform.release().partition("-")[0]
    return f"{name}, {os.cpu_count()} cores, Linux {release}, {platform.machine()}"


def tables(work, sections, million, programs):
    build(work, programs)
    with redis(work) as socket:
        if "cgi" in sections:
            yield signet.cgi(work, socket, programs)
        if "fastcgi" in sections:
            yield signet.fastcgi(work, socket)
            yield behind_nginx.workers(work)
        if "logins" in sections:
            yield logins.attempts(work)
            yield logins.attacks(work, socket)
        if "peers" in sections:
            yield peers.peers(work, socket)
        if "authors" in sections:
            yield authors.authors(work)
        if "sizes" in sections:
            yield sizes.sizes(work, million)
        if "files" in sections:
            yield files.downloads(work)
            yield files.auth(work)


def main():
    options, programs = arguments()
    command = " ".join(["tests/bench", *sys.argv[1:]])
    load, started = os.getloadavg()[0], time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Keys are not kept in a folder for temporary files.
    work = Path(tempfile.mkdtemp(prefix="signet-bench.", dir=os.environ["STATE_ROOT"]))
    try:
        found = list(tables(work, options.only or SECTIONS, options.million, programs))
    except KeyboardInterrupt:
        say("stopped")
        return 130
    finally:
        shutil.rmtree(work)

    today = datetime.date.today()
    about = f"`{command}` of {today} on {machine()}: medians of interleaved rounds"
    if options.markdown:
        print(f"{about}.\n")
        print("\n\n".join(table.markdown() for table in found))
        return 0
    print(f"{about},\nload {load:.1f} before it, {time.monotonic() - started:.0f} s\n")
    print("\n\n".join(table.text() for table in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
