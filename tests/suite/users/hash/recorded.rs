//! Recorded hashes of each kind, for machines without the programs that make them.

use signet::users::hash::{HashError, PasswordHash};
use signet::users::password::Password;

use super::{hash, verify};

/// Made by htpasswd 2.4.71, OpenSSL 3.0.19, crypt(3) of Debian 12, the reference of
/// Argon2 of 2017-12-27, PHP 8.2 and Werkzeug 3.1.9 with the password that is shown.
#[rustfmt::skip]
pub(super) const RECORDED: [(&str, &str, &str); 18] = [
    ("htpasswd -B", SET, "$2y$05$QYiIC4ecUqRR3OivcNCH7uGRb8vMzh5DksTGd46FaQ14VuSPdhhta"),
    ("PHP",         SET, "$2y$04$e.TuSr1a.EJD4kaJ.l2Jd.uGxPxUWLsLC2rhIFpV1D9pld5CabhC."),
    ("crypt(3)",    SET, "$2a$04$abcdefghijklmnopqrstuuP5ceFZSCo6Yxn5WJfA9SC4XGMBRdPfG"),
    ("crypt(3)",    SET, "$2b$04$abcdefghijklmnopqrstuuP5ceFZSCo6Yxn5WJfA9SC4XGMBRdPfG"),
    ("htpasswd -m", SET, "$apr1$sFH7eWb9$x5ttjrkmdhwrkbcLFPQls."),
    ("OpenSSL",     SET, "$apr1$tQGwA2Q8$fRYsoDcwAgyqlVo0Dz/NI/"),
    ("htpasswd -2", SET, "$5$s8BpxKiBDWIWE0vz$l0YBiT32WIO9jFJEL2gd.x5R6a5NE0RnckuzpaXDlB/"),
    ("crypt(3)",    SET, "$5$rounds=1000$s$TxHELnuAPFbgCtkCV2Gay.dWbZekycpmVX.ANEHmZ3/"),
    ("htpasswd -5", SET, "$6$rounds=1000$pv7T4JhBNi3L1ib7$lX9EnUdWG7Uf7qATT0q0mHrcHBgLoH6NtCB3Ao7PRk0/UyfrdrDyhLBtMBsL9WM25/OC02A9WUsizZK9KYUTb."),
    ("OpenSSL",     SET, "$6$MFzfQ7bfbfm6iGR/$boCS7FkKtq.XWueqsRwRPskAQd1.htPTSx5vJG28FLRq2jCQNnTLKhONYQk1QE5i4cFWq43XrmP1tDuqGRrou/"),
    ("argon2 -id",  SET, "$argon2id$v=19$m=256,t=2,p=1$c2FsdHNhbHQ$YJEPtuFQh2VAWRxIC7lWwH+1z1EkE6LSoboS15EMoEk"),
    ("argon2 -d",   SET, "$argon2d$v=19$m=256,t=2,p=2$c2FsdHNhbHQ$oXN47oosaCDmQNdM+SI50w"),
    ("argon2 -i",   SET, "$argon2i$v=16$m=256,t=2,p=1$c2FsdHNhbHQ$yLmhm/ZBr40onNKRjXusm83hoytuIVQ1AxZu9QOXxXE"),
    ("PHP",         SET, "$argon2id$v=19$m=1024,t=2,p=1$dC45SVVxOVQ3aEJrZURUeA$sE9FvFMOIJS6hUserWWTYN2vuEZ7Muqvb95bnFKCLgc"),
    ("Werkzeug",    SET, "scrypt:1024:8:1$hbLZ6CiwPpie61cc$01b3fe985c936670a670fcc7589d7ac501407720953e42552b210c9cece407bac1b4f0fae622a5eb3aa730ce4b26a18d57e2b7ecbad2428a99abdf9d3d5fef20"),
    ("Werkzeug",    SET, "pbkdf2:sha256:1000$baYrzyemUfaDUJ1Z$c619b315a2ff99e9f287ee49a394ef321d8650e2126c9400b4eb6b6612b9ebfb"),
    ("Werkzeug",    SET, "pbkdf2:sha512:1000$rkMlEKljWA4PSI2Q$815a0a01da639e54847b858696ef6d763c8ec09213386f5db5e4541d7d672973725948b0def7d05ad59d315d00a55c9855b3e39fe4e5c37b84be61251199e88b"),
    ("Werkzeug",    SET, "pbkdf2:sha1:1000$1OHhWw1jugoHK5Iq$15c2583bbbb068ebf0a6678597817670d7e0e0df"),
];

const SET: &str = "correct horse b\u{e4}tter";

#[test]
fn the_right_password_matches_in_either_form_and_no_other() {
    for (name, set, text) in RECORDED {
        let hash = hash(text);
        assert_eq!(hash.as_str(), text);
        #[rustfmt::skip]
        let cases = [
            ("right",              set.to_owned(),                          true),
            ("decomposed",         set.replace('\u{e4}', "a\u{308}"),       true),
            ("without the accent", set.replace('\u{e4}', "a"),              false),
            ("a space more",       format!("{set} "),                       false),
            ("a NUL and more",     format!("{set}\0x"),                     false),
            ("a letter less",      set[..set.len() - 1].to_owned(),         false),
            ("empty",              String::new(),                           false),
            ("72 bytes",           "x".repeat(72),                          false),
            ("73 bytes",           "x".repeat(73),                          false),
            ("1024 bytes",         "x".repeat(1024),                        false),
        ];
        for (what, typed, want) in cases {
            assert_eq!(
                verify(&hash, typed.as_bytes()),
                Ok(want),
                "{name}: {text}: {what}"
            );
        }
        // Latin-1, as an old form may send it.
        let latin = set.replace('\u{e4}', "?").into_bytes();
        let latin: Vec<u8> = latin
            .iter()
            .map(|byte| if *byte == b'?' { 0xe4 } else { *byte })
            .collect();
        assert_eq!(verify(&hash, &latin), Ok(false), "{name}: Latin-1");
    }
}

