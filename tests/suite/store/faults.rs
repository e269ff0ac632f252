//! Each system call of each request that stores something: as the last one of
//! the process, and failing. strace does both.

use std::fs::File;
use std::time::{Duration, SystemTime};

use rustix::process::geteuid;
use signet::session::store::{Files, Store};

use crate::support::invariants::{Allowed, assert_holds};
use crate::support::response::Response;
use crate::support::strace::{Call, calls, injected};
use crate::support::{Cgi, Output, StateDir, example, now};

const EVERYTHING: Allowed = Allowed {
    cookie: true,
    state: true,
};

/// A request that stores something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Storing {
    FirstLogin,
    OtherLogin,
    Logout,
    LogoutEverywhere,
    Note,
}

const ALL: [Storing; 5] = [
    Storing::FirstLogin,
    Storing::OtherLogin,
    Storing::Logout,
    Storing::LogoutEverywhere,
    Storing::Note,
];

/// A site on which ada is logged in twice and has written down a note.
struct Site {
    state: StateDir,
    desk: String,
    phone: String,
}

impl Site {
    fn new() -> Self {
        let mut site = Self {
            state: StateDir::new(),
            desk: String::new(),
            phone: String::new(),
        };
        for number in 0..2 {
            let out = site.with("", Cgi::post("/login", "username=ada")).run();
            let cookie = out.response().cookie("session").expect("a cookie").value;
            match number {
                0 => site.desk = cookie,
                _ => site.phone = cookie,
            }
        }
        let out = site.notes("/list?old").run();
        assert_eq!(out.response().status, 200, "{out}");
        site
    }

    /// Another site in the same state: cheaper than the requests of a new one.
    fn copy(&self) -> Self {
        Self {
            state: self.state.copy(),
            desk: self.desk.clone(),
            phone: self.phone.clone(),
        }
    }

    fn with(&self, cookie: &str, request: Cgi) -> Cgi {
        request
            .var("SIGNET_SESSION_TYPE", "filesystem")
            .cookie(format!("session={cookie}"))
            .state(&self.state)
    }

    fn notes(&self, target: &str) -> Cgi {
        self.with(&self.desk, Cgi::get(target).program(example("notes")))
    }

    fn request(&self, storing: Storing) -> Cgi {
        match storing {
            Storing::FirstLogin => self.with("", Cgi::post("/login", "username=bob")),
            Storing::OtherLogin => self.with(&self.desk, Cgi::post("/login", "username=bob")),
            Storing::Logout => self.with(&self.phone, Cgi::post("/logout", "")),
            Storing::LogoutEverywhere => {
                self.with(&self.desk, Cgi::post("/logout", "everywhere=1"))
            }
            Storing::Note => self.notes("/list?new"),
        }
    }

    fn is(&self, name: &str, cookie: &str, who: &str) -> bool {
        let out = self.with(cookie, Cgi::get("/")).run();
        let response = assert_holds(name, &out, EVERYTHING);
        assert_eq!(response.status, 200, "{name}: {out}");
        assert_eq!(out.errors(), "", "{name}: a damaged record");
        response
            .text()
            .contains(&format!("Logged in as {who}</title>"))
    }

    fn list(&self) -> String {
        self.notes("/list").run().response().text().to_owned()
    }

    /// What is left of the old state: nothing, or all; and of the new.
    #[track_caller]
    fn assert_old_or_new(&self, name: &str, storing: Storing, answer: Option<&Response>) {
        let done = answer.is_some_and(|answer| answer.status < 400);
        let refused = answer.is_some_and(|answer| answer.status >= 500);
        let fresh = answer.and_then(|answer| answer.cookie("session"));
        let fresh = fresh.filter(|cookie| !cookie.deletes());
        if refused {
            assert!(fresh.is_none(), "{name}: a cookie with an error");
        }
        let [desk, phone] = [&self.desk, &self.phone].map(|cookie| self.is(name, cookie, "ada"));
        match storing {
            Storing::FirstLogin => assert!(desk && phone, "{name}"),
            Storing::OtherLogin => {
                assert!(phone, "{name}");
                assert!(desk || !refused, "{name}: refused, and lost");
                assert!(!desk || !done, "{name}: the old id lives");
                assert!(!self.is(name, &self.desk, "bob"), "{name}: by the old id");
            }
            Storing::Logout => {
                assert!(desk, "{name}");
                assert!(phone || !refused, "{name}: refused, and lost");
                assert!(!phone || !done, "{name}: logged in after a logout");
            }
            Storing::LogoutEverywhere => {
                assert!(!done || !desk, "{name}: logged in after a logout");
                // If the login could not be judged, only this session ends, and the page says so.
                let told = fresh.as_ref().is_some_and(|cookie| {
                    let page = self.with(&cookie.value, Cgi::get("/")).run().response();
                    page.text().contains("logged out in this browser only")
                });
                assert!(!done || !phone || told, "{name}: logged in after a logout");
            }
            Storing::Note => {
                assert!(desk && phone, "{name}");
                let list = self.list();
                let wanted: &[&str] = match (done, refused) {
                    (true, _) => &["old\nnew"],
                    (_, true) => &["old"],
                    _ => &["old", "old\nnew"],
                };
                assert!(wanted.contains(&&*list), "{name}: {list:?}");
            }
        }
        if matches!(storing, Storing::FirstLogin | Storing::OtherLogin) && done {
            let fresh = fresh.unwrap_or_else(|| panic!("{name}: no cookie"));
            assert!(self.is(name, &fresh.value, "bob"), "{name}");
        }
    }

