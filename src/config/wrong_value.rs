//! What is wrong with the value of a setting.

use std::borrow::Cow;
use std::fmt;

/// What is wrong with a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct WrongValue {
    /// It does not contain any part of the value.
    pub(crate) reason: Cow<'static, str>,
    /// The value, or its type. For the log only.
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
