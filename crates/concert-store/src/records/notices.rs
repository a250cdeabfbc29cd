//! Notices: what is told to whom, how far each kind has looked, and what was told when.

use std::collections::HashMap;
use std::sync::Arc;

use concert_model::{Problem, ProblemKey, Time};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Change, Records, trouble};
use crate::Members;

/// Rows inserted by one statement; fifteen values each stays below SQLite's 32,766.
const ROWS_AT_ONCE: usize = 1_000;

/// A notice about to be made.
#[derive(Clone, Debug, Default)]
pub struct NewNotice {
    /// The kind, as named in the settings.
    pub name: Arc<str>,
    /// What its events have in common, as people read it: `AS64500`, `FI`, a party.
    pub key: String,
    /// The party it is for, if one is known.
    pub party: String,
    /// Addresses it goes to, separated by commas; empty where the transport has its own target.
    pub recipient: String,
    /// The transport, as named in the settings.
    pub via: Arc<str>,
    /// The format.
    pub format: Arc<str>,
    /// The language.
    pub language: Arc<str>,
    /// queued or no-contact.
    pub state: &'static str,
    /// Why it cannot be sent, if it cannot.
    pub reason: String,
    /// Its events.
    pub members: Members,
    /// When it is to be sent.
    pub due: Time,
}

/// A notice as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Its number, which is also the ticket.
    pub id: String,
    /// The kind.
    pub name: String,
    /// What its events have in common.
    pub key: String,
    /// The party.
    pub party: String,
    /// Addresses.
    pub to: String,
    /// The transport.
    pub via: String,
    /// The format.
    pub format: String,
    /// The language.
    pub language: String,
    /// waiting, queued, delivered, failed, no-contact.
    pub state: String,
    /// Number of events.
    pub events: u64,
    /// Message-ID, the same for every copy.
    pub message_id: String,
    /// When it was made.
    pub made: Time,
    /// When it is to be sent (again).
    pub due: Time,
    /// Attempts so far.
    pub attempts: u32,
    /// What the last attempt said.
    pub reason: String,
    /// When it was delivered.
    pub delivered_at: Option<Time>,
}

/// Which way out notices go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Any.
    Any,
    /// By this name.
    Named(String),
    /// By none of these names.
    NoneOf(Vec<String>),
}

/// Which notices to list.
#[derive(Clone, Debug, Default)]
pub struct NoticeFilter {
    /// Only in this state.
    pub state: Option<String>,
    /// Only of this kind.
    pub name: Option<String>,
    /// At most so many; 0 for all.
    pub limit: u64,
}

fn notice(row: &SqliteRow) -> Notice {
    let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
    let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
    Notice {
        id: text("id"),
        name: text("name"),
        key: text("key"),
        party: text("party"),
        to: text("recipient"),
        via: text("via"),
        format: text("format"),
        language: text("language"),
        state: text("state"),
        events: number("events").cast_unsigned(),
        message_id: text("message_id"),
        made: Time(number("made")),
        due: Time(number("due")),
        attempts: u32::try_from(number("attempts")).unwrap_or(0),
        reason: text("reason"),
        delivered_at: row.try_get::<Option<i64>, _>("delivered").ok().flatten().map(Time),
    }
}

const LISTED: &str = "id, name, key, party, recipient, via, format, language, state, events, message_id, made, due, attempts, reason, delivered";

