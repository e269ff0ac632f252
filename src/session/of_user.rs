//! The sessions of a user in a store.

use super::cookie::CookieSettings;
use super::dict::Session;
use super::id::SessionKey;
use super::login::{CheckLogin, FINGERPRINT};
use super::revocation::{Ended, Revocations};
use super::store::{Store, StoreError};
use super::tagged_json::Value;

/// A session as its user sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ListedSession {
    pub(crate) key: SessionKey,
    /// When it began, in Unix seconds.
    pub(crate) started: u64,
    /// When it was last saved, in Unix seconds.
    pub(crate) saved: u64,
    /// Whether it is that of the request.
    pub(crate) is_own: bool,
}

/// A store with what ends the sessions in it.
#[derive(Clone, Copy)]
pub(crate) struct Sessions<'s> {
    pub(crate) store: &'s dyn Store,
    pub(crate) revocations: Option<&'s dyn Revocations>,
    pub(crate) settings: &'s CookieSettings,
    pub(crate) check: CheckLogin<'s>,
    /// Unix seconds.
    pub(crate) now: u64,
}

impl Sessions<'_> {
    /// The sessions of the user of `own`, with `own` at the beginning and then the last used
    /// ones first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the list, a session or the revocation marks cannot be read.
    pub(crate) fn of_user(self, own: &Session) -> Result<Vec<ListedSession>, StoreError> {
        let (Some(user), Some(own_key)) = (own.user(), own.key()) else {
            return Ok(Vec::new());
        };
        let ended = match self.revocations {
            Some(revocations) => revocations.ended(Some(user), self.now)?,
            None => Ended::Never,
        };
        // Most have the same, and to judge one reads the users file.
        let own_fingerprint = own.values().get(FINGERPRINT).and_then(Value::as_str);
        let mut sessions = vec![ListedSession {
            key: own_key.clone(),
            started: own.state().started.second(),
            saved: own.state().saved,
            is_own: true,
        }];
        for key in self.store.list(user)?.keys().iter().rev() {
            if *key == own_key {
                continue;
            }
            let record = match self.store.load_by(key, self.now) {
                Ok(Some(record)) => record,
                Ok(None) | Err(StoreError::Refused { .. } | StoreError::Damaged { .. }) => {
                    continue;
                }
                Err(err) => return Err(err),
            };
            let Some(fingerprint) = record.values.get(FINGERPRINT).and_then(Value::as_str) else {
                continue;
            };
            let has_ended = ended.covers(record.started, self.now)
                || self
                    .settings
                    .is_past_absolute_lifetime(record.started, self.now);
            if !has_ended
                && record.user() == Some(user)
                && (own_fingerprint == Some(fingerprint)
                    || (self.check)(user, Some(fingerprint)).has_password())
            {
                sessions.push(ListedSession {
                    key: key.clone(),
                    started: record.started.second(),
                    saved: record.saved,
                    is_own: false,
                });
            }
        }
        sessions[1..].sort_by_key(|session| std::cmp::Reverse(session.saved));
        Ok(sessions)
    }
}
