//! Flask's `TaggedJSONSerializer`: JSON that keeps tuples, bytes, markup,
//! UUIDs and dates apart, each as an object with one key, the tag.
//!
//! Written as Flask writes it: keys sorted, ASCII only, no blanks. What JSON
//! cannot hold here (`NaN`, lone surrogates, nesting deeper than 128 levels) but
//! Python wrote is kept as it came, so that it is there when Python reads it
//! again.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
pub use serde_json::{Error, Number};
use serde_json::{Map, Value as Json};

use super::hex;

/// A value in a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// Python's `None`.
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// Any number; integers of any size keep all their digits.
    Number(Number),
    /// `str`.
    String(String),
    /// `list`.
    List(Vec<Self>),
    /// `dict`.
    Dict(BTreeMap<String, Self>),
    /// `tuple`, tag `" t"`.
    Tuple(Vec<Self>),
    /// `bytes`, tag `" b"`.
    Bytes(Vec<u8>),
    /// `Markup`, tag `" m"`: HTML that needs no escaping.
    Markup(String),
    /// `uuid.UUID`, tag `" u"`.
    Uuid([u8; 16]),
    /// `datetime`, tag `" d"`.
    DateTime(DateTime),
    /// JSON text from Python that has no value here; it goes back as it came.
    Opaque(String),
}

/// A moment, in whole Unix seconds from the years 1 to 9999.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DateTime(time::UtcDateTime);

/// Seconds outside the years that Python's `datetime` has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a moment in the years 1 to 9999")]
pub struct DateTimeRange;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl DateTime {
    /// The moment `seconds` after 1970.
    ///
    /// # Errors
    ///
    /// [`DateTimeRange`] before the year 1 or after 9999.
    pub fn from_unix(seconds: i64) -> Result<Self, DateTimeRange> {
        time::UtcDateTime::from_unix_timestamp(seconds)
            .ok()
            .filter(|at| (1..=9999).contains(&at.year()))
            .map(Self)
            .ok_or(DateTimeRange)
    }

    /// Seconds after 1970.
    pub fn to_unix(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// Reads an HTTP date (RFC 9110, 5.6.7): `Tue, 14 Nov 2023 22:13:20 GMT`.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(", ")?;
        let mut parts = rest.split(' ');
        let day: u8 = parts.next()?.parse().ok()?;
        let month = parts.next()?;
        let month = MONTHS.iter().position(|name| *name == month)?;
        let year: i32 = parts.next()?.parse().ok()?;
        let mut clock = parts.next()?.split(':').map(str::parse::<u8>);
        let (Some(Ok(hour)), Some(Ok(minute)), Some(Ok(second)), None) =
            (clock.next(), clock.next(), clock.next(), clock.next())
        else {
            return None;
        };
        if parts.next() != Some("GMT") || parts.next().is_some() {
            return None;
        }
        let month = time::Month::try_from(u8::try_from(month).ok()? + 1).ok()?;
        let date = time::Date::from_calendar_date(year, month, day).ok()?;
        let time = time::Time::from_hms(hour, minute, second).ok()?;
        Some(Self(time::UtcDateTime::new(date, time)))
    }
}

impl std::fmt::Display for DateTime {
    /// An HTTP date.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = self.0;
        write!(
            f,
            "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
            DAYS[usize::from(at.weekday().number_days_from_monday())],
            at.day(),
            MONTHS[usize::from(u8::from(at.month())) - 1],
            at.year(),
            at.hour(),
            at.minute(),
            at.second(),
        )
    }
}

