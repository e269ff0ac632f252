//! Key files that somebody else could have written, or that hold no key: refused
//! as they are, never repaired, never replaced.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, mkfifoat};

use super::{GOOD, assert_refused, assert_signed, login_at};
use crate::support::{Cgi, StateDir};

/// Not root, and nobody who runs these tests.
const SOMEBODY: u32 = 65_533;

/// Any page of a site without a key in its environment.
pub(super) fn page(target: &str) -> Cgi {
    Cgi::get(target).without("SIGNET_SECRET_KEY")
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// Asserts that a key file made by `make` is refused in the state directory
/// and as SECRET_KEY_FILE, and left as it is.
#[track_caller]
fn assert_file_refused(name: &str, make: impl Fn(&Path), on_page: &str) {
    assert_refused_as(&["secret_key", "by-setting"], name, make, on_page);
}

/// As [`assert_file_refused`], for the one in the state directory only. (A
/// setting may name a link, or a file that its folder protects: see `trusted`.)
#[track_caller]
fn assert_own_file_refused(name: &str, make: impl Fn(&Path), on_page: &str) {
    assert_refused_as(&["secret_key"], name, make, on_page);
}

#[track_caller]
fn assert_refused_as(files: &[&str], name: &str, make: impl Fn(&Path), on_page: &str) {
    for &file in files {
        let state = StateDir::new();
        make(&state.path().join(file));
        let before = state.snapshot();
        let request = |target: &str| {
            let request = page(target).var("SIGNET_STATE_DIR", state.path());
            match file {
                "secret_key" => request,
                _ => request.var("SIGNET_SECRET_KEY_FILE", state.path().join(file)),
            }
        };
        // Only the file in the state directory is made anew once it is gone.
        let on_page = if file == "secret_key" {
            on_page
        } else {
            "secret"
        };
        assert_refused(&format!("{name} as {file}"), request, on_page, file);
        if file != "secret_key" {
            let words = request("/").run().response().words();
            assert!(!words.contains("at the next visit"), "{name}: {words}");
        }
        assert_eq!(
            state.snapshot(),
            before,
            "{name} as {file}: something was changed"
        );
    }
}

pub(super) fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).expect("write a key");
    set_mode(path, 0o600);
}

/// The control of all that follows: the same file, nothing wrong with it.
#[test]
fn good_key_is_accepted() {
    let state = StateDir::new();
    write(&state.path().join("secret_key"), GOOD);
    assert_signed("good", login_at(state.path()), GOOD);
}

/// The key may be one that they wrote. (Of a file that others can only read,
/// see `store::modes` and, for one that a setting names, `trusted`.)
#[test]
fn files_that_others_may_write() {
    for mode in [0o602, 0o646, 0o666, 0o777] {
        let make = |path: &Path| {
            write(path, GOOD);
            set_mode(path, mode);
        };
        assert_file_refused(&format!("mode {mode:o}"), make, "6");
        // Nor may others read it after that.
        let state = StateDir::new();
        make(&state.path().join("key"));
        let request = page("/").state(&state);
        let out = request
            .var("SIGNET_SECRET_KEY_FILE", state.path().join("key"))
            .run();
        assert!(out.errors().ends_with("chmod 600\n"), "{mode:o}: {out}");
    }
}

