//! Making notices: what is told to whom, and how far each kind has looked.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use concert_model::incident::Tlp;
use concert_model::{Problem, Time};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};

use super::audit::{Act, By, append_audit};
use super::{Change, Records, trouble};
use crate::Members;

/// Rows inserted by one statement; seven values each stay far below SQLite's 32,766.
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
    /// queued, waiting (for approval) or no-contact.
    pub state: &'static str,
    /// Why it cannot be sent, if it cannot.
    pub reason: String,
    /// Who was passed over for its receivers, and why; mostly empty.
    pub passed_over: String,
    /// Its events.
    pub members: Members,
    /// The strictest label that they bear.
    pub tlp: Option<Tlp>,
    /// When it is to be sent.
    pub due: Time,
}

/// What the numbers and Message-IDs of a site's notices end in, so that no two sites have the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The letters of the site; empty where its key is not there.
    pub letters: String,
    /// The domain of its address.
    pub domain: String,
}

impl Home {
    /// What stands behind the count: nothing, or a dash and the letters.
    pub(super) fn tail(&self) -> String {
        if self.letters.is_empty() { String::new() } else { format!("-{}", self.letters) }
    }
}

/// The numbers of notices that were made together.
#[derive(Debug, Default)]
pub(crate) struct Made {
    day: String,
    counts: Range<i64>,
    tail: String,
}

impl Made {
    /// They, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = String> {
        let Self { day, counts, tail } = self;
        counts.clone().map(move |count| format!("{day}-{count:06}{tail}"))
    }

    /// The only one.
    pub(crate) fn id(&self) -> String {
        self.ids().next().unwrap_or_default()
    }
}

/// Forgets how far a kind of notice has looked, as part of a change. `false` where it never has.
pub async fn drop_notice_in(change: &mut Change<'_>, name: &str, by: &By, reason: &str) -> Result<bool, Problem> {
    let mut dropped = 0;
    for sql in ["DELETE FROM notice_early WHERE name = ?1", "DELETE FROM notice_cursor WHERE name = ?1"] {
        dropped = sqlx::query(sql).bind(name).execute(&mut **change).await.map_err(trouble)?.rows_affected();
    }
    append_audit(change, by, &Act::done("notice drop", format!("notice {name}"), reason)).await?;
    Ok(dropped > 0)
}

impl Records {
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

    /// Every kind of notice that has looked, also those that the settings no longer have, and up to which batch.
    pub async fn notice_cursors(&self) -> Result<Vec<(String, u64)>, Problem> {
        let sql = "SELECT name, batch FROM notice_cursor ORDER BY name";
        let rows = sqlx::query(sql).fetch_all(self.pool()).await.map_err(trouble)?;
        let batch = |row: &SqliteRow| row.try_get::<i64, _>("batch").unwrap_or(0).cast_unsigned();
        Ok(rows.iter().map(|row| (row.try_get("name").unwrap_or_default(), batch(row))).collect())
    }

