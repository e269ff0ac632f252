//! Where the key may lie: the state directory, and what makes a place unfit.
//!
//! No name is safe in a folder that a web server serves, and `/tmp` belongs to
//! everybody (and is emptied at each restart where it does not).

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::ServedFolders;
use super::value::as_path;
use crate::gateway::Environment;

/// Why a place is unfit for a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct StateDirError {
    /// The folder (or, where it lies, the key file).
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: StateDirProblem,
}

/// What is wrong with a state directory.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateDirProblem {
    /// No place was fit: no home folder that is ours, no `/var/lib/signet`.
    #[error(
        "no place for the secret key: set STATE_DIR, or make /var/lib/signet owned by this user"
    )]
    Nowhere,
    /// The web server hands its files out.
    #[error("lies in a folder that the web server serves")]
    Served,
    /// `/tmp` and its like.
    #[error("lies in a folder for temporary files")]
    Temporary,
    /// Somebody else can put files there.
    #[error("can be written by other users")]
    Writable,
    /// It belongs to somebody else.
    #[error("belongs to another user")]
    Owner,
    /// It is no folder.
    #[error("is not a folder")]
    NotAFolder,
    /// The system's reason.
    #[error("{0}")]
    Io(String),
}

impl From<io::Error> for StateDirProblem {
    fn from(err: io::Error) -> Self {
        Self::Io(err.to_string())
    }
}

/// Names that folders have whose files the web serves.
const SERVED_NAMES: [&str; 9] = [
    "public_html",
    "www",
    "htdocs",
    "httpdocs",
    "html",
    "web",
    "webroot",
    "public",
    "docs",
];

/// Finds the state directory: the one given, else the first fit place.
pub(super) fn find(
    given: Option<&Path>,
    environment: &Environment,
    served: &ServedFolders,
    euid: u32,
) -> Result<PathBuf, StateDirError> {
    if served.is_from_peer() {
        // Which place it is does not depend on what the peer says.
        let found = find(given, environment, &ServedFolders::default(), euid)?;
        return check(&found, environment, served, euid);
    }
    let places = Places {
        environment,
        served,
        euid,
    };
    if let Some(dir) = given {
        return places.check_folder(dir);
    }
    // systemd gives several separated by colons; the first is the main one.
    let service = environment
        .get("STATE_DIRECTORY")
        .and_then(|dirs| dirs.split(|b| *b == b':').next())
        .map(|dir| as_path(dir).to_owned());
    let xdg = environment
        .path("XDG_STATE_HOME")
        .map(|dir| dir.join("signet"));
    let in_home = places
        .home()
        .filter(|home| {
            std::fs::metadata(home).is_ok_and(|meta| meta.uid() == euid && meta.mode() & 0o022 == 0)
        })
        .map(|home| home.join(".signet"));
    let admins = Path::new("/var/lib/signet");
    let admins = std::fs::metadata(admins)
        .is_ok_and(|meta| meta.is_dir() && meta.uid() == euid)
        .then(|| admins.to_owned());

    let mut refused = None;
    for dir in [service, xdg, in_home, admins].into_iter().flatten() {
        if !dir.is_absolute() {
            continue;
        }
        match places.check_folder(&dir) {
            Ok(dir) => return Ok(dir),
            Err(err) => refused = refused.or(Some(err)),
        }
    }
    Err(refused.unwrap_or(StateDirError {
        path: PathBuf::from("state directory"),
        problem: StateDirProblem::Nowhere,
    }))
}

/// Whether a folder named by hand is fit for what a state directory holds;
/// returns it resolved.
pub(super) fn check(
    dir: &Path,
    environment: &Environment,
    served: &ServedFolders,
    euid: u32,
) -> Result<PathBuf, StateDirError> {
    let places = Places {
        environment,
        served,
        euid,
    };
    places.check_folder(dir)
}

/// Whether a key file named by hand lies in a fit place.
pub(super) fn check_key_place(
    path: &Path,
    environment: &Environment,
    served: &ServedFolders,
    euid: u32,
) -> Result<(), StateDirError> {
    let places = Places {
        environment,
        served,
        euid,
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    match places.check_way(folder) {
        Ok(_) => Ok(()),
        Err(problem) => Err(StateDirError {
            path: folder.to_owned(),
            problem,
        }),
    }
}

/// What a place is checked against.
struct Places<'v> {
    environment: &'v Environment,
    served: &'v ServedFolders,
    euid: u32,
}

