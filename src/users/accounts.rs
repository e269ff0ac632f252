//! Who can log in: anybody by any name, as in the demo, or the users of the users file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::file::{LineProblem, UsersFile};
use super::{store, upload};
use crate::config::{Config, StateDirError, USERS_FILE_NAME, UsersFileError};
use crate::files::FileError;
use crate::files::private::TooOpen;
use crate::files::shared::Content;
use crate::files::trusted::{Readers, TrustedFolder};
use crate::server::Failure;

/// An empty file in the state folder which records that there was a users file. If the
/// users file is missing later, an upload may have deleted it before writing it anew,
/// and nobody may log in by any name meanwhile.
pub(crate) const MARKER: &str = "users.seen";

/// Who can log in.
pub(crate) enum Accounts {
    /// Anybody, by any name: there is no users file, and there never was one.
    Demo,
    /// The users in this file.
    Users(Content),
}

/// Why it is not known who can log in.
#[derive(Debug)]
pub(crate) enum AccountsError {
    /// There is no trusted place for the file.
    Place(UsersFileError),
    /// The file cannot be read.
    File(FileError),
    /// It does not exist, although `USERS_FILE` names it.
    NamedMissing(PathBuf),
    /// It does not exist any more.
    Missing(PathBuf),
    /// It cannot be recorded that there is a users file.
    Marker(FileError),
    /// It has no users.
    Empty {
        path: PathBuf,
        /// What is wrong with the first line that is not read.
        problem: Option<LineProblem>,
    },
}

error_texts! { AccountsError:
    Self::Place(err) => "users file: {err}";
    Self::File(err) => "users file: {err}";
    Self::NamedMissing(path) =>
        "users file: {} does not exist, but USERS_FILE names it: restore it, or remove the \
         setting", path.display();
    Self::Missing(path) =>
        "users file: {} does not exist any more: restore it, or delete {MARKER} in the same \
         folder to let anybody log in by any name", path.display();
    Self::Marker(err) => "users file: {err}; set USERS_FILE to the path of the users file";
    Self::Empty { path, problem } =>
        "users file: {} has no users{}: add one by {} in the state folder, or with htpasswd -B",
        path.display(),
        problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default(),
        upload::FILE_NAME;
}

impl From<AccountsError> for Failure {
    fn from(err: AccountsError) -> Self {
        Self::Unavailable(Box::new(err))
    }
}

impl Accounts {
    /// Who can log in by these settings.
    ///
    /// # Errors
    ///
    /// [`AccountsError`]: then nobody can log in, and no session is a login.
    pub(crate) fn of(config: &Config) -> Result<Self, AccountsError> {
        Self::find(config, TooOpen::Corrected)
    }

    /// As [`Accounts::of`], but nothing is recorded or corrected.
    ///
    /// # Errors
    ///
    /// As [`Accounts::of`].
    #[cfg(feature = "program")]
    pub(crate) fn look(config: &Config) -> Result<Self, AccountsError> {
        Self::find(config, TooOpen::Refused)
    }

    fn find(config: &Config, too_open: TooOpen) -> Result<Self, AccountsError> {
        let file = match config.users_file() {
            Ok(file) => file,
            // One that cannot be used may exist, and have users.
            Err(UsersFileError::StateDir(StateDirError::NoneFound(tried)))
                if !tried.iter().any(|tried| has_users(&tried.error.path)) =>
            {
                return Ok(Self::Demo);
            }
            Err(err) => return Err(AccountsError::Place(err)),
        };
        let users = store::read(&file).map_err(AccountsError::File)?;
        let users = users.map(Self::Users);
        if config.names_users_file() {
            let users = users.ok_or_else(|| AccountsError::NamedMissing(file.path().to_owned()))?;
            // The setting may be missing later, such as while signet.toml is uploaded anew.
            // Until then it stands in for a marker that cannot be written.
            if too_open == TooOpen::Corrected
                && let Ok(folder) = config.state_folder()
                && is_marked(folder, too_open).is_ok_and(|is_marked| !is_marked)
            {
                let _ = mark(folder);
            }
            return Ok(users);
        }
        let folder = config
            .state_folder()
            .map_err(|err| AccountsError::Place(UsersFileError::StateDir(err.clone())))?;
        let is_marked = is_marked(folder, too_open).map_err(AccountsError::Marker)?;
        match users {
            None if is_marked => Err(AccountsError::Missing(file.path().to_owned())),
            None => Ok(Self::Demo),
            Some(users) => {
                if !is_marked && too_open == TooOpen::Corrected {
                    mark(folder).map_err(AccountsError::Marker)?;
                }
                Ok(users)
            }
        }
    }
}

/// Whether a state folder that cannot be used has users all the same.
fn has_users(folder: &Path) -> bool {
    let names = [USERS_FILE_NAME, MARKER];
    names
        .iter()
        .any(|name| match folder.join(name).symlink_metadata() {
            Ok(_) => true,
            Err(err) => err.kind() == ErrorKind::PermissionDenied,
        })
}

/// Refuses a users file by which nobody can log in, as it has no users.
///
/// # Errors
///
/// [`AccountsError::Empty`]
pub(crate) fn check_not_empty(config: &Config, users: &[u8]) -> Result<(), AccountsError> {
    if UsersFile::has_users(users) {
        return Ok(());
    }
    let file = config.users_file().map_err(AccountsError::Place)?;
    Err(AccountsError::Empty {
        path: file.path().to_owned(),
        problem: UsersFile::parse(users).problems().first().cloned(),
    })
}

fn is_marked(folder: &TrustedFolder, too_open: TooOpen) -> Result<bool, FileError> {
    folder.has_own(MARKER, too_open)
}

fn mark(folder: &TrustedFolder) -> Result<(), FileError> {
    folder.make(Readers::Anybody)?;
    folder.make_writable(MARKER)?;
    Ok(())
}
