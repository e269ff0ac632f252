//! What a request takes from the machine: system calls, and instructions of
//! the static program.
//!
//! Unlike times, both are the same at each run, so that what makes a request
//! dearer is seen at once. Whoever does so on purpose puts the new numbers
//! into `cost.tsv`; the failing test prints them.

use crate::deploy::static_program;
use crate::support::strace::calls;
use crate::support::{Cgi, Output, StateDir};

/// How much a compiler's next release, or a longer path, may change, in
/// percent.
const TOLERANCE: u64 = 5;

type Request = fn(&StateDir) -> Cgi;

const REQUESTS: [(&str, Request); 6] = [
    ("index, nobody", |state| Cgi::get("/").state(state)),
    ("index, logged in", |state| logged_in(state, "cookie")),
    ("index, logged in, signet.toml", |state| {
        let settings = "SESSION_COOKIE_SAMESITE = \"Lax\"\nMAX_CONTENT_LENGTH = 65536\n";
        state.write("signet.toml", settings, 0o600);
        logged_in(state, "cookie")
    }),
    ("index, logged in, filesystem", |state| {
        logged_in(state, "filesystem")
    }),
    ("POST login", |state| login(state, "cookie")),
    ("POST login, filesystem", |state| login(state, "filesystem")),
];

/// The key lies in the state directory, as it does where nobody set anything.
fn with_key_file(request: Cgi, state: &StateDir, kind: &str) -> Cgi {
    let key = "a key for these tests, and no other";
    state.write("secret_key", key, 0o600);
    let request = request.state(state).without("SIGNET_SECRET_KEY");
    match kind {
        "cookie" => request,
        kind => request.var("SIGNET_SESSION_TYPE", kind),
    }
}

fn login(state: &StateDir, kind: &str) -> Cgi {
    with_key_file(Cgi::post("/login", "username=admin"), state, kind)
}

fn logged_in(state: &StateDir, kind: &str) -> Cgi {
    let response = login(state, kind).run().response();
    let cookie = response.cookie("session").expect("a cookie").value;
    with_key_file(Cgi::get("/"), state, kind).cookie(format!("session={cookie}"))
}

/// The instructions in user mode, as valgrind counts them, and what the program answered.
pub(crate) fn instructions(request: Cgi) -> (u64, Output) {
    let out = request
        .through(&[
            "/usr/bin/valgrind",
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
        ])
        .run();
    let errors = out.errors();
    let collected = errors
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.unwrap_or_else(|| panic!("callgrind: {errors}"));
    let count = collected.trim().parse().expect("a number");
    (count, out)
}

/// A row of `cost.tsv`: a request, its system calls, its instructions.
fn recorded(name: &str) -> (u64, u64) {
    let mut rows = include_str!("cost.tsv").lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let row = (fields.next()?, fields.next()?, fields.next()?);
        (row.0 == name).then_some(row)
    });
    let (_, calls, instructions) = rows.next().unwrap_or((name, "0", "0"));
    let number = |field: &str| field.parse().expect("a number");
    (number(calls), number(instructions))
}

#[test]
#[ignore = "needs the static program, strace and valgrind: run tests/run"]
fn a_request_costs_what_is_recorded() {
    let mut measured = String::new();
    let mut differs = false;
    for (name, request) in REQUESTS {
        // Each in a new state directory: a login stores something.
        let fresh = || {
            let state = StateDir::new();
            let request = request(&state).program(static_program());
            (request, state)
        };
        let (request, state) = fresh();
        let (seen, out) = calls(request);
        assert!(out.response().status < 400, "{name}: {out}");
        // Without execve, which is the web server's, and without the look at
        // each folder on the way, of which every machine has others.
        let folders = state.path().components().count();
        let (request, _state) = fresh();
        let now = ((seen.len() - 1 - folders) as u64, instructions(request).0);
        let before = recorded(name);
        measured += &format!("{name}\t{}\t{}\n", now.0, now.1);
        differs |= now.0 != before.0 || now.1.abs_diff(before.1) * 100 > before.1 * TOLERANCE;
    }
    print!("{measured}");
    assert!(
        !differs,
        "if that is on purpose, tests/suite/cost.tsv is to say:\n{measured}"
    );
}
