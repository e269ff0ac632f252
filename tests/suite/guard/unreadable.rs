//! Files and folders that the program may not read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rustix::process::geteuid;

use super::{ADA, cookie_of, state_of};
use crate::support::{Cgi, Output, StateDir};

/// Starts the program without the right of root to read every file.
const NOT_AS_ROOT: [&str; 2] = [
    "/usr/bin/setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
];

fn get(state: &StateDir, cookie: &str, url: &str) -> Output {
    let request = Cgi::get(&format!("/files/{url}"))
        .state(state)
        .var("SIGNET_GUARD_DIR", state.path().with_file_name("private"))
        .var("SIGNET_GUARD_LISTING", "true")
        .cookie(cookie);
    match geteuid().is_root() {
        true => request.through(&NOT_AS_ROOT).run(),
        false => request.run(),
    }
}

fn set_mode(state: &StateDir, name: &str, mode: u32) {
    let path = state.path().with_file_name("private").join(name);
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

/// Apache, lighttpd and nginx answer 403, too.
#[test]
fn what_the_program_may_not_read_answers_403_and_the_log_says_why() {
    let state = state_of(ADA);
    for name in [
        "a.txt",
        "closed/a.txt",
        "searched/a.txt",
        "index/index.html",
    ] {
        state.write(&format!("../private/{name}"), "text", 0o644);
    }
    state.write("../private/locked/.signet-users", "bob", 0o644);
    state.write("../private/locked/a.txt", "text", 0o644);
    let cookie = cookie_of(&state, "ada");
    for (name, mode) in [
        ("a.txt", 0o000),
        ("closed", 0o000),
        ("searched", 0o311),
        ("index/index.html", 0o200),
        ("locked/a.txt", 0o000),
    ] {
        set_mode(&state, name, mode);
    }
    let denied = "cannot be read: permission denied";
    // A `.signet-users` that may be in the folder would let nobody in.
    let closed = "nobody may open what is in its folder";
    for (url, path, reason) in [
        ("a.txt", "private/a.txt", denied),
        ("searched/", "private/searched", denied),
        ("index/", "private/index/index.html", denied),
        ("closed/", "private/closed/.signet-users", closed),
        ("closed/a.txt", "private/closed/.signet-users", closed),
        ("closed/none", "private/closed/.signet-users", closed),
    ] {
        let out = get(&state, &cookie, url);
        let response = out.response();
        assert_eq!(response.status, 403, "{url}: {}", out.errors());
        let page = response.text();
        let not_ready = page.contains("not ready") || page.contains("try again later");
        assert!(!not_ready, "{url}: {page}");
        assert_eq!(response.header("Retry-After"), None, "{url}");
        let log = out.errors();
        let says = log.contains(&format!("{path}: ")) && log.contains(reason);
        assert!(says, "{url}: {log}");
        if reason == denied {
            assert!(page.contains("this site may not read it"), "{url}: {page}");
            assert!(page.contains("set its permissions to"), "{url}: {page}");
        }
    }
    assert_eq!(
        get(&state, &cookie, "searched/a.txt").response().text(),
        "text"
    );
    // A user who may not open the folder does not learn what is there.
    let refused = ["locked/a.txt", "locked/none"].map(|url| {
        let out = get(&state, &cookie, url);
        assert_eq!(out.response().status, 403);
        let log = out.errors();
        let (_, log) = log.split_once("error ").expect(url);
        let (number, reason) = log.split_once(": ").expect(url);
        // It differs with each error.
        (
            out.response().text().replace(number, "N"),
            reason.to_owned(),
        )
    });
    assert_eq!(refused[0], refused[1]);
    set_mode(&state, "closed", 0o700);
    set_mode(&state, "searched", 0o700);
}
