//! The program's own small files, which no other user may read. A file is written
//! under a temporary name and then renamed, so no reader sees a part of it.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::fs::{
    AtFlags, Mode, NFS_SUPER_MAGIC, OFlags, RawDir, RenameFlags, fstatfs, linkat, openat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;
use rustix::process::{Resource, getrlimit};

use super::FileProblem;
use super::open::{Opened, Rule};
pub(crate) use super::open::{TooOpen, make_folder, open_folder};

/// The beginning of temporary names.
pub(crate) const UNFINISHED: &str = ".new-";

/// Opens the program's own file `name` in `folder`, for reading and, with `write`,
/// for a lock; `None` if it does not exist.
///
/// It must be a regular file with one name that belongs to `euid` and that nobody else
/// can write. If others can read it, its mode is corrected. This never waits, also for
/// a pipe.
pub(crate) fn open(
    folder: impl AsFd,
    name: impl Arg + Copy,
    write: bool,
    euid: u32,
) -> Result<Option<Opened>, FileProblem> {
    super::open::open(folder, name, write, euid, Rule::Own(TooOpen::Corrected))
}

/// Opens the program's own file `name` in `folder`, to lock it or write into it. It is
/// made, empty and of mode 0600, if it does not exist; see [`open`] for one that does.
pub(crate) fn make_writable(
    folder: impl AsFd,
    name: impl Arg + Copy,
    euid: u32,
) -> Result<Opened, FileProblem> {
    super::open::make_writable(folder, name, euid)
}

/// What happens if a file with this name exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Placement {
    /// It is replaced.
    Replace,
    /// Nothing is changed, and the error is `AlreadyExists`.
    New,
}

/// Writes a file of mode 0600 with these bytes, or changes nothing.
///
/// It is synced only on file systems that report errors only then. So after a power
/// failure the file may be the old one, or empty on some file systems.
pub(crate) fn put(
    folder: impl AsFd,
    name: impl Arg + Copy,
    bytes: &[u8],
    placement: Placement,
) -> io::Result<()> {
    let draft = Draft::write(&folder, bytes, |file| {
        // An NFS server may report an exceeded quota only at a sync. An unknown file
        // system may do the same.
        match fstatfs(file) {
            Ok(system) if system.f_type != NFS_SUPER_MAGIC => Ok(()),
            _ => sync(rustix::fs::fdatasync(file)),
        }
    })?;
    draft.place(&folder, name, placement)
}

/// As [`put`], for a file that must survive a power failure.
pub(crate) fn put_synced(
    folder: impl AsFd,
    name: impl Arg + Copy,
    bytes: &[u8],
    placement: Placement,
) -> io::Result<()> {
    Draft::write_synced(&folder, bytes)?.place_synced(&folder, name, placement)
}

/// Removes a file, which does not come back after a power failure.
#[cfg(feature = "users")]
pub(crate) fn remove_synced(folder: impl AsFd, name: impl Arg) -> io::Result<()> {
    unlinkat(&folder, name, AtFlags::empty())?;
    sync(rustix::fs::fsync(folder))
}

/// The result of a sync. That a file system has no sync, or none for folders, is not an
/// error.
pub(super) fn sync(outcome: rustix::io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// A file of mode 0600 under a temporary name, which is removed when this is
/// dropped.
pub(crate) struct Draft<F: AsFd> {
    folder: F,
    name: Option<String>,
}

impl<F: AsFd> Draft<F> {
    /// Writes `bytes` into a new file in `folder` and syncs it.
    pub(crate) fn write_synced(folder: F, bytes: &[u8]) -> io::Result<Self> {
        Self::write(folder, bytes, |file| sync(rustix::fs::fsync(file)))
    }

    /// Writes `bytes` into a new file in `folder`, of mode 0600, and calls `written`
    /// with it.
    pub(super) fn write(
        folder: F,
        bytes: &[u8],
        written: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<Self> {
        check_size_limit(bytes.len() as u64)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|err| io::Error::other(err.to_string()))?;
        let name = format!("{UNFINISHED}{:016x}", u64::from_ne_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&folder, &name, flags, Mode::RUSR | Mode::WUSR)?;
        let draft = Self {
            folder,
            name: Some(name),
        };
        let mut file = File::from(file);
        file.write_all(bytes)?;
        written(&file)?;
        Ok(draft)
    }

    /// Renames the file to its name in `folder`, which is on the same file system.
    pub(crate) fn place(
        mut self,
        folder: impl AsFd,
        name: impl Arg + Copy,
        placement: Placement,
    ) -> io::Result<()> {
        let Some(draft) = &self.name else {
            return Ok(());
        };
        match placement {
            Placement::Replace => replace(&self.folder, draft, folder, name)?,
            Placement::New => rename_new(&self.folder, draft, folder, name)?,
        }
        self.name = None;
        Ok(())
    }

    /// As [`Draft::place`], for a file that must survive a power failure.
    pub(crate) fn place_synced(
        self,
        folder: impl AsFd,
        name: impl Arg + Copy,
        placement: Placement,
    ) -> io::Result<()> {
        self.place(&folder, name, placement)?;
        sync(rustix::fs::fsync(folder))
    }
}

impl<F: AsFd> Drop for Draft<F> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = unlinkat(&self.folder, name, AtFlags::empty());
        }
    }
}

