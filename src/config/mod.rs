//! Every setting: its name (Flask's where Flask has one), default, unit, and
//! where it may come from.
//!
//! Later sources win: default; `signet.toml`; the environment, `SIGNET_`
//! before the name (a web server that redirects inside itself puts any number
//! of `REDIRECT_` before that). Never `HTTP_*`, which clients write; never the
//! parameters of a FastCGI request, which every process that can connect writes.

mod error;
mod keys;
mod recent;
mod served;
mod state_dir;
mod table;
mod value;

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::files::trusted::{Anywhere, Opened, Readers, TrustedFile, TrustedFolder};
use crate::files::{FileError, text};
use crate::gateway::{ApplicationRoot, Environment, MetaVariables, TrustProxy, log};
use crate::session::cookie::{CookiePath, CookieSettings};
use crate::session::key::Key;
use crate::session::redis::{Client, RedisUrl};
use crate::session::revocation::{RevocationFiles, RevocationRedis, Revocations};
use crate::session::signing::{Digest, Signer};
use crate::session::store::{Files, Redis, Store};
use crate::session::{Home, SessionInterface};

pub use error::ConfigError;
pub(crate) use error::{ConfigProblem, Place};
pub(crate) use keys::Keeper;
use keys::RefusedKey;
pub use keys::{KeyError, RotateError};
pub(crate) use recent::RecentConfig;
pub use served::ServedFolders;
use state_dir::PrivatePlaces;
pub use state_dir::{StateDirError, StateDirSource, Tried};
pub use table::{SETTINGS, Setting};
use value::Raw;

/// Bytes of a `signet.toml` that is read.
const MAX_FILE: usize = 64 * 1024;

/// The name of the settings file in the state folder.
const FILE_NAME: &str = "signet.toml";

/// All settings of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// `SECRET_KEY`, if given, and what is wrong with it.
    secret_key: Option<Result<Key, RefusedKey>>,
    fallbacks: Vec<Key>,
    /// Why some of `SECRET_KEY_FALLBACKS` verify nothing.
    pub refused_fallbacks: Vec<String>,
    given_key_file: Option<PathBuf>,
    secret_key_file: Option<Result<TrustedFile, FileError>>,
    given_state_dir: Option<PathBuf>,
    state_dir: Result<TrustedFolder, StateDirError>,
    euid: u32,
    /// `SESSION_COOKIE_*`, `PERMANENT_SESSION_LIFETIME`, `MAX_COOKIE_SIZE`.
    pub cookie: CookieSettings,
    /// `SESSION_COOKIE_PATH`; `None`: the mount.
    pub cookie_path: Option<CookiePath>,
    /// `SESSION_COOKIE_SECURE`; `None`: as the request came.
    pub cookie_secure: Option<bool>,
    /// `SESSION_COOKIE_OMIT_SAMESITE`.
    omit_same_site: bool,
    /// `SESSION_DIGEST`.
    pub digest: Digest,
    /// `SESSION_PERMANENT`: whether a login outlives the browser window.
    pub session_permanent: bool,
    /// `APPLICATION_ROOT`; `None`: found by itself.
    pub application_root: Option<ApplicationRoot>,
    /// `MAX_CONTENT_LENGTH`, bytes.
    pub max_content_length: u64,
    /// `TRUST_PROXY`.
    pub trust_proxy: TrustProxy,
    /// `DEBUG`: whether pages say what only stderr should.
    pub debug: bool,
    templates_dir: Option<PathBuf>,
    /// `SESSION_TYPE`.
    pub session_type: SessionType,
    /// `SESSION_OVERFLOW`: where a session goes that is too large for the
    /// cookie; `None`: nowhere, it is an error.
    pub overflow: Option<StoreType>,
    redis: Option<RedisUrl>,
    /// Made when it was first asked for, and connected when it has to.
    redis_client: OnceLock<Arc<Client>>,
    key_prefix: String,
    given_session_dir: Option<PathBuf>,
    session_file_dir: Option<Result<TrustedFolder, StateDirError>>,
    /// Where settings were read from, or looked for.
    file: Option<PathBuf>,
    file_stamp: Option<Stamp>,
    /// With the key ring as of the second that it was first asked for: a process
    /// that lives longer reads its settings anew in each, as retired keys end.
    signer: OnceLock<Signer>,
}

