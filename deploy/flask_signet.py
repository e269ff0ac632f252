"""Purpose:  one login for a Flask application and signet: the same keys and cookie
Copy to:  the folder of the application, and call it with signet's state folder:

    import flask_signet
    flask_signet.init_app(app, "/home/you/.signet")

Change:   nothing here. In the signet.toml of the state folder, write this line, so
          that both set the cookie for the whole host:

    SESSION_COOKIE_PATH = "/"

The application must run as the user that owns the key files. Leave SECRET_KEY and
SECRET_KEY_FILE out of signet.toml: this file reads the key files of the state folder.
SESSION_TYPE must be "cookie". The other arguments of init_app are signet's settings
SESSION_DIGEST, SESSION_COOKIE_NAME and SESSION_COOKIE_PATH; if you change one, change
it on both sides, and PERMANENT_SESSION_LIFETIME too.

Where users have passwords, a user of signet is a user of the application, too:

    user = flask_signet.logged_in_user()    # a name, or None
    flask_signet.log_in(name)               # after the application has checked a password

Do not use session["username"] instead: it still holds the name after the user was removed
or has another password. signet in turn accepts a login of the application only if log_in
made it. If USERS_FILE is set in signet.toml, give the same path to init_app:
users_file="/home/you/.htpasswd". A login without a password, as in the demo, is none here.

The key files are read for every request: after `signet key rotate`, visitors stay
logged in to both, and the application needs no restart. signet creates the key on its
first request; the application does not start before that.

Limit: Flask does not know about "Log out everywhere", `signet sessions revoke` and
SESSION_ABSOLUTE_LIFETIME. If one of them has ended a session, signet refuses its cookie,
but Flask accepts a copy of it until PERMANENT_SESSION_LIFETIME has passed. To log
everybody out of both, delete retired_keys and secret_key, and open a page of signet,
which creates a new key.
"""

import base64
import hashlib
import hmac
import re
import time
from pathlib import Path

from flask import current_app, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer


def init_app(app, state_dir, digest="sha256", name="session", path="/", users_file=None):
    app.session_interface = SignetSession(state_dir, digest, users_file)
    app.config.update(SESSION_COOKIE_NAME=name, SESSION_COOKIE_PATH=path)
    app.session_interface.get_signing_serializer(app)  # fails now if there is no key


def logged_in_user():
    """The name of the user who has logged in with the password that is valid now."""
    name, claimed = session.get("username"), session.get("_fingerprint")
    if not isinstance(name, str) or not isinstance(claimed, str):
        return None
    signet = current_app.session_interface
    if not (password_hash := signet.password_hash(name)):
        return None
    wanted = [fingerprint(key, name, password_hash) for key in signet.keys(current_app)]
    matches = [hmac.compare_digest(claimed.encode(errors="replace"), one) for one in wanted]
    if not any(matches):
        return None
    if not matches[-1]:
        # The session may be in use for longer than the old key.
        session["_fingerprint"] = wanted[-1].decode()
    return name


def log_in(name):
    """Logs in a user whose password the application has checked.

    Returns False, and changes nothing, if the users file has no user of this name."""
    signet = current_app.session_interface
    if not (password_hash := signet.password_hash(name)):
        return False
    session.pop("_started", None)  # The session begins now.
    session["username"] = name
    newest = signet.keys(current_app)[-1]
    session["_fingerprint"] = fingerprint(newest, name, password_hash).decode()
    return True


def fingerprint(key, name, password_hash):
    """What binds a session to the password of its user."""
    message = b"\0".join([b"signet.fingerprint", name.encode(), password_hash])
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).rstrip(b"=")


class SignetSession(SecureCookieSessionInterface):
    def __init__(self, state_dir, digest, users_file):
        self.users_file = Path(users_file or Path(state_dir, "users"))
        self.key_file = Path(state_dir, "secret_key")
        self.retired_file = Path(state_dir, "retired_keys")
        self.digest_method = getattr(hashlib, digest)

    def password_hash(self, name):
        """The hash of a user, by the rules by which signet reads the file; None if there is
        no such user. The first usable line with the name decides."""
        try:
            text = self.users_file.read_bytes()
        except FileNotFoundError:
            raise RuntimeError(
                f"{self.users_file} does not exist: no login proves who somebody is"
            ) from None
        wanted = name.encode(errors="surrogatepass")
        if len(wanted) > 255 or re.search("[\0-\x1f\x7f-\x9f]", name) or name[:1] in "#\ufeff":
            return None
        joined = False
        for number, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", text)):
            # Apache joins lines at a backslash: signet uses neither of the two.
            after, joined = joined, bool(re.search(rb"\\\r?\n?\Z", line))
            user = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
            user = user.strip(b" \t\n\v\f\r")
            found, _, rest = user.partition(b":")
            if found == wanted and not (after or joined or len(line) > 8190 or b"\0" in user):
                # A hash of Werkzeug has colons before its first dollar sign.
                werkzeug = rb"(?:(?:scrypt|pbkdf2):[^$]*\$)?[^:]*"
                return re.match(werkzeug, rest)[0] or None
        return None

    def get_signing_serializer(self, app):
        *older, key = self.keys(app)
        app.config.update(SECRET_KEY=key, SECRET_KEY_FALLBACKS=older)  # for extensions
        signer = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeTimedSerializer(
            [*older, key], salt=self.salt, serializer=self.serializer, signer_kwargs=signer
        )

    def keys(self, app):
        """The keys that are accepted; the last one signs."""
        # In this order: a rotation retires the old key before it writes the new one.
        try:
            key = re.sub(rb"\r?\n\Z", b"", self.key_file.read_bytes())
        except FileNotFoundError:
            raise RuntimeError(
                f"{self.key_file} does not exist: open a page of signet, which creates it"
            ) from None
        except PermissionError:
            raise RuntimeError(
                f"{self.key_file} cannot be read: run the application as its owner"
            ) from None
        lines = self.retired_file.read_text().split("\n") if self.retired_file.exists() else []
        oldest = time.time() - app.permanent_session_lifetime.total_seconds()
        retired = (line.split(" ") for line in lines if line)
        older = [bytes.fromhex(digits) for at, digits in retired if int(at) >= oldest]
        return [*older, key]
