//! Requests that no browser sends, byte by byte, and who stops each: the server
//! by an error page of its own, or the program by one of its.
//!
//! `@` stands for the mount.

use super::{Mount, Software, is_ours};
use crate::support::html::{link, words};
use crate::support::http::{self, Reply};

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Want {
    /// The index, as anybody gets it who is not logged in.
    Index,
    /// The program's own page, with this status.
    Ours(u16),
    /// The server's refusal, with this status; the program is not run.
    Theirs(u16),
    /// A refusal by either of them: paths that servers tidy in different ways.
    Refused,
    /// A refusal or the index, as a path that leads there may be tidied to it.
    RefusedOrIndex,
}

use Want::{Index, Ours, Refused, RefusedOrIndex, Theirs};

struct Row {
    name: &'static str,
    request: Vec<u8>,
    apache: Want,
    lighttpd: Want,
    nginx: Want,
    /// mod_fcgid has read the body before it asks the program, and makes an
    /// empty one of what is none; otherwise it does as Apache does.
    mod_fcgid: Want,
}

/// A request by its first line and further header lines.
fn row(
    name: &'static str,
    line: &[u8],
    headers: &[&[u8]],
    apache: Want,
    lighttpd: Want,
    nginx: Want,
) -> Row {
    let mut request = [line, b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n"].concat();
    for header in headers {
        request.extend([header, &b"\r\n"[..]].concat());
    }
    request.extend(b"\r\n");
    Row {
        name,
        request,
        apache,
        lighttpd,
        nginx,
        mod_fcgid: apache,
    }
}

impl Row {
    fn body(mut self, body: &[u8]) -> Self {
        self.request.extend(body);
        self
    }

    fn by_mod_fcgid(self, mod_fcgid: Want) -> Self {
        Self { mod_fcgid, ..self }
    }
}

const GET: &[u8] = b"GET @/ HTTP/1.1";
const LOGIN: &[u8] = b"POST @/login HTTP/1.1";
const FORM: &[u8] = b"Content-Type: application/x-www-form-urlencoded";
const CHUNKED: &[u8] = b"Transfer-Encoding: chunked";
const SHELLSHOCK: &str = "() { :;}; echo; echo Content-Type: text/plain; echo; /usr/bin/id";

#[rustfmt::skip]
fn headers() -> Vec<Row> {
    let cookie = |bytes| format!("Cookie: session={}", "a".repeat(bytes)).into_bytes();
    let many = |count| (0..count).map(|n| format!("a{n}: b").into_bytes()).collect::<Vec<_>>();
    let shell = |name: &str| format!("{name}: {SHELLSHOCK}").into_bytes();
    vec![
        row("control in a cookie",     GET, &[b"Cookie: session=a\x01b"], Theirs(400), Theirs(400), Index),
        row("delete in a cookie",      GET, &[b"Cookie: session=a\x7fb"], Theirs(400), Theirs(400), Index),
        row("NUL in a cookie",         GET, &[b"Cookie: session=a\0b"],   Theirs(400), Theirs(400), Theirs(400)),
        row("control in a header",     GET, &[b"X-A: a\x01b"],            Theirs(400), Theirs(400), Index),
        row("8 bit in a cookie",       GET, &[b"Cookie: a=\xff; session=\xe9"], Index, Index, Index),
        row("8 bit in a header",       GET, &[b"User-Agent: caf\xe9"],    Index, Index, Index),
        row("braces in a name",        GET, &[b"X-{a}: b"],               Theirs(400), Theirs(400), Index),
        row("bracket in a name",       GET, &[b"X(Y: b"],                 Theirs(400), Theirs(400), Index),
        row("8 bit in a name",         GET, &[b"X-\xe9: b"],              Theirs(400), Theirs(400), Index),
        row("folded header",           GET, &[b"X-A: b\r\n c"],           Index, Index, Theirs(400)),
        row("long cookie",             GET, &[&cookie(8000)],             Index, Index, Index),
        row("too long cookie",         GET, &[&cookie(20_000)],           Theirs(400), Theirs(431), Theirs(400)),
        row("long cookies together",   GET, &[&cookie(7000), &cookie(7000), &cookie(7000)], Theirs(400), Theirs(431), Index),
        row("90 headers",              GET, &refs(&many(90)),             Index, Index, Index),
        row("300 headers",             GET, &refs(&many(300)),            Theirs(400), Index, Index),
        row("any entity",             GET, &[b"If-None-Match: *"],       Index, Index, Index),
        row("since the future",       GET, &[b"If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT"], Index, Index, Index),
        row("another entity",         GET, &[b"If-Match: \"x\""],        Index, Index, Index),
        row("shell in User-Agent",    GET, &[&shell("User-Agent")],      Index, Index, Index),
        row("shell in Referer",       GET, &[&shell("Referer")],         Index, Index, Index),
        row("shell in Cookie",        GET, &[&shell("Cookie")],          Index, Index, Index),
        row("httpoxy",                    GET, &[b"Proxy: http://127.0.0.1:1"], Index, Index, Index),
        row("a user by header",           GET, &[b"Remote-User: admin", b"X-Remote-User: admin", b"X_Remote_User: admin"], Index, Index, Index),
        row("settings by header",         GET, &[b"Signet-Debug: true", b"Secret-Key: aaaaaaaaaaaaaaaaaaaaaaaa"], Index, Index, Index),
    ]
}

/// Header lines as [`row`] takes them.
fn refs(lines: &[Vec<u8>]) -> Vec<&[u8]> {
    lines.iter().map(Vec::as_slice).collect()
}

#[rustfmt::skip]
fn request_lines() -> Vec<Row> {
    let line = |name, line, apache, lighttpd, nginx| row(name, line, &[], apache, lighttpd, nginx);
    vec![
        line("a version to come",       b"GET @/ HTTP/1.2",                 Index, Theirs(505), Index),
        line("a binary version, typed", b"GET @/ HTTP/2.0",                 Index, Theirs(505), Theirs(505)),
        line("another host",            b"GET http://evil.example@/ HTTP/1.1", Index, Theirs(400), Index),
        line("a path like a host",      b"GET //evil.example/..@/ HTTP/1.1", Index, Index, Index),
        line("an option",              b"GET @/?-s HTTP/1.1",              Index, Index, Index),
        line("a long option",          b"GET @/?--version HTTP/1.1",       Index, Index, Index),
        line("a command",              b"GET @/?key+--help HTTP/1.1",      Index, Index, Index),
        line("an option with a value", b"GET @/?-d+x%3d1 HTTP/1.1",        Index, Index, Index),
        line("a soft hyphen",          b"GET @/?%ADd+x HTTP/1.1",          Index, Index, Index),
        line("shell letters",          b"GET @/?a+b+%22;id HTTP/1.1",      Index, Index, Index),
        line("a configuration",        b"GET @/?/etc/passwd HTTP/1.1",     Index, Index, Index),
        line("a tag",                  b"GET @/?a=<b> HTTP/1.1",           Index, Index, Index),
        line("a quote",                b"GET @/?a=\" HTTP/1.1",            Index, Index, Index),
        line("braces",                 b"GET @/?{}|^` HTTP/1.1",           Index, Index, Index),
        line("8 bit",                  b"GET @/?a=\xff HTTP/1.1",          Index, Theirs(400), Index),
        line("a header in the path",   b"GET @/%0d%0aSet-Cookie:%20x=1 HTTP/1.1", Ours(404), Theirs(400), Ours(404)),
        line("8 bit in the path",      b"GET @/%ff HTTP/1.1",              Ours(404), Theirs(400), Ours(404)),
        line("NUL in the path",        b"GET @/%00 HTTP/1.1",              Refused, Refused, Refused),
        line("escaped slash",          b"GET @/a%2fb HTTP/1.1",            Theirs(404), Ours(404), Ours(404)),
        line("escaped slash and dots", b"GET @/..%2f HTTP/1.1",            Refused, RefusedOrIndex, RefusedOrIndex),
        line("dots",                       b"GET @/../../../etc/passwd HTTP/1.1", Refused, Refused, Refused),
        line("escaped dots",               b"GET @/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", Refused, Refused, Refused),
        line("an own tag in the path",     b"GET @/<script> HTTP/1.1",         Ours(404), Ours(404), Ours(404)),
        line("a path of 7000 bytes",       [&b"GET @/"[..], &[b'a'; 7000], b" HTTP/1.1"].concat().leak(), Refused, Refused, Refused),
        line("a query of 20000 bytes",     [&b"GET @/?"[..], &[b'a'; 20_000], b" HTTP/1.1"].concat().leak(), Theirs(414), Theirs(431), Theirs(414)),
        line("an unknown method",          b"BREW @/ HTTP/1.1",                Ours(405), Theirs(501), Ours(405)),
        line("a method in small letters",  b"get @/ HTTP/1.1",                 Ours(405), Theirs(501), Theirs(400)),
        line("?r= where paths work",       b"GET @/login?r=/logout HTTP/1.1",  Ours(200), Ours(200), Ours(200)),
    ]
}

#[rustfmt::skip]
fn bodies() -> Vec<Row> {
    vec![
        row("two lengths",       LOGIN, &[FORM, b"Content-Length: 14", b"Content-Length: 3"], Theirs(400), Theirs(400), Theirs(400)).body(b"username=admin"),
        row("a list of lengths", LOGIN, &[FORM, b"Content-Length: 14, 14"], Theirs(400), Theirs(400), Theirs(400)).body(b"username=admin"),
        row("a signed length",   LOGIN, &[FORM, b"Content-Length: +14"], Theirs(400), Theirs(400), Theirs(400)).body(b"username=admin"),
        row("length and pieces", LOGIN, &[FORM, CHUNKED, b"Content-Length: 3"], Ours(303), Theirs(400), Theirs(400)).body(b"e\r\nusername=admin\r\n0\r\n\r\n"),
        row("unknown coding",    LOGIN, &[FORM, b"Transfer-Encoding: cow"], Refused, Theirs(501), Theirs(501)),
        row("no length",         LOGIN, &[FORM], Ours(411), Theirs(411), Ours(411)).by_mod_fcgid(Ours(400)),
        row("sizes that are none", LOGIN, &[FORM, CHUNKED], Theirs(400), Theirs(400), Theirs(400)).body(b"-1\r\nusername=admin\r\n0\r\n\r\n").by_mod_fcgid(Ours(400)),
    ]
}

/// Each row, and what holds for all of them.
fn requests(mount: &Mount) {
    for row in [headers(), request_lines(), bodies()].into_iter().flatten() {
        let name = format!("{}: {}", mount.name, row.name);
        let want = match mount.software {
            Software::Apache => row.apache,
            Software::Lighttpd => row.lighttpd,
            Software::Nginx => row.nginx,
            Software::ModFcgid => row.mod_fcgid,
        };
        let reply = send(mount, &row.request).unwrap_or_else(|err| panic!("{name}: {err}"));
        mount.assert_sound(row.name, &reply);
        match want {
            Index => assert_index(mount, row.name, &reply),
            Ours(status) => {
                mount.assert_ours(row.name, &reply);
                assert_eq!(reply.status, status, "{name}: {reply:?}");
            }
            Theirs(status) => {
                assert!(!is_ours(&reply), "{name}: {reply:?}");
                assert_eq!(reply.status, status, "{name}: {reply:?}");
            }
            RefusedOrIndex if reply.status == 200 => assert_index(mount, row.name, &reply),
            Refused | RefusedOrIndex => {
                assert!((400..500).contains(&reply.status), "{name}: {reply:?}");
            }
        }
        if !matches!(want, Ours(303)) {
            assert_eq!(reply.all("Set-Cookie"), Vec::<&str>::new(), "{name}");
        }
    }
}

fn send(mount: &Mount, request: &[u8]) -> std::io::Result<Reply> {
    http::send(mount.port, &at(mount, request), false)
}

/// The request with the mount put in.
fn at(mount: &Mount, request: &[u8]) -> Vec<u8> {
    let mut pieces = request.splitn(2, |&byte| byte == b'@');
    let before = pieces.next().unwrap_or_default();
    let behind = pieces.next().expect("a mount in the request line");
    [before, mount.base.as_bytes(), behind].concat()
}

#[track_caller]
fn assert_index(mount: &Mount, row: &str, reply: &Reply) {
    let name = format!("{}: {row}", mount.name);
    mount.assert_ours(row, reply);
    assert_eq!(reply.status, 200, "{name}: {reply:?}");
    let says = words(reply.text());
    assert!(says.contains("You are not logged in"), "{name}: {says}");
    assert!(!says.contains("Logged in as"), "{name}: {says}");
    assert!(!says.contains("uid="), "{name}: {says}");
    let login = link(reply.text(), "click here to log in");
    assert_eq!(login, mount.url("/login"), "{name}");
}

/// The redirect after a login for another host is a path, without that host.
fn login_at_another_host(mount: &Mount) {
    let line = b"POST http://evil.example@/login HTTP/1.1";
    let row = row(
        "",
        line,
        &[FORM, b"Content-Length: 14"],
        Index,
        Index,
        Index,
    )
    .body(b"username=admin");
    let reply = send(mount, &row.request).expect("an answer");
    mount.assert_sound("another host", &reply);
    match mount.software {
        Software::Apache | Software::ModFcgid | Software::Nginx => {
            let home = mount.url("/");
            assert_eq!(
                (reply.status, reply.header("Location")),
                (303, Some(home.as_str())),
                "{}",
                mount.name
            );
            assert!(!reply.cookies()[0].has("Domain"), "{}", mount.name);
        }
        Software::Lighttpd => assert_eq!(reply.status, 400, "{}", mount.name),
    }
}

/// A trailer after the last chunk is not a header.
fn trailers_are_no_headers(mount: &Mount) {
    let session = mount.log_in();
    let line = b"POST @/logout HTTP/1.1";
    let body = format!("0\r\nCookie: {session}\r\n\r\n");
    let row = row("", line, &[CHUNKED], Index, Index, Index).body(body.as_bytes());
    let reply = send(mount, &row.request).expect("an answer");
    // With a session this would be a logout, and delete the cookie.
    assert_eq!(
        (reply.status, reply.cookies()),
        (303, vec![]),
        "{}",
        mount.name
    );
}

/// A request without a version has an answer without a head, or 400.
fn without_a_version(mount: &Mount) {
    let answer = http::send_and_end(mount.port, &at(mount, b"GET @/\r\n\r\n")).expect("an answer");
    let text = String::from_utf8(answer).expect("text");
    match mount.software {
        // The end of our half is to it the end of us.
        Software::Nginx if text.is_empty() => {}
        Software::Apache | Software::ModFcgid | Software::Nginx => {
            assert!(
                text.starts_with("<!doctype html>"),
                "{}: {text}",
                mount.name
            );
            let says = words(&text);
            assert!(
                says.contains("You are not logged in"),
                "{}: {text}",
                mount.name
            );
        }
        Software::Lighttpd => assert!(text.starts_with("HTTP/1.0 400 "), "{}: {text}", mount.name),
    }
}

/// A body that ends too early logs nobody in.
fn body_cut_short(mount: &Mount) {
    let request = row(
        "",
        LOGIN,
        &[FORM, b"Content-Length: 20"],
        Index,
        Index,
        Index,
    )
    .body(b"username=ad");
    let answer = http::send_and_end(mount.port, &at(mount, &request.request)).unwrap_or_default();
    let text = String::from_utf8_lossy(&answer);
    assert!(!text.contains("Set-Cookie"), "{}: {text}", mount.name);
    match mount.software {
        Software::Apache => assert!(text.starts_with("HTTP/1.1 400 "), "{}: {text}", mount.name),
        Software::Lighttpd | Software::ModFcgid | Software::Nginx => {
            assert!(!text.starts_with("HTTP/1.1 3"), "{}: {text}", mount.name);
        }
    }
}

/// A range request gets the page or that range of it; never "not modified".
fn ranges(mount: &Mount) {
    let whole = mount.get("/", &[]);
    let piece = mount.get("/", &["Range: bytes=0-1"]);
    mount.assert_ours("Range", &piece);
    match (mount.software, piece.status) {
        (Software::Lighttpd, 206) => assert_eq!(piece.body, whole.body[..2], "{}", mount.name),
        (_, status) => assert_eq!((status, &piece.body), (200, &whole.body), "{}", mount.name),
    }
}

/// All of these.
pub(super) fn all(mount: &Mount) {
    requests(mount);
    login_at_another_host(mount);
    trailers_are_no_headers(mount);
    without_a_version(mount);
    body_cut_short(mount);
    ranges(mount);
}
