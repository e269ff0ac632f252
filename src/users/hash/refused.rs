//! Password hashes that are not accepted, and the limits on their cost.

use std::fmt;

/// Why a password hash is not accepted. The message says what it is and what to do; it
/// never contains the text itself, which may be a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusedHash {
    /// There is none.
    Empty,
    /// `{SHA}`, by `htpasswd -s`.
    Sha1,
    /// DES crypt, by `htpasswd -d`.
    Des,
    /// Plain text, by `htpasswd -p`, or a hash in a format that has no mark.
    PlainText,
    /// A known format that is not accepted.
    Unsupported(&'static str),
    /// An accepted format in which something is missing, too long or not allowed.
    Malformed(&'static str),
    /// It costs too much, or so little that its text is not a valid one.
    Cost {
        /// What is limited.
        limit: Limit,
        /// What the text says.
        value: u64,
    },
}

error_texts! { RefusedHash:
    Self::Empty => "no password hash: {REMEDY}";
    Self::Sha1 => "{{SHA}}, a fast hash without a salt: {REMEDY}";
    Self::Des => "DES crypt, which ignores all but 8 characters of a password: {REMEDY}";
    Self::PlainText => "plain text or an unknown format: {REMEDY}";
    Self::Unsupported(kind) => "{kind}, which is not accepted: {REMEDY}";
    Self::Malformed(kind) => "{kind} with missing or wrong characters: {REMEDY}";
    Self::Cost { limit, value } => "{limit}, but is {value}: {REMEDY}";
}

const REMEDY: &str = "set the password again with `htpasswd -B`";

/// The values that are accepted for a cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limit {
    /// The cost, with its unit.
    pub name: &'static str,
    /// The least value.
    pub least: u32,
    /// The greatest value.
    pub most: u32,
}

impl Limit {
    pub(super) const fn new(name: &'static str, least: u32, most: u32) -> Self {
        Self { name, least, most }
    }

    /// Accepts `value` if it is within this limit.
    pub(super) fn check(self, value: u64) -> Result<u32, RefusedHash> {
        u32::try_from(value)
            .ok()
            .filter(|value| (self.least..=self.most).contains(value))
            .ok_or(RefusedHash::Cost { limit: self, value })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, least, most } = self;
        write!(f, "{name} must be {least} to {most}")
    }
}

/// A decimal number without sign and leading zeros; one that is too large for 64 bits is
/// the greatest of them.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// Werkzeug reads such a hash with the default costs of its own version.
pub(super) const WITHOUT_COSTS: &str = "a hash of Werkzeug without its costs";

/// The beginnings of texts that are hashes of another kind, with their names.
const OTHERS: [(&str, &str); 20] = [
    ("$1$", "MD5 crypt"),
    ("$2x$", "bcrypt of a faulty version (2x)"),
    ("$2$", "bcrypt of a faulty version (2)"),
    ("$7$", "scrypt of crypt(3)"),
    ("$y$", "yescrypt"),
    ("$gy$", "gost-yescrypt"),
    ("$sha1$", "SHA-1 crypt"),
    ("$P$", "a hash of phpass"),
    ("$H$", "a hash of phpass"),
    ("$scrypt$", "scrypt as a PHC string"),
    ("$pbkdf2", "PBKDF2 of Passlib"),
    ("pbkdf2_", "a hash of Django"),
    ("pbkdf2$", WITHOUT_COSTS),
    ("scrypt$", WITHOUT_COSTS),
    ("md5$", "a salted digest of Werkzeug before 3.0"),
    ("sha1$", "a salted digest of Werkzeug before 3.0"),
    ("sha256$", "a salted digest of Werkzeug before 3.0"),
    ("sha512$", "a salted digest of Werkzeug before 3.0"),
    ("$", "a hash in an unknown format"),
    ("{", "a hash of LDAP"),
];

/// Why a text in none of the accepted formats is refused.
pub(super) fn unaccepted(text: &str) -> RefusedHash {
    if text.is_empty() {
        return RefusedHash::Empty;
    }
    if text.starts_with("{SHA}") {
        return RefusedHash::Sha1;
    }
    // A password of 13 letters looks the same.
    if text.len() == 13 && text.bytes().all(super::crypt64::is_digit) {
        return RefusedHash::Des;
    }
    OTHERS
        .iter()
        .find(|(start, _)| text.starts_with(start))
        .map_or(RefusedHash::PlainText, |(_, name)| {
            RefusedHash::Unsupported(name)
        })
}
