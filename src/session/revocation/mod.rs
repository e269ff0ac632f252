//! The end of all sessions of a user, wherever they are kept.
//!
//! A signed cookie cannot be deleted from here. So a mark says up to which
//! moment the sessions of a user are over; each session knows when it began.
//! What begins after a mark is dated after it, even within the same second or
//! by a clock that went back.

mod files;
mod redis;

use std::collections::BTreeMap;
use std::fmt;

pub use files::RevocationFiles;
pub(crate) use redis::RevocationRedis;

use super::id::hash;
use super::record::Record;
use super::signing::CLOCK_SKEW;
use super::store::StoreError;

/// Bytes that the marks of one shard may have.
const MAX_MARKS: usize = 1024 * 1024;

/// Seconds that a mark is kept. What it ends may be dated later than it, by the
/// clock of another machine, and so may the reader's be, and the next marker's.
fn kept(lifetime: u64) -> u64 {
    lifetime.saturating_add(3 * CLOCK_SKEW)
}

/// Marks at which sessions are over.
pub trait Revocations {
    /// The last moment, in Unix seconds, of which the sessions of `user` that
    /// began by then are over; `None` if there is no such moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if that cannot be known.
    fn ended(&self, user: &str) -> Result<Option<u64>, StoreError>;

    /// Ends every session of `user` (of everybody without one) that began by
    /// `now`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none may be taken to have ended.
    fn end(&self, user: Option<&str>, now: u64) -> Result<(), StoreError>;
}

/// Whether a mark says that the session in `record` is over.
pub(crate) fn is_over(revocations: &dyn Revocations, record: &Record) -> bool {
    let ended = revocations.ended(record.user().unwrap_or_default());
    ended.is_ok_and(|ended| ended.is_some_and(|ended| record.started <= ended))
}

/// Whose sessions a mark ends, as it stands in front of the moment.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Whose {
    /// Those of the user of this hash.
    User(String),
    Everybody,
}

impl Whose {
    fn of(user: Option<&str>) -> Self {
        user.map_or(Self::Everybody, |name| Self::User(hash(name)))
    }

    fn name(&self) -> &str {
        match self {
            Self::User(hash) => hash,
            Self::Everybody => "*",
        }
    }

    /// Marks lie in 256 shards by the beginning of the hash, so that a look-up
    /// reads little; each has a copy of everybody's.
    fn shards(&self) -> Vec<String> {
        match self {
            Self::User(hash) => vec![hash[..2].to_owned()],
            Self::Everybody => (0..=u8::MAX).map(|first| format!("{first:02x}")).collect(),
        }
    }
}

/// The marks of one shard: lines of a name and Unix seconds.
#[derive(Debug, Default)]
struct Marks(BTreeMap<String, u64>);

impl Marks {
    /// `None` if a line is no mark.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let marks = text.lines().map(|line| {
            let (who, at) = line.split_once(' ')?;
            Some((who.to_owned(), at.parse().ok()?))
        });
        marks.collect::<Option<_>>().map(Self)
    }

    /// The moment of the user of this hash.
    fn ended(&self, user: &str) -> Option<u64> {
        let everybody = self.0.get(Whose::Everybody.name());
        self.0.get(user).max(everybody).copied()
    }

    /// Dates a mark `now`, or after that of the same sessions before it, and
    /// leaves out those of no use: no session lives longer than `lifetime`
    /// seconds.
    fn set(&mut self, whose: &Whose, now: u64, lifetime: u64) {
        let before = match whose {
            Whose::User(user) => self.ended(user),
            Whose::Everybody => self.0.values().copied().max(),
        };
        let at = before.map_or(now, |before| now.max(before.saturating_add(1)));
        self.0
            .retain(|_, ended| now.saturating_sub(*ended) <= kept(lifetime));
        if *whose == Whose::Everybody {
            self.0.clear();
        }
        self.0.insert(whose.name().to_owned(), at);
    }
}

impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(who, at)| writeln!(f, "{who} {at}"))
    }
}
