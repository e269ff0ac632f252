//! A value in a session.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::date_time::DateTime;
use super::{Error, Number};

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
    /// JSON text that is written again unchanged.
    Verbatim(Verbatim),
}

/// JSON text from Python that is written again unchanged: a tag whose content is not
/// understood or spelled in another way, or text that no [`Value`] represents (`NaN`,
/// a lone surrogate, nesting deeper than 128 levels).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verbatim {
    json: String,
    value: Option<Box<Value>>,
}

impl Verbatim {
    pub(in crate::session) fn new(json: &str, value: Option<Value>) -> Self {
        Self {
            json: json.to_owned(),
            value: value.map(Box::new),
        }
    }

    /// The text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The value that Flask reads; `None` if it is an error in Flask, or if no [`Value`]
    /// represents it.
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
    /// The value cannot be deserialized as `T`.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_value(self.plain())
    }

    /// Any serializable value, as untagged JSON.
    ///
    /// # Errors
    ///
    /// `value` has no JSON form, such as a map whose keys are not strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        serde_json::to_value(value).map(Self::from_plain)
    }

    /// The text of a string or markup.
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
            Self::Uuid(bytes) => base16ct::lower::encode_string(bytes).into(),
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
}
