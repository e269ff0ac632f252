//! One connection from a web server: bytes in, requests out, answers in, bytes
//! out. It neither reads nor writes a socket, but it reads the file of an answer.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use super::super::{Answer, Body, FileRange, MetaVariables};
use super::record::{self, HEADER, Header, ProtocolStatus};

/// Bytes of meta-variables that one request may have.
pub(super) const MAX_PARAMS: usize = 256 * 1024;

/// Bytes that are read of a file at a time: what a connection keeps of an answer
/// whose reader is slow.
const PIECE: usize = 32 * 1024;

const RESPONDER: u16 = 1;
const KEEP_CONNECTION: u8 = 1;

/// A request that has arrived: its meta-variables, and its body as far as it
/// is wanted.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) vars: MetaVariables,
    pub(super) body: Vec<u8>,
}

/// What the peer sent is not FastCGI, or more than we take: the connection is
/// of no more use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Broken;

/// What a connection is waited for. The later ones are closed first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    /// The peer reads an answer.
    Answered,
    /// A request arrives. A new connection is here, too: its request is on the
    /// way.
    Arriving,
    /// A request was answered, and nothing of another one has arrived.
    Idle,
}

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// Less than one record.
    input: Vec<u8>,
    output: Vec<u8>,
    request: Option<Current>,
    /// The bytes of an answer that have not been read from their file.
    file: Option<FileRange>,
    /// Requests that were served.
    served: u64,
    /// No request is served behind the next one.
    is_surplus: bool,
    ends: bool,
}

/// The request that is arriving, or being answered. There is never more than
/// one: no web server multiplexes.
#[derive(Debug)]
struct Current {
    id: u16,
    keep: bool,
    params: Vec<u8>,
    vars: Option<MetaVariables>,
    body: Vec<u8>,
    /// Bytes of body that are of interest, once some arrive.
    limit: Option<u64>,
}

