//! The program's system calls, one by one: which there are, and what happens
//! when one of them is its last, or fails.

use std::fs;

use super::cgi::Cgi;
use super::output::Output;
use super::state::StateDir;

/// A system call: its name, its number among those of the name, its arguments.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) number: usize,
    pub(crate) arguments: String,
}

impl Call {
    /// strace's option that does `what` to this call.
    pub(crate) fn inject(&self, what: &str) -> String {
        format!("inject={}:{what}:when={}", self.name, self.number)
    }
}

/// Runs the request under strace with these options.
pub(crate) fn strace(request: Cgi, options: &[&str]) -> Output {
    let command = [
        &["/usr/bin/strace", "-f", "-qq", "-e", "signal=none"][..],
        options,
    ]
    .concat();
    request.through(&command).run()
}

/// [`strace`] with something done to system calls, and no log.
pub(crate) fn injected(request: Cgi, inject: &[&str]) -> Output {
    let mut options = vec!["-o", "/dev/null"];
    for what in inject {
        options.extend(["-e", what]);
    }
    strace(request, &options)
}

/// The system calls in lines of strace. A call in two parts has no bracket.
pub(crate) fn calls_in<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for (name, arguments) in lines.filter_map(|line| line.split_once('(')) {
        let number = calls.iter().filter(|call| call.name == name).count() + 1;
        let (name, arguments) = (name.to_owned(), arguments.to_owned());
        calls.push(Call {
            name,
            number,
            arguments,
        });
    }
    calls
}

/// Every system call of the request, in order, and its answer.
#[track_caller]
pub(crate) fn calls(request: Cgi) -> (Vec<Call>, Output) {
    let trace = StateDir::new();
    let log = trace.path().join("calls");
    let out = strace(request, &["-o", log.to_str().expect("a path in UTF-8")]);
    let log = fs::read_to_string(&log).expect("strace's log");
    // A process id stands in front.
    let lines = log.lines().filter_map(|line| line.split_once(' '));
    let calls = calls_in(lines.map(|(_, call)| call.trim_start()));
    assert!(calls.len() > 10, "strace saw too little: {out}");
    (calls, out)
}
