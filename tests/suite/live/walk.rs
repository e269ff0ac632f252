//! The walk through the site as a browser makes it: index, form, login, index, logout,
//! index, each by following what the page before has shown.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::Mount;
use crate::support::html::{form_target, link, links, words};
use crate::support::http::{self, Reply};
use crate::support::jar::Jar;
use crate::support::now;

/// A browser on one site.
struct Visitor<'m> {
    mount: &'m Mount,
    jar: Jar,
}

impl<'m> Visitor<'m> {
    fn new(mount: &'m Mount) -> Self {
        Self {
            mount,
            jar: Jar::default(),
        }
    }

    fn get(&mut self, url: &str) -> Reply {
        self.send("GET", url, "")
    }

    fn post(&mut self, url: &str, form: &str) -> Reply {
        self.send("POST", url, form)
    }

    fn send(&mut self, method: &str, url: &str, form: &str) -> Reply {
        let port = self.mount.port;
        let cookie = self.jar.header(url, false);
        let cookie = cookie.map(|cookies| format!("Cookie: {cookies}"));
        let headers: Vec<&str> = cookie.iter().map(String::as_str).collect();
        let reply = match method {
            "POST" => http::post(port, url, &headers, form),
            _ => http::get(port, url, &headers),
        };
        self.mount.assert_ours(&format!("{method} {url}"), &reply);
        self.jar.store(url, &reply.cookies());
        reply
    }

    /// Asserts that the index says this, and returns it.
    #[track_caller]
    fn index(&mut self, url: &str, says: &str) -> Reply {
        let index = self.get(url);
        let words = words(index.text());
        let name = self.mount.name;
        assert_eq!(index.status, 200, "{name}: {words}");
        assert!(words.contains(says), "{name}: {words}");
        assert_eq!(index.cookies(), [], "{name}: looking sets no cookie");
        index
    }
}

/// Logs in and out.
pub(super) fn log_in_and_out(mount: &Mount) {
    let name = mount.name;
    let mut visitor = Visitor::new(mount);

    let index = visitor.index(&mount.url("/"), "You are not logged in");
    let login = link(index.text(), "click here to log in");
    assert_eq!(login, mount.url("/login"), "{name}");

    let form = visitor.get(&login);
    assert_eq!((form.status, form.cookies()), (200, vec![]), "{name}");

    let target = form_target(form.text(), &login);
    let answer = visitor.post(&target, "username=admin");
    let status = (answer.status, answer.reason.as_str());
    assert_eq!(status, (303, "See Other"), "{name}");
    let home = answer.header("Location").expect("a target").to_owned();
    assert_eq!(home, mount.url("/"), "{name}");
    assert_cookie(mount, &answer);

    let index = visitor.index(&home, "Logged in as admin");
    let logout = link(index.text(), "click here to log out");
    assert_eq!(logout, mount.url("/logout"), "{name}");

    let answer = visitor.get(&logout);
    assert_eq!(answer.status, 303, "{name}");
    assert_eq!(answer.header("Location"), Some(home.as_str()), "{name}");
    let deletion = answer.cookies();
    assert!(deletion[0].deletes(), "{name}: {deletion:?}");
    assert_eq!(deletion[0].attribute("Path"), Some(mount.cookie_path()));

    visitor.index(&home, "You are not logged in");
    assert_eq!(visitor.jar.header(&home, false), None, "{name}");
}

/// The one cookie of a login by plain HTTP, signed by the key in the state
/// directory, which nobody made but the program.
fn assert_cookie(mount: &Mount, answer: &Reply) {
    let name = mount.name;
    let cookies = answer.cookies();
    assert_eq!(cookies.len(), 1, "{name}: {cookies:?}");
    let cookie = &cookies[0];
    assert_eq!(cookie.name, mount.cookie, "{name}");
    assert_eq!(
        cookie.attribute("Path"),
        Some(mount.cookie_path()),
        "{name}"
    );
    assert_eq!(cookie.attribute("SameSite"), Some("Lax"), "{name}");
    assert!(cookie.has("HttpOnly"), "{name}: {cookie:?}");
    assert!(!cookie.has("Secure"), "{name}: {cookie:?}");
    assert!(!cookie.has("Domain"), "{name}: {cookie:?}");
    assert_eq!(cookie.has("Expires"), mount.permanent, "{name}: {cookie:?}");

    let (json, signed_at) = mount
        .signer()
        .read(&cookie.value)
        .unwrap_or_else(|| panic!("{name}: not signed by {}", mount.state.display()));
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["username"], "admin", "{name}");
    assert!(now().abs_diff(signed_at) < 60, "{name}: {signed_at}");

    let key = fs::metadata(mount.state.join("secret_key")).expect("the key");
    let state = fs::metadata(&mount.state).expect("the state directory");
    assert_eq!(
        (key.mode() & 0o777, state.mode() & 0o777, key.uid()),
        (0o600, 0o700, state.uid()),
        "{name}"
    );
}

