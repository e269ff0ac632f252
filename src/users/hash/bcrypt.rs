//! bcrypt: `$2y$` (PHP, htpasswd), `$2b$` (Python) and `$2a$`, which differ in name only.
//!
//! (The `$2a$` of crypt(3) gives other hashes to some passwords with bytes above 127 which
//! a faulty version of 2011 confused; no tool has written such hashes since.)
//!
//! bcrypt reads the first 72 bytes of a password, up to a NUL. Here nothing is cut: a
//! longer password, or one with a NUL, matches no hash, after the same time as a wrong
//! one. PHP and crypt(3) cut it: whoever has a longer password there must set a new one.

use std::fmt;

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{DecodeSliceError, Engine};
use zeroize::Zeroizing;

use super::refused::{Limit, RefusedHash};
use super::{HashError, equal};

/// The longest password, in bytes.
const LONGEST: usize = 72;

const LIMIT: Limit = Limit::new("the cost of bcrypt", 4, 14);

/// The cost of new hashes.
const NEW_COST: u32 = 12;

/// Spare bits must be zero, as crypt(3) writes them; else Apache would not match either.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);

const MALFORMED: RefusedHash = RefusedHash::Malformed("bcrypt");

/// The binary logarithm of the rounds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Cost(u32);

impl Cost {
    pub(super) fn nanoseconds(self) -> u64 {
        56_000 << self.0
    }

    pub(super) fn is_weak(self) -> bool {
        self.0 < NEW_COST
    }

    pub(super) fn decoy(self) -> Bcrypt {
        Bcrypt {
            cost: self,
            salt: [0; 16],
            digest: [0; 23],
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bcrypt, cost {}", self.0)
    }
}

#[derive(Clone)]
pub(super) struct Bcrypt {
    cost: Cost,
    salt: [u8; 16],
    digest: [u8; 23],
}

impl Bcrypt {
    /// `rest` follows the version: two digits of cost, `$`, 22 characters of salt, 31 of
    /// digest.
    pub(super) fn parse(rest: &str) -> Result<Self, RefusedHash> {
        let (cost, encoded) = rest.split_once('$').ok_or(MALFORMED)?;
        let is_number = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let cost = cost.parse().ok().filter(|_| is_number).ok_or(MALFORMED)?;
        let cost = Cost(LIMIT.check(cost)?);
        let (salt, digest) = encoded.split_at_checked(22).ok_or(MALFORMED)?;
        Ok(Self {
            cost,
            salt: decoded(salt)?,
            digest: decoded(digest)?,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let is_exact = password.len() <= LONGEST && !password.contains(&0);
        equal(&digest(self.cost, self.salt, password), &self.digest) && is_exact
    }

    pub(super) fn cost(&self) -> Cost {
        self.cost
    }
}

/// The text of a new hash with this `salt`.
pub(super) fn make(password: &[u8], salt: [u8; 16]) -> Result<String, HashError> {
    if password.len() > LONGEST {
        return Err(HashError::TooLong { most: LONGEST });
    }
    if password.contains(&0) {
        return Err(HashError::Nul);
    }
    let digest = BASE64.encode(digest(Cost(NEW_COST), salt, password));
    Ok(format!("$2y${NEW_COST}${}{digest}", BASE64.encode(salt)))
}

/// The digest of the first 72 bytes.
fn digest(Cost(cost): Cost, salt: [u8; 16], password: &[u8]) -> [u8; 23] {
    // A NUL ends the password, if there is room for it.
    let mut key = Zeroizing::new([0; LONGEST]);
    let length = password.len().min(LONGEST);
    key[..length].copy_from_slice(&password[..length]);
    let output = bcrypt::bcrypt(cost, salt, &key[..LONGEST.min(length + 1)]);
    let mut digest = [0; 23];
    digest.copy_from_slice(&output[..23]);
    digest
}

fn decoded<const N: usize>(text: &str) -> Result<[u8; N], RefusedHash> {
    let mut bytes = [0; N];
    let length: Result<usize, DecodeSliceError> = BASE64.decode_slice(text, &mut bytes);
    match length {
        Ok(length) if length == N => Ok(bytes),
        Ok(_) | Err(_) => Err(MALFORMED),
    }
}
