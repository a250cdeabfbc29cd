//! Parties of incidents that were merged into another, and of what was split into one.
//!
//! What is written into the other is about them too, so what the site forbids of them holds there. A merge gives nobody
//! more to see: a role that is limited to a constituency does not come along. A party that was split off takes part in
//! the new incident, and no more in the one before: such a role goes with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::Circle;
use concert_model::incident::content::Content;
use concert_store::Store;
use concert_store::records::{Change, incidents};

use super::case::{Case, Kept};

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

/// The party whose part or host an entry tells of.
pub(super) fn party_of(kept: &Kept) -> Option<&String> {
    let party = match kept.body.as_ref().map(|(_, content)| content)? {
        Content::PartyMoved(moved) => &moved.party,
        Content::HostHeld(held) => &held.party,
        _ => return None,
    };
    (!party.is_empty()).then_some(party)
}

/// Parties that take part by what a split moved.
pub(super) fn parts(case: &Case, entries: &BTreeSet<String>) -> BTreeSet<String> {
    parties_in(case, entries).0
}

/// What came with a split: parties that take part in it, and those of which it tells besides.
fn parties_in(case: &Case, entries: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let takes_part = |kept: &Arc<Kept>| matches!(&kept.body, Some((_, Content::PartyMoved(_))));
    let all = case.part(entries);
    let told = all.iter().filter(|kept| party_of(kept).is_some());
    let (own, others): (Vec<_>, Vec<_>) = told.partition(|kept| takes_part(kept));
    let names = |all: Vec<&Arc<Kept>>| all.into_iter().filter_map(|kept| party_of(kept)).cloned().collect();
    (names(own), names(others))
}

/// Parties of other incidents that have to do with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    /// Those that take part in it since they were split into it: a role that is limited to one of them holds here.
    pub(super) parts: BTreeSet<String>,
    /// Those that give nobody more to see, and their sectors.
    pub(super) others: BTreeSet<String>,
}

impl Came {
    fn add(&mut self, (parts, others): (BTreeSet<String>, BTreeSet<String>), sectors: impl Fn(&str) -> Vec<String>) {
        self.parts.extend(parts);
        self.others.extend(others.into_iter().flat_map(|party| sectors(&party).into_iter().chain([party])));
    }
}

/// What came from others.
pub(super) async fn of(store: &Store, others: &Others, sectors: impl Fn(&str) -> Vec<String>) -> Result<Came, Problem> {
    let merged = parties(&store.records.circles(&others.merged).await?);
    let mut came = Came { parts: BTreeSet::new(), others: merged };
    for (id, entries) in &others.split {
        let case = Case::new(id, store.records.entries_after(id, 0).await?);
        came.add(parties_in(&case, entries), &sectors);
    }
    Ok(came)
}

/// The same, as a change sees it.
pub(super) async fn of_in(
    change: &mut Change<'_>,
    others: &Others,
    sectors: impl Fn(&str) -> Vec<String>,
) -> Result<Came, Problem> {
    let merged = parties(&incidents::circles_in(change, &others.merged).await?);
    let mut came = Came { parts: BTreeSet::new(), others: merged };
    for (id, entries) in &others.split {
        let case = Case::new(id, incidents::entries_in(change, id, 0).await?);
        came.add(parties_in(&case, entries), &sectors);
    }
    Ok(came)
}
