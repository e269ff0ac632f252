//! The web server's half of FastCGI, written from the specification (version
//! 1.0) alone: records, name-value pairs, and a client that believes nothing
//! of an answer that the specification does not say.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::steady::Steady;

pub(crate) const BEGIN_REQUEST: u8 = 1;
pub(crate) const ABORT_REQUEST: u8 = 2;
pub(crate) const END_REQUEST: u8 = 3;
pub(crate) const PARAMS: u8 = 4;
pub(crate) const STDIN: u8 = 5;
pub(crate) const STDOUT: u8 = 6;
pub(crate) const GET_VALUES: u8 = 9;
pub(crate) const GET_VALUES_RESULT: u8 = 10;
pub(crate) const UNKNOWN_TYPE: u8 = 11;

/// `protocolStatus` of an END_REQUEST (section 5.5).
pub(crate) const REQUEST_COMPLETE: u8 = 0;
pub(crate) const CANT_MPX_CONN: u8 = 1;
pub(crate) const OVERLOADED: u8 = 2;
pub(crate) const UNKNOWN_ROLE: u8 = 3;

/// Roles of a BEGIN_REQUEST (section 6).
pub(crate) const RESPONDER: u16 = 1;
pub(crate) const AUTHORIZER: u16 = 2;
pub(crate) const FILTER: u16 = 3;

/// The most content that a record's two bytes of length can say.
pub(crate) const MOST: usize = 65_535;

/// The most name-value pairs, in bytes, that this application takes.
pub(crate) const MOST_PARAMS: usize = 256 * 1024;

/// One record, its padding taken off.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) id: u16,
    pub(crate) content: Vec<u8>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, id, content } = self;
        write!(f, "type {kind}, id {id}: {}", content.escape_ascii())
    }
}

/// A record, padded to eight bytes as section 3.3 recommends.
pub(crate) fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, (8 - content.len() % 8) % 8)
}

/// A record with this many bytes of padding, which are not zero.
pub(crate) fn padded(kind: u8, id: u16, content: &[u8], padding: usize) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("content of one record");
    let padding_length = u8::try_from(padding).expect("padding of one record");
    let mut bytes = vec![1, kind];
    bytes.extend(id.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend([padding_length, 0]);
    bytes.extend(content);
    bytes.resize(bytes.len() + padding, b'~');
    bytes
}

/// BEGIN_REQUEST (section 5.1).
pub(crate) fn begin(id: u16, role: u16, keep: bool) -> Vec<u8> {
    let [role1, role0] = role.to_be_bytes();
    record(
        BEGIN_REQUEST,
        id,
        &[role1, role0, u8::from(keep), 0, 0, 0, 0, 0],
    )
}

/// END_REQUEST's content (section 5.5), of an application without exit codes.
pub(crate) fn end_content(status: u8) -> Vec<u8> {
    vec![0, 0, 0, 0, status, 0, 0, 0]
}

/// A name-value pair (section 3.4): lengths from 128 on take four bytes.
pub(crate) fn pair(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for length in [name.len(), value.len()] {
        match u8::try_from(length) {
            Ok(length) if length < 128 => bytes.push(length),
            _ => {
                let length = u32::try_from(length).expect("a length of 31 bits");
                bytes.extend((length | 1 << 31).to_be_bytes());
            }
        }
    }
    [&bytes, name, value].concat()
}

/// A whole stream: its content in records, and the empty one that ends it.
pub(crate) fn stream(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let parts = content.chunks(MOST);
    let mut bytes: Vec<u8> = parts.flat_map(|part| record(kind, id, part)).collect();
    bytes.extend(record(kind, id, b""));
    bytes
}

/// A whole request of a Responder.
pub(crate) fn request(
    id: u16,
    keep: bool,
    params: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
    body: &[u8],
) -> Vec<u8> {
    let pairs = params
        .iter()
        .map(|(name, value)| pair(name.as_ref(), value.as_ref()));
    let params: Vec<u8> = pairs.flatten().collect();
    [
        begin(id, RESPONDER, keep),
        stream(PARAMS, id, &params),
        stream(STDIN, id, body),
    ]
    .concat()
}

/// Takes the first record off `bytes`; `None` if they end inside it. Panics if
/// it is none.
fn take(bytes: &mut Vec<u8>) -> Option<Record> {
    let &[
        version,
        kind,
        id1,
        id0,
        content1,
        content0,
        padding,
        reserved,
    ] = bytes.first_chunk::<8>()?;
    assert_eq!((version, reserved), (1, 0), "{}", bytes.escape_ascii());
    let length = usize::from(u16::from_be_bytes([content1, content0]));
    let end = 8 + length + usize::from(padding);
    if bytes.len() < end {
        return None;
    }
    let content = bytes[8..8 + length].to_vec();
    bytes.drain(..end);
    Some(Record {
        kind,
        id: u16::from_be_bytes([id1, id0]),
        content,
    })
}

