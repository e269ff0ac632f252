//! URLs that a web server takes for those of a page, and signet could take for those of a
//! protected file, or the other way round.

use super::{ADA, cookie_of, state_of};
use crate::recorded::{expectations, recordings};
use crate::support::{Cgi, KEY};

/// Names in the recorded URLs, such as `//a//b/`, `/a/../b` and `//evil.example/../login`.
const NAMES: [&str; 4] = ["a", "b", "evil.example", "login"];

/// Whatever the spelling of a URL: it is that of a protected file if and only if the path that
/// the web server has made of it is below the prefix.
#[test]
fn the_web_servers_path_and_the_visitors_url_agree() {
    let expected = expectations();
    let state = state_of(ADA);
    state.write("../site/x.txt", "", 0o644);
    let folder = state.path().with_file_name("site");
    let (mut seen, mut differ) = ([0; 2], Vec::new());
    for recorded in recordings() {
        let want = &expected[&recorded.name];
        // An error page is not the page of its URL.
        let is_page = recorded.name.0 != "apache-errdoc" && want.status < 500;
        if recorded.var("REQUEST_METHOD") != Some(b"GET") || !is_page {
            continue;
        }
        let rows = NAMES.map(|name| format!("\"{}/{name}\": {folder:?}", want.base));
        let request = Cgi::get("/").bare().state(&state);
        let request = recorded.vars.iter().fold(request, |request, pair| {
            let (name, value) = pair;
            request.bytes(name, value)
        });
        let out = request
            .var("SIGNET_SECRET_KEY", KEY)
            .var("SIGNET_GUARD_DIRS", format!("{{{}}}", rows.join(", ")))
            .var("SIGNET_SESSION_COOKIE_PATH", "/")
            .run();
        let location = out
            .response()
            .header("Location")
            .unwrap_or_default()
            .to_owned();
        let is_guarded = location.contains("login?next=") || location.ends_with("/login");
        let first = want.path.split(|byte| *byte == b'/').nth(1);
        let is_below = NAMES.iter().any(|name| first == Some(name.as_bytes()));
        if is_guarded != is_below {
            differ.push((recorded.name, out.response().status));
        }
        seen[usize::from(is_below)] += 1;
    }
    // `/a%3Fb`: a rule that repeats the path has cut it at the question mark.
    let cut = ("apache-suexec-b3f".to_owned(), "pct3f".to_owned());
    assert_eq!(differ, [(cut, 404)]);
    assert!(seen.iter().all(|count| *count >= 50), "{seen:?}");
}

/// Pages and files of signet, requested by URLs that lead through a prefix of `GUARD_DIRS`.
/// ada may not open the file by its own URL.
#[test]
fn a_url_that_leads_elsewhere_gets_no_file() {
    let state = state_of(ADA);
    state.write("../site/secret.txt", "secret", 0o644);
    let ada = cookie_of(&state, "ada");
    let folder = state.path().with_file_name("site");
    // What the web server has made of the URL, and the URL.
    #[rustfmt::skip]
    let rows = [
        // Caddy 2.6.2: the path is all before the question mark.
        ("/login",      "/private/secret.txt#/../../app/login"),
        ("/",           "/private/secret.txt#/../../app/"),
        ("/files/none", "/app/files/secret.txt#/../none"),
        // Dot segments that the web server resolves.
        ("/login",      "/private/secret.txt/../../app/login"),
        ("/login",      "/private/secret.txt%2f..%2f..%2fapp/login"),
        ("/login",      "/private/%2e%2e/app/login"),
        ("/login",      "http://example.org/private/../app/login"),
        // Apache with AllowEncodedSlashes NoDecode: the name of one segment.
        ("/x%2F..%2F..%2Fprivate/secret.txt", "/app/x%2F..%2F..%2Fprivate/secret.txt"),
        ("/../private/secret.txt", "/app/..%2Fprivate/secret.txt"),
        // No paths of the host.
        ("/login",      "private/secret.txt"),
        ("/login",      "ftp://example.org/private/secret.txt"),
        ("/login",      "http:private/secret.txt"),
        ("/login",      "http://example.org?/private/secret.txt"),
        ("/login",      "http://example.org#/private/secret.txt"),
        ("/login",      "*"),
    ];
    for (path, uri) in rows {
        let out = Cgi::get(path)
            .state(&state)
            .cookie(&ada)
            .var("REQUEST_URI", uri)
            .var("SIGNET_GUARD_DIR", &folder)
            .var("SIGNET_GUARD_DIRS", format!("{{\"/private\": {folder:?}}}"))
            .var("SIGNET_SESSION_COOKIE_PATH", "/")
            .run();
        assert_ne!(out.response().text(), "secret", "{path}, {uri}: {out}");
    }
}
