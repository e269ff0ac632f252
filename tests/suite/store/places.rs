//! Where sessions may lie, and with which modes, whatever the environment says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use super::limits::{chmod, cookie_of, index, login, on_site};
use crate::support::invariants::{NOTHING, assert_holds};
use crate::support::token::encode;
use crate::support::{Cgi, StateDir};

/// CGI processes inherit the server's umask: 022 as a rule, 0 or 077 on some.
#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["000", "022", "077"] {
        let state = StateDir::new();
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let shell = ["/bin/sh", "-c", &script];
        let cookie = cookie_of(umask, login(&state).through(&shell));
        let other = cookie_of(umask, login(&state).through(&shell));
        let everywhere = on_site(&state, Cgi::post("/logout", "everywhere=1"));
        let everywhere = everywhere.cookie(format!("session={cookie}"));
        assert_eq!(everywhere.through(&shell).run().response().status, 303);
        let fresh = cookie_of(umask, login(&state).through(&shell));
        assert_ne!(fresh, other);
        let snapshot = state.snapshot();
        assert!(snapshot.names().len() >= 6, "{snapshot:?}");
        for name in snapshot.names() {
            let path = state.path().join(name);
            let mode = fs::metadata(&path).expect("stat").permissions().mode();
            let wanted = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode & 0o7777, wanted, "umask {umask}: {name:?}");
        }
    }
}

/// What others may set for us is not where sessions go.
#[test]
fn no_other_variable_moves_the_sessions() {
    let (state, trap) = (StateDir::new(), StateDir::new());
    let mut request = login(&state);
    for name in [
        "TMPDIR",
        "TMP",
        "TEMP",
        "HOME",
        "XDG_STATE_HOME",
        "PWD",
        "OLDPWD",
    ] {
        request = request.var(name, trap.path());
    }
    let request = request
        .var("HTTP_SIGNET_SESSION_FILE_DIR", trap.path())
        .var("SESSION_FILE_DIR", trap.path());
    let script = "cd / && exec \"$0\" \"$@\"";
    cookie_of("variables", request.through(&["/bin/sh", "-c", script]));
    assert_eq!(trap.snapshot().names(), [] as [&Path; 0]);
    assert!(state.path().join("sessions").is_dir());
}

/// What was made of the folder for sessions, and what the owner reads.
type Row = (&'static str, fn(&Path), &'static str);

#[rustfmt::skip]
const PLACES: [Row; 9] = [
    ("a file",         |dir| fs::write(dir, "").expect("write"),                   "sessions"),
    ("mode 707",       |dir| { fs::create_dir(dir).expect("mkdir"); chmod(dir, 0o707); }, "chmod 700"),
    ("mode 702",       |dir| { fs::create_dir(dir).expect("mkdir"); chmod(dir, 0o702); }, "chmod 700"),
    ("mode 777",       |dir| { fs::create_dir(dir).expect("mkdir"); chmod(dir, 0o777); }, "chmod 700"),
    ("mode 1777",      |dir| { fs::create_dir(dir).expect("mkdir"); chmod(dir, 0o1777); }, "chmod 700"),
    ("a link",         |dir| symlink(other(dir), dir).expect("link"),              "link"),
    ("a dead link",    |dir| symlink("nowhere", dir).expect("link"),               "link"),
    ("a link to /tmp", |dir| symlink("/tmp", dir).expect("link"),                  "link"),
    ("a link to it",   |dir| symlink(dir, dir).expect("link"),                     "link"),
];

/// A good folder beside it.
fn other(dir: &Path) -> PathBuf {
    let other = dir.with_file_name("other");
    fs::create_dir(&other).expect("mkdir");
    chmod(&other, 0o700);
    other
}

#[test]
fn a_folder_that_others_may_use_is_no_place_for_sessions() {
    for (name, make, reason) in PLACES {
        let state = StateDir::new();
        make(&state.path().join("sessions"));
        for request in [login(&state), index(&state, &encode([1; 32]))] {
            let out = request.run();
            let response = assert_holds(name, &out, NOTHING);
            assert_eq!(response.status, 503, "{name}: {out}");
            assert!(out.errors().contains(reason), "{name}: {out}");
        }
    }
}

/// The setting, and what is said about it.
#[test]
fn a_setting_for_a_bad_folder_is_refused() {
    let root = StateDir::new();
    let open = root.path().join("open");
    fs::create_dir(&open).expect("mkdir");
    chmod(&open, 0o777);
    let served = root.path().join("served");
    fs::create_dir(&served).expect("mkdir");
    let below_open = open.join("sessions").display().to_string();
    let below_served = served.join("sessions").display().to_string();
    #[rustfmt::skip]
    let rows = [
        ("relative",       "sessions",            "absolute"),
        ("temporary",      "/tmp/sessions",       "temporary"),
        ("in shared memory", "/dev/shm/sessions", "temporary"),
        ("served, by its name", "/var/www/html/sessions", "serves"),
        ("served",         &*below_served,        "serves"),
        ("below an open one", &*below_open,       "other users"),
        ("a file",         "/etc/passwd",         "not a folder"),
        ("below a file",   "/etc/passwd/sessions", "folder"),
    ];
    for (name, dir, reason) in rows {
        let state = StateDir::new();
        for request in [login(&state), index(&state, "")] {
            let out = request
                .var("SIGNET_SESSION_FILE_DIR", dir)
                .var("DOCUMENT_ROOT", &served)
                .run();
            let response = assert_holds(name, &out, NOTHING);
            assert_eq!(response.status, 503, "{name}: {out}");
            assert!(out.errors().contains(reason), "{name}: {out}");
        }
        assert!(!Path::new("/tmp/sessions").exists(), "{name}");
    }
    assert_eq!(root.snapshot().names().len(), 2, "something was made");
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_folder_of_another_user_is_no_place_for_sessions() {
    let state = StateDir::new();
    let cookie = cookie_of("login", login(&state));
    chown(state.path().join("sessions"), Some(65_533), None).expect("chown");
    for request in [login(&state), index(&state, &cookie)] {
        let out = request.run();
        let response = assert_holds("another's", &out, NOTHING);
        assert_eq!(response.status, 503, "{out}");
        assert!(out.errors().contains("another user"), "{out}");
    }
}
