//! One login at both, by `deploy/flask_signet.py` and the settings that the
//! deploy/README.md names: a Flask app at `/` that goes on running, signet below `/app`,
//! and one browser.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::{Answer, LIFETIME, Peer};
use crate::support::jar::Jar;
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now, tested_program};

const README: &str = include_str!("../../../deploy/README.md");
const SHARING: &str = include_str!("../../../deploy/flask_signet.py");
const ADA: &str = "Logged in as ada";
const NOBODY: &str = "You are not logged in";

/// signet's settings as deploy/README.md shows them, in its section on Flask.
fn settings() -> &'static str {
    let (_, section) = README
        .split_once("## Share the login with Flask")
        .expect("its section");
    let (_, settings) = section.split_once("```toml\n").expect("its settings");
    settings.split_once("```").expect("their end").0
}

/// Both programs on one host, with one state directory.
struct Host {
    peer: Peer,
    state: StateDir,
}

impl Host {
    /// `key` is the text of the key file; without it signet has made one.
    fn new(key: Option<&str>, settings: &str) -> Self {
        let state = StateDir::new();
        state.write("signet.toml", settings, 0o600);
        if let Some(key) = key {
            state.write("secret_key", key, 0o600);
        }
        let mut host = Self {
            peer: Peer::start(),
            state,
        };
        host.signet(&mut Jar::default(), Cgi::get("/"), "/");
        let setup = json!({ "state_dir": host.state.path() });
        host.peer.ask("share", json!({ "setup": setup }));
        host
    }

    fn flask(
        &mut self,
        jar: &mut Jar,
        method: &str,
        path: &str,
        form: serde_json::Value,
    ) -> Answer {
        let cookie = jar.header(path, false);
        let more = json!({ "method": method, "form": form });
        let answer = self
            .peer
            .request(path, cookie.as_deref(), json!(null), more);
        jar.store(path, &answer.cookies());
        answer
    }

    fn signet(&mut self, jar: &mut Jar, cgi: Cgi, target: &str) -> Response {
        let path = format!("/app{target}");
        let mut cgi = cgi.state(&self.state).without("SIGNET_SECRET_KEY");
        if let Some(header) = jar.header(&path, false) {
            cgi = cgi.cookie(header);
        }
        let response = cgi.run().response();
        jar.store(&path, &response.cookies());
        response
    }

    fn log_in_at_flask(&mut self) -> Jar {
        let mut jar = Jar::default();
        self.flask(&mut jar, "POST", "/login", json!({ "username": "ada" }));
        jar
    }

    fn log_in_at_signet(&mut self) -> Jar {
        let mut jar = Jar::default();
        self.signet(&mut jar, Cgi::post("/login", "username=ada"), "/login");
        jar
    }

    /// What the first page of each says: Flask's, then signet's.
    fn sees(&mut self, jar: &mut Jar) -> [&'static str; 2] {
        let flask = self.flask(jar, "GET", "/", json!(null)).body;
        let signet = self.signet(jar, Cgi::get("/"), "/").words();
        [flask, signet].map(|said| if said.contains(ADA) { ADA } else { NOBODY })
    }

    /// A command of signet's, typed by its owner.
    #[track_caller]
    fn command(&self, arguments: &[&str]) {
        let status = Command::new(tested_program())
            .args(arguments)
            .env_clear()
            .env("SIGNET_STATE_DIR", self.state.path())
            .stderr(std::process::Stdio::null())
            .status();
        assert!(status.expect("start it").success(), "{arguments:?}");
    }
}

/// An editor and `signet key new >secret_key` end the file with a new line,
/// which is no part of the key.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_line_ending_behind_the_key_is_no_part_of_it() {
    let key = "5d1e8b7a90c34f62a1b07733c2e9d4f8";
    for text in [None, Some(""), Some("\n"), Some("\r\n")] {
        let key = text.map(|end| format!("{key}{end}"));
        let mut host = Host::new(key.as_deref(), settings());
        for mut jar in [host.log_in_at_flask(), host.log_in_at_signet()] {
            assert_eq!(host.sees(&mut jar), [ADA, ADA], "{text:?}");
        }
    }
}

