//! Files of ranges, CSV or MMDB, and their compiled copy, which must be equal. The first byte chooses.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use concert_pipeline::enrich::{Ranges, What};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let what = if choice & 1 == 0 { What::Asn } else { What::Country };
    let name = if choice & 2 == 0 { "a.csv" } else { "a.mmdb" };
    let mut problems = Vec::new();
    let ranges = Ranges::read(what, &[(name, rest)], &mut problems);
    for number in (0..=u32::MAX).step_by(0x0fff_ff0f) {
        find(&ranges, IpAddr::V4(Ipv4Addr::from(number)));
        find(&ranges, IpAddr::V6(Ipv6Addr::from(u128::from(number) << 90)));
    }
    let sources = [7; 32];
    let mut bytes = Vec::new();
    ranges.write_to(&sources, &mut bytes).expect("memory takes everything");
    let copy = Ranges::from_bytes(&bytes, &sources).expect("our own copy is read");
    assert_eq!(copy, ranges);
});

fn find(ranges: &Ranges, address: IpAddr) {
    if let Some(network) = ranges.find(address).and_then(|answer| answer.network) {
        assert!(network.contains(address), "{address} is not in {network}");
    }
}
