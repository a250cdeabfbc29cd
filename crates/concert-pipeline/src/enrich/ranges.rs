//! Address ranges and what holds for each: AS number and name, or country.
//!
//! Both families in sorted arrays: where each stretch of addresses begins, and what holds from there
//! to the next beginning. Where ranges overlap the narrower wins; of two equally wide ones the later.
//! How the ranges are read is in `csv.rs` and `mmdb.rs`, the copy on disk in `compiled.rs`. Events
//! are looked up in the joined arrays of `table.rs`, not here.
//!
//! The network of an answer is that of the range in the file, and only when the range is exactly one
//! CIDR block; else there is none, because a guessed prefix would look like an announced one.

use std::hash::BuildHasher;
use std::io::BufRead;
use std::net::IpAddr;

use concert_model::{Net, Problem};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::stretch::stretches;

/// Most ranges one set of files can hold.
pub const RANGES_MAX: usize = 16_000_000;
/// Most bytes of text (AS names) one set of files can hold.
const TEXT_BYTES_MAX: usize = 256 << 20;
/// Most different values: what fits beside the prefix length in one word.
const VALUES_MAX: usize = 0x00ff_ffff;
/// The value of a stretch that no range covers.
pub(super) const NOTHING: u32 = 0x00ff_ffff;
/// The prefix length of a range that is not one CIDR block.
const NO_PREFIX: u8 = 0xff;

/// What the ranges say about their addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// AS number and name.
    Asn,
    /// Country code.
    Country,
}

impl What {
    /// The word for people.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Asn => "AS numbers",
            Self::Country => "countries",
        }
    }
}

/// What holds for an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// The AS number; 0 for countries.
    pub number: u32,
    /// The name of the AS, possibly empty, or the country code.
    pub text: &'a str,
    /// The range, when it is exactly one CIDR block.
    pub network: Option<Net>,
}

/// Ranges of both families with what holds for each.
#[derive(Debug, PartialEq, Eq)]
pub struct Ranges {
    pub(super) what: What,
    pub(super) v4: Stretches<u32>,
    pub(super) v6: Stretches<u128>,
    pub(super) values: Values,
}

/// Where each stretch begins, and its prefix length and value in one word. The first begins at zero.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stretches<A> {
    pub(super) starts: Vec<A>,
    pub(super) words: Vec<u32>,
}

/// The different values: number, and where its text begins and ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) entries: Vec<[u32; 3]>,
    pub(super) text: String,
}

impl Ranges {
    /// Reads the ranges of some files, each given by name and content: CSV ranges, or MMDB where the
    /// name ends in `.mmdb`. Bad lines become problems and are left out.
    pub fn read(what: What, files: &[(&str, &[u8])], problems: &mut Vec<Problem>) -> Ranges {
        let mut reading = Reading::new(what);
        for (name, bytes) in files {
            // Reading from memory does not fail.
            reading.add(name, &mut &**bytes, problems).ok();
        }
        reading.finish()
    }

    /// What the ranges are about.
    pub fn what(&self) -> What {
        self.what
    }

    /// Number of stretches of equal answers, gaps included.
    pub fn len(&self) -> usize {
        self.v4.words.len() + self.v6.words.len()
    }

    /// Whether no address has an answer.
    pub fn is_empty(&self) -> bool {
        self.values.entries.is_empty()
    }

    /// What holds for an address.
    pub fn find(&self, address: IpAddr) -> Option<Answer<'_>> {
        let word = match address {
            IpAddr::V4(a) => self.v4.word(a.to_bits()),
            // An IPv4 address in IPv6 clothes lies where its IPv4 address lies.
            IpAddr::V6(a) => match a.to_ipv4_mapped() {
                Some(mapped) => return self.find(IpAddr::V4(mapped)),
                None => self.v6.word(a.to_bits()),
            },
        }?;
        let (number, text) = self.values.get(word & NOTHING)?;
        let prefix = word.to_be_bytes()[0];
        Some(Answer { number, text, network: Net::new(address, prefix) })
    }

    /// Puts the parts together; `None` when they do not fit each other.
    pub(super) fn assemble(what: What, v4: Stretches<u32>, v6: Stretches<u128>, values: Values) -> Option<Ranges> {
        let good = v4.is_sound() && v6.is_sound() && values.is_sound();
        good.then_some(Ranges { what, v4, v6, values })
    }
}

impl<A: Copy + Ord + Default> Stretches<A> {
    fn word(&self, address: A) -> Option<u32> {
        let after = self.starts.partition_point(|start| *start <= address);
        self.words.get(after.checked_sub(1)?).copied()
    }

    fn is_sound(&self) -> bool {
        self.starts.len() == self.words.len() && self.starts.is_sorted() && self.starts.first() == Some(&A::default())
    }

    fn push(&mut self, start: A, word: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.words.pop();
        }
        // Neighbours with the same prefix length and value need no border: the answer is the same.
        if self.words.last() != Some(&word) {
            self.starts.push(start);
            self.words.push(word);
        }
    }
}

