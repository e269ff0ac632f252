//! Follows a path from a guarded folder, name by name.
//!
//! The folders on the way stay open. A name is opened in the folder before it, `..` in the
//! target of a symbolic link goes back to the folder before that, and nothing goes back from
//! the guarded folder. So the path cannot leave it, whoever renames what at the same time. A
//! folder that is moved out after it was opened remains the folder that was inside.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;

use rustix::fs::{FileType, Stat, fstat};
use rustix::io::Errno;

use super::path::{MAX_NAMES, is_name};
use super::{GuardedFolder, Served, exact, is_executed, open};
use crate::files::FileError;

/// The most symbolic links in one path, as in the kernel.
const MAX_LINKS: usize = 40;

/// An open folder on the way to a file, with its name in the folder before it.
///
/// Its descriptor is for calls such as `openat`; the names of the folder cannot be read
/// from it.
#[derive(Clone, Debug)]
pub struct FolderFd {
    fd: Rc<OwnedFd>,
    name: Vec<u8>,
}

impl FolderFd {
    pub(super) fn new(fd: OwnedFd, name: Vec<u8>) -> Self {
        Self {
            fd: Rc::new(fd),
            name,
        }
    }

    /// Its name in the folder before it; empty for the guarded folder.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

/// The names of folders below the guarded one, which is the first of them.
pub(crate) fn real_names(folders: &[FolderFd]) -> impl Iterator<Item = &[u8]> {
    folders.iter().skip(1).map(FolderFd::name)
}

impl AsFd for FolderFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Why a path leads to nothing that is shown.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing is there, or something that must look like it.
    Absent,
    /// The effective user may not read it, or may not enter a folder on the way.
    Unreadable(FileError),
    /// A fault of the machine.
    Fault(Errno),
}

impl From<Errno> for Stop {
    fn from(err: Errno) -> Self {
        match err {
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NAMETOOLONG
            | Errno::INVAL
            | Errno::ILSEQ
            | Errno::NXIO
            | Errno::NODEV
            // It was removed on another machine (NFS).
            | Errno::STALE => Self::Absent,
            err => Self::Fault(err),
        }
    }
}

/// What a path leads to.
pub(super) enum End {
    /// A regular file: its name in the last folder on the way.
    File { name: Vec<u8>, stat: Stat },
    /// The last folder on the way.
    Folder(Stat),
}

/// What a name in a folder is.
enum Step {
    Folder(OwnedFd, Stat),
    File(Stat),
    Link { target: Vec<u8>, owner: u32 },
}

/// A name that is still to be followed.
enum Part {
    Name(Vec<u8>),
    Up,
}

/// A path that is followed.
pub(super) struct Walk<'t> {
    tree: &'t GuardedFolder,
    /// The folders on the way, the guarded one first.
    pub(super) folders: Vec<FolderFd>,
    links: usize,
}

impl<'t> Walk<'t> {
    /// A walk that goes on from the last of `folders`.
    pub(super) fn from(tree: &'t GuardedFolder, folders: Vec<FolderFd>) -> Self {
        let links = 0;
        Self {
            tree,
            folders,
            links,
        }
    }

    fn last(&self) -> &FolderFd {
        self.folders.last().unwrap_or(&self.tree.root)
    }

