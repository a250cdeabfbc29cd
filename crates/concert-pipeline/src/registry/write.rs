//! Writing the compact file of all registries, as it is made: it is never in memory whole.

use std::io::{self, BufWriter, Write};

use super::answer::Answer;
use super::file::{COUNTS, MAGIC, NONE};

/// A network as it is written.
#[derive(Clone, Copy)]
pub(super) struct Entry<A> {
    pub(super) first: A,
    pub(super) last: A,
    pub(super) answer: u32,
    pub(super) name: u32,
}

/// An AS number as it is written.
pub(super) struct AsEntry {
    pub(super) asn: u32,
    pub(super) answer: u32,
    pub(super) name: u32,
    pub(super) party: u32,
}

/// All that is written.
#[derive(Default)]
pub(super) struct Parts<'p> {
    pub(super) v4: Vec<Entry<u32>>,
    pub(super) v6: Vec<Entry<u128>>,
    pub(super) asns: Vec<AsEntry>,
    pub(super) answers: &'p [Answer],
    pub(super) names: &'p [u8],
    /// First address and party of each stretch, from zero on.
    pub(super) stretches_v4: Vec<(u32, u32)>,
    pub(super) stretches_v6: Vec<(u128, u32)>,
    /// Names of parties in order, each with its answer.
    pub(super) parties: Vec<(&'p str, u32)>,
    /// Routes: in place of an answer stands the AS.
    pub(super) routes_v4: Vec<Entry<u32>>,
    pub(super) routes_v6: Vec<Entry<u128>>,
    /// Stretches where routes decide.
    pub(super) routed_v4: Vec<(u32, u32)>,
    pub(super) routed_v6: Vec<(u128, u32)>,
}

/// Writes all of it, and its checksum.
pub(super) fn write(parts: Parts<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (mut places, mut texts) = (Vec::new(), Vec::new());
    for answer in parts.answers {
        places.extend_from_slice(&(texts.len() as u64).to_le_bytes());
        // Plain data becomes JSON without fail.
        serde_json::to_writer(&mut texts, answer).unwrap_or_default();
    }
    places.extend_from_slice(&(texts.len() as u64).to_le_bytes());
    let counts: [usize; COUNTS] = [
        parts.v4.len(),
        parts.v6.len(),
        parts.asns.len(),
        parts.answers.len(),
        texts.len(),
        parts.names.len(),
        parts.stretches_v4.len(),
        parts.stretches_v6.len(),
        parts.parties.len(),
        parts.parties.iter().map(|(name, _)| name.len()).sum(),
        parts.routes_v4.len(),
        parts.routes_v6.len(),
        parts.routed_v4.len(),
        parts.routed_v6.len(),
    ];
    let mut out = Checked { out: BufWriter::with_capacity(1 << 18, out), hasher: blake3::Hasher::new() };
    out.put(MAGIC)?;
    out.numbers(counts.iter().flat_map(|count| (*count as u64).to_le_bytes()))?;
    for (entry, outer) in parts.v4.iter().zip(outer(&parts.v4)) {
        let numbers = [entry.first, entry.last, entry.answer, outer, entry.name];
        out.numbers(numbers.iter().flat_map(|number| number.to_le_bytes()))?;
    }
    for (entry, outer) in parts.v6.iter().zip(outer(&parts.v6)) {
        out.put(&entry.first.to_le_bytes())?;
        out.put(&entry.last.to_le_bytes())?;
        out.numbers([entry.answer, outer, entry.name].iter().flat_map(|number| number.to_le_bytes()))?;
    }
    for entry in &parts.asns {
        let numbers = [entry.asn, entry.answer, entry.name, entry.party];
        out.numbers(numbers.iter().flat_map(|number| number.to_le_bytes()))?;
    }
    for part in [places.as_slice(), &texts, parts.names] {
        out.put(part)?;
    }
    out.stretches(&parts.stretches_v4, &parts.stretches_v6)?;
    let mut place = 0u32;
    for (name, answer) in &parts.parties {
        out.numbers([place, *answer].iter().flat_map(|number| number.to_le_bytes()))?;
        place = place.saturating_add(u32::try_from(name.len()).unwrap_or(u32::MAX));
    }
    for (name, _) in &parts.parties {
        out.put(name.as_bytes())?;
    }
    for (entry, outer) in parts.routes_v4.iter().zip(outer(&parts.routes_v4)) {
        let numbers = [entry.first, entry.last, entry.answer, outer];
        out.numbers(numbers.iter().flat_map(|number| number.to_le_bytes()))?;
    }
    for (entry, outer) in parts.routes_v6.iter().zip(outer(&parts.routes_v6)) {
        out.put(&entry.first.to_le_bytes())?;
        out.put(&entry.last.to_le_bytes())?;
        out.numbers([entry.answer, outer].iter().flat_map(|number| number.to_le_bytes()))?;
    }
    out.stretches(&parts.routed_v4, &parts.routed_v6)?;
    let checksum = out.hasher.finalize();
    out.put(checksum.as_bytes())?;
    out.out.flush()
}

/// Writes and hashes what was written.
struct Checked<'o> {
    out: BufWriter<&'o mut dyn Write>,
    hasher: blake3::Hasher,
}

impl Checked<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }

    fn stretches(&mut self, v4: &[(u32, u32)], v6: &[(u128, u32)]) -> io::Result<()> {
        for (first, party) in v4 {
            self.numbers([*first, *party].iter().flat_map(|number| number.to_le_bytes()))?;
        }
        for (first, party) in v6 {
            self.put(&first.to_le_bytes())?;
            self.put(&party.to_le_bytes())?;
        }
        Ok(())
    }

    /// Many small numbers, written and hashed together.
    fn numbers(&mut self, bytes: impl Iterator<Item = u8>) -> io::Result<()> {
        let mut buffer = [0u8; COUNTS * 8];
        let mut length = 0;
        for (slot, byte) in buffer.iter_mut().zip(bytes) {
            *slot = byte;
            length += 1;
        }
        self.put(buffer.get(..length).unwrap_or_default())
    }
}

/// For each network the nearest before it that reaches its first address.
fn outer<A: Copy + Ord>(entries: &[Entry<A>]) -> Vec<u32> {
    let mut open: Vec<(u32, A)> = Vec::new();
    let mut outer = Vec::with_capacity(entries.len());
    for (number, entry) in (0u32..).zip(entries) {
        // What ends before this one begins covers nothing that comes later.
        while open.last().is_some_and(|(_, last)| *last < entry.first) {
            open.pop();
        }
        outer.push(open.last().map_or(NONE, |(number, _)| *number));
        open.push((number, entry.last));
    }
    outer
}
