//! Forgetting a value: a person's mail address, account or address, wherever the store has it.
//!
//! First everything is looked through without a change; then raw reports and notices go, and events
//! last, because events tell in which compressed reports the value stands. A kill in between leaves
//! what the next call finds again.

mod needle;
mod redact;
mod trace;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;

use concert_model::{Batch, Field, Kind, Problem, ProblemKey, ReportId, Time, Value, json};

use self::needle::Needle;
use self::redact::Redacted;
pub use self::trace::KeyFields;
use super::replace::{Place, pages_of};
use super::{swap, write_stored};
use crate::events::{Page, Stored};
use crate::records::{Change, Parties, trouble};
use crate::store::{JOURNAL, Segment, journal_page, journal_row, rewrite_journal};
use crate::writer::Writer;

/// What stands where the value stood.
const REMOVED: &str = "(removed)";
/// A shorter value would be found in half of everything.
pub const VALUE_CHARS_MIN: usize = 4;
/// Columns of records that may hold a value from outside: table, key, column.
const TEXTS: [(&str, &str, &str); 19] = [
    ("report", "id", "sender"),
    ("report", "id", "url"),
    ("report", "id", "reason"),
    ("notice", "id", "party"),
    ("notice", "id", "key"),
    ("notice", "id", "reason"),
    ("notice", "id", "passed_over"),
    ("notice", "id", "text"),
    ("mail", "id", "sender"),
    ("mail", "id", "subject"),
    ("mail", "id", "contact"),
    ("mail", "id", "message_id"),
    ("mail", "id", "reason"),
    ("contact_health", "address", "diagnostic"),
    ("contact_health", "address", "why"),
    ("mail", "id", "party"),
    ("contact_proof", "notice", "party"),
    ("notice_again", "notice || ' ' || again", "why"),
    ("notice_receiver", "notice || ' ' || address", "said"),
];
/// Those that hold names of files.
const NAMES: [(&str, &str, &str); 2] = [("report", "id", "file_name"), ("report", "id", "origin")];
/// Columns of records whose rows go when they hold the value.
const ADDRESSES: [(&str, &str); 7] = [
    ("contact_health", "address"),
    ("contact_answer", "address"),
    ("contact_proof", "address"),
    ("contact_told", "recipient"),
    ("contact_told", "party"),
    ("receipt", "sender"),
    ("notice_receiver", "address"),
];

/// A reject that holds the value.
#[derive(Debug)]
struct Reject {
    report: Vec<u8>,
    n: i64,
    /// Whether the name of the part does, a file in an archive.
    is_part: bool,
}

/// Where a value was found.
#[derive(Debug)]
pub struct Traces {
    needle: Needle,
    places: HashSet<Place>,
    journal: Vec<Place>,
    segments: Vec<Segment>,
    /// Reports that gave an event or reject with it, and the lines of those.
    reports: BTreeMap<ReportId, BTreeSet<u64>>,
    /// Problems of such events, and the reports that named one again.
    problems: HashSet<ProblemKey>,
    again: BTreeSet<ReportId>,
    /// Those of the problems whose key the value is part of: whoever names one again names it too, in whatever form. And
    /// how often a report did.
    about: HashSet<ProblemKey>,
    again_about: BTreeMap<ReportId, usize>,
    /// Raw reports that go whole,
    contents: Vec<[u8; 32]>,
    /// and those whose other lines stay.
    redacted: Vec<[u8; 32]>,
    rejects: Vec<Reject>,
    texts: BTreeMap<(&'static str, &'static str, &'static str), Vec<Vec<u8>>>,
    notices: Vec<String>,
    bytes: Vec<String>,
    contacts: u64,
}

/// How often a value was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TraceCounts {
    /// Events that hold it.
    pub events: u64,
    /// Raw reports that hold it, or gave such an event.
    pub reports: u64,
    /// Those of them whose other lines stay; the rest goes whole.
    pub redacted: u64,
    /// Rejects.
    pub rejects: u64,
    /// Notices to it.
    pub notices: u64,
    /// Kept bytes of notices that hold it or such an event.
    pub notice_bytes: u64,
    /// Contacts of parties, and parties that are called so.
    pub contacts: u64,
    /// Other texts of the records: senders, file names.
    pub texts: u64,
}

