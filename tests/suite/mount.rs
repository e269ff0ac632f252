//! The base path of the program, and the path below it that was requested.
//!
//! Expected values follow from where the program was put and which URL was
//! asked for. Recorded environments have theirs in `mount/recorded.tsv`; here
//! are requests that no server we tried hands out, or that strangers shape.

mod query;
mod spellings;

use std::ffi::OsString;

use signet::gateway::ApplicationRoot;
use signet::{MetaVariables, Mount};

use crate::recorded::{expectations, recordings, unescape};
use crate::support::html::links;
use crate::support::invariants::{COOKIE, NOTHING, assert_holds};
use crate::support::{Cgi, cgi::os};

/// A mount's answers.
#[derive(Debug)]
struct Seen {
    base: String,
    path: Vec<u8>,
    login: String,
    cookie_path: String,
    canonical: Option<String>,
}

fn mount(vars: impl IntoIterator<Item = (OsString, OsString)>, root: Option<&str>) -> Seen {
    let root = root.map(|root| root.parse::<ApplicationRoot>().expect("a plain path"));
    let mount = Mount::new(&MetaVariables::from_iter(vars), root.as_ref());
    Seen {
        base: mount.base().to_owned(),
        path: mount.path().to_owned(),
        login: mount.url_for("/login"),
        cookie_path: mount.cookie_path().to_owned(),
        canonical: mount.canonical_url().map(str::to_owned),
    }
}

