//! Which users get a file, and until when.

use std::fs;

use signet::http::Method;
use signet::testing::Client;

use super::{KEY, Server, ada, beside, browser, links, location, log_in, state};
use crate::support::token::Signer;
use crate::support::{StateDir, now};

/// A login that accepts any name protects nothing.
#[test]
fn without_users_there_is_no_file_whatever_the_session_says() {
    let (server, state) = (signet::app::server(), state());
    fs::remove_file(state.path().join("users")).unwrap();
    let mut client = browser(&server, &state);
    let nobody = client.get("/files/a.txt");
    assert_eq!(log_in(&mut client).status, 303);
    assert!(client.get("/").text().contains("Logged in as ada"));
    for response in [nobody, client.get("/files/a.txt"), client.get("/old/a.txt")] {
        assert_eq!(response.status, 503);
        assert!(
            response.text().contains("add_users.txt"),
            "{}",
            response.text()
        );
    }
    assert!(!client.get("/").text().contains("/files/"));
}

/// Rules for users count for the URL and for the file to which it leads.
#[test]
fn a_user_without_access_learns_which_account_is_used_and_no_more() {
    let (server, state) = (signet::app::server(), state());
    let private = beside(&state, "private");
    std::os::unix::fs::symlink("../board/b.txt", private.join("list/link.txt")).unwrap();
    state.write("../private/board/b.txt", "b", 0o644);
    state.write("../private/closed/c.txt", "c", 0o644);
    state.write("../private/closed/.signet-users", "bob\n", 0o644);
    let rules = r#"{"/files/board": ["bob"], "/files/sub/index.html": [], "/old/a.txt": ["bob"]}"#;
    let mut client = ada(&server, &state)
        .setting("GUARD_USERS", rules)
        .setting("GUARD_LISTING", "true");
    #[rustfmt::skip]
    let cases = [
        ("/files/board/b.txt",   403), ("/files/board/none", 403), ("/files/board", 403),
        ("/files/list/link.txt", 403), ("/files/sub/",       403), ("/old/a.txt",   403),
        ("/files/closed/c.txt",  403), ("/files/closed/none", 403), ("/files/closed/x/y", 403),
        ("/files/closed",        403), ("/files/list/b.txt", 200), ("/files/none",  404),
    ];
    for (path, status) in cases {
        let response = client.get(path);
        assert_eq!(response.status, status, "{path}: {}", response.log);
        if status == 403 {
            assert!(
                response.text().contains("ada"),
                "{path}: {}",
                response.text()
            );
        }
    }
    let page = client.get("/files/").text();
    let shown: Vec<String> = links(&page).into_iter().map(|(_, text)| text).collect();
    assert_eq!(shown, ["closed/", "list/", "sub/", "a.txt", "script.php"]);
}

/// Another login of the site, which shares the key: a signed name suffices.
#[test]
fn with_another_login_its_users_get_the_files() {
    let (server, state) = (signet::app::server(), state());
    fs::remove_file(state.path().join("users")).unwrap();
    let mut client = browser(&server, &state).setting("LOGIN_URL", "/account/login");
    client.set_now(now());
    let nobody = client.get("/old/a.txt");
    assert_eq!(location(&nobody), "/account/login?next=/old/a.txt");
    let token = Signer::with_key(KEY.as_bytes()).token(r#"{"username":"ada"}"#, now());
    client.set_cookie("session", &token);
    assert_eq!(client.get("/old/a.txt").text(), "of the site");
    assert!(
        client
            .get("/")
            .text()
            .contains("<a href=\"/files/\">Files</a>")
    );
    let page = client.setting("GUARD_LISTING", "true").get("/files/list/");
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("Log out"), "{}", page.text());
}

/// A video is fetched in parts.
#[test]
fn the_next_part_is_refused_after_the_session_ended() {
    let (server, state) = (signet::app::server(), state());
    let part = |client: &mut Client<'_>| {
        client.send(Method::GET, "/files/a.txt", &[("range", "bytes=4-7")], b"")
    };
    // Logged out here, and everywhere in another browser; a new password; a removed user.
    let other = ada(&server, &state).post("/logout", &[("everywhere", "1")]);
    assert_eq!(other.status, 303);
    type End = fn(&Server, &StateDir, &mut Client<'_>);
    let ends: [(&str, End); 4] = [
        ("logout", |_, _, client| {
            client.post("/logout", &[]);
        }),
        ("everywhere", |server, state, client| {
            let mut other = browser(server, state);
            let cookie = client.cookie("session").unwrap().to_owned();
            other.set_cookie("session", &cookie);
            assert_eq!(other.post("/logout", &[("everywhere", "1")]).status, 303);
        }),
        ("password", |_, state, _| {
            // `htpasswd -nbBC 4 ada other`, with another salt.
            let other = "ada:$2y$04$......................O/0A2.zSTKgaRrGSyEeEuPLqAl1Mgva";
            fs::write(state.path().join("users"), other).unwrap();
        }),
        ("removed", |_, state, _| {
            fs::write(state.path().join("users"), "bob:x\n").unwrap();
        }),
    ];
    for (name, end) in ends {
        let state = self::state();
        let mut client = ada(&server, &state);
        let first = part(&mut client);
        assert_eq!(
            (first.status.as_u16(), &*first.text()),
            (206, "file"),
            "{name}"
        );
        end(&server, &state, &mut client);
        let next = part(&mut client);
        assert_eq!(next.status, 303, "{name}");
        assert!(!next.text().contains("file\""), "{name}");
    }
}
