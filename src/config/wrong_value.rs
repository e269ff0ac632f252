//! Errors in the values of settings, and conflicts between settings. The text for the log
//! is here, the text for visitors in `app::advice`.

use std::fmt;

use crate::gateway::ApplicationRootError;
#[cfg(feature = "redis")]
use crate::session::RedisUrlError;
use crate::session::cookie::{CookieDomainError, CookieNameError, CookiePathError};

/// Why a value is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct WrongValue {
    pub(crate) expected: Expected,
    /// The value, or its type. For the log only.
    found: Option<String>,
}

/// What a value has to be. It does not contain any part of the value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Expected {
    #[error("expected text in quotes")]
    Text,
    #[error("expected an absolute path, which begins with /")]
    AbsolutePath,
    #[error("expected true or false")]
    Bool,
    #[error("expected true, false or \"forwarded\"")]
    Proxy,
    #[error("expected a whole number from {0} to {1}")]
    Integer(u64, u64),
    #[error("expected a list of texts in quotes")]
    List,
    /// One of these words.
    #[error("expected {}", listed(.0, "or"))]
    Word(Vec<&'static str>),
    #[error(transparent)]
    CookieName(#[from] CookieNameError),
    #[error(transparent)]
    CookieDomain(#[from] CookieDomainError),
    #[error(transparent)]
    CookiePath(#[from] CookiePathError),
    #[error(transparent)]
    ApplicationRoot(#[from] ApplicationRootError),
    #[cfg(feature = "redis")]
    #[error(transparent)]
    RedisUrl(#[from] RedisUrlError),
    #[cfg(feature = "redis")]
    #[error("expected up to 256 bytes without control characters")]
    KeyPrefix,
    #[cfg(not(feature = "redis"))]
    #[error("this program is built without Redis")]
    NoRedis,
    #[cfg(not(feature = "templates"))]
    #[error("this program is built without templates")]
    NoTemplates,
}

impl From<Expected> for WrongValue {
    fn from(expected: Expected) -> Self {
        Self {
            expected,
            found: None,
        }
    }
}

impl WrongValue {
    pub(super) fn found(self, found: impl Into<String>) -> Self {
        Self {
            found: Some(found.into()),
            ..self
        }
    }
}

impl fmt::Display for WrongValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expected.fmt(f)?;
        match &self.found {
            Some(found) => write!(f, ", but found {found}"),
            None => Ok(()),
        }
    }
}

/// `a, b or c`.
pub(crate) fn listed(words: &[&str], or: &str) -> String {
    let (last, others) = words.split_last().unwrap_or((&"", &[]));
    format!("{} {or} {last}", others.join(", "))
}

/// How a setting contradicts another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Conflict {
    #[error("cannot be set together with SESSION_COOKIE_OMIT_SAMESITE")]
    SameSite,
    #[error("this prefix needs SESSION_COOKIE_HTTPONLY, which is set to false")]
    PrefixNeedsHttpOnly,
    #[error("this prefix needs SESSION_COOKIE_SECURE, which is set to false")]
    PrefixNeedsSecure,
    #[error("the __Host- prefix allows no SESSION_COOKIE_DOMAIN")]
    HostPrefixWithDomain,
    #[error("the __Host- prefix allows no SESSION_COOKIE_PATH but \"/\"")]
    HostPrefixWithPath,
    #[error("cannot be false with SESSION_COOKIE_SAMESITE \"None\" or SESSION_COOKIE_PARTITIONED")]
    NeedsSecure,
    #[error(
        "the file in the state folder cannot choose the folder. Remove the line; to use another \
         folder, write SetEnv SIGNET_STATE_DIR /home/you/signet in .htaccess"
    )]
    StateDirInItself,
}

/// What to do about a line that is not TOML.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SyntaxRemedy {
    #[error("remove the line in brackets: this file has no sections")]
    Section,
    #[error("this setting stands twice in the file; remove one of the lines")]
    Twice,
    #[error("in a list, put each text in straight quotes and a comma between two texts")]
    List,
    #[error("each line is NAME = VALUE, or begins with #")]
    NoEqualsSign,
    #[error("a value is missing after the =")]
    NoValue,
    #[error("write \"None\" in straight quotes; without the line, it is \"Lax\"")]
    SameSiteNone,
    #[error("to leave the setting at its default, remove the line")]
    NoneIsDefault,
    #[error("expected a whole number, digits only")]
    Integer,
    #[error("write true or false in lower case")]
    LowerCase,
    #[error("write true or false")]
    Bool,
    #[error("text must be in straight quotes: NAME = \"text\"")]
    StraightQuotes,
    #[error("write one setting on each line; is a quotation mark missing?")]
    OneOnEachLine,
    #[error("text must be in quotes: NAME = \"text\"")]
    Quotes,
}
