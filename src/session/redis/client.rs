//! Connections to Redis: kept from one request to the next, replaced when they
//! are dead, and not made while the server does not answer.

use std::io::{self, BufReader, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::pause::Pause;
use super::resp::{self, Reply, ReplyError};
use super::socket::{Address, Socket};
use super::url::{Endpoint, Login, RedisUrl};

/// How long a request waits for Redis in all, answers that come [`SOON`] not
/// counted.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Within this time a server in order answers, even on a busy machine. A kept
/// connection without an answer for so long is replaced, as a firewall may have
/// forgotten it; a failure that took longer is remembered.
const SOON: Duration = Duration::from_millis(500);

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
    /// It did not answer a moment ago, for this reason.
    #[error("{0}; it is not asked again for the moment")]
    Paused(String),
    /// A kept connection is dead. Nothing was changed through it, and
    /// [`Client::run`] begins anew with a new one.
    #[error("the connection was lost")]
    Stale,
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

/// A Redis, and what is kept of it from one request to the next.
#[derive(Debug)]
pub(crate) struct Client {
    url: RedisUrl,
    budget: Arc<Budget>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    idle: Vec<Connection>,
    servers: Vec<Server>,
    /// Whether a request has begun. Outside of requests each [`Client::run`] is
    /// one of its own.
    in_request: bool,
    /// The number of the request.
    request: u64,
}

/// What is known of a server.
#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    /// Those that were found for it; none after a failure.
    addresses: Vec<Address>,
    pause: Option<Pause>,
}

/// How long the request may still wait for slow answers.
#[derive(Debug)]
struct Budget(Mutex<Duration>);

impl Budget {
    fn left(&self) -> MutexGuard<'_, Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the time that `wait` takes, which is given its deadline: that of
    /// the request, or `most` from now.
    fn spend<T>(&self, most: Duration, wait: impl FnOnce(Instant) -> T) -> T {
        let began = Instant::now();
        let left = *self.left();
        let outcome = wait(began + left.min(most));
        let waited = began.elapsed();
        if waited >= SOON {
            *self.left() = left.saturating_sub(waited);
        }
        outcome
    }
}

impl Client {
    /// A client that connects when it has something to say.
    pub(crate) fn new(url: RedisUrl) -> Self {
        Self {
            url,
            budget: Arc::new(Budget(Mutex::new(PATIENCE))),
            kept: Mutex::default(),
        }
    }

    /// Begins a request: from now on it may wait for [`PATIENCE`].
    pub(crate) fn begin_request(&self) {
        let mut kept = self.kept();
        kept.in_request = true;
        kept.request += 1;
        *self.budget.left() = PATIENCE;
    }

