//! Splits separated values into records, without copying: fields are slices of the record.
//!
//! Quotes (`"`, doubled inside), quoted line breaks, LF, CRLF and CR line ends. A quote that never
//! closes must not swallow the rows behind it: its first line alone is bad and splitting goes on at the
//! next. The same holds for a record that runs over several lines and then has the wrong number of
//! columns, because that is what a stray quote looks like.

mod split;

use encoding_rs::Encoding;
use memchr::{memchr2, memrchr2};

use self::split::{Form, Span, Split, line_breaks, split};
use super::input::{Input, TOO_LONG, decode, guess};

/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;
/// As much of a bad line as a reject shows.
const BAD_BYTES_MAX: usize = concert_model::Reject::TEXT_BYTES_MAX;

/// What stands between two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// One byte.
    Byte(u8),
    /// Any number of blanks and tabs.
    Blanks,
}

/// How records look.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Between two fields.
    pub delimiter: Delimiter,
    /// Whether `"` quotes.
    pub quote: bool,
    /// Lines that begin with one of these are comments.
    pub comments: Vec<String>,
}

/// A piece of the input.
pub enum Found<'b> {
    /// A record.
    Record(Record<'b>),
    /// A comment line, whole.
    Comment(&'b str),
    /// A line that is no record.
    Bad {
        /// Its number.
        line: u64,
        /// Why.
        reason: &'static str,
        /// Its first bytes.
        raw: &'b [u8],
    },
}

/// One record.
#[derive(Clone, Copy)]
pub struct Record<'b> {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its bytes, without the line end.
    pub raw: &'b [u8],
    /// Whether a line end follows it. A report that was cut ends without one.
    pub whole: bool,
    text: &'b str,
    arena: &'b str,
    spans: &'b [Span],
}

impl<'b> Record<'b> {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it has no field.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The text of a field, counted from 0; `None` when the record is shorter.
    pub fn get(&self, index: usize) -> Option<&'b str> {
        let span = self.spans.get(index)?;
        let home = if span.form == Form::Arena { self.arena } else { self.text };
        Some(home.get(span.start..span.end).unwrap_or_default())
    }

    /// Every field.
    pub fn fields(&self) -> impl Iterator<Item = &'b str> {
        let record = *self;
        (0..self.len()).filter_map(move |index| record.get(index))
    }
}

/// What [`Records::advance`] found, without borrowing.
enum Step {
    Record { line: u64, start: usize, end: usize, whole: bool, doubled: bool },
    Comment { start: usize, end: usize },
    Bad { line: u64, reason: &'static str },
    End,
}

/// Reads records from an input, one after another.
pub struct Records<'r, 'i> {
    input: &'r mut Input<'i>,
    shape: Shape,
    encoding: Option<&'static Encoding>,
    /// Most bytes of a record.
    bytes_max: usize,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    line: u64,
    width: Option<usize>,
    spans: Vec<Span>,
    arena: String,
    bad: Vec<u8>,
}

impl<'r, 'i> Records<'r, 'i> {
    /// Records of this shape.
    pub fn new(input: &'r mut Input<'i>, shape: Shape) -> Self {
        let (encoding, bytes_max) = (input.encoding(), input.line_bytes_max());
        let mut records = Self {
            input,
            shape,
            encoding,
            bytes_max,
            buffer: Vec::new(),
            at: 0,
            ended: false,
            line: 1,
            width: None,
            spans: Vec::new(),
            arena: String::new(),
            bad: Vec::new(),
        };
        records.fill();
        if records.buffer.starts_with(b"\xef\xbb\xbf") {
            records.at = 3;
        }
        records
    }

    /// The number of fields every record has, once it is known: tells a stray quote from a quoted
    /// line break.
    pub fn set_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// Passes over a line, whatever it holds. `false` at the end.
    pub fn skip_line(&mut self) -> bool {
        if self.at >= self.buffer.len() && !self.fill() {
            return false;
        }
        self.pass_line();
        true
    }

