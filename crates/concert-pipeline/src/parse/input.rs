//! The bytes a parser reads: lines or the whole, with caps, in the encoding they are in.

use std::borrow::Cow;
use std::io::{BufRead, Read};

use concert_model::Reject;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use memchr::memchr;

/// Bytes looked at to guess an encoding.
const GUESS_BYTES: usize = 64 * 1024;
/// Longest line where the settings say no other.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// What is said of a longer one.
pub(super) const TOO_LONG: &str = "longer than limits.line allows";

/// One part of a report, being read.
pub struct Input<'a> {
    reader: &'a mut dyn BufRead,
    declared: Option<&'static Encoding>,
    guessed: Option<&'static Encoding>,
    number: u64,
    line_bytes_max: usize,
    whole_bytes_max: u64,
    buffer: Vec<u8>,
    failure: Option<String>,
    cut: Option<Cut>,
}

/// The line in whose middle reading stopped.
pub(super) struct Cut {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// One line, without its end.
pub enum Line<'b> {
    /// A whole line. The last line of a file counts whether or not it has a line end, unless reading
    /// stopped in it.
    Whole(&'b [u8]),
    /// A line longer than the cap; these are its first bytes, the rest was passed over.
    TooLong(&'b [u8]),
}

impl<'a> Input<'a> {
    /// Caps: [`LINE_BYTES_MAX`] a line, 256 MiB for formats that must be read whole. UTF-16 is not handled
    /// here; unpacking turns it into UTF-8 first.
    pub fn new(reader: &'a mut dyn BufRead, declared: Option<&'static Encoding>) -> Self {
        Self {
            reader,
            // What is declared as UTF-8 and is not is guessed like what declares nothing: no letter is lost.
            declared: declared.filter(|encoding| *encoding != UTF_8),
            guessed: None,
            number: 0,
            line_bytes_max: LINE_BYTES_MAX,
            whole_bytes_max: 256 << 20,
            buffer: Vec::new(),
            failure: None,
            cut: None,
        }
    }

    /// The same with another cap on lines.
    #[must_use]
    pub fn with_line_max(mut self, bytes: usize) -> Self {
        self.line_bytes_max = bytes;
        self
    }

    /// Most bytes of a line, for parsers that split bytes their own way.
    pub fn line_bytes_max(&self) -> usize {
        self.line_bytes_max
    }

    /// Number of the line last given, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What went wrong while reading, if anything did: the report is incomplete then.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The next line. A final line end gives no empty line behind it; a byte order mark is dropped.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        self.buffer.clear();
        if self.failure.is_some() {
            return None;
        }
        let (mut too_long, mut any) = (false, false);
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let cut = std::mem::take(&mut self.buffer);
                    self.fail_in(error.to_string(), self.number + 1, cut);
                    return None;
                }
            };
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = memchr(b'\n', chunk);
            let taken = end.map_or(chunk.len(), |at| at + 1);
            let piece = chunk.get(..end.unwrap_or(taken)).unwrap_or_default();
            let room = self.line_bytes_max.saturating_sub(self.buffer.len());
            too_long |= piece.len() > room;
            self.buffer.extend_from_slice(piece.get(..room).unwrap_or(piece));
            self.reader.consume(taken);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return None;
        }
        self.number += 1;
        if self.number == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.buffer.drain(..3);
        }
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
        }
        self.learn();
        Some(if too_long { Line::TooLong(&self.buffer) } else { Line::Whole(&self.buffer) })
    }

    /// All bytes of the part. `Err` says why when there are more than the cap or reading failed.
    pub fn whole(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let result = (&mut *self.reader).take(self.whole_bytes_max + 1).read_to_end(&mut bytes);
        if let Err(error) = result {
            self.failure = Some(error.to_string());
            return Err(error.to_string());
        }
        if bytes.len() as u64 > self.whole_bytes_max {
            return Err(format!("larger than {} MiB, the most this format can be read", self.whole_bytes_max >> 20));
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        self.buffer = bytes;
        self.learn();
        Ok(std::mem::take(&mut self.buffer))
    }

    /// The reader itself, for parsers that split bytes their own way (CSV).
    pub fn reader(&mut self) -> &mut dyn BufRead {
        self.reader
    }

    /// Remembers a failure, and the line in whose middle it came: half an address is another address, so
    /// that line is never read.
    pub(super) fn fail_in(&mut self, why: impl Into<String>, number: u64, bytes: Vec<u8>) {
        self.failure = Some(why.into());
        self.cut = Some(Cut { number, bytes });
    }

    /// The line in whose middle reading stopped, where that is known.
    pub(super) fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Text of some bytes of this part: as declared, else UTF-8, else as guessed, else windows-1252.
    /// Always gives text: a line is kept, not rejected, for its bytes.
    pub fn decode<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        decode(bytes, self.declared.or(self.guessed))
    }

    /// The encoding for bytes that are not UTF-8, to be used with [`decode`].
    pub fn encoding(&self) -> Option<&'static Encoding> {
        self.declared.or(self.guessed)
    }

    /// Guesses from the first bytes that are not UTF-8.
    fn learn(&mut self) {
        if self.declared.is_some() || self.guessed.is_some() || std::str::from_utf8(&self.buffer).is_ok() {
            return;
        }
        self.guessed = Some(guess(&self.buffer));
    }
}

