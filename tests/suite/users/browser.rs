//! The cookie of browsers in which users have logged in before.
//!
//! Tokens are signed by `support::token` and by itsdangerous. Marks come from Python:
//!
//! ```text
//! key = hmac.digest(secret_key, b"signet.known-user", "sha256")
//! hmac.digest(key, id + name.encode() + b"\0" + hash.encode(), "sha256")[:16]
//! ```
//!
//! `openssl dgst -sha256 -mac HMAC` agrees.

use std::path::Path;
use std::process::Command;

use cookie::SameSite;
use signet::session::cookie::{CookieScope, CookieSettings};
use signet::session::key::{Key, Keys};
use signet::session::signing::{Digest, Signer};
use signet::users::browser::KnownBrowser;
use signet::users::hash::PasswordHash;

use super::{HASH, OTHER};
use crate::support::set_cookie::SetCookie;
use crate::support::token::{self, encode, timestamp_bytes};
use crate::support::{Cgi, KEY};

const OLD_KEY: &str = "tests-only-old-51b7e08d4f6a4c21";

/// The id of a browser: the bytes 0 to 15.
const ID: &str = "000102030405060708090a0b0c0d0e0f";

/// The marks of users with [`HASH`] in that browser, by [`KEY`].
const MARKS: [(&str, &str); 6] = [
    ("ada", "53bff702500f00837d83ac9d56c88414"),
    ("bob", "bff14f29f822d5f5340894627e662e45"),
    ("cleo", "9dc0fb897fe55ac73a17593d4adbfc3d"),
    ("dora", "84936706596ae7daec5b71e52ba38695"),
    ("emil", "699a4bd41f9a99b88c6d82fb423fde02"),
    ("zoë", "9cd6b66072dbc6d1412049680e7b2be2"),
];

/// The same for the first two, by [`OLD_KEY`].
const OLD_MARKS: [(&str, &str); 2] = [
    ("ada", "2df433828cabebad0e08adc524559b43"),
    ("bob", "28ded9568d94d876f4673f82c0c37a89"),
];

const SIGNED_AT: u64 = 1_700_000_000;
const DAY: u64 = 24 * 60 * 60;

/// How others sign.
fn others(key: &str) -> token::Signer {
    token::Signer {
        salt: b"signet.known-browser".to_vec(),
        ..token::Signer::with_key(key)
    }
}

/// A token of [`ID`] with these marks, in hex.
fn token(key: &str, marks: &[&str]) -> String {
    others(key).token(bytes(&format!("{ID}{}", marks.concat())), SIGNED_AT)
}

fn bytes(hex: &str) -> Vec<u8> {
    base16ct::lower::decode_vec(hex).expect("hex")
}

fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// How the program signs: by the first key, and SHA-1 for sessions shows that the known
/// browser's token has a digest of its own.
fn ours(keys: &[&str]) -> Signer {
    let mut keys = keys.iter().map(|key| Key::new(key.as_bytes().to_vec()));
    let first = keys.next().expect("a key").expect("a strong key");
    let keys = Keys::new(first, keys.map(|key| key.expect("a strong key")).collect());
    Signer::new(Digest::Sha1, keys)
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::parse(text).expect("a hash")
}

fn read(header: &str, keys: &Signer, now: u64) -> KnownBrowser {
    let headers = std::iter::once(header.as_bytes());
    KnownBrowser::parse(headers, &CookieSettings::default(), keys, now)
}

/// The id of a user with [`HASH`], in hex.
fn id(browser: &KnownBrowser, name: &str, keys: &Signer) -> Option<String> {
    browser.id_for(name, &hash(HASH), keys).map(hex)
}

const SCOPE: CookieScope<'static> = CookieScope {
    path: "/app",
    mount: "/app",
    secure: true,
};

/// The token that the browser gets.
fn sent(browser: &KnownBrowser, keys: &Signer, now: u64) -> String {
    let line = browser.set_cookie(&CookieSettings::default(), SCOPE, keys, now);
    SetCookie::parse(&line.expect("a cookie"))
        .expect("a cookie")
        .value
}

/// What the token that the browser gets says, in hex.
fn written(browser: &KnownBrowser, keys: &Signer) -> String {
    let token = sent(browser, keys, SIGNED_AT);
    let (payload, at) = others(KEY).read(&token).expect("signed by the newest key");
    assert_eq!(at, SIGNED_AT);
    hex(&payload)
}

