//! Where the users file may be, who may own it, and what a change keeps.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};

use super::{HASH, OTHER, done, failed, signet};
use crate::live::site::{Site, User};
use crate::support::{StateDir, tested_program};

pub(super) const ALICE: User = User {
    uid: 61_234,
    gid: 61_234,
};
pub(super) const MALLORY: User = User {
    uid: 61_235,
    gid: 61_235,
};
pub(super) const ROOT: User = User { uid: 0, gid: 0 };

fn named(state: &StateDir, users: &Path, arguments: &[&str]) -> Output {
    Command::new(tested_program())
        .args(arguments)
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .env("SIGNET_USERS_FILE", users)
        .stdin(Stdio::null())
        .output()
        .expect("run signet")
}

#[test]
fn a_setting_names_the_file() {
    let (state, folder) = (StateDir::new(), StateDir::new());
    state.write("users", format!("default:{HASH}\n"), 0o600);
    let path = folder.write("passwd", format!("named:{HASH}\n"), 0o644);
    assert!(done(&signet(&state, &["user", "list"], b"")).starts_with("default "));
    assert!(done(&named(&state, &path, &["user", "list"])).starts_with("named "));
    // It is the only one, also if it does not exist.
    let missing = folder.path().join("missing");
    let said = failed(&named(&state, &missing, &["user", "list"]));
    assert!(said.contains("missing does not exist"), "{said}");
    let said = failed(&named(
        &state,
        &folder.path().join("no/users"),
        &["user", "list"],
    ));
    assert!(
        said.contains("USERS_FILE") && said.contains("does not exist"),
        "{said}"
    );
    // In the file of settings, too.
    state.write("signet.toml", format!("USERS_FILE = {path:?}\n"), 0o600);
    assert!(done(&signet(&state, &["user", "list"], b"")).starts_with("named "));
}

/// Panels name the folders of users files as those that they protect.
#[test]
fn a_file_in_a_served_folder_is_refused() {
    let (state, folder) = (StateDir::new(), StateDir::new());
    for (name, is_good) in [
        ("public_html/users", false),
        ("htdocs/private/.htpasswd", false),
        (".htpasswds/public_html/private/passwd", true),
        ("domains/example.org/.htpasswd/public_html/.htpasswd", true),
        ("public_html/.htpasswds/passwd", false),
    ] {
        let path = folder.write(name, format!("ada:{HASH}\n"), 0o644);
        let output = named(&state, &path, &["user", "list"]);
        match is_good {
            true => assert!(done(&output).starts_with("ada "), "{name}"),
            false => assert!(failed(&output).contains("web server serves"), "{name}"),
        }
    }
}

#[test]
fn a_symbolic_link_leads_to_the_file_that_is_changed() {
    let (state, folder) = (StateDir::new(), StateDir::new());
    let path = folder.write("passwd", format!("ada:{HASH}\nbob:{OTHER}\n"), 0o644);
    let link = state.path().join("users");
    symlink(&path, &link).expect("make a link");
    done(&signet(&state, &["user", "remove", "ada"], b""));
    let other = folder.path().join("link");
    symlink("passwd", &other).expect("make a link");
    done(&named(&state, &other, &["user", "list"]));
    assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    assert_eq!(
        fs::read_to_string(&path).expect("it"),
        format!("bob:{OTHER}\n")
    );
    assert_eq!(
        folder.snapshot().names().len(),
        2,
        "nothing else was written"
    );
    // A link to nothing is not an absent file.
    fs::remove_file(&path).expect("remove it");
    let said = failed(&signet(&state, &["user", "list"], b""));
    assert!(!said.contains("creates it"), "{said}");
}

/// None of them is an absent file, and none makes the command wait.
#[test]
fn what_is_no_users_file_is_refused() {
    type Make = fn(&Path);
    let make: [(&str, Make, &str); 5] = [
        (
            "a folder",
            |path| fs::create_dir(path).expect("mkdir"),
            "not a regular file",
        ),
        (
            "a pipe",
            |path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("mkfifo"),
            "not a regular file",
        ),
        (
            "too large",
            |path| {
                fs::File::create(path)
                    .expect("make")
                    .set_len((16 << 20) + 1)
                    .expect("grow")
            },
            "larger than 16777216 bytes",
        ),
        (
            "a loop",
            |path| symlink("users", path).expect("link"),
            "users",
        ),
        (
            "others can write it",
            |path| {
                fs::write(path, "").expect("write");
                fs::set_permissions(path, Permissions::from_mode(0o602)).expect("chmod");
            },
            "written by other users",
        ),
    ];
    for (name, make, words) in make {
        let state = StateDir::new();
        make(&state.path().join("users"));
        for command in [
            &["user", "list"][..],
            &["user", "remove", "ada"],
            &["user", "add", "ada", "--stdin"],
        ] {
            let said = failed(&signet(&state, command, b"password"));
            assert!(said.contains(words), "{name}: {command:?}: {said}");
        }
    }
    // Exactly as large as allowed: nothing can be added.
    let state = StateDir::new();
    let text = "#\n".repeat(8 << 20);
    let path = state.write("users", &text, 0o600);
    done(&signet(&state, &["user", "list"], b""));
    let add = ["user", "add", "ada", "--stdin"];
    let said = failed(&signet(&state, &add, b"a good password"));
    assert!(said.contains("larger than 16777216 bytes"), "{said}");
    assert!(fs::read(path).expect("users") == text.as_bytes());
}

