//! Symbolic links: followed inside the folder, and if a trusted user owns them.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use signet::guard::tree::Served;

use super::{OPEN_BY, Seen, Site, file, listed, see};

fn site() -> Site {
    let site = Site::new();
    site.write("file", "inside");
    site.write("a/b/file", "deep");
    site.write(".hidden", "hidden");
    site.write(".folder/file", "hidden");
    fs::write(site.outside.join("file"), "outside").expect("write a file");
    // A folder whose path begins like that of the guarded one.
    let beside = site.guarded.with_file_name("guarded2");
    fs::create_dir(&beside).expect("mkdir");
    fs::write(beside.join("file"), "outside").expect("write a file");
    site
}

#[test]
fn links_are_followed_inside_the_folder_only() {
    let site = site();
    let guarded = site.guarded.canonicalize().expect("a path");
    let guarded = guarded.to_str().expect("UTF-8");
    let outside = site.outside.to_str().expect("UTF-8");
    #[rustfmt::skip]
    let links = [
        // name             target                              below  seen
        ("same",            "file".into(),                      "",     file("inside")),
        ("folder",          "a/b".into(),                       "/file", file("deep")),
        ("slash",           "a/b/".into(),                      "/file", file("deep")),
        ("a/up",            "../file".into(),                   "",     file("inside")),
        ("a/b/up",          "../../file".into(),                "",     file("inside")),
        ("round",           "a/b/../../a/./b//file".into(),     "",     file("deep")),
        ("absolute",        format!("{guarded}/a/b/file"),      "",     file("deep")),
        ("root",            guarded.to_owned(),                 "/file", file("inside")),
        ("twice",           "folder/file".into(),               "",     file("deep")),
        ("here",            ".".into(),                         "/file", file("inside")),

        ("file-slash",      "file/".into(),                     "",     Seen::Absent),
        ("file-dot",        "file/.".into(),                    "",     Seen::Absent),
        ("out",             "../outside/file".into(),           "",     Seen::Absent),
        ("out-folder",      "../outside".into(),                "/file", Seen::Absent),
        ("out-in",          "../guarded/file".into(),           "",     Seen::Absent),
        ("a/out",           "../../outside/file".into(),        "",     Seen::Absent),
        ("a/b/far",         "../../../../../../../../../../../../etc/passwd".into(), "", Seen::Absent),
        ("absolute-out",    format!("{outside}/file"),          "",     Seen::Absent),
        ("etc",             "/etc/passwd".into(),               "",     Seen::Absent),
        ("all",             "/".into(),                         "/etc/passwd", Seen::Absent),
        ("beside",          format!("{guarded}2/file"),         "",     Seen::Absent),
        ("absolute-up",     format!("{guarded}/../outside/file"), "",   Seen::Absent),
        ("proc",            "/proc/self/cwd/Cargo.toml".into(), "",     Seen::Absent),
        ("proc-root",       "/proc/self/root".into(),           "/etc/passwd", Seen::Absent),
        ("hidden",          ".hidden".into(),                   "",     Seen::Absent),
        ("hidden-folder",   ".folder/file".into(),              "",     Seen::Absent),
        ("dangling",        "missing".into(),                   "",     Seen::Absent),
        ("itself",          "itself".into(),                    "",     Seen::Absent),
        ("loop1",           "loop2".into(),                     "",     Seen::Absent),
        ("loop2",           "loop1/x".into(),                   "",     Seen::Absent),
    ];
    for (name, target, ..) in &links {
        symlink(target, site.guarded.join(name)).expect("symlink");
    }
    for open_by in OPEN_BY {
        for served in [Served::ByNobodyElse, Served::BySite] {
            let folder = site.open(served, open_by);
            for (name, _, below, seen) in &links {
                assert_eq!(
                    see(&folder, format!("/{name}{below}")),
                    *seen,
                    "{open_by:?}: {name}"
                );
                if below.is_empty() && *seen != Seen::Absent {
                    assert_eq!(see(&folder, format!("/{name}/")), Seen::Absent, "{name}");
                }
            }
            let shown: Vec<&[u8]> = vec![
                b"a",
                b"absolute",
                b"file",
                b"folder",
                b"here",
                b"root",
                b"round",
                b"same",
                b"slash",
                b"twice",
            ];
            assert_eq!(listed(&folder, "/"), shown);
            assert_eq!(listed(&folder, "/a/"), [&b"b"[..], b"up"]);
        }
    }
}

/// As in the kernel: path_resolution(7).
#[test]
fn forty_links_are_followed_in_one_path() {
    let site = site();
    symlink("file", site.guarded.join("1")).expect("symlink");
    for number in 2..=41 {
        let target = (number - 1).to_string();
        symlink(target, site.guarded.join(number.to_string())).expect("symlink");
    }
    // 2^50 steps, if each could be followed.
    fs::create_dir(site.guarded.join("bomb0")).expect("mkdir");
    for number in 1..=50 {
        let before = number - 1;
        let target = format!("bomb{before}/../bomb{before}");
        symlink(target, site.guarded.join(format!("bomb{number}"))).expect("symlink");
    }
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        assert_eq!(see(&folder, "/40"), file("inside"));
        assert_eq!(see(&folder, "/41"), Seen::Absent);
        assert_eq!(see(&folder, "/bomb4"), Seen::Folder);
        assert_eq!(see(&folder, "/bomb50"), Seen::Absent);
    }
}

#[test]
#[ignore = "needs root: run tests/run"]
fn links_of_others_are_not_followed() {
    let site = site();
    for (name, owner) in [("root", 0), ("other", 61_235)] {
        for (kind, target) in [("file", "file"), ("folder", "a")] {
            let link = site.guarded.join(format!("{name}-{kind}"));
            symlink(target, &link).expect("symlink");
            lchown(&link, Some(owner), Some(owner)).expect("lchown");
        }
    }
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        assert_eq!(see(&folder, "/root-file"), file("inside"));
        assert_eq!(see(&folder, "/root-folder/b/file"), file("deep"));
        assert_eq!(see(&folder, "/other-file"), Seen::Absent);
        assert_eq!(see(&folder, "/other-folder/b/file"), Seen::Absent);
        assert_eq!(see(&folder, "/other-folder/"), Seen::Absent);
        let shown: [&[u8]; 4] = [b"a", b"file", b"root-file", b"root-folder"];
        assert_eq!(listed(&folder, "/"), shown);
    }
}
