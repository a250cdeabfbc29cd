//! Titles that name a machine. Every party that takes part reads the title, and who a neighbour is may not be for it.

use std::collections::BTreeSet;

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::PartyStatus;
use concert_model::incident::content::Content;
use concert_model::incident::draft::Draft;

use super::mail::{hosts_in, plain};
use super::{Incidents, Refused};

/// Whether entries make a title of which to warn: another one, a party that comes, or a host that gets a party.
pub(super) fn concerns(drafts: &[Draft]) -> bool {
    drafts.iter().any(|draft| match &draft.content {
        Content::Titled(_) | Content::HostHeld(_) => true,
        Content::PartyMoved(moved) => moved.status == PartyStatus::Unknown,
        Content::RoleMoved(moved) => moved.holds && !moved.party.is_empty(),
        _ => false,
    })
}

impl Incidents {
    /// A warning where the title names an observable or a host of the incident, as far as a person sees them.
    pub(super) async fn title_told(&self, person: &Person, incident: &str) -> Result<Option<Problem>, Refused> {
        let Some((case, circle)) = self.found(person, incident).await? else { return Ok(None) };
        let state = self.states.of(&case, &circle, person);
        let named = hosts_in(&state.title);
        if named.is_empty() {
            return Ok(None);
        }
        let ends = state.relations.iter().flat_map(|relation| [&relation.from, &relation.to]);
        let values = state.observables.iter().map(|(_, value)| value);
        let known: BTreeSet<String> = ends.chain(values).chain(state.hosts.keys()).map(|host| plain(host)).collect();
        let warning = |host: &String| {
            let problem = Problem::new(format!("the title names {host}, and every party that takes part reads it"));
            problem.hint("`concert incident write N title title=...` with one that names no machine")
        };
        Ok(named.intersection(&known).next().map(warning))
    }
}
