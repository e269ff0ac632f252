"""A site behind lighttpd: how it is started, how its visitors log in, and which page
they get."""

import http.client
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

LOGGED_IN = "Logged in as admin"
NOBODY = "You are not logged in"
ALWAYS = "always the same"
FORM = "username=admin"
CONNECTIONS = 4  # of wrk
LOGIN = "login"  # instead of a text: the request is POST login

BROWSER = {
    "Accept": "text/html,application/xhtml+xml",
    "Accept-Encoding": "gzip,deflate",
    "Accept-Language": "en-GB,en",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}

numbers = itertools.count(10)


def quoted(environment):
    return ", ".join(f'"{name}" => "{value}"' for name, value in environment.items())


class Site:
    """A row: a program, how lighttpd starts it, and the page that is requested."""

    file = "site.cgi"
    seconds = 1  # of wrk in each round
    connections = CONNECTIONS

    def __init__(self, label, program, wanted=LOGGED_IN, environment=(), login="/login"):
        self.label = label
        self.program = Path(program)
        self.wanted = wanted
        self.environment = dict(environment)
        self.login = login
        # Names of one length, because they are in the links of the pages.
        self.name = f"site{next(numbers)}"
        self.cookies = []

    @property
    def login_needed(self):
        return self.wanted == LOGGED_IN

    def configuration(self):
        return f'$HTTP["url"] =^ "/{self.name}/" {{\n{self.gateway()}\n}}'

    @property
    def address(self):
        return f"/{self.name}/{self.file}"

    def request(self, port, method="GET", cookie=None, path="/"):
        """One request by a new connection: status, headers, text."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        fields = dict(BROWSER)
        if cookie:
            fields["Cookie"] = cookie
        body = None
        if method == "POST":
            body = FORM
            fields["Content-Type"] = "application/x-www-form-urlencoded"
            fields["Origin"] = f"http://127.0.0.1:{port}"
        connection.request(method, self.address + path, body, fields)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def log_in(self, port, visitors=4):
        """Logs in this many visitors and keeps their cookies."""
        for _ in range(visitors):
            status, headers, text = self.request(port, "POST", path=self.login)
            set_cookie = headers.get("Set-Cookie")
            if status not in (302, 303) or not set_cookie:
                self.fail(f"login, status {status}", text)
            self.cookies.append(set_cookie.split(";")[0])

    def check(self, port):
        """Requests each visitor's page; a wrong one ends the run."""
        if self.wanted == LOGIN:
            status, headers, text = self.request(port, "POST", path=self.login)
            if status != 303 or "Set-Cookie" not in headers:
                self.fail(f"login, status {status}", text)
            return
        for cookie in self.cookies or [None]:
            status, _, text = self.request(port, cookie=cookie)
            if status != 200 or self.wanted not in text:
                self.fail(f'no "{self.wanted}" behind lighttpd, status {status}', text)

    def fail(self, what, text):
        sys.exit(f"tests/bench: {self.label}: {what}:\n{text}")

    def script(self, port):
        """The visitors' requests in turn, in Lua for wrk. One visitor is not enough:
        PHP makes requests of one session wait for each other."""
        fields = {"Host": f"127.0.0.1:{port}", **BROWSER}
        method, path, body = "GET", "/", ""
        if self.wanted == LOGIN:
            method, path, body = "POST", self.login, FORM
            fields["Origin"] = f"http://127.0.0.1:{port}"
            fields["Content-Type"] = "application/x-www-form-urlencoded"
            fields["Content-Length"] = len(body)
        requests = []
        for cookie in self.cookies or [None]:
            cookie_field = {"Cookie": cookie} if cookie else {}
            lines = [f"{name}: {value}" for name, value in {**fields, **cookie_field}.items()]
            head = [f"{method} {self.address}{path} HTTP/1.1", *lines, "", body]
            requests.append(json.dumps("\r\n".join(head)))  # Lua's strings have the same escapes
        return LUA % ",\n".join(requests)


LUA = """local requests = {
%s,
}
local turn = 0
function request()
  turn = turn %% #requests + 1
  return requests[turn]
end
"""


