//! Users with passwords: hashes, the users file beside Apache and `htpasswd`, the commands
//! of `signet user`, and uploaded files.

mod browser;
mod command;
mod common;
mod edit;
mod faults;
pub(crate) mod file;
mod hash;
mod library;
mod limits;
mod login;
mod new_password;
mod password_page;
mod places;
mod sessions_page;
mod upload;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::geteuid;
use signet::config::{Config, Program, ServedFolders};

use crate::support::{StateDir, tested_program};

/// The hash of the password `pw`: `openssl passwd -apr1 -salt abcdefgh pw`.
pub(crate) const HASH: &str = "$apr1$abcdefgh$5VEbMkemELfbhC5ck.U.z1";

/// Other hashes, of passwords that no test needs.
pub(crate) const OTHER: &str = "$apr1$ijklmnop$MsV1KJAtBqDzHcfT1dHma0";

/// The same as bcrypt of cost 12: `htpasswd -nbBC 12 x pw`.
const BCRYPT: &str = "$2y$12$d88HPKdNTWsn20YdiwSo5enBBWvOeegrbhji6QAl6SuZKXCGmHgR.";

/// The settings of a site with this state folder.
fn config(state: &Path) -> Config {
    let euid = geteuid().as_raw();
    let environment = [("SIGNET_STATE_DIR", state)].into_iter().collect();
    let served = ServedFolders::default();
    Config::load(&Program::SIGNET, &environment, None, &served, euid).expect("settings")
}

/// Runs `signet` with a state folder and with `typed` on standard input.
pub(crate) fn signet(state: &StateDir, arguments: &[&str], typed: &[u8]) -> Output {
    let mut child = Command::new(tested_program())
        .args(arguments)
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start signet");
    // The program may fail before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(typed);
    child.wait_with_output().expect("run signet")
}

/// What `signet` printed, which succeeded.
#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What `signet` said about its failure.
#[track_caller]
pub(crate) fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Whether `htpasswd -v` accepts the password `pw`.
fn htpasswd_accepts(file: &Path, name: &str, password: &str) -> bool {
    let verified = Command::new("htpasswd")
        .arg("-vb")
        .args([file.as_os_str()])
        .args([name, password])
        .output();
    verified.expect("start htpasswd").status.success()
}
