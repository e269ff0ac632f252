//! The page `/sessions`, where users see and end their sessions.

use std::fs;

use sha2::{Digest, Sha256};
use signet::http::Method;
use signet::session::SessionId;
use signet::session::listed::MAX_LISTED;
use signet::session::store::{Files, Store};
use signet::testing::{Client, Response};

use crate::support::StateDir;
use crate::support::html::words;
use crate::support::redis::RedisServer;

/// `htpasswd -nbBC 4 ada 'correct horse'`, and the same for bob.
const USERS: &str = "\
    ada:$2y$04$Z735b3IS6GniM.cQ.C7/WeWiDU5Yy4oXk7ndxrGpFwEIt33s1Ij0q\n\
    bob:$2y$04$Z735b3IS6GniM.cQ.C7/WeWiDU5Yy4oXk7ndxrGpFwEIt33s1Ij0q\n";

/// `date -u -d @1795000000`: 2026-11-18, 11:06.
const NOW: u64 = 1_795_000_000;

type Server = signet::Server<'static>;

type Settings<'s> = &'s [(&'s str, &'s str)];

const FILES: Settings<'_> = &[("SESSION_TYPE", "filesystem")];

fn with_redis(name: &str, test: fn(Settings<'_>)) {
    let redis = RedisServer::shared();
    let (url, prefix) = (redis.url(), format!("{name}:"));
    test(&[
        ("SESSION_TYPE", "redis"),
        ("SESSION_REDIS", &url),
        ("SESSION_KEY_PREFIX", &prefix),
    ]);
}

fn state() -> StateDir {
    let state = StateDir::new();
    state.write("users", USERS, 0o600);
    state
}

fn browser<'s>(server: &'s Server, state: &StateDir, settings: Settings<'_>) -> Client<'s> {
    let client = Client::new(server)
        .setting("SECRET_KEY", "tests-only-7f3a91c6e0d24b58")
        .state_dir(state.path())
        .without_redirects();
    let set = |client: Client<'s>, (name, value): &(&str, &str)| client.setting(name, value);
    settings.iter().fold(client, set)
}

/// A browser in which the user has logged in at this second.
fn logged_in<'s>(
    server: &'s Server,
    state: &StateDir,
    settings: Settings<'_>,
    name: &str,
    now: u64,
) -> Client<'s> {
    let mut client = browser(server, state, settings);
    client.set_now(now);
    let form = [("username", name), ("password", "correct horse")];
    let response = client.post("/login", &form);
    assert_eq!(response.status, 303, "{}", response.log);
    assert_eq!(response.log.lines().count(), 1, "{}", response.log);
    client
}

fn is_logged_in(client: &mut Client<'_>) -> bool {
    let page = client.get("/");
    assert_eq!(page.status, 200, "{}", page.log);
    page.text().contains("Logged in as")
}

fn page(client: &mut Client<'_>) -> Response {
    let page = client.get("/sessions");
    assert_eq!(page.status, 200, "{}", page.log);
    assert_eq!(page.log, "");
    page
}

/// The words of each session on the page.
fn rows(page: &Response) -> Vec<String> {
    let text = page.text();
    let rows = text.split("<li>").skip(1);
    let row = |row: &str| {
        words(&format!(
            "<body>{}",
            row.split("</li>").next().unwrap_or_default()
        ))
    };
    rows.map(|text| row(text).trim().to_owned()).collect()
}

/// The handles of the sessions that can be ended.
fn handles(page: &Response) -> Vec<String> {
    let text = page.text();
    let values = text.split("name=\"end\" value=\"").skip(1);
    values
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .collect()
}

fn end(client: &mut Client<'_>, handle: &str) {
    let response = client.post("/sessions", &[("end", handle)]);
    assert_eq!(response.status, 303, "{}", response.text());
    assert_eq!(response.header("location"), Some("/sessions"));
}

/// Where signed cookies are the sessions, no list of them exists.
#[test]
fn only_users_with_stored_sessions_find_the_page() {
    let (server, users, demo) = (signet::app::server(), state(), StateDir::new());
    let link = "<a href=\"/sessions\">";
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (state, settings, is_there) in [
        (&users, FILES, true),
        (&users, &[], false),
        (&demo, FILES, false),
    ] {
        for method in [Method::GET, Method::POST] {
            let mut visitor = browser(&server, state, settings);
            let response = visitor.send(method, "/sessions", &form, b"");
            assert_eq!(response.status, if is_there { 303 } else { 404 });
            let target = is_there.then_some("/login?next=%2Fsessions");
            assert_eq!(response.header("location"), target);
        }
        let mut ada = logged_in_or_not(&server, state, settings);
        assert_eq!(ada.get("/").text().contains(link), is_there);
        assert_eq!(
            ada.get("/sessions").status,
            if is_there { 200 } else { 404 }
        );
    }
}

