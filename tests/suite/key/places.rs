//! Where the key is looked for, first found first used.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use super::{GOOD, assert_signed, login, login_at, mode};
use crate::support::application::WITHOUT_SYSTEM_STATE;
use crate::support::{Cgi, StateDir};

/// Names and values of variables.
type Vars = &'static [(&'static str, &'static str)];

/// The places by which the state directory is found, in their order; each has
/// a key of its own. Nothing is looked for in a later one.
#[test]
fn state_directory_by_the_first_place_named() {
    let root = StateDir::new();
    let places = [
        ("SIGNET_STATE_DIR", "a", "a"),
        ("STATE_DIRECTORY", "b", "b"),
        ("XDG_STATE_HOME", "c", "c/signet"),
        ("HOME", "d", "d/.signet"),
    ];
    let key = |folder: &str| format!("the-key-in-place-{folder}-0123456789");
    for (_, _, folder) in places {
        root.write(&format!("{folder}/secret_key"), key(folder), 0o600);
    }
    for first in 0..places.len() {
        let set = |request: Cgi, (name, value, _): &(&str, &str, &str)| {
            request.var(name, root.path().join(value))
        };
        let request = places[first..].iter().fold(login(), set);
        let (name, _, folder) = places[first];
        assert_signed(name, request, key(folder));
    }
}

/// A place that the server chose and that is no good is passed over.
#[test]
fn places_not_fit_are_passed_over() {
    let root = StateDir::new();
    root.write(
        "open/secret_key",
        "the-key-that-all-could-write-0123",
        0o600,
    );
    set_mode(&root.path().join("open"), 0o777);
    root.write("good/signet/secret_key", GOOD, 0o600);
    for (name, value) in [
        ("writable", root.path().join("open")),
        ("relative", "open".into()),
        ("temporary", "/tmp/signet-state".into()),
        ("a file", root.path().join("open/secret_key")),
    ] {
        let request = login()
            .var("STATE_DIRECTORY", value)
            .var("XDG_STATE_HOME", root.path().join("good"));
        assert_signed(name, request, GOOD);
    }
}

/// Each place is made when it is missing, the later ones are not touched.
#[test]
fn state_directory_is_made_in_the_first_place_named() {
    for (name, value, folder) in [
        ("SIGNET_STATE_DIR", "x", "x"),
        ("STATE_DIRECTORY", "x", "x"),
        ("XDG_STATE_HOME", "", "signet"),
        ("HOME", "", ".signet"),
    ] {
        let root = StateDir::new();
        let out = login().var(name, root.path().join(value)).run();
        assert_eq!(out.response().status, 303, "{name}: {out}");
        let snapshot = root.snapshot();
        let names = snapshot.names();
        assert!(
            names.iter().all(|path| path.starts_with(folder)),
            "{name}: {names:?}"
        );
        assert_eq!(
            mode(&root.path().join(folder).join("secret_key")),
            0o600,
            "{name}"
        );
        assert_eq!(mode(&root.path().join(folder)), 0o700, "{name}");
    }
}

/// The key itself, in the order of the manual: its text, its file, the file in
/// the state directory; from the environment before signet.toml.
#[test]
fn key_by_the_first_source_named() {
    let state = StateDir::new();
    let text = "the-key-from-the-environment-0123";
    state.write("secret_key", "the-key-in-the-state-directory-0", 0o600);
    let file = state.write("other", "the-key-in-a-file-of-its-own-0123", 0o600);
    assert_signed(
        "state directory",
        login_at(state.path()),
        "the-key-in-the-state-directory-0",
    );
    let by_file = || login_at(state.path()).var("SIGNET_SECRET_KEY_FILE", &file);
    assert_signed("file", by_file(), "the-key-in-a-file-of-its-own-0123");
    assert_signed(
        "environment",
        by_file().var("SIGNET_SECRET_KEY", text),
        text,
    );
    let in_toml = "the-key-written-into-signet.toml-0";
    state.write(
        "signet.toml",
        format!("SECRET_KEY = \"{in_toml}\"\n"),
        0o600,
    );
    assert_signed("toml", login_at(state.path()), in_toml);
    let both = login_at(state.path()).var("SIGNET_SECRET_KEY", text);
    assert_signed("environment before toml", both, text);
    state.write(
        "signet.toml",
        format!("SECRET_KEY_FILE = \"{}\"\n", file.display()),
        0o600,
    );
    assert_signed(
        "file by toml",
        login_at(state.path()),
        "the-key-in-a-file-of-its-own-0123",
    );
}

