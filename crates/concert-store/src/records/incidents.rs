//! Entries of incidents, and the tables derived from them.
//!
//! What an entry means, who may read it and how state follows from entries is not known here.

use std::collections::{BTreeMap, BTreeSet};

use concert_model::{Problem, Time, script};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};

use super::{Change, Records, trouble};

/// Most matches that a search looks at.
const MATCHES_MAX: i64 = 10_000;

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Its place in the order in which entries came here.
    pub seq: u64,
    /// The incident it belongs to.
    pub incident: String,
    /// Its header, as it was signed.
    pub header: String,
    /// Its body; `None` where it is withheld or erased.
    pub body: Option<String>,
    /// How it is marked, where that is otherwise than it was written; derived.
    pub marked: Option<String>,
}

/// An entry about to be kept.
#[derive(Clone, Debug)]
pub struct NewEntry<'e> {
    /// The incident it belongs to.
    pub incident: &'e str,
    /// The site that wrote it, in hexadecimal digits.
    pub site: &'e str,
    /// Its place in the chain of its site.
    pub sequence: u64,
    /// Its stamp: time and tick.
    pub stamp: (Time, u32),
    /// Its header, as it was signed.
    pub header: &'e str,
    /// Its body.
    pub body: Option<&'e str>,
}

/// How an incident stands, for lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its identity.
    pub id: String,
    /// The number people say.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// Its type.
    pub classification: String,
    /// How bad it is.
    pub severity: String,
    /// Where it stands.
    pub status: String,
    /// When it was opened.
    pub opened: Time,
    /// The last entry.
    pub changed: u64,
    /// When that was written.
    pub changed_at: Time,
    /// Marking and who has to do with it, as JSON.
    pub circle: String,
}

/// What entries say that is found by searching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findable {
    /// Its words.
    pub text: String,
    /// Values it names: what each is, and the value in its plain form.
    pub observables: Vec<(String, String)>,
}

/// Which incidents are wanted.
#[derive(Clone, Debug, Default)]
pub struct HeadFilter {
    /// In this state. Those that were merged come too: who does not know of that reads another.
    pub status: Option<String>,
    /// Of this type.
    pub classification: Option<String>,
    /// This bad.
    pub severity: Option<String>,
    /// Only those that are closed, and got an answer later.
    pub late: bool,
    /// One of these, where that is said.
    pub among: Option<Vec<String>>,
    /// Whose entry is before this one.
    pub below: Option<u64>,
}

/// The last entry of an incident for some of its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Whom it is for; empty for everybody who sees the incident.
    pub sight: String,
    /// The entry.
    pub seq: u64,
    /// When it was written.
    pub time: Time,
}

fn touched(row: &SqliteRow) -> Touched {
    Touched {
        sight: row.try_get("sight").unwrap_or_default(),
        seq: row.try_get::<i64, _>("seq").unwrap_or(0).cast_unsigned(),
        time: Time(row.try_get("time").unwrap_or(0)),
    }
}

fn entry(row: &SqliteRow) -> EntryRow {
    EntryRow {
        seq: row.try_get::<i64, _>("seq").unwrap_or(0).cast_unsigned(),
        incident: row.try_get("incident").unwrap_or_default(),
        header: row.try_get("header").unwrap_or_default(),
        body: row.try_get("body").unwrap_or_default(),
        marked: row.try_get("marked").unwrap_or_default(),
    }
}

fn head(row: &SqliteRow) -> Head {
    let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
    let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
    Head {
        id: text("id"),
        number: text("number"),
        title: text("title"),
        classification: text("classification"),
        severity: text("severity"),
        status: text("status"),
        opened: Time(number("opened")),
        changed: number("changed").cast_unsigned(),
        changed_at: Time(number("changed_at")),
        circle: text("circle"),
    }
}

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// All words; the last may be only begun.
    pub words: String,
    /// Values among them: addresses, names, URLs and the like, each in the form that values are compared by.
    pub values: Vec<String>,
    /// The words that are no values.
    pub rest: String,
}

/// What a person types, as a query of words that must all occur; the last may be only begun.
fn query_of(words: &str) -> String {
    let mut terms: Vec<String> = words
        .split(|c: char| c.is_whitespace() || c == '\0')
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{}\"", script::spaced(word).replace('"', "\"\"")))
        .collect();
    if let Some(last) = terms.last_mut() {
        last.push('*');
    }
    terms.join(" ")
}

