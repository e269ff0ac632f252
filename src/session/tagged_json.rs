//! Flask's `TaggedJSONSerializer`: JSON that keeps tuples, bytes, markup,
//! UUIDs and dates apart, each as an object with one key, the tag.
//!
//! Written as Flask writes it: keys sorted, ASCII only, no blanks. What Python
//! wrote in another way, or what has no value here, is kept as it came
//! ([`Verbatim`]), so that it is there when Python reads it again.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
pub use serde_json::{Error, Number};

pub use super::date_time::{DateTime, DateTimeRange};
use super::hex;
pub use super::untag::loads;

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
    /// What goes back as it came.
    Verbatim(Verbatim),
}

/// JSON text from Python that is kept: a tag whose content is not understood or
/// is spelled in another way, or text that has no value here (`NaN`, a lone
/// surrogate, nesting deeper than 128 levels).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verbatim {
    json: String,
    value: Option<Box<Value>>,
}

impl Verbatim {
    pub(super) fn new(json: &str, value: Option<Value>) -> Self {
        Self {
            json: json.to_owned(),
            value: value.map(Box::new),
        }
    }

    /// The text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// What Flask reads it as; `None` if that is an error there, or has no value
    /// here.
    pub fn value(&self) -> Option<&Value> {
        self.value.as_deref()
    }

    pub(super) fn into_value(self) -> Option<Value> {
        self.value.map(|value| *value)
    }
}

impl Value {
    /// The value as a Rust type; tags are dropped (a tuple reads as a list,
    /// bytes as a list of numbers, a date as its HTTP text, a UUID as its
    /// 32 hex digits, a [`Verbatim`] without a value as its JSON text).
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
            Self::Verbatim(verbatim) => verbatim.value()?.as_str(),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::List(_)
            | Self::Dict(_)
            | Self::Tuple(_)
            | Self::Bytes(_)
            | Self::Uuid(_)
            | Self::DateTime(_) => None,
        }
    }

    /// The value as it is written.
    pub(super) fn to_json(&self) -> String {
        let mut json = String::new();
        self.write(&mut json);
        json
    }

    fn plain(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(value) => Json::Number(value.clone()),
            Self::String(text) | Self::Markup(text) => text.as_str().into(),
            Self::Verbatim(verbatim) => match verbatim.value() {
                Some(value) => value.plain(),
                None => verbatim.json().into(),
            },
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
            Self::Verbatim(verbatim) => out.push_str(verbatim.json()),
        }
    }
}

/// Writes a session's dict as Flask does.
pub fn dumps(dict: &BTreeMap<String, Value>) -> String {
    let mut out = String::new();
    write_dict(dict, &mut out);
    out
}

pub(super) fn is_tag(key: &str) -> bool {
    matches!(key, " di" | " t" | " b" | " m" | " u" | " d")
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
