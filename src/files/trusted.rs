//! Which paths are trusted: one rule for the state folder, keys, settings,
//! sessions, revocation marks and templates.
//!
//! A path is trusted if only trusted users can decide which file it leads to. Trusted
//! users are root, the effective user, and the owner of the executable: without suEXEC,
//! a program runs as the web server's user, and its owner could replace it anyway.
//!
//! Every component of the path is checked, from the root on, and every symbolic
//! link, both where it is and where it leads:
//!
//! - it belongs to a trusted user;
//! - if it is a folder, nobody else can write it. A folder with the sticky bit
//!   may be writable, as only its own owner and the owner of an entry can
//!   replace that entry; but then the entry has to exist already.
//!
//! A group that can write counts as untrusted, unless it is the owner's own: it has the
//! same number as the user, and neither `/etc/group` nor `/etc/passwd` gives it another
//! member. Files on a read-only mount cannot be written.
//!
//! [`TrustedFolder`] and [`TrustedFile`] can be created in this module only, so that
//! every path is checked before it is opened.

use std::fs::{DirBuilder, File, Metadata, symlink_metadata};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, fsync, openat};

use super::open::{self, Rule, TooOpen};
pub(crate) use super::open::{Opened, Readers};
use super::owners::{At, Owners};
use super::walk::Walk;
pub(crate) use super::walk::{Anywhere, PathRules};
use super::{FileError, FileProblem, join, private};

/// A folder with a trusted path. It need not exist.
#[derive(Clone, Debug)]
pub(crate) struct TrustedFolder {
    path: PathBuf,
    euid: u32,
    /// The folder itself, or the nearest one above it that existed when the path
    /// was followed; `None` for a subfolder that is checked only when it is opened.
    nearest: Option<Metadata>,
    /// The number of names at the end of the path that did not exist then.
    missing: usize,
}

