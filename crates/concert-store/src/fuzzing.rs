//! A door for the fuzzer: how one event is written into the journal and read from it.
//!
//! Compiled with the feature `fuzzing` alone, which only `fuzz/` asks for.

use std::io;
use std::path::Path;

use concert_model::Batch;

use crate::events::{Page, Stored};

/// The bytes of an event in the journal.
pub fn journal_row(stored: &Stored<'_>) -> Vec<u8> {
    crate::store::journal_row(stored)
}

/// Adds the event that these bytes are to a batch, if they are one.
pub fn read_journal_row(bytes: &[u8], events: &mut Batch) -> Option<()> {
    crate::store::read_journal_row(bytes, events)
}

/// Writes events into a file of their own.
pub fn write_page(part: &Path, path: &Path, page: &Page) -> io::Result<()> {
    crate::store::write_page(part, path, page).map(drop)
}
