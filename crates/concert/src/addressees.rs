//! Everybody who may be told something, by name: constituents, whom registries name, teams of last
//! resort.

use std::borrow::Cow;
use std::sync::Arc;

use concert_model::{Contact, Party};
use concert_pipeline::enrich::Constituents;
use concert_pipeline::registry::Answer;

use crate::registry::Opened;

/// The parties that events and notices name.
pub(crate) struct Addressees {
    pub(crate) constituents: Arc<Constituents>,
    pub(crate) teams: Arc<Constituents>,
    pub(crate) registry: Option<Opened>,
}

impl Addressees {
    /// The party of this name, with its contacts.
    pub(crate) fn find(&self, name: &str) -> Option<Cow<'_, Party>> {
        if let Some(party) = self.constituents.named(name).or_else(|| self.teams.named(name)) {
            return Some(Cow::Borrowed(party));
        }
        let answer = self.registry.as_ref()?.party(name).unwrap_or_else(|why| {
            tracing::error!("the data of registries cannot be used: {why}");
            None
        })?;
        Some(Cow::Owned(party_of(&answer)))
    }

    /// The team that is told in place of a constituent whose contacts do not answer: the first one for
    /// one of its sectors.
    pub(crate) fn team_for(&self, party: &Party) -> Option<&Party> {
        let shares = |team: &&Party| team.sectors.iter().any(|sector| party.sectors.contains(sector));
        self.teams.parties().iter().filter(|team| team.name != party.name).find(shares)
    }
}

/// A party as a registry knows it.
fn party_of(answer: &Answer) -> Party {
    let origin = format!("{} {}", answer.via, answer.handles.join(", "));
    let contact = |mail: &String| Contact {
        purpose: "abuse".into(),
        mail: mail.clone(),
        origin: origin.clone(),
        ..Contact::default()
    };
    Party { name: answer.party.clone(), contacts: answer.usable().map(contact).collect(), ..Party::default() }
}
