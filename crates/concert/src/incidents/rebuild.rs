//! What is derived from journals, made anew; and journals checked from their first entry on.

use std::collections::{BTreeMap, BTreeSet};

use concert_model::access::{Circle, Person};
use concert_model::incident::content::Content;
use concert_model::incident::journal::{Body, Entry, Header, SiteId, verify};
use concert_model::incident::marking::Marking;
use concert_model::{Problem, Time};
use concert_store::Store;
use concert_store::records::incidents::{self, EntryRow, Head, Touched};
use concert_store::records::{Change, remember_in};

use serde_json::json;

use super::case::Case;
use super::read::circle_of;
use super::write::head_of;
use super::{Incidents, Refused, merged, sight, text};

/// By which rules entries are made findable here. Counts up whenever an entry is found by more than before, or lists say
/// more; then what was derived by an earlier build is made anew once.
const DERIVED: &str = "8";
/// Numbers without an incident that are told.
const GONE_MAX: usize = 100;
/// How many entries are made findable by one statement; those of one incident stay together.
const FINDABLE_AT_ONCE: usize = 2_000;
/// Where it is remembered by which rules it was derived.
const REMEMBERED: (&str, &str) = ("incident derived", "version");

/// Journals that were checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Number of incidents.
    pub incidents: u64,
    /// Number of entries.
    pub entries: u64,
    /// What is wrong, with its place.
    pub problems: Vec<Problem>,
}

impl Incidents {
    /// Drops what is derived from entries and makes it anew, in one transaction. Gives the number of
    /// incidents.
    pub async fn rebuild(&self) -> Result<u64, Problem> {
        let change = self.store.records.change().await?;
        self.rebuild_in(change).await
    }

    /// The same where an earlier build derived it by other rules. Gives the number of incidents where there was
    /// something to do.
    pub async fn rebuild_if_old(&self) -> Result<Option<u64>, Problem> {
        let records = &self.store.records;
        let is_new = |kept: Option<String>| kept.as_deref() == Some(DERIVED);
        if is_new(records.recall(REMEMBERED.0, REMEMBERED.1).await?) {
            return Ok(None);
        }
        let change = records.change().await?;
        // Somebody else may have done it while this waited.
        if is_new(records.recall(REMEMBERED.0, REMEMBERED.1).await?) {
            return Ok(None);
        }
        let count = self.rebuild_in(change).await?;
        Ok((count > 0).then_some(count))
    }

    async fn rebuild_in(&self, mut change: Change<'static>) -> Result<u64, Problem> {
        self.store.records.drop_derived(&mut change).await?;
        let journals = self.store.records.journals().await?;
        let (mut joined, mut findable) = (Vec::new(), Vec::new());
        for id in &journals {
            let case = Case::new(id, incidents::entries_in(&mut change, id, 0).await?);
            for kept in case.entries.iter() {
                if let Some(marking) = kept.remarked() {
                    let (site, marked) = (kept.header.site.to_string(), json!(marking).to_string());
                    incidents::mark_entry(&mut change, id, (&site, kept.header.sequence), &marked).await?;
                }
                // By what stands of an opening nothing is found.
                if let Some((_, content)) = kept.body.as_ref().filter(|_| !kept.is_erased()) {
                    findable.push((kept.seq, id.as_str(), text::findable(content)));
                }
            }
            if findable.len() >= FINDABLE_AT_ONCE {
                incidents::keep_findable(&mut change, &std::mem::take(&mut findable)).await?;
            }
            incidents::keep_head(&mut change, &self.head_of(&case)).await?;
            incidents::touch_anew(&mut change, id, &case.touched()).await?;
            joined.extend(merged::unknown(None, &case).map(|merged| (case, merged)));
        }
        incidents::keep_findable(&mut change, &findable).await?;
        // What was merged into an incident may have had others merged into it before: until nothing more is found.
        let mut is_changed = true;
        while std::mem::take(&mut is_changed) {
            for (case, merged) in &mut joined {
                let parties = merged::of_in(&mut change, merged, |party| self.sectors(party)).await?;
                if parties != case.came {
                    (case.came, is_changed) = (parties, true);
                    incidents::keep_head(&mut change, &self.head_of(case)).await?;
                }
            }
        }
        remember_in(&mut change, REMEMBERED.0, REMEMBERED.1, DERIVED).await?;
        self.store.records.commit(change).await?;
        self.held().clear();
        Ok(journals.len() as u64)
    }

