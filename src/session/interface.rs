//! Opens and saves a request's session (Flask's `SessionInterface`).

use std::sync::Arc;

use super::cookie::CookieSettings;
use super::revocation::Revocations;
use super::signing::Signer;
use super::store::Store;

/// The key of a signed cookie's dict that holds when the session began. Flask
/// keeps it when it signs the session again.
pub(super) const STARTED: &str = "_started";

/// Where sessions are stored.
pub(crate) enum Storage {
    /// In the signed cookie; sessions that are too large for it in the store, if
    /// there is one.
    Cookie(Arc<Signer>, Option<Box<dyn Store>>),
    /// In the store; the cookie holds the session's id.
    Store(Box<dyn Store>),
}

/// How sessions are opened and saved. It owns all of its parts.
pub(crate) struct SessionInterface {
    pub(crate) settings: CookieSettings,
    pub(crate) storage: Storage,
    /// `None` if no revocation marks can be stored.
    pub(crate) revocations: Option<Box<dyn Revocations>>,
}

impl SessionInterface {
    pub(super) fn store(&self) -> Option<&dyn Store> {
        match &self.storage {
            Storage::Store(store) | Storage::Cookie(_, Some(store)) => Some(store.as_ref()),
            Storage::Cookie(_, None) => None,
        }
    }
}
