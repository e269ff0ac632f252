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

The key files are read for every request: after `signet key rotate`, visitors stay
logged in to both, and the application needs no restart. signet creates the key on its
first request; the application does not start before that.

Limit: Flask does not know about "Log out everywhere", `signet sessions revoke` and
SESSION_ABSOLUTE_LIFETIME. If one of them has ended a session, signet refuses its cookie,
but Flask accepts a copy of it until PERMANENT_SESSION_LIFETIME has passed. To log
everybody out of both, delete retired_keys and secret_key, and open a page of signet,
which creates a new key.
"""

import hashlib
import re
import time
from pathlib import Path

from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer


def init_app(app, state_dir, digest="sha256", name="session", path="/"):
    app.session_interface = SignetSession(state_dir, digest)
    app.config.update(SESSION_COOKIE_NAME=name, SESSION_COOKIE_PATH=path)
    app.session_interface.get_signing_serializer(app)  # fails now if there is no key


class SignetSession(SecureCookieSessionInterface):
    def __init__(self, state_dir, digest):
        self.key_file = Path(state_dir, "secret_key")
        self.retired_file = Path(state_dir, "retired_keys")
        self.digest_method = getattr(hashlib, digest)

    def get_signing_serializer(self, app):
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
        app.config.update(SECRET_KEY=key, SECRET_KEY_FALLBACKS=older)  # for extensions
        signer = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeTimedSerializer(
            [*older, key], salt=self.salt, serializer=self.serializer, signer_kwargs=signer
        )
