//! The program that uses the library: its name, and settings of its own.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A program, as far as its settings and files depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The name of the state folder (which holds the secret key, sessions and revocation
    /// marks), of the default `SESSION_KEY_PREFIX`, and at the beginning of log lines. So
    /// programs of one account do not accept each other's sessions.
    pub name: ProgramName,
    /// The program's own settings, as the text of a `signet.toml`. The owner's settings
    /// file and the environment override them. Secrets are refused.
    pub settings: &'static str,
}

impl Program {
    /// The program `signet` itself.
    pub const SIGNET: Self = Self {
        name: ProgramName("signet"),
        settings: "",
    };

    /// The default of `SESSION_KEY_PREFIX`: `guestbook:session:`. Of signet
    /// itself it is Flask-Session's.
    pub(super) fn key_prefix(&self) -> Cow<'static, str> {
        match self.name.as_str() {
            "signet" => "session:".into(),
            name => format!("{name}:session:").into(),
        }
    }
}

/// The name of a program: 1 to 64 ASCII letters, digits, `-` and `_`. (So are most names
/// of Cargo packages.)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ProgramName(&'static str);

impl ProgramName {
    /// The most bytes of a name.
    pub const MAX: usize = 64;

    /// Checks a name. It can be called in a constant:
    ///
    /// ```
    /// use signet::config::ProgramName;
    ///
    /// const NAME: ProgramName = match ProgramName::new("guestbook") {
    ///     Ok(name) => name,
    ///     Err(_) => panic!("not a program name"),
    /// };
    /// assert_eq!(NAME.as_str(), "guestbook");
    /// assert!(ProgramName::new("../guestbook").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`WrongProgramName`]
    pub const fn new(name: &'static str) -> Result<Self, WrongProgramName> {
        match Self::is_valid(name) {
            true => Ok(Self(name)),
            false => Err(WrongProgramName),
        }
    }

    /// Whether a text is such a name.
    pub(crate) const fn is_valid(name: &str) -> bool {
        let bytes = name.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if !(bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'-' | b'_')) {
                return false;
            }
            at += 1;
        }
        1 <= at && at <= Self::MAX
    }

    /// The state folder that an administrator can create.
    pub(crate) fn system_folder(self) -> PathBuf {
        Path::new("/var/lib").join(self.0)
    }

    /// The name as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// A text is not the name of a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WrongProgramName;

error_texts! { WrongProgramName:
    Self => "expected the name of a program: 1 to 64 ASCII letters, digits, - and _";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_share_a_redis_have_keys_of_their_own() {
        let prefix = |name| {
            let name = ProgramName::new(name).expect("a name");
            Program { name, settings: "" }.key_prefix()
        };
        assert_eq!(prefix("signet"), "session:", "Flask-Session's");
        assert_eq!(prefix("guestbook"), "guestbook:session:");
        assert_eq!(prefix("session"), "session:session:");
    }
}
