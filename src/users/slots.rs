//! Slots for password hashes, so that these leave processors to other pages.
//!
//! A slot is a lock on a file in `hash_slots/` in the state folder, so that it ends with
//! its process. There are as many as processors less one, but at least one, and one more
//! for browsers in which the user has logged in before.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::limits::{Admitted, Wait};
use super::state_folder::StateFolder;
use crate::config::{Config, StateDirError};
use crate::files::FileError;
use crate::files::lock::try_lock_file;
use crate::files::private;
use crate::files::trusted::{Readers, TrustedFolder};
use crate::log::log;

/// The folder in the state folder.
pub const FOLDER_NAME: &str = "hash_slots";

/// The file of the slot for known browsers.
const RESERVED: &str = "known";

/// The most slots, however many processors there are.
const MAX_SLOTS: usize = 64;

/// The pause between two attempts to take a slot.
const PAUSE: Duration = Duration::from_millis(10);

/// Slots for password hashes.
#[derive(Debug)]
pub struct Slots {
    folder: StateFolder,
    count: usize,
}

/// The right to compute a password hash, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Slot {
    _lock: Option<File>,
}

impl Slots {
    /// Slots in the state folder, for a machine with so many processors
    /// (`std::thread::available_parallelism`).
    ///
    /// # Errors
    ///
    /// As those of [`Limits::of`](super::limits::Limits::of).
    pub fn of(config: &Config, processors: usize) -> Result<Self, StateDirError> {
        Ok(Self::in_found(StateFolder::of(config)?, processors))
    }

    /// Slots in `folder`, an absolute path; see [`Slots::of`], and [`Limits::in_folder`]
    /// for the folder.
    ///
    /// [`Limits::in_folder`]: super::limits::Limits::in_folder
    ///
    /// # Errors
    ///
    /// [`FileError`] if the folder is not trusted.
    pub fn in_folder(folder: &Path, euid: u32, processors: usize) -> Result<Self, FileError> {
        let folder = StateFolder::at(folder, euid)?;
        Ok(Self::in_found(folder, processors))
    }

    fn in_found(folder: StateFolder, processors: usize) -> Self {
        Self {
            folder,
            count: processors.saturating_sub(1).clamp(1, MAX_SLOTS),
        }
    }

    /// Takes a slot for an attempt, or waits for one for at most `max_wait`; a worker
    /// that has other visitors does not wait. An attempt that runs alone needs none.
    ///
    /// If there can be no slots, as the state folder cannot be written or there is none,
    /// there is one for all: the lock of that folder, or of the users file.
    ///
    /// # Errors
    ///
    /// [`Wait`] if none is free. Then [cancel](Admitted::cancel) the attempt.
    pub fn take(&self, attempt: &Admitted<'_>, max_wait: Duration) -> Result<Slot, Wait> {
        if attempt.is_alone() {
            return Ok(Slot { _lock: None });
        }
        let names = self.names(attempt.has_known_browser());
        let found = match &self.folder {
            StateFolder::Found { folder, .. } => {
                free_or_all(folder, names).map_err(|err| err.to_string())
            }
            StateFolder::Missing { reason, .. } => Err(reason.to_string()),
        };
        match found {
            Ok(Found::Free(file)) => Ok(Slot { _lock: Some(file) }),
            Ok(Found::Taken(files)) => wait_for(files, max_wait),
            Err(reason) => {
                log(format_args!(
                    "passwords are verified one at a time: {reason}"
                ));
                match self.folder.open_to_lock() {
                    Some(file) => wait_for(vec![file], max_wait),
                    None => Ok(Slot { _lock: None }),
                }
            }
        }
    }

    /// The files of the slots that an attempt may take, the reserved one first.
    fn names(&self, has_known_browser: bool) -> impl Iterator<Item = String> {
        let reserved = has_known_browser.then(|| RESERVED.to_owned());
        let numbers = (1..=self.count).map(|number| number.to_string());
        reserved.into_iter().chain(numbers)
    }
}

/// The files of slots: one that was free and is locked now, or all.
enum Found {
    Free(File),
    Taken(Vec<File>),
}

fn free_or_all(
    folder: &TrustedFolder,
    names: impl Iterator<Item = String>,
) -> Result<Found, FileError> {
    let folder = folder.own_subfolder(FOLDER_NAME);
    let opened = folder.make(Readers::Trusted)?;
    let mut taken = Vec::new();
    for name in names {
        let made = private::make_writable(&opened, name.as_str(), folder.euid());
        let made = made.and_then(|made| Ok((try_lock_file(&made.file)?, made.file)));
        match made {
            Ok((true, file)) => return Ok(Found::Free(file)),
            Ok((false, file)) => taken.push(file),
            Err(problem) => return Err(FileError::new(folder.path(), problem)),
        }
    }
    Ok(Found::Taken(taken))
}

/// Takes the first of these locks that becomes free.
fn wait_for(mut files: Vec<File>, max_wait: Duration) -> Result<Slot, Wait> {
    let deadline = Instant::now() + max_wait;
    loop {
        for at in 0..files.len() {
            match try_lock_file(&files[at]) {
                Ok(false) => {}
                Ok(true) => {
                    let lock = Some(files.swap_remove(at));
                    return Ok(Slot { _lock: lock });
                }
                // Where there are no locks, logins have to work, too.
                Err(problem) => {
                    log(format_args!("password hashes cannot be limited: {problem}"));
                    return Ok(Slot { _lock: None });
                }
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Wait { seconds: 1 });
        }
        thread::sleep(PAUSE.min(left));
    }
}
