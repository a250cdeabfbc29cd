//! Where a parser puts what it finds: events into batches, bad pieces into rejects.
//!
//! The sink finishes each event: constants of the feed, taxonomy, then the stages that follow
//! (enrich, judge), then its identity. So an event is complete before the next one begins.

use std::collections::HashMap;

use concert_model::batch::Raw;
use concert_model::{
    Batch, EventId, Field, OpenEvent, Part, ProblemKey, Receipt, Reject, ReportId, Time, Value, taxonomy,
};
use encoding_rs::Encoding;
use jiff::tz::TimeZone;

use super::foreign::Foreign;
use super::input::{beginning, guess};

/// Why a piece could not become an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Column or field; empty for the whole piece.
    pub field: String,
    /// The reason, without a full stop.
    pub reason: String,
    /// Whether the piece is not of the form that the parser reads. Nothing else in a report makes it one of
    /// another kind.
    pub is_foreign: bool,
}

impl Fault {
    /// A fault of one field or column.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into(), is_foreign: false }
    }

    /// The fault of a piece that is not of the form that the parser reads.
    pub fn foreign(reason: impl Into<String>) -> Self {
        Self { is_foreign: true, ..Self::new("", reason) }
    }
}

/// The event being filled by a parser.
pub struct Draft<'a> {
    event: OpenEvent<'a>,
    zone: Option<&'a TimeZone>,
    received: Time,
}

impl<'a> std::ops::Deref for Draft<'a> {
    type Target = OpenEvent<'a>;
    fn deref(&self) -> &Self::Target {
        &self.event
    }
}

impl std::ops::DerefMut for Draft<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.event
    }
}

impl Draft<'_> {
    /// Reads a text into a field. Empty text sets nothing; a bad one is a fault named by the field.
    pub fn put(&mut self, field: Field, text: &str) -> Result<(), Fault> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let zone = self.zone;
        self.event.read(field, text, zone).map_err(|reason| Fault::new(field.name(), reason))
    }

    /// Like [`Draft::put`], but empty text is a fault too.
    pub fn need(&mut self, field: Field, text: &str) -> Result<(), Fault> {
        let zone = self.zone;
        self.event.read(field, text, zone).map_err(|reason| Fault::new(field.name(), reason))
    }

    /// Keeps a text under `extra.NAME`. Empty text sets nothing.
    pub fn put_extra(&mut self, name: &str, text: &str) -> Result<(), Fault> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let field = self.event.extra(name).ok_or_else(|| {
            Fault::new("extra", "too many extra names, or one that is too long or has a comma or control characters")
        })?;
        self.put(field, text)
    }

    /// Keeps a whole number under `extra.NAME`. Empty text sets nothing; other text is kept as text.
    pub fn put_count(&mut self, name: &str, text: &str) -> Result<(), Fault> {
        let Ok(number) = text.trim().parse() else { return self.put_extra(name, text) };
        let field = self.event.extra(name).ok_or_else(|| {
            Fault::new("extra", "too many extra names, or one that is too long or has a comma or control characters")
        })?;
        self.event.set(field, &Value::Int(number));
        Ok(())
    }

    /// Puts an address, domain name or URL of either side into the field it fits: `source` or
    /// `destination` `.ip`, `.network`, `.fqdn`, `.url`.
    pub fn put_indicator(&mut self, text: &str) -> Result<(), Fault> {
        let text = text.trim();
        let field = if text.contains("://") {
            Field::SOURCE_URL
        } else if concert_model::value::ip(text).is_ok() {
            Field::SOURCE_IP
        } else if text.contains('/') {
            Field::SOURCE_NETWORK
        } else {
            Field::SOURCE_FQDN
        };
        self.need(field, text)
    }

    /// The zone for times that name none.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone
    }

    /// When the report came, for times that name no year.
    pub fn received(&self) -> Time {
        self.received
    }
}

/// What follows parsing for each event. Answers whether the event is kept.
pub type Stage<'a> = dyn FnMut(&mut OpenEvent<'_>) -> bool + 'a;
/// Computes what makes an event the same problem as another.
pub type KeyOf<'a> = dyn Fn(&OpenEvent<'_>) -> ProblemKey + 'a;
/// Looks at the events of a batch from an index on before any of them goes through the stage.
pub type LookAhead<'a> = dyn FnMut(&Batch, usize) + 'a;
/// Takes a full batch and gives an empty one back.
pub type Flush<'a> = dyn FnMut(Batch) -> Batch + 'a;

/// Counts of one report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Input records looked at.
    pub rows: u64,
    /// Events that came out.
    pub events: u64,
    /// Pieces that became no event.
    pub rejects: u64,
    /// Events dropped by a rule.
    pub dropped: u64,
}

