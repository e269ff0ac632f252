//! The static program: that it is one, and how little it needs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::static_program;
use crate::support::cgi::compiled;
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, KEY, StateDir, dynamic_program, now, others_can_enter};

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|err| panic!("{command:?}: {err}"))
}

/// The kinds of the program's segments, as numbers of the ELF specification.
fn segments(program: &[u8]) -> Vec<u32> {
    let number = |at: usize, bytes: usize| {
        let field = program[at..at + bytes].iter().rev();
        field.fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let table = usize::try_from(number(32, 8)).expect("an offset");
    let size = usize::try_from(number(54, 2)).expect("a size");
    (0..usize::try_from(number(56, 2)).expect("a count"))
        .map(|index| u32::try_from(number(table + index * size, 4)).expect("a type"))
        .collect()
}

#[test]
#[ignore = "needs the static program: run tests/run"]
fn it_is_static_and_small() {
    const DYNAMIC: u32 = 2;
    const INTERPRETER: u32 = 3;
    let program = fs::read(static_program()).expect("read it");
    assert!(program.len() < 4 << 20, "{} bytes", program.len());
    let segments = segments(&program);
    assert!(!segments.is_empty(), "no ELF program");
    assert!(!segments.contains(&INTERPRETER), "it asks for a loader");
    // A fixed address: nothing is left to link, or to relocate, at the start.
    assert!(!segments.contains(&DYNAMIC), "it asks for libraries");
    let names = run(Command::new("readelf").arg("-SW").arg(static_program()));
    let names = String::from_utf8_lossy(&names.stdout);
    assert!(
        names.contains(".text") && !names.contains(".symtab"),
        "{names}"
    );
}

/// A root directory that holds nothing but the program, `bin/signet`.
struct Jail(StateDir);

impl Jail {
    fn new() -> Self {
        let jail = StateDir::new();
        let program = jail.write(
            "bin/signet",
            fs::read(static_program()).expect("read"),
            0o755,
        );
        let folders = [jail.path(), program.parent().expect("bin")];
        for folder in folders {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        Self(jail)
    }

    fn root(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn command(&self, before: &[&str], arguments: &[&str]) -> Command {
        let root = self.root();
        let root = root.to_str().expect("UTF-8");
        let words = [
            before,
            &["/usr/sbin/chroot", root, "/bin/signet"],
            arguments,
        ]
        .concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env_clear();
        command
    }
}

#[test]
#[ignore = "needs the static program and root: run tests/run"]
fn it_needs_nothing_around_it() {
    let jail = Jail::new();
    let version = run(&mut jail.command(&[], &["--version"]));
    let want = concat!("signet ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        want,
        "{version:?}"
    );

    let cookie = format!(
        "session={}",
        Signer::default().token(r#"{"username":"ada"}"#, now())
    );
    let mut index = jail.command(&[], &[]);
    index.envs([
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("PATH_INFO", "/"),
        ("SIGNET_SECRET_KEY", KEY),
        ("HTTP_COOKIE", &cookie),
    ]);
    let answer = run(&mut index);
    let response =
        Response::parse(&answer.stdout).unwrap_or_else(|why| panic!("{why}: {answer:?}"));
    assert!(response.text().contains("Logged in as ada"), "{answer:?}");
}

/// The logged-in index by the static program.
fn index() -> Cgi {
    let cookie = Signer::default().token(r#"{"username":"ada"}"#, now());
    Cgi::get("/")
        .program(static_program())
        .cookie(format!("session={cookie}"))
}

#[track_caller]
fn assert_logged_in(name: &str, request: Cgi) {
    let out = request.run();
    let shown = out.response().text().contains("Logged in as ada");
    assert!(shown, "{name}: {out}");
}

/// Cheap hosts give 32 MB and eight processes; half of it is enough, and none
/// but its own.
#[test]
#[ignore = "needs the static program and root: run tests/run"]
fn it_works_within_the_limits_of_cheap_hosts() {
    assert_logged_in("16 MiB of address space", index().address_space(16 << 20));

    let program = StateDir::new();
    let copy = program.write("signet", fs::read(static_program()).expect("read"), 0o700);
    const SOMEBODY: u32 = 61_235;
    chown(&copy, Some(SOMEBODY), Some(SOMEBODY)).expect("chown");
    // The limit counts the user's processes, and this is the first one.
    let (user, group) = (format!("--reuid={SOMEBODY}"), format!("--regid={SOMEBODY}"));
    let limits = [
        "/usr/bin/prlimit",
        "--nproc=1",
        "/usr/bin/setpriv",
        &user,
        &group,
        "--clear-groups",
        "/usr/bin/env",
    ];
    let parent = program.path().parent().expect("a folder around it");
    for folder in [parent, program.path()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    if others_can_enter(program.path()) {
        // Of the test's state folder, this user could not say whether users have passwords.
        let request = index().without("SIGNET_STATE_DIR").program(&copy);
        assert_logged_in("one process", request.through(&limits));
    } else {
        // Below a private home nobody else can start it: from the jail, then.
        let jail = Jail::new();
        let before = ["/usr/bin/prlimit", "--nproc=1"];
        let mut version = jail.command(&before, &["--version"]);
        assert!(run(&mut version).status.success(), "one process");
    }
}

/// The peak of what it keeps in memory, as the kernel counted it.
#[test]
#[ignore = "needs the static program: run tests/run"]
fn it_stays_below_three_mebibytes() {
    let peak = compiled("peak", &[]);
    let peak = peak.to_str().expect("UTF-8");
    let out = index().through(&[peak]).run();
    assert!(out.response().text().contains("Logged in as ada"), "{out}");
    let peak = out.errors();
    let peak: u64 = peak.trim().parse().unwrap_or_else(|_| panic!("{out}"));
    assert!((200..3 * 1024).contains(&peak), "{peak} KiB");
}

/// The text between two others in a file of the checkout.
fn between(file: &str, before: &str, after: &str) -> String {
    let text = fs::read_to_string(checkout().join(file)).expect("read");
    let (_, rest) = text.split_once(before).expect(before);
    let (found, _) = rest.split_once(after).expect(after);
    found.to_owned()
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A package with the manifest of README.md, and with the same versions of the same crates
/// as the checkout.
fn package(name: &str) -> StateDir {
    let package = StateDir::new();
    let manifest = between("README.md", "[dependencies]\n", "```");
    let manifest = manifest.replace("\"../signet\"", &format!("{:?}", checkout()));
    let dev = between("Cargo.toml", "[profile.dev]", "\n[");
    let manifest = format!(
        "[package]\nname = {name:?}\nedition = \"2024\"\n\n[dependencies]\n{manifest}\n\
         [profile.dev]{dev}\n[workspace]\n"
    );
    package.write("Cargo.toml", manifest, 0o644);
    let lock = package.path().join("Cargo.lock");
    fs::copy(checkout().join("Cargo.lock"), lock).expect("copy");
    package
}

/// A program is as small as signet only with the same profile.
#[test]
fn the_profile_for_programs_is_that_of_signet() {
    let profile = |file: &str, end: &str| {
        let text = between(file, "[profile.release]", end);
        let (_, lines) = text.split_once('\n').expect("lines");
        lines.trim().to_owned()
    };
    // In the archive of the package, Cargo.toml is rewritten.
    let written = "Cargo.toml.orig";
    let manifest = match checkout().join(written).exists() {
        true => written,
        false => "Cargo.toml",
    };
    let file = "tests/examples/README.md";
    assert_eq!(profile(file, "```"), profile(manifest, "\n["));
}

/// The programs of the two documents, with tests beside them in `src/main.rs`.
#[test]
fn a_program_with_unit_tests_runs_them() {
    let package = package("tested");
    let first = between("README.md", "```rust,no_run\n", "```");
    let first = first + "#[test]\nfn one() {}\n";
    package.write("src/main.rs", first, 0o644);
    let second = between("tests/examples/README.md", "```rust,no_run\n", "```");
    package.write("src/bin/second.rs", second, 0o644);

    let built = Path::new(dynamic_program()).ancestors().nth(2);
    let mut test = Command::new(env!("CARGO"));
    let output = run(test
        .arg("--config")
        .arg(checkout().join(".cargo/config.toml"))
        .args(["test", "--quiet", "--offline", "--target-dir"])
        .arg(built.expect("target"))
        .current_dir(package.path()));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said.matches("1 passed").count(), 2, "{said}");
}

/// The first program of README.md, as a package of its own.
#[test]
#[ignore = "needs the crates of the static program: run tests/run"]
fn a_program_of_another_package_is_built() {
    let root = checkout();
    let package = package("visits");
    let source = between("README.md", "```rust,no_run\n", "```");
    package.write("src/main.rs", source, 0o644);
    symlink(root.join("target"), package.path().join("target")).expect("link");

    let mut build = Command::new(root.join("deploy/build"));
    let output = run(build
        .args(["--bin", "visits"])
        .current_dir(package.path())
        .env("CARGO_NET_OFFLINE", "true"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(output.stdout, b"target/visits.cgi\n");
    let program = package.path().join("visits.cgi");
    fs::rename(root.join("target/visits.cgi"), &program).expect("move");
    let out = Cgi::get("/").program(&program).run();
    assert!(out.response().text().contains("Visit number 1"), "{out}");
}

#[test]
fn a_build_in_a_folder_without_a_package_says_so() {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/build");
    let folder = StateDir::new();
    for (arguments, said) in [
        (&["--bin", "visits"][..], "there is no Cargo.toml in"),
        (
            &["--bin"][..],
            "expected deploy/build, or deploy/build --bin NAME",
        ),
        (
            &["visits"][..],
            "expected deploy/build, or deploy/build --bin NAME",
        ),
    ] {
        let output = run(Command::new(&build)
            .args(arguments)
            .current_dir(folder.path()));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(said), "{arguments:?}: {errors}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}
