//! Reading events back: whole files, chosen rows, or those that can match a condition.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use concert_model::field::Kind;
use concert_model::{EventId, Field, OpenEvent, ProblemKey, ReportId, Time, Value, json};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection,
    RowSelector,
};
use parquet::file::metadata::PageIndexPolicy;

use super::{Page, Sighting, column};
use crate::members::Range;

/// Events decoded at a time.
const PAGE_ROWS: usize = 4_096;

/// What a reader may leave out. Everything that is left must still be checked against the condition.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Only these AS numbers of the source.
    pub asns: Option<Vec<i64>>,
    /// Only these source addresses, as they are written.
    pub addresses: Option<Vec<String>>,
    /// Only this country of the source.
    pub countries: Option<Vec<String>>,
    /// Not before this `time.source`.
    pub since: Option<Time>,
    /// Before this `time.source`.
    pub until: Option<Time>,
    /// Only the events with these identities.
    pub events: Option<HashSet<EventId>>,
}

/// Rows of a file, in their order there.
pub enum Rows<'a> {
    /// All that can match.
    Matching(&'a Bounds),
    /// These rows of the file (start, length), ascending.
    Chosen(&'a [(usize, usize)]),
    /// These rows of these batches, sorted by batch and start, wherever they are in the file.
    Of(&'a [Range]),
}

/// Reads events of a file. `each` answers whether to go on.
pub fn events(path: &Path, rows: &Rows<'_>, each: &mut dyn FnMut(Page) -> bool) -> io::Result<()> {
    let mut builder = open(path, PageIndexPolicy::Optional)?.with_batch_size(PAGE_ROWS);
    match rows {
        Rows::Chosen(chosen) => builder = builder.with_row_selection(selection(chosen)),
        Rows::Of(ranges) => {
            let filter = places_filter(ranges, builder.parquet_schema());
            builder = builder.with_row_filter(filter);
        }
        Rows::Matching(bounds) => {
            let filter = filter(bounds, builder.parquet_schema());
            builder = builder.with_row_filter(filter);
        }
    }
    let mut reader = decode(|| builder.build())?;
    while let Some(batch) = decode(|| reader.next().transpose())? {
        if !each(page(&batch)?) {
            break;
        }
    }
    Ok(())
}

/// Opens a file whose columns are of the kinds that we write.
fn open(path: &Path, index: PageIndexPolicy) -> io::Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path)?;
    let options = ArrowReaderOptions::new().with_page_index_policy(index);
    let builder = decode(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options))?;
    for field in builder.schema().fields() {
        let kind = field.data_type();
        let good = match (field.name().as_str(), Field::named(field.name())) {
            (column::EVENT | column::REPORT | column::PROBLEM, _) => matches!(kind, DataType::FixedSizeBinary(_)),
            (column::LINE | column::BATCH | column::ROW, _) => *kind == DataType::Int64,
            (column::EXTRA, _) => *kind == DataType::Utf8,
            (column::FIRST, _) => *kind == type_of(Kind::Time),
            (_, Some(field)) => *kind == type_of(field.kind()),
            // A newer program may know more fields.
            (_, None) => true,
        };
        if !good {
            return Err(io::Error::other(format!("the column {} cannot hold {kind}", field.name())));
        }
    }
    Ok(builder)
}

/// How values of a kind come out of a file.
fn type_of(kind: Kind) -> DataType {
    match kind {
        Kind::Int | Kind::Port | Kind::Asn => DataType::Int64,
        Kind::Float | Kind::Percent => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    }
}

/// Runs the library on bytes of a file. On some that are damaged it panics, where we want an error.
fn decode<T, E>(work: impl FnOnce() -> Result<T, E>) -> io::Result<T>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(io::Error::other),
        Err(_) => Err(io::Error::other("the bytes in it are damaged")),
    }
}

fn selection(chosen: &[(usize, usize)]) -> RowSelection {
    let (mut selectors, mut at) = (Vec::new(), 0);
    for (start, length) in chosen {
        if *start > at {
            selectors.push(RowSelector::skip(start - at));
        }
        selectors.push(RowSelector::select(*length));
        at = start + length;
    }
    RowSelection::from(selectors)
}

/// Keeps rows by their batch and row; only these two columns are read of the others.
fn places_filter(ranges: &[Range], schema: &parquet::schema::types::SchemaDescriptor) -> RowFilter {
    let leaves = schema.columns().iter().enumerate();
    let leaves = leaves.filter(|(_, one)| [column::BATCH, column::ROW].contains(&one.name())).map(|(index, _)| index);
    let mask = ProjectionMask::leaves(schema, leaves);
    let ranges = ranges.to_vec();
    let is_one = move |batch: i64, row: i64| {
        let place = (batch.cast_unsigned(), row);
        let after = ranges.partition_point(|range| (range.batch, i64::from(range.start)) <= place);
        let range = after.checked_sub(1).and_then(|at| ranges.get(at));
        range.is_some_and(|range| range.batch == place.0 && row - i64::from(range.start) < i64::from(range.length))
    };
    let check = move |batch: RecordBatch| {
        let missing = || ArrowError::SchemaError("a file without batch and row".into());
        let column = |name: &str| batch.column_by_name(name).map(|array| array.as_primitive::<Int64Type>());
        let (batches, rows) = (column(column::BATCH).ok_or_else(missing)?, column(column::ROW).ok_or_else(missing)?);
        Ok(batches.values().iter().zip(rows.values()).map(|(batch, row)| Some(is_one(*batch, *row))).collect())
    };
    RowFilter::new(vec![Box::new(ArrowPredicateFn::new(mask, check))])
}

