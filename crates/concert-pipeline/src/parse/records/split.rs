//! Finds the fields and the end of the record that begins at the start of some bytes.

use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memchr3};

use super::{Delimiter, Shape};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A slice of the record.
    Plain,
    /// A slice of the record that holds doubled quotes.
    Doubled,
    /// A slice of the arena.
    Arena,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    pub form: Form,
}

/// How looking for the end of a record ended.
pub(super) enum Split {
    /// It ends here and the next begins there.
    Done { end: usize, next: usize, quoted: bool },
    /// The buffer ends first.
    More,
    /// A quote does not close.
    Unclosed,
}

/// Looks for the fields and the end of the record at the start of these bytes. `ended` says that no
/// bytes follow.
pub(super) fn split(bytes: &[u8], ended: bool, shape: &Shape, spans: &mut Vec<Span>) -> Split {
    spans.clear();
    let (mut at, mut quoted) = (0, false);
    let blanks = shape.delimiter == Delimiter::Blanks;
    loop {
        if blanks {
            at += bytes.get(at..).unwrap_or_default().iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            match bytes.get(at) {
                None if !ended => return Split::More,
                None | Some(b'\n' | b'\r') => return line_end(bytes, at, ended, quoted),
                Some(_) => {}
            }
        }
        let mut span = Span { start: at, end: at, form: Form::Plain };
        if shape.quote && bytes.get(at) == Some(&b'"') {
            quoted = true;
            span.start = at + 1;
            span.end = match closing_quote(bytes, at + 1, ended, &mut span.form) {
                Ok(close) => close,
                Err(split) => return split,
            };
            at = span.end + 1;
            match bytes.get(at) {
                None if !ended => return Split::More,
                None | Some(b'\n' | b'\r') => {}
                Some(byte) if is_delimiter(*byte, shape.delimiter) => {}
                // Text behind the closing quote. Within one line it is part of the field; behind a line
                // break the quote that closed is the one that opens a field of another row.
                Some(_) if line_breaks(bytes.get(span.start..span.end).unwrap_or_default()) > 0 => {
                    return Split::Unclosed;
                }
                Some(_) => {
                    let Some(end) = field_end(bytes, at, shape.delimiter, ended) else { return Split::More };
                    (at, span.end, span.form) = (end, end, Form::Doubled);
                }
            }
        } else {
            let Some(end) = field_end(bytes, at, shape.delimiter, ended) else { return Split::More };
            (at, span.end) = (end, end);
        }
        spans.push(span);
        match bytes.get(at) {
            None | Some(b'\n' | b'\r') => return line_end(bytes, at, ended, quoted),
            Some(_) => at += 1,
        }
    }
}

fn is_delimiter(byte: u8, delimiter: Delimiter) -> bool {
    match delimiter {
        Delimiter::Byte(delimiter) => byte == delimiter,
        Delimiter::Blanks => matches!(byte, b' ' | b'\t'),
    }
}

/// Where the quote closes that opened before `from`.
fn closing_quote(bytes: &[u8], mut from: usize, ended: bool, form: &mut Form) -> Result<usize, Split> {
    loop {
        let Some(quote) = next_quote(bytes, from) else {
            return Err(if ended { Split::Unclosed } else { Split::More });
        };
        match bytes.get(quote + 1) {
            Some(b'"') => {
                *form = Form::Doubled;
                from = quote + 2;
            }
            None if !ended => return Err(Split::More),
            _ => return Ok(quote),
        }
    }
}

/// Where the next quote is. Most fields are short, and for those eight bytes at a time are faster than
/// calling what is fastest for long ones.
pub(super) fn next_quote(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let mut at = from;
    for _ in 0..3 {
        let Some(word) = bytes.get(at..at + 8).and_then(|word| <[u8; 8]>::try_from(word).ok()) else { break };
        // A byte of `other` is zero where the quote is; the lowest such byte gets its high bit set.
        let other = u64::from_le_bytes(word) ^ (ONES * 0x22);
        let found = other.wrapping_sub(ONES) & !other & (ONES << 7);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr(b'"', bytes.get(at..)?).map(|offset| at + offset)
}

/// Where an unquoted field ends; `None` when more bytes are needed to know.
fn field_end(bytes: &[u8], at: usize, delimiter: Delimiter, ended: bool) -> Option<usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    let end = match delimiter {
        Delimiter::Byte(delimiter) => memchr3(delimiter, b'\n', b'\r', rest),
        Delimiter::Blanks => rest.iter().position(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')),
    };
    match end {
        Some(end) => Some(at + end),
        None => ended.then_some(bytes.len()),
    }
}

/// The record ends at this line end, or at the end of the bytes.
fn line_end(bytes: &[u8], at: usize, ended: bool, quoted: bool) -> Split {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Split::Done { end: at, next: at + 2, quoted },
        (Some(b'\r'), None) if !ended => Split::More,
        (Some(_), _) => Split::Done { end: at, next: at + 1, quoted },
        (None, _) => Split::Done { end: at, next: at, quoted },
    }
}

/// Line breaks inside a record, in whichever way it breaks lines.
pub(super) fn line_breaks(raw: &[u8]) -> u64 {
    let Some(first) = memchr2(b'\n', b'\r', raw) else { return 0 };
    let rest = raw.get(first..).unwrap_or_default();
    let feeds = memchr_iter(b'\n', rest).count();
    let count = if feeds > 0 { feeds } else { memchr2_iter(b'\r', b'\r', rest).count() };
    count as u64
}
