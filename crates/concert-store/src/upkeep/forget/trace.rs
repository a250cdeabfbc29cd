//! Looking for a value: events, rejects, other texts, raw reports, notices, contacts. Changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use concert_model::batch::Row;
use concert_model::{Event, Field, Problem, ReportId, Time, json};
use sqlx::Row as _;

use super::needle::Needle;
use super::{NAMES, REMOVED, Reject, TEXTS, Traces, VALUE_CHARS_MIN, redact};
use crate::events::Page;
use crate::events::read::sixteen;
use crate::members::Members;
use crate::records::{Parties, trouble};
use crate::store::{JOURNAL, journal_page};
use crate::upkeep::replace::{Place, pages_of};
use crate::writer::Writer;

impl Writer {
    /// Looks for a value everywhere in the store. Changes nothing. `key_fields` tells of a feed's event which fields make
    /// the key of its problem.
    pub async fn traces(&self, value: &str, key_fields: &KeyFields<'_>) -> Result<Traces, Problem> {
        if value.chars().count() < VALUE_CHARS_MIN {
            return Err(Problem::new(format!("a value must have at least {VALUE_CHARS_MIN} letters")));
        }
        let mut traces = Traces {
            needle: Needle::new(value),
            places: HashSet::new(),
            journal: Vec::new(),
            segments: Vec::new(),
            reports: BTreeMap::new(),
            problems: HashSet::new(),
            again: BTreeSet::new(),
            about: HashSet::new(),
            again_about: BTreeMap::new(),
            contents: Vec::new(),
            redacted: Vec::new(),
            rejects: Vec::new(),
            texts: BTreeMap::new(),
            notices: Vec::new(),
            bytes: Vec::new(),
            contacts: 0,
        };
        self.trace_events(&mut traces, key_fields).await?;
        let Traces { problems, again, about, again_about, .. } = &mut traces;
        self.store()
            .sightings("", &mut |sighting| {
                if problems.contains(&sighting.problem) {
                    again.insert(sighting.report);
                }
                if about.contains(&sighting.problem) {
                    *again_about.entry(sighting.report).or_default() += 1;
                }
            })
            .await?;
        self.trace_records(&mut traces).await?;
        self.trace_reports(&mut traces).await?;
        self.trace_notices(&mut traces).await?;
        let records = &self.store().records;
        let mut parties = records.learned(Time(0), Time(i64::MAX)).await?;
        for which in Parties::ALL {
            parties.extend(records.parties(which).await?);
        }
        for party in &parties {
            let texts = party.contacts.iter().map(|contact| &contact.mail).chain([&party.name]);
            traces.contacts += texts.filter(|text| traces.needle.is_in(text.as_bytes())).count() as u64;
        }
        Ok(traces)
    }

    async fn trace_events(&self, traces: &mut Traces, key_fields: &KeyFields<'_>) -> Result<(), Problem> {
        let store = self.store();
        let pool = store.records.pool();
        let feeds: Vec<(Vec<u8>, String)> =
            sqlx::query_as("SELECT id, feed FROM report").fetch_all(pool).await.map_err(trouble)?;
        let feeds = feeds.into_iter().map(|(id, feed)| (ReportId(sixteen(&id)), feed)).collect();
        let look = Look { needle: traces.needle.clone(), feeds, key_fields };
        let rows = sqlx::query(JOURNAL).fetch_all(pool).await.map_err(trouble)?;
        let found = look.holding(std::slice::from_ref(&journal_page(&rows)));
        traces.journal.extend(found.iter().map(|found| found.place));
        traces.take(found);
        for segment in store.segments("events", 0).await? {
            let found = look.holding(&pages_of(store, &segment)?);
            if !found.is_empty() {
                traces.take(found);
                traces.segments.push(segment);
            }
        }
        Ok(())
    }

    async fn trace_records(&self, traces: &mut Traces) -> Result<(), Problem> {
        let pool = self.store().records.pool();
        let rows = sqlx::query("SELECT report, n, line, part, field, reason, text FROM reject")
            .fetch_all(pool)
            .await
            .map_err(trouble)?;
        for row in rows {
            let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
            let is_part = traces.needle.is_in_name(text("part").as_bytes());
            if is_part || ["reason", "text"].iter().any(|name| traces.needle.is_in(text(name).as_bytes())) {
                let report: Vec<u8> = row.try_get("report").unwrap_or_default();
                let line = row.try_get::<i64, _>("line").unwrap_or(0).cast_unsigned();
                traces.reports.entry(ReportId(sixteen(&report))).or_default().insert(line);
                traces.rejects.push(Reject { report, n: row.try_get("n").unwrap_or(0), is_part });
            }
        }
        for (table, key, column) in TEXTS.into_iter().chain(NAMES) {
            let is_name = NAMES.contains(&(table, key, column));
            let sql = format!("SELECT CAST(({key}) AS BLOB) AS k, {column} AS t FROM {table} WHERE {column} <> ''");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await.map_err(trouble)?;
            let holds = |row: &sqlx::sqlite::SqliteRow| {
                let text: String = row.try_get("t").unwrap_or_default();
                traces.needle.is_in(text.as_bytes()) || is_name && traces.needle.is_in_name(text.as_bytes())
            };
            let keys: Vec<Vec<u8>> =
                rows.iter().filter(|row| holds(row)).map(|row| row.try_get("k").unwrap_or_default()).collect();
            if !keys.is_empty() {
                traces.texts.insert((table, key, column), keys);
            }
        }
        Ok(())
    }

