//! Writing events to column files (Apache Parquet).
//!
//! One column for each field that occurs in the file, `extra.*` together as one JSON text. Pages hold
//! 2,048 rows with an index, so that a reader finds a network in a sorted file by reading little.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field as Column, Schema, SchemaRef, TimeUnit};
use concert_model::batch::Raw;
use concert_model::field::Kind;
use concert_model::{Event, Field, json};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::{Sighting, Stored, column};

/// Rows gathered before they are encoded.
const ROWS_AT_ONCE: usize = 16_384;
/// Rows in one page: what a reader must decode at least.
const PAGE_ROWS: usize = 2_048;
/// Rows in one row group: bounds the writer's memory.
const GROUP_ROWS: usize = 262_144;

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

enum Cells {
    Text(StringBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int | Kind::Port | Kind::Asn => Self::Int(Int64Builder::with_capacity(ROWS_AT_ONCE)),
            Kind::Float | Kind::Percent => Self::Float(Float64Builder::with_capacity(ROWS_AT_ONCE)),
            Kind::Bool => Self::Bool(BooleanBuilder::with_capacity(ROWS_AT_ONCE)),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::with_capacity(ROWS_AT_ONCE).with_timezone("UTC")),
            _ => Self::Text(StringBuilder::with_capacity(ROWS_AT_ONCE, ROWS_AT_ONCE * 16)),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Text(_) => DataType::Utf8,
            Self::Int(_) => DataType::Int64,
            Self::Float(_) => DataType::Float64,
            Self::Bool(_) => DataType::Boolean,
            Self::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(cells) => cells.len(),
            Self::Int(cells) => cells.len(),
            Self::Float(cells) => cells.len(),
            Self::Bool(cells) => cells.len(),
            Self::Time(cells) => cells.len(),
        }
    }

    /// Adds absent values up to a row.
    fn pad(&mut self, rows: usize) {
        for _ in self.len()..rows {
            match self {
                Self::Text(cells) => cells.append_null(),
                Self::Int(cells) => cells.append_null(),
                Self::Float(cells) => cells.append_null(),
                Self::Bool(cells) => cells.append_null(),
                Self::Time(cells) => cells.append_null(),
            }
        }
    }

    fn add(&mut self, value: Raw<'_>, scratch: &mut Vec<u8>) {
        match (self, value) {
            (Self::Text(cells), Raw::Text(text) | Raw::Json(text)) => cells.append_value(text),
            (Self::Int(cells), Raw::Int(number)) => cells.append_value(number),
            (Self::Time(cells), Raw::Time(time)) => cells.append_value(time.0),
            (Self::Float(cells), Raw::Float(number)) => cells.append_value(number),
            (Self::Bool(cells), Raw::Bool(truth)) => cells.append_value(truth),
            (Self::Text(cells), Raw::Ip(address)) => {
                scratch.clear();
                json::write_ip(address, scratch);
                cells.append_value(std::str::from_utf8(scratch).unwrap_or_default());
            }
            (Self::Text(cells), other) => {
                scratch.clear();
                json::write_plain(&other.into(), scratch);
                cells.append_value(String::from_utf8_lossy(scratch));
            }
            // A value of another kind than its field cannot be made by the readers of values.
            (cells, _) => cells.pad(cells.len() + 1),
        }
    }

    /// Takes what was gathered. The next rows need about as much room, so it is given at once.
    fn finish(&mut self) -> ArrayRef {
        let rows = self.len();
        match self {
            Self::Text(cells) => {
                let array = cells.finish();
                *cells = StringBuilder::with_capacity(rows, array.value_data().len());
                Arc::new(array)
            }
            Self::Int(cells) => {
                let array = cells.finish();
                *cells = Int64Builder::with_capacity(rows);
                Arc::new(array)
            }
            Self::Float(cells) => Arc::new(cells.finish()),
            Self::Bool(cells) => Arc::new(cells.finish()),
            Self::Time(cells) => {
                let array = cells.finish();
                *cells = TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
                Arc::new(array)
            }
        }
    }
}

/// Names of `extra.*` fields as JSON, made once.
#[derive(Default)]
struct ExtraKeys {
    written: Vec<(String, Vec<u8>)>,
}

impl ExtraKeys {
    /// Writes `"name":`. Batches may number the same name in different ways, so the name is compared.
    fn write(&mut self, field: Field, event: &Event<'_>, out: &mut Vec<u8>) {
        let (name, at) = (event.extra_name(field), usize::from(field.0 - Field::EXTRA));
        if let Some((_, key)) = self.written.get(at).filter(|(known, _)| known == name) {
            return out.extend_from_slice(key);
        }
        let mut key = Vec::new();
        json::write_string(name, &mut key);
        key.push(b':');
        out.extend_from_slice(&key);
        if self.written.len() <= at {
            self.written.resize(at + 1, Default::default());
        }
        if let Some(slot) = self.written.get_mut(at) {
            *slot = (name.to_owned(), key);
        }
    }
}

/// A file that is being written. It gets its name when it is complete.
pub struct EventFile {
    out: ColumnFile,
    fields: Vec<Field>,
    slots: Vec<Option<usize>>,
    cells: Vec<Cells>,
    extra: Option<StringBuilder>,
    event: FixedSizeBinaryBuilder,
    report: FixedSizeBinaryBuilder,
    problem: FixedSizeBinaryBuilder,
    line: Int64Builder,
    batch: Int64Builder,
    row: Int64Builder,
    extras: Vec<u8>,
    plain: Vec<u8>,
    keys: ExtraKeys,
}