fn logged_in_or_not<'s>(
    server: &'s Server,
    state: &StateDir,
    settings: Settings<'_>,
) -> Client<'s> {
    let mut client = browser(server, state, settings);
    let form = [("username", "ada"), ("password", "correct horse")];
    assert_eq!(client.post("/login", &form).status, 303);
    client
}

fn users_see_their_own_sessions(settings: Settings<'_>) {
    let (server, state) = (signet::app::server(), state());
    let login = |name: &str, now: u64| logged_in(&server, &state, settings, name, now);
    let mut desk = login("ada", NOW);
    let mut phone = login("ada", NOW + 60);
    let mut tablet = login("ada", NOW + 120);
    let mut bob = login("bob", NOW + 180);
    // Used a tenth of the lifetime (31 days) later.
    for client in [&mut desk, &mut phone, &mut tablet, &mut bob] {
        client.set_now(NOW + 4 * 24 * 3600);
    }
    assert!(is_logged_in(&mut desk));
    let shown = page(&mut phone);
    let wanted = [
        "This browser Logged in since 2026-11-18, 11:07 UTC Last used 2026-11-22, 11:06 UTC",
        "Logged in since 2026-11-18, 11:06 UTC Last used 2026-11-22, 11:06 UTC End this session",
        "Logged in since 2026-11-18, 11:08 UTC Last used 2026-11-18, 11:08 UTC End this session",
    ];
    assert_eq!(rows(&shown), wanted, "{settings:?}");
    let text = words(&shown.text());
    assert!(text.contains("up to 4 days later than"), "{text}");
    assert_eq!(rows(&page(&mut bob)).len(), 1, "{settings:?}");
    assert!(!page(&mut bob).text().contains("name=\"others\""));
    // Nobody who sees the page can use another session.
    for client in [&desk, &phone, &tablet] {
        let id = client.cookie("session").expect("a cookie");
        let key = SessionId::parse(id).expect("an id").hash();
        for secret in [id, &key, &key[..16]] {
            assert!(!shown.text().contains(secret), "{settings:?}");
        }
    }
}

