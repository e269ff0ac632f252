//! The URLs of protected folders: who gets a file, and where everybody else goes. (What
//! is at a path is tested in `tree`; what a file is answered with, in `guard::response`.)

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use signet::http::Method;
use signet::testing::{Client, Response};

use crate::support::html::unescape;
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now};

type Server = signet::Server<'static>;

/// `htpasswd -nbBC 4 ada 'old secret 1'`.
const ADA: &str = "ada:$2y$04$AJ4T..S3XeAXHEw3UVH5GOx.GKdUVUgywtLSKmRnv4s5Ov4ekJK4C";
const PASSWORD: &str = "old secret 1";
const KEY: &str = "tests-only-7f3a91c6e0d24b58";

/// A folder beside the state folder, or in one there.
fn beside(state: &StateDir, name: &str) -> PathBuf {
    state.path().with_file_name(name)
}

/// Users, a folder `private` with files, and one of the site, `site`.
fn state() -> StateDir {
    let state = StateDir::new();
    state.write("users", format!("{ADA}\n"), 0o640);
    state.write("../private/a.txt", "the file", 0o644);
    state.write("../private/sub/index.html", "<p>index", 0o644);
    state.write("../private/list/b.txt", "b", 0o644);
    state.write("../private/script.php", "<?php", 0o644);
    state.write("../site/a.txt", "of the site", 0o644);
    state.write("../site/script.php", "<?php", 0o644);
    state
}

fn browser<'s>(server: &'s Server, state: &StateDir) -> Client<'s> {
    let site = format!("{{\"/old\": {:?}}}", beside(state, "site"));
    Client::new(server)
        .setting("SECRET_KEY", KEY)
        .setting("GUARD_DIR", beside(state, "private"))
        .setting("GUARD_DIRS", site)
        .setting("SESSION_COOKIE_PATH", "/")
        .state_dir(state.path())
        .without_redirects()
}

fn log_in(client: &mut Client<'_>) -> Response {
    client.post("/login", &[("username", "ada"), ("password", PASSWORD)])
}

fn ada<'s>(server: &'s Server, state: &StateDir) -> Client<'s> {
    let mut client = browser(server, state);
    assert_eq!(log_in(&mut client).status, 303);
    client
}

/// The URL of a redirect, decoded once.
fn location(response: &Response) -> String {
    decoded(response.header("location").unwrap_or_default())
}

fn decoded(url: &str) -> String {
    percent_decode_str(url).decode_utf8_lossy().into_owned()
}

#[test]
fn nobody_gets_a_file_without_a_login() {
    let (server, state) = (signet::app::server(), state());
    let mut client = browser(&server, &state);
    #[rustfmt::skip]
    let cases = [
        ("/files/a.txt",       "/login?next=/files/a.txt"),
        ("/files/none",        "/login?next=/files/none"),
        ("/files",             "/login?next=/files"),
        ("/files/list/?by=size&order=down", "/login?next=/files/list/?by=size&order=down"),
        ("/old/a.txt",         "/login?next=/old/a.txt"),
        ("/old/%C3%BC?a=1",    "/login?next=/old/%C3%BC?a=1"),
        // No path to which a browser could return.
        ("/files/%2e%2e/users", "/login"),
        ("/old//evil.example", "/login?next=/old/evil.example"),
    ];
    for (path, want) in cases {
        for method in [Method::GET, Method::HEAD] {
            let response = client.send(method.clone(), path, &[], b"");
            assert_eq!(response.status, 303, "{method} {path}");
            assert_eq!(location(&response), want, "{method} {path}");
            assert_eq!(response.header("cache-control"), Some("no-store, no-cache"));
        }
    }
    // And back.
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("next", "/old/a.txt"),
    ];
    let response = client.post("/login", &fields);
    assert_eq!(location(&response), "/old/a.txt");
    assert_eq!(client.get("/old/a.txt").text(), "of the site");
}

