//! Whether a request came from one of the site's own pages.

use crate::gateway::{Authority, MetaVariables, Site, TrustProxy};

/// Another site's page made the browser send the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CrossOrigin {
    /// `Sec-Fetch-Site` says so.
    Told(String),
    /// `Origin` is not the site's address.
    Differs {
        /// `Origin`, as printable ASCII.
        origin: String,
        /// The site's address, as printable ASCII.
        site: String,
        /// The field that it was read from.
        field: &'static str,
        /// What was believed.
        trust: TrustProxy,
    },
}

error_texts! { CrossOrigin:
    Self::Told(text) => "Sec-Fetch-Site \"{text}\" says that another site's page sent it";
    Self::Differs { origin, site, field, trust } =>
        "Origin \"{origin}\" is not the site's address \"{site}\" ({field}). {}", hint(*trust);
}

/// What to do if the refused address was the site's own.
fn hint(trust: TrustProxy) -> &'static str {
    match trust {
        TrustProxy::Off => {
            "If both are this site, let its proxy pass on Host, or set \
             TRUST_PROXY = true (it sends X-Forwarded-Host) or TRUST_PROXY = \"forwarded\" \
             (it sends Forwarded)"
        }
        TrustProxy::XForwarded => {
            "If both are this site, let its proxy send X-Forwarded-Host: \
             TRUST_PROXY = true"
        }
        TrustProxy::Forwarded => {
            "If both are this site, let its proxy send Forwarded with host=: \
             TRUST_PROXY = \"forwarded\""
        }
    }
}

/// Checks that the site's own page sent the request, or no page did.
///
/// `Sec-Fetch-Site` says it outright; browsers leave it out on plain HTTP, where
/// `Origin` has to be the site's address. A client that sends neither is not a
/// browser, so that no other site can have made it send the visitor's cookie.
///
/// # Errors
///
/// [`CrossOrigin`] if another site's page sent it.
pub(super) fn check_origin(vars: &MetaVariables, trust: TrustProxy) -> Result<(), CrossOrigin> {
    let mut told = vars.all("HTTP_SEC_FETCH_SITE").peekable();
    if told.peek().is_some() {
        return match told.find(|site| !matches!(*site, b"same-origin" | b"none")) {
            None => Ok(()),
            Some(site) => Err(CrossOrigin::Told(printable(site))),
        };
    }
    let site = Site::new(vars, trust);
    let mut origins = vars.all("HTTP_ORIGIN");
    let Some(origin) = origins.find(|origin| !is_own(origin, &site)) else {
        return Ok(());
    };
    let host = printable(&site.host);
    Err(CrossOrigin::Differs {
        origin: printable(origin),
        site: match site.port {
            Some(port) => format!("{host}, port {port}"),
            None => host,
        },
        field: site.field,
        trust,
    })
}

/// Whether the origin (RFC 6454, 6.2) is that of `site`.
fn is_own(origin: &[u8], site: &Site<'_>) -> bool {
    let (default, authority) = match origin.strip_prefix(b"http://") {
        Some(rest) => (80, rest),
        None => match origin.strip_prefix(b"https://") {
            Some(rest) => (443, rest),
            None => return false,
        },
    };
    let (Some(origin), Some(host)) = (Authority::parse(authority), Authority::parse(&site.host))
    else {
        return false;
    };
    let wanted = origin.port.unwrap_or(default);
    // The server need not know whether the visitor's connection is HTTPS.
    let fits = |port: Option<u16>| {
        port == Some(wanted) || wanted == default && port.is_none_or(is_default)
    };
    let same_port = match host.port {
        // Some proxies pass on the visitor's port there, some their own.
        Some(port) if !is_default(port) => {
            fits(Some(port)) || site.is_inner && site.port.is_some() && fits(site.port)
        }
        port => fits(site.port.or(port)),
    };
    same_port && origin.host.eq_ignore_ascii_case(host.host)
}

/// The default ports of HTTP and HTTPS.
fn is_default(port: u16) -> bool {
    matches!(port, 80 | 443)
}

