//! `signet user`, as a person or a script uses it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::geteuid;
use signet::users::hash::PasswordHash;
use signet::users::name::Username;
use signet::users::store;

use super::{BCRYPT, HASH, OTHER, config, done, failed, htpasswd_accepts, signet};
use crate::support::application::without_settings;
use crate::support::{StateDir, tested_program};

fn users(state: &StateDir) -> String {
    fs::read_to_string(state.path().join("users")).expect("a users file")
}

fn mode(state: &StateDir) -> u32 {
    let meta = fs::metadata(state.path().join("users")).expect("a users file");
    meta.permissions().mode() & 0o7777
}

/// One hash lasts a quarter of a second, so one test does all that needs new ones.
#[test]
fn users_are_added_changed_checked_and_removed() {
    let state = StateDir::new();
    let run = |arguments: &[&str], typed: &str| signet(&state, arguments, typed.as_bytes());

    let said = failed(&run(&["user", "passwd", "ada", "--stdin"], "first\n"));
    assert!(
        said.contains("does not exist") && said.contains("user add"),
        "{said}"
    );

    let added = run(&["user", "add", "ada", "--stdin"], " first: one \r\n");
    assert_eq!(done(&added), "");
    let said = String::from_utf8_lossy(&added.stderr).into_owned();
    assert!(
        said.contains("created") && said.contains("\"ada\""),
        "{said}"
    );
    assert!(!said.contains("first"), "{said}");
    assert_eq!(mode(&state), 0o600);
    let first = users(&state);
    assert!(
        first.starts_with("ada:$2y$12$") && first.ends_with('\n'),
        "{first}"
    );

    // Exactly the password, which is not trimmed.
    done(&run(&["user", "check", "ada", "--stdin"], " first: one "));
    for wrong in [
        "first: one",
        " first: one",
        "First: one",
        " first: one \n\n",
    ] {
        failed(&run(&["user", "check", "ada", "--stdin"], wrong));
    }

    let said = failed(&run(&["user", "add", "ada", "--stdin"], "other"));
    assert!(
        said.contains("line 1") && said.contains("user passwd"),
        "{said}"
    );
    assert_eq!(users(&state), first);

    done(&run(&["user", "passwd", "ada", "--stdin"], "the second"));
    assert_ne!(users(&state), first);
    done(&run(&["user", "check", "ada", "--stdin"], "the second"));

    let said = failed(&run(&["user", "remove", "Ada"], ""));
    assert!(said.contains("no user \"Ada\""), "{said}");
    done(&run(&["user", "remove", "ada"], ""));
    assert_eq!(users(&state), "");
    let said = failed(&run(&["user", "check", "ada", "--stdin"], "the second"));
    assert!(said.contains("no user"), "{said}");
}

#[test]
#[ignore = "needs htpasswd: run tests/run"]
fn htpasswd_accepts_what_was_added() {
    let state = StateDir::new();
    let path = state.write("users", format!("# panel\nbob:{OTHER}"), 0o640);
    done(&signet(
        &state,
        &["user", "add", "ada", "--stdin"],
        "caf\u{e9} 123".as_bytes(),
    ));
    assert!(htpasswd_accepts(&path, "ada", "caf\u{e9} 123"));
    assert!(!htpasswd_accepts(&path, "ada", "caf\u{e9} 124"));
    assert!(htpasswd_accepts(&path, "bob", "other"));
    // And the other way round.
    let changed = Command::new("htpasswd")
        .args(["-bB"])
        .arg(&path)
        .args(["ada", "new"])
        .output();
    assert!(changed.expect("start htpasswd").status.success());
    done(&signet(
        &state,
        &["user", "check", "ada", "--stdin"],
        b"new",
    ));
    assert!(users(&state).starts_with(&format!("# panel\nbob:{OTHER}\nada:$2y$")));
    assert_eq!(mode(&state), 0o640, "by htpasswd or by signet");
}

#[test]
fn a_password_that_cannot_be_one_is_refused() {
    let state = StateDir::new();
    let long = "x".repeat(73);
    let longest = "x".repeat(1025);
    #[rustfmt::skip]
    let cases: [(&[u8], &str); 11] = [
        (b"geheim7",         "7 characters; use at least 8"),
        ("geheim\u{e9}".as_bytes(), "7 characters; use at least 8"),
        (b"password123",     "most common"),
        (b"PassWord123",     "most common"),
        (b"Ada.Lovelace",    "user's name"),
        (b"",                "empty"),
        (b"\n",              "empty"),
        (b"two\nlines",      "more than one line"),
        (long.as_bytes(),    "73 bytes"),
        (longest.as_bytes(), "1024 bytes"),
        (b"abcdefg\0h",      "NUL"),
    ];
    let refused = |arguments: &[&str]| {
        for (typed, words) in cases {
            let said = failed(&signet(&state, arguments, typed));
            assert!(said.contains(words), "{words}: {said}");
            assert!(typed.is_empty() || !said.contains("geheim"), "{said}");
        }
    };
    refused(&["user", "add", "ada.lovelace", "--stdin"]);
    assert_eq!(state.snapshot().names().len(), 0);
    state.write("users", format!("ada.lovelace:{HASH}\n"), 0o600);
    refused(&["user", "passwd", "ada.lovelace", "--stdin"]);
    assert_eq!(users(&state), format!("ada.lovelace:{HASH}\n"));
    // Without a terminal.
    let output = Command::new("setsid")
        .args(["--wait", tested_program(), "user", "add", "ada"])
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .stdin(Stdio::null())
        .output()
        .expect("start setsid");
    let said = failed(&output);
    assert!(
        said.contains("terminal") && said.contains("--stdin"),
        "{said}"
    );
}

