//! The compact file of all registries, searched in place.
//!
//! Numbers are little-endian. Networks stand in the order of their first address, the wider before the
//! narrower. Each names an *outer* one: the nearest before it that reaches its first address or beyond.
//! Whoever follows these from the last network that begins at or before an address meets every network
//! that covers it, also where networks overlap in part.
//!
//! What an event asks for millions of times stands there once more, worked out: for each stretch of
//! addresses and each AS number the *party* whom registries name, by a number. Parties stand in the
//! order of their names and refer to an answer. Routes (`route.rs`) stand as networks do, with the AS that
//! announces them, and once more where no network names a party.
//!
//! A file of another version, or whose length is not what its head says, is refused; `check` compares
//! the whole with its checksum.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read};
use std::net::IpAddr;

use concert_model::Net;
use concert_model::address::canonical;

use super::answer::{Answer, Asked, Step};

/// Changes whenever the layout or its meaning changes.
pub(super) const MAGIC: &[u8; 8] = b"CNCTREG\x03";
/// How many of each thing there are, in the order of the parts.
pub(super) const COUNTS: usize = 14;
const HEAD_BYTES: usize = 8 + COUNTS * 8;
const CHECKSUM_BYTES: usize = 32;
/// Sizes of the entries of each table.
const V4_BYTES: u64 = 20;
const V6_BYTES: u64 = 44;
const ROUTE_V4_BYTES: u64 = 16;
const ROUTE_V6_BYTES: u64 = 40;
const ASN_BYTES: u64 = 16;
const PLACE_BYTES: u64 = 8;
const STRETCH_V4_BYTES: u64 = 8;
const STRETCH_V6_BYTES: u64 = 20;
pub(super) const PARTY_BYTES: usize = 8;
/// No outer network, no party.
pub(super) const NONE: u32 = u32::MAX;
/// Networks looked at for one address. Real ones lie some ten deep.
const STEPS_MAX: usize = 1_000;
/// Entries of a table that are read at a time.
const PIECE_ENTRIES: u64 = 32 << 10;
/// Longest text of one answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Bytes of a file, wherever they are.
pub trait Bytes {
    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills a buffer from a place on. The error says why it cannot.
    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), String>;
}

impl Bytes for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), String> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let from = self.get(start..start.saturating_add(buffer.len())).ok_or("it is cut off")?;
        buffer.copy_from_slice(from);
        Ok(())
    }
}

