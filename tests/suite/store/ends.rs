//! The end of a session is the end: by a logout, by time, wherever it is kept.

use signet::session::SessionId;
use signet::session::record::Record;
use signet::session::store::{Files, Store, Visit};

use super::contract::record;
use super::site::{NOW, Site, Visitor};
use crate::support::token::Signer;
use crate::support::{StateDir, now};

const FILES: (&str, &str) = ("SESSION_TYPE", "filesystem");
const COOKIE: (&str, &str) = ("SESSION_TYPE", "cookie");
const LIFETIME: (&str, &str) = ("PERMANENT_SESSION_LIFETIME", "600");
const PERMANENT: (&str, &str) = ("SESSION_PERMANENT", "true");

/// What the store knows of this visitor's session.
fn stored(site: &Site, visitor: &Visitor<'_>, now: u64) -> Option<Record> {
    let dir = site.state.path().join("sessions");
    let id = SessionId::parse(visitor.cookie.as_ref()?).expect("an id");
    let euid = rustix::process::geteuid().as_raw();
    let store = Files::new(&dir, euid, 600).expect("a trusted path");
    store.load(&id, now).expect("load")
}

#[test]
fn an_idle_session_is_over_after_its_lifetime() {
    for kind in [FILES, COOKIE] {
        let site = Site::new(&[kind, LIFETIME, ("SESSION_REFRESH_EACH_REQUEST", "false")]);
        let mut ada = site.visitor();
        ada.log_in(NOW, "ada");
        let mut copy = ada.clone();
        assert_eq!(ada.user(NOW + 600).as_deref(), Some("ada"), "{kind:?}");
        assert_eq!(copy.user(NOW + 601), None, "{kind:?}");
        // No clock brings back what was seen to be over and used again.
        copy.log_in(NOW + 601, "bob");
        assert_eq!(copy.user(NOW + 601).as_deref(), Some("bob"), "{kind:?}");
    }
}

/// A tenth of the lifetime: 60 seconds of 600.
#[test]
fn use_prolongs_a_session_once_a_tenth_of_its_lifetime() {
    for kind in [FILES, COOKIE] {
        let site = Site::new(&[kind, LIFETIME, PERMANENT]);
        let mut ada = site.visitor();
        ada.log_in(NOW, "ada");
        let before = (site.state.snapshot(), ada.cookie.clone());
        let response = ada.get(NOW + 59, "/");
        assert_eq!(response.cookies(), [], "{kind:?}: too early");
        assert_eq!((site.state.snapshot(), ada.cookie.clone()), before);
        let response = ada.get(NOW + 60, "/");
        assert_eq!(response.cookies().len(), 1, "{kind:?}");
        // 2027-01-15 08:00:00 UTC is NOW.
        let expires = "Fri, 15 Jan 2027 08:11:00 GMT";
        let cookie = &response.cookies()[0];
        assert_eq!(cookie.attribute("Expires"), Some(expires), "{kind:?}");
        assert_eq!(ada.clone().user(NOW + 661), None, "{kind:?}");
        assert_eq!(ada.user(NOW + 660).as_deref(), Some("ada"), "{kind:?}");
    }
}

/// Each change begins the lifetime anew, in the browser as in the store.
#[test]
fn a_permanent_session_that_often_changes_keeps_its_cookie() {
    for kind in [FILES, COOKIE] {
        for refresh in ["true", "false"] {
            let refreshes = ("SESSION_REFRESH_EACH_REQUEST", refresh);
            let site = Site::new(&[kind, LIFETIME, PERMANENT, refreshes]);
            let mut ada = site.visitor();
            ada.log_in(NOW, "ada");
            // More often than once in a tenth of the lifetime.
            for step in 1..=20 {
                let visit = ada.try_visit(NOW + step * 50, |session| {
                    session.insert("step", step.to_string());
                });
                let cookies = visit.1.cookies();
                let expires = cookies
                    .first()
                    .and_then(|cookie| cookie.attribute("Expires"));
                assert!(expires.is_some(), "{kind:?} {refresh} {step}: {cookies:?}");
                if step == 20 {
                    let wanted = Some("Fri, 15 Jan 2027 08:26:40 GMT");
                    assert_eq!(expires, wanted, "{kind:?} {refresh}");
                }
            }
        }
    }
}

