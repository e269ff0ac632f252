//! What happens when a system call is the last one, or fails; and how many there are.

use std::fs;

use signet::gateway::logged;
use signet::users::limits::FILE_NAME;

use super::swarm::{Arguments, Process};
use super::{Files, Place, address, attempt, in_files};
use crate::support::StateDir;
use crate::support::strace::{Call, calls_in};

/// An attempt of `ada` with strace's options, until its end or its death: what it says
/// and what it logs.
fn traced(state: &StateDir, outcome: &str, options: &[&str]) -> (String, String) {
    let command = [
        &["/usr/bin/strace", "-qq", "-e", "signal=none"][..],
        options,
    ]
    .concat();
    let mut process = Process::through(&command, Arguments::of_ada(state.path(), outcome));
    process.go_on();
    let said = process.outcome();
    (said, process.end())
}

/// The system calls of an attempt: those of its beginning, and those of its end.
fn calls(state: &StateDir, outcome: &str) -> (Vec<Call>, Vec<Call>) {
    let trace = StateDir::new();
    let log = trace.path().join("calls");
    let (said, logged) = traced(state, outcome, &["-o", log.to_str().expect("UTF-8")]);
    assert_eq!(logged, "", "{said}");
    let log = fs::read_to_string(&log).expect("strace's log");
    let mut calls = calls_in(log.lines());
    let at = |marker: &str| {
        let found = calls
            .iter()
            .position(|call| call.arguments.contains(marker));
        found.unwrap_or(calls.len())
    };
    let (begins, begun, ends) = (
        at("/attempt-begins"),
        at("/attempt-begun"),
        at("/attempt-ends"),
    );
    let mut ending = calls.split_off(begun.min(calls.len()));
    let beginning = calls.split_off(begins + 1);
    ending.truncate(ends.saturating_sub(begun));
    // Those that print and wait are not of the limits.
    let of_limits = |call: &Call| match call.name.as_str() {
        "write" | "read" => false,
        _ => !call.arguments.contains("\"/attempt"),
    };
    ending.retain(of_limits);
    let beginning = beginning.into_iter().filter(of_limits).collect();
    (beginning, ending)
}

