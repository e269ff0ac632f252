//! Who may open which protected files: the rules of `GUARD_USERS` for paths, and the files
//! `.signet-users` in folders. Where both say something, both must allow it. Without a rule
//! every user may open a file.
//!
//! Neither rules nor groups depend on whether the user is in the users file: whoever calls
//! this has made sure that the user is logged in.

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use rustix::io::Errno;

use super::groups::{Groups, GroupsError};
use super::rules;
use crate::config::{AccessRules, Config, Member};
use crate::files::trusted::open_public_in;
use crate::files::{FileError, FileProblem};
use crate::log::log;
use crate::server::Failure;

/// The rules of a site.
#[derive(Debug)]
pub struct Access<'c> {
    rules: &'c AccessRules,
    groups: Groups,
    euid: u32,
}

impl<'c> Access<'c> {
    /// The rules by these settings, with the groups of this user only.
    ///
    /// # Errors
    ///
    /// The groups are not known: then nobody may open anything.
    pub fn load(config: &'c Config, user: &str) -> Result<Self, GroupsError> {
        let groups = Groups::load_of(config, user)?;
        Ok(Self::new(&config.guard_users, groups, config.euid()))
    }

    /// These rules, for a program that runs as the effective user `euid`.
    pub fn new(rules: &'c AccessRules, groups: Groups, euid: u32) -> Self {
        Self {
            rules,
            groups,
            euid,
        }
    }

    /// The groups of the user in `GROUPS_FILE`, or those that were given.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Refuses a user who may not open a file or folder: see [`Access::allows`].
    pub(crate) fn require<F: AsFd>(
        &self,
        user: &str,
        path: &[&[u8]],
        folders: &[F],
    ) -> Result<(), Failure> {
        match self.allows(user, path, folders) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Forbidden {
                user: user.to_owned(),
            }),
            Err(err) => Err(Failure::Unavailable(Box::new(err))),
        }
    }

    /// Whether the user may open a file or folder: see [`Access::allows_path`] and
    /// [`Access::allows_folders`].
    ///
    /// # Errors
    ///
    /// The system cannot read a file now.
    pub fn allows<F: AsFd>(
        &self,
        user: &str,
        path: &[&[u8]],
        folders: &[F],
    ) -> Result<bool, FileError> {
        Ok(self.allows_path(user, path) && self.allows_folders(user, folders)?)
    }

    /// Whether `GUARD_USERS` lets the user open a path: the names, decoded, that a visitor
    /// sees below the program's own URL (`files`, …) or in the path of `GUARD_DIRS`.
    ///
    /// It needs no file, so that it can be asked before it is known whether the path exists,
    /// and for each line of a listing. Where another file than the one of the URL is sent
    /// (`index.html` for its folder, the target of a symbolic link), both have to be
    /// allowed.
    pub fn allows_path(&self, user: &str, path: &[&[u8]]) -> bool {
        let rule = self.rules.find(path);
        rule.is_none_or(|rule| rules::includes(&rule.members, &self.groups, user))
    }

    /// Whether the nearest `.signet-users` lets the user open what is in the last of these
    /// folders. They begin with the protected folder, and each contains the next one.
    ///
    /// A file that cannot be used lets nobody in; the log says why.
    ///
    /// # Errors
    ///
    /// The system cannot read a file now.
    pub fn allows_folders<F: AsFd>(&self, user: &str, folders: &[F]) -> Result<bool, FileError> {
        match nearest_members(folders, self.euid) {
            Ok(members) => {
                Ok(members.is_none_or(|members| rules::includes(&members, &self.groups, user)))
            }
            Err(err) if is_passing(&err.problem) => Err(err),
            Err(err) => {
                log(format_args!("{err}; nobody may open what is in its folder"));
                Ok(false)
            }
        }
    }
}

/// The names in the nearest file `.signet-users`: the last one in these folders. `None` if
/// there is none.
///
/// # Errors
///
/// The nearest one cannot be used.
pub fn nearest_members<F: AsFd>(
    folders: &[F],
    euid: u32,
) -> Result<Option<Vec<Member>>, FileError> {
    let members = folders.iter().rev().filter_map(|folder| {
        let found = members_in(folder, euid).transpose()?;
        Some(found.map_err(|problem| FileError::new(&path_in(folder), problem)))
    });
    members.into_iter().next().transpose()
}

/// The names in the file `.signet-users` of an open folder; `None` if there is none.
///
/// # Errors
///
/// It is a symbolic link or no regular file, another user owns or can write it, or it is too
/// large or damaged.
pub fn members_in(folder: impl AsFd, euid: u32) -> Result<Option<Vec<Member>>, FileProblem> {
    let Some(file) = open_public_in(folder, rules::FILE_NAME, euid)? else {
        return Ok(None);
    };
    rules::parse(&file.read(rules::MAX_FILE)?).map(Some)
}

/// The path of the file in an open folder, for the log.
fn path_in(folder: &impl AsFd) -> PathBuf {
    let link = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
    let path = std::fs::read_link(link).unwrap_or_else(|_| "a protected folder".into());
    path.join(rules::FILE_NAME)
}

/// Whether the problem is the machine's, and not the file's.
fn is_passing(problem: &FileProblem) -> bool {
    matches!(
        problem,
        FileProblem::System(Errno::IO | Errno::MFILE | Errno::NFILE | Errno::NOMEM)
    )
}
