//! `signet cookie decode`: what is in a cookie, and whether to believe it.

use std::path::Path;

use super::{Run, signet, state_dir};
use crate::support::token::{Digest, Signer};
use crate::support::{KEY, StateDir, now};

const ALICE: &str = r#"{"username":"alice"}"#;

/// Names and values of variables.
type Vars = &'static [(&'static str, &'static str)];

fn decode(cookie: &str, vars: &[(&str, &str)]) -> Run {
    signet(
        &["cookie", "decode", cookie],
        &[&[("SIGNET_SECRET_KEY", KEY)], vars].concat(),
    )
}

/// The session as Flask writes it, on stdout; when it was signed, beside it.
#[test]
fn verified_cookies_are_shown() {
    let (signer, now) = (Signer::default(), now());
    const FALLBACK: (&str, &str) = (
        "SIGNET_SECRET_KEY_FALLBACKS",
        "[\"an-older-key-that-still-verifies\"]",
    );
    let old = Signer::with_key("an-older-key-that-still-verifies");
    let token = signer.token(ALICE, now);
    let sha1 = Signer::default().digest(Digest::Sha1).token(ALICE, now);
    #[rustfmt::skip]
    let cases: [(&str, String, Vars); 8] = [
        ("value",          token.clone(), &[]),
        ("pair",           format!("session={token}"), &[]),
        ("another's name", format!("__Host-session={token}"), &[]),
        ("whole line",     format!("session={token}; HttpOnly; Path=/app; SameSite=Lax"), &[]),
        ("compressed",     signer.compressed(ALICE, now), &[]),
        ("pair, compressed", format!("session={}", signer.compressed(ALICE, now)), &[]),
        ("SHA-1 as set",   sha1, &[("SIGNET_SESSION_DIGEST", "sha1")]),
        ("by a fallback",  old.token(ALICE, now), &[FALLBACK]),
    ];
    for (name, cookie, vars) in cases {
        let run = decode(&cookie, vars);
        assert!(
            run.err.starts_with("signet: ") && run.err.contains("GMT"),
            "{name}: {run:?}"
        );
        assert_eq!(run.done(), format!("{ALICE}\n"), "{name}");
    }
}

/// The moment of the vectors made by Flask, in words.
#[test]
fn time_of_signing_is_said() {
    let vars = [("SIGNET_PERMANENT_SESSION_LIFETIME", "3000000000")];
    let run = decode(&Signer::default().token(ALICE, 1_700_000_000), &vars);
    assert!(run.err.contains("Tue, 14 Nov 2023 22:13:20 GMT"), "{run:?}");
    run.done();
}

/// What Python wrote comes out as it stands, tags and all.
#[test]
fn values_are_shown_as_they_are() {
    for json in [
        "{}",
        r#"{"a":{" t":[1,{" b":"AP8="}]},"b":{" di":{" t__":[1]}},"n":NaN,"x":"\ud800"}"#,
        r#"{"big":1180591620717411303424,"f":1e+22,"z":"\u00e9\ud83d\ude00"}"#,
        r#"{"_flashes":[{" t":["message","hi"]}],"_permanent":true}"#,
    ] {
        let cookie = Signer::default().token(json, now());
        assert_eq!(decode(&cookie, &[]).done(), format!("{json}\n"));
        let unverified = signet(&["cookie", "decode", "--unverified", &cookie], &[]);
        assert_eq!(unverified.done(), format!("{json}\n"));
    }
}

#[test]
fn cookies_not_to_believe() {
    let (signer, now) = (Signer::default(), now());
    let token = signer.token(ALICE, now);
    let other = Signer::with_key("another-key-of-good-length-0123").token(ALICE, now);
    let sha1 = Signer::default().digest(Digest::Sha1).token(ALICE, now);
    let (cut, _) = token.split_at(token.len() - 1);
    #[rustfmt::skip]
    let cases: [(&str, &str, &[&str]); 11] = [
        ("another key",     &other, &["signature", "hint: ", "SECRET_KEY"]),
        ("another digest",  &sha1, &["signature", "hint: ", "SESSION_DIGEST"]),
        ("cut",             cut, &["signature"]),
        ("a word",          "hello", &[]),
        ("two words",       "a.b", &[]),
        ("dots",            "...", &[]),
        ("name only",       "session=", &[]),
        ("expired",         &signer.token(ALICE, now - 3_000_000), &["3000", "2678400"]),
        ("from the future", &signer.token(ALICE, now + 4000), &["future"]),
        ("no session",      &signer.token("[1]", now), &["session"]),
        ("no JSON",         &signer.token("hello", now), &["session"]),
    ];
    for (name, cookie, words) in cases {
        let run = decode(cookie, &[]);
        assert!(!run.err.contains(KEY), "{name}: the key was printed");
        run.failed(1, words);
    }
}

/// Without a key, and saying so; what cannot be read stays an error.
#[test]
fn unverified_needs_no_key() {
    let expired = Signer::with_key("whose-key-is-this-anyway-0123").token(ALICE, 1_000_000_000);
    for args in [
        ["cookie", "decode", "--unverified", &expired],
        ["cookie", "decode", &expired, "--unverified"],
    ] {
        let run = signet(&args, &[("SIGNET_STATE_DIR", "/nonexistent")]);
        assert!(
            run.err.starts_with("signet: ") && run.err.contains("not verified"),
            "{run:?}"
        );
        assert_eq!(run.done(), format!("{ALICE}\n"));
    }
    for cookie in ["hello", "a.b", "a.b.c", "e30", "..", ".eJw.a.b", "W10.a.b"] {
        let run = signet(&["cookie", "decode", "--unverified", cookie], &[]);
        assert_eq!((run.code, &*run.out), (Some(1), ""), "{cookie}: {run:?}");
    }
}

/// The key is the site's, from where its requests take it.
#[test]
fn the_sites_own_key_verifies() {
    let state = StateDir::new();
    state.write("secret_key", "the-key-in-the-state-directory-0", 0o600);
    let cookie = Signer::with_key("the-key-in-the-state-directory-0").token(ALICE, now());
    let run = signet(&["cookie", "decode", &cookie], &[state_dir(&state)]);
    assert_eq!(run.done(), format!("{ALICE}\n"));
    state.write("secret_key", "the-key-in-the-state-directory-0", 0o644);
    signet(&["cookie", "decode", &cookie], &[state_dir(&state)]).failed(1, &["secret_key"]);
    signet(
        &["cookie", "decode", &cookie],
        &[("SIGNET_NO_SUCH_SETTING", "1")],
    )
    .failed(1, &["SIGNET_NO_SUCH_SETTING"]);
}

/// A key made now can verify nothing; made by a person in a shell it would
/// belong to the wrong user.
#[test]
fn looking_makes_no_key() {
    let state = StateDir::new();
    let cookie = Signer::default().token(ALICE, now());
    signet(&["cookie", "decode", &cookie], &[state_dir(&state)]).failed(1, &["key"]);
    assert_eq!(state.snapshot().names(), Vec::<&Path>::new());
}
