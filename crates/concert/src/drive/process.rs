//! One report through the whole path: parse, enrich, judge, dedup, store, group, incidents.
//!
//! Parsing runs on a thread of its own and hands over full batches; this thread sorts and writes them
//! meanwhile. Everything becomes visible at the end, in one transaction.

use std::borrow::Cow;
use std::io::{Cursor, Read, Seek};
use std::net::IpAddr;
use std::sync::mpsc;

use concert_model::{Batch, Event, Field, Kind, OpenEvent, Origin, Problem, Receipt, Reject, ReportId, Value};
use concert_pipeline::enrich;
use concert_pipeline::enrich::constituents::{Constituents, covers};
use concert_pipeline::judge::Verdict;
use concert_pipeline::mail::mask::Mask;
use concert_pipeline::mail::writer;
use concert_pipeline::parse::carried::NAMELESS;
use concert_pipeline::parse::unpack;
use concert_pipeline::parse::{Fault, Sink, complaint, sink};
use concert_pipeline::render::withheld;
use concert_store::records::{Counts, hold_complaint};
use concert_store::{Settled, Writer};
use concert_transport::lookup::reverse::Reverse;
use tokio::runtime::Handle;

use super::tell::Teller;
use crate::opener::{self, MAIL_BYTES_MAX};
use crate::settings::Feed;
use crate::wire::{self, Site};

/// Rejects kept in memory; the store keeps fewer, the rest is only counted.
const REJECTS_MAX: usize = 10_000;

/// Events handed over together: few enough to stay in the processor's cache until they are written.
const BATCH_EVENTS: usize = 1_024;
/// Batches that parsing may be ahead of writing.
const BATCHES_AHEAD: usize = 2;

/// A report about to be processed.
pub struct Work<'a> {
    /// Its identity.
    pub id: ReportId,
    /// How it came.
    pub receipt: &'a Receipt,
    /// Hash and size of its bytes, when it is not in the records yet.
    pub new: Option<([u8; 32], u64)>,
}

/// Why a report was not processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Its parser stopped in the middle. That is a mistake in the program, which it would make again.
    Parser,
    /// Trouble that may pass, like a full disk.
    Trouble(Problem),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Trouble(problem)
    }
}

impl Stopped {
    /// The same for people.
    pub fn problem(self) -> Problem {
        match self {
            Self::Parser => Problem::new("the parser stopped in the middle of the report")
                .hint("this is a mistake in Concert; tell its developers, and replay the report with a mended version"),
            Self::Trouble(problem) => problem,
        }
    }
}

/// Something that can be read twice.
pub trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// What parsing gave.
pub(super) struct Parsed {
    pub(super) counts: sink::Counts,
    pub(super) rejects: Vec<Reject>,
}

impl Parsed {
    /// Why the report gave nothing at all, with the place; empty when it gave something.
    pub(super) fn refusal(&self) -> String {
        let Some(first) = self.rejects.first().filter(|_| self.counts.events + self.counts.dropped == 0) else {
            return String::new();
        };
        let place = if first.part.is_empty() { String::new() } else { format!("{}, ", first.part) };
        let field = if first.field.is_empty() { String::new() } else { format!("{}: ", first.field) };
        format!("nothing in it became an event; {place}line {}: {field}{}", first.line, first.reason)
    }
}

/// Processes a report on the calling thread, which must not be one of the runtime's own.
pub fn process(
    site: &Site,
    writer: &mut Writer,
    teller: &mut Teller,
    feed: &Feed,
    work: &Work<'_>,
    source: &mut dyn Source,
    ready: impl FnOnce() -> Result<(), Problem>,
) -> Result<Counts, Stopped> {
    let handle = Handle::current();
    let (full, batches) = mpsc::sync_channel::<Batch>(BATCHES_AHEAD);
    let (give_back, empty) = mpsc::channel::<Batch>();
    handle.block_on(teller.catching.begin_report(site))?;
    std::thread::scope(|scope| {
        let parsing = scope.spawn(|| parse(site, feed, work, source, BATCH_EVENTS, full, empty));
        let mut writing = writer.begin(work.id, work.receipt, feed.dedup.window());
        let mut failed = None;
        for mut batch in &batches {
            if let Some(reverse) = &site.reverse {
                handle.block_on(name_addresses(reverse, &mut batch));
            }
            match handle.block_on(writing.add(batch, &mut teller.watch(site))) {
                Ok(batch) => drop(give_back.send(batch)),
                Err(problem) => {
                    failed = Some(problem);
                    break;
                }
            }
        }
        // A parser that still has batches finds nobody to take them and ends soon.
        drop(batches);
        let Ok(parsed) = parsing.join() else {
            teller.forget_report();
            return Err(Stopped::Parser);
        };
        let closed = failed.map_or_else(ready, Err);
        let closed = closed.and_then(|()| handle.block_on(writing.close(&mut teller.watch(site))));
        let result = closed.and_then(|settling| {
            let telling = handle.block_on(teller.finish_report(site, settling.last_batch(), wire::now()))?;
            let counts = Counts {
                rows: parsed.counts.rows,
                rejects: parsed.counts.rejects,
                dropped: parsed.counts.dropped,
                ..Counts::default()
            };
            let report = work.new.map(|(content, bytes)| (content, bytes, work.receipt.clone()));
            let before = Counts::default();
            let reason = parsed.refusal();
            // Nobody else would learn of a complaint that gave nothing: its sender was told that it came.
            let is_lost = !reason.is_empty() && is_complaint(site, feed, work.receipt);
            let lost = is_lost.then(|| reason.clone());
            let settled = Settled { counts, before, rejects: parsed.rejects, reason, telling, report };
            let now = wire::now();
            handle.block_on(settling.settle_with(settled, async |change| {
                if let Some(why) = lost {
                    hold_complaint(change, work.id, &why).await?;
                }
                teller.catching.write(site, change, now).await
            }))
        });
        if result.is_err() {
            teller.forget_report();
        }
        let counts = result?;
        if let Err(problem) = handle.block_on(teller.catching.end_report()) {
            tracing::debug!("{problem}");
        }
        handle.block_on(teller.end_report(site));
        Ok(counts)
    })
}

