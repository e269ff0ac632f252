//! A users file that cannot be used: nobody gets in, and nobody is logged out.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use signet::testing::{Client, Response};

use super::super::places::{ALICE, MALLORY, ROOT};
use super::bound::elsewhere_with as elsewhere;
use super::{
    ADA, PASSWORD, REFUSED, WRONG, attempt, browser, log_in, post, server, state_of, user,
};
use crate::live::site::{Site, User};
use crate::support::html::words;
use crate::support::{Cgi, StateDir};

type Break = fn(&Path);

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("write");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

#[rustfmt::skip]
const FAULTS: [(&str, Break, &str); 7] = [
    ("absent",        |_| {},                                                         "does not exist any more"),
    ("a folder",      |path| fs::create_dir(path).expect("mkdir"),                    "not a regular file"),
    ("a pipe",        |path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).expect("mkfifo"), "not a regular file"),
    ("too large",     |path| fs::File::create(path).expect("make").set_len(17 << 20).expect("grow"), "larger than 16777216 bytes"),
    ("writable",      |path| write(path, ADA, 0o602),                                 "written by other users"),
    ("a loop",        |path| symlink("users", path).expect("link"),                   "users"),
    ("a broken link", |path| symlink("nowhere", path).expect("link"),                 "users"),
];

/// A 503 that tells the owner why, and takes no cookie.
#[track_caller]
fn assert_unavailable(name: &str, response: &Response, reason: &str) {
    let text = response.text();
    assert_eq!(response.status, 503, "{name}: {text}");
    assert!(
        response.log.contains("users file: "),
        "{name}: {}",
        response.log
    );
    assert!(response.log.contains(reason), "{name}: {}", response.log);
    assert_eq!(response.log.lines().count(), 1, "{name}: {}", response.log);
    assert_eq!(response.headers.get("set-cookie"), None, "{name}");
    let text = words(&text);
    assert!(
        text.contains("cannot read its list of users"),
        "{name}: {text}"
    );
    assert!(!text.contains("ogged in as"), "{name}: {text}");
    assert!(!text.contains("not logged in"), "{name}: {text}");
    assert!(!text.contains("any name is accepted"), "{name}: {text}");
}

#[test]
fn a_users_file_that_cannot_be_read_ends_no_session() {
    for kind in ["cookie", "filesystem"] {
        for (name, make, reason) in FAULTS {
            let name = format!("{kind}: {name}");
            let (server, state) = (server(), state_of(ADA));
            let users = state.path().join("users");
            let mut ada = browser(&server, &state).setting("SESSION_TYPE", kind);
            log_in(&mut ada, "ada", PASSWORD);
            fs::remove_file(&users).expect("remove it");
            make(&users);

            let mut stranger = browser(&server, &state).setting("SESSION_TYPE", kind);
            for response in [
                ada.get("/"),
                ada.get("/login"),
                ada.get("/password"),
                post(&mut ada, &[("username", "ada")]),
                attempt(&mut ada, "ada", PASSWORD),
                stranger.get("/login"),
                post(&mut stranger, &[("username", "ada")]),
                attempt(&mut stranger, "ada", PASSWORD),
                attempt(&mut stranger, "", ""),
            ] {
                assert_unavailable(&name, &response, reason);
            }
            assert_eq!(user(&mut stranger), None, "{name}");

            match users.is_dir() {
                true => fs::remove_dir(&users).expect("rmdir"),
                false => drop(fs::remove_file(&users)),
            }
            state.write("users", ADA, 0o600);
            assert_eq!(user(&mut ada).as_deref(), Some("ada"), "{name}");
        }
    }
}

