//! Settings as they are written: TOML values, or the text of environment
//! variables, read as Flask's `from_prefixed_env` reads them.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigProblem, Place, WrongValue};
use super::table::{Kind, SETTINGS, Setting};
use crate::files::text::{NotText, line_at};
use crate::gateway::{Environment, TrustProxy};

/// Where a value stands, borrowed from there: what this costs a setting that is
/// right, every request pays.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'s> {
    /// The variable of this name, with all prefixes.
    Environment(&'s [u8]),
    /// The key at this byte of the settings that the program has of its own.
    Program { text: &'s str, offset: usize },
    /// The key at this byte of the file's text.
    File {
        path: &'s Path,
        text: &'s str,
        offset: usize,
    },
}

impl From<Source<'_>> for Place {
    fn from(source: Source<'_>) -> Self {
        match source {
            Source::Environment(variable) => Self::Environment {
                variable: String::from_utf8_lossy(variable).into_owned(),
            },
            Source::Program { text, offset } => Self::Program {
                line: line_at(text.as_bytes(), offset),
            },
            Source::File { path, text, offset } => Self::File {
                path: path.to_owned(),
                line: Some(line_at(text.as_bytes(), offset)),
            },
        }
    }
}

/// A value before its setting has read it.
#[derive(Clone, Debug)]
pub(super) struct Raw<'s> {
    pub(super) name: &'static str,
    source: Source<'s>,
    written: Written<'s>,
}

/// Settings that were given, in order.
pub(super) type Given<'s> = Vec<(&'static Setting, Raw<'s>)>;

#[derive(Clone, Debug)]
enum Written<'s> {
    /// Only in the environment: TOML has none.
    Null,
    Bool(bool),
    Integer(i64),
    Text(Cow<'s, str>),
    List(Vec<Self>),
    Other(&'static str),
}

impl Written<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

impl Raw<'_> {
    pub(super) fn error(&self, problem: ConfigProblem) -> ConfigError {
        ConfigError {
            place: self.source.into(),
            setting: Some(self.name.to_owned()),
            problem,
        }
    }

    pub(super) fn wrong(&self, value: WrongValue) -> ConfigError {
        self.error(ConfigProblem::Value(value))
    }

    fn expected(&self, what: &'static str) -> WrongValue {
        WrongValue::new(what).found(self.written.kind())
    }

    fn is_in_environment(&self) -> bool {
        match self.source {
            Source::Environment(_) => true,
            Source::Program { .. } | Source::File { .. } => false,
        }
    }

    pub(super) fn text(&self) -> Result<&str, WrongValue> {
        match &self.written {
            Written::Text(text) => Ok(text),
            _ => Err(self.expected("expected text in quotes")),
        }
    }

    /// Whether the setting is to have its default.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.written, Written::Null)
    }

    /// A text that a type reads, whose error is words without the value.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self) -> Result<T, WrongValue> {
        let parsed = self.text()?.parse();
        parsed.map_err(|err: T::Err| WrongValue::new(err.to_string()))
    }

    /// As [`Raw::parsed`]; nothing for an empty text, which is what a file of
    /// Flask's has in the place of `None`.
    pub(super) fn parsed_unless_empty<T: FromStr<Err: Display>>(
        &self,
    ) -> Result<Option<T>, WrongValue> {
        match self.text()? {
            "" => Ok(None),
            _ => self.parsed().map(Some),
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &self,
        expected: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, WrongValue> {
        let text = self.text()?;
        let choice = choices.iter().find(|(word, _)| *word == text);
        match choice {
            Some((_, choice)) => Ok(*choice),
            None => Err(WrongValue::new(expected).found(text)),
        }
    }

    pub(super) fn bool(&self) -> Result<bool, WrongValue> {
        let wrong = || self.expected("expected true or false");
        match &self.written {
            Written::Bool(value) => Ok(*value),
            Written::Integer(value @ (0 | 1)) if self.is_in_environment() => Ok(*value == 1),
            Written::Text(text) if self.is_in_environment() => {
                match text.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "on" => Ok(true),
                    "false" | "no" | "off" => Ok(false),
                    _ => Err(wrong()),
                }
            }
            _ => Err(wrong()),
        }
    }

    /// `false`, `true` or `"forwarded"`.
    pub(super) fn trust_proxy(&self) -> Result<TrustProxy, WrongValue> {
        match (&self.written, self.bool()) {
            (Written::Text(text), _) if text == "forwarded" => Ok(TrustProxy::Forwarded),
            (_, Ok(true)) => Ok(TrustProxy::XForwarded),
            (_, Ok(false)) => Ok(TrustProxy::Off),
            (_, Err(_)) => Err(self.expected("expected true, false or \"forwarded\"")),
        }
    }

    pub(super) fn integer(&self, range: std::ops::RangeInclusive<i64>) -> Result<u64, WrongValue> {
        let (start, end) = (range.start(), range.end());
        let wrong = WrongValue::new(format!("expected a whole number from {start} to {end}"));
        let Written::Integer(value) = self.written else {
            return Err(wrong.found(self.written.kind()));
        };
        u64::try_from(value)
            .ok()
            .filter(|_| range.contains(&value))
            .ok_or_else(|| wrong.found(value.to_string()))
    }

    pub(super) fn list(&self) -> Result<Vec<&str>, WrongValue> {
        let wrong = || WrongValue::new("expected a list of texts in quotes");
        let Written::List(items) = &self.written else {
            return Err(wrong().found(self.written.kind()));
        };
        items
            .iter()
            .map(|item| match item {
                Written::Text(text) => Ok(text.as_ref()),
                other => Err(wrong().found(format!("{} in it", other.kind()))),
            })
            .collect()
    }

    /// A setting that is an absolute path: a CGI program's working directory
    /// is not to be relied on.
    pub(super) fn absolute(&self) -> Result<PathBuf, WrongValue> {
        let path = PathBuf::from(self.text()?);
        if !path.is_absolute() {
            return Err(WrongValue::new(RELATIVE).found("a relative one"));
        }
        Ok(path)
    }
}

