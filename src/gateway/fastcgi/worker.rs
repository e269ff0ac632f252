//! One worker: accepts connections and serves them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrAny, SocketFlags, acceptfrom_with, getsockname, shutdown,
};
use rustix::process::{Resource, getppid, getrlimit};
use rustix::stdio::{dup2_stdin, stdin, stdout};

use super::super::request_body::BODY_RATE;
use super::super::{Answer, MetaVariables, Role, log, log_unfinished};
use super::connection::{Connection, Phase, Request};
use super::program::ProgramFile;
use super::signals::asked_to_end;

/// The most connections at one time. To accept one more, another one is closed.
const MAX_CONNECTIONS: u64 = 100;

/// The number of descriptors for other uses: standard streams, files that a request
/// opens, descriptors that the web server leaves open.
const OTHER_DESCRIPTORS: u64 = 24;

/// The most connections above the limit, which are closed after their first response.
const SURPLUS: usize = 8;

/// The time in which a request must be received.
const RECEIVE_TIME: Duration = Duration::from_secs(10);

/// The time after which an idle connection is closed, or one whose web server reads no
/// bytes of a response.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// The time in which a worker that has to end still answers the requests that it has
/// begun and the connections that wait.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long a worker whose file was replaced goes on serving while responses are being sent.
const MAX_STAY: Duration = Duration::from_secs(60);

/// How often time limits and the program's file are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The time within which a web server uses a kept connection again, if it has requests to
/// send.
const REUSE_TIME: Duration = Duration::from_millis(10);

/// The source of an event: one of these, or the number of a connection.
const SIGNAL: u64 = u64::MAX;
const STDOUT: u64 = u64::MAX - 1;
const LISTENER: u64 = u64::MAX - 2;

/// The functions of [`work`], and a buffer for reading.
struct Handler<'w> {
    authorizes: bool,
    answer: &'w mut dyn FnMut(Role, MetaVariables, Vec<u8>) -> Answer,
    limit: &'w mut dyn FnMut(&MetaVariables) -> u64,
    buffer: Vec<u8>,
}

struct Worker<'w> {
    epoll: OwnedFd,
    /// Becomes readable when a signal asks the worker to end.
    asked_to_end: UnixStream,
    listener: BorrowedFd<'w>,
    /// Whether the listening socket is shut down.
    listener_is_shut: bool,
    allowed: Option<&'w [IpAddr]>,
    peers: BTreeMap<u64, Peer>,
    /// The number of the next connection.
    next: u64,
    /// The most connections.
    room: usize,
    /// The number of times that a connection was used again since the last check, and
    /// between the last two checks.
    reused: [u64; 2],
    /// Whether a refused connection was logged since the last check.
    has_logged_address: bool,
    handler: Handler<'w>,
}

/// A connection and its socket.
struct Peer {
    socket: OwnedFd,
    connection: Connection,
    /// When its phase began, or bytes of a response were last taken.
    since: Instant,
    /// Whether it waits until it can send.
    waits_to_send: bool,
}

/// The connection cannot be used any more: the web server closed it or sent something
/// that is not FastCGI, or a response cannot be completed.
struct Closed;

/// Serves the connections to descriptor 0 until a signal is received, the reader of
/// standard output is gone, or the program's file was replaced. The connections that wait
/// then are still served.
///
/// `authorizes` tells whether there is a response for the role Authorizer. `answer` returns
/// the response to a request with these meta-variables and this body; `limit` returns the
/// most bytes of a request's body.
///
/// # Errors
///
/// The listening socket fails.
pub(crate) fn work(
    allowed: Option<&[IpAddr]>,
    authorizes: bool,
    mut answer: impl FnMut(Role, MetaVariables, Vec<u8>) -> Answer,
    mut limit: impl FnMut(&MetaVariables) -> u64,
) -> io::Result<()> {
    let mut worker = Worker {
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        asked_to_end: asked_to_end()?,
        listener: stdin(),
        listener_is_shut: false,
        allowed,
        peers: BTreeMap::new(),
        next: 0,
        room: room(),
        reused: [0; 2],
        has_logged_address: false,
        handler: Handler {
            authorizes,
            answer: &mut answer,
            limit: &mut limit,
            buffer: vec![0; 64 * 1024],
        },
    };
    worker.listen()?;
    worker.run()
}

