//! The login form: which passwords are right, and what an attempt shows.

use signet::testing::Response;

use super::{ADA, BOB, PASSWORD, REFUSED, WRONG, attempt, browser, log_in, post, server, state_of};
use super::{WRONG as SECRET, user};
use crate::support::StateDir;
use crate::support::html::{unescape, words};
use crate::support::token::Signer;

/// Ada, Bob, and users with refused hashes.
fn users() -> String {
    format!("{ADA}{BOB}{REFUSED}")
}

/// The value of an `<input>` in the page.
fn value(page: &str, name: &str) -> Option<String> {
    let at = page.find(&format!("name=\"{name}\""))?;
    let start = page[..at].rfind('<')?;
    let tag = page[start..].split('>').next()?;
    let (_, rest) = tag.split_once(" value=\"")?;
    Some(unescape(rest.split('"').next()?))
}

#[track_caller]
fn assert_nowhere(secret: &str, name: &str, response: &Response) {
    let text = unescape(&response.text());
    assert!(!text.contains(secret), "{name}: {text}");
    assert!(!response.log.contains(secret), "{name}: {}", response.log);
    let headers = format!("{:?}", response.headers);
    assert!(!headers.contains(secret), "{name}: {headers}");
}

#[test]
fn the_right_password_logs_in() {
    let (server, state) = (server(), state_of(&users()));
    for name in ["ada", "bob"] {
        let mut browser = browser(&server, &state);
        let response = attempt(&mut browser, name, PASSWORD);
        assert_eq!(response.status, 303, "{name}: {}", response.text());
        assert_eq!(response.header("Location"), Some("/"), "{name}");
        assert_nowhere(PASSWORD, name, &response);
        assert_eq!(user(&mut browser).as_deref(), Some(name));
        let cookie = browser.cookie("session").expect("a cookie");
        let (json, _, _) = Signer::default().read_session(cookie).expect("ours");
        let session: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let fields: Vec<_> = session.as_object().expect("a dict").keys().collect();
        assert_eq!(fields, ["_fingerprint", "username"], "{json}");
        let fingerprint = session["_fingerprint"].as_str().expect("a text");
        assert_eq!(fingerprint.len(), 43, "{json}");
        let wanted = format!("signet: login of \"{name}\" from 192.0.2.1\n");
        assert_eq!(response.log, wanted);
    }
}

#[test]
fn names_and_passwords_are_compared_exactly() {
    let (server, state) = (server(), state_of(ADA));
    for (name, password) in [
        ("ada", "Correct horse"),
        ("ada", "correct horse "),
        ("ada", " correct horse"),
        ("ada", "correct hors"),
        ("ada", "correct horse\0"),
        ("Ada", PASSWORD),
        ("ada ", PASSWORD),
        (" ada", PASSWORD),
        ("\u{430}da", PASSWORD),
        ("ad", PASSWORD),
        ("ada:", PASSWORD),
        ("#", PASSWORD),
    ] {
        let state = state.copy();
        let mut browser = browser(&server, &state);
        let response = attempt(&mut browser, name, password);
        assert_eq!(response.status, 403, "{name:?} {password:?}");
        assert_eq!(browser.cookie("session"), None, "{name:?}");
    }
}

/// All pages are the same but for the name that was typed.
#[test]
fn a_failure_does_not_tell_what_was_wrong() {
    let (server, state) = (server(), state_of(&users()));
    let mut pages = Vec::new();
    for (name, password) in [
        ("ada", WRONG),
        ("bob", WRONG),
        ("nobody", WRONG),
        ("nobody", PASSWORD),
        ("sha", WRONG),
        ("sha", PASSWORD),
        ("des", PASSWORD),
        ("plain", PASSWORD),
        ("plain", WRONG),
        ("a:b", PASSWORD),
    ] {
        let mut browser = browser(&server, &state);
        let response = attempt(&mut browser, name, password);
        assert_eq!(response.status, 403, "{name}");
        assert_nowhere(password, name, &response);
        let text = response.text();
        assert_eq!(value(&text, "username").as_deref(), Some(name));
        assert_eq!(value(&text, "password"), None);
        assert!(words(&text).contains("The name or the password is wrong."));
        assert_eq!(response.headers.get("set-cookie"), None, "{name}");
        let headers: Vec<_> = response
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        let page = text.replace(&format!("value=\"{name}\""), "value=\"NAME\"");
        pages.push((name, page, headers));
    }
    for (name, page, headers) in &pages {
        assert_eq!(page, &pages[0].1, "{name}");
        assert_eq!(headers, &pages[0].2, "{name}");
    }
}

#[test]
fn the_log_names_users_but_not_what_else_was_typed() {
    let (server, state) = (server(), state_of(&users()));
    let line = |number: usize| format!("signet: users file, line {number}: ");
    for (name, wanted, reason) in [
        ("ada", "failed login of \"ada\" from 192.0.2.1", None),
        (
            "sha",
            "failed login of \"sha\" from 192.0.2.1",
            Some(line(3)),
        ),
        (
            "des",
            "failed login of \"des\" from 192.0.2.1",
            Some(line(4)),
        ),
        (
            "plain",
            "failed login of \"plain\" from 192.0.2.1",
            Some(line(5)),
        ),
        (SECRET, "failed login from 192.0.2.1", None),
        ("ada ", "failed login from 192.0.2.1", None),
    ] {
        let mut browser = browser(&server, &state);
        let log = attempt(&mut browser, name, WRONG).log;
        let mut lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.pop(), Some(&*format!("signet: {wanted}")), "{log}");
        if let Some(reason) = reason {
            let line = lines.pop().unwrap_or_default();
            assert!(line.starts_with(&reason), "{log}");
        }
        assert!(lines.is_empty(), "{log}");
        assert!(!log.contains(SECRET) && !log.contains(PASSWORD), "{log}");
    }
}

