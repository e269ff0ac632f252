//! Addresses as a visitor or an odd set-up makes them: what is shown of them is
//! encoded, and none of them leads to another host.

use super::{assert_anonymous, assert_status};
use crate::support::Cgi;
use crate::support::invariants::{COOKIE, MARKER, NOTHING, checked};

const LOGIN: &str = "username=admin";

/// The visitor writes REQUEST_URI. With a PATH_INFO that it does not end
/// in, it says nothing, and every link goes by SCRIPT_NAME.
#[test]
fn request_uri_leads_nobody_astray() {
    let long = format!("/{}", "a".repeat(66 * 1024));
    let cases: [&[u8]; 14] = [
        b"",
        b"*",
        b"//evil/x",
        b"http://evil/x",
        b"/a b",
        b"/<x>",
        b"/\x7f",
        long.as_bytes(),
        b"http:///x",
        b"a@b/x",
        b"/\xff\xfe",
        b"/%",
        b"/%zz%00",
        b"/../../x",
    ];
    for uri in cases {
        let name = uri[..uri.len().min(20)].escape_ascii().to_string();
        let page = assert_anonymous(&name, Cgi::get("/").bytes(b"REQUEST_URI", uri));
        assert!(
            page.text().contains("href=\"/app/login\""),
            "{name}: {}",
            page.text()
        );
        let login = Cgi::post("/login", LOGIN).bytes(b"REQUEST_URI", uri);
        let answer = checked(&name, login, COOKIE);
        assert_eq!(answer.header("Location"), Some("/app/"), "{name}");
    }
}

/// SCRIPT_NAME stands in links, in Location and in the cookie's Path:
/// encoded in each, and never another host.
#[test]
fn script_name_is_encoded_where_it_shows() {
    #[rustfmt::skip]
    let cases: [(&[u8], &str); 6] = [
        (b"",                             "/"),
        (b"/a\"b<c>",                     "/a%22b%3Cc%3E/"),
        (b"/a b;c",                       "/a%20b%3Bc/"),
        (b"/a\r\nSet-Cookie:x=1",         "/a%0D%0ASet-Cookie:x=1/"),
        (b"/caf\xe9",                     "/caf%E9/"),
        (b"/%41",                         "/%2541/"),
    ];
    for (script, want) in cases {
        let name = script.escape_ascii().to_string();
        let with = |cgi: Cgi| cgi.without("REQUEST_URI").bytes(b"SCRIPT_NAME", script);
        let page = assert_anonymous(&name, with(Cgi::get("/")));
        let (_, link) = page.text().split_once("href=\"").expect("a link");
        let link = link.split('"').next().expect("its end");
        assert_eq!(normal(link), format!("{}login", normal(want)), "{name}");
        let answer = checked(&name, with(Cgi::post("/login", LOGIN)), COOKIE);
        let location = answer.header("Location").expect("a target");
        assert_eq!(normal(location), normal(want), "{name}");
        let cookie = answer.cookie("session").expect("a session");
        let path = cookie.attribute("Path").expect("a path");
        let mount = want
            .strip_suffix('/')
            .filter(|path| !path.is_empty())
            .unwrap_or("/");
        assert_eq!(normal(path), normal(mount), "{name}");
    }
}

/// Percent-encoding leaves a choice for `;`, `:` and `=` in a path: without.
fn normal(path: &str) -> String {
    let path = path
        .replace("%3A", ":")
        .replace("%3D", "=")
        .replace("&#x2f;", "/");
    path.replace("%3B", ";").to_ascii_lowercase()
}

/// SCRIPT_NAME is no path, one that names another host, or one too long for a
/// header line. The response parser checks: no `//`, no line over 4096 bytes.
#[test]
fn script_name_that_is_none() {
    let long = format!("/{}", "a".repeat(10_000));
    for script in [
        "//evil.example",
        "///evil.example",
        "evil.example",
        "\\\\evil",
        "/\\evil",
        &long,
    ] {
        let name = &script[..script.len().min(20)];
        let with = |cgi: Cgi| cgi.without("REQUEST_URI").var("SCRIPT_NAME", script);
        let page = checked(name, with(Cgi::get("/")), NOTHING);
        for bad in [
            "href=\"//",
            "href=\"evil",
            "href=\"\\",
            "href=\"/\\",
            "action=\"//",
        ] {
            assert!(!page.text().contains(bad), "{name}: {}", page.text());
        }
        let answer = checked(name, with(Cgi::post("/login", LOGIN)), COOKIE);
        // Either it goes well or nothing has happened.
        assert_eq!(
            answer.status == 303,
            answer.cookie("session").is_some(),
            "{name}"
        );
    }
}

/// Servers that give no PATH_INFO (front controllers, ErrorDocument,
/// DirectoryIndex): REQUEST_URI beside the script says what is wanted.
#[test]
fn path_info_may_be_missing() {
    let with = |uri: &str| {
        Cgi::get("/")
            .without("PATH_INFO")
            .var("SCRIPT_NAME", "/x.cgi")
            .var("REQUEST_URI", uri)
    };
    assert_anonymous("the folder", with("/"));
    let form = assert_status("a page", with("/login"), 200);
    assert!(form.text().contains("name=\"username\""), "{}", form.text());
    assert_status("no page", with("/nothing"), 404);
    // The bare script is the index, or says where that is.
    let bare = checked("the script", with("/x.cgi"), NOTHING);
    match bare.status {
        200 => assert!(
            bare.words().contains("You are not logged in"),
            "{}",
            bare.words()
        ),
        _ => assert_eq!(bare.header("Location"), Some("/x.cgi/")),
    }
}

/// The visitor writes Host: it is not shown, and not part of any URL.
#[test]
fn hosts_are_never_reflected() {
    let long = "h".repeat(5000);
    for host in [
        "evil\"><b>",
        "a b",
        "",
        "[::1",
        "evil.example",
        MARKER,
        "a\r\nX: y",
        &long,
    ] {
        for variable in [
            "HTTP_HOST",
            "SERVER_NAME",
            "HTTP_X_FORWARDED_HOST",
            "REMOTE_HOST",
        ] {
            let name = format!("{variable}={}", &host[..host.len().min(20)]);
            let page = assert_anonymous(&name, Cgi::get("/").var(variable, host));
            let answer = checked(
                &name,
                Cgi::post("/login", LOGIN).var(variable, host),
                COOKIE,
            );
            assert_eq!(answer.header("Location"), Some("/app/"), "{name}");
            let reflected = host.len() > 3 && page.text().contains(host);
            assert!(!reflected, "{name}: {}", page.text());
        }
    }
}
