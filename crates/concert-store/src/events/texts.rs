//! A column of texts in memory: each text once, and the number of each event's text.
//!
//! Putting events in order moves numbers and no text. A column that hardly repeats is not searched for
//! what it holds already; it may then hold a text several times.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, StringArray, UInt32Array, types::UInt32Type};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::numbered::ABSENT;

/// Texts behind each other in the order they came, each of them once, and which each event has.
/// Putting events in order moves these numbers and no text.
pub(crate) struct Texts {
    pub(super) texts: TextList,
    pub(super) numbers: Vec<u32>,
    /// Numbers by text.
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Texts that were known less texts that were not.
    found: i32,
    /// Where texts of the batch at hand stand in memory, how long they are, and their numbers.
    pub(super) lately: [(usize, usize, u32); LATELY],
    /// The texts as an array, once all are there.
    pub(super) array: Option<Arc<StringArray>>,
}

/// Texts of a batch remembered by their place: a batch holds what repeats once.
const LATELY: usize = 32;
/// A column that repeats so few is not searched any more, and then may hold a text several times.
const FOUND_MIN: i32 = -4_096;
/// Most bytes of texts that every page of a file refers to.
const FEW_BYTES_MAX: usize = 1 << 20;

/// Texts behind each other.
pub(crate) struct TextList {
    pub(super) bytes: Vec<u8>,
    /// Where each text begins, and where the last ends.
    starts: Vec<i32>,
}

impl TextList {
    pub(crate) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&[u8]> {
        let at = usize::try_from(number).ok()?;
        let (start, end) = (*self.starts.get(at)?, *self.starts.get(at + 1)?);
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        // Whoever adds events stops at half of what this number holds.
        self.starts.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }
}

impl Default for Texts {
    fn default() -> Self {
        let texts = TextList { bytes: Vec::new(), starts: vec![0] };
        let (numbers, known, hasher, lately) = Default::default();
        Self { texts, numbers, known, hasher, found: 0, lately, array: None }
    }
}

impl Texts {
    pub(super) fn clear(&mut self) {
        // The memory of the array is taken back for the texts that come next.
        if let Some(array) = self.array.take().and_then(Arc::into_inner) {
            let (starts, bytes, _) = array.into_parts();
            self.texts.bytes = bytes.into_vec().unwrap_or_default();
            self.texts.starts = starts.into_inner().into_inner().into_vec().unwrap_or_default();
        }
        self.texts.bytes.clear();
        self.texts.starts.clear();
        self.texts.starts.push(0);
        self.numbers.clear();
        self.known.clear();
        self.found = 0;
    }

    /// Whether each text is there once, and all together are little.
    pub(super) fn are_few(&self) -> bool {
        self.found > FOUND_MIN && self.texts.bytes.len() <= FEW_BYTES_MAX
    }

    /// Whether most of them were known when they came.
    pub(super) fn repeat(&self) -> bool {
        self.found > 0
    }

    /// Adds a text of a batch, which does not change until all its events are added: the same place is
    /// the same text.
    #[inline]
    pub(super) fn push_of_batch(&mut self, at: usize, text: &str) {
        if self.found <= FOUND_MIN {
            return self.push(at, text.as_bytes());
        }
        let (place, length) = (text.as_ptr().addr(), text.len());
        let slot = (place ^ place >> 3 ^ place >> 6) % LATELY;
        match self.lately.get(slot) {
            Some((same, long, number)) if (*same, *long) == (place, length) => {
                let number = *number;
                self.found = self.found.saturating_add(1);
                self.numbers.resize(at, ABSENT);
                self.numbers.push(number);
            }
            _ => {
                self.push(at, text.as_bytes());
                if let (Some(slot), Some(number)) = (self.lately.get_mut(slot), self.numbers.last()) {
                    *slot = (place, length, *number);
                }
            }
        }
    }

    pub(super) fn push(&mut self, at: usize, text: &[u8]) {
        self.numbers.resize(at, ABSENT);
        let next = u32::try_from(self.texts.len()).unwrap_or(ABSENT);
        if self.found > FOUND_MIN {
            let hash = self.hasher.hash_one(text);
            let texts = &self.texts;
            if let Some(known) = self.known.find(hash, |known| texts.get(*known) == Some(text)) {
                self.found = self.found.saturating_add(1);
                return self.numbers.push(*known);
            }
            self.found -= 1;
            let hasher = &self.hasher;
            self.known.insert_unique(hash, next, |known| hasher.hash_one(texts.get(*known).unwrap_or_default()));
        }
        self.texts.push(text);
        self.numbers.push(next);
    }

    /// Says that no more texts come.
    pub(super) fn freeze(&mut self) -> Result<(), ArrowError> {
        let starts = OffsetBuffer::new(ScalarBuffer::from(std::mem::take(&mut self.texts.starts)));
        let bytes = Buffer::from_vec(std::mem::take(&mut self.texts.bytes));
        self.array = Some(Arc::new(StringArray::try_new(starts, bytes, None)?));
        Ok(())
    }

    pub(super) fn take(&self, order: &[u32]) -> Result<ArrayRef, ArrowError> {
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
pub(super) fn texts_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}
