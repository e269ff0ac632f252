//! The kind and cost of a password hash, and decoys for users who do not exist.

use std::fmt;

use super::{Kind, PasswordHash, apr1, bcrypt, crypt, phc, werkzeug};

/// What it takes to verify a password: the kind of hash with every number on which the
/// time depends. The greater of two takes longer, by an estimate.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Work {
    /// On one processor core of 2026. It is first, so that comparisons go by it.
    nanoseconds: u64,
    cost: Cost,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Cost {
    Apr1(apr1::Cost),
    Bcrypt(bcrypt::Cost),
    Crypt(crypt::Cost),
    Pbkdf2(werkzeug::Pbkdf2Cost),
    Phc(phc::Cost),
    Scrypt(werkzeug::ScryptCost),
}

impl Work {
    pub(super) fn of(kind: &Kind) -> Self {
        let cost = match kind {
            Kind::Apr1(hash) => Cost::Apr1(hash.cost()),
            Kind::Bcrypt(hash) => Cost::Bcrypt(hash.cost()),
            Kind::Crypt(hash) => Cost::Crypt(hash.cost()),
            Kind::Pbkdf2(hash) => Cost::Pbkdf2(hash.cost()),
            Kind::Phc(hash) => Cost::Phc(hash.cost()),
            Kind::Scrypt(hash) => Cost::Scrypt(hash.cost()),
        };
        let nanoseconds = match cost {
            Cost::Apr1(cost) => cost.nanoseconds(),
            Cost::Bcrypt(cost) => cost.nanoseconds(),
            Cost::Crypt(cost) => cost.nanoseconds(),
            Cost::Pbkdf2(cost) => cost.nanoseconds(),
            Cost::Phc(cost) => cost.nanoseconds(),
            Cost::Scrypt(cost) => cost.nanoseconds(),
        };
        Self { nanoseconds, cost }
    }

    /// A hash of this kind and cost that no password matches, for a user who does not
    /// exist or has another kind: verifying it takes the same instructions as a wrong
    /// password does.
    pub fn decoy(&self) -> PasswordHash {
        let kind = match self.cost {
            Cost::Apr1(cost) => Kind::Apr1(cost.decoy()),
            Cost::Bcrypt(cost) => Kind::Bcrypt(cost.decoy()),
            Cost::Crypt(cost) => Kind::Crypt(cost.decoy()),
            Cost::Pbkdf2(cost) => Kind::Pbkdf2(cost.decoy()),
            Cost::Phc(cost) => Kind::Phc(cost.decoy()),
            Cost::Scrypt(cost) => Kind::Scrypt(cost.decoy()),
        };
        PasswordHash {
            text: "".into(),
            kind,
        }
    }

    /// Whether a hash should be replaced when its user sets a new password.
    ///
    /// bcrypt is weak below the cost of new hashes, scrypt below Werkzeug's own default,
    /// Argon2 and PBKDF2 below the least of OWASP's [Password Storage Cheat Sheet].
    /// apr1 and SHA-crypt are always weak: they need next to no memory, and the sheet
    /// recommends neither.
    ///
    /// [Password Storage Cheat Sheet]: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
    pub fn is_weak(&self) -> bool {
        match self.cost {
            Cost::Apr1(_) | Cost::Crypt(_) => true,
            Cost::Bcrypt(cost) => cost.is_weak(),
            Cost::Pbkdf2(cost) => cost.is_weak(),
            Cost::Phc(cost) => cost.is_weak(),
            Cost::Scrypt(cost) => cost.is_weak(),
        }
    }
}

/// The kind and its costs: `bcrypt, cost 12`.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cost {
            Cost::Apr1(cost) => cost.fmt(f),
            Cost::Bcrypt(cost) => cost.fmt(f),
            Cost::Crypt(cost) => cost.fmt(f),
            Cost::Pbkdf2(cost) => cost.fmt(f),
            Cost::Phc(cost) => cost.fmt(f),
            Cost::Scrypt(cost) => cost.fmt(f),
        }
    }
}
