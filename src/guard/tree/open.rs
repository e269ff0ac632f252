//! Opens one name in an open folder. No call here follows a symbolic link, and no name
//! leads out of the folder.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat, openat, openat2, readlinkat, statat};
use rustix::io::{Errno, retry_on_intr};

/// By which system call names are opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenBy {
    /// `openat2`, which refuses a path that leaves the folder. If the kernel has none (before
    /// Linux 5.6) or a container forbids it, `openat` does it.
    Openat2,
    /// `openat`, with `O_NOFOLLOW` and one name at a time.
    Openat,
}

impl OpenBy {
    /// Opens `name` in `folder`, only to look at it. It may be of any type, also a symbolic
    /// link. This has no effect on a device or a pipe.
    pub(super) fn look(self, folder: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
        self.open(folder.as_fd(), name, OFlags::PATH)
    }

    /// Opens the file `name` in `folder` for reading. This does not wait for a pipe.
    pub(super) fn read(self, folder: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        self.open(folder.as_fd(), name, flags)
    }

    /// Opens an open folder once more, to list its names.
    pub(super) fn list(self, folder: impl AsFd) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        self.open(folder.as_fd(), b".", flags)
    }

    fn open(self, folder: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self == Self::Openat2 {
            let resolve =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            let open = || openat2(folder, name, flags, Mode::empty(), resolve);
            match retry_on_intr(open) {
                Err(Errno::NOSYS | Errno::PERM) => {}
                opened => return opened,
            }
        }
        retry_on_intr(|| openat(folder, name, flags, Mode::empty()))
    }
}

/// The metadata of `name` in `folder`, which may be a symbolic link.
pub(super) fn stat(folder: impl AsFd, name: &[u8]) -> Result<Stat, Errno> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// The target of an open symbolic link.
pub(super) fn target(link: &OwnedFd) -> Result<Vec<u8>, Errno> {
    readlinkat(link, c"", Vec::new()).map(CString::into_bytes)
}
