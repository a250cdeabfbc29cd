//! Mails that came back: kept first, and later settled with all that follows from them in one change.
//!
//! A mail is known by its Message-ID, where it has one, and its bytes, so one that is handed in
//! again after a kill adds nothing; and it is settled once, because only a waiting one can be.

use concert_model::{Problem, Receipt, ReportId, Time};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite};

use super::{Change, Home, NewNotice, Notice, Records, insert_notices, insert_report, trouble};
use crate::Members;
use crate::events::read::sixteen;

/// Mails of one thread that are shown.
const THREAD_MAX: u32 = 1_000;

/// Within this time a sender gets no more receipts than so many: a desk that reports ten pages wants ten numbers.
const RECEIPT_SECONDS: i64 = 3_600;
const OWN_RECEIPTS_MAX: i64 = 30;
/// Notices made at once are at most so far from each other.
const BESIDE_MAX: i64 = 200_000;

/// A mail as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MailRow {
    /// Its number.
    pub seq: i64,
    /// Hash of its bytes: their name in the archive.
    #[serde(skip)]
    pub content: [u8; 32],
    /// When it was taken from the mailbox.
    pub received: Time,
    /// waiting, taken, held (a person must say what it is), aside.
    pub state: String,
    /// What it turned out to be.
    pub kind: String,
    /// Its Message-ID.
    pub message_id: String,
    /// Who sent it.
    pub from: String,
    /// Its subject.
    pub subject: String,
    /// The notice it belongs to; empty for none.
    pub notice: String,
    /// The address it tells something of.
    pub contact: String,
    /// What it says, or why it was set aside.
    pub reason: String,
    /// Whether the domain of its sender signed it: `pass`, `fail`, `none` or `unknown`, and more; empty where nobody
    /// looked.
    pub signed: String,
    /// What is wrong with it, where it is not believed or waits for a person: `never-sent`, `forged`, `unknown-sender`,
    /// `unsigned`; else empty.
    #[serde(skip)]
    pub doubt: String,
    /// The notice that told its sender what became of it; a dash where nobody may be told, empty where nobody was.
    #[serde(skip)]
    pub outcome: String,
    /// The incident it belongs to, or seems to; empty for none.
    #[serde(skip)]
    pub incident: String,
    /// The party of that incident it is of, or seems to be.
    #[serde(skip)]
    pub party: String,
    /// The report that it became (a complaint, or what was added to one); `None` for none. It is not written here.
    #[serde(skip)]
    pub report: Option<ReportId>,
}

/// A mail with the report that a complaint, or what was added to one, became, by what the collector of complaints calls it.
const MAIL: &str = "SELECT mail.*, CASE WHEN kind IN ('complaint', 'reply') THEN (SELECT report.id FROM report
     WHERE report.content = mail.content AND report.origin_kind = 'mail'
     AND report.origin = CASE mail.message_id WHEN '' THEN 'mailbox ' || mail.seq ELSE mail.message_id END
     LIMIT 1) END AS report FROM mail";

/// How many mails share these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailCount {
    /// Their state.
    pub state: String,
    /// What they turned out to be.
    pub kind: String,
    /// What is wrong with them; empty for nothing.
    pub doubt: String,
    /// How many there are.
    pub count: u64,
}

/// Which mails to list.
#[derive(Clone, Debug, Default)]
pub struct MailFilter {
    /// Only in this state.
    pub state: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only what belongs to no notice and no incident: complaints, and what was set aside.
    pub is_by_itself: bool,
    /// No complaints.
    pub without_complaints: bool,
    /// Only what came before the mail with this number.
    pub before: Option<i64>,
    /// At most so many; 0 for all.
    pub limit: u64,
}

/// What a mail turned out to be, and all that follows.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The row as it is to be; number and moment as they were.
    pub row: MailRow,
    /// What it says of contacts.
    pub effects: Vec<Effect>,
    /// Whom the notice is told to instead.
    pub again: Option<Again>,
    /// The report it is, of the feed named in the receipt.
    pub report: Option<(ReportId, Receipt)>,
    /// The notice that tells its sender that it came.
    pub receipt: Option<Again>,
}

