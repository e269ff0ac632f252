//! Tokens that were altered, or signed by somebody else or at another time:
//! what does not verify is no session.

use super::cookies::user;
use crate::support::cgi::os;
use crate::support::invariants::{NOTHING, checked};
use crate::support::response::Response;
use crate::support::token::{Derivation, Digest, Signer, decode, encode, timestamp_bytes};
use crate::support::{Cgi, now};

pub(super) const ALICE: &str = r#"{"username":"alice"}"#;

/// PERMANENT_SESSION_LIFETIME as it is unless set, 31 days.
const LIFETIME: u64 = 2_678_400;

#[track_caller]
pub(super) fn show(name: &str, request: Cgi, token: impl AsRef<[u8]>) -> Response {
    let header = [b"session=", token.as_ref()].concat();
    let response = checked(name, request.cookie(os(&header)), NOTHING);
    assert_eq!(response.status, 200, "{name}: {}", response.words());
    response
}

#[track_caller]
pub(super) fn assert_user(name: &str, request: Cgi, token: impl AsRef<[u8]>, want: Option<&str>) {
    let response = show(name, request, token);
    assert_eq!(
        user(&response).as_deref(),
        want,
        "{name}: {}",
        response.words()
    );
}

#[track_caller]
fn assert_refused(name: &str, token: impl AsRef<[u8]>) {
    assert_user(name, Cgi::get("/"), token, None);
}

/// Any bit matters, in every part.
#[test]
fn altered_tokens_are_refused() {
    let token = Signer::default().token(ALICE, now());
    assert_user("unaltered", Cgi::get("/"), &token, Some("alice"));
    for position in 0..token.len() {
        for bit in [0, 5] {
            let mut altered = token.clone().into_bytes();
            altered[position] ^= 1 << bit;
            assert_refused(&format!("bit {bit} of byte {position}"), altered);
        }
    }
}

/// Base64 leaves two bits of a SHA-256 signature's last letter unused, and
/// other readers allow padding. One token has one spelling here.
#[test]
fn other_spellings_are_refused() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let signer = Signer::default();
    let mut tokens = (0..).map(|age| signer.token(ALICE, now() - age));
    let token = tokens
        .find(|token| token.contains(['-', '_']))
        .expect("a token with - or _");
    assert_user("as signed", Cgi::get("/"), &token, Some("alice"));
    let last = token.len() - 1;
    let value = ALPHABET
        .iter()
        .position(|&letter| letter == token.as_bytes()[last]);
    let value = value.expect("base64");
    for spare in 1..4 {
        let letter = char::from(ALPHABET[value | spare]);
        assert_refused(
            &format!("spare bits {spare}"),
            format!("{}{letter}", &token[..last]),
        );
    }
    let (payload, rest) = token.split_once('.').expect("three parts");
    let (timestamp, signature) = rest.split_once('.').expect("three parts");
    #[rustfmt::skip]
    let cases = [
        ("padded",               format!("{token}=")),
        ("padded twice",         format!("{token}==")),
        ("padded payload",       format!("{payload}=.{rest}")),
        ("padded timestamp",     format!("{payload}.{timestamp}==.{signature}")),
        ("standard alphabet",    token.replace('-', "+").replace('_', "/")),
        ("blank inside",         format!("{payload} .{rest}")),
        ("blank in signature",   format!("{}  {}", &token[..last - 9], &token[last - 9..])),
        ("newline at the end",   format!("{token}\n")),
        ("newline inside",       format!("{payload}\n.{rest}")),
        ("! at the end",         format!("{token}!")),
        ("percent-encoded dots", token.replace('.', "%2E")),
    ];
    for (name, token) in cases {
        assert_refused(name, token);
    }
}

