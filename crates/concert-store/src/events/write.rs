//! Writing events to column files (Apache Parquet).
//!
//! One column for each field that occurs in the file, `extra.*` together as one JSON text. Pages hold
//! 2,048 rows with an index, so that a reader finds a network in a sorted file by reading little.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, Int64Builder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field as Column, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use concert_model::{Field, ReportId};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use super::columns::{Columns, Values};
use super::numbered::{self, ABSENT};
use super::{Sighting, column};

/// Rows gathered before they are encoded.
const ROWS_AT_ONCE: usize = 16_384;
/// Rows in one page: what a reader must decode at least.
const PAGE_ROWS: usize = 2_048;
/// Rows in one row group: bounds the writer's memory.
const GROUP_ROWS: usize = 262_144;

/// Columns by which a reader passes over pages.
const STATISTICS: [&str; 8] = [
    column::BATCH,
    column::ROW,
    "source.asn",
    "source.ip",
    "source.geolocation.cc",
    "destination.ip",
    "time.source",
    "time.observation",
];

/// Columns of texts that differ from event to event: compressed, and without a dictionary.
const PLAIN_TEXTS: [&str; 3] = [column::EXTRA, "source.reverse_dns", "source.url"];

/// What a finished file is.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// BLAKE3 hash of the file.
    pub hash: [u8; 32],
}

/// Where an event belongs: its report, batch and row.
pub(crate) type Place = (ReportId, u64, u32);

/// Writes events as a file, in this order. `place` says where the event at a position of the order,
/// which came at another, belongs. One column is encoded after the other.
pub(crate) fn write_events(
    part: &Path,
    path: &Path,
    events: &mut Columns,
    order: &[u32],
    place: &dyn Fn(usize, u32) -> Place,
) -> io::Result<Written> {
    events.freeze(&is_numbered).map_err(io::Error::other)?;
    let (fields, values): (Vec<Column>, Vec<Source<'_>>) = sources(events, order, place).into_iter().unzip();
    let (schema, properties) = (Arc::new(Schema::new(fields)), Arc::new(properties()));
    let parquet = ArrowSchemaConverter::new().convert(&schema).map_err(io::Error::other)?;
    let out = Hashing::create(part)?;
    let mut file = SerializedFileWriter::new(out, parquet.root_schema_ptr(), properties).map_err(io::Error::other)?;
    let groups = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
    let mut first = 0;
    for (number, some) in order.chunks(GROUP_ROWS).enumerate() {
        let writers = groups.create_column_writers(number).map_err(io::Error::other)?;
        let mut group = file.next_row_group().map_err(io::Error::other)?;
        let rows = Rows { order: some, positions: first..first + some.len() };
        for (index, (values, writer)) in values.iter().zip(writers).enumerate() {
            match values.numbered(&rows, parquet.column(index)).map_err(io::Error::other)? {
                Some((bytes, close)) => group.append_column(&bytes, close),
                None => values.write(&rows, schema.field(index), writer)?.append_to_row_group(&mut group),
            }
            .map_err(io::Error::other)?;
        }
        group.close().map_err(io::Error::other)?;
        first += some.len();
    }
    file.into_inner().map_err(io::Error::other)?.publish(part, path, order.len() as u64)
}

/// Whether a column of texts is written by their numbers. The library writes those that readers look
/// for something in, and those that are better written otherwise.
fn is_numbered(name: &str) -> bool {
    !STATISTICS.contains(&name) && !PLAIN_TEXTS.contains(&name)
}

/// Rows of one group: the places the events came at, and which rows of the file they are.
struct Rows<'o> {
    order: &'o [u32],
    positions: Range<usize>,
}

/// The values of one column.
enum Source<'c> {
    Events(Values<'c>),
    /// By row of the file.
    Whole(Vec<i64>),
    /// By row of the file: which of these hashes.
    Reports(Vec<u32>, Vec<ReportId>),
}