    /// The next requests work, and what is left of this one goes in time.
    #[track_caller]
    fn assert_goes_on(&self, name: &str) {
        let out = self.with("", Cgi::post("/login", "username=eve")).run();
        assert_eq!(out.response().status, 303, "{name}: {out}");
        let cookie = out.response().cookie("session").expect(name).value;
        assert!(self.is(name, &cookie, "eve"), "{name}");

        let unfinished = || {
            let snapshot = self.state.snapshot();
            let names = snapshot.names().into_iter();
            names
                .filter(|name| name.to_string_lossy().contains(".new-"))
                .map(|name| self.state.path().join(name))
                .collect::<Vec<_>>()
        };
        let left = unfinished();
        assert!(left.len() <= 1, "{name}: {left:?}");
        let hours_ago = SystemTime::now() - Duration::from_secs(7200);
        for path in &left {
            let file = File::options().write(true).open(path).expect(name);
            file.set_modified(hours_ago).expect(name);
        }
        let dir = self.state.path().join("sessions");
        let store = Files::new(&dir, geteuid().as_raw(), 2_678_400).expect(name);
        store.sweep(now()).expect(name);
        // Those beside the marks are removed when the next mark is set.
        let left = unfinished();
        assert!(
            left.iter().all(|path| path
                .parent()
                .is_some_and(|folder| folder.ends_with("ended/lists"))),
            "{name}: {left:?}"
        );
        assert!(self.is(name, &cookie, "eve"), "{name}: swept");
    }
}

/// The calls of a request from where it first looks at the store.
fn calls_of(storing: Storing) -> Vec<Call> {
    let site = Site::new();
    let (calls, out) = calls(site.request(storing));
    let answer = out.response();
    site.assert_old_or_new("undisturbed", storing, Some(&answer));
    let stores = calls
        .iter()
        .position(|call| call.arguments.contains("sessions"));
    let calls: Vec<Call> = calls.into_iter().skip(stores.expect("it looks")).collect();
    assert!(calls.len() > 10, "{storing:?}: {}", calls.len());
    calls
}

