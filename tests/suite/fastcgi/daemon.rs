//! `signet fastcgi`: its socket, and the workers that it keeps alive.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    answered, assert_ends_well, assert_pong, assert_serves, exchange, index_of, logged_in, login,
    ping,
};
use crate::support::StateDir;
use crate::support::application::{Application, at, lives, program_at, wait_until};
use crate::support::cgi::compiled;
use crate::support::fastcgi::request;
use crate::support::output::Ended;

const FORM: &str = "username=ada";

fn socket(state: &StateDir) -> PathBuf {
    state.path().join("socket")
}

fn daemon(state: &StateDir, workers: usize) -> Application {
    let number = workers.to_string();
    let more = ["--workers", &number];
    let daemon = Application::daemon(&mut program_at(state), &socket(state), &more);
    wait_until("all workers run", || daemon.children().len() == workers);
    daemon
}

fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).expect("it runs");
}

/// `signet fastcgi` where it must fail: its exit code and words.
#[track_caller]
fn refused(state: &StateDir, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = program_at(state);
    command.arg("fastcgi").args(arguments);
    let out = command.output().expect("run signet");
    assert!(out.stdout.is_empty());
    let said = String::from_utf8(out.stderr).expect("UTF-8");
    assert!(said.starts_with("signet: "), "{said}");
    (out.status.code(), said)
}

#[track_caller]
fn refused_at(state: &StateDir, socket: &Path) -> String {
    let listen = format!("unix:{}", socket.display());
    let (code, said) = refused(state, &["--listen", &listen]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&*socket.to_string_lossy()), "{said}");
    said
}

/// F27: a worker that is killed in the middle takes its own requests along,
/// and nobody else's; another one takes its place.
#[test]
fn a_killed_worker_is_replaced() {
    let state = StateDir::new();
    let daemon = daemon(&state, 2);
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    let mut busy: Vec<_> = (0..10)
        .map(|_| {
            let mut client = daemon.connect();
            client.send(&[&ping(), &whole[..50]].concat());
            assert_pong("in the middle", &mut client);
            client
        })
        .collect();
    let before = daemon.children();
    kill(before[0]);
    wait_until("another one runs", || {
        let now = daemon.children();
        now.len() == 2 && !now.contains(&before[0]) && now.contains(&before[1])
    });
    for _ in 0..20 {
        assert_serves("afterwards", &daemon);
    }
    // Each of them is with the other worker, or over.
    for client in &mut busy {
        if client.is_closed() {
            client.assert_closed("with the worker");
        } else {
            client.send(&whole[50..]);
            assert_eq!(logged_in(&answered(client, 1)), "ada");
        }
    }
    // All of them, too.
    let before = daemon.children();
    before.iter().copied().for_each(kill);
    wait_until("others run", || {
        let now = daemon.children();
        now.len() == 2 && !now.iter().any(|pid| before.contains(pid))
    });
    assert_serves("afterwards", &daemon);
    let said = assert_ends_well(&daemon);
    let replaced = said.lines().filter(|line| line.contains("another")).count();
    assert_eq!(replaced, 3, "{said}");
}

/// Workers that are woken in vain cost more than the request: 64 of them served a
/// third of what 2 did.
#[test]
fn one_connection_wakes_one_worker() {
    const WORKERS: usize = 16;
    const REQUESTS: usize = 300;
    let state = StateDir::new();
    let daemon = daemon(&state, WORKERS);
    let workers = daemon.children();
    // Those that only begin are busy with themselves.
    wait_until("all of them wait", || {
        let before = waits(&workers);
        std::thread::sleep(Duration::from_millis(50));
        waits(&workers) == before
    });
    let (before, since) = (waits(&workers), Instant::now());
    for _ in 0..REQUESTS {
        assert_serves("one of many", &daemon);
    }
    let waits = waits(&workers) - before;
    // Each of them also looks around once a second.
    let seconds = since.elapsed().as_secs() + 1;
    let ticks = WORKERS * usize::try_from(seconds).expect("a moment");
    assert!(
        waits < 3 * REQUESTS + 2 * ticks,
        "{waits} times, {ticks} ticks"
    );
    assert_ends_well(&daemon);
}

