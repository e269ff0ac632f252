//! The sockets of one worker.

use std::cmp::Reverse;
use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
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

use super::super::{Answer, MetaVariables, log, log_unfinished};
use super::connection::{Arrived, Connection, Phase};
use super::program::ProgramFile;
use super::signals::asked_to_end;

/// Connections at one time. For one more, the one that is missed least is
/// closed.
const MAX_CONNECTIONS: u64 = 100;

/// Descriptors that are no connections: standard streams, files that a request
/// opens, what a web server leaves open.
const OTHER_DESCRIPTORS: u64 = 24;

/// Connections that may be more than that for a moment, to be closed behind
/// their first answer.
const SURPLUS: usize = 8;

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Bytes of a body that give the rest of it a second more to arrive: as in
/// `deploy/apache/signet.conf`, whose mod_reqtimeout has the same limits.
const BODY_RATE: u64 = 500;

/// How long a connection may stay without a next request, and how long an
/// answer may wait to be taken further.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a worker that is asked to end waits for requests that have begun,
/// and serves those that wait to be accepted.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How often time limits and the program's file are looked at.
const TICK: Duration = Duration::from_secs(1);

/// A web server that keeps a connection uses it again within this time if it has
/// requests to send.
const BREATH: Duration = Duration::from_millis(10);

/// What an event is about: one of these, or a place in [`Worker::peers`].
const SIGNAL: u64 = u64::MAX;
const STDOUT: u64 = u64::MAX - 1;
const LISTENER: u64 = u64::MAX - 2;

/// Makes answers: see [`work`].
struct Site<'w> {
    answer: &'w mut dyn FnMut(MetaVariables, Vec<u8>) -> Answer,
    limit: &'w mut dyn FnMut(&MetaVariables) -> u64,
    buffer: Vec<u8>,
}

struct Worker<'w> {
    epoll: OwnedFd,
    listener: BorrowedFd<'w>,
    /// Nobody can connect any more.
    listener_is_shut: bool,
    allowed: Option<&'w [IpAddr]>,
    /// Which place a connection has is its number in `epoll`.
    peers: Vec<Option<Peer>>,
    room: usize,
    /// How often a connection was used again in this tick and in the one before.
    reused: [u64; 2],
    site: Site<'w>,
}

/// A connection and its socket.
struct Peer {
    socket: OwnedFd,
    connection: Connection,
    /// When the phase of the connection began, or bytes of an answer were taken.
    since: Instant,
    /// Whether it waits to write.
    waits_to_write: bool,
}

/// The other end is gone, or sent what is no FastCGI: the connection is of no
/// more use.
struct Gone;

/// Whether more connections may wait to be accepted.
#[derive(Eq, PartialEq)]
enum Queue {
    MayHaveMore,
    Empty,
}

