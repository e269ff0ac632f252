//! Opens a request's session.

use std::collections::BTreeMap;

use super::cookie;
use super::dict::{Origin, Session, USERNAME};
use super::id::SessionId;
use super::interface::{STARTED, SessionInterface, Storage};
use super::login::{CheckLogin, DEMO, FINGERPRINT, Login};
use super::moment::Moment;
use super::record::Record;
use super::revocation::Ended;
use super::signing::{Signer, decode_payload};
use super::store::{Store, StoreError};
use super::tagged_json::{self, Value};

/// The most different cookies of one request that are verified or looked up in the
/// store. A browser sends one or two.
const MAX_COOKIES: usize = 8;

/// The kind of a cookie, from its form.
enum Candidate<'i> {
    /// The id of a session in the store.
    Id(&'i dyn Store, SessionId),
    /// A signed session.
    Token(&'i Signer),
}

/// A session that was opened, and messages for the log.
pub(crate) struct OpenedSession {
    pub(crate) session: Session,
    /// Stored sessions that are refused or damaged. They count as absent.
    pub(crate) refused: Vec<StoreError>,
    pub(crate) duplicates: Option<DuplicateCookies>,
}

/// A request had several cookies of the session's name, and at least one of them is
/// valid: another program, or a page at another path, also sets such a cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DuplicateCookies {
    OneUsed,
    NoneUsed,
}

error_texts! { DuplicateCookies:
    Self::OneUsed => "one of them is used";
    Self::NoneUsed => "as they differ or are too many, none is used";
}

/// A session whose login was judged.
enum Checked {
    /// It can be the session of the request.
    Candidate(Session),
    /// It had a login that does not count, and can be the session of a request without
    /// another login.
    Unproven(Session),
    /// It has ended.
    Ended,
}

/// The session as far as its login is valid.
fn checked(mut session: Session, check: Option<CheckLogin<'_>>) -> Checked {
    let (Some(check), Some(username)) = (check, session.user()) else {
        return Checked::Candidate(session);
    };
    let fingerprint = match session.values().get(FINGERPRINT) {
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => Some(""),
        None => None,
    };
    let login = match check(username, fingerprint) {
        Login::OfAnother if session.values().get(DEMO) == session.values().get(USERNAME) => {
            Login::Unproven
        }
        login => login,
    };
    let found = match login {
        Login::AnyName
        | Login::Valid
        | Login::ByFallbackKey(_)
        | Login::OfAnother
        | Login::Unknown => Checked::Candidate,
        Login::Unproven => Checked::Unproven,
        Login::Ended => return Checked::Ended,
    };
    session.set_login(login);
    found(session)
}

/// The session that is used, of those that can be.
#[derive(Default)]
struct Chosen {
    /// The newest, and which sessions of its user have ended.
    found: Option<(Session, Ended)>,
    others: Vec<Session>,
    /// Whether they differ or are too many.
    is_ambiguous: bool,
}

impl Chosen {
    fn add(&mut self, session: Session, ended: Ended) {
        let Some((newest, _)) = &self.found else {
            self.found = Some((session, ended));
            return;
        };
        self.is_ambiguous |= newest.values() != session.values();
        match newest.state().saved >= session.state().saved {
            true => self.others.push(session),
            false => {
                let older = self.found.replace((session, ended));
                self.others.extend(older.map(|(older, _)| older));
            }
        }
    }

    fn has_login(&self) -> bool {
        let mut sessions = self.found.iter().map(|(session, _)| session);
        sessions.any(|session| session.user().is_some())
    }
}