#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_rotated_key_logs_nobody_out_at_a_running_flask() {
    let mut host = Host::new(None, settings());
    let mut visitors = vec![host.log_in_at_flask(), host.log_in_at_signet()];
    for _ in 0..3 {
        host.command(&["key", "rotate"]);
        for jar in &mut visitors {
            assert_eq!(host.sees(jar), [ADA, ADA]);
        }
        // The new key signs, at both.
        visitors.push(host.log_in_at_flask());
        visitors.push(host.log_in_at_signet());
    }
    let key = fs::read_to_string(host.state.path().join("secret_key")).expect("the key");
    let newest = visitors[6].header("/", false).expect("a cookie");
    let newest = newest.strip_prefix("session=").expect("its name");
    assert!(Signer::with_key(&key).read(newest).is_some(), "{newest}");
}

/// A retired key verifies as long as what it signed, at both.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_key_that_was_retired_long_ago_is_refused() {
    let old = "0d6f1c2e7b9a4c58";
    let hex: String = old.bytes().map(|byte| format!("{byte:02x}")).collect();
    for (age, want) in [
        (LIFETIME - 60, [ADA, ADA]),
        (LIFETIME + 60, [NOBODY, NOBODY]),
    ] {
        let mut host = Host::new(None, settings());
        let line = format!("{} {hex}\n", now() - age);
        host.state.write("retired_keys", line, 0o600);
        // Somebody who has that key dates a cookie as he likes.
        let token = Signer::with_key(old).token(r#"{"username":"ada"}"#, now());
        let header = format!("session={token}");
        let answer = host
            .peer
            .request("/", Some(&header), json!(null), json!({}));
        let flask = if answer.body.contains(ADA) {
            ADA
        } else {
            NOBODY
        };
        let index = Cgi::get("/")
            .state(&host.state)
            .without("SIGNET_SECRET_KEY");
        let signet = index.cookie(header).run().response().words();
        let signet = if signet.contains(ADA) { ADA } else { NOBODY };
        assert_eq!([flask, signet], want, "retired {age} s ago");
    }
}

/// With the README's settings there is one cookie.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn both_set_one_cookie_for_the_whole_host() {
    let mut host = Host::new(None, settings());
    let mut jar = host.log_in_at_flask();
    host.signet(&mut jar, Cgi::post("/login", "username=ada"), "/login");
    assert_eq!(host.sees(&mut jar), [ADA, ADA]);
    let header = jar.header("/app/", false).expect("a cookie");
    assert_eq!(header.matches("session=").count(), 1, "{header}");
    host.signet(&mut jar, Cgi::get("/logout"), "/logout");
    assert_eq!(jar.header("/app/", false), None);
    assert_eq!(host.sees(&mut jar), [NOBODY, NOBODY]);
}

/// Without them there are two of one name, of which neither counts, and the error
/// log says so.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn two_cookies_of_one_name_are_logged() {
    let mut host = Host::new(None, "");
    let mut jar = host.log_in_at_flask();
    host.signet(&mut jar, Cgi::post("/login", "username=grace"), "/login");
    let header = jar.header("/app/", false).expect("cookies");
    assert_eq!(header.matches("session=").count(), 2, "{header}");
    let index = Cgi::get("/")
        .state(&host.state)
        .without("SIGNET_SECRET_KEY");
    let out = index.cookie(header).run();
    assert!(out.response().words().contains(NOBODY), "{out}");
    for word in ["several cookies called \"session\"", "SESSION_COOKIE_PATH"] {
        assert!(out.errors().contains(word), "no {word} in {out}");
    }
}

