//! Range and conditional requests whose response follows from RFC 9110: each part of them
//! has a known meaning, such as a tag that matches or a date before the change of the file.

use std::collections::BTreeMap;

use super::servers::{FILES, bytes};
use crate::support::http::Reply;

/// Dates before the change of the files, at it, and after it; and none.
const BEFORE: [&str; 2] = [
    "Sun, 06 Nov 1994 08:49:36 GMT",
    "Mon, 01 Jan 1990 00:00:00 GMT",
];
const SAME: [&str; 3] = [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
];
const AFTER: [&str; 2] = [
    "Sun, 06 Nov 1994 08:49:38 GMT",
    "Sat, 28 Feb 2026 00:00:00 GMT",
];
const NO_DATE: [&str; 2] = ["yesterday", "1994-11-06T08:49:37Z"];

/// Numbers that are the same in each run (SplitMix64).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    /// Something in one of so many cases.
    fn rarely<T>(&mut self, cases: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(cases) == 0).then(|| make(self))
    }
}

/// A field and whether its condition is true.
type Condition = (String, bool);

/// What a `Range` asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    Part {
        first: u64,
        last: u64,
    },
    Unsatisfiable,
    /// It is invalid: it is ignored.
    Nothing,
    /// Several ranges: they may be ignored, and other servers do not.
    Several,
}

/// The tags of one server's files.
pub(super) type Tags = BTreeMap<&'static str, String>;

#[derive(Debug)]
pub(super) struct Case {
    pub(super) file: &'static str,
    size: u64,
    method: &'static str,
    if_match: Option<Condition>,
    if_unmodified_since: Option<Condition>,
    if_none_match: Option<Condition>,
    if_modified_since: Option<Condition>,
    if_range: Option<Condition>,
    range: Option<(String, Asked)>,
}

impl Case {
    /// One made of such numbers.
    pub(super) fn new(numbers: &mut Numbers) -> Self {
        let (file, size) = numbers.one_of(&FILES);
        Self {
            file,
            size,
            method: numbers.one_of(&["GET", "GET", "GET", "GET", "HEAD"]),
            if_match: numbers.rarely(6, |numbers| {
                let tags = [
                    ("TAG", true),
                    ("*", true),
                    ("\"a\", TAG", true),
                    ("\"a\"", false),
                    ("\"a\", \"b,c\"", false),
                    ("W/TAG", false),
                ];
                owned(numbers.one_of(&tags))
            }),
            if_unmodified_since: numbers.rarely(6, |numbers| date(numbers, |is_after| !is_after)),
            if_none_match: numbers.rarely(5, |numbers| {
                let tags = [
                    ("TAG", false),
                    ("W/TAG", false),
                    ("*", false),
                    ("\"a\",TAG", false),
                    ("\"a\"", true),
                    ("\"a\", \"b,c\"", true),
                ];
                owned(numbers.one_of(&tags))
            }),
            if_modified_since: numbers.rarely(5, |numbers| date(numbers, |is_after| is_after)),
            if_range: numbers.rarely(3, |numbers| {
                let validators = [
                    ("TAG", true),
                    ("TAG", true),
                    (SAME[0], true),
                    ("\"a\"", false),
                    ("W/TAG", false),
                    (BEFORE[0], false),
                    (AFTER[0], false),
                    (NO_DATE[0], false),
                ];
                owned(numbers.one_of(&validators))
            }),
            range: numbers
                .rarely(1, |numbers| range(numbers, size))
                .filter(|_| {
                    // Conditions alone as well.
                    numbers.below(5) != 0
                }),
        }
    }

    /// Status, `Content-Range` and the part of the file, by RFC 9110, 13.2.2, 14.1.2 and
    /// 14.2.
    pub(super) fn expected(&self) -> (u16, Option<String>, (u64, u64)) {
        let size = self.size;
        let holds = |condition: &Option<Condition>| condition.as_ref().map(|(_, holds)| *holds);
        let first = holds(&self.if_match).or(holds(&self.if_unmodified_since));
        let second = holds(&self.if_none_match).or(holds(&self.if_modified_since));
        let whole = (200, None, (0, size));
        match (first, second, &self.range) {
            (Some(false), _, _) => (412, None, (0, 0)),
            (_, Some(false), _) => (304, None, (0, 0)),
            (_, _, Some((_, asked)))
                if self.method == "GET" && holds(&self.if_range) != Some(false) =>
            {
                match *asked {
                    Asked::Part { first, last } => {
                        let range = format!("bytes {first}-{last}/{size}");
                        (206, Some(range), (first, last + 1))
                    }
                    Asked::Unsatisfiable => (416, Some(format!("bytes */{size}")), (0, 0)),
                    Asked::Nothing | Asked::Several => whole,
                }
            }
            _ => whole,
        }
    }

