//! The command line, as a person in a shell sees it: what comes on which
//! stream, with which exit code (0 done, 1 failed, 2 not understood), in which
//! words (`signet: ` in front, lower case, no full stop, hints on their own).

mod cookie;
mod files;
mod request;
mod sessions;
mod users;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{StateDir, state_root, tested_program};

/// What one command left behind.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `signet` with these arguments and no more than these variables.
#[track_caller]
fn signet(args: &[&str], vars: &[(&str, &str)]) -> Run {
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    run(&args, vars)
}

#[track_caller]
fn run(args: &[&OsStr], vars: &[(&str, &str)]) -> Run {
    let mut command = Command::new(tested_program());
    command.args(args).env_clear().env("HOME", no_home());
    command.envs(vars.iter().copied());
    run_command(command)
}

#[track_caller]
fn run_command(mut command: Command) -> Run {
    let output = command.stdin(Stdio::null()).output().expect("run signet");
    let run = Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    };
    assert!(!run.err.contains("panicked"), "{command:?}: {run:?}");
    run
}

/// A home folder that everybody may write into: no state folder is looked for in
/// it, nor in the tester's own, so that nothing there is read or made.
fn no_home() -> PathBuf {
    let home = state_root().join("no-home");
    let made = fs::DirBuilder::new().recursive(true).create(&home);
    made.expect("make a home folder");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).expect("chmod");
    home
}

impl Run {
    /// Asserts success and gives what was printed.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// Asserts that it failed with `code`, printed nothing and said why in the
    /// house's style, with all of `words`.
    #[track_caller]
    fn failed(self, code: i32, words: &[&str]) {
        assert_eq!((self.code, &*self.out), (Some(code), ""), "{self:?}");
        let first = self.err.lines().next().unwrap_or_default();
        let reason = first
            .strip_prefix("signet: ")
            .unwrap_or_else(|| panic!("no prefix: {self:?}"));
        assert!(!reason.starts_with(char::is_uppercase), "{self:?}");
        assert!(!reason.starts_with("error"), "{self:?}");
        for line in self.err.lines().filter(|line| line.starts_with("signet: ")) {
            assert!(!line.ends_with('.') && line.trim_end() == line, "{self:?}");
        }
        for word in words {
            assert!(self.err.contains(word), "no {word:?}: {self:?}");
        }
    }
}

/// The names of the subcommands that `signet COMMAND --help` lists, but for `help`.
#[track_caller]
fn subcommands(command: &[&str]) -> Vec<String> {
    let help = signet(&[command, &["--help"]].concat(), &[]).done();
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // A description may have further lines, with a larger indent.
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(str::to_owned).collect()
}

/// A state directory as settings.
fn state_dir(state: &StateDir) -> (&'static str, &str) {
    (
        "SIGNET_STATE_DIR",
        state.path().to_str().expect("a path in UTF-8"),
    )
}

#[test]
fn help_is_an_answer() {
    for args in [&["--help"][..], &["-h"], &["help"], &[]] {
        let text = signet(args, &[]).done();
        for word in [
            "Usage: signet",
            "key",
            "cookie",
            "request",
            "print",
            "--version",
        ] {
            assert!(text.contains(word), "{args:?}: no {word}: {text}");
        }
        assert!(
            text.ends_with('\n') && text.lines().all(|line| line.len() <= 80),
            "{text}"
        );
    }
    #[rustfmt::skip]
    let commands: [(&[&str], &[&str]); 11] = [
        (&["key", "--help"],             &["new"]),
        (&["key", "new", "--help"],      &["--file"]),
        (&["cookie", "-h"],              &["decode"]),
        (&["cookie", "decode", "--help"], &["COOKIE", "--unverified"]),
        (&["help", "cookie", "decode"],  &["COOKIE", "--unverified"]),
        (&["request", "--help"],         &["METHOD", "PATH", "--cookie", "--form", "--header"]),
        (&["help", "request"],           &["METHOD", "PATH"]),
        (&["user", "--help"],            &["add", "passwd", "remove", "list", "check"]),
        (&["user", "add", "--help"],     &["NAME", "--stdin"]),
        (&["print", "--help"],           &["htaccess", "lighttpd", "fcgid", "proxy-fcgi", "nginx", "lighttpd-authorizer", "nginx-auth", "authorizer", "caddy", "systemd", "toml", "templates", "probe", "man", "completions"]),
        (&["help", "print", "completions"], &["SHELL", "bash", "zsh", "fish"]),
    ];
    for (args, words) in commands {
        let run = signet(args, &[]);
        assert_eq!(run.err, "", "{args:?}");
        let text = run.done();
        for word in words {
            assert!(
                text.to_uppercase().contains(&word.to_uppercase()),
                "{args:?}: no {word}: {text}"
            );
        }
    }
}

#[test]
fn version_is_one_line() {
    for args in [["--version"], ["-V"]] {
        let run = signet(&args, &[]);
        assert_eq!(run.err, "");
        assert_eq!(
            run.done(),
            concat!("signet ", env!("CARGO_PKG_VERSION"), "\n")
        );
    }
}

