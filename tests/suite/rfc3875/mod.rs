//! RFC 3875 as a list: every requirement on a script, in the document's order.
//! What the parser of answers demands (6.1 to 6.3) is asserted with each row.

mod request;
mod response;

use crate::support::Cgi;

/// Asserts that both requests get the same answer, byte for byte.
#[track_caller]
fn assert_same(name: &str, one: Cgi, other: Cgi) {
    let (one, other) = (one.run(), other.run());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&one.stdout), text(&other.stdout), "{name}");
    assert!(!one.stdout.is_empty(), "{name}: nothing at all");
}
