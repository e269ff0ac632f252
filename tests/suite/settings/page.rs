//! What the owner learns from the page alone, without the error log: the file,
//! the line, the setting and what to do; never a value, never a path. The log
//! has more.

use std::fs;
use std::path::Path;

use super::login;
use crate::live::site::{Site, User, set_mode};
use crate::support::invariants::{NOTHING, assert_holds};
use crate::support::{Cgi, StateDir, tested_program};

type Words = &'static [&'static str];

/// The words on the 503 page and in the log of a site with this signet.toml.
#[track_caller]
fn said(toml: impl AsRef<[u8]>) -> (String, String) {
    let state = StateDir::new();
    state.write("signet.toml", &toml, 0o600);
    let name = String::from_utf8_lossy(toml.as_ref()).into_owned();
    refused(&name, login().state(&state))
}

#[track_caller]
fn refused(name: &str, request: Cgi) -> (String, String) {
    let out = request.run();
    let response = assert_holds(name, &out, NOTHING);
    assert_eq!(response.status, 503, "{name}: {out}");
    (response.words(), out.errors())
}

#[track_caller]
fn assert_words(name: &str, text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{name}: no {word:?} in: {text}");
    }
}

/// TOML, words on the page, words in the log beside file, line and setting. A
/// value, which is only in the log, has "hidden" in it.
#[rustfmt::skip]
const MISTAKES: &[(&str, Words, Words)] = &[
    ("DEBUG = false\nSESION_TYPE = \"hidden\"\n",
        &["signet.toml, line 2", "SESION_TYPE", "Did you mean SESSION_TYPE?"],
        &["signet.toml:2: SESION_TYPE", "did you mean SESSION_TYPE?"]),
    ("session_type = \"hidden\"\n",
        &["signet.toml, line 1", "session_type", "Did you mean SESSION_TYPE?"],
        &["did you mean SESSION_TYPE?"]),
    ("SIGNET_DEBUG = true\n",
        &["signet.toml, line 1", "SIGNET_DEBUG", "Did you mean DEBUG?"],
        &["did you mean DEBUG?"]),
    ("NO_SUCH_SETTING = \"hidden\"\n",
        &["signet.toml, line 1", "NO_SUCH_SETTING", "no such setting"],
        &["signet.toml:1: NO_SUCH_SETTING: unknown setting"]),
    ("[session]\nTYPE = \"hidden\"\n",
        &["signet.toml, line 1", "only settings that are tables"],
        &["signet.toml:1: ", "only settings that are tables"]),
    ("[signet]\nDEBUG = true\n",
        &["signet.toml, line 1: remove the line in brackets: only settings that are tables"],
        &["signet.toml:1: ", "only settings that are tables"]),
    ("DEBUG = true\n[[DEBUG]]\n",
        &["signet.toml, line 2", "only settings that are tables"],
        &["signet.toml:2: "]),
    ("\n [DEBUG] # hidden\n",
        &["signet.toml, line 2", "only settings that are tables"],
        &["signet.toml:2: "]),
    ("[signet\n",
        &["signet.toml, line 1", "only settings that are tables"],
        &["signet.toml:1: "]),
    ("[[GUARD_USERS]]\n\"/hidden\" = []\n",
        &["signet.toml, line 1", "only settings that are tables"],
        &["signet.toml:1: "]),
    ("[GUARD_USERS]\n\"/hidden\" = []\nDEBUG = true\n",
        &["signet.toml, line 1", "GUARD_USERS", "move it above that line"],
        &["signet.toml:1: GUARD_USERS: ", "found DEBUG"]),
    ("GUARD_USERS.\"hidden\" = []\n",
        &["signet.toml, line 1", "GUARD_USERS", "a path that begins with /"],
        &["signet.toml:1: GUARD_USERS: ", "found hidden"]),
    ("GUARD_DIR = \"/srv\"\n[GUARD_USERS]\n\"/hidden\" = []\n",
        &["GUARD_USERS", "no protected folder has one of these paths"],
        &["signet.toml:2: GUARD_USERS: no protected folder"]),
    ("GUARD_DIR = \"/srv\"\nGUARD_USERS.\"/files\" = [\"@hidden\"]\n",
        &["signet.toml, line 2", "GUARD_USERS", "the setting GROUPS_FILE"],
        &["signet.toml:2: GUARD_USERS: groups"]),
    ("\n[GUARD_USERS]\n/hidden = [\"hidden\"]\n",
        &["signet.toml, line 3", "the path before the = in straight quotes"],
        &["signet.toml:3: ", "straight quotes"]),
    ("\n\nSESSION_TYPE = \"hidden-files\"\n",
        &["signet.toml, line 3", "SESSION_TYPE", "cookie, filesystem or redis", "SESSION_TYPE = \"filesystem\""],
        &["signet.toml:3: SESSION_TYPE: ", "cookie, filesystem or redis", "hidden-files"]),
    ("PERMANENT_SESSION_LIFETIME = \"31 days\"\n",
        &["signet.toml, line 1", "PERMANENT_SESSION_LIFETIME", "whole number", "PERMANENT_SESSION_LIFETIME = 86400"],
        &["signet.toml:1: PERMANENT_SESSION_LIFETIME: ", "whole number", "a string"]),
    ("SESSION_COOKIE_NAME = \"hidden name\"\n",
        &["signet.toml, line 1", "SESSION_COOKIE_NAME", "a cookie name: up to 1024 letters"],
        &["signet.toml:1: SESSION_COOKIE_NAME: ", "a cookie name: up to 1024 letters"]),
    ("SESSION_COOKIE_PATH = \"hidden\"\n",
        &["signet.toml, line 1", "SESSION_COOKIE_PATH", "begins with /", "up to 1024 bytes"],
        &["signet.toml:1: SESSION_COOKIE_PATH: ", "begins with /", "up to 1024 bytes"]),
    ("SESSION_KEY_PREFIX = \"hidden\\n\"\n",
        &["signet.toml, line 1", "SESSION_KEY_PREFIX", "up to 256 bytes"],
        &["signet.toml:1: SESSION_KEY_PREFIX: ", "up to 256 bytes"]),
    ("MAX_COOKIE_SIZE = 5000\n",
        &["signet.toml, line 1", "MAX_COOKIE_SIZE", "from 0 to 4096"],
        &["found 5000"]),
    ("SESSION_TYPE = hidden\n",
        &["signet.toml, line 1", "SESSION_TYPE", "quotes", "SESSION_TYPE = \"filesystem\""],
        &["signet.toml:1: SESSION_TYPE: ", "quotes"]),
    ("# one\nSECRET_KEY_FILE = /home/hidden/key\n",
        &["signet.toml, line 2", "SECRET_KEY_FILE", "quotes"],
        &["signet.toml:2: SECRET_KEY_FILE: ", "quotes"]),
    ("PERMANENT_SESSION_LIFETIME = 31 days\n",
        &["signet.toml, line 1", "PERMANENT_SESSION_LIFETIME", "whole number, digits only", "= 86400"],
        &["signet.toml:1: PERMANENT_SESSION_LIFETIME: ", "digits only"]),
    ("MAX_CONTENT_LENGTH = 64*1024\n",          &["MAX_CONTENT_LENGTH", "digits only"], &["digits only"]),
    ("MAX_CONTENT_LENGTH = 1,000\n",            &["MAX_CONTENT_LENGTH", "digits only"], &["digits only"]),
    ("MAX_COOKIE_SIZE = 4093 # bytes\nMAX_CONTENT_LENGTH = 64 KiB\n",
        &["line 2", "MAX_CONTENT_LENGTH", "digits only"], &["digits only"]),
    ("SESSION_ABSOLUTE_LIFETIME = timedelta(days=31)\n",
        &["SESSION_ABSOLUTE_LIFETIME", "digits only"], &["digits only"]),
    ("PERMANENT_SESSION_LIFETIME = 007\n",      &["PERMANENT_SESSION_LIFETIME", "digits only"], &["digits only"]),
    ("MAX_COOKIE_SIZE = None\n",                &["remove the line"], &["remove the line"]),
    ("SESSION_COOKIE_SAMESITE = None\n",
        &["SESSION_COOKIE_SAMESITE", "write \"None\" in straight quotes"], &["\"None\""]),
    ("SESSION_TYPE = \u{201c}hidden\u{201d}\n", &["SESSION_TYPE", "straight quotes"], &["straight quotes"]),
    ("SESSION_TYPE = \u{2018}hidden\u{2019}\n", &["SESSION_TYPE", "straight quotes"], &["straight quotes"]),
    ("SESSION_TYPE = \"hidden\n",               &["SESSION_TYPE", "one setting on each line", "missing"], &["missing"]),
    ("SESSION_TYPE = hidden\"\n",               &["SESSION_TYPE", "quotes"], &["quotes"]),
    ("SESSION_TYPE = \"hidden\" DEBUG = true\n", &["SESSION_TYPE", "one setting on each line"], &["one setting"]),
    ("SECRET_KEY_FALLBACKS = [\n  \"hidden-1\"\n  \"hidden-2\"\n]\n",
        &["signet.toml, line 3", "straight quotes", "comma"], &["signet.toml:3: ", "comma"]),
    ("DEBUG = ja\n",                            &["DEBUG", "true or false"], &["true or false"]),
    ("DEBUG = True\n",
        &["signet.toml, line 1", "DEBUG", "lower case"],
        &["signet.toml:1: DEBUG: ", "lower case"]),
    ("SESSION_COOKIE_DOMAIN = None\n",
        &["signet.toml, line 1", "SESSION_COOKIE_DOMAIN", "remove the line"],
        &["signet.toml:1: SESSION_COOKIE_DOMAIN: "]),
    ("SESSION_TYPE =\n",
        &["signet.toml, line 1", "SESSION_TYPE", "value is missing"],
        &["signet.toml:1: SESSION_TYPE: "]),
    ("SESSION_TYPE: hidden\n",
        &["signet.toml, line 1", "NAME = VALUE"],
        &["signet.toml:1: ", "NAME = VALUE"]),
    ("DEBUG = true\nDEBUG = false\n",
        &["signet.toml, line 2", "DEBUG", "stands twice in the file; remove one of the lines"],
        &["signet.toml:2: DEBUG: duplicate key", "stands twice"]),
    ("SESSION_TYPE = \"hidden\"\nDEBUG = false\nSESSION_TYPE = \"hidden\"\n",
        &["signet.toml, line 3", "SESSION_TYPE", "stands twice"],
        &["signet.toml:3: SESSION_TYPE: "]),
    ("SESSION_COOKIE_NAME = \"hidden\n",
        &["signet.toml, line 1", "SESSION_COOKIE_NAME"],
        &["signet.toml:1: SESSION_COOKIE_NAME: "]),
    ("SECRET_KEY_FALLBACKS = \"hidden-key-of-yesterday-4711\"\n",
        &["signet.toml, line 1", "SECRET_KEY_FALLBACKS", "list"],
        &["signet.toml:1: SECRET_KEY_FALLBACKS: ", "list"]),
    ("SESSION_REDIS = \"redis://:hidden@h:x\"\n",
        &["signet.toml, line 1", "SESSION_REDIS"],
        &["signet.toml:1: SESSION_REDIS: "]),
    ("SESSION_COOKIE_SECURE = false\nSESSION_COOKIE_NAME = \"__Host-hidden\"\n",
        &["signet.toml, line 2", "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE"],
        &["signet.toml:2: SESSION_COOKIE_NAME: "]),
    ("SESSION_COOKIE_SAMESITE = \"None\"\nSESSION_COOKIE_SECURE = false\n",
        &["signet.toml, line 2", "SESSION_COOKIE_SECURE"],
        &["signet.toml:2: SESSION_COOKIE_SECURE: "]),
    ("STATE_DIR = \"/hidden\"\n",
        &["signet.toml, line 1", "STATE_DIR", "Remove the line; to use another folder, write SetEnv SIGNET_STATE_DIR"],
        &["signet.toml:1: STATE_DIR: ", "SetEnv SIGNET_STATE_DIR"]),
];

