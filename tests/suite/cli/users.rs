//! Commands run by another user than the one whose requests they are about, or
//! without what the web server sets: they read what the requests read, or they
//! say why they cannot. They leave no file that the requests may not touch.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Run, no_home, run_command};
use crate::live::site::{Site, User};
use crate::support::application::WITHOUT_SYSTEM_STATE;
use crate::support::state::Snapshot;
use crate::support::token::Signer;
use crate::support::{StateDir, now, tested_program};

/// The owner of the site, by the name that `/etc/passwd` has on any machine.
const NOBODY: User = User {
    uid: 65_534,
    gid: 65_534,
};

/// Users without a name.
const NAMELESS: User = User {
    uid: 61_234,
    gid: 61_234,
};
const SOMEBODY: User = User {
    uid: 61_235,
    gid: 61_235,
};

/// Names and values of variables.
type Vars<'v> = &'v [(&'v str, &'v Path)];

/// `program` with these arguments and variables, run by `user`.
fn run_as(user: User, program: &Path, arguments: &[&str], vars: Vars) -> Run {
    let [unshare, options @ ..] = WITHOUT_SYSTEM_STATE;
    let mut command = Command::new(unshare);
    command
        .args(options)
        .arg("setpriv")
        .args([
            format!("--reuid={}", user.uid),
            format!("--regid={}", user.gid),
        ])
        .arg("--clear-groups")
        .arg(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", no_home())
        .envs(vars.iter().copied())
        .stdin(Stdio::null());
    run_command(command)
}

/// A site in a home folder, with a session in files.
struct Home {
    site: Site,
    owner: User,
    program: PathBuf,
    state: PathBuf,
}

impl Home {
    fn new(owner: User) -> Self {
        let site = Site::new();
        let home = site.folder("home", owner, 0o755);
        let program = site.program("signet.cgi", owner);
        let state = site.folder("home/.signet", owner, 0o700);
        let toml = "SESSION_TYPE = \"filesystem\"\nSESSION_OVERFLOW = \"filesystem\"\n";
        site.file("home/.signet/signet.toml", toml, owner, 0o600);
        let key = "the-key-in-the-state-directory-0";
        site.file("home/.signet/secret_key", key, owner, 0o600);
        let home = Self {
            site,
            owner,
            program,
            state: home.join(".signet"),
        };
        assert_eq!(home.state, state);
        let login = ["request", "POST", "/login", "--form", "username=ada"];
        home.own(&login).done();
        home
    }

    /// The command, run by the owner.
    fn own(&self, arguments: &[&str]) -> Run {
        let home = self.site.path().join("home");
        run_as(self.owner, &self.program, arguments, &[("HOME", &home)])
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.site.path().join("home"))
    }
}

/// Each command that reads or writes what requests left.
fn commands(cookie: &str) -> [Vec<&str>; 8] {
    [
        vec!["sessions", "list"],
        vec!["sessions", "list", "--json"],
        vec!["sessions", "revoke", "--all"],
        vec!["sessions", "revoke", "--user", "ada"],
        vec!["sessions", "clean"],
        vec!["key", "check"],
        vec!["cookie", "decode", cookie],
        vec!["key", "rotate"],
    ]
}

/// Commands that read nothing that requests left, each with its subcommands, and those
/// that have rows of their own in these tests.
const OTHERS: [&[&str]; 6] = [
    &["doctor"],
    &["fastcgi"],
    &["key", "new"],
    &["print"],
    &["request"],
    &["user"],
];

/// A command without a row would not be tested with the files of another user.
#[test]
fn every_command_has_a_row_here() {
    let commands = commands("cookie");
    let rows = || commands.iter().map(Vec::as_slice).chain(OTHERS);
    let mut next: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = next.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if OTHERS.contains(&&*words) {
            continue;
        }
        let inner = super::subcommands(&words);
        assert!(
            !inner.is_empty() || rows().any(|row| row.starts_with(&words)),
            "signet {}: neither `commands` nor `OTHERS` has a row for it",
            words.join(" ")
        );
        next.extend(
            inner
                .into_iter()
                .map(|name| [&command[..], &[name]].concat()),
        );
    }
}