    /// Verifies the journal of an incident that a person sees: the number of its entries, and all that is wrong.
    /// Headers are for whoever sees the incident, so a place names also what the person does not see.
    pub async fn look_at_journal(&self, person: &Person, incident: &str) -> Result<(u64, Vec<Problem>), Refused> {
        let (case, _) = self.find(person, incident).await?;
        let Verified { entries, problems, .. } = verify_one(&self.store, &case.id).await?;
        Ok((entries, problems))
    }
}

/// Makes anew what an earlier build derived from journals, and tells so.
pub async fn made_anew(incidents: &Incidents) -> Result<(), Problem> {
    if let Some(count) = incidents.rebuild_if_old().await? {
        tracing::info!(
            incidents = count,
            "lists and searches of {count} incidents were made anew: those of an earlier build say less"
        );
    }
    Ok(())
}

/// What to tell where the newest entry of all incidents is ahead of the clock: it was wrong when that was written, or is
/// wrong now.
pub async fn ahead(store: &Store, now: Time) -> Result<Option<Problem>, Problem> {
    let last = Time(store.records.last_entry().await?.cast_signed());
    Ok(ahead_of("the newest entry of all incidents", last, now))
}

/// The same of what was written at a moment.
pub fn ahead_of(what: &str, written: Time, now: Time) -> Option<Problem> {
    let seconds = written.seconds().saturating_sub(now.seconds());
    written.is_ahead_of(now).then(|| {
        let hint = "the clock of this machine was ahead then, or is behind now; until then entries of that incident get this time, and what is due so long after one of them is due later";
        Problem::new(format!("{what} is of {written}, which is {} from now", span(seconds))).hint(hint)
    })
}

