//! Section 4: what the server tells the script, and what the script may do
//! with it.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::assert_same;
use crate::support::cgi::os;
use crate::support::invariants::{COOKIE, MARKER, NOTHING, checked};
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now};

const LOGIN: &str = "username=admin";
const ROUTES: [&str; 4] = ["/", "/login", "/logout", "/nothing"];

/// 4.1: a variable with an empty value is one that is not set.
#[test]
fn s4_1_unset_is_empty() {
    for name in [
        "AUTH_TYPE",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "HTTPS",
        "HTTP_COOKIE",
        "HTTP_HOST",
        "HTTP_ORIGIN",
        "HTTP_SEC_FETCH_SITE",
        "HTTP_SEC_PURPOSE",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_X_FORWARDED_PROTO",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "REDIRECT_STATUS",
        "REDIRECT_URL",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "REMOTE_USER",
        "REQUEST_SCHEME",
        "REQUEST_URI",
        "SCRIPT_FILENAME",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
    ] {
        for route in ["/", "/login", "/logout"] {
            let unset = Cgi::get(route).without(name);
            assert_same(
                &format!("{name} on {route}"),
                unset,
                Cgi::get(route).var(name, ""),
            );
        }
    }
    let method = |cgi: Cgi| cgi.without("REQUEST_METHOD");
    assert_same("REQUEST_METHOD", method(Cgi::get("/")), Cgi::new("", "/"));
}

/// 4.1: names are canonical in upper case; another spelling is another name.
#[test]
fn s4_1_names_in_lower_case_are_other_names() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    for name in [
        "http_cookie",
        "Http_Cookie",
        "HTTP_Cookie",
        "COOKIE",
        "HTTP_COOKIE2",
    ] {
        let cgi = Cgi::get("/").var(name, format!("session={token}"));
        let page = checked(name, cgi, NOTHING);
        assert!(
            page.words().contains("You are not logged in"),
            "{name}: {}",
            page.words()
        );
    }
    let cgi = Cgi::get("/")
        .cookie(format!("session={token}"))
        .var("http_cookie", "session=x");
    let page = checked("both", cgi, NOTHING);
    assert!(
        page.words().contains("Logged in as admin"),
        "{}",
        page.words()
    );
}

/// 4.1.2: `CONTENT_LENGTH = "" | 1*digit`. Without one there is no saying
/// where the body ends: 411 (RFC 9110, 15.5.12).
#[test]
fn s4_1_2_content_length_is_digits() {
    let huge = "9".repeat(30);
    #[rustfmt::skip]
    let cases: [(&[u8], u16); 24] = [
        (b"14",                   303),
        (b"014",                  303),
        (b"00000000000000000000000000000014", 303),
        (b"",                     411),
        (b"0",                    400), // No username in nothing.
        (b"007",                  400), // Nor in "usernam".
        (b"+14",                  400),
        (b"-1",                   400),
        (b"-0",                   400),
        (b" 14",                  400),
        (b"14 ",                  400),
        (b"14\t",                 400),
        (b"14\n",                 400),
        (b"14,14",                400),
        (b"14;14",                400),
        (b"14.0",                 400),
        (b"0x0e",                 400),
        (b"1e1",                  400),
        (b"1_4",                  400),
        ("١٤".as_bytes(),         400),
        (b"14\xff",               400),
        (b"9223372036854775808",  413),
        (b"18446744073709551616", 413),
        (huge.as_bytes(),         413),
    ];
    for (length, want) in cases {
        let name = format!("CONTENT_LENGTH={}", length.escape_ascii());
        let cgi = Cgi::post("/login", LOGIN).bytes(b"CONTENT_LENGTH", length);
        let allowed = if want == 303 { COOKIE } else { NOTHING };
        assert_eq!(checked(&name, cgi, allowed).status, want, "{name}");
    }
    let cgi = Cgi::post("/login", LOGIN).without("CONTENT_LENGTH");
    assert_eq!(checked("unset", cgi, NOTHING).status, 411);
}

/// 4.1.3, 8.2: names in a media type know no case, parameters may follow; a
/// type that is not a form's is 415, whatever it says.
#[test]
fn s4_1_3_content_type() {
    #[rustfmt::skip]
    let cases: [(&[u8], u16); 16] = [
        (b"application/x-www-form-urlencoded",                    303),
        (b"Application/X-WWW-Form-URLencoded; Charset=UTF-8",     303),
        (b"application/x-www-form-urlencoded;charset=utf-8",      303),
        (b"application/x-www-form-urlencoded; charset=\"utf-8\"", 303),
        (b"application/x-www-form-urlencoded ; charset=utf-8",    303),
        (b"application/x-www-form-urlencoded; charset=utf-16",    415),
        (b"application/x-www-form-urlencodedx",                   415),
        (b"xapplication/x-www-form-urlencoded",                   415),
        (b"application/x-www-form-urlencoded, text/plain",        415),
        (b"application/json",                                     415),
        (b"text/plain",                                           415),
        (b"text/plain; application/x-www-form-urlencoded",        415),
        (b"multipart/form-data; boundary=x",                      415),
        (b"/",                                                    415),
        (b"\xff",                                                 415),
        (b"",                                                     415),
    ];
    for (kind, want) in cases {
        let name = format!("CONTENT_TYPE={}", kind.escape_ascii());
        let cgi = Cgi::post("/login", LOGIN).bytes(b"CONTENT_TYPE", kind);
        let allowed = if want == 303 { COOKIE } else { NOTHING };
        assert_eq!(checked(&name, cgi, allowed).status, want, "{name}");
    }
    let cgi = Cgi::post("/login", LOGIN).without("CONTENT_TYPE");
    assert_eq!(checked("unset", cgi, NOTHING).status, 415);
}

