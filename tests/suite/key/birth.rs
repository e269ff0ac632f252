//! The key that makes itself on the first request.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use super::{EVERYTHING, assert_absent, assert_signed, login_at, mode};
use crate::support::invariants::assert_holds;
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir};

/// The key in a state directory: 32 random bytes in hexadecimal, as Python's
/// `secrets.token_hex()` prints them, and not a byte more.
#[track_caller]
pub(super) fn key_in(state: &Path) -> String {
    let path = state.join("secret_key");
    let key = fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    assert_eq!(key.len(), 64, "{} bytes", key.len());
    assert!(
        key.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "no hexadecimal"
    );
    assert_eq!(mode(&path), 0o600);
    key
}

/// What is in a folder, names that begin with a dot left out: a lock may stay.
fn unhidden(folder: &StateDir) -> Vec<String> {
    let snapshot = folder.snapshot();
    let names = snapshot.names().into_iter();
    let names = names.map(|name| name.to_str().expect("UTF-8").to_owned());
    names
        .filter(|name| !name.starts_with('.') && !name.contains("/."))
        .collect()
}

pub(super) fn index_at(state: &Path) -> Cgi {
    Cgi::get("/")
        .without("SIGNET_SECRET_KEY")
        .var("SIGNET_STATE_DIR", state)
}

#[test]
fn first_request_makes_the_key_and_the_second_reads_it() {
    let root = StateDir::new();
    let state = root.path().join("new");
    let out = index_at(&state).run();
    let response = assert_holds("first", &out, EVERYTHING);
    assert_eq!(response.status, 200, "{out}");
    let key = key_in(&state);
    assert_eq!(mode(&state), 0o700);
    assert_absent(
        "first",
        &[&out.stdout[..], &out.stderr].concat(),
        key.as_bytes(),
    );
    let after_first = root.snapshot();
    assert_eq!(unhidden(&root), ["new", "new/secret_key"]);
    assert_signed("second", login_at(&state), &key);
    assert_eq!(
        root.snapshot(),
        after_first,
        "the second request changed something"
    );
}

#[test]
fn two_sites_have_two_keys() {
    let keys: BTreeSet<String> = (0..20)
        .map(|_| {
            let state = StateDir::new();
            index_at(state.path()).run().response();
            key_in(state.path())
        })
        .collect();
    assert_eq!(keys.len(), 20);
}

/// CGI processes inherit the server's umask: 022 as a rule, 0 or 077 on some.
#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["000", "022", "077"] {
        let root = StateDir::new();
        let state = root.path().join("new");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let out = index_at(&state).through(&["/bin/sh", "-c", &script]).run();
        assert_eq!(
            assert_holds(umask, &out, EVERYTHING).status,
            200,
            "{umask}: {out}"
        );
        key_in(&state);
        assert_eq!(mode(&state), 0o700, "umask {umask}");
    }
}

/// Fifty first visitors at once: one key, and nobody holds a cookie that some
/// other key signed.
#[test]
fn first_requests_agree_on_one_key() {
    for round in 0..20 {
        let root = StateDir::new();
        // Sometimes the folder itself has to be made in the race.
        let state = match round % 2 {
            0 => root.path().to_owned(),
            _ => root.path().join("new"),
        };
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let request = login_at(&state);
                thread::spawn(move || request.run())
            })
            .collect();
        let outs: Vec<_> = requests
            .into_iter()
            .map(|run| run.join().expect("a request"))
            .collect();
        let signer = Signer::with_key(key_in(&state));
        for out in outs {
            let response = out.response();
            assert_eq!(response.status, 303, "round {round}: {out}");
            let cookie = response.cookies().pop().expect("a cookie");
            assert!(
                signer.read(&cookie.value).is_some(),
                "round {round}: another key signed {out}"
            );
        }
        let drafts = unhidden(&root);
        assert_eq!(drafts.len(), 1 + round % 2, "round {round}: {drafts:?}");
    }
}
