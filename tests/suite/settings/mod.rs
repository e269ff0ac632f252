//! Settings: a default, then signet.toml, then the environment; how values
//! are read; which file is read. What is wrong is in `wrong`.

mod page;
mod program;
mod shebang;
mod wrong;

use std::path::PathBuf;

use crate::support::invariants::{COOKIE, assert_holds};
use crate::support::response::Response;
use crate::support::{Cgi, StateDir};

const NAME: &str = "SIGNET_SESSION_COOKIE_NAME";

/// Names and values of variables.
type Vars = &'static [(&'static str, &'static str)];

/// The name of the cookie that a login sets: one setting, seen from outside.
#[track_caller]
fn cookie_name(name: &str, request: Cgi) -> String {
    let out = request.run();
    let response = assert_holds(name, &out, COOKIE);
    assert_eq!(response.status, 303, "{name}: {out}");
    let cookie = response.cookies().pop();
    cookie
        .unwrap_or_else(|| panic!("{name}: no cookie: {out}"))
        .name
}

fn login() -> Cgi {
    Cgi::post("/login", "username=admin")
}

/// A state directory with this signet.toml.
fn site(toml: &str) -> StateDir {
    let state = StateDir::new();
    state.write("signet.toml", toml, 0o600);
    state
}

#[test]
fn later_sources_win() {
    let state = site("SESSION_COOKIE_NAME = \"by_toml\"\n");
    let empty = StateDir::new();
    let at = |state: &StateDir| login().state(state);
    assert_eq!(cookie_name("default", at(&empty)), "session");
    assert_eq!(cookie_name("toml", at(&state)), "by_toml");
    assert_eq!(
        cookie_name("environment", at(&state).var(NAME, "by_env")),
        "by_env"
    );
    assert_eq!(
        cookie_name("environment alone", at(&empty).var(NAME, "by_env")),
        "by_env"
    );
}

/// Apache puts REDIRECT_ before the names at each internal redirect; what
/// begins HTTP_ was written by the visitor.
#[test]
fn prefixes_of_the_environment() {
    #[rustfmt::skip]
    let cases: [(&str, Vars, &str); 12] = [
        ("redirected",           &[("REDIRECT_SIGNET_SESSION_COOKIE_NAME", "r1")], "r1"),
        ("redirected twice",     &[("REDIRECT_REDIRECT_SIGNET_SESSION_COOKIE_NAME", "r2")], "r2"),
        ("five times",           &[("REDIRECT_REDIRECT_REDIRECT_REDIRECT_REDIRECT_SIGNET_SESSION_COOKIE_NAME", "r5")], "r5"),
        ("unprefixed first",     &[(NAME, "plain"), ("REDIRECT_SIGNET_SESSION_COOKIE_NAME", "r1")], "plain"),
        ("unprefixed, twice",    &[("REDIRECT_REDIRECT_SIGNET_SESSION_COOKIE_NAME", "r2"), (NAME, "plain")], "plain"),
        ("a header",             &[("HTTP_SIGNET_SESSION_COOKIE_NAME", "h")], "session"),
        ("a redirected header",  &[("REDIRECT_HTTP_SIGNET_SESSION_COOKIE_NAME", "h")], "session"),
        ("a header of ours",     &[("HTTP_REDIRECT_SIGNET_SESSION_COOKIE_NAME", "h")], "session"),
        ("no prefix at all",     &[("SESSION_COOKIE_NAME", "x")], "session"),
        ("Flask's prefix",       &[("FLASK_SESSION_COOKIE_NAME", "x")], "session"),
        ("lower case",           &[("signet_session_cookie_name", "x")], "session"),
        ("a header's unknown",   &[("HTTP_SIGNET_NO_SUCH_THING", "x")], "session"),
    ];
    for (name, vars, want) in cases {
        assert_eq!(cookie_name(name, login().vars(vars)), want, "{name}");
    }
}

