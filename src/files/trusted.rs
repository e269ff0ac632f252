//! Which paths are trusted: one rule for the state folder, keys, settings,
//! sessions, revocation marks and templates.
//!
//! A path is trusted if nobody else can decide what lies there. Trusted are
//! root, the effective user, and the owner of the executable: without suEXEC a
//! program runs as the web server's user, and its owner could replace it anyway.
//!
//! So every component of the path is looked at, from the root on, and so is
//! every symbolic link, both where it lies and where it leads:
//!
//! - it belongs to a trusted user;
//! - if it is a folder, nobody else can write it. A folder with the sticky bit
//!   may be writable, as only its own owner and the owner of an entry can
//!   replace that entry; but then the entry has to be there already.
//!
//! A group that can write counts as others, unless it is the owner's own: its
//! number is that of the user, and neither `/etc/group` nor `/etc/passwd` gives
//! it another member. What lies on a read-only mount cannot be written.
//!
//! [`TrustedFolder`] and [`TrustedFile`] are made here only, so that nothing is
//! opened by a path that was not checked.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    CWD, Mode, OFlags, StatVfsMountFlags, fgetxattr, fstatvfs, lgetxattr, openat, statvfs,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::private::TooOpen;
use super::{FileError, FileProblem, accounts, private};

/// Symbolic links in one path; the kernel follows as many.
const MAX_LINKS: usize = 40;

/// Bytes of an access control list: 500 entries.
const MAX_ACL: usize = 4 + 8 * 500;

const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const SEARCH: u32 = 0o1;

/// The caller's own rules about where something lies.
pub(crate) trait Place {
    /// Why nothing may lie in this folder, which is on the way.
    fn refuses_folder(&self, path: &Path, folder: &Metadata) -> Option<FileProblem>;

    /// Why nothing may lie at this path, or be reached by a symbolic link in
    /// this folder.
    fn refuses_path(&self, path: &Path) -> Option<FileProblem>;
}

/// A [`Place`] without rules.
pub(crate) struct Anywhere;

impl Place for Anywhere {
    fn refuses_folder(&self, _: &Path, _: &Metadata) -> Option<FileProblem> {
        None
    }

    fn refuses_path(&self, _: &Path) -> Option<FileProblem> {
        None
    }
}

/// A folder with a trusted way to it. It need not exist.
#[derive(Clone, Debug)]
pub(crate) struct TrustedFolder {
    path: PathBuf,
    euid: u32,
    /// The folder itself, or the last one on the way that existed, when it was
    /// found; `None` if it is looked at only when it is opened.
    nearest: Option<Metadata>,
    /// Names at the end of the path that did not exist.
    missing: usize,
}

/// A folder of the program's own files that nobody else may look into (sessions,
/// revocation marks), or why there is none.
#[derive(Clone, Debug)]
pub(crate) struct PrivateFolder {
    found: Result<TrustedFolder, FileError>,
    path: PathBuf,
    euid: u32,
}

impl PrivateFolder {
    /// Follows `path`, an absolute one, to a folder that exists or not.
    pub(crate) fn find(path: PathBuf, euid: u32) -> Self {
        let found = TrustedFolder::find(&path, euid, &Anywhere);
        Self { found, path, euid }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn euid(&self) -> u32 {
        self.euid
    }

    /// Opens it; `None` if it does not exist.
    pub(crate) fn open(&self) -> Result<Option<OwnedFd>, FileError> {
        self.found
            .as_ref()
            .map_err(Clone::clone)?
            .open(Readers::Trusted)
    }

    /// Opens it. It is made, mode 0700, with the folders above it, if it does not
    /// exist.
    pub(crate) fn make(&self) -> Result<OwnedFd, FileError> {
        self.found
            .as_ref()
            .map_err(Clone::clone)?
            .make(Readers::Trusted)
    }
}

impl From<TrustedFolder> for PrivateFolder {
    fn from(folder: TrustedFolder) -> Self {
        Self {
            path: folder.path.clone(),
            euid: folder.euid,
            found: Ok(folder),
        }
    }
}

/// A file with a trusted way to it. It existed when it was found.
#[derive(Clone, Debug)]
pub(crate) struct TrustedFile {
    /// As it was asked for.
    named: PathBuf,
    /// Where symbolic links lead.
    path: PathBuf,
    euid: u32,
    /// Whether a folder on the way keeps everybody else out.
    is_shut_in: bool,
}

/// Who may read a file, or look into a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Readers {
    Anybody,
    /// It is secret: nobody but trusted users.
    Trusted,
}

