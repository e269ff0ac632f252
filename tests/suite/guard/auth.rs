//! `/auth`, which nginx and Caddy ask whether a visitor may see what they serve.

use super::{ADA, assert_changes_nothing, cookie_of, named, state_of};
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, Output, StateDir, now};

/// Variables of a request.
type Vars = &'static [(&'static str, &'static str)];

fn ask(state: &StateDir, target: &str, cookie: &str) -> Cgi {
    Cgi::get(target).state(state).cookie(cookie)
}

/// The status, and the two header fields.
fn told(out: &Output) -> (u16, Option<String>, Option<String>) {
    let response = out.response();
    let field = |name: &str| response.header(name).map(str::to_owned);
    (
        response.status,
        field("Remote-User"),
        field("Remote-Groups"),
    )
}

fn ada() -> (u16, Option<String>, Option<String>) {
    (204, Some("ada".to_owned()), Some(String::new()))
}

const NOBODY: (u16, Option<String>, Option<String>) = (401, None, None);

/// nginx 1.22.1, `auth_request` (tests/env-dumps/README.md): of two values of a name, the last
/// one counts. Without `fastcgi_pass_request_body off`, POST has a length and no body.
#[test]
fn method_body_and_origin_of_the_visitors_request_do_not_matter() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    const FORM: (&str, &str) = ("CONTENT_TYPE", "application/x-www-form-urlencoded");
    #[rustfmt::skip]
    let rows: [(&str, Vars); 15] = [
        ("GET",                   &[]),
        ("HEAD",                  &[("REQUEST_METHOD", "HEAD")]),
        ("OPTIONS",               &[("REQUEST_METHOD", "OPTIONS")]),
        ("PROPFIND",              &[("REQUEST_METHOD", "PROPFIND")]),
        ("POST, no length",       &[("REQUEST_METHOD", "POST")]),
        ("POST, length, no body", &[("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "12"), FORM]),
        ("POST, upload",          &[("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "99999999999"), ("CONTENT_TYPE", "multipart/form-data; boundary=x")]),
        ("PUT, wrong length",     &[("REQUEST_METHOD", "PUT"), ("CONTENT_LENGTH", "1e3")]),
        ("POST, empty length",    &[("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "")]),
        ("POST, chunked",         &[("REQUEST_METHOD", "POST"), ("HTTP_TRANSFER_ENCODING", "chunked")]),
        ("POST, other coding",    &[("REQUEST_METHOD", "POST"), ("HTTP_TRANSFER_ENCODING", "gzip")]),
        ("POST, other origin",    &[("REQUEST_METHOD", "POST"), ("HTTP_ORIGIN", "https://evil.example")]),
        ("POST, from elsewhere",  &[("REQUEST_METHOD", "POST"), ("HTTP_SEC_FETCH_SITE", "cross-site")]),
        ("another spelling",      &[("REQUEST_URI", "/%61pp/auth")]),
        ("at the root",           &[("SCRIPT_NAME", ""), ("REQUEST_URI", "/private/secret.txt")]),
    ];
    for (name, vars) in rows {
        let out = ask(&state, "/auth", &cookie).vars(vars).run();
        assert_eq!(told(&out), ada(), "{name}: {out}");
        assert_changes_nothing(name, &out.response());
        assert_eq!(out.response().body, b"", "{name}");
        assert_eq!(out.errors(), "", "{name}");
        let out = ask(&state, "/auth", "").vars(vars).run();
        assert_eq!(told(&out), NOBODY, "{name}: {out}");
        assert_changes_nothing(name, &out.response());
        assert_eq!(out.response().body, b"", "{name}");
    }
}

/// The body is the visitor's: it may come slowly, or never.
#[test]
fn the_body_is_not_waited_for() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    let out = ask(&state, "/auth", &cookie)
        .vars(&[("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "12")])
        .hold_stdin()
        .run();
    assert_eq!(told(&out), ada(), "{out}");
}

#[test]
fn only_a_login_by_password_counts() {
    let signed = |json: &str| format!("session={}", Signer::default().token(json, now()));
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    let rows: [(&str, String); 6] = [
        ("no cookie", String::new()),
        ("a name alone", signed(r#"{"username":"ada"}"#)),
        ("a demo", signed(r#"{"_demo":"ada","username":"ada"}"#)),
        (
            "another fingerprint",
            signed(r#"{"_fingerprint":"x","username":"ada"}"#),
        ),
        ("an altered cookie", cookie.replace('.', ",")),
        ("a session of nobody", signed(r#"{"visits":1}"#)),
    ];
    for (name, cookie) in rows {
        let out = ask(&state, "/auth", &cookie).run();
        assert_eq!(told(&out), NOBODY, "{name}: {out}");
    }
    assert_eq!(told(&ask(&state, "/auth", &cookie).run()), ada());
    // The password was changed.
    state.write("users", ADA.replacen("$04$Z", "$04$v", 1), 0o600);
    assert_eq!(told(&ask(&state, "/auth", &cookie).run()), NOBODY);
}

/// Whatever the session says: without passwords, anybody could have chosen its name.
#[test]
fn without_a_users_file_nothing_is_protected() {
    let state = state_of(ADA);
    let ada = cookie_of(&state, "ada");
    let empty = StateDir::new();
    let response = Cgi::post("/login", "username=ada")
        .state(&empty)
        .run()
        .response();
    let demo = format!(
        "session={}",
        response.cookie("session").expect("a demo").value
    );
    for cookie in ["", &ada, &demo] {
        for target in ["/auth", "/auth?redirect", "/auth?group=staff"] {
            let out = ask(&empty, target, cookie).run();
            assert_eq!(told(&out), (503, None, None), "{target}: {out}");
            assert!(out.response().text().contains("add_users.txt"), "{out}");
            assert!(out.errors().contains("signet user add"), "{out}");
        }
    }
    // It was lost.
    std::fs::remove_file(state.path().join("users")).expect("remove it");
    let out = ask(&state, "/auth", &ada).run();
    assert_eq!(told(&out), (503, None, None), "{out}");
}

/// A program behind the web server could read these as other names.
#[test]
fn a_name_that_does_not_fit_into_a_header_field_is_nobody() {
    let long = "a".repeat(255);
    let rows: [(&str, bool); 8] = [
        ("ada lovelace", true),
        ("ada@example.org", true),
        ("o'brien,\"x\";", true),
        (&long, true),
        ("ada ", false),
        ("ad\u{e4}", false),
        ("\u{2003}ada", false),
        ("\u{65e5}\u{672c}", false),
    ];
    for (name, is_fit) in rows {
        let state = state_of(&named(name));
        let cookie = cookie_of(&state, name);
        let out = ask(&state, "/auth", &cookie).run();
        match is_fit {
            true => assert_eq!(told(&out).1.as_deref(), Some(name), "{out}"),
            false => {
                assert_eq!(told(&out), NOBODY, "{name:?}: {out}");
                assert!(out.errors().contains("is not let in"), "{out}");
            }
        }
    }
}

#[test]
fn groups_are_told_and_asked_for() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    let groups = "staff: bob ada\nguests: bob\nthe board: ada\na,b: ada\nk\u{e4}se: ada\n";
    let file = state.write("groups", groups, 0o644);
    let ask = |target: &str, cookie: &str| {
        ask(&state, target, cookie)
            .var("SIGNET_GROUPS_FILE", &file)
            .run()
    };
    // Those that a program could read as other groups are left out.
    let told_groups = Some("staff,the board".to_owned());
    #[rustfmt::skip]
    let rows = [
        ("",                             204),
        ("?group=staff",                 204),
        ("?group=the+board&group=staff", 204),
        ("?group=k%C3%A4se",             204),
        ("?group=guests",                403),
        ("?group=staff&group=guests",    403),
        ("?group=nobody",                403),
        ("?group=",                      403),
        ("?group=guests&redirect",       403),
    ];
    for (query, status) in rows {
        let out = ask(&format!("/auth{query}"), &cookie);
        let response = out.response();
        assert_eq!(response.status, status, "{query}: {out}");
        match status {
            204 => assert_eq!(told(&out).2, told_groups, "{query}"),
            _ => assert!(response.words().contains("ada"), "{query}: {out}"),
        }
        assert_changes_nothing(query, &response);
        let nobody = if query.ends_with("redirect") {
            303
        } else {
            401
        };
        assert_eq!(ask(&format!("/auth{query}"), "").response().status, nobody);
    }
    std::fs::remove_file(&file).expect("remove it");
    let out = ask("/auth", &cookie);
    assert_eq!(told(&out), (503, None, None), "{out}");
}

/// A misspelt `group` must not let everybody in.
#[test]
fn an_unknown_parameter_is_an_error() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    for query in [
        "groups=staff",
        "Group=staff",
        "group%20=staff",
        "staff",
        "redirect&x",
    ] {
        let out = ask(&state, &format!("/auth?{query}"), &cookie).run();
        assert_eq!(told(&out), (500, None, None), "{query}: {out}");
        assert!(out.errors().contains("/auth has a parameter"), "{out}");
    }
    let out = ask(&state, "/auth?group=%FF", &cookie).run();
    assert_eq!(told(&out), (400, None, None), "{out}");
}

/// `signet.cgi?r=/auth`, for hosts without PATH_INFO.
#[test]
fn the_query_can_name_the_path() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    let by_query = |query: &str, cookie: &str| {
        let vars = [("QUERY_STRING", query), ("REQUEST_URI", "/app")];
        ask(&state, "/", cookie)
            .without("PATH_INFO")
            .vars(&vars)
            .run()
    };
    assert_eq!(told(&by_query("r=/auth", &cookie)), ada());
    assert_eq!(told(&by_query("r=/auth", "")), NOBODY);
    let response = by_query("r=/auth&redirect", "").response();
    assert_eq!(response.header("Location"), Some("/app?r=/login"));
}

/// nginx by its own `fastcgi_params`, which have no PATH_INFO, in a location of another name
/// than `/auth`. Any page, even one with status 200 for nobody, would let everybody in.
#[test]
fn a_question_that_names_no_path_gets_no_page() {
    let state = state_of(ADA);
    state.write("doctor.on", "", 0o600);
    let cookie = cookie_of(&state, "ada");
    // SCRIPT_NAME, the URL that the visitor requested, APPLICATION_ROOT.
    #[rustfmt::skip]
    let rows = [
        ("/check",          "/private/secret.txt",  None),
        ("/check",          "/",                    None),
        ("/check",          "/login",               None),
        ("/check",          "/?r=/",                None),
        ("/check",          "/doctor",              None),
        ("/check",          "/doctor",              Some("/")),
        ("/check",          "/private/check",       None),
        ("/check",          "//evil/../login?a=b",  None),
        ("/auth/check",     "/private/secret.txt",  None),
        ("/check/auth2",    "/check",               None),
        ("/check",          "/",                    Some("/")),
        ("/check",          "/login",               Some("/")),
        ("/check",          "/private/",            Some("/account")),
        ("/account/check",  "/",                    Some("/account")),
        ("/account/check",  "/accounts",            Some("/account")),
    ];
    for (script, uri, root) in rows {
        // nginx-fastcgi.conf passes an empty PATH_INFO.
        for (cookie, has_path_info) in [("", false), (&*cookie, false), ("", true)] {
            let query = uri.split_once('?').map_or("", |(_, query)| query);
            let vars = [
                ("SCRIPT_NAME", script),
                ("REQUEST_URI", uri),
                ("QUERY_STRING", query),
            ];
            let request = ask(&state, "/", cookie).vars(&vars);
            let request = match has_path_info {
                true => request.var("PATH_INFO", ""),
                false => request.without("PATH_INFO"),
            };
            let request = match root {
                Some(root) => request.var("SIGNET_APPLICATION_ROOT", root),
                None => request,
            };
            let out = request.run();
            let name = format!("{script} {uri} {root:?}");
            assert!(out.response().status >= 400, "{name}: {out}");
            let is_known = out.response().status != 404;
            if is_known {
                assert_eq!(out.response().status, 503, "{name}: {out}");
                for words in ["PATH_INFO", script] {
                    assert!(out.errors().contains(words), "{name}: {out}");
                }
            }
        }
    }
    // Caddy and Traefik say that they ask about another request.
    for header in ["HTTP_X_FORWARDED_METHOD", "HTTP_X_ORIGINAL_METHOD"] {
        for page in ["/", "/login", "/none", "/doctor"] {
            let out = ask(&state, page, "").var(header, "GET").run();
            assert_eq!(out.response().status, 503, "{header}: {out}");
            assert!(out.errors().contains("/auth"), "{header}: {out}");
        }
        let out = ask(&state, "/auth", &cookie).var(header, "GET").run();
        assert_eq!(told(&out), ada(), "{header}: {out}");
    }
}

/// Requests for a page, by the same parameters: their URL is that of the page.
#[test]
fn a_page_without_path_info_is_shown() {
    // SCRIPT_NAME, REQUEST_URI, APPLICATION_ROOT.
    #[rustfmt::skip]
    let rows = [
        ("/login",      "/login?a=b",      None),
        ("/login",      "//x/../login",    None),
        ("/",           "/",               None),
        // DirectoryIndex, and a front controller.
        ("/x.cgi",      "/",               None),
        ("/x.cgi",      "/login",          None),
        ("/app/login",  "/app/login",      Some("/app")),
        // nginx or Apache passes on a path without its beginning.
        ("/login",      "/app/login",      Some("/app")),
        ("/front",      "/app/login",      Some("/app")),
    ];
    for (script, uri, root) in rows {
        let vars = [("SCRIPT_NAME", script), ("REQUEST_URI", uri)];
        let request = Cgi::get("/").without("PATH_INFO").vars(&vars);
        let request = match root {
            Some(root) => request.var("SIGNET_APPLICATION_ROOT", root),
            None => request,
        };
        let out = request.run();
        assert_eq!(out.response().status, 200, "{script} {uri}: {out}");
    }
}

fn location(response: &Response) -> &str {
    assert_eq!(response.status, 303, "{response:?}");
    response.header("Location").expect("Location")
}

#[test]
fn with_redirect_the_answer_leads_to_the_login_and_back() {
    let state = state_of(ADA);
    #[rustfmt::skip]
    let rows: [(&str, Vars, &str); 11] = [
        ("Caddy, Traefik",     &[("HTTP_X_FORWARDED_URI", "/private/a?b=c")], "?next=%2Fprivate%2Fa%3Fb%3Dc"),
        ("nginx",              &[("HTTP_X_ORIGINAL_URI", "/private/")],       "?next=%2Fprivate%2F"),
        ("none",               &[],                                           ""),
        ("empty",              &[("HTTP_X_FORWARDED_URI", "")],               ""),
        ("another host",       &[("HTTP_X_FORWARDED_URI", "//evil.example/")], ""),
        ("with a scheme",      &[("HTTP_X_FORWARDED_URI", "https://evil.example/")], ""),
        ("backslash",          &[("HTTP_X_FORWARDED_URI", "/\\evil.example")], ""),
        ("dots",               &[("HTTP_X_ORIGINAL_URI", "/a/..//evil.example")], ""),
        ("encoded",            &[("HTTP_X_ORIGINAL_URI", "/%2f/evil.example")], ""),
        ("a line end",         &[("HTTP_X_ORIGINAL_URI", "/a%0d%0aSet-Cookie:x=1")], ""),
        ("the first is wrong", &[("HTTP_X_ORIGINAL_URI", "//e/"), ("HTTP_X_FORWARDED_URI", "/a")], "?next=%2Fa"),
    ];
    for (name, vars, next) in rows {
        for method in ["GET", "POST"] {
            let request = ask(&state, "/auth?redirect", "").vars(vars);
            let out = request.var("REQUEST_METHOD", method).run();
            let response = out.response();
            assert_eq!(location(&response), format!("/app/login{next}"), "{name}");
            assert_changes_nothing(name, &response);
        }
    }
    // Who is logged in is not sent there.
    let cookie = cookie_of(&state, "ada");
    assert_eq!(told(&ask(&state, "/auth?redirect", &cookie).run()), ada());
}

/// A permanent session is refreshed by pages, after a tenth of its lifetime. An answer that a
/// cache may keep, or that nginx drops, is not the place for it.
#[test]
fn an_answer_refreshes_no_session() {
    let state = state_of(ADA);
    let fields = "username=ada&password=correct+horse&remember=1";
    let logins = ["cookie", "filesystem"].map(|kind| {
        let kind = [
            ("SIGNET_SESSION_TYPE", kind),
            ("SIGNET_PERMANENT_SESSION_LIFETIME", "40"),
        ];
        let login = Cgi::post("/login", fields).state(&state).vars(&kind);
        let response = login.run().response();
        let cookie = response.cookie("session").expect("a cookie");
        (kind, format!("session={}", cookie.value))
    });
    std::thread::sleep(std::time::Duration::from_secs(5));
    for (kind, cookie) in logins {
        let out = ask(&state, "/auth", &cookie).vars(&kind).run();
        assert_eq!(told(&out), ada(), "{out}");
        assert_changes_nothing("a session that is due", &out.response());
        assert_eq!(out.before, out.after, "{kind:?}");
        // As a page does.
        let page = ask(&state, "/", &cookie).vars(&kind).run().response();
        assert_eq!(page.cookies().len(), 1, "{kind:?}");
    }
}

#[test]
fn the_log_warns_of_a_cookie_for_other_sites() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    for (same_site, warns) in [("None", true), ("Lax", false), ("Strict", false)] {
        let request = ask(&state, "/auth", &cookie);
        let out = request
            .var("SIGNET_SESSION_COOKIE_SAMESITE", same_site)
            .run();
        assert_eq!(told(&out), ada(), "{out}");
        assert_eq!(out.errors().contains("other sites"), warns, "{out}");
    }
}
