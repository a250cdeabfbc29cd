//! Failed logins by name: after a few, nobody comes in under it for a while, which doubles.
//!
//! An attempt is counted as a failure before the password is looked at, and taken back when it was none,
//! so that attempts at the same moment cannot all slip in before the first is counted. Names are
//! counted whether there is such a user or not; they are kept as hashes because people type passwords
//! into the wrong field.

use concert_model::{Problem, Time};
use sqlx::Row;

use super::{Change, Records, trouble};

/// From this many failures on there is a wait.
const FAILURES_FREE: i64 = 5;
/// The first wait; each later one is twice as long.
const WAIT_SECONDS_MIN: i64 = 30;
/// The longest wait.
const WAIT_SECONDS_MAX: i64 = 3600;
/// Failures are forgotten when there was none for so long.
const KEPT_SECONDS: i64 = 86_400;
/// Most names that failures are kept of. Those that wait are the last to go.
const NAMES_MAX: i64 = 10_000;

/// What an attempt to log in under a name met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may go on, and was counted.
    Counted(Counted),
    /// Nobody comes in under this name before.
    Locked(Time),
}

/// An attempt that was counted, and how it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    failures: i64,
    until: i64,
    failures_before: i64,
    until_before: i64,
}

/// How long is waited after so many failures.
fn wait_seconds(failures: i64) -> i64 {
    if failures < FAILURES_FREE {
        return 0;
    }
    let doubled = u32::try_from(failures - FAILURES_FREE).ok().and_then(|times| 1_i64.checked_shl(times.min(32)));
    doubled.map_or(WAIT_SECONDS_MAX, |times| (WAIT_SECONDS_MIN * times).min(WAIT_SECONDS_MAX))
}

/// Forgets the failures under a name, as part of a change that lets its user in again.
pub async fn forget_failures_in(change: &mut Change<'_>, name: &[u8; 16]) -> Result<(), Problem> {
    let query = sqlx::query("DELETE FROM lockout WHERE name = ?1").bind(name.as_slice());
    query.execute(&mut **change).await.map_err(trouble).map(|_| ())
}

impl Records {
    /// Counts an attempt under a name, unless it is locked.
    pub async fn count_attempt(&self, name: &[u8; 16], now: Time) -> Result<Attempt, Problem> {
        let mut change = self.change().await?;
        let query = sqlx::query("DELETE FROM lockout WHERE last < ?1").bind(now.plus_seconds(-KEPT_SECONDS).0);
        query.execute(&mut *change).await.map_err(trouble)?;
        let row = sqlx::query("SELECT failures, until FROM lockout WHERE name = ?1")
            .bind(name.as_slice())
            .fetch_optional(&mut *change)
            .await
            .map_err(trouble)?;
        let is_new = row.is_none();
        let number = |column: &str| row.as_ref().and_then(|row| row.try_get::<i64, _>(column).ok()).unwrap_or(0);
        let (failures_before, until_before) = (number("failures"), number("until"));
        if until_before > now.0 {
            return Ok(Attempt::Locked(Time(until_before)));
        }
        let failures = failures_before + 1;
        let until = match wait_seconds(failures) {
            0 => 0,
            seconds => now.plus_seconds(seconds).0,
        };
        if is_new {
            make_room(&mut change).await?;
        }
        sqlx::query("INSERT OR REPLACE INTO lockout (name, failures, last, until) VALUES (?1, ?2, ?3, ?4)")
            .bind(name.as_slice())
            .bind(failures)
            .bind(now.0)
            .bind(until)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        self.commit(change).await?;
        Ok(Attempt::Counted(Counted { failures, until, failures_before, until_before }))
    }

    /// Takes an attempt back that was no failure and no success either. Failures before it stay counted.
    pub async fn take_back_attempt(&self, name: &[u8; 16], counted: Counted) -> Result<(), Problem> {
        // Where others were counted meanwhile, their wait stays.
        sqlx::query(
            "UPDATE lockout SET until = CASE WHEN failures = ?2 AND until = ?3 THEN ?5 ELSE until END,
             failures = CASE WHEN failures = ?2 THEN ?4 ELSE failures - 1 END WHERE name = ?1",
        )
        .bind(name.as_slice())
        .bind(counted.failures)
        .bind(counted.until)
        .bind(counted.failures_before)
        .bind(counted.until_before)
        .execute(self.changes())
        .await
        .map_err(trouble)?;
        Ok(())
    }

