//! Whatever is sent: what it takes on the disk, and who is in time.

use super::{Files, Place, address, at, attempt, numbered};
use crate::support::StateDir;

#[test]
fn the_file_is_private_and_names_nobody() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    let ada = attempt("my secret password", address("192.0.2.1"));
    assert_eq!(files.fail(&ada), Ok(()));
    let path = files.state.path().join("rate_limits");
    let mode = std::fs::metadata(&path).expect("the file").permissions();
    assert_eq!(mode.mode() & 0o7777, 0o600);
    let bytes = std::fs::read(&path).expect("the file");
    for needle in [&b"my secret password"[..], &[192, 0, 2, 1], b"192.0.2.1"] {
        assert!(!bytes.windows(needle.len()).any(|part| part == needle));
    }
    // A folder that is not there yet is made.
    let state = StateDir::new();
    let limits = super::in_files(&state.path().join("below"));
    assert!(limits.begin(&ada, at(0)).is_ok());
    assert!(state.path().join("below/rate_limits").exists());
}

#[test]
fn ten_thousand_names_and_addresses_take_little_disk_space() {
    // The most that the file may have, by the sizes in its source.
    const MOST: u64 = 3_500_000;
    let names: Vec<String> = (0..10_000).map(|number| format!("user{number}")).collect();
    let files = Files::new();
    for (number, name) in (0..).zip(&names) {
        let guess = attempt(name, numbered(number));
        assert_eq!(files.fail(&guess), Ok(()), "{name}");
    }
    let used = files.disk() * 512;
    println!("10 000 names from 10 000 addresses: {used} bytes on the disk");
    assert!(used < MOST, "{used}");
    // Nearly all counters are exact nevertheless, and none counts less.
    let mut exact = 0;
    for (number, name) in (0_u32..).zip(&names) {
        let guess = |address: u32| attempt(name, numbered(10_000 + 9 * number + address));
        let mut free = 1;
        while files.fail(&guess(free % 9)).is_ok() {
            free += 1;
        }
        assert!(free <= 10, "{name}: {free}");
        exact += usize::from(free == 10);
    }
    assert!(exact >= 9_000, "{exact}");
    // A visitor of no part in this is not limited.
    let eve = attempt("eve", numbered(50_000));
    assert_eq!(files.succeed(&eve), Ok(()));
    // A day later the disk space is given back.
    files.pass(86_400);
    assert_eq!(files.fail(&eve), Ok(()));
    assert!(files.disk() * 512 < 20_000, "{}", files.disk() * 512);
}

/// Names and addresses of an attack on all users, and its owner meanwhile.
#[test]
fn the_owner_logs_in_while_ten_thousand_addresses_attack() {
    let files = Files::new();
    let names: Vec<String> = (0..10_000).map(|number| format!("user{number}")).collect();
    let mut tried = 0;
    for round in 0..3 {
        for (number, name) in (0..).zip(&names) {
            // Each address with some name, and with the owner's.
            let _ = files.fail(&attempt(name, numbered(number)));
            tried += usize::from(files.fail(&attempt("ada", numbered(number))).is_ok());
        }
        let known = signet::users::limits::Attempt {
            browser: Some(b"the owner's browser"),
            ..attempt("ada", numbered(60_000))
        };
        assert_eq!(files.fail(&known), Ok(()), "{round}");
        assert_eq!(files.succeed(&known), Ok(()), "{round}");
        // Another user without such a browser.
        let bob = attempt("bob", numbered(60_001));
        assert_eq!(files.succeed(&bob), Ok(()), "{round}");
        files.pass(1);
    }
    assert_eq!(
        tried,
        10 + 1,
        "guesses at the owner's password in three seconds"
    );
}
