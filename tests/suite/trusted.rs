//! Which paths are trusted: the same rule for the state folder, a named key, the
//! settings, the folder for sessions, the templates and a `#!` script.
//!
//! Alice is the effective user, mallory another one, carol the owner of the
//! program's file. Their entries in /etc/passwd and /etc/group exist for the
//! program only, in a mount namespace.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{XattrFlags, setxattr};

use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, Output, StateDir, copy_program, tested_program};

const ROOT: u32 = 0;
const ALICE: u32 = 61_234;
const MALLORY: u32 = 61_235;
const CAROL: u32 = 61_236;
/// The group that a container is given for what is mounted into it: in no file.
const MOUNTED: u32 = 61_400;
/// A group of several users.
const STAFF: u32 = 61_300;

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\n\
    alice:x:61234:61234::/nonexistent:/bin/sh\n\
    mallory:x:61235:61235::/nonexistent:/bin/sh\n\
    carol:x:61236:61236::/nonexistent:/bin/sh\n";
const GROUP: &str = "root:x:0:\nalice:x:61234:\nmallory:x:61235:\nstaff:x:61300:alice,mallory\n";

const KEY: &str = "a-good-key-of-the-site-91c04f7be2";

/// A folder that every user can enter, and the program in it.
struct Host {
    path: PathBuf,
}

