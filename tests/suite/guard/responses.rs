//! Files as responses, compared with those of real web servers for the same files: 500
//! range and conditional requests.
//!
//! The response that RFC 9110 prescribes is known ([`Case`]). It must also be that of
//! lighttpd or that of Apache.

use std::fmt::{self, Write as _};
use std::path::Path;

use super::cases::{Case, Numbers, Tags};
use super::servers::{apache, lighttpd, site};
use crate::fastcgi::{asks, exchange, with};
use crate::support::application::{Application, at};
use crate::support::fastcgi::Client;
use crate::support::http::{self, Reply, Server};
use crate::support::response::Response;
use crate::support::{Cgi, StateDir};

const REQUESTS: usize = 500;

/// What is compared of a response. Each server has error pages of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    status: u16,
    fields: Vec<(&'static str, Option<String>)>,
    body: Option<Bytes>,
}

/// Bytes, of which a message shows the number.
#[derive(Clone, Eq, PartialEq)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Seen {
    fn of(reply: &Reply) -> Self {
        let names: &[&str] = match reply.status {
            200 | 206 => &[
                "Accept-Ranges",
                "Content-Length",
                "Content-Range",
                "Last-Modified",
            ],
            // That of 416 is in our response only, though all should have it.
            _ => &[],
        };
        let fields = names
            .iter()
            .map(|name| (*name, reply.header(name).map(str::to_owned)));
        Self {
            status: reply.status,
            fields: fields.collect(),
            body: (reply.status < 400).then(|| Bytes(reply.body.clone())),
        }
    }
}

/// Where a server shows the files: itself, or by the program.
#[derive(Debug)]
struct Shown {
    name: &'static str,
    port: u16,
    base: &'static str,
    tags: Tags,
}

impl Shown {
    fn ask(&mut self, case: &Case) -> Reply {
        let url = format!("{}/{}", self.base, case.file);
        case.ask(&mut self.tags, |method, fields| {
            let lines = fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}"));
            let lines: Vec<String> = lines.collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            http::request(self.port, method, &url, &lines, b"")
        })
    }
}

fn by_cgi(program: &Path, state: &StateDir, tags: &mut Tags, case: &Case) -> Reply {
    case.ask(tags, |method, fields| {
        let cgi = Cgi::new(method, &format!("/{}", case.file)).program(program);
        let cgi = fields.iter().fold(cgi.state(state), |cgi, (name, value)| {
            cgi.var(variable(name), value)
        });
        reply(cgi.run().response())
    })
}

fn by_fastcgi(client: &mut Client, tags: &mut Tags, case: &Case) -> Reply {
    case.ask(tags, |method, fields| {
        let params = asks(method, &format!("/{}", case.file));
        let params = fields.iter().fold(params, |params, (name, value)| {
            with(params, variable(name), value)
        });
        reply(exchange(client, 1, &params, b""))
    })
}

/// The meta-variable of a field (RFC 3875, 4.1.18).
fn variable(name: &str) -> &'static str {
    match name {
        "If-Match" => "HTTP_IF_MATCH",
        "If-Unmodified-Since" => "HTTP_IF_UNMODIFIED_SINCE",
        "If-None-Match" => "HTTP_IF_NONE_MATCH",
        "If-Modified-Since" => "HTTP_IF_MODIFIED_SINCE",
        "If-Range" => "HTTP_IF_RANGE",
        "Range" => "HTTP_RANGE",
        name => panic!("{name}"),
    }
}

fn reply(response: Response) -> Reply {
    Reply {
        status: response.status,
        reason: response.reason,
        headers: response.headers,
        body: response.body,
    }
}

/// Asserts what every response of the program has, and what none of its files has.
#[track_caller]
fn assert_policies(name: &str, reply: &Reply) {
    for (field, want) in [("Cache-Control", "private, no-cache"), ("Vary", "Cookie")] {
        assert_eq!(reply.header(field), Some(want), "{name}: {reply:?}");
    }
    let nosniff = reply.header("X-Content-Type-Options");
    assert!(
        nosniff == Some("nosniff") || reply.status == 304,
        "{name}: {reply:?}"
    );
    for field in [
        "Content-Security-Policy",
        "X-Frame-Options",
        "Referrer-Policy",
    ] {
        assert_eq!(reply.header(field), None, "{name}");
    }
    let has_tag = matches!(reply.status, 200 | 206 | 304);
    assert_eq!(reply.header("ETag").is_some(), has_tag, "{name}: {reply:?}");
}

#[test]
#[ignore = "needs lighttpd and Apache: run tests/run"]
fn files_are_answered_as_by_lighttpd_or_apache() {
    let (site, state) = (site(), StateDir::new());
    let program = site.path().join("cgi-bin/files");
    let worker = Application::worker(&mut at(&program, &state));
    let mut client = worker.connect();
    let (lighttpd, apache) = (lighttpd(&site), apache(&site));
    let shown = |name, server: &Server, base| Shown {
        name,
        port: server.port,
        base,
        tags: Tags::new(),
    };
    let mut peers = [
        shown("lighttpd", &lighttpd, ""),
        shown("Apache", &apache, ""),
    ];
    let mut behind = [
        shown("FastCGI, lighttpd", &lighttpd, "/worker"),
        shown("CGI, lighttpd", &lighttpd, "/cgi-bin/files"),
        shown("CGI, Apache", &apache, "/program"),
    ];
    let mut numbers = Numbers(13);
    // The program's own.
    let mut tags = Tags::new();
    let mut faults = String::new();
    for _ in 0..REQUESTS {
        let case = Case::new(&mut numbers);
        let of_peers = peers.each_mut().map(|peer| Seen::of(&peer.ask(&case)));
        let mut check = |name: &str, seen: &Seen, is_right: bool| {
            if is_right && (case.peers_differ() || of_peers.contains(seen)) {
                return;
            }
            let [first, second] = &of_peers;
            let want = case.expected();
            let _ = writeln!(
                faults,
                "{name}: {case:?}\n  RFC 9110 {want:?}\n  ours     {seen:?}\n  \
                 lighttpd {first:?}\n  Apache   {second:?}"
            );
        };
        for (name, reply) in [
            ("CGI", by_cgi(&program, &state, &mut tags, &case)),
            ("FastCGI", by_fastcgi(&mut client, &mut tags, &case)),
        ] {
            assert_policies(name, &reply);
            check(name, &Seen::of(&reply), case.is_right(&reply));
        }
        // lighttpd looks at the ranges of a program's response too.
        for place in &mut behind {
            let seen = Seen::of(&place.ask(&case));
            check(place.name, &seen, true);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
