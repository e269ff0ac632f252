//! Opens a request's session and saves it (Flask's `SessionInterface`).
//!
//! Where a session lives is one of three: in the signed cookie; in a store,
//! the cookie holding its id; in the cookie as long as it fits there, else in
//! a store.

use std::collections::BTreeMap;

use super::cookie::{self, CookieScope, CookieSettings, CookieTooLarge};
use super::dict::{Origin, Session, user};
use super::id::SessionId;
use super::merge::merge;
use super::record::Record;
use super::revocation::{Revocations, is_over};
use super::signing::{CLOCK_SKEW, Signer, decode_payload, encode_payload};
use super::store::{Change, Store, StoreError, Visit};
use super::tagged_json::{self, Value};

/// The key by which a signed cookie says when its session began, if that was
/// not when it was signed.
const STARTED: &str = "_started";

/// Ids in one request that are looked for; a browser sends one or two.
const MAX_IDS: usize = 8;

/// Entries of a store that each request which stores something looks at.
const SWEEP: usize = 50;

/// Records that a request looks through for those of one user.
const REVOKE: usize = 5000;

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
}

/// An opened session, and what its owner should hear about it.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) notes: Vec<StoreError>,
}

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
    /// The session that the `Cookie` headers lead to; an empty one if none
    /// does.
    ///
    /// Every cookie of the name is tried. Those that are good may be several
    /// spellings of one session, then the newest counts; two different
    /// sessions are ambiguous (a browser's order of them is not to be relied
    /// on, RFC 6265, 4.2.2) and mean an empty one. So does one that is over.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be known what the session holds. A record
    /// that is refused or damaged is no session, and a note.
    pub(crate) fn open<'h>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
        now: u64,
    ) -> Result<Opened, StoreError> {
        let mut notes = Vec::new();
        let mut found: Option<Session> = None;
        let mut ids: Vec<SessionId> = Vec::new();
        for value in headers.flat_map(|header| cookie::values_of(&self.settings.name, header)) {
            let session = match (self.store(), SessionId::parse(value)) {
                (Some(_), Some(id)) if ids.contains(&id) => continue,
                (Some(_), Some(_)) if ids.len() == MAX_IDS => {
                    return Ok(Opened {
                        session: Session::new(),
                        notes,
                    });
                }
                (Some(store), Some(id)) => {
                    ids.push(id.clone());
                    stored(store, id, now, &mut notes)?
                }
                _ => self.verified(value, now),
            };
            let Some(session) = session.filter(|session| !self.is_too_old(session, now)) else {
                continue;
            };
            match &found {
                Some(other) if other.values() != session.values() => {
                    return Ok(Opened {
                        session: Session::new(),
                        notes,
                    });
                }
                Some(other) if other.saved() >= session.saved() => {}
                _ => found = Some(session),
            }
        }
        let session = match found {
            Some(session) if self.is_revoked(&session)? => Session::new(),
            found => found.unwrap_or_default(),
        };
        Ok(Opened { session, notes })
    }

    /// The session in a signed cookie. Signed but malformed is no session,
    /// where Flask answers 500.
    fn verified(&self, token: &str, now: u64) -> Option<Session> {
        let Home::Cookie(signer, _) = &self.home else {
            return None;
        };
        let verified = signer.verify(token, self.settings.lifetime, now).ok()?;
        let json = decode_payload(verified.payload)?;
        let mut values = tagged_json::loads(&json)?;
        let started = take_started(&mut values).unwrap_or(verified.signed_at);
        Some(Session::opened(
            Origin::Cookie,
            values,
            started,
            verified.signed_at,
        ))
    }

    fn store(&self) -> Option<&dyn Store> {
        match &self.home {
            Home::Store(store) | Home::Cookie(_, Some(store)) => Some(store.as_ref()),
            Home::Cookie(_, None) => None,
        }
    }

    fn is_too_old(&self, session: &Session, now: u64) -> bool {
        let limit = self.settings.absolute_lifetime;
        limit.is_some_and(|limit| now.saturating_sub(session.started()) > limit)
    }

    fn is_revoked(&self, session: &Session) -> Result<bool, StoreError> {
        let (Some(user), Some(revocations)) = (session.user(), &self.revocations) else {
            return Ok(false);
        };
        let ended = revocations.ended(user)?;
        Ok(ended.is_some_and(|ended| session.started() <= ended))
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
        let Some(user) = session.ended_user() else {
            return self.save_one(session, scope, now);
        };
        let revocations = self.revocations.as_deref();
        let revocations = revocations.ok_or(SaveError::NoRevocations)?;
        // It may have begun on a machine whose clock runs ahead, by no more than
        // a cookie's may.
        let ahead = now.saturating_add(CLOCK_SKEW);
        revocations.end(Some(user), session.started().clamp(now, ahead))?;
        let line = self.save_one(session, scope, now)?;
        self.forget_sessions_of(user, revocations, now);
        Ok(line)
    }

    fn save_one(
        &self,
        session: &Session,
        scope: CookieScope<'_>,
        now: u64,
    ) -> Result<Option<String>, SaveError> {
        if session.values().is_empty() {
            let over = session.emptied()
                && match (session.origin(), self.store()) {
                    // One that is no more may have a successor in the browser.
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

    /// Removes records of `user`, whose sessions are over by a mark already:
    /// those that are quickly found, the others go when they are due.
    fn forget_sessions_of(&self, user: &str, revocations: &dyn Revocations, now: u64) {
        let Some(store) = self.store() else { return };
        let mut left = REVOKE;
        let _ = store.for_each(now, &mut |record, _| {
            if left == 0 {
                return Visit::Stop;
            }
            left -= 1;
            match record.user() == Some(user) && is_over(revocations, record) {
                true => Visit::Delete,
                false => Visit::Next,
            }
        });
    }

    /// When the session began: now, if it is a new one or has a new user.
    fn beginning(&self, session: &Session, now: u64) -> Result<u64, StoreError> {
        if !session.is_new() && !session.renewed() {
            return Ok(session.started());
        }
        let (Some(user), Some(revocations)) = (session.user(), &self.revocations) else {
            return Ok(now);
        };
        let ended = revocations.ended(user)?;
        Ok(ended.map_or(now, |ended| now.max(ended.saturating_add(1))))
    }

    /// Whether it is time to say that the session is in use.
    fn is_aged(&self, session: &Session, now: u64) -> bool {
        self.settings.refresh
            && now.saturating_sub(session.saved()) >= (self.settings.lifetime / 10).max(1)
    }

    fn save_in_cookie(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        signer: &Signer,
        store: Option<&dyn Store>,
    ) -> Result<(Option<String>, bool), SaveError> {
        let Changed { session, now, .. } = *change;
        if let (Origin::Store(id), Some(store)) = (session.origin(), store) {
            return self.save_overflown(change, scope, signer, store, id);
        }
        let refresh_due = session.is_permanent() && self.is_aged(session, now);
        if !session.modified() && !refresh_due {
            return Ok((None, false));
        }
        match self.token_line(&change.record(session.values().clone()), scope, signer) {
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
            line = self.token_line(&record, scope, signer).ok();
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
        let Origin::Store(id) = session.origin() else {
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
        let permanence = session.is_permanent() != is_permanent(session.loaded());
        let line = match there && (permanence || (aged && session.is_permanent())) {
            true => Some(self.id_line(change, scope, id)?),
            false => None,
        };
        Ok((line, there))
    }

    /// Who logs in does so whatever became of the session before; everybody
    /// else's is over.
    fn log_in_anew(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        store: &dyn Store,
    ) -> Result<(Option<String>, bool), SaveError> {
        let session = change.session;
        if session.user().is_none() || session.user() == user(session.loaded()) {
            return Ok((None, false));
        }
        Ok((Some(self.create(change, scope, store)?), true))
    }

    /// Stores the session as a new one: of a session that is no more, only
    /// what this request did is in it.
    fn create(
        &self,
        change: &Changed<'_>,
        scope: CookieScope<'_>,
        store: &dyn Store,
    ) -> Result<String, SaveError> {
        let session = change.session;
        let values = match session.origin() {
            Origin::Store(_) => merge(BTreeMap::new(), session.loaded(), session.values()),
            _ => session.values().clone(),
        };
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
        record: &Record,
        scope: CookieScope<'_>,
        signer: &Signer,
    ) -> Result<String, CookieTooLarge> {
        let Record {
            started,
            saved,
            values,
        } = record;
        // Only where it matters: Flask would show the key to its pages.
        let dated = user(values).is_some() || self.settings.absolute_lifetime.is_some();
        let json = if dated && started != saved {
            let mut values = values.clone();
            let started = i64::try_from(*started).unwrap_or(i64::MAX);
            values.insert(STARTED.to_owned(), Value::from(started));
            tagged_json::dumps(&values)
        } else {
            tagged_json::dumps(values)
        };
        let size = json.len();
        let payload = encode_payload(&json).ok_or(CookieTooLarge::Session { size })?;
        let token = signer.sign(&payload, *saved);
        let expires = self.expires(is_permanent(values), *started, *saved);
        cookie::line(self.settings, scope, token, expires)
    }

    /// When the browser is to forget the cookie of a permanent session.
    fn expires(&self, permanent: bool, started: u64, now: u64) -> Option<u64> {
        let idle = now.saturating_add(self.settings.lifetime);
        let absolute = self.settings.absolute_lifetime;
        let end = absolute.map_or(u64::MAX, |limit| started.saturating_add(limit));
        permanent.then_some(idle.min(end))
    }
}

/// What a request made of its session.
#[derive(Clone, Copy)]
struct Changed<'s> {
    session: &'s Session,
    started: u64,
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
            values: merge(stored.values, session.loaded(), session.values()),
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
    let started = session.started();
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

/// The session in `store`.
fn stored(
    store: &dyn Store,
    id: SessionId,
    now: u64,
    notes: &mut Vec<StoreError>,
) -> Result<Option<Session>, StoreError> {
    match store.load(&id, now) {
        Ok(record) => Ok(record.map(|record| {
            let Record {
                started,
                saved,
                values,
            } = record;
            Session::opened(Origin::Store(id), values, started, saved)
        })),
        Err(note @ (StoreError::Refused { .. } | StoreError::Damaged { .. })) => {
            notes.push(note);
            Ok(None)
        }
        Err(err) => Err(err),
    }
}

/// [`STARTED`], which is no part of the dict.
fn take_started(values: &mut BTreeMap<String, Value>) -> Option<u64> {
    match values.remove(STARTED)? {
        Value::Number(started) => started.as_u64(),
        _ => None,
    }
}

fn is_permanent(values: &BTreeMap<String, Value>) -> bool {
    values.get("_permanent") == Some(&Value::Bool(true))
}