    /// The next record, comment or bad line; empty lines are passed over. (No `Iterator`: what is given
    /// lives in the buffer.)
    pub fn read(&mut self) -> Option<Found<'_>> {
        let step = self.advance();
        let Self { buffer, spans, arena, encoding, bad, .. } = self;
        let slice = |start: usize, end: usize| buffer.get(start..end).unwrap_or_default();
        match step {
            Step::Record { line, start, end, whole, doubled } => {
                let raw = slice(start, end);
                let text = simdutf8::basic::from_utf8(raw);
                match text {
                    Ok(text) if doubled => undouble_all(text, spans, arena),
                    Ok(_) => {}
                    Err(_) => decode_all(raw, spans, arena, encoding.get_or_insert_with(|| guess(raw))),
                }
                Some(Found::Record(Record { line, raw, whole, text: text.unwrap_or_default(), arena, spans }))
            }
            Step::Comment { start, end } => {
                let raw = slice(start, end);
                if let Ok(text) = std::str::from_utf8(raw) {
                    return Some(Found::Comment(text));
                }
                arena.clear();
                arena.push_str(&decode(raw, Some(encoding.get_or_insert_with(|| guess(raw)))));
                Some(Found::Comment(arena))
            }
            Step::Bad { line, reason } => Some(Found::Bad { line, reason, raw: bad }),
            Step::End => None,
        }
    }

    fn advance(&mut self) -> Step {
        loop {
            if self.at >= self.buffer.len() && !self.fill() {
                return Step::End;
            }
            match self.buffer.get(self.at) {
                Some(b'\n' | b'\r') => {
                    self.pass_line();
                    continue;
                }
                Some(_) => {}
                None => return Step::End,
            }
            if let Some(step) = self.comment() {
                return step;
            }
            // Looking for a comment may have found that reading stopped in this line.
            if self.at >= self.buffer.len() {
                return Step::End;
            }
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            match split(rest, self.ended, &self.shape, &mut self.spans) {
                Split::Done { end, .. } if end > self.bytes_max => return self.bad(TOO_LONG),
                Split::Done { end, next, quoted } => return self.record(end, next, quoted),
                Split::More if rest.len() > self.bytes_max => {
                    return self.bad(match memchr2(b'\n', b'\r', rest) {
                        Some(_) => "a quote opens on this line and does not close",
                        None => TOO_LONG,
                    });
                }
                Split::More => {
                    self.fill();
                }
                Split::Unclosed => return self.bad("a quote opens on this line and does not close"),
            }
        }
    }