/// The browser forgets the session, and the store does. What else is in it stays.
#[test]
fn a_logout_works_without_the_users_file() {
    for kind in ["cookie", "filesystem"] {
        for (name, make, reason) in FAULTS {
            for (method, has_more) in [("GET", false), ("POST", false), ("POST", true)] {
                let name = format!("{kind}: {name}, {method}, {has_more}");
                let (server, state) = (server(), state_of(ADA));
                let users = state.path().join("users");
                let mut ada = browser(&server, &state).setting("SESSION_TYPE", kind);
                log_in(&mut ada, "ada", PASSWORD);
                if has_more {
                    assert_eq!(elsewhere("/put", &state, kind, &mut ada), "put");
                }
                let old = ada.cookie("session").expect("a cookie").to_owned();
                fs::remove_file(&users).expect("remove it");
                make(&users);

                let response = match method {
                    "GET" => ada.get("/logout"),
                    _ => ada.post("/logout", &[]),
                };
                assert_eq!(response.status, 303, "{name}: {}", response.text());
                assert!(response.log.contains(reason), "{name}: {}", response.log);
                assert_eq!(response.log.lines().count(), 1, "{name}: {}", response.log);
                assert_eq!(ada.cookie("session").is_some(), has_more, "{name}");
                assert_eq!(user(&mut ada), None, "{name}");

                match users.is_dir() {
                    true => fs::remove_dir(&users).expect("rmdir"),
                    false => drop(fs::remove_file(&users)),
                }
                state.write("users", ADA, 0o600);
                assert_eq!(user(&mut ada), None, "{name}");
                if has_more {
                    assert_eq!(elsewhere("/show", &state, kind, &mut ada), "cart", "{name}");
                }
                if kind == "filesystem" {
                    ada.set_cookie("session", &old);
                    assert_eq!(user(&mut ada), None, "{name}: it is deleted");
                }
            }
        }
    }
}

/// No mark is set for a name that may be anybody's.
#[test]
fn without_the_users_file_a_logout_everywhere_is_one_here() {
    let (server, state) = (server(), state_of(ADA));
    let mut ada = browser(&server, &state);
    let mut phone = browser(&server, &state);
    log_in(&mut ada, "ada", PASSWORD);
    log_in(&mut phone, "ada", PASSWORD);
    fs::remove_file(state.path().join("users")).expect("remove it");
    assert_eq!(ada.post("/logout", &[("everywhere", "1")]).status, 303);
    let page = ada.get("/");
    assert_eq!(page.status, 200, "{}", page.log);
    assert!(words(&page.text()).contains("logged out in this browser only"));
    state.write("users", ADA, 0o600);
    assert_eq!(user(&mut ada), None);
    assert_eq!(user(&mut phone).as_deref(), Some("ada"));
}

/// A new file, or one whose upload goes on: the page says more than that a password is wrong.
#[test]
fn a_file_without_users_is_named() {
    let utf_16 = format!("\u{feff}{ADA}");
    let utf_16 = utf_16.encode_utf16().flat_map(u16::to_le_bytes);
    #[rustfmt::skip]
    let cases = [
        // name        bytes                          in the log
        ("empty",      Vec::new(),                    "users has no users: add one by add_users.txt"),
        ("comments",   b"# ada\n\n# bob:x\n".into(),  "users has no users: add one by add_users.txt"),
        ("UTF-16",     utf_16.collect(),              "users has no users (line 1: "),
    ];
    for (name, bytes, reason) in cases {
        let (server, state) = (server(), state_of(ADA));
        let mut ada = browser(&server, &state);
        log_in(&mut ada, "ada", PASSWORD);
        state.write("users", bytes, 0o600);
        for response in [
            ada.get("/login"),
            attempt(&mut ada, "ada", PASSWORD),
            browser(&server, &state).get("/login"),
        ] {
            let text = words(&response.text());
            assert_eq!(response.status, 503, "{name}: {text}");
            assert!(response.log.contains(reason), "{name}: {}", response.log);
            assert_eq!(response.log.lines().count(), 1, "{name}: {}", response.log);
            for part in ["the users file of this site has no users", "NAME:PASSWORD"] {
                assert!(text.contains(part), "{name}: {text}");
            }
        }
        // Whose user is removed is not logged in.
        assert_eq!(user(&mut ada), None, "{name}");
        // A user who cannot log in is a user.
        state.write("users", REFUSED, 0o600);
        assert_eq!(attempt(&mut ada, "des", PASSWORD).status, 403, "{name}");
    }
}