const CIRCLES: &str = "SELECT circle FROM incident WHERE id IN (SELECT value FROM json_each(?1))";

/// An incident by its identity, or by its whole number in whatever letters. One question, so that its time does not tell
/// what is hidden from what is not there.
const NAMED: &str = "SELECT * FROM incident WHERE id = lower(?1) OR number = ?2 COLLATE NOCASE
    ORDER BY id = ?1 OR number = ?1 DESC, opened LIMIT 1";

/// The number of an incident with as many digits as it was given: `cert-ex#2026-7` is `cert-ex#2026-000007`. What is none
/// stays as it is.
fn whole_number(name: &str) -> String {
    let is_number = |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = name.trim().rsplit_once('#').and_then(|(ticket, number)| Some((ticket, number.split_once('-')?)));
    match parts {
        Some((ticket, (year, count))) if is_number(year) && is_number(count) => {
            format!("{ticket}#{year}-{:0>6}", count.trim_start_matches('0'))
        }
        _ => name.to_owned(),
    }
}

impl Records {
    /// Entries of an incident that came after one, in the order in which they came.
    pub async fn entries_after(&self, incident: &str, seq: u64) -> Result<Vec<EntryRow>, Problem> {
        let query = sqlx::query("SELECT * FROM entry WHERE incident = ?1 AND seq > ?2 ORDER BY seq");
        let rows = query.bind(incident).bind(seq.cast_signed()).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(entry).collect())
    }

    /// The number of the newest entry of all incidents.
    pub async fn last_entry(&self) -> Result<u64, Problem> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(seq) FROM entry").fetch_one(self.pool()).await.map_err(trouble)?;
        Ok(last.unwrap_or(0).cast_unsigned())
    }

    /// Entries of all incidents after a number, oldest first.
    pub async fn entries_behind(&self, seq: u64, limit: u32) -> Result<Vec<EntryRow>, Problem> {
        let query = sqlx::query("SELECT * FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let query = query.bind(i64::try_from(seq).unwrap_or(i64::MAX)).bind(limit);
        let rows = query.fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(entry).collect())
    }

    /// The identities of all incidents with a journal.
    pub async fn journals(&self) -> Result<Vec<String>, Problem> {
        let query = sqlx::query_scalar("SELECT DISTINCT incident FROM entry ORDER BY incident");
        query.fetch_all(self.pool()).await.map_err(trouble)
    }

    /// The sites that wrote entries, in hexadecimal digits.
    pub async fn signers(&self) -> Result<Vec<String>, Problem> {
        let query = sqlx::query_scalar("SELECT DISTINCT site FROM entry");
        query.fetch_all(self.pool()).await.map_err(trouble)
    }

    /// Numbers of entries whose row says another place or time than their header, which is what was signed.
    pub async fn entries_astray(&self, incident: &str) -> Result<Vec<u64>, Problem> {
        let query = sqlx::query_scalar(
            "SELECT seq FROM entry WHERE incident = ?1 AND json_valid(header) AND (site, sequence, time, tick) IS NOT
             (header ->> '$.site', header ->> '$.sequence', header ->> '$.time', header ->> '$.tick') ORDER BY seq",
        );
        let rows: Vec<i64> = query.bind(incident).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.into_iter().map(i64::cast_unsigned).collect())
    }

    /// What entries of an incident are found by: the values that each names, with what they are, and those whose words
    /// are known.
    pub async fn found_by(&self, incident: &str) -> Result<(BTreeSet<(u64, String, String)>, BTreeSet<u64>), Problem> {
        let mut reading = self.pool().begin().await.map_err(trouble)?;
        let query = sqlx::query_as(
            "SELECT entry.seq, kind, value FROM entry CROSS JOIN observable ON observable.seq = entry.seq
             AND observable.incident = entry.incident WHERE entry.incident = ?1",
        );
        let values: Vec<(i64, String, String)> =
            query.bind(incident).fetch_all(&mut *reading).await.map_err(trouble)?;
        let query = sqlx::query_scalar(
            "SELECT seq FROM entry WHERE incident = ?1 AND EXISTS (SELECT 1 FROM entry_text WHERE rowid = entry.seq)",
        );
        let texts: Vec<i64> = query.bind(incident).fetch_all(&mut *reading).await.map_err(trouble)?;
        let values = values.into_iter().map(|(seq, kind, value)| (seq.cast_unsigned(), kind, value)).collect();
        Ok((values, texts.into_iter().map(i64::cast_unsigned).collect()))
    }

    /// The numbers of incidents that were given: how many in each year; and those of which the audit log says that they
    /// were opened.
    pub async fn numbers_given(&self) -> Result<(Vec<(String, u64)>, Vec<String>), Problem> {
        let query = sqlx::query_as(
            "SELECT name, CAST(value AS INTEGER) FROM memory WHERE owner = 'incident number' ORDER BY name",
        );
        let years: Vec<(String, i64)> = query.fetch_all(self.pool()).await.map_err(trouble)?;
        let query = sqlx::query_scalar("SELECT DISTINCT object FROM audit WHERE action = 'open' AND allowed");
        let opened = query.fetch_all(self.pool()).await.map_err(trouble)?;
        Ok((years.into_iter().map(|(year, count)| (year, count.cast_unsigned())).collect(), opened))
    }

    /// The identities of incidents whose journal has no entry: there are none as long as nobody meddles.
    pub async fn without_entries(&self) -> Result<Vec<String>, Problem> {
        let query =
            sqlx::query_scalar("SELECT id FROM incident WHERE id NOT IN (SELECT incident FROM entry) ORDER BY id");
        query.fetch_all(self.pool()).await.map_err(trouble)
    }

    /// An incident by its identity or its number, which may be said in any case and without zeros in front.
    pub async fn incident(&self, name: &str) -> Result<Option<Head>, Problem> {
        let query = sqlx::query(NAMED).bind(name).bind(whole_number(name));
        let row = query.fetch_optional(self.quick()).await.map_err(trouble)?;
        Ok(row.as_ref().map(head))
    }

    /// How these incidents stand in lists, in no order, by one question.
    pub async fn heads(&self, ids: &[&str]) -> Result<Vec<Head>, Problem> {
        let query = sqlx::query("SELECT * FROM incident WHERE id IN (SELECT value FROM json_each(?1))");
        let query = query.bind(serde_json::Value::from(ids).to_string());
        let rows = query.fetch_all(self.quick()).await.map_err(trouble)?;
        Ok(rows.iter().map(head).collect())
    }

    /// Who has to do with these incidents, as JSON, in no order.
    pub async fn circles(&self, ids: &[String]) -> Result<Vec<String>, Problem> {
        let query = sqlx::query_scalar(CIRCLES).bind(serde_json::Value::from(ids).to_string());
        query.fetch_all(self.pool()).await.map_err(trouble)
    }

    /// How an incident stands in lists, with its last entry for each kind of reader, both at one moment.
    pub async fn listed(&self, id: &str) -> Result<Option<(Head, Vec<Touched>)>, Problem> {
        let mut reading = self.pool().begin().await.map_err(trouble)?;
        let query = sqlx::query("SELECT * FROM incident WHERE id = ?1").bind(id);
        let Some(found) = query.fetch_optional(&mut *reading).await.map_err(trouble)? else { return Ok(None) };
        let query = sqlx::query("SELECT sight, seq, time FROM touched WHERE incident = ?1").bind(id);
        let rows = query.fetch_all(&mut *reading).await.map_err(trouble)?;
        Ok(Some((head(&found), rows.iter().map(touched).collect())))
    }

    /// Incidents with their last entries for some of their readers, the newest first. One that has several comes
    /// several times.
    pub async fn incidents(&self, filter: &HeadFilter, limit: u32) -> Result<Vec<(Head, Touched)>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT incident.*, sight, seq, time FROM touched CROSS JOIN incident ON incident.id = touched.incident WHERE 1",
        );
        let texts =
            [("status", &filter.status), ("classification", &filter.classification), ("severity", &filter.severity)];
        for (column, value) in texts {
            if let Some(value) = value {
                query.push(format!(" AND {column} IN (")).push_bind(value);
                query.push(if column == "status" { ", 'merged')" } else { ")" });
            }
        }
        if let Some(ids) = &filter.among {
            query.push(" AND incident.id IN (SELECT value FROM json_each(");
            query.push_bind(serde_json::Value::from(ids.as_slice()).to_string()).push("))");
        }
        if let Some(below) = filter.below {
            query.push(" AND seq < ").push_bind(below.cast_signed());
        }
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(|row| (head(row), touched(row))).collect())
    }

    /// Whom entries of these incidents are for that are not before a number, as far as they are last ones.
    pub async fn touched_from(&self, ids: &[&str], seq: u64) -> Result<Vec<(String, String)>, Problem> {
        let query = sqlx::query(
            "SELECT incident, sight FROM touched WHERE incident IN (SELECT value FROM json_each(?1)) AND seq >= ?2",
        );
        let query = query.bind(serde_json::Value::from(ids).to_string()).bind(seq.cast_signed());
        let rows = query.fetch_all(self.pool()).await.map_err(trouble)?;
        let text = |row: &SqliteRow, name: &str| row.try_get(name).unwrap_or_default();
        Ok(rows.iter().map(|row| (text(row, "incident"), text(row, "sight"))).collect())
    }

    /// Entries in which all these words occur, or which name the values among them, newest first, below a number.
    pub async fn entries_with(
        &self,
        sought: &Sought,
        below: Option<u64>,
        limit: u32,
    ) -> Result<Vec<EntryRow>, Problem> {
        let (words, rest) = (query_of(&sought.words), query_of(&sought.rest));
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let (below, limit) = (below.map_or(i64::MAX, u64::cast_signed), i64::from(limit).min(MATCHES_MAX));
        let with = |text: &mut QueryBuilder<Sqlite>, words: String| {
            text.push("SELECT rowid FROM entry_text WHERE entry_text MATCH ").push_bind(words);
            text.push(" AND rowid < ").push_bind(below);
        };
        // The newest of both are among the newest of each.
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT * FROM entry WHERE seq IN (SELECT rowid FROM (");
        with(&mut query, words);
        query.push(" ORDER BY rowid DESC LIMIT ").push_bind(limit).push(")");
        if let Some((first, others)) = sought.values.split_first() {
            query.push(" UNION SELECT seq FROM (SELECT DISTINCT seq FROM observable WHERE value = ").push_bind(first);
            query.push(" AND seq < ").push_bind(below);
            for value in others {
                query.push(" AND seq IN (SELECT seq FROM observable WHERE value = ").push_bind(value).push(")");
            }
            if !rest.is_empty() {
                query.push(" AND seq IN (");
                with(&mut query, rest);
                query.push(")");
            }
            query.push(" ORDER BY seq DESC LIMIT ").push_bind(limit).push(")");
        }
        query.push(") ORDER BY seq DESC LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(entry).collect())
    }

    /// Entries that name a value, newest first, below a number.
    pub async fn entries_about(&self, value: &str, below: Option<u64>, limit: u32) -> Result<Vec<EntryRow>, Problem> {
        // A value may be there twice for an entry, as what it was given as and as what it is.
        let query = sqlx::query(
            "SELECT * FROM entry WHERE seq IN (SELECT DISTINCT seq FROM observable WHERE value = ?1 AND seq < ?2
             ORDER BY seq DESC LIMIT ?3) ORDER BY seq DESC",
        );
        let query = query.bind(value).bind(below.map_or(i64::MAX, u64::cast_signed)).bind(limit);
        let rows = query.fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(entry).collect())
    }

    /// Incidents with an entry that names a value.
    pub async fn incidents_with(&self, value: &str) -> Result<Vec<Head>, Problem> {
        let query = sqlx::query(
            "SELECT * FROM incident WHERE id IN (SELECT incident FROM observable WHERE value = ?1) ORDER BY id",
        );
        let rows = query.bind(value).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(head).collect())
    }

    /// Hosts that entries after a number name.
    pub async fn hosts_after(&self, seq: u64) -> Result<Vec<String>, Problem> {
        let query = sqlx::query_scalar("SELECT DISTINCT value FROM observable WHERE seq > ?1 AND kind = 'host'");
        query.bind(seq.cast_signed()).fetch_all(self.pool()).await.map_err(trouble)
    }

    /// Incidents that are not closed and have an entry that names one of these values.
    pub async fn open_with(&self, values: &[&str]) -> Result<Vec<Head>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT * FROM incident WHERE status <> 'closed' AND id IN (SELECT incident FROM observable WHERE value IN (",
        );
        let mut list = query.separated(", ");
        for value in values {
            list.push_bind(*value);
        }
        query.push(")) ORDER BY id");
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(head).collect())
    }

    /// Incidents that are closed and not done with: more clocks were started in them than met, or an answer came later
    /// than they were closed. Given is by what entries of the four kinds are found, in this order. Where a clock was
    /// started twice there are some more.
    pub async fn closed_with(&self, [started, met, answer, closed]: [&str; 4]) -> Result<Vec<Head>, Problem> {
        let query = sqlx::query(
            "SELECT * FROM incident WHERE status = 'closed' AND id IN (
                 SELECT incident FROM observable WHERE value IN (?1, ?2, ?3, ?4) AND kind = 'kind' GROUP BY incident
                 HAVING sum(value = ?1) > sum(value = ?2)
                 OR max(CASE value WHEN ?3 THEN seq END) > coalesce(max(CASE value WHEN ?4 THEN seq END), 0)
             ) ORDER BY id",
        );
        let query = query.bind(started).bind(met).bind(answer).bind(closed);
        Ok(query.fetch_all(self.pool()).await.map_err(trouble)?.iter().map(head).collect())
    }

    /// Incidents that are closed and got an answer later, by identity; of these alone where they are given. Given is
    /// too by what entries of the two kinds are found.
    pub async fn answered_late(
        &self,
        [answer, closed]: [&str; 2],
        ids: Option<&[&str]>,
    ) -> Result<Vec<String>, Problem> {
        // Of few incidents their own entries are looked at, of all what is found by the kinds.
        let of = match ids {
            Some(_) => {
                "entry JOIN observable ON observable.seq = entry.seq WHERE entry.incident IN (SELECT value FROM json_each(?3))"
            }
            None => "observable WHERE ?3 IS NULL",
        };
        let text = format!(
            "SELECT id FROM incident WHERE status = 'closed' AND id IN (
                 SELECT observable.incident FROM {of} AND value IN (?1, ?2) AND kind = 'kind' GROUP BY observable.incident
                 HAVING max(CASE value WHEN ?1 THEN observable.seq END)
                     > coalesce(max(CASE value WHEN ?2 THEN observable.seq END), 0)
             ) ORDER BY id",
        );
        let ids = ids.map(|ids| serde_json::Value::from(ids).to_string());
        let query = sqlx::query_scalar(AssertSqlSafe(text)).bind(answer).bind(closed).bind(ids);
        query.fetch_all(self.pool()).await.map_err(trouble)
    }

    /// Incidents that go on, and have one of these persons in a role.
    pub async fn open_of(&self, persons: &BTreeSet<String>) -> Result<Vec<Head>, Problem> {
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("SELECT * FROM incident WHERE status NOT IN ('closed', 'merged') AND (0");
        for person in persons {
            query.push(" OR instr(circle, json_quote(").push_bind(person.as_str()).push(")) > 0");
        }
        query.push(") ORDER BY id");
        Ok(query.build().fetch_all(self.pool()).await.map_err(trouble)?.iter().map(head).collect())
    }

    /// Incidents that go on and have nobody in the role of coordinator.
    pub async fn uncoordinated(&self) -> Result<Vec<Head>, Problem> {
        let query = sqlx::query(
            "SELECT * FROM incident WHERE status NOT IN ('closed', 'merged')
             AND coalesce(json_array_length(circle, '$.holders.coordinator'), 0) = 0 ORDER BY id",
        );
        Ok(query.fetch_all(self.pool()).await.map_err(trouble)?.iter().map(head).collect())
    }

    /// Incidents with an entry whose body has this text in it. It looks at every body instead of at what is
    /// derived from them: what follows from the answer cannot be undone.
    pub async fn journals_with(&self, text: &str) -> Result<Vec<String>, Problem> {
        let query = sqlx::query_scalar("SELECT DISTINCT incident FROM entry WHERE instr(body, ?1) > 0");
        query.bind(text).fetch_all(self.pool()).await.map_err(trouble)
    }

    /// Forgets what is derived from entries; the caller makes it anew.
    pub async fn drop_derived(&self, change: &mut Change<'_>) -> Result<(), Problem> {
        for text in [
            "DELETE FROM incident",
            "DELETE FROM touched",
            "DELETE FROM observable",
            "DELETE FROM entry_text",
            "UPDATE entry SET marked = NULL WHERE marked IS NOT NULL",
        ] {
            sqlx::query(text).execute(&mut **change).await.map_err(trouble)?;
        }
        Ok(())
    }
}