/// Whatever a page offers leads to a page, for strangers and for visitors.
pub(super) fn follow_every_link(mount: &Mount) {
    let session = format!("Cookie: {}", mount.log_in());
    for cookie in [None, Some(session.as_str())] {
        let own: Vec<&str> = cookie.into_iter().collect();
        // The question whether to log out is for those whom a link elsewhere sent.
        let sent = [own.as_slice(), &["Sec-Fetch-Site: cross-site"]].concat();
        for (route, headers, status) in [
            ("", &own, 200),
            ("/", &own, 200),
            ("/login", &own, 200),
            ("/logout", &sent, 200),
            ("/nowhere", &own, 404),
        ] {
            // A server of files sends a folder's visitors to its slash.
            if route.is_empty() && (mount.base.is_empty() || mount.folder) {
                continue;
            }
            let page = mount.get(route, headers);
            mount.assert_ours(route, &page);
            assert_eq!(page.status, status, "{}: {route}", mount.name);
            let targets = links(page.text());
            assert!(!targets.is_empty(), "{}: {route}", mount.name);
            for url in targets {
                let answer = http::get(mount.port, &url, &own);
                mount.assert_ours(&url, &answer);
                // A click on "log out" is a redirect.
                let want = if url == mount.url("/logout") {
                    303
                } else {
                    200
                };
                assert_eq!(answer.status, want, "{}: {route} has {url}", mount.name);
            }
        }
    }
}

/// The base path is the server's, however a visitor spells it: another spelling
/// is sent to the one that cookies belong to, and no link chooses the cookie's
/// path.
pub(super) fn spell_the_base_path_otherwise(mount: &Mount) {
    let name = mount.name;
    // Apache's rewriting decodes these again, and then resolves the dots.
    let script = mount.url("/signet.cgi");
    for (link, arrives) in [
        ("/zz/%252e%252e/login", true),
        ("/zz/.%252E/login", true),
        ("/%252e/login", true),
        ("//zz/%252e%252e/login", true),
        ("/zz/%25252e%25252e/login", false),
        ("/%252e%252e/login", false),
        ("/zz/%252e%252e/%252e%252e/login", false),
    ] {
        let link = mount.url(link);
        let answer = http::post(mount.port, &link, &[], "username=admin");
        mount.assert_sound(&link, &answer);
        if name.starts_with(".htaccess") && arrives {
            assert_eq!(answer.status, 303, "{name}: {link}: {answer:?}");
        }
        for cookie in answer.cookies() {
            let path = cookie.attribute("Path").expect("a path");
            let implied = path == mount.cookie_path() || path == script;
            assert!(implied, "{name}: {link}: {cookie:?}");
        }
    }

    let Some(first) = mount.base.as_bytes().get(1).copied() else {
        return;
    };
    let other = format!("/%{first:02X}{}", &mount.base[2..]);
    let mut visitor = Visitor::new(mount);
    let mut follow = |method: &str, route: &str, form: &str| {
        let url = format!("{other}{route}");
        let answer = visitor.send(method, &url, form);
        assert_eq!((answer.status, answer.cookies()), (308, vec![]), "{url}");
        let target = answer.header("Location").expect("a target").to_owned();
        assert_eq!(target, mount.url(route), "{name}: {url}");
        visitor.send(method, &target, form)
    };
    let form = follow("GET", "/login?next=%2F", "");
    assert!(form.text().contains("name=\"username\""), "{name}");
    let answer = follow("POST", "/login", "username=admin");
    assert_eq!(answer.status, 303, "{name}: {answer:?}");
    assert_cookie(mount, &answer);
    let index = follow("GET", "/", "");
    assert!(words(index.text()).contains("Logged in as admin"), "{name}");
}
