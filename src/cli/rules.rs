//! What is wrong with the rules of who may open what: for `signet user check`.

use std::fmt::Display;

use super::note;
use crate::config::{Config, Member};
use crate::guard::groups::{Groups, GroupsError};
use crate::users::file::UsersFile;

/// The problems of a site's rules, as lines for a person.
pub(super) struct Problems<'u> {
    users: &'u UsersFile,
    groups: Groups,
    lines: Vec<String>,
}

/// Checks the groups and the rules of a site with these users.
pub(super) fn problems(config: &Config, users: &UsersFile) -> Vec<String> {
    let mut problems = Problems {
        users,
        groups: Groups::default(),
        lines: Vec::new(),
    };
    match Groups::load(config) {
        Ok(groups) => problems.groups = groups,
        Err(err @ (GroupsError::File(_) | GroupsError::Missing(_))) => {
            problems.lines.push(err.to_string());
            return problems.lines;
        }
    }
    problems.check_groups();
    problems.check_paths(config);
    problems.lines
}

impl Problems<'_> {
    /// A member who is no user is no problem: Apache may use the file with other users too.
    fn check_groups(&mut self) {
        for line in self.groups.unread_lines() {
            self.lines.push(format!(
                "GROUPS_FILE: line {line} is not read: it has no colon, has a NUL byte, or is not \
                 UTF-8"
            ));
        }
        for (group, users) in self.groups.iter() {
            for user in users.iter().filter(|user| self.users.find(user).is_none()) {
                let comma = if user.ends_with(',') {
                    " (users are separated by blanks, not by commas)"
                } else {
                    ""
                };
                note(format_args!(
                    "GROUPS_FILE: {user:?} in the group {group:?} is no user{comma}"
                ));
            }
        }
    }

    fn check_paths(&mut self, config: &Config) {
        for rule in config.guard_users.iter() {
            let place = format!("GUARD_USERS {:?}", rule.path);
            self.check_members(&place, &rule.members);
        }
    }

    fn check_members(&mut self, place: impl Display, members: &[Member]) {
        for member in members {
            let unknown = match member {
                Member::User(name) if self.users.find(name).is_none() => {
                    format!("there is no user {name:?} (upper and lower case differ)")
                }
                Member::Group(name) if !self.groups.has(name) => {
                    format!("there is no group {name:?} in GROUPS_FILE")
                }
                Member::User(_) | Member::Group(_) => continue,
            };
            self.lines.push(format!("{place}: {unknown}"));
        }
    }
}