    /// Talks to the server that `talk`'s keys are on. `talk` is begun anew if
    /// that is another one, or if a kept connection turns out to be dead before
    /// anything was changed through it.
    ///
    /// # Errors
    ///
    /// [`RedisError`]. A server that did not answer in time is not asked again
    /// for about a second, and after that once its probe is answered.
    pub(crate) fn run<T>(
        &self,
        mut talk: impl FnMut(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        {
            let mut kept = self.kept();
            if !kept.in_request {
                kept.request += 1;
                *self.budget.left() = PATIENCE;
            }
        }
        let mut endpoint = self.url.endpoint.clone();
        let mut moves = 0;
        loop {
            let began = Instant::now();
            let outcome = self.connection(&endpoint).and_then(|mut connection| {
                let outcome = talk(&mut connection);
                match &outcome {
                    // After a failure nobody knows which reply comes next.
                    Ok(_) | Err(RedisError::Moved(_)) => self.kept().idle.push(connection),
                    // The others are as old.
                    Err(RedisError::Stale) => {
                        self.kept().idle.retain(|other| other.endpoint != endpoint)
                    }
                    Err(_) => {}
                }
                outcome
            });
            match outcome {
                Err(RedisError::Stale) => {}
                Err(RedisError::Moved(to)) if moves < MAX_MOVES => {
                    moves += 1;
                    endpoint = to;
                }
                Err(err) => {
                    if matches!(err, RedisError::Io(_)) {
                        self.kept().failed(&endpoint, began, &err);
                    }
                    return Err(err);
                }
                Ok(outcome) => {
                    self.kept().server(&endpoint).pause = None;
                    return Ok(outcome);
                }
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self, endpoint: &Endpoint) -> Result<Connection, RedisError> {
        let addresses = {
            let mut kept = self.kept();
            let request = kept.request;
            let server = kept.server(endpoint);
            if let Some(pause) = &mut server.pause
                && !pause.is_over(Instant::now())
            {
                return Err(RedisError::Paused(pause.reason.clone()));
            }
            while let Some(at) = kept.idle.iter().position(|idle| idle.endpoint == *endpoint) {
                let mut connection = kept.idle.swap_remove(at);
                if connection.is_quiet() {
                    connection.is_proven &= connection.request == request;
                    connection.request = request;
                    return Ok(connection);
                }
            }
            kept.server(endpoint).addresses.clone()
        };
        let (socket, addresses) = self.socket(endpoint, addresses)?;
        let mut connection = Connection {
            endpoint: endpoint.clone(),
            socket: BufReader::new(socket),
            budget: Arc::clone(&self.budget),
            is_proven: true,
            request: 0,
        };
        let mut kept = self.kept();
        connection.request = kept.request;
        kept.server(endpoint).addresses = addresses;
        drop(kept);
        connection.greet(&self.url)?;
        Ok(connection)
    }

    /// A socket that is connected to one of `addresses`, or of those that are
    /// found if there are none; and the addresses, that one first.
    fn socket(
        &self,
        endpoint: &Endpoint,
        mut addresses: Vec<Address>,
    ) -> Result<(Socket, Vec<Address>), RedisError> {
        if addresses.is_empty() {
            let found = self.budget.spend(PATIENCE, |_| Address::all_of(endpoint));
            addresses = found.map_err(RedisError::Io)?;
        }
        let mut failure = io::Error::other("the host has no address");
        for at in 0..addresses.len() {
            // One that does not answer leaves time for the others.
            let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
            let most = *self.budget.left() / others;
            let socket = self
                .budget
                .spend(most, |deadline| Socket::connect(&addresses[at], deadline));
            match socket {
                Ok(socket) => {
                    addresses.swap(0, at);
                    return Ok((socket, addresses));
                }
                Err(err) => failure = err,
            }
        }
        Err(RedisError::Io(failure))
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> String {
        format!("Redis at {}", self.url.endpoint)
    }
}

impl Kept {
    fn server(&mut self, endpoint: &Endpoint) -> &mut Server {
        let at = self
            .servers
            .iter()
            .position(|server| server.endpoint == *endpoint);
        let at = at.unwrap_or_else(|| {
            self.servers.push(Server {
                endpoint: endpoint.clone(),
                addresses: Vec::new(),
                pause: None,
            });
            self.servers.len() - 1
        });
        &mut self.servers[at]
    }

    /// Remembers a failure of what `began` to be asked, if it took long.
    fn failed(&mut self, endpoint: &Endpoint, began: Instant, err: &RedisError) {
        let server = self.server(endpoint);
        // It may have other addresses by now.
        let addresses = std::mem::take(&mut server.addresses);
        if began.elapsed() >= SOON {
            let failures = server.pause.as_ref().map_or(0, Pause::failures);
            server.pause = Some(Pause::new(began, failures + 1, err.to_string(), addresses));
        }
    }
}

/// One connection, logged in.
#[derive(Debug)]
pub(crate) struct Connection {
    endpoint: Endpoint,
    socket: BufReader<Socket>,
    budget: Arc<Budget>,
    /// Whether it has answered in this request: one that was kept since an
    /// earlier one may be dead.
    is_proven: bool,
    /// The request that used it last.
    request: u64,
}

impl Connection {
    fn greet(&mut self, url: &RedisUrl) -> Result<(), RedisError> {
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
            self.all(&greeting, 0)?;
        }
        Ok(())
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
        if !self.is_proven {
            // What changes something is never sent twice.
            let repeatable = commands.iter().all(|words| is_repeatable(words));
            let outcome = match repeatable {
                true => self.exchange(commands, limit, SOON),
                false => self.exchange(&[&[b"PING"]], limit, SOON),
            };
            if matches!(outcome, Err(RedisError::Io(_))) {
                return Err(RedisError::Stale);
            }
            self.is_proven = true;
            if repeatable {
                return outcome;
            }
        }
        self.exchange(commands, limit, PATIENCE)
    }

    fn exchange(
        &mut self,
        commands: &[&[&[u8]]],
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<Reply>, RedisError> {
        let bytes: Vec<u8> = commands
            .iter()
            .flat_map(|words| resp::command(words))
            .collect();
        let budget = Arc::clone(&self.budget);
        budget.spend(patience, |deadline| {
            let socket = self.socket.get_mut();
            socket.deadline = deadline;
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
        })
    }

    /// Whether the server has neither hung up nor said what nobody asked for.
    fn is_quiet(&self) -> bool {
        let socket = self.socket.get_ref();
        let ready = socket.poll(PollFlags::IN, Instant::now());
        self.socket.buffer().is_empty() && ready.is_ok_and(|ready| ready.is_empty())
    }
}

/// Whether a command changes nothing that a second one of it would not leave as
/// it is.
fn is_repeatable(words: &[&[u8]]) -> bool {
    const READING: [&[u8]; 5] = [b"GET", b"MGET", b"WATCH", b"SCAN", b"EXISTS"];
    words.first().is_some_and(|name| READING.contains(name))
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
