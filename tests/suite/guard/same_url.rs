//! A URL that the web server protects by asking `/auth`, and that is a row of `GUARD_DIRS` as
//! well: a question is not answered with the file, whatever URL the visitor has chosen.

use super::{ADA, cookie_of, state_of};
use crate::support::{Cgi, StateDir};

const SECRET: &str = "only for the board";

/// ada is of the group staff; `/private` has files with the names of routes.
fn state() -> StateDir {
    let state = state_of(ADA);
    for name in ["secret.txt", "auth", "login", "sub/auth", "secret.d/auth"] {
        state.write(&format!("../site/{name}"), SECRET, 0o644);
    }
    let groups = state.write("groups", "staff: ada\n", 0o600);
    let settings = format!(
        "APPLICATION_ROOT = \"/account\"\nSESSION_COOKIE_PATH = \"/\"\nGROUPS_FILE = {groups:?}\n\
         GUARD_DIR = {site:?}\nGUARD_DIRS = {{ \"/private\" = {site:?} }}\n",
        site = state.path().with_file_name("site"),
    );
    state.write("signet.toml", settings, 0o600);
    state
}

/// The variables in which servers differ; an empty one is not passed.
struct Passed {
    server: &'static str,
    script_name: &'static str,
    path_info: &'static str,
    query: &'static str,
}

#[rustfmt::skip]
const fn passed(server: &'static str, script_name: &'static str, path_info: &'static str, query: &'static str) -> Passed {
    Passed { server, script_name, path_info, query }
}

fn request(state: &StateDir, passed: &Passed, uri: &str, cookie: &str) -> Cgi {
    let request = Cgi::get("/").state(state).cookie(cookie);
    let vars = [
        ("SCRIPT_NAME", passed.script_name),
        ("PATH_INFO", passed.path_info),
        ("QUERY_STRING", passed.query),
        ("REQUEST_URI", uri),
    ];
    let pairs = vars.iter().filter(|(_, value)| !value.is_empty());
    let absent = vars.iter().filter(|(_, value)| value.is_empty());
    let request = absent.fold(request, |request, (name, _)| request.without(name));
    pairs.fold(request, |request, (name, value)| request.var(name, value))
}

/// How servers ask for a group. Caddy 2.6.2 passes the visitor's `REQUEST_URI` with a question,
/// and so does nginx 1.22.1 with its own `fastcgi_params`.
#[rustfmt::skip]
const QUESTIONS: [Passed; 5] = [
    passed("Caddy",                    "/account",            "/auth",         "group=board"),
    passed("Caddy, no SCRIPT_NAME",    "",                    "/auth",         "group=board"),
    passed("Caddy, the whole path",    "",                    "/account/auth", "group=board"),
    passed("nginx with PATH_INFO",     "/account",            "/auth",         "group=board"),
    passed("nginx, fastcgi_params",    "/account/auth",       "",              "group=board"),
];

/// The same where the query names the path.
const BY_QUERY: Passed = passed("by query", "/cgi-bin/signet.cgi", "", "r=/auth&group=board");

/// What a visitor can request.
const URLS: [&str; 18] = [
    "/private/secret.txt",
    "/private/",
    "/private/auth",
    "/private/login",
    "/private/sub/auth",
    "/private/secret.d/auth",
    "/private/secret.txt?r=/private/secret.txt",
    "/private/secret.txt?r=/auth&group=board",
    "/private/secret.txt?group=staff",
    "/%70rivate/secret.txt",
    "//private//secret.txt",
    "/account/../private/secret.txt",
    "/account/auth/../../private/secret.txt",
    "/account/files/secret.txt",
    "/account/files/auth",
    "http://example.org/private/secret.txt",
    "/private/secret.txt#/../../account/auth",
    "/public.txt",
];

#[test]
fn a_question_about_a_guarded_url_is_not_answered_with_the_file() {
    let state = state();
    let ada = cookie_of(&state, "ada");
    for passed in QUESTIONS.iter().chain([&BY_QUERY]) {
        let ask = |uri: &str, method: &str, cookie: &str| {
            let request = request(&state, passed, uri, cookie);
            request.var("REQUEST_METHOD", method).run().response()
        };
        for uri in URLS {
            // No member of the board.
            let answer = ask(uri, "GET", &ada);
            assert_eq!(answer.status, 403, "{}, {uri}", passed.server);
        }
        for method in ["GET", "HEAD", "POST"] {
            let answer = ask(URLS[0], method, "");
            assert_eq!(answer.status, 401, "{}, {method}", passed.server);
        }
    }
}

/// By nginx's own `fastcgi_params`, without `APPLICATION_ROOT`: the base path is not known.
#[test]
fn a_question_without_a_base_path_is_no_page() {
    let state = state_of(ADA);
    let ada = cookie_of(&state, "ada");
    for script_name in ["/auth", "/account/auth", "/a/account/auth"] {
        let passed = passed("nginx", script_name, "", "group=board");
        for uri in [script_name, "/any/s.txt", "/"] {
            let answer = |cookie| {
                request(&state, &passed, uri, cookie)
                    .run()
                    .response()
                    .status
            };
            assert_eq!(
                (answer(""), answer(&ada)),
                (401, 403),
                "{script_name}, {uri}"
            );
        }
    }
}

/// What reaches the program as a file's URL.
#[rustfmt::skip]
const FILES: [(Passed, &str); 8] = [
    (passed("Apache, .htaccess", "/cgi-bin/signet.cgi", "",                  ""), "/private/auth"),
    (passed("Apache, .htaccess", "/cgi-bin/signet.cgi", "",                  ""), "/private/sub/auth"),
    (passed("Apache, .htaccess", "/cgi-bin/signet.cgi", "",        "group=x"),    "/private/secret.d/auth?group=x"),
    (passed("Apache, the rule repeats the path", "/cgi-bin/signet.cgi", "/private/auth", ""), "/private/auth"),
    (passed("lighttpd, nginx",   "/account",            "/private/auth",     ""), "/private/auth"),
    (passed("Caddy",             "",                    "/private/login",    ""), "/private/login"),
    (passed("files",             "/account",            "/files/auth",       ""), "/account/files/auth"),
    (passed("files",             "/account",            "/files/sub/auth",   ""), "/account/files/sub/auth"),
];

#[test]
fn a_file_may_have_the_name_of_a_question() {
    let state = state();
    let ada = cookie_of(&state, "ada");
    for (passed, uri) in &FILES {
        let name = format!("{}, {uri}", passed.server);
        let nobody = request(&state, passed, uri, "").run().response();
        assert_eq!(nobody.status, 303, "{name}");
        let file = request(&state, passed, uri, &ada).run().response();
        assert_eq!((file.status, file.text()), (200, SECRET), "{name}");
    }
}

/// Where a rule passes only the path below the prefix, a file `auth` cannot be told from a
/// question: nobody gets it. Neither does a visitor who adds the name of the question.
#[test]
fn a_url_that_may_be_either_is_a_question() {
    let state = state();
    let ada = cookie_of(&state, "ada");
    let stripped = passed("stripped", "/account", "/auth", "");
    let added = passed("added", "/cgi-bin/signet.cgi", "", "r=/auth");
    for (passed, uri) in [
        (&stripped, "/private/auth"),
        (&added, "/private/secret.txt?r=/auth"),
        (&added, "/account/files/secret.txt?r=/auth"),
    ] {
        let answer = request(&state, passed, uri, &ada).run().response();
        assert_eq!((answer.status, answer.text()), (204, ""), "{uri}");
    }
}
