//! What proves who somebody is: hashes of passwords, secrets of the second factor, recovery codes.
//!
//! Nothing here computes or compares; hashes and codes are made where passwords are checked.

use concert_model::Problem;
use concert_model::user::User;
use sqlx::Row;

use super::audit::{Act, By, append_audit};
use super::sessions::end_sessions;
use super::{Change, Records, trouble};

/// Tables that a backup without keys does not hold.
const SECRET_TABLES: [&str; 6] = ["password", "second_factor", "recovery_code", "token", "session", "lockout"];

/// A password to be set, as its hash.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// PHC string.
    pub hash: String,
    /// Whether it is good for one login only, at which another must be chosen.
    pub once: bool,
}

/// What a login is checked against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash of the password, a PHC string; empty when none is set.
    pub password: String,
    /// Whether the password must be changed.
    pub once: bool,
    /// The secret of the second factor.
    pub second_factor: Option<Vec<u8>>,
}

/// A second factor to be set.
#[derive(Clone, Debug)]
pub struct NewFactor {
    /// The secret of RFC 6238.
    pub secret: Vec<u8>,
    /// The step of the code that confirmed it, which is so used up.
    pub step: i64,
    /// Hashes of the recovery codes.
    pub recovery: Vec<[u8; 32]>,
}

/// Whether a reset takes the second factor too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// It stays.
    Stays,
    /// It is removed, with the recovery codes.
    Goes,
}

pub(super) async fn write_password(change: &mut Change<'_>, user: &str, new: &NewPassword) -> Result<(), Problem> {
    sqlx::query("INSERT OR REPLACE INTO password (user, hash, once) VALUES (?1, ?2, ?3)")
        .bind(user)
        .bind(&new.hash)
        .bind(new.once)
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    Ok(())
}

async fn remove_factor(change: &mut Change<'_>, user: &str) -> Result<(), Problem> {
    for sql in ["DELETE FROM second_factor WHERE user = ?1", "DELETE FROM recovery_code WHERE user = ?1"] {
        sqlx::query(sql).bind(user).execute(&mut **change).await.map_err(trouble)?;
    }
    Ok(())
}

/// Sets a password that an operator gives, which ends all sessions, as part of a change. `false` when there is no such user.
pub async fn reset_user_in(
    change: &mut Change<'_>,
    name: &str,
    (new, factor): (&NewPassword, Factor),
    by: &By,
) -> Result<bool, Problem> {
    if super::users::find_user(change, name).await?.is_none() {
        return Ok(false);
    }
    write_password(change, name, new).await?;
    if factor == Factor::Goes {
        remove_factor(change, name).await?;
    }
    end_sessions(change, name).await?;
    let what = match factor {
        Factor::Stays => "new password",
        Factor::Goes => "new password, second factor removed",
    };
    append_audit(change, by, &Act::done("user reset", format!("user {name}"), what)).await?;
    Ok(true)
}