#[test]
fn files_that_are_no_plain_file() {
    assert_own_file_refused(
        "a symlink",
        |path| {
            let target = path.with_extension("target");
            write(&target, GOOD);
            symlink(target, path).expect("symlink");
        },
        "secret_key",
    );
    assert_file_refused(
        "a dangling symlink",
        |path| symlink("nowhere", path).expect("symlink"),
        "secret_key",
    );
    assert_file_refused(
        "a hard link",
        |path| {
            let target = path.with_extension("target");
            write(&target, GOOD);
            fs::hard_link(target, path).expect("link");
        },
        "secret_key",
    );
    assert_file_refused(
        "a directory",
        |path| {
            fs::DirBuilder::new()
                .mode(0o600)
                .create(path)
                .expect("mkdir");
        },
        "secret_key",
    );
    assert_file_refused(
        "a FIFO",
        |path| {
            mkfifoat(CWD, path, Mode::from_raw_mode(0o600)).expect("mkfifo");
        },
        "secret_key",
    );
    assert_file_refused(
        "a socket",
        |path| {
            // Its path may be no longer than a socket's address holds.
            let folder = path.parent().expect("a folder");
            let short = PathBuf::from(format!("/proc/self/fd/{}", open_folder(folder)));
            std::os::unix::net::UnixListener::bind(short.join(path.file_name().expect("a name")))
                .expect("bind");
            set_mode(path, 0o600);
        },
        "secret_key",
    );
}

/// The number of an open file descriptor of a folder, never closed: the test
/// process is short-lived.
fn open_folder(folder: &Path) -> i32 {
    use std::os::fd::IntoRawFd;
    fs::File::open(folder).expect("open a folder").into_raw_fd()
}

#[test]
#[ignore = "needs root: run tests/run"]
fn files_and_folders_of_somebody_else() {
    assert_file_refused(
        "of somebody else",
        |path| {
            write(path, GOOD);
            chown(path, Some(SOMEBODY), None).expect("chown");
        },
        "secret_key",
    );
    for with_key in [false, true] {
        let state = StateDir::new();
        if with_key {
            write(&state.path().join("secret_key"), GOOD);
        }
        chown(state.path(), Some(SOMEBODY), None).expect("chown");
        let before = state.snapshot();
        let request = |target: &str| page(target).var("SIGNET_STATE_DIR", state.path());
        assert_refused(
            "a folder of somebody else",
            request,
            "another user",
            "state",
        );
        assert_eq!(state.snapshot(), before);
    }
}

/// A key that is nobody's: refused for what it holds.
#[test]
fn contents_that_are_no_key() {
    #[rustfmt::skip]
    let cases: [(&str, &[u8]); 8] = [
        ("empty",                 b""),
        ("a line ending",         b"\n"),
        ("blanks",                b"   \n"),
        ("15 bytes",              b"k3y-0f-15-byte\x21"),
        ("15 bytes and LF",       b"k3y-0f-15-byte\x21\n"),
        ("byte order mark",       b"\xef\xbb\xbfa-good-key-of-the-site-91c04f7be2\n"),
        ("the documentation's",   b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf"),
        ("older documentation's", b"_5#y2L\"F4Q8z\n\xec]/"),
    ];
    for (name, text) in cases {
        assert_file_refused(name, |path| write(path, text), "key");
    }
}

/// Larger than the memory that the program gets: never read whole.
#[test]
fn huge_file_is_refused() {
    let (state, empty) = (StateDir::new(), StateDir::new());
    let path = state.path().join("secret_key");
    write(&path, GOOD);
    fs::File::options()
        .append(true)
        .open(&path)
        .and_then(|file| file.set_len(1 << 33))
        .expect("8 GiB");
    // The directory watched for changes is another one: hashing takes long.
    let request = |target: &str| {
        page(target)
            .state(&empty)
            .var("SIGNET_STATE_DIR", state.path())
            .address_space(64 << 20)
    };
    assert_refused("8 GiB", request, "secret_key", "secret_key");
}

/// The file that a setting names is not made: a typing error would otherwise
/// log everybody out for good.
#[test]
fn missing_key_file_is_not_made() {
    let state = StateDir::new();
    for path in [
        state.path().join("missing"),
        "secret_key".into(),
        "/".into(),
    ] {
        let request = |target: &str| {
            page(target)
                .var("SIGNET_STATE_DIR", state.path())
                .var("SIGNET_SECRET_KEY_FILE", &path)
        };
        assert_refused(&path.display().to_string(), request, "", "signet: ");
        assert_eq!(state.snapshot().names(), Vec::<&Path>::new());
    }
}
