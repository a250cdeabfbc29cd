//! Reports and their rejects.

use std::collections::HashSet;

use concert_model::{EventId, Origin, Problem, Receipt, Reject, ReportId, Time};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Change, Records, trouble};
use crate::Members;
use crate::events::read::sixteen;

/// Rejects kept of one report; further ones are only counted.
pub(crate) const REJECTS_KEPT_MAX: usize = 10_000;

/// What came of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Input records.
    pub rows: u64,
    /// New events.
    pub events: u64,
    /// Repeats of events that were known.
    pub duplicates: u64,
    /// Pieces that became no event.
    pub rejects: u64,
    /// Events dropped by a rule.
    pub dropped: u64,
    /// Notices made of it at once.
    pub notices: u64,
}

/// A report that is kept and not yet processed.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its identity.
    pub id: ReportId,
    /// Hash of its bytes: their name in the archive.
    pub content: [u8; 32],
    /// How it came.
    pub receipt: Receipt,
}

/// A report as it is listed.
#[derive(Clone, Debug)]
pub struct ReportRow {
    /// Identity, bytes, receipt.
    pub report: Waiting,
    /// waiting, done or failed.
    pub state: String,
    /// Size of its bytes.
    pub bytes: u64,
    /// What came of it.
    pub counts: Counts,
    /// Why it failed.
    pub reason: String,
}

impl Counts {
    /// What these counts are above others. Below, numbers wrap, so that adding them as signed numbers
    /// is right.
    pub(crate) fn beyond(&self, before: &Counts) -> Counts {
        Counts {
            rows: self.rows.wrapping_sub(before.rows),
            events: self.events.wrapping_sub(before.events),
            duplicates: self.duplicates.wrapping_sub(before.duplicates),
            rejects: self.rejects.wrapping_sub(before.rejects),
            dropped: self.dropped.wrapping_sub(before.dropped),
            notices: self.notices.wrapping_sub(before.notices),
        }
    }
}

fn unsigned(row: &SqliteRow, name: &str) -> u64 {
    row.try_get::<i64, _>(name).unwrap_or(0).cast_unsigned()
}

fn text(row: &SqliteRow, name: &str) -> String {
    row.try_get(name).unwrap_or_default()
}

fn origin(kind: &str, text: &str) -> Origin {
    let moment = |text: &str| Time::parse(text, None).unwrap_or_default();
    match kind {
        "mail" => Origin::Mail(text.to_owned()),
        "file" => Origin::File(text.to_owned()),
        "fetch" => Origin::Fetch(moment(text)),
        "push" => Origin::Push(text.to_owned()),
        _ => {
            let (time, count) = text.split_once(' ').unwrap_or((text, "0"));
            Origin::Live(moment(time), count.parse().unwrap_or(0))
        }
    }
}

fn waiting(row: &SqliteRow) -> Waiting {
    let content: Vec<u8> = row.try_get("content").unwrap_or_default();
    Waiting {
        id: ReportId(sixteen(&row.try_get::<Vec<u8>, _>("id").unwrap_or_default())),
        content: content.try_into().unwrap_or_default(),
        receipt: Receipt {
            feed: text(row, "feed"),
            origin: origin(&text(row, "origin_kind"), &text(row, "origin")),
            received: Time(row.try_get("received").unwrap_or(0)),
            sender: text(row, "sender"),
            file_name: text(row, "file_name"),
            url: text(row, "url"),
            media_type: text(row, "media_type"),
        },
    }
}

fn report_row(row: &SqliteRow) -> ReportRow {
    ReportRow {
        report: waiting(row),
        state: text(row, "state"),
        bytes: unsigned(row, "bytes"),
        counts: Counts {
            rows: unsigned(row, "rows"),
            events: unsigned(row, "events"),
            duplicates: unsigned(row, "duplicates"),
            rejects: unsigned(row, "rejects"),
            dropped: unsigned(row, "dropped"),
            notices: unsigned(row, "notices"),
        },
        reason: text(row, "reason"),
    }
}

impl Records {
    /// The report with this identity.
    pub async fn report(&self, id: ReportId) -> Result<Option<ReportRow>, Problem> {
        let row = sqlx::query("SELECT * FROM report WHERE id = ?1")
            .bind(id.0.as_slice())
            .fetch_optional(self.pool())
            .await
            .map_err(trouble)?;
        Ok(row.as_ref().map(report_row))
    }

