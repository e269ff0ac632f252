//! SHA-crypt: `$5$` (SHA-256) and `$6$` (SHA-512), as crypt(3), `htpasswd -2` and `-5`,
//! `openssl passwd` and PHP's `crypt` write them.
//!
//! Source: <https://www.akkadia.org/drepper/SHA-crypt.txt>. crypt(3) and PHP end a
//! password at a NUL; here the bytes after it count, so that such a password matches only
//! if the hash was made from all of its bytes.

use std::fmt;

use sha_crypt::{Params, sha256_crypt, sha512_crypt};

use super::refused::{Limit, RefusedHash, decimal};
use super::short::Short;
use super::{HashError, crypt64, equal};

const MALFORMED: RefusedHash = RefusedHash::Malformed("SHA-crypt");

/// crypt(3) refuses less than 1000 rounds, or computes 1000.
const ROUNDS: Limit = Limit::new("the rounds of SHA-crypt", 1000, 500_000);

/// Rounds of a hash that does not say them.
const DEFAULT_ROUNDS: u32 = 5000;

/// crypt(3) ignores the rest of a longer salt and writes the shorter one.
const LONGEST_SALT: usize = 16;

/// The digest of SHA-crypt.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Digest {
    Sha256,
    Sha512,
}

impl Digest {
    /// The order of its bytes, as in the source's step 22.
    #[rustfmt::skip]
    fn order(self) -> &'static [&'static [usize]] {
        match self {
            Self::Sha256 => &[
                &[0, 10, 20], &[21, 1, 11], &[12, 22, 2], &[3, 13, 23], &[24, 4, 14],
                &[15, 25, 5], &[6, 16, 26], &[27, 7, 17], &[18, 28, 8], &[9, 19, 29],
                &[31, 30],
            ],
            Self::Sha512 => &[
                &[0, 21, 42], &[22, 43, 1], &[44, 2, 23], &[3, 24, 45], &[25, 46, 4],
                &[47, 5, 26], &[6, 27, 48], &[28, 49, 7], &[50, 8, 29], &[9, 30, 51],
                &[31, 52, 10], &[53, 11, 32], &[12, 33, 54], &[34, 55, 13], &[56, 14, 35],
                &[15, 36, 57], &[37, 58, 16], &[59, 17, 38], &[18, 39, 60], &[40, 61, 19],
                &[62, 20, 41], &[63],
            ],
        }
    }

    /// The characters of its text.
    fn encoded_length(self) -> usize {
        match self {
            Self::Sha256 => 43,
            Self::Sha512 => 86,
        }
    }
}

/// Most rounds hash the salt: its length decides how many blocks they have.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Cost {
    digest: Digest,
    rounds: u32,
    salt: usize,
}

impl Cost {
    pub(super) fn nanoseconds(self) -> u64 {
        match self.digest {
            Digest::Sha256 => 430 * u64::from(self.rounds),
            Digest::Sha512 => 460 * u64::from(self.rounds),
        }
    }

    pub(super) fn decoy(self) -> Crypt {
        Crypt {
            digest: self.digest,
            rounds: self.rounds,
            salt: Short::zeros(self.salt),
            encoded: [b'.'; 86],
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = match self.digest {
            Digest::Sha256 => "SHA-256",
            Digest::Sha512 => "SHA-512",
        };
        write!(f, "{digest} crypt, {} rounds", self.rounds)
    }
}

#[derive(Clone)]
pub(super) struct Crypt {
    digest: Digest,
    rounds: u32,
    salt: Short,
    encoded: Encoded,
}

/// The text of the longer digest.
type Encoded = [u8; 86];

impl Crypt {
    /// `rest` follows the mark: `[rounds=ROUNDS$]SALT$DIGEST`.
    pub(super) fn parse(digest: Digest, rest: &str) -> Result<Self, RefusedHash> {
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            None => (DEFAULT_ROUNDS, rest),
            Some(rest) => {
                let (rounds, rest) = rest.split_once('$').ok_or(MALFORMED)?;
                (ROUNDS.check(decimal(rounds).ok_or(MALFORMED)?)?, rest)
            }
        };
        let (salt, text) = rest.split_once('$').ok_or(MALFORMED)?;
        let is_text = text.len() == digest.encoded_length() && text.bytes().all(crypt64::is_digit);
        let is_salt =
            salt.len() <= LONGEST_SALT && salt.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_text || !is_salt {
            return Err(MALFORMED);
        }
        let mut encoded = [0; 86];
        encoded[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self {
            digest,
            rounds,
            salt: Short::new(salt.as_bytes()).ok_or(MALFORMED)?,
            encoded,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        let params = Params::new(self.rounds).map_err(|_| HashError::Parameters)?;
        let order = self.digest.order();
        let encoded = match self.digest {
            Digest::Sha256 => crypt64::encode(&sha256_crypt(password, &self.salt, params), order),
            Digest::Sha512 => crypt64::encode(&sha512_crypt(password, &self.salt, params), order),
        };
        Ok(equal(
            &encoded,
            &self.encoded[..self.digest.encoded_length()],
        ))
    }

    pub(super) fn cost(&self) -> Cost {
        Cost {
            digest: self.digest,
            rounds: self.rounds,
            salt: self.salt.len(),
        }
    }
}
