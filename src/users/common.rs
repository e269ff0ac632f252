//! The most common passwords.
//!
//! The list is made by `tests/common_passwords.py` from that of Django 5.2 (Copyright (c) Django
//! Software Foundation and individual contributors; BSD-3-Clause). Royce Williams derived it
//! from the passwords in breaches that Have I Been Pwned collects.

use sha2::{Digest, Sha256};

/// Bytes of a hash in the list.
const HASH: usize = 4;

/// The first [`HASH`] bytes of the SHA-256 of each common password, in ascending order.
static HASHES: &[u8] = include_bytes!("common_passwords.bin");

/// Whether `password` is one of the 8354 passwords with at least 8 characters among the 20 000
/// most common ones, whatever the case of its ASCII letters.
///
/// Shorter ones are not on the list, because a new password has at least 8 characters. NIST
/// SP 800-63B-4, 3.1.1.2, wants the whole password compared, not words in it, and says nothing
/// of case: attackers try `Password1` as soon as `password1`.
///
/// The list holds hashes, because the words need more than twice the space. About one in
/// 500 000 other passwords has a hash on the list and is also refused.
pub fn is_common(password: &[u8]) -> bool {
    let mut digest = Sha256::new();
    for byte in password {
        digest.update([byte.to_ascii_lowercase()]);
    }
    let digest = digest.finalize();
    let (hashes, _) = HASHES.as_chunks::<HASH>();
    hashes
        .binary_search_by(|hash| hash[..].cmp(&digest[..HASH]))
        .is_ok()
}
