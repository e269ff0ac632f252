//! The worker as a process: the signals that end it, and the files that change
//! while it lives.

use std::io::{Read, Write, pipe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::daemon::END;
use super::{
    answered, asks, assert_ends_well, assert_pong, assert_serves, exchange, index, index_of,
    logged_in, login, ping, with,
};
use crate::support::application::{Application, at, program_at};
use crate::support::fastcgi::{Client, request};
use crate::support::redis::RedisServer;
use crate::support::token::Signer;
use crate::support::{StateDir, copy_program, now, tested_program};

const FORM: &str = "username=ada";

/// How long a worker that was asked to end waits for a request.
const GRACE: Duration = Duration::from_secs(5);

/// A worker, a connection between two requests, and one on which this much of
/// a request has arrived.
fn in_the_middle(part: &[u8]) -> (StateDir, Application, Client, Client) {
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    let mut idle = worker.connect();
    assert_eq!(exchange(&mut idle, 1, &index(), b"").status, 200);
    let mut busy = worker.connect();
    busy.send(&[&ping(), part].concat());
    assert_pong("the worker has it", &mut busy);
    (state, worker, idle, busy)
}

/// Web servers end their workers by SIGTERM: what has begun is finished.
#[test]
fn a_request_is_finished_before_the_worker_ends() {
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    for signal in END {
        // None of it: a new connection is there for a request that comes.
        for cut in [0, 1, 20, whole.len() - 1] {
            let (_state, worker, mut idle, mut busy) = in_the_middle(&whole[..cut]);
            worker.signal(signal);
            // Its end shows that the signal was heard.
            idle.assert_closed("between two requests");
            busy.send(&whole[cut..]);
            assert_eq!(logged_in(&answered(&mut busy, 1)), "ada", "{cut}");
            busy.assert_closed("kept, but the worker ends");
            assert_eq!(worker.wait().status.code(), Some(0), "{signal:?}, {cut}");
        }
    }
}

/// `nohup` ignores the signal that a closed terminal sends.
#[test]
fn an_ignored_hangup_stays_ignored() {
    let state = StateDir::new();
    let mut command = at(Path::new("/bin/sh"), &state);
    let script = "trap '' HUP; exec \"$0\"";
    command.args(["-c", script, tested_program()]);
    let worker = Application::worker(&mut command);
    assert_serves("before", &worker);
    worker.signal(Signal::HUP);
    assert_serves("afterwards", &worker);
    assert_ends_well(&worker);
}

/// `cgi-fcgi -connect SOCKET signet.cgi 2` in a CGI script starts the application
/// with that request's environment. Descriptor 0 decides (FastCGI 1.0, 2.2).
#[test]
fn a_worker_started_inside_a_cgi_request_is_a_worker() {
    let state = StateDir::new();
    let mut command = program_at(&state);
    command.envs(asks("POST", "/logout"));
    let worker = Application::worker(&mut command);
    assert_serves("the request of the socket", &worker);
    assert_ends_well(&worker);
}

/// Whoever has connected waits for an answer, although no worker has accepted the
/// connection yet.
#[test]
fn connections_that_wait_to_be_accepted_are_served_before_the_worker_ends() {
    let whole = request(1, false, &login(FORM), FORM.as_bytes());
    type Start = fn(&mut Command) -> Application;
    let starts: [(&str, Start); 2] = [
        ("unix", Application::worker),
        ("TCP", Application::worker_on_tcp),
    ];
    for (name, start) in starts {
        let state = StateDir::new();
        let worker = start(&mut program_at(&state));
        assert_serves(name, &worker);
        worker.signal(Signal::STOP);
        let mut queue: Vec<Client> = (0..20)
            .map(|_| {
                let mut client = worker.connect();
                client.send(&whole);
                client
            })
            .collect();
        worker.signal(Signal::TERM);
        worker.signal(Signal::CONT);
        for client in &mut queue {
            assert_eq!(logged_in(&answered(client, 1)), "ada", "{name}");
        }
        assert_eq!(worker.wait().status.code(), Some(0), "{name}");
    }
}

/// Nor does it go on for ever while others go on to connect.
#[test]
fn a_worker_that_is_asked_to_end_ends_under_load() {
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    assert_serves("before", &worker);
    let address = worker.address();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let whole = request(1, false, &index(), b"");
                while let Ok(mut client) = address.connect() {
                    // The last ones are closed unread.
                    if client.try_send(&whole).is_ok() {
                        client.try_answer(1);
                    }
                }
            });
        }
        worker.signal(Signal::TERM);
        assert_eq!(worker.wait().status.code(), Some(0));
    });
}

