//! `signet fastcgi`: workers on a socket, for web servers that do not start them.

use std::ffi::OsString;
use std::fmt;
use std::fs::Permissions;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, getsockname,
    shutdown, socket_with,
};
use rustix::process::umask;
use signal_hook::consts::{SIGCHLD, SIGKILL};

use super::{Failure, count};
use crate::gateway::fastcgi::{
    GRACE, ProgramFile, RUNNING, asked_to_end, received, web_server_addrs,
};
use crate::gateway::{ProcessInput, is_listening};
use crate::log::log;

/// The least time between two starts of a worker.
const BETWEEN_STARTS: Duration = Duration::from_secs(1);

/// The time after which workers that have not ended are killed. It is less than
/// `TimeoutStopSec` in `deploy/signet.service`.
const MAX_END: Duration = GRACE.saturating_add(Duration::from_secs(5));

/// The most time to wait for an address that is in use: the workers of a killed daemon
/// listen for [`GRACE`] longer.
const MAX_IN_USE: Duration = GRACE.saturating_add(Duration::from_secs(1));

/// The time between two attempts to use such an address.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// lighttpd and Apache's mod_fcgid start the workers themselves and do not need this
/// command.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen: unix:PATH, or 127.0.0.1:PORT
    ///
    /// A socket that systemd passes (see signet.socket) is used instead. Every user of the
    /// machine can connect to a TCP port and pretend to be the web server.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<Address>,
    /// The number of worker processes
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000))]
    workers: u16,
    /// The permissions of a unix socket, in octal
    #[arg(long, default_value = "600", value_parser = permissions)]
    mode: u32,
}

/// An address to listen on. It is on this machine, because everybody who can connect can
/// pretend to be the web server.
#[derive(Clone, Debug)]
enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match Path::new(path).is_absolute() {
                true => Ok(Self::Unix(path.into())),
                false => Err("the path of a socket must be absolute".to_owned()),
            };
        }
        let address: SocketAddr = text
            .parse()
            .map_err(|_| "expected unix:/PATH or 127.0.0.1:PORT".to_owned())?;
        if !address.ip().to_canonical().is_loopback() {
            return Err("only loopback addresses are allowed: everybody who can connect is taken for the web server".to_owned());
        }
        Ok(Self::Tcp(address))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

fn permissions(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| mode & !0o777 == 0)
        .ok_or_else(|| "expected octal digits such as 660".to_owned())
}

pub(super) fn run(
    arguments: Arguments,
    sockets: Vec<OwnedFd>,
    input: &ProcessInput,
) -> Result<(), Failure> {
    // Each worker reads it too, and would end if it were wrong.
    web_server_addrs(&input.vars).map_err(Failure::new)?;
    // Before the first worker is started: otherwise its end could be missed.
    let signals = Signals::new().map_err(Failure::new)?;
    let Some(listener) = Listener::new(arguments.listen, arguments.mode, sockets, &signals)? else {
        return Ok(());
    };
    let program = Program {
        file: ProgramFile::of_this_process(),
        script: input.argument.clone(),
    };
    let start = |_| Worker::start(&program, &listener);
    let mut workers: Vec<Worker> = (0..arguments.workers)
        .map(start)
        .collect::<Result<_, _>>()
        .map_err(|err| Failure::new(format_args!("worker: {err}")))?;
    log(count(arguments.workers.into(), "worker"));

    while signals.wait(workers.iter().filter_map(Worker::next_start).min())? == Wait::GoOn {
        for worker in &mut workers {
            worker.look_after(&program, &listener);
        }
    }

    listener.refuse_connections();
    workers.iter_mut().for_each(Worker::ask_to_end);
    let deadline = Instant::now() + MAX_END;
    while workers.iter_mut().any(Worker::runs) && Instant::now() < deadline {
        // A second signal changes nothing.
        signals.wait(Some(deadline))?;
    }
    workers.iter_mut().for_each(Worker::kill);
    listener.remove();
    Ok(())
}

/// The signals that this process waits for.
struct Signals {
    end: UnixStream,
    child: UnixStream,
}

