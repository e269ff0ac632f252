//! Many visitors who download a protected file and read nothing: others do not wait for them.

use std::time::{Duration, Instant};

use super::{ADA, PASSWORD, cookie_of, state_of};
use crate::fastcgi::{asks, exchange, login, with};
use crate::support::application::{Application, program_at, wait_until};
use crate::support::fastcgi::{Client, request};

/// More than all buffers on the way to a reader.
const LONG: usize = 16 << 20;

/// More than the connections that a worker keeps.
const SLOW: usize = 200;

const MOST: Duration = Duration::from_millis(50);

/// How often a page is asked for. On a busy machine, some of them take longer.
const TRIES: usize = 20;

#[test]
fn two_hundred_slow_readers_leave_the_login_at_once() {
    let state = state_of(ADA);
    state.write("../private/a.bin", vec![b'A'; LONG], 0o600);
    let cookie = cookie_of(&state, "ada");
    let private = state.path().with_file_name("private");
    let worker = Application::worker(program_at(&state).env("SIGNET_GUARD_DIR", private));
    let file = with(asks("GET", "/files/a.bin"), "HTTP_COOKIE", &*cookie);
    let ask = |_| {
        let mut client = worker.connect();
        client.send(&request(1, false, &file, b""));
        wait_until("some of it is sent", || client.waiting() > 0);
        client
    };
    let slow: Vec<Client> = (0..SLOW).map(ask).collect();

    let form = [("username", "ada"), ("password", PASSWORD)];
    let form = serde_urlencoded::to_string(form).expect("a form");
    for (params, body, status) in [
        (asks("GET", "/login"), "", 200),
        (login(&form), &*form, 303),
    ] {
        let page = || {
            let (start, mut client) = (Instant::now(), worker.connect());
            let page = exchange(&mut client, 1, &params, body.as_bytes());
            assert_eq!(page.status, status, "{}", page.text());
            start.elapsed()
        };
        let fastest = (0..TRIES).map(|_| page()).min().expect("a page");
        assert!(fastest < MOST, "{status}: {fastest:?}");
    }
    // As many as the worker has places for are still there.
    let kept = slow.iter().filter(|client| !client.is_closed()).count();
    assert!(kept >= 90, "{kept}");
}
