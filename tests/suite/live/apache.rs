//! Apache: `deploy/apache/signet.conf` and `deploy/apache/.htaccess` as they
//! are shipped, by mod_cgid under the event MPM and by mod_cgi under prefork.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use super::site::{Site, User};
use super::{Live, Mount, Software, answers, beside, hostile, is_ours, on_each, walk};
use crate::support::html::link;
use crate::support::http::{self, Server, free_port};

/// Where Debian has its modules; those that no set-up does without.
const MODULES: &str = "/usr/lib/apache2/modules";
const COMMON: [&str; 9] = [
    "actions",
    "alias",
    "authz_core",
    "autoindex",
    "dir",
    "env",
    "mime",
    "reqtimeout",
    "rewrite",
];

/// The two ways in which Apache starts a CGI program: by a process for that
/// purpose, or by the one that serves the request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Started {
    ByDaemon,
    ByServer,
}

impl Started {
    fn modules(self) -> [&'static str; 2] {
        match self {
            Self::ByDaemon => ["mpm_event", "cgid"],
            Self::ByServer => ["mpm_prefork", "cgi"],
        }
    }
}

/// Who Apache runs as: it refuses to be root.
pub(crate) fn server_user() -> User {
    match User::current() {
        user if user.is_root() => User::named("www-data"),
        user => user,
    }
}

/// A configuration with no more in it than Apache needs to start: what stands
/// in `site` is for the set-up to say, in `more`.
pub(crate) fn configuration(
    site: &Path,
    port: u16,
    started: Started,
    modules: &[&str],
    more: &str,
) -> String {
    let mut text = String::new();
    for module in [&started.modules(), &COMMON[..], modules].concat() {
        text += &format!("LoadModule {module}_module {MODULES}/mod_{module}.so\n");
    }
    let site = site.display();
    if User::current().is_root() {
        text += "User www-data\nGroup www-data\n";
    }
    if let Started::ByDaemon = started {
        text += &format!("ScriptSock {site}/run/cgid.sock\n");
    }
    text + &format!(
        "ServerRoot {site}\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\n\
         DefaultRuntimeDir {site}/run\nPidFile {site}/run/httpd.pid\n\
         ErrorLog {site}/errors.log\nTypesConfig /dev/null\nAddType image/svg+xml .svg\n\
         StartServers 2\n{more}"
    )
}

/// Starts Apache, in the foreground, by the configuration in `site`.
pub(crate) fn start(mut apache: Command, site: &Path, port: u16) -> Server {
    let log = File::create(site.join("start.log")).expect("make a log of the start");
    apache
        .args(["-D", "FOREGROUND", "-f"])
        .arg(site.join("httpd.conf"))
        .stderr(log);
    Server::start(&mut apache, port)
}

