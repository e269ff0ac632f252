//! Small private files that are whole or not there: what is opened is checked,
//! what is written is put in place by a rename.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{
    AtFlags, FileType, Mode, NFS_SUPER_MAGIC, OFlags, RawDir, RenameFlags, fchmod, fstat, fstatfs,
    linkat, mkdirat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;
use rustix::process::{Resource, getrlimit};

use super::FileProblem;
use super::trusted::{self, Access, Opened, Readers};
use crate::log::log;

/// How the names of files begin that are not in place yet.
pub(crate) const UNFINISHED: &str = ".new-";

/// Opens the folder `name`, which may not be a link, in `parent`; `None` if
/// there is none.
pub(crate) fn open_folder(
    parent: impl AsFd,
    name: impl Arg + Copy,
) -> Result<Option<OwnedFd>, FileProblem> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(&parent, name, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP) => Err(FileProblem::Link),
        // Of a link the kernel says the same.
        Err(Errno::NOTDIR) => Err(link_or(FileProblem::NotAFolder, &parent, name)),
        Err(err) => Err(err.into()),
    }
}

/// Opens the folder `name` in `parent`, which is made, mode 0700, if there is
/// none.
pub(crate) fn make_folder(parent: impl AsFd, name: &str) -> Result<OwnedFd, FileProblem> {
    if let Some(folder) = open_folder(&parent, name)? {
        return Ok(folder);
    }
    match mkdirat(&parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(err) => return Err(err.into()),
    }
    open_folder(parent, name)?.ok_or(FileProblem::Missing)
}

/// Refuses a folder that belongs to another user than `euid` or that others can
/// write. If `readers` are trusted ones only and others can look into it, its
/// mode is corrected.
pub(crate) fn check_folder(
    folder: &OwnedFd,
    euid: u32,
    readers: Readers,
) -> Result<(), FileProblem> {
    let stat = fstat(folder)?;
    let access = Access {
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode,
    };
    match readers {
        Readers::Anybody => trusted::check_own(access, folder.as_fd(), euid, 0o700),
        Readers::Trusted => {
            make_private(access, folder.as_fd(), euid, 0o700, TooOpen::Corrected).map(|_| ())
        }
    }
}

/// What becomes of a mode that lets others read what only its owner should.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TooOpen {
    /// It is corrected and logged: control panels reset all modes of a site.
    Corrected,
    /// It is refused: a command that only looks changes nothing.
    Refused,
}

/// Opens the file `name` in `folder`, for reading and, with `write`, for a
/// lock; `None` if there is none.
///
/// It has to be a regular file with one name, owned by `euid`, that only its
/// owner may write. If others can read it, its mode is corrected. Nothing here
/// waits, whatever lies there.
pub(crate) fn open(
    folder: impl AsFd,
    name: impl Arg + Copy,
    write: bool,
    euid: u32,
) -> Result<Option<Opened>, FileProblem> {
    open_if(folder, name, write, euid, TooOpen::Corrected)
}

/// As [`open`], but a mode that is `too_open` may be refused.
pub(super) fn open_if(
    folder: impl AsFd,
    name: impl Arg + Copy,
    write: bool,
    euid: u32,
    too_open: TooOpen,
) -> Result<Option<Opened>, FileProblem> {
    let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
    let mut opened = match trusted::open(&folder, name, access) {
        Err(FileProblem::Missing) => return Ok(None),
        Err(FileProblem::System(Errno::ACCESS)) => return Err(unreadable(&folder, name, euid)),
        opened => opened?,
    };
    // No name left: it was replaced or removed just now, and was good before.
    if opened.meta.nlink() > 1 {
        return Err(FileProblem::Names);
    }
    let (access, fd) = (Access::from(&opened.meta), opened.file.as_fd());
    opened.was_readable = make_private(access, fd, euid, 0o600, too_open)?;
    Ok(Some(opened))
}

/// Refuses what does not belong to `euid` or what others can write; corrects, or
/// refuses, the mode of what others can read. It should have the mode `wanted`.
/// Returns whether it was corrected.
///
/// What others can write is refused even if only the mode is wrong: see
/// [`TrustedFolder::check_own`](trusted::TrustedFolder::check_own).
fn make_private(
    access: Access,
    fd: BorrowedFd<'_>,
    euid: u32,
    wanted: u32,
    too_open: TooOpen,
) -> Result<bool, FileProblem> {
    trusted::check_own(access, fd, euid, wanted)?;
    if access.mode & 0o077 == 0 {
        return Ok(false);
    }
    let refused = Err(trusted::readable(access.mode, wanted));
    let private = Mode::from_raw_mode(access.mode & 0o7700);
    if too_open == TooOpen::Refused || fchmod(fd, private).is_err() {
        return refused;
    }
    // A file system without modes, such as FAT, may say that it is done.
    let stat = fstat(fd)?;
    if stat.st_mode & 0o077 != 0 {
        return refused;
    }
    let path = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    let shown = path.map_or_else(
        |_| "a file of this program".to_owned(),
        |path| path.display().to_string(),
    );
    log(format_args!(
        "{shown}: other users could read it; its mode was {:04o} and is now {:04o}",
        access.mode & 0o7777,
        stat.st_mode & 0o7777
    ));
    Ok(true)
}

/// `problem`, unless it is that a symbolic link is there.
fn link_or(problem: FileProblem, folder: impl AsFd, name: impl Arg) -> FileProblem {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
    match kind {
        Ok(FileType::Symlink) => FileProblem::Link,
        _ => problem,
    }
}

