//! The contact book over the API: who answers for a value, parties and their contacts, files in and out.
//!
//! Nobody outside is asked here: what a question costs there is for whoever sits at the machine to decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_model::Party;
use concert_model::access::{Action, Kept, Person};
use concert_pipeline::enrich::constituents::{write_csv, write_json};
use concert_server::desk::{Asking, Change, Import, Whose};
use concert_server::site::{Page, Refusal, Slice};
use concert_store::records::{Health, Parties, append_audit, import_parties_in};
use serde_json::{Value, json};

use super::acts::{again, by, done};
use super::looks::{aside, need};
use super::{Pages, failed};
use crate::barred::Barred;
use crate::command::contact::state::Known;
use crate::command::contact::{self, check, health, import, show};
use crate::command::who;
use crate::problems::Failure;
use crate::reach::Reach;
use crate::registry;
use crate::wire::Site;

fn object<const N: usize>(columns: [&str; N], values: [Value; N]) -> Value {
    columns.into_iter().map(str::to_owned).zip(values).collect::<serde_json::Map<_, _>>().into()
}

fn seen(pages: &Pages, person: &Person) -> Result<(Arc<Site>, Reach), Refusal> {
    let site = pages.site();
    let reach = site.reach(person, Kept::Contacts).map_err(Refusal::Denied)?;
    Ok((site, reach))
}

/// Constituents and teams that are seen.
async fn parties(site: &Site, reach: &Reach) -> Result<Vec<Party>, Refusal> {
    let (constituents, teams) = (of(site, reach, Parties::Constituents).await?, of(site, reach, Parties::Teams).await?);
    Ok([constituents, teams].concat())
}

/// Those of one part of the contact book that the person sees.
async fn of(site: &Site, reach: &Reach, which: Parties) -> Result<Vec<Party>, Refusal> {
    let mut parties = site.store.records.parties(which).await.map_err(failed)?;
    parties.retain(|party| reach.has(&party.name));
    Ok(parties)
}

pub(super) async fn who(pages: &Pages, person: &Person, asking: Asking) -> Result<Value, Refusal> {
    let known = asking.purpose.as_deref().map_or(Ok(()), who::purpose);
    known.map_err(|problem| Refusal::Mistakes(vec![problem]))?;
    let (site, reach) = seen(pages, person)?;
    let health = site.store.records.contact_health().await.map_err(failed)?;
    let barred = site.barred().await.map_err(failed)?;
    aside(move || answers(&site, &reach, (&health, &barred), &asking)).await?
}

fn answers(
    site: &Site,
    reach: &Reach,
    (health, barred): (&BTreeMap<String, Health>, &Barred),
    asking: &Asking,
) -> Result<Value, Refusal> {
    // Who sees a part of the contact book learns nothing of whoever stands in the registries.
    let many = asking.values.len() > 1;
    let registry = if reach.is_all() { registry::open(&site.settings.data_dir(), many) } else { Ok(None) };
    let registry = registry.unwrap_or_else(|problem| {
        tracing::warn!("{problem}");
        None
    });
    let (constituents, teams, all_teams) = (reach.only(site.constituents()), reach.only(site.teams()), site.teams());
    let lookup = site.lookup();
    let book = who::Book {
        constituents: &constituents,
        teams: &teams,
        all_teams: &all_teams,
        lookup: &lookup,
        registry: registry.as_ref(),
        health,
        barred,
        no_key: &|contact| site.keyless(contact),
        purpose: asking.purpose.as_deref(),
        responsible: &site.settings.lookup.responsible,
        is_whole: reach.is_all(),
        outside: None,
    };
    let (mut rows, mut passed_over) = (Vec::new(), Vec::new());
    for value in &asking.values {
        let failed = |failure: Failure| Refusal::Failed(failure.to_string());
        for (value, found, mut over) in who::answers(value, &book, asking.explain).map_err(failed)? {
            rows.extend(found.into_iter().map(|row| object(who::COLUMNS, row.cells)));
            if asking.explain {
                over.splice(..0, who::passed_over(&value, &book).map_err(failed)?);
            }
            passed_over.extend(over.into_iter().map(|what| json!({"value": value, "what": what})));
        }
    }
    let mut answer = json!({"rows": rows});
    if let (true, Some(members)) = (asking.explain, answer.as_object_mut()) {
        members.insert("passed_over".into(), passed_over.into());
    }
    Ok(answer)
}

