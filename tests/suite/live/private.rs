//! `deploy/apache/private.htaccess` as it is shipped, at a shared host with suEXEC: a
//! folder of the site whose files only logged-in users see, under their old URLs.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Instant;

use percent_encoding::percent_decode_str;

use super::apache::{self, Started, configuration, server_user};
use super::daemon::Socket;
use super::fastcgi::{nginx_location, start_nginx, with_daemon};
use super::lighttpd::start_lighttpd;
use super::site::{Site, User};
use super::suexec::{ALICE, set_up};
use crate::support::http::{self, Reply, free_port};

/// `htpasswd -nbBC 4 ada 'old secret 1'`.
const ADA: &str = "ada:$2y$04$AJ4T..S3XeAXHEw3UVH5GOx.GKdUVUgywtLSKmRnv4s5Ov4ekJK4C\n";
const LOGIN: &str = "username=ada&password=old+secret+1&next=/private/a.txt";

/// What no visitor without a login may read.
const SECRET: &str = "the secret of alice";

const WEB: &str = "www/virtual/alice/html";

/// URLs of the folder and of what is in it.
const URLS: [&str; 27] = [
    "/private/a.txt",
    "/private/none.txt",
    "/private/",
    "/private",
    "/private/page.php",
    "/private/page.php/x",
    "/private/.htaccess",
    "/private/.signet-users",
    "/private/sub",
    "/private/sub/",
    "/private/sub/index.html",
    "/private/own/",
    "/private/own/o.txt",
    "/private/sub/../a.txt",
    "/private/../private/a.txt",
    "/private/./a.txt",
    "//private//a.txt",
    "/private//a.txt",
    "/%70rivate/%61.txt",
    "/private%2Fa.txt",
    "/private/a.txt/",
    "/private/a.txt/x",
    "/private/a.txt;x",
    "/private/a.txt%00",
    "/private/a.txt?r=/private/a.txt",
    "/private/%2e%2e/private/a.txt",
    "/PRIVATE/a.txt",
];

fn settings() -> String {
    format!(
        "GUARD_DIRS = {{ \"/private\" = \"/var/{WEB}/private\" }}\n\
         GUARD_LISTING = true\nSESSION_COOKIE_PATH = \"/\"\n"
    )
}

/// Fills the folder, as alice would by FTP.
fn protect(site: &Site, htaccess: &str) {
    let private = format!("{WEB}/private");
    for (name, text) in [
        (".htaccess", htaccess),
        ("a.txt", SECRET),
        (".signet-users", "ada\n"),
        ("page.php", SECRET),
        ("100% of it?#.txt", SECRET),
        ("sub/index.html", SECRET),
        ("list/zq'\"><b>&.txt", SECRET),
        // Rules of its own replace those of a folder above.
        (
            "own/.htaccess",
            "RewriteEngine On\nRewriteRule ^x$ /y [L]\n",
        ),
        ("own/o.txt", SECRET),
    ] {
        site.deep_file(&format!("{private}/{name}"), text, ALICE, 0o644);
    }
}

fn log_in(port: u16, script: &str) -> (String, Reply) {
    let answer = http::post(port, &format!("{script}/login"), &[], LOGIN);
    let cookies = answer.cookies();
    let cookie = cookies.iter().find(|cookie| !cookie.value.is_empty());
    let cookie = cookie.unwrap_or_else(|| panic!("{answer:?}"));
    let header = format!("Cookie: {}={}", cookie.name, cookie.value);
    (header, answer)
}

