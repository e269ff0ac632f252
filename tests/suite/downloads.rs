//! Files as responses: what they cost, and what becomes of a reader that is slow or
//! gone, and of a file that changes while it is sent. The program is the example
//! `download`.

use std::fs::{self, File};
use std::io::{PipeReader, Read, pipe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::fastcgi::{answered, asks, exchange};
use crate::support::application::{Application, at, wait_until};
use crate::support::cgi::compiled;
use crate::support::fastcgi::{Client, END_REQUEST, STDOUT, request};
use crate::support::output::{Ended, Output};
use crate::support::response::Response;
use crate::support::{Cgi, StateDir, copy_program, example};

/// The most that an unoptimized process may have in memory, in KiB.
const MOST_MEMORY: u64 = 7 * 1024;

/// More than [`MOST_MEMORY`], and than all buffers on the way to a reader.
const LONG: u64 = 16 << 20;

/// What a step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Readers that read nothing.
const SLOW: u64 = 90;

const PAGE: &str = "a page beside the download\n";

/// The program, and the file that it sends. They are beside the state folder, all of which is
/// read before and after each request.
struct Download {
    state: StateDir,
    program: PathBuf,
    file: PathBuf,
}

impl Download {
    /// A file of `length` bytes, which takes no room on the disk.
    fn of(length: u64) -> Self {
        let state = StateDir::new();
        let folder = state.path().with_file_name("site");
        fs::create_dir(&folder).expect("make a folder");
        let program = folder.join("download.cgi");
        // Not a copy: a process that another test starts meanwhile holds the new file
        // open for writing for a moment, and it could not be run.
        fs::hard_link(example("download"), &program).expect("link the program");
        let file = folder.join("download.bin");
        let sparse = File::create(&file).expect("make the file");
        sparse.set_len(length).expect("make it long");
        Self {
            state,
            program,
            file,
        }
    }

    /// A file of this text.
    fn with(text: &[u8]) -> Self {
        let download = Self::of(0);
        fs::write(&download.file, text).expect("write the file");
        download
    }

    fn cgi(&self, method: &str) -> Cgi {
        Cgi::new(method, "/file")
            .program(&self.program)
            .state(&self.state)
    }

    fn worker(&self) -> Application {
        Application::worker(&mut at(&self.program, &self.state))
    }

    fn truncate(&self, length: u64) {
        let file = File::options().write(true).open(&self.file);
        let file = file.expect("open the file");
        file.set_len(length).expect("make it shorter");
    }
}

/// Runs `cgi` while `read` reads its standard output.
fn piped<T>(cgi: Cgi, read: impl FnOnce(PipeReader) -> T) -> (Output, T) {
    let (reader, writer) = pipe().expect("a pipe");
    thread::scope(|scope| {
        let running = scope.spawn(|| cgi.stdout(writer).run());
        let seen = read(reader);
        (running.join().expect("it ends"), seen)
    })
}

/// Reads the head of an answer, up to the empty line.
fn read_head(reader: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        reader.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("UTF-8")
}

/// Reads to the end, and returns the number of bytes.
fn count(mut reader: impl Read) -> u64 {
    let mut buffer = vec![0; 1 << 20];
    let mut count = 0;
    loop {
        match reader.read(&mut buffer).expect("read on") {
            0 => return count,
            read => count += read as u64,
        }
    }
}

/// Asks for the file on a connection that is not kept, and reads nothing.
fn asked(worker: &Application) -> Client {
    let mut client = worker.connect();
    client.send(&request(1, false, &asks("GET", "/file"), b""));
    client
}

/// Reads the records of an answer, and returns how long its body is, or as much of
/// it as there was before the connection ended, and whether it was complete.
#[track_caller]
fn read_answer(client: &mut Client) -> (u64, bool) {
    let mut length = 0;
    let mut head = true;
    while let Some(record) = client.next() {
        match record.kind {
            STDOUT if head => {
                assert!(record.content.ends_with(b"\r\n\r\n"), "{record:?}");
                head = false;
            }
            STDOUT => length += record.content.len() as u64,
            END_REQUEST => {
                client.assert_closed("not kept");
                return (length, true);
            }
            kind => panic!("type {kind}"),
        }
    }
    (length, false)
}

/// The peak of a process's memory, in KiB (proc(5)).
fn peak_memory(worker: &Application) -> u64 {
    let pid = worker.pid().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Whether the worker has the file open.
fn has_open(worker: &Application, file: &Path) -> bool {
    let pid = worker.pid().as_raw_nonzero();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == file))
}

