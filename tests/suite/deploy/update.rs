//! An update as deploy/README.md describes it, while the program is running.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use crate::support::response::Response;
use crate::support::{KEY, StateDir, tested_program};

const README: &str = include_str!("../../../deploy/README.md");

#[test]
fn a_running_program_is_replaced_by_a_rename() {
    let site = StateDir::new();
    let shell = |command: &str| {
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(site.path())
            .env("LC_ALL", "C")
            .env("PROGRAM", tested_program())
            .output();
        output.expect("run sh")
    };
    let installed =
        shell("mkdir target && cp \"$PROGRAM\" target/signet.cgi && cp target/signet.cgi .");
    assert!(installed.status.success(), "{installed:?}");

    let form = b"username=ada";
    let mut request = Command::new(site.path().join("signet.cgi"))
        .env_clear()
        .envs([
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_METHOD", "POST"),
            ("PATH_INFO", "/login"),
            ("CONTENT_TYPE", "application/x-www-form-urlencoded"),
            ("CONTENT_LENGTH", "12"),
            ("SIGNET_SECRET_KEY", KEY),
        ])
        .env("SIGNET_STATE_DIR", site.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the program");

    let over = shell("cp target/signet.cgi signet.cgi");
    let said = String::from_utf8_lossy(&over.stderr);
    assert!(said.contains("Text file busy"), "{over:?}");
    let (_, section) = README.split_once("\n## Update\n").expect("a section");
    let (_, command) = section.split_once("```sh manual\n").expect("a command");
    let (command, _) = command.split_once("```").expect("its end");
    let command = &*command.replace("/srv/site/cgi-bin/", "");
    let before = fs::metadata(site.path().join("signet.cgi")).expect("the program");
    let replaced = shell(command);
    assert!(replaced.status.success(), "{command}: {replaced:?}");
    let after = fs::metadata(site.path().join("signet.cgi")).expect("the new program");
    assert_ne!(before.ino(), after.ino(), "{command}");

    let mut body = request.stdin.take().expect("stdin is piped");
    body.write_all(form).expect("send the form");
    drop(body);
    let output = request.wait_with_output().expect("wait for it");
    let answer = Response::parse(&output.stdout).expect("an answer");
    assert_eq!(answer.status, 303, "{output:?}");
}
