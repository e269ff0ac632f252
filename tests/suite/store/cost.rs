//! What a session costs: the files that a request looks at, and how little it
//! matters how many sessions there are.

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use signet::session::SessionId;
use signet::session::store::{Files, Store};

use super::contract::record;
use super::site::Site;
use crate::support::strace::{Call, calls, injected};
use crate::support::token::encode;
use crate::support::{Cgi, StateDir, now};

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

/// In cookie mode a logged-in visitor's request looks at the folder of marks and
/// two files, however many marks there are, and an anonymous one's at nothing.
#[test]
#[ignore = "needs strace: run tests/run"]
fn marks_cost_two_look_ups_and_anonymous_visitors_none() {
    let state = StateDir::new();
    let ada = log_in(&state, "cookie");
    mark(&state, "cookie");
    for number in 0..50 {
        state.write(&format!("ended/{number:064x}"), "1\n", 0o600);
    }
    let marks = |calls: &[String]| {
        let others = ["signet.toml", "templates", "STATE/users"];
        let about = |call: &&String| !others.iter().any(|other| call.contains(other));
        calls.iter().filter(about).cloned().collect::<Vec<_>>()
    };
    let seen = marks(&looks(&state, "cookie", &ada));
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen[0].contains("STATE/ended"), "{seen:?}");
    assert!(seen[1].contains("\"all\""), "{seen:?}");
    assert!(seen[2].contains(&super::marks::hash("ada")), "{seen:?}");
    assert_eq!(marks(&looks(&state, "cookie", "")), [] as [String; 0]);
}

/// A site on which many have logged out everywhere, as many as there may be, and
/// whose names have the same first byte in their hash.
fn crowd(state: &StateDir) {
    let mut lines = String::new();
    for number in 0..99_000 {
        lines.push_str(&format!("{number:064x}\n"));
    }
    let now = now();
    let list = format!("ended/lists/invented-{}-{}", now - 10, now + 100_000);
    state.write(&list, lines, 0o600);
    let first = &super::marks::hash("ada")[..2];
    for number in 0..2000 {
        let mark = format!("{now}\n");
        state.write(&format!("ended/{first}{number:062x}"), mark, 0o600);
    }
}

/// Whatever others stored, a request makes the same system calls.
#[test]
#[ignore = "needs strace: run tests/run"]
fn the_marks_of_others_cost_a_request_nothing() {
    let alone = StateDir::new();
    let among = StateDir::new();
    for state in [&alone, &among] {
        mark(state, "cookie");
    }
    crowd(&among);
    let cookies = [&alone, &among].map(|state| log_in(state, "cookie"));
    type Request = fn() -> Cgi;
    let rows: [(&str, Request, usize); 4] = [
        ("index", || Cgi::get("/"), 0),
        ("login", || Cgi::post("/login", "username=ada"), 0),
        // The other list, whose length is looked at.
        (
            "everywhere, first",
            || Cgi::post("/logout", "everywhere=1"),
            4,
        ),
        (
            "everywhere, again",
            || Cgi::post("/logout", "everywhere=1"),
            0,
        ),
    ];
    for (name, request, more) in rows {
        let [few, many] = [(&alone, &cookies[0]), (&among, &cookies[1])].map(|(state, cookie)| {
            let cookie = match name {
                "everywhere, again" => log_in(state, "cookie"),
                _ => cookie.clone(),
            };
            let request = request().cookie(format!("session={cookie}"));
            let (calls, out) = calls(request.state(state));
            assert!(out.response().status < 400, "{name}: {out}");
            calls.len()
        });
        assert!(
            many <= few + more,
            "{name}: {few} calls, and {many} among others"
        );
    }
}

/// A click looks at the session that was clicked in. The message that it flashes is a
/// new record, beside which at most twelve names are looked at for expired sessions: two
/// calls for each that is there, by the chance of its id.
#[test]
#[ignore = "needs strace: run tests/run"]
fn the_sessions_of_all_cost_a_click_nothing() {
    let click = |sessions: u64| {
        let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
        fill(&site, sessions);
        let ada = log_in(&site.state, "filesystem");
        let click = Cgi::post("/logout", "everywhere=1").cookie(format!("session={ada}"));
        let click = click
            .var("SIGNET_SESSION_TYPE", "filesystem")
            .state(&site.state);
        let (calls, out) = calls(click);
        assert_eq!(out.response().status, 303, "{out}");
        calls.len()
    };
    let (few, many) = (click(0), click(1000));
    assert!(
        many <= few + 2 * 12,
        "{few} calls, and {many} beside 1000 sessions"
    );
}