/// Forms that are not attempts: nothing is counted or logged.
#[test]
fn forms_without_a_name_or_a_password_are_returned() {
    let (server, state) = (server(), state_of(ADA));
    let long = "p".repeat(1025);
    let longest = "p".repeat(1024);
    type Fields<'f> = &'f [(&'f str, &'f str)];
    #[rustfmt::skip]
    let cases: [(&str, Fields<'_>, u16, &str, &str); 9] = [
        ("no password",    &[("username", "ada")],                                       400, "ada", "type your password"),
        ("empty password", &[("username", "ada"), ("password", "")],                     400, "ada", "type your password"),
        ("two passwords",  &[("username", "ada"), ("password", PASSWORD), ("password", WRONG)], 400, "ada", "type your password"),
        ("long password",  &[("username", "ada"), ("password", &long)],                  400, "ada", "at most 1024"),
        ("no name",        &[("password", PASSWORD)],                                    400, "",    "type your name"),
        ("empty name",     &[("username", ""), ("password", PASSWORD)],                  400, "",    "type your name"),
        ("two names",      &[("username", "ada"), ("username", "bob"), ("password", PASSWORD)], 400, "", "two names"),
        ("control",        &[("username", "a\nda"), ("password", PASSWORD)],             400, "ada", "cannot be used"),
        ("the longest",    &[("username", "ada"), ("password", &longest)],               403, "ada", "is wrong"),
    ];
    for (name, fields, status, shown, said) in cases {
        let mut browser = browser(&server, &state);
        let response = post(&mut browser, fields);
        let text = response.text();
        assert_eq!(response.status, status, "{name}: {text}");
        assert_eq!(value(&text, "username").as_deref(), Some(shown), "{name}");
        assert!(words(&text).contains(said), "{name}: {text}");
        assert_eq!(response.headers.get("set-cookie"), None, "{name}");
        for secret in [PASSWORD, WRONG, &long[..1024]] {
            assert_nowhere(secret, name, &response);
        }
        assert_eq!(
            response.log.is_empty(),
            status == 400,
            "{name}: {}",
            response.log
        );
    }
}

/// The fields that password managers look for.
#[test]
fn the_form_is_one_that_password_managers_fill() {
    let (server, state) = (server(), state_of(ADA));
    let page = browser(&server, &state).get("/login");
    assert_eq!(page.status, 200);
    let text = page.text();
    for field in [
        r#"type="text" id="username" name="username" value="" autocomplete="username""#,
        r#"type="password" id="password" name="password" autocomplete="current-password""#,
        r#"<label for="password">Password</label>"#,
    ] {
        assert!(text.contains(field), "{text}");
    }
    assert!(!text.contains("Demo"), "{text}");
    assert!(page.log.is_empty(), "{}", page.log);
}

/// What is typed is text, whatever characters it has.
#[test]
fn a_typed_name_is_escaped() {
    let (server, state) = (server(), state_of(ADA));
    let name = r#"zq'"><b>&{{7*7}}"#;
    let mut browser = browser(&server, &state);
    let text = attempt(&mut browser, name, WRONG).text();
    assert!(!text.contains("<b>"), "{text}");
    assert_eq!(value(&text, "username").as_deref(), Some(name));
}

/// A wrong password ends nobody's session, and a login as another replaces the name.
#[test]
fn a_logged_in_visitor_can_log_in_again() {
    let (server, state) = (server(), state_of(&users()));
    let mut browser = browser(&server, &state);
    log_in(&mut browser, "ada", PASSWORD);
    assert_eq!(attempt(&mut browser, "bob", WRONG).status, 403);
    assert_eq!(user(&mut browser).as_deref(), Some("ada"));
    log_in(&mut browser, "bob", PASSWORD);
    log_in(&mut browser, "ada", PASSWORD);
    let response = browser.get("/logout");
    assert_eq!(response.status, 303);
    assert_eq!(browser.cookie("session"), None);
    assert_eq!(user(&mut browser), None);
}

/// An id that an attacker knew before the login is worth nothing after it.
#[test]
fn a_login_changes_the_id_of_the_session() {
    let (server, state) = (server(), StateDir::new());
    let new = || browser(&server, &state).setting("SESSION_TYPE", "filesystem");
    let mut ada = new();
    assert_eq!(post(&mut ada, &[("username", "eve")]).status, 303);
    state.write("users", ADA, 0o600);
    for _ in 0..2 {
        let before = ada.cookie("session").expect("an id").to_owned();
        log_in(&mut ada, "ada", PASSWORD);
        assert_ne!(ada.cookie("session"), Some(&*before));
        let mut attacker = new();
        attacker.set_cookie("session", &before);
        assert_eq!(user(&mut attacker), None);
    }
}
