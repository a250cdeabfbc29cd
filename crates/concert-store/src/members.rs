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

/// A set of events, in the order they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    ranges: Vec<Range>,
}

impl Members {
    /// Adds one event. Neighbours become one range.
    pub fn add(&mut self, batch: u64, row: u32) {
        match self.ranges.last_mut() {
            Some(last) if last.batch == batch && last.start.checked_add(last.length) == Some(row) => last.length += 1,
            _ => self.ranges.push(Range { batch, start: row, length: 1 }),
        }
    }

    /// The ranges.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Number of events.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|range| u64::from(range.length)).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Three variable-length numbers a range: batch (as a step from the one before), start, length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ranges.len() * 5);
        let mut before = 0;
        for range in &self.ranges {
            // Batches may be named in any order; the step wraps and unwraps.
            put(&mut out, range.batch.wrapping_sub(before));
            put(&mut out, u64::from(range.start));
            put(&mut out, u64::from(range.length));
            before = range.batch;
        }
        out
    }

    /// Reads what [`Members::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let (mut ranges, mut batch) = (Vec::new(), 0u64);
        while !bytes.is_empty() {
            batch = batch.wrapping_add(get(&mut bytes)?);
            let start = u32::try_from(get(&mut bytes)?).ok()?;
            let length = u32::try_from(get(&mut bytes)?).ok()?;
            // So that no reader has to look whether the end of a range is a row.
            start.checked_add(length)?;
            ranges.push(Range { batch, start, length });
        }
        Some(Self { ranges })
    }
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
    fn members_are_read_back() {
        let mut members = Members::default();
        for (batch, row) in [(7, 1), (7, 2), (7, 9), (3, 0), (900, 70_000)] {
            members.add(batch, row);
        }
        assert_eq!(members.ranges().len(), 4);
        assert_eq!(members.len(), 5);
        let bytes = members.to_bytes();
        assert_eq!(Members::from_bytes(&bytes), Some(members));
        assert_eq!(Members::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Members::from_bytes(&[0xff; 11]), None);
    }

    #[test]
    fn a_range_behind_the_last_row_is_refused() {
        let last = Members { ranges: vec![Range { batch: 1, start: u32::MAX, length: 1 }] };
        assert_eq!(Members::from_bytes(&last.to_bytes()), None);
        let mut full = last.clone();
        full.add(1, 5);
        assert_eq!(full.len(), 2);
    }
}
