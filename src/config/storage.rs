//! The store, the revocation marks and the session interface, as the settings choose
//! them.

use std::borrow::Cow;
#[cfg(feature = "redis")]
use std::sync::Arc;

use super::{Config, KeyError, SessionType, StateDirError, StoreType};
use crate::files::trusted::TrustedFolder;
#[cfg(feature = "redis")]
use crate::session::redis::Client;
use crate::session::revocation::{RevocationFiles, Revocations};
use crate::session::store::{Files, Store};
use crate::session::{SessionInterface, Storage};

/// Why sessions can be neither opened nor saved.
#[derive(Debug)]
pub(crate) enum NoSessions {
    Key(KeyError),
    /// The folder of the sessions cannot be used.
    StateDir(StateDirError),
}

error_texts! { NoSessions:
    Self::Key(err) => "{err}";
    Self::StateDir(err) => "{err}";
}

from_errors! { NoSessions:
    Key(KeyError);
    StateDir(StateDirError);
}

impl Config {
    /// The interface that opens and saves sessions at `now`, in Unix seconds. Its parts
    /// share the connection to Redis and its time limit.
    ///
    /// # Errors
    ///
    /// [`NoSessions`]
    pub(crate) fn session_interface(&self, now: u64) -> Result<SessionInterface, NoSessions> {
        let storage = match self.session_type {
            SessionType::Stored(kind) => Storage::Store(self.store_of(kind)?),
            SessionType::Cookie => Storage::Cookie(self.signer(now)?, self.store()?),
        };
        let revocations = self.revocations();
        #[cfg(feature = "redis")]
        self.redis.begin_request();
        Ok(SessionInterface {
            settings: self.cookie.clone(),
            storage,
            revocations,
        })
    }

    /// The store that `SESSION_TYPE` or `SESSION_OVERFLOW` names; `None` if neither
    /// does.
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if the folder of the sessions cannot be used.
    pub fn store(&self) -> Result<Option<Box<dyn Store>>, StateDirError> {
        let kind = match self.session_type {
            SessionType::Cookie => self.overflow,
            SessionType::Stored(kind) => Some(kind),
        };
        kind.map(|kind| self.store_of(kind)).transpose()
    }

    fn store_of(&self, kind: StoreType) -> Result<Box<dyn Store>, StateDirError> {
        let lifetime = self.cookie.lifetime;
        Ok(match kind {
            StoreType::Filesystem => Box::new(Files::in_folder(self.session_file_dir()?, lifetime)),
            #[cfg(feature = "redis")]
            StoreType::Redis => self.redis.store(lifetime),
        })
    }

    /// Where revocation marks are stored. Several machines with the same key need each
    /// other's marks: with signed cookies, the marks are in Redis if `SESSION_REDIS` is
    /// set.
    pub(super) fn marks_in(&self) -> StoreType {
        match (self.session_type, self.overflow) {
            (SessionType::Stored(StoreType::Filesystem), _) => StoreType::Filesystem,
            #[cfg(feature = "redis")]
            (SessionType::Stored(StoreType::Redis), _) => StoreType::Redis,
            #[cfg(feature = "redis")]
            (SessionType::Cookie, Some(StoreType::Redis)) => StoreType::Redis,
            #[cfg(feature = "redis")]
            (SessionType::Cookie, Some(StoreType::Filesystem) | None)
                if self.redis.url.is_some() =>
            {
                StoreType::Redis
            }
            (SessionType::Cookie, Some(StoreType::Filesystem) | None) => StoreType::Filesystem,
        }
    }

    /// Whether sessions and revocation marks are in Redis or in an existing
    /// `SESSION_FILE_DIR`, and not in the state folder.
    pub(crate) fn keeps_sessions_elsewhere(&self) -> bool {
        let given = self.given_session_dir.as_ref();
        let has_folder = given.is_some_and(|dir| dir.is_dir());
        let is_elsewhere = |kind: StoreType| !kind.is_in_files() || has_folder;
        match self.session_type {
            SessionType::Stored(kind) => is_elsewhere(kind) && is_elsewhere(self.marks_in()),
            SessionType::Cookie => {
                !self.marks_in().is_in_files() && self.overflow.is_none_or(is_elsewhere)
            }
        }
    }

    /// The folder above that of marks in files; `None` if it cannot be used.
    fn marks_folder(&self) -> Option<Cow<'_, TrustedFolder>> {
        match self.session_type {
            SessionType::Stored(_) => self.session_file_dir().ok().map(Cow::Owned),
            SessionType::Cookie => self.state_dir.as_ref().ok().map(Cow::Borrowed),
        }
    }

    /// Whether there is a place for revocation marks.
    pub(crate) fn has_revocations(&self) -> bool {
        match self.marks_in() {
            StoreType::Filesystem => self.marks_folder().is_some(),
            #[cfg(feature = "redis")]
            StoreType::Redis => true,
        }
    }

    /// The revocation marks; `None` if there is no place for them.
    pub fn revocations(&self) -> Option<Box<dyn Revocations>> {
        let lifetime = self.cookie.lifetime;
        match self.marks_in() {
            StoreType::Filesystem => {
                let folder = self.marks_folder()?.own_subfolder("ended");
                Some(Box::new(RevocationFiles::in_folder(folder, lifetime)))
            }
            #[cfg(feature = "redis")]
            StoreType::Redis => Some(self.redis.revocations(lifetime)),
        }
    }

    /// Takes over the connections to Redis of `before`, if it uses the same Redis.
    #[cfg(feature = "redis")]
    pub(crate) fn keep_connections_of(&self, before: &Self) {
        self.redis.keep_connections_of(&before.redis);
    }

    /// The Redis that `SESSION_REDIS` names, and the prefix of the program's keys in it;
    /// `None` if it is not set.
    #[cfg(feature = "redis")]
    pub(crate) fn shared_redis(&self) -> Option<(Arc<Client>, String)> {
        self.redis.shared()
    }

    pub(crate) fn session_file_dir(&self) -> Result<TrustedFolder, StateDirError> {
        match &self.session_file_dir {
            Some(dir) => dir.clone(),
            None => Ok(self.state_folder()?.own_subfolder("sessions")),
        }
    }
}
