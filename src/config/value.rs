//! Settings as they are written: TOML values, or the text of environment
//! variables, read as Flask's `from_prefixed_env` reads them.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigProblem, Place, WrongValue};
use super::table::{SETTINGS, Secret, Setter, Setting};
use super::{Config, service};
use crate::files::text::{NotText, line_at};
use crate::gateway::{Environment, TrustProxy};

/// Where a value is written, borrowed from there: every request pays what this
/// costs, also for settings without a mistake.
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
        /// Whether other users can read it.
        is_exposed: bool,
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
            Source::File {
                path, text, offset, ..
            } => Self::File {
                path: path.to_owned(),
                line: Some(line_at(text.as_bytes(), offset)),
            },
        }
    }
}

/// A value of a setting, not converted yet.
#[derive(Clone, Debug)]
pub(super) struct Raw<'s> {
    pub(super) setting: &'static Setting,
    source: Source<'s>,
    written: Written<'s>,
}

#[derive(Clone, Debug)]
enum Written<'s> {
    /// In the environment only: TOML has no null.
    Null,
    Bool(bool),
    Integer(i64),
    Text(Cow<'s, str>),
    List(Vec<Self>),
    Other(&'static str),
}

impl Written<'_> {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

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
            setting: Some(self.setting.name.to_owned()),
            problem,
        }
    }

    /// Sets the setting to this value.
    ///
    /// # Errors
    ///
    /// A value of a wrong type or out of range.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        let outcome = match self.setting.setter {
            Setter::Text(set) => self.text().and_then(|text| set(config, text)),
            Setter::Path(set) => self.path().map(|path| set(config, path)),
            Setter::Bool(set) => self.bool().map(|on| set(config, on)),
            Setter::Integer(least, most, set) => {
                self.integer(least, most).map(|value| set(config, value))
            }
            Setter::List(set) => self.list().map(|list| set(config, list)),
            Setter::Proxy(set) => self.proxy().map(|trust| set(config, trust)),
        };
        outcome.map_err(|wrong| self.error(ConfigProblem::Value(wrong)))
    }

    /// Refuses a secret that was just set, if others can read it where it is
    /// written.
    ///
    /// # Errors
    ///
    /// A secret in the program's own settings, or a password in a file. (A key
    /// in a file is taken back: not every request needs it.)
    pub(super) fn refuse_if_exposed(&self, config: &mut Config) -> Result<(), ConfigError> {
        match (self.source, self.setting.secret) {
            (Source::Environment(_), _)
            | (
                Source::File {
                    is_exposed: false, ..
                },
                _,
            )
            | (_, Secret::No) => {}
            (_, Secret::Password(is_set)) if !is_set(config) => {}
            (Source::Program { .. }, Secret::Key(_) | Secret::Password(_)) => {
                return Err(self.error(ConfigProblem::SecretInProgram));
            }
            (Source::File { path, .. }, Secret::Key(refuse)) => refuse(config, path),
            (Source::File { .. }, Secret::Password(_)) => {
                return Err(self.error(ConfigProblem::Exposed));
            }
        }
        Ok(())
    }

    /// Whether it is of the setting `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.setting.name == name
    }

    /// The value of a setting that is a path.
    pub(super) fn absolute(&self) -> Result<PathBuf, ConfigError> {
        self.path()
            .map_err(|wrong| self.error(ConfigProblem::Value(wrong)))
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

    /// Whether the setting is to have its default.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.written, Written::Null)
    }

    fn text(&self) -> Result<&str, WrongValue> {
        let other = || self.expected("expected text in quotes");
        self.written.as_text().ok_or_else(other)
    }

    /// An absolute path: a CGI program's working directory is not to be relied
    /// on.
    fn path(&self) -> Result<PathBuf, WrongValue> {
        let path = PathBuf::from(self.text()?);
        match path.is_absolute() {
            true => Ok(path),
            false => Err(WrongValue::new(RELATIVE).found("a relative one")),
        }
    }

    fn bool(&self) -> Result<bool, WrongValue> {
        let word = match &self.written {
            Written::Bool(value) => return Ok(*value),
            Written::Integer(0) => "false",
            Written::Integer(1) => "true",
            written => written.as_text().unwrap_or_default(),
        };
        // TOML has its own words for these.
        match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" if self.is_in_environment() => Ok(true),
            "false" | "no" | "off" if self.is_in_environment() => Ok(false),
            _ => Err(self.expected("expected true or false")),
        }
    }

    /// `false`, `true` or `"forwarded"`.
    fn proxy(&self) -> Result<TrustProxy, WrongValue> {
        match (&self.written, self.bool()) {
            (Written::Text(text), _) if text == "forwarded" => Ok(TrustProxy::Forwarded),
            (_, Ok(true)) => Ok(TrustProxy::XForwarded),
            (_, Ok(false)) => Ok(TrustProxy::Off),
            (_, Err(_)) => Err(self.expected("expected true, false or \"forwarded\"")),
        }
    }

    fn integer(&self, least: u64, most: u64) -> Result<u64, WrongValue> {
        let wrong = WrongValue::new(format!("expected a whole number from {least} to {most}"));
        let Written::Integer(value) = self.written else {
            return Err(wrong.found(self.written.kind()));
        };
        match u64::try_from(value) {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => Err(wrong.found(value.to_string())),
        }
    }

    fn list<'s>(&'s self) -> Result<Vec<&'s str>, WrongValue> {
        let wrong = WrongValue::new("expected a list of texts in quotes");
        let Written::List(items) = &self.written else {
            return Err(wrong.found(self.written.kind()));
        };
        let text = |item: &'s Written<'_>| {
            let other = || wrong.clone().found(format!("{} in it", item.kind()));
            item.as_text().ok_or_else(other)
        };
        items.iter().map(text).collect()
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
    let value = redirected(environment, "SIGNET_DEBUG");
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    let setting = SETTINGS.iter().find(|setting| setting.name == "DEBUG");
    text.zip(setting).is_some_and(|(text, setting)| {
        let raw = Raw {
            setting,
            source: Source::Environment(b""),
            written: read_text(text, setting),
        };
        raw.bool() == Ok(true)
    })
}

