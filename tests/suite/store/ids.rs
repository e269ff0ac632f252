//! Session ids: which lead to a session, when they change, and that nobody else
//! can choose them (session fixation).

use std::collections::BTreeSet;
use std::fs;

use signet::session::SessionId;

use super::site::{NOW, Site};
use super::{Folder, Place, place};
use crate::support::invariants::{Allowed, NOTHING, assert_holds};
use crate::support::token::{Signer, encode};
use crate::support::{Cgi, StateDir, now};

const FILES: (&str, &str) = ("SIGNET_SESSION_TYPE", "filesystem");

const EVERYTHING: Allowed = Allowed {
    cookie: true,
    state: true,
};

fn random_id(number: u64) -> String {
    use sha2::{Digest, Sha256};
    encode(Sha256::digest(number.to_be_bytes()))
}

/// A logged-in session on a site that keeps them in files.
fn logged_in(state: &StateDir) -> String {
    let login = Cgi::post("/login", "username=ada").vars(&[FILES]);
    let response = assert_holds("login", &login.state(state).run(), EVERYTHING);
    assert_eq!(response.status, 303);
    response.cookie("session").expect("a cookie").value
}

/// What a browser cannot send is left out: those are in `hostile`.
#[test]
fn an_id_that_nobody_gave_is_an_anonymous_visitor() {
    let state = StateDir::new();
    let good = logged_in(&state);
    let record = state.snapshot();
    let hash = SessionId::parse(&good).expect("an id").hash();
    let rows = [
        ("unknown", random_id(1)),
        ("empty", String::new()),
        ("parent", "..".to_owned()),
        ("here", ".".to_owned()),
        ("path", "../../../etc/passwd".to_owned()),
        ("absolute", "/etc/passwd".to_owned()),
        ("slash", "a/b".to_owned()),
        ("backslash", "a\\b".to_owned()),
        ("encoded", "%2e%2e%2f".to_owned()),
        ("255", "a".repeat(255)),
        ("256", "a".repeat(256)),
        ("4096", "a".repeat(4096)),
        ("upper case", good.to_uppercase()),
        ("lower case", good.to_lowercase()),
        ("padded", format!("{good}=")),
        ("quoted", format!("\"{good}\"")),
        ("blank behind", format!("{good}%20")),
        ("look-alike", good.replacen(char::is_alphanumeric, "а", 1)),
        ("cut", good[..42].to_owned()),
        ("longer", format!("{good}A")),
        ("its hash", hash.clone()),
        (
            "its file",
            format!("{}/{}/{}", &hash[..1], &hash[1..3], &hash[3..]),
        ),
        ("key file", "secret_key".to_owned()),
        ("lock file", ".lock".to_owned()),
        ("unfinished", ".new-0000000000000000".to_owned()),
        ("folder", "ended".to_owned()),
        ("RESP", "*1%0d%0a$8%0d%0aFLUSHALL".to_owned()),
        ("blank", "x y".to_owned()),
        ("tag", "{tag}".to_owned()),
        ("pattern", "key:*".to_owned()),
        (
            "token",
            Signer::default().token(r#"{"username":"ada"}"#, now()),
        ),
    ];
    for (name, value) in &rows {
        let request = Cgi::get("/").vars(&[FILES]).state(&state);
        let out = request.cookie(format!("session={value}")).run();
        let response = assert_holds(name, &out, NOTHING);
        assert_eq!(response.status, 200, "{name}: {out}");
        assert!(response.text().contains("not logged in"), "{name}: {out}");
        assert_eq!(out.errors(), "", "{name}");
    }
    assert_eq!(state.snapshot(), record);
    // The one that was given is one, still.
    let request = Cgi::get("/").vars(&[FILES]).state(&state);
    let out = request.cookie(format!("session={good}")).run();
    assert!(out.response().text().contains("Logged in as ada"), "{out}");
}

#[test]
fn an_id_is_no_session_where_cookies_are_signed() {
    let state = StateDir::new();
    let good = logged_in(&state);
    let out = Cgi::get("/").state(&state);
    let out = out.cookie(format!("session={good}")).run();
    let response = assert_holds("an id", &out, NOTHING);
    assert!(response.text().contains("not logged in"), "{out}");
}

/// An owner changed SESSION_TYPE: the cookies from before are good no more.
#[test]
fn a_token_is_no_session_where_a_store_is() {
    let site = Site::new(&[("SESSION_TYPE", "cookie")]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let token = ada.cookie.clone();
    let site = site.with(&[("SESSION_TYPE", "filesystem")]);
    let mut ada = site.visitor();
    ada.cookie = token;
    assert_eq!(ada.user(NOW), None);
}

#[test]
fn ten_thousand_strange_ids_leave_no_trace() {
    let folder = Folder::new();
    let store = folder.open(600);
    for number in 0..10_000 {
        let id = SessionId::parse(&random_id(number)).expect("an id");
        assert!(store.load(&id, NOW).expect("load").is_none());
    }
    assert_eq!(folder.0.snapshot().names(), [] as [&std::path::Path; 0]);

    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    for number in 0..500 {
        let mut stranger = site.visitor();
        stranger.cookie = Some(random_id(number));
        let cookie = stranger.cookie.clone();
        assert_eq!(stranger.user(NOW), None);
        stranger.get(NOW, "/login");
        stranger.log_out(NOW);
        assert_eq!(stranger.cookie, cookie, "neither set nor deleted");
    }
    assert_eq!(site.state.snapshot().names(), [] as [&std::path::Path; 0]);
}

#[test]
fn a_visitor_who_stores_nothing_gets_nothing() {
    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    let mut visitor = site.visitor();
    visitor.visit(NOW, |session| {
        assert!(session.is_empty());
        session.remove("nothing");
        session.take_flashes();
        session.clear();
    });
    visitor.visit(NOW, |session| {
        session.insert("a", 1);
        session.remove("a");
    });
    assert_eq!(visitor.cookie, None);
    assert_eq!(site.records(), [] as [String; 0]);
}

/// Fixation, the first way: an id that the attacker made up.
#[test]
fn a_made_up_id_is_not_adopted_by_a_login() {
    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    let mut victim = site.visitor();
    victim.cookie = Some(random_id(1));
    victim.log_in(NOW, "ada");
    let given = victim.cookie.clone().expect("a cookie");
    assert_ne!(given, random_id(1));
    let mut attacker = site.visitor();
    attacker.cookie = Some(random_id(1));
    assert_eq!(attacker.user(NOW), None);
    assert_eq!(site.records().len(), 1);
}

/// Fixation, the second way: an id that the site gave to the attacker.
#[test]
fn an_id_from_before_the_login_is_dead() {
    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    let mut attacker = site.visitor();
    attacker.visit(NOW, |session| session.insert("cart", "a book"));
    let mut victim = attacker.clone();
    victim.log_in(NOW, "ada");
    assert_ne!(victim.cookie, attacker.cookie);
    let cart = victim.visit(NOW, |session| session.get("cart").cloned());
    assert_eq!(cart, Some("a book".into()), "what was there came along");

    assert_eq!(attacker.user(NOW), None);
    attacker.visit(NOW, |session| assert!(session.is_new(), "it is dead"));
    attacker.visit(NOW, |session| session.insert("cart", "another"));
    assert_ne!(attacker.cookie, victim.cookie);
    assert_eq!(victim.user(NOW).as_deref(), Some("ada"));
}

/// Each step of a visit, and whether the id is another one afterwards.
#[test]
fn the_id_changes_when_the_user_does() {
    type Step = fn(&mut signet::Session);
    let steps: [(&str, Step, bool); 8] = [
        ("log in", |s| drop(s.insert("username", "ada")), true),
        ("use it", |s| drop(s.insert("a", 1)), false),
        ("look at it", |s| drop(s.get("a").cloned()), false),
        (
            "become another",
            |s| drop(s.insert("username", "bob")),
            true,
        ),
        ("renew it", |s| s.renew(), true),
        ("take a key out", |s| drop(s.remove("a")), false),
        (
            "log out, keep b",
            |s| {
                s.insert("b", 1);
                s.remove("username");
            },
            true,
        ),
        (
            "begin anew",
            |s| {
                s.clear();
                s.insert("c", 1);
            },
            true,
        ),
    ];
    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    let mut visitor = site.visitor();
    visitor.visit(NOW, |session| session.insert("first", 1));
    let mut ids = BTreeSet::from([visitor.cookie.clone()]);
    for (name, step, changes) in steps {
        let before = visitor.clone();
        visitor.visit(NOW, step);
        assert_eq!(visitor.cookie != before.cookie, changes, "{name}");
        assert_eq!(ids.insert(visitor.cookie.clone()), changes, "{name}");
        assert_eq!(site.records().len(), 1, "{name}: the old one is gone");
        let mut old = before;
        let dead = old.visit(NOW, |session| session.is_new());
        assert_eq!(dead, changes, "{name}: the old id");
    }
}

/// The built-in form, also for who is logged in by that name already.
#[test]
fn every_login_and_every_logout_gives_another_id() {
    let site = Site::new(&[("SESSION_TYPE", "filesystem")]);
    let mut visitor = site.visitor();
    let mut ids = BTreeSet::new();
    for name in ["ada", "ada", "bob"] {
        let mut old = visitor.clone();
        visitor.log_in(NOW, name);
        assert!(ids.insert(visitor.cookie.clone()), "{name}: an old id");
        assert_eq!(old.user(NOW), None, "{name}");
    }
    let mut old = visitor.clone();
    visitor.log_out(NOW);
    assert_eq!(visitor.cookie, None);
    assert_eq!(old.user(NOW), None);
    assert_eq!(site.records(), [] as [String; 0]);
    // And once more with the dead one.
    old.log_in(NOW, "ada");
    assert!(ids.insert(old.cookie), "a dead id lives again");
}

/// Two cookies of one name, the old one first or last.
#[test]
fn a_dead_id_beside_a_good_one_does_not_matter() {
    let state = StateDir::new();
    let good = logged_in(&state);
    for header in [
        format!("session={}; session={good}", random_id(1)),
        format!("session={good}; session={}", random_id(1)),
        format!("session={good}; session={good}"),
    ] {
        let out = Cgi::get("/").vars(&[FILES]).state(&state);
        let out = out.cookie(&header).run();
        assert!(out.response().text().contains("Logged in as ada"), "{out}");
    }
    // Two that are good and differ: no browser's order of them is known.
    let login = Cgi::post("/login", "username=bob").vars(&[FILES]);
    let response = login.state(&state).run().response();
    let bob = response.cookie("session").expect("a cookie").value;
    let out = Cgi::get("/").vars(&[FILES]).state(&state);
    let out = out.cookie(format!("session={good}; session={bob}")).run();
    assert!(out.response().text().contains("not logged in"), "{out}");
}

/// A listing of the folder, or a copy of it, is no way in.
#[test]
fn nothing_in_the_store_tells_an_id() {
    let state = StateDir::new();
    let id = logged_in(&state);
    let raw = crate::support::token::decode(&id).expect("base64");
    let snapshot = state.snapshot();
    let hash = SessionId::parse(&id).expect("an id").hash();
    let record = place(&SessionId::parse(&id).expect("an id"));
    let names: Vec<_> = snapshot.names();
    assert!(
        names.iter().any(|name| name.ends_with(&record)),
        "{names:?}"
    );
    let text = fs::read(state.path().join(record)).expect("the record");
    for secret in [id.as_bytes(), &raw, hash.as_bytes()] {
        let told = text.windows(secret.len()).any(|part| part == secret);
        assert!(!told, "{}", text.escape_ascii());
    }
    for name in names {
        assert!(!name.to_string_lossy().contains(&id), "{name:?}");
    }
}