/// The browser's window decides about the cookie, the store about the record.
#[test]
fn use_prolongs_a_stored_session_whose_cookie_has_no_date() {
    let site = Site::new(&[FILES, LIFETIME]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    for step in 1..=20 {
        let response = ada.get(NOW + step * 500, "/");
        assert!(response.text().contains("Logged in as ada"), "{step}");
        assert_eq!(response.cookies(), [], "{step}: the id is what it was");
    }
    let record = stored(&site, &ada, NOW + 10_000).expect("in use");
    assert_eq!((record.started, record.saved), (NOW.into(), NOW + 10_000));
}

#[test]
fn no_use_prolongs_a_session_beyond_its_absolute_lifetime() {
    for kind in [FILES, COOKIE] {
        let site = Site::new(&[
            kind,
            LIFETIME,
            PERMANENT,
            ("SESSION_ABSOLUTE_LIFETIME", "1000"),
        ]);
        let mut ada = site.visitor();
        // What began before the login has no part in it.
        ada.visit(NOW - 500, |session| session.insert("cart", "a book"));
        ada.log_in(NOW, "ada");
        for second in [300, 600, 900] {
            let response = ada.get(NOW + second, "/");
            assert!(response.text().contains("Logged in as ada"), "{kind:?}");
            assert_eq!(response.cookies().len(), 1, "{kind:?}: prolonged");
            let expires = response.cookies()[0]
                .attribute("Expires")
                .map(str::to_owned);
            let wanted = match second {
                300 => "Fri, 15 Jan 2027 08:15:00 GMT",
                _ => "Fri, 15 Jan 2027 08:16:40 GMT",
            };
            assert_eq!(expires.as_deref(), Some(wanted), "{kind:?} {second}");
        }
        // Changed at the last moment, and dead at the next.
        ada.visit(NOW + 1000, |session| session.insert("a", 1));
        assert_eq!(ada.clone().user(NOW + 1000).as_deref(), Some("ada"));
        assert_eq!(ada.user(NOW + 1001), None, "{kind:?}");
    }
}

/// The clock may be wrong; the pages go on.
#[test]
fn a_clock_that_jumps_breaks_no_page() {
    const MONTH: u64 = 31 * 86_400;
    const YEAR_9999: u64 = 253_402_300_799;
    for kind in [FILES, COOKIE] {
        let site = Site::new(&[kind, PERMANENT, ("SESSION_ABSOLUTE_LIFETIME", "9000000")]);
        let seconds = [1, NOW - 3600, NOW, NOW + 3600, 1 << 31, 1 << 32, YEAR_9999];
        for first in seconds {
            for second in seconds {
                let mut ada = site.visitor();
                ada.log_in(first, "ada");
                let kept = ada.user(second).is_some();
                ada.log_in(second, "bob");
                ada.log_out(first);
                // No session comes from the future: no mark would end it.
                let wanted = (first..=first + MONTH).contains(&second);
                assert_eq!(kept, wanted, "{kind:?}: {first} {second}");
            }
        }
        // Before 1970.
        let mut ada = site.visitor();
        assert_eq!(
            ada.post(0, "/login", "username=ada").status,
            303,
            "{kind:?}"
        );
        assert_eq!(ada.get(0, "/").status, 200, "{kind:?}");
    }
}

/// Two requests of one session: the slow one began before the other logged
/// out, and ends after it.
#[test]
fn a_slow_request_brings_no_logged_out_session_back() {
    type Change = fn(&mut signet::Session);
    let changes: [(&str, Change); 5] = [
        ("looks", |s| drop(s.get("username").cloned())),
        ("stores", |s| drop(s.insert("a", 1))),
        ("renews", |s| s.renew()),
        ("flashes", |s| s.flash("hi", "message")),
        ("logs out", |s| drop(s.remove("username"))),
    ];
    // The session is gone, or goes on without its user under another id.
    for keeps in [false, true] {
        for (name, change) in changes {
            let site = Site::new(&[FILES, LIFETIME]);
            let mut ada = site.visitor();
            ada.log_in(NOW, "ada");
            if keeps {
                ada.visit(NOW, |session| session.insert("cart", "a book"));
            }
            let (mut slow, old) = (ada.clone(), ada.clone());
            let mut left = Vec::new();
            let (_, response) = slow.try_visit(NOW + 100, |session| {
                ada.log_out(NOW + 101);
                left = site.records();
                change(session);
            });
            assert_eq!(response.status, 200, "{name}");
            assert_eq!(response.cookies(), [], "{name}: a fresh cookie");
            assert_eq!(site.records(), left, "{name}: the record is back");
            assert_eq!(left.len(), usize::from(keeps), "{name}");
            for mut visitor in [ada, slow, old] {
                assert_eq!(visitor.user(NOW + 102), None, "{name}");
            }
        }
    }
}

/// Who logs in does so whatever became of the session before; of that one,
/// nothing comes along.
#[test]
fn a_login_that_races_a_logout_succeeds() {
    for overflow in [false, true] {
        let site = match overflow {
            false => Site::new(&[FILES]),
            true => Site::new(&[COOKIE, ("SESSION_OVERFLOW", "filesystem")]),
        };
        let mut ada = site.visitor();
        ada.log_in(NOW, "ada");
        if overflow {
            ada.visit(NOW, |session| {
                session.insert("text", super::overflow::noise(9000))
            });
        } else {
            ada.visit(NOW, |session| session.insert("text", "short"));
        }
        let mut slow = ada.clone();
        slow.visit(NOW + 1, |session| {
            ada.visit(NOW + 1, |session| session.clear());
            session.insert("username", "bob");
        });
        assert_eq!(slow.user(NOW + 2).as_deref(), Some("bob"), "{overflow}");
        let text = slow.visit(NOW + 2, |session| session.contains_key("text"));
        assert!(!text, "{overflow}: of the ended session");
    }
}

/// A handler that waits has no lock: another request of the same session,
/// inside it, neither waits nor fails.
#[test]
fn a_slow_request_does_not_make_a_fast_one_wait() {
    let site = Site::new(&[FILES, LIFETIME]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let mut slow = ada.clone();
    slow.visit(NOW, |session| {
        session.insert("slow", 1);
        let begun = std::time::Instant::now();
        for n in 0..10 {
            ada.visit(NOW, |session| session.insert("fast", n));
        }
        // A lock is waited for ten seconds.
        assert!(begun.elapsed().as_secs() < 8, "{:?}", begun.elapsed());
    });
    let found = ada.visit(NOW, |session| {
        ["slow", "fast"].map(|key| session.get(key).cloned())
    });
    assert_eq!(found, [Some(1.into()), Some(9.into())]);
}

/// A request that ran for longer than sessions live unused does not make the
/// session older than others left it.
#[test]
fn a_slow_request_makes_no_session_older() {
    let site = Site::new(&[FILES, LIFETIME]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let mut slow = ada.clone();
    slow.visit(NOW, |session| {
        for step in 1..=4 {
            assert!(ada.user(NOW + step * 300).is_some());
        }
        session.insert("a", 1);
    });
    assert_eq!(ada.user(NOW + 1200).as_deref(), Some("ada"));
}

/// A double click on the login's button, or the same form in two windows: each
/// answer's cookie is a login, whichever the browser keeps.
pub(super) fn logins_at_once_succeed(site: &Site) {
    for before in [None, Some("ada"), Some("bob")] {
        for renews in [true, false] {
            let mut first = site.visitor();
            match before {
                Some(user) => first.log_in(NOW, user),
                None => first.visit(NOW, |session| session.flash("hi", "message")),
            }
            let mut second = first.clone();
            // The other is answered while this one runs.
            second.visit(NOW + 1, |session| {
                first.log_in(NOW + 1, "ada");
                session.insert("username", "ada");
                session.set_permanent(true);
                if renews {
                    session.renew();
                }
            });
            let case = format!("{before:?}, {renews}");
            assert_eq!(first.user(NOW + 2).as_deref(), Some("ada"), "{case}: first");
            if renews || before != Some("ada") {
                assert_eq!(
                    second.user(NOW + 2).as_deref(),
                    Some("ada"),
                    "{case}: second"
                );
                let permanent = second.visit(NOW + 2, |session| session.permanent());
                assert!(permanent, "{case}");
                // Where another program's login counts, that of the demo does not.
                let is_demo = second.visit(NOW + 2, |session| session.contains_key("_demo"));
                assert_eq!(is_demo, before.is_some(), "{case}");
            }
        }
    }
}

#[test]
fn of_two_logins_at_once_both_succeed() {
    for kind in [FILES, COOKIE, ("SESSION_OVERFLOW", "filesystem")] {
        logins_at_once_succeed(&Site::new(&[kind]));
    }
}

/// A login is ended by a click on "log out everywhere" only if it began before.
#[test]
fn a_login_while_the_session_is_ended_everywhere_succeeds() {
    for kind in [FILES, COOKIE] {
        let site = Site::new(&[kind]);
        let mut ada = site.visitor();
        ada.log_in(NOW, "ada");
        let mut slow = ada.clone();
        slow.visit(NOW, |session| {
            ada.log_out_everywhere(NOW);
            session.insert("username", "ada");
            session.renew();
        });
        assert_eq!(slow.user(NOW).as_deref(), Some("ada"), "{kind:?}");
        assert_eq!(ada.user(NOW), None, "{kind:?}");
    }
}

/// Taking out all that one request knew of is no logout.
#[test]
fn what_others_added_outlives_the_last_key_taken_out() {
    let site = Site::new(&[FILES]);
    let mut visitor = site.visitor();
    visitor.visit(NOW, |session| session.flash("first", "message"));
    let mut slow = visitor.clone();
    let shown = slow.visit(NOW, |session| {
        let shown = session.take_flashes().len();
        visitor.visit(NOW, |session| session.flash("second", "message"));
        shown
    });
    assert_eq!(shown, 1);
    let left = slow.visit(NOW, |session| session.take_flashes());
    let left: Vec<_> = left.into_iter().map(|flash| flash.message).collect();
    assert_eq!(left, ["second"]);
    assert_eq!(site.records(), [] as [String; 0]);
    assert_eq!(slow.cookie, None, "the end, as nothing is left");
}

#[test]
fn what_is_cleared_is_over_whatever_others_add() {
    let site = Site::new(&[FILES]);
    let mut visitor = site.visitor();
    visitor.visit(NOW, |session| session.insert("user_id", 7));
    let mut slow = visitor.clone();
    slow.visit(NOW, |session| {
        visitor.visit(NOW, |session| session.insert("a", 1));
        session.clear();
    });
    assert_eq!(site.records(), [] as [String; 0]);
    assert_eq!((slow.cookie, stored(&site, &visitor, NOW)), (None, None));
}

/// What the signed cookie says of its beginning is not for pages.
#[test]
fn a_signed_cookie_says_when_its_session_began() {
    let site = Site::new(&[COOKIE, LIFETIME, PERMANENT]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let read = |visitor: &Visitor<'_>| {
        let token = visitor.cookie.as_deref().expect("a cookie");
        let (json, at) = Signer::default().read(token).expect("ours");
        (String::from_utf8(json).expect("JSON"), at)
    };
    let wanted = |began: u64| {
        format!(r#"{{"_demo":"ada","_permanent":true,"_started":{began},"username":"ada"}}"#)
    };
    assert_eq!(read(&ada), (wanted(NOW), NOW));
    for step in 1..=3 {
        ada.get(NOW + step * 100, "/");
        assert_eq!(read(&ada), (wanted(NOW), NOW + step * 100));
    }
    let keys: Vec<String> = ada.visit(NOW + 300, |session| {
        session.iter().map(|(key, _)| key.to_owned()).collect()
    });
    assert_eq!(keys, ["_demo", "_permanent", "username"]);
    // A beginning of its own with each login.
    ada.log_in(NOW + 400, "ada");
    assert_eq!(read(&ada), (wanted(NOW + 400), NOW + 400));
    // Also of a session without a username, which everybody's mark ends.
    let mut anonymous = site.visitor();
    anonymous.visit(NOW, |session| session.insert("cart", 1));
    assert_eq!(
        read(&anonymous).0,
        format!(r#"{{"_permanent":true,"_started":{NOW},"cart":1}}"#)
    );
}

/// [`record`] is what other tests store by hand; a site finds it.
#[test]
fn a_record_stored_by_hand_is_a_session() {
    let site = Site::new(&[FILES]);
    let dir = site.state.path().join("sessions");
    let id = SessionId::parse(&"A".repeat(43)).expect("an id");
    let euid = rustix::process::geteuid().as_raw();
    let store = Files::new(&dir, euid, 600).expect("a trusted path");
    let created = store.create(&id, &record(NOW, r#"{"username":"ada"}"#));
    created.expect("create");
    let mut ada = site.visitor();
    ada.cookie = Some("A".repeat(43));
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"));
}

/// By a clock that was wrong. It opens for nobody now, and will when its second has come,
/// unless whoever ends all sessions sees it.
#[test]
fn a_session_that_is_dated_ahead_is_seen_by_whoever_ends_all() {
    let state = StateDir::new();
    let euid = rustix::process::geteuid().as_raw();
    let store = Files::new(&state.path().join("sessions"), euid, 600).expect("a trusted path");
    let now = now();
    let id = SessionId::generate().expect("random bytes");
    let ahead = record(now + 3600, r#"{"n":1}"#);
    store.create(&id, &ahead).expect("create");
    assert_eq!(store.load(&id, now).expect("load"), None);
    let mut seen = 0;
    let visit = &mut |_: &Record, _| {
        seen += 1;
        Visit::Delete
    };
    store.for_each(now, visit).expect("for_each");
    assert_eq!(seen, 1);
    assert_eq!(store.load(&id, now + 3600).expect("load"), None);
}
