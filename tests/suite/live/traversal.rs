//! The spellings of `guard::traversal` through real web servers.

use super::apache::{Started, server_user};
use super::daemon::Socket;
use super::fastcgi::{nginx_location, start_nginx, with_daemon};
use super::lighttpd::start_lighttpd;
use super::site::{Site, User};
use super::suexec::{ALICE, set_up};
use crate::guard::PASSWORD;
use crate::guard::traversal::{INSIDE, OUTSIDE, assert_contained, fill, targets};
use crate::support::ADA;
use crate::support::http;

/// Sends all targets with and without a login.
fn assert_all_contained(name: &str, port: u16, script: &str, mount: &str) {
    let form = [("username", "ada"), ("password", PASSWORD)];
    let form = serde_urlencoded::to_string(form).expect("a form");
    let answer = http::post(port, &format!("{script}/login"), &[], &form);
    let cookies = answer.cookies();
    let cookie = cookies.iter().find(|cookie| !cookie.value.is_empty());
    let cookie = cookie.unwrap_or_else(|| panic!("{name}: {answer:?}"));
    let cookie = format!("Cookie: {}={}", cookie.name, cookie.value);
    let shown = http::get(port, &format!("{mount}/a.txt"), &[&cookie]);
    assert_eq!(shown.text(), INSIDE, "{name}");
    let (mut answers, targets) = (0, targets(mount));
    for target in &targets {
        for header in ["X-Nobody: 1", &cookie] {
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}\r\n\
                 Connection: close\r\n\r\n"
            );
            // A server may close the connection without an answer.
            let Ok(reply) = http::send(port, request.as_bytes(), false) else {
                continue;
            };
            let name = format!("{name}: {target}");
            assert_contained(&name, reply.status, &reply.body, header == cookie);
            answers += 1;
        }
    }
    assert!(answers > targets.len(), "{name}: {answers}");
}

/// A site with users and a protected folder, outside of what lighttpd serves itself.
fn site() -> Site {
    let (site, owner) = (Site::new(), User::current());
    site.folder("cgi-bin", owner, 0o755);
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", owner);
    site.folder("files", owner, 0o755);
    fill(&site.path().join("files/private"));
    site.file("state/users", ADA, owner, 0o600);
    let private = site.path().join("files/private");
    let settings = format!("GUARD_DIR = {private:?}\nGUARD_LISTING = true\n");
    site.file("state/signet.toml", settings, owner, 0o600);
    site
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn no_spelling_of_a_path_leads_out_through_lighttpd() {
    for (by, mount) in [
        ("lighttpd.conf", None),
        ("lighttpd-fastcgi.conf", Some("/")),
    ] {
        let site = site();
        let server = start_lighttpd(&site, &Site::shipped_path(by), mount);
        assert_all_contained(by, server.port, "", "/files");
    }
}

#[test]
#[ignore = "needs nginx: run tests/run"]
fn no_spelling_of_a_path_leads_out_through_nginx() {
    let (site, _daemon, socket) = with_daemon(Socket::unix, &[]);
    let owner = server_user();
    site.folder("files", User::current(), 0o755);
    let private = site.path().join("files/private");
    fill(&private);
    site.file("state/users", ADA, owner, 0o600);
    let settings = format!("GUARD_DIR = {private:?}\nGUARD_LISTING = true\n");
    site.file("state/signet.toml", settings, owner, 0o600);
    let location = nginx_location("").replace("unix:/run/signet/socket", &socket.address());
    let (_server, port) = start_nginx(&site, [&format!("location / {{\n{location}}}\n"), ""]);
    assert_all_contained("nginx", port, "", "/files");
}

/// There, the folder above is served: its files are not outside of what everybody may see.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn no_spelling_of_a_path_leads_out_through_apache() {
    let live = set_up(Started::ByDaemon);
    let site = &live.site;
    let web = "www/virtual/alice/html";
    site.folder("home/alice/.signet", ALICE, 0o700);
    site.file("home/alice/.signet/users", ADA, ALICE, 0o600);
    let settings = format!(
        "GUARD_DIRS = {{ \"/private\" = \"/var/{web}/private\" }}\nSESSION_COOKIE_PATH = \"/\"\n"
    );
    site.file("home/alice/.signet/signet.toml", settings, ALICE, 0o600);
    let htaccess = Site::shipped("apache/private.htaccess");
    for (name, text) in [
        (".htaccess", htaccess.as_str()),
        ("a.txt", INSIDE),
        ("index.html", INSIDE),
        ("sub/index.html", INSIDE),
        ("sub/b.txt", INSIDE),
        (".hidden", OUTSIDE),
        ("sub/.hidden", OUTSIDE),
        (".signet-users", "ada\n"),
    ] {
        let name = format!("{web}/private/{name}");
        site.deep_file(&name, text, ALICE, 0o644);
    }
    site.deep_file("www/virtual/alice/outside.txt", OUTSIDE, ALICE, 0o644);
    for (name, target) in [("link", "../../"), ("absolute", "/var/www/virtual/alice")] {
        let link = site.path().join(web).join("private").join(name);
        std::os::unix::fs::symlink(target, link).expect("symlink");
    }
    let port = live.mounts[0].port;
    assert_all_contained("Apache", port, "/cgi-bin/signet.cgi", "/private");
}
