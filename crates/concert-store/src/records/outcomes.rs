//! What became of complaints, and who was told so: once each, unless a person tells more.

use std::collections::{HashMap, HashSet};

use concert_model::{Problem, ReportId, Time};
use sqlx::Row;

use super::mails::mail;
use super::notices::is_on_trial;
use super::telling::insert_words;
use super::{Home, MailRow, NewNotice, RECEIPT, Records, trouble};
use crate::Members;

/// Where nobody may be told.
pub const TOLD_NOBODY: &str = "-";
/// Notices that are looked through, the newest first.
const NOTICES_MAX: i64 = 1_000_000;
const NOTICES_AT_ONCE: i64 = 1_000;

impl Records {
    /// Complaints that came from one moment up to another, and of whose end nobody was told, oldest first.
    pub async fn complaints_open(&self, from: Time, until: Time, limit: u32) -> Result<Vec<MailRow>, Problem> {
        let rows = sqlx::query(
            "SELECT * FROM mail WHERE kind = 'complaint' AND state = 'taken' AND outcome = ''
             AND received > ?1 AND received <= ?2 ORDER BY seq LIMIT ?3",
        )
        .bind(from.0)
        .bind(until.0)
        .bind(limit)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        Ok(rows.iter().map(mail).collect())
    }

    /// What was added since a moment to complaints by whoever sent them, each with the ticket of its complaint, oldest first.
    pub async fn additions(&self, from: Time, limit: u32) -> Result<Vec<(String, MailRow)>, Problem> {
        let rows = sqlx::query(
            "SELECT mail.*, CASE notice.party WHEN '' THEN notice.id ELSE notice.party END AS ticket
             FROM mail JOIN notice ON notice.id = mail.notice
             WHERE mail.received > ?1 AND mail.kind = 'reply' AND mail.state = 'taken' AND notice.name = ?2
             ORDER BY mail.seq LIMIT ?3",
        )
        .bind(from.0)
        .bind(RECEIPT)
        .bind(limit)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        Ok(rows.iter().map(|row| (row.try_get("ticket").unwrap_or_default(), mail(row))).collect())
    }

    /// The events of a report, as a notice names them; `None` where there are more than so many, and where it waits to be
    /// processed.
    pub async fn members_of(&self, report: ReportId, max: u64) -> Result<Option<Members>, Problem> {
        let waits = "SELECT EXISTS (SELECT 1 FROM report WHERE id = ?1 AND state = 'waiting')";
        let query = sqlx::query_scalar(waits).bind(report.0.as_slice());
        if query.fetch_one(self.pool()).await.map_err(trouble)? {
            return Ok(None);
        }
        let query = sqlx::query("SELECT id, rows FROM batch WHERE report = ?1 ORDER BY id").bind(report.0.as_slice());
        let mut members = Members::default();
        for row in query.fetch_all(self.pool()).await.map_err(trouble)? {
            let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0).cast_unsigned();
            if members.len().saturating_add(number("rows")) > max {
                return Ok(None);
            }
            for at in 0..u32::try_from(number("rows")).unwrap_or(0) {
                members.add(number("id"), at);
            }
        }
        Ok(Some(members))
    }

    /// Marks which of these events (batch and row) were told to a party by a notice that was made since one moment and
    /// delivered until another. What was delivered on trial told nobody.
    pub async fn mark_told(
        &self,
        events: &mut HashMap<(u64, u32), bool>,
        since: Time,
        until: Time,
    ) -> Result<(), Problem> {
        let batches: HashSet<u64> = events.keys().map(|(batch, _)| *batch).collect();
        let mut before = i64::MAX;
        for _ in 0..NOTICES_MAX / NOTICES_AT_ONCE {
            let rows = sqlx::query(
                "SELECT seq, made, delivered, party, members, reason FROM notice
                 WHERE state = 'delivered' AND seq < ?1 ORDER BY seq DESC LIMIT ?2",
            )
            .bind(before)
            .bind(NOTICES_AT_ONCE)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
            for row in &rows {
                let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
                before = number("seq");
                if number("made") < since.0 {
                    return Ok(());
                }
                let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
                let is_to_party = !text("party").is_empty() && !is_on_trial(&text("reason"));
                let members = row.try_get::<Vec<u8>, _>("members").ok().and_then(|bytes| Members::from_bytes(&bytes));
                let Some(members) = members.filter(|_| is_to_party && number("delivered") <= until.0) else { continue };
                for range in members.ranges().filter(|range| batches.contains(&range.batch)) {
                    for at in range.start..range.start.saturating_add(range.length) {
                        if let Some(told) = events.get_mut(&(range.batch, at)) {
                            *told = true;
                        }
                    }
                }
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Makes the notice that tells the end of a complaint, and writes down which it is. Gives its number; `None` where
    /// it was told before and that is to be the only time.
    pub async fn tell_outcome(
        &self,
        complaint: i64,
        is_once: bool,
        notice: &NewNotice,
        text: &str,
        home: &Home,
        now: Time,
    ) -> Result<Option<String>, Problem> {
        let mut change = self.change().await?;
        let known: String = sqlx::query_scalar("SELECT outcome FROM mail WHERE seq = ?1")
            .bind(complaint)
            .fetch_one(&mut *change)
            .await
            .map_err(trouble)?;
        if is_once && !known.is_empty() {
            return Ok(None);
        }
        let id = insert_words(&mut change, notice, text, home, now).await?;
        sqlx::query("UPDATE mail SET outcome = ?2 WHERE seq = ?1")
            .bind(complaint)
            .bind(&id)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        self.commit(change).await?;
        Ok(Some(id))
    }

    /// Writes down that the end of a complaint is told to nobody.
    pub async fn tell_no_outcome(&self, complaint: i64) -> Result<(), Problem> {
        let mut change = self.change().await?;
        sqlx::query("UPDATE mail SET outcome = ?2 WHERE seq = ?1 AND outcome = ''")
            .bind(complaint)
            .bind(TOLD_NOBODY)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        self.commit(change).await
    }
}
