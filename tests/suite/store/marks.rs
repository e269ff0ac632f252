//! Revocation marks: what every place for them promises.

use std::sync::Barrier;
use std::thread;

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use signet::session::Moment;
use signet::session::revocation::{
    EndError, Ended, MAX_INVENTED, RevocationFiles, Revocations, Users,
};

use super::site::NOW;
use crate::support::StateDir;

/// Seconds that sessions live in these tests. Marks are kept three minutes
/// longer, as clocks may differ by one.
pub(super) const LIFETIME: u64 = 600;
const KEPT: u64 = LIFETIME + 180;

/// Where marks are kept.
pub(super) trait Place: Sync {
    /// The marks there, as another process opens them.
    fn open(&self) -> Box<dyn Revocations>;

    /// Puts `bytes` in the place of this user's mark, or of everybody's.
    fn damage(&self, user: Option<&str>, bytes: &[u8]);

    /// Counts `count` more invented names as marked, until `until`.
    fn fill(&self, count: u64, until: u64);
}

/// SHA-256 in hex digits.
pub(super) fn hash(user: &str) -> String {
    let hash = Sha256::digest(user);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder for [`RevocationFiles`].
pub(super) struct Folder(pub(super) StateDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(StateDir::new())
    }
}

impl Place for Folder {
    fn open(&self) -> Box<dyn Revocations> {
        let dir = self.0.path().join("ended");
        let files = RevocationFiles::new(&dir, geteuid().as_raw(), LIFETIME);
        Box::new(files.expect("a trusted path"))
    }

    fn damage(&self, user: Option<&str>, bytes: &[u8]) {
        let name = user.map_or_else(|| "all".to_owned(), hash);
        self.0.write(&format!("ended/{name}"), bytes, 0o600);
    }

    fn fill(&self, count: u64, until: u64) {
        let lines: String = (0..count).map(|n| format!("{n:064x}\n")).collect();
        let last = until - KEPT;
        let name = format!("ended/lists/invented-{last}-{last}");
        self.0.write(&name, lines, 0o600);
    }
}

#[track_caller]
fn begin(marks: &dyn Revocations, user: Option<&str>, now: u64) -> Moment {
    marks.begin(user, now).expect("begin")
}

#[track_caller]
fn ended(marks: &dyn Revocations, user: Option<&str>, now: u64) -> Ended {
    marks.ended(user, now).expect("ended")
}

#[track_caller]
fn is_over_at(marks: &dyn Revocations, user: Option<&str>, began: Moment, now: u64) -> bool {
    ended(marks, user, now).covers(began, now)
}

/// Whether it is over when it begins, by the clock that it began by.
#[track_caller]
fn is_over(marks: &dyn Revocations, user: Option<&str>, began: Moment) -> bool {
    is_over_at(marks, user, began, began.second())
}

const ADA: Option<&str> = Some("ada");
const BOB: Option<&str> = Some("bob");

/// The clock stands still, goes on or goes back; a session that begins after a
/// mark is later, and one that began before is over.
pub(super) fn a_mark_ends_what_began_before_it_and_nothing_else(place: &dyn Place) {
    let marks = place.open();
    assert_eq!(ended(&*marks, ADA, NOW), Ended::Never);
    let others = [begin(&*marks, BOB, NOW), begin(&*marks, None, NOW)];
    let mut before = Vec::new();
    for now in [
        NOW,
        NOW,
        NOW,
        NOW + 1,
        NOW + 1,
        NOW - 3600,
        NOW - 3600,
        NOW + 5,
    ] {
        let began = begin(&*marks, ADA, now);
        assert!(!is_over_at(&*marks, ADA, began, now), "{now}: as it begins");
        before.push(began);
        marks.end(Users::Known("ada"), None, now).expect("end");
        for began in &before {
            assert!(is_over_at(&*marks, ADA, *began, now), "{now}: {began}");
        }
    }
    assert!(!is_over(&*marks, BOB, others[0]));
    assert!(!is_over(&*marks, None, others[1]));
}

/// A session dates its own beginning: what it asks for ends it, too.
pub(super) fn a_mark_ends_the_session_that_asks_for_it(place: &dyn Place) {
    let marks = place.open();
    let began = Moment::from(NOW + 40);
    marks
        .end(Users::Invented("ada"), Some(began), NOW)
        .expect("end");
    assert!(is_over(&*marks, ADA, began));
    assert!(begin(&*marks, ADA, NOW) > began);
}

