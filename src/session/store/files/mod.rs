//! Sessions in files: one file for each, which only its owner can read and which is
//! replaced atomically.
//!
//! The record of an id whose hash is `abcdef…` is in `a/bc/def…`, so that a folder of
//! a million sessions has a few hundred names. There are no lock files: a change locks
//! the record's file and then checks that its name still leads to the locked file.

mod lists;
mod walk;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::{Change, Changing, Store, StoreError, Visit};
use crate::files::lock;
use crate::files::private::{self, Placement};
use crate::files::trusted::{Anywhere, Opened, Readers, TrustedFolder};
use crate::files::{FileError, FileProblem};
use crate::session::id::{SessionId, SessionKey};
use crate::session::listed::SessionList;
use crate::session::record::{MAX_RECORD, Record};

/// A folder of session records.
#[derive(Clone, Debug)]
pub struct Files {
    dir: TrustedFolder,
    lifetime: u64,
}

/// The folder of a record, and its name in it.
struct Place {
    folder: Rc<OwnedFd>,
    /// The number of the folder, which is its name.
    number: u8,
    name: String,
    /// The path, for messages.
    shown: PathBuf,
}

impl Files {
    /// The store in `dir`, an absolute path. The folder is created with mode 0700 when
    /// the first session is stored. It has to belong to `euid`, and only trusted users
    /// may be able to replace it. `lifetime` is in seconds.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the path is not trusted.
    pub fn new(dir: &Path, euid: u32, lifetime: u64) -> Result<Self, FileError> {
        let dir = TrustedFolder::find(dir, euid, &Anywhere)?;
        Ok(Self::in_folder(dir, lifetime))
    }

    /// The store in a folder whose path was checked; see [`Files::new`].
    pub(crate) fn in_folder(dir: TrustedFolder, lifetime: u64) -> Self {
        Self { dir, lifetime }
    }

    fn root(&self) -> Result<Option<OwnedFd>, StoreError> {
        self.dir.open(Readers::Trusted).map_err(StoreError::File)
    }

    /// The place of the record under `key`; `None` if there is no folder for it.
    fn place(&self, key: &SessionKey) -> Result<Option<Place>, StoreError> {
        let hash = key.as_str();
        let Some(root) = self.root()? else {
            return Ok(None);
        };
        let open = |parent: &OwnedFd, name| {
            private::open_folder(parent, name).map_err(unusable(self.dir.path()))
        };
        let Some(outer) = open(&root, &hash[..1])? else {
            return Ok(None);
        };
        Ok(open(&outer, &hash[1..3])?.map(|folder| self.at(folder, hash)))
    }

    /// The place for a new record of `id`. Its folders are created.
    fn new_place(&self, id: &SessionId) -> Result<Place, StoreError> {
        let hash = id.hash();
        let root = self.root()?.map_or_else(|| self.make_root(), Ok)?;
        let make = |parent: &OwnedFd, name| {
            private::make_folder(parent, name).map_err(unusable(self.dir.path()))
        };
        let inner = make(&make(&root, &hash[..1])?, &hash[1..3])?;
        Ok(self.at(inner, &hash))
    }

    /// Creates the folder of the store. It fails where there are no file locks, as
    /// stored sessions could be neither changed nor ended.
    fn make_root(&self) -> Result<OwnedFd, StoreError> {
        let root = self.dir.make(Readers::Trusted).map_err(StoreError::File)?;
        let root = File::from(root);
        match lock::try_lock_file(&root) {
            Err(FileProblem::NoLocks) => {
                // This fails if the folder is not empty.
                let _ = std::fs::remove_dir(self.dir.path());
                Err(unusable(self.dir.path())(FileProblem::NoLocks))
            }
            _ => Ok(root.into()),
        }
    }

    fn at(&self, folder: OwnedFd, hash: &str) -> Place {
        let shown = [&hash[..1], &hash[1..3], &hash[3..]];
        Place {
            folder: Rc::new(folder),
            number: u8::from_str_radix(&hash[1..3], 16).unwrap_or_default(),
            name: hash[3..].to_owned(),
            shown: self.dir.path().join(shown.join("/")),
        }
    }

    fn read(&self, file: &Opened, shown: &Path) -> Result<(Record, usize), StoreError> {
        let bytes = file.read(MAX_RECORD).map_err(|err| error(err, shown))?;
        let record = Record::parse(&bytes).map_err(|reason| StoreError::Damaged {
            path: shown.to_owned(),
            reason,
        })?;
        Ok((record, bytes.len()))
    }

    /// Locks the record in `place`; `None` if there is none.
    fn lock(&self, place: &Place) -> Result<Option<Opened>, StoreError> {
        lock::lock(&place.folder, &place.name, self.dir.euid())
            .map_err(|err| error(err, &place.shown))
    }

