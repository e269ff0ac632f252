//! Revocation marks, which end all sessions of a user, wherever they are stored.
//!
//! The server cannot delete a signed cookie. So a mark stores a moment: all sessions of
//! the user that began before it have ended. There is also a mark for the sessions of
//! all users. Each mark is a small record of its own, which expires, so that the marks
//! of one visitor never delay another one.
//!
//! A session that begins after a mark gets a later moment than the mark, also within
//! the same second. A damaged mark ends all sessions of its user, or of all users,
//! until one of these users logs in again.
//!
//! A session or a mark may be dated up to a minute in the future, if the clock of the
//! machine that made it is ahead. A session dated further in the future is refused,
//! unless it directly follows a mark. A mark dated further in the future was set while
//! a clock was wrong, and counts as damaged. Its moment is stored beside the new one
//! and is used again when the clock reaches it, because this clock may be the wrong
//! one.

mod files;
mod lists;
#[cfg(feature = "redis")]
mod redis;

pub use files::RevocationFiles;
#[cfg(feature = "redis")]
pub use redis::RevocationRedis;

use super::moment::Moment;
use super::signing::CLOCK_SKEW;
use super::store::StoreError;

/// The most marks of invented names that are stored at the same time.
pub const MAX_INVENTED: u64 = 100_000;

/// The most bytes of a mark: the text of a [`Moment`], or of two with a blank
/// between them, and a line feed.
const MAX_MARK: usize = 64;

/// The most seconds by which a mark may be dated in the future: it may be ahead of a
/// clock that is itself ahead of another one.
const MAX_AHEAD: u64 = 2 * CLOCK_SKEW;

/// The most expired marks that are removed whenever a mark is set.
const MAX_CLEANED: usize = 16;

/// The seconds for which a mark is stored after its moment: the lifetime of the
/// sessions that it ends, and the most by which the clocks of three machines differ:
/// those that dated the session, set the mark and read it.
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
    /// There is no mark, so no session has ended.
    Never,
    /// Those that began at this moment or before.
    UpTo(Moment),
    /// All sessions, until the mark, which is damaged, is written again.
    Always,
}

impl Ended {
    /// Whether a session that began at this moment has ended at `now` (Unix
    /// seconds), or cannot have begun then.
    pub fn covers(self, began: Moment, now: u64) -> bool {
        match self {
            Self::Never => began.is_ahead(now),
            Self::UpTo(ended) => began <= ended || (began.is_ahead(now) && began != ended.after()),
            Self::Always => true,
        }
    }
}

/// Why a mark was not set.
#[derive(Debug)]
pub enum EndError {
    /// Too many invented names have a mark.
    TooMany,
    /// The mark could not be written.
    Store(StoreError),
}

error_texts! { EndError:
    Self::TooMany =>
        "{MAX_INVENTED} invented names have a revocation mark, which is the limit; the session \
         was ended in one browser only";
    Self::Store(err) => "{err}";
}

from_errors! { EndError:
    Store(StoreError);
}

/// Revocation marks.
///
/// If the user is `None`, this means sessions without a username, which only the mark
/// of all users ends. `now` is in Unix seconds.
pub trait Revocations {
    /// Which sessions of `user` have ended, by the mark of that user and by that of
    /// all users.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the marks cannot be read.
    fn ended(&self, user: Option<&str>, now: u64) -> Result<Ended, StoreError>;

    /// Ends every session that began by now, or by `began` if that is later: the
    /// moment at which the session began that asks for it. If none does, sessions
    /// that began by a clock that is [`CLOCK_SKEW`] ahead end too.
    ///
    /// # Errors
    ///
    /// [`EndError`]; then some or none of the sessions have ended.
    fn end(&self, users: Users<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError>;

    /// Writes the marks that are about `user` again if they are damaged. Sessions
    /// that began by now stay ended, also by a clock that is [`CLOCK_SKEW`] ahead.
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
        let mut ended = self.ended(user, now)?;
        if ended == Ended::Always {
            self.repair(user, now)?;
            ended = self.ended(user, now)?;
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

/// The stored value of a mark.
///
/// The second moment, if there is one, is that of an earlier mark which was dated
/// too far ahead when this one replaced it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mark {
    Absent,
    At(Moment, Option<Moment>),
    /// Empty, cut short, not written by this program, or dated too far ahead.
    Damaged(Option<Moment>),
}

impl Mark {
    /// A text that this program did not write.
    const UNREADABLE: Self = Self::Damaged(None);

    /// Reads what [`Mark::text`] wrote.
    fn parse(bytes: &[u8], now: u64) -> Self {
        Self::read(bytes, now).unwrap_or(Self::UNREADABLE)
    }

    fn read(bytes: &[u8], now: u64) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (moment, ahead) = match text.split_once(' ') {
            Some((moment, ahead)) => (moment, Some(ahead.parse().ok()?)),
            None => (text, None),
        };
        let moment: Moment = moment.parse().ok()?;
        let counts = |moment: &Moment| moment.second() <= now.saturating_add(MAX_AHEAD);
        let latest = ahead.unwrap_or(moment).max(moment);
        Some(match counts(&latest) {
            true => Self::At(latest, None),
            false if counts(&moment) => Self::At(moment, ahead),
            false => Self::Damaged(Some(latest)),
        })
    }

    /// The text of a mark at `moment` that replaces this one.
    fn text(self, moment: Moment) -> Vec<u8> {
        match self {
            Self::At(_, Some(ahead)) | Self::Damaged(Some(ahead)) if ahead > moment => {
                format!("{moment} {ahead}\n").into_bytes()
            }
            Self::Absent | Self::At(..) | Self::Damaged(_) => format!("{moment}\n").into_bytes(),
        }
    }

    fn is_damaged(self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    fn ended(self) -> Ended {
        match self {
            Self::Absent => Ended::Never,
            Self::At(moment, _) => Ended::UpTo(moment),
            Self::Damaged(_) => Ended::Always,
        }
    }

    /// The moment of a mark that replaces this one: `floor`, or the moment after
    /// this mark if that is later.
    fn next(self, floor: Moment) -> Moment {
        match self {
            Self::Absent => floor,
            Self::At(earlier, _) => earlier.after().max(floor),
            // The lost moment is assumed to be in the same second.
            Self::Damaged(_) => floor.middle_of_block(),
        }
    }

    /// As [`Mark::next`], for the mark of all users.
    fn next_for_all(self, floor: Moment) -> Moment {
        let next = match self {
            Self::Damaged(_) => floor.middle_of_second(),
            Self::Absent | Self::At(..) => self.next(floor),
        };
        next.end_of_block()
    }

    /// `floor`, or the moment after this mark, of all users, if that is later.
    fn floor_of_user(self, floor: Moment) -> Moment {
        match self {
            Self::At(all, _) => floor.max(all.after()),
            Self::Absent | Self::Damaged(_) => floor,
        }
    }

    fn is_alive(self, lifetime: u64, now: u64) -> bool {
        match self {
            Self::Absent | Self::Damaged(_) => false,
            Self::At(moment, _) => is_alive(moment, lifetime, now),
        }
    }
}

/// The moment up to which a new mark at least ends sessions.
fn floor(began: Option<Moment>, now: u64) -> Moment {
    match began {
        Some(began) => began.max(now.into()),
        None => now.saturating_add(CLOCK_SKEW).into(),
    }
}

fn is_alive(moment: Moment, lifetime: u64, now: u64) -> bool {
    moment.second().saturating_add(kept_for(lifetime)) >= now
}
