//! The settings of a process. Names are Flask's where Flask has the setting.
//!
//! Each of these sources overrides those before it: the default; the program's own
//! settings; the settings file; the environment, with the prefix `SIGNET_`. (Apache's
//! internal redirects add `REDIRECT_` before that, once or several times.) Settings are
//! never read from `HTTP_*`, which clients send, nor from the parameters of FastCGI
//! requests, which every process that can connect to the socket can send.

mod access;
mod cookie_rules;
mod error;
mod guard;
mod guard_rules;
mod keys;
mod load;
mod login_url;
#[cfg(feature = "users")]
mod own_files;
mod program;
#[cfg(feature = "fastcgi")]
mod recent;
#[cfg(feature = "redis")]
mod redis;
mod script;
mod served;
mod service;
mod state_dir;
mod storage;
#[cfg(feature = "program")]
mod survey;
mod table;
mod users;
mod value;
mod variable;
mod wrong_value;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::files::shared::SharedFile;
use crate::files::trusted::{Readers, TrustedFile, TrustedFolder};
use crate::files::{FileError, join};
use crate::gateway::{ApplicationRoot, Languages, TrustProxy};
use crate::session::cookie::{CookiePath, CookieSettings};
use crate::session::key::Key;
use crate::session::signing::{Digest, Signer};

pub use access::{AccessRule, AccessRuleError, AccessRules, Member};
pub use error::ConfigError;
pub(crate) use error::{ConfigProblem, Place};
pub(crate) use guard::GuardedDir;
pub use guard::{GuardSettings, XSendfile};
pub use keys::KeyError;
pub(crate) use keys::{create_key_file, read_key_file};
use load::Stamp;
pub use login_url::{LoginUrl, LoginUrlError};
pub use program::{Program, ProgramName, WrongProgramName};
#[cfg(feature = "fastcgi")]
pub(crate) use recent::RecentConfig;
pub(crate) use script::cgi_script;
pub use served::ServedFolders;
pub use state_dir::{SERVED_NAMES, StateDirError, StateDirSource, Tried};
pub(crate) use storage::NoSessions;
#[cfg(feature = "program")]
pub(crate) use survey::Survey;
pub use table::{SETTINGS, Setting};
#[cfg(feature = "users")]
pub(crate) use users::FILE_NAME as USERS_FILE_NAME;
pub use users::UsersFileError;

/// All settings of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// `SECRET_KEY`, or why it is refused.
    secret_key: Option<Result<Key, KeyError>>,
    fallbacks: Vec<Key>,
    /// Why some of `SECRET_KEY_FALLBACKS` are not used.
    pub refused_fallbacks: Vec<String>,
    given_key_file: Option<PathBuf>,
    secret_key_file: Option<Result<TrustedFile, FileError>>,
    given_state_dir: Option<PathBuf>,
    state_dir: Result<TrustedFolder, StateDirError>,
    euid: u32,
    /// `SESSION_COOKIE_*`, `PERMANENT_SESSION_LIFETIME`, `MAX_COOKIE_SIZE`.
    pub cookie: CookieSettings,
    /// `SESSION_COOKIE_PATH`; `None`: the base path.
    pub cookie_path: Option<CookiePath>,
    /// `SESSION_COOKIE_SECURE`; `None`: true for requests by HTTPS.
    pub cookie_secure: Option<bool>,
    /// `SESSION_COOKIE_OMIT_SAMESITE`.
    omit_same_site: bool,
    /// `SESSION_DIGEST`.
    pub digest: Digest,
    /// `SESSION_PERMANENT`: whether a new session lasts after the browser is closed.
    pub session_permanent: bool,
    /// `APPLICATION_ROOT`; `None`: found from the request.
    pub application_root: Option<ApplicationRoot>,
    /// `MAX_CONTENT_LENGTH`, bytes.
    pub max_content_length: u64,
    /// `TRUST_PROXY`.
    pub trust_proxy: TrustProxy,
    /// `DEBUG`: whether error pages show the reasons that are otherwise only in the log.
    pub debug: bool,
    /// `LANGUAGES`: those of signet's pages.
    pub languages: Languages,
    /// `DEMO_NOTE`: whether the login page says that any name is accepted.
    pub demo_note: bool,
    /// `LOGIN_URL`: the login of another program, whose sessions have no fingerprint.
    pub login_url: Option<LoginUrl>,
    /// `PASSWORD_CHANGE`: whether users can change their passwords.
    pub password_change: bool,
    /// `GUARD_DIR`, `GUARD_DIRS`, `GUARD_LISTING`, `X_SENDFILE`.
    pub guard: GuardSettings,
    /// Where `GUARD_DIR` is written.
    guard_dir_place: Option<Place>,
    /// Where `GUARD_DIRS` is written.
    guard_dirs_place: Option<Place>,
    #[cfg(feature = "templates")]
    templates_dir: Option<PathBuf>,
    /// `SESSION_TYPE`.
    pub session_type: SessionType,
    /// `SESSION_OVERFLOW`: the store for sessions that are too large for a cookie;
    /// `None`: they are an error.
    pub overflow: Option<StoreType>,
    #[cfg(feature = "redis")]
    redis: redis::RedisSettings,
    given_session_dir: Option<PathBuf>,
    session_file_dir: Option<Result<TrustedFolder, StateDirError>>,
    given_users_file: Option<PathBuf>,
    users_file: Option<Result<SharedFile, FileError>>,
    given_groups_file: Option<PathBuf>,
    groups_file: Option<Result<SharedFile, FileError>>,
    /// `GUARD_USERS`: who may open which protected paths.
    pub guard_users: AccessRules,
    /// `DOCTOR_USERS`: who may open the page `/doctor`.
    pub doctor_users: Vec<String>,
    /// The path of the settings file, which need not exist.
    file: Option<PathBuf>,
    file_stamp: Option<Stamp>,
    /// With the keys that are valid at its first use: retired keys expire, and a process
    /// that answers many requests reads its settings again in each second.
    signer: OnceLock<Arc<Signer>>,
}

