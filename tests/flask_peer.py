"""Real Flask behind a pipe: one JSON request a line in, one JSON answer a line out.

Every cookie is made and read by Flask's own session interface. Values that
JSON cannot hold stay on this side: the test names them by number, and this
side compares them as values, types and all.
"""

import base64
import hashlib
import json
import math
import random
import sys
import zlib
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from flask import Flask, flash, redirect, render_template, request, session, url_for
from flask.json.tag import JSONTag, TagDateTime, TaggedJSONSerializer
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import TimestampSigner
from itsdangerous.encoding import base64_decode
from jinja2 import DictLoader
from markupsafe import Markup

sys.path.insert(0, str(Path(__file__).parents[1] / "deploy"))
import flask_signet  # noqa: E402

PAGES = {
    "index.html": """<!doctype html>
<html lang="en">
<title>Index</title>
{% if username %}
<p>Logged in as {{ username }}</p>
<p><a href="{{ url_for('logout') }}">click here to log out</a></p>
{% else %}
<p>You are not logged in</p>
<p><a href="{{ url_for('login') }}">click here to log in</a></p>
{% endif %}
</html>
""",
    "login.html": """<!doctype html>
<html lang="en">
<title>Log in</title>
<form method="post">
<p><input type="text" name="username"></p>
<p><input type="submit" value="Login"></p>
</form>
</html>
""",
}


class Sha256Session(SecureCookieSessionInterface):
    digest_method = staticmethod(hashlib.sha256)


class TagMoment(TagDateTime):
    """An app's own tag for dates, which keeps microseconds."""

    def to_json(self, value):
        return value.isoformat()

    def to_python(self, value):
        return datetime.fromisoformat(value)


class TagOrdered(JSONTag):
    """The ordered dict of Flask's documentation, as one object."""

    key = " od"

    def check(self, value):
        return isinstance(value, OrderedDict)

    def to_json(self, value):
        return {k: self.serializer.tag(v) for k, v in value.items()}

    def to_python(self, value):
        return OrderedDict(value)


class TagHidden(JSONTag):
    """Bytes in the alphabet of URLs, without padding."""

    key = " b"

    def check(self, value):
        return isinstance(value, bytes)

    def to_json(self, value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    def to_python(self, value):
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


class OwnTags(SecureCookieSessionInterface):
    serializer = TaggedJSONSerializer()
    serializer.register(TagMoment, force=True, index=0)
    serializer.register(TagHidden, force=True, index=0)
    serializer.register(TagOrdered, index=0)


def tutorial(app):
    """The tutorial's three pages."""

    @app.route("/")
    def index():
        return render_template("index.html", username=session.get("username", ""))

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "POST":
            session["username"] = request.form["username"]
            return redirect(url_for("index"))
        return render_template("login.html")

    @app.route("/logout")
    def logout():
        session.pop("username", None)
        return redirect(url_for("index"))


def deeds(app):
    """`/do/DEED`: one thing done to the session, for its headers' sake."""

    def put(key, value):
        session[key] = value

    acts = {
        "untouched": lambda: None,
        "read": lambda: session.get("username"),
        "asked": lambda: "username" in session,
        "measured": lambda: len(session),
        "changed": lambda: put("username", "grace"),
        "changed to the same": lambda: put("username", "ada"),
        "changed inside": lambda: session.get("cart", []).append("pear"),
        "popped": lambda: session.pop("username", None),
        "popped in vain": lambda: session.pop("nothing", None),
        "emptied": lambda: session.clear(),
        "made permanent": lambda: setattr(session, "permanent", True),
        "flashed": lambda: flash("saved"),
    }

    @app.route("/do/<deed>")
    def do(deed):
        acts[deed]()
        return "done"


def make_app(setup):
    app = Flask(__name__)
    app.jinja_loader = DictLoader(PAGES)
    if "state_dir" in setup:
        # Told nothing else than deploy/flask_signet.py tells it.
        flask_signet.init_app(app, setup["state_dir"])
    else:
        app.secret_key = setup["key"]
        app.config["SECRET_KEY_FALLBACKS"] = setup.get("fallbacks")
        if setup["digest"] == "sha256":
            app.session_interface = Sha256Session()
    app.config.update(setup.get("config", {}))
    app.testing = True
    # Answers with 500 as a deployed Flask does, instead of raising here.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.logger.disabled = True
    tutorial(app)
    deeds(app)
    return app


def at(now):
    """Flask's clock stopped at `now`, Unix seconds; its own when None."""
    real = TimestampSigner.get_timestamp
    return patch.object(
        TimestampSigner, "get_timestamp", real if now is None else lambda self: now
    )


def set_by_flask(app, values, now=None):
    client = app.test_client()
    with at(now), client.session_transaction() as opened:
        opened.update(values)
    return client.get_cookie("session").value


def read_by_flask(app, cookie, now=None):
    client = app.test_client()
    client.set_cookie("session", cookie)
    with at(now), client.session_transaction() as opened:
        return dict(opened)


def difference(a, b, where="session"):
    """Where two values differ, types, signs and not-a-numbers counted; None if nowhere."""
    if type(a) is not type(b):
        return f"{where}: {a!r} is not {b!r}"
    if isinstance(a, dict):
        if isinstance(a, OrderedDict) and list(a) != list(b):
            return f"{where}: {list(a)} is not in the order of {list(b)}"
        if a.keys() != b.keys():
            return f"{where}: keys {sorted(a)!r} are not {sorted(b)!r}"
        rows = [(a[key], b[key], f"{where}[{key!r}]") for key in a]
    elif isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return f"{where}: {len(a)} items are not {len(b)}"
        rows = [(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b))]
    elif isinstance(a, float):
        same = math.isnan(a) and math.isnan(b) or repr(a) == repr(b)
        return None if same else f"{where}: {a!r} is not {b!r}"
    else:
        return None if a == b else f"{where}: {a!r} is not {b!r}"
    return next((found for row in rows if (found := difference(*row))), None)


