//! Saves a request's session.

use std::collections::BTreeMap;

use super::cookie::{self, CookieScope, CookieTooLarge};
use super::dict::{Origin, PERMANENT, Session, USERNAME, is_permanent};
use super::id::SessionId;
use super::interface::{STARTED, SessionInterface, Storage};
use super::merge::merge;
use super::moment::Moment;
use super::record::Record;
use super::revocation::{EndError, Users};
use super::signing::{Signer, encode_payload};
use super::store::{Change, Store, StoreError};
use super::tagged_json::{self, Value};

/// Of so many requests that store something, one removes expired sessions, too.
const SWEEP_ONE_IN: u8 = 8;

/// Folders and records that such a request looks at.
const SWEEP_BUDGET: usize = 100;

/// Why a session could not be saved. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SaveError {
    /// It does not fit into a cookie.
    #[error(transparent)]
    Cookie(#[from] CookieTooLarge),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no place for a revocation mark.
    #[error("sessions of a user cannot be ended: there is no state directory to mark it in")]
    NoRevocations,
    /// The system gives no random bytes.
    #[error("no random bytes for a session id: {0}")]
    Random(#[from] getrandom::Error),
}

impl SessionInterface {
    /// Marks all sessions of a user as ended, if the request asks for it. Returns
    /// `false` if there are too many marks: then only this request's session ends.
    ///
    /// # Errors
    ///
    /// [`SaveError`]: then nothing was changed.
    pub(crate) fn end_everywhere(&self, session: &Session, now: u64) -> Result<bool, SaveError> {
        let Some(user) = &session.ended_user else {
            return Ok(true);
        };
        let revocations = self.revocations.as_deref();
        let revocations = revocations.ok_or(SaveError::NoRevocations)?;
        let users = match self.accepts_any_name {
            true => Users::Invented(user),
            false => Users::Known(user),
        };
        match revocations.end(users, Some(session.started), now) {
            Ok(()) => Ok(true),
            Err(EndError::TooMany) => Ok(false),
            Err(EndError::Store(err)) => Err(err.into()),
        }
    }

    /// Saves `session` and returns the `Set-Cookie` value to send, if any.
    ///
    /// A cookie is sent when the session was modified; when it is permanent and a
    /// tenth of its lifetime has passed (Flask sends one every time, which makes
    /// every page uncacheable); and, as a deletion, when it was emptied. A visitor
    /// who stored nothing gets none, nor does one whose session was ended while
    /// this request ran.
    ///
    /// # Errors
    ///
    /// [`SaveError`]: then what was stored before is still there.
    pub(crate) fn save(
        &self,
        session: &Session,
        scope: CookieScope<'_>,
        now: u64,
    ) -> Result<Option<String>, SaveError> {
        if session.renewed() {
            self.end_others(session)?;
        }
        let mut saving = Saving {
            interface: self,
            session,
            scope,
            started: session.started,
            now,
        };
        if session.values().is_empty() {
            let is_deleted = session.emptied() && saving.delete()?;
            return Ok(is_deleted.then(|| cookie::deletion(&self.settings, scope)));
        }
        if session.is_new() || session.renewed() {
            saving.started = match &self.revocations {
                Some(revocations) => revocations.begin(session.user(), now)?,
                None => now.into(),
            };
        }
        let saved = match &self.storage {
            Storage::Cookie(signer, store) => saving.in_cookie(signer, store.as_deref())?,
            Storage::Store(store) => saving.in_store(store.as_ref())?,
        };
        if let (true, Some(store)) = (saved.wrote, self.store()) {
            sweep_sometimes(store, now);
        }
        Ok(saved.cookie)
    }

    /// Ends the other stored sessions that the request proved, as its own gets a
    /// new id or ends: a second cookie of the same visitor would otherwise still be
    /// logged in.
    fn end_others(&self, session: &Session) -> Result<(), StoreError> {
        let Some(store) = self.store() else {
            return Ok(());
        };
        for id in &session.proven {
            if !matches!(&session.origin, Origin::Store(own) if own == id) {
                store.delete(id)?;
            }
        }
        Ok(())
    }
}

/// Removes some expired sessions, in one of [`SWEEP_ONE_IN`] calls. What could not
/// be removed now still can be by a later request.
fn sweep_sometimes(store: &dyn Store, now: u64) {
    let mut random = [0];
    if getrandom::fill(&mut random).is_ok() && random[0] % SWEEP_ONE_IN == 0 {
        let _ = store.sweep(now, SWEEP_BUDGET);
    }
}

/// What was done to save a session.
struct Saved {
    /// The `Set-Cookie` value to send.
    cookie: Option<String>,
    /// Whether the store was written to.
    wrote: bool,
}

impl Saved {
    const NOTHING: Self = Self {
        cookie: None,
        wrote: false,
    };

    fn in_store(cookie: Option<String>) -> Self {
        Self {
            cookie,
            wrote: true,
        }
    }
}

/// A session that is being saved.
#[derive(Clone, Copy)]
struct Saving<'s> {
    interface: &'s SessionInterface,
    session: &'s Session,
    scope: CookieScope<'s>,
    /// When the session began: now, if it is a new one or has a new user.
    started: Moment,
    now: u64,
}

