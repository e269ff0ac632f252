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

/// The mark of a response that is a file, in its extensions.
#[derive(Clone, Copy, Debug)]
struct OfFile;

/// Marks a response as a file for one visitor, whose browser may store it and asks again
/// before each use. It gets none of the policies for pages.
///
/// The mark counts only as long as the body is a file or empty: a page that is made of
/// such a response is a page.
#[cfg(feature = "users")]
pub(crate) fn mark_as_file(response: &mut Response) {
    response.extensions_mut().insert(OfFile);
}

fn is_file(response: &Response) -> bool {
    let is_marked = response.extensions().get::<OfFile>().is_some();
    let has_text = matches!(response.body(), Body::Bytes(bytes) if !bytes.is_empty());
    is_marked && !has_text
}

/// Marks a response as made for one visitor. Browsers do not store it, unless it is a
/// file.
pub(crate) fn keep_out_of_caches(response: &mut Response) {
    let control = match is_file(response) {
        true => const { HeaderValue::from_static("private, no-cache") },
        false => const { HeaderValue::from_static(private!()) },
    };
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
    headers.insert(header::CACHE_CONTROL, control);
}

/// Headers that every response has unless its page set its own; those of a file.
pub(super) fn protect(response: &mut Response) {
    let nosniff = const { HeaderValue::from_static("nosniff") };
    if is_file(response) {
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        keep_out_of_caches(response);
        return;
    }
    const OPENER: &str = "cross-origin-opener-policy";
    const NO_FRAMES: &str =
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
    // Constants, because checking each byte of a name or value takes time.
    let same_origin = || const { HeaderValue::from_static("same-origin") };
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, nosniff),
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

#[cfg(all(test, feature = "users"))]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn finished(mut response: Response) -> HeaderMap {
        protect(&mut response);
        keep_out_of_caches(&mut response);
        response.into_parts().0.headers
    }

    #[test]
    fn a_file_has_none_of_the_policies_for_pages() {
        let mut response = Response::default();
        mark_as_file(&mut response);
        let headers = finished(response);
        let mut fields: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        fields.sort_unstable();
        let want = [
            ("cache-control", "private, no-cache"),
            ("vary", "Cookie"),
            ("x-content-type-options", "nosniff"),
        ];
        assert_eq!(fields, want);
    }

    #[test]
    fn a_page_that_was_made_of_a_file_is_a_page() {
        let mut response = Response::default();
        mark_as_file(&mut response);
        let headers = finished(response.map(|_| Body::from("a page")));
        assert_eq!(headers[header::CACHE_CONTROL], private!());
        assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY));
    }
}