/// What holds whatever the request: our links stay on our host, and nothing
/// in them ends an attribute, a header line or a cookie's Path.
fn assert_harmless(name: &str, seen: &Seen) {
    let Seen {
        base,
        login,
        cookie_path,
        canonical,
        ..
    } = seen;
    let rooted = |url: &str| url.starts_with('/') && !url.starts_with("//");
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\;`".contains(&byte);
    assert!(
        base.is_empty() || rooted(base) && !base.ends_with('/'),
        "{name}: {seen:?}"
    );
    assert!(rooted(login) && rooted(cookie_path), "{name}: {seen:?}");
    assert!(
        [base, login, cookie_path]
            .iter()
            .all(|url| url.bytes().all(plain)),
        "{name}: {seen:?}"
    );
    let safe = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let harmless = |url: &String| rooted(url) && url.bytes().all(safe);
    assert!(canonical.iter().all(harmless), "{name}: {seen:?}");
    assert!(!base.contains(['?', '#']), "{name}: {seen:?}");
}

/// One request in a table's words: SCRIPT_NAME, PATH_INFO and REQUEST_URI with
/// the escapes of the recordings, `-` for a variable that is not there.
/// QUERY_STRING is what stands behind REQUEST_URI's question mark.
fn request(script: &str, info: &str, uri: &str) -> Vec<(OsString, OsString)> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let named = [
        ("SCRIPT_NAME", script),
        ("PATH_INFO", info),
        ("REQUEST_URI", uri),
        ("QUERY_STRING", query),
    ];
    let given = named.into_iter().filter(|(_, value)| *value != "-");
    given
        .map(|(name, value)| (name.into(), os(&unescape(value))))
        .collect()
}

/// Name, SCRIPT_NAME, PATH_INFO, REQUEST_URI; base, path. The path is `?` where no
/// variable has it: then only the links must work.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

fn check(rows: &[Row]) {
    for &(name, script, info, uri, base, path) in rows {
        let seen = mount(request(script, info, uri), None);
        assert_harmless(name, &seen);
        assert_eq!(seen.base, base, "{name}: {seen:?}");
        assert_eq!(seen.login, format!("{base}/login"), "{name}");
        assert_eq!(
            seen.cookie_path,
            if base.is_empty() { "/" } else { base },
            "{name}"
        );
        if path != "?" {
            assert_eq!(os(&seen.path), os(&unescape(path)), "{name}");
        }
    }
}

#[test]
fn recorded_environments() {
    let expected = expectations();
    for recorded in recordings() {
        let (name, want) = (format!("{:?}", recorded.name), &expected[&recorded.name]);
        let vars = recorded
            .vars
            .iter()
            .map(|(name, value)| (os(name), os(value)));
        let seen = mount(vars, None);
        assert_harmless(&name, &seen);
        assert_eq!(seen.base, want.base, "{name}: {seen:?}");
        assert_eq!(os(&seen.path), os(&want.path), "{name}");
        assert_eq!(
            (&*seen.login, &*seen.cookie_path),
            (&*want.login, &*want.cookie_path),
            "{name}"
        );
    }
}

/// RFC 3875 knows no REQUEST_URI; where there is one it is as the client sent
/// it, and need not fit.
#[test]
fn request_uri_absent_or_unfitting() {
    #[rustfmt::skip]
    check(&[
        // name                SCRIPT_NAME       PATH_INFO   REQUEST_URI           base              path
        ("absent",             "/cgi-bin/x.cgi", "/login",   "-",                  "/cgi-bin/x.cgi", "/login"),
        ("absent, bare",       "/cgi-bin/x.cgi", "-",        "-",                  "/cgi-bin/x.cgi", "/"),
        ("absent, the root",   "",               "/login",   "-",                  "",               "/login"),
        ("no path at all",     "-",              "-",        "-",                  "",               "/"),
        ("no SCRIPT_NAME",     "-",              "/login",   "/login",             "",               "/login"),
        ("empty",              "/cgi-bin/x.cgi", "/login",   "",                   "/cgi-bin/x.cgi", "/login"),
        ("an asterisk",        "/x.cgi",         "-",        "*",                  "/x.cgi",         "?"),
        ("another path",       "/cgi-bin/x.cgi", "/login",   "/elsewhere",         "/cgi-bin/x.cgi", "/login"),
        ("in the middle",      "/cgi-bin/x.cgi", "/login",   "/login/elsewhere",   "/cgi-bin/x.cgi", "/login"),
        ("in the query",       "/cgi-bin/x.cgi", "/login",   "/elsewhere?/login",  "/cgi-bin/x.cgi", "/login"),
        ("half a name",        "/cgi-bin/x.cgi", "/login",   "/mylogin",           "/cgi-bin/x.cgi", "/login"),
        ("broken escapes",     "/x.cgi",         "/login",   "/a%zz%/login",       "/a%25zz%25",     "/login"),
        ("a NUL",              "/x.cgi",         "/login",   "/a%00b/login",       "/a%00b",         "/login"),
        ("plus is plus",       "/a b/x.cgi",     "/login",   "/a+b/login",         "/a+b",           "/login"),
    ]);
}

/// RFC 9112, 3.2: a request target may be a whole URL, or look like one.
#[test]
fn no_base_is_another_host() {
    #[rustfmt::skip]
    check(&[
        // name                SCRIPT_NAME PATH_INFO REQUEST_URI                            base                   path
        ("absolute",           "",         "/login", "http://other.example:81/login?x=1",   "",                    "/login"),
        ("absolute, bare",     "",         "/",      "http://other.example",                "",                    "/"),
        ("absolute, query",    "",         "/",      "http://other.example?/login",         "",                    "/"),
        ("absolute, rewritten","/x.cgi",   "/login", "http://other.example/login",          "",                    "/login"),
        ("absolute, script",   "/x.cgi",   "/login", "https://other.example/x.cgi/login",   "/x.cgi",              "/login"),
        ("capital scheme",     "/a/x.cgi", "/login", "HTTP://other.example/a/login",        "/a",                  "/login"),
        ("with a user",        "/x.cgi",   "/login", "http://a:b@other.example/login",      "",                    "/login"),
        ("dots",               "",         "/login", "//evil.example/../login",             "",                    "/login"),
        ("dots, rewritten",    "/c/x.cgi", "/login", "//evil.example/../login",             "",                    "/login"),
        ("encoded dots",       "/c/x.cgi", "/login", "//evil.example/%2e%2e/login",         "",                    "/login"),
        ("dots above all",     "/c/x.cgi", "/login", "/../../login",                        "",                    "/login"),
        ("two slashes",        "/x.cgi",   "/login", "//evil.example/login",                "/evil.example",       "/login"),
        ("three slashes",      "/x.cgi",   "/login", "///evil.example/login",               "/evil.example",       "/login"),
        ("encoded slash",      "/x.cgi",   "/login", "/%2Fevil.example/login",              "/evil.example",       "/login"),
        ("twice encoded",      "/x.cgi",   "/login", "/%252Fevil.example/login",            "/evil.example",       "/login"),
        ("decoded twice",      "/x.cgi",   "/a%b",   "/%252Fevil.example/a%2525b",          "/evil.example",       "/a%b"),
        // To a browser a backslash is a slash, and a tab is nothing.
        ("backslash",          "/x.cgi",   "/login", r"/\\evil.example/login",              "/%5Cevil.example",    "/login"),
        ("encoded backslash",  "/x.cgi",   "/login", "/%5Cevil.example/login",              "/%5Cevil.example",    "/login"),
        ("tab",                "/x.cgi",   "/login", r"/\t/evil.example/login",             "/%09/evil.example",   "/login"),
        ("encoded tab",        "/x.cgi",   "/login", "/%09/evil.example/login",             "/%09/evil.example",   "/login"),
    ]);
}

/// RFC 3875, 4.1.13: SCRIPT_NAME is not encoded. Names of folders are bytes.
#[rustfmt::skip]
const SCRIPT_NAMES: [(&str, &str, &str); 19] = [
    // name              SCRIPT_NAME                   base
    ("a host",           "//evil.example",             "/evil.example"),
    ("a backslash host", r"/\\evil.example",           "/%5Cevil.example"),
    ("markup",           "/a\"b<c>",                   "/a%22b%3Cc%3E"),
    ("a header",         r"/a\r\nSet-Cookie: x=1",     "/a%0D%0ASet-Cookie:%20x=1"),
    ("an attribute",     "/a;Domain=evil.example",     "/a%3BDomain=evil.example"),
    ("a control",        r"/a\x7Fb\x1B",               "/a%7Fb%1B"),
    ("slash at the end", "/app/",                      "/app"),
    ("only a slash",     "/",                          ""),
    ("only slashes",     "///",                        ""),
    ("blank",            "/my site/x.cgi",             "/my%20site/x.cgi"),
    ("UTF-8",            r"/caf\xC3\xA9",              "/caf%C3%A9"),
    ("Latin-1",          r"/caf\xE9",                  "/caf%E9"),
    ("percent",          "/100%",                      "/100%25"),
    ("like an escape",   "/a%2Fb",                     "/a%252Fb"),
    ("query, fragment",  "/a?b#c",                     "/a%3Fb%23c"),
    ("brackets, caret",  "/a[b]|^{c}`",                "/a[b]%7C%5E%7Bc%7D%60"),
    // Browsers compare a cookie's Path with the URL as they send it (RFC 6265,
    // 5.1.4), and these they send as they are: encoded, no cookie would come.
    ("home page",        "/~alice/cgi-bin/x.cgi",      "/~alice/cgi-bin/x.cgi"),
    ("apostrophe",       "/o'hara",                    "/o'hara"),
    ("punctuation",      "/a-b_c.d!$&()*+,:=@",        "/a-b_c.d!$&()*+,:=@"),
];

