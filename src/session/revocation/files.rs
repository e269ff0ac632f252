//! Marks in files: `ended/all`, and `ended/HASH` with the hash of a username.
//!
//! A mark is changed under a lock on its own file, and is synced to the disk
//! before the request is answered.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, unlinkat};
use rustix::io::Errno;

use super::lists::{Kind, Lists};
use super::{EndError, Ended, MAX_MARK, Mark, Revocations, Users, floor, is_alive};
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, Draft, Placement};
use crate::files::trusted::{Anywhere, Opened, Readers, TrustedFolder};
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
    dir: TrustedFolder,
    lifetime: u64,
}

impl RevocationFiles {
    /// Marks in `dir`, an absolute path, which is created with mode 0700 when the
    /// first is set, of sessions that live for `lifetime` seconds.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the path is not trusted.
    pub fn new(dir: &Path, euid: u32, lifetime: u64) -> Result<Self, FileError> {
        let dir = TrustedFolder::find(dir, euid, &Anywhere)?;
        Ok(Self::in_folder(dir, lifetime))
    }

    /// Marks in a folder that was found before; see [`RevocationFiles::new`].
    pub(crate) fn in_folder(dir: TrustedFolder, lifetime: u64) -> Self {
        Self { dir, lifetime }
    }

    fn folder(&self) -> Result<Option<OwnedFd>, StoreError> {
        self.dir.open(Readers::Trusted).map_err(StoreError::File)
    }

    fn make_folder(&self) -> Result<OwnedFd, StoreError> {
        let made = self.dir.make_synced(Readers::Trusted);
        made.map_err(StoreError::File)
    }

    /// The mark in the file `name`. A file that is not the program's own counts as a
    /// damaged mark.
    fn read(&self, folder: &OwnedFd, name: &str, now: u64) -> Result<Mark, StoreError> {
        match private::open(folder, name, false, self.dir.euid()) {
            Ok(Some(file)) => self.parse(&file, now),
            Ok(None) => Ok(Mark::Absent),
            Err(problem) => self.damaged_by(problem),
        }
    }

    fn parse(&self, file: &Opened, now: u64) -> Result<Mark, StoreError> {
        match file.read(MAX_MARK) {
            Ok(bytes) => Ok(Mark::parse(&bytes, now)),
            Err(problem) => self.damaged_by(problem),
        }
    }

    /// A damaged mark, if the file is not the program's own; otherwise the error.
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
            | FileProblem::OwnFiles
            | FileProblem::Temporary => Ok(Mark::UNREADABLE),
        }
    }

    /// Replaces a mark by the result of `next`; `None` leaves it unchanged. The new
    /// mark is written in the folder `drafts`, then `before` is called, then the mark
    /// is moved to its place.
    fn change<E: From<StoreError>>(
        &self,
        folder: &OwnedFd,
        drafts: &OwnedFd,
        name: &str,
        now: u64,
        mut next: impl FnMut(Mark) -> Result<Option<Moment>, E>,
        mut before: impl FnMut(Mark, Moment) -> Result<(), E>,
    ) -> Result<(), E> {
        for _ in 0..MAX_TRIES {
            let (mark, placement, _lock) = match lock::lock(folder, name, self.dir.euid()) {
                Ok(Some(file)) => (self.parse(&file, now)?, Placement::Replace, Some(file)),
                Ok(None) => (Mark::Absent, Placement::New, None),
                // Without locks the later of two simultaneous changes wins. Both
                // marks are later than all sessions that are to end.
                Err(FileProblem::NoLocks) => {
                    (self.read(folder, name, now)?, Placement::Replace, None)
                }
                Err(problem) => (self.damaged_by(problem)?, Placement::Replace, None),
            };
            let Some(moment) = next(mark)? else {
                return Ok(());
            };
            let draft = Draft::write_synced(drafts, &mark.text(moment))
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
        let mut floor = floor(began, now);
        // A session that has not ended began after the mark of all users.
        if began.is_none() {
            floor = self.read(&folder, ALL, now)?.floor_of_user(floor);
        }
        let failed = |problem| self.failed(problem);
        // The limit is for users who have no mark yet.
        let is_limited = |mark: Mark| kind == Kind::Invented && !mark.is_alive(self.lifetime, now);
        self.change(
            &folder,
            lists.folder(),
            name,
            now,
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
        self.clean_some(&folder, &lists, name, now);
        Ok(())
    }

    /// Removes some expired marks after the mark `newest` was set. Those that cannot
    /// be removed now are removed with a later one.
    fn clean_some(&self, folder: &OwnedFd, lists: &Lists, newest: &str, now: u64) {
        let _ = lists.clean(now, folder, newest, &mut |name| {
            let _ = self.remove_expired(folder, name, now);
        });
    }

    /// Removes an expired mark, unless it is locked: then another process sets it again.
    fn remove_expired(&self, folder: &OwnedFd, name: &str, now: u64) -> Result<(), FileProblem> {
        let Attempt::Locked(file) = lock::try_lock(folder, name, self.dir.euid())? else {
            return Ok(());
        };
        match Mark::parse(&file.read(MAX_MARK)?, now) {
            Mark::At(moment, _) if !is_alive(moment, self.lifetime, now) => {
                Ok(unlinkat(folder, name, AtFlags::empty())?)
            }
            Mark::At(..) | Mark::Damaged(_) | Mark::Absent => Ok(()),
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
    fn ended(&self, user: Option<&str>, now: u64) -> Result<Ended, StoreError> {
        let Some(folder) = self.folder()? else {
            return Ok(Ended::Never);
        };
        let all = self.read(&folder, ALL, now)?.ended();
        Ok(match user {
            Some(user) => all.max(self.read(&folder, &hash(user), now)?.ended()),
            None => all,
        })
    }

    fn end(&self, users: Users<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError> {
        match users {
            Users::All => {
                let folder = self.make_folder()?;
                let lists = self.lists(&folder)?;
                let next = |mark: Mark| Ok(Some(mark.next_for_all(floor(began, now))));
                self.change(&folder, lists.folder(), ALL, now, next, |_, _| {
                    Ok::<_, EndError>(())
                })?;
                self.clean_some(&folder, &lists, ALL, now);
                Ok(())
            }
            Users::Known(user) => self.end_user(&hash(user), Kind::Known, began, now),
            Users::Invented(user) => self.end_user(&hash(user), Kind::Invented, began, now),
        }
    }

    fn repair(&self, user: Option<&str>, now: u64) -> Result<(), StoreError> {
        let folder = self.make_folder()?;
        let lists = self.lists(&folder)?;
        let next = |mark: Mark| {
            let next = || mark.next_for_all(floor(None, now));
            Ok::<_, StoreError>(mark.is_damaged().then(next))
        };
        self.change(&folder, lists.folder(), ALL, now, next, |_, _| Ok(()))?;
        let Some(name) = user.map(hash) else {
            return Ok(());
        };
        let all = self.read(&folder, ALL, now)?;
        let floor = all.floor_of_user(floor(None, now));
        self.change(
            &folder,
            lists.folder(),
            &name,
            now,
            |mark| Ok(mark.is_damaged().then(|| mark.next(floor))),
            |_, moment| {
                let added = lists.add(Kind::Known, &name, moment, false, now);
                added.map(|_| ()).map_err(|problem| self.failed(problem))
            },
        )
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
