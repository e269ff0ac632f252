//! Browsers in which users have logged in before, known by a cookie.
//!
//! Whoever tries passwords for a name must not keep its owner out: attempts from a
//! browser in which the owner has logged in have a limit of their own
//! ([`limits`](super::limits)). The cookie of such a browser is `session_known` if the
//! session's is `session`. It is no session and opens no page. It stays after a logout.
//!
//! Its token is `payload.timestamp.signature` as
//! [`signing`](crate::session::signing) writes it, with a salt of its own. The payload
//! is base64url of 16 random bytes, the browser's id, and a mark of 16 bytes for each
//! user, the latest first. A mark is the first half of HMAC-SHA256 over the browser's id,
//! the user's name, a zero byte and the user's hash. So it ends with the password, it says
//! nothing about the name to others who see it, and it is of no use in another browser's
//! token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::fingerprint;
use super::hash::PasswordHash;
use crate::session::cookie::{self, CookieScope, CookieSettings};
use crate::session::signing::Signer;

/// The end of the cookie's name, after that of the session's cookie.
const SUFFIX: &str = "_known";

/// The salt of the signature.
const TOKEN_SALT: &[u8] = b"signet.known-browser";

/// The salt of the marks. Their key is HMAC-SHA256(secret key, salt).
const MARK_SALT: &[u8] = b"signet.known-user";

/// Seconds that a browser is known after a login: 400 days, for which browsers keep a
/// cookie at most (RFC 6265bis, 5.5).
const MAX_AGE: u64 = 400 * 24 * 60 * 60;

/// The most users that a browser is known by.
const MAX_USERS: usize = 5;

/// Valid tokens that are read: one, and one of another path or domain.
const MAX_TOKENS: usize = 2;

/// Cookies of the name that are verified. Another page of the host can set some, as many as
/// web servers accept in a header field of 8 KB.
const MAX_COOKIES: usize = 64;

/// Bytes of a token that is verified. The shortest one, of one user and by SHA-1, has 78, that
/// of five users by SHA-256 has 179.
const TOKEN: std::ops::RangeInclusive<usize> = 78..=400;

/// The bytes of an id, and of a mark.
const PART: usize = 16;

type Part = [u8; PART];

/// What the cookies of a request say about its browser. Debugging output has no ids.
#[derive(Clone, Default)]
pub struct KnownBrowser {
    /// Those that are valid, in the order of the request.
    tokens: Vec<Token>,
}

/// What stands in one token.
#[derive(Clone)]
struct Token {
    id: Part,
    marks: Vec<Part>,
}

impl fmt::Debug for KnownBrowser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownBrowser(..)")
    }
}

