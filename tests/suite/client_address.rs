//! The client's address in the fields of servers and proxies. Expected values are those of
//! RFC 3875, RFC 4291 and RFC 7239, and of the programs named beside them.

use std::net::IpAddr;

use signet::MetaVariables;
use signet::gateway::{ClientAddress, NoAddress, TrustProxy};

const REMOTE: &str = "REMOTE_ADDR";
const X_FOR: &str = "HTTP_X_FORWARDED_FOR";
const FORWARDED: &str = "HTTP_FORWARDED";
const PROXY: &str = "10.0.0.2";

type Vars<'t> = &'t [(&'t str, &'t str)];

fn client(vars: Vars<'_>, trust: TrustProxy) -> ClientAddress {
    let vars: MetaVariables = vars.iter().copied().collect();
    ClientAddress::new(&vars, trust)
}

fn known(address: &str) -> ClientAddress {
    ClientAddress::Known(address.parse().expect("an address"))
}

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

/// What a field says of the client of a proxy at [`PROXY`]: its address, `hidden` or
/// `malformed`.
fn said(variable: &str, value: &str, trust: TrustProxy) -> String {
    match client(&[(REMOTE, PROXY), (variable, value)], trust) {
        ClientAddress::Known(address) => address.to_string(),
        ClientAddress::Unknown(NoAddress::Hidden { .. }) => "hidden".to_owned(),
        ClientAddress::Unknown(NoAddress::Malformed { remote, .. }) => {
            assert_eq!(remote, Some(ip(PROXY)));
            "malformed".to_owned()
        }
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn remote_addr_is_an_address_of_either_version() {
    #[rustfmt::skip]
    let cases = [
        // REMOTE_ADDR                     address
        ("203.0.113.9",                    Some("203.0.113.9")),
        ("2001:db8::1",                    Some("2001:db8::1")),
        ("2001:DB8:0:0:0:0:0:1",           Some("2001:db8::1")),
        ("::1",                            Some("::1")),
        // RFC 4291, 2.5.5.2: servers that listen on one socket for both.
        ("::ffff:203.0.113.9",             Some("203.0.113.9")),
        ("::FFFF:cb00:7109",               Some("203.0.113.9")),
        ("::203.0.113.9",                  Some("::cb00:7109")),
        // Apache names the interface of a link-local address.
        ("fe80::1%eth0",                   Some("fe80::1")),
        // Behind a Unix socket: empty, or nginx's word for it.
        ("",                               None),
        ("unix:",                          None),
        ("fe80::1%",                       None),
        ("203.0.113.9%eth0",               None),
        ("203.0.113.9:80",                 None),
        ("[2001:db8::1]",                  None),
        (" 203.0.113.9",                   None),
        ("203.0.113.9, 10.0.0.1",          None),
        ("203.0.113.09",                   None),
        ("203.0.113",                      None),
        ("0x7f.1",                         None),
        ("3405803785",                     None),
        ("host.example",                   None),
        ("\u{661}.1.1.1",                  None),
    ];
    for (remote, want) in cases {
        let want = want.map_or(ClientAddress::Unknown(NoAddress::RemoteAddr), known);
        for trust in [
            TrustProxy::Off,
            TrustProxy::XForwarded,
            TrustProxy::Forwarded,
        ] {
            if trust == TrustProxy::Off || remote != "::1" {
                assert_eq!(client(&[(REMOTE, remote)], trust), want, "{remote:?}");
            }
        }
    }
    assert_eq!(
        client(&[], TrustProxy::Off),
        ClientAddress::Unknown(NoAddress::RemoteAddr)
    );
}

#[test]
fn the_rightmost_entry_of_x_forwarded_for_is_the_nearest_proxys() {
    #[rustfmt::skip]
    let cases = [
        // X-Forwarded-For                        address
        ("203.0.113.9",                           "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9",                  "203.0.113.9"),
        ("6.6.6.6,203.0.113.9",                   "203.0.113.9"),
        ("6.6.6.6 ,\t 203.0.113.9\t",             "203.0.113.9"),
        ("unknown, 203.0.113.9",                  "203.0.113.9"),
        ("\"6.6.6.6, 203.0.113.9",                "203.0.113.9"),
        ("<script>, 203.0.113.9",                 "203.0.113.9"),
        (",,,203.0.113.9",                        "203.0.113.9"),
        ("2001:db8::1",                           "2001:db8::1"),
        ("::ffff:203.0.113.9",                    "203.0.113.9"),
        // Azure's gateways write ports; some proxies write brackets.
        ("203.0.113.9:50123",                     "203.0.113.9"),
        ("[2001:db8::1]:50123",                   "2001:db8::1"),
        ("[2001:db8::1]",                         "2001:db8::1"),
        ("127.0.0.1",                             "127.0.0.1"),
        // Squid, `forwarded_for off`.
        ("6.6.6.6, unknown",                      "hidden"),
        // Nothing that a client wrote counts in place of what the proxy should have.
        ("6.6.6.6,",                              "malformed"),
        ("6.6.6.6, ",                             "malformed"),
        ("6.6.6.6, unix:",                        "malformed"),
        ("6.6.6.6, host.example",                 "malformed"),
        ("203.0.113.9:",                          "malformed"),
        ("203.0.113.9:123456",                    "malformed"),
        ("203.0.113.9:8x",                        "malformed"),
        ("203.0.113.9 6.6.6.6",                   "malformed"),
        ("\"203.0.113.9\"",                       "malformed"),
        ("[203.0.113.9]",                         "malformed"),
        ("[2001:db8::1",                          "malformed"),
        ("[2001:db8::1]x",                        "malformed"),
        ("203.0.113.256",                         "malformed"),
        ("for=203.0.113.9",                       "malformed"),
        ("203.0.113.9;6.6.6.6",                   "malformed"),
    ];
    for (value, want) in cases {
        assert_eq!(said(X_FOR, value, TrustProxy::XForwarded), want, "{value}");
    }
}

#[test]
fn for_in_the_rightmost_element_of_forwarded_is_the_nearest_proxys() {
    #[rustfmt::skip]
    let cases = [
        // RFC 7239, 4 and 7.1.
        ("for=\"_gazonk\"",                                               "hidden"),
        ("For=\"[2001:db8:cafe::17]:4711\"",                              "2001:db8:cafe::17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43",                     "192.0.2.60"),
        ("for=192.0.2.43, for=198.51.100.17",                             "198.51.100.17"),
        ("for=192.0.2.43, for=\"[2001:db8:cafe::17]\"",                   "2001:db8:cafe::17"),
        ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown",        "hidden"),
        ("for=_hidden, for=_SEVKISEK",                                    "hidden"),
        // RFC 7239, 6: nodes with ports, of digits or obfuscated.
        ("for=\"192.0.2.43:47011\"",                                      "192.0.2.43"),
        ("for=\"192.0.2.43:_port\"",                                      "192.0.2.43"),
        ("for=\"[2001:db8::1]:_p.o-r_t\"",                                "2001:db8::1"),
        ("for=\"unknown:80\"",                                            "hidden"),
        ("for=\"_hidden:80\"",                                            "hidden"),
        ("for=UNKNOWN",                                                   "hidden"),
        ("proto=https;FOR=192.0.2.43",                                    "192.0.2.43"),
        ("for=\"\\192.0.2.43\"",                                          "192.0.2.43"),
        ("for=\"[::ffff:192.0.2.43]\"",                                   "192.0.2.43"),
        // Not quoted, as some proxies write it.
        ("for=192.0.2.43:47011",                                          "192.0.2.43"),
        ("for=[2001:db8::1]:80",                                          "2001:db8::1"),
        ("for=6.6.6.6;host=a , for=192.0.2.43",                           "192.0.2.43"),
        ("for=\"6.6.6.6, for=6.6.6.7;\";by=x,for=192.0.2.43",             "192.0.2.43"),
        // The nearest proxy tells other things only.
        ("for=6.6.6.6, proto=https",                                      "hidden"),
        ("by=192.0.2.43",                                                 "hidden"),
        // RFC 7239, 6: an IPv6 address is in brackets.
        ("for=\"2001:db8::1\"",                                           "malformed"),
        ("for=\"[192.0.2.43]\"",                                          "malformed"),
        ("for=\"[unknown]\"",                                             "malformed"),
        ("for=\"192.0.2.43:\"",                                           "malformed"),
        ("for=\"192.0.2.43:123456\"",                                     "malformed"),
        ("for=\"192.0.2.43:_\"",                                          "malformed"),
        ("for=\"192.0.2.43:4_\"",                                         "malformed"),
        ("for=\"_\"",                                                     "malformed"),
        ("for=\"_a b\"",                                                  "malformed"),
        ("for=host.example",                                              "malformed"),
        ("for=\"\"",                                                      "malformed"),
        ("for=",                                                          "malformed"),
        ("192.0.2.43",                                                    "malformed"),
        ("for=192.0.2.43;for=6.6.6.6",                                    "malformed"),
        ("for=6.6.6.6 for=192.0.2.43",                                    "malformed"),
        // What a client leaves open may hide where the proxy's element begins.
        ("for=\"6.6.6.6, for=192.0.2.43",                                 "malformed"),
        ("for=\"6.6.6.6, for=\"[2001:db8::1]\"",                          "malformed"),
        ("for=\"\\",                                                      "malformed"),
    ];
    for (value, want) in cases {
        assert_eq!(
            said(FORWARDED, value, TrustProxy::Forwarded),
            want,
            "{value}"
        );
    }
}

/// nginx before 1.23 has a variable for each line of a field, and lighttpd has one for
/// `X_Forwarded_For`, which a client may send.
#[test]
fn of_several_values_none_counts_unless_they_agree() {
    for (variable, trust, values) in [
        (
            X_FOR,
            TrustProxy::XForwarded,
            ["203.0.113.9", "6.6.6.6", "1.1.1.1, 203.0.113.9"],
        ),
        (
            FORWARDED,
            TrustProxy::Forwarded,
            ["for=203.0.113.9", "for=6.6.6.6", "for=_x, for=203.0.113.9"],
        ),
    ] {
        let [one, other, longer] = values;
        let seen = |first, second| {
            client(
                &[(REMOTE, PROXY), (variable, first), (variable, second)],
                trust,
            )
        };
        assert_eq!(seen(one, longer), known("203.0.113.9"));
        assert_eq!(seen(one, ""), known("203.0.113.9"));
        for (first, second) in [(one, other), (other, one), (one, "x"), ("x", one)] {
            let ClientAddress::Unknown(NoAddress::Malformed { .. }) = seen(first, second) else {
                panic!("{first} and {second}: {:?}", seen(first, second));
            };
        }
    }
}

#[test]
fn the_fields_of_a_proxy_count_only_where_they_are_trusted() {
    const CLIENT: &str = "203.0.113.9";
    let not_trusted = |field| {
        ClientAddress::Unknown(NoAddress::NotTrusted {
            remote: ip("127.0.0.1"),
            field,
        })
    };
    let not_sent = |field| {
        ClientAddress::Unknown(NoAddress::NotSent {
            remote: ip("127.0.0.1"),
            field,
        })
    };
    let (x_for, forwarded) = (not_sent("X-Forwarded-For"), not_sent("Forwarded"));
    let told = (X_FOR, CLIENT);
    let element = (FORWARDED, "for=203.0.113.9");
    let local = (REMOTE, "127.0.0.1");
    let [client_, proxy, home] = [CLIENT, PROXY, "127.0.0.1"].map(known);
    #[rustfmt::skip]
    let cases: [(Vars<'_>, [ClientAddress; 3]); 13] = [
        // variables                                   off, true, "forwarded"
        (&[(REMOTE, PROXY)],                           [proxy, proxy, proxy]),
        (&[(REMOTE, PROXY), told],                     [proxy, client_, proxy]),
        (&[(REMOTE, PROXY), element],                  [proxy, proxy, client_]),
        (&[(REMOTE, PROXY), (X_FOR, "")],              [proxy, proxy, proxy]),
        (&[local],                                     [home, x_for, forwarded]),
        (&[local, (X_FOR, "")],                        [home, x_for, forwarded]),
        (&[local, ("HTTP_VIA", "1.1 x")],              [home, x_for, forwarded]),
        (&[local, told],                               [not_trusted("X-Forwarded-For"), client_, forwarded]),
        (&[local, element],                            [not_trusted("Forwarded"), x_for, client_]),
        (&[local, ("HTTP_X_REAL_IP", CLIENT)],         [not_trusted("X-Real-IP"), x_for, forwarded]),
        (&[local, ("HTTP_X_FORWARDED_HOST", "e")],     [not_trusted("X-Forwarded-Host"), x_for, forwarded]),
        (&[local, ("HTTP_X_FORWARDED_PROTO", "http")], [not_trusted("X-Forwarded-Proto"), x_for, forwarded]),
        (&[told],                                      [
            ClientAddress::Unknown(NoAddress::RemoteAddr), client_,
            ClientAddress::Unknown(NoAddress::RemoteAddr),
        ]),
    ];
    for (vars, want) in cases {
        let modes = [
            TrustProxy::Off,
            TrustProxy::XForwarded,
            TrustProxy::Forwarded,
        ];
        assert_eq!(modes.map(|trust| client(vars, trust)), want, "{vars:?}");
    }
    for remote in ["::1", "127.8.9.1", "::ffff:127.0.0.1"] {
        let seen = client(&[(REMOTE, remote), told], TrustProxy::Off);
        let ClientAddress::Unknown(NoAddress::NotTrusted { .. }) = seen else {
            panic!("{remote}: {seen:?}");
        };
    }
}

#[test]
fn limits_count_what_is_known_and_the_proxy_for_what_a_client_broke() {
    #[rustfmt::skip]
    let cases: [(Vars<'_>, TrustProxy, Option<&str>, &str); 6] = [
        // variables                              trust                   counts as            logged
        (&[(REMOTE, PROXY)],                      TrustProxy::Off,        Some(PROXY),         PROXY),
        (&[(REMOTE, PROXY), (X_FOR, "::1")],      TrustProxy::XForwarded, Some("::1"),         "::1"),
        (&[(REMOTE, PROXY), (X_FOR, "x")],        TrustProxy::XForwarded, Some(PROXY),         "unknown"),
        (&[(X_FOR, "x")],                         TrustProxy::XForwarded, None,                "unknown"),
        (&[(REMOTE, PROXY), (X_FOR, "unknown")],  TrustProxy::XForwarded, None,                "unknown"),
        (&[(REMOTE, "::1"), (X_FOR, "1.1.1.1")],  TrustProxy::Off,        None,                "unknown"),
    ];
    for (vars, trust, counted, logged) in cases {
        let client = client(vars, trust);
        assert_eq!(client.counts_as(), counted.map(ip), "{vars:?}");
        assert_eq!(client.to_string(), logged, "{vars:?}");
    }
}

#[test]
fn the_reason_names_the_field_and_the_setting() {
    let vars = [(REMOTE, "127.0.0.1"), (X_FOR, "203.0.113.9")];
    let ClientAddress::Unknown(reason) = client(&vars, TrustProxy::Off) else {
        panic!("known");
    };
    let text = reason.to_string();
    for part in ["127.0.0.1", "X-Forwarded-For", "TRUST_PROXY = true"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("203.0.113.9"), "{text}");
}
