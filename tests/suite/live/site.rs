//! Folders for whole sites: a web server's own user may go there, the program
//! may keep a key there, and nothing of them stays.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{getegid, geteuid};

use crate::support::{copy_program, state_root, tested_program};

/// A user as the file system knows one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// Who runs these tests.
    pub(crate) fn current() -> Self {
        Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
        }
    }

    /// The user by this name, from `/etc/passwd`.
    pub(crate) fn named(name: &str) -> Self {
        let passwd = fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))
            .unwrap_or_else(|| panic!("no user {name} in /etc/passwd"));
        let mut numbers = line
            .split(':')
            .skip(2)
            .map(|field| field.parse().expect("a number"));
        Self {
            uid: numbers.next().expect("a uid"),
            gid: numbers.next().expect("a gid"),
        }
    }

    pub(crate) fn is_root(self) -> bool {
        self.uid == 0
    }
}

/// A folder of mode 0755, removed when dropped.
#[derive(Debug)]
pub(crate) struct Site {
    path: PathBuf,
}

impl Site {
    /// Makes an empty one.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Started by root, Apache runs as another user, who may not enter a
        // checkout below /root; nobody else may write into /var/lib.
        let root = if User::current().is_root() {
            PathBuf::from("/var/lib")
        } else {
            state_root()
        };
        let path = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = root.join(format!("signet-tests-{}-{number}", process::id()));
            // A killed run of the same process id may have left one behind.
            match DirBuilder::new().mode(0o755).create(&path) {
                Ok(()) => break path,
                Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(err) => panic!("{}: {err}", path.display()),
            }
        };
        set_mode(&path, 0o755);
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder, in one that exists, of exactly this mode.
    pub(crate) fn folder(&self, name: &str, owner: User, mode: u32) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        give(&path, owner, mode);
        path
    }

    /// Writes a file of exactly this mode.
    pub(crate) fn file(
        &self,
        name: &str,
        text: impl AsRef<[u8]>,
        owner: User,
        mode: u32,
    ) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, text).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        give(&path, owner, mode);
        path
    }

    /// Writes a file as [`Site::file`] does, and the folders on its way, which
    /// get mode 0755.
    pub(crate) fn deep_file(&self, name: &str, text: impl AsRef<[u8]>, owner: User, mode: u32) {
        let mut folder = PathBuf::new();
        for part in Path::new(name).parent().expect("a folder").components() {
            folder.push(part);
            if !self.path.join(&folder).exists() {
                self.folder(folder.to_str().expect("UTF-8"), owner, 0o755);
            }
        }
        self.file(name, text, owner, mode);
    }

    /// Installs the program as a person would who uploads it.
    pub(crate) fn program(&self, name: &str, owner: User) -> PathBuf {
        self.copy(Path::new(tested_program()), name, owner)
    }

    /// [`Site::program`] for another program than signet.
    pub(crate) fn copy(&self, program: &Path, name: &str, owner: User) -> PathBuf {
        let path = self.path.join(name);
        copy_program(program, &path);
        give(&path, owner, 0o755);
        path
    }

    /// A file of `deploy/`, as it is shipped.
    pub(crate) fn shipped(name: &str) -> String {
        let path = Self::shipped_path(name);
        fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
    }

    /// Where a file of `deploy/` lies.
    pub(crate) fn shipped_path(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("deploy")
            .join(name)
    }

    /// `deploy/example.cgi`, with its two paths replaced and nothing else.
    pub(crate) fn example(&self, program: &Path, state: &Path) -> String {
        let text = Self::shipped("example.cgi");
        let text = text.replace("/home/alice/bin/signet", &program.to_string_lossy());
        let text = text.replace("/home/alice/.signet", &state.to_string_lossy());
        assert!(!text.contains("/home/alice"), "{text}");
        text
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

pub(super) fn give(path: &Path, owner: User, mode: u32) {
    if owner != User::current() {
        chown(path, Some(owner.uid), Some(owner.gid)).expect("chown");
    }
    set_mode(path, mode);
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}
