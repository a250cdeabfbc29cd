//! `json`: one array of flat objects, one event each.
//!
//! The same objects as in [`super::ndjson`], in one array with an object a line.

use super::{Columns, Item, Listed, Teller, ndjson};

/// The format in the catalogue.
pub const LISTED: Listed = Listed {
    name: "json",
    extension: "json",
    media_type: "application/json",
    about: "One array of flat objects.",
    write,
};

fn write(items: &[Item<'_>], columns: &Columns, _: &Teller<'_>, out: &mut Vec<u8>) {
    let objects = ndjson::Objects::new(columns);
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        objects.write(item, out);
    }
    out.extend_from_slice(if items.is_empty() { b"]\n" } else { b"\n]\n" });
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn bytes_are_as_agreed() {
        assert_eq!(
            sample::write(&LISTED, &["source.port=80", "comment=x"], &Columns::default()),
            "[\n\
             {\"event.id\":\"01010101010101010101010101010101\",\"report.id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\
             \"notice.state\":\"new\",\"source.port\":80},\n\
             {\"event.id\":\"02020202020202020202020202020202\",\"report.id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\
             \"notice.state\":\"new\",\"comment\":\"x\"}\n\
             ]\n"
        );
        assert_eq!(sample::write(&LISTED, &[], &Columns::default()), "[]\n");
    }

    #[test]
    fn hostile_text_is_read_back_as_it_was() {
        let out = sample::write(&LISTED, sample::HOSTILE, &Columns::default());
        let back: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
        assert_eq!(back[1]["extra.b"], "\u{202e}fdp.exe");
        assert_eq!(back[1]["comment"], "a\r\nBcc: x@example.com");
        assert_eq!(back[0]["comment"], "=cmd");
        assert_eq!(out.lines().count(), 4);
    }
}
