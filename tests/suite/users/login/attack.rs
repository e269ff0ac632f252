//! Fifty processes at once, and the owner of the attacked name meanwhile. `tests/bench
//! --only logins` has more: 10 000 names from 10 000 addresses.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::{ADA, PASSWORD, WRONG, state_of};
use crate::deploy::static_program;
use crate::support::redis::RedisServer;
use crate::support::{Cgi, StateDir};

const PROCESSES: usize = 50;

/// A site whose counters are in files, or in Redis.
struct Site {
    state: StateDir,
    redis: Option<String>,
}

impl Site {
    /// The status of an attempt.
    fn attempt(&self, name: &str, address: &str, password: &str, known: Option<&str>) -> u16 {
        let response = self.request(name, address, password, known).run();
        response.response().status
    }

    fn request(&self, name: &str, address: &str, password: &str, known: Option<&str>) -> Cgi {
        let fields = [("username", name), ("password", password)];
        let form = serde_urlencoded::to_string(fields).expect("a form");
        let request = Cgi::post("/login", form)
            .program(static_program())
            .state(&self.state)
            .var("REMOTE_ADDR", address);
        let request = match &self.redis {
            Some(url) => request.var("SIGNET_SESSION_REDIS", url),
            None => request,
        };
        match known {
            Some(token) => request.cookie(format!("session_known={token}")),
            None => request,
        }
    }

    /// How many of fifty attempts at the same time are admitted, and how long they take.
    fn admitted(&self, who: impl Fn(usize) -> (String, String) + Sync) -> (usize, Duration) {
        let barrier = Barrier::new(PROCESSES);
        let attempt = |number| {
            let (name, address) = who(number);
            barrier.wait();
            match self.attempt(&name, &address, WRONG, None) {
                403 => 1,
                429 => 0,
                status => panic!("{status}"),
            }
        };
        let began = Instant::now();
        let admitted = thread::scope(|scope| {
            let attempt = &attempt;
            let all = (0..PROCESSES).map(|number| scope.spawn(move || attempt(number)));
            let all: Vec<_> = all.collect();
            let outcomes = all.into_iter().map(|one| one.join().expect("an outcome"));
            outcomes.sum()
        });
        (admitted, began.elapsed())
    }
}

/// Asserts that of fifty attempts these are free: one more after a second, when the first
/// wait is over, another one after three, and so on.
#[track_caller]
fn assert_free(site: &Site, free: usize, who: impl Fn(usize, usize) -> (String, String) + Sync) {
    for round in 0..3 {
        let (admitted, time) = site.admitted(|number| who(round, number));
        let more = (time.as_secs() + 1).ilog2() as usize;
        assert!(admitted <= free + more, "{admitted} of {free}, {time:?}");
        // One that waits for other hashes for two seconds is taken back.
        if time < Duration::from_secs(2) {
            assert!(admitted >= free, "{admitted} of {free}, {time:?}");
            return;
        }
    }
}

fn attack(redis: Option<String>) {
    let site = Site {
        state: state_of(ADA),
        redis,
    };
    let login = site.request("ada", "192.0.2.200", PASSWORD, None).run();
    let login = login.response();
    assert_eq!(login.status, 303);
    let known = login.cookie("session_known").expect("a cookie").value;

    let one = |round, _| (format!("nobody {round}"), format!("192.0.2.{round}"));
    assert_free(&site, 5, one);
    let addresses = |round, number| (format!("one {round}"), format!("198.51.{round}.{number}"));
    assert_free(&site, 10, addresses);
    let names = |round, number| {
        (
            format!("name {round} {number}"),
            format!("203.0.113.{round}"),
        )
    };
    assert_free(&site, 30, names);

    // The same at the owner's name: others have to wait, even with the right password.
    let is_limited = (0..5).any(|round| {
        site.admitted(|number| ("ada".to_owned(), format!("198.18.{round}.{number}")));
        site.attempt("ada", &format!("192.0.2.{round}"), PASSWORD, None) == 429
    });
    assert!(is_limited);
    let owner = |_| site.attempt("ada", "192.0.2.201", PASSWORD, Some(&known));
    assert_eq!([(); 3].map(owner), [303; 3]);
}

#[test]
#[ignore = "needs the static program: run tests/run"]
fn fifty_processes_have_no_free_attempt_and_the_owner_logs_in() {
    attack(None);
}

#[test]
#[ignore = "needs the static program and redis-server: run tests/run"]
fn fifty_processes_have_no_free_attempt_in_redis() {
    let server = RedisServer::start(&[]);
    attack(Some(server.url()));
}
