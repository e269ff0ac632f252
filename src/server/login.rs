//! The way to the login page and back.

use http::Method;

use super::failure::{Error, Failure};
use super::{Context, LocalPath, Request};

/// The endpoint of the login page.
const ENDPOINT: &str = "login";

/// The error of a handler whose visitor has to log in first: the server redirects to the
/// page with the endpoint `login`. Its parameter `next` is the URL of the request, if
/// that has a page for GET.
pub(crate) fn login_required(request: &Request) -> Error {
    let context = Context::of(request);
    let has_page = matches!(*request.method(), Method::GET | Method::HEAD)
        || context.routes.has_page(context.mount.path());
    let next = LocalPath::of(request).filter(|_| has_page);
    let next = next.as_ref().map(|next| ("next", next.as_str()));
    match context.url_for(ENDPOINT, next.as_slice()) {
        Ok(url) => Failure::LoginRequired(url).into(),
        Err(err) => err.into(),
    }
}
