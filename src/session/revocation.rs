//! The end of all sessions of a user, wherever they are kept.
//!
//! A signed cookie cannot be deleted from here. So a mark says up to which
//! moment the sessions of a user are over; each session knows when it began.
//! What begins after a mark is dated after it, even within the same second or
//! by a clock that went back.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::id::hash;
use super::record::Record;
use super::store::StoreError;
use super::whole_file::{self, OpenError, Placement};

/// The name that stands for everybody in a file of marks.
const EVERYBODY: &str = "*";

/// Bytes that a file of marks may have.
const MAX_FILE: usize = 1024 * 1024;

/// Marks at which sessions are over.
pub trait Revocations {
    /// The last moment, in Unix seconds, of which the sessions of `user` that
    /// began by then are over; `None` if there is no such moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if that cannot be known.
    fn ended(&self, user: &str) -> Result<Option<u64>, StoreError>;

    /// Ends every session of `user` (of everybody without one) that began by
    /// `now`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none may be taken to have ended.
    fn end(&self, user: Option<&str>, now: u64) -> Result<(), StoreError>;
}

/// Whether a mark says that the session in `record` is over.
pub(crate) fn is_over(revocations: &dyn Revocations, record: &Record) -> bool {
    let ended = revocations.ended(record.user().unwrap_or_default());
    ended.is_ok_and(|ended| ended.is_some_and(|ended| record.started <= ended))
}

/// Marks in files: 256 of them, so that a look-up reads one small file.
#[derive(Clone, Debug)]
pub struct RevocationFiles {
    dir: PathBuf,
    euid: u32,
    lifetime: u64,
}

/// By hash of a user, or [`EVERYBODY`]: the moment.
type Marks = BTreeMap<String, u64>;

impl RevocationFiles {
    /// Marks in `dir`, which is made, mode 0700, when the first is set. A mark
    /// older than `lifetime` seconds is of no use: no session lives longer.
    pub fn new(dir: PathBuf, euid: u32, lifetime: u64) -> Self {
        Self {
            dir,
            euid,
            lifetime,
        }
    }

    fn folder(&self) -> Result<Option<OwnedFd>, StoreError> {
        let folder = whole_file::open_folder(CWD, &self.dir).map_err(|err| self.failed(err))?;
        if let Some(folder) = &folder {
            whole_file::check_folder(folder, self.euid).map_err(|err| self.failed(err))?;
        }
        Ok(folder)
    }

    fn read(&self, folder: &OwnedFd, name: &str) -> Result<Marks, StoreError> {
        let failed = |err| self.failed(err);
        let file = whole_file::open(folder, name, false, self.euid).map_err(failed)?;
        let Some(file) = file else {
            return Ok(Marks::new());
        };
        let bytes = file.read(MAX_FILE).map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes);
        let marks = text.lines().map(|line| {
            let (who, at) = line.split_once(' ')?;
            Some((who.to_owned(), at.parse().ok()?))
        });
        marks
            .collect::<Option<_>>()
            .ok_or_else(|| failed(OpenError::Refused("has a line that is no mark")))
    }

    /// Dates `who` in the file `name`, and leaves out what is of no use.
    fn mark(&self, folder: &OwnedFd, name: &str, who: &str, now: u64) -> Result<(), StoreError> {
        let mut marks = self.read(folder, name)?;
        let newest = marks.values().copied().max();
        let at = newest.map_or(now, |newest| now.max(newest + 1));
        marks.retain(|_, ended| now.saturating_sub(*ended) <= self.lifetime);
        if who == EVERYBODY {
            marks.clear();
        }
        marks.insert(who.to_owned(), at);
        let text: String = marks
            .iter()
            .map(|(who, at)| format!("{who} {at}\n"))
            .collect();
        if text.len() > MAX_FILE {
            return Err(self.failed(OpenError::Refused("would be too large")));
        }
        whole_file::put(folder, name, text.as_bytes(), Placement::Replace)
            .map_err(|err| self.failed(OpenError::Io(err)))
    }

    /// One change at a time.
    fn lock(&self, folder: &OwnedFd) -> Result<File, StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = openat(folder, ".lock", flags, Mode::RUSR | Mode::WUSR);
        let lock = File::from(lock.map_err(|err| self.failed(err.into()))?);
        lock.lock().map_err(|err| self.failed(OpenError::Io(err)))?;
        Ok(lock)
    }

    fn failed(&self, err: OpenError) -> StoreError {
        failed(&self.dir, err)
    }
}

fn failed(dir: &Path, err: OpenError) -> StoreError {
    let shown = dir.display();
    StoreError::Unavailable(match err {
        OpenError::Io(err) => format!("{shown}: {err}"),
        OpenError::Refused(reason) => format!("{shown}: a file {reason}"),
    })
}

impl Revocations for RevocationFiles {
    fn ended(&self, user: &str) -> Result<Option<u64>, StoreError> {
        let user = hash(user);
        let Some(folder) = self.folder()? else {
            return Ok(None);
        };
        let marks = self.read(&folder, &user[..2])?;
        Ok(marks.get(&user).max(marks.get(EVERYBODY)).copied())
    }

    fn end(&self, user: Option<&str>, now: u64) -> Result<(), StoreError> {
        let folder = match self.folder()? {
            Some(folder) => folder,
            None => {
                let made = DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(&self.dir);
                made.map_err(|err| self.failed(OpenError::Io(err)))?;
                let gone = std::io::ErrorKind::NotFound;
                self.folder()?
                    .ok_or_else(|| self.failed(OpenError::Io(gone.into())))?
            }
        };
        let _lock = self.lock(&folder)?;
        whole_file::remove_unfinished(&folder).map_err(|err| self.failed(OpenError::Io(err)))?;
        match user.map(hash) {
            Some(user) => self.mark(&folder, &user[..2], &user, now),
            None => (0..=u8::MAX)
                .try_for_each(|first| self.mark(&folder, &format!("{first:02x}"), EVERYBODY, now)),
        }
    }
}
