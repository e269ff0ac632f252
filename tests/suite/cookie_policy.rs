//! When a cookie is set, refreshed, deleted, and when there is none: a shared
//! cache or a crawler must never be handed one, a login must never lose one.

use crate::hostile::cookies::user;
use crate::support::invariants::{COOKIE, NOTHING, checked};
use crate::support::response::{Response, SetCookie};
use crate::support::token::Signer;
use crate::support::{Cgi, now};

const ALICE: &str = r#"{"username":"alice"}"#;
const PERMANENT: &str = r#"{"_permanent":true,"username":"alice"}"#;

fn with(json: &str, timestamp: u64) -> String {
    format!("session={}", Signer::default().token(json, timestamp))
}

/// The JSON inside a session cookie that the answer sets, without the date of
/// its beginning, and when it was signed.
#[track_caller]
fn saved(name: &str, response: &Response) -> (String, u64) {
    let (json, _, timestamp) = saved_with_beginning(name, response);
    (json, timestamp)
}

/// As [`saved`], with the date of its beginning.
#[track_caller]
fn saved_with_beginning(name: &str, response: &Response) -> (String, String, u64) {
    let cookie = response
        .cookie("session")
        .unwrap_or_else(|| panic!("{name}: no cookie"));
    let read = Signer::default().read_session(&cookie.value);
    read.unwrap_or_else(|| panic!("{name}: not our signature"))
}

