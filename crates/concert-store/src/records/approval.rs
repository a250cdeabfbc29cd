//! Notices that a person lets go, holds back, or has sent once more.
//!
//! Each is one statement or one transaction that asks for the state it starts from, so two people who
//! approve at the same moment send nothing twice.

use concert_model::{Problem, Time};

use super::telling::{Home, keep_number, last_number};
use super::{Change, Records, trouble};

/// Reason of a notice that a person must approve first.
pub const WAITS_FOR_APPROVAL: &str = "waits for approval";

/// The name of notices that tell somebody who complained that the complaint came.
pub const RECEIPT: &str = "(receipt)";

/// Whether notices of a kind go out by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// They do.
    Open,
    /// A person must approve each.
    Approval,
}

/// Lets a waiting notice go, as part of a change: it is sent when it is due. `false` when it does not wait.
pub async fn approve_notice_in(change: &mut Change<'_>, id: &str, now: Time) -> Result<bool, Problem> {
    let result = sqlx::query(
        "UPDATE notice SET state = 'queued', reason = '', since = max(due, ?2), tries = 0 WHERE id = ?1 AND state = 'waiting'",
    )
    .bind(id)
    .bind(now.0)
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    Ok(result.rows_affected() == 1)
}

/// Holds a waiting notice back, as part of a change. `false` when it does not wait.
pub async fn reject_notice_in(change: &mut Change<'_>, id: &str, why: &str) -> Result<bool, Problem> {
    let query = sqlx::query("UPDATE notice SET state = 'rejected', reason = ?2 WHERE id = ?1 AND state = 'waiting'");
    let result = query.bind(id).bind(why).execute(&mut **change).await.map_err(trouble)?;
    Ok(result.rows_affected() == 1)
}

/// Makes a new notice with the events of one that was delivered, as part of a change.
///
/// It names the other; and goes to another address if one is given. A receipt keeps the ticket that it told first, where an
/// outcome has it too. Gives its number; `None` when there is no such
/// notice or it was not delivered.
pub async fn resend_notice_in(
    change: &mut Change<'_>,
    id: &str,
    recipient: Option<&str>,
    gate: Gate,
    home: &Home,
    now: Time,
) -> Result<Option<String>, Problem> {
    let (day, last) = last_number(change, now).await?;
    let number = last + 1;
    let new = format!("{day}-{number:06}{}", home.tail());
    let (state, reason) = match gate {
        Gate::Open => ("queued", ""),
        Gate::Approval => ("waiting", WAITS_FOR_APPROVAL),
    };
    let made = sqlx::query(
        "INSERT INTO notice (id, name, key, party, recipient, via, format, language, state, events, members, tlp, message_id, made, due, since, reason, again_of, passed_over, by_hand, text)
         SELECT ?2, name, key, CASE WHEN name = ?7 AND party = '' THEN id ELSE party END, coalesce(?3, recipient), via, format, language, ?4, events, members, tlp,
         ?2 || '.' || lower(hex(randomblob(8))) || substr(message_id, instr(message_id, '@')), ?6, ?6, ?6, ?5, id, passed_over, max(by_hand, ?3 IS NOT NULL), text FROM notice WHERE id = ?1 AND state = 'delivered'",
    )
    .bind(id)
    .bind(&new)
    .bind(recipient)
    .bind(state)
    .bind(reason)
    .bind(now.0)
    .bind(RECEIPT)
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    if made.rows_affected() == 0 {
        return Ok(None);
    }
    keep_number(change, &day, number).await?;
    Ok(Some(new))
}

impl Records {
    /// Lets a waiting notice go: it is sent when it is due. `false` when it does not wait.
    pub async fn approve_notice(&self, id: &str, now: Time) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let is_done = approve_notice_in(&mut change, id, now).await?;
        self.commit(change).await?;
        Ok(is_done)
    }

    /// Holds a waiting notice back. `false` when it does not wait.
    pub async fn reject_notice(&self, id: &str, why: &str) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let is_done = reject_notice_in(&mut change, id, why).await?;
        self.commit(change).await?;
        Ok(is_done)
    }

    /// Sends a delivered notice again, as a new one; see [`resend_notice_in`].
    pub async fn resend_notice(
        &self,
        id: &str,
        recipient: Option<&str>,
        gate: Gate,
        home: &Home,
        now: Time,
    ) -> Result<Option<String>, Problem> {
        let mut change = self.change().await?;
        let made = resend_notice_in(&mut change, id, recipient, gate, home, now).await?;
        self.commit(change).await?;
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{NoticeFilter, Way};
    use crate::writer::Writer;
    use crate::writer::tests::{DAY, site, write};

    #[tokio::test]
    async fn a_notice_is_approved_rejected_and_sent_again_once() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 3).await;
        let records = &store.records;
        let made = records.notices(&NoticeFilter::default()).await.unwrap().remove(0);
        let (id, now) = (made.id.as_str(), made.due);
        assert!(!records.approve_notice(id, now).await.unwrap(), "it does not wait");
        records.settle_notices(&[(id.to_owned(), "no-contact", now, "nobody".into())], &[]).await.unwrap();
        assert!(records.requeue_notice(id, Some("a@x.example"), Gate::Approval, now).await.unwrap());
        let waiting = records.notice(id).await.unwrap().unwrap().0;
        assert_eq!((waiting.state.as_str(), waiting.reason.as_str()), ("waiting", WAITS_FOR_APPROVAL));
        assert_eq!(records.notices_due(now.plus_seconds(DAY.as_secs().cast_signed()), &Way::Any, 9).await.unwrap(), []);
        assert!(records.approve_notice(id, now).await.unwrap());
        assert!(!records.approve_notice(id, now).await.unwrap(), "once");
        assert!(!records.reject_notice(id, "too late").await.unwrap());
        assert_eq!(
            records.resend_notice(id, None, Gate::Open, &Home::default(), now).await.unwrap(),
            None,
            "it was not delivered"
        );
        records.settle_notices(&[(id.to_owned(), "delivered", now, "250".into())], &[]).await.unwrap();
        let new = records
            .resend_notice(id, Some("b@x.example"), Gate::Approval, &Home::default(), now)
            .await
            .unwrap()
            .unwrap();
        let (again, members) = records.notice(&new).await.unwrap().unwrap();
        assert_eq!((again.again_of.as_str(), again.to.as_str(), again.state.as_str()), (id, "b@x.example", "waiting"));
        assert_eq!((members.len(), again.events), (made.events, made.events));
        assert!(again.message_id != made.message_id && again.message_id.starts_with(&new));
        assert!(records.reject_notice(&new, "not needed").await.unwrap());
        assert_eq!(records.notice(&new).await.unwrap().unwrap().0.reason, "not needed");
        // It is taken back, and waits again; an address changes nothing of that.
        assert!(records.requeue_notice(&new, None, Gate::Approval, now).await.unwrap());
        assert!(!records.requeue_notice(&new, None, Gate::Approval, now).await.unwrap(), "it waits already");
        assert!(records.requeue_notice(&new, Some("c@x.example"), Gate::Approval, now).await.unwrap());
        let back = records.notice(&new).await.unwrap().unwrap().0;
        assert_eq!((back.state.as_str(), back.reason.as_str()), ("waiting", WAITS_FOR_APPROVAL));
        assert_eq!((back.to.as_str(), back.is_by_hand), ("c@x.example", true));
    }
}
