//! Users without a shell: the owner uploads `add_users.txt` into the state folder, and
//! the next request for the login page takes its lines into the users file.
//!
//! Each line is `name:password`, in UTF-8. The password is all that follows the first
//! colon, blanks too. A line is removed after the users file has it, so a process that is
//! killed in between loses nothing: its lines are taken again. The file is deleted with
//! its last line. A line that cannot be used becomes a comment that says why, without the
//! password; the file then stays until the owner deletes it.

mod lines;

use std::fs::Metadata;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Timespec, Timestamps, utimensat};
use zeroize::Zeroizing;

use super::hash::{HashError, PasswordHash};
use super::name::Username;
use super::password::Password;
use super::store::{self, StoreError, Stored};
use crate::config::{Config, StateDirError, UsersFileError};
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, Placement, TooOpen};
use crate::files::shared::{ChangeError, Patience};
use crate::files::trusted::{Opened, Readers};
use crate::files::{FileError, FileProblem};
pub use lines::{Budget, RefusedLine};
use lines::{hash_lines, is_user, lines as lines_of};

/// The name of the uploaded file in the state folder.
pub const FILE_NAME: &str = "add_users.txt";

/// Bytes of the uploaded file that are read.
const MAX_FILE: usize = 1 << 20;

/// Bytes that a hash adds to a line of the users file, at most.
const MAX_HASH: usize = 128;

/// Seconds without a change after which an upload has ended.
const QUIET: u64 = 10;

/// The same for a file whose last line has no end: the rest of it may follow.
const QUIET_IN_A_LINE: u64 = 60;

/// What became of an uploaded file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Upload {
    /// The users whose lines were taken, in the order of the lines.
    pub stored: Vec<(Username, Stored)>,
    /// Those of them whose passwords `signet user` would refuse. The owner's choice is
    /// taken, because nobody is there who could be asked for another one.
    pub weak: Vec<Username>,
    /// Lines that cannot be used, by their number from 1 in the file as it was.
    pub refused: Vec<(usize, RefusedLine)>,
    /// How many lines are left for the next requests.
    pub left: usize,
}

/// Why the lines of an uploaded file were not taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum UploadError {
    /// It was changed a moment ago, so that its upload may go on.
    Unfinished {
        /// The seconds until it is taken, if it is not changed again.
        seconds: u64,
    },
    /// There is no state folder.
    StateDir(StateDirError),
    /// The uploaded file cannot be read or replaced.
    File(FileError),
    /// There is no place for a users file.
    Users(UsersFileError),
    /// The users file cannot be changed.
    Store(StoreError),
    /// No password can be hashed at the moment.
    Hash(HashError),
}

error_texts! { UploadError:
    Self::Unfinished { seconds } =>
        "{FILE_NAME} was not read: its upload may go on; open the login page again in {seconds} s";
    Self::StateDir(err) => "{err}";
    Self::File(err) => "{FILE_NAME} was not read: {err}";
    Self::Users(err) => "{FILE_NAME} was not read: {err}";
    Self::Store(err) => "{FILE_NAME} was not read: {err}";
    Self::Hash(err) => "{FILE_NAME} was not read: {err}";
}

from_errors! { UploadError:
    StateDir(StateDirError);
    File(FileError);
    Users(UsersFileError);
    Store(StoreError);
}

