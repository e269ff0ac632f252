//! Set-Cookie and Vary, deed by deed, beside Flask's for the same deed.
//!
//! Whatever is not on the list of [`PURPOSEFUL`] differences is the same.

use serde_json::json;
use signet::{Session, Value};

use super::{DIGESTS, LIFETIME, NOW, Peer, Setup, oracle, visit};
use crate::support::response::SetCookie;

type Deed = fn(&mut Session);

/// What `/do/NAME` does in Python, done here.
const DEEDS: [(&str, Deed); 12] = [
    ("untouched", |_| ()),
    ("read", |session| {
        session.get("username");
    }),
    ("asked", |session| {
        session.contains_key("username");
    }),
    ("measured", |session| {
        session.len();
    }),
    ("changed", |session| {
        session.insert("username", "grace");
    }),
    ("changed to the same", |session| {
        session.insert("username", "ada");
    }),
    ("changed inside", |session| {
        if let Some(Value::List(cart)) = session.get_mut("cart") {
            cart.push("pear".into());
        }
    }),
    ("popped", |session| {
        session.remove("username");
    }),
    ("popped in vain", |session| {
        session.remove("nothing");
    }),
    ("emptied", Session::clear),
    ("made permanent", |session| session.set_permanent(true)),
    ("flashed", |session| session.flash("saved", "message")),
];

