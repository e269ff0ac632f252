//! Who may open which protected files: the rules of `GUARD_USERS` for paths, and the files
//! `.signet-users` in folders. Where both say something, both must allow it. Without a rule
//! every user may open a file.
//!
//! Neither rules nor groups depend on whether the user is in the users file: whoever calls
//! this has made sure that the user is logged in.

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use rustix::io::Errno;

use super::groups::{Groups, GroupsError, shown};
use super::rules;
use crate::config::{AccessRule, AccessRules, Config, Member};
use crate::files::trusted::open_public_in;
use crate::files::{FileError, FileProblem};
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

    /// Refuses a user who may not open a file or folder: see [`Access::refusal`].
    pub(crate) fn require<F: AsFd>(
        &self,
        user: &str,
        path: &[&[u8]],
        folders: &[F],
    ) -> Result<(), Failure> {
        match self.refusal(user, path, folders) {
            Ok(None) => Ok(()),
            Ok(Some(refusal)) => Err(Failure::Forbidden {
                user: user.to_owned(),
                reason: refusal.to_string(),
            }),
            Err(err) => Err(Failure::Unavailable(Box::new(err))),
        }
    }

    /// Why the user may not open a file or folder: a rule for its path
    /// ([`Access::allows_path`]), or the `.signet-users` of the nearest folder that has one.
    /// `folders` are those that contain it: they begin with the protected folder, and each
    /// contains the next one.
    ///
    /// # Errors
    ///
    /// The system cannot read a file now.
    pub fn refusal<F: AsFd>(
        &self,
        user: &str,
        path: &[&[u8]],
        folders: &[F],
    ) -> Result<Option<Refusal>, FileError> {
        if let Some(rule) = self.rule_against(user, path) {
            let by = format!("the rule of GUARD_USERS for {:?}", rule.path);
            return Ok(Some(self.refused(user, by, &rule.members)));
        }
        let nearest = folders.iter().rev().find_map(|folder| {
            let members = members_in(folder, self.euid).transpose()?;
            Some((folder, members))
        });
        let Some((folder, members)) = nearest else {
            return Ok(None);
        };
        match members {
            Ok(members) if rules::includes(&members, &self.groups, user) => Ok(None),
            Ok(members) => {
                let by = path_in(folder).display().to_string();
                Ok(Some(self.refused(user, by, &members)))
            }
            Err(problem) => {
                let is_passing = is_passing(&problem);
                let err = FileError::new(&path_in(folder), problem);
                match is_passing {
                    true => Err(err),
                    false => Ok(Some(Refusal::Unusable(err))),
                }
            }
        }
    }

    /// Whether `GUARD_USERS` lets the user open a path: the names, decoded, that a visitor
    /// sees below the program's own URL (`files`, …) or in the path of `GUARD_DIRS`.
    ///
    /// It needs no file, so that it can be asked before it is known whether the path exists,
    /// and for each line of a listing. Where another file than the one of the URL is sent
    /// (`index.html` for its folder, the target of a symbolic link), both have to be
    /// allowed.
    pub fn allows_path(&self, user: &str, path: &[&[u8]]) -> bool {
        self.rule_against(user, path).is_none()
    }

    fn rule_against(&self, user: &str, path: &[&[u8]]) -> Option<&AccessRule> {
        let rule = self.rules.find(path)?;
        (!rules::includes(&rule.members, &self.groups, user)).then_some(rule)
    }

    fn refused(&self, user: &str, by: String, members: &[Member]) -> Refusal {
        Refusal::NoMember {
            user: user.to_owned(),
            by,
            members: shown(members.iter().map(Member::text)),
            groups: self.groups.about(user),
        }
    }
}

/// Why a user may not open something, for the log.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// A rule does not name the user, nor a group of the user.
    NoMember {
        /// Who may not open it.
        user: String,
        /// The rule.
        by: String,
        /// Whom it names.
        members: String,
        /// The user's groups.
        groups: String,
    },
    /// The file `.signet-users` cannot be used, so that it may have refused anybody.
    Unusable(FileError),
}

error_texts! { Refusal:
    Self::NoMember { user, by, members, groups } => "{by} lets in {members}, but not {user:?}, {groups}";
    Self::Unusable(err) => "{err}; nobody may open what is in its folder";
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
