//! As `races`, from browser to file: 50 processes rename what 50 visitors fetch by HTTP.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::races::{self, PATHS};
use super::{Stop, write};
use crate::guard::PASSWORD;
use crate::live;
use crate::live::lighttpd::start_lighttpd;
use crate::live::site::User;
use crate::support::ADA;
use crate::support::cgi::compiled;
use crate::support::http::{self, Server};

const PROCESSES: usize = 50;

/// How long they fetch by CGI, and how long by FastCGI, at least.
const ROUND: Duration = Duration::from_secs(3);

/// A process that renames; killed when dropped.
struct Renames(Child);

impl Drop for Renames {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// lighttpd with the protected folder `guarded`.
fn start(site: &live::site::Site, guarded: &std::path::Path, by: &str) -> (Server, String) {
    let owner = User::current();
    site.folder("cgi-bin", owner, 0o755);
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", owner);
    site.file("state/users", ADA, owner, 0o600);
    let settings = format!("GUARD_DIR = {guarded:?}\nGUARD_LISTING = true\n");
    site.file("state/signet.toml", settings, owner, 0o600);
    let shipped = live::site::Site::shipped_path(by);
    let mount = (by == "lighttpd-fastcgi.conf").then_some("/");
    let server = start_lighttpd(site, &shipped, mount);
    let form = [("username", "ada"), ("password", PASSWORD)];
    let form = serde_urlencoded::to_string(form).expect("a form");
    let answer = http::post(server.port, "/login", &[], &form);
    assert_eq!(answer.status, 303, "{answer:?}");
    let cookies = answer.cookies();
    let cookie = cookies.iter().find(|cookie| cookie.name == "session");
    let cookie = format!("Cookie: session={}", cookie.expect("a session").value);
    (server, cookie)
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn no_byte_from_outside_is_fetched_by_http_while_everything_is_renamed() {
    for by in ["lighttpd.conf", "lighttpd-fastcgi.conf"] {
        let files = races::site();
        for name in ["x", "a/b"] {
            write(&files.outside.join(name).join("outside-name"), "outside");
        }
        let site = live::site::Site::new();
        let (server, cookie) = start(&site, &files.guarded, by);
        let program = compiled("renames", &[]);
        let renames = (0..PROCESSES).map(|number| {
            let mut command = Command::new(&program);
            let command = command.arg(&files.guarded).arg(&files.outside);
            let child = command
                .arg(number.to_string())
                .stderr(Stdio::null())
                .spawn();
            Renames(child.expect("start it"))
        });
        let _renames: Vec<Renames> = renames.collect();
        let urls: Vec<String> = PATHS
            .iter()
            .copied()
            .chain(["/", "/x/", "/a/b/", "/moved/"])
            .map(|path| format!("/files{path}"))
            .collect();
        let stop = AtomicBool::new(false);
        let shown: Vec<AtomicU64> = urls.iter().map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            let ends = Stop(&stop);
            for number in 0..PROCESSES {
                let (urls, stop, shown, cookie, port) =
                    (&urls, &stop, &shown, &cookie, server.port);
                scope.spawn(move || {
                    let at = number % urls.len();
                    while !stop.load(Ordering::Relaxed) {
                        let reply = http::get(port, &urls[at], &[cookie]);
                        let text = reply.text();
                        match reply.status {
                            200 if urls[at].ends_with('/') => {
                                assert!(text.contains("Logged in as ada"), "{text}");
                            }
                            200 => assert_eq!(text, "inside", "{}", urls[at]),
                            status => assert_eq!(status, 404, "{}: {reply:?}", urls[at]),
                        }
                        assert!(!text.contains("outside"), "{}: {text}", urls[at]);
                        shown[at].fetch_add(u64::from(reply.status == 200), Ordering::Relaxed);
                    }
                });
            }
            let start = Instant::now();
            let all_shown = || shown.iter().all(|count| count.load(Ordering::Relaxed) > 3);
            while start.elapsed() < ROUND || (start.elapsed() < 10 * ROUND && !all_shown()) {
                thread::sleep(Duration::from_millis(20));
            }
            drop(ends);
            assert!(all_shown(), "{by}: {shown:?}");
        });
    }
}
