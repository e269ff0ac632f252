//! Saves a request's session.

use std::collections::BTreeMap;

use super::cookie::{self, CookieScope, CookieTooLarge};
use super::dict::{Origin, PERMANENT, Session, USERNAME, is_permanent, user};
use super::id::SessionId;
use super::interface::{STARTED, SessionInterface, Storage};
use super::listed::SessionList;
use super::login::{DEMO, FINGERPRINT};
use super::merge::merge;
use super::moment::Moment;
use super::record::Record;
use super::revocation::{EndError, Users};
use super::signing::{Signer, encode_payload};
use super::store::{Change, Store, StoreError};
use super::tagged_json::{self, MAX_NESTING, Value};

/// How often the session of a login gets a later start time because its user was
/// logged out everywhere while it was saved.
const MAX_DATINGS: usize = 8;

/// Why a session could not be saved. Nothing was changed.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum SaveError {
    /// It does not fit into a cookie.
    Cookie(CookieTooLarge),
    /// The store failed.
    Store(StoreError),
    /// It is nested too deeply to be read again.
    TooDeep,
    /// There is no place for a revocation mark.
    NoRevocations,
    /// The system returns no random bytes.
    Random(getrandom::Error),
}

error_texts! { SaveError:
    Self::Cookie(err) => "{err}";
    Self::Store(err) => "{err}";
    Self::TooDeep =>
        "the session has lists or objects nested in more than {MAX_NESTING} levels; it was not \
         saved";
    Self::NoRevocations =>
        "sessions of a user cannot be ended: there is no state folder to mark it in";
    Self::Random(err) => "no random bytes for a session id: {err}";
}

from_errors! { SaveError:
    Cookie(CookieTooLarge);
    Store(StoreError);
    Random(getrandom::Error);
}

impl SessionInterface {
    /// Marks all sessions of a user as ended, if the request asks for it. Returns
    /// `false` if there are too many marks: then only this request's session ends.
    ///
    /// # Errors
    ///
    /// [`SaveError`]: then nothing was changed.
    pub(crate) fn end_everywhere(&self, session: &Session, now: u64) -> Result<bool, SaveError> {
        let mut have_ended = true;
        for user in &session.state().ended_users {
            let revocations = self.revocations.as_deref();
            let revocations = revocations.ok_or(SaveError::NoRevocations)?;
            let users = match user.has_password {
                true => Users::Known(&user.name),
                false => Users::Invented(&user.name),
            };
            match revocations.end(users, Some(user.began), now) {
                Ok(()) => {}
                Err(EndError::TooMany) => have_ended = false,
                Err(EndError::Store(err)) => return Err(err.into()),
            }
        }
        Ok(have_ended)
    }

    /// Saves `session` and returns the `Set-Cookie` values to send. Calls `warn` with an
    /// error that prevents nothing but a place in the list of the user's sessions.
    ///
    /// A cookie is sent if the session was modified; if it is permanent and was not
    /// refreshed for a part of its lifetime (see [`refreshed_after`](super::cookie::CookieSettings::refreshed_after)); and, as a deletion, if it
    /// was emptied. A visitor whose session is new and empty gets no cookie, nor does one
    /// whose session was ended while this request ran. If the request had several valid
    /// cookies and the session ends or gets a new user, the others are deleted: otherwise a
    /// signed one would still be accepted.
    ///
    /// # Errors
    ///
    /// [`SaveError`]: then the previously stored session is unchanged.
    pub(crate) fn save(
        &self,
        session: &Session,
        scope: CookieScope<'_>,
        now: u64,
        warn: &dyn Fn(StoreError),
    ) -> Result<Vec<String>, SaveError> {
        if session.modified() && tagged_json::is_too_deep(session.values()) {
            return Err(SaveError::TooDeep);
        }
        if session.renewed() {
            self.end_others(session)?;
        }
        let mut saving = Saving {
            interface: self,
            session,
            scope,
            started: session.state().started,
            now,
            warn,
        };
        if session.values().is_empty() {
            let is_deleted = session.emptied() && saving.delete()?;
            let line = is_deleted.then(|| cookie::deletion(&self.settings, scope, scope.path));
            return Ok(self.lines(session, scope, line));
        }
        if session.begins() {
            saving.started = match &self.revocations {
                Some(revocations) => revocations.begin(session.user(), now)?,
                None => now.into(),
            };
        }
        let mut saved = match &self.storage {
            Storage::Cookie(signer, store) => saving.in_cookie(signer, store.as_deref())?,
            Storage::Store(store) => saving.in_store(store.as_ref())?,
        };
        if session.begins() {
            saving.date_again(&mut saved)?;
        }
        Ok(self.lines(session, scope, saved.cookie))
    }

