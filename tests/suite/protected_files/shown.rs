//! What is shown at which URL, and how.

use signet::http::Method;

use super::{PASSWORD, ada, browser, location, state};

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

/// The URL to return to would be longer than a header field may be.
#[test]
fn a_long_query_does_not_prevent_the_redirect_to_the_login() {
    let (server, state) = (signet::app::server(), state());
    let mut client = browser(&server, &state);
    let query = "&".repeat(1500);
    let path = format!("/files/a.txt?{query}");
    let response = client.get(&path);
    assert_eq!(
        (response.status.as_u16(), &*location(&response)),
        (303, "/login")
    );
    let mut client = ada(&server, &state);
    assert_eq!(client.get(&path).text(), "the file");
    let response = client.get(&format!("/files/sub?{}", "a".repeat(4090)));
    assert_eq!(
        (response.status.as_u16(), &*location(&response)),
        (303, "/files/sub/")
    );
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
