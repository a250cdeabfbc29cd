//! AS number, network and country of an address in one search: the ranges of both, joined.
//!
//! Looking up a million addresses waits for memory and for nothing else, so what counts is how many
//! cache lines one answer touches and whether they can be fetched at the same time: an index over the
//! first half of the address, a run of the second halves at which something begins, one word (country,
//! prefix length and the place of the AS), and the AS itself with its name behind its number. Networks of many ranges stand first among those, so that the
//! ones asked for most lie together.

use std::net::IpAddr;

use concert_model::Net;

use super::halves::Halves;
use super::ranges::{NOTHING, Ranges, Stretches};

/// The place of an AS where there is none.
const NO_PLACE: u32 = 0x00ff_ffff;
/// Bytes that the places of ASes are counted in.
const PLACE_BYTES: usize = 8;
/// A word that says nothing: no prefix length, no AS, no country.
const EMPTY: u64 = 0xff << 56 | (NO_PLACE as u64) << 32;

/// What both kinds of ranges say of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found<'a> {
    /// AS number and name; the name may be empty.
    pub asn: Option<(u32, &'a str)>,
    /// The range of the AS, when it is exactly one CIDR block.
    pub network: Option<Net>,
    /// Country code, two capital letters.
    pub country: Option<[u8; 2]>,
}

/// The joined ranges. A word has from its low end: 16 bits of nothing, 16 of country letters, 24 for the
/// place of the AS, 8 for the prefix length.
#[derive(Debug)]
pub(super) struct Table {
    v4: Halves,
    words: Vec<u64>,
    v6_starts: Vec<u128>,
    v6_words: Vec<u64>,
    /// For each AS: number, length of the name, the name, and nothing up to the next place. All of it is
    /// text, numbers too, so that a name is taken out without looking whether it is text.
    names: String,
}

/// Seven bits of a number stand in each letter.
const DIGIT_BITS: u32 = 7;
/// Letters of an AS number, and of the length of a name.
const NUMBER_BYTES: usize = 5;
const LENGTH_BYTES: usize = 2;

fn write_number(mut number: u32, letters: usize, out: &mut String) {
    for _ in 0..letters {
        out.push(char::from(u8::try_from(number & 0x7f).unwrap_or(0)));
        number >>= DIGIT_BITS;
    }
}

fn read_number(letters: &[u8]) -> u32 {
    letters.iter().rev().fold(0, |number, letter| number << DIGIT_BITS | u32::from(*letter))
}

impl Table {
    pub(super) fn new(asn: Option<&Ranges>, country: Option<&Ranges>) -> Table {
        let (names, places) = asn.map(arrange).unwrap_or_default();
        let codes: Vec<[u8; 2]> = country.map(codes_of).unwrap_or_default();
        let word = |asn: u32, country: u32| {
            let place = places.get((asn & NOTHING) as usize).copied().unwrap_or(NO_PLACE);
            let code = codes.get((country & NOTHING) as usize).copied().unwrap_or_default();
            u64::from(asn >> 24) << 56 | u64::from(place) << 32 | u64::from(u16::from_be_bytes(code)) << 16
        };
        let mut table =
            Table { v4: Halves::default(), words: Vec::new(), v6_starts: Vec::new(), v6_words: Vec::new(), names };
        let mut starts = Vec::new();
        let mut before = EMPTY;
        join(asn.map(|ranges| &ranges.v4), country.map(|ranges| &ranges.v4), |start: u32, a, c| {
            let word = word(a, c);
            if word != before || start == 0 {
                table.words.push(word);
                starts.push(start);
                before = word;
            }
        });
        join(asn.map(|ranges| &ranges.v6), country.map(|ranges| &ranges.v6), |start: u128, a, c| {
            table.v6_starts.push(start);
            table.v6_words.push(word(a, c));
        });
        table.v4 = Halves::new(starts);
        table
    }

