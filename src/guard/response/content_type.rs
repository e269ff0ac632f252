//! The media type of a file, from its name.

use http::header::HeaderValue;

use super::field;

/// The type of a file whose type is not known: browsers save it, and, because of
/// `nosniff`, do not guess.
const UNKNOWN: &str = "application/octet-stream";

/// Types that the crate `mime_guess` lacks, or has an old or a wrong name for. They are
/// those of the IANA's registry.
const OTHERS: [(&str, &str); 14] = [
    ("bz2", "application/x-bzip2"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("mjs", "text/javascript"),
    ("otf", "font/otf"),
    ("rar", "application/vnd.rar"),
    ("rpm", "application/x-rpm"),
    ("sqlite", "application/vnd.sqlite3"),
    ("tgz", "application/gzip"),
    ("vcf", "text/vcard"),
    ("woff", "font/woff"),
    ("xml", "application/xml"),
    ("xsl", "application/xslt+xml"),
    ("zst", "application/zstd"),
];

/// HTML and XML name their own encoding, and a script has that of its page: a charset in
/// the field would override it. The others are always UTF-8.
const WITHOUT_CHARSET: [&str; 6] = [
    "text/calendar",
    "text/html",
    "text/javascript",
    "text/vcard",
    "text/vtt",
    "text/xml",
];

/// The value of `Content-Type` for a file with this name: from what follows its last dot,
/// in upper or lower case.
///
/// Text is UTF-8, as lighttpd has it, except for `WITHOUT_CHARSET`.
pub fn content_type(name: &[u8]) -> HeaderValue {
    let essence = essence(name);
    match essence.starts_with("text/") && !WITHOUT_CHARSET.contains(&essence) {
        true => field(format!("{essence}; charset=utf-8")),
        false => HeaderValue::from_static(essence),
    }
}

/// The media type without parameters.
pub(super) fn essence(name: &[u8]) -> &'static str {
    let mut parts = name.rsplitn(2, |byte| *byte == b'.');
    let (Some(end), Some(_)) = (parts.next(), parts.next()) else {
        return UNKNOWN;
    };
    let Ok(end) = std::str::from_utf8(end) else {
        return UNKNOWN;
    };
    let other = OTHERS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(end));
    match other {
        Some((_, essence)) => essence,
        None => mime_guess::from_ext(end).first_raw().unwrap_or(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: the IANA's registry of media types, except for names with `x-`.
    #[test]
    fn a_type_follows_from_the_end_of_a_name() {
        #[rustfmt::skip]
        let cases: [(&[u8], &str); 34] = [
            (b"a.html",       "text/html"),
            (b"a.HTM",        "text/html"),
            (b"a.txt",        "text/plain; charset=utf-8"),
            (b"a.css",        "text/css; charset=utf-8"),
            (b"a.js",         "text/javascript"),
            (b"a.mjs",        "text/javascript"),
            (b"a.csv",        "text/csv; charset=utf-8"),
            (b"a.md",         "text/markdown; charset=utf-8"),
            (b"a.vtt",        "text/vtt"),
            (b"a.vcf",        "text/vcard"),
            (b"a.xml",        "application/xml"),
            (b"a.xhtml",      "application/xhtml+xml"),
            (b"a.json",       "application/json"),
            (b"a.svg",        "image/svg+xml"),
            (b"a.png",        "image/png"),
            (b"a.JPG",        "image/jpeg"),
            (b"a.webp",       "image/webp"),
            (b"a.avif",       "image/avif"),
            (b"a.pdf",        "application/pdf"),
            (b"a.mp4",        "video/mp4"),
            (b"a.webm",       "video/webm"),
            (b"a.mp3",        "audio/mpeg"),
            (b"a.m4a",        "audio/mp4"),
            (b"a.zip",        "application/zip"),
            (b"a.tar.gz",     "application/gzip"),
            (b"a.woff2",      "font/woff2"),
            (b"a.wasm",       "application/wasm"),
            (b"a.docx",       "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            (b"a.odt",        "application/vnd.oasis.opendocument.text"),
            (b"README",       "application/octet-stream"),
            (b"html",         "application/octet-stream"),
            (b"a.html.",      "application/octet-stream"),
            (b"a.\xff",       "application/octet-stream"),
            (b"a.html\nx",    "application/octet-stream"),
        ];
        for (name, want) in cases {
            assert_eq!(content_type(name), want, "{}", name.escape_ascii());
        }
    }
}
