//! The state folder: the default folders, and the folders that are refused.
//!
//! In a folder that a web server serves, files are not private, whatever their name is.
//! `/tmp` belongs to all users, and many systems delete its files at each restart.

use std::ffi::OsStr;
use std::fmt;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{ProgramName, ServedFolders};
use crate::files::shared::SharedFile;
use crate::files::trusted::{PathRules, TrustedFile, TrustedFolder};
use crate::files::{FileError, FileProblem, accounts};
use crate::gateway::Environment;

/// Why the program has no folder in which it can store its files.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StateDirError {
    /// The folder that a setting names cannot be used.
    Named {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        error: FileError,
    },
    /// No setting names a folder, and none of the default ones can be used.
    NoneFound(Vec<Tried>),
}

error_texts! { StateDirError:
    Self::Named { setting, error } => "{setting} {error}";
    Self::NoneFound(tried) => "no state folder: {}; set STATE_DIR", Tried::list(tried);
}

impl StateDirError {
    /// The folder in `/var/lib` that an administrator could make, if no folder was found.
    pub(crate) fn system_folder(&self) -> Option<&Path> {
        let Self::NoneFound(tried) = self else {
            return None;
        };
        let mut tried = tried.iter();
        let system = tried.find(|tried| tried.source == StateDirSource::System)?;
        (system.error.problem == FileProblem::Missing).then(|| system.error.at())
    }
}

/// A default state folder that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tried {
    /// Which one it is.
    pub source: StateDirSource,
    /// What is wrong with it.
    pub error: FileError,
}

/// The default state folders, in the order in which they are tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StateDirSource {
    /// The first folder in `$STATE_DIRECTORY`, which systemd sets.
    StateDirectory,
    /// The program's name in `$XDG_STATE_HOME`.
    XdgStateHome,
    /// A dot and the program's name in the home folder.
    Home,
    /// The program's name in `/var/lib`, if an administrator created it.
    System,
}

impl StateDirSource {
    const ALL: [Self; 4] = [
        Self::StateDirectory,
        Self::XdgStateHome,
        Self::Home,
        Self::System,
    ];
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

/// Usual names of folders that the web serves. `state_root` in `deploy/packages.sh` has
/// them, too.
#[rustfmt::skip]
pub const SERVED_NAMES: [&str; 9] =
    ["public_html", "www", "htdocs", "httpdocs", "html", "web", "webroot", "public", "docs"];

/// Folders in which panels store users files, by the names of the folders that these
/// protect: `/home/alice/.htpasswds/public_html/private/passwd` (cPanel),
/// `/home/alice/domains/example.org/.htpasswd/public_html/.htpasswd` (DirectAdmin).
const PANEL_NAMES: [&[u8]; 2] = [b".htpasswds", b".htpasswd"];

/// The rules for the program's files: they may not be in a folder that the web server
/// serves, nor in one for temporary files.
#[derive(Clone, Copy)]
pub(super) struct PrivatePlaces<'v> {
    pub(super) program: ProgramName,
    pub(super) environment: &'v Environment,
    pub(super) served: &'v ServedFolders,
    pub(super) euid: u32,
}

