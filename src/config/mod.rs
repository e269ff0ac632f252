//! Every setting: its name (Flask's where Flask has one), default, unit, and
//! where it may come from.
//!
//! Later sources win: default; `signet.toml`; the environment, `SIGNET_`
//! before the name (a web server that redirects inside itself puts any number
//! of `REDIRECT_` before that). Never `HTTP_*`, which clients write; never the
//! parameters of a FastCGI request, which every process that can connect writes.

mod account;
mod error;
mod keys;
mod recent;
mod served;
mod state_dir;
mod table;
mod value;

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::files::text;
use crate::gateway::{ApplicationRoot, Environment, MetaVariables, TrustProxy};
use crate::session::cookie::{CookiePath, CookieSettings};
use crate::session::key::Key;
use crate::session::redis::{Client, RedisUrl};
use crate::session::revocation::{RevocationFiles, RevocationRedis, Revocations};
use crate::session::signing::{Digest, Signer};
use crate::session::store::{Files, Redis, Store};
use crate::session::{Home, SessionInterface};

pub(crate) use account::user_name;
pub use error::ConfigError;
pub(crate) use error::{ConfigProblem, Place};
pub(crate) use keys::Keeper;
use keys::RefusedKey;
pub use keys::{KeyError, RotateError};
pub(crate) use recent::RecentConfig;
pub use served::ServedFolders;
pub use state_dir::{StateDirError, StateDirProblem};
pub use table::{SETTINGS, Setting};
use value::Raw;

/// Bytes of a `signet.toml` that is read.
const MAX_FILE: u64 = 64 * 1024;

/// All settings of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// `SECRET_KEY`, if given, and what is wrong with it.
    secret_key: Option<Result<Key, RefusedKey>>,
    fallbacks: Vec<Key>,
    /// Why some of `SECRET_KEY_FALLBACKS` verify nothing.
    pub refused_fallbacks: Vec<String>,
    secret_key_file: Option<PathBuf>,
    given_state_dir: Option<PathBuf>,
    state_dir: Result<PathBuf, StateDirError>,
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
    session_file_dir: Option<Result<PathBuf, StateDirError>>,
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
        let state_dir = state_dir::find(given_dir.as_deref(), environment, served, euid);

        let named = config_file(environment)?.or_else(|| {
            script
                .filter(|path| is_script(path, euid))
                .map(Path::to_owned)
        });
        let in_state_dir = named.is_none();
        let file = match (&named, &state_dir) {
            (Some(path), _) => Some(read_file(path, euid)?),
            (None, Ok(dir)) => read_file_if_there(&dir.join("signet.toml"), euid)?,
            (None, Err(_)) => None,
        };
        let looked_for = named.or_else(|| Some(state_dir.as_ref().ok()?.join("signet.toml")));
        let mut config = Self::defaults(state_dir, euid);
        config.file = looked_for;
        let mut given = match &file {
            Some(file) => value::from_toml(&file.text, &file.path)?,
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
            config.state_dir =
                state_dir::find(config.given_state_dir.as_deref(), environment, served, euid);
        }
        config.check_cookie(&given)?;
        config.place_key_file(environment, served);
        if let Some(Ok(dir)) = &config.session_file_dir {
            config.session_file_dir = Some(state_dir::check(dir, environment, served, euid));
        }
        Ok(config)
    }

    /// What is left when [`Config::load`] failed: enough to say so.
    pub(crate) fn unusable(environment: &Environment, euid: u32) -> Self {
        let nowhere = StateDirError {
            path: PathBuf::from("state directory"),
            problem: StateDirProblem::Nowhere,
        };
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
        Ok(SessionInterface {
            settings: &self.cookie,
            home,
            revocations: self.revocations(),
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
                Box::new(Files::new(self.session_file_dir()?, self.euid, lifetime))
            }
            StoreType::Redis => {
                let prefix = self.key_prefix.clone();
                Box::new(Redis::new(self.redis(), prefix, lifetime))
            }
        })
    }

    /// Where sessions of a user are marked as ended; `None` without a place.
    pub fn revocations(&self) -> Option<Box<dyn Revocations>> {
        let lifetime = self.cookie.lifetime;
        let dir = match self.session_type {
            SessionType::Stored(StoreType::Filesystem) => self.session_file_dir().ok()?,
            // Of several machines with one key, each has to see the marks.
            SessionType::Cookie
                if self.redis.is_none() && self.overflow != Some(StoreType::Redis) =>
            {
                self.state_dir.clone().ok()?
            }
            _ => {
                let prefix = self.key_prefix.clone();
                let marks = RevocationRedis::new(self.redis(), prefix, lifetime);
                return Some(Box::new(marks));
            }
        };
        let dir = dir.join("ended");
        Some(Box::new(RevocationFiles::new(dir, self.euid, lifetime)))
    }

    fn redis(&self) -> Arc<Client> {
        let client = || Arc::new(Client::new(self.redis.clone().unwrap_or_default()));
        Arc::clone(self.redis_client.get_or_init(client))
    }

    fn session_file_dir(&self) -> Result<PathBuf, StateDirError> {
        match &self.session_file_dir {
            Some(dir) => dir.clone(),
            None => Ok(self.state_dir.clone()?.join("sessions")),
        }
    }

    /// Where a site's own pages may lie: `TEMPLATES_DIR`, or `templates/` in
    /// the state directory.
    pub fn templates_dir(&self) -> Option<PathBuf> {
        self.templates_dir
            .clone()
            .or_else(|| Some(self.state_dir.as_ref().ok()?.join("templates")))
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
        self.state_dir.as_deref().ok()
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
    fn check_cookie(&mut self, given: &[(&Setting, Raw)]) -> Result<(), ConfigError> {
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
    text: String,
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
pub(crate) fn cgi_script<'a>(
    argument: Option<&'a OsStr>,
    request: &MetaVariables,
) -> Option<&'a Path> {
    let path = Path::new(argument?);
    let started = std::fs::metadata(request.path("SCRIPT_FILENAME")?).ok()?;
    let named = std::fs::symlink_metadata(path).ok()?;
    is_same_file(&named, &started).then_some(path)
}

