//! Marks in files: `ended/all`, and `ended/` with the hash of a user's name.
//!
//! A mark is changed under a lock on its own file, and is on the disk before
//! anybody hears of it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Dir, unlinkat};
use rustix::io::Errno;

use super::lists::{Kind, Lists};
use super::{EndError, Ended, MAX_MARK, Mark, Revocations, Whose, is_alive};
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, Draft, Placement};
use crate::files::trusted::{Opened, PrivateFolder};
use crate::files::{FileError, FileProblem};
use crate::session::id::{hash, is_hash};
use crate::session::moment::Moment;
use crate::session::store::StoreError;

/// The name of everybody's mark.
const ALL: &str = "all";

/// How often a change is tried again because another process created or removed
/// the mark meanwhile.
const ATTEMPTS: usize = 100;

/// Marks in files.
#[derive(Clone, Debug)]
pub struct RevocationFiles {
    dir: PrivateFolder,
    lifetime: u64,
}

impl RevocationFiles {
    /// Marks in `dir`, an absolute path, which is created with mode 0700 when the
    /// first is set, of sessions that live for `lifetime` seconds.
    pub fn new(dir: PathBuf, euid: u32, lifetime: u64) -> Self {
        Self::in_folder(PrivateFolder::find(dir, euid), lifetime)
    }

    /// Marks in a folder that was found before; see [`RevocationFiles::new`].
    pub(crate) fn in_folder(dir: PrivateFolder, lifetime: u64) -> Self {
        Self { dir, lifetime }
    }

    fn folder(&self) -> Result<Option<OwnedFd>, StoreError> {
        self.dir.open().map_err(StoreError::File)
    }

    fn make_folder(&self) -> Result<OwnedFd, StoreError> {
        self.dir.make().map_err(StoreError::File)
    }

    /// A file that is not the program's own counts as a damaged mark.
    fn read(&self, folder: &OwnedFd, name: &str) -> Result<Mark, StoreError> {
        match private::open(folder, name, false, self.dir.euid()) {
            Ok(Some(file)) => self.parse(&file),
            Ok(None) => Ok(Mark::Absent),
            Err(problem) => self.damaged_by(problem),
        }
    }

    fn parse(&self, file: &Opened) -> Result<Mark, StoreError> {
        match file.read(MAX_MARK) {
            Ok(bytes) => Ok(Mark::parse(&bytes)),
            Err(problem) => self.damaged_by(problem),
        }
    }

    /// What lies there is not the program's, or the system failed.
    fn damaged_by(&self, problem: FileProblem) -> Result<Mark, StoreError> {
        match problem {
            FileProblem::System(_)
            | FileProblem::Missing
            | FileProblem::Held
            | FileProblem::NoLocks => Err(self.failed(problem)),
            FileProblem::Owner { .. }
            | FileProblem::Writable { .. }
            | FileProblem::Readable { .. }
            | FileProblem::Unreadable { .. }
            | FileProblem::NotAFolder
            | FileProblem::NotAFile
            | FileProblem::Link
            | FileProblem::Names
            | FileProblem::TooLarge(_)
            | FileProblem::Damaged(_)
            | FileProblem::Served
            | FileProblem::Temporary => Ok(Mark::Damaged),
        }
    }

    /// Puts what `next` makes of a mark in its place, if that is anything, by way
    /// of the folder `workshop`. `before` is called when all is ready.
    fn change<E: From<StoreError>>(
        &self,
        folder: &OwnedFd,
        workshop: &OwnedFd,
        name: &str,
        mut next: impl FnMut(Mark) -> Result<Option<Moment>, E>,
        mut before: impl FnMut(Mark, Moment) -> Result<(), E>,
    ) -> Result<(), E> {
        for _ in 0..ATTEMPTS {
            let (mark, placement, _lock) = match lock::lock(folder, name, self.dir.euid()) {
                Ok(Some(file)) => (self.parse(&file)?, Placement::Replace, Some(file)),
                Ok(None) => (Mark::Absent, Placement::New, None),
                // Without locks, of two marks at the same moment the later
                // written counts. Each is later than all before both.
                Err(FileProblem::NoLocks) => (self.read(folder, name)?, Placement::Replace, None),
                Err(problem) => (self.damaged_by(problem)?, Placement::Replace, None),
            };
            let Some(moment) = next(mark)? else {
                return Ok(());
            };
            let draft = Draft::write_synced(workshop, format!("{moment}\n").as_bytes())
                .map_err(|err| self.failed(err.into()))?;
            before(mark, moment)?;
            match draft.place_synced(folder, name, placement) {
                // Another process was faster.
                Err(err) if is_taken(placement, &err) => {}
                outcome => return outcome.map_err(|err| self.failed(err.into()).into()),
            }
        }
        let words = format!(
            "{}: others change {name} all the time",
            self.dir.path().display()
        );
        Err(StoreError::Unavailable(words).into())
    }

