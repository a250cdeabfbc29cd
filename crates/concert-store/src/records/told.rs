//! When problems were told and last seen, for each kind of notice.
//!
//! A daily report names most of its problems again, hundreds of thousands at once. So they are kept in
//! parcels of problems whose hashes begin alike: a large report reads and writes each parcel once, a
//! small one touches few.
//!
//! Beside them stands, in the same form, what was told on trial: it does not count, so it is owed. There `told` is how far
//! a problem was told in earnest, and `seen` how far on trial.

use std::collections::BTreeMap;

use concert_model::{Problem, ProblemKey, Time};
use sqlx::{AssertSqlSafe, Row};

use super::{Change, Records, trouble};

/// Bytes of one entry: eight of the problem's hash, and twice a second since 1970.
const ENTRY_BYTES: usize = 16;
/// Beyond so many parcels all are read at once.
const PARCELS_ONE_BY_ONE: usize = 64;
/// Parcels written by one statement.
const PARCELS_AT_ONCE: usize = 64;

/// What was told, and what was on trial only.
const TOLD: &str = "told";
const ON_TRIAL: &str = "told_on_trial";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u64,
    told: u32,
    seen: u32,
}

#[derive(Debug, Default)]
struct Parcel {
    /// What is stored, by hash.
    entries: Vec<Entry>,
    changes: BTreeMap<u64, Entry>,
}

/// What is known of some problems of a kind of notice, and what changes of it.
#[derive(Debug)]
pub struct Told {
    table: &'static str,
    name: String,
    parcels: BTreeMap<u16, Parcel>,
    /// Problems last seen before are forgotten.
    keep_from: u32,
}

impl Records {
    /// When these problems were told by a kind of notice. What was last seen before `keep_from` is
    /// forgotten as soon as something beside it changes.
    pub async fn told(
        &self,
        name: &str,
        problems: impl Iterator<Item = ProblemKey>,
        keep_from: Time,
    ) -> Result<Told, Problem> {
        self.told_in(TOLD, name, problems, keep_from).await
    }

    /// How far these problems were told on trial by a kind of notice.
    pub async fn told_on_trial(
        &self,
        name: &str,
        problems: impl Iterator<Item = ProblemKey>,
        keep_from: Time,
    ) -> Result<Told, Problem> {
        self.told_in(ON_TRIAL, name, problems, keep_from).await
    }

    /// Whether a kind of notice, or any, told something on trial that is not forgotten yet. Mostly none has.
    pub async fn was_on_trial(&self, name: Option<&str>) -> Result<bool, Problem> {
        let sql = "SELECT EXISTS (SELECT 1 FROM told_on_trial WHERE ?1 IS NULL OR name = ?1)";
        sqlx::query_scalar(sql).bind(name).fetch_one(self.pool()).await.map_err(trouble)
    }

    /// Writes down what was told.
    pub async fn keep_told(&self, told: &Told) -> Result<(), Problem> {
        let mut change = self.change().await?;
        told.write(&mut change).await?;
        self.commit(change).await
    }

    async fn told_in(
        &self,
        table: &'static str,
        name: &str,
        problems: impl Iterator<Item = ProblemKey>,
        keep_from: Time,
    ) -> Result<Told, Problem> {
        let mut told = Told { table, name: name.to_owned(), keep_from: second(keep_from), parcels: BTreeMap::new() };
        for problem in problems {
            told.parcels.entry(number(hash(problem))).or_default();
        }
        if told.parcels.len() > PARCELS_ONE_BY_ONE {
            let sql = format!("SELECT parcel, entries FROM {table} WHERE name = ?1");
            let rows = sqlx::query(AssertSqlSafe(sql)).bind(name);
            for row in rows.fetch_all(self.pool()).await.map_err(trouble)? {
                let parcel: String = row.try_get("parcel").unwrap_or_default();
                let number = u16::from_str_radix(&parcel, 16).unwrap_or(u16::MAX);
                if let Some(parcel) = told.parcels.get_mut(&number) {
                    parcel.entries = read(&row.try_get::<Vec<u8>, _>("entries").unwrap_or_default());
                }
            }
            return Ok(told);
        }
        let sql = format!("SELECT entries FROM {table} WHERE name = ?1 AND parcel = ?2");
        for (number, parcel) in &mut told.parcels {
            let entries: Option<Vec<u8>> = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
                .bind(name)
                .bind(format!("{number:03x}"))
                .fetch_optional(self.pool())
                .await
                .map_err(trouble)?;
            parcel.entries = read(&entries.unwrap_or_default());
        }
        Ok(told)
    }
}

/// Forgets in a change problems that were last seen before a moment, of every kind of notice.
pub(crate) async fn forget_told(change: &mut Change<'_>, before: Time) -> Result<(), Problem> {
    forget_in(change, TOLD, before).await?;
    forget_in(change, ON_TRIAL, before).await
}

