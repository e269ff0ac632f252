//! Paths and queries: what is no page is 404, whatever bytes name it, and no
//! query makes a page do more than show itself.

use super::{assert_anonymous, assert_status};
use crate::support::Cgi;
use crate::support::invariants::{MARKER, NOTHING, checked};

/// A request for a PATH_INFO of any bytes, REQUEST_URI as a client sent it.
fn path(bytes: &[u8]) -> Cgi {
    let encoded: String = bytes
        .iter()
        .map(|&byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b';' | b'=' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let cgi = Cgi::get("/").bytes(b"PATH_INFO", bytes);
    // Half of the servers decode, half of the visitors do not encode.
    if bytes.contains(&b'\n') {
        cgi.bytes(b"REQUEST_URI", &[b"/app", bytes].concat())
    } else {
        cgi.var("REQUEST_URI", format!("/app{encoded}"))
    }
}

/// Paths that almost name a page, leave the mount, or are spelled strangely.
#[test]
fn what_is_no_page_is_404() {
    let long = format!("/{}", "a".repeat(10_000));
    let deep = "/a".repeat(5_000);
    let marker = format!("/{MARKER}");
    let cases: [&[u8]; 34] = [
        b"/LOGIN",
        b"/Login",
        b"/login/",
        b"/login//",
        b"//login",
        b"/./login",
        b"/x/../login",
        b"/login;x=1",
        b"/login ",
        b" /login",
        b"/login%20",
        b"/login%00",
        b"/%6cogin",
        b"/loginx",
        b"/logi",
        b"/login\n",
        b"/login\xff",
        b"/\r\nX: y",
        b"/\r\nSet-Cookie: session=x",
        b"/\xff",
        b"/\x01",
        b"/..",
        b"/.",
        b"/../state",
        b"/.git/config",
        b"/state/key",
        b"/secret_key",
        b"/signet.toml",
        b"/<script>",
        b"/{{7*7}}",
        b"/%3Cb%3E",
        marker.as_bytes(),
        long.as_bytes(),
        deep.as_bytes(),
    ];
    for bytes in cases {
        let name = bytes[..bytes.len().min(30)].escape_ascii().to_string();
        let page = assert_status(&name, path(bytes), 404);
        assert!(!page.text().contains("49"), "{name}: {}", page.text());
        let post = path(bytes).vars(&[("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "14")]);
        assert_status(&format!("POST {name}"), post.body("username=admin"), 404);
    }
}

/// Any query string, of any length.
#[test]
fn queries_are_of_no_account() {
    let pairs = "a=b&".repeat(30_000);
    let flat = "a".repeat(120 * 1024);
    for query in [
        "",
        "&",
        "=",
        "&&&",
        "a",
        "=a",
        "%",
        "%z",
        "%2",
        "%zz",
        "%00",
        "+",
        ";",
        "a[]=1",
        "a[b][c]=1",
        "--version",
        "-s",
        "-d+allow_url_include%3d1",
        "%ADd+x",
        "<b>",
        "{}|^`",
        &pairs,
        &flat,
    ] {
        let name = &query[..query.len().min(20)];
        assert_anonymous(name, Cgi::get("/").var("QUERY_STRING", query));
        let page = assert_status(name, Cgi::get("/login").var("QUERY_STRING", query), 200);
        assert!(
            page.text().contains("name=\"username\""),
            "{name}: {}",
            page.text()
        );
    }
}

/// A GET request logs nobody in, also if it asks for another method.
#[test]
fn a_get_request_stays_one() {
    let login = "username=admin&password=x";
    let cases = [
        (
            "the form in the query",
            Cgi::get(&format!("/login?{login}")),
        ),
        ("_method", Cgi::get(&format!("/login?_method=POST&{login}"))),
        (
            "override",
            Cgi::get("/login")
                .var("HTTP_X_HTTP_METHOD_OVERRIDE", "POST")
                .body(login),
        ),
        (
            "another",
            Cgi::get("/login").var("HTTP_X_METHOD_OVERRIDE", "POST"),
        ),
        (
            "a body",
            Cgi::get("/login").body(login).var("CONTENT_LENGTH", "25"),
        ),
    ];
    for (name, cgi) in cases {
        let page = assert_status(name, cgi, 200);
        assert!(
            page.text().contains("name=\"username\""),
            "{name}: {}",
            page.text()
        );
        assert!(!page.text().contains("admin"), "{name}: {}", page.text());
    }
}

/// No part of a query string is in the response.
#[test]
fn queries_are_not_reflected() {
    for target in ["/", "/login", "/logout", "/nothing"] {
        for field in ["name", "username", "next", "error", "r"] {
            let name = format!("{target}?{field}=…");
            let cgi = Cgi::get(target).var("QUERY_STRING", format!("{field}={MARKER}"));
            let response = checked(&name, cgi, NOTHING);
            assert!(
                !response.text().contains("zq"),
                "{name}: {}",
                response.text()
            );
        }
    }
}

/// The path in the query (`signet.cgi?r=/login`, for hosts without PATH_INFO):
/// a path like any other, and no more than a path.
#[test]
fn paths_in_the_query() {
    let query = |query: &str| {
        Cgi::get("/")
            .without("PATH_INFO")
            .var("SCRIPT_NAME", "/x.cgi")
            .var("QUERY_STRING", query)
            .var("REQUEST_URI", format!("/x.cgi?{query}"))
    };
    assert_anonymous("the index", query("r=/"));
    assert_status("the form", query("r=/login"), 200);
    assert_status("the form, encoded", query("r=%2Flogin"), 200);
    let marked = format!("r=/{MARKER}");
    for bad in [
        "r=/nothing",
        "r=//evil.example",
        "r=//evil.example/login",
        "r=/\\evil.example",
        "r=/%0d%0aSet-Cookie:x=1",
        "r=/login%00",
        "r=/%ff",
        "r=/login%2520",
        "r=/../login",
        "r=/..%2f..%2fetc/passwd",
        &marked,
    ] {
        assert_status(bad, query(bad), 404);
    }
    // Not a path, or none: no page at all or the front page, never elsewhere.
    for odd in [
        "r=http://evil.example/",
        "r=evil.example",
        "r=",
        "r",
        "r=login",
        "R=/login",
        "r=/login&r=/logout",
        "x=1&r=/",
    ] {
        let response = checked(odd, query(odd), NOTHING);
        let location = response.header("Location").unwrap_or("/x.cgi");
        assert!(location.starts_with("/x.cgi"), "{odd}: {location}");
        assert!(response.status < 500, "{odd}: {}", response.status);
    }
    // With a PATH_INFO the query is the page's own business.
    assert_anonymous("PATH_INFO wins", Cgi::get("/?r=/login"));
}
