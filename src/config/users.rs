//! Where the files of users and groups are.

use super::{Config, StateDirError};
use crate::files::FileError;
use crate::files::shared::SharedFile;

/// The name of the users file in the state folder.
pub(crate) const FILE_NAME: &str = "users";

/// Why there is no place for a users file.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UsersFileError {
    /// The path that `USERS_FILE` names is not trusted.
    Named(FileError),
    /// There is no state folder.
    StateDir(StateDirError),
}

error_texts! { UsersFileError:
    Self::Named(err) => "USERS_FILE {err}";
    Self::StateDir(err) => "{err}";
}

from_errors! { UsersFileError:
    StateDir(StateDirError);
}

impl Config {
    /// `USERS_FILE`, or `users` in the state folder. It need not exist.
    ///
    /// # Errors
    ///
    /// Every [`UsersFileError`]
    pub fn users_file(&self) -> Result<SharedFile, UsersFileError> {
        match &self.users_file {
            Some(file) => file.clone().map_err(UsersFileError::Named),
            None => Ok(SharedFile::in_folder(self.state_folder()?, FILE_NAME)),
        }
    }

    /// `GROUPS_FILE`, which need not exist; `None` if it is not set.
    ///
    /// # Errors
    ///
    /// Its path is not trusted.
    pub fn groups_file(&self) -> Result<Option<SharedFile>, FileError> {
        self.groups_file.clone().transpose()
    }

    /// Whether `USERS_FILE` is set: then the file has to exist.
    pub fn names_users_file(&self) -> bool {
        self.given_users_file.is_some()
    }
}