const RELATIVE: &str = "expected an absolute path, which begins with /";

/// The variable `name`, which is to name a file, holds a relative path.
pub(super) fn relative_path(name: &str) -> ConfigError {
    ConfigError {
        place: Place::Environment {
            variable: name.to_owned(),
        },
        setting: None,
        problem: ConfigProblem::Value(WrongValue::new(RELATIVE)),
    }
}

/// The value of `name`, or of `REDIRECT_name` with as few `REDIRECT_` as
/// there are.
pub(super) fn redirected<'v>(environment: &'v Environment, name: &str) -> Option<&'v [u8]> {
    environment
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(variable, value)| Some((redirects(variable, name)?, value)))
        .min_by_key(|(redirects, _)| *redirects)
        .map(|(_, value)| value)
        .filter(|value| !is_null(value))
}

/// Whether the text of a variable is JSON's null.
fn is_null(value: &[u8]) -> bool {
    value.trim_ascii() == b"null"
}

fn redirects(variable: &[u8], name: &str) -> Option<usize> {
    let before = variable.strip_suffix(name.as_bytes())?;
    let count = before.len() / b"REDIRECT_".len();
    (before == b"REDIRECT_".repeat(count)).then_some(count)
}

/// `DEBUG` in the environment, where other settings may be wrong.
pub(super) fn debug_in_environment(environment: &Environment) -> bool {
    let text = redirected(environment, "SIGNET_DEBUG");
    let text = text.and_then(|value| std::str::from_utf8(value).ok());
    text.is_some_and(|text| {
        let raw = Raw {
            name: "DEBUG",
            source: Source::Environment(b""),
            written: read_text(text, Kind::Json),
        };
        raw.bool() == Ok(true)
    })
}

