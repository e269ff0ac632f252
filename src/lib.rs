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
//! - [`Server`] has routes with parameters ([`parameter`], [`url_for`]), settings and
//!   an error page of the program's own.
//! - A handler returns what [`IntoResponse`] converts: text, [`html`], a [`redirect`], a
//!   [`Response`] with bytes or a part of a file as its [`Body`], or a `Result`.
//! - [`render`] makes a page of a Jinja template, which a site's owner can replace.
//! - [`form`] and [`query`] read what a visitor sent, as a type or as a [`Form`] of pairs.
//! - [`testing::Client`] sends requests in a test's own process.
//! - [`main!`] makes the program begin as fast as signet itself.
//! - The settings and the files of a program are those of signet: see `deploy/README.md`.
//!
//! A request is the `cgi` crate's, which is the `http` crate's. Both crates are
//! re-exported.
//!
//! Your program links signet and the `cgi` crate, which are under AGPL-3.0, so your whole
//! program is under AGPL-3.0 too: you must offer its complete source code, including your
//! own part, to everybody who gets a copy and to everybody who uses it over the network.
//!
//! # Layers
//!
//! A file imports only from layers below its own: `main`, `cli`, `app`, `server`,
//! `config`, then `gateway` and [`session`], which do not know each other, then
//! `files`, then `log`.

// The program uses more of the layers below it than other programs do.
#![cfg_attr(not(feature = "program"), allow(dead_code, unused_imports))]

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
mod log;
#[doc(hidden)]
pub mod process;
mod server;
pub mod session;
pub mod testing;

pub use cgi;
pub use gateway::{
    Body, Environment, FileRange, FileRangeError, Interface, MetaVariables, Mount, ProcessInput,
};
pub use http;
pub use server::{
    Error, ErrorPage, Form, FormError, IntoResponse, Request, Response, Server, UrlError, escape,
    form, html, meta_variables, mount, now, parameter, query, redirect, state_dir, url_for,
};
pub use session::{Flash, Session, USERNAME, Value};
#[cfg(feature = "templates")]
pub use {minijinja::context, server::render};

/// The examples in the documents compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../tests/examples/README.md")]
struct Readme;
