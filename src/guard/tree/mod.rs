//! Guarded folders: finds the file for the path of a request, and never one outside.
//!
//! What is shown are regular files and folders with the exact name that was asked for. All
//! else looks like a missing file: names that begin with a dot, devices, pipes, sockets, in
//! a folder of the site the files that the web server would execute, and symbolic links that
//! lead out of the folder, or to one of these, or that belong to an untrusted user. Trusted
//! users are root, the effective user, and the owner of the executable.
//!
//! A file with a second name (a hard link) is not shown if untrusted users can write its
//! folder.

mod exact;
mod executed;
mod hidden;
mod names;
mod open;
mod path;
mod walk;

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;
use rustix::io::Errno;

pub use executed::is_executed;
use hidden::Hidden;
pub(crate) use hidden::{FileId, id};
pub use names::{Entry, EntryKind, Name, Names};
pub use open::OpenBy;
pub use path::GuardedPath;
pub use walk::FolderFd;
pub(crate) use walk::real_names;
use walk::{End, Stop, Walk};

use crate::files::trusted::{Anywhere, PathRules, TrustedFolder};
use crate::files::{FileError, FileProblem, Owners, errno};

/// Whether the web server, too, serves the files of a guarded folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Served {
    /// It does not.
    ByNobodyElse,
    /// It is a folder of the site. Files that the web server would execute
    /// ([`is_executed`]) look like missing files, because their source must not be shown.
    BySite,
}

/// A folder whose files are shown to logged-in users. It is open.
pub struct GuardedFolder {
    /// Without symbolic links.
    path: PathBuf,
    root: FolderFd,
    euid: u32,
    owners: Owners,
    served: Served,
    open_by: OpenBy,
    hidden: Hidden,
}

/// What is at a path below a guarded folder.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(GuardedFile),
    /// A folder.
    Folder(GuardedSubfolder),
    /// A file or folder for which the effective user has no permission, or that is in such
    /// a folder. Web servers answer 403: Apache, lighttpd and nginx do. The error is for the
    /// log.
    Unreadable(FileError),
    /// Nothing, or something that must look like it: web servers answer 404.
    Absent,
}

/// A regular file below a guarded folder, open for reading.
#[derive(Debug)]
pub struct GuardedFile {
    /// The open file.
    pub file: File,
    /// Its metadata when it was opened.
    pub meta: Metadata,
    /// The folders on the way to it, without symbolic links, the guarded one first.
    pub folders: Vec<FolderFd>,
    /// Its absolute path without symbolic links, for a web server that sends the file.
    pub real_path: PathBuf,
}

/// A folder below a guarded folder, or the guarded folder itself.
#[derive(Clone, Debug)]
pub struct GuardedSubfolder {
    /// The folders on the way to it, without symbolic links, the guarded one first; the last
    /// one is this folder.
    pub folders: Vec<FolderFd>,
}

impl GuardedFolder {
    /// Opens the folder at `path`, which is absolute, for the effective user `euid`.
    ///
    /// # Errors
    ///
    /// [`FileError`] if it does not exist, is not a folder, or if an untrusted user can
    /// decide which folder it is: he owns or can write it, or a folder above it.
    pub fn open(path: &Path, euid: u32, served: Served) -> Result<Self, FileError> {
        Self::open_by_rules(path, euid, served, &Anywhere)
    }

    /// As [`GuardedFolder::open`], unless these rules refuse the path.
    pub(super) fn open_by_rules(
        path: &Path,
        euid: u32,
        served: Served,
        rules: &dyn PathRules,
    ) -> Result<Self, FileError> {
        let folder = TrustedFolder::find(path, euid, rules)?;
        let root = folder.open_to_search()?;
        Ok(Self {
            path: folder.path().to_owned(),
            root: FolderFd::new(root, Vec::new()),
            euid,
            owners: Owners::new(euid),
            served,
            open_by: OpenBy::Openat2,
            hidden: Hidden::default(),
        })
    }

    /// Makes the file or folder at `path` look like a missing one: what is there now, by all
    /// of its names, and what will be there. It is for the program's own files, such as the
    /// users file: a guarded folder may be above the state folder.
    #[must_use]
    pub fn hide(mut self, path: &Path) -> Self {
        self.hidden.add(path);
        self
    }

    /// The same folder, whose files are opened by this system call.
    #[must_use]
    pub fn open_by(self, open_by: OpenBy) -> Self {
        Self { open_by, ..self }
    }

    /// Its path without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is at `path`.
    ///
    /// # Errors
    ///
    /// [`FileError`] for a fault of the machine, such as a damaged file system or too many
    /// open files.
    pub fn find(&self, path: &GuardedPath) -> Result<Found, FileError> {
        let mut walk = Walk::from(self, vec![self.root.clone()]);
        let end = walk.along(path.names(), path.is_folder());
        let found = end.and_then(|end| match end {
            End::Folder(_) => {
                let folders = std::mem::take(&mut walk.folders);
                Ok(Found::Folder(GuardedSubfolder { folders }))
            }
            End::File { name, stat } => self.open_file(&walk, &name, &stat).map(Found::File),
        });
        match found {
            Ok(found) => Ok(found),
            Err(Stop::Absent) => Ok(Found::Absent),
            Err(Stop::Unreadable(err)) => Ok(Found::Unreadable(err)),
            Err(Stop::Fault(err)) => Err(FileError::new(
                &walk.path(path.names().last().map(Vec::as_slice)),
                err,
            )),
        }
    }

    fn open_file(&self, walk: &Walk<'_>, name: &[u8], stat: &Stat) -> Result<GuardedFile, Stop> {
        let folder = walk.folders.last().unwrap_or(&self.root);
        let file = match self.open_by.read(folder, name) {
            Ok(file) => File::from(file),
            Err(Errno::ACCESS | Errno::PERM) => {
                return Err(walk.unreadable(Some(name), stat));
            }
            Err(err) => return Err(err.into()),
        };
        let meta = file.metadata().map_err(errno)?;
        // Another file may have taken its place.
        if !meta.is_file()
            || self.hidden.has(id(&meta))
            || self.may_be_smuggled(meta.nlink() > 1, folder)?
        {
            return Err(Stop::Absent);
        }
        Ok(GuardedFile {
            file,
            meta,
            folders: walk.folders.clone(),
            real_path: walk.path(Some(name)),
        })
    }

    /// Whether it has a second name and untrusted users can write its folder: they may have
    /// made the name, for a file outside that they cannot read. (The kernel prevents it only
    /// with `fs.protected_hardlinks`.)
    fn may_be_smuggled(&self, has_names: bool, folder: &FolderFd) -> Result<bool, Errno> {
        match has_names {
            true => self.owners.others_can_write(folder.as_fd()),
            false => Ok(false),
        }
    }

    /// The problem of a file or folder that the effective user may not read.
    fn unreadable(&self, stat: &Stat) -> FileProblem {
        FileProblem::Unreadable {
            owner: stat.st_uid,
            mode: stat.st_mode & 0o7777,
            euid: self.euid,
        }
    }

    fn real_path(&self, folders: &[FolderFd], name: Option<&[u8]>) -> PathBuf {
        let names = real_names(folders).chain(name).map(OsStr::from_bytes);
        names.fold(self.path.clone(), |path, name| path.join(name))
    }
}
