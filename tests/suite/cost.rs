//! What a request takes from the machine: system calls, page faults, and
//! instructions of the static program; by FastCGI, instructions.
//!
//! Unlike times, they are the same at each run, so that what makes a request
//! dearer is seen at once. Whoever does so on purpose puts the new numbers
//! into `cost.tsv`; the failing test prints them.

use std::path::Path;

use rustix::process::Signal;

use crate::deploy::static_program;
use crate::fastcgi::{answered, asks, login as login_params, with};
use crate::support::ADA;
use crate::support::application::{Application, at};
use crate::support::cgi::compiled;
use crate::support::fastcgi::request;
use crate::support::strace::calls;
use crate::support::{Cgi, Output, StateDir};

/// How much a compiler's next release, or a longer path, may change the page
/// faults and the instructions, in percent.
const TOLERANCE: u64 = 5;

type Request = fn(&StateDir) -> Cgi;

const REQUESTS: [(&str, Request); 9] = [
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
    ("index, logged in, 10 users", |state| {
        with_users(state, "cookie", 10)
    }),
    ("index, logged in, 10 000 users", |state| {
        with_users(state, "cookie", 10_000)
    }),
    ("index, logged in, 10 users, filesystem", |state| {
        with_users(state, "filesystem", 10)
    }),
    ("POST login", |state| login(state, "cookie")),
    ("POST login, filesystem", |state| login(state, "filesystem")),
];

/// A key as signet creates it: 64 hexadecimal digits.
const KEY: &str = "7b0a6a2ce1f94d538c06f1b9d2e7a4830f5c9e1d6b3248a7c05d9f8e4176b32a";

/// The key lies in the state directory, as it does where nobody set anything.
fn with_key_file(request: Cgi, state: &StateDir, kind: &str) -> Cgi {
    state.write("secret_key", KEY, 0o600);
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

/// The page of the last of so many users with passwords.
fn with_users(state: &StateDir, kind: &str, users: usize) -> Cgi {
    let names = (1..users).map(|number| format!("user{number:05}"));
    let lines = names.chain(["admin".to_owned()]).map(|name| {
        // `htpasswd -nbBC 4 ada 'correct horse'`, for another name.
        format!("{name}:$2y$04$Z735b3IS6GniM.cQ.C7/WeWiDU5Yy4oXk7ndxrGpFwEIt33s1Ij0q\n")
    });
    state.write("users", lines.collect::<String>(), 0o600);
    let form = "username=admin&password=correct+horse";
    let response = with_key_file(Cgi::post("/login", form), state, kind).run();
    let cookie = response
        .response()
        .cookie("session")
        .expect("a cookie")
        .value;
    with_key_file(Cgi::get("/"), state, kind).cookie(format!("session={cookie}"))
}

const VALGRIND: [&str; 3] = [
    "/usr/bin/valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
];

/// The instructions in user mode, as valgrind counts them, and what the program answered.
pub(crate) fn instructions(request: Cgi) -> (u64, Output) {
    let out = request.through(&VALGRIND).run();
    (collected(&out.errors()), out)
}

/// The number in what valgrind says at the end.
fn collected(errors: &str) -> u64 {
    let collected = errors
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.unwrap_or_else(|| panic!("callgrind: {errors}"));
    collected.trim().parse().expect("a number")
}

/// The page faults that need no disk.
fn faults(request: Cgi) -> u64 {
    let program = compiled("faults", &[]);
    let out = request.through(&[program.to_str().expect("UTF-8")]).run();
    let errors = out.errors();
    errors.trim().parse().unwrap_or_else(|_| panic!("{out}"))
}

/// A row of `cost.tsv`: a request, its system calls, its page faults, its instructions.
fn recorded(name: &str) -> [u64; 3] {
    let row = include_str!("cost.tsv")
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
    let mut fields = row.into_iter().flat_map(|row| row.split('\t'));
    [(); 3].map(|()| {
        let field = fields.next().unwrap_or("0");
        field.parse().expect("a number")
    })
}

/// Whether a number is that of `cost.tsv`, as far as machines and compilers agree.
fn is_near(now: u64, before: u64) -> bool {
    now.abs_diff(before) * 100 <= before * TOLERANCE
}

/// The most system calls that ten users with passwords add to a page.
const MOST_CALLS_OF_USERS: u64 = 8;

/// The most instructions that they add.
const MOST_INSTRUCTIONS_OF_USERS: u64 = 35_000;

const ON_PURPOSE: &str = "if that is on purpose, tests/suite/cost.tsv is to say";

#[test]
#[ignore = "needs the static program, strace and valgrind: run tests/run"]
fn a_request_costs_what_is_recorded() {
    let mut measured = String::new();
    let mut rows = Vec::new();
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
        let calls = (seen.len() - 1 - folders) as u64;
        let (request, _state) = fresh();
        let instructions = instructions(request).0;
        // Not for the first process, which reads the program from the disk.
        let (request, _state) = fresh();
        let faults = faults(request);
        let before = recorded(name);
        measured += &format!("{name}\t{calls}\t{faults}\t{instructions}\n");
        rows.push((name, calls, instructions));
        differs |=
            calls != before[0] || !is_near(faults, before[1]) || !is_near(instructions, before[2]);
    }
    print!("{measured}");
    assert!(!differs, "{ON_PURPOSE}:\n{measured}");
    for kind in ["", ", filesystem"] {
        let [without, with] = ["", ", 10 users"].map(|users| {
            let name = format!("index, logged in{users}{kind}");
            let row = rows.iter().find(|(other, ..)| *other == name);
            row.expect("a row")
        });
        let (calls, instructions) = (with.1 - without.1, with.2 - without.2);
        println!("10 users{kind}: {calls} system calls, {instructions} instructions");
        assert!(calls <= MOST_CALLS_OF_USERS, "{kind}:\n{measured}");
        assert!(
            instructions <= MOST_INSTRUCTIONS_OF_USERS,
            "{kind}:\n{measured}"
        );
    }
}

