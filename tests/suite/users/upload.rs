//! `add_users.txt`, which an owner without a shell uploads.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, io};

use signet::gateway::logged;
use signet::users::file::UsersFile;
use signet::users::hash::{HashError, PasswordHash};
use signet::users::password::Password;
use signet::users::store::Stored;
use signet::users::upload::{Budget, Upload, UploadError, take};

use super::{HASH, OTHER, config};
use crate::support::strace::{calls, injected};
use crate::support::{Cgi, StateDir, now};

/// The state folder of [`a_child_process_takes_an_upload`].
const STATE: &str = "UPLOAD_STATE";

/// The time of a call with a budget of two seconds, whose hashes last `each`; and the
/// passwords that it hashed.
fn take_in(state: &Path, each: Duration) -> (Result<Option<Upload>, UploadError>, Vec<String>) {
    let (elapsed, passwords) = (Cell::new(Duration::ZERO), RefCell::new(Vec::new()));
    let budget = Budget {
        elapsed: &|| elapsed.get(),
        limit: Duration::from_secs(2),
    };
    let make = |password: &Password| {
        elapsed.set(elapsed.get() + each);
        let text = String::from_utf8(password.as_typed().to_vec());
        passwords.borrow_mut().push(text.expect("UTF-8"));
        match password.as_typed().len() {
            0..=72 => Ok(PasswordHash::parse(HASH).expect("a hash")),
            _ => Err(HashError::TooLong { most: 72 }),
        }
    };
    let (taken, _) = logged(|| take(&config(state), now(), &budget, make));
    (taken, passwords.into_inner())
}

fn taken(state: &StateDir) -> (Option<Upload>, Vec<String>) {
    let (taken, passwords) = take_in(state.path(), Duration::ZERO);
    (taken.expect("no error"), passwords)
}

/// Uploads the file, `age` seconds ago.
fn upload(state: &StateDir, text: impl AsRef<[u8]>, age: i64) -> PathBuf {
    let path = state.write("add_users.txt", text, 0o644);
    let seconds = Duration::from_secs(age.unsigned_abs());
    let at = match age < 0 {
        true => SystemTime::now() + seconds,
        false => SystemTime::now() - seconds,
    };
    let file = File::options().write(true).open(&path).expect("open it");
    file.set_modified(at).expect("set its time");
    path
}

fn read(path: &Path) -> Option<String> {
    match fs::read_to_string(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        text => Some(text.expect("read a file")),
    }
}

fn users(state: &StateDir) -> String {
    read(&state.path().join("users")).unwrap_or_default()
}

fn names(upload: &Upload) -> Vec<(&str, Stored)> {
    let stored = upload.stored.iter();
    stored
        .map(|(name, stored)| (name.as_str(), *stored))
        .collect()
}

#[test]
fn lines_become_users_and_the_file_is_deleted() {
    let state = StateDir::new();
    let path = upload(
        &state,
        "\u{feff}# my users\r\nada: two words \r\n\r\nbob:a:b#c\r\n\u{e9}va:caf\u{e9}\r\n",
        11,
    );
    let (done, passwords) = taken(&state);
    let done = done.expect("lines");
    let added = Stored::Added;
    assert_eq!(
        names(&done),
        [("ada", added), ("bob", added), ("\u{e9}va", added)]
    );
    assert_eq!((done.refused.len(), done.left), (0, 0));
    assert_eq!(passwords, [" two words ", "a:b#c", "caf\u{e9}"]);
    assert_eq!(read(&path), None);
    assert_eq!(
        users(&state),
        format!("ada:{HASH}\nbob:{HASH}\n\u{e9}va:{HASH}\n")
    );
    let meta = fs::metadata(state.path().join("users")).expect("users");
    assert_eq!(meta.permissions().mode() & 0o7777, 0o600);
    assert_eq!(taken(&state), (None, Vec::new()));
}

