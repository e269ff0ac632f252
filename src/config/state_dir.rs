//! Where the program keeps its files: the state folder, and what makes a folder
//! unfit for it.
//!
//! No name is safe in a folder that a web server serves, and `/tmp` belongs to
//! everybody (and is emptied at each restart where it does not).

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::value::as_path;
use super::{ProgramName, ServedFolders};
use crate::files::trusted::{Place, TrustedFile, TrustedFolder};
use crate::files::{FileError, FileProblem, accounts};
use crate::gateway::Environment;

/// Why there is no folder for what the program keeps.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateDirError {
    /// The folder that a setting names cannot be used.
    #[error("{setting} {error}")]
    Named {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        error: FileError,
    },
    /// No setting names a folder, and none of those that are tried without one
    /// can be used.
    #[error("no folder for the secret key: {}; set STATE_DIR", Tried::list(.0))]
    NoneFound(Vec<Tried>),
}

/// A state folder that was tried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tried {
    /// How it was come by.
    pub source: StateDirSource,
    /// What is wrong with it.
    pub error: FileError,
}

/// By what a state folder is found that no setting names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StateDirSource {
    /// The first folder in `$STATE_DIRECTORY`, as systemd gives it.
    StateDirectory,
    /// The folder with the program's name in `$XDG_STATE_HOME`.
    XdgStateHome,
    /// The one with a dot and the program's name in the home folder.
    Home,
    /// The one with the program's name in `/var/lib`, which an administrator
    /// makes.
    System,
}

impl Tried {
    fn list(tried: &[Self]) -> String {
        let tried: Vec<String> = tried.iter().map(Self::to_string).collect();
        tried.join("; ")
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.source {
            StateDirSource::StateDirectory => "$STATE_DIRECTORY ",
            StateDirSource::XdgStateHome => "$XDG_STATE_HOME ",
            StateDirSource::Home => "home folder ",
            StateDirSource::System => "",
        })?;
        self.error.fmt(f)
    }
}

/// Folders for temporary files.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

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

/// Where what the program keeps may lie: not in a folder that the web server
/// serves, and not in one for temporary files.
#[derive(Clone, Copy)]
pub(super) struct PrivatePlaces<'v> {
    pub(super) program: ProgramName,
    pub(super) environment: &'v Environment,
    pub(super) served: &'v ServedFolders,
    pub(super) euid: u32,
}

