//! Lines for the owner on standard error.
//!
//! The lowest module of all: a file whose mode is corrected is logged where it
//! is opened.

use std::cell::RefCell;
use std::fmt::Display;
use std::os::fd::BorrowedFd;

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

/// Writes all of `bytes`, unless the reader is gone or the write fails.
pub(crate) fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) {
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
