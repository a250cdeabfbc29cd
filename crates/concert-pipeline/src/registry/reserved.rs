//! Addresses that belong to nobody on the Internet, whatever a registry says of the space around them.
//!
//! Ranges for documentation are ordinary here: examples and tests live in them.
//!
//! Source: <https://www.iana.org/assignments/iana-ipv4-special-registry> and its IPv6 sister, RFC 6890.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First address, prefix length, and what it is.
const V4: [(Ipv4Addr, u32, &str); 9] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this host (RFC 1122)"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private space (RFC 1918)"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "space shared by providers (RFC 6598)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback (RFC 1122)"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local space (RFC 3927)"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private space (RFC 1918)"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private space (RFC 1918)"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast (RFC 5771)"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved space (RFC 1112)"),
];
const V6: [(Ipv6Addr, u32, &str); 5] = [
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 127, "the unspecified or loopback address (RFC 4291)"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private space (RFC 4193)"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local space (RFC 4291)"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "private space (RFC 3879)"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast (RFC 4291)"),
];

/// What an address is reserved for.
pub fn reserved(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => V4
            .iter()
            .find(|(first, prefix, _)| (first.to_bits() ^ address.to_bits()).checked_shr(32 - prefix) == Some(0))
            .map(|(_, _, what)| *what),
        IpAddr::V6(address) => V6
            .iter()
            .find(|(first, prefix, _)| (first.to_bits() ^ address.to_bits()).checked_shr(128 - prefix) == Some(0))
            .map(|(_, _, what)| *what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nobodys_is_told() {
        for address in [
            "10.1.2.3",
            "100.127.0.1",
            "127.0.0.1",
            "172.31.0.1",
            "192.168.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(reserved(address.parse().unwrap()).is_some(), "{address}");
        }
        for address in ["192.0.2.1", "198.51.100.1", "100.128.0.1", "172.32.0.1", "2001:db8::1", "9.255.255.255", "::2"]
        {
            assert_eq!(reserved(address.parse().unwrap()), None, "{address}");
        }
    }
}
