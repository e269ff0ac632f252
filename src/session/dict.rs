//! The session: a dict with Flask's flags *accessed* and *modified*.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::id::SessionId;
use super::login::{FINGERPRINT, Login};
use super::moment::Moment;
use super::tagged_json::{Error, Number, Value, Verbatim};

/// Flask marks a permanent session by this key.
pub(super) const PERMANENT: &str = "_permanent";
/// Flask keeps flashed messages under this key.
pub(super) const FLASHES: &str = "_flashes";

/// The key whose text is the session's user, as in Flask's tutorial. A session
/// gets a new id, and a new beginning, whenever its user changes.
///
/// A program that checks passwords itself does not call `Server::users`: it calls
/// `session.insert(USERNAME, name)` after its check, reads [`Session::username`], and calls
/// [`Session::clear`] for a logout. It has to limit failed attempts itself.
pub const USERNAME: &str = "username";

/// The category of the flashed message that not all sessions of a user were ended.
pub const EVERYWHERE: &str = "everywhere";

/// The origin of a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Origin {
    /// It is new.
    #[default]
    New,
    /// A signed cookie.
    Cookie,
    /// The store, under this id.
    Store(SessionId),
}

/// A message for the next page (Flask's `flash`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flash {
    /// Flask's own default is `message`.
    pub category: String,
    /// The text, unescaped.
    pub message: String,
}

/// For templates: `flash.category` and `flash.message`.
impl Serialize for Flash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut flash = serializer.serialize_struct("Flash", 2)?;
        flash.serialize_field("category", &self.category)?;
        flash.serialize_field("message", &self.message)?;
        flash.end()
    }
}

impl Flash {
    fn of(value: &Value) -> Option<Self> {
        let [category, message] = Self::parts(value)? else {
            return None;
        };
        Some(Self {
            category: category.as_str()?.to_owned(),
            message: message.as_str()?.to_owned(),
        })
    }

    fn category(value: &Value) -> Option<&str> {
        Self::parts(value)?.first()?.as_str()
    }

    /// Flask stores a tuple. If other code stored it as plain JSON, it is a list.
    fn parts(value: &Value) -> Option<&[Value]> {
        match value {
            Value::Tuple(parts) | Value::List(parts) => Some(parts),
            _ => None,
        }
    }
}

/// A visitor's session: a dict with string keys.
///
/// By default, the session is in a signed cookie, which visitors can read: keep no secrets in
/// it. The complete `Set-Cookie` value, with the cookie's name and attributes, has at most 4093
/// bytes (`MAX_COOKIE_SIZE`). A larger one is an error with status 500, unless
/// `SESSION_OVERFLOW` or `SESSION_TYPE` names a store.
///
/// The cookie and the store are read at the first access: a page without one needs
/// neither key nor store. If that fails, the session is empty, and the visitor gets an
/// error page whatever the handler returns.
///
/// Every access marks it *accessed*, so that no cache serves one visitor's page to
/// another. Changes mark it *modified*, also those inside a value.
///
/// The session is saved if the handler returns a response, or an error with a status
/// below 500, as [`Error::with_status`] makes it. Otherwise nothing of it changes. (Flask
/// saves it in every case.)
///
/// [`Error::with_status`]: crate::Error::with_status
#[derive(Default)]
pub struct Session {
    state: OnceCell<State>,
    open: Cell<Option<Box<dyn FnOnce() -> Self>>>,
    accessed: Accessed,
}

/// Whether a session was accessed. It belongs to one session, so that the server notices
/// if the handler replaced the session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accessed(Rc<Cell<bool>>);

impl Accessed {
    pub(crate) fn get(&self) -> bool {
        self.0.get()
    }

    fn set(&self, accessed: bool) {
        self.0.set(accessed);
    }

