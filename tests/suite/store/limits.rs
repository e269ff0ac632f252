//! A machine that gives too little: no room, no descriptors, nothing to write
//! to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use signet::session::SessionId;
use signet::session::store::{Files, Store};

use super::contract::record;
use crate::support::invariants::{Allowed, NOTHING, assert_holds};
use crate::support::response::Response;
use crate::support::token::{Signer, encode};
use crate::support::{Cgi, Output, StateDir, now, tested_program};

const EVERYTHING: Allowed = Allowed {
    cookie: true,
    state: true,
};

/// Root without its rights over files: a user like any other.
const PLAIN: [&str; 2] = ["/usr/bin/setpriv", "--bounding-set=-all"];

pub(super) fn on_site(state: &StateDir, request: Cgi) -> Cgi {
    request
        .var("SIGNET_SESSION_TYPE", "filesystem")
        .state(state)
}

pub(super) fn login(state: &StateDir) -> Cgi {
    on_site(state, Cgi::post("/login", "username=ada"))
}

pub(super) fn index(state: &StateDir, cookie: &str) -> Cgi {
    on_site(state, Cgi::get("/")).cookie(format!("session={cookie}"))
}

fn logout(state: &StateDir, cookie: &str) -> Cgi {
    on_site(state, Cgi::post("/logout", "")).cookie(format!("session={cookie}"))
}

#[track_caller]
fn assert_logged_in(name: &str, request: Cgi) -> Output {
    let out = request.run();
    let response = assert_holds(name, &out, EVERYTHING);
    assert_eq!(response.status, 200, "{name}: {out}");
    assert!(
        response.text().contains("Logged in as ada"),
        "{name}: {out}"
    );
    out
}

/// Asserts a 503 that says why, and nothing else.
#[track_caller]
fn assert_refused(name: &str, request: Cgi) -> Response {
    let out = request.run();
    let folders = Allowed {
        state: true,
        ..NOTHING
    };
    let response = assert_holds(name, &out, folders);
    assert_eq!(response.status, 503, "{name}: {out}");
    let (before, after) = (out.before.without_folders(), out.after.without_folders());
    assert_eq!(before, after, "{name}");
    assert!(response.header("Retry-After").is_some(), "{name}");
    assert_eq!(out.errors().lines().count(), 1, "{name}: {out}");
    response
}

#[track_caller]
pub(super) fn cookie_of(name: &str, request: Cgi) -> String {
    let out = request.run();
    let response = assert_holds(name, &out, EVERYTHING);
    assert_eq!(response.status, 303, "{name}: {out}");
    response.cookie("session").expect("a cookie").value
}

pub(super) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// Every folder of `dir`, itself last.
fn chmod_folders(dir: &Path, mode: u32) {
    for entry in fs::read_dir(dir).expect("list it") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            chmod_folders(&path, mode);
        }
    }
    chmod(dir, mode);
}