impl Value {
    /// The value as a Rust type; tags are dropped (a tuple reads as a list,
    /// bytes as a list of numbers, a date as its HTTP text, a UUID as its
    /// 32 hex digits).
    ///
    /// # Errors
    ///
    /// When `T` has another shape.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_value(self.plain())
    }

    /// Any serializable value, as untagged JSON.
    ///
    /// # Errors
    ///
    /// When `value` has no JSON form (a map whose keys are no strings).
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        serde_json::to_value(value).map(Self::from_plain)
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Markup(text) => Some(text),
            _ => None,
        }
    }

    fn plain(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(value) => Json::Number(value.clone()),
            Self::String(text) | Self::Markup(text) | Self::Opaque(text) => text.as_str().into(),
            Self::List(items) | Self::Tuple(items) => items.iter().map(Self::plain).collect(),
            Self::Dict(items) => Json::Object(
                items
                    .iter()
                    .map(|(key, value)| (key.clone(), value.plain()))
                    .collect(),
            ),
            Self::Bytes(bytes) => bytes.iter().copied().collect(),
            Self::Uuid(bytes) => hex::encode(bytes).into(),
            Self::DateTime(at) => at.to_string().into(),
        }
    }

    fn from_plain(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(value) => Self::Number(value),
            Json::String(text) => Self::String(text),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from_plain).collect()),
            Json::Object(items) => Self::Dict(
                items
                    .into_iter()
                    .map(|(key, value)| (key, Self::from_plain(value)))
                    .collect(),
            ),
        }
    }

    /// Reads tagged JSON: children first, then the object around them.
    fn untag(json: Json) -> Self {
        match json {
            Json::Array(items) => Self::List(items.into_iter().map(Self::untag).collect()),
            Json::Object(items) => Self::untag_object(items),
            json => Self::from_plain(json),
        }
    }

    fn untag_object(items: Map<String, Json>) -> Self {
        let mut items: BTreeMap<String, Self> = items
            .into_iter()
            .map(|(key, value)| (key, Self::untag(value)))
            .collect();
        if items.len() != 1 {
            return Self::Dict(items);
        }
        let Some((tag, inner)) = items.pop_first() else {
            return Self::Dict(items);
        };
        let read = match (tag.as_str(), &inner) {
            (" t", Self::List(parts)) => Some(Self::Tuple(parts.clone())),
            (" b", Self::String(text)) => STANDARD.decode(text).ok().map(Self::Bytes),
            (" m", Self::String(text)) => Some(Self::Markup(text.clone())),
            (" u", Self::String(text)) => hex::decode(text)
                .and_then(|bytes| bytes.try_into().ok())
                .map(Self::Uuid),
            // Flask reads a date it does not understand as None.
            (" d", Self::String(text)) => {
                Some(DateTime::parse(text).map_or(Self::Null, Self::DateTime))
            }
            (" di", Self::Dict(inside)) => untag_dict(inside),
            _ => None,
        };
        read.unwrap_or_else(|| Self::Dict([(tag, inner)].into()))
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(value) => out.push_str(value.as_str()),
            Self::String(text) => write_str(text, out),
            Self::List(items) => write_list(items, out),
            Self::Dict(items) => write_dict(items, out),
            Self::Tuple(items) => write_tagged(" t", out, |out| write_list(items, out)),
            Self::Bytes(bytes) => {
                write_tagged(" b", out, |out| write_str(&STANDARD.encode(bytes), out));
            }
            Self::Markup(text) => write_tagged(" m", out, |out| write_str(text, out)),
            Self::Uuid(bytes) => write_tagged(" u", out, |out| write_str(&hex::encode(bytes), out)),
            Self::DateTime(at) => {
                write_tagged(" d", out, |out| write_str(&at.to_string(), out));
            }
            Self::Opaque(text) => out.push_str(text),
        }
    }
}

/// Writes a session's dict as Flask does.
pub fn dumps(dict: &BTreeMap<String, Value>) -> String {
    let mut out = String::new();
    write_dict(dict, &mut out);
    out
}

/// Reads a session's dict; `None` if `json` is anything but an object. `null`
/// is an empty dict, as in Flask.
pub fn loads(json: &str) -> Option<BTreeMap<String, Value>> {
    if json.trim_ascii() == "null" {
        return Some(BTreeMap::new());
    }
    let mut members = split_object(json)?;
    if let [(tag, inner)] = members.as_slice()
        && is_tag(tag)
    {
        // A dict that is itself a tagged value is no session, unless the tag
        // says that its one key looks like a tag.
        if tag != " di" {
            return None;
        }
        members = split_object(inner)?;
        let [(key, _)] = members.as_mut_slice() else {
            return None;
        };
        *key = key.strip_suffix("__")?.to_owned();
    }
    let dict = members
        .into_iter()
        .map(|(key, text)| {
            let value = plain_value(text).unwrap_or_else(|| {
                serde_json::from_str(text)
                    .map_or_else(|_| Value::Opaque(text.to_owned()), Value::untag)
            });
            (key, value)
        })
        .collect();
    Some(dict)
}

