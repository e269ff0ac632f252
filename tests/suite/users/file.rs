//! Lines of users files, ordinary and hostile: which user they let in by the password
//! `pw`, and whom Apache and `htpasswd` let in by the same bytes.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use signet::users::file::{Entry, UsersFile};
use signet::users::hash::PasswordHash;
use signet::users::name::Username;
use signet::users::password::Password;

use super::{HASH, OTHER, done, htpasswd_accepts, signet};
use crate::live::apache::{Started, configuration, start};
use crate::live::site::{Site, User};
use crate::support::StateDir;
use crate::support::http::{free_port, get};

/// Who lets the user in: signet, Apache's mod_authn_file, `htpasswd -v`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct In {
    signet: bool,
    apache: bool,
    htpasswd: bool,
}

const fn only(signet: bool, apache: bool, htpasswd: bool) -> In {
    In {
        signet,
        apache,
        htpasswd,
    }
}

const ALL: In = only(true, true, true);
const NONE: In = only(false, false, false);

/// As observed with Apache 2.4.71. Name, file (H is the hash of `pw`, O that of another password), user, who lets in,
/// problems.
pub(crate) type Row = (&'static str, &'static [u8], &'static str, In, usize);

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    ("one line",              b"ada:H\n",                      "ada",   ALL,                       0),
    ("no final newline",      b"ada:H",                        "ada",   ALL,                       0),
    ("the second line",       b"bob:O\nada:H\n",               "ada",   ALL,                       0),
    ("a longer name before",  b"adam:O\nada:H\n",              "ada",   ALL,                       0),
    ("a prefix",              b"adam:H\n",                     "ada",   NONE,                      0),
    ("a colon, typed",        b"ada:H\n",                      "ada:",  NONE,                      0),
    ("upper case",            b"Ada:H\n",                      "ada",   NONE,                      0),
    ("a comment",             b"# users\nada:H\n",             "ada",   ALL,                       0),
    ("commented out",         b"#ada:H\n",                     "ada",   NONE,                      0),
    ("commented out, as it is", b"#ada:H\n",                   "#ada",  NONE,                      0),
    ("empty lines",           b"\n\n  \nada:H\n",              "ada",   ALL,                       0),
    ("a comment behind",      b"ada:H:a comment:b\n",          "ada",   only(true, true, false),   0),
    ("CR LF",                 b"ada:H\r\n",                    "ada",   ALL,                       1),
    ("a blank behind",        b"ada:H \t\n",                   "ada",   only(true, true, false),   0),
    ("a blank before",        b"  ada:H\n",                    "ada",   ALL,                       0),
    ("a blank before, typed", b"  ada:H\n",                    "  ada", NONE,                      0),
    ("a blank in the name",   b"ada l:H\n",                    "ada l", ALL,                       0),
    ("a blank ends the name", b"ada :H\n",                     "ada",   NONE,                      0),
    ("a blank ends the name, typed", b"ada :H\n",              "ada ",  ALL,                       0),
    ("byte order mark",       b"\xef\xbb\xbfada:H\n",          "ada",   only(true, false, false),  1),
    ("the first one counts",  b"ada:O\nada:H\n",               "ada",   NONE,                      1),
    ("the first one is right", b"ada:H\nada:O\n",              "ada",   only(true, true, false),   1),
    ("no colon",              b"ada\n",                        "ada",   NONE,                      1),
    ("no colon, then one",    b"ada\nada:H\n",                 "ada",   NONE,                      2),
    ("no colon elsewhere",    b"junk\nada:H\n",                "ada",   only(true, true, false),   1),
    ("no hash",               b"ada:\n",                       "ada",   NONE,                      1),
    ("two colons",            b"ada::H\n",                     "ada",   only(false, true, false),  1),
    ("no name",               b":H\n",                         "",      only(false, true, true),   1),
    ("no name before",        b":O\nada:H\n",                  "ada",   ALL,                       1),
    ("not UTF-8",             b"ad\xe9:H\n",                   "ad\u{e9}", NONE,                   1),
    ("not UTF-8 elsewhere",   b"b\xe9:H\nada:H\n",             "ada",   ALL,                       1),
    ("composed",              "ad\u{e9}:H\n".as_bytes(),       "ad\u{e9}", ALL,                    0),
    ("another normal form",   "ad\u{e9}:H\n".as_bytes(),       "ade\u{301}", NONE,                 0),
    ("a control character",   b"ad\x07a:H\nada:H\n",           "ada",   ALL,                       1),
    ("a tab in the name",     b"ada\tl:H\n",                   "ada\tl", only(false, true, true),  1),
    ("NUL in the name",       b"ada\0:H\n",                    "ada",   NONE,                      1),
    ("NUL elsewhere",         b"b\0:H\nada:H\n",               "ada",   only(true, true, false),   1),
    ("joined hash",           b"ada:\\\nH\n",                  "ada",   only(false, true, false),  2),
    ("joined comment",        b"# old \\\nada:H\n",            "ada",   only(false, false, true),  2),
    ("a comment of two lines", b"# old \\\n\nada:H\n",         "ada",   ALL,                       2),
    ("plain text",            b"ada:pw\n",                     "ada",   NONE,                      1),
    ("another format",        b"ada:$y$j9T$abc$def\n",         "ada",   NONE,                      1),
    ("CR in the middle",      b"bob:O\rada:H\n",               "ada",   NONE,                      1),
];

