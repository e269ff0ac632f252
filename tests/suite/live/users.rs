//! A site with passwords in real Chromium: `tests/browser_users.py` says what its user does,
//! `tests/password_manager.py` what the browser's password manager does.

use super::site::User;
use super::{Live, Mount, fastcgi, lighttpd, suexec};

use crate::support::{ADA, assert_succeeds, python};

const PASSWORD: &str = "correct horse";

/// Runs a script on the site's mount at the root of the host, whose program runs as `owner`.
fn run<'l>(live: &'l Live, owner: User, script: &str, arguments: &[&str]) -> &'l Mount {
    let mount = live.mounts.iter().find(|mount| mount.base.is_empty());
    let mount = mount.expect("a mount at the root");
    let state = mount.state.strip_prefix(live.site.path());
    let state = state.expect("in the site").to_str().expect("UTF-8");
    if !mount.state.exists() {
        live.site.folder(state, owner, 0o700);
    }
    live.site.file(&format!("{state}/users"), ADA, owner, 0o600);
    let url = format!("http://127.0.0.1:{}/", mount.port);
    assert_succeeds(python(script).arg(url).args(arguments));
    mount
}

/// The walk, and what the log says about it.
fn walk(live: &Live, owner: User) {
    let passwords = ["--old", PASSWORD, "--new", "a new horse 7"];
    let mount = run(live, owner, "browser_users.py", &passwords);
    mount.assert_log();
    let log = mount.said().join("\n");
    for line in [
        "signet: login of \"ada\" from 127.0.0.1",
        "signet: failed login of \"ada\" from 127.0.0.1",
        "signet: login limited for ",
        "signet: changed the password of \"ada\" from 127.0.0.1",
    ] {
        assert!(log.contains(line), "{}: no {line:?} in {log}", mount.name);
    }
    assert!(!log.contains("horse"), "{}: {log}", mount.name);
}

#[test]
#[ignore = "needs Chromium and lighttpd: run tests/run"]
fn a_user_walks_through_the_pages_behind_lighttpd() {
    let live = lighttpd::start("lighttpd-rewrite.conf", &[""]);
    walk(&live, User::current());
}

#[test]
#[ignore = "needs Chromium, Apache and root: run tests/run"]
fn a_user_walks_through_the_pages_under_suexec() {
    let live = suexec::set_up(super::apache::Started::ByDaemon);
    walk(&live, suexec::ALICE);
}

#[test]
#[ignore = "needs Chromium and nginx: run tests/run"]
fn a_user_walks_through_the_pages_by_fastcgi() {
    let live = fastcgi::nginx("", &[("SIGNET_SESSION_TYPE", "filesystem")]);
    walk(&live, super::apache::server_user());
}

#[test]
#[ignore = "needs Chromium and lighttpd: run tests/run"]
fn chromium_saves_right_passwords_only_and_fills_them_in() {
    let live = lighttpd::start("lighttpd-rewrite.conf", &[""]);
    let password = ["--password", PASSWORD];
    run(&live, User::current(), "password_manager.py", &password);
}