/// The members of a JSON object, values as text. It looks at structure only,
/// so a value that Rust's JSON cannot hold costs its own key, not the session.
fn split_object(json: &str) -> Option<Vec<(String, &str)>> {
    let inside = json.trim_ascii().strip_prefix('{')?.strip_suffix('}')?;
    let mut members = Vec::new();
    let mut rest = inside.trim_ascii_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_at(value_end(rest)?);
        let after = after
            .trim_ascii_start()
            .strip_prefix(':')?
            .trim_ascii_start();
        let (value, after) = after.split_at(value_end(after)?);
        let key = match plain_string(key) {
            Some(key) => key.to_owned(),
            None => serde_json::from_str(key).ok()?,
        };
        members.push((key, value));
        rest = after.trim_ascii_start();
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
        } else if !rest.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// How deep Python nests before it gives up.
const MAX_DEPTH: usize = 1000;

/// Where the JSON value that `text` begins with ends.
fn value_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = Vec::new();
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            b'"' => at += string_length(&bytes[at..])?,
            b'[' => {
                open.push(b']');
                at += 1;
            }
            b'{' => {
                open.push(b'}');
                at += 1;
            }
            byte @ (b']' | b'}') => {
                if open.pop() != Some(byte) {
                    return None;
                }
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if !open.is_empty() => at += 1,
            _ => {
                let length = bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
                    .count();
                if !is_literal(&text[at..at + length]) {
                    return None;
                }
                at += length;
            }
        }
        if open.is_empty() {
            return Some(at);
        }
        if open.len() > MAX_DEPTH {
            return None;
        }
    }
}

/// The length of the JSON string that `bytes` begins with, quotes included.
/// Python writes lone surrogates as escapes, and they are good escapes.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match *bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                _ => return None,
            },
            0..=0x1f => return None,
            _ => at += 1,
        }
    }
}

/// A word that Python's `json` reads: its three additions to JSON included.
fn is_literal(word: &str) -> bool {
    matches!(
        word,
        "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity"
    ) || small_integer(word).is_some()
        || serde_json::from_str::<Number>(word).is_ok()
}

/// The values that most sessions have, by a shorter way than serde_json's: a
/// string without escapes, and a date. `text` has the structure of JSON.
fn plain_value(text: &str) -> Option<Value> {
    plain_string(text)
        .map(Value::from)
        .or_else(|| small_integer(text).map(|integer| Value::Number(integer.into())))
}

/// The inside of a string without escapes.
fn plain_string(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

/// An integer from 0 to 10^18.
fn small_integer(word: &str) -> Option<u64> {
    let is_canonical = word == "0" || !word.starts_with('0');
    let is_short = (1..=18).contains(&word.len());
    let digits = is_canonical && is_short && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}

fn is_tag(key: &str) -> bool {
    matches!(key, " di" | " t" | " b" | " m" | " u" | " d")
}

/// A dict whose one key looks like a tag travels with two underscores more.
fn untag_dict(inside: &BTreeMap<String, Value>) -> Option<Value> {
    let (key, value) = inside.first_key_value()?;
    let key = key.strip_suffix("__").filter(|_| inside.len() == 1)?;
    Some(Value::Dict([(key.to_owned(), value.clone())].into()))
}

fn write_tagged(tag: &str, out: &mut String, inner: impl FnOnce(&mut String)) {
    out.push_str("{\"");
    out.push_str(tag);
    out.push_str("\":");
    inner(out);
    out.push('}');
}

fn write_list(items: &[Value], out: &mut String) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        item.write(out);
    }
    out.push(']');
}

/// A dict whose one key looks like a tag is tagged itself.
fn write_dict(items: &BTreeMap<String, Value>, out: &mut String) {
    match items.first_key_value() {
        Some((key, value)) if items.len() == 1 && is_tag(key) => {
            write_tagged(" di", out, |out| {
                write_object([(format!("{key}__").as_str(), value)].into_iter(), out);
            });
        }
        _ => write_object(items.iter().map(|(key, value)| (key.as_str(), value)), out),
    }
}

/// `String`'s order is that of UTF-8 bytes, which is Python's order by code
/// points.
fn write_object<'v>(items: impl Iterator<Item = (&'v str, &'v Value)>, out: &mut String) {
    out.push('{');
    for (i, (key, value)) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_str(key, out);
        out.push(':');
        value.write(out);
    }
    out.push('}');
}

