//! Files and folders: which of them are trusted, and how the program writes its own
//! files.

pub(crate) mod accounts;
pub(crate) mod lock;
mod old_drafts;
mod open;
mod owners;
pub(crate) mod private;
pub mod shared;
pub(crate) mod text;
pub(crate) mod trusted;
mod walk;

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use accounts::user_name;
pub(crate) use owners::{Owners, program_owner};
#[cfg(feature = "users")]
pub(crate) use owners::{PROGRAM, program_path};

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
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileProblem {
    /// It does not exist.
    Missing,
    /// It belongs to a user who is not trusted.
    Owner {
        /// Who owns it.
        owner: u32,
        /// The effective user.
        euid: u32,
    },
    /// Users who are not trusted can write it.
    Writable {
        /// The mode that it has.
        mode: u32,
        /// The mode that it should have.
        wanted: u32,
    },
    /// It is secret, and users who are not trusted can read it.
    Readable {
        /// The mode that it has.
        mode: u32,
        /// The mode that it should have.
        wanted: u32,
    },
    /// The effective user may not read it.
    Unreadable {
        /// Who owns it.
        owner: u32,
        /// The mode that it has.
        mode: u32,
        /// The effective user.
        euid: u32,
    },
    /// It is not a folder.
    NotAFolder,
    /// It is a folder, a pipe, a socket or a device.
    NotAFile,
    /// It is a symbolic link where none is allowed.
    Link,
    /// It has a second name (a hard link), which others may have made.
    Names,
    /// It has more than this many bytes.
    TooLarge(usize),
    /// Its content is wrong.
    Damaged(&'static str),
    /// Its file system has no locks (`flock`).
    NoLocks,
    /// Another process held its lock for too long.
    Held,
    /// The web server serves its contents.
    Served,
    /// All files in it are the program's own.
    OwnFiles,
    /// It is a folder for temporary files such as `/tmp`, or in one.
    Temporary,
    /// The system reports this error.
    System(Errno),
}

error_texts! { FileProblem:
    Self::Missing => "does not exist";
    Self::Owner { owner, euid } =>
        "belongs to another user ({}; this program runs as {})", user_name(*owner), user_name(*euid);
    Self::Writable { mode, wanted } =>
        "can be written by other users (mode {mode:04o}): chmod {wanted:o}";
    Self::Readable { mode, wanted } =>
        "can be read by other users (mode {mode:04o}): chmod {wanted:o}";
    Self::Unreadable { owner, mode, euid } =>
        "cannot be read: permission denied for {}, as whom this program runs; \
         it belongs to {} and has mode {mode:04o}{}", user_name(*euid), user_name(*owner), if owner == euid { ": chmod u+r" } else { "" };
    Self::NotAFolder => "is not a folder";
    Self::NotAFile => "is not a regular file";
    Self::Link => "is a symbolic link";
    Self::Names => "has more than one name (hard links)";
    Self::TooLarge(number) => "is larger than {number} bytes";
    Self::Damaged(word) => "{word}";
    Self::NoLocks => "is on a file system without file locks, which sessions in files need: \
         set SESSION_TYPE = \"cookie\", or SESSION_FILE_DIR to a folder elsewhere";
    Self::Held => "is locked by another process";
    Self::Served => "is in a folder that the web server serves";
    Self::OwnFiles =>
        "holds files of this program that nobody may see: choose a folder outside";
    Self::Temporary => "is in a folder for temporary files";
    Self::System(err) => "{}", std::io::Error::from(*err);
}

/// The path of `name` in `folder`: as [`Path::join`], which allocates twice.
pub(crate) fn join(folder: &Path, name: &str) -> PathBuf {
    let mut path = PathBuf::with_capacity(folder.as_os_str().len() + 1 + name.len());
    path.push(folder);
    path.push(name);
    path
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
        errno(err).into()
    }
}

/// The number of an error of the system; one without a number says that a name contains a NUL.
pub(crate) fn errno(err: std::io::Error) -> Errno {
    Errno::from_io_error(&err).unwrap_or(Errno::INVAL)
}
