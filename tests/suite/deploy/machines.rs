//! `deploy/machines`: a session is at home on each of two machines.

use crate::support::tested_program;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::shipped;
use crate::support::application::without_settings;
use crate::support::html::words;
use crate::support::http::{Reply, get, post, send};
use crate::support::jar::Jar;

/// `deploy/machines` at work; ended when dropped, and not by Ctrl-C's signal,
/// which a shell ignores if the tests run in the background.
struct Machines {
    script: Child,
    machines: Vec<Machine>,
}

/// What the script says of one.
struct Machine {
    address: SocketAddr,
    namespace: String,
    state: PathBuf,
}

impl Machines {
    #[track_caller]
    fn start(mode: &str) -> Self {
        let mut script = without_settings(&mut Command::new(shipped("machines")))
            .args([mode, tested_program()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("run deploy/machines");
        let said = BufReader::new(script.stderr.take().expect("stderr is piped"));
        let mut lines = said.lines().map(|line| line.expect("read what it says"));
        let mut machines = Vec::new();
        let mut others = Vec::new();
        for line in &mut lines {
            match line.split_once("http://") {
                Some((_, about)) => machines.push(Machine::parse(about)),
                None if line.contains("ready") => {
                    // It is to find a reader as long as it runs.
                    thread::spawn(|| lines.for_each(drop));
                    return Self { script, machines };
                }
                None => others.push(line),
            }
        }
        let status = script.wait().expect("wait for it");
        panic!("it ended, {status}, and said {others:?}");
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.script), Signal::TERM).expect("end the script");
        self.script.wait().expect("wait for it");
    }
}

impl Machine {
    fn parse(about: &str) -> Self {
        let (address, about) = about.split_once("/ in the namespace ").expect("an address");
        let (namespace, state) = about.split_once(", state in ").expect("a namespace");
        Self {
            address: address.parse().expect("an address with its port"),
            namespace: namespace.to_owned(),
            state: state.into(),
        }
    }

    /// Whom its first page greets a browser with these cookies as.
    #[track_caller]
    fn user(&self, cookies: &Jar) -> Option<String> {
        let page = self.get(cookies);
        assert_eq!(page.status, 200, "{page:?}");
        user(&page)
    }

    fn get(&self, cookies: &Jar) -> Reply {
        let header = header(cookies);
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        get(self.address, "/", &headers)
    }

    #[track_caller]
    fn post(&self, cookies: &mut Jar, route: &str, form: &str) {
        let header = header(cookies);
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        let answer = post(self.address, route, &headers, form);
        assert_eq!(answer.status, 303, "{answer:?}");
        cookies.store(route, &answer.cookies());
    }

    #[track_caller]
    fn log_in(&self, name: &str) -> Jar {
        let mut cookies = Jar::default();
        self.post(&mut cookies, "/login", &format!("username={name}"));
        cookies
    }

    /// A command of the program, as its owner types it there.
    #[track_caller]
    fn signet(&self, arguments: &[&str]) {
        let program = self.state.with_file_name("cgi-bin").join("signet.cgi");
        let out = without_settings(&mut Command::new("ip"))
            .args(["netns", "exec", &self.namespace])
            .arg(program)
            .args(arguments)
            .env("SIGNET_STATE_DIR", &self.state)
            .output()
            .expect("start it");
        assert!(out.status.success(), "{arguments:?}: {out:?}");
    }

    /// The end of everything that runs there, at one moment.
    #[track_caller]
    fn kill(&self) {
        let kill = r#"while pids=$(ip netns pids "$1") && [ "$pids" ]; do kill -9 $pids; done"#;
        Command::new("sh")
            .args(["-c", kill, "sh", &self.namespace])
            .stderr(Stdio::null()) // one may end by itself meanwhile
            .status()
            .expect("start sh");
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.state.join("signet.toml")).expect("the settings")
    }

    /// Puts a file in the place of the one that is there, at one moment.
    fn write(&self, name: &str, text: &str) {
        let draft = self.state.join("draft");
        fs::write(&draft, text).expect("write it");
        fs::set_permissions(&draft, Permissions::from_mode(0o600)).expect("chmod");
        fs::rename(&draft, self.state.join(name)).expect("rename it");
    }

    fn answers(&self) -> bool {
        send(self.address, b"GET / HTTP/1.0\r\n\r\n", false).is_ok()
    }
}

fn header(cookies: &Jar) -> Option<String> {
    Some(format!("Cookie: {}", cookies.header("/", false)?))
}

fn user(page: &Reply) -> Option<String> {
    let words = words(page.text());
    let (_, after) = words.split_once("Logged in as ")?;
    after.split_whitespace().next().map(str::to_owned)
}

/// One mode after the other, as both have the same addresses.
#[test]
#[ignore = "needs root, lighttpd, redis-server and iproute2: run tests/run"]
fn machines_serve_one_site() {
    for mode in ["cookie", "redis"] {
        let both = Machines::start(mode);
        let [one, other] = both.machines.as_slice() else {
            panic!("{mode}: not two machines");
        };
        sessions_go_on_at_the_other(one, other);
        logouts_hold_at_the_other(mode, one, other);
        revocations_hold_at_the_other(one, other);
        if mode == "cookie" {
            a_key_is_replaced_at_one_after_the_other(one, other);
        }
        a_killed_machine_loses_no_session(one, other);
    }
}

