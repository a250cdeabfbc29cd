//! Many events in few allocations: cells of all events in one vector, their text in another.
//!
//! An event is a run of cells. Only the newest event of a batch can grow, which is why parsing,
//! enriching and judging handle one event after another and nothing is moved. Values that hold for all
//! events are cells of the batch, and an event says with one bit each which of them it lends.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::tz::TimeZone;

use crate::{EventId, Field, Net, ProblemKey, Time, Value};

/// Most different `extra.*` names one batch can hold.
pub const EXTRA_NAMES_MAX: usize = 20_000;
/// Longest `extra.*` name, without the prefix.
const EXTRA_NAME_BYTES_MAX: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Text,
    Int,
    Float,
    Bool,
    Time,
    Ip4,
    Ip6,
    Net,
    Json,
}

/// Sixteen bytes: `word` is a number, a time, an IPv4 address or the start of `length` bytes of text.
#[derive(Clone, Copy, Debug)]
struct Cell {
    field: Field,
    tag: Tag,
    length: u32,
    word: u64,
}

/// What is known of an event besides its fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Hash of report, position and ordinal.
    pub id: EventId,
    /// What makes it the same problem as another.
    pub key: ProblemKey,
    /// Line or record in its report, from 1.
    pub position: u64,
    start: u32,
    end: u32,
    /// One bit a field of the table that is set.
    present: u128,
    /// Those of them whose value is a constant of the batch.
    lent: u128,
    /// The first constant that held when the event was read.
    constants: u32,
}

/// A text that stands in a batch, to be given to later events of it without a copy. Most columns of
/// most reports repeat a few texts.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    cell: Cell,
    age: u64,
}

/// A value as it stands in a batch: like [`Value`], but nothing to drop, for hot paths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// Text.
    Text(&'a str),
    /// JSON text.
    Json(&'a str),
    /// A whole number.
    Int(i64),
    /// A decimal number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A moment.
    Time(Time),
    /// An address.
    Ip(IpAddr),
    /// A network.
    Net(Net),
}

impl<'a> From<Raw<'a>> for Value<'a> {
    fn from(raw: Raw<'a>) -> Self {
        match raw {
            Raw::Text(text) => Value::text(text),
            Raw::Json(text) => Value::Json(Cow::Borrowed(text)),
            Raw::Int(number) => Value::Int(number),
            Raw::Float(number) => Value::Float(number),
            Raw::Bool(truth) => Value::Bool(truth),
            Raw::Time(time) => Value::Time(time),
            Raw::Ip(address) => Value::Ip(address),
            Raw::Net(net) => Value::Net(net),
        }
    }
}