/// Whether a first argument is a script of settings: it has to begin with `#!`,
/// not be the program itself, belong to `euid` or root, and be writable by
/// nobody else.
fn is_script(path: &Path, euid: u32) -> bool {
    // Without following a link, as suEXEC has it; a FIFO must not be opened.
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return false;
    };
    let itself = std::fs::metadata("/proc/self/exe").ok();
    if !meta.is_file()
        || itself.is_some_and(|itself| is_same_file(&meta, &itself))
        || (meta.uid() != euid && meta.uid() != 0)
        || meta.mode() & 0o022 != 0
    {
        return false;
    }
    let mut start = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && &start == b"#!"
}

fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn read_file_if_there(path: &Path, euid: u32) -> Result<Option<ConfigFile>, ConfigError> {
    match std::fs::symlink_metadata(path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => read_file(path, euid).map(Some),
    }
}

fn read_file(path: &Path, euid: u32) -> Result<ConfigFile, ConfigError> {
    let unreadable = |err| ConfigError::unreadable(path, &err, euid);
    let refused = |problem| Err(ConfigError::file(path, problem));
    // NONBLOCK: a pipe that somebody planted must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = openat(CWD, path, flags, Mode::empty()).map_err(|err| unreadable(err.into()))?;
    let file = File::from(fd);
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return refused(ConfigProblem::NotAFile);
    }
    if meta.len() > MAX_FILE {
        return refused(ConfigProblem::TooLarge(MAX_FILE));
    }
    if meta.mode() & 0o002 != 0 {
        return refused(ConfigProblem::Writable);
    }
    let mut bytes = Vec::new();
    // To the length that was checked, and no further.
    file.take(meta.len())
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let text = text::decode(&bytes).map_err(|err| value::not_text(&bytes, path, err))?;
    Ok(ConfigFile {
        path: path.to_owned(),
        text: text.to_owned(),
        mode: meta.mode(),
        stamp: stamp_of(&meta),
    })
}
