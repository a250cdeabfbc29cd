//! The store of a site: what is written together, and what is read together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use concert_model::{Batch, EventId, Problem, ProblemKey, ReportId, Time, json};
use sqlx::Row;

use crate::account;
use crate::archive::{Archive, TRY_BYTES};
use crate::events::read::{self, Bounds, Rows, sixteen};
use crate::events::write::{Written, write_events, write_sightings};
use crate::events::{Columns, Page, Repeats, Sighting, Stored};
use crate::evidence::Evidence;
use crate::members::{Members, Range};
use crate::records::{Change, Records, trouble};

/// Events of the journal with what a reader needs; narrowed and ordered by the caller.
pub(crate) const JOURNAL: &str = "SELECT journal.batch, n, report, event FROM journal JOIN batch ON batch.id = journal.batch ORDER BY journal.batch, n";

/// Owner and name of the row that a try writes. No feed has an empty name.
const TRIED: (&str, &str) = ("", "tried");

/// The store of one site, for any number of readers.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) data: PathBuf,
    /// Raw reports.
    pub archive: Archive,
    /// Evidence of incidents.
    pub evidence: Evidence,
    /// Everything relational.
    pub records: Records,
}

/// A file of events, as the records name it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Name below the data folder.
    pub path: String,
    /// The day its reports were received.
    pub day: String,
    /// First and last batch in it.
    pub batches: (u64, u64),
    /// Rows in it.
    pub rows: u64,
    /// First and last `time.source` in it.
    pub times: (Time, Time),
    /// BLAKE3 hash of the file.
    pub hash: [u8; 32],
}

impl Store {
    /// Opens the store in a data folder.
    pub async fn open(data: &Path) -> Result<Self, Problem> {
        if !data.is_dir() {
            return Err(Problem::new("there is no site here").at(data.display().to_string()).hint(
                "`concert init DIR` makes it, also beside settings that are there; or name the site with --site DIR",
            ));
        }
        account::is_owner(data)?;
        let records = Records::open(&data.join("records.sqlite")).await?;
        let (archive, evidence) = (Archive::new(data.join("archive")), Evidence::new(data.join("evidence")));
        Ok(Self { data: data.to_owned(), archive, evidence, records })
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Why no report can be kept on the disk, if that is so. What the disk does not say by itself (a quota, folders of
    /// others) is told by a file that is written and goes at once.
    pub fn keeps_nothing(&self) -> Option<String> {
        self.is_full().or_else(|| {
            let why = self.archive.try_to_keep().err()?;
            Some(format!("nothing is taken in: {} cannot be written: {why}", self.data.join("archive").display()))
        })
    }

    fn is_full(&self) -> Option<String> {
        // Who cannot be asked is not said to be full.
        let disk = rustix::fs::statvfs(&self.data).ok()?;
        let (left, place) = (disk.f_bavail.saturating_mul(disk.f_frsize), self.data.display());
        if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
            return Some(format!("nothing is taken in: the disk of {place} can only be read"));
        }
        if left < TRY_BYTES as u64 {
            return Some(format!("nothing is taken in: the disk is full, {left} bytes are left for {place}"));
        }
        // Some file systems count no files.
        let has_no_files = disk.f_files > 0 && disk.f_favail == 0;
        has_no_files.then(|| format!("nothing is taken in: the disk has no room for another file in {place}"))
    }

    /// Whether a report could be kept now: writes a little into the archive and the records, as a report would.
    pub async fn try_to_keep(&self) -> Result<(), Problem> {
        let archive = self.archive.clone();
        let tried = tokio::task::spawn_blocking(move || archive.try_to_keep()).await;
        let tried = tried.unwrap_or_else(|error| Err(io::Error::other(error)));
        tried.map_err(|error| Problem::new(format!("reports cannot be kept: {error}")))?;
        let (owner, name) = TRIED;
        self.records.remember(owner, name, "").await
    }

    /// The files of a kind (`events`, `sightings`), newest first, which hold batches above a number.
    pub async fn segments(&self, kind: &str, above: u64) -> Result<Vec<Segment>, Problem> {
        let rows = sqlx::query("SELECT * FROM segment WHERE kind = ?1 AND last_batch > ?2 ORDER BY last_batch DESC")
            .bind(kind)
            .bind(above.cast_signed())
            .fetch_all(self.records.pool())
            .await
            .map_err(trouble)?;
        Ok(rows.iter().map(segment).collect())
    }

    /// The number of the newest batch.
    pub async fn last_batch(&self) -> Result<u64, Problem> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(id) FROM batch").fetch_one(self.records.pool()).await.map_err(trouble)?;
        Ok(last.unwrap_or(0).cast_unsigned())
    }

