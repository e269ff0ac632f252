//! `deploy/probe.cgi` beside programs that do not start, as shared hosts get
//! them: what it calls the fault, and that it says what to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{shipped, static_program};
use crate::support::http::{Server, free_port, get};
use crate::support::response::Response;
use crate::support::{StateDir, dynamic_program};

/// A folder with the probe in it.
struct Folder(StateDir);

impl Folder {
    fn new() -> Self {
        let folder = StateDir::new();
        let probe = fs::read(shipped("probe.cgi")).expect("read the probe");
        folder.write("cgi-bin/probe.cgi", probe, 0o755);
        fs::set_permissions(folder.path().join("cgi-bin"), Permissions::from_mode(0o755))
            .expect("chmod");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("cgi-bin")
    }

    fn program(&self, bytes: impl AsRef<[u8]>, mode: u32) {
        self.0.write("cgi-bin/signet.cgi", bytes, mode);
    }

    /// What it says in a shell of this name.
    #[track_caller]
    fn probe(&self, shell: &str) -> String {
        let output = Command::new(shell)
            .arg(self.path().join("probe.cgi"))
            .env_clear()
            .output()
            .unwrap_or_else(|err| panic!("{shell}: {err}"));
        assert!(output.status.success(), "{shell}: {output:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors, "", "{shell}");
        String::from_utf8(output.stdout).expect("plain text")
    }
}

/// The shells that this machine has; what `/bin/sh` is differs from host to
/// host.
fn shells() -> Vec<&'static str> {
    ["/bin/sh", "/bin/dash", "/bin/bash"]
        .into_iter()
        .filter(|shell| Path::new(shell).exists())
        .collect()
}

fn sound() -> Vec<u8> {
    fs::read(static_program()).expect("read the program")
}

/// With every occurrence of a byte string replaced.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// The program for another kind of machine, by the number in its head.
fn made_for(machine: u8) -> Vec<u8> {
    let mut bytes = sound();
    bytes[18..20].copy_from_slice(&[machine, 0]);
    bytes
}

#[test]
#[ignore = "needs the static program: run tests/run"]
fn each_fault_is_named_with_its_remedy() {
    let good = sound();
    let loader = {
        // A dynamic program whose loader this host does not have.
        let bytes = fs::read(dynamic_program()).expect("read");
        replaced(
            &bytes,
            b"/lib64/ld-linux-x86-64.so.2",
            b"/lib64/ld-linux-x86-64.so.9",
        )
    };
    #[rustfmt::skip]
    let cases = [
        ("no x bit",        good.clone(),                          0o644, "no x for its owner",   "755"),
        ("group may write", good.clone(),                          0o775, "may write it",         "755"),
        ("all may write",   good.clone(),                          0o777, "may write it",         "755"),
        ("setuid",          good.clone(),                          0o4755, "setuid",              "0755"),
        ("empty",           Vec::new(),                            0o755, "empty",                "Upload it again"),
        ("a few bytes",     good[..3].to_vec(),                    0o755, "broke off",            "Upload it again"),
        ("half of it",      good[..good.len() / 2].to_vec(),       0o755, "broke off",            "Upload it again"),
        ("ASCII, CR gone",  replaced(&good, b"\r\n", b"\n"),       0o755, "ASCII mode",           "BINARY"),
        ("ASCII, CR added", replaced(&good, b"\n", b"\r\n"),       0o755, "ASCII mode",           "BINARY"),
        ("a web page",      b"<!doctype html><title>404</title>".to_vec(), 0o755, "web page",     "deploy/build"),
        ("an archive",      b"PK\x03\x04rest".to_vec(),            0o755, "archive",              "Unpack"),
        ("for Windows",     b"MZ\x90\x00rest".to_vec(),            0o755, "Windows",              "Linux"),
        ("text",            b"hello\n".to_vec(),                   0o755, "not a program for Linux", "deploy/build"),
        ("another machine", made_for(243),                         0o755, "another machine",      "deploy/build"),
        ("no loader",       loader,                                0o755, "loader",               "static"),
        ("CR LF after #!",  b"#!/bin/sh\r\n".to_vec(),             0o755, "CR LF",                "LF"),
        ("BOM before #!",   b"\xef\xbb\xbf#!/bin/sh\n".to_vec(), 0o755, "byte order mark",      "without BOM"),
        ("UTF-16",          b"\xff\xfe#\0!\0/\0".to_vec(),       0o755, "UTF-16",               "without BOM"),
        ("#! to nowhere",   b"#!/nowhere/signet\n".to_vec(),       0o755, "not there",            "full path"),
    ];
    for (name, bytes, mode, fault, remedy) in cases {
        let folder = Folder::new();
        folder.program(bytes, mode);
        for shell in shells() {
            let said = folder.probe(shell);
            let (_, first) = said
                .split_once("FAULT: ")
                .unwrap_or_else(|| panic!("{name}, {shell}: {said}"));
            let mut lines = first.lines();
            let (what, fix) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
            assert!(what.contains(fault), "{name}, {shell}: {said}");
            assert!(
                fix.contains("FIX: ") && fix.contains(remedy),
                "{name}, {shell}: {said}"
            );
        }
    }
}

