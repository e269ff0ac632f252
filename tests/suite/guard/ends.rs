//! What happens to a download of a protected file, and to a login, when the worker is killed,
//! permissions change, or the disk is full: never a byte of another file, and never a hang.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::{ADA, PASSWORD, cookie_of, state_of};
use crate::fastcgi::{answered, asks, login, with};
use crate::support::application::{Application, program_at, wait_until};
use crate::support::fastcgi::{END_REQUEST, STDOUT, request};
use crate::support::{Cgi, StateDir};

/// More than all buffers on the way to a reader.
const LONG: usize = 16 << 20;

/// A site with a user, and the files `a.bin` and `b.bin` of one letter each.
struct Site {
    state: StateDir,
    private: PathBuf,
    cookie: String,
}

impl Site {
    fn new() -> Self {
        let state = state_of(ADA);
        for (name, letter) in [("a.bin", b'A'), ("b.bin", b'B')] {
            state.write(&format!("../private/{name}"), vec![letter; LONG], 0o600);
        }
        let private = state.path().with_file_name("private");
        let cookie = cookie_of(&state, "ada");
        Self {
            state,
            private,
            cookie,
        }
    }

    fn worker(&self) -> Application {
        Application::worker(program_at(&self.state).env("SIGNET_GUARD_DIR", &self.private))
    }

    fn params(&self) -> crate::fastcgi::Params {
        with(asks("GET", "/files/a.bin"), "HTTP_COOKIE", &*self.cookie)
    }

    /// Downloads the file and does something when some of it has come. Returns how many
    /// bytes came, and whether the response was complete.
    fn download(&self, worker: &Application, change: impl FnOnce()) -> (usize, bool) {
        let mut client = worker.connect();
        client.send(&request(1, false, &self.params(), b""));
        wait_until("some of it is sent", || client.waiting() > 0);
        change();
        let (mut answer, mut is_complete) = (Vec::new(), false);
        while let Some(record) = client.next_whole() {
            match record.kind {
                STDOUT => answer.extend(record.content),
                END_REQUEST => is_complete = true,
                kind => panic!("type {kind}"),
            }
        }
        assert!(
            answer.starts_with(b"Status: 200 "),
            "{:?}",
            answer.get(..40)
        );
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = &answer[end.expect("the end of the head") + 4..];
        assert!(body.iter().all(|byte| *byte == b'A'), "of another file");
        (body.len(), is_complete)
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

#[test]
fn a_killed_worker_ends_the_download() {
    let site = Site::new();
    let worker = site.worker();
    let (bytes, is_complete) = site.download(&worker, || worker.signal(Signal::KILL));
    assert!(bytes < LONG && !is_complete, "{bytes}");
    // The next one begins anew.
    let worker = site.worker();
    assert_eq!(site.download(&worker, || {}), (LONG, true));
}

#[test]
fn permissions_that_change_do_not_change_what_is_sent() {
    type Change = fn(&Site);
    #[rustfmt::skip]
    let changes: [(&str, Change, u16); 5] = [
        ("the folder", |site| set_mode(&site.private, 0o777), 503),
        ("the users file", |site| set_mode(&site.state.path().join("users"), 0o666), 503),
        ("the state folder", |site| set_mode(site.state.path(), 0o777), 503),
        ("another file in its place", |site| {
            fs::rename(site.private.join("b.bin"), site.private.join("a.bin")).expect("rename");
        }, 200),
        ("the folder is gone", |site| {
            fs::rename(&site.private, site.private.with_file_name("gone")).expect("rename");
        }, 503),
    ];
    for (name, change, status) in changes {
        let site = Site::new();
        let worker = site.worker();
        let sent = site.download(&worker, || change(&site));
        assert_eq!(sent, (LONG, true), "{name}");
        // Settings are read again in each second.
        let mut after = 0;
        wait_until(name, || {
            let mut client = worker.connect();
            client.send(&request(1, false, &site.params(), b""));
            let response = answered(&mut client, 1);
            assert!(!response.body.starts_with(b"A") || status != 200, "{name}");
            after = response.status;
            after == status
        });
        // A login meanwhile has an answer, too.
        let form = [("username", "ada"), ("password", PASSWORD)];
        let form = serde_urlencoded::to_string(form).expect("a form");
        let mut client = worker.connect();
        client.send(&request(1, false, &login(&form), form.as_bytes()));
        let response = answered(&mut client, 1);
        assert!(matches!(response.status, 303 | 503), "{name}: {response:?}");
        set_mode(site.state.path(), 0o700);
    }
}

/// A file system of 64 KiB, until it is dropped.
struct Small(PathBuf);

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root: run tests/run"]
fn on_a_full_disk_files_are_shown_and_a_login_has_an_answer() {
    for kind in ["cookie", "filesystem"] {
        let site = Site::new();
        let state = StateDir::new();
        let options = "size=64k,mode=0700";
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "signet-tests"]);
        assert!(
            mount
                .arg(state.path())
                .status()
                .expect("start mount")
                .success()
        );
        let small = Small(state.path().to_owned());
        state.write("users", ADA, 0o600);
        let on_site = |request: Cgi| {
            let request = request.state(&state).var("SIGNET_SESSION_TYPE", kind);
            request.var("SIGNET_GUARD_DIR", &site.private)
        };
        let form = [("username", "ada"), ("password", PASSWORD)];
        let form = serde_urlencoded::to_string(form).expect("a form");
        let response = on_site(Cgi::post("/login", &form)).run().response();
        assert_eq!(response.status, 303, "{}", response.text());
        let cookie = response.cookie("session").expect("a session").value;
        let cookie = format!("session={cookie}");
        let full = fs::write(small.0.join("filler"), vec![b'x'; 128 * 1024]);
        assert!(full.is_err(), "64 KiB held 128");

        let file = on_site(Cgi::get("/files/a.bin").var("HTTP_RANGE", "bytes=0-9"));
        let file = file.cookie(&cookie).run().response();
        assert_eq!((file.status, file.text()), (206, "AAAAAAAAAA"), "{kind}");
        let again = on_site(Cgi::post("/login", &form)).run().response();
        assert!(matches!(again.status, 303 | 503), "{kind}: {again:?}");
        let nobody = on_site(Cgi::get("/files/a.bin")).run().response();
        assert_eq!(nobody.status, 303, "{kind}");
        let logout = on_site(Cgi::post("/logout", "")).cookie(&cookie).run();
        assert!(matches!(logout.response().status, 303 | 503), "{kind}");
    }
}
