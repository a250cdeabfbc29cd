//! The flows of a party's hosts, as the party may know them.
//!
//! Whoever speaks for a party sees them also where the entry is for other parties, or for none: that something reached
//! a host is what its owner has to know. Who is at the other end is told where that was released. What the label keeps
//! within the site, what lies in a compartment, and everything about a party that is not to be told yet stays hidden.

use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Circle, Person, sees_flow};
use concert_model::incident::chain::{self, Neighbour};
use concert_model::incident::content::Content;
use concert_model::incident::fold::Incident;
use concert_model::incident::marking::Marking;

use super::case::{Case, Kept};
use super::{Incidents, Refused};

/// The state of an incident out of which a party's neighbours are told, and the party.
pub struct Neighbours {
    state: Arc<Incident>,
    party: String,
}

impl Neighbours {
    /// Each flow of a host of the party.
    pub fn rows(&self) -> Vec<Neighbour<'_>> {
        chain::neighbours(&self.state, &self.party)
    }
}

/// Entries that say what flows a party's own hosts had a part in: for it, the flows, which hosts are its own, and whom
/// it may know by name.
fn concerns(kept: &Kept, party: &str) -> bool {
    match kept.body.as_ref().map(|(_, content)| content) {
        Some(Content::Relation(_)) => true,
        Some(Content::HostHeld(held)) => held.party == party,
        Some(Content::NeighbourNamed(named)) => named.party == party,
        _ => false,
    }
}

/// That a party takes no part in an incident, with those that do, as far as somebody sees them.
pub(super) fn takes_no_part(state: &Incident, party: &str) -> Problem {
    let known: Vec<&str> = state.parties.keys().map(String::as_str).collect();
    let problem = Problem::new(format!("`{party}` takes no part in it"));
    if known.is_empty() { problem } else { problem.hint(format!("parties: {}", known.join(", "))) }
}

impl Incidents {
    /// The flows of a party's hosts: as its speaker may know them, and as anybody else sees them.
    pub async fn neighbours(&self, person: &Person, name: &str, party: &str) -> Result<Neighbours, Refused> {
        let state = self.show(person, name).await?;
        let (case, circle) = self.find(person, name).await?;
        let party = &self.party_named(person, name, party).await?;
        let speaks = circle.speakers.get(party).is_some_and(|speakers| speakers.contains(&person.name));
        if !speaks {
            if state.parties.contains_key(party) {
                return Ok(Neighbours { state, party: party.clone() });
            }
            return Err(Refused::Wrong(takes_no_part(&state, party)));
        }
        let state = self.with_flows(person, (&case, &circle), state, party).await?;
        Ok(Neighbours { state, party: party.clone() })
    }

    /// What a speaker sees, and what the speaker may know of flows besides.
    async fn with_flows(
        &self,
        person: &Person,
        (case, circle): (&Case, &Circle),
        state: Arc<Incident>,
        party: &str,
    ) -> Result<Arc<Incident>, Refused> {
        let whole = case.whole();
        if whole.held.contains_key(party) {
            return Ok(state);
        }
        let may_know = |kept: &&Arc<Kept>| {
            let Some((body, _)) = kept.body.as_ref().filter(|_| concerns(kept, party)) else { return false };
            !case.shows(circle, person, kept) && sees_flow(person, circle, (&body.marking, &body.author), party).allowed
        };
        let more: Vec<&Arc<Kept>> = case.entries.iter().filter(may_know).collect();
        let markings = more.iter().filter_map(|kept| kept.marking());
        self.audit_read(person, &case.head.number, markings.collect::<Vec<&Marking>>().into_iter()).await?;
        let mut known = Incident::clone(&state);
        for kept in more {
            known.apply(&kept.header, kept.said());
        }
        Ok(Arc::new(known))
    }
}
