//! The request body, by RFC 3875, section 4.2: never more than
//! `CONTENT_LENGTH`, never more than the limit, never for ever.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use http::Method;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::{MetaVariableError, MetaVariables};

/// Why a request body was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// `CONTENT_LENGTH` is not a number.
    #[error(transparent)]
    Length(#[from] MetaVariableError),
    /// Neither `CONTENT_LENGTH` nor chunked transfer.
    #[error("no CONTENT_LENGTH")]
    LengthRequired,
    /// A transfer coding other than `chunked`.
    #[error("unknown transfer coding")]
    TransferCoding,
    /// More than `limit` bytes.
    #[error("body is larger than {limit} bytes")]
    TooLarge {
        /// `MAX_CONTENT_LENGTH`, in bytes.
        limit: u64,
    },
    /// The body ended after `got` of `length` bytes.
    #[error("body ended after {got} of {length} bytes")]
    Short {
        /// Bytes that arrived.
        got: u64,
        /// Bytes announced.
        length: u64,
    },
    /// It did not arrive in time.
    #[error("body did not arrive in time")]
    TimedOut,
    /// Standard input cannot be read.
    #[error("body cannot be read: {0}")]
    Read(io::Error),
}

/// How long the body is that a request announces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Announced {
    /// There is none, or none that is of interest.
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// As long as the input: chunked.
    ToTheEnd,
}

impl Announced {
    /// What the request says, up to `limit` bytes.
    ///
    /// The body of a GET, HEAD or TRACE has no meaning (RFC 9110, 9.3.1, 9.3.2
    /// and 9.3.8): it is not read, so that nothing it says delays a page. POST,
    /// PUT, PATCH and QUERY have one and have to say its length (15.5.12). With
    /// any other method there is one if the request says so.
    pub(crate) fn new(
        method: &Method,
        vars: &MetaVariables,
        limit: u64,
    ) -> Result<Self, BodyError> {
        if matches!(method.as_str(), "GET" | "HEAD" | "TRACE") {
            return Ok(Self::Nothing);
        }
        if let Some(length) = vars.content_length()? {
            return if length > limit {
                Err(BodyError::TooLarge { limit })
            } else {
                Ok(Self::Bytes(length))
            };
        }
        // Apache takes the chunks apart and passes the coding's name on.
        match vars.get("HTTP_TRANSFER_ENCODING") {
            Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Self::ToTheEnd),
            Some(_) => Err(BodyError::TransferCoding),
            None if matches!(method.as_str(), "POST" | "PUT" | "PATCH" | "QUERY") => {
                Err(BodyError::LengthRequired)
            }
            None => Ok(Self::Nothing),
        }
    }
}

/// Reads the body that a request announces, up to `limit` bytes.
pub(crate) fn read_body(
    announced: Announced,
    limit: u64,
    stdin: &mut impl Read,
) -> Result<Vec<u8>, BodyError> {
    let failed = |err: io::Error| match err.kind() {
        io::ErrorKind::TimedOut => BodyError::TimedOut,
        _ => BodyError::Read(err),
    };
    let mut body = Vec::new();
    let most = match announced {
        Announced::Nothing => return Ok(body),
        Announced::Bytes(length) => length,
        Announced::ToTheEnd => limit.saturating_add(1),
    };
    let got = stdin.take(most).read_to_end(&mut body).map_err(failed)? as u64;
    match announced {
        Announced::Bytes(length) if got < length => Err(BodyError::Short { got, length }),
        Announced::ToTheEnd if got > limit => Err(BodyError::TooLarge { limit }),
        Announced::Nothing | Announced::Bytes(_) | Announced::ToTheEnd => Ok(body),
    }
}

/// The most bytes that the body can have; `u64::MAX` if nobody knows.
pub(crate) fn longest(vars: &MetaVariables) -> u64 {
    match (vars.content_length(), vars.get("HTTP_TRANSFER_ENCODING")) {
        (Ok(Some(length)), _) => length,
        (Ok(None), None) => 0,
        _ => u64::MAX,
    }
}

/// A descriptor that is read until a deadline: a client may announce a body
/// and never send it.
pub(crate) struct Patient<F> {
    fd: F,
    patience: Duration,
    /// From the first read on: most requests have no body, and the clock costs.
    deadline: Option<Instant>,
    got: u64,
}

impl<F: AsFd> Patient<F> {
    pub(crate) fn new(fd: F, patience: Duration) -> Self {
        Self {
            fd,
            patience,
            deadline: None,
            got: 0,
        }
    }

    /// Before an answer to a refused body: takes what is left of its `length`
    /// bytes, if `output` is the same socket.
    ///
    /// Apache's mod_cgid starts programs so, and reads the answer only after
    /// it has sent the body. A socket that is closed with bytes unread is
    /// reset, and the answer lost.
    pub(crate) fn discard(&mut self, length: u64, output: impl AsFd) {
        if self.got >= length || !is_same_socket(&self.fd, output) {
            return;
        }
        let left = length - self.got;
        // Too late, or the server is gone: it will not read an answer either.
        let _ = io::copy(&mut self.take(left), &mut io::sink());
    }
}

fn is_same_socket(one: impl AsFd, other: impl AsFd) -> bool {
    match (fstat(one), fstat(other)) {
        (Ok(one), Ok(other)) => {
            FileType::from_raw_mode(one.st_mode).is_socket()
                && (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
        }
        _ => false,
    }
}

impl<F: AsFd> Read for Patient<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let now = Instant::now();
            let deadline = *self.deadline.get_or_insert(now + self.patience);
            let left = deadline.saturating_duration_since(now);
            let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::TimedOut)?;
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(err) => return Err(err.into()),
            }
            match rustix::io::read(&self.fd, &mut *buf) {
                Ok(got) => {
                    self.got += got as u64;
                    return Ok(got);
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(err) => return Err(err.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_is_not_waited_for() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut stdin = Patient::new(reader, Duration::from_millis(5));
        let outcome = read_body(Announced::Bytes(3), 10, &mut stdin);
        assert!(matches!(outcome, Err(BodyError::TimedOut)), "{outcome:?}");
    }

    #[test]
    fn a_body_is_never_more_than_announced_or_allowed() {
        let read = |announced, input: &[u8]| {
            read_body(announced, 4, &mut &*input).map_err(|err| err.to_string())
        };
        use Announced::{Bytes, Nothing, ToTheEnd};
        type Outcome<'t> = Result<&'t [u8], &'t str>;
        #[rustfmt::skip]
        let cases: [(&str, Announced, &[u8], Outcome<'_>); 6] = [
            ("none", Nothing, b"abc", Ok(b"")),
            ("exact", Bytes(3), b"abc", Ok(b"abc")),
            ("trailing bytes stay unread", Bytes(3), b"abc\r\n", Ok(b"abc")),
            ("cut short", Bytes(4), b"ab", Err("body ended after 2 of 4 bytes")),
            ("chunked, at the limit", ToTheEnd, b"abcd", Ok(b"abcd")),
            ("chunked, over the limit", ToTheEnd, b"abcde", Err("body is larger than 4 bytes")),
        ];
        for (name, announced, input, want) in cases {
            let want = want.map(<[u8]>::to_vec).map_err(str::to_owned);
            assert_eq!(read(announced, input), want, "{name}");
        }
    }
}
