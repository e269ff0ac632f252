//! Fifty processes at once with one session, by the example `notes`.

use std::thread;
use std::time::Duration;

use signet::session::SessionId;
use signet::session::record::Record;

use super::contract::load;
use super::{Folder, Place, redis};
use crate::support::{Cgi, StateDir, example};

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
