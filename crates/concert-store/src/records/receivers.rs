//! Who of those whom a mail is for has it, and who refused it for good, while others are tried again.
//!
//! Rows stand here only for mails that went to some and not to all at once. They are kept with the end of the attempt
//! that brought them, so nobody who has a mail gets it again after a kill.

use std::collections::HashMap;

use concert_model::{Problem, Time};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Change, Records, trouble};

/// What became of a mail for one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// As the notice, or its blind copies, name it.
    pub address: String,
    /// Whether the server took it for this address; else it never gets it.
    pub has_it: bool,
    /// What the server said.
    pub said: String,
    /// When.
    pub time: Time,
}

impl Records {
    /// What is known of the receivers of these notices, by notice.
    pub async fn receivers(&self, notices: &[&str]) -> Result<HashMap<String, Vec<Receiver>>, Problem> {
        let mut found: HashMap<String, Vec<Receiver>> = HashMap::new();
        if notices.is_empty() {
            return Ok(found);
        }
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT * FROM notice_receiver WHERE notice IN (");
        let mut list = query.separated(", ");
        for notice in notices {
            list.push_bind(*notice);
        }
        query.push(") ORDER BY notice, time, address");
        for row in query.build().fetch_all(self.pool()).await.map_err(trouble)? {
            let receiver = Receiver {
                address: row.try_get("address").unwrap_or_default(),
                has_it: row.try_get::<i64, _>("has_it").unwrap_or(0) == 1,
                said: row.try_get("said").unwrap_or_default(),
                time: Time(row.try_get("time").unwrap_or(0)),
            };
            found.entry(row.try_get("notice").unwrap_or_default()).or_default().push(receiver);
        }
        Ok(found)
    }
}

/// Writes down what became of a mail for some of its receivers, as part of a change. What is known already stays.
pub(super) async fn note_receivers_in(
    change: &mut Change<'_>,
    notice: &str,
    receivers: &[Receiver],
) -> Result<(), Problem> {
    for Receiver { address, has_it, said, time } in receivers {
        sqlx::query(
            "INSERT INTO notice_receiver (notice, address, has_it, said, time) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )
        .bind(notice)
        .bind(address)
        .bind(has_it)
        .bind(said)
        .bind(time.0)
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    }
    Ok(())
}

/// Forgets the receivers of a mail that is composed anew for others.
pub(super) async fn forget_receivers_in(change: &mut Change<'_>, notice: &str) -> Result<(), Problem> {
    let query = sqlx::query("DELETE FROM notice_receiver WHERE notice = ?1").bind(notice);
    query.execute(&mut **change).await.map_err(trouble).map(drop)
}
