//! Limits on failed logins.
//!
//! Failures are counted for the name and the address together, for the name, and for
//! the address. Some are free (5, 10 and 30); after those, the next attempt has to wait:
//! a second, then twice as long after each failure, up to 15 minutes. The longest of
//! the three waits counts. A day after its last failure a counter is forgotten.
//!
//! An attempt is counted before its password is verified, under a lock, and taken back
//! if it succeeds. So of any number of simultaneous attempts only the free ones are
//! verified; all others cost no password hash. With a success, the failures of this
//! name from this address are taken back, too, and no others.
//!
//! An attempt in a browser in which the user has logged in before is limited by that
//! browser alone (10 free failures), so that strangers do not lock the user out.
//!
//! Everything has a fixed size: 16 384 names, in the users file or not, 65 536 addresses
//! and 4096 browsers. Nobody waits because of somebody else's failures with another name
//! and from another address, unless an attacker has more names or addresses than fit.
//! Then the counter with the fewest failures is given away, and its new owner begins with
//! these failures. So nothing is forgotten early, and names that exist look like all
//! others.

pub mod address;
mod alone;
mod attempt;
mod bucket;
mod counter;
mod files;
#[cfg(feature = "redis")]
mod redis;
mod rules;
mod store;
mod table;
mod time;

use std::fmt;
use std::path::Path;
#[cfg(feature = "redis")]
use std::sync::Arc;
use std::time::Duration;

pub use address::Address;
pub use attempt::Attempt;
pub use files::FILE_NAME;
pub use rules::MAX_WAIT;
pub use time::Now;

use super::state_folder::StateFolder;
use crate::config::{Config, StateDirError};
use crate::files::FileError;
use crate::log::log;
use crate::session::key::Key;
#[cfg(feature = "redis")]
use crate::session::redis::{Client, RedisUrl};
use alone::Alone;
use attempt::{Cells, Counted};
use files::CounterFile;
#[cfg(feature = "redis")]
use redis::RedisCounters;
use store::{Counters, NoCounters, State, Unavailable};
use table::Finder;

/// How long a process of one request waits for locks: for that of the counters, which
/// is held for microseconds, and for a [slot](super::slots::Slots).
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long a process waits for the lock of the counters that has other visitors.
pub const WORKER_PATIENCE: Duration = Duration::from_millis(20);

/// Limits on failed logins.
pub struct Limits {
    counters: Box<dyn Counters>,
    finder: Finder,
    folder: StateFolder,
}

/// That an attempt has to wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wait {
    /// The seconds to wait, from 1 to [`MAX_WAIT`]: for `Retry-After`.
    pub seconds: u64,
}

/// An attempt whose password may be verified. It is counted as a failure, unless
/// [`Admitted::succeed`] or [`Admitted::cancel`] takes it back.
#[must_use]
pub struct Admitted<'l> {
    limits: &'l Limits,
    cells: Cells,
    counted: Counted,
    has_known_browser: bool,
    alone: Option<Alone>,
}

impl Limits {
    /// Limits as the settings choose them: in the Redis of `SESSION_REDIS`, else in the
    /// state folder. If there is neither, nothing can be counted. `key` is the key that
    /// signs. For `max_wait` see [`Limits::in_folder`].
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if a setting names a state folder that cannot be used, or if there
    /// is neither a state folder nor a users file.
    pub fn of(config: &Config, key: &Key, max_wait: Duration) -> Result<Self, StateDirError> {
        let folder = StateFolder::of(config)?;
        #[cfg(feature = "redis")]
        if let Some((client, prefix)) = config.shared_redis() {
            return Ok(Self::in_redis_of(client, prefix, folder, key, max_wait));
        }
        Ok(Self::in_files(folder, key, max_wait))
    }

    /// Limits of this machine, in a file in `folder`, an absolute path. The file is
    /// made with the first attempt, the folder, too. It has to belong to `euid`, and
    /// only trusted users may be able to replace it. The lock of the file is waited
    /// for at most `max_wait`: [`PATIENCE`] or [`WORKER_PATIENCE`].
    ///
    /// # Errors
    ///
    /// [`FileError`] if the folder is not trusted.
    pub fn in_folder(
        folder: &Path,
        euid: u32,
        key: &Key,
        max_wait: Duration,
    ) -> Result<Self, FileError> {
        let folder = StateFolder::at(folder, euid)?;
        Ok(Self::in_files(folder, key, max_wait))
    }

