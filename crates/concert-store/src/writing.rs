//! Writing the events of one report: what is new goes to the journal or to sorted files.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, SyncSender};

use concert_model::{Batch, Event, Field, Problem, Receipt, ReportId, Time, Value};

use crate::events::write::{SightingFile, Written, write_events};
use crate::events::{Columns, Sighting, Stored, time_of};
use crate::records::{self, Change, Counts, trouble};
use crate::store::{journal_row, journal_sum};
use crate::upkeep;
use crate::writer::{Finished, NO_TIMES, Order, Settled, Writer, failed, insert_segment, order_of, widened};

/// The events of a report that come in one batch of at most so many go to the journal instead of a
/// file of their own.
const JOURNAL_EVENTS_MAX: usize = 2_000;
/// Events of one file, which are one batch in the order of all events. Sorted together they are found
/// with less reading; but they are held in memory until then (some 400 bytes each).
const FILE_EVENTS: usize = 65_536;
/// Sightings gathered before they are written.
const SIGHTINGS_HELD_MAX: usize = 32_768;

/// Sees the new events of a report while they are written.
pub trait Watch {
    /// A new event, in the order in which events came.
    fn see(&mut self, event: &Event<'_>);
    /// The events seen since the last call are the rows of this batch now: row `n` is the event that
    /// was seen as number `order[n]`, from 0.
    fn placed(&mut self, batch: u64, order: &[u32]);
}

/// A report whose events are being written.
pub struct Writing<'w> {
    settling: Settling<'w>,
    window_seconds: i64,
    is_quiet: bool,
    told: Gathering,
    quiet: Gathering,
}

/// Events that will be one batch.
struct Gathering {
    /// Whether they are told to nobody.
    is_quiet: bool,
    /// The first events of the report, as long as they may be all.
    first: Option<Batch>,
    has_begun: bool,
    columns: Columns,
    order: Vec<(Order, u32)>,
    times: (Time, Time),
}

impl Gathering {
    fn new(is_quiet: bool) -> Self {
        let (columns, order) = (Columns::default(), Vec::new());
        Self { is_quiet, first: None, has_begun: false, columns, order, times: NO_TIMES }
    }
}

impl<'w> Writing<'w> {
    pub(crate) fn new(writer: &'w mut Writer, report: ReportId, receipt: &Receipt, window_seconds: i64) -> Self {
        let settling = Settling {
            day: receipt.received.date_text(),
            feed: receipt.feed.clone(),
            received: receipt.received,
            report,
            writer,
            batches: Vec::new(),
            files: Vec::new(),
            at_work: Vec::new(),
            file_thread: None,
            journal: Vec::new(),
            sightings: Vec::new(),
            sighting_file: None,
            repeats: 0,
            events: 0,
            stage: Stage::Open,
        };
        let (told, quiet) = (Gathering::new(false), Gathering::new(true));
        Self { settling, window_seconds, is_quiet: false, told, quiet }
    }

    /// Says whether the events added from now on are told to nobody; `watch` does not see them then.
    pub fn quiet(&mut self, is_quiet: bool) {
        self.is_quiet = is_quiet;
    }

    /// Takes events: repeats become sightings, the rest is gathered, sorted and written. Gives an
    /// empty batch for reuse.
    pub async fn add(&mut self, mut batch: Batch, watch: &mut (dyn Watch + Send)) -> Result<Batch, Problem> {
        let gathering = if self.is_quiet { &mut self.quiet } else { &mut self.told };
        if !gathering.has_begun && gathering.first.is_none() && batch.len() <= JOURNAL_EVENTS_MAX {
            gathering.first = Some(batch);
            return Ok(Batch::new());
        }
        gathering.has_begun = true;
        if let Some(mut first) = gathering.first.take() {
            self.settling.gather(gathering, &mut first, self.window_seconds, watch).await?;
        }
        self.settling.gather(gathering, &mut batch, self.window_seconds, watch).await?;
        batch.clear();
        Ok(batch)
    }

