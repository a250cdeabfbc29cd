//! Records of a CSV file as spreadsheets write it: with commas, `;` or tabs between cells, in UTF-8, UTF-16 or the
//! charset of an older Windows, and with line breaks within cells in quotation marks (RFC 4180).
//!
//! Of the columns it knows the names alone. By those the separator is found, since all of them stand within cells too.

use std::borrow::Cow;
use std::ops::Range;

use concert_model::sheet::is_formula;
use encoding_rs::Encoding;

use crate::parse::input::{decode, guess};
use crate::parse::unpack::utf_16;

/// What may stand between cells; of those that fit alike the first is taken.
const SEPARATORS: [u8; 3] = *b",;\t";
/// What files of spreadsheet programs begin with: a zip, and what they were before.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"];

/// What is wrong, and what to do.
pub(super) type Wrong = (&'static str, &'static str);

/// The bytes of a file without the mark that tells its charset, and as UTF-8 where that is UTF-16.
pub(super) fn narrow(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Wrong> {
    if WORKBOOKS.iter().any(|start| bytes.starts_with(start)) {
        return Err(("this is the file of a spreadsheet program and no CSV", "save the table as CSV (UTF-8)"));
    }
    let Some(encoding) = utf_16(bytes) else {
        return Ok(Cow::Borrowed(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)));
    };
    match encoding.decode_with_bom_removal(bytes) {
        (text, false) => Ok(Cow::Owned(text.into_owned().into_bytes())),
        (_, true) => Err(("the file is in UTF-16 and damaged", "take the whole file; perhaps it was cut off")),
    }
}

/// How the cells of a file are told apart and read.
#[derive(Clone, Copy)]
pub(super) struct Sheet {
    separator: u8,
    charset: Option<&'static Encoding>,
    /// Lines in front of the records.
    above: usize,
}

/// A cell that cannot be told from what follows it.
pub(super) struct Broken {
    /// Where it begins.
    pub line: u64,
    /// Where its record begins. From there on nothing can be believed.
    pub record: u64,
    /// What is wrong with it.
    pub wrong: Wrong,
}