/// Nothing was stored, so there is nothing to remember: not for a visitor who
/// looks around, nor for one who sends junk, which is not worth a deletion.
#[test]
fn visitors_who_stored_nothing_get_no_cookie() {
    #[rustfmt::skip]
    let cookies = [
        None, Some(""), Some("other=1"), Some("session=junk"), Some("session="), Some("session=a.b.c"),
        Some("session=e30.AQ.9GY9m5nBrKXloKSa2ougBRg1y9o"),
    ];
    type Row = (&'static str, fn() -> Cgi, u16);
    let requests: [Row; 9] = [
        ("index", || Cgi::get("/"), 200),
        ("HEAD index", || Cgi::new("HEAD", "/"), 200),
        ("form", || Cgi::get("/login"), 200),
        ("HEAD form", || Cgi::new("HEAD", "/login"), 200),
        ("GET logout", || Cgi::get("/logout"), 303),
        ("POST logout", || Cgi::post("/logout", ""), 303),
        ("no such page", || Cgi::get("/nowhere"), 404),
        ("no such method", || Cgi::new("PUT", "/"), 405),
        ("no name", || Cgi::post("/login", "username="), 400),
    ];
    for (name, request, want) in requests {
        for cookie in cookies {
            let request = match cookie {
                Some(cookie) => request().cookie(cookie),
                None => request(),
            };
            let response = checked(name, request, NOTHING);
            assert_eq!(response.status, want, "{name} with {cookie:?}");
        }
    }
}

/// An expired session and one by a key no longer known are not deleted. The clock
/// or the key may come right again.
#[test]
fn sessions_that_do_not_count_are_left_alone() {
    let now = now();
    let other = Signer::with_key("another-key-of-good-length-0123").token(ALICE, now);
    let cases = [
        ("expired", with(ALICE, now - 2_678_500)),
        ("from the future", with(ALICE, now + 3600)),
        ("another key", format!("session={other}")),
        ("malformed", with("[]", now)),
        ("empty", with("{}", now)),
    ];
    for (name, header) in cases {
        for target in ["/", "/login", "/logout"] {
            checked(name, Cgi::get(target).cookie(&header), NOTHING);
        }
    }
}

/// The visitor has proven to be both.
#[test]
fn two_sessions_that_disagree_are_left_alone_until_the_visitor_logs_out() {
    let bob = with(r#"{"username":"bob"}"#, now());
    let header = format!("{}; {bob}", with(ALICE, now()));
    for target in ["/", "/login"] {
        checked(target, Cgi::get(target).cookie(&header), NOTHING);
    }
    let response = checked("logout", Cgi::get("/logout").cookie(&header), COOKIE);
    assert!(response.cookies().iter().all(SetCookie::deletes));
}

#[test]
fn reading_sets_no_cookie() {
    let header = with(ALICE, now() - 1_000_000);
    for (method, target, want) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/login", 200),
        ("HEAD", "/logout", 200),
        ("GET", "/nowhere", 404),
    ] {
        let response = checked(target, Cgi::new(method, target).cookie(&header), NOTHING);
        assert_eq!(response.status, want, "{method} {target}");
    }
}

/// One cookie, signed now, with what was posted, the mark of the demo, and nothing else.
#[test]
fn login_stores_the_name() {
    let before = now();
    let response = checked("login", Cgi::post("/login", "username=admin"), COOKIE);
    assert_eq!(response.status, 303);
    assert_eq!(response.header("Location"), Some("/app/"));
    assert_eq!(response.cookies().len(), 1);
    let (json, timestamp) = saved("login", &response);
    assert_eq!(json, r#"{"_demo":"admin","username":"admin"}"#);
    assert!(
        (before..=now()).contains(&timestamp),
        "signed at {timestamp}"
    );
    let header = format!("session={}", response.cookies()[0].value);
    let index = checked("index", Cgi::get("/").cookie(header), NOTHING);
    assert_eq!(user(&index).as_deref(), Some("admin"));
}

/// As Flask with `session.permanent = True`: the flag inside, a date outside.
#[test]
fn permanent_login_outlives_the_browser() {
    let before = now();
    let request = Cgi::post("/login", "username=admin").vars(&[
        ("SIGNET_SESSION_PERMANENT", "true"),
        ("SIGNET_PERMANENT_SESSION_LIFETIME", "86400"),
    ]);
    let response = checked("login", request, COOKIE);
    let (json, _) = saved("login", &response);
    assert_eq!(
        json,
        r#"{"_demo":"admin","_permanent":true,"username":"admin"}"#
    );
    let expires = expires(&response.cookies()[0]);
    assert!(
        (before + 86400..=now() + 86400).contains(&expires),
        "{expires}"
    );
}

/// Unix seconds of the Expires attribute, by `date`, not by our own code.
#[track_caller]
fn expires(cookie: &SetCookie) -> u64 {
    let date = cookie.attribute("Expires").expect("Expires");
    let out = std::process::Command::new("date")
        .args(["-u", "+%s", "-d", date])
        .output();
    let out = String::from_utf8(out.expect("run date").stdout).expect("digits");
    out.trim().parse().expect("a date")
}

/// Another name, the other keys untouched: to the byte what Python wrote,
/// though it is not all JSON.
#[test]
fn other_keys_go_back_as_they_came() {
    let values = [
        "1",
        "-0.0",
        "1e+300",
        "1e-07",
        "1.10",
        "NaN",
        "-Infinity",
        "123456789012345678901234567890",
        "\"\\ud800\"",
        "\"\\u00e9\\ud83d\\ude00\"",
        "[1,{\"a\":2,\"z\":1}]",
        "{\" t\":[1,{\" b\":\"AP8=\"}]}",
        "{\" di\":{\" t__\":[1]}}",
        "{\" d\":\"Tue, 14 Nov 2023 22:13:20 GMT\"}",
        "{\" m\":\"<b>\"}",
        "{\" u\":\"12345678123456781234567812345678\"}",
        "null",
        "true",
        "{}",
        "[]",
        "\"\"",
    ];
    for value in values {
        let header = with(
            &format!(r#"{{"kept":{value},"username":"alice"}}"#),
            now() - 5,
        );
        let login = Cgi::post("/login", "username=bob").cookie(&header);
        let (json, _) = saved(value, &checked(value, login, COOKIE));
        assert_eq!(
            json,
            format!(r#"{{"_demo":"bob","kept":{value},"username":"bob"}}"#)
        );
        let logout = Cgi::post("/logout", "").cookie(&header);
        let (json, _) = saved(value, &checked(value, logout, COOKIE));
        assert_eq!(json, format!(r#"{{"kept":{value}}}"#));
    }
}

/// Python sorts keys by code point, at every level that it writes.
#[test]
fn keys_are_sorted() {
    let header = with(r#"{"z":1,"\ud835\udcd0":2,"\uff5e":3,"A":4,"":5}"#, now());
    let login = Cgi::post("/login", "username=bob").cookie(header);
    let (json, _) = saved("sorted", &checked("sorted", login, COOKIE));
    let want = r#"{"":5,"A":4,"_demo":"bob","username":"bob","z":1,"\uff5e":3,"\ud835\udcd0":2}"#;
    assert_eq!(json, want);
}

/// A permanent session is refreshed when a tenth of its lifetime has passed,
/// here 100 s of 1000, and not with every answer.
#[test]
fn permanent_sessions_are_refreshed_by_tenths() {
    #[rustfmt::skip]
    let cases = [
        ("fresh",               PERMANENT, 0,   "true",  false),
        ("not yet",             PERMANENT, 80,  "true",  false),
        ("a tenth",             PERMANENT, 100, "true",  true),
        ("nearly expired",      PERMANENT, 980, "true",  true),
        ("not to be refreshed", PERMANENT, 500, "false", false),
        ("not permanent",       ALICE,     500, "true",  false),
        ("made not permanent",  r#"{"_permanent":false,"username":"alice"}"#, 500, "true", false),
    ];
    for (name, json, age, each, refreshed) in cases {
        for method in ["GET", "HEAD"] {
            let before = now();
            let request = Cgi::new(method, "/")
                .vars(&[
                    ("SIGNET_PERMANENT_SESSION_LIFETIME", "1000"),
                    ("SIGNET_SESSION_REFRESH_EACH_REQUEST", each),
                ])
                .cookie(with(json, before - age));
            let response = checked(name, request, COOKIE);
            assert_eq!(
                response.cookies().len(),
                usize::from(refreshed),
                "{method} {name}"
            );
            if refreshed {
                let (saved, began, timestamp) = saved_with_beginning(name, &response);
                assert_eq!(saved, json, "{name}");
                assert_eq!(began, (before - age).to_string(), "{name}");
                assert!((before..=now()).contains(&timestamp), "{name}: {timestamp}");
                let expires = expires(&response.cookies()[0]);
                assert_eq!(expires, timestamp + 1000, "{name}");
            }
        }
    }
}

#[test]
fn logout_deletes_what_holds_nothing_more() {
    #[rustfmt::skip]
    let cases = [
        ("only the name",  ALICE, None),
        ("the flag too",   PERMANENT, None),
        ("a basket",       r#"{"cart":[1],"username":"alice"}"#, Some(r#"{"cart":[1]}"#)),
        ("an odd name",    r#"{"username":[]}"#, None),
        ("an empty name",  r#"{"cart":1,"username":""}"#, Some(r#"{"cart":1}"#)),
    ];
    for (name, json, left) in cases {
        for method in ["GET", "POST"] {
            let header = with(json, now());
            let request = match method {
                "GET" => Cgi::get("/logout"),
                _ => Cgi::post("/logout", ""),
            };
            let response = checked(name, request.cookie(header), COOKIE);
            assert_eq!(response.status, 303, "{method} {name}");
            match left {
                Some(left) => assert_eq!(saved(name, &response).0, left, "{method} {name}"),
                None => {
                    let cookie = response.cookie("session").expect(name);
                    assert!(cookie.deletes(), "{method} {name}: {cookie:?}");
                    // To some browsers the second before is no date.
                    let date = cookie.attribute("Expires");
                    assert_eq!(date, Some("Thu, 01 Jan 1970 00:00:01 GMT"), "{name}");
                }
            }
        }
    }
}

/// A session without a name has nobody to log out.
#[test]
fn logout_of_nobody_changes_nothing() {
    let header = with(r#"{"cart":[1]}"#, now());
    let response = checked("logout", Cgi::post("/logout", "").cookie(header), NOTHING);
    assert_eq!(response.status, 303);
}

/// What the guards refuse changes nothing, whoever is logged in.
#[test]
fn refused_requests_set_no_cookie() {
    let cross = [
        ("HTTP_SEC_FETCH_SITE", "cross-site"),
        ("HTTP_ORIGIN", "https://evil.example"),
    ];
    #[rustfmt::skip]
    let cases = [
        ("login from elsewhere",  Cgi::post("/login", "username=eve").vars(&cross), 403),
        ("logout from elsewhere", Cgi::post("/logout", "").vars(&cross), 403),
        ("logout by a picture",   Cgi::get("/logout").vars(&cross), 200),
        ("logout by prefetch",    Cgi::get("/logout").var("HTTP_SEC_PURPOSE", "prefetch"), 200),
        ("HEAD logout",           Cgi::new("HEAD", "/logout"), 200),
        ("blank name",            Cgi::post("/login", "username=+"), 400),
        ("no length",             Cgi::post("/login", "username=bob").without("CONTENT_LENGTH"), 411),
        ("no form",               Cgi::post("/login", "username=bob").var("CONTENT_TYPE", "text/plain"), 415),
    ];
    for (name, request, want) in cases {
        let response = checked(name, request.cookie(with(ALICE, now())), NOTHING);
        assert_eq!(response.status, want, "{name}");
    }
}

/// What an old key signed is read, and signed by the new one when saved.
#[test]
fn the_current_key_signs() {
    let old = Signer::with_key("an-older-key-that-still-verifies");
    for (name, json) in [
        ("changed", r#"{"a":1,"username":"alice"}"#),
        ("refreshed", PERMANENT),
    ] {
        let token = old.token(json, now() - 1_000_000);
        let request = match name {
            "changed" => Cgi::post("/login", "username=bob"),
            _ => Cgi::get("/"),
        };
        let request = request
            .var(
                "SIGNET_SECRET_KEY_FALLBACKS",
                r#"["an-older-key-that-still-verifies"]"#,
            )
            .cookie(format!("session={token}"));
        let response = checked(name, request, COOKIE);
        saved(name, &response);
        assert!(old.read(&response.cookies()[0].value).is_none(), "{name}");
    }
}
