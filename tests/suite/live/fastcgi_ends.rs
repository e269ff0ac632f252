//! FastCGI processes that end while their web server runs: killed, or asked to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::daemon::Socket;
use super::fastcgi::{lighttpd, mod_fcgid, mod_proxy_fcgi, mod_proxy_fcgi_at, nginx, nginx_at};
use super::site::User;
use super::{Live, Mount, is_ours};
use crate::support::html::words;

/// Longer than anything here may take, were the machine ever so busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// The processes that serve the site's program, without the one that looks
/// after them.
fn workers(live: &Live) -> Vec<Pid> {
    let is_worker = |process: &Path| {
        let program = fs::read_link(process.join("exe"));
        let words = fs::read(process.join("cmdline"));
        program.is_ok_and(|program| program.starts_with(live.site.path()))
            && words.is_ok_and(|words| !words.split(|b| *b == 0).any(|word| word == b"fastcgi"))
    };
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .filter(|process| is_worker(&process.path()))
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .collect()
}

/// Whether it has closed its files, too; before that somebody may connect.
fn has_ended(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    // The state stands behind the name, which may hold anything.
    stat.map_or(true, |stat| {
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z'))
    })
}

#[track_caller]
fn assert_logged_in(mount: &Mount, when: &str, cookie: &str, user: &str) {
    let index = mount.get("/", &[&format!("Cookie: {cookie}")]);
    mount.assert_ours(when, &index);
    let says = words(index.text());
    let wanted = format!("Logged in as {user}");
    assert!(says.contains(&wanted), "{}, {when}: {says}", mount.name);
}

/// The request right after it is served, by another worker or by a new one,
/// and the visitor is who they were.
#[test]
#[ignore = "needs lighttpd, Apache and nginx: run tests/run"]
fn a_killed_worker_is_not_noticed() {
    for live in [
        lighttpd(""),
        mod_fcgid(""),
        mod_proxy_fcgi("", &[]),
        nginx("", &[]),
    ] {
        let mount = &live.mounts[0];
        let cookie = mount.log_in();
        let all = workers(&live).len();
        for _ in 0..3 {
            let one = workers(&live)[0];
            kill_process(one, Signal::KILL).expect("kill a worker");
            wait_until(mount, "gone", || has_ended(one));
            assert_logged_in(mount, "one worker killed", &cookie, "admin");
            // lighttpd looks after them once a second.
            wait_until(mount, "all are back", || workers(&live).len() == all);
        }
        for worker in workers(&live) {
            kill_process(worker, Signal::KILL).expect("kill a worker");
        }
        wait_until(mount, "one is back", || is_ours(&mount.get("/", &[])));
        assert_logged_in(mount, "all workers killed", &cookie, "admin");
    }
}

#[track_caller]
fn wait_until(mount: &Mount, what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{}: not {what}", mount.name);
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sessions lie in files here, so that one can be lost.
const SETTINGS: [(&str, &str); 1] = [("SIGNET_SESSION_TYPE", "filesystem")];

/// Under a load of requests, whatever is answered is right, or the server's
/// own word that nobody was there; and no session is lost.
#[test]
#[ignore = "needs Apache and nginx: run tests/run"]
fn a_restarted_daemon_loses_no_session() {
    for live in [nginx("", &SETTINGS), mod_proxy_fcgi("", &SETTINGS)] {
        assert_survives_restarts(live, &AtomicUsize::new(0));
    }
}

/// With the socket unit, nobody notices.
#[test]
#[ignore = "needs Apache and nginx: run tests/run"]
fn a_restart_is_not_noticed_where_systemd_holds_the_socket() {
    for live in [
        nginx_at(Socket::passed, "", &SETTINGS),
        mod_proxy_fcgi_at(Socket::passed, "", &SETTINGS),
    ] {
        let failed = AtomicUsize::new(0);
        let name = live.mounts[0].name;
        assert_survives_restarts(live, &failed);
        assert_eq!(failed.into_inner(), 0, "{name}: 502 or 503");
    }
}

/// Restarts the daemon under load. `failed` counts the answers of a server that
/// found nobody there.
fn assert_survives_restarts(mut live: Live, failed: &AtomicUsize) {
    let mount = live.mounts[0].clone();
    let daemon = live.daemon.as_mut().expect("a daemon");
    under_load(&mount, failed, |answers_come| {
        for _ in 0..5 {
            answers_come();
            daemon.restart();
        }
    });
    // Nobody who has connected was cut off.
    let log = fs::read_to_string(live.site.path().join("errors.log")).expect("the server's log");
    for word in ["reset by peer", "prematurely closed"] {
        assert!(!log.contains(word), "{}: {log}", mount.name);
    }
}

/// Does something while visitors come and go. What it is given waits until they
/// have had answers.
fn under_load(mount: &Mount, failed: &AtomicUsize, body: impl FnOnce(&dyn Fn())) {
    let (right, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for number in 0..4 {
            let load = Load {
                mount,
                right: &right,
                failed,
                over: &over,
            };
            scope.spawn(move || load.visit(&format!("visitor{number}")));
        }
        let answers_come = || {
            let wanted = right.load(Ordering::Relaxed) + 40;
            wait_until(mount, "answers", || right.load(Ordering::Relaxed) > wanted);
        };
        answers_come();
        body(&answers_come);
        answers_come();
        over.store(true, Ordering::Relaxed);
    });
    mount.assert_log();
}

