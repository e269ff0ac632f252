//! The visitor's address, as it is counted.

use std::net::IpAddr;

/// An address as it is counted.
///
/// An IPv6 address counts by its first 64 bits, of which a visitor has the rest. An
/// IPv4 address within an IPv6 one counts as itself: `::ffff:192.0.2.1` of a server
/// that listens for both (RFC 4291, 2.5.5.2), `64:ff9b::192.0.2.1` of a translator
/// before a server that has IPv6 only (RFC 6052, 2.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Address {
    /// IPv4.
    V4([u8; 4]),
    /// The first 64 bits of IPv6.
    V6([u8; 8]),
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [head @ .., a, b, c, d] = address.octets();
                match head {
                    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
                    | [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0] => Self::V4([a, b, c, d]),
                    [a, b, c, d, e, f, g, h, ..] => Self::V6([a, b, c, d, e, f, g, h]),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_visitor_count_as_one() {
        let counted = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        #[rustfmt::skip]
        let same = [
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("192.0.2.1", "::ffff:c000:201"),
            ("192.0.2.1", "64:ff9b::192.0.2.1"),
            ("2001:db8:1:2::1", "2001:0DB8:1:2:ffff:ffff:ffff:ffff"),
            ("fe80::1", "fe80::2"),
        ];
        for (one, other) in same {
            assert_eq!(counted(one), counted(other), "{one}, {other}");
        }
        #[rustfmt::skip]
        let different = [
            ("192.0.2.1", "192.0.2.2"),
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
            ("::192.0.2.1", "192.0.2.1"),
            ("64:ff9b:1::192.0.2.1", "192.0.2.1"),
        ];
        for (one, other) in different {
            assert_ne!(counted(one), counted(other), "{one}, {other}");
        }
    }
}
