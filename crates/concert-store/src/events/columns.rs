//! Events as columns: they come in one order and are taken out in another.
//!
//! Writing sorted events one after another would wait for memory at every value, because each event
//! lies somewhere else. Here events are taken apart while they are at hand, and putting one column in
//! order moves about in that column only.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray, UInt32Array, types::UInt32Type,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field as Column, TimeUnit};
use concert_model::batch::Raw;
use concert_model::field::{Kind, TABLE};
use concert_model::{Event, Field, json};

use super::column;

/// Bytes of text in one column after which no more events should come.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// Events taken apart.
pub(crate) struct Columns {
    ids: Vec<[u8; 16]>,
    problems: Vec<[u8; 16]>,
    lines: Vec<i64>,
    /// By number of the field; only those that occur.
    fields: Vec<Option<Cells>>,
    /// `extra.*` fields together as one JSON text.
    extra: Texts,
    has_extra: bool,
    keys: ExtraKeys,
    json: Vec<u8>,
    plain: Vec<u8>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            ids: Vec::new(),
            problems: Vec::new(),
            lines: Vec::new(),
            fields: TABLE.iter().map(|_| None).collect(),
            extra: Texts::default(),
            has_extra: false,
            keys: ExtraKeys::default(),
            json: Vec::new(),
            plain: Vec::new(),
        }
    }
}

impl Columns {
    /// Whether it should be written before more events come.
    pub(crate) fn is_full(&self) -> bool {
        let texts = self.fields.iter().flatten().filter_map(|cells| match cells {
            Cells::Text(texts) => Some(texts),
            _ => None,
        });
        texts.chain([&self.extra]).any(|texts| texts.bytes.len() > TEXT_BYTES_MAX)
    }

    /// Forgets the events and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.ids.clear();
        self.problems.clear();
        self.lines.clear();
        self.extra.clear();
        self.has_extra = false;
        for cells in self.fields.iter_mut().flatten() {
            cells.clear();
        }
    }

    /// Adds an event.
    pub(crate) fn push(&mut self, event: &Event<'_>) {
        let row = event.row();
        let at = self.lines.len();
        self.ids.push(row.id.0);
        self.problems.push(row.key.0);
        self.lines.push(row.position.cast_signed());
        self.json.clear();
        let Self { fields, keys, json, plain, .. } = self;
        event.each_raw(|field, value| {
            if field.is_extra() {
                json.push(if json.is_empty() { b'{' } else { b',' });
                keys.write(field, event, json);
                match value {
                    Raw::Text(text) => json::write_string(text, json),
                    other => json::write_value(&other.into(), json),
                }
            } else if let Some(cells) = fields.get_mut(usize::from(field.0)) {
                cells.get_or_insert_with(|| Cells::new(field.kind())).push(at, value, plain);
            }
        });
        if !self.json.is_empty() {
            self.json.push(b'}');
            self.extra.push(at, &self.json);
            self.has_extra = true;
        }
    }

    fn present(&self) -> impl Iterator<Item = (Field, &Cells)> {
        let fields = self.fields.iter().zip(0u16..);
        fields.filter_map(|(cells, number)| Some((Field(number), cells.as_ref()?))).filter(|(_, cells)| cells.len() > 0)
    }

    /// Says that no more events come until [`Columns::clear`], and gives names and types of the columns
    /// in the order of [`Columns::take`].
    pub(crate) fn freeze(&mut self) -> Result<Vec<Column>, ArrowError> {
        let texts = self.fields.iter_mut().flatten().filter_map(|cells| match cells {
            Cells::Text(texts) => Some(texts),
            _ => None,
        });
        texts.chain([&mut self.extra]).try_for_each(Texts::freeze)?;
        let hash = DataType::FixedSizeBinary(16);
        let mut columns = vec![
            Column::new(column::EVENT, hash.clone(), false),
            Column::new(column::PROBLEM, hash, false),
            Column::new(column::LINE, DataType::Int64, false),
        ];
        columns.extend(self.present().map(|(field, cells)| Column::new(field.name(), cells.data_type(), true)));
        columns.extend(self.has_extra.then(|| Column::new(column::EXTRA, texts_type(), true)));
        Ok(columns)
    }

    /// The events at these places, in this order.
    pub(crate) fn take(&self, order: &[u32]) -> Result<Vec<ArrayRef>, ArrowError> {
        let numbers = ScalarBuffer::from(taken(&self.lines, order));
        let mut arrays = vec![
            hashes(taken(&self.ids, order))?,
            hashes(taken(&self.problems, order))?,
            Arc::new(Int64Array::new(numbers, None)),
        ];
        for (_, cells) in self.present() {
            arrays.push(cells.take(order)?);
        }
        if self.has_extra {
            arrays.push(self.extra.take(order)?);
        }
        Ok(arrays)
    }
}