/// Entries of an incident after one, as a change sees them.
pub async fn entries_in(change: &mut Change<'_>, incident: &str, seq: u64) -> Result<Vec<EntryRow>, Problem> {
    let query = sqlx::query("SELECT * FROM entry WHERE incident = ?1 AND seq > ?2 ORDER BY seq");
    let rows = query.bind(incident).bind(seq.cast_signed()).fetch_all(&mut **change).await.map_err(trouble)?;
    Ok(rows.iter().map(entry).collect())
}

/// Who has to do with these incidents, as a change sees it.
pub async fn circles_in(change: &mut Change<'_>, ids: &[String]) -> Result<Vec<String>, Problem> {
    let query = sqlx::query_scalar(CIRCLES).bind(serde_json::Value::from(ids).to_string());
    query.fetch_all(&mut **change).await.map_err(trouble)
}

/// An incident by its identity or its number, as a change sees it.
pub async fn named_in(change: &mut Change<'_>, name: &str) -> Result<Option<Head>, Problem> {
    let query = sqlx::query(NAMED).bind(name).bind(whole_number(name));
    let row = query.fetch_optional(&mut **change).await.map_err(trouble)?;
    Ok(row.as_ref().map(head))
}

/// Incidents that are not closed with an entry that names this value as what `kind` says, newest first.
pub async fn open_with(change: &mut Change<'_>, kind: &str, value: &str, limit: u32) -> Result<Vec<Head>, Problem> {
    let query = sqlx::query(
        "SELECT * FROM incident WHERE status <> 'closed' AND id IN (SELECT incident FROM observable WHERE value = ?1
         AND kind = ?2) ORDER BY opened DESC, id DESC LIMIT ?3",
    );
    let rows = query.bind(value).bind(kind).bind(limit).fetch_all(&mut **change).await.map_err(trouble)?;
    Ok(rows.iter().map(head).collect())
}

