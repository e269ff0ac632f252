//! "Log out everywhere": every session of one user that began before is over,
//! in whichever browser and by whichever kind of cookie.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use signet::session::SessionId;
use signet::session::revocation::{MAX_INVENTED, RevocationFiles, Revocations, Users};
use signet::session::store::{Files, Store};
use signet::testing::Client;

use super::contract::record;
use super::marks::hash;
use super::site::{NOW, Site};
use crate::support::StateDir;
use crate::support::token::Signer;

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
    let marks = RevocationFiles::new(&dir, geteuid().as_raw(), lifetime);
    (dir, marks.expect("a trusted path"))
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

/// Their records stay until they expire, so a click takes no longer for them.
#[test]
fn thousands_of_sessions_are_over_at_once() {
    const MANY: usize = 2000;
    let site = Site::new(KINDS[0]);
    let dir = site.state.path().join("sessions");
    let store = Files::new(&dir, geteuid().as_raw(), 600).expect("a trusted path");
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
    // The first page shows the message that this was done, and removes it.
    desk.get(NOW, "/");
    assert_eq!(site.records().len(), MANY - 1, "only its own is removed");
    for cookie in ids.iter().step_by(50) {
        let mut visitor = site.visitor();
        visitor.cookie = Some(cookie.clone());
        assert_eq!(visitor.user(NOW), None);
    }
}

#[test]
fn without_a_state_directory_there_is_no_such_button() {
    let server = signet::app::server();
    let mut ada = Client::new(&server).without_redirects();
    assert_eq!(ada.post("/login", &[("username", "ada")]).status, 303);
    let page = ada.get("/").text();
    assert!(
        page.contains("Logged in as") && !page.contains("everywhere"),
        "{page}"
    );
    let response = ada.post("/logout", &[("everywhere", "1")]);
    assert_eq!(response.status, 503, "{response:?}");
    assert!(
        ada.get("/").text().contains("Logged in as"),
        "nothing was done"
    );
}

/// There may be a users file in it.
#[test]
fn nobody_logs_in_without_the_state_directory_that_is_named() {
    let site = Site::new(&[("STATE_DIR", "/nonexistent/served/www")]);
    let mut ada = site.visitor();
    assert_eq!(ada.get(NOW, "/").status, 200);
    assert_eq!(ada.get(NOW, "/login").status, 503);
    assert_eq!(ada.post(NOW, "/login", "username=ada").status, 503);
}

/// Each login is dated by the clock, not by the marks before it.
#[test]
fn logging_out_everywhere_prolongs_no_absolute_lifetime() {
    for kind in KINDS {
        let site = Site::new(kind).with(&[("SESSION_ABSOLUTE_LIFETIME", "5")]);
        let mut ada = site.visitor();
        for _ in 0..30 {
            ada.log_in(NOW, "ada");
            ada.log_out_everywhere(NOW);
        }
        ada.log_in(NOW, "ada");
        assert_eq!(
            ada.clone().user(NOW + 5).as_deref(),
            Some("ada"),
            "{kind:?}"
        );
        assert_eq!(ada.user(NOW + 6), None, "{kind:?}");
    }
}

/// The marks of a site of this kind, as `signet sessions` opens them.
fn owner(site: &Site, kind: &[(&str, &str)]) -> RevocationFiles {
    let dir = match kind == KINDS[0] {
        true => site.state.path().join("sessions/ended"),
        false => site.state.path().join("ended"),
    };
    RevocationFiles::new(&dir, geteuid().as_raw(), 600).expect("a trusted path")
}

