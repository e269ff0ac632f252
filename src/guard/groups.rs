//! Groups of users, in the format of Apache's `AuthGroupFile`: `name: user user`.
//!
//! Lines are read as Apache's mod_authz_groupfile reads them. A backslash at the end of a
//! line joins the next line to it. Blanks around a line do not count; an empty line and one
//! that begins with `#` mean nothing. The group's name ends at the first colon, and blanks
//! before the colon do not count. Users are separated by blanks; one with blanks in the name
//! is in quotes. Several lines may add users to one group. The names of groups are compared
//! whatever the case of their ASCII letters, those of users byte for byte.
//!
//! A byte order mark is ignored, which Apache takes for a part of the first name.

use std::path::PathBuf;

use super::words;
use crate::config::Config;
use crate::files::FileError;
use crate::server::Failure;

/// Bytes of a groups file that is read.
const MAX_FILE: usize = 4 << 20;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The groups of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Groups {
    groups: Vec<Group>,
    /// The numbers of the lines that are not read, from 1.
    unread: Vec<usize>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Group {
    name: String,
    users: Vec<String>,
}

/// Why the groups of users are not known.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum GroupsError {
    /// The file, or the path to it, is not trusted, or it cannot be read.
    File(FileError),
    /// It does not exist.
    Missing(PathBuf),
}

error_texts! { GroupsError:
    Self::File(err) => "GROUPS_FILE {err}";
    Self::Missing(path) =>
        "GROUPS_FILE {} does not exist: restore it, or remove the setting", path.display();
}

from_errors! { GroupsError:
    File(FileError);
}

impl From<GroupsError> for Failure {
    fn from(err: GroupsError) -> Self {
        Self::Unavailable(Box::new(err))
    }
}

impl Groups {
    /// The groups of `GROUPS_FILE`; none if it is not set.
    ///
    /// # Errors
    ///
    /// Every [`GroupsError`]: then nobody may open what a rule protects.
    pub fn load(config: &Config) -> Result<Self, GroupsError> {
        let Some(file) = config.groups_file()? else {
            return Ok(Self::default());
        };
        let content = file.read(MAX_FILE)?;
        let missing = || GroupsError::Missing(file.path().to_owned());
        Ok(Self::parse(&content.ok_or_else(missing)?.bytes))
    }

    /// Reads a groups file. A line that contains a NUL, has no colon, or is not UTF-8 is not
    /// read: see [`Groups::unread_lines`].
    pub fn parse(file: &[u8]) -> Self {
        let mut groups = Self::default();
        let mut number = 0;
        let mut joined: Vec<u8> = Vec::new();
        let mut first = 1;
        for line in file
            .strip_prefix(MARK)
            .unwrap_or(file)
            .split_inclusive(|b| *b == b'\n')
        {
            number += 1;
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            let body = match body.len() < line.len() {
                true => body.strip_suffix(b"\r").unwrap_or(body),
                false => body,
            };
            match body.strip_suffix(b"\\").filter(|_| line.ends_with(b"\n")) {
                Some(begun) => joined.extend(begun),
                None => {
                    joined.extend(body);
                    groups.add(first, &joined);
                    joined.clear();
                    first = number + 1;
                }
            }
        }
        groups.add(first, &joined);
        groups
    }

    /// Adds the group in a line, if there is one.
    fn add(&mut self, number: usize, line: &[u8]) {
        let line = words::trim(line);
        if line.is_empty() || line.starts_with(b"#") {
            return;
        }
        let text = std::str::from_utf8(line).ok();
        let parts = text.and_then(|text| text.split_once(':'));
        let Some((name, users)) = parts.filter(|_| !line.contains(&0)) else {
            self.unread.push(number);
            return;
        };
        let name = name.trim_end_matches(words::is_blank);
        // Apache takes several colons for one.
        let users = words::words(users.trim_start_matches(':'));
        match self.groups.iter_mut().find(|group| group.is(name)) {
            Some(group) => group.users.extend(users),
            None => self.groups.push(Group {
                name: name.to_owned(),
                users: users.collect(),
            }),
        }
    }

    /// The names of the user's groups, in the order of the file.
    pub fn of<'g>(&'g self, user: &'g str) -> impl Iterator<Item = &'g str> {
        let groups = self.groups.iter().filter(move |group| group.has(user));
        groups.map(|group| &*group.name)
    }

    /// Whether the user is in the group of this name.
    pub fn contains(&self, name: &str, user: &str) -> bool {
        self.groups
            .iter()
            .any(|group| group.is(name) && group.has(user))
    }

    /// Whether there is a group of this name.
    pub fn has(&self, name: &str) -> bool {
        self.groups.iter().any(|group| group.is(name))
    }

    /// All groups with their users, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.groups
            .iter()
            .map(|group| (&*group.name, &*group.users))
    }

    /// The numbers of the lines that are not read, from 1.
    pub fn unread_lines(&self) -> &[usize] {
        &self.unread
    }
}

impl Group {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn has(&self, user: &str) -> bool {
        self.users.iter().any(|other| other == user)
    }
}