impl Connection {
    /// Takes bytes of the peer and returns the request that they complete, if
    /// they do. `limit` says how many bytes of body a request may have; of a
    /// longer one, one byte more than that is kept.
    ///
    /// Bytes that follow a complete request wait: call it again, with none,
    /// after [`Connection::answer`].
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        limit: &mut dyn FnMut(&MetaVariables) -> u64,
    ) -> Result<Option<Arrived>, Broken> {
        self.input.extend_from_slice(bytes);
        let mut taken = 0;
        let mut outcome = Ok(None);
        while !self.ends
            && let Some(header) = self.input[taken..].first_chunk::<HEADER>()
        {
            let Some(header) = Header::read(*header) else {
                outcome = Err(Broken);
                break;
            };
            let start = taken + HEADER;
            let end = start + header.content;
            if self.input.len() < end + header.padding {
                break;
            }
            taken = end + header.padding;
            // Out of the way: the record is looked at beside the state.
            let input = std::mem::take(&mut self.input);
            outcome = self.take(header, &input[start..end], limit);
            self.input = input;
            if !matches!(outcome, Ok(None)) {
                break;
            }
        }
        self.input.drain(..taken);
        outcome
    }

    fn take(
        &mut self,
        header: Header,
        content: &[u8],
        limit: &mut dyn FnMut(&MetaVariables) -> u64,
    ) -> Result<Option<Arrived>, Broken> {
        match (header.kind, header.id) {
            (record::GET_VALUES, 0) => self.tell_values(content)?,
            (kind, 0) => {
                let body = [kind, 0, 0, 0, 0, 0, 0, 0];
                record::write(&mut self.output, record::UNKNOWN_TYPE, 0, &body);
            }
            (record::BEGIN_REQUEST, id) => self.begin(id, content)?,
            (kind, id) => {
                // Late records of a request that is over are no error (3.3).
                if self
                    .request
                    .as_ref()
                    .is_some_and(|current| current.id == id)
                {
                    return self.go_on(kind, content, limit);
                }
            }
        }
        Ok(None)
    }

    fn begin(&mut self, id: u16, content: &[u8]) -> Result<(), Broken> {
        let &[role1, role0, flags, ..] = content else {
            return Err(Broken);
        };
        let keep = flags & KEEP_CONNECTION != 0;
        if let Some(current) = &self.request {
            if current.id == id {
                // Refused by its id, the one that is under way would be over.
                return Err(Broken);
            }
            record::write_end(&mut self.output, id, ProtocolStatus::CantMultiplex);
        } else if u16::from_be_bytes([role1, role0]) != RESPONDER {
            // An authorizer whose question is answered by a page would let
            // everybody in: 200 means yes there.
            record::write_end(&mut self.output, id, ProtocolStatus::UnknownRole);
            self.ends |= !keep;
        } else {
            self.request = Some(Current {
                id,
                keep,
                params: Vec::new(),
                vars: None,
                body: Vec::new(),
                limit: None,
            });
        }
        Ok(())
    }

    fn go_on(
        &mut self,
        kind: u8,
        content: &[u8],
        limit: &mut dyn FnMut(&MetaVariables) -> u64,
    ) -> Result<Option<Arrived>, Broken> {
        let Some(current) = &mut self.request else {
            return Ok(None);
        };
        match (kind, &current.vars) {
            (record::ABORT_REQUEST, _) => self.end(),
            (record::PARAMS, None) if content.is_empty() => {
                let params = std::mem::take(&mut current.params);
                let pairs = record::pairs(&params).ok_or(Broken)?;
                let pairs = pairs.into_iter();
                let vars = pairs.map(|(n, v)| (OsStr::from_bytes(n), OsStr::from_bytes(v)));
                current.vars = Some(vars.collect());
            }
            (record::PARAMS, None) => {
                if current.params.len() + content.len() > MAX_PARAMS {
                    record::write_end(&mut self.output, current.id, ProtocolStatus::Overloaded);
                    return Err(Broken);
                }
                current.params.extend_from_slice(content);
            }
            (record::STDIN, Some(_)) if content.is_empty() => {
                return Ok(current.vars.take().map(|vars| Arrived {
                    vars,
                    body: std::mem::take(&mut current.body),
                }));
            }
            (record::STDIN, Some(vars)) => {
                let limit = *current.limit.get_or_insert_with(|| limit(vars));
                let room = limit
                    .saturating_add(1)
                    .saturating_sub(current.body.len() as u64);
                let room = usize::try_from(room).unwrap_or(usize::MAX);
                let wanted = &content[..content.len().min(room)];
                current.body.extend_from_slice(wanted);
            }
            _ => return Err(Broken),
        }
        Ok(None)
    }

    /// Answers the request that has arrived. A file's bytes follow piece by
    /// piece: see [`Connection::read_piece`].
    pub(super) fn answer(&mut self, answer: Answer) {
        let Some(current) = &self.request else {
            return;
        };
        let id = current.id;
        record::write(&mut self.output, record::STDOUT, id, &answer.head);
        match answer.body {
            Body::File(range) if !range.is_empty() => {
                self.file = Some(range);
                return;
            }
            Body::Bytes(bytes) if !bytes.is_empty() => {
                record::write(&mut self.output, record::STDOUT, id, &bytes);
            }
            Body::File(_) | Body::Bytes(_) => {}
        }
        self.end_answer(id);
    }

    /// Appends the next piece of an answer's file to [`Connection::output`], if
    /// all of that has been sent.
    ///
    /// # Errors
    ///
    /// What the system says about the file, or that it became shorter. Then the
    /// answer cannot be completed, and the connection has to be closed.
    pub(super) fn read_piece(&mut self) -> io::Result<()> {
        let (Some(range), Some(current)) = (&mut self.file, &self.request) else {
            return Ok(());
        };
        if !self.output.is_empty() {
            return Ok(());
        }
        let id = current.id;
        let most = usize::try_from(range.len()).map_or(PIECE, |left| left.min(PIECE));
        self.output.resize(HEADER + most, 0);
        let read = match range.read(&mut self.output[HEADER..]) {
            Ok(read) => read,
            Err(err) => {
                self.output.clear();
                return Err(err);
            }
        };
        self.output.truncate(HEADER + read);
        self.output[..HEADER].copy_from_slice(&Header::bytes(record::STDOUT, id, read));
        if range.is_empty() {
            self.file = None;
            self.end_answer(id);
        }
        Ok(())
    }

    fn end_answer(&mut self, id: u16) {
        record::write(&mut self.output, record::STDOUT, id, b"");
        self.end();
    }

    fn end(&mut self) {
        if let Some(current) = self.request.take() {
            record::write_end(
                &mut self.output,
                current.id,
                ProtocolStatus::RequestComplete,
            );
            self.served += 1;
            self.ends |= !current.keep || self.is_surplus;
        }
    }

    /// What a web server may want to know of us (section 4.1).
    fn tell_values(&mut self, content: &[u8]) -> Result<(), Broken> {
        let asked = record::pairs(content).ok_or(Broken)?;
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

    /// Closes the connection behind its next answer, although the web server
    /// asked to keep it. That loses nothing: a request that follows an answer is
    /// sent when the answer was read, and with it the end.
    pub(super) fn close_after_answer(&mut self) {
        self.is_surplus = true;
    }

    /// How many requests were served.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    /// What is to be sent to the peer.
    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    /// The first `count` bytes of [`Connection::output`] have been sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.output.drain(..count);
    }

    /// Bytes of the peer that are kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let request = self.request.as_ref();
        let of_request = request.map_or(0, |current| current.params.len() + current.body.len());
        self.input.len() + of_request
    }

    /// Whether nothing more is to be read or sent.
    pub(super) fn is_over(&self) -> bool {
        self.ends && self.output.is_empty()
    }

    pub(super) fn phase(&self) -> Phase {
        if !self.output.is_empty() || self.file.is_some() {
            Phase::Answered
        } else if self.served > 0 && self.request.is_none() && self.input.is_empty() {
            Phase::Idle
        } else {
            Phase::Arriving
        }
    }

    /// Bytes of a body that have arrived and are kept, of a request that has not
    /// arrived as a whole.
    pub(super) fn body(&self) -> usize {
        let request = self.request.as_ref();
        let sends_body = request.filter(|current| current.vars.is_some());
        sends_body.map_or(0, |current| current.body.len() + self.input.len())
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

    fn receive(connection: &mut Connection, bytes: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
        let arrived = connection.receive(bytes, &mut |_| 4)?;
        Ok(arrived.map(|arrived| {
            assert_eq!(arrived.vars.get("REQUEST_METHOD"), Some(&b"POST"[..]));
            arrived.body
        }))
    }

    #[test]
    fn a_request_arrives_however_it_is_cut() {
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
            assert!(!connection.is_over());
            connection.sent(sent);
            assert!(connection.is_over());
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
        assert!(connection.phase() == Phase::Idle && !connection.is_over());
    }

    /// Sends all that a connection has to send, and returns it.
    fn send(connection: &mut Connection) -> io::Result<Vec<u8>> {
        let mut sent = Vec::new();
        while connection.phase() == Phase::Answered {
            assert!(connection.output().len() <= PIECE + 3 * HEADER + 8);
            sent.extend_from_slice(connection.output());
            connection.sent(connection.output().len());
            connection.read_piece()?;
        }
        Ok(sent)
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
            assert!(connection.is_over());
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

    /// What is not for us is answered by the specification's records.
    #[test]
    fn what_is_not_for_us_is_said_so() {
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
    fn what_is_no_fastcgi_ends_the_connection() {
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
            assert_eq!(receive(&mut connection, &sent), Err(Broken), "{name}");
        }
    }
}