/// Sets the names of source addresses that the report does not name, as DNS knows them. Names that
/// do not come within the deadline are left out.
async fn name_addresses(reverse: &Reverse, batch: &mut Batch) {
    let unnamed = |event: &Event<'_>| match event.get(Field::SOURCE_REVERSE_DNS) {
        Some(_) => None,
        None => event.get(Field::SOURCE_IP)?.as_ip(),
    };
    let (places, addresses): (Vec<usize>, Vec<IpAddr>) =
        batch.iter().enumerate().filter_map(|(at, event)| Some((at, unnamed(&event)?))).unzip();
    for (at, name) in places.into_iter().zip(reverse.names(&addresses).await) {
        // A name from outside is checked like any other.
        if let Some(Ok(name)) = name.as_deref().map(|name| Value::read(Kind::Domain, name, None)) {
            batch.amend(at, Field::SOURCE_REVERSE_DNS, &name.into_owned());
        }
    }
}

/// Who reported it, where that is known and whoever it is agreed to be named.
fn reporter<'r>(site: &Site, feed: &Feed, receipt: &'r Receipt) -> Option<&'r str> {
    let mailbox = site.settings.mailbox.as_ref()?;
    (is_complaint(site, feed, receipt) && mailbox.may_name(&receipt.sender)).then_some(receipt.sender.as_str())
}

/// Whether a report is a complaint that somebody mailed: it came to the team's mailbox, or as a mail to a feed whose
/// parser reads what people write.
fn is_complaint(site: &Site, feed: &Feed, receipt: &Receipt) -> bool {
    let to_mailbox =
        site.settings.mailbox.as_ref().is_some_and(|mailbox| mailbox.complaints.as_ref() == Some(&feed.name));
    let is_mail = matches!(receipt.origin, Origin::Mail(_));
    to_mailbox || is_mail && feed.parser_name == complaint::LISTED.name
}

/// Takes out what may say who reported an event: a line that somebody wrote, what of theirs was attacked by name, and
/// whatever a report for machines says beyond what happened. The raw report has it. What was attacked by address stays
/// for the site, and is marked so that no notice tells it.
fn forget_reporter(event: &mut OpenEvent<'_>) {
    for field in [Field::EVENT_DESCRIPTION_TEXT, Field::EVENT_DESCRIPTION_TARGET, Field::DESTINATION_URL] {
        event.unset(field);
    }
    let view = event.view();
    let is_who = |field: &Field| field.is_extra() && !NAMELESS.contains(&view.extra_name(*field));
    let who: Vec<Field> = view.fields().map(|(field, _)| field).filter(is_who).collect();
    let is_attacked = withheld::FIELDS.iter().any(|field| event.has(*field));
    who.into_iter().for_each(|field| event.unset(field));
    if is_attacked && let Some(field) = event.extra(withheld::REPORTER) {
        event.set(field, &Value::text(withheld::WITHHELD));
    }
}

/// What hides whoever wrote a complaint: their address, and the name that their mail says.
fn mask_of(site: &Site, receipt: &Receipt, source: &mut dyn Source) -> Mask {
    let mut head = Vec::new();
    let is_read = source.take(writer::HEAD_BYTES).read_to_end(&mut head).is_ok();
    // What cannot be read is a reject soon.
    let writer = if source.rewind().is_ok() && is_read { writer::read(&head) } else { writer::Writer::default() };
    let address = if receipt.sender.is_empty() { &writer.address } else { &receipt.sender };
    let shared = site.settings.mailbox.as_ref().map(|mailbox| mailbox.shared_domains.as_slice()).unwrap_or_default();
    Mask::new(address, &writer.names).with_own(address, shared)
}

