//! How contacts do: what proved them alive, what bounced, how fast they answer, and which are suspended.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use concert_model::address::canonical;
use concert_model::{Problem, Time};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::mails::Effect;
use super::{Act, By, Change, Home, NewNotice, Records, append_audit, insert_notices, trouble};

/// Answers of one contact that its median is taken of, the newest.
const ANSWERS_MAX: i64 = 100;
/// A message that asks for a proof of life is given up after so long; then another may be sent.
const PROOF_SECONDS_MAX: i64 = 30 * 86_400;

/// How a contact does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// When it last proved alive.
    pub alive: Option<Time>,
    /// By what.
    pub alive_by: String,
    /// Answers of people.
    pub replies: u64,
    /// Answers of machines.
    pub auto_replies: u64,
    /// Bounces that say that nobody is there.
    pub hard: u64,
    /// Other bounces.
    pub soft: u64,
    /// When it bounced last.
    pub bounced: Option<Time>,
    /// What was said then.
    pub diagnostic: String,
    /// Since when nothing is sent to it.
    pub suspended: Option<Time>,
    /// Why.
    pub why: String,
    /// The median of the times its answers took.
    pub median_seconds: Option<i64>,
}

/// A message that asks a contact whether it is there, about to be made.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// The contact, in lower case.
    pub address: String,
    /// Its party.
    pub party: String,
    /// The notice that asks.
    pub notice: NewNotice,
}

fn health(row: &SqliteRow) -> Health {
    let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
    let count = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0).cast_unsigned();
    let time = |name: &str| row.try_get::<Option<i64>, _>(name).ok().flatten().map(Time);
    Health {
        alive: time("alive"),
        alive_by: text("alive_by"),
        replies: count("replies"),
        auto_replies: count("auto_replies"),
        hard: count("hard"),
        soft: count("soft"),
        bounced: time("bounced"),
        diagnostic: text("diagnostic"),
        suspended: time("suspended"),
        why: text("why"),
        median_seconds: None,
    }
}