    /// Forgets how far a kind of notice has looked, so that nothing waits for it. `false` where it never has.
    pub async fn drop_notice(&self, name: &str, by: &By, reason: &str) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let is_dropped = drop_notice_in(&mut change, name, by, reason).await?;
        self.commit(change).await?;
        Ok(is_dropped)
    }

    /// The events of the newest notices of a kind that came behind a batch: what was told earlier than the rest.
    pub async fn told_behind(&self, name: &str, batch: u64) -> Result<HashSet<(u64, u32)>, Problem> {
        /// Notices looked at, and events of them.
        const MOST: (i64, usize) = (10_000, 1_000_000);
        let query = sqlx::query_scalar("SELECT members FROM notice WHERE name = ?1 ORDER BY seq DESC LIMIT ?2");
        let rows: Vec<Vec<u8>> = query.bind(name).bind(MOST.0).fetch_all(self.pool()).await.map_err(trouble)?;
        let mut told = HashSet::new();
        for members in rows.iter().filter_map(|bytes| Members::from_bytes(bytes)) {
            for range in members.ranges().filter(|range| range.batch > batch) {
                told.extend((range.start..range.start.saturating_add(range.length)).map(|row| (range.batch, row)));
            }
            if told.len() > MOST.1 {
                break;
            }
        }
        Ok(told)
    }

    /// Groups of a kind that were told further than its cursor, or less far because they are held back, and up to which
    /// batch.
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

    /// Which of these groups of a kind are held back: told less far than its cursor.
    pub async fn notice_held(
        &self,
        name: &str,
        keys: impl Iterator<Item = String>,
    ) -> Result<HashSet<String>, Problem> {
        let behind = "name = ?1 AND batch < (SELECT batch FROM notice_cursor WHERE name = ?1)";
        let any = format!("SELECT EXISTS (SELECT 1 FROM notice_early WHERE {behind})");
        let any: bool =
            sqlx::query_scalar(AssertSqlSafe(any)).bind(name).fetch_one(self.pool()).await.map_err(trouble)?;
        let (mut held, mut keys) = (HashSet::new(), keys.peekable());
        while any && keys.peek().is_some() {
            let some: Vec<String> = keys.by_ref().take(ROWS_AT_ONCE).collect();
            let sql =
                format!("SELECT key FROM notice_early WHERE {behind} AND key IN (SELECT value FROM json_each(?2))");
            let query = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).bind(name);
            let query = query.bind(serde_json::Value::from(some).to_string());
            held.extend(query.fetch_all(self.pool()).await.map_err(trouble)?);
        }
        Ok(held)
    }

    /// Leaves out addresses of a notice that is not sent yet. `false` when it has others by now.
    pub async fn narrow_notice(&self, id: &str, before: &str, after: &str) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let narrowed = sqlx::query(
            "UPDATE notice SET recipient = ?3 WHERE id = ?1 AND recipient = ?2 AND state IN ('waiting', 'queued', 'failed')",
        )
        .bind(id)
        .bind(before)
        .bind(after)
        .execute(&mut *change)
        .await
        .map_err(trouble)?;
        if narrowed.rows_affected() == 1 {
            let sql = "DELETE FROM notice_bytes WHERE id = ?1";
            sqlx::query(sql).bind(id).execute(&mut *change).await.map_err(trouble)?;
        }
        self.commit(change).await?;
        Ok(narrowed.rows_affected() == 1)
    }

    /// Says anew why a notice in this state waits, and who was passed over for it.
    pub async fn explain_notice(&self, id: &str, state: &str, reason: &str, passed_over: &str) -> Result<(), Problem> {
        let mut change = self.change().await?;
        sqlx::query("UPDATE notice SET reason = ?3, passed_over = ?4 WHERE id = ?1 AND state = ?2")
            .bind(id)
            .bind(state)
            .bind(reason)
            .bind(passed_over)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        self.commit(change).await
    }

    /// Gives a notice in this state to others: it becomes the first of these, and the rest get numbers of their own.
    /// `false` when it is in another state by now.
    pub async fn readdress_notice(
        &self,
        id: &str,
        state: &str,
        notices: &[NewNotice],
        home: &Home,
        now: Time,
    ) -> Result<bool, Problem> {
        let Some((first, others)) = notices.split_first() else { return Ok(false) };
        let mut change = self.change().await?;
        let given = sqlx::query(
            "UPDATE notice SET party = ?2, recipient = ?3, via = ?4, format = ?5, language = ?6, state = ?7, reason = ?8,
             passed_over = ?9, events = ?10, members = ?11, due = ?12, since = ?12, tries = 0, by_hand = 0,
             key = ?14 WHERE id = ?1 AND state = ?13",
        )
        .bind(id)
        .bind(&first.party)
        .bind(&first.recipient)
        .bind(&*first.via)
        .bind(&*first.format)
        .bind(&*first.language)
        .bind(first.state)
        .bind(&first.reason)
        .bind(&first.passed_over)
        .bind(first.members.len().cast_signed())
        .bind(first.members.to_bytes())
        .bind(first.due.0)
        .bind(state)
        .bind(&first.key)
        .execute(&mut *change)
        .await
        .map_err(trouble)?;
        if given.rows_affected() == 0 {
            return Ok(false);
        }
        // Whoever got another form of the very same events is found by the moment they were made.
        for other in insert_notices(&mut change, now, home, others).await?.ids() {
            sqlx::query("UPDATE notice SET made = (SELECT made FROM notice WHERE id = ?1) WHERE id = ?2")
                .bind(id)
                .bind(other)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
        }
        // What was composed of it before names other receivers.
        sqlx::query("DELETE FROM notice_bytes WHERE id = ?1").bind(id).execute(&mut *change).await.map_err(trouble)?;
        self.commit(change).await?;
        Ok(true)
    }

    /// Makes several notices of one that is queued: it keeps the first of these sets of events, the
    /// others get numbers of their own. What was composed of it is forgotten, so nobody may have it.
    pub async fn split_notice(&self, id: &str, sets: &[Members], home: &Home, now: Time) -> Result<(), Problem> {
        let Some((first, others)) = sets.split_first() else { return Ok(()) };
        let mut change = self.change().await?;
        let kept = sqlx::query("UPDATE notice SET events = ?2, members = ?3 WHERE id = ?1 AND state = 'queued'")
            .bind(id)
            .bind(first.len().cast_signed())
            .bind(first.to_bytes())
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        if kept.rows_affected() == 0 {
            return Ok(());
        }
        sqlx::query("DELETE FROM notice_bytes WHERE id = ?1").bind(id).execute(&mut *change).await.map_err(trouble)?;
        let (day, mut number) = last_number(&mut change, now).await?;
        for members in others {
            number += 1;
            sqlx::query(
                "INSERT INTO notice (id, name, key, party, recipient, via, format, language, state, events, members, tlp, message_id, made, due, since, again_of, passed_over, by_hand)
                 SELECT printf('%s-%06d%s', ?2, ?3, ?6), name, key, party, recipient, via, format, language, state, ?4, ?5, tlp,
                 printf('%s-%06d%s.%s', ?2, ?3, ?6, lower(hex(randomblob(8)))) || substr(message_id, instr(message_id, '@')), made, due, since, again_of, passed_over, by_hand FROM notice WHERE id = ?1",
            )
            .bind(id)
            .bind(&day)
            .bind(number)
            .bind(members.len().cast_signed())
            .bind(members.to_bytes())
            .bind(home.tail())
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        }
        keep_number(&mut change, &day, number).await?;
        self.commit(change).await
    }
}