/// What is complained of on a page in the domain of whoever complains was attacked there, as far as anybody else is
/// told: it is kept as the attacked side, which no notice tells. Whoever answers here for that very domain is told.
fn keep_own(event: &mut OpenEvent<'_>, mask: &Mask, constituents: &Constituents) {
    let Some(name) = mask.own_name(&event.view()) else { return };
    let theirs = constituents.responsible(&event.view()).and_then(|found| constituents.party(found.party));
    if theirs.is_some_and(|party| party.domains.iter().any(|domain| covers(domain, &name))) {
        return;
    }
    for field in [Field::SOURCE_URL, Field::SOURCE_URLPATH, Field::SOURCE_FQDN] {
        event.unset(field);
    }
    event.set(Field::DESTINATION_FQDN, &Value::text(&name));
}

/// A report that is a mail and came encrypted, in clear; or why it cannot be opened. Nothing where it was not encrypted,
/// or is no mail.
fn opened(
    site: &Site,
    receipt: &Receipt,
    is_complaint: bool,
    source: &mut dyn Source,
) -> Option<Result<Vec<u8>, String>> {
    if !is_complaint && !opener::has_key(&site.settings) {
        return None;
    }
    let mut bytes = Vec::new();
    let read = source.take(writer::HEAD_BYTES).read_to_end(&mut bytes);
    let is_mail = read.is_ok() && unpack::is_mail(&bytes, &receipt.media_type);
    let rest = MAIL_BYTES_MAX.saturating_sub(bytes.len() as u64);
    let is_read = is_mail && source.take(rest).read_to_end(&mut bytes).is_ok();
    // What cannot be read is a reject soon.
    source.rewind().ok();
    if !is_read {
        return None;
    }
    // Keys of contacts are read for mails alone.
    match site.opener().clear(&bytes) {
        (Cow::Owned(clear), _) => Some(Ok(clear)),
        (Cow::Borrowed(_), openpgp) => openpgp.encrypted.then_some(Err(openpgp.why)),
    }
}

pub(super) fn parse(
    site: &Site,
    feed: &Feed,
    work: &Work<'_>,
    source: &mut dyn Source,
    batch_events: usize,
    full: mpsc::SyncSender<Batch>,
    empty: mpsc::Receiver<Batch>,
) -> Parsed {
    let mut rejects: Vec<Reject> = Vec::new();
    let mut keep_reject = |reject: Reject| {
        if rejects.len() < REJECTS_MAX {
            rejects.push(reject);
        }
    };
    let (lookup, book) = (site.lookup(), site.book());
    let reporter = reporter(site, feed, work.receipt);
    let is_complaint = is_complaint(site, feed, work.receipt);
    let opened = opened(site, work.receipt, is_complaint, source);
    let (mut clear, closed) = match opened {
        Some(Ok(clear)) => (Some(Cursor::new(clear)), None),
        Some(Err(why)) => (None, Some(why)),
        None => (None, None),
    };
    let source: &mut dyn Source = match &mut clear {
        Some(clear) => clear,
        None => source,
    };
    let is_nameless = reporter.is_none() && is_complaint;
    let mask = if is_nameless { mask_of(site, work.receipt, source) } else { Mask::default() };
    let mut fired = vec![0u64; site.settings.judge.rules().len()];
    let mut stage = |event: &mut OpenEvent<'_>| {
        if is_nameless {
            keep_own(event, &mask, &book.constituents);
            forget_reporter(event);
        }
        if is_complaint {
            mask.apply(event);
        }
        lookup.enrich(event);
        book.assign(event);
        if let Some(reporter) = reporter
            && let Some(field) = event.extra(withheld::REPORTER)
        {
            event.set(field, &Value::text(reporter));
        }
        site.settings.judge.judge(event, &mut fired) == Verdict::Keep
    };
    let key_of = |event: &OpenEvent<'_>| feed.dedup.key(event);
    let mut flush = |batch: Batch| {
        full.send(batch).ok();
        empty.try_recv().unwrap_or_default()
    };
    let fixed = feed.fixed.clone();
    let mut sink = Sink::new(
        work.id,
        work.receipt,
        fixed.constants,
        fixed.zone,
        &mut stage,
        &key_of,
        &mut flush,
        &mut keep_reject,
    );
    sink.give_extras(fixed.extras);
    sink.hand_over_at(batch_events);
    let mut look_ahead = |batch: &Batch, from: usize| {
        let addresses = enrich::sources((from..batch.len()).filter_map(|at| batch.get(at)));
        lookup.look_ahead(&addresses);
        book.look_ahead(&addresses);
    };
    sink.look_ahead(&mut look_ahead);
    if let Some(why) = &closed {
        sink.reject(1, Fault::new("", format!("it is encrypted: {why}")), b"");
    }
    // Beside what is encrypted in a letter may stand more of it.
    if closed.is_none() || is_complaint {
        unpack::read(source, work.receipt, &feed.unpack, &*feed.parser, &mut sink);
    }
    let counts = sink.finish();
    Parsed { counts, rejects }
}
