//! Texts that anybody may have written into the file.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};
use signet::users::hash::PasswordHash;

use super::password_hash;
use super::recorded::RECORDED;

/// Parts of accepted hashes, and what is none.
const PARTS: [&str; 40] = [
    "$2y$",
    "$2b$",
    "$2a$",
    "$5$",
    "$6$",
    "$apr1$",
    "$argon2",
    "id$",
    "i$",
    "d$",
    "v=19$",
    "m=",
    "65536",
    ",t=",
    ",p=1",
    "scrypt:",
    "pbkdf2:",
    "sha256:",
    "sha512:",
    "sha1:",
    "rounds=",
    "5000",
    "12",
    "04",
    "$",
    "$$",
    ":",
    "=",
    ",",
    "0",
    "1",
    "32768:8:1",
    "-1",
    "+1",
    "99999999999999999999",
    "\u{e9}",
    "\u{1f511}",
    "\0",
    " ",
    "\r",
];

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig {
        // The same texts in each run.
        rng_seed: RngSeed::Fixed(1),
        cases: 5_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// Parts in any order, with runs of one character as salts and digests.
fn assembled() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => select(&PARTS[..]).prop_map(str::to_owned),
        1 => ("[./0-9a-zA-Z=\u{e9}]", 0..130_usize).prop_map(|(letter, count)| letter.repeat(count)),
        1 => "\\PC{0,8}",
    ];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// A real hash with some of its characters replaced, removed or doubled.
fn altered() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..3, any::<char>());
    let texts: Vec<&str> = RECORDED.iter().map(|(_, _, text)| *text).collect();
    (select(texts), vec(change, 1..4)).prop_map(|(text, changes)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (index, change, letter) in changes {
            if letters.is_empty() {
                break;
            }
            let at = index.index(letters.len());
            match change {
                0 => letters[at] = letter,
                1 => drop(letters.remove(at)),
                _ => letters.insert(at, letters[at]),
            }
        }
        letters.into_iter().collect()
    })
}

#[test]
fn no_text_makes_the_parser_fail() {
    let texts = prop_oneof![assembled(), altered(), any::<String>()];
    let outcome = runner().run(&texts, |text| {
        match PasswordHash::parse(&text) {
            Ok(hash) => {
                prop_assert_eq!(hash.as_str(), text);
                // As every work can be compared and has a decoy of its own.
                prop_assert_eq!(hash.work().decoy().work(), hash.work());
            }
            // It may be somebody's password.
            Err(refused) => {
                let message = refused.to_string();
                let shown = text.len() > 40 && message.contains(&text);
                prop_assert!(!shown, "{}", message);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn parsing_allocates_no_more_than_the_text() {
    let mut lines: Vec<String> = RECORDED
        .iter()
        .map(|(_, _, text)| (*text).to_owned())
        .collect();
    let texts = prop_oneof![assembled(), altered()];
    let mut runner = runner();
    for _ in 0..5_000 {
        let tree = texts.new_tree(&mut runner).expect("a text");
        lines.push(prop::strategy::ValueTree::current(&tree).replace('\n', " "));
    }
    lines.push("$".repeat(1 << 20));
    lines.push(format!("$6$rounds={}", "9".repeat(1 << 20)));
    lines.push(format!("scrypt:2:1:1${}$00", "s".repeat(1 << 20)));
    let out = password_hash(&[], &["parse"], lines.join("\n").as_bytes());
    assert!(out.status.success(), "{out:?}");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "");
}