/// Events in the order they were read.
#[derive(Debug, Default)]
pub struct Batch {
    /// Grows whenever text goes away, so that a [`Kept`] of before is known to be stale.
    age: u64,
    text: String,
    octets: Vec<u8>,
    cells: Vec<Cell>,
    rows: Vec<Row>,
    /// Values that hold for all events that have none of their own, and from where on they hold now.
    constants: Vec<Cell>,
    holding: usize,
    extra: Vec<Box<str>>,
    extra_numbers: std::collections::HashMap<Box<str>, Field>,
    /// Room for [`Batch::finish_from`].
    reopened: (Vec<Cell>, Vec<Row>),
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of memory in use, for deciding when a batch is full.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.octets.len() + self.cells.len() * size_of::<Cell>() + self.rows.len() * size_of::<Row>()
    }

    /// Empties the batch and keeps its memory and its `extra.*` names. Constants are forgotten.
    pub fn clear(&mut self) {
        self.age += 1;
        self.text.clear();
        self.octets.clear();
        self.constants.clear();
        self.holding = 0;
        self.cells.clear();
        self.rows.clear();
    }

    /// Adds a value that [`OpenEvent::fill`] gives to every event that has none of its own. It is kept
    /// once for the whole batch; of several for one field the first holds.
    pub fn constant(&mut self, field: Field, value: &Value<'_>) {
        if let Some(cell) = self.cell(field, value) {
            self.constants.push(cell);
        }
    }

    /// The number of an `extra.*` name in this batch, given without the prefix. `None` when the batch
    /// holds too many names already or the name is empty, too long or not printable.
    pub fn extra(&mut self, name: &str) -> Option<Field> {
        if let Some(field) = self.extra_numbers.get(name) {
            return Some(*field);
        }
        let bad = name.is_empty() || name.len() > EXTRA_NAME_BYTES_MAX || name.contains(char::is_control);
        if bad || self.extra.len() >= EXTRA_NAMES_MAX {
            return None;
        }
        let field = Field(Field::EXTRA + u16::try_from(self.extra.len()).ok()?);
        self.extra.push(name.into());
        self.extra_numbers.insert(name.into(), field);
        Some(field)
    }

    /// Every `extra.*` name in the order of their numbers, without the prefix.
    pub fn extra_names(&self) -> &[Box<str>] {
        &self.extra
    }

    /// Gives an empty batch just these `extra.*` names, so that numbers taken from another batch with
    /// the same names hold here too.
    pub fn name_extras(&mut self, names: &[Box<str>]) {
        if self.extra == names {
            return;
        }
        self.extra.clear();
        self.extra_numbers.clear();
        for name in names {
            self.extra(name);
        }
    }

    /// Forgets the constants, for the events that follow.
    pub fn forget_constants(&mut self) {
        self.holding = self.constants.len();
    }

    /// The constant that an event lends for a field.
    fn lent(&self, first: u32, field: Field) -> Option<&Cell> {
        self.constants.get(first as usize..)?.iter().find(|cell| cell.field == field)
    }

    /// The field with this full name, `extra.*` included (numbered if it is new).
    pub fn field(&mut self, name: &str) -> Option<Field> {
        match name.strip_prefix("extra.") {
            Some(extra) => self.extra(extra),
            None => Field::named(name),
        }
    }

    /// The number of an `extra.*` name if some event of this batch has it.
    pub fn find_extra(&self, name: &str) -> Option<Field> {
        self.extra_numbers.get(name).copied()
    }

    /// The name of an `extra.*` field without the prefix; empty for a number that is not of this batch.
    pub fn extra_name(&self, field: Field) -> &str {
        let index = usize::from(field.0.saturating_sub(Field::EXTRA));
        self.extra.get(index).map_or("", |name| name)
    }

    /// The full name of a field.
    pub fn name(&self, field: Field) -> Cow<'static, str> {
        if field.is_extra() {
            Cow::Owned(format!("extra.{}", self.extra_name(field)))
        } else {
            Cow::Borrowed(field.name())
        }
    }

    /// Begins the next event. Dropping it without [`OpenEvent::keep`] leaves the batch as it was.
    pub fn open(&mut self) -> OpenEvent<'_> {
        let (text, octets, start) = (self.text.len(), self.octets.len(), self.cells.len());
        let constants = u32::try_from(self.holding).unwrap_or(u32::MAX);
        OpenEvent { batch: self, text, octets, start, constants, present: 0, lent: 0, kept: false }
    }

    /// Opens the newest events again, from an index on, one after another, so that they can be looked at
    /// together first. `finish` changes an event and gives the key of its problem, or `None` if the
    /// event is not kept.
    pub fn finish_from(&mut self, index: usize, mut finish: impl FnMut(&mut OpenEvent<'_>) -> Option<ProblemKey>) {
        let Some(first) = self.rows.get(index).map(|row| row.start as usize) else { return };
        let (mut cells, mut rows) = std::mem::take(&mut self.reopened);
        cells.extend(self.cells.drain(first.min(self.cells.len())..));
        rows.extend(self.rows.drain(index..));
        for row in &rows {
            let (start, end) = (row.start as usize - first, row.end as usize - first);
            let mut event = self.open();
            event.batch.cells.extend_from_slice(cells.get(start..end).unwrap_or_default());
            (event.present, event.lent, event.constants) = (row.present, row.lent, row.constants);
            if let Some(key) = finish(&mut event) {
                event.keep(row.id, key, row.position);
            }
        }
        cells.clear();
        rows.clear();
        self.reopened = (cells, rows);
    }

    /// The event at an index.
    pub fn get(&self, index: usize) -> Option<Event<'_>> {
        let row = self.rows.get(index)?;
        Some(Event { batch: self, cells: self.cells.get(row.start as usize..row.end as usize)?, row: *row })
    }

    /// All events in order.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// What is known of each event besides its fields.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Keeps only the events for which the answer is true. Cells stay in memory until [`Batch::clear`].
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut index = 0;
        self.rows.retain(|_| {
            index += 1;
            keep(index - 1)
        });
    }

    /// Sets a field of an event that is no longer the newest, by writing its cells anew at the end.
    /// Used for the few answers that come late (reverse DNS), never on the hot path.
    pub fn amend(&mut self, index: usize, field: Field, value: &Value<'_>) {
        let Some(mut row) = self.rows.get(index).copied() else { return };
        let Some(cell) = self.cell(field, value) else { return };
        let Ok(start) = u32::try_from(self.cells.len()) else { return };
        for at in row.start as usize..row.end as usize {
            if let Some(old) = self.cells.get(at).copied().filter(|old| old.field != field) {
                self.cells.push(old);
            }
        }
        self.cells.push(cell);
        row.present |= bit(field);
        row.lent &= !bit(field);
        (row.start, row.end) = (start, u32::try_from(self.cells.len()).unwrap_or(start));
        if let Some(slot) = self.rows.get_mut(index) {
            *slot = row;
        }
    }

    fn cell(&mut self, field: Field, value: &Value<'_>) -> Option<Cell> {
        let mut push_text = |tag, text: &str| {
            let word = self.text.len() as u64;
            self.text.push_str(text);
            Some(Cell { field, tag, length: u32::try_from(text.len()).ok()?, word })
        };
        let mut push_octets = |tag, octets: &[u8; 16], length| {
            let word = self.octets.len() as u64;
            self.octets.extend_from_slice(octets);
            Some(Cell { field, tag, length, word })
        };
        let word = |tag, word| Some(Cell { field, tag, length: 0, word });
        match value {
            Value::Text(text) => push_text(Tag::Text, text),
            Value::Json(text) => push_text(Tag::Json, text),
            Value::Int(number) => word(Tag::Int, number.cast_unsigned()),
            Value::Float(number) => word(Tag::Float, number.to_bits()),
            Value::Bool(truth) => word(Tag::Bool, u64::from(*truth)),
            Value::Time(time) => word(Tag::Time, time.0.cast_unsigned()),
            Value::Ip(IpAddr::V4(address)) => word(Tag::Ip4, u64::from(address.to_bits())),
            Value::Ip(IpAddr::V6(address)) => push_octets(Tag::Ip6, &address.octets(), 0),
            Value::Net(net) => {
                let octets = match net.first() {
                    IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                    IpAddr::V6(address) => address.octets(),
                };
                // The length says family and prefix: 0-32 for IPv4, 256 more for IPv6.
                push_octets(Tag::Net, &octets, u32::from(net.prefix()) + if net.first().is_ipv6() { 256 } else { 0 })
            }
        }
    }

    fn value(&self, cell: &Cell) -> Value<'_> {
        self.raw(cell).into()
    }

    // Inlined, because a value that is handed over in memory is waited for.
    #[inline]
    fn raw(&self, cell: &Cell) -> Raw<'_> {
        let start = usize::try_from(cell.word).unwrap_or(usize::MAX);
        let text = || self.text.get(start..start.saturating_add(cell.length as usize)).unwrap_or_default();
        let octets = || {
            let octets = self.octets.get(start..start.saturating_add(16)).unwrap_or_default();
            <[u8; 16]>::try_from(octets).unwrap_or_default()
        };
        match cell.tag {
            Tag::Text => Raw::Text(text()),
            Tag::Json => Raw::Json(text()),
            Tag::Int => Raw::Int(cell.word.cast_signed()),
            Tag::Float => Raw::Float(f64::from_bits(cell.word)),
            Tag::Bool => Raw::Bool(cell.word != 0),
            Tag::Time => Raw::Time(Time(cell.word.cast_signed())),
            Tag::Ip4 => Raw::Ip(IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(cell.word).unwrap_or(0)))),
            Tag::Ip6 => Raw::Ip(IpAddr::V6(Ipv6Addr::from(octets()))),
            Tag::Net => {
                let address = Ipv6Addr::from(octets());
                let prefix = u8::try_from(cell.length & 0xff).unwrap_or(0);
                let first = match address.to_ipv4_mapped() {
                    Some(mapped) if cell.length < 256 => IpAddr::V4(mapped),
                    _ => IpAddr::V6(address),
                };
                Net::new(first, prefix).map_or(Raw::Bool(false), Raw::Net)
            }
        }
    }
}

