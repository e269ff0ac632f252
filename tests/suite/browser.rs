//! The pages as a person sees them: real Chromium before lighttpd, which runs
//! the program by the configuration file as it is shipped.
//!
//! What is looked at, and how the README's picture is made, stands in
//! `tests/browser_walk.py`.

use std::fs::{self, File};
use std::process::Command;

use crate::support::StateDir;
use crate::support::http::{Server, free_port};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");
const WALK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser_walk.py");
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/lighttpd.conf");

#[test]
#[ignore = "needs Chromium: run tests/run"]
fn a_person_walks_through_the_pages() {
    let state = StateDir::new();
    let site = state.path().parent().expect("a folder around it");
    let programs = site.join("cgi-bin");
    fs::create_dir(&programs).expect("make cgi-bin");
    fs::copy(env!("CARGO_BIN_EXE_signet"), programs.join("signet.cgi")).expect("install signet");

    let port = free_port();
    let mut lighttpd = Command::new("lighttpd");
    lighttpd
        .args(["-D", "-f", CONFIGURATION])
        .env("SITE", site)
        .env("PORT", port.to_string())
        .stderr(File::create(site.join("errors.log")).expect("make the error log"));
    let _server = Server::start(&mut lighttpd, port);

    let walk = Command::new(PYTHON)
        .args(["-B", WALK, &format!("http://127.0.0.1:{port}/")])
        .output()
        .unwrap_or_else(|err| panic!("{PYTHON}: {err}; tests/run makes it"));
    let said = String::from_utf8_lossy(&walk.stdout);
    let failed = String::from_utf8_lossy(&walk.stderr);
    assert!(walk.status.success(), "{said}{failed}");
    print!("{said}");
}
