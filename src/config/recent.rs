//! The settings, keys and Redis connections of a process that answers many requests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{Stamp, stamp};
use super::served::named;
use super::{Config, ConfigError, Program, ServedFolders, SessionType};
use crate::gateway::{Environment, MetaVariables, ProcessInput, Started};
use crate::session::key::retired;

/// The settings and keys of a FastCGI process, kept from one request to the next.
///
/// They are read again if one of their files has changed, if the web server names
/// other served folders, and in each new second, because the folders on the way to
/// the files may have changed.
#[derive(Debug)]
pub(crate) struct RecentConfig {
    program: Program,
    environment: Arc<Environment>,
    /// The first argument. (By FastCGI, it is not from a query.)
    script: Option<OsString>,
    euid: u32,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    named: [Option<Vec<u8>>; 3],
    second: u64,
    files: Vec<(PathBuf, Option<Stamp>)>,
    config: Arc<Config>,
}

impl RecentConfig {
    /// The settings of `program` in the process with this `input`.
    pub(crate) fn new(program: Program, input: ProcessInput) -> Self {
        Self {
            program,
            environment: Arc::new(input.vars),
            script: input.argument,
            euid: input.euid,
            last: None,
        }
    }

    /// As [`Config::load`] at `now`, in Unix seconds, for a request that names
    /// these served folders.
    ///
    /// # Errors
    ///
    /// As [`Config::load`]; a failed load is repeated for each request.
    pub(crate) fn load(
        &mut self,
        request: &MetaVariables,
        now: u64,
    ) -> Result<Arc<Config>, ConfigError> {
        let named = named(request);
        if let Some(last) = &self.last
            && last.second == now
            && last.named.each_ref().map(Option::as_deref) == named
            && last.files.iter().all(|(path, state)| stamp(path) == *state)
        {
            return Ok(Arc::clone(&last.config));
        }
        let script = self.script.as_deref().map(Path::new);
        let served = ServedFolders::of_fastcgi(request);
        let config = Config::load(&self.program, &self.environment, script, &served, self.euid)?;
        #[cfg(feature = "redis")]
        if let Some(last) = &self.last {
            config.keep_connections_of(&last.config);
        }
        let config = Arc::new(config);
        self.last = Some(Last {
            named: named.map(|value| value.map(<[u8]>::to_vec)),
            second: now,
            files: config.files(),
            config: Arc::clone(&config),
        });
        Ok(config)
    }

    /// Where the settings of its requests come from.
    pub(crate) fn started(&self) -> Started {
        let script = self.script.as_deref().map(Path::new);
        Started::before(Arc::clone(&self.environment), script)
    }

    /// As [`Config::unusable`].
    pub(crate) fn unusable(&self) -> Config {
        Config::unusable(&self.program, &self.environment, self.euid)
    }
}

impl Config {
    /// The files of settings and keys, and their states: of the settings, the state
    /// that was read; of the keys, which are read later, the state now.
    fn files(&self) -> Vec<(PathBuf, Option<Stamp>)> {
        let settings = self.file.iter().map(|path| (path.clone(), self.file_stamp));
        let keys = match (self.session_type, self.own_key_file()) {
            (SessionType::Stored(_), _) => Vec::new(),
            (SessionType::Cookie, Some(path)) => {
                vec![path.with_file_name(retired::RETIRED_FILE_NAME), path]
            }
            (SessionType::Cookie, None) => self.named_key_file().into_iter().collect(),
        };
        let keys = keys.into_iter().map(|path| {
            let state = stamp(&path);
            (path, state)
        });
        settings.chain(keys).collect()
    }
}
