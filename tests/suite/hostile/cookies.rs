//! Cookie headers as browsers, proxies and strangers send them.
//!
//! The rules: `;` alone separates, only blanks and tabs around a pair are cut
//! off, names are compared byte by byte, nothing is decoded or unquoted. All
//! cookies of the name are tried; one distinct session wins, two are none.

use crate::support::invariants::{COOKIE, NOTHING, checked};
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, now};

/// Whom the index page takes us for.
#[track_caller]
pub(crate) fn user(response: &Response) -> Option<String> {
    let words = response.words();
    if words.contains("You are not logged in") {
        return None;
    }
    let (_, rest) = words
        .split_once("Logged in as ")
        .unwrap_or_else(|| panic!("neither logged in nor out: {words}"));
    let (name, _) = rest
        .rsplit_once("click here to log out")
        .unwrap_or_else(|| panic!("no way out: {words}"));
    Some(name.trim_end().to_owned())
}

fn token(username: &str, timestamp: u64) -> String {
    Signer::default().token(format!(r#"{{"username":"{username}"}}"#), timestamp)
}

#[track_caller]
fn assert_user(name: &str, request: Cgi, want: Option<&str>) {
    let response = checked(name, request, NOTHING);
    assert_eq!(response.status, 200, "{name}");
    assert_eq!(
        user(&response).as_deref(),
        want,
        "{name}: {}",
        response.words()
    );
}

/// In a row `{v}` stands for a token of Alice's, `{w}` for one of Bob's.
#[track_caller]
fn assert_rows(rows: &[(&str, &str)], want: Option<&str>) {
    let (alice, bob) = (token("alice", now()), token("bob", now()));
    for (name, header) in rows {
        let header = header.replace("{v}", &alice).replace("{w}", &bob);
        assert_user(name, Cgi::get("/").cookie(header), want);
    }
}

#[test]
fn headers_that_carry_the_session() {
    #[rustfmt::skip]
    let rows = [
        ("alone",                  "session={v}"),
        ("blanks before",          "   session={v}"),
        ("tab before",             "\tsession={v}"),
        ("blank after",            "session={v} "),
        ("tabs and blanks around", "a=1;\t session={v} \t;b=2"),
        ("no blank after ;",       "a=1;session={v};b=2"),
        ("empty pairs around",     ";; ;session={v};;"),
        ("among prefixes of it",   "sess=1; session2=2; session={v}; xsession=3"),
        ("nameless before",        "1; =2; session={v}"),
        ("RFC 2965 words",         "$Version=1; session={v}; $Path=/"),
        ("bad one before",         "session=bad; session={v}"),
        ("bad one after",          "session={v}; session=bad"),
        ("empty one before",       "session=; session={v}"),
        ("empty one after",        "session={v}; session="),
        ("bare name before",       "session; session={v}"),
        ("the same twice",         "session={v}; session={v}"),
        ("bad between the same",   "session={v}; session=bad; session={v}"),
        // Python's parser swallows the quoted text whole; here `;` separates.
        ("open quote before",      "x=\"1; session=bad; y=2\"; session={v}"),
        ("session inside quotes",  "x=\"1; session={v}; y=2\""),
    ];
    assert_rows(&rows, Some("alice"));
}

#[test]
fn headers_that_do_not() {
    #[rustfmt::skip]
    let rows = [
        ("no value",               "session="),
        ("bare name",              "session"),
        ("only =",                 "session=="),
        ("a semicolon",            ";"),
        ("an equals sign",         "="),
        ("semicolons",             ";;;;"),
        ("a comma",                ","),
        ("nothing",                ""),
        ("blanks",                 " \t "),
        ("blank before =",         "session ={v}"),
        ("tab before =",           "session\t={v}"),
        ("blank after =",          "session= {v}"),
        ("tab after =",            "session=\t{v}"),
        ("upper case",             "SESSION={v}"),
        ("capital",                "Session={v}"),
        ("longer name, front",     "xsession={v}"),
        ("longer name, end",       "session2={v}"),
        ("no =",                   "session{v}"),
        ("= doubled",              "session=={v}"),
        ("comma for ;",            "x=1,session={v}"),
        // Apache joins two Cookie lines of HTTP/1.1 with a comma.
        ("joined, in the second",  "a=1, session={v}"),
        ("joined, in the first",   "session={v}, b=2"),
        ("comma at the end",       "session={v},"),
        ("ampersand",              "session={v}&session={w}"),
        ("percent in the name",    "%73ession={v}"),
        ("percent in the value",   "session=%22{v}%22"),
        ("dots before",            "..session={v}"),
        ("dot after",              "session.={v}"),
        ("brackets",               "session[0]={v}"),
        ("quoted name",            "\"session\"={v}"),
        ("quoted value",           "session=\"{v}\""),
        ("single quotes",          "session='{v}'"),
        ("nameless with = before", "=session={v}"),
        ("octal escape",           "session={v}\\073"),
        ("percent semicolon",      "session={v}%3B"),
        ("percent CRLF",           "session={v}%0d%0a"),
        ("backslash quote",        "session={v}\\\""),
        ("newline at the end",     "session={v}\n"),
        ("CR at the end",          "session={v}\r"),
        ("newline before",         "\nsession={v}"),
        ("vertical tab before",    "\u{b}session={v}"),
        ("form feed after",        "session={v}\u{c}"),
        ("U+0085 before",          "\u{85}session={v}"),
        ("U+00A0 before",          "\u{a0}session={v}"),
        ("U+00A0 after",           "session={v}\u{a0}"),
        ("U+2000 before",          "\u{2000}session={v}"),
        ("U+2000 after the name",  "session\u{2000}={v}"),
        ("U+2000 after",           "session={v}\u{2000}"),
        ("U+FEFF before",          "\u{feff}session={v}"),
        ("two persons",            "session={v}; session={w}"),
        ("two persons, turned",    "session={w}; session={v}"),
        ("two persons and junk",   "session={v}; session=bad; session={w}; session={v}"),
        ("two persons by quotes",  "x=\"1; session={w}; y=2\"; session={v}"),
    ];
    assert_rows(&rows, None);
}

/// Bytes that are no UTF-8, in the value, in the name and beside them.
#[test]
fn bytes_that_are_no_text() {
    let token = token("alice", now());
    type Row = (
        &'static str,
        &'static [u8],
        &'static [u8],
        Option<&'static str>,
    );
    #[rustfmt::skip]
    let rows: [Row; 6] = [
        ("before the name", b"\xa0session=", b"", None),
        ("0x85 before the name", b"\x85session=", b"", None),
        ("in the name", b"s\xffession=", b"", None),
        ("after the value", b"session=", b"\xa0", None),
        ("0xff after the value", b"session=", b"\xff", None),
        ("in another cookie", b"a=\xff\xfe; session=", b"; b=\xe9", Some("alice")),
    ];
    for (name, before, after, want) in rows {
        let header = [before, token.as_bytes(), after].concat();
        assert_user(name, Cgi::get("/").bytes(b"HTTP_COOKIE", &header), want);
    }
}

/// One session may come in several cookies, say of two paths: their content
/// counts, not their spelling.
#[test]
fn equal_sessions_are_one() {
    let (signer, now) = (Signer::default(), now());
    let old = Signer::with_key("an-older-key-that-still-verifies");
    let json = r#"{"a":[1,{"b":null}],"username":"alice"}"#;
    let plain = signer.token(json, now);
    #[rustfmt::skip]
    let cases = [
        ("an hour apart", signer.token(json, now - 3600), Some("alice")),
        ("compressed",    signer.compressed(json, now), Some("alice")),
        ("spaced",        signer.token(r#"{ "a": [1, {"b": null}], "username": "alice" }"#, now), Some("alice")),
        ("turned",        signer.token(r#"{"username":"alice","a":[1,{"b":null}]}"#, now), Some("alice")),
        ("escaped",       signer.token(r#"{"a":[1,{"b":null}],"username":"\u0061lice"}"#, now), Some("alice")),
        ("by an old key", old.token(json, now), Some("alice")),
        ("expired",       signer.token(r#"{"username":"bob"}"#, now - 2_678_500), Some("alice")),
        ("unknown key",   Signer::with_key("x").token(r#"{"username":"bob"}"#, now), Some("alice")),
        ("more inside",   signer.token(r#"{"a":[1,{"b":0}],"username":"alice"}"#, now), None),
        ("empty",         signer.token("{}", now), None),
    ];
    for (name, other, want) in cases {
        for header in [
            format!("session={plain}; session={other}"),
            format!("session={other}; session={plain}"),
        ] {
            let fallbacks = r#"["an-older-key-that-still-verifies"]"#;
            let request = Cgi::get("/").var("SIGNET_SECRET_KEY_FALLBACKS", fallbacks);
            assert_user(name, request.cookie(header), want);
        }
    }
}

/// Of equal sessions the newest counts: a permanent one that was refreshed
/// under another path need not be refreshed again.
#[test]
fn newest_of_equal_sessions_counts() {
    let (signer, now) = (Signer::default(), now());
    let json = r#"{"_permanent":true,"username":"alice"}"#;
    let (fresh, stale) = (signer.token(json, now), signer.token(json, now - 2_000_000));
    #[rustfmt::skip]
    let cases = [
        ("fresh first", format!("session={fresh}; session={stale}"), false),
        ("stale first", format!("session={stale}; session={fresh}"), false),
        ("stale alone", format!("session={stale}"), true),
        ("stale twice", format!("session={stale}; session={stale}"), true),
    ];
    for (name, header, refreshed) in cases {
        let response = checked(name, Cgi::get("/").cookie(header), COOKIE);
        assert_eq!(user(&response).as_deref(), Some("alice"), "{name}");
        assert_eq!(
            response.cookie("session").is_some(),
            refreshed,
            "{name}: {}",
            response.words()
        );
    }
}

/// The prefix is a part of the name, and compared byte by byte.
#[test]
fn prefixed_names_take_no_other() {
    let token = token("alice", now());
    #[rustfmt::skip]
    let cases = [
        ("__Host-session",  "__Host-session",          Some("alice")),
        ("__Host-session",  "session",                 None),
        ("__Host-session",  "__host-session",          None),
        ("__Host-session",  "__HOST-SESSION",          None),
        ("__Host-session",  "__Secure-session",        None),
        ("__Host-session",  "_%5FHost-session",        None),
        ("__Host-session",  "..Host-session",          None),
        ("__Host-session",  "=__Host-session",         None),
        ("__Host-session",  "\u{2000}__Host-session",  None),
        ("__Host-session",  "\"__Host-session\"",      None),
        ("__Secure-session", "__Secure-session",       Some("alice")),
        ("__Secure-session", "session",                None),
        ("__Secure-session", "__secure-session",       None),
    ];
    for (configured, sent, want) in cases {
        let request = Cgi::get("/")
            .vars(&[
                ("HTTPS", "on"),
                ("SIGNET_SESSION_COOKIE_NAME", configured),
                ("SIGNET_SESSION_COOKIE_PATH", "/"),
            ])
            .cookie(format!("{sent}={token}"));
        assert_user(&format!("{sent} for {configured}"), request, want);
    }
}

/// A token counts as a cookie only: what stands in a URL is in every log.
#[test]
fn tokens_elsewhere_do_not_count() {
    let token = token("alice", now());
    let query = Cgi::get(&format!("/?session={token}"));
    assert_user("in the query", query, None);
    for header in [
        "HTTP_SESSION",
        "HTTP_X_SESSION",
        "HTTP_AUTHORIZATION",
        "HTTP_COOKIE2",
    ] {
        let request = Cgi::get("/").var(header, format!("session={token}"));
        assert_user(header, request, None);
    }
    super::assert_status("in the path", Cgi::get(&format!("/{token}")), 404);
    let form = Cgi::post("/login", format!("session={token}"));
    super::assert_status("in the form", form, 400);
}

/// As much as one environment variable can hold, within the invariants'
/// second.
#[test]
fn long_headers_take_linear_time() {
    const MUCH: usize = 120_000;
    let token = token("alice", now());
    let shaped = format!("session={}; ", "a.b".repeat(30));
    #[rustfmt::skip]
    let cases = [
        ("dots",            format!("session={}", ".".repeat(MUCH)), None),
        ("quotes",          format!("session={}", "\\\"".repeat(MUCH / 2)), None),
        ("open quotes",     format!("x=\"{}; session={token}", "\\\"".repeat(MUCH / 2)), Some("alice")),
        ("equals signs",    "=".repeat(MUCH), None),
        ("semicolons",      format!("{}session={token}", ";".repeat(MUCH)), Some("alice")),
        ("blanks",          format!("{}session={token}", " ".repeat(MUCH)), Some("alice")),
        ("pairs",           format!("{}session={token}", "a=1;".repeat(MUCH / 4)), Some("alice")),
        ("sessions",        format!("{}session={token}", "session=;".repeat(MUCH / 9)), Some("alice")),
        ("token-like",      format!("{}session={token}", shaped.repeat(MUCH / shaped.len())), Some("alice")),
    ];
    for (name, header, want) in cases {
        assert_user(name, Cgi::get("/").cookie(header), want);
    }
}

/// One line for the owner when another cookie of the name came with a valid one:
/// another program or path sets it, and either hides the other. The line shows
/// nothing that a visitor wrote.
#[test]
fn several_cookies_of_one_name_are_logged() {
    let (alice, bob) = (token("alice", now()), token("bob", now()));
    let expired = token("alice", now() - 3_000_000);
    let used = "one of them is used";
    let unused = "none is used";
    let many: String = (0..40)
        .map(|n| format!("session={};", token("bob", now() - n)))
        .collect();
    #[rustfmt::skip]
    let cases = [
        ("alone",             "session={v}",                      None),
        ("the same twice",    "session={v}; session={v}",         None),
        ("another name",      "session={v}; session2={w}",        None),
        ("none at all",       "a=b",                              None),
        ("two that are none", "session=bad; session=worse",       None),
        ("an old one alone",  "session={x}",                      None),
        ("one that is none",  "session=bad; session={v}",         Some(used)),
        ("in another order",  "session={v}; session=bad",         Some(used)),
        ("an empty one",      "session={v}; session=",            Some(used)),
        ("an old one",        "session={x}; session={v}",         Some(used)),
        ("two persons",       "session={v}; session={w}",         Some(unused)),
        ("two and another",   "session={v}; session=bad; session={w}", Some(unused)),
        ("too many",          many.as_str(),                      Some(unused)),
    ];
    for (name, header, want) in cases {
        let header = header
            .replace("{v}", &alice)
            .replace("{w}", &bob)
            .replace("{x}", &expired);
        let out = Cgi::get("/").cookie(&header).run();
        let errors = out.errors();
        let lines: Vec<&str> = errors.lines().collect();
        let Some(want) = want else {
            assert_eq!(errors, "", "{name}");
            continue;
        };
        assert_eq!(lines.len(), 1, "{name}: {errors}");
        for word in [
            want,
            "\"session\"",
            "SESSION_COOKIE_PATH",
            "SESSION_COOKIE_NAME",
        ] {
            assert!(errors.contains(word), "{name}: no {word} in {errors}");
        }
        assert!(
            !errors.contains(&alice) && !errors.contains("bad"),
            "{name}: {errors}"
        );
    }
}
