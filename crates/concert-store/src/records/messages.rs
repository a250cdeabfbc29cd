//! Messages of incidents: what goes out is carried by notices without events, what came in waits as mail.
//!
//! Everything that changes something takes part in the change that writes the journal, so a message is never
//! sent without its entry, and a mail never counts twice.

use concert_model::{Problem, Time};
use sqlx::{QueryBuilder, Sqlite};

use super::mails::mail;
use super::telling::{Home, insert_notices};
use super::{Change, MailRow, NewNotice, Notice, Records, trouble};

/// What notices are called that carry messages. No notice of the settings can have this name.
pub const NAME: &str = "(message)";
/// Messages whose end is looked at together, and mails that are listed together.
const AT_ONCE_MAX: u32 = 1_000;

impl Records {
    /// Messages whose sending has ended, or that somebody has while others are waited for, where that is not in the journal
    /// yet.
    pub async fn unproved_messages(&self) -> Result<Vec<Notice>, Problem> {
        // The name stands in the text so that the index of these few is used.
        let sql =
            "SELECT id FROM notice WHERE name = '(message)' AND proved <> state AND (state IN ('delivered', 'failed')
             OR state = 'queued' AND EXISTS (SELECT 1 FROM notice_receiver WHERE notice = notice.id AND has_it = 1))
             ORDER BY seq LIMIT ?1";
        let ids: Vec<String> =
            sqlx::query_scalar(sql).bind(AT_ONCE_MAX).fetch_all(self.pool()).await.map_err(trouble)?;
        let mut notices = Vec::with_capacity(ids.len());
        for id in ids {
            notices.extend(self.notice(&id).await?.map(|(notice, _)| notice));
        }
        Ok(notices)
    }

    /// Mails behind one that wait for a person to say what they are, oldest first: of one incident, or of all. Gives no
    /// more than some of them.
    pub async fn mails_held(&self, incident: Option<&str>, after: i64) -> Result<Vec<MailRow>, Problem> {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT * FROM mail WHERE incident <> '' AND state = 'held' AND seq > ");
        query.push_bind(after);
        if let Some(incident) = incident {
            query.push(" AND incident = ").push_bind(incident);
        }
        query.push(" ORDER BY seq LIMIT ").push_bind(AT_ONCE_MAX);
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(mail).collect())
    }

    /// Incidents in which mails wait, each with when the last of them came, in microseconds.
    pub async fn with_mails_held(&self) -> Result<Vec<(String, i64)>, Problem> {
        sqlx::query_as(
            "SELECT incident, max(received) FROM mail WHERE incident <> '' AND state = 'held' GROUP BY 1 ORDER BY 1",
        )
        .fetch_all(self.pool())
        .await
        .map_err(trouble)
    }

    /// How many mails wait in an incident.
    pub async fn mails_held_count(&self, incident: &str) -> Result<u64, Problem> {
        let query = sqlx::query_scalar("SELECT count(*) FROM mail WHERE incident = ?1 AND state = 'held'");
        let count: i64 = query.bind(incident).fetch_one(self.pool()).await.map_err(trouble)?;
        Ok(count.cast_unsigned())
    }
}

/// Queues a message. Gives its number and its Message-ID.
///
/// Given are the notice that carries it, what it is composed of, and what nobody can guess of its Message-ID, which is
/// the same when the request comes again.
pub async fn queue(
    change: &mut Change<'_>,
    now: Time,
    home: &Home,
    (notice, body, secret): (&NewNotice, &str, &str),
) -> Result<(String, String), Problem> {
    let id = insert_notices(change, now, home, std::slice::from_ref(notice)).await?.id();
    let message_id = format!("{id}.{secret}@{}", home.domain);
    sqlx::query("UPDATE notice SET text = ?2, message_id = ?3 WHERE id = ?1")
        .bind(&id)
        .bind(body)
        .bind(&message_id)
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    Ok((id, message_id))
}

/// Says that the journal knows how a message stands. `false` where it did, or where it is being sent
/// again by now.
pub async fn prove(change: &mut Change<'_>, notice: &str, state: &str) -> Result<bool, Problem> {
    let sql = "UPDATE notice SET proved = ?2 WHERE id = ?1 AND state = ?2 AND proved <> ?2";
    let done = sqlx::query(sql).bind(notice).bind(state).execute(&mut **change).await.map_err(trouble)?;
    Ok(done.rows_affected() == 1)
}

/// What the reason of a mail begins with of which a person said that it does not belong there.
pub const DROPPED: &str = "dropped by ";

/// Whether a person said of a mail of an incident that it does not belong there.
pub fn is_dropped(row: &MailRow) -> bool {
    row.state == "aside" && !row.incident.is_empty() && row.reason.starts_with(DROPPED)
}

/// Writes down what a person said a held mail is; one that was dropped may be taken after all. `false` where somebody
/// did before.
pub async fn answer_held(change: &mut Change<'_>, row: &MailRow) -> Result<bool, Problem> {
    let sql = "UPDATE mail SET state = ?2, kind = ?3, reason = ?4, party = ?5 WHERE seq = ?1 AND (state = 'held'
         OR ?2 = 'taken' AND state = 'aside' AND incident <> '' AND reason LIKE ?6 || '%')";
    let query = sqlx::query(sql).bind(row.seq).bind(&row.state).bind(&row.kind).bind(&row.reason).bind(&row.party);
    let query = query.bind(DROPPED);
    Ok(query.execute(&mut **change).await.map_err(trouble)?.rows_affected() == 1)
}

/// Forgets the words of a message whose entry is erased.
///
/// One that is not sent yet never will be; the bytes of one that came in go like those of any other mail.
pub async fn forget(change: &mut Change<'_>, notice: &str, mail: u64) -> Result<(), Problem> {
    sqlx::query("UPDATE notice SET text = '' WHERE id = ?1 AND name = ?2")
        .bind(notice)
        .bind(NAME)
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    sqlx::query("DELETE FROM notice_bytes WHERE id IN (SELECT id FROM notice WHERE id = ?1 AND name = ?2)")
        .bind(notice)
        .bind(NAME)
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    let query = sqlx::query("UPDATE mail SET incident = '', subject = '' WHERE seq = ?1 AND incident <> ''");
    query.bind(mail.cast_signed()).execute(&mut **change).await.map_err(trouble).map(drop)
}