impl SessionInterface {
    /// The session of the `Cookie` headers; an empty session if there is none.
    ///
    /// A cookie of this name is used if it is valid and its session has neither expired
    /// nor been revoked. If several cookies are copies of one session, the newest is
    /// used. If they are of two different sessions, the session is empty, because the
    /// order of cookies has no meaning (RFC 6265, 4.2.2). It is also empty if there are
    /// too many cookies to verify.
    ///
    /// `check` judges the login of each session; without it, every name is one. A session
    /// with a login that does not count is used only beside sessions without a login.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store or the revocation marks cannot be read.
    pub(crate) fn open<'h>(
        &self,
        headers: impl Iterator<Item = &'h [u8]>,
        check: Option<CheckLogin<'_>>,
        now: u64,
    ) -> Result<OpenedSession, StoreError> {
        let mut refused = Vec::new();
        let (mut tried, mut count, mut bytes) = ([("", false); MAX_COOKIES], 0, 0);
        let mut has_copies = false;
        let mut chosen = Chosen::default();
        let mut unproven = Vec::new();
        let (mut first, mut has_others) = (None::<&str>, false);
        for value in headers.flat_map(|header| cookie::values_of(&self.settings.name, header)) {
            has_others |= *first.get_or_insert(value) != value;
            let Some(candidate) = self.candidate(value) else {
                continue;
            };
            if let Some((_, is_valid)) = tried[..count].iter().find(|(other, _)| *other == value) {
                has_copies |= is_valid;
                continue;
            }
            bytes += value.len();
            if count == MAX_COOKIES || bytes > self.settings.max_verified() {
                chosen.is_ambiguous = true;
                break;
            }
            tried[count] = (value, false);
            count += 1;
            let session = match candidate {
                Candidate::Id(store, id) => stored(store, id, now, &mut refused)?,
                Candidate::Token(signer) => self.verified(signer, value, now),
            };
            let Some(session) = session else { continue };
            let ended = match (&chosen.found, &self.revocations) {
                (Some((other, ended)), _) if other.user() == session.user() => *ended,
                (_, Some(revocations)) => revocations.ended(session.user(), now)?,
                (_, None) => Ended::Never,
            };
            let started = session.state().started;
            if ended.covers(started, now) || self.settings.is_past_absolute_lifetime(started, now) {
                continue;
            }
            let outcome = checked(session, check);
            tried[count - 1].1 = !matches!(outcome, Checked::Ended);
            match outcome {
                Checked::Candidate(session) => chosen.add(session, ended),
                Checked::Unproven(session) => unproven.push((session, ended)),
                Checked::Ended => {}
            }
        }
        for (session, ended) in unproven {
            match chosen.has_login() {
                true => chosen.others.push(session),
                false => chosen.add(session, ended),
            }
        }
        let Chosen {
            found,
            mut others,
            is_ambiguous,
        } = chosen;
        let duplicates = match is_ambiguous {
            true => Some(DuplicateCookies::NoneUsed),
            false => (has_others && found.is_some()).then_some(DuplicateCookies::OneUsed),
        };
        let mut session = found.map_or_else(Session::new, |(session, _)| session);
        if is_ambiguous {
            others.push(std::mem::take(&mut session));
        } else if has_copies {
            others.push(Session::new());
        }
        session.state_mut().others = others;
        Ok(OpenedSession {
            session,
            refused,
            duplicates,
        })
    }

    fn candidate(&self, value: &str) -> Option<Candidate<'_>> {
        match &self.storage {
            Storage::Cookie(signer, _) if signer.could_have_signed(value) => {
                let is_short = value.len() <= self.settings.max_verified();
                is_short.then_some(Candidate::Token(signer))
            }
            Storage::Cookie(..) | Storage::Store(_) => {
                let store = self.store()?;
                SessionId::parse(value).map(|id| Candidate::Id(store, id))
            }
        }
    }

    /// The session in a signed cookie; `None` if the payload is malformed. (Flask then
    /// answers with 500.)
    fn verified(&self, signer: &Signer, token: &str, now: u64) -> Option<Session> {
        let verified = signer.verify(token, self.settings.lifetime, now).ok()?;
        let json = decode_payload(verified.payload)?;
        let mut values = tagged_json::loads(&json)?;
        let started = remove_started(&mut values).unwrap_or(verified.signed_at.into());
        let signed_at = verified.signed_at;
        Some(Session::opened(Origin::Cookie, values, started, signed_at))
    }
}

/// The session in `store`.
fn stored(
    store: &dyn Store,
    id: SessionId,
    now: u64,
    refused: &mut Vec<StoreError>,
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
        Err(err @ (StoreError::Refused { .. } | StoreError::Damaged { .. })) => {
            refused.push(err);
            Ok(None)
        }
        Err(err) => Err(err),
    }
}

/// Removes [`STARTED`], which is not a part of the session's dict. A value that is not a
/// moment counts as earlier than all revocation marks.
fn remove_started(values: &mut BTreeMap<String, Value>) -> Option<Moment> {
    let started = values.remove(STARTED)?;
    let Value::Number(started) = started else {
        return Some(Moment::default());
    };
    Some(started.as_str().parse().unwrap_or_default())
}
