//! The login without a users file, by any name, and when it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use signet::testing::Client;

use super::{ADA, PASSWORD, attempt, browser, log_in, post, server, state_of, user};
use crate::support::html::words;
use crate::support::{Cgi, StateDir};

const NOTE: &str = "Demo: any name is accepted.";

#[test]
fn without_a_users_file_any_name_is_accepted() {
    let (server, state) = (server(), StateDir::new());
    for hidden in [false, true] {
        let shown = match hidden {
            true => "false",
            false => "true",
        };
        let mut browser = browser(&server, &state).setting("DEMO_NOTE", shown);
        let text = browser.get("/login").text();
        assert_eq!(words(&text).contains(NOTE), !hidden, "{text}");
        assert!(!text.contains("name=\"password\""), "{text}");
        assert!(!text.contains("name=\"remember\""), "{text}");
        let text = post(&mut browser, &[("username", "")]).text();
        assert_eq!(words(&text).contains(NOTE), !hidden, "{text}");
        assert_eq!(post(&mut browser, &[("username", "anybody")]).status, 303);
        assert_eq!(user(&mut browser).as_deref(), Some("anybody"));
    }
    assert!(!state.path().join("users.seen").exists());
}

/// A control panel may reset the permissions of the folder.
#[test]
fn a_state_folder_with_users_that_is_refused_is_no_demo() {
    for name in ["users", "users.seen"] {
        let home = StateDir::new();
        let file = home.write(&format!(".signet/{name}"), ADA, 0o600);
        let folder = file.parent().expect("a folder");
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("chmod");
        for request in [Cgi::get("/login"), Cgi::post("/login", "username=eve")] {
            let request = request.without("SIGNET_STATE_DIR").var("HOME", home.path());
            let out = request.run();
            assert_eq!(out.response().status, 503, "{name}: {out}");
            assert!(
                out.errors().contains("can be written by other users"),
                "{name}: {out}"
            );
        }
    }
}

/// A name with a colon cannot be in a users file.
#[test]
fn the_demo_needs_no_name_of_a_users_file() {
    let (server, state) = (server(), StateDir::new());
    let mut browser = browser(&server, &state);
    assert_eq!(post(&mut browser, &[("username", "a:b")]).status, 303);
    assert_eq!(user(&mut browser).as_deref(), Some("a:b"));
}

/// Every page that opens a session sees the file, not only that of the login.
#[test]
fn once_a_users_file_was_seen_there_is_no_demo() {
    type See = fn(&mut Client<'_>);
    let seen: [(&str, See); 3] = [
        ("the form", |browser| {
            assert_eq!(browser.get("/login").status, 200)
        }),
        ("a failed login", |browser| {
            assert_eq!(attempt(browser, "ada", "no").status, 403);
        }),
        ("a login", |browser| log_in(browser, "ada", PASSWORD)),
    ];
    for (name, see) in seen {
        let (server, state) = (server(), state_of(ADA));
        see(&mut browser(&server, &state));
        fs::remove_file(state.path().join("users")).expect("remove it");
        let mut browser = browser(&server, &state);
        for response in [
            browser.get("/login"),
            post(&mut browser, &[("username", "ada")]),
            attempt(&mut browser, "ada", PASSWORD),
        ] {
            assert_eq!(response.status, 503, "{name}: {}", response.text());
            assert!(!response.text().contains("Demo"), "{name}");
            assert!(
                response.log.contains("does not exist any more"),
                "{name}: {}",
                response.log
            );
        }
        // As long as the owner does not say so.
        fs::remove_file(state.path().join("users.seen")).expect("the marker");
        assert_eq!(
            post(&mut browser, &[("username", "eve")]).status,
            303,
            "{name}"
        );
    }
}

/// The first request of a visitor who was logged in by the demo sees it, too.
#[test]
fn a_page_of_a_demo_session_sees_the_users_file() {
    let (server, state) = (server(), StateDir::new());
    let mut browser = browser(&server, &state);
    assert_eq!(post(&mut browser, &[("username", "ada")]).status, 303);
    state.write("users", ADA, 0o600);
    assert_eq!(user(&mut browser), None);
    fs::remove_file(state.path().join("users")).expect("remove it");
    assert_eq!(browser.get("/").status, 503);
    assert_eq!(browser.get("/login").status, 503);
}

/// An empty file has no users, and is none the less one.
#[test]
fn an_empty_users_file_is_not_the_demo() {
    for (text, login, empty, wrong) in [
        ("", 503, 503, 503),
        ("\n", 503, 503, 503),
        ("# nobody yet\n", 503, 503, 503),
        // A user who has no password.
        ("ada\n", 200, 400, 403),
    ] {
        let (server, state) = (server(), state_of(text));
        let mut browser = browser(&server, &state);
        let page = browser.get("/login");
        assert_eq!(page.status, login, "{text:?}");
        assert!(!page.text().contains("any name"), "{text:?}");
        let response = post(&mut browser, &[("username", "ada")]);
        assert_eq!(response.status, empty, "{text:?}");
        let response = attempt(&mut browser, "ada", PASSWORD);
        assert_eq!(response.status, wrong, "{text:?}");
        assert_eq!(user(&mut browser), None, "{text:?}");
    }
}

/// There is no page `/password` then.
#[test]
fn a_session_from_before_the_demo_has_no_password_to_change() {
    let (server, state) = (server(), state_of(ADA));
    let mut ada = browser(&server, &state);
    log_in(&mut ada, "ada", PASSWORD);
    assert!(ada.get("/").text().contains("href=\"/password\""));
    for name in ["users", "users.seen"] {
        fs::remove_file(state.path().join(name)).expect("remove it");
    }
    assert_eq!(user(&mut ada).as_deref(), Some("ada"));
    assert!(!ada.get("/").text().contains("/password"));
    assert_eq!(ada.get("/password").status, 404);
}

/// There can be neither a users file nor an upload.
#[test]
fn the_demo_needs_no_state_folder() {
    let server = server();
    let mut browser = Client::new(&server).without_redirects();
    for response in [
        browser.get("/login"),
        browser.post("/login", &[("username", "ada")]),
    ] {
        assert!(response.status.as_u16() < 400, "{}", response.text());
        assert_eq!(response.log, "");
    }
    assert_eq!(user(&mut browser).as_deref(), Some("ada"));
}
