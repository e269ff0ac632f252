//! The bytes of a response, and writing them to standard output.

use std::fmt::Display;
use std::io::{self, IoSlice, Read};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Response};
use rustix::io::Errno;
use rustix::stdio::stdout;

use super::response::{ResponseError, has_content, serialize};
use super::{Body, log};
use crate::log::{wait_for_room, write_all, write_some};

/// The time after which a web server that reads no bytes of the response is given up, if
/// standard output does not block. If it does, the limits of the web server count.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// The most bytes of a file that are read at once, if the kernel cannot copy it.
const PIECE: usize = 64 * 1024;

/// The bytes of a response, as they are sent to the web server (RFC 3875, 6).
#[derive(Debug)]
pub(crate) struct Answer {
    /// The header fields and the empty line after them.
    pub(crate) head: Vec<u8>,
    /// The body as it is sent: empty in the response to HEAD.
    pub(crate) body: Body,
}

impl Answer {
    /// The response to a request with this method.
    ///
    /// # Errors
    ///
    /// [`ResponseError`] if a header field may not be sent.
    pub(crate) fn new(response: Response<Body>, method: &Method) -> Result<Self, ResponseError> {
        let head = serialize(&response)?;
        let body = match method != Method::HEAD && has_content(response.status()) {
            true => response.into_body(),
            false => Body::default(),
        };
        Ok(Self { head, body })
    }

    /// All bytes, including those of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn into_bytes(self) -> io::Result<Vec<u8>> {
        let mut bytes = self.head;
        match self.body {
            Body::Bytes(body) => bytes.extend_from_slice(&body),
            Body::File(mut range) => {
                range.read_to_end(&mut bytes)?;
            }
        }
        Ok(bytes)
    }

    /// Writes it to standard output. Errors are logged, except that the web server has
    /// closed the connection.
    pub(crate) fn write(self) {
        ANSWERED.store(true, Ordering::Relaxed);
        match self.write_to(stdout()) {
            Ok(()) => {}
            Err(err) if is_closed(&err) => {}
            Err(err) => log_unfinished(err),
        }
    }

    fn write_to(self, to: BorrowedFd<'_>) -> io::Result<()> {
        let Self { head, body } = self;
        let mut range = match body {
            Body::Bytes(body) => {
                let mut parts = [IoSlice::new(&head), IoSlice::new(&body)];
                return Ok(write_all_parts(to, &mut parts)?);
            }
            Body::File(range) => range,
        };
        write_all(to, &head, Some(WRITE_TIMEOUT))?;
        while !range.is_empty() {
            match range.copy_to(to) {
                Ok(()) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait_for_room(to, Some(WRITE_TIMEOUT))?,
                // The kernel cannot copy between these two; or an error, of the file or
                // of the output: reading and writing finds out which.
                Err(_) => break,
            }
        }
        let mut piece = vec![0; range.len_up_to(PIECE)];
        while !range.is_empty() {
            let read = range.read(&mut piece)?;
            write_all(to, &piece[..read], Some(WRITE_TIMEOUT))?;
        }
        Ok(())
    }
}

/// Logs why a response ended early: its head has been written, so that an error page is
/// not possible.
pub(super) fn log_unfinished(reason: impl Display) {
    log(format_args!("an answer was cut off: {reason}"));
}

/// Whether nobody reads the output any more.
fn is_closed(err: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(err.kind(), BrokenPipe | ConnectionReset)
}

fn write_all_parts(to: BorrowedFd<'_>, mut parts: &mut [IoSlice<'_>]) -> Result<(), Errno> {
    // Removes empty parts.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        let written = write_some(to, Some(WRITE_TIMEOUT), || rustix::io::writev(to, parts))?;
        IoSlice::advance_slices(&mut parts, written);
    }
    Ok(())
}

static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Whether this process has begun to write a response to standard output. Then a panic
/// does not write a second one.
pub fn answered() -> bool {
    ANSWERED.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use rustix::fs::{OFlags, fcntl_setfl};

    use super::super::FileRange;
    use super::super::body::unnamed_file;
    use super::*;

    #[test]
    fn the_answer_to_head_has_no_body() {
        for (method, want) in [(Method::GET, "page"), (Method::HEAD, "")] {
            let response = Response::new(Body::from("page"));
            let answer = Answer::new(response, &method)
                .unwrap()
                .into_bytes()
                .unwrap();
            let (_, body) = String::from_utf8(answer)
                .unwrap()
                .split_once("\r\n\r\n")
                .map(|(head, body)| (head.to_owned(), body.to_owned()))
                .unwrap();
            assert_eq!(body, want, "{method}");
        }
    }

    /// Where `to` leads is read to its end by `read` meanwhile.
    fn written(
        answer: Answer,
        to: impl Into<OwnedFd>,
        mut read: impl Read + Send,
    ) -> (Result<(), String>, Vec<u8>) {
        let to = to.into();
        thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let mut bytes = Vec::new();
                read.read_to_end(&mut bytes).map(|_| bytes).unwrap()
            });
            let outcome = answer.write_to(to.as_fd());
            drop(to);
            (
                outcome.map_err(|err| err.to_string()),
                reader.join().unwrap(),
            )
        })
    }

    /// More than a pipe or a socket takes at once.
    const LENGTH: usize = 3 << 20;

    #[test]
    fn a_file_is_written_to_whatever_standard_output_is() {
        let bytes: Vec<u8> = (0..=250).cycle().take(LENGTH).collect();
        let answer = || {
            let (file, _) = unnamed_file("written", &bytes);
            Answer {
                head: b"head".to_vec(),
                body: FileRange::new(file, 1, LENGTH as u64 - 1).unwrap().into(),
            }
        };
        let wanted = [b"head", &bytes[1..]].concat();
        let assert_written = |name: &str, (outcome, seen): (Result<(), String>, Vec<u8>)| {
            assert_eq!(outcome, Ok(()), "{name}");
            assert!(seen == wanted, "{name}: {} bytes", seen.len());
        };

        let (reader, writer) = io::pipe().unwrap();
        assert_written("a pipe", written(answer(), writer, reader));
        let (reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        assert_written("a non-blocking pipe", written(answer(), writer, reader));
        let (writer, reader) = UnixStream::pair().unwrap();
        assert_written("a socket", written(answer(), writer, reader));
        let (writer, reader) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        assert_written("a non-blocking socket", written(answer(), writer, reader));
        // sendfile(2) refuses a file that is open for appending.
        let (mut reader, writer) = unnamed_file("appended", b"");
        fcntl_setfl(&writer, OFlags::APPEND).unwrap();
        assert!(sendfile_refuses(&writer));
        answer().write_to(writer.as_fd()).unwrap();
        let mut seen = Vec::new();
        reader.read_to_end(&mut seen).unwrap();
        assert_written("a log", (Ok(()), seen));
    }

    fn sendfile_refuses(to: &File) -> bool {
        let (file, _) = unnamed_file("refused", b"x");
        let copied = FileRange::all(file).unwrap().copy_to(to);
        copied == Err(Errno::INVAL)
    }

    #[test]
    fn a_file_that_became_shorter_ends_the_answer() {
        let (range, file) = unnamed_file("short-answer", &[b'x'; 9]);
        let answer = Answer {
            head: b"head".to_vec(),
            body: FileRange::all(range).unwrap().into(),
        };
        file.set_len(5).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let (outcome, seen) = written(answer, writer, reader);
        assert_eq!(
            outcome,
            Err("the file became shorter: its last 4 bytes are missing".to_owned())
        );
        assert_eq!(seen, b"headxxxxx");
    }
}