impl TrustedFolder {
    /// Follows `path`, which is absolute, to a folder that exists or not.
    pub(crate) fn find(path: &Path, euid: u32, rules: &dyn PathRules) -> Result<Self, FileError> {
        let owners = Owners::new(euid);
        let mut walk = Walk::new(&owners, rules);
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

    /// The program's own folder `name` in this folder, which is also its own. It is
    /// checked when it is opened.
    pub(crate) fn own_subfolder(&self, name: &str) -> Self {
        Self {
            path: join(&self.path, name),
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

    /// The number of names at the end of the path that did not exist when it was
    /// followed.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    fn existing(&self) -> Option<&Metadata> {
        self.nearest.as_ref().filter(|_| self.missing == 0)
    }

    /// Refuses a folder that is not fit for the program's own files: it must belong to
    /// the effective user, and nobody else may write it, not even with a sticky bit.
    pub(crate) fn check_own(&self) -> Result<(), FileError> {
        let Some(folder) = self.existing() else {
            return Ok(());
        };
        Owners::new(self.euid)
            .check_own(folder.into(), At::Path(&self.path), 0o700)
            .map_err(|problem| FileError::new(&self.path, problem))
    }

    /// Refuses a folder that does not exist and that the effective user cannot create.
    pub(crate) fn check_makeable(&self) -> Result<(), FileError> {
        match (&self.nearest, self.path.ancestors().nth(self.missing)) {
            (Some(nearest), Some(at))
                if self.missing > 0 && self.euid != 0 && nearest.uid() != self.euid =>
            {
                let problem = Owners::new(self.euid).other_owner(nearest.uid());
                Err(FileError::on_the_way(&self.path, at, problem))
            }
            _ => Ok(()),
        }
    }

    /// Opens it; `None` if it does not exist. It must be the program's own, and nobody
    /// else may write it, nor list it if `readers` are only trusted users.
    pub(crate) fn open(&self, readers: Readers) -> Result<Option<OwnedFd>, FileError> {
        let folder = open::open_folder(CWD, &self.path).and_then(|folder| {
            if let Some(folder) = &folder {
                open::check_folder(folder, self.euid, readers)?;
            }
            Ok(folder)
        });
        folder.map_err(|problem| FileError::new(&self.path, problem))
    }

    /// Opens it, whichever trusted user it belongs to, for calls such as `openat`. Others
    /// may read it.
    pub(crate) fn open_to_search(&self) -> Result<OwnedFd, FileError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(CWD, &self.path, flags, Mode::empty()).map_err(|err| FileError::new(&self.path, err))
    }

    /// As [`TrustedFolder::open`]. If it does not exist, it is created with mode 0700,
    /// with the folders above it.
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

    /// As [`TrustedFolder::make`]. Created folders survive a power failure.
    pub(crate) fn make_synced(&self, readers: Readers) -> Result<OwnedFd, FileError> {
        let missing = self.path.ancestors().take_while(|path| !path.exists());
        let missing: Vec<&Path> = missing.collect();
        let folder = self.make(readers)?;
        for parent in missing.into_iter().filter_map(Path::parent) {
            let synced = File::open(parent).and_then(|parent| private::sync(fsync(parent)));
            synced.map_err(|err| FileError::new(parent, err))?;
        }
        Ok(folder)
    }

    fn open_file(&self, path: &Path, rule: Rule) -> Result<Option<Opened>, FileError> {
        open::open(CWD, path, false, self.euid, rule)
            .map_err(|problem| FileError::new(path, problem))
    }

    /// Opens the program's own file `name` in it, which nobody else may read;
    /// `None` if it does not exist.
    pub(crate) fn open_own(
        &self,
        name: &str,
        too_open: TooOpen,
    ) -> Result<Option<Opened>, FileError> {
        let path = join(&self.path, name);
        let opened = self.open_file(&path, Rule::Own(too_open));
        if opened
            .as_ref()
            .is_err_and(|err| err.problem == FileProblem::Names)
            && let Ok(Some(folder)) = self.open(Readers::Anybody)
        {
            private::remove_second_name(folder, name);
            return self.open_file(&path, Rule::Own(too_open));
        }
        opened
    }

    /// Whether [`TrustedFolder::open_own`] opens a file. If nothing is wrong with it, that
    /// takes one system call.
    ///
    /// # Errors
    ///
    /// As those of [`TrustedFolder::open_own`].
    pub(crate) fn has_own(&self, name: &str, too_open: TooOpen) -> Result<bool, FileError> {
        let is_private = |meta: &Metadata| {
            meta.is_file()
                && meta.uid() == self.euid
                && meta.mode() & 0o077 == 0
                && meta.nlink() == 1
        };
        match symlink_metadata(join(&self.path, name)) {
            Ok(meta) if is_private(&meta) => Ok(true),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
            Ok(_) | Err(_) => Ok(self.open_own(name, too_open)?.is_some()),
        }
    }

    /// Opens the program's own file `name` in it, which nobody else may read, to write
    /// into it. It is made, empty and of mode 0600, if it does not exist.
    pub(crate) fn make_writable(&self, name: &str) -> Result<Opened, FileError> {
        let path = self.path.join(name);
        let opened = open::make_writable(CWD, &path, self.euid);
        opened.map_err(|problem| FileError::new(&path, problem))
    }

    /// Opens the file `name` in it, which everybody may read (settings); `None`
    /// if it does not exist. It may be a symbolic link.
    pub(crate) fn open_public(&self, name: &str) -> Result<Option<Opened>, FileError> {
        let path = join(&self.path, name);
        match self.open_file(&path, Rule::Public) {
            Err(err) if err.problem == FileProblem::Link => {
                let file = TrustedFile::find(&path, self.euid, &Anywhere)?;
                file.open(Readers::Anybody).map(Some)
            }
            opened => opened,
        }
    }

    /// Opens the file `name`, one or more names below this folder, which
    /// everybody may read (templates); `None` if it does not exist. Neither the
    /// file nor a folder on the way from here may be a symbolic link.
    pub(crate) fn open_below(&self, name: &Path) -> Result<Option<Opened>, FileError> {
        let Some(folder) = self.existing() else {
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
        self.open_file(&path, Rule::Public)
    }
}

/// Opens the file `name` in an open folder, which everybody may read; `None` if it does not
/// exist. It may not be a symbolic link. The path of the folder is not checked.
pub(crate) fn open_public_in(
    folder: impl AsFd,
    name: &str,
    euid: u32,
) -> Result<Option<Opened>, FileProblem> {
    open::open(folder, name, false, euid, Rule::Public)
}

/// A file with a trusted path. It existed when the path was followed.
#[derive(Clone, Debug)]
pub(crate) struct TrustedFile {
    /// The path that was followed.
    named: PathBuf,
    /// The same without symbolic links.
    path: PathBuf,
    euid: u32,
    /// Whether others cannot enter a folder on the way.
    is_shut_in: bool,
}

impl TrustedFile {
    /// Follows `path`, which is absolute, to a file.
    pub(crate) fn find(path: &Path, euid: u32, rules: &dyn PathRules) -> Result<Self, FileError> {
        let owners = Owners::new(euid);
        let mut walk = Walk::new(&owners, rules);
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

    /// Opens it, if it is a regular file that belongs to a trusted user and that nobody
    /// else can write. If `readers` are only trusted users, it may have one name only,
    /// and nobody else may be able to read it, unless others cannot enter its folder.
    pub(crate) fn open(&self, readers: Readers) -> Result<Opened, FileError> {
        let is_shut_in = self.is_shut_in;
        let rule = match readers {
            Readers::Anybody => Rule::Public,
            Readers::Trusted => Rule::Secret { is_shut_in },
        };
        open::open(CWD, &self.path, false, self.euid, rule)
            .and_then(|opened| opened.ok_or(FileProblem::Missing))
            .map_err(|problem| FileError::on_the_way(&self.named, &self.path, problem))
    }
}
