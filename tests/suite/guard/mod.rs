//! Protected content: which file a path leads to, groups and access rules, files as
//! responses, and answers for web servers that protect theirs.

mod access;
mod auth;
mod authorizer;
mod cases;
mod check;
mod ends;
mod faults;
mod folders;
mod forbidden;
mod groups;
mod login_url;
mod many_names;
mod own_files;
mod responses;
mod same_url;
mod sent_by_server;
mod servers;
mod slow_readers;
pub(crate) mod traversal;
pub(crate) mod tree;
mod types;
mod unreadable;
mod visitors_url;

use crate::support::response::Response;
use crate::support::{ADA, Cgi, StateDir};

/// The right password of [`ADA`].
pub(crate) const PASSWORD: &str = "correct horse";

/// A state folder with the key of the tests and these users.
fn state_of(users: &str) -> StateDir {
    let state = StateDir::new();
    state.write("users", users, 0o600);
    state
}

/// A line of a users file: another name with ada's password.
fn named(name: &str) -> String {
    ADA.replacen("ada", name, 1)
}

/// The Cookie header of a user who has logged in.
#[track_caller]
fn cookie_of(state: &StateDir, name: &str) -> String {
    let fields = [("username", name), ("password", PASSWORD)];
    let form = serde_urlencoded::to_string(fields).expect("a form");
    let response = Cgi::post("/login", form).state(state).run().response();
    assert_eq!(response.status, 303, "{}", response.text());
    let cookie = response.cookie("session").expect("a session").value;
    format!("session={cookie}")
}

/// Asserts that the answer leaves the visitor's session alone and that no cache keeps it.
#[track_caller]
fn assert_changes_nothing(name: &str, response: &Response) {
    assert!(response.cookies().is_empty(), "{name}: {response:?}");
    let cache = response.header("Cache-Control").expect("Cache-Control");
    let wanted = match response.status {
        200 | 204 => "private, no-cache",
        _ => "no-store, no-cache",
    };
    assert_eq!(cache, wanted, "{name}");
    assert_eq!(response.header("Vary"), Some("Cookie"), "{name}");
}