    /// What is known of an address.
    pub(super) fn find(&self, address: IpAddr) -> Found<'_> {
        let word = match address {
            IpAddr::V4(a) => self.word(a.to_bits()),
            // An IPv4 address in IPv6 clothes lies where its IPv4 address lies.
            IpAddr::V6(a) => match a.to_ipv4_mapped() {
                Some(mapped) => self.word(mapped.to_bits()),
                None => self.word_v6(a.to_bits()),
            },
        };
        let Some(word) = word else { return Found::default() };
        let [prefix, place @ .., a, b, _, _] = word.to_be_bytes();
        let [p, q, r] = place;
        let asn = self.name(u32::from_be_bytes([0, p, q, r]));
        let address = address.to_canonical();
        let network = if asn.is_some() { Net::new(address, prefix) } else { None };
        Found { asn, network, country: (a != 0).then_some([a, b]) }
    }

    fn word(&self, address: u32) -> Option<u64> {
        self.words.get(self.v4.stretch(address)?).copied()
    }

    /// Fetches what [`Table::find`] will need for these addresses (IPv4), step by step for all of them:
    /// what one step of one address waits for is fetched while the same step of the others is.
    pub(super) fn look_ahead(&self, addresses: &[u32]) {
        let stretches: Vec<usize> = addresses.iter().filter_map(|address| self.v4.stretch(*address)).collect();
        let words: Vec<u64> = stretches.iter().filter_map(|stretch| self.words.get(*stretch).copied()).collect();
        let name = |word: &u64| self.names.as_bytes().get((word >> 32 & 0x00ff_ffff) as usize * PLACE_BYTES).copied();
        std::hint::black_box(words.iter().filter_map(name).fold(0, u8::wrapping_add));
    }

    fn word_v6(&self, address: u128) -> Option<u64> {
        let after = self.v6_starts.partition_point(|start| *start <= address);
        self.v6_words.get(after.checked_sub(1)?).copied()
    }

    fn name(&self, place: u32) -> Option<(u32, &str)> {
        if place == NO_PLACE {
            return None;
        }
        let at = place as usize * PLACE_BYTES;
        let head = self.names.as_bytes().get(at..)?.first_chunk::<{ NUMBER_BYTES + LENGTH_BYTES }>()?;
        let (number, length) = head.split_at(NUMBER_BYTES);
        let start = at + NUMBER_BYTES + LENGTH_BYTES;
        let name = self.names.get(start..start + read_number(length) as usize);
        Some((read_number(number), name.unwrap_or("")))
    }
}

/// Tells the words of two lists wherever either changes, from zero on.
fn join<A: Copy + Ord + Default>(
    first: Option<&Stretches<A>>,
    second: Option<&Stretches<A>>,
    mut tell: impl FnMut(A, u32, u32),
) {
    let pairs = |list: Option<&Stretches<A>>| {
        let pairs = list.map(|list| list.starts.iter().copied().zip(list.words.iter().copied()));
        pairs.into_iter().flatten().collect::<Vec<(A, u32)>>().into_iter().peekable()
    };
    let (mut first, mut second) = (pairs(first), pairs(second));
    let (mut a, mut b) = (u32::MAX, u32::MAX);
    loop {
        let next = [first.peek(), second.peek()].into_iter().flatten().map(|(start, _)| *start).min();
        let Some(at) = next else { return };
        if let Some((_, word)) = first.next_if(|(start, _)| *start == at) {
            a = word;
        }
        if let Some((_, word)) = second.next_if(|(start, _)| *start == at) {
            b = word;
        }
        tell(at, a, b);
    }
}