#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn a_folder_of_the_site_is_protected_under_its_old_urls() {
    let shipped = Site::shipped("apache/private.htaccess");
    let other = |from: &str, to: &str| {
        assert!(shipped.contains(from));
        shipped.replace(from, to)
    };
    let rule = "RewriteRule ^ /cgi-bin/signet.cgi/not-in-guard-dirs [L]";
    let repeated = "RewriteRule ^(.*)$ /cgi-bin/signet.cgi/private/$1 [L]";
    let cases = [
        (Started::ByDaemon, "/cgi-bin/signet.cgi", shipped.clone()),
        (Started::ByServer, "/cgi-bin/signet.cgi", shipped.clone()),
        (
            Started::ByDaemon,
            "/signet.cgi",
            other(rule, "RewriteRule ^ /signet.cgi [L]"),
        ),
        (
            Started::ByDaemon,
            "/cgi-bin/signet.cgi",
            other(rule, repeated),
        ),
        (
            Started::ByDaemon,
            "/cgi-bin/signet.cgi",
            other(rule, "RewriteRule ^ /cgi-bin/signet.cgi?r=/ [L]"),
        ),
    ];
    for (started, script, htaccess) in cases {
        let live = set_up(started);
        let site = &live.site;
        site.folder("home/alice/.signet", ALICE, 0o700);
        site.file("home/alice/.signet/users", ADA, ALICE, 0o640);
        site.file("home/alice/.signet/signet.toml", settings(), ALICE, 0o600);
        protect(site, &htaccess);
        let port = live.mounts[0].port;
        let name = format!("{started:?} {script}: {htaccess}");
        for url in URLS {
            for method in ["GET", "HEAD", "POST", "PROPFIND"] {
                let reply = http::request(port, method, url, &[], b"");
                assert!(!reply.text().contains(SECRET), "{name}: {method} {url}");
                assert!(reply.status >= 301, "{name}: {method} {url}: {reply:?}");
            }
        }
        // Nor do strangers find out which folders and files exist.
        for url in [
            "",
            "/",
            "/sub",
            "/sub/",
            "/own",
            "/own/o.txt",
            "/none",
            "/none/",
            "/a.txt",
        ] {
            let reply = http::get(port, &format!("/private{url}"), &[]);
            assert_eq!(reply.status, 303, "{name}: {url} {reply:?}");
        }
        let nobody = http::get(port, "/private/a.txt", &[]);
        let login = match htaccess.contains("?r=") {
            true => format!("{script}?r=/login&next="),
            false => format!("{script}/login?next="),
        };
        let location = nobody.header("Location").unwrap_or_default();
        let location = percent_decode_str(location).decode_utf8_lossy();
        assert_eq!(location, format!("{login}/private/a.txt"), "{name}");

        let (cookie, answer) = log_in(port, script);
        assert_eq!(answer.header("Location"), Some("/private/a.txt"), "{name}");
        let get = |url: &str| http::get(port, url, &[&cookie]);
        for (url, status, text) in [
            ("/private/a.txt", 200, SECRET),
            ("/private/sub/", 200, SECRET),
            (
                "/private/list/",
                200,
                "zq&#39;&#34;&#62;&#60;b&#62;&#38;.txt",
            ),
            ("/private/list/zq'%22%3E%3Cb%3E&.txt", 200, SECRET),
            ("/private/page.php", 404, ""),
            ("/private/none.txt", 404, ""),
            ("/private/.signet-users", 404, ""),
            ("/private/list", 303, ""),
            ("/private/own/o.txt", 200, SECRET),
        ] {
            let reply = get(url);
            assert_eq!(reply.status, status, "{name}: {url}: {reply:?}");
            assert!(
                reply.text().contains(text),
                "{name}: {url}: {}",
                reply.text()
            );
        }
        // Apache decodes what a rule repeats once more.
        if !htaccess.contains("$1") {
            let reply = get("/private/100%25%20of%20it%3F%23.txt");
            assert_eq!(reply.text(), SECRET, "{name}");
        }
        let part = http::get(port, "/private/a.txt", &[&cookie, "Range: bytes=4-9"]);
        assert_eq!((part.status, part.text()), (206, "secret"), "{name}");
        // After the logout, the next part is refused.
        http::post(
            port,
            &format!("{script}/logout"),
            &[&cookie],
            "everywhere=1",
        );
        let part = http::get(port, "/private/a.txt", &[&cookie, "Range: bytes=4-9"]);
        assert_eq!(part.status, 303, "{name}");
        // As the file says: another path in the settings.
        if htaccess == shipped {
            let wrong = settings().replace("\"/private\"", "\"/privat\"");
            site.file("home/alice/.signet/signet.toml", wrong, ALICE, 0o600);
            let reply = http::get(port, "/private/a.txt", &[]);
            assert_eq!(reply.status, 404, "{name}: {reply:?}");
        }
    }
}