/// Kubernetes sets variables for each Service in every container
/// (kubernetes.io, "Discovering services"), and Docker did for each link; those
/// of a Service called `signet` or `signet-redis` begin as our settings do.
#[test]
fn variables_of_services_and_links_are_no_settings() {
    #[rustfmt::skip]
    let cases: [Vars; 26] = [
        &[("SIGNET_SERVICE_HOST", "10.0.0.11")],
        &[("SIGNET_SERVICE_HOST", "fd00::11")],
        &[("SIGNET_SERVICE_PORT", "80")],
        &[("SIGNET_SERVICE_PORT_HTTP", "80")],
        &[("SIGNET_SERVICE_PORT_HTTP_METRICS_2", "9100")],
        &[("SIGNET_PORT", "tcp://10.0.0.11:80")],
        &[("SIGNET_PORT", "tcp://[fd00::11]:80")],
        &[("SIGNET_PORT_80_TCP", "tcp://10.0.0.11:80")],
        &[("SIGNET_PORT_80_TCP_PROTO", "tcp")],
        &[("SIGNET_PORT_80_TCP_PORT", "80")],
        &[("SIGNET_PORT_80_TCP_ADDR", "10.0.0.11")],
        &[("SIGNET_PORT_53_UDP", "udp://10.0.0.11:53")],
        &[("SIGNET_PORT_9_SCTP_ADDR", "10.0.0.11")],
        &[("SIGNET_REDIS_SERVICE_HOST", "10.0.0.12")],
        &[("SIGNET_REDIS_SERVICE_PORT", "6379")],
        &[("SIGNET_REDIS_SERVICE_PORT_TCP_REDIS", "6379")],
        &[("SIGNET_REDIS_PORT", "tcp://10.0.0.12:6379")],
        &[("SIGNET_REDIS_PORT_6379_TCP", "tcp://10.0.0.12:6379")],
        &[("SIGNET_REDIS_PORT_6379_TCP_ADDR", "10.0.0.12")],
        &[("SIGNET_SESSION_STORE_2_SERVICE_HOST", "10.0.0.13")],
        &[("SIGNET_NAME", "/web/signet")],
        &[("SIGNET_NAME", "/web/signet"), ("SIGNET_ENV_PATH", "/usr/bin")],
        &[("SIGNET_ENV_SIGNET_DEBUG", "true"), ("SIGNET_NAME", "/web/signet")],
        &[("SIGNET_REDIS_NAME", "/web/signet-redis"), ("SIGNET_REDIS_ENV_PATH", "/usr/bin")],
        &[("SIGNET_PORT_8000_TCP_START", "tcp://172.17.0.2:8000")],
        &[("REDIRECT_SIGNET_SERVICE_HOST", "10.0.0.11")],
    ];
    for vars in cases {
        let name = format!("{vars:?}");
        assert_eq!(cookie_name(&name, login().vars(vars)), "session", "{name}");
    }
}

/// As Flask's `from_prefixed_env`: JSON where it parses and the setting is not
/// text, which stays as it stands.
#[test]
fn values_of_the_environment() {
    for text in ["true", "1", "4.5", "yes-no", "nulls", "NULL"] {
        assert_eq!(cookie_name(text, login().var(NAME, text)), text);
    }
    #[rustfmt::skip]
    let cases = [
        ("SIGNET_SESSION_COOKIE_HTTPONLY", "true",   "HttpOnly", true),
        ("SIGNET_SESSION_COOKIE_HTTPONLY", "false",  "HttpOnly", false),
        ("SIGNET_SESSION_COOKIE_HTTPONLY", " false ", "HttpOnly", false),
        ("SIGNET_SESSION_COOKIE_SECURE",   "true",   "Secure",   true),
        ("SIGNET_SESSION_PERMANENT",       "true",   "Expires",  true),
        ("SIGNET_SESSION_PERMANENT",       "false",  "Expires",  false),
        ("SIGNET_MAX_COOKIE_SIZE",         "4000",   "HttpOnly", true),
        ("SIGNET_MAX_COOKIE_SIZE",         " 4000",  "HttpOnly", true),
        ("SIGNET_SECRET_KEY_FALLBACKS",    "[\"one-more-key-0123\"]", "HttpOnly", true),
        ("SIGNET_SECRET_KEY_FALLBACKS",    " [ ] ",  "HttpOnly", true),
    ];
    for (setting, value, attribute, want) in cases {
        let name = format!("{setting}={value}");
        let out = login().var(setting, value).run();
        let response = assert_holds(&name, &out, COOKIE);
        assert_eq!(response.status, 303, "{name}: {out}");
        assert_eq!(response.cookies()[0].has(attribute), want, "{name}: {out}");
    }
}

/// As in Flask, whose `from_prefixed_env` makes it `None`, which is the default
/// of most settings.
#[test]
fn null_in_the_environment_means_not_set() {
    let plain = login().run().response();
    let attributes = |response: &Response| {
        let cookie = response.cookies().pop().expect("a cookie");
        (cookie.name, cookie.attributes)
    };
    for setting in signet::config::SETTINGS {
        for prefix in ["SIGNET_", "REDIRECT_SIGNET_"] {
            for null in ["null", " null "] {
                let variable = format!("{prefix}{}", setting.name);
                let request = login().without(&format!("SIGNET_{}", setting.name));
                let out = request.var(&variable, null).run();
                assert_eq!(out.errors(), "", "{variable}");
                let response = out.response();
                assert_eq!(response.status, 303, "{variable}: {out}");
                assert_eq!(attributes(&response), attributes(&plain), "{variable}");
            }
        }
    }
    let config = login().var("SIGNET_CONFIG", "null");
    assert_eq!(cookie_name("SIGNET_CONFIG", config), "session");
}