    /// Follows `names` to a file, or to a folder, which it must be `if is_folder`.
    pub(super) fn along(&mut self, names: &[Vec<u8>], is_folder: bool) -> Result<End, Stop> {
        let mut is_folder = is_folder;
        let mut parts: Vec<Part> = names.iter().rev().cloned().map(Part::Name).collect();
        let mut end = None;
        while let Some(part) = parts.pop() {
            end = None;
            let name = match part {
                Part::Name(name) => name,
                Part::Up if self.folders.len() > 1 => {
                    self.folders.pop();
                    continue;
                }
                Part::Up => return Err(Stop::Absent),
            };
            match self.step(&name)? {
                Step::Folder(fd, stat) => {
                    if self.folders.len() > MAX_NAMES {
                        return Err(Stop::Absent);
                    }
                    self.folders.push(FolderFd::new(fd, name));
                    end = Some(stat);
                }
                Step::File(stat) => {
                    let asked = names.last().is_some_and(|asked| is_executed(asked));
                    let is_hidden = match self.tree.served {
                        Served::BySite => asked || is_executed(&name),
                        Served::ByNobodyElse => false,
                    };
                    return match parts.is_empty() && !is_folder && !is_hidden {
                        true => Ok(End::File { name, stat }),
                        false => Err(Stop::Absent),
                    };
                }
                Step::Link { target, owner } => {
                    self.links += 1;
                    if self.links > MAX_LINKS || !self.tree.owners.trusts(owner) {
                        return Err(Stop::Absent);
                    }
                    let last = target.rsplit(|byte| *byte == b'/').next();
                    is_folder |= parts.is_empty() && matches!(last, Some(b"" | b"."));
                    let target = self.relative(&target)?;
                    parts.extend(link_parts(target)?.into_iter().rev());
                }
            }
        }
        match end {
            Some(stat) => Ok(End::Folder(stat)),
            None => Ok(End::Folder(fstat(self.last())?)),
        }
    }

    /// The target of a symbolic link, relative to the folder where the walk goes on: that
    /// of the link, or the guarded one if the target is an absolute path below it.
    fn relative<'p>(&mut self, target: &'p [u8]) -> Result<&'p [u8], Stop> {
        if !target.starts_with(b"/") {
            return Ok(target);
        }
        let root = self.tree.path.as_os_str().as_bytes();
        match target.strip_prefix(root) {
            Some(below) if below.is_empty() || below.starts_with(b"/") => {
                self.folders.truncate(1);
                Ok(below)
            }
            _ => Err(Stop::Absent),
        }
    }

    /// Looks what `name` in the last folder is.
    fn step(&self, name: &[u8]) -> Result<Step, Stop> {
        let folder = self.last().as_fd();
        let stop = |err| match (err, fstat(folder)) {
            (Errno::ACCESS | Errno::PERM, Ok(stat)) => self.unreadable(None, &stat),
            (err, _) => err.into(),
        };
        let entry = self.tree.open_by.look(folder, name).map_err(stop)?;
        let stat = fstat(&entry)?;
        let is_hidden = self.tree.hidden.has((stat.st_dev, stat.st_ino))
            || self.tree.hidden.has_name(folder, name)?;
        if is_hidden || !exact::is_exact(self.tree.open_by, folder, name).map_err(stop)? {
            return Err(Stop::Absent);
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Step::Folder(entry, stat)),
            FileType::RegularFile => Ok(Step::File(stat)),
            FileType::Symlink => Ok(Step::Link {
                target: open::target(&entry)?,
                owner: stat.st_uid,
            }),
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Err(Stop::Absent),
        }
    }

    /// The stop at the last folder, or at the file `name` in it, because of its owner and
    /// mode.
    pub(super) fn unreadable(&self, name: Option<&[u8]>, stat: &Stat) -> Stop {
        let problem = self.tree.unreadable(stat);
        Stop::Unreadable(FileError::new(&self.path(name), problem))
    }

    /// The absolute path of the last folder, or of the file `name` in it.
    pub(super) fn path(&self, name: Option<&[u8]>) -> PathBuf {
        self.tree.real_path(&self.folders, name)
    }
}

/// The names in the relative target of a symbolic link. A link to a name that is not shown
/// is not shown either.
fn link_parts(target: &[u8]) -> Result<Vec<Part>, Stop> {
    let names = target.split(|byte| *byte == b'/');
    let names = names.filter(|name| !name.is_empty() && *name != b".");
    let parts = names.map(|name| match name {
        b".." => Ok(Part::Up),
        name if is_name(name) => Ok(Part::Name(name.to_vec())),
        _ => Err(Stop::Absent),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_machine_do_not_look_like_missing_files() {
        let faults = [Errno::IO, Errno::MFILE, Errno::NFILE, Errno::NOMEM];
        for err in faults {
            assert!(matches!(Stop::from(err), Stop::Fault(_)), "{err}");
        }
        let absent = [Errno::NOENT, Errno::NOTDIR, Errno::NAMETOOLONG, Errno::LOOP];
        for err in absent {
            assert!(matches!(Stop::from(err), Stop::Absent), "{err}");
        }
    }
}