/// What tells one state of a file from another: device, number, length and the
/// moment of the last change, in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp_of(meta: &Metadata) -> Stamp {
    let change = (meta.ctime(), meta.ctime_nsec());
    (meta.dev(), meta.ino(), meta.len(), change.0, change.1)
}

/// The state that a file has now; `None` if there is none.
fn stamp(path: &Path) -> Option<Stamp> {
    Some(stamp_of(&std::fs::metadata(path).ok()?))
}

/// `SESSION_TYPE`: where sessions live.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SessionType {
    /// In the signed cookie.
    #[default]
    Cookie,
    /// In a store, by id.
    Stored(StoreType),
}

/// What a store is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreType {
    /// Files, in `SESSION_FILE_DIR`.
    Filesystem,
    /// Redis, at `SESSION_REDIS`.
    Redis,
}

impl Config {
    /// Finds and reads all settings.
    ///
    /// `script` is the `#!` script that the kernel started us for, if it is one.
    /// A request has its say by `served` alone, which only adds to what is
    /// refused.
    ///
    /// # Errors
    ///
    /// An unknown name, a wrong type or range, a file that cannot be read:
    /// with name, file and line.
    pub fn load(
        environment: &Environment,
        script: Option<&Path>,
        served: &ServedFolders,
        euid: u32,
    ) -> Result<Self, ConfigError> {
        let variables = value::from_environment(environment)?;
        let given_dir = variables
            .iter()
            .find(|(setting, raw)| setting.name == "STATE_DIR" && !raw.is_null())
            .map(|(_, raw)| raw.absolute().map_err(|wrong| raw.wrong(wrong)))
            .transpose()?;
        let places = PrivatePlaces {
            environment,
            served,
            euid,
        };
        let state_dir = places.find(given_dir.as_deref());

        let named = match (config_file(environment)?, script) {
            (Some(path), _) => {
                let file = TrustedFile::find(&path, euid, &Anywhere)
                    .and_then(|file| file.open(Readers::Anybody));
                Some((path, file.map_err(ConfigError::file)?))
            }
            (None, Some(path)) => open_script(path, euid),
            (None, None) => None,
        };
        let in_state_dir = named.is_none();
        let (looked_for, file) = match (named, &state_dir) {
            (Some((path, opened)), _) => (Some(path), Some(opened)),
            (None, Ok(dir)) => {
                let opened = dir.open_public(FILE_NAME).map_err(ConfigError::file)?;
                (Some(dir.path().join(FILE_NAME)), opened)
            }
            (None, Err(_)) => (None, None),
        };
        let file = match (&looked_for, file) {
            (Some(path), Some(opened)) => Some(ConfigFile::read(path, &opened)?),
            _ => None,
        };
        let mut config = Self::defaults(state_dir, euid);
        config.file = looked_for;
        let mut given = match &file {
            Some(file) => {
                let not_text = |err| value::not_text(&file.bytes, &file.path, err);
                value::from_toml(text::decode(&file.bytes).map_err(not_text)?, &file.path)?
            }
            None => Vec::new(),
        };
        let is_unset = |name| {
            let mut unset = variables.iter().filter(|(_, raw)| raw.is_null());
            unset.any(|(setting, _)| setting.name == name)
        };
        if let Some(file) = &file {
            config.file_stamp = Some(file.stamp);
            for (setting, raw) in &given {
                if in_state_dir && setting.name == "STATE_DIR" {
                    let reason = "the file in the state directory cannot move it";
                    return Err(raw.error(ConfigProblem::Conflict(reason)));
                }
                if is_unset(setting.name) {
                    // It has to be right all the same.
                    let mut unused = Self::defaults(config.state_dir.clone(), euid);
                    (setting.apply)(&mut unused, raw).map_err(|wrong| raw.wrong(wrong))?;
                    continue;
                }
                (setting.apply)(&mut config, raw).map_err(|wrong| raw.wrong(wrong))?;
                if setting.name == "SECRET_KEY" && file.mode & 0o077 != 0 {
                    config.secret_key = Some(Err(RefusedKey::Exposed(file.path.clone())));
                }
                if setting.name == "SESSION_REDIS"
                    && file.mode & 0o077 != 0
                    && config.redis.as_ref().is_some_and(RedisUrl::has_password)
                {
                    return Err(raw.error(ConfigProblem::Exposed));
                }
                if setting.name == "SECRET_KEY_FALLBACKS"
                    && file.mode & 0o077 != 0
                    && !config.fallbacks.is_empty()
                {
                    config.fallbacks.clear();
                    config.refused_fallbacks = vec![format!(
                        "SECRET_KEY_FALLBACKS stands in {}, which other users can read",
                        file.path.display()
                    )];
                }
            }
        }
        given.retain(|(setting, _)| !is_unset(setting.name));
        for (setting, raw) in variables {
            if !raw.is_null() {
                (setting.apply)(&mut config, &raw).map_err(|wrong| raw.wrong(wrong))?;
                given.push((setting, raw));
            }
        }
        if config.given_state_dir.is_some() && config.given_state_dir != given_dir {
            config.state_dir = places.find(config.given_state_dir.as_deref());
        }
        config.check_cookie(&given)?;
        if let (None, Some(path)) = (&config.secret_key, &config.given_key_file) {
            config.secret_key_file = Some(places.key_file(path));
        }
        if let Some(dir) = &config.given_session_dir {
            config.session_file_dir = Some(places.folder("SESSION_FILE_DIR", dir));
        }
        Ok(config)
    }

