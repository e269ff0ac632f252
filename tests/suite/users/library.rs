//! `Server::users`, `log_in` and `require_user`: users with passwords in programs that have
//! pages of their own.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use signet::http::Method;
use signet::testing::Client;
use signet::{Attempted, Error, Form, Request, Response, Server, Session};
use signet::{form, log_in, redirect, require_user};

use super::OTHER;
use crate::support::StateDir;

/// `htpasswd -nbBC 4 ada 'old secret 1'`.
const ADA: &str = "ada:$2y$04$AJ4T..S3XeAXHEw3UVH5GOx.GKdUVUgywtLSKmRnv4s5Ov4ekJK4C";
const PASSWORD: &str = "old secret 1";

fn login(request: &Request, session: &mut Session) -> Result<String, Error> {
    let fields: Form = form(request)?;
    let field = |name| fields.get(name).unwrap_or_default();
    let attempted = log_in(request, session, field("username"), field("password"))?;
    Ok(match attempted {
        Attempted::LoggedIn => "in".to_owned(),
        Attempted::Wrong => "wrong".to_owned(),
        Attempted::Limited { seconds } => format!("wait {seconds}"),
    })
}

/// Without a check of logins and without a page for the login.
fn routes() -> Server<'static> {
    Server::named("club")
        .get("/members", |request, session| {
            require_user(request, session)
        })
        .post("/members", |request, session| {
            require_user(request, session)
        })
        .post("/members/{id}", |request, session| {
            require_user(request, session)
        })
        .post("/in", login)
        .get("/name", |_, session| {
            session.username().unwrap_or("nobody").to_owned()
        })
        .get("/free", |_, _| "free")
        .get("/basket", |_, session| {
            session.get_or("basket", 0).to_string()
        })
        .post("/basket", |_, session| -> Response {
            session.insert("basket", 7);
            redirect("/basket")
        })
}

fn program() -> Server<'static> {
    let page = |_: &Request, _: &mut Session| "the form";
    routes().users().get("/enter", page).endpoint("login")
}

fn client<'s>(server: &'s Server<'s>, state: &StateDir) -> Client<'s> {
    Client::new(server)
        .setting("SECRET_KEY", "tests-only-7f3a91c6e0d24b58")
        .state_dir(state.path())
        .without_redirects()
}

fn fields<'f>(name: &'f str, password: &'f str) -> [(&'f str, &'f str); 2] {
    [("username", name), ("password", password)]
}

fn state() -> StateDir {
    let state = StateDir::new();
    state.write("users", format!("{ADA}\nbob:{OTHER}\n"), 0o600);
    state
}

#[test]
fn visitors_are_sent_to_the_login_and_back() {
    let (server, state) = (program(), state());
    let mut visitor = client(&server, &state);
    #[rustfmt::skip]
    let cases = [
        // method       URL                     target
        (Method::GET,  "/members",              "/enter?next=%2Fmembers"),
        (Method::HEAD, "/members?a=1&b=%26",    "/enter?next=%2Fmembers%3Fa%3D1%26b%3D%2526"),
        (Method::POST, "/members",              "/enter?next=%2Fmembers"),
        // A redirect leads to a GET, which this URL does not have.
        (Method::POST, "/members/7",            "/enter"),
    ];
    for (method, url, target) in cases {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let response = visitor.send(method.clone(), url, &form, b"");
        assert_eq!(response.status, 303, "{method} {url}");
        assert_eq!(response.header("location"), Some(target), "{method} {url}");
        let caches = response.header("cache-control").unwrap_or_default();
        assert!(caches.contains("no-store"), "{method} {url}: {caches}");
        assert_eq!(response.log, "", "{method} {url}");
    }
    // What the session has besides a login is kept.
    visitor.post("/basket", &[]);
    assert_eq!(visitor.get("/members").status, 303);
    assert_eq!(visitor.get("/basket").text(), "7");
    assert_eq!(visitor.post("/in", &fields("ada", PASSWORD)).text(), "in");
    assert_eq!(visitor.get("/members").text(), "ada");
    assert_eq!(visitor.get("/basket").text(), "7");
}

