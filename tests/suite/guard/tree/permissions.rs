//! Files and folders for which the program has no permission, and folders that others can
//! replace.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Gid, Uid};
use rustix::process::geteuid;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use signet::files::FileProblem;
use signet::guard::tree::{Found, GuardedFolder, GuardedPath, Served};

use super::{OPEN_BY, Seen, Site, Stop, file, see, write};

/// The web server's user, as whom the program runs.
const WWW: u32 = 61_230;

/// A guarded folder that every user can enter, removed when dropped.
struct Host(PathBuf);

impl Host {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Nobody but root may write into /var/lib.
        let name = format!("signet-guard-{}-{number}", std::process::id());
        let host = Self(Path::new("/var/lib").join(name));
        fs::create_dir(&host.0).expect("mkdir");
        host.mode("", 0o755);
        host
    }

    fn write(&self, name: &str, mode: u32) {
        write(&self.0.join(name), "text");
        self.mode(name, mode);
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.join(name), Permissions::from_mode(mode)).expect("chmod");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs it as the user [`WWW`] in a thread of its own.
fn as_www<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let (user, group) = (Uid::from_raw(WWW), Gid::from_raw(WWW));
            set_thread_groups(&[]).expect("setgroups");
            set_thread_res_gid(group, group, group).expect("setresgid");
            set_thread_res_uid(user, user, user).expect("setresuid");
            run()
        });
        thread.join().expect("no panic")
    })
}

/// Apache, lighttpd and nginx answer 403 for all of these.
#[test]
#[ignore = "needs root: run tests/run"]
fn files_without_permission_are_unreadable_and_not_listed() {
    let host = Host::new();
    host.write("shown", 0o644);
    host.write("private", 0o600);
    host.write(".hidden", 0o600);
    host.write("closed/file", 0o644);
    host.write("searched/file", 0o644);
    host.mode("closed", 0o700);
    host.mode("searched", 0o711);
    std::os::unix::fs::symlink("private", host.0.join("link")).expect("symlink");
    let listed = |folder: &GuardedFolder, raw: &str| {
        let path = GuardedPath::parse(raw.as_bytes()).expect("a path");
        let Found::Folder(found) = folder.find(&path).expect("no fault") else {
            panic!("{raw} is not a folder");
        };
        let names = folder.names(&found).map_err(|err| err.problem)?;
        let names = names.map(|name| name.expect("a name").name);
        let shown = |name: &Vec<u8>| folder.entry(&found, name).expect("no fault").is_some();
        let mut names: Vec<Vec<u8>> = names.filter(shown).collect();
        names.sort();
        Ok(names)
    };
    let unreadable = |mode| FileProblem::Unreadable {
        owner: 0,
        mode,
        euid: WWW,
    };
    as_www(|| {
        for open_by in OPEN_BY {
            let folder = GuardedFolder::open(&host.0, WWW, Served::ByNobodyElse);
            let folder = folder.expect("a trusted folder").open_by(open_by);
            for raw in ["/private", "/closed/file", "/closed/missing", "/link"] {
                assert_eq!(see(&folder, raw), Seen::Unreadable, "{raw}");
            }
            for raw in ["/.hidden", "/private/", "/missing", "/closed/.hidden"] {
                assert_eq!(see(&folder, raw), Seen::Absent, "{raw}");
            }
            assert_eq!(see(&folder, "/shown"), file("text"));
            assert_eq!(see(&folder, "/searched/file"), file("text"));
            let shown: [&[u8]; 3] = [b"closed", b"searched", b"shown"];
            assert_eq!(listed(&folder, "/"), Ok(shown.map(<[u8]>::to_vec).into()));
            assert_eq!(listed(&folder, "/closed/"), Err(unreadable(0o700)));
            assert_eq!(listed(&folder, "/searched/"), Err(unreadable(0o711)));

            let path = GuardedPath::parse(b"/closed/file").expect("a path");
            let Found::Unreadable(err) = folder.find(&path).expect("no fault") else {
                panic!("not unreadable");
            };
            // The folder has the problem.
            assert_eq!(err.path, host.0.join("closed"));
            assert_eq!(err.problem, unreadable(0o700));
        }
    });
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_guarded_folder_that_can_only_be_searched_shows_its_files() {
    let host = Host::new();
    host.write("file", 0o644);
    host.mode("", 0o711);
    as_www(|| {
        let folder = GuardedFolder::open(&host.0, WWW, Served::ByNobodyElse).expect("a folder");
        assert_eq!(see(&folder, "/file"), file("text"));
    });
}

#[test]
#[ignore = "needs root: run tests/run"]
fn permissions_that_change_meanwhile_are_no_fault() {
    let host = Host::new();
    host.write("folder/file", 0o644);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (name, mode) in [
                    ("folder/file", 0),
                    ("folder", 0),
                    ("folder/file", 0o644),
                    ("folder", 0o755),
                ] {
                    host.mode(name, mode);
                }
            }
        });
        let start = Instant::now();
        let (mut shown, mut unreadable) = (0, 0);
        as_www(|| {
            for open_by in OPEN_BY.into_iter().cycle() {
                let folder = GuardedFolder::open(&host.0, WWW, Served::ByNobodyElse);
                match see(&folder.expect("a folder").open_by(open_by), "/folder/file") {
                    Seen::File(text) => {
                        assert_eq!(text, b"text");
                        shown += 1;
                    }
                    Seen::Unreadable => unreadable += 1,
                    seen => panic!("{seen:?}"),
                }
                let enough = shown > 100 && unreadable > 100;
                if enough || start.elapsed() > Duration::from_secs(30) {
                    break;
                }
            }
        });
        assert!(shown > 100 && unreadable > 100, "{shown}, {unreadable}");
    });
}

#[test]
fn a_folder_that_is_missing_or_that_others_can_replace_is_refused() {
    let site = Site::new();
    site.write("file", "text");
    let euid = geteuid().as_raw();
    let problem = |path: &Path| {
        let opened = GuardedFolder::open(path, euid, Served::ByNobodyElse);
        opened.err().map(|err| err.problem)
    };
    assert_eq!(
        problem(&site.guarded.join("missing")),
        Some(FileProblem::Missing)
    );
    assert_eq!(
        problem(&site.guarded.join("file")),
        Some(FileProblem::NotAFolder)
    );
    assert_eq!(problem(&site.guarded), None);
    // A folder that was opened stays the same.
    let folder = super::open(&site.guarded, Served::ByNobodyElse, OPEN_BY[0]);
    fs::set_permissions(&site.guarded, Permissions::from_mode(0o777)).expect("chmod");
    let writable = FileProblem::Writable {
        mode: 0o777,
        wanted: 0o755,
    };
    assert_eq!(problem(&site.guarded), Some(writable));
    assert_eq!(see(&folder, "/file"), file("text"));
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_folder_of_another_user_is_refused() {
    let site = Site::new();
    chown(&site.guarded, Some(61_235), Some(61_235)).expect("chown");
    let opened = GuardedFolder::open(&site.guarded, 0, Served::ByNobodyElse);
    let owner = FileProblem::Owner {
        owner: 61_235,
        euid: 0,
    };
    assert_eq!(opened.err().map(|err| err.problem), Some(owner));
}
