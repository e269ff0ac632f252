//! Each system call of a change of the users file: as the last one of the process, and
//! failing.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use super::{HASH, OTHER};
use crate::support::strace::{Call, calls, injected};
use crate::support::{Cgi, Output, StateDir};

fn before() -> String {
    format!("# users\r\nada:{HASH}\r\nbob:{OTHER}")
}

fn after() -> String {
    format!("# users\r\nbob:{OTHER}")
}

fn prepared() -> StateDir {
    let state = StateDir::new();
    state.write("users", before(), 0o640);
    state
}

/// `signet user remove ada`, which needs no hash.
fn removal(state: &StateDir) -> Cgi {
    let command = Cgi::get("/").bare().state(state);
    ["user", "remove", "ada"]
        .into_iter()
        .fold(command, Cgi::arg)
}

/// The calls from where it first looks at the users file.
fn calls_of(request: Cgi) -> Vec<Call> {
    let (calls, out) = calls(request);
    assert!(out.status.success(), "{out}");
    let looks = calls
        .iter()
        .position(|call| call.name.starts_with("open") && call.arguments.contains("/state/users"));
    let calls: Vec<Call> = calls.into_iter().skip(looks.expect("it looks")).collect();
    assert!(calls.len() > 15, "{}", calls.len());
    calls
}

/// Old or new, of the same mode, and the next change works.
#[track_caller]
fn assert_old_or_new(name: &str, state: &StateDir, out: &Output) {
    let path = state.path().join("users");
    let text = fs::read_to_string(&path).expect(name);
    match out.status.code() {
        Some(0) => assert_eq!(text, after(), "{name}: {out}"),
        // After the file was replaced, a sync of the folder may still fail.
        _ => assert!([before(), after()].contains(&text), "{name}: {text:?}"),
    }
    let mode = fs::metadata(&path).expect(name).permissions().mode();
    assert_eq!(mode & 0o7777, 0o640, "{name}");

    let unfinished = || {
        let snapshot = state.snapshot();
        let names = snapshot.names().into_iter();
        names
            .filter(|name| name.to_string_lossy().starts_with(".new-"))
            .map(|name| state.path().join(name))
            .collect::<Vec<_>>()
    };
    let left = unfinished();
    assert!(left.len() <= 1, "{name}: {left:?}");
    for path in &left {
        let mode = fs::metadata(path).expect(name).permissions().mode();
        assert_eq!(mode & 0o7137, 0o000, "{name}: {mode:o}");
        let file = File::options().write(true).open(path).expect(name);
        let hours_ago = SystemTime::now() - Duration::from_secs(7200);
        file.set_modified(hours_ago).expect(name);
    }
    let command = Cgi::get("/").bare().state(state);
    let out = ["user", "remove", "bob"]
        .into_iter()
        .fold(command, Cgi::arg)
        .run();
    assert!(out.status.success(), "{name}: {out}");
    assert_eq!(unfinished().len(), 0, "{name}: left over");
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn killed_at_any_system_call() {
    for call in calls_of(removal(&prepared())) {
        let name = format!("{} {}", call.name, call.number);
        let state = prepared();
        let out = injected(removal(&state), &[&call.inject("signal=KILL")]);
        assert_old_or_new(&name, &state, &out);
    }
}

/// A full disk, a broken one, a read-only one, no locks, no descriptors: done, or said
/// and everything as it was.
#[test]
#[ignore = "needs strace: run tests/run"]
fn failing_system_calls() {
    let mut refused = 0;
    for call in calls_of(removal(&prepared())) {
        let errors: &[&str] = match call.name.as_str() {
            "openat" if call.arguments.contains("O_CREAT") => &["ENOSPC", "EROFS", "EACCES"],
            "openat" => &["EMFILE", "EIO", "ESTALE"],
            "write" if call.arguments.starts_with("2,") => continue,
            "write" => &["ENOSPC", "EDQUOT", "EIO"],
            "rename" | "renameat" | "renameat2" => &["ENOSPC", "EIO", "EPERM"],
            "fsync" => &["EIO", "ENOSPC"],
            "flock" => &["ENOLCK", "EIO"],
            "fchmod" | "fchown" => &["EPERM", "EIO"],
            "fsetxattr" => &["ENOSPC"],
            "fgetxattr" => &["EIO"],
            "read" | "fstat" | "newfstatat" | "statx" => &["EIO"],
            _ => continue,
        };
        for error in errors {
            let name = format!("{} {} {error}", call.name, call.number);
            let state = prepared();
            let inject = call.inject(&format!("error={error}"));
            let out = injected(removal(&state), &[&inject]);
            if !out.status.success() {
                refused += 1;
                assert_eq!(out.status.code(), Some(1), "{name}: {out}");
                assert!(out.errors().contains("users"), "{name}: {out}");
            }
            assert_old_or_new(&name, &state, &out);
        }
    }
    assert!(refused >= 10, "only {refused} were noticed");
}

/// File systems without locks, syncs or exclusive renames.
#[test]
#[ignore = "needs strace: run tests/run"]
fn users_are_changed_on_file_systems_that_lack_calls() {
    for inject in [
        "inject=flock:error=ENOLCK",
        "inject=fsync:error=EINVAL",
        "inject=fgetxattr:error=EOPNOTSUPP",
        "inject=faccessat2:error=ENOSYS",
        "inject=renameat2:error=EINVAL",
    ] {
        let state = prepared();
        let out = injected(removal(&state), &[inject]);
        assert!(out.status.success(), "{inject}: {out}");
        assert_old_or_new(inject, &state, &out);
    }
}
