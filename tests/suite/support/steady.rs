//! Sockets of the test clients. Whatever a client does on a socket goes
//! through [`Steady`]: a signal, or the test program being stopped and
//! continued, is no failure of the program under test, and no wait is without
//! a limit.

use std::io::{self, ErrorKind, Read, Write};

/// A blocking socket with a time limit: calls that a signal interrupts are
/// repeated, and a limit that has passed is an error that says so.
///
/// signal(7): a call on a socket that has a time limit is never restarted by
/// the kernel, not even after SIGSTOP and SIGCONT.
#[derive(Debug)]
pub(crate) struct Steady<S>(pub(crate) S);

impl<S: Read> Read for Steady<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        steadily(|| self.0.read(buffer))
    }
}

impl<S: Write> Write for Steady<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        steadily(|| self.0.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        steadily(|| self.0.flush())
    }
}

/// Makes a system call until no signal interrupts it.
pub(crate) fn steadily<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(err) if err.kind() == ErrorKind::Interrupted => {}
            // socket(7): what SO_RCVTIMEO and SO_SNDTIMEO report.
            Err(err) if err.kind() == ErrorKind::WouldBlock => {
                return Err(io::Error::new(
                    ErrorKind::TimedOut,
                    "the time limit of the socket has passed",
                ));
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that does what is written down, from the last to the first.
    struct Scripted(Vec<Result<u8, ErrorKind>>);

    impl Read for Scripted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.pop() {
                Some(Ok(byte)) => {
                    buffer[0] = byte;
                    Ok(1)
                }
                Some(Err(kind)) => Err(kind.into()),
                None => Ok(0),
            }
        }
    }

    #[test]
    fn interrupted_calls_are_repeated_and_time_limits_are_errors() {
        use ErrorKind::{Interrupted, WouldBlock};
        let read = |script| Steady(Scripted(script)).read(&mut [0; 8]);
        assert_eq!(read(vec![Ok(b'a'), Err(Interrupted)]).ok(), Some(1));
        assert_eq!(read(vec![Err(Interrupted), Err(Interrupted)]).ok(), Some(0));
        let late = read(vec![Err(WouldBlock), Err(Interrupted)]);
        assert_eq!(late.map_err(|err| err.kind()), Err(ErrorKind::TimedOut));
    }
}