/// How often these processes have waited for something.
fn waits(pids: &[Pid]) -> usize {
    let waits = |pid: &Pid| -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
        let status = status.expect("it lives");
        let mut lines = status.lines();
        let number = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        number
            .expect("the kernel counts them")
            .trim()
            .parse()
            .expect("a number")
    };
    pids.iter().map(waits).sum()
}

/// One that cannot live is started again, and not as fast as the machine can.
#[test]
fn workers_that_fail_at_once_are_not_started_in_a_hurry() {
    let state = StateDir::new();
    let mut command = program_at(&state);
    command.env("FCGI_WEB_SERVER_ADDRS", "localhost");
    let daemon = Application::daemon(&mut command, &socket(&state), &["--workers", "1"]);
    let since = Instant::now();
    let deadline = Duration::from_secs(3);
    wait_until("some starts", || since.elapsed() > deadline);
    let Ended { status, stderr, .. } = daemon.end();
    let said = String::from_utf8(stderr).expect("UTF-8");
    let starts = said.lines().filter(|line| line.contains("another")).count();
    assert!((1..6).contains(&starts), "{starts}: {said}");
    assert_eq!(status.code(), Some(0), "{said}");
}

/// SIGTERM ends the workers, each after what it has begun, and the socket.
#[test]
fn the_end_of_the_daemon_is_the_end_of_all() {
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    for signal in [Signal::TERM, Signal::INT] {
        let state = StateDir::new();
        let daemon = daemon(&state, 3);
        let mut busy = daemon.connect();
        busy.send(&[&ping(), &whole[..50]].concat());
        assert_pong("in the middle", &mut busy);
        let workers = daemon.children();
        daemon.signal(signal);
        wait_until("idle workers have left", || daemon.children().len() == 1);
        busy.send(&whole[50..]);
        assert_eq!(logged_in(&answered(&mut busy, 1)), "ada");
        let ended = daemon.wait();
        assert_eq!(ended.status.code(), Some(0), "{signal:?}");
        assert!(!socket(&state).exists(), "{signal:?}");
        assert!(!workers.iter().copied().any(lives));
    }
}

/// A daemon that is killed leaves no workers, and a socket that the next one
/// replaces.
#[test]
fn a_killed_daemon_leaves_nothing_in_the_way() {
    let state = StateDir::new();
    let first = daemon(&state, 2);
    let mut client = first.connect();
    assert_eq!(exchange(&mut client, 1, &index_of("ada"), b"").status, 200);
    let workers = first.children();
    kill(first.pid());
    wait_until("its workers have left", || {
        !workers.iter().copied().any(lives)
    });
    assert!(socket(&state).exists(), "nobody was there to remove it");
    let second = daemon(&state, 2);
    assert_serves("the second daemon", &second);
    assert_ends_well(&second);
}

#[test]
fn a_socket_in_use_is_left_alone() {
    let state = StateDir::new();
    let first = daemon(&state, 1);
    let said = refused_at(&state, &socket(&state));
    assert!(said.contains("in use"), "{said}");
    assert_serves("the first daemon", &first);
    assert_ends_well(&first);
}

#[test]
fn a_stale_socket_is_replaced_and_nothing_else_is() {
    let state = StateDir::new();
    let path = socket(&state);
    drop(UnixListener::bind(&path).expect("a socket"));
    let heir = daemon(&state, 1);
    assert_serves("where a dead one was", &heir);
    assert_ends_well(&heir);

    fs::write(&path, "a file").expect("a file");
    refused_at(&state, &path);
    assert_eq!(fs::read(&path).expect("still there"), b"a file");

    let stale = state.path().join("stale");
    drop(UnixListener::bind(&stale).expect("a socket"));
    for (name, target) in [("to a file", &path), ("to a socket", &stale)] {
        let link = state.path().join("link");
        symlink(target, &link).expect("a link");
        refused_at(&state, &link);
        assert_eq!(
            &fs::read_link(&link).expect("still a link"),
            target,
            "{name}"
        );
        assert!(target.exists(), "{name}");
        fs::remove_file(&link).expect("there");
    }
    let folder = state.path().join("folder");
    fs::create_dir(&folder).expect("a folder");
    refused_at(&state, &folder);
    assert!(folder.is_dir());
    refused_at(&state, &state.path().join("absent/socket"));
}

