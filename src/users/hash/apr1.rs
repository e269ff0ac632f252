//! apr1: MD5 crypt with Apache's mark, as `htpasswd -m`, `openssl passwd -apr1` and the
//! panels of many hosts write it.
//!
//! Source: `apr_md5_encode` of Apache's APR. 1000 rounds of MD5 take a tenth of a
//! millisecond: such a hash is accepted but weak. htpasswd ends a password at a NUL; here
//! the bytes after it count.

use std::fmt;

use md5::{Digest, Md5};

use super::refused::RefusedHash;
use super::short::Short;
use super::{crypt64, equal};

pub(super) const MARK: &str = "$apr1$";

const MALFORMED: RefusedHash = RefusedHash::Malformed("apr1");

/// Apache ignores the rest of a longer salt and writes the shorter one.
const LONGEST_SALT: usize = 8;

const ENCODED_LENGTH: usize = 22;

/// The order of the digest's bytes.
const ORDER: [&[usize]; 6] = [
    &[0, 6, 12],
    &[1, 7, 13],
    &[2, 8, 14],
    &[3, 9, 15],
    &[4, 10, 5],
    &[11],
];

/// The salt is hashed in most rounds: its length decides how many blocks they have.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Cost {
    salt: usize,
}

impl Cost {
    pub(super) fn nanoseconds(self) -> u64 {
        140_000
    }

    pub(super) fn decoy(self) -> Apr1 {
        Apr1 {
            salt: Short::zeros(self.salt),
            encoded: [b'.'; ENCODED_LENGTH],
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("apr1")
    }
}

#[derive(Clone)]
pub(super) struct Apr1 {
    salt: Short,
    encoded: [u8; ENCODED_LENGTH],
}

impl Apr1 {
    /// `rest` follows the mark: `SALT$DIGEST`.
    pub(super) fn parse(rest: &str) -> Result<Self, RefusedHash> {
        let (salt, text) = rest.split_once('$').ok_or(MALFORMED)?;
        let is_salt =
            salt.len() <= LONGEST_SALT && salt.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_salt || !text.bytes().all(crypt64::is_digit) {
            return Err(MALFORMED);
        }
        Ok(Self {
            salt: Short::new(salt.as_bytes()).ok_or(MALFORMED)?,
            encoded: text.as_bytes().try_into().map_err(|_| MALFORMED)?,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let encoded = crypt64::encode(&digest(password, &self.salt), &ORDER);
        equal(&encoded, &self.encoded)
    }

    pub(super) fn cost(&self) -> Cost {
        Cost {
            salt: self.salt.len(),
        }
    }
}

fn digest(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner = md5(&[password, salt, password]);
    let mut first = Md5::new();
    first.update(password);
    first.update(MARK);
    first.update(salt);
    for part in password.chunks(inner.len()) {
        first.update(&inner[..part.len()]);
    }
    let mut length = password.len();
    while length > 0 {
        // The NUL is a quirk of the original, which everybody keeps.
        first.update(if length & 1 == 1 {
            &[0][..]
        } else {
            &password[..1]
        });
        length >>= 1;
    }
    let mut digest: [u8; 16] = first.finalize().into();
    for round in 0..1000 {
        let (begin, end) = match round & 1 {
            1 => (password, &digest[..]),
            _ => (&digest[..], password),
        };
        let salt = if round % 3 == 0 { &[][..] } else { salt };
        let again = if round % 7 == 0 { &[][..] } else { password };
        digest = md5(&[begin, salt, again, end]);
    }
    digest
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
