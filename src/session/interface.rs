//! How a request's session is opened and saved (Flask's `SessionInterface`).
//!
//! Where a session lives is one of three: in the signed cookie; in a store,
//! the cookie holding its id; in the cookie as long as it fits there, else in
//! a store.

use super::cookie::CookieSettings;
use super::revocation::Revocations;
use super::signing::Signer;
use super::store::Store;

/// The key by which a signed cookie says when its session began. Flask keeps it
/// when it signs the session again.
pub(super) const STARTED: &str = "_started";

/// Where sessions live.
pub(crate) enum Home<'c> {
    /// In the signed cookie; those too large for it in the store, if there is
    /// one.
    Cookie(&'c Signer, Option<Box<dyn Store>>),
    /// In the store.
    Store(Box<dyn Store>),
}

/// How sessions are opened and saved.
pub(crate) struct SessionInterface<'c> {
    pub(crate) settings: &'c CookieSettings,
    pub(crate) home: Home<'c>,
    /// `None` where marks cannot be kept.
    pub(crate) revocations: Option<Box<dyn Revocations>>,
    /// Whether visitors can log in by names that they invent.
    pub(crate) accepts_any_name: bool,
}

impl SessionInterface<'_> {
    pub(super) fn store(&self) -> Option<&dyn Store> {
        match &self.home {
            Home::Store(store) | Home::Cookie(_, Some(store)) => Some(store.as_ref()),
            Home::Cookie(_, None) => None,
        }
    }
}
