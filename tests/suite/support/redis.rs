//! A real redis-server on loopback, and false ones.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::http::{connect, free_port};
use super::state::StateDir;

/// A redis-server of our own, which keeps nothing on disk and ends with us.
pub(crate) struct RedisServer {
    child: Child,
    dir: StateDir,
    pub(crate) port: u16,
}

impl RedisServer {
    /// Starts one with these options more.
    pub(crate) fn start(options: &[&str]) -> Self {
        let (dir, port) = (StateDir::new(), free_port());
        let cluster_port = free_port().to_string();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            // A name within its folder: the whole path may be too long.
            .args(["--unixsocket", "redis.sock", "--save", "", "--dir", "."])
            .args(["--cluster-port", &cluster_port, "--logfile", "log"])
            .args(options)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start redis-server");
        let server = Self { child, dir, port };
        server.wait_for("PING", |reply| {
            reply.starts_with("+PONG") || reply.starts_with("-NOAUTH")
        });
        server
    }

    /// One for all who ask while it runs.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
        shared(&SHARED, || Self::start(&[]))
    }

    /// One in cluster mode that has all the slots, for all who ask while it
    /// runs.
    pub(crate) fn shared_cluster() -> Arc<Self> {
        static SHARED: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
        shared(&SHARED, || {
            let server = Self::start(&["--cluster-enabled", "yes"]);
            server.ask("CLUSTER ADDSLOTSRANGE 0 16383");
            server.wait_for("CLUSTER INFO", |info| info.contains("cluster_state:ok"));
            server
        })
    }

    /// What it answers to a command, as it stands.
    pub(crate) fn ask(&self, command: &str) -> String {
        self.try_ask(command).expect("ask redis-server")
    }

    /// Sends one command, of any bytes, for one of its databases.
    pub(crate) fn command(&self, database: u8, words: &[&[u8]]) {
        let mut bytes = format!("SELECT {database}\r\n*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"QUIT\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connect");
        stream.write_all(&bytes).expect("send a command");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("its reply");
        let refusal = reply
            .lines()
            .find(|line| line.starts_with('-') && !line.contains("SELECT"));
        assert_eq!(refusal, None, "{reply}");
    }

    /// How many connections were made to it, this one among them.
    pub(crate) fn connections(&self) -> u64 {
        let stats = self.ask("INFO stats");
        let count = stats
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        count.expect("a count").trim().parse().expect("a number")
    }

    /// Has it answer nothing until [`RedisServer::go_on`].
    pub(crate) fn hang(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    fn try_ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = connect(self.port)?;
        write!(stream, "{command}\r\nQUIT\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply.trim_end_matches("+OK\r\n").to_owned())
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, command: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let reply = self.try_ask(command);
            if reply.as_deref().is_ok_and(&wanted) {
                return;
            }
            let log = fs::read_to_string(self.dir.path().join("log"));
            assert!(Instant::now() < deadline, "{command}: {reply:?}\n{log:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// `SESSION_REDIS` for it, by TCP.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `SESSION_REDIS` for it, by its unix socket.
    pub(crate) fn unix_url(&self) -> String {
        // The shortest path to it that holds for as long as it runs.
        let socket = format!("/proc/{}/cwd/redis.sock", self.child.id());
        UnixStream::connect(&socket).expect("connect to its socket");
        format!("unix://{socket}")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shared(
    place: &Mutex<Weak<RedisServer>>,
    start: impl FnOnce() -> RedisServer,
) -> Arc<RedisServer> {
    let mut place = place.lock().expect("no panic while it starts");
    if let Some(server) = place.upgrade() {
        return server;
    }
    let server = Arc::new(start());
    *place = Arc::downgrade(&server);
    server
}

/// Something at a port that does to each connection what it is told to. It
/// ends with the test program.
pub(crate) struct FalseRedis {
    pub(crate) port: u16,
}

impl FalseRedis {
    pub(crate) fn start(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let behave = Arc::new(behave);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let behave = Arc::clone(&behave);
                thread::spawn(move || behave(stream));
            }
        });
        Self { port }
    }
}

/// What a [`Relay`] loses of the connections that it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lost {
    Questions,
    Answers,
}

/// A relay to a server that can forget connections, as a firewall does: it
/// neither ends them nor lets anything through.
pub(crate) struct Relay {
    pub(crate) port: u16,
    forgotten: Arc<Mutex<HashMap<usize, Lost>>>,
    made: Arc<AtomicUsize>,
}

impl Relay {
    /// A relay to `port` of this machine. It ends with the test program.
    pub(crate) fn to(port: u16) -> Self {
        let forgotten = Arc::<Mutex<HashMap<usize, Lost>>>::default();
        let made = Arc::<AtomicUsize>::default();
        let (lost, count) = (Arc::clone(&forgotten), Arc::clone(&made));
        let relay = FalseRedis::start(move |client| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
            let half = |stream: &TcpStream| stream.try_clone().expect("its other half");
            let ways = [
                (half(&client), half(&server), Lost::Questions),
                (half(&server), half(&client), Lost::Answers),
            ];
            thread::scope(|scope| {
                for (mut from, mut to, way) in ways {
                    let lost = &lost;
                    scope.spawn(move || {
                        let mut bytes = [0; 4096];
                        while let Ok(read @ 1..) = from.read(&mut bytes) {
                            let is_lost = lost.lock().expect("no panic").get(&number) == Some(&way);
                            if !is_lost && to.write_all(&bytes[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            });
        });
        Self {
            port: relay.port,
            forgotten,
            made,
        }
    }

    /// Loses what goes one way on every connection that was made so far.
    pub(crate) fn forget(&self, lost: Lost) {
        let made = self.made.load(Ordering::SeqCst);
        let mut forgotten = self.forgotten.lock().expect("no panic");
        forgotten.extend((0..made).map(|number| (number, lost)));
    }

    /// How many connections were made through it.
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// `SESSION_REDIS` for the server behind it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Where the path of a unix socket may be, which is short.
pub(crate) fn nowhere() -> PathBuf {
    PathBuf::from("/run/signet-tests-have-no-redis-here.sock")
}
