//! Mails that carry a report for machines (ARF, XARF): their parts, and which parser reads them.
//!
//! Such a mail is read whole, because its parts explain each other. A complaint that carries a report is
//! read by that: what its text says for people is left alone. Mails inside mails are looked into as far as
//! `PARTS_MAX` parts and `MAILS_MAX` levels go.

use std::borrow::Cow;

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::input::decode;
use super::{About, Fault, Input, Parser, Sink, arf, forwarded, xarf};

/// Names below `extra.` of what happened. All others may say to whom, or who reports it, and are left out where
/// reporters are not named.
pub const NAMELESS: &[&str] = &[
    "attempt_count",
    "auth_failure",
    "category",
    "delivery_result",
    "evidence_source",
    "first_seen",
    "incidents",
    "last_seen",
    "occurrences",
    "original_mail_from",
    "reported_domain",
    "reported_uri",
    "source_from",
    "threat_type",
    "xarf_version",
];

/// Most parts of one mail that are looked at, those of mails inside it included.
const PARTS_MAX: usize = 5_000;
/// How deep mails are opened inside mails.
const MAILS_MAX: usize = 3;
/// Longest value of a header or field that is kept.
const VALUE_CHARS_MAX: usize = 1_000;

/// A part of a mail, in the order in which they stand.
pub(super) struct Piece<'m> {
    /// The line of the whole mail where it begins; of a mail inside that is encoded, the line of that.
    pub line: u64,
    /// Its media type, in lower case.
    pub kind: String,
    part: &'m MessagePart<'m>,
}

impl<'m> Piece<'m> {
    /// Its name; empty without one.
    pub(super) fn name(&self) -> &'m str {
        self.part.attachment_name().unwrap_or_default()
    }

    /// The mail that it is.
    pub(super) fn mail(&self) -> Option<&'m Message<'m>> {
        self.part.message()
    }

    /// Its bytes; none for a mail or for what holds other parts.
    pub(super) fn bytes(&self) -> &'m [u8] {
        match &self.part.body {
            PartType::Text(text) | PartType::Html(text) => text.as_bytes(),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => bytes,
            PartType::Message(_) | PartType::Multipart(_) => b"",
        }
    }

    /// Its text; nothing for a mail or for what holds other parts.
    pub(super) fn text(&self) -> Cow<'m, str> {
        decode(self.bytes(), None)
    }
}

/// Takes a mail apart. `None` when it is none: there are no headers. Some programs put a line of a mailbox file
/// before those.
pub(super) fn mail(bytes: &[u8]) -> Option<Message<'_>> {
    let end = if bytes.starts_with(b"From ") { memchr::memchr(b'\n', bytes) } else { None };
    let mail = end.and_then(|end| bytes.get(end + 1..)).unwrap_or(bytes);
    MessageParser::default().parse(mail)
}

/// The parts of a mail and of the mails inside it. `bytes` are those it was read from.
pub(super) fn pieces<'m>(bytes: &[u8], mail: &'m Message<'m>) -> Vec<Piece<'m>> {
    let line = if mail.raw_message.len() < bytes.len() { 2 } else { 1 };
    let mut walk = Walk { whole: &mail.raw_message, at: 0, line, pieces: Vec::new() };
    walk.mail(mail, 0, false);
    walk.pieces
}

/// Counts lines while the parts go by, so that no byte is looked at twice.
struct Walk<'m> {
    whole: &'m [u8],
    at: usize,
    line: u64,
    pieces: Vec<Piece<'m>>,
}

impl<'m> Walk<'m> {
    fn mail(&mut self, mail: &'m Message<'m>, depth: usize, encoded: bool) {
        for part in &mail.parts {
            if self.pieces.len() >= PARTS_MAX {
                return;
            }
            if !encoded {
                self.move_to(part.offset_body as usize);
            }
            let kind = part.content_type().map_or_else(String::new, |kind| {
                format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase()
            });
            self.pieces.push(Piece { line: self.line, kind, part });
            if let PartType::Message(inner) = &part.body
                && depth < MAILS_MAX
            {
                // Places in a mail that was encoded are not places in this one.
                self.mail(inner, depth + 1, encoded || part.encoding != mail_parser::Encoding::None);
            }
        }
    }

    fn move_to(&mut self, at: usize) {
        let passed = self.whole.get(self.at..at).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.at = self.at.max(at);
    }
}

/// The fields of a block of header lines, names in lower case. Lines that begin with a blank go on, and what has no
/// name is passed over.
pub(super) fn fields(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines().take(PARTS_MAX) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = found.last_mut().filter(|_| !line.trim().is_empty()) {
                *value = capped(&format!("{value} {}", line.trim()));
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        found.push((name.trim().to_ascii_lowercase(), capped(value.trim())));
    }
    found
}

fn capped(value: &str) -> String {
    value.chars().take(VALUE_CHARS_MAX).collect()
}

/// A time as mails write it: without the name of the day, which is often wrong, and without remarks.
pub(super) fn plain_time(text: &str) -> &str {
    let text = text.split('(').next().unwrap_or_default().trim();
    match text.split_once(',') {
        Some((day, rest)) if day.len() <= 9 && day.bytes().all(|byte| byte.is_ascii_alphabetic()) => rest.trim(),
        _ => text,
    }
}

/// Which parser a mail is for.
fn parser_of(mail: &Message<'_>) -> Option<&'static dyn Parser> {
    let pieces = pieces(&mail.raw_message, mail);
    if pieces.iter().any(arf::is_report) {
        return Some(&arf::Arf);
    }
    pieces.iter().any(xarf::is_report).then_some(&xarf::Xarf as &dyn Parser)
}

/// Whether a mail carries a report for machines.
pub(super) fn is_in(mail: &Message<'_>) -> bool {
    parser_of(mail).is_some()
}

/// Reads a mail that carries a report for machines, else the mails that are complained of in it.
pub(super) struct Carried;

impl Parser for Carried {
    fn parse(&self, input: &mut Input<'_>, about: &About<'_>, sink: &mut Sink<'_>) {
        let bytes = match input.whole() {
            Ok(bytes) => bytes,
            Err(why) => return sink.reject(1, Fault::new("", why), b""),
        };
        match mail(&bytes).as_ref().and_then(parser_of) {
            Some(parser) => parser.parse(&mut Input::new(&mut bytes.as_slice(), None), about, sink),
            None => match mail(&bytes) {
                Some(mail) => forwarded::read(&mail, sink),
                None => sink.reject(1, Fault::new("", "not a mail: it has no headers"), b""),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_go_on_in_lines_that_begin_with_a_blank() {
        let found = fields("Feedback-Type: abuse\r\n\r\nno name\nUser-Agent:\n  x\n\ty: z\n");
        let want = [("feedback-type", "abuse"), ("user-agent", " x y: z")];
        assert_eq!(found, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn times_lose_their_day_and_remarks() {
        assert_eq!(plain_time("Thu, 29 Apr 2009 00:00:00 -0000 (EST)"), "29 Apr 2009 00:00:00 -0000");
        assert_eq!(plain_time("2026-06-17T03:04:05,5Z"), "2026-06-17T03:04:05,5Z");
    }
}