/// The names of all ASes behind each other, those of most stretches first, and the place of each value.
fn arrange(asn: &Ranges) -> (String, Vec<u32>) {
    let mut uses = vec![0u32; asn.values.entries.len()];
    for word in asn.v4.words.iter().chain(&asn.v6.words) {
        if let Some(count) = uses.get_mut((word & NOTHING) as usize) {
            *count += 1;
        }
    }
    let mut order: Vec<usize> = (0..uses.len()).collect();
    order.sort_by_key(|id| std::cmp::Reverse(uses.get(*id).copied()));
    let mut names = String::with_capacity(asn.values.text.len() + uses.len() * PLACE_BYTES);
    let mut places = vec![NO_PLACE; uses.len()];
    for id in order {
        let Some((number, name)) = u32::try_from(id).ok().and_then(|id| asn.values.get(id)) else { continue };
        let place = u32::try_from(names.len() / PLACE_BYTES).unwrap_or(NO_PLACE);
        // Beyond 128 MiB of names the rarest go without an AS; no data set comes near that.
        if place >= NO_PLACE {
            break;
        }
        let length = u8::try_from(name.floor_char_boundary(usize::from(u8::MAX))).unwrap_or(0);
        write_number(number, NUMBER_BYTES, &mut names);
        write_number(u32::from(length), LENGTH_BYTES, &mut names);
        names.push_str(name.get(..usize::from(length)).unwrap_or_default());
        while !names.len().is_multiple_of(PLACE_BYTES) {
            names.push('\0');
        }
        if let Some(slot) = places.get_mut(id) {
            *slot = place;
        }
    }
    (names, places)
}

fn codes_of(country: &Ranges) -> Vec<[u8; 2]> {
    let ids = (0u32..).map_while(|id| country.values.get(id));
    ids.map(|(_, code)| <[u8; 2]>::try_from(code.as_bytes()).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::ranges::What;
    use super::*;

    /// INVARIANT: the joined table says what the two sets of ranges say.
    #[test]
    fn joined_ranges_say_what_each_says() {
        let read = |what, text: &str| Ranges::read(what, &[("t.csv", text.as_bytes())], &mut Vec::new());
        let asn = read(
            What::Asn,
            "0.0.0.0,0.0.0.9,1,a\n10.0.0.0,10.3.255.255,2,b\n10.1.0.5,10.1.0.9,3,c\n255.255.255.255,255.255.255.255,4,d\n\
             2001:db8::,2001:db8::ff,5,e\n2001:db8::100,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,6,f\n",
        );
        let country = read(
            What::Country,
            "0.0.0.5,0.0.0.20,FI\n10.1.0.0,10.1.0.6,SE\n11.0.0.0,11.0.0.0,NO\n2001:db8::80,2001:db8::180,EE\n",
        );
        let both = Table::new(Some(&asn), Some(&country));
        let (alone, other) = (Table::new(Some(&asn), None), Table::new(None, Some(&country)));
        let v4 = ["0.0.0.0", "10.0.255.250", "10.0.255.255", "10.1.0.0", "10.3.255.250", "11.0.0.0", "255.255.255.250"];
        let starts = v4.into_iter().chain(["::", "2001:db8::", "2001:db8::78", "2001:db8::f8", "2001:db8::178"]);
        for start in starts {
            for step in 0..20u32 {
                let address = match start.parse().unwrap() {
                    IpAddr::V4(a) => IpAddr::V4(a.to_bits().wrapping_add(step).into()),
                    IpAddr::V6(a) => IpAddr::V6((a.to_bits() + u128::from(step)).into()),
                };
                let want = asn.find(address);
                let code = country.find(address).map(|answer| answer.text.as_bytes().try_into().unwrap());
                let found = both.find(address);
                assert_eq!(found.asn, want.map(|a| (a.number, a.text)), "{address}");
                assert_eq!(found.network, want.and_then(|a| a.network), "{address}");
                assert_eq!(found.country, code, "{address}");
                assert_eq!(alone.find(address).asn, found.asn, "{address}");
                assert_eq!(other.find(address), Found { country: code, ..Found::default() }, "{address}");
            }
        }
        assert_eq!(Table::new(None, None).find("192.0.2.1".parse().unwrap()), Found::default());
    }
}