#[test]
#[ignore = "needs the static program: run tests/run"]
fn folders_and_links_are_looked_at_too() {
    let writable = Folder::new();
    writable.program(sound(), 0o755);
    fs::set_permissions(writable.path(), Permissions::from_mode(0o777)).expect("chmod");
    assert!(
        writable
            .probe("/bin/sh")
            .contains("FAULT: Others than its owner may write this folder")
    );

    let linked = Folder::new();
    symlink(static_program(), linked.path().join("signet.cgi")).expect("link");
    assert!(linked.probe("/bin/sh").contains("FAULT: It is a link"));

    let missing = Folder::new();
    assert!(
        missing
            .probe("/bin/sh")
            .contains("FAULT: There is no signet.cgi")
    );
}

#[test]
#[ignore = "needs the static program: run tests/run"]
fn a_sound_program_has_no_fault() {
    let folder = Folder::new();
    folder.program(sound(), 0o755);
    for shell in shells() {
        let said = folder.probe(shell);
        assert!(!said.contains("FAULT"), "{shell}: {said}");
        assert!(said.contains("it starts here (signet "), "{shell}: {said}");
    }
}

/// Whatever a visitor sends has no effect, and what is in the file is not
/// passed on.
#[test]
#[ignore = "needs the static program: run tests/run"]
fn it_answers_as_a_cgi_program() {
    let folder = Folder::new();
    folder.program("<script>alert(1)</script>", 0o755);
    let run = |method: &str, arguments: &[&str]| {
        let output = Command::new(folder.path().join("probe.cgi"))
            .args(arguments)
            .env_clear()
            .envs([
                ("GATEWAY_INTERFACE", "CGI/1.1"),
                ("REQUEST_METHOD", method),
                ("QUERY_STRING", "program=/etc/passwd;$(id)&`id`"),
                ("PATH_INFO", "/../../etc/passwd"),
            ])
            .output()
            .expect("run the probe");
        Response::parse(&output.stdout).unwrap_or_else(|why| panic!("{why}: {output:?}"))
    };
    let plain = run("GET", &[]);
    assert_eq!(plain.status, 200);
    assert_eq!(
        plain.header("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(plain.text().contains("web page"), "{plain:?}");
    assert!(!plain.text().contains("alert"), "{plain:?}");
    for arguments in [&["/etc/passwd"][..], &["-c", "id"], &["$(id)"]] {
        assert_eq!(run("GET", arguments).text(), plain.text(), "{arguments:?}");
    }
    assert_eq!(run("HEAD", &[]).text(), "");

    fs::write(folder.path().join("probe.off"), "").expect("switch it off");
    let off = run("GET", &[]);
    assert_eq!(
        (off.status, off.text()),
        (404, "Switched off by the file probe.off.\n")
    );
}

/// lighttpd gives it hardly an environment, and no PATH.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn it_works_behind_a_web_server() {
    let folder = Folder::new();
    folder.program(sound(), 0o644);
    fs::create_dir(folder.0.path().join("htdocs")).expect("make htdocs");
    let port = free_port();
    let mut lighttpd = Command::new("lighttpd");
    lighttpd
        .arg("-D")
        .arg("-f")
        .arg(shipped("lighttpd-cgi-bin.conf"))
        .env("SITE", folder.0.path())
        .env("PORT", port.to_string())
        .stderr(Stdio::null());
    let _server = Server::start(&mut lighttpd, port);
    let reply = get(port, "/cgi-bin/probe.cgi?x", &[]);
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("no x for its owner"), "{reply:?}");
}