/// A server with every set-up on it, as a shared host has them.
fn set_up(started: Started) -> Live {
    let (root, owner) = (User::current(), server_user());
    let site = Site::new();
    for folder in ["run", "cgi-bin", "htdocs", "bin", "scripts"] {
        site.folder(folder, root, 0o755);
    }
    let state = site.folder("state", owner, 0o700);
    let pretty = site.folder("pretty", owner, 0o700);
    let examples = site.folder("examples", owner, 0o700);

    site.program("cgi-bin/signet.cgi", root);
    let mut hosts = String::new();
    for base in ["", "/app"].iter().chain(&INDEXED.map(|(base, _, _)| base)) {
        let folder = format!("htdocs{base}");
        beside::plant(&site, &folder, base, root, beside::PHP);
        site.program(&format!("{folder}/signet.cgi"), root);
        let htaccess = Site::shipped("apache/.htaccess");
        site.file(&format!("{folder}/.htaccess"), htaccess, root, 0o644);
        hosts += &beside::apache(&site.path().join(&folder).to_string_lossy());
        hosts += &format!(
            "<Location {base}/host-status>\nSetHandler server-status\n</Location>\n\
             <Location {base}/host-page>\nSetHandler host-page\n</Location>\n"
        );
    }
    for (base, index, text) in INDEXED {
        site.file(&format!("htdocs{base}/{index}"), text, root, 0o755);
        hosts +=
            &format!("<Location {base}>\nSetEnv SIGNET_APPLICATION_ROOT {base}\n</Location>\n");
    }
    hosts += &format!(
        "<Directory {}/htdocs/by-name>\nDirectoryIndex start\n</Directory>\n",
        site.path().display()
    );
    let program = site.program("bin/signet", root);
    let example = site.example(&program, &examples);
    site.file("scripts/example.cgi", example, root, 0o755);

    let port = free_port();
    let folder = site.path();
    // As on Uberspace: of Options a site may set ExecCGI and little else.
    let more = format!(
        "Define SITE {site}\nInclude \"{shipped}\"\n\
         DocumentRoot {site}/htdocs\n\
         <Directory {site}/htdocs>\n\
         Require all granted\nAllowOverride AuthConfig FileInfo Options=ExecCGI\n\
         SetEnv SIGNET_STATE_DIR {pretty}\n</Directory>\n\
         ScriptAlias /php/ /usr/lib/cgi-bin/\n\
         <Directory /usr/lib/cgi-bin>\nRequire all granted\n</Directory>\n\
         AddHandler php-page .php .page\nAction php-page /php/php\n\
         Action host-page /hello.cgi virtual\n{hosts}\
         ScriptAlias /~ada/x {site}/cgi-bin/signet.cgi\n\
         ScriptAlias /cgi-bin/ {site}/scripts/\n\
         <Directory {site}/scripts>\nRequire all granted\nAllowOverride None\n</Directory>\n",
        site = folder.display(),
        shipped = Site::shipped_path("apache/signet.conf").display(),
        pretty = pretty.display(),
    );
    let text = configuration(folder, port, started, &["status"], &more);
    site.file("httpd.conf", text, root, 0o644);
    let server = start(Command::new("apache2"), folder, port);

    let set_ups = [
        ("ScriptAlias", "/signet", &state),
        ("below a home page", "/~ada/x", &state),
        (".htaccess", "", &pretty),
        (".htaccess in a folder", "/app", &pretty),
        ("#! script", "/cgi-bin/example.cgi", &examples),
    ];
    let mounts = set_ups.map(|(name, base, state)| Mount {
        name,
        software: Software::Apache,
        port,
        base,
        folder: base == "/app",
        state: state.clone(),
        log: folder.join("errors.log"),
        cookie: "session",
        permanent: base.ends_with("example.cgi"),
    });
    Live {
        mounts: mounts.into(),
        _server: server,
        daemon: None,
        site,
    }
}

/// Folders that have an index page of their own, and what it says.
const INDEXED: [(&str, &str, &str); 4] = [
    ("/by-html", "index.html", "the first page"),
    ("/by-php", "index.php", "<?php echo 'the first ', 'page';"),
    (
        "/by-cgi",
        "index.cgi",
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nthe first page'\n",
    ),
    // In this folder the server's DirectoryIndex is this name.
    ("/by-name", "start", "the first page"),
];

