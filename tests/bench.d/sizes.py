"""How the cost depends on the size of the session, the store and the Cookie header.

Records are written as documented in src/session/record.rs and store/files, and
signed cookies by Flask; signet has to find the user's name in them.
"""

import base64
import hashlib
import json
import os
import secrets
import time

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from figures import Run, spawn_to_exit
from signet import state
from sites import ALWAYS, LOGGED_IN, LOGIN, Cgi
from table import Table, times
from work import say

SPAWNS = 1000
SESSIONS = {"the name alone": 0, "100 B": 100, "1 kB": 1000, "4 kB": 4000}
RECORDS = [10, 1000, 100_000]
MILLION = 1_000_000
COOKIES = [1, 10, 50]
MAX_COOKIE_SIZE = 4093


class Sha256Session(SecureCookieSessionInterface):
    digest_method = staticmethod(hashlib.sha256)


def session(size):
    """A session with `size` bytes of JSON, which compression does not shorten."""
    values = {"username": "admin"}
    if size:
        values["token"] = ""
        length = size - len(dumps(values))
        values["token"] = secrets.token_urlsafe(size)[:length]
    return values


def dumps(values):
    return json.dumps(values, separators=(",", ":"))


def signed(values, key):
    app = Flask(__name__)
    app.secret_key = key
    return Sha256Session().get_signing_serializer(app).dumps(values)


def record(values):
    """The content of a file of the store."""
    now = int(time.time())
    about, text = f"signet1 {now} {now}", dumps(values)
    checksum = hashlib.sha256(f"{about}\n{text}".encode()).hexdigest()[:32]
    return f"{about} {checksum}\n{text}".encode()


def put(folder, hashed, content):
    """Creates the file that is named by the hash of its id: a/bc/def…"""
    place = f"{folder}/{hashed[0]}/{hashed[1:3]}"
    try:
        file = os.open(f"{place}/{hashed[3:]}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileNotFoundError:
        for path in (f"{folder}/{hashed[0]}", place):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                pass
        return put(folder, hashed, content)
    os.write(file, content)
    os.close(file)


def stored(variables, values):
    """Puts a session into the store and returns its cookie's value."""
    number = secrets.token_bytes(32)
    folder = variables["SIGNET_STATE_DIR"] + "/sessions"
    os.makedirs(folder, 0o700, exist_ok=True)
    put(folder, hashlib.sha256(number).hexdigest(), record(values))
    return base64.urlsafe_b64encode(number).decode().rstrip("=")


def fill(variables, count):
    """Puts `count` other visitors' sessions into the store."""
    folder = variables["SIGNET_STATE_DIR"] + "/sessions"
    content = record({"username": "ada"})
    for _ in range(count):
        put(folder, secrets.token_hex(32), content)


def sizes(work, million):
    """Table 5."""
    rows = []  # a site and its cookie

    def add(label, variables, cookie, wanted=LOGGED_IN):
        site = Cgi(label, work / "bin/static", wanted, variables)
        rows.append((site, cookie))
        return site

    signing = state(work, "sizes")
    plain = add("plain", signing, None)
    plain.new_cookie()  # creates the key
    key = (work / "state/sizes/secret_key").read_text().strip()
    rows.clear()
    rows.append((Cgi("floor", work / "bin/floor", ALWAYS), None))

    overflow = signing | {"SIGNET_SESSION_OVERFLOW": "filesystem"}
    files = state(work, "sizes-files", SESSION_TYPE="filesystem")
    for label, size in SESSIONS.items():
        values = session(size)
        cookie = signed(values, key)
        length = len(f"session={cookie}; HttpOnly; Path=/; SameSite=Lax")
        if length <= MAX_COOKIE_SIZE:
            add(f"session, {label}: signed cookie", signing, f"session={cookie}")
        else:
            overflown = f"session={stored(overflow, values)}"
            add(f"session, {label}: SESSION_OVERFLOW, a file", overflow, overflown)
        add(f"session, {label}: files", files, f"session={stored(files, values)}")

    for count in RECORDS + [MILLION] * million:
        say(f"a store of {count} sessions")
        variables = state(work, f"records-{count}", SESSION_TYPE="filesystem")
        cookie = f"session={stored(variables, session(0))}"
        fill(variables, count - 1)
        label = f"store of {count:,} files".replace(",", " ")
        add(f"{label}: logged in", variables, cookie)
        add(f"{label}: POST login", variables, None, LOGIN)

    cookie = f"session={signed(session(0), key)}"
    for count in COOKIES:
        others = [f"_preference_{number:02}={secrets.token_hex(8)}" for number in range(count - 1)]
        label = f"{count} cookies" if count > 1 else "1 cookie"
        add(f"header of {label}", signing, "; ".join([*others, cookie]))

    say("sizes, from spawn to exit")
    runs = []
    for site, cookie in rows:
        method = "POST" if site.wanted == LOGIN else "GET"
        runs.append(Run(site.label, site.program, site.variables(method, cookie), site.wanted))
    costs = spawn_to_exit(work, runs, SPAWNS)
    table = Table("Size (CGI, static)", ["", "us", "spawn to exit"], ["us"])
    for run, cost in zip(runs, costs):
        table.row(run.label, f"{cost.micros:.0f}", times(cost.micros, costs[0].micros))
    table.note(
        f"A session's size is that of its JSON. Each POST login adds a file, {SPAWNS} in all, "
        "and looks into 4 folders for expired sessions."
    )
    return table
