//! New versions of stored events, put where the old ones are: same batch, same row.
//!
//! Notices name events by batch and row, so nothing that was told or gathered changes its members.

use std::collections::{BTreeSet, HashMap, HashSet};

use concert_model::batch::Row;
use concert_model::{Batch, Event, EventId, Field, Problem, ProblemKey, ReportId, Time, Value, json};

use super::{put_aside, swap, write_stored};
use crate::events::read::{self, Bounds, Rows};
use crate::events::{Page, Stored};
use crate::records::trouble;
use crate::store::{Segment, Store, damaged, journal_page, journal_row, rewrite_journal};
use crate::writer::Writer;

/// Batch and row of an event.
pub type Place = (u64, u32);

/// What is stored of a report.
#[derive(Debug, Default)]
pub struct Known {
    /// Its events and where they are.
    pub events: HashMap<EventId, Place>,
    /// Marks of those that were repeats of other events.
    repeated: HashSet<u64>,
}

impl Known {
    /// Whether this event was a repeat of another.
    pub fn is_repeat(&self, row: &Row) -> bool {
        // What was written before there were marks holds lines.
        self.repeated.contains(&row.id.mark()) || self.repeated.contains(&row.position)
    }
}

impl Store {
    /// What is stored of a report that was received at this moment.
    pub async fn known_of(&self, report: ReportId, received: Time) -> Result<Known, Problem> {
        let pool = self.records.pool();
        let mut known = Known::default();
        let batches = batches_of(self, report).await?;
        for batch in &batches {
            let page = journal_of(self, *batch).await?;
            known.events.extend(page.iter().map(|stored| (stored.event.row().id, (stored.batch, stored.row))));
        }
        for segment in holding(self, &batches).await? {
            let take = &mut |id: EventId, of: ReportId, place: Place| {
                if of == report {
                    known.events.insert(id, place);
                }
            };
            read::identities(&self.data().join(&segment.path), take).map_err(|error| damaged(&segment.path, &error))?;
        }
        let lines: Vec<i64> = sqlx::query_scalar("SELECT line FROM sighting WHERE report = ?1")
            .bind(report.0.as_slice())
            .fetch_all(pool)
            .await
            .map_err(trouble)?;
        known.repeated.extend(lines.into_iter().map(i64::cast_unsigned));
        let day = received.date_text();
        let files: Vec<String> = sqlx::query_scalar("SELECT path FROM segment WHERE kind = 'sightings' AND day = ?1")
            .bind(day)
            .fetch_all(pool)
            .await
            .map_err(trouble)?;
        for name in files {
            read::sightings(&self.data().join(&name), &mut |sighting| {
                if sighting.report == report {
                    known.repeated.insert(sighting.mark);
                }
            })
            .map_err(|error| damaged(&name, &error))?;
        }
        Ok(known)
    }
}

async fn batches_of(store: &Store, report: ReportId) -> Result<BTreeSet<u64>, Problem> {
    let rows: Vec<i64> = sqlx::query_scalar("SELECT id FROM batch WHERE report = ?1")
        .bind(report.0.as_slice())
        .fetch_all(store.records.pool())
        .await
        .map_err(trouble)?;
    Ok(rows.into_iter().map(i64::cast_unsigned).collect())
}

async fn journal_of(store: &Store, batch: u64) -> Result<Page, Problem> {
    let rows = sqlx::query("SELECT journal.batch, n, report, event FROM journal JOIN batch ON batch.id = journal.batch WHERE journal.batch = ?1 ORDER BY n")
        .bind(batch.cast_signed())
        .fetch_all(store.records.pool())
        .await
        .map_err(trouble)?;
    Ok(journal_page(&rows))
}

/// Files that can hold any of these batches.
async fn holding(store: &Store, batches: &BTreeSet<u64>) -> Result<Vec<Segment>, Problem> {
    let Some(lowest) = batches.first() else { return Ok(Vec::new()) };
    let mut segments = store.segments("events", lowest.saturating_sub(1)).await?;
    segments.retain(|segment| batches.range(segment.batches.0..=segment.batches.1).next().is_some());
    Ok(segments)
}

