//! Streams of records with mistakes in them, by the hundred thousand: whatever
//! arrives, however it is cut, is answered, refused or waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::Answer;
use super::connection::{Broken, Connection, MAX_PARAMS};
use super::record::{self, HEADER, MAX_CONTENT};

/// Another number is another hundred thousand streams.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

const STREAMS: usize = 100_000;

/// Bytes of body that a request may have.
const LIMIT: u64 = 64;

/// Most bytes that a connection may keep: less than one record, and a request.
const MOST: usize = HEADER + MAX_CONTENT + 255 + MAX_PARAMS + 65;

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.byte()).collect()
    }
}

/// A record, sometimes padded.
fn any_record(random: &mut Random, kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::write(&mut bytes, kind, id, content);
    if random.one_in(4) && content.len() <= MAX_CONTENT {
        let padding = random.byte();
        bytes[6] = padding;
        bytes.resize(bytes.len() + usize::from(padding), 0xaa);
    }
    bytes
}

/// A request as a web server sends it, in records of any size.
fn any_request(random: &mut Random) -> Vec<Vec<u8>> {
    let id = [1, 1, 1, 2, 256][random.below(5)];
    let role = [1, 1, 1, 1, 1, 1, 2, 3][random.below(8)];
    let keep = u8::from(!random.one_in(4));
    let begin = [0, role, keep, 0, 0, 0, 0, 0];
    let mut records = vec![any_record(random, record::BEGIN_REQUEST, id, &begin)];
    let mut params = b"\x0e\x04REQUEST_METHODPOST\x01\x80\x00\x00\x03nabc".to_vec();
    if random.one_in(2000) {
        params.resize(MAX_PARAMS / 2 * (1 + random.below(4)), 0);
    }
    let body = random.bytes(100);
    for (kind, content) in [(record::PARAMS, params), (record::STDIN, body)] {
        let size = 1 + random.below(content.len().max(1));
        for part in content.chunks(size) {
            records.push(any_record(random, kind, id, part));
        }
        records.push(any_record(random, kind, id, b""));
    }
    records
}

/// Requests and other records, with records and bytes lost, doubled, changed.
fn any_stream(random: &mut Random) -> Vec<u8> {
    let mut records = Vec::new();
    for _ in 0..=random.below(3) {
        records.extend(any_request(random));
    }
    for _ in 0..random.below(3) {
        let at = random.below(records.len() + 1);
        let (kind, id) = (random.below(14), random.below(3));
        let content = match random.below(3) {
            0 => b"\x0f\x00FCGI_MPXS_CONNS".to_vec(),
            1 => Vec::new(),
            _ => random.bytes(20),
        };
        let (kind, id) = (u8::try_from(kind).unwrap(), u16::try_from(id).unwrap());
        records.insert(at, any_record(random, kind, id, &content));
    }
    if random.one_in(3) {
        let at = random.below(records.len());
        records.remove(at);
    }
    if !records.is_empty() && random.one_in(3) {
        let (from, to) = (random.below(records.len()), random.below(records.len()));
        records.insert(to, records[from].clone());
    }
    let mut bytes = records.concat();
    for _ in 0..random.below(4) {
        if !bytes.is_empty() {
            let at = random.below(bytes.len());
            bytes[at] = random.byte();
        }
    }
    if random.one_in(4) {
        let length = random.below(bytes.len() + 1);
        bytes.truncate(length);
    }
    bytes
}

/// What a connection that is sent these bytes answers, and whether it broke.
fn play<'b>(chunks: impl IntoIterator<Item = &'b [u8]>) -> (Vec<u8>, bool) {
    let mut connection = Connection::default();
    let mut sent = Vec::new();
    for chunk in chunks {
        let mut bytes = chunk;
        loop {
            let outcome = connection.receive(bytes, &mut |_| LIMIT);
            assert!(connection.held() <= MOST + chunk.len());
            bytes = &[];
            let (goes_on, broken) = match outcome {
                Ok(Some(request)) => {
                    assert!(request.body.len() as u64 <= LIMIT + 1);
                    connection.answer(Answer {
                        head: b"\n".to_vec(),
                        body: request.body.into(),
                    });
                    (true, false)
                }
                Ok(None) => (false, false),
                Err(Broken) => (false, true),
            };
            let output = connection.output().len();
            sent.extend_from_slice(connection.output());
            connection.sent(output);
            if broken || connection.is_over() {
                return (sent, broken);
            }
            if !goes_on {
                break;
            }
        }
    }
    assert!(connection.held() <= MOST, "{} bytes", connection.held());
    (sent, false)
}

/// Reads answers by section 8 of the specification, and counts the requests
/// that were complete.
fn read(mut answers: &[u8]) -> usize {
    let mut complete = 0;
    let mut written = None;
    while let Some((header, rest)) = answers.split_first_chunk::<HEADER>() {
        let &[
            version,
            kind,
            id1,
            id0,
            content1,
            content0,
            padding,
            reserved,
        ] = header;
        let id = u16::from_be_bytes([id1, id0]);
        let length = usize::from(u16::from_be_bytes([content1, content0]));
        let (content, rest) = rest.split_at(length);
        assert_eq!((version, padding, reserved), (1, 0, 0));
        match kind {
            record::STDOUT if content.is_empty() => assert_eq!(written.take(), Some(id)),
            record::STDOUT => written = Some(id),
            record::END_REQUEST => {
                let &[0, 0, 0, 0, status @ 0..=3, 0, 0, 0] = content else {
                    panic!("{}", content.escape_ascii());
                };
                assert!(id != 0 && written.is_none());
                complete += usize::from(status == 0);
            }
            record::UNKNOWN_TYPE => assert!(id == 0 && matches!(content, [_, 0, 0, 0, 0, 0, 0, 0])),
            record::GET_VALUES_RESULT => assert_eq!((id, content.len() < 64), (0, true)),
            _ => panic!("type {kind}"),
        }
        answers = rest;
    }
    assert!(answers.is_empty() && written.is_none());
    complete
}

/// Plays a stream as a whole and cut in each of these ways, and counts its
/// complete requests. If that fails, it says for which stream.
#[track_caller]
fn assert_holds(number: usize, stream: &[u8], sizes: &[usize]) -> usize {
    let checked = catch_unwind(AssertUnwindSafe(|| {
        let whole = play([stream]);
        for size in sizes {
            assert_eq!(play(stream.chunks(*size)), whole, "chunks of {size}");
        }
        read(&whole.0)
    }));
    checked.unwrap_or_else(|_| panic!("seed {SEED:#x}, stream {number}"))
}

#[test]
fn whatever_arrives_is_answered_refused_or_waited_for() {
    let mut random = Random(SEED);
    let mut complete = 0;
    for number in 0..STREAMS {
        let stream = any_stream(&mut random);
        let size = 1 + random.below(stream.len().max(1));
        complete += assert_holds(number, &stream, &[size]);
    }
    // Not so broken that nothing of them is a request any more.
    assert!(complete > STREAMS / 2, "{complete} complete requests");
}

#[test]
fn where_reads_end_changes_nothing() {
    let mut random = Random(!SEED);
    for number in 0..500 {
        let stream = any_stream(&mut random);
        if stream.len() > MAX_PARAMS {
            continue;
        }
        assert_holds(number, &stream, &[1, 2, 3, 8]);
        let whole = play([&stream[..]]);
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(
                play([first, second]),
                whole,
                "stream {number}, cut at {cut}"
            );
        }
    }
}