/// An update as the README describes it, under load: after a while all workers run
/// the new file, and no visitor has noticed.
#[test]
#[ignore = "needs lighttpd, Apache and nginx: run tests/run"]
fn a_replaced_program_is_run_and_no_request_is_lost() {
    for (live, name) in [
        (lighttpd(""), "cgi-bin/signet.cgi"),
        (mod_fcgid(""), "cgi-bin/signet.cgi"),
        (nginx("", &[]), "bin/signet"),
    ] {
        let mount = live.mounts[0].clone();
        let failed = AtomicUsize::new(0);
        under_load(&mount, &failed, |_| {
            let before = workers(&live).len();
            let new = live.site.program("new", User::current());
            let file = fs::metadata(&new).expect("it is there").ino();
            fs::rename(new, live.site.path().join(name)).expect("rename");
            let runs_it = |pid: &Pid| {
                let exe = fs::metadata(format!("/proc/{}/exe", pid.as_raw_nonzero()));
                exe.is_ok_and(|exe| exe.ino() == file)
            };
            // mod_fcgid starts as many as the load needs.
            let fewest = if mount.name == "mod_fcgid" { 1 } else { before };
            wait_until(&mount, "the new program is run", || {
                let workers = workers(&live);
                workers.len() >= fewest && workers.iter().all(runs_it)
            });
        });
        let log = live.site.path().join("errors.log");
        let log = fs::read_to_string(log).expect("the server's log");
        assert_eq!(failed.into_inner(), 0, "{}: {log}", mount.name);
    }
}

/// And none is lost when a worker of lighttpd's is asked to end.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn no_request_is_lost_with_a_worker_that_is_asked_to_end() {
    let live = lighttpd("");
    let mount = live.mounts[0].clone();
    let failed = AtomicUsize::new(0);
    under_load(&mount, &failed, |answers_come| {
        let all = workers(&live).len();
        for _ in 0..5 {
            let one = workers(&live)[0];
            kill_process(one, Signal::TERM).expect("it runs");
            wait_until(&mount, "gone", || has_ended(one));
            wait_until(&mount, "all are back", || workers(&live).len() == all);
            answers_come();
        }
    });
    assert_eq!(failed.into_inner(), 0, "{}: 500 or 503", mount.name);
}

/// Visitors who count what they see.
struct Load<'t> {
    mount: &'t Mount,
    right: &'t AtomicUsize,
    failed: &'t AtomicUsize,
    over: &'t AtomicBool,
}

impl Load<'_> {
    /// Logs in, and looks at the index with that session again and again; between,
    /// somebody else logs in and looks once.
    fn visit(&self, user: &str) {
        let cookie = self.log_in(user);
        // A test that has failed does not say that it is over.
        let since = Instant::now();
        while !self.over.load(Ordering::Relaxed) && since.elapsed() < 4 * PATIENCE {
            for cookie in [&cookie, &self.log_in(user)] {
                if self.look(user, cookie) {
                    self.right.fetch_add(1, Ordering::Relaxed);
                }
                // So that the servers and the other tests have time, too.
                thread::sleep(Duration::from_millis(5));
            }
        }
        assert_logged_in(self.mount, "at the end", &cookie, user);
    }

    /// Logs in, as often as it takes, and returns the Cookie header's value.
    fn log_in(&self, user: &str) -> String {
        let mount = self.mount;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = mount.post("/login", &[], &format!("username={user}"));
            if is_ours(&answer) {
                mount.assert_ours("login", &answer);
                assert_eq!(answer.status, 303, "{}: {answer:?}", mount.name);
                let cookies = answer.cookies();
                return format!("{}={}", cookies[0].name, cookies[0].value);
            }
            self.assert_nobody_was_there(answer.status);
            assert!(Instant::now() < deadline, "{}: no login", mount.name);
        }
    }

    /// Whether the program showed the index; if so, it is to know the visitor.
    fn look(&self, user: &str, cookie: &str) -> bool {
        let mount = self.mount;
        let index = mount.get("/", &[&format!("Cookie: {cookie}")]);
        if !is_ours(&index) {
            self.assert_nobody_was_there(index.status);
            return false;
        }
        mount.assert_ours("index", &index);
        let says = words(index.text());
        let wanted = format!("Logged in as {user}");
        assert!(says.contains(&wanted), "{}: {says}", mount.name);
        true
    }

    fn assert_nobody_was_there(&self, status: u16) {
        // lighttpd says 500 where others say 502.
        assert!(
            matches!(status, 500 | 502 | 503),
            "{}: {status}",
            self.mount.name
        );
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}
