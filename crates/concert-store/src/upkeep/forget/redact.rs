//! Raw reports that are lines of text: in the lines that hold the value something else stands, and the others stay as
//! they came, so that they can be replayed.
//!
//! What is packed, a mail or no text goes whole. So does a report of which an event or reject holds the value while its
//! line does not: there it stands in another form (escaped, defanged, looked up), which nobody here can undo.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};

use super::REMOVED;
use super::needle::Needle;

/// Longest line of text; one that is longer is none.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How gzip, zip, bzip2 and zstd begin.
const PACKED: [&[u8]; 4] = [b"\x1f\x8b", b"PK", b"BZh", b"\x28\xb5\x2f\xfd"];

/// The lines that hold the value, from 1; `None` where it is not lines of text.
pub(super) fn lines(raw: impl Read, needle: &Needle) -> io::Result<Option<BTreeSet<u64>>> {
    let (mut reader, mut line, mut number, mut found) = (BufReader::new(raw), Vec::new(), 0, BTreeSet::new());
    while next_line(&mut reader, &mut line)? {
        number += 1;
        let is_wrapped = number == 1 && (PACKED.iter().any(|head| line.starts_with(head)) || is_header(&line));
        let is_cut = line.len() == LINE_BYTES_MAX && !line.ends_with(b"\n");
        if is_wrapped || is_cut || line.contains(&0) {
            return Ok(None);
        }
        if needle.is_in(&line) {
            found.insert(number);
        }
    }
    Ok(Some(found))
}

/// The same text without the value.
pub(super) struct Redacted<'n, R> {
    reader: BufReader<R>,
    needle: &'n Needle,
    line: Vec<u8>,
    at: usize,
}

impl<'n, R: Read> Redacted<'n, R> {
    pub(super) fn new(raw: R, needle: &'n Needle) -> Self {
        Self { reader: BufReader::new(raw), needle, line: Vec::new(), at: 0 }
    }
}

impl<R: Read> Read for Redacted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            self.at = 0;
            if !next_line(&mut self.reader, &mut self.line)? {
                return Ok(0);
            }
            if let Some(redacted) = self.needle.replaced(&self.line, REMOVED) {
                self.line = redacted;
            }
        }
        let count = self.line.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

/// Whether there is another line; it is cut where it is too long.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(reader.take(LINE_BYTES_MAX as u64).read_until(b'\n', line)? > 0)
}

/// Whether a mail may begin so.
fn is_header(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    line.starts_with(b"From ")
        || name.len() < line.len() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_text_lose_the_value_and_nothing_else() {
        let check = |given: &[u8], value: &str, want_lines: Option<&[u64]>, want: &[u8]| {
            let needle = Needle::new(value);
            let found = lines(given, &needle).unwrap();
            let shown = String::from_utf8_lossy(given);
            assert_eq!(found, want_lines.map(|lines| lines.iter().copied().collect()), "{shown}");
            if found.is_some() {
                let mut out = Vec::new();
                Redacted::new(given, &needle).read_to_end(&mut out).unwrap();
                assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(want), "{shown}");
                assert!(!needle.is_in(&out), "{shown}");
            }
        };
        check(
            b"ip,who\r\n192.0.2.7,Joe@x.example;joe@x.example\r\n192.0.2.70,joann@x.example",
            "joe@x.example",
            Some(&[2]),
            b"ip,who\r\n192.0.2.7,(removed);(removed)\r\n192.0.2.70,joann@x.example",
        );
        check(
            b"{\"a\":\"192.0.2.7\"}\n\n{\"a\":\"192.0.2.7\"}",
            "192.0.2.7",
            Some(&[1, 3]),
            b"{\"a\":\"(removed)\"}\n\n{\"a\":\"(removed)\"}",
        );
        check(b"", "192.0.2.7", Some(&[]), b"");
        for whole in [
            &b"\x1f\x8b192.0.2.7"[..],
            b"PK 192.0.2.7",
            b"a\0 192.0.2.7",
            b"Subject: 192.0.2.7\n",
            b"From x\n192.0.2.7",
        ] {
            check(whole, "192.0.2.7", None, b"");
        }
        check(&[b"192.0.2.7 ".as_slice(), &vec![b'x'; LINE_BYTES_MAX]].concat(), "192.0.2.7", None, b"");
    }
}
