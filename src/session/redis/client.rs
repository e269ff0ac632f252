//! Connections to Redis: they are kept from one request to the next, replaced when they
//! are dead, and not opened while the server does not answer.

use std::io::{self, BufReader, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::MAX_WAIT;
use super::pause::Pause;
use super::resp::{self, Reply, ReplyError};
use super::socket::{Address, Socket};
use super::url::{Endpoint, Login, RedisUrl};

/// The most time that a working server takes to answer, even on a busy machine. A kept
/// connection without an answer for this time is replaced, because a firewall may have
/// dropped it. After a failure that took longer, the server is not asked for a while.
const SLOW: Duration = Duration::from_millis(500);

/// Shorter waits are not counted: a working server on a busy machine causes them too.
const FAST: Duration = Duration::from_millis(100);

/// The most redirects of a cluster in succession.
const MAX_REDIRECTS: usize = 3;

/// Why Redis did not execute a command.
#[derive(Debug)]
pub(crate) enum RedisError {
    /// The connection failed, ended, or took too long.
    Io(io::Error),
    /// The reply is not one of Redis.
    Reply(String),
    /// A value is larger than any session.
    TooLarge(u64),
    /// Redis answered with an error.
    Refused(String),
    /// The key is on another server of the cluster.
    Moved(Endpoint),
    /// It failed a moment ago, for this reason.
    Paused(String),
    /// A kept connection is dead, and nothing was changed through it. [`Client::run`]
    /// starts again with a new one.
    Stale,
}

error_texts! { RedisError:
    Self::Io(err) => "{err}";
    Self::Reply(text) => "{text}";
    Self::TooLarge(bytes) => "a value has {bytes} bytes, more than a session has";
    Self::Refused(text) => "answered {text:?}";
    Self::Moved(..) => "redirected the client from server to server";
    Self::Paused(text) => "{text}; signet waits for a moment before it tries again";
    Self::Stale => "the connection was lost";
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

/// A Redis, and its connections.
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
    /// Whether a request has begun. On the command line each [`Client::run`] counts
    /// as a request of its own.
    in_request: bool,
    /// The number of the request.
    request: u64,
}

/// The state of a server.
#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    /// The addresses of its host; none after a failure.
    addresses: Vec<Address>,
    pause: Option<Pause>,
}

/// The time for which a process may still wait for slow answers.
///
/// While a worker waits for Redis, its other requests wait too. So each second that it
/// waited is only given back after a second in which it did not wait.
#[derive(Debug)]
struct Budget(Mutex<Spent>);

#[derive(Clone, Copy, Debug)]
struct Spent {
    time: Duration,
    /// The time of the last addition.
    at: Instant,
}

impl Budget {
    fn new() -> Self {
        Self(Mutex::new(Spent {
            time: Duration::ZERO,
            at: Instant::now(),
        }))
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self, now: Instant) -> Duration {
        let Spent { time, at } = *self.spent();
        let not_waited = now.saturating_duration_since(at);
        MAX_WAIT.saturating_sub(time.saturating_sub(not_waited))
    }

    /// Calls `wait` with its deadline, which is the end of the budget or `most` from
    /// now, and counts the time that it takes.
    fn spend<T>(&self, most: Duration, wait: impl FnOnce(Instant) -> T) -> T {
        let began = Instant::now();
        let left = self.left(began);
        let outcome = wait(began + left.min(most));
        let at = Instant::now();
        let waited = at.saturating_duration_since(began);
        if waited >= FAST {
            let time = MAX_WAIT.saturating_sub(left).saturating_add(waited);
            *self.spent() = Spent {
                time: time.min(MAX_WAIT),
                at,
            };
        }
        outcome
    }
}

impl Client {
    /// A client that connects when it sends its first command.
    pub(crate) fn new(url: RedisUrl) -> Self {
        Self {
            url,
            budget: Arc::new(Budget::new()),
            kept: Mutex::default(),
        }
    }

    /// Begins a request.
    pub(crate) fn begin_request(&self) {
        let mut kept = self.kept();
        kept.in_request = true;
        kept.request += 1;
    }

    /// Repeats `attempt` while it returns `None`, because another process was faster,
    /// but not for longer than `most`: then it returns `None`. The server works, so the
    /// time of these attempts is given back.
    pub(crate) fn repeat<T, E>(
        &self,
        most: Duration,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let began = Instant::now();
        let mut tries = 0;
        loop {
            let before = *self.budget.spent();
            if let Some(done) = attempt()? {
                return Ok(Some(done));
            }
            *self.budget.spent() = before;
            if began.elapsed() >= most {
                return Ok(None);
            }
            // With different times, the processes do not collide again.
            let turn = u64::from(std::process::id()) % 7;
            thread::sleep(Duration::from_micros(100 * (turn + tries)));
            tries = 10.min(tries + 1);
        }
    }

