//! Opens a request's session and saves it (Flask's `SessionInterface`).
//!
//! Where a session lives is one of three: in the signed cookie; in a store,
//! the cookie holding its id; in the cookie as long as it fits there, else in
//! a store.

use std::collections::BTreeMap;

use super::cookie::{self, CookieScope, CookieSettings, CookieTooLarge};
use super::dict::{Origin, PERMANENT, Session, USERNAME};
use super::id::SessionId;
use super::merge::merge;
use super::moment::Moment;
use super::record::Record;
use super::revocation::{EndError, Ended, Revocations, Whose};
use super::signing::{Signer, decode_payload, encode_payload};
use super::store::{Change, Store, StoreError};
use super::tagged_json::{self, Value};

/// The key by which a signed cookie says when its session began. Flask keeps it
/// when it signs the session again.
const STARTED: &str = "_started";

/// Different cookies of one request that are verified or looked up; a browser
/// sends one or two.
const MAX_COOKIES: usize = 8;

/// Entries of a store that each request which stores something looks at.
const SWEEP: usize = 50;

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

/// What a cookie could be.
enum Candidate<'c> {
    /// The id of a session in the store.
    Id(&'c dyn Store, SessionId),
    /// A session, signed.
    Token(&'c Signer),
}

/// An opened session, and what its owner should hear about it.
pub(crate) struct Opened {
    pub(crate) session: Session,
    /// Records that are refused or damaged.
    pub(crate) notes: Vec<StoreError>,
    pub(crate) several: Option<Several>,
}

/// A request had several cookies of the session's name, one or more of them
/// valid: another program or path sets one, and either hides the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Several {
    #[error("one of them is used")]
    OneUsed,
    #[error("as they differ or are too many, none is used")]
    NoneUsed,
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
    /// Every cookie of the name is a candidate if it is valid and its session is
    /// neither expired nor revoked. Several candidates may be copies of one
    /// session, then the newest counts. Two different sessions are ambiguous and
    /// mean an empty one: a browser's order of them is not to be relied on
    /// (RFC 6265, 4.2.2). So do more cookies that could be valid than are worth
    /// the time to verify them.
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
        let (mut tried, mut bytes) = ([""; MAX_COOKIES], 0);
        let mut count = 0;
        let mut found: Option<(Session, Ended)> = None;
        let mut proven: Vec<SessionId> = Vec::new();
        let mut is_ambiguous = false;
        let (mut first, mut several) = (None::<&str>, false);
        for value in headers.flat_map(|header| cookie::values_of(&self.settings.name, header)) {
            match first {
                None => first = Some(value),
                Some(first) => several |= first != value,
            }
            let Some(candidate) = self.candidate(value) else {
                continue;
            };
            if tried[..count].contains(&value) {
                continue;
            }
            bytes += value.len();
            if count == MAX_COOKIES || bytes > self.settings.max_verified() {
                is_ambiguous = true;
                break;
            }
            tried[count] = value;
            count += 1;
            let session = match candidate {
                Candidate::Id(store, id) => stored(store, id, now, &mut notes)?,
                Candidate::Token(signer) => self.verified(signer, value, now),
            };
            let Some(session) = session else { continue };
            let ended = match (&found, &self.revocations) {
                (Some((other, ended)), _) if other.user() == session.user() => *ended,
                (_, Some(revocations)) => revocations.ended(session.user())?,
                (_, None) => Ended::Never,
            };
            if ended.covers(session.began()) || self.settings.is_too_old(session.began(), now) {
                continue;
            }
            if let Origin::Store(id) = session.origin() {
                proven.push(id.clone());
            }
            match &found {
                Some((other, _)) if other.values() != session.values() => is_ambiguous = true,
                Some((other, _)) if other.saved() >= session.saved() => {}
                _ => found = Some((session, ended)),
            }
        }
        let several = match is_ambiguous {
            true => Some(Several::NoneUsed),
            false => (several && found.is_some()).then_some(Several::OneUsed),
        };
        let found = found.filter(|_| !is_ambiguous);
        let session = found.map_or_else(Session::new, |(session, _)| session);
        Ok(Opened {
            session: session.with_proven(proven),
            notes,
            several,
        })
    }

    /// What a cookie's value could be, by its shape.
    fn candidate(&self, value: &str) -> Option<Candidate<'_>> {
        match (self.store(), SessionId::parse(value), &self.home) {
            (Some(store), Some(id), _) => Some(Candidate::Id(store, id)),
            (_, _, Home::Cookie(signer, _)) => {
                let fits = value.len() <= self.settings.max_verified();
                (fits && signer.could_have_signed(value)).then_some(Candidate::Token(signer))
            }
            (_, _, Home::Store(_)) => None,
        }
    }

    /// The session in a signed cookie. Signed but malformed is no session,
    /// where Flask answers 500.
    fn verified(&self, signer: &Signer, token: &str, now: u64) -> Option<Session> {
        let verified = signer.verify(token, self.settings.lifetime, now).ok()?;
        let json = decode_payload(verified.payload)?;
        let mut values = tagged_json::loads(&json)?;
        let started = take_started(&mut values).unwrap_or(verified.signed_at.into());
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

    /// Marks all sessions of a user as ended, if the request asks for it. Returns
    /// `false` if there are too many marks: then only this request's session ends.
    ///
    /// # Errors
    ///
    /// [`SaveError`]: then nothing was changed.
    pub(crate) fn end_everywhere(&self, session: &Session, now: u64) -> Result<bool, SaveError> {
        let Some(user) = session.ended_user() else {
            return Ok(true);
        };
        let revocations = self.revocations.as_deref();
        let revocations = revocations.ok_or(SaveError::NoRevocations)?;
        let whose = match self.accepts_any_name {
            true => Whose::Invented(user),
            false => Whose::User(user),
        };
        match revocations.end(whose, Some(session.began()), now) {
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
                && match (session.origin(), self.store()) {
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
        for id in session.proven() {
            if !matches!(session.origin(), Origin::Store(own) if own == id) {
                store.delete(id)?;
            }
        }
        Ok(())
    }

    /// When the session began: now, if it is a new one or has a new user.
    fn beginning(&self, session: &Session, now: u64) -> Result<Moment, StoreError> {
        if !session.is_new() && !session.renewed() {
            return Ok(session.began());
        }
        match &self.revocations {
            Some(revocations) => revocations.begin(session.user(), now),
            None => Ok(now.into()),
        }
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
        if let Origin::Store(_) = session.origin() {
            values = merge(BTreeMap::new(), session.loaded(), &values);
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
    let started = session.began();
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

/// Takes [`STARTED`] out, which is no part of the dict. What is not a moment is
/// taken for one before all marks.
fn take_started(values: &mut BTreeMap<String, Value>) -> Option<Moment> {
    let started = match values.remove(STARTED)? {
        Value::Number(started) => started.as_str().parse().ok(),
        _ => None,
    };
    Some(started.unwrap_or_default())
}

fn is_permanent(values: &BTreeMap<String, Value>) -> bool {
    values.get(PERMANENT) == Some(&Value::Bool(true))
}