/// The newest event of a batch, while it is being filled.
pub struct OpenEvent<'a> {
    batch: &'a mut Batch,
    text: usize,
    octets: usize,
    start: usize,
    /// One bit a field of the table, so that "is it set" costs nothing.
    present: u128,
    /// Those of them whose value is a constant.
    lent: u128,
    constants: u32,
    kept: bool,
}

/// The bit of a field of the table; nothing for `extra.*`.
fn bit(field: Field) -> u128 {
    1u128.checked_shl(u32::from(field.0)).unwrap_or(0)
}

impl OpenEvent<'_> {
    /// The batch it belongs to, for names of `extra.*` fields.
    pub fn batch(&self) -> &Batch {
        self.batch
    }

    /// The number of an `extra.*` name, given without the prefix.
    pub fn extra(&mut self, name: &str) -> Option<Field> {
        self.batch.extra(name)
    }

    /// The number of a field by its full name.
    pub fn field(&mut self, name: &str) -> Option<Field> {
        self.batch.field(name)
    }

    /// Sets a field, replacing the value it had.
    pub fn set(&mut self, field: Field, value: &Value<'_>) {
        if !self.has(field) {
            return self.add(field, value);
        }
        let Some(cell) = self.batch.cell(field, value) else { return };
        if self.lent & bit(field) != 0 {
            self.lent &= !bit(field);
            return self.batch.cells.push(cell);
        }
        let start = self.start;
        let old = self.batch.cells.get_mut(start..).unwrap_or_default().iter_mut().find(|c| c.field == field);
        match old {
            Some(slot) => *slot = cell,
            None => self.batch.cells.push(cell),
        }
        self.present |= bit(field);
    }

    /// Adds a field that the caller knows to be unset. Cheaper than [`OpenEvent::set`].
    pub fn add(&mut self, field: Field, value: &Value<'_>) {
        if let Some(cell) = self.batch.cell(field, value) {
            self.batch.cells.push(cell);
            self.present |= bit(field);
        }
    }

    /// Adds a text to a field that the caller knows to be unset, and tells where it stands.
    pub fn add_text(&mut self, field: Field, text: &str) -> Option<Kept> {
        let cell = self.batch.cell(field, &Value::text(text))?;
        self.batch.cells.push(cell);
        self.present |= bit(field);
        Some(Kept { cell, age: self.batch.age })
    }

    /// Adds what was kept to the same field, if it is still there and is this text. The caller knows
    /// the field to be unset.
    pub fn add_kept(&mut self, kept: &Kept, text: &str) -> bool {
        let start = usize::try_from(kept.cell.word).unwrap_or(usize::MAX);
        let same = kept.age == self.batch.age
            && kept.cell.length as usize == text.len()
            && self.batch.text.as_bytes().get(start..start.saturating_add(text.len())) == Some(text.as_bytes());
        if same {
            self.batch.cells.push(kept.cell);
            self.present |= bit(kept.cell.field);
        }
        same
    }

    /// Gives the constants of the batch to this event, where it has no value of its own.
    pub fn fill(&mut self) {
        for index in self.constants as usize..self.batch.constants.len() {
            let Some(cell) = self.batch.constants.get(index).copied() else { return };
            match bit(cell.field) {
                // What has no bit cannot be lent.
                0 if !self.has(cell.field) => self.batch.cells.push(cell),
                bit if self.present & bit == 0 => {
                    self.present |= bit;
                    self.lent |= bit;
                }
                _ => {}
            }
        }
    }

    /// Reads text as this field's kind and sets it. The error is the reason.
    pub fn read(&mut self, field: Field, text: &str, zone: Option<&TimeZone>) -> Result<(), &'static str> {
        let value = Value::read(field.kind(), text, zone)?;
        self.set(field, &value);
        Ok(())
    }

    /// Removes a field.
    pub fn unset(&mut self, field: Field) {
        if self.lent & bit(field) != 0 {
            self.lent &= !bit(field);
            self.present &= !bit(field);
            return;
        }
        let start = self.start.min(self.batch.cells.len());
        let kept: Vec<Cell> = self.batch.cells.drain(start..).filter(|cell| cell.field != field).collect();
        self.batch.cells.extend(kept);
        self.present &= !bit(field);
    }

    /// The value of a field.
    pub fn get(&self, field: Field) -> Option<Value<'_>> {
        self.raw(field).map(Value::from)
    }

    /// The value of a field as it stands in the batch, for hot paths.
    #[inline]
    pub fn raw(&self, field: Field) -> Option<Raw<'_>> {
        if !self.has(field) {
            return None;
        }
        if self.lent & bit(field) != 0 {
            return self.batch.lent(self.constants, field).map(|cell| self.batch.raw(cell));
        }
        let cells = self.batch.cells.get(self.start..).unwrap_or_default();
        cells.iter().rev().find(|cell| cell.field == field).map(|cell| self.batch.raw(cell))
    }

    /// Whether a field is set.
    pub fn has(&self, field: Field) -> bool {
        match bit(field) {
            0 => self.batch.cells.get(self.start..).unwrap_or_default().iter().any(|cell| cell.field == field),
            bit => self.present & bit != 0,
        }
    }

    /// The event as it is so far.
    pub fn view(&self) -> Event<'_> {
        let cells = self.batch.cells.get(self.start..).unwrap_or_default();
        let (present, lent, constants) = (self.present, self.lent, self.constants);
        Event { batch: self.batch, cells, row: Row { present, lent, constants, ..Row::default() } }
    }

    /// Finishes the event.
    pub fn keep(mut self, id: EventId, key: ProblemKey, position: u64) {
        let (Ok(start), Ok(end)) = (u32::try_from(self.start), u32::try_from(self.batch.cells.len())) else {
            return;
        };
        let (present, lent, constants) = (self.present, self.lent, self.constants);
        self.batch.rows.push(Row { id, key, position, start, end, present, lent, constants });
        self.kept = true;
    }
}