/// 4.1.4: the version of the interface is no reason to answer otherwise.
#[test]
fn s4_1_4_gateway_interface() {
    for version in [
        "CGI/01.01",
        "CGI/1.2",
        "CGI/2.13",
        "CGI/1.0",
        "cgi/1.1",
        "CGI/",
        "junk",
        "\u{e9}",
        "",
    ] {
        let other = Cgi::get("/").var("GATEWAY_INTERFACE", version);
        assert_same(version, Cgi::get("/"), other);
    }
    assert_same(
        "unset",
        Cgi::get("/"),
        Cgi::get("/").without("GATEWAY_INTERFACE"),
    );
    let bytes = Cgi::get("/").bytes(b"GATEWAY_INTERFACE", b"\xff");
    assert_same("not UTF-8", Cgi::get("/"), bytes);
}

/// 4.1.5 and 8.2: PATH_INFO may be any bytes; a void or dotted segment is no
/// page of ours. (`hostile::paths` has more of them.)
#[test]
fn s4_1_5_path_info_of_any_bytes() {
    let cases: [&[u8]; 7] = [
        b"/a\nb",
        b"/\xff",
        b"//",
        b"/.",
        b"/..",
        b"/a/",
        b"/login/x",
    ];
    for path in cases {
        let name = path.escape_ascii().to_string();
        let response = checked(&name, Cgi::get("/").bytes(b"PATH_INFO", path), NOTHING);
        assert_eq!(response.status, 404, "{name}");
    }
}

/// 4.1.6: PATH_TRANSLATED is never opened: reading from a pipe that nobody
/// writes to would not end.
#[test]
fn s4_1_6_path_translated_is_not_opened() {
    let state = StateDir::new();
    let trap = state.path().join("trap");
    let made = std::process::Command::new("mkfifo")
        .arg(&trap)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    for name in [
        "PATH_TRANSLATED",
        "SCRIPT_FILENAME",
        "REDIRECT_SCRIPT_FILENAME",
    ] {
        assert_same(name, Cgi::get("/"), Cgi::get("/").var(name, &trap));
    }
}

/// 4.1.8 to 4.1.10, 4.1.14, 4.1.15: who asks, and under which name, changes
/// no page and stands on none.
#[test]
fn s4_1_8_addresses_and_names() {
    #[rustfmt::skip]
    let cases = [
        ("REMOTE_ADDR", "2001:db8::7"),
        ("REMOTE_ADDR", "::ffff:192.0.2.7"),
        ("REMOTE_ADDR", "unknown"),
        ("REMOTE_HOST", MARKER),
        ("REMOTE_IDENT", MARKER),
        ("SERVER_NAME", "[2001:db8::1]"),
        ("SERVER_NAME", MARKER),
        ("SERVER_PORT", "65536"),
        ("SERVER_PORT", "-1"),
        ("SERVER_SOFTWARE", MARKER),
    ];
    for (name, value) in cases {
        assert_same(
            &format!("{name}={value}"),
            Cgi::get("/"),
            Cgi::get("/").var(name, value),
        );
    }
}

/// 4.1.16, and RFC 9110: the protocol's version changes no page, and a
/// redirect is 303 in all of them.
#[test]
fn s4_1_16_server_protocol() {
    for protocol in [
        "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "INCLUDED", "http/1.1", "x", "",
    ] {
        assert_same(
            protocol,
            Cgi::get("/"),
            Cgi::get("/").var("SERVER_PROTOCOL", protocol),
        );
        let login = Cgi::post("/login", LOGIN).var("SERVER_PROTOCOL", protocol);
        assert_eq!(checked(protocol, login, COOKIE).status, 303, "{protocol}");
    }
}

