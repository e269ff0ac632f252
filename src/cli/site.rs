//! The site of a command: the settings and the state folder that the requests of the
//! web server use. A command of another user would use others: it would show nothing,
//! or create files that the requests cannot use. So it is refused.

use std::fmt::Display;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Failure, note};
use crate::config::{Config, ConfigError, Place, Program, ServedFolders};
use crate::files::accounts::{self, user_name};
use crate::files::{program_owner, program_path};
use crate::gateway::ProcessInput;

/// The user who can read and write all files.
const ROOT: u32 = 0;

/// The data that a command reads or changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    Key,
    Sessions,
    #[cfg(feature = "users")]
    Users,
    /// Keys and sessions.
    Site,
}

/// The settings of the site, for a command about data that requests have stored. Logs
/// which settings file and state folder are used.
///
/// # Errors
///
/// Wrong settings; requests that another user serves; no state folder yet.
pub(super) fn settings(input: &ProcessInput, subject: Subject) -> Result<Config, Failure> {
    let config = load(input)?.map_err(Failure::new)?;
    check_existence(&config, input, subject)?;
    log_sources(&config);
    Ok(config)
}

/// Checks whether a request of this user in a shell is like those of the web server.
/// Wrong settings are not an error: the response names them.
///
/// # Errors
///
/// Requests that another user serves.
pub(super) fn check_request(input: &ProcessInput) -> Result<(), Failure> {
    if let Ok(config) = load(input)? {
        if input.euid == ROOT && config.given_state_dir().is_none() {
            check_existence(&config, input, Subject::Site)?;
        }
        log_sources(&config);
    }
    Ok(())
}

/// Checks whether this user's command examines the site that requests serve. Wrong settings
/// and a missing state folder are no error: they are findings.
///
/// # Errors
///
/// Requests that another user serves.
pub(super) fn check_doctor(input: &ProcessInput) -> Result<(), Failure> {
    load(input).map(|_| ())
}

/// Checks whether this user may use `path`, a file or a folder for new ones.
///
/// # Errors
///
/// It belongs to another user, who is not root.
pub(super) fn check_path(path: &Path, input: &ProcessInput) -> Result<(), Failure> {
    match foreign_owner(path, input.euid) {
        Some(owner) => Err(of_another(path.display(), owner, input)),
        None => Ok(()),
    }
}

/// The settings, if the owners of the files allow this user's command.
fn load(input: &ProcessInput) -> Result<Result<Config, ConfigError>, Failure> {
    let nothing = ServedFolders::default();
    let config = Config::load(
        &Program::SIGNET,
        &input.vars,
        script(input),
        &nothing,
        input.euid,
    );
    match &config {
        Ok(config) => check_owner(config, input)?,
        Err(err) => match &err.place {
            Place::File { path, .. } => check_path(path, input)?,
            Place::Environment { .. } | Place::Program { .. } => {}
        },
    }
    Ok(config)
}

/// The settings script that was started in the shell.
pub(super) fn script(input: &ProcessInput) -> Option<&Path> {
    input.argument.as_deref().map(Path::new)
}

/// Checks whether this user serves the requests of the site, as far as the owners
/// of its files tell.
fn check_owner(config: &Config, input: &ProcessInput) -> Result<(), Failure> {
    let euid = input.euid;
    if let Some(script) = script(input) {
        check_path(script, input)?;
    }
    if let Some(dir) = config.given_state_dir() {
        return check_path(dir, input);
    }
    let own = config.state_dir().filter(|dir| dir.is_dir());
    // An administrator made it for one user.
    let system = Program::SIGNET.name.system_folder();
    if own == Some(&system) {
        return Ok(());
    }
    if let Some(file) = config.settings_file() {
        check_path(file, input)?;
    }
    if let Some(home) = input.vars.path("HOME") {
        let dir = home.join(".signet");
        if may_exist(&dir) {
            check_path(&dir, input)?;
        }
    }
    if let Some((program, owner)) = program()
        && is_foreign(owner, euid)
    {
        return Err(of_another(program.display(), owner, input));
    }
    if may_exist(&system) && (own.is_none() || euid == ROOT) {
        check_path(&system, input)?;
    }
    Ok(())
}

