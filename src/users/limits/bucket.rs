//! A bucket of counters: found by tag, and given away if it is full.

use std::cmp::Reverse;

use super::counter::{Counter, Damaged, SIZE};
use super::table::{Place, SLOTS};
use super::time::Now;

/// The bytes of a bucket, as counters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bucket {
    counters: Vec<Option<Counter>>,
    /// Counters of a slot. The first is the slot's own.
    width: usize,
}

impl Bucket {
    /// Reads a bucket; bytes that are missing at the end are zeros. Also says whether
    /// all of it was intact: what was not, is no counter.
    pub(super) fn read(place: Place, bytes: &[u8]) -> (Self, Result<(), Damaged>) {
        let width = place.table.counters_of_a_slot();
        let mut state = Ok(());
        let mut counters = vec![None; SLOTS * width];
        for (counter, bytes) in counters.iter_mut().zip(bytes.chunks(SIZE)) {
            let bytes = <&[u8; SIZE]>::try_from(bytes).map_err(|_| Damaged);
            match bytes.and_then(Counter::read) {
                Ok(read) => *counter = read,
                Err(Damaged) => state = Err(Damaged),
            }
        }
        if bytes.len() > counters.len() * SIZE {
            state = Err(Damaged);
        }
        (Self { counters, width }, state)
    }

    /// Its bytes, without zeros at the end.
    pub(super) fn write(&self) -> Vec<u8> {
        let used = self.counters.iter().rposition(Option::is_some);
        let counters = &self.counters[..used.map_or(0, |last| last + 1)];
        let written = counters
            .iter()
            .map(|counter| counter.map_or([0; SIZE], Counter::write));
        written.collect::<Vec<_>>().concat()
    }

    /// The counter of a tag or, with `part`, of that part of it. A tag without one begins
    /// with the failures of the slot that it would get: it may have had this slot before, and
    /// nobody can get rid of failures by making others.
    pub(super) fn counter(&self, tag: u32, part: Option<u32>, now: Now) -> Counter {
        if let Some(found) = self.find(tag, part, now) {
            return found;
        }
        let taken_over = match part {
            None => self.counters[self.slot_to_give(now)].filter(|counter| !counter.is_over(now)),
            Some(_) => None,
        };
        match taken_over {
            Some(counter) => Counter { tag, ..counter },
            None => Counter::none(part.unwrap_or(tag)),
        }
    }

    /// The counter of a tag or, with `part`, of that part of it, if it has one.
    pub(super) fn find(&self, tag: u32, part: Option<u32>, now: Now) -> Option<Counter> {
        let slot = self.slot_of(tag, now)?;
        let slot = &self.counters[slot..slot + self.width];
        match part {
            None => slot[0],
            Some(part) => {
                let at = position(&slot[1..], part, now)?;
                slot[1 + at]
            }
        }
    }

    /// Puts the counter of a tag or, with `part`, of that part of it, whose tag is
    /// stored already. One that counts nothing is removed.
    pub(super) fn put(&mut self, tag: u32, part: Option<u32>, counter: Counter, now: Now) {
        let own = self.slot_of(tag, now);
        let counter = Some(counter).filter(|counter| counter.count > 0);
        match (part, own, counter) {
            (None, Some(slot), None) => self.slot(slot).fill(None),
            (None, Some(slot), counter) => self.counters[slot] = counter,
            (None, None, Some(counter)) => {
                let slot = self.slot_to_give(now);
                self.slot(slot).fill(None);
                self.counters[slot] = Some(counter);
            }
            (Some(part), Some(slot), counter) => {
                let parts = &mut self.slot(slot)[1..];
                let at = position(parts, part, now);
                let at = at.or_else(|| counter.map(|_| free_or_lowest(parts.iter(), now)));
                if let Some(slot) = at.and_then(|at| parts.get_mut(at)) {
                    *slot = counter;
                }
            }
            (None, None, None) | (Some(_), None, _) => {}
        }
    }

    fn slot(&mut self, start: usize) -> &mut [Option<Counter>] {
        &mut self.counters[start..start + self.width]
    }

    /// Where the slot begins that a new tag gets.
    fn slot_to_give(&self, now: Now) -> usize {
        let heads = self.counters.iter().step_by(self.width);
        self.width * free_or_lowest(heads, now)
    }

    /// Where the slot of a tag begins.
    fn slot_of(&self, tag: u32, now: Now) -> Option<usize> {
        let heads = self.counters.iter().step_by(self.width);
        let mut heads = heads.zip(0..);
        let (_, slot) = heads.find(|(head, _)| is(head, tag, now))?;
        Some(slot * self.width)
    }
}

fn is(counter: &Option<Counter>, tag: u32, now: Now) -> bool {
    counter.is_some_and(|counter| counter.tag == tag && !counter.is_over(now))
}

fn position(counters: &[Option<Counter>], tag: u32, now: Now) -> Option<usize> {
    counters.iter().position(|counter| is(counter, tag, now))
}

