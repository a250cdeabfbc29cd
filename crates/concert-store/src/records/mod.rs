//! Everything relational, in one SQLite file that several processes may read and write.

mod approval;
mod audit;
mod credentials;
mod feeds;
mod health;
pub mod incidents;
mod learned;
mod lockouts;
mod mails;
mod merging;
pub mod messages;
mod notices;
mod outcomes;
mod parties;
mod receivers;
mod refused;
pub mod reminders;
mod reports;
mod sessions;
mod telling;
mod tokens;
mod told;
mod users;

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use concert_model::Problem;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Sqlite, SqlitePool, Transaction};

pub use approval::{Gate, RECEIPT, WAITS_FOR_APPROVAL, approve_notice_in, reject_notice_in, resend_notice_in};
pub use audit::{Act, AuditFilter, Audited, By, append_audit};
pub use credentials::{Credentials, Factor, NewFactor, NewPassword, reset_user_in};
pub use feeds::{FeedCounts, FeedHealth, Hour, lacking_in, remember_in};
pub use health::{Health, Proof};
pub use lockouts::{Attempt, Counted, forget_failures_in};
pub use mails::{Again, Effect, MailCount, MailFilter, MailRow, Settled, hold_complaint, settle};
pub use notices::{Notice, NoticeFilter, ON_TRIAL, ON_TRIAL_TO, Way, is_on_trial, requeue_notice_in};
pub use outcomes::TOLD_NOBODY;
pub use parties::{Parties, import_parties_in};
pub use receivers::Receiver;
pub use refused::Refused;
pub use reports::{Counts, ReportRow, Waiting};
pub use sessions::{AGE_SECONDS_MAX as SESSION_SECONDS_MAX, Session};
pub use telling::{Home, NewNotice, drop_notice_in, insert_words};
pub use tokens::{NewToken, add_token_in, revoke_token_in};
pub use told::Told;
pub use users::{UserChange, add_user_in, administrators_in, change_user_in, disable_user_in, find_user};

pub(crate) use feeds::count_hour;
pub(crate) use reports::{insert_report, settle_report};
pub(crate) use telling::{insert_notices, move_cursor, tell_early};
pub(crate) use told::forget_told;

/// Each entry brings the file from the version of its index to the next. Never edited once released.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001.sql"),
    include_str!("../../migrations/0002.sql"),
    include_str!("../../migrations/0003.sql"),
    include_str!("../../migrations/0004.sql"),
    include_str!("../../migrations/0005.sql"),
    include_str!("../../migrations/0006.sql"),
    include_str!("../../migrations/0007.sql"),
    include_str!("../../migrations/0008.sql"),
    include_str!("../../migrations/0009.sql"),
    include_str!("../../migrations/0010.sql"),
    include_str!("../../migrations/0011.sql"),
    include_str!("../../migrations/0012.sql"),
    include_str!("../../migrations/0013.sql"),
    include_str!("../../migrations/0014.sql"),
    include_str!("../../migrations/0015.sql"),
    include_str!("../../migrations/0016.sql"),
    include_str!("../../migrations/0017.sql"),
    include_str!("../../migrations/0018.sql"),
    include_str!("../../migrations/0019.sql"),
    include_str!("../../migrations/0020.sql"),
    include_str!("../../migrations/0021.sql"),
    include_str!("../../migrations/0022.sql"),
    include_str!("../../migrations/0023.sql"),
    include_str!("../../migrations/0024.sql"),
    include_str!("../../migrations/0025.sql"),
    include_str!("../../migrations/0026.sql"),
    include_str!("../../migrations/0027.sql"),
    include_str!("../../migrations/0028.sql"),
    include_str!("../../migrations/0029.sql"),
    include_str!("../../migrations/0030.sql"),
];
/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long another process that works on records of an earlier form is waited for.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long emptying the write-ahead log waits for those who read, and with it whoever changes something.
const EMPTYING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a question or a change waits for others of this process.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(90);

/// Connections for whatever else is read.
const READERS: u32 = 6;
/// A connection is opened within this time, or all are in use.
const OPENING_MAX: Duration = Duration::from_millis(200);

/// Connections for short questions.
const QUICK: u32 = 2;

/// Wait before the file is opened again that another process has just made.
const LOCKED_WAIT: Duration = Duration::from_millis(20);

/// A write transaction.
pub type Change<'a> = Transaction<'a, Sqlite>;