/// What notices made together mostly have in common.
fn common(notice: &NewNotice) -> ([&str; 7], Time) {
    let NewNotice { name, via, format, language, state, reason, passed_over, due, .. } = notice;
    ([name, via, format, language, state, reason, passed_over], *due)
}

/// Makes a notice that tells words and no events, in a change. Gives its number.
pub async fn insert_words(
    change: &mut Change<'_>,
    notice: &NewNotice,
    text: &str,
    home: &Home,
    now: Time,
) -> Result<String, Problem> {
    let id = insert_notices(change, now, home, std::slice::from_ref(notice)).await?.id();
    let query = sqlx::query("UPDATE notice SET text = ?2 WHERE id = ?1").bind(&id).bind(text);
    query.execute(&mut **change).await.map_err(trouble)?;
    Ok(id)
}

/// Adds notices to a change and gives each its number: day, a count within the day, and the letters of the site. In
/// its Message-ID stands behind that what nobody can guess: whoever names it has seen the notice.
pub(crate) async fn insert_notices(
    change: &mut Change<'_>,
    now: Time,
    home: &Home,
    notices: &[NewNotice],
) -> Result<Made, Problem> {
    if notices.is_empty() {
        return Ok(Made::default());
    }
    let tail = home.tail();
    let (day, mut number) = last_number(change, now).await?;
    let first = number + 1;
    // Most notices differ in few columns, so the others are given once for many.
    let mut ordered: Vec<&NewNotice> = notices.iter().collect();
    ordered.sort_by(|a, b| common(a).cmp(&common(b)));
    for some in ordered.chunk_by(|a, b| common(a) == common(b)).flat_map(|alike| alike.chunks(ROWS_AT_ONCE)) {
        let Some((texts, due)) = some.first().map(|first| common(first)) else { continue };
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "WITH alike (name, via, format, language, state, reason, passed_over, due, made, day, tail, domain) AS (VALUES (",
        );
        let mut values = query.separated(", ");
        for text in texts {
            values.push_bind(text);
        }
        values.push_bind(due.0).push_bind(now.0).push_bind(&day);
        values.push_bind(&tail).push_bind(&home.domain);
        query.push(")), each (number, key, party, recipient, events, members, tlp) AS (");
        query.push_values(some, |mut row, notice| {
            number += 1;
            row.push_bind(number)
                .push_bind(&notice.key)
                .push_bind(&notice.party)
                .push_bind(&notice.recipient)
                .push_bind(notice.members.len().cast_signed())
                .push_bind(notice.members.to_bytes())
                .push_bind(notice.tlp.map_or("", Tlp::word));
        });
        query.push(
            ") INSERT INTO notice (id, name, key, party, recipient, via, format, language, state, events, members, tlp, message_id, made, due, since, reason, passed_over)
             SELECT printf('%s-%06d%s', day, number, tail), name, key, party, recipient, via, format, language, state, events, members, tlp,
             printf('%s-%06d%s.%s@%s', day, number, tail, lower(hex(randomblob(8))), domain), made, due, due, reason, passed_over FROM each CROSS JOIN alike",
        );
        query.build().persistent(some.len() == ROWS_AT_ONCE).execute(&mut **change).await.map_err(trouble)?;
    }
    keep_number(change, &day, number).await?;
    Ok(Made { day, counts: first..number + 1, tail })
}