impl Values {
    pub(super) fn get(&self, id: u32) -> Option<(u32, &str)> {
        let [number, start, end] = *self.entries.get(id as usize)?;
        Some((number, self.text.get(start as usize..end as usize)?))
    }

    fn is_sound(&self) -> bool {
        self.entries.iter().all(|[_, start, end]| self.text.get(*start as usize..*end as usize).is_some())
    }

    fn push(&mut self, number: u32, text: &str) {
        // `Builder::value` keeps the text below 4 GiB.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let start = place(self.text.len());
        self.text.push_str(text);
        self.entries.push([number, start, place(self.text.len())]);
    }
}

/// Ranges while their files are read, one after another.
pub struct Reading {
    what: What,
    builder: Builder,
}

impl Reading {
    /// Begins without any range.
    pub fn new(what: What) -> Self {
        Self { what, builder: Builder::new() }
    }

    /// Adds a file: CSV ranges, or MMDB where the name ends in `.mmdb`. Bad lines become problems and are
    /// left out; an error means that the file could not be read to its end.
    pub fn add(&mut self, name: &str, file: &mut dyn BufRead, problems: &mut Vec<Problem>) -> std::io::Result<()> {
        if !name.to_ascii_lowercase().ends_with(".mmdb") {
            return super::csv::read(self.what, name, file, &mut self.builder, problems);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if let Err(why) = super::mmdb::read(self.what, &bytes, &mut self.builder) {
            let hint = format!("take the file of the publisher that is about {}", self.what.plural());
            problems.push(Problem::new(format!("cannot be used: {why}")).at(name).hint(hint));
        }
        Ok(())
    }

    /// How many ranges were added so far.
    pub fn len(&self) -> usize {
        self.builder.v4.len() + self.builder.v6.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the files say together.
    pub fn finish(self) -> Ranges {
        self.builder.build(self.what)
    }
}

/// One range before overlaps are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range<A> {
    first: A,
    last: A,
    word: u32,
}

/// Gathers ranges in any order and values by a key of the reader's choice.
pub(super) struct Builder {
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
    values: Values,
    /// Values by two hashes of what they were read from, with secrets of this process: comparing the
    /// bytes themselves waits for memory on every line.
    known: HashTable<(u64, u64, u32)>,
    hashers: [DefaultHashBuilder; 2],
}

impl Builder {
    fn new() -> Self {
        let (v4, v6, values, known, hashers) = Default::default();
        Self { v4, v6, values, known, hashers }
    }

    fn hashes(&self, key: &[u8]) -> (u64, u64) {
        let [first, second] = &self.hashers;
        (first.hash_one(key), second.hash_one(key))
    }

    /// The value that these bytes of a file were read as before.
    pub(super) fn known(&self, key: &[u8]) -> Option<u32> {
        let (first, second) = self.hashes(key);
        self.known.find(first, |known| (known.0, known.1) == (first, second)).map(|known| known.2)
    }

    /// Adds a value; `key` are the bytes it was read from, where they are worth remembering.
    pub(super) fn value(&mut self, key: Option<&[u8]>, number: u32, text: &str) -> Result<u32, &'static str> {
        let id = self.values.entries.len();
        if id >= VALUES_MAX || self.values.text.len() + text.len() > TEXT_BYTES_MAX {
            return Err("more different values than can be kept");
        }
        let id = u32::try_from(id).map_err(|_| "more different values than can be kept")?;
        self.values.push(number, text);
        if let Some(key) = key {
            let (first, second) = self.hashes(key);
            self.known.insert_unique(first, (first, second, id), |known| known.0);
        }
        Ok(id)
    }

    /// Adds a range with a value from [`Builder::value`].
    pub(super) fn range(&mut self, first: IpAddr, last: IpAddr, value: u32) -> Result<(), &'static str> {
        if self.v4.len() + self.v6.len() >= RANGES_MAX {
            return Err("more ranges than can be kept");
        }
        let word = |first, last, bits| u32::from(prefix_of(first, last, bits).unwrap_or(NO_PREFIX)) << 24 | value;
        match (first, last) {
            _ if first > last && first.is_ipv4() == last.is_ipv4() => {
                return Err("the last address is before the first");
            }
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let (first, last) = (a.to_bits(), b.to_bits());
                self.v4.push(Range { first, last, word: word(first.into(), last.into(), 32) });
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let (first, last) = (a.to_bits(), b.to_bits());
                self.v6.push(Range { first, last, word: word(first, last, 128) });
            }
            _ => return Err("the two addresses are of different families"),
        }
        Ok(())
    }

    fn build(self, what: What) -> Ranges {
        let (mut v4, mut v6) = (Stretches::default(), Stretches::default());
        resolve(self.v4, u128::from(u32::MAX), |start, word| v4.push(u32::try_from(start).unwrap_or(u32::MAX), word));
        resolve(self.v6, u128::MAX, |start, word| v6.push(start, word));
        Ranges { what, v4, v6, values: self.values }
    }
}