/// A page looks at its visitor's session only, and a login for expired sessions in four of
/// 4096 folders.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_request_looks_at_few_other_sessions() {
    let count = |site: &Site, request: Cgi, status: u16| {
        let request = request.var("SIGNET_SESSION_TYPE", "filesystem");
        let (calls, out) = calls(request.state(&site.state));
        assert_eq!(out.response().status, status, "{out}");
        calls.len()
    };
    let [few, many] = [1, 2000].map(|sessions| {
        let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
        fill(&site, sessions);
        let index = Cgi::get("/").cookie(format!("session={}", cookie(0)));
        let login = Cgi::post("/login", "username=ada");
        [count(&site, index, 200), count(&site, login, 303)]
    });
    assert_eq!(many[0], few[0], "a page beside 2000 sessions");
    assert!(
        many[1] <= few[1] + 25,
        "{} calls, and {} beside 2000 sessions",
        few[1],
        many[1]
    );
}

/// A store does not grow with the sessions that nobody uses any more.
#[test]
fn logins_remove_expired_sessions() {
    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    fill(&site, 400);
    let later = now() + 2 * 2_678_400;
    // Each login adds one session, and looks into 4 of 4096 folders.
    for _ in 0..400 {
        let response = site.visitor().post(later, "/login", "username=ada");
        assert_eq!(response.status, 303);
    }
    let left = site.records().len();
    assert!(left < 750, "{left} sessions");
}

/// As the key is: first the folder's own name if it is new, then the file, then its
/// name in the folder.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_mark_is_on_the_disk_before_the_answer() {
    for round in ["a new one", "one in the place of another"] {
        let state = StateDir::new();
        if round != "a new one" {
            let ada = log_in(&state, "cookie");
            let click = Cgi::post("/logout", "everywhere=1").cookie(format!("session={ada}"));
            assert_eq!(click.state(&state).run().response().status, 303);
        }
        let ada = log_in(&state, "cookie");
        let click = Cgi::post("/logout", "everywhere=1").cookie(format!("session={ada}"));
        let (calls, out) = calls(click.state(&state));
        assert_eq!(out.response().status, 303, "{round}: {out}");
        let hash = super::marks::hash("ada");
        let at = |wanted: &dyn Fn(&Call) -> bool| calls.iter().position(wanted);
        let written = at(&|call| call.name == "write" && call.arguments.contains("17"));
        let placed =
            at(&|call| call.name.starts_with("renameat") && call.arguments.contains(&hash));
        let answered =
            at(&|call| call.name.starts_with("write") && call.arguments.starts_with("1,"));
        let syncs: Vec<usize> = calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.name == "fsync")
            .map(|(number, _)| number)
            .collect();
        let made = at(&|call| call.name.starts_with("mkdir") && call.arguments.contains("ended"));
        let (new, [file, folder]) = match (round, &syncs[..]) {
            ("a new one", &[new, file, folder]) => (Some(new), [file, folder]),
            (_, &[file, folder]) => (None, [file, folder]),
            _ => panic!("{round}: {syncs:?}"),
        };
        assert!(
            new.is_some() == made.is_some() && made <= new,
            "{round}: {made:?}"
        );
        let order = [written, Some(file), placed, Some(folder), answered];
        assert!(
            order.is_sorted() && order[0].is_some(),
            "{round}: {order:?}"
        );
    }
}

/// On a file system without locks, as some mounts of NFS and Lustre.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_mark_can_be_set_where_there_are_no_locks() {
    for error in ["ENOLCK", "ENOSYS", "EOPNOTSUPP"] {
        let state = StateDir::new();
        let without = format!("inject=flock:error={error}");
        for round in 0..3 {
            let [desk, phone] = [(); 2].map(|()| log_in(&state, "cookie"));
            let click = Cgi::post("/logout", "everywhere=1").cookie(format!("session={desk}"));
            let out = injected(click.state(&state), &[&without]);
            assert_eq!(out.response().status, 303, "{error} {round}: {out}");
            let index = Cgi::get("/")
                .state(&state)
                .cookie(format!("session={phone}"))
                .run();
            let response = index.response();
            assert!(
                response.text().contains("not logged in"),
                "{error} {round}: {index}"
            );
        }
    }
}

/// No cookie can choose which file is opened.
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

/// Stores sessions.
fn fill(site: &Site, count: u64) {
    let dir = site.state.path().join("sessions");
    let store = Files::new(&dir, geteuid().as_raw(), 2_678_400).expect("a trusted path");
    let anonymous = record(now(), r#"{"cart":"a book"}"#);
    for number in 0..count {
        let id = SessionId::parse(&cookie(number)).expect("an id");
        store.create(&id, &anonymous).expect("create");
    }
}