class Cgi(Site):
    """A process for each request."""

    interpreter = ""

    def folder(self):
        """A folder for lighttpd with the program, named as the row."""
        folder = self.program.parent / self.name
        folder.mkdir()
        (folder / self.file).hardlink_to(self.program)
        return folder

    def gateway(self):
        folder = self.folder()
        return (
            f'alias.url = ("/{self.name}/" => "{folder}/")\n'
            f"setenv.set-environment = ({quoted(self.environment)})\n"
            f'cgi.assign = ("" => "{self.interpreter}")'
        )

    def variables(self, method="GET", cookie=None):
        """The variables that lighttpd would give the program, for one started without it."""
        fields = {"Host": "127.0.0.1:8080", **BROWSER}
        body = {"CONTENT_LENGTH": "0"}
        route = "/"
        if method == "POST":
            fields["Origin"] = "http://127.0.0.1:8080"
            body = {"CONTENT_LENGTH": str(len(FORM))}
            body["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
            route = self.login
        if cookie:
            fields["Cookie"] = cookie
        root = self.program.parent / "site"
        return {
            **body,
            "DOCUMENT_ROOT": f"{root}/",
            "GATEWAY_INTERFACE": "CGI/1.1",
            **{"HTTP_" + re.sub("-", "_", name).upper(): text for name, text in fields.items()},
            "PATH_INFO": route,
            "PATH_TRANSLATED": f"{root}{route}",
            "QUERY_STRING": "",
            "REDIRECT_STATUS": "200",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "40000",
            "REQUEST_METHOD": method,
            "REQUEST_SCHEME": "http",
            "REQUEST_URI": self.address + route,
            "SCRIPT_FILENAME": str(self.program),
            "SCRIPT_NAME": self.address,
            "SERVER_ADDR": "127.0.0.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8080",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": "lighttpd/1.4.69",
            **self.environment,
        }

    def answer(self, method="GET", cookie=None):
        """The program's output for one request."""
        body = FORM if method == "POST" else ""
        return subprocess.run(
            [self.program], env=self.variables(method, cookie), input=body.encode(),
            stdout=subprocess.PIPE, check=True,
        ).stdout

    def new_cookie(self):
        """The cookie that a login sets."""
        answer = self.answer("POST").decode()
        found = re.search(r"^Set-Cookie: ([^;\r\n]+)", answer, re.I | re.M)
        if not found:
            self.fail("POST /login set no cookie", answer)
        return found[1]


class PhpCgi(Cgi):
    file = "site.php"
    interpreter = shutil.which("php-cgi")


class FastCgi(Site):
    """Two processes for all requests, started by lighttpd."""

    arguments = ""

    @property
    def address(self):
        return f"/{self.name}"

    def configuration(self):
        return f'$HTTP["url"] =^ "/{self.name}" {{\n{self.gateway()}\n}}'

    def gateway(self):
        socket = self.program.parent / self.name
        return f"""fastcgi.server = ("/{self.name}" => ((
  "bin-path" => "{self.program}{self.arguments}",
  "bin-environment" => ({quoted(self.environment)}),
  "socket" => "{socket}.sock",
  "check-local" => "disable",
  "max-procs" => 2,
)))"""


class Fixed(FastCgi):
    """The floor: its response is in a file."""

    def __init__(self, label, program, answer):
        super().__init__(label, program, LOGGED_IN)
        self.arguments = f" {answer}"

    login_needed = False


class PhpFastCgi(PhpCgi):
    """Two child processes of PHP, with Debian's number of requests for each."""

    def gateway(self):
        folder = self.folder()
        children = {"PHP_FCGI_CHILDREN": "2", "PHP_FCGI_MAX_REQUESTS": "10000"}
        return f"""alias.url = ("/{self.name}/" => "{folder}/")
fastcgi.server = (".php" => ((
  "bin-path" => "{self.interpreter}",
  "bin-environment" => ({quoted({**self.environment, **children})}),
  "socket" => "{folder}.sock",
  "max-procs" => 1,
  "broken-scriptfilename" => "enable",
)))"""


class Proxied(Site):
    """A server of its own, behind mod_proxy."""

    @property
    def address(self):
        return f"/{self.name}"

    def gateway(self):
        return f"""proxy.server = ("" => (("socket" => "{self.program}")))
proxy.header = ("map-urlpath" => ("/{self.name}" => ""))"""
