//! One request, run the way a web server runs a CGI script: a cleared
//! environment, meta-variables as bytes, the body on a pipe.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::response::Response;
use super::state::{Snapshot, StateDir};
use super::{KEY, state_root};

/// Longer than any answer may take; a child still alive then is a hang.
const HANG: Duration = Duration::from_secs(10);

const FORM: &str = "application/x-www-form-urlencoded";

/// What a web server sets for `GET http://example.org/app/`.
const VARS: [(&str, &str); 11] = [
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("HTTP_HOST", "example.org"),
    ("PATH_INFO", "/"),
    ("QUERY_STRING", ""),
    ("REMOTE_ADDR", "192.0.2.7"),
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/app/"),
    ("SCRIPT_NAME", "/app"),
    ("SERVER_NAME", "example.org"),
    ("SERVER_PORT", "80"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
];

/// A request about to be made. Built by [`Cgi::get`] and friends, changed by
/// the methods, run by [`Cgi::run`].
pub(crate) struct Cgi {
    vars: BTreeMap<OsString, OsString>,
    raw: Vec<Vec<u8>>,
    args: Vec<OsString>,
    wrapper: Vec<OsString>,
    program: PathBuf,
    body: Vec<u8>,
    hold_stdin: bool,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    state: PathBuf,
    // Dropped, and with it removed, after the run; `None` when shared.
    own_state: Option<StateDir>,
}

impl Cgi {
    /// A request for `target`, a path below the mount `/app` with an optional
    /// query: PATH_INFO, QUERY_STRING and REQUEST_URI follow it.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let own_state = StateDir::new();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            vars: VARS
                .iter()
                .map(|&(name, value)| (name.into(), value.into()))
                .collect(),
            raw: Vec::new(),
            args: Vec::new(),
            wrapper: Vec::new(),
            program: env!("CARGO_BIN_EXE_signet").into(),
            body: Vec::new(),
            hold_stdin: false,
            stdout: None,
            stderr: None,
            state: own_state.path().to_owned(),
            own_state: Some(own_state),
        }
        .var("REQUEST_METHOD", method)
        .var("PATH_INFO", path)
        .var("QUERY_STRING", query)
        .var("REQUEST_URI", format!("/app{target}"))
        .var("SIGNET_SECRET_KEY", KEY)
        .state_variable()
    }

    /// A GET request, see [`Cgi::new`].
    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A form posted from our own page, see [`Cgi::new`].
    pub(crate) fn post(target: &str, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len().to_string();
        Self::new("POST", target)
            .var("CONTENT_TYPE", FORM)
            .var("CONTENT_LENGTH", length)
            .body(body)
    }

    /// Sets a variable, in place of one of that name.
    pub(crate) fn var(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.vars
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// [`Cgi::var`] for bytes that need not be UTF-8.
    pub(crate) fn bytes(self, name: &[u8], value: &[u8]) -> Self {
        self.var(OsStr::from_bytes(name), OsStr::from_bytes(value))
    }

    /// Sets several variables, see [`Cgi::var`].
    pub(crate) fn vars(self, vars: &[(&str, &str)]) -> Self {
        vars.iter()
            .fold(self, |cgi, (name, value)| cgi.var(name, value))
    }

    /// Removes a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.vars.remove(OsStr::new(name));
        self
    }

    /// Removes every variable, the settings among them.
    pub(crate) fn bare(mut self) -> Self {
        self.vars.clear();
        self
    }

    /// Removes every variable that is not a setting.
    pub(crate) fn only_settings(mut self) -> Self {
        self.vars
            .retain(|name, _| name.as_bytes().starts_with(b"SIGNET_"));
        self
    }

    /// Adds an entry to the environment exactly as it stands, after the
    /// variables: a duplicate, or one without `=`.
    pub(crate) fn raw(mut self, entry: impl Into<Vec<u8>>) -> Self {
        self.raw.push(entry.into());
        self
    }

    /// The Cookie header.
    pub(crate) fn cookie(self, header: impl AsRef<OsStr>) -> Self {
        self.var("HTTP_COOKIE", header)
    }

    /// What stands on stdin. CONTENT_LENGTH does not follow it.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Adds an argument behind the program's name.
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Leaves stdin open behind the body until the program has ended.
    pub(crate) fn hold_stdin(mut self) -> Self {
        self.hold_stdin = true;
        self
    }

    /// Puts `redirections`, as the shell writes them, around the program.
    pub(crate) fn redirect(self, redirections: &str) -> Self {
        let script = format!("exec \"$0\" \"$@\" {redirections}");
        self.through(&["/bin/sh", "-c", &script])
    }

    /// Runs the program with `bytes` of address space (RLIMIT_AS).
    pub(crate) fn address_space(self, bytes: usize) -> Self {
        self.through(&["/usr/bin/prlimit", &format!("--as={bytes}")])
    }

    /// Runs the program by way of `command`, which is to end in exec.
    pub(crate) fn through(mut self, command: &[&str]) -> Self {
        self.wrapper.extend(command.iter().map(OsString::from));
        self
    }

    /// Where the program's stdout goes, if not to [`Output::stdout`].
    pub(crate) fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.stdout = Some(to.into());
        self
    }

    /// Where the program's stderr goes, if not to [`Output::stderr`].
    pub(crate) fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.stderr = Some(to.into());
        self
    }

    /// Another program than the one of this build, say a static one.
    pub(crate) fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = path.into();
        self
    }

    /// Uses `state` instead of a state directory of this request's own.
    pub(crate) fn state(mut self, state: &StateDir) -> Self {
        self.own_state = None;
        self.state = state.path().to_owned();
        self.state_variable()
    }

    /// [`Cgi::state`], for a directory that nobody needs afterwards.
    pub(crate) fn owning(self, state: StateDir) -> Self {
        let mut cgi = self.state(&state);
        cgi.own_state = Some(state);
        cgi
    }

    fn state_variable(self) -> Self {
        let state = self.state.clone();
        self.var("SIGNET_STATE_DIR", state)
    }

    /// Makes the request.
    pub(crate) fn run(mut self) -> Output {
        let before = Snapshot::of(&self.state);
        let mut command = self.command();
        let mut child = command.spawn().expect("spawn the program");
        let pid = Pid::from_child(&child);
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let hold = self.hold_stdin;
        let body = self.body;
        let writer = thread::spawn(move || {
            // The program may refuse the body and end first: no failure.
            let _ = stdin.write_all(&body);
            hold.then_some(stdin)
        });
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(outcome(child)));
        let ended = match ended.recv_timeout(HANG) {
            Ok(ended) => ended.expect("wait for the program"),
            Err(_) => {
                let _ = kill_process(pid, Signal::KILL);
                panic!("the program hangs: {command:?}");
            }
        };
        drop(writer.join());
        let after = Snapshot::of(&self.state);
        Output {
            status: ended.status,
            stdout: ended.stdout,
            stderr: ended.stderr,
            busy: ended.busy,
            state: self.state,
            before,
            after,
        }
    }

    fn command(&mut self) -> Command {
        let mut words = self.wrapper.clone();
        if !self.raw.is_empty() {
            words.push(rawenv().into());
            words.push(self.environment_file().into());
        }
        words.push(self.program.clone().into());
        words.append(&mut self.args);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(&self.vars)
            .stdin(Stdio::piped())
            .stdout(self.stdout.take().unwrap_or_else(Stdio::piped))
            .stderr(self.stderr.take().unwrap_or_else(Stdio::piped));
        command
    }

    /// Writes the environment, with its raw entries, for `rawenv` to read.
    fn environment_file(&self) -> PathBuf {
        let path = self.state.with_file_name("environment");
        let mut entries = Vec::new();
        for (name, value) in &self.vars {
            entries.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
        }
        for entry in &self.raw {
            entries.extend([entry, &b"\0"[..]].concat());
        }
        fs::write(&path, entries).expect("write the environment");
        path
    }
}

