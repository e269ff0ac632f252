//! A users file in the format of Apache's `htpasswd`: `name:hash` in each line.
//!
//! The module `line` says what a line means. As in Apache, the first line with a
//! name decides, also if its hash is refused or missing, and names are compared byte for
//! byte. What Apache would read in another way is a problem, and so is what cannot be
//! used: the owner is told its line, and the other users still work.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;
use std::ops::Range;

use super::hash::{PasswordHash, RefusedHash, Work};
pub use super::line::Flaw;
use super::line::{self, Content, Line};
use super::name::Username;

/// Problems that are kept; a file with more of them is not a users file.
const MAX_PROBLEMS: usize = 100;

/// How many kinds and costs of hashes [`UsersFile::works`] lists: more than a file has
/// whose hashes were made by programs with their defaults of several years.
const MAX_WORKS: usize = 8;

/// A users file that was read: names with their hashes.
#[derive(Clone, Debug, Default)]
pub struct UsersFile {
    users: BTreeMap<Username, Entry>,
    problems: Vec<LineProblem>,
    more_problems: usize,
}

/// A user in a users file. Debugging output has no hash.
#[derive(Clone)]
pub struct Entry {
    /// The name.
    pub name: Username,
    /// The number of the line, from 1.
    pub line: usize,
    /// The hash, or why nobody can log in by this name.
    pub hash: Result<PasswordHash, RefusedHash>,
    /// The text of the hash: empty if there is none.
    pub text: String,
}

/// What is wrong with a line.
#[derive(Clone, Debug)]
pub struct LineProblem {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

error_texts! { LineProblem:
    Self { line, problem } => "line {line}: {problem}";
}

/// Why a line of a users file is not used, or why other programs read it in another
/// way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The line is not read.
    Flaw(Flaw),
    /// An earlier line has the same name.
    Duplicate {
        /// The number of that line, from 1.
        first: usize,
    },
    /// It has a name only.
    NoColon,
    /// The hash is refused.
    Hash(RefusedHash),
    /// The file begins with a byte order mark.
    Mark,
    /// The first line that ends with CR LF.
    CrLf,
}

error_texts! { Problem:
    Self::Flaw(err) => "{err}";
    Self::Duplicate { first } => "line {first} has the same name and is the one that is used";
    Self::NoColon => "there is no colon after the name";
    Self::Hash(err) => "{err}";
    Self::Mark =>
        "the file begins with a byte order mark, which Apache takes for a part of the name";
    Self::CrLf => "the line ends with CR LF, as in Windows: save the file with LF";
}

from_errors! { Problem:
    Flaw(Flaw);
}

impl UsersFile {
    /// Reads a users file. This never fails: what is wrong is one of the
    /// [`UsersFile::problems`].
    pub fn parse(bytes: &[u8]) -> Self {
        let mut file = Self::default();
        let mut has_crlf = false;
        for line in line::lines(bytes) {
            if line.is_marked() {
                file.problem(line, Problem::Mark);
            }
            if line.ends_with_crlf() && !has_crlf {
                has_crlf = true;
                file.problem(line, Problem::CrLf);
            }
            match Entry::read(line) {
                Ok(Some(user)) => file.add(line, user),
                Ok(None) => {}
                Err(flaw) => file.problem(line, flaw.into()),
            }
        }
        file
    }

    fn add(&mut self, line: Line<'_>, user: Entry) {
        match self.users.entry(user.name.clone()) {
            Slot::Occupied(other) => {
                let first = other.get().line;
                self.problem(line, Problem::Duplicate { first });
            }
            Slot::Vacant(slot) => {
                let problem = slot.insert(user).problem(line);
                if let Some(problem) = problem {
                    self.problem(line, problem);
                }
            }
        }
    }

    fn problem(&mut self, line: Line<'_>, problem: Problem) {
        match self.problems.len() < MAX_PROBLEMS {
            true => self.problems.push(LineProblem {
                line: line.number,
                problem,
            }),
            false => self.more_problems += 1,
        }
    }

    /// What is wrong with it, by line: the first hundred.
    pub fn problems(&self) -> &[LineProblem] {
        &self.problems
    }

    /// How many problems there are beside [`UsersFile::problems`].
    pub fn more_problems(&self) -> usize {
        self.more_problems
    }

    /// The user of this name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.users.get(name)
    }

    /// The user of this name in the file `bytes`, without reading the other lines: the
    /// same as [`UsersFile::find`] after [`UsersFile::parse`].
    pub fn find_in(bytes: &[u8], name: &str) -> Option<Entry> {
        let lines = line::lines(bytes).filter(|line| line.begins_with(name));
        let mut users = lines.filter_map(|line| Entry::read(line).ok()?);
        users.find(|user| user.name.as_str() == name)
    }

    /// The hash by which this user logs in, if it is not refused: that of
    /// [`UsersFile::find_in`].
    pub fn hash_in(bytes: &[u8], name: &str) -> Option<PasswordHash> {
        let mut lines = line::lines(bytes).filter(|line| line.begins_with(name));
        let text = lines.find_map(|line| match line.content() {
            Content::User { name: other, hash } if other.as_str() == name => {
                Some(hash_text(line, hash))
            }
            Content::User { .. } | Content::Nothing | Content::Flawed(_) => None,
        })?;
        PasswordHash::parse(text).ok()
    }

    /// Whether the file `bytes` has a user, with any hash or none.
    pub(crate) fn has_users(bytes: &[u8]) -> bool {
        line::lines(bytes).any(|line| matches!(line.content(), Content::User { .. }))
    }

    /// All users, in the order of their names.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.users.values()
    }

    /// The kinds and costs of the hashes, the costliest first, at most eight.
    pub fn works(&self) -> Vec<Work> {
        let hashes = self.users().filter_map(|user| user.hash.as_ref().ok());
        let mut works: Vec<Work> = Vec::new();
        for hash in hashes {
            let work = hash.work();
            if let Err(at) = works.binary_search_by(|other| work.cmp(other)) {
                works.insert(at, work);
                works.truncate(MAX_WORKS);
            }
        }
        works
    }
}

impl Entry {
    /// The user in a line, if there is one.
    fn read(line: Line<'_>) -> Result<Option<Self>, Flaw> {
        match line.content() {
            Content::Nothing => Ok(None),
            Content::User { name, hash } => {
                let text = hash_text(line, hash);
                Ok(Some(Self {
                    name,
                    line: line.number,
                    hash: PasswordHash::parse(text),
                    text: text.to_owned(),
                }))
            }
            Content::Flawed(flaw) => Err(flaw),
        }
    }

    /// Why nobody can log in by this name.
    fn problem(&self, line: Line<'_>) -> Option<Problem> {
        let refused = self.hash.as_ref().err()?;
        Some(match line.content() {
            Content::User { hash: None, .. } => Problem::NoColon,
            Content::User { .. } | Content::Nothing | Content::Flawed(_) => Problem::Hash(*refused),
        })
    }
}

/// The text of the hash at `hash` in a line. A hash is ASCII. What is not even UTF-8 is
/// refused as no hash is.
fn hash_text(line: Line<'_>, hash: Option<Range<usize>>) -> &str {
    let text = &line.text()[hash.unwrap_or_default()];
    std::str::from_utf8(text).unwrap_or_default()
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
