//! Secrets of tokens and sessions that somebody may be guessing: an address that comes with many wrong ones waits.
//!
//! A secret that was right before is looked at all the same. Behind a proxy many come from one address, and one
//! program with an old token is not to keep out the others.

use std::collections::BTreeSet;
use std::net::IpAddr;

use concert_model::Time;

use super::addresses::Addresses;

/// Most wrong secrets from one address within five minutes.
const WRONG_MAX: u32 = 100;
/// Most secrets that are remembered as right.
const RIGHT_MAX: usize = 4096;

/// What came lately.
#[derive(Debug)]
pub(super) struct Guesses {
    wrong: Addresses,
    /// Hashes of secrets that were right.
    right: BTreeSet<[u8; 32]>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { wrong: Addresses::new(WRONG_MAX), right: BTreeSet::new() }
    }
}

impl Guesses {
    /// Counts a secret as wrong before it is looked at; else tells from when on the next one is.
    pub(super) fn before(&mut self, hash: &[u8; 32], address: IpAddr, now: Time) -> Result<(), Time> {
        if self.right.contains(hash) { Ok(()) } else { self.wrong.count(address, now) }
    }

    /// Takes up how it was.
    pub(super) fn after(&mut self, hash: &[u8; 32], address: IpAddr, is_right: bool) {
        if !is_right {
            self.right.remove(hash);
            return;
        }
        if self.right.len() >= RIGHT_MAX {
            self.right.pop_first();
        }
        if self.right.insert(*hash) {
            self.wrong.take_back(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_guesses_waits_and_what_was_right_before_does_not() {
        let (mut guesses, from, hash) = (Guesses::default(), IpAddr::from([192, 0, 2, 1]), |number: u32| {
            *blake3::hash(&number.to_be_bytes()).as_bytes()
        });
        guesses.before(&hash(0), from, Time(0)).unwrap();
        guesses.after(&hash(0), from, true);
        for number in 1..=WRONG_MAX {
            assert_eq!(guesses.before(&hash(number), from, Time(0)), Ok(()));
            guesses.after(&hash(number), from, false);
        }
        assert!(guesses.before(&hash(1), from, Time(0)).is_err());
        assert_eq!(guesses.before(&hash(0), from, Time(0)), Ok(()));
        assert_eq!(guesses.before(&hash(1), IpAddr::from([192, 0, 2, 2]), Time(0)), Ok(()));
        // Once it is wrong it is like any other.
        guesses.after(&hash(0), from, false);
        assert!(guesses.before(&hash(0), from, Time(0)).is_err());
    }

    #[test]
    fn what_was_right_is_bounded() {
        let mut guesses = Guesses::default();
        for number in 0..2 * RIGHT_MAX {
            guesses.after(blake3::hash(&number.to_be_bytes()).as_bytes(), IpAddr::from([192, 0, 2, 1]), true);
        }
        assert_eq!(guesses.right.len(), RIGHT_MAX);
    }
}
