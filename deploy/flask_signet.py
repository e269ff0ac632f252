"""One login for a Flask app and signet: the same key files, the same cookie.

Put this file beside your app, and give it signet's state directory:

    import flask_signet
    flask_signet.init_app(app, "/home/you/.signet")

In signet.toml there, so that both set the cookie for the whole host:

    SESSION_COOKIE_PATH = "/"

The app must run as the user that owns the key. The arguments below are signet's
settings SESSION_DIGEST, SESSION_COOKIE_NAME and SESSION_COOKIE_PATH; change both
sides together, and PERMANENT_SESSION_LIFETIME too. SESSION_TYPE is "cookie".

The key files are read for every request: after `signet key rotate` nobody is
logged out, here or there, and the app needs no restart. signet creates the key
on its first request; the app does not start before there is one.

Limit: Flask does not know of "Log out everywhere", of `signet sessions revoke`,
or of SESSION_ABSOLUTE_LIFETIME. signet refuses a cookie that one of them ended;
Flask accepts a copy of it until PERMANENT_SESSION_LIFETIME has passed. To log
everybody out of both, delete retired_keys and secret_key, and open a page of
signet, which creates a new key.
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
    app.session_interface.get_signing_serializer(app)  # fails here without a key


class SignetSession(SecureCookieSessionInterface):
    def __init__(self, state_dir, digest):
        self.key_file = Path(state_dir, "secret_key")
        self.retired_file = Path(state_dir, "retired_keys")
        self.digest_method = getattr(hashlib, digest)

    def get_signing_serializer(self, app):
        # In this order: a rotation retires the old key before it writes the new.
        key = re.sub(rb"\r?\n\Z", b"", self.key_file.read_bytes())
        lines = self.retired_file.read_text().split("\n") if self.retired_file.exists() else []
        oldest = time.time() - app.permanent_session_lifetime.total_seconds()
        retired = (line.split(" ") for line in lines if line)
        older = [bytes.fromhex(digits) for at, digits in retired if int(at) >= oldest]
        app.config.update(SECRET_KEY=key, SECRET_KEY_FALLBACKS=older)  # for extensions
        signer = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeTimedSerializer(
            [*older, key], salt=self.salt, serializer=self.serializer, signer_kwargs=signer
        )