/// A session that nobody used for four days: the next request writes it anew.
fn aged(state: &StateDir) -> String {
    let cookie = encode([7; 32]);
    let id = SessionId::parse(&cookie).expect("an id");
    let dir = state.path().join("sessions");
    let store = Files::new(&dir, geteuid().as_raw(), 2_678_400).expect("a trusted path");
    let ada = record(now() - 345_600, r#"{"username":"ada"}"#);
    store.create(&id, &ada).expect("create");
    cookie
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_read_only_folder_still_shows_who_is_logged_in() {
    let state = StateDir::new();
    let (fresh, aged) = (cookie_of("login", login(&state)), aged(&state));
    let sessions = state.path().join("sessions");
    chmod_folders(&sessions, 0o500);

    let anonymous = index(&state, "").through(&PLAIN).run();
    assert_eq!(assert_holds("anonymous", &anonymous, NOTHING).status, 200);
    let out = assert_logged_in("fresh", index(&state, &fresh).through(&PLAIN));
    assert_eq!(out.errors(), "");
    let out = assert_logged_in("aged", index(&state, &aged).through(&PLAIN));
    assert_eq!(out.errors().lines().count(), 1, "the owner reads it: {out}");
    assert_refused("login", login(&state).through(&PLAIN));
    assert_refused("logout", logout(&state, &fresh).through(&PLAIN));
    assert_logged_in("still", index(&state, &fresh).through(&PLAIN));

    chmod_folders(&sessions, 0o700);
    let out = logout(&state, &fresh).through(&PLAIN).run();
    assert_eq!(assert_holds("logout", &out, EVERYTHING).status, 303);
}

/// A retired key that is of no more use cannot be taken out: nobody minds.
#[test]
#[ignore = "needs root: run tests/run"]
fn a_read_only_folder_with_a_key_of_no_more_use_works() {
    let state = StateDir::new();
    let key = "a-good-key-of-the-site-91c04f7be2";
    state.write("secret_key", key, 0o600);
    state.write(
        "retired_keys",
        format!("1 {}\n", "7be1e79424d8cb243b6f3ae9d235d216"),
        0o600,
    );
    chmod(state.path(), 0o500);
    let out = Cgi::post("/login", "username=ada")
        .without("SIGNET_SECRET_KEY")
        .state(&state)
        .through(&PLAIN)
        .run();
    let response = assert_holds("login", &out, EVERYTHING);
    chmod(state.path(), 0o700);
    assert_eq!(response.status, 303, "{out}");
    let cookie = response.cookie("session").expect("a cookie").value;
    assert!(Signer::with_key(key).read(&cookie).is_some());
}

/// Another process hangs while it holds a lock. This takes the ten seconds after
/// which a request gives up; all wait at the same time.
#[test]
fn no_lock_is_waited_for_without_end() {
    let state = StateDir::new();
    let key = |request: Cgi| request.state(&state).without("SIGNET_SECRET_KEY");
    let click = |cookie: &str| {
        let click = Cgi::post("/logout", "everywhere=1");
        key(click).cookie(format!("session={cookie}"))
    };
    let log_in = || cookie_of("login", key(Cgi::post("/login", "username=ada")));
    assert_eq!(
        click(&log_in()).run().response().status,
        303,
        "the first mark"
    );
    let stored = cookie_of("login", login(&state));
    let id = SessionId::parse(&stored).expect("an id");
    let mark = format!("ended/{}", super::marks::hash("ada"));
    let locked = ["secret_key", &mark, &super::place(&id)].map(|name| {
        let file =
            fs::File::open(state.path().join(name)).unwrap_or_else(|err| panic!("{name}: {err}"));
        file.lock().expect("lock it");
        file
    });
    let patience = Duration::from_secs(60);
    let index = |cookie: &str| key(Cgi::get("/")).cookie(format!("session={cookie}"));
    let ada = log_in();
    let (ada, stored, state) = (&ada, &stored, &state);
    thread::scope(|scope| {
        let rotate = scope.spawn(move || {
            let output = Command::new(tested_program())
                .args(["key", "rotate"])
                .env_clear()
                .env("SIGNET_STATE_DIR", state.path())
                .output();
            output.expect("run signet")
        });
        let click = click(ada).patience(patience);
        let click = scope.spawn(move || click.run());
        let logout = logout(state, stored).patience(patience);
        let logout = scope.spawn(move || logout.run());
        // Meanwhile others wait for nothing.
        let begun = Instant::now();
        assert!(
            index(ada)
                .run()
                .response()
                .text()
                .contains("Logged in as ada")
        );
        cookie_of("bob", key(Cgi::post("/login", "username=bob")));
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );

        let output = rotate.join().expect("a thread");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("locked by another process"), "{said}");
        for request in [click, logout] {
            let out = request.join().expect("a thread");
            assert_eq!(out.response().status, 503, "{out}");
            assert!(out.errors().contains("locked by another process"), "{out}");
        }
    });
    for file in locked {
        file.unlock().expect("unlock it");
    }
    assert!(
        index(ada)
            .run()
            .response()
            .text()
            .contains("Logged in as ada")
    );
    assert_eq!(click(ada).run().response().status, 303);
}

/// A file system of 64 KiB, until it is dropped.
struct Small(PathBuf);

