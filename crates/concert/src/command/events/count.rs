//! `--count-by`: rows of some fields and how many events have them, highest first.

use std::collections::HashMap;

use concert_model::{Problem, json};
use concert_pipeline::render::columns::Column;
use concert_store::events::Stored;
use serde_json::Value;

use super::{Reader, Wanted};
use crate::print::Rows;
use crate::problems::Failure;
use crate::reads::{EventsRead, marked};

/// Most different rows that are counted; each costs some 200 bytes of memory.
const ROWS_MAX: usize = 10_000_000;

pub(super) fn count(reader: &Reader<'_>, wanted: &Wanted, by: &[Column], rows: &Rows) -> Result<EventsRead, Failure> {
    let (mut counts, mut read): (HashMap<Box<[u8]>, u64>, EventsRead) = Default::default();
    let mut key = Vec::new();
    reader.each_page(wanted, &mut |page| {
        for stored in page.iter().filter(|stored| wanted.has(stored)) {
            write_key(&stored, by, &mut key);
            read.add(marked(&stored.event));
            match counts.get_mut(key.as_slice()) {
                Some(count) => *count += 1,
                None => _ = counts.insert(key.as_slice().into(), 1),
            }
        }
        if counts.len() > ROWS_MAX {
            let what = format!("these fields have more than {ROWS_MAX} different values");
            return Err(Failure::usage(Problem::new(what).hint("count by fewer fields, or give a condition")));
        }
        Ok(true)
    })?;
    let mut counts: Vec<(Box<[u8]>, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    print(&counts, by, rows)?;
    Ok(read)
}

/// The values as a JSON list.
fn write_key(stored: &Stored<'_>, by: &[Column], key: &mut Vec<u8>) {
    key.clear();
    for column in by {
        key.push(if key.is_empty() { b'[' } else { b',' });
        match super::show::value(stored, column) {
            Some(value) => json::write_value(&value, key),
            None => key.extend_from_slice(b"null"),
        }
    }
    key.push(b']');
}

fn print(counts: &[(Box<[u8]>, u64)], by: &[Column], rows: &Rows) -> Result<(), Failure> {
    let names: Vec<_> = by.iter().map(Column::name).collect();
    let mut columns: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    columns.push("count");
    let mut table = rows.table(&columns);
    for (key, count) in counts {
        let mut values: Vec<Value> = serde_json::from_slice(key).unwrap_or_default();
        values.push((*count).into());
        if !table.row(&values)? {
            break;
        }
    }
    table.finish()
}