/// What a mail says of an address, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Somebody is there: by what, and the notice that was answered with the moment it was delivered.
    Alive(String, String, Option<(String, Time)>),
    /// A machine answered.
    AutoReply(String),
    /// A bounce, hard or not, and what was said.
    Bounce(String, bool, String),
    /// Nothing is sent to it any more, and why.
    Suspend(String, String),
    /// It is told again, if it was suspended since this moment.
    Release(String, Time),
}

/// A notice that is told again to others.
#[derive(Clone, Debug, Default)]
pub struct Again {
    /// The notice that did not arrive.
    pub notice: String,
    /// Why.
    pub why: String,
    /// What numbers and Message-IDs end in.
    pub home: Home,
    /// The notices instead.
    pub instead: Vec<NewNotice>,
    /// Receipts are sent to all senders together no more than so many in an hour: the addresses of spam are forged.
    pub receipts_max: u32,
}

pub(super) fn mail(row: &SqliteRow) -> MailRow {
    let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
    let number = |name: &str| row.try_get::<i64, _>(name).unwrap_or(0);
    let content = row.try_get::<Vec<u8>, _>("content").ok().and_then(|bytes| bytes.try_into().ok());
    MailRow {
        seq: number("seq"),
        content: content.unwrap_or_default(),
        received: Time(number("received")),
        state: text("state"),
        kind: text("kind"),
        message_id: text("message_id"),
        from: text("sender"),
        subject: text("subject"),
        notice: text("notice"),
        contact: text("contact"),
        reason: text("reason"),
        signed: text("signed"),
        doubt: text("doubt"),
        outcome: text("outcome"),
        incident: text("incident"),
        party: text("party"),
        report: row.try_get::<Option<Vec<u8>>, _>("report").ok().flatten().map(|id| ReportId(sixteen(&id))),
    }
}

impl Records {
    /// Adds a mail whose bytes are in the archive. `false` if it was known.
    pub async fn add_mail(&self, id: ReportId, content: &[u8; 32], now: Time, bytes: u64) -> Result<bool, Problem> {
        let added = sqlx::query(
            "INSERT INTO mail (id, content, received, bytes, state) VALUES (?1, ?2, ?3, ?4, 'waiting') ON CONFLICT DO NOTHING",
        )
        .bind(id.0.as_slice())
        .bind(content.as_slice())
        .bind(now.0)
        .bind(bytes.cast_signed())
        .execute(self.changes())
        .await
        .map_err(trouble)?;
        Ok(added.rows_affected() == 1)
    }