/// Neither needs settings: deploy/probe.cgi starts the program with none, and
/// with wrong ones it still has to say what it is.
#[test]
fn help_and_version_need_no_settings() {
    let wrong = [
        ("SIGNET_NO_SUCH_SETTING", "1"),
        ("SIGNET_CONFIG", "/nonexistent"),
    ];
    signet(&["--version"], &wrong).done();
    signet(&["--help"], &wrong).done();
    signet(&["key", "new"], &wrong).done();
    signet(&["print", "toml"], &wrong).done();
}

#[test]
fn what_is_not_understood() {
    #[rustfmt::skip]
    let cases: [(&[&str], &[&str]); 20] = [
        (&["user", "add"],               &["<NAME>"]),
        (&["user", "del", "ada"],        &["'del'"]),
        (&["cookies"],                   &["'cookies'", "'cookie'"]),
        (&["requst", "GET", "/"],        &["'requst'", "'request'"]),
        (&["frobnicate"],                &["'frobnicate'", "--help"]),
        (&["--verison"],                 &["'--verison'", "'--version'"]),
        (&["key", "neww"],               &["'neww'", "'new'"]),
        (&["key", "new", "extra"],       &["'extra'"]),
        (&["cookie", "decod", "x"],      &["'decod'", "'decode'"]),
        (&["cookie", "decode"],          &["<COOKIE>"]),
        (&["cookie", "decode", "a", "b"], &["'b'"]),
        (&["cookie", "decode", "a", "--unverifed"], &["'--unverifed'", "'--unverified'"]),
        (&["request"],                   &["<METHOD>", "<PATH>"]),
        (&["request", "GET"],            &["<PATH>"]),
        (&["request", "GET", "/", "--cooky", "a=b"], &["'--cooky'", "'--cookie'"]),
        (&["request", "GET", "/", "--cookie"], &["--cookie"]),
        (&["print", "tml"],              &["'tml'", "'toml'"]),
        (&["print", "completions"],      &["<SHELL>"]),
        (&["print", "completions", "bsh"], &["'bsh'", "bash"]),
        (&["gc"],                        &["'gc'"]),
    ];
    for (args, words) in cases {
        signet(args, &[]).failed(2, words);
    }
    // A group without its command: the same exit code, and what there is.
    for (group, word) in [("key", "new"), ("cookie", "decode"), ("print", "toml")] {
        let run = signet(&[group], &[]);
        assert_eq!((run.code, &*run.out), (Some(2), ""), "{run:?}");
        assert!(
            run.err.starts_with("signet: ") && run.err.contains(word),
            "{run:?}"
        );
    }
}

#[test]
fn arguments_of_any_bytes() {
    let bytes = OsStr::from_bytes(b"\xff\xad-s");
    let word = OsStr::new;
    for args in [
        vec![bytes],
        vec![word("cookie"), word("decode"), bytes],
        vec![word("request"), bytes, word("/")],
        vec![
            word("request"),
            word("GET"),
            word("/"),
            word("--form"),
            bytes,
        ],
        vec![word("print"), bytes],
    ] {
        run(&args, &[]).failed(2, &[]);
    }
    signet(
        &["cookie", "decode", ""],
        &[("SIGNET_SECRET_KEY", crate::support::KEY)],
    )
    .failed(1, &[]);
}

/// `signet print toml | head -1` is no error; a full disk is one.
#[test]
fn streams_that_end() {
    for (redirection, code) in [
        ("| true", 0),
        ("> /dev/full", 1),
        ("2>/dev/full >&2", 1),
        // /dev/null is opened in the place of a closed stream.
        (">&-", 0),
    ] {
        let script = format!("'{}' print toml {redirection}", tested_program());
        let mut shell = Command::new("/bin/bash");
        shell
            .args(["-c", &format!("set -o pipefail; {script}")])
            .env_clear();
        let out = shell.output().expect("bash");
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(!err.contains("panicked"), "{redirection}: {err}");
        assert_eq!(out.status.code(), Some(code), "{redirection}: {out:?}");
    }
}

/// A settings script has a path; a word is a command, whatever is in the folder.
#[test]
fn a_script_with_the_name_of_a_command_is_not_started() {
    let folder = StateDir::new();
    folder.write("print", "#!/usr/bin/env signet\n", 0o700);
    for (arguments, wanted) in [
        (&["print", "toml"][..], "#SECRET_KEY"),
        (&["./print", "print", "toml"], "#SECRET_KEY"),
    ] {
        let out = Command::new(tested_program())
            .args(arguments)
            .env_clear()
            .current_dir(folder.path())
            .output()
            .expect("run signet");
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(
            out.status.success() && said.contains(wanted),
            "{arguments:?}: {out:?}"
        );
    }
}

/// Nothing that a command does reads or makes files beside those it names.
#[test]
fn the_current_folder_is_left_alone() {
    let folder = StateDir::new();
    for args in [&["key", "new"][..], &["print", "toml"], &["--help"]] {
        let out = Command::new(tested_program())
            .args(args)
            .env_clear()
            .current_dir(folder.path())
            .output();
        assert!(out.expect("run signet").status.success());
    }
    assert_eq!(folder.snapshot().names(), Vec::<&Path>::new());
}
