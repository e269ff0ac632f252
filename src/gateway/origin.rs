//! The address by which visitors know the site, and whether a request came from
//! one of its own pages.

use std::borrow::Cow;

use super::MetaVariables;

/// `TRUST_PROXY`: which fields of a proxy are believed. A client can send each
/// of them, and ordinary proxies pass on what they do not know.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TrustProxy {
    /// None.
    #[default]
    Off,
    /// `X-Forwarded-Host`, `X-Forwarded-Port` and `X-Forwarded-Proto`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The site as its visitors see it: what the trusted proxy says, else the
/// server.
#[derive(Debug)]
pub(crate) struct Site<'v> {
    vars: &'v MetaVariables,
    trust: TrustProxy,
    told: Told<'v>,
}

/// What the proxy nearest to us said.
#[derive(Debug, Default, Eq, PartialEq)]
struct Told<'v> {
    proto: Option<Cow<'v, [u8]>>,
    host: Option<Cow<'v, [u8]>>,
    port: Option<u16>,
}

/// Another site's page made the browser send the request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CrossOrigin {
    /// `Sec-Fetch-Site` says so.
    #[error("Sec-Fetch-Site says that another site's page sent it")]
    Told,
    /// `Origin` is not the site's address.
    #[error("Origin \"{origin}\" is not the site's address \"{site}\" ({field}). {}", hint(*trust))]
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

/// What to do if the refused address was the site's own.
fn hint(trust: TrustProxy) -> &'static str {
    match trust {
        TrustProxy::Off => {
            "If both are this site, let the proxy before it pass on Host, or set \
             TRUST_PROXY = true (it sends X-Forwarded-Host) or TRUST_PROXY = \"forwarded\" \
             (it sends Forwarded)"
        }
        TrustProxy::XForwarded => {
            "If both are this site, let the proxy before it send X-Forwarded-Host: \
             TRUST_PROXY = true"
        }
        TrustProxy::Forwarded => {
            "If both are this site, let the proxy before it send Forwarded with host=: \
             TRUST_PROXY = \"forwarded\""
        }
    }
}

impl<'v> Site<'v> {
    /// The site that the request `vars` is for.
    pub(crate) fn new(vars: &'v MetaVariables, trust: TrustProxy) -> Self {
        let told = match trust {
            TrustProxy::Off => Told::default(),
            TrustProxy::XForwarded => Told::x_forwarded(vars),
            TrustProxy::Forwarded => {
                let field = vars.get("HTTP_FORWARDED");
                field.and_then(last_element).unwrap_or_default()
            }
        };
        Self { vars, trust, told }
    }

    /// Whether the visitor's connection is HTTPS.
    pub(crate) fn is_https(&self) -> bool {
        match &self.told.proto {
            Some(proto) => proto.eq_ignore_ascii_case(b"https"),
            None => self.vars.is_https(),
        }
    }

    /// Whether the site's own page sent the request, or no page did.
    ///
    /// `Sec-Fetch-Site` says it outright; browsers leave it out on plain HTTP,
    /// where `Origin` has to be the site's address. A client that sends neither
    /// is no browser, and has no visitor's cookie that it was not given.
    ///
    /// # Errors
    ///
    /// [`CrossOrigin`] if another site's page sent it.
    pub(crate) fn check_origin(&self) -> Result<(), CrossOrigin> {
        let mut told = self.vars.all("HTTP_SEC_FETCH_SITE").peekable();
        if told.peek().is_some() {
            let own = told.all(|site| matches!(site, b"same-origin" | b"none"));
            return if own { Ok(()) } else { Err(CrossOrigin::Told) };
        }
        let (host, field) = self.host();
        match self
            .vars
            .all("HTTP_ORIGIN")
            .find(|origin| !self.is_own(origin, host))
        {
            None => Ok(()),
            Some(origin) => Err(CrossOrigin::Differs {
                origin: printable(origin),
                site: match self.told.port {
                    Some(port) => format!("{}, port {port}", printable(host)),
                    None => printable(host),
                },
                field,
                trust: self.trust,
            }),
        }
    }

    /// The site's host and port, and the field that they were read from.
    fn host(&self) -> (&[u8], &'static str) {
        match (&self.told.host, self.trust) {
            (Some(host), TrustProxy::Forwarded) => (host, "Forwarded"),
            (Some(host), TrustProxy::Off | TrustProxy::XForwarded) => (host, "X-Forwarded-Host"),
            (None, _) => (self.vars.get("HTTP_HOST").unwrap_or_default(), "Host"),
        }
    }

