//! A counter of failures, and its 16 bytes.
//!
//! Bytes 0 to 3 are the tag, 4 the count, 5 to 9 the Unix seconds of the last failure,
//! 10 to 14 the hundredths of a second since the start of the machine, 15 a checksum;
//! numbers are little-endian. Sixteen zeros are no counter.

use std::time::Duration;

use super::time::Now;

/// Bytes of a counter.
pub(super) const SIZE: usize = 16;

/// The time after its last failure at which a counter is forgotten.
pub(super) const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest number of five bytes.
const MAX_NUMBER: u64 = (1 << 40) - 1;

/// Failures, and attempts that have not ended yet, since the last success.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Counter {
    /// A part of the keyed hash of what is counted.
    pub(super) tag: u32,
    /// How many they are; more than 255 are 255.
    pub(super) count: u8,
    /// When the last one began.
    pub(super) last: Now,
}

/// That bytes are not those of a counter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Damaged;

impl Counter {
    /// No failures.
    pub(super) fn none(tag: u32) -> Self {
        Self {
            tag,
            count: 0,
            last: Now {
                unix: 0,
                uptime: Duration::ZERO,
            },
        }
    }

    /// The time since the last failure.
    pub(super) fn age(self, now: Now) -> Duration {
        now.since(self.last)
    }

    pub(super) fn is_over(self, now: Now) -> bool {
        self.age(now) >= LIFETIME
    }

    /// With one failure more, which begins at `now`.
    pub(super) fn plus_one(self, now: Now) -> Self {
        Self {
            count: self.count.saturating_add(1),
            last: now,
            ..self
        }
    }

    /// With so many failures less.
    pub(super) fn minus(self, failures: u8) -> Self {
        Self {
            count: self.count.saturating_sub(failures),
            ..self
        }
    }

    /// Reads what [`Counter::write`] wrote; `None` if it is no counter.
    pub(super) fn read(bytes: &[u8; SIZE]) -> Result<Option<Self>, Damaged> {
        if *bytes == [0; SIZE] {
            return Ok(None);
        }
        let [a, b, c, d, count, rest @ .., sum] = *bytes;
        if count == 0 || sum != checksum(bytes) {
            return Err(Damaged);
        }
        let number = |bytes: &[u8]| {
            let bytes = bytes.iter().rev();
            bytes.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let (unix, uptime) = rest.split_at(5);
        Ok(Some(Self {
            tag: u32::from_le_bytes([a, b, c, d]),
            count,
            last: Now {
                unix: number(unix),
                uptime: Duration::from_millis(10 * number(uptime)),
            },
        }))
    }

    /// Its bytes; zeros if it counts nothing.
    pub(super) fn write(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        if self.count > 0 {
            let number = |number: u64| number.min(MAX_NUMBER).to_le_bytes();
            let hundredths = u64::try_from(self.last.uptime.as_millis() / 10);
            bytes[..4].copy_from_slice(&self.tag.to_le_bytes());
            bytes[4] = self.count;
            bytes[5..10].copy_from_slice(&number(self.last.unix)[..5]);
            bytes[10..15].copy_from_slice(&number(hundredths.unwrap_or(u64::MAX))[..5]);
            bytes[15] = checksum(&bytes);
        }
        bytes
    }
}

/// Makes most bytes of something else no counter: begins with A5, and for each byte is
/// rotated left by a bit and XORed with the byte.
fn checksum(bytes: &[u8; SIZE]) -> u8 {
    let summed = bytes[..SIZE - 1].iter();
    summed.fold(0xa5, |sum: u8, byte| sum.rotate_left(1) ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_read_as_it_was_written() {
        let last = |unix, hundredths| Now {
            unix,
            uptime: Duration::from_millis(10 * hundredths),
        };
        for (count, unix, uptime) in [
            (1, 0, 0),
            (5, 1_795_000_000, 86_400),
            (255, 4_294_967_296, MAX_NUMBER),
        ] {
            let tag = 0xfedc_ba98;
            let counter = Counter {
                tag,
                count,
                last: last(unix, uptime),
            };
            assert_eq!(Counter::read(&counter.write()), Ok(Some(counter)));
        }
        assert_eq!(Counter::read(&Counter::none(7).write()), Ok(None));
        let far = Counter::none(7).plus_one(last(u64::MAX, u64::MAX / 10));
        let read = Counter::read(&far.write()).unwrap().unwrap();
        assert_eq!(read.last, last(MAX_NUMBER, MAX_NUMBER));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let now = Now {
            unix: 1_795_000_000,
            uptime: Duration::from_secs(86_400),
        };
        let bytes = Counter::none(0xfedc_ba98).plus_one(now).write();
        for at in 0..SIZE {
            for change in 1..=255 {
                let mut changed = bytes;
                changed[at] ^= change;
                assert_eq!(Counter::read(&changed), Err(Damaged), "{at} ^ {change}");
            }
        }
    }
}
