//! Which events a notice holds: rows of batches, as ranges, written in few bytes.

/// Rows `start..start + length` of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Number of the batch.
    pub batch: u64,
    /// First row.
    pub start: u32,
    /// How many rows.
    pub length: u32,
}

/// Bytes of a written range at most: one number of 64 bits and two of 32, seven bits a byte.
const RANGE_BYTES_MAX: usize = 20;

/// A set of events, in the order they were added.
///
/// Kept as it is written: a large report makes tens of thousands of them at once.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Finished ranges: three variable-length numbers each: batch (as a step from the one before),
    /// start, length.
    bytes: Vec<u8>,
    /// Batch of the last finished range.
    before: u64,
    /// The range that may still grow.
    open: Option<Range>,
    count: u64,
}

impl Members {
    /// Adds one event. Neighbours become one range.
    pub fn add(&mut self, batch: u64, row: u32) {
        self.count += 1;
        match &mut self.open {
            Some(open) if open.batch == batch && open.start.checked_add(open.length) == Some(row) => open.length += 1,
            open => {
                if let Some(finished) = open.replace(Range { batch, start: row, length: 1 }) {
                    write_range(&mut self.bytes, &mut self.before, finished);
                }
            }
        }
    }

    /// The ranges.
    pub fn ranges(&self) -> impl Iterator<Item = Range> + '_ {
        let (mut bytes, mut batch) = (self.bytes.as_slice(), 0);
        std::iter::from_fn(move || read_range(&mut bytes, &mut batch)).chain(self.open)
    }

    /// Whether all events of another set are in this one too.
    pub fn covers(&self, other: &Members) -> bool {
        other.ranges().all(|range| {
            let (mut row, end) = (range.start, range.start.saturating_add(range.length));
            while row < end {
                let holds = |own: &Range| {
                    own.batch == range.batch && own.start <= row && row < own.start.saturating_add(own.length)
                };
                let Some(own) = self.ranges().find(holds) else { return false };
                row = own.start.saturating_add(own.length);
            }
            true
        })
    }

    /// Number of events.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The same events as several sets, each with at most so many.
    pub fn chunks(&self, size: u64) -> Vec<Members> {
        let size = size.max(1);
        let mut sets: Vec<Members> = Vec::new();
        for range in self.ranges() {
            for row in range.start..range.start + range.length {
                match sets.last_mut() {
                    Some(last) if last.len() < size => last.add(range.batch, row),
                    _ => {
                        let mut next = Members::default();
                        next.add(range.batch, row);
                        sets.push(next);
                    }
                }
            }
        }
        sets
    }

    /// The set in few bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (mut bytes, mut before) = (self.bytes.clone(), self.before);
        if let Some(open) = self.open {
            write_range(&mut bytes, &mut before, open);
        }
        bytes
    }

    /// Reads what [`Members::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut before, mut count) = (bytes, 0, 0);
        while !rest.is_empty() {
            count += u64::from(read_range(&mut rest, &mut before)?.length);
        }
        Some(Self { bytes: bytes.to_owned(), before, open: None, count })
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.ranges().eq(other.ranges())
    }
}

impl Eq for Members {}

/// Batches may be named in any order; the step wraps and unwraps.
fn write_range(out: &mut Vec<u8>, before: &mut u64, range: Range) {
    // Doubling would leave much unused, and there are tens of thousands of sets.
    if out.capacity() - out.len() < RANGE_BYTES_MAX {
        out.reserve_exact(RANGE_BYTES_MAX + out.len() / 8);
    }
    put(out, range.batch.wrapping_sub(*before));
    put(out, u64::from(range.start));
    put(out, u64::from(range.length));
    *before = range.batch;
}

fn read_range(bytes: &mut &[u8], before: &mut u64) -> Option<Range> {
    let batch = before.wrapping_add(get(bytes)?);
    let start = u32::try_from(get(bytes)?).ok()?;
    let length = u32::try_from(get(bytes)?).ok()?;
    // So that no reader has to look whether the end of a range is a row, or whether it has a last one.
    start.checked_add(length).filter(|_| length > 0)?;
    *before = batch;
    Some(Range { batch, start, length })
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn get(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_covers_what_is_in_it() {
        let set = |rows: &[(u64, u32)]| {
            let mut members = Members::default();
            rows.iter().for_each(|(batch, row)| members.add(*batch, *row));
            members
        };
        let all = set(&[(1, 0), (1, 1), (1, 5), (2, 0), (1, 2)]);
        assert!(all.covers(&all) && all.covers(&set(&[])) && all.covers(&set(&[(1, 0), (1, 1), (1, 2), (2, 0)])));
        assert!(!all.covers(&set(&[(1, 2), (1, 3)])) && !all.covers(&set(&[(2, 1)])) && !set(&[]).covers(&all));
    }

    #[test]
    fn members_are_read_back() {
        let mut members = Members::default();
        for (batch, row) in [(7, 1), (7, 2), (7, 9), (3, 0), (900, 70_000)] {
            members.add(batch, row);
        }
        assert_eq!(members.ranges().count(), 4);
        assert_eq!(members.len(), 5);
        let bytes = members.to_bytes();
        assert_eq!(Members::from_bytes(&bytes), Some(members));
        assert_eq!(Members::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Members::from_bytes(&[0xff; 11]), None);
    }

    #[test]
    fn a_range_without_rows_is_refused() {
        assert_eq!(Members::from_bytes(&[7, 0, 0]), None);
        assert_eq!(Members::from_bytes(&[7, 0, 1]).map(|members| members.len()), Some(1));
    }

    #[test]
    fn sets_are_cut_in_their_order() {
        let mut members = Members::default();
        for (batch, row) in [(7, 1), (7, 2), (7, 9), (3, 0), (900, 70_000)] {
            members.add(batch, row);
        }
        let check = |size: u64, want: &[u64]| {
            let sets = members.chunks(size);
            assert_eq!(sets.iter().map(Members::len).collect::<Vec<_>>(), want);
            let mut all = Members::default();
            let rows = sets.iter().flat_map(Members::ranges);
            rows.for_each(|range| (range.start..range.start + range.length).for_each(|row| all.add(range.batch, row)));
            assert_eq!(all, members);
        };
        check(2, &[2, 2, 1]);
        check(1, &[1; 5]);
        check(0, &[1; 5]);
        check(5, &[5]);
        check(u64::MAX, &[5]);
    }

    #[test]
    fn a_range_behind_the_last_row_is_refused() {
        let written = |range: Range| {
            let (mut bytes, mut before) = (Vec::new(), 0);
            write_range(&mut bytes, &mut before, range);
            bytes
        };
        let last = written(Range { batch: 1, start: u32::MAX, length: 1 });
        assert_eq!(Members::from_bytes(&last), None);
        let mut more = Members::from_bytes(&written(Range { batch: 1, start: 3, length: 2 })).unwrap();
        more.add(1, 5);
        assert_eq!((more.len(), more.ranges().count()), (3, 2), "what was read is not joined, but is the same set");
    }
}
