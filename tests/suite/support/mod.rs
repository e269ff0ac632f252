//! What every test leans on: the program run as a web server would run it.

pub(crate) mod application;
pub(crate) mod cgi;
pub(crate) mod fastcgi;
pub(crate) mod html;
pub(crate) mod http;
pub(crate) mod invariants;
pub(crate) mod jar;
pub(crate) mod output;
pub(crate) mod redis;
pub(crate) mod response;
pub(crate) mod set_cookie;
pub(crate) mod state;
pub(crate) mod steady;
pub(crate) mod strace;
pub(crate) mod token;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Once};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use cgi::Cgi;
pub(crate) use output::Output;
pub(crate) use state::{StateDir, others_can_enter, state_root};

/// The key that [`Cgi`] gives the program unless a test gives another.
pub(crate) const KEY: &str = "tests-only-7f3a91c6e0d24b58ac4be19027d6";

/// A users file: `htpasswd -nbBC 4 ada 'correct horse'`.
pub(crate) const ADA: &str = "ada:$2y$04$Z735b3IS6GniM.cQ.C7/WeWiDU5Yy4oXk7ndxrGpFwEIt33s1Ij0q\n";

/// Unix seconds, for tokens that must be fresh.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs()
}

/// The path of the program: that which `TESTED_PROGRAM` names, or that which `cargo test`
/// has built. `tests/run` names the static one, which starts in a tenth of the time.
pub(crate) fn tested_program() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let named = env::var("TESTED_PROGRAM");
        named.unwrap_or_else(|_| dynamic_program().to_owned())
    });
    &PROGRAM
}

/// The path of the program that `cargo test` has built, which is a dynamic one.
pub(crate) fn dynamic_program() -> &'static str {
    env!("CARGO_BIN_EXE_signet")
}

/// Copies a program, as another process: what another test starts meanwhile would hold the
/// copy open for writing for a moment, and nobody could run it (ETXTBSY).
#[track_caller]
pub(crate) fn copy_program(program: impl AsRef<Path>, to: impl AsRef<Path>) {
    let (program, to) = (program.as_ref(), to.as_ref());
    let copied = Command::new("cp").arg(program).arg(to).status();
    assert!(copied.expect("start cp").success(), "{}", to.display());
}

/// A command that runs the script of this name in `tests/` by Python.
pub(crate) fn python(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join("target/venv/bin/python"));
    command.arg("-B").arg(root.join("tests").join(script));
    command
}

/// Runs a command whose output says what is wrong, and returns what it says.
#[track_caller]
pub(crate) fn assert_succeeds(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|err| panic!("{command:?}: {err}; tests/run installs it"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{failed}");
    print!("{said}");
    said
}

/// The example program of that name. `cargo test` builds them beside the
/// program, unless it is told to run one test alone; `tests/run` has built them
/// and says so, as the user whom it runs the tests by may have no cargo.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        if env::var_os("EXAMPLES_ARE_BUILT").is_some() {
            return;
        }
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--examples"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(
            built.expect("start cargo").success(),
            "the examples do not build"
        );
    });
    let examples = Path::new(dynamic_program()).with_file_name("examples");
    examples.join(name)
}
