//! What lies in a record's place and is none: the visitor is an anonymous one,
//! the owner reads a line about it, and nobody touches it.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use signet::session::SessionId;
use signet::session::record::MAX_RECORD;
use signet::session::store::{Files, Store, StoreError};

use super::contract::{LIFETIME, load, record};
use super::{Folder, Place, place};
use crate::support::invariants::{Allowed, NOTHING, assert_holds};
use crate::support::response::Response;
use crate::support::{Cgi, StateDir, now, state_root};

const EVERYTHING: Allowed = Allowed {
    cookie: true,
    state: true,
};

/// Where the store in `state` keeps the session of this cookie.
pub(super) fn record_of(state: &StateDir, cookie: &str) -> PathBuf {
    let id = SessionId::parse(cookie).expect("an id");
    state.path().join(place(&id))
}

fn request(state: &StateDir, cgi: Cgi, cookie: &str) -> Cgi {
    cgi.var("SIGNET_SESSION_TYPE", "filesystem")
        .cookie(format!("session={cookie}"))
        .state(state)
}

/// Logs in and returns the answer, with its cookie.
#[track_caller]
fn log_in(state: &StateDir, name: &str, cookie: &str) -> (Response, String) {
    let out = request(state, Cgi::post("/login", "username=ada"), cookie).run();
    let response = assert_holds(name, &out, EVERYTHING);
    assert_eq!(response.status, 303, "{name}: {out}");
    let cookie = response.cookie("session").expect("a cookie").value;
    (response, cookie)
}

fn rewrite(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let bytes = fs::read(path).expect("the record");
    fs::write(path, change(bytes)).expect("write it");
}

