//! The page `/password`, where users change their passwords.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::geteuid;
use signet::files::shared::{Patience, SharedFile};
use signet::http::Method;
use signet::testing::{Client, Response};
use signet::users::file::UsersFile;
use signet::users::hash::PasswordHash;
use signet::users::store::{self, StoreError};

use super::places::{ALICE, ROOT, site};
use super::{HASH, OTHER, htpasswd_accepts};
use crate::support::StateDir;
use crate::support::html::unescape;
use crate::support::response;

const OLD: &str = "old secret 1";
const NEW: &str = "new secret 2";

/// `htpasswd -nbBC 4 ada 'old secret 1'`.
const ADA: &str = "ada:$2y$04$AJ4T..S3XeAXHEw3UVH5GOx.GKdUVUgywtLSKmRnv4s5Ov4ekJK4C";

/// Sessions in the cookie, and in files.
const STORES: [&str; 2] = ["cookie", "filesystem"];

type Server = signet::Server<'static>;

/// The fields of a form.
type Fields<'f> = &'f [(&'f str, &'f str)];

/// A state folder with the users ada and bob.
fn state() -> StateDir {
    let state = StateDir::new();
    state.write("users", format!("# ours\n{ADA}\nbob:{OTHER}\n"), 0o640);
    state
}

fn users(state: &StateDir) -> String {
    fs::read_to_string(state.path().join("users")).expect("the users file")
}

/// A browser at a site whose sessions are in `store`.
fn browser<'s>(server: &'s Server, state: &StateDir, store: &str) -> Client<'s> {
    Client::new(server)
        .setting("SECRET_KEY", "tests-only-7f3a91c6e0d24b58")
        .setting("SESSION_TYPE", store)
        .state_dir(state.path())
        .without_redirects()
}

fn log_in(client: &mut Client<'_>, password: &str) -> Response {
    client.post("/login", &[("username", "ada"), ("password", password)])
}

/// A browser in which ada is logged in.
fn ada<'s>(server: &'s Server, state: &StateDir, store: &str) -> Client<'s> {
    let mut client = browser(server, state, store);
    let response = log_in(&mut client, OLD);
    assert_eq!(response.status, 303, "{}", response.log);
    client
}

fn change(client: &mut Client<'_>, old: &str, new: &str, again: &str) -> Response {
    let fields = [
        ("password", old),
        ("new_password", new),
        ("new_password_again", again),
    ];
    client.post("/password", &fields)
}

fn is_logged_in(client: &mut Client<'_>) -> bool {
    client.get("/").text().contains("Logged in as ada")
}

#[test]
fn only_users_find_the_page() {
    let server = signet::app::server();
    let state = state();
    let link = "<a href=\"/password\">";
    for method in [Method::GET, Method::POST, Method::HEAD] {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let mut visitor = browser(&server, &state, "cookie");
        let response = visitor.send(method.clone(), "/password", &form, b"");
        assert_eq!(response.status, 303, "{method}");
        let target = response.header("location");
        assert_eq!(target, Some("/login?next=%2Fpassword"), "{method}");
    }
    let mut visitor = browser(&server, &state, "cookie");
    assert!(!visitor.get("/").text().contains(link));
    // The login leads back to it.
    let fields = [
        ("username", "ada"),
        ("password", OLD),
        ("next", "/password"),
    ];
    let response = visitor.post("/login", &fields);
    assert_eq!(response.header("location"), Some("/password"));
    assert_eq!(visitor.get("/password").status, 200);
    assert!(visitor.get("/").text().contains(link));
    let off = |client: Client<'static>| client.setting("PASSWORD_CHANGE", "false");
    let server: &'static Server = Box::leak(Box::new(signet::app::server()));
    let mut ada = off(ada(server, &state, "cookie"));
    assert!(is_logged_in(&mut ada));
    assert_eq!(ada.get("/password").status, 404);
    assert_eq!(change(&mut ada, OLD, NEW, NEW).status, 404);
    assert!(!ada.get("/").text().contains(link));
    // In the demo nobody has a password.
    let demo = StateDir::new();
    let mut visitor = browser(server, &demo, "cookie");
    assert_eq!(visitor.get("/password").status, 404);
    assert_eq!(log_in(&mut visitor, "any").status, 303);
    assert_eq!(visitor.get("/password").status, 404);
    assert!(!visitor.get("/").text().contains(link));
}

/// <https://w3c.github.io/webappsec-change-password-url/>
#[test]
fn password_managers_find_the_page() {
    let server = signet::app::server();
    let mut client = browser(&server, &state(), "cookie");
    let response = client.get("/.well-known/change-password");
    assert_eq!(response.status, 303);
    assert_eq!(response.header("location"), Some("/password"));
}