/// A regular file, and what it was when it was opened. Who may write it puts
/// another one in its place, and never writes into it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) meta: Metadata,
    /// Whether others could read it, in spite of what it should be, until its
    /// mode was corrected just now.
    pub(crate) was_readable: bool,
}

impl TrustedFolder {
    /// Follows `path`, an absolute one, to a folder that exists or not.
    pub(crate) fn find(path: &Path, euid: u32, place: &dyn Place) -> Result<Self, FileError> {
        let owners = Owners::new(euid);
        let mut walk = Walk::new(&owners, place);
        walk.along(path)?;
        let nearest = walk.found.pop();
        if nearest.as_ref().is_none_or(|meta| !meta.is_dir()) {
            return Err(FileError::new(path, FileProblem::NotAFolder));
        }
        Ok(Self {
            path: walk.path,
            euid,
            nearest,
            missing: walk.missing,
        })
    }

    /// The program's own folder `name` in this one, which is its own, too. It is
    /// looked at when it is opened.
    pub(crate) fn own_subfolder(&self, name: &str) -> Self {
        Self {
            path: self.path.join(name),
            euid: self.euid,
            nearest: None,
            missing: 0,
        }
    }

    /// Its path, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn euid(&self) -> u32 {
        self.euid
    }

    /// How many names at the end of the path did not exist when it was found.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    /// Refuses a folder in which the program cannot keep its own files: it has
    /// to belong to the effective user, and nobody else may write it, not even
    /// with a sticky bit.
    ///
    /// Such a mode is not corrected, as it may have been used: others may have
    /// renamed a file there, which does not change its owner. A settings file
    /// whose text they know is then called `secret_key`.
    pub(crate) fn check_own(&self) -> Result<(), FileError> {
        let Some(folder) = self.nearest.as_ref().filter(|_| self.missing == 0) else {
            return Ok(());
        };
        let owners = Owners::new(self.euid);
        let problem = if folder.uid() != self.euid {
            owners.stranger(folder.uid())
        } else if owners.others_can(WRITE, folder.into(), At::Path(&self.path)) {
            writable(folder.mode(), 0o700)
        } else {
            return Ok(());
        };
        Err(FileError::new(&self.path, problem))
    }

    /// Refuses a folder that does not exist and that the effective user cannot
    /// make.
    pub(crate) fn check_makeable(&self) -> Result<(), FileError> {
        let (Some(nearest), Some(at)) = (&self.nearest, self.path.ancestors().nth(self.missing))
        else {
            return Ok(());
        };
        if self.missing == 0 || self.euid == 0 || nearest.uid() == self.euid {
            return Ok(());
        }
        let problem = Owners::new(self.euid).stranger(nearest.uid());
        Err(FileError::on_the_way(&self.path, at, problem))
    }

    /// Opens it, if it exists and is the program's own, and nobody else can write
    /// it, or look into it if `readers` are trusted ones only.
    pub(crate) fn open(&self, readers: Readers) -> Result<Option<OwnedFd>, FileError> {
        let folder = private::open_folder(CWD, &self.path).and_then(|folder| {
            if let Some(folder) = &folder {
                private::check_folder(folder, self.euid, readers)?;
            }
            Ok(folder)
        });
        folder.map_err(|problem| FileError::new(&self.path, problem))
    }

    /// Opens it as [`TrustedFolder::open`] does. It is made, mode 0700, with the
    /// folders above it, if it does not exist.
    pub(crate) fn make(&self, readers: Readers) -> Result<OwnedFd, FileError> {
        if let Some(folder) = self.open(readers)? {
            return Ok(folder);
        }
        let mut folders = DirBuilder::new();
        let made = folders.recursive(true).mode(0o700).create(&self.path);
        made.map_err(|err| FileError::new(&self.path, err))?;
        let missing = || FileError::new(&self.path, FileProblem::Missing);
        self.open(readers)?.ok_or_else(missing)
    }

    /// Opens the program's own file `name` in it, which nobody else may read;
    /// `None` if there is none.
    pub(crate) fn open_own(
        &self,
        name: &str,
        too_open: TooOpen,
    ) -> Result<Option<Opened>, FileError> {
        let path = self.path.join(name);
        let open = || private::open_if(CWD, &path, false, self.euid, too_open);
        let file = match open() {
            Err(FileProblem::Names) => {
                self.remove_second_name(name);
                open()
            }
            file => file,
        };
        file.map_err(|problem| FileError::new(&path, problem))
    }

    fn remove_second_name(&self, name: &str) {
        if let Ok(Some(folder)) = self.open(Readers::Anybody) {
            private::remove_second_name(folder, name);
        }
    }

    /// Opens the file `name` in it, which everybody may read (settings); `None`
    /// if there is none. It may be a symbolic link.
    pub(crate) fn open_public(&self, name: &str) -> Result<Option<Opened>, FileError> {
        let path = self.path.join(name);
        match open(CWD, &path, OFlags::RDONLY) {
            Ok(opened) => {
                let checked = opened.check_public(&path, self.euid);
                checked.map_err(|problem| FileError::new(&path, problem))?;
                Ok(Some(opened))
            }
            Err(FileProblem::Missing) => Ok(None),
            Err(FileProblem::Link) => {
                let file = TrustedFile::find(&path, self.euid, &Anywhere)?;
                file.open(Readers::Anybody).map(Some)
            }
            Err(problem) => Err(FileError::new(&path, explained(problem, &path, self.euid))),
        }
    }

    /// Opens the file `name`, one or more names below this folder, which
    /// everybody may read (templates); `None` if there is none. Neither the file
    /// nor a folder on the way from here may be a symbolic link.
    pub(crate) fn open_below(&self, name: &Path) -> Result<Option<Opened>, FileError> {
        let Some(folder) = self.nearest.as_ref().filter(|_| self.missing == 0) else {
            return Ok(None);
        };
        let owners = Owners::new(self.euid);
        let mut walk = Walk::new(&owners, &Anywhere);
        walk.path.push(&self.path);
        walk.found.push(folder.clone());
        let path = self.path.join(name);
        let followed = walk.follow(name);
        followed.map_err(|problem| FileError::on_the_way(&path, &walk.path, problem))?;
        if walk.path != path {
            return Err(FileError::new(&path, FileProblem::Link));
        }
        if walk.missing > 0 {
            return Ok(None);
        }
        let file = TrustedFile {
            named: path,
            path: walk.path,
            euid: self.euid,
            is_shut_in: false,
        };
        file.open(Readers::Anybody).map(Some)
    }
}

