//! What is wrong with the settings, as data: where it stands, the setting, and
//! the kind of mistake. What is said to whom follows from it: to the log here,
//! to the visitor in `app::error`.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use super::table::SETTINGS;
use crate::files::FileError;
use crate::files::text::NotText;

/// Why the settings are not usable. Shown, it is a line for the log: with the
/// path of the file, and possibly with the value.
#[derive(Clone, Debug)]
pub struct ConfigError {
    pub(crate) place: Place,
    /// The setting's name as it was written, without `SIGNET_`, if it is known.
    pub(crate) setting: Option<String>,
    pub(crate) problem: ConfigProblem,
}

/// Where a setting stands.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Environment {
        /// Its name with all prefixes.
        variable: String,
    },
    /// In the settings that the program has of its own.
    Program {
        /// From 1.
        line: usize,
    },
    File {
        path: PathBuf,
        /// From 1; `None`: the file as a whole.
        line: Option<usize>,
    },
}

/// What is wrong.
#[derive(Clone, Debug)]
pub(crate) enum ConfigProblem {
    /// There is no such setting; perhaps this one was meant.
    Unknown {
        similar: Option<&'static str>,
    },
    Value(WrongValue),
    /// It is in conflict with another setting.
    Conflict(&'static str),
    /// The line is not TOML: the parser's reason, and what to do about it.
    Syntax {
        reason: String,
        remedy: Option<&'static str>,
    },
    /// The file or the variable is not UTF-8.
    NotText(NotText),
    /// Other users can read a file with a password in it.
    Exposed,
    /// A program's own settings hold a secret: everybody who can read the
    /// program would know it.
    SecretInProgram,
    /// The file is not used.
    File(Box<FileError>),
}

/// What is wrong with a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct WrongValue {
    /// Words of this program, without any part of the value.
    pub(crate) reason: Cow<'static, str>,
    /// What was found: the value or its type. For the log only.
    found: Option<String>,
}

impl WrongValue {
    pub(super) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
            found: None,
        }
    }

    pub(super) fn found(self, found: impl Into<String>) -> Self {
        Self {
            found: Some(found.into()),
            ..self
        }
    }
}

impl fmt::Display for WrongValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match &self.found {
            Some(found) => write!(f, ", but found {found}"),
            None => Ok(()),
        }
    }
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

    /// An error of a setting that does not exist.
    pub(super) fn unknown(place: Place, name: &str) -> Self {
        Self {
            place,
            setting: Some(name.to_owned()),
            problem: ConfigProblem::Unknown {
                similar: similar(name),
            },
        }
    }

    /// The setting's name if a visitor may see it: one that exists, resembles
    /// one that does, or at least has the form of a name. (What stands in the
    /// place of a name may be a misplaced key or password.)
    pub(crate) fn public_setting(&self) -> Option<&str> {
        let name = self.setting.as_deref()?;
        let is_name = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        (is_name || similar(name).is_some()).then_some(name)
    }

    /// The setting with a value that is right, as TOML, if it is in a file.
    pub(crate) fn example(&self) -> Option<String> {
        let name = match &self.place {
            Place::File { .. } | Place::Program { .. } => self.setting.as_deref()?,
            Place::Environment { .. } => return None,
        };
        let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
        Some(format!("{name} = {}", setting.example))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_environment = match &self.place {
            Place::Environment { variable } => {
                write!(f, "environment: {variable}: ")?;
                true
            }
            Place::Program { line } => {
                write!(f, "in the program's own settings, line {line}: ")?;
                if let Some(setting) = &self.setting {
                    write!(f, "{setting}: ")?;
                }
                false
            }
            Place::File { path, line } => {
                write!(f, "{}:", path.display())?;
                if let Some(line) = line {
                    write!(f, "{line}:")?;
                }
                f.write_str(" ")?;
                if let Some(setting) = &self.setting {
                    write!(f, "{setting}: ")?;
                }
                false
            }
        };
        match &self.problem {
            ConfigProblem::Unknown { similar } => {
                f.write_str("unknown setting")?;
                let prefix = if in_environment { "SIGNET_" } else { "" };
                match similar {
                    Some(similar) => write!(f, "; did you mean {prefix}{similar}?"),
                    None => Ok(()),
                }
            }
            ConfigProblem::Value(wrong) => wrong.fmt(f),
            ConfigProblem::Conflict(reason) => f.write_str(reason),
            ConfigProblem::Syntax { reason, remedy } => {
                f.write_str(reason)?;
                remedy.map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
            }
            ConfigProblem::NotText(_) if in_environment => f.write_str("is not UTF-8"),
            ConfigProblem::NotText(err) => err.fmt(f),
            ConfigProblem::Exposed => {
                f.write_str("has a password in a file that other users can read: chmod 600")
            }
            ConfigProblem::SecretInProgram => f.write_str(
                "is a secret, and everybody who can read the program can read its own settings: \
                 set it in signet.toml or in the environment",
            ),
            ConfigProblem::File(err) => f.write_str(&err.reason()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// The setting whose name is most like `name`, if one is.
fn similar(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let name = name.trim_start_matches("SIGNET_");
    SETTINGS
        .iter()
        .map(|setting| (strsim::jaro(name, setting.name), setting.name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_suggests_the_setting_that_was_meant() {
        #[rustfmt::skip]
        let cases = [
            ("SESION_TYPE",             Some("SESSION_TYPE")),
            ("SESSION_TPYE",            Some("SESSION_TYPE")),
            ("SESSION_TYPES",           Some("SESSION_TYPE")),
            ("session_type",            Some("SESSION_TYPE")),
            ("SIGNET_SESSION_TYPE",     Some("SESSION_TYPE")),
            ("SESSIONTYPE",             Some("SESSION_TYPE")),
            ("SECRETKEY",               Some("SECRET_KEY")),
            ("SECRET_KEYS",             Some("SECRET_KEY")),
            ("SECRET_KEY_FALLBACK",     Some("SECRET_KEY_FALLBACKS")),
            ("SESSION_COOKIE_SAME_SITE", Some("SESSION_COOKIE_SAMESITE")),
            ("SESSION_COOKIE_HTTP_ONLY", Some("SESSION_COOKIE_HTTPONLY")),
            ("SESSION_COKIE_SECURE",    Some("SESSION_COOKIE_SECURE")),
            ("MAX_CONTENT_LENGHT",      Some("MAX_CONTENT_LENGTH")),
            ("PERMANENT_SESION_LIFETIME", Some("PERMANENT_SESSION_LIFETIME")),
            ("TEMPLATE_DIR",            Some("TEMPLATES_DIR")),
            ("TEMPLATES_FOLDER",        Some("TEMPLATES_DIR")),
            ("STATE_DIRECTORY",         Some("STATE_DIR")),
            ("TRUST_PROXIES",           Some("TRUST_PROXY")),
            ("Debug",                   Some("DEBUG")),
            ("NO_SUCH_SETTING",         None),
            ("SQLALCHEMY_DATABASE_URI", None),
            ("TESTING",                 None),
            ("PORT",                    None),
            ("hunter22",                None),
            ("",                        None),
        ];
        for (name, want) in cases {
            assert_eq!(similar(name), want, "{name}");
        }
    }
}
