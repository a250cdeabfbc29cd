//! Parties of incidents that were merged into another, and of what was split into one.
//!
//! What is written into the other is about them too, so what the site forbids of them holds there. It gives nobody
//! more to see: a role that is limited to a constituency does not come along.

use std::collections::BTreeSet;

use concert_model::Problem;
use concert_model::access::Circle;
use concert_model::incident::content::Content;
use concert_model::incident::fold::place;
use concert_store::Store;
use concert_store::records::incidents::EntryRow;
use concert_store::records::{Change, incidents};

use super::case::Case;

/// What of other incidents an incident has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Others {
    /// Incidents that were merged into it.
    pub(super) merged: Vec<String>,
    /// Incidents off which it was split, with the entries that were moved.
    split: Vec<(String, BTreeSet<String>)>,
}

impl Others {
    /// Those of an incident.
    pub(super) fn of(case: &Case) -> Self {
        let merged = case.head.joined.iter().filter(|(how, _)| how == "merged").map(|(_, id)| id.clone()).collect();
        let split = case.head.split.iter().filter(|((how, _), _)| how == "split-from");
        Self { merged, split: split.map(|((_, id), entries)| (id.clone(), entries.clone())).collect() }
    }
}

/// Those of an incident, where they are others than were known; nothing where they are the same.
pub(super) fn unknown(known: Option<&Case>, case: &Case) -> Option<Others> {
    let now = Others::of(case);
    (known.map(Others::of).unwrap_or_default() != now).then_some(now)
}

/// Their parties and sectors, and those of incidents that had been merged into them before.
fn parties(circles: &[String]) -> BTreeSet<String> {
    let read = |circle: &String| serde_json::from_str::<Circle>(circle).unwrap_or_default();
    let of = |circle: Circle| circle.constituencies.into_iter().chain(circle.merged);
    circles.iter().map(read).flat_map(of).collect()
}

/// Parties whose part or hosts these entries of an incident tell of.
fn parties_in(id: &str, rows: Vec<EntryRow>, entries: &BTreeSet<String>) -> BTreeSet<String> {
    let case = Case::new(id, rows);
    let moved = case.entries.iter().filter(|kept| entries.contains(&place(&kept.header)));
    let party = |kept: &std::sync::Arc<super::Kept>| match kept.body.as_ref().map(|(_, content)| content) {
        Some(Content::PartyMoved(moved)) => Some(moved.party.clone()),
        Some(Content::HostHeld(held)) => Some(held.party.clone()),
        _ => None,
    };
    moved.filter_map(party).filter(|party| !party.is_empty()).collect()
}

/// Parties that came from others, and their sectors.
pub(super) async fn of(
    store: &Store,
    others: &Others,
    sectors: impl Fn(&str) -> Vec<String>,
) -> Result<BTreeSet<String>, Problem> {
    let mut all = parties(&store.records.circles(&others.merged).await?);
    for (id, entries) in &others.split {
        let found = parties_in(id, store.records.entries_after(id, 0).await?, entries);
        all.extend(found.into_iter().flat_map(|party| sectors(&party).into_iter().chain([party])));
    }
    Ok(all)
}

/// The same, as a change sees it.
pub(super) async fn of_in(
    change: &mut Change<'_>,
    others: &Others,
    sectors: impl Fn(&str) -> Vec<String>,
) -> Result<BTreeSet<String>, Problem> {
    let mut all = parties(&incidents::circles_in(change, &others.merged).await?);
    for (id, entries) in &others.split {
        let found = parties_in(id, incidents::entries_in(change, id, 0).await?, entries);
        all.extend(found.into_iter().flat_map(|party| sectors(&party).into_iter().chain([party])));
    }
    Ok(all)
}
