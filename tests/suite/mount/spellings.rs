//! One place, many spellings: whatever a visitor writes, the base path is one
//! that the server's configuration implies, and a browser ends up at one
//! spelling of it.

use std::cell::Cell;

use percent_encoding::percent_decode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestRunner};

use super::{Seen, assert_harmless, check, mount, request};
use crate::recorded::{expectations, recordings};
use crate::support::cgi::os;
use crate::support::invariants::{COOKIE, NOTHING, assert_holds};
use crate::support::{Cgi, token::Signer};

/// A server that rewrites decodes the path once more: what stood there encoded
/// twice is gone from PATH_INFO.
#[test]
fn what_is_encoded_twice_does_not_choose_the_base() {
    const H: &str = "/h/signet.cgi";
    const C: &str = "/cgi-bin/x.cgi";
    #[rustfmt::skip]
    check(&[
        // name                       SCRIPT PATH_INFO           REQUEST_URI                                  base             path
        ("the shipped .htaccess",     H,     "/login",           "/h/zz/%252e%252e/login",                    "/h",            "/login"),
        ("in capitals",               H,     "/login",           "/h/zz/%252E%252E/login",                    "/h",            "/login"),
        ("half encoded",              H,     "/login",           "/h/zz/.%252e/login",                        "/h",            "/login"),
        ("a dot",                     H,     "/login",           "/h/%252e/login",                            "/h",            "/login"),
        ("a slash",                   H,     "/login",           "/h/zz%252f..%252flogin",                    "/h",            "/login"),
        ("three times",               H,     "/zz/%2e%2e/login", "/h/zz/%25252e%25252e/login",                "/h",            "/zz/%2e%2e/login"),
        ("the index",                 H,     "/",                "/h/zz/%252e%252e/",                         "/h",            "/"),
        ("with a query",              H,     "/login",           "/h/zz/%252e%252e/login?r=/x",               "/h",            "/login"),
        ("a whole URL",               H,     "/login",           "http://e.example/h/zz/%252e%252e/login",    "/h",            "/login"),
        ("out of the folder",         H,     "/login",           "/h/%252e%252e/login",                       H,               "/login"),
        ("out and in again",          H,     "/h/login",         "/h/zz/%252e%252e/%252e%252e/h/login",       H,               "/h/login"),
        ("the script by its name",    H,     "/zz/%2e%2e/login", "/h/signet.cgi/zz/%252e%252e/login",         H,               "/zz/%2e%2e/login"),
        ("out of the script",         H,     "/%2e%2e/login",    "/h/signet.cgi/%252e%252e/login",            H,               "/%2e%2e/login"),
        ("a root's rewrite",          C,     "/login",           "/zz/%252e%252e/login",                      "",              "/login"),
        ("and out of its folder",     C,     "/login",           "/cgi-bin/%252e%252e/login",                 C,               "/login"),
        ("from elsewhere",            C,     "/login",           "/app/zz/%252e%252e/login",                  "/app",          "/login"),
        ("not decoded again",         C,     "/a%41",            "/app/a%2541",                               "/app",          "/a%41"),
        ("a folder with a percent",   "/a%41/x.cgi", "/login",   "/a%2541/login",                             "/a%2541",       "/login"),
    ]);
    let deep = format!("/h/{}41/login", "%25".repeat(20_000));
    assert_harmless(
        "encoded 20 000 times",
        &mount(request(H, "/login", &deep), None),
    );
    let nested = format!("/h/%{}41/login", "25".repeat(30_000));
    assert_harmless(
        "nested 30 000 times",
        &mount(request(H, "/login", &nested), None),
    );
}

/// Only the script itself has its path in the query: a link to a rewritten
/// address would otherwise name the script as the base path.
#[test]
fn a_query_does_not_choose_the_base() {
    let mut vars = request("/app/x.cgi", "-", "/app/?r=/login");
    vars.push(("REDIRECT_URL".into(), "/app/".into()));
    let seen = mount(vars, None);
    assert_eq!((&*seen.base, &*seen.path), ("/app", &b"/"[..]));
    assert_eq!(seen.login, "/app/login");
}

fn decode(path: &[u8]) -> Vec<u8> {
    percent_decode(path).collect()
}

