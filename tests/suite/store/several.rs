//! Several cookies of the name in one request, as a browser sends them for two
//! mounts or after the path was changed.

use std::time::Instant;

use super::overflow::noise;
use super::site::{NOW, Site, Visitor};
use crate::support::jar::Jar;
use crate::support::response::{Response, SetCookie};
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

/// A browser with cookies of the session's name, each by its path, and the
/// request that it sends.
struct Browser<'s> {
    jar: Jar,
    visitor: Visitor<'s>,
}

impl Browser<'_> {
    /// It got this value for this path: from the site itself by other settings.
    fn keep(&mut self, path: &str, value: Option<&String>) {
        let value = value.expect("a cookie");
        let line = format!("session={value}; Path={path}");
        self.jar
            .store("/", &[SetCookie::parse(&line).expect("a cookie")]);
    }

    fn send(&mut self, request: impl FnOnce(&mut Visitor<'_>) -> Response) -> Response {
        let header = self.jar.header("/app/login", true);
        self.visitor.cookie = header.map(|header| header["session=".len()..].to_owned());
        let response = request(&mut self.visitor);
        self.jar.store("/app/login", &response.cookies());
        response
    }
}

/// A signed cookie that the browser keeps would be as good as before.
#[test]
fn whatever_ends_a_session_deletes_every_cookie_that_the_request_proved() {
    const DOMAIN: Settings = &[("SESSION_COOKIE_DOMAIN", "example.org")];
    const ROOT: Settings = &[("SESSION_COOKIE_PATH", "/")];
    const BELOW: Settings = &[("SESSION_COOKIE_PATH", "/app/")];
    for kind in [COOKIE, FILES, OVERFLOW, DOMAIN, ROOT, BELOW] {
        for paths in [["/", "/app"], ["/app/", "/app"], ["/app/", "/"]] {
            for other in ["ada", "bob"] {
                for end in ["", "everywhere=1", "username=eve"] {
                    let case = format!("{kind:?}: {paths:?} {other} {end}");
                    let site = Site::new(kind);
                    let [mut first, mut second, visitor] = [(); 3].map(|()| site.visitor());
                    first.log_in(NOW, "ada");
                    second.log_in(NOW, other);
                    let (one, two) = (first.clone(), second.clone());
                    let jar = Jar::default();
                    let mut browser = Browser { jar, visitor };
                    browser.keep(paths[0], first.cookie.as_ref());
                    browser.keep(paths[1], second.cookie.as_ref());
                    let path = if end.starts_with("user") {
                        "/login"
                    } else {
                        "/logout"
                    };
                    let response = browser.send(|visitor| visitor.post(NOW, path, end));
                    assert_eq!(response.status, 303, "{case}");
                    let page = browser.send(|visitor| visitor.get(NOW, "/"));
                    let user = if path == "/login" {
                        "Logged in as"
                    } else {
                        "not logged in"
                    };
                    assert!(page.text().contains(user), "{case}: {response:?}");
                    let kept = browser.jar.header("/app/login", true).unwrap_or_default();
                    let left = usize::from(path == "/login");
                    assert_eq!(kept.matches("session=").count(), left, "{case}: {kept}");
                    if end.starts_with("every") {
                        assert_eq!([known(&one), known(&two)], [None, None], "{case}");
                    }
                }
            }
        }
    }
}

/// It may be another program's session.
#[test]
fn a_cookie_that_is_not_the_sites_own_is_left_alone() {
    for kind in [COOKIE, FILES, OVERFLOW] {
        let site = Site::new(kind);
        let [mut ada, visitor] = [(); 2].map(|()| site.visitor());
        ada.log_in(NOW, "ada");
        let foreign = Signer::with_key("the key of another program").token("{}", NOW);
        let jar = Jar::default();
        let mut browser = Browser { jar, visitor };
        browser.keep("/", Some(&foreign));
        browser.keep("/app", ada.cookie.as_ref());
        let response = browser.send(|visitor| visitor.post(NOW, "/logout", ""));
        assert_eq!(response.cookies().len(), 1, "{kind:?}");
        let kept = browser.jar.header("/app/login", true);
        assert_eq!(kept, Some(format!("session={foreign}")), "{kind:?}");
    }
}

/// Only the first ones are looked up, and the browser drops all of them.
#[test]
fn a_logout_deletes_more_cookies_than_are_looked_at() {
    let site = Site::new(FILES);
    let users: Vec<_> = (0..9)
        .map(|number| {
            let mut visitor = site.visitor();
            visitor.log_in(NOW, &format!("user{number}"));
            visitor
        })
        .collect();
    let mut all = together(&site, &users.iter().collect::<Vec<_>>());
    let response = all.post(NOW, "/logout", "");
    let paths: Vec<_> = response
        .cookies()
        .iter()
        .map(|cookie| cookie.attribute("Path").map(str::to_owned))
        .collect();
    let paths: Vec<_> = paths.iter().flatten().collect();
    assert_eq!(paths, ["/", "/app/", "/app"]);
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
