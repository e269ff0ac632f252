//! What goes wrong while the first request makes the key: killed at a system
//! call, or a system call that fails. strace does both.

use std::fs;
use std::process::Command;
use std::thread;

use super::birth::{index_at, key_in};
use super::{EVERYTHING, assert_signed, login_at};
use crate::support::invariants::assert_holds;
use crate::support::response::Response;
use crate::support::strace::{self, Call, injected};
use crate::support::token::Signer;
use crate::support::{StateDir, tested_program};

/// Every system call of a request that makes the key, in order.
#[track_caller]
fn calls() -> Vec<Call> {
    let state = StateDir::new();
    let (calls, out) = strace::calls(login_at(state.path()));
    assert_eq!(out.response().status, 303, "{out}");
    key_in(state.path());
    let makes_a_key =
        |call: &Call| call.name.starts_with("rename") || call.name.starts_with("link");
    assert!(calls.iter().any(makes_a_key), "strace saw too little");
    calls
}

/// Asserts that the disk holds no key or a whole one, and that the next
/// requests work with it.
#[track_caller]
fn assert_goes_on(name: &str, state: &StateDir) {
    let found = state
        .path()
        .join("secret_key")
        .exists()
        .then(|| key_in(state.path()));
    let out = index_at(state.path()).run();
    assert_eq!(
        assert_holds(name, &out, EVERYTHING).status,
        200,
        "{name}: {out}"
    );
    let key = key_in(state.path());
    assert!(
        found.is_none_or(|found| found == key),
        "{name}: a whole key was replaced"
    );
    assert_signed(name, login_at(state.path()), key);
}

/// A power cut: whichever system call of the first request is its last.
#[test]
#[ignore = "needs strace: run tests/run"]
fn killed_at_any_system_call() {
    let mut answered = 0;
    for call in calls() {
        let name = format!("{} {}", call.name, call.number);
        let state = StateDir::new();
        let out = injected(login_at(state.path()), &[&call.inject("signal=KILL")]);
        answered += usize::from(Response::parse(&out.stdout).is_ok());
        if let Ok(response) = Response::parse(&out.stdout) {
            let key = key_in(state.path());
            let cookie = response.cookies().pop().expect(&name);
            assert!(
                Signer::with_key(key).read(&cookie.value).is_some(),
                "{name}: {out}"
            );
        }
        assert_goes_on(&name, &state);
    }
    // Only those killed behind the one write have answered.
    assert!(answered < 10, "{answered} runs were not killed in time");
}

/// A full disk, a read-only one, a broken one, no locks, no random bytes: a
/// page that says so, and never a cookie whose key is lost.
#[test]
#[ignore = "needs strace: run tests/run"]
fn failing_system_calls() {
    let mut refused = 0;
    for call in calls() {
        let error = match call.name.as_str() {
            "open" | "openat" | "creat" if call.arguments.contains("O_CREAT") => "EROFS",
            "open" | "openat" if call.arguments.contains("secret_key") => "EMFILE",
            "mkdir" | "mkdirat" => "EROFS",
            "write" => "ENOSPC",
            "fsync" | "fdatasync" => "EIO",
            "flock" => "ENOLCK",
            "link" | "linkat" | "rename" | "renameat" | "renameat2" => "ENOSPC",
            "getrandom" => "ENOSYS",
            _ => continue,
        };
        let name = format!("{} {}: {error}", call.name, call.number);
        let state = StateDir::new();
        let inject = call.inject(&format!("error={error}"));
        let out = injected(login_at(state.path()), &[&inject]);
        // Where nobody listens, nothing is said.
        if !(call.name == "write" && call.arguments.starts_with("1,")) {
            let response = assert_holds(&name, &out, EVERYTHING);
            match response.cookies().pop() {
                Some(cookie) => {
                    let key = key_in(state.path());
                    assert!(
                        Signer::with_key(key).read(&cookie.value).is_some(),
                        "{name}: {out}"
                    );
                }
                None => assert_eq!(response.status, 503, "{name}: {out}"),
            }
            refused += usize::from(response.status == 503);
        }
        assert_goes_on(&name, &state);
    }
    assert!(refused >= 4, "only {refused} faults were noticed");
}

/// What strace does to the calls that some file systems do not have: Lustre and
/// some mounts of NFS have no locks, NFS has no rename that keeps what is there,
/// FAT has no links, and some have no sync of a folder.
const NO_LOCKS: [&str; 4] = ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL"];
#[rustfmt::skip]
const LACKING: [&[&str]; 9] = [
    &["renameat2:error=EINVAL"],
    &["renameat2:error=ENOSYS"],
    &["renameat2:error=EINVAL", "linkat:error=EPERM"],
    &["renameat2:error=EINVAL", "linkat:error=EOPNOTSUPP"],
    &["renameat2:error=EINVAL", "linkat:error=ENOSYS"],
    &["fsync:error=EINVAL"],
    &["fsync:error=EOPNOTSUPP"],
    &["fstatfs:error=ENOSYS"],
    &["renameat2:error=ENOSYS", "fsync:error=ENOSYS", "flock:error=ENOLCK"],
];