/// Refuses a file of `size` bytes if that is more than RLIMIT_FSIZE: writing it would end
/// this process by a signal.
pub(crate) fn check_size_limit(size: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Fsize).current;
    match limit.is_some_and(|limit| size > limit) {
        true => Err(Errno::FBIG.into()),
        false => Ok(()),
    }
}

/// Renames a file and replaces what has the new name. A rename does not replace a folder:
/// the folder gets the file's old name, and is removed if it is empty.
fn replace(
    source: impl AsFd,
    from: &str,
    folder: impl AsFd,
    to: impl Arg + Copy,
) -> rustix::io::Result<()> {
    match renameat(&source, from, &folder, to) {
        Err(Errno::ISDIR) => {}
        outcome => return outcome,
    }
    renameat_with(&source, from, &folder, to, RenameFlags::EXCHANGE)?;
    let _ = unlinkat(&source, from, AtFlags::REMOVEDIR);
    Ok(())
}

/// Renames a file to a name that must not exist; otherwise the error is `AlreadyExists`.
fn rename_new(
    source: impl AsFd,
    from: &str,
    folder: impl AsFd,
    to: impl Arg + Copy,
) -> io::Result<()> {
    match renameat_with(&source, from, &folder, to, RenameFlags::NOREPLACE) {
        // File systems without this system call, such as NFS, have hard links, which do
        // not replace a file either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        outcome => return Ok(outcome?),
    }
    match linkat(&source, from, &folder, to, AtFlags::empty()) {
        Ok(()) => {}
        // NFS may report this for the link that it has just made (link(2), Bugs).
        Err(Errno::EXIST) if has_two_names(&source, from) => {}
        // Some FUSE file systems have neither of them: if two processes rename files to
        // the same name at the same moment, both may succeed.
        Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK) => {
            return match statat(&folder, to, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => Ok(renameat(&source, from, &folder, to)?),
                Ok(_) => Err(Errno::EXIST.into()),
                Err(err) => Err(err.into()),
            };
        }
        Err(err) => return Err(err.into()),
    }
    match unlinkat(&source, from, AtFlags::empty()) {
        // A reader has removed it: see `remove_second_name`.
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

fn has_two_names(folder: impl AsFd, name: &str) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| stat.st_nlink == 2)
}

/// Removes the temporary name of the file `name` in `folder`, whose names were not read
/// yet. Either a process was killed and left both names, or it will remove one soon.
pub(crate) fn remove_second_name(folder: impl AsFd, name: &str) {
    let inode = |name: &CStr| {
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    if let Some(file) = CString::new(name).ok().and_then(|name| inode(&name)) {
        // Errors are ignored, because the file is checked again when it is opened.
        let _ = remove_temporary(&folder, |other| inode(other) == Some(file));
    }
}

/// Removes all temporary files from `folder`, whose names were not read yet. A process
/// that wants to rename one of them then fails with `NotFound`.
pub(crate) fn remove_unfinished(folder: impl AsFd) -> io::Result<()> {
    Ok(remove_temporary(folder, |_| true)?)
}

fn remove_temporary(folder: impl AsFd, which: impl Fn(&CStr) -> bool) -> rustix::io::Result<()> {
    for_each_name(&folder, |name| {
        if !name.to_bytes().starts_with(UNFINISHED.as_bytes()) || !which(name) {
            return Ok(());
        }
        match unlinkat(&folder, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            outcome => outcome,
        }
    })
}

/// Calls `visit` with each name in `folder`, whose names were not read yet.
pub(crate) fn for_each_name(
    folder: impl AsFd,
    mut visit: impl FnMut(&CStr) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            visit(entry.file_name())?;
        }
    }
    Ok(())
}
