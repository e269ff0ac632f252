//! The names in a guarded folder, for a listing.

use std::path::PathBuf;

use rustix::fs::{Dir, FileType, fstat};
use rustix::io::Errno;

use super::path::is_name;
use super::walk::{End, FolderFd, Stop, Walk, real_names};
use super::{GuardedFolder, GuardedSubfolder, Served, is_executed};
use crate::files::FileError;

/// The names in a folder, in no order. Names that [`GuardedFolder::find`] never shows,
/// whatever they are, are left out.
pub struct Names {
    dir: Dir,
    served: Served,
    path: PathBuf,
}

/// A name in a folder.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Name {
    /// The name: any bytes but NUL and `/`.
    pub name: Vec<u8>,
    /// Whether it is a folder; `None` for a symbolic link, and on file systems whose lists
    /// do not tell. [`GuardedFolder::entry`] tells it.
    pub is_folder: Option<bool>,
}

/// A file or folder, for a listing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// When it was last changed: Unix seconds, which may be negative.
    pub modified: i64,
    /// The folders on the way to it, without symbolic links, the guarded one first. If it is a
    /// folder, it is the last one.
    pub folders: Vec<FolderFd>,
    /// The name of a file in the last folder. A symbolic link to it has another name.
    file_name: Option<Vec<u8>>,
}

/// What an [`Entry`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
    },
    /// A folder.
    Folder,
}

impl GuardedFolder {
    /// The names in `folder`, which [`GuardedFolder::find`] found. They are read from the
    /// system in pieces. Some may be of no use: see [`GuardedFolder::entry`].
    ///
    /// # Errors
    ///
    /// [`FileError`] with [`FileProblem::Unreadable`] if the effective user may not list it;
    /// with other problems for a fault of the machine.
    pub fn names(&self, folder: &GuardedSubfolder) -> Result<Names, FileError> {
        let path = self.real_path(&folder.folders, None);
        let fd = folder.folders.last().unwrap_or(&self.root);
        let listed = self.open_by.list(fd).and_then(Dir::new);
        let dir = listed.map_err(|err| {
            let problem = match (err, fstat(fd)) {
                (Errno::ACCESS | Errno::PERM, Ok(stat)) => self.unreadable(&stat),
                (err, _) => err.into(),
            };
            FileError::new(&path, problem)
        })?;
        let served = self.served;
        Ok(Names { dir, served, path })
    }

    /// The file or folder `name` in `folder`; `None` if [`GuardedFolder::find`] would not
    /// show it: it is not there any more, cannot be read, is a pipe, or a symbolic link that
    /// leads out of the guarded folder.
    ///
    /// # Errors
    ///
    /// [`FileError`] for a fault of the machine.
    pub fn entry(
        &self,
        folder: &GuardedSubfolder,
        name: &[u8],
    ) -> Result<Option<Entry>, FileError> {
        if !is_name(name) {
            return Ok(None);
        }
        let mut walk = Walk::from(self, folder.folders.clone());
        let end = walk.along(&[name.to_vec()], false);
        let found = end.and_then(|end| match end {
            End::Folder(stat) => Ok((EntryKind::Folder, stat, None)),
            End::File { name, stat } => {
                let folder = walk.folders.last().unwrap_or(&self.root);
                match self.open_by.read(folder, &name) {
                    Ok(_) => {}
                    Err(Errno::ACCESS | Errno::PERM) => return Err(Stop::Absent),
                    Err(err) => return Err(err.into()),
                }
                if self.may_be_smuggled(stat.st_nlink > 1, folder)? {
                    return Err(Stop::Absent);
                }
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                Ok((EntryKind::File { size }, stat, Some(name)))
            }
        });
        match found {
            Ok((kind, stat, file_name)) => Ok(Some(Entry {
                kind,
                modified: stat.st_mtime,
                folders: walk.folders,
                file_name,
            })),
            Err(Stop::Absent | Stop::Unreadable(_)) => Ok(None),
            Err(Stop::Fault(err)) => {
                let path = self.real_path(&folder.folders, Some(name));
                Err(FileError::new(&path, err))
            }
        }
    }
}

impl Entry {
    /// The names on the way to it below the guarded folder, without symbolic links.
    pub fn real_names(&self) -> impl Iterator<Item = &[u8]> {
        real_names(&self.folders).chain(self.file_name.as_deref())
    }
}

impl Iterator for Names {
    type Item = Result<Name, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.dir.read()? {
                Ok(entry) => entry,
                Err(err) => return Some(Err(FileError::new(&self.path, err))),
            };
            let name = entry.file_name().to_bytes();
            let is_folder = match entry.file_type() {
                FileType::Directory => Some(true),
                FileType::RegularFile => Some(false),
                FileType::Symlink | FileType::Unknown => None,
                FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice => continue,
            };
            let is_hidden = match self.served {
                Served::BySite => is_folder == Some(false) && is_executed(name),
                Served::ByNobodyElse => false,
            };
            if is_name(name) && !is_hidden {
                let name = name.to_vec();
                return Some(Ok(Name { name, is_folder }));
            }
        }
    }
}
