//! The way to the login page and back.

use http::Method;

use super::failure::{Error, Failure};
use super::{Context, LocalPath, Request, UrlError};
use crate::gateway::MAX_FIELD_VALUE;
use crate::session::Session;

/// The endpoint of the login page.
const ENDPOINT: &str = "login";

/// Returns the name of the logged-in user. If nobody is logged in, it returns an error. A
/// handler that returns this error redirects the visitor, with status 303, to the login page:
/// the route whose endpoint is `login`.
///
/// ```
/// use signet::{Error, Request, Server, Session};
///
/// fn members(request: &Request, session: &mut Session) -> Result<String, Error> {
///     let user = signet::require_user(request, session)?;
///     Ok(format!("Hello {user}"))
/// }
///
/// let server = Server::named("club")
///     .get("/members", members)
///     .get("/login", |_: &Request, _: &mut Session| "the login form")
///     .endpoint("login");
/// let mut client = signet::testing::Client::new(&server).without_redirects();
/// let response = client.get("/members");
/// assert_eq!(response.header("location"), Some("/login?next=%2Fmembers"));
/// ```
///
/// The user is [`Session::username`]: the program stored it under
/// [`USERNAME`](crate::USERNAME), or, with `Server::users`, the user logged in with a password.
///
/// The parameter `next` is the URL of the request, for a redirect after the login: read it as
/// a [`LocalPath`]. It is left out if no route has this URL for GET, or if the URL of the
/// login page would be longer than a header field may be. The setting `LOGIN_URL` names
/// another login page.
///
/// # Errors
///
/// Status 303, with which the server redirects. Status 500 if no route has the endpoint
/// `login` and `LOGIN_URL` is not set.
pub fn require_user(request: &Request, session: &Session) -> Result<String, Error> {
    match session.username() {
        Some(name) => Ok(name.to_owned()),
        None => Err(login_required(request)),
    }
}

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
