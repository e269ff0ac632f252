//! What a session costs: the files that a request looks at, and how little it
//! matters how many sessions there are.

use std::time::{Duration, Instant};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use signet::session::SessionId;
use signet::session::store::{Files, Store};

use super::contract::record;
use super::site::Site;
use crate::support::strace::{Call, calls};
use crate::support::token::encode;
use crate::support::{Cgi, StateDir, now};

/// Sessions in the large store; `SIGNET_TEST_SESSIONS` makes it another number.
const SESSIONS: u64 = 100_000;

/// The calls of a request to the index that name something in `state`.
fn looks(state: &StateDir, kind: &str, cookie: &str) -> Vec<String> {
    let request = Cgi::get("/").var("SIGNET_SESSION_TYPE", kind);
    let request = request.cookie(format!("session={cookie}")).state(state);
    let (calls, out) = calls(request);
    assert_eq!(out.response().status, 200, "{out}");
    let opens = calls.iter().filter(|call| call.name == "openat");
    let folder = state.path().to_str().expect("a path in UTF-8");
    // What is opened in a folder has a relative name.
    let ours = opens
        .filter(|call| call.arguments.contains(folder) || !call.arguments.starts_with("AT_FDCWD"));
    ours.map(|Call { arguments, .. }| arguments.replace(folder, "STATE"))
        .collect()
}

fn log_in(state: &StateDir, kind: &str) -> String {
    let login = Cgi::post("/login", "username=ada").var("SIGNET_SESSION_TYPE", kind);
    let response = login.state(state).run().response();
    response.cookie("session").expect("a cookie").value
}

/// Ends the sessions of somebody else, so that there are marks.
fn mark(state: &StateDir, kind: &str) {
    let bob = Cgi::post("/login", "username=bob").var("SIGNET_SESSION_TYPE", kind);
    let bob = bob.state(state).run().response();
    let bob = bob.cookie("session").expect("a cookie").value;
    let end = Cgi::post("/logout", "everywhere=1").var("SIGNET_SESSION_TYPE", kind);
    let out = end.cookie(format!("session={bob}")).state(state).run();
    assert_eq!(out.response().status, 303, "{out}");
}

/// In cookie mode the mark is one look-up for who is logged in, a folder and a
/// file, and none for others.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_mark_costs_one_look_up_and_anonymous_visitors_none() {
    let state = StateDir::new();
    let ada = log_in(&state, "cookie");
    mark(&state, "cookie");
    let marks = |calls: &[String]| {
        let about = |call: &&String| !call.contains("signet.toml") && !call.contains("templates");
        calls.iter().filter(about).cloned().collect::<Vec<_>>()
    };
    let seen = marks(&looks(&state, "cookie", &ada));
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].contains("STATE/ended"), "{seen:?}");
    assert!(!seen[1].contains("AT_FDCWD"), "{seen:?}");
    assert_eq!(marks(&looks(&state, "cookie", "")), [] as [String; 0]);
}

/// Row S5: whatever the cookie says, no name of its choosing is opened.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_malformed_id_opens_nothing() {
    let state = StateDir::new();
    let good = log_in(&state, "filesystem");
    let nobody = looks(&state, "filesystem", "");
    assert!(looks(&state, "filesystem", &good).len() > nobody.len() + 3);
    for value in ["../x", "..", "/etc/passwd", "a/b", "secret_key", &good[1..]] {
        assert_eq!(looks(&state, "filesystem", value), nobody, "{value}");
    }
}

fn cookie(number: u64) -> String {
    encode(Sha256::digest(number.to_be_bytes()))
}

/// Stores sessions until there are `wanted`.
fn fill(site: &Site, have: u64, wanted: u64) {
    let dir = site.state.path().join("sessions");
    let store = Files::new(dir, geteuid().as_raw(), 2_678_400);
    let anonymous = record(now(), r#"{"cart":"a book"}"#);
    for number in have..wanted {
        let id = SessionId::parse(&cookie(number)).expect("an id");
        store.create(&id, &anonymous).expect("create");
    }
}

/// The median of many requests, first to read a session, then to log in.
fn timed(site: &Site, have: u64) -> [Duration; 2] {
    let median = |mut request: Box<dyn FnMut(u64) + '_>| {
        let mut times: Vec<Duration> = (0..101)
            .map(|number| {
                let begun = Instant::now();
                request(number);
                begun.elapsed()
            })
            .collect();
        times.sort();
        times[50]
    };
    let read = median(Box::new(|number| {
        let mut visitor = site.visitor();
        visitor.cookie = Some(cookie(number * 7919 % have));
        assert!(visitor.visit(now(), |session| session.contains_key("cart")));
    }));
    let login = median(Box::new(|_| {
        let response = site.visitor().post(now(), "/login", "username=ada");
        assert_eq!(response.status, 303);
    }));
    [read, login]
}

#[test]
#[ignore = "takes minutes: run tests/run"]
fn many_sessions_do_not_slow_a_request() {
    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    let many = std::env::var("SIGNET_TEST_SESSIONS");
    let many = many.map_or(SESSIONS, |many| many.parse().expect("a number"));
    fill(&site, 0, 10);
    let few = timed(&site, 10);
    let begun = Instant::now();
    fill(&site, 10, many);
    println!("{many} sessions stored in {:?}", begun.elapsed());
    let times = timed(&site, many);
    println!("read, login: {few:?} with 10, {times:?} with {many}");
    for (few, many) in few.iter().zip(times) {
        // Ten times as long would still be no walk through a folder.
        assert!(many < *few * 10, "{few:?} grew to {many:?}");
    }
}