fn each(body: impl Fn(&Mount)) {
    on_each([Started::ByDaemon, Started::ByServer].map(set_up), body);
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn log_in_and_out_behind_apache() {
    each(|mount| {
        walk::log_in_and_out(mount);
        walk::follow_every_link(mount);
        walk::spell_the_base_path_otherwise(mount);
    });
}

/// By `.htaccess`, in a folder, and by `signet.conf`, which all set-ups here share.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn password_managers_find_the_page_behind_apache() {
    let live = set_up(Started::ByDaemon);
    for (base, status, target) in [
        ("/app", 303, "/app/password"),
        ("", 302, "/signet/password"),
    ] {
        let url = format!("{base}/.well-known/change-password");
        let reply = http::get(live.mounts[0].port, &url, &[]);
        assert_eq!(reply.status, status, "{reply:?}");
        let location = reply.header("location").unwrap_or_default();
        assert!(location.ends_with(target), "{reply:?}");
    }
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn answers_behind_apache() {
    each(answers::all);
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn hostile_requests_to_apache() {
    each(hostile::all);
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn everything_that_exists_is_served_as_before_by_apache() {
    each(|mount| {
        if mount.name.starts_with(".htaccess") {
            beside::is_served_as_before(mount);
            beside::the_program_answers_the_rest(mount);
            // By the host's configuration, without a file.
            for (path, holds) in [
                ("host-status", "Apache Server Status"),
                ("host-status?auto", "ServerUptime"),
                ("host-page", "host-page "),
                ("host-page/more?a=b", "host-page/more a=b"),
            ] {
                let reply = http::get(mount.port, &format!("{}/{path}", mount.base), &[]);
                let name = format!("{}: {path}: {reply:?}", mount.name);
                assert_eq!(reply.status, 200, "{name}");
                let body = String::from_utf8_lossy(&reply.body);
                assert!(!is_ours(&reply) && body.contains(holds), "{name}");
            }
        }
    });
}

/// An index page stays the folder's first page; the program's is at its name,
/// and with APPLICATION_ROOT both belong to one login.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn an_index_page_stays_the_first_page_of_its_folder() {
    for started in [Started::ByDaemon, Started::ByServer] {
        let live = set_up(started);
        let port = live.mounts[0].port;
        for (base, index, _) in INDEXED {
            let get = |path: &str, cookie: &str| {
                let cookie = format!("Cookie: {cookie}");
                http::get(port, &format!("{base}{path}"), &[&cookie])
            };
            let first = get("/", "none=1");
            assert_eq!(
                (first.status, first.text()),
                (200, "the first page"),
                "{index}"
            );
            let form = get("/login", "none=1");
            assert!(form.status == 200 && is_ours(&form), "{index}: {form:?}");

            let login = http::post(port, &format!("{base}/login"), &[], "username=ada");
            let cookie = &login.cookies()[0];
            assert_eq!(cookie.attribute("Path"), Some(base), "{index}");
            let session = format!("{}={}", cookie.name, cookie.value);
            for path in ["/signet.cgi", "/signet.cgi/"] {
                let page = get(path, &session);
                assert!(
                    page.text().contains("Logged in as ada"),
                    "{index}: {path}: {page:?}"
                );
                let logout = link(page.text(), "click here to log out");
                assert_eq!(logout, format!("{base}/logout"), "{index}: {path}");
            }
            let logout = get("/signet.cgi/logout", &session);
            let deletion = &logout.cookies()[0];
            assert!(deletion.deletes(), "{index}: {logout:?}");
            assert_eq!(deletion.attribute("Path"), Some(base), "{index}");
        }
    }
}

/// What the first lines of `.htaccess` tell the owner to do about 500 and 403.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn a_host_that_forbids_a_line_is_served_without_it() {
    let root = User::current();
    let site = Site::new();
    site.folder("run", root, 0o755);
    let state = site.folder("state", server_user(), 0o700);
    let whole = Site::shipped("apache/.htaccess");
    let without_options = whole.replace("  Options +ExecCGI\n", "");
    let (without_rewriting, _) = whole.split_once("RewriteEngine On").expect("its line");
    let no_options = "AllowOverride FileInfo\nOptions +ExecCGI";
    let no_links = "AllowOverride FileInfo Options=ExecCGI\nOptions -FollowSymLinks";
    let cases = [
        ("options", no_options, whole.as_str(), 500, "login", 500),
        (
            "options-out",
            no_options,
            &without_options,
            200,
            "login",
            200,
        ),
        ("links", no_links, &whole, 403, "signet.cgi/login", 403),
        (
            "links-out",
            no_links,
            without_rewriting,
            200,
            "signet.cgi/login",
            200,
        ),
    ];
    let mut more = format!(
        "DocumentRoot {site}/htdocs\nSetEnv SIGNET_STATE_DIR {state}\n",
        site = site.path().display(),
        state = state.display()
    );
    for (folder, host, htaccess, ..) in cases {
        let at = format!("htdocs/{folder}");
        site.deep_file(&format!("{at}/picture.svg"), "<svg/>", root, 0o644);
        site.file(&format!("{at}/.htaccess"), htaccess, root, 0o644);
        site.program(&format!("{at}/signet.cgi"), root);
        let path = site.path().join(at);
        more += &format!("<Directory {}>\n{host}\n</Directory>\n", path.display());
    }
    let port = free_port();
    let text = configuration(site.path(), port, Started::ByDaemon, &[], &more);
    site.file("httpd.conf", text, root, 0o644);
    let _server = start(Command::new("apache2"), site.path(), port);
    for (folder, _, _, picture, page, status) in cases {
        let get = |name: &str| http::get(port, &format!("/{folder}/{name}"), &[]);
        assert_eq!(get("picture.svg").status, picture, "{folder}");
        let page = get(page);
        assert_eq!(page.status, status, "{folder}: {page:?}");
        assert_eq!(is_ours(&page), status == 200, "{folder}: {page:?}");
    }
}
