//! The login with passwords, as visitors and the owner of the site see it.

mod attack;
mod bound;
mod cost;
mod demo;
mod fastcgi;
mod faults;
mod form;
mod limited;
mod next;
mod remember;
mod upload;

use signet::testing::{Client, Response};
use signet::{Server, app};

use crate::support::{ADA, KEY, StateDir};

/// The right password of [`ADA`].
const PASSWORD: &str = "correct horse";

/// `htpasswd -nbBC 4 ada 'battery staple'`.
const ADA_CHANGED: &str = "ada:$2y$04$vrSArcMzRhD5WNEGQ3mdxux/LJmS0IEBJ0T.aF/QVQWX56CfE0o4e\n";

/// `htpasswd -nb2 -r 1000 bob 'correct horse'`.
const BOB: &str =
    "bob:$5$rounds=1000$X//vP1D2g9FA5oVA$omrkaVIUDHbLsZ/h4nsjE9JTB5hxe43ss7mQGZtn9/2\n";

/// The same password by `htpasswd -nbs`, `-nbd` and `-nbp`: formats that are refused.
const REFUSED: &str = "\
    sha:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n\
    des:7wLkNAnqFBj3o\n\
    plain:correct horse\n";

/// The password that is wrong.
const WRONG: &str = "tr0ub4dor&3-zq";

/// A second on the clock of these tests.
const NOW: u64 = 1_795_000_000;

/// A state folder with this users file.
fn state_of(users: &str) -> StateDir {
    let state = StateDir::new();
    state.write("users", users, 0o600);
    state
}

/// A browser at 192.0.2.1 that does not follow redirects.
fn browser<'s>(server: &'s Server<'s>, state: &StateDir) -> Client<'s> {
    let client = Client::new(server)
        .state_dir(state.path())
        .setting("SECRET_KEY", KEY)
        .setting("TRUST_PROXY", "true");
    let mut client = client.without_redirects();
    client.set_now(NOW);
    client
}

/// Sends the login form from this address.
fn post_from(client: &mut Client<'_>, address: &str, fields: &[(&str, &str)]) -> Response {
    let body = serde_urlencoded::to_string(fields).expect("a form");
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Forwarded-For", address),
    ];
    client.send(http::Method::POST, "/login", &headers, body.as_bytes())
}

/// Sends the login form from 192.0.2.1.
fn post(client: &mut Client<'_>, fields: &[(&str, &str)]) -> Response {
    post_from(client, "192.0.2.1", fields)
}

/// Tries to log in.
fn attempt(client: &mut Client<'_>, name: &str, password: &str) -> Response {
    post(client, &[("username", name), ("password", password)])
}

/// Logs in.
#[track_caller]
fn log_in(client: &mut Client<'_>, name: &str, password: &str) {
    let response = attempt(client, name, password);
    assert_eq!(
        response.status,
        303,
        "{}: {}",
        response.log,
        response.text()
    );
    assert_eq!(user(client).as_deref(), Some(name));
}

/// As whom the site knows the visitor.
#[track_caller]
fn user(client: &mut Client<'_>) -> Option<String> {
    let page = client.get("/");
    assert_eq!(page.status, 200, "{}", page.log);
    let text = page.text();
    let Some((_, rest)) = text.split_once("Logged in as ") else {
        assert!(text.contains("You are not logged in"), "{text}");
        return None;
    };
    let name = rest.trim_start_matches("<strong>");
    let name = name.split('<').next().unwrap_or_default();
    Some(name.trim().to_owned())
}

/// The program.
fn server() -> Server<'static> {
    app::server()
}
