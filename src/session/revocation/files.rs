//! Marks in files: `ended/all`, and `ended/HASH` with the hash of a username.
//!
//! A mark is changed under a lock on its own file, and is synced to the disk
//! before the request is answered.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Dir, unlinkat};
use rustix::io::Errno;

use super::lists::{Kind, Lists};
use super::{EndError, Ended, MAX_MARK, Mark, Revocations, Users, is_alive};
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, Draft, Placement};
use crate::files::trusted::{Opened, PrivateFolder};
use crate::files::{FileError, FileProblem};
use crate::session::id::{hash, is_hash};
use crate::session::moment::Moment;
use crate::session::store::StoreError;

/// The file of the mark of all users.
const ALL: &str = "all";

/// How often a change is tried because other processes create or remove the mark
/// at the same time.
const MAX_TRIES: usize = 100;

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

    /// The mark in the file `name`. A file that is not the program's own counts as a
    /// damaged mark.
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

    /// A damaged mark if something else is in its place; an error if that cannot be
    /// known.
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

    /// Replaces a mark by what `next` makes of it; `None` leaves it. The new mark is
    /// written in the folder `drafts`, then `before` is called, then the mark is
    /// moved to its place.
    fn change<E: From<StoreError>>(
        &self,
        folder: &OwnedFd,
        drafts: &OwnedFd,
        name: &str,
        mut next: impl FnMut(Mark) -> Result<Option<Moment>, E>,
        mut before: impl FnMut(Mark, Moment) -> Result<(), E>,
    ) -> Result<(), E> {
        for _ in 0..MAX_TRIES {
            let (mark, placement, _lock) = match lock::lock(folder, name, self.dir.euid()) {
                Ok(Some(file)) => (self.parse(&file)?, Placement::Replace, Some(file)),
                Ok(None) => (Mark::Absent, Placement::New, None),
                // Without locks the later of two simultaneous changes wins. Both
                // marks are later than all sessions that are to end.
                Err(FileProblem::NoLocks) => (self.read(folder, name)?, Placement::Replace, None),
                Err(problem) => (self.damaged_by(problem)?, Placement::Replace, None),
            };
            let Some(moment) = next(mark)? else {
                return Ok(());
            };
            let draft = Draft::write_synced(drafts, format!("{moment}\n").as_bytes())
                .map_err(|err| self.failed(err.into()))?;
            before(mark, moment)?;
            match draft.place_synced(folder, name, placement) {
                // Another process was faster.
                Err(err) if is_taken(placement, &err) => {}
                outcome => return outcome.map_err(|err| self.failed(err.into()).into()),
            }
        }
        let words = format!(
            "{}: other processes changed {name} {MAX_TRIES} times in a row",
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
            // The session has not ended, so it began after the mark of all users.
            (Some(began), _) => floor = floor.max(began),
            (None, Mark::At(all)) => floor = floor.max(all.after()),
            (None, Mark::Absent | Mark::Damaged) => {}
        }
        let failed = |problem| self.failed(problem);
        // The limit is for users who have no mark yet.
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
        // Marks that could not be removed now are removed with a later one.
        let _ = lists.clean(now, &folder, name, &mut |name| {
            let _ = self.remove_expired(&folder, name, now);
        });
        Ok(())
    }

    /// Removes a mark that has expired. A locked one is being set again.
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

    fn end(&self, users: Users<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError> {
        match users {
            Users::All => {
                let folder = self.make_folder()?;
                let next = |mark: Mark| Ok(Some(mark.next_for_all(now)));
                self.change(&folder, &folder, ALL, next, |_, _| Ok(()))
            }
            Users::Known(user) => self.end_user(&hash(user), Kind::Known, began, now),
            Users::Invented(user) => self.end_user(&hash(user), Kind::Invented, began, now),
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
                    Ok(is_damaged.then(|| mark.next_for_all(now)))
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