impl EventFile {
    /// Begins a file whose events have these fields. Any `extra.*` among them stands for all.
    pub fn create(part: &Path, fields: &BTreeSet<Field>) -> io::Result<Self> {
        let has_extra = fields.iter().any(|field| field.is_extra());
        let fields: Vec<Field> = fields.iter().copied().filter(|field| !field.is_extra()).collect();
        let mut slots = vec![None; concert_model::field::TABLE.len()];
        let mut cells = Vec::new();
        let mut columns = identity_columns();
        for field in &fields {
            if let Some(slot) = slots.get_mut(usize::from(field.0)) {
                *slot = Some(cells.len());
            }
            let column = Cells::new(field.kind());
            columns.push(Column::new(field.name(), column.data_type(), true));
            cells.push(column);
        }
        if has_extra {
            columns.push(Column::new(column::EXTRA, DataType::Utf8, true));
        }
        let out = ColumnFile::create(part, Arc::new(Schema::new(columns)))?;
        let hash = || FixedSizeBinaryBuilder::with_capacity(ROWS_AT_ONCE, 16);
        let number = || Int64Builder::with_capacity(ROWS_AT_ONCE);
        Ok(Self {
            out,
            fields,
            slots,
            cells,
            extra: has_extra.then(StringBuilder::new),
            event: hash(),
            report: hash(),
            problem: hash(),
            line: number(),
            batch: number(),
            row: number(),
            extras: Vec::new(),
            plain: Vec::new(),
            keys: ExtraKeys::default(),
        })
    }

    /// Adds an event.
    pub fn add(&mut self, stored: &Stored<'_>) -> io::Result<()> {
        let row = stored.event.row();
        let at = self.line.len();
        let sixteen = |result: Result<(), arrow_schema::ArrowError>| result.map_err(io::Error::other);
        sixteen(self.event.append_value(row.id.0))?;
        sixteen(self.report.append_value(stored.report.0))?;
        sixteen(self.problem.append_value(row.key.0))?;
        self.line.append_value(row.position.cast_signed());
        self.batch.append_value(stored.batch.cast_signed());
        self.row.append_value(i64::from(stored.row));
        let (mut extras, mut plain) = (std::mem::take(&mut self.extras), std::mem::take(&mut self.plain));
        extras.clear();
        for (field, value) in stored.event.raw_fields() {
            if field.is_extra() {
                extras.push(if extras.is_empty() { b'{' } else { b',' });
                self.keys.write(field, &stored.event, &mut extras);
                match value {
                    Raw::Text(text) => json::write_string(text, &mut extras),
                    other => json::write_value(&other.into(), &mut extras),
                }
            } else if let Some(cells) =
                self.slots.get(usize::from(field.0)).copied().flatten().and_then(|slot| self.cells.get_mut(slot))
            {
                cells.pad(at);
                cells.add(value, &mut plain);
            }
        }
        if let Some(extra) = &mut self.extra {
            if extras.is_empty() {
                extra.append_null();
            } else {
                extras.push(b'}');
                extra.append_value(String::from_utf8_lossy(&extras));
            }
        }
        (self.extras, self.plain) = (extras, plain);
        if at + 1 >= ROWS_AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = self.line.len();
        if rows == 0 {
            return Ok(());
        }
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.event.finish()),
            Arc::new(self.report.finish()),
            Arc::new(self.problem.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.batch.finish()),
            Arc::new(self.row.finish()),
        ];
        debug_assert_eq!(self.fields.len(), self.cells.len(), "one column a field");
        for cells in &mut self.cells {
            cells.pad(rows);
            arrays.push(cells.finish());
        }
        if let Some(extra) = &mut self.extra {
            arrays.push(Arc::new(extra.finish()));
        }
        self.out.write(arrays)
    }

    /// Completes the file, makes it durable and gives it its name.
    pub fn finish(mut self, path: &Path) -> io::Result<Written> {
        self.flush()?;
        self.out.finish(path)
    }
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
                line.append_value(sighting.line.cast_signed());
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

fn identity_columns() -> Vec<Column> {
    let hash = DataType::FixedSizeBinary(16);
    vec![
        Column::new(column::EVENT, hash.clone(), false),
        Column::new(column::REPORT, hash.clone(), false),
        Column::new(column::PROBLEM, hash, false),
        Column::new(column::LINE, DataType::Int64, false),
        Column::new(column::BATCH, DataType::Int64, false),
        Column::new(column::ROW, DataType::Int64, false),
    ]
}

fn properties() -> WriterProperties {
    let path = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let mut builder = WriterProperties::builder()
        .set_created_by(format!("concert {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(64))
        .set_column_bloom_filter_enabled(path(Field::SOURCE_IP.name()), true)
        .set_column_bloom_filter_fpp(path(Field::SOURCE_IP.name()), 0.01);
    // Hashes have no order and no repeats: a dictionary, statistics and compression only cost time.
    for name in [column::EVENT, column::PROBLEM] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_statistics_enabled(path(name), EnabledStatistics::None)
            .set_column_compression(path(name), Compression::UNCOMPRESSED);
    }
    for name in [column::LINE, column::ROW] {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in [column::EXTRA, Field::SOURCE_REVERSE_DNS.name(), Field::SOURCE_URL.name(), Field::SOURCE_IP.name()] {
        builder = builder.set_column_dictionary_enabled(path(name), false);
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
        let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties())).map_err(io::Error::other)?;
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