    /// Whether lighttpd and Apache answer in another way than RFC 9110 says or lets us.
    pub(super) fn peers_differ(&self) -> bool {
        let is_several = matches!(self.range, Some((_, Asked::Several)));
        // With a range, both compare strongly. RFC 9110, 13.1.2 says weakly.
        let tags = self.if_none_match.as_ref();
        let is_weak = tags.is_some_and(|(tags, _)| tags.starts_with("W/"));
        is_several || (is_weak && self.range.is_some())
    }

    /// Whether it is the response that is expected.
    pub(super) fn is_right(&self, reply: &Reply) -> bool {
        let (status, range, (start, end)) = self.expected();
        let sent = bytes(self.size);
        let body = match self.method {
            "HEAD" => &[],
            _ => &sent[start as usize..end as usize],
        };
        reply.status == status
            && reply.header("Content-Range") == range.as_deref()
            && reply.body == body
    }

    /// Asks a server, which is asked for the file's tag first, unless it is known.
    pub(super) fn ask(
        &self,
        tags: &mut Tags,
        mut ask: impl FnMut(&str, &[(&str, String)]) -> Reply,
    ) -> Reply {
        let tag = tags.entry(self.file).or_insert_with(|| {
            let head = ask("HEAD", &[]);
            let tag = head.header("ETag").unwrap_or_else(|| panic!("{head:?}"));
            tag.to_owned()
        });
        let fields = self.fields(tag);
        ask(self.method, &fields)
    }

    /// The fields of the request, for a server that gives the file this tag.
    fn fields(&self, tag: &str) -> Vec<(&'static str, String)> {
        let conditions = [
            ("If-Match", &self.if_match),
            ("If-Unmodified-Since", &self.if_unmodified_since),
            ("If-None-Match", &self.if_none_match),
            ("If-Modified-Since", &self.if_modified_since),
            ("If-Range", &self.if_range),
        ];
        let conditions = conditions
            .iter()
            .filter_map(|(name, condition)| Some((*name, &condition.as_ref()?.0)));
        let range = self.range.iter().map(|(range, _)| ("Range", range));
        conditions
            .chain(range)
            .map(|(name, value)| (name, value.replace("TAG", tag)))
            .collect()
    }
}

fn owned((text, holds): (&str, bool)) -> Condition {
    (text.to_owned(), holds)
}

/// A date; what is not one is ignored, as if the condition were true.
fn date(numbers: &mut Numbers, holds: impl Fn(bool) -> bool) -> Condition {
    match numbers.below(8) {
        0 => owned((numbers.one_of(&NO_DATE), true)),
        1 | 2 => owned((numbers.one_of(&BEFORE), holds(true))),
        3 | 4 => owned((numbers.one_of(&AFTER), holds(false))),
        _ => owned((numbers.one_of(&SAME), holds(false))),
    }
}

fn range(numbers: &mut Numbers, size: u64) -> (String, Asked) {
    use Asked::{Nothing, Part, Several, Unsatisfiable};
    let asked = |text: &str, asked| (text.to_owned(), asked);
    if size == 0 {
        return asked(
            numbers.one_of(&["bytes=0-", "bytes=-5", "bytes=0-9"]),
            Nothing,
        );
    }
    let end = size - 1;
    let first = numbers.below(size);
    let last = first + numbers.below(size - first);
    match numbers.below(18) {
        0..=3 => (format!("bytes={first}-{last}"), Part { first, last }),
        4 => (format!("bytes={first}-"), Part { first, last: end }),
        5 => asked(
            "bytes=0-",
            Part {
                first: 0,
                last: end,
            },
        ),
        6 => asked("bytes=0-0", Part { first: 0, last: 0 }),
        7 => (
            format!("bytes={first}-{}", size + last),
            Part { first, last: end },
        ),
        8 => {
            let length = 1 + numbers.below(size);
            let first = size - length;
            (format!("bytes=-{length}"), Part { first, last: end })
        }
        9 => (
            format!("bytes=-{}", size + first + 1),
            Part {
                first: 0,
                last: end,
            },
        ),
        10 => (format!("bytes={size}-"), Unsatisfiable),
        11 => (
            format!("bytes={}-{}", size + first, size + last),
            Unsatisfiable,
        ),
        12 => asked("bytes=-0", Unsatisfiable),
        13 => (format!("bytes={}-{first}", first + 1), Nothing),
        14 => {
            let invalid = [
                "bytes=",
                "bytes=-",
                "bytes=a-b",
                "bytes=0-1x",
                "bytes",
                "0-1",
                "bytes=1",
            ];
            asked(numbers.one_of(&invalid), Nothing)
        }
        15 => asked(numbers.one_of(&["items=0-0", "none=0-0"]), Nothing),
        _ => (format!("bytes=0-0,{first}-{last}"), Several),
    }
}
