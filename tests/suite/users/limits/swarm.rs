//! Fifty processes at once, each with one attempt, by the program `login_attempt`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Files, Place, address, at, attempt, numbered};
use crate::support::{StateDir, example};

const PROCESSES: usize = 50;

/// A process of `login_attempt`.
pub(super) struct Process {
    pub(super) child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// What one of them is told: see `login_attempt`.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) place: &'a str,
    pub(super) folder: &'a Path,
    pub(super) name: &'a str,
    pub(super) address: &'a str,
    pub(super) second: u64,
    pub(super) outcome: &'a str,
}

impl<'a> Arguments<'a> {
    /// An attempt of ada, counted in files.
    pub(super) fn of_ada(folder: &'a Path, outcome: &'a str) -> Self {
        Self {
            place: "files",
            folder,
            name: "ada",
            address: "192.0.2.1",
            second: 0,
            outcome,
        }
    }
}

impl Process {
    pub(super) fn start(arguments: Arguments<'_>) -> Self {
        Self::through(&[], arguments)
    }

    /// Starts one through another command.
    pub(super) fn through(command: &[&str], arguments: Arguments<'_>) -> Self {
        let Arguments {
            place,
            folder,
            name,
            address,
            second,
            outcome,
        } = arguments;
        let program = example("login_attempt");
        let mut command = command.iter();
        let mut child = match command.next() {
            Some(first) => {
                let mut child = Command::new(first);
                child.args(command).arg(program);
                child
            }
            None => Command::new(program),
        };
        let second = at(second).unix.to_string();
        let mut child = child
            .arg(place)
            .arg(folder)
            .args([name, address, &second, outcome])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start a process");
        Self {
            stdin: child.stdin.take().expect("a pipe"),
            stdout: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        }
    }

    /// Lets it begin, or end.
    pub(super) fn go_on(&mut self) {
        // One that was refused has ended already.
        let _ = self.stdin.write_all(b"\n");
    }

    /// What it says of its attempt; nothing if it was killed.
    pub(super) fn outcome(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Waits for its end and returns what it logged.
    pub(super) fn end(mut self) -> String {
        self.go_on();
        drop(self.stdin);
        let output = self.child.wait_with_output().expect("its end");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// Runs these attempts at once, all of them between their beginning and their end at the
/// same moment. Returns what they say, and how long that took.
pub(super) fn at_once<'a>(all: impl Iterator<Item = Arguments<'a>>) -> (Vec<String>, Duration) {
    let mut processes: Vec<Process> = all.map(Process::start).collect();
    let began = Instant::now();
    processes.iter_mut().for_each(Process::go_on);
    let outcomes = processes.iter_mut().map(Process::outcome).collect();
    let time = began.elapsed();
    processes.iter_mut().for_each(Process::go_on);
    for process in processes {
        assert_eq!(process.end(), "");
    }
    (outcomes, time)
}

pub(super) fn admitted(outcomes: &[String]) -> usize {
    let admitted = outcomes.iter().filter(|outcome| *outcome == "admitted");
    admitted.count()
}

/// The numbers hold for fifty processes as for one, with one name and address, with one
/// name, and with one address. `place` is that of `login_attempt`.
pub(super) fn no_attempt_is_free(place: &str, folder: &Path) {
    let numbers = 0..PROCESSES;
    let names: Vec<String> = numbers.map(|number| format!("user{number}")).collect();
    // In Redis the real time counts: then all have to be in a second.
    for round in 0..10 {
        let address = |number| format!("198.51.{round}.{number}");
        let addresses: Vec<String> = (0..PROCESSES).map(address).collect();
        let (ada, bob) = (format!("ada{round}"), format!("bob{round}"));
        let (here, there) = (format!("192.0.2.{round}"), format!("192.0.3.{round}"));
        let base = Arguments {
            place,
            folder,
            name: &ada,
            address: &here,
            second: 0,
            outcome: "fail",
        };
        let names: Vec<String> = names.iter().map(|name| format!("{name}-{round}")).collect();
        let same = (0..PROCESSES).map(|_| base);
        let one_name = addresses.iter().map(|address| Arguments {
            name: &bob,
            address,
            ..base
        });
        let one_address = names.iter().map(|name| Arguments {
            name,
            address: &there,
            ..base
        });
        let cases = [
            ("name and address", 5, at_once(same)),
            ("name", 10, at_once(one_name)),
            ("address", 30, at_once(one_address)),
        ];
        if place != "files" && cases.iter().any(|(.., (_, time))| time.as_millis() > 950) {
            continue;
        }
        for (what, free, (outcomes, _)) in cases {
            assert_eq!(admitted(&outcomes), free, "{what}: {outcomes:?}");
            let waiting = outcomes.iter().filter(|outcome| *outcome == "1").count();
            assert_eq!(waiting, PROCESSES - free, "{what}: {outcomes:?}");
        }
        return;
    }
    panic!("fifty processes never have an attempt in a second each");
}

#[test]
fn of_fifty_processes_only_the_free_attempts_are_admitted_in_files() {
    let state = StateDir::new();
    no_attempt_is_free("files", state.path());
    // After each wait it is one of them.
    for (second, wait) in [(1, "2"), (3, "4"), (7, "8")] {
        let (outcomes, _) = at_once((0..PROCESSES).map(|_| Arguments {
            name: "ada0",
            address: "192.0.2.0",
            second,
            ..Arguments::of_ada(state.path(), "fail")
        }));
        assert_eq!(admitted(&outcomes), 1, "{outcomes:?}");
        let waiting = outcomes.iter().filter(|outcome| *outcome == wait).count();
        assert_eq!(waiting, PROCESSES - 1, "{outcomes:?}");
    }
}

/// All of them are taken back, and nothing else.
#[test]
fn fifty_logins_at_once_leave_no_failure() {
    let files = Files::new();
    for outcome in ["succeed", "cancel"] {
        for number in 100..103 {
            let guess = attempt("ada", numbered(number));
            assert_eq!(files.fail(&guess), Ok(()), "{outcome}");
        }
        let base = Arguments::of_ada(files.state.path(), outcome);
        let (outcomes, _) = at_once((0..PROCESSES).map(|_| base));
        // As many as may be under way at the same time.
        assert_eq!(admitted(&outcomes), 5, "{outcomes:?}");
        let ada = attempt("ada", address("192.0.2.1"));
        for _ in 0..5 {
            assert_eq!(files.fail(&ada), Ok(()), "{outcome}");
        }
        assert_eq!(files.fail(&ada), Err(1), "{outcome}");
        for number in 200..202 {
            let guess = attempt("ada", numbered(number));
            assert_eq!(files.fail(&guess), Ok(()), "{outcome}");
        }
        let guess = attempt("ada", numbered(300));
        assert_eq!(files.fail(&guess), Err(1), "{outcome}: the name has ten");
        std::fs::remove_file(files.state.path().join("rate_limits")).expect("the file");
    }
}

/// Killed while its password is verified: it counts.
#[test]
fn a_killed_attempt_counts() {
    let files = Files::new();
    let base = Arguments {
        address: "10.0.0.1",
        ..Arguments::of_ada(files.state.path(), "succeed")
    };
    for _ in 0..5 {
        let mut process = Process::start(base);
        process.go_on();
        assert_eq!(process.outcome(), "admitted");
        process.child.kill().expect("kill it");
        process.end();
    }
    let ada = attempt("ada", numbered(1));
    assert_eq!(files.fail(&ada), Err(1));
}
