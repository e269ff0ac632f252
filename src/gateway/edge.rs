//! The process: its environment, argument, clock and standard streams.
//!
//! All reads of them stand here; below, they are values.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use rustix::stdio::{stdin, stdout};

use super::{Environment, fastcgi};
use crate::log::write_all;
pub use crate::log::{log, logged};

/// How long a web server may take none of an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a process is given, once, when it starts.
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

    /// Who started this process, and with that what it is to do.
    pub fn entrance(&self) -> Entrance {
        // First: a FastCGI application may be started from inside a CGI request,
        // and then has that request's environment.
        if fastcgi::is_listening(stdin()) {
            Entrance::FastCgi
        } else if self.vars.is_of_cgi() {
            Entrance::Cgi
        } else {
            Entrance::CommandLine
        }
    }
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

static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Whether an answer has been written, so that a panic does not add a second.
pub fn answered() -> bool {
    ANSWERED.load(Ordering::Relaxed)
}

/// Writes the answer; a web server that has gone away is no error.
pub(crate) fn answer(bytes: &[u8]) {
    ANSWERED.store(true, Ordering::Relaxed);
    match write_all(stdout(), bytes, Some(PATIENCE)) {
        Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => {}
        Err(err) => log(format_args!("the answer was not written: {err}")),
    }
}
