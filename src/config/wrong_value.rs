//! Errors in the values of settings, and conflicts between settings.

use std::fmt;

use super::LoginUrlError;
use super::access::AccessRuleError;
#[cfg(feature = "redis")]
use super::redis::MAX_KEY_PREFIX;
use crate::gateway::{ApplicationRootError, LanguagesError, UrlPrefixError};
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

/// What a value has to be. It does not contain any part of the value: visitors read it, too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Expected {
    Text,
    AbsolutePath,
    Bool,
    Proxy,
    Integer(u64, u64),
    List,
    Table,
    /// No setting in a table.
    NoSetting,
    /// One of these words.
    Word(Vec<&'static str>),
    CookieName(CookieNameError),
    CookieDomain(CookieDomainError),
    CookiePath(CookiePathError),
    ApplicationRoot(ApplicationRootError),
    UrlPrefix(UrlPrefixError),
    /// One folder for each prefix.
    OnePrefix,
    AccessRule(AccessRuleError),
    LoginUrl(LoginUrlError),
    Languages(LanguagesError),
    #[cfg(feature = "redis")]
    RedisUrl(RedisUrlError),
    #[cfg(feature = "redis")]
    KeyPrefix,
    #[cfg(not(feature = "redis"))]
    NoRedis,
    #[cfg(not(feature = "templates"))]
    NoTemplates,
}

error_texts! { Expected:
    Self::Text => "expected text in quotes";
    Self::AbsolutePath => "expected an absolute path, which begins with /";
    Self::Bool => "expected true or false";
    Self::Proxy => "expected true, false or \"forwarded\"";
    Self::Integer(least, most) => "expected a whole number from {least} to {most}";
    Self::List => "expected a list of texts in quotes";
    Self::NoSetting =>
        "a setting stands below the line in brackets; move it above that line";
    Self::Table => "expected a table of texts in quotes";
    Self::Word(words) => "expected {}", listed(words);
    Self::CookieName(err) => "{err}";
    Self::CookieDomain(err) => "{err}";
    Self::CookiePath(err) => "{err}";
    Self::ApplicationRoot(err) => "{err}";
    Self::UrlPrefix(err) => "{err}";
    Self::OnePrefix => "expected each URL path once";
    Self::AccessRule(err) => "{err}";
    Self::LoginUrl(err) => "{err}";
    Self::Languages(err) => "{err}";
    #[cfg(feature = "redis")] Self::RedisUrl(err) => "{err}";
    #[cfg(feature = "redis")] Self::KeyPrefix =>
        "expected up to {} bytes without control characters", MAX_KEY_PREFIX;
    #[cfg(not(feature = "redis"))] Self::NoRedis => "this program is built without Redis: it needs the Cargo feature \"redis\"";
    #[cfg(not(feature = "templates"))] Self::NoTemplates =>
        "this program is built without templates";
}

from_errors! { Expected:
    CookieName(CookieNameError);
    CookieDomain(CookieDomainError);
    CookiePath(CookiePathError);
    ApplicationRoot(ApplicationRootError);
    UrlPrefix(UrlPrefixError);
    AccessRule(AccessRuleError);
    LoginUrl(LoginUrlError);
    Languages(LanguagesError);
    #[cfg(feature = "redis")] RedisUrl(RedisUrlError);
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
fn listed(words: &[&str]) -> String {
    let (last, others) = words.split_last().unwrap_or((&"", &[]));
    format!("{} or {last}", others.join(", "))
}

/// How a setting contradicts another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Conflict {
    SameSite,
    PrefixNeedsHttpOnly,
    PrefixNeedsSecure,
    HostPrefixWithDomain,
    HostPrefixWithPath,
    NeedsSecure,
    StateDirInItself,
    GuardOutsideCookie,
    GuardAboveProgram,
    RuleOutsideGuard,
    GroupWithoutFile,
}

error_texts! { Conflict:
    Self::SameSite => "cannot be set together with SESSION_COOKIE_OMIT_SAMESITE";
    Self::PrefixNeedsHttpOnly => "this prefix needs SESSION_COOKIE_HTTPONLY, which is set to false";
    Self::PrefixNeedsSecure => "this prefix needs SESSION_COOKIE_SECURE, which is set to false";
    Self::HostPrefixWithDomain => "the __Host- prefix allows no SESSION_COOKIE_DOMAIN";
    Self::HostPrefixWithPath => "the __Host- prefix allows no SESSION_COOKIE_PATH but \"/\"";
    Self::NeedsSecure =>
        "cannot be false with SESSION_COOKIE_SAMESITE \"None\" or SESSION_COOKIE_PARTITIONED";
    Self::StateDirInItself =>
        "the file in the state folder cannot choose the folder. Remove the line; to use another \
         folder, write SetEnv SIGNET_STATE_DIR /home/you/signet in .htaccess";
    Self::GuardOutsideCookie =>
        "browsers would not send the session cookie to all of these URL paths. Set \
         SESSION_COOKIE_PATH = \"/\"";
    Self::GuardAboveProgram =>
        "the program itself is below one of these URL paths. Choose a URL path that does not \
         contain the login page. If none of them contains it, set APPLICATION_ROOT to the URL \
         path of the program";
    Self::RuleOutsideGuard =>
        "no protected folder has one of these paths. Paths begin with /files, if GUARD_DIR is \
         set, or with a path of GUARD_DIRS";
    Self::GroupWithoutFile => "groups, such as @staff, need the setting GROUPS_FILE";
}

/// What to do about a line that is not TOML.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SyntaxRemedy {
    Section,
    QuotedPath,
    Twice,
    List,
    NoEqualsSign,
    NoValue,
    SameSiteNone,
    NoneIsDefault,
    Integer,
    LowerCase,
    Bool,
    StraightQuotes,
    OneOnEachLine,
    Quotes,
}

error_texts! { SyntaxRemedy:
    Self::Section => "remove the line in brackets: only settings that are tables have one";
    Self::QuotedPath => "put the path before the = in straight quotes";
    Self::Twice => "this setting stands twice in the file; remove one of the lines";
    Self::List => "in a list, put each text in straight quotes and a comma between two texts";
    Self::NoEqualsSign => "each line is NAME = VALUE, or begins with #";
    Self::NoValue => "a value is missing after the =";
    Self::SameSiteNone => "write \"None\" in straight quotes; without the line, it is \"Lax\"";
    Self::NoneIsDefault => "to leave the setting at its default, remove the line";
    Self::Integer => "expected a whole number, digits only";
    Self::LowerCase => "write true or false in lower case";
    Self::Bool => "write true or false";
    Self::StraightQuotes => "text must be in straight quotes: NAME = \"text\"";
    Self::OneOnEachLine => "write one setting on each line; is a quotation mark missing?";
    Self::Quotes => "text must be in quotes: NAME = \"text\"";
}
