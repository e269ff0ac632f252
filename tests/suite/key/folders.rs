//! Folders for the key that a web server serves or others may write: nothing is
//! made there, nothing is read there.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process;

use signet::config::SERVED_NAMES;

use super::refusals::{page, set_mode, write};
use super::{GOOD, assert_refused, assert_signed, login_at};
use crate::support::StateDir;
use crate::support::state::Snapshot;

/// Asserts that nothing is made or read in `state` under these variables.
#[track_caller]
fn assert_place_refused(name: &str, state: &Path, vars: &[(&str, &Path)], on_page: &str) {
    for with_key in [false, true] {
        if with_key {
            write(&state.join("secret_key"), GOOD);
        }
        let before = Snapshot::of(state);
        let request = |target: &str| {
            vars.iter().fold(page(target), |request, (name, value)| {
                request.var(name, value)
            })
        };
        assert_refused(name, request, on_page, "signet: ");
        let after = Snapshot::of(state);
        assert_eq!(after, before, "{name}: something was changed");
    }
}

/// What the web server hands out to everybody is no place for a key, by
/// whatever variable the server names the folder and however it is spelled.
#[test]
fn served_folders() {
    let root = StateDir::new();
    let site = root.path().join("site");
    let state = site.join("data/state");
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(&state)
        .expect("mkdir");
    symlink(&site, root.path().join("alias")).expect("symlink");
    let join = |path: &str| root.path().join(path);
    #[rustfmt::skip]
    let cases = [
        ("document root",          "DOCUMENT_ROOT", site.clone(), state.clone()),
        ("its own folder",         "DOCUMENT_ROOT", state.clone(), state.clone()),
        ("slash at the end",       "DOCUMENT_ROOT", join("site/"), state.clone()),
        ("dots in it",             "DOCUMENT_ROOT", join("site/data/../../site/."), state.clone()),
        ("link to it",             "DOCUMENT_ROOT", join("alias"), state.clone()),
        ("link below it",          "DOCUMENT_ROOT", site.clone(), join("alias/data/state")),
        ("dots in the state's",    "DOCUMENT_ROOT", site.clone(), join("nowhere/../site/data/state")),
        ("a user's document root", "CONTEXT_DOCUMENT_ROOT", site.clone(), state.clone()),
        ("beside the program",     "SCRIPT_FILENAME", state.join("signet.cgi"), state.clone()),
        ("below the program",      "SCRIPT_FILENAME", join("site/signet.cgi"), state.clone()),
        ("below a linked program", "SCRIPT_FILENAME", join("alias/signet.cgi"), state.clone()),
        ("a folder for a program", "SCRIPT_FILENAME", site.clone(), state.clone()),
        ("a linked folder for one", "SCRIPT_FILENAME", join("alias"), state.clone()),
    ];
    for (name, variable, value, place) in cases {
        let _ = fs::remove_file(state.join("secret_key"));
        let vars = [("SIGNET_STATE_DIR", &*place), (variable, &*value)];
        let on_page = if place.exists() { "outside" } else { "secret" };
        assert_place_refused(name, &state, &vars, on_page);
        let file = place.join("secret_key");
        let vars = [("SIGNET_SECRET_KEY_FILE", &*file), (variable, &*value)];
        let request = |target: &str| {
            vars.iter().fold(page(target), |request, (name, value)| {
                request.var(name, value)
            })
        };
        assert_refused(name, request, on_page, "signet: ");
    }
}

/// What only looks like a served folder.
#[test]
fn folders_beside_the_served_one() {
    let root = StateDir::new();
    let state = root.path().join("site-state");
    root.write("site/signet.cgi", "", 0o700);
    root.write("site-state/secret_key", GOOD, 0o600);
    for (variable, value) in [
        ("DOCUMENT_ROOT", "site"),
        ("DOCUMENT_ROOT", "site-state-2"),
        ("CONTEXT_DOCUMENT_ROOT", "site/"),
        ("SCRIPT_FILENAME", "site/signet.cgi"),
        ("SCRIPT_FILENAME", "site-state/../site/signet.cgi"),
        // Caddy 2.6 names the document root, with and without a slash.
        ("SCRIPT_FILENAME", "site"),
        ("SCRIPT_FILENAME", "site/"),
        ("SCRIPT_FILENAME", "site/."),
    ] {
        let request = login_at(&state).var(variable, root.path().join(value));
        assert_signed(variable, request, GOOD);
    }
    assert_signed("empty", login_at(&state).var("DOCUMENT_ROOT", ""), GOOD);
    assert_signed(
        "relative",
        login_at(&state).var("SCRIPT_FILENAME", "signet.cgi"),
        GOOD,
    );
}

