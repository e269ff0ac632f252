//! The process: its environment, argument and clock.
//!
//! All reads of them stand here; below, they are values.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::stdio::stdin;

use super::Environment;
pub use crate::log::{log, logged};

/// What a process is given when it starts.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The environment.
    pub vars: Environment,
    /// argv\[1\]. Under CGI a visitor may write it (RFC 3875, 4.4): only the
    /// `#!` rule of [`crate::config`] may look at it.
    pub argument: Option<OsString>,
    /// Unix seconds; 0 if the clock stands before 1970.
    pub now: u64,
    /// Effective user id.
    pub euid: u32,
}

impl Edge {
    /// Reads environment, argv and clock.
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    pub fn of_this_process() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
            argument: std::env::args_os().nth(1),
            now: now(),
            euid: rustix::process::geteuid().as_raw(),
        }
    }

    /// How this process was started, and so what it has to do.
    pub fn entrance(&self) -> Entrance {
        // First: a FastCGI application may be started by a CGI program, and then has
        // the environment of its request.
        if is_listening(stdin()) {
            Entrance::FastCgi
        } else if self.vars.is_of_cgi() {
            Entrance::Cgi
        } else {
            Entrance::CommandLine
        }
    }
}

/// Whether `fd` is a socket that listens: then a web server started us as a
/// FastCGI application (FastCGI 1.0, section 2.2). A socket that is connected is no
/// such thing; Apache's mod_cgid gives one to CGI programs.
pub(crate) fn is_listening(fd: impl AsFd) -> bool {
    rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(false)
}

/// The ways in which this program is started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Entrance {
    /// By a web server, for one request, which the environment describes.
    Cgi,
    /// By a web server or by `signet fastcgi`, with a listening socket as
    /// descriptor 0 (FastCGI 1.0, section 2.2).
    FastCgi,
    /// By a person.
    CommandLine,
}

/// Unix seconds; 0 if the clock stands before 1970.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
