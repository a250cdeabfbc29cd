//! Everybody who may be told something, by name: constituents, whom registries name, teams of last
//! resort.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use concert_model::{Contact, Party};
use concert_pipeline::enrich::Constituents;
use concert_pipeline::mail::address::canonical;
use concert_pipeline::registry::{Answer, Step, reserved};

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

    /// Contacts of teams and of those whom registries name, of all that notices went to, with their parties. Given are
    /// addresses, separated by commas, and whom they were told for.
    pub(crate) fn told(&self, told: &[(String, String)]) -> Vec<(String, Contact)> {
        let mut found = Vec::new();
        for (name, some) in told.chunk_by(|a, b| a.1 == b.1).filter_map(|some| Some((&some.first()?.1, some))) {
            if self.constituents.named(name).is_some() {
                continue;
            }
            let Some(party) = self.find(name) else { continue };
            let to: BTreeSet<String> = some.iter().flat_map(|(to, _)| to.split(',').map(canonical)).collect();
            let is_told = |contact: &&Contact| to.contains(&canonical(&contact.mail));
            found.extend(party.contacts.iter().filter(is_told).map(|contact| (party.name.clone(), contact.clone())));
        }
        found
    }

    /// Whether events of a party may go on to others: registries named it, or it is a team that they went on to.
    pub(crate) fn may_go_on(&self, party: &str, passed_over: &str) -> bool {
        let is_team = self.teams.named(party).is_some();
        !party.is_empty() && self.constituents.named(party).is_none() && (!is_team || !passed_over.is_empty())
    }

    /// The team that is told in place of a constituent whose contacts do not answer: the first one for
    /// one of its sectors.
    pub(crate) fn team_for(&self, party: &Party) -> Option<&Party> {
        let shares = |team: &&Party| team.sectors.iter().any(|sector| party.sectors.contains(sector));
        self.teams.parties().iter().filter(|team| team.name != party.name).find(shares)
    }
}

/// Whom registries name of those that are left: a network or AS number, and those before it that are not.
pub(crate) struct Left {
    /// Who is told.
    pub(crate) found: Option<Step>,
    /// Those of whom an address is known, but none is left, from the smallest on.
    pub(crate) passed: Vec<Step>,
}

/// Asks the networks around a span of addresses, the smallest first, then the AS, until one names an address that
/// is left.
pub(crate) fn left(
    registry: &Opened,
    span: Option<(IpAddr, IpAddr)>,
    asn: Option<u32>,
    is_free: &dyn Fn(&str) -> bool,
) -> Result<Left, String> {
    let is_left = |answer: &Answer| answer.usable().any(|mail| is_free(mail));
    let mut steps = match span.filter(|(first, _)| reserved(*first).is_none()) {
        Some((first, last)) => registry.find_until(first, last, &is_left)?.steps,
        None => Vec::new(),
    };
    if let (false, Some(asn)) = (steps.last().is_some_and(|step| is_left(&step.answer)), asn) {
        steps.extend(registry.find_asn(asn)?.steps);
    }
    let found = steps.pop_if(|step| is_left(&step.answer));
    steps.retain(|step| step.answer.is_usable());
    Ok(Left { found, passed: steps })
}

/// `RIPE inetnum 192.0.2.0 - 192.0.2.255`: the object, by its key.
pub(crate) fn origin(step: &Step) -> String {
    format!("{} {} {}", step.answer.registry, step.class, step.what)
}

/// A party as a registry knows it.
pub(crate) fn party_of(answer: &Answer) -> Party {
    let origin = format!("{} {}", answer.via, answer.handles.join(", "));
    let contact = |mail: &String| Contact {
        purpose: "abuse".into(),
        mail: mail.clone(),
        origin: origin.clone(),
        ..Contact::default()
    };
    Party { name: answer.party.clone(), contacts: answer.usable().map(contact).collect(), ..Party::default() }
}
