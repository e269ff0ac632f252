//! Programs that use the library: what the name of each keeps apart, and the
//! settings that a program has of its own.

use std::path::Path;

use rustix::process::geteuid;
use signet::Environment;
use signet::config::{Config, Program, ProgramName, ServedFolders, WrongProgramName};
use signet::session::SessionId;
use signet::session::record::Record;
use signet::session::revocation::{Ended, Users};
use signet::session::signing::{Signer, VerifyError};
use signet::session::tagged_json::loads;

use crate::support::redis::RedisServer;
use crate::support::{StateDir, now};

fn program(name: &'static str, settings: &'static str) -> Program {
    let name = ProgramName::new(name).expect("a program name");
    Program { name, settings }
}

/// The settings of `program` with these variables.
pub(super) fn load(program: &Program, vars: &[(&str, &str)]) -> Result<Config, String> {
    let environment: Environment = vars.iter().copied().collect();
    let (served, euid) = (ServedFolders::default(), geteuid().as_raw());
    Config::load(program, &environment, None, &served, euid).map_err(|err| err.to_string())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// signet and two programs with one environment.
fn programs(vars: &[(&str, &str)]) -> [Config; 3] {
    let programs = [
        Program::SIGNET,
        program("guestbook", ""),
        program("guest", ""),
    ];
    programs.map(|program| load(&program, vars).expect("settings"))
}

#[test]
fn a_program_name_is_fit_for_a_folder_and_a_log() {
    const LONGEST: &str = "abcdefghijklmnopqrstuvwxyz-0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const { assert!(LONGEST.len() == ProgramName::MAX) };
    for name in ["guestbook", "a", "Guest-Book_2", "0", "-", LONGEST] {
        assert_eq!(ProgramName::new(name).map(ProgramName::as_str), Ok(name));
    }
    let too_long = concat!(
        "abcdefghijklmnopqrstuvwxyz-0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "x"
    );
    for name in [
        "",
        ".",
        "..",
        "a.b",
        "a/b",
        "/",
        "../a",
        "a b",
        "a\n",
        "a\0",
        "gästebuch",
        "a:",
        "a*",
        too_long,
    ] {
        assert_eq!(ProgramName::new(name), Err(WrongProgramName), "{name:?}");
    }
}

#[test]
fn the_name_selects_the_state_folder() {
    let home = StateDir::new();
    let state = home.path().join("state");
    let guestbook = program("guestbook", "");
    let cases = [
        (
            vec![("HOME", text(home.path()))],
            home.path().join(".guestbook"),
        ),
        (
            vec![("XDG_STATE_HOME", text(&state))],
            state.join("guestbook"),
        ),
    ];
    for (vars, folder) in cases {
        let config = load(&guestbook, &vars).expect("settings");
        config.keys(now()).expect("a key");
        assert!(folder.join("secret_key").is_file(), "{}", folder.display());
    }
    let open = StateDir::new();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(open.path(), mode).expect("chmod");
    let nowhere = load(&guestbook, &[("HOME", text(open.path()))]).expect("settings");
    let err = nowhere.keys(now()).expect_err("no folder").to_string();
    // The folder of the tests may have any name.
    let err = err.replace(text(open.path()), "");
    assert!(err.contains("/.guestbook: "), "{err}");
    assert!(err.contains("/var/lib/guestbook"), "{err}");
    assert!(!err.contains("signet"), "{err}");
}

#[test]
fn a_cookie_of_one_program_is_unknown_to_another() {
    let home = StateDir::new();
    let configs = programs(&[("HOME", text(home.path()))]);
    let signers = configs.map(|config| {
        let keys = config.keys(now()).expect("a key");
        Signer::new(config.digest, keys)
    });
    for (at, signer) in signers.iter().enumerate() {
        let token = signer.sign("e30", now());
        for (other, verifier) in signers.iter().enumerate() {
            match verifier.verify(&token, 60, now()) {
                Ok(_) => assert_eq!(at, other),
                Err(err) => {
                    assert_ne!(at, other);
                    assert!(matches!(err, VerifyError::BadSignature), "{err}");
                }
            }
        }
    }
}

/// A session in the store and a mark for everybody, of each program in turn.
#[track_caller]
fn assert_apart(vars: &[(&str, &str)]) {
    let (configs, now) = (programs(vars), now());
    let stores = configs.each_ref().map(|config| {
        let store = config.store().expect("a place for the store");
        store.expect("a store")
    });
    for (at, config) in configs.iter().enumerate() {
        let id = SessionId::generate().expect("an id");
        let record = Record {
            started: now.into(),
            saved: now,
            values: loads("{}").expect("a dict"),
        };
        stores[at].create(&id, &record).expect("create");
        for (other, store) in stores.iter().enumerate() {
            let found = store.load(&id, now).expect("load");
            assert_eq!(found.is_some(), at == other, "{at}, looked for by {other}");
        }
        let marks = config.revocations().expect("a place for marks");
        marks.end(Users::All, None, now).expect("a mark");
        for (other, config) in configs.iter().enumerate() {
            let marks = config.revocations().expect("a place for marks");
            let ended = marks.ended(Some("ada"), now).expect("marks") != Ended::Never;
            assert_eq!(ended, other <= at, "{at}, looked for by {other}");
        }
    }
}

#[test]
fn a_session_in_a_file_of_one_program_is_unknown_to_another() {
    let home = StateDir::new();
    let home = ("HOME", text(home.path()));
    assert_apart(&[home, ("SIGNET_SESSION_TYPE", "filesystem")]);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_session_in_redis_of_one_program_is_unknown_to_another() {
    let server = RedisServer::start(&[]);
    let url = server.url();
    let redis = ("SIGNET_SESSION_REDIS", url.as_str());
    assert_apart(&[redis, ("SIGNET_SESSION_TYPE", "redis")]);
}

#[test]
fn a_programs_own_settings_are_defaults_that_its_owner_overrides() {
    let settings = "SESSION_COOKIE_NAME = \"own\"\nMAX_CONTENT_LENGTH = 7\nDEBUG = true\n";
    let guestbook = program("guestbook", settings);
    let home = StateDir::new();
    let file = "MAX_CONTENT_LENGTH = 8\nDEBUG = false\n";
    home.write(".guestbook/signet.toml", file, 0o600);
    let load = |more: &[(&str, &str)]| {
        let home = [("HOME", text(home.path()))];
        let vars: Vec<_> = home.iter().chain(more).copied().collect();
        let config = load(&guestbook, &vars).expect("settings");
        let name = config.cookie.name.as_str().to_owned();
        (name, config.max_content_length, config.debug)
    };
    assert_eq!(load(&[]), ("own".to_owned(), 8, false));
    let variables = [("SIGNET_SESSION_COOKIE_NAME", "env"), ("SIGNET_DEBUG", "1")];
    assert_eq!(load(&variables), ("env".to_owned(), 8, true));
    // Null: whatever the file says, the program's own setting counts.
    let null = [("SIGNET_MAX_CONTENT_LENGTH", "null")];
    assert_eq!(load(&null), ("own".to_owned(), 7, false));
}

#[test]
fn a_programs_own_state_folder_is_a_default_too() {
    let home = StateDir::new();
    let (own, given) = (home.path().join("own"), home.path().join("given"));
    let settings = format!("STATE_DIR = {:?}\n", text(&own));
    let guestbook = program("guestbook", settings.leak());
    home.write("own/signet.toml", "SESSION_COOKIE_NAME = \"own\"\n", 0o600);
    home.write(
        "given/signet.toml",
        "SESSION_COOKIE_NAME = \"given\"\n",
        0o600,
    );
    let name = |vars: &[(&str, &str)]| {
        let config = load(&guestbook, vars).expect("settings");
        config.cookie.name.as_str().to_owned()
    };
    assert_eq!(name(&[]), "own");
    assert_eq!(name(&[("SIGNET_STATE_DIR", text(&given))]), "given");
}

#[test]
fn a_mistake_in_a_programs_own_settings_is_said_to_be_there() {
    #[rustfmt::skip]
    let cases = [
        ("DEBUG = 1\n", "line 1: DEBUG: expected true or false, but found an integer"),
        ("\nDEBUGG = true\n", "line 2: DEBUGG: unknown setting; did you mean DEBUG?"),
        ("DEBUG true\n", "line 1: "),
        ("\n\nSTATE_DIR = \"here\"\n", "line 3: STATE_DIR: expected an absolute path"),
        ("SESSION_COOKIE_NAME = \"__Host-a\"\nSESSION_COOKIE_SECURE = false\n", "line 1: SESSION_COOKIE_NAME: this prefix needs"),
        ("SECRET_KEY = \"0123456789abcdef0123456789abcdef\"\n", "line 1: SECRET_KEY: is a secret"),
        ("SECRET_KEY_FALLBACKS = []\n", "line 1: SECRET_KEY_FALLBACKS: is a secret"),
        ("SESSION_REDIS = \"redis://:hunter22@127.0.0.1\"\n", "line 1: SESSION_REDIS: is a secret"),
    ];
    let home = StateDir::new();
    for (settings, want) in cases {
        let vars = [("HOME", text(home.path()))];
        let err = load(&program("guestbook", settings), &vars).expect_err(settings);
        let want = format!("in the program's own settings, {want}");
        assert!(err.starts_with(&want), "{err}");
        assert!(!err.contains("hunter22"), "{err}");
    }
}
