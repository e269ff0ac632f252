//! Reading settings from TOML and from environment variables, the latter as
//! Flask's `from_prefixed_env` does.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::access::AccessRuleError;
use super::error::{ConfigError, ConfigProblem, Place, similar};
use super::table::{Secret, Setter, Setting};
use super::variable::{is_null, redirected, without_redirects};
use super::wrong_value::{Expected, SyntaxRemedy, WrongValue};
use super::{Config, service};
use crate::files::text::{NotText, line_at};
use crate::gateway::{Environment, TrustProxy};

/// Where a value is written. It borrows from there, because every request makes one for
/// each setting.
#[derive(Clone, Copy)]
pub(super) enum Source<'s> {
    /// The variable with this name, including all prefixes.
    Environment(&'s [u8]),
    /// The key at this byte of the program's own settings.
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

/// A value of a setting, not converted yet. Only the environment has null. A date of TOML
/// is an object.
pub(super) struct Raw<'s> {
    pub(super) setting: &'static Setting,
    source: Source<'s>,
    value: Json,
}

/// The type of a value, for messages.
fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(number) if number.is_i64() => "an integer",
        Json::Number(_) => "a number that is not an integer in range",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "a table, an object or a date",
    }
}

impl Raw<'_> {
    /// Where it is written.
    pub(super) fn place(&self) -> Place {
        self.source.into()
    }

    pub(super) fn error(&self, problem: ConfigProblem) -> ConfigError {
        ConfigError {
            place: self.place(),
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
            Setter::List(set) => self.list().and_then(|list| set(config, list)),
            Setter::Table(set) => self.table().and_then(|rows| set(config, &rows)),
            Setter::Lists(set) => self.lists().and_then(|table| set(config, &table)),
            Setter::Proxy(set) => self.proxy().map(|trust| set(config, trust)),
        };
        outcome.map_err(|wrong| self.error(ConfigProblem::Value(Box::new(wrong))))
    }

    /// Refuses a secret that was just set, if others can read it where it is
    /// written.
    ///
    /// # Errors
    ///
    /// A secret in the program's own settings, or a password in a file. (A key in a
    /// file is only removed from the settings, because not every request needs it.)
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
            .map_err(|wrong| self.error(ConfigProblem::Value(Box::new(wrong))))
    }

    fn wrong_type(&self, expected: Expected) -> WrongValue {
        WrongValue::from(expected).found(kind(&self.value))
    }

    pub(super) fn is_in_environment(&self) -> bool {
        match self.source {
            Source::Environment(_) => true,
            Source::Program { .. } | Source::File { .. } => false,
        }
    }

    /// Whether the value means the default.
    pub(super) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn text(&self) -> Result<&str, WrongValue> {
        let other = || self.wrong_type(Expected::Text);
        self.value.as_str().ok_or_else(other)
    }

    /// An absolute path: the working directory of a CGI program differs between web
    /// servers.
    fn path(&self) -> Result<PathBuf, WrongValue> {
        let path = PathBuf::from(self.text()?);
        match path.is_absolute() {
            true => Ok(path),
            false => Err(WrongValue::from(Expected::AbsolutePath).found("a relative one")),
        }
    }

    fn bool(&self) -> Result<bool, WrongValue> {
        if let Json::Bool(value) = self.value {
            return Ok(value);
        }
        let word = match self.value.as_i64() {
            Some(0) => "false",
            Some(1) => "true",
            Some(_) | None => self.value.as_str().unwrap_or_default(),
        };
        // TOML has its own words for these.
        match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" if self.is_in_environment() => Ok(true),
            "false" | "no" | "off" if self.is_in_environment() => Ok(false),
            _ => Err(self.wrong_type(Expected::Bool)),
        }
    }

    /// `false`, `true` or `"forwarded"`.
    fn proxy(&self) -> Result<TrustProxy, WrongValue> {
        match self.bool() {
            _ if self.value == "forwarded" => Ok(TrustProxy::Forwarded),
            Ok(true) => Ok(TrustProxy::XForwarded),
            Ok(false) => Ok(TrustProxy::Off),
            Err(_) => Err(self.wrong_type(Expected::Proxy)),
        }
    }

    fn integer(&self, least: u64, most: u64) -> Result<u64, WrongValue> {
        let wrong = WrongValue::from(Expected::Integer(least, most));
        match (self.value.as_u64(), self.value.as_i64()) {
            (Some(value), _) if (least..=most).contains(&value) => Ok(value),
            (_, Some(value)) => Err(wrong.found(value.to_string())),
            (_, None) => Err(wrong.found(kind(&self.value))),
        }
    }

    fn list(&self) -> Result<Vec<&str>, WrongValue> {
        texts(&self.value, &Expected::List.into())
    }

    fn table(&self) -> Result<Vec<(&str, &str)>, WrongValue> {
        let wrong = WrongValue::from(Expected::Table);
        let row = |(name, value)| {
            let other = || wrong.clone().found(format!("{} in it", kind(value)));
            Ok((name, value.as_str().ok_or_else(other)?))
        };
        self.rows(&wrong)?.map(row).collect()
    }

    fn lists(&self) -> Result<Vec<(&str, Vec<&str>)>, WrongValue> {
        let wrong = WrongValue::from(Expected::AccessRule(AccessRuleError::NotATable));
        let rows = self.rows(&wrong)?;
        rows.map(|(name, value)| Ok((name, texts(value, &wrong)?)))
            .collect()
    }

    /// The names and values of a table; otherwise the error `wrong`.
    fn rows(&self, wrong: &WrongValue) -> Result<impl Iterator<Item = (&str, &Json)>, WrongValue> {
        let Json::Object(rows) = &self.value else {
            return Err(wrong.clone().found(kind(&self.value)));
        };
        // A line of another setting below the line `[NAME]`.
        let mut settings = rows
            .keys()
            .filter(|name| Setting::named(name.as_bytes()).is_some());
        match settings.next() {
            Some(name) => Err(WrongValue::from(Expected::NoSetting).found(name)),
            None => Ok(rows.iter().map(|(name, value)| (name.as_str(), value))),
        }
    }
}

