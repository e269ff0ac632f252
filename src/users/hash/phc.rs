//! Argon2 as a PHC string: `$argon2id$v=19$m=65536,t=4,p=1$SALT$DIGEST`, as PHP's
//! `password_hash`, argon2-cffi and the command `argon2` write it. Also Argon2i and
//! Argon2d, which the same crate has.
//!
//! Source: <https://github.com/P-H-C/phc-string-format> and RFC 9106. Lanes are computed
//! one after another: they cost memory's minimum, but no thread. A NUL is a byte as any
//! other, as in PHP.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::refused::{Limit, RefusedHash, decimal};
use super::short::Short;
use super::{HashError, equal, memory};

const MALFORMED: RefusedHash = RefusedHash::Malformed("Argon2");

/// Up to PHP's default. The least is Argon2's own, for one lane.
const MEMORY: Limit = Limit::new("the memory of Argon2 in KiB", 8, 65536);
/// With all of the memory, 16 take about a second.
const PASSES: Limit = Limit::new("the passes of Argon2 (t)", 1, 16);
const LANES: Limit = Limit::new("the lanes of Argon2 (p)", 1, 16);

/// RFC 9106, 3.1, wants 16 bytes of salt; the reference takes 8.
const LEAST_SALT: usize = 8;
/// A shorter digest may match another password by chance.
const LEAST_DIGEST: usize = 16;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Variant {
    D,
    I,
    Id,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Cost {
    variant: Variant,
    /// Version 1.3, not 1.0.
    is_13: bool,
    /// In KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    pub(super) fn nanoseconds(self) -> u64 {
        1100 * self.filled()
    }

    /// KiB written in all passes.
    fn filled(self) -> u64 {
        u64::from(self.memory) * u64::from(self.passes)
    }

    /// The recommended pairs of memory and passes go from 46 MiB, 1 to 7 MiB, 5.
    pub(super) fn is_weak(self) -> bool {
        self.memory < 7 << 10 || self.filled() < 35 << 10
    }

    pub(super) fn decoy(self) -> Phc {
        Phc {
            cost: self,
            salt: Short::zeros(16),
            digest: Short::zeros(32),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = match self.variant {
            Variant::D => "Argon2d",
            Variant::I => "Argon2i",
            Variant::Id => "Argon2id",
        };
        write!(f, "{variant}, {} KiB, passes: {}", self.memory, self.passes)
    }
}

#[derive(Clone)]
pub(super) struct Phc {
    cost: Cost,
    salt: Short,
    digest: Short,
}

impl Phc {
    /// `rest` follows `$argon2`.
    pub(super) fn parse(rest: &str) -> Result<Self, RefusedHash> {
        let (variant, rest) = rest.split_once('$').ok_or(MALFORMED)?;
        let variant = match variant {
            "d" => Variant::D,
            "i" => Variant::I,
            "id" => Variant::Id,
            _ => return Err(MALFORMED),
        };
        // A text of version 1.0 does not name it.
        let (is_13, rest) = match rest.strip_prefix("v=") {
            None => (false, rest),
            Some(rest) => match rest.split_once('$').ok_or(MALFORMED)? {
                ("16", rest) => (false, rest),
                ("19", rest) => (true, rest),
                _ => return Err(MALFORMED),
            },
        };
        let (costs, rest) = rest.split_once('$').ok_or(MALFORMED)?;
        let mut costs = costs.split(',');
        let mut cost = |name, limit: Limit| {
            let value = costs.next().and_then(|cost| cost.strip_prefix(name));
            limit.check(value.and_then(decimal).ok_or(MALFORMED)?)
        };
        let (memory, passes) = (cost("m=", MEMORY)?, cost("t=", PASSES)?);
        let lanes = cost("p=", LANES)?;
        let (salt, digest) = rest.split_once('$').ok_or(MALFORMED)?;
        let (salt, digest) = (decoded(salt)?, decoded(digest)?);
        // After these three, a text may name a key or data that only its program knows.
        let is_all = costs.next().is_none();
        if !is_all || salt.len() < LEAST_SALT || digest.len() < LEAST_DIGEST || memory < 8 * lanes {
            return Err(MALFORMED);
        }
        Ok(Self {
            cost: Cost {
                variant,
                is_13,
                memory,
                passes,
                lanes,
            },
            salt,
            digest,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, HashError> {
        let Cost {
            memory,
            passes,
            lanes,
            ..
        } = self.cost;
        let params = Params::new(memory, passes, lanes, Some(self.digest.len()))
            .map_err(|_| HashError::Parameters)?;
        let algorithm = match self.cost.variant {
            Variant::D => Algorithm::Argon2d,
            Variant::I => Algorithm::Argon2i,
            Variant::Id => Algorithm::Argon2id,
        };
        let version = match self.cost.is_13 {
            false => Version::V0x10,
            true => Version::V0x13,
        };
        let mut blocks: Vec<Block> = memory::reserve(params.block_count())?;
        blocks.resize(params.block_count(), Block::new());
        let mut buffer = [0; Short::LONGEST];
        let digest = &mut buffer[..self.digest.len()];
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(password, &self.salt, digest, &mut blocks)
            .map_err(|_| HashError::Parameters)?;
        Ok(equal(digest, &self.digest))
    }

    pub(super) fn cost(&self) -> Cost {
        self.cost
    }
}

/// Base64 without padding, at most 64 bytes.
fn decoded(text: &str) -> Result<Short, RefusedHash> {
    let mut bytes = [0; Short::LONGEST];
    let length = STANDARD_NO_PAD.decode_slice(text, &mut bytes);
    let length = length.map_err(|_| MALFORMED)?;
    Short::new(&bytes[..length]).ok_or(MALFORMED)
}