#[test]
fn script_name_may_be_anything() {
    for (name, script, base) in SCRIPT_NAMES {
        check(&[(name, script, "/login", "-", base, "/login")]);
    }
    #[rustfmt::skip]
    check(&[
        // name               SCRIPT_NAME         PATH_INFO REQUEST_URI                  base              path
        ("a host, asked for", "//evil.example",   "/login", "//evil.example/login",      "/evil.example",  "/login"),
        ("blank in folder",   "/my site/x.cgi",   "/login", "/my%20site/login",          "/my%20site",     "/login"),
        ("percent in folder", "/100%/x.cgi",      "/login", "/100%25/login",             "/100%25",        "/login"),
        ("UTF-8 folder",      r"/\xC3\xA9/x.cgi", "/login", "/%C3%A9/login",             "/%C3%A9",        "/login"),
        ("Latin-1 folder",    r"/\xE9/x.cgi",     "/login", "/%E9/login",                "/%E9",           "/login"),
        ("markup in folder",  "/\"><b>/x.cgi",    "/login", "/%22%3E%3Cb%3E/login",      "/%22%3E%3Cb%3E", "/login"),
        ("tilde encoded",     "/~alice/x.cgi",    "/login", "/%7Ealice/x.cgi/login",     "/~alice/x.cgi",  "/login"),
    ]);
    // Not a SCRIPT_NAME at all (RFC 3875, 4.1.13): no link of ours can be right.
    assert_harmless("no slash", &mount(request("x.cgi", "/login", "-"), None));
    let long = format!("/{}", "a".repeat(10_240));
    assert_harmless("10 KB", &mount(request(&long, "/login", "-"), None));
    let deep = format!("{}/login", "/a/..".repeat(20_000));
    assert_harmless("100 KB", &mount(request("/x.cgi", "/login", &deep), None));
}

