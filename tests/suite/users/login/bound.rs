//! Sessions are bound to the password: on every machine, with every store.

use signet::session::revocation::MAX_INVENTED;
use signet::testing::Client;
use signet::{Request, Server, Session};

use super::{
    ADA, ADA_CHANGED, BOB, NOW, PASSWORD, attempt, browser, log_in, post, server, state_of, user,
};
use crate::support::redis::RedisServer;
use crate::support::{KEY, StateDir};

type Settings<'s> = &'s [(&'s str, &'s str)];

const COOKIE: Settings<'_> = &[("SESSION_TYPE", "cookie")];
const FILES: Settings<'_> = &[("SESSION_TYPE", "filesystem")];

/// Runs a test with the stores that need no server.
fn with_local_stores(test: fn(Settings<'_>)) {
    test(COOKIE);
    test(FILES);
}

/// Runs a test with Redis, under keys of its own.
fn with_redis(name: &str, test: fn(Settings<'_>)) {
    let redis = RedisServer::shared();
    let (url, prefix) = (redis.url(), format!("{name}:"));
    test(&[
        ("SESSION_TYPE", "redis"),
        ("SESSION_REDIS", &url),
        ("SESSION_KEY_PREFIX", &prefix),
    ]);
}

fn browser_with<'s>(
    server: &'s Server<'s>,
    state: &StateDir,
    settings: Settings<'_>,
) -> Client<'s> {
    settings
        .iter()
        .fold(browser(server, state), |client, (name, value)| {
            client.setting(name, value)
        })
}

/// Another program of the site, which has its sessions and judges no login.
fn other_program() -> Server<'static> {
    Server::named("signet")
        .get("/put", |_: &Request, session: &mut Session| {
            session.insert("cart", 7);
            "put"
        })
        .get("/name", |_: &Request, session: &mut Session| {
            session.insert("username", "ada");
            session.insert("_fingerprint", 1);
            "named"
        })
        .get("/show", |_: &Request, session: &mut Session| {
            let mut keys: Vec<&str> = session.iter().map(|(key, _)| key).collect();
            keys.retain(|key| !key.starts_with("_started"));
            keys.sort_unstable();
            keys.join(" ")
        })
}

/// [`elsewhere`], with sessions of this kind.
pub(super) fn elsewhere_with(
    path: &str,
    state: &StateDir,
    kind: &str,
    here: &mut Client<'_>,
) -> String {
    elsewhere(path, state, &[("SESSION_TYPE", kind)], here)
}

/// Does something in the other program with the cookie of a browser.
fn elsewhere(
    path: &str,
    state: &StateDir,
    settings: Settings<'_>,
    here: &mut Client<'_>,
) -> String {
    let other = other_program();
    let mut there = browser_with(&other, state, settings);
    if let Some(cookie) = here.cookie("session") {
        there.set_cookie("session", cookie);
    }
    let response = there.get(path);
    assert_eq!(response.status, 200, "{}", response.log);
    if let Some(cookie) = there.cookie("session") {
        here.set_cookie("session", cookie);
    }
    response.text()
}

fn a_change_ends_the_users_sessions(settings: Settings<'_>) {
    let before = format!("{ADA}{BOB}");
    for (name, after, is_ended) in [
        ("password changed", format!("{ADA_CHANGED}{BOB}"), true),
        ("user removed", BOB.to_owned(), true),
        ("file replaced", BOB.replace("bob", "ada"), true),
        (
            "hash refused",
            "ada:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n".to_owned() + BOB,
            true,
        ),
        ("file emptied", String::new(), true),
        ("lines moved", format!("# users\r\n{BOB}\r\n{ADA}"), false),
        (
            "another changed",
            format!("{ADA}{}", ADA_CHANGED.replace("ada", "bob")),
            false,
        ),
    ] {
        let (server, state) = (server(), state_of(&before));
        let mut ada = browser_with(&server, &state, settings);
        let mut elsewhere = browser_with(&server, &state, settings);
        log_in(&mut ada, "ada", PASSWORD);
        log_in(&mut elsewhere, "ada", PASSWORD);
        state.write("users", &after, 0o600);
        let wanted = (!is_ended).then_some("ada");
        assert_eq!(user(&mut ada).as_deref(), wanted, "{settings:?}: {name}");
        // In each of the user's browsers.
        assert_eq!(
            user(&mut elsewhere).as_deref(),
            wanted,
            "{settings:?}: {name}"
        );
        if name == "password changed" {
            assert_eq!(attempt(&mut ada, "ada", PASSWORD).status, 403);
            log_in(&mut ada, "ada", "battery staple");
            assert_eq!(user(&mut elsewhere), None, "{settings:?}: logged in anew");
        }
    }
}

