//! Notices that are made at once and wait for a time of their party: what comes meanwhile goes into the one that waits.
//!
//! Nobody has an attempt or bytes of that, so it is told as one, and each event is in one notice still.

use concert_model::Problem;
use concert_model::incident::Tlp;
use sqlx::Row;

use super::{Change, NewNotice, trouble};
use crate::Members;

/// Adds the events of notices to those that wait for the very same; gives the notices for which there are none.
pub(crate) async fn gather_notices(change: &mut Change<'_>, notices: &[NewNotice]) -> Result<Vec<NewNotice>, Problem> {
    let mut others = Vec::new();
    for notice in notices {
        if notice.gathers == 0 || notice.state != "queued" || !gather(change, notice).await? {
            others.push(notice.clone());
        }
    }
    Ok(others)
}

async fn gather(change: &mut Change<'_>, notice: &NewNotice) -> Result<bool, Problem> {
    let waiting = sqlx::query(
        "SELECT id, members, tlp FROM notice WHERE state = 'queued' AND due = ?1 AND name = ?2 AND key = ?3
         AND party = ?4 AND recipient = ?5 AND via = ?6 AND format = ?7 AND language = ?8 AND passed_over = ?9
         AND attempts = 0 AND within = '' AND again_of = '' AND by_hand = 0
         AND NOT EXISTS (SELECT 1 FROM notice_bytes WHERE notice_bytes.id = notice.id) ORDER BY seq DESC LIMIT 1",
    )
    .bind(notice.due.0)
    .bind(&*notice.name)
    .bind(&notice.key)
    .bind(&notice.party)
    .bind(&notice.recipient)
    .bind(&*notice.via)
    .bind(&*notice.format)
    .bind(&*notice.language)
    .bind(&notice.passed_over)
    .fetch_optional(&mut **change)
    .await
    .map_err(trouble)?;
    let Some(waiting) = waiting else { return Ok(false) };
    let bytes: Vec<u8> = waiting.try_get("members").unwrap_or_default();
    let Some(mut members) = Members::from_bytes(&bytes) else { return Ok(false) };
    if members.len().saturating_add(notice.members.len()) > notice.gathers {
        return Ok(false);
    }
    for range in notice.members.ranges() {
        (range.start..range.start.saturating_add(range.length)).for_each(|row| members.add(range.batch, row));
    }
    let label = waiting.try_get::<String, _>("tlp").ok().and_then(|word| word.parse::<Tlp>().ok());
    sqlx::query("UPDATE notice SET events = ?2, members = ?3, tlp = ?4 WHERE id = ?1")
        .bind(waiting.try_get::<String, _>("id").unwrap_or_default())
        .bind(members.len().cast_signed())
        .bind(members.to_bytes())
        .bind(label.max(notice.tlp).map_or("", Tlp::word))
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    Ok(true)
}