/// More commands that read or write what requests left, and that other tests run as its owner.
fn more_commands() -> [Vec<&'static str>; 6] {
    [
        vec!["request", "GET", "/"],
        vec!["user", "list"],
        vec!["user", "check"],
        vec!["user", "add", "eve", "--stdin"],
        vec!["user", "passwd", "ada", "--stdin"],
        vec!["user", "remove", "ada"],
    ]
}

fn cookie() -> String {
    let signer = Signer::with_key("the-key-in-the-state-directory-0");
    signer.token(r#"{"username":"ada"}"#, now())
}

#[test]
#[ignore = "needs root: run tests/run"]
fn the_owner_sees_what_requests_left_and_where_it_is() {
    let home = Home::new(NOBODY);
    let run = home.own(&["sessions", "list"]);
    for path in [home.state.join("signet.toml"), home.state.clone()] {
        let path = path.display().to_string();
        assert!(run.err.contains(&path), "{run:?}");
    }
    assert_eq!(run.done().lines().count(), 1);
    let cookie = cookie();
    for arguments in commands(&cookie) {
        home.own(&arguments).done();
    }
    for (path, about) in all_below(&home.state) {
        assert_eq!(about, NOBODY.uid, "{}", path.display());
    }
}

fn all_below(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let about = fs::symlink_metadata(&path).expect("metadata");
        found.push((path.clone(), about.uid()));
        if about.is_dir() {
            found.extend(all_below(&path));
        }
    }
    found
}

/// As an administrator does, with whatever leads to the site: its program, or
/// the variables that the web server or the owner's shell has.
#[test]
#[ignore = "needs root: run tests/run"]
fn commands_of_another_user_name_the_owner_and_change_nothing() {
    let root = User { uid: 0, gid: 0 };
    let cookie = cookie();
    for (owner, remedy) in [(NOBODY, "sudo -u nobody"), (NAMELESS, "sudo -u '#61234'")] {
        let home = Home::new(owner);
        let (folder, toml) = (
            home.site.path().join("home"),
            home.state.join("signet.toml"),
        );
        let shared = Path::new(tested_program());
        #[rustfmt::skip]
        let ways: [(&str, &Path, Vars); 6] = [
            ("its program", &home.program, &[]),
            ("HOME",        shared, &[("HOME", &folder)]),
            ("STATE_DIR",   shared, &[("SIGNET_STATE_DIR", &home.state)]),
            ("CONFIG",      shared, &[("SIGNET_CONFIG", &toml)]),
            ("SSL_CONFIG",  shared, &[("SSL_SIGNET_CONFIG", &toml)]),
            ("all",         &home.program, &[("SIGNET_STATE_DIR", &home.state), ("SIGNET_CONFIG", &toml)]),
        ];
        // sudo removes variables.
        let given = |vars: Vars| {
            let vars = vars.iter().filter(|(name, _)| *name != "HOME");
            vars.map(|(name, value)| format!("{name}={} ", value.display()))
                .collect::<String>()
        };
        let before = home.snapshot();
        for (way, program, vars) in ways {
            for user in [root, SOMEBODY] {
                let doctor = [vec!["doctor"]];
                let others = more_commands().into_iter().chain(doctor);
                for arguments in commands(&cookie).into_iter().chain(others) {
                    let run = run_as(user, program, &arguments, vars);
                    let name = format!("{way}, {}: {arguments:?}: {run:?}", user.uid);
                    let command = format!("{remedy} {}{}", given(vars), program.display());
                    assert!(run.err.contains(&command), "{name}: {command}");
                    assert!(run.err.contains("belongs to"), "{name}");
                    assert!(!run.err.contains(&cookie), "{name}");
                    run.failed(1, &[]);
                }
            }
        }
        assert_eq!(home.snapshot(), before);
    }
}

