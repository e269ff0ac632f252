//! A raw HTTP/1.1 client and a guard for servers: a test of what a server and
//! a script make together must see every byte of it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::application::without_settings;
use super::response::SetCookie;
use super::steady::{Steady, steadily};

/// Longer than any answer may take, were the machine ever so busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer as it came over the wire.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) reason: String,
    /// Every field, repeated ones too, in order; values as Latin-1.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// All values of a field.
    pub(crate) fn all(&self, wanted: &str) -> Vec<&str> {
        let fields = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        fields.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that stands once or not at all.
    #[track_caller]
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        let values = self.all(wanted);
        assert!(
            values.len() < 2,
            "{wanted} stands {} times: {self:?}",
            values.len()
        );
        values.first().copied()
    }

    /// The cookies it sets.
    #[track_caller]
    pub(crate) fn cookies(&self) -> Vec<SetCookie> {
        let lines = self.all("Set-Cookie");
        lines
            .iter()
            .map(|line| SetCookie::parse(line).expect("a valid Set-Cookie"))
            .collect()
    }

    /// The body as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a page in UTF-8")
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.status, self.reason)?;
        f.debug_map()
            .entries(self.headers.iter().map(|(name, value)| (name, value)))
            .finish()?;
        write!(f, " {}", self.body.escape_ascii())
    }
}

/// Where a server listens: a port of this machine, or an address.
pub(crate) trait Place: Copy {
    fn address(self) -> SocketAddr;
}

impl Place for u16 {
    fn address(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self).into()
    }
}

impl Place for SocketAddr {
    fn address(self) -> SocketAddr {
        self
    }
}

/// Sends a request without a body and reads the answer. `headers` stand
/// behind Host, each without its line end.
#[track_caller]
pub(crate) fn get(place: impl Place, target: &str, headers: &[&str]) -> Reply {
    request(place, "GET", target, headers, b"")
}

/// Posts a form, see [`get`].
#[track_caller]
pub(crate) fn post(place: impl Place, target: &str, headers: &[&str], form: &str) -> Reply {
    let length = format!("Content-Length: {}", form.len());
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let headers = [headers, &[kind, &length]].concat();
    request(place, "POST", target, &headers, form.as_bytes())
}

/// Sends a request of any method, see [`get`].
#[track_caller]
pub(crate) fn request(
    place: impl Place,
    method: &str,
    target: &str,
    headers: &[&str],
    body: &[u8],
) -> Reply {
    let host = place.address();
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("Connection: close\r\n\r\n");
    send(place, &[text.as_bytes(), body].concat(), method == "HEAD")
        .unwrap_or_else(|err| panic!("{method} {target} {headers:?}: {err}"))
}

/// Sends these bytes as they stand and reads one answer, which must be all
/// that comes; with `head`, one that has no body. The request is to say
/// `Connection: close`. An error is what the socket or a strange answer gave.
pub(crate) fn send(place: impl Place, bytes: &[u8], head: bool) -> io::Result<Reply> {
    let mut stream = connect(place)?;
    // A server that refuses early may close before it has read all: its
    // answer counts, not our broken pipe.
    let sent = stream.write_all(bytes);
    let mut reader = BufReader::new(stream);
    loop {
        let reply = read_reply(&mut reader, head);
        match reply {
            Ok(reply) if reply.status == 100 => {}
            Ok(reply) => {
                let mut more = Vec::new();
                // It may as well be cut off now.
                let _ = reader.read_to_end(&mut more);
                return match more.as_slice() {
                    [] => Ok(reply),
                    more => Err(strange(&more.escape_ascii().to_string())),
                };
            }
            Err(err) => return Err(sent.err().unwrap_or(err)),
        }
    }
}