/// Serves the connections that come in at descriptor 0, until a signal asks to
/// end, or nobody reads our standard output any more, or another program has
/// taken the place of this one's file. Whoever waits to be accepted then is
/// still served.
///
/// `answer` makes the answer to a request from its meta-variables and body;
/// `limit` says how many bytes of body a request may have.
///
/// # Errors
///
/// What the system says about the listening socket.
pub(crate) fn work(
    allowed: Option<&[IpAddr]>,
    mut answer: impl FnMut(MetaVariables, Vec<u8>) -> Answer,
    mut limit: impl FnMut(&MetaVariables) -> u64,
) -> io::Result<()> {
    let listener = stdin();
    // Other workers wait at the same socket; who comes second gets nothing.
    rustix::io::ioctl_fionbio(listener, true)?;
    let end = asked_to_end()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &end, EventData::new_u64(SIGNAL), EventFlags::IN)?;
    // A pipe whose reader is gone: `signet fastcgi` started us, and asks us to
    // end or has ended itself. What is no pipe and cannot be waited for (a file)
    // does not say such a thing.
    let _ = epoll::add(
        &epoll,
        stdout(),
        EventData::new_u64(STDOUT),
        EventFlags::empty(),
    );
    let mut worker = Worker {
        room: room(),
        epoll,
        listener,
        listener_is_shut: false,
        allowed,
        peers: Vec::new(),
        reused: [0; 2],
        site: Site {
            answer: &mut answer,
            limit: &mut limit,
            buffer: vec![0; 64 * 1024],
        },
    };
    worker.listen()?;
    let mut program = ProgramFile::of_this_process();
    let mut ends: Option<Instant> = None;
    let mut tick = Instant::now() + TICK;
    loop {
        let mut until = tick;
        if let Some(ends) = ends {
            until = until.min(ends);
            worker.close_idle();
            let done = worker.peers.iter().all(Option::is_none);
            if Instant::now() > ends || done && worker.accept()? == Queue::Empty {
                // At once: who connects from now on would be cut off.
                dup2_stdin(&end)?;
                return Ok(());
            }
            if done {
                continue;
            }
        }
        let mut events = [const { MaybeUninit::uninit() }; 64];
        let left = until.saturating_duration_since(Instant::now());
        let (events, _) = match epoll::wait(&worker.epoll, &mut events, Some(&round_up(left))) {
            Err(Errno::INTR) => continue,
            events => events?,
        };
        let mut comes = false;
        let mut is_asked = false;
        for event in events {
            match event.data.u64() {
                LISTENER => comes = true,
                SIGNAL => {
                    epoll::delete(&worker.epoll, &end)?;
                    is_asked = true;
                }
                STDOUT => {
                    epoll::delete(&worker.epoll, stdout())?;
                    let flags = event.flags;
                    is_asked |= flags.contains(EventFlags::ERR);
                }
                place => worker.go_on(usize::try_from(place).unwrap_or(usize::MAX)),
            }
        }
        let now = Instant::now();
        if now >= tick {
            tick = now + TICK;
            worker.reused = [0, worker.reused[0]];
            worker.close_overdue(now);
            // The worker that was woken for a connection may have been killed.
            comes = true;
            if ends.is_none()
                && program
                    .as_mut()
                    .is_some_and(|program| program.is_to_end(now))
            {
                log("another file has taken the place of this program: this worker ends");
                is_asked = true;
            }
        }
        // Behind the connections there are, whose places it may take.
        if comes {
            worker.accept()?;
        }
        if (is_asked || worker.listener_is_shut) && ends.is_none() {
            ends = Some(now + GRACE);
            if has_own_socket(listener) {
                // Nobody comes too late then; the web server takes another worker.
                let _ = shutdown(listener, Shutdown::Both);
            }
        }
    }
}

/// Whether no other process serves at our socket: lighttpd and Apache's mod_fcgid
/// start workers with a socket each. Nobody else is known to. (And a TCP socket
/// that is shut down forgets who waits.)
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

/// How many connections the limit on descriptors leaves, each with a file that is
/// being sent.
fn room() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = descriptors.saturating_sub(OTHER_DESCRIPTORS) / 2;
    usize::try_from(room.clamp(1, MAX_CONNECTIONS)).unwrap_or(1)
}

/// In whole milliseconds, which is what the kernel takes: to wait for less would
/// be not to wait.
fn round_up(left: Duration) -> Timespec {
    let left = left + Duration::from_nanos(999_999);
    let left = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    Timespec::try_from(left).unwrap_or_default()
}