impl PrivatePlaces<'_> {
    /// Finds the state folder: the given one, otherwise the first default folder that can
    /// be used.
    pub(super) fn find(&self, given: Option<&Path>) -> Result<TrustedFolder, StateDirError> {
        if self.served.is_from_peer() {
            // The peer can make the folder refused. It cannot choose another one.
            let served = &ServedFolders::default();
            let found = PrivatePlaces { served, ..*self }.find(given)?;
            return self.folder("STATE_DIR", found.path());
        }
        if let Some(dir) = given {
            return self.folder("STATE_DIR", dir);
        }
        let mut tried = Vec::new();
        for (source, candidate) in self.candidates() {
            match candidate {
                Ok(folder) => return Ok(folder),
                Err(error) => tried.push(Tried { source, error }),
            }
        }
        Err(StateDirError::NoneFound(tried))
    }

    /// The default state folders, in the order in which they are tried: each can be used,
    /// or why not.
    pub(super) fn candidates(
        &self,
    ) -> impl Iterator<Item = (StateDirSource, Result<TrustedFolder, FileError>)> {
        let sources = match self.environment.has_default_folders() {
            true => &StateDirSource::ALL[..],
            false => &[],
        };
        sources.iter().filter_map(|source| {
            let path = self.default_path(*source)?;
            Some((*source, path.and_then(|path| self.usable(&path, *source))))
        })
    }

    /// The path of a default state folder; `None` if its variable is not set.
    fn default_path(&self, source: StateDirSource) -> Option<Result<PathBuf, FileError>> {
        let name = self.program.as_str();
        let path = match source {
            // systemd separates several folders by colons; the first is the main one.
            StateDirSource::StateDirectory => {
                let dirs = self.environment.get("STATE_DIRECTORY")?;
                OsStr::from_bytes(dirs.split(|b| *b == b':').next()?).into()
            }
            StateDirSource::XdgStateHome => self.environment.path("XDG_STATE_HOME")?.join(name),
            StateDirSource::Home => {
                let problem = FileProblem::Damaged("names no home folder for this user");
                let none = || FileError::new(Path::new("/etc/passwd"), problem);
                let home = self.home().ok_or_else(none);
                return Some(home.map(|home| home.join(format!(".{name}"))));
            }
            StateDirSource::System => self.program.system_folder(),
        };
        // A relative path counts as not set (XDG Base Directory, 0.8).
        path.is_absolute().then_some(Ok(path))
    }

    /// A default state folder that exists or can be created.
    fn usable(&self, path: &Path, source: StateDirSource) -> Result<TrustedFolder, FileError> {
        let folder = self.own(path)?;
        // The number of folders at the end of the path that the program may create.
        let makeable = match source {
            StateDirSource::StateDirectory | StateDirSource::XdgStateHome => usize::MAX,
            StateDirSource::Home => 1,
            StateDirSource::System => 0,
        };
        if folder.missing() > makeable {
            let missing = path.ancestors().nth(makeable).unwrap_or(path);
            return Err(FileError::new(missing, FileProblem::Missing));
        }
        folder.check_makeable()?;
        Ok(folder)
    }

    /// `HOME`, otherwise the home folder in `/etc/passwd`. A `HOME` that does not exist
    /// or belongs to another user is ignored: it may be that of a supervisor.
    fn home(&self) -> Option<PathBuf> {
        let is_own = |home: &&Path| {
            home.is_absolute() && std::fs::metadata(home).is_ok_and(|meta| meta.uid() == self.euid)
        };
        match self.environment.path("HOME").filter(is_own) {
            Some(home) => Some(home.to_owned()),
            None => accounts::home(self.euid),
        }
    }

    /// The program's own folder, or one that does not exist.
    fn own(&self, path: &Path) -> Result<TrustedFolder, FileError> {
        let folder = TrustedFolder::find(path, self.euid, self)?;
        folder.check_own()?;
        Ok(folder)
    }

    /// As [`PrivatePlaces::own`], for a folder that a setting names.
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

    /// The file of users or groups that a setting names, which need not exist.
    pub(super) fn users_file(&self, path: &Path) -> Result<SharedFile, FileError> {
        SharedFile::find(path, self.euid, self)
    }

    /// Whether a part of the path is named like a document root. Parts of the home
    /// folder's own path, and of `/var/www`, do not count, nor those in a panel's
    /// folder of users files.
    fn has_served_name(&self, path: &Path) -> bool {
        let named = |path: &Path| {
            let names = path.as_os_str().as_bytes().split(|b| *b == b'/');
            let mut names = names.take_while(|name| !PANEL_NAMES.contains(name));
            names.any(|name| SERVED_NAMES.iter().any(|served| served.as_bytes() == name))
        };
        // Checked first, because finding the home folder takes longer.
        named(path)
            && named(
                self.home()
                    .and_then(|home| path.strip_prefix(home).ok())
                    .or_else(|| path.strip_prefix("/var/www").ok())
                    .unwrap_or(path),
            )
    }
}

impl PathRules for PrivatePlaces<'_> {
    fn refuses_folder(&self, path: &Path, folder: &Metadata) -> Option<FileProblem> {
        if TEMPORARY.iter().any(|tmp| path.as_os_str() == *tmp) {
            return Some(FileProblem::Temporary);
        }
        // If `/` were served, every folder would be refused.
        let is_served = self.served.contains(folder) && path.as_os_str() != "/";
        is_served.then_some(FileProblem::Served)
    }

    fn refuses_path(&self, path: &Path) -> Option<FileProblem> {
        self.has_served_name(path).then_some(FileProblem::Served)
    }
}
