//! A compiled copy of ranges that was tampered with: whatever it says, asking it never fails. The head
//! and the checksum are made here, since no fuzzer guesses them.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use concert_pipeline::enrich::{Ranges, What};
use libfuzzer_sys::fuzz_target;

const SOURCES: [u8; 32] = [7; 32];

fuzz_target!(|body: &[u8]| {
    assert!(Ranges::from_bytes(body, &SOURCES).is_err(), "no copy of ours begins like this by chance");
    let mut ours = Vec::new();
    let empty = Ranges::read(What::Asn, &[], &mut Vec::new());
    empty.write_to(&SOURCES, &mut ours).expect("memory takes everything");
    let head = ours.get(..8).unwrap_or_default();
    let mut bytes = [head, &SOURCES, body].concat();
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    let Ok(ranges) = Ranges::from_bytes(&bytes, &SOURCES) else { return };
    for number in (0..=u32::MAX).step_by(0x0fff_ff0f) {
        ranges.find(IpAddr::V4(Ipv4Addr::from(number)));
        ranges.find(IpAddr::V6(Ipv6Addr::from(u128::from(number) << 90)));
    }
});
