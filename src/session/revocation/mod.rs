//! Revocation marks, which end all sessions of a user, wherever they are stored.
//!
//! The server cannot delete a signed cookie. So a mark stores a moment: all
//! sessions of the user that began before it have ended. One more mark is about
//! the sessions of all users. Each mark is a small record of its own that expires
//! by itself, so the marks of one visitor never block another one.
//!
//! A session that begins after a mark gets a later moment than the mark, also
//! within the same second and when the clock was set back. A damaged mark ends all
//! sessions that it may be about, until one of these users logs in again.

mod files;
mod lists;
mod redis;

pub use files::RevocationFiles;
pub use redis::RevocationRedis;

use super::moment::Moment;
use super::signing::CLOCK_SKEW;
use super::store::StoreError;

/// The most marks of invented names that are stored at the same time.
pub const MAX_INVENTED: u64 = 100_000;

/// The most bytes of a mark: the text of a [`Moment`] and a line feed.
const MAX_MARK: usize = 64;

/// The most expired marks that are removed whenever a mark is set.
const MAX_CLEANED: usize = 16;

/// Seconds for which a mark is stored after its moment: the lifetime of the sessions
/// that it ends, and what the clocks of three machines may differ by: the one that
/// dated a session, the one that set the mark and the one that reads it.
fn kept_for(lifetime: u64) -> u64 {
    lifetime.saturating_add(3 * CLOCK_SKEW)
}

/// The users whose sessions a mark ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Users<'u> {
    /// All users, and sessions without a username.
    All,
    /// A user that the site's owner named.
    Known(&'u str),
    /// A username that a visitor may have invented. At most [`MAX_INVENTED`] such
    /// marks are stored.
    Invented(&'u str),
}

/// Which sessions have ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ended {
    /// None, as there is no mark.
    Never,
    /// Those that began at this moment or before.
    UpTo(Moment),
    /// All, until the mark, which is damaged, is written again.
    Always,
}

impl Ended {
    /// Whether a session that began at this moment has ended.
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
        "{MAX_INVENTED} invented names have a revocation mark, which is the limit; the session \
         was ended in one browser only"
    )]
    TooMany,
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Revocation marks.
///
/// A user of `None` stands for sessions without a username, which only the mark of
/// all users ends. `now` is in Unix seconds.
pub trait Revocations {
    /// Which sessions of `user` have ended, by the mark of that user and by that of
    /// all users.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the marks cannot be read.
    fn ended(&self, user: Option<&str>) -> Result<Ended, StoreError>;

    /// Ends every session that began by now, or by `began` if that is later: the
    /// moment at which the session began that asks for it, if one does.
    ///
    /// # Errors
    ///
    /// [`EndError`]; then some or none of the sessions have ended.
    fn end(&self, users: Users<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError>;

    /// Writes the marks that are about `user` again if they are damaged. Sessions
    /// that began by now stay ended.
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

    /// The moment that a session of `user` gets that begins now: after all marks
    /// about it. Damaged marks are repaired.
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

/// What is stored in the place of a mark.
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

    /// The moment of a mark that replaces this one: `floor`, or the moment after
    /// this mark if that is later.
    fn next(self, floor: Moment) -> Moment {
        match self {
            Self::Absent => floor,
            Self::At(earlier) => earlier.after().max(floor),
            // The lost moment is assumed to be in the same second.
            Self::Damaged => floor.end_of_block(),
        }
    }

    /// As [`Mark::next`], for the mark of all users.
    fn next_for_all(self, now: u64) -> Moment {
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
    moment.second().saturating_add(kept_for(lifetime)) >= now
}
