//! Slots for password hashes.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use signet::users::limits::{Admitted, Attempt, Limits, Wait};
use signet::users::slots::{Slot, Slots};

use super::swarm::{Arguments, Process, admitted, at_once};
use super::{at, in_files};
use crate::support::StateDir;

fn slots(folder: &Path, processors: usize) -> Slots {
    Slots::in_folder(folder, geteuid().as_raw(), processors).expect("a trusted folder")
}

fn begin<'l>(limits: &'l Limits, browser: Option<&[u8]>) -> Admitted<'l> {
    let attempt = Attempt {
        name: "ada",
        address: None,
        browser,
    };
    limits.begin(&attempt, at(0)).expect("admitted")
}

const AT_ONCE: Duration = Duration::ZERO;

/// For a slot that was given back: processes that other tests start hold its lock for a
/// moment, from their fork to their exec.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn processors_less_one_and_one_for_known_browsers() {
    for (processors, free) in [(0, 1), (1, 1), (2, 1), (3, 2), (8, 7), (1000, 64)] {
        let state = StateDir::new();
        let (limits, slots) = (in_files(state.path()), slots(state.path(), processors));
        let stranger = begin(&limits, None);
        let known = begin(&limits, Some(b"a browser"));
        let taken: Vec<Slot> = (0..free)
            .map(|_| slots.take(&stranger, SOON).expect("a slot"))
            .collect();
        let busy = Wait { seconds: 1 };
        assert_eq!(
            slots.take(&stranger, AT_ONCE).err(),
            Some(busy),
            "{processors}"
        );
        let reserved = slots.take(&known, AT_ONCE).expect("the reserved slot");
        assert_eq!(
            slots.take(&known, AT_ONCE).err(),
            Some(busy),
            "{processors}"
        );
        // A known browser takes an ordinary one, if the reserved one is taken.
        drop(taken);
        let other = slots.take(&known, SOON).expect("an ordinary slot");
        drop(reserved);
        let left = (1..free).map(|_| slots.take(&stranger, SOON).expect("a slot"));
        let left: Vec<Slot> = left.collect();
        assert!(slots.take(&stranger, AT_ONCE).is_err(), "{processors}");
        drop((other, left));
    }
}

#[test]
fn a_slot_is_waited_for_if_there_is_time() {
    let state = StateDir::new();
    let (limits, slots) = (in_files(state.path()), slots(state.path(), 2));
    let stranger = begin(&limits, None);
    let slot = slots.take(&stranger, SOON).expect("a slot");
    let began = Instant::now();
    assert!(slots.take(&stranger, Duration::from_millis(200)).is_err());
    assert!(began.elapsed() >= Duration::from_millis(200));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            drop(slot);
        });
        let waited = slots.take(&begin(&limits, None), Duration::from_secs(20));
        assert!(waited.is_ok());
    });
}

#[test]
fn of_fifty_processes_one_computes_a_hash_with_two_processors() {
    let state = StateDir::new();
    let addresses: Vec<String> = (0..50)
        .map(|number| format!("198.51.100.{number}"))
        .collect();
    let names: Vec<String> = (0..50).map(|number| format!("?user{number}")).collect();
    let all = addresses
        .iter()
        .zip(&names)
        .map(|(address, name)| Arguments {
            name,
            address,
            ..Arguments::of_ada(state.path(), "slot")
        });
    let (outcomes, _) = at_once(all);
    assert_eq!(admitted(&outcomes), 1, "{outcomes:?}");
    let busy = outcomes.iter().filter(|outcome| *outcome == "busy").count();
    assert_eq!(busy, 49, "{outcomes:?}");
}

#[test]
fn the_slot_of_a_killed_process_is_free() {
    let state = StateDir::new();
    let mut process = Process::start(Arguments {
        place: "files",
        folder: state.path(),
        name: "ada",
        address: "192.0.2.1",
        second: 0,
        outcome: "slot",
    });
    process.go_on();
    assert_eq!(process.outcome(), "admitted");
    let (limits, slots) = (in_files(state.path()), slots(state.path(), 1));
    let stranger = begin(&limits, None);
    assert!(slots.take(&stranger, AT_ONCE).is_err());
    process.child.kill().expect("kill it");
    process.end();
    assert!(slots.take(&stranger, SOON).is_ok());
}

/// The folder of the slots cannot be used: the lock of the state folder is the only one.
#[test]
fn without_a_folder_for_slots_there_is_one() {
    let state = StateDir::new();
    state.write("hash_slots", "no folder", 0o600);
    let (limits, slots) = (in_files(state.path()), slots(state.path(), 8));
    let stranger = begin(&limits, None);
    for _ in 0..2 {
        let (busy, log) = signet::gateway::logged(|| {
            let first = slots.take(&stranger, SOON).expect("the slot");
            let second = slots.take(&stranger, AT_ONCE).err();
            drop(first);
            second
        });
        assert_eq!(busy, Some(Wait { seconds: 1 }));
        let words = ["one at a time", "is not a folder"];
        assert!(words.iter().all(|words| log.contains(words)), "{log}");
    }
}
