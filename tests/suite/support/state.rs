//! State directories for tests, where the program is willing to keep a key.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fmt, io, process};

use signet::config::SERVED_NAMES;

use super::copy_program;

/// A private place below which the program accepts a key: not in /tmp, in no
/// folder that others may write, in none that a web server would serve.
///
/// That is cargo's folder for tests, or, when the checkout itself lies in such
/// a place, one in the home directory's cache.
pub(crate) fn state_root() -> PathBuf {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(find_state_root).clone()
}

fn find_state_root() -> PathBuf {
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cache/signet-tests"));
    let cargo = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let root = [cargo, home]
        .into_iter()
        .flatten()
        .find(|path| accepts_keys(path));
    let root = root.expect("a folder for keys: neither target/tmp nor ~/.cache will do");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&root)
        .expect("make the folder for keys");
    root
}

fn accepts_keys(path: &Path) -> bool {
    let in_tmp = ["/tmp", "/var/tmp", "/dev/shm"]
        .iter()
        .any(|tmp| path.starts_with(tmp));
    let served = path.components().any(|part| match part {
        Component::Normal(name) => SERVED_NAMES.iter().any(|served| name == *served),
        _ => false,
    });
    // What does not exist yet is made 0700.
    let shared = path
        .ancestors()
        .filter_map(|folder| fs::metadata(folder).ok())
        .any(|folder| folder.permissions().mode() & 0o002 != 0);
    path.is_absolute() && !in_tmp && !served && !shared
}

/// Whether other users can open files in this folder. Not in a checkout below a folder that
/// keeps them out, as many homes do.
pub(crate) fn others_can_enter(folder: &Path) -> bool {
    let mode = |folder: &Path| fs::metadata(folder).expect("a folder").mode();
    folder.ancestors().all(|folder| mode(folder) & 0o001 != 0)
}

/// A state directory, mode 0700, empty, removed when dropped.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Makes one.
    pub(crate) fn new() -> Self {
        Self::at(Self::unused_path())
    }

    /// Where nothing is yet, for [`StateDir::at`].
    pub(super) fn unused_path() -> PathBuf {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let parent = state_root().join(format!("state-{}-{number}", process::id()));
            // A killed run of the same process id may have left one behind.
            if !parent.exists() {
                return parent.join("state");
            }
        }
    }

    /// Makes one at an unused path.
    pub(super) fn at(path: PathBuf) -> Self {
        let parent = path.parent().expect("a folder of its own");
        for folder in [parent, &path] {
            let made = DirBuilder::new().mode(0o700).create(folder);
            made.unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
        }
        Self { path }
    }

    /// Makes another one that holds the same files, of the same modes.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.path.join(&folder)).expect("list a folder") {
                let entry = entry.expect("list a folder");
                let about = entry.metadata().expect("look at what is listed");
                let name = folder.join(entry.file_name());
                let path = copy.path.join(&name);
                if about.is_dir() {
                    let mode = about.permissions().mode() & 0o7777;
                    DirBuilder::new().mode(mode).create(path).expect("mkdir");
                    folders.push(name);
                } else {
                    fs::copy(entry.path(), path).expect("copy a file");
                }
            }
        }
        copy
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of exactly this mode, making the folders on its way, and
    /// says where it is.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path.join(name);
        let folder = path.parent().expect("a name below the state directory");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .expect("make a folder");
        if mode & 0o111 == 0 {
            fs::write(&path, text).expect("write a file");
        } else {
            // Tests start it.
            let written = path.with_extension("written");
            fs::write(&written, text).expect("write a file");
            copy_program(&written, &path);
            fs::remove_file(written).expect("remove a file");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set a mode");
        path
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.path)
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        let parent = self.path.parent().expect("made below a folder of its own");
        let _ = fs::remove_dir_all(parent);
    }
}

/// Every name below a directory with its type and mode, and for a file what it holds. Empty
/// when there is no such directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, (u32, Text)>);

/// What a file holds, which may be long.
#[derive(Clone, Eq, PartialEq)]
struct Text(Vec<u8>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = &self.0[..self.0.len().min(200)];
        write!(f, "{} bytes: {}", self.0.len(), begin.escape_ascii())
    }
}

impl Snapshot {
    pub(crate) fn of(directory: &Path) -> Self {
        let mut entries = BTreeMap::new();
        let mut folders = vec![directory.to_owned()];
        while let Some(folder) = folders.pop() {
            let Ok(names) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in names {
                let path = entry.expect("read a directory").path();
                // Other requests may be at work there.
                let Some(about) = unless_gone(fs::symlink_metadata(&path)) else {
                    continue;
                };
                let text = match about.is_file() {
                    true => unless_gone(fs::read(&path)),
                    false => Some(Vec::new()),
                };
                let Some(text) = text else {
                    continue;
                };
                if about.is_dir() {
                    folders.push(path.clone());
                }
                let name = path.strip_prefix(directory).expect("below it").to_owned();
                entries.insert(name, (about.mode(), Text(text)));
            }
        }
        Self(entries)
    }

    /// Only what lies in the folders.
    pub(crate) fn without_folders(&self) -> Self {
        let is_folder = |mode: u32| mode & 0o170_000 == 0o040_000;
        let mut entries = self.0.clone();
        entries.retain(|_, (mode, _)| !is_folder(*mode));
        Self(entries)
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> Vec<&Path> {
        self.0.keys().map(PathBuf::as_path).collect()
    }
}

fn unless_gone<T>(outcome: io::Result<T>) -> Option<T> {
    match outcome {
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        outcome => Some(outcome.expect("look at what is listed")),
    }
}
