//! How feeds do, and the small things their collectors remember.

use std::collections::BTreeMap;

use concert_model::{Problem, Time};
use serde::Serialize;
use sqlx::Row;

use super::{Change, Counts, Records, trouble};

/// When a feed was last well and when not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedHealth {
    /// Last time its peer answered well or a report came.
    pub last_good: Option<Time>,
    /// Last time something was wrong.
    pub last_error: Option<Time>,
    /// What was wrong.
    pub error: String,
}

impl FeedHealth {
    /// What of this was written by a clock that shows what this one does: a moment yet to come says nothing of how the
    /// feed does now.
    pub fn by(self, now: Time) -> Self {
        let last_error = self.last_error.filter(|error| !error.is_ahead_of(now));
        Self {
            last_good: self.last_good.filter(|good| !good.is_ahead_of(now)),
            last_error,
            error: if last_error.is_some() { self.error } else { String::new() },
        }
    }

    /// This, and what else is known of the same feed; the newer word counts.
    pub fn and(self, other: Self) -> Self {
        let error = if other.last_error > self.last_error { other.error } else { self.error };
        Self {
            last_good: self.last_good.max(other.last_good),
            last_error: self.last_error.max(other.last_error),
            error,
        }
    }
}

/// Totals of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedCounts {
    /// Reports received.
    pub reports: u64,
    /// Of these, waiting to be processed.
    pub waiting: u64,
    /// Of these, failed as a whole.
    pub failed: u64,
    /// What came of them.
    pub counts: Counts,
    /// When the last one came, but for those that a clock which was ahead says came later than now.
    pub last_report: Option<Time>,
    /// Why nothing was read from the last one that was processed and not empty; empty when something was.
    pub last_refusal: String,
}

/// What came of the reports of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hour {
    /// Hours since 1970.
    pub hour: i64,
    /// New events.
    pub events: u64,
    /// Repeats.
    pub duplicates: u64,
    /// Rejects.
    pub rejects: u64,
}

/// Remembers a value under a name, as part of a change.
pub async fn remember_in(change: &mut Change<'_>, owner: &str, name: &str, value: &str) -> Result<(), Problem> {
    let sql =
        "INSERT INTO memory (owner, name, value) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value";
    let query = sqlx::query(sql).bind(owner).bind(name).bind(value);
    query.execute(&mut **change).await.map_err(trouble).map(|_| ())
}

/// Digits of a moment in front of what its report says.
const RECEIVED_DIGITS: usize = 20;

/// Owner of the counts of events that lack a field of the key of a rule.
const LACKING: &str = "rule lacking";

/// Counts events that lack a field of the key of a rule, as part of a change.
pub async fn lacking_in(change: &mut Change<'_>, rule: &str, events: u64, now: Time) -> Result<(), Problem> {
    let query = sqlx::query_scalar("SELECT value FROM memory WHERE owner = ?1 AND name = ?2").bind(LACKING).bind(rule);
    let before: Option<String> = query.fetch_optional(&mut **change).await.map_err(trouble)?;
    let (count, _) = before.as_deref().map_or((0, Time(0)), counted);
    remember_in(change, LACKING, rule, &format!("{} {}", count.saturating_add(events), now.0)).await
}

/// How many there were, and when the last ones came.
fn counted(text: &str) -> (u64, Time) {
    let (count, last) = text.split_once(' ').unwrap_or((text, ""));
    (count.parse().unwrap_or(0), Time(last.parse().unwrap_or(0)))
}

impl Records {
    /// Rules with events that lack a field of the key: how many there were, and when the last came.
    pub async fn lacking(&self) -> Result<Vec<(String, u64, Time)>, Problem> {
        let query = sqlx::query_as("SELECT name, value FROM memory WHERE owner = ?1 ORDER BY name").bind(LACKING);
        let rows: Vec<(String, String)> = query.fetch_all(self.pool()).await.map_err(trouble)?;
        let counts = rows.into_iter().map(|(rule, text)| (rule, counted(&text)));
        Ok(counts.map(|(rule, (count, last))| (rule, count, last)).collect())
    }

