//! Finding the settings file and reading all settings.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::keys::RefusedKey;
use super::script::open_script;
use super::state_dir::PrivatePlaces;
use super::{Config, ConfigError, ConfigProblem, Program, ServedFolders, StateDirError, value};
use crate::files::trusted::{Anywhere, Opened, Readers, TrustedFile};
use crate::files::{FileError, text};
use crate::gateway::Environment;
use crate::session::redis::RedisUrl;

/// Bytes of a `signet.toml` that is read.
const MAX_FILE: usize = 64 * 1024;

/// The name of the settings file in the state folder.
const FILE_NAME: &str = "signet.toml";

/// What tells one state of a file from another: device, number, length and the
/// moment of the last change, in seconds and nanoseconds.
pub(super) type Stamp = (u64, u64, u64, i64, i64);

fn stamp_of(meta: &Metadata) -> Stamp {
    let change = (meta.ctime(), meta.ctime_nsec());
    (meta.dev(), meta.ino(), meta.len(), change.0, change.1)
}

/// The state that a file has now; `None` if there is none.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    Some(stamp_of(&std::fs::metadata(path).ok()?))
}

impl Config {
    /// Finds and reads all settings of `program`.
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
        program: &Program,
        environment: &Environment,
        script: Option<&Path>,
        served: &ServedFolders,
        euid: u32,
    ) -> Result<Self, ConfigError> {
        let own = value::from_program(program.settings)?;
        let variables = value::from_environment(environment)?;
        let given_dir = variables
            .iter()
            .chain(&own)
            .find(|(setting, raw)| setting.name == "STATE_DIR" && !raw.is_null())
            .map(|(_, raw)| raw.absolute().map_err(|wrong| raw.wrong(wrong)))
            .transpose()?;
        let places = PrivatePlaces {
            program: program.name,
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
        let mut config = Self::defaults(program, state_dir, euid);
        config.file = looked_for;
        for (setting, raw) in &own {
            (setting.apply)(&mut config, raw).map_err(|wrong| raw.wrong(wrong))?;
            let has_password = config.redis.as_ref().is_some_and(RedisUrl::has_password);
            if matches!(setting.name, "SECRET_KEY" | "SECRET_KEY_FALLBACKS") || has_password {
                return Err(raw.error(ConfigProblem::SecretInProgram));
            }
        }
        let mut given = match &file {
            Some(file) => {
                let not_text = |err| value::not_text(&file.bytes, &file.path, err);
                value::from_file(text::decode(&file.bytes).map_err(not_text)?, &file.path)?
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
                    let mut unused = Self::defaults(program, config.state_dir.clone(), euid);
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
        given.splice(..0, own);
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
    pub(crate) fn unusable(program: &Program, environment: &Environment, euid: u32) -> Self {
        let nowhere = StateDirError::NoneFound(Vec::new());
        let mut config = Self::defaults(program, Err(nowhere), euid);
        config.debug = value::debug_in_environment(environment);
        config
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