/// The file, opened.
pub struct Registry<B> {
    bytes: B,
    v4: Table,
    v6: Table,
    pub(super) asns: Table,
    places: Table,
    texts: Table,
    names: Table,
    pub(super) stretches_v4: Table,
    pub(super) stretches_v6: Table,
    pub(super) parties: Table,
    pub(super) party_names: Table,
    pub(super) routes_v4: Table,
    pub(super) routes_v6: Table,
    pub(super) routed_v4: Table,
    pub(super) routed_v6: Table,
    end: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Table {
    at: u64,
    pub(super) count: u64,
    size: u64,
}

impl<B: Bytes> Registry<B> {
    /// Opens a file. The error says why it cannot be used.
    pub fn open(bytes: B) -> Result<Self, String> {
        let mut head = [0u8; HEAD_BYTES];
        bytes.read(0, &mut head)?;
        let (magic, numbers) = head.split_first_chunk::<8>().ok_or("it is cut off")?;
        if magic != MAGIC {
            return Err("it is no registry file of this version".into());
        }
        let mut counts = numbers.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk));
        let mut count = || counts.next().unwrap_or(0);
        let mut at = HEAD_BYTES as u64;
        let mut table = |more: u64, size: u64| {
            let count = count().saturating_add(more);
            let table = Table { at, count, size };
            at = at.saturating_add(count.saturating_mul(size));
            table
        };
        let (v4, v6, asns) = (table(0, V4_BYTES), table(0, V6_BYTES), table(0, ASN_BYTES));
        // Behind the last answer stands where it ends.
        let (places, texts, names) = (table(1, PLACE_BYTES), table(0, 1), table(0, 1));
        let (stretches_v4, stretches_v6) = (table(0, STRETCH_V4_BYTES), table(0, STRETCH_V6_BYTES));
        let (parties, party_names) = (table(0, PARTY_BYTES as u64), table(0, 1));
        let (routes_v4, routes_v6) = (table(0, ROUTE_V4_BYTES), table(0, ROUTE_V6_BYTES));
        let (routed_v4, routed_v6) = (table(0, STRETCH_V4_BYTES), table(0, STRETCH_V6_BYTES));
        if at.saturating_add(CHECKSUM_BYTES as u64) != bytes.len() {
            return Err("its length is not what its head says".into());
        }
        let end = at;
        Ok(Self {
            bytes,
            v4,
            v6,
            asns,
            places,
            texts,
            names,
            stretches_v4,
            stretches_v6,
            parties,
            party_names,
            routes_v4,
            routes_v6,
            routed_v4,
            routed_v6,
            end,
        })
    }

    /// Number of networks and of AS numbers.
    pub fn counts(&self) -> (u64, u64) {
        (self.v4.count + self.v6.count, self.asns.count)
    }

    /// Compares the whole file with its checksum.
    pub fn check(&self) -> Result<(), String> {
        let mut hasher = blake3::Hasher::new();
        self.blocks(0, self.end, 1 << 20, |block| {
            hasher.update(block);
        })?;
        let mut checksum = [0u8; CHECKSUM_BYTES];
        self.bytes.read(self.end, &mut checksum)?;
        if hasher.finalize().as_bytes() == &checksum { Ok(()) } else { Err("its checksum is wrong".into()) }
    }

    /// Asks the networks that cover an address, the smallest first, until one knows a contact.
    pub fn find(&self, address: IpAddr) -> Result<Asked, String> {
        self.find_covering(address, address)
    }

    /// The same for all addresses from one to another, which are of one family.
    pub fn find_covering(&self, first: IpAddr, last: IpAddr) -> Result<Asked, String> {
        self.find_until(first, last, &|answer| !answer.mails.is_empty())
    }

    /// The same until one gives an answer such as is wanted.
    pub fn find_until(
        &self,
        first: IpAddr,
        last: IpAddr,
        is_answer: &dyn Fn(&Answer) -> bool,
    ) -> Result<Asked, String> {
        match (first.to_canonical(), last.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => self.ask::<4>(self.v4, a.octets(), b.octets(), "inetnum", is_answer),
            (IpAddr::V6(a), IpAddr::V6(b)) => self.ask::<16>(self.v6, a.octets(), b.octets(), "inet6num", is_answer),
            _ => Ok(Asked::default()),
        }
    }

    fn ask<const N: usize>(
        &self,
        table: Table,
        first: [u8; N],
        last: [u8; N],
        class: &'static str,
        is_answer: &dyn Fn(&Answer) -> bool,
    ) -> Result<Asked, String> {
        let mut asked = Asked::default();
        for (number, from, to) in self.covering(table, first, last)? {
            let answer = self.answer(self.number(table, number, 2 * N as u64)?)?;
            let name = self.name(self.number(table, number, 2 * N as u64 + 8)?)?;
            let is_answer = is_answer(&answer);
            asked.steps.push(Step { what: key(from, to), class, name, answer });
            if is_answer {
                break;
            }
        }
        Ok(asked)
    }

    /// The entries of a table that cover a span of addresses, the narrowest first: number, first and last address.
    /// Addresses are compared with the highest byte first; in the file the lowest stands first.
    pub(super) fn covering<const N: usize>(
        &self,
        table: Table,
        first: [u8; N],
        last: [u8; N],
    ) -> Result<Vec<(u64, IpAddr, IpAddr)>, String> {
        let after = partition(table.count, &mut |number| Ok(self.address::<N>(table, number, 0)? <= first))?;
        let (mut covering, mut next) = (Vec::new(), after.checked_sub(1));
        for _ in 0..STEPS_MAX {
            let Some(number) = next else { break };
            let (from, to) = (self.address::<N>(table, number, 0)?, self.address::<N>(table, number, N as u64)?);
            if to >= last {
                covering.push((width(&from, &to), Reverse(number), from, to));
            }
            let outer = self.number(table, number, 2 * N as u64 + 4)?;
            // It points back, or the walk would never end.
            next = (outer != NONE && u64::from(outer) < number).then_some(u64::from(outer));
        }
        covering.sort();
        Ok(covering.into_iter().map(|(_, Reverse(number), from, to)| (number, shown(&from), shown(&to))).collect())
    }

    fn address<const N: usize>(&self, table: Table, number: u64, at: u64) -> Result<[u8; N], String> {
        let mut octets = [0u8; N];
        self.bytes.read(table.at + number * table.size + at, &mut octets)?;
        octets.reverse();
        Ok(octets)
    }

    /// Networks that lie inside this one and are not the same, in order, so many at most.
    pub fn inside(&self, net: Net, max: usize) -> Result<Vec<(IpAddr, IpAddr)>, String> {
        match (net.first(), net.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => self.between::<4>(self.v4, first.octets(), last.octets(), max),
            (IpAddr::V6(first), IpAddr::V6(last)) => self.between::<16>(self.v6, first.octets(), last.octets(), max),
            _ => Ok(Vec::new()),
        }
    }

    fn between<const N: usize>(
        &self,
        table: Table,
        first: [u8; N],
        last: [u8; N],
        max: usize,
    ) -> Result<Vec<(IpAddr, IpAddr)>, String> {
        let mut number = partition(table.count, &mut |number| Ok(self.address::<N>(table, number, 0)? < first))?;
        let mut found = Vec::new();
        while number < table.count && found.len() < max {
            let (from, to) = (self.address::<N>(table, number, 0)?, self.address::<N>(table, number, N as u64)?);
            if from > last {
                break;
            }
            if to <= last && (from, to) != (first, last) {
                found.push((shown(&from), shown(&to)));
            }
            number += 1;
        }
        Ok(found)
    }

    /// Asks an AS number.
    pub fn find_asn(&self, asn: u32) -> Result<Asked, String> {
        let at = partition(self.asns.count, &mut |number| Ok(self.number(self.asns, number, 0)? < asn))?;
        if at >= self.asns.count || self.number(self.asns, at, 0)? != asn {
            return Ok(Asked::default());
        }
        let answer = self.answer(self.number(self.asns, at, 4)?)?;
        let name = self.name(self.number(self.asns, at, 8)?)?;
        Ok(Asked { steps: vec![Step { what: format!("AS{asn}"), class: "aut-num", name, answer }] })
    }

    /// What a registry says of a party that an event or notice names.
    pub fn party(&self, name: &str) -> Result<Option<Answer>, String> {
        let at = partition(self.parties.count, &mut |number| Ok(self.party_name(number)?.as_str() < name))?;
        if at >= self.parties.count || self.party_name(at)? != name {
            return Ok(None);
        }
        self.answer(self.number(self.parties, at, 4)?).map(Some)
    }

    /// Names of parties on both sides of a name in their order, so many on each at most.
    pub fn names_beside(&self, name: &str, most: u64) -> Result<Vec<String>, String> {
        let at = partition(self.parties.count, &mut |number| Ok(self.party_name(number)?.as_str() < name))?;
        let behind = at.saturating_add(most).min(self.parties.count);
        (at.saturating_sub(most)..behind).map(|number| self.party_name(number)).collect()
    }

    fn party_name(&self, number: u64) -> Result<String, String> {
        let place = |number: u64| match number < self.parties.count {
            true => self.number(self.parties, number, 0).map(u64::from),
            false => Ok(self.party_names.count),
        };
        let (start, end) = (place(number)?, place(number + 1)?);
        let length = end.checked_sub(start).filter(|length| *length <= ANSWER_BYTES_MAX);
        let mut name = vec![0u8; length.and_then(|length| usize::try_from(length).ok()).ok_or("it is damaged")?];
        self.bytes.read(self.party_names.at + start, &mut name)?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// The parties of mail addresses in canonical form. All answers are read, one after the other, since nothing else
    /// asks for an address.
    pub fn parties_of(&self, mails: &BTreeSet<String>) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
        /// What is needed of an answer.
        #[derive(serde::Deserialize)]
        struct Named {
            party: String,
            mails: Vec<String>,
        }
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let end = self.texts.at.saturating_add(self.texts.count);
        let texts = BufReader::with_capacity(1 << 18, Part { bytes: &self.bytes, at: self.texts.at, end });
        for answer in serde_json::Deserializer::from_reader(texts).into_iter::<Named>() {
            let answer = answer.map_err(|_| "it names an answer that is not there")?;
            for mail in answer.mails.iter().map(|mail| canonical(mail)).filter(|mail| mails.contains(mail)) {
                found.entry(mail).or_default().insert(answer.party.clone());
            }
        }
        Ok(found)
    }

    /// All that stands where addresses should and is none, and addresses against which something speaks, each once, in
    /// order.
    pub fn unusable(&self, against: &dyn Fn(&str) -> Option<&'static str>) -> Result<BTreeSet<String>, String> {
        let mut found = BTreeSet::new();
        for number in 0..self.places.count.saturating_sub(1) {
            let Answer { unusable, mails, handles, .. } = self.answer(u32::try_from(number).unwrap_or(NONE))?;
            found.extend(unusable);
            let spoken = mails.iter().filter_map(|mail| Some((mail, against(mail)?)));
            // What stands in networks themselves is called like their mailboxes.
            let of = |handle: &String| match handle.split_once(' ').filter(|(_, name)| name.contains('@')) {
                Some((registry, _)) => format!("a network or AS of {registry}"),
                None => handle.clone(),
            };
            let whose: Vec<String> = handles.iter().map(of).collect();
            found.extend(spoken.map(|(mail, why)| format!("`{mail}` of {}: {why}", whose.join(", "))));
        }
        Ok(found)
    }

    /// Tells the entries of a table in pieces, so that it is never in memory twice.
    pub(super) fn pieces(&self, table: Table, tell: impl FnMut(&[u8])) -> Result<(), String> {
        let end = table.at.saturating_add(table.count.saturating_mul(table.size));
        let length = usize::try_from(PIECE_ENTRIES * table.size).map_err(|_| "it is too large")?;
        self.blocks(table.at, end, length, tell)
    }

    /// Tells the bytes from one place to another, so many at a time.
    fn blocks(&self, mut at: u64, end: u64, length: usize, mut tell: impl FnMut(&[u8])) -> Result<(), String> {
        let mut buffer = vec![0u8; length];
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            let block = buffer.get_mut(..length).ok_or("it is cut off")?;
            self.bytes.read(at, block)?;
            tell(block);
            at += length as u64;
        }
        Ok(())
    }

    pub(super) fn number(&self, table: Table, entry: u64, at: u64) -> Result<u32, String> {
        let mut bytes = [0u8; 4];
        self.bytes.read(table.at + entry * table.size + at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn answer(&self, number: u32) -> Result<Answer, String> {
        let wrong = || "it names an answer that is not there".to_owned();
        let mut bytes = [0u8; 16];
        if u64::from(number) + 1 >= self.places.count {
            return Err(wrong());
        }
        self.bytes.read(self.places.at + u64::from(number) * PLACE_BYTES, &mut bytes)?;
        let [start, end] = [0, 8].map(|at| {
            let place = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
            place.map_or(0, |place| u64::from_le_bytes(*place))
        });
        let length = end.checked_sub(start).filter(|length| *length <= ANSWER_BYTES_MAX).ok_or_else(wrong)?;
        let mut text = vec![0u8; usize::try_from(length).map_err(|_| wrong())?];
        self.bytes.read(self.texts.at.saturating_add(start), &mut text)?;
        serde_json::from_slice(&text).map_err(|_| wrong())
    }

    fn name(&self, at: u32) -> Result<String, String> {
        let at = self.names.at + u64::from(at);
        let mut length = [0u8; 1];
        self.bytes.read(at, &mut length)?;
        let mut name = vec![0u8; usize::from(length[0])];
        self.bytes.read(at + 1, &mut name)?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }
}

/// A part of the bytes, read from its begin to its end.
struct Part<'b, B> {
    bytes: &'b B,
    at: u64,
    end: u64,
}