    fn is_own(&self, origin: &[u8], host: &[u8]) -> bool {
        let (default, authority) = match origin.strip_prefix(b"http://") {
            Some(rest) => (80, rest),
            None => match origin.strip_prefix(b"https://") {
                Some(rest) => (443, rest),
                None => return false,
            },
        };
        let (Some(origin), Some(site)) = (Authority::parse(authority), Authority::parse(host))
        else {
            return false;
        };
        let port = match site.port {
            Some(port) if !is_default(port) => Some(port),
            port => self.told.port.or(port),
        };
        let wanted = origin.port.unwrap_or(default);
        // The server need not know whether the visitor's connection is HTTPS.
        let same_port = port == Some(wanted) || wanted == default && port.is_none_or(is_default);
        same_port && origin.host.eq_ignore_ascii_case(site.host)
    }
}

/// The default ports of HTTP and HTTPS.
fn is_default(port: u16) -> bool {
    matches!(port, 80 | 443)
}

/// A host and perhaps a port (RFC 3986, 3.2.2 and 3.2.3).
struct Authority<'a> {
    host: &'a [u8],
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let start = match text.first()? {
            b'[' => text.iter().position(|b| *b == b']')? + 1,
            _ => 0,
        };
        let colon = text[start..].iter().position(|b| *b == b':');
        let end = colon.map_or(text.len(), |at| start + at);
        let (host, port) = (&text[..end], text.get(end + 1..).unwrap_or_default());
        let plain = |b: &u8| b.is_ascii_graphic() && !b"\"#,/<>?@\\".contains(b);
        if host.is_empty() || !host.iter().all(plain) {
            return None;
        }
        let port = match port {
            b"" => None,
            digits => Some(port_number(digits)?),
        };
        Some(Self { host, port })
    }
}

fn port_number(digits: &[u8]) -> Option<u16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl<'v> Told<'v> {
    /// A chain of proxies appends; the one nearest to us is last.
    fn x_forwarded(vars: &'v MetaVariables) -> Self {
        let last = |name| {
            let value = vars.get(name)?.rsplit(|b| *b == b',').next()?.trim_ascii();
            Some(value).filter(|value| !value.is_empty())
        };
        Self {
            proto: last("HTTP_X_FORWARDED_PROTO").map(Cow::Borrowed),
            host: last("HTTP_X_FORWARDED_HOST").map(Cow::Borrowed),
            port: last("HTTP_X_FORWARDED_PORT").and_then(port_number),
        }
    }

    /// Takes a parameter of `Forwarded`; `None` if it was there before.
    fn take(&mut self, name: &[u8], value: Cow<'v, [u8]>) -> Option<()> {
        let slot = if name.eq_ignore_ascii_case(b"proto") {
            &mut self.proto
        } else if name.eq_ignore_ascii_case(b"host") {
            &mut self.host
        } else {
            return Some(());
        };
        slot.replace(value).is_none().then_some(())
    }
}

/// The rightmost element of a `Forwarded` field (RFC 7239, 4). `None` if it has
/// another form: a quote that a client left open could hide where it begins.
fn last_element(field: &[u8]) -> Option<Told<'_>> {
    let mut told = Told::default();
    let mut rest = field.trim_ascii();
    while !rest.is_empty() {
        if !matches!(rest[0], b',' | b';') {
            let equals = rest.iter().position(|b| *b == b'=')?;
            let (name, value) = (&rest[..equals], &rest[equals + 1..]);
            if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
                return None;
            }
            let (value, after) = parameter_value(value)?;
            told.take(name, value)?;
            rest = after.trim_ascii_start();
        }
        match rest.first() {
            None => {}
            Some(b';') => rest = rest[1..].trim_ascii_start(),
            Some(b',') => {
                rest = rest[1..].trim_ascii_start();
                told = Told::default();
            }
            Some(_) => return None,
        }
    }
    Some(told)
}

/// A parameter's value and what follows it. `host=example.org:81` should be
/// quoted, but is not by every proxy.
fn parameter_value(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|b| b",; \t\"".contains(b));
        let (value, after) = text.split_at(end.unwrap_or(text.len()));
        return Some((Cow::Borrowed(value), after)).filter(|(value, _)| !value.is_empty());
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((Cow::Owned(value), &quoted[at + 1..])),
            b'\\' => value.push(bytes.next()?.1),
            byte => value.push(byte),
        }
    }
    None
}

/// RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
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
        Site::new(&vars, trust).check_origin().is_ok()
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

    #[test]
    fn what_the_nearest_proxy_says_counts_only_where_it_is_trusted() {
        const INSIDE: (&str, &str) = (HOST, "127.0.0.1:8080");
        #[rustfmt::skip]
        let cases: [(&str, Vars<'_>, [bool; 3]); 14] = [
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

    #[test]
    fn https_is_believed_from_a_trusted_proxy() {
        #[rustfmt::skip]
        let cases: [(Vars<'_>, [bool; 3]); 9] = [
            // variables                                           off, true, "forwarded"
            (&[("HTTPS", "on")],                                   [true, true, true]),
            (&[(X_PROTO, "https")],                                [false, true, false]),
            (&[(X_PROTO, "https, http")],                          [false, false, false]),
            (&[(X_PROTO, "http, HTTPS")],                          [false, true, false]),
            (&[(X_PROTO, "http"), ("HTTPS", "on")],                [true, false, true]),
            (&[(X_PROTO, "https"), (X_PROTO, "http")],             [false, false, false]),
            (&[(FORWARDED, "proto=http, proto=https")],            [false, false, true]),
            (&[(FORWARDED, "proto=http"), ("HTTPS", "on")],        [true, true, false]),
            (&[(FORWARDED, "for=\"x, proto=https")],                [false, false, false]),
        ];
        for (vars, want) in cases {
            let vars: MetaVariables = vars.iter().copied().collect();
            let modes = [
                TrustProxy::Off,
                TrustProxy::XForwarded,
                TrustProxy::Forwarded,
            ];
            let seen = modes.map(|trust| Site::new(&vars, trust).is_https());
            assert_eq!(seen, want, "{vars:?}");
        }
    }

    /// The examples of RFC 7239, and fields that are none.
    #[test]
    fn the_rightmost_element_of_forwarded() {
        type Want<'t> = Option<(Option<&'t str>, Option<&'t str>)>;
        #[rustfmt::skip]
        let cases: [(&str, Want<'_>); 25] = [
            // field                                                          proto, host
            ("for=\"_gazonk\"",                                               Some((None, None))),
            ("For=\"[2001:db8:cafe::17]:4711\"",                              Some((None, None))),
            ("for=192.0.2.60;proto=http;by=203.0.113.43",                     Some((Some("http"), None))),
            ("for=192.0.2.43, for=198.51.100.17",                             Some((None, None))),
            ("for=12.34.56.78;host=example.com;proto=https, for=23.45.67.89", Some((None, None))),
            ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",        Some((None, None))),
            ("for=_hidden, for=_SEVKISEK;host=a;PROTO=https",                 Some((Some("https"), Some("a")))),
            ("host=a;proto=http , host=\"b:81\" ; proto=https",               Some((Some("https"), Some("b:81")))),
            ("host=\"a\\b\\\"c\"",                                            Some((None, Some("ab\"c")))),
            ("for=\"a, host=x;\";host=b",                                     Some((None, Some("b")))),
            ("host=b:81;proto=http",                                          Some((Some("http"), Some("b:81")))),
            ("host=a,",                                                       Some((None, None))),
            (",,host=a",                                                      Some((None, Some("a")))),
            (";host=a;",                                                      Some((None, Some("a")))),
            ("",                                                              Some((None, None))),
            // What a client may leave open or break before a proxy's element.
            ("for=\"x, for=1.2.3.4;host=a",                                    None),
            ("for=\"x, for=\"[::1]\";host=a",                                  None),
            ("for=\"x\\",                                                      None),
            ("for, host=a",                                                   None),
            ("=x, host=a",                                                    None),
            ("host=, host=a",                                                 None),
            ("fo r=x, host=a",                                                None),
            ("host=a host=b",                                                 None),
            ("host=a;Host=b",                                                 None),
            ("host=\"a\"b",                                                   None),
        ];
        for (field, want) in cases {
            let told = last_element(field.as_bytes());
            let text = |value: &Option<Cow<'_, [u8]>>| {
                let value = value.as_deref()?;
                Some(String::from_utf8(value.to_vec()).unwrap())
            };
            let seen = told.map(|told| (text(&told.proto), text(&told.host)));
            let want = want.map(|(p, h)| (p.map(str::to_owned), h.map(str::to_owned)));
            assert_eq!(seen, want, "{field}");
        }
    }
}
