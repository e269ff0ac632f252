//! Settings as they are written: TOML values, or the text of environment
//! variables, read as Flask's `from_prefixed_env` reads them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::table::{Kind, SETTINGS, Setting};
use crate::gateway::MetaVariables;

/// Where a value stands.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Environment { variable: String },
    File { path: PathBuf, line: usize },
}

/// A value before its setting has read it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
    pub(super) written: Written,
}

#[derive(Clone, Debug)]
pub(super) enum Written {
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<Self>),
    Other(&'static str),
}

impl Written {
    fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

impl Raw {
    pub(super) fn text(&self) -> Result<&str, String> {
        match &self.written {
            Written::Text(text) => Ok(text),
            other => Err(format!("expected a string, but found {}", other.kind())),
        }
    }

    pub(super) fn bool(&self) -> Result<bool, String> {
        match (&self.written, &self.origin) {
            (Written::Bool(value), _) => Ok(*value),
            (Written::Integer(value @ (0 | 1)), Origin::Environment { .. }) => Ok(*value == 1),
            (Written::Text(text), Origin::Environment { .. }) => {
                match text.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "on" => Ok(true),
                    "false" | "no" | "off" => Ok(false),
                    _ => Err("expected true or false".to_owned()),
                }
            }
            (other, _) => Err(format!(
                "expected true or false, but found {}",
                other.kind()
            )),
        }
    }

    pub(super) fn integer(&self, range: std::ops::RangeInclusive<i64>) -> Result<u64, String> {
        let Written::Integer(value) = self.written else {
            return Err(format!(
                "expected an integer, but found {}",
                self.written.kind()
            ));
        };
        u64::try_from(value)
            .ok()
            .filter(|_| range.contains(&value))
            .ok_or_else(|| {
                format!(
                    "expected {} to {}, but found {value}",
                    range.start(),
                    range.end()
                )
            })
    }

    pub(super) fn list(&self) -> Result<Vec<&str>, String> {
        let Written::List(items) = &self.written else {
            return Err(format!(
                "expected a list of strings, but found {}",
                self.written.kind()
            ));
        };
        items
            .iter()
            .map(|item| match item {
                Written::Text(text) => Ok(text.as_str()),
                other => Err(format!(
                    "expected a list of strings, but found {} in it",
                    other.kind()
                )),
            })
            .collect()
    }

    /// A setting that is an absolute path: a CGI program's working directory
    /// is not to be relied on.
    pub(super) fn absolute(&self) -> Result<PathBuf, String> {
        let path = PathBuf::from(self.text()?);
        if !path.is_absolute() {
            return Err("must be an absolute path".to_owned());
        }
        Ok(path)
    }

    pub(super) fn path(&self) -> Result<PathBuf, ConfigError> {
        self.absolute().map_err(|reason| self.error(reason))
    }
}

/// The value of `name`, or of `REDIRECT_name` with as few `REDIRECT_` as
/// there are.
pub(super) fn redirected<'v>(vars: &'v MetaVariables, name: &str) -> Option<&'v [u8]> {
    vars.iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(variable, value)| Some((redirects(variable, name)?, value)))
        .min_by_key(|(redirects, _)| *redirects)
        .map(|(_, value)| value)
}

fn redirects(variable: &[u8], name: &str) -> Option<usize> {
    let before = variable.strip_suffix(name.as_bytes())?;
    let count = before.len() / b"REDIRECT_".len();
    (before == b"REDIRECT_".repeat(count)).then_some(count)
}

/// All settings in the environment, unprefixed ones before redirected ones.
pub(super) fn from_environment(
    vars: &MetaVariables,
) -> Result<Vec<(&'static Setting, Raw)>, ConfigError> {
    let mut found: Vec<(&'static Setting, usize, Raw)> = Vec::new();
    for (variable, value) in vars.iter() {
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
        let shown = String::from_utf8_lossy(variable).into_owned();
        let place = format!("environment: {shown}");
        let Some(setting) = SETTINGS
            .iter()
            .find(|setting| setting.name.as_bytes() == name)
        else {
            if is_of_a_service(name, value) {
                continue;
            }
            return Err(ConfigError::new(&place, "unknown setting"));
        };
        let text =
            std::str::from_utf8(value).map_err(|_| ConfigError::new(&place, "is not UTF-8"))?;
        let raw = Raw {
            name: setting.name,
            origin: Origin::Environment { variable: shown },
            written: read_text(text, setting.kind),
        };
        match found
            .iter_mut()
            .find(|(other, ..)| other.name == setting.name)
        {
            // Of equals the last counts, as everywhere.
            Some((_, other, slot)) if depth <= *other => (*other, *slot) = (depth, raw),
            Some(_) => {}
            None => found.push((setting, depth, raw)),
        }
    }
    Ok(found
        .into_iter()
        .map(|(setting, _, raw)| (setting, raw))
        .collect())
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

/// JSON where it parses and the setting is no string, else text.
fn read_text(text: &str, kind: Kind) -> Written {
    if kind == Kind::Text {
        return Written::Text(text.to_owned());
    }
    match serde_json::from_str(text) {
        Ok(json) => from_json(json),
        Err(_) => Written::Text(text.to_owned()),
    }
}

fn from_json(json: Json) -> Written {
    match json {
        Json::Null => Written::Other("null"),
        Json::Bool(value) => Written::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Written::Integer(value),
            None => Written::Other("a number that is no integer in range"),
        },
        Json::String(text) => Written::Text(text),
        Json::Array(items) => Written::List(items.into_iter().map(from_json).collect()),
        Json::Object(_) => Written::Other("an object"),
    }
}

/// All settings of a TOML file, in the order they stand.
pub(super) fn from_toml(
    text: &str,
    path: &Path,
) -> Result<Vec<(&'static Setting, Raw)>, ConfigError> {
    let line_at = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let place = |line: usize| format!("{}:{line}", path.display());
    let table = DeTable::parse(text).map_err(|err| {
        let line = line_at(err.span().map_or(0, |span| span.start));
        ConfigError::new(place(line), err.message())
    })?;
    let mut found = Vec::new();
    for (key, value) in table.get_ref() {
        let line = line_at(key.span().start);
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == key.get_ref().as_ref())
            .ok_or_else(|| {
                ConfigError::new(place(line), format!("{}: unknown setting", key.get_ref()))
            })?;
        found.push((
            setting,
            Raw {
                name: setting.name,
                origin: Origin::File {
                    path: path.to_owned(),
                    line,
                },
                written: from_toml_value(value.get_ref()),
            },
        ));
    }
    Ok(found)
}

fn from_toml_value(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::String(text) => Written::Text(text.to_string()),
        DeValue::Boolean(value) => Written::Bool(*value),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) => Written::Integer(value),
            Err(_) => Written::Other("an integer out of range"),
        },
        DeValue::Float(_) => Written::Other("a float"),
        DeValue::Datetime(_) => Written::Other("a date"),
        DeValue::Array(items) => Written::List(
            items
                .iter()
                .map(|item| from_toml_value(item.get_ref()))
                .collect(),
        ),
        DeValue::Table(_) => Written::Other("a table"),
    }
}

/// A path variable's bytes as a path; used for variables that are not ours.
pub(super) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
