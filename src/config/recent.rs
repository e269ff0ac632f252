//! The settings and keys of a process that answers many requests, and its
//! connections to Redis.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{Stamp, stamp};
use super::served::named;
use super::{Config, ConfigError, Program, ServedFolders, SessionType};
use crate::gateway::{Edge, Environment, MetaVariables};
use crate::session::key::retired;

/// The settings and keys of a FastCGI process, kept from one request to the
/// next while they stay the same.
///
/// They are read again when one of their files has changed, when the web server
/// names other served folders, and in each new second, as somebody may have
/// changed the folders that were checked.
#[derive(Debug)]
pub(crate) struct RecentConfig {
    program: Program,
    environment: Environment,
    /// A FastCGI application's argument is its owner's: no query gets there.
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
    /// The settings of `program` in the process that was started as `edge` says.
    pub(crate) fn new(program: Program, edge: Edge) -> Self {
        Self {
            program,
            environment: edge.vars,
            script: edge.argument,
            euid: edge.euid,
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

    /// As [`Config::unusable`].
    pub(crate) fn unusable(&self) -> Config {
        Config::unusable(&self.program, &self.environment, self.euid)
    }
}

impl Config {
    /// Goes on with those of `before`, if it asks the same Redis.
    fn keep_connections_of(&self, before: &Self) {
        if let Some(client) = before.redis_client.get()
            && self.redis == before.redis
        {
            self.redis_client.get_or_init(|| Arc::clone(client));
        }
    }

    /// The files that settings and keys come from, and their states: of the
    /// settings, the one that was read; of the keys, which are not read yet,
    /// the one that they have now.
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