/// All settings in the environment. Of `REDIRECT_` and other copies of a variable,
/// the one with the fewest `REDIRECT_` counts.
pub(super) fn from_environment(environment: &Environment) -> Result<Vec<Raw<'_>>, ConfigError> {
    let mut found: Vec<Raw<'_>> = Vec::new();
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
        let known = |setting: &&Setting| setting.name.as_bytes() == name;
        let Some(setting) = SETTINGS.iter().find(known) else {
            if service::is_variable(name, value) {
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
            setting,
            source,
            written: read_text(text, setting),
        };
        let same = |other: &Raw<'_>| other.setting.name == setting.name;
        match found.iter().position(same) {
            // Of two with the same name the last counts, as in other programs.
            Some(at) if depth <= depths[at] => (found[at], depths[at]) = (raw, depth),
            Some(_) => {}
            None => {
                found.push(raw);
                depths.push(depth);
            }
        }
    }
    Ok(found)
}

/// The text as it stands if the setting is text or a path, else JSON if it is
/// that. Null is null for all.
fn read_text<'s>(text: &'s str, setting: &Setting) -> Written<'s> {
    if is_null(text.as_bytes()) {
        return Written::Null;
    }
    match setting.setter {
        Setter::Text(_) | Setter::Path(_) => Written::Text(text.into()),
        Setter::Bool(_) | Setter::Integer(..) | Setter::List(_) | Setter::Proxy(_) => {
            match serde_json::from_str(text) {
                Ok(json) => from_json(json),
                Err(_) => Written::Text(text.into()),
            }
        }
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
pub(super) fn from_program(text: &str) -> Result<Vec<Raw<'_>>, ConfigError> {
    match text {
        "" => Ok(Vec::new()),
        text => from_toml(text, |offset| Source::Program { text, offset }),
    }
}

/// All settings of a TOML file, in the order they stand.
pub(super) fn from_file<'s>(
    text: &'s str,
    path: &'s Path,
    is_exposed: bool,
) -> Result<Vec<Raw<'s>>, ConfigError> {
    from_toml(text, |offset| Source::File {
        path,
        text,
        offset,
        is_exposed,
    })
}

fn from_toml<'s>(
    text: &'s str,
    source: impl Fn(usize) -> Source<'s>,
) -> Result<Vec<Raw<'s>>, ConfigError> {
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
    let raw = |(key, value): (Spanned<Cow<'s, str>>, Spanned<DeValue<'s>>)| {
        let source = source(key.span().start);
        let name = key.get_ref();
        let setting = SETTINGS.iter().find(|setting| setting.name == *name);
        Ok(Raw {
            setting: setting.ok_or_else(|| ConfigError::unknown(source.into(), name))?,
            source,
            written: from_toml_value(value.into_inner()),
        })
    };
    table.into_inner().into_iter().map(raw).collect()
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