    /// Batches whose events are not told to anybody.
    pub async fn quiet_batches(&self, above: u64) -> Result<HashSet<u64>, Problem> {
        let rows: Vec<i64> = sqlx::query_scalar("SELECT id FROM batch WHERE quiet = 1 AND id > ?1")
            .bind(above.cast_signed())
            .fetch_all(self.records.pool())
            .await
            .map_err(trouble)?;
        Ok(rows.into_iter().map(i64::cast_unsigned).collect())
    }

    /// When a batch was received; nothing where it is gone.
    pub async fn received(&self, batch: u64) -> Result<Option<Time>, Problem> {
        let query = sqlx::query_scalar("SELECT received FROM batch WHERE id = ?1").bind(batch.cast_signed());
        let received: Option<i64> = query.fetch_optional(self.records.pool()).await.map_err(trouble)?;
        Ok(received.map(Time))
    }

    /// Reads events of batches above a number that can match, newest batch first: journal, then files.
    /// `each` answers whether to go on. Runs file reading on the calling thread.
    pub async fn scan(
        &self,
        bounds: &Bounds,
        above: u64,
        each: &mut (dyn FnMut(Page) -> bool + Send),
    ) -> Result<(), Problem> {
        // One transaction, so that an event that moves from the journal to a file is read once.
        let mut view = self.records.pool().begin().await.map_err(trouble)?;
        let rows = sqlx::query("SELECT journal.batch, n, report, event FROM journal JOIN batch ON batch.id = journal.batch WHERE journal.batch > ?1 ORDER BY journal.batch DESC, n")
            .bind(above.cast_signed())
            .fetch_all(&mut *view)
            .await
            .map_err(trouble)?;
        let files =
            sqlx::query("SELECT * FROM segment WHERE kind = 'events' AND last_batch > ?1 ORDER BY last_batch DESC")
                .bind(above.cast_signed())
                .fetch_all(&mut *view)
                .await
                .map_err(trouble)?;
        view.commit().await.map_err(trouble)?;
        let files: Vec<Segment> = files.iter().map(segment).collect();
        let newest_in = |file: usize| files.get(file).map_or(0, |segment| segment.batches.1);
        let mut chunks = rows.chunks(4096).peekable();
        while let Some(some) = chunks.next() {
            let mut page = journal_page(some);
            let next = chunks.peek().and_then(|chunk| chunk.first()?.try_get::<i64, _>("batch").ok());
            page.next_batch_max = next.unwrap_or(0).cast_unsigned().max(newest_in(0));
            if !each(page) {
                return Ok(());
            }
        }
        let mut go_on = true;
        for (index, segment) in files.iter().enumerate() {
            let outside = bounds.since.is_some_and(|since| segment.times.1 < since)
                || bounds.until.is_some_and(|until| segment.times.0 >= until);
            if outside {
                continue;
            }
            let next_batch_max = segment.batches.1.max(newest_in(index + 1));
            self.read_file(&segment.path, &Rows::Matching(bounds), &mut |mut page| {
                page.next_batch_max = next_batch_max;
                go_on = each(page);
                go_on
            })?;
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    fn read_file(&self, name: &str, rows: &Rows<'_>, each: &mut dyn FnMut(Page) -> bool) -> Result<(), Problem> {
        self.open_or_old(name, &mut |path| read::events(path, rows, each)).map_err(|error| damaged(name, &error))
    }

    /// A file that was merged meanwhile still stands under its old name for a while.
    pub(crate) fn open_or_old(&self, name: &str, read: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
        let path = self.data.join(name);
        match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => read(&path.with_extension("parquet.old")),
            result => result,
        }
    }

    /// Reads the events of notices. Gives pages and where each event is: page and index.
    pub async fn load(&self, wanted: &[&Members]) -> Result<Loaded, Problem> {
        let mut by_batch: BTreeMap<u64, Vec<Range>> = BTreeMap::new();
        for range in wanted.iter().flat_map(|members| members.ranges()) {
            by_batch.entry(range.batch).or_default().push(range);
        }
        by_batch.values_mut().for_each(|ranges| *ranges = united(std::mem::take(ranges)));
        let mut loaded = Loaded::default();
        let Some((lowest, _)) = by_batch.first_key_value() else { return Ok(loaded) };
        // The journal is read before the list of files: an event that moves from one to the other in
        // between is then found twice, which is harmless, and never missed.
        let journal: HashSet<i64> = sqlx::query_scalar("SELECT DISTINCT batch FROM journal")
            .fetch_all(self.records.pool())
            .await
            .map_err(trouble)?
            .into_iter()
            .collect();
        for (batch, ranges) in by_batch.iter().filter(|(batch, _)| journal.contains(&batch.cast_signed())) {
            let rows = sqlx::query("SELECT journal.batch, n, report, event FROM journal JOIN batch ON batch.id = journal.batch WHERE journal.batch = ?1 ORDER BY n")
                .bind(batch.cast_signed())
                .fetch_all(self.records.pool())
                .await
                .map_err(trouble)?;
            if !rows.is_empty() {
                loaded.add(journal_page(&rows), ranges);
            }
        }
        let segments = self.segments("events", lowest.saturating_sub(1)).await?;
        let is_whole = |segment: &Segment| segment.batches.0 == segment.batches.1;
        let whole: HashSet<u64> = segments.iter().filter(|s| is_whole(s)).map(|segment| segment.batches.0).collect();
        for segment in &segments {
            // The spans of merged files overlap, so such a batch is looked for in all that can hold it.
            let inside = by_batch.range(segment.batches.0..=segment.batches.1);
            let inside = inside.filter(|(batch, _)| is_whole(segment) || !whole.contains(batch));
            let ranges: Vec<Range> = inside.flat_map(|(_, ranges)| ranges).copied().collect();
            if ranges.is_empty() {
                continue;
            }
            // In a file as it was first written, whose name has no count, a row's number is its place;
            // in others it is looked for.
            let as_written = is_whole(segment) && segment.path.matches('.').count() == 1;
            let chosen = merged(&ranges);
            let rows = if as_written { Rows::Chosen(&chosen) } else { Rows::Of(&ranges) };
            self.read_file(&segment.path, &rows, &mut |page| {
                loaded.add(page, &ranges);
                true
            })?;
        }
        Ok(loaded)
    }

    /// How often these problems were seen again. Without a set of problems: all.
    /// Sightings received before the day `since` (`2026-11-22`, empty for all) are left out where they
    /// stand in files: a repeat never comes before its event.
    pub async fn repeats(&self, of: Option<&HashSet<ProblemKey>>, since: &str) -> Result<Repeats, Problem> {
        let mut repeats = Repeats::new();
        self.sightings(since, &mut |sighting| {
            if of.is_none_or(|of| of.contains(&sighting.problem)) {
                let slot = repeats.entry((sighting.problem, sighting.first.seconds())).or_insert((0, sighting.time));
                slot.0 += 1;
                slot.1 = slot.1.max(sighting.time);
            }
        })
        .await?;
        Ok(repeats)
    }

    /// Gives every sighting, those in files from a day on (`2026-11-22`, empty for all).
    pub(crate) async fn sightings(&self, since: &str, each: &mut (dyn FnMut(Sighting) + Send)) -> Result<(), Problem> {
        let rows = sqlx::query("SELECT * FROM sighting").fetch_all(self.records.pool()).await.map_err(trouble)?;
        rows.iter().for_each(|row| each(sighting(row)));
        let files = self.segments("sightings", 0).await?;
        for segment in files.iter().filter(|segment| segment.day.as_str() >= since) {
            self.open_or_old(&segment.path, &mut |path| read::sightings(path, each))
                .map_err(|error| damaged(&segment.path, &error))?;
        }
        Ok(())
    }

    /// The files of events and of their repeats as paths, and what is in no file yet as one more of each, written
    /// into `folder`: what an SQL engine needs to see everything.
    pub async fn export_files(&self, folder: &Path) -> Result<Exported, Problem> {
        // One transaction, so that what moves to a file meanwhile is there once.
        let mut view = self.records.pool().begin().await.map_err(trouble)?;
        let rows = sqlx::query(JOURNAL).fetch_all(&mut *view).await.map_err(trouble)?;
        let again = sqlx::query("SELECT * FROM sighting").fetch_all(&mut *view).await.map_err(trouble)?;
        let mut files = [Vec::new(), Vec::new()];
        for (kind, files) in ["events", "sightings"].into_iter().zip(&mut files) {
            let named: Vec<String> =
                sqlx::query_scalar("SELECT path FROM segment WHERE kind = ? ORDER BY last_batch DESC")
                    .bind(kind)
                    .fetch_all(&mut *view)
                    .await
                    .map_err(trouble)?;
            files.extend(named.iter().map(|path| self.data.join(path)));
        }
        view.commit().await.map_err(trouble)?;
        let [mut events, mut sightings] = files;
        let failed = |error: io::Error| Problem::new(error.to_string());
        if !rows.is_empty() {
            let journal = folder.join("journal.parquet");
            write_page(&journal.with_extension("part"), &journal, &journal_page(&rows)).map_err(failed)?;
            events.push(journal);
        }
        if !again.is_empty() {
            let journal = folder.join("sightings.parquet");
            let again: Vec<Sighting> = again.iter().map(sighting).collect();
            write_sightings(&journal.with_extension("part"), &journal, 0, &again).map_err(failed)?;
            sightings.push(journal);
        }
        Ok(Exported { events, sightings })
    }
}

pub(crate) fn damaged(name: &str, error: &io::Error) -> Problem {
    Problem::new(format!("cannot be read: {error}")).at(name).hint("`concert verify` tells which files are damaged")
}

/// Files for an SQL engine.
pub struct Exported {
    /// Those of events.
    pub events: Vec<PathBuf>,
    /// Those of repeats.
    pub sightings: Vec<PathBuf>,
}

/// Events read for notices.
#[derive(Default)]
pub struct Loaded {
    /// The events.
    pub pages: Vec<Page>,
    places: HashMap<(u64, u32), (usize, usize)>,
}

impl Loaded {
    fn add(&mut self, page: Page, wanted: &[Range]) {
        let number = self.pages.len();
        for (index, (_, batch, row)) in page.places.iter().enumerate() {
            let inside =
                |range: &Range| range.batch == *batch && (range.start..range.start + range.length).contains(row);
            // Ranges are sorted by batch and start where they are many, so the search is short.
            let from = wanted.partition_point(|range| (range.batch, range.start + range.length - 1) < (*batch, *row));
            if wanted.get(from).is_some_and(inside) || wanted.iter().take(8).any(inside) {
                self.places.insert((*batch, *row), (number, index));
            }
        }
        self.pages.push(page);
    }

