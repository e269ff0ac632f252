//! Retired keys, which only verify, until the cookies that they signed have expired.
//!
//! The file `retired_keys` beside `secret_key` has a line `SECONDS HEX` for each: when
//! it was retired, and its bytes. Only `signet key rotate` adds lines; requests remove
//! those of keys that no longer verify.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::{self as key, FILE_NAME, Key, KeyFileError};
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, Placement, TooOpen};
use crate::files::trusted::{Readers, TrustedFolder};
use crate::files::{FileError, FileProblem};
use crate::log::log;
use crate::session::tagged_json::DateTime;

/// The name of the file in the state folder.
pub const RETIRED_FILE_NAME: &str = "retired_keys";

/// The most bytes of the file, when it is read and when it is written.
const MAX_FILE: usize = 64 * 1024;

/// Why the key in the state folder was not replaced.
#[derive(Debug)]
#[non_exhaustive]
pub enum RotateError {
    /// The file of retired keys would be too large to be read.
    Full {
        /// The file.
        path: PathBuf,
        /// The number of keys in it.
        keys: usize,
        /// The time at which the oldest of them is removed, in Unix seconds.
        until: u64,
    },
    /// One of the files is refused or cannot be written.
    File(KeyFileError),
}

error_texts! { RotateError:
    Self::Full { path, keys, until } =>
        "{} has {keys} keys and no room for another; {}", path.display(), room(*until);
    Self::File(err) => "{err}";
}

from_errors! { RotateError:
    File(KeyFileError);
}

fn room(until: u64) -> String {
    let date = i64::try_from(until).ok();
    match date.and_then(|date| DateTime::from_unix(date).ok()) {
        Some(date) => format!("the oldest is dropped after {date}"),
        None => "none is dropped before the year 10000".to_owned(),
    }
}

/// A key, and when it was retired, in Unix seconds.
struct Retired {
    at: u64,
    key: Key,
}

impl Retired {
    /// Whether all cookies that were signed with it have expired.
    fn has_expired(&self, lifetime: u64, now: u64) -> bool {
        now.saturating_sub(self.at) > lifetime
    }
}

/// The retired keys in the state folder that still verify at `now`
/// (Unix seconds), newest first. `lifetime` is `PERMANENT_SESSION_LIFETIME`.
///
/// # Errors
///
/// Every [`KeyFileError`], as for the key itself.
pub(crate) fn read(
    folder: &TrustedFolder,
    lifetime: u64,
    now: u64,
    too_open: TooOpen,
) -> Result<Vec<Key>, KeyFileError> {
    let files = KeyFiles(folder);
    let mut retired = files.retired(too_open)?;
    if retired.iter().any(|key| key.has_expired(lifetime, now)) {
        // Requests do not wait for another process that changes the file.
        let opened = files.folder()?;
        if let Ok(Attempt::Locked(_lock)) = lock::try_lock(&opened, FILE_NAME, folder.euid()) {
            // Again, under the lock: a key may have been retired meanwhile.
            retired = files.retired(too_open)?;
            retired.retain(|key| !key.has_expired(lifetime, now));
            // If the file cannot be written, the expired keys stay in it unused.
            let _ = files.write(&opened, &files.lines(&retired));
        }
        retired.retain(|key| !key.has_expired(lifetime, now));
    }
    Ok(retired
        .into_iter()
        .rev()
        .map(|retired| retired.key)
        .collect())
}

