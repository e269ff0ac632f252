//! One request, run the way a web server runs a CGI script: a cleared
//! environment, meta-variables as bytes, the body on a pipe. Or, if the tests
//! are run so (see [`FASTCGI_ROWS`]), by FastCGI: what holds for an answer
//! holds for it by either way.

use super::tested_program;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;
use std::{env, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::application::{HANG, is_of_the_program, serve_once};
use super::fastcgi::MOST_PARAMS;
use super::output::{Ended, Output, outcome};
use super::state::{Snapshot, StateDir};
use super::{KEY, state_root};

/// The variable that makes [`Cgi::run`] send its requests by FastCGI where
/// they can be: a file, which gets a line for each request, "fastcgi" or "cgi:"
/// and why.
const FASTCGI_ROWS: &str = "FASTCGI_ROWS";

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
    address_space: Option<usize>,
    program: PathBuf,
    body: Vec<u8>,
    hold_stdin: bool,
    patience: Duration,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    state: PathBuf,
    own_state: OwnState,
}

/// Whether the state directory is this request's own.
enum OwnState {
    /// It is made for the run, and removed afterwards.
    Unmade,
    /// It is removed after the run.
    Made {
        _removed_when_dropped: StateDir,
    },
    Shared,
}

impl Cgi {
    /// A request for `target`, a path below the mount `/app` with an optional
    /// query: PATH_INFO, QUERY_STRING and REQUEST_URI follow it.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            vars: VARS
                .iter()
                .map(|&(name, value)| (name.into(), value.into()))
                .collect(),
            raw: Vec::new(),
            args: Vec::new(),
            wrapper: Vec::new(),
            address_space: None,
            program: tested_program().into(),
            body: Vec::new(),
            hold_stdin: false,
            patience: HANG,
            stdout: None,
            stderr: None,
            state: StateDir::unused_path(),
            own_state: OwnState::Unmade,
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

    /// Waits longer until it says that the program hangs.
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs the program with `bytes` of address space (RLIMIT_AS).
    pub(crate) fn address_space(mut self, bytes: usize) -> Self {
        self.address_space = Some(bytes);
        self
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
        self.own_state = OwnState::Shared;
        self.state = state.path().to_owned();
        self.state_variable()
    }

    /// [`Cgi::state`], for a directory that nobody needs afterwards.
    pub(crate) fn owning(self, state: StateDir) -> Self {
        let mut cgi = self.state(&state);
        cgi.own_state = OwnState::Made {
            _removed_when_dropped: state,
        };
        cgi
    }

    fn state_variable(self) -> Self {
        let state = self.state.clone();
        self.var("SIGNET_STATE_DIR", state)
    }

    /// Makes the request.
    pub(crate) fn run(mut self) -> Output {
        if matches!(self.own_state, OwnState::Unmade) {
            self.own_state = OwnState::Made {
                _removed_when_dropped: StateDir::at(self.state.clone()),
            };
        }
        let before = Snapshot::of(&self.state);
        let Ended {
            status,
            stdout,
            stderr,
            busy,
        } = match env::var_os(FASTCGI_ROWS) {
            None => self.as_cgi(),
            Some(rows) => {
                let reason = self.only_cgi();
                let row = reason.map_or("fastcgi\n".to_owned(), |why| format!("cgi: {why}\n"));
                let rows = File::options().append(true).create(true).open(rows);
                let written = rows.and_then(|mut rows| rows.write_all(row.as_bytes()));
                written.expect("count the row");
                match reason {
                    Some(_) => self.as_cgi(),
                    None => self.by_fastcgi(),
                }
            }
        };
        Output {
            status,
            stdout,
            stderr,
            busy,
            before,
            after: Snapshot::of(&self.state),
            state: self.state,
        }
    }