/// A file whose checksum is right.
fn summed(about: &str, json: &str) -> Vec<u8> {
    let sum = Sha256::digest(format!("{about}\n{json}"));
    let sum: String = sum[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{about} {sum}\n{json}").into_bytes()
}

fn replace(path: &Path, make: impl FnOnce(&Path)) {
    fs::remove_file(path).expect("take it away");
    make(path);
}

/// A good record under another name.
fn moved(path: &Path) -> PathBuf {
    let elsewhere = path.parent().expect("a folder").join("elsewhere");
    fs::rename(path, &elsewhere).expect("move it");
    elsewhere
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// What was done to the record; whether it is ours to remove when it is old.
type Row = (&'static str, fn(&Path), bool);

#[rustfmt::skip]
const ROWS: [Row; 24] = [
    ("empty",            |path| rewrite(path, |_| Vec::new()), true),
    ("one byte",         |path| rewrite(path, |bytes| bytes[..1].to_vec()), true),
    ("half",             |path| rewrite(path, |bytes| bytes[..bytes.len() / 2].to_vec()), true),
    ("twice",            |path| rewrite(path, |bytes| bytes.repeat(2)), true),
    ("a bit turned",     |path| rewrite(path, |mut bytes| { bytes[70] ^= 1; bytes }), true),
    ("zeros",            |path| rewrite(path, |bytes| vec![0; bytes.len()]), true),
    ("binary",           |path| rewrite(path, |_| (0..=255).collect()), true),
    ("another version",  |path| rewrite(path, |_| summed("signet2 1 9999999999", r#"{"username":"ada"}"#)), true),
    ("no times",         |path| rewrite(path, |_| summed("signet1", r#"{"username":"ada"}"#)), true),
    ("times too large",  |path| rewrite(path, |_| summed("signet1 1 99999999999999999999", r#"{"username":"ada"}"#)), true),
    ("no dict",          |path| rewrite(path, |_| summed("signet1 1 9999999999", r#"["username"]"#)), true),
    ("deep",             |path| rewrite(path, |_| summed("signet1 1 9999999999", &format!(r#"{{"a":{}"#, "[".repeat(100_000)))), true),
    ("too large",        |path| rewrite(path, |_| vec![b'x'; MAX_RECORD + 1]), false),
    ("a folder",         |path| replace(path, |path| fs::create_dir(path).expect("mkdir")), false),
    ("a FIFO",           |path| replace(path, fifo), false),
    ("a socket",         |path| replace(path, socket), false),
    ("a link to a good one", |path| { let other = moved(path); symlink(other, path).expect("link"); }, false),
    ("a link to nothing", |path| replace(path, |path| symlink("nothing", path).expect("link")), false),
    ("a link to passwd", |path| replace(path, |path| symlink("/etc/passwd", path).expect("link")), false),
    ("a link to itself", |path| replace(path, |path| symlink(path, path).expect("link")), false),
    ("a second name",    |path| fs::hard_link(path, path.with_extension("too")).expect("link"), false),
    ("mode 646",         |path| chmod(path, 0o646), false),
    ("mode 622",         |path| chmod(path, 0o622), false),
    ("mode 602",         |path| chmod(path, 0o602), false),
];

fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, path, FileType::Fifo, mode, 0).expect("mkfifo");
}

/// A socket's name may have 108 bytes; a record's path has more.
fn socket(path: &Path) {
    let short = state_root().join(format!("s{}", std::process::id()));
    let _listener = UnixListener::bind(&short).expect("bind");
    fs::rename(short, path).expect("move it");
}

#[test]
fn what_is_no_record_is_no_session_and_left_alone() {
    for (name, damage, ours) in ROWS {
        let state = StateDir::new();
        let (_, cookie) = log_in(&state, name, "");
        let path = record_of(&state, &cookie);
        damage(&path);
        let before = about(&path);

        let out = request(&state, Cgi::get("/"), &cookie).run();
        let response = assert_holds(name, &out, NOTHING);
        assert_eq!(response.status, 200, "{name}: {out}");
        assert!(response.text().contains("not logged in"), "{name}: {out}");
        let errors = out.errors();
        let shown = path.to_str().expect("a path in UTF-8");
        assert_eq!(errors.lines().count(), 1, "{name}: {out}");
        assert!(errors.contains(shown), "{name}: {out}");

        let out = request(&state, Cgi::post("/logout", ""), &cookie).run();
        let response = assert_holds(name, &out, NOTHING);
        assert_eq!(response.status, 303, "{name}: {out}");

        // A login gets a place of its own.
        let (_, fresh) = log_in(&state, name, &cookie);
        assert_ne!(fresh, cookie, "{name}");
        let added = record_of(&state, &fresh);
        assert!(added.exists(), "{name}");
        // Old as everything may be: only what a session left is removed.
        let store = Files::new(&state.path().join("sessions"), euid(), 1).expect(name);
        let later = now() + 1000;
        let swept = store.sweep(later).expect(name);
        assert_eq!(swept, 1 + usize::from(ours), "{name}");
        assert!(!added.exists(), "{name}: the fresh one is over, too");
        let listed = store.for_each(later, &mut |_, _| panic!("{name}: shown"));
        listed.expect(name);
        if ours {
            assert!(fs::symlink_metadata(&path).is_err(), "{name}: kept");
        } else {
            assert_eq!(about(&path), before, "{name}");
        }
    }
}

fn euid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// What would tell that somebody touched it.
fn about(path: &Path) -> [u64; 6] {
    let about = fs::symlink_metadata(path).expect("it is there");
    let times = [about.mtime(), about.ctime_nsec()].map(|time| time as u64);
    let mode = u64::from(about.mode());
    [
        about.ino(),
        mode,
        about.len(),
        about.nlink(),
        times[0],
        times[1],
    ]
}

/// Every length, every bit: the checksum of the record tells.
#[test]
fn no_damaged_record_is_half_believed() {
    let folder = Folder::new();
    let store = folder.open(LIFETIME);
    let id = SessionId::generate().expect("random bytes");
    let good = record(now(), r#"{"username":"ada"}"#);
    store.create(&id, &good).expect("create");
    let place = place(&id);
    let path = folder.0.path().join(place);
    let bytes = fs::read(&path).expect("the record");
    let cut = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let turned = (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    for damaged in cut.chain(turned) {
        fs::write(&path, &damaged).expect("write");
        let outcomes = [
            store.load(&id, now()).map(|_| ()),
            store
                .update(&id, now(), &mut |_| panic!("nothing to change"))
                .map(|_| ()),
        ];
        for outcome in outcomes {
            let damage = matches!(outcome, Err(StoreError::Damaged { .. }));
            assert!(damage, "{outcome:?}: {}", damaged.escape_ascii());
        }
        assert_eq!(fs::read(&path).expect("the record"), damaged);
    }
    fs::write(&path, &bytes).expect("write");
    assert_eq!(load(&*store, &id), Some(good));
}

#[test]
fn a_huge_file_is_not_read() {
    let folder = Folder::new();
    let store = folder.open(LIFETIME);
    let id = SessionId::generate().expect("random bytes");
    let good = record(now(), r#"{"username":"ada"}"#);
    store.create(&id, &good).expect("create");
    let place = place(&id);
    let file = File::options()
        .write(true)
        .open(folder.0.path().join(place));
    file.expect("the record").set_len(1 << 30).expect("grow it");
    let before = bytes_read();
    let outcome = store.load(&id, now());
    let refused = matches!(outcome, Err(StoreError::Refused { .. }));
    assert!(refused, "{outcome:?}");
    store.sweep(now() + 10_000).expect("sweep");
    let read = bytes_read() - before;
    assert!(read < 1 << 20, "{read} bytes");
}

/// How many bytes this thread has read from anything (proc(5)).
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").expect("its input and output");
    let count = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    count.expect("a count").parse().expect("a number")
}

/// One bad file is in nobody's way: not the sweeper's, not the list's.
#[test]
fn a_refused_record_keeps_no_other_from_being_swept() {
    let folder = Folder::new();
    let store = folder.open(LIFETIME);
    let over = record(now(), r#"{"n":1}"#);
    let ids: Vec<_> = (0..200)
        .map(|_| SessionId::generate().expect("random bytes"))
        .collect();
    for id in &ids {
        store.create(id, &over).expect("create");
    }
    let place = place(&ids[100]);
    chmod(&folder.0.path().join(place), 0o646);
    let mut shown = 0;
    let visit = &mut |_: &_, _| {
        shown += 1;
        signet::session::store::Visit::Next
    };
    store.for_each(now(), visit).expect("for_each");
    assert_eq!(shown, 199);
    let later = now() + LIFETIME + 10;
    assert_eq!(store.sweep(later).expect("sweep"), 199);
}

/// Names that no store gave are none of its business, however old.
#[test]
fn the_sweeper_knows_its_own() {
    let folder = Folder::new();
    let store = folder.open(LIFETIME);
    let id = SessionId::generate().expect("random bytes");
    store.create(&id, &record(now(), "{}")).expect("create");
    let inner = place(&id);
    let (inner, _) = inner.rsplit_once('/').expect("a path");
    let strange = [
        format!("{inner}/notes.txt"),
        format!("{inner}/.hidden"),
        format!("{inner}/{}", "A".repeat(61)),
        format!("{inner}/{}", "a".repeat(62)),
        format!("{inner}/sub/{}", "a".repeat(61)),
        format!("sessions/{}", "a".repeat(61)),
        format!("{inner}/../{}", "a".repeat(61)),
        "sessions/zz/notes.txt".to_owned(),
        "sessions/signet.toml".to_owned(),
    ];
    for name in &strange {
        folder.0.write(name, "keep me", 0o600);
    }
    let unfinished = folder
        .0
        .write(&format!("{inner}/.new-0123456789abcdef"), "half", 0o600);
    let young = now() + 3590;
    assert_eq!(store.sweep(young).expect("sweep"), 1, "the session");
    assert!(unfinished.exists(), "somebody may be writing it");
    let old = now() + 3700;
    assert_eq!(store.sweep(old).expect("sweep"), 1, "the leftover");
    assert!(!unfinished.exists());
    for name in &strange {
        assert!(folder.0.path().join(name).exists(), "{name}");
    }
}

/// A clock that was ahead, or is behind, costs no session.
#[test]
fn the_sweeper_removes_nothing_from_the_future() {
    let folder = Folder::new();
    let store = folder.open(LIFETIME);
    let id = SessionId::generate().expect("random bytes");
    let good = record(now() + 86_400, "{}");
    store.create(&id, &good).expect("create");
    for then in [0, 1, now() - 86_400, now()] {
        assert_eq!(store.sweep(then).expect("sweep"), 0, "{then}");
        assert_eq!(store.load(&id, then).expect("load"), None, "{then}");
    }
    let then = now() + 86_400;
    assert_eq!(store.load(&id, then).expect("load"), Some(good));
}

/// Files of another user, and files that we may not open.
#[test]
#[ignore = "needs root: run tests/run"]
fn what_belongs_to_somebody_else_is_no_session() {
    type Change = fn(&Path);
    #[rustfmt::skip]
    let rows: [(&str, Change); 4] = [
        ("another's",            |path| chown(path, Some(65_533), None).expect("chown")),
        ("another's link",       |path| { replace(path, |path| symlink("/etc/passwd", path).expect("link"));
                                          lchown(path, Some(65_533), None).expect("chown"); }),
        ("another's, for all",   |path| { chown(path, Some(65_533), None).expect("chown"); chmod(path, 0o666); }),
        ("ours, locked",         |path| chmod(path, 0o000)),
    ];
    for (name, change) in rows {
        let state = StateDir::new();
        let (_, cookie) = log_in(&state, name, "");
        let path = record_of(&state, &cookie);
        change(&path);
        // Root without the right to open every file is like any other user.
        let plain = ["/usr/bin/setpriv", "--bounding-set=-all"];
        let out = request(&state, Cgi::get("/"), &cookie)
            .through(&plain)
            .run();
        let response = assert_holds(name, &out, NOTHING);
        assert_eq!(response.status, 200, "{name}: {out}");
        assert!(response.text().contains("not logged in"), "{name}: {out}");
        assert_eq!(out.errors().lines().count(), 1, "{name}: {out}");
    }
}
