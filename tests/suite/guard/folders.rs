//! Files `.signet-users` in folders: which one decides, and which let nobody in.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::geteuid;
use signet::config::AccessRules;
use signet::files::FileProblem;
use signet::guard::access::{Access, Refusal};
use signet::guard::groups::Groups;
use signet::guard::tree::{FolderFd, Found, GuardedFolder, GuardedPath, Served};

use crate::live::site::set_mode;
use crate::support::StateDir;

const USERS: [&str; 5] = ["ada", "bob", "carol", "dave", "eve"];

/// The folders on the way to a path below `root`.
fn folders(root: &Path, path: &str) -> Vec<FolderFd> {
    let euid = geteuid().as_raw();
    let tree = GuardedFolder::open(root, euid, Served::ByNobodyElse).expect("a trusted folder");
    let parsed = GuardedPath::parse(path.as_bytes()).expect(path);
    match tree.find(&parsed).expect(path) {
        Found::File(file) => file.folders,
        Found::Folder(folder) => folder.folders,
        other @ (Found::Unreadable(_) | Found::Absent) => panic!("{path}: {other:?}"),
    }
}

/// Why a user may not open a path below `root` by the files in its folders.
fn refusal(root: &Path, path: &str, user: &str) -> Option<Refusal> {
    let folders = folders(root, path);
    let rules = AccessRules::default();
    let groups = Groups::parse(b"staff: bob carol\nguests: dave\n");
    let access = Access::new(&rules, groups, geteuid().as_raw());
    access.refusal(user, &[], &folders).expect(path)
}

/// The users who may open a path.
fn allowed(root: &Path, path: &str) -> String {
    let may = |user: &&str| refusal(root, path, user).is_none();
    USERS.into_iter().filter(may).collect::<Vec<_>>().join(" ")
}

/// Why the file that decides cannot be used.
fn problem(root: &Path, path: &str) -> FileProblem {
    match refusal(root, path, "ada") {
        Some(Refusal::Unusable(err)) => err.problem,
        other => panic!("{path}: {other:?}"),
    }
}

/// A guarded folder with files, each with its text.
fn tree(files: &[(&str, &str)]) -> StateDir {
    let state = StateDir::new();
    for (name, text) in files {
        let path = state.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("make it");
        fs::write(&path, text).expect("write it");
        set_mode(&path, 0o644);
    }
    state
}

#[test]
fn the_nearest_file_decides() {
    let state = tree(&[
        ("a.txt", ""),
        ("open/a.txt", ""),
        ("board/.signet-users", "ada\n@staff\n"),
        ("board/a.txt", ""),
        ("board/sub/a.txt", ""),
        ("board/guests/.signet-users", "@guests\n"),
        ("board/guests/a.txt", ""),
        ("board/guests/sub/a.txt", ""),
        ("nobody/.signet-users", "# nobody\n"),
        ("nobody/a.txt", ""),
        ("nobody/again/.signet-users", "eve\n"),
        ("nobody/again/a.txt", ""),
        ("unknown/.signet-users", "@unknown\nstaff\n"),
        ("unknown/a.txt", ""),
    ]);
    let link = |target: &str, name: &str| symlink(target, state.path().join(name)).expect(name);
    link("../nobody/a.txt", "open/link.txt");
    link("../board", "open/board");
    link("../a.txt", "nobody/link.txt");
    let all = USERS.join(" ");
    #[rustfmt::skip]
    let cases = [
        ("/",                      &*all),
        ("/a.txt",                 &*all),
        ("/open/",                 &*all),
        ("/open/a.txt",            &*all),
        ("/board/",                "ada bob carol"),
        ("/board",                 "ada bob carol"),
        ("/board/a.txt",           "ada bob carol"),
        ("/board/sub/",            "ada bob carol"),
        ("/board/sub/a.txt",       "ada bob carol"),
        ("/board/guests/",         "dave"),
        ("/board/guests/a.txt",    "dave"),
        ("/board/guests/sub/a.txt", "dave"),
        ("/nobody/",               ""),
        ("/nobody/a.txt",          ""),
        ("/nobody/again/a.txt",    "eve"),
        ("/unknown/a.txt",         ""),
        // The folder with the file counts, not that with the symbolic link.
        ("/open/link.txt",         ""),
        ("/open/board/a.txt",      "ada bob carol"),
        ("/nobody/link.txt",       &*all),
    ];
    for (path, want) in cases {
        assert_eq!(allowed(state.path(), path), want, "{path}");
    }
}