    /// The `Set-Cookie` values that delete the other cookies of the session, and its
    /// own at the end, for browsers that ignore paths.
    fn lines(
        &self,
        session: &Session,
        scope: CookieScope<'_>,
        line: Option<String>,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        if line.is_some() && session.renewed() && !session.state().others.is_empty() {
            lines = cookie::deletions_of_others(&self.settings, scope);
        } else if line.is_some() && session.renewed() {
            lines.extend(cookie::deletion_at_mount(&self.settings, scope));
        }
        lines.extend(line);
        lines
    }

    /// Ends the other stored sessions whose cookies the request sent, if its own
    /// session ends or gets a new id: otherwise a second cookie of the same visitor
    /// would still be logged in.
    fn end_others(&self, session: &Session) -> Result<(), StoreError> {
        let Some(store) = self.store() else {
            return Ok(());
        };
        for other in &session.state().others {
            if let Origin::Store(id) = &other.state().origin {
                store.delete(id)?;
            }
        }
        Ok(())
    }
}

/// The result of saving a session.
#[derive(Default)]
struct Saved {
    /// The `Set-Cookie` value to send.
    cookie: Option<String>,
    begun: Option<Begun>,
}

/// A session that begins with this request, and where it was saved.
enum Begun {
    /// In the cookie: the signed values.
    Signed(BTreeMap<String, Value>),
    /// In the store, under this id.
    Stored(SessionId),
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
    warn: &'s dyn Fn(StoreError),
}

