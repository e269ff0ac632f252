//! Where limits and slots have their files, and what is locked if they have none.

use std::fs::File;

use crate::config::{Config, StateDirError};
use crate::files::shared::SharedFile;
use crate::files::trusted::{Readers, TrustedFolder};

/// The state folder, for limits and slots.
#[derive(Clone, Debug)]
pub(super) enum StateFolder {
    /// It need not exist.
    Found(TrustedFolder),
    /// There is none, as on a host where programs run as the web server's user.
    None {
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
            (Ok(folder), _) => Ok(Self::Found(folder.clone())),
            (Err(reason @ StateDirError::NoneFound(_)), Ok(users)) => Ok(Self::None {
                users,
                reason: reason.clone(),
            }),
            (Err(err), _) => Err(err.clone()),
        }
    }

    /// Opens what is locked if nothing can be written: the folder, or the users file.
    pub(super) fn open_to_lock(&self) -> Option<File> {
        match self {
            Self::Found(folder) => folder.open(Readers::Anybody).ok()?.map(File::from),
            Self::None { users, .. } => Some(users.open().ok()??.file),
        }
    }
}
