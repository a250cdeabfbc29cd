//! Files that are not what was written.

use arrow_array::StringArray;
use arrow_schema::{Field as Column, Schema};
use concert_model::Batch;

use super::*;

/// A file of two events.
fn good(dir: &Path) -> Vec<u8> {
    let mut batch = Batch::new();
    for (number, asn) in [(1, 64496), (2, 64497)] {
        let mut event = batch.open();
        event.set(Field::SOURCE_ASN, &Value::Int(asn));
        event.set(Field::TIME_SOURCE, &Value::Time(Time(1_795_323_030_000_000)));
        event.set(Field::CLASSIFICATION_TYPE, &Value::text("scanner"));
        event.keep(EventId([number; 16]), ProblemKey::default(), 1);
    }
    let places = vec![(ReportId([7; 16]), 3, 0), (ReportId([7; 16]), 3, 1)];
    let page = Page { events: batch, places, next_batch_max: 0 };
    let (part, path) = (dir.join("part"), dir.join("good"));
    crate::store::write_page(&part, &path, &page).unwrap();
    std::fs::read(path).unwrap()
}

fn count(path: &Path) -> io::Result<usize> {
    let bounds = Bounds { asns: Some(vec![64496]), since: Some(Time(0)), ..Bounds::default() };
    let mut found = 0;
    events(path, &Rows::Matching(&bounds), &mut |page| {
        found += page.iter().count();
        true
    })?;
    problems(path, &mut |_, _| {})?;
    identities(path, &mut |_, _, _| {})?;
    Ok(found)
}

#[test]
fn events_are_found_by_their_identities() {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path());
    let found = |ids: &[u8]| {
        let wanted = ids.iter().map(|id| EventId([*id; 16])).collect();
        let (bounds, mut found) = (Bounds { events: Some(wanted), ..Bounds::default() }, Vec::new());
        let path = dir.path().join("good");
        events(&path, &Rows::Matching(&bounds), &mut |page| {
            found.extend(page.iter().map(|stored| stored.event.row().id.0[0]));
            true
        })
        .unwrap();
        found
    };
    assert_eq!((found(&[2]), found(&[1, 2, 3]), found(&[3]), found(&[])), (vec![2], vec![1, 2], vec![], vec![]));
}

/// Found by the fuzzer: the end of a file says where its columns stand, and the library computes with
/// that before it looks whether it can be.
#[test]
fn a_damaged_file_is_an_error_and_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let good = good(dir.path());
    assert_eq!(count(&dir.path().join("good")).unwrap(), 1);
    let path = dir.path().join("damaged");
    let mut errors = 0;
    for at in (0..good.len()).step_by(5) {
        for change in [0x01, 0x80] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            std::fs::write(&path, bytes).unwrap();
            errors += usize::from(count(&path).is_err());
        }
        std::fs::write(&path, &good[..at]).unwrap();
        assert!(count(&path).is_err(), "cut at {at}");
    }
    assert!(errors > 100, "only {errors} damages were seen");
}

#[test]
fn columns_of_another_kind_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other");
    let schema = std::sync::Arc::new(Schema::new(vec![Column::new("source.asn", DataType::Utf8, true)]));
    let column: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["64496"]));
    let batch = RecordBatch::try_new(std::sync::Arc::clone(&schema), vec![column]).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(File::create(&path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(count(&path).unwrap_err().to_string(), "the column source.asn cannot hold Utf8");
}

/// A report may say of a column that it is empty; that is kept, in files as in the journal.
#[test]
fn an_empty_text_of_a_report_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut batch = Batch::new();
    let mut event = batch.open();
    for (name, text) in [("tag", ""), ("other", "x")] {
        let field = event.extra(name).unwrap();
        event.set(field, &Value::text(text));
    }
    event.keep(EventId([1; 16]), ProblemKey::default(), 1);
    let page = Page { events: batch, places: vec![(ReportId([7; 16]), 3, 0)], next_batch_max: 0 };
    let tag = |event: &concert_model::Event<'_>| {
        event.find_extra("tag").and_then(|field| event.text(field).map(|text| text.into_owned()))
    };
    let path = dir.path().join("file");
    crate::store::write_page(&dir.path().join("part"), &path, &page).unwrap();
    let mut found = Vec::new();
    events(&path, &Rows::Matching(&Bounds::default()), &mut |page| {
        found.extend(page.iter().map(|stored| tag(&stored.event)));
        true
    })
    .unwrap();
    let mut journal = Batch::new();
    let row = crate::store::journal_row(&page.iter().next().unwrap());
    crate::store::read_journal_row(&row, &mut journal).unwrap();
    found.push(tag(&journal.get(0).unwrap()));
    assert_eq!(found, [Some(String::new()), Some(String::new())]);
}
