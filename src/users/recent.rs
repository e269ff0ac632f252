//! Users whom a FastCGI worker has looked up in the users file, until the file changes.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::file::UsersFile;
use super::fingerprint;
use super::hash::PasswordHash;
use crate::files::shared::Content;
use crate::gateway::Interface;
use crate::server::{Context, Failure};
use crate::session::Login;

/// The most names that are kept.
const MAX_NAMES: usize = 1000;

/// Seconds after its last change for which a file is read again each time: it may change
/// once more within one tick of the file system's clock.
const UNSETTLED: u64 = 3;

/// Device, inode, size, and the time of the last change in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(meta: &Metadata) -> Stamp {
    let change = (meta.ctime(), meta.ctime_nsec());
    (meta.dev(), meta.ino(), meta.len(), change.0, change.1)
}

/// The users who were looked up last.
#[derive(Default)]
pub(super) struct RecentUsers(Mutex<Option<Recent>>);

struct Recent {
    path: PathBuf,
    stamp: Stamp,
    users: BTreeMap<String, Found>,
}

impl Recent {
    /// Whether the file is still the one that was read.
    fn is_of(&self, path: &Path) -> bool {
        self.path == path && std::fs::metadata(path).is_ok_and(|meta| stamp(&meta) == self.stamp)
    }

    fn keep(&mut self, name: &str, found: Found) {
        if self.users.len() == MAX_NAMES {
            self.users.clear();
        }
        self.users.insert(name.to_owned(), found);
    }
}

/// What the users file says about a name.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// There is no users file: any name is accepted.
    AnyName,
    /// There is such a user.
    User(PasswordHash),
    /// There is no such user, or nobody can log in by this hash.
    Nobody,
}

impl RecentUsers {
    /// Looks a name up in the users file that `read` returns, unless that was done before
    /// and the file is still the same. `path` is that of the file; `None`: nothing is kept.
    /// `now` is in Unix seconds.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    fn find<E>(
        &self,
        path: Option<&Path>,
        name: &str,
        now: u64,
        read: impl FnOnce() -> Result<Option<Content>, E>,
    ) -> Result<Found, E> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(path), Some(recent)) = (path, recent.as_ref())
            && let Some(found) = recent.users.get(name)
            && recent.is_of(path)
        {
            return Ok(found.clone());
        }
        let Some(content) = read()? else {
            return Ok(Found::AnyName);
        };
        let hash = UsersFile::hash_in(&content.bytes, name);
        let found = hash.map_or(Found::Nobody, Found::User);
        if let Some(path) = path {
            *recent = kept(recent.take(), path, &content.meta, now);
            if let Some(recent) = recent.as_mut() {
                recent.keep(name, found.clone());
            }
        }
        Ok(found)
    }

    /// Judges the username of a session by its fingerprint. `read` returns the users file;
    /// `None` if any name is accepted.
    pub(super) fn judge(
        &self,
        context: &Context,
        name: &str,
        claimed: Option<&str>,
        read: impl FnOnce() -> Result<Option<Content>, Failure>,
    ) -> Result<Login, Failure> {
        let file = match context.interface {
            Interface::FastCgi => context.config.users_file().ok(),
            Interface::Cgi | Interface::CommandLine => None,
        };
        let path = file.as_ref().map(|file| file.path());
        let (hash, claimed) = match (self.find(path, name, context.now, read)?, claimed) {
            (Found::AnyName, _) => return Ok(Login::AnyName),
            (Found::User(_) | Found::Nobody, None) => return Ok(Login::Unproven),
            (Found::Nobody, Some(_)) => return Ok(Login::Ended),
            (Found::User(hash), Some(claimed)) => (hash, claimed),
        };
        let signer = context.config.signer(context.now).map_err(Failure::Key)?;
        let login = fingerprint::judge(claimed, name, &hash, &signer);
        if login != Login::Ended {
            return Ok(login);
        }
        // Another process may have read a new key before this one did.
        let signer = context.config.signer_of_now(context.now);
        let signer = signer.map_err(Failure::Key)?;
        Ok(fingerprint::judge(claimed, name, &hash, &signer))
    }
}

/// What was kept about this file; `None` if nothing can be kept at `now` (Unix seconds).
fn kept(old: Option<Recent>, path: &Path, meta: &Metadata, now: u64) -> Option<Recent> {
    let stamp = stamp(meta);
    let changed = u64::try_from(meta.ctime()).unwrap_or_default();
    if changed.saturating_add(UNSETTLED) > now {
        return None;
    }
    let old = old.filter(|old| old.path == path && old.stamp == stamp);
    Some(old.unwrap_or_else(|| Recent {
        path: path.to_owned(),
        stamp,
        users: BTreeMap::new(),
    }))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_again_after_each_change() {
        let folder = std::env::temp_dir().join(format!("signet-recent-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("users");
        let recent = RecentUsers::default();
        // The hash that was found, and whether the file was read for it.
        let find = |name: &str, age: u64| {
            let mut is_read = false;
            let changed = fs::metadata(&path).unwrap().ctime();
            let now = u64::try_from(changed).unwrap() + age;
            let read = || {
                is_read = true;
                Ok::<_, Infallible>(Some(Content {
                    bytes: fs::read(&path).unwrap(),
                    meta: fs::metadata(&path).unwrap(),
                }))
            };
            let Ok(found) = recent.find(Some(&path), name, now, read);
            let text = match found {
                Found::User(hash) => hash.as_str().to_owned(),
                Found::AnyName | Found::Nobody => String::new(),
            };
            (text, is_read)
        };
        let hash = |cost: u8| format!("$2y$0{cost}${:.<53}", "");
        let found = |cost: u8, is_read: bool| match cost {
            0 => (String::new(), is_read),
            cost => (hash(cost), is_read),
        };
        let file = |ada, bob| format!("ada:{}\nbob:{}\n", hash(ada), hash(bob));
        fs::write(&path, file(4, 5)).unwrap();
        // It may have changed twice in the same tick.
        assert_eq!(find("ada", 0), found(4, true));
        assert_eq!(find("ada", 2), found(4, true));
        assert_eq!(find("ada", 3), found(4, true));
        for _ in 0..2 {
            assert_eq!(find("ada", 3), found(4, false));
        }
        assert_eq!(find("bob", 3), found(5, true));
        assert_eq!(find("eve", 3), found(0, true));
        assert_eq!(find("ada", 3), found(4, false));
        assert_eq!(find("bob", 3), found(5, false));
        assert_eq!(find("eve", 3), found(0, false));
        // Of the same size, in its place.
        fs::write(folder.join("new"), file(6, 7)).unwrap();
        fs::rename(folder.join("new"), &path).unwrap();
        assert_eq!(find("ada", 9), found(6, true));
        assert_eq!(find("bob", 9), found(7, true));
        assert_eq!(find("ada", 9), found(6, false));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn names_are_bounded() {
        let path = std::env::current_exe().unwrap();
        let meta = || fs::metadata(&path).unwrap();
        let now = u64::try_from(meta().ctime()).unwrap() + 10;
        let recent = RecentUsers::default();
        for number in 0..=2 * MAX_NAMES {
            let read = || {
                let bytes = Vec::new();
                Ok::<_, Infallible>(Some(Content {
                    bytes,
                    meta: meta(),
                }))
            };
            let _ = recent.find(Some(&path), &number.to_string(), now, read);
            let kept = recent.0.lock().unwrap();
            assert!(kept.as_ref().unwrap().users.len() <= MAX_NAMES);
        }
    }
}