impl Traces {
    /// How much was found.
    pub fn counts(&self) -> TraceCounts {
        TraceCounts {
            events: self.places.len() as u64,
            reports: (self.contents.len() + self.redacted.len()) as u64,
            redacted: self.redacted.len() as u64,
            rejects: self.rejects.len() as u64,
            notices: self.notices.len() as u64,
            notice_bytes: self.bytes.len() as u64,
            contacts: self.contacts,
            texts: self.texts.values().map(|keys| keys.len() as u64).sum(),
        }
    }
}

impl Writer {
    /// Removes what was found, and writes down that it was.
    pub async fn forget(&mut self, traces: Traces, now: Time) -> Result<(), Problem> {
        let store = self.store().clone();
        for content in &traces.contents {
            store
                .archive
                .remove(content)
                .map_err(|error| Problem::new(format!("a raw report cannot be removed: {error}")))?;
            store.records.forget_content(content).await?;
        }
        for content in &traces.redacted {
            let failed = |error: std::io::Error| Problem::new(format!("a raw report cannot be rewritten: {error}"));
            let raw = store.archive.open(content).map_err(failed)?;
            let (fresh, _) = store.archive.keep(&mut Redacted::new(raw, &traces.needle), None).map_err(failed)?;
            // The old one first: a kill here costs the report, and not whoever wants to be forgotten.
            store.archive.remove(content).map_err(failed)?;
            store.records.replace_content(content, &fresh).await?;
        }
        self.forget_records(&traces, now).await?;
        for which in if traces.contacts > 0 { Parties::ALL.as_slice() } else { &[] } {
            let mut parties = store.records.parties(*which).await?;
            for party in &mut parties {
                party.contacts.retain(|contact| !traces.needle.is_in(contact.mail.as_bytes()));
            }
            parties.retain(|party| !traces.needle.is_in(party.name.as_bytes()));
            store.records.import_parties(*which, &parties).await?;
        }
        if traces.contacts > 0 {
            store.records.unlearn(|text| traces.needle.is_in(text.as_bytes())).await?;
        }
        self.forget_events(&traces).await?;
        self.forget_seen();
        // Copies of the records from before an update hold it too.
        for entry in fs::read_dir(store.data()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("records.before-") {
                fs::remove_file(entry.path()).map_err(|error| {
                    Problem::new(format!("cannot be removed: {error}")).at(entry.path().display().to_string())
                })?;
            }
        }
        // What was deleted must not stay readable in free pages of the file.
        for sql in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            sqlx::query(sql).execute(store.records.pool()).await.map_err(trouble)?;
        }
        Ok(())
    }

    async fn forget_records(&self, traces: &Traces, now: Time) -> Result<(), Problem> {
        let records = &self.store().records;
        let mut change = records.change().await?;
        for Reject { report, n, is_part } in &traces.rejects {
            let sql = "UPDATE reject SET text = ?3, reason = ?3, part = iif(?4, ?3, part) WHERE report = ?1 AND n = ?2";
            sqlx::query(sql)
                .bind(report)
                .bind(n)
                .bind(REMOVED)
                .bind(is_part)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
        }
        for ((table, key, column), keys) in &traces.texts {
            for value in keys {
                let sql = format!("UPDATE {table} SET {column} = ?2 WHERE CAST(({key}) AS BLOB) = ?1");
                // A party of another name is not there; that none is known is plain.
                let instead = if *column == "party" { "" } else { REMOVED };
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(value)
                    .bind(instead)
                    .execute(&mut *change)
                    .await
                    .map_err(trouble)?;
            }
        }
        for id in &traces.bytes {
            sqlx::query("DELETE FROM notice_bytes WHERE id = ?1")
                .bind(id)
                .execute(&mut *change)
                .await
                .map_err(trouble)?;
        }
        for id in &traces.notices {
            forget_recipient(&mut change, id, &traces.needle).await?;
        }
        forget_addresses(&mut change, &traces.needle).await?;
        let mut hasher = blake3::Hasher::new_derive_key("concert 2026 forgotten value");
        hasher.update(traces.needle.bytes());
        let counts = serde_json::to_string(&traces.counts()).unwrap_or_default();
        sqlx::query("INSERT INTO forgotten (hash, forgotten, counts) VALUES (?1, ?2, ?3)")
            .bind(hasher.finalize().as_bytes().as_slice())
            .bind(now.0)
            .bind(counts)
            .execute(&mut *change)
            .await
            .map_err(trouble)?;
        records.commit(change).await
    }

    async fn forget_events(&self, traces: &Traces) -> Result<(), Problem> {
        let store = self.store();
        if !traces.journal.is_empty() {
            let rows = sqlx::query(JOURNAL).fetch_all(store.records.pool()).await.map_err(trouble)?;
            let page = journal_page(&rows);
            let mut change = store.records.change().await?;
            for stored in page.iter().filter(|one| traces.places.contains(&(one.batch, one.row))) {
                let mut one = Batch::new();
                without(&stored, &traces.needle, &mut one);
                let Some(event) = one.get(0) else { continue };
                let row = journal_row(&Stored { event, ..stored });
                rewrite_journal(&mut change, (stored.batch, stored.row), &row).await?;
            }
            store.records.commit(change).await?;
        }
        for segment in &traces.segments {
            let pages = pages_of(store, segment)?;
            let mut cleaned = Batch::new();
            let mut rows: Vec<Result<Stored<'_>, (usize, Stored<'_>)>> = Vec::new();
            for stored in pages.iter().flat_map(Page::iter) {
                if traces.places.contains(&(stored.batch, stored.row)) {
                    rows.push(Err((cleaned.len(), stored)));
                    without(&stored, &traces.needle, &mut cleaned);
                } else {
                    rows.push(Ok(stored));
                }
            }
            let rows = rows.into_iter().filter_map(|row| match row {
                Ok(stored) => Some(stored),
                Err((at, stored)) => cleaned.get(at).map(|event| Stored { event, ..stored }),
            });
            let file = write_stored(store, &segment.day, rows)?;
            if file.written.rows != segment.rows {
                return Err(Problem::new("events were lost while the file was rewritten").at(segment.path.clone()));
            }
            let mut change = store.records.change().await?;
            swap(&mut change, std::slice::from_ref(&file), std::slice::from_ref(segment)).await?;
            store.records.commit(change).await?;
            // Not put aside like others: nobody is to read it any more.
            fs::remove_file(store.data().join(&segment.path))
                .map_err(|error| Problem::new(format!("cannot be removed: {error}")).at(segment.path.clone()))?;
        }
        Ok(())
    }
}

