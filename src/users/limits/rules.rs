//! How many failures are free, and how long to wait after them.

use std::time::Duration;

use super::counter::Counter;
use super::time::Now;

/// The first wait, in seconds. It doubles with each further failure.
const FIRST_WAIT: u64 = 1;

/// The longest wait, in seconds.
pub const MAX_WAIT: u64 = 15 * 60;

/// How many failures are free.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Limit(u8);

impl Limit {
    /// For a name and an address together.
    pub(super) const PAIR: Self = Self(5);
    /// For a name, from any address.
    pub(super) const NAME: Self = Self(10);
    /// For an address, with any name.
    pub(super) const ADDRESS: Self = Self(30);
    /// For a browser in which the user has logged in before.
    pub(super) const BROWSER: Self = Self(10);

    /// The seconds to wait after the last of `failures` failures.
    pub(super) fn wait(self, failures: u8) -> u64 {
        match failures.checked_sub(self.0) {
            None => 0,
            Some(doublings) => FIRST_WAIT
                .checked_shl(u32::from(doublings))
                .map_or(MAX_WAIT, |wait| wait.min(MAX_WAIT)),
        }
    }

    /// The seconds that are left to wait at `now`; 0 if the next attempt is allowed.
    pub(super) fn left(self, counter: Counter, now: Now) -> u64 {
        let wait = Duration::from_secs(self.wait(counter.count));
        let left = wait.saturating_sub(counter.age(now));
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_second_to_fifteen_minutes() {
        let waits = |limit: Limit| (0..=u8::MAX).map(move |failures| limit.wait(failures));
        for (limit, free) in [
            (Limit::PAIR, 5),
            (Limit::NAME, 10),
            (Limit::ADDRESS, 30),
            (Limit::BROWSER, 10),
        ] {
            let free_ones = std::iter::repeat_n(0, free);
            let doubled = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
            let wanted = free_ones.chain(doubled).chain(std::iter::repeat(900));
            let wanted: Vec<u64> = wanted.take(256).collect();
            assert_eq!(waits(limit).collect::<Vec<_>>(), wanted);
        }
    }
}