/// All settings in the environment, unprefixed ones before redirected ones.
pub(super) fn from_environment(environment: &Environment) -> Result<Given<'_>, ConfigError> {
    let mut found = Given::new();
    // How many REDIRECT_ each has.
    let mut depths: Vec<usize> = Vec::new();
    for (variable, value) in environment.iter() {
        let mut name = variable;
        let mut depth = 0;
        while let Some(rest) = name.strip_prefix(b"REDIRECT_") {
            name = rest;
            depth += 1;
        }
        let Some(name) = name.strip_prefix(b"SIGNET_") else {
            continue;
        };
        if name == b"CONFIG" || value.is_empty() {
            continue;
        }
        let source = Source::Environment(variable);
        let Some(setting) = SETTINGS
            .iter()
            .find(|setting| setting.name.as_bytes() == name)
        else {
            if is_of_a_service(name, value) {
                continue;
            }
            let name = String::from_utf8_lossy(name);
            return Err(ConfigError::unknown(source.into(), &name));
        };
        let text = std::str::from_utf8(value).map_err(|_| ConfigError {
            place: source.into(),
            setting: Some(setting.name.to_owned()),
            problem: ConfigProblem::NotText(NotText::OtherEncoding { line: 1 }),
        })?;
        let raw = Raw {
            name: setting.name,
            source,
            written: read_text(text, setting.kind),
        };
        match found
            .iter()
            .position(|(other, _)| other.name == setting.name)
        {
            // Of equals the last counts, as everywhere.
            Some(at) if depth <= depths[at] => (found[at].1, depths[at]) = (raw, depth),
            Some(_) => {}
            None => {
                found.push((setting, raw));
                depths.push(depth);
            }
        }
    }
    Ok(found)
}

/// Whether Kubernetes or Docker sets this variable, `SIGNET_` taken off its
/// name, for a Service or a linked container called `signet` or `signet-…`.
///
/// Kubernetes: `SERVICE_HOST`, `SERVICE_PORT`, `SERVICE_PORT_{NAME}`, and what
/// Docker's links have: `PORT` and `PORT_{NUMBER}_{PROTOCOL}` with a URL, the
/// parts of the latter; `NAME` (`/container/alias`); `ENV_{NAME}`.
fn is_of_a_service(name: &[u8], value: &[u8]) -> bool {
    let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
        return false;
    };
    let is_word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    let is_port = |port: &str| {
        let (number, rest) = port.split_once('_').unwrap_or_default();
        let (protocol, part) = rest.split_once('_').unwrap_or((rest, "ADDR"));
        number.parse::<u16>().is_ok()
            && matches!(protocol, "TCP" | "UDP" | "SCTP")
            && matches!(
                part,
                "ADDR" | "PORT" | "PROTO" | "START" | "END" | "PORT_START" | "PORT_END"
            )
    };
    let is_variable = |name: &str| match name {
        "SERVICE_HOST" | "SERVICE_PORT" => true,
        "PORT" => is_url,
        "NAME" => value.starts_with('/') && value.matches('/').count() == 2,
        _ => {
            name.strip_prefix("SERVICE_PORT_").is_some_and(is_word)
                || name.strip_prefix("PORT_").is_some_and(is_port)
                || name
                    .strip_prefix("ENV_")
                    .is_some_and(|name| !name.is_empty())
        }
    };
    is_variable(name)
        || name
            .match_indices('_')
            .any(|(at, _)| is_word(&name[..at]) && is_variable(&name[at + 1..]))
}

/// JSON where it parses and the setting is no string, else text; null for both.
fn read_text(text: &str, kind: Kind) -> Written<'_> {
    if is_null(text.as_bytes()) {
        return Written::Null;
    }
    if kind == Kind::Text {
        return Written::Text(text.into());
    }
    match serde_json::from_str(text) {
        Ok(json) => from_json(json),
        Err(_) => Written::Text(text.into()),
    }
}

fn from_json(json: Json) -> Written<'static> {
    match json {
        Json::Null => Written::Null,
        Json::Bool(value) => Written::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Written::Integer(value),
            None => Written::Other("a number that is no integer in range"),
        },
        Json::String(text) => Written::Text(text.into()),
        Json::Array(items) => Written::List(items.into_iter().map(from_json).collect()),
        Json::Object(_) => Written::Other("an object"),
    }
}

