//! The base64 of crypt(3), as MD5 crypt and SHA-crypt use it: least bits first, and the
//! bytes of the digest in an order of its own.

const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether `byte` is one of the 64 digits.
pub(super) fn is_digit(byte: u8) -> bool {
    DIGITS.contains(&byte)
}

/// Writes three bytes of `digest` for each row of `order` (the last row may be shorter),
/// most significant byte first, as [SHA-crypt.txt] writes its `b64_from_24bit`.
///
/// [SHA-crypt.txt]: https://www.akkadia.org/drepper/SHA-crypt.txt
pub(super) fn encode(digest: &[u8], order: &[&[usize]]) -> Vec<u8> {
    let mut text = Vec::with_capacity(digest.len() * 4 / 3 + 1);
    for row in order {
        let mut bits = row
            .iter()
            .fold(0, |bits, &at| bits << 8 | usize::from(digest[at]));
        // Six bits a digit: 2 digits for a byte, 3 for two, 4 for three.
        for _ in 0..=row.len() {
            text.push(DIGITS[bits & 63]);
            bits >>= 6;
        }
    }
    text
}
