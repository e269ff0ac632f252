//! Limits on failed logins, as the page, its header fields and the log show them. The
//! numbers are those of `users/limits`.

use std::thread;
use std::time::{Duration, Instant};

use signet::testing::{Client, Response};

use super::{
    ADA, BOB, NOW, PASSWORD, REFUSED, WRONG, attempt, browser, post_from, server, state_of, user,
};
use crate::support::Cgi;
use crate::support::html::words;

/// Fails from this address; whether the attempt was admitted.
#[track_caller]
fn fails(client: &mut Client<'_>, address: &str, name: &str) -> bool {
    let fields = [("username", name), ("password", WRONG)];
    let response = post_from(client, address, &fields);
    match response.status.as_u16() {
        403 => true,
        429 => false,
        _ => panic!("{}: {}", response.status, response.log),
    }
}

/// How many failures in a row are admitted, of at most 40.
fn free_failures(client: &mut Client<'_>, next: impl Fn(usize) -> (String, String)) -> usize {
    (0..40)
        .take_while(|number| {
            let (address, name) = next(*number);
            fails(client, &address, &name)
        })
        .count()
}

/// The page of an attempt that has to wait: its seconds.
#[track_caller]
fn assert_limited(response: &Response, who: &str, words_of_time: &str) -> u64 {
    let text = response.text();
    assert_eq!(response.status, 429, "{text}");
    let after = response.header("Retry-After").expect("Retry-After");
    let wanted = format!("Too many attempts to log in. Please try again in {words_of_time}.");
    assert!(words(&text).contains(&wanted), "{text}");
    // Nothing else: no password was verified.
    assert_eq!(
        response.log,
        format!("signet: login limited for {after} s{who}\n")
    );
    assert_eq!(response.headers.get("set-cookie"), None);
    after.parse().expect("seconds")
}

#[test]
fn five_failures_of_a_name_from_an_address_are_free() {
    let (server, state) = (server(), state_of(&format!("{ADA}{REFUSED}")));
    // Known, invented, and with a refused hash.
    for (name, who) in [
        ("ada", ": \"ada\" from 192.0.2.1"),
        ("nobody", " from 192.0.2.1"),
        ("sha", ": \"sha\" from 192.0.2.1"),
    ] {
        let mut browser = browser(&server, &state);
        let free = free_failures(&mut browser, |_| ("192.0.2.1".to_owned(), name.to_owned()));
        assert_eq!(free, 5, "{name}");
        let response = attempt(&mut browser, name, PASSWORD);
        assert_eq!(assert_limited(&response, who, "a second"), 1, "{name}");
        let text = response.text();
        assert!(text.contains(&format!("value=\"{name}\"")), "{text}");
        assert!(!text.contains(PASSWORD), "{text}");
        assert_eq!(user(&mut browser), None, "{name}");
    }
}

#[test]
fn ten_failures_of_a_name_are_free() {
    let (server, state) = (server(), state_of(ADA));
    let mut browser = browser(&server, &state);
    for name in ["ada", "nobody"] {
        let free = free_failures(&mut browser, |number| {
            (format!("192.0.2.{}", number / 4), name.to_owned())
        });
        assert_eq!(free, 10, "{name}");
    }
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let response = post_from(&mut browser, "198.51.100.1", &fields);
    assert_limited(&response, ": \"ada\" from 198.51.100.1", "a second");
}

#[test]
fn thirty_failures_of_an_address_are_free() {
    let (server, state) = (server(), state_of(&format!("{ADA}{BOB}")));
    let mut browser = browser(&server, &state);
    let free = free_failures(&mut browser, |number| {
        ("192.0.2.1".to_owned(), format!("name {number}"))
    });
    assert_eq!(free, 30);
    let response = attempt(&mut browser, "ada", PASSWORD);
    assert_limited(&response, ": \"ada\" from 192.0.2.1", "a second");
    // A network of one IPv6 customer counts as an address.
    let free = free_failures(&mut browser, |number| {
        (format!("2001:db8::{number}"), format!("other {number}"))
    });
    assert_eq!(free, 30);
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let response = post_from(&mut browser, "2001:db8::ffff:1", &fields);
    assert_limited(&response, ": \"ada\" from 2001:db8::ffff:1", "a second");
    assert_eq!(
        post_from(&mut browser, "2001:db8:0:1::1", &fields).status,
        303
    );
}

