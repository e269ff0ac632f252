//! The tables of counters, and where in them an attempt is counted.
//!
//! Each table has a fixed number of buckets, each bucket has 16 slots, and each slot a
//! counter or, for a name, a block of them. A keyed hash of what is counted selects the
//! bucket and is the counter's tag. So nobody knows what shares a bucket, and nobody
//! is counted for another one while there is room. If a bucket is full, the slot with the
//! fewest failures is given away, and its failures count for the new owner.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::address::Address;
use super::counter::SIZE;
use crate::session::key::Key;
use crate::session::signing::salted;

/// Slots of a bucket.
pub(super) const SLOTS: usize = 16;

/// The salt of the hashes.
const SALT: &[u8] = b"signet.rate-limits";

/// What is counted in a table of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Table {
    Addresses,
    Browsers,
    Names,
}

/// Each table with its number of buckets and the counters of a slot, in the order of
/// the file.
pub(super) const TABLES: [(Table, u64, usize); 3] = [
    // 65 536 addresses.
    (Table::Addresses, 4096, 1),
    // 4096 browsers.
    (Table::Browsers, 256, 1),
    // 16 384 names, each with its own counter and those of 7 addresses. Whether a name is in
    // the users file makes no difference, so that nobody can see it.
    (Table::Names, 1024, COUNTERS_OF_A_NAME),
];

/// The counter of a name, and those of addresses from which it failed.
///
/// Seven are enough, as no counter with a wait is given away before the name has a
/// longer one: that takes six others with as many failures, which count for the name,
/// too. By then it has 35 failures, and a wait of 15 minutes.
const COUNTERS_OF_A_NAME: usize = 8;

/// Where a bucket is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) table: Table,
    /// The number of the bucket.
    pub(super) bucket: u64,
}

impl Table {
    fn row(self) -> (u64, usize) {
        let row = TABLES.iter().find(|(table, ..)| *table == self);
        row.map_or((1, 1), |(_, buckets, counters)| (*buckets, *counters))
    }

    /// Bytes of a bucket: 256 or 2048.
    fn bucket_size(self) -> usize {
        SLOTS * self.counters_of_a_slot() * SIZE
    }

    pub(super) fn counters_of_a_slot(self) -> usize {
        self.row().1
    }

    /// The word for it in a key of Redis.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Addresses => "address",
            Self::Browsers => "browser",
            Self::Names => "name",
        }
    }
}

impl Place {
    /// Bytes of the bucket.
    pub(super) fn size(self) -> usize {
        self.table.bucket_size()
    }

    /// Where the bucket begins if all tables follow one another. No bucket is on both
    /// sides of a multiple of 4096.
    pub(super) fn offset(self) -> u64 {
        let size = |table: Table| table.bucket_size() as u64;
        let before = TABLES.iter().take_while(|(table, ..)| *table != self.table);
        let before: u64 = before
            .map(|(table, buckets, _)| buckets * size(*table))
            .sum();
        before + self.bucket * size(self.table)
    }
}

/// Bytes of all tables.
pub(super) fn size_of_all() -> u64 {
    let sizes = TABLES.iter();
    sizes
        .map(|(table, buckets, _)| buckets * table.bucket_size() as u64)
        .sum()
}

/// The place of something, and its tag there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) tag: u32,
}

/// Finds places. The hash is HMAC-SHA-256 with a key derived from the secret key.
#[derive(Clone)]
pub(super) struct Finder(Hmac<Sha256>);

impl Finder {
    pub(super) fn new(key: &Key) -> Self {
        Self(salted(key, SALT))
    }

    pub(super) fn address(&self, address: &Address) -> Spot {
        match address {
            Address::V4(bytes) => self.spot(Table::Addresses, b"4", bytes),
            Address::V6(bytes) => self.spot(Table::Addresses, b"6", bytes),
        }
    }

    pub(super) fn name(&self, name: &str) -> Spot {
        self.spot(Table::Names, b"n", name.as_bytes())
    }

    pub(super) fn browser(&self, id: &[u8]) -> Spot {
        self.spot(Table::Browsers, b"b", id)
    }

    fn spot(&self, table: Table, kind: &[u8], bytes: &[u8]) -> Spot {
        let hash = self.0.clone().chain_update(kind).chain_update(bytes);
        let hash: [u8; 32] = hash.finalize().into_bytes().into();
        let [a, b, c, d, e, f, ..] = hash;
        let (buckets, _) = table.row();
        Spot {
            place: Place {
                table,
                bucket: u64::from(u16::from_le_bytes([a, b])) % buckets,
            },
            tag: u32::from_le_bytes([c, d, e, f]),
        }
    }
}

/// Without the key.
impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Finder(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another_within_pages() {
        let mut end = 0;
        for (table, buckets, _) in TABLES {
            for bucket in 0..buckets {
                let place = Place { table, bucket };
                assert_eq!(place.offset(), end, "{place:?}");
                end += place.size() as u64;
                assert_eq!(place.offset() / 4096, (end - 1) / 4096, "{place:?}");
            }
        }
        assert_eq!(end, size_of_all());
        let slots = TABLES.map(|(_, buckets, _)| buckets * SLOTS as u64);
        assert_eq!(slots, [65_536, 4096, 16_384]);
    }

    #[test]
    fn the_place_of_a_thing_depends_on_the_key() {
        let keys = ["one key, 16 bytes or more", "another key, and as long"];
        let finders = keys.map(|key| Finder::new(&Key::new(key.into()).unwrap()));
        let [one, other] = finders.map(|finder| finder.name("ada"));
        assert_ne!(one.tag, other.tag);
        let finder = Finder::new(&Key::new(keys[0].into()).unwrap());
        assert_eq!(one, finder.name("ada"));
        assert_ne!(one.tag, finder.name("Ada").tag);
        // What an attacker finds out of one table says nothing of another.
        assert_ne!(one.tag, finder.browser(b"ada").tag);
        let shown = format!("{finder:?}");
        assert!(!shown.contains("key"), "{shown}");
    }
}