impl Host {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Nobody but root may write into /var/lib.
        let name = format!("signet-trusted-{}-{number}", process::id());
        let path = Path::new("/var/lib").join(name);
        let _ = fs::remove_dir_all(&path);
        let host = Self { path };
        host.folder("", ROOT, ROOT, 0o755);
        copy_program(tested_program(), host.program());
        host
    }

    fn program(&self) -> PathBuf {
        self.path.join("signet")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn folder(&self, name: &str, owner: u32, group: u32, mode: u32) -> PathBuf {
        let path = self.path(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        give(&path, owner, group, mode);
        path
    }

    fn link(&self, target: &Path, name: &str, owner: u32) -> PathBuf {
        let path = self.path(name);
        symlink(target, &path).expect("symlink");
        lchown(&path, Some(owner), Some(owner)).expect("chown a link");
        path
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn give(path: &Path, owner: u32, group: u32, mode: u32) {
    chown(path, Some(owner), Some(group)).expect("chown");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

fn file(path: &Path, text: impl AsRef<[u8]>, owner: u32, mode: u32) {
    fs::write(path, text).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    give(path, owner, owner, mode);
}

/// An access control list, as `setfacl -m u:USER:RIGHTS` makes it. `mode` are
/// the rights of the owner, its group and others.
fn let_user(path: &Path, user: u32, rights: u16, mode: u32) {
    let mode = |shift: u32| u16::try_from(mode >> shift & 7).expect("3 bits");
    let entries: [(u16, u16, u32); 5] = [
        (0x01, mode(6), u32::MAX),
        (0x02, rights, user),
        (0x04, mode(3), u32::MAX),
        (0x10, rights | mode(3), u32::MAX),
        (0x20, mode(0), u32::MAX),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    let set = setxattr(path, "system.posix_acl_access", &bytes, XattrFlags::empty());
    set.expect("set an access control list");
}

/// What lies at a trusted path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    State,
    Key,
    Settings,
    Sessions,
    Templates,
    Script,
}

const KINDS: [Kind; 6] = [
    Kind::State,
    Kind::Key,
    Kind::Settings,
    Kind::Sessions,
    Kind::Templates,
    Kind::Script,
];

impl Kind {
    /// Puts a good one there, which belongs to `owner`.
    fn put(self, host: &Host, path: &Path, owner: u32) {
        match self {
            Self::State | Self::Sessions => {
                let made = DirBuilder::new().mode(0o700).create(path);
                made.expect("mkdir");
                give(path, ALICE, ALICE, 0o700);
            }
            Self::Key => file(path, KEY, ALICE, 0o600),
            Self::Settings => {
                file(path, "SESSION_COOKIE_NAME = \"theirs\"\n", owner, 0o644);
            }
            Self::Templates => {
                let made = DirBuilder::new().mode(0o755).create(path);
                made.expect("mkdir");
                give(path, owner, owner, 0o755);
                file(&path.join("index.html"), "our own page", owner, 0o644);
            }
            Self::Script => {
                let program = host.program();
                let text = format!(
                    "#!{}\nSESSION_COOKIE_NAME = \"theirs\"\n",
                    program.display()
                );
                file(path, text, owner, 0o755);
            }
        }
    }

    fn request(self, path: &Path) -> Cgi {
        let login = || Cgi::post("/login", "username=ada");
        match self {
            Self::State => login()
                .without("SIGNET_SECRET_KEY")
                .var("SIGNET_STATE_DIR", path),
            Self::Key => login()
                .without("SIGNET_SECRET_KEY")
                .without("SIGNET_STATE_DIR")
                .var("SIGNET_SECRET_KEY_FILE", path),
            Self::Settings => login()
                .without("SIGNET_STATE_DIR")
                .var("SIGNET_CONFIG", path),
            Self::Sessions => login()
                .without("SIGNET_STATE_DIR")
                .var("SIGNET_SESSION_TYPE", "filesystem")
                .var("SIGNET_SESSION_FILE_DIR", path),
            Self::Templates => Cgi::get("/")
                .without("SIGNET_STATE_DIR")
                .var("SIGNET_TEMPLATES_DIR", path),
            Self::Script => login()
                .without("SIGNET_STATE_DIR")
                .var("SCRIPT_FILENAME", path)
                .arg(path),
        }
    }

    /// Whether what lies there was used; else it was refused, in its own way.
    #[track_caller]
    fn is_used(self, name: &str, out: &Output) -> bool {
        let response = out.response();
        let cookie = |name: &str| response.cookie(name).map(|cookie| cookie.value);
        let refused = |status: u16| {
            assert_eq!(response.status, status, "{name}: {out}");
            assert_eq!(response.cookies(), [], "{name}: {out}");
            assert!(!out.errors().is_empty(), "{name}: no reason: {out}");
            false
        };
        match self {
            Self::Key if response.status == 303 => {
                let value = cookie("session").expect("a cookie");
                assert!(Signer::with_key(KEY).read(&value).is_some(), "{name}");
                true
            }
            Self::State | Self::Sessions if response.status == 303 => true,
            Self::Settings | Self::Script if cookie("theirs").is_some() => true,
            Self::Templates if response.text() == "our own page" => true,
            // An argument that is not trusted is not read.
            Self::Script => {
                assert!(cookie("session").is_some(), "{name}: {out}");
                assert!(!out.errors().is_empty(), "{name}: no reason: {out}");
                false
            }
            Self::Templates => refused(500),
            _ => refused(503),
        }
    }
}

/// The request, made by the program of `host` as alice, on a machine with these
/// users and groups. `mount` is what else is mounted for it.
fn run(host: &Host, request: Cgi, (passwd, group): (&str, &str), mount: &str) -> Output {
    let users = [("passwd", passwd), ("group", group)].map(|(name, text)| {
        let path = host.path(name);
        file(&path, text, ROOT, 0o644);
        format!("mount --bind '{}' /etc/{name}", path.display())
    });
    let script = format!(
        "{} && {mount} exec setpriv --reuid={ALICE} --regid={ALICE} --groups={ALICE},{MOUNTED} \"$0\" \"$@\"",
        users.join(" && "),
    );
    let shell = ["unshare", "--mount", "/bin/sh", "-c", &script];
    // Not the variables of a shell: mount and setpriv lie in other folders.
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    request
        .program(host.program())
        .var("PATH", path)
        .var("HOME", "/nonexistent")
        .through(&shell)
        .run()
}

/// Makes the way to something at the path it returns, below `name`.
type Way = fn(&Host, &str, Kind) -> PathBuf;

/// Puts it into a folder `name`.
fn in_folder(host: &Host, name: &str, kind: Kind) -> PathBuf {
    let path = host.path(name).join("it");
    kind.put(host, &path, ALICE);
    path
}

/// A link `link` to a good one in a folder of alice's.
fn linked(host: &Host, name: &str, kind: Kind, link: &str, owner: u32) -> PathBuf {
    host.folder(&format!("{name}-good"), ALICE, ALICE, 0o755);
    let good = in_folder(host, &format!("{name}-good"), kind);
    match kind {
        // A script is not a link itself.
        Kind::Script => {
            let folder = good.parent().expect("it lies in a folder");
            host.link(folder, link, owner).join("it")
        }
        _ => host.link(&good, link, owner),
    }
}

/// The way, /etc/passwd and /etc/group in their changes, whether it is trusted.
#[rustfmt::skip]
const WAYS: [(&str, Way, (&str, &str), bool); 20] = [
    ("her own folder", |h, n, k| { h.folder(n, ALICE, ALICE, 0o755); in_folder(h, n, k) }, ("", ""), true),
    ("a folder of root", |h, n, k| { h.folder(n, ROOT, ROOT, 0o755); in_folder(h, n, k) }, ("", ""), true),
    ("a folder of mallory", |h, n, k| { h.folder(n, MALLORY, MALLORY, 0o755); in_folder(h, n, k) }, ("", ""), false),
    ("a folder of carol", |h, n, k| { h.folder(n, CAROL, CAROL, 0o755); in_folder(h, n, k) }, ("", ""), false),
    ("everybody may write", |h, n, k| { h.folder(n, ALICE, ALICE, 0o777); in_folder(h, n, k) }, ("", ""), false),
    ("a group may write", |h, n, k| { h.folder(n, ALICE, STAFF, 0o775); in_folder(h, n, k) }, ("", ""), false),
    ("an empty group may", |h, n, k| { h.folder(n, ALICE, 61_999, 0o775); in_folder(h, n, k) }, ("", ""), false),
    ("her own group may", |h, n, k| { h.folder(n, ALICE, ALICE, 0o775); in_folder(h, n, k) }, ("", ""), true),
    ("her group has a member", |h, n, k| { h.folder(n, ALICE, ALICE, 0o775); in_folder(h, n, k) }, ("", "alice:x:61234:mallory\n"), false),
    ("her group is mallory's", |h, n, k| { h.folder(n, ALICE, ALICE, 0o775); in_folder(h, n, k) }, ("mallory:x:61235:61234::/:/bin/sh\n", ""), false),
    ("her group lists her", |h, n, k| { h.folder(n, ALICE, ALICE, 0o775); in_folder(h, n, k) }, ("", "alice:x:61234:alice,root\n"), true),
    ("sticky, and it is hers", |h, n, k| { h.folder(n, ROOT, ROOT, 0o1777); in_folder(h, n, k) }, ("", ""), true),
    ("a list lets mallory", |h, n, k| { let_user(&h.folder(n, ALICE, ALICE, 0o755), MALLORY, 7, 0o755); in_folder(h, n, k) }, ("", ""), false),
    ("a list lets alice", |h, n, k| { let_user(&h.folder(n, ROOT, ROOT, 0o755), ALICE, 7, 0o755); in_folder(h, n, k) }, ("", ""), true),
    ("her link in her folder", |h, n, k| { h.folder(n, ALICE, ALICE, 0o755); linked(h, n, k, &format!("{n}/it"), ALICE) }, ("", ""), true),
    ("a link, everybody may write", |h, n, k| { h.folder(n, ALICE, ALICE, 0o777); linked(h, n, k, &format!("{n}/it"), ALICE) }, ("", ""), false),
    ("a link, a group may write", |h, n, k| { h.folder(n, ALICE, STAFF, 0o775); linked(h, n, k, &format!("{n}/it"), ALICE) }, ("", ""), false),
    ("mallory's link, sticky", |h, n, k| { h.folder(n, ROOT, ROOT, 0o1777); linked(h, n, k, &format!("{n}/it"), MALLORY) }, ("", ""), false),
    ("her link, sticky", |h, n, k| { h.folder(n, ROOT, ROOT, 0o1777); linked(h, n, k, &format!("{n}/it"), ALICE) }, ("", ""), true),
    ("her link to mallory's link", |h, n, k| {
        h.folder(n, ALICE, ALICE, 0o755);
        h.folder(&format!("{n}-m"), MALLORY, MALLORY, 0o755);
        let theirs = linked(h, n, k, &format!("{n}-m/it"), MALLORY);
        match k {
            Kind::Script => h.link(&h.path(&format!("{n}-m/it")), &format!("{n}/it"), ALICE).join("it"),
            _ => h.link(&theirs, &format!("{n}/it"), ALICE),
        }
    }, ("", ""), false),
];

/// `text`, with the lines of `changes` in the place of those of the same names.
fn with(text: &str, changes: &str) -> String {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let changed: Vec<String> = changes.lines().map(name).collect();
    let kept = text.lines().filter(|line| !changed.contains(&name(line)));
    let lines: Vec<&str> = kept.chain(changes.lines()).collect();
    lines.join("\n") + "\n"
}

#[test]
#[ignore = "needs root: run tests/run"]
fn a_path_is_trusted_if_nobody_else_decides_where_it_leads() {
    let host = Host::new();
    for (number, (way, make, (passwd, group), trusted)) in WAYS.iter().enumerate() {
        let accounts = (with(PASSWD, passwd), with(GROUP, group));
        for kind in KINDS {
            let name = format!("{way}: {kind:?}");
            let path = make(&host, &format!("{number}-{kind:?}"), kind);
            let request = kind.request(&path);
            let out = run(&host, request, (&accounts.0, &accounts.1), "");
            assert_eq!(kind.is_used(&name, &out), *trusted, "{name}: {out}");
            // Nothing else was made where it was refused.
            if !trusted && matches!(kind, Kind::State | Kind::Sessions) {
                let made = fs::read_dir(&path).expect("a folder").count();
                assert_eq!(made, 0, "{name}");
            }
        }
    }
}

/// Without suEXEC the program runs as the web server's user; whoever owns its
/// file could replace it.
#[test]
#[ignore = "needs root: run tests/run"]
fn the_owner_of_the_program_is_trusted() {
    let host = Host::new();
    give(&host.program(), CAROL, CAROL, 0o755);
    for kind in KINDS {
        let name = format!("carol's {kind:?}");
        let folder = format!("{kind:?}");
        host.folder(&folder, CAROL, CAROL, 0o755);
        let path = host.path(&folder).join("it");
        kind.put(&host, &path, CAROL);
        let out = run(&host, kind.request(&path), (PASSWD, GROUP), "");
        assert!(kind.is_used(&name, &out), "{name}: {out}");
    }
}

/// In a sticky folder another user can make what does not exist yet.
#[test]
#[ignore = "needs root: run tests/run"]
fn nothing_is_made_in_a_folder_that_others_write() {
    let host = Host::new();
    host.folder("sticky", ROOT, ROOT, 0o1777);
    for kind in [Kind::State, Kind::Sessions] {
        for path in ["sticky/new", "sticky/new/er"] {
            let path = host.path(path);
            let out = run(&host, kind.request(&path), (PASSWD, GROUP), "");
            assert!(!kind.is_used("sticky", &out), "{kind:?}: {out}");
            assert!(!host.path("sticky/new").exists(), "{kind:?}");
        }
    }
}

/// Nobody writes what is mounted read-only.
#[test]
#[ignore = "needs root: run tests/run"]
fn a_read_only_mount_is_not_written_by_others() {
    let host = Host::new();
    let folder = host.folder("open", ROOT, ROOT, 0o777);
    let folder = folder.display();
    let mount =
        format!("mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}' &&");
    for kind in [Kind::Key, Kind::Settings, Kind::Templates, Kind::Script] {
        let path = host.path("open").join(format!("{kind:?}"));
        kind.put(&host, &path, ALICE);
        let request = || kind.request(&path);
        let out = run(&host, request(), (PASSWD, GROUP), "");
        assert!(!kind.is_used("read-write", &out), "{kind:?}: {out}");
        let out = run(&host, request(), (PASSWD, GROUP), &mount);
        assert!(kind.is_used("read-only", &out), "{kind:?}: {out}");
    }
}

/// What others could write is refused; what they could only read is corrected.
#[test]
#[ignore = "needs root: run tests/run"]
fn the_groups_of_its_own_files_and_folders_count() {
    #[rustfmt::skip]
    let rows = [
        ("her group may write",      ALICE, 0o060, true),
        ("a group may read",         STAFF, 0o040, true),
        ("a group may write",        STAFF, 0o060, false),
        ("a group may only write",   STAFF, 0o020, false),
    ];
    let host = Host::new();
    for (number, (name, group, more, used)) in rows.into_iter().enumerate() {
        for what in ["secret_key", "sessions"] {
            let state = host.folder(&format!("{number}-{what}"), ALICE, ALICE, 0o700);
            let path = state.join(what);
            let (kind, mode) = match what {
                "secret_key" => (Kind::State, 0o600),
                _ => (Kind::Sessions, 0o700),
            };
            match what {
                "secret_key" => file(&path, KEY, ALICE, mode),
                _ => fs::create_dir(&path).expect("mkdir"),
            }
            give(&path, ALICE, group, mode | more);
            let request = match kind {
                Kind::State => kind.request(&state),
                _ => kind.request(&path).without("SIGNET_SESSION_FILE_DIR"),
            };
            let out = run(
                &host,
                request.var("SIGNET_STATE_DIR", &state),
                (PASSWD, GROUP),
                "",
            );
            let name = format!("{what}: {name}");
            let response = out.response();
            assert_eq!(
                response.status,
                if used { 303 } else { 503 },
                "{name}: {out}"
            );
            let after = fs::metadata(&path).expect("stat").permissions().mode() & 0o777;
            assert_eq!(after, if used { mode } else { mode | more }, "{name}");
        }
    }
}

/// The file itself: its owner, group and mode, and whether it is a link.
#[test]
#[ignore = "needs root: run tests/run"]
fn settings_and_templates_are_files_that_nobody_else_writes() {
    #[rustfmt::skip]
    let rows = [
        ("hers",             ALICE,   ALICE,   0o644, true),
        ("hers alone",       ALICE,   ALICE,   0o600, true),
        ("her group's",      ALICE,   ALICE,   0o664, true),
        ("a group's",        ALICE,   STAFF,   0o664, false),
        ("everybody's",      ALICE,   ALICE,   0o666, false),
        ("root's",           ROOT,    ROOT,    0o644, true),
        ("mallory's",        MALLORY, MALLORY, 0o644, false),
        ("carol's",          CAROL,   CAROL,   0o644, false),
    ];
    let host = Host::new();
    host.folder("way", ALICE, ALICE, 0o755);
    for (name, owner, group, mode, trusted) in rows {
        for kind in [Kind::Settings, Kind::Templates, Kind::Script] {
            let path = host.path("way").join(format!("{kind:?}-{name}"));
            kind.put(&host, &path, ALICE);
            let file = match kind {
                Kind::Templates => path.join("index.html"),
                _ => path.clone(),
            };
            give(&file, owner, group, mode);
            let out = run(&host, kind.request(&path), (PASSWD, GROUP), "");
            assert_eq!(kind.is_used(name, &out), trusted, "{name}: {kind:?}: {out}");
        }
    }
}

/// What a page extends or includes is a template, too.
#[test]
fn templates_are_not_symbolic_links() {
    let state = StateDir::new();
    let secret = state.write("secret", "the-secret-that-is-not-shown", 0o600);
    state.write("templates/real/part.html", "a part", 0o644);
    let templates = state.path().join("templates");
    symlink(&secret, templates.join("part.html")).expect("symlink");
    symlink("real", templates.join("linked")).expect("symlink");
    let page = |text: &str| -> Response {
        state.write("templates/index.html", text, 0o644);
        Cgi::get("/").state(&state).run().response()
    };
    let real = page("{% include 'real/part.html' %}");
    assert_eq!((real.status, real.text()), (200, "a part"));
    for part in ["part.html", "linked/part.html"] {
        let response = page(&format!("{{% include '{part}' %}}"));
        assert_eq!(response.status, 500, "{part}");
        assert!(!response.text().contains("the-secret"), "{part}");
    }
    fs::remove_file(templates.join("index.html")).expect("remove");
    symlink(&secret, templates.join("index.html")).expect("symlink");
    let out = Cgi::get("/").state(&state).run();
    assert_eq!(out.response().status, 500, "{out}");
    assert!(
        out.errors().contains("index.html: is a symbolic link"),
        "{out}"
    );
}

/// Makes a key file and says where; `mounted` is a folder of root's, which is
/// mounted read-only if the row says so.
type Secret = fn(&Host, &Path) -> PathBuf;

fn secret(path: PathBuf, owner: u32, group: u32, mode: u32) -> PathBuf {
    fs::write(&path, KEY).expect("write a key");
    give(&path, owner, group, mode);
    path
}

/// As Kubernetes lays out the volume of a secret.
fn kubernetes(mounted: &Path, group: u32, mode: u32) -> PathBuf {
    let data = mounted.join("..2026_11_28_04_30_00.123456789");
    fs::create_dir(&data).expect("mkdir");
    give(&data, ROOT, group, 0o755);
    secret(data.join("key"), ROOT, group, mode);
    symlink("..2026_11_28_04_30_00.123456789", mounted.join("..data")).expect("symlink");
    symlink("..data/key", mounted.join("key")).expect("symlink");
    mounted.join("key")
}

/// As systemd lays out `LoadCredential=` for `User=alice`: the lists are all that
/// lets the user in.
fn credential(mounted: &Path, user: u32) -> PathBuf {
    let path = secret(mounted.join("key"), ROOT, ROOT, 0o400);
    let_user(&path, user, 4, 0o400);
    path
}

/// How a key file that somebody else mounts or installs, and that
/// SECRET_KEY_FILE names, may lie there.
#[test]
#[ignore = "needs root: run tests/run"]
fn a_named_key_file_is_read_if_nobody_else_can_read_it() {
    #[rustfmt::skip]
    let rows: [(&str, Secret, bool, bool); 21] = [
        ("kubernetes, 0440 by group",    |_, m| { give(m, ROOT, MOUNTED, 0o3777); kubernetes(m, MOUNTED, 0o440) }, true, true),
        ("kubernetes, not read-only",    |_, m| { give(m, ROOT, MOUNTED, 0o3777); kubernetes(m, MOUNTED, 0o440) }, false, true),
        ("kubernetes, no sticky bit",    |_, m| { give(m, ROOT, MOUNTED, 0o2777); kubernetes(m, MOUNTED, 0o440) }, true, true),
        ("kubernetes, open to write",    |_, m| { give(m, ROOT, MOUNTED, 0o2777); kubernetes(m, MOUNTED, 0o440) }, false, false),
        ("kubernetes, 0444",             |_, m| { give(m, ROOT, MOUNTED, 0o3777); kubernetes(m, MOUNTED, 0o444) }, true, false),
        ("kubernetes, a shared group",   |_, m| { give(m, ROOT, STAFF, 0o3777); kubernetes(m, STAFF, 0o440) }, true, false),
        ("docker, as it is by itself",   |_, m| secret(m.join("key"), ROOT, ROOT, 0o444), true, false),
        ("docker, uid and mode 0400",    |_, m| secret(m.join("key"), ALICE, ROOT, 0o400), true, true),
        ("docker, uid and mode 0440",    |_, m| secret(m.join("key"), ALICE, ALICE, 0o440), true, true),
        ("systemd",                      |_, m| { let_user(m, ALICE, 5, 0o500); credential(m, ALICE) }, true, true),
        ("systemd, another user's, too", |_, m| { let_user(m, ALICE, 5, 0o555); credential(m, MALLORY) }, true, false),
        ("root's, by her group",         |_, m| secret(m.join("key"), ROOT, ALICE, 0o640), false, true),
        ("root's, by a shared group",    |_, m| secret(m.join("key"), ROOT, STAFF, 0o640), false, false),
        ("hers, by an unknown group",    |_, m| secret(m.join("key"), ALICE, MOUNTED, 0o640), false, false),
        ("hers, open, in the open",      |_, m| secret(m.join("key"), ALICE, ALICE, 0o644), false, false),
        ("hers, open, shut in",          |_, m| { give(m, ALICE, ALICE, 0o700); secret(m.join("key"), ALICE, ALICE, 0o644) }, false, true),
        ("open, shut in with others",    |_, m| { give(m, ALICE, STAFF, 0o750); secret(m.join("key"), ALICE, ALICE, 0o644) }, false, false),
        ("written by others, shut in",   |_, m| { give(m, ALICE, ALICE, 0o700); secret(m.join("key"), ALICE, ALICE, 0o646) }, false, false),
        ("linked from where it is shut", |h, m| {
            give(m, ALICE, ALICE, 0o700);
            h.folder("beside", ALICE, ALICE, 0o755);
            let key = secret(h.path("beside/key"), ALICE, ALICE, 0o644);
            symlink(key, m.join("key")).expect("symlink");
            lchown(m.join("key"), Some(ALICE), Some(ALICE)).expect("chown");
            m.join("key")
        }, false, false),
        ("a second name",                |_, m| {
            let key = secret(m.join("other"), ALICE, ALICE, 0o600);
            fs::hard_link(&key, m.join("key")).expect("link");
            m.join("key")
        }, false, false),
        ("mallory's",                    |_, m| secret(m.join("key"), MALLORY, ALICE, 0o640), false, false),
    ];
    let host = Host::new();
    for (name, make, read_only, trusted) in rows {
        for used in ["mounted", "beside"] {
            let _ = fs::remove_dir_all(host.path(used));
        }
        let folder = host.folder("mounted", ROOT, ROOT, 0o755);
        let path = make(&host, &folder);
        let shown = folder.display();
        let mount = match read_only {
            true => {
                format!("mount --bind '{shown}' '{shown}' && mount -o remount,bind,ro '{shown}' &&")
            }
            false => String::new(),
        };
        let out = run(&host, Kind::Key.request(&path), (PASSWD, GROUP), &mount);
        assert_eq!(Kind::Key.is_used(name, &out), trusted, "{name}: {out}");
    }
}
