//! One file for each session, whole at any moment, readable by its owner only.
//!
//! The record of an id whose hash is `abcdef…` lies in `a/bc/def…`, so that a
//! million of them are a few hundred to a folder. There are no lock files:
//! whoever changes a record locks the file itself, and looks afterwards
//! whether it is still the one of that name.

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
use crate::files::trusted::{Opened, PrivateFolder};
use crate::files::{FileError, FileProblem};
use crate::session::id::SessionId;
use crate::session::record::{MAX_RECORD, Record};

/// A folder of session records.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PrivateFolder,
    lifetime: u64,
}

/// Where a record lies: the folder, and the name in it.
struct Place {
    folder: Rc<OwnedFd>,
    name: String,
    shown: PathBuf,
}

impl Files {
    /// The store in `dir`, an absolute path, which is made, mode 0700, when the
    /// first session needs it. It has to belong to `euid`, and only trusted users
    /// may be able to put another folder in its place. `lifetime` is in seconds.
    pub fn new(dir: PathBuf, euid: u32, lifetime: u64) -> Self {
        Self::in_folder(PrivateFolder::find(dir, euid), lifetime)
    }

    /// The store in a folder that was found before; see [`Files::new`].
    pub(crate) fn in_folder(dir: PrivateFolder, lifetime: u64) -> Self {
        Self { dir, lifetime }
    }

    fn root(&self) -> Result<Option<OwnedFd>, StoreError> {
        self.dir.open().map_err(StoreError::File)
    }

    /// Where the record of `id` lies; `None` if there cannot be one.
    fn place(&self, id: &SessionId) -> Result<Option<Place>, StoreError> {
        let hash = id.hash();
        let Some(root) = self.root()? else {
            return Ok(None);
        };
        let outer = private::open_folder(&root, &hash[..1]).map_err(unusable(self.dir.path()))?;
        let Some(outer) = outer else { return Ok(None) };
        let inner = private::open_folder(&outer, &hash[1..3]).map_err(unusable(self.dir.path()))?;
        Ok(inner.map(|folder| self.at(folder, &hash)))
    }

    /// Where a new record of `id` goes.
    fn new_place(&self, id: &SessionId) -> Result<Place, StoreError> {
        let hash = id.hash();
        let root = match self.root()? {
            Some(root) => root,
            None => self.make_root()?,
        };
        let outer = private::make_folder(&root, &hash[..1]).map_err(unusable(self.dir.path()))?;
        let inner = private::make_folder(&outer, &hash[1..3]).map_err(unusable(self.dir.path()))?;
        Ok(self.at(inner, &hash))
    }

    /// Makes the folder of the store. Without locks there is none: a session
    /// that was stored could be neither changed nor ended.
    fn make_root(&self) -> Result<OwnedFd, StoreError> {
        let root = File::from(self.dir.make().map_err(StoreError::File)?);
        match lock::try_lock_file(&root) {
            Err(FileProblem::NoLocks) => {
                // Only if nothing is in it.
                let _ = std::fs::remove_dir(self.dir.path());
                Err(unusable(self.dir.path())(FileProblem::NoLocks))
            }
            _ => Ok(root.into()),
        }
    }

    fn at(&self, folder: OwnedFd, hash: &str) -> Place {
        Place {
            folder: Rc::new(folder),
            name: hash[3..].to_owned(),
            shown: self
                .dir
                .path()
                .join(&hash[..1])
                .join(&hash[1..3])
                .join(&hash[3..]),
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

    /// Locks the record and reads it; `None` if there is none, or it is over.
    fn locked(&self, place: &Place, now: u64) -> Result<Option<(Opened, Record)>, StoreError> {
        let Some(file) = self.lock(place)? else {
            return Ok(None);
        };
        let (record, _) = self.read(&file, &place.shown)?;
        Ok((!record.is_expired(self.lifetime, now)).then_some((file, record)))
    }
}

impl Store for Files {
    fn load(&self, id: &SessionId, now: u64) -> Result<Option<Record>, StoreError> {
        let Some(place) = self.place(id)? else {
            return Ok(None);
        };
        let file = private::open(&place.folder, &place.name, false, self.dir.euid())
            .map_err(|err| error(err, &place.shown))?;
        let Some(file) = file else { return Ok(None) };
        let (record, _) = self.read(&file, &place.shown)?;
        Ok(Some(record).filter(|record| !record.is_expired(self.lifetime, now)))
    }

    fn create(&self, id: &SessionId, record: &Record) -> Result<(), StoreError> {
        put(&self.new_place(id)?, record, Placement::New)
    }

    fn update(
        &self,
        id: &SessionId,
        now: u64,
        change: &mut Changing<'_>,
    ) -> Result<bool, StoreError> {
        let Some(place) = self.place(id)? else {
            return Ok(false);
        };
        let Some((_lock, record)) = self.locked(&place, now)? else {
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
        let Some(place) = self.place(old)? else {
            return Ok(false);
        };
        let Some((_lock, record)) = self.locked(&place, now)? else {
            return Ok(false);
        };
        // The new one first: who is killed in between still has the old one.
        if let Change::Replace(record) = change(record) {
            self.create(new, &record)?;
        }
        if let Err(err) = remove(&place) {
            self.delete(new)?;
            return Err(err);
        }
        Ok(true)
    }

    fn delete(&self, id: &SessionId) -> Result<bool, StoreError> {
        let Some(place) = self.place(id)? else {
            return Ok(false);
        };
        let Some(_lock) = self.lock(&place)? else {
            return Ok(false);
        };
        remove(&place)?;
        Ok(true)
    }

    fn sweep(&self, now: u64, entries: usize) -> Result<usize, StoreError> {
        self.sweep_some(now, entries)
    }

    fn for_each(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<(), StoreError> {
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

/// What is wrong with a record: whether it is there cannot be known, or
/// something else is in its place.
fn error(problem: FileProblem, path: &Path) -> StoreError {
    match problem {
        FileProblem::System(_) | FileProblem::Held => {
            StoreError::File(FileError::new(path, problem))
        }
        // The record lies in `a/bc` in the folder of the store.
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

/// What is wrong with the folder of the store: no record can be read.
fn unusable(dir: &Path) -> impl Fn(FileProblem) -> StoreError {
    move |problem| StoreError::File(FileError::new(dir, problem))
}
