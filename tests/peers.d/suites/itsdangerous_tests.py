"""A pytest plugin for itsdangerous' own tests: signet signs and verifies what has
a date, and encodes what goes into a URL.

signet has Flask's salt and key derivation and no other. A signer of another salt
has another key here, and itsdangerous' default derivation is replaced by that of
Flask with signet's salt. So itsdangerous would make the same tokens, which each
signature is compared with; what has no date is still signed by itsdangerous.
"""

import hashlib
import hmac
import json
import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from itsdangerous.encoding import base64_decode, bytes_to_int, want_bytes
from itsdangerous.exc import BadPayload, BadTimeSignature, SignatureExpired
from itsdangerous.serializer import Serializer
from itsdangerous.signer import HMACAlgorithm, Signer
from itsdangerous.timed import TimestampSigner
from itsdangerous.url_safe import URLSafeSerializerMixin

from applied import Applied

PROGRAM = Path(os.environ["PROGRAMS"]) / "examples/peer_signer"
FOREVER = 2**62

TESTS = "tests/test_itsdangerous"
DIFFERENCES = {
    f"{TESTS}/test_timed.py::TestTimestampSigner::test_malformed_future_timestamp": (
        "the token in it is signed with itsdangerous' default derivation, which signet has not"
    ),
}

suite = Applied(DIFFERENCES, minimum=122)


class Program:
    def __init__(self):
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        self.process = subprocess.Popen([PROGRAM], text=True, bufsize=1, **pipes)

    def ask(self, **line):
        suite.note()
        self.process.stdin.write(json.dumps(line) + "\n")
        return json.loads(self.process.stdout.readline())


program = Program()


def key_of(signer, secret):
    """signet's key in place of a secret key and a salt. It refuses short ones."""
    return hashlib.sha256(signer.salt + b"\0" + secret).hexdigest()


derive_key_by_itsdangerous = Signer.derive_key
sign_by_itsdangerous = TimestampSigner.sign
unsign_by_itsdangerous = TimestampSigner.unsign


def is_default(signer):
    return signer.key_derivation == Signer.default_key_derivation


def derive_key(self, secret_key=None):
    if not is_default(self):
        return derive_key_by_itsdangerous(self, secret_key)
    secret = self.secret_keys[-1] if secret_key is None else want_bytes(secret_key)
    key = key_of(self, secret).encode()
    return hmac.new(key, b"cookie-session", self.digest_method).digest()


def asked(signer):
    """What signet needs to sign as this signer does; None if it cannot."""
    digest = signer.digest_method().name
    usual = is_default(signer) and type(signer.algorithm) is HMACAlgorithm
    if not usual or signer.sep != b"." or digest not in ("sha1", "sha256"):
        return None
    keys = [key_of(signer, secret) for secret in reversed(signer.secret_keys)]
    return {"keys": keys, "digest": digest, "now": signer.get_timestamp()}


def sign(self, value):
    about = asked(self)
    if about is None:
        return sign_by_itsdangerous(self, value)
    token = program.ask(do="sign", payload=want_bytes(value).decode(), **about).encode()
    if token != sign_by_itsdangerous(self, value):
        raise RuntimeError(f"itsdangerous makes another token than {token}")
    return token


def unsign(self, signed_value, max_age=None, return_timestamp=False):
    about = asked(self)
    if about is None:
        return unsign_by_itsdangerous(self, signed_value, max_age, return_timestamp)
    token = want_bytes(signed_value)
    max_age = FOREVER if max_age is None else max_age
    good = program.ask(do="unsign", token=token.decode(), max_age=max_age, **about)
    if "error" in good:
        raise refusal(self, good, token)
    payload = good["payload"].encode()
    date = datetime.fromtimestamp(good["signed_at"], tz=timezone.utc)
    return (payload, date) if return_timestamp else payload


def refusal(signer, bad, token):
    """The exception for an error of signet, which says nothing else."""
    payload, *rest = token.rsplit(b".", 2)
    try:
        date = signer.timestamp_to_datetime(bytes_to_int(base64_decode(rest[-2])))
    except Exception:  # as itsdangerous itself has it
        date = None
    kind = SignatureExpired if bad["error"] in ("expired", "from the future") else BadTimeSignature
    text = bad["text"]
    if bad["error"] == "malformed":
        text += ": timestamp missing" if len(rest) < 2 else ": Malformed timestamp"
    return kind(text, payload=payload, date_signed=date)


def dump_payload(self, obj):
    text = Serializer.dump_payload(self, obj).decode()
    return program.ask(do="encode", json=text).encode()


def load_payload(self, payload, *args, **kwargs):
    text = program.ask(do="decode", payload=payload.decode())
    if text is None:
        reason = "signet decodes no such payload"
        raise BadPayload(reason, original_error=ValueError(reason))
    kwargs.pop("serializer", None)
    return Serializer.load_payload(self, text.encode(), *args, **kwargs)


def pytest_configure(config):
    config.pluginmanager.register(suite)
    Signer.derive_key = derive_key
    TimestampSigner.sign = sign
    TimestampSigner.unsign = unsign
    URLSafeSerializerMixin.dump_payload = dump_payload
    URLSafeSerializerMixin.load_payload = load_payload


def pytest_unconfigure():
    program.process.communicate()
