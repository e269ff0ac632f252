//! The time by two clocks.

use std::time::Duration;

/// A moment by two clocks.
///
/// The wall clock may be set, and the clock since the start of the machine begins
/// anew with it. Each makes up for the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Now {
    /// Unix seconds.
    pub unix: u64,
    /// The time since the machine started (`CLOCK_BOOTTIME`), which nobody can set. Of
    /// this, also parts of a second count.
    pub uptime: Duration,
}

/// What the clocks of processes and machines may differ by.
const SKEW: Duration = Duration::from_secs(60);

impl Now {
    /// The time since `earlier`.
    ///
    /// The smaller difference counts, so that a clock that was set ahead ends no
    /// wait. If one clock went back, the other one counts; if both did, no time has
    /// passed.
    pub(super) fn since(self, earlier: Self) -> Duration {
        let unix = self.unix.checked_sub(earlier.unix);
        let unix = unix.map(Duration::from_secs);
        let uptime = self.uptime.checked_sub(earlier.uptime);
        match (unix, uptime) {
            (Some(unix), Some(uptime)) => unix.min(uptime),
            (Some(age), None) | (None, Some(age)) => age,
            (None, None) => Duration::ZERO,
        }
    }

    /// Whether both clocks went back since `other`, so that it would take long until
    /// either reaches it.
    pub(super) fn is_far_before(self, other: Self) -> bool {
        other.unix > self.unix.saturating_add(SKEW.as_secs())
            && other.uptime > self.uptime.saturating_add(SKEW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_was_not_set_counts() {
        let at = |unix, uptime| Now {
            unix,
            uptime: Duration::from_millis(uptime),
        };
        let earlier = at(1_000_000, 5_000_900);
        #[rustfmt::skip]
        let cases = [
            // name                           now                       age     far before
            ("nothing happened",              at(1_000_000, 5_000_900),  0,      false),
            ("the next second begins",        at(1_000_001, 5_001_000),  100,    false),
            ("a second",                      at(1_000_001, 5_001_900),  1000,   false),
            ("ten seconds",                   at(1_000_010, 5_010_900),  10_000, false),
            ("set ahead by a day",            at(1_086_410, 5_010_900),  10_000, false),
            ("set back by a day",             at(913_610, 5_010_900),    10_000, false),
            ("set to 1970",                   at(0, 5_010_900),          10_000, false),
            ("restarted",                     at(1_000_100, 30_000),     100_000, false),
            ("restarted with a clock behind", at(900_000, 30_000),       0,      true),
            ("read a moment before",          at(999_999, 4_999_900),    0,      false),
        ];
        for (name, now, age, is_far) in cases {
            assert_eq!(now.since(earlier), Duration::from_millis(age), "{name}");
            assert_eq!(now.is_far_before(earlier), is_far, "{name}");
        }
    }
}