#[test]
fn a_change_keeps_this_session_and_ends_all_others() {
    let server = signet::app::server();
    for store in STORES {
        let state = state();
        let mut here = browser(&server, &state, store);
        let remember = [("username", "ada"), ("password", OLD), ("remember", "1")];
        assert_eq!(here.post("/login", &remember).status, 303);
        let mut there = ada(&server, &state, store);
        assert!(is_logged_in(&mut there), "{store}");
        let before = here.cookie("session").expect("a session").to_owned();

        let response = change(&mut here, OLD, NEW, NEW);
        assert_eq!(response.status, 303, "{store}: {}", response.log);
        assert_eq!(response.header("location"), Some("/"));
        let cookie = response.header("set-cookie").unwrap_or_default();
        assert!(cookie.contains("Expires="), "{store}: {cookie}");
        let log = "changed the password of \"ada\" from ";
        assert!(response.log.contains(log), "{}", response.log);
        for secret in [OLD, NEW] {
            assert!(!response.log.contains(secret), "{}", response.log);
        }

        let page = here.get("/").text();
        let said = "<p role=\"status\">Your password is changed.";
        assert!(page.contains(said), "{store}: {page}");
        assert!(!here.get("/").text().contains("is changed"), "once");
        assert!(is_logged_in(&mut here), "{store}");
        assert!(!is_logged_in(&mut there), "{store}");
        // A copy of the cookie from before.
        let mut thief = browser(&server, &state, store);
        thief.set_cookie("session", &before);
        assert!(!is_logged_in(&mut thief), "{store}");

        let mut client = browser(&server, &state, store);
        for _ in 1..=5 {
            assert_eq!(log_in(&mut client, OLD).status, 403, "{store}");
        }
        assert_eq!(log_in(&mut client, NEW).status, 429, "{store}");
        // This browser is known by the new password, too.
        assert_eq!(log_in(&mut here, NEW).status, 303, "{store}");

        // All other lines, and the mode, are kept; the hash is a strong one.
        let text = users(&state);
        assert!(text.starts_with("# ours\nada:$2y$12$"), "{text}");
        assert!(text.ends_with(&format!("\nbob:{OTHER}\n")), "{text}");
        let path = state.path().join("users");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).expect("it"));
        assert_eq!(mode & 0o7777, 0o640);
        assert!(htpasswd_accepts(&path, "ada", NEW));
        assert!(!htpasswd_accepts(&path, "ada", OLD));
    }
}

/// Words and statuses are those of the login.
#[test]
fn a_wrong_old_password_counts_as_a_failed_login() {
    let server = signet::app::server();
    for store in STORES {
        let state = state();
        let mut client = ada(&server, &state, store);
        let session = client.cookie("session").map(str::to_owned);
        // As many as are free in a browser in which ada has logged in.
        for attempt in 1..=10 {
            let response = change(&mut client, "wrong secret", NEW, NEW);
            assert_eq!(response.status, 403, "{store}: {attempt}");
            assert!(response.log.contains("failed login of \"ada\" from "));
            let page = response.text();
            let error = "id=\"error\" role=\"alert\">The old password is wrong.";
            assert!(page.contains(error), "{page}");
            for secret in ["wrong secret", NEW] {
                assert!(!page.contains(secret) && !response.log.contains(secret));
            }
        }
        // Also the right one has to wait, here and on the login page.
        let response = change(&mut client, OLD, NEW, NEW);
        assert_eq!(response.status, 429, "{store}");
        assert!(response.text().contains("Too many attempts to log in."));
        let seconds: Option<u64> = response.header("retry-after").and_then(|s| s.parse().ok());
        assert!(seconds.is_some_and(|seconds| (1..=900).contains(&seconds)));
        assert_eq!(log_in(&mut client, OLD).status, 429);
        assert_eq!(users(&state), format!("# ours\n{ADA}\nbob:{OTHER}\n"));
        assert_eq!(client.cookie("session").map(str::to_owned), session);
        assert!(is_logged_in(&mut client), "{store}");
    }
}

