//! Finds the settings file and reads all settings.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::script::open_script;
use super::state_dir::PrivatePlaces;
use super::value::{self, Raw};
use super::variable::redirected;
use super::wrong_value::Conflict;
use super::{Config, ConfigError, ConfigProblem, KeyError, Program, ServedFolders, StateDirError};
use crate::files::trusted::{Anywhere, Opened, Readers, TrustedFile, TrustedFolder};
use crate::files::{FileError, FileProblem, join, text};
use crate::gateway::Environment;

/// The most bytes of a settings file.
const MAX_FILE: usize = 64 * 1024;

/// The name of the settings file in the state folder.
const FILE_NAME: &str = "signet.toml";

/// The setting that is needed to find the settings file.
const STATE_DIR: &str = "STATE_DIR";

/// Data that differ if a file has changed: device, inode, length and the time of the last
/// change, in seconds and nanoseconds.
pub(super) type Stamp = (u64, u64, u64, i64, i64);

fn stamp_of(meta: &Metadata) -> Stamp {
    let change = (meta.ctime(), meta.ctime_nsec());
    (meta.dev(), meta.ino(), meta.len(), change.0, change.1)
}

/// The stamp of the file; `None` if it does not exist.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    Some(stamp_of(&std::fs::metadata(path).ok()?))
}

impl Config {
    /// Finds and reads all settings of `program`.
    ///
    /// `script` is the `#!` script for which the kernel started the program, if any. Of a
    /// request, only `served` has an effect: it can make a folder refused, but cannot
    /// choose another one.
    ///
    /// # Errors
    ///
    /// An unknown name, a wrong type or range, or a file that cannot be read. The error
    /// has name, file and line.
    pub fn load(
        program: &Program,
        environment: &Environment,
        script: Option<&Path>,
        served: &ServedFolders,
        euid: u32,
    ) -> Result<Self, ConfigError> {
        let places = PrivatePlaces {
            program: program.name,
            environment,
            served,
            euid,
        };
        Self::read(program, &places, script, Err)
    }

    /// As [`Config::load`]. `mistake` gets each error; if it returns `Ok`, the setting has
    /// its default.
    ///
    /// # Errors
    ///
    /// Those of `mistake`.
    pub(super) fn read<E>(
        program: &Program,
        places: &PrivatePlaces<'_>,
        script: Option<&Path>,
        mut mistake: impl FnMut(ConfigError) -> Result<(), E>,
    ) -> Result<Self, E> {
        let PrivatePlaces {
            environment, euid, ..
        } = *places;
        let own = value::from_program(program.settings, &mut mistake)?;
        let variables = value::from_environment(environment, &mut mistake)?;
        let mut state_dirs = variables.iter().chain(&own).filter(|raw| raw.is(STATE_DIR));
        let given_dir = state_dirs.find(|raw| !raw.is_null());
        let given_dir = unless_wrong(given_dir.map(Raw::absolute).transpose(), &mut mistake)?;
        let given_dir = given_dir.flatten();
        let state_dir = places.find(given_dir.as_deref());
        let file = SettingsFile::find(environment, script, state_dir.as_ref().ok(), euid);
        let file = unless_wrong(file, &mut mistake)?.flatten();
        let in_file = match &file {
            Some(file) => file.settings(&mut mistake)?,
            None => Vec::new(),
        };

        let mut config = Self::defaults(program, state_dir, euid);
        let mut given = own;
        for raw in in_file {
            if raw.is(STATE_DIR) && file.as_ref().is_some_and(|file| file.in_state_dir) {
                mistake(raw.error(ConfigProblem::Conflict(Conflict::StateDirInItself)))?;
                continue;
            }
            let is_unset = |null: &Raw<'_>| null.is_null() && null.is(raw.setting.name);
            match variables.iter().any(is_unset) {
                false => given.push(raw),
                // It is not used, but a mistake in it is an error too.
                true => {
                    let applied = raw.apply(&mut Self::unusable(program, environment, euid));
                    applied.or_else(&mut mistake)?;
                }
            }
        }
        given.extend(variables.into_iter().filter(|raw| !raw.is_null()));
        for raw in &given {
            let applied = raw.apply(&mut config);
            let applied = applied.and_then(|()| raw.refuse_if_exposed(&mut config));
            applied.or_else(&mut mistake)?;
        }
        let is_key = |raw: &&Raw<'_>| raw.is("SECRET_KEY");
        if let Some(Err(KeyError::Weak(reason))) = config.secret_key
            && given
                .iter()
                .rfind(is_key)
                .is_some_and(Raw::is_in_environment)
        {
            config.secret_key = Some(Err(KeyError::WeakVariable(reason)));
        }

        if config.given_state_dir != given_dir {
            config.state_dir = places.find(config.given_state_dir.as_deref());
        }
        config.check_cookie(&given).or_else(&mut mistake)?;
        config.check_guard(&given).or_else(&mut mistake)?;
        config.check_guard_users(&given).or_else(&mut mistake)?;
        if let (None, Some(path)) = (&config.secret_key, &config.given_key_file) {
            config.secret_key_file = Some(places.key_file(path));
        }
        if let Some(dir) = &config.given_session_dir {
            config.session_file_dir = Some(places.folder("SESSION_FILE_DIR", dir));
        }
        if let Some(path) = &config.given_users_file {
            config.users_file = Some(places.users_file(path));
        }
        if let Some(path) = &config.given_groups_file {
            config.groups_file = Some(places.users_file(path));
        }
        if let Some(file) = file {
            config.file_stamp = file.content.as_ref().map(|content| content.stamp);
            config.file = Some(file.path);
        }
        Ok(config)
    }

