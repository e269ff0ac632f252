//! Saves a request's session.

use std::collections::BTreeMap;

use super::cookie::{self, CookieScope, CookieTooLarge};
use super::dict::{Origin, PERMANENT, Session, USERNAME, is_permanent};
use super::id::SessionId;
use super::interface::{Home, STARTED, SessionInterface};
use super::merge::merge;
use super::moment::Moment;
use super::record::Record;
use super::revocation::{EndError, Whose};
use super::signing::{Signer, encode_payload};
use super::store::{Change, Store, StoreError};
use super::tagged_json::{self, Value};

/// Entries of a store that each request which stores something looks at.
const SWEEP: usize = 50;

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
    /// There is no place for a mark.
    #[error("sessions of a user cannot be ended: there is no state directory to mark it in")]
    NoRevocations,
    /// The system gives no random bytes.
    #[error("no random bytes for a session id: {0}")]
    Random(#[from] getrandom::Error),
}

impl SessionInterface<'_> {
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
        let whose = match self.accepts_any_name {
            true => Whose::Invented(user),
            false => Whose::User(user),
        };
        match revocations.end(whose, Some(session.started), now) {
            Ok(()) => Ok(true),
            Err(EndError::TooMany) => Ok(false),
            Err(EndError::Store(err)) => Err(err.into()),
        }
    }

    /// Saves `session` and returns the `Set-Cookie` value that it calls for,
    /// if any.
    ///
    /// One is sent when the session was modified; when it is permanent and a
    /// tenth of its lifetime has passed (Flask sends one every time, which
    /// makes every page uncacheable); and, as a deletion, when it was emptied.
    /// A visitor who stored nothing gets none, nor does one whose session was
    /// ended while this request ran.
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
        self.end_others(session)?;
        if session.values().is_empty() {
            let over = session.emptied()
                && match (&session.origin, self.store()) {
                    // If it has ended, the browser may have its successor.
                    (Origin::Store(id), Some(store)) if session.renewed() => store.delete(id)?,
                    (Origin::Store(id), Some(store)) => empty(session, store, id, now)?,
                    _ => true,
                };
            return Ok(over.then(|| cookie::deletion(self.settings, scope)));
        }
        let change = Changed {
            session,
            started: self.beginning(session, now)?,
            now,
        };
        let (line, wrote) = match &self.home {
            Home::Cookie(signer, store) => {
                self.save_in_cookie(&change, scope, signer, store.as_deref())?
            }
            Home::Store(store) => self.save_in_store(&change, scope, store.as_ref())?,
        };
        if let (true, Some(store)) = (wrote, self.store()) {
            // What was to be swept still is at the next request.
            let _ = store.sweep(now, SWEEP);
        }
        Ok(line)
    }

    /// Ends the other sessions that the request proved, if its own gets a new id
    /// or ends: else a second cookie of the same visitor would still be logged
    /// in.
    fn end_others(&self, session: &Session) -> Result<(), StoreError> {
        let Some(store) = self.store().filter(|_| session.renewed()) else {
            return Ok(());
        };
        for id in &session.proven {
            if !matches!(&session.origin, Origin::Store(own) if own == id) {
                store.delete(id)?;
            }
        }
        Ok(())
    }

    /// When the session began: now, if it is a new one or has a new user.
    fn beginning(&self, session: &Session, now: u64) -> Result<Moment, StoreError> {
        if !session.is_new() && !session.renewed() {
            return Ok(session.started);
        }
        match &self.revocations {
            Some(revocations) => revocations.begin(session.user(), now),
            None => Ok(now.into()),
        }
    }

    /// Whether it is time to say that the session is in use.
    fn is_aged(&self, session: &Session, now: u64) -> bool {
        self.settings.refresh
            && now.saturating_sub(session.saved) >= (self.settings.lifetime / 10).max(1)
    }

    fn save_in_cookie(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        signer: &Signer,
        store: Option<&dyn Store>,
    ) -> Result<(Option<String>, bool), SaveError> {
        let Changed { session, now, .. } = *change;
        if let (Origin::Store(id), Some(store)) = (&session.origin, store) {
            return self.save_overflown(change, scope, signer, store, id);
        }
        let refresh_due = session.is_permanent() && self.is_aged(session, now);
        if !session.modified() && !refresh_due {
            return Ok((None, false));
        }
        match self.token_line(change.record(session.values().clone()), scope, signer) {
            Err(_) if let Some(store) = store => {
                Ok((Some(self.create(change, scope, store)?), true))
            }
            line => Ok((Some(line?), false)),
        }
    }

    /// Saves a session that was too large for the cookie; one that fits again
    /// moves back.
    fn save_overflown(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        signer: &Signer,
        store: &dyn Store,
        id: &SessionId,
    ) -> Result<(Option<String>, bool), SaveError> {
        if !change.session.modified() {
            return self.save_in_store(change, scope, store);
        }
        let mut line = None;
        let mut fits = |stored: Record| {
            let record = change.merged(stored);
            line = self.token_line(record.clone(), scope, signer).ok();
            match &line {
                Some(_) => Change::Delete,
                None => Change::Replace(record),
            }
        };
        if change.session.renewed() {
            let new = SessionId::generate()?;
            let there = store.renew(id, &new, change.now, &mut fits)?;
            return match (there, line) {
                (false, _) => self.log_in_anew(change, scope, store),
                (true, Some(line)) => Ok((Some(line), true)),
                (true, None) => Ok((Some(self.id_line(change, scope, &new)?), true)),
            };
        }
        let there = store.update(id, change.now, &mut fits)?;
        Ok((line.filter(|_| there), true))
    }

    fn save_in_store(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        store: &dyn Store,
    ) -> Result<(Option<String>, bool), SaveError> {
        let Changed { session, now, .. } = *change;
        let Origin::Store(id) = &session.origin else {
            return Ok((Some(self.create(change, scope, store)?), true));
        };
        let mut replace = |stored| Change::Replace(change.merged(stored));
        if session.renewed() {
            let new = SessionId::generate()?;
            if store.renew(id, &new, now, &mut replace)? {
                return Ok((Some(self.id_line(change, scope, &new)?), true));
            }
            return self.log_in_anew(change, scope, store);
        }
        let aged = self.is_aged(session, now);
        if !session.modified() && !aged {
            return Ok((None, false));
        }
        let there = store.update(id, now, &mut replace)?;
        let permanence = session.is_permanent() != is_permanent(&session.loaded);
        let line = match there && (permanence || (aged && session.is_permanent())) {
            true => Some(self.id_line(change, scope, id)?),
            false => None,
        };
        Ok((line, there))
    }

    /// A login succeeds whatever became of the session before. All other
    /// sessions that have ended meanwhile stay so.
    fn log_in_anew(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        store: &dyn Store,
    ) -> Result<(Option<String>, bool), SaveError> {
        match change.session.logged_in() {
            true => Ok((Some(self.create(change, scope, store)?), true)),
            false => Ok((None, false)),
        }
    }

    /// Stores the session as a new one. Of a session that has ended meanwhile it
    /// holds only what this request did, and who logged in.
    fn create(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        store: &dyn Store,
    ) -> Result<String, SaveError> {
        let session = change.session;
        let mut values = session.values().clone();
        if let Origin::Store(_) = &session.origin {
            values = merge(BTreeMap::new(), &session.loaded, &values);
            for key in [USERNAME, PERMANENT] {
                if let Some(value) = session.values().get(key) {
                    values.insert(key.to_owned(), value.clone());
                }
            }
        }
        let id = SessionId::generate()?;
        store.create(&id, &change.record(values))?;
        Ok(self.id_line(change, scope, &id)?)
    }

    fn id_line(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        id: &SessionId,
    ) -> Result<String, CookieTooLarge> {
        let expires = self.expires(change.session.is_permanent(), change.started, change.now);
        cookie::line(self.settings, scope, id.cookie_value(), expires)
    }

    /// The `Set-Cookie` value that carries all of `record`, signed.
    fn token_line(
        &self,
        record: Record,
        scope: CookieScope<'_>,
        signer: &Signer,
    ) -> Result<String, CookieTooLarge> {
        let Record {
            started,
            saved,
            mut values,
        } = record;
        let expires = self.expires(is_permanent(&values), started, saved);
        values.insert(STARTED.to_owned(), Value::from(started));
        let json = tagged_json::dumps(&values);
        let size = json.len();
        let payload = encode_payload(&json).ok_or(CookieTooLarge::Session { size })?;
        let token = signer.sign(&payload, saved);
        cookie::line(self.settings, scope, token, expires)
    }

    /// When the browser is to forget the cookie of a permanent session.
    fn expires(&self, permanent: bool, started: Moment, now: u64) -> Option<u64> {
        let idle = now.saturating_add(self.settings.lifetime);
        let absolute = self.settings.absolute_lifetime;
        let end = absolute.map_or(u64::MAX, |limit| started.second().saturating_add(limit));
        permanent.then_some(idle.min(end))
    }
}

/// What a request made of its session.
#[derive(Clone, Copy)]
struct Changed<'s> {
    session: &'s Session,
    started: Moment,
    now: u64,
}

impl Changed<'_> {
    fn record(&self, values: BTreeMap<String, Value>) -> Record {
        Record {
            started: self.started,
            saved: self.now,
            values,
        }
    }

    /// The record as it is stored now, with our changes. A request that ran for
    /// long does not make it older than others left it.
    fn merged(&self, stored: Record) -> Record {
        let session = self.session;
        Record {
            started: self.started,
            saved: self.now.max(stored.saved),
            values: merge(stored.values, &session.loaded, session.values()),
        }
    }
}

/// Takes out of the record what the request took out, which was all it knew of;
/// returns whether that is the end of it, as nobody added anything meanwhile.
fn empty(
    session: &Session,
    store: &dyn Store,
    id: &SessionId,
    now: u64,
) -> Result<bool, StoreError> {
    let started = session.started;
    let change = Changed {
        session,
        started,
        now,
    };
    let mut over = false;
    store.update(id, now, &mut |stored| {
        let record = change.merged(stored);
        over = record.values.is_empty();
        match over {
            true => Change::Delete,
            false => Change::Replace(record),
        }
    })?;
    Ok(over)
}