/// Whether no other process serves this socket: lighttpd and Apache's mod_fcgid start
/// each worker with its own socket. (Not for TCP: shutting down a TCP socket resets the
/// connections that wait.)
fn has_own_socket(listener: BorrowedFd<'_>) -> bool {
    if !getsockname(listener).is_ok_and(|address| address.address_family() == AddressFamily::UNIX) {
        return false;
    }
    let name = getppid().and_then(|parent| {
        let parent = parent.as_raw_nonzero();
        std::fs::read(format!("/proc/{parent}/comm")).ok()
    });
    matches!(
        name.as_deref(),
        Some(b"lighttpd\n" | b"apache2\n" | b"httpd\n")
    )
}

/// The number of connections that the limit on descriptors allows, if each of them
/// sends a file.
fn room() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = descriptors.saturating_sub(OTHER_DESCRIPTORS) / 2;
    usize::try_from(room.clamp(1, MAX_CONNECTIONS)).unwrap_or(1)
}

impl Worker<'_> {
    /// Registers what [`Worker::run`] waits for: connections, each of which wakes only
    /// one worker; signals; and the end of the reader of standard output.
    fn listen(&self) -> io::Result<()> {
        // Another worker may accept the connection first.
        rustix::io::ioctl_fionbio(self.listener, true)?;
        let add = |flags| {
            let data = EventData::new_u64(LISTENER);
            epoll::add(&self.epoll, self.listener, data, flags)
        };
        match add(EventFlags::IN | EventFlags::EXCLUSIVE) {
            // Before Linux 4.5, a connection wakes all workers.
            Err(Errno::INVAL) => add(EventFlags::IN)?,
            outcome => outcome?,
        }
        let signal = EventData::new_u64(SIGNAL);
        epoll::add(&self.epoll, &self.asked_to_end, signal, EventFlags::IN)?;
        // If `signet fastcgi` started this worker, standard output is a pipe. It closes
        // the pipe to end the worker, and when it ends itself. If standard output is a
        // file, epoll refuses it (EPERM).
        let data = EventData::new_u64(STDOUT);
        let _ = epoll::add(&self.epoll, stdout(), data, EventFlags::empty());
        Ok(())
    }

    fn run(&mut self) -> io::Result<()> {
        let mut program = ProgramFile::of_this_process();
        let mut check_at = Instant::now() + CHECK_INTERVAL;
        let mut end_at: Option<Instant> = None;
        let mut replaced_at: Option<Instant> = None;
        loop {
            if let Some(end_at) = end_at {
                self.close_idle();
                let is_done = self.peers.is_empty();
                if Instant::now() > end_at || is_done && !self.accept()? {
                    // Close the socket at once: connections from now on would be lost.
                    dup2_stdin(&self.asked_to_end)?;
                    for peer in self.peers.values() {
                        peer.log_if_sending("this worker has to end");
                    }
                    return Ok(());
                }
                if is_done {
                    continue;
                }
            }
            let until = end_at.map_or(check_at, |end_at| end_at.min(check_at));
            let mut events = [const { MaybeUninit::uninit() }; 64];
            let events = match epoll::wait(&self.epoll, &mut events, Some(&time_until(until))) {
                Err(Errno::INTR) => continue,
                events => events?.0,
            };
            let mut may_accept = false;
            let mut is_to_end = false;
            for event in events {
                match event.data.u64() {
                    LISTENER => may_accept = true,
                    SIGNAL => {
                        epoll::delete(&self.epoll, &self.asked_to_end)?;
                        is_to_end = true;
                    }
                    STDOUT => {
                        epoll::delete(&self.epoll, stdout())?;
                        let flags = event.flags;
                        is_to_end |= flags.contains(EventFlags::ERR);
                    }
                    number => self.go_on(number),
                }
            }
            let now = Instant::now();
            if now >= check_at {
                check_at = now + CHECK_INTERVAL;
                self.reused = [0, self.reused[0]];
                self.has_logged_address = false;
                self.peers.retain(|_, peer| {
                    let is_kept = now < peer.deadline();
                    if !is_kept {
                        peer.log_if_sending(format_args!(
                            "the web server read nothing for {} seconds",
                            IDLE_TIME.as_secs()
                        ));
                    }
                    is_kept
                });
                // The worker that was woken for a connection may have been killed.
                may_accept = true;
                if end_at.is_none()
                    && program.as_mut().is_some_and(|file| file.is_to_end(now))
                    && (now >= *replaced_at.get_or_insert(now) + MAX_STAY || !self.is_sending(now))
                {
                    log("the file of this program was replaced: this worker ends");
                    is_to_end = true;
                }
            }
            // After the open connections, as it may close one of them.
            if may_accept {
                self.accept()?;
            }
            if (is_to_end || self.listener_is_shut) && end_at.is_none() {
                end_at = Some(now + GRACE);
                if has_own_socket(self.listener) {
                    // The web server takes another worker for later connections.
                    let _ = shutdown(self.listener, Shutdown::Both);
                }
            }
        }
    }

    /// Whether a response is sent of which bytes were read lately.
    fn is_sending(&self, now: Instant) -> bool {
        let mut peers = self.peers.values();
        peers.any(|peer| peer.connection.phase() == Phase::Sending && now < peer.since + GRACE)
    }

    /// Accepts a connection, if one waits, and serves what it has sent. Returns whether
    /// another one may wait.
    fn accept(&mut self) -> io::Result<bool> {
        if self.listener_is_shut {
            return Ok(false);
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, from) = match acceptfrom_with(self.listener, flags) {
            Ok(accepted) => accepted,
            Err(Errno::AGAIN) => return Ok(false),
            // The peer closed the connection while it waited.
            Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => return Ok(true),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                if !self.close_one() {
                    // Other processes use all descriptors or memory of the system.
                    thread::sleep(Duration::from_millis(10));
                }
                return Ok(true);
            }
            // This worker or `signet fastcgi` has shut the socket down.
            Err(Errno::INVAL) => {
                epoll::delete(&self.epoll, self.listener)?;
                self.listener_is_shut = true;
                return Ok(false);
            }
            Err(err) => return Err(err.into()),
        };
        if let (Some(allowed), Some(from)) = (self.allowed, from.and_then(ip))
            && !allowed.contains(&from)
        {
            if !self.has_logged_address {
                self.has_logged_address = true;
                log(format_args!(
                    "connections from {from} are closed: the address is not in FCGI_WEB_SERVER_ADDRS"
                ));
            }
            return Ok(true);
        }
        let mut peer = Peer {
            socket,
            connection: Connection::new(self.handler.authorizes),
            since: Instant::now(),
            waits_to_send: false,
        };
        if self.is_crowded(peer.since) {
            peer.connection.close_after_response();
        }
        // Most web servers have sent the request by now.
        if peer.go_on(&mut self.handler).is_ok() && !peer.connection.is_done() {
            self.keep(peer);
        }
        Ok(true)
    }

    /// Waits for the next event of a connection.
    fn keep(&mut self, mut peer: Peer) {
        let surplus = if self.is_crowded(peer.since) {
            SURPLUS
        } else {
            0
        };
        if self.peers.len() >= self.room + surplus {
            self.close_one();
        }
        let data = EventData::new_u64(self.next);
        peer.waits_to_send = peer.connection.phase() == Phase::Sending;
        if epoll::add(&self.epoll, &peer.socket, data, peer.interest()).is_ok() {
            self.peers.insert(self.next, peer);
            self.next += 1;
        }
    }

    /// Whether the limit is reached and the connection that would be closed is in use,
    /// so that a request could be lost. Then the new connection is closed after its
    /// response.
    fn is_crowded(&self, now: Instant) -> bool {
        if self.peers.len() < self.room {
            return false;
        }
        let is_busy = 4 * (self.reused[0] + self.reused[1]) >= self.room as u64;
        let in_use = if is_busy { CHECK_INTERVAL } else { REUSE_TIME };
        self.first_to_close().is_some_and(|(_, peer)| {
            peer.connection.phase() == Phase::Idle && now < peer.since + in_use
        })
    }

    /// The connection to close if one has to be closed: the one that has been idle
    /// longest; otherwise the oldest request that is being received; otherwise the
    /// response of which no bytes were read for the longest time.
    fn first_to_close(&self) -> Option<(u64, &Peer)> {
        let peers = self.peers.iter().map(|(number, peer)| (*number, peer));
        peers.min_by_key(|(_, peer)| (Reverse(peer.connection.phase()), peer.since))
    }

    /// Continues with a connection whose socket is ready.
    fn go_on(&mut self, number: u64) {
        let Some(peer) = self.peers.get_mut(&number) else {
            return;
        };
        let served = peer.connection.served();
        let mut outcome = peer.go_on(&mut self.handler);
        if served > 0 && peer.connection.served() > served {
            self.reused[0] += 1;
        }
        let waits_to_send = peer.connection.phase() == Phase::Sending;
        if peer.waits_to_send != waits_to_send && outcome.is_ok() {
            peer.waits_to_send = waits_to_send;
            let data = EventData::new_u64(number);
            outcome =
                epoll::modify(&self.epoll, &peer.socket, data, peer.interest()).map_err(|_| Closed);
        }
        if outcome.is_err() || peer.connection.is_done() {
            self.peers.remove(&number);
        }
    }

    /// Closes the connection that is the first to close; `false` if there is none.
    fn close_one(&mut self) -> bool {
        let mut tries = 0;
        while let Some((number, peer)) = self.first_to_close() {
            let since = peer.since;
            tries += 1;
            if peer.connection.phase() == Phase::Idle && tries < 4 {
                // Its next request may have been sent.
                self.go_on(number);
            }
            let peer = self.peers.get(&number);
            if peer.is_none_or(|peer| peer.since == since) {
                if let Some(peer) = self.peers.remove(&number) {
                    peer.log_if_sending("all places for connections are taken");
                }
                return true;
            }
        }
        false
    }

    /// Closes connections without a request.
    fn close_idle(&mut self) {
        let numbers: Vec<u64> = self.peers.keys().copied().collect();
        for number in numbers {
            let is_idle = |peers: &BTreeMap<u64, Peer>| {
                let peer = peers.get(&number);
                peer.is_some_and(|peer| peer.connection.phase() == Phase::Idle)
            };
            if is_idle(&self.peers) {
                // Its next request may have been sent.
                self.go_on(number);
            }
            if is_idle(&self.peers) {
                self.peers.remove(&number);
            }
        }
    }
}

