//! Who is logged in, where a login has to protect something.

use crate::server::{Context, Failure};
use crate::session::Session;
use crate::users::Accounts;

/// Nobody needs a password to log in, so that a login protects nothing.
#[derive(Debug)]
pub(crate) struct NoPasswords;

error_texts! { NoPasswords:
    Self =>
        "protected content is not shown, because anybody can log in by any name: add a user with \
         the command signet user add, or upload a users file to the state folder";
}

/// The user who is logged in with a password, or by the login of `LOGIN_URL`; `None` if nobody
/// is.
///
/// # Errors
///
/// Status 503, with the remedy in the log, if there is neither a users file nor `LOGIN_URL`:
/// whatever the session says, anybody could have chosen its name. Status 503 if the users
/// file cannot be read.
pub(crate) fn user(context: &Context, session: &Session) -> Result<Option<String>, Failure> {
    if let Some(name) = session.proved_username() {
        return Ok(Some(name.to_owned()));
    }
    if context.config.login_url.is_some() {
        return Ok(None);
    }
    match Accounts::of(&context.config)? {
        Accounts::Users(_) => Ok(None),
        Accounts::Demo => Err(Failure::Unavailable(Box::new(NoPasswords))),
    }
}