impl Drop for OpenEvent<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.batch.age += 1;
            self.batch.text.truncate(self.text);
            self.batch.octets.truncate(self.octets);
            self.batch.cells.truncate(self.start);
        }
    }
}

/// One event of a batch.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    batch: &'a Batch,
    cells: &'a [Cell],
    row: Row,
}

impl<'a> Event<'a> {
    /// Identity, problem and position.
    pub fn row(&self) -> Row {
        self.row
    }

    /// The value of a field.
    pub fn get(&self, field: Field) -> Option<Value<'a>> {
        self.cell(field).map(|cell| self.batch.value(cell))
    }

    /// The value of a field as it stands in the batch, for hot paths.
    #[inline]
    pub fn raw(&self, field: Field) -> Option<Raw<'a>> {
        self.cell(field).map(|cell| self.batch.raw(cell))
    }

    /// The text of a text field.
    pub fn text(&self, field: Field) -> Option<Cow<'a, str>> {
        match self.get(field)? {
            Value::Text(text) | Value::Json(text) => Some(text),
            _ => None,
        }
    }

    /// The moment of a time field, for hot paths.
    pub fn time(&self, field: Field) -> Option<Time> {
        let cell = self.cell(field)?;
        matches!(cell.tag, Tag::Time).then(|| Time(cell.word.cast_signed()))
    }

    /// The number of a whole-number field, for hot paths.
    pub fn int(&self, field: Field) -> Option<i64> {
        let cell = self.cell(field)?;
        matches!(cell.tag, Tag::Int).then(|| cell.word.cast_signed())
    }

    /// The fields of the table that are set, one bit each by their number.
    pub fn present(&self) -> u128 {
        self.row.present
    }

    fn cell(&self, field: Field) -> Option<&'a Cell> {
        // Most questions about an event are about fields it does not have.
        let bit = bit(field);
        if bit != 0 && self.row.present & bit == 0 {
            return None;
        }
        if self.row.lent & bit != 0 {
            return self.batch.lent(self.row.constants, field);
        }
        self.cells.iter().rev().find(|cell| cell.field == field)
    }

    /// The event as if these fields of the table were not set, for [`Event::get`] and [`Event::fields`].
    #[must_use]
    pub fn without(mut self, fields: &[Field]) -> Self {
        let hidden = fields.iter().fold(0, |bits, field| bits | bit(*field));
        self.row.present &= !hidden;
        self.row.lent &= !hidden;
        self
    }

    /// Every field that is set: first its own values in the order they were set, then constants.
    pub fn fields(&self) -> impl Iterator<Item = (Field, Value<'a>)> + use<'a> {
        let (batch, present) = (self.batch, self.row.present);
        let is_shown = move |cell: &&Cell| bit(cell.field) == 0 || present & bit(cell.field) != 0;
        self.cells.iter().filter(is_shown).chain(self.lent_cells()).map(move |cell| (cell.field, batch.value(cell)))
    }

    fn lent_cells(&self) -> impl Iterator<Item = &'a Cell> + use<'a> {
        let constants = self.batch.constants.get(self.row.constants as usize..).unwrap_or_default();
        let mut left = self.row.lent;
        constants.iter().filter(move |cell| {
            let bit = bit(cell.field);
            let is_lent = left & bit != 0;
            left &= !bit;
            is_lent
        })
    }

    /// Gives every value of its own, as it stands in the batch, for hot paths.
    #[inline]
    pub fn each_own(&self, mut take: impl FnMut(Field, Raw<'a>)) {
        for cell in self.cells {
            take(cell.field, self.batch.raw(cell));
        }
    }

    /// Gives every constant that holds for it, as it stands in the batch.
    pub fn each_lent(&self, mut take: impl FnMut(Field, Raw<'a>)) {
        for cell in self.lent_cells() {
            take(cell.field, self.batch.raw(cell));
        }
    }

    /// Whether the same constants hold for another event of the same batch.
    #[inline]
    pub fn lends_like(&self, other: &Event<'_>) -> bool {
        (self.row.lent, self.row.constants) == (other.row.lent, other.row.constants)
    }

    /// Whether any `extra.*` field is set.
    pub fn has_extra(&self) -> bool {
        self.cells.len() > (self.row.present & !self.row.lent).count_ones() as usize
    }

    /// The full name of a field.
    pub fn name(&self, field: Field) -> Cow<'static, str> {
        self.batch.name(field)
    }

    /// The name of an `extra.*` field without the prefix.
    pub fn extra_name(&self, field: Field) -> &'a str {
        self.batch.extra_name(field)
    }

    /// The number of an `extra.*` name if the batch has it.
    pub fn find_extra(&self, name: &str) -> Option<Field> {
        self.batch.find_extra(name)
    }
}

#[cfg(test)]
mod tests;
