"""The most common passwords, from Django's list.

    common_passwords.py            prints those with at least 8 characters, one a line
    common_passwords.py --hashes   prints what src/users/common_passwords.bin has

To make the file again, after `tests/run` installed another version of Django:

    target/venv/bin/python tests/common_passwords.py --hashes >src/users/common_passwords.bin

Django's list (BSD-3-Clause) has the 20 000 most common passwords of Have I Been Pwned in
lower case, by Royce Williams.
"""

import gzip
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

LIST = "contrib/auth/common-passwords.txt.gz"
FEWEST_CHARACTERS = 8
BYTES_OF_HASH = 4


def passwords():
    path = Path(find_spec("django").origin).parent / LIST
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [line.strip() for line in lines if len(line.strip()) >= FEWEST_CHARACTERS]


if __name__ == "__main__":
    words = [word.encode() for word in passwords()]
    if "--hashes" in sys.argv:
        hashes = {sha256(word).digest()[:BYTES_OF_HASH] for word in words}
        sys.stdout.buffer.write(b"".join(sorted(hashes)))
    else:
        sys.stdout.buffer.write(b"".join(word + b"\n" for word in words))