/// Asserts that a worker that was asked to end did so, and logged only these lines.
#[track_caller]
fn assert_ended(ended: &Ended, log: &[&str]) {
    assert!(ended.status.success(), "{}", ended.status);
    let lines = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(lines.lines().collect::<Vec<_>>(), log);
}

#[track_caller]
fn assert_page(client: &mut Client) {
    let page = exchange(client, 1, &asks("GET", "/"), b"");
    assert_eq!((page.status, page.text()), (200, PAGE));
}

#[test]
fn a_download_that_a_worker_cuts_off_is_in_its_log() {
    let download = Download::of(LONG);
    let worker = download.worker();
    let mut client = asked(&worker);
    wait_until("it is being sent", || has_open(&worker, &download.file));
    worker.signal(rustix::process::Signal::TERM);
    let log = "download: an answer was cut off: this worker has to end";
    assert_ended(&worker.wait(), &[log]);
    assert!(!read_answer(&mut client).1);
}

#[test]
#[ignore = "takes half a minute: run tests/run"]
fn a_download_that_is_paused_for_half_a_minute_is_cut_off_and_logged() {
    let download = Download::of(LONG);
    let worker = download.worker();
    let mut client = asked(&worker);
    wait_until("it is being sent", || has_open(&worker, &download.file));
    thread::sleep(Duration::from_secs(27));
    assert!(has_open(&worker, &download.file), "closed too early");
    thread::sleep(Duration::from_secs(5));
    assert!(!has_open(&worker, &download.file), "it is still open");
    assert!(!read_answer(&mut client).1);
    worker.signal(rustix::process::Signal::TERM);
    let log = "download: an answer was cut off: the web server read nothing for 30 seconds";
    assert_ended(&worker.wait(), &[log]);
}

/// A worker that ends waits for 5 seconds only, so it does not end yet.
#[test]
fn a_worker_whose_file_is_replaced_completes_a_download() {
    let download = Download::of(LONG);
    let worker = download.worker();
    let mut client = asked(&worker);
    let new = download.program.with_file_name("new");
    copy_program(example("download"), &new);
    fs::rename(new, &download.program).expect("replace the program");
    let (mut length, mut is_complete) = (0, false);
    while let Some(record) = client.next() {
        length += record.content.len() as u64;
        is_complete |= record.kind == END_REQUEST;
        // 12 seconds for the file.
        let share = record.content.len() as f64 / LONG as f64;
        thread::sleep(Duration::from_secs(12).mul_f64(share));
    }
    assert!(is_complete && length > LONG, "{length} bytes");
    let log = "download: the file of this program was replaced: this worker ends";
    assert_ended(&worker.wait(), &[log]);
}

/// Sends a file of this length by CGI and by FastCGI.
#[track_caller]
fn assert_needs_little_memory(length: u64) {
    let download = Download::of(length);
    let peak = compiled("peak", &[]);
    let cgi = download
        .cgi("GET")
        .patience(PATIENCE)
        .through(&[peak.to_str().expect("UTF-8")]);
    let (out, (head, sent)) = piped(cgi, |mut reader| (read_head(&mut reader), count(reader)));
    let field = format!("\r\nContent-Length: {length}\r\n");
    assert!(head.contains(&field), "{head}");
    assert_eq!(sent, length);
    let peak: u64 = out.errors().trim().parse().expect("a number alone");
    assert!(peak < MOST_MEMORY, "CGI: {peak} KiB");

    let worker = download.worker();
    let mut client = asked(&worker);
    client.wait_at_most(PATIENCE);
    assert_eq!(read_answer(&mut client), (length, true));
    let peak = peak_memory(&worker);
    assert!(peak < MOST_MEMORY, "FastCGI: {peak} KiB");
    assert_ended(&worker.end(), &[]);
}

#[test]
fn a_long_file_needs_little_memory() {
    assert_needs_little_memory(LONG);
}

#[test]
#[ignore = "takes a minute on a busy machine: run tests/run"]
fn a_file_of_a_gigabyte_needs_little_memory() {
    assert_needs_little_memory(1 << 30);
}