    /// The events of one notice that are still stored, in its order.
    pub fn of<'a>(&'a self, members: &'a Members) -> impl Iterator<Item = Stored<'a>> + 'a {
        members
            .ranges()
            .flat_map(|range| (range.start..range.start + range.length).map(move |row| (range.batch, row)))
            .filter_map(|place| {
                let (page, index) = self.places.get(&place)?;
                let page = self.pages.get(*page)?;
                let (report, batch, row) = *page.places.get(*index)?;
                Some(Stored { event: page.events.get(*index)?, report, batch, row })
            })
    }
}

/// Ranges of one batch, sorted, that neither overlap nor touch: several notices may want one event.
fn united(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_by_key(|range| range.start);
    let mut out: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if last.start + last.length >= range.start => {
                last.length = last.length.max(range.start + range.length - last.start);
            }
            _ => out.push(range),
        }
    }
    out
}

/// Ranges of one batch as row spans that do not touch.
fn merged(ranges: &[Range]) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for range in ranges {
        let (start, end) = (range.start as usize, (range.start + range.length) as usize);
        match spans.last_mut() {
            Some((from, length)) if *from + *length >= start => *length = (*length).max(end - *from),
            _ => spans.push((start, end - start)),
        }
    }
    spans
}

pub(crate) fn segment(row: &sqlx::sqlite::SqliteRow) -> Segment {
    let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
    Segment {
        path: row.try_get("path").unwrap_or_default(),
        day: row.try_get("day").unwrap_or_default(),
        batches: (number("first_batch").cast_unsigned(), number("last_batch").cast_unsigned()),
        rows: number("rows").cast_unsigned(),
        times: (Time(number("min_time")), Time(number("max_time"))),
        hash: row.try_get::<Vec<u8>, _>("hash").ok().and_then(|hash| hash.try_into().ok()).unwrap_or_default(),
    }
}

