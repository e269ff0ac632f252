//! A PDF and a video in a protected folder, in real Chromium: `tests/browser_files.py` says
//! what is looked at.

use std::path::Path;

use super::apache::server_user;
use super::daemon::Socket;
use super::fastcgi::{nginx_location, start_nginx, with_daemon};
use super::lighttpd::start_lighttpd;
use super::site::{Site, User};
use crate::guard::PASSWORD;
use crate::support::ADA;
use crate::support::{assert_succeeds, python};

/// Shows the files to `ada`, whose session ends in this way.
fn show(port: u16, folder: &Path, log: &Path, end: &str) {
    let mut script = python("browser_files.py");
    script
        .arg(format!("http://127.0.0.1:{port}/"))
        .args(["--password", PASSWORD, "--end", end])
        .arg("--folder")
        .arg(folder)
        .arg("--log")
        .arg(log);
    assert_succeeds(&mut script);
}

/// Puts users and settings into the state folder. Returns the protected folder.
fn protect(site: &Site, owner: User) -> std::path::PathBuf {
    let folder = site.folder("private", User::current(), 0o755);
    site.file("state/users", ADA, owner, 0o600);
    let settings = format!("GUARD_DIR = {folder:?}\n");
    site.file("state/signet.toml", settings, owner, 0o600);
    folder
}

#[test]
#[ignore = "needs Chromium and lighttpd: run tests/run"]
fn a_pdf_and_a_video_are_shown_until_a_logout_by_cgi() {
    let (site, owner) = (Site::new(), User::current());
    site.folder("cgi-bin", owner, 0o755);
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", owner);
    let (folder, log) = (protect(&site, owner), site.path().join("access.log"));
    let text = format!(
        "include \"{}\"\nserver.modules += ( \"mod_accesslog\" )\n\
         accesslog.filename = {log:?}\naccesslog.format = \"%s %{{Range}}i %U\"\n",
        Site::shipped_path("lighttpd.conf").display(),
    );
    let configuration = site.file("lighttpd.conf", text, owner, 0o644);
    let server = start_lighttpd(&site, &configuration, None);
    show(server.port, &folder, &log, "logout");
}

#[test]
#[ignore = "needs Chromium and nginx: run tests/run"]
fn a_pdf_and_a_video_are_shown_until_a_new_password_by_fastcgi() {
    let (site, _daemon, socket) = with_daemon(Socket::unix, &[]);
    let (folder, log) = (
        protect(&site, server_user()),
        site.path().join("access.log"),
    );
    let location = nginx_location("").replace("unix:/run/signet/socket", &socket.address());
    let lines = format!(
        "location / {{\n{location}}}\naccess_log {} ranges;\n",
        log.display()
    );
    let format = "log_format ranges '$status $http_range $uri';\n";
    let (_server, port) = start_nginx(&site, [&lines, format]);
    show(port, &folder, &log, "password");
}