/// Takes lines of an uploaded `add_users.txt` into the users file, if both files can be
/// replaced. `None` if there is nothing to do: no file; one that another process works on;
/// only comments. `now` is in Unix seconds; `make` hashes a password.
///
/// # Errors
///
/// Every [`UploadError`]: the owner has to do something, or to wait: the file was changed in
/// the last 10 s (60 s if its last line has no end). No password was lost.
pub fn take(
    config: &Config,
    now: u64,
    budget: &Budget<'_>,
    make: impl FnMut(&Password) -> Result<PasswordHash, HashError>,
) -> Result<Option<Upload>, UploadError> {
    let folder = config.state_folder()?;
    // Before the folder is opened, because nearly always there is no such file.
    let Some(opened) = folder.open_own(FILE_NAME, TooOpen::Corrected)? else {
        return Ok(None);
    };
    let path = folder.path().join(FILE_NAME);
    let file = Uploaded {
        folder: match folder.open(Readers::Anybody)? {
            Some(folder) => folder,
            None => return Ok(None),
        },
        path,
    };
    // Comments cost no lock.
    if !file.has_work(&opened, &file.read(&opened)?, now)? {
        return Ok(None);
    }
    let locked = lock::try_lock(&file.folder, FILE_NAME, folder.euid());
    let opened = match locked {
        Ok(Attempt::Locked(opened)) => opened,
        Ok(Attempt::Absent | Attempt::Held | Attempt::Replaced) => return Ok(None),
        // Without locks, the same line may be taken twice.
        Err(FileProblem::NoLocks) => opened,
        Err(problem) => return Err(file.failed(problem).into()),
    };
    let bytes = file.read(&opened)?;
    if !file.has_work(&opened, &bytes, now)? {
        return Ok(None);
    }
    let users = config.users_file()?;
    // For each line, a new one of the name and the hash.
    let growth = bytes.len() + MAX_HASH * lines_of(&bytes).count();
    users
        .check_changeable(Patience::Short, growth)
        .map_err(StoreError::from)?;
    let taken = hash_lines(&bytes, budget, make)?;
    let stored = match taken.users.is_empty() {
        true => Vec::new(),
        false => store::set_all(&users, Patience::Short, &taken.users)?,
    };
    let names = taken.users.into_iter().map(|(name, _)| name);
    file.replace(&opened, &taken.rest)?;
    Ok(Some(Upload {
        stored: names.zip(stored).collect(),
        weak: taken.weak,
        refused: taken.refused,
        left: taken.left,
    }))
}

impl UploadError {
    /// Whether another process changes the users file at this moment, so that the next
    /// request may succeed.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Change(ChangeError::File(FileError {
                problem: FileProblem::Held,
                ..
            })))
        )
    }
}

/// An uploaded file.
struct Uploaded {
    folder: OwnedFd,
    path: PathBuf,
}

impl Uploaded {
    fn read(&self, opened: &Opened) -> Result<Zeroizing<Vec<u8>>, UploadError> {
        let bytes = opened.read(MAX_FILE);
        Ok(Zeroizing::new(
            bytes.map_err(|problem| self.failed(problem))?,
        ))
    }

    /// Whether there is a line to take, or the file is empty: then it is deleted, as one
    /// without lines is.
    ///
    /// # Errors
    ///
    /// [`UploadError::Unfinished`]
    fn has_work(&self, opened: &Opened, bytes: &[u8], now: u64) -> Result<bool, UploadError> {
        if !bytes.is_empty() && !lines_of(bytes).any(|line| is_user(line.text)) {
            return Ok(false);
        }
        let needed = match bytes.ends_with(b"\n") {
            true => QUIET,
            false => QUIET_IN_A_LINE,
        };
        let age = |second: i64| now.saturating_sub(second.try_into().unwrap_or(0));
        let (modified, changed) = (opened.meta.mtime(), opened.meta.ctime());
        // FTP clients set the time of modification, and maybe to a future one.
        let quiet = match age(modified) {
            0 => age(changed),
            age => age,
        };
        match needed.saturating_sub(quiet) {
            0 => Ok(true),
            seconds => Err(UploadError::Unfinished { seconds }),
        }
    }

    /// Puts `rest` in the place of the file, or deletes it if nothing is left. What was
    /// uploaded in its place meanwhile stays, and a file that was deleted stays deleted.
    fn replace(&self, opened: &Opened, rest: &[u8]) -> Result<(), UploadError> {
        let meta = std::fs::symlink_metadata(&self.path);
        let state = |meta: &Metadata| {
            let change = (meta.mtime(), meta.mtime_nsec());
            (meta.dev(), meta.ino(), meta.len(), change)
        };
        if !meta.is_ok_and(|meta| state(&meta) == state(&opened.meta)) {
            return Ok(());
        }
        let done = match rest.is_empty() {
            true => private::remove_synced(&self.folder, FILE_NAME),
            false => private::put_synced(&self.folder, FILE_NAME, rest, Placement::Replace)
                .map(|()| self.keep_time(&opened.meta)),
        };
        Ok(done.map_err(|err| self.failed(err))?)
    }

    /// The next request goes on at once. If that fails, a later one does.
    fn keep_time(&self, meta: &Metadata) {
        let time = Timespec {
            tv_sec: meta.mtime(),
            tv_nsec: meta.mtime_nsec(),
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        let _ = utimensat(&self.folder, FILE_NAME, &times, AtFlags::SYMLINK_NOFOLLOW);
    }

    fn failed(&self, problem: impl Into<FileProblem>) -> FileError {
        FileError::new(&self.path, problem)
    }
}
