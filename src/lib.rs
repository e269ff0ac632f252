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
//! A form sent from another site is refused. A response whose handler used the session is
//! not cached. The cookie has Flask's format: a Flask application with the same
//! `SECRET_KEY` can read it ([`session::signing`] lists the differences).
//!
//! - [`Server`] has routes with parameters ([`parameter`], [`url_for`]), settings and an
//!   error page.
//! - A handler returns text, [`html`], a [`redirect`], a [`Response`] with bytes or a part
//!   of a file as its [`Body`], or a `Result` of one of them: see [`IntoResponse`].
//! - `render` renders a Jinja template, which the site's owner can replace (Cargo feature
//!   `templates`).
//! - [`form`] and [`query`] read the fields of a form or a query into a type of the program,
//!   or as pairs into a [`Form`]. A [`LocalPath`] is an address that stays on this host.
//! - [`Server::users`], [`log_in`] and [`require_user`] are a login with the passwords of an
//!   `htpasswd` file, with limits on failed attempts.
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
pub use gateway::{Body, FileRange, FileRangeError, MetaVariableError, MetaVariables, Mount};
#[doc(hidden)]
pub use gateway::{Environment, Interface, ProcessInput};
pub use http;
pub use server::{
    Error, ErrorPage, Form, FormError, IntoResponse, LocalPath, NotLocalPath, Request, Response,
    Server, UrlError, escape, form, html, meta_variables, mount, now, parameter, query, redirect,
    state_dir, url_for,
};
#[cfg(feature = "templates")]
pub use server::{Variables, render};
#[doc(inline)]
pub use session::{Flash, Session, USERNAME, Value};
#[cfg(feature = "users")]
pub use users::library::{Attempted, log_in, require_user};

/// The examples in the documents compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../tests/examples/README.md")]
struct Readme;
