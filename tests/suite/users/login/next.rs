//! The page to return to after a login.

use signet::testing::Client;

use super::{ADA, PASSWORD, WRONG, browser, post, server, state_of};
use crate::support::StateDir;
use crate::support::html::unescape;

/// The hidden field of the form.
fn hidden(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<input type=\"hidden\" name=\"next\" value=\"")?;
    Some(unescape(rest.split('"').next()?))
}

fn get(client: &mut Client<'_>, next: &str) -> Option<String> {
    let query = serde_urlencoded::to_string([("next", next)]).expect("a query");
    let page = client.get(&format!("/login?{query}"));
    assert_eq!(page.status, 200, "{next}");
    hidden(&page.text())
}

#[test]
fn the_page_is_kept_through_errors_and_followed() {
    let (server, state) = (server(), state_of(ADA));
    for (next, wanted) in [
        ("/", "/"),
        (
            "/notes/7?edit=1&x='\"".trim_end_matches('"'),
            "/notes/7?edit=1&x=%27",
        ),
        ("/a b/\u{e9}", "/a%20b/%C3%A9"),
        ("/app/loginx", "/app/loginx"),
        ("/private/?q=//evil.example", "/private/?q=//evil.example"),
    ] {
        let state = state.copy();
        let mut browser = browser(&server, &state);
        let kept = get(&mut browser, next).expect(next);
        assert_eq!(kept, wanted);
        for (username, password, status) in [
            ("", PASSWORD, 400),
            ("ada", "", 400),
            ("ada", WRONG, 403),
            ("ada", WRONG, 403),
            ("ada", WRONG, 403),
            ("ada", WRONG, 403),
            ("ada", WRONG, 403),
            ("ada", PASSWORD, 429),
        ] {
            let fields = [
                ("next", &*kept),
                ("username", username),
                ("password", password),
            ];
            let response = post(&mut browser, &fields);
            assert_eq!(response.status, status, "{next}");
            assert_eq!(hidden(&response.text()).as_deref(), Some(wanted), "{next}");
        }
        // By another name, which has not failed.
        state.write("users", ADA.replace("ada", "eve"), 0o600);
        let fields = [
            ("next", &*kept),
            ("username", "eve"),
            ("password", PASSWORD),
        ];
        let response = post(&mut browser, &fields);
        assert_eq!(response.status, 303, "{next}");
        assert_eq!(response.header("Location"), Some(wanted), "{next}");
    }
}

/// The rest of the spellings is in `tests/suite/local_path`.
#[test]
fn other_hosts_and_the_login_itself_are_not_followed() {
    let (with_users, without) = (state_of(ADA), StateDir::new());
    for next in [
        "",
        "notes",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/\t/evil.example",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/a/../b",
        "/a#b",
        "/a\r\nSet-Cookie: x=1",
        "/login",
        "/login?next=/notes",
        "/logout",
        "/app/logout",
        "/%6cogout",
        "/logout?everywhere=1",
    ] {
        for state in [&with_users, &without] {
            let server = server();
            let mut browser = browser(&server, state);
            assert_eq!(get(&mut browser, next), None, "{next:?}");
            let fields = [("next", next), ("username", "ada"), ("password", WRONG)];
            // In the demo this is a login.
            let response = post(&mut browser, &fields);
            assert_eq!(hidden(&response.text()), None, "{next:?}");
            let fields = [("next", next), ("username", "ada"), ("password", PASSWORD)];
            let response = post(&mut browser, &fields);
            assert_eq!(response.status, 303, "{next:?}");
            assert_eq!(response.header("Location"), Some("/"), "{next:?}");
        }
    }
}

/// Of the form, not of the address: and the first of several.
#[test]
fn the_form_says_where_to_go() {
    let (server, state) = (server(), state_of(ADA));
    let mut browser = browser(&server, &state);
    let body = "username=ada&password=correct+horse&next=/form&next=/second";
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let response = browser.send(
        http::Method::POST,
        "/login?next=/query",
        &headers,
        body.as_bytes(),
    );
    assert_eq!(response.header("Location"), Some("/form"));
}
