//! The way to the login page and back.

use http::Method;

use super::failure::{Error, Failure};
use super::{Context, LocalPath, Request, UrlError};
use crate::gateway::MAX_FIELD_VALUE;

/// The endpoint of the login page.
const ENDPOINT: &str = "login";

/// The error of a handler whose visitor has to log in first. The server redirects to
/// [`login_url`], with the URL of the request as `next` if that has a page for GET.
pub(crate) fn login_required(request: &Request) -> Error {
    let context = Context::of(request);
    let has_page = matches!(*request.method(), Method::GET | Method::HEAD)
        || context.routes.has_page(context.mount.path());
    let next = LocalPath::of(request).filter(|_| has_page);
    match login_url(context, next.as_ref()) {
        Ok(url) => Failure::LoginRequired(url).into(),
        Err(err) => err.into(),
    }
}

/// The URL of the login: `LOGIN_URL`, or the page with the endpoint `login`. `next` is the
/// page to return to; it is left out if the URL would be too long for a header field.
///
/// # Errors
///
/// No page has this endpoint.
pub(crate) fn login_url(context: &Context, next: Option<&LocalPath>) -> Result<String, UrlError> {
    let with = |next: Option<&str>| match &context.config.login_url {
        Some(login) => Ok(login.with_next(next)),
        None => {
            let next = next.map(|next| ("next", next));
            context.url_for(ENDPOINT, next.as_slice())
        }
    };
    let url = with(next.map(LocalPath::as_str))?;
    match url.len() <= MAX_FIELD_VALUE {
        true => Ok(url),
        false => with(None),
    }
}