pub(super) async fn contacts(pages: &Pages, person: &Person, slice: &Slice) -> Result<Page<Value>, Refusal> {
    let (site, reach) = seen(pages, person)?;
    let parties = parties(&site, &reach).await?;
    let known = Known::read(&site.store.records, site.keyring()).await.map_err(failed)?;
    let rows: Vec<[Value; 15]> = contact::rows(&parties, &known).collect();
    slice.part(rows.into_iter().map(|row| object(contact::COLUMNS, row)))
}

pub(super) async fn health(pages: &Pages, person: &Person, slice: &Slice) -> Result<Page<Value>, Refusal> {
    let (site, reach) = seen(pages, person)?;
    let rows = health::rows(&site, &reach).await.map_err(failed)?;
    slice.part(rows.into_iter().map(|row| object(health::COLUMNS, row)))
}

pub(super) async fn findings(pages: &Pages, person: &Person, slice: &Slice) -> Result<Page<Value>, Refusal> {
    let (site, reach) = seen(pages, person)?;
    let (constituents, teams) =
        (of(&site, &reach, Parties::Constituents).await?, of(&site, &reach, Parties::Teams).await?);
    let look = move || {
        let parts = check::Parts { constituents: &constituents, teams: &teams };
        [check::with_keys(&site.settings, parts, reach.is_all()), check::remarks(&constituents)].concat()
    };
    let found = aside(look).await?;
    slice.part(found.into_iter().map(|(kind, party, what)| json!({"kind": kind, "party": party, "what": what})))
}

pub(super) async fn party(pages: &Pages, person: &Person, name: &str) -> Result<Value, Refusal> {
    let (site, reach) = seen(pages, person)?;
    let found = show::find(name, &site.store, &site.settings.data_dir(), &reach).await.map_err(failed)?;
    let known = Known::read(&site.store.records, site.keyring()).await.map_err(failed)?.shown_to(&reach);
    show::party_json(&found.ok_or(Refusal::Missing)?, &known).map_err(failed)
}

fn which(whose: Whose) -> Parties {
    match whose {
        Whose::Constituents => Parties::Constituents,
        Whose::Teams => Parties::Teams,
    }
}

pub(super) async fn export(pages: &Pages, person: &Person, whose: Whose, is_json: bool) -> Result<Value, Refusal> {
    let (site, reach) = seen(pages, person)?;
    let mut parties = site.store.records.parties(which(whose)).await.map_err(failed)?;
    parties.retain(|party| reach.has(&party.name));
    contact::export::with_keys(&mut parties, &site.keyring());
    Ok(Value::String(if is_json { write_json(&parties) } else { write_csv(&parties) }))
}

/// Replaces all parties of a kind by those of files; or says what that would change.
pub(super) async fn import(pages: &Pages, change: &Change, wanted: Import) -> Result<Value, Refusal> {
    need(&change.person, Action::ChangeSite(Kept::Contacts))?;
    let Import { parties: whose, files, dry_run, remove_all } = wanted;
    let (site, which) = (pages.site(), which(whose));
    let files: Vec<(String, Vec<u8>)> = files.into_iter().map(|file| (file.name, file.text.into_bytes())).collect();
    let at = Arc::clone(&site);
    let others = site.store.records.parties(import::of_other_part(which)).await.map_err(failed)?;
    let read = aside(move || import::read_texts(&files, which, &at.settings, &others)).await?;
    let parties = read.map_err(Refusal::Mistakes)?;
    let records = &site.store.records;
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    let before = records.parties(which).await.map_err(failed)?;
    let refused = import::removes_all(&before, &parties, "`remove_all`").filter(|_| !remove_all && !dry_run);
    if let Some(problem) = refused {
        records.undo(writing).await.map_err(failed)?;
        return Err(Refusal::Mistake(problem));
    }
    let changes: Vec<Value> = import::differences(&before, &parties)
        .into_iter()
        .map(|(change, party, what)| json!({"change": change, "party": party, "what": what}))
        .collect();
    let findings = check::findings(&site.settings, check::Parts::one(which, &parties))
        .iter()
        .filter(|one| check::is_bad(one))
        .count();
    let answer = json!({"changes": changes, "parties": parties.len(), "findings": findings, "dry_run": dry_run});
    if dry_run {
        records.undo(writing).await.map_err(failed)?;
        return Ok(answer);
    }
    import_parties_in(&mut writing, which, &parties).await.map_err(failed)?;
    let act = import::imported(which, parties.len(), changes.len());
    append_audit(&mut writing, &by(&change.person), &act).await.map_err(failed)?;
    done(records, writing, change, answer).await
}
