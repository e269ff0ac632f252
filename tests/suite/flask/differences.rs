//! Where Flask and signet part on purpose, each difference by its name: what
//! Flask does is shown, and what signet does instead.

use serde_json::{Value as Json, json};

use super::{Answer, DIGESTS, NOW, Peer, Setup, open, oracle};
use crate::support::response::Response;
use crate::support::{Cgi, now};

const NOBODY: &str = "You are not logged in";
const ADA: &str = r#"{"username":"ada"}"#;

fn setup() -> Setup {
    Setup::new(DIGESTS[1])
}

/// Flask's index page for a Cookie header.
fn flask(peer: &mut Peer, header: &str) -> Answer {
    peer.request("/", Some(header), setup().json(), json!({}))
}

/// signet's, at the same place.
fn signet(cgi: Cgi) -> Response {
    let vars = setup().vars();
    vars.iter()
        .fold(cgi, |cgi, (name, value)| cgi.var(name, value))
        .run()
        .response()
}

/// Signed by our key and yet no session: Flask fails, signet sees a stranger.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_malformed_payload_is_no_failure() {
    let cases = [
        ("a list", "[1]"),
        ("a number", "7"),
        ("no JSON", "{"),
        ("a UUID that is none", r#"{"v":{" u":"x"}}"#),
        ("bytes that are none", r#"{"v":{" b":"a"}}"#),
    ];
    let mut peer = Peer::start();
    for (name, payload) in cases {
        let header = format!("session={}", oracle(setup()).token(payload, now()));
        assert_eq!(flask(&mut peer, &header).status, 500, "{name}");
        let index = signet(Cgi::get("/").cookie(&header));
        assert_eq!(index.status, 200, "{name}");
        assert!(index.words().contains(NOBODY), "{name}: {}", index.words());
    }
}

/// Two servers' clocks are never quite the same.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_clock_a_minute_behind_is_forgiven() {
    let mut peer = Peer::start();
    let token = oracle(setup()).token(ADA, NOW);
    let header = format!("session={token}");
    for (behind, ours) in [(0, true), (1, true), (60, true), (61, false)] {
        let more = json!({ "now": NOW - behind });
        let index = peer.request("/", Some(&header), setup().json(), more);
        index.shows(if behind == 0 {
            "Logged in as ada"
        } else {
            NOBODY
        });
        let session = open(&token, setup(), NOW - behind);
        assert_eq!(session.contains_key("username"), ours, "{behind} s behind");
    }
}

/// Flask takes the first cookie of the name; but a browser's order says
/// nothing, and anybody on a neighbouring host can put one in front.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn every_cookie_of_the_name_is_tried() {
    let signer = oracle(setup());
    let ada = format!("session={}", signer.token(ADA, now()));
    let bob = format!("session={}", signer.token(r#"{"username":"bob"}"#, now()));
    let stale = format!("session={}", signer.token(ADA, 1_000_000_000));
    let cases = [
        (
            "junk, then good",
            format!("session=junk; {ada}"),
            NOBODY,
            "Logged in as ada",
        ),
        (
            "stale, then good",
            format!("{stale}; {ada}"),
            NOBODY,
            "Logged in as ada",
        ),
        (
            "good, then junk",
            format!("{ada}; session=junk"),
            "Logged in as ada",
            "Logged in as ada",
        ),
        (
            "two persons",
            format!("{ada}; {bob}"),
            "Logged in as ada",
            NOBODY,
        ),
    ];
    let mut peer = Peer::start();
    for (name, header, flasks, ours) in cases {
        flask(&mut peer, &header).shows(flasks);
        let index = signet(Cgi::get("/").cookie(&header));
        assert!(index.words().contains(ours), "{name}: {}", index.words());
    }
}

/// Flask takes each letter of a string for a key: a cookie signed with `o`
/// is as good as one by the key itself.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn fallbacks_are_a_list() {
    let forged = oracle(Setup {
        key: "o",
        ..setup()
    })
    .token(ADA, now());
    let header = format!("session={forged}");
    let mut told = setup().json();
    told["fallbacks"] = "old-secret-of-good-length".into();
    Peer::start()
        .request("/", Some(&header), told, json!({}))
        .shows("Logged in as ada");

    let cgi = Cgi::get("/").cookie(&header);
    for (name, fallbacks) in [
        ("text", "old-secret-of-good-length"),
        ("JSON", "\"old-secret\""),
    ] {
        let cgi = Cgi::get("/")
            .cookie(&header)
            .var("SIGNET_SECRET_KEY_FALLBACKS", fallbacks);
        assert_eq!(cgi.run().response().status, 503, "{name}");
    }
    assert!(signet(cgi).words().contains(NOBODY));
}