/// Editors end a file with a newline, `python -c 'print(…)'` too; a Flask app
/// that reads the file strips it as we do.
#[test]
fn one_line_ending_is_no_part_of_the_key() {
    let cases = [
        ("none", "", ""),
        ("LF", "\n", ""),
        ("CR LF", "\r\n", ""),
        ("two LF", "\n\n", "\n"),
        ("a blank", " ", " "),
        ("a blank and LF", " \n", " "),
    ];
    for (name, written, kept) in cases {
        let state = StateDir::new();
        state.write("secret_key", format!("{GOOD}{written}"), 0o600);
        assert_signed(name, login_at(state.path()), format!("{GOOD}{kept}"));
        let file = state.write("other", format!("{GOOD}x{written}"), 0o600);
        let request = login_at(state.path()).var("SIGNET_SECRET_KEY_FILE", file);
        assert_signed(name, request, format!("{GOOD}x{kept}"));
    }
}

/// A stricter mode than 0600 is no fault, and neither are other files beside.
#[test]
fn readable_by_the_owner_is_enough() {
    for wanted in [0o600, 0o400] {
        let state = StateDir::new();
        state.write("secret_key", GOOD, wanted);
        state.write("notes.txt", "mine", 0o644);
        assert_signed("strict", login_at(state.path()), GOOD);
        assert_eq!(mode(&state.path().join("secret_key")), wanted);
    }
}

/// Servers set no HOME for CGI programs: the home directory then is the one
/// in /etc/passwd. This test puts another file there, for one process.
#[test]
#[ignore = "needs root: run tests/run"]
fn home_directory_of_the_user() {
    let root = StateDir::new();
    let home = root.path().join("home");
    let cases: [(&str, Vars, u32, bool); 7] = [
        ("HOME unset", &[], 0o700, true),
        ("HOME empty", &[("HOME", "")], 0o755, true),
        ("HOME relative", &[("HOME", "home")], 0o700, true),
        ("XDG relative", &[("XDG_STATE_HOME", "state")], 0o700, true),
        ("its own group may write", &[], 0o770, true),
        ("a group may write there", &[], 0o1_770, false),
        ("others may write there", &[], 0o707, false),
    ];
    for (name, vars, mode, works) in cases {
        let _ = fs::remove_dir_all(&home);
        root.write("home/x", "", 0o600);
        if mode & 0o1000 != 0 {
            chown(&home, None, Some(65_533)).expect("chgrp");
        }
        set_mode(&home, mode & 0o777);
        let out = with_passwd(
            login().vars(vars),
            &root,
            &format!("root:x:0:0::{}:/bin/sh\n", home.display()),
        )
        .run();
        let key = home.join(".signet/secret_key");
        assert_eq!(key.exists(), works, "{name}: {out}");
        assert_eq!(
            out.response().status,
            if works { 303 } else { 503 },
            "{name}: {out}"
        );
    }
    // A supervisor may leave the HOME of the user who started it, or one that does
    // not exist.
    let _ = fs::remove_dir_all(&home);
    root.write("home/x", "", 0o600);
    root.write("another/x", "", 0o600);
    let another = root.path().join("another");
    chown(&another, Some(65_533), None).expect("chown");
    let passwd = format!("root:x:0:0::{}:/bin/sh\n", home.display());
    let missing = root.path().join("missing");
    for left in [another, missing, home.join("x/y")] {
        let request = login().var("HOME", &left);
        let out = with_passwd(request, &root, &passwd).run();
        assert_eq!(out.response().status, 303, "{}: {out}", left.display());
        assert!(home.join(".signet/secret_key").exists(), "{out}");
        assert!(!left.join(".signet").exists(), "{out}");
        let _ = fs::remove_dir_all(home.join(".signet"));
    }
    // No such user, no such home: a page that says what to set.
    for passwd in [
        "",
        "x:x:7:7::/:/bin/sh\n",
        "root:x:0:0::/nonexistent:/bin/sh\n",
        "root:x:0:0\n",
        "\n:::\n",
    ] {
        let out = with_passwd(login(), &root, passwd).run();
        let response = out.response();
        assert_eq!(response.status, 503, "{passwd:?}: {out}");
        assert!(
            response.words().contains("STATE_DIR"),
            "{passwd:?}: {}",
            response.words()
        );
    }
}