#[test]
fn a_user_gets_files_and_what_a_folder_shows() {
    let (server, state) = (signet::app::server(), state());
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    #[rustfmt::skip]
    let cases = [
        ("/files/a.txt",          200, "the file"),
        ("/files/%61.txt",        200, "the file"),
        ("/files/a.txt?x=1",      200, "the file"),
        ("/files/a.txt/",         404, ""),
        ("/files/a.txt/x",        404, ""),
        ("/files/A.txt",          404, ""),
        ("/files/a.txt.",         404, ""),
        ("/files/a.txt%20",       404, ""),
        ("/files/a.txt%00",       404, ""),
        ("/files/sub%2Findex.html", 404, ""),
        ("/files//a.txt",         404, ""),
        ("/files/./a.txt",        404, ""),
        ("/files/sub/../a.txt",   404, ""),
        ("/files/%2e%2e/users",   404, ""),
        ("/files/none",           404, ""),
        ("/files/sub",            303, "/files/sub/"),
        ("/files/sub?x=1",        303, "/files/sub/?x=1"),
        ("/files",                303, "/files/"),
        ("/files/sub/",           200, "<p>index"),
        ("/files/sub/index.html", 200, "<p>index"),
        ("/files/list/",          200, "b.txt"),
        ("/filesa.txt",           404, ""),
        ("/files/script.php",     200, "<?php"),
        ("/old/a.txt",            200, "of the site"),
        ("/%6Fld/a.txt",          200, "of the site"),
        ("/old",                  303, "/old/"),
        ("/old/",                 200, "a.txt"),
        // Its source must not be shown.
        ("/old/script.php",       404, ""),
        ("/olda.txt",             404, ""),
        ("/old/../private/a.txt", 404, ""),
        ("/app/old/a.txt",        404, ""),
    ];
    for (path, status, want) in cases {
        let response = client.get(path);
        assert_eq!(response.status, status, "{path}: {}", response.log);
        match status {
            303 => assert_eq!(location(&response), want, "{path}"),
            200 => assert!(response.text().contains(want), "{path}"),
            _ => assert!(response.text().contains("There is no page"), "{path}"),
        }
    }
    let mut client = client.setting("GUARD_LISTING", "false");
    assert_eq!(client.get("/files/list/").status, 404);
}

#[test]
fn a_file_has_no_policies_of_pages() {
    let (server, state) = (signet::app::server(), state());
    let mut client = ada(&server, &state);
    let response = client.get("/files/sub/");
    #[rustfmt::skip]
    let cases = [
        ("content-type",            Some("text/html")),
        ("cache-control",           Some("private, no-cache")),
        ("vary",                    Some("Cookie")),
        ("x-content-type-options",  Some("nosniff")),
        ("content-security-policy", None),
        ("x-frame-options",         None),
        ("referrer-policy",         None),
        ("cross-origin-opener-policy", None),
    ];
    for (name, want) in cases {
        assert_eq!(response.header(name), want, "{name}");
    }
}

#[test]
fn only_get_and_head_are_answered() {
    let (server, state) = (signet::app::server(), state());
    for mut client in [browser(&server, &state), ada(&server, &state)] {
        for path in ["/files/a.txt", "/old/a.txt", "/old/none"] {
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let response = client.send(method.clone(), path, &[], b"");
                assert_eq!(response.status, 405, "{method} {path}");
                assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
            }
            assert_eq!(client.send(Method::OPTIONS, path, &[], b"").status, 204);
        }
    }
    let head = ada(&server, &state).send(Method::HEAD, "/files/a.txt", &[], b"");
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("8"));
}

/// A login that accepts any name protects nothing.
#[test]
fn without_users_there_is_no_file_whatever_the_session_says() {
    let (server, state) = (signet::app::server(), state());
    fs::remove_file(state.path().join("users")).unwrap();
    let mut client = browser(&server, &state);
    let nobody = client.get("/files/a.txt");
    assert_eq!(log_in(&mut client).status, 303);
    assert!(client.get("/").text().contains("Logged in as ada"));
    for response in [nobody, client.get("/files/a.txt"), client.get("/old/a.txt")] {
        assert_eq!(response.status, 503);
        assert!(
            response.text().contains("add_users.txt"),
            "{}",
            response.text()
        );
    }
    assert!(!client.get("/").text().contains("/files/"));
}

