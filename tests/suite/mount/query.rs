//! Hosts without PATH_INFO: `signet.cgi?r=/login`, for the bare script only.
//! A page reached in that form links in that form.

use super::{assert_harmless, mount, request};
use crate::support::html::links;
use crate::support::invariants::{Allowed, COOKIE, NOTHING, assert_holds};
use crate::support::{Cgi, cgi::os, response::Response};

const SCRIPT: &str = "/cgi-bin/x.cgi";

#[test]
fn path_in_the_query() {
    const KEPT: &str = "/cgi-bin/x.cgi?r=/login";
    const PATH: &str = "/cgi-bin/x.cgi/login";
    #[rustfmt::skip]
    let rows = [
        // name               PATH_INFO  REQUEST_URI                              path       login
        ("login",             "-",       "/cgi-bin/x.cgi?r=/login",               "/login",  KEPT),
        ("logout",            "-",       "/cgi-bin/x.cgi?r=/logout",              "/logout", KEPT),
        ("index",             "-",       "/cgi-bin/x.cgi?r=/",                    "/",       KEPT),
        ("encoded",           "-",       "/cgi-bin/x.cgi?r=%2Flogin",             "/login",  KEPT),
        ("among others",      "-",       "/cgi-bin/x.cgi?a=1&r=/login&b=2",       "/login",  KEPT),
        ("empty PATH_INFO",   "",        "/cgi-bin/x.cgi?r=/login",               "/login",  KEPT),
        ("without a route",   "-",       "/cgi-bin/x.cgi?r=/a/b",                 "/a/b",    KEPT),
        ("with PATH_INFO",    "/",       "/cgi-bin/x.cgi/?r=/login",              "/",       PATH),
        ("with PATH_INFO 2",  "/logout", "/cgi-bin/x.cgi/logout?r=/login",        "/logout", PATH),
        ("another name",      "-",       "/cgi-bin/x.cgi?rr=/login",              "/",       PATH),
        ("another case",      "-",       "/cgi-bin/x.cgi?R=/login",               "/",       PATH),
        ("no query",          "-",       "/cgi-bin/x.cgi",                        "/",       PATH),
    ];
    for (name, info, uri, path, login) in rows {
        let seen = mount(request(SCRIPT, info, uri), None);
        assert_harmless(name, &seen);
        assert_eq!(
            (&*seen.base, &*seen.cookie_path),
            (SCRIPT, SCRIPT),
            "{name}"
        );
        assert_eq!(
            (os(&seen.path), &*seen.login),
            (os(path.as_bytes()), login),
            "{name}"
        );
    }
    // A server of RFC 3875's letter sends no REQUEST_URI.
    let vars = [("SCRIPT_NAME", SCRIPT), ("QUERY_STRING", "r=/login")];
    let seen = mount(vars.map(|(name, value)| (name.into(), value.into())), None);
    assert_eq!((&*seen.path, &*seen.login), (&b"/login"[..], KEPT));
    // The setting names the script as visitors see it.
    let vars = request("/inner/x.cgi", "-", "/inner/x.cgi?r=/login");
    assert_eq!(mount(vars, Some(SCRIPT)).login, KEPT);
}

/// The bare script with this query, in the place of a web server's URL.
fn bare(cgi: Cgi, query: &str) -> Cgi {
    cgi.without("PATH_INFO")
        .var("SCRIPT_NAME", SCRIPT)
        .var("QUERY_STRING", query)
        .var("REQUEST_URI", format!("{SCRIPT}?{query}"))
}

/// Runs it; the answer holds, and all its links keep to the form.
fn visit(name: &str, cgi: Cgi, allowed: Allowed) -> Response {
    let response = assert_holds(name, &cgi.run(), allowed);
    let location = response.header("Location").map(str::to_owned);
    for link in links(response.text()).into_iter().chain(location) {
        assert!(link.starts_with("/cgi-bin/x.cgi?r=/"), "{name}: {link}");
        assert!(!link.starts_with("/cgi-bin/x.cgi?r=//"), "{name}: {link}");
    }
    response
}

/// The walk through the site, by query alone.
#[test]
fn the_walk_without_path_info() {
    let index = visit("index", bare(Cgi::get("/"), "r=/"), NOTHING);
    assert!(
        links(index.text()).contains(&format!("{SCRIPT}?r=/login")),
        "{}",
        index.text()
    );

    let form = visit("form", bare(Cgi::get("/"), "r=/login"), NOTHING);
    assert!(form.text().contains("name=\"username\""), "{}", form.text());

    let login = visit(
        "login",
        bare(Cgi::post("/", "username=admin"), "r=/login"),
        COOKIE,
    );
    assert_eq!(
        (login.status, login.header("Location")),
        (303, Some("/cgi-bin/x.cgi?r=/"))
    );
    let cookie = login.cookie("session").expect("a session");
    assert_eq!(cookie.attribute("Path"), Some(SCRIPT));

    let sent = format!("session={}", cookie.value);
    let index = visit(
        "logged in",
        bare(Cgi::get("/"), "r=/").cookie(&sent),
        COOKIE,
    );
    assert!(
        index.words().contains("Logged in as admin"),
        "{}",
        index.words()
    );
    assert!(
        links(index.text()).contains(&format!("{SCRIPT}?r=/logout")),
        "{}",
        index.text()
    );

    let logout = visit(
        "logout",
        bare(Cgi::get("/"), "r=/logout").cookie(&sent),
        COOKIE,
    );
    assert_eq!(
        (logout.status, logout.header("Location")),
        (303, Some("/cgi-bin/x.cgi?r=/"))
    );
    let gone = logout.cookie("session").expect("the cookie's end");
    assert!(gone.deletes(), "{gone:?}");
    assert_eq!(gone.attribute("Path"), Some(SCRIPT));
}

/// Anybody can write the query: a path without a route is not found, and is never a
/// link or a redirect.
#[test]
fn junk_in_the_query_is_not_found() {
    let queries = [
        "r=//evil.example",
        "r=//evil.example/login",
        "r=/%5Cevil.example",
        "r=/%2e%2e",
        "r=/%2e%2e/login",
        "r=/login%00",
        "r=/login%0D%0ASet-Cookie:%20a=b",
        "r=/login%3Fx",
        "r=/%FF",
        "r=/%zz",
        "r=/\"><b>",
    ];
    for query in queries {
        let response = visit(query, bare(Cgi::get("/"), query), NOTHING);
        assert_eq!(response.status, 404, "{query}");
    }
}

/// Two paths, or no path: any response is accepted that the program sends.
#[test]
fn doubtful_queries_stay_on_the_script() {
    for query in [
        "r=/login&r=/logout",
        "r=/logout&r=/login",
        "r=login",
        "r=http://evil.example/login",
        "r=",
        "r",
        "&&r=&r=/&=",
    ] {
        let response = assert_holds(query, &bare(Cgi::get("/"), query).run(), NOTHING);
        for link in links(response.text()) {
            assert!(link.starts_with(SCRIPT), "{query}: {link}");
        }
    }
}
