//! Which problems were seen when: what decides that an event is a repeat.
//!
//! Problems are kept in buckets as wide as the window, by `time.source`, twelve bytes each. Buckets
//! are filled from the store when an event first needs them, so a site with years of events holds in
//! memory only what its reports are about.

use std::sync::LazyLock;

use concert_model::{ProblemKey, Time};
use hashbrown::HashTable;

/// Eight of the sixteen bytes of the problem's hash and the second it was first seen, without the room
/// that wider numbers would need beside them. A million problems of one window collide with a chance
/// of one in 37 million.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: [u32; 2],
    second: u32,
}

impl Entry {
    fn hash(self) -> u64 {
        u64::from(self.hash[0]) << 32 | u64::from(self.hash[1])
    }
}

/// Problems seen, by time.
pub struct Seen {
    window_seconds: i64,
    /// By their number, ascending. Few, so that a list is searched faster than a tree.
    buckets: Vec<(i64, Bucket)>,
}

/// Tables a bucket is split into. Their shares of the problems differ up to twofold, so that they double
/// one after the other: growing a bucket of millions never holds it in memory twice, and what it takes
/// grows with what it holds.
const TABLES: usize = 64;
/// Parts of all hashes, each of which belongs to one table.
const PARTS: usize = 4_096;

/// The table of each part.
static TABLE_OF: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let share = |table: usize| 2f64.powf(table as f64 / TABLES as f64);
    let all: f64 = (0..TABLES).map(share).sum();
    let tables = (0u8..).zip(0..TABLES).scan(0.0, |before, (number, table)| {
        *before += share(table) / all;
        Some((number, *before))
    });
    let ends: Vec<(u8, f64)> = tables.collect();
    let table_of = |part: usize| ends.iter().find(|(_, end)| (part as f64) < end * PARTS as f64).map(|(n, _)| *n);
    (0..PARTS).map(|part| table_of(part).unwrap_or(0)).collect()
});

/// The problems of one window.
#[derive(Default)]
struct Bucket {
    /// None until there is a problem: most windows that are looked back at are empty, and passing over them must touch
    /// no memory of theirs.
    tables: Vec<HashTable<Entry>>,
}

impl Bucket {
    /// Bits that the tables themselves use for neither place nor tag choose the table.
    fn number(hash: u64) -> usize {
        let part = usize::try_from(hash >> 40).unwrap_or(0) % PARTS;
        TABLE_OF.get(part).copied().map_or(0, usize::from)
    }

    fn of(&self, hash: u64) -> Option<&HashTable<Entry>> {
        self.tables.get(Self::number(hash)).filter(|table| !table.is_empty())
    }

    fn insert(&mut self, entry: Entry) {
        if self.tables.is_empty() {
            self.tables.resize_with(TABLES, HashTable::new);
        }
        if let Some(table) = self.tables.get_mut(Self::number(entry.hash())) {
            table.insert_unique(entry.hash(), entry, |entry| entry.hash());
        }
    }

    fn len(&self) -> usize {
        self.tables.iter().map(HashTable::len).sum()
    }
}

impl Seen {
    /// Nothing seen yet. A window below a second counts as one.
    pub fn new(window: std::time::Duration) -> Self {
        let window_seconds = i64::try_from(window.as_secs()).unwrap_or(i64::MAX).clamp(1, 10 * 366 * 86_400);
        Self { window_seconds, buckets: Vec::new() }
    }

    /// The window in seconds.
    pub fn window_seconds(&self) -> i64 {
        self.window_seconds
    }

    /// The bucket a moment belongs to.
    pub fn bucket(&self, time: Time) -> i64 {
        second(time) / self.window_seconds
    }

    /// The span of moments of a bucket: first, and first after it.
    pub fn span(&self, bucket: i64) -> (Time, Time) {
        let start = Time(bucket.saturating_mul(self.window_seconds).saturating_mul(1_000_000));
        (start, start.plus_seconds(self.window_seconds))
    }

    /// Whether a bucket was filled.
    pub fn has(&self, bucket: i64) -> bool {
        self.buckets.binary_search_by_key(&bucket, |(number, _)| *number).is_ok()
    }

    /// Says that a bucket is filled, even when it is empty.
    pub fn fill(&mut self, bucket: i64) {
        self.change(bucket, |_| {});
    }

    /// Changes a bucket, which is made if there is none.
    fn change(&mut self, number: i64, change: impl FnOnce(&mut Bucket)) {
        let at = self.buckets.partition_point(|(before, _)| *before < number);
        match self.buckets.get_mut(at) {
            Some((found, bucket)) if *found == number => change(bucket),
            _ => {
                let mut bucket = Bucket::default();
                change(&mut bucket);
                self.buckets.insert(at, (number, bucket));
            }
        }
    }

    /// The buckets of these numbers, the last not among them.
    fn near(&self, from: i64, until: i64) -> &[(i64, Bucket)] {
        let at = self.buckets.partition_point(|(number, _)| *number < from);
        let end = self.buckets.partition_point(|(number, _)| *number < until);
        self.buckets.get(at..end).unwrap_or_default()
    }

    /// Takes in an event that is stored already.
    pub fn insert(&mut self, problem: ProblemKey, time: Time) {
        let bucket = self.bucket(time);
        let entry = entry(problem, time);
        self.change(bucket, |bucket| bucket.insert(entry));
    }

