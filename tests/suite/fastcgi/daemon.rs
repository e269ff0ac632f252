//! `signet fastcgi`: its socket, and the workers that it keeps alive.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, socket_with,
};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    answered, assert_ends_well, assert_pong, assert_serves, exchange, index_of, logged_in, login,
    ping,
};
use crate::support::application::{
    Address, Application, HANG, activated, at, lives, program_at, wait_until,
};
use crate::support::cgi::compiled;
use crate::support::fastcgi::{Client, request};
use crate::support::http::free_port;
use crate::support::output::Ended;
use crate::support::{StateDir, copy_program, dynamic_program, tested_program};

const FORM: &str = "username=ada";

/// What web servers, supervisors and terminals send to end a process.
pub(super) const END: [Signal; 6] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
];

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

/// When a worker is killed, its own requests fail and no others; another worker
/// is started.
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
        thread::sleep(Duration::from_millis(50));
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

/// `signet fastcgi` whose workers fail at once.
fn failing(state: &StateDir, workers: usize) -> Application {
    let mut command = at(Path::new(dynamic_program()), state);
    command.env("LD_PRELOAD", compiled("fails", &["-shared", "-fPIC"]));
    let number = workers.to_string();
    Application::daemon(&mut command, &socket(state), &["--workers", &number])
}

#[test]
fn a_daemon_whose_workers_fail_starts_them_once_a_second_until_it_is_to_end() {
    let state = StateDir::new();
    let daemon = failing(&state, 2);
    let since = Instant::now();
    let deadline = Duration::from_millis(2500);
    wait_until("some starts", || since.elapsed() > deadline);
    let asked = Instant::now();
    let ended = daemon.end();
    let took = asked.elapsed();
    let said = String::from_utf8(ended.stderr).expect("UTF-8");
    let starts = said.lines().filter(|line| line.contains("another")).count();
    assert!((2..12).contains(&starts), "{starts}: {said}");
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(ended.busy < Duration::from_secs(1), "{:?}", ended.busy);
    assert!(!socket(&state).exists());
}

/// The program file may be replaced by one that hangs.
#[test]
fn a_worker_that_does_not_end_is_killed() {
    let state = StateDir::new();
    let program = state.path().join("signet.cgi");
    copy_program(tested_program(), &program);
    let mut command = at(&program, &state);
    let daemon = Application::daemon(&mut command, &socket(&state), &["--workers", "2"]);
    let path = env!("PATH");
    let script = format!("#!/bin/sh\nPATH={path} exec sleep 60\n");
    state.write("new", &script, 0o755);
    fs::rename(state.path().join("new"), &program).expect("rename");
    let before = daemon.children();
    before.iter().copied().for_each(kill);
    wait_until("the script runs", || {
        let now = daemon.children();
        now.len() == 2 && !now.iter().any(|pid| before.contains(pid))
    });
    daemon.signal(Signal::TERM);
    let Ended { status, stderr, .. } = daemon.wait();
    let said = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(said.matches("is killed").count(), 2, "{said}");
}

