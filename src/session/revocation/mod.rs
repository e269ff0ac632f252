//! Revocation marks: what ends the sessions of a user, wherever they are kept.
//!
//! A signed cookie cannot be deleted by the server. So a mark says up to which
//! moment a user's sessions are over, and each session knows when it began. One
//! more mark is for everybody's sessions. Each mark is a small record of its own
//! that expires by itself, so no visitor's mark is in another visitor's way.
//!
//! A session that begins after a mark gets a later moment than the mark, also
//! within the same second and by a clock that went back. A damaged mark ends all
//! sessions that it may be about, until one of these users logs in again.

mod files;
mod lists;
mod redis;

pub use files::RevocationFiles;
pub use redis::RevocationRedis;

use super::moment::Moment;
use super::signing::CLOCK_SKEW;
use super::store::StoreError;

/// Marks of invented names that are kept at the same time.
pub const MAX_INVENTED: u64 = 100_000;

/// Bytes that a mark may have. It is the text of a [`Moment`] and a line feed.
const MAX_MARK: usize = 64;

/// Expired marks that are removed whenever a mark is set.
const CLEAN: usize = 16;

/// Seconds for which a mark is kept after its moment. The sessions that it ends
/// may be dated later by the clock of another machine, and the clocks of the
/// machines that set and read the mark may differ too.
fn kept(lifetime: u64) -> u64 {
    lifetime.saturating_add(3 * CLOCK_SKEW)
}

/// Whose sessions a mark ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Whose<'u> {
    /// All sessions, with a username or without.
    Everybody,
    /// Those of a user that the site's owner named.
    User(&'u str),
    /// Those of a name that a visitor may have invented. At most
    /// [`MAX_INVENTED`] such marks are kept.
    Invented(&'u str),
}

/// Up to when sessions are over.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ended {
    /// There is no mark.
    Never,
    /// Sessions that began by then are over.
    UpTo(Moment),
    /// The mark is damaged: all sessions are over until it is written anew.
    Always,
}

impl Ended {
    /// Whether a session that began then is over.
    pub fn covers(self, began: Moment) -> bool {
        match self {
            Self::Never => false,
            Self::UpTo(ended) => began <= ended,
            Self::Always => true,
        }
    }
}

/// Why a mark was not set.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// Too many invented names have one.
    #[error(
        "{MAX_INVENTED} invented names have a revocation mark, and no more are kept; the session \
         was ended in one browser only"
    )]
    TooMany,
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Revocation marks.
///
/// A user of `None` stands for the sessions without a username, which only
/// everybody's mark ends. `now` is in Unix seconds.
pub trait Revocations {
    /// Up to when the sessions of `user` are over, by that user's mark and by
    /// everybody's.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if that cannot be known.
    fn ended(&self, user: Option<&str>) -> Result<Ended, StoreError>;

    /// Ends every session that began by now, or by `began`: the moment at which
    /// the session began that asks for it, if one does.
    ///
    /// # Errors
    ///
    /// [`EndError`]; then no session may be taken to have ended.
    fn end(&self, whose: Whose<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError>;

    /// Writes the marks that are about `user` anew if they are damaged: what
    /// began by now is over.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they cannot be written.
    fn repair(&self, user: Option<&str>, now: u64) -> Result<(), StoreError>;

    /// Removes all expired marks.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they cannot be listed.
    fn clean(&self, now: u64) -> Result<(), StoreError>;

    /// When a session of `user` that begins now is dated.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the marks cannot be read or repaired.
    fn begin(&self, user: Option<&str>, now: u64) -> Result<Moment, StoreError> {
        let mut ended = self.ended(user)?;
        if ended == Ended::Always {
            self.repair(user, now)?;
            ended = self.ended(user)?;
        }
        match ended {
            Ended::Never => Ok(now.into()),
            Ended::UpTo(ended) => Ok(ended.after().max(now.into())),
            Ended::Always => Err(StoreError::Unavailable(
                "a revocation mark is damaged and cannot be repaired".to_owned(),
            )),
        }
    }
}

/// What lies in the place of a mark.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mark {
    Absent,
    At(Moment),
    /// Empty, cut short, or not written by this program.
    Damaged,
}

impl Mark {
    fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).ok();
        let moment = text
            .and_then(|text| text.strip_suffix('\n'))
            .and_then(|text| text.parse().ok());
        moment.map_or(Self::Damaged, Self::At)
    }

    fn ended(self) -> Ended {
        match self {
            Self::Absent => Ended::Never,
            Self::At(moment) => Ended::UpTo(moment),
            Self::Damaged => Ended::Always,
        }
    }

    /// The moment of a mark that takes this one's place: at `floor`, or after
    /// this one if that is later.
    fn next(self, floor: Moment) -> Moment {
        match self {
            Self::Absent => floor,
            Self::At(earlier) => earlier.after().max(floor),
            // The moment that was lost is taken to be of this second.
            Self::Damaged => floor.end_of_block(),
        }
    }

    /// As [`Mark::next`], for everybody's sessions.
    fn next_of_everybody(self, now: u64) -> Moment {
        self.next(now.into()).end_of_block()
    }

    fn is_alive(self, lifetime: u64, now: u64) -> bool {
        match self {
            Self::Absent | Self::Damaged => false,
            Self::At(moment) => is_alive(moment, lifetime, now),
        }
    }
}

fn is_alive(moment: Moment, lifetime: u64, now: u64) -> bool {
    moment.second().saturating_add(kept(lifetime)) >= now
}
