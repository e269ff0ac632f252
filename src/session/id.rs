//! Session ids: 256 random bits, which only the server and the browser know.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The id of a stored session. `Debug` does not show it, and stores know only its
/// [`hash`](Self::hash).
#[derive(Clone, Eq, PartialEq)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// A new id.
    ///
    /// # Errors
    ///
    /// [`getrandom::Error`] if the system returns no random bytes. Weaker sources are not
    /// used.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads a cookie's value: 43 characters of base64url. Each id has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }

    /// The cookie's value.
    pub(crate) fn cookie_value(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The key of the session in a store: SHA-256 in 64 hex digits. So somebody who can
    /// list the store cannot use its sessions, and the time of a look-up reveals
    /// nothing about the id.
    pub fn hash(&self) -> String {
        hash(self.0)
    }

    /// As [`SessionId::hash`].
    pub fn key(&self) -> SessionKey {
        SessionKey(self.hash())
    }
}

/// The key of a session in a store: the [`hash`](SessionId::hash) of its id. It opens no
/// session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionKey(String);

impl SessionKey {
    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        is_hash(text).then(|| Self(text.to_owned()))
    }

    /// The 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// SHA-256 of `bytes` in 64 hex digits.
pub(crate) fn hash(bytes: impl AsRef<[u8]>) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// Whether `text` has the form of a [`hash`].
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == 64 && is_lower_hex(text)
}

pub(crate) fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_leak_the_id() {
        let id = SessionId::generate().unwrap();
        assert_eq!(format!("{id:?}"), "SessionId(..)");
    }

    #[test]
    fn only_the_one_spelling_of_32_bytes_is_an_id() {
        let text = "A".repeat(43);
        #[rustfmt::skip]
        let cases = [
            (text.clone(), true),
            ("A".repeat(42), false),
            ("A".repeat(44), false),
            (format!("{text}="), false),
            (format!("{}B", &text[1..]), false), // the last two bits count for nothing
            (format!("{}/", &text[1..]), false),
            (format!("{} ", &text[1..]), false),
            ("../../../../../../../../../../../etc/passwd".to_owned(), false),
            (String::new(), false),
        ];
        for (text, want) in cases {
            assert_eq!(SessionId::parse(&text).is_some(), want, "{text}");
        }
    }

    #[test]
    fn every_bit_of_an_id_is_random() {
        let ids: Vec<_> = (0..1000)
            .map(|_| SessionId::generate().unwrap().0)
            .collect();
        for bit in 0..256 {
            let ones = ids.iter().filter(|id| id[bit / 8] >> (bit % 8) & 1 == 1);
            let ones = ones.count();
            // Seven standard deviations: never in the life of this test.
            assert!((389..=611).contains(&ones), "bit {bit}: {ones} of 1000");
        }
    }

    /// FIPS 180-4's example.
    #[test]
    fn hashes_are_sha_256_in_hex() {
        let want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash("abc"), want);
    }
}
