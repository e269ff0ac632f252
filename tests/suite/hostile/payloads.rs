//! Tokens rightly signed that hold nonsense: only a key holder can have made
//! them, by mistake.
//!
//! What is malformed is an empty session. What is merely strange (Python
//! writes NaN and integers of any length) locks nobody out.

use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

use super::cookies::user;
use super::tokens::{ALICE, assert_user, show};
use crate::support::invariants::{ADDRESS_SPACE, COOKIE, MARKER, checked};
use crate::support::token::{Signer, encode, timestamp_bytes};
use crate::support::{Cgi, now};

/// Verifying comes first: nothing signed by nobody is inflated.
#[test]
fn compressed_payloads() {
    let (signer, stamp) = (Signer::default(), timestamp_bytes(now()));
    let sign = |zlib: &[u8]| signer.sign(&format!(".{}", encode(zlib)), &stamp);
    let alice = compress_to_vec_zlib(ALICE.as_bytes(), 6);
    let filled = |length: usize| {
        let (head, tail) = (r#"{"username":"alice","x":""#, r#""}"#);
        format!(
            "{head}{}{tail}",
            "a".repeat(length - head.len() - tail.len())
        )
    };
    let zlib = |text: String| compress_to_vec_zlib(text.as_bytes(), 6);
    // Larger, inflated, than all the memory that the program gets.
    let bomb = zlib(filled(ADDRESS_SPACE + (8 << 20)));
    assert!(
        bomb.len() < 96 << 10,
        "a bomb that fits a header: {}",
        bomb.len()
    );
    let gzip = [
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        &compress_to_vec(ALICE.as_bytes(), 6)[..],
        &[0; 8],
    ];
    let forged = format!(".{}.{}.{}", encode(&bomb), encode(&stamp), encode([7; 32]));
    #[rustfmt::skip]
    let cases = [
        ("as it should be",     sign(&alice), Some("alice")),
        ("256 KiB",             sign(&zlib(filled(256 << 10))), Some("alice")),
        ("a byte over 256 KiB", sign(&zlib(filled((256 << 10) + 1))), None),
        ("a bomb",              sign(&bomb), None),
        ("a bomb, unsigned",    forged, None),
        ("nothing",             sign(b""), None),
        ("not zlib",            sign(b"not zlib"), None),
        ("plain JSON",          sign(ALICE.as_bytes()), None),
        ("zlib header only",    sign(&alice[..2]), None),
        ("cut short",           sign(&alice[..alice.len() - 5]), None),
        ("no checksum",         sign(&alice[..alice.len() - 4]), None),
        ("wrong checksum",      sign(&[&alice[..alice.len() - 1], b"x"].concat()), None),
        ("gzip",                sign(&gzip.concat()), None),
        ("bare deflate",        sign(&compress_to_vec(ALICE.as_bytes(), 6)), None),
        // FDICT: a dictionary that nobody has.
        ("zlib, dictionary",    sign(&[b"\x78\xbb\0\0\0\0", &alice[2..]].concat()), None),
        ("zlib, no base64",     signer.sign(".!!!", &stamp), None),
        ("zlib marked plain",   signer.sign(&encode(&alice), &stamp), None),
        ("two dots",            signer.sign(&format!("..{}", encode(&alice)), &stamp), None),
        ("compressed twice",    sign(&compress_to_vec_zlib(&alice, 6)), None),
    ];
    for (name, token, want) in cases {
        assert_user(name, Cgi::get("/"), token, want);
    }
}

#[test]
fn malformed_payloads_are_an_empty_session() {
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"username":"alice","x":{open}{close}}}"#)
    };
    #[rustfmt::skip]
    let cases: &[(&str, &[u8])] = &[
        ("nothing",             b""),
        ("a blank",             b" "),
        ("cut short",           b"{\"username\":"),
        ("no end",              b"{\"username\":\"alice\""),
        ("two objects",         b"{\"username\":\"alice\"}{}"),
        ("trailing text",       b"{\"username\":\"alice\"} x"),
        ("trailing comma",      b"{\"username\":\"alice\",}"),
        ("single quotes",       b"{'username':'alice'}"),
        ("bare key",            b"{username:\"alice\"}"),
        ("comment",             b"{\"username\":\"alice\"/**/}"),
        ("a list",              b"[\"alice\"]"),
        ("list of pairs",       b"[[\"username\",\"alice\"]]"),
        ("null",                b"null"),
        ("text",                b"\"alice\""),
        ("a number",            b"1"),
        ("true",                b"true"),
        ("NaN",                 b"NaN"),
        ("tagged as a whole",   b"{\" t\":[\"username\",\"alice\"]}"),
        ("byte order mark",     b"\xef\xbb\xbf{\"username\":\"alice\"}"),
        ("UTF-16",              b"{\0\"\0u\0\"\0:\0[\0]\0}\0"),
        ("no UTF-8",            b"{\"username\":\"alice\",\"x\":\"\xff\"}"),
        ("encoded surrogate",   b"{\"username\":\"alice\",\"x\":\"\xed\xa0\x80\"}"),
        ("raw newline in text", b"{\"username\":\"ali\nce\"}"),
        ("bad escape",          b"{\"username\":\"alice\",\"x\":\"\\x41\"}"),
        ("a word",              b"{\"username\":\"alice\",\"x\":tru}"),
        ("no value",            b"{\"username\":\"alice\",\"x\":}"),
        ("unclosed inside",     b"{\"username\":\"alice\",\"x\":[1}"),
        ("number with zero",    b"{\"username\":\"alice\",\"x\":01}"),
        ("NUL behind",          b"{\"username\":\"alice\"}\0"),
        ("100 000 deep",        &deep(100_000).into_bytes()),
    ];
    for (name, json) in cases {
        let token = Signer::default().compressed(json, now());
        assert_user(name, Cgi::get("/"), token, None);
    }
    assert_user(
        "64 deep",
        Cgi::get("/"),
        Signer::default().compressed(deep(64), now()),
        Some("alice"),
    );
    // Python itself stops somewhere near 1000; here either is right.
    for depth in [125, 126, 127, 128, 129, 200, 1000, 10_000] {
        show(
            "deep",
            Cgi::get("/"),
            Signer::default().compressed(deep(depth), now()),
        );
    }
}

