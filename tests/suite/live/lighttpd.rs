//! lighttpd, by its three configuration files as they are shipped.

use std::fs::File;
use std::process::Command;

use super::site::{Site, User};
use super::{Live, Mount, Software, answers, hostile, on_each, walk};
use crate::support::http::{self, Server, free_port};

/// A configuration file and where it puts the program.
const SET_UPS: [(&str, &[&str]); 3] = [
    ("lighttpd.conf", &[""]),
    (
        "lighttpd-cgi-bin.conf",
        &["/cgi-bin/signet.cgi", "/cgi-bin/example.cgi"],
    ),
    ("lighttpd-rewrite.conf", &[""]),
];

/// What a site's owner may leave beside the program by mistake.
const SECRET: &str = "SECRET_KEY = \"left-here-by-mistake-5d0c1e\"\n";

fn start(configuration: &'static str, bases: &[&'static str]) -> Live {
    // It keeps the user that starts it.
    let owner = User::current();
    let site = Site::new();
    site.folder("cgi-bin", owner, 0o755);
    site.folder("htdocs", owner, 0o755);
    let state = site.folder("state", owner, 0o700);
    let program = site.program("cgi-bin/signet.cgi", owner);
    let example = site.example(&program, &state);
    site.file("cgi-bin/example.cgi", example, owner, 0o755);
    site.file("cgi-bin/signet.toml", SECRET, owner, 0o644);
    site.file("htdocs/picture.svg", "<svg/>", owner, 0o644);

    let log = site.path().join("errors.log");
    let port = free_port();
    let mut lighttpd = Command::new("lighttpd");
    lighttpd
        .arg("-D")
        .arg("-f")
        .arg(Site::shipped_path(configuration))
        .env("SITE", site.path())
        .env("PORT", port.to_string())
        .stderr(File::create(&log).expect("make the error log"));
    let server = Server::start(&mut lighttpd, port);
    let mount = |base: &&'static str| Mount {
        name: configuration,
        software: Software::Lighttpd,
        port: server.port,
        base,
        folder: false,
        state: state.clone(),
        log: log.clone(),
        cookie: "session",
        permanent: base.ends_with("example.cgi"),
    };
    Live {
        mounts: bases.iter().map(mount).collect(),
        _server: server,
        daemon: None,
        site,
    }
}

fn each(body: impl Fn(&Mount)) {
    on_each(SET_UPS.map(|(file, bases)| start(file, bases)), body);
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn log_in_and_out_behind_lighttpd() {
    each(|mount| {
        walk::log_in_and_out(mount);
        walk::follow_every_link(mount);
    });
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn answers_behind_lighttpd() {
    each(answers::all);
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn hostile_requests_to_lighttpd() {
    each(hostile::all);
}

/// The site's files stay the site's, and what lies beside the program is not
/// shown. (TRACE reaches programs, here only.)
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn files_behind_lighttpd() {
    each(|mount| {
        let name = mount.name;
        let picture = http::get(mount.port, "/picture.svg", &[]);
        let want: (u16, &[u8]) = match name {
            "lighttpd.conf" => (404, b""),
            _ => (200, b"<svg/>"),
        };
        assert_eq!(picture.status, want.0, "{name}");
        assert!(picture.body.starts_with(want.1), "{name}: {picture:?}");

        for path in [
            "/signet.toml",
            "/cgi-bin/signet.toml",
            "/cgi-bin/",
            "/state/secret_key",
            "/cgi-bin/../state/secret_key",
        ] {
            let reply = http::get(mount.port, path, &[]);
            assert_ne!(reply.status, 200, "{name}: {path}");
            assert!(!reply.text().contains("SECRET_KEY"), "{name}: {path}");
        }
        let trace = http::request(mount.port, "TRACE", &mount.url("/login"), &[], b"");
        mount.assert_ours("TRACE", &trace);
        assert_eq!(trace.status, 405, "{name}");
    });
}