    /// Adds a mail of so many bytes that was set aside unread: what is said of it in `row`. `false` where it is known.
    pub async fn add_mail_aside(&self, id: ReportId, row: &MailRow, bytes: u64) -> Result<bool, Problem> {
        let added = sqlx::query(
            "INSERT INTO mail (id, content, received, bytes, state, kind, message_id, sender, subject, reason)
             VALUES (?1, ?2, ?3, ?4, 'aside', ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )
        .bind(id.0.as_slice())
        .bind(row.content.as_slice())
        .bind(row.received.0)
        .bind(bytes.cast_signed())
        .bind(&row.kind)
        .bind(&row.message_id)
        .bind(&row.from)
        .bind(&row.subject)
        .bind(&row.reason)
        .execute(self.changes())
        .await
        .map_err(trouble)?;
        Ok(added.rows_affected() == 1)
    }

    /// Mails that nobody looked into yet, oldest first.
    pub async fn mails_waiting(&self, limit: u32) -> Result<Vec<MailRow>, Problem> {
        let rows = sqlx::query("SELECT * FROM mail WHERE state = 'waiting' ORDER BY seq LIMIT ?1")
            .bind(limit)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        Ok(rows.iter().map(mail).collect())
    }

    /// Mails, newest first.
    pub async fn mails(&self, filter: &MailFilter) -> Result<Vec<MailRow>, Problem> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(MAIL);
        query.push(" WHERE 1");
        if let Some(state) = &filter.state {
            query.push(" AND state = ").push_bind(state.clone());
        }
        if let Some(kind) = &filter.kind {
            query.push(" AND kind = ").push_bind(kind.clone());
        }
        if filter.is_by_itself {
            query.push(" AND incident = '' AND (kind = 'complaint' OR state = 'aside')");
        }
        if filter.without_complaints {
            query.push(" AND kind <> 'complaint'");
        }
        if let Some(before) = filter.before {
            query.push(" AND seq < ").push_bind(before);
        }
        query.push(" ORDER BY seq DESC");
        if filter.limit > 0 {
            query.push(" LIMIT ").push_bind(i64::try_from(filter.limit).unwrap_or(i64::MAX));
        }
        let rows = query.build().fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(mail).collect())
    }

    /// One mail by its number.
    pub async fn mail(&self, seq: i64) -> Result<Option<MailRow>, Problem> {
        let query = format!("{MAIL} WHERE seq = ?1");
        let row = sqlx::query(AssertSqlSafe(query)).bind(seq).fetch_optional(self.pool()).await;
        Ok(row.map_err(trouble)?.as_ref().map(mail))
    }

    /// Mails that belong to a notice, oldest first.
    pub async fn thread(&self, notice: &str) -> Result<Vec<MailRow>, Problem> {
        // An answer may name one that went along.
        let query = "SELECT * FROM mail WHERE notice <> '' AND notice IN
             (SELECT ?1 UNION ALL SELECT id FROM notice WHERE within = ?1 AND within <> '') ORDER BY seq LIMIT ?2";
        let rows = sqlx::query(query).bind(notice).bind(THREAD_MAX).fetch_all(self.pool()).await.map_err(trouble)?;
        Ok(rows.iter().map(mail).collect())
    }

    /// How many mails there are in each state, of each kind, and with each doubt.
    pub async fn mail_counts(&self) -> Result<Vec<MailCount>, Problem> {
        let query = "SELECT state, kind, doubt, count(*) AS count FROM mail GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
        let rows = sqlx::query(query).fetch_all(self.pool()).await.map_err(trouble)?;
        let text = |row: &SqliteRow, name: &str| row.try_get::<String, _>(name).unwrap_or_default();
        let count = |row: &SqliteRow| MailCount {
            state: text(row, "state"),
            kind: text(row, "kind"),
            doubt: text(row, "doubt"),
            count: row.try_get::<i64, _>("count").unwrap_or(0).cast_unsigned(),
        };
        Ok(rows.iter().map(count).collect())
    }

    /// What the newest mail since a moment says of somebody behind each address, to whom it forwards, and when it came.
    pub async fn bounced_behind(&self, since: Time) -> Result<Vec<(String, String, Time)>, Problem> {
        let query = "SELECT contact, reason, max(received) AS received FROM mail
             WHERE kind = 'behind' AND contact <> '' AND received >= ?1 GROUP BY contact";
        let rows = sqlx::query(query).bind(since.0).fetch_all(self.pool()).await.map_err(trouble)?;
        let text = |row: &SqliteRow, name: &str| row.try_get::<String, _>(name).unwrap_or_default();
        let at = |row: &SqliteRow| Time(row.try_get("received").unwrap_or_default());
        Ok(rows.iter().map(|row| (text(row, "contact"), text(row, "reason"), at(row))).collect())
    }

    /// Recipients of notices that told the very same events together with this one, to contacts that
    /// wish another form.
    pub async fn told_beside(&self, notice: &Notice) -> Result<Vec<String>, Problem> {
        sqlx::query_scalar(
            "SELECT other.recipient FROM notice AS one JOIN notice AS other
             ON other.seq BETWEEN one.seq - ?2 AND one.seq + ?2 AND other.seq <> one.seq AND other.made = one.made
             AND other.name = one.name AND other.party = one.party AND other.members = one.members
             WHERE one.id = ?1",
        )
        .bind(&notice.id)
        .bind(BESIDE_MAX)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)
    }

    /// Notices of its kind that were made together with this one, with whom they go to and their state: what becomes of
    /// one whose party left the contact book may be told by another of them.
    pub async fn made_beside(&self, notice: &Notice) -> Result<Vec<(String, String, Members)>, Problem> {
        let rows = sqlx::query(
            "SELECT other.recipient, other.state, other.members FROM notice AS one JOIN notice AS other
             ON other.seq BETWEEN one.seq - ?2 AND one.seq + ?2 AND other.seq <> one.seq AND other.made = one.made
             AND other.name = one.name WHERE one.id = ?1",
        )
        .bind(&notice.id)
        .bind(BESIDE_MAX)
        .fetch_all(self.pool())
        .await
        .map_err(trouble)?;
        let made = rows.iter().filter_map(|row| {
            let text = |name: &str| row.try_get::<String, _>(name).ok();
            let members = Members::from_bytes(&row.try_get::<Vec<u8>, _>("members").ok()?)?;
            Some((text("recipient")?, text("state")?, members))
        });
        Ok(made.collect())
    }

    /// Notices that were told instead of this one, and those it was told instead of, with the reason.
    pub async fn told_again(&self, notice: &str) -> Result<(Vec<(String, String)>, Vec<(String, String)>), Problem> {
        let mut found = Vec::new();
        for sql in [
            "SELECT again AS other, why FROM notice_again WHERE notice = ?1 ORDER BY again",
            "SELECT notice AS other, why FROM notice_again WHERE again = ?1 ORDER BY notice",
        ] {
            let rows = sqlx::query(sql).bind(notice).fetch_all(self.pool()).await.map_err(trouble)?;
            let text = |row: &SqliteRow, name: &str| row.try_get::<String, _>(name).unwrap_or_default();
            found.push(rows.iter().map(|row| (text(row, "other"), text(row, "why"))).collect());
        }
        let before = found.pop().unwrap_or_default();
        Ok((found.pop().unwrap_or_default(), before))
    }

    /// Writes down what a mail turned out to be, with all that follows, if it waits still; see [`settle`].
    pub async fn settle_mail(&self, settled: &Settled, now: Time) -> Result<MailRow, Problem> {
        let mut change = self.change().await?;
        let (row, _) = settle(&mut change, settled, now).await?;
        self.commit(change).await?;
        Ok(row)
    }
}

