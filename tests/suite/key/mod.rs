//! The secret key: where it is looked for, how it makes itself, what is
//! refused. Without a key that can be trusted there are no sessions at all.

mod birth;
mod faults;
mod folders;
mod places;
mod refusals;
mod rotate;
mod weak;

use std::fs;
use std::path::Path;

use crate::support::Cgi;
use crate::support::invariants::{Allowed, assert_holds};
use crate::support::token::Signer;

/// A good key, not the one that [`Cgi`] gives the program.
const GOOD: &str = "a-good-key-of-the-site-91c04f7be2";

const EVERYTHING: Allowed = Allowed {
    cookie: true,
    state: true,
};

/// A login on a site with neither key nor state directory in the environment.
/// A test that runs it names a place, lest it be this user's own home.
fn login() -> Cgi {
    Cgi::post("/login", "username=admin")
        .without("SIGNET_SECRET_KEY")
        .without("SIGNET_STATE_DIR")
}

/// A login on a site with this state directory.
fn login_at(state: &Path) -> Cgi {
    login().var("SIGNET_STATE_DIR", state)
}

/// Asserts that the login succeeds and that `key` signed its cookie.
#[track_caller]
fn assert_signed(name: &str, request: Cgi, key: impl AsRef<[u8]>) {
    let out = request.run();
    let response = assert_holds(name, &out, EVERYTHING);
    assert_eq!(response.status, 303, "{name}: {out}");
    let cookie = response
        .cookies()
        .pop()
        .unwrap_or_else(|| panic!("{name}: no cookie"));
    let read = Signer::with_key(&key).read(&cookie.value);
    assert!(read.is_some(), "{name}: signed by another key");
    let shown = [&out.stdout[..], &out.stderr].concat();
    assert_absent(name, &shown, key.as_ref());
}

/// Asserts that a secret stands nowhere in what the program printed.
#[track_caller]
fn assert_absent(name: &str, printed: &[u8], secret: &[u8]) {
    let found = !secret.is_empty() && printed.windows(secret.len()).any(|part| part == secret);
    assert!(!found, "{name}: the key was printed");
}

/// Asserts that neither the index nor a login is served, that the page says
/// how to mend it and stderr what is wrong, and that nothing was changed.
#[track_caller]
fn assert_refused(name: &str, request: impl Fn(&str) -> Cgi, on_page: &str, on_stderr: &str) {
    for (method, target) in [
        ("GET", "/"),
        ("POST", "/login"),
        ("HEAD", "/"),
        ("GET", "/login"),
    ] {
        let mut cgi = request(target).var("REQUEST_METHOD", method);
        if method == "POST" {
            let kind = "application/x-www-form-urlencoded";
            cgi = cgi
                .var("CONTENT_LENGTH", "14")
                .var("CONTENT_TYPE", kind)
                .body("username=admin");
        }
        let out = cgi.run();
        let response = assert_holds(name, &out, Allowed::default());
        assert_eq!(response.status, 503, "{method} {target}, {name}: {out}");
        let errors = out.errors();
        assert!(
            errors.contains(on_stderr),
            "{name}: no {on_stderr:?} on stderr: {out}"
        );
        if method != "HEAD" {
            let words = response.words();
            assert!(
                words.contains(on_page),
                "{name}: no {on_page:?} on the page: {words}"
            );
        }
    }
}

/// The mode of a file or folder.
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    let about =
        fs::symlink_metadata(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    about.permissions().mode() & 0o7777
}
