//! What strangers send: tables of rows, with every invariant asserted on every
//! one of them. "Anonymous" is the index as somebody not logged in gets it.

mod addresses;
pub(crate) mod cookies;
mod environment;
mod forms;
mod paths;
mod payloads;
mod streams;
mod tokens;

use crate::support::Cgi;
use crate::support::invariants::{NOTHING, checked};
use crate::support::response::Response;

/// Asserts that the request gets the index of an anonymous visitor.
#[track_caller]
fn assert_anonymous(name: &str, cgi: Cgi) -> Response {
    let response = checked(name, cgi, NOTHING);
    assert_eq!(response.status, 200, "{name}: {}", response.words());
    assert!(
        response.words().contains("You are not logged in"),
        "{name}: {}",
        response.words()
    );
    assert!(
        !response.words().contains("Logged in as"),
        "{name}: {}",
        response.words()
    );
    response
}

/// Asserts that the request gets this status and no cookie.
#[track_caller]
fn assert_status(name: &str, cgi: Cgi, want: u16) -> Response {
    let response = checked(name, cgi, NOTHING);
    assert_eq!(response.status, want, "{name}: {}", response.words());
    response
}
