//! Tokens of the API, known by the hash of the secret that was shown once.

use concert_model::user::{Bearer, Scope, Token, parse_scopes};
use concert_model::{Problem, Time};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::audit::{Act, By, append_audit};
use super::{Change, Records, trouble};

/// Most tokens of one user.
const OF_USER_MAX: i64 = 200;
/// When a token was used last is written at most this often: a token may come with every request.
const USED_SECONDS: i64 = 3600;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The hash of its secret.
    pub hash: [u8; 32],
    /// Whose it is.
    pub user: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// From when on it does not work.
    pub expires: Time,
}

fn words(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(",")
}

/// Columns have a prefix where they are read together with those of a user.
fn token(row: &SqliteRow) -> Result<Token, Problem> {
    let number = |name: &str| row.try_get::<i64, _>(name).map_err(trouble);
    let id = number("id")?;
    let scopes: String = row.try_get("scopes").map_err(trouble)?;
    let scopes = parse_scopes(&scopes).map_err(|why| Problem::new(format!("token {id} cannot be read: {why}")))?;
    Ok(Token {
        id,
        user: row.try_get("user").map_err(trouble)?,
        scopes,
        made: Time(number("token_made")?),
        made_by: row.try_get("made_by").map_err(trouble)?,
        expires: Time(number("expires")?),
        used: row.try_get::<Option<i64>, _>("used").map_err(trouble)?.map(Time),
    })
}

/// Adds a token for a user as part of a change, and gives its number.
pub async fn add_token_in(change: &mut Change<'_>, new: &NewToken, by: &By) -> Result<i64, Problem> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM token WHERE user = ?1")
        .bind(&new.user)
        .fetch_one(&mut **change)
        .await
        .map_err(trouble)?;
    if count >= OF_USER_MAX {
        return Err(Problem::new(format!("user {} has {count} tokens, which is the most", new.user))
            .hint("`concert token list` shows them; revoke what is not needed"));
    }
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO token (hash, user, scopes, made, made_by, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
    )
    .bind(new.hash.as_slice())
    .bind(&new.user)
    .bind(words(&new.scopes))
    .bind(by.at.0)
    .bind(&by.who)
    .bind(new.expires.0)
    .fetch_one(&mut **change)
    .await
    .map_err(trouble)?;
    let what = format!("for user {}: {}; until {}", new.user, words(&new.scopes), new.expires);
    append_audit(change, by, &Act::done("token create", format!("token {id}"), what)).await?;
    Ok(id)
}

/// Ends a token for good, as part of a change. `false` when there is none of this number.
pub async fn revoke_token_in(change: &mut Change<'_>, id: i64, by: &By) -> Result<bool, Problem> {
    let user: Option<String> = sqlx::query_scalar("DELETE FROM token WHERE id = ?1 RETURNING user")
        .bind(id)
        .fetch_optional(&mut **change)
        .await
        .map_err(trouble)?;
    let Some(user) = user else { return Ok(false) };
    let act = Act::done("token revoke", format!("token {id}"), format!("of user {user}"));
    append_audit(change, by, &act).await?;
    Ok(true)
}

impl Records {
    /// Adds a token for a user, and gives its number.
    pub async fn add_token(&self, new: &NewToken, by: &By) -> Result<i64, Problem> {
        let mut change = self.change().await?;
        let id = add_token_in(&mut change, new, by).await?;
        self.commit(change).await?;
        Ok(id)
    }

    /// Tokens, also those that expired; of one user or of all.
    pub async fn tokens(&self, user: Option<&str>) -> Result<Vec<Token>, Problem> {
        let rows = sqlx::query("SELECT *, made AS token_made FROM token WHERE ?1 IS NULL OR user = ?1 ORDER BY id")
            .bind(user)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        rows.iter().map(token).collect()
    }

    /// Ends a token for good. `false` when there is none of this number.
    pub async fn revoke_token(&self, id: i64, by: &By) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let is_done = revoke_token_in(&mut change, id, by).await?;
        self.commit(change).await?;
        Ok(is_done)
    }

    /// Who comes with the token of this hash; `None` when it does not work: unknown, revoked, expired, or
    /// its user is disabled.
    pub async fn bearer(&self, hash: &[u8; 32], now: Time) -> Result<Option<Bearer>, Problem> {
        let row = sqlx::query(
            "SELECT user.*, id, token.user, scopes, token.made AS token_made, made_by, expires, used FROM token
             JOIN user ON name = token.user WHERE hash = ?1 AND expires > ?2 AND NOT disabled",
        )
        .bind(hash.as_slice())
        .bind(now.0)
        .fetch_optional(self.quick())
        .await
        .map_err(trouble)?;
        let Some(row) = row else { return Ok(None) };
        let mut bearer = Bearer { user: super::users::user(&row)?, token: token(&row)? };
        if bearer.token.used.is_none_or(|used| used < now.plus_seconds(-USED_SECONDS)) {
            sqlx::query("UPDATE token SET used = max(coalesce(used, 0), ?2) WHERE id = ?1")
                .bind(bearer.token.id)
                .bind(now.0)
                .execute(self.changes())
                .await
                .map_err(trouble)?;
            bearer.token.used = Some(now);
        }
        Ok(Some(bearer))
    }
}
