//! Hashes that the peers make while the test runs, of passwords that differ in what a
//! format may lose: bytes after the 72nd, accents, the end.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use signet::users::hash::RefusedHash;

use super::{hash, verify};
use crate::support::StateDir;

/// Made by one program, in one format.
struct Made {
    name: String,
    /// The bytes of a password that its maker looked at.
    read: usize,
    texts: Vec<String>,
}

/// Passwords, each of which is set and tried.
fn passwords() -> [String; 7] {
    [
        "correct horse".to_owned(),
        " correct horse ".to_owned(),
        "x".repeat(72),
        "x".repeat(73),
        // 73 bytes, of which the 72nd is the first of two.
        format!("{}\u{e9}", "x".repeat(71)),
        "p\u{e4}ssw\u{f6}rd".to_owned(),
        "pa\u{308}sswo\u{308}rd".to_owned(),
    ]
}

const ALL: usize = usize::MAX;
const BCRYPT: usize = 72;

/// Each password matches the hash that was made of it and no other one; only a password
/// of two forms matches the hash of its form C, and only bcrypt's peers cut.
fn check(made: &[Made]) {
    let passwords = passwords();
    let form_c = |typed: &str| match typed == passwords[6] {
        true => passwords[5].clone(),
        false => typed.to_owned(),
    };
    for Made { name, read, texts } in made {
        assert_eq!(texts.len(), passwords.len() + 1, "{name}: {texts:?}");
        for (password, text) in passwords.iter().zip(texts) {
            let set = &password.as_bytes()[..password.len().min(*read)];
            let hash = hash(text);
            let wrong = [
                format!("{password}."),
                password[1..].to_owned(),
                String::new(),
            ];
            for typed in passwords.iter().chain(&wrong) {
                let spellings = [typed.clone(), form_c(typed)];
                let mut whole = spellings.iter().filter(|typed| typed.len() <= *read);
                let want = whole.any(|typed| typed.as_bytes() == set);
                let got = verify(&hash, typed.as_bytes()).expect("memory");
                assert_eq!(got, want, "{name}: {text} of {password:?}, typed {typed:?}");
            }
        }
        // The last one is of the empty password.
        let empty = hash(texts.last().expect("texts"));
        for typed in passwords.iter().chain([&String::new()]) {
            assert_eq!(verify(&empty, typed.as_bytes()), Ok(false), "{name}: empty");
        }
    }
}

