//! A socket to Redis whose calls end at a deadline.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
};

use super::MAX_WAIT;
use super::url::Endpoint;

/// The time without traffic after which the kernel probes a connection: firewalls drop
/// connections that are idle for a few minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The address of a socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// The addresses of `endpoint`. The C library looks up a host name, with the time
    /// limits of `/etc/resolv.conf`.
    pub(super) fn all_of(endpoint: &Endpoint) -> io::Result<Vec<Self>> {
        Ok(match endpoint {
            Endpoint::Unix(path) => vec![Self::Unix(path.clone())],
            Endpoint::Tcp { host, port } => (host.as_str(), *port)
                .to_socket_addrs()?
                .map(Self::Tcp)
                .collect(),
        })
    }
}

/// A socket whose calls fail at its deadline.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    pub(super) deadline: Instant,
}

impl Socket {
    /// Starts to connect to `address`. The socket becomes writable when it is
    /// connected.
    ///
    /// # Errors
    ///
    /// The system's reason; `WouldBlock` if the queue of a unix socket is full.
    pub(super) fn begin(address: &Address, deadline: Instant) -> io::Result<Self> {
        let family = match address {
            Address::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
            Address::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
            Address::Unix(_) => AddressFamily::UNIX,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(family, SocketType::STREAM, flags, None)?;
        let begun = match address {
            Address::Unix(path) => connect(&fd, &SocketAddrUnix::new(path)?),
            Address::Tcp(address) => {
                sockopt::set_tcp_nodelay(&fd, true)?;
                sockopt::set_socket_keepalive(&fd, true)?;
                sockopt::set_tcp_keepidle(&fd, KEEP_ALIVE)?;
                connect(&fd, address)
            }
        };
        match begun {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(Self { fd, deadline }),
            Err(err) => Err(err.into()),
        }
    }

    /// A socket that is connected to `address`.
    pub(super) fn connect(address: &Address, deadline: Instant) -> io::Result<Self> {
        loop {
            match Self::begin(address, deadline) {
                Ok(socket) => {
                    socket.wait(PollFlags::OUT)?;
                    sockopt::socket_error(&socket.fd)??;
                    return Ok(socket);
                }
                // There is no event for room in the queue.
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() >= deadline {
                        return Err(too_slow());
                    }
                    thread::sleep(Duration::from_millis(2));
                }
                Err(err) => return Err(err),
            }
        }
    }

    fn wait(&self, events: PollFlags) -> io::Result<()> {
        let ready = self.poll(events, self.deadline)?;
        (!ready.is_empty()).then_some(()).ok_or_else(too_slow)
    }

    /// Waits until `deadline` for one of `events` or an error, and returns them.
    pub(super) fn poll(&self, events: PollFlags, deadline: Instant) -> io::Result<PollFlags> {
        let mut fds = [PollFd::new(&self.fd, events)];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut fds, Some(&timeout)) {
                Err(Errno::INTR) => {}
                outcome => {
                    outcome?;
                    return Ok(fds[0].revents());
                }
            }
        }
    }
}

fn too_slow() -> io::Error {
    let words = format!("no answer within {} s", MAX_WAIT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, words)
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            // A reply has rarely arrived already: waiting first saves a call.
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
