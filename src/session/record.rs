//! A stored session as bytes: a header line, and its dict as Flask's tagged JSON.

use std::collections::BTreeMap;

use super::dict::user;
use super::id::hash;
use super::moment::Moment;
use super::tagged_json::{self, Value};

/// The most bytes of a record.
pub const MAX_RECORD: usize = 256 * 1024;

const MAGIC: &str = "signet1";

/// A session in a store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// When the session began.
    pub started: Moment,
    /// When the record was last written, in Unix seconds.
    pub saved: u64,
    /// The session's dict.
    pub values: BTreeMap<String, Value>,
}

/// Bytes that are not a record, or a changed one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DamagedRecord;

error_texts! { DamagedRecord:
    Self => "is damaged, or not a session record";
}

/// A record has more than [`MAX_RECORD`] bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordTooLarge {
    /// Bytes of the record.
    pub size: usize,
}

error_texts! { RecordTooLarge:
    Self { size } =>
        "session has {size} bytes, more than the limit of {MAX_RECORD}; it was not stored";
}

impl Record {
    /// The record's bytes: `signet1 STARTED SAVED CHECKSUM`, a line feed and the dict.
    /// The checksum detects damage.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = tagged_json::dumps(&self.values);
        let about = format!("{MAGIC} {} {}", self.started, self.saved);
        let sum = checksum(&about, &json);
        format!("{about} {sum}\n{json}").into_bytes()
    }

    /// As [`Record::to_bytes`].
    ///
    /// # Errors
    ///
    /// [`RecordTooLarge`] if they are more than [`MAX_RECORD`].
    pub(crate) fn to_bytes_within_limit(&self) -> Result<Vec<u8>, RecordTooLarge> {
        let bytes = self.to_bytes();
        match bytes.len() {
            0..=MAX_RECORD => Ok(bytes),
            size => Err(RecordTooLarge { size }),
        }
    }

    /// Reads what [`Record::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`DamagedRecord`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DamagedRecord> {
        Self::read(bytes).ok_or(DamagedRecord)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (line, json) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
        let (about, sum) = line.rsplit_once(' ')?;
        if checksum(about, json) != sum {
            return None;
        }
        let (started, saved) = about
            .strip_prefix(MAGIC)?
            .strip_prefix(' ')?
            .split_once(' ')?;
        Some(Self {
            started: started.parse().ok()?,
            saved: saved.parse().ok()?,
            values: tagged_json::loads(json)?,
        })
    }

    /// The logged-in user.
    pub fn user(&self) -> Option<&str> {
        user(&self.values)
    }

    /// Whether the session has expired at `now`: it was not saved for more than
    /// `lifetime` seconds. A session that was saved later than `now`, by a wrong clock,
    /// would not expire in time, so it counts as expired.
    pub fn is_expired(&self, lifetime: u64, now: u64) -> bool {
        Moment::from(self.saved).is_ahead(now) || self.is_past_lifetime(lifetime, now)
    }

    /// Whether the session was not saved for more than `lifetime` seconds.
    pub(super) fn is_past_lifetime(&self, lifetime: u64, now: u64) -> bool {
        now.saturating_sub(self.saved) > lifetime
    }
}

fn checksum(about: &str, json: &str) -> String {
    let mut sum = hash(format!("{about}\n{json}"));
    sum.truncate(32);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            started: Moment::from(1_700_000_000).after(),
            saved: 1_700_000_060,
            values: [("username".to_owned(), Value::from("ada"))].into(),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        assert_eq!(Record::parse(&record().to_bytes()), Ok(record()));
    }

    #[test]
    fn any_damage_is_noticed() {
        let bytes = record().to_bytes();
        for length in 0..bytes.len() {
            assert!(Record::parse(&bytes[..length]).is_err(), "cut at {length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::parse(&bytes).is_err(), "bit {bit} turned");
        }
        let longer = [bytes.as_slice(), b"\n"].concat();
        assert!(Record::parse(&longer).is_err(), "a line more");
    }

    #[test]
    fn a_session_ends_a_second_after_its_lifetime() {
        let at = |now: u64| record().is_expired(600, 1_700_000_060 + now);
        assert_eq!([at(0), at(600), at(601)], [false, false, true]);
        let before = |seconds: u64| record().is_expired(600, 1_700_000_060 - seconds);
        assert_eq!([before(60), before(61)], [false, true]);
    }
}