/// And a signal more changes nothing about that.
#[test]
fn asked_twice_it_still_finishes() {
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    let (_state, worker, mut idle, mut busy) = in_the_middle(&whole[..50]);
    worker.signal(Signal::TERM);
    idle.assert_closed("between two requests");
    worker.signal(Signal::TERM);
    worker.signal(Signal::INT);
    busy.send(&whole[50..]);
    assert_eq!(logged_in(&answered(&mut busy, 1)), "ada");
    assert_eq!(worker.wait().status.code(), Some(0));
}

/// A request that never comes to its end cannot keep the worker.
#[test]
fn a_request_that_does_not_arrive_is_waited_for_a_while() {
    let (_state, worker, _idle, _busy) = in_the_middle(&request(1, true, &index(), b"")[..50]);
    let since = Instant::now();
    worker.signal(Signal::TERM);
    let ended = worker.wait();
    assert_eq!(ended.status.code(), Some(0));
    assert!(since.elapsed() >= GRACE, "{:?}", since.elapsed());
    assert!(ended.busy < GRACE / 5, "busy for {:?}", ended.busy);
}

/// Any visitor can cause log lines. A program that reads the log and hangs must not
/// let other visitors wait.
#[test]
fn a_log_that_nobody_reads_delays_no_visitor() {
    let state = StateDir::new();
    let (mut reader, mut writer) = pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("non-blocking mode");
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("blocking mode");
    let mut command = program_at(&state);
    let worker = Application::worker(command.stderr(writer));
    command.stderr(Stdio::null());
    let mut client = worker.connect();
    let foreign = with(login(FORM), "HTTP_ORIGIN", "https://evil.example");
    let since = Instant::now();
    for _ in 0..20 {
        assert_eq!(
            exchange(&mut client, 1, &foreign, FORM.as_bytes()).status,
            403
        );
    }
    assert_serves("behind them", &worker);
    let took = since.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");

    // What is lost is counted, as soon as there is room.
    reader
        .read_exact(&mut [0; 65536])
        .expect("the pipe is full");
    assert_eq!(
        exchange(&mut client, 1, &foreign, FORM.as_bytes()).status,
        403
    );
    let ended = worker.end();
    assert_eq!(ended.status.code(), Some(0));
    let mut said = String::new();
    reader.read_to_string(&mut said).expect("UTF-8");
    let lines: Vec<_> = said.trim_start().lines().collect();
    assert_eq!(lines[0], "signet: 20 log lines were dropped");
    assert!(lines[1].contains("evil.example"), "{said}");
    assert_eq!(lines.len(), 2, "{said}");
}

/// What the owner changes counts from the next request on.
#[test]
fn settings_keys_and_pages_are_read_anew_for_each_request() {
    let state = StateDir::new();
    let mut command = program_at(&state);
    command.env_remove("SIGNET_SECRET_KEY");
    let worker = Application::worker(&mut command);
    let mut client = worker.connect();
    let mut log_in = || exchange(&mut client, 1, &login(FORM), FORM.as_bytes());

    let first = log_in().cookie("session").expect("a session");
    let key = std::fs::read(state.path().join("secret_key")).expect("it made itself");
    let signed = |key: &[u8], token: &str| {
        let signer = Signer::with_key(key.strip_suffix(b"\n").unwrap_or(key));
        signer.read(token).is_some()
    };
    assert!(signed(&key, &first.value));

    let other = "another-key-5b1f0c7e9a2d4f6688e1c3a5b7d9f0e2";
    state.write("secret_key", other, 0o600);
    let second = log_in().cookie("session").expect("a session");
    assert!(signed(other.as_bytes(), &second.value));

    state.write("signet.toml", "SESSION_COOKIE_NAME = \"changed\"\n", 0o600);
    assert!(log_in().cookie("changed").is_some());
    state.write("signet.toml", "NO_SUCH_SETTING = 1\n", 0o600);
    assert_eq!(log_in().status, 503);
    state.write("signet.toml", "MAX_CONTENT_LENGTH = 3\n", 0o600);
    assert_eq!(log_in().status, 413);
    std::fs::remove_file(state.path().join("signet.toml")).expect("it is there");
    assert_eq!(log_in().status, 303);

    let mut page = || exchange(&mut client, 1, &index(), b"");
    assert!(page().text().contains("You are not logged in"));
    state.write("templates/index.html", "my own page", 0o644);
    assert!(page().text().contains("my own page"));
    state.write("secret_key", "short", 0o600);
    assert_eq!(page().status, 503);
    assert_ends_well(&worker);
}

