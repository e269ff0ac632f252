//! `signet fastcgi`, started by the words of `deploy/signet.service`.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::apache::server_user;
use super::site::{Site, User, give};
use crate::support::http::{connect, free_port};
use crate::support::steady::steadily;

/// Longer than a start or an end may take, were the machine ever so busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where it listens.
#[derive(Clone, Debug)]
pub(super) enum Socket {
    Unix(PathBuf),
    Tcp(u16),
    /// systemd's, by `deploy/signet.socket`: this test keeps it open.
    Passed(PathBuf, Arc<UnixListener>),
}

impl Socket {
    /// The unit's own socket, with `run` in `site` for `/run`.
    pub(super) fn unix(site: &Site) -> Self {
        let folder = site.folder("run/signet", server_user(), 0o750);
        Self::Unix(folder.join("socket"))
    }

    /// That of the socket unit, in a folder of the server's user.
    pub(super) fn passed(site: &Site) -> Self {
        let owner = server_user();
        let path = site.folder("run/signet", owner, 0o750).join("socket");
        let listener = UnixListener::bind(&path).expect("listen");
        give(&path, owner, 0o660);
        Self::Passed(path, Arc::new(listener))
    }

    pub(super) fn tcp() -> Self {
        Self::Tcp(free_port())
    }

    /// As `--listen` takes it, and nginx.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Unix(path) | Self::Passed(path, _) => format!("unix:{}", path.display()),
            Self::Tcp(port) => format!("127.0.0.1:{port}"),
        }
    }

    fn accepts(&self) -> bool {
        match self {
            Self::Unix(path) | Self::Passed(path, _) => {
                steadily(|| UnixStream::connect(path)).is_ok()
            }
            Self::Tcp(port) => connect(*port).is_ok(),
        }
    }
}

/// The daemon at work; stopped when dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    command: Command,
    child: Child,
    socket: Socket,
}

impl Daemon {
    /// Starts it as systemd would: as a user who is not root, with nothing in
    /// its environment but the place of its state, and `more`. `site` has a
    /// folder `run`; what the daemon says goes to `daemon.log`.
    pub(super) fn start(site: &Site, socket: Socket, more: &[(&str, &str)]) -> Self {
        let (root, owner) = (User::current(), server_user());
        site.folder("bin", root, 0o755);
        let state = site.path().join("state");
        if !state.exists() {
            site.folder("state", owner, 0o700);
        }
        let program = site.program("bin/signet", root);
        let log = site.file("daemon.log", "", owner, 0o600);

        let unit = Site::shipped("signet.service");
        let words = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/signet "))
            .expect("the unit starts the program");
        assert!(words.contains(" unix:%t/signet/socket "), "{words}");
        let words = words.replace("unix:%t/signet/socket", &socket.address());
        let log = OpenOptions::new().append(true).open(log);
        let mut command = match &socket {
            Socket::Unix(_) | Socket::Tcp(_) => Command::new(program),
            Socket::Passed(_, listener) => {
                let listener = listener.try_clone().expect("a descriptor more");
                let script = "export LISTEN_FDS=1 LISTEN_PID=$$\n\
                              exec \"$0\" \"$@\" 3<&0 </dev/null";
                let mut command = Command::new("/bin/sh");
                command.args(["-c", script]).arg(program);
                command.stdin(OwnedFd::from(listener));
                command
            }
        };
        command
            .args(words.split(' '))
            .env_clear()
            .env("STATE_DIRECTORY", state)
            .envs(more.iter().copied())
            .stderr(log.expect("open the log"));
        if owner != root {
            command.uid(owner.uid).gid(owner.gid);
        }
        let child = spawn(&mut command, &socket);
        Self {
            command,
            child,
            socket,
        }
    }

    /// Asks it to end, waits until it has, and starts it anew.
    pub(super) fn restart(&mut self) {
        self.stop();
        self.child = spawn(&mut self.command, &self.socket);
    }

    fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        // Its workers end with it, however it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the daemon and waits until it accepts connections.
fn spawn(command: &mut Command, socket: &Socket) -> Child {
    let mut child = command.spawn().expect("start the daemon");
    let deadline = Instant::now() + PATIENCE;
    while !socket.accepts() {
        if let Some(status) = child.try_wait().expect("wait for the daemon") {
            panic!("{command:?} ended with {status}");
        }
        assert!(Instant::now() < deadline, "{command:?} does not listen");
        thread::sleep(Duration::from_millis(2));
    }
    child
}
