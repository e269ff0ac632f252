//! A user's change of the own password.

use super::accounts::AccountsError;
use super::hash::PasswordHash;
use super::login::{Refused, attempt, prove};
use super::password::Password;
use super::store::{self, StoreError};
use crate::config::Config;
use crate::files::shared::{ChangeError, Patience, SharedFile};
use crate::gateway::log;
use crate::server::{Context, Failure};
use crate::session::Session;

/// The result of an attempt to change a password.
#[derive(Debug)]
pub(crate) enum PasswordChange {
    /// It is changed. This session stays the user's; the user's others have ended.
    Changed,
    /// The old password is wrong, or the attempt was limited.
    Refused(Refused),
    /// The user was removed or got another password meanwhile, so the session has ended.
    Superseded,
    /// The users file cannot be changed.
    Unchangeable(ChangeError),
}

/// Whether users can change their passwords now: `Err` says why not.
///
/// # Errors
///
/// There is no trusted place for the users file.
pub(crate) fn check_changeable(config: &Config) -> Result<Result<(), ChangeError>, Failure> {
    Ok(users_file(config)?.check_changeable(Patience::Short, 0))
}

/// Changes the password of the user `name`, whose session this is, if the old one is
/// right. That counts as an attempt to log in. The caller has checked the new password.
///
/// # Errors
///
/// As those of [`super::log_in`], or the users file cannot hold the new line.
pub(crate) fn change_password(
    context: &Context,
    users: &[u8],
    session: &mut Session,
    name: &str,
    old: &Password,
    new: &Password,
) -> Result<PasswordChange, Failure> {
    // The new hash costs as much as the old one, so it is made in the same slot.
    let made = attempt(context, users, name, old, |user, _, who| {
        let made = PasswordHash::make(new);
        made.map(|hash| (user.clone(), hash, who.to_owned()))
    })?;
    let (user, hash, who) = match made {
        Ok(made) => made.map_err(|err| Failure::Unavailable(Box::new(err)))?,
        Err(refused) => return Ok(PasswordChange::Refused(refused)),
    };
    let file = users_file(&context.config)?;
    match store::replace(&file, Patience::Short, &user, &hash) {
        Ok(()) => {
            log(format_args!("changed the password of {who}"));
            prove(context, session, name, &hash)?;
            Ok(PasswordChange::Changed)
        }
        Err(StoreError::Change(err)) => Ok(PasswordChange::Unchangeable(err)),
        Err(StoreError::Superseded { .. }) => Ok(PasswordChange::Superseded),
        Err(
            err @ (StoreError::Edit(_) | StoreError::Exists { .. } | StoreError::Unknown { .. }),
        ) => Err(Failure::Handler(Box::new(err))),
    }
}

fn users_file(config: &Config) -> Result<SharedFile, Failure> {
    let file = config.users_file();
    file.map_err(|err| AccountsError::Place(err).into())
}