    /// Whether it belongs to `session`.
    pub(crate) fn is_of(&self, session: &Session) -> bool {
        Rc::ptr_eq(&self.0, &session.accessed.0)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The values as they were loaded.
    pub(super) loaded: BTreeMap<String, Value>,
    /// The current values; `None` if they were not accessed mutably.
    changed: Option<BTreeMap<String, Value>>,
    pub(super) origin: Origin,
    /// When the session began; 0 for a new one.
    pub(super) started: Moment,
    /// When it was saved last, in Unix seconds; 0 for a new one.
    pub(super) saved: u64,
    /// The other valid sessions whose cookies the request sent. An empty one stands for
    /// cookies that were not verified, or that have the same value.
    pub(super) others: Vec<Session>,
    /// The users whose sessions all have to end.
    pub(super) ended_users: Vec<EndedUser>,
    /// What its username is worth, if that was judged.
    login: Option<Login>,
    /// Whether this request removed the username, also one that it was not shown.
    logged_out: bool,
    /// Whether all sessions of a user have to end whose login could not be judged.
    ends_unknown: bool,
    /// `Set-Cookie` values of other cookies.
    cookies: Vec<String>,
    modified: bool,
    renewed: bool,
    cleared: bool,
    logged_in: bool,
    /// Whether a session that begins with this request is permanent, unless the handler
    /// decides.
    permanent_by_default: bool,
}

/// A user whose sessions all have to end.
#[derive(Clone, Debug)]
pub(super) struct EndedUser {
    pub(super) name: String,
    /// The latest moment at which one of the user's sessions in this request began.
    pub(super) began: Moment,
    /// Whether the user has a password, so that the name is no invented one.
    pub(super) has_password: bool,
}

impl Clone for Session {
    fn clone(&self) -> Self {
        self.accessed.set(true);
        Self {
            state: self.state().clone().into(),
            open: Cell::default(),
            accessed: Accessed(Rc::new(true.into())),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.get();
        if state.is_some() {
            self.accessed.set(true);
        }
        state.fmt(f)
    }
}

impl Session {
    /// An empty session, like that of a new visitor, for a test of a handler. A handler
    /// that ends the visitor's session calls [`Session::clear`]: if it replaces the
    /// session by another one, that is an error of the program, with status 500.
    pub fn new() -> Self {
        Self::default()
    }

    /// The session that `open` returns. `open` is called at the first access to the
    /// session.
    pub(crate) fn lazy(open: impl FnOnce() -> Self + 'static) -> Self {
        Self {
            open: Cell::new(Some(Box::new(open))),
            ..Self::default()
        }
    }

    /// Opens the session now: if that fails, the visitor gets the error page whatever
    /// the handler does next. This does not mark it accessed.
    pub fn open(&self) {
        self.state();
    }

    /// The session that came from `origin`, began at `started` and was last
    /// saved at `saved` (Unix seconds).
    pub(super) fn opened(
        origin: Origin,
        values: BTreeMap<String, Value>,
        started: Moment,
        saved: u64,
    ) -> Self {
        let state = State {
            loaded: values,
            origin,
            started,
            saved,
            ..State::default()
        };
        Self {
            state: state.into(),
            ..Self::default()
        }
    }

    /// Its content and origin. The first access opens it.
    pub(super) fn state(&self) -> &State {
        self.state.get_or_init(|| {
            let session = self.open.take().map(|open| open());
            let state = session.and_then(|session| session.state.into_inner());
            state.unwrap_or_default()
        })
    }

    #[expect(clippy::expect_used, reason = "`state` puts it there")]
    pub(super) fn state_mut(&mut self) -> &mut State {
        self.state();
        self.state.get_mut().expect("an open session")
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.dict().get(key)
    }

    /// The value of `key`, to be changed in place.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        // Without this, access to an absent key would copy all values.
        match self.contains_key(key) {
            true => self.values_mut().get_mut(key),
            false => None,
        }
    }

    /// The value of `key` as a Rust type; `None` if it is absent.
    ///
    /// # Errors
    ///
    /// The value cannot be deserialized as `T`.
    pub fn get_as<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.get(key).map(Value::to).transpose()
    }

    /// The value of `key` as a Rust type; `default` if it is absent or has another type.
    pub fn get_or<T: DeserializeOwned>(&self, key: &str, default: T) -> T {
        self.get_as(key).ok().flatten().unwrap_or(default)
    }

    /// The user who is logged in: the text under [`USERNAME`], if it is not empty.
    pub fn username(&self) -> Option<&str> {
        user(self.dict())
    }

