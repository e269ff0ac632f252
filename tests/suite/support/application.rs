//! The program as a FastCGI application: started as a web server starts it,
//! with a listening socket for standard input, or as a daemon.

use super::tested_program;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr as TcpAddress, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::fastcgi::{Client, REQUEST_COMPLETE, request};
use super::output::{Ended, outcome};
use super::steady::steadily;
use super::{KEY, StateDir};

/// Longer than any answer may take; a process that has given none by then
/// hangs.
pub(crate) const HANG: Duration = Duration::from_secs(30);

/// Whether a variable is about the program and no request, so that an owner
/// writes it into the environment of the application.
pub(super) fn is_of_the_program(name: &[u8]) -> bool {
    const PLACES: [&[u8]; 4] = [
        b"HOME",
        b"SSL_SIGNET_CONFIG",
        b"STATE_DIRECTORY",
        b"XDG_STATE_HOME",
    ];
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"REDIRECT_") {
        name = rest;
    }
    name.starts_with(b"SIGNET_") || PLACES.contains(&name)
}

/// Leaves out of what a command inherits all that the program would take for
/// settings of this machine's site. `HOME` stays.
pub(crate) fn without_settings(command: &mut Command) -> &mut Command {
    let given: Vec<OsString> = command.get_envs().map(|(name, _)| name.into()).collect();
    for (name, _) in env::vars_os() {
        let settings = is_of_the_program(name.as_encoded_bytes()) && name != "HOME";
        if settings && !given.contains(&name) {
            command.env_remove(&name);
        }
    }
    command
}

/// Starts the rest of a command line where there is no `/var/lib/signet`, in which
/// this machine may have a site. Needs root.
pub(crate) const WITHOUT_SYSTEM_STATE: [&str; 5] = [
    "/usr/bin/unshare",
    "--mount",
    "/bin/sh",
    "-c",
    r#"if [ -e /var/lib/signet ]; then
        before=$PWD && cd /var/lib && /bin/mount -t tmpfs none /var/lib || exit
        # Relative paths lead below what was mounted.
        for name in *; do
            [ -d "$name" ] && [ "$name" != signet ] && /bin/mkdir "/var/lib/$name" &&
                /bin/mount --no-canonicalize --bind "./$name" "/var/lib/$name" 2>/dev/null
            # Other tests remove their folders meanwhile.
            [ ! -d "$name" ] || [ "$name" = signet ] || /bin/mountpoint -q "/var/lib/$name" || exit
        done
        cd "$before"
    fi
    exec "$0" "$@""#,
];

/// A program, with no more of an environment than the tests' key and this state
/// directory.
pub(crate) fn at(program: &Path, state: &StateDir) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .env("SIGNET_SECRET_KEY", KEY)
        .stderr(Stdio::piped());
    command
}

/// The program [`at`] this state directory.
pub(crate) fn program_at(state: &StateDir) -> Command {
    at(Path::new(tested_program()), state)
}

/// The command `signet fastcgi`, to which `socket` is passed as systemd does it:
/// as descriptor 3 (sd_listen_fds(3)).
pub(crate) fn activated(state: &StateDir, socket: &OwnedFd, more: &[&str]) -> Command {
    let script = "export LISTEN_FDS=${LISTEN_FDS-1} LISTEN_PID=${LISTEN_PID-$$}\n\
                  exec \"$0\" fastcgi \"$@\" 3<&0 </dev/null";
    let mut command = at(Path::new("/bin/sh"), state);
    command
        .args(["-c", script, tested_program()])
        .args(more)
        .stdin(socket.try_clone().expect("a descriptor more"));
    command
}

/// Where an application listens.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Unix(UnixAddress),
    Tcp(TcpAddress),
}

impl Address {
    pub(crate) fn connect(&self) -> io::Result<Client> {
        let socket: OwnedFd = match self {
            Self::Unix(address) => {
                let socket = steadily(|| UnixStream::connect_addr(address))?;
                socket.set_read_timeout(Some(HANG))?;
                socket.set_write_timeout(Some(HANG))?;
                socket.into()
            }
            Self::Tcp(address) => {
                let socket = steadily(|| TcpStream::connect(address))?;
                socket.set_read_timeout(Some(HANG))?;
                socket.set_write_timeout(Some(HANG))?;
                socket.into()
            }
        };
        Ok(Client::new(File::from(socket)))
    }
}

/// A running application, killed when dropped.
#[derive(Debug)]
pub(crate) struct Application {
    pid: Pid,
    ended: Receiver<io::Result<Ended>>,
    address: Address,
}

