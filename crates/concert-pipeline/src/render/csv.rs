//! `csv`: a table with a header, for spreadsheets and scripts.
//!
//! RFC 4180: commas, quotes doubled, lines end in CRLF, UTF-8 without a byte order mark. The first
//! column is `event.id`; where a team of last resort is told, `notice.because` says for whom and why. Lists and objects in `extra.*` are written as JSON.
//!
//! Spreadsheets run cells as formulas. A text that begins one gets a `'` in front. Numbers are not texts: a latitude
//! of -33.8 stays as it is. Cells with a semicolon or a tab are quoted too, because some programs part
//! cells there. Characters that are not seen are written as `\u202E`.

use concert_model::sheet::is_formula;
use concert_model::{Value, json};

use super::columns::Places;
use super::{Columns, Item, Listed, Teller, visible};

/// The format in the catalogue.
pub const LISTED: Listed = Listed {
    name: "csv",
    extension: "csv",
    media_type: "text/csv; charset=utf-8; header=present",
    about: "A table with a header line, safe to open in a spreadsheet.",
    write,
};

fn write(items: &[Item<'_>], columns: &Columns, _: &Teller<'_>, out: &mut Vec<u8>) {
    let columns = columns.of(items);
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(&column.name(), out);
    }
    out.extend_from_slice(b"\r\n");
    let places = Places::new(&columns);
    let mut cells = Vec::new();
    for item in items {
        places.fill(item, &mut cells);
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match cell {
                None => {}
                Some(Value::Text(text) | Value::Json(text)) => write_text(text, out),
                Some(value) => json::write_plain(value, out),
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let text = visible::lines(text);
    let formula = is_formula(&text);
    let quoted = text.bytes().any(|byte| matches!(byte, b'"' | b',' | b';' | b'\r' | b'\n' | b'\t'));
    if quoted {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RELAPSE, sample};
    use super::*;
    use concert_model::Time;

    #[test]
    fn bytes_are_as_agreed() {
        let events = [
            "time.source=2026-11-22T04:50:30Z|source.ip=192.0.2.1|source.port=80|extra.tag=a,b",
            "source.ip=2001:db8::1|source.geolocation.latitude=-33.8|extra.list=x",
        ];
        assert_eq!(
            sample::write(&LISTED, &events, &Columns::default()),
            "event.id,notice.state,time.source,source.ip,source.port,source.geolocation.latitude,extra.list,extra.tag\r\n\
             01010101010101010101010101010101,new,2026-11-22T04:50:30Z,192.0.2.1,80,,,\"a,b\"\r\n\
             02020202020202020202020202020202,new,,2001:db8::1,,-33.8,x,\r\n"
        );
    }

    #[test]
    fn hostile_text_does_nothing() {
        assert_eq!(
            sample::write(&LISTED, sample::HOSTILE, &Columns::default()),
            "event.id,notice.state,source.account,event_description.text,comment,extra.a,extra.b,extra.c\r\n\
             01010101010101010101010101010101,new,'+1,'@SUM(1),'=cmd,'-1+1,'\u{ff1d}1,\"a\"\"b,c;d\"\r\n\
             02020202020202020202020202020202,new,,,\"a\r\nBcc: x@example.com\",<script>alert(1)</script>,\
             \\u202Efdp.exe,\"'\"\"><img src=x onerror=alert(1)>&\"\r\n"
        );
    }

    #[test]
    fn what_the_store_knows_is_told() {
        let batch = sample::batch(&["comment=x"]);
        let mut items = sample::items(&batch);
        items[0].state = RELAPSE;
        items[0].seen = 3;
        items[0].last_seen = Time::from_seconds(60);
        let mut out = Vec::new();
        write(&items, &Columns::default(), &Teller::default(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "event.id,notice.state,time.last_seen,duplicate.count,comment\r\n\
             01010101010101010101010101010101,relapse,1970-01-01T00:01:00Z,3,x\r\n"
        );
    }

    #[test]
    fn events_of_two_batches_share_their_columns() {
        let (one, two) = (sample::batch(&["extra.a=1|extra.b=2"]), sample::batch(&["extra.b=3"]));
        let items: Vec<Item<'_>> = sample::items(&one).into_iter().chain(sample::items(&two)).collect();
        let mut out = Vec::new();
        write(&items, &Columns::default(), &Teller::default(), &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("new,1,2\r\n") && out.ends_with("new,,3\r\n"), "{out}");
    }
}
