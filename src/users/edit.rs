//! Changing a users file as text: comments, order, line ends, a byte order mark and all
//! lines of other users stay as they are.

use std::ops::Range;

use super::file::UsersFile;
use super::hash::PasswordHash;
use super::line::{self, Content, Line};
use super::name::Username;
use crate::files::text::MARK;

/// Why a users file cannot be changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EditError {
    /// Another line keeps the new one from being read as it is.
    NotReadable {
        /// The user's name.
        name: Username,
    },
}

error_texts! { EditError:
    Self::NotReadable { name } =>
        "the line of {name} would not be read: the file ends with a backslash, or its line is too long";
}

/// The file with this hash for `name`, in the first line of the name, or in a new line
/// at the end.
///
/// # Errors
///
/// [`EditError`] if the hash would not be found afterwards.
pub fn set(file: &[u8], name: &Username, hash: &PasswordHash) -> Result<Vec<u8>, EditError> {
    let mut edited = Vec::with_capacity(file.len() + name.as_str().len() + 256);
    let mut is_set = false;
    for line in line::lines(file) {
        match of(line, name) {
            Some(field) if !is_set => {
                is_set = true;
                replace_hash(&mut edited, line, field, hash);
            }
            _ => edited.extend_from_slice(line.raw),
        }
    }
    if !is_set {
        append(&mut edited, name, hash);
    }
    let found = UsersFile::find_in(&edited, name.as_str());
    match found.is_some_and(|found| found.text == hash.as_str()) {
        true => Ok(edited),
        false => Err(EditError::NotReadable { name: name.clone() }),
    }
}

/// The file without the lines of this name: if the first one only were removed, the
/// next one would be used. `None` if there is none.
pub fn remove(file: &[u8], name: &Username) -> Option<Vec<u8>> {
    let mut edited = Vec::with_capacity(file.len());
    let mut is_removed = false;
    for line in line::lines(file) {
        match of(line, name) {
            Some(_) => {
                is_removed = true;
                // The mark is the file's, not the user's.
                if line.is_marked() {
                    edited.extend_from_slice(MARK);
                }
            }
            None => edited.extend_from_slice(line.raw),
        }
    }
    is_removed.then_some(edited)
}

/// Where the hash is in the line's text, if the line is one of this name: the inner
/// `None` is a line without colon.
fn of(line: Line<'_>, name: &Username) -> Option<Option<Range<usize>>> {
    match line.content() {
        Content::User { name: other, hash } if other == *name => Some(hash),
        Content::User { .. } | Content::Nothing | Content::Flawed(_) => None,
    }
}

/// Adds the line with another hash. What follows the hash stays.
fn replace_hash(
    edited: &mut Vec<u8>,
    line: Line<'_>,
    field: Option<Range<usize>>,
    hash: &PasswordHash,
) {
    let (start, end) = match field {
        Some(field) => (line.before() + field.start, line.before() + field.end),
        None => {
            let end = line.before() + line.text().len();
            (end, end)
        }
    };
    let has_colon = line.raw[..start].ends_with(b":");
    edited.extend_from_slice(&line.raw[..start]);
    if !has_colon {
        edited.push(b':');
    }
    edited.extend_from_slice(hash.as_str().as_bytes());
    edited.extend_from_slice(&line.raw[end..]);
}

/// Adds a line with the line ends of the file.
fn append(edited: &mut Vec<u8>, name: &Username, hash: &PasswordHash) {
    let first = line::lines(edited).next();
    let end: &[u8] = match first.is_some_and(|line| line.ends_with_crlf()) {
        true => b"\r\n",
        false => b"\n",
    };
    let text = edited.strip_prefix(MARK).unwrap_or(edited);
    if !text.is_empty() && !text.ends_with(b"\n") {
        edited.extend_from_slice(end);
    }
    for part in [
        name.as_str().as_bytes(),
        b":",
        hash.as_str().as_bytes(),
        end,
    ] {
        edited.extend_from_slice(part);
    }
}