    /// Raw reports that hold the value, and those that gave an event or reject that does: in these it
    /// may stand compressed. So it may in those that named such a problem again, if nobody can look into them, or if fewer
    /// of their lines show it than named a problem that is about it: then it stands there in another form.
    async fn trace_reports(&self, traces: &mut Traces) -> Result<(), Problem> {
        let store = self.store();
        // By content: lines that gave something, and how often its lines named the value at least.
        let mut known: HashMap<[u8; 32], (BTreeSet<u64>, usize)> = HashMap::new();
        for report in traces.reports.keys().chain(&traces.again).collect::<BTreeSet<_>>() {
            if let Some(row) = store.records.report(*report).await? {
                let (wanted, named) = known.entry(row.report.content).or_default();
                let lines = traces.reports.get(report);
                let again = traces.again_about.get(report).copied().unwrap_or(0);
                // A file that came twice is two reports of the same lines.
                *named = (lines.map_or(0, BTreeSet::len) + again).max(*named);
                wanted.extend(lines.into_iter().flatten());
            }
        }
        let mailed = store.records.mailed().await?;
        // What stands in its place would be found again and again.
        let is_lost = traces.needle.is_in(REMOVED.as_bytes());
        for content in store.records.archived().await? {
            if !store.archive.has(&content) {
                continue;
            }
            let failed = |error: std::io::Error| {
                let place = store.archive.path(&content).display().to_string();
                Problem::new(format!("a raw report cannot be read: {error}")).at(place)
            };
            let (is_known, (wanted, named)) =
                (known.contains_key(&content), known.remove(&content).unwrap_or_default());
            let raw = || store.archive.open(&content);
            let is_named =
                !wanted.is_empty() || raw().and_then(|raw| traces.needle.is_in_reader(raw)).map_err(failed)?;
            if !is_named && !is_known {
                continue;
            }
            let lines = match mailed.contains(&content) {
                true => None,
                false => raw().and_then(|raw| redact::lines(raw, &traces.needle)).map_err(failed)?,
            };
            if !is_named && lines.is_some() && named == 0 {
                continue;
            }
            let lines = lines.filter(|_| !is_lost);
            match lines.is_some_and(|lines| !lines.is_empty() && lines.len() >= named && wanted.is_subset(&lines)) {
                true => traces.redacted.push(content),
                false => traces.contents.push(content),
            }
        }
        Ok(())
    }

    async fn trace_notices(&self, traces: &mut Traces) -> Result<(), Problem> {
        let records = &self.store().records;
        let rows = sqlx::query("SELECT id, recipient, members FROM notice")
            .fetch_all(records.pool())
            .await
            .map_err(trouble)?;
        for row in rows {
            let id: String = row.try_get("id").unwrap_or_default();
            let recipient: String = row.try_get("recipient").unwrap_or_default();
            let is_to = traces.needle.is_in(recipient.as_bytes());
            let members = row.try_get::<Vec<u8>, _>("members").ok().and_then(|bytes| Members::from_bytes(&bytes));
            let ranges = members.unwrap_or_default();
            let mut rows = ranges
                .ranges()
                .flat_map(|range| (range.start..range.start + range.length).map(move |row| (range.batch, row)));
            let holds = is_to || (!traces.places.is_empty() && rows.any(|place| traces.places.contains(&place)));
            let bytes = records.notice_bytes(&id).await?;
            if bytes.is_some_and(|bytes| holds || traces.needle.is_in(&bytes)) {
                traces.bytes.push(id.clone());
            }
            if is_to {
                traces.notices.push(id);
            }
        }
        Ok(())
    }
}

impl Traces {
    fn take(&mut self, found: Vec<Holding>) {
        for Holding { report, row, place, is_about } in found {
            self.reports.entry(report).or_default().insert(row.position);
            self.problems.insert(row.key);
            if is_about {
                self.about.insert(row.key);
            }
            self.places.insert(place);
        }
    }
}

/// An event that holds the value.
struct Holding {
    report: ReportId,
    row: Row,
    /// Where it is in the store.
    place: Place,
    /// Whether the value is in what makes the key of its problem.
    is_about: bool,
}

/// Tells of an event of a feed which of its fields make the key of its problem: whoever names it again says these too.
pub type KeyFields<'a> = dyn Fn(&str, &Event<'_>) -> Vec<Field> + 'a;

/// What events are looked at with.
struct Look<'a> {
    needle: Needle,
    /// The feed of each report.
    feeds: HashMap<ReportId, String>,
    key_fields: &'a KeyFields<'a>,
}

impl Look<'_> {
    fn holding(&self, pages: &[Page]) -> Vec<Holding> {
        let mut text = Vec::new();
        let mut found = Vec::new();
        for stored in pages.iter().flat_map(Page::iter) {
            if !holds(&stored.event, &self.needle, &mut text) {
                continue;
            }
            let feed = self.feeds.get(&stored.report).map_or("", String::as_str);
            let is_about = (self.key_fields)(feed, &stored.event).into_iter().any(|field| {
                text.clear();
                stored.event.get(field).inspect(|value| json::write_plain(value, &mut text)).is_some()
                    && self.needle.is_in(&text)
            });
            let place = (stored.batch, stored.row);
            found.push(Holding { report: stored.report, row: stored.event.row(), place, is_about });
        }
        found
    }
}

/// Whether an event holds the value: a member, or a key of `extra.`. The text is room to work in.
pub(super) fn holds(event: &Event<'_>, needle: &Needle, text: &mut Vec<u8>) -> bool {
    text.clear();
    json::write_members(event, text);
    // Between members stand quotes and commas, so the value is found where a member holds it.
    let mut extra = event.fields().filter(|(field, _)| field.is_extra());
    needle.is_in(text) || extra.any(|(field, _)| needle.is_in_name(event.extra_name(field).as_bytes()))
}
