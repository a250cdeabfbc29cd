//! A small generator of numbers: the same seed gives the same numbers on every machine.
//!
//! SplitMix64. Not for secrets.

/// Numbers from one seed.
pub(super) struct Random(u64);

impl Random {
    /// The numbers of this seed and this place. Neighbouring places give unrelated numbers, so that any
    /// row of a feed can be made again without keeping it.
    pub(super) fn at(seed: u64, place: u64) -> Self {
        Self(mix(seed ^ mix(place)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        // The upper half of a wide product spreads evenly enough without a division.
        let wide = u128::from(self.next()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// One of a list; the empty value for an empty list.
    pub(super) fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let at = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        list.get(at).copied().unwrap_or_default()
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_place_others() {
        let numbers = |seed, place| {
            let mut random = Random::at(seed, place);
            std::array::from_fn::<u64, 8, _>(|_| random.below(1_000_000))
        };
        assert_eq!(numbers(1, 7), numbers(1, 7));
        assert_ne!(numbers(1, 7), numbers(1, 8));
        assert_ne!(numbers(1, 7), numbers(2, 7));
        assert!(numbers(3, 3).iter().all(|number| *number < 1_000_000));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut random = Random::at(1, 0);
        let mut counts = [0u32; 10];
        for _ in 0..10_000 {
            counts[usize::try_from(random.below(10)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
