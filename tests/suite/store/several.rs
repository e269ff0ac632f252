//! Several cookies of the name in one request, as a browser sends them for two
//! mounts or after the path was changed.

use std::time::Instant;

use super::overflow::noise;
use super::site::{NOW, Site, Visitor};
use crate::support::token::{Signer, encode};

type Settings = &'static [(&'static str, &'static str)];

const FILES: Settings = &[("SESSION_TYPE", "filesystem")];
const COOKIE: Settings = &[("SESSION_TYPE", "cookie")];
const OVERFLOW: Settings = &[("SESSION_OVERFLOW", "filesystem")];

/// A visitor who sends the cookies of all of these.
fn together<'s>(site: &'s Site, visitors: &[&Visitor<'s>]) -> Visitor<'s> {
    let cookies = visitors.iter().map(|visitor| visitor.cookie.as_deref());
    let cookies: Option<Vec<&str>> = cookies.collect();
    let mut visitor = site.visitor();
    visitor.cookie = Some(cookies.expect("a cookie of each").join("; session="));
    visitor
}

/// What a visitor is known by, without using the session.
fn known(visitor: &Visitor<'_>) -> Option<String> {
    visitor.clone().visit(NOW, |session| {
        session
            .get("username")
            .and_then(|name| name.as_str().map(str::to_owned))
    })
}

type End = (&'static str, fn(&mut Visitor<'_>));

const ENDS: [End; 6] = [
    ("logout", |visitor| visitor.log_out(NOW)),
    ("logout by GET", |visitor| {
        assert_eq!(visitor.get(NOW, "/logout").status, 303);
    }),
    ("clear", |visitor| {
        visitor.visit(NOW, |session| session.clear())
    }),
    ("renew", |visitor| {
        visitor.visit(NOW, |session| session.renew())
    }),
    ("login again", |visitor| visitor.log_in(NOW, "ada")),
    ("login of another", |visitor| visitor.log_in(NOW, "eve")),
];

#[test]
fn whatever_ends_a_session_ends_every_one_that_the_request_proved() {
    for kind in [FILES, OVERFLOW] {
        for (name, end) in ENDS {
            // Two copies of one content, and two that disagree.
            for other in ["ada", "bob"] {
                let case = format!("{kind:?}: {name}, with a session of {other}");
                let site = Site::new(kind);
                let [mut first, mut second, mut third] = [(); 3].map(|()| site.visitor());
                first.log_in(NOW, "ada");
                second.log_in(NOW, other);
                third.log_in(NOW, "ada");
                if kind == OVERFLOW {
                    for visitor in [&mut first, &mut second, &mut third] {
                        visitor.visit(NOW, |session| session.insert("text", noise(9000)));
                    }
                }
                let mut both = together(&site, &[&first, &second]);
                end(&mut both);
                assert_eq!(known(&first), None, "{case}: the first");
                assert_eq!(known(&second), None, "{case}: the second");
                assert_eq!(known(&third).as_deref(), Some("ada"), "{case}: the third");
                if name.starts_with("logout") && kind == FILES {
                    assert_eq!(both.cookie, None, "{case}: the cookie is deleted");
                    assert_eq!(site.records().len(), 1, "{case}");
                }
                if name.starts_with("login") {
                    assert!(known(&both).is_some(), "{case}: not logged in");
                }
            }
        }
    }
}

/// Looking at a page ends nothing, be it ambiguous or not.
#[test]
fn other_requests_end_no_session() {
    let site = Site::new(FILES);
    let [mut ada, mut bob] = [(); 2].map(|()| site.visitor());
    ada.log_in(NOW, "ada");
    bob.log_in(NOW, "bob");
    let mut both = together(&site, &[&ada, &bob]);
    assert_eq!(both.user(NOW), None, "ambiguous");
    assert_eq!(both.get(NOW, "/login").status, 200);
    both.visit(NOW, |session| drop(session.insert("cart", 1)));
    assert_eq!(known(&ada).as_deref(), Some("ada"));
    assert_eq!(known(&bob).as_deref(), Some("bob"));
}

/// Only sessions that are valid can disagree.
#[test]
fn expired_and_ended_sessions_are_no_candidates() {
    for kind in [FILES, COOKIE, OVERFLOW] {
        let site = Site::new(kind).with(&[
            ("PERMANENT_SESSION_LIFETIME", "600"),
            ("SESSION_ABSOLUTE_LIFETIME", "900"),
        ]);
        let start = NOW - 1000;
        let visitors = [(); 6].map(|()| site.visitor());
        let [mut idle, mut old, mut ended, mut bob, mut desk, mut now] = visitors;
        old.log_in(start, "old");
        // Used all the time.
        for second in [start + 300, start + 600, start + 900] {
            if second == start + 300 {
                idle.log_in(NOW - 700, "idle");
            }
            old.visit(second, |session| session.insert("seen", second as i64));
        }
        for (visitor, user, second) in [
            (&mut ended, "ada", NOW - 10),
            (&mut bob, "bob", NOW - 10),
            (&mut desk, "ada", NOW - 5),
        ] {
            visitor.log_in(second, user);
            visitor.visit(second, |session| session.insert("since", second as i64));
        }
        let mut again = bob.clone();
        desk.log_out_everywhere(NOW);
        again.log_out_everywhere(NOW);
        now.log_in(NOW, "ada");
        for (name, other) in [
            ("idle", &idle),
            ("too old", &old),
            ("ended", &ended),
            ("another's, ended", &bob),
        ] {
            assert_eq!(known(other), None, "{kind:?}: {name}");
            for visitors in [[&now, other], [other, &now]] {
                let mut both = together(&site, &visitors);
                assert_eq!(both.user(NOW).as_deref(), Some("ada"), "{kind:?}: {name}");
            }
        }
    }
}