/// DOCUMENT_ROOT may name another folder than the one that is served, so the
/// usual names count wherever they stand.
#[test]
fn folders_named_as_served_ones_are() {
    for part in SERVED_NAMES {
        let root = StateDir::new();
        let state = root.path().join(part).join("a/state");
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&state)
            .expect("mkdir");
        assert_place_refused(part, &state, &[("SIGNET_STATE_DIR", &state)], "outside");
        // The name it really has counts, not the one it is called by.
        symlink(root.path().join(part), root.path().join("alias")).expect("symlink");
        let alias = root.path().join("alias/a/state");
        assert_place_refused(part, &state, &[("SIGNET_STATE_DIR", &alias)], "outside");
    }
}

/// Everybody may write there, and a restart empties it.
#[test]
fn temporary_folders() {
    for parent in ["/tmp", "/var/tmp", "/dev/shm"] {
        let folder = Path::new(parent).join(format!("signet-test-{}", process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .expect("mkdir");
        let _cleanup = Cleanup(&folder);
        assert_place_refused(
            parent,
            &folder,
            &[("SIGNET_STATE_DIR", &folder)],
            "temporary",
        );
        let below = folder.join("new");
        let request = |target: &str| page(target).var("SIGNET_STATE_DIR", &below);
        assert_refused(parent, request, "temporary", "signet: ");
        assert!(!below.exists(), "{parent}: made below it");
        let root = StateDir::new();
        let alias = root.path().join("alias");
        symlink(&folder, &alias).expect("symlink");
        assert_place_refused(
            "a link there",
            &folder,
            &[("SIGNET_STATE_DIR", &alias)],
            "temporary",
        );
    }
}

struct Cleanup<'a>(&'a Path);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0);
    }
}

#[test]
fn folders_that_others_may_write() {
    // Of groups that may, see `trusted`.
    for mode in [0o707, 0o702, 0o777, 0o1777] {
        let state = StateDir::new();
        set_mode(state.path(), mode);
        let name = format!("mode {mode:o}");
        assert_place_refused(
            &name,
            state.path(),
            &[("SIGNET_STATE_DIR", state.path())],
            "700",
        );
        assert_eq!(
            super::mode(state.path()),
            mode,
            "{name}: the mode was changed"
        );
    }
    // Whoever may write above may put another folder in its place.
    let root = StateDir::new();
    let state = root.path().join("open/inner/state");
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(&state)
        .expect("mkdir");
    set_mode(&root.path().join("open"), 0o777);
    assert_place_refused("above", &state, &[("SIGNET_STATE_DIR", &state)], "700");
}

#[test]
fn state_directories_that_are_none() {
    let root = StateDir::new();
    let file = root.write("file", GOOD, 0o600);
    let folder = root.path().to_owned();
    for (name, path) in [
        ("a file", file.clone()),
        ("below a file", file.join("state")),
        ("a dangling link", folder.join("dangling")),
        ("a relative path", PathBuf::from("state")),
        ("empty dots", PathBuf::from("..")),
    ] {
        let _ = fs::remove_file(folder.join("dangling"));
        symlink("nowhere", folder.join("dangling")).expect("symlink");
        let before = root.snapshot();
        let request = |target: &str| page(target).var("SIGNET_STATE_DIR", &path);
        assert_refused(name, request, "", "signet: ");
        assert_eq!(root.snapshot(), before, "{name}");
    }
}

/// Others may look into the state folder, which a web server may have to enter:
/// what is secret in it has a mode of its own.
#[test]
fn others_may_enter_the_state_folder() {
    for mode in [0o700, 0o711, 0o755] {
        let state = StateDir::new();
        set_mode(state.path(), mode);
        assert_eq!(login_at(state.path()).run().response().status, 303);
        let key = fs::read(state.path().join("secret_key")).expect("a key");
        assert_signed("again", login_at(state.path()), key);
        assert_eq!(super::mode(state.path()), mode);
    }
}