/// What a child left, see [`Output`].
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    busy: Duration,
}

/// Waits for a child and what it writes.
fn outcome(mut child: Child) -> io::Result<Ended> {
    let stderr = child.stderr.take();
    let stderr = thread::spawn(move || rest(stderr));
    let stdout = rest(child.stdout.take())?;
    let stderr = stderr.join().expect("read stderr")?;
    // The dead keep their times until somebody asks for their status.
    let dead = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&child)), dead)?;
    let busy = processor_time(child.id())?;
    Ok(Ended {
        status: child.wait()?,
        stdout,
        stderr,
        busy,
    })
}

fn rest(stream: Option<impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The time in user and system mode, in steps of a tick of 10 ms (proc(5)).
fn processor_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // PID (NAME) STATE …, and a name may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// The little C program that starts another with an environment that no shell
/// and no standard library would pass on.
fn rawenv() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| compiled("rawenv")).clone()
}

/// A C program of this folder, compiled.
pub(crate) fn compiled(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/support/");
    let path = state_root().join(name);
    // Two test runs may build it at once: each renames its own into place.
    let draft = path.with_extension(std::process::id().to_string());
    let status = Command::new("cc")
        .args(["-Wall", "-Werror", "-o"])
        .arg(&draft)
        .arg(format!("{folder}{name}.c"))
        .status();
    assert!(status.expect("the C compiler cc").success(), "cc {name}.c");
    fs::rename(&draft, &path).expect("put it in place");
    path
}

/// What one run left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// The processor time it took, which a busy machine does not lengthen.
    pub(crate) busy: Duration,
    /// The state directory that the program was given.
    pub(crate) state: PathBuf,
    pub(crate) before: Snapshot,
    pub(crate) after: Snapshot,
}

impl Output {
    /// The answer, parsed strictly; panics with the reason if it is none.
    #[track_caller]
    pub(crate) fn response(&self) -> Response {
        Response::parse(&self.stdout)
            .unwrap_or_else(|why| panic!("not a CGI response: {why}\n{self}"))
    }

    /// stderr as text.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} after {:?}", self.status, self.busy)?;
        writeln!(f, "stdout: {}", self.stdout.escape_ascii())?;
        writeln!(f, "stderr: {}", self.stderr.escape_ascii())
    }
}

/// Bytes as an argument or a variable's value.
pub(crate) fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}
