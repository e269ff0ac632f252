//! Log lines on standard error, and writing to standard streams.
//!
//! This is the lowest layer, because `files` logs modes that it corrects.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::mem::ManuallyDrop;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::stderr;

/// The most bytes of a line, with its end. A pipe that has room accepts as many bytes at
/// once (`PIPE_BUF`), so that no write waits for a reader.
const MAX_LINE: usize = 4096;

/// The most bytes of an escaped character: `\u{10ffff}`.
const LONGEST_CHARACTER: usize = 10;

/// The number of lines that were dropped since the last written line.
static DROPPED: AtomicU32 = AtomicU32::new(0);

/// The name of the program, with which log lines begin.
static PROGRAM: OnceLock<&str> = OnceLock::new();

/// Begins all later lines of [`log`] with this name. Only the first call has an effect;
/// before it, lines begin with "signet".
pub(crate) fn name_program(name: &'static str) {
    let _ = PROGRAM.set(name);
}

/// Writes a line to standard error: `program: message`, with control characters
/// escaped, at most 4 KiB. It never fails and never waits: visitors would wait too, and
/// they can cause log lines. If nobody reads the log, lines are dropped; the next
/// written line says how many.
pub fn log(message: impl Display) {
    let tested = TESTED.try_with(Cell::get).ok().flatten();
    let program = tested.or(PROGRAM.get().copied()).unwrap_or("signet");
    let mut line = format!("{program}: ");
    for c in message.to_string().chars() {
        if line.len() > MAX_LINE - LONGEST_CHARACTER - "...\n".len() {
            line.push_str("...");
            break;
        }
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
        let dropped = DROPPED.load(Ordering::Relaxed);
        if dropped > 0 && write_line(&format!("{program}: {dropped} log lines were dropped\n")) {
            DROPPED.store(0, Ordering::Relaxed);
        }
        if !write_line(&line) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether there was room for the line. Other errors are ignored: trying again would not
/// help.
fn write_line(line: &str) -> bool {
    let at_once = Some(Duration::ZERO);
    let written = wait_for_room(stderr(), at_once)
        .and_then(|()| write_all(stderr(), line.as_bytes(), at_once));
    written != Err(Errno::TIMEDOUT)
}

thread_local! {
    /// The lines of [`logged`], while it runs. With a destructor, the thread-local variables
    /// would not fit into the memory that musl has for them: each process would map a page.
    static COLLECTED: RefCell<ManuallyDrop<Option<String>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
    /// The program whose lines these are, if it is not that of the process.
    static TESTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// As [`logged`], for the lines of the program `name`.
pub(crate) fn logged_as<T>(name: &'static str, run: impl FnOnce() -> T) -> (T, String) {
    let before = TESTED.replace(Some(name));
    let logged = logged(run);
    TESTED.set(before);
    logged
}

/// Calls `run` and returns the lines that this thread logged meanwhile, instead of
/// writing them to standard error. For tests that make requests in their own process.
pub fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    let before = COLLECTED.replace(ManuallyDrop::new(Some(String::new())));
    let outcome = run();
    let lines = ManuallyDrop::into_inner(COLLECTED.replace(before));
    (outcome, lines.unwrap_or_default())
}

/// Writes all of `bytes`, also if `fd` is in non-blocking mode, which any process that
/// shares it may have set.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`] if nothing could be written for `timeout` (`None`: no limit);
/// otherwise the error of the system.
pub(crate) fn write_all(
    fd: BorrowedFd<'_>,
    mut bytes: &[u8],
    timeout: Option<Duration>,
) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = write_some(fd, timeout, || rustix::io::write(fd, bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Calls `write`, which writes to `fd`, until it has written at least one byte.
///
/// # Errors
///
/// As [`write_all`].
pub(crate) fn write_some(
    fd: BorrowedFd<'_>,
    timeout: Option<Duration>,
    write: impl Fn() -> rustix::io::Result<usize>,
) -> Result<usize, Errno> {
    loop {
        match write() {
            Ok(0) => return Err(Errno::IO),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_for_room(fd, timeout)?,
            outcome => return outcome,
        }
    }
}

/// Waits until `fd` accepts bytes, or has an error that the next write returns.
///
/// # Errors
///
/// [`Errno::TIMEDOUT`] if that takes longer than `timeout`; otherwise the error of the
/// system.
pub(crate) fn wait_for_room(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> Result<(), Errno> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
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
    fn a_line_fits_into_a_pipe_at_once() {
        for text in ["x", "\u{85}", "\u{10ffff}", "ü"] {
            let ((), line) = logged(|| log(text.repeat(5000)));
            assert!(line.ends_with("...\n"), "{text:?}");
            assert!((4000..=4096).contains(&line.len()), "{}", line.len());
        }
    }

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