async fn forget_in(change: &mut Change<'_>, table: &'static str, before: Time) -> Result<(), Problem> {
    let sql = |sql: &str| AssertSqlSafe(sql.replace("TABLE", table));
    let parcels: Vec<(String, String)> =
        sqlx::query_as(sql("SELECT name, parcel FROM TABLE")).fetch_all(&mut **change).await.map_err(trouble)?;
    for (name, parcel) in parcels {
        let bytes: Vec<u8> = sqlx::query_scalar(sql("SELECT entries FROM TABLE WHERE name = ?1 AND parcel = ?2"))
            .bind(&name)
            .bind(&parcel)
            .fetch_one(&mut **change)
            .await
            .map_err(trouble)?;
        let kept = Parcel { entries: read(&bytes), changes: BTreeMap::new() }.merged(second(before));
        if kept.len() == bytes.len() {
            continue;
        }
        let query = match kept.is_empty() {
            true => sqlx::query(sql("DELETE FROM TABLE WHERE name = ?1 AND parcel = ?2")),
            false => sqlx::query(sql("UPDATE TABLE SET entries = ?3 WHERE name = ?1 AND parcel = ?2")),
        };
        let query = query.bind(name).bind(parcel);
        let query = if kept.is_empty() { query } else { query.bind(kept) };
        query.execute(&mut **change).await.map_err(trouble)?;
    }
    Ok(())
}

impl Told {
    /// When a problem was last told, and when it was last seen, as it is with what was noted here; in whole seconds.
    pub fn get(&self, problem: ProblemKey) -> Option<(Time, Time)> {
        let hash = hash(problem);
        let Parcel { entries, changes } = self.parcels.get(&number(hash))?;
        let kept = || entries.get(entries.binary_search_by_key(&hash, |entry| entry.hash).ok()?);
        let entry = changes.get(&hash).or_else(kept)?;
        Some((Time::from_seconds(i64::from(entry.told))?, Time::from_seconds(i64::from(entry.seen))?))
    }

    /// Notes when a problem was last told and seen. Earlier moments than those known change nothing.
    pub fn set(&mut self, problem: ProblemKey, told: Time, seen: Time) {
        let hash = hash(problem);
        let new = Entry { hash, told: second(told), seen: second(seen) };
        let changes = &mut self.parcels.entry(number(hash)).or_default().changes;
        let entry = changes.entry(hash).or_insert(new);
        (entry.told, entry.seen) = (entry.told.max(new.told), entry.seen.max(new.seen));
    }

    /// Of what was told on trial: whether a problem that was last told then, as far as anybody knew, is owed to its party.
    pub fn is_owed(&self, problem: ProblemKey, last_told: Time) -> bool {
        let Some((in_earnest, on_trial)) = self.get(problem) else { return false };
        in_earnest < on_trial && last_told.seconds() <= on_trial.seconds()
    }

    /// Of what was told on trial: whether its party had never heard of a problem when an event came that was seen before
    /// at `previous`.
    pub fn is_unheard(&self, problem: ProblemKey, previous: Time) -> bool {
        let Some((in_earnest, on_trial)) = self.get(problem) else { return false };
        in_earnest.seconds() == 0 && previous.seconds() <= on_trial.seconds()
    }

    /// Writes what changed.
    pub(crate) async fn write(&self, change: &mut Change<'_>) -> Result<(), Problem> {
        let mut changed: Vec<(u16, Vec<u8>)> = Vec::new();
        for (number, parcel) in self.parcels.iter().filter(|(_, parcel)| !parcel.changes.is_empty()) {
            // What was told is written by one, what was on trial by each way out.
            if self.table == ON_TRIAL {
                let sql = "SELECT entries FROM told_on_trial WHERE name = ?1 AND parcel = ?2";
                let query = sqlx::query_scalar(sql).bind(&self.name).bind(format!("{number:03x}"));
                let stored: Option<Vec<u8>> = query.fetch_optional(&mut **change).await.map_err(trouble)?;
                let entries = read(&stored.unwrap_or_default());
                let now = Parcel { entries, changes: parcel.changes.clone() };
                changed.push((*number, now.merged(self.keep_from)));
            } else {
                changed.push((*number, parcel.merged(self.keep_from)));
            }
        }
        for some in changed.chunks(PARCELS_AT_ONCE) {
            let mut query = sqlx::QueryBuilder::new(format!("INSERT INTO {} (name, parcel, entries) ", self.table));
            query.push_values(some, |mut row, (number, entries)| {
                row.push_bind(&self.name).push_bind(format!("{number:03x}")).push_bind(entries.as_slice());
            });
            query.push(" ON CONFLICT DO UPDATE SET entries = excluded.entries");
            query.build().execute(&mut **change).await.map_err(trouble)?;
        }
        Ok(())
    }
}

impl Parcel {
    fn merged(&self, keep_from: u32) -> Vec<u8> {
        let mut all: Vec<Entry> = self.entries.iter().chain(self.changes.values()).copied().collect();
        all.sort_unstable();
        all.dedup_by(|next, kept| {
            let is_same = next.hash == kept.hash;
            if is_same {
                (kept.told, kept.seen) = (kept.told.max(next.told), kept.seen.max(next.seen));
            }
            is_same
        });
        let mut bytes = Vec::with_capacity(all.len() * ENTRY_BYTES);
        for entry in all.iter().filter(|entry| entry.seen >= keep_from) {
            bytes.extend_from_slice(&entry.hash.to_be_bytes());
            bytes.extend_from_slice(&entry.told.to_be_bytes());
            bytes.extend_from_slice(&entry.seen.to_be_bytes());
        }
        bytes
    }
}

