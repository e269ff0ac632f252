//! The FastCGI gateway, from the web server's side of the socket. What pages
//! answer is the business of the rest of the suite, which tests/run runs
//! through this gateway as well.
//!
//! - `records`: records that are wrong, unusual or too large
//! - `requests`: one request after another, and beside another
//! - `connections`: peers that are slow, silent, strange or gone
//! - `process`: signals, and what changes while a worker lives
//! - `daemon`: `signet fastcgi`, its socket and its workers
//! - `settings`: parameters of a request that look like settings
//! - `sessions`: nothing of one visitor in another's response

mod connections;
mod daemon;
mod process;
mod records;
mod requests;
mod sessions;
mod settings;

use std::fs;

use rustix::process::Pid;

use crate::support::application::Application;
use crate::support::fastcgi::{Client, GET_VALUES, GET_VALUES_RESULT, pair, record, request};
use crate::support::now;
use crate::support::output::Ended;
use crate::support::response::Response;
use crate::support::token::Signer;

pub(crate) type Params = Vec<(&'static str, String)>;

/// What a web server says of a request for `route` below `/app`.
pub(crate) fn asks(method: &str, route: &str) -> Params {
    let text = |value: &str| value.to_owned();
    vec![
        ("GATEWAY_INTERFACE", text("CGI/1.1")),
        ("HTTP_HOST", text("example.org")),
        ("PATH_INFO", text(route)),
        ("QUERY_STRING", String::new()),
        ("REMOTE_ADDR", text("192.0.2.7")),
        ("REQUEST_METHOD", text(method)),
        ("REQUEST_URI", format!("/app{route}")),
        ("SCRIPT_NAME", text("/app")),
        ("SERVER_NAME", text("example.org")),
        ("SERVER_PORT", text("80")),
        ("SERVER_PROTOCOL", text("HTTP/1.1")),
    ]
}

/// [`asks`] with one more variable.
pub(crate) fn with(mut params: Params, name: &'static str, value: impl Into<String>) -> Params {
    params.push((name, value.into()));
    params
}

pub(crate) fn index() -> Params {
    asks("GET", "/")
}

/// The index for somebody logged in.
fn index_of(username: &str) -> Params {
    with(index(), "HTTP_COOKIE", cookie_of(username))
}

fn cookie_of(username: &str) -> String {
    let json = format!(r#"{{"username":"{username}"}}"#);
    format!("session={}", Signer::default().token(json, now()))
}

/// A login by this form.
pub(crate) fn login(form: &str) -> Params {
    let params = with(
        asks("POST", "/login"),
        "CONTENT_TYPE",
        "application/x-www-form-urlencoded",
    );
    with(params, "CONTENT_LENGTH", form.len().to_string())
}

/// The name in the session that an answer sets.
#[track_caller]
fn logged_in(answer: &Response) -> String {
    let cookie = answer.cookie("session").expect("a session");
    let (json, _) = Signer::default().read(&cookie.value).expect("signed by us");
    let session: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    session["username"].as_str().expect("a name").to_owned()
}

/// Makes a request as number `id` on a connection that is kept, and reads the
/// answer.
#[track_caller]
pub(crate) fn exchange(client: &mut Client, id: u16, params: &Params, body: &[u8]) -> Response {
    client.send(&request(id, true, params, body));
    answered(client, id)
}

/// Reads the answer to a request that was sent.
#[track_caller]
pub(crate) fn answered(client: &mut Client, id: u16) -> Response {
    let answer = client.answer(id);
    Response::parse(&answer).unwrap_or_else(|why| panic!("{why}: {}", answer.escape_ascii()))
}

/// A question that any application answers at once, and its answer: behind
/// it, all that was sent before has been looked at.
const PING: &[u8] = b"FCGI_MPXS_CONNS";

fn ping() -> Vec<u8> {
    record(GET_VALUES, 0, &pair(PING, b""))
}

#[track_caller]
fn assert_pong(name: &str, client: &mut Client) {
    let pong = client.next().unwrap_or_else(|| panic!("{name}: it closed"));
    let is = (pong.kind, pong.id, pong.content.as_slice());
    assert_eq!(is, (GET_VALUES_RESULT, 0, &*pair(PING, b"0")), "{name}");
}

/// Asserts that a page is served, on a connection of its own.
#[track_caller]
fn assert_serves(name: &str, application: &Application) {
    let mut client = application.connect();
    client.send(&request(1, false, &index(), b""));
    let page = answered(&mut client, 1);
    assert_eq!(page.status, 200, "{name}");
    assert!(page.words().contains("You are not logged in"), "{name}");
    client.assert_closed(name);
}

/// Asks it to end and asserts that it did so in peace, having said nothing
/// but what `signet:` stands before.
#[track_caller]
fn assert_ends_well(application: &Application) -> String {
    let Ended { status, stderr, .. } = application.end();
    let said = String::from_utf8(stderr).expect("UTF-8 on stderr");
    assert_eq!(status.code(), Some(0), "{said}");
    let ours = |line: &str| line.starts_with("signet: ") && !line.contains("panicked");
    assert!(said.lines().all(ours), "{said}");
    said
}

/// The memory of a process in KiB: `VmRSS`, or `VmHWM`, the most it ever had.
fn memory(pid: Pid, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
    let status = status.expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|kib| kib.parse().ok()).expect("a number")
}