/// Without mod_rewrite, nobody sees the files.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn without_rewriting_the_folder_is_closed() {
    let site = Site::new();
    let root = User::current();
    site.folder("run", root, 0o755);
    let htaccess = Site::shipped("apache/private.htaccess");
    site.deep_file("htdocs/private/.htaccess", htaccess, root, 0o644);
    site.deep_file("htdocs/private/a.txt", SECRET, root, 0o644);
    site.deep_file("htdocs/open.txt", "open", root, 0o644);
    let port = free_port();
    let folder = site.path().display().to_string();
    let more = format!(
        "DocumentRoot {folder}/htdocs\n<Directory {folder}/htdocs>\nRequire all granted\n\
         AllowOverride AuthConfig FileInfo\n</Directory>\n"
    );
    let text = configuration(site.path(), port, Started::ByDaemon, &[], &more);
    let is_rewrite = |line: &&str| line.contains("rewrite_module");
    let text: Vec<&str> = text.lines().filter(|line| !is_rewrite(line)).collect();
    site.file("httpd.conf", text.join("\n"), root, 0o644);
    let _server = apache::start(Command::new("apache2"), site.path(), port);
    assert_eq!(http::get(port, "/open.txt", &[]).text(), "open");
    for url in ["/private/a.txt", "/private/", "/private/none"] {
        let reply = http::get(port, url, &[]);
        assert_eq!(reply.status, 403, "{url}: {reply:?}");
        assert!(!reply.text().contains(SECRET));
    }
}

/// `X_SENDFILE`: the web server sends the file, with ranges, to users only.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn lighttpd_sends_the_files() {
    let site = Site::new();
    let owner = User::current();
    for folder in ["cgi-bin", "htdocs"] {
        site.folder(folder, owner, 0o755);
    }
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", owner);
    site.file("state/users", ADA, owner, 0o640);
    site.deep_file("private/sub/100% ü.txt", SECRET, owner, 0o644);
    site.deep_file("private/caf\u{e9}.txt", SECRET, owner, 0o644);
    let settings = format!(
        "GUARD_DIR = \"{}/private\"\nX_SENDFILE = \"lighttpd\"\n",
        site.path().display()
    );
    site.file("state/signet.toml", settings, owner, 0o600);
    let text = format!(
        "include \"{}\"\ncgi.x-sendfile = \"enable\"\n\
         cgi.x-sendfile-docroot = ( env.SITE + \"/private\" )\n",
        Site::shipped_path("lighttpd.conf").display()
    );
    let configuration = site.file("lighttpd.conf", text, owner, 0o644);
    let server = start_lighttpd(&site, &configuration, None);
    sent_by_the_server(server.port, "", "100%25%20%C3%BC.txt");
}

/// lighttpd can also read all of a response before it sends the first byte.
#[test]
#[ignore = "needs lighttpd: run tests/run"]
fn a_long_file_behind_lighttpd_begins_at_once() {
    const LONG: u64 = 64 << 20;
    for (by, mount, script) in [
        ("lighttpd.conf", None, ""),
        ("lighttpd-cgi-bin.conf", None, "/cgi-bin/signet.cgi"),
        ("lighttpd-rewrite.conf", None, ""),
        ("lighttpd-fastcgi.conf", Some("/"), ""),
        ("lighttpd-fastcgi.conf", Some("/app"), "/app"),
    ] {
        let (site, owner) = (Site::new(), User::current());
        for folder in ["cgi-bin", "htdocs", "private"] {
            site.folder(folder, owner, 0o755);
        }
        site.folder("state", owner, 0o700);
        site.program("cgi-bin/signet.cgi", owner);
        site.file("state/users", ADA, owner, 0o640);
        let private = site.path().join("private");
        let file = File::create(private.join("film.webm"));
        file.and_then(|file| file.set_len(LONG)).expect("a file");
        let settings = format!("GUARD_DIR = {private:?}\n");
        site.file("state/signet.toml", settings, owner, 0o600);
        let server = start_lighttpd(&site, &Site::shipped_path(by), mount);
        let (cookie, _) = log_in(server.port, script);
        let request =
            format!("GET {script}/files/film.webm HTTP/1.0\r\nHost: a\r\n{cookie}\r\n\r\n");
        let begins_early = || {
            let mut connection = http::connect(server.port).expect("a connection");
            connection.write_all(request.as_bytes()).expect("ask");
            let (start, mut buffer) = (Instant::now(), vec![0; 1 << 20]);
            let mut length = connection.read(&mut buffer).expect("a beginning");
            let first = start.elapsed();
            loop {
                match connection.read(&mut buffer).expect("read on") {
                    0 => break,
                    read => length += read,
                }
            }
            assert!(length as u64 > LONG, "{by}: {length} bytes");
            4 * first < start.elapsed()
        };
        assert!((0..10).any(|_| begins_early()), "{by} {script}");
    }
}