/// Waits until an attempt is admitted. The wall clock alone ends no wait, so this lasts
/// as long as the wait.
fn admitted(client: &mut Client<'_>, password: &str) -> (Response, Duration) {
    let began = Instant::now();
    loop {
        let response = attempt(client, "ada", password);
        if response.status != 429 {
            return (response, began.elapsed());
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{}",
            response.log
        );
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn waits_double_and_end_with_a_login() {
    let (server, state) = (server(), state_of(ADA));
    let [mut browser, mut stranger] = [(); 2].map(|()| browser(&server, &state));
    stranger.set_now(NOW + 2000);
    let fails = |browser: &mut Client<'_>| {
        free_failures(browser, |_| ("192.0.2.1".to_owned(), "ada".to_owned()))
    };
    assert_eq!(fails(&mut browser), 5);
    browser.set_now(NOW + 1000);
    assert_eq!(
        attempt(&mut browser, "ada", PASSWORD).status,
        429,
        "the clock was set"
    );
    let (response, _) = admitted(&mut browser, WRONG);
    assert_eq!(response.status, 403);
    browser.set_now(NOW + 2000);
    let response = attempt(&mut browser, "ada", WRONG);
    assert_limited(&response, ": \"ada\" from 192.0.2.1", "2 seconds");
    let (response, waited) = admitted(&mut browser, PASSWORD);
    assert_eq!(response.status, 303, "{}", response.log);
    assert!(waited > Duration::from_secs(1), "{waited:?}");
    // A login takes back the failures of this name from this address.
    assert_eq!(fails(&mut stranger), 5);
    // The browser is known by now, and has a limit of its own.
    assert_eq!(fails(&mut browser), 10);
}

/// Without an address, only the name counts.
#[test]
fn an_unknown_address_is_said_and_not_counted() {
    let (server, state) = (server(), state_of(ADA));
    let mut browser = browser(&server, &state);
    let fields = [("username", "ada"), ("password", WRONG)];
    for _ in 0..10 {
        let response = browser.post("/login", &fields);
        assert_eq!(response.status, 403);
        let lines: Vec<&str> = response.log.lines().collect();
        let [reason, failed] = lines[..] else {
            panic!("{}", response.log)
        };
        assert!(
            reason.starts_with("signet: failed logins are not counted by address: "),
            "{reason}"
        );
        assert_eq!(failed, "signet: failed login of \"ada\" from unknown");
    }
    assert_eq!(browser.post("/login", &fields).status, 429);
}

/// An attempt whose decoys need more memory than there is fails with 503, which tells that
/// the password is wrong: so it counts.
#[test]
fn attempts_without_enough_memory_are_counted() {
    /// `argon2 saltsalt -id -m 16 -t 1 -p 1 -e`, of 64 MiB.
    const EVE: &str = "eve:$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHQ$\
        QZzZ3pXbyKTLtyx0xFbHnGkGE5vYQUzUf2W9dPQNUKE\n";
    let state = state_of(&format!("{ADA}{EVE}"));
    let form = format!("username=ada&password={WRONG}");
    let statuses: Vec<u16> = (0..6)
        .map(|_| {
            let request = Cgi::post("/login", &form).var("REMOTE_ADDR", "192.0.2.1");
            let response = request
                .state(&state)
                .address_space(60 << 20)
                .run()
                .response();
            response.status
        })
        .collect();
    assert_eq!(statuses, [503, 503, 503, 503, 503, 429]);
}
