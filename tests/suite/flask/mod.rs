//! Real Flask as the peer: one key, one cookie, two programs.
//!
//! `tests/flask_peer.py` runs Flask and keeps the Python values; it and this
//! side talk in lines of JSON. Nothing here knows how a cookie is made: each
//! side's own code writes it, the other side's own code reads it.

mod differences;
mod exchange;
mod headers;
mod shared;
mod users;
mod walk;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};
use signet::session::signing::Digest;
use signet::session::tagged_json;
use signet::{ProcessInput, Server, Session};

use crate::support::html::unescape;
use crate::support::response::{Response, SetCookie};
use crate::support::{KEY, StateDir, tested_program, token};

/// The same sessions by chance every time; another seed makes others.
const SEED: u64 = 20_240_229;
/// How many of them there are, beside those with a name.
const BY_CHANCE: usize = 300;
const DIGESTS: [Digest; 2] = [Digest::Sha1, Digest::Sha256];
/// `PERMANENT_SESSION_LIFETIME`, in both programs.
const LIFETIME: u64 = 2_678_400;
/// When a test stops the clocks.
const NOW: u64 = 1_700_000_000;

/// What both programs are told: Flask in Python, signet in its own settings.
#[derive(Clone, Copy, Debug)]
struct Setup {
    key: &'static str,
    fallbacks: &'static [&'static str],
    digest: Digest,
}

impl Setup {
    fn new(digest: Digest) -> Self {
        Self {
            key: KEY,
            fallbacks: &[],
            digest,
        }
    }

    fn digest_name(self) -> &'static str {
        match self.digest {
            Digest::Sha1 => "sha1",
            Digest::Sha256 => "sha256",
        }
    }

    fn json(self) -> Json {
        json!({ "key": self.key, "fallbacks": self.fallbacks, "digest": self.digest_name() })
    }

    /// signet's settings, as a web server would set them.
    fn vars(self) -> [(&'static str, String); 3] {
        [
            ("SIGNET_SECRET_KEY", self.key.to_owned()),
            (
                "SIGNET_SECRET_KEY_FALLBACKS",
                json!(self.fallbacks).to_string(),
            ),
            ("SIGNET_SESSION_DIGEST", self.digest_name().to_owned()),
        ]
    }
}

/// One request to a signet page at a host's root that does `deed` to the
/// session, everything else as `Server` does it, the clock stopped at `now`.
fn visit(
    setup: Setup,
    now: u64,
    cookie: Option<&str>,
    deed: impl FnOnce(&mut Session),
) -> Response {
    const REQUEST: [(&str, &str); 7] = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("HTTP_HOST", "localhost"),
        ("PATH_INFO", "/"),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
    ];
    let state = StateDir::new();
    let mut vars: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: &OsStr| vars.push((name.into(), value.into()));
    set("SIGNET_STATE_DIR", state.path().as_os_str());
    for (name, value) in REQUEST {
        set(name, value.as_ref());
    }
    for (name, value) in setup.vars() {
        set(name, value.as_ref());
    }
    if let Some(cookie) = cookie {
        set("HTTP_COOKIE", cookie.as_ref());
    }
    let input = ProcessInput {
        vars: vars.into_iter().collect(),
        argument: None,
        now,
        euid: rustix::process::geteuid().as_raw(),
    };
    let deed = Cell::new(Some(deed));
    let server = Server::named("signet").get("/", |_, session| {
        deed.take().expect("one request")(session);
        signet::html("<!doctype html><title>done</title>")
    });
    let answer = server.respond(input, &mut std::io::empty());
    let response = Response::parse(&answer).expect("a CGI response");
    assert_eq!(response.status, 200, "{}", response.text());
    response
}

/// The session in a cookie's value, as a page sees it.
fn open(value: &str, setup: Setup, now: u64) -> Session {
    let mut seen = Session::new();
    let header = format!("session={value}");
    visit(setup, now, Some(&header), |session| seen = session.clone());
    seen
}

/// The value of the cookie that a page sets which stores all that tagged JSON
/// holds.
fn write(tagged: &str, setup: Setup, now: u64) -> String {
    let values = tagged_json::loads(tagged).expect("a session");
    let response = visit(setup, now, None, |session| {
        for (key, value) in values {
            session.insert(key, value);
        }
    });
    response
        .cookie("session")
        .expect("a changed session is saved")
        .value
}

/// A session in tagged JSON, from [`open`].
fn tagged(session: &Session) -> String {
    let dict = session
        .iter()
        .map(|(key, value)| (key.to_owned(), value.clone()));
    tagged_json::dumps(&dict.collect::<BTreeMap<_, _>>())
}

