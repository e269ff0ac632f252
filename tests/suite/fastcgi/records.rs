//! Records that no web server sends. Each gets the response that FastCGI 1.0
//! demands, or the connection is closed; the worker goes on.

use super::{
    PING, Params, answered, asks, assert_ends_well, assert_pong, assert_serves, index, memory,
    ping, with,
};
use crate::support::StateDir;
use crate::support::application::{Application, program_at};
use crate::support::fastcgi::{
    ABORT_REQUEST, AUTHORIZER, BEGIN_REQUEST, CANT_MPX_CONN, END_REQUEST, FILTER, GET_VALUES,
    GET_VALUES_RESULT, MOST, MOST_PARAMS, OVERLOADED, PARAMS, REQUEST_COMPLETE, RESPONDER, Record,
    STDIN, STDOUT, UNKNOWN_ROLE, UNKNOWN_TYPE, begin, end_content, padded, pair, record, stream,
};

/// Whether the connection goes on behind a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    Open,
    Closed,
}

use Then::{Closed, Open};

type Row = (&'static str, Vec<u8>, Vec<Record>, Then);

fn ended(id: u16, status: u8) -> Vec<Record> {
    vec![Record {
        kind: END_REQUEST,
        id,
        content: end_content(status),
    }]
}

fn unknown(kind: u8) -> Vec<Record> {
    vec![Record {
        kind: UNKNOWN_TYPE,
        id: 0,
        content: vec![kind, 0, 0, 0, 0, 0, 0, 0],
    }]
}

/// Plays every row on a connection of its own, all to one worker.
#[track_caller]
fn play(rows: Vec<Row>) {
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    for (name, sent, answers, then) in rows {
        let mut client = worker.connect();
        let sent = client.try_send(&[sent, ping()].concat());
        assert!(sent.is_ok() || then == Closed, "{name}: {sent:?}");
        for answer in answers {
            assert_eq!(client.next(), Some(answer), "{name}");
        }
        match then {
            Open => assert_pong(name, &mut client),
            Closed => client.assert_closed(name),
        }
        assert_serves(name, &worker);
    }
    assert_ends_well(&worker);
}

fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

/// BEGIN_REQUEST of request 1, on a connection to be kept.
fn begun() -> Vec<u8> {
    begin(1, RESPONDER, true)
}

/// FastCGI 1.0, 3.3, 4.2 and 5.1.
#[test]
fn strange_records() {
    let version = |version: u8| [&[version][..], &begun()[1..]].concat();
    let role = |role, keep| begin(1, role, keep);
    let rest = join(&[stream(PARAMS, 1, &pair(b"A", b"b")), stream(STDIN, 1, b"x")]);
    #[rustfmt::skip]
    play(vec![
        ("version 0",                version(0), vec![], Closed),
        ("version 2",                version(2), vec![], Closed),
        ("HTTP",                     b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".to_vec(), vec![], Closed),
        ("zeros",                    vec![0; 64], vec![], Closed),
        ("type 0",                   record(0, 0, b""), unknown(0), Open),
        ("type 12",                  record(12, 0, b"twelve"), unknown(12), Open),
        ("type 255",                 record(255, 0, b""), unknown(255), Open),
        ("an answer of our own",     record(GET_VALUES_RESULT, 0, b""), unknown(GET_VALUES_RESULT), Open),
        ("BEGIN without an id",      begin(0, RESPONDER, true), unknown(BEGIN_REQUEST), Open),
        ("PARAMS without an id",     record(PARAMS, 0, b"\x01\x01ab"), unknown(PARAMS), Open),
        ("type 12 of no request",    record(12, 7, b""), vec![], Open),
        ("type 12 of a request",     join(&[begun(), record(12, 1, b"")]), vec![], Closed),
        ("STDOUT of a request",      join(&[begun(), record(STDOUT, 1, b"")]), vec![], Closed),
        ("END of a request",         join(&[begun(), record(END_REQUEST, 1, &end_content(0))]), vec![], Closed),
        ("GET_VALUES of a request",  join(&[begun(), record(GET_VALUES, 1, b"")]), vec![], Closed),
        ("BEGIN without content",    record(BEGIN_REQUEST, 1, b""), vec![], Closed),
        ("BEGIN of two bytes",       record(BEGIN_REQUEST, 1, b"\x00\x01"), vec![], Closed),
        ("authorizer",               role(AUTHORIZER, true), vec![], Open),
        ("type 12 of an authorizer", join(&[role(AUTHORIZER, true), record(12, 1, b"")]), vec![], Closed),
        ("STDIN of an authorizer",   join(&[role(AUTHORIZER, true), record(STDIN, 1, b"")]), vec![], Closed),
        ("its PARAMS overrun",       join(&[role(AUTHORIZER, true), stream(PARAMS, 1, b"\x01")]), vec![], Closed),
        ("filter",                   role(FILTER, true), ended(1, UNKNOWN_ROLE), Open),
        ("filter, not kept",         join(&[role(FILTER, false), rest]), ended(1, UNKNOWN_ROLE), Closed),
        ("role 0",                   role(0, true), ended(1, UNKNOWN_ROLE), Open),
        ("role 257",                 role(257, true), ended(1, UNKNOWN_ROLE), Open),
        ("role 65535",               role(65_535, true), ended(1, UNKNOWN_ROLE), Open),
    ]);
}

/// FastCGI 1.0, 3.4; CVE-2025-23016 is two lengths whose sum overflows.
#[test]
fn pairs_that_overrun() {
    let sent = |pairs: &[u8]| join(&[begun(), stream(PARAMS, 1, pairs)]);
    let long = vec![b'x'; MOST];
    let endless: Vec<u8> = (0..64).flat_map(|_| record(PARAMS, 1, &long)).collect();
    #[rustfmt::skip]
    play(vec![
        ("no value's length",      sent(b"\x01"), vec![], Closed),
        ("a length cut short",     sent(b"\x01\x80\x00"), vec![], Closed),
        ("a name past the end",    sent(b"\x7f\x00name"), vec![], Closed),
        ("a value past the end",   sent(b"\x01\x7fnvalue"), vec![], Closed),
        ("2^31-1 and 0",           sent(b"\xff\xff\xff\xff\x00n"), vec![], Closed),
        ("0 and 2^31-1",           sent(b"\x00\xff\xff\xff\xffv"), vec![], Closed),
        ("2^31-1 twice",           sent(b"\xff\xff\xff\xff\xff\xff\xff\xffnv"), vec![], Closed),
        ("2^31-1 and 1",           sent(b"\xff\xff\xff\xff\x80\x00\x00\x01nv"), vec![], Closed),
        ("a good one before it",   sent(b"\x01\x01nv\x02\x01n"), vec![], Closed),
        ("256 KiB claimed",         sent(&pair(b"HTTP_X", &vec![b'x'; MOST_PARAMS])[..MOST]), vec![], Closed),
        ("without an end",         join(&[begun(), endless]), ended(1, OVERLOADED), Closed),
        ("behind their end",       join(&[sent(b""), record(PARAMS, 1, b"\x01\x01nv")]), vec![], Closed),
    ]);
}

/// Parameters of the largest size are accepted, one byte more is refused.
#[test]
fn params_have_a_limit() {
    let of = |total: usize| {
        let mut pairs: Vec<u8> = pairs_of(&index());
        // Of its own it takes 1 + 4 + 6 bytes.
        let value = vec![b'x'; total - pairs.len() - 11];
        pairs.extend(pair(b"HTTP_X", &value));
        assert_eq!(pairs.len(), total);
        join(&[begun(), stream(PARAMS, 1, &pairs), stream(STDIN, 1, b"")])
    };
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    let mut client = worker.connect();
    client.send(&of(MOST_PARAMS));
    assert_eq!(answered(&mut client, 1).status, 200);
    // It closes before all has been sent.
    let _ = client.try_send(&of(MOST_PARAMS + 1));
    assert_eq!(client.next(), ended(1, OVERLOADED).pop());
    client.assert_closed("one byte more");
    assert_ends_well(&worker);
}

fn pairs_of(params: &Params) -> Vec<u8> {
    let pairs = params.iter();
    pairs
        .flat_map(|(name, value)| pair(name.as_bytes(), value.as_bytes()))
        .collect()
}

/// Records that belong to no request, or to a second one (FastCGI 1.0, 3.3, 5.3
/// and 6.1).
#[test]
fn requests_out_of_order() {
    let params = stream(PARAMS, 1, &pairs_of(&asks("POST", "/login")));
    let abort = record(ABORT_REQUEST, 1, b"");
    let part = record(STDIN, 1, b"user");
    let second = begin(2, RESPONDER, true);
    let done = ended(1, REQUEST_COMPLETE);
    #[rustfmt::skip]
    play(vec![
        ("stdin before params",     join(&[begun(), part.clone()]), vec![], Closed),
        ("stdin's end before params", join(&[begun(), record(STDIN, 1, b"")]), vec![], Closed),
        ("stdin between params",    join(&[begun(), record(PARAMS, 1, b"\x01"), part.clone()]), vec![], Closed),
        ("aborted at once",         join(&[begun(), abort.clone()]), done.clone(), Open),
        ("aborted in params",       join(&[begun(), record(PARAMS, 1, b"\x01"), abort.clone()]), done.clone(), Open),
        ("aborted behind params",   join(&[begun(), params.clone(), abort.clone()]), done.clone(), Open),
        ("aborted in stdin",        join(&[begun(), params.clone(), part.clone(), abort.clone()]), done.clone(), Open),
        ("aborted, not kept",       join(&[begin(1, RESPONDER, false), params.clone(), abort.clone()]), done.clone(), Closed),
        ("aborted twice",           join(&[begun(), abort.clone(), abort.clone()]), done, Open),
        ("aborted before it began", abort, vec![], Open),
        ("stdin of no request",     join(&[part.clone(), record(STDIN, 9, b"")]), vec![], Open),
        ("params of no request",    stream(PARAMS, 9, b"\x01\x01nv"), vec![], Open),
        ("the same id again",       join(&[begun(), begun()]), vec![], Closed),
        ("the same id in stdin",    join(&[begun(), params, part, begun()]), vec![], Closed),
        ("a second one beside it",  join(&[begun(), second.clone()]), ended(2, CANT_MPX_CONN), Open),
        ("twice",                   join(&[begun(), second.clone(), second]), [ended(2, CANT_MPX_CONN), ended(2, CANT_MPX_CONN)].concat(), Open),
    ]);
}

/// Only the values that were asked for and exist (FastCGI 1.0, 4.1).
#[test]
fn values() {
    let ask = |pairs: &[u8]| record(GET_VALUES, 0, pairs);
    let tell = |content: Vec<u8>| {
        vec![Record {
            kind: GET_VALUES_RESULT,
            id: 0,
            content,
        }]
    };
    let many: Vec<u8> = std::iter::repeat_with(|| pair(PING, b""))
        .take(MOST / 17)
        .flatten()
        .collect();
    let once = || pair(PING, b"0");
    #[rustfmt::skip]
    play(vec![
        ("nothing",             ask(b""), tell(vec![]), Open),
        ("one",                 ask(&pair(PING, b"")), tell(once()), Open),
        ("with a value",        ask(&pair(PING, b"1")), tell(once()), Open),
        ("unknown",             ask(&pair(b"FCGI_NO_SUCH", b"")), tell(vec![]), Open),
        ("another case",        ask(&pair(b"fcgi_mpxs_conns", b"")), tell(vec![]), Open),
        ("3855 times the same", ask(&many), tell(once()), Open),
        ("in a request",        join(&[begun(), ask(&pair(PING, b""))]), tell(once()), Open),
        ("a pair that overruns", ask(b"\x7f\x00n"), vec![], Closed),
    ]);
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    let mut client = worker.connect();
    let names = [&b"FCGI_MAX_CONNS"[..], b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS"];
    client.send(&ask(&names.map(|name| pair(name, b"")).concat()));
    let told = client.next().expect("an answer").content;
    let want = [(names[0], "100"), (names[1], "100"), (names[2], "0")];
    let want = want.map(|(name, value)| pair(name, value.as_bytes()));
    assert_eq!(told, want.concat());
}

/// The largest records with the most padding, which use no memory afterwards.
#[test]
fn large_records() {
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    assert_serves("before", &worker);
    let before = memory(worker.pid(), "VmHWM");
    let content = vec![b'~'; MOST];
    let mut client = worker.connect();
    for _ in 0..1000 {
        // Late, so no error; 64 MiB of it.
        client.send(&padded(STDIN, 5, &content, 255));
    }
    client.send(&ping());
    assert_pong("64 MiB", &mut client);
    let grown = memory(worker.pid(), "VmHWM") - before;
    assert!(grown < 1024, "by {grown} KiB");

    let pairs = pairs_of(&with(index(), "HTTP_X", "y".repeat(MOST)));
    let mut sent = padded(BEGIN_REQUEST, 1, b"\0\x01\x01\0\0\0\0\0", 255);
    for part in pairs.chunks(MOST) {
        sent.extend(padded(PARAMS, 1, part, 255));
    }
    sent.extend(padded(PARAMS, 1, b"", 255));
    sent.extend(padded(STDIN, 1, &content, 255));
    sent.extend(padded(STDIN, 1, b"", 255));
    client.send(&sent);
    assert_eq!(answered(&mut client, 1).status, 200);
    assert_ends_well(&worker);
}
