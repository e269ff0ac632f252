//! The answer to a request, and its way to standard output.

use std::io::{self, IoSlice, Read};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Response};
use rustix::io::Errno;
use rustix::stdio::stdout;

use super::response::{ResponseError, serialize};
use super::{Body, log};
use crate::log::{wait_for_room, write_all};

/// How long a web server may take no bytes of the answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes that are read at a time of a file that the kernel does not copy.
const PIECE: usize = 64 * 1024;

/// What is sent to the web server (RFC 3875, 6).
#[derive(Debug)]
pub(crate) struct Answer {
    /// The header fields, and the empty line behind them.
    pub(crate) head: Vec<u8>,
    /// The body as it is sent: empty in the answer to HEAD.
    pub(crate) body: Body,
}

impl Answer {
    /// The answer to a request that was made by `method`.
    ///
    /// # Errors
    ///
    /// [`ResponseError`] if a header field may not be sent.
    pub(crate) fn new(response: Response<Body>, method: &Method) -> Result<Self, ResponseError> {
        let head = serialize(&response)?;
        let body = match method == Method::HEAD {
            true => Body::default(),
            false => response.into_body(),
        };
        Ok(Self { head, body })
    }

    /// All its bytes; those of a file are read.
    ///
    /// # Errors
    ///
    /// What the system says about the file.
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

    /// Writes it to standard output. A web server that has gone away is not an
    /// error; anything else is logged.
    pub(crate) fn write(self) {
        ANSWERED.store(true, Ordering::Relaxed);
        match self.write_to(stdout()) {
            Ok(()) | Err(WriteError::Output(Errno::PIPE | Errno::CONNRESET)) => {}
            Err(err) => log(format_args!("the answer was not written to its end: {err}")),
        }
    }

    fn write_to(self, to: BorrowedFd<'_>) -> Result<(), WriteError> {
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
                // Not between these two; or an error, of which this finds out
                // whose it is.
                Err(_) => break,
            }
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(range.len()).unwrap_or(PIECE))];
        while !range.is_empty() {
            let read = range.read(&mut piece);
            let read = match read {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(WriteError::File)?,
            };
            write_all(to, &piece[..read], Some(WRITE_TIMEOUT))?;
        }
        Ok(())
    }
}

/// Why an answer was not written to its end.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("{0}")]
    File(io::Error),
    #[error("{0}")]
    Output(#[from] Errno),
}

fn write_all_parts(to: BorrowedFd<'_>, mut parts: &mut [IoSlice<'_>]) -> Result<(), Errno> {
    // Takes off parts that are empty.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match rustix::io::writev(to, parts) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_for_room(to, Some(WRITE_TIMEOUT))?,
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Whether this process has begun to write an answer to standard output, so
/// that a panic does not add a second one.
pub fn answered() -> bool {
    ANSWERED.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
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
}
