//! Replacing a shared file: the checks before, and what the new file takes over.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{
    Access, AtFlags, CWD, Mode, XattrFlags, accessat, fchmod, fchown, fgetxattr, fremovexattr,
    fsetxattr, fstat, fsync,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::{ChangeError, Patience, SharedFile};
use crate::files::open::{self, Opened, Rule};
use crate::files::private::{self, Draft, Placement};
use crate::files::{FileError, FileProblem, lock, old_drafts};

/// The most bytes that are written to see whether there is room.
const MAX_TRIAL: usize = 32 << 20;

/// Bytes of an access control list: 500 entries.
const MAX_ACL: usize = 4 + 8 * 500;
const ACL: &str = "system.posix_acl_access";

/// A file that is about to be replaced.
pub(super) struct Held {
    file: SharedFile,
    folder: OwnedFd,
    name: OsString,
    /// Locked, where there are locks; `None` if it does not exist.
    old: Option<Opened>,
}

impl Held {
    /// Opens its folder and locks it, if it exists and can be replaced.
    pub(super) fn new(shared: &SharedFile, patience: Patience) -> Result<Self, ChangeError> {
        let file = match shared.real {
            None => shared.followed()?,
            Some(_) => shared.clone(),
        };
        let (Some(parent), Some(name)) = (file.real().parent(), file.real().file_name()) else {
            return Err(shared.failed(FileProblem::NotAFile).into());
        };
        let folder = open::open_folder(CWD, parent)
            .and_then(|folder| folder.ok_or(FileProblem::Missing))
            .map_err(|problem| FileError::on_the_way(&shared.path, parent, problem))?;
        let mut held = Self {
            name: name.to_owned(),
            folder,
            old: None,
            file,
        };
        held.old = held.lock(patience)?;
        held.check()?;
        Ok(held)
    }

    fn open(&self) -> Result<Option<Opened>, FileProblem> {
        open::open(
            &self.folder,
            &*self.name,
            true,
            self.file.euid,
            Rule::Public,
        )
    }

    fn lock(&self, patience: Patience) -> Result<Option<Opened>, ChangeError> {
        let attempt = || lock::try_lock_opened(&self.folder, &*self.name, self.open()?);
        let locked = lock::wait(patience.most(), attempt);
        // Without locks, two changes at the same moment are not kept apart.
        let opened = match locked {
            Err(FileProblem::NoLocks) => self.open(),
            locked => locked,
        };
        opened.map_err(|problem| match problem {
            FileProblem::Unreadable { owner, mode, euid } if owner == euid => {
                ChangeError::ReadOnly {
                    path: self.file.real().to_owned(),
                    mode,
                }
            }
            FileProblem::Unreadable { owner, .. } => self.denied(owner),
            problem => self.file.failed(problem).into(),
        })
    }

    /// Refuses what would be something else after it was replaced.
    fn check(&self) -> Result<(), ChangeError> {
        if let Some(Opened { meta, .. }) = &self.old {
            if meta.nlink() > 1 {
                return Err(self.file.failed(FileProblem::Names).into());
            }
            if meta.uid() != self.file.euid && self.file.euid != 0 {
                return Err(self.denied(meta.uid()));
            }
        }
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        match accessat(&self.folder, ".", wanted, AtFlags::EACCESS) {
            // Kernels before 5.8 cannot tell. Then the change itself does.
            Ok(()) | Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Ok(()),
            Err(err) => Err(self.failed(err)),
        }
    }

    pub(super) fn read(&self, limit: usize) -> Result<Vec<u8>, ChangeError> {
        let bytes = self.old.as_ref().map(|old| old.read(limit)).transpose();
        let bytes = bytes.map_err(|problem| self.file.failed(problem))?;
        Ok(bytes.unwrap_or_default())
    }

