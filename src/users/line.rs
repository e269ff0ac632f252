//! The lines of a users file, as Apache's mod_authn_file reads them.
//!
//! A line ends with LF or CR LF; blanks around it do not count; an empty line and one
//! that begins with `#` mean nothing. In any other line the name ends at the first
//! colon, and the hash at the second one. What follows is a comment.
//!
//! Where Apache would read something else than `htpasswd` does, the line is refused: a
//! backslash at its end, by which Apache joins the next line; NUL bytes; two colons in a
//! row, which are one for Apache. The byte order mark of a text editor is ignored, which
//! Apache takes for a part of the first name.

use std::io::BufRead;
use std::ops::Range;

use super::name::{Username, WrongUsername};
use crate::files::text::{MARK, is_blank, without_end};

/// Bytes of the longest line, with its end, that Apache surely reads: its `MAX_STRING_LEN` is
/// 8192.
const MAX_LINE: usize = 8190;

/// A line of a users file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'f> {
    /// From 1.
    pub(super) number: usize,
    /// All its bytes, with its end.
    pub(super) raw: &'f [u8],
    /// Whether Apache joins it with the line before or after it.
    is_joined: bool,
}

/// What a line means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// An empty line or a comment.
    Nothing,
    /// A user.
    User {
        name: Username,
        /// Where the hash is in the line's text; `None`: there is no colon.
        hash: Option<Range<usize>>,
    },
    /// It is not read.
    Flawed(Flaw),
}

/// Why a line, or a part of it, is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Flaw {
    /// Apache joins it with another line.
    Joined,
    /// It contains a NUL.
    Nul,
    /// It is too long.
    TooLong,
    /// The name is not UTF-8.
    NotUtf8,
    /// The name cannot be one.
    Name(WrongUsername),
}

error_texts! { Flaw:
    Self::Joined =>
        "this line or the one before it ends with a backslash, by which Apache joins the two";
    Self::Nul => "the line contains a NUL byte";
    Self::TooLong => "the line is longer than {MAX_LINE} bytes, which Apache does not read";
    Self::NotUtf8 => "the name is not UTF-8: save the file as UTF-8";
    Self::Name(value) => "{value}";
}

from_errors! { Flaw:
    Name(WrongUsername);
}

/// The lines of a file.
pub(super) fn lines(file: &[u8]) -> Lines<'_> {
    Lines {
        rest: file,
        number: 0,
        continues: false,
    }
}

/// An iterator: see [`lines`].
pub(super) struct Lines<'f> {
    rest: &'f [u8],
    number: usize,
    /// Whether the line before ends with a backslash.
    continues: bool,
}

impl<'f> Iterator for Lines<'f> {
    type Item = Line<'f>;

    fn next(&mut self) -> Option<Line<'f>> {
        let mut rest = self.rest;
        // The standard library's search for a byte; it cannot fail on a slice.
        let length = rest.skip_until(b'\n').ok().filter(|length| *length > 0)?;
        let raw = &self.rest[..length];
        self.rest = rest;
        self.number += 1;
        let body = without_end(raw);
        let (follows, continues) = (self.continues, body.ends_with(b"\\"));
        self.continues = continues;
        Some(Line {
            number: self.number,
            raw,
            is_joined: follows || continues,
        })
    }
}

impl<'f> Line<'f> {
    /// How many bytes are before [`Line::text`].
    pub(super) fn before(&self) -> usize {
        let mark = if self.is_marked() { MARK.len() } else { 0 };
        let blanks = self.raw[mark..].iter();
        mark + blanks.take_while(|byte| is_blank(**byte)).count()
    }

    /// Without a byte order mark, blanks around it and its end.
    pub(super) fn text(&self) -> &'f [u8] {
        let text = &self.raw[self.before()..];
        let blanks = text.iter().rev();
        let blanks = blanks.take_while(|byte| is_blank(**byte)).count();
        &text[..text.len() - blanks]
    }

    /// Whether it begins with a byte order mark that is ignored.
    pub(super) fn is_marked(&self) -> bool {
        self.number == 1 && self.raw.starts_with(MARK)
    }

    /// Whether its end is CR LF.
    pub(super) fn ends_with_crlf(&self) -> bool {
        self.raw.ends_with(b"\r\n")
    }

    /// Whether the name in it may be `name`: most lines can be passed over fast.
    pub(super) fn begins_with(&self, name: &str) -> bool {
        let rest = self.raw[self.before()..].strip_prefix(name.as_bytes());
        let is_end = |byte: &u8| *byte == b':' || is_blank(*byte);
        rest.is_some_and(|rest| rest.first().is_none_or(is_end))
    }

    /// What it means.
    pub(super) fn content(&self) -> Content {
        let text = self.text();
        let means_nothing = text.is_empty() || text.starts_with(b"#");
        let flaw = if self.is_joined {
            // Apache joins the next line to a comment, too.
            Some(Flaw::Joined)
        } else if self.raw.len() > MAX_LINE {
            Some(Flaw::TooLong)
        } else if !means_nothing && text.contains(&0) {
            Some(Flaw::Nul)
        } else {
            None
        };
        match flaw {
            Some(flaw) => Content::Flawed(flaw),
            None if means_nothing => Content::Nothing,
            None => user(text).unwrap_or_else(Content::Flawed),
        }
    }
}

fn user(text: &[u8]) -> Result<Content, Flaw> {
    let colon = text.iter().position(|byte| *byte == b':');
    let name = &text[..colon.unwrap_or(text.len())];
    let name = std::str::from_utf8(name).map_err(|_| Flaw::NotUtf8)?;
    Ok(Content::User {
        name: Username::new(name)?,
        hash: colon.map(|colon| {
            let start = colon + 1;
            start..start + hash_length(&text[start..])
        }),
    })
}

/// How many bytes at the beginning are the hash: all to the next colon. The formats of
/// Werkzeug (`pbkdf2:sha256:600000$SALT$HASH`) have colons before the first dollar sign.
fn hash_length(field: &[u8]) -> usize {
    let has_colons = field.starts_with(b"scrypt:") || field.starts_with(b"pbkdf2:");
    let dollar = || field.iter().position(|byte| *byte == b'$');
    let from = if has_colons {
        dollar().unwrap_or_default()
    } else {
        0
    };
    let colon = field[from..].iter().position(|byte| *byte == b':');
    colon.map_or(field.len(), |colon| from + colon)
}
