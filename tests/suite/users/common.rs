//! The list of common passwords, compared with Django's.

use std::process::Command;

use signet::users::common::is_common;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common_passwords.py");
const HASHES: &[u8] = include_bytes!("../../../src/users/common_passwords.bin");

fn printed(options: &[&str]) -> Vec<u8> {
    let script = Command::new(PYTHON)
        .args(["-B", SCRIPT])
        .args(options)
        .output()
        .unwrap_or_else(|err| panic!("{PYTHON}: {err}; tests/run makes it"));
    let failed = String::from_utf8_lossy(&script.stderr);
    assert!(script.status.success(), "{failed}");
    script.stdout
}

/// Passwords that the yearly lists of NordPass and SplashData name first.
#[test]
fn published_common_passwords_are_on_the_list() {
    for password in [
        "123456789",
        "password",
        "12345678",
        "qwerty123",
        "password1",
        "iloveyou",
        "1q2w3e4r",
        "1234567890",
        "princess",
        "sunshine",
        "football",
        "baseball",
        "1qaz2wsx",
        "superman",
        "trustno1",
        "PASSWORD",
        "Football",
        "iLoveYou",
    ] {
        assert!(is_common(password.as_bytes()), "{password}");
    }
}

#[test]
fn other_passwords_are_not() {
    for password in [
        "",
        " ",
        "a",
        "password ",
        "correct horse battery staple",
        "\u{ff50}assword",
    ] {
        assert!(!is_common(password.as_bytes()), "{password}");
    }
    assert!(!is_common(&[0xff; 8]));
}

/// A hash of 4 bytes is on the list by chance for one of 514 000 passwords.
#[test]
fn hardly_another_password_is_refused_by_chance() {
    let refused = (0..100_000)
        .filter(|number| is_common(format!("qzvwxkjp {number}").as_bytes()))
        .count();
    assert!(refused <= 3, "{refused}");
}

#[test]
#[ignore = "needs Django: run tests/run"]
fn the_list_is_that_of_django() {
    assert!(
        printed(&["--hashes"]) == HASHES,
        "the file differs: tests/common_passwords.py says how to make it again"
    );
    let words = String::from_utf8(printed(&[])).expect("UTF-8");
    assert_eq!(words.lines().count() * 4, HASHES.len());
    for word in words.lines() {
        assert!(is_common(word.as_bytes()), "{word}");
        assert!(is_common(word.to_ascii_uppercase().as_bytes()), "{word}");
    }
}