#[test]
fn the_page_names_file_line_and_setting_and_no_value() {
    for (toml, on_page, in_log) in MISTAKES {
        let (page, log) = said(toml);
        assert_words(toml, &page, on_page);
        assert_words(toml, &log, in_log);
        assert!(!page.contains("hidden"), "{toml}: {page}");
    }
}

/// A line that was meant as a value may stand where a name is expected.
#[test]
fn what_is_no_name_is_not_shown_in_its_place() {
    for toml in [
        "4f0c9a7be2d15c6688a3f1d2e90b7c64 = 1\n",
        "hunter22-the-password = true\n",
        "\"correct horse battery staple\" = \"SECRET_KEY\"\n",
    ] {
        let (page, _) = said(toml);
        assert_words(toml, &page, &["signet.toml, line 1", "no such setting"]);
        for part in ["4f0c9a", "hunter22", "horse"] {
            assert!(!page.contains(part), "{toml}: {page}");
        }
    }
}

/// Keys on lines where the parser does not expect them.
#[test]
fn no_part_of_a_secret_is_taken_for_a_name() {
    const KEY: &str = "b3RoZXJzZWNyZXRrZXkxMjM0";
    #[rustfmt::skip]
    let cases: [String; 14] = [
        format!("SECRET_KEY_FALLBACKS = [\n  \"{KEY}=\"\n  \"{KEY}=\",\n]\n"),
        format!("SECRET_KEY_FALLBACKS = [\n{KEY}=,\n]\n"),
        format!("SECRET_KEY_FALLBACKS = [\n  '{KEY}=,\n]\n"),
        format!("SECRET_KEY =\n{KEY}==\n"),
        format!("{KEY}=\n"),
        format!("{KEY}==\n"),
        format!("\"{KEY}\" = \"\n"),
        format!("{KEY} = 1\n"),
        format!("[{KEY}]\n"),
        format!("SECRET_KEY = \"\"\"\n{KEY}=\n"),
        format!("SECRET_KEY: \"{KEY}==\"\n"),
        format!("SECRET_KEY {KEY}==\n"),
        format!("SECRET_KEY \"{KEY}\" = 1\n"),
        format!("SECRET_KEY = \"{KEY}\\x\"\n"),
    ];
    for toml in cases {
        let (page, log) = said(&toml);
        assert_words(&toml, &page, &["signet.toml, line "]);
        assert_words(&toml, &log, &["signet.toml:"]);
        for text in [page, log] {
            assert!(!text.contains("b3Ro"), "{toml}: {text}");
        }
    }
    let latin = [b"SECRET_KEY_FALLBACKS = [\n", KEY.as_bytes(), b"=\xe9\n]\n"].concat();
    let (page, log) = said(latin);
    for text in [page, log] {
        assert!(text.contains("UTF-8") && !text.contains("b3Ro"), "{text}");
    }
}