/// `SESSION_TYPE`: where sessions are stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SessionType {
    /// In the signed cookie.
    #[default]
    Cookie,
    /// In a store, by id.
    Stored(StoreType),
}

/// The kinds of stores.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreType {
    /// Files, in `SESSION_FILE_DIR`.
    Filesystem,
    /// Redis, at `SESSION_REDIS`.
    #[cfg(feature = "redis")]
    Redis,
}

impl StoreType {
    fn is_in_files(self) -> bool {
        match self {
            Self::Filesystem => true,
            #[cfg(feature = "redis")]
            Self::Redis => false,
        }
    }
}

impl Config {
    /// `SECRET_KEY_FILE`, if the key is read from it.
    pub(crate) fn named_key_file(&self) -> Option<PathBuf> {
        self.secret_key_file.as_ref()?;
        self.given_key_file.clone()
    }

    /// The effective user.
    pub(crate) fn euid(&self) -> u32 {
        self.euid
    }

    /// The folder of a site's own pages: `TEMPLATES_DIR`, or `templates/` in the
    /// state folder.
    #[cfg(feature = "templates")]
    pub fn templates_dir(&self) -> Option<PathBuf> {
        self.templates_dir
            .clone()
            .or_else(|| Some(join(self.state_dir()?, "templates")))
    }

    /// `TEMPLATES_DIR`, if it is set and is not a folder.
    #[cfg(feature = "templates")]
    pub(crate) fn missing_templates_dir(&self) -> Option<&Path> {
        self.templates_dir.as_deref().filter(|dir| !dir.is_dir())
    }

    /// `STATE_DIR`, if it was set.
    pub(crate) fn given_state_dir(&self) -> Option<&Path> {
        self.given_state_dir.as_deref()
    }

    /// The state folder, which need not exist yet; `None` if none can be used.
    pub(crate) fn state_dir(&self) -> Option<&Path> {
        Some(self.state_dir.as_ref().ok()?.path())
    }

    /// As [`Config::state_dir`].
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if none can be used.
    pub(crate) fn state_folder(&self) -> Result<&TrustedFolder, StateDirError> {
        self.state_dir.as_ref().map_err(Clone::clone)
    }

    /// The state folder. It is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if none can be used.
    pub(crate) fn make_state_dir(&self) -> Result<&Path, StateDirError> {
        let folder = self.state_folder()?;
        let made = folder.make(Readers::Anybody);
        made.map_err(|error| StateDirError::Named {
            setting: "STATE_DIR",
            error,
        })?;
        Ok(folder.path())
    }

    /// The settings file that was read.
    pub(crate) fn settings_file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|_| self.file_stamp.is_some())
    }

    /// Whether neither sessions nor revocation marks are in files.
    pub(crate) fn uses_no_files(&self) -> bool {
        match self.session_type {
            SessionType::Stored(kind) => !kind.is_in_files() && !self.marks_in().is_in_files(),
            SessionType::Cookie => false,
        }
    }

    /// Why `STATE_DIR` is refused, if it is set.
    pub(crate) fn refused_state_dir(&self) -> Option<&StateDirError> {
        let refused = self.state_dir.as_ref().err();
        self.given_state_dir.as_ref().and(refused)
    }
}
