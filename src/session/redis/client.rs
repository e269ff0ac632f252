//! A connection to Redis, and what is done when the server asks to go
//! elsewhere.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::resp::{self, Reply, ReplyError};
use super::url::{Endpoint, Login, RedisUrl};

/// How long a Redis may take to answer; a request does not wait for more.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a cluster may send us on to another of its servers.
const MAX_MOVES: usize = 3;

/// Why Redis did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedisError {
    /// The connection failed, ended, or took too long.
    #[error("{0}")]
    Io(io::Error),
    /// It does not speak as Redis does.
    #[error("{0}")]
    Reply(String),
    /// A value is larger than any session.
    #[error("a value has {0} bytes, more than a session has")]
    TooLarge(u64),
    /// It refused.
    #[error("answered {0:?}")]
    Refused(String),
    /// The key is on another server of the cluster.
    #[error("sent us on from server to server")]
    Moved(Endpoint),
}

impl From<ReplyError> for RedisError {
    fn from(err: ReplyError) -> Self {
        match err {
            ReplyError::Io(err) => Self::Io(err),
            ReplyError::TooLarge(size) => Self::TooLarge(size),
            ReplyError::Malformed(_) => Self::Reply(err.to_string()),
        }
    }
}

/// A Redis, and the open connections to it or its cluster.
#[derive(Debug)]
pub(crate) struct Client {
    url: RedisUrl,
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    /// A client that connects when it has something to say.
    pub(crate) fn new(url: RedisUrl) -> Self {
        Self {
            url,
            idle: Mutex::default(),
        }
    }

    /// Talks to the server that `talk`'s keys are on. `talk` is begun anew if
    /// that is another one.
    pub(crate) fn run<T>(
        &self,
        mut talk: impl FnMut(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        let mut endpoint = self.url.endpoint.clone();
        for _ in 0..=MAX_MOVES {
            let mut connection = self.connection(&endpoint)?;
            match talk(&mut connection) {
                Err(RedisError::Moved(to)) => {
                    endpoint = to;
                    self.idle().push(connection);
                }
                // After a failure nobody knows which reply comes next.
                Err(err) => return Err(err),
                Ok(outcome) => {
                    self.idle().push(connection);
                    return Ok(outcome);
                }
            }
        }
        Err(RedisError::Moved(endpoint))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self, endpoint: &Endpoint) -> Result<Connection, RedisError> {
        let idle = {
            let mut idle = self.idle();
            let at = idle.iter().position(|idle| idle.endpoint == *endpoint);
            at.map(|at| idle.swap_remove(at))
        };
        match idle.filter(Connection::is_quiet) {
            Some(connection) => Ok(connection),
            None => Connection::open(endpoint, &self.url),
        }
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> String {
        format!("Redis at {}", self.url.endpoint)
    }
}

/// One connection, logged in.
#[derive(Debug)]
pub(crate) struct Connection {
    endpoint: Endpoint,
    socket: BufReader<Socket>,
}

impl Connection {
    fn open(endpoint: &Endpoint, url: &RedisUrl) -> Result<Self, RedisError> {
        let socket = Socket::connect(endpoint).map_err(RedisError::Io)?;
        let mut connection = Self {
            endpoint: endpoint.clone(),
            socket: BufReader::new(socket),
        };
        let database = url.database.to_string();
        let mut greeting: Vec<Vec<&[u8]>> = Vec::new();
        match &url.login {
            Some(Login { user, password }) if user.is_empty() => {
                greeting.push(vec![b"AUTH", password.as_bytes()]);
            }
            Some(Login { user, password }) => {
                greeting.push(vec![b"AUTH", user.as_bytes(), password.as_bytes()]);
            }
            None => {}
        }
        if url.database != 0 {
            greeting.push(vec![b"SELECT", database.as_bytes()]);
        }
        let greeting: Vec<&[&[u8]]> = greeting.iter().map(Vec::as_slice).collect();
        if !greeting.is_empty() {
            connection.all(&greeting, 0)?;
        }
        Ok(connection)
    }

    /// Sends one command and reads its reply, of which no value has more than
    /// `limit` bytes.
    pub(crate) fn one(&mut self, words: &[&[u8]], limit: usize) -> Result<Reply, RedisError> {
        let mut replies = self.all(&[words], limit)?;
        replies
            .pop()
            .ok_or_else(|| RedisError::Reply("sent no reply".to_owned()))
    }

    /// Sends commands together and reads their replies, in order. The first
    /// refusal is an error.
    pub(crate) fn all(
        &mut self,
        commands: &[&[&[u8]]],
        limit: usize,
    ) -> Result<Vec<Reply>, RedisError> {
        let bytes: Vec<u8> = commands
            .iter()
            .flat_map(|words| resp::command(words))
            .collect();
        let socket = self.socket.get_mut();
        socket.deadline = Instant::now() + PATIENCE;
        socket.write_all(&bytes).map_err(RedisError::Io)?;
        let mut replies = Vec::with_capacity(commands.len());
        let mut refused = None;
        for _ in commands {
            match resp::read(&mut self.socket, limit)? {
                Reply::Error(words) => refused = refused.or(Some(words)),
                reply => replies.push(reply),
            }
        }
        match refused {
            Some(words) => Err(refusal(&words)),
            None => Ok(replies),
        }
    }

    /// Whether the server has neither hung up nor said what nobody asked for.
    fn is_quiet(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket.get_ref().fd, PollFlags::IN)];
        self.socket.buffer().is_empty() && poll(&mut fds, Some(&Timespec::default())) == Ok(0)
    }
}

