//! `LOGIN_URL`: the login of another program, such as a Flask application with the same key.

use super::{ADA, state_of};
use crate::support::token::Signer;
use crate::support::{Cgi, Output, StateDir, now};

const LOGIN: (&str, &str) = ("SIGNET_LOGIN_URL", "/blog/login?from=signet");

fn signed(json: &str) -> String {
    format!("session={}", Signer::default().token(json, now()))
}

fn ask(state: &StateDir, request: Cgi, cookie: &str) -> Output {
    request.state(state).vars(&[LOGIN]).cookie(cookie).run()
}

#[test]
fn a_signed_username_is_a_login_unless_the_demo_stored_it() {
    let (none, users) = (StateDir::new(), state_of(ADA));
    #[rustfmt::skip]
    let rows = [
        ("a name",              r#"{"username":"bob"}"#,                        Some("bob")),
        ("a fingerprint",       r#"{"_fingerprint":"x","username":"bob"}"#,     Some("bob")),
        ("the demo's",          r#"{"_demo":"bob","username":"bob"}"#,          None),
        ("another than the demo's", r#"{"_demo":"eve","username":"bob"}"#,      Some("bob")),
        ("an empty name",       r#"{"username":""}"#,                           None),
        ("an empty demo",       r#"{"_demo":"","username":"bob"}"#,             Some("bob")),
        ("no text",             r#"{"username":7}"#,                            None),
        ("nobody",              r#"{"user_id":"bob"}"#,                         None),
    ];
    for state in [&none, &users] {
        for (name, json, user) in rows {
            let out = ask(state, Cgi::get("/auth"), &signed(json));
            let response = out.response();
            assert_eq!(response.header("Remote-User"), user, "{name}: {out}");
            let status = if user.is_some() { 204 } else { 401 };
            assert_eq!(response.status, status, "{name}: {out}");
            let page = ask(state, Cgi::get("/"), &signed(json)).response();
            assert_eq!(
                page.words().contains("Logged in as"),
                user.is_some(),
                "{name}"
            );
            assert!(!page.text().contains("logout"), "{}", page.text());
        }
    }
}

/// What the demo of another folder of this site stores is no login here.
#[test]
fn the_demo_marks_its_logins() {
    let state = StateDir::new();
    let login = Cgi::post("/login", "username=bob").state(&state).run();
    let cookie = login.response().cookie("session").expect("a session").value;
    let (json, _) = Signer::default().read(&cookie).expect("signed");
    let session: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(
        (&session["_demo"], &session["username"]),
        (&"bob".into(), &"bob".into())
    );
    let out = ask(&state, Cgi::get("/auth"), &format!("session={cookie}"));
    assert_eq!(out.response().status, 401, "{out}");
    // The logout leaves nothing of it.
    let request = Cgi::post("/logout", "").state(&state);
    let out = request.cookie(format!("session={cookie}")).run();
    assert_eq!(
        out.response().cookie("session").expect("a deletion").value,
        ""
    );
}

#[test]
fn a_login_by_password_removes_the_mark_of_the_demo() {
    let state = state_of(ADA);
    let form = "username=ada&password=correct+horse";
    let request = Cgi::post("/login", form).state(&state);
    let out = request
        .cookie(signed(r#"{"_demo":"ada","username":"ada"}"#))
        .run();
    let cookie = out.response().cookie("session").expect("a session").value;
    let (json, _) = Signer::default().read(&cookie).expect("signed");
    assert!(!String::from_utf8_lossy(&json).contains("_demo"));
}

#[test]
fn the_own_login_is_off() {
    for state in [StateDir::new(), state_of(ADA)] {
        let form = "username=ada&password=correct+horse&next=/a?b";
        let login = "/blog/login?from=signet";
        let next = format!("{login}&next=%2Fa%3Fb");
        let rows = [
            (Cgi::get("/login"), 303, Some(login)),
            (Cgi::get("/login?next=/a?b"), 303, Some(&*next)),
            (Cgi::get("/login?next=//evil.example"), 303, Some(login)),
            (Cgi::post("/login", form), 303, Some(&*next)),
            (Cgi::get("/logout"), 404, None),
            (Cgi::post("/logout", "everywhere=1"), 404, None),
            (Cgi::get("/password"), 404, None),
            (Cgi::post("/password", form), 404, None),
            (Cgi::get("/.well-known/change-password"), 404, None),
        ];
        for (request, status, location) in rows {
            let out = ask(&state, request, &signed(r#"{"username":"ada"}"#));
            let response = out.response();
            assert_eq!(
                (response.status, response.header("Location")),
                (status, location),
                "{out}"
            );
            assert!(response.cookies().is_empty(), "{out}");
        }
        let request = Cgi::get("/auth?redirect").var("HTTP_X_FORWARDED_URI", "/a?b");
        let response = ask(&state, request, "").response();
        assert_eq!(response.header("Location"), Some(&*next));
    }
}
