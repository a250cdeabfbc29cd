//! Upkeep: few files, a small journal, and nothing kept for longer than the settings say.
//!
//! Only the process that holds the writer's lock does upkeep. A file that was replaced keeps standing
//! under another name for a while, because somebody may have begun to read it.

mod fold;
mod forget;
mod merge;
mod replace;
mod retain;
pub(crate) mod snapshot;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use concert_model::{Problem, Time};

use crate::events::write::{self, write_events};
use crate::events::{Columns, Page, Stored, time_of};
use crate::records::{Change, trouble};
use crate::store::{Segment, Store};
pub use forget::{KeyFields, TraceCounts, Traces, VALUE_CHARS_MIN};
pub use replace::{Known, Place};
pub use snapshot::{Folder, Secrets, Snapshot};

pub(crate) use crate::writer::{Finished, failed};
use crate::writer::{NO_TIMES, Order, insert_segment, order_of, widened};

/// How long a replaced file is still there for those who read it.
const OLD_KEPT_SECONDS: i64 = 600;
/// Retention looks for what is too old this often.
const RETAIN_EVERY_SECONDS: i64 = 3600;
/// Owner and name under which the last look is remembered. No feed has an empty name.
const RETAINED: (&str, &str) = ("", "retained");

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Reports as they were received, and their rejects.
    pub raw: Duration,
    /// Events and their sightings.
    pub events: Duration,
    /// The bytes of notices that were sent.
    pub notices: Duration,
    /// Rows of the audit log.
    pub audit: Duration,
}

/// What a round of upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Files that became fewer.
    pub merged: usize,
    /// Files of events and sightings that were too old.
    pub files_removed: usize,
    /// Reports whose raw bytes were too old.
    pub raw_removed: usize,
    /// Notices whose bytes were too old.
    pub notices_removed: u64,
    /// Rows of the audit log that were too old.
    pub audit_removed: u64,
}

/// The upkeep of one store, by the process that holds its lock.
#[derive(Debug)]
pub struct Upkeep {
    store: Store,
    keep: Keep,
    old: Vec<(PathBuf, Time)>,
    /// Files that could not be merged; tried again after the next start.
    passed_over: HashSet<String>,
    retained: Option<Time>,
}

impl Upkeep {
    /// Upkeep of this store.
    pub fn new(store: &Store, keep: Keep) -> Self {
        Self { store: store.clone(), keep, old: Vec::new(), passed_over: HashSet::new(), retained: None }
    }

    /// Does what is due. Reads and writes files on the calling thread.
    pub async fn round(&mut self, now: Time) -> Result<Done, Problem> {
        let mut done = Done::default();
        self.old.retain(|(path, since)| {
            let is_over = since.plus_seconds(OLD_KEPT_SECONDS) <= now;
            if is_over {
                // Start-up removes it too, should this fail.
                fs::remove_file(path).ok();
            }
            !is_over
        });
        done.merged = self.merge(now, usize::MAX).await?;
        if self.retained.is_none_or(|last| last.plus_seconds(RETAIN_EVERY_SECONDS) <= now) {
            self.retain_and_remember(now, &mut done).await?;
        }
        Ok(done)
    }

    /// The same for a command that ends: at most one merge, and retention only when nobody, also no other
    /// process, looked within the hour. What was replaced is removed by the next start.
    pub async fn small_round(&mut self, now: Time) -> Result<Done, Problem> {
        let mut done = Done { merged: self.merge(now, 1).await?, ..Done::default() };
        let last =
            self.store.records.recall(RETAINED.0, RETAINED.1).await?.and_then(|text| text.parse().ok().map(Time));
        // A moment to come is from a clock that went wrong.
        if last.is_none_or(|last| last.plus_seconds(RETAIN_EVERY_SECONDS) <= now || last > now) {
            self.retain_and_remember(now, &mut done).await?;
        }
        Ok(done)
    }

    async fn retain_and_remember(&mut self, now: Time, done: &mut Done) -> Result<(), Problem> {
        self.retain(now, done).await?;
        self.retained = Some(now);
        self.store.records.remember(RETAINED.0, RETAINED.1, &now.0.to_string()).await
    }