    /// What there is about the request that FastCGI has not.
    fn only_cgi(&self) -> Option<&'static str> {
        let is_set = |name: &str| self.vars.contains_key(OsStr::new(name));
        let vars = self.vars.iter();
        let size: usize = vars.map(|(name, value)| name.len() + value.len() + 2).sum();
        let setting = |entry: &Vec<u8>| is_of_the_program(entry);
        let raw = |entry: &Vec<u8>| !entry.contains(&b'=') || entry.starts_with(b"=");
        [
            (self.hold_stdin, "stdin is never ended"),
            (self.stdout.is_some(), "stdout is of its own"),
            (!self.wrapper.is_empty(), "another program starts it"),
            (size > MOST_PARAMS, "more variables than FastCGI takes"),
            (self.raw.iter().any(raw), "no variable's environment entry"),
            (self.raw.iter().any(setting), "a setting given twice"),
            (
                !self.args.is_empty(),
                "arguments, which are the owner's there",
            ),
            (
                !is_set("REQUEST_METHOD") && !is_set("GATEWAY_INTERFACE"),
                "no web server",
            ),
        ]
        .into_iter()
        .find_map(|(applies, reason)| applies.then_some(reason))
    }

    fn as_cgi(&mut self) -> Ended {
        let mut command = self.command();
        command.stdout(self.stdout.take().unwrap_or_else(Stdio::piped));
        command.envs(&self.vars).stdin(Stdio::piped());
        let mut child = command.spawn().expect("spawn the program");
        let pid = Pid::from_child(&child);
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let hold = self.hold_stdin;
        let body = std::mem::take(&mut self.body);
        let writer = thread::spawn(move || {
            // The program may refuse the body and end first: no failure.
            let _ = stdin.write_all(&body);
            hold.then_some(stdin)
        });
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(outcome(child)));
        let ended = match ended.recv_timeout(self.patience) {
            Ok(ended) => ended.expect("wait for the program"),
            Err(_) => {
                let _ = kill_process(pid, Signal::KILL);
                panic!("the program hangs: {command:?}");
            }
        };
        drop(writer.join());
        ended
    }

    /// The settings are the worker's environment, the rest the request's.
    fn by_fastcgi(&mut self) -> Ended {
        let raw = std::mem::take(&mut self.raw);
        let command = self.command();
        let (settings, mut params): (Vec<_>, Vec<_>) = std::mem::take(&mut self.vars)
            .into_iter()
            .map(|(name, value)| (name.into_vec(), value.into_vec()))
            .partition(|(name, _)| is_of_the_program(name));
        params.extend(raw.iter().map(|entry| {
            let equals = entry.iter().position(|&byte| byte == b'=');
            let (name, value) = entry.split_at(equals.expect("checked before"));
            (name.to_vec(), value[1..].to_vec())
        }));
        serve_once(command, settings, &params, &self.body, self.patience)
    }

    fn command(&mut self) -> Command {
        let mut words = Vec::new();
        if let Some(bytes) = self.address_space {
            words.extend(["/usr/bin/prlimit".into(), format!("--as={bytes}").into()]);
        }
        words.append(&mut self.wrapper);
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

/// The little C program that starts another with an environment that no shell
/// and no standard library would pass on.
fn rawenv() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| compiled("rawenv", &[])).clone()
}

/// A C program of this folder, compiled with these options more.
pub(crate) fn compiled(name: &str, options: &[&str]) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/support/");
    let path = state_root().join(name);
    // Two test runs may build it at once: each renames its own into place.
    let draft = path.with_extension(std::process::id().to_string());
    let status = Command::new("cc")
        .args(["-Wall", "-Werror"])
        .args(options)
        .arg("-o")
        .arg(&draft)
        .arg(format!("{folder}{name}.c"))
        .status();
    assert!(status.expect("the C compiler cc").success(), "cc {name}.c");
    fs::rename(&draft, &path).expect("put it in place");
    path
}

/// Bytes as an argument or a variable's value.
pub(crate) fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}
