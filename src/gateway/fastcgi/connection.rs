//! One connection from a web server: makes requests of received bytes, and bytes of
//! responses. It does not read or write the socket, but it reads the file of a response.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use super::super::{Answer, Body, FileRange, MetaVariables, Role};
use super::record::{self, HEADER, ProtocolError, ProtocolStatus, Record};

/// The most bytes of a request's meta-variables.
pub(super) const MAX_PARAMS: usize = 256 * 1024;

/// The most bytes of a file that are read at once. A response in memory is kept as a whole.
const PIECE: usize = 32 * 1024;

const RESPONDER: [u8; 2] = [0, 1];
const AUTHORIZER: [u8; 2] = [0, 2];
const KEEP_CONNECTION: u8 = 1;

/// A complete request: its meta-variables, and of its body at most one byte more than the
/// limit.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) role: Role,
    pub(super) vars: MetaVariables,
    pub(super) body: Vec<u8>,
}

/// The state of a connection. If a connection has to be closed to make room, those with
/// the last of these states are closed first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    /// A response is sent.
    Sending,
    /// A request is received, or the first one is awaited.
    Receiving,
    /// A response was sent, and nothing of the next request was received.
    Idle,
}

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// Whether the program has an answer for the role Authorizer.
    authorizes: bool,
    /// Received bytes: a part of a record, or those after the current request.
    input: Vec<u8>,
    /// Bytes for the web server, the first `sent` of which have been sent.
    output: Vec<u8>,
    sent: usize,
    current: Option<Current>,
    served: u64,
    /// The web server wants the connection closed, or sends no more requests.
    closes: bool,
    /// Whether it is closed after the next response, even if the web server asks to keep
    /// it.
    is_surplus: bool,
}

/// The request that is being received or answered. There is only one, because no web
/// server multiplexes requests.
#[derive(Debug)]
struct Current {
    id: u16,
    role: Role,
    keep: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Meta-variables are received.
    Params(Vec<u8>),
    /// Meta-variables are complete. The limit is looked up when the first bytes of the
    /// body arrive.
    Stdin(Request, Option<u64>),
    /// With the part of a file that has not been read.
    Answering(Option<FileRange>),
}

impl Connection {
    /// A new connection. `authorizes`: whether the program has an answer for the role
    /// Authorizer.
    pub(super) fn new(authorizes: bool) -> Self {
        Self {
            authorizes,
            ..Self::default()
        }
    }