/// As servers do it: RFC 3986, 5.2.4, and no empty segments.
fn tidy(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let is_folder = [&b"/"[..], b"/.", b"/.."]
        .iter()
        .any(|end| path.ends_with(end));
    let mut tidied = parts
        .iter()
        .flat_map(|part| [b"/", *part].concat())
        .collect::<Vec<_>>();
    if is_folder || tidied.is_empty() {
        tidied.push(b'/');
    }
    tidied
}

/// What stands behind `folder` in `path`.
fn below<'p>(path: &'p [u8], folder: &str) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(folder.as_bytes())?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

/// A server's configuration: addresses below `shown` go to `script`.
#[derive(Debug)]
struct Server {
    shown: &'static str,
    script: &'static str,
    /// Whether it decodes the path again, as Apache's rewriting does.
    again: bool,
}

#[rustfmt::skip]
const SERVERS: [Server; 8] = [
    Server { shown: "/cgi-bin/x.cgi", script: "/cgi-bin/x.cgi", again: false },
    Server { shown: "/~ada/x.cgi",    script: "/~ada/x.cgi",    again: false },
    Server { shown: "/h",             script: "/h/x.cgi",       again: true },
    Server { shown: "/h",             script: "/h/x.cgi",       again: false },
    Server { shown: "",               script: "/x.cgi",         again: true },
    Server { shown: "",               script: "/cgi-bin/x.cgi", again: true },
    Server { shown: "",               script: "/cgi-bin/x.cgi", again: false },
    Server { shown: "/~ada",          script: "/cgi-bin/x.cgi", again: false },
];

impl Server {
    /// SCRIPT_NAME and PATH_INFO of a raw path that goes to the program.
    fn serve(&self, raw: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        let mut path = tidy(&decode(raw));
        for _ in 0..10 {
            if let Some(info) = below(&path, self.script) {
                return Some((self.script, info.to_vec()));
            }
            let info = below(&path, self.shown)?;
            if !self.again {
                return Some((self.script, info.to_vec()));
            }
            path = tidy(&decode(&[self.script.as_bytes(), info].concat()));
        }
        None
    }

    fn ask(&self, raw: &[u8]) -> Option<Seen> {
        let (script, info) = self.serve(raw)?;
        let vars = [
            ("SCRIPT_NAME", script.as_bytes()),
            ("PATH_INFO", &info),
            ("REQUEST_URI", raw),
        ];
        let vars = vars.map(|(name, value)| (name.into(), os(value)));
        Some(mount(vars, None))
    }
}

#[rustfmt::skip]
const PARTS: [&str; 27] = [
    "zz", "..", ".", "", "%2e%2e", "%252e%252e", "%25252e%25252e", ".%2e", "%252e", "h", "%68",
    "%2568", "~ada", "%7Eada", "%257Eada", "cgi-bin", "x.cgi", "x%2ecgi", "login", "logout", "a;b",
    "%5c", "%2f..", "zz%252f..", "%2541", "%zz", "%00",
];

/// A server and one of its addresses, spelled and mixed with others in every way.
fn address() -> impl Strategy<Value = (&'static Server, String)> {
    let server = (0..SERVERS.len()).prop_map(|number| &SERVERS[number]);
    let parts = vec(select(&PARTS[..]), 0..6);
    let encoded = (any::<Index>(), 0..4);
    (server, 0..4, parts, encoded).prop_map(|(server, start, parts, (at, times))| {
        let start = match start {
            0 => "",
            1 => server.script,
            _ => server.shown,
        };
        let parts = parts.iter().map(|part| format!("/{part}"));
        let mut raw = format!("{start}{}", parts.collect::<String>());
        if raw.is_empty() {
            raw.push('/');
        }
        // One letter of it encoded, once or twice.
        let at = at.index(raw.len());
        match (times, raw.as_bytes()[at]) {
            (_, b'/' | b'%') | (0 | 1, _) => {}
            (2, byte) => raw.replace_range(at..=at, &format!("%{byte:02X}")),
            (_, byte) => raw.replace_range(at..=at, &format!("%25{byte:02x}")),
        }
        (server, raw)
    })
}