/// Nobody is there who could be asked for another one.
#[test]
fn a_weak_password_is_taken_and_its_user_is_named() {
    let state = StateDir::new();
    let lines = "ada:password123\nbob:short\neve:correct horse\nalan.turing:Alan.Turing\n:short\n";
    upload(&state, lines, 11);
    let done = taken(&state).0.expect("lines");
    assert_eq!(done.stored.len(), 4);
    let weak: Vec<&str> = done.weak.iter().map(|name| name.as_str()).collect();
    assert_eq!(weak, ["ada", "bob", "alan.turing"]);
}

#[test]
fn an_existing_name_gets_the_new_password() {
    let state = StateDir::new();
    state.write(
        "users",
        format!("# mine\nada:{OTHER}\r\nbob:{OTHER}"),
        0o640,
    );
    upload(&state, "ada:new\neve:new\n", 11);
    let done = taken(&state).0.expect("lines");
    assert_eq!(
        names(&done),
        [("ada", Stored::Changed), ("eve", Stored::Added)]
    );
    assert_eq!(
        users(&state),
        format!("# mine\nada:{HASH}\r\nbob:{OTHER}\neve:{HASH}\n")
    );
}

#[test]
fn a_file_is_taken_when_its_upload_has_ended() {
    #[rustfmt::skip]
    let cases = [
        // name                      text            seconds ago, taken
        ("just now",                 "ada:pw\n",     0,           false),
        ("nearly",                   "ada:pw\n",     8,           false),
        ("at rest",                  "ada:pw\n",     11,          true),
        ("in the middle of a line",  "ada:pw",       50,          false),
        ("no final newline",         "ada:pw",       61,          true),
        ("empty",                    "",             50,          false),
        ("empty for a minute",       "",             61,          true),
        ("only comments",            "# nobody\n\n", 61,          false),
        // The moment of its upload counts, which is now.
        ("from the future",          "ada:pw\n",     -100,        false),
    ];
    for (name, text, age, is_taken) in cases {
        let state = StateDir::new();
        let path = upload(&state, text, age);
        let (done, passwords) = take_in(state.path(), Duration::ZERO);
        assert_eq!(matches!(done, Ok(Some(_))), is_taken, "{name}");
        let is_unfinished = matches!(done, Err(UploadError::Unfinished { .. }));
        assert_eq!(
            is_unfinished,
            !is_taken && name != "only comments",
            "{name}"
        );
        assert_eq!(
            passwords.len(),
            usize::from(is_taken && !text.is_empty()),
            "{name}"
        );
        assert_eq!(read(&path).is_none(), is_taken, "{name}");
    }
}

#[test]
fn a_call_hashes_for_two_seconds_at_most() {
    let state = StateDir::new();
    let lines: Vec<String> = (0..10).map(|n| format!("user{n}:pw{n}\n")).collect();
    let path = upload(&state, lines.concat(), 11);
    for (from, to) in [(0, 3), (3, 6), (6, 9), (9, 10)] {
        let (done, passwords) = take_in(state.path(), Duration::from_millis(600));
        let done = done.expect("no error").expect("lines");
        assert_eq!((passwords.len(), done.left), (to - from, 10 - to));
        assert_eq!(UsersFile::parse(users(&state).as_bytes()).users().len(), to);
        let rest = lines[to..].concat();
        assert_eq!(read(&path).unwrap_or_default(), rest);
    }
    assert!(!path.exists());
    // A hash that lasts longer than that is made all the same, one in each call.
    upload(&state, "ada:a\nbob:b\n", 11);
    let (done, passwords) = take_in(state.path(), Duration::from_secs(3));
    assert_eq!(
        (
            done.expect("no error").expect("lines").left,
            passwords.len()
        ),
        (1, 1)
    );
}

