//! What is wrong with the rules of who may open what: for `signet user check`.

use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::note;
use crate::config::{Config, Member};
use crate::guard::access::members_in;
use crate::guard::groups::{Groups, GroupsError};
use crate::guard::own_files;
use crate::guard::rules::FILE_NAME;
use crate::guard::tree::Served;
use crate::users::file::UsersFile;

/// The most folders in which a file is looked for.
const MAX_FOLDERS: usize = 100_000;

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
    for rule in config.guard_users.iter() {
        let place = format!("GUARD_USERS {:?}", rule.path);
        problems.check_members(&place, &rule.members);
    }
    for (dir, path) in config.guard.dirs() {
        // The owners on the way to it are checked as in a request.
        match own_files::open(config, path, Served::ByNobodyElse) {
            Ok(folder) => problems.check_files(folder.path(), config.euid()),
            Err(err) => problems.lines.push(format!("{} {err}", dir.setting())),
        }
    }
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

    /// Checks the files in a folder and in those below it.
    fn check_files(&mut self, root: &Path, euid: u32) {
        let (mut waiting, mut number) = (vec![root.to_owned()], 0);
        while let Some(folder) = waiting.pop() {
            number += 1;
            if number > MAX_FOLDERS {
                let root = root.display();
                self.lines.push(format!(
                    "{root}: only the first {MAX_FOLDERS} folders are checked"
                ));
                return;
            }
            // A folder that cannot be read is not shown to visitors either.
            let Ok(opened) = File::open(&folder) else {
                continue;
            };
            let place = folder.join(FILE_NAME);
            match members_in(&opened, euid) {
                Ok(None) => {}
                Ok(Some(members)) => self.check_members(place.display(), &members),
                Err(problem) => {
                    let place = place.display();
                    self.lines.push(format!("{place}: {problem}"));
                }
            }
            waiting.extend(subfolders(&folder));
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

/// The folders in a folder that visitors can see.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        !is_hidden && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    folders.map(|entry| entry.path()).collect()
}