    /// Stores `value` under `key` and returns the previous value. A value is a text, a
    /// number, a `bool`, a [`Value`] or a `Vec` of them. For any other type that serde can
    /// serialize, such as a struct, use [`insert_as`](Self::insert_as).
    ///
    /// The key `_started` is reserved: in a signed cookie, it has the time when the session
    /// began. Flask reserves `_permanent` and `_flashes`.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let key = key.into();
        if key == USERNAME {
            let state = self.state_mut();
            (state.logged_in, state.login) = (true, None);
        }
        self.touch().insert(key, value.into())
    }

    /// Stores any serializable value under `key`. A number that is not finite, such as
    /// NaN, is stored as null; [`insert`](Self::insert) stores it as Python does.
    ///
    /// # Errors
    ///
    /// `value` has no JSON form. Then nothing is stored.
    pub fn insert_as<T: Serialize + ?Sized>(
        &mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<(), Error> {
        let value = Value::of(value)?;
        self.insert(key, value);
        Ok(())
    }

    /// Removes `key` and returns its value: Python's `pop(key, None)`. Removing an
    /// absent key is not a change.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        if key == USERNAME {
            self.state_mut().logged_out = true;
        }
        match self.contains_key(key) {
            true => self.touch().remove(key),
            false => None,
        }
    }

    /// Whether the session has `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.dict().contains_key(key)
    }

    /// Removes everything and ends the session. Values that are stored afterwards
    /// belong to a new session with a new id.
    pub fn clear(&mut self) {
        self.renew();
        self.state_mut().cleared = true;
        self.state_mut().logged_out = true;
        self.state_mut().changed = Some(BTreeMap::new());
    }

    /// All keys and values, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.dict().iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.dict().len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.dict().is_empty()
    }

    /// Whether the session outlives the browser window.
    pub fn permanent(&self) -> bool {
        self.accessed.set(true);
        self.is_permanent() || self.becomes_permanent()
    }

    /// Sets whether the session outlives the browser window. If a program does not call
    /// this, the setting `SESSION_PERMANENT` decides for each new session.
    pub fn set_permanent(&mut self, permanent: bool) {
        if permanent != self.permanent() {
            self.insert(PERMANENT, permanent);
        }
    }

    /// Gives the session a new id and start time. The old id becomes invalid, and so
    /// does every other session that this request's cookies lead to. Call it when the
    /// visitor's rights change. A change of [`USERNAME`] does the same.
    pub fn renew(&mut self) {
        self.accessed.set(true);
        self.state_mut().modified = true;
        self.state_mut().renewed = true;
    }

    /// Sends another cookie with the session's own; `line` is its `Set-Cookie` value.
    pub(crate) fn add_cookie(&mut self, line: String) {
        self.state_mut().cookies.push(line);
    }

    /// The `Set-Cookie` values of [`Session::add_cookie`].
    pub(crate) fn take_cookies(&mut self) -> Vec<String> {
        std::mem::take(&mut self.state_mut().cookies)
    }

    /// Logs the user out in every browser: ends all sessions of the same [`USERNAME`]
    /// that began before now, in signed cookies and in a store.
    ///
    /// At most [`MAX_INVENTED`] names can have a revocation mark, unless their users have
    /// passwords. If there are as many and this name has none, only this session ends, and
    /// a message of the category [`EVERYWHERE`] is flashed. So it is while the users file
    /// cannot be read.
    ///
    /// [`MAX_INVENTED`]: super::revocation::MAX_INVENTED
    pub fn end_everywhere(&mut self) {
        let users = self.users();
        let state = self.state_mut();
        state.ended_users = users;
        state.ends_unknown = state.login == Some(Login::Unknown);
        self.remove(USERNAME);
    }

    /// The users of the sessions in this request.
    fn users(&self) -> Vec<EndedUser> {
        let mut users = Vec::<EndedUser>::new();
        let sessions = std::iter::once(self).chain(&self.state().others);
        for (session, name) in sessions.filter_map(|session| Some((session, session.user()?))) {
            let (began, has_password) = (session.state().started, session.has_password());
            match users.iter_mut().find(|user| user.name == name) {
                Some(user) => {
                    user.began = began.max(user.began);
                    user.has_password |= has_password;
                }
                None => users.push(EndedUser {
                    name: name.to_owned(),
                    began,
                    has_password,
                }),
            }
        }
        users
    }

    /// Ends all other sessions of the user, as [`Session::end_everywhere`] does. This one
    /// gets a new id and beginning.
    #[cfg(feature = "program")]
    pub(crate) fn end_elsewhere(&mut self) {
        self.state_mut().ended_users = self.users();
        self.renew();
    }

    /// Adds a message for the next page (Flask's `flash`, whose default category is
    /// `message`).
    pub fn flash(&mut self, message: &str, category: &str) {
        let flash = Value::Tuple(vec![category.into(), message.into()]);
        if let Some(Value::List(flashes)) = self.touch().get_mut(FLASHES) {
            flashes.push(flash);
        } else {
            self.insert(FLASHES, Value::List(vec![flash]));
        }
    }

    /// Removes and returns all messages, oldest first (Flask's
    /// `get_flashed_messages`).
    #[doc(alias = "get_flashed_messages")]
    pub fn take_flashes(&mut self) -> Vec<Flash> {
        let Some(Value::List(flashes)) = self.remove(FLASHES) else {
            return Vec::new();
        };
        flashes.iter().filter_map(Flash::of).collect()
    }

    /// Removes and returns the messages of one category, oldest first
    /// (`category_filter` of Flask's `get_flashed_messages`).
    pub fn take_flashes_of(&mut self, category: &str) -> Vec<Flash> {
        let Some(Value::List(flashes)) = self.get_mut(FLASHES) else {
            return Vec::new();
        };
        let is_of = |flash: &mut Value| Flash::category(flash) == Some(category);
        let taken: Vec<Value> = flashes.extract_if(.., is_of).collect();
        if flashes.is_empty() && !taken.is_empty() {
            self.remove(FLASHES);
        }
        taken.iter().filter_map(Flash::of).collect()
    }

    /// The mark that it was accessed, which is kept up to date.
    pub(crate) fn mark(&self) -> Accessed {
        self.accessed.clone()
    }

    /// Whether anything was read or changed.
    pub fn accessed(&self) -> bool {
        self.accessed.get()
    }

    /// Whether anything was changed.
    pub fn modified(&self) -> bool {
        let state = self.state();
        let changed = state.changed.as_ref();
        state.modified || changed.is_some_and(|changed| *changed != state.loaded)
    }

    /// Whether anything but a fingerprint by an older key was changed.
    pub(crate) fn has_changes(&self) -> bool {
        let state = self.state();
        let Some(Login::ByFallbackKey(renewed)) = &state.login else {
            return self.modified();
        };
        let mut loaded = state.loaded.clone();
        loaded.insert(FINGERPRINT.to_owned(), Value::String(renewed.clone()));
        state.modified
            || state
                .changed
                .as_ref()
                .is_some_and(|changed| *changed != loaded)
    }

    /// Whether the request had no valid session.
    pub fn is_new(&self) -> bool {
        self.accessed.set(true);
        self.state().origin == Origin::New
    }

    /// When the session began, in Unix seconds; 0 for one that is new.
    pub fn started(&self) -> u64 {
        self.accessed.set(true);
        self.state().started.second()
    }

    /// Whether it gets a new start time: there was none, or it gets a new id.
    pub(super) fn begins(&self) -> bool {
        self.state().origin == Origin::New || self.renewed()
    }

    /// The value of [`USERNAME`], without marking the session accessed.
    pub(super) fn user(&self) -> Option<&str> {
        user(self.values())
    }

    /// Sets what its username is worth.
    pub(super) fn set_login(&mut self, login: Login) {
        let state = self.state_mut();
        match &login {
            Login::AnyName | Login::Valid | Login::OfAnother | Login::Ended => {}
            Login::ByFallbackKey(renewed) => {
                let mut values = state.loaded.clone();
                values.insert(FINGERPRINT.to_owned(), Value::String(renewed.clone()));
                state.changed = Some(values);
            }
            // As if the session had been loaded without it.
            Login::Unproven => drop(state.loaded.remove(USERNAME)),
            // If the session is saved, the login is not.
            Login::Unknown => {
                let mut values = state.loaded.clone();
                for key in [USERNAME, FINGERPRINT] {
                    values.remove(key);
                }
                state.changed = Some(values);
            }
        }
        state.login = Some(login);
    }

    /// Binds the session to the password of its user, and gives it a new id and beginning.
    pub(crate) fn prove(&mut self, fingerprint: String) {
        self.insert(FINGERPRINT, fingerprint);
        self.state_mut().login = Some(Login::Valid);
        // Also if the same user was logged in already.
        self.renew();
    }

    /// Whether its user has logged in with a password, before or with this request.
    pub(crate) fn has_password(&self) -> bool {
        let login = self.state().login.as_ref();
        login.is_some_and(Login::has_password) && self.user().is_some()
    }

    /// As [`Session::username`], if the request's cookie proves that the user has logged in
    /// with the password that is valid now, or by another program whose login is accepted.
    pub(crate) fn proved_username(&self) -> Option<&str> {
        let name = self.username()?;
        let state = self.state();
        let login = state.login.as_ref();
        let is_proved =
            login.is_some_and(|login| login.has_password() || *login == Login::OfAnother);
        (is_proved && user(&state.loaded) == Some(name)).then_some(name)
    }

    /// Whether [`Session::end_everywhere`] was called for a user whose login could not be
    /// judged: then only this session ends.
    pub(crate) fn ends_unknown(&self) -> bool {
        self.state().ends_unknown
    }

    /// Whether this request ends a login, also one that could not be judged.
    pub(crate) fn is_logout(&self) -> bool {
        self.state().logged_out && self.user().is_none()
    }

    /// Whether it gets a new id.
    pub(super) fn renewed(&self) -> bool {
        self.state().renewed || self.user() != user(&self.state().loaded)
    }

    /// Whether this request stored a user, also if it is the same one again.
    pub(super) fn logged_in(&self) -> bool {
        self.state().logged_in && self.user().is_some()
    }

    /// Whether the request had a session, and it is empty now.
    pub(super) fn emptied(&self) -> bool {
        let state = self.state();
        let brought = !state.loaded.is_empty() || (state.renewed && !state.others.is_empty());
        self.values().is_empty() && brought
    }

    /// Applies `SESSION_PERMANENT`, as Flask-Session does for new sessions.
    pub(crate) fn set_permanent_by_default(&mut self) {
        self.state_mut().permanent_by_default = true;
    }

    /// Marks a session permanent that is so by default. Not one that has only flashed
    /// messages: it ends when they have been shown.
    pub(crate) fn apply_default_permanence(&mut self) {
        if self.becomes_permanent() && self.modified() && has_more_than_flashes(self.values()) {
            let permanent = Value::Bool(true);
            self.values_mut().insert(PERMANENT.to_owned(), permanent);
        }
    }

    /// Whether it is permanent by default: a session that begins with this request, for
    /// which the handler has not decided. Messages that were flashed before do not count.
    fn becomes_permanent(&self) -> bool {
        let state = self.state();
        state.permanent_by_default
            && (state.cleared || !has_more_than_flashes(&state.loaded))
            && !self.values().contains_key(PERMANENT)
    }

    /// Whether the values say that it outlives the browser window, without marking the
    /// session accessed.
    pub(super) fn is_permanent(&self) -> bool {
        is_permanent(self.values())
    }

    /// The values, without marking the session accessed: also for a handler that passes
    /// them on to another program, which tells whether it used them.
    #[doc(hidden)]
    pub fn values(&self) -> &BTreeMap<String, Value> {
        let state = self.state();
        state.changed.as_ref().unwrap_or(&state.loaded)
    }

    fn values_mut(&mut self) -> &mut BTreeMap<String, Value> {
        let state = self.state_mut();
        state.changed.get_or_insert_with(|| state.loaded.clone())
    }

    fn dict(&self) -> &BTreeMap<String, Value> {
        self.accessed.set(true);
        self.values()
    }

    fn touch(&mut self) -> &mut BTreeMap<String, Value> {
        self.accessed.set(true);
        self.state_mut().modified = true;
        self.values_mut()
    }
}