#[test]
fn script_name_may_be_anything_end_to_end() {
    for (name, script, base) in SCRIPT_NAMES {
        let with = |cgi: Cgi| {
            cgi.bytes(b"SCRIPT_NAME", &unescape(script))
                .without("REQUEST_URI")
        };
        let index = assert_holds(name, &with(Cgi::get("/")).run(), NOTHING);
        let found = links(index.text());
        assert!(
            found.contains(&format!("{base}/login")),
            "{name}: {found:?}"
        );

        let login = with(Cgi::post("/login", "username=admin")).run();
        let response = assert_holds(name, &login, COOKIE);
        assert_eq!(
            response.header("Location"),
            Some(&*format!("{base}/")),
            "{name}"
        );
        let cookie = response.cookie("session").expect(name);
        assert_eq!(
            cookie.attribute("Path"),
            Some(if base.is_empty() { "/" } else { base }),
            "{name}"
        );
        assert!(!cookie.has("Domain"), "{name}: {cookie:?}");
    }
}

/// Such a path fits in no header line: whatever the answer says, it is valid.
#[test]
fn script_name_of_ten_kilobytes_is_answered() {
    let long = format!("/{}", "a".repeat(10_240));
    for cgi in [
        Cgi::get("/"),
        Cgi::get("/login"),
        Cgi::post("/login", "username=admin"),
    ] {
        let output = cgi.var("SCRIPT_NAME", &long).without("REQUEST_URI").run();
        assert_holds("10 KB", &output, COOKIE);
    }
}

#[test]
fn application_root_is_a_plain_path() {
    for wrong in [
        "",
        "app",
        "//evil.example",
        "/a//b",
        "/a/../b",
        "/.",
        "/a?b",
        "/a#b",
        "/a b",
        r"/\evil",
        "/a\"b",
        "http://a.example/",
        // Decoded once, twice, and as often as a chain of proxies may do it.
        "/%2fevil.example",
        "/%2Fevil.example",
        "/a%2fb",
        "/app%2f",
        "/%252fevil.example",
        "/%25252fevil.example",
        "/%%32%66evil.example",
        "/a/%2e%2e/b",
        "/%2e",
        "/a/%2E%2e",
        "/%252e%252e/b",
        "/%5cevil.example",
        "/a%255cb",
        "/a%00b",
        "/a%0d%0aSet-Cookie:x",
        "/a%2509",
        "/a%7f",
    ] {
        assert!(wrong.parse::<ApplicationRoot>().is_err(), "{wrong:?}");
    }
    for right in [
        "/",
        "/app",
        "/app/",
        "/~alice/x.cgi",
        "/%7Ealice",
        "/caf%C3%A9",
        "/my%20site",
        "/100%25",
        "/a%2541",
        "/a..b/...",
    ] {
        assert!(right.parse::<ApplicationRoot>().is_ok(), "{right:?}");
    }
}

