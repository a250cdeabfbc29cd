//! Whom registries name for the addresses and AS numbers of events: all in memory, one search each.

use std::net::IpAddr;

use super::file::{Bytes, NONE, PARTY_BYTES, Registry, Table};
use super::reserved;
use crate::enrich::halves::Halves;

/// What the worked-out part of a registry file says. A party is the place of its name.
#[derive(Debug, Default)]
pub struct Registered {
    v4: Halves,
    v4_parties: Vec<u32>,
    v6: Stretches<u128>,
    /// Where no network names anybody, whoever announces the address.
    routed_v4: Stretches<u32>,
    routed_v6: Stretches<u128>,
    /// AS number and party, in order.
    asns: Vec<(u32, u32)>,
    /// Names behind each other, each behind its length: what an event asks for is one place in memory.
    names: String,
}

/// Where stretches begin, and the party of each.
#[derive(Debug, Default)]
struct Stretches<A> {
    starts: Vec<A>,
    parties: Vec<u32>,
}

impl<A: Ord> Stretches<A> {
    /// Reads a table whose addresses have so many bytes.
    fn read<B: Bytes, const N: usize>(
        registry: &Registry<B>,
        table: Table,
        address: fn([u8; N]) -> A,
        place: &dyn Fn(u32) -> u32,
    ) -> Result<Self, String> {
        let count = usize::try_from(table.count).unwrap_or(0);
        let (mut starts, mut parties) = (Vec::with_capacity(count), Vec::with_capacity(count));
        registry.pieces(table, |piece| {
            for stretch in piece.chunks_exact(N + 4) {
                if let Some((start, party)) = stretch.split_first_chunk::<N>() {
                    starts.push(address(*start));
                    parties.extend(numbers(party).map(place));
                }
            }
        })?;
        Ok(Self { starts, parties })
    }

    fn find(&self, address: &A) -> Option<u32> {
        let after = self.starts.partition_point(|start| start <= address);
        self.parties.get(after.checked_sub(1)?).copied()
    }
}

/// Longest name, in bytes: what two bytes of ASCII hold.
const NAME_BYTES_MAX: u32 = (1 << 14) - 1;
/// A name is mostly in the same line of memory as its length, or in the one behind it.
const NAME_AHEAD: usize = 40;

/// The numbers of a table whose entries consist of them.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number))
}

/// Names with their lengths, and the place of each by its number in the file.
fn read_names<B: Bytes>(registry: &Registry<B>) -> Result<(String, Vec<u32>), String> {
    let count = |table: Table| usize::try_from(table.count).unwrap_or(0);
    let mut starts: Vec<u32> = Vec::with_capacity(count(registry.parties));
    registry.pieces(registry.parties, |piece| {
        starts.extend(piece.as_chunks::<PARTY_BYTES>().0.iter().filter_map(|entry| numbers(entry).next()));
    })?;
    let end = u32::try_from(registry.party_names.count).map_err(|_| "it has too many names")?;
    let ends = starts.iter().copied().skip(1).chain([end]);
    let mut lengths = starts.iter().zip(ends).map(|(start, end)| end.saturating_sub(*start));
    let mut names = Vec::with_capacity(count(registry.party_names) + 2 * starts.len());
    let (mut left, mut is_long) = (0, false);
    registry.pieces(registry.party_names, |mut piece| {
        while !piece.is_empty() {
            if left == 0 {
                let length = lengths.next().unwrap_or(u32::MAX);
                is_long |= length > NAME_BYTES_MAX;
                names.extend([(length >> 7 & 0x7f) as u8, (length & 0x7f) as u8]);
                left = length as usize;
            }
            let (part, rest) = piece.split_at(left.min(piece.len()));
            names.extend_from_slice(part);
            (left, piece) = (left - part.len(), rest);
        }
    })?;
    if is_long {
        return Err("a name is too long".into());
    }
    // Each name has moved by its own length and those of the names before it.
    let places = (0u32..).zip(&starts).map(|(number, start)| start.saturating_add(number.saturating_mul(2))).collect();
    Ok((String::from_utf8(names).map_err(|_| "a name is no text")?, places))
}