    /// A remembered value.
    pub async fn recall(&self, owner: &str, name: &str) -> Result<Option<String>, Problem> {
        sqlx::query_scalar("SELECT value FROM memory WHERE owner = ?1 AND name = ?2")
            .bind(owner)
            .bind(name)
            .fetch_optional(self.pool())
            .await
            .map_err(trouble)
    }

    /// What is remembered under one name, by owner. What is empty is left out.
    pub async fn recall_all(&self, name: &str) -> Result<BTreeMap<String, String>, Problem> {
        let query = sqlx::query_as("SELECT owner, value FROM memory WHERE name = ?1 AND value <> ''").bind(name);
        let rows: Vec<(String, String)> = query.fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.into_iter().collect())
    }

    /// Remembers a value; durable when it returns.
    pub async fn remember(&self, owner: &str, name: &str, value: &str) -> Result<(), Problem> {
        let mut change = self.change().await?;
        remember_in(&mut change, owner, name, value).await?;
        self.commit(change).await
    }

    /// Remembers that a feed was well.
    pub async fn feed_good(&self, feed: &str, now: Time) -> Result<(), Problem> {
        sqlx::query("INSERT INTO feed_health (feed, last_good) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET last_good = excluded.last_good")
            .bind(feed)
            .bind(now.0)
            .execute(self.changes())
            .await
            .map_err(trouble)
            .map(|_| ())
    }

    /// Remembers trouble of a feed.
    pub async fn feed_trouble(&self, feed: &str, now: Time, why: &str) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO feed_health (feed, last_error, error) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET last_error = excluded.last_error, error = excluded.error",
        )
        .bind(feed)
        .bind(now.0)
        .bind(why)
        .execute(self.changes())
        .await
        .map_err(trouble)
        .map(|_| ())
    }

    /// Remembers that lines of a feed may be missing between two moments.
    pub async fn feed_gap(&self, feed: &str, start: Time, stop: Time, why: &str) -> Result<(), Problem> {
        sqlx::query("INSERT INTO gap (feed, start, stop, why) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET stop = excluded.stop")
            .bind(feed)
            .bind(start.0)
            .bind(stop.0)
            .bind(why)
            .execute(self.changes())
            .await
            .map_err(trouble)
            .map(|_| ())
    }

    /// Newest gaps: feed, from, until, why.
    pub async fn gaps(&self, limit: u32) -> Result<Vec<(String, Time, Time, String)>, Problem> {
        let rows = sqlx::query("SELECT * FROM gap ORDER BY start DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        let moment = |row: &sqlx::sqlite::SqliteRow, name: &str| Time(row.try_get(name).unwrap_or(0));
        Ok(rows
            .iter()
            .map(|row| {
                let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
                (text("feed"), moment(row, "start"), moment(row, "stop"), text("why"))
            })
            .collect())
    }

    /// Health of every feed that has any.
    pub async fn feed_health(&self) -> Result<BTreeMap<String, FeedHealth>, Problem> {
        let rows = sqlx::query("SELECT * FROM feed_health").fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                let moment = |name: &str| row.try_get::<Option<i64>, _>(name).ok().flatten().map(Time);
                let health = FeedHealth {
                    last_good: moment("last_good"),
                    last_error: moment("last_error"),
                    error: row.try_get("error").unwrap_or_default(),
                };
                (row.try_get("feed").unwrap_or_default(), health)
            })
            .collect())
    }

    /// Totals of every feed that has reports.
    pub async fn feed_counts(&self, now: Time) -> Result<BTreeMap<String, FeedCounts>, Problem> {
        // What the newest report says of which anything was read or refused. One without bytes says nothing.
        let rows = sqlx::query(
            "SELECT feed, count(*) AS reports, sum(state = 'waiting') AS waiting, sum(state = 'failed') AS failed,
             sum(rows) AS rows, sum(events) AS events, sum(duplicates) AS duplicates, sum(rejects) AS rejects,
             sum(dropped) AS dropped, sum(notices) AS notices, max(CASE WHEN received <= ?1 THEN received END) AS last,
             max(CASE WHEN bytes > 0 AND state <> 'waiting' AND received <= ?1 THEN printf('%020d', received) || reason END) AS said
             FROM report GROUP BY feed",
        )
        .bind(now.latest().0)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0).cast_unsigned();
                let said: String = row.try_get("said").unwrap_or_default();
                let totals = FeedCounts {
                    reports: number("reports"),
                    waiting: number("waiting"),
                    failed: number("failed"),
                    counts: Counts {
                        rows: number("rows"),
                        events: number("events"),
                        duplicates: number("duplicates"),
                        rejects: number("rejects"),
                        dropped: number("dropped"),
                        notices: number("notices"),
                    },
                    last_report: row.try_get::<i64, _>("last").ok().map(Time),
                    last_refusal: said.get(RECEIVED_DIGITS..).unwrap_or_default().to_owned(),
                };
                (row.try_get("feed").unwrap_or_default(), totals)
            })
            .collect())
    }

    /// Events of a feed in the reports that came since then.
    pub async fn feed_events_since(&self, feed: &str, since: Time) -> Result<u64, Problem> {
        let query = sqlx::query_scalar("SELECT coalesce(sum(events), 0) FROM report WHERE feed = ?1 AND received > ?2");
        let events: i64 = query.bind(feed).bind(since.0).fetch_one(self.pool()).await.map_err(trouble)?;
        Ok(events.cast_unsigned())
    }

    /// Events of each feed in each span of 24 hours that ends with the hour `until`: how many spans
    /// back (0 for the last), and how many events. Spans without any report are not there.
    pub async fn feed_days(&self, until: i64, days: i64) -> Result<BTreeMap<String, BTreeMap<i64, u64>>, Problem> {
        let rows = sqlx::query(
            "SELECT feed, (?1 - hour) / 24 AS back, sum(events) AS events FROM hour
             WHERE hour <= ?1 AND hour > ?1 - 24 * ?2 GROUP BY feed, back",
        )
        .bind(until)
        .bind(days)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        let mut found: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
        for row in &rows {
            let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
            let feed: String = row.try_get("feed").unwrap_or_default();
            found.entry(feed).or_default().insert(number("back"), number("events").cast_unsigned());
        }
        Ok(found)
    }

    /// What came in each hour from one on, over all feeds.
    pub async fn hours(&self, since: i64) -> Result<Vec<Hour>, Problem> {
        let rows = sqlx::query(
            "SELECT hour, sum(events) AS events, sum(duplicates) AS duplicates, sum(rejects) AS rejects
             FROM hour WHERE hour >= ?1 GROUP BY hour ORDER BY hour",
        )
        .bind(since)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
                Hour {
                    hour: number("hour"),
                    events: number("events").cast_unsigned(),
                    duplicates: number("duplicates").cast_unsigned(),
                    rejects: number("rejects").cast_unsigned(),
                }
            })
            .collect())
    }
}

