//! Retention: what is older than the settings keep is removed.
//!
//! Receipts of reports stay, so that a report that comes again is still known.

use std::time::Duration;

use concert_model::{Problem, Time};

use super::{Done, Upkeep};
use crate::records::{forget_told, trouble};
use crate::store::segment;

/// Raw reports removed in one round; the rest waits for the next.
const RAW_AT_ONCE: usize = 50_000;

impl Upkeep {
    pub(super) async fn retain(&mut self, now: Time, done: &mut Done) -> Result<(), Problem> {
        let before = |kept: Duration| now.plus_seconds(-i64::try_from(kept.as_secs()).unwrap_or(i64::MAX / 2_000_000));
        self.drop_raw(before(self.keep.raw), done).await?;
        self.drop_events(before(self.keep.events), now, done).await?;
        self.drop_notice_bytes(before(self.keep.notices), done).await?;
        done.audit_removed += self.store.records.forget_audit(before(self.keep.audit)).await?;
        Ok(())
    }

    async fn drop_raw(&self, before: Time, done: &mut Done) -> Result<(), Problem> {
        let records = &self.store.records;
        for content in records.archived_before(before).await?.iter().take(RAW_AT_ONCE) {
            // Removed first: after a kill in between the row still says that there is something to do.
            self.store
                .archive
                .remove(content)
                .map_err(|error| Problem::new(format!("a raw report cannot be removed: {error}")))?;
            records.forget_content(content).await?;
            done.raw_removed += 1;
        }
        sqlx::query(
            "DELETE FROM reject WHERE report IN (SELECT id FROM report WHERE received < ?1 AND state <> 'waiting')",
        )
        .bind(before.0)
        .execute(records.changes())
        .await
        .map_err(trouble)
        .map(|_| ())
    }

    /// Files go by the day they were received, when all of it is too old.
    async fn drop_events(&mut self, before: Time, now: Time, done: &mut Done) -> Result<(), Problem> {
        let records = self.store.records.clone();
        let mut change = records.change().await?;
        let rows = sqlx::query("SELECT * FROM segment WHERE day < ?1")
            .bind(before.date_text())
            .fetch_all(&mut *change)
            .await
            .map_err(trouble)?;
        sqlx::query("DELETE FROM segment WHERE day < ?1")
            .bind(before.date_text())
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        // Only what lies below everything that is still stored, which one look at each table tells. The
        // newest batch stays, because its number is where the next ones begin.
        sqlx::query(
            "DELETE FROM batch WHERE received < ?1 AND id < (SELECT max(id) FROM batch)
             AND id < coalesce((SELECT min(batch) FROM journal), 9223372036854775807)
             AND id < coalesce((SELECT min(first_batch) FROM segment WHERE kind = 'events'), 9223372036854775807)",
        )
        .bind(before.0)
        .execute(&mut *change)
        .await
        .map_err(trouble)?;
        // That one has no events any more.
        sqlx::query(
            "UPDATE batch SET rows = 0 WHERE received < ?1 AND rows > 0 AND id = (SELECT max(id) FROM batch)
             AND id NOT IN (SELECT batch FROM journal)
             AND id > coalesce((SELECT max(last_batch) FROM segment WHERE kind = 'events'), 0)",
        )
        .bind(before.0)
        .execute(&mut *change)
        .await
        .map_err(trouble)?;
        forget_told(&mut change, before).await?;
        records.commit(change).await?;
        let segments: Vec<_> = rows.iter().map(segment).collect();
        self.put_aside(&segments, now);
        done.files_removed += segments.len();
        Ok(())
    }

    async fn drop_notice_bytes(&self, before: Time, done: &mut Done) -> Result<(), Problem> {
        let old = "SELECT id FROM notice WHERE state = 'delivered' AND delivered < ?1";
        let drop = async |what: &str| {
            let sql = format!("DELETE FROM {what} IN ({old})");
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before.0);
            query.execute(self.store.records.changes()).await.map_err(trouble)
        };
        done.notices_removed += drop("notice_bytes WHERE id").await?.rows_affected();
        drop("notice_receiver WHERE notice").await?;
        Ok(())
    }
}
