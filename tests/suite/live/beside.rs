//! A site that was there before the program: its files, its folders with every
//! kind of index page, its PHP and its other programs are served as before.

use super::site::{Site, User};
use super::{Mount, Software, is_ours};
use crate::support::http::{self, Reply};

/// A page in PHP; under suEXEC, which starts programs by their first line, a
/// program in a file of that name.
pub(super) const PHP: &str =
    "<?php echo 'php ', 6 * 7, ' ', $_SERVER['PATH_INFO'] ?? '', ' ', $_SERVER['QUERY_STRING'];";
pub(super) const PHP_BY_NAME: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nphp 42 %s %s' \"$PATH_INFO\" \"$QUERY_STRING\"\n";
/// Another CGI program.
const PROGRAM: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nprogram %s %s' \"$PATH_INFO\" \"$QUERY_STRING\"\n";
/// What may be left in a web folder by mistake.
pub(super) const SECRET: &str = "left-here-by-mistake-5d0c1e";

/// Files, and what is in them.
const FILES: [(&str, &str); 15] = [
    ("picture.svg", "<svg/>"),
    ("manifest.json", "a manifest"),
    (".well-known/security.txt", "Contact: a person"),
    ("pyproject.toml", "a project"),
    ("site.conf", "a configuration"),
    ("data.db", "some data"),
    ("public.key", "a public key"),
    ("about.html", "about"),
    ("sessions.html", "a page on sessions"),
    ("secret_key.html", "a page on keys"),
    ("blog/sessions/1", "a session of a conference"),
    ("blog/index.html", "the blog"),
    ("home/welcome.html", "welcome"),
    ("list/file.txt", "a file"),
    ("empty/file.txt", "a file"),
];

/// The program's own files, which no address shows.
const OWN: [&str; 8] = [
    "secret_key",
    "retired_keys",
    "signet.toml",
    "add_users.txt",
    "users.seen",
    "sessions/a/b1/c2",
    "ended/a1",
    "blog/secret_key",
];

/// Puts the site's files into a web folder whose address is `base`.
pub(super) fn plant(site: &Site, folder: &str, base: &str, owner: User, php: &str) {
    let put = |name: &str, text: &str, mode| {
        site.deep_file(&format!("{folder}/{name}"), text, owner, mode);
    };
    for (name, text) in FILES {
        put(name, text, 0o644);
    }
    for name in OWN {
        put(name, SECRET, 0o644);
    }
    for name in [
        "page.php",
        "wiki/index.php",
        "shop/index.php",
        "front/index.php",
    ] {
        put(name, php, 0o755);
    }
    // The host knows what this is, though its name ends in .cgi.
    put("own.page.cgi", php, 0o755);
    for name in ["hello.cgi", "tool/index.cgi"] {
        put(name, PROGRAM, 0o755);
    }
    put("notes.cgi", "no program to this server", 0o644);
    // The two ways in which a folder answers for addresses below it.
    let fallback = format!("FallbackResource {base}/shop/index.php\n");
    put("shop/.htaccess", &fallback, 0o644);
    let rewrite = "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\n\
                   RewriteRule ^(.*)$ index.php/$1 [L]\n";
    put("front/.htaccess", rewrite, 0o644);
}

/// For Apache, what a host says of such a folder.
pub(super) fn apache(folder: &str) -> String {
    format!(
        "<Directory {folder}>\nDirectoryIndex index.html index.php index.cgi\n\
         <FilesMatch \"^index\\.cgi$\">\nOptions +ExecCGI\nSetHandler cgi-script\n\
         </FilesMatch>\n</Directory>\n\
         <Directory {folder}/shop>\nAllowOverride Indexes\n</Directory>\n\
         <Directory {folder}/list>\nOptions +Indexes\n</Directory>\n\
         <Directory {folder}/home>\nDirectoryIndex welcome.html\n</Directory>\n"
    )
}

/// For lighttpd, behind `deploy/lighttpd-rewrite.conf`.
pub(super) const LIGHTTPD: &str = r#"
server.stat-cache-engine = "disable"
cgi.assign = ( ".php" => "/usr/bin/php-cgi", "hello.cgi" => "", "index.cgi" => "" )
$HTTP["url"] =~ "^/list/" { server.dir-listing = "enable" }
$HTTP["url"] =~ "^/home/" { index-file.names = ( "welcome.html" ) }
"#;

fn get(mount: &Mount, path: &str) -> Reply {
    http::get(mount.port, &format!("{}/{path}", mount.base), &[])
}

/// Asserts what each address of the site shows.
pub(super) fn is_served_as_before(mount: &Mount) {
    let pages = [
        ("blog/", "the blog"),
        ("home/", "welcome"),
        ("list/", "file.txt"),
        ("wiki/", "php 42"),
        ("tool/", "program  "),
        ("wiki/index.php/page?x=1", "php 42 /page x=1"),
        ("page.php?x=1", "php 42  x=1"),
        ("hello.cgi/a?b=c", "program /a b=c"),
    ];
    // lighttpd knows no .htaccess, and is told by a name's end what a program is.
    let by_apache = [
        ("notes.cgi", "no program to this server"),
        ("own.page.cgi/a?b=c", "php 42 /a b=c"),
        ("shop/", "php 42"),
        ("shop/order/7?x=1", "php 42"),
        ("front/", "php 42"),
        ("front/page?x=1", "php 42 /page x=1"),
    ];
    let by_apache = match mount.software {
        Software::Apache => &by_apache[..],
        Software::ModFcgid | Software::Lighttpd | Software::Nginx => &[],
    };
    for (path, holds) in FILES.iter().chain(&pages).chain(by_apache) {
        let reply = get(mount, path);
        let name = format!("{}: {path}: {reply:?}", mount.name);
        assert_eq!(reply.status, 200, "{name}");
        assert!(!is_ours(&reply), "{name}");
        assert!(
            String::from_utf8_lossy(&reply.body).contains(holds),
            "{name}"
        );
    }
    let folder = get(mount, "blog");
    let location = folder.header("Location").expect("where the folder is");
    assert!(location.ends_with("/blog/"), "{}: {folder:?}", mount.name);
    assert_eq!(folder.status, 301, "{}: {folder:?}", mount.name);
    let empty = get(mount, "empty/");
    assert_eq!(empty.status, 403, "{}: {empty:?}", mount.name);
}

/// Asserts that the program answers only for itself and for what is nowhere.
pub(super) fn the_program_answers_the_rest(mount: &Mount) {
    let own = OWN.iter().copied();
    for path in own.chain(["signet.toml/", "sessions/", "ended/", ".htaccess"]) {
        let reply = get(mount, path);
        let name = format!("{}: {path}: {reply:?}", mount.name);
        // lighttpd has no such file.
        let want = match (mount.software, path) {
            (Software::Lighttpd, ".htaccess") => 404,
            _ => 403,
        };
        assert_eq!(reply.status, want, "{name}");
        assert!(
            !String::from_utf8_lossy(&reply.body).contains(SECRET),
            "{name}"
        );
    }
    for path in [
        "nowhere",
        "nowhere/",
        "nowhere.html",
        "nowhere.php",
        "nowhere.cgi",
        "blog/nowhere",
        "wiki/more/nowhere/",
        ".well-known/nowhere",
    ] {
        let reply = get(mount, path);
        mount.assert_ours(path, &reply);
        assert_eq!(reply.status, 404, "{}: {path}", mount.name);
    }
    for path in ["", "login"] {
        let reply = get(mount, path);
        mount.assert_ours(path, &reply);
        assert_eq!(reply.status, 200, "{}: {path}", mount.name);
    }
}
