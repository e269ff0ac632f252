//! The attributes of the session cookie: from the settings, from the mount and
//! from how the request came in, the same for setting and deleting.

use sha2::{Digest, Sha256};

use crate::support::invariants::{COOKIE, NOTHING, assert_holds, checked};
use crate::support::response::SetCookie;
use crate::support::token::{Signer, encode};
use crate::support::{Cgi, StateDir, now};

/// Names and values of variables.
type Vars = &'static [(&'static str, &'static str)];

/// The cookie of a login under these variables.
#[track_caller]
fn login(name: &str, vars: &[(&str, &str)]) -> SetCookie {
    let response = checked(
        name,
        Cgi::post("/login", "username=admin").vars(vars),
        COOKIE,
    );
    assert_eq!(response.status, 303, "{name}: {}", response.words());
    response
        .cookies()
        .pop()
        .unwrap_or_else(|| panic!("{name}: no cookie"))
}

/// The attributes as text, sorted; those that only say how long left out.
fn attributes(cookie: &SetCookie) -> String {
    let mut texts: Vec<String> = cookie
        .attributes
        .iter()
        .filter(|(name, _)| name != "Expires" && name != "Max-Age")
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
        .collect();
    texts.sort();
    texts.join("; ")
}

#[rustfmt::skip]
const ATTRIBUTES: [(&str, Vars, &str); 20] = [
    ("as it comes",     &[], "HttpOnly; Path=/app; SameSite=Lax"),
    ("https",           &[("HTTPS", "on")], "HttpOnly; Path=/app; SameSite=Lax; Secure"),
    ("domain",          &[("SIGNET_SESSION_COOKIE_DOMAIN", "example.org")],
                        "Domain=example.org; HttpOnly; Path=/app; SameSite=Lax"),
    ("leading dot",     &[("SIGNET_SESSION_COOKIE_DOMAIN", ".example.org")],
                        "Domain=example.org; HttpOnly; Path=/app; SameSite=Lax"),
    ("path",            &[("SIGNET_SESSION_COOKIE_PATH", "/")], "HttpOnly; Path=/; SameSite=Lax"),
    ("application root", &[("SIGNET_APPLICATION_ROOT", "/elsewhere")],
                        "HttpOnly; Path=/elsewhere; SameSite=Lax"),
    ("path before root", &[("SIGNET_APPLICATION_ROOT", "/elsewhere/b"), ("SIGNET_SESSION_COOKIE_PATH", "/elsewhere")],
                        "HttpOnly; Path=/elsewhere; SameSite=Lax"),
    ("not HttpOnly",    &[("SIGNET_SESSION_COOKIE_HTTPONLY", "false")], "Path=/app; SameSite=Lax"),
    ("always Secure",   &[("SIGNET_SESSION_COOKIE_SECURE", "true")],
                        "HttpOnly; Path=/app; SameSite=Lax; Secure"),
    ("never Secure",    &[("SIGNET_SESSION_COOKIE_SECURE", "false"), ("HTTPS", "on")],
                        "HttpOnly; Path=/app; SameSite=Lax"),
    ("strict",          &[("SIGNET_SESSION_COOKIE_SAMESITE", "Strict")],
                        "HttpOnly; Path=/app; SameSite=Strict"),
    ("no SameSite",     &[("SIGNET_SESSION_COOKIE_OMIT_SAMESITE", "true")], "HttpOnly; Path=/app"),
    ("SameSite",        &[("SIGNET_SESSION_COOKIE_OMIT_SAMESITE", "false")],
                        "HttpOnly; Path=/app; SameSite=Lax"),
    ("any case",        &[("SIGNET_SESSION_COOKIE_SAMESITE", "sTRICT")],
                        "HttpOnly; Path=/app; SameSite=Strict"),
    ("HttpOnly prefix", &[("SIGNET_SESSION_COOKIE_NAME", "__Host-Http-s"), ("SIGNET_SESSION_COOKIE_PATH", "/"),
                          ("HTTPS", "on")],
                        "HttpOnly; Path=/; SameSite=Lax; Secure"),
    ("cross-site",      &[("SIGNET_SESSION_COOKIE_SAMESITE", "None"), ("HTTPS", "on")],
                        "HttpOnly; Path=/app; SameSite=None; Secure"),
    ("partitioned",     &[("SIGNET_SESSION_COOKIE_PARTITIONED", "true"), ("HTTPS", "on")],
                        "HttpOnly; Partitioned; Path=/app; SameSite=Lax; Secure"),
    ("the whole host",  &[("SIGNET_SESSION_COOKIE_NAME", "__Host-s"), ("SIGNET_SESSION_COOKIE_PATH", "/"),
                          ("HTTPS", "on")],
                        "HttpOnly; Path=/; SameSite=Lax; Secure"),
    ("secure prefix",   &[("SIGNET_SESSION_COOKIE_NAME", "__Secure-s"), ("HTTPS", "on")],
                        "HttpOnly; Path=/app; SameSite=Lax; Secure"),
    ("root of a site",  &[("SCRIPT_NAME", ""), ("REQUEST_URI", "/login")],
                        "HttpOnly; Path=/; SameSite=Lax"),
];

