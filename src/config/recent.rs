//! The settings and keys of a process that answers many requests, and its
//! connections to Redis.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Config, ConfigError, SessionType, Stamp, stamp};
use crate::gateway::MetaVariables;
use crate::session::retired_keys;

/// The settings and keys of the last request, for the next one if they are
/// still so.
///
/// They are read anew when a file of theirs has changed, when the web server
/// says something else about our surroundings, and in each new second, as
/// somebody may have changed the folders that were looked at.
#[derive(Debug, Default)]
pub(crate) struct RecentConfig {
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    surroundings: Vec<(Vec<u8>, Vec<u8>)>,
    second: u64,
    files: Vec<(PathBuf, Option<Stamp>)>,
    config: Arc<Config>,
}

impl RecentConfig {
    /// As [`Config::load`] at `now`, in Unix seconds. `argument` is the same for
    /// all requests of a process.
    ///
    /// # Errors
    ///
    /// As [`Config::load`]; those are found anew each time.
    pub(crate) fn load(
        &mut self,
        vars: &MetaVariables,
        argument: Option<&OsStr>,
        euid: u32,
        now: u64,
    ) -> Result<Arc<Config>, ConfigError> {
        if let Some(last) = &self.last
            && last.second == now
            && surroundings(vars).eq(last.surroundings.iter().map(|(n, v)| (&**n, &**v)))
            && last.files.iter().all(|(path, state)| stamp(path) == *state)
        {
            return Ok(Arc::clone(&last.config));
        }
        let config = Arc::new(Config::load(vars, argument, euid)?);
        if let Some(last) = &self.last {
            config.keep_connections_of(&last.config);
        }
        self.last = Some(Last {
            surroundings: surroundings(vars)
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .collect(),
            second: now,
            files: config.files(),
            config: Arc::clone(&config),
        });
        Ok(config)
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
                vec![path.with_file_name(retired_keys::RETIRED_FILE_NAME), path]
            }
            (SessionType::Cookie, None) => self.secret_key_file.clone().into_iter().collect(),
        };
        let keys = keys.into_iter().map(|path| {
            let state = stamp(&path);
            (path, state)
        });
        settings.chain(keys).collect()
    }
}

/// The variables without those that differ from request to request and say
/// nothing about settings. One that is missing here costs time, no more.
fn surroundings(vars: &MetaVariables) -> impl Iterator<Item = (&[u8], &[u8])> {
    const OF_THE_REQUEST: [&[u8]; 7] = [
        b"HTTP_",
        b"REMOTE_",
        b"REQUEST_",
        b"CONTENT_",
        b"PATH_",
        b"QUERY_STRING",
        b"SCRIPT_NAME",
    ];
    vars.iter()
        .filter(|(name, _)| !OF_THE_REQUEST.iter().any(|of| name.starts_with(of)))
}