/// Copies an event without the value: free text says that something was removed; a typed field goes, and so does a key of
/// `extra.` that holds it.
fn without(stored: &Stored<'_>, needle: &Needle, into: &mut Batch) {
    let mut open = into.open();
    let mut text = Vec::new();
    for (field, value) in stored.event.fields() {
        let extra = field.is_extra().then(|| stored.event.extra_name(field));
        if extra.is_some_and(|name| needle.is_in_name(name.as_bytes())) {
            continue;
        }
        let number = extra.map_or(Some(field), |name| open.extra(name));
        let Some(number) = number else { continue };
        text.clear();
        json::write_value(&value, &mut text);
        if !needle.is_in(&text) {
            open.set(number, &value);
        } else if field.is_extra() || field.kind() == Kind::Text && field != Field::PARTY {
            open.set(number, &Value::text(REMOVED));
        }
    }
    let row = stored.event.row();
    open.keep(row.id, row.key, row.position);
}

/// Takes an address from a notice that is to it. The others of whom it is for stay, so that whoever has its mail gets no
/// other in its place; one that is left to nobody waits for a contact.
async fn forget_recipient(change: &mut Change<'_>, id: &str, needle: &Needle) -> Result<(), Problem> {
    let query = sqlx::query_scalar("SELECT recipient FROM notice WHERE id = ?1").bind(id);
    let before: String = query.fetch_one(&mut **change).await.map_err(trouble)?;
    let left: Vec<&str> = before.split(',').filter(|one| !needle.is_in(one.as_bytes())).collect();
    // A value that is none of the addresses, and stands in their list all the same, goes with all of it.
    let is_found = left.len() < before.split(',').count();
    let left = if is_found { left } else { Vec::new() };
    let sql = if left.is_empty() {
        "UPDATE notice SET recipient = ?2, reason = 'its recipient was removed on request',
         state = CASE WHEN state IN ('delivered', 'rejected') THEN state ELSE 'no-contact' END WHERE id = ?1"
    } else {
        "UPDATE notice SET recipient = ?2 WHERE id = ?1"
    };
    let query = sqlx::query(sql).bind(id).bind(left.join(","));
    query.execute(&mut **change).await.map_err(trouble).map(drop)
}

