//! The user whose page is requested, for pages that only users with passwords have.

use crate::files::shared::Content;
use crate::server::{Context, Error, Failure, Request, require_user};
use crate::session::Session;
use crate::users::Accounts;

/// A logged-in user.
pub(super) struct Account {
    pub(super) name: String,
    /// The users file.
    pub(super) users: Content,
}

/// The logged-in user. `has_page`: whether the site has this page, by its settings.
pub(super) fn of(request: &Request, session: &Session, has_page: bool) -> Result<Account, Error> {
    let context = Context::of(request);
    check_own_login(context)?;
    match Accounts::of(&context.config).map_err(Failure::from)? {
        Accounts::Users(users) if has_page => {
            let name = require_user(request, session)?;
            Ok(Account { name, users })
        }
        Accounts::Users(_) | Accounts::Demo => Err(Failure::NotFound.into()),
    }
}

/// With `LOGIN_URL` there are no pages about the login.
pub(super) fn check_own_login(context: &Context) -> Result<(), Error> {
    match context.config.login_url {
        Some(_) => Err(Failure::NotFound.into()),
        None => Ok(()),
    }
}
