//! A file of counters that is damaged, foreign, or something else: it is counted anew if
//! that can be, and the attempt that finds it takes a second and is the only one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use signet::gateway::logged;
use signet::users::limits::{Attempt, FILE_NAME, Limits};

use super::{Files, Place, alone_soon, at, attempt, in_files, numbered};
use crate::support::StateDir;

fn ada() -> Attempt<'static> {
    attempt("ada", numbered(1))
}

/// An attempt, its log and whether it ran alone: another one, at the same time, is told
/// to wait for a second, and it took a second.
#[track_caller]
fn runs_alone(limits: &Limits, name: &str) -> String {
    let began = Instant::now();
    let ((), log) = logged(|| {
        let first = alone_soon(limits, &ada(), at(0));
        let other = attempt("bob", numbered(2));
        // Where the damage was repaired, the other one is counted again.
        if let Err(wait) = limits.begin(&other, at(0)) {
            assert_eq!(wait.seconds, 1, "{name}");
        }
        first.succeed(at(0));
    });
    assert!(began.elapsed() >= Duration::from_secs(1), "{name}");
    assert!(log.contains("one attempt at a time"), "{name}: {log}");
    log
}

#[track_caller]
fn counts(limits: &Limits, name: &str) {
    let (waits, log) = logged(|| {
        let fail = || limits.begin(&ada(), at(0)).map(|admitted| admitted.fail());
        let free = (0..5).all(|_| fail().is_ok());
        (free, fail().err().map(|wait| wait.seconds))
    });
    assert_eq!(waits, (true, Some(1)), "{name}");
    assert_eq!(log, "", "{name}");
}

#[test]
fn a_damaged_file_is_begun_anew() {
    let noise = |length: usize| -> Vec<u8> {
        let mut state = 1_u64;
        let next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    };
    for (name, bytes) in [
        ("a byte", vec![1]),
        ("text", b"nothing to see here\n".to_vec()),
        ("zeros", vec![0; 100_000]),
        ("noise", noise(5_000_000)),
        ("a short header", vec![b'r'; 15]),
    ] {
        let state = StateDir::new();
        let file = state.write(FILE_NAME, bytes, 0o600);
        let limits = in_files(state.path());
        let log = runs_alone(&limits, name);
        assert!(log.contains("damaged"), "{name}: {log}");
        counts(&limits, name);
        assert!(fs::metadata(file).expect(name).is_file());
    }
}

/// Bytes of all parts of the file in turn: at most one attempt is not limited, and it is alone.
#[test]
fn a_damaged_counter_is_found() {
    let files = Files::new();
    while files.fail(&ada()).is_ok() {}
    let path = files.state.path().join(FILE_NAME);
    let whole = fs::read(&path).expect("the file");
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    assert!((40..=64).contains(&used.len()), "{used:?}");
    let mut repaired = 0;
    for at_byte in used.into_iter().step_by(7) {
        let mut damaged = whole.clone();
        damaged[at_byte] ^= 0x10;
        fs::write(&path, damaged).expect("write");
        let (outcome, log) = logged(|| {
            let admitted = files.limits.begin(&ada(), files.now());
            admitted.map(|admitted| admitted.cancel(files.now()))
        });
        match outcome {
            // Another counter limits it.
            Err(wait) => assert_eq!(wait.seconds, 1, "{at_byte}"),
            Ok(()) => {
                repaired += 1;
                assert!(log.contains("damaged"), "{at_byte}: {log}");
            }
        }
    }
    assert!(repaired > 0);
}

#[test]
fn something_else_in_its_place_is_left_alone() {
    type Put = fn(&Path, &StateDir);
    let rows: [(&str, Put, &str); 6] = [
        (
            "a folder",
            |path, _| fs::create_dir(path).expect("mkdir"),
            "is not a regular file",
        ),
        (
            "a FIFO",
            |path, _| {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                    .expect("mkfifo");
            },
            "is not a regular file",
        ),
        (
            "a link",
            |path, state| {
                let target = state.write("target", "", 0o600);
                symlink(target, path).expect("a link");
            },
            "symbolic link",
        ),
        (
            "a dead link",
            |path, _| symlink("nowhere", path).expect("a link"),
            "symbolic link",
        ),
        (
            "two names",
            |path, state| {
                let target = state.write("target", "", 0o600);
                fs::hard_link(target, path).expect("a link");
            },
            "more than one name",
        ),
        (
            "others can write",
            |path, _| {
                fs::write(path, "").expect("write");
                fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("chmod");
            },
            "can be written by other users",
        ),
    ];
    for (name, put, reason) in rows {
        let state = StateDir::new();
        let path = state.path().join(FILE_NAME);
        put(&path, &state);
        let before = state.snapshot();
        let limits = in_files(state.path());
        for _ in 0..2 {
            let log = runs_alone(&limits, name);
            assert!(log.contains(reason), "{name}: {log}");
        }
        assert_eq!(state.snapshot(), before, "{name}");
        // Once the owner has removed it, all is counted.
        if path.is_dir() {
            fs::remove_dir(&path).expect(name);
        } else {
            fs::remove_file(&path).expect(name);
        }
        counts(&limits, name);
    }
}

/// A panel that resets modes.
#[test]
fn a_file_that_others_can_read_is_corrected() {
    let files = Files::new();
    assert_eq!(files.fail(&ada()), Ok(()));
    let path = files.state.path().join(FILE_NAME);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("chmod");
    let (outcome, log) = logged(|| files.fail(&ada()));
    assert_eq!(outcome, Ok(()));
    assert!(log.contains("its mode was 0644 and is now 0600"), "{log}");
    for _ in 2..5 {
        assert_eq!(files.fail(&ada()), Ok(()));
    }
    assert_eq!(files.fail(&ada()), Err(1));
}

#[test]
fn a_file_that_was_removed_is_made_anew() {
    let files = Files::new();
    while files.fail(&ada()).is_ok() {}
    let path = files.state.path().join(FILE_NAME);
    fs::remove_file(&path).expect("the file");
    counts(&files.limits, "removed");
    // Cut, which some transfers by FTP do.
    let file = fs::File::options()
        .write(true)
        .open(&path)
        .expect("the file");
    file.set_len(0).expect("cut");
    counts(&files.limits, "cut");
}