/// As on a host where programs run as the web server's user, with the key in the settings.
#[test]
fn without_a_state_folder_a_named_file_makes_logins_work() {
    let (server, folder) = (server(), StateDir::new());
    let path = folder.write("passwd", ADA, 0o644);
    let mut ada = Client::new(&server)
        .setting("USERS_FILE", &path)
        .without_redirects();
    let reason = "failed logins cannot be counted, so there is one attempt at a time, a second \
                  each: no state folder";
    for (password, status) in [(WRONG, 403), (PASSWORD, 303)] {
        let began = Instant::now();
        let response = ada.post("/login", &[("username", "ada"), ("password", password)]);
        assert_eq!(response.status, status, "{}", response.text());
        assert!(response.log.contains(reason), "{}", response.log);
        assert!(began.elapsed() >= Duration::from_secs(1), "{password}");
    }
    assert_eq!(user(&mut ada).as_deref(), Some("ada"));
    // One at a time.
    let other = fs::File::open(&path).expect("open it");
    other.lock().expect("lock it");
    let response = ada.post("/login", &[("username", "ada"), ("password", PASSWORD)]);
    assert_eq!(response.status, 429, "{}", response.text());
    assert_eq!(response.header("Retry-After"), Some("1"));
    // A folder that a setting names is a fault.
    let mut ada = Client::new(&server)
        .setting("USERS_FILE", &path)
        .setting("STATE_DIR", "/tmp/signet");
    let response = ada.post("/login", &[("username", "ada"), ("password", PASSWORD)]);
    assert_eq!(response.status, 503, "{}", response.text());
}

/// No login would last.
#[test]
fn a_cookie_that_does_not_come_back_is_a_fault() {
    let server = server();
    for state in [&state_of(ADA), &StateDir::new()] {
        let mut ada = browser(&server, state).setting("SESSION_COOKIE_PATH", "/members");
        for response in [ada.get("/login"), attempt(&mut ada, "ada", PASSWORD)] {
            let text = words(&response.text());
            assert_eq!(response.status, 503, "{text}");
            assert!(text.contains("The setting SESSION_COOKIE_PATH"), "{text}");
            let reason = "SESSION_COOKIE_PATH /members does not fit the path of this site \"/\"";
            assert!(response.log.contains(reason), "{}", response.log);
            assert_eq!(response.headers.get("set-cookie"), None);
        }
    }
}

/// `USERS_FILE` says by itself that there is to be a file.
#[test]
fn a_file_that_a_setting_names_has_to_exist() {
    let (server, state) = (server(), StateDir::new());
    let path = state.path().join("passwd");
    let mut browser = browser(&server, &state).setting("USERS_FILE", &path);
    let reason = "does not exist, but USERS_FILE names it";
    for response in [
        browser.get("/login"),
        post(&mut browser, &[("username", "ada")]),
        attempt(&mut browser, "ada", PASSWORD),
    ] {
        assert_unavailable("missing", &response, reason);
        let text = words(&response.text());
        assert!(
            text.contains("that the setting USERS_FILE names does not exist"),
            "{text}"
        );
    }
    state.write("passwd", ADA, 0o644);
    log_in(&mut browser, "ada", PASSWORD);
    fs::remove_file(&path).expect("remove it");
    assert_unavailable("removed", &browser.get("/"), reason);
}

/// An upload of the settings may delete them before it writes them.
#[test]
fn without_the_setting_a_named_file_is_no_reason_for_the_demo() {
    let (server, state) = (server(), StateDir::new());
    let path = state.write("passwd", ADA, 0o644);
    let mut ada = browser(&server, &state).setting("USERS_FILE", path);
    log_in(&mut ada, "ada", PASSWORD);
    let mut eve = browser(&server, &state);
    let response = post(&mut eve, &[("username", "eve")]);
    assert_unavailable("no setting", &response, "does not exist any more");
}

