//! Environments that no sane server makes and some server did: meta-variables
//! as bytes, settings that a visitor would like to make, names twice.

use super::{assert_anonymous, assert_status};
use crate::support::cgi::os;
use crate::support::invariants::{NOTHING, checked};
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now};

const LOGIN: &str = "username=admin";

/// Without a request, a person at a shell gets the usage, not a page.
#[test]
fn empty_environment_is_no_request() {
    let out = Cgi::get("/").bare().run();
    let text = [out.stdout.as_slice(), &out.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("Usage: signet"), "{out}");
    assert!(
        out.status.code().is_some() && !text.contains("panicked"),
        "{out}"
    );
    assert_eq!(out.after, out.before);
}

/// REQUEST_METHOD alone makes a request. An unknown method is refused (RFC 3875,
/// 4.3), and a response of 405 names the known ones (RFC 9110, 15.5.6).
#[test]
fn methods_that_are_none() {
    let long = "A".repeat(5000);
    let cases: [(&str, &[u8]); 7] = [
        ("lower case", b"get"),
        ("blank inside", b"GE T"),
        ("blank behind", b"GET "),
        ("control character", b"G\x01T"),
        ("accent", "GÉT".as_bytes()),
        ("not UTF-8", b"G\xffT"),
        ("5000 letters", long.as_bytes()),
    ];
    for (name, method) in cases {
        let response = checked(
            name,
            Cgi::get("/").bytes(b"REQUEST_METHOD", method),
            NOTHING,
        );
        assert!(
            [400, 405, 501].contains(&response.status),
            "{name}: {}",
            response.status
        );
        assert_eq!(
            response.header("Allow").is_some(),
            response.status == 405,
            "{name}"
        );
    }
    assert_status("unset", Cgi::get("/").without("REQUEST_METHOD"), 400);
    assert_status("empty", Cgi::new("", "/"), 400);
    let alone = Cgi::get("/")
        .only_settings()
        .var("GATEWAY_INTERFACE", "CGI/1.1");
    assert_status("only GATEWAY_INTERFACE", alone, 400);
}

/// Methods that exist, some of which lighttpd passes on.
#[test]
fn methods_of_others() {
    for method in [
        "TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "PROPFIND", "QUERY",
    ] {
        for (path, allow) in [
            ("/", "GET, HEAD, OPTIONS"),
            ("/login", "GET, HEAD, POST, OPTIONS"),
            ("/logout", "GET, HEAD, POST, OPTIONS"),
        ] {
            let name = format!("{method} {path}");
            // Stdin stays open and empty: no answer needs it.
            let cgi = Cgi::new(method, path)
                .var("CONTENT_LENGTH", "5")
                .hold_stdin();
            let response = assert_status(&name, cgi, 405);
            assert_eq!(response.header("Allow"), Some(allow), "{name}");
        }
    }
    let response = assert_status("POST /", Cgi::post("/", "a=b"), 405);
    assert_eq!(response.header("Allow"), Some("GET, HEAD, OPTIONS"));
}

/// RFC 9110, 9.3.7; a client that asks does so before it sends anything.
#[test]
fn options_are_answered_by_the_table_of_routes() {
    for (path, status, allow) in [
        ("/", 204, Some("GET, HEAD, OPTIONS")),
        ("/login", 204, Some("GET, HEAD, POST, OPTIONS")),
        ("/nothing", 404, None),
    ] {
        let response = assert_status(path, Cgi::new("OPTIONS", path), status);
        assert_eq!(response.header("Allow"), allow, "{path}");
    }
}