impl Writer {
    /// Puts events of a report in the place of their stored versions, in one transaction. Events that
    /// are not stored are passed over; those that are the same stay untouched. Gives the number of
    /// events that changed.
    pub async fn replace(&mut self, fresh: &mut Batch, known: &Known) -> Result<u64, Problem> {
        let store = self.store().clone();
        let mut wanted: HashMap<Place, usize> = HashMap::new();
        for (at, row) in fresh.rows().iter().enumerate() {
            if let Some(place) = known.events.get(&row.id) {
                wanted.insert(*place, at);
            }
        }
        let batches: BTreeSet<u64> = wanted.keys().map(|(batch, _)| *batch).collect();
        let (mut changed, mut updates, mut files, mut gone) = (0, Vec::new(), Vec::new(), Vec::new());
        for batch in &batches {
            let page = journal_of(&store, *batch).await?;
            for (place, at) in differing(std::slice::from_ref(&page), fresh, &wanted) {
                let Some(event) = fresh.get(at) else { continue };
                let stored = Stored { event, report: ReportId::default(), batch: place.0, row: place.1 };
                updates.push((place, journal_row(&stored)));
            }
        }
        changed += updates.len() as u64;
        for segment in holding(&store, &batches).await? {
            let pages = pages_of(&store, &segment)?;
            let replaced: HashMap<Place, usize> = differing(&pages, fresh, &wanted).into_iter().collect();
            if replaced.is_empty() {
                continue;
            }
            changed += replaced.len() as u64;
            let rows = pages.iter().flat_map(Page::iter).map(|stored| {
                let new = replaced.get(&(stored.batch, stored.row)).and_then(|at| fresh.get(*at));
                Stored { event: new.unwrap_or(stored.event), ..stored }
            });
            files.push(write_stored(&store, &segment.day, rows)?);
            gone.push(segment);
        }
        if changed == 0 {
            return Ok(0);
        }
        let mut change = store.records.change().await?;
        swap(&mut change, &files, &gone).await?;
        for (place, event) in &updates {
            rewrite_journal(&mut change, *place, event).await?;
        }
        store.records.commit(change).await?;
        for segment in &gone {
            put_aside(&store, segment);
        }
        // Problems may have other keys now.
        self.forget_seen();
        Ok(changed)
    }
}

pub(super) fn pages_of(store: &Store, segment: &Segment) -> Result<Vec<Page>, Problem> {
    let mut pages = Vec::new();
    let all = Bounds::default();
    read::events(&store.data().join(&segment.path), &Rows::Matching(&all), &mut |page| {
        pages.push(page);
        true
    })
    .map_err(|error| damaged(&segment.path, &error))?;
    Ok(pages)
}

/// Which stored events have another new version. What only the store knows of an event (when its
/// problem was seen before) is given to the new version first.
fn differing(pages: &[Page], fresh: &mut Batch, wanted: &HashMap<Place, usize>) -> Vec<(Place, usize)> {
    let mut found = Vec::new();
    for stored in pages.iter().flat_map(Page::iter) {
        let place = (stored.batch, stored.row);
        let Some(at) = wanted.get(&place).copied() else { continue };
        if let Some(previous) = stored.event.time(Field::TIME_PREVIOUS) {
            fresh.amend(at, Field::TIME_PREVIOUS, &Value::Time(previous));
        }
        if fresh.get(at).is_some_and(|new| content(&new) != content(&stored.event)) {
            found.push((place, at));
        }
    }
    found
}

/// Everything that an event says, in an order of its own.
fn content(event: &Event<'_>) -> (ProblemKey, u64, Vec<(String, Vec<u8>)>) {
    let mut fields: Vec<(String, Vec<u8>)> = event
        .fields()
        .map(|(field, value)| {
            let mut text = Vec::new();
            json::write_value(&value, &mut text);
            (event.name(field).into_owned(), text)
        })
        .collect();
    fields.sort();
    (event.row().key, event.row().position, fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::tests::{DAY, batch, count, receipt, site, write};

    fn mended(report: ReportId, from: u32, to: u32) -> Batch {
        let mut fresh = batch(report, from, to);
        for at in 0..fresh.len() {
            fresh.amend(at, Field::SOURCE_ASN, &Value::Int(65_000));
        }
        fresh
    }

    async fn asns(store: &Store) -> (usize, usize) {
        let (mut new, mut all) = (0, 0);
        let each = &mut |page: Page| {
            all += page.places.len();
            new += page.iter().filter(|one| one.event.int(Field::SOURCE_ASN) == Some(65_000)).count();
            true
        };
        store.scan(&Bounds::default(), 0, each).await.unwrap();
        (new, all)
    }

    #[tokio::test]
    async fn events_are_replaced_where_they_are() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        for (name, from, to) in [("file", 0, 3_000), ("journal", 3_000, 3_010), ("other", 4_000, 4_010)] {
            let members = write(&mut writer, name, from, to).await.1;
            let receipt = receipt(name);
            let report = receipt.id(blake3::hash(name.as_bytes()).as_bytes());
            let known = store.known_of(report, receipt.received).await.unwrap();
            assert_eq!((known.events.len(), known.repeated.len()), ((to - from) as usize, 0));
            assert_eq!(writer.replace(&mut batch(report, from, to), &known).await.unwrap(), 0, "nothing differs");
            if name == "other" {
                continue;
            }
            // Five more than are stored: those are not this function's business.
            let replaced = writer.replace(&mut mended(report, from, to + 5), &known).await.unwrap();
            assert_eq!(replaced, u64::from(to - from));
            assert_eq!(store.known_of(report, receipt.received).await.unwrap().events, known.events);
            assert_eq!(store.load(&[&members]).await.unwrap().of(&members).count() as u64, members.len());
            assert_eq!(writer.replace(&mut mended(report, from, to), &known).await.unwrap(), 0);
        }
        assert_eq!(asns(&store).await, (3_010, 3_020));
        assert_eq!(count(&store).await, 3_020);
        assert_eq!(write(&mut writer, "again", 0, 3_000).await.0.duplicates, 3_000);
        let again = receipt("again");
        let report = again.id(blake3::hash(b"again").as_bytes());
        assert_eq!(store.known_of(report, again.received).await.unwrap().repeated.len(), 3_000);
    }
}