/// The one in the state folder is not used instead.
#[test]
fn a_setting_takes_the_place_of_the_file_in_the_state_folder() {
    let (server, state) = (server(), state_of(ADA));
    let path = state.write("passwd", "bob:{SHA}x\n", 0o644);
    let mut browser = browser(&server, &state).setting("USERS_FILE", path);
    assert_eq!(attempt(&mut browser, "ada", PASSWORD).status, 403);
}

#[test]
fn a_marker_that_cannot_be_used_is_a_fault() {
    for users in [Some(ADA), None] {
        let (server, state) = (server(), StateDir::new());
        fs::create_dir(state.path().join("users.seen")).expect("mkdir");
        if let Some(text) = users {
            state.write("users", text, 0o600);
        }
        let response = browser(&server, &state).get("/login");
        assert_unavailable("a folder", &response, "users.seen: is not a regular file");
        assert!(response.log.contains("set USERS_FILE"), "{}", response.log);
    }
}

/// What the program answers as `user`.
fn run_as(user: User, site: &Site, request: Cgi) -> crate::support::Output {
    let (uid, gid) = (
        format!("--reuid={}", user.uid),
        format!("--regid={}", user.gid),
    );
    request
        .program(site.path().join("signet"))
        .var("SIGNET_STATE_DIR", site.path().join("state"))
        .through(&["/usr/bin/setpriv", &uid, &gid, "--clear-groups"])
        .run()
}

fn site(folder: User, folder_mode: u32, users: User, mode: u32) -> Site {
    let site = Site::new();
    site.program("signet", ROOT);
    site.folder("state", folder, folder_mode);
    site.file("state/users", ADA, users, mode);
    site
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_file_of_another_user_is_a_fault() {
    let (server, state) = (server(), state_of(ADA));
    let mut ada = browser(&server, &state);
    log_in(&mut ada, "ada", PASSWORD);
    let cookie = format!("session={}", ada.cookie("session").expect("a cookie"));
    let cookie = &cookie;
    #[rustfmt::skip]
    let cases = [
        // name                  folder  mode   users    mode   words
        ("mallory's",            ALICE,  0o700, MALLORY, 0o644, "belongs to another user"),
        ("unreadable",           ALICE,  0o700, ALICE,   0o200, "cannot be read"),
        ("root's, not readable", ALICE,  0o700, ROOT,    0o600, "ermission"),
        ("no marker",            ALICE,  0o500, ALICE,   0o600, "set USERS_FILE to the path"),
        ("another's folder",     ROOT,   0o755, ROOT,    0o644, "belongs to another user"),
    ];
    for (name, folder, folder_mode, users, mode, reason) in cases {
        let site = site(folder, folder_mode, users, mode);
        let form = format!("username=ada&password={}", PASSWORD.replace(' ', "+"));
        for request in [
            Cgi::get("/login"),
            Cgi::get("/").cookie(cookie),
            Cgi::post("/login", "username=ada"),
            Cgi::post("/login", form),
        ] {
            let out = run_as(ALICE, &site, request);
            let log = out.errors();
            let response = out.response();
            assert_eq!(response.status, 503, "{name}: {out}");
            assert!(log.contains(reason), "{name}: {log}");
            assert!(response.cookies().is_empty(), "{name}");
        }
    }
}

/// Where the folder cannot be written, the setting stands in for the marker.
#[test]
#[ignore = "needs root: run tests/run"]
fn without_a_writable_folder_a_setting_makes_logins_work() {
    let site = site(ALICE, 0o500, ALICE, 0o600);
    let form = format!("username=ada&password={}", PASSWORD.replace(' ', "+"));
    let request =
        Cgi::post("/login", form).var("SIGNET_USERS_FILE", site.path().join("state/users"));
    let out = run_as(ALICE, &site, request);
    assert_eq!(out.response().status, 303, "{out}");
    let log = out.errors();
    assert!(log.contains("login of \"ada\" from 192.0.2.7"), "{log}");
    assert!(log.contains("failed logins cannot be counted"), "{log}");
}
