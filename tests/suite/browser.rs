//! The pages as a person sees them: real browsers before lighttpd, which runs
//! the program by the configuration file as it is shipped.
//!
//! `tests/browser_walk.py` (Chromium, and the README's picture) and
//! `tests/text_browsers.py` say what is looked at.

use std::fs::{self, File};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::http::{Server, free_port};
use crate::support::{StateDir, assert_succeeds, copy_program, python, tested_program};

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/lighttpd-rewrite.conf");

/// A picture of one pixel, as PNG.
const ICON: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCB\
    d81ytgAAAABJRU5ErkJggg==";

/// Runs one of the scripts on a new site, and asserts that it ends well.
fn walk(script: &str) {
    let state = StateDir::new();
    let site = state.path().parent().expect("a folder around it");
    let programs = site.join("cgi-bin");
    fs::create_dir(&programs).expect("make cgi-bin");
    copy_program(tested_program(), programs.join("signet.cgi"));
    fs::create_dir(site.join("htdocs")).expect("make htdocs");
    let icon = STANDARD.decode(ICON).expect("base64");
    fs::write(site.join("htdocs/favicon.ico"), icon).expect("write the icon");

    let port = free_port();
    let mut lighttpd = Command::new("lighttpd");
    lighttpd
        .args(["-D", "-f", CONFIGURATION])
        .env("SITE", site)
        .env("PORT", port.to_string())
        .stderr(File::create(site.join("errors.log")).expect("make the error log"));
    let _server = Server::start(&mut lighttpd, port);

    assert_succeeds(python(script).arg(format!("http://127.0.0.1:{port}/")));
}

#[test]
#[ignore = "needs Chromium: run tests/run"]
fn a_person_walks_through_the_pages() {
    walk("browser_walk.py");
}

#[test]
#[ignore = "needs Lynx and ELinks: run tests/run"]
fn text_browsers_show_who_is_logged_in() {
    walk("text_browsers.py");
}
