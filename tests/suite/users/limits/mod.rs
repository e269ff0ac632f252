//! Limits on failed logins. The numbers are those of the requirement: 5, 10 and 30 free
//! failures, waits from a second to 15 minutes, a day until all is forgotten.

mod bounds;
mod damage;
mod faults;
mod redis;
mod rules;
mod slots;
mod swarm;

use std::cell::Cell;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use signet::session::key::Key;
use signet::users::limits::{Address, Admitted, Attempt, Limits, Now, PATIENCE};

use crate::support::StateDir;

fn key() -> Key {
    Key::new(b"tests-only-7f3a91c6e0d24b58".to_vec()).expect("a key")
}

fn in_files(folder: &Path) -> Limits {
    Limits::in_folder(folder, geteuid().as_raw(), &key(), PATIENCE).expect("a trusted folder")
}

fn address(text: &str) -> Address {
    text.parse::<IpAddr>().expect("an address").into()
}

/// The address with that number.
fn numbered(number: u32) -> Address {
    IpAddr::from((0x0a00_0000 + number).to_be_bytes()).into()
}

fn at(second: u64) -> Now {
    Now {
        unix: 1_795_000_000 + second,
        uptime: Duration::from_secs(1_000_000 + second),
    }
}

fn attempt(name: &str, address: Address) -> Attempt<'_> {
    Attempt {
        name,
        address: Some(address),
        browser: None,
    }
}

/// Limits, and a time that goes on when it is told to.
trait Place {
    fn limits(&self) -> &Limits;
    fn now(&self) -> Now;
    fn pass(&self, seconds: u64);

    /// A failure; or else the seconds to wait.
    fn fail(&self, attempt: &Attempt<'_>) -> Result<(), u64> {
        let admitted = self.limits().begin(attempt, self.now());
        admitted
            .map(|admitted| admitted.fail())
            .map_err(|wait| wait.seconds)
    }

    fn succeed(&self, attempt: &Attempt<'_>) -> Result<(), u64> {
        let admitted = self.limits().begin(attempt, self.now());
        admitted
            .map(|admitted| admitted.succeed(self.now()))
            .map_err(|wait| wait.seconds)
    }
}

/// Begins an attempt that is admitted as soon as the one before has ended. Processes
/// that other tests start hold its lock for a moment: from their fork to their exec.
fn alone_soon<'l>(limits: &'l Limits, attempt: &Attempt<'_>, now: Now) -> Admitted<'l> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match limits.begin(attempt, now) {
            Ok(admitted) => return admitted,
            Err(wait) => assert_eq!(wait.seconds, 1),
        }
        assert!(Instant::now() < deadline, "nobody is admitted");
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Files {
    state: StateDir,
    limits: Limits,
    second: Cell<u64>,
}

impl Files {
    fn new() -> Self {
        let state = StateDir::new();
        Self {
            limits: in_files(state.path()),
            state,
            second: Cell::new(0),
        }
    }

    /// Blocks of 512 bytes that the file takes on the disk.
    fn disk(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let file = self.state.path().join(signet::users::limits::FILE_NAME);
        std::fs::metadata(file).expect("the file").blocks()
    }
}

impl Place for Files {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn now(&self) -> Now {
        at(self.second.get())
    }

    fn pass(&self, seconds: u64) {
        self.second.set(self.second.get() + seconds);
    }
}
