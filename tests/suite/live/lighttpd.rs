//! lighttpd, by its three configuration files as they are shipped.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::site::{Site, User};
use super::{Live, Mount, Software, answers, beside, hostile, is_ours, on_each, walk};
use crate::support::html::link;
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

/// lighttpd with this configuration, which may read the variables `SITE`, `PORT`,
/// and `MOUNT` if there is one.
pub(crate) fn start_lighttpd(site: &Site, configuration: &Path, mount: Option<&str>) -> Server {
    let port = free_port();
    let log = File::create(site.path().join("errors.log"));
    let mut lighttpd = Command::new("lighttpd");
    lighttpd
        .arg("-D")
        .arg("-f")
        .arg(configuration)
        .env("SITE", site.path())
        .envs(mount.map(|mount| ("MOUNT", mount)))
        .env("PORT", port.to_string())
        .stderr(log.expect("make the error log"));
    Server::start(&mut lighttpd, port)
}

pub(super) fn start(configuration: &'static str, bases: &[&'static str]) -> Live {
    // It keeps the user that starts it.
    let owner = User::current();
    let site = Site::new();
    site.folder("cgi-bin", owner, 0o755);
    site.folder("htdocs", owner, 0o755);
    let state = site.folder("state", owner, 0o700);
    let program = site.program("cgi-bin/signet.cgi", owner);
    let example = site.example(&program, &state);
    site.file("cgi-bin/example.cgi", example, owner, 0o755);
    site.file("cgi-bin/signet.toml", beside::SECRET, owner, 0o644);
    let shipped = Site::shipped_path(configuration);
    let configured = if configuration == "lighttpd-rewrite.conf" {
        beside::plant(&site, "htdocs", "", owner, beside::PHP);
        let text = format!("include \"{}\"\n{}", shipped.display(), beside::LIGHTTPD);
        site.file("lighttpd.conf", text, owner, 0o644)
    } else {
        site.file("htdocs/picture.svg", "<svg/>", owner, 0o644);
        shipped
    };

    let log = site.path().join("errors.log");
    let server = start_lighttpd(&site, &configured, None);
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
        walk::spell_the_base_path_otherwise(mount);
    });
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn password_managers_find_the_page_behind_lighttpd() {
    each(|mount| {
        if mount.base.is_empty() {
            let reply = http::get(mount.port, "/.well-known/change-password", &[]);
            let target = reply.header("location");
            assert_eq!(
                (reply.status, target),
                (303, Some("/password")),
                "{reply:?}"
            );
            // In the demo there is no such page.
            let reply = http::get(mount.port, "/password", &[]);
            assert!(reply.status == 404 && is_ours(&reply), "{reply:?}");
        }
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
            assert!(!reply.text().contains(beside::SECRET), "{name}: {path}");
        }
        let trace = http::request(mount.port, "TRACE", &mount.url("/login"), &[], b"");
        mount.assert_ours("TRACE", &trace);
        assert_eq!(trace.status, 405, "{name}");
    });
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn everything_that_exists_is_served_as_before_by_lighttpd() {
    each(|mount| {
        if mount.name == "lighttpd-rewrite.conf" {
            beside::is_served_as_before(mount);
            beside::the_program_answers_the_rest(mount);
        }
    });
}

/// An index page of any name stays the first page of the site.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn an_index_page_stays_the_first_page_of_the_site() {
    let live = start("lighttpd-rewrite.conf", &[""]);
    let mount = &live.mounts[0];
    let page = "the first page";
    let by_php = "<?php echo 'the first ', 'page';";
    let by_cgi = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nthe first page'\n";
    for (name, text) in [
        ("index.html", page),
        ("index.php", by_php),
        ("index.cgi", by_cgi),
    ] {
        let name = format!("htdocs/{name}");
        let index = live.site.file(&name, text, User::current(), 0o755);
        let first = mount.get("/?a=b", &[]);
        fs::remove_file(index).expect("remove it");
        assert_eq!((first.status, first.text()), (200, page), "{name}");
    }
    let first = mount.get("/?a=b", &[]);
    assert!(first.status == 200 && is_ours(&first), "{first:?}");
    // The same login by the program's own name.
    let session = format!("Cookie: {}", mount.log_in());
    let own = http::get(mount.port, "/cgi-bin/signet.cgi/", &[&session]);
    assert!(own.text().contains("Logged in as admin"), "{own:?}");
    assert_eq!(link(own.text(), "click here to log out"), "/logout");
}
