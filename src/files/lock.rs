//! Exclusive locks on files (flock(2)); every wait has a time limit.

use std::fs::{File, TryLockError};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, statat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::FileProblem;
use super::private;
use super::trusted::Opened;

/// How long [`lock`] waits. A process holds a lock only as long as it takes to
/// write a small file, but many may want the same one at once.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(10);

/// The pauses between two attempts. If all of them were short, fifty waiting processes
/// would take the processor from the one that writes.
const SHORT_PAUSE: Duration = Duration::from_millis(1);
const LONG_PAUSE: Duration = Duration::from_millis(8);

/// After this time, a waiting process tries often, so that it gets the lock before
/// others.
const LONG_WAIT: Duration = Duration::from_millis(300);

/// The result of an attempt to lock a file by its name.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It is locked, and still has its name.
    Locked(Opened),
    /// There is no such file.
    Absent,
    /// Another process holds the lock.
    Held,
    /// Another process has replaced the file meanwhile.
    Replaced,
}

/// Opens the file `name` in `folder` as [`private::open`] does and locks it,
/// without waiting. Dropping the file unlocks it.
///
/// # Errors
///
/// As [`private::open`] and [`try_lock_file`].
pub(crate) fn try_lock(folder: &OwnedFd, name: &str, euid: u32) -> Result<Attempt, FileProblem> {
    try_lock_opened(folder, name, private::open(folder, name, true, euid)?)
}

/// As [`try_lock`], for the file `name` that was opened just now; `None`: there is
/// none.
///
/// # Errors
///
/// As [`try_lock_file`].
pub(super) fn try_lock_opened(
    folder: &OwnedFd,
    name: impl Arg,
    file: Option<Opened>,
) -> Result<Attempt, FileProblem> {
    let Some(file) = file else {
        return Ok(Attempt::Absent);
    };
    if !try_lock_file(&file.file)? {
        return Ok(Attempt::Held);
    }
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) if (named.st_dev, named.st_ino) == (file.meta.dev(), file.meta.ino()) => {
            Ok(Attempt::Locked(file))
        }
        Ok(_) => Ok(Attempt::Replaced),
        Err(Errno::NOENT) => Ok(Attempt::Absent),
        Err(err) => Err(err.into()),
    }
}

/// As [`try_lock`], but waits for at most ten seconds; `None` if there is no
/// such file.
///
/// # Errors
///
/// As [`try_lock`], and [`FileProblem::Held`].
pub(crate) fn lock(folder: &OwnedFd, name: &str, euid: u32) -> Result<Option<Opened>, FileProblem> {
    wait(MAX_WAIT, || try_lock(folder, name, euid))
}

/// Repeats `attempt` for about as long as `most`, until it has locked the file or there
/// is none.
///
/// # Errors
///
/// Those of `attempt`, and [`FileProblem::Held`].
pub(super) fn wait(
    most: Duration,
    attempt: impl Fn() -> Result<Attempt, FileProblem>,
) -> Result<Option<Opened>, FileProblem> {
    let (mut waited, mut pause) = (Duration::ZERO, SHORT_PAUSE);
    loop {
        match attempt()? {
            Attempt::Locked(file) => return Ok(Some(file)),
            Attempt::Absent => return Ok(None),
            Attempt::Held | Attempt::Replaced if waited >= most => {
                return Err(FileProblem::Held);
            }
            Attempt::Held => thread::sleep(pause),
            // Without a pause, but counted as one, so that this ends.
            Attempt::Replaced => {}
        }
        waited += pause;
        pause = match waited < LONG_WAIT {
            true => LONG_PAUSE.min(2 * pause),
            false => SHORT_PAUSE,
        };
    }
}

/// Locks `file`; `false` if another process holds the lock for longer than
/// `max_wait`. For locks that are held for microseconds.
///
/// # Errors
///
/// As [`try_lock_file`].
pub(crate) fn lock_file(file: &File, max_wait: Duration) -> Result<bool, FileProblem> {
    let (mut waited, mut pause) = (Duration::ZERO, SHORT_PAUSE);
    loop {
        if try_lock_file(file)? {
            return Ok(true);
        }
        if waited >= max_wait {
            return Ok(false);
        }
        thread::sleep(pause);
        waited += pause;
        pause = LONG_PAUSE.min(2 * pause);
    }
}

/// Whether the file system of an open file or folder has locks.
#[cfg(feature = "program")]
pub(crate) fn has_locks(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().is_ok(),
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
    }
}

/// Locks `file` without waiting; `false` if another process holds the lock.
///
/// # Errors
///
/// [`FileProblem::NoLocks`] if the file system has no locks, such as some mounts of NFS
/// and Lustre; otherwise the error of the system.
pub(crate) fn try_lock_file(file: &File) -> Result<bool, FileProblem> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(err)) => Err(match Errno::from_io_error(&err) {
            Some(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                FileProblem::NoLocks
            }
            _ => err.into(),
        }),
    }
}
