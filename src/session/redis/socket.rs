//! A socket to Redis that is waited for until a deadline.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::client::PATIENCE;
use super::url::Endpoint;

/// A socket that waits until its deadline, and no longer.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    pub(super) deadline: Instant,
}

impl Socket {
    pub(super) fn connect(endpoint: &Endpoint) -> io::Result<Self> {
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
