//! Where limits and slots have their files, and what is locked if they have none.

use std::fs::File;
use std::path::Path;

use crate::config::{Config, StateDirError};
use crate::files::FileError;
use crate::files::shared::SharedFile;
use crate::files::trusted::{Anywhere, Readers, TrustedFolder};

/// The state folder, for limits and slots.
#[derive(Clone, Debug)]
pub(super) enum StateFolder {
    /// There is a place for it.
    Found {
        /// It need not exist.
        folder: TrustedFolder,
        users: Option<SharedFile>,
    },
    /// There is none, as on a host where programs run as the web server's user.
    Missing {
        /// The users file that `USERS_FILE` names.
        users: SharedFile,
        reason: StateDirError,
    },
}

impl StateFolder {
    /// That of these settings.
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if a setting names a folder that cannot be used, or if there is
    /// neither a folder nor a users file.
    pub(super) fn of(config: &Config) -> Result<Self, StateDirError> {
        match (config.state_folder(), config.users_file()) {
            (Ok(folder), users) => Ok(Self::Found {
                folder: folder.clone(),
                users: users.ok(),
            }),
            (Err(reason @ StateDirError::NoneFound(_)), Ok(users)) => Ok(Self::Missing {
                users,
                reason: reason.clone(),
            }),
            (Err(err), _) => Err(err.clone()),
        }
    }

    /// A folder alone.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the folder is not trusted.
    pub(super) fn at(folder: &Path, euid: u32) -> Result<Self, FileError> {
        Ok(Self::Found {
            folder: TrustedFolder::find(folder, euid, &Anywhere)?,
            users: None,
        })
    }

    /// Opens what is locked if nothing can be written: the folder. Where it does not exist,
    /// the users file is locked.
    pub(super) fn open_to_lock(&self) -> Option<File> {
        let (folder, users) = match self {
            Self::Found { folder, users } => (folder.open(Readers::Anybody).ok()?, users.as_ref()),
            Self::Missing { users, .. } => (None, Some(users)),
        };
        match folder {
            Some(folder) => Some(folder.into()),
            None => Some(users?.open().ok()??.file),
        }
    }
}
