//! `Content-Disposition`: whether a browser shows a file, and the name under which it
//! saves it (RFC 6266).

use http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::content_type::essence;
use super::field;

/// All but `attr-char` (RFC 8187, 3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Types below `application/` that browsers show. HTML is shown, as all text, so that a
/// folder can be a site.
const SHOWN: [&str; 3] = ["application/json", "application/pdf", "application/xml"];

/// The value of `Content-Disposition` for a file with this name.
///
/// Types that browsers show are `inline`: text (so also HTML), pictures, sound, video, PDF,
/// JSON and XML. All others are `attachment`, which is saved and never given to a plug-in.
/// The name is in ASCII, with `_` for what has no place there, and, if the two differ, also
/// in UTF-8. In a name that is not UTF-8, U+FFFD replaces the bytes that are not.
pub fn disposition(name: &[u8]) -> HeaderValue {
    let kind = match is_shown(essence(name)) {
        true => "inline",
        false => "attachment",
    };
    let name = String::from_utf8_lossy(name);
    let ascii: String = name.chars().map(plain).collect();
    let mut text = format!("{kind}; filename=\"{ascii}\"");
    if ascii != name {
        text += "; filename*=UTF-8''";
        text.extend(utf8_percent_encode(&name, ENCODED));
    }
    field(text)
}

fn is_shown(essence: &str) -> bool {
    match essence.split_once('/') {
        Some(("audio" | "image" | "text" | "video", _)) => true,
        Some(("application", name)) => {
            SHOWN.contains(&essence) || name.ends_with("+xml") || name.ends_with("+json")
        }
        Some(_) | None => false,
    }
}

/// A character that every browser reads as itself in a quoted string. Some decode `%41`
/// there, and some do not know `\"` (RFC 6266, appendix D).
fn plain(c: char) -> char {
    match c {
        '"' | '\\' | '%' => '_',
        ' '..='~' => c,
        _ => '_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: RFC 6266, section 4 and appendix D; RFC 8187, section 3.2.
    #[test]
    fn a_name_is_ascii_and_utf_8() {
        #[rustfmt::skip]
        let cases: [(&[u8], &str); 14] = [
            (b"a.html",           "inline; filename=\"a.html\""),
            (b"a.svg",            "inline; filename=\"a.svg\""),
            (b"a.pdf",            "inline; filename=\"a.pdf\""),
            (b"a.xhtml",          "inline; filename=\"a.xhtml\""),
            (b"a.mp4",            "inline; filename=\"a.mp4\""),
            (b"a b;c'd.zip",      "attachment; filename=\"a b;c'd.zip\""),
            (b"README",           "attachment; filename=\"README\""),
            (b"a.swf",            "attachment; filename=\"a.swf\""),
            ("\u{20ac} rates.txt".as_bytes(),
                "inline; filename=\"_ rates.txt\"; filename*=UTF-8''%E2%82%AC%20rates.txt"),
            (b"a\"b\\c%41.png",
                "inline; filename=\"a_b_c_41.png\"; filename*=UTF-8''a%22b%5Cc%2541.png"),
            (b"a\r\nSet-Cookie: b=c.zip",
                "attachment; filename=\"a__Set-Cookie: b=c.zip\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b%3Dc.zip"),
            (b"\xe9.zip",
                "attachment; filename=\"_.zip\"; filename*=UTF-8''%EF%BF%BD.zip"),
            (b"\x7f.zip",         "attachment; filename=\"_.zip\"; filename*=UTF-8''%7F.zip"),
            (b"!#$&+-.^_`|~\xc3\xa9'()*,/:;<=>?@[]{}.zip",
                "attachment; filename=\"!#$&+-.^_`|~_'()*,/:;<=>?@[]{}.zip\"; filename*=UTF-8''\
                 !#$&+-.^_`|~%C3%A9%27%28%29%2A%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%5D%7B%7D.zip"),
        ];
        for (name, want) in cases {
            assert_eq!(disposition(name), want, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn the_longest_name_fits_into_a_field() {
        for name in [[b'\n'; 255], [0xff; 255]] {
            assert!(disposition(&name).len() < 4096);
        }
    }
}