/// A span of time for people.
fn span(seconds: i64) -> String {
    match (seconds / 86_400, seconds % 86_400 / 3_600, seconds % 3_600 / 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Verifies the chains of every incident, one after another. It takes no key: each chain names its own.
pub async fn verify_journals(store: &Store) -> Result<Checked, Problem> {
    let mut checked = Checked::default();
    // Asked first: what is opened meanwhile has its number later.
    let given = store.records.numbers_given().await?;
    let (mut numbers, mut joined) = (BTreeSet::new(), BTreeMap::new());
    for id in store.records.journals().await? {
        checked.incidents += 1;
        let Verified { entries, problems, number, others } = verify_one(store, &id).await?;
        checked.entries += entries;
        checked.problems.extend(problems);
        joined.extend(others.into_iter().map(|other| (other, number.clone().unwrap_or_else(|| id.clone()))));
        numbers.extend(number.as_deref().and_then(counted));
    }
    checked.problems.extend(taken_out(&given, &numbers));
    for id in store.records.without_entries().await? {
        checked.incidents += 1;
        joined.remove(&id);
        checked.problems.push(Problem::new("all its entries are missing").at(format!("journal of {id}")));
    }
    // Asked last: another may have been split off meanwhile.
    for id in store.records.journals().await? {
        joined.remove(&id);
    }
    checked.problems.extend(joined.into_iter().map(|(id, by)| {
        let what = format!("all its entries are missing: the journal of {by} says that the two belonged together");
        Problem::new(what).at(format!("journal of {id}")).hint("a backup may have it")
    }));
    Ok(checked)
}

/// The year of the number of an incident, and its place in it; what stands before that may be changed in the settings.
fn counted(number: &str) -> Option<(String, u64)> {
    let (year, count) = number.rsplit_once('#')?.1.split_once('-')?;
    Some((year.to_owned(), count.parse().ok()?))
}

/// Incidents that are gone with all their entries: their numbers were given, each after the one before it.
fn taken_out(
    (years, opened): &(Vec<(String, u64)>, Vec<String>),
    there: &BTreeSet<(String, u64)>,
) -> impl Iterator<Item = Problem> {
    let named: BTreeMap<(String, u64), &String> =
        opened.iter().filter_map(|object| Some((counted(object)?, object))).collect();
    let of_years = years.iter().flat_map(|(year, last)| (1..=*last).map(|count| (year.clone(), count)));
    let given: BTreeSet<(String, u64)> = of_years.chain(named.keys().cloned()).collect();
    let gone: Vec<(String, u64)> = given.difference(there).take(GONE_MAX).cloned().collect();
    let name = move |(year, count): &(String, u64)| match named.get(&(year.clone(), *count)) {
        Some(object) => String::clone(object),
        None => format!("incident #{year}-{count:06}"),
    };
    let names: Vec<String> = gone.iter().map(name).collect();
    names.into_iter().map(|name| {
        let what = "the number was given, and there is no entry of an incident that has it";
        Problem::new(what).at(name).hint("a backup may have it")
    })
}

/// What was found out of one journal.
struct Verified {
    entries: u64,
    problems: Vec<Problem>,
    /// The number of its incident, where an entry says it.
    number: Option<String>,
    /// Incidents with which it says that it was joined.
    others: BTreeSet<String>,
}

/// Other incidents that entries name, by their identities: those with which theirs was joined.
fn others_in(rows: &[EntryRow]) -> BTreeSet<String> {
    // Most entries are no such, and need not be read for it.
    let may_name = |body: &&str| ["joined/1", "erased/1"].iter().any(|kind| body.contains(kind));
    let bodies = rows.iter().filter_map(|row| row.body.as_deref()).filter(may_name);
    let named = bodies.filter_map(|body| Body::read(body).ok()).filter_map(|body| {
        match Content::read(&body.kind, &body.content) {
            Content::Joined(joined) => Some(joined.incident),
            Content::Erased(erased) => Some(erased.joins).filter(|joins| !joins.is_empty()),
            _ => None,
        }
    });
    named.collect()
}

/// The number that the first entry of an incident says.
fn number_in(rows: &[EntryRow]) -> Option<String> {
    let bodies = rows.iter().filter_map(|row| row.body.as_deref());
    // Of an opening that was erased another entry says it.
    let says_it =
        |body: &&str| ["opened/1", "opening/1"].iter().any(|kind| body.contains(&format!("\"kind\":\"{kind}\"")));
    let opening = bodies.filter(says_it).find_map(|body| Body::read(body).ok())?;
    opening.content.get("number")?.as_str().map(str::to_owned)
}

/// The number of entries of a journal, and all that is wrong with it.
async fn verify_one(store: &Store, id: &str) -> Result<Verified, Problem> {
    // Read first, so that what is written meanwhile is not missing from the entries.
    let listed = store.records.listed(id).await?;
    let rows = store.records.entries_after(id, 0).await?;
    let count = rows.len() as u64;
    let (number, others) = (number_in(&rows), others_in(&rows));
    let mut problems = verify_journal(id, &rows);
    let of_journal = |what: &str| Problem::new(what).at(format!("journal of {id}"));
    for seq in store.records.entries_astray(id).await? {
        let what = "its row says another place or time than its header";
        problems.push(Problem::new(what).at(format!("journal of {id}, entry number {seq}")));
    }
    // The end of a chain that was cut off leaves a chain that is sound.
    let last = rows.last().map_or(0, |row| row.seq);
    match listed {
        Some((head, _)) if head.changed > last => problems.push(of_journal("its newest entries are missing")),
        Some(listed) if !is_derived(&listed, rows) && !is_derived_now(store, id).await? => {
            let problem = of_journal("how it stands in lists is not what follows from its entries");
            problems.push(problem.hint("`concert incident rebuild` makes lists anew"));
        }
        Some(_) => {}
        None => {
            let problem = of_journal("it is in no list");
            problems.push(problem.hint("`concert incident rebuild` makes lists anew"));
        }
    }
    // What an earlier build derived says less, and is made anew when this one begins.
    let is_of_this_build = store.records.recall(REMEMBERED.0, REMEMBERED.1).await?.as_deref() == Some(DERIVED);
    // Asked twice, as something may be written or erased in between.
    if is_of_this_build && !is_found(store, id).await? && !is_found(store, id).await? {
        let problem = of_journal("what its entries are found by is not what follows from them");
        problems.push(problem.hint("`concert incident rebuild` makes searches anew"));
    }
    Ok(Verified { entries: count, problems, number, others })
}

/// Whether what the entries of an incident are found by follows from them.
async fn is_found(store: &Store, id: &str) -> Result<bool, Problem> {
    let (values, texts) = store.records.found_by(id).await?;
    let (mut want_values, mut want_texts) = (BTreeSet::new(), BTreeSet::new());
    for row in store.records.entries_after(id, 0).await? {
        let Some(body) = row.body.as_deref().and_then(|body| Body::read(body).ok()) else { continue };
        let found = text::findable(&Content::read(&body.kind, &body.content));
        want_values.extend(found.observables.into_iter().map(|(kind, value)| (row.seq, kind, value)));
        if !found.text.is_empty() {
            want_texts.insert(row.seq);
        }
    }
    Ok((values, texts) == (want_values, want_texts))
}

/// Whether how an incident stands in lists, and who sees it there, follows from its entries. What belongs to its
/// parties is as it was when something was written last, so it is not compared.
fn is_derived((head, touched): &(Head, Vec<Touched>), mut rows: Vec<EntryRow>) -> bool {
    // What was written since the head was read is not in it.
    rows.retain(|row| row.seq <= head.changed);
    let read = |text: &String| serde_json::from_str::<Marking>(text).ok();
    let marked: BTreeMap<u64, Option<Marking>> =
        rows.iter().filter_map(|row| Some((row.seq, read(row.marked.as_ref()?)))).collect();
    let case = Case::new(&head.id, rows);
    let remarked = case.entries.iter().filter_map(|kept| Some((kept.seq, Some(kept.remarked()?.clone()))));
    if marked != remarked.collect() {
        return false;
    }
    let want = head_of(&case, &case.head.circle(|_| Vec::new()));
    // By what they mean: there may be several texts of it.
    let kept = touched.iter().map(|one| (sight::value(&one.sight).to_string(), (one.seq, one.time)));
    let made = case.touched().into_iter().map(|(sight, last)| (sight::value(&sight).to_string(), last));
    if kept.collect::<BTreeMap<_, _>>() != made.collect() {
        return false;
    }
    let (circle, own) = (circle_of(head), circle_of(&want));
    let circle = Circle { constituencies: own.constituencies.clone(), merged: own.merged.clone(), ..circle };
    circle == own && Head { circle: head.circle.clone(), ..want } == *head
}

/// The same, asked anew: an entry may have been erased meanwhile.
async fn is_derived_now(store: &Store, id: &str) -> Result<bool, Problem> {
    let listed = store.records.listed(id).await?;
    let rows = store.records.entries_after(id, 0).await?;
    Ok(listed.is_some_and(|listed| is_derived(&listed, rows)))
}

/// What is wrong with single entries of an incident, and the first thing wrong with each of its chains.
fn verify_journal(id: &str, rows: &[EntryRow]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut entries: Vec<(u64, Entry)> = Vec::with_capacity(rows.len());
    for row in rows {
        let place = format!("journal of {id}, entry number {}", row.seq);
        let header = match Header::read(&row.header) {
            Ok(header) => header,
            Err(why) => {
                problems.push(Problem::new(why).at(place));
                continue;
            }
        };
        let body = match row.body.as_deref().map(Body::read).transpose() {
            // A body that is not written in the one canonical way is not the one that was signed.
            Ok(body) if body.as_ref().map(Body::text).transpose().ok() == Some(row.body.clone()) => body,
            Ok(_) => {
                problems.push(Problem::new("a body is not written in the one canonical way").at(place));
                continue;
            }
            Err(why) => {
                problems.push(Problem::new(why).at(place));
                continue;
            }
        };
        entries.push((row.seq, Entry { header, body }));
    }
    let mut add = |seq: u64, what: &str| {
        problems.push(Problem::new(what).at(format!("journal of {id}, entry number {seq}")));
    };
    unsaid(&entries).into_iter().for_each(|seq| add(seq, "its body is gone, and no entry says that it was erased"));
    disordered(&entries).into_iter().for_each(|seq| add(seq, "it is numbered after a later entry of its chain"));
    entries.sort_by_key(|(_, entry)| (entry.header.site, entry.header.sequence));
    for chain in entries.chunk_by(|(_, one), (_, other)| one.header.site == other.header.site) {
        if let Err((sequence, why)) = verify(id, chain.iter().map(|(_, entry)| entry)) {
            let site = chain.first().map_or(SiteId::default(), |(_, entry)| entry.header.site);
            problems.push(Problem::new(why).at(format!("journal of {id}, site {site}, entry {sequence}")));
        }
    }
    problems
}

/// Numbers of entries without a body, of which no other entry says that it was erased.
fn unsaid(entries: &[(u64, Entry)]) -> Vec<u64> {
    let erased = |body: &Body| match Content::read(&body.kind, &body.content) {
        Content::Erased(erased) => Some((erased.site, erased.sequence)),
        _ => None,
    };
    let said: BTreeSet<(String, u64)> =
        entries.iter().filter_map(|(_, entry)| entry.body.as_ref().and_then(erased)).collect();
    let is_unsaid =
        |entry: &Entry| entry.body.is_none() && !said.contains(&(entry.header.site.to_string(), entry.header.sequence));
    entries.iter().filter(|(_, entry)| is_unsaid(entry)).map(|(seq, _)| *seq).collect()
}

/// Numbers of entries that come after one that follows them in their chain. Entries come in the order of their
/// numbers.
fn disordered(entries: &[(u64, Entry)]) -> Vec<u64> {
    let mut reached: BTreeMap<SiteId, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for (seq, Entry { header, .. }) in entries {
        let highest = reached.entry(header.site).or_default();
        if header.sequence < *highest {
            found.push(*seq);
        }
        *highest = header.sequence.max(*highest);
    }
    found
}