    /// Whether this is a repeat, and then of the event at which moment (in whole seconds). If it is
    /// not, it is taken in. `window_seconds` may be shorter than the widest window, not longer.
    pub fn repeat_or_insert(&mut self, problem: ProblemKey, time: Time, window_seconds: i64) -> Option<Time> {
        let wanted = entry(problem, time);
        match self.find(wanted, self.bucket(time), window_seconds) {
            Some(found) => Time::from_seconds(i64::from(found.second)),
            None => {
                let bucket = self.bucket(time);
                self.change(bucket, |bucket| bucket.insert(wanted));
                None
            }
        }
    }

    /// Fetches the memory where many problems would be found, for all of them at the same time and not
    /// one after the other; what is asked next for each is then at hand. Nothing is decided by what is
    /// there, because a wrong guess of the processor would stop it from fetching ahead.
    pub fn look_ahead<'a>(&self, problems: impl Iterator<Item = (&'a ProblemKey, Time)>) {
        for (key, time) in problems {
            let (wanted, bucket) = (entry(*key, time), self.bucket(time));
            for (_, near) in self.near(bucket - 1, bucket + 2) {
                if let Some(table) = near.of(wanted.hash()) {
                    std::hint::black_box(table.iter_hash(wanted.hash()));
                }
            }
        }
    }

    fn find(&self, wanted: Entry, bucket: i64, window_seconds: i64) -> Option<&Entry> {
        let window_seconds = window_seconds.clamp(1, self.window_seconds);
        let same = |entry: &Entry| {
            entry.hash == wanted.hash && i64::from(entry.second.abs_diff(wanted.second)) < window_seconds
        };
        let mut tables = self.near(bucket - 1, bucket + 2).iter().filter_map(|(_, near)| near.of(wanted.hash()));
        tables.find_map(|table| table.find(wanted.hash(), same))
    }

    /// When this problem was last seen in the windows before that of a moment, looking back over so many; in whole
    /// seconds. Within one window an event is a repeat and not an earlier event. Of a report that came late it may only
    /// have been seen afterwards; then when it was next.
    pub fn previous<'s>(&'s self, problem: ProblemKey, time: Time, windows: i64) -> Option<Time> {
        let wanted = entry(problem, time);
        let bucket = self.bucket(time);
        let of = |(_, bucket): &'s (i64, Bucket)| bucket.of(wanted.hash());
        let seconds = |table: &'s HashTable<Entry>| {
            let same = table.iter_hash(wanted.hash()).filter(move |entry| entry.hash == wanted.hash);
            same.map(|entry| entry.second)
        };
        let mut before = self.near(bucket - windows, bucket).iter().rev().filter_map(of);
        let mut after = self.near(bucket, bucket + windows + 1).iter().filter_map(of);
        let last = before.find_map(|table| seconds(table).filter(|second| *second < wanted.second).max());
        let next = || after.find_map(|table| seconds(table).filter(|second| *second > wanted.second).min());
        Time::from_seconds(i64::from(last.or_else(next)?))
    }

    /// Forgets everything, so that it is read again from what is stored (after a failed write).
    pub fn clear(&mut self) {
        self.buckets.clear();
    }

    /// Forgets the oldest buckets beyond a number of problems, so that memory stays bounded.
    pub fn shrink(&mut self, problems_max: usize) {
        while self.buckets.len() > 3
            && self.buckets.iter().map(|(_, bucket)| bucket.len()).sum::<usize>() > problems_max
        {
            self.buckets.remove(0);
        }
    }
}

/// Seconds since 1970 as they are kept. Moments outside 1970 to 2106 are kept at the edge.
fn second(time: Time) -> i64 {
    time.seconds().clamp(0, i64::from(u32::MAX))
}

fn entry(problem: ProblemKey, time: Time) -> Entry {
    let [a, b, c, d, e, f, g, h, ..] = problem.0;
    Entry {
        hash: [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])],
        second: u32::try_from(second(time)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_share_and_the_last_twice_that_of_the_first() {
        let shares: Vec<usize> =
            (0..TABLES).map(|table| TABLE_OF.iter().filter(|of| usize::from(**of) == table).count()).collect();
        assert_eq!(shares.iter().sum::<usize>(), PARTS);
        assert!(shares.iter().all(|share| (40..100).contains(share)), "{shares:?}");
        assert!((1.8..2.2).contains(&(shares[TABLES - 1] as f64 / shares[0] as f64)), "{shares:?}");
    }

    #[test]
    fn a_repeat_within_the_window_is_known_from_its_first_sighting() {
        let mut seen = Seen::new(std::time::Duration::from_secs(86_400));
        let key = ProblemKey::of(b"x");
        let at = |hours: i64| Time::from_seconds(1_000_000_000 + hours * 3600).unwrap();
        assert_eq!(seen.repeat_or_insert(key, at(0), 86_400), None);
        assert_eq!(seen.repeat_or_insert(key, at(23), 86_400), Some(at(0)));
        assert_eq!(seen.repeat_or_insert(key, at(-23), 86_400), Some(at(0)), "reports come late");
        assert_eq!(seen.repeat_or_insert(ProblemKey::of(b"y"), at(0), 86_400), None);
        assert_eq!(seen.repeat_or_insert(key, at(24), 86_400), None, "the window counts from the first sighting");
        assert_eq!(seen.repeat_or_insert(key, at(30), 86_400), Some(at(24)));
        assert_eq!(seen.previous(key, at(24), 7), Some(at(0)));
        assert_eq!(seen.previous(key, at(0), 7), Some(at(24)), "what came late was seen afterwards");
        assert_eq!(seen.previous(key, at(24 * 9), 7), None);
    }
}
