//! The process: its environment, argument, clock and standard streams.
//!
//! All reads of them stand here; below, they are values.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt::Display;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Environment, fastcgi};

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

/// Writes one line for the owner to standard error: `signet: message`, control
/// characters escaped. Never fails.
pub fn log(message: impl Display) {
    let mut line = String::from("signet: ");
    for c in message.to_string().chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    let collected = COLLECTED.try_with(|collected| {
        let mut collected = collected.borrow_mut();
        collected.as_mut().map(|lines| lines.push_str(&line))
    });
    if !matches!(collected, Ok(Some(()))) {
        write_all(rustix::stdio::stderr(), line.as_bytes());
    }
}

thread_local! {
    /// The lines of [`logged`], while it runs.
    static COLLECTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `run` and returns what this thread logged meanwhile, which is then not
/// written to standard error. For tests that make requests in their own process.
pub fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    let before = COLLECTED.replace(Some(String::new()));
    let outcome = run();
    let lines = COLLECTED.replace(before);
    (outcome, lines.unwrap_or_default())
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::retry_on_intr(|| rustix::io::write(fd, bytes)) {
            Ok(written) if written > 0 => bytes = &bytes[written..],
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_collected_by_the_innermost_call_of_their_thread() {
        let ((inner, other), outer) = logged(|| {
            log("before");
            let ((), inner) = logged(|| log("a\nb"));
            let other = std::thread::spawn(|| logged(|| log("other")).1).join();
            log("after");
            (inner, other.expect("no panic"))
        });
        assert_eq!(inner, "signet: a\\nb\n");
        assert_eq!(other, "signet: other\n");
        assert_eq!(outer, "signet: before\nsignet: after\n");
    }
}