fn read(bytes: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(entry).collect();
    // Written in order; a parcel that is not would be searched in vain.
    if !entries.is_sorted() {
        entries.sort_unstable();
    }
    entries
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let [a, b, c, d, e, f, g, h, told @ .., i, j, k, l] = *bytes;
    Entry {
        hash: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        told: u32::from_be_bytes(told),
        seen: u32::from_be_bytes([i, j, k, l]),
    }
}

fn hash(problem: ProblemKey) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = problem.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The parcel of a problem: the first twelve bits of its hash.
fn number(hash: u64) -> u16 {
    u16::try_from(hash >> 52).unwrap_or(u16::MAX)
}

fn second(time: Time) -> u32 {
    u32::try_from(time.seconds().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_seconds(1_800_000_000 + seconds).unwrap()
    }

    async fn known(records: &Records, problems: &[ProblemKey], keep_from: Time) -> Told {
        records.told("n", problems.iter().copied(), keep_from).await.unwrap()
    }

    #[tokio::test]
    async fn problems_are_known_again_whether_few_or_many_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("r.sqlite")).await.unwrap();
        let problems: Vec<ProblemKey> = (0..5_000u32).map(|n| ProblemKey::of(&n.to_le_bytes())).collect();
        let mut told = known(&records, &problems, at(0)).await;
        for (problem, n) in problems.iter().zip(0..) {
            assert_eq!(told.get(*problem), None);
            told.set(*problem, at(n), at(n + 1));
            told.set(*problem, at(n - 1), at(n + 2));
        }
        let mut change = records.change().await.unwrap();
        told.write(&mut change).await.unwrap();
        records.commit(change).await.unwrap();
        for some in [&problems[..], &problems[7..9]] {
            let told = known(&records, some, at(0)).await;
            for problem in some {
                let n = problems.iter().position(|other| other == problem).unwrap() as i64;
                assert_eq!(told.get(*problem), Some((at(n), at(n + 2))));
            }
            assert_eq!(told.get(ProblemKey::of(b"another")), None);
        }
        let other = records.told("other", problems.iter().copied(), at(0)).await.unwrap();
        assert_eq!(other.get(problems[0]), None, "each kind of notice has its own");
    }

    #[tokio::test]
    async fn what_was_told_on_trial_is_owed_until_it_is_told_in_earnest() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("r.sqlite")).await.unwrap();
        let (problem, beside) = (ProblemKey([1; 16]), ProblemKey([1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]));
        let on_trial = async || records.told_on_trial("n", [problem, beside].into_iter(), at(0)).await.unwrap();
        let check = async |last_told, want| {
            let told = on_trial().await;
            assert_eq!((told.is_owed(problem, at(last_told)), told.is_unheard(problem, at(last_told))), want);
        };
        assert!(!records.was_on_trial(None).await.unwrap());
        check(10, (false, false)).await;
        let (mut one, mut other) = (on_trial().await, on_trial().await);
        one.set(problem, Time(0), at(10));
        records.keep_told(&one).await.unwrap();
        other.set(beside, Time(0), at(10));
        records.keep_told(&other).await.unwrap();
        assert!(records.was_on_trial(None).await.unwrap() && records.was_on_trial(Some("n")).await.unwrap());
        assert!(!records.was_on_trial(Some("other")).await.unwrap());
        check(10, (true, true)).await;
        check(11, (false, false)).await;
        let mut sent_again = on_trial().await;
        sent_again.set(problem, at(10), Time(0));
        records.keep_told(&sent_again).await.unwrap();
        check(10, (false, false)).await;
        let mut change = records.change().await.unwrap();
        forget_told(&mut change, at(11)).await.unwrap();
        records.commit(change).await.unwrap();
        assert!(!records.was_on_trial(None).await.unwrap());
    }

    #[tokio::test]
    async fn what_was_not_seen_for_long_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("r.sqlite")).await.unwrap();
        let (old, new) = (ProblemKey([1; 16]), ProblemKey([1, 1, 1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]));
        for (problem, seconds) in [(old, 0), (new, 100)] {
            let mut told = known(&records, &[problem], at(seconds - 50)).await;
            told.set(problem, at(seconds), at(seconds));
            let mut change = records.change().await.unwrap();
            told.write(&mut change).await.unwrap();
            records.commit(change).await.unwrap();
        }
        let told = known(&records, &[old, new], at(0)).await;
        assert_eq!((told.get(old), told.get(new)), (None, Some((at(100), at(100)))));
        for (before, want) in [(at(100), Some((at(100), at(100)))), (at(101), None)] {
            let mut change = records.change().await.unwrap();
            forget_told(&mut change, before).await.unwrap();
            records.commit(change).await.unwrap();
            assert_eq!(known(&records, &[new], at(0)).await.get(new), want);
        }
    }
}