/// The texts in a list; otherwise the error `wrong`.
fn texts<'v>(list: &'v Json, wrong: &WrongValue) -> Result<Vec<&'v str>, WrongValue> {
    let Json::Array(items) = list else {
        return Err(wrong.clone().found(kind(list)));
    };
    let mut texts = Vec::new();
    for item in items {
        let other = || wrong.clone().found(format!("{} in it", kind(item)));
        texts.push(item.as_str().ok_or_else(other)?);
    }
    Ok(texts)
}

/// The error that the variable `name` contains a relative path.
pub(super) fn relative_path(name: &str) -> ConfigError {
    ConfigError {
        place: Place::Environment {
            variable: name.to_owned(),
        },
        setting: None,
        problem: ConfigProblem::Value(Box::new(Expected::AbsolutePath.into())),
    }
}

/// `DEBUG` in the environment, where other settings may be wrong.
pub(super) fn debug_in_environment(environment: &Environment) -> bool {
    let value = redirected(environment, "SIGNET_DEBUG");
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    let setting = Setting::named(b"DEBUG");
    text.zip(setting).is_some_and(|(text, setting)| {
        let raw = Raw {
            setting,
            source: Source::Environment(b""),
            value: read_text(text, setting),
        };
        raw.bool() == Ok(true)
    })
}

/// All settings in the environment. If a variable also has copies with `REDIRECT_`, the
/// one with the fewest `REDIRECT_` is used. `mistake` gets each error.
///
/// # Errors
///
/// Those of `mistake`.
pub(super) fn from_environment<'e, E>(
    environment: &'e Environment,
    mistake: &mut impl FnMut(ConfigError) -> Result<(), E>,
) -> Result<Vec<Raw<'e>>, E> {
    let mut found: Vec<Raw<'_>> = Vec::new();
    // The number of REDIRECT_ of each.
    let mut depths: Vec<usize> = Vec::new();
    for (variable, value) in environment.iter() {
        let (name, depth) = without_redirects(variable);
        let Some(name) = name.strip_prefix(b"SIGNET_") else {
            continue;
        };
        if name == b"CONFIG" || value.is_empty() {
            continue;
        }
        let source = Source::Environment(variable);
        let Some(setting) = Setting::named(name) else {
            if service::is_variable(name, value, environment) {
                continue;
            }
            let name = String::from_utf8_lossy(name);
            mistake(ConfigError::unknown(source.into(), &name))?;
            continue;
        };
        let Ok(text) = std::str::from_utf8(value) else {
            mistake(ConfigError {
                place: source.into(),
                setting: Some(setting.name.to_owned()),
                problem: ConfigProblem::NotUtf8,
            })?;
            continue;
        };
        let raw = Raw {
            setting,
            source,
            value: read_text(text, setting),
        };
        let same = |other: &Raw<'_>| other.setting.name == setting.name;
        match found.iter().position(same) {
            // Of two variables with the same name, the last is used, as in other
            // programs.
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

/// The text itself for settings that are texts or paths; otherwise JSON, if it is JSON.
/// Null is null for all settings.
fn read_text(text: &str, setting: &Setting) -> Json {
    let json = match setting.setter {
        _ if is_null(text.as_bytes()) => return Json::Null,
        Setter::Text(_) | Setter::Path(_) => None,
        Setter::Bool(_)
        | Setter::Integer(..)
        | Setter::List(_)
        | Setter::Table(_)
        | Setter::Lists(_)
        | Setter::Proxy(_) => serde_json::from_str(text).ok(),
    };
    json.unwrap_or_else(|| text.into())
}

/// All of the program's own settings, in their order. `mistake` gets each error.
///
/// # Errors
///
/// Those of `mistake`.
pub(super) fn from_program<'s, E>(
    text: &'s str,
    mistake: &mut impl FnMut(ConfigError) -> Result<(), E>,
) -> Result<Vec<Raw<'s>>, E> {
    match text {
        "" => Ok(Vec::new()),
        text => from_toml(text, |offset| Source::Program { text, offset }, mistake),
    }
}