impl PrivatePlaces<'_> {
    /// Finds the state folder: the one given, else the first fit one.
    pub(super) fn find(&self, given: Option<&Path>) -> Result<TrustedFolder, StateDirError> {
        if self.served.is_from_peer() {
            // Which folder it is does not depend on what the peer says.
            let served = &ServedFolders::default();
            let found = PrivatePlaces { served, ..*self }.find(given)?;
            return self.folder("STATE_DIR", found.path());
        }
        match given {
            Some(dir) => self.folder("STATE_DIR", dir),
            None => self.search(),
        }
    }

    fn search(&self) -> Result<TrustedFolder, StateDirError> {
        let mut tried = Vec::new();
        // systemd gives several separated by colons; the first is the main one.
        let service = self.environment.get("STATE_DIRECTORY");
        let service = service
            .and_then(|dirs| dirs.split(|b| *b == b':').next())
            .map(|dir| (StateDirSource::StateDirectory, as_path(dir).to_owned()));
        let xdg = self.environment.path("XDG_STATE_HOME");
        let xdg = xdg.map(|dir| {
            (
                StateDirSource::XdgStateHome,
                dir.join(self.program.as_str()),
            )
        });
        let named = service.into_iter().chain(xdg);
        // A relative one counts as not set (XDG Base Directory, 0.8).
        for (source, path) in named.filter(|(_, path)| path.is_absolute()) {
            match self.own(&path).and_then(makeable) {
                Ok(folder) => return Ok(folder),
                Err(error) => tried.push(Tried { source, error }),
            }
        }
        let source = StateDirSource::Home;
        match self.in_home() {
            Ok(folder) => return Ok(folder),
            Err(error) => tried.push(Tried { source, error }),
        }
        let source = StateDirSource::System;
        match self.own(&self.program.system_folder()).and_then(existing) {
            Ok(folder) => return Ok(folder),
            Err(error) => tried.push(Tried { source, error }),
        }
        Err(StateDirError::NoneFound(tried))
    }

    /// `.guestbook` in the home folder, which has to exist.
    fn in_home(&self) -> Result<TrustedFolder, FileError> {
        let Some(home) = self.home() else {
            let problem = FileProblem::Damaged("names no home folder for this user");
            return Err(FileError::new(Path::new("/etc/passwd"), problem));
        };
        let folder = self.own(&home.join(format!(".{}", self.program.as_str())))?;
        match folder.missing() {
            0 | 1 => makeable(folder),
            _ => Err(FileError::new(&home, FileProblem::Missing)),
        }
    }

    /// `HOME`, unless it belongs to another user (no web server was seen to set
    /// it, and a supervisor may leave that of the user who started it), else the
    /// home folder in `/etc/passwd`. A `HOME` that does not exist means that
    /// there is none.
    fn home(&self) -> Option<PathBuf> {
        let ours = |home: &&Path| {
            home.is_absolute()
                && match std::fs::metadata(home) {
                    Ok(meta) => meta.uid() == self.euid,
                    Err(err) => err.kind() == io::ErrorKind::NotFound,
                }
        };
        match self.environment.path("HOME").filter(ours) {
            Some(home) => Some(home.to_owned()),
            None => accounts::home(self.euid),
        }
    }

    /// A folder of our own, or one that does not exist.
    fn own(&self, path: &Path) -> Result<TrustedFolder, FileError> {
        let folder = TrustedFolder::find(path, self.euid, self)?;
        folder.check_own()?;
        Ok(folder)
    }

    /// The folder that a setting names: our own, or one that does not exist yet.
    pub(super) fn folder(
        &self,
        setting: &'static str,
        path: &Path,
    ) -> Result<TrustedFolder, StateDirError> {
        self.own(path)
            .map_err(|error| StateDirError::Named { setting, error })
    }

    /// The key file that a setting names.
    pub(super) fn key_file(&self, path: &Path) -> Result<TrustedFile, FileError> {
        TrustedFile::find(path, self.euid, self)
    }

    /// A part named like a document root, below the home folder (whose own
    /// name says nothing) or below `/var/www` (which is not itself served).
    fn has_served_name(&self, path: &Path) -> bool {
        let named = |path: &Path| {
            let mut names = path.as_os_str().as_bytes().split(|b| *b == b'/');
            names.any(|name| SERVED_NAMES.iter().any(|served| served.as_bytes() == name))
        };
        // Few have such a name anywhere, and finding the home folder is work.
        named(path)
            && named(
                self.home()
                    .and_then(|home| path.strip_prefix(home).ok())
                    .or_else(|| path.strip_prefix("/var/www").ok())
                    .unwrap_or(path),
            )
    }
}

fn makeable(folder: TrustedFolder) -> Result<TrustedFolder, FileError> {
    folder.check_makeable()?;
    Ok(folder)
}

fn existing(folder: TrustedFolder) -> Result<TrustedFolder, FileError> {
    match folder.missing() {
        0 => Ok(folder),
        _ => Err(FileError::new(folder.path(), FileProblem::Missing)),
    }
}

impl Place for PrivatePlaces<'_> {
    fn refuses_folder(&self, path: &Path, folder: &Metadata) -> Option<FileProblem> {
        if TEMPORARY.iter().any(|tmp| path.as_os_str() == *tmp) {
            return Some(FileProblem::Temporary);
        }
        // A served root folder would make every place a served one.
        let is_served = self.served.contains(folder) && path.as_os_str() != "/";
        is_served.then_some(FileProblem::Served)
    }

    fn refuses_path(&self, path: &Path) -> Option<FileProblem> {
        self.has_served_name(path).then_some(FileProblem::Served)
    }
}
