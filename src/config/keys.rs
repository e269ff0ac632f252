//! The secret key: from the settings, or from the key file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::state_dir::PrivatePlaces;
use super::{Config, Program, ServedFolders, StateDirError};
use crate::files::private::TooOpen;
use crate::files::trusted::TrustedFolder;
use crate::files::{FileError, FileProblem};
use crate::gateway::Environment;
use crate::session::key::retired;
use crate::session::key::{self, Key, KeyFileError, Keys, WeakKey};
use crate::session::signing::Signer;

/// Why there is no secret key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// `SECRET_KEY` is refused.
    Weak(WeakKey),
    /// The variable `SIGNET_SECRET_KEY` is refused.
    WeakVariable(WeakKey),
    /// `SECRET_KEY` is in a file that others can read.
    Exposed(PathBuf),
    /// The key file in the state folder is refused.
    File(KeyFileError),
    /// The file that `SECRET_KEY_FILE` names is refused.
    NamedFile(KeyFileError),
    /// The file of retired keys is refused.
    Retired(KeyFileError),
    /// There is no state folder.
    StateDir(StateDirError),
}

error_texts! { KeyError:
    Self::Weak(err) => "SECRET_KEY {err}";
    Self::WeakVariable(err) => "SIGNET_SECRET_KEY {err}";
    Self::Exposed(path) => "SECRET_KEY is in {}, which other users can read", path.display();
    Self::File(err) => "{err}";
    Self::NamedFile(err) => "{err}";
    Self::Retired(err) => "{err}";
    Self::StateDir(err) => "{err}";
}

from_errors! { KeyError:
    File(KeyFileError);
    StateDir(StateDirError);
}

/// The rules for paths of key files in commands.
fn signet_places(environment: &Environment, euid: u32) -> PrivatePlaces<'_> {
    PrivatePlaces {
        program: Program::SIGNET.name,
        environment,
        served: const { &ServedFolders::NONE },
        euid,
    }
}

/// Reads the key in the file `path`, absolute, as if `SECRET_KEY_FILE` named it.
pub(crate) fn read_key_file(
    path: &Path,
    environment: &Environment,
    euid: u32,
) -> Result<Key, KeyFileError> {
    let places = signet_places(environment, euid);
    key::read_from(&places.key_file(path)?)
}

/// Writes a new key to the file `path`, absolute, which must not exist. Its folder
/// has to be one in which `SECRET_KEY_FILE` may be.
pub(crate) fn create_key_file(
    path: &Path,
    environment: &Environment,
    euid: u32,
) -> Result<(), KeyFileError> {
    let places = signet_places(environment, euid);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(FileError::new(path, FileProblem::NotAFile).into());
    };
    key::create_file(&TrustedFolder::find(folder, euid, &places)?, name)
}

impl Config {
    /// The keys from `SECRET_KEY`, `SECRET_KEY_FILE`, or the state folder, where one
    /// is created if there is none. `now` is in Unix seconds.
    ///
    /// # Errors
    ///
    /// Every [`KeyError`]: then no cookie can be verified or signed.
    pub fn keys(&self, now: u64) -> Result<Keys, KeyError> {
        self.keys_by(key::read_or_create, TooOpen::Corrected, now)
    }

    /// As [`Config::keys`], but creates no key and corrects no mode.
    ///
    /// # Errors
    ///
    /// Every [`KeyError`], also if there is no key yet.
    pub fn existing_keys(&self, now: u64) -> Result<Keys, KeyError> {
        let looks = TooOpen::Refused;
        self.keys_by(|folder| key::read_own(folder, looks), looks, now)
    }

    fn keys_by(
        &self,
        in_state_dir: impl Fn(&TrustedFolder) -> Result<Key, KeyFileError>,
        too_open: TooOpen,
        now: u64,
    ) -> Result<Keys, KeyError> {
        let mut fallbacks = self.fallbacks.clone();
        let signing = match (&self.secret_key, &self.secret_key_file) {
            (Some(Ok(key)), _) => key.clone(),
            (Some(Err(refused)), _) => return Err(refused.clone()),
            (None, Some(file)) => {
                let file = file.clone().map_err(KeyFileError::from);
                file.and_then(|file| key::read_from(&file))
                    .map_err(KeyError::NamedFile)?
            }
            (None, None) => {
                let dir = self.state_folder()?;
                let signing = in_state_dir(dir)?;
                let retired = retired::read(dir, self.cookie.lifetime, now, too_open);
                fallbacks.extend(retired.map_err(KeyError::Retired)?);
                signing
            }
        };
        Ok(Keys::new(signing, fallbacks))
    }

    /// Whether `SECRET_KEY` or `SECRET_KEY_FILE` is set.
    pub(crate) fn names_key(&self) -> bool {
        self.secret_key.is_some() || self.secret_key_file.is_some()
    }

    /// The key file in the state folder, if the key is read from it.
    pub(crate) fn own_key_file(&self) -> Option<PathBuf> {
        let dir = self.state_dir().filter(|_| !self.names_key())?;
        Some(dir.join(key::FILE_NAME))
    }

    /// The signer of cookies.
    ///
    /// # Errors
    ///
    /// Every [`KeyError`], as [`Config::keys`].
    pub(crate) fn signer(&self, now: u64) -> Result<Arc<Signer>, KeyError> {
        if let Some(signer) = self.signer.get() {
            return Ok(Arc::clone(signer));
        }
        let signer = Arc::new(self.signer_of_now(now)?);
        Ok(Arc::clone(self.signer.get_or_init(|| signer)))
    }

    /// As [`Config::signer`], by the keys that are in the files now.
    ///
    /// # Errors
    ///
    /// As [`Config::keys`].
    pub(crate) fn signer_of_now(&self, now: u64) -> Result<Signer, KeyError> {
        Ok(Signer::new(self.digest, self.keys(now)?))
    }
}
