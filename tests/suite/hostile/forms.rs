//! Bodies of forms: names that are refused, names that are strange and kept to
//! the last bit, fields nobody asked for, and posts from other people's pages.

use super::assert_status;
use crate::support::invariants::{COOKIE, MARKER, NOTHING, assert_holds, checked};
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, now};

const LOGIN: &str = "username=admin";

/// `application/x-www-form-urlencoded` of one value, every byte that may be.
fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The session of the answer's cookie, as JSON.
#[track_caller]
fn session(name: &str, answer: &Response) -> serde_json::Value {
    assert_eq!(answer.status, 303, "{name}: {}", answer.words());
    let cookie = answer
        .cookie("session")
        .unwrap_or_else(|| panic!("{name}: no session"));
    let (json, _, _) = Signer::default()
        .read_session(&cookie.value)
        .expect("our signature");
    serde_json::from_str(&json).expect("JSON")
}

/// F-1: only a form is a form. (`rfc3875` has the spellings of its type.)
#[test]
fn types_that_are_no_form() {
    for kind in [
        "",
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
    ] {
        let cgi = Cgi::post("/login", r#"{"username":"admin"}"#).var("CONTENT_TYPE", kind);
        assert_status(kind, cgi, 415);
    }
}

/// F-2 to F-5: what is no name is not taken for one, and the form comes back.
#[test]
fn names_that_are_refused() {
    let long = format!("username={}", "a".repeat(257));
    let long_in_bytes = format!("username={}", "%C3%A9".repeat(129));
    #[rustfmt::skip]
    let cases = [
        ("nothing",            ""),
        ("another field",      "password=x"),
        ("no value",           "username"),
        ("empty",              "username="),
        ("empty, and more",    "username=&password="),
        ("blank",              "username=+"),
        ("blanks",             "username=%20%20+%20"),
        ("twice",              "username=a&username=b"),
        ("twice the same",     "username=a&username=a"),
        ("twice, once empty",  "username=a&username="),
        ("an array",           "username[]=a"),
        ("in capitals",        "USERNAME=a"),
        ("NUL",                "username=a%00b"),
        ("only NUL",           "username=%00"),
        ("raw NUL",            "username=a\0b"),
        ("line break",         "username=a%0D%0ASet-Cookie:%20x=1"),
        ("raw line break",     "username=a\r\nSet-Cookie: x=1"),
        ("LF",                 "username=admin%0A"),
        ("tab",                "username=a%09b"),
        ("escape",             "username=a%1B[2J"),
        ("delete",             "username=a%7Fb"),
        ("C1 control",         "username=a%C2%85b"),
        ("257 bytes",          &long),
        ("258 bytes in 129",   &long_in_bytes),
    ];
    for (name, body) in cases {
        let page = assert_status(name, Cgi::post("/login", body), 400);
        assert!(
            page.text().contains("name=\"username\""),
            "{name}: {}",
            page.text()
        );
    }
}

/// F-5: everything else is a name, exactly: escaped where it is shown, and no
/// two that differ are one.
#[test]
fn names_that_are_kept_to_the_last_bit() {
    let longest = "a".repeat(256);
    let cases = [
        "admin",
        "Admin",
        "admin ",
        " admin",
        "a b",
        "../../etc/passwd",
        "a:b",
        "a;password=b",
        "a=b&c",
        "100%",
        "+1",
        MARKER,
        "<script>alert(1)</script>",
        "{{7*7}}",
        "{% raw %}",
        "{% include \"/etc/passwd\" %}",
        "${7*7}",
        "=cmd()",
        "null",
        "0",
        "\u{212a}elvin",
        "Kelvin",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{1f600}\u{1f3fd}",
        "\u{645}\u{62f}\u{64a}\u{631}",
        "\u{202e}nimda",
        "a\u{200b}b",
        "__proto__",
        "username",
        &longest,
    ];
    let mut seen = std::collections::BTreeSet::new();
    for user in cases {
        let name = user.escape_debug().to_string();
        let login = Cgi::post("/login", format!("username={}", encoded(user)));
        let answer = checked(&name, login, COOKIE);
        assert_eq!(
            session(&name, &answer),
            serde_json::json!({ "_demo": user, "username": user }),
            "{name}"
        );
        let cookie = answer.cookie("session").expect("a session").value;
        let payload = cookie.rsplitn(3, '.').last().unwrap_or_default().to_owned();
        assert!(seen.insert(payload), "{name} is somebody else's name");
        let index = Cgi::get("/").cookie(format!("session={cookie}"));
        let page = checked(&name, index, NOTHING);
        let words: Vec<&str> = user.split_whitespace().collect();
        let want = format!("Logged in as {}", words.join(" "));
        assert!(
            page.words().contains(want.trim_end()),
            "{name}: {}",
            page.words()
        );
    }
}

/// F-4: errors of encoding stay visible or are refused: a name made of them
/// is never one that somebody else can have typed plainly.
#[test]
fn encodings_that_are_none() {
    #[rustfmt::skip]
    let cases: [(&str, &[u8], Option<&str>); 10] = [
        ("a lone percent",    b"username=%",             Some("%")),
        ("half a percent",    b"username=%4",            Some("%4")),
        ("no hexadecimal",    b"username=%zzadmin",      Some("%zzadmin")),
        ("twice encoded",     b"username=%2541dmin",     Some("%41dmin")),
        ("no UTF-8",          b"username=admin%ff",      None),
        ("raw, no UTF-8",     b"username=admin\xff",     None),
        ("Latin-1",           b"username=caf%e9",        None),
        ("overlong",          b"username=%c1%a1dmin",    None),
        ("a lone surrogate",  b"username=%ed%a0%80",     None),
        ("cut short",         b"username=admin%f0%9f",   None),
    ];
    for (name, body, want) in cases {
        let answer = checked(name, Cgi::post("/login", body), COOKIE);
        if answer.status == 400 && want.is_none() {
            assert_eq!(answer.cookies(), [], "{name}");
            continue;
        }
        let user = session(name, &answer)["username"]
            .as_str()
            .expect("a name")
            .to_owned();
        match want {
            Some(want) => assert_eq!(user, want, "{name}"),
            None => assert!(user.contains('\u{fffd}'), "{name}: {user:?}"),
        }
    }
}

/// F-9: a session holds what the program put there.
#[test]
fn fields_nobody_asked_for() {
    let cases = [
        "/login username=admin&is_admin=1",
        "/login _permanent=1&_permanent=true&username=admin",
        "/login session=x&username=admin",
        "/login username=admin&_flashes=x&csrf_token=y",
        "/login username=admin&next=https://evil.example/",
        "/login?username=root username=admin",
        "/login?next=//evil.example username=admin",
        "/login &&username=admin&&",
        "/login username=admin&=x",
    ];
    for case in cases {
        let (target, body) = case.split_once(' ').expect("a target and a body");
        let answer = checked(case, Cgi::post(target, body), COOKIE);
        assert_eq!(
            session(case, &answer),
            serde_json::json!({ "_demo": "admin", "username": "admin" }),
            "{case}"
        );
        assert_eq!(answer.header("Location"), Some("/app/"), "{case}");
    }
    assert_status(
        "the query alone",
        Cgi::post("/login?username=admin", "a=b"),
        400,
    );
}

/// F-10: many fields are many, not slow; one byte too many is one too many.
#[test]
fn forms_of_any_size() {
    let fields = |count: usize| format!("{}{LOGIN}", "a=1&".repeat(count));
    let answer = checked("10 000 fields", Cgi::post("/login", fields(10_000)), COOKIE);
    assert_eq!(
        session("10 000 fields", &answer),
        serde_json::json!({ "_demo": "admin", "username": "admin" })
    );
    let pad = |length: usize| format!("{LOGIN}&p={}", "x".repeat(length - LOGIN.len() - 3));
    let answer = checked("64 KiB", Cgi::post("/login", pad(65_536)), COOKIE);
    assert_eq!(answer.status, 303);
    assert_status("64 KiB and one", Cgi::post("/login", pad(65_537)), 413);
    let name = format!("username={}", "a".repeat(60_000));
    assert_status("a name of 60 KB", Cgi::post("/login", name), 400);
    assert_status(
        "a name of 1 MB",
        Cgi::post("/login", "a".repeat(1 << 20)),
        413,
    );
    let small = Cgi::post("/login", pad(65_536)).var("SIGNET_MAX_CONTENT_LENGTH", "100");
    assert_status("a smaller limit", small, 413);
}

/// 3.5.1 of ASVS, login CSRF among it: Fetch Metadata where the browser sends
/// it, else Origin against Host; neither is an old browser or no browser.
#[test]
fn posts_from_other_pages() {
    const SITE: &str = "HTTP_SEC_FETCH_SITE";
    const ORIGIN: &str = "HTTP_ORIGIN";
    #[rustfmt::skip]
    let cases: [(&[(&str, &str)], bool); 25] = [
        (&[],                                                          true),
        (&[(SITE, "same-origin")],                                     true),
        (&[(SITE, "none")],                                            true),
        (&[(SITE, "same-site")],                                       false),
        (&[(SITE, "cross-site")],                                      false),
        (&[(SITE, "cross-site"), (ORIGIN, "http://example.org")],      false),
        (&[(SITE, "same-origin"), (ORIGIN, "http://example.org")],     true),
        (&[(ORIGIN, "http://example.org")],                            true),
        (&[(ORIGIN, "https://example.org")],                           true),
        (&[(ORIGIN, "http://EXAMPLE.org")],                            true),
        (&[(ORIGIN, "https://evil.example")],                          false),
        (&[(ORIGIN, "null")],                                          false),
        (&[(ORIGIN, "http://example.org.evil.example")],               false),
        (&[(ORIGIN, "http://evilexample.org")],                        false),
        (&[(ORIGIN, "http://www.example.org")],                        false),
        (&[(ORIGIN, "http://example.org@evil.example")],               false),
        (&[(ORIGIN, "http://example.org:8080")],                       false),
        (&[(ORIGIN, "http://example.org http://evil.example")],        false),
        (&[(ORIGIN, "http://evil.example, http://example.org")],       false),
        (&[(ORIGIN, "example.org")],                                   false),
        (&[(ORIGIN, "http://")],                                       false),
        (&[(ORIGIN, "http://"), ("HTTP_HOST", "")],                    false),
        (&[(ORIGIN, "http://example.org:8080"), ("HTTP_HOST", "example.org:8080")], true),
        (&[(ORIGIN, "http://[::1]:8080"), ("HTTP_HOST", "[::1]:8080")], true),
        (&[(ORIGIN, "http://evil.example"), ("HTTP_X_FORWARDED_HOST", "evil.example")], false),
    ];
    let token = Signer::default().token(r#"{"username":"alice"}"#, now());
    for (vars, welcome) in cases {
        for (target, body) in [("/login", LOGIN), ("/logout", "")] {
            let name = format!("{target} {vars:?}");
            let cgi = Cgi::post(target, body)
                .cookie(format!("session={token}"))
                .vars(vars);
            if welcome {
                assert_eq!(checked(&name, cgi, COOKIE).status, 303, "{name}");
            } else {
                // Refused before a byte of the body is read.
                assert_status(&name, cgi.body("").hold_stdin(), 403);
            }
        }
    }
    // Each line of a field that stands twice has to be the site's.
    let twice = Cgi::post("/login", LOGIN)
        .var(ORIGIN, "http://example.org")
        .raw("HTTP_ORIGIN=http://evil.example");
    assert_status("two origins", twice, 403);
    let bytes = Cgi::post("/login", LOGIN).bytes(ORIGIN.as_bytes(), b"http://\xff");
    assert_status("an origin of bytes", bytes, 403);
    let no_host = Cgi::post("/login", LOGIN)
        .var(ORIGIN, "http://example.org")
        .without("HTTP_HOST");
    assert_status("an origin, no host", no_host, 403);
}

/// nginx's `proxy_pass` sends its own idea of Host. The owner learns from the
/// log which setting lets the site's own forms through.
#[test]
fn a_refused_origin_is_logged_with_the_setting_to_use() {
    const FORWARDED: (&str, &str) = ("HTTP_X_FORWARDED_HOST", "example.org");
    const TRUST: &str = "SIGNET_TRUST_PROXY";
    let post = || {
        Cgi::post("/login", LOGIN)
            .var("HTTP_HOST", "127.0.0.1:8080")
            .var("HTTP_ORIGIN", "http://example.org")
    };
    #[rustfmt::skip]
    let cases = [
        (post(), &["\"http://example.org\"", "\"127.0.0.1:8080\"", "(Host)", "TRUST_PROXY = true", "\"forwarded\""][..]),
        (post().vars(&[FORWARDED]), &["\"127.0.0.1:8080\"", "TRUST_PROXY = true"]),
        (post().vars(&[FORWARDED, (TRUST, "forwarded")]), &["Forwarded with host="]),
        (post().vars(&[(TRUST, "true")]), &["X-Forwarded-Host"]),
        (post().bytes(b"HTTP_ORIGIN", b"http://\x1b[2Jevil\xff\xe2\x80\xae\nsignet: "), &[r"\x1b[2Jevil\xff\xe2\x80\xae\nsignet: "]),
        (post().var("HTTP_ORIGIN", "x".repeat(10_000)), &["xxx...\""]),
    ];
    for (cgi, wanted) in cases {
        let out = cgi.run();
        let page = assert_holds("refused", &out, NOTHING);
        assert_eq!(page.status, 403, "{out}");
        let errors = out.errors();
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.len() < 1000, "{errors}");
        for words in wanted {
            assert!(errors.contains(words), "{words} in {errors}");
        }
        let words = page.words();
        let (_, number) = words.split_once("number ").expect("a number");
        let number = number.split(' ').next().expect("a number");
        assert!(
            errors.starts_with(&format!("signet: error {number}: ")),
            "{errors}"
        );
        assert!(!words.contains("127.0.0.1"), "{words}");
    }
    for trusting in [
        post().vars(&[FORWARDED, (TRUST, "true")]),
        post().vars(&[
            ("HTTP_FORWARDED", "for=_a;host=example.org"),
            (TRUST, "forwarded"),
        ]),
        post().var("HTTP_HOST", "example.org:80"),
        post()
            .var("HTTP_ORIGIN", "https://example.org")
            .var("HTTP_HOST", "example.org:80"),
    ] {
        assert_eq!(checked("own", trusting, COOKIE).status, 303);
    }
}

/// F-13: logging out twice is logging out; a visitor who has no session gets
/// none by it. Another site's link, or a browser that looks ahead, logs nobody
/// out: there is a button to press.
#[test]
fn logout_is_the_visitors_own() {
    let token = Signer::default().token(r#"{"username":"alice"}"#, now());
    let cookie = format!("session={token}");
    for (name, cgi) in [
        ("nobody, by link", Cgi::get("/logout")),
        ("nobody, by button", Cgi::post("/logout", "")),
        (
            "junk for a session",
            Cgi::get("/logout").cookie("session=junk"),
        ),
        ("an empty session", Cgi::get("/logout").cookie("session=")),
    ] {
        assert_status(name, cgi, 303);
    }
    for (name, value) in [
        ("HTTP_SEC_FETCH_SITE", "cross-site"),
        ("HTTP_SEC_FETCH_SITE", "same-site"),
        ("HTTP_SEC_PURPOSE", "prefetch"),
        ("HTTP_SEC_PURPOSE", "prefetch;prerender"),
        ("HTTP_PURPOSE", "prefetch"),
        ("HTTP_X_MOZ", "prefetch"),
    ] {
        let row = format!("{name}: {value}");
        let page = assert_status(
            &row,
            Cgi::get("/logout").cookie(&cookie).var(name, value),
            200,
        );
        let text = page.text();
        assert!(
            text.contains("method=\"post\"") && text.contains("<button"),
            "{row}: {text}"
        );
    }
    for (name, value) in [
        ("HTTP_SEC_FETCH_SITE", "same-origin"),
        ("HTTP_SEC_FETCH_SITE", "none"),
        ("HTTP_PURPOSE", ""),
    ] {
        let row = format!("{name}: {value}");
        let cgi = Cgi::get("/logout").cookie(&cookie).var(name, value);
        let answer = checked(&row, cgi, COOKIE);
        assert_eq!(answer.status, 303, "{row}");
        assert!(
            answer.cookie("session").expect("a deletion").deletes(),
            "{row}"
        );
    }
    // The page's own button sends a form without fields.
    for (name, cgi) in [
        ("no field", Cgi::post("/logout", "")),
        ("a field", Cgi::post("/logout", "a=b")),
    ] {
        let answer = checked(name, cgi.cookie(&cookie), COOKIE);
        assert_eq!(answer.status, 303, "{name}");
        assert!(
            answer.cookie("session").expect("a deletion").deletes(),
            "{name}"
        );
    }
}
