//! What a store promises, one promise a test.

use std::collections::BTreeMap;

use signet::Value;
use signet::session::SessionId;
use signet::session::listed::SessionList;
use signet::session::record::{MAX_RECORD, Record, RecordTooLarge};
use signet::session::store::{Change, Store, StoreError, Visit};
use signet::session::tagged_json::loads;

use super::Place;
use crate::support::now;

/// Seconds that sessions live in these tests.
pub(super) const LIFETIME: u64 = 600;

pub(super) fn id() -> SessionId {
    SessionId::generate().expect("random bytes")
}

/// A session that began and was saved `saved`, of these values in JSON.
pub(super) fn record(saved: u64, json: &str) -> Record {
    Record {
        started: saved.into(),
        saved,
        values: loads(json).expect("a dict"),
    }
}

/// A session that was stored just now.
fn stored(store: &dyn Store, json: &str) -> (SessionId, Record) {
    let (id, record) = (id(), record(now(), json));
    store.create(&id, &record).expect("create");
    (id, record)
}

/// What lies under `id`.
#[track_caller]
pub(super) fn load(store: &dyn Store, id: &SessionId) -> Option<Record> {
    store.load(id, now()).expect("load")
}

/// A change that may not be asked for.
fn never(_: Record) -> Change {
    panic!("there is nothing to change")
}