/// Variables that are not UTF-8, are very long, or are very many.
#[test]
fn bytes_in_names_and_values() {
    let long = [b"a=".as_slice(), &[b'.'; 120 * 1024]].concat();
    #[rustfmt::skip]
    let cases: [(&str, &[u8], &[u8]); 13] = [
        ("cookie",             b"HTTP_COOKIE",     b"a=\xff"),
        ("session cookie",     b"HTTP_COOKIE",     b"session=\xff\xfe"),
        ("user agent",         b"HTTP_USER_AGENT", b"caf\xe9"),
        ("a variable's name",  b"X_\xff",          b"1"),
        ("a header's name",    b"HTTP_X_\xff",     b"1"),
        ("unrelated",          b"LC_X",            b"\xe9"),
        ("query",              b"QUERY_STRING",    b"\xff"),
        ("host",               b"HTTP_HOST",       b"\xff"),
        ("address",            b"REMOTE_ADDR",     b"\xff"),
        ("port",               b"SERVER_PORT",     b"\xff"),
        ("type",               b"CONTENT_TYPE",    b"\xff"),
        ("fetch metadata",     b"HTTP_SEC_FETCH_SITE", b"\xff"),
        ("a cookie of 120 KB", b"HTTP_COOKIE",     &long),
    ];
    for (name, variable, value) in cases {
        assert_anonymous(name, Cgi::get("/").bytes(variable, value));
    }
}