fn filter(bounds: &Bounds, schema: &parquet::schema::types::SchemaDescriptor) -> RowFilter {
    let mut steps: Vec<Box<dyn ArrowPredicate>> = Vec::new();
    let mut step = |name: &str, test: Box<dyn FnMut(&ArrayRef) -> BooleanArray + Send>| {
        let Some(index) = schema.columns().iter().position(|column| column.name() == name) else { return };
        let mut test = test;
        let check = move |batch: RecordBatch| match batch.columns().first() {
            Some(array) => Ok(test(array)),
            None => Err(ArrowError::SchemaError("a filter without its column".into())),
        };
        steps.push(Box::new(ArrowPredicateFn::new(ProjectionMask::leaves(schema, [index]), check)));
    };
    if let Some(events) = bounds.events.clone() {
        step(
            column::EVENT,
            Box::new(move |array| {
                let ids = array.as_fixed_size_binary();
                let is_one = |id: Option<&[u8]>| id.is_some_and(|id| events.contains(&EventId(sixteen(id))));
                ids.iter().map(|id| Some(is_one(id))).collect()
            }),
        );
    }
    if let Some(asns) = bounds.asns.clone() {
        step(
            Field::SOURCE_ASN.name(),
            Box::new(move |array| {
                array
                    .as_primitive::<Int64Type>()
                    .iter()
                    .map(|asn| Some(asn.is_some_and(|asn| asns.contains(&asn))))
                    .collect()
            }),
        );
    }
    for (field, words) in [(Field::SOURCE_IP, &bounds.addresses), (Field::SOURCE_GEOLOCATION_CC, &bounds.countries)] {
        if let Some(words) = words.clone() {
            step(
                field.name(),
                Box::new(move |array| {
                    let is_one = |text: &str| words.iter().any(|word| word == text);
                    array.as_string::<i32>().iter().map(|text| Some(text.is_some_and(is_one))).collect()
                }),
            );
        }
    }
    if bounds.since.is_some() || bounds.until.is_some() {
        let (since, until) = (bounds.since, bounds.until);
        step(
            column::TIME,
            Box::new(move |array| {
                let within = |time: i64| since.is_none_or(|s| time >= s.0) && until.is_none_or(|u| time < u.0);
                // Without time.source the time of observation counts, which the caller checks.
                array
                    .as_primitive::<TimestampMicrosecondType>()
                    .iter()
                    .map(|time| Some(time.is_none_or(within)))
                    .collect()
            }),
        );
    }
    RowFilter::new(steps)
}

/// Turns decoded columns back into events.
fn page(batch: &RecordBatch) -> io::Result<Page> {
    let missing = |name: &str| io::Error::other(format!("the file has no column {name}"));
    let hash =
        |name: &str| batch.column_by_name(name).map(|array| array.as_fixed_size_binary()).ok_or_else(|| missing(name));
    let number = |name: &str| {
        batch.column_by_name(name).map(|array| array.as_primitive::<Int64Type>()).ok_or_else(|| missing(name))
    };
    let (ids, reports, problems) = (hash(column::EVENT)?, hash(column::REPORT)?, hash(column::PROBLEM)?);
    let (lines, batches, rows) = (number(column::LINE)?, number(column::BATCH)?, number(column::ROW)?);
    let schema = batch.schema();
    let columns: Vec<(Field, &ArrayRef)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .filter_map(|(field, array)| Some((Field::named(field.name())?, array)))
        .collect();
    let extra = batch.column_by_name(column::EXTRA).map(|array| array.as_string::<i32>());
    let mut page = Page::default();
    for at in 0..batch.num_rows() {
        let mut event = page.events.open();
        for (field, array) in &columns {
            if !array.is_null(at) {
                set(&mut event, *field, array, at);
            }
        }
        if let Some(extra) = extra.filter(|extra| !extra.is_null(at)) {
            set_extra(&mut event, extra.value(at));
        }
        event.keep(
            EventId(sixteen(ids.value(at))),
            ProblemKey(sixteen(problems.value(at))),
            lines.value(at).cast_unsigned(),
        );
        let row = u32::try_from(rows.value(at)).unwrap_or(u32::MAX);
        page.places.push((ReportId(sixteen(reports.value(at))), batches.value(at).cast_unsigned(), row));
    }
    Ok(page)
}

pub(crate) fn sixteen(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().unwrap_or_default()
}

