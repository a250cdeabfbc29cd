//! A value that is looked for in bytes: whole, in any letter case.
//!
//! `192.0.2.1` is not found in `192.0.2.10`, nor `ann@x.example` in `joann@x.example`.

use std::io::{self, Read};

/// Bytes searched at a time.
const BLOCK: usize = 1 << 20;

/// A value to look for.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    lower: Vec<u8>,
}

impl Needle {
    pub(super) fn new(value: &str) -> Self {
        Self { lower: value.to_ascii_lowercase().into_bytes() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.lower
    }

    /// Whether the value stands in these bytes.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.position(bytes, 0, true).is_some()
    }

    /// The bytes with something else wherever the value stood; nothing where it does not.
    pub(super) fn replaced(&self, bytes: &[u8], instead: &str) -> Option<Vec<u8>> {
        let (mut out, mut from) = (Vec::new(), 0);
        while let Some(at) = self.position(bytes, from, true) {
            out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
            out.extend_from_slice(instead.as_bytes());
            from = at + self.lower.len();
        }
        out.extend_from_slice(bytes.get(from..).unwrap_or_default());
        (from > 0).then_some(out)
    }

    /// Looks in a part of something, from a place on. Where a neighbour of the value may lie outside of the part,
    /// the value is left to the part before or after, which holds it with its neighbours.
    fn position(&self, bytes: &[u8], mut from: usize, is_last: bool) -> Option<usize> {
        let first = self.lower.first()?;
        while let Some(at) = bytes.iter().skip(from).position(|byte| byte.to_ascii_lowercase() == *first) {
            let at = from + at;
            let end = at + self.lower.len();
            if !is_last && end + 1 >= bytes.len() {
                return None;
            }
            let here = bytes.get(at..end).is_some_and(|here| here.eq_ignore_ascii_case(&self.lower));
            if here && begins(bytes, at) && ends(bytes, end) {
                return Some(at);
            }
            from = at + 1;
        }
        None
    }

    /// The same for bytes of any length.
    pub(super) fn is_in_reader(&self, mut reader: impl Read) -> io::Result<bool> {
        // The value with the byte before it and two after.
        let overlap = self.lower.len() + 2;
        let mut block: Vec<u8> = Vec::with_capacity(BLOCK + overlap);
        let mut is_first = true;
        loop {
            let count = reader.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
            let is_last = count < BLOCK;
            if self.position(&block, usize::from(!is_first), is_last).is_some() {
                return Ok(true);
            }
            if is_last {
                return Ok(false);
            }
            block.drain(..block.len().saturating_sub(overlap));
            is_first = false;
        }
    }
}

fn begins(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| bytes.get(at));
    before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%'))
}

fn ends(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end) {
        None => true,
        // A full stop after the value ends a sentence; before more letters it is part of a longer name.
        Some(b'.') => !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric),
        Some(byte) => !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_values_are_found() {
        let check = |value: &str, text: &str, want: bool| {
            let needle = Needle::new(value);
            assert_eq!(needle.is_in(text.as_bytes()), want, "{value} in {text}");
            assert_eq!(needle.is_in_reader(text.as_bytes()).unwrap(), want, "{value} in {text}");
        };
        check("192.0.2.1", "from 192.0.2.1.", true);
        check("192.0.2.1", "192.0.2.10 192.0.2.1", true);
        check("192.0.2.1", "192.0.2.10", false);
        check("192.0.2.1", "1192.0.2.1", false);
        check("192.0.2.1", "192.0.2.1.example", false);
        check("ann@x.example", "<Ann@X.example>", true);
        check("ann@x.example", "joann@x.example", false);
        check("ann@x.example", "ann@x.example.org", false);
        check("ann", "ann", true);
    }

    #[test]
    fn a_value_across_two_blocks_is_found_and_an_endless_one_is_not() {
        let mut text = vec![b' '; BLOCK - 4];
        text.extend_from_slice(b"192.0.2.1 and more");
        assert!(Needle::new("192.0.2.1").is_in_reader(text.as_slice()).unwrap());
        let mut text = vec![b' '; BLOCK - 9];
        text.extend_from_slice(b"192.0.2.17");
        assert!(!Needle::new("192.0.2.1").is_in_reader(text.as_slice()).unwrap());
    }
}