#[test]
fn a_new_password_that_is_refused_costs_no_attempt() {
    let server = signet::app::server();
    let state = state();
    let mut client = ada(&server, &state, "cookie");
    let long = "x".repeat(73);
    let longest = "x".repeat(1025);
    #[rustfmt::skip]
    let cases = [
        // new           again          words
        ("",             "",            "type your new password twice"),
        (NEW,            "",            "type your new password twice"),
        (NEW,            "new secret",  "The two new passwords differ"),
        (NEW,            "new secret 2 ", "The two new passwords differ"),
        ("1234567",      "1234567",     "has 7 characters. Please use at least 8"),
        ("äöüäöüä",      "äöüäöüä",     "has 7 characters. Please use at least 8"),
        (&*long,         &*long,        "at most 72 letters"),
        (&*longest,      &*longest,     "at most 72 letters"),
        ("password1",    "password1",   "one of the most common ones"),
        ("new\0secret",  "new\0secret", "characters that cannot be used"),
    ];
    for (new, again, words) in cases {
        // The old password is not even looked at: more of these would be too many.
        let response = change(&mut client, "wrong secret", new, again);
        assert_eq!(response.status, 400, "{words}");
        let page = response.text();
        assert!(page.contains("id=\"new_error\" role=\"alert\">"), "{page}");
        assert!(page.contains(words), "{words}: {page}");
        assert!(
            new.is_empty() || !page.contains(&format!("\"{new}\"")),
            "{page}"
        );
    }
    #[rustfmt::skip]
    let forms: [(&str, Fields<'_>, &str); 3] = [
        ("no field", &[], "type your new password twice"),
        ("a field twice", &[("password", OLD), ("new_password", NEW), ("new_password", NEW), ("new_password_again", NEW)],
            "type your new password twice"),
        ("no old password", &[("new_password", NEW), ("new_password_again", NEW)], "Please type your password"),
    ];
    for (name, fields, words) in forms {
        let response = client.post("/password", fields);
        assert_eq!(response.status, 400, "{name}");
        assert!(response.text().contains(words), "{name}");
    }
    let response = client.send(
        Method::POST,
        "/password",
        &[("Content-Type", "text/plain")],
        b"x",
    );
    assert_eq!(response.status, 415);
    assert_eq!(users(&state), format!("# ours\n{ADA}\nbob:{OTHER}\n"));
    // Nothing was counted; the name in the form is for password managers only.
    let fields = [
        ("username", "bob"),
        ("password", OLD),
        ("new_password", "neu \u{fc}e\u{301} 3"),
        ("new_password_again", "neu \u{fc}e\u{301} 3"),
    ];
    assert_eq!(client.post("/password", &fields).status, 303);
    assert!(users(&state).ends_with(&format!("\nbob:{OTHER}\n")));
    assert!(is_logged_in(&mut client));
}

#[test]
fn the_name_is_no_password() {
    let server = signet::app::server();
    let state = StateDir::new();
    let line = ADA.replacen("ada", "ada.lovelace", 1);
    state.write("users", format!("{line}\n"), 0o600);
    let mut client = browser(&server, &state, "cookie");
    let fields = [("username", "ada.lovelace"), ("password", OLD)];
    assert_eq!(client.post("/login", &fields).status, 303);
    let response = change(&mut client, OLD, "Ada.Lovelace", "Ada.Lovelace");
    assert_eq!(response.status, 400);
    assert!(response.text().contains("is your name"));
}

/// The value of an attribute in a tag.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"')?.0)
}

/// What password managers and screen readers need.
#[test]
fn the_form_names_its_fields() {
    let server = signet::app::server();
    let state = state();
    let mut client = ada(&server, &state, "cookie");
    let wrong = change(&mut client, "wrong secret", NEW, NEW).text();
    let short = change(&mut client, OLD, "short", "short").text();
    for page in [client.get("/password").text(), wrong, short] {
        let inputs: Vec<&str> = page.split("<input").skip(1).collect();
        let inputs: Vec<&str> = inputs
            .iter()
            .map(|input| input.split_once('>').expect("a tag").0)
            .collect();
        let named: Vec<_> = inputs
            .iter()
            .map(|tag| (attribute(tag, "name"), attribute(tag, "autocomplete")))
            .collect();
        let wanted = [
            ("username", "username"),
            ("password", "current-password"),
            ("new_password", "new-password"),
            ("new_password_again", "new-password"),
        ];
        let wanted = wanted.map(|(name, fill)| (Some(name), Some(fill)));
        assert_eq!(named, wanted, "{page}");
        assert_eq!(attribute(inputs[0], "value"), Some("ada"));
        for tag in &inputs {
            let id = attribute(tag, "id").expect("an id");
            assert!(page.contains(&format!("<label for=\"{id}\">")), "{page}");
            let described = attribute(tag, "aria-describedby").unwrap_or_default();
            for id in described.split_whitespace() {
                assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{page}");
            }
            assert_eq!(
                tag.contains("aria-invalid"),
                described.contains("error"),
                "{tag}"
            );
        }
        assert!(!page.contains("onpaste") && page.matches("<script").count() == 1);
    }
}

