//! Errors in the settings: the place, the setting and the kind of mistake. The text for
//! the log is here; what visitors read is chosen in `app::advice`.

use std::fmt;
use std::path::PathBuf;

use super::table::{SETTINGS, Setting};
use super::wrong_value::{Conflict, SyntaxRemedy, WrongValue};
use crate::files::FileError;
use crate::files::text::NotText;

/// Why the settings cannot be used. Its text is for the log: it contains the path of
/// the file, and maybe the value.
#[derive(Clone, Debug)]
pub struct ConfigError {
    pub(crate) place: Place,
    /// The setting's name, as it is written, without `SIGNET_`; `None` if unknown.
    pub(crate) setting: Option<String>,
    pub(crate) problem: ConfigProblem,
}

/// Where a setting is written.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Environment {
        /// Its name with all prefixes.
        variable: String,
    },
    /// The program's own settings.
    Program {
        /// From 1.
        line: usize,
    },
    File {
        path: PathBuf,
        /// From 1; `None` if it is about the complete file.
        line: Option<usize>,
    },
}

/// What is wrong.
#[derive(Clone, Debug)]
pub(crate) enum ConfigProblem {
    /// There is no setting of this name, but maybe a similar one.
    Unknown {
        similar: Option<&'static str>,
    },
    Value(Box<WrongValue>),
    /// It conflicts with another setting.
    Conflict(Conflict),
    /// The line is not TOML: the parser's reason, and how to correct it.
    Syntax {
        reason: String,
        remedy: Option<SyntaxRemedy>,
    },
    /// The file is not UTF-8.
    NotText(NotText),
    /// The value of the variable is not UTF-8.
    NotUtf8,
    /// It contains a password, in a file that other users can read.
    Exposed,
    /// It is a secret in the program's own settings, which everybody who can read the
    /// program knows.
    SecretInProgram,
    /// The file cannot be used.
    File(Box<FileError>),
    /// The folder that the setting names cannot be protected.
    Folder(Box<FileError>),
}

impl ConfigError {
    pub(super) fn file(err: FileError) -> Self {
        Self {
            place: Place::File {
                path: err.path.clone(),
                line: None,
            },
            setting: None,
            problem: ConfigProblem::File(Box::new(err)),
        }
    }

    /// The error for the name of a setting that does not exist.
    pub(super) fn unknown(place: Place, name: &str) -> Self {
        Self {
            place,
            setting: Some(name.to_owned()),
            problem: ConfigProblem::Unknown {
                similar: similar(name).map(|setting| setting.name),
            },
        }
    }

    /// The setting's name if it may be shown: if it exists, is similar to one that
    /// exists, or has the form of a name. Other texts may be a misplaced key or
    /// password.
    pub(crate) fn public_setting(&self) -> Option<&str> {
        let name = self.setting.as_deref()?;
        let is_name = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        (is_name || similar(name).is_some()).then_some(name)
    }

    /// The setting with a correct value, as TOML, if it is written as TOML.
    pub(crate) fn example(&self) -> Option<String> {
        let name = match &self.place {
            Place::File { .. } | Place::Program { .. } => self.setting.as_deref()?,
            Place::Environment { .. } => return None,
        };
        let setting = Setting::named(name.as_bytes())?;
        Some(format!("{name} = {}", setting.example))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, name, prefix) = match &self.place {
            Place::Environment { variable } => {
                (format!("environment: {variable}"), None, "SIGNET_")
            }
            Place::Program { line } => {
                let place = format!("in the program's own settings, line {line}");
                (place, self.public_setting(), "")
            }
            Place::File { path, line } => {
                let line = line.map_or(String::new(), |line| format!(":{line}"));
                let place = format!("{}{line}", path.display());
                (place, self.public_setting(), "")
            }
        };
        write!(f, "{place}: ")?;
        if let Some(name) = name {
            write!(f, "{name}: ")?;
        }
        match &self.problem {
            ConfigProblem::Unknown { similar: None } => f.write_str("unknown setting"),
            ConfigProblem::Unknown {
                similar: Some(name),
            } => {
                write!(f, "unknown setting; did you mean {prefix}{name}?")
            }
            ConfigProblem::Value(wrong) => wrong.fmt(f),
            ConfigProblem::Conflict(conflict) => conflict.fmt(f),
            ConfigProblem::Syntax { reason, remedy } => match remedy {
                None => f.write_str(reason),
                Some(remedy) => write!(f, "{reason}; {remedy}"),
            },
            ConfigProblem::NotText(err) => err.fmt(f),
            ConfigProblem::NotUtf8 => f.write_str("is not UTF-8"),
            ConfigProblem::Exposed => f.write_str(
                "has a password in a file that other users can read: chmod 600 (a script: 700)",
            ),
            ConfigProblem::SecretInProgram => f.write_str(
                "is a secret, and everybody who can read the program can read its own settings: \
                 set it in signet.toml or in the environment",
            ),
            ConfigProblem::File(err) => f.write_str(&err.reason()),
            ConfigProblem::Folder(err) => err.fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The setting with the most similar name, if one is similar.
pub(super) fn similar(name: &str) -> Option<&'static Setting> {
    let name = name.to_ascii_uppercase();
    let name = name.trim_start_matches("SIGNET_");
    SETTINGS
        .iter()
        .map(|setting| (strsim::jaro(name, setting.name), setting))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, setting)| setting)
}
