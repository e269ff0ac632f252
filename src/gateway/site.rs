//! The host and port of the site, as visitors see them.

use std::borrow::Cow;

use super::MetaVariables;

/// `TRUST_PROXY`: which header fields of a proxy are used. A client can send them too,
/// and a proxy that does not set them passes them on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TrustProxy {
    /// No field.
    #[default]
    Off,
    /// `X-Forwarded-Host`, `X-Forwarded-Port` and `X-Forwarded-Proto`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The site as visitors see it, from the fields of the trusted proxy, otherwise from the
/// web server's variables.
#[derive(Debug)]
pub(crate) struct Site<'v> {
    /// Whether the visitor's connection is HTTPS.
    pub(crate) is_https: bool,
    /// Its host, and perhaps its port (RFC 9110, 7.2).
    pub(crate) host: Cow<'v, [u8]>,
    /// The header field with the host.
    pub(crate) field: &'static str,
    /// The value of `X-Forwarded-Port`.
    pub(crate) port: Option<u16>,
    /// Whether `host` was read from `Host`, whose port may be that of the server behind
    /// the proxy.
    pub(crate) is_inner: bool,
}

/// The values that the nearest proxy sent.
#[derive(Debug, Default, Eq, PartialEq)]
struct Told<'v> {
    proto: Option<Cow<'v, [u8]>>,
    host: Option<Cow<'v, [u8]>>,
    port: Option<u16>,
}

impl<'v> Site<'v> {
    /// The site that the request `vars` is for.
    pub(crate) fn new(vars: &'v MetaVariables, trust: TrustProxy) -> Self {
        let (told, field) = match trust {
            TrustProxy::Off => (Told::default(), ""),
            TrustProxy::XForwarded => (Told::x_forwarded(vars), "X-Forwarded-Host"),
            TrustProxy::Forwarded => {
                let told = vars.get("HTTP_FORWARDED").and_then(last_element);
                (told.unwrap_or_default(), "Forwarded")
            }
        };
        let is_https = match told.proto {
            Some(proto) => proto.eq_ignore_ascii_case(b"https"),
            None => vars.is_https(),
        };
        let is_inner = told.host.is_none();
        let (host, field) = match told.host {
            Some(host) => (host, field),
            None => (vars.get("HTTP_HOST").unwrap_or_default().into(), "Host"),
        };
        Self {
            is_https,
            host,
            field,
            port: told.port,
            is_inner,
        }
    }
}

/// A host and perhaps a port (RFC 3986, 3.2.2 and 3.2.3).
pub(crate) struct Authority<'a> {
    pub(crate) host: &'a [u8],
    pub(crate) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// `None` if it has a character that no host has, or a port that is not a
    /// number of 16 bits.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
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
    /// A chain of proxies appends; the nearest one is last.
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

#[cfg(test)]
mod tests {
    use super::*;

    const X_PROTO: &str = "HTTP_X_FORWARDED_PROTO";
    const FORWARDED: &str = "HTTP_FORWARDED";

    type Vars<'t> = &'t [(&'t str, &'t str)];

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
            let seen = modes.map(|trust| Site::new(&vars, trust).is_https);
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
