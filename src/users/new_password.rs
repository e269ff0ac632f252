//! Which passwords may be set. A login accepts any that was set before, by any program.
//!
//! The rules are those of NIST: a minimum length, a list of common passwords, and none about
//! kinds of characters (SP 800-63B-4, 3.1.1.2). The minimum is the 8 characters of its third
//! revision; the fourth wants 15 where a login needs nothing but a password.

use super::common::is_common;
use super::password::Password;

/// The fewest characters of a new password, as Unicode scalar values.
pub const FEWEST_CHARACTERS: usize = 8;

/// The most bytes of a new password. bcrypt, with which it is hashed, ignores all after
/// them.
pub const MOST_BYTES: usize = 72;

/// Why a password may not be set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusedPassword {
    /// It has fewer than [`FEWEST_CHARACTERS`] characters.
    TooShort(usize),
    /// It has more than [`MOST_BYTES`] bytes in UTF-8.
    TooLong(usize),
    /// It is on the list of common passwords.
    Common,
    /// It is the user's name, in upper or lower case.
    Name,
    /// It has a NUL, at which other programs would cut it.
    Nul,
    /// It is not UTF-8, so that no form could send it.
    NotUtf8,
}

error_texts! { RefusedPassword:
    Self::TooShort(number) =>
        "the password has {number} characters; use at least {FEWEST_CHARACTERS}";
    Self::TooLong(number) =>
        "the password has {number} bytes, more than the {MOST_BYTES} that can be checked; use fewer \
         characters (one beyond English letters, digits and signs has two to four bytes)";
    Self::Common =>
        "the password is one of the most common ones, which attackers try first; use another";
    Self::Name => "the password is the user's name; use another";
    Self::Nul => "the password contains a NUL character; use another";
    Self::NotUtf8 => "the password is not UTF-8; use another, or the right encoding";
}

/// Checks a new password of the user `name`, in the form in which it is hashed (Unicode's
/// form C).
///
/// # Errors
///
/// The first [`RefusedPassword`] that applies.
pub fn check_new(password: &Password, name: &str) -> Result<(), RefusedPassword> {
    let hashed = password.nfc().unwrap_or_else(|| password.as_typed());
    let text = std::str::from_utf8(hashed).map_err(|_| RefusedPassword::NotUtf8)?;
    let characters = text.chars().count();
    if text.contains('\0') {
        return Err(RefusedPassword::Nul);
    }
    if characters < FEWEST_CHARACTERS {
        return Err(RefusedPassword::TooShort(characters));
    }
    if text.len() > MOST_BYTES {
        return Err(RefusedPassword::TooLong(text.len()));
    }
    if is_common(hashed) {
        return Err(RefusedPassword::Common);
    }
    if lower_case(text).eq(lower_case(name)) {
        return Err(RefusedPassword::Name);
    }
    Ok(())
}

/// The characters of `text` in lower case, without a copy of it in memory.
fn lower_case(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}