#[test]
fn no_spelling_leads_to_a_base_that_the_server_does_not_imply() {
    let (served, redirected) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::with_cases(40_000)
    });
    let outcome = runner.run(&address(), |(server, raw)| {
        let Some(seen) = server.ask(raw.as_bytes()) else {
            return Ok(());
        };
        served.set(served.get() + 1);
        assert_harmless(&raw, &seen);
        let implied = [server.shown, server.script];
        prop_assert!(implied.contains(&&*seen.base), "{:?}", seen);
        let Some(canonical) = &seen.canonical else {
            return Ok(());
        };
        redirected.set(redirected.get() + 1);
        let rest = canonical.strip_prefix(&seen.base);
        let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        prop_assert!(is_below, "{:?}", seen);
        let there = server.ask(canonical.as_bytes());
        let there = there.ok_or_else(|| TestCaseError::fail(format!("lost: {seen:?}")))?;
        prop_assert_eq!(&there.canonical, &None, "a second redirect: {:?}", seen);
        prop_assert_eq!((&there.base, &there.path), (&seen.base, &seen.path));
        Ok(())
    });
    outcome.unwrap();
    let (served, redirected) = (served.get(), redirected.get());
    assert!(
        served > 10_000 && redirected > 100,
        "{served}, {redirected}"
    );
}

