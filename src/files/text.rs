//! Decoding text files: UTF-8, and errors for files that an editor saved in
//! another encoding. Lines of files that may be in any encoding.

/// A byte order mark in UTF-8.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// Why the bytes of a file are not text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotText {
    /// A byte order mark of UTF-16 or UTF-32, or NUL bytes.
    Utf16 {
        /// The line of the first mark or NUL, from 1.
        line: usize,
    },
    /// Bytes that are not UTF-8, such as a letter with an accent in Latin-1.
    OtherEncoding {
        /// The line of the first such byte, from 1.
        line: usize,
    },
}

error_texts! { NotText:
    Self::Utf16 { .. } => "is not UTF-8 but UTF-16, or not text: save the file as UTF-8";
    Self::OtherEncoding { .. } =>
        "is not UTF-8 but another encoding, such as Latin-1: save the file as UTF-8";
}

impl NotText {
    pub(crate) fn line(self) -> usize {
        match self {
            Self::Utf16 { line } | Self::OtherEncoding { line } => line,
        }
    }
}

/// The bytes as text, without a byte order mark at the beginning.
///
/// # Errors
///
/// [`NotText`].
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, NotText> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(NotText::Utf16 { line: 1 });
    }
    if bytes.contains(&0) {
        let nul = bytes.iter().position(|byte| *byte == 0);
        let line = line_at(bytes, nul.unwrap_or_default());
        return Err(NotText::Utf16 { line });
    }
    let text = std::str::from_utf8(bytes).map_err(|err| NotText::OtherEncoding {
        line: line_at(bytes, err.valid_up_to()),
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The lines of a file, each with its end, without a byte order mark at the beginning.
pub(crate) fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let file = file.strip_prefix(MARK).unwrap_or(file);
    file.split_inclusive(|byte| *byte == b'\n')
}

/// A line without LF or CR LF at its end.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// As C's `isspace`, by which Apache separates words.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The number, from 1, of the line with the byte at `offset`.
pub(crate) fn line_at(text: &[u8], offset: usize) -> usize {
    let before = &text[..offset.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_named_with_its_line() {
        let utf16 = |line| Err(NotText::Utf16 { line });
        let other = |line| Err(NotText::OtherEncoding { line });
        #[rustfmt::skip]
        let cases: [(&[u8], Result<&str, NotText>); 12] = [
            (b"", Ok("")),
            (b"a\nb", Ok("a\nb")),
            (b"\xef\xbb\xbfa\n", Ok("a\n")),
            (b"a\xef\xbb\xbf", Ok("a\u{feff}")),
            ("é\n".as_bytes(), Ok("é\n")),
            (b"\xff\xfeA\0=\0", utf16(1)),
            (b"\xfe\xff\0A\0=", utf16(1)),
            (b"\xff\xfe\0\0A\0\0\0", utf16(1)),
            (b"A\0=\0", utf16(1)),
            (b"a\nb\0", utf16(2)),
            (b"caf\xe9", other(1)),
            (b"a\r\n\nNAME = \"caf\xe9\"\n", other(3)),
        ];
        for (bytes, want) in cases {
            assert_eq!(decode(bytes), want, "{bytes:?}");
        }
    }
}