/// The clock of this machine was wrong when they began, or that of another is.
#[test]
fn sessions_dated_ahead_of_the_clock_outlive_no_end() {
    for kind in KINDS {
        for ahead in [1, 30, 59, 60, 61, 3600, 400 * 86_400] {
            for whose in [Users::All, Users::Known("ada")] {
                let case = format!("{kind:?} {ahead} {whose:?}");
                let site = Site::new(kind);
                let mut ada = site.visitor();
                ada.log_in(NOW + ahead, "ada");
                let before = ada.clone().user(NOW);
                assert_eq!(before.is_some(), ahead <= 60, "{case}: before");
                owner(&site, kind).end(whose, None, NOW).expect("end");
                assert_eq!(ada.clone().user(NOW), None, "{case}");
                if ahead <= 60 {
                    assert_eq!(ada.user(NOW + ahead), None, "{case}: in its second");
                }
                let mut again = site.visitor();
                again.log_in(NOW, "ada");
            }
            let site = Site::new(kind).with(&[("SESSION_ABSOLUTE_LIFETIME", "2")]);
            let mut ada = site.visitor();
            ada.log_in(NOW + ahead, "ada");
            assert_eq!(ada.user(NOW + 64), None, "{kind:?} {ahead}: too old");
        }
    }
}

/// The click was made while the clock was an hour ahead, or the login while it
/// was an hour behind.
#[test]
fn a_clock_that_is_corrected_takes_no_session_past_a_click() {
    for kind in KINDS {
        for (click, login) in [(3600, 0), (0, -3600)] {
            let case = format!("{kind:?} {click} {login}");
            let site = Site::new(kind);
            let [mut ada, mut phone] = [(); 2].map(|()| site.visitor());
            phone.log_in(NOW - 10, "ada");
            ada.log_in(NOW + click, "ada");
            ada.log_out_everywhere(NOW + click);
            let login = NOW.saturating_add_signed(login);
            ada.log_in(login, "ada");
            assert_eq!(phone.clone().user(login), None, "{case}");
            assert_eq!(phone.clone().user(NOW + 5), None, "{case}");
            owner(&site, kind)
                .end(Users::All, None, login)
                .expect("end all");
            assert_eq!(ada.user(login), None, "{case}");
            ada.log_in(login, "ada");
        }
    }
}

/// A mark for everybody is also for carts, and whatever a page stores without
/// knowing a name.
#[test]
fn everybodys_sessions_are_over_with_a_username_or_without() {
    for kind in KINDS {
        let site = Site::new(kind);
        let [mut ada, mut small, mut large, mut later] = [(); 4].map(|()| site.visitor());
        ada.log_in(NOW, "ada");
        small.visit(NOW, |session| session.insert("cart", "a book"));
        let size = if kind == KINDS[1] { 2000 } else { 5000 };
        large.visit(NOW, |session| {
            session.insert("cart", super::overflow::noise(size))
        });
        let marks = owner(&site, kind);
        marks.end(Users::All, None, NOW).expect("end all");
        for (name, visitor) in [
            ("ada", &mut ada),
            ("small", &mut small),
            ("large", &mut large),
        ] {
            let mut copy = visitor.clone();
            let is_empty = copy.visit(NOW, |session| session.is_empty());
            assert!(is_empty, "{kind:?}: {name}");
        }
        // Within the same second.
        later.visit(NOW, |session| session.insert("cart", "a book"));
        let cart = later.visit(NOW, |session| session.contains_key("cart"));
        assert!(cart, "{kind:?}");
    }
}

/// Flask keeps what it does not know when it signs the session again.
#[test]
fn an_ended_copy_that_flask_signs_again_is_over_too() {
    for kind in &KINDS[1..] {
        let site = Site::new(kind);
        let [mut ada, mut anonymous] = [(); 2].map(|()| site.visitor());
        ada.log_in(NOW, "ada");
        anonymous.visit(NOW, |session| session.insert("cart", "a book"));
        let sign_again = |cookie: &Option<String>, now: u64| {
            let token = cookie.as_deref().expect("a cookie");
            let (json, _) = Signer::default().read(token).expect("ours");
            Some(Signer::default().token(json, now))
        };
        let mut copy = ada.clone();
        copy.cookie = sign_again(&ada.cookie, NOW + 5);
        assert_eq!(copy.clone().user(NOW + 5).as_deref(), Some("ada"));
        ada.log_out_everywhere(NOW + 10);
        copy.cookie = sign_again(&copy.cookie, NOW + 20);
        assert_eq!(copy.user(NOW + 20), None, "{kind:?}");

        let marks = owner(&site, kind);
        marks.end(Users::All, None, NOW + 30).expect("end all");
        anonymous.cookie = sign_again(&anonymous.cookie, NOW + 40);
        let is_empty = anonymous.visit(NOW + 40, |session| session.is_empty());
        assert!(is_empty, "{kind:?}: without a username");
    }
}

