//! A value that is looked for in bytes: whole, in any letter case, and with any of its letters percent-encoded as URLs
//! have them.
//!
//! `192.0.2.1` is not found in `192.0.2.10`, nor `ann@x.example` in `joann@x.example`.

use std::io::{self, Read};

/// Bytes searched at a time.
const BLOCK: usize = 1 << 20;

/// A letter takes so many bytes at most: `%252540`, encoded three times.
const LETTER_BYTES_MAX: usize = 7;

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

    /// Whether the value stands in the name of something, where others are tied to it by all sorts of signs:
    /// `192.0.2.1-june.csv`, `report_ann@x.example.txt`, a key of `extra.`. Rather one name too many than one too few.
    pub(super) fn is_in_name(&self, name: &[u8]) -> bool {
        (0..name.len()).any(|at| {
            let is_begin = letter_before(name, at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
            let is_end = |end| letter(name, end).is_none_or(|(byte, _)| !byte.is_ascii_alphanumeric());
            is_begin && self.end(name, at).is_some_and(is_end)
        })
    }

    /// The bytes with something else wherever the value stood; nothing where it does not.
    pub(super) fn replaced(&self, bytes: &[u8], instead: &str) -> Option<Vec<u8>> {
        let (mut out, mut from) = (Vec::new(), 0);
        while let Some((at, end)) = self.position(bytes, from, true) {
            out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
            out.extend_from_slice(instead.as_bytes());
            from = end;
        }
        out.extend_from_slice(bytes.get(from..).unwrap_or_default());
        (from > 0).then_some(out)
    }

    /// Looks in a part of something, from a place on; gives where the value begins and ends. Where it or a neighbour
    /// may lie outside of the part, the value is left to the part after, which holds it with its neighbours.
    fn position(&self, bytes: &[u8], mut from: usize, is_last: bool) -> Option<(usize, usize)> {
        let first = self.lower.first()?;
        let may_begin = |byte: &u8| byte.to_ascii_lowercase() == *first || *byte == b'%';
        while let Some(at) = bytes.iter().skip(from).position(may_begin) {
            let at = from + at;
            if !is_last && at + self.width() + LETTER_BYTES_MAX + 1 > bytes.len() {
                return None;
            }
            if let Some(end) = self.end(bytes, at).filter(|end| begins(bytes, at) && ends(bytes, *end)) {
                return Some((at, end));
            }
            from = at + 1;
        }
        None
    }

    /// The most bytes in which the value may stand.
    fn width(&self) -> usize {
        self.lower.len().saturating_mul(LETTER_BYTES_MAX)
    }

    /// Where the value ends if it begins here.
    fn end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let mut end = at;
        for wanted in &self.lower {
            let plain = bytes.get(end)?.to_ascii_lowercase();
            let (found, next) = if plain == *wanted { (plain, end + 1) } else { letter(bytes, end)? };
            if found.to_ascii_lowercase() != *wanted {
                return None;
            }
            end = next;
        }
        Some(end)
    }

    /// The same for bytes of any length.
    pub(super) fn is_in_reader(&self, mut reader: impl Read) -> io::Result<bool> {
        // The value with the letter before it, one after and the first byte of the next.
        let overlap = self.width() + 2 * LETTER_BYTES_MAX + 1;
        let mut block: Vec<u8> = Vec::with_capacity(BLOCK + overlap);
        let mut from = 0;
        loop {
            let count = reader.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
            let is_last = count < BLOCK;
            if self.position(&block, from, is_last).is_some() {
                return Ok(true);
            }
            if is_last {
                return Ok(false);
            }
            block.drain(..block.len().saturating_sub(overlap));
            from = LETTER_BYTES_MAX;
        }
    }
}

/// The letter at a place, and where the next one begins: `%40` is `@`, and so is `%2540`, an address in an address.
fn letter(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let plain = (*bytes.get(at)?, at + 1);
    let mut coded = None;
    for digits in (at + 1..at + LETTER_BYTES_MAX).step_by(2).take_while(|_| plain.0 == b'%') {
        let Some(found) = bytes.get(digits..digits + 2).and_then(hexadecimal) else { break };
        coded = Some((found, digits + 2));
        if found != b'%' {
            break;
        }
    }
    coded.or(Some(plain))
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u8::from_str_radix(text, 16).ok()
}

/// The letter that ends before a place.
fn letter_before(bytes: &[u8], at: usize) -> Option<u8> {
    let widths = (1..=LETTER_BYTES_MAX).rev().step_by(2);
    let mut letters = widths.filter_map(|width| letter(bytes, at.checked_sub(width)?).filter(|(_, end)| *end == at));
    letters.next().map(|(letter, _)| letter)
}

fn begins(bytes: &[u8], at: usize) -> bool {
    let before = letter_before(bytes, at);
    before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%'))
}

fn ends(bytes: &[u8], end: usize) -> bool {
    match letter(bytes, end) {
        None => true,
        // A full stop after the value ends a sentence; before more letters it is part of a longer name.
        Some((b'.', next)) => !bytes.get(next).is_some_and(u8::is_ascii_alphanumeric),
        Some((byte, _)) => !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-'),
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
        for encoded in [
            "https://x.example/?to=jane.doe%40example.com&y",
            "https://x.example/?to=jane%2Edoe%40example%2ecom",
            "%6A%61ne.doe@example.com",
            "https://x.example/?next=%2F%3Fto%3Djane.doe%2540example.com%26y",
            "mailto%3Ajane.doe%40EXAMPLE.com",
            "%3Cjane.doe%40example.com%3E",
        ] {
            check("jane.doe@example.com", encoded, true);
        }
        for other in [
            "jane.doe%41example.com",
            "mary%2Djane.doe%40example.com",
            "mary%2ejane.doe%40example.com",
            "jane.doe%40example.com%2Eorg",
            "jane.doe%40example.com%41",
            "jane.doe%4",
            "jane.doe%",
        ] {
            check("jane.doe@example.com", other, false);
        }
        check("http://x.example/?a=%40b", "see http://x.example/?a=%40b", true);
    }

    #[test]
    fn an_encoded_value_is_replaced_with_its_whole_code() {
        let replaced = Needle::new("a.b@x.example").replaced(b"?to=a.b%40x%2Eexample&cc=A.B@x.example", "-");
        assert_eq!(replaced.as_deref(), Some(&b"?to=-&cc=-"[..]));
    }

    /// Wherever the block ends, between the letters of a value or within one.
    #[test]
    fn an_encoded_value_across_two_blocks_is_found() {
        let value = b"<jane%2Edoe%2540example.com> and more";
        for before in 0..value.len() {
            let mut text = vec![b' '; BLOCK - before];
            text.extend_from_slice(value);
            assert!(Needle::new("jane.doe@example.com").is_in_reader(text.as_slice()).unwrap(), "{before}");
            text.splice(BLOCK - before + 1..BLOCK - before + 1, *b"mary%2D");
            assert!(!Needle::new("jane.doe@example.com").is_in_reader(text.as_slice()).unwrap(), "{before}");
        }
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
