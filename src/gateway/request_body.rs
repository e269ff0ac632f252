//! Reads the body of a request (RFC 3875, section 4.2): no more than `CONTENT_LENGTH`
//! bytes, no more than the limit, and not after a deadline.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use http::Method;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::{MetaVariableError, MetaVariables};

/// The number of received bytes of a body that add a second to the time in which it must be
/// received. `deploy/apache/signet.conf` sets the same rate for mod_reqtimeout.
pub(crate) const BODY_RATE: u64 = 500;

/// Why the body of a request was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestBodyError {
    /// `CONTENT_LENGTH` is not a number.
    Length(MetaVariableError),
    /// Neither `CONTENT_LENGTH` nor chunked transfer.
    LengthRequired,
    /// A transfer coding other than `chunked`.
    TransferCoding,
    /// More than `limit` bytes.
    TooLarge {
        /// `MAX_CONTENT_LENGTH`, in bytes.
        limit: u64,
    },
    /// The body ended after `got` of `length` bytes.
    Short {
        /// Bytes that were received.
        got: u64,
        /// `CONTENT_LENGTH`.
        length: u64,
    },
    /// It was not received before the deadline.
    TimedOut,
    /// Standard input cannot be read.
    Read(io::Error),
}

error_texts! { RequestBodyError:
    Self::Length(err) => "{err}";
    Self::LengthRequired => "no CONTENT_LENGTH";
    Self::TransferCoding => "unknown transfer coding";
    Self::TooLarge { limit } => "body is larger than {limit} bytes";
    Self::Short { got, length } => "body ended after {got} of {length} bytes";
    Self::TimedOut => "body was not received in time";
    Self::Read(err) => "body cannot be read: {err}";
}

from_errors! { RequestBodyError:
    Length(MetaVariableError);
}

/// The length of a request's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyLength {
    /// There is no body, or it has no meaning.
    NoBody,
    /// `CONTENT_LENGTH`, in bytes.
    Bytes(u64),
    /// Unknown: the web server decodes the chunks and closes the input after them.
    Chunked,
}

impl BodyLength {
    /// The length that the request has, up to `limit` bytes.
    ///
    /// The body of a GET, HEAD or TRACE has no meaning (RFC 9110, 9.3.1, 9.3.2 and
    /// 9.3.8) and is not read. POST, PUT, PATCH and QUERY must have a length
    /// (15.5.12). A request with another method has a body if it has a length.
    pub(crate) fn new(
        method: &Method,
        vars: &MetaVariables,
        limit: u64,
    ) -> Result<Self, RequestBodyError> {
        if matches!(method.as_str(), "GET" | "HEAD" | "TRACE") {
            return Ok(Self::NoBody);
        }
        if let Some(length) = vars.content_length()? {
            return if length > limit {
                Err(RequestBodyError::TooLarge { limit })
            } else {
                Ok(Self::Bytes(length))
            };
        }
        // Apache decodes the chunks and passes on the header field.
        match vars.get("HTTP_TRANSFER_ENCODING") {
            Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Self::Chunked),
            Some(_) => Err(RequestBodyError::TransferCoding),
            None if matches!(method.as_str(), "POST" | "PUT" | "PATCH" | "QUERY") => {
                Err(RequestBodyError::LengthRequired)
            }
            None => Ok(Self::NoBody),
        }
    }
}

/// Reads a body of this length, up to `limit` bytes.
pub(crate) fn read_body(
    length: BodyLength,
    limit: u64,
    stdin: &mut impl Read,
) -> Result<Vec<u8>, RequestBodyError> {
    let failed = |err: io::Error| match err.kind() {
        io::ErrorKind::TimedOut => RequestBodyError::TimedOut,
        _ => RequestBodyError::Read(err),
    };
    let mut body = Vec::new();
    let most = match length {
        BodyLength::NoBody => return Ok(body),
        BodyLength::Bytes(length) => length,
        BodyLength::Chunked => limit.saturating_add(1),
    };
    let got = stdin.take(most).read_to_end(&mut body).map_err(failed)? as u64;
    match length {
        BodyLength::Bytes(length) if got < length => Err(RequestBodyError::Short { got, length }),
        BodyLength::Chunked if got > limit => Err(RequestBodyError::TooLarge { limit }),
        BodyLength::NoBody | BodyLength::Bytes(_) | BodyLength::Chunked => Ok(body),
    }
}

