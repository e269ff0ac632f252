//! A file as a response, by each server and each way in which it starts the program:
//! the example `faulty`, which also makes a file shorter while it sends it.

use std::process::Command;

use super::apache::{self, Started, server_user};
use super::fastcgi::{mod_fcgid_with, start_apache, start_nginx};
use super::lighttpd::start_lighttpd;
use super::site::{Site, User};
use crate::support::application::{Address, Application, at};
use crate::support::http::{self, Reply, free_port};
use crate::support::{StateDir, example};

/// What the example makes of the file for `/cut`.
const HALF: usize = 150_000;

/// A site with the program, as `cgi-bin/signet.cgi`, and the file beside it.
fn site(owner: User) -> (Site, Vec<u8>) {
    let site = Site::new();
    for folder in ["run", "cgi-bin", "htdocs"] {
        site.folder(folder, User::current(), 0o755);
    }
    site.folder("run/fcgid", owner, 0o700);
    site.folder("state", owner, 0o700);
    let bytes = install(&site, owner);
    (site, bytes)
}

/// Puts the program and the file into `cgi-bin`.
fn install(site: &Site, owner: User) -> Vec<u8> {
    site.copy(&example("faulty"), "cgi-bin/signet.cgi", owner);
    let bytes: Vec<u8> = (0..=250).cycle().take(2 * HALF).collect();
    site.file("cgi-bin/download.bin", &bytes, owner, 0o644);
    bytes
}

/// Asserts that a visitor sees all of the file.
#[track_caller]
fn assert_file(name: &str, port: u16, base: &str, bytes: &[u8]) -> Reply {
    let reply = http::get(port, &format!("{base}/file"), &[]);
    assert_eq!(reply.status, 200, "{name}: {reply:?}");
    assert!(reply.body == bytes, "{name}: {} bytes", reply.body.len());
    reply
}

/// Asserts what a visitor sees of the file, of its length, and of its end.
#[track_caller]
fn assert_downloads(name: &str, port: u16, base: &str, bytes: &[u8]) {
    let reply = assert_file(name, port, base, bytes);
    let length = bytes.len().to_string();
    assert_eq!(reply.header("Content-Length"), Some(&*length), "{name}");

    let head = http::request(port, "HEAD", &format!("{base}/file"), &[], b"");
    let field = head.header("Content-Length");
    assert_eq!((head.status, field), (200, Some(&*length)), "{name}");

    let request = format!("GET {base}/cut HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let cut = http::send(port, request.as_bytes(), false);
    // All of them have sent the status before the file ended.
    let is_seen = match &cut {
        Err(err) => err.to_string().contains("a body cut short"),
        Ok(reply) => reply.status >= 500,
    };
    assert!(is_seen, "{name}: a cut file looks complete: {cut:?}");
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn a_file_behind_lighttpd() {
    for (configuration, base) in [
        ("lighttpd-cgi-bin.conf", "/cgi-bin/signet.cgi"),
        ("lighttpd-fastcgi.conf", ""),
    ] {
        // It keeps the user that starts it.
        let (site, bytes) = site(User::current());
        let server = start_lighttpd(&site, &Site::shipped_path(configuration), Some("/"));
        assert_downloads(configuration, server.port, base, &bytes);
    }
}

/// Since 2.4.59 Apache passes on the Content-Length of a program only if this is
/// set. (Without it, it cannot tell a CGI program's end from a cut.)
const TRUST_LENGTH: &str = "SetEnv ap_trust_cgilike_cl 1\n";

#[test]
#[ignore = "needs Apache: run tests/run"]
fn a_file_behind_apache() {
    for started in [Started::ByDaemon, Started::ByServer] {
        let (site, bytes) = site(server_user());
        let (folder, port) = (site.path(), free_port());
        let more = format!(
            "DocumentRoot {site}/htdocs\nScriptAlias /app {site}/cgi-bin/signet.cgi\n\
             <Directory {site}>\nRequire all granted\n\
             SetEnv SIGNET_STATE_DIR {site}/state\n</Directory>\n\
             <Location /app>\n{TRUST_LENGTH}</Location>\n\
             ScriptAlias /plain {site}/cgi-bin/signet.cgi\n",
            site = folder.display()
        );
        let text = apache::configuration(folder, port, started, &[], &more);
        site.file("httpd.conf", text, User::current(), 0o644);
        let _server = apache::start(Command::new("apache2"), folder, port);
        assert_file("without a length", port, "/plain", &bytes);
        assert_downloads(&format!("{started:?}"), port, "/app", &bytes);
    }

    let mut bytes = Vec::new();
    let live = mod_fcgid_with("", TRUST_LENGTH, |site| {
        bytes = install(site, server_user())
    });
    assert_downloads("mod_fcgid", live.mounts[0].port, "", &bytes);
}

/// A worker of the program, and the port that it listens at.
fn worker(site: &Site, state: &StateDir) -> (Application, u16) {
    let program = site.path().join("cgi-bin/signet.cgi");
    let worker = Application::worker_on_tcp(&mut at(&program, state));
    let &Address::Tcp(address) = worker.address() else {
        panic!("{worker:?}");
    };
    (worker, address.port())
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn a_file_behind_mod_proxy_fcgi() {
    let ((site, bytes), state) = (site(server_user()), StateDir::new());
    let (_worker, port) = worker(&site, &state);
    let more = format!(
        "Define DAEMON \"fcgi://127.0.0.1:{port}\"\nDefine MOUNT /\nInclude \"{}\"\n{TRUST_LENGTH}",
        Site::shipped_path("apache/proxy-fcgi.conf").display(),
    );
    let (_server, port) = start_apache(&site, &["proxy", "proxy_fcgi"], &more);
    assert_downloads("mod_proxy_fcgi", port, "", &bytes);
}

#[test]
#[ignore = "needs nginx: run tests/run"]
fn a_file_behind_nginx() {
    let ((site, bytes), state) = (site(User::current()), StateDir::new());
    let (_worker, port) = worker(&site, &state);
    let location = format!(
        "location / {{\nfastcgi_split_path_info (?s)^()(/.*)$;\n\
         fastcgi_pass 127.0.0.1:{port};\ninclude {};\n}}\n",
        Site::shipped_path("nginx-fastcgi.conf").display()
    );
    let (_server, port) = start_nginx(&site, [&location, ""]);
    assert_downloads("nginx", port, "", &bytes);
}
