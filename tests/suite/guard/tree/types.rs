//! Devices, pipes, sockets and the program's own files look like missing files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use signet::guard::tree::Served;

use super::{OPEN_BY, Seen, Site, file, listed, see};

#[test]
fn pipes_and_sockets_look_like_missing_files() {
    let site = Site::new();
    site.write("file", "text");
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, site.guarded.join("pipe"), FileType::Fifo, mode, 0).expect("mkfifo");
    // A path for a socket is short.
    let name = site.guarded.join("socket");
    let _socket = std::env::set_current_dir("/")
        .and_then(|()| UnixListener::bind(&name))
        .expect("a socket");
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        let start = Instant::now();
        for raw in ["/pipe", "/socket", "/pipe/", "/pipe/x", "/socket/x"] {
            assert_eq!(see(&folder, raw), Seen::Absent, "{raw}");
        }
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(see(&folder, "/file"), file("text"));
        assert_eq!(listed(&folder, "/"), [b"file"]);
    }
}

#[test]
#[ignore = "needs root: run tests/run"]
fn devices_look_like_missing_files() {
    let site = Site::new();
    let mode = Mode::RUSR | Mode::WUSR;
    let devices = [
        ("null", FileType::CharacterDevice, makedev(1, 3)),
        ("zero", FileType::CharacterDevice, makedev(1, 5)),
        ("tty", FileType::CharacterDevice, makedev(5, 0)),
        ("disk", FileType::BlockDevice, makedev(7, 0)),
    ];
    for (name, kind, device) in devices {
        mknodat(CWD, site.guarded.join(name), kind, mode, device).expect("mknod");
    }
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        for (name, ..) in devices {
            assert_eq!(see(&folder, format!("/{name}")), Seen::Absent, "{name}");
        }
        assert!(listed(&folder, "/").is_empty());
    }
}

/// Whoever can write a folder could make a name in it for a file elsewhere that only the
/// program can read (without `fs.protected_hardlinks`).
#[test]
fn hard_links_are_shown_unless_others_could_have_made_them() {
    let site = Site::new();
    fs::write(site.outside.join("file"), "outside").expect("write a file");
    for name in ["own", "shared"] {
        site.write(format!("{name}/file"), "inside");
        let link = site.guarded.join(name).join("link");
        fs::hard_link(site.outside.join("file"), link).expect("link");
    }
    let shared = site.guarded.join("shared");
    fs::set_permissions(shared, fs::Permissions::from_mode(0o777)).expect("chmod");
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        assert_eq!(see(&folder, "/own/link"), file("outside"));
        assert_eq!(see(&folder, "/shared/link"), Seen::Absent);
        assert_eq!(see(&folder, "/shared/file"), file("inside"));
        assert_eq!(listed(&folder, "/own/"), [&b"file"[..], b"link"]);
        assert_eq!(listed(&folder, "/shared/"), [b"file"]);
    }
}

#[test]
#[ignore = "needs root: run tests/run"]
fn hard_links_in_a_folder_of_another_user_are_not_shown() {
    let site = Site::new();
    fs::write(site.outside.join("file"), "outside").expect("write a file");
    site.write("other/file", "inside");
    let other = site.guarded.join("other");
    fs::hard_link(site.outside.join("file"), other.join("link")).expect("link");
    chown(other, Some(61_235), Some(61_235)).expect("chown");
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        assert_eq!(see(&folder, "/other/link"), Seen::Absent);
        assert_eq!(see(&folder, "/other/file"), file("inside"));
    }
}

#[test]
fn hidden_files_look_like_missing_files_by_all_of_their_names() {
    let site = Site::new();
    for name in ["state/secret_key", "state/sessions/1", "users", "shown"] {
        site.write(name, "text");
    }
    let users = site.guarded.join("users");
    fs::hard_link(&users, site.guarded.join("second")).expect("link");
    symlink("users", site.guarded.join("link")).expect("symlink");
    symlink("state", site.guarded.join("folder")).expect("symlink");
    symlink(&users, site.outside.join("configured")).expect("symlink");
    for open_by in OPEN_BY {
        let folder = site
            .open(Served::ByNobodyElse, open_by)
            .hide(&site.guarded.join("state"))
            .hide(&site.outside.join("configured"))
            .hide(&site.guarded.join("missing"));
        let hidden = [
            "/state",
            "/state/",
            "/state/secret_key",
            "/state/sessions/1",
            "/folder/secret_key",
            "/users",
            "/second",
            "/link",
        ];
        for raw in hidden {
            assert_eq!(see(&folder, raw), Seen::Absent, "{raw}");
        }
        assert_eq!(listed(&folder, "/"), [b"shown"]);

        // Others take their places meanwhile.
        site.write("new", "text");
        fs::rename(site.guarded.join("new"), &users).expect("rename");
        site.write("missing", "text");
        for raw in ["/users", "/link", "/missing"] {
            assert_eq!(see(&folder, raw), Seen::Absent, "{raw}");
        }
        site.write("other/users", "text");
        assert_eq!(see(&folder, "/other/users"), file("text"));
        for name in ["missing", "other/users"] {
            fs::remove_file(site.guarded.join(name)).expect("remove");
        }
        fs::remove_dir(site.guarded.join("other")).expect("remove");
        fs::remove_file(site.guarded.join("second")).expect("remove");
        fs::hard_link(&users, site.guarded.join("second")).expect("link");
    }
}