/// What a page says whose address is opened next.
fn message(response: &crate::support::response::Response) -> Option<String> {
    let (_, rest) = response.text().split_once("role=\"status\">")?;
    Some(rest.split('<').next()?.to_owned())
}

#[test]
fn a_click_beyond_the_limit_ends_this_session_only_and_says_so() {
    for kind in KINDS {
        let site = Site::new(kind);
        let [mut desk, mut phone, mut bob] = [(); 3].map(|()| site.visitor());
        desk.log_in(NOW, "ada");
        phone.log_in(NOW, "ada");
        bob.log_in(NOW, "bob");
        // Bob has been here before.
        bob.log_out_everywhere(NOW);
        bob.log_in(NOW, "bob");
        let folder = match kind == KINDS[0] {
            true => "sessions/ended/lists",
            false => "ended/lists",
        };
        let lines: String = (0..MAX_INVENTED).map(|n| format!("{n:064x}\n")).collect();
        let list = format!("{folder}/invented-{NOW}-{}", NOW + 1000);
        site.state.write(&list, lines, 0o600);

        let mut copy = desk.clone();
        desk.visit(NOW, |session| session.flash("from Flask", "message"));
        desk.log_out_everywhere(NOW + 1);
        let response = desk.get(NOW + 1, "/");
        assert!(
            response.text().contains("You are not logged in"),
            "{kind:?}"
        );
        let said = message(&response).unwrap_or_else(|| panic!("{kind:?}: {response:?}"));
        assert!(said.contains("in this browser only"), "{kind:?}: {said}");
        assert_eq!(message(&desk.get(NOW + 1, "/")), None, "{kind:?}: once");
        let left = desk.visit(NOW + 1, |session| session.take_flashes().len());
        assert_eq!(left, 1, "{kind:?}: Flask's own message");
        if kind == KINDS[0] {
            assert_eq!(copy.user(NOW + 1), None, "{kind:?}: the id of this session");
        }
        assert_eq!(phone.user(NOW + 1).as_deref(), Some("ada"), "{kind:?}");

        let mut copy = bob.clone();
        bob.log_out_everywhere(NOW + 1);
        let said = message(&bob.get(NOW + 1, "/"));
        let everywhere = Some("You are logged out everywhere.");
        assert_eq!(said.as_deref(), everywhere, "{kind:?}");
        assert_eq!(message(&bob.get(NOW + 1, "/")), None, "{kind:?}: once");
        assert_eq!(copy.user(NOW + 1), None, "{kind:?}: he has a mark already");
        bob.log_in(NOW + 1, "bob");
    }
}

