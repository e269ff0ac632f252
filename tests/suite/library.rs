//! `signet::serve` for another program: the visit counter of the examples.

use crate::support::invariants::{COOKIE, assert_holds};
use crate::support::token::Signer;
use crate::support::{Cgi, example, now};

fn counter(target: &str) -> Cgi {
    Cgi::get(target).program(example("counter"))
}

#[test]
fn visits_are_counted_in_the_cookie() {
    let mut cookie = None;
    for visit in 1..=3 {
        let mut request = counter("/");
        if let Some(cookie) = cookie {
            request = request.cookie(format!("session={cookie}"));
        }
        let response = assert_holds("visit", &request.run(), COOKIE);
        assert_eq!(response.status, 200);
        let wanted = format!("Visit number {visit}<");
        assert!(response.text().contains(&wanted), "{}", response.text());
        cookie = response.cookie("session").map(|cookie| cookie.value);
        assert!(cookie.is_some(), "visit {visit}: no cookie");
    }
}

#[test]
fn a_session_of_another_shape_is_counted_anew() {
    let token = Signer::default().token(r#"{"visits":"many"}"#, now());
    let request = counter("/").cookie(format!("session={token}"));
    let response = assert_holds("another shape", &request.run(), COOKIE);
    assert!(
        response.text().contains("Visit number 1<"),
        "{}",
        response.text()
    );
}

#[test]
fn a_page_that_looks_at_no_session_sets_no_cookie_and_may_be_cached() {
    let out = counter("/absent").run();
    let response = out.response();
    assert_eq!(response.status, 404, "{out}");
    assert_eq!(response.header("vary"), None, "{out}");
    assert_eq!(response.header("cache-control"), None, "{out}");
    assert!(response.cookies().is_empty(), "{out}");
}

#[test]
fn without_a_web_server_it_says_so() {
    let out = counter("/").bare().run();
    assert_eq!(out.errors().lines().count(), 1, "{out}");
    assert!(
        out.errors().starts_with("signet: this is a CGI program"),
        "{out}"
    );
    assert!(out.stdout.is_empty(), "{out}");
}
