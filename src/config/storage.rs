//! The store, the revocation marks and the session interface that the settings
//! ask for.

use std::sync::Arc;

use super::{Config, Keeper, SessionType, StateDirError, StoreType};
use crate::files::trusted::TrustedFolder;
use crate::session::redis::Client;
use crate::session::revocation::{RevocationFiles, RevocationRedis, Revocations};
use crate::session::store::{Files, Redis, Store};
use crate::session::{SessionInterface, Storage};

impl Config {
    /// How sessions are opened and saved.
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if there is no fit place for the store.
    pub(crate) fn session_interface(
        &self,
        keeper: Keeper,
    ) -> Result<SessionInterface, StateDirError> {
        let storage = match keeper {
            Keeper::Store(kind) => Storage::Store(self.store_of(kind)?),
            Keeper::Visitor(signer) => {
                let overflow = self.overflow.map(|kind| self.store_of(kind));
                Storage::Cookie(signer, overflow.transpose()?)
            }
        };
        let revocations = self.revocations();
        // Both share its time to wait for Redis, if they are there.
        if let Some(client) = self.redis_client.get() {
            client.begin_request();
        }
        Ok(SessionInterface {
            settings: self.cookie.clone(),
            storage,
            revocations,
            accepts_any_name: true,
        })
    }

    /// The store that `SESSION_TYPE` or `SESSION_OVERFLOW` names, if one does.
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if there is no fit place for it.
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
            StoreType::Filesystem => {
                Box::new(Files::in_folder(self.session_file_dir()?.into(), lifetime))
            }
            StoreType::Redis => {
                let prefix = self.key_prefix.clone().into_owned();
                Box::new(Redis::new(self.redis(), prefix, lifetime))
            }
        })
    }

    /// Whether ended sessions can be marked, so that
    /// [`revocations`](Self::revocations) are there.
    pub(crate) fn has_revocations(&self) -> bool {
        match self.session_type {
            SessionType::Stored(StoreType::Filesystem) => match &self.session_file_dir {
                Some(dir) => dir.is_ok(),
                None => self.state_dir.is_ok(),
            },
            SessionType::Cookie if self.marks_in_files() => self.state_dir.is_ok(),
            SessionType::Cookie | SessionType::Stored(StoreType::Redis) => true,
        }
    }

    /// With signed cookies. Of several machines with one key, each has to see the
    /// marks, so they are in Redis if there is one.
    fn marks_in_files(&self) -> bool {
        self.redis.is_none() && self.overflow != Some(StoreType::Redis)
    }

    /// Where ended sessions are marked; `None` if there is no place for it.
    pub fn revocations(&self) -> Option<Box<dyn Revocations>> {
        let lifetime = self.cookie.lifetime;
        let sessions;
        let dir = match self.session_type {
            SessionType::Stored(StoreType::Filesystem) => {
                sessions = self.session_file_dir().ok()?;
                &sessions
            }
            SessionType::Cookie if self.marks_in_files() => self.state_dir.as_ref().ok()?,
            SessionType::Cookie | SessionType::Stored(StoreType::Redis) => {
                let prefix = self.key_prefix.clone().into_owned();
                let marks = RevocationRedis::new(self.redis(), prefix, lifetime);
                return Some(Box::new(marks));
            }
        };
        let dir = dir.own_subfolder("ended").into();
        Some(Box::new(RevocationFiles::in_folder(dir, lifetime)))
    }

    fn redis(&self) -> Arc<Client> {
        let client = || Arc::new(Client::new(self.redis.clone().unwrap_or_default()));
        Arc::clone(self.redis_client.get_or_init(client))
    }

    fn session_file_dir(&self) -> Result<TrustedFolder, StateDirError> {
        match &self.session_file_dir {
            Some(dir) => dir.clone(),
            None => {
                let state_dir = self.state_dir.as_ref().map_err(Clone::clone)?;
                Ok(state_dir.own_subfolder("sessions"))
            }
        }
    }
}