impl Records {
    /// Notices, newest first.
    pub async fn notices(&self, filter: &NoticeFilter) -> Result<Vec<Notice>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
        query.push(LISTED).push(" FROM notice WHERE 1");
        if let Some(state) = &filter.state {
            query.push(" AND state = ").push_bind(state.clone());
        }
        if let Some(name) = &filter.name {
            query.push(" AND name = ").push_bind(name.clone());
        }
        query.push(" ORDER BY seq DESC");
        if filter.limit > 0 {
            query.push(" LIMIT ").push_bind(i64::try_from(filter.limit).unwrap_or(i64::MAX));
        }
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(notice).collect())
    }

    /// Notices made before the one with this number, newest first.
    pub async fn notices_before(&self, id: &str, limit: u32) -> Result<Vec<Notice>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
        query
            .push(LISTED)
            .push(" FROM notice WHERE seq < (SELECT seq FROM notice WHERE id = ")
            .push_bind(id.to_owned());
        query.push(") ORDER BY seq DESC LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(notice).collect())
    }

    /// How many notices are in each state.
    pub async fn notice_states(&self) -> Result<Vec<(String, u64)>, Problem> {
        let rows = sqlx::query("SELECT state, count(*) AS count FROM notice GROUP BY state ORDER BY state")
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                (row.try_get("state").unwrap_or_default(), row.try_get::<i64, _>("count").unwrap_or(0).cast_unsigned())
            })
            .collect())
    }

    /// A notice and its events.
    pub async fn notice(&self, id: &str) -> Result<Option<(Notice, Members)>, Problem> {
        let row = sqlx::query("SELECT * FROM notice WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.pool())
            .await
            .map_err(trouble)?;
        Ok(row.as_ref().map(with_members))
    }

    /// Notices to be sent now by this way, oldest first.
    pub async fn notices_due(&self, now: Time, way: &Way, limit: u32) -> Result<Vec<(Notice, Members)>, Problem> {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT * FROM notice WHERE state = 'queued' AND due <= ");
        query.push_bind(now.0);
        match way {
            Way::Any => {}
            Way::Named(name) => {
                query.push(" AND via = ").push_bind(name.clone());
            }
            Way::NoneOf(names) => {
                query.push(" AND via NOT IN (");
                let mut list = query.separated(", ");
                for name in names {
                    list.push_bind(name.clone());
                }
                query.push(")");
            }
        }
        query.push(" ORDER BY due, seq LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(with_members).collect())
    }

    /// The exact bytes of a notice, compressed, if they were composed.
    pub async fn notice_bytes(&self, id: &str) -> Result<Option<Vec<u8>>, Problem> {
        let packed: Option<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM notice_bytes WHERE id = ?1")
            .bind(id)
            .fetch_optional(self.pool())
            .await
            .map_err(trouble)?;
        packed
            .map(|packed| zstd::decode_all(packed.as_slice()))
            .transpose()
            .map_err(|error| Problem::new(format!("the bytes of notice {id} are damaged: {error}")))
    }

    /// Keeps the exact bytes of notices, before their first attempt.
    pub async fn keep_notice_bytes(&self, composed: &[(String, Vec<u8>)]) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for (id, bytes) in composed {
            let packed = zstd::encode_all(bytes.as_slice(), 1).map_err(|error| Problem::new(error.to_string()))?;
            sqlx::query("INSERT INTO notice_bytes (id, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .bind(id)
                .bind(packed)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
        }
        self.commit(change).await
    }

    /// Writes down how attempts ended: id, new state, when to try again (or when delivered), reason.
    pub async fn settle_notices(&self, ended: &[(String, &'static str, Time, String)]) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for (id, state, time, reason) in ended {
            let sql = match *state {
                "delivered" => {
                    "UPDATE notice SET state = ?2, delivered = ?3, reason = ?4, attempts = attempts + 1 WHERE id = ?1"
                }
                _ => "UPDATE notice SET state = ?2, due = ?3, reason = ?4, attempts = attempts + 1 WHERE id = ?1",
            };
            sqlx::query(sql)
                .bind(id)
                .bind(state)
                .bind(time.0)
                .bind(reason)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
        }
        self.commit(change).await
    }

    /// Puts a failed or contactless notice back into the queue; with a new address if one is given.
    /// `false` when there is no such notice or it needs none of it.
    pub async fn requeue_notice(&self, id: &str, recipient: Option<&str>, now: Time) -> Result<bool, Problem> {
        let result = sqlx::query(
            "UPDATE notice SET state = 'queued', due = ?2, recipient = coalesce(?3, recipient) WHERE id = ?1
             AND state IN ('failed', 'no-contact', 'queued') AND (?3 IS NOT NULL OR state <> 'no-contact' OR recipient <> '')",
        )
        .bind(id)
        .bind(now.0)
        .bind(recipient)
        .execute(self.pool())
        .await
        .map_err(trouble)?;
        if result.rows_affected() == 1 && recipient.is_some() {
            // The bytes name the recipient, so they are composed again for the new one.
            sqlx::query("DELETE FROM notice_bytes WHERE id = ?1")
                .bind(id)
                .execute(self.pool())
                .await
                .map_err(trouble)?;
        }
        Ok(result.rows_affected() == 1)
    }

    /// How far a kind of notice has looked (its batch) and when it is due next.
    pub async fn notice_cursor(&self, name: &str) -> Result<Option<(u64, Time)>, Problem> {
        let row = sqlx::query("SELECT batch, due FROM notice_cursor WHERE name = ?1")
            .bind(name)
            .fetch_optional(self.pool())
            .await
            .map_err(trouble)?;
        Ok(row.map(|row| {
            (row.try_get::<i64, _>("batch").unwrap_or(0).cast_unsigned(), Time(row.try_get("due").unwrap_or(0)))
        }))
    }

    /// Groups of a kind that were told earlier than the rest, and up to which batch.
    pub async fn notice_early(&self, name: &str) -> Result<HashMap<String, u64>, Problem> {
        let rows = sqlx::query("SELECT key, batch FROM notice_early WHERE name = ?1")
            .bind(name)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                (row.try_get("key").unwrap_or_default(), row.try_get::<i64, _>("batch").unwrap_or(0).cast_unsigned())
            })
            .collect())
    }

    /// When a problem was last told by a kind of notice, and when it was last seen.
    pub async fn told(&self, name: &str, problem: ProblemKey) -> Result<Option<(Time, Time)>, Problem> {
        let row = sqlx::query("SELECT told, seen FROM told WHERE name = ?1 AND problem = ?2")
            .bind(name)
            .bind(problem.0.as_slice())
            .fetch_optional(self.pool())
            .await
            .map_err(trouble)?;
        Ok(row.map(|row| (Time(row.try_get("told").unwrap_or(0)), Time(row.try_get("seen").unwrap_or(0)))))
    }
}

