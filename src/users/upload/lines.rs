//! The lines of an uploaded file: `name:password`.

use std::time::Duration;

use zeroize::Zeroizing;

use super::UploadError;
use crate::files::text;
use crate::users::hash::{HashError, PasswordHash};
use crate::users::name::{Username, WrongUsername};
use crate::users::new_password::check_new;
use crate::users::password::{Password, WrongPassword};

/// How a line begins that could not be used.
const NOTE: &str = "# not added: ";

/// Why a line cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RefusedLine {
    /// There is no colon.
    NoColon,
    /// It is not UTF-8.
    NotUtf8,
    /// The name cannot be one.
    Name(WrongUsername),
    /// The password cannot be one.
    Password(WrongPassword),
    /// The password cannot be hashed.
    Hash(HashError),
}

error_texts! { RefusedLine:
    Self::NoColon => "expected name:password, but there is no colon";
    Self::NotUtf8 => "the line is not UTF-8: save the file as UTF-8";
    Self::Name(value) => "{value}";
    Self::Password(value) => "{value}";
    Self::Hash(err) => "{err}";
}

from_errors! { RefusedLine:
    Name(WrongUsername);
    Password(WrongPassword);
}

/// The time that a call may take for hashing.
pub struct Budget<'c> {
    /// The time since the call began.
    pub elapsed: &'c dyn Fn() -> Duration,
    /// No hash is begun that would last longer than this, by the time of those before.
    pub limit: Duration,
}

/// A line of the uploaded file.
#[derive(Clone, Copy)]
pub(super) struct Line<'f> {
    /// All its bytes, with its end.
    pub(super) raw: &'f [u8],
    /// Without a byte order mark and its end; blanks belong to it.
    pub(super) text: &'f [u8],
}

pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    text::lines(bytes).map(|raw| Line {
        raw,
        text: text::without_end(raw),
    })
}

/// Whether a line is neither empty nor a comment.
pub(super) fn is_user(text: &[u8]) -> bool {
    !text.trim_ascii().is_empty() && !text.starts_with(b"#")
}

/// What [`hash_lines`] made of an uploaded file.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) users: Vec<(Username, PasswordHash)>,
    pub(super) weak: Vec<Username>,
    pub(super) refused: Vec<(usize, RefusedLine)>,
    pub(super) left: usize,
    /// What stays in the file; empty if nothing does.
    pub(super) rest: Zeroizing<Vec<u8>>,
}

pub(super) fn hash_lines(
    bytes: &[u8],
    budget: &Budget<'_>,
    mut make: impl FnMut(&Password) -> Result<PasswordHash, HashError>,
) -> Result<Taken, UploadError> {
    let mut taken = Taken {
        rest: Zeroizing::new(Vec::with_capacity(bytes.len())),
        ..Taken::default()
    };
    let mut longest = Duration::ZERO;
    let mut keeps_notes = false;
    for (at, line) in lines(bytes).enumerate() {
        if !is_user(line.text) {
            keeps_notes |= line.text.starts_with(NOTE.as_bytes());
            taken.rest.extend_from_slice(line.raw);
            continue;
        }
        let begun = (budget.elapsed)();
        let may_hash = taken.users.is_empty() || begun + longest <= budget.limit;
        if !may_hash {
            taken.left += 1;
            taken.rest.extend_from_slice(line.raw);
            continue;
        }
        let (name, password) = match read(line.text) {
            Ok(user) => user,
            Err(reason) => {
                taken.refuse(at, line, reason);
                continue;
            }
        };
        let hash = make(&password);
        longest = longest.max((budget.elapsed)().saturating_sub(begun));
        match hash {
            Ok(hash) => {
                if check_new(&password, name.as_str()).is_err() {
                    taken.weak.push(name.clone());
                }
                taken.users.push((name, hash));
            }
            Err(err @ (HashError::TooLong { .. } | HashError::Nul)) => {
                taken.refuse(at, line, RefusedLine::Hash(err));
            }
            // Not the line's fault.
            Err(
                err @ (HashError::Memory { .. } | HashError::Random(_) | HashError::Parameters),
            ) => {
                return Err(UploadError::Hash(err));
            }
        }
    }
    if taken.left == 0 && taken.refused.is_empty() && !keeps_notes {
        taken.rest.clear();
    }
    Ok(taken)
}

impl Taken {
    /// Leaves a comment in place of the line. What is before a colon is shown only if it
    /// is a name: some write the password first.
    fn refuse(&mut self, at: usize, line: Line<'_>, reason: RefusedLine) {
        let name = match &reason {
            RefusedLine::Password(_) | RefusedLine::Hash(_) => {
                let name = line.text.split(|byte| *byte == b':').next();
                name.unwrap_or_default()
            }
            RefusedLine::NoColon | RefusedLine::NotUtf8 | RefusedLine::Name(_) => b"",
        };
        let end: &[u8] = match line.raw.ends_with(b"\r\n") {
            true => b"\r\n",
            false => b"\n",
        };
        let separator: &[u8] = if name.is_empty() { b"" } else { b": " };
        let reason_text = reason.to_string();
        for part in [
            NOTE.as_bytes(),
            name,
            separator,
            reason_text.as_bytes(),
            end,
        ] {
            self.rest.extend_from_slice(part);
        }
        self.refused.push((at + 1, reason));
    }
}

fn read(line: &[u8]) -> Result<(Username, Password), RefusedLine> {
    // Browsers send UTF-8: another password than the bytes of the file.
    let line = std::str::from_utf8(line).map_err(|_| RefusedLine::NotUtf8)?;
    let (name, password) = line.split_once(':').ok_or(RefusedLine::NoColon)?;
    Ok((Username::new(name)?, Password::new(password.as_bytes())?))
}
