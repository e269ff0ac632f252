//! Clients that are slow, send nothing, or close the connection early, and
//! clients that may not connect.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{
    answered, assert_ends_well, assert_pong, assert_serves, exchange, index, index_of, logged_in,
    login, ping,
};
use crate::support::application::{Application, at, program_at, wait_until};
use crate::support::fastcgi::{Client, request};
use crate::support::{StateDir, tested_program};

const FORM: &str = "username=ada";

/// What a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// A client that stops sending, at any byte, delays no other client.
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

/// A connection that is kept and idle: a request of it was answered.
fn idle(worker: &Application) -> Client {
    let mut client = worker.connect();
    assert_eq!(exchange(&mut client, 1, &index(), b"").status, 200);
    client
}

/// Asserts that a page is served although all places are taken, and that `closed`
/// and nobody else had to make room for it.
#[track_caller]
fn assert_makes_room(worker: &Application, clients: &mut [Client], closed: usize) -> Client {
    // What was used within the last 10 ms may be about to be used again.
    thread::sleep(Duration::from_millis(20));
    let late = idle(worker);
    clients[closed].assert_closed("to make room");
    for (at, client) in clients.iter().enumerate() {
        assert_eq!(client.is_closed(), at == closed, "{at}");
    }
    late
}

/// nginx with `keepalive 256` keeps more connections than a worker has places.
#[test]
fn one_connection_too_many_closes_the_one_that_is_idle_longest() {
    let (_state, worker) = worker();
    let mut clients: Vec<Client> = (0..MOST).map(|_| idle(&worker)).collect();
    // Used again, it is not the one that is idle longest.
    assert_eq!(exchange(&mut clients[0], 1, &index(), b"").status, 200);
    clients[1] = assert_makes_room(&worker, &mut clients, 1);
    clients[2] = assert_makes_room(&worker, &mut clients, 2);
    for client in &mut clients {
        assert_eq!(exchange(client, 1, &index(), b"").status, 200);
    }
    assert_ends_well(&worker);
}

/// Where all connections are used all the time, each may have a request on its
/// way that closing it would lose: the new one is closed behind its answer.
#[test]
fn one_connection_too_many_is_served_and_closed_where_all_are_in_use() {
    let (_state, worker) = worker();
    let mut late = None;
    wait_until("all are used within a second", || {
        let mut clients: Vec<Client> = (0..MOST).map(|_| idle(&worker)).collect();
        let since = Instant::now();
        for client in &mut clients {
            assert_eq!(exchange(client, 1, &index(), b"").status, 200);
        }
        let one_more = idle(&worker);
        if since.elapsed() > Duration::from_millis(900) {
            return false;
        }
        late = Some(one_more);
        let answers = clients
            .iter_mut()
            .map(|client| exchange(client, 1, &index(), b""));
        answers
            .map(|answer| answer.status)
            .all(|status| status == 200)
    });
    let mut late = late.expect("it was served");
    late.assert_closed("although the server asked to keep it");
    assert_ends_well(&worker);
}

/// Requests that do not arrive hold no place that a new one needs.
#[test]
fn one_connection_too_many_closes_the_oldest_incomplete_request() {
    let (_state, worker) = worker();
    let whole = request(1, true, &index(), b"");
    let mut clients: Vec<Client> = (0..MOST - 1).map(|_| begun(&worker, &whole[..9])).collect();
    // What is idle goes first, although it is younger.
    clients.push(idle(&worker));
    clients[MOST - 1] = assert_makes_room(&worker, &mut clients, MOST - 1);
    clients[MOST - 1] = begun(&worker, &whole[..9]);
    drop(assert_makes_room(&worker, &mut clients, 0));
    for client in &mut clients[1..] {
        client.send(&whole[9..]);
        assert_eq!(answered(client, 1).status, 200);
    }
    // However many come, a request that is complete is served at once.
    let flood: Vec<Client> = (0..3 * MOST).map(|_| worker.connect()).collect();
    assert_serves("behind a flood", &worker);
    drop(flood);
    assert_ends_well(&worker);
}

/// Nor do answers that nobody takes; they are the last to go.
#[test]
fn one_connection_too_many_closes_an_answer_that_is_not_taken() {
    let (state, worker) = worker();
    state.write("templates/index.html", "0123456789".repeat(60_000), 0o644);
    let whole = request(1, true, &index(), b"");
    let mut clients: Vec<Client> = (0..MOST)
        .map(|_| {
            let mut client = worker.connect();
            client.send(&whole);
            wait_until("the answer fills the socket", || client.waiting() > 100_000);
            client
        })
        .collect();
    let mut late = worker.connect();
    let posted = request(1, true, &login(FORM), FORM.as_bytes());
    late.send(&[ping(), posted].concat());
    assert_pong("without waiting", &mut late);
    assert_eq!(logged_in(&answered(&mut late, 1)), "ada");
    wait_until("the oldest made room", || clients[0].is_closed());
    for client in &mut clients[1..] {
        assert_eq!(answered(client, 1).body.len(), 600_000);
    }
    assert_ends_well(&worker);
}

/// A web server closes the connection at any byte of a request, and then before
/// it has read any of the response.
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