    /// What is left when [`Config::load`] failed: enough to say so.
    pub(crate) fn unusable(environment: &Environment, euid: u32) -> Self {
        let nowhere = StateDirError::NoneFound(Vec::new());
        let mut config = Self::defaults(Err(nowhere), euid);
        config.debug = value::debug_in_environment(environment);
        config
    }

    /// How sessions are opened and saved.
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if there is no fit place for the store.
    pub(crate) fn session_interface<'c>(
        &'c self,
        keeper: &Keeper<'c>,
    ) -> Result<SessionInterface<'c>, StateDirError> {
        let home = match keeper {
            Keeper::Store(kind) => Home::Store(self.store_of(*kind)?),
            Keeper::Visitor(signer) => {
                let overflow = self.overflow.map(|kind| self.store_of(kind));
                Home::Cookie(signer, overflow.transpose()?)
            }
        };
        let revocations = self.revocations();
        // Both share its time to wait for Redis, if they are there.
        if let Some(client) = self.redis_client.get() {
            client.begin_request();
        }
        Ok(SessionInterface {
            settings: &self.cookie,
            home,
            revocations,
            accepts_any_name: true,
        })
    }

    /// The store that `SESSION_TYPE` or `SESSION_OVERFLOW` names, if one does.
    ///
    /// # Errors
    ///
    /// [`StateDirError`] if there is no fit place for it.
    pub fn store(&self) -> Result<Option<Box<dyn Store>>, StateDirError> {
        let kind = match self.session_type {
            SessionType::Cookie => self.overflow,
            SessionType::Stored(kind) => Some(kind),
        };
        kind.map(|kind| self.store_of(kind)).transpose()
    }

    fn store_of(&self, kind: StoreType) -> Result<Box<dyn Store>, StateDirError> {
        let lifetime = self.cookie.lifetime;
        Ok(match kind {
            StoreType::Filesystem => {
                Box::new(Files::in_folder(self.session_file_dir()?.into(), lifetime))
            }
            StoreType::Redis => {
                let prefix = self.key_prefix.clone();
                Box::new(Redis::new(self.redis(), prefix, lifetime))
            }
        })
    }

    /// Whether ended sessions can be marked, so that
    /// [`revocations`](Self::revocations) are there.
    pub(crate) fn has_revocations(&self) -> bool {
        match self.session_type {
            SessionType::Stored(StoreType::Filesystem) => match &self.session_file_dir {
                Some(dir) => dir.is_ok(),
                None => self.state_dir.is_ok(),
            },
            SessionType::Cookie if self.marks_in_files() => self.state_dir.is_ok(),
            SessionType::Cookie | SessionType::Stored(StoreType::Redis) => true,
        }
    }

    /// With signed cookies. Of several machines with one key, each has to see the
    /// marks, so they are in Redis if there is one.
    fn marks_in_files(&self) -> bool {
        self.redis.is_none() && self.overflow != Some(StoreType::Redis)
    }

    /// Where ended sessions are marked; `None` if there is no place for it.
    pub fn revocations(&self) -> Option<Box<dyn Revocations>> {
        let lifetime = self.cookie.lifetime;
        let sessions;
        let dir = match self.session_type {
            SessionType::Stored(StoreType::Filesystem) => {
                sessions = self.session_file_dir().ok()?;
                &sessions
            }
            SessionType::Cookie if self.marks_in_files() => self.state_dir.as_ref().ok()?,
            SessionType::Cookie | SessionType::Stored(StoreType::Redis) => {
                let prefix = self.key_prefix.clone();
                let marks = RevocationRedis::new(self.redis(), prefix, lifetime);
                return Some(Box::new(marks));
            }
        };
        let dir = dir.own_subfolder("ended").into();
        Some(Box::new(RevocationFiles::in_folder(dir, lifetime)))
    }

    fn redis(&self) -> Arc<Client> {
        let client = || Arc::new(Client::new(self.redis.clone().unwrap_or_default()));
        Arc::clone(self.redis_client.get_or_init(client))
    }

    fn session_file_dir(&self) -> Result<TrustedFolder, StateDirError> {
        match &self.session_file_dir {
            Some(dir) => dir.clone(),
            None => {
                let state_dir = self.state_dir.as_ref().map_err(Clone::clone)?;
                Ok(state_dir.own_subfolder("sessions"))
            }
        }
    }

    /// `SECRET_KEY_FILE`, if that is where the key is from.
    fn named_key_file(&self) -> Option<PathBuf> {
        self.secret_key_file.as_ref()?;
        self.given_key_file.clone()
    }

    /// The effective user.
    pub(crate) fn euid(&self) -> u32 {
        self.euid
    }

    /// Where a site's own pages may lie: `TEMPLATES_DIR`, or `templates/` in
    /// the state directory.
    pub fn templates_dir(&self) -> Option<PathBuf> {
        self.templates_dir
            .clone()
            .or_else(|| Some(self.state_dir.as_ref().ok()?.path().join("templates")))
    }

    /// `TEMPLATES_DIR`, if it was set to what is no folder.
    pub(crate) fn missing_templates_dir(&self) -> Option<&Path> {
        self.templates_dir.as_deref().filter(|dir| !dir.is_dir())
    }

    /// `STATE_DIR`, if it was set.
    pub(crate) fn given_state_dir(&self) -> Option<&Path> {
        self.given_state_dir.as_deref()
    }

    /// The state folder, which need not exist yet, if there is a fit one.
    pub(crate) fn state_dir(&self) -> Option<&Path> {
        Some(self.state_dir.as_ref().ok()?.path())
    }

    /// The settings file that was read.
    pub(crate) fn settings_file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|_| self.file_stamp.is_some())
    }

    /// Whether sessions are kept nowhere but in Redis.
    pub(crate) fn uses_redis_only(&self) -> bool {
        self.session_type == SessionType::Stored(StoreType::Redis)
    }

    /// What is wrong with `STATE_DIR`, if it was set.
    pub(crate) fn refused_state_dir(&self) -> Option<&StateDirError> {
        let refused = self.state_dir.as_ref().err();
        self.given_state_dir.as_ref().and(refused)
    }

    /// The rules that browsers enforce on a cookie as a whole (RFC 6265bis, 5.7),
    /// so that a login does not vanish without a word.
    ///
    /// `given` are the settings that count, in order.
    fn check_cookie(&mut self, given: &[(&Setting, Raw<'_>)]) -> Result<(), ConfigError> {
        let raw_of = |name: &str| {
            let mut last = given.iter().rev();
            last.find_map(|(setting, raw)| (setting.name == name).then_some(raw))
        };
        // What was not given has its default, which is in no conflict.
        let conflict = |name: &str, reason| match raw_of(name) {
            Some(raw) => Err(raw.error(ConfigProblem::Conflict(reason))),
            None => Ok(()),
        };
        if self.omit_same_site {
            conflict(
                "SESSION_COOKIE_SAMESITE",
                "cannot be set together with SESSION_COOKIE_OMIT_SAMESITE",
            )?;
            self.cookie.same_site = None;
        }
        let name = &self.cookie.name;
        if name.is_http_only() && !self.cookie.http_only {
            conflict(
                "SESSION_COOKIE_NAME",
                "this prefix needs SESSION_COOKIE_HTTPONLY, which is set to false",
            )?;
        }
        if name.is_secure_only() {
            if self.cookie_secure == Some(false) {
                conflict(
                    "SESSION_COOKIE_NAME",
                    "this prefix needs SESSION_COOKIE_SECURE, which is set to false",
                )?;
            }
            self.cookie_secure = Some(true);
        }
        if name.is_host_only() {
            if self.cookie.domain.is_some() {
                conflict(
                    "SESSION_COOKIE_NAME",
                    "the __Host- prefix allows no SESSION_COOKIE_DOMAIN",
                )?;
            }
            let root = CookiePath::root();
            if self.cookie_path.as_ref().is_some_and(|path| *path != root) {
                conflict(
                    "SESSION_COOKIE_NAME",
                    "the __Host- prefix allows no SESSION_COOKIE_PATH but \"/\"",
                )?;
            }
            self.cookie_path = Some(root);
        }
        if self.cookie.same_site == Some(cookie::SameSite::None) || self.cookie.partitioned {
            if self.cookie_secure == Some(false) {
                conflict(
                    "SESSION_COOKIE_SECURE",
                    "cannot be false with SESSION_COOKIE_SAMESITE \"None\" or SESSION_COOKIE_PARTITIONED",
                )?;
            }
            self.cookie_secure = Some(true);
        }
        Ok(())
    }
}

/// Whether the environment has settings, right or wrong ones.
pub(crate) fn has_settings(environment: &Environment) -> bool {
    value::from_environment(environment).map_or(true, |variables| !variables.is_empty())
}

struct ConfigFile {
    path: PathBuf,
    bytes: Vec<u8>,
    mode: u32,
    stamp: Stamp,
}

/// `SIGNET_CONFIG`, or `SSL_SIGNET_CONFIG` (suEXEC lets `SSL_*` through).
fn config_file(environment: &Environment) -> Result<Option<PathBuf>, ConfigError> {
    for name in ["SIGNET_CONFIG", "SSL_SIGNET_CONFIG"] {
        if let Some(value) = value::redirected(environment, name) {
            let path = Path::new(OsStr::from_bytes(value));
            if !path.is_absolute() {
                return Err(value::relative_path(name));
            }
            return Ok(Some(path.to_owned()));
        }
    }
    Ok(None)
}

/// The `#!` rule: a text file whose first line is `#!/path/of/signet` is a
/// script, and the kernel passes its path as our first argument.
///
/// Under CGI a query can put any word there, too. So the argument counts only
/// if it is the very file that the server says it started (`SCRIPT_FILENAME`).
///
/// suEXEC starts it by its name alone; then the path is the server's.
pub(crate) fn cgi_script<'a>(
    argument: Option<&'a OsStr>,
    request: &'a MetaVariables,
) -> Option<&'a Path> {
    let argument = Path::new(argument?);
    let path = request.path("SCRIPT_FILENAME")?;
    let started = std::fs::metadata(path).ok()?;
    let named = std::fs::symlink_metadata(argument).ok()?;
    let path = if argument.is_absolute() {
        argument
    } else {
        path
    };
    is_same_file(&named, &started).then_some(path)
}