impl Places<'_> {
    /// `HOME`, unless it belongs to another user (no web server was seen to set
    /// it, and a supervisor may leave that of the user who started it), else the
    /// home folder in `/etc/passwd`. (A static program has no other source of
    /// it.) A `HOME` that does not exist means that there is none.
    fn home(&self) -> Option<PathBuf> {
        let ours = |home: &&Path| {
            home.is_absolute()
                && match std::fs::metadata(home) {
                    Ok(meta) => meta.uid() == self.euid,
                    Err(err) => err.kind() == io::ErrorKind::NotFound,
                }
        };
        if let Some(home) = self.environment.path("HOME").filter(ours) {
            return Some(home.to_owned());
        }
        let passwd = std::fs::read("/etc/passwd").ok()?;
        passwd.split(|b| *b == b'\n').find_map(|line| {
            let mut fields = line.split(|b| *b == b':');
            let uid: u32 = std::str::from_utf8(fields.nth(2)?).ok()?.parse().ok()?;
            let home = as_path(fields.nth(2)?);
            (uid == self.euid && home.is_absolute()).then(|| home.to_owned())
        })
    }

    /// Checks a state directory that may not exist yet; returns it resolved.
    fn check_folder(&self, dir: &Path) -> Result<PathBuf, StateDirError> {
        let refuse = |problem| {
            Err(StateDirError {
                path: dir.to_owned(),
                problem,
            })
        };
        match self.check_way(dir) {
            Ok((_, Some(meta))) if meta.uid() != self.euid => refuse(StateDirProblem::Owner),
            Ok((_, Some(meta))) if meta.mode() & 0o022 != 0 => refuse(StateDirProblem::Writable),
            Ok((resolved, _)) => Ok(resolved),
            Err(problem) => refuse(problem),
        }
    }

    /// Checks every folder on the way to `dir`; returns it resolved, and what
    /// it is, if it exists.
    fn check_way(&self, dir: &Path) -> Result<(PathBuf, Option<Metadata>), StateDirProblem> {
        let mut way = Way::to(dir);
        if way.bends() {
            way = Way::to(&canonical(dir)?);
        }
        if ["/tmp", "/var/tmp", "/dev/shm"]
            .iter()
            .any(|tmp| way.path.starts_with(tmp))
        {
            return Err(StateDirProblem::Temporary);
        }
        if self.has_served_name(&way.path) {
            return Err(StateDirProblem::Served);
        }
        for (depth, meta) in way.folders.iter().enumerate() {
            if !meta.is_dir() {
                return Err(StateDirProblem::NotAFolder);
            }
            // A served root folder would make every place a served one.
            if depth > 0 && self.served.contains(meta) {
                return Err(StateDirProblem::Served);
            }
            if meta.uid() != self.euid && meta.uid() != 0 {
                return Err(StateDirProblem::Owner);
            }
            let sticky = meta.mode() & 0o1000 != 0;
            if meta.mode() & 0o002 != 0 && !sticky {
                return Err(StateDirProblem::Writable);
            }
        }
        match way.end {
            None => Ok((way.path, way.folders.pop())),
            Some(err) if err.kind() == io::ErrorKind::NotFound => Ok((way.path, None)),
            Some(err) => Err(err.into()),
        }
    }

    /// A part named like a document root, below the home folder (whose own
    /// name says nothing) or below `/var/www` (which is not itself served).
    fn has_served_name(&self, dir: &Path) -> bool {
        let named = |dir: &Path| {
            dir.components().any(|part| {
                matches!(part, Component::Normal(name)
                    if name.to_str().is_some_and(|name| SERVED_NAMES.contains(&name)))
            })
        };
        // Few have such a name anywhere, and finding the home folder is work.
        named(dir)
            && named(
                self.home()
                    .and_then(|home| dir.strip_prefix(home).ok())
                    .or_else(|| dir.strip_prefix("/var/www").ok())
                    .unwrap_or(dir),
            )
    }
}

/// The folders from the root to a place, each looked at once: they are what
/// most system calls of a request go into.
struct Way {
    path: PathBuf,
    folders: Vec<Metadata>,
    /// Why `folders` ends before `path` does.
    end: Option<io::Error>,
}

impl Way {
    fn to(dir: &Path) -> Self {
        let mut way = Self {
            path: PathBuf::with_capacity(dir.as_os_str().len()),
            folders: Vec::with_capacity(16),
            end: None,
        };
        for part in dir.components() {
            way.path.push(part);
            if way.end.is_none() {
                match std::fs::symlink_metadata(&way.path) {
                    Ok(meta) => way.folders.push(meta),
                    Err(err) => way.end = Some(err),
                }
            }
        }
        way
    }

    /// Whether there are links or dots in it.
    fn bends(&self) -> bool {
        self.folders.iter().any(Metadata::is_symlink)
            || self
                .path
                .components()
                .any(|part| part == Component::ParentDir)
    }
}

/// `dir` without links and dots, as far as it exists.
fn canonical(dir: &Path) -> io::Result<PathBuf> {
    match std::fs::canonicalize(dir) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            match (dir.parent(), dir.file_name()) {
                (Some(parent), Some(name)) => Ok(canonical(parent)?.join(name)),
                _ => Err(err),
            }
        }
        outcome => outcome,
    }
}
