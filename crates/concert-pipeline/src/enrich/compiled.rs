//! The compiled copy of ranges: what the files said, as arrays that load in milliseconds.
//!
//! The caller keeps it beside the data and hands it back with the same mark of its source files (a
//! hash of their names, sizes and times). A copy of other files, of another version or with a wrong
//! checksum is refused with a reason, and is then built anew; it is never half trusted.

use std::io::Write;

use super::ranges::{Ranges, Stretches, Values, What};

/// Changes whenever the layout or its meaning changes.
const MAGIC: &[u8; 8] = b"CNCTRNG\x01";
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 32;
/// Bytes that are hashed and written at a time.
const PIECE_BYTES: usize = 64 << 10;

impl Ranges {
    /// Writes the compiled copy, in small pieces. `sources` marks the files it was read from.
    pub fn write_to(&self, sources: &[u8; 32], out: &mut dyn Write) -> std::io::Result<()> {
        let what = match self.what {
            What::Asn => 1u64,
            What::Country => 2,
        };
        let mut sum = Summed { out, hasher: blake3::Hasher::new(), piece: Vec::with_capacity(PIECE_BYTES) };
        let counts = [self.v4.words.len(), self.v6.words.len(), self.values.entries.len(), self.values.text.len()];
        sum.write([*MAGIC])?;
        sum.write([*sources])?;
        sum.write([what].into_iter().chain(counts.map(|count| count as u64)).map(u64::to_le_bytes))?;
        for list in [&self.v4.starts, &self.v4.words, &self.v6.words] {
            sum.write(list.iter().map(|number| number.to_le_bytes()))?;
        }
        sum.write(self.values.entries.iter().flatten().map(|number| number.to_le_bytes()))?;
        sum.write(self.v6.starts.iter().map(|number| number.to_le_bytes()))?;
        sum.hasher.update(self.values.text.as_bytes());
        sum.out.write_all(self.values.text.as_bytes())?;
        let checksum = sum.hasher.finalize();
        sum.out.write_all(checksum.as_bytes())
    }

    /// Reads a compiled copy back. The error says why it cannot be used.
    pub fn from_bytes(bytes: &[u8], sources: &[u8; 32]) -> Result<Ranges, String> {
        let mut rest = Rest(bytes);
        if rest.take(MAGIC.len())? != MAGIC {
            return Err("it is not a compiled copy of this version".into());
        }
        if rest.take(sources.len())? != sources {
            return Err("it was made from other files".into());
        }
        let body = bytes.len().checked_sub(CHECKSUM_BYTES).and_then(|end| bytes.split_at_checked(end));
        if body.is_none_or(|(body, checksum)| blake3::hash(body).as_bytes() != checksum) {
            return Err("its checksum is wrong".into());
        }
        let what = match rest.count()? {
            1 => What::Asn,
            2 => What::Country,
            _ => return Err("it is about something unknown".into()),
        };
        let (v4, v6) = (rest.count()?, rest.count()?);
        let (values, text) = (rest.count()?, rest.count()?);
        let v4 = Stretches { starts: rest.words(v4)?, words: rest.words(v4)? };
        let v6_words = rest.words(v6)?;
        let entries = rest.words(values.saturating_mul(3))?.as_chunks::<3>().0.to_vec();
        let wide = rest.take(v6.saturating_mul(16))?;
        let starts = wide.as_chunks::<16>().0.iter().map(|chunk| u128::from_le_bytes(*chunk)).collect();
        let text = std::str::from_utf8(rest.take(text)?).map_err(|_| "its text is not text")?.to_owned();
        Ranges::assemble(what, v4, Stretches { starts, words: v6_words }, Values { entries, text })
            .ok_or_else(|| "its parts do not fit together".into())
    }
}

/// What is written is also hashed, a piece at a time that stays in the processor's cache.
struct Summed<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
    piece: Vec<u8>,
}

impl Summed<'_> {
    fn write<const N: usize>(&mut self, items: impl IntoIterator<Item = [u8; N]>) -> std::io::Result<()> {
        let mut items = items.into_iter();
        loop {
            self.piece.clear();
            for item in items.by_ref().take(PIECE_BYTES / N) {
                self.piece.extend_from_slice(&item);
            }
            if self.piece.is_empty() {
                return Ok(());
            }
            self.hasher.update(&self.piece);
            self.out.write_all(&self.piece)?;
        }
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (head, tail) = self.0.split_at_checked(length).ok_or("it is cut off")?;
        self.0 = tail;
        Ok(head)
    }

    fn count(&mut self) -> Result<usize, &'static str> {
        let bytes = <[u8; 8]>::try_from(self.take(8)?).map_err(|_| "it is cut off")?;
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| "it is too large")
    }

    fn words(&mut self, count: usize) -> Result<Vec<u32>, &'static str> {
        let bytes = self.take(count.saturating_mul(4))?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Ranges {
        let text = "192.0.2.0,192.0.2.255,64500,Än\n2001:db8::,2001:db8::ffff,64501,\"x, y\"\n";
        Ranges::read(What::Asn, &[("t.csv", text.as_bytes())], &mut Vec::new())
    }

    fn copy(ranges: &Ranges) -> Vec<u8> {
        let mut bytes = Vec::new();
        ranges.write_to(&[7; 32], &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_copy_gives_back_the_same_ranges() {
        let ranges = sample();
        let bytes = copy(&ranges);
        assert_eq!(Ranges::from_bytes(&bytes, &[7; 32]), Ok(ranges));
        assert_eq!(Ranges::from_bytes(&bytes, &[8; 32]), Err("it was made from other files".into()));
    }

    /// INVARIANT: a copy that is not exactly what was written is refused, not used.
    #[test]
    fn a_copy_that_is_cut_or_flipped_is_refused() {
        let bytes = copy(&sample());
        for end in 0..bytes.len() {
            assert!(Ranges::from_bytes(&bytes[..end], &[7; 32]).is_err(), "cut at {end}");
            let mut flipped = bytes.clone();
            flipped[end] ^= 0x10;
            assert!(Ranges::from_bytes(&flipped, &[7; 32]).is_err(), "flipped at {end}");
        }
        // A header that promises more than there is, with a checksum that fits.
        let mut long = bytes[..bytes.len() - 32].to_vec();
        long[48..56].copy_from_slice(&u64::MAX.to_le_bytes());
        let checksum = blake3::hash(&long);
        long.extend_from_slice(checksum.as_bytes());
        assert_eq!(Ranges::from_bytes(&long, &[7; 32]), Err("it is cut off".into()));
    }
}
