//! Keys that sign no more and verify until what they signed has expired.
//!
//! `retired_keys` lies beside `secret_key`: a line for each, `SECONDS HEX`, the
//! moment it was retired and its bytes. Only `signet key rotate` adds to it; a
//! request that finds a line of no more use takes it out.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::{self as key, FILE_NAME, Key, KeyFileError};
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, Placement, TooOpen};
use crate::files::trusted::{Readers, TrustedFolder};
use crate::files::{FileError, FileProblem};
use crate::log::log;
use crate::session::tagged_json::DateTime;

/// The name of the file in the state directory.
pub const RETIRED_FILE_NAME: &str = "retired_keys";

/// Bytes that the file may have, when it is read and when it is written.
const MAX_FILE: usize = 64 * 1024;

/// Why the key in the state directory was not replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The file of retired keys would be larger than what is read of it.
    #[error("{} has {keys} keys and no room for another; {}", path.display(), room(*until))]
    Full {
        /// The file.
        path: PathBuf,
        /// How many keys it has.
        keys: usize,
        /// When the oldest of them is dropped, in Unix seconds.
        until: u64,
    },
    /// One of the files is refused, or cannot be written.
    #[error(transparent)]
    File(#[from] KeyFileError),
}

fn room(until: u64) -> String {
    let date = i64::try_from(until).ok();
    match date.and_then(|date| DateTime::from_unix(date).ok()) {
        Some(date) => format!("the oldest is dropped after {date}"),
        None => "none is dropped in this age".to_owned(),
    }
}

/// A key, and when it was retired, in Unix seconds.
struct Retired {
    at: u64,
    key: Key,
}

impl Retired {
    /// The last cookie it signed is good for `lifetime` seconds.
    fn is_over(&self, lifetime: u64, now: u64) -> bool {
        now.saturating_sub(self.at) > lifetime
    }
}

/// The retired keys in the state directory `dir` that still verify at `now`
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
    if retired.iter().any(|key| key.is_over(lifetime, now)) {
        // A request does not wait for another process that changes the file.
        let opened = files.folder()?;
        if let Ok(Attempt::Locked(_lock)) = lock::try_lock(&opened, FILE_NAME, folder.euid()) {
            // Read again under the lock: a key may have been retired meanwhile.
            retired = files.retired(too_open)?;
            retired.retain(|key| !key.is_over(lifetime, now));
            // If the file cannot be written, the expired keys stay in it, unused.
            let _ = files.write(&opened, &files.lines(&retired));
        }
        retired.retain(|key| !key.is_over(lifetime, now));
    }
    Ok(retired
        .into_iter()
        .rev()
        .map(|retired| retired.key)
        .collect())
}

/// Makes a new key in the state directory `dir` and retires the one that is
/// there. Requests that run meanwhile read one or the other; both verify.
///
/// # Errors
///
/// Every [`RotateError`]; then the key is the one it was.
pub(crate) fn rotate(dir: &TrustedFolder, lifetime: u64, now: u64) -> Result<(), RotateError> {
    let files = KeyFiles(dir);
    let path = dir.path().join(FILE_NAME);
    // Without a key there is nothing to retire.
    key::read_own(dir, TooOpen::Corrected)?;
    let folder = files.folder()?;
    // Whoever changes one of the files locks the key, and makes sure that it is
    // still the one of that name.
    let _lock = match lock::lock(&folder, FILE_NAME, dir.euid()) {
        // Where there are no locks, and of a key that its owner made read-only,
        // two people must not do this in the same moment.
        Err(FileProblem::NoLocks | FileProblem::Unreadable { .. }) => None,
        locked => locked
            .map_err(|problem| FileError::new(&path, problem))
            .map_err(KeyFileError::from)?,
    };
    let old = key::read_own(dir, TooOpen::Corrected)?;
    let text = key::generate().map_err(KeyFileError::Random)?;
    let mut retired = files.retired(TooOpen::Corrected)?;
    retired.retain(|key| !key.is_over(lifetime, now));
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
    // Retired first: at every moment the old key is in one of the files.
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
        text.lines()
            .map(|line| {
                let (at, key) = line.split_once(' ')?;
                let key = Key::new(base16ct::mixed::decode_vec(key).ok()?).ok()?;
                Some(Retired {
                    at: at.parse().ok()?,
                    key,
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| self.failed(FileProblem::Damaged("has a line that is not a key")))
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
