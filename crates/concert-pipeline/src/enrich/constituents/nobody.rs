//! What nobody on the Internet can own: an address, network, name or AS number for use within a site. It falls to a
//! party that claims it, and to no other: mail about the printer of one site must not go to whoever runs an AS.
//!
//! What is for documentation (`.example`, AS64496 to AS64511) is ordinary here: examples and tests live in it.
//!
//! Source: <https://www.iana.org/assignments/special-use-domain-names>, RFC 6762 appendix G, RFC 6996, RFC 7607,
//! RFC 4893, RFC 7300.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use concert_model::batch::Raw;
use concert_model::{Event, Field, host};

use super::Subject;
use crate::registry::{reserved, reserved_in, reserved_words};

/// Names that exist within a site alone, with all below them.
const NAMES: [(&str, &str); 9] = [
    ("localhost", "a name of this host (RFC 6761)"),
    ("localdomain", "a name of this host"),
    ("local", "a name of the local network (RFC 6762)"),
    ("home.arpa", "a name of the local network (RFC 8375)"),
    ("internal", "a name for private use"),
    ("invalid", "a name that never exists (RFC 6761)"),
    ("test", "a name for tests (RFC 6761)"),
    ("onion", "a name of Tor, which nobody registers (RFC 7686)"),
    ("alt", "a name outside of DNS (RFC 9476)"),
];

/// Whether a name and all below it exist within a site alone.
pub(super) fn is_within_site(name: &str) -> bool {
    NAMES.iter().any(|(known, _)| name == *known)
}

impl Subject<'_> {
    /// Why nobody can own a value.
    pub fn nobodys(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Address(address) => reserved(*address).map(Cow::Borrowed),
            Self::Net(net) => reserved_words(net.first(), net.last()),
            Self::Asn(asn) => reserved_asn(*asn).map(Cow::Borrowed),
            Self::Name(name) => reserved_name(name).map(Cow::Borrowed),
        }
    }
}

/// Why nobody can own what an event is about: its address, else its network, else its name. An AS number beside one
/// of them does not matter.
pub(crate) fn nobodys(event: &Event<'_>, address: Option<IpAddr>) -> Option<&'static str> {
    if let Some(address) = address {
        return reserved(address);
    }
    if let Some(Raw::Net(net)) = event.raw(Field::SOURCE_NETWORK) {
        return reserved_in(net.first(), net.last());
    }
    if let Some(name) = event.text(Field::SOURCE_FQDN) {
        return reserved_name(&name);
    }
    if let Some(url) = event.text(Field::SOURCE_URL)
        && let Some((host::Host::Domain(name), _)) = host::url_host(&url)
    {
        return reserved_name(&name);
    }
    if let Some(name) = super::account_name(event) {
        return reserved_name(&name);
    }
    reserved_asn(u32::try_from(event.int(Field::SOURCE_ASN)?).ok()?)
}

/// What an AS number is reserved for.
pub(crate) fn reserved_asn(asn: u32) -> Option<&'static str> {
    match asn {
        0 => Some("no AS (RFC 7607)"),
        23_456 => Some("a stand-in for long AS numbers (RFC 4893)"),
        64_512..=65_534 | 4_200_000_000..=4_294_967_294 => Some("a private AS number (RFC 6996)"),
        65_535 | u32::MAX => Some("a reserved AS number (RFC 7300)"),
        _ => None,
    }
}

/// What a name is reserved for, which may be the reverse name of an address.
fn reserved_name(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches('.');
    let is_below = |name: &str, above: &str| {
        let at = name.len().checked_sub(above.len());
        let (below, end) = at.and_then(|at| name.split_at_checked(at)).unwrap_or_default();
        end.eq_ignore_ascii_case(above) && (below.is_empty() || below.ends_with('.'))
    };
    if !name.contains('.') && !NAMES.iter().any(|(above, _)| name.eq_ignore_ascii_case(above)) {
        return Some("a name without a dot");
    }
    let listed = NAMES.iter().find(|(above, _)| is_below(name, above));
    listed.map(|(_, what)| *what).or_else(|| reserved(of_reverse(&name.to_ascii_lowercase())?))
}

/// The first address that a reverse name stands for: `10.0.0.0` for `10.in-addr.arpa`.
fn of_reverse(name: &str) -> Option<IpAddr> {
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        let mut address = [0; 4];
        for (place, octet) in address.iter_mut().zip(octets.rsplit('.')) {
            *place = octet.parse().ok()?;
        }
        return Some(Ipv4Addr::from(address).into());
    }
    let mut bits = 0;
    for (at, digit) in name.strip_suffix(".ip6.arpa")?.rsplit('.').take(32).enumerate() {
        bits |= u128::from_str_radix(digit, 16).ok().filter(|digit| *digit < 16)? << (124 - 4 * at);
    }
    Some(Ipv6Addr::from(bits).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_own_is_told() {
        for value in [
            "127.0.0.1",
            "64:ff9b::10.0.0.1",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "8.0.0.0/6",
            "::/0",
            "fd00::/8",
            "64:ff9b::a00:0/104",
            "http://10.0.0.18/x",
            "localhost",
            "printer.local",
            "http://x.onion/",
            "jane@mail.internal",
            "a.invalid",
            "1.0.0.127.in-addr.arpa",
            "168.192.in-addr.arpa",
            "d.f.ip6.arpa",
            "AS0",
            "as4294967295",
            "printer",
            "AS23456",
            "AS64512",
            "AS65535",
            "AS4200000000",
        ] {
            assert!(Subject::read(value).unwrap().nobodys().is_some(), "{value}");
        }
        for value in [
            "192.0.2.1",
            "64:ff9b::192.0.2.1",
            "192.0.2.0/24",
            "2001:db8::/32",
            "www.shop.example",
            "www.mylocalhost",
            "local.example",
            "4.2.0.192.in-addr.arpa",
            "8.b.d.0.1.0.0.2.ip6.arpa",
            "AS64496",
            "AS64511",
            "AS65536",
        ] {
            assert_eq!(Subject::read(value).unwrap().nobodys(), None, "{value}");
        }
    }
}