fn with_members(row: &SqliteRow) -> (Notice, Members) {
    let members = row.try_get::<Vec<u8>, _>("members").ok().and_then(|bytes| Members::from_bytes(&bytes));
    (notice(row), members.unwrap_or_default())
}

/// What notices made together mostly have in common.
fn common(notice: &NewNotice) -> (&str, &str, &str, &str, &str, &str, Time) {
    let NewNotice { name, via, format, language, state, reason, due, .. } = notice;
    (name, via, format, language, state, reason, *due)
}

/// Adds notices to a change and gives each its number: day and a count within the day.
pub(crate) async fn insert_notices(
    change: &mut Change<'_>,
    now: Time,
    domain: &str,
    notices: &[NewNotice],
) -> Result<(), Problem> {
    if notices.is_empty() {
        return Ok(());
    }
    let day = now.date_text().replace('-', "");
    let last: Option<String> =
        sqlx::query_scalar("SELECT value FROM memory WHERE owner = 'notice number' AND name = ?1")
            .bind(&day)
            .fetch_optional(&mut **change)
            .await
            .map_err(trouble)?;
    let mut number: i64 = last.and_then(|last| last.parse().ok()).unwrap_or(0);
    // Most notices differ in few columns, so the others are given once for many.
    let mut ordered: Vec<&NewNotice> = notices.iter().collect();
    ordered.sort_by(|a, b| common(a).cmp(&common(b)));
    for some in ordered.chunk_by(|a, b| common(a) == common(b)).flat_map(|alike| alike.chunks(ROWS_AT_ONCE)) {
        let Some((name, via, format, language, state, reason, due)) = some.first().map(|first| common(first)) else {
            continue;
        };
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "WITH alike (name, via, format, language, state, reason, due, made, day, domain) AS (VALUES (",
        );
        let mut values = query.separated(", ");
        values.push_bind(name).push_bind(via).push_bind(format).push_bind(language).push_bind(state);
        values.push_bind(reason).push_bind(due.0).push_bind(now.0).push_bind(&day).push_bind(domain);
        query.push(")), each (number, key, party, recipient, events, members) AS (");
        query.push_values(some, |mut row, notice| {
            number += 1;
            row.push_bind(number)
                .push_bind(&notice.key)
                .push_bind(&notice.party)
                .push_bind(&notice.recipient)
                .push_bind(notice.members.len().cast_signed())
                .push_bind(notice.members.to_bytes());
        });
        query.push(
            ") INSERT INTO notice (id, name, key, party, recipient, via, format, language, state, events, members, message_id, made, due, reason)
             SELECT printf('%s-%06d', day, number), name, key, party, recipient, via, format, language, state, events, members,
             printf('%s-%06d@%s', day, number, domain), made, due, reason FROM each CROSS JOIN alike",
        );
        query.build().persistent(some.len() == ROWS_AT_ONCE).execute(&mut **change).await.map_err(trouble)?;
    }
    sqlx::query(
        "INSERT INTO memory (owner, name, value) VALUES ('notice number', ?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
    )
    .bind(&day)
    .bind(number.to_string())
    .execute(&mut **change)
    .await
    .map_err(trouble)
    .map(|_| ())
}

/// Moves the cursor of a kind of notice in a change.
pub(crate) async fn move_cursor(change: &mut Change<'_>, name: &str, batch: u64, due: Time) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO notice_cursor (name, batch, due) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET batch = excluded.batch, due = excluded.due",
    )
    .bind(name)
    .bind(batch.cast_signed())
    .bind(due.0)
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    sqlx::query("DELETE FROM notice_early WHERE name = ?1 AND batch <= ?2")
        .bind(name)
        .bind(batch.cast_signed())
        .execute(&mut **change)
        .await
        .map_err(trouble)
        .map(|_| ())
}

/// Says in a change that one group was told up to a batch, ahead of the rest.
pub(crate) async fn tell_early(change: &mut Change<'_>, name: &str, key: &str, batch: u64) -> Result<(), Problem> {
    sqlx::query("INSERT INTO notice_early (name, key, batch) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET batch = excluded.batch")
        .bind(name)
        .bind(key)
        .bind(batch.cast_signed())
        .execute(&mut **change)
        .await
        .map_err(trouble)
        .map(|_| ())
}

/// Remembers in a change when problems were told and seen.
pub(crate) async fn mark_told(
    change: &mut Change<'_>,
    name: &str,
    marks: &[(ProblemKey, Time, Time)],
) -> Result<(), Problem> {
    for (problem, told, seen) in marks {
        sqlx::query(
            "INSERT INTO told (name, problem, told, seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET told = max(told, excluded.told), seen = max(seen, excluded.seen)",
        )
        .bind(name)
        .bind(problem.0.as_slice())
        .bind(told.0)
        .bind(seen.0)
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    }
    Ok(())
}
