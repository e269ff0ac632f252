//! What a web server serves, shown only to logged-in visitors: `lighttpd-authorizer.conf`,
//! `nginx-auth.conf`, `apache/authorizer.conf` and `Caddyfile` as they are shipped, but for
//! paths and ports. Behind each of them are a file, a listing, a PHP page and an application.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use super::apache::server_user;
use super::daemon::{Daemon, Socket};
use super::fastcgi::{start_apache, start_nginx};
use super::lighttpd::start_lighttpd;
use super::site::{Site, User};
use crate::guard::{ADA, PASSWORD};
use crate::support::http::{self, Reply, Server, free_port};

const SECRET: &str = "only for those who are logged in";

/// Shows the variables, without the cookie, and the body.
const PAGE: &str = "<?php header('Content-Type: text/plain'); unset($_SERVER['HTTP_COOKIE']);\n\
    foreach ($_SERVER as $name => $value) if (is_string($value)) echo \"$name=$value\\n\";\n\
    echo 'body: ', file_get_contents('php://input');\n";

/// A web server at work, and what is behind it.
struct Protected {
    name: &'static str,
    port: u16,
    /// More that a client can send which the application would believe.
    forged: &'static [&'static str],
    /// How the application is told that the user is ada, of the group staff.
    told: &'static [&'static str],
    _server: Server,
    _php: Option<Server>,
    daemon: Option<Daemon>,
    site: Site,
}

/// A site with content, and with users for signet, which runs as `owner`.
fn site(owner: User) -> Site {
    let site = Site::new();
    let root = User::current();
    for folder in ["run", "htdocs", "htdocs/private"] {
        site.folder(folder, root, 0o755);
    }
    site.file("htdocs/public.txt", "for everybody", root, 0o644);
    site.file("htdocs/private/secret.txt", SECRET, root, 0o644);
    site.file("htdocs/private/page.php", PAGE, root, 0o644);
    let state = site.folder("state", owner, 0o700);
    site.file("state/users", ADA, owner, 0o600);
    site.file("state/groups", "staff: ada\n", owner, 0o600);
    // As the shipped files say.
    let settings = format!(
        "APPLICATION_ROOT = \"/account\"\nSESSION_COOKIE_PATH = \"/\"\nGROUPS_FILE = \"{}/groups\"\n",
        state.display()
    );
    site.file("state/signet.toml", settings, owner, 0o600);
    site
}

/// An application, which answers with the request.
fn application() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listen");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            let is_complete = |request: &[u8]| {
                let text = String::from_utf8_lossy(request).into_owned();
                let (head, body) = text.split_once("\r\n\r\n")?;
                let length = head.to_ascii_lowercase();
                let length = length.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                (body.len() >= length.unwrap_or(0)).then_some(())
            };
            while is_complete(&request).is_none() {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
                    Ok(0) | Err(_) => break,
                }
            }
            let length = request.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n"
            );
            // The visitor may be gone.
            let _ = stream.write_all(&[head.as_bytes(), &request].concat());
        }
    });
    port
}

/// PHP by FastCGI, at a port.
fn php() -> Server {
    let port = free_port();
    let mut command = Command::new("php-cgi");
    command
        .args(["-b", &format!("127.0.0.1:{port}")])
        .env_clear();
    let owner = server_user();
    if owner != User::current() {
        command.uid(owner.uid).gid(owner.gid);
    }
    Server::start(&mut command, port)
}

/// A shipped file, with these parts replaced.
fn adapted(name: &str, parts: &[(&str, &str)]) -> String {
    let mut text = Site::shipped(name);
    for (part, new) in parts {
        assert!(text.contains(part), "{part} in {name}");
        text = text.replace(part, new);
    }
    text
}

fn lighttpd() -> Protected {
    // It keeps the user that starts it.
    let site = site(User::current());
    site.folder("cgi-bin", User::current(), 0o755);
    site.program("cgi-bin/signet.cgi", User::current());
    let port = format!("\"port\" => {}", application());
    let text = adapted("lighttpd-authorizer.conf", &[("\"port\" => 3000", &port)]);
    let configuration = site.file("lighttpd.conf", text, User::current(), 0o644);
    let server = start_lighttpd(&site, &configuration, None);
    Protected {
        name: "lighttpd",
        port: server.port,
        forged: &["Forwarded: remote_user=\"mallory\""],
        told: &["remote_user=\"ada\""],
        _server: server,
        _php: None,
        daemon: None,
        site,
    }
}

