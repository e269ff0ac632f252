//! Responses of handlers.

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::Response;
use super::failure::Error;
use crate::gateway::Body;

/// A type that a handler can return: a response, text, a status, or a `Result` of one of
/// them.
///
/// A closure that uses `?` ends with `Ok::<_, signet::Error>(...)`, because the compiler
/// cannot find the type of its error.
pub trait IntoResponse {
    /// The response.
    ///
    /// # Errors
    ///
    /// The error that the handler returned; the visitor gets an error page.
    fn into_response(self) -> Result<Response, Error>;
}

impl IntoResponse for Response {
    fn into_response(self) -> Result<Response, Error> {
        Ok(self)
    }
}

impl IntoResponse for cgi::Response {
    fn into_response(self) -> Result<Response, Error> {
        Ok(self.map(Body::from))
    }
}

/// Plain text, status 200.
impl IntoResponse for String {
    fn into_response(self) -> Result<Response, Error> {
        let text = const { HeaderValue::from_static("text/plain; charset=utf-8") };
        Ok(document(StatusCode::OK, text, self))
    }
}

/// Plain text, status 200.
impl IntoResponse for &str {
    fn into_response(self) -> Result<Response, Error> {
        self.to_owned().into_response()
    }
}

/// This status, without a body. [`Error::with_status`] returns an error page instead.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Result<Response, Error> {
        (self, ()).into_response()
    }
}

/// The response of the second with the status of the first.
impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Result<Response, Error> {
        let mut response = self.1.into_response()?;
        *response.status_mut() = self.0;
        Ok(response)
    }
}

/// No body, status 200.
impl IntoResponse for () {
    fn into_response(self) -> Result<Response, Error> {
        Ok(Response::default())
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for Result<T, E> {
    fn into_response(self) -> Result<Response, Error> {
        self.map_err(Into::into)?.into_response()
    }
}

/// An HTML page, status 200.
pub fn html(document: impl Into<String>) -> Response {
    html_by(StatusCode::OK, document.into())
}

fn html_by(status: StatusCode, html: String) -> Response {
    let kind = const { HeaderValue::from_static("text/html; charset=utf-8") };
    document(status, kind, html)
}

/// Header fields of a page with a session.
const HEADERS: usize = 12;

pub(super) fn document(status: StatusCode, kind: HeaderValue, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    // Room for all fields that are added later: to grow, the map hashes all names again.
    response.headers_mut().reserve(HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A redirect to `url` that makes the next request a GET: 303 See Other.
/// [`url_for`](crate::url_for) makes such a URL; `/` is the first page of the host, not of
/// the program. For another status, return it with the redirect:
/// `(StatusCode::MOVED_PERMANENTLY, redirect(url))`. A URL with a control character or one
/// that is not ASCII is an error of the program, with status 500.
pub fn redirect(url: &str) -> Response {
    redirect_by(StatusCode::SEE_OTHER, url)
}

pub(super) fn redirect_by(status: StatusCode, url: &str) -> Response {
    // A client that does not follow it gets a link (RFC 9110, 15.4.4).
    let link = escape(url);
    let mut response = html_by(
        status,
        format!(
            "<!doctype html><html lang=\"en\"><title>See other</title><a href=\"{link}\">{link}</a>\n"
        ),
    );
    // A tab in a field is refused, and logged, when the response is sent.
    let url = url.replace(|c: char| c.is_ascii_control(), "\t");
    if let Ok(url) = HeaderValue::try_from(url) {
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}

/// `text` for HTML, as text or inside a quoted attribute: `&`, `<`, `>`, `"` and
/// `'` are escaped.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