/// The limit that the README and the file name.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn log_out_everywhere_is_known_to_signet_only() {
    let mut host = Host::new(None, settings());
    let mut jar = host.log_in_at_signet();
    let copy = jar.header("/", false).expect("a cookie");
    let out = host.signet(&mut jar, Cgi::post("/logout", "everywhere=1"), "/logout");
    assert_eq!(out.status, 303);
    assert_eq!(
        host.sees(&mut jar),
        [NOBODY, NOBODY],
        "the browser that clicked"
    );
    let flask = host.peer.request("/", Some(&copy), json!(null), json!({}));
    flask.shows(ADA);
    // If Flask signs the copy again, its start stays the same.
    let later = json!({ "now": now() + 5 });
    let path = "/do/changed to the same";
    let answer = host.peer.request(path, Some(&copy), json!(null), later);
    let mut anew = Jar::default();
    anew.store("/", &answer.cookies());
    let anew = anew.header("/", false).expect("a cookie");
    assert_ne!(anew, copy);
    for cookie in [copy, anew] {
        let index = Cgi::get("/")
            .state(&host.state)
            .without("SIGNET_SECRET_KEY");
        let out = index.cookie(cookie).run();
        assert!(out.response().words().contains(NOBODY), "{out}");
    }

    let (_, section) = README
        .split_once("## Share the login with Flask")
        .expect("its section");
    let section = section.split("\n## ").next().expect("its text");
    for text in [section, SHARING] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in [
            "Log out everywhere",
            "sessions revoke",
            "SESSION_ABSOLUTE_LIFETIME",
        ] {
            assert!(text.contains(word), "no {word} in {text}");
        }
    }
}

/// What Flask does with these lines, in a folder where flask_signet.py lies.
pub(super) fn python(lines: &str) -> std::process::Output {
    let root = env!("CARGO_MANIFEST_DIR");
    Command::new(format!("{root}/target/venv/bin/python"))
        .args(["-B", "-c", lines])
        .current_dir(format!("{root}/deploy"))
        .output()
        .expect("start Python; tests/run makes it")
}

/// Where there is no key to read, the last line says what to do.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn an_application_that_reads_no_key_says_what_to_do() {
    let state = StateDir::new();
    let start = format!(
        "from flask import Flask\nimport flask_signet\nflask_signet.init_app(Flask('a'), '{}')\n",
        state.path().display()
    );
    let unreadable = "from pathlib import Path\ndef read_bytes(path):\n  raise PermissionError(13, 'denied')\n\
                      Path.read_bytes = read_bytes\n";
    for (before, remedy) in [
        ("", "open a page of signet"),
        (unreadable, "run the application as its owner"),
    ] {
        let output = python(&format!("{before}{start}"));
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        assert!(
            last.contains("secret_key") && last.contains(remedy),
            "{said}"
        );
    }
}

/// An application that had a key before signet came: both read one settings file, as
/// deploy/README.md shows it, and each reads the other's cookie.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn an_application_with_a_key_of_its_own_reads_signets_settings() {
    let (_, section) = README
        .split_once("**The key that the application has already:**")
        .expect("its section");
    let (_, lines) = section.split_once("```python\n").expect("its lines");
    let (lines, _) = lines.split_once("```").expect("their end");
    let digest = "SESSION_DIGEST = \"sha1\"";
    let words: Vec<&str> = section.split_whitespace().collect();
    assert!(words.join(" ").contains(digest), "{section}");

    let state = StateDir::new();
    let key = "9c41f7be2d0a4e6f8813aa57c2e9d4f1";
    let settings = format!("SECRET_KEY = \"{key}\"\n{digest}\n{}", settings());
    let file = state.write("signet.toml", settings, 0o600);
    let file = file.to_str().expect("UTF-8");
    let lines = lines.replace("/home/you/.signet/signet.toml", file);
    let signets = Cgi::post("/login", "username=ada")
        .state(&state)
        .without("SIGNET_SECRET_KEY");
    let signets = signets
        .run()
        .response()
        .cookie("session")
        .expect("a cookie");

    let output = python(&format!(
        "from flask import Flask, session\napp = Flask('a')\n{lines}\n\
         @app.route('/get')\ndef get():\n  return session['username']\n\
         @app.route('/set')\ndef set():\n  session['username'] = 'ada'\n  return ''\n\
         client = app.test_client(use_cookies=False)\n\
         print(client.get('/get', headers={{'Cookie': 'session={}'}}).text)\n\
         print(client.get('/set').headers['Set-Cookie'].split(';')[0])\n",
        signets.value
    ));
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.first(), Some(&"ada"), "{output:?}");
    let index = Cgi::get("/").state(&state).without("SIGNET_SECRET_KEY");
    let words = index.cookie(lines[1]).run().response().words();
    assert!(words.contains(ADA), "{words}");
}
