//! Events at rest: column files, the journal of the newest, and what is needed to know a repeat.

mod columns;
mod numbered;
pub mod read;
pub mod seen;
mod texts;
pub mod write;

pub(crate) use columns::Columns;

use std::collections::HashMap;

use concert_model::{Batch, Event, Field, ProblemKey, ReportId, Time, Value};

/// Names of the columns that say what an event is, besides its fields.
pub(crate) mod column {
    pub(crate) const EVENT: &str = "event.id";
    pub(crate) const REPORT: &str = "report.id";
    pub(crate) const PROBLEM: &str = "problem";
    pub(crate) const LINE: &str = "line";
    pub(crate) const BATCH: &str = "batch";
    pub(crate) const ROW: &str = "row";
    pub(crate) const EXTRA: &str = "extra";
    pub(crate) const FIRST: &str = "first";
    pub(crate) const TIME: &str = "time.source";
}

/// An event as it is stored: with its report and its place in the order of all events.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// The event.
    pub event: Event<'a>,
    /// The report it was read from.
    pub report: ReportId,
    /// Number of the batch it was written in.
    pub batch: u64,
    /// Row in that batch.
    pub row: u32,
}

/// Events read from the store, in few allocations.
#[derive(Default)]
pub struct Page {
    /// The events.
    pub events: Batch,
    /// For each event: its report, batch and row.
    pub places: Vec<(ReportId, u64, u32)>,
    /// Number of the newest batch that pages after this one can hold, where they are read one after
    /// another.
    pub next_batch_max: u64,
}

impl Page {
    /// The events with their places.
    pub fn iter(&self) -> impl Iterator<Item = Stored<'_>> {
        self.events.iter().zip(&self.places).map(|(event, (report, batch, row))| Stored {
            event,
            report: *report,
            batch: *batch,
            row: *row,
        })
    }

    /// Sets of each event how often it came again, and when last.
    pub fn join(&mut self, repeats: &Repeats) {
        for index in 0..self.events.len() {
            let Some(event) = self.events.get(index) else { return };
            let key = (event.row().key, time_of(&event).seconds());
            if let Some((again, last)) = repeats.get(&key) {
                let count = i64::try_from(*again).unwrap_or(i64::MAX).saturating_add(1);
                self.events.amend(index, Field::DUPLICATE_COUNT, &Value::Int(count));
                self.events.amend(index, Field::TIME_LAST_SEEN, &Value::Time(*last));
            }
        }
    }
}

/// A later repeat of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The problem that was seen again.
    pub problem: ProblemKey,
    /// `time.source` of the event it repeats, in whole seconds.
    pub first: Time,
    /// `time.source` of this sighting.
    pub time: Time,
    /// The report it came in.
    pub report: ReportId,
    /// Which event it is there, [`concert_model::EventId::mark`]. In older files, and so in the name of
    /// the column, it is the line.
    pub mark: u64,
}

/// How often an event was seen again, and when last.
pub type Repeats = HashMap<(ProblemKey, i64), (u64, Time)>;

/// The moment that counts for an event: when it happened, else when it was observed.
pub fn time_of(event: &Event<'_>) -> Time {
    event.time(Field::TIME_SOURCE).or_else(|| event.time(Field::TIME_OBSERVATION)).unwrap_or_default()
}