impl KnownBrowser {
    /// What the `Cookie` headers of a request say. `session` are the settings of the
    /// session's cookie, `now` is in Unix seconds.
    ///
    /// Of the cookies with this name that can be a token by their length, the first 64 are
    /// verified, and the first two valid ones count. A cookie whose signature is not valid by
    /// any key, or that is older than 400 days, counts as absent.
    pub fn parse<'h>(
        headers: impl Iterator<Item = &'h [u8]>,
        session: &CookieSettings,
        keys: &Signer,
        now: u64,
    ) -> Self {
        let name = session.beside(SUFFIX).name;
        let values = headers.flat_map(|header| cookie::values_of(&name, header));
        let mut signer = None;
        let tokens = values
            .filter(|value| TOKEN.contains(&value.len()))
            .take(MAX_COOKIES)
            .filter_map(|value| {
                let signer = signer.get_or_insert_with(|| keys.with_salt(TOKEN_SALT));
                Token::read(signer.verify(value, MAX_AGE, now).ok()?.payload)
            })
            .take(MAX_TOKENS);
        Self {
            tokens: tokens.collect(),
        }
    }

    /// The id of this user in this browser, for the limits of attempts; `None` if the user
    /// has not logged in here since the password was changed.
    ///
    /// It is the user's mark, so that each user has a counter: with one for the whole
    /// browser, a login by one name would take back the failures of another.
    pub fn id_for(&self, name: &str, hash: &PasswordHash, keys: &Signer) -> Option<&[u8]> {
        let mut tokens = self.tokens.iter();
        tokens.find_map(|token| Some(token.marks[token.find(name, hash, keys)?].as_slice()))
    }

    /// The browser after a login: this user is its latest, and of more than five the first
    /// ones are forgotten. It keeps its id, so that its users keep their marks.
    ///
    /// # Errors
    ///
    /// [`getrandom::Error`] if the browser needs an id and the system returns no random
    /// bytes.
    pub fn with_user(
        &self,
        name: &str,
        hash: &PasswordHash,
        keys: &Signer,
    ) -> Result<Self, getrandom::Error> {
        let knows_user = |token: &&Token| token.find(name, hash, keys).is_some();
        let token = self.tokens.iter().find(knows_user);
        let mut token = match token.or(self.tokens.first()) {
            Some(token) => token.clone(),
            None => Token::new()?,
        };
        if let Some(at) = token.find(name, hash, keys) {
            token.marks.remove(at);
        }
        let mark = fingerprint::over(keys.mac(MARK_SALT), &token.id, name, hash);
        token.marks.insert(0, short(mark));
        token.marks.truncate(MAX_USERS);
        Ok(Self {
            tokens: vec![token],
        })
    }

    /// The `Set-Cookie` value of a browser with a user, signed by the newest key at `now`
    /// (Unix seconds), with the attributes of the session's cookie; `None` if there is no
    /// user.
    pub fn set_cookie(
        &self,
        session: &CookieSettings,
        scope: CookieScope<'_>,
        keys: &Signer,
        now: u64,
    ) -> Option<String> {
        let token = self.tokens.first()?;
        let token = keys.with_salt(TOKEN_SALT).sign(&token.write(), now);
        let expires = Some(now.saturating_add(MAX_AGE));
        // It always fits: session/cookie.rs tests the longest one.
        cookie::line(&session.beside(SUFFIX), scope, token, expires).ok()
    }
}

impl Token {
    fn new() -> Result<Self, getrandom::Error> {
        let mut id = [0; PART];
        getrandom::fill(&mut id)?;
        Ok(Self {
            id,
            marks: Vec::new(),
        })
    }

    fn read(payload: &str) -> Option<Self> {
        let mut bytes = [0; PART * (1 + MAX_USERS)];
        let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut bytes).ok()?;
        let (parts, rest) = bytes[..length].as_chunks();
        let (id, marks) = parts.split_first()?;
        let is_whole = rest.is_empty() && !marks.is_empty();
        is_whole.then(|| Self {
            id: *id,
            marks: marks.to_vec(),
        })
    }

    fn write(&self) -> String {
        let parts = std::iter::once(&self.id).chain(&self.marks);
        URL_SAFE_NO_PAD.encode(parts.flatten().copied().collect::<Vec<u8>>())
    }

    /// Where the user's mark is, by any key.
    fn find(&self, name: &str, hash: &PasswordHash, keys: &Signer) -> Option<usize> {
        self.marks_of(name, hash, keys).find_map(|wanted| {
            let is_wanted = |mark: &Part| wanted.clone().verify_truncated_left(mark).is_ok();
            self.marks.iter().position(is_wanted)
        })
    }

    /// The user's mark by each key, newest first, before its end.
    fn marks_of<'m>(
        &'m self,
        name: &'m str,
        hash: &'m PasswordHash,
        keys: &'m Signer,
    ) -> impl Iterator<Item = Hmac<Sha256>> {
        keys.macs(MARK_SALT)
            .map(move |mac| fingerprint::over(mac, &self.id, name, hash))
    }
}

/// The first half of it.
fn short(hmac: Hmac<Sha256>) -> Part {
    let mut mark = [0; PART];
    mark.copy_from_slice(&hmac.finalize().into_bytes()[..PART]);
    mark
}
