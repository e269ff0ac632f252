//! Spellings of a path, with which visitors try to get other files or to evade a rule.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::fs::{AtFlags, statat};
use signet::guard::tree::{Found, GuardedPath, OpenBy, Served};

use super::{OPEN_BY, Seen, Site, file, see};

fn site() -> Site {
    let site = Site::new();
    site.write("secret.txt", "secret");
    site.write("folder/file", "file");
    site.write("run.php", "<?php");
    site.write("run.php.txt", "<?php");
    site.write("page.phtml", "<?php");
    site.write("run.cgi", "#!/bin/sh");
    site.write(".htaccess", "Require all denied");
    site.write(".git/config", "[core]");
    site.write("folder/.htpasswd", "ada:x");
    site.write("example.pl/index.html", "Poland");
    fs::write(site.outside.join("outside"), "outside").expect("write a file");
    symlink("run.php", site.guarded.join("shown.txt")).expect("symlink");
    symlink("secret.txt", site.guarded.join("plain.php")).expect("symlink");
    site
}

#[test]
fn other_spellings_of_a_path_look_like_a_missing_file() {
    let spellings = [
        "/../guarded/secret.txt",
        "/../outside/outside",
        "/folder/../secret.txt",
        "/./secret.txt",
        "//secret.txt",
        "/folder//file",
        "/%2e%2e/outside/outside",
        "/%252e%252e/outside/outside",
        "/..%2foutside/outside",
        "/folder/..%2f..%2foutside%2foutside",
        "/folder%2ffile",
        "/folder%5cfile",
        "/folder\\..\\secret.txt",
        "/..;/outside/outside",
        "/%c0%ae%c0%ae/outside/outside",
        "/%c0%ae%c0%ae%c0%afoutside%c0%afoutside",
        "/folder%c0%affile",
        "/secret.txt/",
        "/secret.txt/x",
        "/secret.txt%00",
        "/secret.txt%00.html",
        "/secret.txt;",
        "/secret.txt;x=1",
        "/secret.txt.",
        "/secret.txt%20",
        "/secret.txt%0a",
        "/%20secret.txt",
        "/secret.txt::$DATA",
        "/SECRET.TXT",
        "/Folder/file",
        "/SECRET~1.TXT",
        "/.htaccess",
        "/%2ehtaccess",
        "/.git/config",
        "/.git/",
        "/folder/.htpasswd",
        "/missing",
        "/missing/",
        "/missing/missing",
        "/folder/file/../../secret.txt",
    ];
    let site = site();
    for open_by in OPEN_BY {
        for served in [Served::BySite, Served::ByNobodyElse] {
            let folder = site.open(served, open_by);
            for raw in spellings {
                assert_eq!(see(&folder, raw), Seen::Absent, "{open_by:?}: {raw}");
            }
            let long = "a".repeat(256);
            assert_eq!(see(&folder, format!("/{long}")), Seen::Absent);
            // Encoded letters are the same path: RFC 3986, 6.2.2.2.
            assert_eq!(see(&folder, "/%73ecret%2Etxt"), file("secret"));
            assert_eq!(see(&folder, "/folder/file"), file("file"));
            assert_eq!(see(&folder, "/folder"), Seen::Folder);
            assert_eq!(see(&folder, "/folder/"), Seen::Folder);
            assert_eq!(see(&folder, "/"), Seen::Folder);
            assert_eq!(see(&folder, ""), Seen::Folder);
        }
    }
}

#[test]
fn sources_that_the_web_server_would_execute_are_not_shown_in_a_folder_of_the_site() {
    let site = site();
    let hidden = [
        "/run.php",
        "/run.php.txt",
        "/page.phtml",
        "/run.cgi",
        "/shown.txt",
        "/plain.php",
    ];
    for open_by in OPEN_BY {
        let folder = site.open(Served::BySite, open_by);
        for raw in hidden {
            assert_eq!(see(&folder, raw), Seen::Absent, "{raw}");
        }
        // Only files are executed.
        assert_eq!(see(&folder, "/example.pl/index.html"), file("Poland"));

        let folder = site.open(Served::ByNobodyElse, open_by);
        assert_eq!(see(&folder, "/run.php"), file("<?php"));
        assert_eq!(see(&folder, "/run.cgi"), file("#!/bin/sh"));
        assert_eq!(see(&folder, "/shown.txt"), file("<?php"));
    }
}