#[test]
fn a_file_in_the_guarded_folder_is_for_everything() {
    let state = tree(&[
        (".signet-users", "ada\n"),
        ("a.txt", ""),
        ("sub/a.txt", ""),
        ("bobs/.signet-users", "bob\n"),
        ("bobs/a.txt", ""),
    ]);
    for (path, want) in [
        ("/", "ada"),
        ("/a.txt", "ada"),
        ("/sub/a.txt", "ada"),
        ("/bobs/a.txt", "bob"),
    ] {
        assert_eq!(allowed(state.path(), path), want, "{path}");
    }
}

/// The file of the folder above, which lets everybody in, does not count then.
#[test]
fn a_file_that_is_not_trusted_or_damaged_cannot_be_used() {
    let names = USERS.join("\n");
    let large = |length: usize| format!("{names}\n{}", "#".repeat(length - names.len() - 1));
    let state = tree(&[
        (".signet-users", &names),
        ("target", &names),
        ("large/.signet-users", &large(64 * 1024 + 1)),
        ("largest/.signet-users", &large(64 * 1024)),
        ("writable/.signet-users", &names),
        ("damaged/.signet-users", "ada\n\u{7}"),
        ("utf16/.signet-users", "a\0d\0a\0"),
        ("link/a.txt", ""),
        ("dangling/a.txt", ""),
        ("folder/.signet-users/a.txt", ""),
        ("pipe/a.txt", ""),
    ]);
    let path = |name: &str| state.path().join(name);
    set_mode(&path("writable/.signet-users"), 0o666);
    symlink("../target", path("link/.signet-users")).expect("a link");
    symlink("nothing", path("dangling/.signet-users")).expect("a link");
    mkfifoat(CWD, path("pipe/.signet-users"), Mode::RUSR | Mode::WUSR).expect("a pipe");
    assert_eq!(allowed(state.path(), "/largest/"), USERS.join(" "));
    #[rustfmt::skip]
    let cases = [
        ("large",    FileProblem::TooLarge(64 * 1024)),
        ("writable", FileProblem::Writable { mode: 0o666, wanted: 0o644 }),
        ("damaged",  FileProblem::Damaged("has a line that is no name")),
        ("utf16",    FileProblem::Damaged("is not UTF-8: save the file as UTF-8")),
        ("link",     FileProblem::Link),
        ("dangling", FileProblem::Link),
        ("folder",   FileProblem::NotAFile),
        ("pipe",     FileProblem::NotAFile),
    ];
    for (folder, want) in cases {
        assert_eq!(
            problem(state.path(), &format!("/{folder}/")),
            want,
            "{folder}"
        );
    }
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_file_of_another_user_cannot_be_used() {
    let state = tree(&[("board/.signet-users", "ada\n"), ("board/a.txt", "")]);
    assert_eq!(allowed(state.path(), "/board/a.txt"), "ada");
    chown(state.path().join("board/.signet-users"), Some(65_534), None).expect("root");
    let want = FileProblem::Owner {
        owner: 65_534,
        euid: geteuid().as_raw(),
    };
    assert_eq!(problem(state.path(), "/board/a.txt"), want);
}

/// While an owner changes the rules, a request sees the old or the new ones.
#[test]
fn a_rule_that_is_replaced_is_the_old_or_the_new_one() {
    let state = tree(&[("board/.signet-users", "ada\n"), ("board/a.txt", "")]);
    let root = state.path();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..500 {
                let text = if number % 2 == 0 { "bob\n" } else { "ada\n" };
                fs::write(root.join("draft"), text).expect("write it");
                let target = root.join("board/.signet-users");
                fs::rename(root.join("draft"), target).expect("rename it");
            }
        });
        while !writer.is_finished() {
            let users = allowed(root, "/board/a.txt");
            // Each user is asked about by itself.
            assert!(
                USERS[2..].iter().all(|user| !users.contains(user)),
                "{users}"
            );
        }
    });
}
