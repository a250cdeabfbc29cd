//! Event files as readers find them.

use concert_model::{Batch, EventId, ProblemKey, Value, json};

use super::super::{Page, read};
use super::*;

/// Texts of a column: none, one, few, and so many that they are better not numbered.
fn events(count: u64) -> Batch {
    let mut batch = Batch::new();
    batch.constant(Field::FEED_NAME, &Value::text("drop"));
    batch.constant(Field::FEED_ACCURACY, &Value::Float(50.0));
    for number in 0..count {
        if number == count / 2 {
            batch.forget_constants();
            batch.constant(Field::FEED_NAME, &Value::text("another"));
            batch.constant(Field::TLP, &Value::text("amber"));
        }
        let mut event = batch.open();
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        event.set(Field::SOURCE_FQDN, &Value::text(&format!("host-{number}.example")));
        event.set(Field::CLASSIFICATION_TYPE, &Value::text("scanner"));
        if mixed % 3 > 0 {
            event.set(Field::PROTOCOL_APPLICATION, &Value::text(&format!("a{}", mixed % 5)));
        }
        if mixed % 50 == 1 {
            event.set(Field::COMMENT, &Value::text(&"long ".repeat(usize::try_from(mixed % 9).unwrap())));
        }
        if mixed % 7 == 0 {
            event.set(Field::FEED_NAME, &Value::text("its own"));
            event.set(Field::SOURCE_GEOLOCATION_CC, &Value::text("FI"));
        }
        event.fill();
        event.keep(EventId(u128::from(number).to_be_bytes()), ProblemKey::of(&number.to_le_bytes()), number);
    }
    batch
}

fn shown(event: &concert_model::Event<'_>) -> String {
    let mut text = Vec::new();
    json::write_members(event, &mut text);
    String::from_utf8(text).unwrap()
}

/// INVARIANT: what is read from a file is what was written, in the order that was asked for.
#[test]
fn every_event_comes_back_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    for count in [1u32, 7, 8, 2_048, 2_049, 20_000] {
        let batch = events(u64::from(count));
        let (mut columns, path) = (Columns::default(), dir.path().join(format!("{count}.parquet")));
        columns.push_all(batch.iter());
        // Any order that holds each place once; neighbours mostly stay neighbours.
        let order: Vec<u32> = (0..count).map(|at| count - 1 - at).collect();
        let place = |position: usize, at: u32| {
            let report = ReportId([u8::try_from(at / 3 % 4).unwrap(); 16]);
            (report, u64::from(at % 9), u32::try_from(position).unwrap())
        };
        let written = write_events(&dir.path().join("part"), &path, &mut columns, &order, &place).unwrap();
        assert_eq!(written.rows, u64::from(count));
        let mut got = Vec::new();
        let mut take = |page: Page| {
            got.extend(page.iter().map(|one| (one.report, one.batch, one.row, one.event.row().id, shown(&one.event))));
            true
        };
        read::events(&path, &read::Rows::Matching(&read::Bounds::default()), &mut take).unwrap();
        got.sort_by_key(|(_, _, row, ..)| *row);
        assert_eq!(got.len(), order.len());
        for ((position, at), got) in order.iter().enumerate().zip(got) {
            let event = batch.get(*at as usize).unwrap();
            let (report, number, row) = place(position, *at);
            assert_eq!(got, (report, number, row, event.row().id, shown(&event)), "{count} {at}");
        }
        columns.clear();
    }
}
