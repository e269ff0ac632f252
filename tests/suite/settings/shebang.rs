//! A configuration file that is itself the CGI script: its first line is
//! `#!/path/to/signet`, so the kernel starts us with its path as argv[1].
//!
//! A server also turns `?/tmp/evil.toml` into argv[1]. So it counts only if it
//! is the very file that the server says it started, and nobody else's.

use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use super::{cookie_name, login, site};
use crate::support::invariants::{NOTHING, assert_holds};
use crate::support::{Cgi, StateDir, copy_program, dynamic_program, tested_program};

fn script(folder: &StateDir, name: &str, mode: u32) -> PathBuf {
    let program = tested_program();
    let text = format!("#!{program}\nSESSION_COOKIE_NAME = \"by_script\"\n");
    folder.write(name, text, mode)
}

/// As after a request for `script`, with these arguments.
fn started(args: &[&Path], script: &Path) -> Cgi {
    args.iter()
        .fold(login(), |cgi, arg| cgi.arg(*arg))
        .var("SCRIPT_FILENAME", script)
}

/// The kernel reads the line, not this test.
#[test]
fn script_started_by_the_kernel() {
    let folder = StateDir::new();
    let path = script(&folder, "login.cgi", 0o755);
    let request = || login().program(&path).var("SCRIPT_FILENAME", &path);
    assert_eq!(cookie_name("alone", request()), "by_script");
    // `login.cgi?--version+-x` under Apache.
    let query = request()
        .arg("--version")
        .arg("-x")
        .var("QUERY_STRING", "--version+-x");
    assert_eq!(cookie_name("query words", query), "by_script");
    let state = site("SESSION_COOKIE_NAME = \"in_state\"\n");
    assert_eq!(
        cookie_name("before the state directory", request().state(&state)),
        "by_script"
    );
    let named = request().var("SIGNET_CONFIG", state.path().join("signet.toml"));
    assert_eq!(cookie_name("after SIGNET_CONFIG", named), "in_state");
    let by_env = request().var("SIGNET_SESSION_COOKIE_NAME", "by_env");
    assert_eq!(cookie_name("after the environment", by_env), "by_env");
}

/// suEXEC starts `login.cgi` from its own folder, by that name.
#[test]
fn relative_name_as_by_suexec() {
    let folder = StateDir::new();
    let path = script(&folder, "login.cgi", 0o700);
    let command = format!("cd '{}' && exec \"$0\" \"$@\"", folder.path().display());
    let request = started(&[Path::new("login.cgi")], &path).through(&["/bin/sh", "-c", &command]);
    assert_eq!(cookie_name("relative", request), "by_script");
}

/// Windows editors end the line with CR LF; the kernel refuses such a script,
/// but a server may start us otherwise.
#[test]
fn modes_of_an_honest_script() {
    for mode in [0o755, 0o705, 0o700, 0o750, 0o644] {
        let folder = StateDir::new();
        let path = script(&folder, "login.cgi", mode);
        assert_eq!(
            cookie_name("mode", started(&[&path], &path)),
            "by_script",
            "{mode:o}"
        );
    }
}

