//! The doctor's page in real Chromium: `tests/browser_doctor.py` says what is looked at.

use std::process::Command;

use super::apache::{self, Started, configuration, server_user};
use super::site::{Site, User};
use crate::guard::ADA;
use crate::support::http::{self, free_port};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser_doctor.py");

const WORD: &str = "a long word";

/// A protected folder in a served one: without the rules of `private.htaccess`, Apache shows
/// its files to everybody.
#[test]
#[ignore = "needs Chromium and Apache: run tests/run"]
fn chromium_finds_out_whether_a_protected_folder_is_served() {
    let (site, root, owner) = (Site::new(), User::current(), server_user());
    for folder in ["run", "cgi-bin"] {
        site.folder(folder, root, 0o755);
    }
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", root);
    site.deep_file("htdocs/private/a b.txt", "a secret", root, 0o644);
    // Browsers ask for it.
    site.file("htdocs/favicon.ico", "", root, 0o644);
    let private = site.path().join("htdocs/private");
    let settings =
        format!("GUARD_DIRS = {{ \"/private\" = {private:?} }}\nSESSION_COOKIE_PATH = \"/\"\n");
    site.file("state/signet.toml", settings, owner, 0o600);
    site.file("state/users", ADA, owner, 0o600);
    site.file("state/doctor.on", WORD, owner, 0o600);
    let more = format!(
        "DocumentRoot {site}/htdocs\nScriptAlias /cgi-bin/ {site}/cgi-bin/\n\
         <Directory {site}>\nRequire all granted\nAllowOverride AuthConfig FileInfo Indexes\n\
         SetEnv SIGNET_STATE_DIR {site}/state\n</Directory>\n",
        site = site.path().display()
    );
    let port = free_port();
    let text = configuration(site.path(), port, Started::ByDaemon, &[], &more);
    site.file("httpd.conf", text, root, 0o644);
    let _server = apache::start(Command::new("apache2"), site.path(), port);
    let status = || http::get(port, "/private/a%20b.txt", &[]).status;
    assert_eq!(status(), 200);

    let run = Command::new(PYTHON)
        .args(["-B", SCRIPT])
        .arg(format!("http://127.0.0.1:{port}/cgi-bin/signet.cgi/doctor"))
        .args(["--word", WORD])
        .arg("--folder")
        .arg(&private)
        .arg("--rules")
        .arg(Site::shipped_path("apache/private.htaccess"))
        .output()
        .unwrap_or_else(|err| panic!("{PYTHON}: {err}; tests/run makes it"));
    let said = String::from_utf8_lossy(&run.stdout);
    let failed = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{failed}");
    print!("{said}");
    assert_eq!(status(), 303);
}
