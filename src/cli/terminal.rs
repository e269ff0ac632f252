//! Passwords that a person types or a script sends.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use zeroize::Zeroizing;

use super::Failure;
use crate::gateway::fastcgi::received;
use crate::users::password::{LONGEST, Password};

/// Asks for a password in the terminal, without showing it.
///
/// # Errors
///
/// There is no terminal; a signal asked the process to end; not a password.
pub(super) fn ask(prompt: &str) -> Result<Password, Failure> {
    let terminal = &open()?;
    // Before the terminal stops to show what is typed: a signal that ended the process after
    // that would leave it so.
    let signals = received([SIGINT, SIGTERM, SIGHUP, SIGQUIT]).map_err(Failure::new)?;
    let hidden = Hidden::new(terminal).map_err(no_terminal)?;
    let mut output = terminal;
    write!(output, "{prompt}: ").map_err(no_terminal)?;
    let line = read_line(terminal, signals.as_fd());
    drop(hidden);
    // The one that was typed was not shown.
    let _ = output.write_all(b"\n");
    password(&line?)
}

/// The password in the only line of standard input.
///
/// # Errors
///
/// It cannot be read; more than one line; not a password.
pub(super) fn from_stdin() -> Result<Password, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
    let mut stdin = std::io::stdin().lock().take(LONGEST as u64 + 3);
    stdin
        .read_to_end(&mut bytes)
        .map_err(|err| Failure::new(format_args!("standard input: {err}")))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\n') {
        return Err(Failure::new("standard input has more than one line")
            .hint("write the password only, with or without a newline at its end"));
    }
    password(line)
}

fn password(typed: &[u8]) -> Result<Password, Failure> {
    Password::new(typed).map_err(Failure::new)
}

fn open() -> Result<File, Failure> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    terminal.map_err(no_terminal)
}

fn no_terminal(_: impl Into<std::io::Error>) -> Failure {
    Failure::new("there is no terminal in which to ask for the password")
        .hint("add --stdin and write the password to standard input")
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden<'t> {
    terminal: &'t File,
    before: Termios,
}

impl<'t> Hidden<'t> {
    fn new(terminal: &'t File) -> rustix::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // What was typed before is visible, so it is no password.
        tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // If that fails, the terminal is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// A line without its end. A signal that asks the process to end is an error, so that
/// the terminal is restored.
fn read_line(mut terminal: &File, signals: BorrowedFd<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // The terminal gives at most 4096 bytes of a line.
    let mut line = Zeroizing::new(vec![0; 4096]);
    loop {
        let events = [terminal.as_fd(), signals];
        let mut events = events.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        match poll(&mut events, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(err) => return Err(Failure::new(err)),
        }
        if !events[1].revents().is_empty() {
            return Err(Failure::new("interrupted; nothing was changed"));
        }
        if events[0].revents().is_empty() {
            continue;
        }
        let length = match terminal.read(&mut line) {
            Ok(length) => length,
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            Err(err) => return Err(Failure::new(format_args!("the terminal: {err}"))),
        };
        line.truncate(length);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        return Ok(line);
    }
}