/// The same with those that are closed and belong with others, which are found by the last value. They come after all
/// that are open, and take the place of none.
pub async fn known_with(
    change: &mut Change<'_>,
    kind: &str,
    value: &str,
    joined: &str,
    limit: u32,
) -> Result<Vec<Head>, Problem> {
    let query = sqlx::query(
        "SELECT * FROM incident WHERE id IN (SELECT incident FROM observable WHERE value = ?1 AND kind = ?2)
         AND (status <> 'closed' OR id IN (SELECT incident FROM observable WHERE value = ?3 AND kind = 'kind'))
         ORDER BY status = 'closed', opened DESC, id DESC LIMIT ?4",
    );
    let rows = query.bind(value).bind(kind).bind(joined).bind(limit).fetch_all(&mut **change).await.map_err(trouble)?;
    Ok(rows.iter().map(head).collect())
}

/// Number of incidents with an entry since a moment that names this value as what `kind` says.
pub async fn count_with(change: &mut Change<'_>, kind: &str, value: &str, since: Time) -> Result<u64, Problem> {
    let query = sqlx::query_scalar(
        "SELECT count(DISTINCT observable.incident) FROM observable JOIN entry ON entry.seq = observable.seq
         WHERE value = ?1 AND kind = ?2 AND entry.time >= ?3",
    );
    let count: i64 = query.bind(value).bind(kind).bind(since.0).fetch_one(&mut **change).await.map_err(trouble)?;
    Ok(count.cast_unsigned())
}

