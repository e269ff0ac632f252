//! Whatever is sent: what it takes on the disk, and who is in time.

use signet::users::limits::Name;

use super::{Files, Place, address, at, attempt, numbered};
use crate::support::StateDir;

#[test]
fn the_file_is_private_and_names_nobody() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    let ada = attempt(Name::Invented("my secret password"), address("192.0.2.1"));
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
    // The most that the file may have: 10 MB, which is stated in its source.
    const MOST: u64 = 10_000_000;
    let names: Vec<String> = (0..10_000).map(|number| format!("user{number}")).collect();
    let files = Files::new();
    for (number, name) in (0..).zip(&names) {
        let guess = attempt(Name::Invented(name), numbered(number));
        assert_eq!(files.fail(&guess), Ok(()), "{name}");
    }
    let invented = files.disk() * 512;
    for (number, name) in (0..).zip(&names) {
        let guess = attempt(Name::Known(name), numbered(10_000 + number));
        assert_eq!(files.fail(&guess), Ok(()), "{name}");
    }
    let known = files.disk() * 512;
    println!("10 000 invented names from 10 000 addresses: {invented} bytes on the disk");
    println!("and 10 000 known ones from 10 000 more: {known} bytes");
    assert!(invented < 2_000_000, "{invented}");
    assert!(known < MOST, "{known}");
    // The counters of known names and of addresses are exact nevertheless.
    for number in [0, 1, 4_999, 9_999] {
        let ada = attempt(
            Name::Known(&names[number]),
            numbered(10_000 + number as u32),
        );
        for _ in 0..4 {
            assert_eq!(files.fail(&ada), Ok(()), "{number}");
        }
        assert_eq!(files.fail(&ada), Err(1), "{number}");
    }
    // A visitor of no part in this is not limited.
    let eve = attempt(Name::Known("eve"), numbered(50_000));
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
            let _ = files.fail(&attempt(Name::Invented(name), numbered(number)));
            tried += usize::from(
                files
                    .fail(&attempt(Name::Known("ada"), numbered(number)))
                    .is_ok(),
            );
        }
        let known = signet::users::limits::Attempt {
            browser: Some(b"the owner's browser"),
            ..attempt(Name::Known("ada"), numbered(60_000))
        };
        assert_eq!(files.fail(&known), Ok(()), "{round}");
        assert_eq!(files.succeed(&known), Ok(()), "{round}");
        // Another user without such a browser.
        let bob = attempt(Name::Known("bob"), numbered(60_001));
        assert_eq!(files.succeed(&bob), Ok(()), "{round}");
        files.pass(1);
    }
    assert_eq!(
        tried,
        10 + 1,
        "guesses at the owner's password in three seconds"
    );
}