/// `signet key rotate` counts from the next request on, and so does the end of
/// what a retired key signed.
#[test]
fn a_key_that_is_rotated_is_noticed() {
    let state = StateDir::new();
    let program = || {
        let mut command = program_at(&state);
        command.env_remove("SIGNET_SECRET_KEY");
        command
    };
    let worker = Application::worker(&mut program());
    let mut client = worker.connect();
    let mut log_in = || {
        let answer = exchange(&mut client, 1, &login(FORM), FORM.as_bytes());
        answer.cookie("session").expect("a session").value
    };
    let signer = || {
        let key = std::fs::read_to_string(state.path().join("secret_key"));
        Signer::with_key(key.expect("it made itself").trim_end())
    };

    let first = log_in();
    let old = signer();
    assert!(old.read(&first).is_some());
    let rotated = program().args(["key", "rotate"]).output();
    assert!(rotated.expect("run signet").status.success());
    let second = log_in();
    assert!(old.read(&second).is_none());
    assert!(signer().read(&second).is_some());

    let own = with(index(), "HTTP_COOKIE", format!("session={first}"));
    let page = exchange(&mut client, 1, &own, b"").words();
    assert!(page.contains("Logged in as ada"), "{page}");
    std::fs::remove_file(state.path().join("retired_keys")).expect("it is there");
    let page = exchange(&mut client, 1, &own, b"").words();
    assert!(page.contains("You are not logged in"), "{page}");
    assert_ends_well(&worker);
}

/// Redis is connected to once, whatever the requests, and anew when it hung up
/// meanwhile.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_connection_to_redis_is_kept_while_it_is_good() {
    let server = RedisServer::start(&[]);
    let state = StateDir::new();
    let mut command = program_at(&state);
    command
        .env("SIGNET_SESSION_TYPE", "redis")
        .env("SIGNET_SESSION_REDIS", server.url());
    let worker = Application::worker(&mut command);
    let mut client = worker.connect();
    let answer = exchange(&mut client, 1, &login(FORM), FORM.as_bytes());
    let id = answer.cookie("session").expect("a session").value;
    let own = with(index(), "HTTP_COOKIE", format!("session={id}"));
    let mut log_in_is_seen = || {
        let page = exchange(&mut client, 1, &own, b"").words();
        assert!(page.contains("Logged in as ada"), "{page}");
    };

    let (before, since) = (server.connections(), Instant::now());
    // Settings are read anew in each second.
    while since.elapsed() < Duration::from_millis(2500) {
        log_in_is_seen();
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.connections() - before, 1, "this question");

    for _ in 0..20 {
        server.ask("CLIENT KILL TYPE normal");
        log_in_is_seen();
    }
    assert_ends_well(&worker);
}

/// A file that was uploaded under another name and then renamed is the one that
/// the web server starts next: the worker ends, after what it has begun.
#[test]
fn a_worker_ends_when_its_file_is_replaced() {
    let state = StateDir::new();
    let file = |name: &str| state.path().join(name);
    let put = |to: &Path| copy_program(tested_program(), to);
    put(&file("signet.cgi"));
    let worker = Application::worker(&mut at(&file("signet.cgi"), &state));
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    let mut idle = worker.connect();
    assert_eq!(exchange(&mut idle, 1, &index(), b"").status, 200);
    let mut busy = worker.connect();
    busy.send(&[&ping(), &whole[..50]].concat());
    assert_pong("in the middle", &mut busy);
    put(&file("new"));
    std::fs::rename(file("new"), file("signet.cgi")).expect("rename");
    idle.assert_closed("the worker ends");
    busy.send(&whole[50..]);
    assert_eq!(logged_in(&answered(&mut busy, 1)), "ada");
    let ended = worker.wait();
    let said = String::from_utf8(ended.stderr).expect("UTF-8");
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(
        said.contains("the file of this program was replaced"),
        "{said}"
    );
}

/// A time is asked for at each request: a token of this very second is not
/// from the future, however long the worker has lived.
#[test]
fn the_clock_goes_on() {
    let state = StateDir::new();
    let mut command = program_at(&state);
    command.env("SIGNET_PERMANENT_SESSION_LIFETIME", "1");
    let worker = Application::worker(&mut command);
    let mut client = worker.connect();
    let token = Signer::default().token(r#"{"username":"ada"}"#, now());
    let asked = with(asks("GET", "/"), "HTTP_COOKIE", format!("session={token}"));
    let first = exchange(&mut client, 1, &asked, b"").words();
    assert!(first.contains("Logged in as ada"), "{first}");
    crate::support::application::wait_until("the session is over", || {
        let page = exchange(&mut client, 1, &asked, b"").words();
        page.contains("You are not logged in")
    });
    assert_serves("afterwards", &worker);
    let fresh = exchange(&mut client, 1, &index_of("eve"), b"").words();
    assert!(fresh.contains("Logged in as eve"), "{fresh}");
    assert_ends_well(&worker);
}
