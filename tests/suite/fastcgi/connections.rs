//! Row K5, K6 and F21: peers that are slow, silent, or gone in the middle, and
//! those that have no business here.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{
    answered, assert_ends_well, assert_pong, assert_serves, exchange, index, index_of, logged_in,
    login, ping,
};
use crate::support::StateDir;
use crate::support::application::{Application, at, program_at, wait_until};
use crate::support::fastcgi::{Client, request};

const FORM: &str = "username=ada";

/// What a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connections that one worker has at a time.
const MOST: usize = 100;

fn worker() -> (StateDir, Application) {
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    (state, worker)
}

/// A connection on which a request has begun to arrive.
fn begun(worker: &Application, request: &[u8]) -> Client {
    let mut client = worker.connect();
    client.send(&[&ping(), request].concat());
    assert_pong("half a request", &mut client);
    client
}

/// K5: whoever stops in the middle holds up nobody, wherever the middle is.
#[test]
fn silent_peers_hold_up_nobody() {
    let (_state, worker) = worker();
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    let mut silent: Vec<(usize, Client)> = (1..whole.len())
        .step_by(whole.len() / (MOST - 2))
        .take(MOST - 2)
        .map(|cut| (cut, begun(&worker, &whole[..cut])))
        .collect();
    for user in ["ada", "eve"] {
        let page = exchange(&mut worker.connect(), 1, &index_of(user), b"");
        assert!(page.words().contains(user), "{}", page.words());
    }
    // And each of them may still go on.
    for (cut, client) in &mut silent {
        client.send(&whole[*cut..]);
        assert_eq!(logged_in(&answered(client, 1)), "ada", "cut at {cut}");
    }
    assert_ends_well(&worker);
}

/// Section 3.2 has no better answer to one connection too many than to wait.
#[test]
fn one_connection_too_many_waits_for_its_turn() {
    let (_state, worker) = worker();
    let whole = request(1, true, &index(), b"");
    let mut silent: Vec<Client> = (0..MOST).map(|_| begun(&worker, &whole[..9])).collect();
    let mut late = worker.connect();
    late.send(&[&ping(), &*whole].concat());
    // The worker has had the time to answer, and has not.
    silent[0].send(&whole[9..]);
    assert_eq!(answered(&mut silent[0], 1).status, 200);
    assert_eq!(late.waiting(), 0);
    silent.pop();
    assert_pong("in its turn", &mut late);
    assert_eq!(answered(&mut late, 1).status, 200);
    drop(silent);
    assert_ends_well(&worker);
}

/// F21: a web server that goes away, at any byte of a request, and then before
/// it has read any of the answer.
#[test]
fn peers_that_go_away_take_nothing_with_them() {
    let (state, worker) = worker();
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    let before = state.snapshot();
    for cut in 0..=whole.len() {
        let mut client = worker.connect();
        client.send(&whole[..cut]);
        drop(client);
    }
    assert_serves("behind them", &worker);
    assert_eq!(state.snapshot(), before);
    wait_until("their descriptors are free", || descriptors(&worker) < 20);
    assert_ends_well(&worker);
}

fn descriptors(worker: &Application) -> usize {
    let pid = worker.pid().as_raw_nonzero();
    let open = fs::read_dir(format!("/proc/{pid}/fd"));
    open.expect("the worker lives").count()
}

