//! The host and port of the site, as visitors see them.

use std::borrow::Cow;

use super::MetaVariables;
use super::forwarded::{Told, last_element, port_number};

/// `TRUST_PROXY`: which header fields of a proxy are used. A client can send them too,
/// and a proxy that does not set them passes them on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TrustProxy {
    /// No field.
    #[default]
    Off,
    /// `X-Forwarded-For`, `X-Forwarded-Host`, `X-Forwarded-Port` and `X-Forwarded-Proto`.
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
}
