//! `deploy/serve`: the README's first command.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::shipped;
use crate::support::StateDir;
use crate::support::application::without_settings;
use crate::support::http::{free_port, get, post};

/// `deploy/serve` at work, with a home of its own.
struct Serve {
    child: Child,
    port: u16,
    /// What it said before it gave its address.
    said: Vec<String>,
}

/// The script with nothing in its environment but what it needs.
fn command(home: &StateDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(shipped("serve"));
    command.args(arguments);
    // A home of its own, but the toolchain of this one.
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        if std::env::var_os(name).is_none()
            && let Some(home) = std::env::var_os("HOME")
        {
            command.env(name, Path::new(&home).join(folder));
        }
    }
    without_settings(&mut command).env("HOME", home.path());
    command
}

impl Serve {
    #[track_caller]
    fn start(home: &StateDir, options: &[&str]) -> Self {
        let port = free_port();
        let mut child = command(home, &[options, &[&port.to_string()]].concat())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("run deploy/serve");
        let lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let last = format!("serving on http://127.0.0.1:{port}/");
        let mut said = Vec::new();
        // It says so when it answers, and not before.
        for line in lines {
            let line = line.expect("read what it says");
            if line.contains(&last) {
                return Self { child, port, said };
            }
            said.push(line);
        }
        let status = child.wait().expect("wait for it");
        panic!("it ended, {status}, and said {said:?}");
    }

    /// What stands after these words in what it said.
    #[track_caller]
    fn told(&self, words: &str) -> &str {
        let mut lines = self.said.iter();
        let rest = lines.find_map(|line| line.split_once(words));
        let (_, rest) = rest.unwrap_or_else(|| panic!("no {words} in {:?}", self.said));
        rest.trim()
    }

    /// Ends it as Ctrl-C does, or as a `kill`.
    #[track_caller]
    fn stop(mut self, signal: Signal) -> ExitStatus {
        let group = Pid::from_child(&self.child);
        match signal {
            Signal::INT => kill_process_group(group, signal),
            _ => rustix::process::kill_process(group, signal),
        }
        .expect("send the signal");
        let status = self.child.wait().expect("wait for it");
        assert_none_runs(group);
        TcpListener::bind(("127.0.0.1", self.port)).expect("the port is free again");
        status
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // A test that failed left it running.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Asserts that no process of the group is at work, or is not for long: the
/// program of the last request may be on its way out, and whether the dead are
/// collected at once is up to the first process of the machine.
#[track_caller]
fn assert_none_runs(group: Pid) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let left = running(group);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left running: {left:?}");
        sleep(Duration::from_millis(20));
    }
}

/// The `/proc/PID/stat` of the group's processes, without the dead (state Z).
fn running(group: Pid) -> Vec<String> {
    let group = group.as_raw_nonzero().to_string();
    let processes = fs::read_dir("/proc").expect("list /proc");
    processes
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok())
        .filter(|stat| {
            // PID (NAME) STATE PARENT GROUP …, and a name may hold anything.
            let fields = stat.rsplit(')').next().unwrap_or_default();
            let fields: Vec<&str> = fields.split_whitespace().collect();
            fields.first() != Some(&"Z") && fields.get(2) == Some(&group.as_str())
        })
        .collect()
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn it_serves_until_ctrl_c_and_keeps_logins() {
    let home = StateDir::new();
    let serve = Serve::start(&home, &["--tutorial"]);
    let index = get(serve.port, "/", &[]);
    assert!(index.text().contains("You are not logged in"), "{index:?}");
    let login = post(serve.port, "/login", &[], "username=admin");
    let cookie = format!("Cookie: session={}", login.cookies()[0].value);
    assert_eq!(serve.stop(Signal::INT).code(), Some(0), "Ctrl-C");

    let serve = Serve::start(&home, &["--tutorial"]);
    let index = get(serve.port, "/", &[&cookie]);
    assert!(index.text().contains("Logged in as admin"), "{index:?}");
    assert_eq!(serve.stop(Signal::TERM).code(), Some(0), "kill");

    for signal in [Signal::HUP, Signal::QUIT] {
        let serve = Serve::start(&home, &[]);
        let port = serve.port;
        assert_eq!(serve.stop(signal).code(), Some(0), "{signal:?}");
        assert!(
            TcpListener::bind(("127.0.0.1", port)).is_ok(),
            "lighttpd runs"
        );
    }
}