impl Saving<'_> {
    /// Whether the time of the last use has to be saved.
    fn is_due(&self) -> bool {
        let settings = &self.interface.settings;
        let unsaved_for = self.now.saturating_sub(self.session.state().saved);
        settings.refresh && unsaved_for >= settings.refreshed_after()
    }

    /// Deletes an emptied session. Returns whether its cookie has to be deleted: not if
    /// the session had already ended, because the browser may have a newer one, nor if
    /// another request has stored something meanwhile.
    fn delete(&self) -> Result<bool, StoreError> {
        let (Origin::Store(id), Some(store)) =
            (&self.session.state().origin, self.interface.store())
        else {
            return Ok(true);
        };
        if self.session.renewed() {
            self.list(store, None);
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

    /// Gives the session of a login a later start time if all sessions of its user
    /// were ended while it was saved: the login is answered after that and has to
    /// succeed. If the marks cannot be read now, the next request reads them.
    fn date_again(&mut self, saved: &mut Saved) -> Result<(), SaveError> {
        let interface = self.interface;
        let (Some(begun), Some(revocations)) = (&mut saved.begun, &interface.revocations) else {
            return Ok(());
        };
        let Some(user) = self.session.user() else {
            return Ok(());
        };
        for _ in 0..MAX_DATINGS {
            match revocations.ended(Some(user), self.now) {
                Ok(ended) if ended.covers(self.started, self.now) => {}
                Ok(_) | Err(_) => break,
            }
            self.started = revocations.begin(Some(user), self.now)?;
            let cookie = match (&mut *begun, &interface.storage, interface.store()) {
                (Begun::Signed(values), Storage::Cookie(signer, _), _) => {
                    self.token_cookie(values, self.now, signer)?
                }
                (Begun::Stored(id), _, Some(store)) => {
                    store.update(id, self.now, &mut |stored| {
                        Change::Replace(Record {
                            started: self.started,
                            ..stored
                        })
                    })?;
                    self.id_cookie(id)?
                }
                (Begun::Signed(_), Storage::Store(_), _) | (Begun::Stored(_), _, None) => break,
            };
            saved.cookie = Some(cookie);
        }
        Ok(())
    }

    fn in_cookie(&self, signer: &Signer, store: Option<&dyn Store>) -> Result<Saved, SaveError> {
        let session = self.session;
        if let (Origin::Store(id), Some(store)) = (&session.state().origin, store) {
            return self.overflowed(signer, store, id);
        }
        let is_in_use = session.is_permanent() && self.is_due();
        if !session.modified() && !is_in_use {
            return Ok(Saved::default());
        }
        let mut values = session.values().clone();
        match (self.token_cookie(&mut values, self.now, signer), store) {
            (Err(_), Some(store)) => self.create(store),
            (line, _) => Ok(Saved {
                cookie: Some(line?),
                begun: Some(Begun::Signed(values)),
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
        let mut signed = None;
        let mut change = |stored: Record| {
            let record = self.merged(stored);
            let mut values = record.values.clone();
            let line = self.token_cookie(&mut values, record.saved, signer).ok();
            signed = line.map(|line| (line, values));
            match &signed {
                Some(_) => Change::Delete,
                None => Change::Replace(record),
            }
        };
        if !self.session.renewed() {
            let is_changed = store.update(id, self.now, &mut change)?;
            let line = match signed {
                Some((line, _)) => Some(line),
                None => self.renewed_id_cookie(id)?,
            };
            return Ok(Saved {
                cookie: line.filter(|_| is_changed),
                begun: None,
            });
        }
        let new = SessionId::generate()?;
        if !store.renew(id, &new, self.now, &mut change)? {
            return self.log_in_again(store);
        }
        match signed {
            Some((line, values)) => Ok(Saved {
                cookie: Some(line),
                begun: Some(Begun::Signed(values)),
            }),
            None => self.begun(new),
        }
    }

    fn in_store(&self, store: &dyn Store) -> Result<Saved, SaveError> {
        let session = self.session;
        let Origin::Store(id) = &session.state().origin else {
            return self.create(store);
        };
        let mut replace = |stored| Change::Replace(self.merged(stored));
        if session.renewed() {
            let new = SessionId::generate()?;
            self.list(store, Some(&new));
            if !store.renew(id, &new, self.now, &mut replace)? {
                return self.log_in_again(store);
            }
            return self.begun(new);
        }
        if !session.modified() && !self.is_due() {
            return Ok(Saved::default());
        }
        if !store.update(id, self.now, &mut replace)? {
            return Ok(Saved::default());
        }
        // Once a second is enough for the order and the age of the list.
        if session.state().saved < self.now {
            self.list(store, Some(id));
        }
        Ok(Saved {
            cookie: self.renewed_id_cookie(id)?,
            begun: None,
        })
    }

    /// The cookie of a session that was saved again: a permanent one lasts as long as its
    /// record, and one that is not permanent any more ends with the browser.
    fn renewed_id_cookie(&self, id: &SessionId) -> Result<Option<String>, SaveError> {
        let was_permanent = is_permanent(&self.session.state().loaded);
        let sends = was_permanent || self.session.is_permanent();
        Ok(sends.then(|| self.id_cookie(id)).transpose()?)
    }

    /// Puts the session into the list of its user under `id`, before it is stored: a process
    /// that is killed leaves no session that is in no list. Removes the one that it was
    /// loaded as. Only users with passwords have lists, and only for sessions that are never
    /// in cookies.
    fn list(&self, store: &dyn Store, id: Option<&SessionId>) {
        let Storage::Store(_) = self.interface.storage else {
            return;
        };
        let state = self.session.state();
        // A key is a hash: most requests need none.
        let old = user(&state.loaded).filter(|_| state.loaded.contains_key(FINGERPRINT));
        let old = old.and_then(|user| Some((self.session.key()?, user)));
        let new = id.filter(|_| self.session.has_password());
        let new = new.and_then(|id| Some((id.key(), self.session.user()?)));
        let change = |user: &str, change: &mut dyn FnMut(&mut SessionList)| {
            store.change_list(user, change).unwrap_or_else(self.warn);
        };
        if let Some((key, user)) = &old
            && new.as_ref().is_none_or(|(_, new)| new != user)
        {
            change(user, &mut |list| list.remove(key));
        }
        if let Some((key, user)) = &new {
            change(user, &mut |list| {
                if let Some((old, _)) = &old {
                    list.remove(old);
                }
                list.add(key.clone());
            });
        }
    }

    /// Saves a session that was ended while the request ran: a login still succeeds;
    /// otherwise the session stays ended.
    fn log_in_again(&self, store: &dyn Store) -> Result<Saved, SaveError> {
        match self.session.logged_in() {
            true => self.create(store),
            false => Ok(Saved::default()),
        }
    }

    /// Stores the session as a new one. If the old session has ended meanwhile, the new
    /// one contains only the changes of this request, and the user who logged in.
    fn create(&self, store: &dyn Store) -> Result<Saved, SaveError> {
        let session = self.session;
        let mut values = session.values().clone();
        if let Origin::Store(_) = session.state().origin {
            values = merge(BTreeMap::new(), &session.state().loaded, &values);
            let proof = session.has_password().then_some(FINGERPRINT);
            for key in [USERNAME, PERMANENT, DEMO].into_iter().chain(proof) {
                if let Some(value) = session.values().get(key) {
                    values.insert(key.to_owned(), value.clone());
                }
            }
        }
        let id = SessionId::generate()?;
        self.list(store, Some(&id));
        let record = Record {
            started: self.started,
            saved: self.now,
            values,
        };
        store.create(&id, &record)?;
        self.begun(id)
    }

    /// The result if the session was stored under a new id.
    fn begun(&self, id: SessionId) -> Result<Saved, SaveError> {
        let line = self.id_cookie(&id)?;
        Ok(Saved {
            cookie: Some(line),
            begun: Some(Begun::Stored(id)),
        })
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

    /// The `Set-Cookie` value that carries the session, signed: `values`, to which
    /// the session's beginning is added.
    fn token_cookie(
        &self,
        values: &mut BTreeMap<String, Value>,
        saved: u64,
        signer: &Signer,
    ) -> Result<String, CookieTooLarge> {
        let expires = self.expires(is_permanent(values), saved);
        values.insert(STARTED.to_owned(), Value::from(self.started));
        let json = tagged_json::dumps(values);
        let size = json.len();
        let payload = encode_payload(&json).ok_or(CookieTooLarge::Session { size })?;
        let token = signer.sign(&payload, saved);
        cookie::line(&self.interface.settings, self.scope, token, expires)
    }

    /// The time at which the browser deletes the cookie of a permanent session.
    fn expires(&self, permanent: bool, saved: u64) -> Option<u64> {
        let settings = &self.interface.settings;
        let idle = saved.saturating_add(settings.lifetime);
        let absolute = settings.absolute_lifetime;
        let end = absolute.map(|limit| self.started.second().saturating_add(limit));
        permanent.then_some(idle.min(end.unwrap_or(u64::MAX)))
    }

    /// The currently stored record with the changes of this request. A slow request
    /// does not date it earlier than other requests have meanwhile.
    fn merged(&self, stored: Record) -> Record {
        Record {
            started: self.started,
            saved: self.now.max(stored.saved),
            values: merge(
                stored.values,
                &self.session.state().loaded,
                self.session.values(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::HashMap;
    use std::rc::Rc;

    use super::*;
    use crate::session::cookie::CookieSettings;
    use crate::session::id::SessionKey;
    use crate::session::key::{Key, Keys};
    use crate::session::revocation::{Ended, Revocations};
    use crate::session::signing::Digest;
    use crate::session::store::{Changing, Visit};

    const NOW: u64 = 1_800_000_000;

    /// The mark of one user, who is logged out everywhere so many times while
    /// requests save a session.
    #[derive(Clone, Default)]
    struct Clicks {
        mark: Rc<Cell<Option<Moment>>>,
        left: Rc<Cell<usize>>,
    }

    impl Revocations for Clicks {
        fn ended(&self, _: Option<&str>, _: u64) -> Result<Ended, StoreError> {
            Ok(self.mark.get().map_or(Ended::Never, Ended::UpTo))
        }

        fn end(&self, _: Users<'_>, _: Option<Moment>, now: u64) -> Result<(), EndError> {
            let next = |mark: Moment| mark.after().max(now.into());
            self.mark
                .set(Some(self.mark.get().map_or(now.into(), next)));
            Ok(())
        }

        fn begin(&self, _: Option<&str>, now: u64) -> Result<Moment, StoreError> {
            let mark = self.mark.get();
            let began = mark.map_or(now.into(), |mark| mark.after().max(now.into()));
            if self.left.get() > 0 {
                self.left.set(self.left.get() - 1);
                self.end(Users::All, None, now).expect("a mark");
            }
            Ok(began)
        }

        fn repair(&self, _: Option<&str>, _: u64) -> Result<(), StoreError> {
            Ok(())
        }

        fn clean(&self, _: u64) -> Result<(), StoreError> {
            Ok(())
        }
    }

    /// A store in memory.
    #[derive(Clone, Default)]
    struct Memory(Rc<RefCell<HashMap<String, Record>>>);

    impl Store for Memory {
        fn load_by(&self, key: &SessionKey, _: u64) -> Result<Option<Record>, StoreError> {
            Ok(self.0.borrow().get(key.as_str()).cloned())
        }

        fn create(&self, id: &SessionId, record: &Record) -> Result<(), StoreError> {
            self.0.borrow_mut().insert(id.hash(), record.clone());
            Ok(())
        }

        fn update(
            &self,
            id: &SessionId,
            now: u64,
            change: &mut Changing<'_>,
        ) -> Result<bool, StoreError> {
            self.renew(id, id, now, change)
        }

        fn renew(
            &self,
            old: &SessionId,
            new: &SessionId,
            _: u64,
            change: &mut Changing<'_>,
        ) -> Result<bool, StoreError> {
            let Some(record) = self.0.borrow_mut().remove(&old.hash()) else {
                return Ok(false);
            };
            if let Change::Replace(record) = change(record) {
                self.create(new, &record)?;
            }
            Ok(true)
        }

        fn delete_by(&self, key: &SessionKey) -> Result<bool, StoreError> {
            Ok(self.0.borrow_mut().remove(key.as_str()).is_some())
        }

        fn list(&self, _: &str) -> Result<SessionList, StoreError> {
            Ok(SessionList::default())
        }

        fn change_list(
            &self,
            _: &str,
            _: &mut dyn FnMut(&mut SessionList),
        ) -> Result<(), StoreError> {
            Ok(())
        }

        fn sweep(&self, _: u64) -> Result<usize, StoreError> {
            Ok(0)
        }

        fn for_each(
            &self,
            _: u64,
            _: &mut dyn FnMut(&Record, usize) -> Visit,
        ) -> Result<usize, StoreError> {
            Ok(0)
        }
    }

    /// The click is answered before the login is.
    #[test]
    fn a_login_succeeds_whose_user_logs_out_everywhere_meanwhile() {
        let signer = || {
            let key = Key::new(b"a rather good key, this one".to_vec()).unwrap();
            Signer::new(Digest::Sha256, Keys::new(key, Vec::new()))
        };
        let memory = || Box::new(Memory::default());
        // A text that fits in a cookie, and one that does not.
        for size in [10, 9000] {
            let mut random = vec![0; size / 2];
            getrandom::fill(&mut random).unwrap();
            let text = base16ct::lower::encode_string(&random);
            let storages = [
                Storage::Cookie(signer().into(), None),
                Storage::Cookie(signer().into(), Some(memory())),
                Storage::Store(memory()),
            ];
            for (kind, storage) in storages.into_iter().enumerate() {
                if (kind, size) == (0, 9000) {
                    continue;
                }
                let clicks = Clicks::default();
                let interface = SessionInterface {
                    settings: CookieSettings::default(),
                    storage,
                    revocations: Some(Box::new(clicks.clone())),
                };
                let scope = CookieScope {
                    path: "/",
                    mount: "/",
                    secure: true,
                };
                let mut session = Session::new();
                for count in [0, 1, 3] {
                    session.clear();
                    session.insert(USERNAME, "ada");
                    session.insert("text", text.as_str());
                    clicks.left.set(count);
                    let line = interface
                        .save(&session, scope, NOW, &|_| {})
                        .unwrap()
                        .remove(0);
                    let (pair, _) = line.split_once(';').unwrap();
                    let opened = interface
                        .open([pair.as_bytes()].into_iter(), None, NOW)
                        .unwrap();
                    let case = format!("storage {kind}, {size} bytes, {count} clicks");
                    assert_eq!(opened.session.user(), Some("ada"), "{case}");
                    assert_eq!(clicks.left.get(), 0, "{case}");
                    session = opened.session;
                }
            }
        }
    }
}
