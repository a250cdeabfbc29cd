//! The journal becomes files, one for each day its reports were received.

use std::collections::BTreeMap;

use concert_model::{Problem, Time};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Finished, failed, part_of, swap, write_pages};
use crate::events::write::write_sightings;
use crate::records::trouble;
use crate::store::{journal_page, sighting};
use crate::writer::Writer;

/// The journal becomes files once it holds so many rows.
const FOLD_AT_ROWS: i64 = 20_000;
/// Or once its oldest row is so old.
const FOLD_AFTER_SECONDS: i64 = 3600;

const EVENTS: &str = "SELECT journal.batch, n, report, event, received FROM journal JOIN batch ON batch.id = journal.batch ORDER BY journal.batch, n";
const SIGHTINGS: &str =
    "SELECT sighting.*, received FROM sighting LEFT JOIN report ON report.id = sighting.report ORDER BY batch, n";
const OLDEST_EVENT: &str = "SELECT received FROM batch WHERE id = (SELECT min(batch) FROM journal)";
const OLDEST_SIGHTING: &str =
    "SELECT received FROM report WHERE id = (SELECT report FROM sighting ORDER BY batch, n LIMIT 1)";

impl Writer {
    /// Writes the journal to files when it has grown or is old.
    pub async fn tidy_journal(&mut self, now: Time) -> Result<bool, Problem> {
        let pool = self.store().records.pool();
        let mut is_old = false;
        for sql in [OLDEST_EVENT, OLDEST_SIGHTING] {
            let oldest: Option<i64> = sqlx::query_scalar(sql).fetch_optional(pool).await.map_err(trouble)?;
            is_old |= oldest.is_some_and(|oldest| Time(oldest).plus_seconds(FOLD_AFTER_SECONDS) <= now);
        }
        self.fold_journal(is_old).await
    }

    /// Writes the journal to files when it has grown, or whatever it holds if told to.
    pub async fn fold_journal(&mut self, whatever: bool) -> Result<bool, Problem> {
        let events = self.fold_events(whatever).await?;
        Ok(self.fold_sightings(whatever).await? || events)
    }

    async fn fold_events(&mut self, whatever: bool) -> Result<bool, Problem> {
        let store = self.store();
        if !is_due("SELECT count(*) FROM journal", self, whatever).await? {
            return Ok(false);
        }
        let rows = sqlx::query(EVENTS).fetch_all(store.records.pool()).await.map_err(trouble)?;
        let last = rows.last().map_or(0, |row| row.try_get::<i64, _>("batch").unwrap_or(0));
        let mut files = Vec::new();
        for (day, rows) in by_day(rows) {
            let page = journal_page(&rows);
            if page.places.len() != rows.len() {
                return Err(Problem::new("an event of the journal cannot be read").hint("`concert verify` tells more"));
            }
            files.push(write_pages(store, &day, &[page])?);
        }
        let mut change = store.records.change().await?;
        swap(&mut change, &files, &[]).await?;
        sqlx::query("DELETE FROM journal WHERE batch <= ?1").bind(last).execute(&mut *change).await.map_err(trouble)?;
        store.records.commit(change).await?;
        Ok(true)
    }

    async fn fold_sightings(&mut self, whatever: bool) -> Result<bool, Problem> {
        let store = self.store();
        if !is_due("SELECT count(*) FROM sighting", self, whatever).await? {
            return Ok(false);
        }
        let rows = sqlx::query(SIGHTINGS).fetch_all(store.records.pool()).await.map_err(trouble)?;
        let last = rows.last().map_or(0, |row| row.try_get::<i64, _>("batch").unwrap_or(0));
        // Sightings name no batch of events; the number only has to be above none.
        let number = store.last_batch().await?.max(1);
        let mut files = Vec::new();
        for (day, rows) in by_day(rows) {
            let mut sightings: Vec<_> = rows.iter().map(sighting).collect();
            sightings.sort_unstable_by_key(|sighting| sighting.problem);
            let name = super::free_name(store, "sightings", &day, (number, number))?;
            let path = store.data().join(&name);
            let written = part_of(store).and_then(|part| write_sightings(&part, &path, number, &sightings));
            let written = written.map_err(|error| failed(&name, &error))?;
            let times = (Time(0), Time(0));
            files.push(Finished { name, kind: "sightings", day, batches: (number, number), times, written });
        }
        let mut change = store.records.change().await?;
        swap(&mut change, &files, &[]).await?;
        sqlx::query("DELETE FROM sighting WHERE batch <= ?1")
            .bind(last)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        store.records.commit(change).await?;
        Ok(true)
    }
}

async fn is_due(count: &'static str, writer: &Writer, whatever: bool) -> Result<bool, Problem> {
    let count: i64 = sqlx::query_scalar(count).fetch_one(writer.store().records.pool()).await.map_err(trouble)?;
    Ok(count >= FOLD_AT_ROWS || (whatever && count > 0))
}

fn by_day(rows: Vec<SqliteRow>) -> BTreeMap<String, Vec<SqliteRow>> {
    let mut days: BTreeMap<String, Vec<SqliteRow>> = BTreeMap::new();
    for row in rows {
        let day = Time(row.try_get::<i64, _>("received").unwrap_or(0)).date_text();
        days.entry(day).or_default().push(row);
    }
    days
}