/// Follows what it prints: the login by password, the private folder with its three
/// files, and where to put one's own. The password of another run is wrong.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn its_user_sees_a_private_folder() {
    let home = StateDir::new();
    let mut earlier = String::new();
    for run in 1..=2 {
        let serve = Serve::start(&home, &[]);
        let password = serve.told("user admin, password ").to_owned();
        assert!(password.len() >= 16 && password != earlier, "{password}");
        let base = format!("http://127.0.0.1:{}", serve.port);
        let path = |words: &str| serve.told(words).strip_prefix(&base).expect("its address");
        let (login, folder) = (path("login:"), path("private folder:"));

        let log_in = |password: &str| {
            let form = format!("username=admin&password={password}");
            post(serve.port, login, &[], &form)
        };
        assert_eq!(log_in("a wrong one").status, 403);
        if run == 2 {
            assert_eq!(log_in(&earlier).status, 403);
        }
        let answer = log_in(&password);
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookies = answer.cookies();
        let session = cookies.iter().find(|cookie| cookie.name == "session");
        let cookie = format!("Cookie: session={}", session.expect("a session").value);

        let doctor = path("doctor, for admin:");
        assert_eq!(get(serve.port, doctor, &[]).status, 404);
        let page = get(serve.port, doctor, &[&cookie]);
        assert_eq!(page.status, 200, "{page:?}");

        let own = Path::new(serve.told("your own files for it:")).join("own.txt");
        fs::write(own, "of my own").expect("put a file there");
        for (name, kind, start) in [
            ("welcome.txt", "text/plain; charset=utf-8", "Only logged-in"),
            ("screenshot.png", "image/png", "\u{89}PNG\r\n"),
            ("page.pdf", "application/pdf", "%PDF-1.4\n"),
            ("own.txt", "text/plain; charset=utf-8", "of my own"),
        ] {
            let url = format!("{folder}{name}");
            assert_eq!(get(serve.port, &url, &[]).status, 303, "{name}");
            let file = get(serve.port, &url, &[&cookie]);
            assert_eq!(
                (file.status, file.header("content-type")),
                (200, Some(kind))
            );
            let first: String = file
                .body
                .iter()
                .copied()
                .map(char::from)
                .take(start.len())
                .collect();
            assert!(first.starts_with(start), "{name}: {first}");
            let listing = get(serve.port, folder, &[&cookie]);
            assert!(listing.text().contains(name), "{name}: {listing:?}");
        }
        assert_eq!(serve.stop(Signal::INT).code(), Some(0));
        earlier = password;
    }
}

/// Debugging is on: the page says what is wrong with a setting, and where.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn its_pages_say_why() {
    let home = StateDir::new();
    let site = ".local/state/signet-serve/state";
    home.write(&format!("{site}/signet.toml"), "DEBUG = true\n", 0o600);
    home.write(&format!("{site}/secret_key"), "short", 0o600);
    let serve = Serve::start(&home, &[]);
    let index = get(serve.port, "/", &[]);
    assert_eq!(index.status, 503);
    assert!(index.text().contains("fewer than 16"), "{index:?}");
    assert_eq!(serve.stop(Signal::INT).code(), Some(0));
    // What a person wrote there is theirs.
    let kept = fs::read_to_string(home.path().join(site).join("signet.toml"));
    assert_eq!(kept.expect("read it"), "DEBUG = true\n");
}

/// The build shows how far it is, in cargo's own words, and a newcomer is told
/// how to change a page: the command is one to paste into a shell.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn it_shows_its_progress_and_how_to_change_a_page() {
    let home = StateDir::new();
    let serve = Serve::start(&home, &[]);
    let said = serve.said.join("\n");
    assert!(said.contains("Finished `dev`"), "{said}");
    let templates = home
        .path()
        .join(".local/state/signet-serve/state/templates");
    assert!(said.contains(&*templates.to_string_lossy()), "{said}");

    let command = serve
        .said
        .iter()
        .find_map(|line| line.strip_prefix("deploy/serve:   "));
    let command = command.unwrap_or_else(|| panic!("no command in {said}"));
    let copied = Command::new("sh").args(["-c", command]).status();
    assert!(copied.expect("run sh").success(), "{command}");
    let page = templates.join("index.html");
    let text = fs::read_to_string(&page).expect("the page");
    fs::write(&page, text.replace("{{ t.welcome }}", "A page of my own")).expect("change it");
    let index = get(serve.port, "/", &[]);
    assert!(
        index.text().contains("A page of my own"),
        "{said}: {index:?}"
    );
    assert_eq!(serve.stop(Signal::TERM).code(), Some(0));
}

#[test]
fn what_it_cannot_do_it_says() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("take a port");
    let taken = listener
        .local_addr()
        .expect("its address")
        .port()
        .to_string();
    #[rustfmt::skip]
    let cases: [(&[&str], i32, &str); 8] = [
        (&["0"],            2, "usage: deploy/serve [--tutorial] [PORT]"),
        (&["65536"],        2, "usage: deploy/serve [--tutorial] [PORT]"),
        (&["http"],         2, "usage: deploy/serve [--tutorial] [PORT]"),
        (&["--demo"],       2, "usage: deploy/serve [--tutorial] [PORT]"),
        (&["-1"],           2, "usage: deploy/serve [--tutorial] [PORT]"),
        (&["8080", "8081"], 2, "usage: deploy/serve [--tutorial] [PORT]"),
        (&[&taken],         1, "in use; name another: deploy/serve "),
        (&["--tutorial", &taken], 1, "in use; name another: deploy/serve --tutorial "),
    ];
    for (arguments, code, words) in cases {
        let home = StateDir::new();
        let output = command(&home, arguments)
            .output()
            .expect("run deploy/serve");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