/// Rules for users count for the URL and for the file to which it leads.
#[test]
fn a_user_without_access_learns_which_account_is_used_and_no_more() {
    let (server, state) = (signet::app::server(), state());
    let private = beside(&state, "private");
    std::os::unix::fs::symlink("../board/b.txt", private.join("list/link.txt")).unwrap();
    state.write("../private/board/b.txt", "b", 0o644);
    state.write("../private/closed/c.txt", "c", 0o644);
    state.write("../private/closed/.signet-users", "bob\n", 0o644);
    let rules = r#"{"/files/board": ["bob"], "/files/sub/index.html": [], "/old/a.txt": ["bob"]}"#;
    let mut client = ada(&server, &state)
        .setting("GUARD_USERS", rules)
        .setting("GUARD_LISTING", "true");
    #[rustfmt::skip]
    let cases = [
        ("/files/board/b.txt",   403), ("/files/board/none", 403), ("/files/board", 403),
        ("/files/list/link.txt", 403), ("/files/sub/",       403), ("/old/a.txt",   403),
        ("/files/closed/c.txt",  403), ("/files/closed/none", 403), ("/files/closed/x/y", 403),
        ("/files/closed",        403), ("/files/list/b.txt", 200), ("/files/none",  404),
    ];
    for (path, status) in cases {
        let response = client.get(path);
        assert_eq!(response.status, status, "{path}: {}", response.log);
        if status == 403 {
            assert!(
                response.text().contains("ada"),
                "{path}: {}",
                response.text()
            );
        }
    }
    let page = client.get("/files/").text();
    let shown: Vec<String> = links(&page).into_iter().map(|(_, text)| text).collect();
    assert_eq!(shown, ["closed/", "list/", "sub/", "a.txt", "script.php"]);
}

/// Another login of the site, which shares the key: a signed name suffices.
#[test]
fn with_another_login_its_users_get_the_files() {
    let (server, state) = (signet::app::server(), state());
    fs::remove_file(state.path().join("users")).unwrap();
    let mut client = browser(&server, &state).setting("LOGIN_URL", "/account/login");
    client.set_now(now());
    let nobody = client.get("/old/a.txt");
    assert_eq!(location(&nobody), "/account/login?next=/old/a.txt");
    let token = Signer::with_key(KEY.as_bytes()).token(r#"{"username":"ada"}"#, now());
    client.set_cookie("session", &token);
    assert_eq!(client.get("/old/a.txt").text(), "of the site");
    assert!(
        client
            .get("/")
            .text()
            .contains("<a href=\"/files/\">Files</a>")
    );
    let page = client.setting("GUARD_LISTING", "true").get("/files/list/");
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("Log out"), "{}", page.text());
}