impl TrustedFile {
    /// Follows `path`, an absolute one, to a file.
    pub(crate) fn find(path: &Path, euid: u32, place: &dyn Place) -> Result<Self, FileError> {
        let owners = Owners::new(euid);
        let mut walk = Walk::new(&owners, place);
        walk.along(path)?;
        if walk.missing > 0 {
            return Err(FileError::new(path, FileProblem::Missing));
        }
        Ok(Self {
            named: path.to_owned(),
            is_shut_in: walk.shuts_in(),
            path: walk.path,
            euid,
        })
    }

    /// The path that it was found by.
    pub(crate) fn named(&self) -> &Path {
        &self.named
    }

    /// Opens it, if it is a regular file that a trusted user owns and nobody
    /// else can write. One that is secret has no second name, and nobody else
    /// can read it or enter its folder.
    pub(crate) fn open(&self, readers: Readers) -> Result<Opened, FileError> {
        let outcome = open(CWD, &self.path, OFlags::RDONLY)
            .map_err(|problem| explained(problem, &self.path, self.euid))
            .and_then(|opened| {
                opened.check_public(&self.path, self.euid)?;
                if readers == Readers::Trusted {
                    self.check_secret(&opened.meta)?;
                }
                Ok(opened)
            });
        outcome.map_err(|problem| FileError::on_the_way(&self.named, &self.path, problem))
    }

