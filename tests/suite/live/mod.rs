//! Real web servers before the program, set up by the files of `deploy/` as
//! they are shipped, and as `signet print` changes them for another program: every set-up is walked and attacked by the same bodies,
//! as CGI and as FastCGI.
//!
//! - `walk`: a visitor logs in and out by following links
//! - `answers`: what each page answers to each method, body and header
//! - `beside`: what a site had before is served as before
//! - `hostile`: requests that no browser sends, and which of the two, server
//!   or program, is to stop each
//! - `protect`: what the server serves itself, only to logged-in visitors

mod advice;
mod answers;
pub(crate) mod apache;
mod beside;
mod busybox;
mod daemon;
mod doctor;
mod downloads;
pub(crate) mod fastcgi;
mod fastcgi_ends;
mod hostile;
mod hostile_names;
pub(crate) mod lighttpd;
mod media;
mod printed;
mod private;
mod protect;
mod proxy;
pub(crate) mod site;
mod suexec;
mod traversal;
mod upload;
mod users;
mod walk;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::html::links;
use crate::support::http::{self, Reply, Server};
use crate::support::invariants::assert_closed;
use crate::support::token::Signer;
use daemon::Daemon;
use site::Site;

/// Which server it is; they differ in what they refuse by themselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Software {
    Apache,
    ModFcgid,
    Lighttpd,
    Nginx,
}

/// A server at work, and each place where the program is to be found on it.
#[derive(Debug)]
struct Live {
    mounts: Vec<Mount>,
    // The server ends before what it connects to, and both before their folder.
    _server: Server,
    daemon: Option<Daemon>,
    site: Site,
}

/// One set-up: the program below one path of one server.
#[derive(Clone, Debug)]
struct Mount {
    /// What a failed assertion calls it.
    name: &'static str,
    software: Software,
    port: u16,
    /// What stands before the route in URLs: empty, or with a leading slash.
    base: &'static str,
    /// Whether the server adds a slash to that path, as to a folder on the disk.
    folder: bool,
    /// Where the key makes itself.
    state: PathBuf,
    /// Where what the program says on stderr is written.
    log: PathBuf,
    /// The cookie's name; "session" unless the set-up's settings say another.
    cookie: &'static str,
    /// Whether a login outlives the browser window.
    permanent: bool,
}

impl Mount {
    /// The address of a route, path only.
    fn url(&self, route: &str) -> String {
        format!("{}{route}", self.base)
    }

    /// The `Path` of its cookies.
    fn cookie_path(&self) -> &str {
        if self.base.is_empty() { "/" } else { self.base }
    }

    fn get(&self, route: &str, headers: &[&str]) -> Reply {
        http::get(self.port, &self.url(route), headers)
    }

    fn post(&self, route: &str, headers: &[&str], form: &str) -> Reply {
        http::post(self.port, &self.url(route), headers, form)
    }

    /// Signs as the program does, by the key that it made for itself.
    fn signer(&self) -> Signer {
        let key = fs::read(self.state.join("secret_key")).expect("a key made itself");
        Signer::with_key(key.strip_suffix(b"\n").unwrap_or(&key))
    }

    /// Logs in and returns the Cookie header's value.
    fn log_in(&self) -> String {
        let answer = self.post("/login", &[], "username=admin");
        let cookies = answer.cookies();
        let cookie = cookies.first().unwrap_or_else(|| panic!("{answer:?}"));
        format!("{}={}", cookie.name, cookie.value)
    }

    /// Asserts what holds for every answer, whoever gave it: the server did not
    /// fail, and no header ended up in a page.
    #[track_caller]
    fn assert_sound(&self, row: &str, reply: &Reply) {
        let name = format!("{}: {row}", self.name);
        // Which methods and versions a server knows is its own affair.
        let unknown = matches!(reply.status, 501 | 505) && !is_ours(reply);
        assert!(reply.status < 500 || unknown, "{name}: {reply:?}");
        let body = String::from_utf8_lossy(&reply.body).to_ascii_lowercase();
        for field in ["status:", "content-type:", "set-cookie:", "location:"] {
            assert!(!body.contains(field), "{name}: {field} in {body}");
        }
        if is_ours(reply) {
            assert_closed(&name, &reply.headers);
            assert_eq!(reply.header("Status"), None, "{name}");
        }
    }

    /// Asserts that the program gave this answer here, which leads nowhere else.
    #[track_caller]
    fn assert_ours(&self, row: &str, reply: &Reply) {
        self.assert_sound(row, reply);
        let name = format!("{}: {row}", self.name);
        assert!(is_ours(reply), "{name}: {reply:?}");
        for link in links(reply.text()).iter().chain(&location(reply)) {
            assert!(self.holds(link), "{name}: {link} leaves {}", self.base);
        }
    }

    /// Whether a URL is a path below this mount.
    fn holds(&self, url: &str) -> bool {
        let below = url.strip_prefix(self.base);
        below.is_some_and(|route| route.starts_with('/') && !route.starts_with("//"))
    }

    /// What the program said on stderr so far, without the server's own lines.
    fn said(&self) -> Vec<String> {
        let log = fs::read(&self.log).expect("the server's error log");
        let log = String::from_utf8_lossy(&log);
        let lines = log.lines().filter_map(|line| match self.software {
            // mod_cgi writes it down as "[date …] AH01215: stderr from
            // /path/signet.cgi: …", mod_cgid and mod_fcgid let the program write.
            Software::Apache | Software::ModFcgid if line.starts_with('[') => {
                let (_, said) = line.split_once("AH01215: ")?;
                Some(said.split_once(".cgi: ").map_or(said, |(_, said)| said))
            }
            Software::Apache | Software::ModFcgid => Some(line),
            // Its own begin with a date, or with what it could not start.
            Software::Lighttpd => (!line.starts_with(['2', '/'])).then_some(line),
            // Its daemon has a log of its own.
            Software::Nginx => Some(line),
        });
        lines.map(str::to_owned).collect()
    }

    /// Waits until the program has said such a line, and returns it.
    #[track_caller]
    fn said_once(&self, wanted: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let said = self.said();
            if let Some(line) = said.iter().find(|line| line.starts_with(wanted)) {
                return line.clone();
            }
            let name = self.name;
            assert!(
                Instant::now() < deadline,
                "{name}: no {wanted:?} in {said:?}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asserts that whatever the program said carries its name.
    #[track_caller]
    fn assert_log(&self) {
        for line in self.said() {
            assert!(line.starts_with("signet: "), "{}: {line:?}", self.name);
            assert!(!line.contains("panicked"), "{}: {line:?}", self.name);
        }
    }
}

/// Whether the program made this answer: no server sets this header.
fn is_ours(reply: &Reply) -> bool {
    !reply.all("Content-Security-Policy").is_empty()
}

fn location(reply: &Reply) -> Option<String> {
    reply.header("Location").map(str::to_owned)
}

/// Runs one body on every mount of every set-up.
fn on_each(set_ups: impl IntoIterator<Item = Live>, body: impl Fn(&Mount)) {
    for live in set_ups {
        for mount in &live.mounts {
            body(mount);
            mount.assert_log();
        }
    }
}
