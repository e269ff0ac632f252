//! The secret key: checks it, reads it from a file, creates it.
//!
//! The bytes of a key file are the key, so a Flask app can read the same file. One
//! line ending at the end is not a part of it, as editors add one.

mod published_keys;
#[doc(hidden)]
pub mod retired;
mod weak;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::private::{self, Placement, TooOpen};
use crate::files::trusted::{Opened, Readers, TrustedFile, TrustedFolder};
use crate::files::{FileError, FileProblem};
use crate::log::log;
use retired::RETIRED_FILE_NAME;
pub use weak::WeakKey;

/// The fewest bytes of a key: 128 bits.
pub const MIN_LENGTH: usize = 16;

/// The name of the key file in the state folder.
#[doc(hidden)]
pub const FILE_NAME: &str = "secret_key";

/// The most bytes of a key file.
const MAX_FILE: usize = 4096;

/// A secret key. `Debug` does not show its bytes.
#[derive(Clone, Eq, PartialEq)]
pub struct Key(Vec<u8>);

/// The key that signs, and older keys that only verify
/// (`SECRET_KEY_FALLBACKS`).
#[derive(Clone, Debug)]
pub struct Keys {
    signing: Key,
    fallbacks: Vec<Key>,
}

/// Why a key file was refused.
#[derive(Clone, Debug)]
#[doc(hidden)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The key in it is weak.
    Weak {
        /// The key file.
        path: PathBuf,
        /// Why the key is weak.
        reason: WeakKey,
    },
    /// The file or its folder is refused.
    File(FileError),
    /// The system returns no random bytes.
    Random(getrandom::Error),
}

error_texts! { KeyFileError:
    Self::Weak { path, reason } => "the key in {} {reason}", path.display();
    Self::File(err) => "{err}";
    Self::Random(err) => "no random bytes for a new key: {err}";
}

from_errors! { KeyFileError:
    File(FileError);
}

impl Key {
    /// A key of these bytes.
    ///
    /// # Errors
    ///
    /// Every [`WeakKey`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, WeakKey> {
        weak::check(&bytes)?;
        Ok(Self(bytes))
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Keys {
    /// Keys of which `signing` signs and all verify.
    pub fn new(signing: Key, fallbacks: Vec<Key>) -> Self {
        Self { signing, fallbacks }
    }

    /// The key that signs, and the others.
    pub(crate) fn into_parts(self) -> (Key, Vec<Key>) {
        (self.signing, self.fallbacks)
    }
}

/// The text of a new key: 32 random bytes as 64 hex digits, as in Flask's
/// documentation.
///
/// # Errors
///
/// [`getrandom::Error`] if the system returns no random bytes. Weaker sources are not
/// used.
pub fn generate() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(base16ct::lower::encode_string(&bytes))
}

/// Reads the key in a file whose path was checked.
///
/// It may belong to root or the owner of the program. It has to be a regular file
/// with one name that other users can neither write nor read, or in a folder that
/// they cannot enter.
///
/// # Errors
///
/// Every [`KeyFileError`].
pub(crate) fn read_from(file: &TrustedFile) -> Result<Key, KeyFileError> {
    let opened = file.open(Readers::Trusted)?;
    read_opened(&opened).map_err(|err| err.at(file.named()))
}

/// Reads the key in the state folder, which no other user may read.
///
/// # Errors
///
/// Every [`KeyFileError`], also if there is no key.
pub(crate) fn read_own(folder: &TrustedFolder, too_open: TooOpen) -> Result<Key, KeyFileError> {
    let path = || folder.path().join(FILE_NAME);
    let key = read_if_there(folder, too_open)?;
    key.ok_or_else(|| FileError::new(&path(), FileProblem::Missing).into())
}

fn read_if_there(folder: &TrustedFolder, too_open: TooOpen) -> Result<Option<Key>, KeyFileError> {
    let opened = folder.open_own(FILE_NAME, too_open)?;
    if opened.as_ref().is_some_and(|key| key.was_readable) {
        log(format_args!(
            "others may know the secret key: to replace it, delete {FILE_NAME}, or run \
             `signet key rotate` and delete {RETIRED_FILE_NAME}; then everybody logs in again"
        ));
    }
    let key = opened.map(|opened| read_opened(&opened)).transpose();
    key.map_err(|err| err.at(&folder.path().join(FILE_NAME)))
}

/// Why an open file has no usable key.
enum NoKey {
    Weak(WeakKey),
    File(FileProblem),
}

impl NoKey {
    fn at(self, path: &Path) -> KeyFileError {
        match self {
            Self::Weak(reason) => KeyFileError::Weak {
                path: path.to_owned(),
                reason,
            },
            Self::File(problem) => FileError::new(path, problem).into(),
        }
    }
}

/// The key in an open file.
fn read_opened(file: &Opened) -> Result<Key, NoKey> {
    let mut bytes = file.read(MAX_FILE).map_err(NoKey::File)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Key::new(bytes).map_err(NoKey::Weak)
}

/// Reads the key in the state folder. If there is none, key and folder are created.
///
/// If several processes find no key at the same time, one of them writes its key and the
/// others read it.
///
/// # Errors
///
/// Every [`KeyFileError`]. An existing key that is refused is never replaced.
pub(crate) fn read_or_create(folder: &TrustedFolder) -> Result<Key, KeyFileError> {
    if let Some(key) = read_if_there(folder, TooOpen::Corrected)? {
        return Ok(key);
    }
    let opened = folder.make_synced(Readers::Anybody)?;
    let text = generate().map_err(KeyFileError::Random)?;
    match private::put_synced(&opened, FILE_NAME, text.as_bytes(), Placement::New) {
        // Temporary files of killed processes, and of slower ones.
        Ok(()) => private::remove_unfinished(&opened),
        Err(err) => match err.kind() {
            // Another process was faster, and may have removed the file of this one.
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => Ok(()),
            _ => Err(err),
        },
    }
    .map_err(|err| FileError::new(&folder.path().join(FILE_NAME), err))?;
    read_own(folder, TooOpen::Corrected)
}

/// Writes a new key to the file `name`, which must not exist, in `folder`, which must.
///
/// # Errors
///
/// [`KeyFileError::File`] if the folder is refused or the file cannot be written,
/// and [`KeyFileError::Random`].
pub(crate) fn create_file(folder: &TrustedFolder, name: &OsStr) -> Result<(), KeyFileError> {
    let path = folder.path().join(name);
    let missing = || FileError::on_the_way(&path, folder.path(), FileProblem::Missing);
    let opened = folder.open(Readers::Anybody)?.ok_or_else(missing)?;
    let text = generate().map_err(KeyFileError::Random)?;
    // Atomically: a key that a full disk cut off would be refused.
    let put = private::put_synced(&opened, name, text.as_bytes(), Placement::New);
    put.map_err(|err| FileError::new(&path, err).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_the_key() {
        let key = Key::new(b"a rather good key, this one".to_vec()).unwrap();
        let shown = format!("{:?}", Keys::new(key.clone(), vec![key]));
        assert!(!shown.contains("good") && shown.contains(".."), "{shown}");
    }
}