/// Readers that stopped reading keep one piece of the file each.
#[test]
fn slow_readers_need_little_memory_and_delay_nobody() {
    let download = Download::of(LONG);
    let worker = download.worker();
    assert_page(&mut worker.connect());
    let before = peak_memory(&worker);
    let mut slow: Vec<Client> = (0..SLOW).map(|_| asked(&worker)).collect();
    for client in &mut slow {
        wait_until("the slow reader is sent something", || client.waiting() > 0);
    }
    // Beside them a page, a whole download, and a page again.
    assert_page(&mut worker.connect());
    assert_eq!(read_answer(&mut asked(&worker)), (LONG, true));
    assert_page(&mut worker.connect());
    let more = peak_memory(&worker) - before;
    assert!(more < SLOW * 48, "{more} KiB");
    // And a slow reader that goes on gets all of it.
    assert_eq!(read_answer(&mut slow[7]), (LONG, true));
    drop(slow);
    wait_until("their files are closed", || {
        !has_open(&worker, &download.file)
    });
    assert_ended(&worker.end(), &[]);
}

/// A worker gives one piece at a time to a reader that takes all it gets: a file
/// without an end keeps it from nothing.
#[test]
fn a_fast_reader_delays_nobody() {
    let download = Download::of(1 << 40);
    let worker = download.worker();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut fast = asked(&worker);
        let reader = scope.spawn({
            let is_done = &is_done;
            move || {
                while !is_done.load(Ordering::Relaxed) {
                    fast.next().expect("a piece");
                }
            }
        });
        let mut client = worker.connect();
        for _ in 0..5 {
            assert_page(&mut client);
        }
        assert!(!reader.is_finished());
        is_done.store(true, Ordering::Relaxed);
    });
    assert_ended(&worker.end(), &[]);
}

#[test]
fn a_reader_that_disconnects_is_not_an_error() {
    let download = Download::of(LONG);
    let (out, ()) = piped(download.cgi("GET"), |mut reader| {
        read_head(&mut reader);
    });
    assert!(out.status.success() && out.stderr.is_empty(), "{out}");

    let worker = download.worker();
    let mut gone = asked(&worker);
    let _ = gone.next();
    assert!(has_open(&worker, &download.file));
    drop(gone);
    wait_until("the file is closed", || !has_open(&worker, &download.file));
    assert_page(&mut worker.connect());
    assert_ended(&worker.end(), &[]);
}

#[test]
fn a_file_that_becomes_shorter_ends_the_answer_early() {
    let download = Download::of(LONG);
    let (out, length) = piped(download.cgi("GET"), |mut reader| {
        read_head(&mut reader);
        download.truncate(LONG / 2);
        count(reader)
    });
    let line = format!(
        "download: an answer was cut off: the file became shorter: its last {} bytes are missing\n",
        LONG / 2
    );
    assert_eq!((out.errors(), length), (line.clone(), LONG / 2));

    let download = Download::of(LONG);
    let worker = download.worker();
    let mut client = asked(&worker);
    wait_until("some of it is sent", || client.waiting() > 0);
    download.truncate(LONG / 2);
    assert_eq!(read_answer(&mut client), (LONG / 2, false));
    assert_page(&mut worker.connect());
    assert_ended(&worker.end(), &[line.trim_end()]);
}

#[test]
fn each_byte_of_a_file_arrives_and_head_has_its_length_only() {
    let bytes: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    let download = Download::with(&bytes);
    let worker = download.worker();
    for (method, want) in [("GET", bytes.as_slice()), ("HEAD", b"")] {
        let cgi = download.cgi(method).run();
        let fastcgi = exchange(&mut worker.connect(), 1, &asks(method, "/file"), b"");
        for (gateway, seen) in [("CGI", cgi.response()), ("FastCGI", fastcgi)] {
            let name = format!("{method} by {gateway}");
            assert_eq!(seen.header("content-length"), Some("300000"), "{name}");
            let disposition = seen.header("content-disposition");
            let wanted = Some("attachment; filename=\"download.bin\"");
            assert_eq!(disposition, wanted, "{name}");
            let kind = seen.header("content-type");
            assert_eq!(kind, Some("application/octet-stream"), "{name}");
            assert!(seen.body == want, "{name}: {} bytes", seen.body.len());
        }
    }
}

/// The next request on the connection waits for the end of the file.
#[test]
fn requests_behind_a_download_are_answered_after_it() {
    let download = Download::of(LONG);
    let worker = download.worker();
    let mut client = worker.connect();
    client.send(&request(1, true, &asks("GET", "/file"), b""));
    client.send(&request(1, true, &asks("GET", "/"), b""));
    let file: Response = answered(&mut client, 1);
    assert_eq!(file.body.len() as u64, LONG);
    let page = answered(&mut client, 1);
    assert_eq!((page.status, page.text()), (200, PAGE));
}