/// Adds to a number that is kept under a name. Gives the new one.
pub async fn count_up(change: &mut Change<'_>, name: &str, more: u64) -> Result<u64, Problem> {
    let query = sqlx::query_scalar(
        "INSERT INTO memory (owner, name, value) VALUES ('incident count', ?1, ?2)
         ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + ?2 RETURNING CAST(value AS INTEGER)",
    );
    let count: i64 = query.bind(name).bind(more.cast_signed()).fetch_one(&mut **change).await.map_err(trouble)?;
    Ok(count.cast_unsigned())
}

/// Keeps an entry. Gives its number: its time, or one more than that of the entry before it, so that numbers do not
/// count what others write.
pub async fn keep_entry(change: &mut Change<'_>, new: &NewEntry<'_>) -> Result<u64, Problem> {
    let query = sqlx::query(
        "INSERT INTO entry (seq, incident, site, sequence, time, tick, header, body)
         VALUES (max(?4, 1 + ifnull((SELECT max(seq) FROM entry), 0)), ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    );
    let query = query.bind(new.incident).bind(new.site).bind(new.sequence.cast_signed());
    let query = query.bind(new.stamp.0.0).bind(i64::from(new.stamp.1)).bind(new.header).bind(new.body);
    let result = query.execute(&mut **change).await.map_err(trouble)?;
    Ok(result.last_insert_rowid().cast_unsigned())
}

/// Keeps how an incident stands.
pub async fn keep_head(change: &mut Change<'_>, head: &Head) -> Result<(), Problem> {
    let query = sqlx::query(
        "INSERT INTO incident (id, number, title, classification, severity, status, opened, changed, changed_at, circle)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET number = excluded.number,
         title = excluded.title, classification = excluded.classification, severity = excluded.severity,
         status = excluded.status, opened = excluded.opened, changed = excluded.changed,
         changed_at = excluded.changed_at, circle = excluded.circle",
    );
    let query = query.bind(&head.id).bind(&head.number).bind(&head.title).bind(&head.classification);
    let query = query.bind(&head.severity).bind(&head.status).bind(head.opened.0).bind(head.changed.cast_signed());
    let query = query.bind(head.changed_at.0).bind(&head.circle);
    query.execute(&mut **change).await.map_err(trouble).map(|_| ())
}

/// Keeps that an entry is the last for some readers of an incident; without words about them for all.
pub async fn touch(
    change: &mut Change<'_>,
    incident: &str,
    sight: &str,
    (seq, time): (u64, Time),
) -> Result<(), Problem> {
    if sight.is_empty() {
        let query = sqlx::query("DELETE FROM touched WHERE incident = ?1").bind(incident);
        query.execute(&mut **change).await.map_err(trouble)?;
    }
    let query = sqlx::query("INSERT OR REPLACE INTO touched (incident, sight, seq, time) VALUES (?1, ?2, ?3, ?4)");
    let query = query.bind(incident).bind(sight).bind(seq.cast_signed()).bind(time.0);
    query.execute(&mut **change).await.map_err(trouble).map(|_| ())
}

/// Keeps the last entries of an incident for all kinds of readers, and no others.
pub async fn touch_anew(
    change: &mut Change<'_>,
    incident: &str,
    all: &BTreeMap<String, (u64, Time)>,
) -> Result<(), Problem> {
    let query = sqlx::query("DELETE FROM touched WHERE incident = ?1").bind(incident);
    query.execute(&mut **change).await.map_err(trouble)?;
    // What is for everybody first, since it takes the place of the others.
    for (sight, last) in all {
        touch(change, incident, sight, *last).await?;
    }
    Ok(())
}

/// Makes entries findable: of each, where it stands, its incident, and what it is found by. With one statement for all
/// texts and one for all values, as a site makes hundreds of thousands findable anew.
pub async fn keep_findable(change: &mut Change<'_>, entries: &[(u64, &str, Findable)]) -> Result<(), Problem> {
    let texts = entries.iter().filter(|(_, _, found)| !found.text.is_empty());
    let texts: Vec<Value> = texts.map(|(seq, _, found)| json!([seq, script::spaced(&found.text)])).collect();
    let values = |(seq, incident, found): &(u64, &str, Findable)| -> Vec<Value> {
        found.observables.iter().map(|(kind, value)| json!([value, kind, seq, incident])).collect()
    };
    let values: Vec<Value> = entries.iter().flat_map(values).collect();
    for (text, rows) in [
        ("INSERT INTO entry_text (rowid, text) SELECT value ->> 0, value ->> 1 FROM json_each(?1)", texts),
        (
            "INSERT OR IGNORE INTO observable (value, kind, seq, incident)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)",
            values,
        ),
    ] {
        if !rows.is_empty() {
            let query = sqlx::query(text).bind(Value::from(rows).to_string());
            query.execute(&mut **change).await.map_err(trouble)?;
        }
    }
    Ok(())
}

/// Erases the body of an entry, and whatever was derived from it. `false` where there is no such body.
pub async fn erase_body(change: &mut Change<'_>, incident: &str, site: &str, sequence: u64) -> Result<bool, Problem> {
    let query = sqlx::query_scalar(
        "UPDATE entry SET body = NULL, marked = NULL WHERE incident = ?1 AND site = ?2 AND sequence = ?3 AND body IS NOT NULL RETURNING seq",
    );
    let query = query.bind(incident).bind(site).bind(sequence.cast_signed());
    let seq: Option<i64> = query.fetch_optional(&mut **change).await.map_err(trouble)?;
    let Some(seq) = seq else { return Ok(false) };
    for text in ["DELETE FROM entry_text WHERE rowid = ?1", "DELETE FROM observable WHERE seq = ?1"] {
        sqlx::query(text).bind(seq).execute(&mut **change).await.map_err(trouble)?;
    }
    // Until its parts are put together the index holds the words, and only says that they count no more.
    let optimize = "INSERT INTO entry_text (entry_text) VALUES ('optimize')";
    sqlx::query(optimize).execute(&mut **change).await.map_err(trouble)?;
    Ok(true)
}

/// Keeps how an entry is marked by now.
pub async fn mark_entry(
    change: &mut Change<'_>,
    incident: &str,
    (site, sequence): (&str, u64),
    marked: &str,
) -> Result<(), Problem> {
    let query = sqlx::query("UPDATE entry SET marked = ?4 WHERE incident = ?1 AND site = ?2 AND sequence = ?3");
    let query = query.bind(incident).bind(site).bind(sequence.cast_signed()).bind(marked);
    query.execute(&mut **change).await.map(drop).map_err(trouble)
}

/// The next number of incidents of a year, from 1.
pub async fn next_incident(change: &mut Change<'_>, year: &str) -> Result<u64, Problem> {
    let query = sqlx::query_scalar(
        "INSERT INTO memory (owner, name, value) VALUES ('incident number', ?1, '1')
         ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING CAST(value AS INTEGER)",
    );
    let number: i64 = query.bind(year).fetch_one(&mut **change).await.map_err(trouble)?;
    Ok(number.cast_unsigned())
}

/// What was answered to a person's request with this key: the digest of the request, and the answer.
pub async fn answered(change: &mut Change<'_>, person: &str, key: &str) -> Result<Option<(Vec<u8>, String)>, Problem> {
    let query = sqlx::query("SELECT digest, answer FROM answered WHERE person = ?1 AND key = ?2");
    let row = query.bind(person).bind(key).fetch_optional(&mut **change).await.map_err(trouble)?;
    Ok(row.map(|row| (row.try_get("digest").unwrap_or_default(), row.try_get("answer").unwrap_or_default())))
}

/// Keeps an answer, and forgets those older than a moment.
pub async fn keep_answer(
    change: &mut Change<'_>,
    (person, key): (&str, &str),
    digest: &[u8],
    answer: &str,
    (now, oldest): (Time, Time),
) -> Result<(), Problem> {
    sqlx::query("DELETE FROM answered WHERE at < ?1").bind(oldest.0).execute(&mut **change).await.map_err(trouble)?;
    let query = sqlx::query("INSERT INTO answered (person, key, digest, at, answer) VALUES (?1, ?2, ?3, ?4, ?5)");
    let query = query.bind(person).bind(key).bind(digest).bind(now.0).bind(answer);
    query.execute(&mut **change).await.map_err(trouble).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_looked_for_whatever_they_hold() {
        let check = |words: &str, want: &str| assert_eq!(query_of(words), want, "{words:?}");
        check(" one  two ", "\"one\" \"two\"*");
        check("a\"b", "\"a\"\"b\"*");
        check("a\0b", "\"a\" \"b\"*");
        check("\0", "");
        check("攻撃 evil", "\"攻 撃\" \"evil\"*");
    }
}
