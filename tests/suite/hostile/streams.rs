//! Standard streams that are not as they should be: bodies too long, too short
//! or never ending, closed and full outputs; and little memory for all of it.

use std::fs::File;
use std::io::{ErrorKind, PipeWriter, Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{assert_anonymous, assert_status};
use crate::support::invariants::{Allowed, COOKIE, NOTHING, assert_holds, checked};
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now, tested_program};

const LOGIN: &str = "username=admin";

/// What MAX_CONTENT_LENGTH is unless set.
const LIMIT: usize = 65_536;

/// A login form of exactly `length` bytes.
fn form_of(length: usize) -> String {
    let start = format!("{LOGIN}&pad=");
    format!("{start}{}", "x".repeat(length - start.len()))
}

/// The name in the session that the answer sets.
#[track_caller]
fn logged_in_as(answer: &Response) -> String {
    let cookie = answer.cookie("session").expect("a session");
    let (json, _, _) = Signer::default()
        .read_session(&cookie.value)
        .expect("our signature");
    json
}

/// A response that needs no body does not wait for one (RFC 3875, 4.2).
#[test]
fn answers_that_need_no_body_do_not_wait() {
    let json = "application/json";
    let evil = ("HTTP_ORIGIN", "https://evil.example");
    let cases = [
        ("GET", Cgi::get("/"), 200),
        ("HEAD", Cgi::new("HEAD", "/"), 200),
        (
            "GET with a length",
            Cgi::get("/").var("CONTENT_LENGTH", "3"),
            200,
        ),
        ("no page", Cgi::post("/nothing", LOGIN).body(""), 404),
        (
            "no such method",
            Cgi::new("PUT", "/login").var("CONTENT_LENGTH", "3"),
            405,
        ),
        (
            "no length",
            Cgi::post("/login", LOGIN).without("CONTENT_LENGTH"),
            411,
        ),
        (
            "over the limit",
            Cgi::post("/login", form_of(LIMIT + 1)).body(""),
            413,
        ),
        (
            "wrong type",
            Cgi::post("/login", LOGIN)
                .body("")
                .var("CONTENT_TYPE", json),
            415,
        ),
        (
            "another site's",
            Cgi::post("/login", LOGIN).body("").vars(&[evil]),
            403,
        ),
        (
            "an empty length",
            Cgi::post("/login", LOGIN).var("CONTENT_LENGTH", ""),
            411,
        ),
        (
            "junk for a length",
            Cgi::post("/login", LOGIN).var("CONTENT_LENGTH", "1e3"),
            400,
        ),
    ];
    for (name, cgi, want) in cases {
        assert_status(name, cgi.hold_stdin(), want);
    }
}

/// CONTENT_LENGTH does not decide how much memory is allocated.
#[test]
fn claimed_lengths_cost_nothing() {
    for length in [
        "65537",
        "4294967296",
        "1000000000000",
        "9223372036854775808",
    ] {
        let cgi = Cgi::post("/login", "")
            .var("CONTENT_LENGTH", length)
            .hold_stdin();
        let out = cgi.address_space(24 << 20).run();
        assert_eq!(assert_holds(length, &out, NOTHING).status, 413, "{length}");
    }
}

/// CONTENT_LENGTH bytes are the body, no more and no fewer.
#[test]
fn body_ends_where_content_length_says() {
    let long = form_of(LIMIT);
    let cases: [(&str, Cgi, u16); 7] = [
        ("exact", Cgi::post("/login", LOGIN), 303),
        ("as much as may be", Cgi::post("/login", &long), 303),
        (
            "and no more",
            Cgi::post("/login", &long).body(form_of(LIMIT + 9)),
            303,
        ),
        (
            "cut short",
            Cgi::post("/login", LOGIN).var("CONTENT_LENGTH", "100"),
            400,
        ),
        ("nothing there", Cgi::post("/login", LOGIN).body(""), 400),
        ("closed", Cgi::post("/login", LOGIN).redirect("<&-"), 400),
        (
            "a directory",
            Cgi::post("/login", LOGIN).redirect("</"),
            400,
        ),
    ];
    for (name, cgi, want) in cases {
        let allowed = if want == 303 { COOKIE } else { NOTHING };
        assert_eq!(checked(name, cgi, allowed).status, want, "{name}");
    }
    // More follows, and the pipe stays open: "admin" ends where it was said to.
    let more = Cgi::post("/login", LOGIN)
        .body("username=administrator&x=y")
        .hold_stdin();
    let answer = checked("more follows", more, COOKIE);
    assert_eq!(
        logged_in_as(&answer),
        r#"{"_demo":"admin","username":"admin"}"#
    );
}

