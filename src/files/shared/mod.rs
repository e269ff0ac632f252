//! A file that other programs use too, as Apache uses a users file: others may read
//! it, and it keeps its owner, group, mode and access control list when it is changed.

mod held;

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::CWD;

use super::accounts::user_name;
use super::lock;
use super::open::{self, Opened, Rule};
use super::owners::Owners;
use super::trusted::TrustedFolder;
use super::walk::{Anywhere, PathRules, Walk};
use super::{FileError, FileProblem};
use held::Held;

/// How often a change begins anew because another program changed the file
/// meanwhile.
const MAX_TRIES: usize = 50;

/// A file with a trusted path. It need not exist, but its folder does.
#[derive(Clone, Debug)]
pub struct SharedFile {
    /// The path that was followed.
    path: PathBuf,
    /// The same without symbolic links; `None` if the last name was not looked at yet, and
    /// may be one.
    real: Option<PathBuf>,
    euid: u32,
}

/// What was read from a file.
#[derive(Debug)]
pub struct Content {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its state when it was opened.
    pub meta: Metadata,
}

/// Why a file cannot be changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChangeError {
    /// It or its folder cannot be used.
    File(FileError),
    /// Another user can change it.
    Denied {
        /// The file.
        path: PathBuf,
        /// Who can change it.
        who: u32,
        /// The effective user.
        euid: u32,
    },
    /// Its mode lets nobody write it.
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

error_texts! { ChangeError:
    Self::File(err) => "{err}";
    Self::Denied { path, who, euid } =>
        "{} cannot be changed by {}, as whom this program runs; {} can", path.display(), user_name(*euid), user_name(*who);
    Self::ReadOnly { path, mode } => "{} is read-only (mode {mode:04o}): chmod u+w", path.display();
}

from_errors! { ChangeError:
    File(FileError);
}

/// What a change does while another process changes the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// It waits for ten seconds, then fails with [`FileProblem::Held`].
    Long,
    /// It waits for 0.2 s, no longer than a page takes.
    Short,
}

impl Patience {
    fn most(self) -> Duration {
        match self {
            Self::Long => lock::MAX_WAIT,
            Self::Short => Duration::from_millis(200),
        }
    }
}

impl SharedFile {
    /// Follows `path`, which is absolute, to a file that exists or not.
    pub(crate) fn find(path: &Path, euid: u32, rules: &dyn PathRules) -> Result<Self, FileError> {
        let owners = Owners::new(euid);
        let mut walk = Walk::new(&owners, rules);
        walk.along(path)?;
        if walk.missing > 1 {
            let folder = path.parent().unwrap_or(path);
            return Err(FileError::on_the_way(path, folder, FileProblem::Missing));
        }
        Ok(Self {
            path: path.to_owned(),
            real: Some(walk.path),
            euid,
        })
    }

    /// The file `name` in the program's own folder, which need not exist. It may be a
    /// symbolic link.
    pub(crate) fn in_folder(folder: &TrustedFolder, name: &str) -> Self {
        Self {
            path: super::join(folder.path(), name),
            real: None,
            euid: folder.euid(),
        }
    }

    /// As [`SharedFile::find`], wherever it is.
    ///
    /// # Errors
    ///
    /// The path is not trusted.
    pub fn anywhere(path: &Path, euid: u32) -> Result<Self, FileError> {
        Self::find(path, euid, &Anywhere)
    }

    /// The path that it was found by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path without symbolic links, as far as it was followed.
    fn real(&self) -> &Path {
        self.real.as_deref().unwrap_or(&self.path)
    }

    fn followed(&self) -> Result<Self, FileError> {
        Self::find(&self.path, self.euid, &Anywhere)
    }

    /// Reads it; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// It is not a regular file, has more than `limit` bytes, another user owns or can
    /// write it, or the system cannot read it.
    pub fn read(&self, limit: usize) -> Result<Option<Content>, FileError> {
        let Some(opened) = self.open()? else {
            return Ok(None);
        };
        let bytes = opened.read(limit);
        let bytes = bytes.map_err(|problem| self.failed(problem))?;
        let meta = opened.meta;
        Ok(Some(Content { bytes, meta }))
    }

    /// Opens it; `None` if it does not exist.
    pub(crate) fn open(&self) -> Result<Option<Opened>, FileError> {
        match open::open(CWD, self.real(), false, self.euid, Rule::Public) {
            Err(FileProblem::Link) if self.real.is_none() => self.followed()?.open(),
            opened => opened.map_err(|problem| self.failed(problem)),
        }
    }

    /// Replaces its bytes by what `change` makes of them, which are none if it does not
    /// exist; `None` leaves it. All changes by this program are made one after the
    /// other, if the file system has locks. After a power failure the file is the old
    /// or the new one.
    ///
    /// `change` may be called again, if another program changed the file meanwhile.
    /// Files of more than `limit` bytes are neither read nor written.
    ///
    /// # Errors
    ///
    /// Those of `change`, and every [`ChangeError`]; then the file is unchanged.
    pub fn update<E: From<ChangeError>>(
        &self,
        patience: Patience,
        limit: usize,
        mut change: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        for _ in 0..MAX_TRIES {
            let held = Held::new(self, patience)?;
            let old = held.read(limit)?;
            let Some(new) = change(&old)? else {
                return Ok(());
            };
            if new.len() > limit {
                return Err(ChangeError::from(self.failed(FileProblem::TooLarge(limit))).into());
            }
            if held.replace(&new)? {
                return Ok(());
            }
        }
        Err(ChangeError::from(self.failed(FileProblem::Held)).into())
    }

    /// Whether [`SharedFile::update`] could change it now: by owners and modes, and, if it
    /// may grow by `growth` bytes, by the room on the disk.
    ///
    /// # Errors
    ///
    /// Every [`ChangeError`].
    pub fn check_changeable(&self, patience: Patience, growth: usize) -> Result<(), ChangeError> {
        let held = Held::new(self, patience)?;
        if growth == 0 {
            return Ok(());
        }
        held.check_room(growth)
    }

    fn failed(&self, problem: impl Into<FileProblem>) -> FileError {
        FileError::on_the_way(&self.path, self.real(), problem.into())
    }
}