    fn check_secret(&self, meta: &Metadata) -> Result<(), FileProblem> {
        let owners = Owners::new(self.euid);
        if meta.nlink() > 1 {
            return Err(FileProblem::Names);
        }
        if !self.is_shut_in && owners.others_can(READ, meta.into(), At::Path(&self.path)) {
            return Err(readable(meta.mode(), 0o600));
        }
        Ok(())
    }
}

/// Opens the file `name` in `folder`; `access` is for reading, or writing, too.
/// Nothing here waits, whatever lies there.
pub(super) fn open(
    folder: impl AsFd,
    name: impl Arg,
    access: OFlags,
) -> Result<Opened, FileProblem> {
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&folder, name, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::LOOP) => return Err(FileProblem::Link),
        // A socket, a pipe without a reader, a folder.
        Err(Errno::NXIO | Errno::ISDIR) => return Err(FileProblem::NotAFile),
        Err(err) => return Err(err.into()),
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(FileProblem::NotAFile);
    }
    Ok(Opened {
        file,
        meta,
        was_readable: false,
    })
}

impl Opened {
    /// All of it; more than `limit` bytes are refused, unread.
    pub(crate) fn read(&self, limit: usize) -> Result<Vec<u8>, FileProblem> {
        let length = usize::try_from(self.meta.len()).unwrap_or(usize::MAX);
        if length > limit {
            return Err(FileProblem::TooLarge(limit));
        }
        let mut bytes = Vec::with_capacity(length);
        // That far, and no read more to be told of the end.
        let mut file = (&self.file).take(self.meta.len());
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn check_public(&self, path: &Path, euid: u32) -> Result<(), FileProblem> {
        let owners = Owners::new(euid);
        if !owners.trusts(self.meta.uid()) {
            return Err(owners.stranger(self.meta.uid()));
        }
        if owners.others_can(WRITE, (&self.meta).into(), At::Path(path)) {
            let mode = self.meta.mode();
            return Err(writable(mode, mode & 0o755));
        }
        Ok(())
    }
}

/// Refuses the program's own file or folder if it is not its own, or if others
/// can write it. It should have the mode `wanted`.
pub(super) fn check_own(
    access: Access,
    fd: BorrowedFd<'_>,
    euid: u32,
    wanted: u32,
) -> Result<(), FileProblem> {
    let owners = Owners::new(euid);
    if access.uid != euid {
        Err(owners.stranger(access.uid))
    } else if owners.others_can(WRITE, access, At::Fd(fd)) {
        Err(writable(access.mode, wanted))
    } else {
        Ok(())
    }
}

fn writable(mode: u32, wanted: u32) -> FileProblem {
    let mode = mode & 0o7777;
    FileProblem::Writable { mode, wanted }
}

pub(super) fn readable(mode: u32, wanted: u32) -> FileProblem {
    let mode = mode & 0o7777;
    FileProblem::Readable { mode, wanted }
}

/// `problem`, with the reason why the file in `path` may not be opened.
pub(super) fn explained(problem: FileProblem, path: &Path, euid: u32) -> FileProblem {
    match (problem, std::fs::symlink_metadata(path)) {
        (FileProblem::System(Errno::ACCESS), Ok(meta)) => FileProblem::Unreadable {
            owner: meta.uid(),
            mode: meta.mode() & 0o7777,
            euid,
        },
        (problem, _) => problem,
    }
}

/// A path, followed component by component.
struct Walk<'w> {
    owners: &'w Owners,
    place: &'w dyn Place,
    /// As far as it was followed, without symbolic links.
    path: PathBuf,
    /// What each component of `path` is, as far as it exists.
    found: Vec<Metadata>,
    /// Names at the end of `path` that do not exist.
    missing: usize,
    /// The folders that hold the symbolic links that were followed.
    links: Vec<PathBuf>,
}

