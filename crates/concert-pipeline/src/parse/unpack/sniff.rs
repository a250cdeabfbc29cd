//! Tells by the first bytes what a piece is wrapped in.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use memchr::memmem;

/// Bytes looked at.
pub(super) const HEAD_BYTES: usize = 8 << 10;
/// Bytes of headers that are looked at where a line is longer than the first bytes.
pub(super) const HEADERS_BYTES: u64 = 4 << 20;
/// Headers that hardly a report begins with, and any mail has several of.
const MAIL_HEADERS: &[&str] = &[
    "bcc",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "date",
    "delivered-to",
    "dkim-signature",
    "from",
    "in-reply-to",
    "message-id",
    "mime-version",
    "received",
    "references",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "x-original-to",
];

/// What a piece is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    None,
    Gzip,
    Bzip2,
    Zip,
    /// Text in UTF-16, by its byte order mark or by its zeros.
    Wide(&'static Encoding),
}

/// The wrapping these first bytes tell.
pub(super) fn wrapping(head: &[u8]) -> Wrapping {
    match head {
        [0x1f, 0x8b, 8, ..] => Wrapping::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Wrapping::Bzip2,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Wrapping::Zip,
        [0xff, 0xfe, ..] => Wrapping::Wide(UTF_16LE),
        [0xfe, 0xff, ..] => Wrapping::Wide(UTF_16BE),
        _ => wide(head).map_or(Wrapping::None, Wrapping::Wide),
    }
}

/// The kind of UTF-16 that has no mark: of the letters of most reports every other byte is zero, and no byte between.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    const BYTES_LEAST: usize = 8;
    let (mut first, mut second) = (0, 0);
    for pair in head.chunks_exact(2) {
        first += usize::from(pair.first() == Some(&0));
        second += usize::from(pair.last() == Some(&0));
    }
    let most = head.len() / 2 * 3 / 4;
    match (first, second) {
        _ if head.len() < BYTES_LEAST => None,
        (0, zeros) if zeros > most => Some(UTF_16LE),
        (zeros, 0) if zeros > most => Some(UTF_16BE),
        _ => None,
    }
}

/// The first bytes.
pub(super) fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether lines of headers come first, two of which only mails have.
pub(super) fn looks_like_mail(head: &[u8]) -> bool {
    let mut known = 0;
    for (index, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        // Some programs put a line of a mailbox file first.
        if index == 0 && line.starts_with(b"From ") || index > 0 && matches!(line.first(), Some(b' ' | b'\t')) {
            continue;
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let is_name = name.len() < line.len() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        if !is_name {
            // The head may end within a line.
            break;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        known += u32::from(MAIL_HEADERS.contains(&name.as_str()));
    }
    known >= 2
}

/// Whether the first bytes may be headers and end before that can be told.
pub(super) fn ends_in_headers(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n');
    let is_name = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        name.len() < line.len() && name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(fits)
    };
    let is_header = |line: &[u8]| is_name(line) || matches!(line.first(), Some(b' ' | b'\t'));
    let is_first = |line: &[u8]| is_name(line) || line.starts_with(b"From ");
    // The last of several lines may be cut in its name.
    let is_cut = |line: &[u8]| is_header(line) || !line.contains(&b':');
    head.len() >= HEAD_BYTES
        && !looks_like_mail(head)
        && lines.next().is_some_and(is_first)
        && lines.next_back().is_none_or(is_cut)
        && lines.all(is_header)
}

/// The encoding a media type states: `text/csv; charset=iso-8859-1`.
pub(super) fn charset(media_type: &str) -> Option<&'static Encoding> {
    let mut parameters = media_type.split(';').skip(1);
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset").then(|| Encoding::for_label(value.as_bytes()))?
    })
}

/// How many members the end of a zip archive speaks of. `None` when it has no end or is of the kind
/// for more than 65,534 members, which nobody sends and which would take long to list.
pub(super) fn zip_members<R: BufRead + Seek>(reader: &mut R) -> io::Result<Option<u16>> {
    let length = reader.seek(SeekFrom::End(0))?;
    let tail_bytes = length.min(22 + 65_535);
    reader.seek(SeekFrom::Start(length - tail_bytes))?;
    let mut tail = Vec::new();
    reader.take(tail_bytes).read_to_end(&mut tail)?;
    reader.rewind()?;
    let Some(end) = memmem::rfind(&tail, b"PK\x05\x06") else { return Ok(None) };
    let count = tail.get(end + 10..end + 12).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok()).map(u16::from_le_bytes);
    Ok(count.filter(|count| *count != u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_told_from_reports() {
        let check = |head: &str, want: bool| assert_eq!(looks_like_mail(head.as_bytes()), want, "{head}");
        check("From x Mon\nReceived: by a\n b\nSubject: =?x?=\n\nbody", true);
        check("Date: today\r\nTo: a@b.example\r\n\r\n", true);
        check("Subject: alone\n\nx", false);
        check("time: 1\nip: 192.0.2.1\n", false);
        check("\"timestamp\",\"ip\"\n", false);
        check("From: a\n# no header\nTo: b\n", false);
        check("{\"from\": 1, \"to\": 2}", false);
        check("", false);
    }

    #[test]
    fn headers_that_do_not_end_in_the_first_bytes_are_told() {
        let long = "x".repeat(HEAD_BYTES);
        let check = |head: &str, want: bool| {
            let head = head.as_bytes().get(..HEAD_BYTES).unwrap_or(head.as_bytes());
            assert_eq!(ends_in_headers(head), want, "{}", String::from_utf8_lossy(&head[..20.min(head.len())]));
        };
        check(&format!("X-Long: {long}"), true);
        check(&format!("Received: by a\n {long}"), true);
        check(&format!("Subject: a\nTo: b\n{long}"), false);
        check(&format!("ip,time\n{long}"), false);
        check(&format!("X-Short: a\n\n{long}"), false);
        check("X-Short: a", false);
    }

    #[test]
    fn utf_16_without_a_mark_is_told_by_its_zeros() {
        let check = |head: &[u8], want: Option<&'static Encoding>| {
            assert_eq!(wrapping(head), want.map_or(Wrapping::None, Wrapping::Wide), "{head:?}");
        };
        let bytes = |text: &str, each: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(each).collect::<Vec<u8>>();
        let text = "ip,näme\r\n192.0.2.1,Ж\n";
        check(&bytes(text, u16::to_le_bytes), Some(UTF_16LE));
        check(&bytes(text, u16::to_be_bytes), Some(UTF_16BE));
        // The head may end within a letter.
        check(&bytes(text, u16::to_le_bytes)[..25], Some(UTF_16LE));
        check(text.as_bytes(), None);
        for other in [
            "1\x002",
            "192.0\x00.2.1\n192.0.2.2\n",
            "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            "a\x00\x00b\x00c\x00d\x00e\x00f",
        ] {
            check(other.as_bytes(), None);
        }
    }

    #[test]
    fn charsets_are_read_from_media_types() {
        assert_eq!(charset("text/csv; charset=ISO-8859-1").map(Encoding::name), Some("windows-1252"));
        assert_eq!(charset("text/csv;header=present; Charset=\"utf-8\"").map(Encoding::name), Some("UTF-8"));
        assert_eq!(charset("text/csv"), None);
        assert_eq!(charset("text/csv; charset=klingon"), None);
    }
}