/// As [`from_program`], of a TOML file.
///
/// # Errors
///
/// Those of `mistake`.
pub(super) fn from_file<'s, E>(
    text: &'s str,
    path: &'s Path,
    is_exposed: bool,
    mistake: &mut impl FnMut(ConfigError) -> Result<(), E>,
) -> Result<Vec<Raw<'s>>, E> {
    let source = |offset| Source::File {
        path,
        text,
        offset,
        is_exposed,
    };
    from_toml(text, source, mistake)
}

fn from_toml<'s, E>(
    text: &'s str,
    source: impl Fn(usize) -> Source<'s>,
    mistake: &mut impl FnMut(ConfigError) -> Result<(), E>,
) -> Result<Vec<Raw<'s>>, E> {
    let table = DeTable::parse(text).map_err(|err| {
        let offset = err.span().map_or(0, |span| span.start);
        let (offset, reason) =
            unclosed_before(text, offset, err.message()).unwrap_or_else(|| (offset, err.message()));
        let line = line_of(text.as_bytes(), line_at(text.as_bytes(), offset));
        let line = String::from_utf8_lossy(line);
        let setting = setting_in(&line);
        ConfigError {
            place: source(offset).into(),
            setting: setting.map(|setting| setting.name.to_owned()),
            problem: ConfigProblem::Syntax {
                reason: reason.to_owned(),
                remedy: remedy(reason, &line, setting),
            },
        }
    });
    let table = match table {
        Ok(table) => table,
        Err(err) => return mistake(err).map(|()| Vec::new()),
    };
    let raw = |(key, value): (Spanned<Cow<'s, str>>, Spanned<DeValue<'s>>)| {
        let offset = key.span().start;
        let source = source(offset);
        let name = key.get_ref();
        let setting = Setting::named(name.as_bytes());
        let is_table = matches!(value.get_ref(), DeValue::Table(_))
            && setting.is_some_and(|setting| match setting.setter {
                Setter::Table(_) | Setter::Lists(_) => true,
                Setter::Text(_)
                | Setter::Path(_)
                | Setter::Bool(_)
                | Setter::Integer(..)
                | Setter::List(_)
                | Setter::Proxy(_) => false,
            });
        if let DeValue::Table(_) | DeValue::Array(_) = value.get_ref()
            && text[..offset].trim_end_matches([' ', '\t']).ends_with('[')
            && !is_table
        {
            return Err(ConfigError {
                place: source.into(),
                setting: None,
                problem: ConfigProblem::Syntax {
                    reason: "begins a section".to_owned(),
                    remedy: Some(SyntaxRemedy::Section),
                },
            });
        }
        Ok(Raw {
            setting: setting.ok_or_else(|| ConfigError::unknown(source.into(), name))?,
            source,
            value: to_json(value.into_inner()),
        })
    };
    let mut all = Vec::new();
    for row in table.into_inner() {
        match raw(row) {
            Ok(raw) => all.push(raw),
            Err(err) => mistake(err)?,
        }
    }
    Ok(all)
}

