//! `deploy/signet.service` and its socket, as systemd reads them. (`live` starts the daemon by its
//! words.)

use std::fs;
use std::process::Command;

use super::shipped;
use crate::support::{StateDir, tested_program};

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
    let text = text.replace(program, tested_program());
    let unit = folder.write("signet.service", text, 0o644);
    let socket = fs::read_to_string(shipped("signet.socket")).expect("the socket unit");
    let listens = socket
        .lines()
        .find_map(|line| line.strip_prefix("ListenStream="));
    assert_eq!(
        listens,
        Some("/run/signet/socket"),
        "as the service without it"
    );
    let socket = folder.write("signet.socket", socket, 0o644);
    let both = [&unit, &socket];
    for (arguments, units) in [
        (&["verify"][..], &both[..]),
        (&["security", "--offline=true", "--threshold=10"], &[&unit]),
    ] {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .args(units)
            .output()
            .expect("start systemd-analyze");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        // It only warns of a directive that it does not know.
        let warned = ["signet.service", "signet.socket"].map(|unit| said.contains(unit));
        assert_eq!(warned, [false, false], "{arguments:?}: {said}");
    }
}
