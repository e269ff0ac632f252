//! Reverse proxies before lighttpd: nginx and Apache, by the examples in deploy/README.md
//! and without them.

use super::fastcgi::{start_apache, start_nginx};
use super::site::{Site, User};
use super::{Live, Mount, lighttpd};
use crate::support::http::{self, Reply, Server};
use crate::support::now;

/// The example in deploy/README.md for this proxy, before lighttpd.
fn example(language: &str, behind: &Mount) -> String {
    let readme = include_str!("../../../deploy/README.md");
    let (_, section) = readme.split_once("## Reverse proxies").expect("a section");
    let (_, block) = section
        .split_once(&format!("```{language}\n"))
        .expect("an example");
    let (block, _) = block.split_once("```").expect("its end");
    let inside = "http://127.0.0.1:8080";
    assert!(block.contains(inside), "{block}");
    block.replace(inside, &format!("http://127.0.0.1:{}", behind.port))
}

/// A proxy at work.
struct Proxy {
    port: u16,
    _server: Server,
    _site: Site,
}

impl Proxy {
    fn new(start: impl FnOnce(&Site) -> (Server, u16)) -> Self {
        let site = Site::new();
        for folder in ["run", "htdocs"] {
            site.folder(folder, User::current(), 0o755);
        }
        let (_server, port) = start(&site);
        Self {
            port,
            _server,
            _site: site,
        }
    }

    fn nginx(lines: &str) -> Self {
        Self::new(|site| start_nginx(site, [lines, ""]))
    }

    /// nginx with the README's lines but for Host, as it is by default, and
    /// with `more`.
    fn nginx_with(behind: &Mount, more: &str) -> Self {
        let port = behind.port;
        Self::nginx(&format!(
            "location / {{\nproxy_pass http://127.0.0.1:{port};\n{more}}}\n"
        ))
    }

    /// A login at `http://example.org`, by a browser that sends no
    /// `Sec-Fetch-Site` on plain HTTP.
    fn log_in(&self, headers: &[&str]) -> Reply {
        let form = "username=ada";
        let mut request = "POST /login HTTP/1.1\r\nHost: example.org\r\n".to_owned();
        let length = format!("Content-Length: {}", form.len());
        let always = [
            "Connection: close",
            "Content-Type: application/x-www-form-urlencoded",
            &length,
        ];
        for header in headers.iter().chain(&always) {
            request += &format!("{header}\r\n");
        }
        request += &format!("\r\n{form}");
        http::send(self.port, request.as_bytes(), false).expect("an answer")
    }
}

fn behind() -> Live {
    lighttpd::start("lighttpd.conf", &[""])
}

fn set(live: &Live, settings: &str) {
    live.site
        .file("state/signet.toml", settings, User::current(), 0o600);
}

const ORIGIN: &str = "Origin: http://example.org";
const ELSEWHERE: &str = "Origin: http://evil.example";