/// A part of a change that can be given up without the rest: what is not committed is undone.
pub async fn part<'c>(change: &'c mut Change<'_>) -> Result<Change<'c>, Problem> {
    sqlx::Acquire::begin(&mut **change).await.map_err(trouble)
}

/// Keeps a part of a change, if the rest is kept.
pub async fn keep_part(part: Change<'_>) -> Result<(), Problem> {
    part.commit().await.map_err(trouble)
}

/// The records of a site.
#[derive(Clone, Debug)]
pub struct Records {
    pool: SqlitePool,
    /// For short questions that come before every request and every change: they do not wait until one of those who
    /// read much is done.
    quick: SqlitePool,
    /// The one connection that changes are made on, so that a change waits for the one before it and for no
    /// reader. Two connections that both want to write would find out by trying again and again.
    changes: SqlitePool,
    path: PathBuf,
}

fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("locked"))
}

/// What to do while another process holds the records.
const LOCKED: &str = "another process holds the records; try again";

/// What to do while others of this process hold them.
const WAITED: &str = "much is being written; try again";

/// A failure of the database as a problem for a person.
pub(crate) fn trouble(error: sqlx::Error) -> Problem {
    let hint = match error.to_string() {
        text if text.contains("disk is full") || text.contains("disk I/O") => {
            "free space on the disk of the site's data folder"
        }
        text if text.contains("malformed") || text.contains("not a database") => {
            "`data/records.sqlite` is damaged: `concert verify` says where; `concert restore` makes a site from a backup"
        }
        text if text.contains("locked") => LOCKED,
        _ if matches!(error, sqlx::Error::PoolTimedOut) => WAITED,
        _ => "",
    };
    Problem::new(format!("the records cannot be used: {error}")).hint(hint)
}

/// Whether others held the records for so long that this was given up: what was asked for can be asked for again.
pub fn is_busy(problem: &Problem) -> bool {
    [LOCKED, WAITED].contains(&problem.hint.as_str())
}

/// Makes an empty file that its owner alone reads; SQLite takes it, and gives the files beside it the same
/// mode. Where that fails SQLite tells why in a moment.
fn make_private(path: &Path) {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok();
}

async fn write_copy(from: &SqlitePool, path: &Path) -> Result<(), Problem> {
    std::fs::remove_file(path).ok();
    make_private(path);
    let query = sqlx::query("VACUUM INTO ?1").bind(path.display().to_string());
    query.execute(from).await.map_err(trouble).map(|_| ())
}

