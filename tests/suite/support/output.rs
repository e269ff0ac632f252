//! What a run of the program leaves behind: its answer, its words, its exit
//! code, the time it took, and what it did to the state directory.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::response::Response;
use super::state::Snapshot;

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

/// What a child left, see [`Output`].
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) busy: Duration,
}

/// Waits for a child and what it writes.
pub(super) fn outcome(mut child: Child) -> io::Result<Ended> {
    let stderr = child.stderr.take();
    let stderr = thread::spawn(move || rest(stderr));
    let stdout = rest(child.stdout.take())?;
    let stderr = stderr.join().expect("read stderr")?;
    // The dead keep their times until somebody asks for their status.
    let dead = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let pid = Pid::from_child(&child);
    retry_on_intr(|| waitid(WaitId::Pid(pid), dead))?;
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