impl Worker<'_> {
    /// Waits for connections in such a way that one of them wakes one worker.
    fn listen(&self) -> io::Result<()> {
        let add = |flags| {
            let data = EventData::new_u64(LISTENER);
            epoll::add(&self.epoll, self.listener, data, flags)
        };
        match add(EventFlags::IN | EventFlags::EXCLUSIVE) {
            // Before Linux 4.5 each one wakes all.
            Err(Errno::INVAL) => add(EventFlags::IN)?,
            outcome => outcome?,
        }
        Ok(())
    }

    /// Accepts a connection, if one waits, and serves what it has sent already.
    fn accept(&mut self) -> io::Result<Queue> {
        if self.listener_is_shut {
            return Ok(Queue::Empty);
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, from) = match acceptfrom_with(self.listener, flags) {
            Ok(accepted) => accepted,
            Err(Errno::AGAIN) => return Ok(Queue::Empty),
            // The peer has left while it waited.
            Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => {
                return Ok(Queue::MayHaveMore);
            }
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                if !self.close_one() {
                    // Others have what we need, and we have nothing to give.
                    thread::sleep(Duration::from_millis(10));
                }
                return Ok(Queue::MayHaveMore);
            }
            // The socket was shut down, by us or by `signet fastcgi`.
            Err(Errno::INVAL) => {
                epoll::delete(&self.epoll, self.listener)?;
                self.listener_is_shut = true;
                return Ok(Queue::Empty);
            }
            Err(err) => return Err(err.into()),
        };
        let from = from.and_then(ip);
        if let (Some(allowed), Some(from)) = (self.allowed, from)
            && !allowed.contains(&from)
        {
            log("a connection from an address that is not in FCGI_WEB_SERVER_ADDRS was closed");
            return Ok(Queue::MayHaveMore);
        }
        let mut peer = Peer {
            socket,
            connection: Connection::default(),
            since: Instant::now(),
            waits_to_write: false,
        };
        if self.is_crowded(peer.since) {
            peer.connection.close_after_answer();
        }
        // Who connects has mostly sent its request already.
        if peer.go_on(&mut self.site).is_ok() && !peer.connection.is_over() {
            self.keep(peer);
        }
        Ok(Queue::MayHaveMore)
    }

    /// Goes on with a connection later.
    fn keep(&mut self, mut peer: Peer) {
        let surplus = match self.is_crowded(peer.since) {
            true => SURPLUS,
            false => 0,
        };
        if self.count() >= self.room + surplus {
            self.close_one();
        }
        let place = match self.peers.iter().position(Option::is_none) {
            Some(place) => place,
            None => {
                self.peers.push(None);
                self.peers.len() - 1
            }
        };
        let data = EventData::new_u64(place as u64);
        peer.waits_to_write = peer.connection.phase() == Phase::Answered;
        if epoll::add(&self.epoll, &peer.socket, data, peer.interest()).is_ok() {
            self.peers[place] = Some(peer);
        }
    }

    fn count(&self) -> usize {
        self.peers.iter().flatten().count()
    }

    /// Whether all places are taken, and the connection to close for one more is
    /// in use, so that it may have a request on its way that would be lost: one
    /// more is better served and closed.
    fn is_crowded(&self, now: Instant) -> bool {
        if self.count() < self.room {
            return false;
        }
        let often = 4 * (self.reused[0] + self.reused[1]) >= self.room as u64;
        let in_use = if often { TICK } else { BREATH };
        let least = self.least_missed().and_then(|at| self.peers[at].as_ref());
        least
            .is_some_and(|peer| peer.connection.phase() == Phase::Idle && now < peer.since + in_use)
    }

    /// The place of the connection that is missed least: the one that has been
    /// idle longest, else the oldest request that has not arrived, else the
    /// answer that has been waiting longest to be taken.
    fn least_missed(&self) -> Option<usize> {
        let peers = self.peers.iter().enumerate();
        let peers = peers.filter_map(|(place, peer)| Some((place, peer.as_ref()?)));
        peers
            .min_by_key(|(_, peer)| (Reverse(peer.connection.phase()), peer.since))
            .map(|(place, _)| place)
    }

    /// Reads from or writes to a connection that is ready for it.
    fn go_on(&mut self, place: usize) {
        let Some(slot) = self.peers.get_mut(place) else {
            return;
        };
        let Some(peer) = slot else {
            return;
        };
        let served = peer.connection.served();
        let outcome = peer.go_on(&mut self.site);
        if served > 0 && peer.connection.served() > served {
            self.reused[0] += 1;
        }
        if outcome.is_err() || peer.connection.is_over() {
            *slot = None;
            return;
        }
        let waits_to_write = peer.connection.phase() == Phase::Answered;
        if peer.waits_to_write != waits_to_write {
            peer.waits_to_write = waits_to_write;
            let data = EventData::new_u64(place as u64);
            if epoll::modify(&self.epoll, &peer.socket, data, peer.interest()).is_err() {
                *slot = None;
            }
        }
    }

    /// Closes the connection that is missed least; `false` if there is none.
    fn close_one(&mut self) -> bool {
        let mut tries = 0;
        while let Some(place) = self.least_missed()
            && let Some(peer) = &self.peers[place]
        {
            let since = peer.since;
            tries += 1;
            if peer.connection.phase() == Phase::Idle && tries < 4 {
                // Its next request may be there already.
                self.go_on(place);
            }
            let peer = self.peers[place].as_ref();
            if peer.is_none_or(|peer| peer.since == since) {
                self.peers[place] = None;
                return true;
            }
        }
        false
    }

    /// Closes what has nothing to finish.
    fn close_idle(&mut self) {
        for place in 0..self.peers.len() {
            let is_idle = |peer: &Option<Peer>| {
                let peer = peer.as_ref();
                peer.is_some_and(|peer| peer.connection.phase() == Phase::Idle)
            };
            if is_idle(&self.peers[place]) {
                // Its next request may be there already.
                self.go_on(place);
            }
            if is_idle(&self.peers[place]) {
                self.peers[place] = None;
            }
        }
    }

    fn close_overdue(&mut self, now: Instant) {
        for slot in &mut self.peers {
            if slot.as_ref().is_some_and(|peer| peer.deadline() <= now) {
                *slot = None;
            }
        }
    }
}

