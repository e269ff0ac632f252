//! Streams of records with mistakes in them: whatever is received, however it is cut,
//! the connection answers it, refuses it or waits for more.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

use super::super::Answer;
use super::connection::{Connection, MAX_PARAMS};
use super::record::{self, HEADER, MAX_CONTENT, Record};

/// Bytes of body that a request may have.
const LIMIT: u64 = 64;

/// The most bytes that a connection may keep: less than one record, and a request.
const MOST: usize = HEADER + MAX_CONTENT + 255 + MAX_PARAMS + 65;

/// The same streams in each run.
fn runner(streams: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        rng_seed: RngSeed::Fixed(0x9e37_79b9_7f4a_7c15),
        failure_persistence: None,
        ..ProptestConfig::with_cases(streams)
    })
}

/// The records of one stream: `content` in parts of `size` bytes, and the end.
fn stream(kind: u8, id: u16, content: &[u8], size: Index) -> Vec<Vec<u8>> {
    let size = 1 + size.index(content.len().max(1));
    let parts = content.chunks(size).chain([&b""[..]]);
    let record = |part| {
        let mut bytes = Vec::new();
        record::write(&mut bytes, kind, id, part);
        bytes
    };
    parts.map(record).collect()
}

prop_compose! {
    /// A request as a web server sends it, in records of any size.
    fn any_request()(
        id in select(vec![1, 1, 1, 2, 256]),
        role in select(vec![1, 1, 1, 1, 1, 1, 2, 3]),
        keep in select(vec![0, 1, 1, 1]),
        params in prop_oneof![2000 => Just(0), 1 => 1..=4_usize],
        body in vec(any::<u8>(), 0..=100),
        sizes in any::<[Index; 2]>(),
    ) -> Vec<Vec<u8>> {
        let mut begin = Vec::new();
        record::write(&mut begin, record::BEGIN_REQUEST, id, &[0, role, keep, 0, 0, 0, 0, 0]);
        let mut pairs = b"\x0e\x04REQUEST_METHODPOST\x01\x80\x00\x00\x03nabc".to_vec();
        pairs.resize(pairs.len().max(MAX_PARAMS / 2 * params), 0);
        let params = stream(record::PARAMS, id, &pairs, sizes[0]);
        let body = stream(record::STDIN, id, &body, sizes[1]);
        [vec![begin], params, body].concat()
    }
}

prop_compose! {
    /// Some record, mostly of a type that exists.
    fn any_record()(
        kind in 0..14_u8,
        id in 0..3_u16,
        content in prop_oneof![
            Just(b"\x0f\x00FCGI_MPXS_CONNS".to_vec()),
            Just(Vec::new()),
            vec(any::<u8>(), 0..=20),
        ],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        record::write(&mut bytes, kind, id, &content);
        bytes
    }
}

prop_compose! {
    /// Requests and other records, with records and bytes lost, doubled, changed.
    fn any_stream()(
        requests in vec(any_request(), 1..=3),
        others in vec((any::<Index>(), any_record()), 0..3),
        lost in proptest::option::weighted(0.33, any::<Index>()),
        doubled in proptest::option::weighted(0.33, any::<[Index; 2]>()),
        paddings in vec(prop_oneof![3 => Just(0), 1 => any::<u8>()], 1..6),
        changed in vec((any::<Index>(), any::<u8>()), 0..4),
        end in proptest::option::weighted(0.25, any::<Index>()),
    ) -> Vec<u8> {
        let mut records = requests.concat();
        for (at, record) in others {
            records.insert(at.index(records.len() + 1), record);
        }
        if let Some(at) = lost {
            records.remove(at.index(records.len()));
        }
        if let Some([from, to]) = doubled {
            let record = records[from.index(records.len())].clone();
            records.insert(to.index(records.len()), record);
        }
        for (record, padding) in records.iter_mut().zip(paddings.iter().cycle()) {
            // Not where `record::write` made two of it.
            if record.len() <= HEADER + MAX_CONTENT {
                record[6] = *padding;
                record.resize(record.len() + usize::from(*padding), 0xaa);
            }
        }
        let mut bytes = records.concat();
        for (at, byte) in changed {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len() + 1)));
        bytes
    }
}

/// What a connection that receives these bytes answers, and whether it refuses them.
fn play<'b>(chunks: impl IntoIterator<Item = &'b [u8]>) -> (Vec<u8>, bool) {
    let mut connection = Connection::new(true);
    let mut sent = Vec::new();
    for chunk in chunks {
        let mut bytes = chunk;
        loop {
            let outcome = connection.receive(bytes, &mut |_| LIMIT);
            assert!(connection.held() <= MOST + chunk.len());
            bytes = &[];
            let (goes_on, is_refused) = match outcome {
                Ok(Some(request)) => {
                    assert!(request.body.len() as u64 <= LIMIT + 1);
                    connection.answer(Answer {
                        head: b"\n".to_vec(),
                        body: request.body.into(),
                    });
                    (true, false)
                }
                Ok(None) => (false, false),
                Err(_) => (false, true),
            };
            let output = connection.output().len();
            sent.extend_from_slice(connection.output());
            connection.sent(output);
            if is_refused || connection.is_done() {
                return (sent, is_refused);
            }
            if !goes_on {
                break;
            }
        }
    }
    assert!(connection.held() <= MOST, "{} bytes", connection.held());
    (sent, false)
}

/// Reads answers by section 8 of the specification, and counts the requests that were
/// complete.
fn read(mut answers: &[u8]) -> u32 {
    let (mut complete, mut written) = (0, None);
    while let Some((record, rest)) = Record::split_first(answers).unwrap() {
        // No padding, and nothing reserved.
        assert_eq!(answers[6..HEADER], [0, 0]);
        let Record { kind, id, content } = record;
        match kind {
            record::STDOUT if content.is_empty() => assert_eq!(written.take(), Some(id)),
            record::STDOUT => written = Some(id),
            record::END_REQUEST => {
                let &[0, 0, 0, 0, status @ 0..=3, 0, 0, 0] = content else {
                    panic!("{}", content.escape_ascii());
                };
                assert!(id != 0 && written.is_none());
                complete += u32::from(status == 0);
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

#[test]
fn whatever_is_received_is_answered_refused_or_waited_for() {
    const STREAMS: u32 = 30_000;
    let complete = Cell::new(0);
    let streams = (any_stream(), any::<Index>());
    let outcome = runner(STREAMS).run(&streams, |(stream, size)| {
        let whole = play([&stream[..]]);
        let size = 1 + size.index(stream.len().max(1));
        prop_assert_eq!(&play(stream.chunks(size)), &whole, "chunks of {}", size);
        complete.set(complete.get() + read(&whole.0));
        Ok(())
    });
    outcome.unwrap();
    // Not so broken that none of them has a request any more.
    assert!(complete.get() > STREAMS / 2, "{} complete", complete.get());
}

#[test]
fn where_reads_end_changes_nothing() {
    let outcome = runner(500).run(&any_stream(), |stream| {
        if stream.len() > MAX_PARAMS {
            return Ok(());
        }
        let whole = play([&stream[..]]);
        for size in [1, 2, 3, 8] {
            prop_assert_eq!(&play(stream.chunks(size)), &whole, "chunks of {}", size);
        }
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            prop_assert_eq!(&play([first, second]), &whole, "cut at {}", cut);
        }
        Ok(())
    });
    outcome.unwrap();
}
