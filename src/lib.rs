//! Flask's session for CGI programs: a signed cookie that acts as a dict.
//!
//! A CGI program is started once for each request, reads it from environment
//! variables and standard input, and writes its answer to standard output
//! ([RFC 3875](https://www.rfc-editor.org/rfc/rfc3875)). A [`Server`] does all of
//! that around functions of the program, and gives them the visitor's [`Session`]:
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
//! The secret key is created in the state folder on the first request; the cookie
//! has the path of the mount and the right flags; a form sent from another site is
//! refused; a page that looked at the session is kept out of caches. What the
//! cookie holds is as Flask writes it: a Flask app with the same `SECRET_KEY`
//! reads it ([`session::signing`] says what differs).
//!
//! Request and response are the `cgi` crate's, which are the `http` crate's.
//!
//! # Layers
//!
//! A file imports only from layers below its own: `main`, `cli`, `app`, `server`,
//! [`config`], then [`gateway`] and [`session`], which do not know each other, then
//! `files` and `log`.

pub mod app;
pub mod cli;
pub mod config;
pub mod files;
pub mod gateway;
mod log;
pub mod process;
mod server;
pub mod session;
pub mod testing;

pub use cgi;
pub use gateway::{
    Body, Edge, Entrance, Environment, FileRange, FileRangeError, MetaVariables, Mount,
};
pub use http;
pub use server::{
    Error, ErrorPage, Form, FormError, IntoResponse, Request, Response, Server, UrlError, escape,
    form, html, meta_variables, mount, now, parameter, query, redirect, state_dir, url_for,
};
pub use session::{Flash, Session, USERNAME, Value};

/// The examples in the documents compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../tests/examples/README.md")]
struct Readme;