/// 4.1.18: header lines come merged, folded, in eight bits.
#[test]
fn s4_1_18_headers_as_servers_pass_them() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    let valid = format!("session={token}");
    #[rustfmt::skip]
    let cases: [(&str, &str, String, &str); 7] = [
        ("alone",         "HTTP_COOKIE",     valid.clone(),              "Logged in as admin"),
        ("merged by ;",   "HTTP_COOKIE",     format!("a=1; {valid}"),    "Logged in as admin"),
        ("merged, first", "HTTP_COOKIE",     format!("{valid}; b=2"),    "Logged in as admin"),
        // Apache merges two lines by a comma, which no cookie ends at.
        ("merged by ,",   "HTTP_COOKIE",     "a=1, b=2".into(),          "You are not logged in"),
        ("glued on",      "HTTP_COOKIE",     format!("{valid}, b=2"),    "You are not logged in"),
        ("folded",        "HTTP_USER_AGENT", "a\r\n\tb".into(),          "You are not logged in"),
        ("other headers", "HTTP_ACCEPT",     "text/html, */*;q=0.1".into(), "You are not logged in"),
    ];
    for (name, variable, value, want) in cases {
        let page = checked(name, Cgi::get("/").var(variable, value), NOTHING);
        assert_eq!(page.status, 200, "{name}");
        assert!(page.words().contains(want), "{name}: {}", page.words());
    }
}

/// 4.3.1, and RFC 9110, 9.2.1: GET and HEAD are safe. Each of these rows
/// asserts an unchanged state directory and no cookie; logging out by GET is
/// the one departure, for links that log out.
#[test]
fn s4_3_1_get_changes_nothing() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    for method in ["GET", "HEAD"] {
        for route in ROUTES {
            let name = format!("{method} {route}");
            checked(&name, Cgi::new(method, route), NOTHING);
            if (method, route) != ("GET", "/logout") {
                let cgi = Cgi::new(method, route).cookie(format!("session={token}"));
                checked(&format!("{name}, logged in"), cgi, NOTHING);
            }
        }
    }
}

/// 4.3.3: HEAD is GET's head, and no body.
#[test]
fn s4_3_3_head_has_no_body() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    for route in ["/", "/login", "/nothing"] {
        for cookie in [String::new(), format!("session={token}")] {
            let ask = |method| checked(route, Cgi::new(method, route).cookie(&cookie), NOTHING);
            let (get, head) = (ask("GET"), ask("HEAD"));
            let top = |response: &Response| {
                let mut headers = response.headers.clone();
                headers.sort();
                (response.status, response.reason.clone(), headers)
            };
            assert_eq!(top(&head), top(&get), "{route} with {cookie:?}");
            assert_eq!(head.body, b"", "{route} with {cookie:?}");
            assert!(!get.body.is_empty(), "{route} with {cookie:?}");
        }
    }
    let out = Cgi::new("HEAD", "/logout")
        .cookie(format!("session={token}"))
        .run();
    assert_eq!(out.response().body, b"", "/logout");
}

/// 4.4: words of the query in argv are not ours to follow.
#[test]
fn s4_4_arguments_are_ignored() {
    let cases: [&[u8]; 5] = [b"--version", b"gc", b"-c/etc/passwd", b"\xff", b"key"];
    for argument in cases {
        let name = argument.escape_ascii().to_string();
        let plain = Cgi::get("/").bytes(b"QUERY_STRING", argument);
        let given = Cgi::get("/")
            .bytes(b"QUERY_STRING", argument)
            .arg(os(argument));
        assert_same(&name, plain, given);
    }
}

/// 4.2: a program need not read the body. Where stdin and stdout are one
/// socket, as under Apache's mod_cgid, ending with bytes unread would reset it
/// and take the answer along.
#[test]
fn unread_body_does_not_cost_the_answer() {
    let form = format!("username={}", "a".repeat(60_000));
    let length = form.len().to_string();
    let sized = |cgi: Cgi| cgi.var("CONTENT_LENGTH", &length);
    let cases = [
        ("no such page", Cgi::post("/nowhere", &form), 404),
        ("no such method", sized(Cgi::new("PUT", "/login")), 405),
        ("a GET", sized(Cgi::get("/")), 200),
        (
            "too large, in chunks",
            Cgi::post("/login", "")
                .without("CONTENT_LENGTH")
                .var("HTTP_TRANSFER_ENCODING", "chunked")
                .var("SIGNET_MAX_CONTENT_LENGTH", "1000"),
            413,
        ),
    ];
    for (name, cgi, want) in cases {
        let (mut server, program) = UnixStream::pair().expect("a socket pair");
        server.write_all(form.as_bytes()).expect("send the body");
        server.shutdown(Shutdown::Write).expect("end the body");
        let cgi = cgi.redirect("<&1").stdout(OwnedFd::from(program));
        let out = cgi.run();
        let mut answer = Vec::new();
        let read = server.read_to_end(&mut answer);
        assert!(read.is_ok(), "{name}: {read:?}");
        let response = Response::parse(&answer).unwrap_or_else(|why| panic!("{name}: {why} {out}"));
        assert_eq!(response.status, want, "{name}: {out}");
    }
}
