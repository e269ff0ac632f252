//! Modes that somebody else set: control panels reset folders to 755 and files to
//! 644. What is only too open is corrected, and the owner is told.

use std::fs;
use std::path::{Path, PathBuf};

use super::limits::{chmod, cookie_of};
use crate::support::invariants::{Allowed, assert_holds};
use crate::support::strace::injected;
use crate::support::{Cgi, Output, StateDir, tested_program};
use crate::users::HASH;

const EVERYTHING: Allowed = Allowed {
    cookie: true,
    state: true,
};

/// A site with its key, a retired one, sessions and a mark, each where the
/// program put it.
fn site(kind: &'static str) -> (StateDir, String) {
    let state = StateDir::new();
    let everywhere = cookie_of(
        "eve",
        request(&state, kind, Cgi::post("/login", "username=eve")),
    );
    let out = request(&state, kind, Cgi::post("/logout", "everywhere=1"))
        .cookie(format!("session={everywhere}"))
        .run();
    assert_eq!(out.response().status, 303, "{out}");
    // The first page shows the message that this was done, and removes it.
    let session = &out.response().cookies()[0].value;
    index(&state, kind, session).run();
    let cookie = cookie_of(
        "ada",
        request(&state, kind, Cgi::post("/login", "username=ada")),
    );
    if kind == "cookie" {
        let now = crate::support::now();
        let retired = format!("{now} 7be1e79424d8cb243b6f3ae9d235d216\n");
        state.write("retired_keys", retired, 0o600);
    }
    (state, cookie)
}

fn request(state: &StateDir, kind: &str, cgi: Cgi) -> Cgi {
    cgi.without("SIGNET_SECRET_KEY")
        .var("SIGNET_SESSION_TYPE", kind)
        .state(state)
}

fn index(state: &StateDir, kind: &str, cookie: &str) -> Cgi {
    request(state, kind, Cgi::get("/")).cookie(format!("session={cookie}"))
}

#[track_caller]
fn assert_logged_in(name: &str, out: &Output) {
    let response = assert_holds(name, out, EVERYTHING);
    assert_eq!(response.status, 200, "{name}: {out}");
    assert!(
        response.text().contains("Logged in as ada"),
        "{name}: {out}"
    );
}

/// What a control panel does, as "reset permissions".
fn reset(folder: &Path) {
    chmod(folder, 0o755);
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => reset(&path),
            false => chmod(&path, 0o644),
        }
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("stat").permissions().mode() & 0o7777
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn modes_that_a_control_panel_reset_are_corrected_and_logged_once() {
    for kind in ["cookie", "filesystem"] {
        let (state, cookie) = site(kind);
        reset(state.path());
        let out = index(&state, kind, &cookie).run();
        assert_logged_in(kind, &out);
        let said = out.errors();
        assert!(
            said.contains("0600") && said.contains("mode"),
            "{kind}: {said}"
        );
        let out = request(&state, kind, Cgi::post("/logout", "everywhere=1"))
            .cookie(format!("session={cookie}"))
            .run();
        assert_eq!(
            assert_holds(kind, &out, EVERYTHING).status,
            303,
            "{kind}: {out}"
        );
        let again = cookie_of(
            kind,
            request(&state, kind, Cgi::post("/login", "username=ada")),
        );
        let out = index(&state, kind, &again).run();
        assert_logged_in(kind, &out);
        assert_eq!(out.errors(), "", "{kind}: logged once");

        let names: &[&str] = match kind {
            "cookie" => &["secret_key", "retired_keys", "ended"],
            _ => &["sessions", "sessions/ended"],
        };
        for name in names {
            let path = state.path().join(name);
            let wanted = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), wanted, "{kind}: {name}");
        }
    }
}

/// Every file of the program's own, alone.
#[test]
fn each_file_and_folder_of_its_own_is_corrected() {
    let (state, cookie) = site("filesystem");
    let sessions = state.path().join("sessions");
    let mut paths = files(&sessions);
    paths.extend([sessions.clone(), sessions.join("ended")]);
    assert!(paths.len() >= 4, "{paths:?}");
    for path in paths {
        let name = path.display().to_string();
        let right = mode(&path);
        // By the owner's own group, if it has one; see `trusted`.
        for more in [0o044, 0o055, 0o004, 0o011] {
            chmod(&path, right | more);
            let out = index(&state, "filesystem", &cookie).run();
            assert_logged_in(&name, &out);
            if mode(&path) != right {
                // Eve's mark is not read for ada.
                assert!(name.contains("sessions/ended/"), "{name}: not corrected");
                chmod(&path, right);
                continue;
            }
            let said = out.errors();
            let shown = path.file_name().expect("a name").to_string_lossy();
            assert!(said.contains(&*shown), "{name}: {said}");
            assert!(said.contains(&format!("{right:04o}")), "{name}: {said}");
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
        }
    }
}