pub(crate) fn sighting(row: &sqlx::sqlite::SqliteRow) -> Sighting {
    let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
    let hash = |name: &str| sixteen(&row.try_get::<Vec<u8>, _>(name).unwrap_or_default());
    Sighting {
        problem: ProblemKey(hash("problem")),
        first: Time(number("first")),
        time: Time(number("time")),
        report: ReportId(hash("report")),
        mark: number("line").cast_unsigned(),
    }
}

/// A journal row is the event's identity, problem and position, then its fields as a JSON object.
pub(crate) fn journal_row(stored: &Stored<'_>) -> Vec<u8> {
    let row = stored.event.row();
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(&row.id.0);
    out.extend_from_slice(&row.key.0);
    out.extend_from_slice(&row.position.to_le_bytes());
    out.push(b'{');
    let start = out.len();
    json::write_members(&stored.event, &mut out);
    if out.len() > start {
        out.remove(start);
    }
    out.push(b'}');
    out
}

/// By what `verify` knows that a row of the journal is as it was written, and where.
pub(crate) fn journal_sum(batch: i64, n: i64, row: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("concert 2026 journal row");
    hasher.update(&batch.to_le_bytes()).update(&n.to_le_bytes()).update(row);
    let mut sum = [0; 16];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

/// Writes a row of the journal anew.
pub(crate) async fn rewrite_journal(change: &mut Change<'_>, place: (u64, u32), row: &[u8]) -> Result<(), Problem> {
    let (batch, n) = (place.0.cast_signed(), i64::from(place.1));
    let written = sqlx::query("UPDATE journal SET event = ?3, sum = ?4 WHERE batch = ?1 AND n = ?2")
        .bind(batch)
        .bind(n)
        .bind(row)
        .bind(journal_sum(batch, n, row).as_slice())
        .execute(&mut **change)
        .await;
    written.map(|_| ()).map_err(trouble)
}

pub(crate) fn journal_page(rows: &[sqlx::sqlite::SqliteRow]) -> Page {
    let mut page = Page::default();
    for row in rows {
        let bytes: Vec<u8> = row.try_get("event").unwrap_or_default();
        if read_journal_row(&bytes, &mut page.events).is_none() {
            continue;
        }
        page.places.push((
            ReportId(sixteen(&row.try_get::<Vec<u8>, _>("report").unwrap_or_default())),
            row.try_get::<i64, _>("batch").unwrap_or(0).cast_unsigned(),
            u32::try_from(row.try_get::<i64, _>("n").unwrap_or(0)).unwrap_or(0),
        ));
    }
    page
}

/// Reads what [`journal_row`] wrote; nothing is added for anything else.
pub(crate) fn read_journal_row(bytes: &[u8], events: &mut Batch) -> Option<()> {
    let (head, text) = bytes.split_at_checked(40)?;
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(text) else { return None };
    let mut event = events.open();
    for (name, value) in &members {
        if let Some(field) = event.field(name) {
            json::restore(&mut event, field, value).ok();
        }
    }
    let part = |from: usize, to: usize| head.get(from..to).unwrap_or_default();
    let position = u64::from_le_bytes(part(32, 40).try_into().unwrap_or_default());
    event.keep(EventId(sixteen(part(0, 16))), ProblemKey(sixteen(part(16, 32))), position);
    Some(())
}

pub(crate) fn write_page(part: &Path, path: &Path, page: &Page) -> io::Result<Written> {
    let mut columns = Columns::default();
    columns.push_all(page.events.iter());
    let order: Vec<u32> = (0..).take(page.places.len()).collect();
    write_events(part, path, &mut columns, &order, &|at, _| page.places.get(at).copied().unwrap_or_default())
}