    /// No more events come: everything gathered is written, or on its way. What is left is to make it
    /// count.
    pub async fn close(mut self, watch: &mut (dyn Watch + Send)) -> Result<Settling<'w>, Problem> {
        for mut gathering in [self.told, self.quiet] {
            match gathering.first.take() {
                Some(first) => self.settling.write_journal(&gathering, first, self.window_seconds, watch).await?,
                None => self.settling.begin_file(&mut gathering, watch, Columns::default())?,
            }
        }
        Ok(self.settling)
    }
}

/// A file that a thread of its own writes.
struct FileAtWork {
    name: String,
    number: u64,
    times: (Time, Time),
    done: Receiver<(io::Result<Written>, Columns)>,
}

/// A thread that writes the files of a report one after the other. With a new one for each file the memory that the
/// last one worked in would be given back to the system, and be asked for again.
struct FileThread(SyncSender<Box<dyn FnOnce() + Send>>);

impl FileThread {
    /// It ends when nobody gives it work any more.
    fn new() -> io::Result<Self> {
        let (sender, jobs) = mpsc::sync_channel::<Box<dyn FnOnce() + Send>>(1);
        let work = move || jobs.iter().for_each(|job| job());
        std::thread::Builder::new().name("event file".into()).spawn(work)?;
        Ok(Self(sender))
    }

    /// Has it do something. Whoever waits for the answer learns by its absence that the thread is gone.
    fn begin<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
        let (answer, done) = mpsc::sync_channel(1);
        self.0.send(Box::new(move || drop(answer.send(work())))).ok();
        done
    }
}

/// A report whose events do not count yet. The last files may still be at work: whoever is told is
/// written into the records meanwhile.
pub struct Settling<'w> {
    writer: &'w mut Writer,
    report: ReportId,
    feed: String,
    received: Time,
    day: String,
    /// Number, rows, and whether they are told to nobody.
    batches: Vec<(u64, u64, bool)>,
    files: Vec<Finished>,
    at_work: Vec<FileAtWork>,
    file_thread: Option<FileThread>,
    journal: Vec<(u64, Vec<Vec<u8>>)>,
    sightings: Vec<Sighting>,
    sighting_file: Option<(PathBuf, SightingFile)>,
    repeats: u64,
    events: u64,
    stage: Stage,
}

/// How far the writing of a report came.
#[derive(PartialEq, Eq)]
enum Stage {
    /// Nothing of it counts.
    Open,
    /// The records were asked to make it count: whether they did is theirs to know.
    Asked,
    /// It counts.
    Settled,
}

impl Drop for Settling<'_> {
    /// Whatever ends the writing early: what was taken in is not stored, so it must not count as seen, and
    /// what was written so far takes no room.
    fn drop(&mut self) {
        if self.stage == Stage::Settled {
            return;
        }
        self.writer.seen.clear();
        if let Some((part, _)) = self.sighting_file.take() {
            fs::remove_file(part).ok();
        }
        self.finish_files().ok();
        // Files that the records may name are left to the next writer, which asks them.
        if self.stage == Stage::Open {
            for file in &self.files {
                fs::remove_file(self.writer.store.data().join(&file.name)).ok();
            }
        }
    }
}

