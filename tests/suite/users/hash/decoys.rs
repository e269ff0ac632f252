//! Decoys cost what a wrong password costs.

use std::collections::BTreeSet;

use signet::users::password::Password;

use super::recorded::RECORDED;
use super::{hash, password_hash};

#[test]
fn a_decoy_has_the_work_of_its_hash_and_matches_nothing() {
    for (name, password, text) in RECORDED {
        let hash = hash(text);
        let decoy = hash.work().decoy();
        assert_eq!(decoy.work(), hash.work(), "{name}");
        assert_eq!(decoy.is_weak(), hash.is_weak(), "{name}");
        let password = Password::new(password.as_bytes()).expect("a password");
        assert_eq!(decoy.verify(&password), Ok(false), "{name}");
    }
}

#[test]
#[ignore = "needs valgrind: run tests/run"]
fn a_decoy_takes_the_instructions_of_a_wrong_password() {
    let valgrind = [
        "/usr/bin/valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
    ];
    let mut seen = BTreeSet::new();
    for (name, _, text) in RECORDED {
        let is_sha_crypt = text.starts_with("$5$") || text.starts_with("$6$");
        // Its default of 5000 rounds shows no more than 1000, in five times the time.
        let is_long = is_sha_crypt && !text.contains("rounds=");
        if is_long || !seen.insert(hash(text).work()) {
            continue;
        }
        // SHA-crypt repeats a step as often as the first byte of a digest says: of one
        // password that can be more than a hundredth of the work.
        let several = ["a wrong password", "another one", "pass phrase 3"];
        let passwords = match is_sha_crypt {
            true => &several[..],
            false => &several[..1],
        };
        let [verify, decoy] = ["verify", "decoy"].map(|how| {
            let instructions = passwords.iter().map(|password| {
                let out = password_hash(&valgrind, &[how, text], password.as_bytes());
                assert_eq!(out.stdout, b"false\n", "{name}: {out:?}");
                let log = String::from_utf8_lossy(&out.stderr);
                let collected = log.lines().find_map(|line| line.split_once("Collected : "));
                let (_, collected) = collected.unwrap_or_else(|| panic!("callgrind: {log}"));
                collected.trim().parse::<u64>().expect("a number")
            });
            instructions.sum::<u64>()
        });
        let difference = verify.abs_diff(decoy);
        assert!(
            difference * 100 <= verify,
            "{name}: {verify}, decoy {decoy}"
        );
    }
}