/// The prefix length of a range that is exactly one CIDR block.
fn prefix_of(first: u128, last: u128, bits: u32) -> Option<u8> {
    let host = first ^ last;
    let host_bits = 128 - host.leading_zeros();
    let whole = host.count_ones() == host_bits && first & host == 0;
    if whole { u8::try_from(bits - host_bits).ok() } else { None }
}

/// Resolves overlaps of ranges given in any order.
fn resolve<A: Copy + Ord + Into<u128>>(mut ranges: Vec<Range<A>>, end: u128, tell: impl FnMut(u128, u32)) {
    // Files are sorted, which a stable sort notices.
    ranges.sort_by_key(|range| range.first);
    let range = |index: usize| ranges.get(index).map(|range| (range.first.into(), range.last.into(), range.word));
    stretches(range, end, u32::from(NO_PREFIX) << 24 | NOTHING, tell);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, proptest};

    use super::*;

    fn read(text: &str) -> Ranges {
        let mut problems = Vec::new();
        let ranges = Ranges::read(What::Asn, &[("t.csv", text.as_bytes())], &mut problems);
        assert_eq!(problems, []);
        ranges
    }

    fn check(ranges: &Ranges, address: &str, want: &str) {
        let found = ranges.find(address.parse().unwrap());
        let shown = found.map_or("nothing".into(), |answer| {
            format!("{} {} {}", answer.number, answer.text, answer.network.map(|n| n.to_string()).unwrap_or_default())
        });
        assert_eq!(shown.trim(), want, "{address}");
    }

    #[test]
    fn addresses_find_their_range_at_the_edges() {
        let ranges = read(
            "0.0.0.0,0.255.255.255,1,first\n192.0.2.0,192.0.2.255,2,\"b, c\"\n198.51.100.1,198.51.100.6,3,odd\n\
             255.255.255.0,255.255.255.255,4,last\n2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,5,six\n\
             ffff::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,6,end\n",
        );
        check(&ranges, "0.0.0.0", "1 first 0.0.0.0/8");
        check(&ranges, "1.0.0.0", "nothing");
        check(&ranges, "192.0.1.255", "nothing");
        check(&ranges, "192.0.2.255", "2 b, c 192.0.2.0/24");
        check(&ranges, "198.51.100.6", "3 odd");
        check(&ranges, "198.51.100.7", "nothing");
        check(&ranges, "255.255.255.255", "4 last 255.255.255.0/24");
        check(&ranges, "::ffff:192.0.2.1", "2 b, c 192.0.2.0/24");
        check(&ranges, "2001:db8::1", "5 six 2001:db8::/32");
        check(&ranges, "::1", "nothing");
        check(&ranges, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6 end ffff::/16");
    }

    #[test]
    fn the_narrower_range_wins_and_the_wider_goes_on_behind_it() {
        let ranges = read(
            "192.0.2.64,192.0.2.127,2,in\n192.0.2.0,192.0.2.255,1,out\n192.0.2.64,192.0.2.64,3,one\n\
             192.0.2.64,192.0.2.64,4,same width later\n",
        );
        check(&ranges, "192.0.2.63", "1 out 192.0.2.0/24");
        check(&ranges, "192.0.2.64", "4 same width later 192.0.2.64/32");
        check(&ranges, "192.0.2.127", "2 in 192.0.2.64/26");
        check(&ranges, "192.0.2.128", "1 out 192.0.2.0/24");
    }

    /// Up to a dozen ranges among few addresses, so that many overlap, are equal or begin at one place.
    fn some_ranges() -> impl Strategy<Value = Vec<Range<u128>>> {
        let ends = proptest::collection::vec((0..64u128, 0..64u128), 0..12);
        ends.prop_map(|ends| {
            let range = |(word, (a, b)): (u32, (u128, u128))| Range { first: a.min(b), last: a.max(b), word };
            (0..).zip(ends).map(range).collect()
        })
    }

    proptest! {
        /// INVARIANT: an answer is that of the narrowest range that holds the address.
        #[test]
        fn any_overlap_gives_what_a_slow_search_gives(ranges in some_ranges()) {
            let mut found = Stretches::<u128>::default();
            resolve(ranges.clone(), 63, |start, word| found.push(start, word));
            assert!(found.is_sound());
            for address in 0..64u128 {
                let mut slow: Vec<&Range<u128>> =
                    ranges.iter().filter(|r| r.first <= address && address <= r.last).collect();
                // Equally wide ranges that begin at different places: the one that begins later.
                slow.sort_by_key(|r| (std::cmp::Reverse(r.last - r.first), r.first, r.word));
                let want = slow.last().map_or(0xffff_ffff, |r| r.word);
                assert_eq!(found.word(address), Some(want), "{ranges:?} {address}");
            }
        }
    }
}