/// Where a parser puts what it finds.
pub struct Sink<'a> {
    batch: Batch,
    report: ReportId,
    constants: Vec<(Field, Value<'static>)>,
    part_constants: Vec<(Field, Value<'static>)>,
    extra_names: Vec<Box<str>>,
    /// Constants below `extra.`, whose numbers are those of the batch.
    extras: Vec<(String, Value<'static>)>,
    /// The taxonomy of the constant type is a constant too.
    constant_taxonomy: bool,
    zone: Option<TimeZone>,
    received: Time,
    stage: &'a mut Stage<'a>,
    key_of: &'a KeyOf<'a>,
    flush: &'a mut Flush<'a>,
    reject: &'a mut dyn FnMut(Reject),
    part: (Part, String),
    /// What bytes of this part that are not UTF-8 are, as declared or as guessed from the first of them.
    encoding: Option<&'static Encoding>,
    /// How many parts of each name there were.
    parts: HashMap<String, u32>,
    last: (u64, u32),
    foreign: Foreign,
    batch_events: usize,
    look_ahead: Option<&'a mut LookAhead<'a>>,
    /// Events of the batch that are through the stage.
    finished: usize,
    counts: Counts,
}

/// Events handed over together unless told otherwise.
const BATCH_EVENTS: usize = 4_096;
/// Events that go through the stage one after another once all of them are parsed: enough to fetch what
/// they need at once, few enough to be still at hand.
const STAGE_EVENTS: usize = 64;
/// A batch whose events are large is full sooner.
const BATCH_BYTES_MAX: usize = 128 << 20;

impl<'a> Sink<'a> {
    /// A sink for one report. `constants` are given to events that have no value of their own.
    #[expect(clippy::too_many_arguments, reason = "each is one outlet, named at the only call")]
    pub fn new(
        report: ReportId,
        receipt: &Receipt,
        mut constants: Vec<(Field, Value<'static>)>,
        zone: Option<TimeZone>,
        stage: &'a mut Stage<'a>,
        key_of: &'a KeyOf<'a>,
        flush: &'a mut Flush<'a>,
        reject: &'a mut dyn FnMut(Reject),
    ) -> Self {
        constants.push((Field::TIME_OBSERVATION, Value::Time(receipt.received)));
        let mut sink = Self {
            batch: Batch::new(),
            report,
            constants,
            part_constants: Vec::new(),
            extra_names: Vec::new(),
            extras: Vec::new(),
            constant_taxonomy: false,
            zone,
            received: receipt.received,
            stage,
            key_of,
            flush,
            reject,
            part: (Part::WHOLE, String::new()),
            encoding: None,
            parts: HashMap::new(),
            last: (u64::MAX, 0),
            foreign: Foreign::default(),
            batch_events: BATCH_EVENTS,
            look_ahead: None,
            finished: 0,
            counts: Counts::default(),
        };
        sink.begin_batch();
        sink
    }

    /// Says how many events are handed over together.
    pub fn hand_over_at(&mut self, events: usize) {
        self.batch_events = events.max(1);
    }

    /// Gives these values below `extra.` to events that have none of their own.
    pub fn give_extras(&mut self, extras: Vec<(String, Value<'static>)>) {
        self.extras = extras;
        self.batch.forget_constants();
        self.write_constants();
    }

    /// Lets somebody look at events before they go through the stage.
    pub fn look_ahead(&mut self, look_ahead: &'a mut LookAhead<'a>) {
        self.look_ahead = Some(look_ahead);
    }

    /// Says that what follows comes from another member of the report (file in an archive, part of a
    /// mail). Positions begin again.
    pub fn begin_part(&mut self, name: &str) {
        self.end_part();
        let nth = self.parts.entry(name.to_owned()).or_default();
        self.part = (Part::new(name, *nth), name.to_owned());
        *nth += 1;
        self.last = (u64::MAX, 0);
        self.encoding = None;
        if !self.part_constants.is_empty() {
            self.give_constants(Vec::new());
        }
    }

    /// Says in which encoding this part is declared to be, for the text beside rejects.
    pub fn declare(&mut self, encoding: Option<&'static Encoding>) {
        self.encoding = encoding;
    }

    /// Gives every further event of this part these values where it has none of its own. They come
    /// before the constants of the feed, and are kept once a batch instead of once an event.
    pub fn give_constants(&mut self, constants: Vec<(Field, Value<'static>)>) {
        self.part_constants = constants;
        self.batch.forget_constants();
        self.write_constants();
    }

    /// The number of an `extra.*` name, given without the prefix. It holds for every event of this
    /// sink, so a parser asks once and not for each event. `None` as in [`Batch::extra`].
    pub fn extra(&mut self, name: &str) -> Option<Field> {
        self.batch.extra(name)
    }

    /// The zone for times that name none.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// Whether an event of this report came out of its parser so far.
    pub fn has_events(&self) -> bool {
        self.counts.events + self.counts.dropped > 0 || !self.batch.is_empty()
    }

    /// One event from the piece at this position (line or record, from 1). The piece counts as one
    /// input record the first time its position is named. `text` is kept beside the reason if the
    /// piece is bad.
    pub fn event(&mut self, position: u64, text: &[u8], fill: impl FnOnce(&mut Draft<'_>) -> Result<(), Fault>) {
        let ordinal = self.count(position);
        let refused = {
            let mut draft = Draft { event: self.batch.open(), zone: self.zone.as_ref(), received: self.received };
            match fill(&mut draft) {
                Err(fault) => Some(fault),
                Ok(()) => {
                    let mut event = draft.event;
                    let own = event.has(Field::CLASSIFICATION_TYPE) || event.has(Field::CLASSIFICATION_TAXONOMY);
                    event.fill();
                    if own || !self.constant_taxonomy {
                        set_taxonomy(&mut event);
                    }
                    event.keep(
                        EventId::new(self.report, self.part.0, position, ordinal),
                        ProblemKey::default(),
                        position,
                    );
                    None
                }
            }
        };
        if let Some(fault) = refused {
            return self.refuse(position, fault, text);
        }
        if !self.foreign.is_over() {
            self.foreign.give_up(&mut self.reject);
        }
        let is_full = self.batch.len() >= self.batch_events || self.batch.bytes() >= BATCH_BYTES_MAX;
        if is_full || self.batch.len() - self.finished >= STAGE_EVENTS {
            self.finish_events();
        }
        if is_full {
            self.hand_over();
        }
    }

    /// Takes the events parsed last through the stage.
    fn finish_events(&mut self) {
        if let Some(look_ahead) = &mut self.look_ahead {
            look_ahead(&self.batch, self.finished);
        }
        let (stage, key_of, counts) = (&mut self.stage, &self.key_of, &mut self.counts);
        self.batch.finish_from(self.finished, |event| {
            let is_kept = stage(event);
            let count = if is_kept { &mut counts.events } else { &mut counts.dropped };
            *count += 1;
            is_kept.then(|| key_of(event))
        });
        self.finished = self.batch.len();
    }

    /// A piece that is no event, with the reason.
    pub fn reject(&mut self, position: u64, fault: Fault, text: &[u8]) {
        self.count(position);
        self.refuse(position, fault, text);
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Hands over the last batch and ends.
    pub fn finish(mut self) -> Counts {
        self.end_part();
        self.finish_events();
        if !self.batch.is_empty() {
            self.hand_over();
        }
        self.counts
    }

    fn count(&mut self, position: u64) -> u32 {
        if self.last.0 == position {
            self.last.1 += 1;
        } else {
            self.last = (position, 0);
            self.counts.rows += 1;
        }
        self.last.1
    }

    fn refuse(&mut self, position: u64, fault: Fault, text: &[u8]) {
        self.counts.rejects += 1;
        let shown = beginning(text, || *self.encoding.get_or_insert_with(|| guess(text)));
        let mut reject = Reject::new(position, fault.field, fault.reason, shown.as_bytes());
        reject.part.clone_from(&self.part.1);
        reject.event = Some(EventId::new(self.report, self.part.0, position, self.last.1));
        self.foreign.take(reject, fault.is_foreign, &mut self.reject);
    }

    /// A part that holds nothing of the form that the parser reads counts as one piece, and is one reject.
    fn end_part(&mut self) {
        let (rejects, rows) = self.foreign.end(&mut self.reject);
        self.counts.rejects -= rejects;
        self.counts.rows -= rows;
        self.foreign = Foreign::default();
    }

    fn hand_over(&mut self) {
        let full = std::mem::take(&mut self.batch);
        self.extra_names = full.extra_names().to_vec();
        self.batch = (self.flush)(full);
        self.begin_batch();
    }

    fn begin_batch(&mut self) {
        self.batch.clear();
        self.finished = 0;
        self.batch.name_extras(&self.extra_names);
        self.write_constants();
    }

    fn write_constants(&mut self) {
        let mut constants = self.part_constants.iter().chain(&self.constants);
        let kind = constants.find(|(field, _)| *field == Field::CLASSIFICATION_TYPE);
        let taxonomy = kind.and_then(|(_, kind)| taxonomy::taxonomy_of(kind.as_text()?));
        self.constant_taxonomy = taxonomy.is_some();
        if let Some(taxonomy) = taxonomy {
            self.batch.constant(Field::CLASSIFICATION_TAXONOMY, &Value::text(taxonomy));
        }
        for (field, value) in self.part_constants.iter().chain(&self.constants) {
            self.batch.constant(*field, value);
        }
        for (name, value) in &self.extras {
            if let Some(field) = self.batch.extra(name) {
                self.batch.constant(field, value);
            }
        }
    }
}

fn set_taxonomy(event: &mut OpenEvent<'_>) {
    let Some(Raw::Text(kind)) = event.raw(Field::CLASSIFICATION_TYPE) else { return };
    if let Some(taxonomy) = taxonomy::taxonomy_of(kind) {
        event.set(Field::CLASSIFICATION_TAXONOMY, &Value::text(taxonomy));
    }
}