/// A request in which a site's own cookie is one of many.
fn among(others: &[String], site: &Site) -> Option<String> {
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let cookies = others.iter().chain(&ada.cookie);
    let cookies: Vec<&str> = cookies.map(String::as_str).collect();
    ada.cookie = Some(cookies.join("; session="));
    known(&ada)
}

/// Eight that could be a session's are looked at, whatever else there is.
#[test]
fn more_cookies_than_are_worth_their_cost_mean_no_session() {
    let token = |number: usize| {
        let json = format!(r#"{{"n":{number}}}"#);
        Signer::with_key("a key of another site, or none").token(json, NOW)
    };
    let id = |number: usize| encode([u8::try_from(number).expect("few"); 32]);
    let junk = |number: usize| format!("junk.{number}.x");
    type Invent<'f> = &'f dyn Fn(usize) -> String;
    #[rustfmt::skip]
    let cases: [(&str, Settings, Invent<'_>, usize, bool); 9] = [
        ("seven tokens",            COOKIE,   &token, 7,   true),
        ("eight tokens",            COOKIE,   &token, 8,   false),
        ("many copies of one",      COOKIE,   &|_| token(0), 500, true),
        ("many without their shape", COOKIE,  &junk,  500, true),
        ("ids where there is no store", COOKIE, &id,  100, true),
        ("seven ids",               FILES,    &id,    7,   true),
        ("eight ids",               FILES,    &id,    8,   false),
        ("tokens where there is a store", FILES, &token, 500, true),
        ("ids and tokens",          OVERFLOW, &|n| if n % 2 == 0 { id(n) } else { token(n) }, 8, false),
    ];
    for (name, kind, invent, count, counts) in cases {
        let others: Vec<String> = (0..count).map(invent).collect();
        let user = among(&others, &Site::new(kind));
        assert_eq!(user.is_some(), counts, "{name}");
    }
}

#[test]
fn long_cookies_are_limited_by_their_length_together() {
    let token = |length: usize| {
        let json = format!(r#"{{"text":"{}"}}"#, noise(length));
        Signer::with_key("a key of another site, or none").token(json, NOW)
    };
    #[rustfmt::skip]
    let cases: [(&str, Settings, &[usize], bool); 5] = [
        ("a long one",              COOKIE, &[6000],        true),
        ("a longer one is ignored", COOKIE, &[20_000],      true),
        ("two long ones",           COOKIE, &[6200, 6201],  false),
        ("without a limit",         &[("MAX_COOKIE_SIZE", "0")], &[6200, 6201], true),
        ("one beyond all limits",   &[("MAX_COOKIE_SIZE", "0")], &[70_000],     true),
    ];
    for (name, kind, lengths, counts) in cases {
        let others: Vec<String> = lengths.iter().map(|length| token(*length)).collect();
        let user = among(&others, &Site::new(kind));
        assert_eq!(user.is_some(), counts, "{name}");
    }
}

/// 140 cookies of 8 KB, and 20 keys that any of them could be signed by.
#[test]
fn many_long_cookies_and_many_keys_cost_little() {
    let keys: Vec<String> = (0..20).map(|n| format!("an old key, number {n}")).collect();
    let keys = serde_json::to_string(&keys).expect("JSON");
    let site = Site::new(&[("SECRET_KEY_FALLBACKS", &keys)]);
    let other = Signer::with_key("a key of another site, or none");
    let shaped = |number: usize| other.sign(&noise(8000 + number), &[1]);
    // As long, but with a signature that is too long to be one.
    let junk = |number: usize| format!("{}x", shaped(number));
    let took = |invent: &dyn Fn(usize) -> String| {
        let mut visitor = site.visitor();
        let cookies: Vec<String> = (0..140).map(invent).collect();
        visitor.cookie = Some(cookies.join("; session="));
        let request = |_| {
            let begun = Instant::now();
            assert_eq!(known(&visitor), None);
            begun.elapsed()
        };
        (0..5).map(request).min().expect("one")
    };
    let (junk, shaped) = (took(&junk), took(&shaped));
    // A megabyte has to be looked through, but not signed twenty times, which
    // takes more than a hundred times as long.
    assert!(shaped < 20 * junk, "{shaped:?}, and {junk:?} of junk");
}
