//! Environments recorded from real servers (tests/env-dumps/README.md), each
//! run through the program: a valid answer, links that work, arguments ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::{fs, path::Path};

use crate::support::html::links;
use crate::support::invariants::{COOKIE, NOTHING, assert_holds};
use crate::support::{Cgi, Output};

/// One recorded request.
pub(crate) struct Recorded {
    /// Set-up and case, as the expectations name them.
    pub(crate) name: (String, String),
    /// What stood behind the program's name.
    args: Vec<OsString>,
    stdin: Vec<u8>,
    /// In the order given; a name may stand twice.
    pub(crate) vars: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a recorded request must be understood as: a line of
/// `mount/recorded.tsv`, which explains the columns.
pub(crate) struct Expected {
    pub(crate) base: String,
    pub(crate) path: Vec<u8>,
    pub(crate) login: String,
    pub(crate) cookie_path: String,
    pub(crate) status: u16,
}

/// Every recorded request of every set-up.
pub(crate) fn recordings() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/env-dumps");
    let mut recordings = Vec::new();
    for entry in fs::read_dir(folder).expect("tests/env-dumps") {
        let path = entry.expect("read tests/env-dumps").path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let set_up = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .expect("a set-up's name");
            let text = fs::read_to_string(&path).expect("read a recording");
            recordings.extend(sections(set_up, &text));
        }
    }
    recordings.sort_by(|one, other| one.name.cmp(&other.name));
    recordings
}

/// The requests of one file.
fn sections(set_up: &str, text: &str) -> Vec<Recorded> {
    let mut common = Vec::new();
    let mut requests: Vec<Recorded> = Vec::new();
    let mut unset: Vec<BTreeSet<Vec<u8>>> = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        if let Some(heading) = line.strip_prefix('[') {
            let (case, _) = heading.split_once(']').expect("a heading's end");
            if case != "common" {
                let name = (set_up.to_owned(), case.to_owned());
                requests.push(Recorded {
                    name,
                    args: vec![],
                    stdin: vec![],
                    vars: vec![],
                });
                unset.push(BTreeSet::new());
            }
        } else if let Some(argv) = line.strip_prefix("argv: ") {
            let args = argv
                .split(' ')
                .skip(1)
                .map(|arg| OsString::from_vec(unescape(arg)));
            requests.last_mut().expect("a request").args = args.collect();
        } else if let Some(body) = line.strip_prefix("stdin: ") {
            requests.last_mut().expect("a request").stdin = unescape(body);
        } else if let Some(names) = line.strip_prefix("unset: ") {
            unset
                .last_mut()
                .expect("a request")
                .extend(names.split(' ').map(unescape));
        } else {
            let (name, value) = line.split_once('=').expect("NAME=value");
            let vars = requests
                .last_mut()
                .map_or(&mut common, |request| &mut request.vars);
            vars.push((unescape(name), unescape(value)));
        }
    }
    for (request, mut not_common) in requests.iter_mut().zip(unset) {
        not_common.extend(request.vars.iter().map(|(name, _)| name.clone()));
        let common = common.iter().filter(|(name, _)| !not_common.contains(name));
        request.vars.extend(common.cloned());
    }
    requests
}

/// The expectations by set-up and case.
pub(crate) fn expectations() -> BTreeMap<(String, String), Expected> {
    let lines = include_str!("mount/recorded.tsv").lines();
    let rows = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &str| {
        let cells = line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        let [set_up, case, base, path, login, cookie_path, status] =
            <[String; 7]>::try_from(cells).expect("seven cells");
        let (path, status) = (unescape(&path), status.parse().expect("a status"));
        (
            (set_up, case),
            Expected {
                base,
                path,
                login,
                cookie_path,
                status,
            },
        )
    };
    rows.map(parse).collect()
}

/// Reads the escapes of the recordings: `\\ \n \r \t \xHH`.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().expect("an escape") {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let hex = [
                        rest.next().expect("two digits"),
                        rest.next().expect("two digits"),
                    ];
                    let hex = std::str::from_utf8(&hex).expect("hexadecimal");
                    u8::from_str_radix(hex, 16).expect("hexadecimal")
                }
                other => other,
            },
            byte => byte,
        });
    }
    bytes
}

impl Recorded {
    /// A variable's value; the last, where a name stands twice.
    pub(crate) fn var(&self, wanted: &str) -> Option<&[u8]> {
        let mut vars = self.vars.iter().rev();
        vars.find(|(name, _)| name == wanted.as_bytes())
            .map(|(_, value)| value.as_slice())
    }

    /// The request as recorded, less its arguments and body.
    fn request(&self) -> Cgi {
        let keyed = Cgi::get("/").only_settings();
        let count = |wanted| self.vars.iter().filter(|(name, _)| name == wanted).count();
        self.vars
            .iter()
            .fold(keyed, |cgi, (name, value)| match count(name) {
                1 => cgi.bytes(name, value),
                _ => cgi.raw([name, &b"="[..], value].concat()),
            })
    }

    fn run(&self) -> Output {
        let request = self.request().body(&self.stdin);
        self.args
            .iter()
            .fold(request, |cgi, arg| cgi.arg(arg))
            .run()
    }
}