#[test]
fn a_line_that_cannot_be_used_becomes_a_comment_without_the_password() {
    let state = StateDir::new();
    let long = "x".repeat(73);
    let text = format!(
        "secret1\nada:good\n:secret2\nbob:\r\neve:{long}\n secret3:x\n# mine\nsecret4:a\u{7}:b:\n"
    );
    let path = upload(&state, [text.as_bytes(), b"f\xe9:secret5\n"].concat(), 11);
    let (done, _) = taken(&state);
    let done = done.expect("lines");
    let refused: Vec<usize> = done.refused.iter().map(|(line, _)| *line).collect();
    assert_eq!(refused, [1, 3, 4, 5, 6, 9], "{:?}", done.refused);
    assert_eq!(users(&state), format!("ada:{HASH}\nsecret4:{HASH}\n"));
    let rest = read(&path).expect("it stays");
    assert_eq!(rest.lines().count(), 7, "{rest}");
    assert!(rest.lines().all(|line| line.starts_with("# ")), "{rest}");
    assert!(!rest.contains("secret") && !rest.contains("xxx"), "{rest}");
    for words in [
        "no colon",
        "# not added: bob: the password is empty\r\n",
        "# not added: eve: ",
        "# mine",
    ] {
        assert!(rest.contains(words), "no {words:?}: {rest}");
    }
    // Nothing more is done about it, and no other line takes it away.
    assert_eq!(taken(&state), (None, Vec::new()));
    upload(&state, format!("{rest}zoe:pw\n"), 11);
    assert_eq!(names(&taken(&state).0.expect("a line")).len(), 1);
    assert_eq!(read(&path).expect("it stays"), rest);
}

/// Nothing is hashed for a file that cannot be replaced.
#[test]
fn no_password_is_hashed_in_vain() {
    for (name, place) in [
        (
            "a second name",
            &(|path: &Path| {
                fs::write(path, format!("ada:{OTHER}\n")).expect("users");
                fs::hard_link(path, path.with_file_name("other")).expect("a link");
            }) as &dyn Fn(&Path),
        ),
        ("a folder", &|path| fs::create_dir(path).expect("a folder")),
        ("others can write it", &|path| {
            fs::write(path, "").expect("users");
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("chmod");
        }),
    ] {
        let state = StateDir::new();
        place(&state.path().join("users"));
        let path = upload(&state, "ada:pw\n", 11);
        let (done, passwords) = take_in(state.path(), Duration::ZERO);
        let said = done.expect_err(name).to_string();
        assert!(
            said.contains("add_users.txt was not read") && said.contains("users"),
            "{said}"
        );
        assert_eq!(passwords.len(), 0, "{name}");
        assert_eq!(read(&path).as_deref(), Some("ada:pw\n"), "{name}");
    }
}

#[test]
fn a_lack_of_memory_is_not_the_lines_fault() {
    let state = StateDir::new();
    let path = upload(&state, "ada:pw\n", 11);
    let budget = Budget {
        elapsed: &|| Duration::ZERO,
        limit: Duration::from_secs(2),
    };
    let memory = |_: &_| Err(HashError::Memory { bytes: 4096 });
    let (failed, _) = logged(|| take(&config(state.path()), now(), &budget, memory));
    assert!(
        failed
            .expect_err("no memory")
            .to_string()
            .contains("memory")
    );
    assert_eq!(read(&path).as_deref(), Some("ada:pw\n"));
    assert_eq!(users(&state), "");
}

/// A new upload in the place of the one that is being taken.
#[test]
fn what_is_uploaded_meanwhile_stays() {
    let state = StateDir::new();
    let path = upload(&state, "ada:pw\n", 11);
    let budget = Budget {
        elapsed: &|| Duration::ZERO,
        limit: Duration::from_secs(2),
    };
    let make = |_: &_| {
        upload(&state, "ada:pw\nbob:pw\n", 0);
        Ok(PasswordHash::parse(HASH).expect("a hash"))
    };
    let (done, _) = logged(|| take(&config(state.path()), now(), &budget, make));
    assert_eq!(names(&done.expect("no error").expect("a line")).len(), 1);
    assert_eq!(read(&path).as_deref(), Some("ada:pw\nbob:pw\n"));
}

