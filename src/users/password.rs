//! A password as somebody typed it.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The length of the longest password, in bytes.
pub const LONGEST: usize = 1024;

/// Why a text cannot be anybody's password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WrongPassword {
    /// It has no bytes.
    Empty,
    /// It has more than [`LONGEST`] bytes.
    TooLong,
}

error_texts! { WrongPassword:
    Self::Empty => "the password is empty";
    Self::TooLong => "the password has more than {LONGEST} bytes";
}

/// A password: 1 to [`LONGEST`] bytes, neither trimmed nor changed.
///
/// `Debug` does not show it, and its memory is overwritten in the end.
#[derive(Clone)]
pub struct Password {
    typed: Zeroizing<Vec<u8>>,
    nfc: Option<Zeroizing<String>>,
}

impl Password {
    /// Takes the bytes of a form or a line, in any encoding.
    ///
    /// # Errors
    ///
    /// Every [`WrongPassword`].
    pub fn new(typed: &[u8]) -> Result<Self, WrongPassword> {
        if typed.is_empty() {
            return Err(WrongPassword::Empty);
        }
        if typed.len() > LONGEST {
            return Err(WrongPassword::TooLong);
        }
        let nfc = std::str::from_utf8(typed).ok().and_then(composed);
        let nfc = nfc.filter(|text| text.len() <= LONGEST);
        Ok(Self {
            typed: Zeroizing::new(typed.to_vec()),
            nfc,
        })
    }

    /// The bytes as they were typed.
    pub fn as_typed(&self) -> &[u8] {
        &self.typed
    }

    /// The password in Unicode's normalization form C, if that is another one of at most
    /// [`LONGEST`] bytes.
    ///
    /// Systems differ in how they send a letter with an accent: as one character or as two.
    pub fn nfc(&self) -> Option<&[u8]> {
        self.nfc.as_ref().map(|text| text.as_bytes())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// `typed` in form C, if it is not in it.
fn composed(typed: &str) -> Option<Zeroizing<String>> {
    if typed.is_ascii() {
        return None;
    }
    // Never moved, so that no copy stays behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(typed.len() * 3));
    text.extend(typed.nfc());
    (*text != typed).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_the_password() {
        let password = Password::new("geheim\u{308}".as_bytes()).unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
    }

    #[test]
    fn a_password_has_1_to_1024_bytes_of_any_kind() {
        #[rustfmt::skip]
        let cases: [(&str, &[u8], Option<WrongPassword>); 6] = [
            ("empty",         b"",            Some(WrongPassword::Empty)),
            ("a space",       b" ",           None),
            ("not UTF-8",     b"\xe9\xff",    None),
            ("NUL",           b"a\0b",        None),
            ("1024 bytes",    &[b'x'; 1024],  None),
            ("1025 bytes",    &[b'x'; 1025],  Some(WrongPassword::TooLong)),
        ];
        for (name, typed, refused) in cases {
            let password = Password::new(typed);
            match refused {
                None => assert_eq!(password.unwrap().as_typed(), typed, "{name}"),
                Some(refused) => assert_eq!(password.unwrap_err(), refused, "{name}"),
            }
        }
    }

    /// Examples of Unicode Standard Annex 15, and the text that grows most in form C.
    #[test]
    fn form_c_is_there_if_it_differs() {
        #[rustfmt::skip]
        let cases = [
            // name                typed          form C
            ("ASCII",              "a",           None),
            ("composed",           "\u{e9}",      None),
            ("decomposed",         "e\u{301}",    Some("\u{e9}")),
            ("Angstrom sign",      "\u{212b}",    Some("\u{c5}")),
            ("ligature, kept",     "\u{fb01}",    None),
            ("three times longer", "\u{1d160}",   Some("\u{1d158}\u{1d165}\u{1d16e}")),
        ];
        for (name, typed, want) in cases {
            let password = Password::new(typed.as_bytes()).unwrap();
            assert_eq!(password.nfc(), want.map(str::as_bytes), "{name}");
        }
        assert_eq!(Password::new(b"e\xcc\x81\xff").unwrap().nfc(), None);
        // A hash of it would take three times as long as one of the longest password.
        let long = |count| Password::new("\u{1d160}".repeat(count).as_bytes()).unwrap();
        assert_eq!(long(85).nfc().map(<[u8]>::len), Some(1020));
        assert_eq!(long(86).nfc(), None);
    }
}