/// What a worker is asked for.
#[derive(Clone, Copy)]
struct Asked {
    /// The users file, if there is one.
    users: Option<&'static str>,
    /// The form of the login, if the visitor is logged in.
    login: Option<&'static str>,
    route: &'static str,
}

impl Asked {
    /// The instructions of a worker that answers a visitor this many times, each on a new
    /// connection, as lighttpd and Apache make them.
    fn instructions(self, requests: u16) -> u64 {
        let state = StateDir::new();
        state.write("secret_key", KEY, 0o600);
        if let Some(users) = self.users {
            state.write("users", users, 0o600);
        }
        let mut command = at(Path::new(VALGRIND[0]), &state);
        command.args(&VALGRIND[1..]).arg(static_program());
        let worker = Application::worker(command.env_remove("SIGNET_SECRET_KEY"));
        let ask = |params: &[(&str, String)], body: &[u8]| {
            let mut client = worker.connect();
            client.send(&request(1, false, params, body));
            answered(&mut client, 1)
        };
        let mut params = asks("GET", self.route);
        if let Some(form) = self.login {
            let response = ask(&login_params(form), form.as_bytes());
            let cookie = response.cookie("session").expect("a cookie").value;
            params = with(params, "HTTP_COOKIE", format!("session={cookie}"));
        }
        for _ in 0..requests {
            let answer = ask(&params, b"");
            let is_seen = match self.route {
                "/auth" => answer.header("Remote-User").is_some(),
                _ => answer.words().contains("Logged in as"),
            };
            assert_eq!(is_seen, self.login.is_some(), "{answer:?}");
        }
        worker.signal(Signal::TERM);
        collected(&String::from_utf8_lossy(&worker.wait().stderr))
    }

    /// The instructions of one more request.
    fn instructions_of_one(self) -> u64 {
        const REQUESTS: u16 = 100;
        let more = self.instructions(1 + REQUESTS) - self.instructions(1);
        more / u64::from(REQUESTS)
    }
}

#[test]
#[ignore = "needs the static program and valgrind: run tests/run"]
fn a_request_by_fastcgi_costs_what_is_recorded() {
    const NAME: &str = "FastCGI: index, logged in";
    let asked = Asked {
        users: None,
        login: Some("username=admin"),
        route: "/",
    };
    let instructions = asked.instructions_of_one();
    let [.., before] = recorded(NAME);
    let measured = format!("{NAME}\t0\t0\t{instructions}");
    println!("{measured}");
    assert!(is_near(instructions, before), "{ON_PURPOSE}:\n{measured}");
}

/// A web server asks before each file that it sends.
#[test]
#[ignore = "needs the static program and valgrind: run tests/run"]
fn a_check_by_fastcgi_costs_no_more_than_the_index() {
    for login in [None, Some("username=ada&password=correct+horse")] {
        let [index, auth] = ["/", "/auth"].map(|route| {
            let users = Some(ADA);
            let asked = Asked {
                users,
                login,
                route,
            };
            asked.instructions_of_one()
        });
        println!("{login:?}: index {index}, /auth {auth}");
        assert!(auth <= index, "{login:?}: index {index}, /auth {auth}");
    }
}