#[test]
fn a_user_sees_the_own_sessions() {
    users_see_their_own_sessions(FILES);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_user_sees_the_own_sessions_in_redis() {
    with_redis("sees", users_see_their_own_sessions);
}

fn one_session_ends(settings: Settings<'_>) {
    let (server, state) = (signet::app::server(), state());
    let login = |name: &str, now: u64| logged_in(&server, &state, settings, name, now);
    let [mut desk, mut phone, mut tablet] = [0, 1, 2].map(|age| login("ada", NOW + age));
    let mut bob = login("bob", NOW);
    // The last used one is the first.
    let found = handles(&page(&mut desk));
    assert_eq!(found.len(), 2, "{settings:?}");
    // It is nobody else's to end.
    end(&mut bob, &found[0]);
    assert!(words(&page(&mut bob).text()).contains("had ended before"));
    assert!(is_logged_in(&mut tablet), "{settings:?}");
    end(&mut desk, &found[0]);
    let shown = page(&mut desk);
    assert!(words(&shown.text()).contains("The session has ended."));
    assert!(
        !words(&page(&mut desk).text()).contains("has ended"),
        "once"
    );
    assert_eq!(handles(&shown), found[1..], "{settings:?}");
    assert!(!is_logged_in(&mut tablet), "{settings:?}");
    assert!(is_logged_in(&mut phone) && is_logged_in(&mut desk));
    for unknown in [found[0].as_str(), "", "x", "../..", "\0", &found[1][1..]] {
        end(&mut desk, unknown);
        assert!(words(&page(&mut desk).text()).contains("had ended before"));
    }
    assert!(is_logged_in(&mut phone), "{settings:?}");
    assert!(is_logged_in(&mut bob), "{settings:?}");
}

#[test]
fn a_user_ends_one_session() {
    one_session_ends(FILES);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_user_ends_one_session_in_redis() {
    with_redis("one", one_session_ends);
}

fn all_others_end(settings: Settings<'_>) {
    let (server, state) = (signet::app::server(), state());
    let login = |name: &str, now: u64| logged_in(&server, &state, settings, name, now);
    let [mut desk, mut phone, mut tablet] = [0, 1, 2].map(|age| login("ada", NOW + age));
    let mut bob = login("bob", NOW);
    let before = desk.cookie("session").expect("a cookie").to_owned();
    // Also one that the list lost.
    if settings == FILES {
        fs::remove_dir_all(state.path().join("sessions/listed")).expect("the lists");
    }
    desk.set_now(NOW + 2);
    let response = desk.post("/sessions", &[("others", "1")]);
    assert_eq!(response.status, 303, "{}", response.text());
    assert_ne!(desk.cookie("session"), Some(before.as_str()));
    let shown = page(&mut desk);
    assert!(words(&shown.text()).contains("All other sessions have ended."));
    assert_eq!(rows(&shown).len(), 1, "{settings:?}");
    assert!(is_logged_in(&mut desk), "{settings:?}");
    assert!(!is_logged_in(&mut phone) && !is_logged_in(&mut tablet));
    assert!(is_logged_in(&mut bob), "{settings:?}");
    let mut copy = browser(&server, &state, settings);
    copy.set_now(NOW + 2);
    copy.set_cookie("session", &before);
    assert!(!is_logged_in(&mut copy), "{settings:?}: the old id");
    // A later login is another session.
    let mut phone = login("ada", NOW + 3);
    assert_eq!(rows(&page(&mut phone)).len(), 2, "{settings:?}");
}

#[test]
fn a_user_ends_all_other_sessions() {
    all_others_end(FILES);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_user_ends_all_other_sessions_in_redis() {
    with_redis("others", all_others_end);
}

fn a_list_has_what_is_valid(settings: Settings<'_>) {
    let (server, state) = (signet::app::server(), state());
    let login = |name: &str, now: u64| logged_in(&server, &state, settings, name, now);
    let mut desk = login("ada", NOW);
    let mut shown = |now: u64| {
        desk.set_now(now);
        rows(&page(&mut desk)).len()
    };
    let mut phone = login("ada", NOW);
    assert_eq!(shown(NOW), 2, "{settings:?}");
    assert_eq!(phone.get("/logout").status, 303);
    assert_eq!(shown(NOW), 1, "{settings:?}: logged out");
    // The same browser again, and the same user again.
    let form = [("username", "ada"), ("password", "correct horse")];
    for _ in 0..2 {
        assert_eq!(phone.post("/login", &form).status, 303);
        assert_eq!(shown(NOW), 2, "{settings:?}");
    }
    // Another user in the same browser.
    let other = [("username", "bob"), ("password", "correct horse")];
    assert_eq!(phone.post("/login", &other).status, 303);
    assert_eq!(shown(NOW), 1, "{settings:?}");
    assert_eq!(rows(&page(&mut phone)).len(), 1, "{settings:?}");
    // Expired: without use for 31 days.
    drop(login("ada", NOW));
    assert_eq!(shown(NOW + 30 * 24 * 3600), 2, "{settings:?}");
    assert_eq!(shown(NOW + 32 * 24 * 3600), 1, "{settings:?}");
}

#[test]
fn only_valid_sessions_are_listed() {
    a_list_has_what_is_valid(FILES);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn only_valid_sessions_are_listed_in_redis() {
    with_redis("valid", a_list_has_what_is_valid);
}

/// The sessions of the old password are no more.
#[test]
fn a_new_password_leaves_one_session_in_the_list() {
    let (server, state) = (signet::app::server(), state());
    let mut desk = logged_in(&server, &state, FILES, "ada", NOW);
    let mut phone = logged_in(&server, &state, FILES, "ada", NOW);
    let form = [
        ("password", "correct horse"),
        ("new_password", "battery staple 7"),
        ("new_password_again", "battery staple 7"),
    ];
    let response = desk.post("/password", &form);
    assert_eq!(response.status, 303, "{}", response.text());
    assert_eq!(rows(&page(&mut desk)).len(), 1);
    assert_eq!(phone.get("/sessions").status, 303);
}

#[test]
fn another_site_cannot_end_sessions() {
    let (server, state) = (signet::app::server(), state());
    let mut desk = logged_in(&server, &state, FILES, "ada", NOW);
    let mut phone = logged_in(&server, &state, FILES, "ada", NOW);
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Origin", "https://evil.example"),
    ] {
        let form = "application/x-www-form-urlencoded";
        let headers = [("Content-Type", form), (name, value)];
        let response = desk.send(Method::POST, "/sessions", &headers, b"others=1");
        assert_eq!(response.status, 403, "{name}");
    }
    let response = desk.get("/sessions?others=1");
    assert_eq!(response.status, 200);
    assert!(is_logged_in(&mut phone));
}

/// A hundred at most, and those that were used last.
#[test]
fn the_list_is_bounded() {
    let (server, state) = (signet::app::server(), state());
    let mut desk = logged_in(&server, &state, FILES, "ada", NOW);
    let later = |number: usize| NOW + 1 + u64::try_from(number).expect("small");
    let mut last = None;
    for number in 0..MAX_LISTED {
        last = Some(logged_in(&server, &state, FILES, "ada", later(number)));
    }
    let mut last = last.expect("a browser");
    let lists = fs::read_dir(state.path().join("sessions/listed")).expect("the lists");
    let paths: Vec<_> = lists.map(|list| list.expect("a list").path()).collect();
    let [list] = &paths[..] else {
        panic!("{paths:?}");
    };
    // The name of the file is a hash of the user's.
    let name = list
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    let hash = base16ct::lower::encode_string(&Sha256::digest("ada"));
    assert_eq!(name, hash);
    let bytes = fs::read(list).expect("the list");
    assert_eq!(bytes.len(), MAX_LISTED * 65);
    let shown = page(&mut last);
    assert_eq!(rows(&shown).len(), MAX_LISTED);
    let text = words(&shown.text());
    assert!(text.contains("The last 100 sessions are shown."), "{text}");
    // The first one is in no list, but is not lost.
    assert!(is_logged_in(&mut desk));
    assert_eq!(last.post("/sessions", &[("others", "1")]).status, 303);
    assert!(!is_logged_in(&mut desk));
    assert_eq!(rows(&page(&mut last)).len(), 1);
}

/// Nobody else has one, whatever is sent.
#[test]
fn only_users_who_logged_in_have_a_list() {
    let (server, state) = (signet::app::server(), state());
    let mut eve = browser(&server, &state, FILES);
    for form in [
        [("username", "eve"), ("password", "no")],
        [("username", "ada"), ("password", "no")],
    ] {
        assert_eq!(eve.post("/login", &form).status, 403);
    }
    let mut ada = logged_in(&server, &state, FILES, "ada", NOW);
    let listed = state.path().join("sessions/listed");
    let count = || fs::read_dir(&listed).map_or(0, Iterator::count);
    assert_eq!(count(), 1);
    assert_eq!(ada.get("/logout").status, 303);
    assert_eq!(count(), 0, "with the last session");
    // In the demo again, with a session that has a fingerprint.
    let mut ada = logged_in(&server, &state, FILES, "ada", NOW);
    for name in ["users", "users.seen"] {
        fs::remove_file(state.path().join(name)).expect("remove it");
    }
    for name in ["x", "y", "z"] {
        assert_eq!(ada.post("/login", &[("username", name)]).status, 303);
    }
    assert!(count() <= 1);
}

/// The login works, and the log says why the session is in no list.
#[test]
fn a_list_that_cannot_be_used_prevents_no_login() {
    let (server, state) = (signet::app::server(), state());
    state.write("sessions/listed", "", 0o600);
    let mut ada = browser(&server, &state, FILES);
    let form = [("username", "ada"), ("password", "correct horse")];
    let response = ada.post("/login", &form);
    assert_eq!(response.status, 303, "{}", response.log);
    assert!(
        response.log.contains("listed: is not a folder"),
        "{}",
        response.log
    );
    assert!(is_logged_in(&mut ada));
    assert_eq!(ada.get("/logout").status, 303);
    assert!(!is_logged_in(&mut ada));
}

/// Lists of users who were removed go as their sessions do.
#[test]
fn lists_without_sessions_are_swept() {
    let state = StateDir::new();
    let euid = rustix::process::geteuid().as_raw();
    let store = Files::new(&state.path().join("sessions"), euid, 600).expect("a trusted path");
    let id = SessionId::generate().expect("random bytes");
    let add = |user: &str| {
        let mut add = |list: &mut signet::session::listed::SessionList| list.add(id.key());
        store.change_list(user, &mut add).expect("change it");
    };
    add("ada");
    add("bob");
    let now = crate::support::now();
    store.sweep(now + 500).expect("sweep");
    assert_eq!(store.list("ada").expect("a list").keys(), [id.key()]);
    store.sweep(now + 700).expect("sweep");
    for user in ["ada", "bob", "eve"] {
        assert_eq!(store.list(user).expect("a list").keys(), []);
    }
}