impl Settling<'_> {
    /// Notes repeats among the events and gives the places and times of the others.
    async fn fresh(&mut self, batch: &mut Batch, window_seconds: i64) -> Result<Vec<(u32, Time)>, Problem> {
        let times: Vec<Time> = batch.iter().map(|event| time_of(&event)).collect();
        let (mut buckets, mut last) = (BTreeSet::new(), None);
        for time in &times {
            let bucket = self.writer.seen.bucket(*time);
            if last != Some(bucket) {
                buckets.insert(bucket);
                last = Some(bucket);
            }
        }
        self.writer.fill_seen(&buckets).await?;
        let (report, look_back, seen) = (self.report, self.writer.look_back, &mut self.writer.seen);
        seen.look_ahead(batch.rows().iter().map(|row| &row.key).zip(times.iter().copied()));
        let (mut fresh, mut previous) = (Vec::with_capacity(batch.len()), Vec::new());
        for ((row, time), at) in batch.rows().iter().zip(times).zip(0u32..) {
            match seen.repeat_or_insert(row.key, time, window_seconds) {
                Some(first) => {
                    self.sightings.push(Sighting { problem: row.key, first, time, report, mark: row.id.mark() });
                }
                None => {
                    fresh.push((at, time));
                    previous.extend(seen.previous(row.key, time, look_back).map(|before| (at as usize, before)));
                }
            }
        }
        for (at, before) in previous {
            batch.amend(at, Field::TIME_PREVIOUS, &Value::Time(before));
        }
        self.repeats += (batch.len() - fresh.len()) as u64;
        if self.sightings.len() >= SIGHTINGS_HELD_MAX {
            self.write_sightings()?;
        }
        Ok(fresh)
    }

    async fn gather(
        &mut self,
        gathering: &mut Gathering,
        batch: &mut Batch,
        window_seconds: i64,
        watch: &mut (dyn Watch + Send),
    ) -> Result<(), Problem> {
        let fresh = self.fresh(batch, window_seconds).await?;
        let events = || fresh.iter().filter_map(|(at, time)| Some((batch.get(*at as usize)?, *time)));
        for (event, time) in events() {
            if !gathering.is_quiet {
                watch.see(&event);
            }
            let number = u32::try_from(gathering.order.len()).unwrap_or(u32::MAX);
            gathering.order.push((order_of(&event, time), number));
            gathering.times = widened(gathering.times, time);
        }
        gathering.columns.push_all(events().map(|(event, _)| event));
        if gathering.order.len() >= FILE_EVENTS || gathering.columns.is_full() {
            self.write_file(gathering, watch)?;
        }
        Ok(())
    }

    fn next_batch(&mut self, rows: usize, is_quiet: bool) -> u64 {
        let number = self.writer.next_batch;
        self.writer.next_batch += 1;
        self.events += rows as u64;
        self.batches.push((number, rows as u64, is_quiet));
        number
    }

    async fn write_journal(
        &mut self,
        gathering: &Gathering,
        mut batch: Batch,
        window_seconds: i64,
        watch: &mut (dyn Watch + Send),
    ) -> Result<(), Problem> {
        let fresh = self.fresh(&mut batch, window_seconds).await?;
        if fresh.is_empty() {
            return Ok(());
        }
        let mut order = Vec::with_capacity(fresh.len());
        let events = fresh.iter().filter_map(|(at, time)| Some((batch.get(*at as usize)?, *time)));
        for ((event, time), number) in events.zip(0u32..) {
            if !gathering.is_quiet {
                watch.see(&event);
            }
            order.push((order_of(&event, time), number));
        }
        let order = sorted(&mut order);
        let number = self.next_batch(order.len(), gathering.is_quiet);
        let sorted = order.iter().filter_map(|at| batch.get(fresh.get(*at as usize)?.0 as usize));
        let stored = sorted.zip(0u32..).map(|(event, row)| Stored { event, report: self.report, batch: number, row });
        self.journal.push((number, stored.map(|stored| journal_row(&stored)).collect()));
        if !gathering.is_quiet {
            watch.placed(number, &order);
        }
        Ok(())
    }

    /// Writes a file with the events gathered so far, while the next are gathered.
    fn write_file(&mut self, gathering: &mut Gathering, watch: &mut (dyn Watch + Send)) -> Result<(), Problem> {
        // One at a time, so that what is in memory does not grow with the report.
        let room = self.finish_files()?;
        self.begin_file(gathering, watch, room)
    }

    /// Begins to write a file; `room` is for the events after it.
    fn begin_file(
        &mut self,
        gathering: &mut Gathering,
        watch: &mut (dyn Watch + Send),
        room: Columns,
    ) -> Result<(), Problem> {
        if gathering.order.is_empty() {
            return Ok(());
        }
        let order = sorted(&mut gathering.order);
        let number = self.next_batch(order.len(), gathering.is_quiet);
        if !gathering.is_quiet {
            watch.placed(number, &order);
        }
        let name = format!("events/day={}/{number}-{number}.parquet", self.day);
        let (part, path, report) = (self.writer.part()?, self.writer.store.data().join(&name), self.report);
        let mut columns = std::mem::replace(&mut gathering.columns, room);
        let work = move || {
            let place = |position: usize, _| (report, number, u32::try_from(position).unwrap_or(u32::MAX));
            let written = write_events(&part, &path, &mut columns, &order, &place);
            if written.is_err() {
                fs::remove_file(&part).ok();
            }
            columns.clear();
            (written, columns)
        };
        let thread = match self.file_thread.take() {
            Some(thread) => thread,
            None => FileThread::new().map_err(|error| failed(&name, &error))?,
        };
        let done = thread.begin(work);
        self.file_thread = Some(thread);
        self.at_work.push(FileAtWork { name, number, times: gathering.times, done });
        gathering.order.clear();
        gathering.times = NO_TIMES;
        Ok(())
    }

    /// Waits for the files that are being written. Gives room for the events of the next.
    fn finish_files(&mut self) -> Result<Columns, Problem> {
        let mut room = Columns::default();
        for FileAtWork { name, number, times, done } in std::mem::take(&mut self.at_work) {
            let ended = done.recv();
            let (written, columns) =
                ended.map_err(|_| Problem::new("writing stopped in the middle of a file").at(&name))?;
            room = columns;
            let written = written.map_err(|error: io::Error| failed(&name, &error))?;
            let day = self.day.clone();
            self.files.push(Finished { name, kind: "events", day, batches: (number, number), times, written });
        }
        Ok(room)
    }

    /// Moves the sightings gathered so far to their file, so that memory does not grow with the report.
    fn write_sightings(&mut self) -> Result<(), Problem> {
        let number = self.last_batch();
        let (part, mut file) = match self.sighting_file.take() {
            Some(begun) => begun,
            None => {
                let part = self.writer.part()?;
                let file = SightingFile::create(&part).map_err(|error| failed("sightings", &error))?;
                (part, file)
            }
        };
        self.sightings.sort_unstable_by_key(|sighting| sighting.problem);
        let added = file.add(number, &self.sightings);
        // Kept also where it failed, so that it is removed.
        self.sighting_file = Some((part, file));
        added.map_err(|error| failed("sightings", &error))?;
        self.sightings.clear();
        Ok(())
    }

    fn finish_sightings(&mut self) -> Result<(), Problem> {
        let Some((part, file)) = self.sighting_file.take() else { return Ok(()) };
        let number = self.last_batch();
        let name = upkeep::free_name(&self.writer.store, "sightings", &self.day, (number, number))?;
        let written = file.finish(&self.writer.store.data().join(&name)).map_err(|error| {
            fs::remove_file(&part).ok();
            failed(&name, &error)
        })?;
        let (day, times) = (self.day.clone(), (Time(0), Time(0)));
        self.files.push(Finished { name, kind: "sightings", day, batches: (number, number), times, written });
        Ok(())
    }

    /// Number of the newest batch there will be once this report is settled.
    pub fn last_batch(&self) -> u64 {
        self.writer.next_batch - 1
    }

    /// New events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Makes everything visible at once: events, sightings, counts, rejects, notices. Durable when it
    /// returns. Gives the final counts.
    pub async fn settle(self, settled: Settled) -> Result<Counts, Problem> {
        self.settle_with(settled, async |_| Ok(())).await
    }

    /// The same, with what is written besides in the same transaction.
    pub async fn settle_with(
        mut self,
        mut settled: Settled,
        also: impl AsyncFnOnce(&mut Change<'static>) -> Result<(), Problem>,
    ) -> Result<Counts, Problem> {
        settled.counts.events = settled.before.events + self.events;
        settled.counts.duplicates = settled.before.duplicates + self.repeats;
        settled.counts.notices = settled.before.notices + settled.telling.notices.len() as u64;
        self.write_records(&settled, also).await?;
        self.stage = Stage::Settled;
        self.writer.seen.shrink(crate::writer::PROBLEMS_MAX);
        Ok(settled.counts)
    }

    async fn write_records(
        &mut self,
        settled: &Settled,
        also: impl AsyncFnOnce(&mut Change<'static>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let in_file = self.sighting_file.is_some() || self.sightings.len() > JOURNAL_EVENTS_MAX;
        if in_file {
            self.write_sightings()?;
            self.finish_sightings()?;
        }
        let mut change = self.writer.store.records.change().await?;
        if let Some((content, bytes, receipt)) = &settled.report {
            records::insert_report(&mut change, self.report, content, receipt, *bytes).await?;
        }
        for (number, rows, is_quiet) in &self.batches {
            sqlx::query("INSERT INTO batch (id, report, received, rows, quiet) VALUES (?1, ?2, ?3, ?4, ?5)")
                .bind(number.cast_signed())
                .bind(self.report.0.as_slice())
                .bind(self.received.0)
                .bind(rows.cast_signed())
                .bind(is_quiet)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
        }
        for (number, rows) in &self.journal {
            for (at, row) in (0i64..).zip(rows) {
                sqlx::query("INSERT INTO journal (batch, n, event, sum) VALUES (?1, ?2, ?3, ?4)")
                    .bind(number.cast_signed())
                    .bind(at)
                    .bind(row)
                    .bind(journal_sum(number.cast_signed(), at, row).as_slice())
                    .execute(&mut *change)
                    .await
                    .map_err(trouble)?;
            }
        }
        if !in_file {
            self.journal_sightings(&mut change).await?;
        }
        let more = settled.counts.beyond(&settled.before);
        records::count_hour(&mut change, &self.feed, self.received, &more).await?;
        records::settle_report(&mut change, self.report, &settled.counts, &settled.rejects, &settled.reason).await?;
        settled.telling.write(&mut change).await?;
        also(&mut change).await?;
        self.finish_files()?;
        for file in &self.files {
            insert_segment(&mut change, file).await?;
        }
        self.stage = Stage::Asked;
        self.writer.store.records.commit(change).await
    }

    async fn journal_sightings(&self, change: &mut Change<'_>) -> Result<(), Problem> {
        if self.sightings.is_empty() {
            return Ok(());
        }
        // Sightings of a report may come without any new event, so they have a counter of their own.
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(batch) FROM sighting").fetch_one(&mut **change).await.map_err(trouble)?;
        let number = last.unwrap_or(0) + 1;
        for (at, sighting) in (0i64..).zip(&self.sightings) {
            sqlx::query("INSERT INTO sighting (batch, n, problem, first, time, report, line) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
                .bind(number)
                .bind(at)
                .bind(sighting.problem.0.as_slice())
                .bind(sighting.first.0)
                .bind(sighting.time.0)
                .bind(sighting.report.0.as_slice())
                .bind(sighting.mark.cast_signed())
                .execute(&mut **change)
                .await
                .map_err(trouble)?;
        }
        Ok(())
    }
}

/// Puts events in order; gives the places they came at.
fn sorted(order: &mut [(Order, u32)]) -> Vec<u32> {
    order.sort_unstable();
    order.iter().map(|(_, at)| *at).collect()
}