/// The owner has seen a mistake in it.
#[test]
fn what_is_deleted_meanwhile_stays_deleted() {
    // All lines are used, or one is left for the next call.
    for each in [0, 3] {
        let state = StateDir::new();
        let path = upload(&state, "ada:pw\nbob:pw\n", 11);
        let elapsed = Cell::new(Duration::ZERO);
        let budget = Budget {
            elapsed: &|| elapsed.get(),
            limit: Duration::from_secs(2),
        };
        let make = |_: &_| {
            let _ = fs::remove_file(&path);
            elapsed.set(elapsed.get() + Duration::from_secs(each));
            Ok(PasswordHash::parse(HASH).expect("a hash"))
        };
        let (done, _) = logged(|| take(&config(state.path()), now(), &budget, make));
        let count = if each == 0 { 2 } else { 1 };
        assert_eq!(names(&done.expect("no error").expect("lines")).len(), count);
        assert_eq!(read(&path), None);
    }
}

/// What [`killed_at_any_system_call`] kills.
#[test]
#[ignore = "a part of another test"]
fn a_child_process_takes_an_upload() {
    if let Some(state) = env::var_os(STATE) {
        let (_, passwords) = take_in(Path::new(&state), Duration::ZERO);
        println!("hashed {}", passwords.len());
    }
}

fn child(state: &StateDir) -> Cgi {
    let program = env::current_exe().expect("this program");
    let request = Cgi::get("/").bare().program(program).state(state);
    let request = request.var(STATE, state.path());
    [
        "users::upload::a_child_process_takes_an_upload",
        "--exact",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]
    .into_iter()
    .fold(request, Cgi::arg)
}

/// As on a full disk: no file may have more than so many bytes.
#[test]
fn no_password_is_hashed_if_there_is_no_room() {
    for (most, hashed) in [("--fsize=150", 0), ("--fsize=1000", 2)] {
        let state = prepared();
        let out = child(&state).through(&["/usr/bin/prlimit", most]).run();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(said.contains(&format!("hashed {hashed}")), "{most}: {out}");
        let left = read(&state.path().join("add_users.txt"));
        assert_eq!(left.is_some(), hashed == 0, "{most}: {out}");
    }
}

fn prepared() -> StateDir {
    let state = StateDir::new();
    state.write("users", format!("# mine\nbob:{OTHER}\n"), 0o640);
    upload(&state, "ada:pw\nbob:pw\n", 100);
    state
}

/// Each user is in the users file with the new password, or the line is still there; and
/// the next call does the rest.
#[test]
#[ignore = "needs strace: run tests/run"]
fn killed_at_any_system_call() {
    let (all, _) = calls(child(&prepared()));
    let begin = all
        .iter()
        .position(|call| call.arguments.contains("add_users.txt"));
    let all: Vec<_> = all.into_iter().skip(begin.expect("it looks")).collect();
    assert!(all.len() > 20, "{}", all.len());
    let before = format!("# mine\nbob:{OTHER}\n");
    let after = format!("# mine\nbob:{HASH}\nada:{HASH}\n");
    let mut unfinished = 0;
    for call in all {
        let name = format!("{} {}", call.name, call.number);
        let state = prepared();
        injected(child(&state), &[&call.inject("signal=KILL")]);
        let (users, left) = (users(&state), read(&state.path().join("add_users.txt")));
        assert!([&before, &after].contains(&&users), "{name}: {users}");
        assert!(
            [Some("ada:pw\nbob:pw\n"), None].contains(&left.as_deref()),
            "{name}: {left:?}"
        );
        assert!(users == after || left.is_some(), "{name}: lost");
        unfinished += usize::from(left.is_some());
        taken(&state);
        assert_eq!(super::upload::users(&state), after, "{name}");
        assert_eq!(read(&state.path().join("add_users.txt")), None, "{name}");
    }
    assert!(unfinished > 10, "{unfinished}");
}
