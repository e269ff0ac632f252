//! The page where users change their passwords.

use http::{Method, StatusCode};

use super::ChangePassword;
use super::account::{self, Account};
use super::advice::Advice;
use super::attempt::{self, posted_password};
use super::response::{response, response_with};
use super::texts::Texts;
use crate::files::shared::ChangeError;
use crate::gateway::log;
use crate::server::{Context, Error, Form, Request, Response};
use crate::server::{form, redirect};
use crate::session::Session;
use crate::users::new_password::{FEWEST_CHARACTERS, MOST_BYTES, RefusedPassword, check_new};
use crate::users::password::{Password, WrongPassword};
use crate::users::{self, PasswordChange};

/// The category of the message that the password was changed.
pub(super) const CHANGED: &str = "password_changed";

pub(super) fn password(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let account = account::of(request, session, context.config.password_change)?;
    let empty = ChangePassword {
        username: &account.name,
        fewest: FEWEST_CHARACTERS as u16,
        ..ChangePassword::default()
    };
    match users::check_changeable(&context.config)? {
        Err(err) => unchangeable(&err, empty, context),
        Ok(()) if request.method() != Method::POST => response(&empty, context),
        Ok(()) => change(request, session, &account, empty),
    }
}

/// The page for a password that cannot be changed.
fn unchangeable(
    err: &ChangeError,
    empty: ChangePassword<'_>,
    context: &Context,
) -> Result<Response, Error> {
    log(format_args!(
        "no password can be changed: users file: {err}"
    ));
    let page = ChangePassword {
        problem: Texts::of(context).no_password_change,
        fix: &Advice::new(context).unchangeable_users(err),
        ..empty
    };
    response_with(StatusCode::SERVICE_UNAVAILABLE, &page, context)
}

/// Changes the password by the form. Of its values, the username is for password managers
/// only: the user is that of the session.
fn change(
    request: &Request,
    session: &mut Session,
    account: &Account,
    empty: ChangePassword<'_>,
) -> Result<Response, Error> {
    let context = Context::of(request);
    let t = Texts::of(context);
    let fields: Form = form(request)?;
    let again = |error: &str, status: StatusCode| {
        let page = ChangePassword { error, ..empty };
        response_with(status, &page, context)
    };
    // First what costs no attempt.
    let new = match new_password(&fields, &account.name, t) {
        Ok(new) => new,
        Err(new_error) => {
            let page = ChangePassword {
                new_error: &new_error,
                ..empty
            };
            return response_with(StatusCode::BAD_REQUEST, &page, context);
        }
    };
    let old = match posted_password(&fields, "password") {
        Ok(old) => old,
        Err(wrong) => {
            let error = attempt::wrong_password(wrong, t);
            return again(&error, StatusCode::BAD_REQUEST);
        }
    };
    let (users, name) = (&account.users.bytes, &account.name);
    match users::change_password(context, users, session, name, &old, &new)? {
        PasswordChange::Changed => {
            session.flash("", CHANGED);
            Ok(redirect(&context.mount.url_for("/")))
        }
        PasswordChange::Refused(refused) => {
            attempt::refused(refused, t.wrong_old_password, t, again)
        }
        // The next request finds that this session has ended.
        PasswordChange::Superseded => Ok(redirect(&context.url_for("password", &[])?)),
        PasswordChange::Unchangeable(err) => unchangeable(&err, empty, context),
    }
}

/// `/.well-known/change-password`, which password managers open.
pub(super) fn change_password(request: &Request, _: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    account::check_own_login(context)?;
    Ok(redirect(&context.url_for("password", &[])?))
}

/// The new password, typed twice; or what is wrong with it.
fn new_password(fields: &Form, username: &str, t: &Texts) -> Result<Password, String> {
    let mut typed =
        ["new_password", "new_password_again"].map(|name| posted_password(fields, name));
    if typed
        .iter()
        .any(|typed| matches!(typed, Err(WrongPassword::Empty)))
    {
        return Err(t.no_new_password.to_owned());
    }
    let [first, second] = &mut typed;
    let (Ok(new), Ok(again)) = (first, second) else {
        return Err((t.long_new_password)(MOST_BYTES));
    };
    if new.as_typed() != again.as_typed() {
        return Err(t.different_passwords.to_owned());
    }
    match check_new(new, username) {
        Ok(()) => Ok(new.clone()),
        Err(refused) => Err(refused_password(refused, t)),
    }
}

fn refused_password(refused: RefusedPassword, t: &Texts) -> String {
    match refused {
        RefusedPassword::TooShort(number) => return (t.short_password)(number, FEWEST_CHARACTERS),
        RefusedPassword::TooLong(_) => return (t.long_new_password)(MOST_BYTES),
        RefusedPassword::Common => t.common_password,
        RefusedPassword::Name => t.name_as_password,
        RefusedPassword::Nul | RefusedPassword::NotUtf8 => t.unusable_password,
    }
    .to_owned()
}