/// The value before the line at `offset` that has no end, and the reason. The parser reads on,
/// and misses a comma in the next setting or section.
fn unclosed_before(text: &str, offset: usize, reason: &str) -> Option<(usize, &'static str)> {
    let (bracket, reason) = if reason.contains("key-value pairs") || reason.contains("inline table")
    {
        ('{', "unclosed inline table, expected `}`")
    } else if reason.contains("array elements") {
        ('[', "unclosed array, expected `]`")
    } else {
        return None;
    };
    let start = |offset: usize| text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let is_setting = |line: &str| {
        let name = line.split(['=', '.', ' ', '\t']).next().unwrap_or_default();
        Setting::named(name.as_bytes()).is_some()
    };
    let mut at = start(offset);
    let line = &text[at..];
    if !line.starts_with('[') && !is_setting(line) {
        return None;
    }
    while at > 0 {
        at = start(at - 1);
        let line = text[at..].lines().next().unwrap_or_default();
        if is_setting(line) && line.contains(bracket) {
            return Some((at, reason));
        }
    }
    None
}

/// The error for a settings file whose `bytes` are not text.
pub(super) fn not_text(bytes: &[u8], path: &Path, err: NotText) -> ConfigError {
    let line = err.line();
    let setting = match err {
        NotText::OtherEncoding { .. } => setting_in(&String::from_utf8_lossy(line_of(bytes, line)))
            .map(|setting| setting.name.to_owned()),
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

/// The setting with whose name, or with a similar name, a line begins. Other texts may be
/// parts of a secret.
fn setting_in(line: &str) -> Option<&'static Setting> {
    let line = line.trim_start().trim_start_matches(['"', '\'']);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = line.find(|c| !is_part(c)).unwrap_or(line.len());
    similar(&line[..end])
}

/// How to correct a line that is not TOML, from the parser's reason, the setting and the
/// value. It does not contain any part of the line.
fn remedy(reason: &str, line: &str, setting: Option<&Setting>) -> Option<SyntaxRemedy> {
    if line.trim_start().starts_with('[') {
        return Some(SyntaxRemedy::Section);
    }
    if line.trim_start().starts_with('/') {
        return Some(SyntaxRemedy::QuotedPath);
    }
    if reason == "duplicate key" {
        return Some(SyntaxRemedy::Twice);
    }
    if reason.contains("array") {
        return Some(SyntaxRemedy::List);
    }
    let Some((_, value)) = line.split_once('=') else {
        return Some(SyntaxRemedy::NoEqualsSign);
    };
    let value = value.split('#').next().unwrap_or_default().trim();
    let word = value.to_ascii_lowercase();
    let is_none = matches!(&*word, "none" | "null" | "nil");
    Some(
        match setting.map(|setting| (setting.name, setting.setter)) {
            _ if value.is_empty() => SyntaxRemedy::NoValue,
            Some(("SESSION_COOKIE_SAMESITE", _)) if word == "none" => SyntaxRemedy::SameSiteNone,
            _ if is_none => SyntaxRemedy::NoneIsDefault,
            Some((_, Setter::Integer(..))) => SyntaxRemedy::Integer,
            _ if matches!(&*word, "true" | "false") => SyntaxRemedy::LowerCase,
            Some((_, Setter::Bool(_))) => SyntaxRemedy::Bool,
            _ if matches!(&*word, "yes" | "no" | "on" | "off") => SyntaxRemedy::Bool,
            _ if value.contains([
                '\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{ab}',
            ]) =>
            {
                SyntaxRemedy::StraightQuotes
            }
            _ if value.starts_with(['"', '\'']) => SyntaxRemedy::OneOnEachLine,
            _ if value.starts_with(['[', '{']) => return None,
            _ => SyntaxRemedy::Quotes,
        },
    )
}

fn to_json(value: DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => Json::String(text.into_owned()),
        DeValue::Boolean(value) => Json::Bool(value),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) => value.into(),
            // Only its kind matters: no setting takes such a number.
            Err(_) => 0.5.into(),
        },
        DeValue::Float(_) => 0.5.into(),
        DeValue::Array(items) => items
            .into_iter()
            .map(|item| to_json(item.into_inner()))
            .collect(),
        DeValue::Table(rows) => {
            let row = |(key, value): (Spanned<Cow<'_, str>>, Spanned<DeValue<'_>>)| {
                (key.into_inner().into_owned(), to_json(value.into_inner()))
            };
            Json::Object(rows.into_iter().map(row).collect())
        }
        // No table that a setting takes.
        DeValue::Datetime(_) => Json::Object([(String::new(), Json::Null)].into_iter().collect()),
    }
}