/// A name is text, and not empty. Whatever it is, the page stays one page.
#[test]
fn names_in_the_session() {
    let long = "n".repeat(10_240);
    let hostile = [
        MARKER,
        "<script>alert(1)</script>",
        "{{7*7}}",
        "{% include 'x' %}",
        "&lt;",
        "a\"b'c",
    ];
    #[rustfmt::skip]
    let nobody = [
        "{}", r#"{"username":""}"#, r#"{"username":null}"#, r#"{"username":true}"#,
        r#"{"username":0}"#, r#"{"username":1}"#, r#"{"username":1.5}"#, r#"{"username":NaN}"#,
        r#"{"username":[]}"#, r#"{"username":["alice"]}"#, r#"{"username":{}}"#,
        r#"{"username":{"name":"alice"}}"#, r#"{"username":{" t":["alice"]}}"#,
        r#"{"username":{" b":"YWxpY2U="}}"#, r#"{"username":{" d":"Thu, 01 Jan 1970 00:00:00 GMT"}}"#,
        r#"{"Username":"alice"}"#, r#"{"username ":"alice"}"#, r#"{"x":{"username":"alice"}}"#,
    ];
    for json in nobody {
        assert_user(
            json,
            Cgi::get("/"),
            Signer::default().token(json, now()),
            None,
        );
    }
    for name in hostile
        .into_iter()
        .chain([&*long, "日本", "\u{5d0}\u{5d1}", "a b"])
    {
        let json = serde_json::json!({ "username": name }).to_string();
        let token = Signer::default().compressed(json, now());
        assert_user(name, Cgi::get("/"), token, Some(name));
    }
    // Python: the last of two equal keys wins.
    let twice = r#"{"username":"alice","username":"bob"}"#;
    let seen = user(&show(
        "twice",
        Cgi::get("/"),
        Signer::default().token(twice, now()),
    ));
    assert_ne!(seen.as_deref(), Some("alice"));
}