/// Browsers send the cookie of the login to URLs below its path only.
#[test]
fn a_url_outside_the_path_of_the_cookie_is_an_error() {
    let (server, state) = (signet::app::server(), state());
    #[rustfmt::skip]
    let cases = [
        // SESSION_COOKIE_PATH, APPLICATION_ROOT, URL, is it good?
        ("",       "",     "/private",     false),
        ("/",      "",     "/private",     true),
        ("/a",     "",     "/a/private",   true),
        ("/a/",    "",     "/a/private",   true),
        ("/a",     "",     "/private",     false),
        ("/a",     "",     "/ab",          false),
        ("",       "/",    "/private",     true),
        ("",       "/app", "/app/private", true),
        ("",       "/app", "/private",     false),
        ("/",      "/app", "/private",     true),
        ("/caf%C3%A9", "", "/caf%c3%a9/x", true),
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

/// A site's own template of the list gets a thousand names.
#[test]
fn the_list_can_be_replaced() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/long");
    fs::create_dir(&folder).unwrap();
    for number in 0..1000 {
        write(&folder, format!("<{number:04}>").as_bytes(), "");
    }
    let source = include_str!("../../templates/listing.html").replace("<h1>", "<h1>Ours: ");
    state.write("templates/listing.html", source, 0o644);
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    let page = client.get("/files/long/");
    assert_eq!(page.status, 200, "{}", page.log);
    assert_eq!(page.log, "");
    assert!(page.text().contains("Ours: "));
    assert_eq!(page.text().matches("&lt;0999&gt;").count(), 1);
    assert_eq!(page.text().matches("<tr><td>").count(), 1000);
}

/// A video is fetched in parts.
#[test]
fn the_next_part_is_refused_after_the_session_ended() {
    let (server, state) = (signet::app::server(), state());
    let part = |client: &mut Client<'_>| {
        client.send(Method::GET, "/files/a.txt", &[("range", "bytes=4-7")], b"")
    };
    // Logged out here, and everywhere in another browser; a new password; a removed user.
    let other = ada(&server, &state).post("/logout", &[("everywhere", "1")]);
    assert_eq!(other.status, 303);
    type End = fn(&Server, &StateDir, &mut Client<'_>);
    let ends: [(&str, End); 4] = [
        ("logout", |_, _, client| {
            client.post("/logout", &[]);
        }),
        ("everywhere", |server, state, client| {
            let mut other = browser(server, state);
            let cookie = client.cookie("session").unwrap().to_owned();
            other.set_cookie("session", &cookie);
            assert_eq!(other.post("/logout", &[("everywhere", "1")]).status, 303);
        }),
        ("password", |_, state, _| {
            // `htpasswd -nbBC 4 ada other`, with another salt.
            let other = "ada:$2y$04$......................O/0A2.zSTKgaRrGSyEeEuPLqAl1Mgva";
            fs::write(state.path().join("users"), other).unwrap();
        }),
        ("removed", |_, state, _| {
            fs::write(state.path().join("users"), "bob:x\n").unwrap();
        }),
    ];
    for (name, end) in ends {
        let state = self::state();
        let mut client = ada(&server, &state);
        let first = part(&mut client);
        assert_eq!(
            (first.status.as_u16(), &*first.text()),
            (206, "file"),
            "{name}"
        );
        end(&server, &state, &mut client);
        let next = part(&mut client);
        assert_eq!(next.status, 303, "{name}");
        assert!(!next.text().contains("file\""), "{name}");
    }
}

#[test]
fn the_first_page_links_to_the_files_of_users() {
    let (server, state) = (signet::app::server(), state());
    assert!(!browser(&server, &state).get("/").text().contains("/files/"));
    let mut client = ada(&server, &state);
    assert!(
        client
            .get("/")
            .text()
            .contains("<a href=\"/files/\">Files</a>")
    );
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

fn write(folder: &Path, name: &[u8], text: &str) {
    fs::write(folder.join(OsStr::from_bytes(name)), text).unwrap();
}

/// The links of the table in a list, as (URL, text).
fn links(page: &str) -> Vec<(String, String)> {
    let (_, body) = page.split_once("<tbody>").unwrap_or_default();
    let rows = body.split("<tr><td><a href=\"").skip(1);
    rows.map(|row| {
        let (url, rest) = row.split_once("\"><bdi>").unwrap();
        let (text, _) = rest.split_once("</a>").unwrap();
        (unescape(url), unescape(&text.replace("</bdi>", "")))
    })
    .collect()
}

/// Each link leads to the file whose name it shows, whatever the name is.
#[test]
fn hostile_names_are_listed_and_fetched_byte_for_byte() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/hostile");
    fs::create_dir(&folder).unwrap();
    let long = [b'l'; 255];
    let names: [&[u8]; 18] = [
        b"zq'\"><b>&.txt",
        b"a b",
        b" a",
        b"a ",
        b"-rf",
        b"%41",
        b"100%",
        b"a?b=c#d",
        b"a;b,c",
        b"\\..\\x",
        b"javascript:alert(1)",
        b"a\nb",
        b"\x01\x7f",
        "\u{202e}txt.exe".as_bytes(),
        "ü 語".as_bytes(),
        b"caf\xe9\xff",
        b"{{7*7}}",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        write(&folder, name, &number.to_string());
    }
    write(&folder, b".hidden", "hidden");
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    let page = client.get("/files/hostile/");
    assert_eq!(page.status, 200, "{}", page.log);
    let text = page.text();
    assert!(!text.contains("<b>") && text.contains("{{7*7}}") && !text.contains('\u{202e}'));
    let links = links(&text);
    assert_eq!(links.len(), names.len(), "{text}");
    let mut fetched: Vec<usize> = Vec::new();
    for (url, shown) in &links {
        assert!(url.bytes().all(|b| b.is_ascii_graphic()), "{url}");
        let file = client.get(url);
        assert_eq!(file.status, 200, "{url} {shown}");
        fetched.push(file.text().parse().unwrap());
    }
    fetched.sort_unstable();
    assert_eq!(fetched, Vec::from_iter(0..names.len()));
    for shown in [
        "zq'\"><b>&.txt",
        "a\\nb",
        "\\u{1}\\u{7f}",
        "\\u{202e}txt.exe",
        "caf\u{fffd}\u{fffd}",
    ] {
        assert!(
            links.iter().any(|(_, text)| text == shown),
            "{shown}: {links:?}"
        );
    }
}

#[test]
fn a_list_is_sorted_by_each_column_both_ways() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/sorted");
    fs::create_dir(&folder).unwrap();
    for (name, size, age) in [("B.txt", 1, 3), ("a.txt", 2000, 1), ("c.txt", 30, 2)] {
        write(&folder, name.as_bytes(), &"x".repeat(size));
        let file = fs::File::options()
            .write(true)
            .open(folder.join(name))
            .unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 - age * 60);
        file.set_modified(time).unwrap();
    }
    fs::create_dir(folder.join("z")).unwrap();
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    #[rustfmt::skip]
    let cases = [
        ("",                       "z/ a.txt B.txt c.txt"),
        ("?by=name&order=up",      "z/ a.txt B.txt c.txt"),
        ("?by=name&order=down",    "z/ c.txt B.txt a.txt"),
        ("?by=size&order=up",      "z/ B.txt c.txt a.txt"),
        ("?by=size&order=down",    "z/ a.txt c.txt B.txt"),
        ("?by=changed&order=up",   "z/ B.txt c.txt a.txt"),
        ("?by=changed&order=down", "z/ a.txt c.txt B.txt"),
        ("?by=<b>&order=x&page=-1", "z/ a.txt B.txt c.txt"),
        ("?by=%FF",                "z/ a.txt B.txt c.txt"),
    ];
    for (query, want) in cases {
        let page = client.get(&format!("/files/sorted/{query}")).text();
        let shown: Vec<String> = links(&page).into_iter().map(|(_, text)| text).collect();
        assert_eq!(shown.join(" "), want, "{query}");
    }
    let page = client.get("/files/sorted/?by=size&order=up").text();
    let page = unescape(&page);
    for text in [
        "aria-sort=\"ascending\"><a href=\"/files/sorted/?by=size&order=down\">",
        "aria-sort=\"none\"><a href=\"/files/sorted/?by=name&order=up\">",
        "<td>2.0 kB</td>",
        "<td>30 B</td>",
        "<time datetime=\"2023-11-14T22:12:20Z\">2023-11-14 22:12</time>",
        "<a href=\"/files/\"><bdi>Files</bdi></a>",
        "Logged in as ada",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[test]
fn a_long_list_has_pages_of_a_thousand_names() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/long");
    fs::create_dir(&folder).unwrap();
    for number in 0..2100 {
        write(&folder, format!("{number:04}").as_bytes(), "");
    }
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    let mut seen = Vec::new();
    let mut url = "/files/long/?by=name&order=down".to_owned();
    for number in 1..=3 {
        let page = unescape(&client.get(&url).text());
        assert!(page.contains(&format!("page {number} of 3")), "{url}");
        seen.extend(links(&page).into_iter().map(|(_, text)| text));
        let next = page.split("rel=\"next\" href=\"").nth(1);
        match (number, next) {
            (3, None) => {}
            (_, Some(next)) => next.split('"').next().unwrap().clone_into(&mut url),
            (_, None) => panic!("no next page: {page}"),
        }
    }
    let wanted: Vec<String> = (0..2100)
        .rev()
        .map(|number| format!("{number:04}"))
        .collect();
    assert_eq!(seen, wanted);
    assert_eq!(links(&client.get("/files/long/?page=99").text()).len(), 100);
}
