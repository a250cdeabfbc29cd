//! `text`: a block of lines for each event, for people.
//!
//! Each line is a field and its value, aligned. A value stays on its line: line breaks and characters
//! that are not seen are written as `\n` or `\u202E`. With `defang = true` URLs and domain names are
//! taken apart (`hxxp://a[.]example`), so that no mail program makes links of them. Lines end in LF; a
//! mail gives them the ends that mail has.

use std::borrow::Cow;

use super::columns::Places;
use super::{Columns, Item, Listed, Teller, visible};

/// The format in the catalogue.
pub const LISTED: Listed = Listed {
    name: "text",
    extension: "txt",
    media_type: "text/plain; charset=utf-8",
    about: "A block of aligned lines for each event, for people.",
    write,
};

/// Names longer than this do not push the values of all others to the right.
const NAME_WIDTH_MAX: usize = 34;

fn write(items: &[Item<'_>], columns: &Columns, _: &Teller<'_>, out: &mut Vec<u8>) {
    let defang = columns.defang;
    let columns = columns.of(items);
    let places = Places::new(&columns);
    let mut cells = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(format!("Event {} of {}\n", index + 1, items.len()).as_bytes());
        places.fill(item, &mut cells);
        let shown = columns.iter().zip(&cells).filter_map(|(column, cell)| Some((column, cell.as_ref()?)));
        let shown: Vec<(String, Cow<'_, str>)> = shown
            .map(|(column, value)| {
                (visible::line(&column.name()).into_owned(), visible::value(column.field(), value, defang))
            })
            .collect();
        let widths = shown.iter().map(|(name, _)| name.chars().count());
        let width = widths.filter(|width| *width <= NAME_WIDTH_MAX).max().unwrap_or(0);
        for (name, value) in &shown {
            out.extend_from_slice(format!("  {name:width$}  {value}\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn bytes_are_as_agreed() {
        let events = ["source.ip=192.0.2.1|source.fqdn=a.example|source.url=http://a.example/x", "comment=two\nlines"];
        assert_eq!(
            sample::write(&LISTED, &events, &Columns { defang: true, ..Columns::default() }),
            "Event 1 of 2\n\
             \x20 event.id      01010101010101010101010101010101\n\
             \x20 notice.state  new\n\
             \x20 source.ip     192.0.2.1\n\
             \x20 source.fqdn   a[.]example\n\
             \x20 source.url    hxxp://a[.]example/x\n\
             \n\
             Event 2 of 2\n\
             \x20 event.id      02020202020202020202020202020202\n\
             \x20 notice.state  new\n\
             \x20 comment       two\\nlines\n"
        );
    }

    #[test]
    fn hostile_text_stays_on_its_line() {
        let out = sample::write(&LISTED, sample::HOSTILE, &Columns::default());
        assert!(
            out.lines().all(|line| line.is_empty() || line.starts_with("Event ") || line.starts_with("  ")),
            "{out}"
        );
        assert!(out.contains("a\\r\\nBcc: x@example.com") && out.contains("\\u202Efdp.exe"), "{out}");
    }
}