/// Opens a script of settings: it has to begin with `#!`, not be the program
/// itself or a symbolic link (as suEXEC has it), and be trusted. One that is not
/// trusted is not read, and logged.
fn open_script(path: &Path, euid: u32) -> Option<(PathBuf, Opened)> {
    let path = std::path::absolute(path).ok()?;
    let meta = std::fs::symlink_metadata(&path).ok()?;
    let itself = std::fs::metadata("/proc/self/exe").ok();
    if !meta.is_file() || itself.is_some_and(|itself| is_same_file(&meta, &itself)) {
        return None;
    }
    let opened = TrustedFile::find(&path, euid, &Anywhere)
        .and_then(|file| file.open(Readers::Anybody))
        .inspect_err(|err| log(format_args!("the settings in {err}; they are not read")))
        .ok()?;
    let mut start = [0; 2];
    opened.file.read_exact_at(&mut start, 0).ok()?;
    (&start == b"#!").then_some((path, opened))
}

fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

impl ConfigFile {
    fn read(path: &Path, opened: &Opened) -> Result<Self, ConfigError> {
        let bytes = opened
            .read(MAX_FILE)
            .map_err(|problem| ConfigError::file(FileError::new(path, problem)))?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            mode: opened.meta.mode(),
            stamp: stamp_of(&opened.meta),
        })
    }
}