/// What is known of the value as the address of a contact, or of somebody who complained.
async fn forget_addresses(change: &mut Change<'_>, needle: &Needle) -> Result<(), Problem> {
    for (table, column) in ADDRESSES {
        let sql = format!("SELECT DISTINCT {column} FROM {table}");
        let addresses: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut **change).await.map_err(trouble)?;
        for address in addresses.iter().filter(|address| needle.is_in(address.as_bytes())) {
            let sql = format!("DELETE FROM {table} WHERE {column} = ?1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(address).execute(&mut **change).await.map_err(trouble)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use concert_model::Event;

    use super::*;
    use crate::writer::tests::{DAY, count, site, write};

    #[tokio::test]
    async fn a_value_is_gone_and_everything_else_stays() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        // Addresses are 198.51.100.0 plus the number: one in a file, one in the journal.
        store.archive.keep(&mut &b"file"[..], None).unwrap();
        let (_, members) = write(&mut writer, "file", 0, 3_000).await;
        write(&mut writer, "journal", 5_000, 5_010).await;
        let bytes = ("20261122-000001".to_owned(), b"base64 hides it".to_vec());
        store.records.keep_notice_bytes(&[bytes]).await.unwrap();
        for (value, from_file) in [("198.51.100.7", true), ("198.51.119.136", false)] {
            let traces = writer.traces(value, &by_address).await.unwrap();
            let counts = traces.counts();
            let one = u64::from(from_file);
            assert_eq!((counts.events, counts.reports, counts.notice_bytes), (1, one, one), "{value}");
            writer.forget(traces, DAY_ONE).await.unwrap();
            assert_eq!(writer.traces(value, &by_address).await.unwrap().counts(), TraceCounts::default());
        }
        assert_eq!(count(&store).await, 3_010);
        assert_eq!(store.load(&[&members]).await.unwrap().of(&members).count(), 3_000);
        assert!(!store.archive.has(blake3::hash(b"file").as_bytes()));
        assert_eq!(store.records.notice_bytes("20261122-000001").await.unwrap(), None);
        assert_eq!(writer.traces("198.51.100.8", &by_address).await.unwrap().counts().events, 1);
        let forgotten: i64 =
            sqlx::query_scalar("SELECT count(*) FROM forgotten").fetch_one(store.records.pool()).await.unwrap();
        assert_eq!(forgotten, 2);
        assert!(writer.traces("198", &by_address).await.is_err());
    }

    #[tokio::test]
    async fn an_address_is_gone_from_all_that_came_back() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        let pool = store.records.pool();
        sqlx::raw_sql(
            "INSERT INTO notice (id, name, key, recipient, via, format, state, events, members, message_id, made, due)
                 VALUES ('20261122-000001', 'n', 'k', 'anna@x.example', 'mail', 'csv', 'rejected', 0, x'', '1@x', 1, 1);
             INSERT INTO mail (id, content, received, bytes, state, sender, subject, reason, archived)
                 VALUES (x'01', x'00', 1, 1, 'taken', 'anna@x.example', 'Re: anna@x.example', 'hard: anna@x.example: gone', 0);
             INSERT INTO contact_health (address, suspended, why) VALUES ('anna@x.example', 1, 'it bounced');
             INSERT INTO contact_health (address, suspended, why) VALUES ('bea@x.example', 1, '550 not anna@x.example');
             INSERT INTO contact_answer VALUES ('anna@x.example', '20261122-000001', 1, 1);
             INSERT INTO contact_proof VALUES ('20261122-000002', 'anna@x.example', 'X', 1, NULL);
             INSERT INTO contact_told VALUES ('anna@x.example', 'X', 1);
             INSERT INTO notice_again VALUES ('20261122-000001', '20261122-000003', 'anna@x.example bounced: gone');
             INSERT INTO notice_receiver VALUES ('20261122-000001', 'anna@x.example', 1, '250', 1);
             INSERT INTO notice_receiver VALUES ('20261122-000001', 'cleo@x.example', 0, '550 not anna@x.example', 1);
             INSERT INTO notice_receiver VALUES ('20261122-000001', 'dora@x.example', 1, '250 taken', 1);
             INSERT INTO receipt VALUES ('anna@x.example', 1);",
        )
        .execute(pool)
        .await
        .unwrap();
        let traces = writer.traces("anna@x.example", &by_address).await.unwrap();
        writer.forget(traces, DAY_ONE).await.unwrap();
        let all = "SELECT group_concat(t, '|') FROM (
            SELECT state || recipient AS t FROM notice UNION ALL SELECT sender || subject || reason FROM mail
            UNION ALL SELECT address || why FROM contact_health UNION ALL SELECT address FROM contact_answer
            UNION ALL SELECT address FROM contact_proof UNION ALL SELECT why FROM notice_again
            UNION ALL SELECT address || said FROM notice_receiver UNION ALL SELECT sender FROM receipt)";
        let left: String = sqlx::query_scalar(all).fetch_one(pool).await.unwrap();
        assert_eq!(
            left,
            "rejected|(removed)(removed)(removed)|bea@x.example(removed)|(removed)|cleo@x.example(removed)|dora@x.example250 taken"
        );
    }

    #[tokio::test]
    async fn a_notice_to_several_stays_one_to_the_others() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        let pool = store.records.pool();
        for (number, to) in ["anna@x.example,bea@x.example", "joanna@x.example", "anna@x.example"].iter().enumerate() {
            let sql = "INSERT INTO notice (id, name, key, recipient, via, format, state, events, members, message_id, made, due)
                       VALUES (?1, 'n', 'k', ?2, 'mail', 'csv', 'queued', 0, x'', ?1, 1, 1)";
            sqlx::query(sql).bind(format!("20261122-00000{number}")).bind(to).execute(pool).await.unwrap();
        }
        let traces = writer.traces("anna@x.example", &by_address).await.unwrap();
        assert_eq!(traces.counts().notices, 2);
        writer.forget(traces, DAY_ONE).await.unwrap();
        let all = "SELECT group_concat(state || ' ' || recipient, '|') FROM notice";
        let left: String = sqlx::query_scalar(all).fetch_one(pool).await.unwrap();
        assert_eq!(left, "queued bea@x.example|queued joanna@x.example|no-contact ");
        assert_eq!(writer.traces("anna@x.example", &by_address).await.unwrap().counts(), TraceCounts::default());
    }

    #[tokio::test]
    async fn a_value_is_gone_from_names_of_files_parties_and_keys() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        let pool = store.records.pool();
        let names = ["ann@x.example.csv", "log_ann@x.example-1.txt", "joann@x.example.csv"];
        for (number, name) in (0u8..).zip(names) {
            let sql = "INSERT INTO report (id, feed, content, origin_kind, origin, received, sender, file_name, url, media_type, bytes, state)
                       VALUES (?1, 'f', x'00', 'file', ?2, 1, '', ?2, '', '', 1, 'done')";
            sqlx::query(sql).bind(vec![number; 16]).bind(name).execute(pool).await.unwrap();
        }
        sqlx::raw_sql(
            "INSERT INTO reject (report, n, line, part, field, reason, text)
                 VALUES (x'02', 0, 1, 'ann@x.example.txt', '', 'no', 'a'), (x'02', 1, 1, 'b.txt', '', 'no', 'b');
             INSERT INTO notice (id, name, key, party, recipient, via, format, state, events, members, message_id, made, due)
                 VALUES ('20261122-000001', 'n', 'k', 'ann@x.example', 'b@y.example', 'mail', 'csv', 'queued', 0, x'', '1@x', 1, 1);
             INSERT INTO contact_told VALUES ('b@y.example', 'ann@x.example', 1);",
        )
        .execute(pool)
        .await
        .unwrap();
        let party = |name: &str| concert_model::Party { name: name.into(), ..Default::default() };
        let parties = [party("ann@x.example"), party("Joann@x.example")];
        store.records.import_parties(Parties::Constituents, &parties).await.unwrap();
        let traces = writer.traces("ann@x.example", &by_address).await.unwrap();
        let counts = traces.counts();
        assert_eq!((counts.texts, counts.rejects, counts.contacts), (5, 1, 1));
        writer.forget(traces, DAY_ONE).await.unwrap();
        let all = "SELECT group_concat(t, '|') FROM (
            SELECT file_name || origin AS t FROM report UNION ALL SELECT part || text FROM reject
            UNION ALL SELECT party || recipient FROM notice UNION ALL SELECT recipient FROM contact_told
            UNION ALL SELECT name FROM party)";
        let left: String = sqlx::query_scalar(all).fetch_one(pool).await.unwrap();
        let names = "(removed)(removed)|(removed)(removed)|joann@x.example.csvjoann@x.example.csv";
        assert_eq!(left, format!("{names}|(removed)(removed)|b.txtb|b@y.example|Joann@x.example"));
        assert_eq!(writer.traces("ann@x.example", &by_address).await.unwrap().counts(), TraceCounts::default());
    }

    #[test]
    fn a_key_that_holds_the_value_goes_with_what_it_says() {
        let mut batch = Batch::new();
        let mut event = batch.open();
        for (name, value) in [("ann@x.example", "4"), ("joann@x.example", "5"), ("note", "to ann@x.example")] {
            let field = event.extra(name).unwrap();
            event.set(field, &Value::text(value));
        }
        event.keep(concert_model::EventId::default(), ProblemKey::default(), 1);
        let needle = Needle::new("ann@x.example");
        let stored = Stored { event: batch.get(0).unwrap(), report: ReportId::default(), batch: 1, row: 0 };
        assert!(trace::holds(&stored.event, &needle, &mut Vec::new()));
        let mut cleaned = Batch::new();
        without(&stored, &needle, &mut cleaned);
        let mut text = Vec::new();
        json::write_members(&cleaned.get(0).unwrap(), &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), ",\"extra.joann@x.example\":\"5\",\"extra.note\":\"(removed)\"");
    }

    fn by_address(_: &str, _: &Event<'_>) -> Vec<Field> {
        vec![Field::SOURCE_IP]
    }

    const DAY_ONE: Time = Time(1_800_000_000_000_000);
}
