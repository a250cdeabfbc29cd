//! Writing: one process at a time turns reports into stored events and notices.
//!
//! Files and journal rows of a report, its counts, its rejects and the notices it causes become
//! visible in one transaction. Whatever a kill leaves behind is swept when the next writer opens.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use concert_model::batch::Raw;
use concert_model::{Event, Field, Problem, ProblemKey, Receipt, Reject, ReportId, Time};

use crate::archive;
use crate::events::read;
use crate::events::seen::Seen;
use crate::events::time_of;
use crate::events::write::Written;
use crate::records::{self, Change, Counts, Home, NewNotice, Told, trouble};
use crate::store::{JOURNAL, Store, damaged, journal_page};
use crate::writing::Writing;

/// How names of unfinished files begin.
pub(crate) const PART: &str = ".part-";
/// Windows looked back at most for an earlier event of the same problem.
const LOOK_BACK_WINDOWS_MAX: i64 = 31;
/// Problems kept in memory at most; further back they are read again when needed.
pub(crate) const PROBLEMS_MAX: usize = 30_000_000;

/// The one writer of a site's events. Another process that wants to write finds the lock taken.
pub struct Writer {
    pub(crate) store: Store,
    pub(crate) seen: Seen,
    pub(crate) look_back: i64,
    pub(crate) next_batch: u64,
    _lock: File,
}

/// What belongs to a report besides its events, settled in the same transaction.
#[derive(Default)]
pub struct Settled {
    /// What was counted by the parser; events, duplicates and notices are filled in here.
    pub counts: Counts,
    /// What was counted before, when the report is processed again: its events and repeats stay.
    pub before: Counts,
    /// Its rejects.
    pub rejects: Vec<Reject>,
    /// Why it is incomplete, if it is.
    pub reason: String,
    /// What is told because of it.
    pub telling: Telling,
    /// The report itself, when it was not kept as waiting before: hash and size of its bytes.
    pub report: Option<([u8; 32], u64, Receipt)>,
}

/// Notices made together, and how far their kinds have looked.
#[derive(Default)]
pub struct Telling {
    /// The moment they are made.
    pub now: Time,
    /// What their numbers and Message-IDs end in.
    pub home: Home,
    /// The notices.
    pub notices: Vec<NewNotice>,
    /// Kinds whose cursor moves: name, batch, next due.
    pub cursors: Vec<(String, u64, Time)>,
    /// Whether groups that were held back before stay so, of kinds whose cursor moves.
    pub is_part: bool,
    /// Groups told further than the rest, or less far: kind, key, batch.
    pub early: Vec<(String, String, u64)>,
    /// When problems were told, by kind.
    pub told: Vec<Told>,
}

impl Telling {
    pub(crate) async fn write(&self, change: &mut Change<'_>) -> Result<(), Problem> {
        records::insert_notices(change, self.now, &self.home, &self.notices).await.map(drop)?;
        for (name, batch, due) in &self.cursors {
            records::move_cursor(change, name, *batch, *due, self.is_part).await?;
        }
        // A cursor passes by what groups are behind it, but for those that stay and those that are named here.
        for (name, key, batch) in &self.early {
            records::tell_early(change, name, key, *batch).await?;
        }
        for told in &self.told {
            told.write(change).await?;
        }
        Ok(())
    }
}

impl Writer {
    /// Takes the lock; `None` when another process has it. Removes what a killed process left.
    ///
    /// A repeat within `window` is a sighting of the event that is stored. An event whose problem was
    /// seen within `look_back` before gets that moment as `time.previous`; one that came late and was seen within that
    /// afterwards alone, that one.
    pub async fn open(store: &Store, window: Duration, look_back: Duration) -> Result<Option<Self>, Problem> {
        let path = store.data().join("lock");
        let failed = |error: io::Error| Problem::new(format!("cannot be used: {error}")).at(path.display().to_string());
        let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        let seen = Seen::new(window);
        let seconds = i64::try_from(look_back.as_secs()).unwrap_or(i64::MAX);
        let look_back = (seconds / seen.window_seconds()).clamp(1, LOOK_BACK_WINDOWS_MAX);
        let next_batch = store.last_batch().await? + 1;
        let writer = Self { store: store.clone(), seen, look_back, next_batch, _lock: lock };
        writer.sweep().await?;
        Ok(Some(writer))
    }