impl Records {
    /// Opens the records, making them or bringing them up to date as needed. Before an update the file
    /// is copied beside itself. A file written by a newer Concert is refused.
    pub async fn open(path: &Path) -> Result<Self, Problem> {
        let existed = path.exists();
        if !existed {
            make_private(path);
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "memory")
            // What was erased or forgotten is gone from the file too.
            .pragma("secure_delete", "on")
            .statement_cache_capacity(128)
            // Statements say nothing to whoever runs a site, and slow ones would be told as warnings.
            .disable_statement_logging();
        let begun = Instant::now();
        let pool = loop {
            let pool = SqlitePoolOptions::new()
                .max_connections(READERS)
                .acquire_timeout(CHANGE_TIMEOUT)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None);
            match pool.connect_with(options.clone()).await {
                // Two that turn on the write-ahead log of a new file get in each other's way, and SQLite
                // does not let either of them wait.
                Err(error) if is_locked(&error) && begun.elapsed() < BUSY_TIMEOUT => {
                    tokio::time::sleep(LOCKED_WAIT).await;
                }
                opened => break opened.map_err(trouble)?,
            }
        };
        // Opened here and kept: the thread of a connection has the priority of whoever opens it, which may be one that
        // gives way to all others.
        let kept = |count| {
            SqlitePoolOptions::new()
                .min_connections(count)
                .max_connections(count)
                .acquire_timeout(CHANGE_TIMEOUT)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_with(options.clone())
        };
        let (quick, changes) = (kept(QUICK).await.map_err(trouble)?, kept(1).await.map_err(trouble)?);
        let records = Self { pool, quick, changes, path: path.to_owned() };
        records.migrate(existed).await?;
        Ok(records)
    }

    /// The format of the file. Asked, like all else before the update, where changes are made: a connection that knows
    /// tables as they were would read rows as they were.
    async fn version(&self) -> Result<usize, Problem> {
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&self.changes).await.map_err(trouble)?;
        Ok(usize::try_from(version).unwrap_or(usize::MAX))
    }

    /// Waits until no other process works on the site, which must not meet what it does not know, nor change the same at
    /// the same time; or until another one has brought the records up to date.
    async fn alone(&self) -> Result<Option<File>, Problem> {
        let path = self.path.with_file_name("lock");
        let failed =
            |error: std::io::Error| Problem::new(format!("cannot be used: {error}")).at(path.display().to_string());
        let lock = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(lock)),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if self.version().await? >= MIGRATIONS.len() => return Ok(None),
                Err(TryLockError::WouldBlock) if begun.elapsed() > UPDATE_TIMEOUT => {
                    let what = "the records are of an earlier Concert, and another process works on them";
                    let hint = "stop that one, then start this one; or wait, where it brings them up to date";
                    return Err(Problem::new(what).at(self.path.display().to_string()).hint(hint));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCKED_WAIT).await,
            }
        }
    }

    async fn migrate(&self, existed: bool) -> Result<(), Problem> {
        let is_old = |version: usize| version < MIGRATIONS.len() && existed && version > 0;
        let mut version = self.version().await?;
        let _alone = if is_old(version) { self.alone().await? } else { None };
        version = self.version().await?;
        if version > MIGRATIONS.len() {
            return Err(Problem::new(format!(
                "these records were written by a newer Concert (format {version}, this one knows {})",
                MIGRATIONS.len()
            ))
            .at(self.path.display().to_string())
            .hint("start the newer version, or restore a backup made by this one"));
        }
        if is_old(version) {
            let copy = self.path.with_extension(format!("before-{}.sqlite", MIGRATIONS.len()));
            write_copy(&self.changes, &copy).await?;
        }
        for (from, text) in MIGRATIONS.iter().enumerate().skip(version) {
            let mut change = self.change().await?;
            // Another process may have done it while this one waited.
            let now: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *change).await.map_err(trouble)?;
            if usize::try_from(now).unwrap_or(0) > from {
                continue;
            }
            sqlx::raw_sql(*text).execute(&mut *change).await.map_err(trouble)?;
            let mark = format!("PRAGMA user_version = {}", from + 1);
            sqlx::raw_sql(sqlx::AssertSqlSafe(mark)).execute(&mut *change).await.map_err(trouble)?;
            change.commit().await.map_err(trouble)?;
        }
        Ok(())
    }

    /// Opens the connections for reading anew. Their threads have the priority of the thread that this runs in, and keep it.
    pub async fn open_readers(&self) -> Result<(), Problem> {
        while let Some(idle) = self.pool.try_acquire() {
            idle.close().await.map_err(trouble)?;
        }
        // Those in use meanwhile stay as they are. Nobody is waited for: whoever has one may be waiting for another, which
        // is held here.
        let mut opened = Vec::new();
        while self.pool.size() < READERS {
            let Ok(one) = tokio::time::timeout(OPENING_MAX, self.pool.acquire()).await else {
                tracing::debug!(opened = opened.len(), "the other connections for reading are opened by whoever asks");
                break;
            };
            opened.push(one.map_err(trouble)?);
        }
        Ok(())
    }

    /// Begins a change; nothing of it is seen until it is committed.
    pub async fn change(&self) -> Result<Change<'static>, Problem> {
        let begun = self.changes.begin_with("BEGIN IMMEDIATE").await;
        // A change that SQLite itself gave up (on a full disk) counts as begun for ever at its connection, on which no other
        // can begin then: the connection goes.
        if matches!(begun, Err(sqlx::Error::InvalidSavePointStatement)) {
            self.changes.acquire().await.map_err(trouble)?.close().await.map_err(trouble)?;
            return self.changes.begin_with("BEGIN IMMEDIATE").await.map_err(trouble);
        }
        begun.map_err(trouble)
    }

    /// Commits a change; durable when it returns.
    pub async fn commit(&self, change: Change<'static>) -> Result<(), Problem> {
        change.commit().await.map_err(trouble)
    }

    /// Gives a change up; others need not wait for it any more when this returns.
    pub async fn undo(&self, change: Change<'static>) -> Result<(), Problem> {
        change.rollback().await.map_err(trouble)
    }

    /// Empties the write-ahead log, so that nothing which was erased stays readable in it; `false` where somebody who
    /// reads at length keeps it.
    pub async fn empty_log(&self) -> Result<bool, Problem> {
        let mut one = self.changes.acquire().await.map_err(trouble)?;
        let waits = |limit: Duration| sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {}", limit.as_millis()));
        sqlx::query(waits(EMPTYING_TIMEOUT)).execute(&mut *one).await.map_err(trouble)?;
        let emptied = sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *one).await;
        sqlx::query(waits(BUSY_TIMEOUT)).execute(&mut *one).await.map_err(trouble)?;
        emptied.map(|is_kept| is_kept == 0).map_err(trouble)
    }

    /// A consistent copy of the records, made while others write.
    pub async fn copy_to(&self, path: &Path) -> Result<(), Problem> {
        write_copy(&self.pool, path).await
    }

    /// SQLite's own check of the file: what it finds, or nothing.
    pub async fn check(&self) -> Result<Vec<String>, Problem> {
        let lines: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check(10)").fetch_all(&self.pool).await.map_err(trouble)?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Closes them: all of it stands in the one file then.
    pub(crate) async fn close(self) {
        for pool in [self.changes, self.quick, self.pool] {
            pool.close().await;
        }
    }

    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    pub(crate) fn quick(&self) -> &SqlitePool {
        &self.quick
    }

    /// For changes of one statement; it waits for those of several.
    pub(crate) fn changes(&self) -> &SqlitePool {
        &self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_held_can_be_asked_for_again() {
        assert!(is_busy(&trouble(sqlx::Error::PoolTimedOut)));
        assert!(!is_busy(&trouble(sqlx::Error::RowNotFound)));
    }

    #[tokio::test]
    async fn readers_are_opened_anew_beside_those_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let mut used = records.pool.acquire().await.unwrap();
        tokio::time::timeout(CHANGE_TIMEOUT / 4, records.open_readers()).await.unwrap().unwrap();
        assert_eq!(records.pool.size(), READERS);
        sqlx::query("SELECT 1").execute(&mut *used).await.unwrap();
    }

    /// Whoever has a connection and needs another gets one, however many are opened anew beside it.
    #[tokio::test]
    async fn who_needs_a_second_connection_while_readers_are_opened_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        for pauses in 0..40 {
            let second = async {
                for _ in 0..pauses {
                    tokio::time::sleep(Duration::from_micros(100)).await;
                }
                let _first = records.pool.acquire().await.unwrap();
                records.pool.acquire().await.unwrap();
            };
            let both = async { tokio::join!(records.open_readers(), second).0.unwrap() };
            tokio::time::timeout(CHANGE_TIMEOUT / 9, both).await.unwrap();
        }
    }

    /// What is in the log is gone from it, unless somebody still reads by it.
    #[tokio::test]
    async fn the_log_is_emptied_once_nobody_reads_by_it() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        let bytes = || std::fs::metadata(dir.path().join("records.sqlite-wal")).unwrap().len();
        let mut reader = records.pool.begin().await.unwrap();
        sqlx::query("SELECT count(*) FROM memory").execute(&mut *reader).await.unwrap();
        let mut change = records.change().await.unwrap();
        sqlx::query("INSERT INTO memory (owner, name, value) VALUES ('x', 'y', 'z')")
            .execute(&mut *change)
            .await
            .unwrap();
        records.commit(change).await.unwrap();
        assert!(!records.empty_log().await.unwrap() && bytes() > 0);
        reader.commit().await.unwrap();
        assert!(records.empty_log().await.unwrap());
        assert_eq!(bytes(), 0);
    }

    /// However many read at length, whoever comes is known and what changes is kept.
    #[tokio::test]
    async fn short_questions_and_changes_wait_for_no_reader() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.sqlite")).await.unwrap();
        // Opened with the records, by whoever opens these.
        assert_eq!((records.quick.size(), records.changes.size()), (QUICK, 1));
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(records.pool.begin().await.unwrap());
        }
        let now = concert_model::Time(1);
        let asked = async {
            assert!(records.bearer(&[0; 32], now).await.unwrap().is_none());
            assert!(records.session(&[0; 32], now).await.unwrap().is_none());
            assert!(!records.has_users().await.unwrap());
            assert!(records.user("nobody").await.unwrap().is_none());
            assert!(records.disabled_users().await.unwrap().is_empty());
            assert!(records.incident("CERT-EX#2026-1").await.unwrap().is_none());
            records.feed_good("feed", now).await.unwrap();
            records.commit(records.change().await.unwrap()).await.unwrap();
        };
        tokio::time::timeout(Duration::from_secs(60), asked).await.unwrap();
    }

    /// While the process that has just made the file writes to it, another cannot turn on its write-ahead
    /// log; SQLite gives up at once there, whatever the time-out.
    #[tokio::test]
    async fn a_file_that_is_just_being_made_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.sqlite");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let other = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&other).await.unwrap();
        let ends = async {
            tokio::time::sleep(10 * LOCKED_WAIT).await;
            sqlx::raw_sql("COMMIT").execute(&other).await.unwrap();
            other.close().await;
        };
        let (opened, ()) = tokio::join!(Records::open(&path), ends);
        assert!(opened.unwrap().parties(Parties::Constituents).await.unwrap().is_empty());
    }

    /// Records as the first format left them are brought up to date, and stand beside as they were.
    #[tokio::test]
    async fn older_records_are_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.sqlite");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let old = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        sqlx::raw_sql(MIGRATIONS[0]).execute(&old).await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO party (name, body) VALUES ('A', '{\"name\":\"A\"}');
             INSERT INTO told VALUES
                 ('n', x'abcdef00000000000000000000000002', 1800000001000000, 1800000002000000),
                 ('n', x'abcdef00000000010000000000000000', 1800000003000000, 1800000004000000);
             PRAGMA user_version = 1",
        )
        .execute(&old)
        .await
        .unwrap();
        old.close().await;
        // Several at once: one of them does it.
        let (records, second, third) = tokio::join!(Records::open(&path), Records::open(&path), Records::open(&path));
        let records = records.unwrap();
        assert!(second.is_ok() && third.is_ok());
        assert_eq!(
            records.parties(Parties::Constituents).await.unwrap().iter().map(|party| &*party.name).collect::<Vec<_>>(),
            ["A"]
        );
        assert!(dir.path().join(format!("records.before-{}.sqlite", MIGRATIONS.len())).exists());
        let problem = |hash: u128| concert_model::ProblemKey(hash.to_be_bytes());
        let problems =
            [0xabcd_ef00_0000_0000_0000_0000_0000_0002, 0xabcd_ef00_0000_0001_0000_0000_0000_0000].map(problem);
        let told = records.told("n", problems.into_iter(), concert_model::Time(0)).await.unwrap();
        let seen = problems.map(|problem| told.get(problem).map(|(told, seen)| (told.seconds(), seen.seconds())));
        assert_eq!(seen, [Some((1_800_000_001, 1_800_000_002)), Some((1_800_000_003, 1_800_000_004))]);
        records.pool().close().await;
        let again = Records::open(&path).await.unwrap();
        assert_eq!(again.parties(Parties::Constituents).await.unwrap().len(), 1);
        sqlx::raw_sql("PRAGMA user_version = 1000").execute(again.pool()).await.unwrap();
        assert!(Records::open(&path).await.unwrap_err().what.contains("newer Concert"));
    }

    /// INVARIANT: records of any format that there was are brought up to date, with a copy of what they were.
    #[tokio::test]
    async fn records_of_every_format_are_brought_up_to_date() {
        for version in 1..MIGRATIONS.len() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("records.sqlite");
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
            let old = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
            // What the format had when it was new, filled when it was current.
            sqlx::raw_sql(MIGRATIONS[0]).execute(&old).await.unwrap();
            sqlx::raw_sql(
                "INSERT INTO party (name, body) VALUES ('A', '{\"name\":\"A\"}');
                 INSERT INTO notice (id, name, key, via, format, state, events, members, message_id, made, due)
                 VALUES ('20260617-000001', 'n', 'A', 'mail', 'csv', 'delivered', 0, x'', 'a@b.example', 1, 2)",
            )
            .execute(&old)
            .await
            .unwrap();
            for text in &MIGRATIONS[1..version] {
                sqlx::raw_sql(*text).execute(&old).await.unwrap();
            }
            let stamp = format!("PRAGMA user_version = {version}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&old).await.unwrap();
            old.close().await;
            let records = Records::open(&path).await.unwrap();
            assert_eq!(records.parties(Parties::Constituents).await.unwrap()[0].name, "A", "format {version}");
            let (notice, _) = records.notice("20260617-000001").await.unwrap().unwrap();
            assert_eq!((&*notice.state, notice.due.0), ("delivered", 2), "format {version}");
            let copy = dir.path().join(format!("records.before-{}.sqlite", MIGRATIONS.len()));
            let options = SqliteConnectOptions::new().filename(&copy);
            let copy = SqlitePoolOptions::new().connect_with(options).await.unwrap();
            let format: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&copy).await.unwrap();
            assert_eq!(usize::try_from(format), Ok(version));
        }
    }
}
