//! Re-checking what is stored: event files against their hashes, the journal row by row.
//!
//! Reads only. What another process merges or removes meanwhile is not a difference: a file that
//! differs counts only while the records still name it.

use std::fs::File;
use std::io;

use concert_model::Problem;
use sqlx::Row;

use crate::records::trouble;
use crate::store::{Segment, Store, journal_sum};

/// Bytes before the fields of a journal row: identity, problem, position.
const JOURNAL_HEAD_BYTES: usize = 40;

impl Store {
    /// Compares the hash of an event file. Gives its bytes; the error says what differs.
    pub async fn verify_file(&self, kind: &str, segment: &Segment) -> Result<u64, Problem> {
        let path = self.data().join(&segment.path);
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hasher));
        let why = match read {
            Ok(bytes) if hasher.finalize().as_bytes() == &segment.hash => return Ok(bytes),
            Ok(_) => "holds other bytes than were written".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let still = self.segments(kind, 0).await?;
        if still.iter().any(|named| named.path == segment.path && named.hash == segment.hash) {
            return Err(Problem::new(why).at(path.display().to_string()));
        }
        Ok(0)
    }

    /// Batches of which events are missing: newer than every file, and not all in the journal.
    async fn lost_events(&self) -> Result<Vec<Problem>, Problem> {
        let rows = sqlx::query(
            "SELECT id, rows, (SELECT count(*) FROM journal WHERE batch = batch.id) AS found FROM batch
             WHERE found < rows
             AND (found > 0 OR id > coalesce((SELECT max(last_batch) FROM segment WHERE kind = 'events'), 0))
             ORDER BY id LIMIT 1000",
        )
        .fetch_all(self.records.pool())
        .await
        .map_err(trouble)?;
        let told = rows.iter().map(|row| {
            let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
            let what = format!("{} of its {} events are missing", number("rows") - number("found"), number("rows"));
            Problem::new(what).at(format!("journal, batch {}", number("id")))
        });
        Ok(told.collect())
    }

    /// Reads every row of the journal. Gives their number and what is wrong with any of them.
    pub async fn verify_journal(&self) -> Result<(u64, Vec<Problem>), Problem> {
        let rows = sqlx::query(
            "SELECT journal.batch, n, event, sum, batch.id IS NULL AS stray FROM journal
             LEFT JOIN batch ON batch.id = journal.batch ORDER BY journal.batch, n",
        )
        .fetch_all(self.records.pool())
        .await
        .map_err(trouble)?;
        let mut problems = Vec::new();
        for row in &rows {
            let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
            let bytes: Vec<u8> = row.try_get("event").unwrap_or_default();
            let fields = bytes.get(JOURNAL_HEAD_BYTES..).map(serde_json::from_slice::<serde_json::Value>);
            // Rows of an earlier build have none.
            let sum: Option<Vec<u8>> = row.try_get("sum").unwrap_or_default();
            let is_as_written = sum.is_none_or(|sum| sum == journal_sum(number("batch"), number("n"), &bytes));
            let why = match fields {
                Some(Ok(serde_json::Value::Object(_))) if number("stray") == 0 && is_as_written => continue,
                Some(Ok(serde_json::Value::Object(_))) if number("stray") == 0 => "is not as it was written",
                Some(Ok(serde_json::Value::Object(_))) => "belongs to no batch",
                _ => "is not an event",
            };
            problems.push(Problem::new(why).at(format!("journal, batch {}, row {}", number("batch"), number("n"))));
        }
        problems.extend(self.lost_events().await?);
        Ok((rows.len() as u64, problems))
    }
}

#[cfg(test)]
mod tests {
    use crate::writer::Writer;
    use crate::writer::tests::{DAY, site, write};

    /// INVARIANT: a changed or missing event of the journal is named.
    #[tokio::test]
    async fn a_changed_and_a_missing_row_of_the_journal_are_told() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "a", 0, 3).await;
        write(&mut writer, "b", 3, 4).await;
        assert_eq!(store.verify_journal().await.unwrap(), (4, Vec::new()));
        let mut change = store.records.change().await.unwrap();
        sqlx::query("UPDATE journal SET sum = NULL WHERE batch = 2").execute(&mut *change).await.unwrap();
        store.records.commit(change).await.unwrap();
        assert_eq!(store.verify_journal().await.unwrap(), (4, Vec::new()), "rows of an earlier build");
        let told = async |sql: &'static str| {
            let mut change = store.records.change().await.unwrap();
            sqlx::query(sql).execute(&mut *change).await.unwrap();
            store.records.commit(change).await.unwrap();
            let problems = store.verify_journal().await.unwrap().1;
            problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect::<Vec<_>>()
        };
        // Still an event, and another one.
        let flipped =
            told("UPDATE journal SET event = cast(replace(event, '64501', '64502') AS BLOB) WHERE n = 1").await;
        assert_eq!(flipped, ["journal, batch 1, row 1: is not as it was written"]);
        let gone = told("DELETE FROM journal WHERE n = 1").await;
        assert_eq!(gone, ["journal, batch 1: 1 of its 3 events are missing"]);
        let newest = told("DELETE FROM journal WHERE batch = 2").await;
        assert_eq!(newest[1..], ["journal, batch 2: 1 of its 1 events are missing"]);
    }
}
