//! Events in every format: CSV that no spreadsheet computes, JSON that others read, HTML without
//! markup from outside, and nothing hidden anywhere. The first byte chooses the parser and whether
//! addresses are taken apart.
#![no_main]

use concert_fuzz::{feed_named, parse};
use concert_model::{Event, ReportId, Time};
use concert_pipeline::render::visible::is_hidden;
use concert_pipeline::render::{ALL, Columns, Instead, Item, STILL_OPEN, Teller};
use libfuzzer_sys::fuzz_target;

const PARSERS: &[&str] = &["keyvalue", "ndjson", "shadowserver", "complaint"];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let columns = Columns { chosen: Vec::new(), defang: choice & 4 != 0 };
    let mut each = |event: &Event<'_>| {
        let last_seen = Some(Time(1_795_323_030_000_000));
        let item = Item {
            event: *event,
            report: ReportId([7; 16]),
            state: STILL_OPEN,
            seen: 3,
            last_seen,
            instead: Instead::Nobody,
        };
        for format in ALL {
            let mut out = Vec::new();
            (format.write)(
                &[item, item],
                &columns,
                &Teller { name: "CERT Example", mail: "cert@cert.example" },
                &mut out,
            );
            let text = String::from_utf8(out).expect("every format is UTF-8");
            let seen = |c: char| !is_hidden(c) || matches!(c, '\n' | '\r' | '\t');
            let body = text.strip_prefix('\u{feff}').unwrap_or(&text);
            assert!(body.chars().all(seen), "{}: {text:?}", format.name);
            check(format.name, body);
        }
    };
    parse(feed_named(PARSERS[usize::from(*choice) % PARSERS.len()]), rest, &mut each);
});

fn check(format: &str, text: &str) {
    match format {
        "csv" => {
            let records = records(text);
            assert_eq!(records.len(), 3, "{text:?}");
            assert!(records.iter().all(|record| record.len() == records[0].len()), "{text:?}");
            for cell in records.iter().flatten() {
                let number = cell.parse::<f64>().is_ok();
                let begins = cell.trim_start_matches([' ', '"']).starts_with(['=', '+', '-', '@', '\t', '\r']);
                assert!(number || !begins, "a formula: {cell:?} in {text:?}");
            }
        }
        "json" | "xarf" => {
            let events: Vec<serde_json::Value> = serde_json::from_str(text).expect("JSON");
            assert_eq!(events.len(), 2);
        }
        "ndjson" => {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 2, "{text:?}");
            for line in lines {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON");
            }
        }
        "html" => {
            let tags = text.split('<').skip(1).filter_map(|tag| tag.split(['>', ' ']).next());
            for tag in tags {
                let ours = ["html", "head", "meta", "title", "style", "body", "table", "thead", "tbody", "tr", "th"];
                let tag = tag.trim_start_matches('/');
                assert!(ours.contains(&tag) || ["td", "!doctype", "!DOCTYPE"].contains(&tag), "<{tag}> in {text}");
            }
        }
        _ => {}
    }
}

/// Cells of CSV with quotes, as simple as can be.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            letter => cell.push(letter),
        }
    }
    assert!(!quoted && cell.is_empty() && record.is_empty(), "the last line has no end: {text:?}");
    records
}
