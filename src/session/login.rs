//! Whether the username of a session is a login, where users have passwords.

/// The key of a session's dict that binds the login to the user's password. Flask
/// keeps it when it signs the session again.
pub const FINGERPRINT: &str = "_fingerprint";

/// The key of a session's dict that holds the name again if the login was a demo, by any
/// name. Where another program's login is accepted, such a name is no login.
pub const DEMO: &str = "_demo";

/// What the username in a session is worth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Login {
    /// The user has logged in with the password that is valid now.
    Valid,
    /// The same, but the fingerprint was made by an older key. This one, by the key that
    /// signs, replaces it, because a session can be used for longer than the old key.
    ByFallbackKey(String),
    /// Nobody needs a password: anybody can log in by any name.
    AnyName,
    /// Another program has stored the name, which is a login unless the demo stored it.
    OfAnother,
    /// There is no fingerprint: the session began before users had passwords, or
    /// another program stored the name. The name is ignored, the rest is kept.
    Unproven,
    /// The fingerprint is wrong: the user was removed, or has another password. The
    /// session has ended.
    Ended,
    /// It cannot be judged at the moment. The handler sees no login, and the request
    /// fails unless it is a logout.
    Unknown,
}

impl Login {
    /// Whether the user has logged in with the password that is valid now.
    pub(super) fn has_password(&self) -> bool {
        matches!(self, Self::Valid | Self::ByFallbackKey(_))
    }
}

/// Judges a session's username by the text under [`FINGERPRINT`]. A value that is no
/// text is passed as an empty one.
pub(crate) type CheckLogin<'c> = &'c dyn Fn(&str, Option<&str>) -> Login;
