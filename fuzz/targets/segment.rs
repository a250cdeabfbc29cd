//! Event files and raw reports that a disk has damaged: reading them is an error and never the end of
//! the program. The input is a list of changes to a good file: where (two bytes) and what to (one);
//! the first byte chooses the file and how it is read, and a place of 65535 cuts it off.
#![no_main]

use std::sync::OnceLock;

use concert_fuzz::{feed_named, folder, forgive_libraries, parse};
use concert_model::{Batch, ReportId};
use concert_store::Archive;
use concert_store::events::read::{Bounds, Rows, events, identities, problems, sightings};
use concert_store::events::write::write_sightings;
use concert_store::events::{Page, Sighting};
use concert_store::fuzzing::{journal_row, read_journal_row, write_page};
use concert_store::members::Range;
use libfuzzer_sys::fuzz_target;

const LINES: &[u8] = b"ip=192.0.2.1, asn=64496, type=phishing, a=1, source.port=23, time.source=2026-11-22T04:50:30Z\n\
    ip=2001:db8::1, asn=64497, type=scanner, b=2, confidence=50.5, cc=FI\n";

fuzz_target!(|bytes: &[u8]| {
    forgive_libraries();
    let Some((choice, changes)) = bytes.split_first() else { return };
    let [good_events, good_sightings, good_report] = goods();
    let path = folder().join("damaged");
    let write = |good: &[u8]| std::fs::write(&path, damaged(good, changes)).expect("a file");
    let mut each = |page: Page| page.iter().count() < 10_000;
    match choice & 7 {
        0 => {
            write(good_events);
            events(&path, &Rows::Matching(&Bounds::default()), &mut each).ok();
        }
        1 => {
            write(good_events);
            let bounds = Bounds {
                asns: Some(vec![64496]),
                addresses: Some(vec!["192.0.2.1".into()]),
                countries: Some(vec!["FI".into()]),
                since: Some(concert_model::Time(0)),
                until: None,
                ..Bounds::default()
            };
            events(&path, &Rows::Matching(&bounds), &mut each).ok();
        }
        2 => {
            write(good_events);
            events(&path, &Rows::Chosen(&[(0, 1), (3, 2)]), &mut each).ok();
        }
        3 => {
            write(good_events);
            events(&path, &Rows::Of(&[Range { batch: 3, start: 0, length: 2 }]), &mut each).ok();
        }
        4 => {
            write(good_events);
            problems(&path, &mut |_, _| {}).ok();
            identities(&path, &mut |_, _, _| {}).ok();
        }
        5 => {
            write(good_sightings);
            sightings(&path, &mut |_| {}).ok();
        }
        _ => {
            let archive = Archive::new(folder().join("archive"));
            let content = *blake3::hash(LINES).as_bytes();
            let place = archive.path(&content);
            std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
            let damaged = damaged(good_report, changes);
            std::fs::write(&place, &damaged).expect("a report");
            if let Ok(bytes) = archive.verify(&content) {
                assert_eq!(bytes, LINES.len() as u64);
            }
        }
    }
});

fn damaged(good: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        match bytes.get_mut(at) {
            Some(byte) => *byte = change[2],
            None if at == 0xffff => bytes.truncate(usize::from(change[2]) * 16),
            None => {}
        }
    }
    bytes
}

/// A file of events, one of sightings, and a raw report.
fn goods() -> &'static [Vec<u8>; 3] {
    static GOODS: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    GOODS.get_or_init(|| {
        let mut page = Page { events: Batch::new(), ..Page::default() };
        let mut each = |event: &concert_model::Event<'_>| {
            let row = page.places.len() as u32;
            let stored = concert_store::events::Stored { event: *event, report: ReportId([7; 16]), batch: 3, row };
            read_journal_row(&journal_row(&stored), &mut page.events).expect("our own row");
            page.places.push((stored.report, stored.batch, row));
        };
        parse(feed_named("keyvalue"), LINES, &mut each);
        assert_eq!(page.places.len(), 2, "both lines are events");
        let (part, path) = (folder().join("part"), folder().join("good"));
        write_page(&part, &path, &page).expect("a file of events");
        let read = || std::fs::read(&path).expect("a good file");
        let events = read();
        let sighting = |event: concert_model::Event<'_>| Sighting {
            problem: event.row().key,
            first: concert_model::Time(1),
            time: concert_model::Time(2),
            report: ReportId([7; 16]),
            mark: 1,
        };
        let seen: Vec<Sighting> = page.events.iter().map(sighting).collect();
        write_sightings(&part, &path, 3, &seen).expect("a file of sightings");
        [events, read(), zstd::encode_all(LINES, 1).expect("a raw report")]
    })
}
