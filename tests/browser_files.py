"""A PDF and a video in a protected folder, in real Chromium.

    browser_files.py URL --folder FOLDER --log FILE --password PASSWORD --end logout|password

URL is where the index page is served, and FOLDER is shown below its `files/`. The server logs
the status, the field Range and the path of each request. The user `ada` has this password.
Her session ends while she sees the video: in another browser, she logs out everywhere or
changes the password.
"""

import argparse
import base64
import http.client
import struct
import urllib.parse
from pathlib import Path

from browser_walk import Walk, chromium, corner

NAME = "ada"
NEW_PASSWORD = "a new horse 7"
SIZE = (640, 480)
SECONDS = 300  # of the video, with a picture in each
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
# A page is filled with the second colour.
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>>endobj
4 0 obj<</Length 30>>stream
0 1 0 rg 0 0 600 800 re f     
endstream endobj
trailer<</Root 1 0 R>>
"""

# Pictures that cannot be compressed, with a colour in the middle: a lossy WebP picture is a
# frame of VP8.
PICTURES = """
const [width, height, colours] = arguments;
const canvas = document.createElement('canvas');
canvas.width = width;
canvas.height = height;
const pen = canvas.getContext('2d');
return colours.map(colour => {
  const noise = pen.createImageData(width, height);
  for (let at = 0; at < noise.data.length; at += 1024)
    crypto.getRandomValues(noise.data.subarray(at, at + 1024));
  for (let at = 3; at < noise.data.length; at += 4) noise.data[at] = 255;
  pen.putImageData(noise, 0, 0);
  pen.fillStyle = `rgb(${colour})`;
  pen.fillRect(width / 4, height / 4, width / 2, height / 2);
  return canvas.toDataURL('image/webp', 0.9);
});
"""

# What the middle of the video shows.
COLOUR = """
const video = document.querySelector('video');
const pen = document.createElement('canvas').getContext('2d');
pen.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
return Array.from(pen.getImageData(0, 0, 1, 1).data).slice(0, 3);
"""


def element(number, *content):
    """An element of EBML (RFC 8794), with a length of eight bytes."""
    content = b"".join(content)
    return bytes.fromhex(number) + (len(content) | 1 << 56).to_bytes(8, "big") + content


def number(value):
    return value.to_bytes(8, "big")


def webm(frames):
    """A WebM video that shows each of these frames of VP8 for a second
    (RFC 9559, https://www.webmproject.org/docs/container/)."""
    head = element(
        "1A45DFA3",
        element("4286", number(1)), element("42F7", number(1)), element("42F2", number(4)),
        element("42F3", number(8)), element("4282", b"webm"), element("4287", number(4)),
        element("4285", number(2)),
    )
    info = element(
        "1549A966",
        element("2AD7B1", number(1_000_000)), element("4489", struct.pack(">d", 1000 * len(frames))),
        element("4D80", b"tests"), element("5741", b"tests"),
    )
    picture = element("E0", element("B0", number(SIZE[0])), element("BA", number(SIZE[1])))
    track = element("D7", number(1)), element("73C5", number(1)), element("83", number(1))
    tracks = element("1654AE6B", element("AE", *track, element("86", b"V_VP8"), picture))

    def seek_head(at):
        seek = element("53AB", bytes.fromhex("1C53BB6B")), element("53AC", number(at))
        return element("114D9B74", element("4DBB", *seek))

    clusters, cues = [], []
    at = len(seek_head(0)) + len(info) + len(tracks)
    for second, frame in enumerate(frames):
        time = number(1000 * second)
        block = b"\x81\x00\x00\x80" + frame  # track 1, at the cluster's time, a key frame
        clusters.append(element("1F43B675", element("E7", time), element("A3", block)))
        place = element("B7", element("F7", number(1)), element("F1", number(at)))
        cues.append(element("BB", element("B3", time), place))
        at += len(clusters[-1])
    index = element("1C53BB6B", *cues)
    return head + element("18538067", seek_head(at), info, tracks, *clusters, index)


def frame(url):
    """The frame of VP8 in a WebP picture (RFC 9649), which is a data URL."""
    riff = base64.b64decode(url.partition(",")[2])
    assert riff[:4] == b"RIFF" and riff[8:12] == b"WEBP", riff[:12]
    at = 12
    while riff[at : at + 4] != b"VP8 ":
        at += 8 + (int.from_bytes(riff[at + 4 : at + 8], "little") + 1) // 2 * 2
    return riff[at + 8 : at + 8 + int.from_bytes(riff[at + 4 : at + 8], "little")]


class OtherBrowser:
    """Another browser of the user, without its pages."""

    def __init__(self, url):
        self.site = urllib.parse.urlsplit(url)
        self.cookie = ""

    def post(self, path, **fields):
        connection = http.client.HTTPConnection(self.site.netloc, timeout=30)
        head = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self.cookie}
        body = urllib.parse.urlencode(fields)
        connection.request("POST", self.site.path + path, body, head)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 303, (path, answer.status, text)
        for line in answer.headers.get_all("Set-Cookie") or ():
            pair = line.partition(";")[0]
            if pair.startswith("session="):
                self.cookie = pair
        connection.close()

    def end_sessions(self, end, password):
        self.post("login", username=NAME, password=password)
        match end:
            case "logout":
                self.post("logout", everywhere=1)
            case "password":
                new = {"new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}
                self.post("password", password=password, **new)


class Reader(Walk):
    def log_in(self, password, path):
        """Logs in on the way to this path."""
        self.open(path)
        self.appears("input[name=username]").send_keys(NAME)
        self.appears("input[name=password]").send_keys(password)
        self.button().click()
        self.wait(lambda: self.driver.current_url == self.url + path, "not there")

    def video(self, words):
        return self.driver.execute_script(f"return document.querySelector('video').{words}")

    def seek(self, seconds):
        self.driver.execute_script(f"document.querySelector('video').currentTime = {seconds}")

    def looks_like(self, seconds):
        """Whether the picture is that of this second."""
        colour = self.driver.execute_script(COLOUR)
        wanted = COLOURS[seconds % len(COLOURS)]
        return all(abs(a - b) < 60 for a, b in zip(colour, wanted, strict=True))

    def is_shown(self, seconds):
        """Waits for the picture of this second."""
        is_there = lambda: self.looks_like(seconds) and not self.video("seeking")
        self.wait(is_there, f"not the picture of second {seconds}")
        assert int(self.video("currentTime")) == seconds, self.video("currentTime")

    def is_buffered(self, seconds):
        return self.driver.execute_script(
            """const buffered = document.querySelector('video').buffered;
            return Array.from(buffered, (_, at) => at)
              .some(at => buffered.start(at) <= arguments[0] && arguments[0] < buffered.end(at));""",
            seconds,
        )


    def pixel(self, x, y):
        clip = {"x": x, "y": y, "width": 1, "height": 1, "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})
        return corner(base64.b64decode(shot["data"]))[:3]


def read_pdf(reader, password):
    reader.log_in(password, "files/page.pdf")
    is_drawn = lambda: reader.pixel(500, 300) == list(COLOURS[1])
    reader.wait(is_drawn, "no page of the PDF")


def see_video(reader, other, end, password, log):
    def answers():
        """The status and the range of each request for the video. Servers delay their log."""
        lines = [line.split() for line in log.read_text().splitlines()]
        return [(status, part) for status, part, path in lines if path == "/files/film.webm"]

    reader.open("files/film.webm")
    reader.wait(lambda: reader.video("readyState") == 4, "no video")
    reader.driver.execute_script("document.querySelector('video').pause()")
    assert reader.video("duration") == SECONDS, reader.video("duration")
    for second in (290, 220):
        assert not reader.is_buffered(second), f"the browser has second {second} already"
        reader.seek(second + 0.5)
        reader.is_shown(second)
    other.end_sessions(end, password)
    assert not reader.is_buffered(150), "the browser has second 150 already"
    reader.seek(150.5)
    is_refused = lambda: any(status == "303" for status, _ in answers())
    reader.wait(is_refused, "the next part is not refused")
    # After an error, Chromium may say that it has all of the video.
    assert not reader.looks_like(150), "the next part came"
    # In no order: a response is logged when it ends.
    seen = answers()
    sent, refused = ({part for status, part in seen if status == wanted} for wanted in ("206", "303"))
    assert any(not part.startswith("bytes=0-") for part in sent), seen
    assert sent.isdisjoint(refused), seen
    reader.open("files/film.webm")
    reader.appears("input[name=password]")


def main():
    parser = argparse.ArgumentParser(description="A PDF and a video in Chromium")
    parser.add_argument("url")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--end", choices=("logout", "password"), required=True)
    asked = parser.parse_args()
    with chromium() as driver:
        reader = Reader(driver, asked.url)
        reader.open("login")
        pictures = driver.execute_script(PICTURES, *SIZE, COLOURS)
        frames = [frame(url) for url in pictures]
        frames = [frames[second % len(frames)] for second in range(SECONDS)]
        (asked.folder / "film.webm").write_bytes(webm(frames))
        (asked.folder / "page.pdf").write_bytes(PDF)
        read_pdf(reader, asked.password)
        see_video(reader, OtherBrowser(asked.url), asked.end, asked.password, asked.log)


if __name__ == "__main__":
    main()