/// All settings that the program has of its own, in the order they stand.
pub(super) fn from_program(text: &str) -> Result<Given<'_>, ConfigError> {
    match text {
        "" => Ok(Given::new()),
        text => from_toml(text, |offset| Source::Program { text, offset }),
    }
}

/// All settings of a TOML file, in the order they stand.
pub(super) fn from_file<'s>(text: &'s str, path: &'s Path) -> Result<Given<'s>, ConfigError> {
    from_toml(text, |offset| Source::File { path, text, offset })
}

fn from_toml<'s>(
    text: &'s str,
    source: impl Fn(usize) -> Source<'s>,
) -> Result<Given<'s>, ConfigError> {
    let table = DeTable::parse(text).map_err(|err| {
        let offset = err.span().map_or(0, |span| span.start);
        let line = line_of(text.as_bytes(), line_at(text.as_bytes(), offset));
        let line = String::from_utf8_lossy(line);
        ConfigError {
            place: source(offset).into(),
            setting: setting_in(&line),
            problem: ConfigProblem::Syntax {
                reason: err.message().to_owned(),
                remedy: remedy(&line),
            },
        }
    })?;
    let mut found = Given::new();
    for (key, value) in table.into_inner() {
        let source = source(key.span().start);
        let name = key.get_ref();
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == *name) else {
            return Err(ConfigError::unknown(source.into(), name));
        };
        let raw = Raw {
            name: setting.name,
            source,
            written: from_toml_value(value.into_inner()),
        };
        found.push((setting, raw));
    }
    Ok(found)
}

/// The error of a settings file whose `bytes` are not text.
pub(super) fn not_text(bytes: &[u8], path: &Path, err: NotText) -> ConfigError {
    let line = err.line();
    let setting = match err {
        NotText::OtherEncoding { .. } => setting_in(&String::from_utf8_lossy(line_of(bytes, line))),
        NotText::Utf16 { .. } => None,
    };
    ConfigError {
        place: Place::File {
            path: path.to_owned(),
            line: Some(line),
        },
        setting,
        problem: ConfigProblem::NotText(err),
    }
}

/// The line with this number, from 1.
fn line_of(text: &[u8], number: usize) -> &[u8] {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.nth(number - 1).unwrap_or_default()
}

/// The name before the `=` of a line.
fn setting_in(line: &str) -> Option<String> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim().trim_matches(['"', '\'']);
    (!name.is_empty() && !name.starts_with('#')).then(|| name.to_owned())
}

/// What to do about a line that is no TOML, if its value shows that.
fn remedy(line: &str) -> Option<&'static str> {
    let Some((_, value)) = line.split_once('=') else {
        return Some("each line is NAME = VALUE, or begins with #");
    };
    let value = value.split('#').next().unwrap_or_default().trim();
    match value.to_ascii_lowercase().as_str() {
        "" => Some("a value is missing after the ="),
        "true" | "false" => Some("write true or false in lower case"),
        "yes" | "no" | "on" | "off" => Some("write true or false"),
        "none" | "null" | "nil" => Some("to leave the setting at its default, remove the line"),
        _ if value.starts_with(['"', '\'', '[', '{']) => None,
        _ => Some("text must stand in quotes: NAME = \"text\""),
    }
}

fn from_toml_value(value: DeValue<'_>) -> Written<'_> {
    match value {
        DeValue::String(text) => Written::Text(text),
        DeValue::Boolean(value) => Written::Bool(value),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) => Written::Integer(value),
            Err(_) => Written::Other("an integer out of range"),
        },
        DeValue::Float(_) => Written::Other("a float"),
        DeValue::Datetime(_) => Written::Other("a date"),
        DeValue::Array(items) => Written::List(
            items
                .into_iter()
                .map(|item| from_toml_value(item.into_inner()))
                .collect(),
        ),
        DeValue::Table(_) => Written::Other("a table"),
    }
}

/// A path variable's bytes as a path; used for variables that are not ours.
pub(super) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
