//! Goes through all records of a folder: to remove expired ones, and to list
//! them.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Stat, statat};

use super::super::{StoreError, Visit};
use super::{Files, Place, error, remove, unusable};
use crate::files::FileProblem;
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, UNFINISHED};
use crate::session::id::is_lower_hex;
use crate::session::record::Record;

/// Seconds after which a file that was not put in place never will be.
const ABANDONED: u64 = 3600;

enum Entry {
    Folder,
    Name(Place),
}

impl Files {
    /// Removes the record in `place` if it is over at `now`. One that somebody
    /// holds is in use.
    fn remove_if_over(&self, place: &Place, now: u64) -> Result<bool, StoreError> {
        let attempt = lock::try_lock(&place.folder, &place.name, self.dir.euid())
            .map_err(|err| error(err, &place.shown))?;
        let Attempt::Locked(file) = attempt else {
            return Ok(false);
        };
        match self.read(&file, &place.shown) {
            Ok((record, _)) if !record.is_expired(self.lifetime, now) => return Ok(false),
            // By its name, owner and age it is what is left of a session.
            Ok(_) | Err(StoreError::Damaged { .. }) => {}
            Err(err) => return Err(err),
        }
        remove(place)?;
        Ok(true)
    }

    /// Looks at one name in a folder of records. Names that no store gave are
    /// none of its business, nor is what it may not read.
    fn sweep_entry(&self, place: &Place, now: u64) -> Result<bool, StoreError> {
        let unfinished = place.name.starts_with(UNFINISHED);
        if !unfinished && !is_record_name(&place.name) {
            return Ok(false);
        }
        let Ok(stat) = statat(&place.folder, &place.name, AtFlags::SYMLINK_NOFOLLOW) else {
            return Ok(false);
        };
        // One that is put in place by a link has two names meanwhile.
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
        // Written just before that time: looking inside costs more.
        if age <= self.lifetime {
            return Ok(false);
        }
        match self.remove_if_over(place, now) {
            Err(StoreError::Refused { .. }) => Ok(false),
            outcome => outcome,
        }
    }

    /// Calls `visit` with every entry of every folder of records, beginning
    /// somewhere by chance, until it returns `false`.
    fn walk(
        &self,
        visit: &mut dyn FnMut(Entry) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let Some(root) = self.root()? else {
            return Ok(());
        };
        for outer_name in self.names(&root, self.dir.path(), 1)? {
            let shown = self.dir.path().join(&outer_name);
            let Some(outer) = self.folder(&root, &outer_name)? else {
                continue;
            };
            for inner_name in self.names(&outer, &shown, 2)? {
                let shown = shown.join(&inner_name);
                let Some(inner) = self.folder(&outer, &inner_name)? else {
                    continue;
                };
                if !visit(Entry::Folder)? {
                    return Ok(());
                }
                let inner = Rc::new(inner);
                for name in self.names(&inner, &shown, 0)? {
                    let place = Place {
                        folder: Rc::clone(&inner),
                        shown: shown.join(&name),
                        name,
                    };
                    if !visit(Entry::Name(place))? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// A folder below the root; one that is none, or was planted, is passed by.
    fn folder(&self, parent: &OwnedFd, name: &str) -> Result<Option<OwnedFd>, StoreError> {
        match private::open_folder(parent, name) {
            Ok(folder) => Ok(folder),
            Err(FileProblem::Link | FileProblem::NotAFolder) => Ok(None),
            Err(problem) => Err(unusable(self.dir.path())(problem)),
        }
    }

    /// The names in a folder, those of `digits` hex digits if that is not 0,
    /// turned round by chance: what always came last would never be swept.
    fn names(
        &self,
        folder: &OwnedFd,
        shown: &Path,
        digits: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let read = private::for_each_name(folder, |name| {
            if let Ok(name) = name.to_str()
                && (digits == 0 || name.len() == digits && is_lower_hex(name))
            {
                names.push(name.to_owned());
            }
            Ok(())
        });
        read.map_err(|err| error(err.into(), shown))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|err| StoreError::Unavailable(format!("no random bytes: {err}")))?;
        if !names.is_empty() {
            let turn = usize::from_ne_bytes(random) % names.len();
            names.rotate_left(turn);
        }
        Ok(names)
    }

    pub(super) fn sweep_some(&self, now: u64, entries: usize) -> Result<usize, StoreError> {
        let (mut left, mut removed) = (entries, 0);
        self.walk(&mut |entry| {
            if let Entry::Name(place) = entry
                && self.sweep_entry(&place, now)?
            {
                removed += 1;
            }
            left = left.saturating_sub(1);
            Ok(left > 0)
        })?;
        Ok(removed)
    }

    pub(super) fn visit_all(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<(), StoreError> {
        self.walk(&mut |entry| {
            let Entry::Name(place) = entry else {
                return Ok(true);
            };
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
            match visit(&record, size) {
                Visit::Next => {}
                Visit::Stop => return Ok(false),
                Visit::Delete => {
                    if let Some(_lock) = self.lock(&place)? {
                        remove(&place)?;
                    }
                }
            }
            Ok(true)
        })
    }
}

fn is_record_name(name: &str) -> bool {
    name.len() == 61 && is_lower_hex(name)
}

fn is_private(stat: &Stat, euid: u32, names: u64) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == euid
        && (1..=names).contains(&stat.st_nlink)
}