fn nginx() -> Protected {
    let site = site(server_user());
    let daemon = Daemon::start(&site, Socket::unix(&site), &[]);
    let php = php();
    let parts = site.path().display().to_string();
    let included = Site::shipped_path("nginx-fastcgi.conf");
    let text = adapted(
        "nginx-auth.conf",
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
    let (server, port) = start_nginx(&site, [&text, "underscores_in_headers on;\n"]);
    Protected {
        name: "nginx",
        port,
        forged: &[],
        told: &["remote-user: ada", "remote-groups: staff"],
        _server: server,
        _php: Some(php),
        daemon: Some(daemon),
        site,
    }
}

fn apache() -> Protected {
    let site = site(server_user());
    let (signet, php) = (free_port(), php());
    let daemon = Daemon::start(&site, Socket::Tcp(signet), &[]);
    let application = format!("http://127.0.0.1:{}/private/app/", application());
    let text = adapted(
        "apache/authorizer.conf",
        &[("http://127.0.0.1:3000/private/app/", &application)],
    );
    let included = site.file("authorizer.conf", text, User::current(), 0o644);
    let more = format!(
        "<Directory {site}/htdocs>\nOptions Indexes\nRequire all granted\n</Directory>\n\
         <FilesMatch \"\\.php$\">\nSetHandler \"proxy:fcgi://127.0.0.1:{php}\"\n</FilesMatch>\n\
         ProxyFCGISetEnvIf \"reqenv('SCRIPT_FILENAME') =~ m#^proxy:fcgi://[^/]*(/.*)#\" \
         SCRIPT_FILENAME \"$1\"\n\
         Define PORT {signet}\nInclude \"{included}\"\n",
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
    let (server, port) = start_apache(&site, &modules, &more);
    Protected {
        name: "Apache",
        port,
        forged: &[],
        told: &["remote-user: ada", "remote-groups: staff"],
        _server: server,
        _php: Some(php),
        daemon: Some(daemon),
        site,
    }
}

fn caddy() -> Protected {
    let site = site(server_user());
    let daemon = Daemon::start(&site, Socket::unix(&site), &[]);
    let (php, port) = (php(), free_port());
    let parts = site.path().display().to_string();
    let text = adapted(
        "Caddyfile",
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
    Protected {
        name: "Caddy",
        port,
        forged: &[],
        told: &["remote-user: ada", "remote-groups: staff"],
        _server: Server::start(&mut command, port),
        _php: Some(php),
        daemon: Some(daemon),
        site,
    }
}

/// What a client sends that wants to be somebody else.
const FORGED: [&str; 5] = [
    "Remote-User: mallory",
    "Remote_User: mallory",
    "Remote-Groups: mallory",
    "Remote_Groups: mallory",
    "REMOTE-USER: mallory",
];

/// What is protected, and what of it nobody else may see.
const PROTECTED: [(&str, &str); 4] = [
    ("/private/secret.txt", SECRET),
    ("/private/", "secret.txt"),
    ("/private/page.php", "REQUEST_METHOD="),
    ("/private/app/page?a=b&c", "/private/app/page"),
];

impl Protected {
    fn log_in(&self) -> String {
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let form = serde_urlencoded::to_string(fields).expect("a form");
        let reply = http::post(self.port, "/account/login", &[], &form);
        assert_eq!(reply.status, 303, "{}: {reply:?}", self.name);
        let cookies = reply.cookies();
        // One at the path of signet is deleted.
        let mut cookies = cookies
            .iter()
            .filter(|cookie| cookie.attribute("Path") == Some("/"));
        let session = cookies.find(|cookie| cookie.name == "session");
        format!("Cookie: session={}", session.expect("a session").value)
    }

    /// Asserts that a request shows nothing of what is protected.
    #[track_caller]
    fn assert_closed(&self, row: &str, reply: &Reply) {
        let body = String::from_utf8_lossy(&reply.body);
        for (_, content) in PROTECTED {
            // The login's address contains that of the page.
            let is_shown = body.contains(content) && reply.status == 200;
            assert!(!is_shown, "{}, {row}: {reply:?}", self.name);
        }
    }

    /// Asserts that a request is sent to the login, and from there to this address.
    #[track_caller]
    fn assert_sent_to_login(&self, row: &str, reply: &Reply, next: &str) {
        self.assert_closed(row, reply);
        let query = serde_urlencoded::to_string([("next", next)]).expect("a query");
        let location = reply.header("Location").unwrap_or_default();
        let location = location.replace("%2E", ".").replace("%2D", "-");
        assert_eq!(
            (reply.status, location.as_str()),
            (303, format!("/account/login?{query}").as_str()),
            "{}, {row}: {reply:?}",
            self.name
        );
    }

    fn shows_strangers_nothing(&self) {
        let public = http::get(self.port, "/public.txt", &[]);
        assert_eq!((public.status, public.text()), (200, "for everybody"));
        for (path, _) in PROTECTED {
            let own = http::get(self.port, path, &[]);
            self.assert_sent_to_login(path, &own, path);
            let forged = http::get(self.port, path, &FORGED);
            self.assert_sent_to_login(path, &forged, path);
            let other = ["Cookie: session=eyJ1c2VybmFtZSI6ImFkYSJ9.aaaaaa.aaaa"];
            let other = http::get(self.port, path, &other);
            self.assert_sent_to_login(path, &other, path);
            let posted = http::post(self.port, path, &[], "a=b");
            self.assert_sent_to_login(path, &posted, path);
        }
        for path in [
            "/private",
            "/%70rivate/secret.txt",
            "//private/secret.txt",
            "/private//secret.txt",
            "/private/../private/secret.txt",
            "/public/../private/secret.txt",
            "/private/./secret.txt",
            "/private/%2e/secret.txt",
            "/%2e/private/secret.txt",
            "/private%2fsecret.txt",
            "/private/secret.txt/",
            "/private/secret.txt%00",
            "/private/page.php/x",
            "/account/../private/secret.txt",
            "/account/%2e%2e/private/secret.txt",
            "/public.txt/../private/secret.txt",
            "/signet-auth",
            "http://example.org/private/secret.txt",
        ] {
            for method in ["GET", "POST", "OPTIONS", "PUT"] {
                let reply = http::request(self.port, method, path, &["Content-Length: 0"], b"");
                self.assert_closed(&format!("{method} {path}"), &reply);
            }
        }
    }

    fn shows_users_everything(&self) {
        let cookie = &*self.log_in();
        let name = self.name;
        for (path, content) in PROTECTED {
            let reply = http::get(self.port, path, &[cookie]);
            assert_eq!(reply.status, 200, "{name}, {path}: {reply:?}");
            assert!(reply.text().contains(content), "{name}, {path}: {reply:?}");
            let cache = reply.all("Cache-Control").join(", ");
            assert!(cache.contains("private"), "{name}, {path}: {cache}");
            // Those of signet's pages: what is behind has its own.
            for field in ["Content-Security-Policy", "X-Frame-Options", "Set-Cookie"] {
                assert!(reply.all(field).is_empty(), "{name}, {path}: {reply:?}");
            }
        }
        let headers = [&FORGED[..], self.forged, &[cookie]].concat();
        let page = http::get(self.port, "/private/page.php", &headers);
        for line in ["REMOTE_USER=ada", "REMOTE_GROUPS=staff"] {
            assert!(
                page.text().lines().any(|own| own == line),
                "{name}: {page:?}"
            );
        }
        let application = http::get(self.port, "/private/app/", &headers);
        let told = application.text().to_ascii_lowercase();
        for words in self.told {
            assert!(told.contains(words), "{name}: {told}");
        }
        for reply in [&page, &application] {
            let text = reply.text();
            assert!(!text.contains("mallory"), "{name}: {text}");
        }
        for path in ["/private/page.php", "/private/app/"] {
            let posted = http::post(self.port, path, &[cookie], "field=of+a+form");
            assert_eq!(posted.status, 200, "{name}, {path}: {posted:?}");
            assert!(posted.text().contains("POST"), "{name}, {path}: {posted:?}");
            assert!(
                posted.text().ends_with("field=of+a+form"),
                "{name}, {path}: {posted:?}"
            );
        }
    }

    /// A user who was removed, a users file that is lost, and a program that does not run.
    fn fails_closed(&mut self) {
        let cookie = self.log_in();
        let users = self.site.path().join("state/users");
        fs::write(&users, "").expect("remove the users");
        let removed = http::get(self.port, "/private/secret.txt", &[&cookie]);
        self.assert_sent_to_login("removed", &removed, "/private/secret.txt");
        fs::remove_file(&users).expect("remove the file");
        self.assert_all_fail("no users file", &cookie);
        if let Some(daemon) = self.daemon.take() {
            drop(daemon);
            self.assert_all_fail("no daemon", &cookie);
        }
    }

    #[track_caller]
    fn assert_all_fail(&self, row: &str, cookie: &str) {
        for (path, _) in PROTECTED {
            let reply = http::get(self.port, path, &[cookie]);
            self.assert_closed(row, &reply);
            assert!(reply.status >= 500, "{}, {row}: {reply:?}", self.name);
        }
    }

    fn check(mut self) {
        self.shows_strangers_nothing();
        self.shows_users_everything();
        self.fails_closed();
    }
}

#[test]
#[ignore = "needs lighttpd and PHP: run tests/run"]
fn lighttpd_asks_an_authorizer() {
    lighttpd().check();
}

#[test]
#[ignore = "needs nginx and PHP: run tests/run"]
fn nginx_asks_by_auth_request() {
    nginx().check();
}

#[test]
#[ignore = "needs Apache and PHP: run tests/run"]
fn apache_asks_an_authorizer() {
    apache().check();
}

#[test]
#[ignore = "needs Caddy and PHP: run tests/run"]
fn caddy_asks_by_forward_auth() {
    caddy().check();
}
