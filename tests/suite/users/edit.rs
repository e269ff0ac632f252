//! Changes of users files as text: all that is not the user's stays as it is.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use signet::users::edit::{remove, set};
use signet::users::file::UsersFile;
use signet::users::hash::PasswordHash;
use signet::users::name::Username;

use super::{HASH, OTHER};

fn name(text: &str) -> Username {
    Username::new(text).expect("a name")
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::parse(text).expect("a hash")
}

/// `H` and `O` in a text are hashes.
fn text(short: &str) -> String {
    short.replace('H', HASH).replace('O', OTHER)
}

#[test]
fn a_hash_is_set_and_the_rest_stays() {
    #[rustfmt::skip]
    let cases = [
        // name                   before                           after ada has H
        ("an empty file",         "",                              "ada:H\n"),
        ("a byte order mark",     "\u{feff}",                      "\u{feff}ada:H\n"),
        ("another user",          "bob:O\n",                       "bob:O\nada:H\n"),
        ("no final newline",      "bob:O",                         "bob:O\nada:H\n"),
        ("CR LF",                 "bob:O\r\n",                     "bob:O\r\nada:H\r\n"),
        ("CR LF, not at the end", "bob:O\r\neve:O",                "bob:O\r\neve:O\r\nada:H\r\n"),
        ("the user",              "bob:O\nada:O\neve:O\n",         "bob:O\nada:H\neve:O\n"),
        ("the last line",         "bob:O\nada:O",                  "bob:O\nada:H"),
        ("with CR LF",            "ada:O\r\nbob:O\r\n",            "ada:H\r\nbob:O\r\n"),
        ("marked",                "\u{feff}ada:O\n",               "\u{feff}ada:H\n"),
        ("blanks",                "  ada:O \t\n",                  "  ada:H \t\n"),
        ("a comment behind",      "ada:O:Ada, Vienna\n",           "ada:H:Ada, Vienna\n"),
        ("Werkzeug's",            "ada:scrypt:32768:8:1$ab$00:x\n", "ada:H:x\n"),
        ("no colon",              "ada\n",                         "ada:H\n"),
        ("no hash",               "ada:\n",                        "ada:H\n"),
        ("twice",                 "ada:O\nada:O\n",                "ada:H\nada:O\n"),
        ("commented out",         "#ada:O\n",                      "#ada:O\nada:H\n"),
        ("a longer name",         "adam:O\n",                      "adam:O\nada:H\n"),
        ("comments",              "# a\n\nada:O\n# b\n",           "# a\n\nada:H\n# b\n"),
        ("not UTF-8 elsewhere",   "b:\u{1}\nada:O\n",              "b:\u{1}\nada:H\n"),
    ];
    for (case, before, after) in cases {
        let (before, after) = (text(before), text(after));
        let edited = set(before.as_bytes(), &name("ada"), &hash(HASH)).expect(case);
        assert_eq!(String::from_utf8(edited).expect(case), after, "{case}");
    }
}

#[test]
fn a_user_is_removed_and_the_rest_stays() {
    #[rustfmt::skip]
    let cases = [
        // name             before                        after
        ("not there",       "bob:O\n",                    None),
        ("an empty file",   "",                           None),
        ("commented out",   "#ada:O\n",                   None),
        ("the only one",    "ada:O\n",                    Some("")),
        ("in the middle",   "bob:O\nada:O\neve:O\n",      Some("bob:O\neve:O\n")),
        ("the last one",    "bob:O\nada:O",               Some("bob:O\n")),
        ("twice",           "ada:O\nbob:O\nada:O\n",      Some("bob:O\n")),
        ("marked",          "\u{feff}ada:O\nbob:O\n",     Some("\u{feff}bob:O\n")),
        ("CR LF",           "ada:O\r\nbob:O\r\n",         Some("bob:O\r\n")),
        ("comments",        "# a\nada:O\n# b\n",          Some("# a\n# b\n")),
        ("no colon",        "ada\nbob:O\n",               Some("bob:O\n")),
    ];
    for (case, before, after) in cases {
        let edited = remove(text(before).as_bytes(), &name("ada"));
        let edited = edited.map(|bytes| String::from_utf8(bytes).expect(case));
        assert_eq!(edited, after.map(text), "{case}");
    }
}

/// Apache would join the new line to the last one.
#[test]
fn a_line_that_would_not_be_read_is_refused() {
    for before in ["bob:O\n# old \\", "bob:O\\"] {
        let edited = set(text(before).as_bytes(), &name("ada"), &hash(HASH));
        let said = edited.expect_err(before).to_string();
        assert!(said.contains("ada") && said.contains("backslash"), "{said}");
    }
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        "(ada|bob|eve|ada l|\u{e9}):[a-z$./:]{0,12}".prop_map(String::into_bytes),
        "[ \t]{0,2}(ada|bob)?[ \t]{0,2}".prop_map(String::into_bytes),
        "#[ a-z:]{0,8}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>().prop_filter("LF", |byte| *byte != b'\n'), 0..8),
    ];
    (text, prop_oneof![Just("\n"), Just("\r\n")])
        .prop_map(|(text, end)| [&text, end.as_bytes()].concat())
}

/// The lines of a file that are not ada's, as `find_in` sees each alone.
fn of_others(file: &[u8]) -> Vec<Vec<u8>> {
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    let others = lines.filter(|line| UsersFile::find_in(line, "ada").is_none());
    others.map(<[u8]>::to_vec).collect()
}

proptest! {
    // The same values in each run.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_other_line_keeps_its_bytes(lines in proptest::collection::vec(line(), 0..12)) {
        let before = lines.concat();
        // Joined lines are nobody's, and a mark counts only in the first line.
        prop_assume!(!before.contains(&b'\\') && !before.contains(&0xef));
        let others = of_others(&before);
        let edited = set(&before, &name("ada"), &hash(HASH)).expect("no backslash");
        prop_assert_eq!(&of_others(&edited), &others);
        prop_assert_eq!(UsersFile::find_in(&edited, "ada").expect("set").text, HASH);
        for user in ["bob", "eve", "ada l", "\u{e9}"] {
            let text = |file| UsersFile::find_in(file, user).map(|user| user.text);
            prop_assert_eq!(text(&edited), text(&before), "{}", user);
        }
        let removed = remove(&edited, &name("ada")).expect("ada is there");
        prop_assert_eq!(&of_others(&removed), &others);
        prop_assert_eq!(&removed, &others.concat());
        prop_assert!(UsersFile::find_in(&removed, "ada").is_none());
    }
}
