//! Events as they are printed: whole objects, or chosen columns.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{BufWriter, StdoutLock, Write};

use concert_model::{Field, ProblemKey, Value, json};
use concert_pipeline::render::columns::Column;
use concert_store::events::{Repeats, Stored, time_of};

use super::{Reader, Wanted};
use crate::print::{Format, Out, Rows, Table, format_or_default};
use crate::problems::Failure;

/// What people see in a terminal.
const FEW: [Field; 9] = [
    Field::TIME_SOURCE,
    Field::FEED_NAME,
    Field::CLASSIFICATION_TYPE,
    Field::SOURCE_IP,
    Field::SOURCE_PORT,
    Field::SOURCE_FQDN,
    Field::SOURCE_ASN,
    Field::SOURCE_GEOLOCATION_CC,
    Field::DUPLICATE_COUNT,
];
/// So many events are held until it is known how often they were seen again. With more, that is read
/// first, for all problems.
const HELD_MAX: usize = 10_000;

/// What an event's repeats are found by.
type Key = (ProblemKey, i64);

/// An event in the form it will be printed in, without what is known of its repeats.
enum Shown {
    Object(Vec<u8>),
    Cells(Vec<serde_json::Value>),
}

pub(super) fn show(reader: &Reader<'_>, wanted: &Wanted, fields: &[Column], rows: &Rows) -> Result<(), Failure> {
    let mut printer = Printer::new(fields, rows);
    let repeats =
        |of: Option<&HashSet<ProblemKey>>| reader.runtime.block_on(reader.store.repeats(of)).map_err(Failure::outside);
    if rows.limit == 0 || rows.limit > HELD_MAX {
        let repeats = repeats(None)?;
        reader.each_page(&wanted.bounds(), &mut |page| {
            for stored in page.iter().filter(|stored| wanted.has(&stored.event)) {
                let (key, shown) = printer.shown(&stored);
                if !printer.print(shown, &key, &repeats)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        return printer.finish();
    }
    let mut held: Vec<(Key, Shown)> = Vec::new();
    reader.each_page(&wanted.bounds(), &mut |page| {
        for stored in page.iter().filter(|stored| wanted.has(&stored.event)) {
            held.push(printer.shown(&stored));
            // One more than is shown, to know that there are more.
            if held.len() > rows.limit {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    let repeats = repeats(Some(&held.iter().map(|((problem, _), _)| *problem).collect()))?;
    for (key, shown) in held {
        if !printer.print(shown, &key, &repeats)? {
            break;
        }
    }
    printer.finish()
}

/// The value of a column, if the event has it.
pub(super) fn value<'a>(stored: &Stored<'a>, column: &Column) -> Option<Value<'a>> {
    match column {
        Column::EventId => Some(Value::Text(Cow::Owned(stored.event.row().id.to_string()))),
        Column::ReportId => Some(Value::Text(Cow::Owned(stored.report.to_string()))),
        Column::State => None,
        Column::Field(field) => stored.event.get(*field),
        Column::Extra(name) => stored.event.get(stored.event.find_extra(name)?),
        Column::OtherExtra => extra(stored),
    }
}

/// Every `extra.*` field, as one JSON object.
fn extra<'a>(stored: &Stored<'a>) -> Option<Value<'a>> {
    let mut object = Vec::new();
    for (field, value) in stored.event.fields().filter(|(field, _)| field.is_extra()) {
        object.push(if object.is_empty() { b'{' } else { b',' });
        json::write_string(stored.event.extra_name(field), &mut object);
        object.push(b':');
        json::write_value(&value, &mut object);
    }
    if object.is_empty() {
        return None;
    }
    object.push(b'}');
    Some(Value::Json(Cow::Owned(String::from_utf8_lossy(&object).into_owned())))
}

fn as_json(value: &Value<'_>) -> serde_json::Value {
    let mut text = Vec::new();
    json::write_value(value, &mut text);
    serde_json::from_slice(&text).unwrap_or_default()
}

type Stdout = BufWriter<StdoutLock<'static>>;

/// Prints whole objects, or a table of columns.
enum Printer {
    Objects { out: Out<Stdout>, list: bool, limit: usize, printed: usize },
    Table { table: Table<Stdout>, columns: Vec<Column> },
}

impl Printer {
    fn new(fields: &[Column], rows: &Rows) -> Self {
        let format = format_or_default(rows.format);
        if fields.is_empty() && matches!(format, Format::Json | Format::Ndjson) {
            return Self::Objects { out: Out::stdout(), list: format == Format::Json, limit: rows.limit, printed: 0 };
        }
        let columns: Vec<Column> = match (fields, format) {
            ([], Format::Table) => FEW.map(Column::Field).to_vec(),
            // The same header whatever is found, so that one program can read all answers.
            ([], _) => [Column::EventId, Column::ReportId]
                .into_iter()
                .chain(Field::all().map(Column::Field))
                .chain([Column::OtherExtra])
                .collect(),
            (chosen, _) => chosen.to_vec(),
        };
        let names: Vec<_> = columns.iter().map(Column::name).collect();
        let table = rows.table(&names.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        drop(names);
        Self::Table { table, columns }
    }

    fn shown(&self, stored: &Stored<'_>) -> (Key, Shown) {
        let key = (stored.event.row().key, time_of(&stored.event).seconds());
        let shown = match self {
            Self::Objects { .. } => {
                let mut object = Vec::with_capacity(768);
                let ids = format!("{{\"event.id\":\"{}\",\"report.id\":\"{}\"", stored.event.row().id, stored.report);
                object.extend_from_slice(ids.as_bytes());
                json::write_members(&stored.event, &mut object);
                Shown::Object(object)
            }
            Self::Table { columns, .. } => Shown::Cells(
                columns
                    .iter()
                    .map(|column| value(stored, column).as_ref().map_or(serde_json::Value::Null, as_json))
                    .collect(),
            ),
        };
        (key, shown)
    }

    /// Says whether more are wanted.
    fn print(&mut self, shown: Shown, key: &Key, repeats: &Repeats) -> Result<bool, Failure> {
        let again = repeats.get(key);
        match (self, shown) {
            (Self::Objects { out, list, limit, printed }, Shown::Object(mut object)) => {
                *printed += 1;
                if *limit != 0 && *printed > *limit {
                    return Ok(false);
                }
                if let Some((count, last)) = again {
                    let more = format!(",\"duplicate.count\":{},\"time.last_seen\":\"{last}\"", count + 1);
                    object.extend_from_slice(more.as_bytes());
                }
                object.push(b'}');
                match (*list, *printed) {
                    (false, _) => object.push(b'\n'),
                    (true, 1) => out.write(b"[\n  ")?,
                    (true, _) => out.write(b",\n  ")?,
                }
                out.write(&object)?;
                Ok(!out.is_closed())
            }
            (Self::Table { table, columns }, Shown::Cells(mut cells)) => {
                for (column, cell) in columns.iter().zip(&mut cells) {
                    match (column, again) {
                        (Column::Field(Field::DUPLICATE_COUNT), Some((count, _))) => *cell = (count + 1).into(),
                        (Column::Field(Field::TIME_LAST_SEEN), Some((_, last))) => *cell = last.to_string().into(),
                        _ => {}
                    }
                }
                table.row(&cells)
            }
            // `shown` makes what this printer prints.
            _ => Ok(false),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Table { table, .. } => table.finish(),
            Self::Objects { mut out, list, limit, printed } => {
                if list {
                    out.write(if printed == 0 { b"[]\n" } else { b"\n]\n" })?;
                }
                out.finish()?;
                if limit != 0 && printed > limit && !out.is_closed() {
                    writeln!(std::io::stderr(), "only the first {limit} are shown; --limit 0 shows all").ok();
                }
                Ok(())
            }
        }
    }
}
