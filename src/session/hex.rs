//! Bytes as hex digits.

/// `bytes` as lower-case hex digits.
pub(super) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The bytes that `digits`, of either case, stand for; `None` if there is
/// anything else or half a byte.
pub(super) fn decode(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: &u8| char::from(*b).to_digit(16);
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(&pair[0])? << 4 | digit(&pair[1])?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_and_nothing_else() {
        assert_eq!(encode(&[0, 0x1f, 0xff]), "001fff");
        #[rustfmt::skip]
        let cases: [(&str, Option<&[u8]>); 6] = [
            ("", Some(&[])), ("001fFF", Some(&[0, 0x1f, 0xff])),
            ("0", None), ("0g", None), ("+f", None), ("٣", None),
        ];
        for (digits, want) in cases {
            assert_eq!(decode(digits).as_deref(), want, "{digits}");
        }
    }
}