    fn in_files(folder: StateFolder, key: &Key, max_wait: Duration) -> Self {
        let counters: Box<dyn Counters> = match &folder {
            StateFolder::Found { folder, .. } => {
                Box::new(CounterFile::new(folder.clone(), max_wait))
            }
            StateFolder::Missing { reason, .. } => Box::new(NoCounters(reason.to_string())),
        };
        Self {
            counters,
            finder: Finder::new(key),
            folder,
        }
    }

    /// Limits of all machines that have this `key`, in the Redis at `url`, under keys
    /// that begin with `prefix`. While Redis fails, `folder` is locked for one attempt
    /// at a time on this machine.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the folder is not trusted.
    #[cfg(feature = "redis")]
    pub fn in_redis(
        url: RedisUrl,
        prefix: String,
        folder: &Path,
        euid: u32,
        key: &Key,
        max_wait: Duration,
    ) -> Result<Self, FileError> {
        let folder = StateFolder::at(folder, euid)?;
        let client = Arc::new(Client::new(url));
        Ok(Self::in_redis_of(client, prefix, folder, key, max_wait))
    }

    /// Limits in a Redis that others use, too; see [`Limits::in_redis`].
    #[cfg(feature = "redis")]
    fn in_redis_of(
        client: Arc<Client>,
        prefix: String,
        folder: StateFolder,
        key: &Key,
        max_wait: Duration,
    ) -> Self {
        Self {
            counters: Box::new(RedisCounters::new(client, prefix, max_wait)),
            finder: Finder::new(key),
            folder,
        }
    }

    /// Counts an attempt that begins at `now`, before its password is verified.
    ///
    /// If nothing can be counted (a full disk, Redis does not answer), attempts are admitted one
    /// at a time, and take a second each; the log says why. The same applies to the attempt that
    /// finds damaged counters, which are then reset.
    ///
    /// # Errors
    ///
    /// [`Wait`] if it has to wait, or if others hold a lock for too long. It is not
    /// counted, and no password may be verified.
    pub fn begin(&self, attempt: &Attempt<'_>, now: Now) -> Result<Admitted<'_>, Wait> {
        let cells = Cells::of(attempt, &self.finder);
        let mut outcome = None;
        let changed = self
            .counters
            .change(&cells.places, now, &mut |buckets, now| {
                outcome = Some(cells.count(buckets, now));
            });
        // Also if the counters could be read only.
        let counted = match outcome {
            Some(Err(seconds)) => return Err(Wait { seconds }),
            Some(Ok(counted)) => counted,
            None => Counted::new(),
        };
        let (counted, reason) = match changed {
            Ok(State::Intact) => (counted, None),
            Ok(State::Repaired) => (
                counted,
                Some("the counters were damaged, and begin anew".to_owned()),
            ),
            Err(Unavailable::Held) => return Err(Wait { seconds: 1 }),
            Err(Unavailable::Failed(reason)) => (Counted::new(), Some(reason)),
        };
        let alone = match reason {
            None => None,
            Some(reason) => {
                let Some(alone) = Alone::begin(self.folder.open_to_lock()) else {
                    return Err(Wait { seconds: 1 });
                };
                log(format_args!(
                    "failed logins cannot be counted, so there is one attempt at a time, a \
                     second each: {reason}"
                ));
                Some(alone)
            }
        };
        Ok(Admitted {
            limits: self,
            cells,
            counted,
            has_known_browser: attempt.browser.is_some(),
            alone,
        })
    }
}

impl Admitted<'_> {
    /// Takes the attempt back, as its password was right, and the failures of this name
    /// from this address, or in this browser.
    pub fn succeed(self, now: Now) {
        self.take_back(now, Cells::succeed);
    }

    /// Takes the attempt back, as its password was not verified.
    pub fn cancel(self, now: Now) {
        self.take_back(now, Cells::cancel);
    }

    /// Leaves the attempt counted, as its password was wrong. Dropping it does the same.
    pub fn fail(self) {}

    /// Whether this is the only attempt that this machine admits at the moment.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Whether it is in a browser in which the user has logged in before.
    pub(crate) fn has_known_browser(&self) -> bool {
        self.has_known_browser
    }

    fn take_back(&self, now: Now, change: impl Fn(&Cells, &mut [bucket::Bucket], &Counted, Now)) {
        if self.counted.is_empty() {
            return;
        }
        let changed = self
            .limits
            .counters
            .change(&self.cells.places, now, &mut |buckets, now| {
                change(&self.cells, buckets, &self.counted, now);
            });
        // The visitor is logged in all the same; the counters are forgotten in time.
        if let Err(Unavailable::Failed(reason)) = changed {
            log(format_args!("a login still counts as a failure: {reason}"));
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits(..)")
    }
}

impl fmt::Debug for Admitted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admitted(..)")
    }
}
