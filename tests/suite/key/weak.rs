//! Keys that anybody could guess, given as a setting.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use signet::config::SETTINGS;

use super::{GOOD, assert_absent, assert_refused, assert_signed, login, login_at};
use crate::hostile::cookies::user;
use crate::support::invariants::{NOTHING, assert_holds};
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now, tested_program};

const ALICE: &str = r#"{"username":"alice"}"#;

/// Refused wherever they stand: too short, published, or a pattern.
const WEAK: [&str; 21] = [
    "k3y-0f-15-bytes",
    "x",
    "dev",
    "secret",
    "changeme",
    "changemechangeme",
    "changeme-changeme-changeme",
    "CHANGEME_CHANGEME",
    "change-me-change-me",
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    r#"_5#y2L"F4Q8z\n\xec]/"#,
    "\u{2}\u{1}thisismyscretkey\u{1}\u{2}\\e\\y\\y\\h",
    r"\x02\x01thisismyscretkey\x01\x02\e\y\y\h",
    "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
    "TEST_NON_DEV_SECRET",
    "hard to guess string",
    "0123456789abcdef",
    "passwordpassword",
    "abababababababab",
    "my-very-own-secret-key",
    "/run/secrets/secret_key",
];

#[test]
fn weak_keys_are_refused() {
    for key in WEAK {
        // A cookie that it signed would open the site to whoever guesses it.
        let token = Signer::with_key(key).token(ALICE, now());
        let request = |target: &str| {
            let cookie = format!("session={token}");
            Cgi::get(target)
                .var("SIGNET_SECRET_KEY", key)
                .cookie(cookie)
        };
        assert_refused(key, request, "SECRET_KEY", "SECRET_KEY");
        if key.len() > 5 {
            let out = request("/").run();
            assert_absent(
                key,
                &[&out.stdout[..], &out.stderr].concat(),
                key.as_bytes(),
            );
        }
    }
    let bytes = b"_5#y2L\"F4Q8z\n\xec]/";
    let request = |target: &str| Cgi::get(target).bytes(b"SIGNET_SECRET_KEY", bytes);
    assert_refused("Flask's as bytes", request, "", "SECRET_KEY");
}

/// What the documents and the shipped files give to a setting whose name has
/// KEY, SECRET or PASSWORD in it, and every value in the table of settings.
fn examples() -> BTreeSet<String> {
    let quoted = |text: &str| -> Vec<String> {
        let pieces = ['"', '\''].into_iter();
        let pieces = pieces.flat_map(|quote| text.split(quote).skip(1).step_by(2));
        pieces.map(str::to_owned).collect()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [
        "README.md",
        "tests/README.md",
        "tests/examples/README.md",
        ".github/CONTRIBUTING.md",
        ".github/SECURITY.md",
        "CHANGELOG.md",
    ]
    .map(|name| root.join(name));
    let shipped = ["deploy", "deploy/apache"].into_iter().flat_map(|folder| {
        let entries = fs::read_dir(root.join(folder)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path())
    });
    let mut examples = BTreeSet::new();
    for path in files
        .into_iter()
        .chain(shipped)
        .filter(|path| path.is_file())
    {
        let text = fs::read_to_string(&path).expect("a text");
        for line in text.lines() {
            for name in ["KEY", "SECRET", "PASSWORD", "FALLBACKS"] {
                if let Some((_, value)) = line.split_once(name) {
                    examples.extend(quoted(value));
                }
            }
        }
    }
    let toml = Command::new(tested_program())
        .args(["print", "toml"])
        .env_clear()
        .output()
        .expect("run signet");
    let toml = String::from_utf8(toml.stdout).expect("UTF-8");
    let values = toml.lines().filter(|line| line.starts_with('#'));
    examples.extend(
        values
            .filter_map(|line| line.split_once(" = "))
            .flat_map(|(_, value)| quoted(value)),
    );
    for setting in SETTINGS {
        examples.extend(quoted(setting.example));
        if setting.default.starts_with('"') {
            examples.extend(quoted(setting.default));
        }
    }
    // A shorter one is refused as such.
    examples.retain(|text| text.len() >= 16);
    examples
}

/// Whoever copies a line of the documents has no key by that.
#[test]
fn no_example_works_as_a_key() {
    let examples = examples();
    assert!(examples.len() > 5, "{examples:?}");
    let list = serde_json::json!(examples).to_string();
    for example in &examples {
        let state = StateDir::new();
        let file = state.write("key", example, 0o600);
        let with = |name: &'static str, value: &str| {
            let value = value.to_owned();
            move |target: &str| {
                Cgi::get(target)
                    .without("SIGNET_SECRET_KEY")
                    .var(name, &value)
            }
        };
        assert_refused(
            example,
            with("SIGNET_SECRET_KEY", example),
            "",
            "SECRET_KEY",
        );
        let file = file.to_str().expect("UTF-8");
        assert_refused(example, with("SIGNET_SECRET_KEY_FILE", file), "", "key");
        let token = Signer::with_key(example).token(ALICE, now());
        let out = Cgi::get("/")
            .var("SIGNET_SECRET_KEY_FALLBACKS", &list)
            .cookie(format!("session={token}"))
            .run();
        let response = assert_holds(example, &out, NOTHING);
        assert_eq!((response.status, user(&response)), (200, None), "{example}");
    }
}

