//! Sessions that are kept on the server, by id.
//!
//! One set of tests, `tests/suite/store`, runs on every implementation.

mod files;
mod redis;

use std::path::PathBuf;

pub use files::Files;
pub use redis::Redis;

use super::id::SessionId;
use super::record::{DamagedRecord, Record};
use crate::files::FileError;

/// Why a store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system failed: nothing is known about any session.
    #[error("session store: {0}")]
    Unavailable(String),
    /// A file or folder cannot be used: nothing is known about any session.
    #[error("session store: {0}")]
    File(FileError),
    /// Something else than a record is in a record's place. It is left alone.
    #[error("session store: {path}: {reason}")]
    Refused {
        /// The file, or the key.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What lies there is no whole record.
    #[error("session store: {path} {reason}")]
    Damaged {
        /// The file, or the key.
        path: PathBuf,
        /// That it is damaged.
        reason: DamagedRecord,
    },
    /// The session is larger than a record may be; nothing was changed.
    #[error("session has {size} bytes, and {limit} are the limit; it was not stored")]
    TooLarge {
        /// Bytes of the record.
        size: usize,
        /// Bytes a record may have.
        limit: usize,
    },
    /// A new session got an id that is in use: the random bytes are not random.
    #[error("session store: the id of a new session is in use")]
    IdInUse,
}

/// What becomes of a record.
#[derive(Debug)]
pub enum Change {
    /// This is stored in its place.
    Replace(Record),
    /// It is deleted.
    Delete,
}

/// Makes the new record from the stored one. A store may call it again with a
/// newer one if somebody else was faster.
pub type Changing<'c> = dyn FnMut(Record) -> Change + 'c;

/// Session records by id.
///
/// `now` is in Unix seconds. A record that nobody saved for the store's
/// lifetime is absent, whether it was removed already or not. `Err` means that
/// the system failed or a record was refused, never that a visitor sent a bad
/// id.
pub trait Store {
    /// The record under `id`; `None` if there is none.
    fn load(&self, id: &SessionId, now: u64) -> Result<Option<Record>, StoreError>;

    /// Stores a new session. An `id` in use is [`StoreError::IdInUse`].
    fn create(&self, id: &SessionId, record: &Record) -> Result<(), StoreError>;

    /// Reads the record under `id` anew and puts what `change` makes of it in
    /// its place, alone with it meanwhile. `false` if there is none: then
    /// nothing is stored.
    fn update(
        &self,
        id: &SessionId,
        now: u64,
        change: &mut Changing<'_>,
    ) -> Result<bool, StoreError>;

    /// As [`Store::update`], but what `change` makes lies under `new`
    /// afterwards, and nothing under `old`.
    fn renew(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: u64,
        change: &mut Changing<'_>,
    ) -> Result<bool, StoreError>;

    /// Forgets `id`; an absent one is success. Returns whether it was there.
    fn delete(&self, id: &SessionId) -> Result<bool, StoreError>;

    /// Looks at about `entries` records, wherever it comes by, and removes
    /// those that are over. Returns how many it removed.
    fn sweep(&self, now: u64, entries: usize) -> Result<usize, StoreError>;

    /// Shows every session to `visit`, in any order, with its size in bytes,
    /// until it says [`Visit::Stop`]; removes those for which it says
    /// [`Visit::Delete`], and those that are over.
    fn for_each(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<(), StoreError>;
}

/// What [`Store::for_each`] does next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Visit {
    /// Go on.
    Next,
    /// Remove this one and go on.
    Delete,
    /// Be done.
    Stop,
}