#[test]
fn shapes_that_are_no_token() {
    let signer = Signer::default();
    let now = now();
    let token = signer.token(ALICE, now);
    let other = signer.token(r#"{"username":"bob"}"#, now - 1);
    let part = |token: &str, index| token.split('.').nth(index).expect("three parts").to_owned();
    let (payload, timestamp, signature) = (part(&token, 0), part(&token, 1), part(&token, 2));
    #[rustfmt::skip]
    let cases = [
        ("a word",               "a".to_owned()),
        ("two parts",            "a.b".into()),
        ("three words",          "a.b.c".into()),
        ("one dot",              ".".into()),
        ("two dots",             "..".into()),
        ("three dots",           "...".into()),
        ("dots and words",       ".a.b.c".into()),
        ("no signature",         format!("{payload}.{timestamp}")),
        ("empty signature",      format!("{payload}.{timestamp}.")),
        ("no timestamp",         format!("{payload}.{signature}")),
        ("empty timestamp",      format!("{payload}..{signature}")),
        ("no payload",           format!(".{timestamp}.{signature}")),
        ("payload alone",        payload.clone()),
        ("signature alone",      signature.clone()),
        ("parts turned",         format!("{signature}.{timestamp}.{payload}")),
        ("middle parts turned",  format!("{timestamp}.{payload}.{signature}")),
        ("another's signature",  format!("{payload}.{timestamp}.{}", part(&other, 2))),
        ("another's timestamp",  format!("{payload}.{}.{signature}", part(&other, 1))),
        ("another's payload",    format!("{}.{timestamp}.{signature}", part(&other, 0))),
        ("a dot in front",       format!(".{token}")),
        ("a dot behind",         format!("{token}.")),
        ("a part in front",      format!("a.{token}")),
        ("a part behind",        format!("{token}.a")),
        ("31 bytes signature",   format!("{payload}.{timestamp}.{}", cut(&signature, 31))),
        ("16 bytes signature",   format!("{payload}.{timestamp}.{}", cut(&signature, 16))),
        ("1 byte signature",     format!("{payload}.{timestamp}.{}", cut(&signature, 1))),
        ("signature doubled",    format!("{token}{signature}")),
        ("JSON, unsigned",       r#"{"username":"alice"}"#.into()),
        ("hexadecimal",          hex(&decode(&signature).expect("base64"), &payload, &timestamp)),
    ];
    for (name, token) in cases {
        assert_refused(name, token);
    }
}

fn cut(signature: &str, bytes: usize) -> String {
    encode(&decode(signature).expect("base64")[..bytes])
}

fn hex(signature: &[u8], payload: &str, timestamp: &str) -> String {
    let digits: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{payload}.{timestamp}.{digits}")
}

/// Signed, but not as this site signs its sessions.
#[test]
fn other_signers_are_refused() {
    let own = Signer::default;
    let salt = |salt: &str| Signer {
        salt: salt.into(),
        ..own()
    };
    let derivation = |derivation| Signer {
        derivation,
        ..own()
    };
    #[rustfmt::skip]
    let cases = [
        ("SHA-1",               own().digest(Digest::Sha1)),
        ("SHA-512",             own().digest(Digest::Sha512)),
        ("no derivation",       derivation(Derivation::None)),
        ("concat",              derivation(Derivation::Concat)),
        ("django-concat",       derivation(Derivation::DjangoConcat)),
        ("itsdangerous' salt",  salt("itsdangerous")),
        ("Flask-Session's",     salt("flask-session")),
        ("Flask-WTF's",         salt("wtf-csrf-token")),
        ("empty salt",          salt("")),
        ("salt with a newline", salt("cookie-session\n")),
        ("another key",         Signer::with_key("another-key-of-good-length-0123")),
        ("empty key",           Signer::with_key("")),
        ("key with a newline",  Signer::with_key([&own().key[..], b"\n"].concat())),
        ("key with a NUL",      Signer::with_key([&own().key[..], b"x\0"].concat())),
        ("key's first half",    Signer::with_key(&own().key[..16])),
        ("key quoted",          Signer::with_key([b"\"", &own().key[..], b"\""].concat())),
    ];
    for (name, signer) in cases {
        assert_refused(name, signer.token(ALICE, now()));
    }
    // Set to SHA-1 for Flask's sake it is the other way round.
    let sha1 = own().digest(Digest::Sha1).token(ALICE, now());
    let request = || Cgi::get("/").var("SIGNET_SESSION_DIGEST", "sha1");
    assert_user("SHA-1 as set", request(), sha1, Some("alice"));
    let sha256 = own().token(ALICE, now());
    assert_user("SHA-256 under sha1", request(), sha256, None);
}

#[test]
fn fallback_keys_verify() {
    const FIRST: &str = "first-fallback-3b1f0c88d2";
    const SECOND: &str = "second-fallback-a91e77c045";
    let cases = [
        ("first", FIRST, Some("alice")),
        ("second", SECOND, Some("alice")),
        ("in no list", "third-fallback-5d20e6b1f9", None),
        ("the list as text", r#"["first-fallback-3b1f0c88d2"]"#, None),
    ];
    for (name, key, want) in cases {
        let list = format!(r#"["{FIRST}","{SECOND}"]"#);
        let request = Cgi::get("/").var("SIGNET_SECRET_KEY_FALLBACKS", list);
        let token = Signer::with_key(key).token(ALICE, now());
        assert_user(name, request, token, want);
    }
}

/// A minute of clock difference is forgiven, more is not; nor is a number
/// that no clock shows.
#[test]
fn timestamps_from_elsewhere() {
    let now = now();
    let bytes = timestamp_bytes;
    #[rustfmt::skip]
    let cases = [
        ("a second ahead",      bytes(now + 1), Some("alice")),
        ("half a minute ahead", bytes(now + 30), Some("alice")),
        ("a minute ahead",      bytes(now + 60), Some("alice")),
        ("two minutes ahead",   bytes(now + 120), None),
        ("an hour ahead",       bytes(now + 3600), None),
        ("nearly expired",      bytes(now - LIFETIME + 60), Some("alice")),
        ("just expired",        bytes(now - LIFETIME - 1), None),
        ("1970",                bytes(0), None),
        ("one zero byte",       vec![0], None),
        ("one second",          bytes(1), None),
        ("2^31",                bytes(1 << 31), None),
        ("2^32",                bytes(1 << 32), None),
        ("2^63",                bytes(1 << 63), None),
        ("2^64-1",              bytes(u64::MAX), None),
        ("nine bytes",          [&[1; 1][..], &now.to_be_bytes()].concat(), None),
        ("a hundred bytes",     vec![0xff; 100], None),
        // The seconds since 2011 that itsdangerous once counted.
        ("another epoch",       bytes(now - 1_293_840_000), None),
    ];
    for (name, timestamp, want) in cases {
        let token = Signer::default().sign(&encode(ALICE), &timestamp);
        assert_user(name, Cgi::get("/"), token, want);
    }
}

/// A token exactly as old as PERMANENT_SESSION_LIFETIME is accepted, as by
/// itsdangerous; a second more and it is not.
#[test]
fn age_is_counted_to_the_second() {
    for (age, want) in [(100, Some("alice")), (101, None)] {
        // Only a run that began and ended in one second proves anything.
        let seen = (0..100).find_map(|_| {
            let started = now();
            let token = Signer::default().token(ALICE, started - age);
            let request = Cgi::get("/").var("SIGNET_PERMANENT_SESSION_LIFETIME", "100");
            let response = show("age", request, token);
            (now() == started).then(|| user(&response))
        });
        let seen = seen.expect("one run within a second");
        assert_eq!(seen.as_deref(), want, "age {age} of 100");
    }
}
