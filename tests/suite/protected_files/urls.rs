//! URLs of the site that lead to protected folders: `GUARD_DIRS`.

use signet::testing::Client;

use super::{KEY, ada, beside, browser, decoded, log_in, state};
use crate::support::{Cgi, now};

/// Browsers send the cookie of the login to URLs below its path only.
#[test]
fn a_url_outside_the_path_of_the_cookie_is_an_error() {
    let (server, state) = (signet::app::server(), state());
    #[rustfmt::skip]
    let cases = [
        // SESSION_COOKIE_PATH, APPLICATION_ROOT, URL, is it good?
        ("",       "",     "/private",     false),
        ("/",      "",     "/private",     true),
        ("/a",     "/a/b", "/a/private",   true),
        ("/a/",    "/a/b", "/a/private",   true),
        ("/a",     "",     "/private",     false),
        ("/a",     "",     "/ab",          false),
        ("",       "/",    "/private",     true),
        ("",       "/app", "/app/private", true),
        ("",       "/app", "/private",     false),
        ("/",      "/app", "/private",     true),
        ("/caf%C3%A9", "/caf%C3%A9/b", "/caf%c3%a9/x", true),
        // The login itself is below this URL.
        ("/",      "/app", "/app",         false),
        ("/",      "/a/b", "/a",           false),
    ];
    for (path, root, url, is_good) in cases {
        let dirs = format!("{{{url:?}: {:?}}}", beside(&state, "site"));
        let mut client = Client::new(&server)
            .setting("GUARD_DIRS", dirs)
            .setting("SESSION_COOKIE_PATH", path)
            .setting("APPLICATION_ROOT", root)
            .state_dir(state.path());
        let page = client.get("/login");
        let name = format!("{path:?} {root:?} {url:?}: {}", page.log);
        assert_eq!(page.status, if is_good { 200 } else { 503 }, "{name}");
        if !is_good {
            let remedy = ["SESSION_COOKIE_PATH", "APPLICATION_ROOT"];
            let says = |text: &str| remedy.iter().any(|setting| text.contains(setting));
            assert!(
                says(&page.log) && says(&page.text()),
                "{name}: {}",
                page.text()
            );
        }
    }
    let dirs = beside(&state, "site");
    let section = format!(
        "SESSION_COOKIE_PATH = \"/\"\n[GUARD_DIRS]\n\"/a\" = {dirs:?}\n\"/b c\" = {dirs:?}\n"
    );
    state.write("signet.toml", section.replace("b c", "b%20c"), 0o600);
    let mut client = Client::new(&server)
        .setting("SECRET_KEY", KEY)
        .state_dir(state.path());
    assert_eq!(log_in(&mut client).status, 200);
    for path in ["/a/a.txt", "/b%20c/a.txt"] {
        assert_eq!(client.get(path).text(), "of the site", "{path}");
    }
}

/// Of two URLs, one below the other, the longer one decides.
#[test]
fn the_longest_url_decides() {
    let (server, state) = (signet::app::server(), state());
    let [site, private] = ["site", "private"].map(|name| beside(&state, name));
    let dirs = format!("{{\"/old/new\": {private:?}, \"/old\": {site:?}}}");
    let mut client = ada(&server, &state).setting("GUARD_DIRS", dirs);
    for (path, want) in [
        ("/old/a.txt", "of the site"),
        ("/old/new/a.txt", "the file"),
    ] {
        assert_eq!(client.get(path).text(), want, "{path}");
    }
}

/// The rule of `.htaccess` in the folder passes its URLs to the script.
#[test]
fn a_rule_of_the_web_server_keeps_the_urls_of_a_folder() {
    let state = state();
    let dirs = format!("{{\"/old\": {:?}}}", beside(&state, "site"));
    let cookie = {
        let server = signet::app::server();
        let mut client = browser(&server, &state);
        client.set_now(now());
        assert_eq!(log_in(&mut client).status, 303);
        client.cookie("session").unwrap().to_owned()
    };
    // SCRIPT_NAME, PATH_INFO, QUERY_STRING, and the login's URL.
    #[rustfmt::skip]
    let cases = [
        ("/cgi-bin/signet.cgi", "/private/a.txt", "",      "/cgi-bin/signet.cgi/login?"),
        ("/cgi-bin/signet.cgi", "/old/a.txt",     "",      "/cgi-bin/signet.cgi/login?"),
        ("/cgi-bin/signet.cgi", "",               "",      "/cgi-bin/signet.cgi/login?"),
        ("/cgi-bin/signet.cgi", "",      "r=/old/a.txt",   "/cgi-bin/signet.cgi?r=/login&"),
        ("/signet.cgi",         "",               "",      "/signet.cgi/login?"),
        ("/signet.cgi",         "/old/a.txt",     "",      "/signet.cgi/login?"),
        ("",                    "/old/a.txt",     "",      "/login?"),
        ("/old",                "/a.txt",         "",      "503"),
        ("/old/a.txt",          "",               "",      "503"),
    ];
    for (script, path_info, query, login) in cases {
        let request = || {
            Cgi::get("/")
                .state(&state)
                .var("SIGNET_SECRET_KEY", KEY)
                .var("SIGNET_GUARD_DIRS", &dirs)
                .var("SIGNET_SESSION_COOKIE_PATH", "/")
                .var("SCRIPT_NAME", script)
                .var("PATH_INFO", path_info)
                .var("QUERY_STRING", query)
                .var("REQUEST_URI", "/old/a.txt")
        };
        let name = format!("{script:?} {path_info:?}");
        let response = request().run().response();
        if login == "503" {
            assert_eq!(response.status, 503, "{name}");
            continue;
        }
        assert_eq!(response.status, 303, "{name}");
        let location = decoded(response.header("Location").unwrap());
        assert_eq!(location, format!("{login}next=/old/a.txt"), "{name}");
        let response = request()
            .cookie(format!("session={cookie}"))
            .run()
            .response();
        assert_eq!(response.status, 200, "{name}");
        assert_eq!(response.text(), "of the site", "{name}");
    }
}

/// With another path of the cookie than the program's, a cookie from before that setting
/// would outlive the logout.
#[test]
fn login_and_logout_delete_a_cookie_at_the_mount() {
    let state = state();
    let request = |request: Cgi| {
        request
            .state(&state)
            .var("SIGNET_SECRET_KEY", KEY)
            .var("SIGNET_SESSION_COOKIE_PATH", "/")
    };
    let login = request(Cgi::post("/login", "username=ada&password=old+secret+1"));
    let login = login.run().response();
    let paths = |response: &crate::support::response::Response| -> Vec<(String, bool)> {
        let cookies = response.cookies();
        let cookies = cookies.iter().filter(|cookie| cookie.name == "session");
        cookies
            .map(|cookie| {
                (
                    cookie.attribute("Path").unwrap_or_default().to_owned(),
                    cookie.value.is_empty(),
                )
            })
            .collect()
    };
    let at = |path: &str, is_deleted| (path.to_owned(), is_deleted);
    assert_eq!(paths(&login), [at("/app", true), at("/", false)]);
    let cookies = login.cookies();
    let cookie = cookies.iter().find(|cookie| !cookie.value.is_empty());
    let cookie = format!("session={}", cookie.expect("a cookie").value);
    let logout = request(Cgi::post("/logout", ""))
        .cookie(&cookie)
        .run()
        .response();
    assert_eq!(paths(&logout), [at("/app", true), at("/", true)]);
    // Nothing else does.
    let index = request(Cgi::get("/")).cookie(&cookie).run().response();
    assert_eq!(paths(&index), []);
}
