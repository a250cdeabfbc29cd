//! Re-checking what is stored: event files against their hashes, the journal row by row.
//!
//! Reads only. What another process merges or removes meanwhile is not a difference: a file that
//! differs counts only while the records still name it.

use std::fs::File;
use std::io;

use concert_model::Problem;
use sqlx::Row;

use crate::records::trouble;
use crate::store::{Segment, Store};

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

    /// Reads every row of the journal. Gives their number and what is wrong with any of them.
    pub async fn verify_journal(&self) -> Result<(u64, Vec<Problem>), Problem> {
        let rows = sqlx::query(
            "SELECT journal.batch, n, event, batch.id IS NULL AS stray FROM journal
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
            let why = match fields {
                Some(Ok(serde_json::Value::Object(_))) if number("stray") == 0 => continue,
                Some(Ok(serde_json::Value::Object(_))) => "belongs to no batch",
                _ => "is not an event",
            };
            problems.push(Problem::new(why).at(format!("journal, batch {}, row {}", number("batch"), number("n"))));
        }
        Ok((rows.len() as u64, problems))
    }
}
