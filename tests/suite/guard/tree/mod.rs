//! Protected folders: which file a path leads to, and that none is outside.
//!
//! Each test runs twice: with `openat2`, and with `openat` alone, as on kernels and in
//! containers without it.

mod fetched;
mod links;
pub(crate) mod names;
mod permissions;
mod races;
mod spellings;
mod types;

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::geteuid;
use signet::guard::tree::{Found, GuardedFolder, GuardedPath, OpenBy, Served};

use crate::support::StateDir;

const OPEN_BY: [OpenBy; 2] = [OpenBy::Openat2, OpenBy::Openat];

/// A guarded folder and a folder beside it, both empty.
struct Site {
    // Removes it.
    _state: StateDir,
    guarded: PathBuf,
    outside: PathBuf,
}

impl Site {
    fn new() -> Self {
        let state = StateDir::new();
        let [guarded, outside] = ["guarded", "outside"].map(|name| state.path().join(name));
        for folder in [&guarded, &outside] {
            fs::create_dir(folder).expect("mkdir");
        }
        Self {
            _state: state,
            guarded,
            outside,
        }
    }

    /// Writes a file below the guarded folder, with the folders on the way.
    fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        write(&self.guarded.join(name), text);
    }

    fn open(&self, served: Served, open_by: OpenBy) -> GuardedFolder {
        open(&self.guarded, served, open_by)
    }
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
    fs::write(path, text).expect("write a file");
}

fn open(path: &Path, served: Served, open_by: OpenBy) -> GuardedFolder {
    GuardedFolder::open(path, geteuid().as_raw(), served)
        .expect("a trusted folder")
        .open_by(open_by)
}

/// Ends the other threads of a test, also if it fails.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a visitor sees.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Seen {
    File(Vec<u8>),
    Folder,
    Unreadable,
    Absent,
}

fn file(text: impl AsRef<[u8]>) -> Seen {
    Seen::File(text.as_ref().to_vec())
}

/// What is at a percent-encoded path.
fn see(folder: &GuardedFolder, raw: impl AsRef<[u8]>) -> Seen {
    GuardedPath::parse(raw.as_ref()).map_or(Seen::Absent, |path| find(folder, &path))
}

fn find(folder: &GuardedFolder, path: &GuardedPath) -> Seen {
    match folder.find(path).expect("no fault") {
        Found::File(mut found) => {
            let mut text = Vec::new();
            found.file.read_to_end(&mut text).expect("read a file");
            Seen::File(text)
        }
        Found::Folder(_) => Seen::Folder,
        Found::Unreadable(_) => Seen::Unreadable,
        Found::Absent => Seen::Absent,
    }
}

/// The names that a listing shows of the folder at a percent-encoded path, sorted.
fn listed(folder: &GuardedFolder, raw: &str) -> Vec<Vec<u8>> {
    let path = GuardedPath::parse(raw.as_bytes()).expect("a path");
    let Found::Folder(found) = folder.find(&path).expect("no fault") else {
        panic!("{raw} is not a folder");
    };
    let names = folder.names(&found).expect("names");
    let names = names.map(|name| name.expect("a name").name);
    let shown = |name: &Vec<u8>| folder.entry(&found, name).expect("no fault").is_some();
    let mut names: Vec<Vec<u8>> = names.filter(shown).collect();
    names.sort();
    // A listing shows what can be fetched, and nothing else.
    let fetched = |name: &Vec<u8>| {
        let path = path.file(name).map(|path| find(folder, &path));
        matches!(path, Some(Seen::File(_) | Seen::Folder))
    };
    let last = found.folders.last().expect("a folder");
    let real = fs::read_dir(format!("/proc/self/fd/{}", raw_fd(last))).expect("list a folder");
    let real = real.map(|entry| entry.expect("a name").file_name().as_bytes().to_vec());
    let mut real: Vec<Vec<u8>> = real.filter(fetched).collect();
    real.sort();
    assert_eq!(names, real, "{raw}");
    names
}

fn raw_fd(fd: impl std::os::fd::AsFd) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&fd.as_fd())
}
