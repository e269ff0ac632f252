//! Variables of the environment by name, also after internal redirects of Apache.

use crate::gateway::Environment;

/// The value of `name`, or of its copy with the fewest `REDIRECT_`.
pub(super) fn redirected<'v>(environment: &'v Environment, name: &str) -> Option<&'v [u8]> {
    environment
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(variable, value)| (without_redirects(variable), value))
        .filter(|((variable, _), _)| *variable == name.as_bytes())
        .min_by_key(|((_, redirects), _)| *redirects)
        .map(|(_, value)| value)
        .filter(|value| !is_null(value))
}

/// Whether the text of a variable is JSON's null.
pub(super) fn is_null(value: &[u8]) -> bool {
    value.trim_ascii() == b"null"
}

/// A variable's name without `REDIRECT_`, and the number of these prefixes.
pub(super) fn without_redirects(mut name: &[u8]) -> (&[u8], usize) {
    let mut redirects = 0;
    while let Some(rest) = name.strip_prefix(b"REDIRECT_") {
        name = rest;
        redirects += 1;
    }
    (name, redirects)
}
