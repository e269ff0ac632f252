//! A page as a response: the built-in page, or the site's own.

use http::StatusCode;
use http::header::{self, HeaderValue};
use minijinja::context;

use super::own_texts::OwnTexts;
use super::page::Page;
use crate::server::{Context, Error, Response, html, keep_out_of_caches, render_own};

/// The Content-Security-Policy of the built-in pages, with the hashes of the one
/// style and the one script that they have; a test compares them.
///
/// The script empties a page when the visitor leaves it, and reloads it when the
/// browser shows it from memory again: Chromium does that after a logout, in spite of
/// `no-store`. The other way to prevent it, `Clear-Site-Data: "cache"`, takes Chromium
/// seconds. Images are allowed because browsers request `/favicon.ico` for every page.
pub(super) const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-ZMnM7KJx7AvhuFbLXA0Z28VHu1wYLH/jeHmgsElZ8r8='; \
    script-src 'sha256-8CLzpC/2sUGq60fViJmXWwCHW3y3PRvYjIZyIGDpzOA='; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// As [`POLICY`], of the list of files, which has more styles.
const LISTING_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-VKllZimVIHSTHvC9W7iEQUmPjiY0Or30kOuhLI+KJeg='; \
    script-src 'sha256-8CLzpC/2sUGq60fViJmXWwCHW3y3PRvYjIZyIGDpzOA='; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// As [`POLICY`], of the list of sessions, which has more styles, too.
const SESSIONS_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-yg4CxNoMH4p07KVSMV78Ws1XLiEHANRTY/GZCzG7s/0='; \
    script-src 'sha256-8CLzpC/2sUGq60fViJmXWwCHW3y3PRvYjIZyIGDpzOA='; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The Content-Security-Policy of a built-in page.
pub(super) fn policy_of(file: &str) -> HeaderValue {
    match file {
        "listing.html" => const { HeaderValue::from_static(LISTING_POLICY) },
        "sessions.html" => const { HeaderValue::from_static(SESSIONS_POLICY) },
        _ => const { HeaderValue::from_static(POLICY) },
    }
}

/// The policy of a site's own pages: the site's own files, inline styles, and
/// the one inline script in `base.html`.
pub(super) const SITE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    script-src 'self' 'sha256-8CLzpC/2sUGq60fViJmXWwCHW3y3PRvYjIZyIGDpzOA='; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// The page as a response: the site's own if there is one.
///
/// # Errors
///
/// The site's own page cannot be rendered, or its own texts are wrong. The built-in page is not used instead, so that
/// the owner sees the mistake.
pub(super) fn response(page: &dyn Page, context: &Context) -> Result<Response, Error> {
    let variables = || {
        let texts = OwnTexts::load(context, context.language())?;
        Ok(context! { ..page.variables(context), ..texts.variables() })
    };
    if let Some(document) = render_own(context, page.file(), variables)? {
        let policy = const { HeaderValue::from_static(SITE_POLICY) };
        return Ok(with_policy(document, policy));
    }
    Ok(built_in_response(page, context))
}

/// As [`response`], with this status.
pub(super) fn response_with(
    status: StatusCode,
    page: &dyn Page,
    context: &Context,
) -> Result<Response, Error> {
    let mut response = response(page, context)?;
    *response.status_mut() = status;
    Ok(response)
}

/// The built-in page as a response.
pub(super) fn built_in_response(page: &dyn Page, context: &Context) -> Response {
    let policy = policy_of(page.file());
    with_policy(page.built_in(context), policy)
}

fn with_policy(document: String, policy: HeaderValue) -> Response {
    let mut response = html(document);
    // Each page shows who is logged in, or is a part of a login or logout: no cache may
    // send it to another visitor.
    keep_out_of_caches(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