impl Saving<'_> {
    /// Whether it is time to record that the session is in use.
    fn is_due(&self) -> bool {
        let settings = &self.interface.settings;
        let unsaved_for = self.now.saturating_sub(self.session.saved);
        settings.refresh && unsaved_for >= (settings.lifetime / 10).max(1)
    }

    /// Deletes a session that was emptied. Returns whether it is gone: not if it
    /// had ended, as the browser may have its successor by now, nor if another
    /// request stored something meanwhile.
    fn delete(&self) -> Result<bool, StoreError> {
        let (Origin::Store(id), Some(store)) = (&self.session.origin, self.interface.store())
        else {
            return Ok(true);
        };
        if self.session.renewed() {
            return store.delete(id);
        }
        let mut is_deleted = false;
        store.update(id, self.now, &mut |stored| {
            let record = self.merged(stored);
            is_deleted = record.values.is_empty();
            match is_deleted {
                true => Change::Delete,
                false => Change::Replace(record),
            }
        })?;
        Ok(is_deleted)
    }

    fn in_cookie(&self, signer: &Signer, store: Option<&dyn Store>) -> Result<Saved, SaveError> {
        let session = self.session;
        if let (Origin::Store(id), Some(store)) = (&session.origin, store) {
            return self.overflowed(signer, store, id);
        }
        let is_in_use = session.is_permanent() && self.is_due();
        if !session.modified() && !is_in_use {
            return Ok(Saved::NOTHING);
        }
        match (
            self.token_cookie(self.record(session.values().clone()), signer),
            store,
        ) {
            (Err(_), Some(store)) => self.create(store),
            (line, _) => Ok(Saved {
                cookie: Some(line?),
                wrote: false,
            }),
        }
    }

    /// Saves a session that was too large for the cookie. If it fits again, it
    /// moves back.
    fn overflowed(
        &self,
        signer: &Signer,
        store: &dyn Store,
        id: &SessionId,
    ) -> Result<Saved, SaveError> {
        if !self.session.modified() {
            return self.in_store(store);
        }
        let mut line = None;
        let mut change = |stored: Record| {
            let record = self.merged(stored);
            line = self.token_cookie(record.clone(), signer).ok();
            match &line {
                Some(_) => Change::Delete,
                None => Change::Replace(record),
            }
        };
        if !self.session.renewed() {
            let is_changed = store.update(id, self.now, &mut change)?;
            return Ok(Saved::in_store(line.filter(|_| is_changed)));
        }
        let new = SessionId::generate()?;
        if !store.renew(id, &new, self.now, &mut change)? {
            return self.log_in_again(store);
        }
        let line = line.map_or_else(|| self.id_cookie(&new), Ok)?;
        Ok(Saved::in_store(Some(line)))
    }

    fn in_store(&self, store: &dyn Store) -> Result<Saved, SaveError> {
        let session = self.session;
        let Origin::Store(id) = &session.origin else {
            return self.create(store);
        };
        let mut replace = |stored| Change::Replace(self.merged(stored));
        if session.renewed() {
            let new = SessionId::generate()?;
            if !store.renew(id, &new, self.now, &mut replace)? {
                return self.log_in_again(store);
            }
            return Ok(Saved::in_store(Some(self.id_cookie(&new)?)));
        }
        let is_due = self.is_due();
        if !session.modified() && !is_due {
            return Ok(Saved::NOTHING);
        }
        if !store.update(id, self.now, &mut replace)? {
            return Ok(Saved::NOTHING);
        }
        let is_other_permanence = session.is_permanent() != is_permanent(&session.loaded);
        let sends = is_other_permanence || (is_due && session.is_permanent());
        let line = sends.then(|| self.id_cookie(id)).transpose()?;
        Ok(Saved::in_store(line))
    }

    /// Saves a session that was ended while the request ran: a login succeeds all
    /// the same, everything else stays ended.
    fn log_in_again(&self, store: &dyn Store) -> Result<Saved, SaveError> {
        match self.session.logged_in() {
            true => self.create(store),
            false => Ok(Saved::NOTHING),
        }
    }

    /// Stores the session as a new one. Of a session that has ended meanwhile it
    /// holds only what this request did, and who logged in.
    fn create(&self, store: &dyn Store) -> Result<Saved, SaveError> {
        let session = self.session;
        let mut values = session.values().clone();
        if let Origin::Store(_) = session.origin {
            values = merge(BTreeMap::new(), &session.loaded, &values);
            for key in [USERNAME, PERMANENT] {
                if let Some(value) = session.values().get(key) {
                    values.insert(key.to_owned(), value.clone());
                }
            }
        }
        let id = SessionId::generate()?;
        store.create(&id, &self.record(values))?;
        Ok(Saved::in_store(Some(self.id_cookie(&id)?)))
    }

    /// The `Set-Cookie` value that carries the session's id.
    fn id_cookie(&self, id: &SessionId) -> Result<String, CookieTooLarge> {
        let expires = self.expires(self.session.is_permanent(), self.now);
        cookie::line(
            &self.interface.settings,
            self.scope,
            id.cookie_value(),
            expires,
        )
    }

    /// The `Set-Cookie` value that carries all of `record`, signed.
    fn token_cookie(&self, record: Record, signer: &Signer) -> Result<String, CookieTooLarge> {
        let Record {
            started,
            saved,
            mut values,
        } = record;
        let expires = self.expires(is_permanent(&values), saved);
        values.insert(STARTED.to_owned(), Value::from(started));
        let json = tagged_json::dumps(&values);
        let size = json.len();
        let payload = encode_payload(&json).ok_or(CookieTooLarge::Session { size })?;
        let token = signer.sign(&payload, saved);
        cookie::line(&self.interface.settings, self.scope, token, expires)
    }

    /// When the browser is to delete the cookie of a permanent session.
    fn expires(&self, permanent: bool, saved: u64) -> Option<u64> {
        let settings = &self.interface.settings;
        let idle = saved.saturating_add(settings.lifetime);
        let absolute = settings.absolute_lifetime;
        let end = absolute.map(|limit| self.started.second().saturating_add(limit));
        permanent.then_some(idle.min(end.unwrap_or(u64::MAX)))
    }

    fn record(&self, values: BTreeMap<String, Value>) -> Record {
        Record {
            started: self.started,
            saved: self.now,
            values,
        }
    }

    /// The record as it is stored now, with this request's changes. A request that
    /// ran for long does not date it before what others saved meanwhile.
    fn merged(&self, stored: Record) -> Record {
        Record {
            started: self.started,
            saved: self.now.max(stored.saved),
            values: merge(stored.values, &self.session.loaded, self.session.values()),
        }
    }
}