/// The sessions that the deeds begin with, and the age of their cookie.
const BEGINNINGS: [(&str, &str, u64); 5] = [
    ("nobody", "", 0),
    ("ada", r#"{"cart":["apple"],"username":"ada"}"#, 0),
    (
        "ada, a while ago",
        r#"{"cart":["apple"],"username":"ada"}"#,
        LIFETIME / 10,
    ),
    (
        "permanent",
        r#"{"_permanent":true,"cart":["apple"],"username":"ada"}"#,
        0,
    ),
    (
        "permanent, a while ago",
        r#"{"_permanent":true,"cart":["apple"],"username":"ada"}"#,
        LIFETIME / 10,
    ),
];

/// Where signet answers otherwise, why, and how.
#[rustfmt::skip]
const PURPOSEFUL: [(&str, &[&str], &[&str], Instead); 4] = [
    // why                                             deeds                  beginnings                     instead
    ("a refresh waits for a tenth of the lifetime",
        &["untouched", "read", "asked", "measured", "popped in vain", "made permanent"],
        &["permanent"], Instead::Nothing),
    ("a page that does not look at its session does not refresh it",
        &["untouched"], &["permanent, a while ago"], Instead::Nothing),
    ("a change inside a value is noticed",
        &["changed inside"], &["ada", "ada, a while ago"],
        Instead::Cookie(r#""cart":["apple","pear"]"#)),
    ("there is nothing to delete at a visitor who brought nothing",
        &["emptied"], &["nobody"], Instead::Nothing),
];

#[derive(Clone, Copy, Debug)]
enum Instead {
    /// No Set-Cookie, where Flask sends one.
    Nothing,
    /// A cookie that holds this, where Flask's does not or there is none.
    Cookie(&'static str),
}

/// What a response says about the session, but for what differs by nature:
/// a cookie's compression and the second of its Expires.
#[derive(Debug, Eq, PartialEq)]
struct Said {
    /// What the cookie holds, `""` for a deletion, and its attributes.
    cookie: Option<(String, Vec<String>)>,
    varies: bool,
}

impl Said {
    /// What Flask says.
    fn by_flask(cookies: &[SetCookie], varies: bool, setup: Setup) -> Self {
        Self::of(cookies, varies, &|value| {
            let (json, signed_at) = oracle(setup).read(value).expect("signed");
            assert_eq!(signed_at, NOW);
            String::from_utf8(json).expect("JSON")
        })
    }

    /// What signet says, without the date of the session's beginning, which is a
    /// difference on purpose.
    fn by_signet(cookies: &[SetCookie], varies: bool, setup: Setup) -> Self {
        Self::of(cookies, varies, &|value| {
            let (json, _, signed_at) = oracle(setup).read_session(value).expect("signed");
            assert_eq!(signed_at, NOW);
            json
        })
    }

    fn of(cookies: &[SetCookie], varies: bool, read: &dyn Fn(&str) -> String) -> Self {
        assert!(cookies.len() < 2, "{cookies:?}");
        let cookie = cookies.first().map(|cookie| {
            let json = match cookie.value.as_str() {
                "" => String::new(),
                value => read(value),
            };
            let attribute = |(name, value): &(String, Option<String>)| match value {
                Some(_) if name == "Expires" && !cookie.deletes() => "Expires=later".to_owned(),
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            };
            let mut attributes: Vec<_> = cookie.attributes.iter().map(attribute).collect();
            attributes.sort();
            (json, attributes)
        });
        Self { cookie, varies }
    }

    /// A deletion is dated one second later than Flask's: a difference that is
    /// taken out here.
    #[track_caller]
    fn assert_deletes_a_second_later(&mut self) {
        const FLASKS: &str = "Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        const OURS: &str = "Expires=Thu, 01 Jan 1970 00:00:01 GMT";
        let Some((json, attributes)) = &mut self.cookie else {
            return;
        };
        let date = attributes.iter_mut().find(|one| *one == OURS);
        assert_eq!(date.is_some(), json.is_empty(), "{json}");
        if let Some(date) = date {
            FLASKS.clone_into(date);
        }
    }
}

#[test]
#[ignore = "needs Flask: run tests/run"]
fn headers_differ_from_flasks_only_on_purpose() {
    let mut peer = Peer::start();
    let setup = Setup::new(DIGESTS[0]);
    let mut configured = setup.json();
    // signet's default; Flask's is to say nothing. The one attribute that
    // differs on purpose.
    configured["config"] = json!({ "SESSION_COOKIE_SAMESITE": "Lax" });
    let mut differences = 0;
    for (beginning, session, age) in BEGINNINGS {
        let value = oracle(setup).token(session, NOW - age);
        let header = (!session.is_empty()).then(|| format!("session={value}"));
        for (name, deed) in DEEDS {
            let path = format!("/do/{name}");
            let more = json!({ "now": NOW });
            let answer = peer.request(&path, header.as_deref(), configured.clone(), more);
            assert_eq!(answer.status, 200, "{name}");
            let varies = answer
                .header("vary")
                .is_some_and(|vary| vary.contains("Cookie"));
            let flasks = Said::by_flask(&answer.cookies(), varies, setup);

            let response = visit(setup, NOW, header.as_deref(), deed);
            let varies = response.header("Vary") == Some("Cookie");
            let private = response.header("Cache-Control") == Some("no-store, no-cache");
            assert_eq!(
                private, varies,
                "{name}, {beginning}: whoever varies is not kept"
            );
            let mut ours = Said::by_signet(&response.cookies(), varies, setup);
            ours.assert_deletes_a_second_later();

            let purpose = PURPOSEFUL.iter().find(|(_, deeds, beginnings, _)| {
                deeds.contains(&name) && beginnings.contains(&beginning)
            });
            let Some((why, _, _, instead)) = purpose else {
                assert_eq!(ours, flasks, "{name}, beginning with {beginning}");
                continue;
            };
            differences += 1;
            assert_ne!(
                ours, flasks,
                "{name}, {beginning}: no difference any more ({why})"
            );
            match (instead, &ours.cookie) {
                (Instead::Nothing, None) => {}
                (Instead::Cookie(holds), Some((json, _))) if json.contains(holds) => {}
                _ => panic!("{name}, {beginning}: {why}, but {ours:?}"),
            }
        }
    }
    let listed = PURPOSEFUL
        .iter()
        .map(|(_, deeds, beginnings, _)| deeds.len() * beginnings.len());
    assert_eq!(differences, listed.sum::<usize>());
}
