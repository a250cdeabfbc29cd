//! Notices: what is told to whom, and what became of it. How they are made says `telling.rs`.

use std::collections::HashSet;

use concert_model::incident::Tlp;
use concert_model::{Problem, Time};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};

use super::approval::{Gate, WAITS_FOR_APPROVAL};
use super::receivers::{Receiver, forget_receivers_in, note_receivers_in};
use super::{Change, Records, trouble};
use crate::Members;

/// Leaves out messages of incidents: who may see one is decided with its incident, not with notices.
const NOTICES_ONLY: &str = " name <> '(message)'";

/// The reason of a notice that was delivered on trial only: nobody was told by it.
pub const ON_TRIAL: &str = "dry run: nothing was sent";
/// How the reason of one begins that went to another address on trial, which stands behind it.
pub const ON_TRIAL_TO: &str = "on trial: sent to ";
/// Notices that are stuck of which it is looked why.
const STUCK_MAX: u32 = 10_000;

/// Whether the reason of a delivered notice says that nobody was told by it.
pub fn is_on_trial(reason: &str) -> bool {
    reason == ON_TRIAL || reason.starts_with(ON_TRIAL_TO)
}

/// A notice as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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
    /// waiting (for approval), queued, delivered, failed, no-contact, rejected.
    pub state: String,
    /// Number of events.
    pub events: u64,
    /// The strictest label that they bear.
    pub tlp: Option<Tlp>,
    /// Its own Message-ID, the same for every copy.
    pub message_id: String,
    /// That of the mail in which another notice carries this one; empty where it goes by itself, and where it is read to
    /// be sent.
    pub carrier_message_id: String,
    /// When it was made.
    pub made: Time,
    /// When it is to be sent (again).
    pub due: Time,
    /// Attempts so far.
    pub attempts: u32,
    /// Since when it is being sent: when it was first due, or was put back into the queue.
    pub since: Time,
    /// Attempts since then.
    pub tries: u32,
    /// What the last attempt said.
    pub reason: String,
    /// When it was delivered.
    pub delivered_at: Option<Time>,
    /// The notice that this one repeats on purpose; empty for all others.
    pub again_of: String,
    /// What a person wrote, in a notice that tells no events.
    pub text: String,
    /// The notice that carries this one in its mail, if any does; see [`Notice::carrier`].
    pub within: String,
    /// Who stands in front of its receivers and was passed over, and why; mostly empty.
    pub passed_over: String,
    /// Whether somebody gave it its addresses by hand, so that the contact book has no say in them.
    pub is_by_hand: bool,
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
    /// Only by this way out.
    pub via: Option<String>,
    /// Only to these parties.
    pub parties: Option<Vec<String>>,
    /// Only those whose events bear none but these labels, or none.
    pub labels: Option<Vec<Tlp>>,
    /// Only those made before the one of this number, which must be one of those asked for by party and label.
    pub before: Option<String>,
    /// Only those made then or later.
    pub made_since: Option<Time>,
    /// Without reminders, which tell their receivers of incidents that others may not see.
    pub without_reminders: bool,
    /// At most so many; 0 for all.
    pub limit: u64,
}

/// Adds which parties and labels are seen, as one bound value each, however many they are.
fn push_seen(query: &mut QueryBuilder<Sqlite>, filter: &NoticeFilter) {
    if let Some(parties) = &filter.parties {
        let names = serde_json::Value::from(parties.clone()).to_string();
        query.push(" AND party IN (SELECT value FROM json_each(").push_bind(names).push("))");
    }
    if let Some(labels) = &filter.labels {
        let words: Vec<&str> = labels.iter().map(|label| label.word()).chain([""]).collect();
        query.push(" AND tlp IN (SELECT value FROM json_each(").push_bind(serde_json::Value::from(words).to_string());
        query.push("))");
    }
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
        tlp: text("tlp").parse().ok(),
        message_id: text("message_id"),
        carrier_message_id: text("carrier_message_id"),
        made: Time(number("made")),
        due: Time(number("due")),
        attempts: u32::try_from(number("attempts")).unwrap_or(0),
        since: Time(number("since")),
        tries: u32::try_from(number("tries")).unwrap_or(0),
        reason: text("reason"),
        delivered_at: row.try_get::<Option<i64>, _>("delivered").ok().flatten().map(Time),
        again_of: text("again_of"),
        text: text("text"),
        within: text("within"),
        passed_over: text("passed_over"),
        is_by_hand: number("by_hand") == 1,
    }
}