#[test]
fn a_change_keeps_the_mode() {
    for mode in [0o600, 0o640, 0o644, 0o444 | 0o200] {
        let state = StateDir::new();
        let path = state.write("users", format!("ada:{HASH}\nbob:{OTHER}\n"), mode);
        done(&signet(&state, &["user", "remove", "ada"], b""));
        let meta = fs::metadata(path).expect("users");
        assert_eq!(meta.mode() & 0o7777, mode);
    }
}

/// `signet` as this user, whose folder it is.
fn run_as(user: User, site: &Site, arguments: &[&str]) -> Output {
    Command::new("setpriv")
        .args([
            format!("--reuid={}", user.uid),
            format!("--regid={}", user.gid),
        ])
        .arg("--clear-groups")
        .arg(site.path().join("signet"))
        .args(arguments)
        .env_clear()
        .env("SIGNET_STATE_DIR", site.path().join("state"))
        .env("SIGNET_USERS_FILE", site.path().join("users/passwd"))
        .stdin(Stdio::null())
        .output()
        .expect("start setpriv")
}

/// The site of `user`, with a users file by the owners of its folder and itself.
pub(super) fn site(user: User, folder: User, file: User, mode: u32) -> Site {
    let site = Site::new();
    site.program("signet", ROOT);
    site.folder("state", user, 0o700);
    site.folder("users", folder, 0o755);
    site.file(
        "users/passwd",
        format!("ada:{HASH}\nbob:{OTHER}\n"),
        file,
        mode,
    );
    site
}

#[test]
#[ignore = "needs root: run tests/run"]
fn who_can_change_the_file_is_said() {
    let group = User {
        uid: ALICE.uid,
        gid: 33,
    };
    #[rustfmt::skip]
    let cases = [
        // name                    folder   file     mode   words
        ("root's",                 ROOT,    ROOT,    0o644, Some("root can")),
        ("root's in alice's",      ALICE,   ROOT,    0o644, Some("root can")),
        ("alice's in root's",      ROOT,    ALICE,   0o644, Some("root can")),
        ("read-only",              ALICE,   ALICE,   0o444, Some("chmod u+w")),
        ("a group she is not in",  ALICE,   group,   0o640, Some("root can")),
        ("a group without rights", ALICE,   group,   0o600, None),
        ("mallory's",              ALICE,   MALLORY, 0o644, Some("belongs to another user")),
        ("alice's",                ALICE,   ALICE,   0o640, None),
    ];
    for (name, folder, file, mode, words) in cases {
        let site = site(ALICE, folder, file, mode);
        let path = site.path().join("users/passwd");
        let before = fs::read(&path).expect("read it");
        let output = run_as(ALICE, &site, &["user", "remove", "ada"]);
        let Some(words) = words else {
            done(&output);
            let meta = fs::metadata(&path).expect("it");
            assert_eq!(
                (meta.uid(), meta.mode() & 0o7777),
                (file.uid, mode),
                "{name}"
            );
            continue;
        };
        let said = failed(&output);
        assert!(
            said.contains(words) && said.contains("passwd"),
            "{name}: {said}"
        );
        assert_eq!(fs::read(&path).expect("read it"), before, "{name}");
        assert_eq!(
            fs::read_dir(site.path().join("users")).expect("it").count(),
            1,
            "{name}"
        );
    }
}

/// Version 2: owner rw, user 33 r, group r, mask r, others none (acl(5)).
fn access_list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] = [
        (1, 6, u32::MAX),
        (2, 4, 33),
        (4, 4, u32::MAX),
        (16, 4, u32::MAX),
        (32, 0, u32::MAX),
    ];
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

/// Apache reads the file by its group.
#[test]
#[ignore = "needs root: run tests/run"]
fn root_keeps_owner_group_and_access_list() {
    let group = User { uid: 0, gid: 33 };
    let site = site(ROOT, ROOT, group, 0o640);
    let path = site.path().join("users/passwd");
    let list = access_list();
    let has_lists = setxattr(&path, "system.posix_acl_access", &list, XattrFlags::empty()).is_ok();
    done(&run_as(ROOT, &site, &["user", "remove", "ada"]));
    let meta = fs::metadata(&path).expect("it");
    assert_eq!(
        (meta.uid(), meta.gid(), meta.mode() & 0o7777),
        (0, 33, 0o640)
    );
    let mut kept = [0; 256];
    let length = rustix::fs::getxattr(&path, "system.posix_acl_access", &mut kept[..]);
    assert_eq!(length.is_ok(), has_lists);
    if let Ok(length) = length {
        assert_eq!(kept[..length], list);
    }
}

/// The folder gives new files an access list, by which another user may read them.
#[test]
#[ignore = "needs root: run tests/run"]
fn a_file_without_an_access_list_gets_none() {
    let group = User { uid: 0, gid: 33 };
    let site = site(ROOT, ROOT, group, 0o640);
    let path = site.path().join("users/passwd");
    let list = access_list();
    let folder = path.parent().expect("a folder");
    let has_lists = setxattr(
        folder,
        "system.posix_acl_default",
        &list,
        XattrFlags::empty(),
    )
    .is_ok();
    let probe = folder.join("probe");
    fs::write(&probe, "").expect("a file");
    let mut kept = [0; 256];
    let inherits = rustix::fs::getxattr(&probe, "system.posix_acl_access", &mut kept[..]).is_ok();
    assert_eq!(inherits, has_lists);
    done(&run_as(ROOT, &site, &["user", "remove", "ada"]));
    let length = rustix::fs::getxattr(&path, "system.posix_acl_access", &mut kept[..]);
    assert!(length.is_err(), "{:?}", &kept[..]);
    assert_eq!(fs::metadata(&path).expect("it").mode() & 0o7777, 0o640);
}