/// The log names each folder and what is wrong with it; the page says so without
/// a path, as every visitor reads it.
#[test]
#[ignore = "needs root: run tests/run"]
fn every_folder_that_was_tried_is_named() {
    let root = StateDir::new();
    for (folder, mode) in [("open", 0o777), ("xdg", 0o700), ("home", 0o757)] {
        fs::create_dir(root.path().join(folder)).expect("mkdir");
        set_mode(&root.path().join(folder), mode);
    }
    root.write("xdg/signet", "a file", 0o600);
    let path = |name: &str| root.path().join(name);
    let request = || {
        login()
            .var("STATE_DIRECTORY", path("open"))
            .var("XDG_STATE_HOME", path("xdg"))
            .var("HOME", path("home"))
    };
    // A folder of the system that this machine may have is another user's.
    let script = "[ ! -d /var/lib/signet ] || { mount -t tmpfs none /var/lib/signet && \
        chown 65533 /var/lib/signet; }; exec \"$0\" \"$@\"";
    let run = || {
        request()
            .var("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .through(&["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script])
            .run()
    };
    let out = run();
    let response = out.response();
    assert_eq!(response.status, 503, "{out}");
    // One of them has only wrong permissions, so nothing else need be done.
    let words = response.words();
    let all = "“open” can be written by other users of this computer (permissions 777). \
        In your FTP program or file manager, set its permissions to 700. Error 503";
    assert!(words.contains(all), "{words}");
    let shown = |name: &str| path(name).display().to_string();
    for (place, reason) in [
        (format!("$STATE_DIRECTORY {}: ", shown("open")), "mode 0777"),
        (
            format!("$XDG_STATE_HOME {}: ", shown("xdg/signet")),
            "is not a folder",
        ),
        (
            format!("home folder {}: {}: ", shown("home/.signet"), shown("home")),
            "mode 0757",
        ),
        ("/var/lib/signet: ".to_owned(), ""),
    ] {
        let said = out.errors();
        let (_, after) = said
            .split_once(&place)
            .unwrap_or_else(|| panic!("no {place}: {said}"));
        let problem = after.split(';').next().unwrap_or_default();
        assert!(problem.contains(reason), "{place}{reason}: {said}");
    }
    std::os::unix::fs::chown(path("open"), Some(65_533), None).expect("chown");
    set_mode(&path("home"), 0o755);
    root.write("home/.signet", "a file", 0o600);
    let words = run().response().words();
    for word in [
        "the folder in $STATE_DIRECTORY (“open” belongs to another user",
        "signet in $XDG_STATE_HOME (“signet” is not a folder)",
        ".signet in the home folder (",
        "/var/lib/signet (“signet” ",
        "install -d -o root -m 700 /var/lib/signet",
        "SetEnv SIGNET_SECRET_KEY",
        "SetEnv SSL_SIGNET_CONFIG",
    ] {
        assert!(words.contains(word), "no {word:?}: {words}");
    }
    assert!(!words.contains(&shown("")), "{words}");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// `request` in a mount namespace of its own with another /etc/passwd.
fn with_passwd(request: Cgi, root: &StateDir, passwd: &str) -> Cgi {
    let file = root.write("passwd", passwd, 0o644);
    let script = format!(
        "/bin/mount --bind '{}' /etc/passwd && exec \"$0\" \"$@\"",
        file.display()
    );
    let passwd = ["/bin/sh", "-c", &script];
    request.through(&[&WITHOUT_SYSTEM_STATE[..], &passwd].concat())
}
