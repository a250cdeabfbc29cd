//! Events as they are printed: whole objects, or chosen columns.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};
use std::io::{BufWriter, StdoutLock};

use concert_model::incident::Tlp;
use concert_model::{Field, ProblemKey, Value, json};
use concert_pipeline::render::columns::Column;
use concert_store::events::{Repeats, Stored, time_of};

use super::{Reader, Wanted};
use crate::drive::live;
use crate::print::{Format, Out, Rows, Table, format_or_default, tell_cut};
use crate::problems::Failure;
use crate::reads::{EventsRead, marked};

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

pub(super) fn show(
    reader: &Reader<'_>,
    wanted: &Wanted,
    fields: &[Column],
    rows: &Rows,
) -> Result<EventsRead, Failure> {
    let (mut printer, mut read) = (Printer::new(fields, rows), EventsRead::default());
    // What is joined already is in the events themselves.
    let repeats = |of: Option<&HashSet<ProblemKey>>| match wanted.repeats {
        Some(_) => Ok(Repeats::new()),
        None => reader.runtime.block_on(reader.store.repeats(of, "")).map_err(Failure::outside),
    };
    if rows.limit == 0 || rows.limit > HELD_MAX {
        let repeats = repeats(None)?;
        reader.each_page(wanted, &mut |page| {
            for stored in page.iter().filter(|stored| wanted.has(stored)) {
                let (key, shown) = printer.shown(&stored);
                if !printer.print(shown, &key, &repeats)? {
                    return Ok(false);
                }
                read.add(marked(&stored.event));
            }
            Ok(true)
        })?;
        printer.finish()?;
        return Ok(read);
    }
    let newest = newest(reader, wanted, &printer, rows.limit)?;
    let repeats = repeats(Some(&newest.iter().map(|held| held.key.0).collect()))?;
    for held in newest {
        if !printer.print(held.shown, &held.key, &repeats)? {
            break;
        }
        read.add(held.marked);
    }
    printer.finish()?;
    Ok(read)
}

/// One of the newest events found so far. The oldest of them is the greatest.
struct Held {
    place: (Reverse<u64>, u32),
    key: Key,
    shown: Shown,
    marked: Option<(String, Tlp)>,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

/// The newest events, and one more than is shown, to know that there are more. A file that was made of
/// several batches is not in the order they came, so it is read to its end.
fn newest(reader: &Reader<'_>, wanted: &Wanted, printer: &Printer, limit: usize) -> Result<Vec<Held>, Failure> {
    let mut held: BinaryHeap<Held> = BinaryHeap::new();
    reader.each_page(wanted, &mut |page| {
        for stored in page.iter() {
            let place = (Reverse(stored.batch), stored.row);
            let full = held.len() > limit;
            if full && held.peek().is_some_and(|oldest| place > oldest.place) || !wanted.has(&stored) {
                continue;
            }
            let (key, shown) = printer.shown(&stored);
            held.push(Held { place, key, shown, marked: marked(&stored.event) });
            if full {
                held.pop();
            }
        }
        let oldest = held.peek().map_or(0, |oldest| oldest.place.0.0);
        Ok(held.len() <= limit || oldest < page.next_batch_max)
    })?;
    Ok(held.into_sorted_vec())
}

/// The value of a column, if the event has it.
pub(super) fn value<'a>(stored: &Stored<'a>, column: &Column) -> Option<Value<'a>> {
    match column {
        Column::EventId => Some(Value::Text(Cow::Owned(stored.event.row().id.to_string()))),
        Column::ReportId => Some(Value::Text(Cow::Owned(stored.report.to_string()))),
        Column::State | Column::Because => None,
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
    match value {
        Value::Text(text) => text.as_ref().into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Bool(truth) => (*truth).into(),
        Value::Time(time) => time.to_string().into(),
        Value::Ip(address) => address.to_string().into(),
        Value::Net(net) => net.to_string().into(),
        Value::Json(text) => serde_json::from_str(text).unwrap_or_default(),
    }
}

type Stdout = BufWriter<StdoutLock<'static>>;

/// Prints whole objects, or a table of columns.
enum Printer {
    Objects {
        out: Out<Stdout>,
        list: bool,
        limit: usize,
        printed: usize,
    },
    /// `places` has the column of each field of the data format.
    Table {
        table: Table<Stdout>,
        columns: Vec<Column>,
        places: Vec<Option<usize>>,
    },
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
        let place = |field| columns.iter().position(|column| *column == Column::Field(field));
        let places = Field::all().map(place).collect();
        Self::Table { table, columns, places }
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
            Self::Table { columns, places, .. } => {
                let mut cells = vec![serde_json::Value::Null; columns.len()];
                for (column, cell) in columns.iter().zip(&mut cells) {
                    if !matches!(column, Column::Field(_)) {
                        *cell = value(stored, column).as_ref().map_or(serde_json::Value::Null, as_json);
                    }
                }
                for (field, value) in stored.event.fields() {
                    let place = places.get(usize::from(field.0)).copied().flatten();
                    if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
                        *cell = as_json(&value);
                    }
                }
                Shown::Cells(cells)
            }
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
                if let Some(again) = again {
                    object.extend_from_slice(live::repeats(again).as_bytes());
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
            (Self::Table { table, columns, .. }, Shown::Cells(mut cells)) => {
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
                    tell_cut(limit);
                }
                Ok(())
            }
        }
    }
}
