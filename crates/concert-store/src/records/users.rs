//! Users: who may work with the site. What proves who they are is in `credentials.rs`.

use std::collections::BTreeSet;

use concert_model::incident::Tlp;
use concert_model::user::{Standing, StandingRole, User};
use concert_model::{Problem, Time};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::audit::{Act, By, append_audit};
use super::credentials::write_password;
use super::sessions::end_sessions;
use super::{Change, NewPassword, Records, trouble};

/// What of a user is to become different; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// Another full name.
    pub full_name: Option<String>,
    /// Another mail address.
    pub mail: Option<String>,
    /// Other standing roles, instead of all there were.
    pub standing: Option<Vec<Standing>>,
    /// Another clearance.
    pub clearance: Option<Tlp>,
}

impl UserChange {
    /// Makes the change to a user in memory.
    pub fn apply(&self, user: &mut User) {
        if let Some(full_name) = &self.full_name {
            user.full_name.clone_from(full_name);
        }
        if let Some(mail) = &self.mail {
            user.mail.clone_from(mail);
        }
        if let Some(standing) = &self.standing {
            user.standing.clone_from(standing);
        }
        if let Some(clearance) = self.clearance {
            user.clearance = clearance;
        }
    }
}

/// A user whose roles or clearance cannot be read is refused as a whole: guessing would give rights.
pub(super) fn user(row: &SqliteRow) -> Result<User, Problem> {
    let text = |name: &str| row.try_get::<String, _>(name).map_err(trouble);
    let name = text("name")?;
    let broken = |why: String| Problem::new(format!("the records of user {name} are damaged: {why}"));
    let standing = serde_json::from_str(&text("standing")?).map_err(|error| broken(error.to_string()))?;
    let clearance = text("clearance")?.parse().map_err(broken)?;
    Ok(User {
        full_name: text("full_name")?,
        mail: text("mail")?,
        standing,
        clearance,
        disabled: row.try_get("disabled").map_err(trouble)?,
        made: Time(row.try_get("made").map_err(trouble)?),
        name,
    })
}

fn standing_json(user: &User) -> Result<String, Problem> {
    serde_json::to_string(&user.standing).map_err(|error| Problem::new(format!("roles cannot be written: {error}")))
}

/// What a person should read in the audit log about a user as it is now.
fn described(user: &User) -> String {
    let roles: Vec<String> = user.standing.iter().map(ToString::to_string).collect();
    format!("roles {}; clearance {}", if roles.is_empty() { "none".into() } else { roles.join(", ") }, user.clearance)
}

/// The user of a name, as part of a change.
pub async fn find_user(change: &mut Change<'_>, name: &str) -> Result<Option<User>, Problem> {
    let row = sqlx::query("SELECT * FROM user WHERE name = ?1").bind(name).fetch_optional(&mut **change).await;
    row.map_err(trouble)?.as_ref().map(user).transpose()
}

/// Adds a user with a first password, as part of a change. `false` when there is one of this name.
pub async fn add_user_in(
    change: &mut Change<'_>,
    user: &User,
    password: &NewPassword,
    by: &By,
) -> Result<bool, Problem> {
    let added = sqlx::query(
        "INSERT INTO user (name, full_name, mail, standing, clearance, disabled, made)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    )
    .bind(&user.name)
    .bind(&user.full_name)
    .bind(&user.mail)
    .bind(standing_json(user)?)
    .bind(user.clearance.word())
    .bind(user.disabled)
    .bind(user.made.0)
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    write_password(change, &user.name, password).await?;
    append_audit(change, by, &Act::done("user add", format!("user {}", user.name), described(user))).await?;
    Ok(true)
}

/// Keeps what of a user is other than it was, as part of a change.
pub async fn change_user_in(change: &mut Change<'_>, user: &User, by: &By) -> Result<(), Problem> {
    sqlx::query("UPDATE user SET full_name = ?2, mail = ?3, standing = ?4, clearance = ?5 WHERE name = ?1")
        .bind(&user.name)
        .bind(&user.full_name)
        .bind(&user.mail)
        .bind(standing_json(user)?)
        .bind(user.clearance.word())
        .execute(&mut **change)
        .await
        .map_err(trouble)?;
    append_audit(change, by, &Act::done("user change", format!("user {}", user.name), described(user))).await
}

/// How many users look after users, as a change sees it.
pub async fn administrators_in(change: &mut Change<'_>) -> Result<usize, Problem> {
    let rows = sqlx::query("SELECT * FROM user WHERE disabled = 0").fetch_all(&mut **change).await.map_err(trouble)?;
    let users = rows.iter().map(user).collect::<Result<Vec<_>, _>>()?;
    let looks_after = |user: &&User| user.standing.iter().any(|standing| standing.role == StandingRole::Administrator);
    Ok(users.iter().filter(looks_after).count())
}

/// Keeps a user out, which ends all its sessions, or lets it in again, as part of a change. `false` when there is none.
pub async fn disable_user_in(change: &mut Change<'_>, name: &str, disabled: bool, by: &By) -> Result<bool, Problem> {
    let query = sqlx::query("UPDATE user SET disabled = ?2 WHERE name = ?1").bind(name).bind(disabled);
    if query.execute(&mut **change).await.map_err(trouble)?.rows_affected() == 0 {
        return Ok(false);
    }
    if disabled {
        end_sessions(change, name).await?;
    }
    let action = if disabled { "user disable" } else { "user enable" };
    append_audit(change, by, &Act::done(action, format!("user {name}"), "")).await?;
    Ok(true)
}

impl Records {
    /// Users who are disabled, by name.
    pub async fn disabled_users(&self) -> Result<BTreeSet<String>, Problem> {
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM user WHERE disabled <> 0")
            .fetch_all(self.quick())
            .await
            .map_err(trouble)?;
        Ok(names.into_iter().collect())
    }

    /// Whether anybody works with the site but whoever sits at the machine: there is a token, or a user
    /// whose password is not the one that the site was made with.
    pub async fn has_users(&self) -> Result<bool, Problem> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM token) OR EXISTS (SELECT 1 FROM user LEFT JOIN password ON password.user = user.name
             WHERE user.name <> 'admin' OR password.once IS NOT 1)",
        )
        .fetch_one(self.quick())
        .await
        .map_err(trouble)
    }

    /// The user with this name.
    pub async fn user(&self, name: &str) -> Result<Option<User>, Problem> {
        let row = sqlx::query("SELECT * FROM user WHERE name = ?1").bind(name).fetch_optional(self.quick()).await;
        row.map_err(trouble)?.as_ref().map(user).transpose()
    }

    /// All users, by name.
    pub async fn users(&self) -> Result<Vec<User>, Problem> {
        let rows = sqlx::query("SELECT * FROM user ORDER BY name").fetch_all(self.pool()).await.map_err(trouble)?;
        rows.iter().map(user).collect()
    }

    /// Adds a user with a first password. `false` when there is one of this name.
    pub async fn add_user(&self, user: &User, password: &NewPassword, by: &By) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let is_added = add_user_in(&mut change, user, password, by).await?;
        if is_added {
            self.commit(change).await?;
        }
        Ok(is_added)
    }
}
