//! Random numbers that come again with the same seed (splitmix64).

use std::time::{SystemTime, UNIX_EPOCH};

/// A stream of random numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below the limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// The seed of the environment, or a new one.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("CONCERT_KILL_SEED").ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    given.map_or_else(|| u64::from(now.subsec_nanos()), |text| text.parse().unwrap())
}