pub(crate) fn text(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    for byte in row.1 {
        match byte {
            b'H' => bytes.extend(HASH.bytes()),
            b'O' => bytes.extend(OTHER.bytes()),
            byte => bytes.push(*byte),
        }
    }
    bytes
}

fn lets_in(user: Option<&Entry>) -> bool {
    let password = Password::new(b"pw").expect("a password");
    let hash = user.and_then(|user| user.hash.as_ref().ok());
    hash.is_some_and(|hash| hash.verify(&password).expect("memory"))
}

#[test]
fn a_line_is_read_as_the_table_says() {
    for row in ROWS {
        let (name, _, user, who, problems) = *row;
        let bytes = text(row);
        let file = UsersFile::parse(&bytes);
        assert_eq!(lets_in(file.find(user)), who.signet, "{name}");
        let found = UsersFile::find_in(&bytes, user);
        assert_eq!(lets_in(found.as_ref()), who.signet, "{name}");
        assert_eq!(
            file.problems().len(),
            problems,
            "{name}: {:?}",
            file.problems()
        );
    }
}

#[test]
#[ignore = "needs htpasswd: run tests/run"]
fn htpasswd_reads_a_line_as_the_table_says() {
    let folder = StateDir::new();
    let path = |row: &Row| folder.write("users", text(row), 0o600);
    let others = ROWS.iter().filter(|row| {
        let (_, _, user, who, _) = **row;
        htpasswd_accepts(&path(row), user, "pw") != who.htpasswd
    });
    let others: Vec<&str> = others.map(|row| row.0).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn apache_reads_a_line_as_the_table_says() {
    let (site, root) = (Site::new(), User::current());
    site.folder("run", root, 0o755);
    site.folder("htdocs", root, 0o755);
    let mut more = format!("DocumentRoot {}/htdocs\n", site.path().display());
    for (number, row) in ROWS.iter().enumerate() {
        site.folder(&format!("htdocs/{number}"), root, 0o755);
        site.file(&format!("htdocs/{number}/page"), "page", root, 0o644);
        let users = site.file(&format!("users{number}"), text(row), root, 0o644);
        more += &protected(&number.to_string(), &users);
    }
    // And one that signet wrote, with its own hash.
    let own = StateDir::new();
    done(&signet(
        &own,
        &["user", "add", "ada", "--stdin"],
        b"correct horse",
    ));
    let own = std::fs::read(own.path().join("users")).expect("read it");
    site.file("own", own, root, 0o644);
    site.folder("htdocs/own", root, 0o755);
    site.file("htdocs/own/page", "page", root, 0o644);
    more += &protected("own", &site.path().join("own"));
    let port = free_port();
    let modules = ["auth_basic", "authn_core", "authn_file", "authz_user"];
    let conf = configuration(site.path(), port, Started::ByServer, &modules, &more);
    site.file("httpd.conf", conf, root, 0o644);
    let _server = start(Command::new("/usr/sbin/apache2"), site.path(), port);
    let others = ROWS.iter().enumerate().filter_map(|(number, row)| {
        let (name, _, user, who, _) = *row;
        let status = status(port, &number.to_string(), user, "pw");
        let want = if who.apache { 200 } else { 401 };
        (status != want).then_some((name, status))
    });
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "{others:?}");
    let own = |password| status(port, "own", "ada", password);
    assert_eq!((own("correct horse"), own("other")), (200, 401));
}