/// The socket that ends is removed, not one that has taken its place.
#[test]
fn the_socket_of_another_daemon_is_not_removed() {
    let state = StateDir::new();
    let first = daemon(&state, 1);
    fs::remove_file(socket(&state)).expect("somebody tidies up");
    let second = daemon(&state, 1);
    assert_ends_well(&first);
    assert_serves("the second daemon", &second);
    assert_ends_well(&second);
    assert!(!socket(&state).exists());
}

/// A signal that arrives while its handler is installed may do nothing: on a
/// busy machine a daemon that was ended at once waited for its worker for ever.
#[test]
fn workers_that_only_begin_are_ended_too() {
    let state = StateDir::new();
    let mut command = program_at(&state);
    command.env("LD_PRELOAD", compiled("late", &["-shared", "-fPIC"]));
    let daemon = Application::daemon(&mut command, &socket(&state), &["--workers", "1"]);
    wait_until("it installs the handler", || {
        let worker = daemon.children().first().copied();
        worker.is_some_and(catches_sigterm)
    });
    assert_ends_well(&daemon);
}

fn catches_sigterm(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
    let status = status.unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.unwrap_or("0").trim(), 16);
    caught.is_ok_and(|caught| caught & (1 << (Signal::TERM.as_raw() - 1)) != 0)
}

/// A parent's blocked signals are inherited. They must not keep the daemon from
/// hearing that it is to end, or that a worker has.
#[test]
fn blocked_signals_are_heard_all_the_same() {
    let state = StateDir::new();
    let blocked = || {
        let mut command = at(&compiled("blocked", &[]), &state);
        command.arg(env!("CARGO_BIN_EXE_signet"));
        command
    };
    let daemon = Application::daemon(&mut blocked(), &socket(&state), &["--workers", "1"]);
    wait_until("the worker runs", || daemon.children().len() == 1);
    let before = daemon.children();
    kill(before[0]);
    wait_until("another one runs", || {
        let now = daemon.children();
        now.len() == 1 && now != before
    });
    assert_serves("afterwards", &daemon);
    assert_ends_well(&daemon);

    let worker = Application::worker(&mut blocked());
    assert_serves("a worker of its own", &worker);
    assert_ends_well(&worker);
}

/// K6: whoever can connect is believed, so nobody else may.
#[test]
fn who_may_connect() {
    for (arguments, want) in [(&[][..], 0o600), (&["--mode", "660"], 0o660)] {
        let state = StateDir::new();
        let path = socket(&state);
        let daemon = Application::daemon(&mut program_at(&state), &path, arguments);
        let mode = fs::metadata(&path)
            .expect("the socket")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, want, "{arguments:?}");
        assert_ends_well(&daemon);
    }
    let state = StateDir::new();
    #[rustfmt::skip]
    let rows: [(&[&str], &str); 10] = [
        (&["--listen", "0.0.0.0:0"],                 "loopback"),
        (&["--listen", "[::]:0"],                    "loopback"),
        (&["--listen", "192.0.2.1:9000"],            "loopback"),
        (&["--listen", "[::ffff:192.0.2.1]:0"],      "loopback"),
        (&["--listen", "localhost:9000"],            "127.0.0.1:PORT"),
        (&["--listen", "/run/socket"],               "unix:/PATH"),
        (&["--listen", "unix:socket"],               "absolute"),
        (&["--listen", "127.0.0.1:0", "--mode", "9"], "octal"),
        (&["--listen", "127.0.0.1:0", "--mode", "1777"], "octal"),
        (&["--listen", "127.0.0.1:0", "--workers", "0"], "workers"),
    ];
    for (arguments, word) in rows {
        let (code, said) = refused(&state, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}