/// The time until then, and a millisecond more: the kernel counts in milliseconds.
fn time_until(until: Instant) -> Timespec {
    let left = until.saturating_duration_since(Instant::now());
    Timespec::try_from(left + Duration::from_millis(1)).unwrap_or_default()
}

fn ip(address: SocketAddrAny) -> Option<IpAddr> {
    let address = std::net::SocketAddr::try_from(address).ok()?;
    Some(address.ip().to_canonical())
}

impl Peer {
    fn interest(&self) -> EventFlags {
        match self.waits_to_send {
            true => EventFlags::OUT,
            false => EventFlags::IN,
        }
    }

    /// The time at which it is closed, unless something happens before.
    fn deadline(&self) -> Instant {
        match self.connection.phase() {
            Phase::Idle | Phase::Sending => self.since + IDLE_TIME,
            Phase::Receiving => {
                let seconds = self.connection.body() as u64 / BODY_RATE;
                self.since + RECEIVE_TIME + Duration::from_secs(seconds)
            }
        }
    }

    /// Logs that it is closed, if a response is then incomplete.
    fn log_if_sending(&self, reason: impl Display) {
        if self.connection.phase() == Phase::Sending {
            log_unfinished(reason);
        }
    }

    /// Receives or sends as much as the socket allows at once.
    fn go_on(&mut self, handler: &mut Handler<'_>) -> Result<(), Closed> {
        let mut bytes: &[u8] = &[];
        if self.connection.phase() == Phase::Sending {
            self.send()?;
        } else {
            let read = match rustix::io::read(&self.socket, &mut *handler.buffer) {
                Ok(read @ 1..) => read,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Ok(0) | Err(_) => return Err(Closed),
            };
            if self.connection.phase() == Phase::Idle {
                self.since = Instant::now();
            }
            bytes = &handler.buffer[..read];
        }
        // One response at a time: otherwise a peer that sends requests and reads no
        // responses could fill the memory.
        while !bytes.is_empty() || self.connection.phase() != Phase::Sending {
            match self.connection.receive(bytes, handler.limit) {
                Ok(Some(Request { role, vars, body })) => {
                    self.connection.answer((handler.answer)(role, vars, body));
                    self.since = Instant::now();
                }
                Ok(None) => return self.send(),
                Err(_) => {
                    let _ = self.send();
                    return Err(Closed);
                }
            }
            bytes = &[];
            self.send()?;
        }
        Ok(())
    }

    /// Sends as much as the socket accepts at once, and at most one more piece of a
    /// file, so that other requests do not wait for a long file.
    fn send(&mut self) -> Result<(), Closed> {
        self.write()?;
        self.connection.read_piece().map_err(|err| {
            log_unfinished(err);
            Closed
        })?;
        self.write()
    }

    fn write(&mut self) -> Result<(), Closed> {
        while !self.connection.output().is_empty() {
            match rustix::io::write(&self.socket, self.connection.output()) {
                Ok(written) => {
                    self.connection.sent(written);
                    self.since = Instant::now();
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Err(Closed),
            }
        }
        Ok(())
    }
}