#[test]
fn the_page_names_the_variable_and_no_value() {
    #[rustfmt::skip]
    let cases: [(&str, &[u8], Words, Words); 7] = [
        ("SIGNET_SESION_TYPE", b"hidden", &["SIGNET_SESION_TYPE", "Did you mean SIGNET_SESSION_TYPE?"],
            &["environment: SIGNET_SESION_TYPE: ", "did you mean SIGNET_SESSION_TYPE?"]),
        ("REDIRECT_SIGNET_SESION_TYPE", b"hidden", &["SIGNET_SESION_TYPE", "Did you mean SIGNET_SESSION_TYPE?"],
            &["did you mean SIGNET_SESSION_TYPE?"]),
        ("SIGNET_SESSION_TYPE", b"hidden", &["SIGNET_SESSION_TYPE", "cookie, filesystem or redis"],
            &["environment: SIGNET_SESSION_TYPE: ", "found hidden"]),
        ("SIGNET_MAX_COOKIE_SIZE", b"31 hidden", &["SIGNET_MAX_COOKIE_SIZE", "whole number"],
            &["environment: SIGNET_MAX_COOKIE_SIZE: "]),
        ("SIGNET_CONFIG", b"hidden.toml", &["SIGNET_CONFIG", "absolute path"], &["SIGNET_CONFIG"]),
        ("SIGNET_SESSION_KEY_PREFIX", b"hidden caf\xe9:", &["SIGNET_SESSION_KEY_PREFIX", "UTF-8"],
            &["SIGNET_SESSION_KEY_PREFIX: is not UTF-8"]),
        ("SIGNET_4f0c9a7hidden", b"1", &["SIGNET_", "no such setting"], &["SIGNET_4f0c9a7hidden"]),
    ];
    for (variable, value, on_page, in_log) in cases {
        let (page, log) = refused(variable, login().bytes(variable.as_bytes(), value));
        assert_words(variable, &page, on_page);
        assert_words(variable, &log, in_log);
        assert!(!page.contains("hidden"), "{variable}: {page}");
    }
}