/// Why a wait ended.
#[derive(Eq, PartialEq)]
enum Wait {
    /// A worker may have ended, or the time limit is reached.
    GoOn,
    /// A signal asks this process to end.
    AskedToEnd,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            end: asked_to_end()?,
            child: received([SIGCHLD])?,
        })
    }

    /// Waits for a signal, at most until `until`.
    fn wait(&self, until: Option<Instant>) -> Result<Wait, Failure> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec::try_from(left).unwrap_or_default());
        let mut both = [&self.end, &self.child].map(|pipe| PollFd::new(pipe, PollFlags::IN));
        match poll(&mut both, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(err) => return Err(Failure::new(err)),
        }
        is_readable(&self.child);
        Ok(match is_readable(&self.end) {
            true => Wait::AskedToEnd,
            false => Wait::GoOn,
        })
    }
}

/// Whether bytes have arrived. Removes them.
fn is_readable(mut pipe: &UnixStream) -> bool {
    pipe.read(&mut [0; 64]).is_ok()
}

/// The socket of all workers.
struct Listener {
    socket: OwnedFd,
    /// Its path, if this process created it, with the file's device and inode.
    file: Option<(PathBuf, Option<(u64, u64)>)>,
}

impl Listener {
    /// `None` if a signal ends this process meanwhile.
    fn new(
        listen: Option<Address>,
        mode: u32,
        mut passed: Vec<OwnedFd>,
        signals: &Signals,
    ) -> Result<Option<Self>, Failure> {
        let reason = match (passed.pop(), listen) {
            (Some(socket), _) if passed.is_empty() => return Self::passed(socket).map(Some),
            (None, Some(address)) => return Self::bind(&address, mode, signals),
            (None, None) => "no socket to listen on",
            (Some(_), _) => "systemd has passed more than one socket",
        };
        Err(Failure::new(reason)
            .hint("give --listen unix:/PATH, or one ListenStream= in a socket unit of systemd"))
    }

    /// Waits for an address that is in use.
    fn bind(address: &Address, mode: u32, signals: &Signals) -> Result<Option<Self>, Failure> {
        let deadline = Instant::now() + MAX_IN_USE;
        loop {
            let tried = match address {
                Address::Unix(path) => bind_unix(path, mode).map(|socket| Self {
                    socket: socket.into(),
                    file: Some((path.clone(), file_at(path))),
                }),
                Address::Tcp(address) => TcpListener::bind(address).map(|socket| Self {
                    socket: socket.into(),
                    file: None,
                }),
            };
            let now = Instant::now();
            match tried {
                Ok(listener) => return Ok(Some(listener)),
                Err(err) if err.kind() == ErrorKind::AddrInUse && now < deadline => {
                    if signals.wait(Some(now + BETWEEN_TRIES))? == Wait::AskedToEnd {
                        return Ok(None);
                    }
                }
                Err(err) => return Err(Failure::new(format_args!("{address}: {err}"))),
            }
        }
    }

    /// A socket that systemd has opened, and keeps open when this process ends.
    fn passed(socket: OwnedFd) -> Result<Self, Failure> {
        if !is_listening(&socket) {
            return Err(Failure::new("the socket from systemd does not listen")
                .hint("in the socket unit, use ListenStream= and Accept=no"));
        }
        let address = getsockname(&socket).map_err(Failure::new)?;
        let is_near = match SocketAddr::try_from(address.clone()) {
            Ok(address) => address.ip().to_canonical().is_loopback(),
            Err(_) => address.address_family() == AddressFamily::UNIX,
        };
        if !is_near {
            return Err(
                Failure::new("the socket from systemd is open to other machines")
                    .hint("use a unix socket or a loopback address: everybody who can connect is taken for the web server"),
            );
        }
        Ok(Self { socket, file: None })
    }

    /// Refuses new connections, so that none waits when the last worker ends. The workers
    /// answer the connections that wait now.
    ///
    /// Not for TCP: there, the connections that wait would be reset. Those that are made
    /// just before the last worker ends are lost. A socket of systemd stays open for the
    /// next process.
    fn refuse_connections(&self) {
        if self.file.is_some() {
            let _ = shutdown(&self.socket, Shutdown::Both);
        }
    }

