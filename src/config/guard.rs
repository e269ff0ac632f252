//! The settings of protected folders.

use std::path::PathBuf;

use super::table::Table;
use super::value::Raw;
use super::wrong_value::{Conflict, Expected, WrongValue};
use super::{Config, ConfigError, ConfigProblem};
use crate::gateway::UrlPrefix;
use crate::session::cookie::CookiePath;

/// The settings of protected folders.
#[derive(Clone, Debug, Default)]
pub struct GuardSettings {
    /// `GUARD_DIR`: the folder of the URLs below `/files/`.
    pub(super) dir: Option<PathBuf>,
    /// `GUARD_DIRS`: prefixes of URL paths and their folders.
    dirs: Vec<(UrlPrefix, PathBuf)>,
    /// `GUARD_LISTING`: whether a folder without `index.html` shows its names.
    pub listing: bool,
    /// `X_SENDFILE`; `None`: the program sends files itself.
    pub x_sendfile: Option<XSendfile>,
}

/// `X_SENDFILE`: the web server that sends a file which a header names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum XSendfile {
    /// `X-Sendfile`, as lighttpd reads it.
    Lighttpd,
    /// `X-Sendfile`, as Apache's mod_xsendfile reads it.
    Apache,
    /// `X-Accel-Redirect`.
    Nginx,
}

impl GuardSettings {
    /// Sets `GUARD_DIRS`.
    pub(super) fn set_dirs(&mut self, rows: &Table<'_>) -> Result<(), WrongValue> {
        let mut dirs: Vec<(UrlPrefix, PathBuf)> = Vec::new();
        for (prefix, folder) in rows.iter().copied() {
            let wrong = |expected: Expected| WrongValue::from(expected);
            let prefix: UrlPrefix = prefix
                .parse()
                .map_err(|err| wrong(Expected::UrlPrefix(err)).found(format!("{prefix:?}")))?;
            if dirs.iter().any(|(other, _)| *other == prefix) {
                let found = format!("{:?} twice", prefix.as_str());
                return Err(wrong(Expected::OnePrefix).found(found));
            }
            let folder = PathBuf::from(folder);
            if !folder.is_absolute() {
                return Err(wrong(Expected::AbsolutePath).found("a relative one"));
            }
            dirs.push((prefix, folder));
        }
        self.dirs = dirs;
        Ok(())
    }

    /// The prefixes of `GUARD_DIRS`.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &UrlPrefix> {
        self.dirs.iter().map(|(prefix, _)| prefix)
    }
}

impl Config {
    /// Checks that browsers send the session's cookie to all URLs of `GUARD_DIRS`.
    ///
    /// `given` are the settings that are used, in order.
    pub(super) fn check_guard(&self, given: &[Raw<'_>]) -> Result<(), ConfigError> {
        if self.guard.dirs.is_empty() {
            return Ok(());
        }
        let Some(raw) = given.iter().rev().find(|raw| raw.is("GUARD_DIRS")) else {
            return Ok(());
        };
        let covers = |prefix: &UrlPrefix| match (&self.cookie_path, &self.application_root) {
            (Some(path), _) => path.covers(prefix.as_str()),
            (None, Some(root)) => {
                let path: Option<CookiePath> = match root.base() {
                    "" => Some(CookiePath::root()),
                    base => base.parse().ok(),
                };
                path.is_some_and(|path| path.covers(prefix.as_str()))
            }
            // The path of the program's URLs is not known before the first request.
            (None, None) => false,
        };
        if !self.guard.prefixes().all(covers) {
            return Err(raw.error(ConfigProblem::Conflict(Conflict::GuardOutsideCookie)));
        }
        Ok(())
    }
}
