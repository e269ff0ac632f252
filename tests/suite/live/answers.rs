//! What each page answers to each method, body and header, seen from outside.

use std::fs;

use super::site::set_mode;
use super::{Mount, Software, is_ours};
use crate::support::html::words;
use crate::support::http::{self, Reply};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

struct Row {
    name: &'static str,
    method: &'static str,
    route: &'static str,
    headers: Vec<String>,
    body: Vec<u8>,
    status: u16,
    allow: Option<&'static str>,
}

impl Row {
    fn new(name: &'static str, method: &'static str, route: &'static str, status: u16) -> Self {
        Self {
            name,
            method,
            route,
            headers: Vec::new(),
            body: Vec::new(),
            status,
            allow: None,
        }
    }

    fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    fn allow(self, methods: &'static str) -> Self {
        Self {
            allow: Some(methods),
            ..self
        }
    }

    fn form(mut self, body: &str) -> Self {
        self.body = body.into();
        let length = format!("Content-Length: {}", body.len());
        self.header(FORM).header(&length)
    }

    /// The form in pieces, of a length that nobody says beforehand.
    fn chunked(mut self, body: &str) -> Self {
        for piece in body.as_bytes().chunks(1000) {
            let size = format!("{:x}\r\n", piece.len());
            self.body.extend([size.as_bytes(), piece, b"\r\n"].concat());
        }
        self.body.extend(b"0\r\n\r\n");
        self.header(FORM).header("Transfer-Encoding: chunked")
    }
}

/// A login form of exactly this many bytes.
fn form_of(bytes: usize) -> String {
    let start = "username=admin&more=";
    format!("{start}{}", "a".repeat(bytes - start.len()))
}

#[rustfmt::skip]
fn rows(mount: &Mount) -> Vec<Row> {
    const LOGIN: &str = "username=admin";
    let own = format!("Origin: http://127.0.0.1:{}", mount.port);
    let session = format!("Cookie: {}", mount.log_in());
    let get = |name, route, status| Row::new(name, "GET", route, status);
    let post = |name, route, status| Row::new(name, "POST", route, status);
    vec![
        get("no such page", "/nowhere", 404),
        get("below a page", "/login/more", 404),
        get("another case", "/LOGIN", 404),
        Row::new("put", "PUT", "/login", 405).form(LOGIN).allow("GET, HEAD, POST, OPTIONS"),
        Row::new("delete", "DELETE", "/", 405).allow("GET, HEAD, OPTIONS"),
        Row::new("options", "OPTIONS", "/login", 204).allow("GET, HEAD, POST, OPTIONS"),
        post("post to the index", "/", 405).form(LOGIN).allow("GET, HEAD, OPTIONS"),
        post("no such page to post to", "/nowhere", 404).form(LOGIN),

        post("a form", "/login", 303).form(LOGIN),
        post("an empty name", "/login", 400).form("username="),
        post("no form", "/login", 415).header("Content-Type: text/plain").header("Content-Length: 0"),
        post("as much as may be", "/login", 303).form(&form_of(65536)),
        post("a byte more", "/login", 413).form(&form_of(65537)),
        post("more than any limit", "/login", 413).form(&form_of(3 << 20)),
        post("in pieces", "/login", 303).chunked(LOGIN),
        post("many pieces", "/login", 303).chunked(&form_of(65536)),
        post("too many pieces", "/login", 413).chunked(&form_of(70_000)),
        post("asked beforehand", "/login", 303).header("Expect: 100-continue").form(LOGIN),

        post("own page", "/login", 303).header(&own).form(LOGIN),
        post("own page, said outright", "/login", 303).header("Sec-Fetch-Site: same-origin").form(LOGIN),
        post("another site", "/login", 403).header("Origin: https://evil.example").form(LOGIN),
        post("another port", "/login", 403).header("Origin: http://127.0.0.1:1").form(LOGIN),
        post("a page without origin", "/login", 403).header("Origin: null").form(LOGIN),
        post("another site, said outright", "/login", 403).header("Sec-Fetch-Site: cross-site").form(LOGIN),
        post("a subdomain", "/login", 403).header("Sec-Fetch-Site: same-site").form(LOGIN),
        post("logout by another site", "/logout", 403).header("Sec-Fetch-Site: cross-site").header(&session).form(""),
        post("logout", "/logout", 303).header(&session).form(""),
        post("logout of nobody", "/logout", 303).form(""),
    ]
}