/// bcrypt repeats a password with its NUL until it has 72 bytes, so that "a", NUL, "a" is
/// the same key as "a".
#[test]
fn bcrypt_refuses_what_it_cannot_tell_apart() {
    // Made by htpasswd 2.4.71 from "a" and from 73 times "x", which it cuts.
    let a = hash("$2y$04$XMXeTzf7Q3lu7gjVMTlwZOOcGL9/tzU73q7C.db42jlhGI.W5oPbi");
    let x = hash("$2y$04$FRU5TyIGwlcml7YbfOCDqeygY0l5CFK.di41BSekHMgl0e3O70ice");
    assert_eq!(verify(&a, b"a"), Ok(true));
    assert_eq!(verify(&a, b"a\0a"), Ok(false));
    assert_eq!(verify(&x, &[b'x'; 72]), Ok(true));
    assert_eq!(verify(&x, &[b'x'; 73]), Ok(false));
}

/// As in Werkzeug: HMAC pads its key with NULs.
#[test]
fn a_nul_counts_except_at_the_end_for_werkzeug() {
    for (name, set, text) in RECORDED {
        let typed = format!("{set}\0");
        let is_hmac = text.starts_with("pbkdf2:") || text.starts_with("scrypt:");
        assert_eq!(
            verify(&hash(text), typed.as_bytes()),
            Ok(is_hmac),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_made_hash_is_bcrypt_of_cost_12_of_form_c() {
    let decomposed = Password::new("u\u{308}ber allen".as_bytes()).expect("a password");
    let made = PasswordHash::make(&decomposed).expect("a hash");
    assert!(made.as_str().starts_with("$2y$12$"), "{}", made.as_str());
    assert!(!made.is_weak());
    assert_eq!(made.verify(&decomposed), Ok(true));
    assert_eq!(verify(&made, "\u{fc}ber allen".as_bytes()), Ok(true));
    assert_eq!(verify(&made, b"uber allen"), Ok(false));
    let again = PasswordHash::make(&decomposed).expect("a hash");
    assert_ne!(made.as_str(), again.as_str(), "a new salt");
}

#[test]
fn a_password_that_bcrypt_would_cut_is_not_hashed() {
    let make = |typed: &[u8]| {
        let password = Password::new(typed).expect("a password");
        PasswordHash::make(&password).map(|made| made.as_str().len())
    };
    assert_eq!(make(&[b'x'; 72]), Ok(60));
    assert_eq!(make(&[b'x'; 73]), Err(HashError::TooLong { most: 72 }));
    assert_eq!(make(b"a\0b"), Err(HashError::Nul));
}

#[test]
fn works_are_ordered_by_time() {
    let bcrypt = |cost: &str| format!("$2y${cost}${}", ".".repeat(53));
    // As measured, quickest first: a tenth of a millisecond to a second.
    let texts = [
        format!("$apr1$saltsalt${}", "0".repeat(22)),
        bcrypt("05"),
        format!("$6$salt${}", "0".repeat(86)),
        bcrypt("12"),
        format!("pbkdf2:sha256:1000000$salt${}", "0".repeat(64)),
        bcrypt("14"),
    ];
    let works: Vec<_> = texts.iter().map(|text| hash(text).work()).collect();
    assert!(works.is_sorted(), "{works:?}");
}

/// The least that OWASP's Password Storage Cheat Sheet recommends, Werkzeug's default, PHP's
/// defaults.
#[test]
fn hashes_below_the_recommendations_are_weak() {
    let digest = |length: usize| "0".repeat(length);
    let argon2 = |costs: &str| format!("$argon2id$v=19${costs}$c2FsdHNhbHQ${}", "A".repeat(43));
    let bcrypt = |cost: &str| format!("$2y${cost}${}", ".".repeat(53));
    #[rustfmt::skip]
    let cases = [
        (format!("$apr1$saltsalt${}", digest(22)),                       true),
        (format!("$6$rounds=500000$salt${}", digest(86)),                true),
        (bcrypt("11"),                                                   true),
        (bcrypt("12"),                                                   false),
        (argon2("m=65536,t=4,p=1"),                                      false),
        (argon2("m=47104,t=1,p=1"),                                      false),
        (argon2("m=7168,t=5,p=1"),                                       false),
        (argon2("m=7168,t=4,p=1"),                                       true),
        (argon2("m=4096,t=16,p=1"),                                      true),
        (format!("scrypt:32768:8:1$salt${}", digest(128)),               false),
        (format!("scrypt:16384:8:1$salt${}", digest(128)),               true),
        (format!("pbkdf2:sha256:600000$salt${}", digest(64)),            false),
        (format!("pbkdf2:sha256:260000$salt${}", digest(64)),            true),
        (format!("pbkdf2:sha512:210000$salt${}", digest(128)),           false),
        (format!("pbkdf2:sha1:1000000$salt${}", digest(40)),             true),
    ];
    for (text, is_weak) in cases {
        assert_eq!(hash(&text).is_weak(), is_weak, "{text}");
    }
}
