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

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use super::words;
use crate::config::Config;
use crate::files::{FileError, text};
use crate::server::Failure;

/// Bytes of a groups file that is read. Each request reads it, which takes about a
/// millisecond for this length.
const MAX_FILE: usize = 1 << 20;

/// Names that a line of the log has.
const MAX_SHOWN: usize = 5;

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

/// The bytes of `GROUPS_FILE`; none if it is not set.
fn content(config: &Config) -> Result<Vec<u8>, GroupsError> {
    let Some(file) = config.groups_file()? else {
        return Ok(Vec::new());
    };
    let content = file.read(MAX_FILE)?;
    let missing = || GroupsError::Missing(file.path().to_owned());
    Ok(content.ok_or_else(missing)?.bytes)
}

impl Groups {
    /// The groups of `GROUPS_FILE`; none if it is not set.
    ///
    /// # Errors
    ///
    /// Every [`GroupsError`]: then nobody may open what a rule protects.
    pub fn load(config: &Config) -> Result<Self, GroupsError> {
        Ok(Self::parse(&content(config)?))
    }

    /// The groups of one user in `GROUPS_FILE`, which takes less time: see
    /// [`Groups::parse_of`].
    ///
    /// # Errors
    ///
    /// As [`Groups::load`].
    pub fn load_of(config: &Config, user: &str) -> Result<Self, GroupsError> {
        Ok(Self::parse_of(&content(config)?, user))
    }

    /// Reads a groups file. A line that contains a NUL, has no colon, or is not UTF-8 is not
    /// read: see [`Groups::unread_lines`].
    pub fn parse(file: &[u8]) -> Self {
        Self::parse_lines(file, |_| true)
    }

    /// Reads only the lines of a groups file that can name this user.
    pub fn parse_of(file: &[u8], user: &str) -> Self {
        Self::parse_lines(file, |line| can_name(line, user))
    }

    fn parse_lines(file: &[u8], is_of_use: impl Fn(&str) -> bool) -> Self {
        let mut groups = Self::default();
        let mut numbers = HashMap::new();
        let mut joined: Vec<u8> = Vec::new();
        let mut first = 1;
        for (line, number) in text::lines(file).zip(1..) {
            let body = text::without_end(line);
            match body.strip_suffix(b"\\").filter(|_| line.ends_with(b"\n")) {
                Some(begun) => joined.extend(begun),
                None => {
                    let body = match joined.is_empty() {
                        true => body,
                        false => {
                            joined.extend(body);
                            &joined
                        }
                    };
                    groups.add(first, body, &is_of_use, &mut numbers);
                    joined.clear();
                    first = number + 1;
                }
            }
        }
        groups.add(first, &joined, &is_of_use, &mut numbers);
        groups
    }

    /// Adds the group in a line, if there is one. `numbers` has the places of the groups by
    /// their names in lower case.
    fn add(
        &mut self,
        number: usize,
        line: &[u8],
        is_of_use: impl Fn(&str) -> bool,
        numbers: &mut HashMap<String, usize>,
    ) {
        let text = std::str::from_utf8(line);
        if text.is_ok_and(|text| !is_of_use(text)) {
            return;
        }
        let line = words::trim(line);
        if line.is_empty() || line.starts_with(b"#") {
            return;
        }
        let parts = text.ok().and_then(|text| text.split_once(':'));
        let Some((name, users)) = parts.filter(|_| !line.contains(&0)) else {
            self.unread.push(number);
            return;
        };
        let name = name.trim_matches(words::is_blank);
        // Apache takes several colons for one.
        let users = words::words(users.trim_start_matches(':'));
        let place = numbers.entry(name.to_ascii_lowercase());
        let place = place.or_insert_with(|| {
            let (name, users) = (name.to_owned(), Vec::new());
            self.groups.push(Group { name, users });
            self.groups.len() - 1
        });
        if let Some(group) = self.groups.get_mut(*place) {
            group.users.extend(users);
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

    /// Of which groups the user is, and what may be wrong with others, for the log.
    pub(super) fn about(&self, user: &str) -> String {
        let mut text = match self.of(user).next() {
            None => "who is in no group of GROUPS_FILE".to_owned(),
            Some(_) => format!("who is in {}", shown(self.of(user))),
        };
        if let Some(line) = self.unread.first() {
            text += &format!("; line {line} of GROUPS_FILE is not read, see signet user check");
        }
        text
    }

    /// The numbers of the lines that are not read, from 1.
    pub fn unread_lines(&self) -> &[usize] {
        &self.unread
    }
}

/// The first of these names, in quotation marks, for the log.
pub(super) fn shown<T: fmt::Debug>(mut names: impl Iterator<Item = T>) -> String {
    let first = names.by_ref().take(MAX_SHOWN);
    let first: Vec<String> = first.map(|name| format!("{name:?}")).collect();
    match (first.is_empty(), names.count()) {
        (true, _) => "nobody".to_owned(),
        (false, 0) => first.join(", "),
        (false, more) => format!("{} and {more} more", first.join(", ")),
    }
}

/// Whether the user is one of the words of a line.
fn can_name(line: &str, user: &str) -> bool {
    let is_end = |c: char| words::is_blank(c) || matches!(c, '"' | '\'' | ':');
    let mut places = line.match_indices(user);
    let is_word = places.any(|(at, _)| {
        line[..at].ends_with(is_end) && {
            let after = &line[at + user.len()..];
            after.is_empty() || after.starts_with(is_end)
        }
    });
    // With a backslash, a name can be written otherwise.
    is_word || line.contains('\\')
}

impl Group {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn has(&self, user: &str) -> bool {
        self.users.iter().any(|other| other == user)
    }
}
