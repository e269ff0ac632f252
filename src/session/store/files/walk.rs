//! Walks through the records of a store: some of them, to remove expired ones, or all.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Stat, statat};
use rustix::io::Errno;

use super::super::{StoreError, Visit};
use super::{Files, Place, error, remove, unusable};
use crate::files::FileProblem;
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, UNFINISHED};
use crate::session::id::is_lower_hex;
use crate::session::record::Record;

/// Seconds after which an unfinished file is taken to be left by a process that
/// was killed.
const ABANDONED: u64 = 3600;

/// The number of folders that are searched for each new session. Each new session adds
/// one record, so that about 4096 / 4 expired records are left in the long run.
const SWEPT_FOLDERS: u8 = 4;

/// The most names that are checked for each new session.
const SWEPT_NAMES: usize = 12;

impl Files {
    /// Removes the record in `place` if it has expired at `now`. A locked record
    /// is in use.
    fn remove_if_expired(&self, place: &Place, now: u64) -> Result<bool, StoreError> {
        let attempt = lock::try_lock(&place.folder, &place.name, self.dir.euid())
            .map_err(|err| error(err, &place.shown))?;
        let Attempt::Locked(file) = attempt else {
            return Ok(false);
        };
        match self.read(&file, &place.shown) {
            Ok((record, _)) if !record.is_expired(self.lifetime, now) => return Ok(false),
            // Its name, owner and age say that a damaged record was a session.
            Ok(_) | Err(StoreError::Damaged { .. }) => {}
            Err(err) => return Err(err),
        }
        remove(place)?;
        Ok(true)
    }

    /// Removes the file with one name in a folder of records, if it is an expired
    /// record or an abandoned temporary file. Files that no store made, and those that
    /// it may not read, are not changed.
    fn sweep_entry(&self, place: &Place, now: u64) -> Result<bool, StoreError> {
        let unfinished = place.name.starts_with(UNFINISHED);
        if !unfinished && !is_record_name(&place.name) {
            return Ok(false);
        }
        let Ok(stat) = statat(&place.folder, &place.name, AtFlags::SYMLINK_NOFOLLOW) else {
            return Ok(false);
        };
        // A file that is put in place by a link has two names for a moment.
        let names = if unfinished { 2 } else { 1 };
        if !is_private(&stat, self.dir.euid(), names) {
            return Ok(false);
        }
        let age = now.saturating_sub(u64::try_from(stat.st_mtime).unwrap_or_default());
        if unfinished {
            if age > ABANDONED {
                remove(place)?;
            }
            return Ok(age > ABANDONED);
        }
        // A record is written when it is saved, so it is no older than its file.
        // Reading it would take longer.
        if age <= self.lifetime {
            return Ok(false);
        }
        match self.remove_if_expired(place, now) {
            Err(StoreError::Refused { .. }) => Ok(false),
            outcome => outcome,
        }
    }

