//! What goes wrong while the first request makes the key: killed at a system
//! call, or a system call that fails. strace does both.

use super::birth::{index_at, key_in};
use super::{EVERYTHING, assert_signed, login_at};
use crate::support::StateDir;
use crate::support::invariants::assert_holds;
use crate::support::response::Response;
use crate::support::strace::{self, Call, injected};
use crate::support::token::Signer;

/// Every system call of a request that makes the key, in order.
#[track_caller]
fn calls() -> Vec<Call> {
    let state = StateDir::new();
    let (calls, out) = strace::calls(login_at(state.path()));
    assert_eq!(out.response().status, 303, "{out}");
    key_in(state.path());
    let makes_a_key =
        |call: &Call| call.name.starts_with("rename") || call.name.starts_with("link");
    assert!(calls.iter().any(makes_a_key), "strace saw too little");
    calls
}

/// Asserts that the disk holds no key or a whole one, and that the next
/// requests work with it.
#[track_caller]
fn assert_goes_on(name: &str, state: &StateDir) {
    let found = state
        .path()
        .join("secret_key")
        .exists()
        .then(|| key_in(state.path()));
    let out = index_at(state.path()).run();
    assert_eq!(
        assert_holds(name, &out, EVERYTHING).status,
        200,
        "{name}: {out}"
    );
    let key = key_in(state.path());
    assert!(
        found.is_none_or(|found| found == key),
        "{name}: a whole key was replaced"
    );
    assert_signed(name, login_at(state.path()), key);
}

/// A power cut: whichever system call of the first request is its last.
#[test]
#[ignore = "needs strace: run tests/run"]
fn killed_at_any_system_call() {
    let mut answered = 0;
    for call in calls() {
        let name = format!("{} {}", call.name, call.number);
        let state = StateDir::new();
        let out = injected(login_at(state.path()), &[&call.inject("signal=KILL")]);
        answered += usize::from(Response::parse(&out.stdout).is_ok());
        if let Ok(response) = Response::parse(&out.stdout) {
            let key = key_in(state.path());
            let cookie = response.cookies().pop().expect(&name);
            assert!(
                Signer::with_key(key).read(&cookie.value).is_some(),
                "{name}: {out}"
            );
        }
        assert_goes_on(&name, &state);
    }
    // Only those killed behind the one write have answered.
    assert!(answered < 10, "{answered} runs were not killed in time");
}

/// A full disk, a read-only one, a broken one, no locks, no random bytes: a
/// page that says so, and never a cookie whose key is lost.
#[test]
#[ignore = "needs strace: run tests/run"]
fn failing_system_calls() {
    let mut refused = 0;
    for call in calls() {
        let error = match call.name.as_str() {
            "open" | "openat" | "creat" if call.arguments.contains("O_CREAT") => "EROFS",
            "open" | "openat" if call.arguments.contains("secret_key") => "EMFILE",
            "mkdir" | "mkdirat" => "EROFS",
            "write" => "ENOSPC",
            "fsync" | "fdatasync" => "EIO",
            "flock" => "ENOLCK",
            "link" | "linkat" | "rename" | "renameat" | "renameat2" => "ENOSPC",
            "getrandom" => "ENOSYS",
            _ => continue,
        };
        let name = format!("{} {}: {error}", call.name, call.number);
        let state = StateDir::new();
        let inject = call.inject(&format!("error={error}"));
        let out = injected(login_at(state.path()), &[&inject]);
        // Where nobody listens, nothing is said.
        if !(call.name == "write" && call.arguments.starts_with("1,")) {
            let response = assert_holds(&name, &out, EVERYTHING);
            match response.cookies().pop() {
                Some(cookie) => {
                    let key = key_in(state.path());
                    assert!(
                        Signer::with_key(key).read(&cookie.value).is_some(),
                        "{name}: {out}"
                    );
                }
                None => assert_eq!(response.status, 503, "{name}: {out}"),
            }
            refused += usize::from(response.status == 503);
        }
        assert_goes_on(&name, &state);
    }
    assert!(refused >= 4, "only {refused} faults were noticed");
}
