//! Users with passwords for programs that have their own pages.

use super::accounts::{AccountsError, check_not_empty};
use super::login::{self, Refused};
use super::password::Password;
use super::recent::RecentUsers;
use super::store;
use super::uploaded::take_upload;
use crate::config::{Config, UsersFileError};
use crate::files::shared::Content;
use crate::server::{Context, Error, Failure, Request, Server};
use crate::session::Session;

/// The result of an attempt to log in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attempted {
    /// The session is the user's.
    LoggedIn,
    /// There is no such user, or the password is wrong.
    Wrong,
    /// Too many attempts failed, or are made at the moment.
    Limited {
        /// Seconds until the next attempt may succeed.
        seconds: u64,
    },
}

impl Server<'_> {
    /// Has every session's login checked by the users file: that of `USERS_FILE`, or
    /// `users` in the state folder, in the format of Apache's `htpasswd`. Then
    /// [`Session::username`] is a user who logged in with [`log_in`] and whose password
    /// is still the same. For other sessions it is `None`.
    ///
    /// A request with a login gets status 503, with the reason in the log, as long as
    /// the users file is missing or cannot be read. A logout works all the same: the
    /// handler finds nobody logged in and calls [`Session::clear`].
    ///
    /// The example program `tests/examples/members.rs` has a login page, a page for
    /// members and a logout.
    pub fn users(self) -> Self {
        let recent = RecentUsers::default();
        self.check_login(move |context, username, claimed| {
            recent.judge(context, username, claimed, || {
                users(&context.config).map(Some)
            })
        })
    }
}

/// Logs a user of the users file in: if the password is right, the session is that of
/// this user, with a new id. To log out, use [`Session::clear`].
///
/// Failures are counted by name and address. After some, the next attempt has to wait,
/// and its password is not verified. Set the status 429 and `Retry-After` then, and 403
/// for a wrong name or password: browsers do not offer to save a password after these.
/// Do not tell which of the two is wrong.
///
/// Users of an uploaded `add_users.txt` are taken into the users file before that, as
/// signet does.
///
/// # Errors
///
/// Status 503, with the reason in the log, if there is no users file, if it has no users,
/// if it or the state folder cannot be used, or if there is not enough memory for a hash.
/// Status 500 if [`Server::users`] was not called.
pub fn log_in(
    request: &Request,
    session: &mut Session,
    name: &str,
    password: &str,
) -> Result<Attempted, Error> {
    let context = Context::of(request);
    if !context.checks_logins() {
        return Err(Error::new("log_in needs Server::users"));
    }
    // An attempt whose session cannot be kept is not counted.
    session.open();
    take_upload(context);
    let users = users(&context.config)?;
    check_not_empty(&context.config, &users.bytes).map_err(Failure::from)?;
    // No user has such a password.
    let Ok(password) = Password::new(password.as_bytes()) else {
        return Ok(Attempted::Wrong);
    };
    Ok(
        match login::log_in(context, &users.bytes, session, name, &password)? {
            Ok(()) => Attempted::LoggedIn,
            Err(Refused::Wrong) => Attempted::Wrong,
            Err(Refused::Limited { seconds }) => Attempted::Limited { seconds },
        },
    )
}

/// The users file, without which there are no users.
fn users(config: &Config) -> Result<Content, Failure> {
    let file = config.users_file().map_err(|err| match err {
        // The log says how to make one for this program.
        UsersFileError::StateDir(err) => Failure::StateDir(err),
        err @ UsersFileError::Named(_) => AccountsError::Place(err).into(),
    })?;
    let content = store::read(&file).map_err(AccountsError::File)?;
    content.ok_or_else(|| {
        let path = file.path().display();
        let missing = format!(
            "users file: {path} does not exist: make it with htpasswd -c -B, or name another in \
             USERS_FILE"
        );
        Failure::Unavailable(missing.into())
    })
}