    /// The comment line that begins here, if one does.
    fn comment(&mut self) -> Option<Step> {
        let longest = self.shape.comments.iter().map(String::len).max()?;
        while self.buffer.len() - self.at.min(self.buffer.len()) < longest && self.fill() {}
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        if !self.shape.comments.iter().any(|prefix| rest.starts_with(prefix.as_bytes())) {
            return None;
        }
        let end = loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            if let Some(end) = memchr2(b'\n', b'\r', rest) {
                break end;
            }
            if rest.len() > self.bytes_max {
                return Some(self.bad(TOO_LONG));
            }
            if !self.fill() {
                break rest_len(&self.buffer, self.at);
            }
        };
        let (start, end) = (self.at, self.at + end);
        self.line += 1;
        self.at = end;
        self.step_over_end();
        Some(Step::Comment { start, end })
    }

    fn record(&mut self, end: usize, next: usize, quoted: bool) -> Step {
        let (start, end) = (self.at, self.at + end);
        let raw = self.buffer.get(start..end).unwrap_or_default();
        let breaks = if quoted { line_breaks(raw) } else { 0 };
        if breaks > 0 && self.width.is_some_and(|width| width != self.spans.len()) {
            return self.bad("a quote opens on this line and does not close, or the columns do not fit the header");
        }
        let (line, whole) = (self.line, next > end - start);
        self.line += 1 + breaks;
        self.at += next;
        // Quotes are doubled in few records, and only then fields must be written anew.
        let doubled = quoted && self.spans.iter().any(|span| span.form == Form::Doubled);
        Step::Record { line, start, end, whole, doubled }
    }

    /// The line that begins here is bad; the next record begins behind it.
    fn bad(&mut self, reason: &'static str) -> Step {
        let line = self.line;
        self.pass_line();
        Step::Bad { line, reason }
    }

    /// Passes over the rest of a line of any length, and keeps its first bytes.
    fn pass_line(&mut self) {
        self.bad.clear();
        self.line += 1;
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let end = memchr2(b'\n', b'\r', rest);
            let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let room = BAD_BYTES_MAX.saturating_sub(self.bad.len());
            self.bad.extend_from_slice(piece.get(..room).unwrap_or(piece));
            self.at += piece.len();
            if end.is_some() {
                return self.step_over_end();
            }
            if !self.fill() {
                return;
            }
        }
    }

    /// Steps over one line end.
    fn step_over_end(&mut self) {
        match self.buffer.get(self.at) {
            Some(b'\n') => self.at += 1,
            Some(b'\r') => {
                self.at += 1;
                // A comment or bad line that was just found must stay in the buffer, so nothing is read
                // here; a line feed that comes later is then an empty line, and only its number is off.
                if self.buffer.get(self.at) == Some(&b'\n') {
                    self.at += 1;
                }
            }
            _ => {}
        }
    }

    /// Reads more bytes behind those that are still needed. `false` when there are none.
    fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.at = 0;
        let before = self.buffer.len();
        // Twice as many each time, so that a long record is not looked at over and over.
        let want = before + READ_BYTES.max(before);
        while self.buffer.len() < want {
            match self.input.reader().fill_buf() {
                Ok([]) => {
                    self.ended = true;
                    break;
                }
                Ok(chunk) => {
                    let length = chunk.len();
                    self.buffer.extend_from_slice(chunk);
                    self.input.reader().consume(length);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.drop_cut(error.to_string());
                    break;
                }
            }
        }
        self.buffer.len() > before
    }

    /// Takes the line in whose middle reading stopped away, and hands it to the input.
    fn drop_cut(&mut self, why: String) {
        let end = memrchr2(b'\n', b'\r', &self.buffer).map_or(0, |at| at + 1);
        let mut cut = self.buffer.split_off(end);
        cut.truncate(BAD_BYTES_MAX);
        self.input.fail_in(why, self.line + line_breaks(&self.buffer), cut);
    }
}

fn rest_len(buffer: &[u8], at: usize) -> usize {
    buffer.len().saturating_sub(at)
}

/// Writes fields with doubled quotes anew.
fn undouble_all(text: &str, spans: &mut [Span], arena: &mut String) {
    arena.clear();
    for span in spans.iter_mut().filter(|span| span.form == Form::Doubled) {
        let from = arena.len();
        undouble(text.get(span.start..span.end).unwrap_or_default(), arena);
        *span = Span { start: from, end: arena.len(), form: Form::Arena };
    }
}

/// Writes every field anew as text of this encoding.
fn decode_all(raw: &[u8], spans: &mut [Span], arena: &mut String, encoding: &'static Encoding) {
    arena.clear();
    for span in spans {
        let from = arena.len();
        let text = decode(raw.get(span.start..span.end).unwrap_or_default(), Some(encoding));
        match span.form {
            Form::Doubled => undouble(&text, arena),
            Form::Plain | Form::Arena => arena.push_str(&text),
        }
        *span = Span { start: from, end: arena.len(), form: Form::Arena };
    }
}

/// Appends text with its doubled quotes made single.
fn undouble(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\"\"") {
        out.push_str(before);
        out.push('"');
        rest = after;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests;
