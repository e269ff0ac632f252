//! A key that is replaced while people are logged in: `signet key rotate`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use super::{assert_signed, login_at};
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now, tested_program};

const LIFETIME: u64 = 2_678_400;

fn signet(state: &StateDir, arguments: &[&str]) -> Output {
    Command::new(tested_program())
        .args(arguments)
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .output()
        .expect("run signet")
}

#[track_caller]
fn rotate(state: &StateDir) {
    let output = signet(state, &["key", "rotate"]);
    assert!(output.status.success(), "{output:?}");
}

/// The Cookie header of somebody who has just logged in.
fn logged_in(state: &StateDir) -> String {
    let response = login_at(state.path()).run().response();
    format!("session={}", response.cookies()[0].value)
}

fn is_believed(state: &StateDir, cookie: &str) -> bool {
    let out = Cgi::get("/")
        .without("SIGNET_SECRET_KEY")
        .var("SIGNET_STATE_DIR", state.path())
        .cookie(cookie)
        .run();
    out.response().text().contains("Logged in as admin")
}

fn key(state: &StateDir) -> String {
    fs::read_to_string(state.path().join("secret_key")).expect("a key")
}

fn retired(state: &StateDir) -> Vec<(u64, String)> {
    let text = fs::read_to_string(state.path().join("retired_keys")).unwrap_or_default();
    text.lines()
        .map(|line| line.split_once(' ').expect("SECONDS HEX"))
        .map(|(at, key)| (at.parse().expect("seconds"), key.to_owned()))
        .collect()
}

/// The oldest retired key is `seconds` older than it was.
fn age(state: &StateDir, seconds: u64) {
    let (at, key) = retired(state).remove(0);
    let text = fs::read_to_string(state.path().join("retired_keys")).expect("retired keys");
    let aged = text.replace(&format!("{at} {key}"), &format!("{} {key}", at - seconds));
    state.write("retired_keys", aged, 0o600);
}

#[test]
fn a_new_key_signs_and_the_old_ones_verify() {
    let state = StateDir::new();
    let first = logged_in(&state);
    let old = key(&state);
    rotate(&state);
    let second = logged_in(&state);
    assert_ne!(key(&state), old);
    assert_signed("new key", login_at(state.path()), key(&state));
    rotate(&state);
    for (name, cookie) in [("first", &first), ("second", &second)] {
        assert!(is_believed(&state, cookie), "{name}");
    }
    assert_eq!(retired(&state).len(), 2);
    let mode = fs::metadata(state.path().join("retired_keys"))
        .expect("retired keys")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
}

/// PERMANENT_SESSION_LIFETIME after a key was retired, nothing it signed is
/// good any more. A cookie that could tell must be as young as a test.
#[test]
fn a_retired_key_is_dropped_by_itself() {
    let state = StateDir::new();
    let cookie = logged_in(&state);
    rotate(&state);
    age(&state, LIFETIME - 60);
    assert!(is_believed(&state, &cookie), "a minute before");
    assert_eq!(retired(&state).len(), 1);
    age(&state, 120);
    assert!(!is_believed(&state, &cookie), "a minute after");
    assert_eq!(retired(&state), [], "the request took it out of the file");
}

/// Another process changes the keys at this moment, or hangs while it does.
#[test]
fn a_request_does_not_wait_for_the_lock_to_drop_an_expired_key() {
    let state = StateDir::new();
    let cookie = logged_in(&state);
    rotate(&state);
    age(&state, LIFETIME + 60);
    let lock = fs::File::open(state.path().join("secret_key")).expect("the key");
    lock.lock().expect("lock it");
    let begun = Instant::now();
    assert!(!is_believed(&state, &cookie), "by an expired key");
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited");
    assert_eq!(retired(&state).len(), 1, "the file was changed");
    lock.unlock().expect("unlock it");
    assert!(!is_believed(&state, &cookie));
    assert_eq!(retired(&state), []);
}

/// A permanent session gets its next cookie by the new key, when it is due.
#[test]
fn a_session_is_signed_anew_at_its_next_refresh() {
    let state = StateDir::new();
    let permanent = login_at(state.path())
        .var("SIGNET_SESSION_PERMANENT", "true")
        .run()
        .response();
    let cookie = format!("session={}", permanent.cookies()[0].value);
    rotate(&state);
    let index = |lifetime: &str| {
        Cgi::get("/")
            .without("SIGNET_SECRET_KEY")
            .var("SIGNET_STATE_DIR", state.path())
            .var("SIGNET_PERMANENT_SESSION_LIFETIME", lifetime)
            .cookie(&cookie)
    };
    assert_eq!(index("2678400").run().response().cookies(), []);
    // A tenth of so short a lifetime has passed by the next second.
    let deadline = now() + 10;
    let refreshed = loop {
        if let Some(cookie) = index("10").run().response().cookies().pop() {
            break cookie;
        }
        assert!(now() < deadline, "no refresh");
    };
    let read = Signer::with_key(key(&state)).read(&refreshed.value);
    assert!(read.is_some(), "not signed by the new key");
}

