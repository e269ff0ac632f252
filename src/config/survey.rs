//! All that is known about the settings, also if they cannot be used.

use std::path::Path;
use std::sync::Arc;

use super::state_dir::PrivatePlaces;
use super::{Config, ConfigError, Program, ServedFolders, StateDirSource};
use crate::files::FileError;
use crate::files::trusted::TrustedFolder;
use crate::gateway::Environment;

/// The settings with all mistakes in them, and the default state folders.
pub(crate) struct Survey {
    /// Where a setting is wrong, it has its default. Only for showing: not for a request.
    pub(crate) config: Arc<Config>,
    /// All mistakes in the settings.
    pub(crate) mistakes: Vec<ConfigError>,
    /// The default state folders: each can be used, or why not.
    pub(crate) candidates: Vec<(StateDirSource, Result<TrustedFolder, FileError>)>,
}

impl Survey {
    /// Reads the settings as [`Config::load`] does.
    pub(crate) fn new(
        environment: &Environment,
        script: Option<&Path>,
        served: &ServedFolders,
        euid: u32,
    ) -> Self {
        let program = &Program::SIGNET;
        let places = PrivatePlaces {
            program: program.name,
            environment,
            served,
            euid,
        };
        let mut mistakes = Vec::new();
        let mistake = |err| {
            mistakes.push(err);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(config) = Config::read(program, &places, script, mistake);
        let candidates = places.candidates().collect();
        Self {
            config: Arc::new(config),
            mistakes,
            candidates,
        }
    }
}
