//! BusyBox's httpd, which answers 404 to `signet.cgi/` and hands REQUEST_URI on
//! decoded.

use std::process::{Command, Stdio};

use super::site::{Site, User};
use crate::support::html::{form_target, link, words};
use crate::support::http::{self, Reply, Server, free_port};
use crate::support::jar::Jar;

#[test]
#[ignore = "needs BusyBox: run tests/run"]
fn log_in_and_out_behind_busybox() {
    for (folder, base) in [
        ("cgi-bin", "/cgi-bin"),
        ("cgi-bin/my site", "/cgi-bin/my%20site"),
    ] {
        walk(folder, &format!("{base}/signet.cgi"));
    }
}

/// A person's walk through the pages of the program in this folder.
fn walk(folder: &str, script: &str) {
    let user = User::current();
    let site = Site::new();
    site.folder("cgi-bin", user, 0o755);
    if folder != "cgi-bin" {
        site.folder(folder, user, 0o755);
    }
    site.program(&format!("{folder}/signet.cgi"), user);
    let state = site.folder("state", user, 0o700);
    let port = free_port();
    let mut busybox = Command::new("busybox");
    busybox
        .args(["httpd", "-f", "-p", &format!("127.0.0.1:{port}"), "-h"])
        .arg(site.path())
        .env("SIGNET_STATE_DIR", state)
        .stderr(Stdio::null());
    let _server = Server::start(&mut busybox, port);

    let mut jar = Jar::default();
    let mut send = |method: &str, url: &str, form: &str| -> Reply {
        let cookie = jar
            .header(url, false)
            .map(|cookie| format!("Cookie: {cookie}"));
        let headers: Vec<&str> = cookie.iter().map(String::as_str).collect();
        let reply = match method {
            "POST" => http::post(port, url, &headers, form),
            _ => http::get(port, url, &headers),
        };
        jar.store(url, &reply.cookies());
        reply
    };
    let page = send("GET", script, "");
    assert_eq!(page.status, 200, "{page:?}");
    let login = link(page.text(), "click here to log in");
    let page = send("GET", &login, "");
    let back = link(page.text(), "back");
    assert_eq!(send("GET", &back, "").status, 200, "{back}");

    let answer = send("POST", &form_target(page.text(), &login), "username=admin");
    let home = answer.header("Location").expect("a target").to_owned();
    assert_eq!((answer.status, home.as_str()), (303, script), "{answer:?}");
    let path = answer.cookies()[0].attribute("Path").map(str::to_owned);
    assert_eq!(path.as_deref(), Some(script));
    let page = send("GET", &home, "");
    assert!(
        words(page.text()).contains("Logged in as admin"),
        "{page:?}"
    );

    let logout = link(page.text(), "click here to log out");
    let answer = send("GET", &logout, "");
    assert_eq!(answer.header("Location"), Some(script), "{answer:?}");
    let page = send("GET", script, "");
    assert!(
        words(page.text()).contains("You are not logged in"),
        "{page:?}"
    );
    assert_eq!(send("GET", &format!("{script}?r=/login"), "").status, 200);
}
