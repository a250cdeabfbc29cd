//! Events in the journal and in a file: whatever a report made of them, they are read as they were
//! written. The first byte chooses a parser; with 255 the rest is a row of the journal as it stands in
//! a damaged database.
#![no_main]

use concert_fuzz::{feed_named, folder, parse};
use concert_model::{Batch, Event, ReportId, json};
use concert_store::events::read::{Bounds, Rows, events};
use concert_store::events::{Page, Stored};
use concert_store::fuzzing::{journal_row, read_journal_row, write_page};
use libfuzzer_sys::fuzz_target;

const PARSERS: &[&str] = &["keyvalue", "ndjson", "shadowserver", "complaint"];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    if *choice == 255 {
        let mut batch = Batch::new();
        let read = read_journal_row(rest, &mut batch);
        assert_eq!(read.is_some(), batch.iter().count() == 1);
        return;
    }
    let mut page = Page::default();
    let mut each = |event: &Event<'_>| {
        let stored = Stored { event: *event, report: ReportId([7; 16]), batch: 3, row: 0 };
        let row = journal_row(&stored);
        read_journal_row(&row, &mut page.events).expect("our own row is read");
        let read = page.events.iter().last().expect("the event");
        assert_eq!(text(&read), text(event), "the journal");
        assert_eq!((read.row().id, read.row().key), (event.row().id, event.row().key));
        page.places.push((stored.report, stored.batch, page.places.len() as u32));
    };
    parse(feed_named(PARSERS[usize::from(*choice) % PARSERS.len()]), rest, &mut each);
    if !page.places.is_empty() {
        in_a_file(&page);
    }
});

fn in_a_file(page: &Page) {
    let (part, path) = (folder().join("part"), folder().join("events.parquet"));
    write_page(&part, &path, page).expect("a file of events");
    let mut written = page.iter();
    let bounds = Bounds::default();
    let mut each = |read: Page| {
        for (read, written) in read.iter().zip(written.by_ref()) {
            assert_eq!(text(&read.event), text(&written.event), "the file");
            assert_eq!((read.report, read.batch, read.row), (written.report, written.batch, written.row));
        }
        true
    };
    events(&path, &Rows::Matching(&bounds), &mut each).expect("our own file is read");
    assert_eq!(written.count(), 0, "events are missing in the file");
}

/// All fields; those of `extra.*` may come in another order.
fn text(event: &Event<'_>) -> Vec<String> {
    let mut members = Vec::new();
    json::write_members(event, &mut members);
    members[0] = b'{';
    members.push(b'}');
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&members).expect("JSON");
    let mut fields: Vec<String> = object.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.sort();
    fields
}
