//! What a web server serves, shown only to logged-in visitors: `lighttpd-authorizer.conf`,
//! `nginx-auth.conf`, `apache/authorizer.conf` and `Caddyfile` as they are shipped, but for
//! paths and ports. Behind each of them are a file, a listing, a PHP page and an application.

mod behind;
mod servers;

use std::fs;
use std::process::Command;

use self::behind::SECRET;
use self::servers::{Protected, apache, apache_in_virtual_host, caddy, lighttpd, nginx};
use super::hostile_names::{encoded, names};
use super::site::Site;
use crate::guard::PASSWORD;
use crate::support::http::{self, Reply};

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

/// URLs that lead, or could lead, to what is protected.
const URLS: [&str; 24] = [
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
    "/private/secret.txt#/../../account/login",
    "/account/login#/../../private/secret.txt",
    "/account/x%2f..%2f..%2fprivate/secret.txt",
    "/account/%252e%252e/private/secret.txt",
    "http://example.org//private/secret.txt",
    "/account/?r=/private/secret.txt",
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
        for path in URLS {
            for method in ["GET", "POST", "OPTIONS", "PUT"] {
                let reply = http::request(self.port, method, path, &["Content-Length: 0"], b"");
                self.assert_closed(&format!("{method} {path}"), &reply);
            }
        }
    }

    /// signet itself protects nothing.
    fn without_guard_dirs(self) -> Self {
        let path = self.site.path().join("state/signet.toml");
        let settings = fs::read_to_string(&path).expect("settings");
        let lines = settings
            .lines()
            .filter(|line| !line.starts_with("GUARD_DIRS"));
        let settings: String = lines.map(|line| format!("{line}\n")).collect();
        fs::write(path, settings).expect("write the settings");
        self
    }

    /// Strangers do not find out which folders exist.
    fn hides_folders(&self) {
        for path in [
            "/private/sub",
            "/private/sub/",
            "/private/none",
            "/private/none/",
        ] {
            let reply = http::get(self.port, path, &[]);
            self.assert_sent_to_login(path, &reply, path);
        }
    }

    /// The command in the head of the file, which is to print 303.
    fn passes_its_own_test(&self) {
        let command = Site::shipped(self.file);
        let command = command.lines().find_map(|line| line.split_once("curl "));
        let (_, command) = command.expect("a line with curl");
        let (options, url) = command.rsplit_once(' ').expect("a URL");
        let (_, path) = url.split_once("//").expect("a scheme");
        let (_, path) = path.split_once('/').expect("a path");
        let command = format!("curl {options} http://127.0.0.1:{}/{path}", self.port);
        let out = Command::new("sh")
            .args(["-c", &command])
            .output()
            .expect("sh");
        assert_eq!(out.stdout, b"303\n", "{command}: {out:?}");
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

    /// The server serves the files itself.
    fn shows_users_names_of_all_kinds(&self) {
        let cookie = &*self.log_in();
        let mut wrong = Vec::new();
        for name in names() {
            let url = format!("/private/names/{}", encoded(&name));
            let nobody = http::get(self.port, &url, &[]);
            assert!(nobody.status >= 300, "{}, {url}: {nobody:?}", self.name);
            let reply = http::get(self.port, &url, &[cookie]);
            let is_shown = reply.status == 200 && reply.body == name;
            if is_shown == (self.refuses)(&name) {
                wrong.push((url, reply.status));
            }
        }
        assert!(wrong.is_empty(), "{}: {wrong:?}", self.name);
    }

    /// ada is not in the group for which the web server asks.
    fn shows_the_board_only(&self) {
        let cookie = &*self.log_in();
        for (path, _) in PROTECTED {
            let reply = http::get(self.port, path, &[cookie]);
            assert_eq!(reply.status, 403, "{}, {path}: {reply:?}", self.name);
            self.assert_closed(path, &reply);
        }
        for path in URLS {
            let reply = http::get(self.port, path, &[cookie]);
            self.assert_closed(path, &reply);
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
        self.passes_its_own_test();
        self.shows_strangers_nothing();
        self.hides_folders();
        self.shows_users_everything();
        self.shows_users_names_of_all_kinds();
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
    nginx(&[]).check();
}

/// Other locations of the site, with regular expressions, take no requests away. A location
/// for the question without PATH_INFO lets nobody in.
#[test]
#[ignore = "needs nginx and PHP: run tests/run"]
fn nginx_asks_whatever_other_locations_there_are() {
    let others = "location ~ \\.(php|txt)$ { root /srv/site/htdocs; }\n\
        location ~ /$ { root /srv/site/htdocs; autoindex on; }\n\
        location ~ /app/ { proxy_pass http://127.0.0.1:3000; }\n";
    let start = "location ^~ /account/ {";
    let protected = nginx(&[(start, &format!("{others}{start}"))]);
    protected.shows_strangers_nothing();
    protected.shows_users_everything();

    let (by_shipped, rest) = (
        "  include /etc/nginx/nginx-fastcgi.conf;\n",
        "  fastcgi_param SCRIPT_NAME  /account;\n  fastcgi_param PATH_INFO    /auth;\n  fastcgi_param REQUEST_URI  /account/auth;\n  fastcgi_param QUERY_STRING \"\";\n",
    );
    let whole = format!("{by_shipped}{rest}");
    for params in [by_shipped, "  include /etc/nginx/fastcgi_params;\n"] {
        for name in ["/check", "/account/check"] {
            let location = format!("location = {name} {{");
            let asks = format!("auth_request     {name};");
            let protected = nginx(&[
                ("location = /signet-auth {", &location),
                ("auth_request     /signet-auth;", &asks),
                (&whole, params),
            ])
            .without_guard_dirs();
            let cookie = protected.log_in();
            for (path, _) in PROTECTED {
                for headers in [&[][..], &[&*cookie]] {
                    let reply = http::get(protected.port, path, headers);
                    assert_eq!(reply.status, 500, "{name} {params}: {path} {reply:?}");
                }
            }
        }
    }
}

#[test]
#[ignore = "needs nginx and PHP: run tests/run"]
fn nginx_asks_for_a_group() {
    let query = "PATH_INFO    /auth;\n  fastcgi_param REQUEST_URI  /account/auth;\n  fastcgi_param QUERY_STRING ";
    let of_board = format!("{query}group=board");
    nginx(&[(&format!("{query}\"\""), &of_board)]).shows_the_board_only();
    // REQUEST_URI is that of the visitor.
    let without = of_board.replace("  fastcgi_param REQUEST_URI  /account/auth;\n", "");
    nginx(&[(&format!("{query}\"\""), &without)]).shows_the_board_only();
}

#[test]
#[ignore = "needs Apache and PHP: run tests/run"]
fn apache_asks_an_authorizer() {
    apache().check();
}

/// As the head of the file says: one line outside, the rest in the site.
#[test]
#[ignore = "needs Apache and PHP: run tests/run"]
fn apache_asks_for_one_site() {
    apache_in_virtual_host().check();
}

/// A visitor's own query does not weaken the question, with `?` in the line `uri` or without.
#[test]
#[ignore = "needs Caddy and PHP: run tests/run"]
fn caddy_asks_whatever_the_visitors_query_is() {
    let queries = [
        "redirect",
        "group=",
        "group=staff",
        "group=board",
        "r=/",
        "r=/login",
        "r=/auth",
        "x",
        "group=staff&redirect",
        "%67roup=board",
        "group=board&group=staff",
        "?",
        "#",
    ];
    for uri in ["/auth?redirect", "/auth?", "/auth", "/auth?group=board"] {
        let protected = caddy(&[("/auth?redirect\n", &format!("{uri}\n"))]);
        let cookie = protected.log_in();
        for query in queries {
            let path = format!("/private/secret.txt?{query}");
            let stranger = http::get(protected.port, &path, &[]);
            protected.assert_closed(&path, &stranger);
            assert!(stranger.status >= 300, "{uri}: {path}: {stranger:?}");
            let ada = http::get(protected.port, &path, &[&cookie]);
            match uri {
                "/auth?group=board" => assert_eq!(ada.status, 403, "{path}: {ada:?}"),
                // Whoever asks for more gets less.
                "/auth" => assert!(
                    [200, 403, 404, 500].contains(&ada.status),
                    "{path}: {ada:?}"
                ),
                _ => assert_eq!((ada.status, ada.text()), (200, SECRET), "{uri}: {path}"),
            }
        }
    }
    // A question at a wrong path.
    for uri in ["/?redirect", "/login?", "/auth/?"] {
        let protected = caddy(&[("/auth?redirect\n", &format!("{uri}\n"))]).without_guard_dirs();
        let cookie = protected.log_in();
        for headers in [&[][..], &[&*cookie]] {
            let reply = http::get(protected.port, "/private/secret.txt", headers);
            assert_eq!(reply.status, 503, "{uri}: {reply:?}");
        }
    }
}

#[test]
#[ignore = "needs Caddy and PHP: run tests/run"]
fn caddy_asks_by_forward_auth() {
    caddy(&[]).check();
}

#[test]
#[ignore = "needs Caddy and PHP: run tests/run"]
fn caddy_asks_for_a_group() {
    caddy(&[("/auth?redirect\n", "/auth?redirect&group=board\n")]).shows_the_board_only();
}
