//! Which users are trusted, and the permissions of all other users for a file or folder.

use std::cell::OnceCell;
use std::fs::Metadata;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Stat, StatVfsMountFlags, fgetxattr, fstat, fstatvfs, lgetxattr, statvfs};
use rustix::io::Errno;

use super::{FileProblem, accounts};

/// The most bytes of an access control list: 500 entries.
const MAX_ACL: usize = 4 + 8 * 500;

pub(super) const READ: u32 = 0o4;
pub(super) const WRITE: u32 = 0o2;
pub(super) const SEARCH: u32 = 0o1;

/// Owner, group and mode of a file or folder.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

impl From<&Metadata> for Access {
    fn from(meta: &Metadata) -> Self {
        Self {
            uid: meta.uid(),
            gid: meta.gid(),
            mode: meta.mode(),
        }
    }
}

impl From<&Stat> for Access {
    fn from(stat: &Stat) -> Self {
        Self {
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: stat.st_mode,
        }
    }
}

impl Access {
    /// The error that others can write it, with the mode that it should have.
    pub(super) fn writable(self, wanted: u32) -> FileProblem {
        let mode = self.mode & 0o7777;
        FileProblem::Writable { mode, wanted }
    }

    /// The error that others can read it, with the mode that it should have.
    pub(super) fn readable(self, wanted: u32) -> FileProblem {
        let mode = self.mode & 0o7777;
        FileProblem::Readable { mode, wanted }
    }
}

/// The file that is running.
pub(crate) const PROGRAM: &str = "/proc/self/exe";

/// The path of the file that is running; `None` where `/proc` is missing.
pub(crate) fn program_path() -> Option<PathBuf> {
    std::fs::read_link(PROGRAM).ok()
}

/// The owner of the file that is running; `None` where `/proc` is missing.
pub(crate) fn program_owner() -> Option<u32> {
    Some(std::fs::metadata(PROGRAM).ok()?.uid())
}

/// The trusted users: root, the effective user, and the owner of the executable.
pub(crate) struct Owners {
    euid: u32,
    /// The owner of the executable, looked up only if somebody else than root and
    /// the effective user owns something.
    program: OnceCell<Option<u32>>,
}

impl Owners {
    pub(crate) fn new(euid: u32) -> Self {
        let program = OnceCell::new();
        Self { euid, program }
    }

    pub(crate) fn trusts(&self, uid: u32) -> bool {
        uid == self.euid || uid == 0 || *self.program.get_or_init(program_owner) == Some(uid)
    }

    /// Refuses a file or folder that belongs to an untrusted user.
    pub(super) fn check_owner(&self, owner: u32) -> Result<(), FileProblem> {
        match self.trusts(owner) {
            true => Ok(()),
            false => Err(self.other_owner(owner)),
        }
    }

    /// The error that it belongs to `owner`.
    pub(super) fn other_owner(&self, owner: u32) -> FileProblem {
        let euid = self.euid;
        FileProblem::Owner { owner, euid }
    }

    /// Refuses the program's own file or folder if it belongs to another user, trusted or
    /// not, or if others can write it. It should have the mode `wanted`.
    ///
    /// A mode that lets others write is not corrected, because others may already have
    /// used it: renaming a file in the folder does not change its owner. They could
    /// give a settings file whose text they know the name `secret_key`.
    pub(super) fn check_own(
        &self,
        access: Access,
        at: At<'_>,
        wanted: u32,
    ) -> Result<(), FileProblem> {
        match access.uid == self.euid {
            true => self.check_writers(access, at, wanted),
            false => Err(self.other_owner(access.uid)),
        }
    }

    /// Refuses a file or folder that others can write. It should have the mode `wanted`.
    pub(super) fn check_writers(
        &self,
        access: Access,
        at: At<'_>,
        wanted: u32,
    ) -> Result<(), FileProblem> {
        match self.others_can(WRITE, access, at) {
            true => Err(access.writable(wanted)),
            false => Ok(()),
        }
    }

    /// Whether untrusted users can write an open folder: one of them owns it, or its mode
    /// or access control list lets them.
    pub(crate) fn others_can_write(&self, folder: BorrowedFd<'_>) -> Result<bool, Errno> {
        let access = Access::from(&fstat(folder)?);
        Ok(!self.trusts(access.uid) || self.others_can(WRITE, access, At::Fd(folder)))
    }

    /// Whether an untrusted user has the `right` to it.
    pub(super) fn others_can(&self, right: u32, access: Access, at: At<'_>) -> bool {
        let everybody = access.mode & right != 0;
        let group = access.mode & right << 3 != 0;
        (everybody || (group && self.others_in_group(right, access, at)))
            && !(right == WRITE && at.is_read_only())
    }

    /// Whether an untrusted user has the `right` by the group's bits of the mode. If
    /// there is an access control list, no entry of it for a user or a group gives more
    /// rights than these bits.
    fn others_in_group(&self, right: u32, access: Access, at: At<'_>) -> bool {
        let others_in = |gid: u32| {
            // If the file belongs to root, root decides which members of its group may
            // read it.
            let is_own = gid == access.uid || (right != WRITE && access.uid == 0);
            // If the files cannot be read, the group may have any member.
            !is_own || accounts::has_outsiders(gid, |uid| self.trusts(uid)).unwrap_or(true)
        };
        let entries = match at.access_control_list() {
            Ok(None) => return others_in(access.gid),
            Ok(Some(entries)) => entries,
            Err(_) => return true,
        };
        let mask = entries.iter().find(|entry| entry.tag == Entry::MASK);
        let most = mask.map_or(0o7, |mask| mask.rights);
        let mut given = entries
            .iter()
            .filter(|entry| entry.rights & most & right != 0);
        given.any(|entry| match entry.tag {
            Entry::USER => !self.trusts(entry.id),
            Entry::OWNING_GROUP => others_in(access.gid),
            Entry::GROUP => others_in(entry.id),
            _ => false,
        })
    }
}

/// An entry of a POSIX access control list, as Linux stores it.
struct Entry {
    tag: u16,
    rights: u32,
    id: u32,
}

impl Entry {
    const USER: u16 = 0x02;
    const OWNING_GROUP: u16 = 0x04;
    const GROUP: u16 = 0x08;
    const MASK: u16 = 0x10;
}

/// A file or folder, for system calls.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Path(&'a Path),
    Fd(BorrowedFd<'a>),
}

impl At<'_> {
    fn is_read_only(self) -> bool {
        let mount = match self {
            Self::Path(path) => statvfs(path),
            Self::Fd(fd) => fstatvfs(fd),
        };
        mount.is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// `None` if there is no access control list.
    fn access_control_list(self) -> Result<Option<Vec<Entry>>, Errno> {
        const NAME: &str = "system.posix_acl_access";
        // Not on the stack, on which every check would map a page for it.
        let mut bytes = vec![0; MAX_ACL];
        let length = match self {
            Self::Path(path) => lgetxattr(path, NAME, &mut bytes[..]),
            Self::Fd(fd) => fgetxattr(fd, NAME, &mut bytes[..]),
        };
        let length = match length {
            Ok(length) => length,
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(None),
            Err(err) => return Err(err),
        };
        // A version number, then the entries, little-endian on all Linux systems.
        let entries = bytes[..length].get(4..).unwrap_or_default();
        let entries = entries.chunks_exact(8).map(|entry| Entry {
            tag: u16::from_le_bytes([entry[0], entry[1]]),
            rights: u16::from_le_bytes([entry[2], entry[3]]).into(),
            id: u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]),
        });
        Ok(Some(entries.collect()))
    }
}