/// What a client sent, for the log: printable ASCII, not too long.
fn printable(bytes: &[u8]) -> String {
    const MAX: usize = 200;
    let start = &bytes[..bytes.len().min(MAX)];
    let more = if bytes.len() > MAX { "..." } else { "" };
    format!("{}{more}", start.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "HTTP_HOST";
    const ORIGIN: &str = "HTTP_ORIGIN";
    const X_HOST: &str = "HTTP_X_FORWARDED_HOST";
    const X_PORT: &str = "HTTP_X_FORWARDED_PORT";
    const X_PROTO: &str = "HTTP_X_FORWARDED_PROTO";
    const FORWARDED: &str = "HTTP_FORWARDED";

    type Vars<'t> = &'t [(&'t str, &'t str)];

    fn is_own(origin: &str, vars: Vars<'_>, trust: TrustProxy) -> bool {
        let more = [(ORIGIN, origin)];
        let vars: MetaVariables = vars.iter().chain(&more).copied().collect();
        check_origin(&vars, trust).is_ok()
    }

    #[test]
    fn a_default_port_makes_no_difference() {
        #[rustfmt::skip]
        let cases = [
            ("http://h",          "h",            true),
            ("http://h",          "h:80",         true),
            ("http://h:80",       "h",            true),
            ("https://h",         "h",            true),
            ("https://h",         "h:80",         true),
            ("https://h",         "h:443",        true),
            ("https://h:443",     "h:80",         true),
            ("http://h",          "h:443",        true),
            ("http://h:8080",     "h:8080",       true),
            ("http://h:443",      "h:443",        true),
            ("http://H",          "h:",           true),
            ("http://[::1]",      "[::1]:80",     true),
            ("http://[::1]:8080", "[::1]:8080",   true),
            ("http://h:8080",     "h",            false),
            ("http://h:443",      "h",            false),
            ("https://h:80",      "h",            false),
            ("http://h",          "h:8080",       false),
            ("http://h:80800",    "h:80800",      false),
            ("http://h:+80",      "h",            false),
            ("http://[::1",       "[::1",         false),
            ("http://[::1]:80",   "[::2]:80",     false),
            ("http://a@h",        "h",            false),
            ("http://h",          "a@h",          false),
            ("http://h/",         "h",            false),
            ("ftp://h",           "h",            false),
            ("null",              "null",         false),
            ("http://",           "",             false),
        ];
        for (origin, host, want) in cases {
            let outcome = is_own(origin, &[(HOST, host)], TrustProxy::Off);
            assert_eq!(outcome, want, "{origin} at {host}");
        }
    }

    /// RFC 3875, 4.1: a variable that is empty is unset.
    #[test]
    fn empty_header_fields_say_nothing() {
        const SITE: &str = "HTTP_SEC_FETCH_SITE";
        #[rustfmt::skip]
        let cases: [(Vars<'_>, bool); 8] = [
            (&[(ORIGIN, "")],                               true),
            (&[(ORIGIN, ""), (ORIGIN, "http://h")],         true),
            (&[(ORIGIN, ""), (ORIGIN, "http://evil")],      false),
            (&[(SITE, "")],                                 true),
            (&[(SITE, ""), (ORIGIN, "http://h")],           true),
            (&[(SITE, ""), (ORIGIN, "http://evil")],        false),
            (&[(SITE, ""), (SITE, "none"), (ORIGIN, "")],   true),
            (&[(SITE, ""), (SITE, "cross-site")],           false),
        ];
        for (vars, want) in cases {
            let vars = vars.iter().chain(&[(HOST, "h")]).copied().collect();
            let outcome = check_origin(&vars, TrustProxy::Off);
            assert_eq!(outcome.is_ok(), want, "{vars:?}");
        }
    }

    #[test]
    fn what_the_nearest_proxy_says_counts_only_where_it_is_trusted() {
        const INSIDE: (&str, &str) = (HOST, "127.0.0.1:8080");
        #[rustfmt::skip]
        let cases: [(&str, Vars<'_>, [bool; 3]); 18] = [
            // Origin             more than Host                                  off, true, "forwarded"
            ("http://e",          &[],                                            [false, false, false]),
            ("http://e",          &[(X_HOST, "e")],                               [false, true, false]),
            ("http://e",          &[(X_HOST, "evil, e")],                         [false, true, false]),
            ("http://evil",       &[(X_HOST, "evil, e")],                         [false, false, false]),
            ("https://e",         &[(X_HOST, "e:80"), (X_PROTO, "https")],        [false, true, false]),
            ("http://e:8443",     &[(X_HOST, "e"), (X_PORT, "1, 8443")],          [false, true, false]),
            ("http://e",          &[(X_HOST, "e"), (X_PORT, "8443")],             [false, false, false]),
            ("http://e:8443",     &[(X_HOST, "e:8443"), (X_PORT, "80")],          [false, true, false]),
            ("http://e",          &[(X_HOST, "e"), (X_PORT, "80")],               [false, true, false]),
            ("https://127.0.0.1", &[(X_PORT, "443"), (X_PROTO, "https")],         [false, true, false]),
            ("https://127.0.0.1:8443", &[(X_PORT, "8443")],                       [false, true, false]),
            ("https://127.0.0.1:8080", &[(X_PORT, "443"), (X_PROTO, "https")],    [true, true, true]),
            ("https://127.0.0.1:81", &[(X_PORT, "443"), (X_PROTO, "https")],      [false, false, false]),
            ("http://127.0.0.1:8080", &[(X_HOST, "")],                            [true, true, true]),
            ("http://e",          &[(FORWARDED, "host=e")],                       [false, false, true]),
            ("http://e:81",       &[(FORWARDED, "for=x;host=evil, host=\"e:81\"")], [false, false, true]),
            ("http://evil",       &[(FORWARDED, "for=x;host=evil, for=y")],       [false, false, false]),
            ("http://[::1]:81",   &[(FORWARDED, "host=\"[::1]:81\";for=_x")],     [false, false, true]),
        ];
        for (origin, more, want) in cases {
            let vars: Vec<_> = [INSIDE].into_iter().chain(more.iter().copied()).collect();
            let modes = [
                TrustProxy::Off,
                TrustProxy::XForwarded,
                TrustProxy::Forwarded,
            ];
            let seen = modes.map(|trust| is_own(origin, &vars, trust));
            assert_eq!(seen, want, "{origin} {more:?}");
        }
    }
}