/// A record of about `size` bytes.
fn of_size(size: usize) -> Record {
    let text = "x".repeat(size);
    record(now(), &format!(r#"{{"text":"{text}"}}"#))
}

/// How many sessions the store shows, by the number under `n`.
fn shown(store: &dyn Store, now: u64) -> BTreeMap<i64, usize> {
    let mut shown = BTreeMap::new();
    let visit = &mut |record: &Record, size: usize| {
        assert!(size > 0, "a record of no bytes");
        *shown.entry(number(record)).or_default() += 1;
        Visit::Next
    };
    store.for_each(now, visit).expect("for_each");
    shown
}

pub(super) fn number(record: &Record) -> i64 {
    let number = record.values.get("n").expect("every record has n");
    number.to().expect("a number")
}

pub(super) fn a_record_has_a_key(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (id, record) = stored(store.as_ref(), "{}");
    let key = id.key();
    assert_eq!(key.as_str(), id.hash());
    assert_eq!(store.load_by(&key, now()).expect("load"), Some(record));
    assert!(store.delete_by(&key).expect("delete"));
    assert!(!store.delete_by(&key).expect("delete"));
    assert_eq!(store.load_by(&key, now()).expect("load"), None);
    assert_eq!(load(store.as_ref(), &id), None);
}

pub(super) fn each_user_has_a_list(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let keys = [id().key(), id().key()];
    let listed = |user: &str| store.list(user).expect("a list").keys().to_vec();
    let change = |user: &str, change: &mut dyn FnMut(&mut SessionList)| {
        store.change_list(user, change).expect("change it");
    };
    assert_eq!(listed("ada"), []);
    change("ada", &mut |list| list.remove(&keys[0]));
    for key in &keys {
        change("ada", &mut |list| list.add(key.clone()));
    }
    change("bob", &mut |list| list.add(keys[1].clone()));
    assert_eq!(listed("ada"), keys);
    assert_eq!(listed("bob"), keys[1..]);
    change("ada", &mut |list| list.remove(&keys[0]));
    assert_eq!(listed("ada"), keys[1..]);
    change("ada", &mut |list| list.remove(&keys[1]));
    assert_eq!(listed("ada"), []);
    assert_eq!(listed("bob"), keys[1..]);
    // It is no session.
    let mut sessions = 0;
    let visit = &mut |_: &Record, _: usize| {
        sessions += 1;
        Visit::Next
    };
    store.for_each(now(), visit).expect("for_each");
    assert_eq!(sessions, 0);
}

pub(super) fn a_record_is_loaded_as_it_was_created(place: &dyn Place) {
    let rows = [
        r#"{}"#,
        r#"{"username":"ada"}"#,
        r#"{"_permanent":true,"a":[1,2.5,null,{"b":"c"}]}"#,
        r#"{" ":"","é🦊":"\u202e\u0000\n\r\"\\","n":123456789012345678901234567890}"#,
        r#"{"t":{" t":["a",{" b":"AAEC"}]},"d":{" d":"Tue, 14 Nov 2023 22:13:20 GMT"}}"#,
    ];
    for json in rows {
        let record = Record {
            started: (now() - 86_400).into(),
            saved: now() - 1,
            values: loads(json).expect("a dict"),
        };
        let id = id();
        place
            .open(LIFETIME)
            .create(&id, &record)
            .unwrap_or_else(|err| panic!("{json}: {err}"));
        let found = load(&*place.open(LIFETIME), &id);
        assert_eq!(found, Some(record), "{json}");
    }
}

pub(super) fn an_unknown_id_is_no_session(place: &dyn Place) {
    // In a store that has nothing yet, and in one that has.
    for round in 0..2 {
        let (store, unknown) = (place.open(LIFETIME), id());
        let other = id();
        assert_eq!(load(&*store, &unknown), None, "round {round}");
        assert!(!store.update(&unknown, now(), &mut never).expect("update"));
        let renewed = store.renew(&unknown, &other, now(), &mut never);
        assert!(!renewed.expect("renew"));
        assert!(!store.delete(&unknown).expect("delete"));
        assert_eq!(load(&*store, &unknown), None, "round {round}");
        assert_eq!(load(&*store, &other), None, "round {round}");
        assert_eq!(shown(&*store, now()).len(), round);
        stored(&*store, r#"{"n":1}"#);
    }
}

pub(super) fn create_refuses_an_id_in_use(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (id, first) = stored(&*store, r#"{"n":1}"#);
    let again = store.create(&id, &record(now(), r#"{"n":2}"#));
    assert!(matches!(again, Err(StoreError::IdInUse)), "{again:?}");
    assert_eq!(load(&*store, &id), Some(first));
}

pub(super) fn update_changes_what_is_stored_now(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (id, first) = stored(&*store, r#"{"n":1}"#);
    for step in 1..=3 {
        let mut seen = None;
        let mut next = |found: Record| {
            seen = Some(number(&found));
            let mut values = found.values;
            values.insert("n".to_owned(), Value::from(step + 1));
            Change::Replace(Record { values, ..first })
        };
        // By turns by another process.
        let store = place.open(LIFETIME);
        assert!(store.update(&id, now(), &mut next).expect("update"));
        assert_eq!(seen, Some(step));
    }
    let found = load(&*store, &id).expect("still there");
    assert_eq!((number(&found), found.started), (4, first.started));
}

pub(super) fn update_may_end_a_session(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (id, _) = stored(&*store, r#"{"n":1}"#);
    let ended = store.update(&id, now(), &mut |_| Change::Delete);
    assert!(ended.expect("update"), "it was there");
    assert_eq!(load(&*store, &id), None);
}

pub(super) fn update_of_an_ended_session_stores_nothing(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (id, _) = stored(&*store, r#"{"n":1}"#);
    assert!(store.delete(&id).expect("delete"));
    assert!(!store.update(&id, now(), &mut never).expect("update"));
    assert_eq!(load(&*store, &id), None);
    assert_eq!(shown(&*store, now()), BTreeMap::new());
}

pub(super) fn renew_kills_the_old_id(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (old, _) = stored(&*store, r#"{"n":1}"#);
    let (new, wanted) = (id(), record(now(), r#"{"n":2}"#));
    let there = store.renew(&old, &new, now(), &mut |_| Change::Replace(wanted.clone()));
    assert!(there.expect("renew"), "the old one was there");
    assert_eq!(load(&*store, &old), None);
    assert_eq!(load(&*store, &new), Some(wanted));
    assert!(!store.update(&old, now(), &mut never).expect("update"));
    let other = id();
    let again = store.renew(&old, &other, now(), &mut never);
    assert!(!again.expect("renew"), "the old one is there again");
    assert_eq!(shown(&*store, now()), BTreeMap::from([(2, 1)]));
}

pub(super) fn renew_of_an_ended_session_stores_nothing(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let ((old, _), new) = (stored(&*store, r#"{"n":1}"#), id());
    assert!(store.delete(&old).expect("delete"));
    assert!(!store.renew(&old, &new, now(), &mut never).expect("renew"));
    assert_eq!((load(&*store, &old), load(&*store, &new)), (None, None));
}

pub(super) fn renew_may_end_a_session(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let ((old, _), new) = (stored(&*store, r#"{"n":1}"#), id());
    let there = store.renew(&old, &new, now(), &mut |_| Change::Delete);
    assert!(there.expect("renew"), "it was there");
    assert_eq!((load(&*store, &old), load(&*store, &new)), (None, None));
}

pub(super) fn renew_to_an_id_in_use_changes_nothing(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (old, first) = stored(&*store, r#"{"n":1}"#);
    let (other, second) = stored(&*store, r#"{"n":2}"#);
    let taken = store.renew(&old, &other, now(), &mut |found| Change::Replace(found));
    assert!(matches!(taken, Err(StoreError::IdInUse)), "{taken:?}");
    assert_eq!(load(&*store, &old), Some(first));
    assert_eq!(load(&*store, &other), Some(second));
}

pub(super) fn store_forgets_what_it_deleted(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let ((id, record), (other, kept)) =
        (stored(&*store, r#"{"n":1}"#), stored(&*store, r#"{"n":2}"#));
    assert!(store.delete(&id).expect("delete"), "it was there");
    assert_eq!(load(&*store, &id), None);
    assert!(!store.delete(&id).expect("delete again"), "it was there");
    assert_eq!(load(&*store, &other), Some(kept));
    // An id is free again: nothing of the session is left.
    store.create(&id, &record).expect("create");
    assert_eq!(load(&*store, &id), Some(record));
}

pub(super) fn expired_is_absent(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (id, record) = stored(&*store, r#"{"n":1}"#);
    let last = record.saved + LIFETIME;
    assert_eq!(store.load(&id, last).expect("load"), Some(record));
    let over = last + 1;
    assert_eq!(store.load(&id, over).expect("load"), None);
    assert!(!store.update(&id, over, &mut never).expect("update"));
    let renewed = store.renew(&id, &self::id(), over, &mut never);
    assert!(!renewed.expect("renew"));
    assert_eq!(shown(&*store, over), BTreeMap::new());
}

pub(super) fn use_prolongs_a_session(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (id, record) = stored(&*store, r#"{"n":1}"#);
    let used = record.saved + LIFETIME;
    let there = store.update(&id, used, &mut |found| {
        Change::Replace(Record {
            saved: used,
            ..found
        })
    });
    assert!(there.expect("update"));
    let found = store.load(&id, used + LIFETIME).expect("load");
    let found = found.expect("prolonged");
    assert_eq!((found.started, found.saved), (record.started, used));
    assert_eq!(store.load(&id, used + LIFETIME + 1).expect("load"), None);
}

pub(super) fn a_record_too_large_changes_nothing(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let (old, first) = stored(&*store, r#"{"n":1}"#);
    let (new, unused) = (id(), id());
    let mut grow = |_| Change::Replace(of_size(MAX_RECORD));
    let outcomes = [
        store.create(&unused, &of_size(MAX_RECORD)),
        store.update(&old, now(), &mut grow).map(|_| ()),
        store.renew(&old, &new, now(), &mut grow).map(|_| ()),
    ];
    for (number, outcome) in outcomes.iter().enumerate() {
        let Err(StoreError::TooLarge(RecordTooLarge { size })) = outcome else {
            panic!("{number}: {outcome:?}");
        };
        assert!(*size > MAX_RECORD, "{size}");
    }
    assert_eq!(load(&*store, &old), Some(first));
    assert_eq!((load(&*store, &new), load(&*store, &unused)), (None, None));
}

pub(super) fn the_largest_record_fits(place: &dyn Place) {
    let around = of_size(0).to_bytes().len();
    let largest = of_size(MAX_RECORD - around);
    assert_eq!(largest.to_bytes().len(), MAX_RECORD);
    let (store, id) = (place.open(LIFETIME), id());
    store.create(&id, &largest).expect("create");
    assert_eq!(load(&*store, &id), Some(largest));
}

pub(super) fn sweep_removes_only_what_is_over(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let later = now() + LIFETIME + 60;
    let over: Vec<_> = (0..50).map(|_| stored(&*store, r#"{"n":1}"#)).collect();
    let in_use: Vec<_> = (0..50)
        .map(|_| (id(), record(later - LIFETIME, r#"{"n":2}"#)))
        .collect();
    for (id, record) in &in_use {
        store.create(id, record).expect("create");
    }
    assert_eq!(store.sweep(now()).expect("sweep"), 0);
    // Once more is as good as once.
    for round in 0..4 {
        store.sweep(later).expect("sweep");
        for (id, record) in &in_use {
            let found = store.load(id, later).expect("load");
            assert_eq!(found.as_ref(), Some(record), "sweep {round}");
        }
    }
    for (id, _) in &over {
        assert_eq!(store.load(id, later).expect("load"), None);
    }
    assert_eq!(shown(&*store, later), BTreeMap::from([(2, 50)]));
}

pub(super) fn for_each_shows_every_session_once(place: &dyn Place) {
    let store = place.open(LIFETIME);
    assert_eq!(shown(&*store, now()), BTreeMap::new());
    for n in 0..300 {
        stored(&*store, &format!(r#"{{"n":{n}}}"#));
    }
    let wanted: BTreeMap<i64, usize> = (0..300).map(|n| (n, 1)).collect();
    assert_eq!(shown(&*store, now()), wanted);
}

pub(super) fn for_each_removes_what_it_is_told_to(place: &dyn Place) {
    let store = place.open(LIFETIME);
    for n in 0..100 {
        stored(&*store, &format!(r#"{{"n":{n}}}"#));
    }
    let visit = &mut |record: &Record, _| match number(record) % 3 {
        0 => Visit::Delete,
        _ => Visit::Next,
    };
    store.for_each(now(), visit).expect("for_each");
    let left = shown(&*store, now());
    assert_eq!(left.len(), 66);
    assert!(left.keys().all(|n| n % 3 != 0), "{left:?}");
}

pub(super) fn for_each_stops_when_told_to(place: &dyn Place) {
    let store = place.open(LIFETIME);
    for n in 0..20 {
        stored(&*store, &format!(r#"{{"n":{n}}}"#));
    }
    let mut seen = 0;
    let visit = &mut |_: &Record, _| {
        seen += 1;
        match seen {
            5 => Visit::Stop,
            _ => Visit::Next,
        }
    };
    store.for_each(now(), visit).expect("for_each");
    assert_eq!(seen, 5);
}

pub(super) fn for_each_shows_nothing_that_is_over(place: &dyn Place) {
    let store = place.open(LIFETIME);
    let later = now() + LIFETIME + 60;
    stored(&*store, r#"{"n":1}"#);
    let in_use = record(later, r#"{"n":2}"#);
    store.create(&id(), &in_use).expect("create");
    assert_eq!(shown(&*store, later), BTreeMap::from([(2, 1)]));
}