    /// Calls `talk` with a connection to the server that has its keys. It is called
    /// again if that is another server of the cluster, or if a kept connection turns
    /// out to be dead before anything was changed through it.
    ///
    /// # Errors
    ///
    /// [`RedisError`]. A server that did not answer in time is not asked again for
    /// about a second, and then only after a probe was answered. One that answers
    /// slowly is not asked while the budget is spent.
    pub(crate) fn run<T>(
        &self,
        mut talk: impl FnMut(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        {
            let mut kept = self.kept();
            if !kept.in_request {
                kept.request += 1;
                self.budget.spent().time = Duration::ZERO;
            }
        }
        if self.budget.left(Instant::now()) < FAST {
            return Err(RedisError::Paused("answers too slowly".to_owned()));
        }
        let mut endpoint = self.url.endpoint.clone();
        let mut redirects = 0;
        loop {
            let began = Instant::now();
            let outcome = self.connection(&endpoint).and_then(|mut connection| {
                let outcome = talk(&mut connection);
                match &outcome {
                    // After other failures it is unknown which reply comes next.
                    Ok(_) | Err(RedisError::Moved(_)) => self.kept().idle.push(connection),
                    // The other idle connections are as old.
                    Err(RedisError::Stale) => {
                        self.kept().idle.retain(|other| other.endpoint != endpoint)
                    }
                    Err(_) => {}
                }
                outcome
            });
            match outcome {
                Err(RedisError::Stale) => {}
                Err(RedisError::Moved(to)) if redirects < MAX_REDIRECTS => {
                    redirects += 1;
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
                && !pause.has_ended(Instant::now())
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

    /// A socket that is connected to one of `addresses`, which are looked up if there
    /// are none; and the addresses, the connected one first.
    fn socket(
        &self,
        endpoint: &Endpoint,
        mut addresses: Vec<Address>,
    ) -> Result<(Socket, Vec<Address>), RedisError> {
        if addresses.is_empty() {
            let found = self.budget.spend(MAX_WAIT, |_| Address::all_of(endpoint));
            addresses = found.map_err(RedisError::Io)?;
        }
        let mut failure = io::Error::other("the host has no address");
        for at in 0..addresses.len() {
            // Leaves time for the other addresses, if this one does not answer.
            let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
            let most = self.budget.left(Instant::now()) / others;
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

    /// The server's address, for messages.
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

    /// Records a failure of a command that was sent at `began`, if it took long.
    fn failed(&mut self, endpoint: &Endpoint, began: Instant, err: &RedisError) {
        let server = self.server(endpoint);
        // The host may have other addresses by now.
        let addresses = std::mem::take(&mut server.addresses);
        if began.elapsed() >= SLOW {
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
    /// Whether it has answered in this request. One that was kept since an earlier
    /// request may be dead.
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
            // A command that changes something is never sent twice.
            let repeatable = commands.iter().all(|words| is_repeatable(words));
            let outcome = match repeatable {
                true => self.exchange(commands, limit, SLOW),
                false => self.exchange(&[&[b"PING"]], limit, SLOW),
            };
            if matches!(outcome, Err(RedisError::Io(_))) {
                return Err(RedisError::Stale);
            }
            self.is_proven = true;
            if repeatable {
                return outcome;
            }
        }
        self.exchange(commands, limit, MAX_WAIT)
    }

    fn exchange(
        &mut self,
        commands: &[&[&[u8]]],
        limit: usize,
        max_wait: Duration,
    ) -> Result<Vec<Reply>, RedisError> {
        let bytes: Vec<u8> = commands
            .iter()
            .flat_map(|words| resp::command(words))
            .collect();
        let budget = Arc::clone(&self.budget);
        budget.spend(max_wait, |deadline| {
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

    /// Whether the server has neither closed the connection nor sent anything.
    fn is_quiet(&self) -> bool {
        let socket = self.socket.get_ref();
        let ready = socket.poll(PollFlags::IN, Instant::now());
        self.socket.buffer().is_empty() && ready.is_ok_and(|ready| ready.is_empty())
    }
}

/// Whether a command may be sent twice, as it changes nothing.
fn is_repeatable(words: &[&[u8]]) -> bool {
    const READING: [&[u8]; 4] = [b"GET", b"WATCH", b"SCAN", b"TIME"];
    words.first().is_some_and(|name| READING.contains(name))
}

/// `MOVED 3999 127.0.0.1:6381` names the right server of a cluster. All other errors
/// are reported.
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
