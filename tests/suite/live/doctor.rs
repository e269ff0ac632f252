//! What the doctor says of a protected folder in a served one, and what Apache does. Half of it
//! is in real Chromium: `tests/browser_doctor.py`.

use std::path::PathBuf;
use std::process::Command;

use super::apache::{self, Started, configuration, server_user};
use super::site::{Site, User};
use crate::support::ADA;
use crate::support::http::{self, Server, free_port};
use crate::support::{assert_succeeds, python};

const WORD: &str = "k3VtZ 8qLw 27 staple";

/// A protected folder `private` in a folder that Apache serves, without the rules of
/// `private.htaccess`.
fn set_up() -> (Site, PathBuf, Server) {
    let (site, root, owner) = (Site::new(), User::current(), server_user());
    for folder in ["run", "cgi-bin"] {
        site.folder(folder, root, 0o755);
    }
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", root);
    for name in ["a b.txt", "sub/a.txt", "sub/deep/a.txt"] {
        site.deep_file(&format!("htdocs/private/{name}"), "a secret", root, 0o644);
    }
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
    let server = apache::start(Command::new("apache2"), site.path(), port);
    (site, private, server)
}

#[test]
#[ignore = "needs Chromium and Apache: run tests/run"]
fn chromium_finds_out_whether_a_protected_folder_is_served() {
    let (_site, private, server) = set_up();
    let port = server.port;
    let status = || http::get(port, "/private/a%20b.txt", &[]).status;
    assert_eq!(status(), 200);

    let mut script = python("browser_doctor.py");
    script
        .arg(format!("http://127.0.0.1:{port}/cgi-bin/signet.cgi/doctor"))
        .args(["--word", WORD])
        .arg("--folder")
        .arg(&private)
        .arg("--rules")
        .arg(Site::shipped_path("apache/private.htaccess"));
    assert_succeeds(&mut script);
    assert_eq!(status(), 303);
}

/// What the doctor says about a `.htaccess` in a subfolder, and what Apache does with it: a
/// folder further down, which has rules of its own, can be open although the subfolder is not.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn the_doctor_names_what_opens_a_subfolder_behind_apache() {
    let (site, _, server) = set_up();
    let rules = Site::shipped("apache/private.htaccess");
    let root = User::current();
    site.file("htdocs/private/.htaccess", &rules, root, 0o644);
    let own = "RewriteEngine On\nRewriteRule ^x$ /y [L]\n";
    site.file("htdocs/private/sub/deep/.htaccess", own, root, 0o644);
    #[rustfmt::skip]
    let cases = [
        // sub/.htaccess                                 sub  sub/deep
        ("",                                             303, 303),
        (own,                                            303, 303),
        (&rules,                                         303, 303),
        ("RewriteOptions InheritDownBefore\n",           303, 303),
        ("RewriteEngine Off\n",                          200, 303),
        ("rewrite\\\nengine \"off\"\n",                   200, 303),
        ("RewriteEngine On\nRewriteOptions IgnoreInherit\n", 200, 200),
        ("RewriteEngine On\nRewriteOptions AllowNoSlash\n", 303, 200),
    ];
    for (text, sub, deep) in cases {
        site.file("htdocs/private/sub/.htaccess", text, root, 0o644);
        let status = |url| http::get(server.port, url, &[]).status;
        let found = (
            status("/private/sub/a.txt"),
            status("/private/sub/deep/a.txt"),
        );
        assert_eq!(found, (sub, deep), "{text}");
        let page = http::get(server.port, "/cgi-bin/signet.cgi/doctor", &[]);
        let is_named = page
            .text()
            .contains("Everybody can see subfolders of /private");
        assert_eq!(is_named, sub == 200 || deep == 200, "{text}: {page:?}");
    }
}