/// A column of hashes.
pub(super) fn hashes(hashes: Vec<[u8; 16]>) -> Result<ArrayRef, ArrowError> {
    let bytes = Buffer::from_vec(hashes.into_flattened());
    Ok(Arc::new(FixedSizeBinaryArray::try_new(16, bytes, None)?))
}

fn taken<T: Copy + Default>(values: &[T], order: &[u32]) -> Vec<T> {
    order.iter().map(|at| values.get(*at as usize).copied().unwrap_or_default()).collect()
}

/// One column. It may end before the newest event; what is missing is absent.
enum Cells {
    Text(Texts),
    Int(Numbers<i64>),
    Float(Numbers<f64>),
    Bool(Numbers<bool>),
    Time(Numbers<i64>),
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int | Kind::Port | Kind::Asn => Self::Int(Numbers::default()),
            Kind::Float | Kind::Percent => Self::Float(Numbers::default()),
            Kind::Bool => Self::Bool(Numbers::default()),
            Kind::Time => Self::Time(Numbers::default()),
            _ => Self::Text(Texts::default()),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Text(_) => texts_type(),
            Self::Int(_) => DataType::Int64,
            Self::Float(_) => DataType::Float64,
            Self::Bool(_) => DataType::Boolean,
            Self::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(texts) => texts.numbers.len(),
            Self::Int(numbers) | Self::Time(numbers) => numbers.values.len(),
            Self::Float(numbers) => numbers.values.len(),
            Self::Bool(truths) => truths.values.len(),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Text(texts) => texts.clear(),
            Self::Int(numbers) | Self::Time(numbers) => numbers.clear(),
            Self::Float(numbers) => numbers.clear(),
            Self::Bool(truths) => truths.clear(),
        }
    }

    /// Sets the value of the event at a place. `plain` is room to write in.
    #[inline]
    fn push(&mut self, at: usize, value: Raw<'_>, plain: &mut Vec<u8>) {
        match (self, value) {
            (Self::Text(texts), Raw::Text(text) | Raw::Json(text)) => texts.push(at, text.as_bytes()),
            (Self::Int(numbers), Raw::Int(number)) => numbers.push(at, number),
            (Self::Time(numbers), Raw::Time(time)) => numbers.push(at, time.0),
            (Self::Float(numbers), Raw::Float(number)) => numbers.push(at, number),
            (Self::Bool(truths), Raw::Bool(truth)) => truths.push(at, truth),
            (Self::Text(texts), Raw::Ip(address)) => {
                plain.clear();
                json::write_ip(address, plain);
                texts.push(at, plain);
            }
            (Self::Text(texts), other) => {
                plain.clear();
                json::write_plain(&other.into(), plain);
                texts.push(at, plain);
            }
            // A value of another kind than its field cannot be made by the readers of values.
            _ => {}
        }
    }

    fn take(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(texts) => return texts.take(order),
            Self::Int(numbers) => Arc::new(Int64Array::new(numbers.take(order), numbers.nulls(order))),
            Self::Float(numbers) => Arc::new(Float64Array::new(numbers.take(order), numbers.nulls(order))),
            Self::Bool(truths) => {
                let values = BooleanBuffer::from(taken(&truths.values, order));
                Arc::new(BooleanArray::new(values, truths.nulls(order)))
            }
            Self::Time(numbers) => {
                let array = TimestampMicrosecondArray::new(numbers.take(order), numbers.nulls(order));
                Arc::new(array.with_timezone("UTC"))
            }
        })
    }
}

#[derive(Default)]
struct Numbers<T> {
    values: Vec<T>,
    present: Vec<bool>,
}

impl<T: Copy + Default> Numbers<T> {
    fn clear(&mut self) {
        self.values.clear();
        self.present.clear();
    }

    fn push(&mut self, at: usize, value: T) {
        self.values.resize(at, T::default());
        self.present.resize(at, false);
        self.values.push(value);
        self.present.push(true);
    }

    fn take(&self, order: &[u32]) -> ScalarBuffer<T>
    where
        T: ArrowNativeType,
    {
        ScalarBuffer::from(taken(&self.values, order))
    }

    fn nulls(&self, order: &[u32]) -> Option<NullBuffer> {
        let nulls = NullBuffer::from(taken(&self.present, order));
        (nulls.null_count() > 0).then_some(nulls)
    }
}