impl Sheet {
    /// Of a file whose first line names columns, most of which should be among these.
    pub(super) fn of(bytes: &[u8], columns: &[&str]) -> Self {
        let mut sheet = Self { separator: b',', charset: charset(bytes), above: 0 };
        // Excel takes the separator from such a line, so other programs write it.
        let first = bytes.get(..line_end(bytes)).unwrap_or_default();
        if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] = first.strip_suffix(b"\r").unwrap_or(first)
            && SEPARATORS.contains(separator)
        {
            return Self { separator: *separator, above: 1, ..sheet };
        }
        let mut best = (0, 0);
        for separator in SEPARATORS {
            let mut cells = Vec::new();
            Self { separator, ..sheet }.each_until(bytes, |_, fields| {
                cells = fields.to_vec();
                false
            });
            let fits = (cells.iter().filter(|cell| columns.contains(&cell.as_str())).count(), cells.len());
            if fits > best {
                (best, sheet.separator) = (fits, separator);
            }
        }
        sheet
    }

    /// Tells each record with the line it begins on. Empty lines are passed over.
    pub(super) fn each_record(self, bytes: &[u8], mut tell: impl FnMut(u64, &[String])) {
        self.each_until(bytes, |line, fields| {
            tell(line, fields);
            true
        });
    }

    fn each_until(self, bytes: &[u8], mut tell: impl FnMut(u64, &[String]) -> bool) {
        let mut reader = csv_core::ReaderBuilder::new().delimiter(self.separator).build();
        let (mut out, mut ends) = (vec![0u8; 4096], vec![0usize; 256]);
        let mut rest = bytes;
        let mut line = 1;
        for _ in 0..self.above {
            line += 1;
            rest = rest.get(line_end(rest) + 1..).unwrap_or_default();
        }
        loop {
            let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let (begun, mut written, mut ended) = (line + line_breaks(rest, 0..empty), 0, 0);
            let before = rest;
            let finished = loop {
                let (result, read, wrote, count) = reader.read_record(
                    rest,
                    out.get_mut(written..).unwrap_or_default(),
                    ends.get_mut(ended..).unwrap_or_default(),
                );
                rest = rest.get(read..).unwrap_or_default();
                written += wrote;
                ended += count;
                match result {
                    csv_core::ReadRecordResult::InputEmpty => {}
                    csv_core::ReadRecordResult::OutputFull => out.resize(out.len() * 2, 0),
                    csv_core::ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                    csv_core::ReadRecordResult::Record => break false,
                    csv_core::ReadRecordResult::End => break true,
                }
            };
            if finished {
                return;
            }
            line += line_breaks(before, 0..before.len() - rest.len());
            let mut start = 0;
            let mut fields = Vec::with_capacity(ended);
            for end in ends.get(..ended).unwrap_or_default() {
                fields.push(self.text(out.get(start..*end).unwrap_or_default()));
                start = *end;
            }
            if !tell(begun, &fields) {
                return;
            }
        }
    }

    /// The text of a cell on one line: a line break within it parts words as a blank does.
    fn text(self, cell: &[u8]) -> String {
        let text = decode(cell, self.charset);
        let text = text.trim();
        let text = text.strip_prefix('\'').filter(|text| is_formula(text.trim_start_matches('\''))).unwrap_or(text);
        if !text.contains(['\r', '\n']) {
            return text.to_owned();
        }
        let lines = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(" ")
    }

    /// Refuses the first cell in quotation marks that does not end, or that ends within another: the file was cut off, or a
    /// mark is missing. Taken as they stand, lines of others would be part of it.
    pub(super) fn check(self, bytes: &[u8]) -> Result<(), Broken> {
        let (mut line, mut record, mut open, mut at_start) = (1, 1, None, true);
        for (at, byte) in bytes.iter().enumerate() {
            let next = bytes.get(at + 1);
            match (*byte, open) {
                // The first of two, and the second.
                (b'"', Some(_)) if at_start => at_start = false,
                (b'"', Some(_)) if next == Some(&b'"') => at_start = true,
                (b'"', Some(began)) => {
                    let behind = bytes.get(at + 1..).unwrap_or_default().iter().find(|byte| **byte != b' ');
                    let is_end = behind.is_none_or(|byte| [self.separator, b'\r', b'\n'].contains(byte));
                    if began != line && !is_end {
                        let hint = "write a quotation mark within a text twice; perhaps one is missing";
                        let what =
                            "a text in quotation marks begins here, goes over several lines and ends within a cell";
                        return Err(Broken { line: began, record, wrong: (what, hint) });
                    }
                    open = None;
                }
                (b'"', None) if at_start => {
                    (open, at_start) = (Some(line), false);
                }
                (_, Some(_)) => {}
                (byte, None) => at_start = [self.separator, b'\r', b'\n'].contains(&byte),
            }
            line += line_breaks(bytes, at..at + 1);
            if open.is_none() && matches!(byte, b'\r' | b'\n') {
                record = line;
            }
        }
        open.map_or(Ok(()), |line| {
            let hint = "take the whole file; perhaps it was cut off, or a quotation mark is missing";
            Err(Broken { line, record, wrong: ("a text in quotation marks begins here and does not end", hint) })
        })
    }
}

/// The likely charset of what is not UTF-8.
fn charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let valid = bytes.utf8_chunks().next()?.valid().len();
    // Letters around the first that is strange say much of it.
    let from = bytes.get(..valid)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (valid < bytes.len()).then(|| guess(bytes.get(from..).unwrap_or_default()))
}

/// Where the first line ends.
fn line_end(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    if bytes.get(end..end + 2) == Some(b"\r\n") { end + 1 } else { end }
}

/// How many lines end in a part of some bytes, in whatever way: `\n`, `\r\n`, or `\r` alone.
fn line_breaks(bytes: &[u8], part: Range<usize>) -> u64 {
    let ends = |at: usize| match bytes.get(at) {
        Some(b'\n') => true,
        Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    part.filter(|at| ends(*at)).count() as u64
}