    /// Ends the sessions of the user whose mark is `name`.
    fn end_user(
        &self,
        name: &str,
        kind: Kind,
        began: Option<Moment>,
        now: u64,
    ) -> Result<(), EndError> {
        let folder = self.make_folder()?;
        let lists = self.lists(&folder)?;
        let mut floor = Moment::from(now);
        match (began, self.read(&folder, ALL)?) {
            // It is later than everybody's mark, or it would be over.
            (Some(began), _) => floor = floor.max(began),
            (None, Mark::At(all)) => floor = floor.max(all.after()),
            (None, Mark::Absent | Mark::Damaged) => {}
        }
        let failed = |problem| self.failed(problem);
        // A user who has a mark already is not held against the limit.
        let is_limited = |mark: Mark| kind == Kind::Invented && !mark.is_alive(self.lifetime, now);
        self.change(
            &folder,
            lists.folder(),
            name,
            |mark| {
                if is_limited(mark) && lists.is_full(kind, now).map_err(failed)? {
                    return Err(EndError::TooMany);
                }
                Ok(Some(mark.next(floor)))
            },
            |mark, moment| {
                if lists.has(mark, moment) {
                    return Ok(());
                }
                match lists.add(kind, name, moment, is_limited(mark), now) {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(EndError::TooMany),
                    Err(problem) => Err(failed(problem).into()),
                }
            },
        )?;
        // What could not be removed now still can be when the next mark is set.
        let _ = lists.clean(now, &folder, name, &mut |name| {
            let _ = self.remove_expired(&folder, name, now);
        });
        Ok(())
    }

    /// Removes a mark that has expired. One that is locked is being set anew.
    fn remove_expired(&self, folder: &OwnedFd, name: &str, now: u64) -> Result<(), FileProblem> {
        let Attempt::Locked(file) = lock::try_lock(folder, name, self.dir.euid())? else {
            return Ok(());
        };
        match Mark::parse(&file.read(MAX_MARK)?) {
            Mark::At(moment) if !is_alive(moment, self.lifetime, now) => {
                Ok(unlinkat(folder, name, AtFlags::empty())?)
            }
            Mark::At(_) | Mark::Damaged | Mark::Absent => Ok(()),
        }
    }

    fn lists(&self, folder: &OwnedFd) -> Result<Lists, StoreError> {
        Lists::open(folder, self.lifetime).map_err(|err| self.failed(err))
    }

    fn failed(&self, problem: FileProblem) -> StoreError {
        StoreError::File(FileError::new(self.dir.path(), problem))
    }
}

fn is_taken(placement: Placement, err: &io::Error) -> bool {
    placement == Placement::New && err.kind() == io::ErrorKind::AlreadyExists
}

impl Revocations for RevocationFiles {
    fn ended(&self, user: Option<&str>) -> Result<Ended, StoreError> {
        let Some(folder) = self.folder()? else {
            return Ok(Ended::Never);
        };
        let all = self.read(&folder, ALL)?.ended();
        Ok(match user {
            Some(user) => all.max(self.read(&folder, &hash(user))?.ended()),
            None => all,
        })
    }

    fn end(&self, whose: Whose<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError> {
        match whose {
            Whose::Everybody => {
                let folder = self.make_folder()?;
                let next = |mark: Mark| Ok(Some(mark.next_of_everybody(now)));
                self.change(&folder, &folder, ALL, next, |_, _| Ok(()))
            }
            Whose::User(user) => self.end_user(&hash(user), Kind::Known, began, now),
            Whose::Invented(user) => self.end_user(&hash(user), Kind::Invented, began, now),
        }
    }

    fn repair(&self, user: Option<&str>, now: u64) -> Result<(), StoreError> {
        let folder = self.make_folder()?;
        let lists = self.lists(&folder)?;
        let names = std::iter::once(ALL.to_owned()).chain(user.map(hash));
        for name in names {
            self.change(
                &folder,
                lists.folder(),
                &name,
                |mark| {
                    let is_damaged = mark == Mark::Damaged;
                    Ok(is_damaged.then(|| mark.next_of_everybody(now)))
                },
                |_, moment| match name == ALL {
                    true => Ok(()),
                    false => lists
                        .add(Kind::Known, &name, moment, false, now)
                        .map(|_| ())
                        .map_err(|problem| self.failed(problem)),
                },
            )?;
        }
        Ok(())
    }

    fn clean(&self, now: u64) -> Result<(), StoreError> {
        let Some(folder) = self.folder()? else {
            return Ok(());
        };
        let failed = |err: Errno| self.failed(err.into());
        for entry in Dir::read_from(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Ok(name) = entry.file_name().to_str()
                && is_hash(name)
            {
                let _ = self.remove_expired(&folder, name, now);
            }
        }
        Ok(())
    }
}
