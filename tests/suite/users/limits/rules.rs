//! What is counted, and how long to wait.

use std::cell::Cell;
use std::time::Duration;

use signet::users::limits::{Attempt, Now};

use super::{Files, Place, address, at, attempt, numbered};

/// All of the waits behind the free failures, one after the other.
const WAITS: [u64; 13] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];

/// Fails until `free` failures were free, and on through all the waits.
fn goes_through_all_waits(
    place: &dyn Place,
    free: usize,
    next: &dyn Fn(usize) -> Attempt<'static>,
) {
    for number in 0..free {
        assert_eq!(place.fail(&next(number)), Ok(()), "{number} of {free}");
    }
    for (number, wait) in (free..).zip(WAITS) {
        let next = next(number);
        assert_eq!(place.fail(&next), Err(wait), "{number}: at once");
        // Trying meanwhile makes no wait longer, and a right password helps nobody.
        place.pass(wait - 1);
        assert_eq!(place.succeed(&next), Err(1), "{number}: a second too early");
        place.pass(1);
        assert_eq!(place.fail(&next), Ok(()), "{number}: in time");
    }
}

#[test]
fn five_failures_of_a_name_from_an_address_are_free() {
    let next = |_| attempt("ada", address("192.0.2.1"));
    goes_through_all_waits(&Files::new(), 5, &next);
}

#[test]
fn ten_failures_of_a_name_are_free() {
    let next = |number| attempt("ada", numbered(number as u32));
    goes_through_all_waits(&Files::new(), 10, &next);
    // Without an address only the name counts.
    let next = |_| Attempt {
        name: "ada",
        address: None,
        browser: None,
    };
    goes_through_all_waits(&Files::new(), 10, &next);
}

#[test]
fn thirty_failures_of_an_address_are_free() {
    let names: Vec<&'static str> = (0..60)
        .map(|number| &*format!("user{number}").leak())
        .collect();
    for address in ["192.0.2.1", "2001:db8:0:1::1"].map(address) {
        let next = |number: usize| attempt(names[number], address);
        goes_through_all_waits(&Files::new(), 30, &next);
    }
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let next = |number| {
        let text = format!("2001:db8:0:1:{number:x}::{number:x}");
        attempt("ada", address(&text))
    };
    goes_through_all_waits(&Files::new(), 5, &next);
}

/// Whoever is limited for one name or address is not for another.
#[test]
fn nobody_waits_because_of_others() {
    let files = Files::new();
    let at_limit = |name, address| {
        while files.fail(&attempt(name, address)).is_ok() {}
        attempt(name, address)
    };
    at_limit("ada", numbered(1));
    // The name has five failures, the address, too.
    assert_eq!(files.fail(&attempt("ada", numbered(2))), Ok(()));
    assert_eq!(files.fail(&attempt("bob", numbered(1))), Ok(()));
    // Names are compared byte for byte.
    for name in ["Ada", "ada ", "a\u{301}da"] {
        assert_eq!(files.fail(&attempt(name, numbered(1))), Ok(()), "{name:?}");
    }
    let long = "x".repeat(100_000);
    let long = at_limit(&long, numbered(3));
    assert_eq!(files.fail(&long), Err(1));
}

#[test]
fn a_login_takes_back_its_own_failures_only() {
    let files = Files::new();
    let (here, there) = (numbered(1), numbered(2));
    let ada = |address| attempt("ada", address);
    // An attacker: five failures, so that the name has five.
    for _ in 0..5 {
        assert_eq!(files.fail(&ada(there)), Ok(()));
    }
    // Ada: four failures and a login, again and again, at one moment.
    for round in 0..20 {
        for _ in 0..4 {
            assert_eq!(files.fail(&ada(here)), Ok(()), "{round}");
        }
        assert_eq!(files.succeed(&ada(here)), Ok(()), "{round}");
    }
    // The attacker waits as if nothing had been.
    assert_eq!(files.fail(&ada(there)), Err(1));
    // The name has five failures left.
    for number in 10..15 {
        assert_eq!(files.fail(&ada(numbered(number))), Ok(()), "{number}");
    }
    assert_eq!(files.fail(&ada(numbered(20))), Err(1));
}

/// Who has an account tries other names, and logs in now and then.
#[test]
fn a_login_does_not_clear_the_address() {
    let files = Files::new();
    let mallory = attempt("mallory", numbered(1));
    let names: Vec<String> = (0..31).map(|number| format!("user{number}")).collect();
    for name in &names[..30] {
        assert_eq!(files.succeed(&mallory), Ok(()), "{name}");
        let guess = attempt(name, numbered(1));
        assert_eq!(files.fail(&guess), Ok(()), "{name}");
    }
    assert_eq!(files.succeed(&mallory), Err(1));
    assert_eq!(files.fail(&attempt(&names[30], numbered(1))), Err(1));
    // His login, when it comes, makes nobody wait again at his address.
    files.pass(1);
    assert_eq!(files.succeed(&mallory), Ok(()));
    assert_eq!(files.fail(&attempt(&names[30], numbered(1))), Ok(()));
}

