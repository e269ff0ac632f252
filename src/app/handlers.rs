//! The handlers of the pages.

use http::{Method, StatusCode};

use super::response::response;
use super::texts::ENGLISH;
use super::{Index, Login, Logout, username};
use crate::server::{Context, Error, Form, Request, Response, form, redirect};
use crate::session::{EVERYWHERE as EVERYWHERE_FLASH, Session, USERNAME, Value};

/// The category of the message that all sessions of the user were ended.
const ENDED: &str = "logged_out_everywhere";

/// The field of the button that ends all sessions of the user.
const EVERYWHERE: &str = "everywhere";

pub(super) fn index(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let t = &ENGLISH;
    let ended_here_only = !session.take_flashes_of(EVERYWHERE_FLASH).is_empty();
    let ended_everywhere = !session.take_flashes_of(ENDED).is_empty();
    let page = Index {
        username: username_in(session),
        message: match (ended_here_only, ended_everywhere) {
            (true, _) => t.logged_out_here_only,
            (false, true) => t.logged_out_everywhere,
            (false, false) => "",
        },
        everywhere: context.config.has_revocations(),
    };
    response(&page, context)
}

pub(super) fn login(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    // If sessions cannot be opened, the form is not shown.
    session.open();
    if request.method() != Method::POST {
        return response(&Login::default(), context);
    }
    match username::posted(&form(request)?, &ENGLISH) {
        Ok(username) => {
            session.insert(USERNAME, username);
            // Also if the visitor is already logged in with this name.
            session.renew();
            if context.config.session_permanent {
                session.set_permanent(true);
            }
            Ok(redirect(&context.mount.url_for("/")))
        }
        Err((error, username)) => {
            let (error, username) = (&error, &username);
            let mut form = response(&Login { username, error }, context)?;
            *form.status_mut() = StatusCode::BAD_REQUEST;
            Ok(form)
        }
    }
}

/// A GET also logs out, as in Flask's quickstart, if it is a visitor's own click.
pub(super) fn logout(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
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
    // A session without values is deleted. So are the sessions of a request with two
    // different valid cookies, for which this session is empty.
    if session.iter().all(|(key, _)| key == "_permanent") {
        session.clear();
    }
    if everywhere && was_logged_in {
        session.flash(ENDED, "");
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
