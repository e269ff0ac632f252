//! Fifty processes at once with one session, by the example `notes`.

use std::thread;
use std::time::Duration;

use signet::session::SessionId;
use signet::session::record::Record;

use super::contract::load;
use super::{Folder, Place, redis};
use crate::support::strace::injected;
use crate::support::{Cgi, Output, StateDir, example};

const PROCESSES: usize = 50;
const TIMES: usize = 20;

/// How long one of them may have to wait for the others, on a slow machine.
const QUEUE: Duration = Duration::from_secs(60);

/// Seconds that sessions live unless a setting says otherwise.
const LIFETIME: u64 = 31 * 86_400;

/// The notes of one visitor, and where they are kept.
struct Notes<'p> {
    place: &'p dyn Place,
    settings: &'p [(&'p str, &'p str)],
    state: &'p StateDir,
    cookie: String,
}

impl<'p> Notes<'p> {
    /// A visitor who has one note.
    fn begun(
        place: &'p dyn Place,
        settings: &'p [(&'p str, &'p str)],
        state: &'p StateDir,
    ) -> Self {
        let mut notes = Self {
            place,
            settings,
            state,
            cookie: String::new(),
        };
        let out = notes.request("/first?note").run();
        notes.cookie = out.response().cookie("session").expect("a cookie").value;
        notes
    }

    fn request(&self, target: &str) -> Cgi {
        let request = Cgi::get(target).program(example("notes")).state(self.state);
        let request = self
            .settings
            .iter()
            .fold(request, |request, (name, value)| {
                request.var(format!("SIGNET_{name}"), value)
            });
        request.cookie(format!("session={}", self.cookie))
    }

    fn run(&self, target: &str) -> Vec<String> {
        let out = self.request(target).patience(QUEUE).run();
        let response = out.response();
        assert_eq!(response.status, 200, "{out}");
        assert_eq!(out.errors(), "");
        response.text().lines().map(str::to_owned).collect()
    }

    fn record(&self) -> Record {
        let id = SessionId::parse(&self.cookie).expect("an id");
        load(&*self.place.open(LIFETIME), &id).expect("the record")
    }
}

fn at_once(run: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for number in 0..PROCESSES {
            let run = &run;
            scope.spawn(move || run(number));
        }
    });
}

#[test]
fn fifty_processes_lose_nothing_of_fifty_keys_in_files() {
    let folder = Folder::new();
    let files = [("SESSION_TYPE", "filesystem")];
    lose_nothing_of_fifty_keys(&Notes::begun(&folder, &files, &folder.0));
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn fifty_processes_lose_nothing_of_fifty_keys_in_redis() {
    let (keys, state) = (redis::Keys::by_tcp(), StateDir::new());
    lose_nothing_of_fifty_keys(&Notes::begun(&keys, &keys.settings(), &state));
}

fn lose_nothing_of_fifty_keys(notes: &Notes<'_>) {
    at_once(|number| {
        notes.run(&format!("/{number}?one"));
    });
    let record = notes.record();
    assert_eq!(record.values.len(), PROCESSES + 1, "{record:?}");
    // And each on, to its own.
    at_once(|number| {
        for time in 1..TIMES {
            let list = notes.run(&format!("/{number}?{time}"));
            assert_eq!(list.len(), time + 1, "{number}");
        }
    });
    let wanted: Vec<String> = ["one".to_owned()]
        .into_iter()
        .chain((1..TIMES).map(|time| time.to_string()))
        .collect();
    for number in 0..PROCESSES {
        assert_eq!(notes.run(&format!("/{number}")), wanted, "{number}");
    }
    assert_eq!(notes.run("/first"), ["note"]);
}

#[test]
fn of_one_key_the_last_writer_wins_in_files() {
    let folder = Folder::new();
    let files = [("SESSION_TYPE", "filesystem")];
    let notes = Notes::begun(&folder, &files, &folder.0);
    the_last_writer_of_one_key_wins(&notes);
    // And nothing else is left behind.
    let left = folder.0.snapshot();
    assert_eq!(left.names().len(), 4, "three folders, a record");
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn of_one_key_the_last_writer_wins_in_redis() {
    let (keys, state) = (redis::Keys::by_unix_socket(), StateDir::new());
    the_last_writer_of_one_key_wins(&Notes::begun(&keys, &keys.settings(), &state));
}

fn the_last_writer_of_one_key_wins(notes: &Notes<'_>) {
    at_once(|number| {
        let list = notes.run(&format!("/first?{number}"));
        assert_eq!(list.first().map(String::as_str), Some("note"));
        assert_eq!(list.last(), Some(&number.to_string()));
    });
    let list = notes.run("/first");
    let last: usize = list.last().expect("a note").parse().expect("a number");
    assert!(last < PROCESSES, "{list:?}");
    assert_eq!(notes.record().values.len(), 1);
}

/// Two processes that log the same visitor in at once, who is logged in already:
/// both answers are a login. `run` runs one of them.
fn logins_in_pairs(site: &dyn Fn(Cgi) -> Cgi, pairs: usize, run: &(dyn Fn(Cgi) -> Output + Sync)) {
    let login = |cookie: &str| {
        let request = Cgi::post("/login", "username=ada");
        site(request).cookie(format!("session={cookie}"))
    };
    let cookie_of = |out: &Output| {
        let response = out.response();
        assert_eq!(response.status, 303, "{out}");
        let cookie = response.cookie("session");
        cookie.unwrap_or_else(|| panic!("no cookie: {out}")).value
    };
    for pair in 0..pairs {
        let before = cookie_of(&login("").run());
        let requests = [(); 2].map(|()| login(&before));
        let answers = thread::scope(|scope| {
            let threads = requests.map(|request| scope.spawn(move || run(request)));
            threads.map(|thread| thread.join().expect("a thread"))
        });
        for out in &answers {
            let cookie = cookie_of(out);
            let index = site(Cgi::get("/"))
                .cookie(format!("session={cookie}"))
                .run();
            let response = index.response();
            assert!(
                response.text().contains("Logged in as ada"),
                "pair {pair}: {index}"
            );
        }
        let index = site(Cgi::get("/"))
            .cookie(format!("session={before}"))
            .run();
        assert!(index.response().text().contains("not logged in"), "{index}");
    }
}

#[test]
fn two_logins_at_once_both_succeed_in_files() {
    let state = StateDir::new();
    let site = |request: Cgi| {
        request
            .var("SIGNET_SESSION_TYPE", "filesystem")
            .state(&state)
    };
    logins_in_pairs(&site, 20, &|request| request.patience(QUEUE).run());
}

/// So that one of them always has the other's lock to wait for.
#[test]
#[ignore = "needs strace: run tests/run"]
fn two_logins_at_once_both_succeed_with_slow_locks() {
    let state = StateDir::new();
    let site = |request: Cgi| {
        request
            .var("SIGNET_SESSION_TYPE", "filesystem")
            .state(&state)
    };
    for delay in ["delay_enter=20000", "delay_exit=20000"] {
        let slow = format!("inject=flock:{delay}");
        logins_in_pairs(&site, 5, &|request| injected(request, &[&slow]));
    }
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn two_logins_at_once_both_succeed_in_redis() {
    let keys = redis::Keys::by_unix_socket();
    let settings = keys.settings();
    let site = |request: Cgi| {
        settings.iter().fold(request, |request, (name, value)| {
            request.var(format!("SIGNET_{name}"), value)
        })
    };
    logins_in_pairs(&site, 20, &|request| request.patience(QUEUE).run());
}
