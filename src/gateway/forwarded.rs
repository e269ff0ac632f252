//! What the nearest proxy says of a request: `X-Forwarded-*` and `Forwarded` (RFC 7239).

use std::borrow::Cow;

use super::MetaVariables;

/// What the nearest proxy said.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Told<'v> {
    /// The node that the request came from (RFC 7239, 5.2): `for` of `Forwarded`.
    pub(super) client: Option<Cow<'v, [u8]>>,
    pub(super) proto: Option<Cow<'v, [u8]>>,
    pub(super) host: Option<Cow<'v, [u8]>>,
    pub(super) port: Option<u16>,
}

impl<'v> Told<'v> {
    /// A chain of proxies appends; the nearest one is last.
    pub(super) fn x_forwarded(vars: &'v MetaVariables) -> Self {
        let last = |name| {
            let value = vars.get(name)?.rsplit(|b| *b == b',').next()?.trim_ascii();
            Some(value).filter(|value| !value.is_empty())
        };
        Self {
            client: None,
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
        } else if name.eq_ignore_ascii_case(b"for") {
            &mut self.client
        } else {
            return Some(());
        };
        slot.replace(value).is_none().then_some(())
    }
}

/// The rightmost element of a `Forwarded` field (RFC 7239, 4). `None` if it has
/// another form: a quote that a client left open could hide where it begins.
pub(super) fn last_element(field: &[u8]) -> Option<Told<'_>> {
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

pub(super) fn port_number(digits: &[u8]) -> Option<u16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
