//! Everybody who may be told something, by name: constituents, whom registries or their servers name, teams of last
//! resort.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use concert_model::{Contact, Party};
use concert_pipeline::enrich::Constituents;
use concert_pipeline::mail::address::canonical;
use concert_pipeline::registry::{Answer, Step, reserved_in};

use crate::barred::Barred;
use crate::registry::Opened;

/// The parties that events and notices name.
pub(crate) struct Addressees {
    pub(crate) constituents: Arc<Constituents>,
    pub(crate) teams: Arc<Constituents>,
    pub(crate) registry: Option<Opened>,
    /// Whom servers of registries, and domains, named; nothing where the settings want neither asked.
    pub(crate) learned: Option<Arc<Constituents>>,
}

impl Addressees {
    /// The party of this name, with its contacts.
    pub(crate) fn find(&self, name: &str) -> Option<Cow<'_, Party>> {
        if let Some(party) = self.constituents.named(name).or_else(|| self.teams.named(name)) {
            return Some(Cow::Borrowed(party));
        }
        if let Some(party) = self.learned.as_ref().and_then(|learned| learned.named(name)) {
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
            let to: BTreeSet<String> = some.iter().flat_map(|(to, _)| to.split(',').map(canonical)).collect();
            let is_told = |contact: &&Contact| to.contains(&canonical(&contact.mail));
            // Of a constituent, teams that stood in for it.
            let parties: Vec<Cow<'_, Party>> = match self.constituents.named(name) {
                Some(_) => self.teams.parties().iter().map(Cow::Borrowed).collect(),
                None => self.find(name).into_iter().collect(),
            };
            for party in parties {
                let told = party.contacts.iter().filter(is_told);
                found.extend(told.map(|contact| (party.name.clone(), contact.clone())));
            }
        }
        found
    }

    /// The names of teams and of parties whom registries or their servers name, by addresses in canonical form that are theirs.
    pub(crate) fn parties_of(&self, mails: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
        if mails.is_empty() {
            return BTreeMap::new();
        }
        let registered = self.registry.as_ref().map(|registry| registry.parties_of(mails));
        let mut found = registered.unwrap_or_else(|| Ok(BTreeMap::new())).unwrap_or_else(|why| {
            tracing::error!("the data of registries cannot be used: {why}");
            BTreeMap::new()
        });
        let learned = self.learned.iter().flat_map(|learned| learned.parties());
        for team in self.teams.parties().iter().chain(learned) {
            for mail in team.contacts.iter().map(|contact| canonical(&contact.mail)).filter(|mail| mails.contains(mail))
            {
                found.entry(mail).or_default().insert(team.name.clone());
            }
        }
        found
    }

    /// The team that a notice goes to in place of its party.
    pub(crate) fn stands_in(&self, party: &str, to: &str) -> Option<&Party> {
        let party = self.constituents.named(party)?;
        let has = |some: &Party| {
            to.split(',').any(|to| some.contacts.iter().any(|one| canonical(&one.mail) == canonical(to)))
        };
        let by_sector = teams_for(self.teams.parties(), party).map(|(team, _)| team);
        by_sector.chain(self.teams.parties()).find(|team| has(team) && !has(party))
    }

    /// Whether events of a party may go on to others: registries named it, or teams stand behind it.
    pub(crate) fn may_go_on(&self, party: &str) -> bool {
        !party.is_empty() && (self.constituents.named(party).is_none() || !self.teams.is_empty())
    }

    /// The parts of the contact book in which somebody is sought, for people.
    pub(crate) fn parts(&self) -> String {
        let parts = [
            (!self.constituents.is_empty(), "the constituents"),
            (self.registry.is_some(), "those whom registries name"),
            (self.learned.is_some(), "those whom RDAP or domains name"),
            (!self.teams.is_empty(), "the teams of last resort"),
        ];
        let there: Vec<&str> = parts.into_iter().filter(|(is_there, _)| *is_there).map(|(_, part)| part).collect();
        if there.is_empty() { "nobody, because the contact book is empty".to_owned() } else { there.join(", ") }
    }
}

/// What the words begin with that say of a notice that it is told to a team in place of its party.
pub(crate) const TOLD_TEAM: &str = "told to the team `";
/// What the words begin with that say of a waiting notice who was passed over.
pub(crate) const NOBODY: &str = "nobody is left of ";
/// The same of a notice that is for a team from the beginning.
pub(crate) const NO_TEAM: &str = "nobody is left of the team ";

/// A team of a sector that stands in, for those who may not see which.
pub(crate) fn team_of_sector(sector: &str) -> String {
    format!("the team of the sector {sector}")
}

/// A team of last resort, by what it answers, for those who may not see which.
pub(crate) fn team_of_last_resort(by: &str) -> String {
    format!("the team of last resort ({by})")
}

/// What contacts are for that are told of events.
pub(crate) const PURPOSE: &str = "abuse";
/// The purpose of contacts that are never told in place of others.
pub(crate) const LAW: &str = "law";

/// Contacts that can be told: those for the purpose to whom something may be sent; where there is none of them, the
/// next by purpose and then in the party's order, but never those for the law.
pub(crate) fn reachable<'p>(party: &'p Party, purpose: &str, barred: &Barred) -> Vec<&'p Contact> {
    chosen(party, purpose, &|contact| barred.is_free(&contact.mail))
}

