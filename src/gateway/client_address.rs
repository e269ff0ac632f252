//! The IP address of the client, for limits and for the log.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::forwarded::last_element;
use super::{MetaVariables, TrustProxy};

/// Where a request came from, as far as it can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientAddress {
    /// The client's address. An IPv4 address that was written as IPv6
    /// (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) is IPv4.
    Known(IpAddr),
    /// Not known, for this reason.
    Unknown(NoAddress),
}

/// Why the address of a client is not known. The messages are for the owner of the site.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NoAddress {
    /// `REMOTE_ADDR` is unset or has another form, as behind a Unix socket.
    RemoteAddr,
    /// `REMOTE_ADDR` is a loopback address, the request has a header field that proxies add,
    /// and `TRUST_PROXY` is off.
    NotTrusted {
        /// `REMOTE_ADDR`.
        remote: IpAddr,
        /// The field's name.
        field: &'static str,
    },
    /// `TRUST_PROXY` is set, `REMOTE_ADDR` is a loopback address, and the proxy did not send
    /// the field.
    NotSent {
        /// `REMOTE_ADDR`.
        remote: IpAddr,
        /// The field's name.
        field: &'static str,
    },
    /// The proxy hides the address: `unknown` or an identifier such as `_hidden`
    /// (RFC 7239, 6.2 and 6.3).
    Hidden {
        /// The field's name.
        field: &'static str,
    },
    /// The field has another form, or is there several times with different addresses. A
    /// client can cause this if the proxy passes on what the client sent.
    Malformed {
        /// `REMOTE_ADDR`, if it is an address.
        remote: Option<IpAddr>,
        /// The field's name.
        field: &'static str,
    },
}

error_texts! { NoAddress:
    Self::RemoteAddr => "REMOTE_ADDR is not an IP address";
    Self::NotTrusted { remote, field } =>
        "REMOTE_ADDR is {remote}, and the request has {field}: it came through a proxy on this \
         machine. If every request does, let the proxy send X-Forwarded-For and set \
         TRUST_PROXY = true, or let it send Forwarded and set TRUST_PROXY = \"forwarded\"";
    Self::NotSent { remote, field } =>
        "REMOTE_ADDR is {remote}, and the proxy did not send {field}";
    Self::Hidden { field } => "the proxy does not tell the client's address in {field}";
    Self::Malformed { field, .. } =>
        "{field} does not end with one IP address: let the proxy replace what the client sent";
}

/// The fields that proxies add, as variables and by name.
const ADDED: [(&str, &str); 5] = [
    ("HTTP_X_FORWARDED_FOR", "X-Forwarded-For"),
    ("HTTP_FORWARDED", "Forwarded"),
    ("HTTP_X_FORWARDED_HOST", "X-Forwarded-Host"),
    ("HTTP_X_FORWARDED_PROTO", "X-Forwarded-Proto"),
    ("HTTP_X_REAL_IP", "X-Real-IP"),
];

/// What the last entry of a field says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Node {
    Address(IpAddr),
    Hidden,
    Malformed,
}

impl ClientAddress {
    /// The address from which the request `vars` came.
    ///
    /// It is `REMOTE_ADDR` (RFC 3875, 4.1.8), or what the nearest proxy added, if `trust` says
    /// so: the rightmost entry of `X-Forwarded-For`, or `for` in the rightmost element of
    /// `Forwarded` (RFC 7239). A client can write all entries before that one.
    ///
    /// `REMOTE_ADDR` also counts if `trust` is set and the field is missing, because the web
    /// server may have read and removed it (Apache's mod_remoteip).
    pub fn new(vars: &MetaVariables, trust: TrustProxy) -> Self {
        let remote = vars.get("REMOTE_ADDR").and_then(address);
        let (told, field) = match trust {
            TrustProxy::Off => return Self::direct(vars, remote),
            TrustProxy::XForwarded => (
                told(vars, "HTTP_X_FORWARDED_FOR", x_forwarded_for),
                "X-Forwarded-For",
            ),
            TrustProxy::Forwarded => (told(vars, "HTTP_FORWARDED", forwarded), "Forwarded"),
        };
        match (told, remote) {
            (Some(Node::Address(address)), _) => Self::Known(address),
            (Some(Node::Hidden), _) => Self::Unknown(NoAddress::Hidden { field }),
            (Some(Node::Malformed), remote) => {
                Self::Unknown(NoAddress::Malformed { remote, field })
            }
            (None, None) => Self::Unknown(NoAddress::RemoteAddr),
            (None, Some(remote)) if remote.is_loopback() => {
                Self::Unknown(NoAddress::NotSent { remote, field })
            }
            (None, Some(remote)) => Self::Known(remote),
        }
    }