    /// Adds a report that waits to be processed. `false` if it was known.
    pub async fn add_report(
        &self,
        id: ReportId,
        content: &[u8; 32],
        receipt: &Receipt,
        bytes: u64,
    ) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let added = insert_report(&mut change, id, content, receipt, bytes).await?;
        self.commit(change).await?;
        Ok(added)
    }

    /// Reports that wait, oldest first.
    pub async fn waiting(&self, limit: u32) -> Result<Vec<Waiting>, Problem> {
        let rows = sqlx::query("SELECT * FROM report WHERE state = 'waiting' ORDER BY received LIMIT ?1")
            .bind(limit)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        Ok(rows.iter().map(waiting).collect())
    }

    /// Reports of a feed that wait, oldest first.
    pub async fn waiting_of(&self, feed: &str, limit: u32) -> Result<Vec<Waiting>, Problem> {
        let sql = "SELECT * FROM report WHERE state = 'waiting' AND feed = ?1 ORDER BY received LIMIT ?2";
        let rows = sqlx::query(sql).bind(feed).bind(limit).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(waiting).collect())
    }

    /// Reports of a feed (all feeds if empty) received from a moment on, oldest first.
    pub async fn reports(&self, feed: &str, since: Time) -> Result<Vec<ReportRow>, Problem> {
        let rows =
            sqlx::query("SELECT * FROM report WHERE (?1 = '' OR feed = ?1) AND received >= ?2 ORDER BY received")
                .bind(feed)
                .bind(since.0)
                .fetch_all(self.pool())
                .await
                .map_err(trouble)?;
        Ok(rows.iter().map(report_row).collect())
    }

    /// The newest reports of a feed, newest first.
    pub async fn newest_reports(&self, feed: &str, limit: u32) -> Result<Vec<ReportRow>, Problem> {
        let rows = sqlx::query("SELECT * FROM report WHERE feed = ?1 ORDER BY received DESC LIMIT ?2")
            .bind(feed)
            .bind(limit)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        Ok(rows.iter().map(report_row).collect())
    }

    /// Says that a report cannot be processed at all, and why.
    pub async fn fail_report(&self, id: ReportId, reason: &str) -> Result<(), Problem> {
        sqlx::query("UPDATE report SET state = 'failed', reason = ?2 WHERE id = ?1")
            .bind(id.0.as_slice())
            .bind(reason)
            .execute(self.changes())
            .await
            .map_err(trouble)
            .map(|_| ())
    }

    /// Newest rejects with their feed and report: of one feed, or of all if empty.
    pub async fn rejects(&self, feed: &str, limit: u32) -> Result<Vec<(String, Time, ReportId, Reject)>, Problem> {
        let rows = sqlx::query(
            "SELECT report.feed, report.received, reject.* FROM report JOIN reject ON reject.report = report.id
             WHERE report.rejects > 0 AND (?1 = '' OR report.feed = ?1) ORDER BY report.received DESC, reject.n LIMIT ?2",
        )
        .bind(feed)
        .bind(limit)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                let report = ReportId(sixteen(&row.try_get::<Vec<u8>, _>("report").unwrap_or_default()));
                (text(row, "feed"), Time(row.try_get("received").unwrap_or(0)), report, reject(row))
            })
            .collect())
    }

    /// The kept rejects of one report, in order.
    pub async fn rejects_of(&self, report: ReportId) -> Result<Vec<Reject>, Problem> {
        let rows = sqlx::query("SELECT * FROM reject WHERE report = ?1 ORDER BY n")
            .bind(report.0.as_slice())
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        Ok(rows.iter().map(reject).collect())
    }

    /// The events of a report.
    pub async fn members_of_report(&self, id: ReportId) -> Result<Members, Problem> {
        let query = sqlx::query("SELECT id, rows FROM batch WHERE report = ?1 ORDER BY id");
        let batches = query.bind(id.0.as_slice()).fetch_all(self.pool()).await.map_err(trouble)?;
        let mut members = Members::default();
        for row in batches {
            let batch = row.try_get::<i64, _>("id").unwrap_or(0).cast_unsigned();
            let rows = u32::try_from(row.try_get::<i64, _>("rows").unwrap_or(0)).unwrap_or(0);
            (0..rows).for_each(|row| members.add(batch, row));
        }
        Ok(members)
    }

    /// Contents of reports and mails received before a moment that are still archived and not used by a newer
    /// one. Mails that belong to incidents are kept with them.
    pub async fn archived_before(&self, before: Time) -> Result<Vec<[u8; 32]>, Problem> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT content FROM (
                 SELECT content FROM report WHERE archived = 1 AND state <> 'waiting' AND received < ?1
                 UNION SELECT content FROM mail WHERE archived = 1 AND state <> 'waiting' AND received < ?1
             ) AS old
             WHERE NOT EXISTS (SELECT 1 FROM report AS new WHERE new.content = old.content AND new.received >= ?1)
             AND NOT EXISTS (SELECT 1 FROM mail AS new WHERE new.content = old.content AND new.received >= ?1)
             AND NOT EXISTS (SELECT 1 FROM mail AS kept WHERE kept.content = old.content AND kept.incident <> '' AND kept.state IN ('taken', 'held'))",
        )
        .bind(before.0)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        Ok(rows.into_iter().filter_map(|row| row.try_into().ok()).collect())
    }

    /// Contents of all reports and mails whose bytes must be in the archive.
    pub async fn archived(&self) -> Result<Vec<[u8; 32]>, Problem> {
        let sql = "SELECT content FROM report WHERE archived = 1 UNION SELECT content FROM mail WHERE archived = 1";
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.into_iter().filter_map(|row| row.try_into().ok()).collect())
    }

    /// Remembers that other bytes stand for those of reports now.
    pub async fn replace_content(&self, content: &[u8; 32], fresh: &[u8; 32]) -> Result<(), Problem> {
        let query = sqlx::query("UPDATE report SET content = ?2 WHERE content = ?1");
        let query = query.bind(content.as_slice()).bind(fresh.as_slice());
        query.execute(self.changes()).await.map_err(trouble).map(drop)
    }

    /// Contents of mails, and of reports that came as such.
    pub async fn mailed(&self) -> Result<HashSet<[u8; 32]>, Problem> {
        let sql = "SELECT content FROM report WHERE origin_kind = 'mail' UNION SELECT content FROM mail";
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.into_iter().filter_map(|row| row.try_into().ok()).collect())
    }

    /// Remembers that the bytes of a report or mail are gone.
    pub async fn forget_content(&self, content: &[u8; 32]) -> Result<(), Problem> {
        for sql in
            ["UPDATE report SET archived = 0 WHERE content = ?1", "UPDATE mail SET archived = 0 WHERE content = ?1"]
        {
            sqlx::query(sql).bind(content.as_slice()).execute(self.changes()).await.map_err(trouble)?;
        }
        Ok(())
    }
}