/// `MOVED 3999 127.0.0.1:6381` names the right server; of all else the owner
/// hears.
fn refusal(words: &str) -> RedisError {
    let moved = words.strip_prefix("MOVED ").and_then(|rest| {
        let (_slot, place) = rest.split_once(' ')?;
        Endpoint::parse(place).ok()
    });
    match moved {
        Some(endpoint) => RedisError::Moved(endpoint),
        None => RedisError::Refused(words.chars().take(200).collect()),
    }
}

/// A socket that waits until its deadline, and no longer.
#[derive(Debug)]
struct Socket {
    fd: OwnedFd,
    deadline: Instant,
}

impl Socket {
    fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let fd = match endpoint {
            Endpoint::Unix(path) => connect_unix(path, deadline)?,
            Endpoint::Tcp { host, port } => connect_tcp(host, *port, deadline)?,
        };
        Ok(Self { fd, deadline })
    }

    fn wait(&self, events: PollFlags) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::TimedOut)?;
        let mut fds = [PollFd::new(&self.fd, events)];
        match rustix::io::retry_on_intr(|| poll(&mut fds, Some(&timeout)))? {
            0 => Err(too_slow()),
            _ => Ok(()),
        }
    }
}

fn too_slow() -> io::Error {
    let words = format!("no answer within {} s", PATIENCE.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, words)
}

fn connect_unix(path: &Path, deadline: Instant) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let address = SocketAddrUnix::new(path)?;
    loop {
        match connect(&fd, &address) {
            Ok(()) => return Ok(fd),
            // Its queue is full, and nothing tells when that has changed.
            Err(Errno::AGAIN) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(Errno::AGAIN) => return Err(too_slow()),
            Err(Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
    }
}

fn connect_tcp(host: &str, port: u16, deadline: Instant) -> io::Result<OwnedFd> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_slow());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(stream.into());
            }
            Err(err) if err.kind() == io::ErrorKind::TimedOut => failure = too_slow(),
            Err(err) => failure = err,
        }
    }
    Err(failure)
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            // A reply is rarely there already: waiting first saves a call.
            self.wait(PollFlags::IN)?;
            match rustix::io::read(&self.fd, &mut *buf) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                outcome => return Ok(outcome?),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(&self.fd, buf) {
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                Err(Errno::INTR) => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
