//! Marks in files.

use std::fs::{DirBuilder, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::super::id::hash;
use super::super::store::StoreError;
use super::{MAX_MARKS, Marks, Revocations, Whose};
use crate::files::private::{self, Placement};
use crate::files::trusted::Readers;
use crate::files::{FileError, FileProblem};

/// Marks in files: 256 of them, so that a look-up reads one small file.
#[derive(Clone, Debug)]
pub struct RevocationFiles {
    dir: PathBuf,
    euid: u32,
    lifetime: u64,
}

impl RevocationFiles {
    /// Marks in `dir`, which is made, mode 0700, when the first is set, of
    /// sessions that live for `lifetime` seconds.
    pub fn new(dir: PathBuf, euid: u32, lifetime: u64) -> Self {
        Self {
            dir,
            euid,
            lifetime,
        }
    }

    fn folder(&self) -> Result<Option<OwnedFd>, StoreError> {
        let folder = private::open_folder(CWD, &self.dir).map_err(|err| self.failed(err))?;
        if let Some(folder) = &folder {
            private::check_folder(folder, self.euid, Readers::Trusted)
                .map_err(|err| self.failed(err))?;
        }
        Ok(folder)
    }

    fn read(&self, folder: &OwnedFd, name: &str) -> Result<Marks, StoreError> {
        let failed = |err| self.failed(err);
        let file = private::open(folder, name, false, self.euid).map_err(failed)?;
        let Some(file) = file else {
            return Ok(Marks::default());
        };
        let bytes = file.read(MAX_MARKS).map_err(failed)?;
        Marks::parse(&bytes)
            .ok_or_else(|| failed(FileProblem::Damaged("has a line that is not a mark")))
    }

    fn mark(
        &self,
        folder: &OwnedFd,
        shard: &str,
        whose: &Whose,
        now: u64,
    ) -> Result<(), StoreError> {
        let mut marks = self.read(folder, shard)?;
        marks.set(whose, now, self.lifetime);
        let text = marks.to_string();
        if text.len() > MAX_MARKS {
            return Err(self.failed(FileProblem::TooLarge(MAX_MARKS)));
        }
        private::put(folder, shard, text.as_bytes(), Placement::Replace)
            .map_err(|err| self.failed(err.into()))
    }

    /// One change at a time.
    fn lock(&self, folder: &OwnedFd) -> Result<File, StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = openat(folder, ".lock", flags, Mode::RUSR | Mode::WUSR);
        let lock = File::from(lock.map_err(|err| self.failed(err.into()))?);
        lock.lock().map_err(|err| self.failed(err.into()))?;
        Ok(lock)
    }

    fn failed(&self, problem: FileProblem) -> StoreError {
        failed(&self.dir, problem)
    }
}

fn failed(dir: &Path, problem: FileProblem) -> StoreError {
    StoreError::File(FileError::new(dir, problem))
}

impl Revocations for RevocationFiles {
    fn ended(&self, user: &str) -> Result<Option<u64>, StoreError> {
        let user = hash(user);
        let Some(folder) = self.folder()? else {
            return Ok(None);
        };
        Ok(self.read(&folder, &user[..2])?.ended(&user))
    }

    fn end(&self, user: Option<&str>, now: u64) -> Result<(), StoreError> {
        let folder = match self.folder()? {
            Some(folder) => folder,
            None => {
                let made = DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(&self.dir);
                made.map_err(|err| self.failed(err.into()))?;
                self.folder()?
                    .ok_or_else(|| self.failed(FileProblem::Missing))?
            }
        };
        let _lock = self.lock(&folder)?;
        private::remove_unfinished(&folder).map_err(|err| self.failed(err.into()))?;
        let whose = Whose::of(user);
        whose
            .shards()
            .iter()
            .try_for_each(|shard| self.mark(&folder, shard, &whose, now))
    }
}
