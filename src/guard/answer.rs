//! Answers for web servers that ask whether a visitor may see what they serve: nginx's
//! `auth_request`, Caddy's `forward_auth`, and FastCGI's role Authorizer (section 6.3) of
//! lighttpd and Apache.
//!
//! An answer changes nothing: it neither saves the session nor sends its cookie. nginx and
//! lighttpd drop that cookie, and elsewhere it would be a part of a page that caches may keep.

use std::sync::atomic::{AtomicBool, Ordering};

use cookie::SameSite;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response as HttpResponse, StatusCode};

use super::groups::Groups;
use super::user::user;
use crate::gateway::{Bare, Body, log};
use crate::server::{Context, Error, Failure, Form, LocalPath, Request, Response};
use crate::server::{login_url, query, redirect};
use crate::session::Session;
use crate::users::name::MAX_NAME;

/// The header fields that tell who is logged in. Both are always sent, so that the web server
/// overwrites those that a client has sent.
struct Fields {
    user: HeaderName,
    groups: HeaderName,
}

const HEADERS: Fields = Fields {
    user: HeaderName::from_static("remote-user"),
    groups: HeaderName::from_static("remote-groups"),
};

/// The web server sets the variables `REMOTE_USER` and `REMOTE_GROUPS`.
const VARIABLES: Fields = Fields {
    user: HeaderName::from_static("variable-remote_user"),
    groups: HeaderName::from_static("variable-remote_groups"),
};

/// The path of the URL that a visitor asked for, as the web server passes it to `/auth`.
const ASKED_FOR: [&str; 2] = ["HTTP_X_ORIGINAL_URI", "HTTP_X_FORWARDED_URI"];

/// An authorizer cannot tell where the login is.
#[derive(Debug)]
pub(crate) struct NoLoginAddress;

error_texts! { NoLoginAddress:
    Self =>
        "a FastCGI authorizer is not told the URL path of this program: set APPLICATION_ROOT to \
         the path below which the web server shows the login";
}

/// `/auth`: 204 if a user is logged in and in every group that the query names (`group`);
/// 403 if not in the group; 401 if nobody is logged in, or, with `redirect` in the query, a
/// redirect to the login.
pub(crate) fn auth(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let fields: Form = query(request)?;
    // `r` names the path, on hosts without PATH_INFO.
    let is_known = |name: &str| matches!(name, "group" | "redirect" | "r");
    if !fields.iter().all(|(name, _)| is_known(name)) {
        return Err(Error::new(
            "/auth has a parameter other than group and redirect: correct it where the web server \
             asks for /auth",
        ));
    }
    let Some(user) = user_for_header(context, session)? else {
        if fields.get("redirect").is_none() {
            return Ok(empty(StatusCode::UNAUTHORIZED));
        }
        let mut asked_for = ASKED_FOR.iter().filter_map(|name| context.vars.get(name));
        let next = asked_for.find_map(local_path);
        return Ok(redirect(&login_url(context, next.as_ref())?));
    };
    let groups = Groups::load_of(&context.config, &user.name).map_err(Failure::from)?;
    let mut asked = fields.all("group");
    if let Some(group) = asked.find(|group| !groups.contains(group, &user.name)) {
        let about = groups.about(&user.name);
        let reason = format!(
            "the web server asks for the group {group:?}, which lacks {:?}, {about}",
            user.name
        );
        return Err(Failure::Forbidden {
            user: user.name,
            reason,
        }
        .into());
    }
    Ok(allowed(StatusCode::NO_CONTENT, HEADERS, user, &groups))
}

/// The role Authorizer: status 200 if a user is logged in, otherwise a redirect to the login,
/// which returns to the page that the visitor asked for.
pub(crate) fn authorizer(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let config = &context.config;
    if config.login_url.is_none() && config.application_root.is_none() {
        return Err(Failure::Unavailable(Box::new(NoLoginAddress)).into());
    }
    match user_for_header(context, session)? {
        Some(user) => {
            let groups = Groups::load_of(config, &user.name).map_err(Failure::from)?;
            Ok(allowed(StatusCode::OK, VARIABLES, user, &groups))
        }
        None => {
            let next = context.vars.get("REQUEST_URI").and_then(local_path);
            Ok(redirect(&login_url(context, next.as_ref())?))
        }
    }
}

/// A user whose name fits into a header field.
struct User {
    name: String,
    header: HeaderValue,
}

/// The user who is logged in. A name that another program could read as another name is that
/// of nobody: one that is not ASCII, or begins or ends with a blank.
fn user_for_header(context: &Context, session: &Session) -> Result<Option<User>, Failure> {
    let Some(name) = user(context, session)? else {
        return Ok(None);
    };
    warn_of_same_site(context);
    let is_fit = name.len() <= MAX_NAME && is_fit(&name);
    if !is_fit {
        log(format_args!(
            "{name:?} is not let in: a name in a header field has at most {MAX_NAME} ASCII \
             characters and no blank at its ends"
        ));
    }
    let header = HeaderValue::try_from(&name).ok().filter(|_| is_fit);
    Ok(header.map(|header| User { name, header }))
}

/// Whether every program reads a name in a header field alike.
fn is_fit(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b' '..=b'~')) && name.trim() == name && !name.is_empty()
}

/// The answer that a visitor may see what the web server serves. Apache adds its header
/// fields to those of the page: the page is for this visitor.
fn allowed(status: StatusCode, fields: Fields, user: User, groups: &Groups) -> Response {
    let mut response = empty(status);
    // A comma is between two groups.
    let groups = groups.of(&user.name);
    let groups: Vec<&str> = groups
        .filter(|name| is_fit(name) && !name.contains(','))
        .collect();
    let groups = HeaderValue::try_from(groups.join(","));
    response.extensions_mut().insert(Bare);
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("Cookie"));
    headers.insert(fields.user, user.header);
    headers.insert(
        fields.groups,
        groups.unwrap_or(HeaderValue::from_static("")),
    );
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = HttpResponse::new(Body::default());
    *response.status_mut() = status;
    response
}

fn local_path(uri: &[u8]) -> Option<LocalPath> {
    std::str::from_utf8(uri).ok()?.parse().ok()
}

/// Says once that other sites' pages can send requests with the cookie: what is behind the
/// web server has to refuse them itself.
fn warn_of_same_site(context: &Context) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if context.config.cookie.same_site == Some(SameSite::None)
        && !SAID.swap(true, Ordering::Relaxed)
    {
        log(
            "SESSION_COOKIE_SAMESITE = \"None\": pages of other sites can send requests as the \
             logged-in visitor; what this login protects has to refuse them itself",
        );
    }
}
