//! The lists of users' sessions: `listed/HASH` with the hash of a username.
//!
//! Only users with passwords have a list, so there are at most as many as users.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, statat, unlinkat};
use rustix::io::Errno;

use super::super::StoreError;
use super::{Files, unusable};
use crate::files::FileProblem;
use crate::files::lock::{self, Attempt};
use crate::files::private::{self, Placement, UNFINISHED};
use crate::session::id::{hash, is_hash};
use crate::session::listed::{MAX_LIST, SessionList};

/// The folder of the lists, in that of the store.
const FOLDER: &str = "listed";

/// How often a change is tried because other processes create or remove the list at the
/// same time.
const MAX_TRIES: usize = 100;

/// Seconds after which an unfinished file is taken to be left by a process that was killed.
const ABANDONED: u64 = 3600;

impl Files {
    pub(super) fn read_list(&self, user: &str) -> Result<SessionList, StoreError> {
        let Some(folder) = self.lists()? else {
            return Ok(SessionList::default());
        };
        let bytes = private::open(&folder, &hash(user), false, self.dir.euid())
            .and_then(|file| file.map(|file| file.read(MAX_LIST)).transpose())
            .map_err(unusable(&self.dir.path().join(FOLDER)))?;
        Ok(SessionList::parse(&bytes.unwrap_or_default()))
    }

    /// Waits for other changes of the same list, which belongs to one user.
    pub(super) fn replace_list(
        &self,
        user: &str,
        change: &mut dyn FnMut(&mut SessionList),
    ) -> Result<(), StoreError> {
        let root = self.root()?.map_or_else(|| self.make_root(), Ok)?;
        let shown = self.dir.path().join(FOLDER);
        let failed = |problem: FileProblem| unusable(&shown)(problem);
        let folder = private::make_folder(&root, FOLDER).map_err(failed)?;
        let name = hash(user);
        for _ in 0..MAX_TRIES {
            let file = lock::lock(&folder, &name, self.dir.euid()).map_err(failed)?;
            let bytes = file.as_ref().map(|file| file.read(MAX_LIST)).transpose();
            let mut list = SessionList::parse(&bytes.map_err(failed)?.unwrap_or_default());
            change(&mut list);
            let outcome = match (list.keys().is_empty(), &file) {
                (true, None) => Ok(()),
                (true, Some(_)) => unlinkat(&folder, &name, AtFlags::empty()).map_err(Into::into),
                (false, Some(_)) => {
                    private::put(&folder, &name, &list.to_bytes(), Placement::Replace)
                }
                (false, None) => private::put(&folder, &name, &list.to_bytes(), Placement::New),
            };
            match outcome {
                // Another process was faster.
                Err(err) if file.is_none() && err.kind() == io::ErrorKind::AlreadyExists => {}
                outcome => return outcome.map_err(|err| failed(err.into())),
            }
        }
        let words = format!(
            "{}: others changed a list {MAX_TRIES} times in a row",
            shown.display()
        );
        Err(StoreError::Unavailable(words))
    }

    /// Removes lists all of whose sessions have expired: a list is written whenever the time
    /// of the last use of one of them is.
    pub(super) fn sweep_lists(&self, now: u64) -> Result<(), StoreError> {
        let Some(folder) = self.lists()? else {
            return Ok(());
        };
        let mut names = Vec::new();
        private::for_each_name(&folder, |name| {
            names.extend(name.to_str().ok().map(str::to_owned));
            Ok(())
        })
        .map_err(|err: Errno| unusable(&self.dir.path().join(FOLDER))(err.into()))?;
        for name in names {
            let Ok(stat) = statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let age = now.saturating_sub(u64::try_from(stat.st_mtime).unwrap_or_default());
            if stat.st_uid != self.dir.euid() {
                continue;
            }
            // What cannot be removed now stays.
            if name.starts_with(UNFINISHED) {
                // Nobody locks it: it may be a second name of a list.
                if age > ABANDONED {
                    let _ = unlinkat(&folder, &name, AtFlags::empty());
                }
            } else if is_hash(&name)
                && age > self.lifetime
                && let Ok(Attempt::Locked(_lock)) = lock::try_lock(&folder, &name, self.dir.euid())
            {
                let _ = unlinkat(&folder, &name, AtFlags::empty());
            }
        }
        Ok(())
    }

    fn lists(&self) -> Result<Option<OwnedFd>, StoreError> {
        let Some(root) = self.root()? else {
            return Ok(None);
        };
        private::open_folder(&root, FOLDER).map_err(unusable(self.dir.path()))
    }
}
