//! The part of a file that a request asks for (RFC 9110, 14.1 and 14.2).

use http::header::{self, HeaderMap};

use super::validators::{Validators, value};

/// Which bytes of a file are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Range {
    /// All of them: there is no range, an invalid one or several, or the client has a
    /// part of another version.
    Whole,
    /// `length` bytes, at least one, from byte `start` on.
    Part { start: u64, length: u64 },
    /// None of them is in the range: 416.
    Unsatisfiable,
}

/// One range of a list.
#[derive(Clone, Copy, Debug)]
enum Spec {
    /// `first-last` or `first-`.
    From { first: u64, last: u64 },
    /// `-length`: the end of the file.
    Suffix(u64),
}

impl Range {
    /// The range of a GET request for a file of `size` bytes. `now` is in Unix seconds.
    pub(super) fn of(headers: &HeaderMap, validators: &Validators, size: u64, now: u64) -> Self {
        let Some(range) = value(headers, header::RANGE) else {
            return Self::Whole;
        };
        match value(headers, header::IF_RANGE) {
            Some(validator) if !validators.fit(&validator, now) => Self::Whole,
            Some(_) | None => Self::parse(&range, size),
        }
    }

    fn parse(range: &[u8], size: u64) -> Self {
        let Some(specs) = specs(range) else {
            return Self::Whole;
        };
        match (specs.as_slice(), size) {
            // Clients that always ask for a range, to limit what they get, want to hear
            // that a file is empty, not that their request is wrong.
            (_, 0) | ([] | [_, _, ..], _) => Self::Whole,
            ([Spec::Suffix(0)], _) => Self::Unsatisfiable,
            ([Spec::Suffix(length)], _) => {
                let length = size.min(*length);
                Self::Part {
                    start: size - length,
                    length,
                }
            }
            ([Spec::From { first, .. }], _) if *first >= size => Self::Unsatisfiable,
            ([Spec::From { first, last }], _) => Self::Part {
                start: *first,
                length: (size - 1).min(*last) - first + 1,
            },
        }
    }
}

/// The ranges of a field; `None` if it is invalid, or in another unit than bytes.
fn specs(field: &[u8]) -> Option<Vec<Spec>> {
    let (unit, list) = field.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(())?;
    list.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        // A list may have empty elements (RFC 9110, 5.6.1.2).
        .filter(|spec| !spec.is_empty())
        .map(spec)
        .collect()
}

fn spec(spec: &[u8]) -> Option<Spec> {
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    match (first, last) {
        ([], last) => number(last).map(Spec::Suffix),
        (first, []) => Some(Spec::From {
            first: number(first)?,
            last: u64::MAX,
        }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::From { first, last })
        }
    }
}

/// A number of any length; a very large one becomes the largest.
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        let digits = digits.iter().map(|digit| u64::from(digit - b'0'));
        digits.fold(0, |number: u64, digit| {
            number.saturating_mul(10).saturating_add(digit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: RFC 9110, 14.1.1, 14.1.2 and 14.2. A range with huge numbers is
    /// as valid as another one; so `first` is compared as written.
    #[test]
    fn a_range_is_a_part_or_ignored() {
        use Range::{Unsatisfiable, Whole};
        let part = |start, length| Range::Part { start, length };
        const HUGE: &str = "99999999999999999999999999";
        #[rustfmt::skip]
        let cases: [(&str, u64, Range); 40] = [
            ("bytes=0-499",         10_000, part(0, 500)),
            ("bytes=500-999",       10_000, part(500, 500)),
            ("bytes=-500",          10_000, part(9500, 500)),
            ("bytes=9500-",         10_000, part(9500, 500)),
            ("bytes=0-0",           10_000, part(0, 1)),
            ("bytes=9999-9999",     10_000, part(9999, 1)),
            ("bytes=9999-10000",    10_000, part(9999, 1)),
            ("bytes=0-",            10_000, part(0, 10_000)),
            ("bytes=0-18446744073709551615", 10, part(0, 10)),
            ("bytes=-10000",        10_000, part(0, 10_000)),
            ("bytes=-10001",        10_000, part(0, 10_000)),
            ("bytes=-1",            1,      part(0, 1)),
            ("BYTES=1-2",           10_000, part(1, 2)),
            ("bytes= 1-2 ,",        10_000, part(1, 2)),
            ("bytes=,,1-2",         10_000, part(1, 2)),
            ("bytes=0001-2",        10_000, part(1, 2)),
            (&format!("bytes=1-{HUGE}"), 10, part(1, 9)),
            (&format!("bytes=-{HUGE}"), 10, part(0, 10)),
            (&format!("bytes={HUGE}-"), 10, Unsatisfiable),
            (&format!("bytes={HUGE}-{HUGE}"), 10, Unsatisfiable),
            ("bytes=10000-",        10_000, Unsatisfiable),
            ("bytes=10000-10001",   10_000, Unsatisfiable),
            ("bytes=-0",            10_000, Unsatisfiable),
            ("bytes=0-0,-1",        10_000, Whole),
            ("bytes=500-600,601-999", 10_000, Whole),
            ("bytes=2-1",           10_000, Whole),
            ("bytes=20000-10001",   10_000, Whole),
            ("bytes=1-2,3",         10_000, Whole),
            ("bytes=",              10_000, Whole),
            ("bytes=,",             10_000, Whole),
            ("bytes=-",             10_000, Whole),
            ("bytes=--1",           10_000, Whole),
            ("bytes=+1-2",          10_000, Whole),
            ("bytes=1 - 2",         10_000, Whole),
            ("bytes=a-b",           10_000, Whole),
            ("bytes 1-2",           10_000, Whole),
            ("bytes =1-2",          10_000, Whole),
            ("seconds=1-2",         10_000, Whole),
            ("bytes=0-",            0,      Whole),
            ("bytes=-1",            0,      Whole),
        ];
        for (range, size, want) in cases {
            assert_eq!(
                Range::parse(range.as_bytes(), size),
                want,
                "{range} of {size}"
            );
        }
    }
}