/// A file system may find a file by other spellings of its name, so other names in the
/// folder must not be taken for such.
#[test]
fn names_that_differ_in_case_only_are_different_files() {
    let site = Site::new();
    for name in [
        "readme", "README", "Readme", "1", "1.", "é", "e\u{301}", "É",
    ] {
        site.write(name, name);
    }
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        for name in [
            "readme", "README", "Readme", "1", "1.", "é", "e\u{301}", "É",
        ] {
            assert_eq!(see(&folder, format!("/{name}")), file(name));
        }
        for name in ["/rEADME", "/1..", "/E%cc%81"] {
            assert_eq!(see(&folder, name), Seen::Absent, "{name}");
        }
    }
}

#[test]
fn the_folders_on_the_way_are_open() {
    let site = site();
    site.write("a/b/c/file", "deep");
    symlink("../a/b", site.guarded.join("folder/link")).expect("symlink");
    let folder = site.open(Served::ByNobodyElse, OpenBy::Openat2);
    let names = |raw: &[u8]| {
        let path = GuardedPath::parse(raw).expect("a path");
        let (folders, path) = match folder.find(&path).expect("no fault") {
            Found::File(file) => (file.folders, Some(file.real_path)),
            Found::Folder(folder) => (folder.folders, None),
            found => panic!("{found:?}"),
        };
        for folder in &folders {
            statat(folder, c".", AtFlags::empty()).expect("an open folder");
        }
        let names: Vec<Vec<u8>> = folders.iter().map(|at| at.name().to_vec()).collect();
        (names, path)
    };
    let real = site
        .guarded
        .canonicalize()
        .expect("a path")
        .join("a/b/c/file");
    let folders: [&[u8]; 4] = [b"", b"a", b"b", b"c"];
    assert_eq!(
        names(b"/a/b/c/file"),
        (folders.map(<[u8]>::to_vec).into(), Some(real.clone()))
    );
    // The folders where it is, not where the link is.
    assert_eq!(
        names(b"/folder/link/c/file"),
        (folders.map(<[u8]>::to_vec).into(), Some(real))
    );
    assert_eq!(names(b"/a/").0, [b"".to_vec(), b"a".to_vec()]);
    assert_eq!(names(b"/").0, [b"".to_vec()]);
}

/// A file system where other spellings of a name lead to the same file, as FAT, NTFS and
/// SMB do. This one lists all names in lower case.
struct Folding {
    site: Site,
}

impl Folding {
    fn new() -> Self {
        let site = Site::new();
        let image = site.outside.join("image");
        let made = fs::File::create(&image).and_then(|image| image.set_len(8 << 20));
        made.expect("make a file");
        let run = |program: &str, arguments: &[&str], path: Option<&Path>| {
            let mut command = Command::new(program);
            let out = command.args(arguments).arg(&image).args(path).output();
            let out = out.unwrap_or_else(|err| panic!("{program}: {err}"));
            assert!(out.status.success(), "{program}: {out:?}");
        };
        run("mkntfs", &["-F", "-Q", "-q"], None);
        let options = ["-o", "ignore_case,umask=022"];
        run("lowntfs-3g", &options, Some(&site.guarded));
        Self { site }
    }
}

impl Drop for Folding {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(&self.site.guarded)
            .status();
    }
}

#[test]
#[ignore = "needs ntfs-3g and root: run tests/run"]
fn a_name_that_the_file_system_spells_otherwise_looks_like_a_missing_file() {
    let folding = Folding::new();
    let site = &folding.site;
    for name in ["folder/secret.txt", "folder/größe.txt", "folder/12"] {
        site.write(name, name);
    }
    symlink("secret.txt", site.guarded.join("folder/link")).expect("symlink");
    symlink("Secret.txt", site.guarded.join("folder/inexact")).expect("symlink");
    for open_by in OPEN_BY {
        let folder = site.open(Served::ByNobodyElse, open_by);
        for name in ["folder/secret.txt", "folder/größe.txt", "folder/12"] {
            assert_eq!(see(&folder, format!("/{name}")), file(name));
        }
        assert_eq!(see(&folder, "/folder/link"), file("folder/secret.txt"));
        let spellings = [
            "folder/SECRET.TXT",
            "folder/Secret.txt",
            "Folder/secret.txt",
            "FOLDER/SECRET.TXT",
            "folder/GRöße.txt",
            "folder/grÖße.txt",
            "folder/inexact",
        ];
        for name in spellings {
            // The file system finds it.
            let text = fs::read(site.guarded.join(name));
            text.unwrap_or_else(|err| panic!("{name}: {err}"));
            assert_eq!(see(&folder, format!("/{name}")), Seen::Absent, "{name}");
        }
    }
}
