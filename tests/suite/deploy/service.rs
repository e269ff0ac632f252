//! `deploy/signet.service`, as systemd reads it. (`live` starts the daemon by its
//! words.)

use std::fs;
use std::process::Command;

use super::shipped;
use crate::support::StateDir;

/// systemd finds no fault with it, and little that an attacker could do with
/// the process: `systemd-analyze security` counts what is left open, from 0 to
/// 10, and calls what is below 2.0 safe; the threshold is a tenth of that unit.
#[test]
#[ignore = "needs systemd-analyze: run tests/run"]
fn systemd_takes_the_service() {
    let text = fs::read_to_string(shipped("signet.service")).expect("the unit");
    let program = "/usr/local/bin/signet";
    assert_eq!(text.matches(program).count(), 2, "to install, and to start");
    let folder = StateDir::new();
    // It looks whether the program is there.
    let text = text.replace(program, env!("CARGO_BIN_EXE_signet"));
    let unit = folder.write("signet.service", text, 0o644);
    for arguments in [
        &["verify"][..],
        &["security", "--offline=true", "--threshold=10"],
    ] {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .arg(&unit)
            .output()
            .expect("start systemd-analyze");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        // It only warns of a directive that it does not know.
        assert!(!said.contains("signet.service"), "{arguments:?}: {said}");
    }
}
