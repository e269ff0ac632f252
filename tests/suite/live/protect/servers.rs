//! The web servers, with the shipped configurations.

use std::fs::File;
use std::process::Command;

use super::super::apache::server_user;
use super::super::daemon::{Daemon, Socket};
use super::super::fastcgi::{start_apache, start_nginx};
use super::super::hostile_names::{Refuses, by_lighttpd, none};
use super::super::lighttpd::start_lighttpd;
use super::super::site::{Site, User};
use super::behind::{application, php, site};
use crate::support::http::{Server, free_port};

/// A web server at work, and what is behind it.
pub(super) struct Protected {
    pub(super) name: &'static str,
    /// Its shipped configuration.
    pub(super) file: &'static str,
    pub(super) port: u16,
    /// More that a client can send which the application would believe.
    pub(super) forged: &'static [&'static str],
    /// How the application is told that the user is ada, of the group staff.
    pub(super) told: &'static [&'static str],
    /// Which names of files the server refuses.
    pub(super) refuses: Refuses,
    _server: Server,
    _php: Option<Server>,
    pub(super) daemon: Option<Daemon>,
    pub(super) site: Site,
}

impl Protected {
    /// A server that asks a daemon, and passes the user's name in header fields.
    fn by_daemon(
        [name, file]: [&'static str; 2],
        (server, port): (Server, u16),
        php: Server,
        daemon: Daemon,
        site: Site,
    ) -> Self {
        Self {
            name,
            file,
            port,
            forged: &[],
            told: &["remote-user: ada", "remote-groups: staff"],
            refuses: none,
            _server: server,
            _php: Some(php),
            daemon: Some(daemon),
            site,
        }
    }
}

/// A shipped file, with these parts replaced.
fn adapted(name: &str, more: &[(&str, &str)], parts: &[(&str, &str)]) -> String {
    let mut text = Site::shipped(name);
    for (part, new) in more.iter().chain(parts) {
        assert!(text.contains(part), "{part} in {name}");
        text = text.replace(part, new);
    }
    text
}

pub(super) fn lighttpd() -> Protected {
    // It keeps the user that starts it.
    let site = site(User::current());
    site.folder("cgi-bin", User::current(), 0o755);
    site.program("cgi-bin/signet.cgi", User::current());
    let port = format!("\"port\" => {}", application());
    let text = adapted(
        "lighttpd-authorizer.conf",
        &[],
        &[("\"port\" => 3000", &port)],
    );
    let configuration = site.file("lighttpd.conf", text, User::current(), 0o644);
    let server = start_lighttpd(&site, &configuration, None);
    Protected {
        name: "lighttpd",
        file: "lighttpd-authorizer.conf",
        port: server.port,
        forged: &["Forwarded: remote_user=\"mallory\""],
        told: &["remote_user=\"ada\""],
        refuses: by_lighttpd,
        _server: server,
        _php: None,
        daemon: None,
        site,
    }
}

/// With more parts of the shipped file replaced.
pub(super) fn nginx(more: &[(&str, &str)]) -> Protected {
    let site = site(server_user());
    let daemon = Daemon::start(&site, Socket::unix(&site), &[]);
    let php = php();
    let parts = site.path().display().to_string();
    let included = Site::shipped_path("nginx-fastcgi.conf");
    let text = adapted(
        "nginx-auth.conf",
        more,
        &[
            (
                "unix:/run/signet/socket",
                &format!("unix:{parts}/run/signet/socket"),
            ),
            (
                "unix:/run/php/php-fpm.sock",
                &format!("127.0.0.1:{}", php.port),
            ),
            ("/etc/nginx/nginx-fastcgi.conf", &included.to_string_lossy()),
            (
                "http://127.0.0.1:3000;",
                &format!("http://127.0.0.1:{};", application()),
            ),
            ("/srv/site", &parts),
        ],
    );
    let started = start_nginx(&site, [&text, "underscores_in_headers on;\n"]);
    Protected::by_daemon(["nginx", "nginx-auth.conf"], started, php, daemon, site)
}

pub(super) fn apache() -> Protected {
    apache_with(|text| ["", text].map(str::to_owned))
}

pub(super) fn apache_in_virtual_host() -> Protected {
    apache_with(|text| {
        let line = text
            .lines()
            .find(|line| line.starts_with("AuthnzFcgiDefineProvider"));
        let line = line.expect("a provider").to_owned();
        let rest = text.replace(&line, "");
        [line, format!("<VirtualHost *:*>\n{rest}\n</VirtualHost>\n")]
    })
}

/// With the lines of the shipped file in two parts.
fn apache_with(parts: fn(&str) -> [String; 2]) -> Protected {
    let site = site(server_user());
    let (signet, php) = (free_port(), php());
    let daemon = Daemon::start(&site, Socket::Tcp(signet), &[]);
    let application = format!("http://127.0.0.1:{}/private/app/", application());
    let text = adapted(
        "apache/authorizer.conf",
        &[],
        &[("http://127.0.0.1:3000/private/app/", &application)],
    );
    let [outside, text] = parts(&text);
    let included = site.file("authorizer.conf", text, User::current(), 0o644);
    let more = format!(
        "<Directory {site}/htdocs>\nOptions Indexes\nRequire all granted\n</Directory>\n\
         <FilesMatch \"\\.php$\">\nSetHandler \"proxy:fcgi://127.0.0.1:{php}\"\n</FilesMatch>\n\
         ProxyFCGISetEnvIf \"reqenv('SCRIPT_FILENAME') =~ m#^proxy:fcgi://[^/]*(/.*)#\" \
         SCRIPT_FILENAME \"$1\"\n\
         Define PORT {signet}\n{outside}\nInclude \"{included}\"\n",
        site = site.path().display(),
        included = included.display(),
        php = php.port,
    );
    let modules = [
        "headers",
        "proxy",
        "proxy_fcgi",
        "proxy_http",
        "authn_core",
        "authz_user",
        "authnz_fcgi",
    ];
    let started = start_apache(&site, &modules, &more);
    Protected::by_daemon(
        ["Apache", "apache/authorizer.conf"],
        started,
        php,
        daemon,
        site,
    )
}

/// With more parts of the shipped file replaced.
pub(super) fn caddy(more: &[(&str, &str)]) -> Protected {
    let site = site(server_user());
    let daemon = Daemon::start(&site, Socket::unix(&site), &[]);
    let (php, port) = (php(), free_port());
    let parts = site.path().display().to_string();
    let text = adapted(
        "Caddyfile",
        more,
        &[
            ("http://localhost:8080", &format!("http://:{port}")),
            (
                "unix//run/signet/socket",
                &format!("unix/{parts}/run/signet/socket"),
            ),
            (
                "unix//run/php/php-fpm.sock",
                &format!("127.0.0.1:{}", php.port),
            ),
            (
                "/private/app/* 127.0.0.1:3000",
                &format!("/private/app/* 127.0.0.1:{}", application()),
            ),
            ("/srv/site", &parts),
        ],
    );
    // Several may run at once.
    let text = format!("{{\nadmin off\n}}\n{text}");
    let configuration = site.file("run/Caddyfile", text, User::current(), 0o644);
    let log = File::create(site.path().join("errors.log")).expect("make the error log");
    let mut command = Command::new("caddy");
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(configuration)
        .env("HOME", site.path().join("run"))
        .stderr(log);
    let started = (Server::start(&mut command, port), port);
    Protected::by_daemon(["Caddy", "Caddyfile"], started, php, daemon, site)
}