/// The day of a moment, and the last number of a notice made on it.
pub(super) async fn last_number(change: &mut Change<'_>, now: Time) -> Result<(String, i64), Problem> {
    let day = now.date_text().replace('-', "");
    let last: Option<String> =
        sqlx::query_scalar("SELECT value FROM memory WHERE owner = 'notice number' AND name = ?1")
            .bind(&day)
            .fetch_optional(&mut **change)
            .await
            .map_err(trouble)?;
    Ok((day, last.and_then(|last| last.parse().ok()).unwrap_or(0)))
}

pub(super) async fn keep_number(change: &mut Change<'_>, day: &str, number: i64) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO memory (owner, name, value) VALUES ('notice number', ?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
    )
    .bind(day)
    .bind(number.to_string())
    .execute(&mut **change)
    .await
    .map_err(trouble)
    .map(|_| ())
}

/// Moves the cursor of a kind of notice in a change, and that of all groups behind it; where those that are held back stay,
/// of the others alone. There may be very many of them, and a report comes every second.
pub(crate) async fn move_cursor(
    change: &mut Change<'_>,
    name: &str,
    batch: u64,
    due: Time,
    held_stay: bool,
) -> Result<(), Problem> {
    let query = sqlx::query_scalar("SELECT batch FROM notice_cursor WHERE name = ?1").bind(name);
    let before: Option<i64> = query.fetch_optional(&mut **change).await.map_err(trouble)?;
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
    sqlx::query("DELETE FROM notice_early WHERE name = ?1 AND batch BETWEEN ?3 AND ?2")
        .bind(name)
        .bind(batch.cast_signed())
        .bind(before.filter(|_| held_stay).unwrap_or(0))
        .execute(&mut **change)
        .await
        .map_err(trouble)
        .map(|_| ())
}

/// Says in a change that one group was told up to a batch, unlike the rest.
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
