//! Variables that Kubernetes and Docker set, which begin as settings do if a
//! service or a linked container is called `signet` or `signet-...`.

use std::str::from_utf8;

/// Whether a variable is one of those, `SIGNET_` taken off its name.
///
/// Kubernetes: `SERVICE_HOST`, `SERVICE_PORT`, `SERVICE_PORT_{NAME}`, and what
/// Docker sets for a link: `PORT` and `PORT_{NUMBER}_{PROTOCOL}` with a URL, the
/// parts of the latter; `NAME` (`/container/alias`); `ENV_{NAME}`.
pub(super) fn is_variable(name: &[u8], value: &[u8]) -> bool {
    let (Ok(name), Ok(value)) = (from_utf8(name), from_utf8(value)) else {
        return false;
    };
    let is_known = |name: &str| match name.split_once('_').unwrap_or((name, "")) {
        ("SERVICE", "HOST" | "PORT") => true,
        ("SERVICE", rest) => rest.strip_prefix("PORT_").is_some_and(is_word),
        ("PORT", "") => ["tcp://", "udp://", "sctp://"]
            .iter()
            .any(|scheme| value.starts_with(scheme)),
        ("PORT", rest) => is_port(rest),
        ("NAME", "") => value.starts_with('/') && value.matches('/').count() == 2,
        ("ENV", rest) => !rest.is_empty(),
        _ => false,
    };
    let mut ends = name.match_indices('_').map(|(at, _)| at);
    is_known(name) || ends.any(|at| is_word(&name[..at]) && is_known(&name[at + 1..]))
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
