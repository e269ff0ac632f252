//! Sections 6 to 9: what the script answers, and what surrounds it.

use super::assert_same;
use crate::support::invariants::{COOKIE, NOTHING, assert_holds, checked};
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now};

const LOGIN: &str = "username=admin";

/// 6.2.3, and RFC 9110, 15.4.4: a redirect after POST is 303 to a path, with
/// a page for whoever does not follow it.
#[test]
fn s6_2_client_redirects_have_a_document() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    let cases = [
        ("login", Cgi::post("/login", LOGIN), COOKIE),
        (
            "logout",
            Cgi::get("/logout").cookie(format!("session={token}")),
            COOKIE,
        ),
        (
            "logout, posted",
            Cgi::post("/logout", "").cookie(format!("session={token}")),
            COOKIE,
        ),
        ("logout of nobody", Cgi::get("/logout"), NOTHING),
    ];
    for (name, cgi, allowed) in cases {
        let response = checked(name, cgi, allowed);
        assert_eq!(
            (response.status, response.reason.as_str()),
            (303, "See Other"),
            "{name}"
        );
        assert_eq!(response.header("Location"), Some("/app/"), "{name}");
        assert!(
            response.text().contains("href=\"/app/\""),
            "{name}: {}",
            response.text()
        );
    }
}

/// 6.3.1, 6.3.3: the type with its charset, and HTTP's own reasons
/// (RFC 9110, 15). 8.2: the CGI fields stand before the others.
#[test]
fn s6_3_status_and_type() {
    #[rustfmt::skip]
    let cases = [
        (Cgi::get("/"),                                                   200, "OK"),
        (Cgi::get("/logout"),                                             303, "See Other"),
        (Cgi::post("/login", ""),                                         400, "Bad Request"),
        (Cgi::post("/login", LOGIN).var("HTTP_ORIGIN", "https://evil.example"), 403, "Forbidden"),
        (Cgi::get("/nothing"),                                            404, "Not Found"),
        (Cgi::new("PUT", "/"),                                            405, "Method Not Allowed"),
        (Cgi::post("/login", LOGIN).without("CONTENT_LENGTH"),            411, "Length Required"),
        (Cgi::post("/login", LOGIN).var("CONTENT_LENGTH", "65537"),       413, "Content Too Large"),
        (Cgi::post("/login", LOGIN).var("CONTENT_TYPE", "text/plain"),    415, "Unsupported Media Type"),
        (Cgi::get("/").var("SIGNET_BOGUS", "1"),                          503, "Service Unavailable"),
    ];
    for (cgi, status, reason) in cases {
        let response = checked(reason, cgi, NOTHING);
        assert_eq!(
            (response.status, response.reason.as_str()),
            (status, reason)
        );
        let kind = response
            .header("Content-Type")
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert!(
            kind.starts_with("text/") && kind.ends_with("charset=utf-8"),
            "{reason}: {kind}"
        );
        assert!(
            kind.starts_with("text/html") || status == 303,
            "{reason}: {kind}"
        );
        let cgi_field = |name: &str| ["content-type", "location"].contains(&name);
        let names = response
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase());
        let order: Vec<bool> = names.map(|name| cgi_field(&name)).collect();
        assert!(
            order.is_sorted_by(|one, next| one >= next),
            "{reason}: {:?}",
            response.headers
        );
    }
}

/// 7.2: where the program starts makes no difference and gets nothing new.
#[test]
fn s7_2_working_directory_does_not_matter() {
    let place = StateDir::new();
    place.write(
        "signet.toml",
        "SECRET_KEY = 'the-folder-we-happen-to-stand-in'",
        0o600,
    );
    place.write("templates/index.html", "not ours", 0o600);
    let before = place.snapshot();
    let path = place.path().to_str().expect("a path in UTF-8");
    let there = Cgi::get("/").through(&["/usr/bin/env", "-C", path]);
    assert_same("elsewhere", Cgi::get("/"), there);
    assert_eq!(place.snapshot(), before);
}

/// 9.3: what is secret stands in no address, and is not read from one.
#[test]
fn s9_3_no_token_in_addresses() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    for target in [
        format!("/?session={token}"),
        format!("/?r=/&session={token}"),
        format!("/{token}"),
        format!("/session={token}"),
    ] {
        let page = checked(&target, Cgi::get(&target), NOTHING);
        assert!(
            !page.words().contains("Logged in"),
            "{target}: {}",
            page.words()
        );
    }
    for target in ["/", "/login", "/logout"] {
        let allowed = if target == "/logout" { COOKIE } else { NOTHING };
        let page = checked(
            target,
            Cgi::get(target).cookie(format!("session={token}")),
            allowed,
        );
        assert!(!page.text().contains(&token), "{target}: {}", page.text());
        assert!(
            !page.header("Location").unwrap_or_default().contains(&token),
            "{target}"
        );
    }
}

/// 9.6: input longer than anybody needs is refused or ignored, in good order.
#[test]
fn s9_6_long_input() {
    let (long, longest) = ("a".repeat(8 << 10), "a".repeat(120 << 10));
    for name in [
        "QUERY_STRING",
        "HTTP_USER_AGENT",
        "HTTP_COOKIE",
        "HTTP_ACCEPT",
        "REMOTE_HOST",
        "X",
    ] {
        for value in [&long, &longest] {
            let response = checked(name, Cgi::get("/").var(name, value), NOTHING);
            assert_eq!(response.status, 200, "{name} of {} bytes", value.len());
        }
    }
    let path = Cgi::get("/").bytes(b"PATH_INFO", format!("/{longest}").as_bytes());
    let status = checked("a path of 120 KB", path, NOTHING).status;
    assert!([404, 414].contains(&status), "{status}");
}

/// 6.3.1, 8.2: settings that would break a header line are refused before
/// there is one, by a page that is whole and a line that names the setting.
#[test]
fn s6_3_settings_cannot_break_a_line() {
    #[rustfmt::skip]
    let cases = [
        ("SESSION_COOKIE_NAME",     "a b"),
        ("SESSION_COOKIE_NAME",     "a;b"),
        ("SESSION_COOKIE_NAME",     "a=b"),
        ("SESSION_COOKIE_NAME",     "a\r\nX: y"),
        ("SESSION_COOKIE_NAME",     "caf\u{e9}"),
        ("SESSION_COOKIE_PATH",     "/;Domain=evil.example"),
        ("SESSION_COOKIE_PATH",     "/\r\nX: y"),
        ("SESSION_COOKIE_PATH",     "x"),
        ("SESSION_COOKIE_DOMAIN",   "example.org; Path=/x"),
        ("SESSION_COOKIE_DOMAIN",   "example.org\nX: y"),
        ("SESSION_COOKIE_SAMESITE", "Maybe"),
        ("SESSION_COOKIE_SAMESITE", "Lax\r\nX: y"),
        ("APPLICATION_ROOT",        "//evil.example"),
        ("APPLICATION_ROOT",        "https://evil.example"),
    ];
    for (setting, value) in cases {
        let name = format!("{setting}={}", value.escape_debug());
        let cgi = Cgi::post("/login", LOGIN).var(format!("SIGNET_{setting}"), value);
        let out = cgi.run();
        assert_eq!(
            assert_holds(&name, &out, NOTHING).status,
            503,
            "{name}: {out}"
        );
        assert!(out.errors().contains(setting), "{name}: {}", out.errors());
    }
}
