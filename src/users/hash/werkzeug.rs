//! Flask's hashes: Werkzeug's `scrypt:N:r:p$SALT$HEX` and
//! `pbkdf2:DIGEST:ITERATIONS$SALT$HEX`, as `generate_password_hash` writes them.
//!
//! Werkzeug also reads `scrypt$…`, `pbkdf2$…` and `pbkdf2:sha256$…`, for which it takes
//! the defaults of its own version (1 000 000 iterations since 3.1, 600 000 since 2.3).
//! It never writes them, and the same text means other hashes in other versions: they are
//! refused here. Of its digests, SHA-1, SHA-256 and SHA-512 are accepted.
//!
//! A NUL is a byte as any other, except that one at the end changes nothing: HMAC, of
//! which both are made, pads its key with NULs (RFC 2104). So it is in Werkzeug.

use std::fmt;

use pbkdf2::pbkdf2_hmac;
use scrypt::scrypt;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::refused::{Limit, RefusedHash, WITHOUT_COSTS, decimal};
use super::short::Short;
use super::{HashError, equal, memory};

const SCRYPT: RefusedHash = RefusedHash::Malformed("scrypt of Werkzeug");
const PBKDF2: RefusedHash = RefusedHash::Malformed("PBKDF2 of Werkzeug");
const OTHER_DIGEST: RefusedHash =
    RefusedHash::Unsupported("PBKDF2 with another digest than SHA-1, SHA-256 and SHA-512");

/// 128 N r bytes; Werkzeug's default is 32 MiB. N and r begin at 2 and 1.
const MEMORY: Limit = Limit::new("the memory of scrypt in bytes (128 N r)", 256, 64 << 20);
const BLOCK: Limit = Limit::new("the block size of scrypt (r)", 1, 32);
const REPEATS: Limit = Limit::new("the repeats of scrypt (p)", 1, 16);
/// The bytes of all repeats, about 3 ms for a MiB.
const FILLED: Limit = Limit::new("the work of scrypt in bytes (128 N r p)", 256, 256 << 20);
const ITERATIONS: Limit = Limit::new("the iterations of PBKDF2", 1, 2_000_000);

/// The bytes of Python's `hashlib.scrypt`.
const SCRYPT_LENGTH: usize = 64;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct ScryptCost {
    log_n: u8,
    r: u32,
    p: u32,
}

impl ScryptCost {
    pub(super) fn nanoseconds(self) -> u64 {
        (350 * u64::from(self.r) * u64::from(self.p)) << self.log_n
    }

    /// Less memory than Werkzeug's own default takes.
    pub(super) fn is_weak(self) -> bool {
        u64::from(self.r) << self.log_n < 8 << 15
    }

    pub(super) fn decoy(self) -> Scrypt {
        Scrypt {
            cost: self,
            salt: Short::zeros(16),
            digest: Short::zeros(SCRYPT_LENGTH),
        }
    }
}

impl fmt::Display for ScryptCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log_n, r, p } = self;
        write!(f, "scrypt, N {}, r {r}, p {p}", 1_u64 << log_n)
    }
}

#[derive(Clone)]
pub(super) struct Scrypt {
    cost: ScryptCost,
    salt: Short,
    digest: Short,
}