#[test]
fn a_user_is_known_by_name_and_hash() {
    let keys = ours(&[KEY]);
    let token = token(KEY, &[MARKS[0].1, MARKS[5].1]);
    let browser = read(&format!("session_known={token}"), &keys, SIGNED_AT);
    for (name, mark) in [MARKS[0], MARKS[5]] {
        assert_eq!(id(&browser, name, &keys).as_deref(), Some(mark), "{name}");
        // The password was changed.
        assert_eq!(browser.id_for(name, &hash(OTHER), &keys), None, "{name}");
    }
    // The other mark's name, a part of a name, another case, another normal form.
    for name in ["bob", "", "a", "ada\0", "Ada", "zoe\u{308}"] {
        assert_eq!(id(&browser, name, &keys), None, "{name:?}");
    }
    assert_eq!(id(&read("", &keys, SIGNED_AT), "ada", &keys), None);
}

#[test]
fn only_whole_tokens_of_these_keys_and_of_the_last_400_days_count() {
    let ada = MARKS[0].1;
    let good = token(KEY, &[ada]);
    let payload = |hex: &str| others(KEY).token(bytes(hex), SIGNED_AT);
    let signed = |payload: &str| others(KEY).sign(payload, &timestamp_bytes(SIGNED_AT));
    let (_, signature) = good.rsplit_once('.').expect("a signature");
    let later = good.replacen(
        &encode(timestamp_bytes(SIGNED_AT)),
        &encode(timestamp_bytes(SIGNED_AT + 1)),
        1,
    );
    let session = token::Signer::with_key(KEY);
    let max = i64::try_from(400 * DAY).expect("a number");
    #[rustfmt::skip]
    let cases = [
        // name                       token                                    age      counts
        ("new",                       good.clone(),                            0,       true),
        ("400 days old",              good.clone(),                            max,     true),
        ("a second older",            good.clone(),                            max + 1, false),
        ("clock a minute behind",     good.clone(),                            -60,     true),
        ("clock further behind",      good.clone(),                            -61,     false),
        ("a retired key",             token(OLD_KEY, &[OLD_MARKS[0].1]),       0,       true),
        ("five users",                token(KEY, &[ada; 5]),                   0,       true),
        ("six users",                 token(KEY, &[ada; 6]),                   0,       false),
        ("no user",                   token(KEY, &[]),                         0,       false),
        ("a part of a mark",          payload(&format!("{ID}{}", &ada[..30])), 0,       false),
        ("more than a mark",          payload(&format!("{ID}{ada}00")),        0,       false),
        ("a part of an id",           payload(&ID[..30]),                      0,       false),
        ("no payload",                signed(""),                              0,       false),
        ("a compressed payload",      others(KEY).compressed(bytes(&format!("{ID}{ada}")), SIGNED_AT), 0, false),
        ("no base64",                 signed(&format!("{}!", "A".repeat(42))), 0,       false),
        ("no date",                   others(KEY).sign(&encode(bytes(&format!("{ID}{ada}"))), b""), 0, false),
        ("another key",               others("tests-only-nobody-has-this-1").token(bytes(&format!("{ID}{ada}")), SIGNED_AT), 0, false),
        ("another digest",            others(KEY).digest(token::Digest::Sha1).token(bytes(&format!("{ID}{ada}")), SIGNED_AT), 0, false),
        ("the salt of sessions",      session.token(bytes(&format!("{ID}{ada}")), SIGNED_AT), 0, false),
        ("a session",                 session.token(r#"{"username":"ada"}"#, SIGNED_AT), 0, false),
        ("another date",              later,                                   0,       false),
        ("signature cut",             good[..good.len() - 1].to_owned(),       0,       false),
        ("signature alone",           signature.to_owned(),                    0,       false),
        ("no signature",              good.trim_end_matches(signature).to_owned(), 0,   false),
        ("padding",                   format!("{good}="),                      0,       false),
        ("quotes",                    format!("\"{good}\""),                   0,       false),
        ("twice in one",              format!("{good}{good}"),                 0,       false),
        ("twice with a dot",          format!("{good}.{good}"),                0,       false),
        ("too long",                  format!("{}{good}", "A".repeat(400)),    0,       false),
        ("empty",                     String::new(),                           0,       false),
    ];
    let keys = ours(&[KEY, OLD_KEY]);
    for (name, token, age, counts) in cases {
        let now = SIGNED_AT.saturating_add_signed(age);
        let browser = read(&format!("session_known={token}"), &keys, now);
        assert_eq!(id(&browser, "ada", &keys).is_some(), counts, "{name}");
    }
}

#[test]
fn the_first_two_valid_cookies_of_the_name_count() {
    let (ada, bob) = (token(KEY, &[MARKS[0].1]), token(KEY, &[MARKS[1].1]));
    let after = |count: usize, cookie: &str| format!("session_known={cookie}; ").repeat(count);
    let (long, like) = ("x".repeat(1000), "x".repeat(94));
    #[rustfmt::skip]
    let cases: [(&[String], bool, bool); 15] = [
        // headers                                                    ada    bob
        (&[format!("session_known={ada}")],                           true,  false),
        (&[format!("a=1; session_known={ada};b=2")],                  true,  false),
        (&[format!("session_known={ada}; session_known={bob}")],      true,  true),
        (&[format!("session_known={ada}"), format!("session_known={bob}")], true, true),
        (&[format!("session_known=x; session_known={ada}")],          true,  false),
        (&[format!("{}session_known={ada}", after(63, &like))],      true,  false),
        (&[format!("{}session_known={ada}", after(64, &like))],      false, false),
        (&[format!("{}session_known={ada}", after(99, "x"))],        true,  false),
        (&[format!("{}session_known={ada}", after(99, &long))],      true,  false),
        (&[format!("session_known={ada}; session_known={ada}; session_known={bob}")], true, false),
        (&[format!("session={ada}")],                                 false, false),
        (&[format!("session_known ={ada}")],                          false, false),
        (&[format!("SESSION_KNOWN={ada}; xsession_known={bob}")],     false, false),
        (&[format!("\u{2000}session_known={ada}; session_known2={bob}")], false, false),
        (&[],                                                         false, false),
    ];
    let keys = ours(&[KEY]);
    for (headers, knows_ada, knows_bob) in cases {
        let lines = headers.iter().map(String::as_bytes);
        let browser = KnownBrowser::parse(lines, &CookieSettings::default(), &keys, SIGNED_AT);
        let known = ["ada", "bob"].map(|name| id(&browser, name, &keys).is_some());
        assert_eq!(known, [knows_ada, knows_bob], "{headers:?}");
    }
    // Bytes that are no text.
    let headers = [b"session_known=\xff; session_known=\xff".as_slice()];
    let browser = KnownBrowser::parse(
        headers.into_iter(),
        &CookieSettings::default(),
        &keys,
        SIGNED_AT,
    );
    assert_eq!(id(&browser, "ada", &keys), None);
}

#[test]
fn a_login_puts_its_user_first_and_drops_the_sixth() {
    let keys = ours(&[KEY]);
    let [ada, bob, cleo, dora, emil, zoe] = MARKS.map(|(_, mark)| mark);
    #[rustfmt::skip]
    let cases: [(&[&str], &str, Vec<&str>); 6] = [
        // before                        user    after
        (&[ada],                         "ada", vec![ada]),
        (&[ada],                         "bob", vec![bob, ada]),
        (&[ada, bob, cleo],              "cleo", vec![cleo, ada, bob]),
        (&[ada, bob, cleo, dora, emil],  "dora", vec![dora, ada, bob, cleo, emil]),
        (&[ada, bob, cleo, dora, emil],  "zoë", vec![zoe, ada, bob, cleo, dora]),
        (&[zoe, ada, bob, cleo, dora],   "emil", vec![emil, zoe, ada, bob, cleo]),
    ];
    for (before, name, after) in cases {
        let browser = read(
            &format!("session_known={}", token(KEY, before)),
            &keys,
            SIGNED_AT,
        );
        let browser = browser.with_user(name, &hash(HASH), &keys).expect("no id");
        let want = format!("{ID}{}", after.concat());
        assert_eq!(written(&browser, &keys), want, "{before:?} and {name}");
        assert!(id(&browser, name, &keys).is_some());
    }
    // A user with a new password has another mark. The old one is as that of a stranger.
    let browser = read(
        &format!("session_known={}", token(KEY, &[ada, bob])),
        &keys,
        SIGNED_AT,
    );
    let browser = browser
        .with_user("ada", &hash(OTHER), &keys)
        .expect("no id");
    assert!(written(&browser, &keys).ends_with(&format!("{ada}{bob}")));
    assert!(browser.id_for("ada", &hash(OTHER), &keys).is_some());
}

/// Where a browser sends two tokens, such as after a change of `SESSION_COOKIE_PATH`.
#[test]
fn a_login_goes_on_with_the_token_that_knows_the_user() {
    let keys = ours(&[KEY]);
    let [ada, bob, cleo, ..] = MARKS.map(|(_, mark)| mark);
    let (one, other) = (token(KEY, &[ada]), token(KEY, &[bob, cleo]));
    let header = format!("session_known={one}; session_known={other}");
    let browser = read(&header, &keys, SIGNED_AT);
    let browser = browser
        .with_user("cleo", &hash(HASH), &keys)
        .expect("no id");
    assert_eq!(written(&browser, &keys), format!("{ID}{cleo}{bob}"));
}

#[test]
fn the_newest_key_signs_and_all_keys_are_accepted() {
    let keys = ours(&[KEY, OLD_KEY]);
    let [(_, old_ada), (_, old_bob)] = OLD_MARKS;
    let header = format!("session_known={}", token(OLD_KEY, &[old_ada, old_bob]));
    let browser = read(&header, &keys, SIGNED_AT);
    assert_eq!(id(&browser, "bob", &keys).as_deref(), Some(old_bob));
    let browser = browser.with_user("bob", &hash(HASH), &keys).expect("no id");
    let (_, bob) = MARKS[1];
    assert_eq!(written(&browser, &keys), format!("{ID}{bob}{old_ada}"));
    assert_eq!(id(&browser, "ada", &keys).as_deref(), Some(old_ada));
    // When the old key is not accepted any more, only the later login counts.
    let keys = ours(&[KEY]);
    let header = format!("session_known={}", sent(&browser, &keys, SIGNED_AT));
    let browser = read(&header, &keys, SIGNED_AT);
    assert_eq!(id(&browser, "bob", &keys).as_deref(), Some(bob));
    assert_eq!(id(&browser, "ada", &keys), None);
}

#[test]
fn each_login_is_for_400_days() {
    let keys = ours(&[KEY]);
    let header = format!("session_known={}", token(KEY, &[MARKS[0].1]));
    let browser = read(&header, &keys, SIGNED_AT + 399 * DAY);
    let browser = browser.with_user("ada", &hash(HASH), &keys).expect("no id");
    let header = format!(
        "session_known={}",
        sent(&browser, &keys, SIGNED_AT + 399 * DAY)
    );
    let known_at = |days| {
        let browser = read(&header, &keys, SIGNED_AT + days * DAY);
        id(&browser, "ada", &keys).is_some()
    };
    assert_eq!([799, 800].map(known_at), [true, false]);
}

#[test]
fn a_new_browser_gets_a_random_id() {
    let keys = ours(&[KEY]);
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let browser = read("", &keys, SIGNED_AT);
            assert_eq!(
                browser.set_cookie(&CookieSettings::default(), SCOPE, &keys, 1),
                None
            );
            let browser = browser
                .with_user("ada", &hash(HASH), &keys)
                .expect("random");
            assert_eq!(format!("{browser:?}"), "KnownBrowser(..)");
            let written = written(&browser, &keys);
            assert_eq!(written.len(), 2 * (16 + 16));
            written[..32].to_owned()
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn the_cookie_has_the_attributes_of_the_sessions_cookie() {
    let lax = CookieSettings::default();
    let strict = CookieSettings {
        name: "__Host-login".parse().expect("a name"),
        same_site: Some(SameSite::Strict),
        partitioned: true,
        ..CookieSettings::default()
    };
    // Scripts read the session's cookie; the session has no room for a token.
    let open = CookieSettings {
        domain: Some("example.org".parse().expect("a domain")),
        http_only: false,
        same_site: None,
        max_size: 100,
        ..CookieSettings::default()
    };
    // date -u -d @1734560000
    let expires = "Expires=Wed, 18 Dec 2024 22:13:20 GMT";
    #[rustfmt::skip]
    let cases = [
        // settings  path    secure  name                   attributes
        (&lax,       "/app", false,  "session_known",       vec!["HttpOnly", "SameSite=Lax", "Path=/app", expires]),
        (&lax,       "/",    true,   "session_known",       vec!["HttpOnly", "SameSite=Lax", "Secure", "Path=/", expires]),
        (&strict,    "/",    true,   "__Host-login_known",  vec!["HttpOnly", "SameSite=Strict", "Partitioned", "Secure", "Path=/", expires]),
        (&open,      "/",    false,  "session_known",       vec!["HttpOnly", "Path=/", "Domain=example.org", expires]),
    ];
    let keys = ours(&[KEY]);
    let browser = read("", &keys, SIGNED_AT).with_user("ada", &hash(HASH), &keys);
    let browser = browser.expect("random");
    for (settings, path, secure, name, mut want) in cases {
        let scope = CookieScope {
            path,
            mount: path,
            secure,
        };
        let line = browser.set_cookie(settings, scope, &keys, SIGNED_AT);
        let cookie = SetCookie::parse(&line.expect("a cookie")).expect("by the grammar");
        assert_eq!(cookie.name, name);
        let attributes = cookie.attributes.iter();
        let mut attributes: Vec<String> = attributes
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            })
            .collect();
        attributes.sort_unstable();
        want.sort_unstable();
        assert_eq!(attributes, want, "{name}");
    }
}

#[test]
fn a_token_is_no_session() {
    let anonymous = Cgi::get("/").run();
    let now = crate::support::now();
    // Also if the payload were that of a session.
    for payload in [
        bytes(&format!("{ID}{}", MARKS[0].1)),
        br#"{"username":"ada"}"#.to_vec(),
    ] {
        let token = others(KEY).token(&payload, now);
        let cookie = format!("session={token}; session_known={token}");
        let response = Cgi::get("/").cookie(cookie).run().response();
        assert_eq!(response.status, 200);
        assert_eq!(response.words(), anonymous.response().words());
    }
}

/// itsdangerous verifies and signs, and Python's hmac makes the marks.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn itsdangerous_reads_and_writes_tokens() {
    let keys = ours(&[KEY]);
    let mut browser = read("", &keys, SIGNED_AT);
    for name in ["ada", "zoë"] {
        browser = browser
            .with_user(name, &hash(HASH), &keys)
            .expect("random bytes");
    }
    let token = sent(&browser, &keys, SIGNED_AT);
    let code = r#"
import base64, hashlib, hmac, sys
from itsdangerous import TimestampSigner
secret, hash, token, now = sys.argv[1:]
class At(TimestampSigner):
    def get_timestamp(self):
        return int(now)
signer = At(secret, salt='signet.known-browser', key_derivation='hmac', digest_method=hashlib.sha256)
payload = signer.unsign(token, max_age=400 * 86400)
payload = base64.urlsafe_b64decode(payload + b'=' * (-len(payload) % 4))
key = hmac.digest(secret.encode(), b'signet.known-user', 'sha256')
def mark(id, name):
    return hmac.digest(key, id + name.encode() + b'\0' + hash.encode(), 'sha256')[:16]
id = payload[:16]
assert payload == id + mark(id, 'zoë') + mark(id, 'ada'), payload
id = bytes(reversed(range(16)))
payload = base64.urlsafe_b64encode(id + mark(id, 'bob')).rstrip(b'=')
print(signer.sign(payload).decode(), mark(id, 'bob').hex())
"#;
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let output = Command::new(python)
        .args(["-B", "-c", code, KEY, HASH, &token, &SIGNED_AT.to_string()])
        .output()
        .expect("start Python; tests/run makes it");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let (token, mark) = printed.trim().split_once(' ').expect("a token and a mark");
    let browser = read(&format!("session_known={token}"), &keys, SIGNED_AT);
    assert_eq!(id(&browser, "bob", &keys).as_deref(), Some(mark));
    assert_eq!(id(&browser, "ada", &keys), None);
}

/// 96 bytes, a date of 4 and a signature of 32, in base64url: the limit is 400.
#[test]
fn a_token_has_at_most_179_bytes() {
    let keys = ours(&[KEY]);
    let mut browser = read("", &keys, SIGNED_AT);
    for (name, _) in MARKS {
        browser = browser
            .with_user(name, &hash(HASH), &keys)
            .expect("random bytes");
    }
    assert_eq!(sent(&browser, &keys, SIGNED_AT).len(), 128 + 1 + 6 + 1 + 43);
}