/// Apache passes a chunked request on without CONTENT_LENGTH: the body ends at the
/// end of file, and has the same limit.
#[test]
fn chunked_bodies_end_with_the_file() {
    let chunked = |body: &str| {
        Cgi::post("/login", body)
            .without("CONTENT_LENGTH")
            .var("HTTP_TRANSFER_ENCODING", "chunked")
    };
    let answer = checked("a form", chunked(LOGIN), COOKIE);
    assert_eq!(
        (answer.status, logged_in_as(&answer).as_str()),
        (303, r#"{"_demo":"admin","username":"admin"}"#)
    );
    let answer = checked(
        "empty length",
        chunked(LOGIN).var("CONTENT_LENGTH", ""),
        COOKIE,
    );
    assert_eq!(answer.status, 303);
    let answer = checked("as much as may be", chunked(&form_of(LIMIT)), COOKIE);
    assert_eq!(answer.status, 303);
    assert_status("too much", chunked(&form_of(LIMIT + 1)), 413);
    // It need not end for the answer to be clear.
    assert_status(
        "without end",
        chunked(&form_of(LIMIT + 1)).hold_stdin(),
        413,
    );
    assert_status("nothing", chunked(""), 400);
}

/// Requests for which the body belongs to another request or means nothing.
#[test]
fn bodies_nobody_asked_for() {
    let cases = [
        (
            "GET with a body",
            Cgi::get("/").var("CONTENT_LENGTH", "3").body("a=b"),
        ),
        (
            "GET, junk for a length",
            Cgi::get("/").var("CONTENT_LENGTH", "-1"),
        ),
        (
            "GET, a huge length",
            Cgi::get("/").var("CONTENT_LENGTH", "99999999999999999999"),
        ),
        (
            "GET, chunked",
            Cgi::get("/")
                .var("HTTP_TRANSFER_ENCODING", "chunked")
                .hold_stdin(),
        ),
        (
            "lighttpd's constant",
            Cgi::get("/").var("REDIRECT_STATUS", "200"),
        ),
        (
            "junk for a status",
            Cgi::get("/").var("REDIRECT_STATUS", "4O4"),
        ),
    ];
    for (name, cgi) in cases {
        assert_anonymous(name, cgi);
    }
    // signet is the ErrorDocument of a POST that failed elsewhere.
    for status in [403, 404, 500, 503] {
        let name = format!("error document {status}");
        let cgi = Cgi::get("/")
            .vars(&[
                ("REDIRECT_REQUEST_METHOD", "POST"),
                ("CONTENT_LENGTH", "17"),
            ])
            .var("REDIRECT_STATUS", status.to_string())
            .hold_stdin();
        assert_status(&name, cgi, status);
    }
}

/// The limits of a cheap host are enough for each page. The program with its checks and
/// shared libraries maps 16 MiB itself; `deploy::build` runs the static one in that.
#[test]
fn little_memory_is_enough() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    for megabytes in [24, 64] {
        let cases = [
            ("index", Cgi::get("/"), 200, NOTHING),
            ("form", Cgi::get("/login"), 200, NOTHING),
            ("login", Cgi::post("/login", LOGIN), 303, COOKIE),
            (
                "the longest form",
                Cgi::post("/login", form_of(LIMIT)),
                303,
                COOKIE,
            ),
            (
                "logged in",
                Cgi::get("/").cookie(format!("session={token}")),
                200,
                NOTHING,
            ),
            ("no page", Cgi::get("/nothing"), 404, NOTHING),
            (
                "no settings",
                Cgi::get("/").var("SIGNET_BOGUS", "1"),
                503,
                NOTHING,
            ),
        ];
        for (name, cgi, want, allowed) in cases {
            let name = format!("{name} in {megabytes} MiB");
            let out = cgi.address_space(megabytes << 20).run();
            assert_eq!(assert_holds(&name, &out, allowed).status, want, "{name}");
        }
    }
}

/// A response that cannot be written is not an error.
#[test]
fn nobody_listens() {
    let gone = || {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        writer
    };
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full")
    };
    let cases = [
        ("stdout closed", Cgi::get("/").redirect(">&-")),
        ("stdout full", Cgi::get("/").stdout(full())),
        ("reader gone", Cgi::get("/").stdout(gone())),
        ("all closed", Cgi::get("/").redirect("<&- >&- 2>&-")),
        (
            "login, reader gone",
            Cgi::post("/login", LOGIN).stdout(gone()),
        ),
        (
            "error, reader gone",
            Cgi::get("/").var("SIGNET_BOGUS", "1").stdout(gone()),
        ),
    ];
    for (name, cgi) in cases {
        let out = cgi.run();
        assert_eq!(out.status.code(), Some(0), "{name}: {out}");
        assert!(!out.errors().contains("panicked"), "{name}: {out}");
        assert_eq!((out.stdout.len(), &out.after), (0, &out.before), "{name}");
    }
}

/// A page of more than a pipe holds.
fn long_page() -> (StateDir, String) {
    let state = StateDir::new();
    let page = "0123456789abcdef".repeat(30_000);
    state.write("templates/index.html", &page, 0o644);
    (state, page)
}

