//! Where the key may lie: the state directory, and what makes a place unfit.
//!
//! No name is safe in a folder that a web server serves, and `/tmp` belongs to
//! everybody (and is emptied at each restart where it does not).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::value::as_path;
use crate::gateway::MetaVariables;

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
    vars: &MetaVariables,
    euid: u32,
) -> Result<PathBuf, StateDirError> {
    let home = home(vars, euid);
    let places = Places::new(vars, home.clone(), euid);
    if let Some(dir) = given {
        return places.check_folder(dir);
    }
    // systemd gives several separated by colons; the first is the main one.
    let service = vars
        .get("STATE_DIRECTORY")
        .and_then(|dirs| dirs.split(|b| *b == b':').next())
        .map(|dir| as_path(dir).to_owned());
    let xdg = vars.path("XDG_STATE_HOME").map(|dir| dir.join("signet"));
    let in_home = home
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
pub(super) fn check(dir: &Path, vars: &MetaVariables, euid: u32) -> Result<PathBuf, StateDirError> {
    Places::new(vars, home(vars, euid), euid).check_folder(dir)
}

/// Whether a key file named by hand lies in a fit place.
pub(super) fn check_key_place(
    path: &Path,
    vars: &MetaVariables,
    euid: u32,
) -> Result<(), StateDirError> {
    let places = Places::new(vars, home(vars, euid), euid);
    let folder = path.parent().unwrap_or(Path::new("/"));
    places.check_way(&resolved(folder)?, folder).map(|_| ())
}

/// `HOME`, which no web server was seen to set, else the home folder in
/// `/etc/passwd`. (A static program has no other source of it.)
fn home(vars: &MetaVariables, euid: u32) -> Option<PathBuf> {
    if let Some(home) = vars.path("HOME").filter(|home| home.is_absolute()) {
        return Some(home.to_owned());
    }
    let passwd = std::fs::read("/etc/passwd").ok()?;
    passwd.split(|b| *b == b'\n').find_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let uid: u32 = std::str::from_utf8(fields.nth(2)?).ok()?.parse().ok()?;
        let home = as_path(fields.nth(2)?);
        (uid == euid && home.is_absolute()).then(|| home.to_owned())
    })
}

/// What this request says about which folders are served.
struct Places {
    served: Vec<(u64, u64)>,
    home: Option<PathBuf>,
    euid: u32,
}

impl Places {
    fn new(vars: &MetaVariables, home: Option<PathBuf>, euid: u32) -> Self {
        // FastCGI servers name a folder where there is no script.
        let script_folder = vars.path("SCRIPT_FILENAME").and_then(|script| {
            match script.as_os_str().as_encoded_bytes().ends_with(b"/") {
                true => Some(script),
                false => script.parent(),
            }
        });
        let served = ["DOCUMENT_ROOT", "CONTEXT_DOCUMENT_ROOT"]
            .iter()
            .filter_map(|name| vars.path(name))
            .chain(script_folder)
            .filter_map(|dir| std::fs::metadata(dir).ok())
            .filter(Metadata::is_dir)
            .map(|meta| (meta.dev(), meta.ino()))
            .collect();
        Self { served, home, euid }
    }

    /// Checks a state directory that may not exist yet; returns it resolved.
    fn check_folder(&self, dir: &Path) -> Result<PathBuf, StateDirError> {
        let refuse = |problem| {
            Err(StateDirError {
                path: dir.to_owned(),
                problem,
            })
        };
        let resolved = resolved(dir)?;
        if let Some(meta) = self.check_way(&resolved, dir)? {
            if meta.uid() != self.euid {
                return refuse(StateDirProblem::Owner);
            }
            if meta.mode() & 0o022 != 0 {
                return refuse(StateDirProblem::Writable);
            }
        }
        Ok(resolved)
    }

    /// Checks every folder on the way to `dir`, which is resolved; returns
    /// what `dir` itself is, if it exists.
    fn check_way(&self, dir: &Path, shown: &Path) -> Result<Option<Metadata>, StateDirError> {
        let refuse = |problem| {
            Err(StateDirError {
                path: shown.to_owned(),
                problem,
            })
        };
        if ["/tmp", "/var/tmp", "/dev/shm"]
            .iter()
            .any(|tmp| dir.starts_with(tmp))
        {
            return refuse(StateDirProblem::Temporary);
        }
        if self.has_served_name(dir) {
            return refuse(StateDirProblem::Served);
        }
        let mut way = PathBuf::new();
        let mut last = None;
        for part in dir.components() {
            way.push(part);
            let meta = match std::fs::symlink_metadata(&way) {
                Ok(meta) => meta,
                Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(err) => return refuse(StateDirProblem::Io(err.to_string())),
            };
            if !meta.is_dir() {
                return refuse(StateDirProblem::NotAFolder);
            }
            // A served root folder would make every place a served one.
            if way.parent().is_some() && self.served.contains(&(meta.dev(), meta.ino())) {
                return refuse(StateDirProblem::Served);
            }
            if meta.uid() != self.euid && meta.uid() != 0 {
                return refuse(StateDirProblem::Owner);
            }
            let sticky = meta.mode() & 0o1000 != 0;
            if meta.mode() & 0o002 != 0 && !sticky {
                return refuse(StateDirProblem::Writable);
            }
            last = Some(meta);
        }
        Ok(last)
    }

    /// A part named like a document root, below the home folder (whose own
    /// name says nothing) or below `/var/www` (which is not itself served).
    fn has_served_name(&self, dir: &Path) -> bool {
        let below = self
            .home
            .as_deref()
            .and_then(|home| dir.strip_prefix(home).ok())
            .or_else(|| dir.strip_prefix("/var/www").ok())
            .unwrap_or(dir);
        below.components().any(|part| {
            matches!(part, Component::Normal(name)
                if name.to_str().is_some_and(|name| SERVED_NAMES.contains(&name)))
        })
    }
}

/// `dir` without links and dots, as far as it exists.
fn resolved(dir: &Path) -> Result<PathBuf, StateDirError> {
    let refuse = |problem| StateDirError {
        path: dir.to_owned(),
        problem,
    };
    let mut plain = PathBuf::new();
    for part in dir.components() {
        plain.push(part);
        if part == Component::ParentDir
            || std::fs::symlink_metadata(&plain).is_ok_and(|meta| meta.is_symlink())
        {
            return canonical(dir).map_err(|err| refuse(StateDirProblem::Io(err.to_string())));
        }
    }
    Ok(plain)
}

fn canonical(dir: &Path) -> std::io::Result<PathBuf> {
    match std::fs::canonicalize(dir) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            match (dir.parent(), dir.file_name()) {
                (Some(parent), Some(name)) => Ok(canonical(parent)?.join(name)),
                _ => Err(err),
            }
        }
        outcome => outcome,
    }
}