/// Why the permission for a file was denied: its owner or mode, if not the way
/// to it.
fn unreadable(folder: impl AsFd, name: impl Arg, euid: u32) -> FileProblem {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileProblem::Unreadable {
            owner: stat.st_uid,
            mode: stat.st_mode & 0o7777,
            euid,
        },
        Err(_) => Errno::ACCESS.into(),
    }
}

/// Whether a file of the name may be there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Placement {
    /// It is replaced.
    Replace,
    /// It is left alone, and an error: `AlreadyExists`.
    New,
}

/// Puts a file of mode 0600 with these bytes in place, whole, or leaves
/// everything as it was.
///
/// It is not synced, but for where only that tells of a full disk: after a
/// power failure the file may be the old one, or empty on some file systems.
pub(crate) fn put(
    folder: impl AsFd,
    name: impl Arg + Copy,
    bytes: &[u8],
    placement: Placement,
) -> io::Result<()> {
    let draft = Draft::write(&folder, bytes, |file| {
        // There a write is a promise: the server may yet say that a quota is
        // used up, and would say it to nobody. A file system that does not say
        // what it is may be such a one.
        match fstatfs(file) {
            Ok(system) if system.f_type != NFS_SUPER_MAGIC => Ok(()),
            _ => sync(rustix::fs::fdatasync(file)),
        }
    })?;
    draft.place(&folder, name, placement)
}

/// As [`put`], for what has to outlast a power failure.
pub(crate) fn put_synced(
    folder: impl AsFd,
    name: impl Arg + Copy,
    bytes: &[u8],
    placement: Placement,
) -> io::Result<()> {
    Draft::write_synced(&folder, bytes)?.place_synced(&folder, name, placement)
}

/// The outcome of a sync; that a file system has none, as some have none of
/// folders, is not a failure.
fn sync(outcome: rustix::io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// A file of mode 0600 that was written and has no lasting name yet. Dropped, it
/// is removed.
pub(crate) struct Draft<F: AsFd> {
    workshop: F,
    name: Option<String>,
}

impl<F: AsFd> Draft<F> {
    /// Writes `bytes` into a new file in the folder `workshop` and syncs it.
    pub(crate) fn write_synced(workshop: F, bytes: &[u8]) -> io::Result<Self> {
        Self::write(workshop, bytes, |file| sync(rustix::fs::fsync(file)))
    }

    fn write(
        workshop: F,
        bytes: &[u8],
        written: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<Self> {
        check_size_limit(bytes.len() as u64)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|err| io::Error::other(err.to_string()))?;
        let name = format!("{UNFINISHED}{:016x}", u64::from_ne_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&workshop, &name, flags, Mode::RUSR | Mode::WUSR)?;
        let draft = Self {
            workshop,
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
            Placement::Replace => renameat(&self.workshop, draft, folder, name)?,
            Placement::New => rename_new(&self.workshop, draft, folder, name)?,
        }
        self.name = None;
        Ok(())
    }

    /// As [`Draft::place`], for what has to outlast a power failure.
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
            let _ = unlinkat(&self.workshop, name, AtFlags::empty());
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

/// Renames a file to a name that is not there. If it is: `AlreadyExists`.
fn rename_new(
    workshop: impl AsFd,
    from: &str,
    folder: impl AsFd,
    to: impl Arg + Copy,
) -> io::Result<()> {
    match renameat_with(&workshop, from, &folder, to, RenameFlags::NOREPLACE) {
        // File systems without it, such as NFS, have links, which do not replace
        // a file either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        outcome => return Ok(outcome?),
    }
    match linkat(&workshop, from, &folder, to, AtFlags::empty()) {
        Ok(()) => {}
        // NFS may say so of the link that it has just made (link(2), Bugs).
        Err(Errno::EXIST) if has_two_names(&workshop, from) => {}
        // Without either, as some FUSE file systems are: two processes that put
        // the same name in place in the same moment may both succeed.
        Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK) => {
            return match statat(&folder, to, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => Ok(renameat(&workshop, from, &folder, to)?),
                Ok(_) => Err(Errno::EXIST.into()),
                Err(err) => Err(err.into()),
            };
        }
        Err(err) => return Err(err.into()),
    }
    match unlinkat(&workshop, from, AtFlags::empty()) {
        // A reader has done it: see `remove_second_name`.
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

fn has_two_names(folder: impl AsFd, name: &str) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| stat.st_nlink == 2)
}

/// Removes the unfinished name of the file `name` in `folder`, which was not
/// read yet: a process that was killed left both, or is about to do so itself.
pub(crate) fn remove_second_name(folder: impl AsFd, name: &str) {
    let inode = |name: &CStr| {
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    let Some(file) = CString::new(name).ok().and_then(|name| inode(&name)) else {
        return;
    };
    // Whoever opens the file next sees whether it has one name.
    let _ = for_each_name(&folder, |other| {
        let is_unfinished = other.to_bytes().starts_with(UNFINISHED.as_bytes());
        match is_unfinished && inode(other) == Some(file) {
            true => unlinkat(&folder, other, AtFlags::empty()),
            false => Ok(()),
        }
    });
}

/// Removes from `folder`, which was not read yet, what was not put in place.
/// Another process that is about to do that fails with `NotFound`.
pub(crate) fn remove_unfinished(folder: impl AsFd) -> io::Result<()> {
    for_each_name(&folder, |name| {
        match name.to_bytes().starts_with(UNFINISHED.as_bytes()) {
            true => match unlinkat(&folder, name, AtFlags::empty()) {
                Err(Errno::NOENT) => Ok(()),
                outcome => outcome,
            },
            false => Ok(()),
        }
    })?;
    Ok(())
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
