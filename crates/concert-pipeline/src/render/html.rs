//! `html`: a page with one table, for people.
//!
//! Everything from the events is escaped and nothing is a link. The page has no script, no picture and
//! nothing from elsewhere, and says so to the browser. With `defang = true` URLs and domain names are
//! taken apart, because some mail programs make links of what looks like one.

use super::columns::Places;
use super::{Columns, Item, Listed, Teller, visible};

/// The format in the catalogue.
pub const LISTED: Listed = Listed {
    name: "html",
    extension: "html",
    media_type: "text/html; charset=utf-8",
    about: "A page with one table, without scripts or anything from elsewhere.",
    write,
};

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=\"referrer\" content=\"no-referrer\">\n<title>Events</title>\n<style>\n\
    body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color-scheme: light dark }\n\
    table { border-collapse: collapse }\n\
    th, td { padding: .3em .7em; border-bottom: 1px solid #8884; text-align: left; vertical-align: top; \
    max-width: 30em; overflow-wrap: break-word }\n\
    th { white-space: nowrap; border-bottom-width: 2px }\n\
    td { font-variant-numeric: tabular-nums }\n\
    </style>\n</head>\n<body>\n";

fn write(items: &[Item<'_>], columns: &Columns, _: &Teller<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(HEAD.as_bytes());
    write_table(items, columns, out);
    out.extend_from_slice(b"</body>\n</html>\n");
}

fn write_table(items: &[Item<'_>], columns: &Columns, out: &mut Vec<u8>) {
    let defang = columns.defang;
    let columns = columns.of(items);
    out.extend_from_slice(b"<table>\n<thead>\n<tr>");
    for column in &columns {
        out.extend_from_slice(b"<th scope=\"col\">");
        escape(&visible::line(&column.name()), out);
        out.extend_from_slice(b"</th>");
    }
    out.extend_from_slice(b"</tr>\n</thead>\n<tbody>\n");
    let places = Places::new(&columns);
    let mut cells = Vec::new();
    for item in items {
        places.fill(item, &mut cells);
        out.extend_from_slice(b"<tr>");
        for (column, cell) in columns.iter().zip(&cells) {
            out.extend_from_slice(b"<td>");
            if let Some(value) = cell {
                escape(&visible::value(column.field(), value, defang), out);
            }
            out.extend_from_slice(b"</td>");
        }
        out.extend_from_slice(b"</tr>\n");
    }
    out.extend_from_slice(b"</tbody>\n</table>\n");
}

/// Appends text so that it is nothing but text, in content and in attributes.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn bytes_are_as_agreed() {
        let out = sample::write(&LISTED, &["source.ip=192.0.2.1|source.fqdn=a.example"], &Columns::default());
        let body = out.strip_prefix(HEAD).unwrap();
        assert_eq!(
            body,
            "<table>\n<thead>\n<tr><th scope=\"col\">event.id</th><th scope=\"col\">notice.state</th>\
             <th scope=\"col\">source.ip</th><th scope=\"col\">source.fqdn</th></tr>\n</thead>\n<tbody>\n\
             <tr><td>01010101010101010101010101010101</td><td>new</td><td>192.0.2.1</td><td>a.example</td></tr>\n\
             </tbody>\n</table>\n</body>\n</html>\n"
        );
    }

    #[test]
    fn hostile_text_is_text() {
        let out = sample::write(&LISTED, sample::HOSTILE, &Columns::default());
        let body = out.strip_prefix(HEAD).unwrap();
        // Take away the tags this file writes; what is left must hold no markup at all.
        let mut rest = body.to_owned();
        for tag in [
            "table",
            "thead",
            "tbody",
            "tr",
            "td",
            "/table",
            "/thead",
            "/tbody",
            "/tr",
            "/td",
            "/th",
            "/body",
            "/html",
            "th scope=\"col\"",
        ] {
            rest = rest.replace(&format!("<{tag}>"), "");
        }
        assert!(!rest.contains(['<', '>', '"', '\'']), "{rest}");
        assert!(rest.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{rest}");
    }
}
