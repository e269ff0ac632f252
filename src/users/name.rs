//! The names of users.

use std::borrow::Borrow;
use std::fmt;

/// Bytes that a name may have. The `htpasswd` program reads lines of at most 255 bytes,
/// so a file with names of more than about 190 bytes is for Apache itself only.
pub const MAX_NAME: usize = 255;

/// The name of a user: 1 to 255 bytes of UTF-8 without colons and control characters,
/// compared byte for byte.
///
/// Other normal forms, upper case and a blank at the end make another name. A name that
/// begins with a blank, `#` or a byte order mark cannot be written into a users file:
/// Apache would read another name, or a comment.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Username(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WrongUsername {
    /// It has no bytes.
    Empty,
    /// It has more than 255 bytes.
    TooLong,
    /// It contains a colon, which ends a name in a users file.
    Colon,
    /// It contains a control character.
    Control,
    /// It begins with a blank, which Apache does not read as a part of a name.
    Blank,
    /// It begins with `#`, as a comment does.
    Comment,
    /// It begins with a byte order mark.
    Mark,
}

error_texts! { WrongUsername:
    Self::Empty => "the name is empty";
    Self::TooLong => "the name is longer than 255 bytes";
    Self::Colon => "the name contains a colon";
    Self::Control => "the name contains a control character";
    Self::Blank => "the name begins with a blank";
    Self::Comment => "the name begins with #";
    Self::Mark => "the name begins with a byte order mark";
}

impl Username {
    /// Takes a name exactly as it is.
    ///
    /// # Errors
    ///
    /// Every [`WrongUsername`].
    pub fn new(text: &str) -> Result<Self, WrongUsername> {
        match text.chars().next() {
            None => Err(WrongUsername::Empty),
            _ if text.len() > MAX_NAME => Err(WrongUsername::TooLong),
            _ if text.contains(':') => Err(WrongUsername::Colon),
            _ if text.contains(char::is_control) => Err(WrongUsername::Control),
            Some(' ') => Err(WrongUsername::Blank),
            Some('#') => Err(WrongUsername::Comment),
            Some('\u{feff}') => Err(WrongUsername::Mark),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Username {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