/// A connection to an application, whatever its family.
#[derive(Debug)]
pub(crate) struct Client {
    socket: Steady<File>,
    arrived: Vec<u8>,
}

impl Client {
    pub(crate) fn new(socket: File) -> Self {
        Self {
            socket: Steady(socket),
            arrived: Vec::new(),
        }
    }

    /// Sets how long it waits for the application at each step.
    pub(crate) fn wait_at_most(&self, patience: Duration) {
        for direction in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&self.socket.0, direction, Some(patience)).expect("a socket");
        }
    }

    /// Sends bytes as they are. An application that closed is an error.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// How many bytes of answers lie in the socket.
    pub(crate) fn waiting(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.socket.0).expect("a socket")
    }

    /// Whether the application has closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket.0, PollFlags::empty())];
        retry_on_intr(|| poll(&mut fds, Some(&Timespec::default()))).expect("ask the socket");
        fds[0].revents().contains(PollFlags::HUP)
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the application reads");
    }

    /// The next record; `None` at the end, which may not cut one in two.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Record> {
        let next = self.next_whole();
        if next.is_none() {
            assert_eq!(self.arrived, b"", "the end of the stream within a record");
        }
        next
    }

    /// [`Client::next`] of an application that may have been killed within a record.
    pub(crate) fn next_whole(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = take(&mut self.arrived) {
                return Some(record);
            }
            let mut bytes = [0; 16 * 1024];
            match self.socket.read(&mut bytes) {
                Ok(read @ 1..) => self.arrived.extend(&bytes[..read]),
                Ok(0) => return None,
                // It closed before it had read all that we sent.
                Err(err) if err.kind() == io::ErrorKind::ConnectionReset => return None,
                Err(err) => panic!("no record comes: {err}"),
            }
        }
    }

    /// The answer to request `id`, by section 6.2: STDOUT, ended by an empty
    /// record if it began, and END_REQUEST. `None` if the connection ended.
    #[track_caller]
    pub(crate) fn try_answer(&mut self, id: u16) -> Option<Answer> {
        let mut stdout: Option<Vec<u8>> = None;
        let mut over = false;
        loop {
            let record = self.next()?;
            assert_eq!(record.id, id, "{record:?}");
            match record.kind {
                STDOUT if over => panic!("behind the end of STDOUT: {record:?}"),
                STDOUT if record.content.is_empty() => over = true,
                STDOUT => stdout.get_or_insert_default().extend(record.content),
                END_REQUEST => {
                    assert_eq!(over, stdout.is_some(), "STDOUT is ended if it began");
                    let &[0, 0, 0, 0, status, 0, 0, 0] = record.content.as_slice() else {
                        panic!("appStatus 0, and reserved bytes: {record:?}");
                    };
                    return Some(Answer {
                        stdout: stdout.unwrap_or_default(),
                        status,
                    });
                }
                _ => panic!("no part of an answer: {record:?}"),
            }
        }
    }

    /// [`Client::try_answer`] to a request that is complete; what it wrote.
    #[track_caller]
    pub(crate) fn answer(&mut self, id: u16) -> Vec<u8> {
        let answer = self.try_answer(id).expect("an answer");
        assert_eq!(answer.status, REQUEST_COMPLETE);
        answer.stdout
    }

    /// Asserts that nothing more comes, as the application closed.
    #[track_caller]
    pub(crate) fn assert_closed(&mut self, name: &str) {
        let more = self.next();
        assert!(more.is_none(), "{name}: {more:?}");
    }
}

/// How a request ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) stdout: Vec<u8>,
    /// `protocolStatus`.
    pub(crate) status: u8,
}

/// The example of section 3.4's and of appendix B's layout, byte by byte.
#[test]
fn records_are_laid_out_as_the_specification_says() {
    assert_eq!(
        begin(1, RESPONDER, true),
        b"\x01\x01\0\x01\0\x08\0\0\0\x01\x01\0\0\0\0\0"
    );
    assert_eq!(
        record(STDIN, 258, b"abc"),
        b"\x01\x05\x01\x02\0\x03\x05\0abc~~~~~"
    );
    assert_eq!(pair(b"SERVER_PORT", b"80"), b"\x0b\x02SERVER_PORT80");
    assert_eq!(
        pair(&[b'n'; 128], b""),
        [&b"\x80\0\0\x80\0"[..], &[b'n'; 128]].concat()
    );
}