    /// The store it writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Removes event files that no row names, and unfinished parts.
    async fn sweep(&self) -> Result<(), Problem> {
        self.store.archive.sweep();
        crate::upkeep::snapshot::sweep(self.store.data());
        let known: HashSet<String> = sqlx::query_scalar("SELECT path FROM segment")
            .fetch_all(self.store.records.pool())
            .await
            .map_err(trouble)?
            .into_iter()
            .collect();
        for kind in ["events", "sightings"] {
            for day in fs::read_dir(self.store.data().join(kind)).into_iter().flatten().flatten() {
                if day.file_name().to_string_lossy().starts_with(PART) {
                    fs::remove_file(day.path()).ok();
                    continue;
                }
                for file in fs::read_dir(day.path()).into_iter().flatten().flatten() {
                    let name =
                        format!("{kind}/{}/{}", day.file_name().to_string_lossy(), file.file_name().to_string_lossy());
                    if !known.contains(&name) {
                        fs::remove_file(file.path()).ok();
                    }
                }
            }
        }
        Ok(())
    }

    /// Begins to write the events of a report. A repeat within `window` of an event is no new event;
    /// no window is longer than that of the writer.
    pub fn begin(&mut self, report: ReportId, receipt: &Receipt, window: Duration) -> Writing<'_> {
        Writing::new(self, report, receipt, i64::try_from(window.as_secs()).unwrap_or(i64::MAX))
    }

    /// Makes notices without a report: kinds whose time has come.
    pub async fn tell(&mut self, telling: &Telling) -> Result<(), Problem> {
        let mut change = self.store.records.change().await?;
        telling.write(&mut change).await?;
        self.store.records.commit(change).await
    }

    /// Fills the buckets of problems that events at these times need.
    pub(crate) async fn fill_seen(&mut self, buckets: &BTreeSet<i64>) -> Result<(), Problem> {
        let near = buckets.iter().flat_map(|bucket| bucket - self.look_back..=bucket + self.look_back);
        let needed: BTreeSet<i64> = near.filter(|bucket| !self.seen.has(*bucket)).collect();
        let (Some(low), Some(high)) = (needed.first(), needed.last()) else { return Ok(()) };
        let (from, until) = (self.seen.span(*low).0, self.seen.span(*high).1);
        let rows = sqlx::query(JOURNAL).fetch_all(self.store.records.pool()).await.map_err(trouble)?;
        let segments = self.store.segments("events", 0).await?;
        let seen = &mut self.seen;
        let mut take = |problem: ProblemKey, time: Time| {
            if needed.contains(&seen.bucket(time)) {
                seen.insert(problem, time);
            }
        };
        journal_page(&rows).iter().for_each(|stored| take(stored.event.row().key, time_of(&stored.event)));
        for segment in segments.iter().filter(|segment| segment.times.1 >= from && segment.times.0 < until) {
            // Upkeep may have merged the file since the list was read.
            self.store
                .open_or_old(&segment.path, &mut |path| read::problems(path, &mut take))
                .map_err(|error| damaged(&segment.path, &error))?;
        }
        for bucket in needed {
            self.seen.fill(bucket);
        }
        Ok(())
    }

    /// Reads anew what was seen, because stored events have changed.
    pub(crate) fn forget_seen(&mut self) {
        self.seen.clear();
    }

    pub(crate) fn part(&self) -> Result<PathBuf, Problem> {
        let dir = self.store.data().join("events");
        fs::create_dir_all(&dir).map_err(|error| failed("events", &error))?;
        Ok(dir.join(format!("{PART}{}", archive::unique())))
    }
}

pub(crate) fn failed(name: &str, error: &io::Error) -> Problem {
    Problem::new(format!("cannot be written: {error}")).at(name).hint("is the disk full, or the folder not ours?")
}

/// Network, address, time: what people ask for stands together. Of an IPv6 address the first half
/// counts, and whole seconds of the time, so that comparing is one step.
pub(crate) type Order = u128;

pub(crate) fn order_of(event: &Event<'_>, time: Time) -> Order {
    let asn = event.int(Field::SOURCE_ASN).and_then(|asn| u32::try_from(asn).ok()).unwrap_or(u32::MAX);
    let address = match event.raw(Field::SOURCE_IP) {
        Some(Raw::Ip(IpAddr::V4(address))) => u64::from(address.to_bits()),
        Some(Raw::Ip(IpAddr::V6(address))) => u64::try_from(address.to_bits() >> 64).unwrap_or(0),
        _ => 0,
    };
    let second = u32::try_from(time.seconds().max(0)).unwrap_or(u32::MAX);
    u128::from(asn) << 96 | u128::from(address) << 32 | u128::from(second)
}

/// First and last moment of no event.
pub(crate) const NO_TIMES: (Time, Time) = (Time(i64::MAX), Time(i64::MIN));

pub(crate) fn widened((first, last): (Time, Time), time: Time) -> (Time, Time) {
    (first.min(time), last.max(time))
}

/// A file that is complete and waits to be named in the records.
pub(crate) struct Finished {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) day: String,
    pub(crate) batches: (u64, u64),
    pub(crate) times: (Time, Time),
    pub(crate) written: Written,
}

