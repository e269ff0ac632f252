//! Variables that Kubernetes and Docker set. They begin with `SIGNET_`, like settings,
//! if a service or a linked container is called `signet` or `signet-...`.

use std::net::IpAddr;
use std::str::from_utf8;

use super::variable::redirected;
use crate::gateway::Environment;

/// Whether a variable is one of those; `name` is without `SIGNET_`.
///
/// Kubernetes: `SERVICE_HOST` with an address, `SERVICE_PORT` and
/// `SERVICE_PORT_{NAME}` with a number, and what Docker sets for a link: `PORT` and
/// `PORT_{NUMBER}_{PROTOCOL}` with a URL, the parts of the latter; `NAME`
/// (`/container/alias`); beside it, `ENV_{NAME}`.
pub(super) fn is_variable(name: &[u8], value: &[u8], environment: &Environment) -> bool {
    let (Ok(name), Ok(value)) = (from_utf8(name), from_utf8(value)) else {
        return false;
    };
    // `alias` is empty or ends with an underscore.
    let is_known = |alias: &str, name: &str| match name.split_once('_').unwrap_or((name, "")) {
        ("SERVICE", "HOST") => value.parse::<IpAddr>().is_ok(),
        ("SERVICE", "PORT") => value.parse::<u16>().is_ok(),
        ("SERVICE", rest) => {
            rest.strip_prefix("PORT_").is_some_and(is_word) && value.parse::<u16>().is_ok()
        }
        ("PORT", "") => ["tcp://", "udp://", "sctp://"]
            .iter()
            .any(|scheme| value.starts_with(scheme)),
        ("PORT", rest) => is_port(rest),
        ("NAME", "") => is_link(alias, value.as_bytes()),
        ("ENV", rest) if !rest.is_empty() => {
            let link = redirected(environment, &format!("SIGNET_{alias}NAME"));
            link.is_some_and(|link| is_link(alias, link))
        }
        _ => false,
    };
    let mut ends = name.match_indices('_').map(|(at, _)| at + 1);
    is_known("", name)
        || ends.any(|at| is_word(&name[..at - 1]) && is_known(&name[..at], &name[at..]))
}

/// `/container/signet-alias`, as Docker names a link whose variables begin with
/// `SIGNET_` and `alias`.
fn is_link(alias: &str, value: &[u8]) -> bool {
    let mut parts = value.split(|b| *b == b'/');
    let (first, container, name) = (parts.next(), parts.next(), parts.next());
    let variable = name.unwrap_or_default().iter().map(|b| match b {
        b'-' => b'_',
        b => b.to_ascii_uppercase(),
    });
    first == Some(b"")
        && container.is_some_and(|container| !container.is_empty())
        && parts.next().is_none()
        && variable
            .chain([b'_'])
            .eq(format!("SIGNET_{alias}").into_bytes())
}

fn is_word(text: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && !text.starts_with('_') && text.bytes().all(is_part)
}

/// `80_TCP`, `80_TCP_ADDR`.
fn is_port(text: &str) -> bool {
    let (number, rest) = text.split_once('_').unwrap_or_default();
    let (protocol, part) = rest.split_once('_').unwrap_or((rest, "ADDR"));
    let parts = [
        "ADDR",
        "PORT",
        "PROTO",
        "START",
        "END",
        "PORT_START",
        "PORT_END",
    ];
    number.parse::<u16>().is_ok()
        && matches!(protocol, "TCP" | "UDP" | "SCTP")
        && parts.contains(&part)
}
