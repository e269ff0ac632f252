//! The role Authorizer (FastCGI 1.0, section 6.3): lighttpd and Apache ask whether a visitor
//! may see what they serve.

use super::{ADA, assert_changes_nothing, cookie_of, state_of};
use crate::fastcgi::Params;
use crate::support::StateDir;
use crate::support::application::{Application, program_at};
use crate::support::fastcgi::{AUTHORIZER, Client, PARAMS, STDIN, begin, pair, stream};
use crate::support::response::Response;

/// What lighttpd 1.4.69 and Apache 2.4.71 (mod_authnz_fcgi) sent. Neither sends STDIN.
const LIGHTTPD: &[(&str, &str)] = &[
    ("DOCUMENT_ROOT", "/srv/site"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("HTTP_HOST", "example.org"),
    ("QUERY_STRING", ""),
    ("REDIRECT_STATUS", "200"),
    ("REMOTE_ADDR", "192.0.2.7"),
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_SCHEME", "http"),
    ("REQUEST_URI", "/private/secret.txt"),
    ("SCRIPT_FILENAME", "/srv/site/private/secret.txt"),
    ("SERVER_NAME", "example.org"),
    ("SERVER_PORT", "80"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_SOFTWARE", "lighttpd/1.4.69"),
];
const APACHE: &[(&str, &str)] = &[
    ("CONTEXT_DOCUMENT_ROOT", "/srv/site"),
    ("CONTEXT_PREFIX", ""),
    ("DOCUMENT_ROOT", "/srv/site"),
    ("FCGI_APACHE_ROLE", "AUTHENTICATOR"),
    ("FCGI_ROLE", "AUTHORIZER"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("HTTP_HOST", "example.org"),
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("QUERY_STRING", ""),
    ("REMOTE_ADDR", "192.0.2.7"),
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/private/secret.txt"),
    ("SCRIPT_FILENAME", "/srv/site/private/secret.txt"),
    ("SERVER_NAME", "example.org"),
    ("SERVER_PORT", "80"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_SIGNATURE", ""),
    ("SERVER_SOFTWARE", "Apache/2.4.71 (Debian)"),
];

/// Parameters that differ from these.
type More<'m> = &'m [(&'static str, &'m str)];

fn params(server: More<'_>, more: More<'_>) -> Params {
    let changed = |name: &str| more.iter().any(|(other, _)| *other == name);
    let kept = server.iter().filter(|(name, _)| !changed(name));
    let pairs = kept.chain(more);
    pairs
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

fn asked(params: &Params) -> Vec<u8> {
    let pairs = params
        .iter()
        .flat_map(|(name, value)| pair(name.as_bytes(), value.as_bytes()));
    let pairs: Vec<u8> = pairs.collect();
    [begin(1, AUTHORIZER, true), stream(PARAMS, 1, &pairs)].concat()
}

#[track_caller]
fn answer(client: &mut Client, params: &Params) -> Response {
    client.send(&asked(params));
    crate::fastcgi::answered(client, 1)
}

fn worker(state: &StateDir, settings: &[(&str, &str)]) -> Application {
    let mut command = program_at(state);
    for (name, value) in settings {
        command.env(format!("SIGNET_{name}"), value);
    }
    Application::worker(&mut command)
}

const AT_ACCOUNT: [(&str, &str); 2] = [
    ("APPLICATION_ROOT", "/account"),
    ("SESSION_COOKIE_PATH", "/"),
];

/// What says that the request is allowed, and for whom.
const VARIABLES: [&str; 2] = ["Variable-REMOTE_USER", "Variable-REMOTE_GROUPS"];

#[track_caller]
fn assert_allowed(name: &str, response: &Response) {
    assert_eq!(response.status, 200, "{name}: {response:?}");
    let named = |variable: &str| {
        let field = response.headers.iter().find(|(field, _)| field == variable);
        field.map(|(_, value)| value.as_str())
    };
    // Byte for byte, as the names of variables.
    assert_eq!(VARIABLES.map(named), [Some("ada"), Some("")], "{name}");
    assert_eq!(response.body, b"", "{name}");
    assert_changes_nothing(name, response);
    // Apache adds the fields to those of the page that the visitor gets.
    assert_eq!(response.headers.len(), 4, "{name}: {response:?}");
}

#[track_caller]
fn assert_denied(name: &str, response: &Response, status: u16) {
    assert_eq!(response.status, status, "{name}: {response:?}");
    for variable in VARIABLES {
        assert_eq!(response.header(variable), None, "{name}");
    }
}

/// The role decides, whatever the URL and the path are: with its own status, a file would let
/// everybody in.
#[test]
fn an_authorizer_answers_with_no_file_and_no_page() {
    let state = state_of(ADA);
    state.write("../site/secret.txt", "secret", 0o644);
    let cookie = &*cookie_of(&state, "ada");
    let folder = state.path().with_file_name("site").display().to_string();
    let dirs = format!("{{\"/private\": {folder:?}}}");
    let guarded = [("GUARD_DIR", &*folder), ("GUARD_DIRS", &*dirs)];
    let worker = worker(&state, &[&AT_ACCOUNT[..], &guarded].concat());
    let client = &mut worker.connect();
    #[rustfmt::skip]
    let rows: [More<'_>; 7] = [
        &[("REQUEST_URI", "/private/secret.txt")],
        &[("REQUEST_URI", "/account/files/secret.txt")],
        &[("REQUEST_URI", "/account/login")],
        &[("REQUEST_URI", "/account/auth")],
        &[("REQUEST_URI", "/private/?r=/auth"), ("QUERY_STRING", "r=/auth")],
        &[("SCRIPT_NAME", "/account"), ("PATH_INFO", "/login")],
        &[("SCRIPT_NAME", "/account"), ("PATH_INFO", "/auth")],
    ];
    for more in rows {
        let name = &format!("{more:?}");
        assert_denied(name, &answer(client, &params(LIGHTTPD, more)), 303);
        let more = [more, &[("HTTP_COOKIE", cookie)]].concat();
        assert_allowed(name, &answer(client, &params(LIGHTTPD, &more)));
    }
}

#[test]
fn a_logged_in_visitor_is_let_in_and_others_are_sent_to_the_login() {
    let state = state_of(ADA);
    let cookie = &*cookie_of(&state, "ada");
    let worker = worker(&state, &AT_ACCOUNT);
    let client = &mut worker.connect();
    let body = [
        ("REQUEST_METHOD", "POST"),
        ("CONTENT_LENGTH", "12"),
        ("CONTENT_TYPE", "x/y"),
    ];
    #[rustfmt::skip]
    let rows: [(&str, More<'_>, &str); 9] = [
        ("GET",              &[],                                       "?next=%2Fprivate%2Fsecret%2Etxt"),
        ("HEAD",             &[("REQUEST_METHOD", "HEAD")],             "?next=%2Fprivate%2Fsecret%2Etxt"),
        ("POST",             &body,                                     "?next=%2Fprivate%2Fsecret%2Etxt"),
        ("from elsewhere",   &[("HTTP_SEC_FETCH_SITE", "cross-site"), ("REQUEST_METHOD", "POST")], "?next=%2Fprivate%2Fsecret%2Etxt"),
        ("with a query",     &[("REQUEST_URI", "/private/?a=b"), ("QUERY_STRING", "a=b")], "?next=%2Fprivate%2F%3Fa%3Db"),
        ("a query of ours",  &[("REQUEST_URI", "/private/?r=/login"), ("QUERY_STRING", "r=/login")], "?next=%2Fprivate%2F%3Fr%3D%2Flogin"),
        ("another host",     &[("REQUEST_URI", "//evil.example/..//private/")], ""),
        ("an absolute URI",  &[("REQUEST_URI", "http://evil.example/private/")], ""),
        ("not UTF-8",        &[("REQUEST_URI", "/private/%ff")],        "?next=%2Fprivate%2F%25ff"),
    ];
    for (server, of) in [("lighttpd", LIGHTTPD), ("Apache", APACHE)] {
        for (name, more, next) in rows {
            let name = &format!("{server}, {name}");
            let denied = answer(client, &params(of, more));
            assert_denied(name, &denied, 303);
            let login = format!("/account/login{next}");
            assert_eq!(denied.header("Location"), Some(&*login), "{name}");
            assert_changes_nothing(name, &denied);
            let more = [more, &[("HTTP_COOKIE", cookie)]].concat();
            assert_allowed(name, &answer(client, &params(of, &more)));
        }
    }
    assert_eq!(worker.end().stderr, b"");
}

#[test]
fn the_variables_name_the_groups() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    let file = state.write("groups", "staff: ada\nguests: bob\nboard: ada\n", 0o644);
    let file = file.to_str().expect("UTF-8");
    let worker = worker(&state, &[AT_ACCOUNT[0], ("GROUPS_FILE", file)]);
    let response = answer(
        &mut worker.connect(),
        &params(APACHE, &[("HTTP_COOKIE", &cookie)]),
    );
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header(VARIABLES[1]), Some("staff,board"));
}

/// Some web servers end a stream that is not sent. It belongs to no request then.
#[test]
fn an_empty_body_after_the_request_is_ignored() {
    let state = state_of(ADA);
    let cookie = cookie_of(&state, "ada");
    let worker = worker(&state, &AT_ACCOUNT);
    let client = &mut worker.connect();
    let params = params(LIGHTTPD, &[("HTTP_COOKIE", &cookie)]);
    for _ in 0..2 {
        client.send(&[asked(&params), stream(STDIN, 1, b"")].concat());
        assert_allowed("with STDIN", &crate::fastcgi::answered(client, 1));
    }
    // The role of a request is that of its first record, whatever its parameters say.
    let role = [("FCGI_ROLE", "AUTHORIZER".to_owned())];
    let params: Params = crate::fastcgi::index().into_iter().chain(role).collect();
    let page = crate::fastcgi::exchange(client, 1, &params, b"");
    assert_eq!(page.status, 200);
    assert!(page.words().contains("You are not logged in"));
}

/// A page with status 200 would let everybody in.
#[test]
fn no_failure_lets_a_visitor_in() {
    type Break = fn(&StateDir);
    let nothing: Break = |_| ();
    let no_users: Break = |state| {
        for name in ["users", "users.seen"] {
            std::fs::remove_file(state.path().join(name)).expect("remove it");
        }
    };
    let lost: Break = |state| {
        std::fs::remove_file(state.path().join("users")).expect("remove it");
    };
    #[rustfmt::skip]
    let rows: [(&str, More<'_>, Break, &str); 5] = [
        ("the address of the login is unknown", &[], nothing, "APPLICATION_ROOT"),
        ("no passwords",    &AT_ACCOUNT, no_users, "signet user add"),
        ("no users file",   &AT_ACCOUNT, lost, "does not exist any more"),
        ("a weak key",      &[("APPLICATION_ROOT", "/account"), ("SECRET_KEY", "dev")], nothing, "SECRET_KEY"),
        ("a wrong setting", &[("APPLICATION_ROOT", "account")], nothing, "APPLICATION_ROOT"),
    ];
    for (name, settings, breaks, reason) in rows {
        let state = state_of(ADA);
        let cookie = cookie_of(&state, "ada");
        breaks(&state);
        let worker = worker(&state, settings);
        let client = &mut worker.connect();
        for more in [&[][..], &[("HTTP_COOKIE", &*cookie)]] {
            let response = answer(client, &params(LIGHTTPD, more));
            assert_denied(name, &response, 503);
        }
        let log = String::from_utf8(worker.end().stderr).expect("UTF-8");
        assert!(log.contains(reason), "{name}: {log}");
    }
}

/// Programs of the library that have no answer refuse the role.
#[test]
fn a_program_without_an_answer_refuses_the_role() {
    let state = StateDir::new();
    let program = crate::support::example("counter");
    let worker = Application::worker(&mut crate::support::application::at(&program, &state));
    let client = &mut worker.connect();
    client.send(&asked(&params(LIGHTTPD, &[])));
    let answer = client.try_answer(1).expect("an answer");
    assert_eq!(answer.status, crate::support::fastcgi::UNKNOWN_ROLE);
}