    /// Takes files that no row names any more out of sight.
    fn put_aside(&mut self, segments: &[Segment], now: Time) {
        for segment in segments {
            self.old.extend(put_aside(&self.store, segment).map(|path| (path, now)));
        }
    }
}

/// Renames a replaced file so that nobody begins to read it; gives its new name.
pub(crate) fn put_aside(store: &Store, segment: &Segment) -> Option<PathBuf> {
    let path = store.data().join(&segment.path);
    let old = path.with_extension("parquet.old");
    // A file that cannot be renamed is removed by the next start, since no row names it.
    fs::rename(&path, &old).ok().map(|()| old)
}

/// A name no file of this kind and day has, for events of these batches.
pub(crate) fn free_name(store: &Store, kind: &str, day: &str, batches: (u64, u64)) -> Result<String, Problem> {
    for number in 1..10_000 {
        let name = format!("{kind}/day={day}/{}-{}.{number}.parquet", batches.0, batches.1);
        let path = store.data().join(&name);
        if !path.exists() && !path.with_extension("parquet.old").exists() {
            return Ok(name);
        }
    }
    Err(Problem::new("no free name for an event file").at(format!("{kind}/day={day}")))
}

/// Writes events of several pages as one sorted file. Batch and row of each event stay what they are.
pub(crate) fn write_pages(store: &Store, day: &str, pages: &[Page]) -> Result<Finished, Problem> {
    write_stored(store, day, pages.iter().flat_map(Page::iter))
}

/// Writes events as one sorted file, with the batch and row they have.
pub(crate) fn write_stored<'a>(
    store: &Store,
    day: &str,
    rows: impl Iterator<Item = Stored<'a>>,
) -> Result<Finished, Problem> {
    let mut file = Rewriting::default();
    for stored in rows {
        file.add(&stored)?;
    }
    file.write(store, day)
}

/// Stored events that will be one sorted file, taken apart as they come: whole pages of them would need
/// several times the memory.
#[derive(Default)]
pub(crate) struct Rewriting {
    columns: Columns,
    places: Vec<write::Place>,
    order: Vec<(Order, u32)>,
    times: Option<(Time, Time)>,
}

impl Rewriting {
    pub(crate) fn add(&mut self, stored: &Stored<'_>) -> Result<(), Problem> {
        if self.columns.is_full() {
            return Err(Problem::new("the events are too large for one file"));
        }
        let at = u32::try_from(self.places.len()).map_err(|_| Problem::new("too many events for one file"))?;
        let time = time_of(&stored.event);
        self.columns.push(&stored.event);
        self.places.push((stored.report, stored.batch, stored.row));
        self.order.push((order_of(&stored.event, time), at));
        self.times = Some(widened(self.times.unwrap_or(NO_TIMES), time));
        Ok(())
    }

    pub(crate) fn write(mut self, store: &Store, day: &str) -> Result<Finished, Problem> {
        let numbers = || self.places.iter().map(|(_, batch, _)| *batch);
        let (first, last) = (numbers().min().unwrap_or(u64::MAX), numbers().max().unwrap_or(0));
        self.order.sort_unstable();
        let order: Vec<u32> = self.order.iter().map(|(_, at)| *at).collect();
        let name = free_name(store, "events", day, (first, last))?;
        let path = store.data().join(&name);
        let (columns, places) = (&mut self.columns, &self.places);
        let place = |_, at: u32| places.get(at as usize).copied().unwrap_or_default();
        let written = part_of(store).and_then(|part| write_events(&part, &path, columns, &order, &place));
        let written = written.map_err(|error| failed(&name, &error))?;
        let times = self.times.unwrap_or(NO_TIMES);
        Ok(Finished { name, kind: "events", day: day.to_owned(), batches: (first, last), times, written })
    }
}

pub(crate) fn part_of(store: &Store) -> io::Result<PathBuf> {
    let dir = store.data().join("events");
    fs::create_dir_all(&dir)?;
    Ok(dir.join(format!(".part-{}", crate::archive::unique())))
}