pub(crate) async fn insert_segment(change: &mut Change<'_>, file: &Finished) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO segment (path, kind, day, first_batch, last_batch, rows, bytes, min_time, max_time, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(&file.name)
    .bind(file.kind)
    .bind(&file.day)
    .bind(file.batches.0.cast_signed())
    .bind(file.batches.1.cast_signed())
    .bind(file.written.rows.cast_signed())
    .bind(file.written.bytes.cast_signed())
    .bind(file.times.0.0)
    .bind(file.times.1.0)
    .bind(file.written.hash.as_slice())
    .execute(&mut **change)
    .await
    .map_err(trouble)
    .map(|_| ())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Members;
    use crate::events::read::Bounds;
    use crate::records::Counts;
    use crate::writing::Watch;
    use concert_model::{Batch, EventId, Origin, Part, Value};
    use std::collections::BTreeSet;

    /// All events that are placed.
    impl Watch for Members {
        fn see(&mut self, _: &Event<'_>) {}

        fn placed(&mut self, batch: u64, order: &[u32]) {
            (0..u32::try_from(order.len()).unwrap()).for_each(|row| self.add(batch, row));
        }
    }

    pub(crate) const DAY: Duration = Duration::from_secs(86_400);

    pub(crate) async fn site() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        (dir, store)
    }

    pub(crate) fn receipt(name: &str) -> Receipt {
        Receipt {
            feed: "drop".into(),
            origin: Origin::File(name.into()),
            received: Time::parse("2026-11-22T10:00:00Z", None).unwrap(),
            sender: String::new(),
            file_name: name.into(),
            url: String::new(),
            media_type: String::new(),
        }
    }

    /// Events `from..to`, each its own problem, an hour of the same day.
    pub(crate) fn batch(report: ReportId, from: u32, to: u32) -> Batch {
        let mut batch = Batch::new();
        for number in from..to {
            let mut event = batch.open();
            let address = std::net::Ipv4Addr::from_bits(0xc633_6400 + number);
            event.set(Field::SOURCE_IP, &Value::Ip(address.into()));
            event.set(Field::SOURCE_ASN, &Value::Int(i64::from(64_500 + number % 7)));
            event.set(
                Field::TIME_SOURCE,
                &Value::Time(Time::from_seconds(1_795_300_000 + i64::from(number % 3600)).unwrap()),
            );
            event.set(Field::TIME_OBSERVATION, &Value::Time(receipt("x").received));
            let tag = event.extra("tag").unwrap();
            event.set(tag, &Value::Json("[1,\"x\"]".into()));
            let (line, key) = (u64::from(number), ProblemKey::of(&number.to_le_bytes()));
            event.keep(EventId::new(report, Part::WHOLE, line, 0), key, line);
        }
        batch
    }

    pub(crate) async fn write(writer: &mut Writer, name: &str, from: u32, to: u32) -> (Counts, Members) {
        let receipt = receipt(name);
        let content = *blake3::hash(name.as_bytes()).as_bytes();
        let id = receipt.id(&content);
        writer.store().records.add_report(id, &content, &receipt, 1).await.unwrap();
        let mut writing = writer.begin(id, &receipt, DAY);
        let mut members = Members::default();
        writing.add(batch(id, from, to), &mut members).await.unwrap();
        let settling = writing.close(&mut members).await.unwrap();
        let notice = NewNotice { name: "n".into(), state: "queued", members: members.clone(), ..NewNotice::default() };
        let home = Home { letters: String::new(), domain: "x.example".into() };
        let telling = Telling { now: receipt.received, home, notices: vec![notice], ..Telling::default() };
        (settling.settle(Settled { telling, ..Settled::default() }).await.unwrap(), members)
    }

    pub(crate) async fn count(store: &Store) -> usize {
        let mut ids = HashSet::new();
        store
            .scan(&Bounds::default(), 0, &mut |page| {
                assert!(page.iter().all(|stored| ids.insert(stored.event.row().id)), "an event is read twice");
                true
            })
            .await
            .unwrap();
        ids.len()
    }

    #[tokio::test]
    async fn events_are_stored_once_whatever_their_way() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        assert!(Writer::open(&store, DAY, DAY).await.unwrap().is_none(), "there is one writer");
        let (small, in_journal) = write(&mut writer, "small", 0, 10).await;
        let (large, in_file) = write(&mut writer, "large", 5, 5_000).await;
        assert_eq!((small.events, small.duplicates, large.events, large.duplicates), (10, 0, 4_990, 5));
        assert_eq!(count(&store).await, 5_000);
        assert!(writer.fold_journal(true).await.unwrap());
        assert_eq!(count(&store).await, 5_000);
        let loaded = store.load(&[&in_journal, &in_file]).await.unwrap();
        let lines =
            |members: &Members| loaded.of(members).map(|stored| stored.event.row().position).collect::<BTreeSet<u64>>();
        assert_eq!(lines(&in_journal), (0..10).collect());
        assert_eq!(lines(&in_file), (10..5_000).collect());
        assert_eq!(store.repeats(None, "").await.unwrap().values().map(|(count, _)| count).sum::<u64>(), 5);
        let notices = store.records.notices(&crate::records::NoticeFilter::default()).await.unwrap();
        assert_eq!(notices.iter().map(|n| n.id.as_str()).collect::<Vec<_>>(), ["20261122-000002", "20261122-000001"]);
        // A writer that knows nothing yet learns from what is stored.
        drop(writer);
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        let (again, _) = write(&mut writer, "again", 0, 5_000).await;
        assert_eq!((again.events, again.duplicates), (0, 5_000));
    }

    #[tokio::test]
    async fn what_was_not_stored_was_not_seen() {
        let (dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        let given = receipt("given up");
        let id = given.id(blake3::hash(b"given up").as_bytes());
        let left = || {
            let part = |file: &fs::DirEntry| file.file_name().to_string_lossy().starts_with(PART);
            fs::read_dir(dir.path().join("events")).unwrap().flatten().filter(part).count()
        };
        // Given up by who writes; then files and sightings cannot be written, because a file is where their folder goes.
        let mut writing = writer.begin(id, &given, DAY);
        writing.add(batch(id, 0, 5_000), &mut Members::default()).await.unwrap();
        drop(writing);
        let mut writing = writer.begin(id, &given, DAY);
        writing.add(batch(id, 0, 5_000), &mut Members::default()).await.unwrap();
        drop(writing.close(&mut Members::default()).await.unwrap());
        let day = dir.path().join("events/day=2026-11-22");
        assert_eq!(fs::read_dir(&day).into_iter().flatten().count(), 0, "files of a report that does not count");
        fs::remove_dir(&day).ok();
        fs::write(&day, b"").unwrap();
        let mut writing = writer.begin(id, &given, DAY);
        let added = writing.add(batch(id, 0, 70_000), &mut Members::default()).await;
        let added = added.and(writing.add(batch(id, 70_000, 140_000), &mut Members::default()).await);
        assert!(added.is_err(), "the folder is a file");
        drop(writing);
        assert_eq!(left(), 0, "unfinished files");
        fs::remove_file(&day).unwrap();
        let (counts, _) = write(&mut writer, "again", 0, 5_000).await;
        assert_eq!((counts.events, counts.duplicates), (5_000, 0));
        assert_eq!(count(&store).await, 5_000);
    }

    #[tokio::test]
    async fn values_survive_both_forms_of_storage() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "small", 0, 1).await;
        let read = async || {
            let mut text = Vec::new();
            store
                .scan(&Bounds::default(), 0, &mut |page| {
                    page.iter().for_each(|stored| concert_model::json::write_members(&stored.event, &mut text));
                    true
                })
                .await
                .unwrap();
            String::from_utf8(text).unwrap()
        };
        let from_journal = read().await;
        assert!(
            from_journal.contains(r#""source.ip":"198.51.100.0""#) && from_journal.contains(r#""extra.tag":[1,"x"]"#),
            "{from_journal}"
        );
        writer.fold_journal(true).await.unwrap();
        assert_eq!(read().await, from_journal);
    }

    #[tokio::test]
    async fn every_page_says_how_new_those_after_it_can_be() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "small", 0, 10).await;
        write(&mut writer, "large", 10, 7_000).await;
        write(&mut writer, "another", 7_000, 7_010).await;
        for folded in [false, true] {
            assert_eq!(writer.fold_journal(folded).await.unwrap(), folded);
            let mut promised = u64::MAX;
            let mut pages = 0;
            store
                .scan(&Bounds::default(), 0, &mut |page| {
                    assert!(page.places.iter().all(|(_, batch, _)| *batch <= promised), "{promised}");
                    (promised, pages) = (page.next_batch_max, pages + 1);
                    true
                })
                .await
                .unwrap();
            assert!(pages >= 3, "{pages}");
        }
    }

    #[tokio::test]
    async fn what_a_killed_writer_left_is_swept() {
        let (dir, store) = site().await;
        let stray = dir.path().join("events/day=2026-11-22/9-9.parquet");
        fs::create_dir_all(stray.parent().unwrap()).unwrap();
        fs::write(&stray, b"half").unwrap();
        let part = dir.path().join("events/.part-7");
        fs::write(&part, b"half").unwrap();
        Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        assert!(!stray.exists() && !part.exists());
    }
}
