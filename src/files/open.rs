//! Opens files and folders, and checks them before they are read. Files that others may have
//! touched are opened by [`open`].

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, fstat, mkdirat, openat, statat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::FileProblem;
use super::owners::{Access, At, Owners, READ};
use crate::log::log;

/// Who may own, read and write a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// A trusted user owns it, and nobody else can write it.
    Public,
    /// As `Public`; it has one name, and nobody else can read it, because of its mode or,
    /// with `is_shut_in`, because others cannot enter a folder on the way to it.
    Secret { is_shut_in: bool },
    /// The effective user owns it, it has one name, and nobody else can read or
    /// write it.
    Own(TooOpen),
}

/// What happens to the program's own file or folder that others can read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TooOpen {
    /// Its mode is corrected, and that is logged: control panels reset the modes of
    /// all files of a site.
    Corrected,
    /// It is refused, by commands that only show something and must not change modes.
    Refused,
}

/// An open regular file, and its metadata when it was opened. The program never
/// writes into a file that exists: it puts a new one in its place. Files of
/// [`make_writable`] are the exception.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) meta: Metadata,
    /// Whether others could read the program's own file until its mode was
    /// corrected just now.
    pub(crate) was_readable: bool,
}

/// Opens the file `name` in `folder`, for reading and, with `write`, for a lock; `None`
/// if it does not exist. It must not be a symbolic link. This never waits, also for a
/// pipe.
pub(super) fn open(
    folder: impl AsFd,
    name: impl Arg + Copy,
    write: bool,
    euid: u32,
    rule: Rule,
) -> Result<Option<Opened>, FileProblem> {
    let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&folder, name, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(FileProblem::Link),
        // A socket, a pipe without a reader, a folder.
        Err(Errno::NXIO | Errno::ISDIR) => return Err(FileProblem::NotAFile),
        Err(Errno::ACCESS) => return Err(unreadable(&folder, name, euid)),
        Err(err) => return Err(err.into()),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(FileProblem::NotAFile);
    }
    let was_readable = check(&file, &meta, euid, rule)?;
    Ok(Some(Opened {
        file,
        meta,
        was_readable,
    }))
}

/// Opens the program's own file `name` in `folder`, to read it and write into it. It
/// is made, empty and of mode 0600, if it does not exist.
pub(super) fn make_writable(
    folder: impl AsFd,
    name: impl Arg + Copy,
    euid: u32,
) -> Result<Opened, FileProblem> {
    let rule = Rule::Own(TooOpen::Corrected);
    if let Some(opened) = open(&folder, name, true, euid, rule)? {
        return Ok(opened);
    }
    let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    match openat(&folder, name, flags, Mode::RUSR | Mode::WUSR) {
        Ok(_) | Err(Errno::EXIST) => {}
        Err(err) => return Err(err.into()),
    }
    open(folder, name, true, euid, rule)?.ok_or(FileProblem::Missing)
}

/// Refuses a file that breaks the rule. Returns whether its mode was corrected.
fn check(file: &File, meta: &Metadata, euid: u32, rule: Rule) -> Result<bool, FileProblem> {
    let owners = Owners::new(euid);
    let (access, at) = (Access::from(meta), At::Fd(file.as_fd()));
    // It has no name if it was replaced or removed after it was opened.
    let has_names = meta.nlink() > 1;
    match rule {
        Rule::Own(_) if has_names => Err(FileProblem::Names),
        Rule::Own(too_open) => make_private(access, file.as_fd(), euid, 0o600, too_open),
        Rule::Public => {
            owners.check_owner(access.uid)?;
            owners.check_writers(access, at, access.mode & 0o755)?;
            Ok(false)
        }
        Rule::Secret { is_shut_in } => {
            owners.check_owner(access.uid)?;
            owners.check_writers(access, at, 0o600)?;
            if has_names {
                return Err(FileProblem::Names);
            }
            match !is_shut_in && owners.others_can(READ, access, at) {
                true => Err(access.readable(0o600)),
                false => Ok(false),
            }
        }
    }
}

/// Why permission for a file was denied: because of its owner and mode, or of a folder
/// above it.
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

impl Opened {
    /// Reads the file. More than `limit` bytes are refused before they are read.
    pub(crate) fn read(&self, limit: usize) -> Result<Vec<u8>, FileProblem> {
        let length = usize::try_from(self.meta.len()).unwrap_or(usize::MAX);
        if length > limit {
            return Err(FileProblem::TooLarge(limit));
        }
        let mut bytes = Vec::with_capacity(length);
        // With the length as limit, no second call is needed to find the end.
        let mut file = (&self.file).take(self.meta.len());
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Who may list a folder or read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Readers {
    Anybody,
    /// Only trusted users.
    Trusted,
}

/// Opens the folder `name` in `parent`, which may not be a symbolic link; `None`
/// if it does not exist.
pub(crate) fn open_folder(
    parent: impl AsFd,
    name: impl Arg + Copy,
) -> Result<Option<OwnedFd>, FileProblem> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(&parent, name, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP) => Err(FileProblem::Link),
        // The kernel also returns this error for a symbolic link.
        Err(Errno::NOTDIR) => {
            let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
            let is_link = |mode| FileType::from_raw_mode(mode) == FileType::Symlink;
            match stat.is_ok_and(|stat| is_link(stat.st_mode)) {
                true => Err(FileProblem::Link),
                false => Err(FileProblem::NotAFolder),
            }
        }
        Err(err) => Err(err.into()),
    }
}

/// Opens the folder `name` in `parent`. It is made, mode 0700, if it does not
/// exist.
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

/// Refuses a folder that does not belong to `euid` or that others can write. If only
/// trusted users may read it, a mode that lets others read it is corrected.
pub(super) fn check_folder(
    folder: &OwnedFd,
    euid: u32,
    readers: Readers,
) -> Result<(), FileProblem> {
    let (access, fd) = (Access::from(&fstat(folder)?), folder.as_fd());
    match readers {
        Readers::Anybody => Owners::new(euid).check_own(access, At::Fd(fd), 0o700),
        Readers::Trusted => make_private(access, fd, euid, 0o700, TooOpen::Corrected).map(|_| ()),
    }
}

/// Refuses a file or folder that does not belong to `euid` or that others can write. If
/// others can read it, its mode is corrected, or it is refused with the advice to set the
/// mode `wanted`. Returns whether the mode was corrected.
fn make_private(
    access: Access,
    fd: BorrowedFd<'_>,
    euid: u32,
    wanted: u32,
    too_open: TooOpen,
) -> Result<bool, FileProblem> {
    Owners::new(euid).check_own(access, At::Fd(fd), wanted)?;
    if access.mode & 0o077 == 0 {
        return Ok(false);
    }
    let private = Mode::from_raw_mode(access.mode & 0o7700);
    if too_open == TooOpen::Refused || fchmod(fd, private).is_err() {
        return Err(access.readable(wanted));
    }
    // A file system without modes, such as FAT, may report success.
    let mode = fstat(fd)?.st_mode;
    if mode & 0o077 != 0 {
        return Err(access.readable(wanted));
    }
    let path = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    let path = path.unwrap_or_else(|_| "a file of this program".into());
    log(format_args!(
        "{}: other users could read it; its mode was {:04o} and is now {:04o}",
        path.display(),
        access.mode & 0o7777,
        mode & 0o7777
    ));
    Ok(true)
}
