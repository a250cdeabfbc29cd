//! Sessions of people who logged in, known by the hash of a secret that only their browser has.

use concert_model::user::User;
use concert_model::{Problem, Time};
use sqlx::Row;

use super::audit::{Act, By, append_audit};
use super::{Change, Credentials, Records, trouble};

/// A session ends when nothing was done in it for so long.
const IDLE_SECONDS_MAX: i64 = 12 * 3600;
/// A session ends so long after its login, whatever is done in it.
pub const AGE_SECONDS_MAX: i64 = 7 * 86_400;
/// When a session was used last is written at most this often.
const USED_SECONDS: i64 = 300;
/// Most sessions of one user; a new one ends the oldest.
const OF_USER_MAX: i64 = 20;

/// A session that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub user: User,
    /// Whether the person must choose another password before anything else.
    pub must_change_password: bool,
}

pub(super) async fn end_sessions(change: &mut Change<'_>, user: &str) -> Result<(), Problem> {
    let query = sqlx::query("DELETE FROM session WHERE user = ?1").bind(user);
    query.execute(&mut **change).await.map_err(trouble)?;
    Ok(())
}

impl Records {
    /// Begins a session for somebody who proved who they are, and forgets the failures under that name.
    /// `false`, and nothing is changed, when user or password changed since they were checked.
    pub async fn begin_session(
        &self,
        proven: &Credentials,
        hash: &[u8; 32],
        lockout: &[u8; 16],
        by: &By,
    ) -> Result<bool, Problem> {
        let (mut change, name) = (self.change().await?, &proven.user.name);
        let begun = sqlx::query(
            "INSERT INTO session (hash, user, made, used) SELECT ?1, name, ?4, ?4 FROM user
             JOIN password ON password.user = name WHERE name = ?2 AND NOT disabled AND password.hash = ?3",
        )
        .bind(hash.as_slice())
        .bind(name)
        .bind(&proven.password)
        .bind(by.at.0)
        .execute(&mut *change)
        .await
        .map_err(trouble)?;
        if begun.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM session WHERE used < ?1 OR made < ?2")
            .bind(by.at.plus_seconds(-IDLE_SECONDS_MAX).0)
            .bind(by.at.plus_seconds(-AGE_SECONDS_MAX).0)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        sqlx::query(
            "DELETE FROM session WHERE hash IN
             (SELECT hash FROM session WHERE user = ?1 ORDER BY made DESC LIMIT -1 OFFSET ?2)",
        )
        .bind(name)
        .bind(OF_USER_MAX)
        .execute(&mut *change)
        .await
        .map_err(trouble)?;
        let query = sqlx::query("DELETE FROM lockout WHERE name = ?1").bind(lockout.as_slice());
        query.execute(&mut *change).await.map_err(trouble)?;
        append_audit(&mut change, by, &Act::done("login", format!("user {name}"), "")).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// The session with this hash, if it still holds.
    pub async fn session(&self, hash: &[u8; 32], now: Time) -> Result<Option<Session>, Problem> {
        let row = sqlx::query(
            "SELECT user.*, once, used FROM session JOIN user ON name = session.user JOIN password ON password.user = name
             WHERE session.hash = ?1 AND NOT disabled AND used >= ?2 AND session.made >= ?3",
        )
        .bind(hash.as_slice())
        .bind(now.plus_seconds(-IDLE_SECONDS_MAX).0)
        .bind(now.plus_seconds(-AGE_SECONDS_MAX).0)
        .fetch_optional(self.quick())
        .await
        .map_err(trouble)?;
        let Some(row) = row else { return Ok(None) };
        if row.try_get::<i64, _>("used").map_err(trouble)? < now.plus_seconds(-USED_SECONDS).0 {
            let query = sqlx::query("UPDATE session SET used = max(used, ?2) WHERE hash = ?1");
            query.bind(hash.as_slice()).bind(now.0).execute(self.changes()).await.map_err(trouble)?;
        }
        let must_change_password = row.try_get("once").map_err(trouble)?;
        Ok(Some(Session { user: super::users::user(&row)?, must_change_password }))
    }

    /// Ends a session: its person logs out. `false` when there is none.
    pub async fn end_session(&self, hash: &[u8; 32], by: &By) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let user: Option<String> = sqlx::query_scalar("DELETE FROM session WHERE hash = ?1 RETURNING user")
            .bind(hash.as_slice())
            .fetch_optional(&mut *change)
            .await
            .map_err(trouble)?;
        let Some(user) = user else { return Ok(false) };
        append_audit(&mut change, by, &Act::done("logout", format!("user {user}"), "")).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// How many sessions of a user hold.
    pub async fn sessions(&self, user: &str, now: Time) -> Result<i64, Problem> {
        sqlx::query_scalar("SELECT count(*) FROM session WHERE user = ?1 AND used >= ?2 AND made >= ?3")
            .bind(user)
            .bind(now.plus_seconds(-IDLE_SECONDS_MAX).0)
            .bind(now.plus_seconds(-AGE_SECONDS_MAX).0)
            .fetch_one(self.pool())
            .await
            .map_err(trouble)
    }
}