/// SIGTERM ends the workers, each after what it has begun, and the socket.
#[test]
fn the_end_of_the_daemon_is_the_end_of_all() {
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    for signal in END {
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

/// A killed daemon cannot ask its workers to finish: one that serves a request goes
/// on to listen for five seconds, which the next daemon waits for.
#[test]
fn a_daemon_starts_while_workers_of_a_killed_one_finish() {
    let whole = request(1, true, &login(FORM), FORM.as_bytes());
    let port = free_port().to_string();
    let tcp = format!("127.0.0.1:{port}");
    let state = StateDir::new();
    let unix = format!("unix:{}", socket(&state).display());
    let start = |listen: &str| {
        let mut command = program_at(&state);
        command.args(["fastcgi", "--workers", "1", "--listen", listen]);
        match listen.strip_prefix("unix:") {
            Some(path) => Application::at_path(&mut command, Path::new(path)),
            None => Application::at_port(&mut command, listen.parse().expect("an address")),
        }
    };
    thread::scope(|scope| {
        for listen in [&unix, &tcp] {
            let (start, whole) = (&start, &whole);
            scope.spawn(move || {
                let first = start(listen);
                wait_until("the first listens", || first.try_connect().is_ok());
                let mut busy = first.connect();
                busy.send(&[&ping(), &whole[..50]].concat());
                assert_pong("in the middle", &mut busy);
                let workers = first.children();
                kill(first.pid());
                let second = start(listen);
                wait_until("the second has a worker", || !second.children().is_empty());
                assert!(!workers.iter().copied().any(lives), "{listen}");
                assert_serves("the second", &second);
                assert_ends_well(&second);
            });
        }
    });
}

/// The second daemon waits for six seconds for the first one to end.
#[test]
fn a_socket_in_use_is_left_alone() {
    let state = StateDir::new();
    let first = daemon(&state, 1);
    let said = refused_at(&state, &socket(&state));
    assert!(said.contains("in use"), "{said}");
    assert_serves("the first daemon", &first);
    assert_ends_well(&first);
}

/// Also if the queue of the other process is full, so that a connection would wait.
#[test]
fn a_daemon_that_waits_for_its_socket_ends_when_it_is_asked_to() {
    let state = StateDir::new();
    let address = SocketAddrUnix::new(socket(&state)).expect("a short path");
    let new = || {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a socket")
    };
    let other = new();
    bind(&other, &address).expect("bind");
    rustix::net::listen(&other, 0).expect("listen");
    let mut queue = Vec::new();
    let full = loop {
        let client = new();
        if let Err(err) = connect(&client, &address) {
            break err;
        }
        queue.push(client);
    };
    assert_eq!(full, Errno::AGAIN);
    let listen = format!("unix:{}", socket(&state).display());
    let mut command = program_at(&state);
    command.args(["fastcgi", "--listen", &listen]);
    let daemon = Application::at_path(&mut command, &socket(&state));
    wait_until("it has its handlers", || catches_sigterm(daemon.pid()));
    assert_eq!(assert_ends_well(&daemon), "");
    assert!(socket(&state).exists(), "the other's");
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
    let mut command = at(Path::new(dynamic_program()), &state);
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
        command.arg(tested_program());
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

/// A process that does nothing until this is dropped.
struct Paused(Pid);

impl Paused {
    fn new(pid: Pid) -> Self {
        kill_process(pid, Signal::STOP).expect("it runs");
        Self(pid)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// Whoever has connected is answered, although no worker has accepted the
/// connection yet.
#[test]
fn connections_that_wait_to_be_accepted_are_served_before_the_daemon_ends() {
    let state = StateDir::new();
    let daemon = daemon(&state, 1);
    assert_serves("before", &daemon);
    let paused = Paused::new(daemon.children()[0]);
    let whole = request(1, false, &login(FORM), FORM.as_bytes());
    let mut queue: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = daemon.connect();
            client.send(&whole);
            client
        })
        .collect();
    daemon.signal(Signal::TERM);
    // From now on nobody can come too late.
    wait_until("the socket is shut", || daemon.try_connect().is_err());
    drop(paused);
    for client in &mut queue {
        assert_eq!(logged_in(&answered(client, 1)), "ada");
    }
    assert_eq!(daemon.wait().status.code(), Some(0));
}

/// Connects to `address` and asks for the index, again and again, until nobody
/// listens there, `over` is set or the test has failed; returns how often. Each
/// connection that can be made has to be answered.
fn visit(address: &Address, over: &AtomicBool) -> usize {
    let whole = request(1, false, &index_of("ada"), b"");
    let (mut served, since) = (0, Instant::now());
    while !over.load(Ordering::Relaxed)
        && since.elapsed() < 3 * HANG
        && let Ok(mut client) = address.connect()
    {
        client.send(&whole);
        assert_eq!(answered(&mut client, 1).status, 200);
        served += 1;
    }
    served
}

#[test]
fn whoever_can_connect_is_answered_also_in_the_end() {
    for _ in 0..5 {
        let state = StateDir::new();
        let daemon = daemon(&state, 2);
        let (address, over) = (daemon.address(), AtomicBool::new(false));
        thread::scope(|scope| {
            let visitors: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| visit(address, &over)))
                .collect();
            assert_serves("under load", &daemon);
            daemon.signal(Signal::TERM);
            for visitor in visitors {
                visitor.join().expect("all were answered");
            }
        });
        assert_eq!(daemon.wait().status.code(), Some(0));
    }
}

/// systemd keeps the socket while the daemon is replaced: whoever connects
/// meanwhile waits.
#[test]
fn a_restart_loses_nothing_where_systemd_holds_the_socket() {
    let state = StateDir::new();
    let unix = UnixListener::bind(socket(&state)).expect("listen");
    let tcp = TcpListener::bind(("127.0.0.1", 0)).expect("listen");
    let path = Address::Unix(unix.local_addr().expect("its address"));
    let port = Address::Tcp(tcp.local_addr().expect("its address"));
    // Its own socket it does not open then.
    let other = format!("unix:{}", state.path().join("other").display());
    let more = ["--listen", &other, "--workers", "2"];
    for (listener, address) in [(OwnedFd::from(unix), path), (OwnedFd::from(tcp), port)] {
        let start = || Application::activated(&state, &listener, &address, &more);
        let mut daemon = start();
        assert_serves("the first", &daemon);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let visitors: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| visit(&address, &over)))
                .collect();
            for _ in 0..5 {
                assert_ends_well(&daemon);
                daemon = start();
                assert_serves("the next", &daemon);
            }
            over.store(true, Ordering::Relaxed);
            for visitor in visitors {
                assert!(visitor.join().expect("all were answered") > 0);
            }
        });
        assert_ends_well(&daemon);
    }
    assert!(socket(&state).exists(), "it is systemd's to remove");
    assert!(!state.path().join("other").exists());
}

