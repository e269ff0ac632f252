//! The process: its environment, argument, clock and standard streams.
//!
//! All reads of them stand here; below, they are values.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Environment, fastcgi};
use crate::log::write_all;
pub use crate::log::{log, logged};

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

    /// Whether a web server started this process: as a CGI program, or with a
    /// listening socket as a FastCGI application.
    pub fn is_from_web_server(&self) -> bool {
        self.vars.is_of_cgi() || fastcgi::is_listening(rustix::stdio::stdin())
    }
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
    write_all(rustix::stdio::stdout(), bytes);
}