/// The file's name tells nobody whose it is.
#[test]
fn expired_marks_are_removed_a_few_at_a_time() {
    let state = StateDir::new();
    let (dir, marks) = marks(&state, 600);
    let is_there = |user: &str| dir.join(hash(user)).exists();
    for user in ["ada", "bob"] {
        marks
            .end(Users::Invented(user), Some(NOW.into()), NOW)
            .expect("end");
    }
    for number in 0..40 {
        let user = format!("user {number}");
        marks
            .end(Users::Invented(&user), Some(NOW.into()), NOW)
            .expect("end");
    }
    let count = || fs::read_dir(&dir).expect("marks").count() - 1;
    assert_eq!(count(), 42);
    // A process was killed in a line, or the disk was full.
    for list in fs::read_dir(dir.join("lists")).expect("lists") {
        let path = list.expect("a list").path();
        let list = fs::OpenOptions::new().append(true).open(path);
        list.expect("open it")
            .write_all(b"0123456789")
            .expect("append");
    }
    // Bob's goes on, and all others may still be about a session.
    marks
        .end(Users::Invented("bob"), None, NOW + 700)
        .expect("end");
    assert_eq!(count(), 42);
    // Each list expires as a whole, an eighth later at most.
    let later = NOW + 780 + 98;
    for (round, left) in [(1, 27), (2, 12), (3, 4)] {
        let user = format!("later {round}");
        marks.end(Users::Invented(&user), None, later).expect("end");
        assert_eq!(count(), left, "{round}");
        assert!(is_there("bob") && is_there(&user), "{round}");
    }
    assert!(!is_there("ada"));
    let lists = fs::read_dir(dir.join("lists")).expect("lists").count();
    assert_eq!(lists, 2, "bob's, and that of this second");
}

#[test]
fn what_a_killed_request_left_beside_the_marks_is_removed() {
    for users in [Users::Known("ada"), Users::All] {
        let state = StateDir::new();
        let (dir, marks) = marks(&state, 600);
        marks.end(users, None, NOW).expect("end");
        let old = state.write("ended/lists/.new-0123456789abcdef", "half a ma", 0o600);
        let recent = state.write("ended/lists/.new-fedcba9876543210", "half a ma", 0o600);
        state.write("ended/notes.txt", "not ours", 0o600);
        let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        let file = fs::File::options().write(true).open(&old).expect("open it");
        file.set_modified(hours_ago).expect("age it");
        marks.end(users, None, NOW + 10).expect("end");
        assert!(!old.exists(), "{users:?}");
        assert!(recent.exists(), "another request is writing it");
        assert!(dir.join("notes.txt").exists());
    }
}

/// A file that is not ours to read ends what it may be about, too.
#[test]
fn a_mark_that_is_no_plain_file_ends_sessions_and_is_replaced() {
    type Plant = fn(&std::path::Path);
    let rows: [(&str, Plant); 6] = [
        ("a link", |path| {
            std::os::unix::fs::symlink("/etc/hostname", path).expect("a link");
        }),
        ("a second name", |path| {
            let other = path.with_extension("other");
            fs::write(&other, format!("{NOW}\n")).expect("a file");
            fs::hard_link(other, path).expect("a second name");
        }),
        ("a pipe", |path| {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).expect("a pipe");
        }),
        ("an empty folder", |path| {
            fs::create_dir(path).expect("a folder")
        }),
        ("a folder", |path| {
            fs::create_dir_all(path.join("inner")).expect("two folders");
        }),
        ("empty", |path| {
            fs::write(path, "").expect("a file");
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set a mode");
        }),
    ];
    for (name, plant) in rows {
        for user in [Some("ada"), None] {
            let case = format!("{name} for {user:?}");
            let site = Site::new(KINDS[1]);
            let mut ada = site.visitor();
            ada.log_in(NOW, "ada");
            let mut old = ada.clone();
            let file = user.map_or_else(|| "all".to_owned(), hash);
            let path = site.state.write(&format!("ended/{file}"), "", 0o600);
            fs::remove_file(&path).expect("remove it");
            plant(&path);
            assert_eq!(ada.user(NOW), None, "{case}");
            ada.log_in(NOW, "ada");
            assert_eq!(old.user(NOW), None, "{case}");
            assert!(
                fs::symlink_metadata(&path).expect("a mark").is_file(),
                "{case}"
            );

            fs::remove_file(&path).expect("remove it");
            plant(&path);
            let (_, marks) = marks(&site.state, 600);
            let whose = user.map_or(Users::All, Users::Known);
            marks
                .end(whose, None, NOW + 1)
                .unwrap_or_else(|err| panic!("{case}: {err}"));
            assert_eq!(ada.user(NOW + 1), None, "{case}");
            ada.log_in(NOW + 1, "ada");
        }
    }
}