pub(super) fn everybodys_mark_ends_all_that_began_before_it(place: &dyn Place) {
    let marks = place.open();
    for round in 0..3 {
        // Ada's marks of this second have gone on, and Bob has none.
        let mut began = Vec::new();
        for _ in 0..5 {
            began.push((ADA, begin(&*marks, ADA, NOW)));
            marks.end(Users::Known("ada"), None, NOW).expect("end");
        }
        for user in [ADA, BOB, None] {
            began.push((user, begin(&*marks, user, NOW)));
        }
        marks.end(Users::All, None, NOW).expect("end all");
        for (user, began) in began {
            assert!(is_over(&*marks, user, began), "{round}: {user:?} {began}");
        }
        for user in [ADA, BOB, None] {
            let began = begin(&*marks, user, NOW);
            assert!(!is_over(&*marks, user, began), "{round}: {user:?}");
        }
        // A mark that no session asks for is later than everybody's.
        let began = begin(&*marks, BOB, NOW);
        marks.end(Users::Known("bob"), None, NOW).expect("end");
        assert!(is_over(&*marks, BOB, began), "{round}");
    }
}

/// However often a user logs in and out everywhere, the sessions are dated by
/// the clock.
pub(super) fn no_date_is_ahead_of_the_clock(place: &dyn Place) {
    let marks = place.open();
    for round in 0..50 {
        let began = begin(&*marks, ADA, NOW);
        assert_eq!(began.second(), NOW, "{round}");
        let whose = match round % 5 {
            0 => Users::All,
            _ => Users::Invented("ada"),
        };
        marks.end(whose, Some(began), NOW).expect("end");
    }
}

/// Some of these are by a clock that is behind, or took long.
pub(super) fn of_concurrent_marks_the_latest_counts(place: &dyn Place) {
    const MANY: u64 = 8;
    for round in 0..5 {
        let user = format!("user {round}");
        let start = Barrier::new(MANY as usize);
        thread::scope(|scope| {
            for ahead in 0..MANY {
                let (user, start) = (&user, &start);
                scope.spawn(move || {
                    let marks = place.open();
                    start.wait();
                    let now = NOW + 10 * ahead;
                    marks.end(Users::Known(user), None, now).expect("end");
                    let ended = ended(&*marks, Some(user), now);
                    assert!(ended.covers(now.into(), now), "{now}: {ended:?}");
                });
            }
        });
        let latest = Moment::from(NOW + 10 * (MANY - 1));
        assert!(is_over(&*place.open(), Some(&user), latest), "{round}");
    }
}

/// What a power failure leaves, and what was never a mark. Neither does a
/// session live on, nor is anybody kept from logging in.
pub(super) fn a_damaged_mark_ends_sessions_until_it_is_written_anew(place: &dyn Place) {
    #[rustfmt::skip]
    let rows: [(&str, &[u8]); 7] = [
        ("empty",           b""),
        ("NULs",            &[0; 18]),
        ("NULs at the end", b"18000\0\0\0\0\0\0"),
        ("cut short",       b"18000000"),
        ("a word",          b"x\n"),
        ("two lines",       b"1800000000\n1800000000\n"),
        ("too much",        &[b'1'; 100_000]),
    ];
    for (name, bytes) in rows {
        for damaged in [ADA, None] {
            let case = format!("{name} of {damaged:?}");
            let marks = place.open();
            let other = begin(&*marks, BOB, NOW);
            let before = begin(&*marks, ADA, NOW + 2);
            place.damage(damaged, bytes);
            assert!(is_over(&*marks, ADA, before), "{case}");
            assert_eq!(is_over(&*marks, BOB, other), damaged.is_none(), "{case}");

            let began = begin(&*marks, ADA, NOW + 5);
            assert!(began.second() <= NOW + 66, "{case}: {began}");
            let again = begin(&*marks, ADA, NOW + 5);
            assert_eq!(again, began, "{case}: the one before lives on");
            assert!(!is_over(&*marks, ADA, began), "{case}");
            assert!(is_over(&*marks, ADA, before), "{case}");

            place.damage(damaged, bytes);
            let whose = damaged.map_or(Users::All, Users::Known);
            marks.end(whose, None, NOW + 6).expect("write over it");
            assert!(is_over(&*marks, ADA, began), "{case}");
            let began = begin(&*marks, ADA, NOW + 6);
            assert!(!is_over(&*marks, ADA, began), "{case}");
            // Then the next row begins with no mark of this second.
            place.damage(damaged, format!("{}\n", NOW - 1).as_bytes());
        }
    }
}

/// Of the mark that was damaged nobody knows which of this second's it was. What
/// began before it, what begins after it and what ends all that belong to the
/// same second.
pub(super) fn everybodys_mark_covers_what_began_after_a_damaged_one(place: &dyn Place) {
    let marks = place.open();
    for (round, damaged) in [ADA, None, ADA, None].into_iter().enumerate() {
        let now = NOW + 1000 * round as u64;
        let mut began = Vec::new();
        for step in 0..4 {
            for _ in 0..5 {
                began.push(begin(&*marks, ADA, now));
                marks.end(Users::Known("ada"), None, now).expect("end");
            }
            let last = begin(&*marks, ADA, now);
            assert!(!is_over(&*marks, ADA, last), "{damaged:?} {step}");
            began.push(last);
            if step == 1 {
                place.damage(damaged, b"");
                continue;
            }
            marks.end(Users::All, None, now).expect("end all");
            for began in &began {
                let case = format!("{damaged:?} {step}: {began}");
                assert!(is_over_at(&*marks, ADA, *began, now), "{case}");
            }
        }
    }
}

