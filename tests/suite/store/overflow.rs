//! SESSION_OVERFLOW: what is too large for the cookie goes to the store, and
//! comes back.

use sha2::{Digest, Sha256};

use signet::Session;

use super::site::{NOW, Site};
use crate::support::token::Signer;

const OVERFLOW: (&str, &str) = ("SESSION_OVERFLOW", "filesystem");

/// Text of this length that nothing compresses below three quarters.
pub(super) fn noise(length: usize) -> String {
    let chunks = (0..)
        .map(|number: u64| crate::support::token::encode(Sha256::digest(number.to_be_bytes())));
    let mut text = String::new();
    for chunk in chunks {
        text.push_str(&chunk);
        if text.len() >= length {
            break;
        }
    }
    text.truncate(length);
    text
}

fn is_token(cookie: Option<&str>) -> bool {
    cookie.is_some_and(|cookie| Signer::default().read(cookie).is_some())
}

#[test]
fn a_session_goes_to_the_store_and_back() {
    let site = Site::new(&[OVERFLOW]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    assert!(is_token(ada.cookie.as_deref()));
    assert_eq!(site.records(), [] as [String; 0]);

    ada.visit(NOW, |session| session.insert("text", noise(9000)));
    let id = ada.cookie.clone();
    assert!(!is_token(id.as_deref()));
    assert_eq!(id.as_ref().map(String::len), Some(43));
    assert_eq!(site.records().len(), 1);
    let text = ada.visit(NOW, |session| session.get("text").cloned());
    assert_eq!(text, Some(noise(9000).into()));
    ada.visit(NOW, |session| session.insert("a", 1));
    assert_eq!(ada.cookie, id, "there it stays");
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"));

    let mut old = ada.clone();
    ada.visit(NOW, |session| session.remove("text"));
    assert!(is_token(ada.cookie.as_deref()), "it fits again");
    assert_eq!(site.records(), [] as [String; 0]);
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"));
    let keys: Vec<String> = ada.visit(NOW, |session| {
        session.iter().map(|(key, _)| key.to_owned()).collect()
    });
    assert_eq!(keys, ["_demo", "a", "username"]);
    assert_eq!(old.user(NOW), None, "the id is dead");
}

#[test]
fn a_session_ends_in_the_store_too() {
    let site = Site::new(&[OVERFLOW, ("PERMANENT_SESSION_LIFETIME", "600")]);
    let mut ada = site.visitor();
    ada.visit(NOW, |session| session.insert("text", noise(9000)));
    let mut before = ada.clone();
    ada.log_in(NOW, "ada");
    assert_ne!(ada.cookie, before.cookie, "renewed by the login");
    before.visit(NOW, |session| assert!(session.is_empty()));
    assert_eq!(ada.clone().user(NOW + 600).as_deref(), Some("ada"));
    assert_eq!(ada.clone().user(NOW + 1201), None, "idle");

    let mut slow = ada.clone();
    let (_, response) = slow.try_visit(NOW + 600, |session| {
        ada.visit(NOW + 600, |session| session.clear());
        session.insert("a", 1);
    });
    assert_eq!(response.cookies(), []);
    assert_eq!(site.records(), [] as [String; 0]);
    assert_eq!(ada.cookie, None);
}

#[test]
fn requests_of_one_session_in_the_store_lose_nothing() {
    let site = Site::new(&[OVERFLOW]);
    let mut ada = site.visitor();
    ada.visit(NOW, |session| session.insert("text", noise(9000)));
    let mut slow = ada.clone();
    slow.visit(NOW, |session| {
        session.insert("slow", 1);
        ada.visit(NOW, |session| session.insert("fast", 1));
    });
    let keys = ada.visit(NOW, |session| {
        ["slow", "fast", "text"].map(|key| session.contains_key(key))
    });
    assert_eq!(keys, [true, true, true]);
}

/// The default: an error, and what was there before is still there.
#[test]
fn without_it_the_session_is_as_it_was() {
    let site = Site::new(&[]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let before = (ada.cookie.clone(), site.state.snapshot());
    let (_, response) = ada.try_visit(NOW, |session| session.insert("text", noise(9000)));
    assert_eq!(response.status, 500);
    assert_eq!((ada.cookie.clone(), site.state.snapshot()), before);
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"));
}

/// Flask signed it without the date of its beginning, for which there is no
/// room.
#[test]
fn a_session_at_the_limit_is_shown_though_it_cannot_be_prolonged() {
    let site = Site::new(&[
        ("MAX_COOKIE_SIZE", "3000"),
        ("SESSION_PERMANENT", "true"),
        ("PERMANENT_SESSION_LIFETIME", "600"),
    ]);
    let refreshed = |length: usize| {
        let text = noise(length);
        let json = format!(r#"{{"_permanent":true,"text":"{text}","username":"ada"}}"#);
        let mut ada = site.visitor();
        ada.cookie = Some(Signer::default().compressed(&json, NOW));
        let response = ada.get(NOW + 60, "/");
        assert_eq!(response.status, 200, "{length}: {response:?}");
        assert!(response.text().contains("Logged in as ada"), "{length}");
        response.cookies().len()
    };
    assert_eq!((refreshed(1000), refreshed(3000)), (1, 0));
}

/// A header has a limit of its own.
#[test]
fn without_a_limit_of_the_owner_that_of_a_header_counts() {
    const UNLIMITED: (&str, &str) = ("MAX_COOKIE_SIZE", "0");
    let site = Site::new(&[OVERFLOW, UNLIMITED]);
    let mut ada = site.visitor();
    ada.visit(NOW, |session| session.insert("text", noise(12_000)));
    assert_eq!(site.records().len(), 1);
    let length = ada.visit(NOW, |session| {
        let text = session
            .get("text")
            .and_then(|text| text.as_str().map(str::len));
        text.expect("a text")
    });
    assert_eq!(length, 12_000);

    let site = Site::new(&[UNLIMITED]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let (_, response) = ada.try_visit(NOW, |session| session.insert("text", noise(12_000)));
    assert_eq!(response.status, 500);
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"));
}

/// Python reads no deeper text either.
#[test]
fn a_session_too_deep_to_be_read_again_is_not_written() {
    let deep = |levels: usize| {
        let wrap = |value, _| signet::Value::List(vec![value]);
        (0..levels).fold(signet::Value::from(1), wrap)
    };
    for settings in [&[][..], &[("SESSION_TYPE", "filesystem")], &[OVERFLOW]] {
        let site = Site::new(settings);
        let mut ada = site.visitor();
        ada.log_in(NOW, "ada");
        let (_, response) = ada.try_visit(NOW, |session| session.insert("deep", deep(1000)));
        assert_eq!(response.status, 500, "{settings:?}");
        assert_eq!(ada.user(NOW).as_deref(), Some("ada"), "{settings:?}");
        ada.visit(NOW, |session| session.insert("deep", deep(999)));
        assert_eq!(ada.user(NOW).as_deref(), Some("ada"), "{settings:?}");
    }
}

/// A cookie can hold more, compressed, than is read of it.
#[test]
fn a_session_too_large_to_be_read_again_is_not_written() {
    let large = |length: usize| "a".repeat(length);
    for settings in [&[][..], &[("MAX_COOKIE_SIZE", "0")], &[OVERFLOW]] {
        let site = Site::new(settings);
        let mut ada = site.visitor();
        ada.log_in(NOW, "ada");
        let insert = |session: &mut Session| drop(session.insert("text", large(300_000)));
        let (_, response) = ada.try_visit(NOW, insert);
        assert_eq!(response.status, 500, "{settings:?}");
        assert_eq!(response.cookies(), [], "{settings:?}");
        assert_eq!(ada.user(NOW).as_deref(), Some("ada"), "{settings:?}");
        ada.visit(NOW, |session| session.insert("text", large(260_000)));
        let text = ada.visit(NOW, |session| session.get("text").cloned());
        assert_eq!(text, Some(large(260_000).into()), "{settings:?}");
    }
}