    /// Removes the socket's file, unless another daemon has replaced it.
    fn remove(self) {
        if let Some((path, bound)) = self.file
            && file_at(&path) == bound
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Replaces the socket of a process that was killed.
///
/// # Errors
///
/// [`ErrorKind::AddrInUse`] if another process listens there; otherwise the error of the
/// system.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "exists and is not a socket",
            ));
        }
        Ok(_) if is_in_use(path)? => return Err(ErrorKind::AddrInUse.into()),
        Ok(_) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let before = umask(Mode::from_raw_mode(0o177));
    let socket = UnixListener::bind(path);
    umask(before);
    let socket = socket?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(socket)
}

/// Whether a process listens at this socket. Does not wait if its queue is full.
fn is_in_use(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(connect(&socket, &SocketAddrUnix::new(path)?) != Err(Errno::CONNREFUSED))
}

/// Device and inode of the file with this name.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The program that workers run.
struct Program {
    file: Option<ProgramFile>,
    /// The settings script that was started.
    script: Option<OsString>,
}

impl Program {
    /// Starts the file that has the program's name now, which may be an update. If that
    /// fails, or if it `has_failed` before, starts the running file.
    fn start(&self, listener: &Listener, has_failed: bool) -> io::Result<Child> {
        let path = self.file.as_ref().map(ProgramFile::path);
        match path
            .filter(|_| !has_failed)
            .map(|path| self.start_file(path, listener))
        {
            Some(Ok(child)) => return Ok(child),
            Some(Err(err)) => log(format_args!(
                "{}: {err}; starting the program that is running",
                path.unwrap_or(Path::new(RUNNING)).display()
            )),
            None => {}
        }
        self.start_file(Path::new(RUNNING), listener)
    }

    fn start_file(&self, file: &Path, listener: &Listener) -> io::Result<Child> {
        Command::new(file)
            .arg0("signet")
            .args(&self.script)
            // These variables are for this process.
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_FDNAMES")
            .stdin(listener.socket.try_clone()?)
            // The worker ends when this process closes its end of the pipe.
            .stdout(Stdio::piped())
            .spawn()
    }
}

/// A worker: another process of this program, with the socket as its standard input.
struct Worker {
    /// `None` until it is started again.
    child: Option<Child>,
    /// When it may be started again.
    next: Instant,
    /// Whether the last start was of the program's file, which failed at once.
    has_failed: bool,
}

impl Worker {
    fn start(program: &Program, listener: &Listener) -> io::Result<Self> {
        let next = Instant::now() + BETWEEN_STARTS;
        let child = Some(program.start(listener, false)?);
        Ok(Self {
            child,
            next,
            has_failed: false,
        })
    }

    /// Starts it again if it has ended, but not too soon.
    fn look_after(&mut self, program: &Program, listener: &Listener) {
        if let Some(child) = &mut self.child {
            let Ok(Some(status)) = child.try_wait() else {
                return;
            };
            self.child = None;
            let failed = !status.success() && status.signal() != Some(SIGKILL);
            self.has_failed = failed && Instant::now() < self.next && !self.has_failed;
            let which = match self.has_failed {
                true => " from the running program",
                false => "",
            };
            log(format_args!(
                "worker ended, {status}; starting another{which}"
            ));
        }
        let now = Instant::now();
        if now >= self.next {
            self.next = now + BETWEEN_STARTS;
            match program.start(listener, self.has_failed) {
                Ok(child) => self.child = Some(child),
                Err(err) => log(format_args!("worker: {err}; trying again")),
            }
        }
    }

    /// The time at which it is started again; `None` while it runs.
    fn next_start(&self) -> Option<Instant> {
        self.child.is_none().then_some(self.next)
    }

    fn runs(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Closes the pipe, as happens when this process ends. (A worker that is starting
    /// could miss a signal.)
    fn ask_to_end(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdout.take());
        }
    }

    fn kill(&mut self) {
        if self.runs()
            && let Some(child) = &mut self.child
        {
            log("a worker that does not end is killed");
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