/// The number of a text that is absent.
const ABSENT: u32 = u32::MAX;

/// Texts behind each other in the order they came, and which of them each event has. Putting events in
/// order moves these numbers and no text.
struct Texts {
    bytes: Vec<u8>,
    /// Where each text begins, and where the last ends.
    starts: Vec<i32>,
    numbers: Vec<u32>,
    /// Numbers of texts that came lately, by what they begin and end with.
    late: Vec<u32>,
    /// Texts found there less texts not found.
    found: i32,
    /// The texts as an array, once all are there.
    array: Option<Arc<StringArray>>,
}

/// Texts remembered of one column, so that most columns hold each of theirs once.
const LATE: usize = 256;
/// A column that repeats so few is not searched any more.
const FOUND_MIN: i32 = -1_000;

impl Default for Texts {
    fn default() -> Self {
        let (late, numbers, bytes) = (vec![ABSENT; LATE], Vec::new(), Vec::new());
        Self { bytes, starts: vec![0], numbers, late, found: 0, array: None }
    }
}

/// Up to seven bytes as a number.
fn short(text: &[u8]) -> u64 {
    let (four, rest) = match text.split_first_chunk::<4>() {
        Some((four, rest)) => (u64::from(u32::from_le_bytes(*four)), rest),
        None => (0, text),
    };
    rest.iter().fold(four, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Where a text is remembered.
fn slot(text: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map(|bytes| u64::from_le_bytes(*bytes));
    let (first, last) = match (word(text.first_chunk()), word(text.last_chunk())) {
        (Some(first), Some(last)) => (first, last),
        _ => (short(text), 0),
    };
    let mixed = (first ^ last.rotate_left(32) ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 56).unwrap_or(0) % LATE
}

impl Texts {
    fn clear(&mut self) {
        // The memory of the array is taken back for the texts that come next.
        if let Some(array) = self.array.take().and_then(Arc::into_inner) {
            let (starts, bytes, _) = array.into_parts();
            self.bytes = bytes.into_vec().unwrap_or_default();
            self.starts = starts.into_inner().into_inner().into_vec().unwrap_or_default();
        }
        self.bytes.clear();
        self.starts.clear();
        self.starts.push(0);
        self.numbers.clear();
        self.late.fill(ABSENT);
        self.found = 0;
    }

    fn get(&self, number: u32) -> Option<&[u8]> {
        let at = usize::try_from(number).ok()?;
        let (start, end) = (*self.starts.get(at)?, *self.starts.get(at + 1)?);
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    fn push(&mut self, at: usize, text: &[u8]) {
        self.numbers.resize(at, ABSENT);
        let next = u32::try_from(self.starts.len() - 1).unwrap_or(ABSENT);
        if self.found > FOUND_MIN {
            let slot = slot(text);
            let known = self.late.get(slot).copied().unwrap_or(ABSENT);
            if known != ABSENT && self.get(known) == Some(text) {
                self.found += 1;
                return self.numbers.push(known);
            }
            self.found -= 1;
            if let Some(slot) = self.late.get_mut(slot) {
                *slot = next;
            }
        }
        self.bytes.extend_from_slice(text);
        // Whoever adds events stops at half of what this number holds.
        self.starts.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
        self.numbers.push(next);
    }

    /// Says that no more texts come.
    fn freeze(&mut self) -> Result<(), ArrowError> {
        let starts = OffsetBuffer::new(ScalarBuffer::from(std::mem::take(&mut self.starts)));
        let bytes = Buffer::from_vec(std::mem::take(&mut self.bytes));
        self.array = Some(Arc::new(StringArray::try_new(starts, bytes, None)?));
        Ok(())
    }

    fn take(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        let number = |at: &u32| self.numbers.get(*at as usize).copied().unwrap_or(ABSENT);
        let mut numbers: Vec<u32> = order.iter().map(number).collect();
        let mut nulls = None;
        if numbers.contains(&ABSENT) {
            nulls = Some(NullBuffer::from(numbers.iter().map(|number| *number != ABSENT).collect::<Vec<bool>>()));
            numbers.iter_mut().filter(|number| **number == ABSENT).for_each(|number| *number = 0);
        }
        let texts: ArrayRef = match &self.array {
            Some(array) => Arc::clone(array) as ArrayRef,
            None => return Err(ArrowError::InvalidArgumentError("texts that are not frozen".into())),
        };
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(UInt32Array::new(numbers.into(), nulls), texts)?))
    }
}

/// What a column of texts is in memory; in the file it is text like any other.
fn texts_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
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
