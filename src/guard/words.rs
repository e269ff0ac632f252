//! Blanks, and words in quotes, as Apache reads them in its files.

use crate::files::text;

/// See [`text::is_blank`].
pub(super) fn is_blank(c: char) -> bool {
    u8::try_from(c).is_ok_and(text::is_blank)
}

/// Without blanks around it.
pub(super) fn trim(line: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| !text::is_blank(*byte);
    let start = line.iter().position(is_part).unwrap_or(line.len());
    let end = line
        .iter()
        .rposition(is_part)
        .map_or(start, |last| last + 1);
    &line[start..end]
}

/// The words of a text, as Apache's `ap_getword_conf` reads them. A word that begins with a
/// quotation mark ends at the next one of the same kind. A backslash is left out before
/// another backslash and, in quotes, before the quotation mark.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_blank);
        let quote = match rest.chars().next()? {
            quote @ ('"' | '\'') => Some(quote),
            _ => None,
        };
        let mut word = String::new();
        let mut chars = rest
            .char_indices()
            .skip(usize::from(quote.is_some()))
            .peekable();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            match c {
                '\\' if next == Some('\\') || (quote.is_some() && next == quote) => {
                    word.extend(next);
                    chars.next();
                }
                c if Some(c) == quote => {
                    end = at + c.len_utf8();
                    break;
                }
                c if quote.is_none() && is_blank(c) => {
                    end = at;
                    break;
                }
                c => word.push(c),
            }
        }
        rest = &rest[end..];
        Some(word)
    })
}
