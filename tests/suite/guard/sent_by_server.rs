//! Files that the web server sends (`X-Sendfile`), with names of all kinds: each server
//! decodes the path that the program encoded.

use std::process::Command;

use crate::live::apache::{self, Started, server_user};
use crate::live::fastcgi::start_nginx;
use crate::live::lighttpd::start_lighttpd;
use crate::live::site::{Site, User};
use crate::support::application::{Address, Application, at};
use crate::support::http::{self, free_port};
use crate::support::{StateDir, example};

/// Names, and how they stand in a URL.
const NAMES: [(&str, &str); 10] = [
    ("a.txt", "a.txt"),
    ("a b+c.txt", "a%20b+c.txt"),
    ("100%.txt", "100%25.txt"),
    ("%41.txt", "%2541.txt"),
    ("a?b#c.txt", "a%3Fb%23c.txt"),
    ("a;b&c=d,e.txt", "a;b&c=d,e.txt"),
    ("\"quoted\" 'too'.txt", "%22quoted%22%20'too'.txt"),
    ("gr\u{fc}n \u{20ac}.txt", "gr%C3%BCn%20%E2%82%AC.txt"),
    ("tab\tand\u{7f}.txt", "tab%09and%7F.txt"),
    ("back\\slash:.txt", "back%5Cslash:.txt"),
];

/// A site whose files contain their names, in a folder.
fn site() -> Site {
    let (site, owner) = (Site::new(), server_user());
    for folder in ["run", "cgi-bin", "htdocs", "htdocs/a folder"] {
        site.folder(folder, User::current(), 0o755);
    }
    site.folder("state", owner, 0o700);
    site.copy(&example("file_server"), "cgi-bin/files", owner);
    for (name, _) in NAMES {
        site.file(&format!("htdocs/a folder/{name}"), name, owner, 0o644);
    }
    site
}

/// Asserts that a visitor gets each file, a part of it, and nothing if it is known; from
/// the server itself if it `takes` the name, else from the program.
#[track_caller]
fn assert_sent(server: &str, port: u16, base: &str, takes: impl Fn(&str) -> bool) {
    for (name, url) in NAMES {
        let has_control = name.contains(|c: char| c.is_ascii_control());
        if server == "lighttpd" && has_control {
            // It refuses such URLs.
            continue;
        }
        let url = format!("{base}/a%20folder/{url}");
        let get = |fields: &[&str]| http::get(port, &url, fields);
        let whole = get(&[]);
        assert_eq!(
            (whole.status, whole.text()),
            (200, name),
            "{server}: {whole:?}"
        );
        for field in ["X-Sendfile", "X-Accel-Redirect"] {
            assert_eq!(whole.header(field), None, "{server} shows a path");
        }
        let kind = whole.header("Content-Type");
        assert_eq!(kind, Some("text/plain; charset=utf-8"), "{server}");
        let control = whole.header("Cache-Control");
        assert_eq!(control, Some("private, no-cache"), "{server}");
        let disposition = whole.header("Content-Disposition").unwrap_or_default();
        assert!(
            disposition.starts_with("inline; filename=\""),
            "{server}: {whole:?}"
        );
        let is_nginx = server == "nginx";
        let nosniff = whole.header("X-Content-Type-Options").is_some();
        assert!(nosniff || is_nginx, "{server}: {whole:?}");

        let part = get(&["Range: bytes=1-3"]);
        assert_eq!(
            (part.status, &part.body[..]),
            (206, &name.as_bytes()[1..4]),
            "{server}"
        );
        let tag = whole.header("ETag").expect("a tag");
        let is_ours = whole.header("Sent-By").is_some();
        assert_ne!(is_ours, takes(name), "{server}: {name}");
        let known = get(&[&format!("If-None-Match: {tag}")]);
        assert_eq!(known.status, 304, "{server}: {known:?}");
    }
}

#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn lighttpd_sends_files() {
    let site = site();
    let text = format!(
        r#"server.modules = ( "mod_alias", "mod_setenv", "mod_cgi" )
server.bind = "127.0.0.1"
server.port = env.PORT
server.document-root = env.SITE + "/run"
alias.url = ( "/cgi-bin/" => env.SITE + "/cgi-bin/" )
$HTTP["url"] =~ "^/cgi-bin/" {{
  cgi.assign = ( "" => "" )
  cgi.x-sendfile = "enable"
  cgi.x-sendfile-docroot = ( env.SITE + "/htdocs" )
}}
setenv.add-environment = ( "SIGNET_STATE_DIR" => "{}", "SENT_BY" => "lighttpd" )
"#,
        site.folder("lighttpd-state", User::current(), 0o700)
            .display()
    );
    let path = site.file("lighttpd.conf", text, User::current(), 0o644);
    let server = start_lighttpd(&site, &path, None);
    assert_sent("lighttpd", server.port, "/cgi-bin/files", |_| true);
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn apache_sends_files() {
    let (site, port) = (site(), free_port());
    let folder = site.path();
    let more = format!(
        "DocumentRoot {site}/run\nScriptAlias /program {site}/cgi-bin/files\n\
         <Directory {site}>\nRequire all granted\n\
         SetEnv SIGNET_STATE_DIR {site}/state\nSetEnv SENT_BY apache\n</Directory>\n\
         XSendFile On\nXSendFilePath {site}/htdocs\n",
        site = folder.display()
    );
    let text = apache::configuration(folder, port, Started::ByServer, &["xsendfile"], &more);
    site.file("httpd.conf", text, User::current(), 0o644);
    let _server = apache::start(Command::new("apache2"), folder, port);
    let takes = |name: &str| {
        name.bytes()
            .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'%')
    };
    assert_sent("Apache", port, "/program", takes);
}

#[test]
#[ignore = "needs nginx: run tests/run"]
fn nginx_sends_files() {
    let (site, state) = (site(), StateDir::new());
    let program = site.path().join("cgi-bin/files");
    let worker = Application::worker_on_tcp(&mut at(&program, &state));
    let &Address::Tcp(address) = worker.address() else {
        panic!("{worker:?}");
    };
    let lines = format!(
        "location / {{\nfastcgi_split_path_info (?s)^()(/.*)$;\nfastcgi_pass {address};\n\
         include {};\nfastcgi_param SENT_BY nginx;\n}}\n\
         location /internal/ {{\ninternal;\nalias {}/;\n}}\n",
        Site::shipped_path("nginx-fastcgi.conf").display(),
        site.path().display()
    );
    let (_server, port) = start_nginx(&site, [&lines, ""]);
    assert_sent("nginx", port, "", |_| true);
    let direct = http::get(port, "/internal/htdocs/a%20folder/a.txt", &[]);
    assert_eq!(direct.status, 404, "{direct:?}");
}