/// Adds the counts of a report to its hour.
pub(crate) async fn count_hour(
    change: &mut Change<'_>,
    feed: &str,
    received: Time,
    counts: &Counts,
) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO hour (feed, hour, events, duplicates, rejects, dropped) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET events = events + excluded.events, duplicates = duplicates + excluded.duplicates,
         rejects = rejects + excluded.rejects, dropped = dropped + excluded.dropped",
    )
    .bind(feed)
    .bind(received.seconds().div_euclid(3600))
    .bind(counts.events.cast_signed())
    .bind(counts.duplicates.cast_signed())
    .bind(counts.rejects.cast_signed())
    .bind(counts.dropped.cast_signed())
    .execute(&mut **change)
    .await
    .map_err(trouble)
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use crate::Writer;
    use crate::writer::tests::{DAY, receipt, site, write};

    #[tokio::test]
    async fn reports_of_a_clock_that_was_ahead_are_not_the_last_ones() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 3).await;
        write(&mut writer, "two", 3, 5).await;
        let now = receipt("one").received.plus_seconds(60);
        let ahead = now.plus_seconds(400 * 86_400);
        let sql = "UPDATE report SET received = ?1, reason = 'not read' WHERE file_name = 'two'";
        sqlx::query(sql).bind(ahead.0).execute(store.records.pool()).await.unwrap();
        let last = async |now| {
            let counts = store.records.feed_counts(now).await.unwrap().remove("drop").unwrap();
            (counts.reports, counts.last_report, counts.last_refusal)
        };
        assert_eq!(last(now).await, (2, Some(receipt("one").received), String::new()));
        assert_eq!(last(ahead).await, (2, Some(ahead), "not read".to_owned()));
    }
}
