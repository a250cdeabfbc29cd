//! The flows of a party's hosts, as the party may know them.
//!
//! Whoever speaks for a party sees them also where the entry is for other parties, or for none: that something reached
//! a host is what its owner has to know. Who is at the other end is told where that was released. What the label keeps
//! within the site, what lies in a compartment, and everything about a party that is not to be told yet stays hidden.
//! Whoever writes to the party tells it no more than that, however much the writer sees.

use std::collections::BTreeSet;
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Circle, Person, sees_flow, tells_flow};
use concert_model::incident::chain::{self, Neighbour};
use concert_model::incident::content::Content;
use concert_model::incident::fold::{Incident, place};
use concert_model::incident::marking::{Marking, Tlp};

use super::case::{Case, Kept};
use super::together::Source;
use super::{Incidents, Refused};

/// The state of an incident out of which a party's neighbours are told, and the party.
pub struct Neighbours {
    state: Arc<Incident>,
    party: String,
    /// Flows and hosts that whoever asks sees, and the party may not be told.
    pub left_out: usize,
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

/// Hosts and flows that may be told, whichever party they are of.
pub(super) struct Facts(Incident);

impl Facts {
    /// Those of an incident, as far as a person sees them; of what was split off or merged only some entries.
    /// Under the label of what tells them.
    pub(super) fn of(
        (case, circle): (&Case, &Circle),
        person: &Person,
        only: Option<&BTreeSet<String>>,
        label: Tlp,
    ) -> Self {
        let moved = case.head.moved();
        let part: Option<BTreeSet<u64>> = only.map(|only| case.part(only).iter().map(|kept| kept.seq).collect());
        let is_here = |kept: &Arc<Kept>| match &part {
            Some(part) => part.contains(&kept.seq),
            None => !moved.contains(&place(&kept.header)),
        };
        let may_go = |kept: &Arc<Kept>| match &kept.body {
            Some((body, Content::Relation(_) | Content::HostHeld(_) | Content::NeighbourNamed(_))) => {
                tells_flow(&body.marking, label)
            }
            _ => false,
        };
        let mut facts = Incident::default();
        for kept in case.seen_by(circle, person).filter(|kept| may_go(kept) && is_here(kept)) {
            facts.apply(&kept.header, kept.said());
        }
        Self(facts)
    }

    /// Those of another incident that show in this one.
    pub(super) fn add(&mut self, other: &Self, number: &str) {
        self.0.include(other.0.clone(), number);
    }

    /// A state with no other hosts and flows than these, where they still hold in it.
    pub(super) fn within(self, state: &Incident) -> Incident {
        let Self(mut facts) = self;
        facts.hosts.retain(|host, owner| state.hosts.get(host) == Some(owner));
        facts
    }
}

/// How many hosts and flows of a party are in a state, and not among what may be told.
pub(super) fn left_out(state: &Incident, facts: &Incident, party: &str) -> usize {
    let count = |state: &Incident| {
        let hosts = state.hosts.values().filter(|owner| *owner == party).count();
        // Of a flow that is open also each time it was seen that is not.
        hosts + chain::neighbours(state, party).iter().map(|one| one.flow.told.len()).sum::<usize>()
    };
    count(state).saturating_sub(count(facts))
}

/// That hosts and flows were left out of what a party is told under a label.
pub fn some_left_out(party: &str, count: usize, label: Tlp) -> Option<Problem> {
    let problem =
        || Problem::new(format!("{count} hosts and flows of {party} are left out: their marking keeps them from it"));
    (count > 0).then(|| {
        problem().hint(match label < Tlp::Amber {
            true => {
                format!("a message that is TLP:{label} tells what is TLP:{label} or more open, and in no compartment")
            }
            false => "what is above TLP:AMBER or in a compartment goes to no party".to_owned(),
        })
    })
}

/// That a party takes no part in an incident, with those that do, as far as somebody sees them.
pub(super) fn takes_no_part(state: &Incident, party: &str) -> Problem {
    let known: Vec<&str> = state.parties.keys().map(String::as_str).collect();
    let problem = Problem::new(format!("`{party}` takes no part in it"));
    if known.is_empty() { problem } else { problem.hint(format!("parties: {}", known.join(", "))) }
}

impl Incidents {
    /// The flows of a party's hosts: as its speaker may know them, and for anybody else who sees them, as far as they may
    /// be told to it.
    pub async fn neighbours(&self, person: &Person, name: &str, party: &str) -> Result<Neighbours, Refused> {
        let state = self.show(person, name).await?;
        let (case, circle) = self.find(person, name).await?;
        let party = &self.party_named(person, name, party).await?;
        let speaks = circle.speakers.get(party).is_some_and(|speakers| speakers.contains(&person.name));
        if !speaks {
            if state.parties.contains_key(party) {
                let facts = self.facts(person, (&case, &circle)).await?.within(&state);
                let left_out = left_out(&state, &facts, party);
                return Ok(Neighbours { state: Arc::new(facts), party: party.clone(), left_out });
            }
            return Err(Refused::Absent(takes_no_part(&state, party)));
        }
        let state = self.with_flows(person, (&case, &circle), state, party).await?;
        Ok(Neighbours { state, party: party.clone(), left_out: 0 })
    }

    /// What may be told of an incident and of those that show in it.
    async fn facts(&self, person: &Person, (case, circle): (&Case, &Circle)) -> Result<Facts, Refused> {
        let mut all = Facts::of((case, circle), person, None, Tlp::Amber);
        for Source { case, circle, only } in self.sources(person, case).await? {
            all.add(&Facts::of((&case, &circle), person, only.as_ref(), Tlp::Amber), &case.head.number);
        }
        Ok(all)
    }

    /// What a speaker sees, and what the speaker may know of flows besides.
    async fn with_flows(
        &self,
        person: &Person,
        (case, circle): (&Case, &Circle),
        state: Arc<Incident>,
        party: &str,
    ) -> Result<Arc<Incident>, Refused> {
        if Box::pin(self.bound(&Person::operator(""), (case, circle))).await?.state.held.contains_key(party) {
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