impl Small {
    fn mount(path: PathBuf) -> Self {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "signet-tests"])
            .arg(&path)
            .status();
        assert!(mount.expect("start mount").success(), "mount");
        Self(path)
    }

    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let full = fs::write(&filler, vec![b'x'; 128 * 1024]);
        assert!(full.is_err(), "64 KiB held 128");
        filler
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_full_disk_lets_nobody_in_and_everybody_out() {
    let state = StateDir::new();
    let sessions = state.path().join("sessions");
    fs::create_dir(&sessions).expect("mkdir");
    let small = Small::mount(sessions);
    let (desk, phone) = (
        cookie_of("login", login(&state)),
        cookie_of("login", login(&state)),
    );
    let aged = aged(&state);
    // Somebody has made the folder of marks.
    let bob = cookie_of("bob", on_site(&state, Cgi::post("/login", "username=bob")));
    let everywhere = on_site(&state, Cgi::post("/logout", "everywhere=1"));
    let out = everywhere.cookie(format!("session={bob}")).run();
    assert_eq!(out.response().status, 303, "{out}");
    let filler = small.fill();

    assert_refused("login", login(&state));
    let again = login(&state).cookie(format!("session={desk}"));
    assert_refused("another login", again);
    assert_logged_in("desk", index(&state, &desk));
    let out = assert_logged_in("aged", index(&state, &aged));
    assert_eq!(out.errors().lines().count(), 1, "the owner reads it: {out}");
    let out = logout(&state, &phone).run();
    assert_eq!(
        assert_holds("logout", &out, EVERYTHING).status,
        303,
        "{out}"
    );
    let out = index(&state, &phone).run();
    assert!(out.response().text().contains("not logged in"), "{out}");
    // A mark takes room: it is not said that all are over, if they are not.
    let _ = fs::write(small.0.join("filler too"), vec![b'x'; 8 * 1024]);
    let everywhere = on_site(&state, Cgi::post("/logout", "everywhere=1"));
    assert_refused("everywhere", everywhere.cookie(format!("session={desk}")));
    assert_logged_in("desk", index(&state, &desk));

    fs::remove_file(filler).expect("make room");
    cookie_of("login", login(&state));
}

#[test]
fn a_limit_on_file_sizes_is_an_error_and_no_signal() {
    for limit in [0, 4, 50] {
        let state = StateDir::new();
        let cookie = cookie_of("login", login(&state));
        let prlimit = ["/usr/bin/prlimit", &format!("--fsize={limit}")];
        let name = format!("--fsize={limit}");
        assert_refused(&name, login(&state).through(&prlimit));
        assert_logged_in(&name, index(&state, &cookie).through(&prlimit));
        let out = logout(&state, &cookie).through(&prlimit).run();
        assert_eq!(assert_holds(&name, &out, EVERYTHING).status, 303);
        cookie_of("without a limit", login(&state));
    }
}

#[test]
fn a_limit_on_open_files_is_an_error_page() {
    let mut refused = 0;
    for limit in 3..=16 {
        let state = StateDir::new();
        let old = cookie_of("login", login(&state));
        let prlimit = ["/usr/bin/prlimit", &format!("--nofile={limit}")];
        let name = format!("--nofile={limit}");
        let requests = [
            login(&state),
            login(&state).cookie(format!("session={old}")),
            index(&state, &old),
            logout(&state, &old),
        ];
        for (number, request) in requests.into_iter().enumerate() {
            let out = request.through(&prlimit).run();
            if out.stdout.is_empty() && out.status.code() == Some(127) {
                // The dynamic loader itself has no room.
                assert!(limit < 5, "{name}: {out}");
                continue;
            }
            let response = assert_holds(&name, &out, EVERYTHING);
            let fresh = response.cookie("session").map(|cookie| cookie.value);
            match (number, response.status) {
                (_, 503) => {
                    refused += 1;
                    assert_eq!(fresh, None, "{name}: {out}");
                }
                (0 | 1, 303) => {
                    assert_logged_in(&name, index(&state, &fresh.expect("a cookie")));
                }
                (2, 200) => {}
                (3, 303) => {
                    let out = index(&state, &old).run();
                    assert!(out.response().text().contains("not logged in"), "{name}");
                }
                _ => panic!("{name}, request {number}: {out}"),
            }
        }
    }
    assert!(refused > 0, "no limit was ever met");
}
