//! The sockets of one worker.

use std::io;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use rustix::process::{Resource, getrlimit};

use super::super::{MetaVariables, log};
use super::connection::{Arrived, Connection};

/// Connections at one time; a web server that wants more waits.
const MAX_CONNECTIONS: u64 = 100;

/// Descriptors that are no connections: standard streams, files that a request
/// opens, what a web server leaves open.
const OTHER_DESCRIPTORS: u64 = 24;

/// How long a request may take to arrive, from its first byte to its last, and
/// how long its answer may wait to be taken further.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a worker that is asked to end waits for what it has begun.
const GRACE: Duration = Duration::from_secs(5);

/// A connection and its socket.
struct Peer {
    socket: OwnedFd,
    connection: Connection,
    /// When what it is waited for began.
    since: Instant,
}

/// Serves the connections that come in at `listener`, until a signal asks to
/// end, or until nobody reads our standard output any more.
///
/// `answer` makes the answer to a request from its meta-variables and body;
/// `limit` says how many bytes of body a request may have.
///
/// # Errors
///
/// What the system says about the listening socket.
pub(crate) fn work(
    listener: BorrowedFd<'_>,
    allowed: Option<&[IpAddr]>,
    mut answer: impl FnMut(MetaVariables, Vec<u8>) -> Vec<u8>,
    mut limit: impl FnMut(&MetaVariables) -> u64,
) -> io::Result<()> {
    // Other workers wait at the same socket; who comes second gets nothing.
    rustix::io::ioctl_fionbio(listener, true)?;
    let asked_to_end = termination()?;
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = descriptors.saturating_sub(OTHER_DESCRIPTORS);
    let room = room.clamp(1, MAX_CONNECTIONS);
    let mut peers: Vec<Peer> = Vec::new();
    let mut ends: Option<Instant> = None;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let now = Instant::now();
        peers.retain(|peer| !peer.connection.is_over() && now < peer.since + PATIENCE);
        if let Some(ends) = ends {
            peers.retain(|peer| !peer.connection.is_idle());
            if peers.is_empty() || now > ends {
                return Ok(());
            }
        }
        let accepts = ends.is_none() && (peers.len() as u64) < room;
        // Once asked to end, we would be told so at once for as long as we wait.
        let asked = ends.is_none().then_some(&asked_to_end);
        let ready = wait(listener, accepts, asked, &peers)?;
        if ready.ends {
            ends = Some(Instant::now() + GRACE);
        }
        if ready.comes
            && let Some(socket) = accept(listener, allowed)?
        {
            let mut peer = Peer {
                socket,
                connection: Connection::default(),
                since: Instant::now(),
            };
            // Who connects has mostly sent its request already.
            if peer.go_on(&mut buffer, &mut answer, &mut limit).is_ok() {
                peers.push(peer);
            }
        }
        for at in ready.peers.into_iter().rev() {
            if peers[at]
                .go_on(&mut buffer, &mut answer, &mut limit)
                .is_err()
            {
                peers.swap_remove(at);
            }
        }
    }
}

/// What there is to do.
struct Ready {
    ends: bool,
    comes: bool,
    /// In ascending order.
    peers: Vec<usize>,
}

fn wait(
    listener: BorrowedFd<'_>,
    accepts: bool,
    asked_to_end: Option<&UnixStream>,
    peers: &[Peer],
) -> io::Result<Ready> {
    let listens = if accepts {
        PollFlags::IN
    } else {
        PollFlags::empty()
    };
    let mut fds = vec![PollFd::from_borrowed_fd(listener, listens)];
    fds.extend(peers.iter().map(|peer| {
        let interest = if peer.connection.output().is_empty() {
            PollFlags::IN
        } else {
            PollFlags::OUT
        };
        PollFd::new(&peer.socket, interest)
    }));
    if let Some(asked_to_end) = asked_to_end {
        fds.extend([
            PollFd::new(asked_to_end, PollFlags::IN),
            // A pipe whose reader is gone: `signet fastcgi` started us, and asks
            // us to end or has ended itself.
            PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty()),
        ]);
    }
    let timeout = (!peers.is_empty()).then_some(Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    });
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(err) => return Err(err.into()),
    }
    let asked = PollFlags::IN | PollFlags::ERR;
    Ok(Ready {
        ends: fds[1 + peers.len()..]
            .iter()
            .any(|fd| fd.revents().intersects(asked)),
        comes: accepts && !fds[0].revents().is_empty(),
        peers: (0..peers.len())
            .filter(|at| !fds[1 + at].revents().is_empty())
            .collect(),
    })
}

/// Takes a connection; `None` if another worker was faster, or the peer is not
/// `allowed`.
fn accept(listener: BorrowedFd<'_>, allowed: Option<&[IpAddr]>) -> io::Result<Option<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, from) = match acceptfrom_with(listener, flags) {
        Ok(accepted) => accepted,
        // Out of descriptors for now, or a peer that left while it waited.
        Err(
            Errno::AGAIN
            | Errno::INTR
            | Errno::CONNABORTED
            | Errno::MFILE
            | Errno::NFILE
            | Errno::NOBUFS
            | Errno::NOMEM
            | Errno::PROTO,
        ) => return Ok(None),
        Err(err) => return Err(err.into()),
    };
    let Some(allowed) = allowed else {
        return Ok(Some(socket));
    };
    let from = from.and_then(ip);
    if from.is_some_and(|from| !allowed.contains(&from)) {
        log("a connection from an address that is not in FCGI_WEB_SERVER_ADDRS was closed");
        return Ok(None);
    }
    Ok(Some(socket))
}

fn ip(address: SocketAddrAny) -> Option<IpAddr> {
    let address = std::net::SocketAddr::try_from(address).ok()?;
    Some(address.ip().to_canonical())
}

impl Peer {
    /// Reads or writes as far as the socket goes along. An error is the end of
    /// the connection.
    fn go_on(
        &mut self,
        buffer: &mut [u8],
        answer: &mut dyn FnMut(MetaVariables, Vec<u8>) -> Vec<u8>,
        limit: &mut dyn FnMut(&MetaVariables) -> u64,
    ) -> Result<(), ()> {
        let mut bytes: &[u8] = &[];
        if self.connection.output().is_empty() {
            let read = match rustix::io::read(&self.socket, &mut *buffer) {
                Ok(0) => return Err(()),
                Ok(read) => read,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(_) => return Err(()),
            };
            if self.connection.is_idle() {
                self.since = Instant::now();
            }
            bytes = &buffer[..read];
        } else {
            self.send()?;
        }
        // One answer at a time: who asks on and reads nothing fills no memory.
        while !bytes.is_empty() || self.connection.output().is_empty() {
            match self.connection.receive(bytes, limit) {
                Ok(Some(Arrived { vars, body })) => self.connection.answer(&answer(vars, body)),
                Ok(None) => return self.send(),
                Err(_) => {
                    let _ = self.send();
                    return Err(());
                }
            }
            bytes = &[];
            self.send()?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), ()> {
        while !self.connection.output().is_empty() {
            match rustix::io::write(&self.socket, self.connection.output()) {
                Ok(written) => {
                    self.connection.sent(written);
                    self.since = Instant::now();
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Err(()),
            }
        }
        Ok(())
    }
}

/// Becomes readable when a signal asks us to end.
fn termination() -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
    }
    Ok(read)
}
