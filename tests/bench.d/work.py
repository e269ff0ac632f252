"""Builds the programs into the working folder, and starts and stops servers."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
START, STOP = 20, 10  # seconds in which a server must start and stop


def say(*words):
    print("tests/bench:", *words, file=sys.stderr, flush=True)


def build(work, programs):
    """Puts the programs into `work/bin`: those in C and Go, and copies of `programs`."""
    (work / "bin").mkdir()
    optimized = ["cc", "-O2", "-o"]
    bare = ["-static", "-nostdlib", "-fno-stack-protector", "-s"]
    subprocess.run([*optimized, work / "bin/floor", *bare, HERE / "floor.c"], check=True)
    subprocess.run([*optimized, work / "bin/spawn", HERE / "spawn.c"], check=True)
    subprocess.run([*optimized, work / "bin/fixed", HERE / "fixed.c", "-lfcgi"], check=True)
    for name, program in programs.items():
        shutil.copy(program, work / "bin" / name)
    if shutil.which("go"):
        # Go's standard library is built once for all runs.
        cache = str(Path("target/go").resolve())
        go = {**os.environ, "GOCACHE": cache, "CGO_ENABLED": "0", "GOFLAGS": "-ldflags=-s"}
        subprocess.run(["go", "build", "-o", work / "bin/go", HERE / "tutorial.go"], check=True, env=go)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def accepts(address):
    """Whether a server listens at a port, or at the path of a socket."""
    unix = isinstance(address, Path)
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as client:
        try:
            client.connect(str(address) if unix else ("127.0.0.1", address))
        except OSError:
            return False
    return True


@contextmanager
def server(command, address, log, **options):
    """Runs a server until the end of the block, which starts when it accepts connections.
    Processes that it started are stopped as well."""
    with open(log, "w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, **options
        )
    try:
        deadline = time.monotonic() + START
        while not accepts(address):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"tests/bench: {command[0]} does not start:\n{log.read_text()}")
            time.sleep(0.02)
        yield process
    finally:
        stop(process)


def stop(process):
    process.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@contextmanager
def redis(work):
    """The socket of a new Redis, which writes nothing to the disk."""
    path = work / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", path, "--unixsocketperm", "700"]
    command += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    with server(command, path, work / "redis.log", cwd=work):
        yield path


@contextmanager
def gunicorn(work, environment):
    """The socket of gunicorn, which runs Flask's site in two workers."""
    path = work / "gunicorn.sock"
    command = [sys.executable, "-B", "-m", "gunicorn", "--workers", "2"]
    command += ["--bind", f"unix:{path}", "tutorial:app"]
    environment = {**os.environ, **environment}
    with server(command, path, work / "gunicorn.log", cwd=HERE, env=environment):
        yield path


@contextmanager
def lighttpd(work, sites, more=()):
    """The process and the port of a lighttpd with all these sites, and more lines."""
    port = free_port()
    document_root = work / "bin/site"
    document_root.mkdir(exist_ok=True)
    modules = ("setenv", "alias", "fastcgi", "proxy", "cgi")
    lines = [
        "server.modules = (%s)" % ", ".join(f'"mod_{name}"' for name in modules),
        'server.bind = "127.0.0.1"',
        f"server.port = {port}",
        f'server.document-root = "{document_root}"',
    ]
    lines += [*more, *(site.configuration() for site in sites)]
    path = work / "lighttpd.conf"
    path.write_text("\n".join(lines) + "\n")
    with server(["lighttpd", "-D", "-f", path], port, work / "lighttpd.log") as process:
        yield process, port


@contextmanager
def nginx(work, root, lines):
    """The port of an nginx with one process, these lines in its server, and the files below
    `root`."""
    port = free_port()
    # Started by root, it would be another user, who cannot read the working folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"{name}_temp_path {work}/nginx.{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = work / "nginx.conf"
    path.write_text(
        f"daemon off;\n{user}pid {work}/nginx.pid;\nerror_log {work}/nginx.log;\n"
        "events { worker_connections 900; }\n"
        f"http {{\naccess_log off;\n{temporary}"
        f"server {{\nlisten 127.0.0.1:{port};\nroot {root};\n{lines}\n}}\n}}\n"
    )
    command = ["nginx", "-e", work / "nginx.log", "-c", path]
    with server(command, port, work / "nginx.start"):
        yield port
