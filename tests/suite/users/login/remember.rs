//! "Stay logged in": whether the session outlives the browser.

use signet::testing::{Client, Response};

use super::{ADA, PASSWORD, WRONG, browser, post, server, state_of, user};
use crate::support::StateDir;

/// Whether the box is checked; `None` if there is no box.
fn is_checked(response: &Response) -> Option<bool> {
    let text = response.text();
    let (_, rest) = text.split_once("id=\"remember\"")?;
    let tag = rest.split('>').next()?;
    Some(tag.ends_with(" checked"))
}

/// Whether the response sets a cookie that outlives the browser.
#[track_caller]
fn is_permanent(response: &Response) -> bool {
    assert_eq!(response.status, 303, "{}", response.text());
    let cookies = response.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok());
    let cookie = cookies.find(|cookie| cookie.starts_with("session="));
    let cookie = cookie.expect("a session");
    let attribute = |name: &str| cookie.to_ascii_lowercase().contains(name);
    attribute("; expires=") || attribute("; max-age=")
}

fn fields<'f>(password: &'f str, remember: Option<&'f str>) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![("username", "ada"), ("password", password)];
    fields.extend(remember.map(|value| ("remember", value)));
    fields
}

#[test]
fn the_box_decides_whether_a_session_is_permanent() {
    let (server, state) = (server(), state_of(ADA));
    for kind in ["cookie", "filesystem"] {
        for initial in [true, false] {
            let browser = || -> Client<'_> {
                browser(&server, &state)
                    .setting("SESSION_TYPE", kind)
                    .setting("SESSION_PERMANENT", initial.to_string())
            };
            let name = format!("{kind}, initially {initial}");
            assert_eq!(
                is_checked(&browser().get("/login")),
                Some(initial),
                "{name}"
            );
            for remember in [None, Some("1"), Some("on")] {
                let mut one = browser();
                let wanted = remember.is_some();
                let failed = post(&mut one, &fields(WRONG, remember));
                assert_eq!(is_checked(&failed), Some(wanted), "{name}");
                let failed = post(&mut one, &fields("", remember));
                assert_eq!(is_checked(&failed), Some(wanted), "{name}");
                let response = post(&mut one, &fields(PASSWORD, remember));
                assert_eq!(is_permanent(&response), wanted, "{name}");
                assert_eq!(user(&mut one).as_deref(), Some("ada"), "{name}");
            }
        }
    }
}

/// The choice of the last login counts.
#[test]
fn a_login_without_the_box_ends_with_the_browser() {
    let (server, state) = (server(), state_of(ADA));
    let mut browser = browser(&server, &state);
    assert!(is_permanent(&post(
        &mut browser,
        &fields(PASSWORD, Some("1"))
    )));
    assert!(!is_permanent(&post(&mut browser, &fields(PASSWORD, None))));
}

/// The demo has no box.
#[test]
fn the_demo_follows_the_setting() {
    let (server, state) = (server(), StateDir::new());
    for permanent in [true, false] {
        let mut browser =
            browser(&server, &state).setting("SESSION_PERMANENT", permanent.to_string());
        assert_eq!(is_checked(&browser.get("/login")), None);
        let response = post(&mut browser, &[("username", "ada"), ("remember", "1")]);
        assert_eq!(is_permanent(&response), permanent);
    }
}