/// A browser forgets a cookie only if name, path and domain are the same; a
/// prefixed one only if it is Secure, too.
#[test]
fn attributes_follow_settings_and_mount() {
    for (name, vars, want) in ATTRIBUTES {
        let set = login(name, vars);
        assert_eq!(attributes(&set), want, "{name}");
        assert!(
            !set.has("Expires") && !set.has("Max-Age"),
            "{name}: {set:?}"
        );
        let request = Cgi::post("/logout", "").vars(vars);
        let request = match name {
            "root of a site" => request.var("REQUEST_URI", "/logout"),
            _ => request,
        };
        let header = format!("{}={}", set.name, set.value);
        let response = checked(name, request.cookie(header), COOKIE);
        let deleted = response.cookie(&set.name).expect(name);
        assert!(deleted.deletes(), "{name}: {deleted:?}");
        assert_eq!(deleted.attribute("Max-Age"), Some("0"), "{name}");
        assert!(deleted.has("Expires"), "{name}: {deleted:?}");
        assert_eq!(attributes(&deleted), want, "{name}");
    }
}

/// The server's word counts; a header only behind a proxy that is trusted.
#[test]
fn secure_follows_the_request() {
    const TRUST: (&str, &str) = ("SIGNET_TRUST_PROXY", "true");
    const RFC7239: (&str, &str) = ("SIGNET_TRUST_PROXY", "forwarded");
    const FORWARDED: (&str, &str) = ("HTTP_X_FORWARDED_PROTO", "https");
    #[rustfmt::skip]
    let cases: [(&str, Vars, bool); 22] = [
        ("nothing",              &[], false),
        ("on",                   &[("HTTPS", "on")], true),
        ("ON",                   &[("HTTPS", "ON")], true),
        ("On",                   &[("HTTPS", "On")], true),
        ("1",                    &[("HTTPS", "1")], true),
        ("off",                  &[("HTTPS", "off")], false),
        ("OFF",                  &[("HTTPS", "OFF")], false),
        ("0",                    &[("HTTPS", "0")], false),
        ("empty",                &[("HTTPS", "")], false),
        ("scheme",               &[("REQUEST_SCHEME", "https")], true),
        ("http",                 &[("REQUEST_SCHEME", "http")], false),
        ("on, scheme http",      &[("HTTPS", "on"), ("REQUEST_SCHEME", "http")], true),
        ("off, scheme https",    &[("HTTPS", "off"), ("REQUEST_SCHEME", "https")], false),
        ("port 443",             &[("SERVER_PORT", "443")], false),
        ("a visitor's HTTPS",    &[("HTTP_HTTPS", "on")], false),
        ("forwarded, unasked",   &[FORWARDED], false),
        ("forwarded, trusted",   &[FORWARDED, TRUST], true),
        ("forwarded http",       &[("HTTP_X_FORWARDED_PROTO", "http"), TRUST], false),
        ("trust, no header",     &[TRUST], false),
        ("another field",        &[FORWARDED, RFC7239], false),
        ("RFC 7239",             &[("HTTP_FORWARDED", "proto=http, proto=https"), RFC7239], true),
        ("RFC 7239, not asked",  &[("HTTP_FORWARDED", "proto=https"), TRUST], false),
    ];
    for (name, vars, want) in cases {
        assert_eq!(login(name, vars).has("Secure"), want, "{name}");
    }
}

