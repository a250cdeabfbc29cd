//! Identifiers: newtypes over hashes, written as lower-case hexadecimal.

use std::fmt;
use std::str::FromStr;

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                let bytes = text.as_bytes();
                if bytes.len() != 32 {
                    return Err(());
                }
                let mut out = [0u8; 16];
                for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                    let [high, low] = pair else { return Err(()) };
                    *slot = hex_digit(*high)? << 4 | hex_digit(*low)?;
                }
                Ok(Self(out))
            }
        }
    };
}

fn hex_digit(byte: u8) -> Result<u8, ()> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(()),
    }
}

hash_id!(
    /// One receipt: a hash of feed, content and where the report came from (see [`ReportId::new`]).
    ReportId
);
hash_id!(
    /// One event: made of the hash of its report, its position in it and its ordinal there.
    EventId
);
hash_id!(
    /// What makes two events the same problem: a hash of the de-duplication fields, without time.
    ProblemKey
);

impl ReportId {
    /// The identity of a receipt. `content` is the BLAKE3 hash of the bytes as received and `origin`
    /// what tells two deliveries of the same bytes apart (Message-ID, file name, fetch time, ...).
    pub fn new(feed: &str, content: &[u8; 32], origin: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("concert 2026 report");
        hasher.update(&(feed.len() as u64).to_le_bytes());
        hasher.update(feed.as_bytes());
        hasher.update(content);
        hasher.update(origin.as_bytes());
        Self(first_half(&hasher.finalize()))
    }
}

/// A part of a report: a member of an archive, an attachment of a mail. Parts are told apart by their
/// names, so that it changes nothing for one part whether another is read as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part(u64);

impl Part {
    /// The report itself.
    pub const WHOLE: Part = Part(0);

    /// The part with this name; `nth` counts those of the same name, from 0.
    pub fn new(name: &str, nth: u32) -> Self {
        if name.is_empty() && nth == 0 {
            return Self::WHOLE;
        }
        let mut hasher = blake3::Hasher::new_derive_key("concert 2026 part");
        hasher.update(&nth.to_le_bytes());
        hasher.update(name.as_bytes());
        let half = first_half(&hasher.finalize());
        Self(u64::from_le_bytes(half[..8].try_into().unwrap_or_default()))
    }
}

/// An odd number without pattern: the fraction of the golden ratio in 128 bits, made odd.
const SCATTER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl EventId {
    /// The identity of the event with this ordinal at this position (line or record) of a part.
    ///
    /// The report's identity is a hash already, so that nothing has to be hashed once more for each event:
    /// the place is scattered over all bits and added to it. Each step can be undone, so no two places of a
    /// report have the same identity, and those of two reports meet as seldom as two hashes.
    pub fn new(report: ReportId, part: Part, position: u64, ordinal: u32) -> Self {
        let place = u128::from(part.0.wrapping_add(position)) << 32 | u128::from(ordinal);
        let mut scattered = place.wrapping_mul(SCATTER);
        scattered ^= scattered >> 67;
        scattered = scattered.wrapping_mul(SCATTER);
        scattered ^= scattered >> 61;
        Self(u128::from_le_bytes(report.0).wrapping_add(scattered).to_le_bytes())
    }

    /// Half of it, which is enough to tell the events of one report apart.
    pub fn mark(self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().unwrap_or_default())
    }
}

impl ProblemKey {
    /// The identity of the problem that these bytes describe.
    pub fn of(bytes: &[u8]) -> Self {
        Self(first_half(&blake3::hash(bytes)))
    }
}

fn first_half(hash: &blake3::Hash) -> [u8; 16] {
    let mut out = [0u8; 16];
    out.copy_from_slice(&hash.as_bytes()[..16]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn events_of_one_report_differ_and_so_do_their_marks() {
        let report = ReportId::new("f", &[7; 32], "a.csv");
        let parts = [Part::WHOLE, Part::new("a.csv", 0), Part::new("a.csv", 1)];
        let positions =
            (0..20_000).chain((1..64).map(|shift| 1u64 << shift)).collect::<std::collections::BTreeSet<_>>();
        let (mut ids, mut marks, mut count) = (HashSet::new(), HashSet::new(), 0);
        for part in parts {
            for position in &positions {
                for ordinal in 0..3 {
                    let id = EventId::new(report, part, *position, ordinal);
                    ids.insert(id);
                    marks.insert(id.mark());
                    count += 1;
                }
            }
        }
        assert_eq!((ids.len(), marks.len()), (count, count));
        // Every bit of an identity changes about as often as not.
        for bit in 0..128 {
            let ones = (0..4_000u64)
                .filter(|at| {
                    let id = EventId::new(report, Part::WHOLE, *at, 0);
                    u128::from_le_bytes(id.0) >> bit & 1 == 1
                })
                .count();
            assert!((1_600..2_400).contains(&ones), "bit {bit}: {ones}");
        }
    }

    #[test]
    fn ids_are_read_back_from_their_text() {
        let id = EventId::new(ReportId::new("f", &[7; 32], "a.csv"), Part::WHOLE, 3, 0);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("xyz".parse::<EventId>(), Err(()));
    }

    #[test]
    fn parts_are_told_apart_by_name_and_number() {
        let report = ReportId::new("f", &[7; 32], "a.zip");
        let id = |name: &str, nth| EventId::new(report, Part::new(name, nth), 3, 0);
        let mut ids =
            [id("", 0), id("", 1), id("a.csv", 0), id("a.csv", 1), id("b.csv", 0)].map(|id| id.mark()).to_vec();
        assert_eq!(id("", 0), EventId::new(report, Part::WHOLE, 3, 0));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 5);
    }

    #[test]
    fn feed_name_and_origin_cannot_be_shifted_into_each_other() {
        assert_ne!(ReportId::new("ab", &[0; 32], "c"), ReportId::new("a", &[0; 32], "bc"));
    }
}
