//! Lines for the owner on standard error, and writing to standard streams.
//!
//! The lowest module of all: a file whose mode is corrected is logged where it
//! is opened.

use std::cell::RefCell;
use std::fmt::Display;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::stderr;

/// How long a line may wait for room. A page matters more.
const PATIENCE: Duration = Duration::from_secs(1);

/// What log lines begin with: the program's name.
static PROGRAM: OnceLock<&str> = OnceLock::new();

/// Begins every later line of [`log`] with this name. The first call counts;
/// before it, lines begin with "signet".
pub(crate) fn name_program(name: &'static str) {
    let _ = PROGRAM.set(name);
}

/// Writes one line for the owner to standard error: `program: message`, control
/// characters escaped. Never fails, and never waits for longer than a second: a
/// line that nobody reads is dropped.
pub fn log(message: impl Display) {
    let mut line = format!("{}: ", PROGRAM.get().unwrap_or(&"signet"));
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
        // A write to a full pipe would wait for its reader.
        if wait_for_room(stderr(), Some(PATIENCE)).is_ok() {
            let _ = write_all(stderr(), line.as_bytes(), Some(PATIENCE));
        }
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

/// Writes all of `bytes`, also where `fd` is in non-blocking mode, which any
/// process that shares it may have set.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`] if nothing could be written for `patience` (`None`: as
/// long as it takes); otherwise what the system says.
pub(crate) fn write_all(
    fd: BorrowedFd<'_>,
    mut bytes: &[u8],
    patience: Option<Duration>,
) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_for_room(fd, patience)?,
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Waits until `fd` takes bytes, or has an error that the next write returns.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`] if that takes longer than `patience`; otherwise what the
/// system says.
pub(crate) fn wait_for_room(fd: BorrowedFd<'_>, patience: Option<Duration>) -> Result<(), Errno> {
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec::try_from(left).unwrap_or_default());
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
        match poll(&mut fds, left.as_ref()) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(err) => return Err(err),
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