/// Python's `ensure_ascii`.
fn write_str(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict<const N: usize>(items: [(&str, Value); N]) -> Value {
        Value::Dict(items.map(|(key, value)| (key.to_owned(), value)).into())
    }

    /// The meaning of vector V4 of tests/vectors.json, as Flask reads it.
    #[test]
    fn all_six_tags_are_read_and_written_as_flask_does() {
        let text = r#"{"b":{" b":"AP8QcmF3"},"d":{" d":"Tue, 14 Nov 2023 22:13:20 GMT"},"m":{" m":"<b>hi</b>"},"nested":{"f":1.5,"list":[{"k":{" t":[1]}}],"neg":-7,"none":null},"t":{" t":[1,2,{" t":["x"]}]},"tricky":{" di":{" t__":[1,2]}},"u":{" u":"12345678123456781234567812345678"}}"#;
        let number = |text: &str| Value::Number(text.parse().unwrap());
        let want = dict([
            ("b", Value::Bytes(b"\x00\xff\x10raw".to_vec())),
            (
                "d",
                Value::DateTime(DateTime::from_unix(1_700_000_000).unwrap()),
            ),
            ("m", Value::Markup("<b>hi</b>".into())),
            (
                "nested",
                dict([
                    ("f", number("1.5")),
                    (
                        "list",
                        Value::List(vec![dict([("k", Value::Tuple(vec![number("1")]))])]),
                    ),
                    ("neg", number("-7")),
                    ("none", Value::Null),
                ]),
            ),
            (
                "t",
                Value::Tuple(vec![
                    number("1"),
                    number("2"),
                    Value::Tuple(vec![Value::String("x".into())]),
                ]),
            ),
            (
                "tricky",
                dict([(" t", Value::List(vec![number("1"), number("2")]))]),
            ),
            (
                "u",
                Value::Uuid(*b"\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78"),
            ),
        ]);
        let read = loads(text).unwrap();
        assert_eq!(Value::Dict(read.clone()), want);
        assert_eq!(dumps(&read), text);
    }

    #[test]
    fn what_python_wrote_goes_back_as_it_came() {
        for text in [
            "{}",
            r#"{"big":1180591620717411303424,"e":1e+16,"f":1.0}"#,
            r#"{"a":NaN,"b":[Infinity,-Infinity],"username":"bob"}"#,
            r#"{"lone":"\ud800","username":"bob"}"#,
            r#"{"s":"Za\u017c \ud83d\ude00 \u007f \"\\/<"}"#,
            r#"{"a":{" t":[1],"z":2}}"#,
            r#"{" di":{" t__":-Infinity}}"#,
        ] {
            assert_eq!(dumps(&loads(text).unwrap()), text);
        }
        let deep = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(dumps(&loads(&deep(900)).unwrap()), deep(900));
        assert_eq!(loads(&deep(100_000)), None);
    }

    #[test]
    fn what_is_no_dict_is_no_session() {
        for text in [
            "",
            "[1]",
            "\"x\"",
            "1",
            "{",
            r#"{"a":"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{"a":[}"#,
            r#"{"a":tru}"#,
            r#"{"a":"x}"#,
            r#"{" t":[1]}"#,
            "\u{feff}{}",
            r#"{"\ud800":1}"#,
        ] {
            assert_eq!(loads(text), None, "{text}");
        }
        assert_eq!(loads("null"), Some(BTreeMap::new()));
    }

    #[test]
    fn a_tag_around_the_wrong_thing_is_a_plain_dict_and_bad_dates_are_null() {
        for text in [
            r#"{"v":{" t":1}}"#,
            r#"{"v":{" b":"?"}}"#,
            r#"{"v":{" u":"12"}}"#,
            r#"{"v":{" m":[]}}"#,
            r#"{"v":{" di":{"a":1,"b":2}}}"#,
            r#"{"v":{" d":7}}"#,
        ] {
            let read = loads(text).unwrap();
            assert!(matches!(read["v"], Value::Dict(_)), "{text}");
        }
        assert_eq!(loads(r#"{"v":{" d":"soon"}}"#).unwrap()["v"], Value::Null);
    }
}