    /// Until when nobody comes in under a name; nothing when it is not locked.
    pub async fn locked_until(&self, name: &[u8; 16], now: Time) -> Result<Option<Time>, Problem> {
        let query = sqlx::query_scalar("SELECT until FROM lockout WHERE name = ?1 AND until > ?2");
        let found: Option<i64> =
            query.bind(name.as_slice()).bind(now.0).fetch_optional(self.pool()).await.map_err(trouble)?;
        Ok(found.map(Time))
    }

    /// How many failures in a row are counted under a name.
    pub async fn failures(&self, name: &[u8; 16]) -> Result<i64, Problem> {
        let query = sqlx::query_scalar("SELECT failures FROM lockout WHERE name = ?1").bind(name.as_slice());
        Ok(query.fetch_optional(self.pool()).await.map_err(trouble)?.unwrap_or(0))
    }
}

async fn make_room(change: &mut Change<'_>) -> Result<(), Problem> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM lockout").fetch_one(&mut **change).await.map_err(trouble)?;
    if count >= NAMES_MAX {
        sqlx::query("DELETE FROM lockout WHERE name IN (SELECT name FROM lockout ORDER BY until, last LIMIT ?1)")
            .bind(count + 1 - NAMES_MAX)
            .execute(&mut **change)
            .await
            .map_err(trouble)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_from_half_a_minute_to_an_hour() {
        let waits: Vec<i64> = (0..14).map(wait_seconds).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(wait_seconds(i64::MAX), 3600);
    }

    #[tokio::test]
    async fn attempts_are_counted_taken_back_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let (name, at) = ([1; 16], |seconds| Time(0).plus_seconds(seconds));
        let counted = |attempt| match attempt {
            Attempt::Counted(counted) => counted,
            Attempt::Locked(until) => panic!("locked until {until}"),
        };
        for _ in 0..4 {
            counted(records.count_attempt(&name, at(0)).await.unwrap());
        }
        let fifth = counted(records.count_attempt(&name, at(0)).await.unwrap());
        assert_eq!(records.count_attempt(&name, at(29)).await.unwrap(), Attempt::Locked(at(30)));
        records.take_back_attempt(&name, fifth).await.unwrap();
        assert_eq!(records.failures(&name).await.unwrap(), 4);
        counted(records.count_attempt(&name, at(1)).await.unwrap());
        assert_eq!(records.count_attempt(&name, at(30)).await.unwrap(), Attempt::Locked(at(31)));
        counted(records.count_attempt(&name, at(31)).await.unwrap());
        assert_eq!(records.count_attempt(&name, at(90)).await.unwrap(), Attempt::Locked(at(91)));
        // What another counted meanwhile is not taken back with it.
        let other = [2; 16];
        let first = counted(records.count_attempt(&other, at(0)).await.unwrap());
        counted(records.count_attempt(&other, at(0)).await.unwrap());
        records.take_back_attempt(&other, first).await.unwrap();
        assert_eq!(records.failures(&other).await.unwrap(), 1);
        // A name that waits outlasts a flood of names that do not.
        sqlx::raw_sql(
            "INSERT INTO lockout WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
             SELECT randomblob(16), 1, 1000000 * 91, 0 FROM n",
        )
        .execute(records.pool())
        .await
        .unwrap();
        counted(records.count_attempt(&[3; 16], at(92)).await.unwrap());
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM lockout").fetch_one(records.pool()).await.unwrap();
        assert_eq!((count, records.failures(&name).await.unwrap()), (NAMES_MAX, 6));
        counted(records.count_attempt(&name, at(2 * KEPT_SECONDS)).await.unwrap());
        assert_eq!(records.failures(&name).await.unwrap(), 1, "a day later it begins anew");
    }
}