impl Application {
    /// One worker, started as lighttpd and mod_fcgid do it.
    pub(crate) fn worker(command: &mut Command) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Abstract: gone with the process, and its length is no matter.
        let name = format!("signet-tests-{}-{number}", process::id());
        let address = UnixAddress::from_abstract_name(name).expect("a name");
        let listener = UnixListener::bind_addr(&address).expect("listen");
        Self::start(
            command.stdin(OwnedFd::from(listener)),
            Address::Unix(address),
        )
    }

    /// [`Application::worker`] on a TCP port of 127.0.0.1.
    pub(crate) fn worker_on_tcp(command: &mut Command) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listen");
        let address = listener.local_addr().expect("its address");
        Self::start(
            command.stdin(OwnedFd::from(listener)),
            Address::Tcp(address),
        )
    }

    /// `signet fastcgi` on this socket, when it is ready.
    #[track_caller]
    pub(crate) fn daemon(command: &mut Command, socket: &Path, more: &[&str]) -> Self {
        let listen = format!("unix:{}", socket.display());
        command.args(["fastcgi", "--listen", &listen]).args(more);
        let daemon = Self::at_path(command, socket);
        let listens = || daemon.try_connect().is_ok();
        wait_until("the daemon listens", listens);
        daemon
    }

    /// An application that listens at `socket` by itself.
    pub(crate) fn at_path(command: &mut Command, socket: &Path) -> Self {
        let address = UnixAddress::from_pathname(socket).expect("a path of a socket");
        Self::start(command.stdin(Stdio::null()), Address::Unix(address))
    }

    /// An application that listens at this TCP port by itself.
    pub(crate) fn at_port(command: &mut Command, address: TcpAddress) -> Self {
        Self::start(command.stdin(Stdio::null()), Address::Tcp(address))
    }

    /// `signet fastcgi`, to which this socket is passed as systemd passes one.
    pub(crate) fn activated(
        state: &StateDir,
        socket: &OwnedFd,
        address: &Address,
        more: &[&str],
    ) -> Self {
        Self::start(&mut activated(state, socket, more), address.clone())
    }

    fn start(command: &mut Command, address: Address) -> Self {
        command.stdout(Stdio::piped());
        let child = command.spawn().expect("spawn the application");
        // Else the socket would outlive the application.
        command.stdin(Stdio::null());
        let pid = Pid::from_child(&child);
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(outcome(child)));
        Self {
            pid,
            ended,
            address,
        }
    }

    /// A new connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        self.try_connect().expect("the application listens")
    }

    pub(crate) fn try_connect(&self) -> io::Result<Client> {
        self.address.connect()
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("it runs");
    }

    /// The processes that it started, as far as they live.
    pub(crate) fn children(&self) -> Vec<Pid> {
        let pid = self.pid.as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.expect("the kernel tells children");
        let pids = children.split_whitespace().map(|pid| pid.parse().ok());
        pids.map(|pid| pid.and_then(Pid::from_raw).expect("a process id"))
            .filter(|pid| lives(*pid))
            .collect()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&self) -> Ended {
        let ended = self.ended.recv_timeout(HANG);
        ended.expect("it ends").expect("wait for it")
    }

    /// Asks it to end, as web servers do, and waits for that.
    #[track_caller]
    pub(crate) fn end(&self) -> Ended {
        // It may have ended by itself, which its status then says.
        let _ = kill_process(self.pid, Signal::TERM);
        self.wait()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        if let Err(TryRecvError::Empty) = self.ended.try_recv() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// Whether there is such a process, and not only its status for its parent.
pub(crate) fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    // PID (NAME) STATE …
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + HANG;
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The answer to one request of a worker that is started for it, and asked to
/// end afterwards.
#[track_caller]
pub(super) fn serve_once(
    mut command: Command,
    settings: Vec<(Vec<u8>, Vec<u8>)>,
    params: &[(Vec<u8>, Vec<u8>)],
    body: &[u8],
    patience: Duration,
) -> Ended {
    let settings = settings
        .into_iter()
        .map(|(name, value)| (OsString::from_vec(name), OsString::from_vec(value)));
    let worker = Application::worker(command.envs(settings));
    let mut client = worker.connect();
    client.wait_at_most(patience);
    // It may refuse the request before all of it has arrived.
    let _ = client.try_send(&request(1, false, params, body));
    let answer = client.try_answer(1);
    let ended = worker.end();
    let said = ended.stderr.escape_ascii();
    let answer = answer.unwrap_or_else(|| panic!("no answer: {} {said}", ended.status));
    assert_eq!(answer.status, REQUEST_COMPLETE, "{said}");
    client.assert_closed("not kept");
    assert_eq!(ended.stdout, b"", "a worker has nothing to write there");
    Ended {
        stdout: answer.stdout,
        ..ended
    }
}
