//! The signals that ask this process to end.

use std::io;
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::low_level::pipe;

/// The signals by which web servers, supervisors and terminals end a process. Without a
/// handler, each of them would interrupt the current requests.
const END: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// Becomes readable when a signal asks this process to end. Reading never waits.
///
/// # Errors
///
/// The handlers of the signals cannot be set.
pub(crate) fn asked_to_end() -> io::Result<UnixStream> {
    let is_ignored = |signal| signal == SIGHUP && ignores_hangup();
    received(END.into_iter().filter(|signal| !is_ignored(*signal)))
}

/// Becomes readable when this process receives one of these signals. Reading never
/// waits.
///
/// # Errors
///
/// As [`asked_to_end`].
pub(crate) fn received(signals: impl IntoIterator<Item = i32>) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    for signal in signals {
        pipe::register(signal, write.try_clone()?)?;
    }
    Ok(read)
}

/// Whether this process was started by `nohup`, which ignores SIGHUP.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_some_and(|set| set & (1 << (SIGHUP - 1)) != 0)
}