/// A cookie's value as `signet cookie decode` shows it to a person; `None`
/// when it does not verify.
fn decode(value: &str, setup: Setup) -> Option<String> {
    let state = StateDir::new();
    let out = Command::new(tested_program())
        .args(["cookie", "decode", value])
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .envs(setup.vars())
        .output()
        .expect("run signet");
    let text = String::from_utf8(out.stdout).expect("JSON");
    assert_eq!(
        out.status.success(),
        !text.is_empty(),
        "{}: {text}",
        out.status
    );
    out.status.success().then_some(text)
}

/// The tests' own signer, for payloads that neither program would write.
fn oracle(setup: Setup) -> token::Signer {
    token::Signer::with_key(setup.key).digest(match setup.digest {
        Digest::Sha1 => token::Digest::Sha1,
        Digest::Sha256 => token::Digest::Sha256,
    })
}

/// An answer of a Flask app.
#[derive(Debug)]
struct Answer {
    status: u64,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, wanted: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(name, _)| name == wanted);
        values.next().map(|(_, value)| value.as_str())
    }

    fn cookies(&self) -> Vec<SetCookie> {
        let lines = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        lines
            .map(|(_, line)| SetCookie::parse(line).expect("a valid Set-Cookie"))
            .collect()
    }

    #[track_caller]
    fn shows(&self, words: &str) {
        assert!(
            unescape(&self.body).contains(words),
            "no {words:?} in {}",
            self.body
        );
    }
}

/// The Python process; it ends when its stdin does.
struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> Self {
        const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");
        const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/flask_peer.py");
        let mut child = Command::new(PYTHON)
            .args(["-B", "-W", "ignore", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("{PYTHON}: {err}; tests/run makes it"));
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut peer = Self {
            child,
            stdin,
            stdout,
        };
        let versions = peer.ask("hello", json!({}));
        println!("peer: {versions}, sessions by chance from seed {SEED}");
        peer
    }

    #[track_caller]
    fn ask(&mut self, what: &str, mut line: Json) -> Json {
        line["do"] = what.into();
        let stdin = self.stdin.as_mut().expect("open until dropped");
        writeln!(stdin, "{line}").expect("Flask listens");
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("Flask answers");
        let mut answer: Json = serde_json::from_str(&answer).expect("an answer in JSON");
        assert!(answer["error"].is_null(), "{line}: {answer}");
        answer["ok"].take()
    }

    #[track_caller]
    fn text(&mut self, what: &str, line: Json) -> String {
        self.ask(what, line).as_str().expect("text").to_owned()
    }

    /// The names of the sessions that both sides know by number.
    fn invent(&mut self) -> Vec<String> {
        let names = self.ask("invent", json!({ "seed": SEED, "count": BY_CHANCE }));
        let names: Vec<String> = serde_json::from_value(names).expect("names");
        assert!(names.len() > BY_CHANCE, "{} sessions", names.len());
        names
    }

    /// A session as text, before it is compressed and signed.
    fn tagged(&mut self, number: usize, setup: Setup) -> String {
        self.text("tagged", json!({ "number": number, "setup": setup.json() }))
    }

    /// The value of the cookie that Flask sets for a session.
    fn set(&mut self, number: usize, setup: Setup, now: Option<u64>) -> String {
        self.text(
            "set",
            json!({ "number": number, "setup": setup.json(), "now": now }),
        )
    }

    /// How a session differs from what Flask reads in a cookie; `None`: not.
    fn read(
        &mut self,
        number: usize,
        value: &str,
        setup: Setup,
        now: Option<u64>,
    ) -> Option<String> {
        let line = json!({ "number": number, "cookie": value, "setup": setup.json(), "now": now });
        self.ask("read", line).as_str().map(str::to_owned)
    }

    /// How a session differs from tagged JSON; `None`: not.
    fn same(&mut self, number: usize, text: &str) -> Option<String> {
        let answer = self.ask("same", json!({ "number": number, "text": text }));
        answer.as_str().map(str::to_owned)
    }

    /// One request to the Flask app; `more` is what it asks beside the path.
    fn request(&mut self, path: &str, cookie: Option<&str>, setup: Json, more: Json) -> Answer {
        let mut line = json!({ "path": path, "cookie": cookie, "setup": setup });
        for (name, value) in more.as_object().expect("an object") {
            line[name] = value.clone();
        }
        let answer = self.ask("request", line);
        Answer {
            status: answer["status"].as_u64().expect("a status"),
            headers: serde_json::from_value(answer["headers"].clone()).expect("headers"),
            body: answer["body"].as_str().expect("a body").to_owned(),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
