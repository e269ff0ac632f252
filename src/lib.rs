//! Flask's session for CGI programs: a signed cookie that acts as a dict.
//!
//! A CGI program is started once for each request, reads it from environment
//! variables and standard input, and writes its answer to standard output
//! ([RFC 3875](https://www.rfc-editor.org/rfc/rfc3875)). [`serve`] does all of
//! that around one closure, and hands it the visitor's [`Session`]:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     signet::serve(|request, session| {
//!         // A session that is not ours to trust is empty, never an error.
//!         let visits = session.get_as("visits").ok().flatten().unwrap_or(0) + 1;
//!         session.insert("visits", visits);
//!         let here = signet::mount(&request).url_for("/");
//!         signet::html(format!("<a href=\"{here}\">Visit number {visits}</a>"))
//!     })
//! }
//! ```
//!
//! The secret key makes itself, in the state directory; the cookie has the
//! path of the mount and the right flags; a form sent from another site is
//! refused; a page that looked at the session is kept out of caches. What the
//! cookie holds is as Flask writes it: a Flask app with the same `SECRET_KEY`
//! reads it ([`session::signing`] says what differs).
//!
//! Request and response are the `cgi` crate's, which are the `http` crate's;
//! the typed [`Mount`] and [`MetaVariables`] are in the request's extensions.
//!
//! # The house
//!
//! A request walks through the rooms once. A file imports only from rooms
//! below its own: `main`, `cli`, `app` with `server`, [`config`], then
//! [`gateway`] and [`session`], which know nothing of each other.

#![forbid(unsafe_code)]

pub mod app;
pub mod cli;
pub mod config;
pub mod files;
pub mod gateway;
mod log;
mod server;
pub mod session;

pub use gateway::{Edge, Entrance, Environment, MetaVariables, Mount};
pub use server::{respond, serve, serve_after};
pub use session::{Flash, Session, USERNAME, Value};

/// The `cgi` crate's request.
pub type Request = cgi::Request;

/// The `cgi` crate's response.
pub type Response = cgi::Response;

/// Where the web server put us, and which page was asked for.
///
/// For a request that did not come through [`serve`] it is the root of a host.
pub fn mount(request: &Request) -> Mount {
    request
        .extensions()
        .get()
        .cloned()
        .unwrap_or_else(|| Mount::new(&MetaVariables::default(), None))
}

/// An HTML page, status 200.
pub fn html(document: impl Into<String>) -> Response {
    cgi::html_response(200, document)
}

/// A redirect to `url` that makes the next request a GET: 303 See Other.
/// `url` is best made by [`Mount::url_for`].
pub fn redirect(url: &str) -> Response {
    redirect_by(http::StatusCode::SEE_OTHER, url)
}

fn redirect_by(status: http::StatusCode, url: &str) -> Response {
    // A client that does not follow it gets a link (RFC 9110, 15.4.4).
    let link = url
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    let mut response = cgi::html_response(
        status,
        format!("<!doctype html><title>See other</title><a href=\"{link}\">{link}</a>\n"),
    );
    if let Ok(url) = http::HeaderValue::try_from(url) {
        response.headers_mut().insert(http::header::LOCATION, url);
    }
    response
}

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
