//! Characters that are not seen, or that change how others are seen, written so that they are.
//!
//! A domain name that runs from right to left, a line break in a subject, a NUL in a cell: all of them
//! come in reports, and all of them deceive somebody who reads. They are written as `\n` or `\u202E`.

use std::borrow::Cow;
use std::fmt::Write;

use concert_model::{Field, Kind, Value};

/// The last character of ASCII and the only control that JSON does not escape.
const DELETE: u8 = 0x7f;

/// Whether a character deceives the eye: controls, changes of direction, other line ends, tags.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text on one line in which everything is seen.
pub fn line(text: &str) -> Cow<'_, str> {
    replace(text, is_hidden)
}

/// Text in which everything is seen; tabs and line ends stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    replace(text, |character| is_hidden(character) && !matches!(character, '\t' | '\r' | '\n'))
}

fn replace(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) || !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            _ if !hidden(character) => out.push(character),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => {
                // Writing into a String cannot fail.
                write!(out, "\\u{:04X}", u32::from(character)).unwrap_or_default();
            }
        }
    }
    Cow::Owned(out)
}

/// Bytes of JSON in which hidden characters stand as escapes, so that the meaning stays the same.
/// Only strings can hold them, and there an escape is always allowed.
pub fn json(from: usize, out: &mut Vec<u8>) {
    let written = out.get(from..).unwrap_or_default();
    // Control characters are escaped already, except for the last of ASCII; all others that hide need
    // bytes above it.
    if written.iter().all(|byte| *byte < DELETE) {
        return;
    }
    let text = String::from_utf8_lossy(written).into_owned();
    let hides = |character: char| is_hidden(character) && character >= char::from(DELETE);
    if !text.contains(hides) {
        return;
    }
    out.truncate(from);
    let mut units = [0; 2];
    let mut bytes = [0; 4];
    for character in text.chars() {
        if hides(character) {
            for unit in character.encode_utf16(&mut units) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        } else {
            out.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
        }
    }
}

/// A value for people: on one line, everything seen, and with `defang` nothing that a mail program
/// would turn into a link.
pub fn value<'a>(field: Field, value: &'a Value<'_>, defang: bool) -> Cow<'a, str> {
    let text = match value {
        Value::Text(text) | Value::Json(text) => line(text),
        _ => {
            let mut bytes = Vec::with_capacity(32);
            concert_model::json::write_plain(value, &mut bytes);
            // What is neither text nor JSON is written in plain ASCII, and is no link.
            return Cow::Owned(String::from_utf8(bytes).unwrap_or_default());
        }
    };
    if !defang {
        return text;
    }
    Cow::Owned(match field.kind() {
        Kind::Url => defang_url(&text),
        Kind::Domain => text.replace('.', "[.]"),
        _ => text.replace("http", "hxxp").replace("://", "[://]"),
    })
}

/// `https://a.example/x.html` becomes `hxxps://a[.]example/x.html`.
fn defang_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.replace('.', "[.]") };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let scheme = scheme.to_ascii_lowercase().replace("http", "hxxp").replace("ftp", "fxp");
    format!("{scheme}://{}{path}", host.replace('.', "[.]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_seen() {
        assert_eq!(line("a\r\nb\t\0\u{202e}c\u{e0041}é"), "a\\r\\nb\\t\\u0000\\u202Ec\\uE0041é");
        assert_eq!(lines("a\r\nb\t\0"), "a\r\nb\t\\u0000");
        assert!(matches!(line("päivää \u{200d}"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_keeps_its_meaning() {
        let mut out = b"\xe2\x80\xae[".to_vec();
        out.extend_from_slice("\"\u{202e}é\u{e0041}\"".as_bytes());
        json(4, &mut out);
        assert_eq!(String::from_utf8(out[4..].to_vec()).unwrap(), "\"\\u202eé\\udb40\\udc41\"");
        let back: String = serde_json::from_slice(&out[4..]).unwrap();
        assert_eq!(back, "\u{202e}é\u{e0041}");
    }

    #[test]
    fn json_shows_the_control_that_it_does_not_escape_by_itself() {
        let mut out = b"[\n\"a\x7fb\"".to_vec();
        json(0, &mut out);
        assert_eq!(out, b"[\n\"a\\u007fb\"");
    }

    #[test]
    fn links_are_taken_apart() {
        let check = |field, text: &str, want: &str| {
            assert_eq!(value(field, &Value::text(text), true), want);
            assert_eq!(value(field, &Value::text(text), false), text);
        };
        check(Field::SOURCE_URL, "https://a.example:8/x.html?q=b.c", "hxxps://a[.]example:8/x.html?q=b.c");
        check(Field::SOURCE_FQDN, "a.example", "a[.]example");
        check(Field::COMMENT, "see http://a.example", "see hxxp[://]a.example");
        check(Field::MALWARE_NAME, "a.b", "a.b");
    }
}
