//! Each side reads what the other wrote, as the same values.

use serde_json::json;
use signet::Value;
use signet::session::tagged_json;

use super::{
    BY_CHANCE, DIGESTS, LIFETIME, NOW, Peer, Setup, decode, open, oracle, tagged, visit, write,
};
use crate::support::now;

#[test]
#[ignore = "needs Flask: run tests/run"]
fn signet_reads_what_flask_sets() {
    let mut peer = Peer::start();
    let names = peer.invent();
    let mut compressed = 0;
    for setup in DIGESTS.map(Setup::new) {
        for (number, name) in names.iter().enumerate() {
            let value = peer.set(number, setup, None);
            compressed += usize::from(value.starts_with('.'));
            let text = decode(&value, setup).unwrap_or_else(|| panic!("{name}: refused {value}"));
            assert_eq!(peer.same(number, &text), None, "{name}, {setup:?}: {text}");
        }
    }
    assert!(
        compressed > BY_CHANCE / 10,
        "only {compressed} were compressed"
    );
}

/// The values are the same, and so is the JSON, byte for byte, but for the date
/// of the session's beginning.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn flask_reads_what_signet_sets() {
    let mut peer = Peer::start();
    let names = peer.invent();
    for setup in DIGESTS.map(Setup::new) {
        for (number, name) in names.iter().enumerate() {
            let text = peer.tagged(number, setup);
            let value = write(&text, setup, now());
            let payload = peer.text("payload", serde_json::json!({ "cookie": value }));
            let (json, _, _) = oracle(setup).read_session(&value).expect("signed");
            // With the date, no dict has only one key, which might look like a tag.
            if !text.starts_with("{\" di\":") {
                assert_eq!(json, text, "{name}");
            }
            let growth = payload.len() - text.len();
            assert_eq!(
                peer.read(number, &value, setup, None),
                None,
                "{name}, {setup:?}"
            );
            // What fits into a cookie at one side has to at the other: short
            // texts are base64 and no more, others compressed as well as Flask
            // does it, or nearly (another deflate).
            let flasks = peer.set(number, setup, None).len();
            let (signed, signature) = value.rsplit_once('.').expect("a signature");
            let (_, date) = signed.rsplit_once('.').expect("a date");
            let most = match payload.len() {
                short @ ..128 => (4 * short).div_ceil(3) + date.len() + signature.len() + 2,
                _ => flasks + flasks / 20 + 24 + 2 * growth,
            };
            assert!(value.len() <= most, "{name}: {flasks}, {value}");
        }
    }
}

/// A session that one side reads and writes back unchanged is still the same
/// for the other, which is how a shared site uses it.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn nothing_is_lost_on_the_way_there_and_back() {
    let mut peer = Peer::start();
    let setup = Setup::new(DIGESTS[0]);
    for (number, name) in peer.invent().iter().enumerate() {
        let value = peer.set(number, setup, Some(NOW));
        let back = write(&tagged(&open(&value, setup, NOW)), setup, NOW);
        assert_eq!(peer.read(number, &back, setup, Some(NOW)), None, "{name}");
    }
}

/// An app's own tags are there after a login by signet, byte for byte: dates
/// with microseconds, bytes in another alphabet, ordered dicts.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn tags_of_an_apps_own_are_kept() {
    let mut peer = Peer::start();
    let setup = Setup::new(DIGESTS[0]);
    let line = |cookie: &str| json!({ "cookie": cookie, "setup": setup.json() });
    let cookie = peer.text("set_own", line(""));
    let before = peer.text("payload", line(&cookie));
    let header = format!("session={cookie}");
    let response = visit(setup, now(), Some(&header), |session| {
        session.insert("username", "ada");
    });
    let ours = response.cookie("session").expect("it was changed").value;
    let read = peer.ask("read_own", line(&ours));
    assert_eq!(
        read,
        json!({ "difference": null, "user": "ada" }),
        "{before}"
    );
    // Nothing of what it understands is spelled in another way either.
    let after = peer.text("payload", line(&ours));
    for part in [
        r#"{" d":"2026-11-28T01:02:03.456789"}"#,
        r#"{" t":[{" d":"1999-01-01T00:00:00.000001"},{" b":"__79"}]}"#,
        r#"{" od":{"z":1,"a":{" od":{"y":{" t":[2,{" b":"Pz4"}]},"b":{" d":"2000-01-02T00:00:00"}}}}}"#,
        r#"{" di":{" od__":5}}"#,
    ] {
        assert!(before.contains(part), "{part} in {before}");
        assert!(after.contains(part), "{part} in {after}");
    }
}