/// The two ends of a pipe whose writer does not wait for room, and what is read
/// from it once it is full.
fn hasty_pipe() -> (PipeWriter, JoinHandle<Vec<u8>>) {
    let (mut reader, writer) = pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("non-blocking mode");
    let read = thread::spawn(move || {
        while rustix::io::ioctl_fionread(&reader).expect("a pipe") < 32 * 1024 {
            thread::sleep(Duration::from_millis(1));
        }
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("read the answer");
        bytes
    });
    (writer, read)
}

/// Whoever shares the pipe may have put it into non-blocking mode: Node and
/// terminals do. A write that would wait is no failure.
#[test]
fn answers_come_whole_through_a_pipe_that_does_not_wait() {
    let (state, page) = long_page();
    let (writer, read) = hasty_pipe();
    let out = Cgi::get("/").state(&state).stdout(writer).run();
    assert_eq!(out.errors(), "");
    let answer = read.join().expect("it was read");
    let answer = Response::parse(&answer).expect("an answer");
    assert!(answer.text() == page, "{} bytes", answer.text().len());

    // The command line prints by the same rule.
    let (writer, read) = hasty_pipe();
    let status = Command::new(tested_program())
        .args(["request", "GET", "/"])
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .stdout(writer)
        .status();
    assert_eq!(status.expect("run signet").code(), Some(0));
    let answer = read.join().expect("it was read");
    assert!(answer.ends_with(page.as_bytes()), "{} bytes", answer.len());
}

/// Nobody reads the error log, and it is full.
#[test]
fn a_full_log_does_not_delay_an_answer() {
    for does_not_wait in [true, false] {
        let (_reader, mut writer) = pipe().expect("a pipe");
        rustix::io::ioctl_fionbio(&writer, true).expect("non-blocking mode");
        while writer.write(&[b'x'; 4096]).is_ok() {}
        rustix::io::ioctl_fionbio(&writer, does_not_wait).expect("its mode");
        let broken = Cgi::get("/").var("SIGNET_BOGUS", "1").stderr(writer);
        assert_status("log full", broken, 503);
    }
}

/// When the reason cannot be logged, the visitor still gets a response.
#[test]
fn nobody_logs() {
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full")
    };
    let broken = || Cgi::get("/").var("SIGNET_BOGUS", "1");
    assert!(
        !broken().run().stderr.is_empty(),
        "this page has a reason to log"
    );
    assert_status("stderr closed", broken().redirect("2>&-"), 503);
    assert_status("stderr full", broken().stderr(full()), 503);
    assert_status("stderr nowhere", broken().stderr(Stdio::null()), 503);
}

/// When a standard stream is closed, no file that is opened may get its number: the
/// response must not be written to the key's file, nor the key be read as the body.
#[test]
fn closed_streams_are_not_taken_for_files() {
    let state = StateDir::new();
    let first = |redirections: &str| {
        let cgi = Cgi::post("/login", LOGIN)
            .state(&state)
            .without("SIGNET_SECRET_KEY");
        cgi.redirect(redirections).run()
    };
    let out = first(">&-");
    assert_eq!(out.status.code(), Some(0), "{out}");
    let key = std::fs::read(state.path().join("secret_key")).expect("a key was made");
    assert!(
        !key.is_empty() && !key.windows(6).any(|six| six == b"Status"),
        "{}",
        key.escape_ascii()
    );
    let out = first("2>&-");
    let allowed = Allowed {
        cookie: true,
        state: false,
    };
    let cookie = assert_holds("same key", &out, allowed)
        .cookie("session")
        .expect("a session");
    let index = Cgi::get("/").state(&state).without("SIGNET_SECRET_KEY");
    let page = checked(
        "the next request",
        index.cookie(format!("session={}", cookie.value)),
        NOTHING,
    );
    assert!(
        page.words().contains("Logged in as admin"),
        "{}",
        page.words()
    );
}

/// The whole answer in one write: a datagram socket shows where writes end. A
/// server that gets half a head may show it to the visitor as the page.
#[test]
fn answers_are_one_write() {
    let token = Signer::default().token(r#"{"username":"admin"}"#, now());
    let cases = [
        ("index", Cgi::get("/").cookie(format!("session={token}"))),
        ("login", Cgi::post("/login", LOGIN)),
        ("no page", Cgi::get("/nothing")),
        ("no settings", Cgi::get("/").var("SIGNET_BOGUS", "1")),
    ];
    for (name, cgi) in cases {
        let (ours, theirs) = UnixDatagram::pair().expect("a pair of sockets");
        cgi.stdout(OwnedFd::from(theirs)).run();
        ours.set_nonblocking(true).expect("do not wait");
        let mut bytes = vec![0; 1 << 16];
        let length = ours.recv(&mut bytes).expect("a write");
        Response::parse(&bytes[..length]).unwrap_or_else(|why| panic!("{name}: {why}"));
        let more = ours.recv(&mut bytes).map_err(|err| err.kind());
        assert!(!matches!(more, Ok(1..)), "{name}: {more:?}");
        assert!(
            !matches!(more, Err(kind) if kind != ErrorKind::WouldBlock),
            "{name}: {more:?}"
        );
    }
}