impl Source<'_> {
    /// The column chunk, where values are numbered already.
    fn numbered(
        &self,
        rows: &Rows<'_>,
        column: ColumnDescPtr,
    ) -> Result<Option<(Bytes, ColumnCloseResult)>, ParquetError> {
        match self {
            Self::Events(Values::Numbered(numbers, texts)) => {
                let numbers = rows.order.iter().map(|at| numbers.get(*at as usize).copied().unwrap_or(ABSENT));
                let write = |number, out: &mut Vec<u8>| {
                    let text = texts.get(number).unwrap_or_default();
                    // The list holds less than this can say.
                    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
                    out.extend_from_slice(text);
                };
                numbered::chunk(&column, numbers, texts.len(), PAGE_ROWS, &write).map(Some)
            }
            Self::Reports(numbers, reports) => {
                let numbers = numbers.get(rows.positions.clone()).unwrap_or_default().iter().copied();
                let write = |number: u32, out: &mut Vec<u8>| {
                    out.extend_from_slice(&reports.get(number as usize).copied().unwrap_or_default().0);
                };
                numbered::chunk(&column, numbers, reports.len(), PAGE_ROWS, &write).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The column chunk as the library writes it.
    fn write(&self, rows: &Rows<'_>, field: &Column, mut writer: ArrowColumnWriter) -> io::Result<ArrowColumnChunk> {
        let mut positions = rows.positions.clone();
        for some in rows.order.chunks(ROWS_AT_ONCE) {
            let here = positions.start..positions.start + some.len();
            positions.start = here.end;
            let array = match self {
                Self::Events(values) => values.array(some).map_err(io::Error::other)?,
                Self::Whole(numbers) => Arc::new(Int64Array::from(numbers.get(here).unwrap_or_default().to_vec())),
                Self::Reports(..) => return Err(io::Error::other("reports are numbered")),
            };
            for leaf in compute_leaves(field, &array).map_err(io::Error::other)? {
                writer.write(&leaf).map_err(io::Error::other)?;
            }
        }
        writer.close().map_err(io::Error::other)
    }
}

/// The columns of a file: what the events say, and where each belongs.
fn sources<'c>(events: &'c Columns, order: &[u32], place: &dyn Fn(usize, u32) -> Place) -> Vec<(Column, Source<'c>)> {
    let (mut numbers, mut reports) = (Vec::with_capacity(order.len()), Vec::<ReportId>::new());
    let (mut batches, mut rows) = (Vec::with_capacity(order.len()), Vec::with_capacity(order.len()));
    let mut known: HashMap<ReportId, u32> = HashMap::new();
    let mut last = None;
    for (position, at) in order.iter().enumerate() {
        let (report, batch, row) = place(position, *at);
        let number = match last {
            Some((same, number)) if same == report => number,
            _ => *known.entry(report).or_insert_with(|| {
                reports.push(report);
                u32::try_from(reports.len() - 1).unwrap_or(ABSENT)
            }),
        };
        last = Some((report, number));
        numbers.push(number);
        batches.push(batch.cast_signed());
        rows.push(i64::from(row));
    }
    let mut columns: Vec<_> =
        events.columns().into_iter().map(|(column, values)| (column, Source::Events(values))).collect();
    let whole = |name| Column::new(name, DataType::Int64, false);
    let hash = DataType::FixedSizeBinary(16);
    columns.insert(1, (Column::new(column::REPORT, hash, false), Source::Reports(numbers, reports)));
    columns.insert(4, (whole(column::BATCH), Source::Whole(batches)));
    columns.insert(5, (whole(column::ROW), Source::Whole(rows)));
    columns
}

/// Writes sightings as a file of their own.
pub fn write_sightings(part: &Path, path: &Path, batch: u64, sightings: &[Sighting]) -> io::Result<Written> {
    let mut file = SightingFile::create(part)?;
    file.add(batch, sightings)?;
    file.finish(path)
}

/// A file of sightings that is being written. It gets its name when it is complete.
pub struct SightingFile {
    out: ColumnFile,
}

impl SightingFile {
    /// Begins a file.
    pub fn create(part: &Path) -> io::Result<Self> {
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Arc::new(Schema::new(vec![
            Column::new(column::PROBLEM, DataType::FixedSizeBinary(16), false),
            Column::new(column::FIRST, time(), false),
            Column::new(column::TIME, time(), false),
            Column::new(column::REPORT, DataType::FixedSizeBinary(16), false),
            Column::new(column::LINE, DataType::Int64, false),
            Column::new(column::BATCH, DataType::Int64, false),
        ]));
        Ok(Self { out: ColumnFile::create(part, schema)? })
    }

    /// Adds sightings that came up to this batch.
    pub fn add(&mut self, batch: u64, sightings: &[Sighting]) -> io::Result<()> {
        for some in sightings.chunks(ROWS_AT_ONCE) {
            let mut problem = FixedSizeBinaryBuilder::with_capacity(some.len(), 16);
            let mut report = FixedSizeBinaryBuilder::with_capacity(some.len(), 16);
            let times = || TimestampMicrosecondBuilder::with_capacity(some.len()).with_timezone("UTC");
            let (mut first, mut time) = (times(), times());
            let (mut line, mut number) = (Int64Builder::new(), Int64Builder::new());
            for sighting in some {
                problem.append_value(sighting.problem.0).map_err(io::Error::other)?;
                report.append_value(sighting.report.0).map_err(io::Error::other)?;
                first.append_value(sighting.first.0);
                time.append_value(sighting.time.0);
                line.append_value(sighting.mark.cast_signed());
                number.append_value(batch.cast_signed());
            }
            self.out.write(vec![
                Arc::new(problem.finish()),
                Arc::new(first.finish()),
                Arc::new(time.finish()),
                Arc::new(report.finish()),
                Arc::new(line.finish()),
                Arc::new(number.finish()),
            ])?;
        }
        Ok(())
    }

    /// Completes the file, makes it durable and gives it its name.
    pub fn finish(self, path: &Path) -> io::Result<Written> {
        self.out.finish(path)
    }
}

fn properties() -> WriterProperties {
    let path = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let mut builder = WriterProperties::builder()
        .set_created_by(format!("concert {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::UNCOMPRESSED)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_statistics_truncate_length(Some(64))
        .set_column_bloom_filter_enabled(path(Field::SOURCE_IP.name()), true)
        .set_column_bloom_filter_fpp(path(Field::SOURCE_IP.name()), 0.01);
    // Smallest and largest value of each page only where readers look for something: in the columns that
    // events are sorted by, and a few that narrow what people ask for.
    for name in STATISTICS {
        builder = builder.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    // Hashes have no order and no repeats: a dictionary and compression only cost time.
    for name in [column::EVENT, column::PROBLEM] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_compression(path(name), Compression::UNCOMPRESSED);
    }
    for name in [column::LINE, column::BATCH, column::ROW, "source.asn", "time.source", "time.observation"] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in PLAIN_TEXTS {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_compression(path(name), Compression::ZSTD(ZstdLevel::default()));
    }
    // Events are sorted by AS number and address, so what comes one after another begins alike: that says more
    // in less time than dictionaries and compression.
    for name in [Field::SOURCE_IP, Field::SOURCE_NETWORK].map(Field::name) {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BYTE_ARRAY);
    }
    builder.build()
}

/// Counts and hashes what goes into a file.
struct Hashing {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Hashing {
    fn create(part: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, File::create(part)?);
        Ok(Self { file, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// Makes the file durable and gives it its name.
    fn publish(self, part: &Path, path: &Path, rows: u64) -> io::Result<Written> {
        let (bytes, hash) = (self.bytes, *self.hasher.finalize().as_bytes());
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        crate::archive::publish(part, path)?;
        Ok(Written { rows, bytes, hash })
    }
}

struct ColumnFile {
    writer: ArrowWriter<Hashing>,
    schema: SchemaRef,
    part: std::path::PathBuf,
    rows: u64,
}

impl ColumnFile {
    fn create(part: &Path, schema: SchemaRef) -> io::Result<Self> {
        let out = Hashing::create(part)?;
        // How a column is held in memory here is nothing a reader should do as well.
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(out, Arc::clone(&schema), options).map_err(io::Error::other)?;
        Ok(Self { writer, schema, part: part.to_owned(), rows: 0 })
    }

    fn write(&mut self, arrays: Vec<ArrayRef>) -> io::Result<()> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(io::Error::other)?;
        self.rows += batch.num_rows() as u64;
        self.writer.write(&batch).map_err(io::Error::other)
    }

    fn finish(self, path: &Path) -> io::Result<Written> {
        let out = self.writer.into_inner().map_err(io::Error::other)?;
        out.publish(&self.part, path, self.rows)
    }
}

#[cfg(test)]
mod tests;