/// Whoever is served during the change is served, and stays logged in.
#[test]
fn requests_during_the_change_succeed() {
    let state = StateDir::new();
    let cookie = logged_in(&state);
    thread::scope(|scope| {
        let requests: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..15).all(|_| {
                        let another = logged_in(&state);
                        is_believed(&state, &cookie) && is_believed(&state, &another)
                    })
                })
            })
            .collect();
        for _ in 0..20 {
            rotate(&state);
        }
        for request in requests {
            assert!(request.join().expect("a thread"), "somebody was logged out");
        }
    });
}

#[test]
fn what_cannot_be_rotated_stays_as_it_is() {
    let state = StateDir::new();
    let output = signet(&state, &["key", "rotate"]);
    assert_eq!(output.status.code(), Some(1), "no key yet: {output:?}");
    assert_eq!(state.snapshot().names().len(), 0, "nothing was made");

    logged_in(&state);
    let before = key(&state);
    let output = Command::new(tested_program())
        .args(["key", "rotate"])
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .env("SIGNET_SECRET_KEY", crate::support::KEY)
        .output()
        .expect("run signet");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("SECRET_KEY_FALLBACKS"), "{said}");
    assert_eq!(key(&state), before);
}

/// As with the key itself: what others could have written is refused.
#[test]
fn unsafe_files_of_retired_keys_are_refused() {
    #[rustfmt::skip]
    let cases = [
        ("others write it", "1700000000 00112233445566778899aabbccddeeff00\n", 0o646),
        ("no hex",          "1700000000 zz\n",                                 0o600),
        ("no time",         "00112233445566778899aabbccddeeff00\n",            0o600),
    ];
    for (name, text, mode) in cases {
        let state = StateDir::new();
        logged_in(&state);
        state.write("retired_keys", text, mode);
        let out = login_at(state.path()).run();
        let response = out.response();
        assert_eq!(response.status, 503, "{name}: {out}");
        assert!(response.cookies().is_empty(), "{name}: {out}");
        assert!(out.errors().contains("retired_keys"), "{name}: {out}");
        assert!(response.text().contains("retired_keys"), "{name}: {out}");
    }
}

/// An earlier version accepted it as a key. The site's own key is good, and so are
/// the other retired ones.
#[test]
fn a_weak_retired_key_is_left_out() {
    for weak in ["passwordpassword", "changeme"] {
        let state = StateDir::new();
        let cookie = logged_in(&state);
        rotate(&state);
        let hex: String = weak.bytes().map(|byte| format!("{byte:02x}")).collect();
        let file = state.path().join("retired_keys");
        let good = fs::read_to_string(&file).expect("retired keys");
        state.write("retired_keys", format!("{} {hex}\n{good}", now()), 0o600);
        assert!(is_believed(&state, &cookie), "{weak}");
        let forged = Signer::with_key(weak).token(r#"{"username":"ada"}"#, now());
        let out = super::birth::index_at(state.path())
            .cookie(format!("session={forged}"))
            .run();
        assert!(
            !out.response().text().contains("Logged in as"),
            "{weak}: {out}"
        );
        let said = "the key in line 1 of retired_keys is";
        assert!(out.errors().contains(said), "{weak}: {out}");
        assert!(!out.errors().contains(&hex), "{weak}: {out}");
    }
}

/// Retired keys of `digits` hex digits, as many as `signet key rotate` lets
/// stand in the file.
fn fill(state: &StateDir, digits: usize) -> usize {
    let key: String = (1..=digits / 8)
        .map(|n| format!("{:08x}", (n as u32).wrapping_mul(0x9e37_79b9)))
        .collect();
    let line = format!("{} {key}\n", now() - 60);
    let count = 64 * 1024 / line.len();
    state.write("retired_keys", line.repeat(count), 0o600);
    count
}

/// What would be too large for the next request is not written.
#[test]
fn a_key_that_does_not_fit_among_the_retired_ones_is_not_rotated() {
    for digits in [128, 2000, 8192] {
        let state = StateDir::new();
        let cookie = logged_in(&state);
        let count = fill(&state, digits);
        if digits > 128 {
            // A key as `signet key new` makes it is shorter than these.
            while signet(&state, &["key", "rotate"]).status.success() {}
        }
        let before = state.snapshot();
        let output = signet(&state, &["key", "rotate"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{digits}: {said}");
        assert_eq!(state.snapshot(), before, "{digits}: something was changed");
        let keys = retired(&state).len();
        for words in [
            &*format!("{keys} keys"),
            "retired_keys",
            "GMT",
            "nothing was changed",
        ] {
            assert!(said.contains(words), "{digits}: no {words:?}: {said}");
        }
        assert!(keys >= count, "{digits}");
        assert!(is_believed(&state, &cookie) || digits > 128, "{digits}");
        assert_eq!(
            login_at(state.path()).run().response().status,
            303,
            "{digits}"
        );
    }
}

/// A key file is whole or not there: what a full disk cut off would be refused.
#[test]
fn a_key_file_that_cannot_be_written_whole_is_not_there() {
    let state = StateDir::new();
    let path = state.path().join("new_key");
    let script = format!(
        "ulimit -f 0; exec '{}' key new --file '{}'",
        tested_program(),
        path.display()
    );
    let output = Command::new("/bin/sh")
        .args(["-c", &script])
        .env_clear()
        .output()
        .expect("sh");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(state.snapshot().names(), Vec::<&std::path::Path>::new());
}