/// What a browser would drop, and every login with it, is refused at start;
/// browsers compare the prefix whatever its case.
#[test]
fn prefixes_have_rules() {
    #[rustfmt::skip]
    let cases = [
        ("__Host-s",   "SIGNET_SESSION_COOKIE_DOMAIN", "example.org"),
        ("__Host-s",   "SIGNET_SESSION_COOKIE_PATH",   "/app"),
        ("__Host-s",   "SIGNET_SESSION_COOKIE_SECURE", "false"),
        ("__host-s",   "SIGNET_SESSION_COOKIE_DOMAIN", "example.org"),
        ("__HOST-S",   "SIGNET_SESSION_COOKIE_PATH",   "/app/"),
        ("__hOsT-s",   "SIGNET_SESSION_COOKIE_SECURE", "false"),
        ("__Secure-s", "SIGNET_SESSION_COOKIE_SECURE", "false"),
        ("__secure-s", "SIGNET_SESSION_COOKIE_SECURE", "false"),
        ("__Http-s",   "SIGNET_SESSION_COOKIE_SECURE", "false"),
        ("__Http-s",   "SIGNET_SESSION_COOKIE_HTTPONLY", "false"),
        ("__hTTP-s",   "SIGNET_SESSION_COOKIE_HTTPONLY", "false"),
        ("__Host-Http-s", "SIGNET_SESSION_COOKIE_HTTPONLY", "false"),
        ("__Host-Http-s", "SIGNET_SESSION_COOKIE_DOMAIN", "example.org"),
    ];
    for (prefixed, setting, value) in cases {
        let name = format!("{prefixed} with {setting}={value}");
        let request = Cgi::post("/login", "username=admin").vars(&[
            ("HTTPS", "on"),
            ("SIGNET_SESSION_COOKIE_NAME", prefixed),
            (setting, value),
        ]);
        let out = request.run();
        assert_eq!(
            assert_holds(&name, &out, NOTHING).status,
            503,
            "{name}: {out}"
        );
        assert!(out.errors().contains("SESSION_COOKIE_"), "{name}: {out}");
    }
    // Whatever plain HTTP leads to, no cookie breaks its own prefix.
    for prefixed in ["__Host-s", "__Secure-s", "__host-s", "__SECURE-s"] {
        let request =
            Cgi::post("/login", "username=admin").var("SIGNET_SESSION_COOKIE_NAME", prefixed);
        for cookie in checked(prefixed, request, COOKIE).cookies() {
            assert!(cookie.has("Secure") && !cookie.has("Domain"), "{cookie:?}");
            let host = prefixed.eq_ignore_ascii_case("__Host-s");
            assert!(!host || cookie.attribute("Path") == Some("/"), "{cookie:?}");
        }
    }
}

/// What no browser accepts or ever sends back, as tried in Chromium 156 (and by
/// RFC 6265bis, 5.5 to 5.7): a login would vanish without a word.
#[test]
fn values_that_no_browser_accepts_are_refused_at_start() {
    let label = format!("{}.example.org", "a".repeat(64));
    let domain = format!("{}example.org", "abcdefg.".repeat(32));
    let path = format!("/{}", "a".repeat(1024));
    let long = "a".repeat(4096);
    #[rustfmt::skip]
    let cases: [(&str, &[&str]); 4] = [
        ("DOMAIN", &["null.", ".", "..", "com", ".com", "intranet", "example.org.", "www..example.org",
            ".example..org", "example.org:80", "http://example.org", "example.org/", "*.example.org",
            "127.0.0.1", "192.0.2.7", "10.1", "example.127", "0x7f.0x1", "::1", "[::1]", "a b.org", "a;b.org",
            "b\u{fc}cher.example", "user@example.org", "a,b.org", "-a.example.org", "a-.example.org", &label, &domain]),
        ("PATH", &["app", "./app", "*", "http://example.org/", "/a;b", "/a b", "/a\tb", "/caf\u{e9}", "/a?b", "/a#b",
            "/a\"b", "/a<b", "/a>b", "/a\\b", "/a^b", "/a`b", "/a{b", "/a}b", "/a|b", "/a/../b", "/..", "/.", "/a/./b",
            "/a/%2e%2E/b", "/.%2e", &path]),
        ("NAME", &["a=b", "a;b", "a b", "a,b", "\"a\"", "a/b", "caf\u{e9}", "a\tb", &long]),
        ("SAMESITE", &["Sometimes", "omit", "unset", "\"Lax\"", "Lax;"]),
    ];
    for (setting, values) in cases {
        for value in values {
            let variable = format!("SIGNET_SESSION_COOKIE_{setting}");
            let name = format!("{variable}={value}");
            let out = Cgi::post("/login", "username=admin")
                .var(&variable, value)
                .run();
            let response = assert_holds(&name, &out, NOTHING);
            assert_eq!(response.status, 503, "{name}: {out}");
            assert!(out.errors().contains(&variable), "{name}: {out}");
            assert!(response.words().contains(&variable), "{name}: {out}");
        }
    }
    let (label, path) = (format!("{}.org", "a".repeat(63)), &path[..1024]);
    #[rustfmt::skip]
    let cases: [(&str, &[&str]); 4] = [
        ("DOMAIN", &["example.org", "EXAMPLE.org", ".example.org", "a_b.example.org", "a-b.example.org", "localhost",
            "xn--bcher-kva.example", "1.2.3.4a", "127.0.0.1.example", &label]),
        ("PATH", &["/", "/app", "/app/"]),
        ("NAME", &["session", "__Host", "!#$%&'*+-.^_`|~"]),
        ("SAMESITE", &["Lax", "lax", "STRICT", "none"]),
    ];
    for (setting, values) in cases {
        for value in values {
            let variable = format!("SIGNET_SESSION_COOKIE_{setting}");
            let cookie = login(value, &[(&variable, value)]);
            let sent = match setting {
                "DOMAIN" => cookie.attribute("Domain").map(str::to_owned),
                "PATH" => cookie.attribute("Path").map(str::to_owned),
                "NAME" => Some(cookie.name),
                _ => cookie.attribute("SameSite").map(str::to_ascii_lowercase),
            };
            let want = match setting {
                "SAMESITE" => value.to_ascii_lowercase(),
                _ => value.trim_start_matches('.').to_owned(),
            };
            assert_eq!(sent, Some(want), "{variable}={value}");
        }
    }
    // Nobody can log in here by these, but they are paths.
    #[rustfmt::skip]
    let elsewhere = ["/%61pp", "/a'b", "/a,b", "/a[b]", "/a~b", "/~ada/", "/a:b@c", "/...", "/.well-known",
        "/%2e%2e%2e", path];
    for path in elsewhere {
        let out = Cgi::get("/").var("SIGNET_SESSION_COOKIE_PATH", path).run();
        assert_eq!(out.response().status, 200, "{path}: {out}");
    }
}

