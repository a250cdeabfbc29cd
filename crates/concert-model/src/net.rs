//! Networks: an address with a prefix length, host bits cleared.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR form. Host bits are always zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Net {
    first: IpAddr,
    prefix: u8,
}

impl Net {
    /// The network of this length that holds the address; `None` if the length is too large.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let first = match address {
            IpAddr::V4(a) if prefix <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() & mask))
            }
            IpAddr::V6(a) if prefix <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & mask))
            }
            _ => return None,
        };
        Some(Self { first, prefix })
    }

    /// First address.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// Prefix length in bits.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Last address.
    pub fn last(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(a) => {
                let rest = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() | rest))
            }
            IpAddr::V6(a) => {
                let rest = u128::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() | rest))
            }
        }
    }

    /// The fewest networks that make up the addresses from the first to the last; none where these are of two families
    /// or the wrong way round.
    pub fn between(first: IpAddr, last: IpAddr) -> Vec<Net> {
        let mut nets = Vec::new();
        let mut next = Some(first).filter(|first| first.is_ipv4() == last.is_ipv4());
        while let Some(at) = next.filter(|at| *at <= last) {
            let begins_here = |net: &Net| net.first == at && net.last() <= last;
            let Some(net) = (0..=128).filter_map(|prefix| Net::new(at, prefix)).find(begins_here) else { break };
            nets.push(net);
            next = match net.last() {
                IpAddr::V4(end) => end.to_bits().checked_add(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
                IpAddr::V6(end) => end.to_bits().checked_add(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
            };
        }
        nets
    }

    /// Whether the address lies in this network. Families never mix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(net), IpAddr::V4(a)) => {
                (net.to_bits() ^ a.to_bits()).checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(a)) => {
                (net.to_bits() ^ a.to_bits()).checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether the whole of another network lies in this one.
    pub fn contains_net(&self, other: &Net) -> bool {
        other.prefix >= self.prefix && self.contains(other.first)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Net {
    type Err = &'static str;

    /// Reads `192.0.2.0/24`; a bare address is a network of one. Host bits are cleared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| "not a network in CIDR form")?;
        let prefix = match prefix {
            Some(digits) => digits.parse().map_err(|_| "the prefix length is not a number")?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Net::new(address, prefix).ok_or("the prefix length is too large")
    }
}

impl serde::Serialize for Net {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Net {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(net: &str, address: &str, want: bool) {
        let net: Net = net.parse().unwrap();
        assert_eq!(net.contains(address.parse().unwrap()), want, "{net} {address}");
    }

    #[test]
    fn containment_holds_at_the_edges() {
        check("192.0.2.0/24", "192.0.2.0", true);
        check("192.0.2.0/24", "192.0.2.255", true);
        check("192.0.2.0/24", "192.0.3.0", false);
        check("0.0.0.0/0", "255.255.255.255", true);
        check("::/0", "192.0.2.1", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("192.0.2.1", "192.0.2.1", true);
    }

    #[test]
    fn host_bits_are_cleared_and_lengths_checked() {
        assert_eq!("192.0.2.77/24".parse::<Net>().unwrap().to_string(), "192.0.2.0/24");
        assert!("192.0.2.0/33".parse::<Net>().is_err());
        assert_eq!("192.0.2.0/24".parse::<Net>().unwrap().last().to_string(), "192.0.2.255");
    }

    #[test]
    fn the_addresses_between_two_are_the_fewest_networks() {
        let between = |first: &str, last: &str| {
            let nets = Net::between(first.parse().unwrap(), last.parse().unwrap());
            nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(between("192.0.2.0", "192.0.2.255"), "192.0.2.0/24");
        assert_eq!(between("192.0.2.1", "192.0.2.8"), "192.0.2.1/32 192.0.2.2/31 192.0.2.4/30 192.0.2.8/32");
        assert_eq!(between("0.0.0.0", "255.255.255.255"), "0.0.0.0/0");
        assert_eq!(between("255.255.255.254", "255.255.255.255"), "255.255.255.254/31");
        assert_eq!(between("2001:db8::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff"), "2001:db8::/47");
        assert_eq!(between("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "::/0");
        assert_eq!(between("192.0.2.9", "192.0.2.8"), "");
        assert_eq!(between("192.0.2.9", "2001:db8::"), "");
    }
}
