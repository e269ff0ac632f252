//! The walk through the site: index, login form, login as admin, index, logout, index,
//! by following the links that each page shows, at each kind of mount.

use crate::support::html::{form_target, link};
use crate::support::invariants::{Allowed, COOKIE, NOTHING, checked};
use crate::support::jar::Jar;
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, now};

/// How a web server makes meta-variables of a URL below one kind of mount.
#[derive(Clone, Copy, Debug)]
struct Site {
    name: &'static str,
    script_name: &'static str,
    /// What stands before the route in the URLs that a visitor sees.
    base: &'static str,
    /// The route's place is the query, for hosts without PATH_INFO.
    query: bool,
}

#[rustfmt::skip]
const SITES: [Site; 5] = [
    Site { name: "the server's root",  script_name: "",                    base: "",                    query: false },
    Site { name: "a folder",           script_name: "/app",                base: "/app",                query: false },
    Site { name: "cgi-bin",            script_name: "/cgi-bin/signet.cgi", base: "/cgi-bin/signet.cgi", query: false },
    Site { name: "a pretty URL",       script_name: "/x/signet.cgi",       base: "/x",                  query: false },
    Site { name: "without PATH_INFO",  script_name: "/signet.cgi",         base: "/signet.cgi",         query: true },
];

impl Site {
    /// The address of a route, as a visitor types it.
    fn url(&self, route: &str) -> String {
        if self.query {
            format!("{}?r={route}", self.base)
        } else {
            format!("{}{route}", self.base)
        }
    }

    fn request(&self, method: &str, url: &str, form: &str) -> Cgi {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let route = path
            .strip_prefix(self.base)
            .unwrap_or_else(|| panic!("{url} leaves {self:?}"));
        let cgi = if method == "POST" {
            Cgi::post("/", form)
        } else {
            Cgi::new(method, "/")
        };
        let cgi = cgi
            .var("SCRIPT_NAME", self.script_name)
            .var("REQUEST_URI", url)
            .var("QUERY_STRING", query);
        if route.is_empty() {
            cgi.without("PATH_INFO")
        } else {
            cgi.var("PATH_INFO", route)
        }
    }
}

/// A browser on one site.
struct Visitor {
    site: Site,
    jar: Jar,
}

impl Visitor {
    fn send(&mut self, method: &str, url: &str, form: &str, allowed: Allowed) -> Response {
        let step = format!("{}, {method} {url}", self.site.name);
        let path = url.split('?').next().unwrap_or_default();
        let mut cgi = self.site.request(method, url, form);
        if let Some(cookies) = self.jar.header(path, false) {
            cgi = cgi.cookie(cookies);
        }
        let response = checked(&step, cgi, allowed);
        self.jar.store(path, &response.cookies());
        response
    }
}

#[test]
fn log_in_and_out() {
    for site in SITES {
        let name = site.name;
        let mut visitor = Visitor {
            site,
            jar: Jar::default(),
        };

        let index = visitor.send("GET", &site.url("/"), "", NOTHING);
        assert_eq!(index.status, 200, "{name}");
        assert!(
            index.words().contains("You are not logged in"),
            "{name}: {}",
            index.words()
        );
        let login = link(index.text(), "click here to log in");
        assert_eq!(login.replace("%2F", "/"), site.url("/login"), "{name}");

        let form = visitor.send("GET", &login, "", NOTHING);
        assert_eq!(form.status, 200, "{name}");
        assert_eq!(
            form_target(form.text(), &login).replace("%2F", "/"),
            site.url("/login"),
            "{name}"
        );

        let target = form_target(form.text(), &login);
        let answer = visitor.send("POST", &target, "username=admin", COOKIE);
        assert_eq!(
            (answer.status, answer.reason.as_str()),
            (303, "See Other"),
            "{name}"
        );
        let home = answer.header("Location").expect("a target").to_owned();
        assert_eq!(home.replace("%2F", "/"), site.url("/"), "{name}");
        let cookie = answer.cookie("session").expect("a session");
        // The mount, so that two applications on one host stay apart.
        let mount = if site.base.is_empty() { "/" } else { site.base };
        assert_eq!(cookie.attribute("Path"), Some(mount), "{name}");
        assert!(cookie.has("HttpOnly"), "{name}: {cookie:?}");
        assert_eq!(cookie.attribute("SameSite"), Some("Lax"), "{name}");
        assert!(!cookie.has("Secure"), "{name}: it came by plain HTTP");
        let (json, began, signed_at) = Signer::default()
            .read_session(&cookie.value)
            .expect("our signature");
        assert_eq!(json, r#"{"_demo":"admin","username":"admin"}"#, "{name}");
        assert_eq!(began, signed_at.to_string(), "{name}");
        assert!(
            now().abs_diff(signed_at) < 60,
            "{name}: signed at {signed_at}"
        );

        let index = visitor.send("GET", &home, "", NOTHING);
        assert!(
            index.words().contains("Logged in as admin"),
            "{name}: {}",
            index.words()
        );
        let logout = link(index.text(), "click here to log out");
        assert_eq!(logout.replace("%2F", "/"), site.url("/logout"), "{name}");

        let answer = visitor.send("GET", &logout, "", COOKIE);
        assert_eq!(answer.status, 303, "{name}");
        assert_eq!(answer.header("Location").expect("a target"), home, "{name}");
        assert!(
            answer.cookie("session").expect("a deletion").deletes(),
            "{name}"
        );

        let index = visitor.send("GET", &home, "", NOTHING);
        assert!(
            index.words().contains("You are not logged in"),
            "{name}: {}",
            index.words()
        );
        assert_eq!(visitor.jar.header(site.base, false), None, "{name}");
    }
}

/// `session.pop('username')` and no more: what else a session holds stays.
#[test]
fn logout_keeps_the_rest_of_the_session() {
    let signer = Signer::default();
    let token = signer.token(r#"{"theme":"dark","username":"admin"}"#, now());
    let cgi = Cgi::get("/logout").cookie(format!("session={token}"));
    let answer = checked("a theme besides", cgi, COOKIE);
    let cookie = answer.cookie("session").expect("the changed session");
    let (json, _, _) = signer.read_session(&cookie.value).expect("our signature");
    assert_eq!((answer.status, &*json), (303, r#"{"theme":"dark"}"#));
}

/// Logging in as somebody else is a change of the name, whatever was before.
#[test]
fn login_replaces_the_name() {
    let signer = Signer::default();
    let token = signer.token(r#"{"username":"alice"}"#, now());
    let cgi = Cgi::post("/login", "username=bob").cookie(format!("session={token}"));
    let answer = checked("alice becomes bob", cgi, COOKIE);
    let cookie = answer.cookie("session").expect("the changed session");
    let (json, _, _) = signer.read_session(&cookie.value).expect("our signature");
    assert_eq!(
        (answer.status, &*json),
        (303, r#"{"_demo":"bob","username":"bob"}"#)
    );
}
