//! Which of many stretches of IPv4 addresses one address lies in, with few cache lines touched.
//!
//! The stretches cover all addresses: each ends where the next begins. An index over the first half of
//! an address names the second halves at which something begins, and those are counted.

/// So many beginnings are counted instead of searched: a search waits for one after the other, while
/// counting fetches all at once and takes eight in a step.
const COUNTED_MAX: usize = 256;

/// Where stretches begin.
#[derive(Debug, Default)]
pub(crate) struct Halves {
    /// For each first half, how many stretches begin before it; one more at the end.
    index: Vec<u32>,
    /// For each stretch, the second half of the address it begins with.
    lows: Vec<u16>,
}

impl Halves {
    /// Stretches that begin at these addresses, which rise from 0.0.0.0 on.
    pub(crate) fn new(starts: impl IntoIterator<Item = u32>) -> Self {
        let mut halves = Self::default();
        starts.into_iter().for_each(|start| halves.push(start));
        halves.close();
        halves
    }

    /// Nothing yet, with room for so many stretches.
    pub(crate) fn with_capacity(stretches: usize) -> Self {
        Self { index: Vec::with_capacity(65_537), lows: Vec::with_capacity(stretches) }
    }

    /// Adds a stretch that begins at this address, which is behind all others.
    pub(crate) fn push(&mut self, start: u32) {
        let [a, b, c, d] = start.to_be_bytes();
        let begun = u32::try_from(self.lows.len()).unwrap_or(u32::MAX);
        self.index.resize(self.index.len().max(usize::from(u16::from_be_bytes([a, b])) + 1), begun);
        self.lows.push(u16::from_be_bytes([c, d]));
    }

    /// Says that no more stretches come.
    pub(crate) fn close(&mut self) {
        self.index.resize(65_537, u32::try_from(self.lows.len()).unwrap_or(u32::MAX));
        self.lows.shrink_to_fit();
    }

    /// The number of the stretch an address lies in.
    pub(crate) fn stretch(&self, address: u32) -> Option<usize> {
        let [a, b, c, d] = address.to_be_bytes();
        let (high, low) = (usize::from(u16::from_be_bytes([a, b])), u16::from_be_bytes([c, d]));
        let (mut from, mut to) = (*self.index.get(high)? as usize, *self.index.get(high + 1)? as usize);
        while to - from > COUNTED_MAX {
            let middle = from.midpoint(to);
            if *self.lows.get(middle)? <= low {
                from = middle;
            } else {
                to = middle;
            }
        }
        let before: u16 = self.lows.get(from..to)?.iter().map(|start| u16::from(*start <= low)).sum();
        (from + usize::from(before)).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// INVARIANT: the last stretch that begins at or before an address is the one.
    #[test]
    fn an_address_lies_in_the_stretch_that_began_last() {
        let mut starts: Vec<u32> =
            vec![0, 1, 0x0000_ffff, 0x0001_0000, 0x0a00_0001, 0x0a00_0003, 0xffff_0000, u32::MAX];
        starts.extend((0..3_000).map(|number| 0x0b00_0000 + number * 20));
        starts.sort_unstable();
        let halves = Halves::new(starts.iter().copied());
        for (number, start) in starts.iter().enumerate() {
            for address in [start.saturating_sub(1), *start, start.saturating_add(1)] {
                let want = starts.partition_point(|start| *start <= address).checked_sub(1);
                assert_eq!(halves.stretch(address), want, "{number} {address:08x}");
            }
        }
        assert_eq!(Halves::new([0]).stretch(u32::MAX), Some(0));
        assert_eq!(Halves::new([]).stretch(7), None);
        assert_eq!(Halves::default().stretch(7), None);
    }
}