#[test]
#[ignore = "needs nginx: run tests/run"]
fn nginx_sends_the_files() {
    let (site, _daemon, socket) = with_daemon(Socket::unix, &[]);
    let (root, owner) = (User::current(), server_user());
    let private = site.path().join("private");
    site.deep_file("private/sub/100% ü.txt", SECRET, root, 0o644);
    site.file("state/users", ADA, owner, 0o640);
    let settings = format!("GUARD_DIR = {private:?}\nX_SENDFILE = \"nginx\"\n");
    site.file("state/signet.toml", settings, owner, 0o600);
    // As the document has it.
    let document = Site::shipped("README.md");
    let (_, internal) = document.split_once("| `\"nginx\"` | `").expect("a row");
    let (internal, _) = internal.split_once("` |").expect("its end");
    let internal = internal.replace("/srv/private", &private.to_string_lossy());
    let location = nginx_location("").replace("unix:/run/signet/socket", &socket.address());
    let lines = format!("location / {{\n{location}}}\n{internal}\n");
    let (_server, port) = start_nginx(&site, [&lines, ""]);
    sent_by_the_server(port, "", "100%25%20%C3%BC.txt");
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn apache_sends_the_files() {
    let (site, owner) = (Site::new(), server_user());
    for folder in ["run", "cgi-bin"] {
        site.folder(folder, User::current(), 0o755);
    }
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", owner);
    site.file("state/users", ADA, owner, 0o640);
    site.deep_file("private/sub/a b.txt", SECRET, owner, 0o644);
    // Apache cannot be given this name: signet sends the file.
    site.deep_file("private/sub/100% ü.txt", SECRET, owner, 0o644);
    let private = site.path().join("private");
    let settings = format!("GUARD_DIR = {private:?}\nX_SENDFILE = \"apache\"\n");
    site.file("state/signet.toml", settings, owner, 0o600);
    let document = Site::shipped("README.md");
    let (_, lines) = document
        .split_once("| `\"apache\"` | mod_xsendfile: `")
        .expect("a row");
    let (lines, _) = lines.split_once("` |").expect("its end");
    let lines = lines.replace("` and `", "\n");
    let lines = lines.replace("/srv/private", &private.to_string_lossy());
    let more = format!(
        "ScriptAlias /app {site}/cgi-bin/signet.cgi\n<Directory {site}>\nRequire all granted\n\
         SetEnv SIGNET_STATE_DIR {site}/state\n</Directory>\n{lines}\n",
        site = site.path().display()
    );
    let port = free_port();
    let text = configuration(site.path(), port, Started::ByDaemon, &["xsendfile"], &more);
    site.file("httpd.conf", text, User::current(), 0o644);
    let _server = apache::start(Command::new("apache2"), site.path(), port);
    for name in ["a%20b.txt", "100%25%20%C3%BC.txt"] {
        sent_by_the_server(port, "/app", name);
    }
}

/// Asserts what visitors and users get of the file `name` in `sub`.
fn sent_by_the_server(port: u16, base: &str, name: &str) {
    let url = &*format!("{base}/files/sub/{name}");
    let nobody = http::get(port, url, &[]);
    assert_eq!(nobody.status, 303);
    let (cookie, _) = log_in(port, base);
    let whole = http::get(port, url, &[&cookie]);
    assert_eq!((whole.status, whole.text()), (200, SECRET), "{whole:?}");
    for name in ["x-sendfile", "x-accel-redirect"] {
        assert_eq!(whole.header(name), None);
    }
    let kind = whole.header("Content-Type").unwrap_or_default();
    assert!(kind.starts_with("text/plain"), "{kind}");
    let part = http::get(port, url, &[&cookie, "Range: bytes=4-9"]);
    assert_eq!((part.status, part.text()), (206, "secret"), "{part:?}");
    let modified = whole.header("Last-Modified").expect("Last-Modified");
    let since = format!("If-Modified-Since: {modified}");
    let unchanged = http::get(port, url, &[&cookie, &since]);
    assert_eq!(unchanged.status, 304, "{unchanged:?}");
    for reply in [&whole, &part, &unchanged] {
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "private, no-cache"),
            ("Vary", "Cookie"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{reply:?}");
        }
    }
    for url in [
        &*format!("{base}/files/none"),
        "/signet-sendfile/etc/passwd",
        "/private/sub/",
    ] {
        assert_eq!(http::get(port, url, &[&cookie]).status, 404, "{url}");
    }
}