/// Checks whether the state folder exists, which the first request makes, or the
/// settings name another place for the subject. Other settings do not show that
/// requests of this user serve the site.
fn check_existence(config: &Config, input: &ProcessInput, subject: Subject) -> Result<(), Failure> {
    let is_elsewhere = match subject {
        Subject::Key => config.names_key(),
        #[cfg(feature = "users")]
        Subject::Users => config.names_users_file(),
        Subject::Sessions => config.keeps_sessions_elsewhere(),
        Subject::Site => {
            config.keeps_sessions_elsewhere() && (config.uses_no_files() || config.names_key())
        }
    };
    if is_elsewhere || config.state_dir().is_some_and(Path::is_dir) {
        return Ok(());
    }
    let dir = config.state_dir();
    let dir = dir.map_or(String::new(), |dir| format!(" {}", dir.display()));
    let user = user_name(input.euid);
    Err(
        Failure::new(format_args!("there is no state folder{dir} of {user}")).hint(
            "run this as the user that the web server runs the program as, with the same SIGNET_ \
             variables (SIGNET_STATE_DIR, SIGNET_CONFIG); the first request to a site creates the \
             folder",
        ),
    )
}

/// Logs the settings file and the state folder, unless `STATE_DIR` is set.
fn log_sources(config: &Config) {
    if let Some(err) = config.refused_state_dir() {
        note(format_args!("{err}; it is not used"));
    }
    if config.given_state_dir().is_some() {
        return;
    }
    let place = |path: Option<&Path>| match path {
        Some(path) => path.display().to_string(),
        None => "none".to_owned(),
    };
    note(format_args!(
        "settings file: {}; state folder: {}",
        place(config.settings_file()),
        place(config.state_dir()),
    ));
}

/// The failure of a command about something that belongs to `owner`.
fn of_another(what: impl Display, owner: u32, input: &ProcessInput) -> Failure {
    let (owner_name, user) = (user_name(owner), user_name(input.euid));
    let sudo_name = accounts::name(owner).unwrap_or_else(|| format!("'#{owner}'"));
    let mut command = String::new();
    // What led to this site, because sudo removes variables.
    for name in ["SIGNET_STATE_DIR", "SIGNET_CONFIG", "SSL_SIGNET_CONFIG"] {
        if let Some(path) = input.vars.path(name) {
            command += &format!("{name}={} ", path.display());
        }
    }
    let program = script(input).map(Path::to_owned);
    let program = program.or_else(program_path);
    command += &program.map_or_else(|| "signet".to_owned(), |path| path.display().to_string());
    Failure::new(format_args!(
        "{what} belongs to {owner_name}, but this command runs as {user}"
    ))
    .hint(format!(
        "run it as {owner_name}, beginning with: sudo -u {sudo_name} {command}"
    ))
}

/// The path of this program and its owner.
fn program() -> Option<(PathBuf, u32)> {
    let owner = program_owner()?;
    Some((program_path()?, owner))
}

/// Whether `owner` is neither this user nor root.
fn is_foreign(owner: u32, euid: u32) -> bool {
    owner != euid && owner != ROOT
}

/// The owner of `path`, or of the nearest folder above it that this user can see,
/// if that is neither this user nor root.
fn foreign_owner(path: &Path, euid: u32) -> Option<u32> {
    let seen = path.ancestors().find_map(|path| {
        let is_here = path.as_os_str().is_empty();
        std::fs::metadata(if is_here { Path::new(".") } else { path }).ok()
    });
    seen.as_ref()
        .map(Metadata::uid)
        .filter(|owner| is_foreign(*owner, euid))
}

/// Whether something has this name, or may have it in a folder that this user cannot
/// enter.
fn may_exist(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(err) => err.kind() == ErrorKind::PermissionDenied,
    }
}