/// The files that commands name themselves.
#[test]
#[ignore = "needs root: run tests/run"]
fn keys_of_another_user_are_neither_read_nor_made() {
    let home = Home::new(NOBODY);
    let key = home.state.join("secret_key").display().to_string();
    let new = home.state.join("new").display().to_string();
    let before = home.snapshot();
    for user in [User { uid: 0, gid: 0 }, SOMEBODY] {
        for arguments in [
            ["key", "check", &key].as_slice(),
            &["key", "new", "--file", &new],
        ] {
            let run = run_as(user, Path::new(tested_program()), arguments, &[]);
            run.failed(1, &["nobody", "sudo -u nobody"]);
        }
    }
    assert_eq!(home.snapshot(), before);
    home.own(&["key", "check", &key]).done();
    home.own(&["key", "new", "--file", &new]).done();
    // What is root's is for everybody to use, if it may be read.
    let root = StateDir::new();
    let path = root.write("key", "a-good-key-of-root-4711-0815-abc", 0o600);
    let path = path.display().to_string();
    run_as(
        User { uid: 0, gid: 0 },
        Path::new(tested_program()),
        &["key", "check", &path],
        &[],
    )
    .done();
}

/// A program in `/usr/local/bin` or `cgi-bin` is root's, and serves as a user
/// whom nothing names: what root would find is not what requests find.
#[test]
#[ignore = "needs root: run tests/run"]
fn root_is_asked_for_the_user_of_the_web_server() {
    let site = Site::new();
    let home = site.folder("root", User { uid: 0, gid: 0 }, 0o700);
    let vars: Vars = &[("HOME", &home)];
    let cookie = cookie();
    for arguments in commands(&cookie).into_iter().chain(more_commands()) {
        let run = run_as(
            User { uid: 0, gid: 0 },
            Path::new(tested_program()),
            &arguments,
            vars,
        );
        run.failed(
            1,
            &["state folder", "root", "web server", "SIGNET_STATE_DIR"],
        );
    }
    assert_eq!(Snapshot::of(&home).names(), Vec::<&Path>::new());
}

/// As [`root_is_asked_for_the_user_of_the_web_server`]: settings that do not say
/// where the site keeps its data do not make root's folder that of the site.
#[test]
#[ignore = "needs root: run tests/run"]
fn settings_in_the_shell_do_not_replace_the_state_folder() {
    let alice = Home::new(NOBODY);
    let site = Site::new();
    let home = site.folder("root", User { uid: 0, gid: 0 }, 0o700);
    let toml = site.file(
        "site.toml",
        "DEBUG = false\n",
        User { uid: 0, gid: 0 },
        0o644,
    );
    let key = alice.state.join("secret_key");
    let cookie = cookie();
    let of = |name, value: &'static str| (name, Path::new(value));
    let files = "filesystem";
    let missing = home.join("missing");
    #[rustfmt::skip]
    let cases: [(&str, Vec<(&str, &Path)>); 10] = [
        ("DEBUG",           vec![of("SIGNET_DEBUG", "false")]),
        ("null",            vec![of("SIGNET_STATE_DIR", "null")]),
        ("TEMPLATES_DIR",   vec![("SIGNET_TEMPLATES_DIR", &alice.state)]),
        ("SECRET_KEY_FILE", vec![("SIGNET_SECRET_KEY_FILE", &key)]),
        ("SECRET_KEY",      vec![of("SIGNET_SECRET_KEY", "the-key-in-the-state-directory-0")]),
        ("SESSION_TYPE",    vec![of("SIGNET_SESSION_TYPE", files)]),
        ("OVERFLOW",        vec![of("SIGNET_SESSION_OVERFLOW", files)]),
        ("FILE_DIR",        vec![of("SIGNET_SESSION_TYPE", files), ("SIGNET_SESSION_FILE_DIR", &missing)]),
        ("CONFIG",          vec![("SIGNET_CONFIG", &toml)]),
        ("REDIRECT_",       vec![of("REDIRECT_SIGNET_DEBUG", "true")]),
    ];
    let before = alice.snapshot();
    for (name, vars) in cases {
        let vars: Vec<(&str, &Path)> = [vec![("HOME", &*home)], vars].concat();
        for arguments in commands(&cookie).into_iter().chain(more_commands()) {
            // The key is all that these need.
            if name == "SECRET_KEY" && matches!(arguments[0], "key" | "cookie") {
                continue;
            }
            let run = run_as(
                User { uid: 0, gid: 0 },
                Path::new(tested_program()),
                &arguments,
                &vars,
            );
            assert_eq!(
                (run.code, &*run.out),
                (Some(1), ""),
                "{name}: {arguments:?}: {run:?}"
            );
        }
    }
    assert_eq!(alice.snapshot(), before);
    assert_eq!(Snapshot::of(&home).names(), Vec::<&Path>::new());
}

