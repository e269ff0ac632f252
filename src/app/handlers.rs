//! The handlers of the pages.

use http::{Method, StatusCode};

pub(super) use super::password::{CHANGED, change_password, password};
use super::response::{response, response_with};
pub(super) use super::sessions::sessions;
use super::texts::Texts;
use super::{Index, Login, Logout, account, attempt, username};
use crate::server::{Context, DroppedCookie, Error, Failure, Form, LocalPath, Request, Response};
use crate::server::{form, login_url, query, redirect};
use crate::session::{DEMO, EVERYWHERE as EVERYWHERE_FLASH, FINGERPRINT, Session, USERNAME, Value};
use crate::users::{self, Accounts};

/// The category of the message that all sessions of the user were ended.
const ENDED: &str = "logged_out_everywhere";

/// The field of the button that ends all sessions of the user.
const EVERYWHERE: &str = "everywhere";

pub(super) fn index(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let t = || Texts::of(context);
    let ended_here_only = !session.take_flashes_of(EVERYWHERE_FLASH).is_empty();
    let ended_everywhere = !session.take_flashes_of(ENDED).is_empty();
    let has_changed = !session.take_flashes_of(CHANGED).is_empty();
    let username = username_in(session);
    let has_own_login = context.config.login_url.is_none();
    let has_password = session.has_password();
    let is_user = session.proved_username().is_some();
    let has_files = is_user && context.config.guard.has_files();
    let files = has_files.then(|| context.mount.url_of_file(b"/"));
    let page = Index {
        username,
        files: files.as_deref().unwrap_or_default(),
        message: match (ended_here_only, ended_everywhere, has_changed) {
            (true, _, _) => t().logged_out_here_only,
            (false, true, _) => t().logged_out_everywhere,
            (false, false, true) => t().password_changed,
            (false, false, false) => "",
        },
        password_change: context.config.password_change && has_password,
        session_list: has_password && users::sessions::are_listed(context),
        can_log_out: has_own_login,
        everywhere: has_own_login && context.config.has_revocations(),
    };
    response(&page, context)
}

pub(super) fn login(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let t = Texts::of(context);
    let fields: Form = match request.method() == Method::POST {
        true => form(request)?,
        false => query(request).unwrap_or_default(),
    };
    let next = next(&fields);
    if context.config.login_url.is_some() {
        return Ok(redirect(&login_url(context, next.as_ref())?));
    }
    // No login would last.
    let mut dropped = context.dropped_cookies();
    if let Some(err @ DroppedCookie::Path { .. }) = dropped.next() {
        return Err(Failure::Unavailable(Box::new(err)).into());
    }
    // Nobody types a name into a site that cannot keep it.
    session.open();
    users::take_upload(context);
    let accounts = Accounts::of(&context.config).map_err(Failure::from)?;
    let has_password = match &accounts {
        Accounts::Demo => false,
        Accounts::Users(users) => {
            users::check_not_empty(&context.config, &users.bytes).map_err(Failure::from)?;
            true
        }
    };
    let next = next.as_ref().map_or("", LocalPath::as_str);
    let empty = Login {
        next,
        has_password,
        remember: context.config.session_permanent,
        demo_note: !has_password && context.config.demo_note,
        ..Login::default()
    };
    if request.method() != Method::POST {
        users::log_misnamed_upload(context);
        return response(&empty, context);
    }
    let remember = fields.get("remember").is_some();
    let again = |username: &str, error: &str, status: StatusCode| {
        let page = Login {
            username,
            error,
            remember,
            ..empty
        };
        response_with(status, &page, context)
    };
    let username = match username::posted(&fields, t) {
        Ok(username) => username,
        Err((error, username)) => return again(&username, &error, StatusCode::BAD_REQUEST),
    };
    let home = context.mount.url_for("/");
    let logged_in = redirect(if next.is_empty() { &home } else { next });
    let users = match accounts {
        Accounts::Demo => {
            session.insert(DEMO, username.as_str());
            session.insert(USERNAME, username);
            // Also if the same user was logged in already.
            session.renew();
            if context.config.session_permanent {
                session.set_permanent(true);
            }
            return Ok(logged_in);
        }
        Accounts::Users(users) => users,
    };
    let password = match attempt::posted_password(&fields, "password") {
        Ok(password) => password,
        Err(wrong) => {
            let error = attempt::wrong_password(wrong, t);
            return again(&username, &error, StatusCode::BAD_REQUEST);
        }
    };
    match users::log_in(context, &users.bytes, session, &username, &password)? {
        Ok(()) => {
            session.set_permanent(remember);
            Ok(logged_in)
        }
        Err(refused) => {
            let again = |error: &str, status| again(&username, error, status);
            attempt::refused(refused, t.wrong_login, t, again)
        }
    }
}

/// Where to go after the login: the field `next`, unless it leads to the login or the
/// logout again.
fn next(fields: &Form) -> Option<LocalPath> {
    let next: LocalPath = fields.get("next")?.parse().ok()?;
    let returns = ["/login", "/logout"]
        .iter()
        .any(|page| next.can_lead_to(page));
    (!returns).then_some(next)
}

/// A GET also logs out, as in Flask's quickstart, if it is a visitor's own click.
pub(super) fn logout(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    account::check_own_login(context)?;
    if request.method() != Method::POST && !logs_out(request) {
        let username = username_in(session);
        return response(&Logout { username }, context);
    }
    let was_logged_in = session.contains_key(USERNAME);
    // A body that is not a form counts as the button "Log out".
    let form: Form = form(request).unwrap_or_default();
    let everywhere = form.get(EVERYWHERE).is_some();
    if everywhere {
        session.end_everywhere();
    }
    // Remove the username from the session if it is there.
    session.remove(USERNAME);
    session.remove(FINGERPRINT);
    session.remove(DEMO);
    // A session without values is deleted. So are the sessions of a request with two
    // different valid cookies, for which this session is empty.
    if session.iter().all(|(key, _)| key == "_permanent") {
        session.clear();
    }
    if everywhere && was_logged_in {
        session.flash("", ENDED);
    }
    Ok(redirect(&context.mount.url_for("/")))
}

fn username_in(session: &Session) -> &str {
    match session.get(USERNAME) {
        Some(Value::String(name)) => name,
        _ => "",
    }
}

/// Whether a GET of `/logout` is a visitor's own click: not a request of another site's
/// page, and not one that a browser sends in advance. HEAD does not log out.
fn logs_out(request: &Request) -> bool {
    let says = |name: &str, words: &[&str]| {
        request.headers().get_all(name).iter().any(|value| {
            value.to_str().is_ok_and(|value| {
                value
                    .split([';', ',', ' '])
                    .any(|word| words.iter().any(|w| word.eq_ignore_ascii_case(w)))
            })
        })
    };
    request.method() == Method::GET
        && !says("sec-fetch-site", &["cross-site", "same-site"])
        && !["sec-purpose", "purpose", "x-purpose", "x-moz"]
            .iter()
            .any(|name| says(name, &["prefetch", "prerender", "preview"]))
}
