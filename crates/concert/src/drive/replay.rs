//! A report that was processed before, through today's parser, rules and lookups.
//!
//! Events that are stored get their new version where they are and are not told again. Positions that
//! were rejected and now give events become new events, told like any other. What a rule had dropped
//! and no longer drops is stored but told to nobody.

use std::collections::HashSet;
use std::sync::mpsc;

use concert_model::batch::Row;
use concert_model::{Batch, EventId, Problem};
use concert_store::records::{Counts, ReportRow};
use concert_store::{Known, Settled, Writer};
use tokio::runtime::Handle;

use super::process::{Parsed, Source, Work, parse};
use super::tell::Teller;
use crate::settings::Feed;
use crate::wire::{self, Site};

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events with a new version.
    pub replaced: u64,
    /// Events that are new.
    pub events: u64,
    /// Rejects that are left.
    pub rejects: u64,
    /// Notices made at once.
    pub notices: u64,
}

/// Events looked at together: each time, every file that holds one of them may be written anew.
const BATCH_EVENTS: usize = 32_768;

/// Replays a report on the calling thread, which must not be one of the runtime's own. A kill in the
/// middle leaves each event in its old or its new version; the next replay does the rest.
pub(super) fn replay(
    site: &Site,
    writer: &mut Writer,
    teller: &mut Teller,
    feed: &Feed,
    report: &ReportRow,
    source: &mut dyn Source,
) -> Result<Replayed, Problem> {
    let handle = Handle::current();
    let (id, receipt) = (report.report.id, &report.report.receipt);
    let known = handle.block_on(site.store.known_of(id, receipt.received))?;
    let rejected = handle.block_on(site.store.records.rejects_of(id))?;
    let rejected = Rejected {
        events: rejected.iter().filter_map(|reject| reject.event).collect(),
        lines: rejected.iter().filter(|reject| reject.event.is_none()).map(|reject| reject.line).collect(),
    };
    let mut done = Replayed::default();
    if !known.events.is_empty() {
        each_batch(site, feed, report, source, &mut |mut batch| {
            done.replaced += handle.block_on(writer.replace(&mut batch, &known))?;
            Ok(batch)
        })?;
    }
    let chosen = Chosen { known: &known, rejected: &rejected, has_dropped: report.counts.dropped > 0 };
    let mut writing = writer.begin(id, receipt, feed.dedup.window());
    let parsed = each_batch(site, feed, report, source, &mut |batch| {
        for (is_quiet, rows) in [(false, chosen.told(&batch)), (true, chosen.quiet(&batch))] {
            if !rows.is_empty() {
                writing.quiet(is_quiet);
                handle.block_on(writing.add(copy(&batch, &rows), &mut teller.watch(site)))?;
            }
        }
        Ok(batch)
    });
    let result = parsed.and_then(|parsed| {
        let settling = handle.block_on(writing.close(&mut teller.watch(site)))?;
        let telling = handle.block_on(teller.finish_report(site, settling.last_batch(), wire::now()))?;
        let reason = parsed.refusal();
        let Parsed { counts, rejects } = parsed;
        let counts =
            Counts { rows: counts.rows, rejects: counts.rejects, dropped: counts.dropped, ..Counts::default() };
        let before = report.counts;
        let settled = Settled { counts, before, rejects, reason, telling, report: None };
        handle.block_on(settling.settle(settled))
    });
    if result.is_err() {
        teller.forget_report();
    }
    let counts = result?;
    handle.block_on(teller.end_report(site));
    done.events = counts.events - report.counts.events;
    done.rejects = counts.rejects;
    done.notices = counts.notices - report.counts.notices;
    Ok(done)
}

/// Parses the report and hands over its events in batches; stops at the first problem.
fn each_batch(
    site: &Site,
    feed: &Feed,
    report: &ReportRow,
    source: &mut dyn Source,
    take: &mut dyn FnMut(Batch) -> Result<Batch, Problem>,
) -> Result<Parsed, Problem> {
    source.rewind().map_err(|error| Problem::new(format!("the report cannot be read again: {error}")))?;
    let work = Work { id: report.report.id, receipt: &report.report.receipt, new: None };
    let (full, batches) = mpsc::sync_channel::<Batch>(0);
    let (give_back, empty) = mpsc::channel::<Batch>();
    std::thread::scope(|scope| {
        let parsing = scope.spawn(|| parse(site, feed, &work, source, BATCH_EVENTS, full, empty));
        let mut failed = Ok(());
        for batch in &batches {
            match take(batch) {
                Ok(batch) => drop(give_back.send(batch)),
                Err(problem) => {
                    failed = Err(problem);
                    break;
                }
            }
        }
        // A parser that still has batches finds nobody to take them and ends soon.
        drop(batches);
        let parsed = parsing.join().map_err(|_| Problem::new("the parser stopped in the middle of the report"))?;
        failed.map(|()| parsed)
    })
}

/// What was rejected.
struct Rejected {
    events: HashSet<EventId>,
    /// Lines, where nothing better was kept.
    lines: HashSet<u64>,
}

impl Rejected {
    fn holds(&self, row: &Row) -> bool {
        self.events.contains(&row.id) || self.lines.contains(&row.position)
    }
}

/// Which events of a batch are new, and of these, which are told.
struct Chosen<'a> {
    known: &'a Known,
    rejected: &'a Rejected,
    /// Whether a rule dropped events before; else whatever is not stored had been rejected or unread.
    has_dropped: bool,
}

impl Chosen<'_> {
    fn rows(&self, batch: &Batch, is_wanted: impl Fn(bool) -> bool) -> Vec<usize> {
        let rows = batch.rows().iter().enumerate();
        let new = rows.filter(|(_, row)| {
            let was_rejected = self.rejected.holds(row);
            let is_new = !self.known.events.contains_key(&row.id);
            let was_repeat = self.known.is_repeat(row) && !was_rejected;
            is_new && !was_repeat && is_wanted(was_rejected || !self.has_dropped)
        });
        new.map(|(at, _)| at).collect()
    }

    fn told(&self, batch: &Batch) -> Vec<usize> {
        self.rows(batch, |is_told| is_told)
    }

    fn quiet(&self, batch: &Batch) -> Vec<usize> {
        self.rows(batch, |is_told| !is_told)
    }
}

/// Some events of a batch as a batch of their own.
fn copy(batch: &Batch, rows: &[usize]) -> Batch {
    let mut out = Batch::new();
    for event in rows.iter().filter_map(|at| batch.get(*at)) {
        let mut open = out.open();
        for (field, value) in event.fields() {
            let field = if field.is_extra() { open.extra(event.extra_name(field)) } else { Some(field) };
            if let Some(field) = field {
                open.set(field, &value);
            }
        }
        let row = event.row();
        open.keep(row.id, row.key, row.position);
    }
    out
}
