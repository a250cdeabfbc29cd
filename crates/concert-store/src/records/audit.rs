//! The audit log: who did or wanted to do what, from where, and what was decided.
//!
//! It is only appended to, and what is older than the settings keep is removed. Callers write nothing secret into it, and no name that somebody typed
//! without being known by it: people type passwords into the wrong field.

use concert_model::{Problem, Time};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Change, Records, trouble};

/// Longest text of a row; what is longer is cut.
const TEXT_CHARS_MAX: usize = 400;

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 500;

/// Who does something, from where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// A user, `operator (unix name)`, or the program itself.
    pub who: String,
    /// The address it came from; empty at the machine itself.
    pub from: String,
    /// When.
    pub at: Time,
}

/// What somebody did or wanted to do, and what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// In two words: `user add`, `login`, `incident read`.
    pub action: &'static str,
    /// What it was done to: `user jane`, `token 7`.
    pub object: String,
    /// Whether it was allowed, and so done.
    pub allowed: bool,
    /// The rule that decided; empty where there is none to name.
    pub policy: String,
    /// Why, or what exactly.
    pub reason: String,
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Its number; rows are numbered in the order they came, by their times in microseconds.
    pub seq: i64,
    /// Who, from where and when.
    pub by: By,
    /// What it was: `user add`.
    pub action: String,
    /// What it was done to.
    pub object: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// The rule that decided.
    pub policy: String,
    /// Why, or what exactly.
    pub reason: String,
}

/// Which rows of the audit log.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only what this one did.
    pub who: Option<String>,
    /// Only what was done to this.
    pub object: Option<String>,
    /// Only from this moment on.
    pub since: Option<Time>,
    /// Only what was denied.
    pub denied: bool,
    /// Only rows before the one with this number, for the next page.
    pub before: Option<i64>,
    /// Most rows; 0 for all.
    pub limit: u64,
}

impl Act {
    /// Something that was allowed and done.
    pub fn done(action: &'static str, object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { action, object: object.into(), allowed: true, policy: String::new(), reason: reason.into() }
    }

    /// Something that was denied.
    pub fn denied(action: &'static str, object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { allowed: false, ..Self::done(action, object, reason) }
    }
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

/// Appends a row as part of a change, so that both are there or neither. Its number is its time, or one more than that of
/// the row before it, so that numbers do not count what others did.
pub async fn append_audit(change: &mut Change<'_>, by: &By, act: &Act) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO audit (seq, time, who, origin, action, object, allowed, policy, reason)
         VALUES (max(?1, 1 + ifnull((SELECT max(seq) FROM audit), 0)), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(by.at.0)
    .bind(short(&by.who))
    .bind(short(&by.from))
    .bind(act.action)
    .bind(short(&act.object))
    .bind(act.allowed)
    .bind(short(&act.policy))
    .bind(short(&act.reason))
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    Ok(())
}

fn audited(row: &SqliteRow) -> Audited {
    let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
    let by = By { who: text("who"), from: text("origin"), at: Time(row.try_get("time").unwrap_or_default()) };
    Audited {
        seq: row.try_get("seq").unwrap_or_default(),
        by,
        action: text("action"),
        object: text("object"),
        allowed: row.try_get("allowed").unwrap_or_default(),
        policy: text("policy"),
        reason: text("reason"),
    }
}

impl Records {
    /// Appends a row to the audit log.
    pub async fn audit(&self, by: &By, act: &Act) -> Result<(), Problem> {
        self.audit_all(std::slice::from_ref(&(by.clone(), act.clone()))).await
    }

    /// Appends rows to the audit log, some hundred at a time: of these all or none.
    pub async fn audit_all(&self, rows: &[(By, Act)]) -> Result<(), Problem> {
        for some in rows.chunks(ROWS_AT_ONCE) {
            let Some((first, _)) = some.first() else { continue };
            // One statement, so that nobody else waits while it goes to the database and back for each row.
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT INTO audit (seq, time, who, origin, action, object, allowed, policy, reason) SELECT max(",
            );
            query.push_bind(first.at.0).push(", 1 + ifnull((SELECT max(seq) FROM audit), 0)) + column1, column2,");
            query.push(" column3, column4, column5, column6, column7, column8, column9 FROM (");
            query.push_values((0i64..).zip(some), |mut row, (at, (by, act))| {
                row.push_bind(at).push_bind(by.at.0).push_bind(short(&by.who)).push_bind(short(&by.from));
                row.push_bind(act.action).push_bind(short(&act.object)).push_bind(act.allowed);
                row.push_bind(short(&act.policy)).push_bind(short(&act.reason));
            });
            query.push(")");
            query.build().persistent(some.len() == 1).execute(self.changes()).await.map_err(trouble)?;
        }
        Ok(())
    }

    /// Removes rows older than a moment, and says how many.
    pub(crate) async fn forget_audit(&self, before: Time) -> Result<u64, Problem> {
        let query = sqlx::query("DELETE FROM audit WHERE time < ?1").bind(before.0);
        Ok(query.execute(self.changes()).await.map_err(trouble)?.rows_affected())
    }

    /// Rows of the audit log, newest first.
    pub async fn audit_rows(&self, filter: &AuditFilter) -> Result<Vec<Audited>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT * FROM audit WHERE 1");
        if let Some(who) = &filter.who {
            query.push(" AND who = ").push_bind(who.clone());
        }
        if let Some(object) = &filter.object {
            // An incident is meant by its number alone too.
            query.push(" AND object IN (").push_bind(object.clone());
            query.push(", 'incident ' || ").push_bind(object.clone()).push(")");
        }
        if let Some(since) = filter.since {
            query.push(" AND time >= ").push_bind(since.0);
        }
        if filter.denied {
            query.push(" AND NOT allowed");
        }
        if let Some(before) = filter.before {
            query.push(" AND seq < ").push_bind(before);
        }
        query.push(" ORDER BY seq DESC");
        if filter.limit > 0 {
            query.push(" LIMIT ").push_bind(i64::try_from(filter.limit).unwrap_or(i64::MAX));
        }
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(audited).collect())
    }
}