impl Registered {
    /// Reads what events need of a file. The error says why it cannot be used.
    pub fn read<B: Bytes>(registry: &Registry<B>) -> Result<Self, String> {
        let (names, places) = read_names(registry)?;
        let place = |party: u32| places.get(party as usize).copied().unwrap_or(NONE);
        let count = |table: Table| usize::try_from(table.count).unwrap_or(0);
        let stretches = count(registry.stretches_v4);
        let (mut v4, mut v4_parties) = (Halves::with_capacity(stretches), Vec::with_capacity(stretches));
        registry.pieces(registry.stretches_v4, |piece| {
            for stretch in piece.as_chunks::<8>().0 {
                let mut numbers = numbers(stretch);
                if let (Some(start), Some(party)) = (numbers.next(), numbers.next()) {
                    v4.push(start);
                    v4_parties.push(place(party));
                }
            }
        })?;
        v4.close();
        let v6 = Stretches::read(registry, registry.stretches_v6, u128::from_le_bytes, &place)?;
        let routed_v4 = Stretches::read(registry, registry.routed_v4, u32::from_le_bytes, &place)?;
        let routed_v6 = Stretches::read(registry, registry.routed_v6, u128::from_le_bytes, &place)?;
        let mut asns = Vec::with_capacity(count(registry.asns));
        registry.pieces(registry.asns, |piece| {
            asns.extend(piece.as_chunks::<16>().0.iter().filter_map(|entry| {
                let mut numbers = numbers(entry);
                let (asn, party) = (numbers.next()?, numbers.nth(2)?);
                (party != NONE).then(|| (asn, place(party)))
            }));
        })?;
        Ok(Self { v4, v4_parties, v6, routed_v4, routed_v6, asns, names })
    }

    /// The party that the smallest network around an address names, of those networks that name one.
    /// Nobody for space that nobody can own.
    pub fn find(&self, address: IpAddr) -> Option<u32> {
        let address = address.to_canonical();
        let party = match address {
            IpAddr::V4(address) => *self.v4_parties.get(self.v4.stretch(address.to_bits())?)?,
            IpAddr::V6(address) => self.v6.find(&address.to_bits())?,
        };
        (party != NONE && reserved(address).is_none()).then_some(party)
    }

    /// The party that an AS names which announces an address. It stands back behind networks and AS numbers.
    pub fn find_routed(&self, address: IpAddr) -> Option<u32> {
        let address = address.to_canonical();
        let party = match address {
            IpAddr::V4(address) => self.routed_v4.find(&address.to_bits())?,
            IpAddr::V6(address) => self.routed_v6.find(&address.to_bits())?,
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
        let start = party as usize;
        let [high, low] = *self.names.as_bytes().get(start..)?.first_chunk::<2>()?;
        let length = usize::from(high) << 7 | usize::from(low);
        self.names.get(start + 2..start + 2 + length)
    }

    /// Fetches what [`Registered::find`] and [`Registered::name`] will need for these addresses (IPv4),
    /// for all of them at once: one after the other waits for memory.
    pub fn look_ahead(&self, addresses: &[u32]) {
        let stretches: Vec<usize> = addresses.iter().filter_map(|address| self.v4.stretch(*address)).collect();
        let parties: Vec<usize> =
            stretches.iter().filter_map(|at| self.v4_parties.get(*at)).map(|party| *party as usize).collect();
        let byte = |at: usize| self.names.as_bytes().get(at).copied().unwrap_or(0);
        let bytes = parties.iter().map(|party| byte(*party) | byte(party.saturating_add(NAME_AHEAD)));
        std::hint::black_box(bytes.fold(0, u8::wrapping_add));
    }
}