/// Flask's file has no other way to say "none", as TOML has no null.
#[test]
fn an_empty_domain_or_path_in_the_file_is_the_default() {
    let state = StateDir::new();
    let toml = "SESSION_COOKIE_DOMAIN = \"\"\nSESSION_COOKIE_PATH = \"\"\n";
    state.write("signet.toml", toml, 0o600);
    let request = Cgi::post("/login", "username=admin").state(&state);
    let cookie = checked("empty", request, COOKIE).cookies().pop();
    assert_eq!(
        attributes(&cookie.expect("a cookie")),
        "HttpOnly; Path=/app; SameSite=Lax"
    );
}

/// Flask's own default, which its file says by leaving the setting out: so the
/// other way has a name of its own, which Flask passes over.
#[test]
fn no_same_site_excludes_a_value_for_it() {
    const OMIT: (&str, &str) = ("SIGNET_SESSION_COOKIE_OMIT_SAMESITE", "true");
    let request = |vars: &[(&str, &str)]| Cgi::post("/login", "username=a").vars(vars).run();
    let out = request(&[OMIT, ("SIGNET_SESSION_COOKIE_SAMESITE", "Lax")]);
    assert_eq!(assert_holds("both", &out, NOTHING).status, 503, "{out}");
    assert!(out.errors().contains("SESSION_COOKIE_SAMESITE"), "{out}");
    let out = request(&[OMIT, ("SIGNET_SESSION_COOKIE_SAMESITE", "null")]);
    let response = assert_holds("null", &out, COOKIE);
    assert!(!response.cookies()[0].has("SameSite"), "{out}");
}

/// MAX_COOKIE_SIZE counts the whole header value, as Werkzeug does: what is
/// exactly as long is sent. The oracle knows the length beforehand.
#[test]
fn cookie_of_exactly_the_size() {
    let json = format!(
        r#"{{"_demo":"admin","_started":{},"username":"admin"}}"#,
        now()
    );
    let token = Signer::default().token(json, now());
    let size = format!("session={token}; HttpOnly; Path=/app; SameSite=Lax").len();
    for (limit, fits) in [(size + 1, true), (size, true), (size - 1, false)] {
        let request =
            Cgi::post("/login", "username=admin").var("SIGNET_MAX_COOKIE_SIZE", limit.to_string());
        if fits {
            let response = checked("fits", request, COOKIE);
            assert_eq!(
                (response.status, response.cookies().len()),
                (303, 1),
                "{limit}"
            );
        } else {
            assert_too_large(request, size, limit);
        }
    }
}