impl Records {
    /// How every contact does of which anything is known, by its address in lower case.
    pub async fn contact_health(&self) -> Result<BTreeMap<String, Health>, Problem> {
        let rows = sqlx::query("SELECT * FROM contact_health").fetch_all(self.pool()).await.map_err(trouble)?;
        let address = |row: &SqliteRow| row.try_get::<String, _>("address").unwrap_or_default();
        let mut found: BTreeMap<String, Health> = rows.iter().map(|row| (address(row), health(row))).collect();
        let rows = sqlx::query(
            "SELECT address, seconds FROM (
                 SELECT address, seconds, row_number() OVER (PARTITION BY address ORDER BY answered DESC) AS n FROM contact_answer
             ) WHERE n <= ?1 ORDER BY address, seconds",
        )
        .bind(ANSWERS_MAX)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        for some in rows.chunk_by(|a, b| address(a) == address(b)) {
            let seconds = |at: usize| some.get(at).and_then(|row| row.try_get::<i64, _>("seconds").ok());
            // Of an even number the mean of the two in the middle.
            if let (Some(below), Some(above)) = (seconds((some.len() - 1) / 2), seconds(some.len() / 2))
                && let Some(health) = some.first().and_then(|row| found.get_mut(&address(row)))
            {
                health.median_seconds = Some(below.midpoint(above));
            }
        }
        Ok(found)
    }

    /// When a contact last proved alive.
    pub async fn contact_alive(&self, address: &str) -> Result<Option<Time>, Problem> {
        let found: Option<Option<i64>> = sqlx::query_scalar("SELECT alive FROM contact_health WHERE address = ?1")
            .bind(address)
            .fetch_optional(self.pool())
            .await
            .map_err(trouble)?;
        Ok(found.flatten().map(Time))
    }

    /// Where notices of events went: addresses, separated by commas, and the party.
    pub async fn contacts_told(&self) -> Result<Vec<(String, String)>, Problem> {
        let sql = "SELECT recipient, party FROM contact_told ORDER BY party, recipient";
        let rows = sqlx::query(sql).fetch_all(self.pool()).await.map_err(trouble)?;
        let text = |row: &SqliteRow, name: &str| row.try_get::<String, _>(name).unwrap_or_default();
        Ok(rows.iter().map(|row| (text(row, "recipient"), text(row, "party"))).collect())
    }

    /// Addresses that nothing is sent to, in lower case, and why.
    pub async fn suspended_contacts(&self) -> Result<HashMap<String, String>, Problem> {
        let rows = sqlx::query("SELECT address, why FROM contact_health WHERE suspended IS NOT NULL")
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        let text = |row: &SqliteRow, name: &str| row.try_get::<String, _>(name).unwrap_or_default();
        Ok(rows.iter().map(|row| (text(row, "address"), text(row, "why"))).collect())
    }

    /// Contacts that bounced since a moment, and what was said.
    pub async fn bounced_since(&self, since: Time) -> Result<Vec<(String, String)>, Problem> {
        let query = sqlx::query("SELECT address, diagnostic FROM contact_health WHERE bounced >= ?1").bind(since.0);
        let rows = query.fetch_all(self.pool()).await.map_err(trouble)?;
        let text = |row: &SqliteRow, name: &str| row.try_get::<String, _>(name).unwrap_or_default();
        Ok(rows.iter().map(|row| (text(row, "address"), text(row, "diagnostic"))).collect())
    }

    /// The addresses that notices reached, or failed to reach, since a moment.
    pub async fn told_since(&self, since: Time) -> Result<BTreeSet<String>, Problem> {
        let sql = "SELECT recipient FROM notice WHERE recipient <> ''
             AND (delivered >= ?1 OR state = 'failed' AND due >= ?1)";
        let told: Vec<String> = sqlx::query_scalar(sql).bind(since.0).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(told.iter().flat_map(|to| to.split(',')).map(canonical).collect())
    }

    /// Lets a contact be told again, and writes down who did. `false` when it was not suspended.
    pub async fn resume_contact(&self, address: &str, by: &By) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let sql = "UPDATE contact_health SET suspended = NULL, why = '' WHERE address = ?1 AND suspended IS NOT NULL";
        let done = sqlx::query(sql).bind(address).execute(&mut *change).await.map_err(trouble)?;
        if done.rows_affected() == 0 {
            return self.undo(change).await.map(|()| false);
        }
        append_audit(&mut change, by, &Act::done("contact resume", format!("contact {address}"), "")).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// Has nothing be sent to a contact any more, and writes down who said so and why. `false` when it is suspended.
    pub async fn suspend_contact(&self, address: &str, why: &str, by: &By, now: Time) -> Result<bool, Problem> {
        let mut change = self.change().await?;
        let sql = "SELECT count(*) FROM contact_health WHERE address = ?1 AND suspended IS NOT NULL";
        let known: i64 = sqlx::query_scalar(sql).bind(address).fetch_one(&mut *change).await.map_err(trouble)?;
        if known > 0 {
            return self.undo(change).await.map(|()| false);
        }
        Effect::Suspend(address.to_owned(), why.to_owned()).write(&mut change, now).await?;
        append_audit(&mut change, by, &Act::done("contact suspend", format!("contact {address}"), why)).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// Queues messages that ask contacts whether they are there; one that was asked lately and has not
    /// answered is left out. Gives the number of messages.
    pub async fn ask_for_proof(&self, proofs: &[Proof], home: &Home, now: Time) -> Result<u64, Problem> {
        let (mut change, mut asked) = (self.change().await?, 0);
        sqlx::query("UPDATE contact_proof SET settled = ?1 WHERE settled IS NULL AND (asked < ?2 OR asked > ?3)")
            .bind(now.0)
            .bind(now.plus_seconds(-PROOF_SECONDS_MAX).0)
            .bind(now.latest().0)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        for proof in proofs {
            let open: Option<String> =
                sqlx::query_scalar("SELECT notice FROM contact_proof WHERE address = ?1 AND settled IS NULL")
                    .bind(&proof.address)
                    .fetch_optional(&mut *change)
                    .await
                    .map_err(trouble)?;
            if open.is_some() {
                continue;
            }
            let made = insert_notices(&mut change, now, home, std::slice::from_ref(&proof.notice)).await?;
            sqlx::query("INSERT INTO contact_proof (notice, address, party, asked) VALUES (?1, ?2, ?3, ?4)")
                .bind(made.id())
                .bind(&proof.address)
                .bind(&proof.party)
                .bind(now.0)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
            asked += 1;
        }
        self.commit(change).await?;
        Ok(asked)
    }

    /// When each contact was last asked whether it is there, and whether that is still open.
    pub async fn proofs_asked(&self) -> Result<HashMap<String, (Time, bool)>, Problem> {
        let rows = sqlx::query(
            "SELECT address, max(asked) AS asked, max(settled IS NULL) AS open FROM contact_proof GROUP BY address",
        )
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        Ok(rows
            .iter()
            .map(|row| {
                let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
                (row.try_get("address").unwrap_or_default(), (Time(number("asked")), number("open") == 1))
            })
            .collect())
    }
}