/// Sixteen bytes are enough, whatever they look like to JSON.
#[test]
fn keys_are_text_as_it_stands() {
    for key in [
        "k3y-of-16-bytes!",
        "8305927146018359",
        "\"quoted-like-json\"",
        "[\"a\",\"list\",\"it\",\"seems\"]",
        "true-or-not-true",
        "clé-de-vingt-octets",
        " blanks-at-both-ends ",
    ] {
        assert_signed(key, login().var("SIGNET_SECRET_KEY", key), key);
    }
}

/// The site goes on, without them, and says which: their owner may still have
/// visitors who were signed by them.
#[test]
fn weak_fallbacks_do_not_verify() {
    let strong = "an-older-key-that-still-verifies";
    for weak in WEAK.into_iter().chain([""]) {
        let list = serde_json::json!([weak, strong]).to_string();
        for (key, want) in [(weak, None), (strong, Some("alice"))] {
            let token = Signer::with_key(key).token(ALICE, now());
            let out = Cgi::get("/")
                .var("SIGNET_SECRET_KEY_FALLBACKS", &list)
                .cookie(format!("session={token}"))
                .run();
            let response = assert_holds(weak, &out, NOTHING);
            assert_eq!(response.status, 200, "{weak}: {out}");
            assert_eq!(user(&response).as_deref(), want, "{weak}: {out}");
            assert!(
                out.errors().contains("SECRET_KEY_FALLBACKS"),
                "{weak}: {out}"
            );
            let printed = [&out.stdout[..], &out.stderr].concat();
            assert_absent("strong", &printed, strong.as_bytes());
            if weak.len() > 8 {
                assert_absent(weak, &printed, weak.as_bytes());
            }
        }
    }
}

/// Flask takes a plain string for a list of its letters, each of them a key.
#[test]
fn fallbacks_are_a_list() {
    for text in [
        "an-older-key-that-still-verifies",
        "\"an-older-key-that-still-verifies\"",
        "{}",
        "1",
        "[1]",
        "[null]",
        "[[]]",
        "[\"a\"",
    ] {
        let request = |target: &str| Cgi::get(target).var("SIGNET_SECRET_KEY_FALLBACKS", text);
        assert_refused(text, request, "", "SIGNET_SECRET_KEY_FALLBACKS");
    }
    let token = Signer::with_key("o").token(ALICE, now());
    let request = |target: &str| {
        Cgi::get(target)
            .var("SIGNET_SECRET_KEY_FALLBACKS", "old-secret")
            .cookie(format!("session={token}"))
    };
    assert_refused(
        "signed by a letter",
        request,
        "",
        "SIGNET_SECRET_KEY_FALLBACKS",
    );
    for none in ["[]", "null"] {
        let out = Cgi::get("/").var("SIGNET_SECRET_KEY_FALLBACKS", none).run();
        assert_eq!(assert_holds(none, &out, NOTHING).status, 200, "{out}");
    }
}

/// A configuration file with a key in it is a key file.
#[test]
fn toml_with_a_key_is_the_owners_alone() {
    for (mode, good) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o644, false),
    ] {
        for (text, secret) in [
            (format!("SECRET_KEY = \"{GOOD}\"\n"), true),
            ("DEBUG = false\n".to_owned(), false),
        ] {
            let (state, other) = (StateDir::new(), StateDir::new());
            state.write("signet.toml", &text, mode);
            let named = other.write("site.toml", &text, mode);
            for (place, request) in [
                ("in the state directory", login_at(state.path())),
                (
                    "elsewhere",
                    login_at(other.path()).var("SIGNET_CONFIG", &named),
                ),
            ] {
                let name = format!("{text} {place}, {mode:o}");
                let out = request.run();
                let response = out.response();
                let want = if good || !secret { 303 } else { 503 };
                assert_eq!(response.status, want, "{name}: {out}");
                if want == 503 {
                    assert!(out.errors().contains(".toml"), "{name}: {out}");
                    assert!(response.words().contains("600"), "{name}: {out}");
                }
            }
            assert_eq!(super::mode(&named), mode, "the mode was changed");
        }
    }
}

/// Whoever can read an old key can sign with it.
#[test]
fn fallbacks_that_others_can_read_do_not_verify() {
    let token = Signer::with_key(GOOD).token(ALICE, now());
    for (mode, want) in [(0o600, Some("alice")), (0o644, None)] {
        let state = StateDir::new();
        state.write(
            "signet.toml",
            format!("SECRET_KEY_FALLBACKS = [\"{GOOD}\"]\n"),
            mode,
        );
        let out = Cgi::get("/")
            .state(&state)
            .cookie(format!("session={token}"))
            .run();
        let response = assert_holds("fallbacks", &out, NOTHING);
        let seen = (response.status == 200).then(|| user(&response)).flatten();
        assert_eq!(seen.as_deref(), want, "{mode:o}: {out}");
        assert_eq!(out.errors().is_empty(), want.is_some(), "{mode:o}: {out}");
    }
}