/// The same at the limit that holds unless set, 4093 bytes, whatever deflate
/// made of the payload: the cookie's name fills up the rest.
#[test]
fn cookie_of_4093_bytes() {
    // Hashes, so that deflate finds little to save.
    let hashes = (0..75_u8).flat_map(|i| Sha256::digest([i]));
    let filler = encode(hashes.collect::<Vec<u8>>());
    let json = format!(r#"{{"filler":"{filler}","username":"alice"}}"#);
    let request = |name: &str| {
        let header = format!("{name}={}", Signer::default().token(&json, now()));
        Cgi::post("/login", "username=admin")
            .var("SIGNET_SESSION_COOKIE_NAME", name)
            .cookie(header)
    };
    let response = checked("short name", request("s"), COOKIE);
    let line = response.header("Set-Cookie").expect("a cookie");
    assert!(
        line.len() > 3100 && line.len() < 4093,
        "{} bytes",
        line.len()
    );
    let longest = "s".repeat(4093 - line.len() + 1);
    let out = request(&longest).run();
    let lines = out.stdout.split(|&byte| byte == b'\n');
    let line = lines
        .filter_map(|line| line.strip_prefix(b"Set-Cookie: "))
        .next();
    assert_eq!(line.expect("a cookie").trim_ascii().len(), 4093, "{out}");
    assert_too_large(request(&format!("s{longest}")), 4094, 4093);
}

/// Nothing is lost: no cookie is sent, so the browser keeps the old one; the
/// page owns up and stderr has both sizes.
#[track_caller]
fn assert_too_large(request: Cgi, size: usize, limit: usize) {
    let out = request.run();
    let response = assert_holds("too large", &out, NOTHING);
    assert!(response.status >= 400, "{out}");
    assert!(response.words().contains("cookie"), "{}", response.words());
    for number in [size, limit] {
        assert!(
            out.errors().contains(&number.to_string()),
            "{number}: {out}"
        );
    }
}

/// Browsers drop such a cookie (RFC 6265, 5.3): the log says why no login lasts.
#[test]
fn a_path_of_another_site_is_logged() {
    #[rustfmt::skip]
    let cases = [
        // setting    script       fits
        ("/",         "",          true),
        ("/",         "/app",      true),
        ("/app",      "/app",      true),
        ("/app/",     "/app",      true),
        ("/a",        "/a/b",      true),
        ("/ap",       "/app",      false),
        ("/app/x",    "/app",      false),
        ("/wrong",    "",          false),
        ("/App",      "/app",      false),
    ];
    for (path, script, fits) in cases {
        let log = Cgi::post("/login", "username=ada")
            .var("SCRIPT_NAME", script)
            .var("REQUEST_URI", format!("{script}/login"))
            .var("SIGNET_SESSION_COOKIE_PATH", path)
            .run()
            .errors();
        let wanted = format!("SESSION_COOKIE_PATH {path} does not fit");
        assert_eq!(log.contains(&wanted), !fits, "{path} at {script}: {log}");
        assert_eq!(log.is_empty(), fits, "{path} at {script}: {log}");
    }
}

/// Other pages are shown.
#[test]
fn a_program_of_its_own_logs_it_with_each_cookie() {
    let server = signet::Server::named("counter").get("/", |_, session| {
        session.insert("visits", 1);
        "1"
    });
    let mut client = signet::testing::Client::new(&server).setting("SESSION_COOKIE_PATH", "/app");
    let response = client.get("/");
    assert_eq!(response.status, 200);
    let said = "counter: SESSION_COOKIE_PATH /app does not fit the path of this site \"/\"";
    assert!(response.log.starts_with(said), "{}", response.log);
}

#[test]
fn a_domain_of_another_site_is_logged() {
    #[rustfmt::skip]
    let cases = [
        ("example.org",     "example.org",          true),
        ("example.org",     "www.Example.ORG:8080", true),
        (".example.org",    "example.org:80",       true),
        ("example.org",     "notexample.org",       false),
        ("www.example.org", "example.org",          false),
        ("other.net",       "example.org",          false),
        ("example.org",     "127.0.0.1",            false),
        ("localhost",       "[::1]:80",             false),
    ];
    for (domain, host, fits) in cases {
        let request = |target| {
            Cgi::post(target, "username=ada")
                .var("SIGNET_SESSION_COOKIE_DOMAIN", domain)
                .var("HTTP_HOST", host)
        };
        let log = request("/login").run().errors();
        let wanted = format!(
            "SESSION_COOKIE_DOMAIN {} does not fit",
            domain.trim_start_matches('.')
        );
        assert_eq!(log.contains(&wanted), !fits, "{domain} at {host}: {log}");
        assert_eq!(log.is_empty(), fits, "{domain} at {host}: {log}");
    }
}