    /// The settings of the error page if [`Config::load`] failed.
    pub(crate) fn unusable(program: &Program, environment: &Environment, euid: u32) -> Self {
        let nowhere = StateDirError::NoneFound(Vec::new());
        let mut config = Self::defaults(program, Err(nowhere), euid);
        config.debug = value::debug_in_environment(environment);
        config
    }
}

/// The value; `None` if `mistake` accepts its error.
fn unless_wrong<T, E>(
    value: Result<T, ConfigError>,
    mistake: &mut impl FnMut(ConfigError) -> Result<(), E>,
) -> Result<Option<T>, E> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(err) => mistake(err).map(|()| None),
    }
}

/// The settings file, which need not exist.
struct SettingsFile {
    path: PathBuf,
    /// Whether it is the `signet.toml` in the state folder.
    in_state_dir: bool,
    content: Option<Content>,
}

struct Content {
    bytes: Vec<u8>,
    /// Whether other users can read it.
    is_exposed: bool,
    stamp: Stamp,
}

impl SettingsFile {
    /// The file that a variable names; otherwise the script; otherwise the file in the
    /// state folder.
    fn find(
        environment: &Environment,
        script: Option<&Path>,
        state_dir: Option<&TrustedFolder>,
        euid: u32,
    ) -> Result<Option<Self>, ConfigError> {
        let (path, in_state_dir, opened) = if let Some(path) = named_file(environment)? {
            let opened = TrustedFile::find(&path, euid, &Anywhere)
                .and_then(|file| file.open(Readers::Anybody))
                .map_err(ConfigError::file)?;
            (path, false, Some(opened))
        } else if let Some((path, opened)) = script.and_then(|path| open_script(path, euid)) {
            (path, false, Some(opened))
        } else if let Some(folder) = state_dir {
            let opened = folder.open_public(FILE_NAME).map_err(ConfigError::file)?;
            (join(folder.path(), FILE_NAME), true, opened)
        } else {
            return Ok(None);
        };
        let content = opened.map(|opened| Content::read(&opened)).transpose();
        let content =
            content.map_err(|problem| ConfigError::file(FileError::new(&path, problem)))?;
        Ok(Some(Self {
            path,
            in_state_dir,
            content,
        }))
    }

    fn settings<E>(
        &self,
        mistake: &mut impl FnMut(ConfigError) -> Result<(), E>,
    ) -> Result<Vec<Raw<'_>>, E> {
        let Some(content) = &self.content else {
            return Ok(Vec::new());
        };
        let not_text = |err| value::not_text(&content.bytes, &self.path, err);
        let text = text::decode(&content.bytes).map_err(not_text);
        match unless_wrong(text, mistake)? {
            Some(text) => value::from_file(text, &self.path, content.is_exposed, mistake),
            None => Ok(Vec::new()),
        }
    }
}

impl Content {
    fn read(opened: &Opened) -> Result<Self, FileProblem> {
        Ok(Self {
            bytes: opened.read(MAX_FILE)?,
            is_exposed: opened.meta.mode() & 0o077 != 0,
            stamp: stamp_of(&opened.meta),
        })
    }
}

/// `SIGNET_CONFIG`, or `SSL_SIGNET_CONFIG` (suEXEC passes `SSL_*` on).
fn named_file(environment: &Environment) -> Result<Option<PathBuf>, ConfigError> {
    for name in ["SIGNET_CONFIG", "SSL_SIGNET_CONFIG"] {
        if let Some(value) = redirected(environment, name) {
            let path = Path::new(OsStr::from_bytes(value));
            if !path.is_absolute() {
                return Err(value::relative_path(name));
            }
            return Ok(Some(path.to_owned()));
        }
    }
    Ok(None)
}