/// Whether a session of these values outlives the browser window.
pub(super) fn is_permanent(values: &BTreeMap<String, Value>) -> bool {
    values.get(PERMANENT) == Some(&Value::Bool(true))
}

fn has_more_than_flashes(values: &BTreeMap<String, Value>) -> bool {
    values.keys().any(|key| key != FLASHES)
}

/// The user in a session's dict.
pub(super) fn user(values: &BTreeMap<String, Value>) -> Option<&str> {
    let Value::String(name) = values.get(USERNAME)? else {
        return None;
    };
    Some(name.as_str()).filter(|name| !name.is_empty())
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Self::Number(value.into())
            }
        })*
    };
}

from_integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        f64::from(value).into()
    }
}

/// `NaN` and infinity are written as Python writes them.
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        match Number::from_f64(value) {
            Some(number) => Self::Number(number),
            None if value.is_nan() => Self::Verbatim(Verbatim::new("NaN", None)),
            None if value > 0.0 => Self::Verbatim(Verbatim::new("Infinity", None)),
            None => Self::Verbatim(Verbatim::new("-Infinity", None)),
        }
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let values = [("a".to_owned(), Value::List(vec![Value::from(1)]))].into();
        Session::opened(Origin::Cookie, values, 1_700_000_000.into(), 1_700_000_000)
    }

    #[test]
    fn values_of_rusts_types_come_back_as_they_were() {
        let mut session = Session::new();
        session.insert("small", i8::MIN);
        session.insert("large", u64::MAX);
        session.insert("size", usize::MAX);
        session.insert("half", 0.5_f64);
        session.insert("list", vec!["a", "b"]);
        session.insert("lists", vec![vec![1_u16], vec![]]);
        session.insert("nan", f64::NAN);
        session.insert("negative", f64::NEG_INFINITY);
        assert_eq!(session.get_or("small", 0), i8::MIN);
        assert_eq!(session.get_or("large", 0), u64::MAX);
        assert_eq!(session.get_or("size", 0), usize::MAX);
        assert_eq!(session.get_or("half", 0.0), 0.5);
        assert_eq!(session.get_or("list", Vec::<String>::new()), ["a", "b"]);
        assert_eq!(
            session.get_or("lists", Vec::<Vec<u16>>::new()),
            [vec![1], vec![]]
        );
        // As Python's json writes them, which Flask reads.
        let json = super::super::tagged_json::dumps(session.values());
        assert!(
            json.contains(r#""nan":NaN"#) && json.contains(":-Infinity"),
            "{json}"
        );
        assert_eq!(
            super::super::tagged_json::loads(&json).as_ref(),
            Some(session.values())
        );
    }

    #[test]
    fn a_proof_by_the_new_key_is_no_change_of_the_request() {
        let mut session = session();
        session.set_login(Login::ByFallbackKey("new".to_owned()));
        assert!(session.modified() && !session.has_changes());
        session.insert("b", 1);
        assert!(session.has_changes());
    }

    #[test]
    fn flags_follow_each_access_and_change() {
        type Step = fn(&mut Session);
        #[rustfmt::skip]
        let cases: [(&str, Step, bool, bool); 14] = [
            // name                     step                                        accessed modified
            ("nothing",                 |_| (),                                     false, false),
            ("get",                     |s| { s.get("a"); },                        true,  false),
            ("contains_key, absent",    |s| { s.contains_key("b"); },               true,  false),
            ("is_empty",                |s| { s.is_empty(); },                      true,  false),
            ("clone",                   |s| drop(s.clone()),                        true,  false),
            ("is_new",                  |s| { s.is_new(); },                        true,  false),
            ("started",                 |s| { s.started(); },                       true,  false),
            ("Debug",                   |s| drop(format!("{s:?}")),                 true,  false),
            ("insert the same",         |s| { let a = s.get("a").cloned().unwrap(); s.insert("a", a); }, true, true),
            ("remove",                  |s| { s.remove("a"); },                     true,  true),
            ("remove, absent",          |s| { s.remove("b"); },                     true,  false),
            ("look at it mutably",      |s| { s.get_mut("a"); },                    true,  false),
            ("change inside a value",   |s| if let Some(Value::List(l)) = s.get_mut("a") { l.push(Value::Null) }, true, true),
            ("clear",                   |s| s.clear(),                              true,  true),
        ];
        for (name, step, accessed, modified) in cases {
            let mut session = session();
            step(&mut session);
            assert_eq!(
                (session.accessed(), session.modified()),
                (accessed, modified),
                "{name}"
            );
        }
    }

    #[test]
    fn flashes_are_stored_as_flask_stores_them() {
        let mut session = Session::new();
        session.flash("hi", "message");
        session.flash("no", "error");
        let stored = super::super::tagged_json::dumps(session.values());
        assert_eq!(
            stored,
            r#"{"_flashes":[{" t":["message","hi"]},{" t":["error","no"]}]}"#
        );
        let flashes = session.take_flashes();
        assert_eq!(flashes.len(), 2);
        assert_eq!(
            (flashes[1].category.as_str(), flashes[1].message.as_str()),
            ("error", "no")
        );
        assert!(session.is_empty());
    }

    #[test]
    fn any_serializable_value_is_stored_and_read() {
        let mut session = Session::new();
        session.insert_as("visits", &vec![1u8, 2]).unwrap();
        assert_eq!(
            session.get_as::<Vec<u8>>("visits").unwrap(),
            Some(vec![1, 2])
        );
        assert_eq!(session.get_as::<u8>("absent").unwrap(), None);
        assert!(session.get_as::<u8>("visits").is_err());
    }
}
