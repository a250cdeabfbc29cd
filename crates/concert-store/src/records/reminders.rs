//! Whom of what was reminded, so that nobody is twice.

use concert_model::{Problem, Time};
use sqlx::Row;

use super::{Change, trouble};

/// A reminder that is due or was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminded {
    /// The incident.
    pub incident: String,
    /// Kind and name of the thing within it.
    pub thing: String,
    /// The user who is reminded; empty for the site itself.
    pub receiver: String,
    /// When the thing is due.
    pub due: Time,
    /// How many seconds before that.
    pub ahead: i64,
}

/// Whether the same, or a later stage of it, was sent already.
pub async fn is_reminded(change: &mut Change<'_>, of: &Reminded) -> Result<bool, Problem> {
    let query = sqlx::query("SELECT due, ahead FROM reminded WHERE incident = ?1 AND thing = ?2 AND receiver = ?3");
    let query = query.bind(&of.incident).bind(&of.thing).bind(&of.receiver);
    let row = query.fetch_optional(&mut **change).await.map_err(trouble)?;
    let number = |name: &str| row.as_ref().and_then(|row| row.try_get::<i64, _>(name).ok());
    // What is due at another time than before is told anew.
    Ok(number("due") == Some(of.due.0) && number("ahead").is_some_and(|ahead| ahead <= of.ahead))
}

/// Writes down that somebody is reminded, and forgets what is no longer to be done in incidents that are closed: what
/// the law wants, and what comes in, is.
pub async fn keep_reminded(change: &mut Change<'_>, all: &[Reminded]) -> Result<(), Problem> {
    sqlx::query(
        "DELETE FROM reminded WHERE (thing LIKE 'task %' OR thing LIKE 'step %' OR thing LIKE 'silence %')
         AND incident IN (SELECT id FROM incident WHERE status = 'closed')",
    )
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    for one in all {
        let query = sqlx::query(
            "INSERT INTO reminded (incident, thing, receiver, due, ahead) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET due = excluded.due, ahead = excluded.ahead",
        );
        let query = query.bind(&one.incident).bind(&one.thing).bind(&one.receiver).bind(one.due.0).bind(one.ahead);
        query.execute(&mut **change).await.map_err(trouble)?;
    }
    Ok(())
}