/// The most bytes that the web server can send as the body; `u64::MAX` if that is not
/// known.
pub(crate) fn max_body_length(vars: &MetaVariables) -> u64 {
    match (vars.content_length(), vars.get("HTTP_TRANSFER_ENCODING")) {
        (Ok(Some(length)), _) => length,
        (Ok(None), None) => 0,
        _ => u64::MAX,
    }
}

/// Reads a descriptor until a deadline: a client may never send the body that it has
/// announced. Each [`BODY_RATE`] bytes of a body move the deadline by a second.
pub(crate) struct DeadlineReader<F> {
    fd: F,
    time: Duration,
    /// Set by the first read: most requests have no body, and asking the clock takes
    /// time.
    deadline: Option<Instant>,
    got: u64,
    /// Whether the rest is thrown away: then received bytes do not move the deadline.
    discards: bool,
}

impl<F: AsFd> DeadlineReader<F> {
    /// Reads from `fd` for this time, which begins with the first read.
    pub(crate) fn new(fd: F, time: Duration) -> Self {
        Self {
            fd,
            time,
            deadline: None,
            got: 0,
            discards: false,
        }
    }

    /// Reads what has not been read of a body of `length` bytes, if `output` is the
    /// same socket.
    ///
    /// Call it before the response to a refused body is written: Apache's mod_cgid
    /// starts programs with one socket, and reads the response after it has sent the
    /// body. If the program closed the socket before that, the kernel would reset it,
    /// and the response would be lost.
    pub(crate) fn discard(&mut self, length: u64, output: impl AsFd) {
        if self.got >= length || !is_same_socket(&self.fd, output) {
            return;
        }
        let left = length - self.got;
        self.discards = true;
        // If that fails, the web server does not read the response either.
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

impl<F: AsFd> Read for DeadlineReader<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let now = Instant::now();
            let seconds = if self.discards {
                0
            } else {
                self.got / BODY_RATE
            };
            let deadline = *self.deadline.get_or_insert(now + self.time);
            let deadline = deadline + Duration::from_secs(seconds);
            let left = deadline.saturating_duration_since(now);
            if self.discards && left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::TimedOut)?;
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {}
                // Nothing is known to be there: a read could wait past the deadline.
                Err(Errno::INTR) => continue,
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
    use std::io::Write;

    use super::*;

    #[test]
    fn a_body_that_is_not_sent_is_awaited_until_the_deadline() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut stdin = DeadlineReader::new(reader, Duration::from_millis(5));
        let outcome = read_body(BodyLength::Bytes(3), 10, &mut stdin);
        assert!(
            matches!(outcome, Err(RequestBodyError::TimedOut)),
            "{outcome:?}"
        );
    }

    /// For each 500 bytes there is a second more, but not for what is discarded.
    #[test]
    fn a_body_that_arrives_moves_the_deadline() {
        let receive = |discards: bool| {
            let (reader, mut writer) = io::pipe().unwrap();
            let mut stdin = DeadlineReader::new(reader, Duration::from_millis(5));
            stdin.discards = discards;
            writer.write_all(&[b'a'; 500]).unwrap();
            let sender = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                let _ = writer.write_all(b"b");
            });
            let outcome = read_body(BodyLength::Bytes(501), 501, &mut stdin);
            sender.join().unwrap();
            outcome.is_ok()
        };
        assert!(receive(false));
        assert!(!receive(true));
    }

    #[test]
    fn no_more_is_read_than_the_length_and_the_limit() {
        let read = |length, input: &[u8]| {
            read_body(length, 4, &mut &*input).map_err(|err| err.to_string())
        };
        use BodyLength::{Bytes, Chunked, NoBody};
        type Outcome<'t> = Result<&'t [u8], &'t str>;
        #[rustfmt::skip]
        let cases: [(&str, BodyLength, &[u8], Outcome<'_>); 6] = [
            ("none", NoBody, b"abc", Ok(b"")),
            ("exact", Bytes(3), b"abc", Ok(b"abc")),
            ("trailing bytes stay unread", Bytes(3), b"abc\r\n", Ok(b"abc")),
            ("cut short", Bytes(4), b"ab", Err("body ended after 2 of 4 bytes")),
            ("chunked, at the limit", Chunked, b"abcd", Ok(b"abcd")),
            ("chunked, over the limit", Chunked, b"abcde", Err("body is larger than 4 bytes")),
        ];
        for (name, length, input, want) in cases {
            let want = want.map(<[u8]>::to_vec).map_err(str::to_owned);
            assert_eq!(read(length, input), want, "{name}");
        }
    }
}
