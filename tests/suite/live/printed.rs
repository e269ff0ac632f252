//! The server configurations that `signet print` writes for a program of another
//! name, below a path: each is used as its first lines say.

use crate::support::tested_program;
use std::process::Command;

use super::apache::server_user;
use super::daemon::Socket;
use super::fastcgi::{mount, start_apache, start_nginx, with_daemon};
use super::lighttpd::start_lighttpd;
use super::site::{Site, User};
use super::{Live, Mount, Software, on_each, walk};
use crate::support::http::{self, Server};

/// Below which path the program is.
const BASE: &str = "/guest.book/v1";

/// What `signet print` writes for `guestbook.cgi` there.
fn printed(name: &str) -> String {
    let out = Command::new(tested_program())
        .args(["print", name, "--program", "guestbook.cgi", "--mount", BASE])
        .output()
        .expect("run signet");
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).expect("UTF-8")
}

/// A site with the program in `folder`.
fn site_with(folder: &str, state_owner: User) -> Site {
    let (site, root) = (Site::new(), User::current());
    for part in [
        "run",
        "cgi-bin",
        "htdocs",
        "htdocs/guest.book",
        "htdocs/guest.book/v1",
    ] {
        site.folder(part, root, 0o755);
    }
    site.folder("state", state_owner, 0o700);
    site.program(&format!("{folder}/guestbook.cgi"), root);
    site
}

fn htaccess() -> Live {
    let folder = format!("htdocs{BASE}");
    let site = site_with(&folder, server_user());
    let root = User::current();
    site.file(
        &format!("{folder}/.htaccess"),
        printed("htaccess"),
        root,
        0o644,
    );
    site.file("htdocs/index.html", "the site's own page", root, 0o644);
    let more = format!(
        "<Directory {site}/htdocs>\nRequire all granted\n\
         AllowOverride FileInfo Options=ExecCGI\nSetEnv SIGNET_STATE_DIR {site}/state\n\
         </Directory>\n",
        site = site.path().display()
    );
    let (server, port) = start_apache(&site, &[], &more);
    let mount = Mount {
        folder: true,
        ..mount(&site, [".htaccess"; 2], Software::Apache, port, BASE)
    };
    live(mount, server, site)
}

fn lighttpd(file: &'static str) -> Live {
    let site = site_with("cgi-bin", User::current());
    site.file(
        "cgi-bin/notes.txt",
        "not for visitors",
        User::current(),
        0o644,
    );
    let configuration = site.file("lighttpd.conf", printed(file), User::current(), 0o644);
    let server = start_lighttpd(&site, &configuration, None);
    let port = server.port;
    let mount = Mount {
        state: site.path().join("state/guestbook"),
        ..mount(&site, [file; 2], Software::Lighttpd, port, BASE)
    };
    live(mount, server, site)
}

fn nginx() -> Live {
    let (site, daemon, socket) = with_daemon(Socket::unix, &[]);
    let text = printed("nginx").replace("unix:/run/guestbook/socket", &socket.address());
    let included = site.file("guestbook.conf", text, User::current(), 0o644);
    let include = format!("include {};\n", included.display());
    let (server, port) = start_nginx(&site, [&include, ""]);
    let mount = Mount {
        folder: true,
        log: site.path().join("daemon.log"),
        ..mount(&site, ["nginx"; 2], Software::Nginx, port, BASE)
    };
    Live {
        daemon: Some(daemon),
        ..live(mount, server, site)
    }
}

fn live(mount: Mount, server: Server, site: Site) -> Live {
    Live {
        mounts: vec![mount],
        _server: server,
        daemon: None,
        site,
    }
}

#[test]
#[ignore = "needs Apache, lighttpd and nginx: run tests/run"]
fn a_printed_configuration_serves_another_program_below_a_path() {
    let starts: [fn() -> Live; 4] = [
        htaccess,
        || lighttpd("lighttpd"),
        || lighttpd("lighttpd-fastcgi"),
        nginx,
    ];
    on_each(starts.into_iter().map(|start| start()), |mount| {
        walk::log_in_and_out(mount);
        walk::follow_every_link(mount);
        // What only begins as the mount does, and what is beside the program.
        for path in [
            "/guest.book/v12/login",
            "/guestxbook/v1/login",
            "/notes.txt",
            "/guestbook.cgi",
        ] {
            let reply = http::get(mount.port, path, &[]);
            let name = mount.name;
            assert!(
                matches!(reply.status, 403 | 404),
                "{name}: {path}: {reply:?}"
            );
        }
    });
}
