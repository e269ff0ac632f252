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

/// How temporary names begin.
pub(crate) const UNFINISHED: &str = ".new-";

/// Opens the program's own file `name` in `folder`, for reading and, with `write`,
/// for a lock; `None` if it does not exist.
///
/// It has to be a regular file with one name that belongs to `euid` and that
/// nobody else can write. If others can read it, its mode is corrected. This never
/// waits, whatever kind of file it is.
pub(crate) fn open(
    folder: impl AsFd,
    name: impl Arg + Copy,
    write: bool,
    euid: u32,
) -> Result<Option<Opened>, FileProblem> {
    super::open::open(folder, name, write, euid, Rule::Own(TooOpen::Corrected))
}

/// Whether a file of this name may exist already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Placement {
    /// It is replaced.
    Replace,
    /// Then nothing is changed, and the error is `AlreadyExists`.
    New,
}

/// Writes a file of mode 0600 with these bytes, or changes nothing.
///
/// It is synced only where an error may be reported by a sync only. So after a
/// power failure the file may be the old one, or empty on some file systems.
pub(crate) fn put(
    folder: impl AsFd,
    name: impl Arg + Copy,
    bytes: &[u8],
    placement: Placement,
) -> io::Result<()> {
    let draft = Draft::write(&folder, bytes, |file| {
        // On NFS the server may report an exceeded quota only at a sync. An unknown
        // file system may be one of that kind.
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

/// The outcome of a sync. Some file systems have none, or none of folders, which
/// is not an error.
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

    fn write(
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

    /// Gives the file its name in `folder`, which is on the same file system.
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

/// Refuses to write a file of `size` bytes if that is more than RLIMIT_FSIZE:
/// the kernel would end this process by a signal.
pub(crate) fn check_size_limit(size: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Fsize).current;
    match limit.is_some_and(|limit| size > limit) {
        true => Err(Errno::FBIG.into()),
        false => Ok(()),
    }
}

/// Renames a file to a name, whatever has it. A folder, which a rename does not
/// replace, gets the file's name and is removed if it is empty.
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

/// Renames a file to a name that does not exist; else the error is
/// `AlreadyExists`.
fn rename_new(
    source: impl AsFd,
    from: &str,
    folder: impl AsFd,
    to: impl Arg + Copy,
) -> io::Result<()> {
    match renameat_with(&source, from, &folder, to, RenameFlags::NOREPLACE) {
        // File systems without it, such as NFS, have hard links, which do not
        // replace a file either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        outcome => return Ok(outcome?),
    }
    match linkat(&source, from, &folder, to, AtFlags::empty()) {
        Ok(()) => {}
        // NFS may report this for the link that it has just made (link(2), Bugs).
        Err(Errno::EXIST) if has_two_names(&source, from) => {}
        // Some FUSE file systems have neither: of two processes that rename to the
        // same name at the same moment, both may succeed.
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

/// Removes the temporary name of the file `name` in `folder`, which was not read
/// yet. A process that was killed left both names, or one is about to remove it.
pub(crate) fn remove_second_name(folder: impl AsFd, name: &str) {
    let inode = |name: &CStr| {
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    if let Some(file) = CString::new(name).ok().and_then(|name| inode(&name)) {
        // The file is checked again when it is opened, so errors do not matter.
        let _ = remove_temporary(&folder, |other| inode(other) == Some(file));
    }
}

/// Removes all temporary files from `folder`, which was not read yet. A process
/// that is about to rename one of them fails with `NotFound`.
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

/// Calls `visit` with each name in `folder`, which was opened and not read yet.
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
