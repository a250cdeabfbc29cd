//! A made-up Internet: networks with AS numbers and countries, as the two CSV files that `[lookup]` reads.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use super::random::Random;

/// How many AS numbers there are to draw from; some 60,000 of them get a network.
const AS_NUMBERS: u64 = 64_000;
/// A few have many networks, as in reality.
const LARGE_AS_NUMBERS: u64 = 500;
const AS_NUMBER_FIRST: u64 = 1000;
/// However large a network is, it is drawn no more often than one of this many addresses.
const WEIGHT_MAX: u64 = 4096;
const COUNTRIES: &[&str] = &[
    "AT", "AU", "BE", "BR", "CA", "CH", "CL", "CN", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HU", "IE",
    "IN", "IT", "JP", "KR", "LT", "LV", "MX", "NL", "NO", "PL", "PT", "RO", "SE", "SK", "TR", "UA", "US", "ZA",
];

/// One network.
pub(super) struct Network {
    first: u32,
    last: u32,
    pub(super) asn: u64,
    /// Sum of the weights up to and with this network.
    weight: u64,
}

/// All of them, by address.
pub(super) struct Networks(Vec<Network>);

impl Networks {
    /// Some 200,000 networks from 1.0.0.0 to 223.255.255.255, one in eight left out, as not announced.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::at(seed, u64::MAX);
        let (mut networks, mut at, mut weight) = (Vec::new(), 1u64 << 24, 0);
        while at < 224 << 24 {
            let size = 256u64 << random.below(9);
            let first = at;
            at = (at + size).min(224 << 24);
            // Addresses that are nobody's, or a private network's, are left out whole.
            let reserved = matches!(first >> 24, 10 | 100 | 127 | 169 | 172 | 192 | 198 | 203);
            if reserved || random.below(8) == 0 {
                continue;
            }
            let large = random.below(4) == 0;
            let asn = AS_NUMBER_FIRST + random.below(if large { LARGE_AS_NUMBERS } else { AS_NUMBERS });
            weight += (at - first).min(WEIGHT_MAX);
            let address = |number| u32::try_from(number).unwrap_or(u32::MAX);
            networks.push(Network { first: address(first), last: address(at - 1), asn, weight });
        }
        Self(networks)
    }

    /// An address, and the network it is of.
    pub(super) fn draw(&self, random: &mut Random) -> Option<(Ipv4Addr, &Network)> {
        let at = random.below(self.0.last()?.weight);
        let network = self.0.get(self.0.partition_point(|network| network.weight <= at))?;
        let size = u64::from(network.last - network.first) + 1;
        let number = u64::from(network.first) + random.below(size);
        Some((Ipv4Addr::from(u32::try_from(number).ok()?), network))
    }

    /// Writes `first,last,asn,name` and `first,last,cc`.
    pub(super) fn write(&self, asn: &Path, country: &Path) -> std::io::Result<()> {
        let (mut names, mut countries) = (BufWriter::new(File::create(asn)?), BufWriter::new(File::create(country)?));
        for network in &self.0 {
            let (first, last) = (Ipv4Addr::from(network.first), Ipv4Addr::from(network.last));
            writeln!(names, "{first},{last},{0},\"Network {0}, Ltd.\"", network.asn)?;
            writeln!(countries, "{first},{last},{}", network.country())?;
        }
        names.flush()?;
        countries.flush()
    }
}

impl Network {
    /// Each AS number is in one country.
    pub(super) fn country(&self) -> &'static str {
        Random::at(0, self.asn).pick(COUNTRIES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn networks_do_not_overlap_and_there_are_enough() {
        let Networks(networks) = Networks::new(1);
        assert!(networks.windows(2).all(|pair| pair[0].last < pair[1].first && pair[0].weight < pair[1].weight));
        let numbers: BTreeSet<u64> = networks.iter().map(|network| network.asn).collect();
        assert!((55_000..65_000).contains(&numbers.len()), "{} AS numbers", numbers.len());
        assert!((150_000..300_000).contains(&networks.len()), "{} networks", networks.len());
    }

    #[test]
    fn addresses_are_in_their_networks() {
        let networks = Networks::new(1);
        let mut random = Random::at(1, 0);
        for _ in 0..1000 {
            let (address, network) = networks.draw(&mut random).unwrap();
            assert!((network.first..=network.last).contains(&u32::from(address)));
        }
    }
}