fn inject(calls: &[&str]) -> Vec<String> {
    calls.iter().map(|call| format!("inject={call}")).collect()
}

/// The names in a state folder that begin with a dot: what is not in place.
fn hidden(state: &StateDir) -> Vec<String> {
    let snapshot = state.snapshot();
    let names = snapshot.names().into_iter();
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn the_key_is_made_on_every_file_system() {
    let no_locks = NO_LOCKS.map(|error| format!("flock:error={error}"));
    let no_locks: Vec<[&str; 1]> = no_locks.iter().map(|call| [call.as_str()]).collect();
    let rows = no_locks.iter().map(|row| &row[..]).chain(LACKING);
    for row in rows {
        let name = row.join(", ");
        let state = StateDir::new();
        let inject = inject(row);
        let inject: Vec<&str> = inject.iter().map(String::as_str).collect();
        let out = injected(login_at(state.path()), &inject);
        assert_eq!(
            assert_holds(&name, &out, EVERYTHING).status,
            303,
            "{name}: {out}"
        );
        assert_eq!(out.errors(), "", "{name}");
        assert_signed(&name, login_at(state.path()), key_in(state.path()));
        assert_eq!(hidden(&state), [] as [&str; 0], "{name}");
    }
}

/// Of many first requests one makes the key, by whatever the file system has.
#[test]
#[ignore = "needs strace: run tests/run"]
fn first_requests_agree_on_one_key_without_locks() {
    let rows: [&[&str]; 2] = [
        &["flock:error=ENOLCK"],
        &["flock:error=ENOLCK", "renameat2:error=EINVAL"],
    ];
    for row in rows {
        for round in 0..5 {
            let state = StateDir::new();
            let requests: Vec<_> = (0..12)
                .map(|_| {
                    let (request, inject) = (login_at(state.path()), inject(row));
                    thread::spawn(move || {
                        let inject: Vec<&str> = inject.iter().map(String::as_str).collect();
                        injected(request, &inject)
                    })
                })
                .collect();
            let outs: Vec<_> = requests
                .into_iter()
                .map(|run| run.join().expect("a request"))
                .collect();
            let signer = Signer::with_key(key_in(state.path()));
            for out in outs {
                let response = out.response();
                assert_eq!(response.status, 303, "{row:?}, round {round}: {out}");
                let cookie = response.cookies().pop().expect("a cookie");
                assert!(
                    signer.read(&cookie.value).is_some(),
                    "{row:?}, round {round}: {out}"
                );
            }
            assert_eq!(hidden(&state), [] as [&str; 0], "{row:?}, round {round}");
        }
    }
}

/// A process that was killed leaves a file that is not in place, or, where there
/// is no rename that keeps what is there, the key under two names.
#[test]
#[ignore = "needs strace: run tests/run"]
fn what_a_killed_process_leaves_is_removed() {
    let state = StateDir::new();
    let killed = injected(login_at(state.path()), &["inject=fsync:signal=KILL:when=1"]);
    assert!(Response::parse(&killed.stdout).is_err(), "{killed}");
    assert_eq!(hidden(&state).len(), 1);
    assert_goes_on("before it is in place", &state);
    assert_eq!(hidden(&state), [] as [&str; 0]);

    let state = StateDir::new();
    let killed = injected(
        login_at(state.path()),
        &[
            "inject=renameat2:error=EINVAL",
            "inject=unlinkat:signal=KILL:when=1",
        ],
    );
    assert!(Response::parse(&killed.stdout).is_err(), "{killed}");
    let key = fs::read(state.path().join("secret_key")).expect("a key");
    assert_eq!(hidden(&state).len(), 1);
    assert_goes_on("under two names", &state);
    assert_eq!(
        fs::read(state.path().join("secret_key")).expect("a key"),
        key
    );
    assert_eq!(hidden(&state), [] as [&str; 0]);
}

/// `signet key rotate` is for one person at a time.
#[test]
#[ignore = "needs strace: run tests/run"]
fn the_key_is_rotated_without_locks() {
    let state = StateDir::new();
    assert_eq!(login_at(state.path()).run().response().status, 303);
    let before = key_in(state.path());
    let rotated = Command::new("/usr/bin/strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=flock:error=ENOLCK",
        ])
        .arg(tested_program())
        .args(["key", "rotate"])
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .output()
        .expect("run signet");
    assert!(rotated.status.success(), "{rotated:?}");
    let after = key_in(state.path());
    assert_ne!(after, before);
    assert_signed("rotated", login_at(state.path()), after);
}
