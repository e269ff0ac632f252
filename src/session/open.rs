//! Opens a request's session.

use std::collections::BTreeMap;

use super::cookie;
use super::dict::{Origin, Session};
use super::id::SessionId;
use super::interface::{Home, STARTED, SessionInterface};
use super::moment::Moment;
use super::record::Record;
use super::revocation::Ended;
use super::signing::{Signer, decode_payload};
use super::store::{Store, StoreError};
use super::tagged_json::{self, Value};

/// Different cookies of one request that are verified or looked up; a browser
/// sends one or two.
const MAX_COOKIES: usize = 8;

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
            if ended.covers(session.started) || self.settings.is_too_old(session.started, now) {
                continue;
            }
            if let Origin::Store(id) = &session.origin {
                proven.push(id.clone());
            }
            match &found {
                Some((other, _)) if other.values() != session.values() => is_ambiguous = true,
                Some((other, _)) if other.saved >= session.saved => {}
                _ => found = Some((session, ended)),
            }
        }
        let several = match is_ambiguous {
            true => Some(Several::NoneUsed),
            false => (several && found.is_some()).then_some(Several::OneUsed),
        };
        let found = found.filter(|_| !is_ambiguous);
        let mut session = found.map_or_else(Session::new, |(session, _)| session);
        session.proven = proven;
        Ok(Opened {
            session,
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
