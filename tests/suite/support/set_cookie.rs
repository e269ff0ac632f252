//! A Set-Cookie line, read by the grammar for servers, which is narrower than
//! what browsers put up with.

use super::response::is_token;

/// A Set-Cookie line by the grammar for servers (RFC 6265, 4.1.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// In order, as `("Path", Some("/app"))` or `("Secure", None)`.
    pub(crate) attributes: Vec<(String, Option<String>)>,
}

impl SetCookie {
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let mut parts = line.split("; ");
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').ok_or(format!("no value: {line}"))?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("the cookie's name is no token: {line}"));
        }
        let octet =
            |byte| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        if !value.bytes().all(octet) {
            return Err(format!("no cookie-octets: {line}"));
        }
        if name.len() + value.len() > 4096 {
            return Err(format!("a cookie of {} bytes", name.len() + value.len()));
        }
        let mut attributes: Vec<(String, Option<String>)> = Vec::new();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            let known = match name {
                "Domain" | "SameSite" => value.is_some_and(|value| !value.is_empty()),
                "Expires" => value.is_some_and(is_imf_fixdate),
                "Max-Age" => value.is_some_and(|value| value.parse::<i64>().is_ok()),
                "Path" => value.is_some_and(|value| value.starts_with('/') && !value.contains(';')),
                "HttpOnly" | "Partitioned" | "Secure" => value.is_none(),
                _ => false,
            };
            if !known {
                return Err(format!("attribute {part:?} in {line}"));
            }
            if attributes.iter().any(|(earlier, _)| earlier == name) {
                return Err(format!("{name} twice in {line}"));
            }
            attributes.push((name.to_owned(), value.map(str::to_owned)));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
            attributes,
        })
    }

    /// Whether the attribute stands there, with a value or without.
    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.attributes.iter().any(|(name, _)| name == wanted)
    }

    /// An attribute's value.
    pub(crate) fn attribute(&self, wanted: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(name, _)| name == wanted)?
            .1
            .as_deref()
    }

    /// Whether it tells the browser to forget the cookie, in Flask's way or ours.
    pub(crate) fn deletes(&self) -> bool {
        self.value.is_empty()
            && (self.attribute("Max-Age") == Some("0")
                || matches!(
                    self.attribute("Expires"),
                    Some("Thu, 01 Jan 1970 00:00:00 GMT" | "Thu, 01 Jan 1970 00:00:01 GMT")
                ))
    }
}

/// `Thu, 01 Jan 1970 00:00:00 GMT` (RFC 9110, 5.6.7), by its shape.
fn is_imf_fixdate(date: &str) -> bool {
    const SHAPE: &[u8] = b"Aaa, 00 Aaa 0000 00:00:00 GMT";
    date.len() == SHAPE.len()
        && date.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_lowercase(),
            b'A' => byte.is_ascii_uppercase(),
            exact => byte == *exact,
        })
}
