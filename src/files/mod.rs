//! Files and folders: which of them are trusted, and how the program writes its own
//! files.

pub(crate) mod accounts;
pub(crate) mod lock;
mod open;
mod owners;
pub(crate) mod private;
pub(crate) mod text;
pub(crate) mod trusted;
mod walk;

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use accounts::user_name;
pub(crate) use owners::program_owner;

/// A file or folder that cannot be used, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileError {
    /// The file or folder that was wanted.
    pub path: PathBuf,
    /// The folder above it or the symbolic link that has the problem; `None` if it
    /// is `path` itself.
    pub at: Option<PathBuf>,
    /// What is wrong.
    pub problem: FileProblem,
}

/// Why a file or folder cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// It does not exist.
    #[error("does not exist")]
    Missing,
    /// It belongs to a user who is not trusted.
    #[error(
        "belongs to another user ({}; this program runs as {})",
        user_name(*.owner), user_name(*.euid)
    )]
    Owner {
        /// Who owns it.
        owner: u32,
        /// The effective user.
        euid: u32,
    },
    /// Users who are not trusted can write it.
    #[error("can be written by other users (mode {mode:04o}): chmod {wanted:o}")]
    Writable {
        /// The mode that it has.
        mode: u32,
        /// The mode that it should have.
        wanted: u32,
    },
    /// It is secret, and users who are not trusted can read it.
    #[error("can be read by other users (mode {mode:04o}): chmod {wanted:o}")]
    Readable {
        /// The mode that it has.
        mode: u32,
        /// The mode that it should have.
        wanted: u32,
    },
    /// The effective user may not read it.
    #[error(
        "cannot be read: permission denied for {}, as whom this program runs; \
         it belongs to {} and has mode {mode:04o}{}",
        user_name(*.euid), user_name(*.owner),
        if owner == euid { ": chmod u+r" } else { "" }
    )]
    Unreadable {
        /// Who owns it.
        owner: u32,
        /// The mode that it has.
        mode: u32,
        /// The effective user.
        euid: u32,
    },
    /// It is not a folder.
    #[error("is not a folder")]
    NotAFolder,
    /// It is a folder, a pipe, a socket or a device.
    #[error("is not a regular file")]
    NotAFile,
    /// It is a symbolic link where none is allowed.
    #[error("is a symbolic link")]
    Link,
    /// It has a second name (a hard link), which others may have made.
    #[error("has more than one name (hard links)")]
    Names,
    /// It has more than this many bytes.
    #[error("is larger than {0} bytes")]
    TooLarge(usize),
    /// Its content is wrong.
    #[error("{0}")]
    Damaged(&'static str),
    /// Its file system has no locks (`flock`).
    #[error(
        "is on a file system without file locks, which sessions in files need: \
         set SESSION_TYPE = \"cookie\", or SESSION_FILE_DIR to a folder elsewhere"
    )]
    NoLocks,
    /// Another process held its lock for too long.
    #[error("is locked by another process")]
    Held,
    /// The web server serves its contents.
    #[error("is in a folder that the web server serves")]
    Served,
    /// It is a folder for temporary files such as `/tmp`, or in one.
    #[error("is in a folder for temporary files")]
    Temporary,
    /// The system reports this error.
    #[error("{}", std::io::Error::from(*.0))]
    System(Errno),
}

impl FileError {
    /// `path` itself has the problem.
    pub(crate) fn new(path: &Path, problem: impl Into<FileProblem>) -> Self {
        Self {
            path: path.to_owned(),
            at: None,
            problem: problem.into(),
        }
    }

    /// `at`, which may be `path` itself, has the problem.
    pub(crate) fn on_the_way(path: &Path, at: &Path, problem: FileProblem) -> Self {
        Self {
            path: path.to_owned(),
            at: (at != path).then(|| at.to_owned()),
            problem,
        }
    }

    /// The text of `Display` without `path`.
    pub(crate) fn reason(&self) -> String {
        match &self.at {
            Some(at) => format!("{}: {}", at.display(), self.problem),
            None => self.problem.to_string(),
        }
    }

    /// The file or folder with the problem: `path`, or one on the way to it.
    pub fn at(&self) -> &Path {
        self.at.as_deref().unwrap_or(&self.path)
    }
}

/// `PATH: reason`, or `PATH: FOLDER ABOVE IT: reason`.
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason())
    }
}

impl std::error::Error for FileError {}

impl From<Errno> for FileProblem {
    fn from(err: Errno) -> Self {
        match err {
            Errno::NOENT => Self::Missing,
            Errno::NOTDIR => Self::NotAFolder,
            err => Self::System(err),
        }
    }
}

impl From<std::io::Error> for FileProblem {
    fn from(err: std::io::Error) -> Self {
        // An error without a number: the name contains a NUL.
        Errno::from_io_error(&err).unwrap_or(Errno::INVAL).into()
    }
}