/// What the server calls us by is all there is to go by: the bare script, an
/// index file, or a front controller that hands no path on.
#[test]
fn without_path_info() {
    #[rustfmt::skip]
    check(&[
        // name                    SCRIPT_NAME       PATH_INFO REQUEST_URI             base               path
        ("bare",                   "/cgi-bin/x.cgi", "-",      "/cgi-bin/x.cgi",       "/cgi-bin/x.cgi",  "/"),
        ("bare, empty PATH_INFO",  "/cgi-bin/x.cgi", "",       "/cgi-bin/x.cgi",       "/cgi-bin/x.cgi",  "/"),
        ("bare, a query",          "/cgi-bin/x.cgi", "-",      "/cgi-bin/x.cgi?x=1",   "/cgi-bin/x.cgi",  "/"),
        ("bare, spelled oddly",    "/cgi-bin/x.cgi", "-",      "//cgi-bin/./x%2Ecgi",  "/cgi-bin/x.cgi",  "/"),
        ("bare, absolute",         "/x.cgi",         "-",      "http://a.example/x.cgi", "/x.cgi",        "/"),
        ("index",                  "/x.cgi",         "-",      "/",                    "/x.cgi",          "/"),
        ("index, a query",         "/x.cgi",         "-",      "/?x=1",                "/x.cgi",          "/"),
        ("index of a folder",      "/app/index.cgi", "-",      "/app/",                "/app/index.cgi",  "/"),
        ("front controller",       "/x.cgi",         "-",      "/login",               "",                "/login"),
        ("front, in a folder",     "/app/x.cgi",     "-",      "/app/login",           "/app",            "/login"),
        ("front, further down",    "/app/x.cgi",     "-",      "/app/a/login",         "/app",            "/a/login"),
        ("front, blank in folder", "/my site/x.cgi", "-",      "/my%20site/login",     "/my%20site",      "/login"),
        ("front, evil",            "/x.cgi",         "-",      "//evil.example/login", "",                "/evil.example/login"),
        ("front, elsewhere",       "/cgi-bin/x.cgi", "-",      "/login",               "/cgi-bin/x.cgi",  "?"),
        ("same beginning",         "/app/x.cgi",     "-",      "/application/login",   "/app/x.cgi",      "?"),
    ]);
    // A folder's own URL means its index file, unless a rule sent us there.
    let mut rewritten = request("/app/x.cgi", "-", "/app/");
    rewritten.push(("REDIRECT_URL".into(), "/app/".into()));
    let seen = mount(rewritten, None);
    assert_eq!(
        (&*seen.base, &*seen.path, &*seen.login),
        ("/app", &b"/"[..], "/app/login")
    );
}

#[test]
fn application_root_overrides_the_base() {
    #[rustfmt::skip]
    let rows = [
        // APPLICATION_ROOT SCRIPT_NAME       PATH_INFO REQUEST_URI             base               path
        ("/",               "/cgi-bin/x.cgi", "/login", "/cgi-bin/x.cgi/login", "",                "/login"),
        ("/app",            "/cgi-bin/x.cgi", "/login", "/cgi-bin/x.cgi/login", "/app",            "/login"),
        ("/app/",           "/cgi-bin/x.cgi", "/login", "/cgi-bin/x.cgi/login", "/app",            "/login"),
        ("/a/b/",           "",               "/",      "/",                    "/a/b",            "/"),
        ("/app",            "//evil.example", "/login", "//evil.example/login", "/app",            "/login"),
        ("/app",            "/x.cgi",         "-",      "/x.cgi",               "/app",            "/"),
        // A front controller: the path is what follows APPLICATION_ROOT in the URL, or
        // all of it, if a proxy has removed APPLICATION_ROOT.
        ("/app",            "/x.cgi",         "-",      "/app/login",           "/app",            "/login"),
        ("/app",            "/x.cgi",         "-",      "/login",               "/app",            "/login"),
        // FastCGI without PATH_INFO: the script is the whole path, and no file.
        ("/",               "/nowhere",       "-",      "/nowhere",             "",                "/nowhere"),
        ("/app",            "/app/a/b",       "-",      "/app//a/b?x=/login",   "/app",            "/a/b"),
        ("/app",            "/app",           "-",      "/app",                 "/app",            "/"),
        ("/app",            "/apple",         "-",      "/apple",               "/app",            "/"),
    ];
    for (root, script, info, uri, base, path) in rows {
        let name = format!("{root} over {uri}");
        let seen = mount(request(script, info, uri), Some(root));
        assert_harmless(&name, &seen);
        assert_eq!(
            (&*seen.base, os(&seen.path)),
            (base, os(path.as_bytes())),
            "{name}"
        );
        assert_eq!(seen.login, format!("{base}/login"), "{name}");
        assert_eq!(
            seen.cookie_path,
            if base.is_empty() { "/" } else { base },
            "{name}"
        );
    }
}