fn answer(out: &Output) -> Option<Response> {
    Response::parse(&out.stdout).ok()
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn killed_at_any_system_call() {
    let prepared = Site::new();
    for storing in ALL {
        let mut answered = 0;
        for call in calls_of(storing) {
            let name = format!("{storing:?}: {} {}", call.name, call.number);
            let site = prepared.copy();
            let out = injected(site.request(storing), &[&call.inject("signal=KILL")]);
            answered += usize::from(answer(&out).is_some());
            site.assert_old_or_new(&name, storing, answer(&out).as_ref());
            site.assert_goes_on(&name);
        }
        // Only those killed behind the one write have answered.
        assert!(answered < 10, "{storing:?}: {answered} not killed in time");
    }
}

/// A full disk, a broken one, a read-only one, no locks, no descriptors, no
/// random bytes: done, or a 503 without a cookie and everything as it was.
#[test]
#[ignore = "needs strace: run tests/run"]
fn failing_system_calls() {
    let prepared = Site::new();
    for storing in ALL {
        let mut refused = 0;
        for call in calls_of(storing) {
            let errors: &[&str] = match call.name.as_str() {
                "openat" if call.arguments.contains("O_CREAT") => &["ENOSPC", "EROFS", "EMFILE"],
                "openat" if call.arguments.contains("/etc/") => continue,
                "openat" => &["EMFILE", "EIO", "ESTALE"],
                "mkdir" | "mkdirat" => &["EROFS", "ENOSPC"],
                "write" if call.arguments.starts_with("1,") => continue,
                "write" => &["ENOSPC", "EDQUOT", "EIO"],
                "renameat" | "renameat2" => &["ENOSPC", "EIO", "ESTALE"],
                "unlinkat" => &["EIO", "EROFS", "ESTALE"],
                "flock" => &["ENOLCK", "EIO"],
                "getrandom" => &["ENOSYS"],
                "read" | "fstat" | "newfstatat" | "statx" | "getdents64" => &["EIO", "ESTALE"],
                "fstatfs" => &["EIO"],
                _ => continue,
            };
            for error in errors {
                let name = format!("{storing:?}: {} {} {error}", call.name, call.number);
                let site = prepared.copy();
                let inject = call.inject(&format!("error={error}"));
                let out = injected(site.request(storing), &[&inject]);
                let answer = match storing {
                    Storing::Note => answer(&out).expect(&name),
                    _ => assert_holds(&name, &out, EVERYTHING),
                };
                if answer.status >= 400 {
                    refused += 1;
                    let status = match call.name.as_str() {
                        "getrandom" => [500, 503],
                        _ => [503, 503],
                    };
                    assert!(status.contains(&answer.status), "{name}: {out}");
                    assert_eq!(out.errors().lines().count(), 1, "{name}: {out}");
                }
                site.assert_old_or_new(&name, storing, Some(&answer));
                site.assert_goes_on(&name);
            }
        }
        assert!(refused >= 10, "{storing:?}: only {refused} were noticed");
    }
}

/// NFS takes what is written, and says afterwards that a quota is used up.
#[test]
#[ignore = "needs strace: run tests/run"]
fn what_nfs_says_late_is_heard() {
    // f_type, the first word of struct statfs: NFS_SUPER_MAGIC of statfs(2).
    let nfs = "inject=fstatfs:poke_exit=@arg2=6969000000000000";
    for storing in [Storing::FirstLogin, Storing::OtherLogin, Storing::Note] {
        let site = Site::new();
        let quota = "inject=fdatasync:error=EDQUOT";
        let out = injected(site.request(storing), &[nfs, quota]);
        let refused = answer(&out).expect("an answer");
        assert_eq!(refused.status, 503, "{storing:?}: {out}");
        site.assert_old_or_new("quota", storing, Some(&refused));
        let out = injected(site.request(storing), &[nfs]);
        site.assert_old_or_new("no quota", storing, answer(&out).as_ref());
        // Elsewhere nobody waits for a disk.
        let (calls, _) = calls(site.request(storing));
        assert!(!calls.iter().any(|call| call.name.ends_with("sync")));
    }
}

/// Lustre and some mounts of NFS have no locks, which records need: no login
/// that no logout could end, and the owner reads what to set.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_file_system_without_locks_is_named() {
    for error in ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL"] {
        let inject = format!("inject=flock:error={error}");
        let first = StateDir::new();
        let site = Site::new();
        let login = Cgi::post("/login", "username=ada");
        let login = login.var("SIGNET_SESSION_TYPE", "filesystem").state(&first);
        for (name, request) in [
            ("first login", login),
            ("logout", site.request(Storing::Logout)),
            ("another login", site.request(Storing::OtherLogin)),
        ] {
            let out = injected(request, &[&inject]);
            let response = assert_holds(name, &out, EVERYTHING);
            assert_eq!(response.status, 503, "{name}, {error}: {out}");
            for words in ["without file locks", "SESSION_TYPE", "SESSION_FILE_DIR"] {
                let page = response.words();
                assert!(page.contains(words), "{name}, {error}: {words} in {page}");
                assert!(out.errors().contains(words), "{name}, {error}: {out}");
            }
            assert!(
                response.words().contains("sessions"),
                "{name}: the folder's name"
            );
        }
        assert!(!first.path().join("sessions").exists(), "{error}");
        assert!(site.is("still logged in", &site.desk, "ada"));
    }
}

/// As NFS, which has no rename that keeps what is there; and without links.
#[test]
#[ignore = "needs strace: run tests/run"]
fn sessions_are_stored_on_file_systems_that_lack_calls() {
    let rows: [&[&str]; 4] = [
        &["inject=renameat2:error=EINVAL"],
        &["inject=renameat2:error=EINVAL", "inject=linkat:error=EPERM"],
        &["inject=fstatfs:error=ENOSYS"],
        &["inject=fsync:error=EINVAL", "inject=fdatasync:error=EINVAL"],
    ];
    for row in rows {
        let site = Site::new();
        for storing in ALL {
            let name = format!("{storing:?}: {row:?}");
            let site = Site::new();
            let out = injected(site.request(storing), row);
            let answer = answer(&out).expect(&name);
            assert!(answer.status < 400, "{name}: {out}");
            site.assert_old_or_new(&name, storing, Some(&answer));
        }
        // Killed between the link and the removal of the first name.
        let kill = [row, &["inject=unlinkat:signal=KILL:when=1"]].concat();
        injected(site.request(Storing::FirstLogin), &kill);
        site.assert_goes_on("killed");
    }
}
