"""Logs in and out in Lynx and ELinks, whose caches do not know `no-store`.

    text_browsers.py URL    URL is where the index page is served

Each browser runs on a terminal of 40 lines and is typed into as by a person.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

ENTER, TAB, REDRAW = b"\r", b"\t", b"\x0c"
PATIENCE = 60

# For each: its arguments, and what is typed to put a name into the form's field
# and to send the form. ENTER follows the first link.
#
# Links is not among them: unless told otherwise it caches whatever the server
# says, and it does not delete a cookie whose new value is empty, as Flask's is.
BROWSERS = {
    "lynx": (["-accept_all_cookies", "-nopause"], b"admin", TAB + ENTER),
    "elinks": (["-no-home", "1"], ENTER + b"admin", ENTER + ENTER),
}

# Everything that a terminal does not show.
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z@]|\x1b[()][A-Za-z0-9]|\x1b[=>]|[\x00-\x1f]")


class Terminal:
    def __init__(self, argv, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm", "LANG": "C"}
            os.execvpe(argv[0], argv, environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.name = argv[0]

    def type(self, keys):
        os.write(self.fd, keys)

    def read(self):
        """What is written until nothing has come for a tenth of a second."""
        written = b""
        while select.select([self.fd], [], [], 0.1)[0]:
            written += os.read(self.fd, 65536)
        return written

    def screen(self):
        """The words on the screen, all of which it writes anew."""
        self.type(REDRAW)
        text = CONTROL.sub(b" ", self.read()).decode(errors="replace")
        return " ".join(text.split())

    def shows(self, words):
        deadline = time.monotonic() + PATIENCE
        while words not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"{self.name}: no {words!r}: {screen}"

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def walk(name, url):
    arguments, type_name, send = BROWSERS[name]
    with tempfile.TemporaryDirectory(prefix="walk-") as home:
        terminal = Terminal([name, *arguments, url], home)
        try:
            terminal.shows("You are not logged in")
            terminal.type(ENTER)
            terminal.shows("Your name")
            terminal.type(type_name)
            terminal.shows("Your name admin")
            terminal.type(send)
            terminal.shows("Logged in as admin")
            terminal.type(ENTER)
            terminal.shows("You are not logged in")
        finally:
            terminal.end()


if __name__ == "__main__":
    for browser in BROWSERS:
        walk(browser, sys.argv[1])