    /// Locks the record of `id` and reads it; `None` if there is none or it has
    /// expired.
    fn locked(&self, id: &SessionId, now: u64) -> Result<Option<Locked>, StoreError> {
        let Some(place) = self.place(&id.key())? else {
            return Ok(None);
        };
        let Some(file) = self.lock(&place)? else {
            return Ok(None);
        };
        let (record, _) = self.read(&file, &place.shown)?;
        let is_expired = record.is_expired(self.lifetime, now);
        Ok((!is_expired).then_some((place, file, record)))
    }
}

/// A record and its file, which is locked until it is dropped.
type Locked = (Place, Opened, Record);

impl Store for Files {
    fn load_by(&self, key: &SessionKey, now: u64) -> Result<Option<Record>, StoreError> {
        let Some(place) = self.place(key)? else {
            return Ok(None);
        };
        let file = private::open(&place.folder, &place.name, false, self.dir.euid())
            .map_err(|err| error(err, &place.shown))?;
        let Some(file) = file else { return Ok(None) };
        let (record, _) = self.read(&file, &place.shown)?;
        Ok(Some(record).filter(|record| !record.is_expired(self.lifetime, now)))
    }

    fn create(&self, id: &SessionId, record: &Record) -> Result<(), StoreError> {
        let place = self.new_place(id)?;
        put(&place, record, Placement::New)?;
        // Records that could not be removed now still can be by a later request.
        let _ = self.sweep_near(&place, record.saved);
        Ok(())
    }

    fn update(
        &self,
        id: &SessionId,
        now: u64,
        change: &mut Changing<'_>,
    ) -> Result<bool, StoreError> {
        let Some((place, _lock, record)) = self.locked(id, now)? else {
            return Ok(false);
        };
        match change(record) {
            Change::Replace(record) => put(&place, &record, Placement::Replace)?,
            Change::Delete => remove(&place)?,
        }
        Ok(true)
    }

    fn renew(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: u64,
        change: &mut Changing<'_>,
    ) -> Result<bool, StoreError> {
        let Some((place, _lock, record)) = self.locked(old, now)? else {
            return Ok(false);
        };
        // The new one first: if the process is killed in between, the old one is left.
        if let Change::Replace(record) = change(record) {
            self.create(new, &record)?;
        }
        if let Err(err) = remove(&place) {
            self.delete(new)?;
            return Err(err);
        }
        Ok(true)
    }

    fn delete_by(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let Some(place) = self.place(key)? else {
            return Ok(false);
        };
        let Some(_lock) = self.lock(&place)? else {
            return Ok(false);
        };
        remove(&place)?;
        Ok(true)
    }

    fn list(&self, user: &str) -> Result<SessionList, StoreError> {
        self.read_list(user)
    }

    fn change_list(
        &self,
        user: &str,
        change: &mut dyn FnMut(&mut SessionList),
    ) -> Result<(), StoreError> {
        self.replace_list(user, change)
    }

    fn sweep(&self, now: u64) -> Result<usize, StoreError> {
        self.sweep_lists(now)?;
        self.sweep_all(now)
    }

    fn for_each(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<usize, StoreError> {
        self.visit_all(now, visit)
    }
}

fn put(place: &Place, record: &Record, placement: Placement) -> Result<(), StoreError> {
    let bytes = record.to_bytes_within_limit()?;
    private::put(&place.folder, &place.name, &bytes, placement).map_err(|err| {
        if placement == Placement::New && err.kind() == io::ErrorKind::AlreadyExists {
            StoreError::IdInUse
        } else {
            error(err.into(), &place.shown)
        }
    })
}

fn remove(place: &Place) -> Result<(), StoreError> {
    match unlinkat(&place.folder, &place.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(err) => Err(error(err.into(), &place.shown)),
    }
}

/// The error for a problem with a record: it cannot be read, or it is not a record.
fn error(problem: FileProblem, path: &Path) -> StoreError {
    match problem {
        FileProblem::System(_) | FileProblem::Held => {
            StoreError::File(FileError::new(path, problem))
        }
        // The record is in `a/bc` in the folder of the store.
        FileProblem::NoLocks => {
            let dir = path.ancestors().nth(3).unwrap_or(path);
            StoreError::File(FileError::new(dir, problem))
        }
        problem => StoreError::Refused {
            path: path.to_owned(),
            reason: problem.to_string(),
        },
    }
}

/// The error for a problem with the folder of the store.
fn unusable(dir: &Path) -> impl Fn(FileProblem) -> StoreError {
    move |problem| StoreError::File(FileError::new(dir, problem))
}
