//! The headers that every response has.

use http::header::{self, HeaderName, HeaderValue};

use super::Response;
use super::routes::Methods;
use crate::gateway::{Answer, Body};

/// `Cache-Control` of a page for one visitor. Lynx and ELinks do not know
/// `no-store`, and Lynx finds `no-cache` at the end only.
macro_rules! private {
    () => {
        "no-store, no-cache"
    };
}

/// The response if the error page fails too; its body is part of the head.
pub(super) fn last_resort() -> Answer {
    Answer {
        head: LAST_RESORT.to_vec(),
        body: Body::default(),
    }
}

const LAST_RESORT: &[u8] = concat!(
    "Status: 500 Internal Server Error\r\n",
    "Content-Type: text/html; charset=utf-8\r\n",
    "Cache-Control: ",
    private!(),
    "\r\n",
    "Vary: Cookie\r\n",
    "X-Content-Type-Options: nosniff\r\n",
    "Content-Security-Policy: default-src 'none'; img-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'\r\n\r\n",
    "<!doctype html><html lang=\"en\"><title>Internal Server Error</title>",
    "<p>Something went wrong on this site.</p></html>\n",
)
.as_bytes();

/// Sets `Allow` (RFC 9110, 10.2.1).
pub(super) fn set_allow(response: &mut Response, methods: &Methods) {
    if let Ok(allow) = HeaderValue::try_from(methods.to_string()) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
}

/// Marks a response as made for one visitor.
pub(crate) fn keep_out_of_caches(response: &mut Response) {
    let headers = response.headers_mut();
    let names_cookie = headers.get_all(header::VARY).iter().any(|vary| {
        vary.to_str().is_ok_and(|vary| {
            vary.split(',').any(|name| {
                matches!(name.trim(), "*") || name.trim().eq_ignore_ascii_case("cookie")
            })
        })
    });
    if !names_cookie {
        let cookie = const { HeaderValue::from_static("Cookie") };
        headers.append(header::VARY, cookie);
    }
    let private = const { HeaderValue::from_static(private!()) };
    headers.insert(header::CACHE_CONTROL, private);
}

/// Headers that every response has unless its page set its own.
pub(super) fn protect(response: &mut Response) {
    const OPENER: &str = "cross-origin-opener-policy";
    const NO_FRAMES: &str =
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
    // Constants, because checking each byte of a name or value takes time.
    let same_origin = || const { HeaderValue::from_static("same-origin") };
    let defaults = [
        (
            header::X_CONTENT_TYPE_OPTIONS,
            const { HeaderValue::from_static("nosniff") },
        ),
        // Not no-referrer: with that, browsers send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, same_origin()),
        (
            header::CONTENT_SECURITY_POLICY,
            const { HeaderValue::from_static(NO_FRAMES) },
        ),
        (
            header::X_FRAME_OPTIONS,
            const { HeaderValue::from_static("DENY") },
        ),
        (const { HeaderName::from_static(OPENER) }, same_origin()),
    ];
    let headers = response.headers_mut();
    for (name, value) in defaults {
        headers.entry(name).or_insert(value);
    }
}