/// A folder that is not there holds no sessions: its name may be misspelt.
#[test]
fn commands_about_sessions_never_make_the_state_folder() {
    let folder = StateDir::new();
    let missing = folder.path().join("missing").display().to_string();
    for arguments in [
        &["sessions", "revoke", "--all"][..],
        &["sessions", "revoke", "--user", "ada"],
        &["sessions", "list"],
        &["sessions", "clean"],
        &["key", "rotate"],
        &["user", "add", "ada", "--stdin"],
        &["user", "list"],
        &["user", "check"],
    ] {
        let vars = [
            ("SIGNET_STATE_DIR", &*missing),
            ("SIGNET_SESSION_TYPE", "filesystem"),
        ];
        super::signet(arguments, &vars).failed(1, &["no state folder", &missing]);
    }
    assert_eq!(folder.snapshot().names(), Vec::<&Path>::new());
}

/// Without suEXEC the requests run as the web server's user, who keeps the state
/// in a folder of its own: that user's commands are right.
#[test]
#[ignore = "needs root: run tests/run"]
fn the_user_of_the_web_server_may_use_the_owners_program() {
    let site = Site::new();
    let program = site.program("signet.cgi", NAMELESS);
    let toml = "SESSION_TYPE = \"filesystem\"\n";
    let settings = site.file("site.toml", toml, User { uid: 0, gid: 0 }, 0o644);
    let state = site.folder("state", NOBODY, 0o700);
    let vars: Vars = &[("SIGNET_CONFIG", &settings), ("SIGNET_STATE_DIR", &state)];
    let run = |arguments: &[&str]| run_as(NOBODY, &program, arguments, vars);
    run(&["request", "POST", "/login", "--form", "username=ada"]).done();
    assert_eq!(run(&["sessions", "list"]).done().lines().count(), 1);
}

/// Before the first visit, or where the web server sets something that the shell
/// does not: the command does not pretend to know the site.
#[test]
fn a_site_that_cannot_be_found_is_not_taken_for_one_with_defaults() {
    let home = StateDir::new();
    let vars: Vars = &[("HOME", home.path())];
    let cookie = cookie();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(tested_program());
        command
            .args(arguments)
            .env_clear()
            .envs(vars.iter().copied());
        run_command(command)
    };
    for arguments in commands(&cookie) {
        run(&arguments).failed(1, &["state folder", "web server", "SIGNET_CONFIG"]);
    }
    assert_eq!(home.snapshot().names(), Vec::<&Path>::new());
    home.write(
        ".signet/signet.toml",
        "SESSION_TYPE = \"filesystem\"\n",
        0o600,
    );
    let found = run(&["sessions", "list"]);
    let state = home.path().join(".signet").display().to_string();
    assert!(
        found.err.contains(&format!("{state}/signet.toml")),
        "{found:?}"
    );
    found.done();
}

/// A settings script (`#!/path/of/signet`) started in a shell, as its requests
/// are: what stands in it counts.
#[test]
fn a_script_of_settings_takes_commands() {
    let state = StateDir::new();
    let text = format!(
        "#!{}\nSTATE_DIR = \"{}\"\nSESSION_TYPE = \"filesystem\"\n",
        tested_program(),
        state.path().join("state").display()
    );
    let script = state.write("login.cgi", text, 0o755);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&script);
        command.args(arguments).env_clear().env("HOME", no_home());
        run_command(command)
    };
    run(&["request", "POST", "/login", "--form", "username=ada"]).done();
    assert_eq!(run(&["sessions", "list"]).done().lines().count(), 1);
    assert!(state.path().join("state/sessions").is_dir());
    assert!(run(&["--version"]).done().starts_with("signet "));
    assert!(run(&[]).done().contains("Usage: signet"));
    run(&["sesions"]).failed(2, &["'sesions'", "'sessions'"]);
}