fn reject(row: &SqliteRow) -> Reject {
    Reject {
        line: unsigned(row, "line"),
        event: row.try_get::<Vec<u8>, _>("event").ok().and_then(|id| Some(EventId(id.try_into().ok()?))),
        part: text(row, "part"),
        field: text(row, "field"),
        reason: text(row, "reason"),
        text: text(row, "text"),
    }
}

/// Adds a report to a change. `false` if it was known.
pub(crate) async fn insert_report(
    change: &mut Change<'_>,
    id: ReportId,
    content: &[u8; 32],
    receipt: &Receipt,
    bytes: u64,
) -> Result<bool, Problem> {
    let whole = receipt.origin.text();
    let (kind, origin) = whole.split_once(' ').unwrap_or((&whole, ""));
    let result = sqlx::query(
        "INSERT INTO report (id, feed, content, origin_kind, origin, received, sender, file_name, url, media_type, bytes, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'waiting') ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.0.as_slice())
    .bind(&receipt.feed)
    .bind(content.as_slice())
    .bind(kind)
    .bind(origin)
    .bind(receipt.received.0)
    .bind(&receipt.sender)
    .bind(&receipt.file_name)
    .bind(&receipt.url)
    .bind(&receipt.media_type)
    .bind(bytes.cast_signed())
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    Ok(result.rows_affected() == 1)
}

/// Settles a report in a change: done, with its counts and rejects.
pub(crate) async fn settle_report(
    change: &mut Change<'_>,
    id: ReportId,
    counts: &Counts,
    rejects: &[Reject],
    reason: &str,
) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE report SET state = 'done', rows = ?2, events = ?3, duplicates = ?4, rejects = ?5, dropped = ?6,
         notices = ?7, reason = ?8 WHERE id = ?1",
    )
    .bind(id.0.as_slice())
    .bind(counts.rows.cast_signed())
    .bind(counts.events.cast_signed())
    .bind(counts.duplicates.cast_signed())
    .bind(counts.rejects.cast_signed())
    .bind(counts.dropped.cast_signed())
    .bind(counts.notices.cast_signed())
    .bind(reason)
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    sqlx::query("DELETE FROM reject WHERE report = ?1")
        .bind(id.0.as_slice())
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    for (n, reject) in (0i64..).zip(rejects.iter().take(REJECTS_KEPT_MAX)) {
        sqlx::query(
            "INSERT INTO reject (report, n, line, part, field, reason, text, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(id.0.as_slice())
        .bind(n)
        .bind(reject.line.cast_signed())
        .bind(&reject.part)
        .bind(&reject.field)
        .bind(&reject.reason)
        .bind(&reject.text)
        .bind(reject.event.map(|id| id.0.to_vec()).unwrap_or_default())
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    }
    Ok(())
}