/// The likely encoding of bytes that are not UTF-8.
pub fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes.get(..GUESS_BYTES).unwrap_or(bytes), true);
    detector.guess(None, chardetng::Utf8Detection::Deny)
}

/// Text of some bytes: UTF-8 where they are, else this encoding, else windows-1252.
pub fn decode<'b>(bytes: &'b [u8], encoding: Option<&'static Encoding>) -> Cow<'b, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    encoding.unwrap_or(WINDOWS_1252).decode_without_bom_handling(bytes).0
}

/// The beginning of some bytes as text, for beside a reject: no more than a reject keeps, and no half letter at its end.
pub(super) fn beginning<'b>(bytes: &'b [u8], encoding: impl FnOnce() -> &'static Encoding) -> Cow<'b, str> {
    let Some(cut) = bytes.get(..Reject::TEXT_BYTES_MAX) else {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => decode(bytes, Some(encoding())),
        };
    };
    match std::str::from_utf8(cut) {
        Ok(text) => Cow::Borrowed(text),
        // A letter that was cut through.
        Err(error) if error.error_len().is_none() => decode(cut.get(..error.valid_up_to()).unwrap_or_default(), None),
        Err(_) => decode(cut, Some(encoding())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut reader = bytes;
        let mut input = Input::new(&mut reader, None);
        let mut out = Vec::new();
        while let Some(line) = input.next_line() {
            out.push(match line {
                Line::Whole(bytes) => decode(bytes, None).into_owned(),
                Line::TooLong(bytes) => format!("too long after {}", bytes.len()),
            });
        }
        out
    }

    #[test]
    fn lines_end_in_every_way() {
        assert_eq!(lines(b"\xef\xbb\xbfa\r\nb\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(lines(b"a\n"), ["a"]);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_the_next_is_read() {
        let mut bytes = vec![b'x'; 10 << 20];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&bytes), ["too long after 1048576", "next"]);
    }

    #[test]
    fn what_is_declared_as_utf8_and_is_not_loses_no_letter() {
        let mut reader = &b"Gr\xfc\xdfe aus M\xfcnchen"[..];
        let input = Input::new(&mut reader, Some(UTF_8));
        assert_eq!(input.decode(b"Gr\xfc\xdfe"), "Grüße");
    }

    #[test]
    fn what_stands_beside_a_reject_has_its_letters() {
        let latin = || WINDOWS_1252;
        assert_eq!(beginning(b"M\xfcnchen", latin), "München");
        assert_eq!(beginning("München".as_bytes(), latin), "München");
        let long = "ü".repeat(2000);
        assert_eq!(
            beginning(format!("x{long}").as_bytes(), latin),
            format!("x{}", long.chars().take(1023).collect::<String>())
        );
        assert_eq!(beginning(&b"\xfc".repeat(3000), latin).chars().count(), 2048);
    }

    #[test]
    fn bytes_that_are_not_utf8_become_text() {
        assert_eq!(decode(b"M\xfcnchen", None), "München");
    }
}