/// What editors on Windows and old ones make of a text.
#[test]
fn a_file_in_another_encoding_is_named_with_its_line() {
    let utf16 = |text: &str, bom: &[u8], bytes: fn(u16) -> [u8; 2]| {
        let units = text.encode_utf16().flat_map(bytes);
        bom.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    let text = "# caf\u{e9}\r\nDEBUG = true\r\n";
    let latin1 = b"DEBUG = false\r\n# a comment\r\nSESSION_COOKIE_NAME = \"caf\xe9\"\r\n";
    #[rustfmt::skip]
    let cases: [(&str, Vec<u8>, Words, Words); 8] = [
        ("UTF-16 LE", utf16(text, b"\xff\xfe", u16::to_le_bytes), &["signet.toml, line 1", "UTF-16"], &["signet.toml:1: "]),
        ("UTF-16 BE", utf16(text, b"\xfe\xff", u16::to_be_bytes), &["signet.toml, line 1", "UTF-16"], &["signet.toml:1: "]),
        ("no mark, LE", utf16(text, b"", u16::to_le_bytes), &["signet.toml, line 1", "UTF-16"], &["signet.toml:1: "]),
        ("no mark, BE", utf16(text, b"", u16::to_be_bytes), &["signet.toml, line 1", "UTF-16"], &["signet.toml:1: "]),
        ("UTF-32", b"\xff\xfe\0\0D\0\0\0".to_vec(), &["signet.toml, line 1", "UTF-16"], &["signet.toml:1: "]),
        ("Latin-1", latin1.to_vec(), &["signet.toml, line 3", "setting SESSION_COOKIE_NAME", "Latin-1"], &["signet.toml:3: SESSION_COOKIE_NAME: "]),
        ("Latin-1 in a comment", b"DEBUG = false\n# caf\xe9 = x\n".to_vec(), &["signet.toml, line 2", "Latin-1"], &["signet.toml:2: "]),
        ("Windows-1252", b"SESSION_KEY_PREFIX = \x93blog:\x94\n".to_vec(), &["signet.toml, line 1", "SESSION_KEY_PREFIX"], &["signet.toml:1: "]),
    ];
    for (name, bytes, on_page, in_log) in cases {
        let (page, log) = said(bytes);
        for (text, words) in [(&page, on_page), (&log, in_log)] {
            assert_words(name, text, words);
            assert_words(name, text, &["save the file as UTF-8"]);
        }
    }
}

/// Windows' Notepad writes a byte order mark, and CR LF.
#[test]
fn a_byte_order_mark_of_utf_8_is_no_mistake() {
    let state = StateDir::new();
    let text = "\u{feff}SESSION_COOKIE_NAME = \"marked\"\r\nDEBUG = false\r\n";
    state.write("signet.toml", text, 0o600);
    assert_eq!(
        super::cookie_name("marked", login().state(&state)),
        "marked"
    );
    let text = "\u{feff}DEBUG = false\r\nSESION_TYPE = \"cookie\"\r\n";
    let (page, _) = said(text);
    assert_words("marked", &page, &["signet.toml, line 2", "SESION_TYPE"]);
}

/// Files that are not there, or are not what they should be.
#[test]
fn the_page_says_why_the_file_cannot_be_read() {
    let folder = StateDir::new();
    fs::create_dir(folder.path().join("folder.toml")).expect("mkdir");
    folder.write("long.toml", "# long\n".repeat(10_000), 0o600);
    folder.write("open.toml", "DEBUG = true\n", 0o602);
    for (name, words) in [
        ("missing.toml", &["no such file", "SIGNET_CONFIG"][..]),
        ("folder.toml", &["folder"]),
        ("long.toml", &["65536 bytes"]),
        ("open.toml", &["other users", "set its permissions to 600"]),
    ] {
        let (page, log) = refused(name, login().var("SIGNET_CONFIG", folder.path().join(name)));
        assert_words(name, &page, &[name]);
        assert_words(name, &page, words);
        assert_words(name, &log, &[name]);
        let path = folder.path().display().to_string();
        assert!(!page.contains(&path), "{name}: {page}");
    }
}

/// As of a host without suEXEC, where the web server runs the program as
/// `www-data` and the owner's file has mode 600.
#[test]
#[ignore = "needs root: run tests/run"]
fn a_file_of_another_user_is_called_unreadable() {
    let (site, alice) = (
        Site::new(),
        User {
            uid: 61_234,
            gid: 61_234,
        },
    );
    let path = site.file("site.toml", "DEBUG = true\n", alice, 0o600);
    let as_nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let nobody = || login().var("SIGNET_CONFIG", &path).through(&as_nobody);
    let (page, log) = refused("mode 600", nobody());
    assert_words("mode 600", &page, &["site.toml", "cannot be read", "644"]);
    assert_words(
        "mode 600",
        &log,
        &[
            &path.display().to_string(),
            "cannot be read",
            "permission denied",
            "nobody",
        ],
    );
    assert!(!page.contains("nobody"), "{page}");
    set_mode(&path, 0o644);
    let out = nobody().run();
    assert!(!out.errors().contains("cannot be read"), "{out}");
    // The user's own file needs a mode, and nobody else.
    let own = User {
        uid: 65_534,
        gid: 65_534,
    };
    let path = site.file("own.toml", "DEBUG = true\n", own, 0o000);
    let request = login().var("SIGNET_CONFIG", &path).through(&as_nobody);
    let (page, log) = refused("mode 000", request);
    assert_words("mode 000", &page, &["own.toml", "cannot be read"]);
    assert!(!page.contains("ask your host"), "{page}");
    assert_words("mode 000", &log, &["mode 0000: chmod u+r"]);
}

/// What the page says where one thing is wrong, and what would only mislead.
#[test]
fn the_page_says_only_what_helps() {
    let without_key = || login().without("SIGNET_SECRET_KEY");
    let key_file = |name: &str, make: fn(&Path)| {
        let state = StateDir::new();
        make(&state.path().join("secret_key"));
        refused(name, without_key().owning(state)).0
    };
    let script = StateDir::new();
    let settings = "#!/usr/bin/signet\nSECRET_KEY = \"kT8vW2xQ9mZ4rB7nL5pJ3hG6fD1sA0cY\"\n";
    script.write("site.cgi", settings, 0o755);
    let weak = StateDir::new();
    weak.write("signet.toml", "SECRET_KEY = \"short\"\n", 0o600);
    let served = StateDir::new();
    let in_web = served.path().join("public_html/signet");
    let cases: [(&str, String, Words, Words); 6] = [
        (
            "a key file that is a folder",
            key_file("folder", |path| fs::create_dir(path).expect("mkdir")),
            &["“secret_key” is not a regular file. Move it away."],
            &["Delete the file"],
        ),
        (
            "a weak key in a variable",
            refused("weak", login().var("SIGNET_SECRET_KEY", "YOUR-KEY-HERE")).0,
            &[
                "SIGNET_SECRET_KEY is a placeholder",
                "in .htaccess: SetEnv SIGNET_SECRET_KEY",
            ],
            &["remove the setting"],
        ),
        (
            "a weak key in a file",
            refused("weak", without_key().state(&weak)).0,
            &[
                "The setting SECRET_KEY has 5 bytes",
                "or remove the setting",
            ],
            &[".htaccess"],
        ),
        (
            "a key in a script",
            refused(
                "script",
                without_key().var("SIGNET_CONFIG", script.path().join("site.cgi")),
            )
            .0,
            &["Remove the line SECRET_KEY", "to 700"],
            &["600"],
        ),
        (
            "a folder in the web folders",
            refused("served", without_key().var("SIGNET_STATE_DIR", &in_web)).0,
            &[
                "“signet” is in a folder that the web server serves",
                "Or remove the setting STATE_DIR.",
            ],
            &["SetEnv", "install -d"],
        ),
        (
            "sessions in the web folders",
            refused(
                "sessions",
                login()
                    .var("SIGNET_SESSION_TYPE", "filesystem")
                    .var("SIGNET_SESSION_FILE_DIR", &in_web),
            )
            .0,
            &["Or remove the setting SESSION_FILE_DIR."],
            &["SetEnv", "install -d"],
        ),
    ];
    for (name, page, words, misleading) in cases {
        assert_words(name, &page, words);
        for word in misleading {
            assert!(!page.contains(word), "{name}: {word:?} in: {page}");
        }
    }
}

/// It lies beside the program, where nothing reads it.
#[test]
fn an_unread_signet_toml_beside_the_program_is_logged() {
    let place = StateDir::new();
    let program = place.path().join("signet.cgi");
    fs::hard_link(tested_program(), &program).expect("link");
    place.write("signet.toml", "DEBUG = true\n", 0o644);
    let weak = || login().program(&program).var("SIGNET_SECRET_KEY", "short");
    let (page, log) = refused("beside", weak());
    let beside = place.path().join("signet.toml").display().to_string();
    assert_words(
        "beside",
        &log,
        &[&format!("{beside} is not read"), "SIGNET_CONFIG"],
    );
    assert!(!page.contains(&beside), "{page}");
    let (_, log) = refused("named", weak().var("SIGNET_CONFIG", &beside));
    assert!(!log.contains("is not read"), "{log}");
}