#[test]
fn a_name_that_cannot_be_one_is_a_wrong_argument() {
    let state = StateDir::new();
    for name in ["", " ada", "#ada", "a:b", "a\nb", &"a".repeat(256)] {
        for arguments in [
            &["user", "add", name, "--stdin"][..],
            &["user", "remove", name],
            &["user", "check", name, "--stdin"],
        ] {
            let output = signet(&state, arguments, b"password");
            assert_eq!(output.status.code(), Some(2), "{name:?}: {output:?}");
        }
    }
    let output = signet(&state, &["user", "check", "--stdin"], b"password");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Two passwords are typed into a terminal, which shows none of them.
#[test]
#[ignore = "needs Python: run tests/run"]
fn a_password_is_typed_twice_and_not_shown() {
    let state = StateDir::new();
    // Types each line after its prompt; then, what the terminal showed.
    let script = "import os, pty, sys\n\
        pid, tty = pty.fork()\n\
        if pid == 0: os.execv(sys.argv[1], ['signet', 'user', *sys.argv[2].split()])\n\
        shown = b''\n\
        typed = [line.encode() for line in sys.argv[3:]]\n\
        while True:\n\
        \x20   try: part = os.read(tty, 1024)\n\
        \x20   except OSError: break\n\
        \x20   if not part: break\n\
        \x20   shown += part\n\
        \x20   if part.endswith(b': ') and typed: os.write(tty, typed.pop(0))\n\
        sys.stdout.buffer.write(shown)\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n";
    let run = |command: &str, typed: &[&str]| {
        without_settings(&mut Command::new("python3"))
            .args(["-c", script, tested_program(), command])
            .args(typed)
            .env("SIGNET_STATE_DIR", state.path())
            .output()
            .expect("start Python")
    };
    let differs = run("add ada", &["secret one\n", "secret two\n"]);
    let said = String::from_utf8_lossy(&differs.stdout).into_owned();
    assert_eq!(differs.status.code(), Some(1), "{said}");
    assert!(
        said.contains("differ") && !said.contains("secret"),
        "{said}"
    );
    assert_eq!(state.snapshot().names().len(), 0);

    let interrupted = run("add ada", &["secret\u{3}"]);
    let said = String::from_utf8_lossy(&interrupted.stdout).into_owned();
    assert_eq!(interrupted.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");

    let added = run("add ada", &["secret one \n", "secret one \n"]);
    let said = String::from_utf8_lossy(&added.stdout).into_owned();
    assert_eq!(added.status.code(), Some(0), "{said}");
    assert!(
        said.contains("created") && !said.contains("secret"),
        "{said}"
    );
    assert_eq!(run("check ada", &["secret one \n"]).status.code(), Some(0));
    assert_eq!(run("check ada", &["secret one\n"]).status.code(), Some(1));
}

#[test]
fn the_list_shows_names_kinds_and_what_is_weak_or_refused() {
    let state = StateDir::new();
    let text = format!("eve:{HASH}\n# a comment\nbob:geheim\nada:{BCRYPT}\nno colon\n");
    state.write("users", text, 0o600);
    let listed = done(&signet(&state, &["user", "list"], b""));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 4, "{listed}");
    assert!(
        lines[0].starts_with("ada ") && lines[0].contains("bcrypt"),
        "{listed}"
    );
    assert!(!lines[0].contains("weak"), "{listed}");
    assert!(
        lines[1].starts_with("bob ") && lines[1].contains("refused"),
        "{listed}"
    );
    assert!(
        lines[2].starts_with("eve ") && lines[2].contains("apr1 (weak)"),
        "{listed}"
    );
    assert!(
        lines[3].starts_with("no colon ") && lines[3].contains("refused"),
        "{listed}"
    );
    for secret in ["geheim", "5VEbMk"] {
        assert!(!listed.contains(secret), "{listed}");
    }
}

/// With the kinds and costs of the programs that make them.
#[test]
fn the_list_names_every_kind_of_hash() {
    let state = StateDir::new();
    #[rustfmt::skip]
    let cases = [
        ("$2y$05$.oXq.hKQm46dqnWyehyPh.ePgUTW9z8VvWpDQ/3bYrB7/dxmT8D.u", "bcrypt, cost 5 (weak)"),
        ("$5$saltsalt$0rl.MZtoLLPP3X0Rdl8riRnphIcAXJY27/aOAyK2hB5", "SHA-256 crypt, 5000 rounds (weak)"),
        ("$6$saltsalt$pauPrmdmG4BTE9h2HPmywiw152IFch6BJCEsaY6D.PLTfpV8sqvXwWdyfsgVgozkYH9B80bAip/08R2BPH2xk/", "SHA-512 crypt, 5000 rounds (weak)"),
        ("$argon2id$v=19$m=8192,t=1,p=1$QjNzbzdnLlZ5U3liVW9DOQ$S7sKxRqSSjtqZDCCiKLEO3zffoue6t5/5BO/2iRpv/c", "Argon2id, 8192 KiB, passes: 1 (weak)"),
        ("scrypt:32768:8:1$oYwI8ZwNqdRnRWxH$752482d84686098ed6cc3ee08599ccedc77c6e3855898488e09afe8ad35934470a92d34bc418743b5df3f62feac9c3cc85acb6ac4191ad1759770c02a475fdaa", "scrypt, N 32768, r 8, p 1"),
        ("pbkdf2:sha256:1000$zkts8hMY31zS9Io4$82e840425a04e98ef2b2d04b219879044c307727e8ded0b9e35927b94544aeba", "PBKDF2 with SHA-256, 1000 iterations (weak)"),
    ];
    let lines = cases.iter().enumerate();
    let text: String = lines
        .map(|(n, (hash, _))| format!("user{n}:{hash}\n"))
        .collect();
    state.write("users", text, 0o600);
    let listed = done(&signet(&state, &["user", "list"], b""));
    for (line, (_, kind)) in listed.lines().zip(cases) {
        assert!(line.ends_with(&format!("  {kind}")), "{line}");
    }
    assert_eq!(listed.lines().count(), cases.len());
}

#[test]
fn check_reports_all_problems_with_their_lines() {
    let state = StateDir::new();
    let good = format!("# users\nada:{BCRYPT}\n");
    state.write("users", &good, 0o600);
    let said = done(&signet(&state, &["user", "check"], b""));
    assert!(said.contains("is good: 1 user"), "{said}");

    // The page /password says the same.
    state.write("users", &good, 0o400);
    let checked = signet(&state, &["user", "check"], b"");
    done(&checked);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    let reported =
        said.contains("users cannot change their passwords") && said.contains("chmod u+w");
    // Root can change it.
    assert_eq!(reported, !geteuid().is_root(), "{said}");

    let text = format!("{good}eve:{HASH}\nbob:geheim\nada:{HASH}\nno colon\n");
    state.write("users", text, 0o644);
    let said = failed(&signet(&state, &["user", "check"], b""));
    for words in [
        "users: line 4: plain text",
        "users: line 5: line 2 has the same name",
        "users: line 6: there is no colon",
        "users: line 3: apr1 is weak",
        "3 problems",
        "mode 0644",
    ] {
        assert!(said.contains(words), "no {words:?}: {said}");
    }
    assert!(
        !said.contains("5VEbMk") && !said.contains("geheim"),
        "{said}"
    );

    let said = failed(&signet(
        &state,
        &["user", "check", "bob", "--stdin"],
        b"geheim",
    ));
    assert!(said.contains("line 4"), "{said}");
}

/// Removing users needs no hash: fifty processes at once, each with its own.
#[test]
fn fifty_processes_at_once_lose_no_change() {
    let state = StateDir::new();
    let all: String = (0..50).map(|n| format!("user{n}:{HASH}\n")).collect();
    state.write("users", format!("# users\n{all}last:{OTHER}\n"), 0o640);
    thread::scope(|scope| {
        for n in 0..50 {
            let state = &state;
            scope.spawn(move || {
                done(&signet(
                    state,
                    &["user", "remove", &format!("user{n}")],
                    b"",
                ));
            });
        }
    });
    assert_eq!(users(&state), format!("# users\nlast:{OTHER}\n"));
    assert_eq!(mode(&state), 0o640);
    assert_eq!(state.snapshot().names().len(), 1, "nothing is left over");
}

/// Also the ones that make the file.
#[test]
fn fifty_additions_at_once_add_fifty_users() {
    let state = StateDir::new();
    let file = config(state.path()).users_file().expect("a place");
    let hash = PasswordHash::parse(HASH).expect("a hash");
    thread::scope(|scope| {
        for n in 0..50 {
            let (file, hash) = (&file, &hash);
            scope.spawn(move || {
                let name = Username::new(&format!("user{n}")).expect("a name");
                store::add(file, &name, hash).expect("add it");
            });
        }
    });
    let mut names: Vec<String> = users(&state)
        .lines()
        .map(|line| line.split(':').next().expect("a name").to_owned())
        .collect();
    names.sort();
    let mut wanted: Vec<String> = (0..50).map(|n| format!("user{n}")).collect();
    wanted.sort();
    assert_eq!(names, wanted);
    assert_eq!(state.snapshot().names().len(), 1, "nothing is left over");
}
