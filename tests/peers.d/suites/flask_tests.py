"""A pytest plugin for Flask's own tests: signet opens and saves the sessions.

For each request of Flask, `session.rs` is started as a CGI program with that
request's variables and the app's settings. What it writes is what Flask
responds with: `Set-Cookie` and `Vary`.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from flask import request
from flask.sessions import SecureCookieSessionInterface

from applied import Applied

PROGRAM = Path(os.environ["PROGRAMS"]) / "examples/peer_session"

REFRESHED_LATER = (
    "signet refreshes a permanent session when a part of its lifetime has passed, not "
    "with every response: else no cache could keep any page"
)
DIFFERENCES = {
    "tests/test_basic.py::test_session_cookie_setting": REFRESHED_LATER,
    "tests/test_basic.py::test_session_refresh_vary": REFRESHED_LATER,
    "tests/test_reqctx.py::test_bad_environ_raises_bad_request": (
        "fails without signet as well: Werkzeug 3.1.9 answers 404, not 400, to this Host"
    ),
}
IN_A_STORE = {
    "tests/test_basic.py::test_session_using_samesite_attribute": (
        "a session in a store keeps its cookie, which is not sent again when values change"
    ),
    "tests/test_basic.py::test_session_secret_key_fallbacks": (
        "the id of a session in a store is not signed: another secret key changes nothing"
    ),
}
if os.environ["SIGNET_SESSION_TYPE"] != "cookie":
    DIFFERENCES |= IN_A_STORE

suite = Applied(DIFFERENCES, minimum=229)
running = []  # requests that nobody may ever respond to


def long_enough(key):
    """signet refuses keys of fewer than 16 bytes, as Flask's tests have them."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).hexdigest()


def settings(interface, app):
    """An app's settings, as signet's environment variables."""
    config = app.config
    given = {
        "SECRET_KEY": long_enough(app.secret_key),
        "SECRET_KEY_FALLBACKS": [
            long_enough(key) for key in config["SECRET_KEY_FALLBACKS"] or []
        ],
        "SESSION_DIGEST": "sha1",
        "SESSION_COOKIE_NAME": interface.get_cookie_name(app),
        "SESSION_COOKIE_DOMAIN": interface.get_cookie_domain(app),
        "SESSION_COOKIE_HTTPONLY": interface.get_cookie_httponly(app),
        "SESSION_COOKIE_SECURE": interface.get_cookie_secure(app),
        "SESSION_COOKIE_PARTITIONED": interface.get_cookie_partitioned(app),
        "SESSION_COOKIE_SAMESITE": interface.get_cookie_samesite(app),
        "SESSION_COOKIE_PATH": config["SESSION_COOKIE_PATH"],
        "APPLICATION_ROOT": config["APPLICATION_ROOT"],
        "SESSION_REFRESH_EACH_REQUEST": config["SESSION_REFRESH_EACH_REQUEST"],
        "PERMANENT_SESSION_LIFETIME": int(app.permanent_session_lifetime.total_seconds()),
    }
    if given["SESSION_COOKIE_SAMESITE"] is None:
        given["SESSION_COOKIE_OMIT_SAMESITE"] = True
    return {
        f"SIGNET_{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
        if value is not None
    }


class Program:
    """A CGI program that runs for as long as a request of Flask does."""

    def __init__(self, interface, app, environ):
        suite.note()
        variables = {
            # WSGI's strings are bytes (PEP 3333).
            name: value.encode("latin-1")
            for name, value in environ.items()
            if isinstance(value, str) and "." not in name and name not in os.environ
        }
        variables |= {
            "GATEWAY_INTERFACE": "CGI/1.1",
            # The body is Flask's.
            "REQUEST_METHOD": "GET",
            **{name: text for name, text in os.environ.items() if name.startswith("SIGNET_")},
            **settings(interface, app),
        }
        if environ["wsgi.url_scheme"] == "https":
            variables["HTTPS"] = "on"
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen([PROGRAM], env=variables, **pipes)
        running.append(self.process)
        self.values = self.process.stdout.readline().decode()
        if not self.values.startswith("{"):
            raise self.failed(self.values.encode(), *self.process.communicate())

    def finish(self, accessed, values, vary):
        """The headers of its response."""
        line = json.dumps({"accessed": accessed, "values": values, "vary": vary})
        output, errors = self.process.communicate(line.encode() + b"\n", timeout=30)
        head, _, _ = output.decode().partition("\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.splitlines()]
        if dict(headers).get("Status", "")[:3] != "200":
            raise self.failed(output, errors)
        return headers

    @staticmethod
    def failed(*output):
        said = b"".join(output).decode(errors="replace")
        # What Flask raises for a wrong setting.
        return ValueError(f"signet answers no session:\n{said}")


def open_session(self, app, request):
    if not app.secret_key:
        return None
    program = Program(self, app, request.environ)
    session = self.session_class(self.serializer.loads(program.values))
    session.program = program
    return session


def save_session(self, app, session, response):
    values = self.serializer.dumps(dict(session)) if session.modified else None
    vary = response.headers.get("Vary")
    headers = session.program.finish(session.accessed, values, vary)
    lines = [value for name, value in headers if name == "Vary"]
    if lines:
        response.headers["Vary"] = ", ".join(lines)
    for name, value in headers:
        if name == "Set-Cookie":
            response.headers.add(name, value)


@pytest.fixture(autouse=True)
def requests_end_with_their_test():
    yield
    for process in running:
        if process.returncode is None:
            process.communicate(timeout=30)
    running.clear()


def pytest_configure(config):
    config.pluginmanager.register(suite)
    SecureCookieSessionInterface.open_session = open_session
    SecureCookieSessionInterface.save_session = save_session
