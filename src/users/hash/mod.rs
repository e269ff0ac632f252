//! Password hashes as they stand in a users file.
//!
//! Accepted are bcrypt, SHA-crypt, Argon2 as a PHC string, scrypt and PBKDF2 of Werkzeug,
//! and apr1; each has a file here. `{SHA}`, DES crypt and plain text are refused, and so
//! is a hash that costs more than its [`Limit`]: whoever writes the file is trusted, but
//! one line must not keep a process busy for minutes.

mod apr1;
mod bcrypt;
mod crypt;
mod crypt64;
mod memory;
mod phc;
mod refused;
mod short;
mod werkzeug;
mod work;

use std::fmt;

use subtle::ConstantTimeEq;

pub use self::refused::{Limit, RefusedHash};
pub use self::work::Work;
use super::password::Password;

/// Why a password could not be hashed. It says nothing about the password's being right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HashError {
    /// This process may not have as much memory: see its limits (`ulimit -v`).
    Memory {
        /// The size of the block that was not to be had.
        bytes: usize,
    },
    /// A new password is too long for bcrypt.
    TooLong {
        /// The longest.
        most: usize,
    },
    /// A new password has a NUL, at which other programs would cut it.
    Nul,
    /// The system gives no random bytes.
    Random(getrandom::Error),
    /// A crate refused what was accepted here.
    Parameters,
}

error_texts! { HashError:
    Self::Memory { bytes } =>
        "not enough memory to check a password: the hash needs {} KiB", bytes.div_ceil(1024);
    Self::TooLong { most } => "a new password may have at most {most} bytes";
    Self::Nul => "a new password may not contain a NUL";
    Self::Random(err) => "no random bytes: {err}";
    Self::Parameters => "the parameters of a password hash are not supported";
}

/// A password hash in an accepted format, within the limits on its cost.
///
/// `Debug` shows only its [`Work`].
#[derive(Clone)]
pub struct PasswordHash {
    text: Box<str>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Apr1(apr1::Apr1),
    Bcrypt(bcrypt::Bcrypt),
    Crypt(crypt::Crypt),
    Pbkdf2(werkzeug::Pbkdf2),
    Phc(phc::Phc),
    Scrypt(werkzeug::Scrypt),
}

impl PasswordHash {
    /// Reads what stands behind the name in a users file. It computes no hash, and
    /// allocates as many bytes as `text` has.
    ///
    /// # Errors
    ///
    /// Every [`RefusedHash`].
    pub fn parse(text: &str) -> Result<Self, RefusedHash> {
        Ok(Self {
            kind: Kind::parse(text)?,
            text: text.into(),
        })
    }

    /// Hashes a new password: bcrypt `$2y$` of cost 12, which Apache reads too.
    ///
    /// Hashes its form C ([`Password::nfc`]), so that every system's spelling matches.
    ///
    /// # Errors
    ///
    /// [`HashError::TooLong`] for more than 72 bytes, [`HashError::Nul`],
    /// [`HashError::Random`], [`HashError::Memory`].
    pub fn make(password: &Password) -> Result<Self, HashError> {
        memory::check(0)?;
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(HashError::Random)?;
        let password = password.nfc().unwrap_or_else(|| password.as_typed());
        let text = bcrypt::make(password, salt)?;
        Self::parse(&text).map_err(|_| HashError::Parameters)
    }

    /// Whether the hash is one of `password`: as typed, else in form C.
    ///
    /// A wrong password takes the same time as every other of its length, and twice as
    /// long if it has another form C. A password that the format cannot tell from others
    /// (bcrypt: more than 72 bytes, or a NUL) is a wrong one.
    ///
    /// # Errors
    ///
    /// [`HashError::Memory`]; the process does not end.
    pub fn verify(&self, password: &Password) -> Result<bool, HashError> {
        if self.kind.matches(password.as_typed())? {
            return Ok(true);
        }
        match password.nfc() {
            Some(nfc) => self.kind.matches(nfc),
            None => Ok(false),
        }
    }

    /// What it takes to verify a password.
    pub fn work(&self) -> Work {
        Work::of(&self.kind)
    }

    /// Whether it is weaker than what [`make`](Self::make) makes: see [`Work::is_weak`].
    pub fn is_weak(&self) -> bool {
        self.work().is_weak()
    }

    /// The text that was parsed; empty for a decoy.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordHash").field(&self.work()).finish()
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Self, RefusedHash> {
        let after = |mark| text.strip_prefix(mark);
        if let Some(rest) = after("$2y$").or(after("$2b$")).or(after("$2a$")) {
            bcrypt::Bcrypt::parse(rest).map(Self::Bcrypt)
        } else if let Some(rest) = after("$5$") {
            crypt::Crypt::parse(crypt::Digest::Sha256, rest).map(Self::Crypt)
        } else if let Some(rest) = after("$6$") {
            crypt::Crypt::parse(crypt::Digest::Sha512, rest).map(Self::Crypt)
        } else if let Some(rest) = after("$argon2") {
            phc::Phc::parse(rest).map(Self::Phc)
        } else if let Some(rest) = after("scrypt:") {
            werkzeug::Scrypt::parse(rest).map(Self::Scrypt)
        } else if let Some(rest) = after("pbkdf2:") {
            werkzeug::Pbkdf2::parse(rest).map(Self::Pbkdf2)
        } else if let Some(rest) = after(apr1::MARK) {
            apr1::Apr1::parse(rest).map(Self::Apr1)
        } else {
            Err(refused::unaccepted(text))
        }
    }

    fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        memory::check(0)?;
        match self {
            Self::Apr1(hash) => Ok(hash.matches(password)),
            Self::Bcrypt(hash) => Ok(hash.matches(password)),
            Self::Crypt(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => Ok(hash.matches(password)),
            Self::Phc(hash) => hash.matches(password),
            Self::Scrypt(hash) => hash.matches(password),
        }
    }
}

/// Whether two digests are equal, in a time that depends only on their lengths.
fn equal(computed: &[u8], stored: &[u8]) -> bool {
    computed.ct_eq(stored).into()
}
