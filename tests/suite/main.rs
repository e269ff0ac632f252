//! signet as others see it: the web server that starts it, the visitor who
//! sends it anything, Flask that shares its cookie, the browser, the shell.
//!
//! Expected values come from the specification named beside them or from the
//! set-up's own description, never from what the program happened to print.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests: a panic is a verdict, and they read their own environment and clock"
)]

mod support;

mod browser;
mod cli;
mod client_address;
mod cookie_attributes;
mod cookie_policy;
mod cost;
mod deploy;
mod doctor;
mod documents;
mod downloads;
mod fastcgi;
mod flask;
mod guard;
mod hostile;
mod key;
mod languages;
mod layers;
mod library;
mod live;
mod local_path;
mod mount;
mod page_states;
mod pages;
mod protected_files;
mod recorded;
mod rfc3875;
mod server;
mod settings;
mod store;
mod templates;
mod trusted;
mod users;
mod walk;
