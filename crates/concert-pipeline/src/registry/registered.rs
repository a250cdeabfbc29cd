//! Whom registries name for the addresses and AS numbers of events: all in memory, one search each.

use std::net::IpAddr;

use super::file::{Bytes, NONE, PARTY_BYTES, Registry, STRETCH_V6_BYTES, Table};
use super::reserved;
use crate::enrich::halves::Halves;

/// What the worked-out part of a registry file says, by numbers of parties.
#[derive(Debug, Default)]
pub struct Registered {
    v4: Halves,
    v4_parties: Vec<u32>,
    v6_starts: Vec<u128>,
    v6_parties: Vec<u32>,
    /// AS number and party, in order.
    asns: Vec<(u32, u32)>,
    /// Where the name of each party begins, and where the last one ends.
    places: Vec<u32>,
    names: String,
}

/// The numbers of a table whose entries consist of them.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number))
}

impl Registered {
    /// Reads what events need of a file. The error says why it cannot be used.
    pub fn read<B: Bytes>(registry: &Registry<B>) -> Result<Self, String> {
        let count = |table: Table| usize::try_from(table.count).unwrap_or(0);
        let stretches = count(registry.stretches_v4);
        let (mut v4, mut v4_parties) = (Halves::with_capacity(stretches), Vec::with_capacity(stretches));
        registry.pieces(registry.stretches_v4, |piece| {
            for stretch in piece.as_chunks::<8>().0 {
                let mut numbers = numbers(stretch);
                if let (Some(start), Some(party)) = (numbers.next(), numbers.next()) {
                    v4.push(start);
                    v4_parties.push(party);
                }
            }
        })?;
        v4.close();
        let stretches = count(registry.stretches_v6);
        let (mut v6_starts, mut v6_parties) = (Vec::with_capacity(stretches), Vec::with_capacity(stretches));
        registry.pieces(registry.stretches_v6, |piece| {
            for stretch in piece.as_chunks::<STRETCH_V6_BYTES>().0 {
                if let Some((start, party)) = stretch.split_first_chunk::<16>() {
                    v6_starts.push(u128::from_le_bytes(*start));
                    v6_parties.extend(numbers(party));
                }
            }
        })?;
        let asns = registry.whole(registry.asns)?;
        let asns = asns.as_chunks::<16>().0.iter().filter_map(|entry| {
            let mut numbers = numbers(entry);
            let (asn, party) = (numbers.next()?, numbers.nth(2)?);
            (party != NONE).then_some((asn, party))
        });
        let (parties, names) = (registry.whole(registry.parties)?, registry.whole(registry.party_names)?);
        let places = parties.as_chunks::<PARTY_BYTES>().0.iter().filter_map(|entry| numbers(entry).next());
        let places = places.chain([u32::try_from(names.len()).unwrap_or(u32::MAX)]);
        let (asns, places) = (asns.collect(), places.collect());
        let names = String::from_utf8(names).map_err(|_| "a name is no text")?;
        Ok(Self { v4, v4_parties, v6_starts, v6_parties, asns, places, names })
    }

    /// The party that the smallest network around an address names, of those networks that name one.
    /// Nobody for space that nobody can own.
    pub fn find(&self, address: IpAddr) -> Option<u32> {
        let address = address.to_canonical();
        let party = match address {
            IpAddr::V4(address) => *self.v4_parties.get(self.v4.stretch(address.to_bits())?)?,
            IpAddr::V6(address) => {
                let after = self.v6_starts.partition_point(|start| *start <= address.to_bits());
                *self.v6_parties.get(after.checked_sub(1)?)?
            }
        };
        (party != NONE && reserved(address).is_none()).then_some(party)
    }

    /// The party that an AS number names.
    pub fn find_asn(&self, asn: u32) -> Option<u32> {
        let at = self.asns.binary_search_by_key(&asn, |(asn, _)| *asn).ok()?;
        self.asns.get(at).map(|(_, party)| *party)
    }

    /// What a party is called.
    pub fn name(&self, party: u32) -> Option<&str> {
        let (start, end) = (*self.places.get(party as usize)?, *self.places.get(party as usize + 1)?);
        self.names.get(start as usize..end as usize)
    }

    /// Fetches what [`Registered::find`] and [`Registered::name`] will need for these addresses (IPv4),
    /// for all of them at once: one after the other waits for memory.
    pub fn look_ahead(&self, addresses: &[u32]) {
        let stretches: Vec<usize> = addresses.iter().filter_map(|address| self.v4.stretch(*address)).collect();
        let parties: Vec<u32> = stretches.iter().filter_map(|at| self.v4_parties.get(*at).copied()).collect();
        let places: Vec<u32> = parties.iter().filter_map(|party| self.places.get(*party as usize).copied()).collect();
        let names = places.iter().filter_map(|place| self.names.as_bytes().get(*place as usize).copied());
        std::hint::black_box(names.fold(0, u8::wrapping_add));
    }
}
