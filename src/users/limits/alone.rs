//! One attempt at a time, a second each: when nothing can be counted.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use crate::files::lock::try_lock_file;
use crate::files::trusted::{Readers, TrustedFolder};

/// How long an attempt takes at least.
const DURATION: Duration = Duration::from_secs(1);

/// An attempt that runs alone. Dropping it waits until the second is over.
#[derive(Debug)]
pub(crate) struct Alone {
    began: Instant,
    /// The state folder, which can be locked without being writable; `None` if it
    /// cannot. Then attempts take a second each, but may run at the same time.
    _lock: Option<File>,
}

impl Alone {
    /// `None` if another attempt runs.
    pub(crate) fn begin(folder: Option<&TrustedFolder>) -> Option<Self> {
        let began = Instant::now();
        let folder = folder.and_then(|folder| folder.open(Readers::Anybody).ok()?);
        let folder = folder.map(File::from);
        let lock = match folder.as_ref().map(try_lock_file) {
            Some(Ok(true)) => folder,
            Some(Ok(false)) => return None,
            Some(Err(_)) | None => None,
        };
        Some(Self { began, _lock: lock })
    }
}

impl Drop for Alone {
    /// A worker waits, too: nobody could tell the others when the second is over. It
    /// is the only one, as the others are refused at once.
    fn drop(&mut self) {
        thread::sleep(DURATION.saturating_sub(self.began.elapsed()));
    }
}
