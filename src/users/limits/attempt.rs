//! An attempt to log in: which counters it is counted by, and what it does to them.

use super::address::Address;
use super::bucket::Bucket;
use super::counter::Counter;
use super::rules::Limit;
use super::table::{Finder, Place, Spot};
use super::time::Now;

/// An attempt to log in.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// The name that was typed, of any length, whether there is such a user or not.
    pub name: &'a str,
    /// The visitor's address; `None` if it is not known, and so not counted.
    pub address: Option<Address>,
    /// The id in a valid token of a browser in which this user has logged in before.
    /// Such an attempt is limited by this id alone: strangers who try the name, or
    /// share the address, do not lock the user out.
    pub browser: Option<&'a [u8]>,
}

/// A counter that an attempt is counted by.
#[derive(Clone, Copy, Debug)]
struct Cell {
    limit: Limit,
    /// The number of its bucket among those of the attempt.
    bucket: usize,
    tag: u32,
    part: Option<u32>,
    /// Whether its failures are all of the user who logs in, so that a success takes
    /// them back.
    is_own: bool,
}

/// The counters of an attempt.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    pub(super) places: Vec<Place>,
}

/// What an attempt changed: each counter before and after.
pub(super) type Counted = Vec<(Counter, Counter)>;

impl Cells {
    pub(super) fn of(attempt: &Attempt<'_>, finder: &Finder) -> Self {
        if let Some(id) = attempt.browser {
            let Spot { place, tag } = finder.browser(id);
            return Self {
                cells: vec![Cell::new(Limit::BROWSER, 0, tag, None, true)],
                places: vec![place],
            };
        }
        let name = finder.name(attempt.name);
        // Without an address nobody can tell the user's own failures from others.
        let is_own = attempt.address.is_none();
        let mut cells = vec![Cell::new(Limit::NAME, 0, name.tag, None, is_own)];
        let mut places = vec![name.place];
        if let Some(address) = &attempt.address {
            let address = finder.address(address);
            let pair = Some(address.tag);
            cells.push(Cell::new(Limit::PAIR, 0, name.tag, pair, true));
            cells.push(Cell::new(Limit::ADDRESS, 1, address.tag, None, false));
            places.push(address.place);
        }
        Self { cells, places }
    }

    fn put(&self, buckets: &mut [Bucket], counters: impl Iterator<Item = Counter>, now: Now) {
        for (cell, counter) in self.cells.iter().zip(counters) {
            buckets[cell.bucket].put(cell.tag, cell.part, counter, now);
        }
    }

    /// Counts the attempt as a failure, before its outcome is known.
    ///
    /// # Errors
    ///
    /// The seconds to wait if a counter is at its limit. Then nothing is counted, so
    /// that waiting visitors who try again do not wait longer.
    pub(super) fn count(&self, buckets: &mut [Bucket], now: Now) -> Result<Counted, u64> {
        let counters = self.cells.iter().map(|cell| {
            let bucket = &buckets[cell.bucket];
            bucket.counter(cell.tag, cell.part, now)
        });
        let before: Vec<Counter> = counters.collect();
        let limits = self.cells.iter().zip(&before);
        let waits = limits.map(|(cell, counter)| cell.limit.left(*counter, now));
        let wait = waits.max().unwrap_or_default();
        if wait > 0 {
            // If the clocks went back, the waits begin again: until the clocks are
            // where they were, they would not end.
            let cells = self.cells.iter().zip(before);
            for (cell, counter) in cells.filter(|(_, counter)| now.is_far_before(counter.last)) {
                let counter = Counter {
                    last: now,
                    ..counter
                };
                buckets[cell.bucket].put(cell.tag, cell.part, counter, now);
            }
            return Err(wait);
        }
        let after: Vec<Counter> = before.iter().map(|counter| counter.plus_one(now)).collect();
        self.put(buckets, after.iter().copied(), now);
        Ok(before.into_iter().zip(after).collect())
    }

    /// Takes back a counted attempt that succeeded, and the user's own failures before
    /// it: those with this name from this address, or from this browser.
    ///
    /// Other failures of the name or the address stay: whoever has an account could
    /// else try other names for ever, by logging in now and then.
    pub(super) fn succeed(&self, buckets: &mut [Bucket], counted: &Counted, now: Now) {
        self.take_back(buckets, counted, u8::MAX, now);
    }

    /// Takes back a counted attempt whose password was not verified.
    pub(super) fn cancel(&self, buckets: &mut [Bucket], counted: &Counted, now: Now) {
        self.take_back(buckets, counted, 1, now);
    }

    /// Takes back at most so many of the user's own failures. There may be none left: a
    /// login at the same time took them back, or their counter was given away.
    fn take_back(&self, buckets: &mut [Bucket], counted: &Counted, most: u8, now: Now) {
        let counters = self.cells.iter().map(|cell| {
            let found = buckets[cell.bucket].find(cell.tag, cell.part, now);
            found.unwrap_or(Counter::none(cell.tag))
        });
        let counters: Vec<Counter> = counters.collect();
        let own = self.cells.iter().zip(&counters);
        let own = own.filter(|(cell, _)| cell.is_own);
        let own = own.map(|(_, counter)| counter.count).max();
        let failures = own.unwrap_or_default().min(most);
        if failures == 0 {
            return;
        }
        let less = counters
            .iter()
            .zip(counted)
            .map(|(counter, (before, after))| {
                match counter == after {
                    // Nobody else was counted meanwhile: also the time is as before.
                    true => before.minus(failures - 1),
                    false => counter.minus(failures),
                }
            });
        self.put(buckets, less, now);
    }
}

impl Cell {
    fn new(limit: Limit, bucket: usize, tag: u32, part: Option<u32>, is_own: bool) -> Self {
        Self {
            limit,
            bucket,
            tag,
            part,
            is_own,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::key::Key;

    #[test]
    fn failures_with_other_names_free_no_name() {
        let finder = Finder::new(&Key::new(b"one key, 16 bytes or more".to_vec()).unwrap());
        let place = finder.name("ada").place;
        let mut buckets = [Bucket::read(place, &[]).0];
        let mut second = 0;
        // Whether a failure is counted now.
        let mut fails = |name: &str, wait: u64| {
            second += wait;
            let now = Now {
                unix: second,
                uptime: Duration::from_secs(second),
            };
            let attempt = Attempt {
                name,
                address: None,
                browser: None,
            };
            Cells::of(&attempt, &finder)
                .count(&mut buckets, now)
                .is_ok()
        };
        for number in 0..10 {
            assert!(fails("ada", 0), "{number}");
        }
        assert!(!fails("ada", 0));
        let names = (0..).map(|number| format!("user{number}"));
        for name in names
            .filter(|name| finder.name(name).place == place)
            .take(17)
        {
            for _ in 0..11 {
                while !fails(&name, 1) {}
            }
        }
        // The wait is over.
        assert!(fails("ada", 1));
        for number in 0..10 {
            assert!(!fails("ada", 0), "{number}");
        }
    }
}
