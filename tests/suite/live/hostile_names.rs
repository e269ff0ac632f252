//! A folder with names of all kinds, through each server and each shipped example: what
//! signet lists is fetched by the links, and what servers protect by their URLs. Each file
//! contains its name.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::apache::{Started, server_user};
use super::daemon::Socket;
use super::fastcgi::{mod_fcgid_with, mod_proxy_fcgi, nginx_location, start_nginx, with_daemon};
use super::lighttpd::start_lighttpd;
use super::site::{Site, User, give};
use super::suexec::{ALICE, set_up};
use crate::guard::PASSWORD;
use crate::guard::tree::names::hostile_names;
use crate::protected_files::links;
use crate::support::ADA;
use crate::support::http;

/// Some of the names of `guard::tree`, where all are tested.
pub(super) fn names() -> BTreeSet<Vec<u8>> {
    let mut names = hostile_names();
    names.retain(|name| match name[..] {
        [byte] => byte.is_ascii() && !byte.is_ascii_alphanumeric() || byte == 0xff,
        [b'a', _, b'z'] => false,
        // A surrogate, which some parts of lighttpd take for UTF-8.
        [0xed, 0xa0, 0x80] => false,
        _ => true,
    });
    names
}

/// Fills a folder, which exists.
pub(super) fn fill(folder: &Path, owner: User) {
    for name in names() {
        let path = folder.join(OsStr::from_bytes(&name));
        fs::write(&path, &name).expect("write a file");
        give(&path, owner, 0o644);
    }
}

/// Whether a server refuses the name, whoever serves the file.
pub(super) type Refuses = fn(&[u8]) -> bool;

pub(super) fn none(_: &[u8]) -> bool {
    false
}

/// lighttpd refuses control characters and what is not UTF-8.
pub(super) fn by_lighttpd(name: &[u8]) -> bool {
    str::from_utf8(name).is_err() || name.iter().any(u8::is_ascii_control)
}

/// Each name as it stands in a URL.
pub(super) fn encoded(name: &[u8]) -> String {
    name.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// Asserts that only the user gets the files, by the links of the list.
fn assert_fetched(server: &str, port: u16, script: &str, base: &str, refuses: Refuses) {
    let form = [("username", "ada"), ("password", PASSWORD)];
    let form = serde_urlencoded::to_string(form).expect("a form");
    let answer = http::post(port, &format!("{script}/login"), &[], &form);
    let cookies = answer.cookies();
    let cookie = cookies.iter().find(|cookie| !cookie.value.is_empty());
    let cookie = cookie.unwrap_or_else(|| panic!("{server}: {answer:?}"));
    let cookie = format!("Cookie: {}={}", cookie.name, cookie.value);

    let list = http::get(port, base, &[&cookie]);
    assert_eq!(list.status, 200, "{server}: {list:?}");
    let linked = links(list.text()).into_iter().map(|(url, _)| url);
    let fetched = linked.filter_map(|url| {
        let reply = http::get(port, &url, &[&cookie]);
        (reply.status == 200).then_some(reply.body)
    });
    let fetched = BTreeSet::from_iter(fetched);
    let wanted = names().into_iter();
    let wanted: BTreeSet<Vec<u8>> = wanted.filter(|name| !refuses(name)).collect();
    let missing: Vec<_> = wanted.symmetric_difference(&fetched).collect();
    assert!(missing.is_empty(), "{server}: {missing:?}");

    for name in names() {
        let url = format!("{base}{}", encoded(&name));
        let nobody = http::get(port, &url, &[]);
        assert!(nobody.status >= 300, "{server}: {url}: {nobody:?}");
    }
}

/// Puts users, settings and the folder into a site whose program runs as `owner`.
fn protect(site: &Site, owner: User) {
    let private = site.folder("private", User::current(), 0o755);
    site.folder("private/names", User::current(), 0o755);
    fill(&private.join("names"), User::current());
    site.file("state/users", ADA, owner, 0o600);
    let settings = format!("GUARD_DIR = {private:?}\nGUARD_LISTING = true\n");
    site.file("state/signet.toml", settings, owner, 0o600);
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn names_of_all_kinds_are_fetched_through_lighttpd() {
    for (by, mount, script) in [
        ("lighttpd.conf", None, ""),
        ("lighttpd-cgi-bin.conf", None, "/cgi-bin/signet.cgi"),
        ("lighttpd-rewrite.conf", None, ""),
        ("lighttpd-fastcgi.conf", Some("/"), ""),
    ] {
        let (site, owner) = (Site::new(), User::current());
        for folder in ["cgi-bin", "htdocs"] {
            site.folder(folder, owner, 0o755);
        }
        site.folder("state", owner, 0o700);
        site.program("cgi-bin/signet.cgi", owner);
        protect(&site, owner);
        let server = start_lighttpd(&site, &Site::shipped_path(by), mount);
        let base = format!("{script}/files/names/");
        assert_fetched(by, server.port, script, &base, by_lighttpd);
    }
}

#[test]
#[ignore = "needs nginx: run tests/run"]
fn names_of_all_kinds_are_fetched_through_nginx() {
    let (site, _daemon, socket) = with_daemon(Socket::unix, &[]);
    protect(&site, server_user());
    let location = nginx_location("").replace("unix:/run/signet/socket", &socket.address());
    let (_server, port) = start_nginx(&site, [&format!("location / {{\n{location}}}\n"), ""]);
    assert_fetched("nginx", port, "", "/files/names/", none);
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn names_of_all_kinds_are_fetched_through_apache_by_fastcgi() {
    let live = mod_proxy_fcgi("", &[]);
    protect(&live.site, server_user());
    let port = live.mounts[0].port;
    assert_fetched("mod_proxy_fcgi", port, "", "/files/names/", none);

    let live = mod_fcgid_with("", "", |site| {
        site.program("cgi-bin/signet.cgi", server_user());
    });
    protect(&live.site, server_user());
    let port = live.mounts[0].port;
    assert_fetched("mod_fcgid", port, "", "/files/names/", none);
}

/// A folder of the site, and one outside of it, with suEXEC.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn names_of_all_kinds_are_fetched_through_apache_by_cgi() {
    let live = set_up(Started::ByDaemon);
    let site = &live.site;
    let web = "www/virtual/alice/html";
    let htaccess = Site::shipped("apache/private.htaccess");
    site.deep_file(&format!("{web}/private/.htaccess"), htaccess, ALICE, 0o644);
    for folder in [
        &*format!("{web}/private/names"),
        "home/alice/files",
        "home/alice/files/names",
    ] {
        site.folder(folder, ALICE, 0o755);
    }
    for folder in [&*format!("{web}/private/names"), "home/alice/files/names"] {
        fill(&site.path().join(folder), ALICE);
    }
    site.folder("home/alice/.signet", ALICE, 0o700);
    site.file("home/alice/.signet/users", ADA, ALICE, 0o600);
    let settings = format!(
        "GUARD_DIR = \"/home/alice/files\"\nGUARD_DIRS = {{ \"/private\" = \"/var/{web}/private\" }}\n\
         GUARD_LISTING = true\nSESSION_COOKIE_PATH = \"/\"\n"
    );
    site.file("home/alice/.signet/signet.toml", settings, ALICE, 0o600);
    let port = live.mounts[0].port;
    let script = "/cgi-bin/signet.cgi";
    let files = format!("{script}/files/names/");
    assert_fetched("Apache", port, script, &files, none);
    assert_fetched("Apache's rules", port, script, "/private/names/", none);
}