impl<B: Bytes> Read for Part<'_, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let wanted = buffer.get_mut(..length).unwrap_or_default();
        self.bytes.read(self.at, wanted).map_err(io::Error::other)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// How many of the first numbers the answer is true for; it must be false for all after them.
fn partition(count: u64, is_before: &mut dyn FnMut(u64) -> Result<bool, String>) -> Result<u64, String> {
    let (mut from, mut to) = (0, count);
    while from < to {
        let middle = from.midpoint(to);
        if is_before(middle)? {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    Ok(from)
}

/// The key of a network as registries write it: a range for IPv4, a prefix for IPv6.
pub fn key(first: IpAddr, last: IpAddr) -> String {
    let net = prefix(first, last).filter(|_| first.is_ipv6());
    net.map_or_else(|| format!("{first} - {last}"), |net| net.to_string())
}

/// The network that has these as its first and last address; there may be none.
pub(super) fn prefix(first: IpAddr, last: IpAddr) -> Option<Net> {
    let (bits, differing) = match (first, last) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (32, (from.to_bits() ^ to.to_bits()).checked_ilog2()),
        (IpAddr::V6(from), IpAddr::V6(to)) => (128, (from.to_bits() ^ to.to_bits()).checked_ilog2()),
        _ => return None,
    };
    let net = Net::new(first, u8::try_from(bits - differing.map_or(0, |bit| bit + 1)).ok()?)?;
    (net.first() == first && net.last() == last).then_some(net)
}

fn width<const N: usize>(first: &[u8; N], last: &[u8; N]) -> u128 {
    let number = |octets: &[u8; N]| octets.iter().fold(0u128, |sum, octet| sum << 8 | u128::from(*octet));
    number(last).wrapping_sub(number(first))
}

fn shown<const N: usize>(octets: &[u8; N]) -> IpAddr {
    match (<[u8; 4]>::try_from(octets.as_slice()), <[u8; 16]>::try_from(octets.as_slice())) {
        (Ok(four), _) => IpAddr::from(four),
        (_, Ok(sixteen)) => IpAddr::from(sixteen),
        _ => IpAddr::from([0, 0, 0, 0]),
    }
}
