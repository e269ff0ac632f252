//! The site that a command is about: the settings and the state folder that its
//! requests use. A command that would find others, because another user runs
//! it, is refused: it would show nothing, or leave files that the requests may
//! not touch.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Failure, complain};
use crate::Edge;
use crate::config::{self, Config, ConfigError, Place, Program, ServedFolders};
use crate::files::accounts::user_name;

/// The user who may read and write whatever others own.
const ROOT: u32 = 0;

/// The settings of the site, for a command on what its requests left.
///
/// Which settings file and state folder are used is said on standard error.
///
/// # Errors
///
/// Settings that are wrong; a site whose requests another user serves; a site
/// that has no state folder yet.
pub(super) fn settings(edge: &Edge) -> Result<Config, Failure> {
    let config = match load(edge) {
        Ok(config) => config,
        Err(err) => {
            check_settings_file(&err, edge)?;
            return Err(Failure::new(err));
        }
    };
    check_owner(&config, edge)?;
    if !config::has_settings(&edge.vars) && config.given_state_dir().is_none() {
        check_existence(&config, edge)?;
    }
    say_sources(&config);
    Ok(config)
}

/// Whether a request that this user makes in a shell is like those of the web
/// server. Settings that are wrong are no error: the request's answer says so.
///
/// # Errors
///
/// A site whose requests another user serves.
pub(super) fn check_request(edge: &Edge) -> Result<(), Failure> {
    let config = match load(edge) {
        Ok(config) => config,
        Err(err) => return check_settings_file(&err, edge),
    };
    check_owner(&config, edge)?;
    let explicit = config::has_settings(&edge.vars) || config.given_state_dir().is_some();
    if edge.euid == ROOT && !explicit {
        check_existence(&config, edge)?;
    }
    say_sources(&config);
    Ok(())
}

/// Whether this user may use `path`, a file or a folder for new ones.
///
/// # Errors
///
/// A path that belongs to another user than this one and root.
pub(super) fn check_path(path: &Path, edge: &Edge) -> Result<(), Failure> {
    match foreign_owner(path, edge.euid) {
        Some(owner) => Err(of_another(path.display(), owner, edge.euid)),
        None => Ok(()),
    }
}

fn load(edge: &Edge) -> Result<Config, ConfigError> {
    let nothing = ServedFolders::default();
    Config::load(
        &Program::SIGNET,
        &edge.vars,
        script(edge),
        &nothing,
        edge.euid,
    )
}

/// The script of settings that was started in the shell.
fn script(edge: &Edge) -> Option<&Path> {
    edge.argument.as_deref().map(Path::new)
}

/// Whether the settings file that `err` is about is another user's.
fn check_settings_file(err: &ConfigError, edge: &Edge) -> Result<(), Failure> {
    match &err.place {
        Place::File { path, .. } => check_path(path, edge),
        Place::Environment { .. } | Place::Program { .. } => Ok(()),
    }
}

/// Whether the requests of the site are served by this user, as far as the
/// owners of its files tell.
fn check_owner(config: &Config, edge: &Edge) -> Result<(), Failure> {
    let euid = edge.euid;
    if let Some(script) = script(edge) {
        check_path(script, edge)?;
    }
    if let Some(dir) = config.given_state_dir() {
        return check_path(dir, edge);
    }
    let own = config.state_dir().filter(|dir| dir.is_dir());
    // An administrator made it for one user.
    let system = Program::SIGNET.name.system_folder();
    if own == Some(&system) {
        return Ok(());
    }
    if let Some(file) = config.settings_file() {
        check_path(file, edge)?;
    }
    if let Some(home) = edge.vars.path("HOME") {
        let dir = home.join(".signet");
        if is_there(&dir) {
            check_path(&dir, edge)?;
        }
    }
    if let Some((program, owner)) = program()
        && is_foreign(owner, euid)
    {
        return Err(of_another(program.display(), owner, euid));
    }
    if is_there(&system) && (own.is_none() || euid == ROOT) {
        check_path(&system, edge)?;
    }
    Ok(())
}

/// Whether there is a state folder: the first request makes it.
fn check_existence(config: &Config, edge: &Edge) -> Result<(), Failure> {
    if config.state_dir().is_some_and(Path::is_dir) || config.uses_redis_only() {
        return Ok(());
    }
    let user = user_name(edge.euid);
    let reason = match config.state_dir() {
        Some(dir) => format!("there is no state folder {} of {user}", dir.display()),
        None => format!("there is no state folder of {user}"),
    };
    Err(Failure::new(reason).hint(
        "run this as the user that the web server runs the program as, with the same SIGNET_ \
         variables (SIGNET_STATE_DIR, SIGNET_CONFIG); a site that nobody has visited has none yet",
    ))
}

/// Says once where settings and state come from, unless `STATE_DIR` says it.
fn say_sources(config: &Config) {
    if let Some(err) = config.refused_state_dir() {
        complain(format_args!("signet: {err}; it is not used"));
    }
    if config.given_state_dir().is_some() {
        return;
    }
    let place = |path: Option<&Path>| match path {
        Some(path) => path.display().to_string(),
        None => "none".to_owned(),
    };
    complain(format_args!(
        "signet: settings file: {}; state folder: {}",
        place(config.settings_file()),
        place(config.state_dir()),
    ));
}

/// The failure of a command on what belongs to `owner`.
fn of_another(what: impl std::fmt::Display, owner: u32, euid: u32) -> Failure {
    let (owner_name, user) = (user_name(owner), user_name(euid));
    let sudo_name = match owner_name.strip_prefix("user ") {
        Some(_) => format!("'#{owner}'"),
        None => owner_name.clone(),
    };
    let program = program().map_or_else(
        || "signet".to_owned(),
        |(path, _)| path.display().to_string(),
    );
    Failure::new(format_args!(
        "{what} belongs to {owner_name}, but this command runs as {user}"
    ))
    .hint(format!(
        "run it as {owner_name}, beginning with: sudo -u {sudo_name} {program}"
    ))
}

/// The path of this program and its owner.
fn program() -> Option<(PathBuf, u32)> {
    let program = Path::new("/proc/self/exe");
    let owner = std::fs::metadata(program).ok()?.uid();
    Some((std::fs::read_link(program).ok()?, owner))
}

/// Whether `owner` is neither this user nor root.
fn is_foreign(owner: u32, euid: u32) -> bool {
    owner != euid && owner != ROOT
}

/// The owner of `path`, or where it is not to be seen of the nearest folder
/// above it, if that is neither this user nor root.
fn foreign_owner(path: &Path, euid: u32) -> Option<u32> {
    let seen = path.ancestors().find_map(|path| {
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        std::fs::metadata(path).ok()
    });
    seen.as_ref()
        .map(Metadata::uid)
        .filter(|owner| is_foreign(*owner, euid))
}

/// Whether something has this name, or may have it where we cannot look.
fn is_there(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(err) => err.kind() == ErrorKind::PermissionDenied,
    }
}