/// Writes down in a change what a mail turned out to be, with all that follows, if it waits still.
///
/// A copy of one that was taken before is set aside, and nothing follows from it. Says what stands there now,
/// and whether anything follows.
pub async fn settle(change: &mut Change<'_>, settled: &Settled, now: Time) -> Result<(MailRow, bool), Problem> {
    settle_from(change, "waiting", settled, now).await
}

/// The same for one that is in a state before.
async fn settle_from(
    change: &mut Change<'_>,
    state: &str,
    settled: &Settled,
    now: Time,
) -> Result<(MailRow, bool), Problem> {
    let mut row = settled.row.clone();
    let is_copy = matches!(row.state.as_str(), "taken" | "held") && is_copy(change, &row).await?;
    if is_copy {
        row.state = "aside".into();
        row.reason = "the same message came before, by another way".into();
    }
    let changed = sqlx::query(
        "UPDATE mail SET state = ?2, kind = ?3, message_id = ?4, sender = ?5, subject = ?6, notice = ?7, contact = ?8,
         reason = ?9, incident = ?10, party = ?11, signed = ?13, doubt = ?14 WHERE seq = ?1 AND state = ?12",
    )
    .bind(row.seq)
    .bind(&row.state)
    .bind(&row.kind)
    .bind(&row.message_id)
    .bind(&row.from)
    .bind(&row.subject)
    .bind(&row.notice)
    .bind(&row.contact)
    .bind(&row.reason)
    .bind(&row.incident)
    .bind(&row.party)
    .bind(state)
    .bind(&row.signed)
    .bind(&row.doubt)
    .execute(&mut **change)
    .await
    .map_err(trouble)?;
    let follows = changed.rows_affected() == 1 && !is_copy;
    if follows {
        if let Some((id, receipt)) = &settled.report {
            let bytes: i64 = sqlx::query_scalar("SELECT bytes FROM mail WHERE seq = ?1")
                .bind(row.seq)
                .fetch_one(&mut **change)
                .await
                .map_err(trouble)?;
            insert_report(change, *id, &row.content, receipt, bytes.cast_unsigned()).await?;
        }
        if let Some(receipt) = &settled.receipt {
            receipt.answer(change, &mut row, now).await?;
        }
        for effect in &settled.effects {
            effect.write(change, row.received).await?;
        }
        if let Some(again) = &settled.again {
            again.write(change, now).await?;
        }
        count_signed(change, &row).await?;
    }
    Ok((row, follows))
}