/// K1 to K3: whatever one connection is sent, those beside it go on.
#[test]
fn a_broken_stream_ends_one_connection() {
    let (_state, worker) = worker();
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    for cut in (0..whole.len()).step_by(13) {
        let mut beside = begun(&worker, &whole[..cut]);
        let mut broken = begun(&worker, b"");
        let _ = broken.try_send(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        broken.assert_closed("no FastCGI");
        beside.send(&whole[cut..]);
        assert_eq!(logged_in(&answered(&mut beside, 1)), "ada", "{cut}");
    }
    assert_ends_well(&worker);
}

/// A small limit on descriptors means fewer connections, never a page that
/// cannot open its files.
#[test]
fn connections_leave_descriptors_to_the_pages() {
    let state = StateDir::new();
    state.write("templates/index.html", "my own page", 0o644);
    let mut command = at(Path::new("/usr/bin/prlimit"), &state);
    command.args(["--nofile=40", env!("CARGO_BIN_EXE_signet")]);
    let worker = Application::worker(&mut command);
    let mut first = begun(&worker, b"");
    let open = descriptors(&worker);
    let mut waiting: Vec<Client> = (0..50).map(|_| worker.connect()).collect();
    wait_until("its share is taken", || descriptors(&worker) == open + 15);
    let page = exchange(&mut first, 1, &index(), b"");
    assert_eq!((page.status, page.text()), (200, "my own page"));
    drop(first);
    // The others come in their turn, as each one's last request ends it.
    for client in &mut waiting {
        client.send(&request(1, false, &index(), b""));
        assert_eq!(answered(client, 1).status, 200);
    }
    assert_ends_well(&worker);
}

/// K6, section 3.2: a TCP port is open to every user of the machine.
#[test]
fn web_server_addresses_are_honoured() {
    #[rustfmt::skip]
    let cases = [
        ("unset",              None, true),
        ("empty",              Some(""), true),
        ("this one",           Some("127.0.0.1"), true),
        ("among others",       Some("192.0.2.1, 127.0.0.1 ,::1"), true),
        ("IPv4 in IPv6",       Some("::1,::ffff:127.0.0.1"), true),
        ("the same in hex",    Some("::FFFF:7f00:1"), true),
        ("another in IPv6",    Some("::1,::ffff:192.0.2.1"), false),
        ("another",            Some("192.0.2.1"), false),
    ];
    for (name, addresses, served) in cases {
        let state = StateDir::new();
        let mut command = program_at(&state);
        if let Some(addresses) = addresses {
            command.env("FCGI_WEB_SERVER_ADDRS", addresses);
        }
        let worker = Application::worker_on_tcp(&mut command);
        if served {
            assert_serves(name, &worker);
            assert_eq!(assert_ends_well(&worker), "", "{name}");
        } else {
            let mut client = worker.connect();
            let _ = client.try_send(&request(1, false, &index(), b""));
            client.assert_closed(name);
            let said = assert_ends_well(&worker);
            assert!(said.contains("FCGI_WEB_SERVER_ADDRS"), "{name}: {said}");
        }
    }
    for junk in ["localhost", "127.0.0.1;::1", "127.0.0.1,", "127.0.0.1:9000"] {
        let state = StateDir::new();
        let mut command = program_at(&state);
        command.env("FCGI_WEB_SERVER_ADDRS", junk);
        let ended = Application::worker_on_tcp(&mut command).wait();
        let said = String::from_utf8(ended.stderr).expect("UTF-8");
        assert_eq!(ended.status.code(), Some(1), "{junk}: {said}");
        assert!(said.starts_with("signet: FCGI_WEB_SERVER_ADDRS"), "{said}");
    }
}

/// K5: half a minute is enough for a request, however busily it trickles in.
#[test]
#[ignore = "takes half a minute: run tests/run"]
fn patience_has_an_end() {
    let (_state, worker) = worker();
    let whole = request(1, true, &index(), b"");
    let mut peers = [
        ("trickling", begun(&worker, &whole[..100])),
        ("silent", begun(&worker, &whole[..100])),
        ("unused", worker.connect()),
    ];
    let since = Instant::now();
    let mut waited = [None; 3];
    let mut rest = whole[100..].iter();
    while waited.contains(&None) {
        assert!(since.elapsed() < 2 * PATIENCE, "{waited:?}");
        thread::sleep(PATIENCE / 100);
        let next = rest.next().expect("more to send than half a minute takes");
        // Closed or not is what the next lines ask.
        let _ = peers[0].1.try_send(&[*next]);
        for ((_, client), waited) in peers.iter().zip(&mut waited) {
            if waited.is_none() && client.is_closed() {
                *waited = Some(since.elapsed());
            }
        }
    }
    for ((name, _), waited) in peers.iter().zip(waited) {
        let waited = waited.unwrap_or_default();
        let soon = PATIENCE - Duration::from_secs(2)..PATIENCE + Duration::from_secs(5);
        assert!(soon.contains(&waited), "{name}: {waited:?}");
    }
    assert_serves("behind them", &worker);
    assert_ends_well(&worker);
}