/// One socket that listens, where only this machine can connect.
#[test]
fn sockets_of_systemd_that_are_refused() {
    let state = StateDir::new();
    let tcp = |address| OwnedFd::from(TcpListener::bind(address).expect("listen"));
    let near = || tcp("127.0.0.1:0");
    let connected = || OwnedFd::from(UnixStream::pair().expect("a pair").0);
    let listen = &["--listen", "unix:/run/x"];
    type Words<'t> = &'t [&'t str];
    #[rustfmt::skip]
    let cases: [(&str, OwnedFd, Words<'_>, Words<'_>, &str); 7] = [
        ("open to the world",  tcp("0.0.0.0:0"), &[],    &[],                  "other machines"),
        ("connected",          connected(),      &[],    &[],                  "does not listen"),
        ("also with --listen", connected(),      listen, &[],                  "does not listen"),
        ("of another process", near(),           &[],    &["LISTEN_PID", "1"], "no socket"),
        ("no number",          near(),           &[],    &["LISTEN_FDS", "x"], "no socket"),
        ("none",               near(),           &[],    &["LISTEN_FDS", "0"], "no socket"),
        ("negative",           near(),           &[],    &["LISTEN_FDS", "-1"], "no socket"),
    ];
    for (name, socket, more, variable, word) in cases {
        let mut command = activated(&state, &socket, more);
        if let [variable, value] = variable {
            command.env(variable, value);
        }
        let out = command.output().expect("run signet");
        let said = String::from_utf8(out.stderr).expect("UTF-8");
        assert_eq!(out.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(word), "{name}: {said}");
    }
}

/// As systemd itself passes it.
#[test]
#[ignore = "needs systemd-socket-activate: run tests/run"]
fn systemd_passes_a_socket() {
    let state = StateDir::new();
    let path = socket(&state);
    let mut command = at(Path::new("/usr/bin/systemd-socket-activate"), &state);
    let passed = ["SIGNET_STATE_DIR", "SIGNET_SECRET_KEY"];
    command
        .arg(format!("--listen={}", path.display()))
        .args(passed.map(|name| format!("--setenv={name}")))
        .args([tested_program(), "fastcgi"]);
    let daemon = Application::at_path(&mut command, &path);
    wait_until("it listens", || daemon.try_connect().is_ok());
    assert_serves("the first connection starts the daemon", &daemon);
    assert_serves("the next", &daemon);
    assert_eq!(daemon.end().status.code(), Some(0));
}

/// `ps` and `top` show the workers by the program's name.
#[test]
fn workers_are_called_signet() {
    let state = StateDir::new();
    let daemon = daemon(&state, 2);
    let of = |pid: &Pid, file: &str| {
        let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
        String::from_utf8(fs::read(path).expect("it lives")).expect("UTF-8")
    };
    wait_until("each has its name", || {
        let workers = daemon.children();
        workers
            .iter()
            .all(|pid| (&*of(pid, "comm"), &*of(pid, "cmdline")) == ("signet\n", "signet\0"))
    });
    assert_ends_well(&daemon);
}

/// A new file under the program's name is what the next workers run, and no
/// request is lost in between.
#[test]
fn workers_run_the_file_that_has_replaced_theirs() {
    let state = StateDir::new();
    let file = |name: &str| state.path().join(name);
    let put = |name: &str| {
        copy_program(tested_program(), file(name));
        fs::metadata(file(name)).expect("it is there").ino()
    };
    put("signet.cgi");
    let mut command = at(&file("signet.cgi"), &state);
    let daemon = Application::daemon(&mut command, &socket(&state), &["--workers", "2"]);
    assert_serves("the old one", &daemon);
    let (address, over) = (daemon.address(), AtomicBool::new(false));
    thread::scope(|scope| {
        let visitor = scope.spawn(|| visit(address, &over));
        let new = put("new");
        fs::rename(file("new"), file("signet.cgi")).expect("rename");
        wait_until("both run the new one", || {
            let runs_it = |pid: &Pid| {
                let exe = fs::metadata(format!("/proc/{}/exe", pid.as_raw_nonzero()));
                exe.is_ok_and(|exe| exe.ino() == new)
            };
            let workers = daemon.children();
            workers.len() == 2 && workers.iter().all(runs_it)
        });
        over.store(true, Ordering::Relaxed);
        assert!(visitor.join().expect("all were answered") > 0);
    });
    // Without a file to start, what runs is started again.
    fs::remove_file(file("signet.cgi")).expect("it is there");
    let before = daemon.children();
    before.iter().copied().for_each(kill);
    wait_until("others run", || {
        let now = daemon.children();
        now.len() == 2 && !now.iter().any(|pid| before.contains(pid))
    });
    assert_serves("the one that was removed", &daemon);
    let said = assert_ends_well(&daemon);
    assert_eq!(
        said.matches("the file of this program was replaced")
            .count(),
        2,
        "{said}"
    );
}

/// An update that does not start takes no site down: the running program is started
/// in its place, until the next update. It takes some seconds, as workers leave one
/// after the other.
#[test]
fn a_file_that_fails_is_not_used() {
    let state = StateDir::new();
    let program = state.path().join("signet.cgi");
    copy_program(tested_program(), &program);
    let mut command = at(&program, &state);
    let daemon = Application::daemon(&mut command, &socket(&state), &["--workers", "2"]);
    let replace = |text: &[u8]| {
        state.write("new", text, 0o755);
        fs::rename(state.path().join("new"), &program).expect("rename");
    };
    assert_serves("the first", &daemon);
    let before = daemon.children();
    replace(b"#!/bin/sh\nexit 1\n");
    wait_until("both have left", || {
        assert_serves("meanwhile", &daemon);
        !daemon.children().iter().any(|pid| before.contains(pid))
    });
    assert_serves("the running program", &daemon);
    replace(&fs::read(tested_program()).expect("the program"));
    let new = fs::metadata(&program).expect("it is there").ino();
    wait_until("both run the new one", || {
        assert_serves("meanwhile", &daemon);
        let exe = |pid: &Pid| fs::metadata(format!("/proc/{}/exe", pid.as_raw_nonzero()));
        let runs_it = |pid: &Pid| exe(pid).is_ok_and(|exe| exe.ino() == new);
        let workers = daemon.children();
        workers.len() == 2 && workers.iter().all(runs_it)
    });
    assert_ends_well(&daemon);
}

/// Whatever can connect is trusted, so only the web server may connect.
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