impl<'w> Walk<'w> {
    fn new(owners: &'w Owners, place: &'w dyn Place) -> Self {
        Self {
            owners,
            place,
            path: PathBuf::with_capacity(256),
            found: Vec::with_capacity(16),
            missing: 0,
            links: Vec::new(),
        }
    }

    /// Follows `path`, an absolute one.
    fn along(&mut self, path: &Path) -> Result<(), FileError> {
        let outcome = self.follow(path).and_then(|()| {
            let is_file = self.missing == 0 && !self.found.last().is_some_and(Metadata::is_dir);
            let end = match self.path.parent() {
                Some(folder) if is_file => folder,
                _ => &self.path,
            };
            let mut places = self.links.iter().map(PathBuf::as_path).chain([end]);
            let refused = places.find_map(|path| self.place.refuses_path(path));
            refused.map_or(Ok(()), Err)
        });
        outcome.map_err(|problem| FileError::on_the_way(path, &self.path, problem))
    }

    /// Goes on along `path` from here, or from the root if it is absolute.
    fn follow(&mut self, path: &Path) -> Result<(), FileProblem> {
        for part in path.components() {
            match part {
                Component::Prefix(_) | Component::CurDir => {}
                Component::RootDir => {
                    self.found.clear();
                    self.path.push("/");
                    let root = std::fs::symlink_metadata("/")?;
                    self.enter(root)?;
                }
                // Of a name that does not exist, nobody knows what it will be.
                Component::ParentDir if self.missing > 0 => return Err(FileProblem::Missing),
                Component::ParentDir if self.found.len() > 1 => {
                    self.found.pop();
                    self.path.pop();
                }
                Component::ParentDir => {}
                Component::Normal(name) => {
                    if let Some(target) = self.step(name)? {
                        self.follow(&target)?;
                        if self.missing > 0 {
                            return Err(FileProblem::Missing);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes on to `name`. If that is a symbolic link, says where it leads.
    fn step(&mut self, name: &OsStr) -> Result<Option<PathBuf>, FileProblem> {
        if self.missing > 0 {
            self.missing += 1;
            self.path.push(name);
            return Ok(None);
        }
        let Some(folder) = self.found.last().filter(|meta| meta.is_dir()) else {
            return Err(FileProblem::NotAFolder);
        };
        // If so, it has the sticky bit.
        let at = At::Path(&self.path);
        let others_add = self.owners.others_can(WRITE, folder.into(), at);
        self.path.push(name);
        let meta = match std::fs::symlink_metadata(&self.path) {
            Ok(meta) => meta,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                if others_add {
                    self.path.pop();
                    return Err(writable(folder.mode(), folder.mode() & 0o755));
                }
                self.missing = 1;
                return Ok(None);
            }
            Err(err) => return Err(err.into()),
        };
        if meta.is_dir() {
            self.enter(meta)?;
            return Ok(None);
        }
        // They may have given a second name to a file of a trusted user.
        if others_add && meta.nlink() > 1 {
            return Err(FileProblem::Names);
        }
        if !meta.is_symlink() {
            self.found.push(meta);
            return Ok(None);
        }
        if !self.owners.trusts(meta.uid()) {
            return Err(self.owners.stranger(meta.uid()));
        }
        if self.links.len() == MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        let target = std::fs::read_link(&self.path)?;
        self.path.pop();
        self.links.push(self.path.clone());
        Ok(Some(target))
    }

    fn enter(&mut self, folder: Metadata) -> Result<(), FileProblem> {
        if let Some(problem) = self.place.refuses_folder(&self.path, &folder) {
            return Err(problem);
        }
        if !self.owners.trusts(folder.uid()) {
            return Err(self.owners.stranger(folder.uid()));
        }
        let (access, at) = (Access::from(&folder), At::Path(&self.path));
        let is_sticky = access.mode & 0o1000 != 0;
        if !is_sticky && self.owners.others_can(WRITE, access, at) {
            return Err(writable(access.mode, access.mode & 0o755));
        }
        self.found.push(folder);
        Ok(())
    }

    /// Whether a folder keeps everybody else from what was found last. Only
    /// asked for what everybody else could read.
    fn shuts_in(&self) -> bool {
        let Some((file, folders)) = self.found.split_last() else {
            return false;
        };
        let mut folders = folders.iter().rev().zip(self.path.ancestors().skip(1));
        file.mode() & 0o077 != 0
            && folders
                .any(|(meta, path)| !self.owners.others_can(SEARCH, meta.into(), At::Path(path)))
    }
}

/// Who may do what with a file or folder.
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

/// The owner of the file that is running; `None` where `/proc` is missing.
pub(crate) fn program_owner() -> Option<u32> {
    Some(std::fs::metadata("/proc/self/exe").ok()?.uid())
}

/// Who is trusted.
struct Owners {
    euid: u32,
    /// The owner of the executable, who is asked for only if somebody else than
    /// root and the effective user owns something.
    program: OnceCell<Option<u32>>,
}

impl Owners {
    fn new(euid: u32) -> Self {
        let program = OnceCell::new();
        Self { euid, program }
    }

    fn trusts(&self, uid: u32) -> bool {
        uid == self.euid || uid == 0 || *self.program.get_or_init(program_owner) == Some(uid)
    }

    fn stranger(&self, owner: u32) -> FileProblem {
        let euid = self.euid;
        FileProblem::Owner { owner, euid }
    }

    /// Whether anybody who is not trusted has the `right` to it.
    fn others_can(&self, right: u32, access: Access, at: At<'_>) -> bool {
        let everybody = access.mode & right != 0;
        let group = access.mode & right << 3 != 0;
        (everybody || (group && self.others_in_group(right, access, at)))
            && !(right == WRITE && at.is_read_only())
    }

    /// Whether somebody who is not trusted has the `right` that the group's bits
    /// give. With an access control list these are the most that it gives to
    /// anybody it names.
    fn others_in_group(&self, right: u32, access: Access, at: At<'_>) -> bool {
        let others_in = |gid: u32| {
            // Root has no group of its own that others would not be in; whom it
            // lets read, it chose.
            let is_own = gid == access.uid || (right != WRITE && access.uid == 0);
            // Unread, they may list anybody.
            !is_own || accounts::has_outsiders(gid, |uid| self.trusts(uid)).unwrap_or(true)
        };
        let entries = match at.access_control_list() {
            Ok(None) => return others_in(access.gid),
            Ok(Some(entries)) => entries,
            Err(_) => return true,
        };
        let mask = entries.iter().find(|entry| entry.tag == Entry::MASK);
        let most = mask.map_or(0o7, |mask| mask.rights);
        let entries = entries.iter();
        let mut given = entries.filter(|entry| entry.rights & most & right != 0);
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

/// How a file or folder is asked about.
#[derive(Clone, Copy)]
enum At<'a> {
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

    /// `None` if there is no more than the mode.
    fn access_control_list(self) -> Result<Option<Vec<Entry>>, Errno> {
        const NAME: &str = "system.posix_acl_access";
        let mut bytes = [0; MAX_ACL];
        let length = match self {
            Self::Path(path) => lgetxattr(path, NAME, &mut bytes[..]),
            Self::Fd(fd) => fgetxattr(fd, NAME, &mut bytes[..]),
        };
        let length = match length {
            Ok(length) => length,
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(None),
            Err(err) => return Err(err),
        };
        // A version number, then the entries, in the byte order of all Linux
        // file systems: little-endian.
        let entries = bytes[..length].get(4..).unwrap_or_default();
        let entries = entries.chunks_exact(8).map(|entry| Entry {
            tag: u16::from_le_bytes([entry[0], entry[1]]),
            rights: u16::from_le_bytes([entry[2], entry[3]]).into(),
            id: u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]),
        });
        Ok(Some(entries.collect()))
    }
}
