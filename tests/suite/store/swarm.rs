//! Fifty processes at once with one session, by the example `notes`.

use std::thread;

use signet::session::record::Record;

use crate::support::{Cgi, StateDir, example};

const PROCESSES: usize = 50;
const TIMES: usize = 20;

/// A request to the notes of one visitor.
struct Notes<'s> {
    state: &'s StateDir,
    cookie: String,
}

impl<'s> Notes<'s> {
    /// A visitor who has one note.
    fn begun(state: &'s StateDir) -> Self {
        let out = request(state, "/first?note").run();
        let cookie = out.response().cookie("session").expect("a cookie").value;
        Self { state, cookie }
    }

    fn run(&self, target: &str) -> Vec<String> {
        let request = request(self.state, target);
        let out = request.cookie(format!("session={}", self.cookie)).run();
        let response = out.response();
        assert_eq!(response.status, 200, "{out}");
        assert_eq!(out.errors(), "");
        response.text().lines().map(str::to_owned).collect()
    }

    /// The record, read from its file.
    fn record(&self) -> Record {
        let place = super::damage::record_of(self.state, &self.cookie);
        let bytes = std::fs::read(place).expect("the record");
        Record::parse(&bytes).expect("a whole record")
    }
}

fn request(state: &StateDir, target: &str) -> Cgi {
    Cgi::get(target)
        .program(example("notes"))
        .var("SIGNET_SESSION_TYPE", "filesystem")
        .state(state)
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
fn fifty_processes_lose_nothing_of_fifty_keys() {
    let state = StateDir::new();
    let notes = Notes::begun(&state);
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
fn of_one_key_the_last_writer_wins() {
    let state = StateDir::new();
    let notes = Notes::begun(&state);
    at_once(|number| {
        let list = notes.run(&format!("/first?{number}"));
        assert_eq!(list.first().map(String::as_str), Some("note"));
        assert_eq!(list.last(), Some(&number.to_string()));
    });
    let list = notes.run("/first");
    let last: usize = list.last().expect("a note").parse().expect("a number");
    assert!(last < PROCESSES, "{list:?}");
    assert_eq!(notes.record().values.len(), 1);
    // And nothing else is left behind.
    assert_eq!(state.snapshot().names().len(), 4, "three folders, a record");
}