    /// Calls `visit` for every name in the folders of records, until it returns
    /// `false`. Which ones come first is random, so that
    /// walks that end early do not look at the same ones each time.
    fn walk(
        &self,
        visit: &mut dyn FnMut(Place) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let Some(root) = self.root()? else {
            return Ok(());
        };
        let mut random = [0; size_of::<usize>()];
        getrandom::fill(&mut random)
            .map_err(|err| StoreError::Unavailable(format!("no random bytes: {err}")))?;
        let random = usize::from_ne_bytes(random);
        for outer in (0..16).map(|number| (number + random) % 16) {
            let outer_name = format!("{outer:x}");
            let Some(outer) = self.folder(&root, &outer_name)? else {
                continue;
            };
            for number in (0..=u8::MAX).map(|number| number.wrapping_add((random >> 8) as u8)) {
                let inner_name = format!("{number:02x}");
                let Some(inner) = self.folder(&outer, &inner_name)? else {
                    continue;
                };
                let shown = self.dir.path().join(&outer_name).join(&inner_name);
                let inner = Rc::new(inner);
                for name in names(&inner, &shown, random >> 16)? {
                    let place = Place {
                        folder: Rc::clone(&inner),
                        number,
                        shown: shown.join(&name),
                        name,
                    };
                    if !visit(place)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes expired records in the folder of a new record, which is as random as
    /// the hash of its id, and in the folders after it.
    pub(super) fn sweep_near(&self, new: &Place, now: u64) -> Result<(), StoreError> {
        let first = usize::from_str_radix(&new.name[..4], 16).unwrap_or_default();
        let mut left = SWEPT_NAMES;
        for step in 0..SWEPT_FOLDERS {
            let number = new.number.wrapping_add(step);
            let folder = match step {
                0 => Rc::clone(&new.folder),
                _ => match self.folder(&new.folder, &format!("../{number:02x}"))? {
                    Some(folder) => Rc::new(folder),
                    None => continue,
                },
            };
            for name in names(&folder, &new.shown, first)? {
                if name == new.name {
                    continue;
                }
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                let place = Place {
                    folder: Rc::clone(&folder),
                    number,
                    name,
                    shown: new.shown.clone(),
                };
                self.sweep_entry(&place, now)?;
            }
        }
        Ok(())
    }

    /// Opens a folder of records; `None` if there is none, if something else has its
    /// name, or if it is another user's: then no record of this program is in it.
    fn folder(&self, parent: &OwnedFd, name: &str) -> Result<Option<OwnedFd>, StoreError> {
        match private::open_folder(parent, name) {
            Ok(folder) => Ok(folder),
            Err(FileProblem::Link | FileProblem::NotAFolder) => Ok(None),
            Err(FileProblem::System(Errno::ACCESS)) => Ok(None),
            Err(problem) => Err(unusable(self.dir.path())(problem)),
        }
    }

    pub(super) fn sweep_all(&self, now: u64) -> Result<usize, StoreError> {
        let mut removed = 0;
        self.walk(&mut |place| {
            removed += usize::from(self.sweep_entry(&place, now)?);
            Ok(true)
        })?;
        Ok(removed)
    }

    pub(super) fn visit_all(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<usize, StoreError> {
        let mut undeleted = 0;
        self.walk(&mut |place| {
            if self.sweep_entry(&place, now)? || !is_record_name(&place.name) {
                return Ok(true);
            }
            let Ok(Some(file)) = private::open(&place.folder, &place.name, false, self.dir.euid())
            else {
                return Ok(true);
            };
            let Ok((record, size)) = self.read(&file, &place.shown) else {
                return Ok(true);
            };
            // The time of the file may be a later one.
            if record.is_past_lifetime(self.lifetime, now) {
                return Ok(true);
            }
            match visit(&record, size) {
                Visit::Next => {}
                Visit::Stop => return Ok(false),
                // This does not wait for locks: there may be many.
                Visit::Delete => {
                    match lock::try_lock(&place.folder, &place.name, self.dir.euid()) {
                        Ok(Attempt::Locked(_lock)) if remove(&place).is_ok() => {}
                        Ok(Attempt::Absent) => {}
                        Ok(_) | Err(_) => undeleted += 1,
                    }
                }
            }
            Ok(true)
        })?;
        Ok(undeleted)
    }
}

/// The names in a folder, beginning with the one of number `first`, which may be
/// larger than their number.
fn names(folder: &OwnedFd, shown: &Path, first: usize) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    let read = private::for_each_name(folder, |name| {
        names.extend(name.to_str().ok().map(str::to_owned));
        Ok(())
    });
    read.map_err(|err| error(err.into(), shown))?;
    let first = first % names.len().max(1);
    names.rotate_left(first);
    Ok(names)
}

/// Whether a file of this name in a folder of records is one: the last 61 digits
/// of a hash.
fn is_record_name(name: &str) -> bool {
    name.len() == 61 && is_lower_hex(name)
}

fn is_private(stat: &Stat, euid: u32, names: u64) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == euid
        && (1..=names).contains(&stat.st_nlink)
}