#[test]
fn a_cancelled_attempt_counts_nothing() {
    let files = Files::new();
    let ada = attempt("ada", numbered(1));
    for _ in 0..4 {
        assert_eq!(files.fail(&ada), Ok(()));
    }
    for _ in 0..50 {
        let admitted = files.limits.begin(&ada, files.now()).expect("admitted");
        admitted.cancel(files.now());
    }
    assert_eq!(files.fail(&ada), Ok(()));
    assert_eq!(files.fail(&ada), Err(1));
}

/// An attack on one name from everywhere.
#[test]
fn the_owner_logs_in_by_a_known_browser_meanwhile() {
    let files = Files::new();
    for number in 0..40 {
        while files.fail(&attempt("ada", numbered(number))).is_ok() {}
        files.pass(60);
    }
    let stranger = attempt("ada", numbered(1000));
    let known = Attempt {
        browser: Some(b"an id of a browser"),
        ..stranger.clone()
    };
    while files.fail(&stranger).is_ok() {}
    assert!(files.succeed(&stranger).is_err());
    assert_eq!(files.succeed(&known), Ok(()));
    // The browser has a limit of its own, which a login clears.
    for _ in 0..9 {
        assert_eq!(files.fail(&known), Ok(()));
    }
    assert_eq!(files.succeed(&known), Ok(()));
    goes_through_all_waits(&files, 10, &|_| Attempt {
        name: "ada",
        address: Some(numbered(1000)),
        browser: Some(b"an id of a browser"),
    });
    let other = Attempt {
        browser: Some(b"an id of another one"),
        ..stranger
    };
    assert_eq!(files.fail(&other), Ok(()));
}

#[test]
fn all_is_forgotten_after_a_day() {
    let files = Files::new();
    let ada = attempt("ada", numbered(1));
    let exhaust = || while files.fail(&ada).is_ok() {};
    exhaust();
    files.pass(86_399);
    // The wait is long over, and this is the sixth.
    assert_eq!(files.fail(&ada), Ok(()));
    assert_eq!(files.fail(&ada), Err(2));
    files.pass(86_400);
    for _ in 0..5 {
        assert_eq!(files.fail(&ada), Ok(()));
    }
    assert_eq!(files.fail(&ada), Err(1));
    // And removed from the disk: the header is left, and what is counted now.
    files.pass(86_400);
    assert_eq!(files.fail(&attempt("eve", numbered(9))), Ok(()));
    let page = 4096 / 512;
    assert!(files.disk() <= 3 * page, "{}", files.disk());
}

/// A second is a whole one, also if the next one begins meanwhile.
#[test]
fn parts_of_a_second_count() {
    let files = Files::new();
    let ada = attempt("ada", numbered(1));
    let at = |unix: u64, hundredths: u64| Now {
        unix: at(unix).unix,
        uptime: Duration::from_millis(10 * hundredths),
    };
    let begun = at(0, 190);
    for _ in 0..5 {
        assert!(files.limits.begin(&ada, begun).is_ok());
    }
    for (now, wait) in [
        (begun, Some(1)),
        (at(1, 201), Some(1)),
        (at(1, 289), Some(1)),
        (at(1, 290), None),
        (at(2, 300), Some(2)),
        (at(2, 391), Some(1)),
        (at(3, 490), None),
    ] {
        let outcome = files.limits.begin(&ada, now);
        assert_eq!(outcome.err().map(|wait| wait.seconds), wait, "{now:?}");
    }
}

/// A clock may be set while the machine runs, and the machine may start anew.
#[test]
fn steps_of_the_clock_free_nobody_and_lock_nobody_out() {
    struct Stepped(Files, Cell<Now>);
    impl Place for Stepped {
        fn limits(&self) -> &signet::users::limits::Limits {
            &self.0.limits
        }
        fn now(&self) -> Now {
            self.1.get()
        }
        fn pass(&self, seconds: u64) {
            let now = self.1.get();
            self.1.set(Now {
                unix: now.unix + seconds,
                uptime: now.uptime + Duration::from_secs(seconds),
            });
        }
    }
    let day = 86_400;
    let (unix, uptime) = (at(0).unix, at(0).uptime.as_secs());
    #[rustfmt::skip]
    let cases = [
        // step                                 unix                uptime   wait then
        ("none",                                unix,               uptime,  512),
        ("a day ahead",                         unix + day,         uptime,  512),
        ("to 2106",                             4_294_967_296,      uptime,  512),
        ("a day back",                          unix - day,         uptime,  512),
        ("to 1970",                             0,                  uptime,  512),
        ("a start anew after a minute",         unix + 60,          10,      452),
        ("a start anew, with a clock behind",   unix - day,         10,      512),
        ("a start anew, without a clock",       0,                  10,      512),
    ];
    for (name, unix, uptime, wait) in cases {
        let place = Stepped(Files::new(), Cell::new(at(0)));
        let ada = attempt("ada", numbered(1));
        for _ in 0..14 {
            while let Err(wait) = place.fail(&ada) {
                place.pass(wait);
            }
        }
        let passed = place.now().unix - at(0).unix;
        place.1.set(Now {
            unix: unix + passed,
            uptime: Duration::from_secs(uptime + passed),
        });
        assert_eq!(place.fail(&ada), Err(wait), "{name}");
        place.pass(wait - 1);
        assert_eq!(place.fail(&ada), Err(1), "{name}");
        place.pass(1);
        assert_eq!(place.fail(&ada), Ok(()), "{name}");
        assert_eq!(place.fail(&ada), Err(900), "{name}");
    }
}