/// What a login answers, at `/app/login` of a host: the redirect, the cookie's
/// scope, and whether anybody may keep the page.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_login_answers_otherwise_in_five_ways() {
    let mut peer = Peer::start();
    let more = json!({
        "method": "POST", "form": { "username": "ada" }, "environ": { "SCRIPT_NAME": "/app" },
    });
    let flasks = peer.request("/login", None, setup().json(), more);
    let ours = signet(Cgi::post("/login", "username=ada"));
    let place = |location: Option<&str>| location.map(str::to_owned);
    assert_eq!(
        place(flasks.header("location")),
        place(ours.header("Location"))
    );

    let [theirs] = &flasks.cookies()[..] else {
        panic!("{flasks:?}")
    };
    let [cookie] = &ours.cookies()[..] else {
        panic!("{ours:?}")
    };
    let signer = oracle(setup());
    let (held_by_flask, _) = signer.read(&theirs.value).expect("signed");
    let (held, began, signed_at) = signer.read_session(&cookie.value).expect("signed");
    // The demo marks its logins.
    let mut held: Json = serde_json::from_str(&held).expect("JSON");
    let mark = held.as_object_mut().and_then(|held| held.remove("_demo"));
    assert_eq!(mark, Some(json!("ada")));
    let held_by_flask: Json = serde_json::from_slice(&held_by_flask).expect("JSON");
    assert_eq!(held_by_flask, held);
    assert_eq!(began, signed_at.to_string(), "the fifth");

    #[rustfmt::skip]
    let differences = [
        // what               Flask                                           signet
        ("redirect to GET",   json!(flasks.status),                           json!(302), json!(ours.status), json!(303)),
        ("cookie's path",     json!(theirs.attribute("Path")),                json!("/"), json!(cookie.attribute("Path")), json!("/app")),
        ("sent across sites", json!(theirs.attribute("SameSite")),            Json::Null, json!(cookie.attribute("SameSite")), json!("Lax")),
        ("kept by caches",    json!(flasks.header("cache-control")),          Json::Null, json!(ours.header("Cache-Control")), json!("no-store, no-cache")),
    ];
    for (what, flask_says, flask_should, signet_says, signet_should) in differences {
        assert_eq!(flask_says, flask_should, "{what}, Flask");
        assert_eq!(signet_says, signet_should, "{what}, signet");
    }
}

/// A browser drops a cookie over 4 KiB without a word. Flask sends it, and the
/// session is gone; signet keeps the session as it was, and says so.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_cookie_too_large_is_not_sent() {
    const LIMIT: usize = 4093;
    let noise = noise(4100);
    let (filling, name) = noise.split_at(3850);
    let full = oracle(setup()).compressed(format!("{{\"filling\":\"{filling}\"}}"), now());
    let header = format!("session={full}");
    assert!(header.len() < LIMIT, "{} bytes to begin with", header.len());

    let more = json!({ "method": "POST", "form": { "username": name } });
    let answer = Peer::start().request("/login", Some(&header), setup().json(), more);
    let line = answer.header("set-cookie").expect("Flask sends it");
    assert!(line.len() > LIMIT, "{} bytes", line.len());

    let ours = signet(Cgi::post("/login", format!("username={name}")).cookie(&header));
    assert_eq!(ours.cookies(), [], "the old session stays");
    assert!(ours.status >= 400, "and the page says so: {}", ours.status);
}

/// Letters that do not compress, always the same.
fn noise(length: usize) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        // Knuth's line of numbers, high bits.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(LETTERS[(state >> 16) as usize % LETTERS.len()])
    })
    .take(length)
    .collect()
}
