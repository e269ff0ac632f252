//! Sessions that are stored on the server, by id.
//!
//! To add a store: one file here, and the match arms that the compiler asks for. One
//! set of tests, `tests/suite/store`, runs on every store.

mod files;
#[cfg(feature = "redis")]
mod redis;

use std::path::PathBuf;

pub use files::Files;
#[cfg(feature = "redis")]
pub use redis::Redis;

use super::id::{SessionId, SessionKey};
use super::listed::SessionList;
use super::record::{DamagedRecord, Record, RecordTooLarge};
use crate::files::FileError;

/// Why a store failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be used at the moment.
    Unavailable(String),
    /// A file or folder of the store cannot be used.
    File(FileError),
    /// The file or key is not a record. It is not changed.
    Refused {
        /// The file, or the key.
        path: PathBuf,
        /// Why it is not a record.
        reason: String,
    },
    /// A record is damaged.
    Damaged {
        /// The file, or the key.
        path: PathBuf,
        /// The error.
        reason: DamagedRecord,
    },
    /// The session is larger than the limit; nothing was changed.
    TooLarge(RecordTooLarge),
    /// A new session got an id that is in use: the system's random bytes repeat.
    IdInUse,
}

error_texts! { StoreError:
    Self::Unavailable(text) => "session store: {text}";
    Self::File(err) => "session store: {err}";
    Self::Refused { path, reason } => "session store: {}: {reason}", path.display();
    Self::Damaged { path, reason } => "session store: {} {reason}", path.display();
    Self::TooLarge(err) => "{err}";
    Self::IdInUse => "session store: the id of a new session is in use";
}

from_errors! { StoreError:
    TooLarge(RecordTooLarge);
}

/// The change of a record.
#[derive(Debug)]
pub enum Change {
    /// It is replaced.
    Replace(Record),
    /// It is deleted.
    Delete,
}

/// Makes the new record from the stored one. A store calls it again if another
/// process changed the record meanwhile.
pub type Changing<'c> = dyn FnMut(Record) -> Change + 'c;

/// Session records by id.
///
/// `now` is in Unix seconds. A record that was not saved for the store's lifetime
/// counts as absent, whether it was removed or not. Errors are failures of the system
/// and refused records; an unknown id is not an error.
pub trait Store {
    /// The record under `id`; `None` if there is none.
    fn load(&self, id: &SessionId, now: u64) -> Result<Option<Record>, StoreError> {
        self.load_by(&id.key(), now)
    }

    /// As [`Store::load`], by the key of the session.
    fn load_by(&self, key: &SessionKey, now: u64) -> Result<Option<Record>, StoreError>;

    /// Stores a new session. An `id` in use is [`StoreError::IdInUse`]. So that the
    /// store does not grow, some expired records are removed: in files, by reading the names
    /// in at most four of 4096 folders.
    fn create(&self, id: &SessionId, record: &Record) -> Result<(), StoreError>;

    /// Reads the record under `id` and replaces it by the result of `change`, as one
    /// atomic step. Returns `false` if there is no such record; then nothing is stored.
    fn update(
        &self,
        id: &SessionId,
        now: u64,
        change: &mut Changing<'_>,
    ) -> Result<bool, StoreError>;

    /// As [`Store::update`], but stores the result of `change` under `new` and deletes
    /// `old`.
    fn renew(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: u64,
        change: &mut Changing<'_>,
    ) -> Result<bool, StoreError>;

    /// Deletes the record under `id`. Returns whether there was one.
    fn delete(&self, id: &SessionId) -> Result<bool, StoreError> {
        self.delete_by(&id.key())
    }

    /// As [`Store::delete`], by the key of the session.
    fn delete_by(&self, key: &SessionKey) -> Result<bool, StoreError>;

    /// The list of a user's sessions, which is empty if there is none.
    fn list(&self, user: &str) -> Result<SessionList, StoreError>;

    /// Replaces the list of a user's sessions by what `change` makes of it, as one atomic
    /// step. It is kept for the lifetime of a session. `change` is called again if another
    /// process changed the list meanwhile.
    fn change_list(
        &self,
        user: &str,
        change: &mut dyn FnMut(&mut SessionList),
    ) -> Result<(), StoreError>;

    /// Removes the expired records. Returns how many it removed.
    fn sweep(&self, now: u64) -> Result<usize, StoreError>;

    /// Calls `visit` with every session, in any order, and its size in bytes, until it
    /// returns [`Visit::Stop`]. Removes expired records, and those for which it
    /// returns [`Visit::Delete`]. Returns how many of those it could not remove now,
    /// because another process uses them or the system does not allow it.
    fn for_each(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<usize, StoreError>;
}

/// What [`Store::for_each`] does next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Visit {
    /// It continues.
    Next,
    /// It removes this record and continues.
    Delete,
    /// It ends.
    Stop,
}
