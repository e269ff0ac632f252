//! `signet fastcgi`: workers on a socket, for web servers that do not start them.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::Permissions;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use rustix::net::{AddressFamily, Shutdown, getsockname, shutdown};
use rustix::process::umask;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Failure, count, note};
use crate::gateway::Edge;
use crate::gateway::fastcgi::{ProgramFile, RUNNING, is_listening};

/// A worker that has run for less time is replaced after a pause.
const SOON: Duration = Duration::from_secs(1);

/// Runs workers for nginx and Apache's mod_proxy_fcgi. lighttpd and mod_fcgid start
/// the workers themselves and do not need this command.
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

/// Where to listen: on this machine only, as everybody who can connect is taken for
/// the web server.
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

fn permissions(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| mode & !0o777 == 0)
        .ok_or_else(|| "expected octal digits such as 660".to_owned())
}

pub(super) fn run(arguments: Arguments, sockets: Vec<OwnedFd>, edge: &Edge) -> Result<(), Failure> {
    // Before the first worker starts, so that no end of a worker is missed.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGCHLD]).map_err(Failure::new)?;
    let listener = Listener::new(arguments.listen, arguments.mode, sockets)?;
    let program = Program {
        file: ProgramFile::of_this_process(),
        script: edge.argument.clone(),
    };
    let mut pool = Vec::new();
    for _ in 0..arguments.workers {
        pool.push(Worker::start(&program, &listener)?);
    }
    note(format_args!(
        "{}",
        count(arguments.workers.into(), "worker")
    ));
    let mut outcome = Ok(());
    for signal in signals.forever() {
        if signal != SIGCHLD {
            break;
        }
        outcome = pool
            .iter_mut()
            .try_for_each(|worker| worker.look_after(&program, &listener));
        if outcome.is_err() {
            break;
        }
    }
    listener.refuse_connections();
    pool.iter_mut().for_each(Worker::ask_to_end);
    pool.iter_mut().for_each(Worker::wait);
    listener.remove();
    outcome
}

/// The socket of all workers.
struct Listener {
    socket: OwnedFd,
    /// Its path, if this process made it, with the file's device and inode.
    file: Option<(PathBuf, Option<(u64, u64)>)>,
}

impl Listener {
    fn new(listen: Option<Address>, mode: u32, mut passed: Vec<OwnedFd>) -> Result<Self, Failure> {
        let reason = match (passed.pop(), listen) {
            (Some(socket), _) if passed.is_empty() => return Self::passed(socket),
            (None, Some(address)) => return Self::bind(address, mode),
            (None, None) => "no socket to listen on",
            (Some(_), _) => "systemd has passed more than one socket",
        };
        Err(Failure::new(reason)
            .hint("give --listen unix:/PATH, or one ListenStream= in a socket unit of systemd"))
    }

    fn bind(address: Address, mode: u32) -> Result<Self, Failure> {
        let failed =
            |address: &dyn Display, err: io::Error| Failure::new(format_args!("{address}: {err}"));
        Ok(match address {
            Address::Unix(path) => {
                let socket = bind_unix(&path, mode).map_err(|err| failed(&path.display(), err))?;
                let bound = file_at(&path);
                Self {
                    socket: socket.into(),
                    file: Some((path, bound)),
                }
            }
            Address::Tcp(address) => {
                let socket = TcpListener::bind(address).map_err(|err| failed(&address, err))?;
                Self {
                    socket: socket.into(),
                    file: None,
                }
            }
        })
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

    /// Refuses new connections, so that none is waiting when the last worker ends. The
    /// workers answer the connections that are waiting now.
    ///
    /// A TCP socket would drop these; there, connections of the last moment are lost.
    /// systemd's socket stays open for the process that it starts next.
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
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let is_socket = |path: &Path| {
        std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
    };
    if is_socket(path) {
        match UnixStream::connect(path) {
            Err(err) if err.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
            }
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let before = umask(Mode::from_raw_mode(0o177));
    let socket = UnixListener::bind(path);
    umask(before);
    let socket = socket?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(socket)
}

/// Device and inode of the file with this name.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The program that workers run.
struct Program {
    file: Option<ProgramFile>,
    /// The script of settings that was started.
    script: Option<OsString>,
}

impl Program {
    /// Starts the file that has the program's name now, which may be an update, or the
    /// running one if that fails.
    fn start(&self, listener: &Listener) -> io::Result<Child> {
        let path = self.file.as_ref().map(ProgramFile::path);
        match path.map(|path| self.start_file(path, listener)) {
            Some(Ok(child)) => return Ok(child),
            Some(Err(err)) => note(format_args!(
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

/// This program again, with the socket as its standard input.
struct Worker {
    child: Child,
    since: Instant,
}

impl Worker {
    fn start(program: &Program, listener: &Listener) -> Result<Self, Failure> {
        let child = program.start(listener);
        Ok(Self {
            child: child.map_err(|err| Failure::new(format_args!("worker: {err}")))?,
            since: Instant::now(),
        })
    }

    /// Replaces it if it has ended.
    fn look_after(&mut self, program: &Program, listener: &Listener) -> Result<(), Failure> {
        let Ok(Some(status)) = self.child.try_wait() else {
            return Ok(());
        };
        note(format_args!("worker ended, {status}; starting another"));
        thread::sleep(SOON.saturating_sub(self.since.elapsed()));
        *self = Self::start(program, listener)?;
        Ok(())
    }

    /// Closes the pipe, as the end of this process would. A worker that is starting
    /// could miss a signal.
    fn ask_to_end(&mut self) {
        drop(self.child.stdout.take());
    }

    fn wait(&mut self) {
        let _ = self.child.wait();
    }
}