/// Each recorded request, its base path spelled in other ways: the same place,
/// and a redirect to the recorded spelling, which itself is none.
#[test]
fn another_spelling_of_the_base_is_redirected() {
    let expected = expectations();
    let mut tried = 0;
    for recorded in recordings() {
        let (name, want) = (format!("{:?}", recorded.name), &expected[&recorded.name]);
        let vars = |uri: &[u8]| {
            let vars = recorded.vars.iter().map(|(name, value)| match &name[..] {
                b"REQUEST_URI" => (os(name), os(uri)),
                _ => (os(name), os(value)),
            });
            vars.collect::<Vec<_>>()
        };
        let uri = recorded.var("REQUEST_URI").unwrap_or_default();
        assert_eq!(mount(vars(uri), None).canonical, None, "{name}");
        let rest = uri.strip_prefix(want.base.as_bytes()).unwrap_or_default();
        // Browsers resolve dots before they ask.
        let dots = |part: &[u8]| matches!(decode(part).as_slice(), b"." | b"..");
        let dotted = rest.split(|b| *b == b'/').any(dots);
        if want.base.is_empty() || !rest.starts_with(b"/") || dotted {
            continue;
        }
        let start = 1 + usize::from(want.base.starts_with("/~"));
        let encoded = |at: usize| {
            let byte = want.base.as_bytes()[at];
            let (before, after) = (&want.base[..at], &want.base[at + 1..]);
            format!("{before}%{byte:02X}{after}")
        };
        let last = want.base.len() - 1;
        for base in [
            encoded(1),
            encoded(start),
            encoded(last),
            format!("/{}", want.base),
        ] {
            let seen = mount(vars(&[base.as_bytes(), rest].concat()), None);
            let seen_at = (&*seen.base, os(&seen.path));
            assert_eq!(seen_at, (&*want.base, os(&want.path)), "{name}: {base}");
            let wanted = String::from_utf8_lossy(uri);
            let same = |url: &str| decode(url.as_bytes()) == decode(uri);
            assert!(
                seen.canonical.as_deref().is_some_and(same),
                "{name}: {base}: {seen:?}, {wanted}"
            );
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
}

/// The rest of the URL is the visitor's: kept, and never another host.
#[test]
fn the_rest_of_a_respelled_url_is_kept() {
    const X: &str = "/~ada/x.cgi";
    #[rustfmt::skip]
    let rows = [
        // PATH_INFO REQUEST_URI                               canonical
        ("/login",   "/%7Eada/x.cgi/login",                    "/~ada/x.cgi/login"),
        ("/login",   "/%7eada/x%2Ecgi/login?a=%2F&b=//e?c",    "/~ada/x.cgi/login?a=%2F&b=//e?c"),
        ("/a/b",     "/%7Eada/x.cgi/a%2Fb",                    "/~ada/x.cgi/a%2Fb"),
        ("/a/b",     "/%7Eada/x.cgi//a//b",                    "/~ada/x.cgi//a//b"),
        ("/a\\b",    r"/%7Eada/x.cgi/a\\b",                    "/~ada/x.cgi/a%5Cb"),
        ("/a\"<",    "/%7Eada/x.cgi/a\"<?\\xFF\\r\\n",         "/~ada/x.cgi/a%22%3C?%FF%0D%0A"),
        ("/",        "//~ada/x.cgi/",                          "/~ada/x.cgi/"),
        ("/",        "///~ada//x.cgi/",                        "/~ada/x.cgi/"),
        ("/login",   "http://e.example/%7Eada/x.cgi/login?x",  "/~ada/x.cgi/login?x"),
        ("-",        "/%7Eada/x.cgi",                          "/~ada/x.cgi"),
        ("-",        "/%7Eada/x.cgi?r=/login",                 "/~ada/x.cgi?r=/login"),
        // Not a browser's, already right, or decoded by the server.
        ("/login",   "/x/../%7Eada/x.cgi/login",               "-"),
        ("/login",   "/%7Eada/x.cgi/zz/../login",              "-"),
        ("/login",   "/~ada/x.cgi/login",                      "-"),
        ("/login",   "/~ada/x.cgi/../x%2Ecgi/login",           "-"),
        ("/login",   "/elsewhere",                             "-"),
        ("/login",   "*",                                      "-"),
        ("/login",   "-",                                      "-"),
    ];
    for (info, uri, want) in rows {
        let seen = mount(request(X, info, uri), None);
        let want = (want != "-").then_some(want);
        assert_eq!(seen.canonical.as_deref(), want, "{uri}");
        assert_eq!(seen.base, X, "{uri}");
    }
    // A server that decodes the URL, or a proxy that encodes it in its own way,
    // would do so with the target, too.
    for (script, uri) in [
        ("/my site/x.cgi", "/my site/x.cgi/login"),
        ("/my [site]/x.cgi", "/my%20[site]/x.cgi/login"),
        ("/a;b/x.cgi", "/a;b/x.cgi/login"),
        ("/100%/x.cgi", "/100%/x.cgi/login"),
        ("/100%4/x.cgi", "/100%4/x.cgi/login"),
    ] {
        let seen = mount(request(script, "/login", uri), None);
        assert_eq!(seen.canonical, None, "{uri}");
    }
    let set = mount(request("/app", "/login", "/%61pp/login"), Some("/app"));
    assert_eq!(set.canonical.as_deref(), Some("/app/login"));
    let long = format!("/%7Eada/x.cgi/{}", "a".repeat(5000));
    let info = format!("/{}", "a".repeat(5000));
    assert_eq!(mount(request(X, &info, &long), None).canonical, None);
}

/// Any method, any page: the browser comes back with the same request.
#[test]
fn a_respelled_request_is_redirected_end_to_end() {
    let token = Signer::default().token(r#"{"username":"ada"}"#, crate::support::now());
    let rows = [
        (Cgi::get("/"), "/"),
        (Cgi::get("/nowhere?x=1"), "/nowhere?x=1"),
        (Cgi::new("HEAD", "/login"), "/login"),
        (Cgi::new("PUT", "/login"), "/login"),
        (Cgi::post("/login", "username=admin"), "/login"),
        (
            Cgi::post("/logout", "").cookie(format!("session={token}")),
            "/logout",
        ),
    ];
    for (cgi, target) in rows {
        let cgi = cgi.var("REQUEST_URI", format!("/%61pp{target}"));
        let answer = assert_holds(target, &cgi.run(), NOTHING);
        assert_eq!(
            (answer.status, &*answer.reason),
            (308, "Permanent Redirect")
        );
        assert_eq!(answer.header("Location"), Some(&*format!("/app{target}")));
    }
    // The cookie's path is the owner's choice: it comes by either spelling.
    let set = Cgi::post("/login", "username=admin")
        .var("REQUEST_URI", "/%61pp/login")
        .var("SIGNET_SESSION_COOKIE_PATH", "/");
    assert_eq!(assert_holds("set", &set.run(), COOKIE).status, 303);
}
