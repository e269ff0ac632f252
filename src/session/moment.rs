//! The moment at which a session began, and the moment of a mark: Unix seconds, and a
//! number within each second.

use std::fmt;
use std::str::FromStr;

use super::number;
use super::signing::CLOCK_SKEW;
use super::tagged_json::Value;

/// The numbers of one second.
const SEQUENCES: u32 = 1_000_000;

/// The numbers of a block. See [`Moment::end_of_block`].
const BLOCK: u32 = 10_000;

/// A moment in Unix seconds, and a number within that second.
///
/// Sessions and revocation marks are compared by their moments. A session that
/// begins in the same second as a mark gets the next number, so it counts as later
/// without a date in the future.
///
/// As text it is `1700000000`, or `1700000000.000002` for number 2. That is
/// also a JSON number, which Python reads and writes again without a change.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment {
    second: u64,
    sequence: u32,
}

impl From<u64> for Moment {
    /// The first moment of a second.
    fn from(second: u64) -> Self {
        Self {
            second,
            sequence: 0,
        }
    }
}

impl Moment {
    /// Its Unix second.
    pub fn second(self) -> u64 {
        self.second
    }

    /// The next moment. After a million within one second, that is the beginning
    /// of the next second.
    pub fn after(self) -> Self {
        match self.sequence + 1 {
            SEQUENCES => Self::from(self.second.saturating_add(1)),
            sequence => Self { sequence, ..self },
        }
    }

    /// Whether it is more than [`CLOCK_SKEW`] seconds after `now` (Unix seconds).
    pub fn is_ahead(self, now: u64) -> bool {
        self.second > now.saturating_add(CLOCK_SKEW)
    }

    /// The middle of a block of 10 000, or the moment itself if that is later. For a
    /// user's mark that replaces a damaged one, whose number is lost: it was in the
    /// first half, and the second half is for the marks to come.
    pub fn middle_of_block(self) -> Self {
        let middle = self.sequence - self.sequence % BLOCK + BLOCK / 2;
        Self {
            sequence: middle.max(self.sequence),
            ..self
        }
    }

    /// The middle of its second, or the moment itself if that is later. As
    /// [`Moment::middle_of_block`], for the mark of all users.
    pub fn middle_of_second(self) -> Self {
        Self {
            sequence: self.sequence.max(SEQUENCES / 2),
            ..self
        }
    }

    /// The last moment of a block of 10 000, for a mark that ends the sessions of all
    /// users.
    ///
    /// The marks of each user are numbered separately, and the largest number is not
    /// known. No user gets 10 000 marks within a second, so a mark at the end of the
    /// block is later than the marks of all users.
    pub fn end_of_block(self) -> Self {
        Self {
            sequence: self.sequence - self.sequence % BLOCK + BLOCK - 1,
            ..self
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sequence {
            0 => write!(f, "{}", self.second),
            sequence => write!(f, "{}.{sequence:06}", self.second),
        }
    }
}

impl From<Moment> for Value {
    fn from(moment: Moment) -> Self {
        let second = || moment.second.into();
        Self::Number(match moment.sequence {
            0 => second(),
            // Digits with one dot between them are a JSON number.
            _ => serde_json::from_str(&moment.to_string()).unwrap_or_else(|_| second()),
        })
    }
}

/// A text that is not a [`Moment`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotAMoment;

error_texts! { NotAMoment:
    Self => "is not Unix seconds, or Unix seconds with up to six decimals";
}

impl FromStr for Moment {
    type Err = NotAMoment;

    /// Zeros at the end of the decimals may be missing, as Python drops them.
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let (second, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let missing = 6_usize.checked_sub(decimals.len()).ok_or(NotAMoment)?;
        let sequence: u32 = number(decimals).ok_or(NotAMoment)?;
        Ok(Self {
            second: number(second).ok_or(NotAMoment)?,
            sequence: (0..missing).fold(sequence, |sequence, _| 10 * sequence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(second: u64, sequence: u32) -> Moment {
        Moment { second, sequence }
    }

    #[test]
    fn a_moment_is_read_as_it_was_written() {
        #[rustfmt::skip]
        let cases = [
            (moment(0, 0),                      "0"),
            (moment(1_700_000_000, 0),          "1700000000"),
            (moment(1_700_000_000, 2),          "1700000000.000002"),
            (moment(1_700_000_000, 999_999),    "1700000000.999999"),
            (moment(u64::MAX, 0),               "18446744073709551615"),
        ];
        for (moment, text) in cases {
            assert_eq!(moment.to_string(), text);
            assert_eq!(text.parse(), Ok(moment));
        }
    }

    /// `json.dumps(json.loads(text))` of Python 3.
    #[test]
    fn a_moment_that_python_wrote_again_is_the_same() {
        #[rustfmt::skip]
        let cases = [
            ("1700000000.000010", "1700000000.00001"),
            ("1700000000.500000", "1700000000.5"),
            ("1700000000.000002", "1700000000.000002"),
        ];
        for (written, by_python) in cases {
            assert_eq!(written.parse::<Moment>(), by_python.parse(), "{written}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "-1",
            "+1",
            " 1",
            "1\n",
            "1e9",
            "1.0000001",
            "1.1.1",
            "\0\0\0\0\0\0\0\0\0\0",
            "18446744073709551616",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(NotAMoment), "{text:?}");
        }
    }

    #[test]
    fn moments_are_ordered_by_second_and_then_by_number() {
        let ordered = [
            moment(5, 0),
            moment(5, 0).after(),
            moment(5, 0).end_of_block(),
            moment(5, 0).end_of_block().after(),
            moment(5, 10_001).end_of_block(),
            moment(5, 999_999),
            moment(5, 999_999).after(),
        ];
        assert!(ordered.is_sorted_by(|one, other| one < other));
        assert_eq!(moment(5, 999_999).after(), Moment::from(6));
        assert_eq!(moment(5, 9_999).end_of_block(), moment(5, 9_999));
    }
}
