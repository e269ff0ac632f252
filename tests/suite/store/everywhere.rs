//! "Log out everywhere": every session of one user that began before is over,
//! in whichever browser and by whichever kind of cookie.

use std::fs;
use std::path::PathBuf;

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use signet::session::SessionId;
use signet::session::revocation::{RevocationFiles, Revocations};
use signet::session::store::{Files, Store};

use super::contract::record;
use super::site::{NOW, Site};
use crate::support::StateDir;

const KINDS: [&[(&str, &str)]; 3] = [
    &[("SESSION_TYPE", "filesystem")],
    &[("SESSION_TYPE", "cookie")],
    &[
        ("SESSION_TYPE", "cookie"),
        ("SESSION_OVERFLOW", "filesystem"),
    ],
];

fn marks(state: &StateDir, lifetime: u64) -> (PathBuf, RevocationFiles) {
    let dir = state.path().join("ended");
    let marks = RevocationFiles::new(dir.clone(), geteuid().as_raw(), lifetime);
    (dir, marks)
}

fn hash(user: &str) -> String {
    let hash = Sha256::digest(user);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn all_sessions_of_the_user_are_over_and_no_others() {
    for kind in KINDS {
        let site = Site::new(kind);
        let [mut desk, mut phone, mut bob, mut anonymous] = [(); 4].map(|()| site.visitor());
        desk.log_in(NOW, "ada");
        phone.log_in(NOW + 5, "ada");
        bob.log_in(NOW, "bob");
        anonymous.visit(NOW, |session| session.insert("cart", "a book"));
        phone.visit(NOW + 5, |session| {
            session.insert("text", super::overflow::noise(3000))
        });
        let mut copy = phone.clone();

        desk.log_out_everywhere(NOW + 10);
        for (name, visitor) in [
            ("desk", &mut desk),
            ("phone", &mut phone),
            ("copy", &mut copy),
        ] {
            assert_eq!(visitor.user(NOW + 10), None, "{kind:?}: {name}");
        }
        assert_eq!(bob.user(NOW + 10).as_deref(), Some("bob"), "{kind:?}");
        let cart = anonymous.visit(NOW + 10, |session| session.contains_key("cart"));
        assert!(cart, "{kind:?}: another's session");
        if kind == KINDS[0] {
            assert_eq!(site.records().len(), 2, "bob's and the cart");
        }
    }
}

/// Within the same second, or by a clock that went back.
#[test]
fn a_login_afterwards_works_at_once() {
    for kind in KINDS {
        for later in [0, 1, -3600] {
            let site = Site::new(kind);
            let mut ada = site.visitor();
            ada.log_in(NOW, "ada");
            let mut old = ada.clone();
            let mut then = NOW;
            for round in 0..3 {
                let case = format!("{kind:?} {later} round {round}");
                ada.log_out_everywhere(then);
                assert_eq!(ada.user(then), None, "{case}");
                then = then.saturating_add_signed(later);
                ada.log_in(then, "ada");
                assert_eq!(ada.clone().user(then).as_deref(), Some("ada"), "{case}");
                assert_eq!(old.user(then), None, "{case}");
            }
        }
    }
}

/// On another machine, whose clock runs ahead: what was clicked in it ends it.
#[test]
fn a_session_that_began_by_a_clock_ahead_is_over_too() {
    for kind in KINDS {
        let site = Site::new(kind);
        let [mut ada, mut phone] = [(); 2].map(|()| site.visitor());
        ada.log_in(NOW + 40, "ada");
        phone.log_in(NOW + 40, "ada");
        let mut copy = ada.clone();
        ada.log_out_everywhere(NOW);
        for then in [NOW, NOW + 40, NOW + 50] {
            assert_eq!(copy.user(then), None, "{kind:?}");
            assert_eq!(phone.user(then), None, "{kind:?}");
        }
        ada.log_in(NOW + 1, "ada");
        assert_eq!(ada.user(NOW + 1).as_deref(), Some("ada"), "{kind:?}");
    }
}

/// A request that began before, by a clock that runs ahead, signs a fresh
/// cookie afterwards: its session is as old as it was.
#[test]
fn a_slow_request_takes_no_session_past_it() {
    for kind in KINDS {
        let site = Site::new(kind).with(&[("SESSION_PERMANENT", "true")]);
        let mut ada = site.visitor();
        ada.log_in(NOW, "ada");
        let day = 86_400;
        let mut slow = ada.clone();
        slow.visit(NOW + 9 * day, |session| {
            session.insert("a", 1);
            ada.log_out_everywhere(NOW + 5 * day);
        });
        for (name, mut visitor) in [("ada", ada), ("slow", slow)] {
            assert_eq!(visitor.user(NOW + 9 * day), None, "{kind:?}: {name}");
        }
    }
}

/// The records of a user who has more than one request looks through.
#[test]
fn more_sessions_than_one_request_removes_are_over_all_the_same() {
    const MANY: usize = 5002;
    let site = Site::new(KINDS[0]);
    let dir = site.state.path().join("sessions");
    let store = Files::new(dir, geteuid().as_raw(), 600);
    let ada = record(NOW, r#"{"username":"ada"}"#);
    let ids: Vec<_> = (0..MANY)
        .map(|number| {
            let cookie = crate::support::token::encode(Sha256::digest(number.to_be_bytes()));
            let id = SessionId::parse(&cookie).expect("an id");
            store.create(&id, &ada).expect("create");
            cookie
        })
        .collect();
    let mut desk = site.visitor();
    desk.cookie = Some(ids[0].clone());
    desk.log_out_everywhere(NOW);
    let left = site.records().len();
    assert!((1..MANY / 2).contains(&left), "{left} left");
    for cookie in ids.iter().step_by(100) {
        let mut visitor = site.visitor();
        visitor.cookie = Some(cookie.clone());
        assert_eq!(visitor.user(NOW), None);
    }
}

#[test]
fn without_a_state_directory_there_is_no_such_button() {
    let site = Site::new(&[("STATE_DIR", "/nonexistent/served/www")]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    assert!(!ada.get(NOW, "/").text().contains("everywhere"));
    let response = ada.post(NOW, "/logout", "everywhere=1");
    assert_eq!(response.status, 503, "{response:?}");
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"), "nothing was done");
}

#[test]
fn a_mark_is_later_than_all_before_it() {
    let state = StateDir::new();
    let (_, marks) = marks(&state, 600);
    assert_eq!(marks.ended("ada").expect("ended"), None);
    for wanted in [NOW, NOW + 1, NOW + 2] {
        marks.end(Some("ada"), NOW).expect("end");
        assert_eq!(marks.ended("ada").expect("ended"), Some(wanted));
    }
    assert_eq!(marks.ended("bob").expect("ended"), None);
    marks.end(None, NOW).expect("end all");
    assert_eq!(marks.ended("ada").expect("ended"), Some(NOW + 3));
    assert_eq!(marks.ended("bob").expect("ended"), Some(NOW));
}

/// Whom it is kept for does not stand there.
#[test]
fn marks_of_no_more_use_are_left_out() {
    let state = StateDir::new();
    let (dir, marks) = marks(&state, 600);
    let file = dir.join(&hash("ada")[..2]);
    // Others whose marks lie in the same file.
    let others = (0..).map(|number| format!("user {number}"));
    let others = others.filter(|user| hash(user)[..2] == hash("ada")[..2]);
    let others: Vec<String> = others.take(3).collect();
    for user in &others {
        marks.end(Some(user), NOW).expect("end");
    }
    // What the last of them ended may still verify, as clocks may differ.
    marks.end(Some("ada"), NOW + 600 + 180).expect("end");
    let text = fs::read_to_string(&file).expect("marks");
    assert_eq!(text.lines().count(), 4, "{text}");
    marks.end(Some("ada"), NOW + 600 + 181).expect("end");
    let text = fs::read_to_string(&file).expect("marks");
    assert_eq!(text, format!("{} {}\n", hash("ada"), NOW + 781));
}

/// Whoever fills a file of marks shuts out nobody who is logged in.
#[test]
fn a_full_file_of_marks_is_still_read() {
    let state = StateDir::new();
    let (dir, marks) = marks(&state, 600);
    marks.end(Some("ada"), NOW).expect("end");
    let file = dir.join(&hash("ada")[..2]);
    let mut text = fs::read_to_string(&file).expect("marks");
    for number in 0.. {
        let line = format!("{number:064x} {NOW}\n");
        if text.len() + line.len() > 1024 * 1024 {
            break;
        }
        text.push_str(&line);
    }
    fs::write(&file, &text).expect("fill it");
    let other = (0..).map(|number| format!("user {number}"));
    let other = other
        .into_iter()
        .find(|user| hash(user)[..2] == hash("ada")[..2]);
    let other = other.expect("one of them");
    let refused = marks.end(Some(&other), NOW + 1);
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(marks.ended("ada").expect("ended"), Some(NOW));
    assert_eq!(marks.ended(&other).expect("ended"), None);
    assert_eq!(fs::read_to_string(&file).expect("marks"), text);
    // When those are of no more use, there is room again.
    marks.end(Some(&other), NOW + 800).expect("end");
    assert_eq!(marks.ended(&other).expect("ended"), Some(NOW + 800));
}

#[test]
fn what_a_killed_request_left_beside_the_marks_is_removed() {
    let state = StateDir::new();
    let (dir, marks) = marks(&state, 600);
    marks.end(Some("ada"), NOW).expect("end");
    state.write("ended/.new-0123456789abcdef", "half a ma", 0o600);
    state.write("ended/notes.txt", "not ours", 0o600);
    marks.end(Some("ada"), NOW + 10).expect("end");
    assert!(!dir.join(".new-0123456789abcdef").exists());
    assert!(dir.join("notes.txt").exists());
}

/// It cannot be known who is logged in: nobody is told that he is.
#[test]
fn damaged_marks_shut_out_those_they_may_be_about() {
    for (name, text) in [
        ("a word", "x\n"),
        ("half a line", "0123"),
        ("binary", "\u{0} \u{1}\n"),
    ] {
        let site = Site::new(KINDS[1]);
        let [mut ada, mut anonymous] = [(); 2].map(|()| site.visitor());
        ada.log_in(NOW, "ada");
        let path = format!("ended/{}", &hash("ada")[..2]);
        site.state.write(&path, text, 0o600);
        let response = ada.get(NOW, "/");
        assert_eq!(response.status, 503, "{name}");
        assert_eq!(response.cookies(), [], "{name}: the session is kept");
        assert_eq!(anonymous.user(NOW), None, "{name}");
    }
}
