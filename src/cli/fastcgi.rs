//! `signet fastcgi`: workers on a socket, for web servers that start none.

use std::fs::Permissions;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use rustix::process::umask;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Failure, complain, count};

/// A worker that ends sooner than this is not started again at once.
const SOON: Duration = Duration::from_secs(1);

/// A web server's process ids differ, and so do its ways to start us: lighttpd
/// and Apache's mod_fcgid start workers by themselves, with the socket as
/// standard input, and need none of this. For nginx and mod_proxy_fcgi.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen: unix:PATH, or 127.0.0.1:PORT
    #[arg(long, value_name = "ADDRESS")]
    listen: Address,
    /// How many processes serve
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000))]
    workers: u16,
    /// The permissions of a unix socket, octal
    #[arg(long, default_value = "600", value_parser = permissions)]
    mode: u32,
}

/// Where to listen. Not to the world: whoever can connect is believed to be
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
            return Err("only loopback addresses: who can connect is believed".to_owned());
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

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        listen,
        workers,
        mode,
    } = arguments;
    let failed = |err: io::Error| match &listen {
        Address::Unix(path) => Failure::new(format_args!("{}: {err}", path.display())),
        Address::Tcp(address) => Failure::new(format_args!("{address}: {err}")),
    };
    // Before the first worker, whose end would not be heard of.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGCHLD]).map_err(Failure::new)?;
    let socket: OwnedFd = match &listen {
        Address::Unix(path) => bind_unix(path, mode).map_err(failed)?.into(),
        Address::Tcp(address) => TcpListener::bind(address).map_err(failed)?.into(),
    };
    let bound = match &listen {
        Address::Unix(path) => file_at(path),
        Address::Tcp(_) => None,
    };
    let mut pool = Vec::new();
    for _ in 0..workers {
        pool.push(Worker::start(&socket)?);
    }
    complain(format_args!("signet: {}", count(workers.into(), "worker")));
    let mut outcome = Ok(());
    for signal in signals.forever() {
        if signal != SIGCHLD {
            break;
        }
        outcome = pool
            .iter_mut()
            .try_for_each(|worker| worker.look_after(&socket));
        if outcome.is_err() {
            break;
        }
    }
    pool.iter_mut().for_each(Worker::ask_to_end);
    pool.iter_mut().for_each(Worker::wait);
    // Not one that another daemon has put in its place.
    if let Address::Unix(path) = &listen
        && file_at(path) == bound
    {
        let _ = std::fs::remove_file(path);
    }
    outcome
}

/// A socket that a process left behind when it was killed is replaced.
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

/// Which file has this name.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// This program again, with the socket as its standard input.
struct Worker {
    child: Child,
    since: Instant,
}

impl Worker {
    fn start(socket: &OwnedFd) -> Result<Self, Failure> {
        let stdin = socket.try_clone().map_err(Failure::new)?;
        let child = Command::new("/proc/self/exe")
            .stdin(stdin)
            // The worker ends when nobody holds the other end of it.
            .stdout(Stdio::piped())
            .spawn();
        Ok(Self {
            child: child.map_err(|err| Failure::new(format_args!("worker: {err}")))?,
            since: Instant::now(),
        })
    }

    /// Starts another one in its place if it has ended.
    fn look_after(&mut self, socket: &OwnedFd) -> Result<(), Failure> {
        let Ok(Some(status)) = self.child.try_wait() else {
            return Ok(());
        };
        complain(format_args!(
            "signet: worker ended, {status}; starting another"
        ));
        thread::sleep(SOON.saturating_sub(self.since.elapsed()));
        *self = Self::start(socket)?;
        Ok(())
    }

    /// As our own end would. A signal can be lost on a worker that only begins.
    fn ask_to_end(&mut self) {
        drop(self.child.stdout.take());
    }

    fn wait(&mut self) {
        let _ = self.child.wait();
    }
}
