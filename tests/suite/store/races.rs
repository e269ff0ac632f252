//! What a store promises to many at once. Threads, each with a store of its
//! own, are to it what processes are: it holds nothing in memory.

use std::sync::Barrier;
use std::thread;

use signet::Value;
use signet::session::SessionId;
use signet::session::record::Record;
use signet::session::store::{Change, StoreError};

use super::Place;
use super::contract::{LIFETIME, id, load, number, record};
use crate::support::now;

const MANY: usize = 8;

/// Runs `each` in [`MANY`] threads that begin together.
fn at_once<T: Send>(each: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(MANY);
    let run = |number| {
        start.wait();
        each(number)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..MANY)
            .map(|number| scope.spawn(move || run(number)))
            .collect();
        let outcomes = threads.into_iter().map(|thread| thread.join());
        outcomes.map(|outcome| outcome.expect("no panic")).collect()
    })
}

/// A session that has just begun.
fn begun(place: &dyn Place, json: &str) -> SessionId {
    let id = id();
    let created = place.open(LIFETIME).create(&id, &record(now(), json));
    created.expect("create");
    id
}

fn counted(found: Record, key: &str) -> Change {
    let mut values = found.values;
    let count: i64 = values.get(key).map_or(0, |count| count.to().expect(key));
    values.insert(key.to_owned(), Value::from(count + 1));
    Change::Replace(Record { values, ..found })
}

pub(super) fn concurrent_updates_lose_nothing(place: &dyn Place) {
    const TIMES: i64 = 50;
    let id = begun(place, r#"{"n":0}"#);
    at_once(|number| {
        let store = place.open(LIFETIME);
        for _ in 0..TIMES {
            let mut change = |found| match counted(found, "n") {
                Change::Replace(found) => counted(found, &format!("own {number}")),
                Change::Delete => unreachable!("counting ends nothing"),
            };
            assert!(store.update(&id, now(), &mut change).expect("update"));
        }
    });
    let found = load(&*place.open(LIFETIME), &id).expect("still there");
    assert_eq!(number(&found), TIMES * MANY as i64);
    for number in 0..MANY {
        let own = &found.values[&format!("own {number}")];
        assert_eq!(own, &Value::from(TIMES), "{number}");
    }
}

pub(super) fn of_concurrent_creations_one_wins(place: &dyn Place) {
    for _ in 0..20 {
        let id = id();
        let outcomes = at_once(|number| {
            let mine = record(now(), &format!(r#"{{"n":{number}}}"#));
            place.open(LIFETIME).create(&id, &mine)
        });
        let winners: Vec<_> = (0..MANY).filter(|n| outcomes[*n].is_ok()).collect();
        for outcome in outcomes.iter().filter(|outcome| outcome.is_err()) {
            assert!(matches!(outcome, Err(StoreError::IdInUse)), "{outcome:?}");
        }
        let found = load(&*place.open(LIFETIME), &id).expect("created");
        assert_eq!(winners, [number(&found) as usize]);
    }
}

/// Two logins by the same anonymous session: no two of them go on with it.
pub(super) fn of_concurrent_renewals_one_wins(place: &dyn Place) {
    for _ in 0..20 {
        let old = begun(place, r#"{"n":0}"#);
        let renewed = at_once(|_| {
            let (new, store) = (id(), place.open(LIFETIME));
            let there = store.renew(&old, &new, now(), &mut |found| counted(found, "n"));
            (new, there.expect("renew"))
        });
        let store = place.open(LIFETIME);
        assert_eq!(load(&*store, &old), None);
        let won = renewed.iter().filter(|(_, there)| *there).count();
        assert_eq!(won, 1);
        for (new, there) in &renewed {
            let found = load(&*store, new).map(|found| number(&found));
            assert_eq!(found, there.then_some(1));
        }
    }
}

pub(super) fn of_concurrent_deletions_one_wins(place: &dyn Place) {
    for _ in 0..20 {
        let id = begun(place, r#"{"n":0}"#);
        let deleted = at_once(|_| place.open(LIFETIME).delete(&id).expect("delete"));
        assert_eq!(deleted.iter().filter(|there| **there).count(), 1);
    }
}

/// A logout races requests of the same session.
pub(super) fn no_update_outlives_a_deletion(place: &dyn Place) {
    for _ in 0..20 {
        let id = begun(place, r#"{"n":0}"#);
        at_once(|number| {
            let store = place.open(LIFETIME);
            if number == 0 {
                // Not before others are at it.
                while load(&*store, &id).is_some_and(|found| self::number(&found) < 5) {
                    thread::yield_now();
                }
                assert!(store.delete(&id).expect("delete"), "it was there");
                assert_eq!(load(&*store, &id), None, "right after its deletion");
            } else {
                let mut change = |found| counted(found, "n");
                while store.update(&id, now(), &mut change).expect("update") {}
            }
        });
        assert_eq!(load(&*place.open(LIFETIME), &id), None);
    }
}

/// Both halves of a record are of one write.
pub(super) fn readers_see_whole_records(place: &dyn Place) {
    const LAST: i64 = 200;
    let id = begun(place, r#"{"n":0,"text":""}"#);
    at_once(|number| {
        let store = place.open(LIFETIME);
        if number == 0 {
            for n in 1..=LAST {
                let text = "x".repeat(usize::try_from(n * 97 % 9000).expect("small"));
                let next = record(now(), &format!(r#"{{"n":{n},"text":"{text}"}}"#));
                let mut change = |_| Change::Replace(next.clone());
                assert!(store.update(&id, now(), &mut change).expect("update"));
            }
            return;
        }
        loop {
            let found = load(&*store, &id).expect("never absent");
            let n = self::number(&found);
            let text = found.values["text"].as_str().expect("a text");
            assert_eq!(text.len() as i64, n * 97 % 9000, "write {n}");
            if n == LAST {
                return;
            }
        }
    });
}

/// The sweeper comes by all the time, and has to look into each record: the
/// files are as old as its clock is ahead, the sessions are not.
pub(super) fn sweeping_takes_no_session_in_use(place: &dyn Place) {
    const STEPS: i64 = 50;
    let ahead = now() + LIFETIME;
    let ids: Vec<_> = (0..MANY / 2).map(|_| id()).collect();
    for id in &ids {
        let created = place
            .open(LIFETIME)
            .create(id, &record(ahead, r#"{"n":0}"#));
        created.expect("create");
    }
    at_once(|number| {
        let store = place.open(LIFETIME);
        let Some(id) = ids.get(number) else {
            for _ in 0..STEPS {
                store.sweep(ahead + LIFETIME).expect("sweep");
            }
            return;
        };
        for step in 0..STEPS {
            let mut change = |found| counted(found, "n");
            let there = store.update(id, ahead + LIFETIME, &mut change);
            assert!(there.expect("update"), "step {step}: swept while in use");
        }
    });
    let store = place.open(LIFETIME);
    for id in &ids {
        let found = store.load(id, ahead + LIFETIME).expect("load");
        assert_eq!(number(&found.expect("in use")), STEPS);
    }
}
