//! A checkout as Git for Windows makes it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::StateDir;

/// Scripts with CR LF do not start, and neither do tests that compare bytes.
#[test]
#[ignore = "needs git: run tests/run"]
fn a_checkout_on_windows_keeps_the_bytes_of_every_file() {
    let folder = StateDir::new();
    let copy = folder.path().join("checkout");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir(&copy).expect("make a folder");
    let run = |command: &mut Command| {
        let output = command
            .current_dir(&copy)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output();
        let output = output.unwrap_or_else(|err| panic!("{command:?}: {err}"));
        assert!(output.status.success(), "{command:?}: {output:?}");
    };
    let git = |arguments: &[&str]| {
        run(Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            // What its installer proposes.
            .args(["-c", "core.autocrlf=true", "-c", "core.eol=crlf"])
            .args(arguments));
    };
    let parts = [
        ".gitattributes",
        "Cargo.toml",
        "README.md",
        "deploy",
        "templates",
        "tests",
        "src",
    ];
    for part in parts {
        run(Command::new("cp").arg("-R").arg(root.join(part)).arg("."));
    }
    git(&["init", "--quiet"]);
    git(&["add", "--all", "--force"]);
    git(&["commit", "--quiet", "--message", "all"]);
    for part in parts {
        run(Command::new("rm").args(["-r", part]));
    }
    git(&["checkout", "--quiet", "."]);
    for part in parts {
        run(Command::new("diff")
            .arg("-r")
            .arg(root.join(part))
            .arg(part));
    }
}
