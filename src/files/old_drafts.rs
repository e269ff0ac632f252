//! Temporary files that killed processes left in a folder of the owner's, in which
//! other programs have files too.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};

use super::private::{UNFINISHED, for_each_name};

/// Seconds after which a temporary file is one that a killed process left: none is
/// written for as long.
const MAX_AGE: i64 = 3600;

/// Removes the temporary files of the user `euid` in `folder` that are more than an
/// hour older than the folder's last change.
pub(super) fn remove(folder: &OwnedFd, euid: u32) -> rustix::io::Result<()> {
    // It was changed just now, by the same clock.
    let now = fstat(folder)?.st_mtime;
    let is_old = |stat: &Stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == euid
            && now.saturating_sub(stat.st_mtime) > MAX_AGE
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let names = openat(folder.as_fd(), ".", flags, Mode::empty())?;
    for_each_name(names, |name| {
        if is_temporary(name) && is_old(&statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?) {
            unlinkat(folder, name, AtFlags::empty())?;
        }
        Ok(())
    })
}

/// Whether [`Draft`](super::private::Draft) makes such names.
fn is_temporary(name: &CStr) -> bool {
    let digits = name.to_bytes().strip_prefix(UNFINISHED.as_bytes());
    digits.is_some_and(|digits| {
        digits.len() == 16
            && digits
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}
