//! Files that change while they are sent, by CGI and by FastCGI, and the memory that a
//! large one needs. The program is `file_server`.

use std::fs::{self, File};
use std::io::{Read, pipe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{ADA, cookie_of, state_of};
use crate::deploy::static_program;
use crate::fastcgi::{asks, with};
use crate::support::application::{Application, at, wait_until};
use crate::support::cgi::compiled;
use crate::support::fastcgi::{END_REQUEST, STDOUT, request};
use crate::support::{Cgi, StateDir, example};

/// More than all buffers on the way to a reader.
const LONG: usize = 16 << 20;

/// The range that is asked for.
const FIRST: usize = 1000;
const RANGE: &str = "bytes=1000-";

/// The program, and the file that it shows.
struct Shown {
    state: StateDir,
    program: PathBuf,
    file: PathBuf,
}

impl Shown {
    fn new() -> Self {
        let state = StateDir::new();
        let path = state.path();
        for folder in ["bin", "htdocs"] {
            fs::create_dir(path.join(folder)).expect("make a folder");
        }
        let (program, file) = (path.join("bin/files"), path.join("htdocs/a.bin"));
        // Not a copy, which could not be run while another process has it open.
        fs::hard_link(example("file_server"), &program).expect("link the program");
        Self {
            state,
            program,
            file,
        }
    }

    /// Sends a range of the file by CGI, changes the file after the first bytes, and
    /// returns the body and what was logged.
    fn by_cgi(&self, change: impl FnOnce(&Path)) -> (Vec<u8>, String) {
        let (mut reader, writer) = pipe().expect("a pipe");
        let cgi = Cgi::get("/a.bin")
            .program(&self.program)
            .state(&self.state)
            .var("HTTP_RANGE", RANGE)
            .stdout(writer);
        thread::scope(|scope| {
            let running = scope.spawn(|| cgi.run());
            let mut answer = vec![0; 100];
            reader.read_exact(&mut answer).expect("a beginning");
            change(&self.file);
            reader.read_to_end(&mut answer).expect("read on");
            let out = running.join().expect("it ends");
            assert!(out.status.success(), "{out}");
            (body(&answer), out.errors())
        })
    }

    /// As [`Shown::by_cgi`], and whether the response was complete.
    fn by_fastcgi(&self, change: impl FnOnce(&Path)) -> (Vec<u8>, String, bool) {
        let worker = Application::worker(&mut at(&self.program, &self.state));
        let mut client = worker.connect();
        let params = with(asks("GET", "/a.bin"), "HTTP_RANGE", RANGE);
        client.send(&request(1, false, &params, b""));
        wait_until("some of it is sent", || client.waiting() > 0);
        change(&self.file);
        let (mut answer, mut is_complete) = (Vec::new(), false);
        while let Some(record) = client.next() {
            match record.kind {
                STDOUT => answer.extend(record.content),
                END_REQUEST => is_complete = true,
                kind => panic!("type {kind}"),
            }
        }
        let log = String::from_utf8_lossy(&worker.end().stderr).into_owned();
        (body(&answer), log, is_complete)
    }
}

/// The body of a response with a part of the file.
#[track_caller]
fn body(answer: &[u8]) -> Vec<u8> {
    assert!(
        answer.starts_with(b"Status: 206 "),
        "{:?}",
        answer.get(..20)
    );
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    answer[end.expect("the end of the head") + 4..].to_vec()
}

#[test]
fn a_file_that_is_replaced_or_deleted_is_sent_as_it_was() {
    let replace = |path: &Path| {
        let other = path.with_extension("new");
        fs::write(&other, vec![b'B'; LONG]).expect("another file");
        fs::rename(other, path).expect("replace it");
    };
    let delete = |path: &Path| fs::remove_file(path).expect("delete it");
    for (name, change) in [("replaced", replace as fn(&Path)), ("deleted", delete)] {
        let shown = Shown::new();
        let whole = vec![b'A'; LONG - FIRST];
        fs::write(&shown.file, vec![b'A'; LONG]).expect("the file");
        let (seen, log) = shown.by_cgi(change);
        assert!(
            seen == whole && log.is_empty(),
            "{name}: {} {log}",
            seen.len()
        );

        fs::write(&shown.file, vec![b'A'; LONG]).expect("the file");
        let (seen, log, is_complete) = shown.by_fastcgi(change);
        assert!(
            seen == whole && log.is_empty(),
            "{name}: {} {log}",
            seen.len()
        );
        assert!(is_complete, "{name}");
    }
}

#[test]
fn a_file_that_is_truncated_ends_the_connection_early() {
    let truncate = |path: &Path| {
        let file = File::options().write(true).open(path).expect("open it");
        file.set_len(LONG as u64 / 2).expect("make it shorter");
    };
    let (shown, rest) = (Shown::new(), vec![b'A'; LONG / 2 - FIRST]);
    let line = format!(
        "file-server: an answer was cut off: the file became shorter: its last {} bytes are missing\n",
        LONG / 2
    );
    fs::write(&shown.file, vec![b'A'; LONG]).expect("the file");
    let (seen, log) = shown.by_cgi(truncate);
    assert!(seen == rest, "{}", seen.len());
    assert_eq!(log, line);

    fs::write(&shown.file, vec![b'A'; LONG]).expect("the file");
    let (seen, log, is_complete) = shown.by_fastcgi(truncate);
    assert!(seen == rest && !is_complete, "{}", seen.len());
    assert_eq!(log, line);
}

/// What a gigabyte may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the program through `peak`. Returns what that prints, and the number of bytes that
/// are sent.
fn peak_of(cgi: Cgi) -> (u64, usize) {
    let (mut reader, writer) = pipe().expect("a pipe");
    let cgi = cgi.stdout(writer);
    thread::scope(|scope| {
        let running = scope.spawn(|| cgi.run());
        let (mut buffer, mut sent) = (vec![0; 1 << 20], 0);
        loop {
            match reader.read(&mut buffer).expect("read on") {
                0 => break,
                read => sent += read,
            }
        }
        let out = running.join().expect("it ends");
        let peak = out.errors().trim().parse().expect("a number alone");
        (peak, sent)
    })
}

#[test]
#[ignore = "needs the static program: run tests/run"]
fn the_static_program_sends_a_gigabyte_with_less_than_six_mebibytes() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    state.write("../private/a.bin", "", 0o600);
    let private = state.path().with_file_name("private");
    let file = File::options().write(true).open(private.join("a.bin"));
    file.and_then(|file| file.set_len(1 << 30))
        .expect("make it long");
    let peak = compiled("peak", &[]);
    let cgi = Cgi::get("/files/a.bin")
        .program(static_program())
        .state(&state)
        .cookie(cookie)
        .var("SIGNET_GUARD_DIR", private)
        .patience(PATIENCE)
        .through(&[peak.to_str().expect("UTF-8")]);
    let (peak, sent) = peak_of(cgi);
    assert!(sent > 1 << 30, "{sent} bytes");
    assert!(peak < 6 * 1024, "{peak} KiB");
}
