//! Addresses that belong to nobody on the Internet, whatever a registry says of the space around them.
//!
//! Ranges for documentation are ordinary here: examples and tests live in them.
//!
//! Source: <https://www.iana.org/assignments/iana-ipv4-special-registry> and its IPv6 sister, RFC 6890.

use std::borrow::Cow;
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

/// Under it stand IPv4 addresses for hosts that have IPv6 alone (RFC 6052).
const TRANSLATED: u128 = 0x0064_ff9b << 96;

/// What an address is reserved for.
pub fn reserved(address: IpAddr) -> Option<&'static str> {
    block(behind(address)).map(|(_, what)| what)
}

/// The IPv4 address that one is the translation of, or else itself.
fn behind(address: IpAddr) -> IpAddr {
    let within = match address {
        IpAddr::V6(address) => u32::try_from(address.to_bits() ^ TRANSLATED).ok(),
        IpAddr::V4(_) => None,
    };
    within.map_or(address, |within| Ipv4Addr::from(within).into())
}

/// What a part of all addresses from one to another is reserved for: nobody can own all of them.
pub fn reserved_in(first: IpAddr, last: IpAddr) -> Option<&'static str> {
    let begins_in = |start: IpAddr| (first..=last).contains(&start);
    reserved(first).or_else(|| reserved(last)).or_else(|| match first {
        IpAddr::V4(_) => V4.iter().find(|(start, _, _)| begins_in((*start).into())).map(|(_, _, what)| *what),
        IpAddr::V6(_) => V6.iter().find(|(start, _, _)| begins_in((*start).into())).map(|(_, _, what)| *what),
    })
}

/// The same in words for people, who would take what holds for a part of it for a mistake: `in part private space`.
pub fn reserved_words(first: IpAddr, last: IpAddr) -> Option<Cow<'static, str>> {
    let what = reserved_in(first, last)?;
    let is_every = |from: u128, to: u128, all: u128| from == 0 && to == all;
    Some(match (first, last) {
        _ if reserved_between(behind(first), behind(last)).is_some() => what.into(),
        (IpAddr::V4(from), IpAddr::V4(to)) if is_every(from.to_bits().into(), to.to_bits().into(), u32::MAX.into()) => {
            "all addresses of IPv4".into()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) if is_every(from.to_bits(), to.to_bits(), u128::MAX) => {
            "all addresses of IPv6".into()
        }
        _ => format!("in part {what}").into(),
    })
}

/// What all addresses from one to another are reserved for, which are of one family; what the first is, where it is not
/// the same for all. `None` where somebody can own one of them.
pub(super) fn reserved_between(first: IpAddr, last: IpAddr) -> Option<&'static str> {
    let (mut end, what) = block(first)?;
    while end < last {
        let next = match end {
            IpAddr::V4(end) => IpAddr::V4(end.to_bits().checked_add(1)?.into()),
            IpAddr::V6(end) => IpAddr::V6(end.to_bits().checked_add(1)?.into()),
        };
        end = block(next)?.0;
    }
    Some(what)
}

/// The last address of the block that an address is in, and what that is reserved for.
fn block(address: IpAddr) -> Option<(IpAddr, &'static str)> {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let is_in = |(first, prefix, _): &&(Ipv4Addr, u32, _)| {
                (first.to_bits() ^ address.to_bits()).checked_shr(32 - prefix) == Some(0)
            };
            let (first, prefix, what) = V4.iter().find(is_in)?;
            let last = first.to_bits() | u32::MAX.checked_shr(*prefix).unwrap_or(0);
            Some((IpAddr::V4(last.into()), what))
        }
        IpAddr::V6(address) => {
            let is_in = |(first, prefix, _): &&(Ipv6Addr, u32, _)| {
                (first.to_bits() ^ address.to_bits()).checked_shr(128 - prefix) == Some(0)
            };
            let (first, prefix, what) = V6.iter().find(is_in)?;
            let last = first.to_bits() | u128::MAX.checked_shr(*prefix).unwrap_or(0);
            Some((IpAddr::V6(last.into()), what))
        }
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

    #[test]
    fn what_holds_for_a_part_of_a_network_is_not_told_of_all_of_it() {
        let check = |net: &str, want: Option<&str>| {
            let net: concert_model::Net = net.parse().unwrap();
            assert_eq!(reserved_words(net.first(), net.last()).as_deref(), want, "{net}");
        };
        check("0.0.0.0/0", Some("all addresses of IPv4"));
        check("::/0", Some("all addresses of IPv6"));
        check("0.0.0.0/8", Some("this host (RFC 1122)"));
        check("0.0.0.0/7", Some("in part this host (RFC 1122)"));
        check("10.0.0.0/7", Some("in part private space (RFC 1918)"));
        check("192.0.0.0/8", Some("in part private space (RFC 1918)"));
        check("224.0.0.0/3", Some("multicast (RFC 5771)"));
        check("64:ff9b::a00:0/104", Some("private space (RFC 1918)"));
        check("64:ff9b::/95", Some("in part this host (RFC 1122)"));
        check("fc00::/6", Some("in part private space (RFC 4193)"));
        check("192.0.2.0/24", None);
        check("2000::/3", None);
    }

    #[test]
    fn a_range_is_nobodys_where_all_of_it_is() {
        let check = |first: &str, last: &str, want: Option<&str>| {
            let found = reserved_between(first.parse().unwrap(), last.parse().unwrap());
            assert_eq!(found.map(|what| what.split(" (").next().unwrap()), want, "{first} - {last}");
        };
        check("10.0.0.0", "10.255.255.255", Some("private space"));
        check("10.0.0.0", "11.0.0.0", None);
        check("9.255.255.255", "10.0.0.0", None);
        check("10.0.0.0", "192.168.255.255", None);
        check("224.0.0.0", "255.255.255.255", Some("multicast"));
        check("0.0.0.0", "255.255.255.255", None);
        check("fe80::", "feff::", Some("link-local space"));
        check("fc00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None);
        check("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("multicast"));
        check("::", "::2", None);
    }
}