impl Records {
    /// Writes down what a person said a mail in this state is (`held`, or `aside`), with all that follows; `None` where
    /// somebody did before.
    pub async fn sort_mail(&self, state: &str, settled: &Settled, now: Time) -> Result<Option<MailRow>, Problem> {
        let mut change = self.change().await?;
        let (row, follows) = settle_from(&mut change, state, settled, now).await?;
        self.commit(change).await?;
        Ok(follows.then_some(row))
    }

    /// Whether all answers from a domain that were taken so far were signed by it, of those that somebody looked at.
    pub async fn always_signed(&self, domain: &str) -> Result<bool, Problem> {
        let query = sqlx::query_scalar("SELECT passed > 0 AND others = 0 FROM signer WHERE domain = ?1");
        let found: Option<i64> = query.bind(domain).fetch_optional(self.pool()).await.map_err(trouble)?;
        Ok(found == Some(1))
    }

    /// Mails outside of incidents that wait for a person, newest first.
    pub async fn mails_for_a_person(&self, limit: u32) -> Result<Vec<MailRow>, Problem> {
        let rows = sqlx::query("SELECT * FROM mail WHERE state = 'held' AND incident = '' ORDER BY seq DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(self.pool())
            .await
            .map_err(trouble)?;
        Ok(rows.iter().map(mail).collect())
    }

    /// How many mails wait for a person with a notice.
    pub async fn mails_held_for(&self, notice: &str) -> Result<u64, Problem> {
        let query =
            sqlx::query_scalar("SELECT count(*) FROM mail WHERE notice = ?1 AND notice <> '' AND state = 'held'");
        let count: i64 = query.bind(notice).fetch_one(self.pool()).await.map_err(trouble)?;
        Ok(count.cast_unsigned())
    }

    /// Writes down what follows from a refusal that came without a mail.
    pub async fn settle_refusal(&self, settled: &Settled, now: Time) -> Result<(), Problem> {
        let mut change = self.change().await?;
        for effect in &settled.effects {
            effect.write(&mut change, settled.row.received).await?;
        }
        if let Some(again) = &settled.again {
            again.write(&mut change, now).await?;
        }
        self.commit(change).await
    }
}

/// Lets the complaint that is this report wait for a person, and says why. What was added to one stands in a thread that
/// somebody may look at, and only says so.
pub async fn hold_complaint(change: &mut Change<'_>, report: ReportId, why: &str) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE mail SET state = CASE kind WHEN 'complaint' THEN 'held' ELSE state END,
         reason = ?2 || CASE reason WHEN '' THEN '' ELSE '; ' || reason END
         WHERE content = (SELECT content FROM report WHERE id = ?1) AND kind IN ('complaint', 'reply') AND incident = ''
         AND state = 'taken'",
    )
    .bind(report.0.as_slice())
    .bind(why)
    .execute(&mut **change)
    .await
    .map_err(trouble)
    .map(drop)
}

/// Counts an answer as signed by its domain or not, where somebody looked.
async fn count_signed(change: &mut Change<'_>, row: &MailRow) -> Result<(), Problem> {
    let word = row.signed.split([' ', ':']).next().unwrap_or_default();
    let domain = row.from.rsplit_once('@').map_or("", |(_, domain)| domain);
    if row.state != "taken" || domain.is_empty() || !["pass", "fail", "none"].contains(&word) {
        return Ok(());
    }
    let passed = i64::from(word == "pass");
    sqlx::query(
        "INSERT INTO signer (domain, passed, others) VALUES (?1, ?2, 1 - ?2)
         ON CONFLICT DO UPDATE SET passed = passed + excluded.passed, others = others + excluded.others",
    )
    .bind(domain)
    .bind(passed)
    .execute(&mut **change)
    .await
    .map_err(trouble)
    .map(drop)
}