impl Effect {
    pub(super) async fn write(&self, change: &mut Change<'_>, at: Time) -> Result<(), Problem> {
        let (Self::Alive(address, ..)
        | Self::AutoReply(address)
        | Self::Bounce(address, ..)
        | Self::Suspend(address, _)
        | Self::Release(address, _)) = self;
        sqlx::query("INSERT INTO contact_health (address) VALUES (?1) ON CONFLICT DO NOTHING")
            .bind(address)
            .execute(&mut **change)
            .await
            .map_err(trouble)?;
        let query = match self {
            Self::Alive(_, by, _) => sqlx::query(
                "UPDATE contact_health SET alive_by = CASE WHEN coalesce(alive, 0) <= ?2 THEN ?3 ELSE alive_by END,
                 alive = max(coalesce(alive, 0), ?2), replies = replies + 1, suspended = NULL, why = '' WHERE address = ?1",
            )
            .bind(address)
            .bind(at.0)
            .bind(by),
            Self::AutoReply(_) => {
                sqlx::query("UPDATE contact_health SET auto_replies = auto_replies + 1 WHERE address = ?1").bind(address)
            }
            Self::Bounce(_, is_hard, said) => sqlx::query(
                "UPDATE contact_health SET hard = hard + ?3, soft = soft + 1 - ?3, bounced = ?2, diagnostic = ?4 WHERE address = ?1",
            )
            .bind(address)
            .bind(at.0)
            .bind(i64::from(*is_hard))
            .bind(said),
            Self::Suspend(_, why) => {
                sqlx::query("UPDATE contact_health SET suspended = ?2, why = ?3 WHERE address = ?1 AND suspended IS NULL")
                    .bind(address)
                    .bind(at.0)
                    .bind(why)
            }
            Self::Release(_, since) => {
                sqlx::query("UPDATE contact_health SET suspended = NULL, why = '' WHERE address = ?1 AND suspended >= ?2")
                    .bind(address)
                    .bind(since.0)
            }
        };
        query.execute(&mut **change).await.map_err(trouble)?;
        if let Self::Alive(_, _, Some((notice, sent))) = self {
            sqlx::query("INSERT INTO contact_answer (address, notice, answered, seconds) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")
                .bind(address)
                .bind(notice)
                .bind(at.0)
                .bind((at.seconds() - sent.seconds()).max(0))
                .execute(&mut **change)
                .await
                .map_err(trouble)?;
        }
        if matches!(self, Self::Alive(..) | Self::Suspend(..)) {
            sqlx::query("UPDATE contact_proof SET settled = ?2 WHERE address = ?1 AND settled IS NULL")
                .bind(address)
                .bind(at.0)
                .execute(&mut **change)
                .await
                .map_err(trouble)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::writer::tests::site;

    #[tokio::test]
    async fn the_median_of_an_even_number_is_the_mean_of_the_two_in_the_middle() {
        let (_dir, store) = site().await;
        sqlx::raw_sql(
            "INSERT INTO contact_health (address) VALUES ('two@x.example'), ('three@x.example'), ('none@x.example');
             INSERT INTO contact_answer VALUES ('two@x.example', 'a', 1, 3600), ('two@x.example', 'b', 2, 36000),
                 ('three@x.example', 'a', 1, 30), ('three@x.example', 'b', 2, 10), ('three@x.example', 'c', 3, 20);",
        )
        .execute(store.records.pool())
        .await
        .unwrap();
        let health = store.records.contact_health().await.unwrap();
        let median = |address: &str| health[address].median_seconds;
        assert_eq!(median("two@x.example"), Some(19_800));
        assert_eq!((median("three@x.example"), median("none@x.example")), (Some(20), None));
    }
}