fn set(event: &mut OpenEvent<'_>, field: Field, array: &ArrayRef, at: usize) {
    match field.kind() {
        Kind::Int | Kind::Port | Kind::Asn => {
            event.add(field, &Value::Int(array.as_primitive::<Int64Type>().value(at)))
        }
        Kind::Float | Kind::Percent => event.add(field, &Value::Float(array.as_primitive::<Float64Type>().value(at))),
        Kind::Bool => event.add(field, &Value::Bool(array.as_boolean().value(at))),
        Kind::Time => {
            event.add(field, &Value::Time(Time(array.as_primitive::<TimestampMicrosecondType>().value(at))));
        }
        // These were checked before they were written; anything else in the file is left out.
        Kind::Ip | Kind::Net => {
            event.read(field, array.as_string::<i32>().value(at), None).ok();
        }
        Kind::Json => event.add(field, &Value::Json(array.as_string::<i32>().value(at).into())),
        _ => event.add(field, &Value::text(array.as_string::<i32>().value(at))),
    }
}

/// Sets `extra.*` from one JSON object.
pub(crate) fn set_extra(event: &mut OpenEvent<'_>, text: &str) {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_str(text) else { return };
    for (name, value) in &members {
        if let Some(field) = event.extra(name) {
            json::restore(event, field, value).ok();
        }
    }
}

/// Problem and time of every event of a file: what [`super::seen::Seen`] is filled from.
pub fn problems(path: &Path, each: &mut dyn FnMut(ProblemKey, Time)) -> io::Result<()> {
    let builder = open(path, PageIndexPolicy::Skip)?;
    let wanted = [column::PROBLEM, column::TIME, Field::TIME_OBSERVATION.name()];
    let schema = builder.parquet_schema();
    let indices: Vec<usize> = schema
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, c)| wanted.contains(&c.name()))
        .map(|(index, _)| index)
        .collect();
    let mask = ProjectionMask::leaves(schema, indices);
    let mut reader = decode(|| builder.with_projection(mask).with_batch_size(16_384).build())?;
    while let Some(batch) = decode(|| reader.next().transpose())? {
        let Some(keys) = batch.column_by_name(column::PROBLEM).map(|array| array.as_fixed_size_binary()) else {
            continue;
        };
        let times = [column::TIME, Field::TIME_OBSERVATION.name()]
            .map(|name| batch.column_by_name(name).map(|array| array.as_primitive::<TimestampMicrosecondType>()));
        for at in 0..batch.num_rows() {
            let time = times.iter().flatten().find(|times| !times.is_null(at)).map_or(0, |times| times.value(at));
            each(ProblemKey(sixteen(keys.value(at))), Time(time));
        }
    }
    Ok(())
}

/// Identity, report and place of every event of a file.
pub fn identities(path: &Path, each: &mut dyn FnMut(EventId, ReportId, (u64, u32))) -> io::Result<()> {
    let builder = open(path, PageIndexPolicy::Skip)?;
    let wanted = [column::EVENT, column::REPORT, column::BATCH, column::ROW];
    let schema = builder.parquet_schema();
    let indices = schema.columns().iter().enumerate().filter(|(_, one)| wanted.contains(&one.name()));
    let mask = ProjectionMask::leaves(schema, indices.map(|(index, _)| index));
    let mut reader = decode(|| builder.with_projection(mask).with_batch_size(16_384).build())?;
    while let Some(batch) = decode(|| reader.next().transpose())? {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| io::Error::other(format!("the file has no column {name}")))
        };
        let (ids, reports) =
            (column(column::EVENT)?.as_fixed_size_binary(), column(column::REPORT)?.as_fixed_size_binary());
        let batches = column(column::BATCH)?.as_primitive::<Int64Type>();
        let rows = column(column::ROW)?.as_primitive::<Int64Type>();
        for at in 0..batch.num_rows() {
            let place = (batches.value(at).cast_unsigned(), u32::try_from(rows.value(at)).unwrap_or(u32::MAX));
            each(EventId(sixteen(ids.value(at))), ReportId(sixteen(reports.value(at))), place);
        }
    }
    Ok(())
}

/// All sightings of a file.
pub fn sightings(path: &Path, each: &mut dyn FnMut(Sighting)) -> io::Result<()> {
    let builder = open(path, PageIndexPolicy::Skip)?;
    let mut reader = decode(|| builder.with_batch_size(16_384).build())?;
    while let Some(batch) = decode(|| reader.next().transpose())? {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| io::Error::other(format!("the file has no column {name}")))
        };
        let (problems, reports) =
            (column(column::PROBLEM)?.as_fixed_size_binary(), column(column::REPORT)?.as_fixed_size_binary());
        let firsts = column(column::FIRST)?.as_primitive::<TimestampMicrosecondType>();
        let times = column(column::TIME)?.as_primitive::<TimestampMicrosecondType>();
        let lines = column(column::LINE)?.as_primitive::<Int64Type>();
        for at in 0..batch.num_rows() {
            each(Sighting {
                problem: ProblemKey(sixteen(problems.value(at))),
                first: Time(firsts.value(at)),
                time: Time(times.value(at)),
                report: ReportId(sixteen(reports.value(at))),
                mark: lines.value(at).cast_unsigned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
