//! The settings of protected folders.

use std::path::{Path, PathBuf};

use super::wrong_value::{Expected, WrongValue};
use crate::gateway::UrlPrefix;

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
    /// lighttpd with `x-sendfile`: a path on the disk, percent-encoded. The decoded path
    /// must be UTF-8.
    Lighttpd,
    /// Apache with mod_xsendfile: a path on the disk. Version 0.12, Debian's, does not
    /// decode it, and version 1.0 does: it must be ASCII without control characters and `%`.
    Apache,
    /// nginx: a percent-encoded URL path of an `internal` location. nginx drops other
    /// fields of the response than type, disposition, cookies and caching: the location
    /// has to add `nosniff` and `Vary`.
    Nginx,
}

/// A protected folder, by its setting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GuardedDir {
    /// `GUARD_DIR`.
    Files,
    /// The row of `GUARD_DIRS` with this number.
    Prefix(usize),
}

impl GuardedDir {
    /// The name of the setting.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Self::Files => "GUARD_DIR",
            Self::Prefix(_) => "GUARD_DIRS",
        }
    }
}

impl GuardSettings {
    /// Sets `GUARD_DIRS`.
    pub(super) fn set_dirs(&mut self, rows: &[(&str, &str)]) -> Result<(), WrongValue> {
        let mut dirs: Vec<(UrlPrefix, PathBuf)> = Vec::new();
        for (prefix, folder) in rows.iter().copied() {
            let prefix: UrlPrefix = prefix.parse().map_err(|err| {
                WrongValue::from(Expected::UrlPrefix(err)).found(format!("{prefix:?}"))
            })?;
            if dirs.iter().any(|(other, _)| *other == prefix) {
                let found = format!("{:?} twice", prefix.as_str());
                return Err(WrongValue::from(Expected::OnePrefix).found(found));
            }
            let folder = PathBuf::from(folder);
            if !folder.is_absolute() {
                return Err(WrongValue::from(Expected::AbsolutePath).found("a relative one"));
            }
            dirs.push((prefix, folder));
        }
        self.dirs = dirs;
        Ok(())
    }

    /// Whether `GUARD_DIR` is set.
    pub(crate) fn has_files(&self) -> bool {
        self.dir.is_some()
    }

    /// The path of a protected folder; `None` if its setting is not set.
    pub(crate) fn path(&self, dir: GuardedDir) -> Option<&Path> {
        match dir {
            GuardedDir::Files => self.dir.as_deref(),
            GuardedDir::Prefix(number) => Some(&self.dirs.get(number)?.1),
        }
    }

    /// The prefixes of `GUARD_DIRS`.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &UrlPrefix> {
        self.dirs.iter().map(|(prefix, _)| prefix)
    }

    /// The prefix of a row of `GUARD_DIRS`; `None` for `GUARD_DIR`.
    pub(crate) fn prefix(&self, dir: GuardedDir) -> Option<&UrlPrefix> {
        match dir {
            GuardedDir::Files => None,
            GuardedDir::Prefix(number) => Some(&self.dirs.get(number)?.0),
        }
    }

    /// All protected folders, each with its path.
    #[cfg(feature = "program")]
    pub(crate) fn dirs(&self) -> impl Iterator<Item = (GuardedDir, &Path)> {
        let prefixes = (0..self.dirs.len()).map(GuardedDir::Prefix);
        let all = std::iter::once(GuardedDir::Files).chain(prefixes);
        all.filter_map(|dir| Some((dir, self.path(dir)?)))
    }
}