/// Sends these bytes, says that no more will come, and returns what came back.
pub(crate) fn send_and_end(place: impl Place, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(place)?;
    stream.write_all(bytes)?;
    stream.0.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// A connection on which no call takes longer than [`PATIENCE`].
pub(crate) fn connect(place: impl Place) -> io::Result<Steady<TcpStream>> {
    let stream = steadily(|| TcpStream::connect_timeout(&place.address(), PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Steady(stream))
}

fn read_reply(reader: &mut impl BufRead, head: bool) -> io::Result<Reply> {
    let first = read_line(reader)?;
    let (version, rest) = first.split_once(' ').ok_or_else(|| strange(&first))?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = code.parse().map_err(|_| strange(&first))?;
    if !version.starts_with("HTTP/1.") {
        return Err(strange(&first));
    }
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| strange(&line))?;
        headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    let mut reply = Reply {
        status,
        reason: reason.to_owned(),
        headers,
        body: Vec::new(),
    };
    if !head && status >= 200 && status != 204 && status != 304 {
        reply.body = read_body(reader, &reply)?;
    }
    Ok(reply)
}

fn read_body(reader: &mut impl BufRead, reply: &Reply) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if reply.header("Transfer-Encoding").is_some() {
        loop {
            let line = read_line(reader)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| strange(&line))?;
            reader.by_ref().take(size).read_to_end(&mut body)?;
            if size == 0 {
                // Trailers, if any, up to the blank line.
                while !read_line(reader)?.is_empty() {}
                return Ok(body);
            }
            read_line(reader)?;
        }
    }
    match reply.header("Content-Length") {
        Some(length) => {
            let length = length.parse::<u64>().map_err(|_| strange(length))?;
            reader.take(length).read_to_end(&mut body)?;
            if body.len() as u64 != length {
                return Err(strange("a body cut short"));
            }
        }
        None => {
            reader.read_to_end(&mut body)?;
        }
    }
    Ok(body)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(1 << 20).read_until(b'\n', &mut line)?;
    let text = line
        .strip_suffix(b"\r\n")
        .ok_or_else(|| strange(&line.escape_ascii().to_string()))?;
    Ok(text.iter().copied().map(char::from).collect())
}

fn strange(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}

/// A port of 127.0.0.1 that nobody uses now.
///
/// Not one of those that the system gives to clients: the other tests' clients
/// would take it before a server could.
pub(crate) fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Two test runs at once do not try the same.
    let first = process::id().wrapping_mul(64);
    let mut ports = std::iter::repeat_with(|| {
        let next = first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
        10_000 + (next % 20_000) as u16
    });
    ports
        .by_ref()
        .take(20_000)
        .find(|&port| TcpListener::bind(port.address()).is_ok())
        .expect("a free port")
}

/// A server of our own, with all its children; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts `command` in a process group of its own and waits until it
    /// listens on `port`. It must stay in the foreground.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, port: u16) -> Self {
        let child = without_settings(command).process_group(0).spawn();
        let child = child.unwrap_or_else(|err| panic!("{command:?}: {err}"));
        let mut server = Self { child, port };
        let deadline = Instant::now() + PATIENCE;
        while connect(port).is_err() {
            if let Some(status) = server.child.try_wait().expect("wait for the server") {
                panic!("{command:?} ended with {status}");
            }
            assert!(
                Instant::now() < deadline,
                "{command:?} does not listen on {port}"
            );
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Asks the server to end, all of it, and waits until it has.
    fn stop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        // Whoever is left in the group did not listen.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Each way in which a body may end, and what is no answer at all.
#[test]
fn replies_are_read_to_their_end() {
    const TWO: &str = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n";
    let cases = [
        (
            "length",
            format!("{TWO}Content-Length: 2\r\n\r\nhi, and more"),
            Some("hi"),
        ),
        ("close", format!("{TWO}\r\nhi"), Some("hi")),
        (
            "chunked",
            format!("{TWO}Transfer-Encoding: chunked\r\n\r\n1;x=y\r\nh\r\n01\r\ni\r\n0\r\n\r\n"),
            Some("hi"),
        ),
        (
            "cut short",
            format!("{TWO}Content-Length: 3\r\n\r\nhi"),
            None,
        ),
        (
            "chunk cut short",
            format!("{TWO}Transfer-Encoding: chunked\r\n\r\n3\r\nhi"),
            None,
        ),
        ("head cut short", TWO.to_owned(), None),
        ("nothing", String::new(), None),
        (
            "a page without a head",
            "<html></html>\r\n\r\n".to_owned(),
            None,
        ),
    ];
    for (name, text, want) in cases {
        let reply = read_reply(&mut text.as_bytes(), false).ok();
        assert_eq!(reply.as_ref().map(Reply::text), want, "{name}");
        let cookies = reply.map(|reply| reply.cookies().len());
        assert_eq!(cookies, want.map(|_| 2), "{name}");
    }
    let head = format!("{TWO}Content-Length: 2\r\n\r\n");
    let reply = read_reply(&mut head.as_bytes(), true).expect("an answer to HEAD");
    assert_eq!(
        (reply.status, reply.header("content-length"), reply.text()),
        (200, Some("2"), "")
    );
}
