//! The program at work: collects, processes, tells, delivers, until told to stop.
//!
//! One task for each collector, one for processing (the only writer of events), one for delivering.
//! Between them are only rows in the records, so that a start after a kill goes on where it ended.

pub mod anew;
pub mod asked;
pub(crate) mod becomes;
mod catching;
mod collect;
mod collectors;
pub mod compose;
pub mod deliver;
mod follow;
mod further;
mod hasty;
pub mod intake;
mod lane;
pub(crate) mod learn;
pub mod live;
pub mod mailbox;
mod merging;
pub mod message;
pub mod outcome;
mod partly;
pub mod process;
pub mod prove;
pub mod receipt;
pub mod reload;
mod remind;
pub mod replay;
pub mod responsible;
mod split;
pub mod tell;
mod trial;
mod unclaimed;

use std::sync::Arc;
use std::time::Duration;

use concert_model::problem::counted;
use concert_model::{Problem, Time};
use concert_store::records::{Counts, ReportRow, Waiting};
use concert_store::{Keep, Upkeep, Writer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::intake::Keeper;
use self::lane::Lane;
use self::process::{Stopped, Work, process};
use self::tell::Teller;
use crate::incidents;
use crate::left;
use crate::problems::Failure;
use crate::wire::{self, Site};

/// Whether a notice of this name tells something of an incident to one receiver: a message, or a reminder. Who may
/// read it is decided with the incident, not with notices.
pub(crate) fn is_of_incidents(name: &str) -> bool {
    name == message::NAME || name == remind::NAME
}

/// Reports taken from the waiting list at a time.
const REPORTS_AT_ONCE: u32 = 64;
/// Longest wait between looks at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest wait while nothing can be written.
const TROUBLE_WAIT_MAX: Duration = Duration::from_secs(60);
/// Wait between rounds of upkeep.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);

/// The writer and what it gathers.
pub struct Worker {
    writer: Writer,
    teller: Teller,
}

impl Worker {
    /// Takes the site's lock. The error says that another process has it.
    pub async fn need(site: &Site) -> Result<Self, Failure> {
        Self::open(site).await?.ok_or_else(|| busy(site))
    }

    /// Takes the site's lock, unless another process has it.
    pub async fn open(site: &Site) -> Result<Option<Self>, Failure> {
        let opened = Writer::open(&site.store, site.window(), site.look_back()).await.map_err(Failure::outside)?;
        let Some(mut writer) = opened else { return Ok(None) };
        mailbox::begin(site).await.map_err(Failure::outside)?;
        site.remember_feeds().await.map_err(Failure::outside)?;
        let teller = Teller::new(site, &mut writer).await.map_err(Failure::outside)?;
        Ok(Some(Self { writer, teller }))
    }

    /// Processes everything that waits. A report that cannot be processed is marked and passed over.
    /// Runs on a blocking thread.
    pub fn process_waiting(&mut self, site: &Site, stop: &CancellationToken) -> Result<usize, Problem> {
        let handle = tokio::runtime::Handle::current();
        let mut done = 0;
        loop {
            let waiting = handle.block_on(site.store.records.waiting(REPORTS_AT_ONCE))?;
            if waiting.is_empty() {
                return Ok(done);
            }
            for report in waiting {
                if stop.is_cancelled() {
                    return Ok(done);
                }
                self.process_one(site, &report)?;
                done += 1;
            }
        }
    }

    /// Processes what waits of these feeds, because there are no settings for them any more soon. Runs on a blocking
    /// thread.
    pub(super) fn process_last(
        &mut self,
        site: &Site,
        feeds: &[String],
        stop: &CancellationToken,
    ) -> Result<(), Problem> {
        let handle = tokio::runtime::Handle::current();
        for feed in feeds {
            loop {
                let waiting = handle.block_on(site.store.records.waiting_of(feed, REPORTS_AT_ONCE))?;
                if waiting.is_empty() {
                    break;
                }
                for report in waiting {
                    if stop.is_cancelled() {
                        return Ok(());
                    }
                    self.process_one(site, &report)?;
                }
            }
        }
        Ok(())
    }

    fn process_one(&mut self, site: &Site, report: &Waiting) -> Result<(), Problem> {
        let handle = tokio::runtime::Handle::current();
        let Some(feed) = site.settings.feed(&report.receipt.feed) else {
            let reason = format!("there is no feed `{}` in the settings", report.receipt.feed);
            return handle.block_on(site.store.records.fail_report(report.id, &reason));
        };
        let mut source = match raw(site, report) {
            Ok(source) => source,
            Err(problem) => {
                tracing::error!(feed = report.receipt.feed, report = %report.id, "{problem}");
                return handle.block_on(site.store.records.fail_report(report.id, &problem.what));
            }
        };
        let work = Work { id: report.id, receipt: &report.receipt, new: None };
        let above = handle.block_on(site.store.last_batch())?;
        let counts = match process(site, &mut self.writer, &mut self.teller, feed, &work, &mut *source, || Ok(())) {
            Ok(counts) => counts,
            Err(Stopped::Parser) => {
                let problem = Stopped::Parser.problem();
                tracing::error!(feed = report.receipt.feed, report = %report.id, "{problem}");
                return handle.block_on(site.store.records.fail_report(report.id, &problem.what));
            }
            Err(Stopped::Trouble(problem)) => return Err(problem),
        };
        tell_of(&report.receipt.feed, &counts);
        if counts.events > 0
            && site.live.receiver_count() > 0
            && let Err(problem) = handle.block_on(live::send(site, report.id, above))
        {
            tracing::warn!("listeners miss events: {problem}");
        }
        Ok(())
    }

    /// Processes a report that is not in the records yet; see [`process()`].
    pub fn process_new(
        &mut self,
        site: &Site,
        feed: &crate::settings::Feed,
        work: &Work<'_>,
        source: &mut dyn process::Source,
        ready: impl FnOnce() -> Result<(), Problem>,
    ) -> Result<Counts, Problem> {
        process(site, &mut self.writer, &mut self.teller, feed, work, source, ready).map_err(Stopped::problem)
    }

    /// Processes a report again; see [`replay::replay`]. One that failed as a whole is processed as if
    /// it had just come.
    pub fn replay(
        &mut self,
        site: &Site,
        feed: &crate::settings::Feed,
        report: &ReportRow,
    ) -> Result<replay::Replayed, Problem> {
        let mut source = raw(site, &report.report)?;
        if report.state == "failed" {
            let work = Work { id: report.report.id, receipt: &report.report.receipt, new: None };
            let counts = process(site, &mut self.writer, &mut self.teller, feed, &work, &mut *source, || Ok(()))
                .map_err(Stopped::problem)?;
            let Counts { events, rejects, notices, .. } = counts;
            return Ok(replay::Replayed { replaced: 0, events, rejects, notices });
        }
        replay::replay(site, &mut self.writer, &mut self.teller, feed, report, &mut *source)
    }

    /// Makes the notices that are due.
    pub async fn tell_due(&mut self, site: &Site) -> Result<usize, Problem> {
        self.teller.tell_due(site, &mut self.writer).await
    }

    /// Up to when all that is due has been made.
    pub fn made_until(&self) -> Time {
        self.teller.made_until
    }

    /// Keeps the journal small.
    pub async fn tidy(&mut self) -> Result<(), Problem> {
        self.writer.tidy_journal(wire::now()).await.map(|_| ())
    }
}

/// The writer alone, with the site's lock: makes no notices, whatever the settings say. The error says that another
/// process has it.
pub async fn writer(site: &Site) -> Result<Writer, Failure> {
    let opened = Writer::open(&site.store, site.window(), site.look_back()).await.map_err(Failure::outside)?;
    opened.ok_or_else(|| busy(site))
}

fn tell_of(feed: &str, counts: &Counts) {
    let Counts { events, duplicates, rejects, notices, .. } = counts;
    tracing::info!(feed, events, duplicates, rejects, notices, "report processed");
}

/// The raw bytes of a report, in memory when small, else in an unnamed temporary file.
fn raw(site: &Site, report: &Waiting) -> Result<Box<dyn process::Source>, Problem> {
    use std::io::{Read, Seek};
    const IN_MEMORY_MAX: u64 = 32 << 20;
    let lost = |error: std::io::Error| {
        Problem::new(format!("its bytes are not in the archive: {error}")).hint("ingest the report again")
    };
    let mut reader = site.store.archive.open(&report.content).map_err(lost)?;
    let mut start = Vec::new();
    reader.by_ref().take(IN_MEMORY_MAX).read_to_end(&mut start).map_err(lost)?;
    if (start.len() as u64) < IN_MEMORY_MAX {
        return Ok(Box::new(std::io::Cursor::new(start)));
    }
    let dir = site.settings.data_dir();
    let mut file = tempfile::tempfile_in(dir).map_err(lost)?;
    std::io::Write::write_all(&mut file, &start).map_err(lost)?;
    drop(start);
    std::io::copy(&mut reader, &mut file).map_err(lost)?;
    file.rewind().map_err(lost)?;
    Ok(Box::new(file))
}

/// Everything due now: collects once from every feed whose next look is due, processes, tells, delivers one attempt each.
///
/// Feeds that could not be collected and peers that took no notice hold up nothing; that there were any is the failure it
/// ends with.
pub async fn once(site: Arc<Site>) -> Result<(), Failure> {
    let mut worker = Worker::need(&site).await?;
    Box::pin(tell_of_left(&site)).await;
    let keeper = Keeper::new(site.store.clone());
    let looks = site.settings.collectors().map(|(name, collector)| (name.to_owned(), Arc::clone(collector)));
    let mailbox_read = mailbox::once(&site, &keeper).await.map_err(Failure::outside)?;
    let keeper = &keeper;
    let looks = looks.map(async |(name, collector)| {
        if let Some(due) = collector.rests_until(&**keeper).await {
            tracing::debug!(feed = name, %due, "not collected: the next look is due later");
            return Ok(None);
        }
        let Err(why) = collector.once(&**keeper).await else { return Ok(None) };
        keeper.look_failed(&name, &why).await.map(|()| Some(name))
    });
    let looked: Result<Vec<Option<String>>, Problem> =
        futures_util::future::join_all(looks).await.into_iter().collect();
    keeper.written().await;
    let looked = looked.map_err(Failure::outside)?;
    let stop = CancellationToken::new();
    let processing = Arc::clone(&site);
    let result = tokio::task::spawn_blocking(move || {
        let done = worker.process_waiting(&processing, &stop);
        (worker, done)
    });
    let (mut worker, done) = result.await.map_err(|error| Failure::outside(Problem::new(error.to_string())))?;
    done.map_err(Failure::outside)?;
    worker.tell_due(&site).await.map_err(Failure::outside)?;
    Box::pin(mailbox::tell_outcomes_once(&site)).await;
    learn::once(&site).await;
    responsible::address_waiting(&site).await.map_err(Failure::outside)?;
    follow::once(&site).await;
    let sent = deliver::send_due(&site).await.map_err(Failure::outside)?;
    worker.tidy().await.map_err(Failure::outside)?;
    tidy_files(&mut upkeep(&site)).await.map_err(Failure::outside)?;
    undone(&looked, mailbox_read, sent).map_or(Ok(()), |problem| Err(Failure::outside(problem)))
}

/// What the outside did not let be done, of all feeds, the mailbox and the notices, in one sentence.
fn undone(looked: &[Option<String>], mailbox_read: bool, sent: deliver::Sent) -> Option<Problem> {
    let failed: Vec<&str> = looked.iter().flatten().map(String::as_str).collect();
    let feeds = match failed.as_slice() {
        [] => None,
        [name] => Some(format!("the feed `{name}` could not be collected")),
        names => {
            Some(format!("{} of {} feeds could not be collected: {}", names.len(), looked.len(), names.join(", ")))
        }
    };
    let not_sent = sent.later + sent.failed.saturating_sub(sent.told_again);
    let parts = [
        (feeds, "`concert feed list`"),
        ((!mailbox_read).then(|| "the mailbox could not be read".to_owned()), "`concert mailbox counts`"),
        (
            (not_sent > 0).then(|| format!("{} could not be delivered", counted(not_sent, "notice"))),
            "`concert notice list`",
        ),
    ];
    let (what, looks): (Vec<_>, Vec<_>) = parts.into_iter().filter_map(|(what, look)| Some((what?, look))).unzip();
    let says = match looks.len() {
        0 => return None,
        1 => "says why",
        _ => "say why",
    };
    let hint = format!("{} {says}; all else that was due is done", looks.join(" and "));
    Some(Problem::new(what.join("; ")).hint(hint))
}

/// The upkeep of a site. Only for a process that has its lock.
fn upkeep(site: &Site) -> Upkeep {
    let kept = &site.settings.store;
    let (raw, events, notices, audit) = (kept.keep_raw, kept.keep_events, kept.keep_notices, kept.keep_audit);
    Upkeep::new(&site.store, Keep { raw, events, notices, audit })
}

async fn tidy_files(upkeep: &mut Upkeep) -> Result<(), Problem> {
    tell_of_upkeep(upkeep.round(wire::now()).await?);
    Ok(())
}

fn tell_of_upkeep(done: concert_store::upkeep::Done) {
    if done != Default::default() {
        let concert_store::upkeep::Done { merged, files_removed, raw_removed, notices_removed, audit_removed } = done;
        tracing::info!(merged, files_removed, raw_removed, notices_removed, audit_removed, "upkeep of the store");
    }
}

/// A little upkeep at the end of a command that processed reports and has the lock: only what is due, so
/// that a site without `concert run` stays in order too.
pub async fn tidy_at_end(site: &Site, worker: &mut Worker) -> Result<(), Problem> {
    worker.tidy().await?;
    tell_of_upkeep(upkeep(site).small_round(wire::now()).await?);
    Ok(())
}

/// Keeps files few and removes what is too old, on a thread of its own beside everything else; and looks whether the clock
/// was set back.
async fn keep_tidy(site: Arc<Site>, stop: CancellationToken) -> Result<(), Problem> {
    let mut upkeep = upkeep(&site);
    while !stop.is_cancelled() {
        if let Err(problem) = deliver::catch_up(&site).await {
            tracing::warn!("{problem}");
        }
        let handle = tokio::runtime::Handle::current();
        let round = tokio::task::spawn_blocking(move || {
            if let Err(problem) = handle.block_on(tidy_files(&mut upkeep)) {
                tracing::warn!("{problem}");
            }
            upkeep
        });
        upkeep = round.await.map_err(|error| Problem::new(format!("upkeep stopped: {error}")))?;
        tokio::select! {
            () = tokio::time::sleep(UPKEEP_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// The problem of a site that another process works on.
fn busy(site: &Site) -> Failure {
    Failure::outside(
        Problem::new("another concert process is working on this site")
            .at(site.settings.data_dir().join("lock").display().to_string())
            .hint("stop it first, or use a command that needs no lock (events, notice, feed list, ingest)"),
    )
}

/// Tells of events that wait for notices which the settings do not have.
async fn tell_of_left(site: &Arc<Site>) {
    if site.settings.collecting.paused {
        tracing::warn!("no feed and no mailbox is looked at: `paused` of [collect] is set");
    }
    let (site, handle) = (Arc::clone(site), tokio::runtime::Handle::current());
    let looking = tokio::task::spawn_blocking(move || handle.block_on(left::begin(&site.store, &site.settings)));
    if let Ok(Err(problem)) = looking.await {
        tracing::warn!("{problem}");
    }
}

/// Makes anew what an earlier build derived from journals. Without the key of the site there is nothing to do here.
async fn made_anew(site: &Site) {
    let Ok(incidents) = site.incidents() else { return };
    if let Err(problem) = incidents::made_anew(&incidents).await {
        tracing::warn!("{problem}");
    }
}

/// Tells where entries of incidents are ahead of the clock.
async fn tell_of_clock(site: &Site) {
    match incidents::ahead(&site.store, wire::now()).await {
        Ok(None) => {}
        Ok(Some(problem)) | Err(problem) => tracing::warn!("{problem}"),
    }
}

/// Works until `stop`, processing and delivering side by side. Collectors of feeds are at work beside it.
async fn run(site: Arc<Site>, keeper: Arc<Keeper>, worker: Worker, stop: CancellationToken) -> Result<(), Failure> {
    Box::pin(tell_of_left(&site)).await;
    Box::pin(made_anew(&site)).await;
    Box::pin(tell_of_clock(&site)).await;
    let mut tasks = tokio::task::JoinSet::new();
    if let Some(mailbox) = site.settings.mailbox_to_read() {
        let intake = mailbox::MailKeeper::new(&site, &keeper);
        tasks.spawn(mailbox::work(Arc::clone(&site), Arc::clone(&intake), stop.clone()));
        let (collector, stop) = (Arc::clone(&mailbox.collector), stop.clone());
        tasks.spawn(async move {
            collect::collect(crate::settings::MAILBOX, &*collector, &*intake, &stop).await;
            Ok(())
        });
    }
    let (queued, hear) = watch::channel(Time(0));
    tasks.spawn(work(Arc::clone(&site), worker, keeper, queued, stop.clone()));
    for way in deliver::ways(&site) {
        tasks.spawn(Lane::new(Arc::clone(&site), way).run(hear.clone(), stop.clone()));
    }
    tasks.spawn(keep_tidy(Arc::clone(&site), stop.clone()));
    tasks.spawn(follow::work(Arc::clone(&site), stop.clone()));
    tasks.spawn(learn::work(Arc::clone(&site), stop.clone()));
    let mut result = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(Problem::new(format!("a part of the program stopped: {error}"))));
        if let Err(problem) = ended {
            tracing::error!("{problem}");
            stop.cancel();
            result = Err(Failure::outside(problem));
        }
    }
    result
}

/// Processes what comes and tells what is due. Trouble (a full disk) is waited out, not died of.
async fn work(
    site: Arc<Site>,
    mut worker: Worker,
    keeper: Arc<Keeper>,
    queued: watch::Sender<Time>,
    stop: CancellationToken,
) -> Result<(), Problem> {
    let mut wait = LOOK_EVERY;
    // Whoever was imported while nothing worked answers for what waits too.
    let mut is_book_new = true;
    while !stop.is_cancelled() {
        is_book_new |= take_up_parties(&site).await;
        if is_book_new {
            is_book_new = !address_waiting(&site).await;
        }
        let (at_work, stopping) = (Arc::clone(&site), stop.clone());
        let (back, done, is_lookup_new) = tokio::task::spawn_blocking(move || {
            let is_lookup_new = at_work.refresh_lookup();
            if is_lookup_new {
                tracing::info!("changed data about addresses is in force");
            }
            if at_work.refresh_keys() {
                tracing::info!("changed keys of contacts are in force");
            }
            let done = worker.process_waiting(&at_work, &stopping);
            let done = done.and_then(|done| asked::go_on(&mut worker, &at_work, &stopping).map(|()| done));
            (worker, done, is_lookup_new)
        })
        .await
        .map_err(|error| Problem::new(format!("processing stopped: {error}")))?;
        worker = back;
        is_book_new |= is_lookup_new;
        let told = match done {
            Ok(_) => worker.tell_due(&site).await,
            Err(problem) => Err(problem),
        };
        keeper.processing(told.as_ref().err().map(ToString::to_string));
        match told {
            Ok(_) => {
                queued.send_replace(worker.made_until());
                wait = LOOK_EVERY;
                if let Err(problem) = worker.tidy().await {
                    tracing::warn!("{problem}");
                }
            }
            Err(problem) => {
                tracing::error!(wait_seconds = wait.as_secs(), "{problem}");
                wait = (wait * 2).min(TROUBLE_WAIT_MAX);
            }
        }
        tokio::select! {
            () = keeper.kept.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}

/// Takes up an import of parties. Says whether there was one.
async fn take_up_parties(site: &Site) -> bool {
    match site.refresh_parties().await {
        Ok(false) => return false,
        Ok(true) => tracing::info!("newly imported parties are in force"),
        Err(problem) => {
            tracing::warn!("{problem}");
            return false;
        }
    }
    true
}

/// Queues what waited for a contact and has one by now. Says whether all of it was looked at.
async fn address_waiting(site: &Site) -> bool {
    match Box::pin(responsible::address_waiting(site)).await {
        Ok(0) => true,
        Ok(queued) => {
            tracing::info!(queued, "notices that waited for a contact have one now");
            true
        }
        Err(problem) => {
            tracing::warn!("what waits for a contact is looked at again soon: {problem}");
            false
        }
    }
}