fn names(calls: &[Call]) -> Vec<&str> {
    let names = calls.iter().map(|call| call.name.as_str());
    // Memory, which an allocator may ask for at any time; a check of debug builds before
    // a close; the end of the process.
    let other = [
        "brk",
        "mmap",
        "munmap",
        "fcntl",
        "sigaltstack",
        "exit_group",
    ];
    names.filter(|name| !other.contains(name)).collect()
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn a_check_takes_few_system_calls() {
    let state = StateDir::new();
    calls(&state, "fail");
    let (beginning, ending) = calls(&state, "succeed");
    println!("admitted: {:?}", names(&beginning));
    println!("taken back: {:?}", names(&ending));
    assert!(names(&beginning).len() <= 10);
    assert!(names(&ending).len() <= 10);
    for _ in 0..5 {
        let (_, ending) = calls(&state, "fail");
        assert_eq!(names(&ending), Vec::<&str>::new());
    }
    let (limited, _) = calls(&state, "fail");
    println!("limited: {:?}", names(&limited));
    assert!(names(&limited).len() <= 7);
}

/// Counted once or not at all, and the next attempts are counted as ever.
#[test]
#[ignore = "needs strace: run tests/run"]
fn killed_at_any_system_call() {
    for (case, failures) in [("the first attempt", 0), ("a later one", 2)] {
        for outcome in ["succeed", "fail"] {
            let prepared = Files::new();
            let ada = attempt("ada", address("192.0.2.1"));
            for _ in 0..failures {
                assert_eq!(prepared.fail(&ada), Ok(()));
            }
            let (beginning, ending) = calls(&prepared.state.copy(), outcome);
            for call in beginning.into_iter().chain(ending) {
                let name = format!("{case}, {outcome}: {} {}", call.name, call.number);
                let state = prepared.state.copy();
                let inject = format!("inject={}:signal=KILL:when={}", call.name, call.number);
                traced(&state, outcome, &["-o", "/dev/null", "-e", &inject]);
                let limits = in_files(state.path());
                let (free, log) = logged(|| {
                    let fail = || {
                        limits
                            .begin(&ada, prepared.now())
                            .map(|admitted| admitted.fail())
                    };
                    (0..20).take_while(|_| fail().is_ok()).count()
                });
                assert_eq!(log, "", "{name}");
                // A login takes all back, which was the first change or the last.
                let possible = match outcome {
                    "succeed" => vec![5 - failures, 4 - failures, 5],
                    _ => vec![5 - failures, 4 - failures],
                };
                assert!(possible.contains(&free), "{name}: {free}");
            }
        }
    }
}

/// A full disk, a broken or a read-only one, no descriptors: the attempt is
/// admitted, and the log says why it is the only one.
#[test]
#[ignore = "needs strace: run tests/run"]
fn failing_system_calls() {
    let prepared = StateDir::new();
    let first = calls(&prepared.copy(), "fail").0;
    let limits = in_files(prepared.path());
    let ada = attempt("ada", address("192.0.2.1"));
    limits.begin(&ada, super::at(0)).expect("admitted").fail();
    let later = calls(&prepared.copy(), "fail").0;
    let mut failed = 0;
    for (case, calls) in [("first", first), ("later", later)] {
        for call in calls {
            let errors: &[&str] = match call.name.as_str() {
                "openat" if call.arguments.contains("O_CREAT") => &["ENOSPC", "EROFS", "EACCES"],
                "openat" => &["EROFS", "EACCES", "EMFILE", "ESTALE"],
                "pwrite64" => &["ENOSPC", "EDQUOT", "EIO"],
                "pread64" | "fstat" | "newfstatat" | "statx" => &["EIO"],
                "flock" => &["EIO"],
                _ => continue,
            };
            for error in errors {
                let name = format!("{case}: {} {} {error}", call.name, call.number);
                let state = match case {
                    "first" => StateDir::new(),
                    _ => prepared.copy(),
                };
                let inject = format!("inject={}:error={error}:when={}", call.name, call.number);
                let began = std::time::Instant::now();
                let (said, log) = traced(&state, "succeed", &["-o", "/dev/null", "-e", &inject]);
                assert_eq!(said, "admitted", "{name}: {log}");
                assert!(log.contains("one attempt at a time"), "{name}: {log}");
                assert_eq!(log.lines().count(), 1, "{name}: {log}");
                assert!(began.elapsed().as_millis() >= 1000, "{name}");
                failed += 1;
            }
        }
    }
    assert!(failed > 20, "{failed}");
}

/// Only attempts at the same moment may count as one.
#[test]
#[ignore = "needs strace: run tests/run"]
fn failures_are_counted_on_a_file_system_without_locks() {
    let state = StateDir::new();
    let options = ["-o", "/dev/null", "-e", "inject=flock:error=ENOLCK"];
    for _ in 0..5 {
        let (said, log) = traced(&state, "fail", &options);
        assert_eq!((&*said, &*log), ("admitted", ""));
    }
    let (said, log) = traced(&state, "fail", &options);
    assert!(said != "admitted", "{said}: {log}");
}

/// After the password was right, nothing is worth refusing the login.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_login_that_cannot_be_taken_back_is_logged() {
    let prepared = StateDir::new();
    calls(&prepared, "succeed");
    let (_, ending) = calls(&prepared, "succeed");
    let mut failed = 0;
    for call in ending {
        let error = match call.name.as_str() {
            "openat" => "EROFS",
            "pwrite64" => "ENOSPC",
            "pread64" => "EIO",
            "flock" => "EIO",
            _ => continue,
        };
        let inject = format!("inject={}:error={error}:when={}", call.name, call.number);
        let (said, log) = traced(&prepared, "succeed", &["-o", "/dev/null", "-e", &inject]);
        assert_eq!(said, "admitted", "{inject}: {log}");
        assert!(log.contains("still counts as a failure"), "{inject}: {log}");
        failed += 1;
        fs::remove_file(prepared.path().join(FILE_NAME)).expect("the file");
        calls(&prepared, "succeed");
    }
    assert!(failed >= 5, "{failed}");
}

/// Whoever holds the lock for long is stopped: nobody waits for long, and nobody is
/// admitted without being counted.
#[test]
fn a_lock_that_is_held_is_not_waited_for() {
    let files = Files::new();
    let ada = attempt("ada", address("192.0.2.1"));
    assert_eq!(files.fail(&ada), Ok(()));
    let path = files.state.path().join(FILE_NAME);
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("the file");
    file.lock().expect("lock it");
    let began = std::time::Instant::now();
    let (outcome, log) = logged(|| files.fail(&ada));
    assert_eq!(outcome, Err(1));
    assert_eq!(log, "");
    let waited = began.elapsed().as_secs_f32();
    assert!((2.0..20.0).contains(&waited), "{waited}");
    file.unlock().expect("unlock it");
    assert_eq!(files.fail(&ada), Ok(()));
}

/// A limit on the size of files (`ulimit -f`) ends no process by a signal.
#[test]
fn a_limit_on_file_sizes_is_like_a_full_disk() {
    let state = StateDir::new();
    for kilobytes in ["0", "4", "1024"] {
        let mut process = Process::through(
            &["/bin/sh", "-c", "ulimit -f $0; exec \"$@\"", kilobytes],
            Arguments::of_ada(state.path(), "succeed"),
        );
        process.go_on();
        assert_eq!(process.outcome(), "admitted", "{kilobytes}");
        let log = process.end();
        assert!(log.contains("one attempt at a time"), "{kilobytes}: {log}");
    }
}