MOMENT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
NAMED = {
    "a name": {"username": "admin"},
    "tuple": {"v": (1, "two", (3,), ())},
    "bytes": {"v": b"\x00\xff\x10raw", "none": b"", "padded": b"a"},
    "markup": {"v": Markup("<b>hi</b> & \"q\"")},
    "uuid": {"v": UUID("12345678-1234-5678-1234-567812345678")},
    "datetime": {"v": MOMENT, "leap": MOMENT.replace(month=2, day=29, year=2024)},
    "dict that looks tagged": {"v": {" t": [1, 2]}, "w": {" di": {" b": "x"}}},
    "tag among other keys": {"v": {" t": [1], "z": 2}},
    "tag as a key of the session": {" u": "not a uuid"},
    "nested": {"v": {"list": [{"k": (1, [MOMENT, {"b": b"x"}])}], "none": None}},
    "scalars": {"t": True, "f": False, "n": None, "i": -7, "zero": 0, "e": {}, "l": []},
    "floats": {"v": [1.5, -0.0, 1e16, 1e-7, 1e22, 5e-324, 1.7976931348623157e308, 0.1]},
    "not numbers": {"v": [math.nan, math.inf, -math.inf]},
    "huge integers": {"v": [2**53 + 1, 2**64, -(2**63) - 1, 2**70, 10**100]},
    "unicode": {"zo\u00eb": "za\u017c\u00f3\u0142\u0107 \u2603 \u4f60\u597d \u2028"},
    "astral": {"v": "\U0001f600\U0010ffff", "\U0001d4d0": 1},
    "key order": {"\U0001d4d0": 1, "\uff5e": 2, "z": 3, "A": 4, "a": 5, "": 6},
    "escapes": {"v": "\x00\x01\x08\t\n\f\r\x1f\x7f \"\\/<>&'"},
    "lone surrogates": {"v": ["\ud83d", "\ude00\ud83d", "a\udfffb"]},
    "compressed": {"cart": [f"item-{i:03}" for i in range(40)]},
    "incompressible": {"v": random.Random(1).randbytes(1500)},
    "flashes": {"_flashes": [("message", "saved \u2603"), ("error", "<bad> & \"q\"")]},
    "permanent": {"_permanent": True, "username": "bob"},
}


WITH_OWN_TAGS = {
    "at": datetime(2026, 11, 28, 1, 2, 3, 456789),
    "zone": datetime(2026, 11, 28, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))),
    "list": [(datetime(1999, 1, 1, 0, 0, 0, 1), b"\xff\xfe\xfd"), b"a"],
    "ordered": OrderedDict(z=1, a=OrderedDict(y=(2, b"?>"), b=datetime(2000, 1, 2))),
    "looks like a tag": {" od": 5},
    "\u00e9": {"nested": [OrderedDict(b=1, a=2), {" d": "no date"}]},
}