/// The last line that `command` prints, with `input`.
fn line(command: &[&str], input: &str) -> String {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|err| panic!("{command:?}: {err}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("a reader");
    drop(stdin);
    let out = child.wait_with_output().expect("its end");
    assert!(out.status.success(), "{command:?}: {out:?}");
    let text = String::from_utf8(out.stdout).expect("ASCII");
    text.trim_end()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// Runs `make` on each password and on the empty one.
fn each(name: &str, read: usize, make: impl Fn(&str) -> String) -> Made {
    let passwords = passwords();
    let texts = passwords.iter().map(|password| make(password));
    Made {
        name: name.to_owned(),
        read,
        texts: texts.chain([make("")]).collect(),
    }
}

fn htpasswd(options: &[&str], password: &str) -> String {
    let command = [&["htpasswd", "-nb"], options, &["ada", password]].concat();
    let line = line(&command, "");
    let text = line.strip_prefix("ada:").expect("a line of ada");
    text.to_owned()
}

#[test]
#[ignore = "needs htpasswd: run tests/run"]
fn htpasswd_makes_hashes() {
    check(&[
        each("-B", BCRYPT, |password| htpasswd(&["-B", "-C4"], password)),
        each("-m", ALL, |password| htpasswd(&["-m"], password)),
        each("-2", ALL, |password| htpasswd(&["-2"], password)),
        each("-5", ALL, |password| htpasswd(&["-5"], password)),
        each("-5 -r", ALL, |password| {
            htpasswd(&["-5", "-r1000"], password)
        }),
    ]);
}

#[test]
#[ignore = "needs htpasswd: run tests/run"]
fn weak_hashes_of_htpasswd_are_refused() {
    #[rustfmt::skip]
    let cases = [
        ("-s", RefusedHash::Sha1),
        ("-d", RefusedHash::Des),
        ("-p", RefusedHash::PlainText),
    ];
    for (option, refused) in cases {
        let text = htpasswd(&[option], "geheim");
        let parsed = signet::users::hash::PasswordHash::parse(&text);
        assert_eq!(parsed.expect_err(&text), refused, "{option}");
    }
}

#[test]
#[ignore = "needs openssl: run tests/run"]
fn openssl_makes_hashes() {
    let made = ["-apr1", "-5", "-6"].map(|option| {
        each(option, ALL, |password| {
            // It writes `<NULL>` for the empty password.
            let password = if password.is_empty() { "." } else { password };
            line(&["openssl", "passwd", option, password], "")
        })
    });
    check(&made);
}

/// Perl's `crypt` is crypt(3).
#[test]
#[ignore = "needs crypt(3) of Debian: run tests/run"]
fn crypt_makes_hashes() {
    #[rustfmt::skip]
    let cases = [
        ("$2a$04$abcdefghijklmnopqrstuu", BCRYPT),
        ("$2b$04$abcdefghijklmnopqrstuu", BCRYPT),
        ("$2y$04$abcdefghijklmnopqrstuu", BCRYPT),
        ("$5$",                           ALL),
        ("$5$rounds=1000$s",              ALL),
        ("$6$saltsaltsaltsalt",           ALL),
        ("$6$rounds=1001$salt",           ALL),
    ];
    let made = cases.map(|(setting, read)| {
        each(setting, read, |password| {
            line(
                &[
                    "perl",
                    "-e",
                    "print crypt($ARGV[0], $ARGV[1])",
                    "--",
                    password,
                    setting,
                ],
                "",
            )
        })
    });
    check(&made);
}

/// One line for each password, then one for the empty one, of each of `formats`.
fn script(run: impl Fn(&str) -> String, formats: &[(&str, usize)]) -> Vec<Made> {
    let mut passwords = passwords().to_vec();
    passwords.push(String::new());
    let given = json!({
        "passwords": passwords,
        "formats": formats.iter().map(|(format, _)| format).collect::<Vec<_>>(),
    });
    let answer = run(&given.to_string());
    let answer: Vec<Vec<String>> = serde_json::from_str(&answer).expect(&answer);
    let made = formats.iter().zip(answer);
    made.map(|(&(name, read), texts)| Made {
        name: name.to_owned(),
        read,
        texts,
    })
    .collect()
}

#[test]
#[ignore = "needs PHP: run tests/run"]
fn php_makes_hashes() {
    let dir = StateDir::new();
    let run = |given: &str| {
        let code = format!(
            r#"<?php
            $given = json_decode(<<<'JSON'
{given}
JSON
            );
            $made = [];
            foreach ($given->formats as $format) {{
                $options = $format == '2y' ? ['cost' => 4]
                    : ['memory_cost' => 1024, 'time_cost' => 2, 'threads' => 1];
                $texts = [];
                foreach ($given->passwords as $password) {{
                    $texts[] = $format[0] == '$' ? crypt($password, $format)
                        : password_hash($password, $format, $options);
                }}
                $made[] = $texts;
            }}
            echo json_encode($made);"#
        );
        dir.write("make.php", &code, 0o600);
        let file = dir.path().join("make.php");
        line(&["php-cgi", "-q", file.to_str().expect("UTF-8")], "")
    };
    check(&script(
        run,
        &[
            ("2y", BCRYPT),
            ("argon2id", ALL),
            ("argon2i", ALL),
            ("$5$rounds=1000$php", ALL),
            ("$6$php", ALL),
        ],
    ));
}

#[test]
#[ignore = "needs Werkzeug: run tests/run"]
fn werkzeug_makes_hashes() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let code = "import json, sys; from werkzeug.security import generate_password_hash\n\
        given = json.load(sys.stdin)\n\
        print(json.dumps([[generate_password_hash(password, method)\n\
            for password in given['passwords']] for method in given['formats']]))";
    let run = |given: &str| line(&[python.to_str().expect("UTF-8"), "-c", code], given);
    check(&script(
        run,
        &[
            ("scrypt:1024:8:1", ALL),
            ("scrypt:16:1:3", ALL),
            ("pbkdf2:sha256:1000", ALL),
            ("pbkdf2:sha512:1", ALL),
            ("pbkdf2:sha1:1000", ALL),
        ],
    ));
}

#[test]
#[ignore = "needs argon2: run tests/run"]
fn the_reference_of_argon2_makes_hashes() {
    #[rustfmt::skip]
    let variants: [&[&str]; 6] = [
        &["-id"],
        &["-id", "-p", "4", "-t", "1"],
        &["-id", "-v", "10"],
        &["-id", "-l", "16"],
        &["-i"],
        &["-d", "-l", "64"],
    ];
    let made = variants.map(|options| {
        each(&options.join(" "), ALL, |password| {
            // It takes no empty password, as nobody here does.
            let password = if password.is_empty() { "." } else { password };
            let command = [&["argon2", "saltsalt", "-m", "8", "-e"], options].concat();
            line(&command, password)
        })
    });
    check(&made);
}
