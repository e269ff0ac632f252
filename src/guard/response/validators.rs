//! Which version of a file it is: its entity tag and its date (RFC 9110, 8.8).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::{field, http_date};
use crate::session::DateTime;

/// Seconds for which a file may change again without another time of change: FAT counts
/// in steps of two seconds.
const UNSETTLED: i64 = 2;

/// Bytes of the hash in the tag.
const TAG: usize = 12;

/// The validators of a file's present content.
#[derive(Debug)]
pub(super) struct Validators {
    /// The value of `ETag`; weak if the file is not settled.
    pub(super) tag: HeaderValue,
    /// At most the present, in whole seconds; `None` outside the years 1 to 9999.
    pub(super) last_modified: Option<DateTime>,
    /// Whether a later change of the file changes its time too.
    is_settled: bool,
}

impl Validators {
    /// `now` is in Unix seconds.
    pub(super) fn new(meta: &Metadata, now: u64) -> Self {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let is_settled = meta.mtime() <= now.saturating_sub(UNSETTLED);
        // A hash, because the number of an inode is not for everybody: with NFS, it is a
        // part of what opens the file (CVE-2003-1418).
        let mut hash = Sha256::new();
        for part in [meta.ino(), meta.size()] {
            hash.update(part.to_be_bytes());
        }
        for part in [meta.mtime(), meta.mtime_nsec()] {
            hash.update(part.to_be_bytes());
        }
        let text = URL_SAFE_NO_PAD.encode(&hash.finalize()[..TAG]);
        let weak = if is_settled { "" } else { "W/" };
        Self {
            tag: field(format!("{weak}\"{text}\"")),
            // A file from the future changes when it is asked for (RFC 9110, 8.8.2.1).
            last_modified: DateTime::from_unix(meta.mtime().min(now)).ok(),
            is_settled,
        }
    }

    /// Whether a list of tags, as in `If-Match`, contains the file's tag by the strong
    /// comparison (RFC 9110, 8.8.3.2), or is `*`.
    pub(super) fn match_strongly(&self, list: &[u8]) -> bool {
        list == b"*" || tags(list).any(|tag| self.is_settled && tag == self.tag.as_bytes())
    }

    /// As [`Validators::match_strongly`], by the weak comparison, as in `If-None-Match`.
    pub(super) fn match_weakly(&self, list: &[u8]) -> bool {
        let own = opaque(self.tag.as_bytes());
        list == b"*" || tags(list).any(|tag| opaque(tag) == own)
    }

    /// Whether the file changed after this date; `None` if it is not a date, or if the
    /// file has none.
    pub(super) fn changed_after(&self, date: &[u8], now: u64) -> Option<bool> {
        let date = http_date::parse(std::str::from_utf8(date).ok()?, now)?;
        Some(self.last_modified?.to_unix() > date)
    }

    /// Whether a part of the file fits the part that the client has, which has this tag
    /// or date (`If-Range`; RFC 9110, 13.1.5).
    pub(super) fn fit(&self, validator: &[u8], now: u64) -> bool {
        if !self.is_settled {
            return false;
        }
        let date = std::str::from_utf8(validator).ok();
        match date.and_then(|text| http_date::parse(text, now)) {
            Some(date) => self.last_modified.is_some_and(|own| own.to_unix() == date),
            None => validator == self.tag.as_bytes(),
        }
    }
}

/// The value of a field that is in the request: all its lines, as one list.
pub(super) fn value(headers: &HeaderMap, name: HeaderName) -> Option<Vec<u8>> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]).trim_ascii().to_vec())
}

/// The tags of a list, up to the first part that is not one.
fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while let [b',' | b' ' | b'\t', after @ ..] = rest {
            rest = after;
        }
        let start = opaque(rest);
        let quoted = start.strip_prefix(b"\"")?;
        let length = quoted.iter().position(|byte| *byte == b'"')?;
        let end = rest.len() - quoted.len() + length + 1;
        let (tag, after) = rest.split_at(end);
        rest = after;
        Some(tag)
    })
}

/// A tag without the mark of a weak one.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read_as_rfc_9110_writes_them() {
        #[rustfmt::skip]
        let cases: [(&[u8], &[&[u8]]); 9] = [
            (b"\"xyzzy\"",                       &[b"\"xyzzy\""]),
            (b"W/\"a\", \"b\"",                  &[b"W/\"a\"", b"\"b\""]),
            (b"\"a,b\",\t\"\" ,, \"c\"",         &[b"\"a,b\"", b"\"\"", b"\"c\""]),
            (b", \"a\"",                         &[b"\"a\""]),
            (b"\"a\", b, \"c\"",                 &[b"\"a\""]),
            (b"w/\"a\"",                         &[]),
            (b"\"a",                             &[]),
            (b"a",                               &[]),
            (b"",                                &[]),
        ];
        for (list, want) in cases {
            let seen: Vec<_> = tags(list).collect();
            assert_eq!(seen, want, "{}", list.escape_ascii());
        }
    }
}
