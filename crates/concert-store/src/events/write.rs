//! Writing events to column files (Apache Parquet).
//!
//! One column for each field that occurs in the file, `extra.*` together as one JSON text. Pages hold
//! 2,048 rows with an index, so that a reader finds a network in a sorted file by reading little.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, Int64Builder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field as Column, Schema, SchemaRef, TimeUnit};
use concert_model::{Field, ReportId};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::columns::{Columns, hashes};
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
/// which came at another, belongs.
pub(crate) fn write_events(
    part: &Path,
    path: &Path,
    events: &mut Columns,
    order: &[u32],
    place: &dyn Fn(usize, u32) -> Place,
) -> io::Result<Written> {
    let mut columns = events.freeze().map_err(io::Error::other)?;
    columns.insert(1, Column::new(column::REPORT, DataType::FixedSizeBinary(16), false));
    columns.insert(4, Column::new(column::BATCH, DataType::Int64, false));
    columns.insert(5, Column::new(column::ROW, DataType::Int64, false));
    let mut file = ColumnFile::create(part, Arc::new(Schema::new(columns)))?;
    let mut position = 0;
    for some in order.chunks(ROWS_AT_ONCE) {
        let mut arrays = events.take(some).map_err(io::Error::other)?;
        let (mut reports, mut batches, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for at in some {
            let (report, batch, row) = place(position, *at);
            reports.push(report.0);
            batches.push(batch.cast_signed());
            rows.push(i64::from(row));
            position += 1;
        }
        arrays.insert(1, hashes(reports).map_err(io::Error::other)?);
        arrays.insert(4, Arc::new(Int64Array::from(batches)));
        arrays.insert(5, Arc::new(Int64Array::from(rows)));
        file.write(arrays)?;
    }
    file.finish(path)
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
    for name in [column::LINE, column::ROW, Field::TIME_SOURCE.name()] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in [column::EXTRA, Field::SOURCE_REVERSE_DNS.name(), Field::SOURCE_URL.name()] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_compression(path(name), Compression::ZSTD(ZstdLevel::default()));
    }
    // Sorted addresses begin alike, which says more in less time than compression.
    builder = builder
        .set_column_dictionary_enabled(path(Field::SOURCE_IP.name()), false)
        .set_column_encoding(path(Field::SOURCE_IP.name()), Encoding::DELTA_BYTE_ARRAY);
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

struct ColumnFile {
    writer: ArrowWriter<Hashing>,
    schema: SchemaRef,
    part: std::path::PathBuf,
    rows: u64,
}

impl ColumnFile {
    fn create(part: &Path, schema: SchemaRef) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, File::create(part)?);
        let out = Hashing { file, hasher: blake3::Hasher::new(), bytes: 0 };
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
        let (bytes, hash) = (out.bytes, *out.hasher.finalize().as_bytes());
        let file = out.file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        crate::archive::publish(&self.part, path)?;
        Ok(Written { rows: self.rows, bytes, hash })
    }
}