/// Each breaks one condition: argv[1] is then a visitor's word, not read at all.
#[test]
fn arguments_that_are_no_configuration() {
    let folder = StateDir::new();
    let good = script(&folder, "login.cgi", 0o755);
    let other = script(&folder, "other.cgi", 0o755);
    let plain = folder.write("plain.cgi", "SESSION_COOKIE_NAME = \"by_script\"\n", 0o755);
    let blank = folder.write(
        "blank.cgi",
        "\n#!x\nSESSION_COOKIE_NAME = \"by_script\"\n",
        0o755,
    );
    let others = script(&folder, "others.cgi", 0o757);
    let missing = folder.path().join("missing.cgi");
    // The folder of the static one has the state folders in it, which would be served.
    let binary = PathBuf::from(dynamic_program());
    let directory = folder.path().to_owned();
    #[rustfmt::skip]
    let cases: [(&str, Cgi); 13] = [
        ("another file",        started(&[&other], &good)),
        ("no SCRIPT_FILENAME",  started(&[&good], &good).without("SCRIPT_FILENAME")),
        ("empty SCRIPT_FILENAME", started(&[&good], Path::new(""))),
        ("the binary itself",   started(&[&binary], &binary)),
        ("called by the binary", started(&[&good], &binary)),
        ("no #! line",          started(&[&plain], &plain)),
        ("#! in line two",      started(&[&blank], &blank)),
        ("others may write",    started(&[&others], &others)),
        ("missing",             started(&[&missing], &missing)),
        ("a directory",         started(&[&directory], &directory)),
        ("second argument",     started(&[Path::new("-x"), &good], &good)),
        ("an option",           started(&[Path::new("--config"), &good], &good)),
        ("only a header says so", started(&[&good], &good).without("SCRIPT_FILENAME").var("HTTP_SCRIPT_FILENAME", &good)),
    ];
    for (name, request) in cases {
        assert_eq!(cookie_name(name, request), "session", "{name}");
    }
    // A copy has the same bytes, a symlink the same name; neither is the file.
    let copy = folder.path().join("copy.cgi");
    copy_program(&good, &copy);
    assert_eq!(cookie_name("a copy", started(&[&copy], &good)), "session");
    let link = folder.path().join("link.cgi");
    symlink(&other, &link).expect("symlink");
    assert_eq!(
        cookie_name("a link to another", started(&[&link], &good)),
        "session"
    );
}

#[test]
#[ignore = "needs root: run tests/run"]
fn script_of_somebody_else() {
    let folder = StateDir::new();
    let path = script(&folder, "login.cgi", 0o755);
    assert_eq!(cookie_name("ours", started(&[&path], &path)), "by_script");
    chown(&path, Some(65_533), None).expect("chown");
    assert_eq!(
        cookie_name("somebody's", started(&[&path], &path)),
        "session"
    );
}

/// It is a configuration file: what is wrong in it is an error, and a key in
/// it is nobody else's to read.
#[test]
fn scripts_are_checked_like_any_configuration() {
    let (folder, state) = (StateDir::new(), StateDir::new());
    let keyless = |path: &Path, state: &StateDir| {
        let request = started(&[path], path).without("SIGNET_SECRET_KEY");
        request.var("SIGNET_STATE_DIR", state.path())
    };
    for (text, mode, wanted) in [
        ("DEBUG = maybe\n", 0o755, "login.cgi:2"),
        ("NO_SUCH_SETTING = 1\n", 0o755, "NO_SUCH_SETTING"),
        (
            "SECRET_KEY = \"a-good-key-of-the-site-91c04f7be2\"\n",
            0o755,
            "login.cgi",
        ),
    ] {
        let path = folder.write("login.cgi", format!("#!{}\n{text}", tested_program()), mode);
        let out = keyless(&path, &state).run();
        let response = assert_holds(text, &out, NOTHING);
        assert_eq!(response.status, 503, "{text}: {out}");
        assert!(out.errors().contains(wanted), "{text}: {out}");
    }
    let path = folder.write(
        "login.cgi",
        format!(
            "#!{}\nSECRET_KEY = \"a-good-key-of-the-site-91c04f7be2\"\n",
            tested_program()
        ),
        0o700,
    );
    let out = keyless(&path, &state).run();
    let cookie = out
        .response()
        .cookies()
        .pop()
        .unwrap_or_else(|| panic!("no cookie: {out}"));
    let signer = crate::support::token::Signer::with_key("a-good-key-of-the-site-91c04f7be2");
    assert!(signer.read(&cookie.value).is_some(), "{out}");
    assert_eq!(state.snapshot().names(), Vec::<&Path>::new());
}