/// A hard link: other programs would keep the old file. Root cannot change it either.
#[test]
fn a_file_that_cannot_be_changed_is_named_and_kept() {
    let server = signet::app::server();
    let state = state();
    let mut client = ada(&server, &state, "cookie");
    let path = state.path().join("users");
    fs::hard_link(&path, state.path().join("copy")).expect("make a link");
    for response in [
        client.get("/password"),
        change(&mut client, OLD, NEW, NEW),
        change(&mut client, "wrong secret", NEW, NEW),
    ] {
        assert_eq!(response.status, 503);
        let page = unescape(&response.text());
        assert!(
            page.contains("Your password cannot be changed here"),
            "{page}"
        );
        assert!(page.contains("“users” has a second name"), "{page}");
        assert!(!page.contains("<form"), "{page}");
        let path = state.path().display().to_string();
        assert!(!page.contains(&path) && response.log.contains(&path));
    }
    assert_eq!(users(&state), format!("# ours\n{ADA}\nbob:{OTHER}\n"));
    assert!(is_logged_in(&mut client));
}

/// The response of signet as alice, at the site of [`site`].
fn as_alice(
    site: &crate::live::site::Site,
    request: &[(&str, &str)],
    body: &str,
) -> response::Response {
    let mut signet = Command::new("setpriv")
        .args([
            format!("--reuid={}", ALICE.uid),
            format!("--regid={}", ALICE.gid),
        ])
        .arg("--clear-groups")
        .arg(site.path().join("signet"))
        .env_clear()
        .env("SIGNET_SECRET_KEY", "tests-only-7f3a91c6e0d24b58")
        .env("SIGNET_STATE_DIR", site.path().join("state"))
        .env("SIGNET_USERS_FILE", site.path().join("users/passwd"))
        .envs([
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("SERVER_NAME", "localhost"),
            ("SERVER_PORT", "80"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("SCRIPT_NAME", ""),
            ("CONTENT_TYPE", "application/x-www-form-urlencoded"),
        ])
        .env("CONTENT_LENGTH", body.len().to_string())
        .envs(request.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start setpriv");
    let mut stdin = signet.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, body.as_bytes()).expect("send the form");
    drop(stdin);
    let output = signet.wait_with_output().expect("run signet");
    response::Response::parse(&output.stdout).expect("a response")
}

#[test]
#[ignore = "needs root: run tests/run"]
fn who_can_change_the_password_is_said() {
    #[rustfmt::skip]
    let cases = [
        // name           folder  file   mode   words
        ("root's",        ROOT,   ROOT,  0o644, Some("only root can change the users file")),
        ("read-only",     ALICE,  ALICE, 0o444, Some("read-only (permissions 444)")),
        ("alice's own",   ALICE,  ALICE, 0o600, None),
    ];
    for (name, folder, file, mode, words) in cases {
        let site = site(ALICE, folder, file, mode);
        let login = [("REQUEST_METHOD", "POST"), ("PATH_INFO", "/login")];
        let response = as_alice(&site, &login, "username=ada&password=pw");
        assert_eq!(response.status, 303, "{name}");
        let cookie = response.cookie("session").expect("a session").value;
        let cookie = format!("session={cookie}");
        let page = [
            ("REQUEST_METHOD", "GET"),
            ("PATH_INFO", "/password"),
            ("HTTP_COOKIE", &cookie),
        ];
        let response = as_alice(&site, &page, "");
        let text = unescape(response.text());
        match words {
            Some(words) => {
                assert_eq!(response.status, 503, "{name}: {text}");
                assert!(text.contains(words), "{name}: {text}");
            }
            None => assert_eq!(response.status, 200, "{name}: {text}"),
        }
    }
}

/// The owner gives the user another password while the user changes it.
#[test]
fn a_change_by_somebody_else_is_not_undone() {
    let state = state();
    let path = state.path().join("users");
    let file = SharedFile::anywhere(&path, geteuid().as_raw()).expect("trusted");
    let found = |name: &str| {
        let text = fs::read(&path).expect("it");
        UsersFile::find_in(&text, name).expect("a user")
    };
    let (before, hash) = (found("ada"), PasswordHash::parse(HASH).expect("a hash"));
    let replace = || store::replace(&file, Patience::Short, &before, &hash);
    let superseded = StoreError::Superseded {
        name: before.name.clone(),
    };
    for text in [format!("ada:{OTHER}\n"), format!("bob:{OTHER}\n")] {
        fs::write(&path, &text).expect("write it");
        assert_eq!(replace(), Err(superseded.clone()));
        assert_eq!(users(&state), text);
    }
    fs::write(&path, format!("{ADA}\n")).expect("write it");
    assert_eq!(replace(), Ok(()));
    assert_eq!(users(&state), format!("ada:{HASH}\n"));
}
