//! Apache: `deploy/apache/signet.conf` and `deploy/apache/.htaccess` as they
//! are shipped, by mod_cgid under the event MPM and by mod_cgi under prefork.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use super::site::{Site, User};
use super::{Live, Mount, Software, answers, hostile, on_each, walk};
use crate::support::http::{self, Server, free_port};

/// Where Debian has its modules; those that no set-up does without.
const MODULES: &str = "/usr/lib/apache2/modules";
const COMMON: [&str; 7] = [
    "alias",
    "authz_core",
    "dir",
    "env",
    "mime",
    "reqtimeout",
    "rewrite",
];

/// The two ways in which Apache starts a CGI program: by a process for that
/// purpose, or by the one that serves the request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Started {
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
pub(super) fn server_user() -> User {
    match User::current() {
        user if user.is_root() => User::named("www-data"),
        user => user,
    }
}

/// A configuration with no more in it than Apache needs to start: what stands
/// in `site` is for the set-up to say, in `more`.
pub(super) fn configuration(
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
pub(super) fn start(mut apache: Command, site: &Path, port: u16) -> Server {
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
    for folder in ["run", "cgi-bin", "htdocs", "htdocs/app", "bin", "scripts"] {
        site.folder(folder, root, 0o755);
    }
    let state = site.folder("state", owner, 0o700);
    let pretty = site.folder("pretty", owner, 0o700);
    let examples = site.folder("examples", owner, 0o700);

    site.program("cgi-bin/signet.cgi", root);
    for folder in ["htdocs", "htdocs/app"] {
        site.program(&format!("{folder}/signet.cgi"), root);
        let htaccess = Site::shipped("apache/.htaccess");
        site.file(&format!("{folder}/.htaccess"), htaccess, root, 0o644);
        site.file(&format!("{folder}/picture.svg"), "<svg/>", root, 0o644);
        for name in SECRETS {
            site.file(&format!("{folder}/{name}"), SECRET, root, 0o644);
        }
    }
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
         ScriptAlias /cgi-bin/ {site}/scripts/\n\
         <Directory {site}/scripts>\nRequire all granted\nAllowOverride None\n</Directory>\n",
        site = folder.display(),
        shipped = Site::shipped_path("apache/signet.conf").display(),
        pretty = pretty.display(),
    );
    let text = configuration(folder, port, started, &[], &more);
    site.file("httpd.conf", text, root, 0o644);
    let server = start(Command::new("apache2"), folder, port);

    let set_ups = [
        ("ScriptAlias", "/signet", &state),
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

/// What a site's owner may leave in a web folder by mistake.
const SECRETS: [&str; 5] = [
    "signet.toml",
    "signet.key",
    ".secret_key",
    "old.conf",
    "a.json",
];
const SECRET: &str = "SECRET_KEY = \"left-here-by-mistake-5d0c1e\"\n";

fn each(body: impl Fn(&Mount)) {
    on_each([Started::ByDaemon, Started::ByServer].map(set_up), body);
}

#[test]
#[ignore = "needs Apache: run tests/run"]
fn log_in_and_out_behind_apache() {
    each(|mount| {
        walk::log_in_and_out(mount);
        walk::follow_every_link(mount);
    });
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

/// What is a file is served as one, and what may hold a secret is not.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn files_behind_apache() {
    each(|mount| {
        if mount.name != ".htaccess" && mount.name != ".htaccess in a folder" {
            return;
        }
        let name = mount.name;
        let get = |file: &str| http::get(mount.port, &format!("{}/{file}", mount.base), &[]);
        let picture = get("picture.svg");
        assert_eq!(
            (picture.status, picture.text()),
            (200, "<svg/>"),
            "{name}: {picture:?}"
        );
        for file in SECRETS.iter().chain(&[".htaccess"]) {
            let reply = get(file);
            assert_eq!(reply.status, 403, "{name}: {file}: {reply:?}");
            assert!(!reply.text().contains("SECRET_KEY"), "{name}: {file}");
        }
        // The program by its own name is the same program.
        let direct = get("signet.cgi/login");
        mount.assert_sound("signet.cgi/login", &direct);
        assert_eq!(direct.status, 200, "{name}: {direct:?}");
    });
}