/// nginx's `proxy_pass` makes its own Host. That refuses the site's own form,
/// and the log says why; with each way in the README the form is taken, and
/// another site's form is not.
#[test]
#[ignore = "needs lighttpd and nginx: run tests/run"]
fn a_login_behind_nginx_is_taken_as_the_readme_says() {
    let live = behind();
    let mount = &live.mounts[0];
    let bare = Proxy::nginx_with(mount, "");
    let refused = bare.log_in(&[ORIGIN]);
    assert_eq!(refused.status, 403, "{refused:?}");
    let line = mount.said_once("signet: error ");
    let inside = format!("\"127.0.0.1:{}\"", mount.port);
    for words in ["\"http://example.org\"", &inside, "TRUST_PROXY = true"] {
        assert!(line.contains(words), "{words} in {line}");
    }

    let readme = Proxy::nginx(&example("nginx", mount));
    let x_forwarded = Proxy::nginx_with(mount, "proxy_set_header X-Forwarded-Host $host;\n");
    let forwarded = Proxy::nginx_with(
        mount,
        "proxy_set_header Forwarded 'for=\"[::1]\";proto=https;host=\"$host:443\"';\n",
    );
    let https = "Origin: https://example.org";
    type Row<'r> = (&'r str, &'r str, &'r Proxy, &'r [&'r str], u16, bool);
    #[rustfmt::skip]
    let rows: [Row<'_>; 11] = [
        // set-up               settings                      through       headers                                        status, Secure
        ("Host",                "",                           &readme,      &[ORIGIN],                                     303, false),
        ("Host, TLS outside",   "",                           &readme,      &[https],                                      303, false),
        ("Host, elsewhere",     "",                           &readme,      &[ELSEWHERE],                                  403, false),
        ("X-, not trusted",     "",                           &x_forwarded, &[ORIGIN],                                     403, false),
        ("readme, trusted",     "TRUST_PROXY = true",         &readme,      &[ORIGIN],                                     303, false),
        ("a client's own",      "TRUST_PROXY = true",         &readme,      &[ELSEWHERE, "X-Forwarded-Host: evil.example"], 403, false),
        ("a client's port",     "TRUST_PROXY = true",         &readme,      &[ORIGIN, "X-Forwarded-Port: 8443", "X-Forwarded-Proto: https"], 303, false),
        ("X-",                  "TRUST_PROXY = true",         &x_forwarded, &[ORIGIN],                                     303, false),
        ("X-, elsewhere",       "TRUST_PROXY = true",         &x_forwarded, &[ELSEWHERE],                                  403, false),
        ("Forwarded",           "TRUST_PROXY = \"forwarded\"", &forwarded,  &[https],                                      303, true),
        ("Forwarded, elsewhere", "TRUST_PROXY = \"forwarded\"", &forwarded, &[ELSEWHERE, "Forwarded: host=evil.example"],  403, false),
    ];
    for (name, settings, proxy, headers, status, secure) in rows {
        set(&live, settings);
        let answer = proxy.log_in(headers);
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        let cookies = answer.cookies();
        assert_eq!(!cookies.is_empty(), status == 303, "{name}");
        assert_eq!(
            cookies.iter().any(|cookie| cookie.has("Secure")),
            secure,
            "{name}"
        );
    }
    mount.assert_log();
}

/// A page's headers with a cookie of 4 kB are more than nginx's buffer by
/// default, which makes it answer 502.
#[test]
#[ignore = "needs lighttpd and nginx: run tests/run"]
fn a_large_cookie_passes_nginx_as_the_readme_says() {
    let live = behind();
    let mount = &live.mounts[0];
    let proxy = Proxy::nginx(&example("nginx", mount));
    mount.log_in();
    for filling in [3200, 3400] {
        let json = format!("{{\"cart\":\"{}\"}}", noise(filling));
        let cookie = format!("Cookie: session={}", mount.signer().token(json, now()));
        let answer = proxy.log_in(&[ORIGIN, &cookie]);
        assert_eq!(answer.status, 303, "{filling}: {answer:?}");
        let line = answer.header("Set-Cookie").expect("a cookie");
        assert!((3600..4093).contains(&line.len()), "{} bytes", line.len());
    }
}

/// Letters that hardly compress.
pub(super) fn noise(length: usize) -> String {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + (state >> 24) as u8 % 94)
    })
    .filter(|letter| !matches!(letter, '"' | '\\'))
    .take(length)
    .collect()
}

/// Apache appends its own X-Forwarded-Host to a client's.
#[test]
#[ignore = "needs lighttpd and Apache: run tests/run"]
fn a_login_behind_apache_is_taken_as_the_readme_says() {
    let live = behind();
    let mount = &live.mounts[0];
    let modules = ["proxy", "proxy_http", "headers"];
    let lines = example("apache", mount);
    let proxy = Proxy::new(|site| start_apache(site, &modules, &lines));
    for settings in ["", "TRUST_PROXY = true"] {
        set(&live, settings);
        for (headers, status) in [
            (&[ORIGIN][..], 303),
            (
                &["Origin: https://example.org", "X-Forwarded-Port: 8443"],
                303,
            ),
            (&[ELSEWHERE, "X-Forwarded-Host: evil.example"], 403),
        ] {
            let answer = proxy.log_in(headers);
            assert_eq!(answer.status, status, "{settings}, {headers:?}: {answer:?}");
        }
    }
}