    /// Puts a file with these bytes in its place; `false` if another program changed
    /// the file since it was opened.
    pub(super) fn replace(&self, bytes: &[u8]) -> Result<bool, ChangeError> {
        let placed = self.write(bytes).and_then(|draft| {
            let placement = match self.old {
                Some(_) => Placement::Replace,
                None => Placement::New,
            };
            if !self.is_unchanged() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            draft.place_synced(&self.folder, &*self.name, placement)
        });
        match placed {
            Ok(()) => {
                // What a killed process left is removed some time later.
                let _ = old_drafts::remove(&self.folder, self.file.euid);
                Ok(true)
            }
            // `private::remove_unfinished` may remove the temporary file.
            Err(err)
                if matches!(
                    err.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                ) =>
            {
                Ok(false)
            }
            Err(err) => Err(self.unwritten(err)),
        }
    }

    /// Writes a file of its size and `growth` bytes more, and removes it again.
    pub(super) fn check_room(&self, growth: usize) -> Result<(), ChangeError> {
        let length = self.old.as_ref().map_or(0, |old| old.meta.len());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = vec![0; length.saturating_add(growth).min(MAX_TRIAL)];
        let trial = Draft::write_synced(&self.folder, &bytes);
        trial.map(|_| ()).map_err(|err| self.unwritten(err))
    }

    fn unwritten(&self, err: io::Error) -> ChangeError {
        match Errno::from_io_error(&err) {
            Some(err) => self.failed(err),
            None => self.file.failed(err).into(),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<Draft<&OwnedFd>> {
        Draft::write(&self.folder, bytes, |file| {
            if let Some(old) = &self.old {
                keep_access(old, file)?;
            }
            private::sync(fsync(file))
        })
    }

    /// Whether the file is still the one that was read: other programs, such as
    /// htpasswd, take no lock.
    fn is_unchanged(&self) -> bool {
        let state = |meta: &Metadata| {
            let change = (meta.ctime(), meta.ctime_nsec());
            (meta.dev(), meta.ino(), meta.len(), change)
        };
        match (&self.old, std::fs::symlink_metadata(self.file.real())) {
            (Some(old), Ok(meta)) => state(&old.meta) == state(&meta),
            (Some(_), Err(_)) => false,
            (None, _) => true,
        }
    }

    /// The error if the system refuses a change. What only privileges allow is up to
    /// root; else it is up to the folder's owner.
    fn failed(&self, err: Errno) -> ChangeError {
        match (err, fstat(&self.folder)) {
            (Errno::PERM, _) => self.denied(0),
            (Errno::ACCESS, Ok(folder)) => self.denied(folder.st_uid),
            (err, _) => self.file.failed(err).into(),
        }
    }

    fn denied(&self, who: u32) -> ChangeError {
        ChangeError::Denied {
            path: self.file.real().to_owned(),
            who,
            euid: self.file.euid,
        }
    }
}

/// Gives the new file the owner, group, mode and access control list of the old one.
fn keep_access(old: &Opened, new: &File) -> io::Result<()> {
    let meta = new.metadata()?;
    if (meta.uid(), meta.gid()) != (old.meta.uid(), old.meta.gid()) {
        let (uid, gid) = (Uid::from_raw(old.meta.uid()), Gid::from_raw(old.meta.gid()));
        match fchown(new, Some(uid), Some(gid)) {
            // A group without rights does not matter.
            Err(Errno::PERM) if old.meta.mode() & 0o070 == 0 && meta.uid() == old.meta.uid() => {}
            outcome => outcome?,
        }
    }
    copy_acl(&old.file, new)?;
    fchmod(new, Mode::from_raw_mode(old.meta.mode() & 0o7777))?;
    Ok(())
}

fn copy_acl(from: impl AsFd, to: impl AsFd) -> io::Result<()> {
    let mut list = [0; MAX_ACL];
    match fgetxattr(from, ACL, &mut list[..]) {
        Ok(length) => Ok(fsetxattr(to, ACL, &list[..length], XattrFlags::empty())?),
        // The new file may have one by the default of its folder.
        Err(Errno::NODATA) => match fgetxattr(&to, ACL, &mut list[..]) {
            Ok(_) => Ok(fremovexattr(to, ACL)?),
            Err(Errno::NODATA) => Ok(()),
            Err(err) => Err(err.into()),
        },
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(err) => Err(err.into()),
    }
}