async fn is_copy(change: &mut Change<'_>, row: &MailRow) -> Result<bool, Problem> {
    if row.message_id.is_empty() {
        return Ok(false);
    }
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT seq FROM mail WHERE message_id = ?1 AND sender = ?2
         AND (notice = ?3 AND incident = ?6 OR kind = 'complaint' AND ?5 = 'complaint')
         AND state IN ('taken', 'held') AND seq <> ?4 LIMIT 1",
    )
    .bind(&row.message_id)
    .bind(&row.from)
    .bind(&row.notice)
    .bind(row.seq)
    .bind(&row.kind)
    .bind(&row.incident)
    .fetch_optional(&mut **change)
    .await
    .map_err(trouble)?;
    Ok(found.is_some())
}

impl Again {
    /// Makes the receipt of a mail, unless its sender or all senders together got too many.
    async fn answer(&self, change: &mut Change<'_>, row: &mut MailRow, now: Time) -> Result<(), Problem> {
        let Some(notice) = self.instead.first() else { return Ok(()) };
        let (sender, since) = (notice.recipient.to_lowercase(), now.plus_seconds(-RECEIPT_SECONDS));
        // The clock may have been wrong: a moment to come counts as none. Each stands under its sender and its mail.
        let query = "SELECT count(*) AS all_of_them,
             coalesce(sum(sender = ?1 OR substr(sender, 1, length(?1) + 1) = ?1 || ' '), 0) AS own
             FROM receipt WHERE sent > ?2 AND sent <= ?3";
        let counts = sqlx::query(query)
            .bind(&sender)
            .bind(since.0)
            .bind(now.0)
            .fetch_one(&mut **change)
            .await
            .map_err(trouble)?;
        let count = |name: &str| counts.try_get::<i64, _>(name).unwrap_or(i64::MAX);
        let why = if count("own") >= OWN_RECEIPTS_MAX {
            Some(format!("no receipt: its sender got {OWN_RECEIPTS_MAX} within the hour"))
        } else if count("all_of_them") >= i64::from(self.receipts_max) {
            Some("no receipt: `receipts_max` were sent within the hour".to_owned())
        } else {
            None
        };
        if let Some(why) = why {
            row.reason = why;
        } else {
            row.notice = insert_notices(change, now, &self.home, std::slice::from_ref(notice)).await?.id();
            sqlx::query(
                "INSERT INTO receipt (sender, sent) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET sent = excluded.sent",
            )
            .bind(format!("{sender} {}", row.seq))
            .bind(now.0)
            .execute(&mut **change)
            .await
            .map_err(trouble)?;
        }
        sqlx::query("UPDATE mail SET notice = ?2, reason = ?3 WHERE seq = ?1")
            .bind(row.seq)
            .bind(&row.notice)
            .bind(&row.reason)
            .execute(&mut **change)
            .await
            .map_err(trouble)?;
        // Who complained is not kept here for longer than it matters.
        sqlx::query("DELETE FROM receipt WHERE sent <= ?1 OR sent > ?2")
            .bind(since.0)
            .bind(now.0)
            .execute(&mut **change)
            .await
            .map_err(trouble)
            .map(drop)
    }

    /// Tells a notice again, once: one that was is left as it is.
    async fn write(&self, change: &mut Change<'_>, now: Time) -> Result<(), Problem> {
        let known: Option<String> = sqlx::query_scalar("SELECT again FROM notice_again WHERE notice = ?1 LIMIT 1")
            .bind(&self.notice)
            .fetch_optional(&mut **change)
            .await
            .map_err(trouble)?;
        if known.is_some() {
            return Ok(());
        }
        for again in insert_notices(change, now, &self.home, &self.instead).await?.ids() {
            sqlx::query("INSERT INTO notice_again (notice, again, why) VALUES (?1, ?2, ?3)")
                .bind(&self.notice)
                .bind(again)
                .bind(&self.why)
                .execute(&mut **change)
                .await
                .map_err(trouble)?;
        }
        Ok(())
    }
}