class Dicts:
    """Sessions by chance, the same for the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        alphabets = [
            "abc xyz_-", "\"\\/\x00\n\x1f\x7f<>&'", "\u00e9\u017c\u2603\u4f60\uffff",
            "\U0001f600\U0001d4d0\U0010ffff", " _t", "=.;,%",
        ]
        alphabet = "".join(self.random.sample(alphabets, 2))
        return "".join(self.random.choices(alphabet, k=self.random.randrange(12)))

    def key(self):
        tags = [" di", " t", " b", " m", " u", " d", " t__", "_permanent_not"]
        return self.random.choice(tags) if self.random.random() < 0.15 else self.text()

    def moment(self):
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
            seconds=self.random.randrange(-(2**34), 2**36)
        )

    def value(self, depth):
        r = self.random
        leaves = [
            lambda: None,
            lambda: r.random() < 0.5,
            lambda: r.randrange(-1000, 1000),
            lambda: r.getrandbits(r.randrange(1, 200)) * r.choice([1, -1]),
            lambda: r.uniform(-1, 1) * 10.0 ** r.randrange(-300, 300),
            lambda: r.choice([math.nan, math.inf, -math.inf, -0.0]),
            self.text,
            lambda: r.randbytes(r.randrange(20)),
            lambda: Markup(self.text()),
            lambda: UUID(int=r.getrandbits(128)),
            self.moment,
        ]
        branches = [
            lambda: [self.value(depth - 1) for _ in range(r.randrange(4))],
            lambda: tuple(self.value(depth - 1) for _ in range(r.randrange(4))),
            lambda: self.dict(depth - 1),
            lambda: {self.key(): self.value(depth - 1)},
        ]
        return r.choice(leaves + branches * 2 if depth > 0 else leaves)()

    def dict(self, depth):
        return {self.key(): self.value(depth) for _ in range(self.random.randrange(5))}

    def session(self):
        made = self.dict(self.random.randrange(5)) or {"lonely": self.value(1)}
        if self.random.random() < 0.1:
            # Long enough to be worth compressing.
            made["many"] = [self.text()] * self.random.randrange(10, 60)
        return made


class Peer:
    def __init__(self):
        self.sessions = []
        self.shared = None

    def hello(self, _):
        return {name: version(name) for name in ("flask", "itsdangerous", "werkzeug")}

    def invent(self, line):
        """The named sessions and `count` by chance; answers with their names."""
        by_chance = Dicts(line["seed"])
        named = list(NAMED.items())
        named += [(f"by chance {i}", by_chance.session()) for i in range(line["count"])]
        self.sessions = [values for _, values in named]
        tagger = TaggedJSONSerializer()
        for name, values in named:
            lost = difference(values, tagger.loads(tagger.dumps(values)))
            assert lost is None, f"Flask itself loses something of {name}: {lost}"
        return [name for name, _ in named]

    def tagged(self, line):
        """A session as Flask would write it, before compression and base64."""
        with make_app(line["setup"]).app_context():
            return TaggedJSONSerializer().dumps(self.sessions[line["number"]])

    def set(self, line):
        app = make_app(line["setup"])
        return set_by_flask(app, self.sessions[line["number"]], line.get("now"))

    def read(self, line):
        """How the cookie, read by Flask, differs from the session of that number.

        Signet adds the date of the session's beginning, which is left out here."""
        values = read_by_flask(make_app(line["setup"]), line["cookie"], line.get("now"))
        if values and type(values.pop("_started", None)) is not int:
            return "session: no date of its beginning"
        return difference(self.sessions[line["number"]], values)

    def payload(self, line):
        """The JSON text inside a cookie."""
        head = line["cookie"].rsplit(".", 2)[0]
        packed = base64_decode(head.removeprefix("."))
        return (zlib.decompress(packed) if head.startswith(".") else packed).decode()

    def same(self, line):
        """How tagged JSON text differs from the session of that number."""
        values = TaggedJSONSerializer().loads(line["text"])
        return difference(self.sessions[line["number"]], values)

    def share(self, line):
        """Starts an app that goes on running, for requests without a set-up."""
        self.shared = make_app(line["setup"])

    def set_own(self, line):
        """The cookie of an app with tags of its own."""
        return set_by_flask(self.own_app(line), WITH_OWN_TAGS)

    def read_own(self, line):
        """How that app reads a cookie: what differs, and whose session it is."""
        values = read_by_flask(self.own_app(line), line["cookie"])
        user = values.pop("username", None)
        values.pop("_started", None)
        return {"difference": difference(WITH_OWN_TAGS, values), "user": user}

    def own_app(self, line):
        app = make_app(line["setup"])
        app.json.sort_keys = False
        app.session_interface = OwnTags()
        return app

    def untag(self, line):
        """What Flask makes of a value in tagged JSON: its type, and as JSON."""
        try:
            value = TaggedJSONSerializer().loads(line["text"])
        except Exception as error:
            return {"type": "error", "value": type(error).__name__}
        kind = type(value).__name__
        if isinstance(value, datetime):
            value = value.timestamp()
        elif isinstance(value, UUID):
            value = value.hex
        elif isinstance(value, bytes):
            value = list(value)
        return {"type": kind, "value": value}

    def request(self, line):
        app = make_app(line["setup"]) if line["setup"] else self.shared
        headers = {"Cookie": line["cookie"]} if line.get("cookie") else {}
        with at(line.get("now")):
            answer = app.test_client(use_cookies=False).open(
                line["path"],
                method=line.get("method", "GET"),
                data=line.get("form"),
                headers=headers,
                environ_overrides=line.get("environ"),
            )
        return {
            "status": answer.status_code,
            "headers": [[name.lower(), value] for name, value in answer.headers],
            "body": answer.get_data(as_text=True),
        }


def main():
    peer = Peer()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"ok": getattr(peer, asked["do"])(asked)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