/// Creates a new key in the state folder and retires the current one. Requests that
/// run meanwhile read one or the other, and both verify.
///
/// # Errors
///
/// Every [`RotateError`]; then the key is unchanged.
pub(crate) fn rotate(dir: &TrustedFolder, lifetime: u64, now: u64) -> Result<(), RotateError> {
    let files = KeyFiles(dir);
    let path = dir.path().join(FILE_NAME);
    // Without a key there is nothing to retire.
    key::read_own(dir, TooOpen::Corrected)?;
    let folder = files.folder()?;
    // Every change of one of the files locks the key file and checks that its name
    // still leads to the locked file.
    let _lock = match lock::lock(&folder, FILE_NAME, dir.euid()) {
        // On a file system without locks, and if the owner made the key read-only, two
        // rotations at the same moment are not separated.
        Err(FileProblem::NoLocks | FileProblem::Unreadable { .. }) => None,
        locked => locked
            .map_err(|problem| FileError::new(&path, problem))
            .map_err(KeyFileError::from)?,
    };
    let old = key::read_own(dir, TooOpen::Corrected)?;
    let text = key::generate().map_err(KeyFileError::Random)?;
    let mut retired = files.retired(TooOpen::Corrected)?;
    retired.retain(|key| !key.has_expired(lifetime, now));
    retired.push(Retired { at: now, key: old });
    let lines = files.lines(&retired);
    if lines.len() > MAX_FILE {
        let oldest = retired.iter().map(|key| key.at).min();
        return Err(RotateError::Full {
            path: dir.path().join(RETIRED_FILE_NAME),
            keys: retired.len() - 1,
            until: oldest.unwrap_or(now).saturating_add(lifetime),
        });
    }
    private::remove_unfinished(&folder).map_err(|err| files.failed(err.into()))?;
    // The retired key is written first, so the old key is always in one of the files.
    files.write(&folder, &lines)?;
    private::put_synced(&folder, FILE_NAME, text.as_bytes(), Placement::Replace)
        .map_err(|err| KeyFileError::from(FileError::new(&path, err)))?;
    Ok(())
}

/// The folder that holds both files.
struct KeyFiles<'d>(&'d TrustedFolder);

impl KeyFiles<'_> {
    fn folder(&self) -> Result<OwnedFd, KeyFileError> {
        let folder = self.0.open(Readers::Anybody)?;
        folder.ok_or_else(|| FileError::new(self.0.path(), FileProblem::Missing).into())
    }

    fn retired(&self, too_open: TooOpen) -> Result<Vec<Retired>, KeyFileError> {
        let Some(file) = self.0.open_own(RETIRED_FILE_NAME, too_open)? else {
            return Ok(Vec::new());
        };
        if file.was_readable {
            log(format_args!(
                "others may know a retired key, which still verifies: to replace it, delete \
                 {RETIRED_FILE_NAME}; who logged in before the last `signet key rotate` logs in \
                 again"
            ));
        }
        let bytes = file.read(MAX_FILE).map_err(|err| self.failed(err))?;
        let text = String::from_utf8_lossy(&bytes);
        let mut retired = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let (at, key) = Self::parse(line)
                .ok_or_else(|| self.failed(FileProblem::Damaged("has a line that is not a key")))?;
            match Key::new(key) {
                Ok(key) => retired.push(Retired { at, key }),
                // An earlier version accepted this key. The site must work with its
                // current key all the same.
                Err(reason) => log(format_args!(
                    "the key in line {} of {RETIRED_FILE_NAME} {reason}; it is not used",
                    number + 1
                )),
            }
        }
        Ok(retired)
    }

    /// The moment and the bytes of a line.
    fn parse(line: &str) -> Option<(u64, Vec<u8>)> {
        let (at, key) = line.split_once(' ')?;
        Some((at.parse().ok()?, base16ct::mixed::decode_vec(key).ok()?))
    }

    fn lines(&self, retired: &[Retired]) -> String {
        retired
            .iter()
            .map(|Retired { at, key }| {
                format!("{at} {}\n", base16ct::lower::encode_string(key.as_bytes()))
            })
            .collect()
    }

    fn write(&self, folder: &OwnedFd, lines: &str) -> Result<(), KeyFileError> {
        let bytes = lines.as_bytes();
        private::put_synced(folder, RETIRED_FILE_NAME, bytes, Placement::Replace)
            .map_err(|err| self.failed(err.into()))
    }

    fn failed(&self, problem: FileProblem) -> KeyFileError {
        FileError::new(&self.0.path().join(RETIRED_FILE_NAME), problem).into()
    }
}
