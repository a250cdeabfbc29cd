//! Events as columns: they come in one order and are taken out in another.
//!
//! Writing sorted events one after another would wait for memory at every value, because each event
//! lies somewhere else. Here events are taken apart while they are at hand, and putting one column in
//! order moves about in that column only.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, FixedSizeBinaryArray, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field as Column, TimeUnit};
use concert_model::batch::Raw;
use concert_model::field::{Kind, TABLE};
use concert_model::{Event, Field, json};

use super::column;
use super::numbered::ABSENT;
use super::texts::{TextList, Texts, texts_type};

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
    extra: Box<Texts>,
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
            extra: Box::default(),
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
        texts.chain([&self.extra]).any(|texts| texts.texts.bytes.len() > TEXT_BYTES_MAX)
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
        self.push_all(std::iter::once(*event));
    }

    /// Adds events of one batch. What holds for all of them costs once and not for each.
    pub(crate) fn push_all<'e>(&mut self, events: impl Iterator<Item = Event<'e>>) {
        for cells in self.fields.iter_mut().flatten() {
            if let Cells::Text(texts) = cells {
                texts.lately = Default::default();
            }
        }
        let mut alike: Option<(Event<'e>, usize)> = None;
        for event in events {
            let at = self.lines.len();
            match alike {
                Some((first, _)) if first.lends_like(&event) => {}
                _ => {
                    if let Some((first, since)) = alike.replace((event, at)) {
                        self.lend(&first, since);
                    }
                }
            }
            self.push_own(&event);
        }
        if let Some((first, since)) = alike {
            self.lend(&first, since);
        }
    }

    /// Gives the constants that hold for an event to it and all that came after it.
    fn lend(&mut self, event: &Event<'_>, since: usize) {
        let until = self.lines.len();
        let Self { fields, plain, .. } = self;
        event.each_lent(|field, value| {
            if let Some(cells) = fields.get_mut(usize::from(field.0)) {
                let cells = cells.get_or_insert_with(|| Cells::new(field.kind()));
                cells.push(since, value, plain);
                cells.repeat_last(until);
            }
        });
    }

    fn push_own(&mut self, event: &Event<'_>) {
        let row = event.row();
        let at = self.lines.len();
        self.ids.push(row.id.0);
        self.problems.push(row.key.0);
        self.lines.push(row.position.cast_signed());
        self.json.clear();
        let Self { fields, keys, json, plain, .. } = self;
        event.each_own(|field, value| {
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

    /// Says that no more events come until [`Columns::clear`]. `by_numbers` says which columns of texts
    /// are wanted as numbers where they can be.
    pub(crate) fn freeze(&mut self, by_numbers: &dyn Fn(&str) -> bool) -> Result<(), ArrowError> {
        for (cells, number) in self.fields.iter_mut().zip(0u16..) {
            match cells {
                Some(Cells::Text(texts)) if !(texts.are_few() && by_numbers(Field(number).name())) => texts.freeze()?,
                _ => {}
            }
        }
        // What is compressed otherwise is worth numbers only where most of it is there already.
        if self.extra.are_few() && self.extra.repeat() { Ok(()) } else { self.extra.freeze() }
    }

    /// The columns that are not empty, once frozen.
    pub(crate) fn columns(&self) -> Vec<(Column, Values<'_>)> {
        let hash = DataType::FixedSizeBinary(16);
        let mut columns = vec![
            (Column::new(column::EVENT, hash.clone(), false), Values::Hashes(&self.ids)),
            (Column::new(column::PROBLEM, hash, false), Values::Hashes(&self.problems)),
            (Column::new(column::LINE, DataType::Int64, false), Values::Whole(&self.lines)),
        ];
        for (cells, number) in self.fields.iter().zip(0u16..) {
            let Some(cells) = cells.as_ref().filter(|cells| cells.len() > 0) else { continue };
            let values = match cells {
                Cells::Text(texts) if texts.array.is_none() => Values::Numbered(&texts.numbers, &texts.texts),
                cells => Values::Cells(cells),
            };
            columns.push((Column::new(Field(number).name(), cells.data_type(), true), values));
        }
        if self.has_extra {
            let values = match self.extra.array {
                Some(_) => Values::Extra(&self.extra),
                None => Values::Numbered(&self.extra.numbers, &self.extra.texts),
            };
            columns.push((Column::new(column::EXTRA, texts_type(), true), values));
        }
        columns
    }
}

/// The values of one column, in the order the events came.
pub(crate) enum Values<'c> {
    Hashes(&'c [[u8; 16]]),
    Whole(&'c [i64]),
    Cells(&'c Cells),
    Extra(&'c Texts),
    /// The number of each event's text, [`ABSENT`] where it has none, and the texts.
    Numbered(&'c [u32], &'c TextList),
}

impl Values<'_> {
    /// The values of the events at these places, in this order.
    pub(crate) fn array(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Hashes(values) => hashes(taken(values, order)),
            Self::Whole(numbers) => Ok(Arc::new(Int64Array::new(taken(numbers, order).into(), None))),
            Self::Cells(cells) => cells.take(order),
            Self::Extra(texts) => texts.take(order),
            Self::Numbered(..) => Err(ArrowError::InvalidArgumentError("texts that are not frozen".into())),
        }
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
pub(crate) enum Cells {
    Text(Box<Texts>),
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
            _ => Self::Text(Box::default()),
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
            (Self::Text(texts), Raw::Text(text) | Raw::Json(text)) => texts.push_of_batch(at, text),
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

    /// Gives the newest value to the events that follow, up to a place.
    fn repeat_last(&mut self, until: usize) {
        match self {
            Self::Text(texts) => {
                let number = texts.numbers.last().copied().unwrap_or(ABSENT);
                texts.numbers.resize(until, number);
            }
            Self::Int(numbers) | Self::Time(numbers) => numbers.repeat_last(until),
            Self::Float(numbers) => numbers.repeat_last(until),
            Self::Bool(truths) => truths.repeat_last(until),
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
pub(crate) struct Numbers<T> {
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

    fn repeat_last(&mut self, until: usize) {
        let (value, present) = (self.values.last().copied(), self.present.last().copied());
        self.values.resize(until, value.unwrap_or_default());
        self.present.resize(until, present.unwrap_or_default());
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
