//! The file that this process runs, and whether another file has replaced it.
//!
//! A web server that starts workers itself (lighttpd) answers 503 while it has no worker.
//! So workers whose file was replaced end one after the other: each waits for a lock on
//! this file.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

/// The file that this process runs, even if its name was removed or replaced.
pub(crate) const RUNNING: &str = "/proc/self/exe";

/// The time for which the first worker keeps the lock before it ends: meanwhile, the
/// others find it locked.
const FIRST_STAY: Duration = Duration::from_secs(1);

/// The time for which each of the others keeps it: lighttpd replaces a worker that has
/// ended within a second.
const STAY: Duration = Duration::from_secs(2);

/// The most time that a worker waits for the lock.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What the kernel appends to the name of a running file that was removed.
const DELETED: &[u8] = b" (deleted)";

/// The file that was started.
#[derive(Debug)]
pub(crate) struct ProgramFile {
    path: PathBuf,
    started: Identity,
    /// The other file at `path`, as it was at the last check.
    seen: Option<(Identity, Version)>,
    turn: Turn,
}

/// The turn of a worker to end.
#[derive(Debug)]
enum Turn {
    /// Its file was not replaced.
    No,
    /// Another worker ends first.
    Waits { since: Instant },
    /// It ends: no other worker does while it has the lock.
    Now {
        _lock: Option<File>,
        leaves: Instant,
    },
}

/// Device and inode.
type Identity = (u64, u64);

/// Length and last change: a file that is still being written changes them.
type Version = (u64, i64, i64);

impl ProgramFile {
    /// The file of this process; `None` without `/proc`.
    pub(crate) fn of_this_process() -> Option<Self> {
        let link = Path::new(RUNNING);
        Self::new(link, || std::fs::read_link(link).ok())
    }

    /// The file that `link` leads to; `name` is what the kernel says its name is now.
    fn new(link: &Path, name: impl Fn() -> Option<PathBuf>) -> Option<Self> {
        let mut path = name()?;
        let before = path.as_os_str().as_bytes().strip_suffix(DELETED);
        let named = std::fs::metadata(&path).ok();
        // An emulator (valgrind, qemu) gives the program's name, but the link is its own.
        let started = match named.filter(|_| before.is_none() && name().as_ref() == Some(&path)) {
            Some(meta) => identity(&meta),
            None => identity(&std::fs::metadata(link).ok()?),
        };
        // It may have been replaced since it was started.
        if let Some(before) = before
            && !path.exists()
        {
            path = PathBuf::from(OsStr::from_bytes(before));
        }
        Some(Self {
            path,
            started,
            seen: None,
            turn: Turn::No,
        })
    }

    /// The path for another process of this program: the file that has its name now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this worker has to end, because its file was replaced and it is its turn.
    /// Call this regularly.
    pub(super) fn is_to_end(&mut self, now: Instant) -> bool {
        if !self.is_replaced() {
            self.turn = Turn::No;
            return false;
        }
        let (since, stay) = match self.turn {
            Turn::Now { leaves, .. } => return now >= leaves,
            Turn::Waits { since } => (since, STAY),
            Turn::No => (now, FIRST_STAY),
        };
        let lock = File::open(RUNNING).and_then(|file| {
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            Ok(file)
        });
        let is_held = lock
            .as_ref()
            .is_err_and(|err| err.kind() == ErrorKind::WouldBlock);
        self.turn = match is_held && now < since + MAX_WAIT {
            true => Turn::Waits { since },
            // On a file system without locks, no worker waits.
            false => Turn::Now {
                _lock: lock.ok(),
                leaves: now + stay,
            },
        };
        false
    }

    /// Whether another executable file has replaced the one that was started, and has not
    /// changed since the last call.
    fn is_replaced(&mut self) -> bool {
        let now = std::fs::metadata(&self.path)
            .ok()
            .filter(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
            .map(|meta| (identity(&meta), version(&meta)))
            .filter(|(identity, _)| *identity != self.started);
        let before = std::mem::replace(&mut self.seen, now);
        now.is_some() && now == before
    }
}

fn identity(meta: &Metadata) -> Identity {
    (meta.dev(), meta.ino())
}

fn version(meta: &Metadata) -> Version {
    (meta.len(), meta.mtime(), meta.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder that is removed when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("signet-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }

        fn rename(&self, from: &str, to: &str) {
            fs::rename(self.0.join(from), self.0.join(to)).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// What two looks say, one after the other.
    fn twice(program: &mut ProgramFile) -> [bool; 2] {
        [program.is_replaced(), program.is_replaced()]
    }

    #[test]
    fn a_program_is_replaced_by_one_that_is_complete_and_can_be_started() {
        let folder = Folder::new("replaced");
        let path = folder.write("program", "old", 0o755);
        let mut program = ProgramFile::new(&path, || Some(path.clone())).unwrap();
        let mut twice = || twice(&mut program);
        assert_eq!(twice(), [false; 2], "as it was");
        folder.rename("program", "before");
        assert_eq!(twice(), [false; 2], "removed");
        folder.write("program", "new", 0o644);
        assert_eq!(twice(), [false; 2], "not executable yet");
        folder.write("program", "newer", 0o755);
        assert_eq!(twice(), [false, true], "unchanged at the second look");
        folder.write("program", "still being written", 0o755);
        assert_eq!(twice(), [false, true], "changed since");
        folder.rename("before", "program");
        assert_eq!(twice(), [false; 2], "the old one again");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(twice(), [false; 2], "a folder");
    }

    #[test]
    fn a_program_that_was_removed_before_the_first_look_has_its_name() {
        let folder = Folder::new("removed");
        let before = folder.write("before", "old", 0o755);
        let path = folder.write("program", "new", 0o755);
        let name = PathBuf::from(format!("{} (deleted)", path.display()));
        let mut program = ProgramFile::new(&before, || Some(name.clone())).unwrap();
        assert_eq!(twice(&mut program), [false, true]);
    }

    #[test]
    fn a_program_that_is_replaced_during_the_first_look_has_been_replaced() {
        let folder = Folder::new("during");
        let before = folder.write("before", "old", 0o755);
        let path = folder.write("program", "new", 0o755);
        let is_first = Cell::new(true);
        let name = || match is_first.replace(false) {
            true => Some(path.clone()),
            false => Some(PathBuf::from(format!("{} (deleted)", path.display()))),
        };
        let mut program = ProgramFile::new(&before, name).unwrap();
        assert_eq!(twice(&mut program), [false, true]);
    }

    #[test]
    fn the_link_of_an_emulator_does_not_count() {
        let folder = Folder::new("emulator");
        let emulator = folder.write("emulator", "other", 0o755);
        let path = folder.write("program", "program", 0o755);
        let mut program = ProgramFile::new(&emulator, || Some(path.clone())).unwrap();
        assert_eq!(twice(&mut program), [false; 2]);
    }
}