/// Whatever arrives by one connection, the others are served.
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

/// A small limit on descriptors means fewer connections, each of which may have a
/// file that is being sent; never a page that cannot open its files.
#[test]
fn connections_leave_descriptors_to_the_pages() {
    let state = StateDir::new();
    state.write("templates/index.html", "my own page", 0o644);
    let mut command = at(Path::new("/usr/bin/prlimit"), &state);
    command.args(["--nofile=40", tested_program()]);
    let worker = Application::worker(&mut command);
    let first = begun(&worker, b"");
    let open = descriptors(&worker) - 1;
    let mut clients: Vec<Client> = (0..50).map(|_| begun(&worker, b"")).collect();
    wait_until("no more than its share is taken", || {
        descriptors(&worker) == open + 8
    });
    assert!(first.is_closed());
    // The youngest have their places.
    for client in &mut clients[50 - 8..] {
        client.send(&request(1, false, &index(), b""));
        let page = answered(client, 1);
        assert_eq!((page.status, page.text()), (200, "my own page"));
    }
    assert_ends_well(&worker);
}

/// A TCP port is open to every user of the machine (FastCGI 1.0, 3.2).
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
        ("a comma at the end", Some(" 127.0.0.1, "), true),
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
            let since = Instant::now();
            for _ in 0..50 {
                let mut client = worker.connect();
                let _ = client.try_send(&request(1, false, &index(), b""));
                client.assert_closed(name);
            }
            // Once a second, however many there are.
            let seconds = usize::try_from(since.elapsed().as_secs()).expect("a moment");
            let said = assert_ends_well(&worker);
            assert!(said.contains("FCGI_WEB_SERVER_ADDRS"), "{name}: {said}");
            let lines = said.lines().count();
            assert!(lines <= 2 + seconds, "{name}: {said}");
        }
    }
    for junk in ["localhost", "127.0.0.1;::1", "127.0.0.1:9000", " ", ","] {
        let state = StateDir::new();
        let mut command = program_at(&state);
        command.env("FCGI_WEB_SERVER_ADDRS", junk);
        let ended = Application::worker_on_tcp(&mut command).wait();
        let said = String::from_utf8(ended.stderr).expect("UTF-8");
        assert_eq!(ended.status.code(), Some(1), "{junk}: {said}");
        assert!(said.starts_with("signet: FCGI_WEB_SERVER_ADDRS"), "{said}");
        // The daemon starts no worker that would end at once.
        let listen = format!("unix:{}", state.path().join("socket").display());
        let mut command = program_at(&state);
        command.args(["fastcgi", "--listen", &listen]);
        let out = command.env("FCGI_WEB_SERVER_ADDRS", junk).output();
        let out = out.expect("run signet");
        assert_eq!(out.status.code(), Some(1), "{junk}");
        assert_eq!(String::from_utf8(out.stderr).expect("UTF-8"), said);
    }
}

/// A request has ten seconds to arrive, however many pieces it comes in, and
/// one more for each 500 bytes of a body.
#[test]
#[ignore = "takes a quarter of a minute: run tests/run"]
fn patience_has_an_end() {
    let (_state, worker) = worker();
    let whole = request(1, true, &index(), b"");
    let form = format!("{FORM}&pad={}", "x".repeat(20_000));
    let posted = request(1, true, &login(&form), form.as_bytes());
    let end = posted.len() - 20_050;
    // How much of what each sends at a time, and whether that is enough.
    let mut peers = [
        (
            "parameters trickle",
            begun(&worker, &whole[..100]),
            &whole[100..],
            1,
        ),
        ("silent", begun(&worker, &whole[..100]), &[][..], 0),
        ("unused", worker.connect(), &[][..], 0),
        (
            "a body trickles",
            begun(&worker, &posted[..end]),
            &posted[end..],
            10,
        ),
        (
            "a body flows",
            begun(&worker, &posted[..end]),
            &posted[end..],
            400,
        ),
    ];
    let since = Instant::now();
    let mut waited = [None; 5];
    while waited[..4].contains(&None) || !peers[4].2.is_empty() {
        assert!(since.elapsed() < 3 * PATIENCE, "{waited:?}");
        thread::sleep(PATIENCE / 30);
        for ((_, client, rest, speed), waited) in peers.iter_mut().zip(&mut waited) {
            let (now, later) = rest.split_at((*speed).min(rest.len()));
            // Closed or not is what the next lines ask.
            let _ = client.try_send(now);
            *rest = later;
            if waited.is_none() && client.is_closed() {
                *waited = Some(since.elapsed());
            }
        }
    }
    for ((name, ..), waited) in peers[..4].iter().zip(waited) {
        let waited = waited.unwrap_or_default();
        let soon = PATIENCE - Duration::from_secs(2)..PATIENCE + Duration::from_secs(5);
        assert!(soon.contains(&waited), "{name}: {waited:?}");
    }
    assert!(since.elapsed() > PATIENCE + Duration::from_secs(3));
    assert_eq!(logged_in(&answered(&mut peers[4].1, 1)), "ada");
    assert_serves("behind them", &worker);
    assert_ends_well(&worker);
}
