//! Settings come from the worker's own environment and files. Whoever can
//! connect to the socket writes the parameters of a request: they set nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use signet::config::SETTINGS;

use super::{Params, assert_ends_well, exchange, index, login, with};
use crate::support::application::{Application, at, program_at};
use crate::support::fastcgi::request;
use crate::support::{StateDir, tested_program};

const FORM: &str = "username=ada";
const KEY: &str = "the-key-of-this-site-5d0c1e9b7a31";

/// Every name that has a meaning in the environment of the worker.
fn names() -> Vec<String> {
    let settings = SETTINGS
        .iter()
        .map(|setting| format!("SIGNET_{}", setting.name));
    let others = [
        "SIGNET_CONFIG",
        "SIGNET_NO_SUCH_SETTING",
        "SSL_SIGNET_CONFIG",
        "HOME",
        "STATE_DIRECTORY",
        "XDG_STATE_HOME",
        "FCGI_WEB_SERVER_ADDRS",
    ];
    settings.chain(others.map(str::to_owned)).collect()
}

/// Each value would change the answer, to a 503 or to another key, if it were
/// read.
#[test]
fn parameters_of_a_request_are_no_settings() {
    let state = StateDir::new();
    state.write("site/secret_key", KEY, 0o600);
    let elsewhere = state.write("elsewhere/signet.toml", "NO_SUCH_SETTING = 1\n", 0o600);
    let other_folder = elsewhere.parent().expect("a folder").to_owned();
    let mut command = program_at(&state);
    command
        .env_remove("SIGNET_SECRET_KEY")
        .env("SIGNET_STATE_DIR", state.path().join("site"));
    let worker = Application::worker(&mut command);
    let mut client = worker.connect();
    let plain = exchange(&mut client, 1, &index(), b"");
    assert_eq!(plain.status, 200, "{}", plain.words());
    let before = state.snapshot();
    for name in names() {
        for redirects in 0..3 {
            let variable = "REDIRECT_".repeat(redirects) + &name;
            for value in ["nonsense", &*other_folder.to_string_lossy()] {
                let params: Vec<(String, String)> = index()
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .chain([(variable.clone(), value.to_owned())])
                    .collect();
                client.send(&request(1, true, &params, b""));
                let answer = super::answered(&mut client, 1);
                assert_eq!(
                    (answer.status, answer.text()),
                    (plain.status, plain.text()),
                    "{variable}={value}"
                );
            }
        }
    }
    assert_eq!(state.snapshot(), before);
    let said = assert_ends_well(&worker);
    assert_eq!(said.lines().count(), 1, "the owner is told once: {said}");
    assert!(said.contains("FcgidInitialEnv"), "{said}");
}

/// A folder of another user's, where the page is a link to the key.
#[test]
fn no_peer_reads_the_key_as_a_page() {
    let state = StateDir::new();
    let key = state.write("site/secret_key", KEY, 0o600);
    let pages = state.path().join("pages");
    fs::create_dir(&pages).expect("a folder");
    symlink(&key, pages.join("index.html")).expect("a link");
    let mut command = program_at(&state);
    command
        .env_remove("SIGNET_SECRET_KEY")
        .env("SIGNET_STATE_DIR", state.path().join("site"));
    let worker = Application::worker(&mut command);
    let pages = pages.to_string_lossy();
    let params = with(index(), "SIGNET_TEMPLATES_DIR", &*pages);
    let answer = exchange(&mut worker.connect(), 1, &params, b"");
    assert!(answer.words().contains("You are not logged in"));
    assert!(!answer.text().contains(KEY));
    assert_ends_well(&worker);
}

/// What a peer says about served folders can make the worker refuse its state
/// folder, for that request, and not look for another one.
#[test]
fn a_peer_chooses_no_other_state_folder() {
    let root = StateDir::new();
    let join = |name: &str| root.path().join(name);
    root.write("first/secret_key", KEY, 0o600);
    fs::create_dir(join("second")).expect("a folder");
    let mut command = Command::new(tested_program());
    command
        .env_clear()
        .env("STATE_DIRECTORY", join("first"))
        .env("XDG_STATE_HOME", join("second"))
        .stderr(Stdio::piped());
    let worker = Application::worker(&mut command);
    let mut client = worker.connect();
    let before = root.snapshot();
    let mut status = |params: &Params| exchange(&mut client, 1, params, FORM.as_bytes()).status;
    assert_eq!(status(&login(FORM)), 303);
    let served = join("first").display().to_string();
    for (name, value) in [
        ("DOCUMENT_ROOT", served.clone()),
        ("CONTEXT_DOCUMENT_ROOT", served.clone()),
        ("SCRIPT_FILENAME", format!("{served}/signet.cgi")),
        ("DOCUMENT_ROOT", root.path().display().to_string()),
    ] {
        assert_eq!(status(&with(login(FORM), name, value)), 503, "{name}");
        assert_eq!(status(&login(FORM)), 303, "behind {name}");
    }
    assert_eq!(root.snapshot(), before, "a key was made elsewhere");
    assert_ends_well(&worker);
}

/// A script whose first line names the program is its settings (see the
/// README), also where the web server starts it as a FastCGI application.
/// Which script it is does not depend on what the peer says.
#[test]
fn a_script_of_settings_may_be_the_application() {
    let state = StateDir::new();
    let text = |name: &str| {
        let program = tested_program();
        format!("#!{program}\nSESSION_COOKIE_NAME = \"{name}\"\n")
    };
    // Not in the state folder, as the folder of the script counts as served.
    let scripts = StateDir::new();
    let script = scripts.write("signet.fcgi", text("by_script"), 0o700);
    let other = scripts.write("other.fcgi", text("by_other"), 0o700);
    let worker = Application::worker(&mut at(&script, &state));
    let named = |path: &Path| -> Params {
        with(login(FORM), "SCRIPT_FILENAME", path.display().to_string())
    };
    let mut client = worker.connect();
    for (name, params) in [
        ("it", named(&script)),
        ("no file", login(FORM)),
        ("another file", named(Path::new("/etc/passwd"))),
        ("another script", named(&other)),
    ] {
        let answer = exchange(&mut client, 1, &params, FORM.as_bytes());
        let cookie = answer.cookies().remove(0).name;
        assert_eq!(cookie, "by_script", "the server names {name}");
    }
    assert_ends_well(&worker);
}