#[test]
fn a_changed_password_ends_sessions() {
    with_local_stores(a_change_ends_the_users_sessions);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_changed_password_ends_sessions_in_redis() {
    with_redis("changed", a_change_ends_the_users_sessions);
}

/// They have no fingerprint: the name is ignored, and the rest is kept.
fn a_session_of_the_demo_is_no_login(settings: Settings<'_>) {
    let (server, state) = (server(), StateDir::new());
    let mut ada = browser_with(&server, &state, settings);
    assert_eq!(post(&mut ada, &[("username", "ada")]).status, 303);
    elsewhere("/put", &state, settings, &mut ada);
    assert_eq!(user(&mut ada).as_deref(), Some("ada"));
    state.write("users", ADA, 0o600);
    assert_eq!(user(&mut ada), None, "{settings:?}");
    assert_eq!(attempt(&mut ada, "ada", "wrong").status, 403);
    assert_eq!(user(&mut ada), None, "{settings:?}");
    let shown = elsewhere("/show", &state, settings, &mut ada);
    assert!(shown.contains("cart"), "{settings:?}: {shown}");
    log_in(&mut ada, "ada", PASSWORD);
    let shown = elsewhere("/show", &state, settings, &mut ada);
    assert_eq!(shown, "_fingerprint cart username", "{settings:?}");
    // A logout keeps it, too.
    assert_eq!(ada.get("/logout").status, 303);
    assert_eq!(elsewhere("/show", &state, settings, &mut ada), "cart");
    // A value that is no text is a wrong fingerprint.
    elsewhere("/name", &state, settings, &mut ada);
    assert_eq!(user(&mut ada), None, "{settings:?}");
}

#[test]
fn sessions_from_before_the_users_file_keep_the_rest() {
    with_local_stores(a_session_of_the_demo_is_no_login);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn sessions_from_before_the_users_file_keep_the_rest_in_redis() {
    with_redis("demo", a_session_of_the_demo_is_no_login);
}

/// Of two cookies, one whose session has ended is no candidate.
fn an_ended_session_does_not_disagree(settings: Settings<'_>) {
    let (server, state) = (server(), state_of(&format!("{ADA}{BOB}")));
    let [mut ada, mut bob] = [(); 2].map(|()| browser_with(&server, &state, settings));
    log_in(&mut ada, "ada", PASSWORD);
    log_in(&mut bob, "bob", PASSWORD);
    let [ada, bob] = [&ada, &bob].map(|one| one.cookie("session").expect("a cookie").to_owned());
    for (first, second) in [(&ada, &bob), (&bob, &ada)] {
        let both = || {
            let mut both = browser_with(&server, &state, settings);
            both.set_cookie("session", &format!("{first}; session={second}"));
            both
        };
        state.write("users", format!("{ADA}{BOB}"), 0o600);
        assert_eq!(user(&mut both()), None, "{settings:?}: ambiguous");
        state.write("users", format!("{ADA_CHANGED}{BOB}"), 0o600);
        assert_eq!(user(&mut both()).as_deref(), Some("bob"), "{settings:?}");
    }
}

#[test]
fn of_two_cookies_the_valid_one_counts() {
    with_local_stores(an_ended_session_does_not_disagree);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn of_two_cookies_the_valid_one_counts_in_redis() {
    with_redis("two", an_ended_session_does_not_disagree);
}

/// Another program of the site may set such a cookie at another path.
fn a_login_that_does_not_count_disagrees_with_none(settings: Settings<'_>) {
    let (server, state) = (server(), StateDir::new());
    let [mut demo, mut ada, mut cart] = [(); 3].map(|()| browser_with(&server, &state, settings));
    assert_eq!(post(&mut demo, &[("username", "bob")]).status, 303);
    elsewhere("/put", &state, settings, &mut demo);
    elsewhere("/put", &state, settings, &mut cart);
    state.write("users", ADA, 0o600);
    log_in(&mut ada, "ada", PASSWORD);
    let [demo, ada, cart] =
        [&demo, &ada, &cart].map(|one| one.cookie("session").expect("a cookie").to_owned());
    let browser_of = |cookies: &[&String]| {
        let mut browser = browser_with(&server, &state, settings);
        let cookies: Vec<&str> = cookies.iter().map(|cookie| cookie.as_str()).collect();
        browser.set_cookie("session", &cookies.join("; session="));
        browser
    };
    for cookies in [[&demo, &ada], [&ada, &demo]] {
        let mut both = browser_of(&cookies);
        assert_eq!(user(&mut both).as_deref(), Some("ada"), "{settings:?}");
        // The logout ends both.
        assert_eq!(both.get("/logout").status, 303);
        assert_eq!(both.cookie("session"), None, "{settings:?}");
        if settings == FILES {
            return;
        }
    }
    // A session that never had a login does.
    for cookies in [[&cart, &ada], [&ada, &cart]] {
        assert_eq!(user(&mut browser_of(&cookies)), None, "{settings:?}");
    }
}

#[test]
fn a_cookie_of_the_demo_does_not_log_out() {
    with_local_stores(a_login_that_does_not_count_disagrees_with_none);
}

/// They are in the users file, so they are not invented.
#[test]
fn users_with_passwords_can_always_log_out_everywhere() {
    let (server, state) = (server(), state_of(ADA));
    let [mut desk, mut phone] = [(); 2].map(|()| browser(&server, &state));
    log_in(&mut desk, "ada", PASSWORD);
    log_in(&mut phone, "ada", PASSWORD);
    let lines: String = (0..MAX_INVENTED).map(|n| format!("{n:064x}\n")).collect();
    let list = format!("ended/lists/invented-{NOW}-{}", NOW + 1000);
    state.write(&list, lines, 0o600);
    assert_eq!(desk.post("/logout", &[("everywhere", "1")]).status, 303);
    let page = desk.get("/").text();
    assert!(page.contains("You are logged out everywhere"), "{page}");
    assert_eq!(user(&mut phone), None);
}

/// The old key signed the cookie and made the fingerprint.
fn a_new_key_keeps_logins(settings: Settings<'_>) {
    const NEW: &str = "another-test-key-90b2c4d1e8f7a6b5c4d3";
    let (server, state) = (server(), state_of(ADA));
    let mut ada = browser_with(&server, &state, settings);
    log_in(&mut ada, "ada", PASSWORD);
    let old = ada.cookie("session").expect("a cookie").to_owned();
    let with_key = |key: &str, fallbacks: &str| {
        let browser = browser_with(&server, &state, settings).setting("SECRET_KEY", key);
        let mut browser = browser.setting("SECRET_KEY_FALLBACKS", fallbacks);
        browser.set_cookie("session", &old);
        browser
    };
    assert_eq!(user(&mut with_key(NEW, "[]")), None, "{settings:?}");
    // Twice, and behind another one.
    let fallbacks = format!(r#"["a-third-test-key-5d9c27e8b1a64f03", "{KEY}"]"#);
    assert_eq!(user(&mut with_key(NEW, &fallbacks)).as_deref(), Some("ada"));
    let mut rotated = with_key(NEW, &format!(r#"["{KEY}"]"#));
    assert_eq!(user(&mut rotated).as_deref(), Some("ada"), "{settings:?}");
    // The session is used for longer than the old key.
    let mut rotated = rotated.setting("SECRET_KEY_FALLBACKS", "[]");
    assert_eq!(user(&mut rotated).as_deref(), Some("ada"), "{settings:?}");
    // A new password ends it all the same.
    state.write("users", ADA_CHANGED, 0o600);
    assert_eq!(user(&mut rotated), None, "{settings:?}");
}

#[test]
fn a_rotated_key_keeps_logins() {
    with_local_stores(a_new_key_keeps_logins);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_rotated_key_keeps_logins_in_redis() {
    with_redis("rotated", a_new_key_keeps_logins);
}

/// Machines with the same key and file agree; with another hash or key they do not.
#[test]
fn two_machines_agree() {
    let (server, here) = (server(), state_of(ADA));
    let mut ada = browser(&server, &here);
    log_in(&mut ada, "ada", PASSWORD);
    let cookie = ada.cookie("session").expect("a cookie").to_owned();
    for (name, users, key, wanted) in [
        ("the same", format!("{BOB}{ADA}"), KEY, Some("ada")),
        ("another password", ADA_CHANGED.to_owned(), KEY, None),
        (
            "another key",
            ADA.to_owned(),
            "another-test-key-90b2c4d1e8f7a6b5c4d3",
            None,
        ),
    ] {
        let there = state_of(&users);
        let mut ada = browser(&server, &there).setting("SECRET_KEY", key);
        ada.set_now(NOW + 5);
        ada.set_cookie("session", &cookie);
        assert_eq!(user(&mut ada).as_deref(), wanted, "{name}");
    }
}