/// A source that comes later: what the file says does not count, but it still
/// has to be right.
#[test]
fn null_in_the_environment_overrides_the_file() {
    let state = site(
        "SESSION_COOKIE_NAME = \"by_toml\"\nSESSION_COOKIE_DOMAIN = \"example.org\"\n\
         SESSION_COOKIE_SAMESITE = \"Strict\"\n",
    );
    let request = || login().state(&state);
    assert_eq!(cookie_name("toml", request()), "by_toml");
    let out = request()
        .vars(&[(NAME, "null"), ("SIGNET_SESSION_COOKIE_DOMAIN", "null")])
        .run();
    let cookie = assert_holds("null", &out, COOKIE).cookies().pop();
    let cookie = cookie.expect("a cookie");
    assert_eq!((&*cookie.name, cookie.has("Domain")), ("session", false));
    assert_eq!(cookie.attribute("SameSite"), Some("Strict"));
    // The variable with the fewest REDIRECT_ counts, whatever it says.
    let names = [
        (
            &[
                (NAME, "null"),
                ("REDIRECT_SIGNET_SESSION_COOKIE_NAME", "r1"),
            ],
            "session",
        ),
        (
            &[
                (NAME, "plain"),
                ("REDIRECT_SIGNET_SESSION_COOKIE_NAME", "null"),
            ],
            "plain",
        ),
    ];
    for (vars, want) in names {
        assert_eq!(cookie_name(want, login().vars(vars)), want);
    }
    let wrong = site("SESSION_COOKIE_NAME = 5\n");
    let out = login().state(&wrong).var(NAME, "null").run();
    assert_eq!(out.response().status, 503, "{out}");
}

/// One file serves Flask's `from_file` and signet.
#[test]
fn every_type_of_toml() {
    let state = site(
        "# Our site\r\n\
         SESSION_COOKIE_NAME = 'quoted_once' # and why\r\n\
         SESSION_COOKIE_HTTPONLY = false\n\
         PERMANENT_SESSION_LIFETIME = 86_400\n\
         MAX_COOKIE_SIZE=0xFFD\n\
         SECRET_KEY_FALLBACKS = [\n  \"one-more-key-0123\", # the old one\n]\n\
         \"SESSION_COOKIE_SAMESITE\" = \"\"\"Strict\"\"\"\n",
    );
    let out = login().state(&state).run();
    let response = assert_holds("toml", &out, COOKIE);
    let cookie = response
        .cookie("quoted_once")
        .unwrap_or_else(|| panic!("no cookie: {out}"));
    assert_eq!(cookie.attribute("SameSite"), Some("Strict"));
    assert!(!cookie.has("HttpOnly"));
}

/// suEXEC lets no SIGNET_ name through, but those that begin with SSL_.
#[test]
fn configuration_files_named() {
    let file = StateDir::new();
    let path = file.write("site.toml", "SESSION_COOKIE_NAME = \"named\"\n", 0o600);
    let state = site("SESSION_COOKIE_NAME = \"in_state\"\n");
    for variable in [
        "SIGNET_CONFIG",
        "SSL_SIGNET_CONFIG",
        "REDIRECT_SIGNET_CONFIG",
        "REDIRECT_SSL_SIGNET_CONFIG",
        "REDIRECT_REDIRECT_SSL_SIGNET_CONFIG",
    ] {
        let request = login().state(&state).var(variable, &path);
        assert_eq!(cookie_name(variable, request), "named");
        let request = login()
            .state(&state)
            .var(variable, &path)
            .var(NAME, "by_env");
        assert_eq!(cookie_name(variable, request), "by_env");
    }
    for variable in [
        "HTTP_SIGNET_CONFIG",
        "HTTP_SSL_SIGNET_CONFIG",
        "REDIRECT_HTTP_SIGNET_CONFIG",
        "CONFIG",
        "SSL_CONFIG",
    ] {
        let request = login().state(&state).var(variable, &path);
        assert_eq!(cookie_name(variable, request), "in_state", "{variable}");
    }
}

/// The state directory may itself be named in the file; its own signet.toml
/// then is not read as well.
#[test]
fn state_directory_by_configuration_file() {
    let state = StateDir::new();
    state.write("secret_key", "the-key-in-the-state-directory-0", 0o600);
    state.write(
        "signet.toml",
        "SESSION_COOKIE_NAME = \"never_read\"\n",
        0o600,
    );
    let outside = StateDir::new();
    let text = format!("STATE_DIR = \"{}\"\n", state.path().display());
    let path = outside.write("site.toml", text, 0o600);
    let out = login()
        .without("SIGNET_SECRET_KEY")
        .without("SIGNET_STATE_DIR")
        .var("SIGNET_CONFIG", path)
        .run();
    let cookie = out
        .response()
        .cookies()
        .pop()
        .unwrap_or_else(|| panic!("no cookie: {out}"));
    assert_eq!(cookie.name, "session");
    let signer = crate::support::token::Signer::with_key("the-key-in-the-state-directory-0");
    assert!(signer.read(&cookie.value).is_some(), "{out}");
}

/// An administrator's file may be anybody's to read, and linked to.
#[test]
fn configuration_may_be_shared() {
    let file = StateDir::new();
    let path = file.write("site.toml", "SESSION_COOKIE_NAME = \"named\"\n", 0o644);
    let link: PathBuf = file.path().join("link.toml");
    std::os::unix::fs::symlink(&path, &link).expect("symlink");
    for path in [path, link] {
        let request = login().var("SIGNET_CONFIG", &path);
        assert_eq!(cookie_name("shared", request), "named");
    }
}
