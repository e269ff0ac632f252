//! The login by a worker that lives longer than a request.

use std::fs::{self, File};
use std::thread::available_parallelism;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, flock};

use super::{ADA, ADA_CHANGED, PASSWORD, WRONG, state_of};
use crate::fastcgi::{Params, asks, exchange, index, login, with};
use crate::support::StateDir;
use crate::support::application::{Application, program_at, wait_until};
use crate::support::fastcgi::Client;
use crate::support::response::Response;

fn attempt(client: &mut Client, name: &str, password: &str) -> Response {
    let fields = [("username", name), ("password", password)];
    let form = serde_urlencoded::to_string(fields).expect("a form");
    exchange(client, 1, &login(&form), form.as_bytes())
}

#[track_caller]
fn cookie(response: &Response) -> Params {
    assert_eq!(response.status, 303, "{}", response.text());
    let cookie = response.cookie("session").expect("a cookie").value;
    with(index(), "HTTP_COOKIE", format!("session={cookie}"))
}

fn log(worker: &Application) -> String {
    String::from_utf8(worker.end().stderr).expect("UTF-8")
}

/// Every request sees the file as it is then.
#[test]
fn a_worker_sees_each_change_of_the_users_file() {
    let state = state_of(ADA);
    let users = state.path().join("users");
    let worker = Application::worker(&mut program_at(&state));
    let client = &mut worker.connect();
    assert_eq!(attempt(client, "ada", WRONG).status, 403);
    assert_eq!(attempt(client, "nobody", WRONG).status, 403);
    let ada = cookie(&attempt(client, "ada", PASSWORD));
    let mut page = |params: &Params| exchange(client, 1, params, b"");
    assert!(page(&ada).words().contains("Logged in as ada"));
    assert!(page(&index()).words().contains("You are not logged in"));

    state.write("users", ADA_CHANGED, 0o600);
    assert!(page(&ada).words().contains("You are not logged in"));
    fs::remove_file(&users).expect("remove it");
    for params in [&ada, &asks("GET", "/login")] {
        let response = page(params);
        assert_eq!(response.status, 503);
        assert!(response.cookies().is_empty());
    }
    state.write("users", ADA, 0o600);
    assert!(page(&ada).words().contains("Logged in as ada"));
    assert_eq!(attempt(client, "ada", "battery staple").status, 403);

    let log = log(&worker);
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("login")).collect();
    let wanted = [
        "signet: failed login of \"ada\" from 192.0.2.7",
        "signet: failed login from 192.0.2.7",
        "signet: login of \"ada\" from 192.0.2.7",
        "signet: failed login of \"ada\" from 192.0.2.7",
    ];
    assert_eq!(lines, wanted, "{log}");
    assert_eq!(log.matches("does not exist any more").count(), 2, "{log}");
    assert!(!log.contains(WRONG) && !log.contains("nobody"), "{log}");
}

#[test]
fn workers_count_failures_together() {
    let state = state_of(ADA);
    let workers = [(); 2].map(|()| Application::worker(&mut program_at(&state)));
    let statuses: Vec<u16> = (0..6)
        .map(|number| attempt(&mut workers[number % 2].connect(), "ada", WRONG).status)
        .collect();
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429]);
    let limited = attempt(&mut workers[0].connect(), "ada", PASSWORD);
    assert_eq!(limited.status, 429);
    assert_eq!(limited.header("Retry-After"), Some("1"));
    let log = log(&workers[0]);
    let line = "signet: login limited for 1 s: \"ada\" from 192.0.2.7";
    assert_eq!(log.lines().last(), Some(line), "{log}");
}

/// Takes all slots for password hashes.
fn all_slots(state: &StateDir) -> Vec<File> {
    let processors = available_parallelism().expect("processors").get();
    let numbers = 1..=(processors - 1).max(1);
    let slots = numbers.map(|number| {
        let path = state.write(&format!("hash_slots/{number}"), "", 0o600);
        let file = File::open(path).expect("open it");
        flock(&file, FlockOperation::NonBlockingLockExclusive).expect("lock it");
        file
    });
    slots.collect()
}

/// Its other visitors would wait, too.
#[test]
fn a_worker_does_not_wait_for_other_logins() {
    let state = state_of(ADA);
    let slots = all_slots(&state);
    let worker = Application::worker(&mut program_at(&state));
    let client = &mut worker.connect();
    let began = Instant::now();
    for _ in 0..12 {
        let busy = attempt(client, "ada", PASSWORD);
        assert_eq!(busy.status, 429);
        assert_eq!(busy.header("Retry-After"), Some("1"));
    }
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    drop(slots);
    // None of them was counted. Processes that other tests start hold the locks for a
    // moment: from their fork to their exec.
    wait_until("a login", || attempt(client, "ada", PASSWORD).status == 303);
    let log = log(&worker);
    let line = "signet: login limited for 1 s: \"ada\" from 192.0.2.7";
    let count = log.lines().filter(|found| *found == line).count();
    assert!(count >= 12, "{log}");
}

/// One hash for each request of the form.
#[test]
fn a_worker_takes_an_upload_line_by_line() {
    let state = state_of(ADA);
    let path = state.write("add_users.txt", "bob:pass word\neve:other word\n", 0o600);
    let file = File::options().write(true).open(&path).expect("open it");
    let then = SystemTime::now() - Duration::from_secs(20);
    file.set_modified(then).expect("set its time");
    let worker = Application::worker(&mut program_at(&state));
    let client = &mut worker.connect();
    for _ in 0..4 {
        assert_eq!(exchange(client, 1, &asks("GET", "/login"), b"").status, 200);
    }
    let log = log(&worker);
    let wanted = "signet: add_users.txt: added the user \"bob\"\n\
                  signet: add_users.txt: lines left for the next requests for the login page: 1\n\
                  signet: add_users.txt: added the user \"eve\"\n";
    assert_eq!(log, wanted);
    assert!(!path.exists());
}
