//! Answers of servers outside that were refused: how many of each kind, and when last.

use concert_model::{Problem, Time};
use sqlx::Row;

use super::{Records, trouble};

/// Answers that were refused for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Whose answers: `rdap`.
    pub source: String,
    /// Why, in a word.
    pub cause: String,
    /// How many there were.
    pub count: u64,
    /// When the last one came.
    pub last: Time,
}

impl Records {
    /// Counts answers that were refused, by why.
    pub async fn count_refused(&self, source: &str, counts: &[(&str, u64)], now: Time) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for (cause, count) in counts.iter().filter(|(_, count)| *count > 0) {
            sqlx::query(
                "INSERT INTO refused (source, cause, count, last) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET count = count + excluded.count, last = excluded.last",
            )
            .bind(source)
            .bind(*cause)
            .bind(count.cast_signed())
            .bind(now.0)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        }
        self.commit(change).await
    }

    /// All of them.
    pub async fn refused(&self) -> Result<Vec<Refused>, Problem> {
        let query = "SELECT source, cause, count, last FROM refused ORDER BY source, cause";
        let rows = sqlx::query(query).fetch_all(self.pool()).await.map_err(trouble)?;
        let of = |row: &sqlx::sqlite::SqliteRow| Refused {
            source: row.try_get("source").unwrap_or_default(),
            cause: row.try_get("cause").unwrap_or_default(),
            count: row.try_get::<i64, _>("count").unwrap_or(0).cast_unsigned(),
            last: Time(row.try_get("last").unwrap_or(0)),
        };
        Ok(rows.iter().map(of).collect())
    }
}
