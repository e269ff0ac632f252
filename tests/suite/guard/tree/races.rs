//! Files, folders and links are renamed and exchanged while they are fetched: no byte from
//! outside is ever seen.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use signet::guard::tree::{EntryKind, Found, GuardedPath, OpenBy, Served};

use super::{OPEN_BY, Seen, Site, Stop, see};

const THREADS: usize = 50;

/// How long each of the two rounds lasts at least.
const ROUND: Duration = Duration::from_millis(1500);

/// The paths that are fetched. At times, each is a file of the guarded folder; and at times,
/// a program that follows all links reads a file outside there.
pub(super) const PATHS: [&str; 6] = [
    "/x/file",
    "/file",
    "/a/b/file",
    "/moved/up",
    "/moved/d/up",
    "/link/file",
];

pub(super) fn site() -> Site {
    let site = Site::new();
    for name in ["x/file", "file", "a/b/file", "moved/d/file", "secret"] {
        site.write(name, "inside");
        super::write(&site.outside.join(name), "outside");
    }
    // Exchanged with `x`, `file` and `a/b`.
    symlink("../outside/x", site.guarded.join("x2")).expect("symlink");
    symlink("../outside/file", site.guarded.join("file2")).expect("symlink");
    symlink(site.outside.join("a/b"), site.guarded.join("b2")).expect("symlink");
    symlink("x", site.guarded.join("link")).expect("symlink");
    // Inside while its folder is inside, outside while that is outside.
    symlink("../secret", site.guarded.join("moved/up")).expect("symlink");
    symlink("../../secret", site.guarded.join("moved/d/up")).expect("symlink");
    fs::rename(site.outside.join("moved"), site.outside.join("moved2")).expect("rename");
    site
}

fn exchange(one: &Path, other: &Path) {
    let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
}

/// One change, and back again.
fn change(site: &Site, number: usize) {
    let (inside, outside) = (&site.guarded, &site.outside);
    match number % 5 {
        0 => exchange(&inside.join("x"), &inside.join("x2")),
        1 => exchange(&inside.join("file"), &inside.join("file2")),
        2 => exchange(&inside.join("a/b"), &inside.join("b2")),
        3 => exchange(&inside.join("moved"), &outside.join("moved2")),
        _ => {
            let _ = fs::rename(inside.join("a"), inside.join("c"));
            thread::yield_now();
            let _ = fs::rename(inside.join("c"), inside.join("a"));
        }
    }
}

/// Fetches by `seen` in 50 threads, while 50 threads rename, until each path was seen inside.
/// Returns how often `seen` returned a file from outside.
fn fetched_outside(site: &Site, seen: impl Fn(&str) -> Seen + Sync) -> u64 {
    let (stop, outside) = (AtomicBool::new(false), AtomicU64::new(0));
    let inside: [AtomicU64; PATHS.len()] = Default::default();
    thread::scope(|scope| {
        let ends = Stop(&stop);
        for number in 0..THREADS {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    change(site, number);
                    thread::yield_now();
                }
            });
        }
        for number in 0..THREADS {
            let (seen, stop, inside, outside) = (&seen, &stop, &inside, &outside);
            scope.spawn(move || {
                let at = number % PATHS.len();
                while !stop.load(Ordering::Relaxed) {
                    match seen(PATHS[at]) {
                        Seen::File(text) if text == b"inside" => {
                            inside[at].fetch_add(1, Ordering::Relaxed)
                        }
                        Seen::File(_) => outside.fetch_add(1, Ordering::Relaxed),
                        Seen::Folder | Seen::Unreadable | Seen::Absent => 0,
                    };
                }
            });
        }
        let start = Instant::now();
        let all_seen = || {
            inside
                .iter()
                .all(|count| count.load(Ordering::Relaxed) > 10)
        };
        while start.elapsed() < ROUND || (start.elapsed() < 20 * ROUND && !all_seen()) {
            thread::sleep(Duration::from_millis(20));
        }
        drop(ends);
        assert!(all_seen(), "{inside:?}");
    });
    outside.into_inner()
}

#[test]
fn no_byte_from_outside_is_seen_while_everything_is_renamed() {
    for open_by in OPEN_BY {
        let site = site();
        let outside = fetched_outside(&site, |raw| {
            let folder = site.open(Served::BySite, open_by);
            see(&folder, raw)
        });
        assert_eq!(outside, 0, "{open_by:?}");
    }
}

/// The renames above are ones that a program would notice.
#[test]
fn a_program_that_follows_all_links_sees_bytes_from_outside() {
    let site = site();
    let outside = fetched_outside(&site, |raw| {
        let path = site.guarded.join(&raw[1..]);
        fs::read(path).map_or(Seen::Absent, Seen::File)
    });
    assert!(outside > 100, "{outside}");
}

/// Folders become files and pipes, and the other way round, while they are listed.
#[test]
fn a_listing_shows_nothing_from_outside_while_everything_is_renamed() {
    let site = site();
    fs::write(site.outside.join("file"), "outside, longer").expect("write a file");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Stop(&stop);
        for number in 0..10 {
            let (site, stop) = (&site, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    change(site, number);
                }
            });
        }
        let folder = site.open(Served::BySite, OpenBy::Openat2);
        let root = GuardedPath::parse(b"/").expect("a path");
        let (start, mut shown) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            let Found::Folder(found) = folder.find(&root).expect("no fault") else {
                panic!("not a folder");
            };
            for name in folder.names(&found).expect("names") {
                let name = name.expect("a name").name;
                if let Some(entry) = folder.entry(&found, &name).expect("no fault") {
                    let inside = EntryKind::File { size: 6 };
                    let is_inside = [EntryKind::Folder, inside].contains(&entry.kind);
                    assert!(is_inside, "{name:?}: {entry:?}");
                    shown += 1;
                }
            }
        }
        assert!(shown > 100, "{shown}");
    });
}