impl Scrypt {
    /// `rest` follows `scrypt:`.
    pub(super) fn parse(rest: &str) -> Result<Self, RefusedHash> {
        let (costs, salt, digest) = parts(rest, SCRYPT)?;
        let mut costs = costs.split(':').map(decimal);
        let (Some(Some(n)), Some(Some(r)), Some(Some(p)), None) =
            (costs.next(), costs.next(), costs.next(), costs.next())
        else {
            return Err(SCRYPT);
        };
        let (r, p) = (BLOCK.check(r)?, REPEATS.check(p)?);
        let memory = n.saturating_mul(128 * u64::from(r));
        MEMORY.check(memory)?;
        FILLED.check(memory.saturating_mul(p.into()))?;
        // RFC 7914, 2: a power of two, less than 2^(128 r / 8).
        let log_n = u8::try_from(n.ilog2()).map_err(|_| SCRYPT)?;
        let is_n = n.is_power_of_two() && log_n > 0 && u32::from(log_n) < 16 * r;
        if !is_n || digest.len() != SCRYPT_LENGTH {
            return Err(SCRYPT);
        }
        Ok(Self {
            cost: ScryptCost { log_n, r, p },
            salt,
            digest,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        let ScryptCost { log_n, r, p } = self.cost;
        let params = scrypt::Params::new(log_n, r, p).map_err(|_| HashError::Parameters)?;
        // N blocks, one for each repeat, and one to work with.
        let blocks = (1_usize << log_n) + p as usize + 1;
        memory::check(blocks * 128 * r as usize)?;
        let mut digest = [0; SCRYPT_LENGTH];
        scrypt(password, &self.salt, &params, &mut digest).map_err(|_| HashError::Parameters)?;
        Ok(equal(&digest, &self.digest))
    }

    pub(super) fn cost(&self) -> ScryptCost {
        self.cost
    }
}

/// The digest of PBKDF2.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Pbkdf2Cost {
    digest: Digest,
    iterations: u32,
}

impl Pbkdf2Cost {
    pub(super) fn nanoseconds(self) -> u64 {
        let each = match self.digest {
            Digest::Sha1 => 500,
            Digest::Sha256 => 430,
            Digest::Sha512 => 640,
        };
        each * u64::from(self.iterations)
    }

    pub(super) fn is_weak(self) -> bool {
        let recommended = match self.digest {
            Digest::Sha1 => 1_300_000,
            Digest::Sha256 => 600_000,
            Digest::Sha512 => 210_000,
        };
        self.iterations < recommended
    }

    pub(super) fn decoy(self) -> Pbkdf2 {
        Pbkdf2 {
            cost: self,
            salt: Short::zeros(16),
            key: Short::zeros(self.digest.length()),
        }
    }
}

impl fmt::Display for Pbkdf2Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = match self.digest {
            Digest::Sha1 => "SHA-1",
            Digest::Sha256 => "SHA-256",
            Digest::Sha512 => "SHA-512",
        };
        write!(f, "PBKDF2 with {digest}, {} iterations", self.iterations)
    }
}

#[derive(Clone)]
pub(super) struct Pbkdf2 {
    cost: Pbkdf2Cost,
    salt: Short,
    key: Short,
}

impl Pbkdf2 {
    /// `rest` follows `pbkdf2:`.
    pub(super) fn parse(rest: &str) -> Result<Self, RefusedHash> {
        let (method, salt, key) = parts(rest, PBKDF2)?;
        let (digest, iterations) = method
            .split_once(':')
            .ok_or(RefusedHash::Unsupported(WITHOUT_COSTS))?;
        let digest = match digest {
            "sha1" => Digest::Sha1,
            "sha256" => Digest::Sha256,
            "sha512" => Digest::Sha512,
            _ => return Err(OTHER_DIGEST),
        };
        let iterations = ITERATIONS.check(decimal(iterations).ok_or(PBKDF2)?)?;
        if key.len() != digest.length() {
            return Err(PBKDF2);
        }
        Ok(Self {
            cost: Pbkdf2Cost { digest, iterations },
            salt,
            key,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let Pbkdf2Cost { digest, iterations } = self.cost;
        let mut buffer = [0; Short::LONGEST];
        let key = &mut buffer[..digest.length()];
        match digest {
            Digest::Sha1 => pbkdf2_hmac::<Sha1>(password, &self.salt, iterations, key),
            Digest::Sha256 => pbkdf2_hmac::<Sha256>(password, &self.salt, iterations, key),
            Digest::Sha512 => pbkdf2_hmac::<Sha512>(password, &self.salt, iterations, key),
        }
        equal(key, &self.key)
    }

    pub(super) fn cost(&self) -> Pbkdf2Cost {
        self.cost
    }
}

/// `COSTS$SALT$HEX`. Werkzeug compares the text, so that only lower case matches.
fn parts(rest: &str, malformed: RefusedHash) -> Result<(&str, Short, Short), RefusedHash> {
    let (costs, rest) = rest.split_once('$').ok_or(malformed)?;
    let (salt, hex) = rest.split_once('$').ok_or(malformed)?;
    let salt = Short::new(salt.as_bytes()).ok_or(malformed)?;
    let mut bytes = [0; Short::LONGEST];
    let decoded = base16ct::lower::decode(hex, &mut bytes).map_err(|_| malformed)?;
    let digest = Short::new(decoded).ok_or(malformed)?;
    Ok((costs, salt, digest))
}
