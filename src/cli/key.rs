//! `signet key`.

use std::path::PathBuf;

use super::site::{self, Subject};
use super::{Failure, note, print};
use crate::app::dates::utc;
use crate::config::{KeyError, create_key_file, read_key_file};
use crate::files::FileProblem;
use crate::gateway::ProcessInput;
use crate::session::key::retired::{self, RotateError};
use crate::session::key::{self, KeyFileError};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create a new key of 64 hex digits
    ///
    /// A site does not need this command: the first request creates its key. Use it for
    /// a key that several programs share.
    New {
        /// Write it to FILE, mode 0600, instead of printing it; SECRET_KEY_FILE may name
        /// the file
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Replace the site's key; nobody is logged out
    ///
    /// From now on, cookies are signed with the new key. Cookies that were signed with
    /// the old one are accepted until PERMANENT_SESSION_LIFETIME has passed; then the
    /// old one is removed.
    Rotate,
    /// Check a key file
    Check {
        /// The file; without it, the site's own key
        file: Option<PathBuf>,
    },
}

pub(super) fn run(command: Command, input: &ProcessInput) -> Result<(), Failure> {
    match command {
        Command::New { file: Some(path) } => {
            let path = std::path::absolute(&path).map_err(Failure::new)?;
            site::check_path(path.parent().unwrap_or(&path), input)?;
            create_key_file(&path, &input.vars, input.euid).map_err(Failure::new)
        }
        Command::New { file: None } => {
            let text = key::generate().map_err(Failure::new)?;
            print(format!("{text}\n").as_bytes())
        }
        Command::Rotate => rotate(input),
        Command::Check { file: Some(path) } => {
            let path = std::path::absolute(&path).map_err(Failure::new)?;
            site::check_path(&path, input)?;
            read_key_file(&path, &input.vars, input.euid).map_err(Failure::new)?;
            print(format!("{} is good\n", path.display()).as_bytes())
        }
        Command::Check { file: None } => check(input),
    }
}

fn rotate(input: &ProcessInput) -> Result<(), Failure> {
    let config = site::settings(input, Subject::Key)?;
    if config.names_key() {
        let set = "the key is set by SECRET_KEY or SECRET_KEY_FILE, and not in the state folder";
        return Err(Failure::new(set)
            .hint("set the new key there, and add the old one to the list SECRET_KEY_FALLBACKS"));
    }
    let folder = config.state_folder().map_err(Failure::new)?;
    let lifetime = config.cookie.lifetime;
    retired::rotate(folder, lifetime, input.now).map_err(|err| match err {
        RotateError::Full { .. } => Failure::new(err)
            .hint("nothing was changed; to rotate now, delete that file; users who logged in before the last rotation then have to log in again"),
        RotateError::File(err) => failure(KeyError::File(err)),
    })?;
    let end = utc(input.now.saturating_add(lifetime), "Z");
    note(format_args!(
        "created a new key; cookies of the old one are accepted until {end}"
    ));
    Ok(())
}

/// The failure of a command that needs the site's key.
fn failure(err: KeyError) -> Failure {
    let failure = Failure::new(&err);
    if let KeyError::File(KeyFileError::File(file)) = &err
        && file.problem == FileProblem::Missing
    {
        return failure.hint("the first request that uses a session creates the key");
    }
    failure
}

fn check(input: &ProcessInput) -> Result<(), Failure> {
    let config = site::settings(input, Subject::Key)?;
    let keys = config.existing_keys(input.now).map_err(failure)?;
    for refused in &config.refused_fallbacks {
        note(format_args!("{refused}; it is not used"));
    }
    let place = match config.own_key_file() {
        Some(path) => path.display().to_string(),
        None => "the key that the settings name".to_owned(),
    };
    let (_, older) = keys.into_parts();
    let older = older.len();
    print(format!("{place} is good; older keys that verify: {older}\n").as_bytes())
}