/// Leaves out what failed and was told again to somebody else.
const NOT_TOLD_AGAIN: &str = "NOT (state = 'failed' AND id IN (SELECT notice FROM notice_again))";
const LISTED: &str = "id, name, key, party, recipient, via, format, language, state, events, tlp, message_id, made, due, attempts, since, tries, reason, delivered, again_of, text, within, passed_over, by_hand,
     (SELECT carrier.message_id FROM notice AS carrier WHERE carrier.id = notice.within AND notice.within <> '') AS carrier_message_id";

impl Records {
    /// Notices, newest first.
    pub async fn notices(&self, filter: &NoticeFilter) -> Result<Vec<Notice>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
        query.push(LISTED).push(" FROM notice WHERE").push(NOTICES_ONLY);
        if let Some(state) = &filter.state {
            query.push(" AND state = ").push_bind(state.clone());
        }
        if let Some(name) = &filter.name {
            query.push(" AND name = ").push_bind(name.clone());
        }
        if let Some(via) = &filter.via {
            query.push(" AND via = ").push_bind(via.clone());
        }
        if let Some(since) = filter.made_since {
            query.push(" AND made >= ").push_bind(since.0);
        }
        if filter.without_reminders {
            query.push(" AND name <> '(reminder)'");
        }
        push_seen(&mut query, filter);
        if let Some(before) = &filter.before {
            query.push(" AND seq < (SELECT seq FROM notice WHERE id = ").push_bind(before.clone());
            push_seen(&mut query, filter);
            query.push(")");
        }
        query.push(" ORDER BY seq DESC");
        if filter.limit > 0 {
            query.push(" LIMIT ").push_bind(i64::try_from(filter.limit).unwrap_or(i64::MAX));
        }
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(notice).collect())
    }

    /// How many notices are in each state, without those that failed and were told again: nobody need look.
    pub async fn notice_states(&self) -> Result<Vec<(String, u64)>, Problem> {
        let sql = format!(
            "SELECT state, count(*) AS count FROM notice WHERE name <> '(message)' AND {NOT_TOLD_AGAIN}
             GROUP BY state ORDER BY state"
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                (row.try_get("state").unwrap_or_default(), row.try_get::<i64, _>("count").unwrap_or(0).cast_unsigned())
            })
            .collect())
    }

    /// How many notices and messages of incidents go out by themselves.
    pub async fn notices_queued(&self) -> Result<u64, Problem> {
        let sql = "SELECT count(*) FROM notice WHERE state = 'queued'";
        let count: i64 = sqlx::query_scalar(sql).fetch_one(self.pool()).await.map_err(trouble)?;
        Ok(count.cast_unsigned())
    }

    /// Notices that a person must look at, those together that are stuck for the same reason: the
    /// newest of them and how many they are. Newest first; of many, the newest alone are looked at.
    pub async fn stuck(&self, limit: u32) -> Result<Vec<(Notice, u64)>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT ");
        // SQLite takes the other columns from the row with the greatest `seq`.
        query.push(LISTED).push(
            ", max(seq) AS newest, count(*) AS count FROM (SELECT * FROM notice WHERE state IN ('failed', 'no-contact', 'waiting') AND name <> '(message)' AND ",
        );
        query.push(NOT_TOLD_AGAIN).push(" ORDER BY seq DESC LIMIT ");
        query
            .push_bind(STUCK_MAX)
            .push(") AS notice GROUP BY state, via, reason ORDER BY newest DESC LIMIT ")
            .push_bind(limit);
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        let count = |row: &SqliteRow| row.try_get::<i64, _>("count").unwrap_or(0).cast_unsigned();
        Ok(rows.iter().map(|row| (notice(row), count(row))).collect())
    }

    /// Of the notices that failed those whose events were told again.
    pub async fn failed_told_again(&self) -> Result<HashSet<String>, Problem> {
        let sql = "SELECT id FROM notice WHERE state = 'failed' AND id IN (SELECT notice FROM notice_again)";
        let ids: Vec<String> = sqlx::query_scalar(sql).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(ids.into_iter().collect())
    }

    /// A notice and its events.
    pub async fn notice(&self, id: &str) -> Result<Option<(Notice, Members)>, Problem> {
        let sql = format!("SELECT {LISTED}, members FROM notice WHERE id = ?1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(id);
        let row = query.fetch_optional(self.pool()).await.map_err(trouble)?;
        Ok(row.as_ref().map(with_members))
    }

    /// Of these notices those that are there, each with its kind and the party it is for.
    pub async fn notices_there(&self, ids: &[&str]) -> Result<Vec<Notice>, Problem> {
        let sql = format!("SELECT {LISTED} FROM notice WHERE id IN (SELECT value FROM json_each(?1))");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(serde_json::Value::from(ids).to_string());
        Ok(query.fetch_all(self.pool()).await.map_err(trouble)?.iter().map(notice).collect())
    }

    /// Notices to be sent now by this way, oldest first.
    pub async fn notices_due(&self, now: Time, way: &Way, limit: u32) -> Result<Vec<(Notice, Members)>, Problem> {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT * FROM notice WHERE state = 'queued' AND within IN ('', '-') AND due <= ");
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

    /// Makes due now what waits for a moment that a clock gave it which was ahead: what was made later than now and was not
    /// tried yet, and what was put off by an attempt for longer than attempts ever are. Gives how many those are.
    pub async fn catch_up_notices(&self, wait_seconds_max: i64, now: Time) -> Result<u64, Problem> {
        let sql = "UPDATE notice SET due = ?1 WHERE state = 'queued' AND due > ?1
             AND (tries = 0 AND made > ?2 OR tries > 0 AND due > ?3)";
        let query = sqlx::query(sql).bind(now.0).bind(now.latest().0).bind(now.plus_seconds(wait_seconds_max).0);
        Ok(query.execute(self.changes()).await.map_err(trouble)?.rows_affected())
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

    /// Writes down how attempts ended: id, new state, when to try again (or when delivered), reason; together with what
    /// became of some for those of whom that is known beside the others.
    pub async fn settle_notices(
        &self,
        ended: &[(String, &'static str, Time, String)],
        receivers: &[(String, Vec<Receiver>)],
    ) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for (id, receivers) in receivers {
            note_receivers_in(&mut change, id, receivers).await?;
        }
        for (id, state, time, reason) in ended {
            let when = if *state == "delivered" { "delivered" } else { "due" };
            // The notice itself, then those it carries. One that a clock which was ahead began to send is given up in time.
            for whose in ["id = ?1", "within = ?1 AND within <> ''"] {
                let sql = format!(
                    "UPDATE notice SET state = ?2, {when} = ?3, reason = ?4, since = min(since, ?3), attempts = attempts + 1, tries = tries + 1 WHERE {whose}"
                );
                sqlx::query(AssertSqlSafe(sql))
                    .bind(id)
                    .bind(state)
                    .bind(time.0)
                    .bind(reason)
                    .execute(&mut *change)
                    .await
                    .map_err(trouble)?;
            }
            if *state == "delivered" && is_on_trial(reason) {
                // Nobody was asked by it, so nobody owes an answer.
                let query = sqlx::query("DELETE FROM contact_proof WHERE notice = ?1 AND settled IS NULL").bind(id);
                query.execute(&mut *change).await.map_err(trouble)?;
            }
            if *state == "delivered" && !is_on_trial(reason) {
                sqlx::query(
                    "INSERT INTO contact_told SELECT recipient, party, ?2 FROM notice
                     WHERE (id = ?1 OR within = ?1 AND within <> '') AND recipient <> '' AND party <> '' AND name NOT LIKE '(%'
                     ON CONFLICT DO NOTHING",
                )
                .bind(id)
                .bind(time.0)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
            }
        }
        self.commit(change).await
    }

    /// Puts a notice back into the queue; see [`requeue_notice_in`].
    pub async fn requeue_notice(
        &self,
        id: &str,
        recipient: Option<&str>,
        gate: Gate,
        now: Time,
    ) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let is_done = requeue_notice_in(&mut change, id, recipient, gate, now).await?;
        self.commit(change).await?;
        Ok(is_done)
    }
}

/// Puts a failed or contactless notice back into the queue, as part of a change, as if it had just been made.
///
/// It gets a new address if one is given; one that waits for approval gets nothing else. One that is queued already is
/// only due at once. `false` when there is no such notice or it needs none of it. Where a person must approve it first,
/// one that never had a contact waits for that instead of being sent, and so does one that was rejected.
pub async fn requeue_notice_in(
    change: &mut Change<'_>,
    id: &str,
    recipient: Option<&str>,
    gate: Gate,
    now: Time,
) -> Result<bool, Problem> {
    let result = sqlx::query(
        "UPDATE notice SET due = ?2, recipient = coalesce(?3, recipient), by_hand = max(by_hand, ?3 IS NOT NULL),
         since = CASE state WHEN 'queued' THEN since ELSE ?2 END, tries = CASE state WHEN 'queued' THEN tries ELSE 0 END,
         reason = CASE WHEN state IN ('rejected', 'waiting') OR ?4 AND state = 'no-contact' THEN ?5 ELSE reason END,
         state = CASE WHEN state IN ('rejected', 'waiting') OR ?4 AND state = 'no-contact' THEN 'waiting' ELSE 'queued' END
         WHERE id = ?1 AND state IN ('failed', 'no-contact', 'queued', 'rejected', 'waiting')
         AND (?3 IS NOT NULL OR state IN ('failed', 'queued', 'rejected') OR state = 'no-contact' AND recipient <> '')",
    )
    .bind(id)
    .bind(now.0)
    .bind(recipient)
    .bind(gate == Gate::Approval)
    .bind(WAITS_FOR_APPROVAL)
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    if result.rows_affected() == 1 {
        let sql = "UPDATE notice SET state = 'queued', due = ?2, recipient = coalesce(?3, recipient),
             by_hand = max(by_hand, ?3 IS NOT NULL) WHERE within = ?1 AND within <> '' AND state IN ('failed', 'queued')";
        let carried = sqlx::query(sql).bind(id).bind(now.0).bind(recipient);
        carried.execute(&mut **change).await.map_err(trouble)?;
    }
    if result.rows_affected() == 1 && recipient.is_some() {
        // The bytes name the recipient, so they are composed again for the new one.
        sqlx::query("DELETE FROM notice_bytes WHERE id = ?1").bind(id).execute(&mut **change).await.map_err(trouble)?;
        forget_receivers_in(change, id).await?;
    }
    Ok(result.rows_affected() == 1)
}

pub(super) fn with_members(row: &SqliteRow) -> (Notice, Members) {
    let members = row.try_get::<Vec<u8>, _>("members").ok().and_then(|bytes| Members::from_bytes(&bytes));
    (notice(row), members.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::Writer;
    use crate::writer::tests::{DAY, site, write};

    #[tokio::test]
    async fn notices_that_are_stuck_for_the_same_reason_are_told_together() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        for name in ["one", "two", "three", "four"] {
            write(&mut writer, name, 0, 3).await;
        }
        let records = &store.records;
        let mut ids: Vec<String> =
            records.notices(&NoticeFilter::default()).await.unwrap().into_iter().map(|n| n.id).collect();
        ids.reverse();
        for (id, reason) in ids.iter().zip(["401", "550", "401"]) {
            records.settle_notices(&[(id.clone(), "failed", Time(0), reason.into())], &[]).await.unwrap();
        }
        let stuck = records.stuck(10).await.unwrap();
        let told: Vec<(&str, &str, u64)> = stuck.iter().map(|(n, count)| (&*n.id, &*n.reason, *count)).collect();
        assert_eq!(told, [(&*ids[2], "401", 2), (&*ids[1], "550", 1)]);
    }

    #[tokio::test]
    async fn what_was_delivered_on_trial_told_nobody() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 3).await;
        let records = &store.records;
        let made = records.notices(&NoticeFilter::default()).await.unwrap().remove(0);
        let whom = "UPDATE notice SET party = 'Uni', recipient = 'soc@uni.example'";
        sqlx::query(whom).execute(records.pool()).await.unwrap();
        let event =
            records.notice(&made.id).await.unwrap().unwrap().1.ranges().next().map(|range| (range.batch, range.start));
        let told = async || {
            let mut events = std::collections::HashMap::from([(event.unwrap(), false)]);
            records.mark_told(&mut events, Time(0), Time(i64::MAX)).await.unwrap();
            (records.contacts_told().await.unwrap().len(), events.into_values().all(|told| told))
        };
        let elsewhere = format!("{ON_TRIAL_TO}me@cert.example");
        for (reason, want) in [(ON_TRIAL, (0, false)), (&elsewhere, (0, false)), ("250 taken", (1, true))] {
            records.settle_notices(&[(made.id.clone(), "delivered", made.due, reason.into())], &[]).await.unwrap();
            assert_eq!(told().await, want, "{reason}");
        }
    }

    #[tokio::test]
    async fn who_was_asked_on_trial_only_was_not_asked() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 3).await;
        let records = &store.records;
        let made = records.notices(&NoticeFilter::default()).await.unwrap().remove(0);
        let elsewhere = format!("{ON_TRIAL_TO}me@cert.example");
        for (reason, want) in [(ON_TRIAL, 0), (&elsewhere, 0), ("250 taken", 1)] {
            let ask = "INSERT INTO contact_proof (notice, address, party, asked) VALUES (?1, 'a@x.example', 'X', 1)";
            sqlx::query(ask).bind(&made.id).execute(records.pool()).await.unwrap();
            records.settle_notices(&[(made.id.clone(), "delivered", made.due, reason.into())], &[]).await.unwrap();
            assert_eq!(records.proofs_asked().await.unwrap().len(), want, "{reason}");
        }
    }

    #[tokio::test]
    async fn what_waits_for_a_moment_that_only_another_clock_gave_is_due_now() {
        const RETRY: i64 = 86_400;
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 3).await;
        let records = &store.records;
        let made = records.notices(&NoticeFilter::default()).await.unwrap().remove(0);
        let now = made.made.plus_seconds(1000);
        // When it was made, how often it was tried, and when it is due, from now; and whether that holds.
        for (age, tries, due, holds) in [
            (-1000, 0, 400 * RETRY, true),
            (299, 0, RETRY, true),
            (301, 0, RETRY, false),
            (400 * RETRY, 0, 400 * RETRY, false),
            (400 * RETRY, 1, 60, true),
            (-1000, 1, RETRY, true),
            (-1000, 1, RETRY + 1, false),
        ] {
            sqlx::query("UPDATE notice SET made = ?1, tries = ?2, due = ?3, since = ?3")
                .bind(now.plus_seconds(age).0)
                .bind(tries)
                .bind(now.plus_seconds(due).0)
                .execute(records.pool())
                .await
                .unwrap();
            let moved = records.catch_up_notices(RETRY, now).await.unwrap();
            let found = records.notices_due(now, &Way::Any, 9).await.unwrap().len();
            assert_eq!((moved == 0, found == 0), (holds, holds), "{age} {tries} {due}");
        }
        // What a clock that was ahead began to send is given up as long after it as anything else.
        let later = now.plus_seconds(60);
        records.settle_notices(&[(made.id.clone(), "queued", later, "busy".into())], &[]).await.unwrap();
        assert_eq!(records.notice(&made.id).await.unwrap().unwrap().0.since, later);
    }

    #[tokio::test]
    async fn a_notice_that_is_tried_again_begins_anew() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 3).await;
        let records = &store.records;
        let made = records.notices(&NoticeFilter::default()).await.unwrap().remove(0);
        assert_eq!((made.since, made.tries), (made.due, 0));
        let later = made.due.plus_seconds(60);
        records.settle_notices(&[(made.id.clone(), "queued", later, "busy".into())], &[]).await.unwrap();
        assert!(records.requeue_notice(&made.id, None, Gate::Open, later).await.unwrap());
        let queued = records.notice(&made.id).await.unwrap().unwrap().0;
        assert_eq!((queued.since, queued.tries, queued.attempts), (made.since, 1, 1), "it is in the queue still");
        records.settle_notices(&[(made.id.clone(), "failed", later, "no".into())], &[]).await.unwrap();
        let again = later.plus_seconds(10 * 86_400);
        assert!(records.requeue_notice(&made.id, None, Gate::Open, again).await.unwrap());
        let queued = records.notice(&made.id).await.unwrap().unwrap().0;
        assert_eq!((queued.since, queued.tries, queued.attempts), (again, 0, 2));
        assert_eq!((queued.state.as_str(), queued.due), ("queued", again));
    }
}