/// Names that no HTML page can hold as they are: the answer is still a page,
/// whether it takes them for a name or not.
#[test]
fn names_beyond_text() {
    let cases = [
        r#"{"username":"\ud800"}"#,
        r#"{"username":"a\ud83db"}"#,
        r#"{"username":"\u0000"}"#,
        r#"{"username":"a\u0000b"}"#,
        r#"{"username":"\r\nSet-Cookie: x=1"}"#,
        r#"{"username":"\u001b[2J"}"#,
        r#"{"username":"\u202ebob\u200b"}"#,
        r#"{"username":"\uffff\ufffe"}"#,
        r#"{"username":{" m":"zq'\"><b>&"}}"#,
        r#"{"username":{" u":"12345678123456781234567812345678"}}"#,
    ];
    for json in cases {
        show(json, Cgi::get("/"), Signer::default().token(json, now()));
        let request = Cgi::get("/login").var("SIGNET_DEBUG", "true");
        show(json, request, Signer::default().token(json, now()));
    }
}

/// What Python writes and JSON does not know, and tags with the wrong inside:
/// beside a name none of it locks the user out.
#[test]
fn strange_values_beside_a_name() {
    let digits = "9".repeat(5000);
    #[rustfmt::skip]
    let values = [
        "NaN", "Infinity", "-Infinity", "1e400", "-0.0", "1E+2", &digits,
        "123456789012345678901234567890", "0.1000000000000000055511151231257827",
        r#""\ud800""#, r#""\udc00\ud800""#, r#""\u0000""#, "{}", "[]", "[[],{}]", "null",
        r#"{" t":[1,{" t":[]}]}"#, r#"{" b":"AP8="}"#, r#"{" m":"<b>"}"#,
        r#"{" u":"12345678123456781234567812345678"}"#, r#"{" d":"Tue, 14 Nov 2023 22:13:20 GMT"}"#,
        r#"{" di":{" t__":[1]}}"#, r#"{" t":[1],"z":2}"#, r#"{" xx":1}"#, r#"{"":0}"#,
    ];
    for value in values {
        let json = format!(r#"{{"username":"alice","x":{value}}}"#);
        assert_user(
            value,
            Cgi::get("/"),
            Signer::default().compressed(json, now()),
            Some("alice"),
        );
    }
    // Not what Python writes: the session may be kept or be an empty one.
    let wrong = [
        r#"{" t":1}"#,
        r#"{" t":null}"#,
        r#"{" b":5}"#,
        r#"{" b":"!"}"#,
        r#"{" b":"AP8"}"#,
        r#"{" m":[]}"#,
        r#"{" u":"xyz"}"#,
        r#"{" u":7}"#,
        r#"{" d":"yesterday"}"#,
        r#"{" d":0}"#,
        r#"{" di":1}"#,
        r#"{" di":{}}"#,
        r#"{" di":{"a":1}}"#,
        r#"{" di":{"a__":1,"b__":2}}"#,
        r#"{" di":{"é__":1}}"#,
        r#"{" di":{"_":1}}"#,
    ];
    for value in wrong {
        let json = format!(r#"{{"username":"alice","x":{value}}}"#);
        show(value, Cgi::get("/"), Signer::default().token(json, now()));
    }
}

/// Flask's own keys, set by somebody who does not know them.
#[test]
fn internal_keys_with_odd_values() {
    for key in [
        "_permanent",
        "_flashes",
        "_csrf",
        "csrf_token",
        "_id",
        "_fresh",
    ] {
        for value in [
            "null",
            "0",
            "\"x\"",
            "[]",
            "[1]",
            "[[]]",
            "[{\" t\":[1]}]",
            "{}",
            "NaN",
        ] {
            let json = format!(r#"{{"{key}":{value},"username":"alice"}}"#);
            let token = Signer::default().token(&json, now());
            let request = Cgi::get("/").cookie(format!("session={token}"));
            // A message that could be shown may be taken out of the session.
            let response = checked(&json, request, COOKIE);
            assert_eq!(
                user(&response).as_deref(),
                Some("alice"),
                "{json}: {}",
                response.words()
            );
        }
    }
}