/// It was set while the clock was wrong, or the clock is wrong now. Nobody is
/// kept from logging in, and what it ended stays so when the clock is right.
pub(super) fn a_mark_far_ahead_of_the_clock_counts_when_its_time_comes(place: &dyn Place) {
    const HOUR: u64 = 3600;
    let marks = place.open();
    let old = begin(&*marks, ADA, NOW);
    for whose in [Users::Known("ada"), Users::All] {
        marks.end(whose, None, NOW + HOUR).expect("end");
        assert!(is_over_at(&*marks, ADA, old, NOW), "{whose:?}");
        let new = begin(&*marks, ADA, NOW);
        assert!(new.second() <= NOW + 61, "{whose:?}: {new}");
        assert!(!is_over_at(&*marks, ADA, new, NOW), "{whose:?}");
        assert!(is_over_at(&*marks, ADA, old, NOW), "{whose:?}");
        let ahead = Moment::from(NOW + HOUR - 1);
        for then in [NOW, NOW + HOUR - 1, NOW + HOUR, NOW + 2 * HOUR] {
            assert!(is_over_at(&*marks, ADA, ahead, then), "{whose:?} {then}");
        }
        marks.end(Users::All, None, NOW).expect("end all");
        assert!(is_over_at(&*marks, ADA, new, NOW), "{whose:?}");
        let again = begin(&*marks, ADA, NOW);
        assert!(!is_over_at(&*marks, ADA, again, NOW), "{whose:?}");
        assert!(is_over_at(&*marks, ADA, ahead, NOW + HOUR), "{whose:?}");
    }
}

#[track_caller]
fn is_refused(outcome: Result<(), EndError>) -> bool {
    match outcome {
        Ok(()) => false,
        Err(EndError::TooMany) => true,
        Err(EndError::Store(err)) => panic!("{err}"),
    }
}

/// Nobody who is marked already, and nothing that the owner does, is held
/// against the limit.
pub(super) fn marks_of_invented_names_have_a_limit(place: &dyn Place) {
    let marks = place.open();
    let invent = |name: &str, now: u64| is_refused(marks.end(Users::Invented(name), None, now));
    place.fill(MAX_INVENTED - 2, NOW + KEPT);
    assert!(!invent("ada", NOW), "one more");
    assert!(!invent("bob", NOW), "the last");
    assert!(invent("eve", NOW), "one too many");
    let eve = begin(&*marks, Some("eve"), NOW);
    assert!(!is_over(&*marks, Some("eve"), eve), "nothing was ended");
    for now in [NOW, NOW + 300, NOW + KEPT - 1] {
        assert!(!invent("ada", now), "{now}: she has one");
        assert!(is_over(&*marks, ADA, now.into()), "{now}");
    }
    marks
        .end(Users::Known("eve"), None, NOW)
        .expect("the owner's");
    assert!(is_over(&*marks, Some("eve"), eve));
    assert!(!invent("eve", NOW + 1), "now she has one");
    marks.end(Users::All, None, NOW + 2).expect("all");
    assert!(is_over(&*marks, Some("mallory"), Moment::from(NOW + 2)));
    assert!(invent("mallory", NOW + 2));
    // Those that were there at first have expired, and ada's has not.
    assert!(!invent("mallory", NOW + KEPT + 1));
}

/// Of the visitors who click at the same time by the clocks of `clock`, how
/// many got a mark.
fn marked(place: &dyn Place, clock: fn(u64) -> u64) -> u64 {
    const MANY: u64 = 16;
    let start = Barrier::new(MANY as usize);
    let click = |number: u64| {
        let marks = place.open();
        let name = format!("user {number}");
        start.wait();
        !is_refused(marks.end(Users::Invented(&name), None, clock(number)))
    };
    thread::scope(|scope| {
        let click = &click;
        let threads: Vec<_> = (0..MANY)
            .map(|number| scope.spawn(move || click(number)))
            .collect();
        let outcomes = threads.into_iter().map(|thread| thread.join());
        outcomes
            .map(|outcome| u64::from(outcome.expect("a thread")))
            .sum()
    })
}

pub(super) fn the_limit_holds_at_one_second(place: &dyn Place) {
    place.fill(MAX_INVENTED - 5, NOW + KEPT);
    assert_eq!(marked(place, |_| NOW), 5);
}

/// The marks expire at different times, so that they are counted in different
/// lists. Between lists there is no order: visitors who click at the same time may
/// all be refused, but no more of them succeed than there is room for.
pub(super) fn the_limit_holds_at_different_seconds(place: &dyn Place) {
    place.fill(MAX_INVENTED - 5, NOW + KEPT);
    let marked = marked(place, |number| NOW + 97 * (number % 3));
    assert!(marked <= 5, "{marked} marks in the room of 5");
}