/// The same by ways out of which some send nothing in clear: whoever has a key that is needed comes before all who have
/// none. Where nobody has, nobody is passed over for it. `no_key` says why nothing reaches a contact.
pub(crate) fn reachable_by<'p>(
    party: &'p Party,
    purpose: &str,
    barred: &Barred,
    no_key: &dyn Fn(&Contact) -> Option<String>,
) -> Vec<&'p Contact> {
    let with_key = chosen(party, purpose, &|contact| barred.is_free(&contact.mail) && no_key(contact).is_none());
    if with_key.is_empty() { reachable(party, purpose, barred) } else { with_key }
}

/// Why those contacts are passed over that could be told but for a key.
pub(crate) fn keyless(
    party: &Party,
    purpose: &str,
    barred: &Barred,
    no_key: &dyn Fn(&Contact) -> Option<String>,
) -> Vec<String> {
    reachable(party, purpose, barred).into_iter().filter_map(no_key).collect()
}

fn chosen<'p>(party: &'p Party, purpose: &str, is_good: &dyn Fn(&Contact) -> bool) -> Vec<&'p Contact> {
    let is_good = |contact: &&Contact| is_good(contact);
    let good: Vec<&Contact> = party.contacts_for(purpose).into_iter().filter(is_good).collect();
    if !good.is_empty() {
        return good;
    }
    let others = party.contacts.iter().filter(|contact| !contact.purpose.eq_ignore_ascii_case(LAW));
    others.filter(is_good).min_by_key(|contact| contact.rank()).into_iter().collect()
}

/// Why a contact is told that is not for the purpose: none for it is there, or none is left. Empty where it is.
pub(crate) fn next_in_order(party: &Party, purpose: &str, told: &Contact) -> String {
    let wanted = party.contacts_for(purpose);
    match (wanted.is_empty(), wanted.iter().any(|one| std::ptr::eq(*one, told))) {
        (_, true) => String::new(),
        (true, _) => format!("next in order, because there is none for {purpose}"),
        (false, _) => format!("next in order, because none for {purpose} is left"),
    }
}

/// Why nobody of a party can be told.
pub(crate) fn nobody_left(party: &Party, purpose: &str, barred: &Barred) -> String {
    let name = &party.name;
    let why = barred.said(party.contacts.iter().map(|contact| &contact.mail));
    match why.is_empty() {
        true => format!("the party `{name}` has no contact with a mail address for {purpose}"),
        false => format!("no contact of the party `{name}` is left{why}"),
    }
}

/// Teams that may stand in for a constituent, in their order, each with the sector that they share.
pub(crate) fn teams_for<'t>(teams: &'t [Party], party: &Party) -> impl Iterator<Item = (&'t Party, &'t str)> {
    let shared = |team: &'t Party| team.sectors.iter().find(|sector| party.sectors.contains(sector));
    let others = teams.iter().filter(|team| team.name != party.name);
    others.filter_map(move |team| Some((team, shared(team)?.as_str())))
}

/// The team that is told in place of a constituent of which nobody can be: the first one for one of its sectors that
/// can itself.
pub(crate) fn team_for<'t>(
    teams: &'t [Party],
    party: &Party,
    purpose: &str,
    barred: &Barred,
) -> Option<(&'t Party, &'t str)> {
    teams_for(teams, party).find(|(team, _)| !reachable(team, purpose, barred).is_empty())
}

/// Whom registries name of those that are left: a network, AS number or route, and those before it that are not.
pub(crate) struct Left {
    /// Who is told.
    pub(crate) found: Option<Step>,
    /// Those of whom an address is known, but none is left, from the smallest on.
    pub(crate) passed: Vec<Step>,
}

/// Asks the networks around a span of addresses, the smallest first, then the AS, then whoever announces them, until
/// one names an address that is left.
pub(crate) fn left(
    registry: &Opened,
    span: Option<(IpAddr, IpAddr)>,
    asn: Option<u32>,
    is_free: &dyn Fn(&str) -> bool,
) -> Result<Left, String> {
    let is_left = |answer: &Answer| answer.usable().any(|mail| is_free(mail));
    if span.is_some_and(|(first, last)| reserved_in(first, last).is_some()) {
        return Ok(Left { found: None, passed: Vec::new() });
    }
    let mut steps = registry.find_any(span, asn, &is_left)?.steps;
    let found = steps.pop_if(|step| is_left(&step.answer));
    steps.retain(|step| step.answer.is_usable());
    Ok(Left { found, passed: steps })
}

/// `RIPE inetnum 192.0.2.0 - 192.0.2.255`: the object, by its key.
pub(crate) fn origin(step: &Step) -> String {
    // An AS that is not there is in no registry.
    format!("{} {} {}", step.answer.registry, step.class, step.what).trim_start().to_owned()
}

/// A party as a registry knows it.
pub(crate) fn party_of(answer: &Answer) -> Party {
    let origin = format!("{} {}", answer.via, answer.handles.join(", "));
    let contact = |mail: &String| Contact {
        purpose: "abuse".into(),
        mail: mail.clone(),
        language: answer.languages.to_string(),
        origin: origin.clone(),
        ..Contact::default()
    };
    Party { name: answer.party.clone(), contacts: answer.usable().map(contact).collect(), ..Party::default() }
}