/// Entries that only execve can pass: without a name, without `=`, a name twice.
#[test]
fn entries_that_are_no_variables() {
    let signer = Signer::default();
    let entry = |user: &str| {
        let token = signer.token(format!(r#"{{"username":"{user}"}}"#), now());
        format!("HTTP_COOKIE=session={token}")
    };
    let cases: [(&str, &[&[u8]]); 6] = [
        ("no equals sign", &[b"NAME"]),
        ("no name", &[b"=value", b"="]),
        ("an empty entry", &[b""]),
        ("a header twice", &[b"HTTP_ACCEPT=a", b"HTTP_ACCEPT=b"]),
        (
            "the method twice",
            &[b"REQUEST_METHOD=GET", b"REQUEST_METHOD=GET"],
        ),
        ("bytes", &[b"\xff\xff", b"\x01=\x02"]),
    ];
    for (name, entries) in cases {
        let cgi = entries
            .iter()
            .fold(Cgi::get("/"), |cgi, entry| cgi.raw(*entry));
        assert_anonymous(name, cgi);
    }
    // The same cookie variable twice, for two people: one of them or nobody,
    // and the same in every run.
    let both = || Cgi::get("/").raw(entry("alice")).raw(entry("bob"));
    let first = checked("two cookie variables", both(), NOTHING);
    let again = checked("two cookie variables", both(), NOTHING);
    assert_eq!((first.status, &first.body), (200, &again.body));
}

/// Tens of thousands of request headers.
#[test]
fn thirty_thousand_variables() {
    let cgi = (0..30_000).fold(Cgi::get("/"), |cgi, n| cgi.var(format!("HTTP_X{n}"), "y"));
    assert_anonymous("30 000 variables", cgi);
}

/// No protocol is refused (RFC 3875, 4.1.16).
#[test]
fn any_protocol_will_do() {
    let long = "H".repeat(4096);
    for protocol in [
        "INCLUDED", "HTTP/1.2", "HTTP/2", "HTTP/3.0", "http/1.1", "HTTP/0.9", "", "/", &long,
    ] {
        assert_anonymous(protocol, Cgi::get("/").var("SERVER_PROTOCOL", protocol));
    }
    assert_anonymous("unset", Cgi::get("/").without("SERVER_PROTOCOL"));
}

/// The user's name comes from the session and from nothing else.
#[test]
fn nobody_is_logged_in_by_a_variable() {
    #[rustfmt::skip]
    let cases: [(&str, &[(&str, &str)]); 9] = [
        ("the server's login",  &[("REMOTE_USER", "admin"), ("AUTH_TYPE", "Basic")]),
        ("strange login",       &[("REMOTE_USER", "admin"), ("AUTH_TYPE", "bAsIc")]),
        ("redirected login",    &[("REDIRECT_REMOTE_USER", "admin")]),
        ("a header Remote-User", &[("HTTP_REMOTE_USER", "admin")]),
        ("X-CGI-Remote-User",   &[("HTTP_X_CGI_REMOTE_USER", "admin")]),
        ("X-Remote-User",       &[("HTTP_X_REMOTE_USER", "admin")]),
        ("Authorization",       &[("HTTP_AUTHORIZATION", "Basic YWRtaW46YWRtaW4=")]),
        ("a header Session",    &[("HTTP_SESSION", "username=admin")]),
        ("httpoxy",             &[("HTTP_PROXY", "http://127.0.0.1:1"), ("HTTPS_PROXY", "x")]),
    ];
    for (name, vars) in cases {
        assert_anonymous(name, Cgi::get("/").vars(vars));
    }
}

/// A client writes `HTTP_*`; no setting is ever read from there, nor from
/// a name without our prefix. The last row shows that the token would do.
#[test]
fn settings_do_not_come_from_headers() {
    const THEIRS: &str = "the-attackers-own-key-0123456789abcdef";
    let token = Signer::with_key(THEIRS).token(r#"{"username":"admin"}"#, now());
    let with = |name: &str| {
        Cgi::get("/")
            .cookie(format!("session={token}"))
            .var(name, THEIRS)
    };
    for name in [
        "HTTP_SECRET_KEY",
        "HTTP_SIGNET_SECRET_KEY",
        "REDIRECT_HTTP_SIGNET_SECRET_KEY",
        "HTTP_REDIRECT_SIGNET_SECRET_KEY",
        "REDIRECT_SECRET_KEY",
        "SECRET_KEY",
        "signet_secret_key",
    ] {
        assert_anonymous(name, with(name));
    }
    let theirs = StateDir::new();
    theirs.write("secret_key", THEIRS, 0o600);
    for name in [
        "HTTP_STATE_DIR",
        "HTTP_SIGNET_STATE_DIR",
        "HTTP_SIGNET_CONFIG",
    ] {
        let cgi = Cgi::get("/")
            .cookie(format!("session={token}"))
            .var(name, theirs.path());
        assert_anonymous(name, cgi);
    }
    let redirected = with("REDIRECT_SIGNET_SECRET_KEY").without("SIGNET_SECRET_KEY");
    let page = checked("a rewrite's own copy", redirected, NOTHING);
    assert!(
        page.words().contains("Logged in as admin"),
        "{}",
        page.words()
    );
}

/// A developer's environment variables change nothing that a visitor sees.
#[test]
fn developers_variables_are_without_effect() {
    let plain = Cgi::get("/").run();
    let out = Cgi::get("/")
        .vars(&[
            ("HOME", "/"),
            ("LD_PRELOAD", "libc.so.6"),
            ("RUST_BACKTRACE", "full"),
            ("RUST_LOG", "trace"),
            ("TMPDIR", "/tmp/evil"),
            ("XDG_STATE_HOME", "/tmp/evil"),
        ])
        .run();
    assert_eq!((out.errors(), out.stdout), (String::new(), plain.stdout));
}

/// Under CGI a visitor may write argv (RFC 3875, 4.4).
#[test]
fn arguments_are_not_looked_at() {
    let plain = Cgi::get("/").run();
    let cases: [&[&[u8]]; 10] = [
        &[b"--help"],
        &[b"--version"],
        &[b"-c", b"/etc/passwd"],
        &[b"-c/etc/passwd"],
        &[b"key", b"new"],
        &[b"request", b"GET", b"/login"],
        &[b"print", b"toml"],
        &[b"\xad"],
        &[b""],
        &[b"a".as_slice(); 1000],
    ];
    for args in cases {
        let name = args[0].escape_ascii().to_string();
        let cgi = args.iter().fold(Cgi::get("/"), |cgi, arg| cgi.arg(os(arg)));
        let out = cgi.var("QUERY_STRING", "--version").run();
        assert_eq!(
            (out.stdout.escape_ascii().to_string(), out.errors()),
            (plain.stdout.escape_ascii().to_string(), String::new()),
            "{name}"
        );
    }
}

/// No meta-variable is used as a source of random bytes.
#[test]
fn keys_of_two_sites_differ() {
    let key = || {
        let state = StateDir::new();
        let made = Cgi::post("/login", LOGIN)
            .state(&state)
            .without("SIGNET_SECRET_KEY")
            .vars(&[
                ("UNIQUE_ID", "aaaaaaaaaaaaaaaaaaaaaaaa"),
                ("REMOTE_PORT", "4"),
            ])
            .run();
        assert_eq!(made.response().status, 303, "{made}");
        std::fs::read(state.path().join("secret_key")).expect("a key was made")
    };
    assert_ne!(key(), key());
}