impl Records {
    /// What a login under this name is checked against.
    pub async fn credentials(&self, name: &str) -> Result<Option<Credentials>, Problem> {
        let row = sqlx::query(
            "SELECT user.*, hash, once, secret FROM user LEFT JOIN password ON password.user = name
             LEFT JOIN second_factor ON second_factor.user = name WHERE name = ?1",
        )
        .bind(name)
        .fetch_optional(self.pool())
        .await
        .map_err(trouble)?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Credentials {
            user: super::users::user(&row)?,
            password: row.try_get::<Option<_>, _>("hash").map_err(trouble)?.unwrap_or_default(),
            once: row.try_get::<Option<_>, _>("once").map_err(trouble)?.unwrap_or_default(),
            second_factor: row.try_get("secret").map_err(trouble)?,
        }))
    }

    /// Sets the password that a user chose, which ends all sessions. `false`, and nothing is changed, when
    /// the one it replaces is no longer the user's.
    pub async fn change_password(&self, name: &str, old: &str, new: &str, by: &By) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let query = sqlx::query("UPDATE password SET hash = ?3, once = 0 WHERE user = ?1 AND hash = ?2");
        let done = query.bind(name).bind(old).bind(new).execute(&mut *change).await.map_err(trouble)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        end_sessions(&mut change, name).await?;
        append_audit(&mut change, by, &Act::done("password change", format!("user {name}"), "")).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// Replaces the hash of a password by a stronger one of the same password.
    pub async fn strengthen_password(&self, name: &str, old: &str, new: &str) -> Result<bool, Problem> {
        let query = sqlx::query("UPDATE password SET hash = ?3 WHERE user = ?1 AND hash = ?2");
        let done = query.bind(name).bind(old).bind(new).execute(self.changes()).await.map_err(trouble)?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a user a second factor, instead of the one before. `false` when there is no such user.
    pub async fn set_second_factor(&self, name: &str, new: &NewFactor, by: &By) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        if super::users::find_user(&mut change, name).await?.is_none() {
            return Ok(false);
        }
        remove_factor(&mut change, name).await?;
        sqlx::query("INSERT INTO second_factor (user, secret, last_step) VALUES (?1, ?2, ?3)")
            .bind(name)
            .bind(&new.secret)
            .bind(new.step)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        for hash in &new.recovery {
            let query = sqlx::query("INSERT INTO recovery_code (user, hash) VALUES (?1, ?2)");
            query.bind(name).bind(hash.as_slice()).execute(&mut *change).await.map_err(trouble)?;
        }
        append_audit(&mut change, by, &Act::done("second factor set", format!("user {name}"), "")).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// Removes the second factor of a user, with its recovery codes. `false` when there was none.
    pub async fn remove_second_factor(&self, name: &str, by: &By) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let query = sqlx::query("DELETE FROM second_factor WHERE user = ?1").bind(name);
        if query.execute(&mut *change).await.map_err(trouble)?.rows_affected() == 0 {
            return Ok(false);
        }
        remove_factor(&mut change, name).await?;
        append_audit(&mut change, by, &Act::done("second factor removed", format!("user {name}"), "")).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// Uses up the code of a step, and with it all codes before. `false` when that was done already.
    pub async fn use_step(&self, name: &str, step: i64) -> Result<bool, Problem> {
        let query = sqlx::query("UPDATE second_factor SET last_step = ?2 WHERE user = ?1 AND last_step < ?2");
        let done = query.bind(name).bind(step).execute(self.changes()).await.map_err(trouble)?;
        Ok(done.rows_affected() == 1)
    }

    /// Uses up a recovery code. `false` when there is no such code, or no more.
    pub async fn use_recovery_code(&self, name: &str, hash: &[u8; 32]) -> Result<bool, Problem> {
        let query = sqlx::query("DELETE FROM recovery_code WHERE user = ?1 AND hash = ?2");
        let done = query.bind(name).bind(hash.as_slice()).execute(self.changes()).await.map_err(trouble)?;
        Ok(done.rows_affected() == 1)
    }

    /// How many recovery codes a user has left; `None` without a second factor.
    pub async fn recovery_codes(&self, name: &str) -> Result<Option<i64>, Problem> {
        sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM recovery_code WHERE recovery_code.user = ?1) FROM second_factor WHERE user = ?1",
        )
        .bind(name)
        .fetch_optional(self.pool())
        .await
        .map_err(trouble)
    }

    /// Removes everything by which somebody could come in, from a copy of the records.
    pub(crate) async fn remove_secrets(&self) -> Result<(), Problem> {
        for table in SECRET_TABLES {
            let sql = format!("DELETE FROM {table}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(self.changes()).await.map_err(trouble)?;
        }
        // Deleted rows stay in the file until it is written anew.
        sqlx::raw_sql("VACUUM").execute(self.changes()).await.map_err(trouble)?;
        Ok(())
    }
}