#[test]
fn every_recording_has_its_expectation() {
    let recorded = recordings()
        .into_iter()
        .map(|recorded| recorded.name)
        .collect::<BTreeSet<_>>();
    let expected = expectations().into_keys().collect::<BTreeSet<_>>();
    let alone = recorded.symmetric_difference(&expected).collect::<Vec<_>>();
    assert!(
        alone.is_empty(),
        "recorded or expected, not both: {alone:?}"
    );
    let set_ups = recorded
        .iter()
        .map(|(set_up, _)| set_up)
        .collect::<BTreeSet<_>>();
    assert_eq!(
        (recorded.len(), set_ups.len()),
        (300, 36),
        "as the README of the recordings says"
    );
}

#[test]
fn every_recording_gets_a_valid_answer_whose_links_stay_on_the_mount() {
    let expected = expectations();
    for recorded in recordings() {
        let (name, want) = (&recorded.name, &expected[&recorded.name]);
        let output = recorded.run();
        let allowed = if want.status == 303 { COOKIE } else { NOTHING };
        let response = assert_holds(&format!("{name:?}"), &output, allowed);
        assert_eq!(response.status, want.status, "{name:?}: {output}");
        let found = links(response.text());
        if recorded.var("REQUEST_METHOD") == Some(b"HEAD") {
            assert_eq!(response.text(), "", "{name:?}");
        } else {
            let has_no_page = matches!(response.status, 204 | 303);
            assert!(
                has_no_page || !found.is_empty(),
                "{name:?}: a dead end: {}",
                response.text()
            );
        }
        for link in found {
            let at_home = link.strip_prefix(&want.base).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') && !rest.starts_with("//")
            });
            assert!(at_home, "{name:?}: {link} is not below {:?}", want.base);
        }
    }
}

/// RFC 3875, 4.4: a query without `=` becomes arguments, so strangers write
/// them.
#[test]
fn arguments_have_no_effect() {
    let mut tried = 0;
    for recorded in recordings()
        .iter()
        .filter(|recorded| !recorded.args.is_empty())
    {
        let (with, without) = (
            recorded.run(),
            recorded.request().body(&recorded.stdin).run(),
        );
        let name = &recorded.name;
        // A login's cookie holds the second it was made in: the rest decides.
        assert_eq!(
            with.response().status,
            without.response().status,
            "{name:?}"
        );
        assert_eq!(with.response().body, without.response().body, "{name:?}");
        assert_eq!(with.errors(), without.errors(), "{name:?}");
        tried += 1;
    }
    assert!(tried >= 8, "only {tried} recordings have arguments");
}

#[test]
fn login_links_follow_the_mount() {
    let expected = expectations();
    let mut seen = BTreeSet::new();
    for recorded in recordings() {
        let (name, want) = (&recorded.name, &expected[&recorded.name]);
        let shows_index = want.path == b"/" && want.status == 200;
        if shows_index && recorded.var("REQUEST_METHOD") == Some(b"GET") {
            let page = recorded.run().response();
            assert!(
                page.words().contains("You are not logged in"),
                "{name:?}: {}",
                page.words()
            );
            assert!(
                links(page.text()).contains(&want.login),
                "{name:?}: {}",
                page.text()
            );
            seen.insert(recorded.name.0);
        }
    }
    // The other set-ups were recorded at /login only: the next test has them.
    assert_eq!(seen.len(), 23, "{seen:?}");
}

#[test]
fn logins_redirect_and_set_the_cookie_within_the_mount() {
    let expected = expectations();
    let mut seen = BTreeSet::new();
    for recorded in recordings() {
        let (name, want) = (&recorded.name, &expected[&recorded.name]);
        if want.path != b"/login" || want.status == 404 {
            continue;
        }
        let body = b"username=admin";
        let output = recorded
            .request()
            .var("REQUEST_METHOD", "POST")
            .var("CONTENT_TYPE", "application/x-www-form-urlencoded")
            .var("CONTENT_LENGTH", body.len().to_string())
            .without("HTTP_TRANSFER_ENCODING")
            .body(body)
            .run();
        let response = output.response();
        assert_eq!(response.status, 303, "{name:?}: {output}");
        let front = format!("{}/", want.base);
        assert_eq!(response.header("Location"), Some(&*front), "{name:?}");
        let cookie = response.cookie("session").expect("a session");
        assert_eq!(
            cookie.attribute("Path"),
            Some(&*want.cookie_path),
            "{name:?}"
        );
        assert!(!cookie.has("Domain"), "{name:?}: {cookie:?}");
        // Both servers say HTTPS=on; what proxies and visitors say in headers
        // does not count unless TRUST_PROXY is set.
        let https = recorded.var("HTTPS") == Some(b"on");
        assert_eq!(cookie.has("Secure"), https, "{name:?}: {cookie:?}");
        seen.insert(recorded.name.0);
    }
    // All but the error document and two that the test before has.
    assert_eq!(seen.len(), 33, "{seen:?}");
}

#[test]
fn escapes_of_the_recordings() {
    for (text, want) in [
        (r"a\\b", &b"a\\b"[..]),
        (r"\n\r\t", b"\n\r\t"),
        (r"caf\xC3\xA9", b"caf\xC3\xA9"),
        (r"\\x41", b"\\x41"),
    ] {
        assert_eq!(unescape(text), want, "{text}");
    }
}
