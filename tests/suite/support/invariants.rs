//! What holds for every answer, whatever was asked. Each test of a hostile
//! input ends here, so that one strange row cannot slip past one strange page.

use std::time::Duration;

use super::cgi::Cgi;
use super::output::Output;
use super::response::Response;

/// Text that hostile rows carry about; unescaped it would open a tag.
pub(crate) const MARKER: &str = r#"zq'"><b>&"#;

/// The address space that every hostile row gets along with.
pub(crate) const ADDRESS_SPACE: usize = 64 << 20;

/// What an answer may do beyond answering.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowed {
    /// Set or delete a cookie.
    pub(crate) cookie: bool,
    /// Change the state directory.
    pub(crate) state: bool,
}

/// Nothing beyond answering.
pub(crate) const NOTHING: Allowed = Allowed {
    cookie: false,
    state: false,
};

/// A login, a logout, a message stored or shown.
pub(crate) const COOKIE: Allowed = Allowed {
    cookie: true,
    state: false,
};

/// Makes the request with little memory, asserts that the invariants hold and
/// returns the answer.
#[track_caller]
pub(crate) fn checked(name: &str, cgi: Cgi, allowed: Allowed) -> Response {
    assert_holds(name, &cgi.address_space(ADDRESS_SPACE).run(), allowed)
}

/// Asserts the invariants on `out`, the response to the case `name`, and returns
/// it parsed:
///
/// - exit code 0, no signal, no panic
/// - the head is valid CGI, see [`Response::parse`]
/// - [`MARKER`] is nowhere unescaped
/// - no Set-Cookie unless allowed
/// - the state directory is as it was unless allowed
/// - may not be stored, framed or sniffed, and runs no scripts
/// - under a second (the row itself sets the limit on memory)
/// - no path, key, version or backtrace reaches the visitor
#[track_caller]
pub(crate) fn assert_holds(name: &str, out: &Output, allowed: Allowed) -> Response {
    let errors = out.errors();
    assert_eq!(out.status.code(), Some(0), "{name}: {out}");
    assert!(!errors.contains("panicked"), "{name}: panicked: {out}");
    for line in errors.lines() {
        assert!(line.starts_with("signet: "), "{name}: {line:?} on stderr");
        assert!(
            !line.contains(|letter: char| letter.is_control()),
            "{name}: {line:?} on stderr"
        );
    }
    let response = match Response::parse(&out.stdout) {
        Ok(response) => response,
        Err(why) => panic!("{name}: {why}\n{out}"),
    };
    assert!(!contains(&out.stdout, MARKER), "{name}: unescaped: {out}");
    if !allowed.cookie {
        assert_eq!(response.cookies(), [], "{name}: sets a cookie: {out}");
    }
    if !allowed.state {
        assert_eq!(out.after, out.before, "{name}: the state directory");
    }
    assert_closed(name, &response.headers);
    assert!(
        out.busy < Duration::from_secs(1),
        "{name}: took {:?}",
        out.busy
    );
    let state = out.state.to_string_lossy();
    let secrets = [
        super::KEY,
        env!("CARGO_MANIFEST_DIR"),
        &state,
        env!("CARGO_PKG_VERSION"),
    ];
    let traces = [
        "backtrace",
        ".rs:",
        "/src/",
        "thread 'main'",
        "SIGNET_SECRET_KEY=",
    ];
    for text in secrets.into_iter().chain(traces) {
        assert!(!contains(&out.stdout, text), "{name}: {text} in {out}");
        assert!(
            text != super::KEY || !errors.contains(text),
            "{name}: the key on stderr"
        );
    }
    response
}

/// Asserts the headers of a page that is for one visitor.
#[track_caller]
pub(crate) fn assert_closed(name: &str, headers: &[(String, String)]) {
    let header = |wanted: &str| {
        let field = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        field.map_or_else(String::new, |(_, value)| value.to_ascii_lowercase())
    };
    // Lynx and ELinks know `no-cache` only, Lynx at the end only.
    assert_eq!(
        header("Cache-Control"),
        "no-store, no-cache",
        "{name}: {headers:?}"
    );
    // It takes Chromium seconds where the disk cache is large.
    assert_eq!(header("Clear-Site-Data"), "", "{name}");
    let vary = header("Vary");
    assert!(
        vary.split(',').any(|field| field.trim() == "cookie"),
        "{name}: {headers:?}"
    );
    assert_eq!(header("X-Content-Type-Options"), "nosniff", "{name}");
    assert!(!header("Referrer-Policy").is_empty(), "{name}: {headers:?}");
    let policy = header("Content-Security-Policy");
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    for directive in [
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(directives.contains(&directive), "{name}: {policy}");
    }
    let closed = ["default-src 'none'", "object-src 'none'"];
    assert!(
        closed.iter().any(|one| directives.contains(one)),
        "{name}: {policy}"
    );
    // A site's own page may have styles of its own, and no scripts.
    let mut loads = directives
        .iter()
        .filter(|directive| !directive.starts_with("style-src "));
    assert!(
        !loads.any(|directive| directive.contains("unsafe")),
        "{name}: {policy}"
    );
    assert!(
        header("Access-Control-Allow-Origin").is_empty(),
        "{name}: {headers:?}"
    );
}

fn contains(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}