/// Pages see of a tag what Flask's would, whatever it holds.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn content_of_tags_is_read_as_flask_reads_it() {
    let mut peer = Peer::start();
    let hex = "ab".repeat(16);
    let contents: [(&str, &[&str]); 3] = [
        (
            " d",
            &[
                "Tue, 14 Nov 2023 22:13:20 GMT",
                "Tue, 14 Nov 2023 23:13:20 +0100",
                "14 Nov 2023 22:13 EST",
                "Tuesday, 14-Nov-23 22:13:20 GMT",
                "Tue Nov 14 22:13:20 2023",
                "2026-11-28T01:02:03.456789",
                "soon",
                "",
                "Tue, 14 Nov 2023 22:13:20 +2400",
                "Nov 14, 2023 22:13:20",
                "14 Nov 0099 22:13:20 Z",
            ],
        ),
        (
            " b",
            &[
                "AP8QcmF3",
                "..bad base64",
                "QQ",
                "QR==",
                "Q Q = =",
                "QQ==QQ==",
                "QUI=QUJD",
                "=QUI=",
                "Q=Q=",
                "QQ=Q",
                "====",
                "a===",
                "QU-I",
                "\u{e9}QQ==",
            ],
        ),
        (
            " u",
            &[
                &hex,
                &hex.to_uppercase(),
                "not hex",
                "",
                "urn:uuid:abababab-abab-abab-abab-abababababab",
                "{abababab-abab-abab-abab-abababababab}",
                "abababab",
            ],
        ),
    ];
    for (tag, text) in contents
        .into_iter()
        .flat_map(|(tag, all)| all.iter().map(move |text| (tag, *text)))
    {
        let object = json!({ tag: text }).to_string();
        let flasks = peer.ask("untag", json!({ "text": object }));
        let read = tagged_json::loads(&format!("{{\"v\":{object}}}")).expect("a dict");
        let ours = match &read["v"] {
            Value::Verbatim(verbatim) => verbatim.value(),
            value => Some(value),
        };
        let ours = match ours {
            None => json!({ "type": "error", "value": flasks["value"] }),
            Some(Value::Null) => json!({ "type": "NoneType", "value": null }),
            Some(Value::DateTime(date)) => {
                json!({ "type": "datetime", "value": date.to_unix() as f64 })
            }
            Some(Value::Bytes(bytes)) => json!({ "type": "bytes", "value": bytes }),
            Some(Value::Uuid(_)) => {
                json!({ "type": "UUID", "value": read["v"].to::<String>().expect("text") })
            }
            Some(other) => panic!("{object}: {other:?}"),
        };
        assert_eq!(ours, flasks, "{object}");
        assert_eq!(tagged_json::dumps(&read), format!("{{\"v\":{object}}}"));
    }
}

const OLD: &str = "an old key, retired in spring 2023";
const OLDER: &str = "an older key: \u{17c}\u{f3}\u{142}\u{107} \u{2603}, retired in 2021";
const NEW: &str = "the key of today, 47 letters, not really secret";

/// `SECRET_KEY_FALLBACKS`: every key verifies, only the newest signs.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn retired_keys_are_read_and_not_written() {
    #[rustfmt::skip]
    let cases: [(&str, &str, &[&str], bool); 7] = [
        // name                    written by  fallbacks      readable
        ("the key itself",         NEW,        &[],           true),
        ("retired, unknown",       OLD,        &[],           false),
        ("retired, known",         OLD,        &[OLD],        true),
        ("the first of two",       OLDER,      &[OLDER, OLD], true),
        ("the second of two",      OLD,        &[OLDER, OLD], true),
        ("the key itself, of three", NEW,      &[OLDER, OLD], true),
        ("another than retired",   OLDER,      &[OLD],        false),
    ];
    let mut peer = Peer::start();
    peer.invent();
    for digest in DIGESTS {
        for (name, writer, fallbacks, readable) in cases {
            let writer = Setup {
                key: writer,
                fallbacks: &[],
                digest,
            };
            let ring = Setup {
                key: NEW,
                fallbacks,
                digest,
            };

            let flasks = peer.set(0, writer, None);
            let text = decode(&flasks, ring);
            assert_eq!(text.is_some(), readable, "{name}, from Flask, {digest:?}");
            if let Some(text) = text {
                assert_eq!(peer.same(0, &text), None, "{name}, from Flask");
            }

            let text = peer.tagged(0, writer);
            let ours = write(&text, writer, now());
            let difference = peer.read(0, &ours, ring, None);
            assert_eq!(
                difference.is_none(),
                readable,
                "{name}, from signet: {difference:?}"
            );

            // What a ring signs needs its newest key and no other.
            let ours = write(&text, ring, now());
            let flasks = peer.set(0, ring, None);
            for (key, want) in [(NEW, true), (OLD, false), (OLDER, false)] {
                let one = Setup {
                    key,
                    fallbacks: &[],
                    digest,
                };
                assert_eq!(
                    peer.read(0, &ours, one, None).is_none(),
                    want,
                    "{name}: {key}"
                );
                assert_eq!(decode(&flasks, one).is_some(), want, "{name}: {key}");
            }
        }
    }
}

/// Both sides let a session go at the same second.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn sessions_expire_at_the_same_second() {
    let cases = [
        ("fresh", 0, true),
        ("a second to go", LIFETIME - 1, true),
        ("the last second", LIFETIME, true),
        ("a second over", LIFETIME + 1, false),
        ("long over", LIFETIME * 20, false),
    ];
    let mut peer = Peer::start();
    peer.invent();
    for setup in DIGESTS.map(Setup::new) {
        let flasks = peer.set(0, setup, Some(NOW));
        let text = peer.tagged(0, setup);
        let ours = write(&text, setup, NOW);
        for (name, age, want) in cases {
            let session = open(&flasks, setup, NOW + age);
            assert_eq!(
                tagged(&session) == text,
                want,
                "{name}, from Flask: {session:?}"
            );
            assert_eq!(session.is_new(), !want, "{name}, from Flask");
            let difference = peer.read(0, &ours, setup, Some(NOW + age));
            assert_eq!(
                difference.is_none(),
                want,
                "{name}, from signet: {difference:?}"
            );
        }
    }
}