fn sessions_go_on_at_the_other(one: &Machine, other: &Machine) {
    for (begins, goes_on) in [(one, other), (other, one)] {
        let ada = begins.log_in("ada");
        assert_eq!(goes_on.user(&ada).as_deref(), Some("ada"));
        assert_eq!(begins.user(&ada).as_deref(), Some("ada"));
        assert_eq!(goes_on.user(&Jar::default()), None);
    }
}

fn logouts_hold_at_the_other(mode: &str, one: &Machine, other: &Machine) {
    for (begins, ends) in [(one, other), (other, one)] {
        let mut ada = begins.log_in("ada");
        let copy = header(&ada).expect("a cookie");
        ends.post(&mut ada, "/logout", "");
        assert_eq!(begins.user(&ada), None);
        // What was copied before: a signed cookie alone knows of no logout.
        let page = get(begins.address, "/", &[&copy]);
        let still = (mode == "cookie").then(|| "ada".to_owned());
        assert_eq!(user(&page), still, "{mode}");

        let here = begins.log_in("ada");
        let mut there = ends.log_in("ada");
        let grace = ends.log_in("grace");
        ends.post(&mut there, "/logout", "everywhere=1");
        assert_eq!(begins.user(&here), None, "{mode}");
        assert_eq!(user(&get(begins.address, "/", &[&copy])), None, "{mode}");
        assert_eq!(begins.user(&grace).as_deref(), Some("grace"), "{mode}");
    }
}

fn revocations_hold_at_the_other(one: &Machine, other: &Machine) {
    for (begins, revokes) in [(one, other), (other, one)] {
        let (ada, grace) = (begins.log_in("ada"), begins.log_in("grace"));
        revokes.signet(&["sessions", "revoke", "--user", "ada"]);
        assert_eq!(begins.user(&ada), None);
        assert_eq!(begins.user(&grace).as_deref(), Some("grace"));
        revokes.signet(&["sessions", "revoke", "--all"]);
        assert_eq!(begins.user(&grace), None);
    }
}

/// In the README's three steps, between which everybody stays logged in.
fn a_key_is_replaced_at_one_after_the_other(one: &Machine, other: &Machine) {
    let old = fs::read_to_string(one.state.join("secret_key")).expect("the key");
    let new = "5d1e8b7a90c34f62".repeat(4);
    let mut everybody = vec![one.log_in("ada"), other.log_in("ada")];
    let all_go_on = |everybody: &[Jar]| {
        for cookies in everybody {
            assert_eq!(one.user(cookies).as_deref(), Some("ada"));
            assert_eq!(other.user(cookies).as_deref(), Some("ada"));
        }
    };
    let settings = one.settings();
    let fallbacks = format!("SECRET_KEY_FALLBACKS = [\"{new}\", \"{}\"]\n", old.trim());
    for machine in [one, other] {
        machine.write("signet.toml", &format!("{settings}{fallbacks}"));
        everybody.extend([one.log_in("ada"), other.log_in("ada")]);
        all_go_on(&everybody);
    }
    for machine in [one, other] {
        machine.write("secret_key", &new);
        everybody.extend([one.log_in("ada"), other.log_in("ada")]);
        all_go_on(&everybody);
    }
    for machine in [one, other] {
        machine.write("signet.toml", &settings);
    }
    all_go_on(&everybody[everybody.len() - 2..]);
    assert_eq!(one.user(&everybody[0]), None, "by the old key");
}

/// One goes while its visitors are clicking; all of them go on at the other.
fn a_killed_machine_loses_no_session(one: &Machine, other: &Machine) {
    const VISITORS: usize = 50;
    let visitors: Vec<(String, Jar)> = (0..VISITORS)
        .map(|number| {
            let name = format!("user{number}");
            let place = if number % 2 == 0 { one } else { other };
            let cookies = place.log_in(&name);
            (name, cookies)
        })
        .collect();
    let pages = AtomicUsize::new(0);
    thread::scope(|scope| {
        for some in visitors.chunks(VISITORS.div_ceil(4)) {
            let pages = &pages;
            scope.spawn(move || {
                for (name, cookies) in some.iter().cycle() {
                    let cookies = header(cookies).expect("a cookie");
                    let request = format!(
                        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{cookies}\r\n\r\n"
                    );
                    match send(one.address, request.as_bytes(), false) {
                        Ok(page) if page.status == 200 => {
                            assert_eq!(user(&page).as_ref(), Some(name));
                            pages.fetch_add(1, Ordering::Relaxed);
                        }
                        // The end, in the middle of this answer or before it.
                        _ => break,
                    }
                }
            });
        }
        while pages.load(Ordering::Relaxed) < 4 * VISITORS {
            thread::yield_now();
        }
        one.kill();
    });
    assert!(!one.answers(), "it is dead");
    for (name, cookies) in &visitors {
        assert_eq!(other.user(cookies).as_ref(), Some(name));
    }
}