#[test]
fn a_login_is_checked_and_limited_as_that_of_signet() {
    let (server, state) = (program(), state());
    let mut ada = client(&server, &state);
    assert_eq!(ada.post("/in", &fields("ada", PASSWORD)).text(), "in");
    let mut guest = client(&server, &state);
    let wrong = [
        fields("ada", "wrong"),
        fields("ada", ""),
        fields("nobody", PASSWORD),
        fields("", PASSWORD),
    ];
    for fields in wrong {
        assert_eq!(guest.post("/in", &fields).text(), "wrong", "{fields:?}");
    }
    let long = "x".repeat(1025);
    assert_eq!(guest.post("/in", &fields("ada", &long)).text(), "wrong");
    for _ in 0..4 {
        guest.post("/in", &fields("ada", "wrong"));
    }
    let waiting = guest.post("/in", &fields("ada", PASSWORD)).text();
    assert!(waiting.starts_with("wait "), "{waiting}");
    assert_eq!(guest.get("/name").text(), "nobody");
    // Strangers at the same address do not lock her out of a browser that is known.
    assert_eq!(ada.post("/in", &fields("ada", PASSWORD)).text(), "in");
    // An end of the password is an end of the session.
    assert_eq!(ada.get("/name").text(), "ada");
    state.write("users", format!("ada:{OTHER}\n"), 0o600);
    assert_eq!(ada.get("/name").text(), "nobody");
    assert_eq!(ada.get("/members").status, 303);
}

/// There is no demo: nobody gets in by any name.
#[test]
fn without_a_users_file_nobody_logs_in() {
    let (server, state) = (program(), state());
    let mut ada = client(&server, &state);
    ada.post("/in", &fields("ada", PASSWORD));
    fs::remove_file(state.path().join("users")).expect("remove it");
    for response in [
        ada.get("/members"),
        ada.get("/name"),
        ada.post("/in", &fields("ada", PASSWORD)),
        client(&server, &state).post("/in", &fields("ada", PASSWORD)),
    ] {
        assert_eq!(response.status, 503, "{}", response.text());
        let path = state.path().join("users").display().to_string();
        assert!(response.log.contains(&format!("{path} does not exist")));
        assert!(!response.text().contains(&path));
        assert!(response.headers.get("set-cookie").is_none());
    }
    // Pages that use no session, and visitors without a login, are served.
    assert_eq!(ada.get("/free").text(), "free");
    let mut visitor = client(&server, &state);
    assert_eq!(visitor.get("/members").status, 303);
    // The session is still there.
    state.write("users", format!("{ADA}\n"), 0o600);
    assert_eq!(ada.get("/members").text(), "ada");
    // Without a state folder, too.
    let mut nowhere = Client::new(&server);
    assert_eq!(nowhere.post("/in", &fields("ada", PASSWORD)).status, 503);
}

#[test]
fn an_upload_makes_the_first_user() {
    let (server, state) = (program(), StateDir::new());
    let path = state.write("add_users.txt", format!("ada:{PASSWORD}\n"), 0o600);
    let file = File::options().write(true).open(&path).expect("open it");
    let before = SystemTime::now() - Duration::from_secs(60);
    file.set_modified(before).expect("set its time");
    let mut client = client(&server, &state);
    // By the clock of the machine.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    client.set_now(now.expect("after 1970").as_secs());
    assert_eq!(client.post("/in", &fields("ada", PASSWORD)).text(), "in");
    assert!(!path.exists());
}

#[test]
fn a_program_that_is_incomplete_says_what_is_missing() {
    let state = state();
    let server = routes();
    let mut visitor = client(&server, &state);
    let response = visitor.get("/members");
    assert_eq!(response.status, 500);
    let said = "no route has the endpoint \"login\"";
    assert!(response.log.contains(said), "{}", response.log);
    let response = visitor.post("/in", &fields("ada", PASSWORD));
    assert_eq!(response.status, 500);
    let said = "log_in needs Server::users";
    assert!(response.log.contains(said), "{}", response.log);
}
