//! `add_users.txt` and the page of the login, which takes its lines.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use signet::testing::Client;

use super::{ADA, PASSWORD, attempt, browser, log_in, post, server, state_of, user};
use crate::support::{StateDir, now};

/// Uploads lines, `age` seconds ago.
fn upload(state: &StateDir, text: &str, age: u64) {
    let path = state.write("add_users.txt", text, 0o600);
    let file = File::options().write(true).open(path).expect("open it");
    let then = SystemTime::now() - Duration::from_secs(age);
    file.set_modified(then).expect("set its time");
}

fn exists(state: &StateDir) -> bool {
    state.path().join("add_users.txt").exists()
}

fn today<'s>(server: &'s signet::Server<'s>, state: &StateDir) -> Client<'s> {
    let mut browser = browser(server, state);
    browser.set_now(now());
    browser
}

#[test]
fn a_visit_of_the_form_adds_users() {
    let (server, state) = (server(), StateDir::new());
    upload(&state, "ada:correct horse\n", 20);
    let mut browser = today(&server, &state);
    // Other pages do not.
    assert_eq!(user(&mut browser), None);
    assert!(exists(&state));
    let page = browser.get("/login");
    assert_eq!(page.status, 200);
    assert_eq!(page.log, "signet: add_users.txt: added the user \"ada\"\n");
    assert!(page.text().contains("name=\"password\""), "{}", page.text());
    assert!(!exists(&state));
    log_in(&mut browser, "ada", PASSWORD);
    // The same line again: another salt, so the session ends.
    upload(&state, "ada:battery staple\n", 20);
    let page = today(&server, &state).get("/login");
    assert_eq!(
        page.log,
        "signet: add_users.txt: changed the password of \"ada\"\n"
    );
    assert_eq!(user(&mut browser), None);
    assert_eq!(attempt(&mut browser, "ada", PASSWORD).status, 403);
    log_in(&mut browser, "ada", "battery staple");
}

#[test]
fn the_log_names_the_user_of_a_weak_password() {
    let (server, state) = (server(), StateDir::new());
    upload(&state, "ada:password123\n", 20);
    let page = today(&server, &state).get("/login");
    let (added, weak) = page.log.split_once('\n').expect("two lines");
    assert_eq!(added, "signet: add_users.txt: added the user \"ada\"");
    assert!(
        weak.contains("the password of \"ada\" is easy to guess"),
        "{weak}"
    );
    assert!(!page.log.contains("password123"), "{}", page.log);
}

/// The demo never accepts a name while there is an upload that can be taken.
#[test]
fn a_posted_form_takes_an_upload_first() {
    let (server, state) = (server(), StateDir::new());
    upload(&state, "ada:correct horse\n", 20);
    let mut browser = today(&server, &state);
    let response = post(&mut browser, &[("username", "eve")]);
    assert_eq!(response.status, 400, "{}", response.text());
    assert_eq!(user(&mut browser), None);
}

#[test]
fn lines_that_cannot_be_used_are_logged_without_their_password() {
    let (server, state) = (server(), state_of(ADA));
    upload(&state, "# users\nno colon\n:secret-zq\nbob:\n", 20);
    let page = today(&server, &state).get("/login");
    assert_eq!(page.status, 200);
    let lines: Vec<&str> = page.log.lines().collect();
    assert_eq!(lines.len(), 3, "{}", page.log);
    for (line, number) in lines.iter().zip(2..) {
        let start = format!("signet: add_users.txt, line {number}: ");
        assert!(line.starts_with(&start), "{}", page.log);
    }
    assert!(!page.log.contains("secret-zq"), "{}", page.log);
    assert!(exists(&state));
    // What is said once is a comment from then on.
    assert_eq!(today(&server, &state).get("/login").log, "");
}

/// Not yet complete: nothing happens, and nobody waits.
#[test]
fn an_upload_that_goes_on_is_left_alone() {
    let (server, state) = (server(), state_of(ADA));
    for (text, age, most) in [("bob:pass word\n", 2, 8), ("bob:pass word", 20, 40)] {
        upload(&state, text, age);
        let page = today(&server, &state).get("/login");
        assert_eq!(page.status, 200, "{text:?}");
        let said = "signet: add_users.txt was not read: its upload may go on; open the login page \
                    again in ";
        let seconds = page
            .log
            .strip_prefix(said)
            .unwrap_or_else(|| panic!("{}", page.log));
        let seconds: u64 = seconds.trim_end_matches(" s\n").parse().expect("seconds");
        assert!((1..=most).contains(&seconds), "{text:?}: {seconds}");
        assert!(exists(&state), "{text:?}");
    }
}

#[test]
fn a_wrong_name_of_the_file_is_logged() {
    let (server, state) = (server(), state_of(ADA));
    state.write("add_users.txt.txt", "bob:pass word\n", 0o600);
    let mut browser = today(&server, &state);
    let log = browser.get("/login").log;
    assert_eq!(
        log,
        "signet: add_users.txt.txt is not read: rename it to add_users.txt\n"
    );
    log_in(&mut browser, "ada", PASSWORD);
}

/// The log says why; logins work as before.
#[test]
fn an_upload_that_cannot_be_taken_disturbs_no_login() {
    let (server, state) = (server(), state_of(ADA));
    fs::create_dir(state.path().join("add_users.txt")).expect("mkdir");
    let mut browser = today(&server, &state);
    let page = browser.get("/login");
    assert_eq!(page.status, 200);
    assert!(
        page.log.starts_with("signet: add_users.txt was not read: "),
        "{}",
        page.log
    );
    assert_eq!(page.log.lines().count(), 1, "{}", page.log);
    log_in(&mut browser, "ada", PASSWORD);
}
