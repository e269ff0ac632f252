//! Flask's sessions for CGI and FastCGI programs: values of a visitor, in a signed
//! cookie, in files or in Redis.
//!
//! A CGI program is started for each request, reads the request from environment
//! variables and standard input, and writes the response to standard output
//! ([RFC 3875](https://www.rfc-editor.org/rfc/rfc3875)). A [`Server`] reads the
//! request, calls the handler of its route with the request and the visitor's
//! [`Session`], saves the session and writes the response:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     signet::Server::named("counter")
//!         .get("/", |_request, session| {
//!             // A session whose signature does not verify is empty.
//!             let visits = session.get_or("visits", 0) + 1;
//!             session.insert("visits", visits);
//!             signet::html(format!("<p>Visit number {visits}</p>"))
//!         })
//!         .run()
//! }
//! ```
//!
//! The first request creates the secret key in the state folder. The cookie's `Path` is
//! the URL path of the program; `HttpOnly`, `SameSite` and, with HTTPS, `Secure` are set.
//! A form sent from another site is refused ([`Server::route`]). A response whose handler
//! used the session is not cached. The cookie has Flask's format: a Flask application with the
//! same `SECRET_KEY` can read it if the program sets
//! `.settings("SESSION_DIGEST = \"sha1\"")` ([`session::signing`] lists the differences).
//!
//! - [`Server`] has routes with parameters ([`parameter`], [`url_for`]), settings and an
//!   error page.
//! - A handler returns text, [`html`], a [`redirect`], a [`Response`] with bytes or a part
//!   of a file as its [`Body`], or a `Result` of one of them: see [`IntoResponse`].
//! - `render` renders a Jinja template, which the site's owner can replace (Cargo feature
//!   `templates`).
//! - [`form`] and [`query`] read the fields of a form or a query into a type of the program,
//!   or as pairs into a [`Form`]. A [`LocalPath`] is an address that stays on this host.
//! - [`json`] reads JSON into a type of the program, and [`jsonify`] makes a JSON response of a
//!   value.
//! - [`require_user`] redirects visitors who are not logged in to the login page. With
//!   [`Server::users`] and [`log_in`], users log in with the passwords of an `htpasswd` file,
//!   with limits on failed attempts (Cargo feature `users`).
//! - [`log()`] writes a line to the error log of the web server.
//! - [`testing::Client`] sends requests to a program in the process of a test.
//! - [`main!`] defines a `main` that starts faster than Rust's own.
//! - A program has the same settings and files as signet, with the same prefix `SIGNET_` in
//!   the environment: see `deploy/README.md`.
//!
//! [`Request`] is [`cgi::Request`], a type of the `http` crate. Both crates are
//! re-exported.
//!
//! Your program links signet and the `cgi` crate, which are under AGPL-3.0, so your whole
//! program is under AGPL-3.0 too: you must offer its complete source code, including your
//! own part, to everybody who gets a copy and to everybody who uses it over the network.

// Some code and imports are only used by the program signet.
#![cfg_attr(not(feature = "program"), allow(dead_code, unused_imports))]

#[macro_use]
mod error_texts;

#[cfg(feature = "program")]
#[doc(hidden)]
pub mod app;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod gateway;
#[cfg(feature = "users")]
#[doc(hidden)]
pub mod guard;
mod log;
#[doc(hidden)]
pub mod process;
mod server;
pub mod session;
pub mod testing;
#[cfg(feature = "users")]
#[doc(hidden)]
pub mod users;

pub use cgi;
pub use gateway::{Body, FileRange, FileRangeError, MetaVariableError, MetaVariables, Mount, log};
#[doc(hidden)]
pub use gateway::{Environment, Interface, ProcessInput};
pub use http;
pub use server::{
    Error, ErrorPage, Form, FormError, IntoResponse, LocalPath, NotLocalPath, Request, Response,
    Server, UrlError, client_address, escape, form, html, json, jsonify, meta_variables, mount,
    now, parameter, query, redirect, require_user, state_dir, url_for,
};
#[cfg(feature = "templates")]
pub use server::{Variables, render};
#[doc(inline)]
pub use session::{Flash, Session, USERNAME, Value};
#[cfg(feature = "users")]
pub use users::library::{Attempted, log_in};

/// The examples in the documents compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../tests/examples/README.md")]
struct Readme;