fn protected(folder: &str, users: &Path) -> String {
    format!(
        "<Location /{folder}>\nAuthType Basic\nAuthName x\nAuthUserFile {}\n\
         Require valid-user\n</Location>\n",
        users.display()
    )
}

/// Apache's answer to these credentials.
fn status(port: u16, folder: &str, user: &str, password: &str) -> u16 {
    let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let credentials = format!("Authorization: Basic {credentials}");
    get(port, &format!("/{folder}/page"), &[&credentials]).status
}

/// Apache does not read such a line.
#[test]
fn a_line_that_is_too_long_is_a_problem() {
    let long = format!("ada:{HASH}:{}\nbob:{HASH}\n", "x".repeat(8200));
    let file = UsersFile::parse(long.as_bytes());
    assert!(file.find("ada").is_none());
    assert!(lets_in(file.find("bob")));
    assert_eq!(file.problems().len(), 1, "{:?}", file.problems());
}

#[test]
fn a_name_is_taken_exactly_or_not_at_all() {
    let longest = "a".repeat(255);
    for name in [
        "ada",
        "ada ",
        "Ad\u{e9}",
        "ade\u{301}",
        "a#b",
        "\u{1f98a}",
        "-a",
        &longest,
    ] {
        assert_eq!(Username::new(name).expect(name).as_str(), name);
    }
    let long = "a".repeat(256);
    for name in [
        "",
        " ada",
        "#ada",
        "a:b",
        "a\nb",
        "a\0",
        "\u{85}",
        "\u{feff}a",
        &long,
    ] {
        assert!(Username::new(name).is_err(), "{name:?}");
    }
}

/// Colons belong to the hashes of Werkzeug.
#[test]
fn a_hash_of_werkzeug_is_read_whole() {
    for hash in [
        "scrypt:32768:8:1$abcdefghijklmnop$00ff",
        "pbkdf2:sha256:600000$abcdefghijklmnop$00ff",
    ] {
        for line in [format!("ada:{hash}\n"), format!("ada:{hash}:a comment\n")] {
            let found = UsersFile::find_in(line.as_bytes(), "ada").expect(hash);
            assert_eq!(found.text, hash, "{line}");
        }
    }
}

#[test]
fn a_file_of_nothing_but_problems_keeps_a_hundred() {
    let file = UsersFile::parse("nothing\n".repeat(500).as_bytes());
    assert_eq!((file.problems().len(), file.more_problems()), (100, 400));
}

/// Files by the real `htpasswd`, with every kind of hash that it has.
#[test]
#[ignore = "needs htpasswd: run tests/run"]
fn files_that_htpasswd_wrote_are_read() {
    let folder = StateDir::new();
    let path = folder.path().join("users");
    for (option, name, is_read) in [
        ("-cbB", "bcrypt", true),
        ("-bm", "apr1", true),
        ("-b2", "sha256", true),
        ("-b5", "sha512", true),
        ("-bs", "sha1", false),
        ("-bd", "des", false),
        ("-bp", "plain", false),
    ] {
        let written = Command::new("htpasswd")
            .arg(option)
            .args([path.as_os_str()])
            .args([name, "pw"])
            .output();
        assert!(written.expect("start htpasswd").status.success(), "{name}");
        let bytes = std::fs::read(&path).expect("read it");
        let found = UsersFile::find_in(&bytes, name).expect(name);
        assert_eq!(found.hash.is_ok(), is_read, "{name}: {:?}", found.hash);
    }
    let bytes = std::fs::read(&path).expect("read it");
    assert_eq!(UsersFile::parse(&bytes).problems().len(), 3);
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"ada".to_vec()),
        Just(b"bob".to_vec()),
        Just(b":".to_vec()),
        Just(HASH.as_bytes().to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b" ".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"#".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        Just(b"\0".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    // The same values in each run.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// One user is found without a table as with one.
    #[test]
    fn one_user_is_found_as_in_the_whole_file(bytes in pieces(), name in "(ada|bob|adabob)[ :#]?") {
        let file = UsersFile::parse(&bytes);
        let (whole, one) = (file.find(&name), UsersFile::find_in(&bytes, &name));
        prop_assert_eq!(
            whole.map(|user| (user.line, &user.text)),
            one.as_ref().map(|user| (user.line, &user.text))
        );
        let hash = UsersFile::hash_in(&bytes, &name);
        prop_assert_eq!(
            hash.as_ref().map(PasswordHash::as_str),
            one.as_ref().and_then(|user| Some(user.hash.as_ref().ok()?.as_str()))
        );
    }
}
