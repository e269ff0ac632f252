//! Whether the username of a session is a login, where users have passwords.

use super::dict::{Session, USERNAME};
use super::tagged_json::Value;

/// The key of a session's dict that binds the login to the user's password. Flask
/// keeps it when it signs the session again.
pub const FINGERPRINT: &str = "_fingerprint";

/// The key of a session's dict that holds the name again if the login was a demo, by any
/// name. Where another program's login is accepted, such a name is no login.
pub const DEMO: &str = "_demo";

/// What the username in a session is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Login {
    /// The user has logged in with the password that is valid now.
    Valid,
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
}

/// Judges a session's username by the text under [`FINGERPRINT`]. A value that is no
/// text is passed as an empty one.
pub(crate) type CheckLogin<'c, E> = &'c dyn Fn(&str, Option<&str>) -> Result<Login, E>;

/// The session as far as its login is valid; `None` if it has ended.
pub(super) fn checked<E>(
    mut session: Session,
    check: Option<CheckLogin<'_, E>>,
) -> Result<Option<Session>, E> {
    let (Some(check), Some(username)) = (check, session.user()) else {
        return Ok(Some(session));
    };
    let fingerprint = match session.values().get(FINGERPRINT) {
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => Some(""),
        None => None,
    };
    match check(username, fingerprint)? {
        Login::Valid => {
            session.prove_user();
            Ok(Some(session))
        }
        Login::AnyName => Ok(Some(session)),
        Login::OfAnother => {
            match session.values().get(DEMO) == session.values().get(USERNAME) {
                true => session.forget_user(),
                false => session.prove_user(),
            }
            Ok(Some(session))
        }
        Login::Unproven => {
            session.forget_user();
            Ok(Some(session))
        }
        Login::Ended => Ok(None),
    }
}