/// A place for a new counter: one that is free or forgotten, else the one with the
/// fewest failures, of these the oldest.
fn free_or_lowest<'c>(counters: impl Iterator<Item = &'c Option<Counter>>, now: Now) -> usize {
    let rank = |counter: &Option<Counter>| match counter {
        Some(counter) if !counter.is_over(now) => Some((counter.count, Reverse(counter.age(now)))),
        Some(_) | None => None,
    };
    let lowest = counters
        .enumerate()
        .min_by_key(|(_, counter)| rank(counter));
    lowest.map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::table::Table;
    use super::*;

    fn at(second: u64) -> Now {
        Now {
            unix: 1_795_000_000 + second,
            uptime: Duration::from_secs(1000 + second),
        }
    }

    fn failures(tag: u32, count: u8, now: Now) -> Counter {
        Counter {
            tag,
            count,
            last: now,
        }
    }

    fn empty(table: Table) -> Bucket {
        let place = Place { table, bucket: 0 };
        Bucket::read(place, &[]).0
    }

    #[test]
    fn a_full_bucket_gives_away_the_slot_with_the_fewest_failures() {
        let mut bucket = empty(Table::Addresses);
        for tag in 0..16 {
            let count = if tag == 9 || tag == 11 { 2 } else { 3 };
            bucket.put(tag, None, failures(tag, count, at(tag.into())), at(20));
        }
        let fail = |bucket: &mut Bucket, tag, now| {
            let counter = bucket.counter(tag, None, now).plus_one(now);
            bucket.put(tag, None, counter, now);
            counter.count
        };
        // With the failures of the oldest of two.
        assert_eq!(bucket.counter(100, None, at(21)), failures(100, 2, at(9)));
        assert_eq!(fail(&mut bucket, 100, at(21)), 3);
        assert_eq!(bucket.find(9, None, at(22)), None);
        // The next one takes the slot of the other.
        assert_eq!(fail(&mut bucket, 9, at(22)), 3);
        assert_eq!(bucket.find(11, None, at(22)), None);
        for tag in (0..16).filter(|tag| *tag != 11) {
            assert_eq!(bucket.counter(tag, None, at(22)).count, 3, "{tag}");
        }
        // Forgotten ones go first.
        assert_eq!(fail(&mut bucket, 102, at(86_400)), 1);
        assert_eq!(bucket.find(0, None, at(86_400)), None);
        assert!(bucket.find(1, None, at(86_400)).is_some());
    }

    /// See `COUNTERS_OF_A_NAME`.
    #[test]
    fn no_address_of_a_name_is_given_away_before_the_name_waits_longer() {
        let mut bucket = empty(Table::Names);
        let name = 7;
        let mut total = 0;
        for address in 0..7 {
            for _ in 0..5 {
                total += 1;
                bucket.put(name, None, failures(name, total, at(1)), at(1));
                let pair = bucket.counter(name, Some(address), at(1)).plus_one(at(1));
                bucket.put(name, Some(address), pair, at(1));
            }
        }
        for address in 0..7 {
            assert_eq!(bucket.counter(name, Some(address), at(2)).count, 5);
        }
        assert_eq!(total, 35);
        assert_eq!(super::super::rules::Limit::NAME.wait(total), 900);
        bucket.put(name, Some(8), failures(8, 1, at(2)), at(2));
        assert_eq!(bucket.counter(name, Some(8), at(2)).count, 1);
        assert_eq!(bucket.counter(name, None, at(2)).count, 35);
    }

    #[test]
    fn a_slot_that_is_given_away_takes_no_addresses_along() {
        let mut bucket = empty(Table::Names);
        for name in 0..16 {
            bucket.put(name, None, failures(name, 1, at(name.into())), at(16));
            bucket.put(name, Some(50), failures(50, 1, at(16)), at(16));
        }
        bucket.put(99, None, failures(99, 2, at(17)), at(17));
        assert_eq!(bucket.counter(99, Some(50), at(17)).count, 0);
        assert_eq!(bucket.find(0, None, at(17)), None);
        assert_eq!(bucket.counter(1, Some(50), at(17)).count, 1);
    }

    #[test]
    fn a_bucket_is_read_as_it_was_written() {
        let mut bucket = empty(Table::Names);
        assert_eq!(bucket.write(), b"");
        bucket.put(7, None, failures(7, 3, at(0)), at(0));
        assert_eq!(bucket.write().len(), 16);
        bucket.put(7, Some(8), failures(8, 3, at(0)), at(0));
        let place = Place {
            table: Table::Names,
            bucket: 0,
        };
        let mut bytes = bucket.write();
        assert_eq!(bytes.len(), 32);
        bytes.resize(2048, 0);
        assert_eq!(Bucket::read(place, &bytes), (bucket.clone(), Ok(())));
        // What is damaged is left out, and reported.
        bytes[20] ^= 1;
        let (read, state) = Bucket::read(place, &bytes);
        assert_eq!(state, Err(Damaged));
        assert_eq!(read.counter(7, None, at(1)).count, 3);
        assert_eq!(read.counter(7, Some(8), at(1)).count, 0);
        for cut in [&bytes[..15], &[1; 2049]] {
            assert_eq!(Bucket::read(place, cut).1, Err(Damaged));
        }
        bucket.put(7, None, failures(7, 0, at(0)), at(0));
        assert_eq!(bucket.write(), b"");
    }
}