/// Names new files and forgets those they replace, in a change. The error says that one of them is
/// not there any more.
pub(crate) async fn swap(change: &mut Change<'_>, new: &[Finished], old: &[Segment]) -> Result<(), Problem> {
    for segment in old {
        let gone = sqlx::query("DELETE FROM segment WHERE path = ?1 AND hash = ?2")
            .bind(&segment.path)
            .bind(segment.hash.as_slice())
            .execute(&mut **change)
            .await
            .map_err(trouble)?;
        if gone.rows_affected() != 1 {
            return Err(Problem::new("the file was replaced meanwhile").at(segment.path.clone()));
        }
    }
    for file in new {
        insert_segment(change, file).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::Members;
    use crate::records::{Act, AuditFilter, By, MailRow, ReportRow, Settled};
    use crate::writer::Writer;
    use crate::writer::tests::{DAY, count, site, write};

    fn at(text: &str) -> Time {
        Time::parse(text, None).unwrap()
    }

    fn upkeep(store: &Store) -> Upkeep {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Upkeep::new(store, Keep { raw: days(10), events: days(20), notices: days(20), audit: days(30) })
    }

    fn files(store: &Store) -> Vec<String> {
        let days = fs::read_dir(store.data().join("events")).unwrap().flatten().filter(|day| day.path().is_dir());
        let mut names: Vec<String> = days
            .flat_map(|day| fs::read_dir(day.path()).unwrap().flatten())
            .map(|file| file.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn old_rows_of_the_audit_log_go() {
        let (_dir, store) = site().await;
        for day in ["2026-10-01T00:00:00Z", "2026-11-20T00:00:00Z"] {
            let by = By { who: "jane".into(), from: String::new(), at: at(day) };
            store.records.audit(&by, &Act::done("login", "user jane", "")).await.unwrap();
        }
        let done = upkeep(&store).round(at("2026-11-22T00:00:00Z")).await.unwrap();
        assert_eq!(done.audit_removed, 1);
        let left = store.records.audit_rows(&AuditFilter::default()).await.unwrap();
        assert_eq!(
            left.iter().map(|row| (row.seq, row.by.at)).collect::<Vec<_>>(),
            [(at("2026-11-20T00:00:00Z").0, at("2026-11-20T00:00:00Z"))]
        );
    }

    #[tokio::test]
    async fn merged_files_hold_every_event_of_every_notice() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        let mut notices = Vec::new();
        // Large and small ones in turn, so that the span of the folded file covers the others.
        for number in 0..20u32 {
            let rows = if number % 2 == 0 { 2_100 } else { 10 };
            let name = format!("report {number}");
            notices.push(write(&mut writer, &name, number * 3_000, number * 3_000 + rows).await.1);
        }
        writer.fold_journal(true).await.unwrap();
        let check = async |store: &Store| {
            assert_eq!(count(store).await, 10 * 2_100 + 10 * 10);
            for members in &notices {
                let loaded = store.load(&[members]).await.unwrap();
                assert_eq!(loaded.of(members).count() as u64, members.len());
            }
            // Notices of several kinds want the same events, all of them or some.
            let mut some = Members::default();
            [(3, 5), (3, 6), (3, 2_000), (2, 9)].iter().for_each(|(batch, row)| some.add(*batch, *row));
            let all: Vec<&Members> = notices.iter().chain([&some]).collect();
            let loaded = store.load(&all).await.unwrap();
            assert!(all.iter().all(|members| loaded.of(members).count() as u64 == members.len()));
        };
        check(&store).await;
        let mut upkeep = upkeep(&store);
        let done = upkeep.round(at("2026-11-22T20:00:00Z")).await.unwrap();
        assert_eq!(done.merged, 0, "eleven files are few enough while the day goes on");
        let done = upkeep.round(at("2026-11-23T00:00:00Z")).await.unwrap();
        assert_eq!(done.merged, 10);
        check(&store).await;
        assert_eq!(files(&store).iter().filter(|name| name.ends_with(".old")).count(), 11);
        upkeep.round(at("2026-11-23T00:10:00Z")).await.unwrap();
        assert_eq!(files(&store), ["1-20.1.parquet"]);
        drop(writer);
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        check(&store).await;
        assert_eq!(write(&mut writer, "again", 0, 2_100).await.0.duplicates, 2_100);
    }

    #[tokio::test]
    async fn what_is_too_old_goes_and_receipts_stay() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        store.archive.keep(&mut &b"old"[..], None).unwrap();
        write(&mut writer, "old", 0, 3_000).await;
        let content = *blake3::hash(b"old").as_bytes();
        let mut upkeep = upkeep(&store);
        let done = upkeep.round(at("2026-12-01T10:00:00Z")).await.unwrap();
        assert_eq!((done, store.archive.has(&content)), (Done::default(), true));
        // Mails that came back go too, but for those that nobody looked into.
        let records = &store.records;
        for mail in ["taken", "waits"] {
            let (content, bytes) = store.archive.keep(&mut mail.as_bytes(), None).unwrap();
            let id = concert_model::ReportId::new("[mailbox]", &content, mail);
            assert!(records.add_mail(id, &content, at("2026-11-22T10:00:00Z"), bytes).await.unwrap());
            assert!(!records.add_mail(id, &content, at("2026-11-22T10:00:00Z"), bytes).await.unwrap(), "known");
        }
        let row = records.mails_waiting(1).await.unwrap().remove(0);
        let settled = Settled { row: MailRow { state: "taken".into(), ..row }, ..Settled::default() };
        records.settle_mail(&settled, at("2026-11-22T10:00:00Z")).await.unwrap();
        let has = |mail: &str| store.archive.has(blake3::hash(mail.as_bytes()).as_bytes());
        let done = upkeep.round(at("2026-12-03T10:00:00Z")).await.unwrap();
        assert_eq!((done.raw_removed, store.archive.has(&content), count(&store).await), (2, false, 3_000));
        assert_eq!((has("taken"), has("waits"), records.mails_waiting(9).await.unwrap().len()), (false, true, 1));
        let done = upkeep.round(at("2026-12-14T10:00:00Z")).await.unwrap();
        assert_eq!((done.files_removed, count(&store).await), (1, 0));
        let reports: Vec<ReportRow> = store.records.reports("", Time(0)).await.unwrap();
        assert_eq!(reports.len(), 1);
        assert_eq!(store.last_batch().await.unwrap(), 1, "batches are never counted anew");
    }

    #[tokio::test]
    async fn a_small_round_looks_for_what_is_too_old_once_an_hour_whoever_looked() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        store.archive.keep(&mut &b"old"[..], None).unwrap();
        write(&mut writer, "old", 0, 10).await;
        let keep = |days: u64| Duration::from_secs(days * 86_400);
        let long = Keep { raw: keep(400), events: keep(400), notices: keep(400), audit: keep(400) };
        // Each process has an upkeep of its own.
        let small = async |kept: Keep, now: &str| Upkeep::new(&store, kept).small_round(at(now)).await.unwrap();
        assert_eq!(small(long, "2026-12-03T10:00:00Z").await, Done::default());
        let short = Keep { raw: keep(1), ..long };
        assert_eq!(small(short, "2026-12-03T10:59:59Z").await, Done::default());
        assert_eq!(small(short, "2026-12-03T11:00:00Z").await.raw_removed, 1);
        // A look in the time to come was by a clock that went wrong.
        assert_eq!(small(short, "2026-12-03T10:00:00Z").await, Done::default());
        let last = store.records.recall("", "retained").await.unwrap();
        assert_eq!(last, Some(at("2026-12-03T10:00:00Z").0.to_string()));
    }

    #[tokio::test]
    async fn the_journal_becomes_a_file_for_each_day() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 10).await;
        write(&mut writer, "two", 10, 20).await;
        write(&mut writer, "repeats", 0, 20).await;
        let yesterday = at("2026-11-21T10:00:00Z");
        sqlx::query("UPDATE batch SET received = ?1 WHERE id = 1")
            .bind(yesterday.0)
            .execute(store.records.pool())
            .await
            .unwrap();
        assert!(!writer.tidy_journal(yesterday).await.unwrap());
        assert!(writer.tidy_journal(at("2026-11-21T11:00:00Z")).await.unwrap());
        assert_eq!(files(&store), ["1-1.1.parquet", "2-2.1.parquet"]);
        assert_eq!(count(&store).await, 20);
        assert_eq!(store.repeats(None, "").await.unwrap().len(), 20);
        assert_eq!(store.segments("sightings", 0).await.unwrap().len(), 1);
        assert!(!writer.fold_journal(true).await.unwrap(), "nothing is left");
    }
}