fn ip(address: SocketAddrAny) -> Option<IpAddr> {
    let address = std::net::SocketAddr::try_from(address).ok()?;
    Some(address.ip().to_canonical())
}

impl Peer {
    fn interest(&self) -> EventFlags {
        match self.waits_to_write {
            true => EventFlags::OUT,
            false => EventFlags::IN,
        }
    }

    /// When it has taken too long.
    fn deadline(&self) -> Instant {
        match self.connection.phase() {
            Phase::Idle | Phase::Answered => self.since + PATIENCE,
            Phase::Arriving => {
                let seconds = self.connection.body() as u64 / BODY_RATE;
                self.since + ARRIVAL + Duration::from_secs(seconds)
            }
        }
    }

    /// Reads or writes as far as the socket goes along.
    fn go_on(&mut self, site: &mut Site<'_>) -> Result<(), Gone> {
        let mut bytes: &[u8] = &[];
        if self.connection.phase() != Phase::Answered {
            let read = match rustix::io::read(&self.socket, &mut *site.buffer) {
                Ok(0) => return Err(Gone),
                Ok(read) => read,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(_) => return Err(Gone),
            };
            if self.connection.phase() == Phase::Idle {
                self.since = Instant::now();
            }
            bytes = &site.buffer[..read];
        } else {
            self.send()?;
        }
        // One answer at a time: who asks on and reads nothing fills no memory.
        while !bytes.is_empty() || self.connection.phase() != Phase::Answered {
            match self.connection.receive(bytes, site.limit) {
                Ok(Some(Arrived { vars, body })) => {
                    self.connection.answer((site.answer)(vars, body));
                    self.since = Instant::now();
                }
                Ok(None) => return self.send(),
                Err(_) => {
                    let _ = self.send();
                    return Err(Gone);
                }
            }
            bytes = &[];
            self.send()?;
        }
        Ok(())
    }

    /// Sends what the socket takes at once; of a file one piece more than has been
    /// read, so that a fast reader of a long file delays nobody.
    fn send(&mut self) -> Result<(), Gone> {
        self.write()?;
        let read = self.connection.read_piece();
        read.map_err(|err| {
            log_unfinished(err);
            Gone
        })?;
        self.write()
    }

    fn write(&mut self) -> Result<(), Gone> {
        while !self.connection.output().is_empty() {
            match rustix::io::write(&self.socket, self.connection.output()) {
                Ok(written) => {
                    self.connection.sent(written);
                    self.since = Instant::now();
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}