/// With users, who log in by password. Apache may read the users file, too.
#[test]
fn the_files_of_logins_are_corrected() {
    let state = StateDir::new();
    let users = state.write("users", format!("ada:{HASH}\n"), 0o644);
    let login = |password: &str, wanted: u16| {
        let form = format!("username=ada&password={password}");
        let out = request(&state, "filesystem", Cgi::post("/login", &form)).run();
        assert_eq!(out.response().status, wanted, "{password}: {out}");
        out
    };
    login("wrong", 403);
    login("pw", 303);
    reset(state.path());
    let said = [login("wrong", 403), login("pw", 303)].map(|out| out.errors());
    for name in [
        "secret_key",
        "users.seen",
        "rate_limits",
        "hash_slots",
        "sessions",
    ] {
        let path = state.path().join(name);
        let (wanted, words) = match path.is_dir() {
            true => (0o700, "was 0755 and is now 0700"),
            false => (0o600, "was 0644 and is now 0600"),
        };
        assert_eq!(mode(&path), wanted, "{name}");
        let words = format!(
            "{}: other users could read it; its mode {words}",
            path.display()
        );
        assert_eq!(
            said.concat().matches(&words).count(),
            1,
            "{words}: {said:?}"
        );
    }
    assert_eq!(mode(&users), 0o644);
}

/// Whoever read the key can sign with it, whatever its mode is now.
#[test]
fn a_key_that_others_could_read_is_to_be_replaced() {
    for name in ["secret_key", "retired_keys"] {
        let (state, cookie) = site("cookie");
        chmod(&state.path().join(name), 0o644);
        let out = index(&state, "cookie", &cookie).run();
        assert_logged_in(name, &out);
        let said = out.errors();
        for words in [name, "0644", "0600", "replace", "rotate"] {
            assert!(said.contains(words), "{name}: no {words}: {said}");
        }
        let key = fs::read_to_string(state.path().join("secret_key")).expect("a key");
        assert!(!said.contains(&key), "{said}");
        assert_eq!(mode(&state.path().join(name)), 0o600);
    }
}

/// Looking changes nothing: the owner is to see what is wrong.
#[test]
fn a_command_that_looks_at_the_key_corrects_nothing() {
    let (state, _) = site("cookie");
    for name in ["secret_key", "retired_keys"] {
        let path = state.path().join(name);
        chmod(&path, 0o644);
        let output = std::process::Command::new(tested_program())
            .args(["key", "check"])
            .env_clear()
            .env("SIGNET_STATE_DIR", state.path())
            .output()
            .expect("run signet");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(
            said.contains(name) && said.contains("chmod 600"),
            "{name}: {said}"
        );
        assert_eq!(mode(&path), 0o644, "{name}");
        chmod(&path, 0o600);
    }
}

/// Where the mode cannot be corrected, or does not change, as on a FAT file
/// system: the page names what has it, by its name, and the mode.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_mode_that_cannot_be_corrected_is_named() {
    for error in ["error=EPERM", "error=EROFS", "retval=0"] {
        #[rustfmt::skip]
        let rows = [
            ("cookie",     "secret_key",     0o644, "600"),
            ("cookie",     "retired_keys",   0o644, "600"),
            ("filesystem", "sessions",       0o755, "700"),
            ("filesystem", "sessions/ended", 0o755, "700"),
            ("cookie",     "ended",          0o755, "700"),
        ];
        for (kind, name, open, wanted) in rows {
            let row = format!("{name}, {error}");
            let (state, cookie) = site(kind);
            chmod(&state.path().join(name), open);
            let inject = format!("inject=fchmod:{error}");
            let out = injected(index(&state, kind, &cookie), &[&inject]);
            let response = assert_holds(&row, &out, EVERYTHING);
            assert_eq!(response.status, 503, "{row}: {out}");
            let page = response.words();
            let shown = name.rsplit('/').next().expect("a name");
            for words in [shown, &format!("{open:o}"), wanted] {
                assert!(page.contains(words), "{row}: no {words}: {page}");
            }
            // The URL of the doctor is no path of this machine.
            let page = page.replace("/app/doctor", "");
            assert!(!page.contains('/'), "{row}: a path: {page}");
            assert_eq!(mode(&state.path().join(name)), open, "{row}");
        }
    }
}

/// What others could write they may have renamed, which changes no owner: it is
/// not used, and the page names it.
#[test]
fn what_others_could_write_is_not_corrected() {
    for (name, open) in [
        ("", 0o777),
        ("", 0o1777),
        ("sessions", 0o777),
        ("sessions", 0o757),
        ("sessions", 0o1777),
        ("sessions/ended", 0o777),
    ] {
        let (state, cookie) = site("filesystem");
        let path = state.path().join(name);
        chmod(&path, open);
        let row = format!("{} {open:o}", path.display());
        let out = index(&state, "filesystem", &cookie).run();
        let response = assert_holds(&row, &out, EVERYTHING);
        assert_eq!(response.status, 503, "{row}: {out}");
        let page = response.words();
        let shown = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        for words in [&*shown, &format!("{open:o}"), "700"] {
            assert!(page.contains(words), "{row}: no {words}: {page}");
        }
        assert_eq!(mode(&path), open, "{row}");
        chmod(&path, 0o700);
    }
}
