"""Runs a package's own tests with signet in place of the package's code."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

PLUGINS = Path(__file__).parent / "suites"
SOURCES = Path(os.environ["SOURCES"])


def run(package, files, peer):
    """How many passed of those that signet takes part in, and whether all is well."""
    peer.fresh()
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", f"{package}_tests"]
    command += ["-p", "no:cacheprovider", "--basetemp", peer.place / "pytest"]
    done = subprocess.run(
        [*command, *files],
        cwd=SOURCES / f"{package}-{version(package)}",
        env={**os.environ, "PYTHONPATH": str(PLUGINS), **peer.variables()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    counts = re.search(r"^applied: (\d+ of \d+) passed$", done.stdout, re.M)
    good = done.returncode == 0 and counts is not None
    if not good:
        print(f"{peer.name}: {package}'s own tests:\n{done.stdout}", file=sys.stderr)
    return (counts[1] if counts else "FAILED"), good