    /// The address without a trusted proxy.
    fn direct(vars: &MetaVariables, remote: Option<IpAddr>) -> Self {
        let Some(remote) = remote else {
            return Self::Unknown(NoAddress::RemoteAddr);
        };
        let mut added = ADDED
            .iter()
            .filter(|(variable, _)| remote.is_loopback() && vars.get(variable).is_some());
        match added.next() {
            Some((_, field)) => Self::Unknown(NoAddress::NotTrusted { remote, field }),
            None => Self::Known(remote),
        }
    }

    /// The address under which limits count a request; `None` if they do not, because all
    /// visitors would have it.
    ///
    /// Requests with a malformed field count as the proxy's: otherwise a client could escape
    /// its limit by sending such a field. Do not log this address as the client's, because
    /// programs such as fail2ban would block the proxy.
    pub fn counts_as(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(address),
            Self::Unknown(NoAddress::Malformed { remote, .. }) => remote,
            Self::Unknown(
                NoAddress::RemoteAddr
                | NoAddress::NotTrusted { .. }
                | NoAddress::NotSent { .. }
                | NoAddress::Hidden { .. },
            ) => None,
        }
    }
}

/// The address, or `unknown`.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(address) => address.fmt(f),
            Self::Unknown(_) => f.write_str("unknown"),
        }
    }
}

/// What all values of the variable say, by `read`; `None` if there are none. lighttpd passes
/// on `X_Forwarded_For` as a second `HTTP_X_FORWARDED_FOR`.
fn told(vars: &MetaVariables, variable: &str, read: fn(&[u8]) -> Node) -> Option<Node> {
    let mut values = vars.all(variable).map(read);
    let first = values.next()?;
    Some(if values.all(|other| other == first) {
        first
    } else {
        Node::Malformed
    })
}

/// The rightmost entry. Squid writes `unknown` in it.
fn x_forwarded_for(value: &[u8]) -> Node {
    let entry = value.rsplit(|byte| *byte == b',').next();
    let entry = entry.unwrap_or_default().trim_ascii();
    // Most proxies write IPv6 addresses without brackets, and no port.
    address(entry).map_or_else(|| node(entry), Node::Address)
}

fn forwarded(value: &[u8]) -> Node {
    match last_element(value) {
        // The proxy adds its element also if it hides the client.
        Some(told) => told.client.map_or(Node::Hidden, |client| node(&client)),
        None => Node::Malformed,
    }
}

/// RFC 7239, section 6: `nodename [ ":" node-port ]`. The port is left out.
fn node(text: &[u8]) -> Node {
    let (name, port) = match text.strip_prefix(b"[") {
        Some(rest) => match rest.iter().position(|byte| *byte == b']') {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => return Node::Malformed,
        },
        None => {
            let colon = text.iter().position(|byte| *byte == b':');
            text.split_at(colon.unwrap_or(text.len()))
        }
    };
    let is_port = |port: &[u8]| match port {
        [b'_', name @ ..] => is_identifier(name),
        digits => matches!(digits.len(), 1..=5) && digits.iter().all(u8::is_ascii_digit),
    };
    if !port.is_empty() && !port.strip_prefix(b":").is_some_and(is_port) {
        return Node::Malformed;
    }
    let is_bracketed = text.starts_with(b"[");
    match name {
        [b'_', name @ ..] if !is_bracketed && is_identifier(name) => Node::Hidden,
        _ if !is_bracketed && name.eq_ignore_ascii_case(b"unknown") => Node::Hidden,
        _ => match address(name) {
            Some(address) if is_bracketed == name.contains(&b':') => Node::Address(address),
            Some(_) | None => Node::Malformed,
        },
    }
}

/// What follows the underscore of an obfuscated identifier (RFC 7239, 6.3).
fn is_identifier(name: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    !name.is_empty() && name.iter().all(is_part)
}

/// An IP address. Apache writes the zone of a link-local one: `fe80::1%eth0` (RFC 4007, 11).
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.into());
    }
    let without_zone = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address,
        Some(_) | None => text,
    };
    let address: Ipv6Addr = without_zone.parse().ok()?;
    Some(address.to_canonical())
}