    /// Receives bytes from the web server, and returns the request that they complete,
    /// if any. `limit` returns the most bytes of a request's body; of a longer body,
    /// one byte more is kept.
    ///
    /// Bytes that follow a complete request are kept: call this again without bytes when
    /// the response has been sent.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`]: then the connection has to be closed when
    /// [`Connection::output`] has been sent.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        limit: &mut dyn FnMut(&MetaVariables) -> u64,
    ) -> Result<Option<Request>, ProtocolError> {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let mut rest = input.as_slice();
        let mut outcome = Ok(None);
        while !self.closes && matches!(outcome, Ok(None)) {
            outcome = match Record::split_first(rest) {
                Ok(Some((record, next))) => {
                    rest = next;
                    self.take(record, limit)
                }
                Ok(None) => break,
                Err(err) => Err(err),
            };
        }
        let taken = input.len() - rest.len();
        input.drain(..taken);
        self.input = input;
        outcome
    }

    fn take(
        &mut self,
        Record { kind, id, content }: Record<'_>,
        limit: &mut dyn FnMut(&MetaVariables) -> u64,
    ) -> Result<Option<Request>, ProtocolError> {
        match (kind, id) {
            (record::GET_VALUES, 0) => self.send_values(content)?,
            (kind, 0) => {
                let content = [kind, 0, 0, 0, 0, 0, 0, 0];
                record::write(&mut self.output, record::UNKNOWN_TYPE, 0, &content);
            }
            (record::BEGIN_REQUEST, id) => self.begin(id, content)?,
            (kind, id) => return self.go_on(kind, id, content, limit),
        }
        Ok(None)
    }

    fn begin(&mut self, id: u16, content: &[u8]) -> Result<(), ProtocolError> {
        let &[role1, role0, flags, ..] = content else {
            return Err(ProtocolError);
        };
        let keep = flags & KEEP_CONNECTION != 0;
        let role = match [role1, role0] {
            RESPONDER => Some(Role::Responder),
            // A page with status 200 would allow access (6.3).
            AUTHORIZER if self.authorizes => Some(Role::Authorizer),
            _ => None,
        };
        match (&self.current, role) {
            // END_REQUEST with this id would end the current request.
            (Some(current), _) if current.id == id => return Err(ProtocolError),
            (Some(_), _) => record::write_end(&mut self.output, id, ProtocolStatus::CantMultiplex),
            (None, Some(role)) => {
                let stage = Stage::Params(Vec::new());
                self.current = Some(Current {
                    id,
                    role,
                    keep,
                    stage,
                });
            }
            (None, None) => {
                record::write_end(&mut self.output, id, ProtocolStatus::UnknownRole);
                self.closes |= !keep;
            }
        }
        Ok(())
    }

    fn go_on(
        &mut self,
        kind: u8,
        id: u16,
        content: &[u8],
        limit: &mut dyn FnMut(&MetaVariables) -> u64,
    ) -> Result<Option<Request>, ProtocolError> {
        let Some(current) = self.current.as_mut().filter(|current| current.id == id) else {
            // Records of a request that has ended are not an error (3.3).
            return Ok(None);
        };
        match (kind, &mut current.stage) {
            (record::ABORT_REQUEST, _) => self.end(),
            (record::PARAMS, Stage::Params(params)) if content.is_empty() => {
                let pairs = record::pairs(params).ok_or(ProtocolError)?.into_iter();
                let vars = pairs.map(|(n, v)| (OsStr::from_bytes(n), OsStr::from_bytes(v)));
                let request = Request {
                    role: current.role,
                    vars: vars.collect(),
                    body: Vec::new(),
                };
                match current.role {
                    Role::Responder => current.stage = Stage::Stdin(request, None),
                    // An authorizer gets no STDIN (6.3).
                    Role::Authorizer => {
                        current.stage = Stage::Answering(None);
                        return Ok(Some(request));
                    }
                }
            }
            (record::PARAMS, Stage::Params(params)) => {
                if params.len() + content.len() > MAX_PARAMS {
                    record::write_end(&mut self.output, id, ProtocolStatus::Overloaded);
                    return Err(ProtocolError);
                }
                params.extend_from_slice(content);
            }
            (record::STDIN, Stage::Stdin(Request { role, vars, body }, known)) => {
                if content.is_empty() {
                    let request = Request {
                        role: *role,
                        vars: std::mem::take(vars),
                        body: std::mem::take(body),
                    };
                    current.stage = Stage::Answering(None);
                    return Ok(Some(request));
                }
                let limit = *known.get_or_insert_with(|| limit(vars));
                let room = limit.saturating_add(1).saturating_sub(body.len() as u64);
                let room = usize::try_from(room).unwrap_or(usize::MAX);
                body.extend_from_slice(&content[..content.len().min(room)]);
            }
            _ => return Err(ProtocolError),
        }
        Ok(None)
    }

    /// Sends the response to the request that [`Connection::receive`] returned. A file is
    /// sent in pieces: see [`Connection::read_piece`].
    pub(super) fn answer(&mut self, answer: Answer) {
        let Some(current) = &mut self.current else {
            return;
        };
        record::write(&mut self.output, record::STDOUT, current.id, &answer.head);
        match answer.body {
            Body::File(range) if !range.is_empty() => {
                current.stage = Stage::Answering(Some(range));
                return;
            }
            Body::Bytes(bytes) if !bytes.is_empty() => {
                record::write(&mut self.output, record::STDOUT, current.id, &bytes);
            }
            Body::File(_) | Body::Bytes(_) => {}
        }
        record::write(&mut self.output, record::STDOUT, current.id, b"");
        self.end();
    }

    /// Appends the next piece of a response's file to [`Connection::output`], if all of
    /// the output has been sent.
    ///
    /// # Errors
    ///
    /// The file cannot be read or has become shorter. Then the response cannot be
    /// completed, and the connection has to be closed.
    pub(super) fn read_piece(&mut self) -> io::Result<()> {
        let Some(Current { id, stage, .. }) = &mut self.current else {
            return Ok(());
        };
        let (Stage::Answering(Some(range)), []) = (stage, self.output.as_slice()) else {
            return Ok(());
        };
        let most = range.len_up_to(PIECE);
        self.output.resize(HEADER + most, 0);
        let read = match range.read(&mut self.output[HEADER..]) {
            Ok(read) => read,
            Err(err) => {
                self.output.clear();
                return Err(err);
            }
        };
        self.output.truncate(HEADER + read);
        self.output[..HEADER].copy_from_slice(&record::header(record::STDOUT, *id, read));
        if range.is_empty() {
            record::write(&mut self.output, record::STDOUT, *id, b"");
            self.end();
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(Current { id, keep, .. }) = self.current.take() {
            record::write_end(&mut self.output, id, ProtocolStatus::RequestComplete);
            self.served += 1;
            self.closes |= !keep || self.is_surplus;
        }
    }

    /// Answers FCGI_GET_VALUES (4.1).
    fn send_values(&mut self, content: &[u8]) -> Result<(), ProtocolError> {
        let asked = record::pairs(content).ok_or(ProtocolError)?;
        let mut values = Vec::new();
        for (name, value) in [
            (&b"FCGI_MAX_CONNS"[..], &b"100"[..]),
            (b"FCGI_MAX_REQS", b"100"),
            (b"FCGI_MPXS_CONNS", b"0"),
        ] {
            if asked.iter().any(|(asked, _)| *asked == name) {
                record::write_pair(&mut values, name, value);
            }
        }
        record::write(&mut self.output, record::GET_VALUES_RESULT, 0, &values);
        Ok(())
    }

    /// Closes the connection after its next response, although the web server asked
    /// to keep it. No request is lost: a web server sends the next one after it has
    /// read the response and, with it, the end of the connection.
    pub(super) fn close_after_response(&mut self) {
        self.is_surplus = true;
    }

    /// The number of requests that have ended.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    /// The bytes to send to the web server.
    pub(super) fn output(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// The first `count` bytes of [`Connection::output`] have been sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.output.len() {
            self.sent = 0;
            self.output.clear();
            // Not the memory of the largest response for as long as the connection is kept.
            self.output.shrink_to(HEADER + PIECE);
        }
    }

    /// Whether there is nothing more to receive or to send.
    pub(super) fn is_done(&self) -> bool {
        self.closes && self.output.is_empty()
    }

    fn stage(&self) -> Option<&Stage> {
        self.current.as_ref().map(|current| &current.stage)
    }

    pub(super) fn phase(&self) -> Phase {
        match self.stage() {
            Some(Stage::Answering(_)) => Phase::Sending,
            _ if !self.output.is_empty() => Phase::Sending,
            None if self.served > 0 && self.input.is_empty() => Phase::Idle,
            None | Some(Stage::Params(_) | Stage::Stdin(..)) => Phase::Receiving,
        }
    }

    /// The number of bytes that are kept of the body of an incomplete request.
    pub(super) fn body(&self) -> usize {
        match self.stage() {
            Some(Stage::Stdin(request, _)) => request.body.len() + self.input.len(),
            None | Some(Stage::Params(_) | Stage::Answering(_)) => 0,
        }
    }

    /// The number of received bytes that are kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let request = match self.stage() {
            Some(Stage::Params(params)) => params.len(),
            Some(Stage::Stdin(request, _)) => request.body.len(),
            None | Some(Stage::Answering(_)) => 0,
        };
        self.input.len() + request
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::body::unnamed_file;
    use super::*;

    fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        record::write(&mut out, kind, id, content);
        out
    }

    const BEGIN: &[u8] = b"\x00\x01\x00\0\0\0\0\0";
    const BEGIN_KEPT: &[u8] = b"\x00\x01\x01\0\0\0\0\0";

    /// A POST of `body` as request 1.
    fn request(begin: &[u8], body: &[u8]) -> Vec<u8> {
        [
            record(record::BEGIN_REQUEST, 1, begin),
            record(record::PARAMS, 1, b"\x0e\x04REQUEST_METHODPOST"),
            record(record::PARAMS, 1, b""),
            record(record::STDIN, 1, body),
            if body.is_empty() {
                Vec::new()
            } else {
                record(record::STDIN, 1, b"")
            },
        ]
        .concat()
    }

    fn answer(head: &[u8], body: impl Into<Body>) -> Answer {
        Answer {
            head: head.to_vec(),
            body: body.into(),
        }
    }

    fn receive(
        connection: &mut Connection,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, ProtocolError> {
        let request = connection.receive(bytes, &mut |_| 4)?;
        Ok(request.map(|request| {
            assert_eq!(request.vars.get("REQUEST_METHOD"), Some(&b"POST"[..]));
            request.body
        }))
    }

    #[test]
    fn a_request_is_read_however_it_is_cut() {
        let whole = request(BEGIN, b"a=b");
        for cut in 0..=whole.len() {
            let mut connection = Connection::default();
            let first = receive(&mut connection, &whole[..cut]).unwrap();
            let second = receive(&mut connection, &whole[cut..]).unwrap();
            assert_eq!(
                first.or(second).as_deref(),
                Some(&b"a=b"[..]),
                "cut at {cut}"
            );
            connection.answer(answer(b"Status: 200 OK\r\n\r\n", ""));
            let sent = connection.output().len();
            assert!(!connection.is_done());
            connection.sent(sent);
            assert!(connection.is_done());
        }
    }

    #[test]
    fn of_a_body_that_is_too_long_one_byte_more_is_kept() {
        let mut connection = Connection::default();
        let body = receive(&mut connection, &request(BEGIN, b"0123456789")).unwrap();
        assert_eq!(body.as_deref(), Some(&b"01234"[..]));
    }

    #[test]
    fn requests_on_a_kept_connection_follow_each_other() {
        let mut connection = Connection::default();
        let two = [request(BEGIN_KEPT, b"1"), request(BEGIN_KEPT, b"2")].concat();
        assert_eq!(receive(&mut connection, &two).unwrap().unwrap(), b"1");
        connection.answer(answer(b"x", ""));
        assert_eq!(receive(&mut connection, b"").unwrap().unwrap(), b"2");
        connection.answer(answer(b"y", ""));
        let sent = connection.output().len();
        connection.sent(sent);
        assert!(connection.phase() == Phase::Idle && !connection.is_done());
    }

    /// Sends all that a connection has to send, and returns it.
    fn send(connection: &mut Connection) -> io::Result<Vec<u8>> {
        let mut sent = Vec::new();
        while connection.phase() == Phase::Sending {
            assert!(connection.output().len() <= PIECE + 3 * HEADER + 8);
            sent.extend_from_slice(connection.output());
            connection.sent(connection.output().len());
            connection.read_piece()?;
        }
        Ok(sent)
    }

    #[test]
    fn a_response_in_memory_is_sent_in_parts_and_its_memory_is_freed() {
        let mut connection = Connection::default();
        let _ = receive(&mut connection, &request(BEGIN_KEPT, b"1")).unwrap();
        connection.answer(answer(b"head", vec![b'x'; 4 * PIECE]));
        let whole = connection.output().to_vec();
        let mut sent = Vec::new();
        while !connection.output().is_empty() {
            let part = connection.output().chunks(1000).next().unwrap().to_vec();
            connection.sent(part.len());
            sent.extend(part);
        }
        assert!(sent == whole);
        assert!(connection.output.capacity() <= 2 * PIECE);
        assert_eq!(connection.phase(), Phase::Idle);
    }

    #[test]
    fn a_file_is_sent_in_pieces_and_the_next_request_waits_for_its_end() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let (file, _) = unnamed_file("pieces", &bytes);
            let mut connection = Connection::default();
            let two = [request(BEGIN_KEPT, b"1"), request(BEGIN, b"2")].concat();
            assert_eq!(receive(&mut connection, &two).unwrap().unwrap(), b"1");
            connection.answer(answer(b"head", FileRange::all(file).unwrap()));
            let mut wanted = record(record::STDOUT, 1, b"head");
            for piece in bytes.chunks(PIECE) {
                wanted.extend(record(record::STDOUT, 1, piece));
            }
            wanted.extend(record(record::STDOUT, 1, b""));
            wanted.extend(record(record::END_REQUEST, 1, &[0; 8]));
            assert!(send(&mut connection).unwrap() == wanted, "{length} bytes");
            assert_eq!(receive(&mut connection, b"").unwrap().unwrap(), b"2");
            connection.answer(answer(b"head", ""));
            send(&mut connection).unwrap();
            assert!(connection.is_done());
        }
    }

    #[test]
    fn a_file_that_became_shorter_has_no_end() {
        let (range, file) = unnamed_file("cut", &[b'x'; 3 * PIECE]);
        let mut connection = Connection::default();
        receive(&mut connection, &request(BEGIN, b"1")).unwrap();
        connection.answer(answer(b"head", FileRange::all(range).unwrap()));
        file.set_len(PIECE as u64 + 9).unwrap();
        let err = send(&mut connection).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(connection.output(), b"", "no padding, no END_REQUEST");
    }

    #[test]
    fn what_is_not_served_is_answered_as_specified() {
        let end =
            |id: u16, status: u8| record(record::END_REQUEST, id, &[0, 0, 0, 0, status, 0, 0, 0]);
        let begin = |id, role: u8| record(record::BEGIN_REQUEST, id, &[0, role, 1, 0, 0, 0, 0, 0]);
        #[rustfmt::skip]
        let cases = [
            ("authorizer",          begin(1, 2), end(1, 3)),
            ("filter",              begin(1, 3), end(1, 3)),
            ("a second request",    [begin(1, 1), begin(2, 1)].concat(), end(2, 1)),
            ("aborted",             [begin(1, 1), record(record::ABORT_REQUEST, 1, b"")].concat(), end(1, 0)),
            ("late records",        record(record::STDIN, 7, b"x"), Vec::new()),
            ("an unknown type",     record(99, 0, b""), record(record::UNKNOWN_TYPE, 0, &[99, 0, 0, 0, 0, 0, 0, 0])),
            ("a value",             record(record::GET_VALUES, 0, b"\x0f\x00FCGI_MPXS_CONNS\x01\x00x"),
                                    record(record::GET_VALUES_RESULT, 0, b"\x0f\x01FCGI_MPXS_CONNS0")),
        ];
        for (name, sent, want) in cases {
            let mut connection = Connection::default();
            assert_eq!(receive(&mut connection, &sent), Ok(None), "{name}");
            assert_eq!(connection.output(), want, "{name}");
        }
    }

    #[test]
    fn a_stream_that_is_not_fastcgi_ends_the_connection() {
        let begun = record(record::BEGIN_REQUEST, 1, BEGIN);
        let much: Vec<u8> = (0..5)
            .flat_map(|_| record(record::PARAMS, 1, &[b'x'; record::MAX_CONTENT]))
            .collect();
        #[rustfmt::skip]
        let cases = [
            ("another version",     b"\x02\x01\x00\x01\x00\x00\x00\x00".to_vec()),
            ("HTTP",                b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("no role",             record(record::BEGIN_REQUEST, 1, b"")),
            ("stdin before params", [begun.clone(), record(record::STDIN, 1, b"x")].concat()),
            ("pairs cut short",     [begun.clone(), record(record::PARAMS, 1, b"\x09"), record(record::PARAMS, 1, b"")].concat()),
            ("params without end",  [begun.clone(), much].concat()),
            ("a record of ours",    [begun, record(record::STDOUT, 1, b"x")].concat()),
        ];
        for (name, sent) in cases {
            let mut connection = Connection::default();
            assert_eq!(
                receive(&mut connection, &sent),
                Err(ProtocolError),
                "{name}"
            );
        }
    }
}
