//! The data that a process has when it starts: environment, first argument, time, user.
//!
//! Only this file and `process.rs` read them. All other code gets them as parameters.

use std::ffi::OsString;
use std::os::fd::AsFd;
#[cfg(feature = "users")]
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::stdio::stdin;
#[cfg(feature = "users")]
use rustix::time::{ClockId, clock_gettime};

use super::Environment;
pub use crate::log::{log, logged};

/// The data that a process has when it starts: environment, first argument, time, user.
#[derive(Clone, Debug)]
pub struct ProcessInput {
    /// The environment.
    pub vars: Environment,
    /// The first argument. Under CGI, a visitor can choose it (RFC 3875, 4.4). So it is
    /// only used to find out which settings script the kernel started the program for.
    pub argument: Option<OsString>,
    /// The time, in Unix seconds; 0 before 1970.
    pub now: u64,
    /// Effective user id.
    pub euid: u32,
}

impl ProcessInput {
    /// Reads them.
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    pub fn of_this_process() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
            argument: std::env::args_os().nth(1),
            now: now(),
            euid: rustix::process::geteuid().as_raw(),
        }
    }

    /// The interface by which this process was started.
    pub fn interface(&self) -> Interface {
        // FastCGI first: an application that a CGI program started has the environment
        // of that program's request.
        if is_listening(stdin()) {
            Interface::FastCgi
        } else if self.vars.is_of_cgi() {
            Interface::Cgi
        } else {
            Interface::CommandLine
        }
    }
}

/// Whether `fd` is a listening socket: then the process was started as a FastCGI
/// application (FastCGI 1.0, section 2.2). A connected socket does not mean that:
/// Apache's mod_cgid gives one to CGI programs.
pub(crate) fn is_listening(fd: impl AsFd) -> bool {
    rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(false)
}

/// The interfaces by which a program can be started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Interface {
    /// CGI: a web server started it for one request, which is in the environment.
    Cgi,
    /// FastCGI: a web server or `signet fastcgi` started it, with a listening socket as
    /// descriptor 0 (FastCGI 1.0, section 2.2).
    FastCgi,
    /// Neither of them: a person or a cron job started it.
    CommandLine,
}

/// The time, in Unix seconds; 0 before 1970.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The time since the machine started, also that in which it slept. No setting of the
/// wall clock changes it.
#[cfg(feature = "users")]
pub fn uptime() -> Duration {
    clock_gettime(ClockId::Boottime)
        .try_into()
        .unwrap_or_default()
}
