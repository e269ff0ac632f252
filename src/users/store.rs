//! Reading and changing the users file on the disk.
//!
//! Every change reads the file and replaces it by a new one with the same owner, group
//! and mode, under a lock that all processes of this program take. Apache and `htpasswd`
//! may use the file at the same time.

use super::edit::{self, EditError};
use super::file::{Entry, UsersFile};
use super::hash::PasswordHash;
use super::name::Username;
use crate::files::FileError;
use crate::files::shared::{ChangeError, Content, Patience, SharedFile};

/// Bytes of a users file that is read or written: more than 200 000 users.
pub const MAX_FILE: usize = 16 << 20;

/// Why a users file was not changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be read or replaced.
    Change(ChangeError),
    /// The text cannot be changed.
    Edit(EditError),
    /// The new user has a line already.
    Exists {
        /// The user's name.
        name: Username,
        /// The number of the line, from 1.
        line: usize,
    },
    /// The user has no line.
    Unknown {
        /// The user's name.
        name: Username,
    },
    /// The user has another hash than before, or was removed.
    Superseded {
        /// The user's name.
        name: Username,
    },
}

error_texts! { StoreError:
    Self::Change(err) => "{err}";
    Self::Edit(err) => "{err}";
    Self::Exists { name, line } => "{:?} is in line {line} already", name.as_str();
    Self::Unknown { name } =>
        "there is no user {:?} (upper and lower case differ)", name.as_str();
    Self::Superseded { name } =>
        "{:?} was removed or got another password meanwhile", name.as_str();
}

from_errors! { StoreError:
    Change(ChangeError);
    Edit(EditError);
}

/// What became of a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stored {
    /// There is a new line.
    Added,
    /// The line has another hash.
    Changed,
}

/// The users file; `None` if it does not exist.
///
/// # Errors
///
/// It is not a regular file, has more than [`MAX_FILE`] bytes, another user owns or can
/// write it, or the system cannot read it.
pub fn read(file: &SharedFile) -> Result<Option<Content>, FileError> {
    file.read(MAX_FILE)
}

/// Adds a user. The file is made, mode 0600, if it does not exist.
///
/// # Errors
///
/// [`StoreError::Exists`], [`StoreError::Change`], [`StoreError::Edit`]; then nothing is
/// changed.
pub fn add(file: &SharedFile, name: &Username, hash: &PasswordHash) -> Result<(), StoreError> {
    file.update(Patience::Long, MAX_FILE, |old| {
        if let Some(user) = UsersFile::find_in(old, name.as_str()) {
            let (name, line) = (name.clone(), user.line);
            return Err(StoreError::Exists { name, line });
        }
        Ok(Some(edit::set(old, name, hash)?))
    })
}

/// Gives a user another hash.
///
/// # Errors
///
/// [`StoreError::Unknown`], [`StoreError::Change`], [`StoreError::Edit`]; then nothing is
/// changed.
pub fn change(
    file: &SharedFile,
    patience: Patience,
    name: &Username,
    hash: &PasswordHash,
) -> Result<(), StoreError> {
    file.update(patience, MAX_FILE, |old| {
        if UsersFile::find_in(old, name.as_str()).is_none() {
            return Err(StoreError::Unknown { name: name.clone() });
        }
        Ok(Some(edit::set(old, name, hash)?))
    })
}

/// Gives a user another hash, if the user's own is still that of `user`.
///
/// # Errors
///
/// [`StoreError::Superseded`], [`StoreError::Change`], [`StoreError::Edit`]; then nothing
/// is changed.
pub fn replace(
    file: &SharedFile,
    patience: Patience,
    user: &Entry,
    hash: &PasswordHash,
) -> Result<(), StoreError> {
    let name = &user.name;
    file.update(patience, MAX_FILE, |old| {
        match UsersFile::find_in(old, name.as_str()) {
            Some(found) if found.text == user.text => Ok(Some(edit::set(old, name, hash)?)),
            Some(_) | None => Err(StoreError::Superseded { name: name.clone() }),
        }
    })
}

/// Removes a user.
///
/// # Errors
///
/// [`StoreError::Unknown`], [`StoreError::Change`]; then nothing is changed.
pub fn remove(file: &SharedFile, name: &Username) -> Result<(), StoreError> {
    file.update(Patience::Long, MAX_FILE, |old| {
        let edited = edit::remove(old, name);
        edited
            .map(Some)
            .ok_or_else(|| StoreError::Unknown { name: name.clone() })
    })
}

/// Adds users, or gives them other hashes, in one change. The file is made, mode 0600, if
/// it does not exist. Returns what became of each user.
///
/// # Errors
///
/// [`StoreError::Change`], [`StoreError::Edit`]; then nothing is changed.
pub fn set_all(
    file: &SharedFile,
    patience: Patience,
    users: &[(Username, PasswordHash)],
) -> Result<Vec<Stored>, StoreError> {
    let mut stored = Vec::new();
    file.update(patience, MAX_FILE, |old| {
        stored.clear();
        let mut edited = old.to_vec();
        for (name, hash) in users {
            stored.push(match UsersFile::find_in(&edited, name.as_str()) {
                Some(_) => Stored::Changed,
                None => Stored::Added,
            });
            edited = edit::set(&edited, name, hash)?;
        }
        Ok::<_, StoreError>(Some(edited))
    })?;
    Ok(stored)
}