/// Each method, body and origin.
fn to_each_request(mount: &Mount) {
    for row in rows(mount) {
        // Past 128 KiB it has a page of its own, for a server's failure.
        if row.name == "more than any limit" && mount.software == Software::ModFcgid {
            continue;
        }
        let name = format!("{}: {}", mount.name, row.name);
        let headers: Vec<&str> = row.headers.iter().map(String::as_str).collect();
        let url = mount.url(row.route);
        let reply = http::request(mount.port, row.method, &url, &headers, &row.body);
        // What is too large the server may refuse before the program does.
        match is_ours(&reply) || row.status != 413 {
            true => mount.assert_ours(row.name, &reply),
            false => mount.assert_sound(row.name, &reply),
        }
        assert_eq!(reply.status, row.status, "{name}: {reply:?}");
        assert_eq!(reply.header("Allow"), row.allow, "{name}");
        let changes = row.status == 303 && row.name != "logout of nobody";
        assert_eq!(reply.cookies().len(), usize::from(changes), "{name}");
        if row.status == 303 {
            let home = mount.url("/");
            assert_eq!(reply.header("Location"), Some(home.as_str()), "{name}");
        }
    }
}

/// HEAD: the header of the GET, and nothing behind it (RFC 9110, 9.3.2).
/// [`http::send`] sees to the latter.
fn to_head(mount: &Mount) {
    let session = format!("Cookie: {}", mount.log_in());
    // With this a GET asks, as a HEAD does, whether to log out.
    let elsewhere = "Sec-Fetch-Site: cross-site";
    for route in ["/", "/login", "/logout", "/nowhere"] {
        for headers in [vec![elsewhere], vec![elsewhere, session.as_str()]] {
            let ask = |method| {
                let reply = http::request(mount.port, method, &mount.url(route), &headers, b"");
                mount.assert_ours(&format!("{method} {route}"), &reply);
                reply
            };
            let (get, head) = (ask("GET"), ask("HEAD"));
            assert!(!get.body.is_empty() && head.body.is_empty());
            assert_eq!(
                (head.status, fields(&head)),
                (get.status, fields(&get)),
                "{}: {route} {headers:?}",
                mount.name
            );
        }
    }
    let logout = http::request(mount.port, "HEAD", &mount.url("/logout"), &[&session], b"");
    assert_eq!(
        (logout.status, logout.cookies()),
        (200, vec![]),
        "{}",
        mount.name
    );
}

/// Every field of the program's own, with one clock for all.
fn fields(reply: &Reply) -> Vec<(String, String)> {
    // The length of a body, and how it is sent, need not be known (9.3.2).
    const FREE: [&str; 3] = ["date", "content-length", "transfer-encoding"];
    let mut fields: Vec<(String, String)> = reply
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| !FREE.contains(&name.as_str()))
        .collect();
    fields.sort();
    fields
}

/// Two Cookie headers, which proxies make of one. Apache joins them by a comma,
/// as if a cookie's value could not hold one: the session is then not to be
/// told from what a stranger wrote.
fn to_two_cookie_headers(mount: &Mount) {
    let session = format!("Cookie: {}", mount.log_in());
    let other = "Cookie: other=1";
    let apart = matches!(mount.software, Software::Lighttpd | Software::Nginx);
    for (name, headers, logged_in) in [
        ("alone", vec![session.as_str()], true),
        ("first", vec![session.as_str(), other], apart),
        ("second", vec![other, session.as_str()], apart),
        ("between", vec![other, session.as_str(), other], apart),
        ("twice", vec![session.as_str(), session.as_str()], apart),
    ] {
        let index = mount.get("/", &headers);
        mount.assert_ours(name, &index);
        let says = match logged_in {
            true => "Logged in as admin",
            false => "You are not logged in",
        };
        let words = words(index.text());
        assert!(words.contains(says), "{}, {name}: {words}", mount.name);
        assert_eq!(index.cookies(), [], "{}, {name}", mount.name);
    }
}

/// The owner finds the reason for a page in the server's error log, by the
/// number on the page; and once the fault is gone the site is as before.
fn with_a_reason_in_the_log(mount: &Mount) {
    let name = mount.name;
    let session = format!("Cookie: {}", mount.log_in());
    let key = mount.state.join("secret_key");
    let before = fs::read(&key).expect("the key");
    // A key that others could write is refused; a wider mode for reading is corrected.
    set_mode(&key, 0o666);
    let page = mount.get("/", &[&session]);
    set_mode(&key, 0o600);

    assert_eq!((page.status, page.cookies()), (503, vec![]), "{name}");
    assert!(is_ours(&page), "{name}: {page:?}");
    let words = words(page.text());
    assert!(words.contains("set its permissions to 600"), "{words}");
    let state = mount.state.to_string_lossy();
    assert!(!page.text().contains(&*state), "{name}: {words}");
    let (_, number) = words.split_once("number ").expect("a number");
    let number = number.split(' ').next().expect("a number");
    let wanted = format!("signet: error {number}: ");
    let line = mount.said_once(&wanted);
    assert!(line.contains("secret_key"), "{name}: {line}");

    let index = mount.get("/", &[&session]);
    assert!(index.text().contains("Logged in as admin"), "{name}");
    assert_eq!(fs::read(&key).expect("the key"), before, "{name}");
}

/// All of these.
pub(super) fn all(mount: &Mount) {
    to_each_request(mount);
    to_head(mount);
    to_two_cookie_headers(mount);
    with_a_reason_in_the_log(mount);
}
