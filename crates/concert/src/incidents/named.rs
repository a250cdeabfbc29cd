//! Names of parties brought to the one that is known: what differs in case, in blanks or in its Unicode form is no other
//! party.
//!
//! Known is what takes part in the incident and what stands in the contact book, as far as a person may know of either.
//! A name that stands so in one of them is left as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Kept, Person};
use concert_model::incident::content::{Act, Content};
use concert_model::incident::draft::{Draft, NewMessage};
use concert_model::incident::fold::Incident;
use concert_model::incident::marking::Marking;
use concert_model::party::is_same_name;
use concert_model::problem::nearest;

use super::{Incidents, Refused};

/// The names of parties in a draft.
fn names_in(draft: &mut Draft) -> Vec<&mut String> {
    let mut names: Vec<&mut String> = draft.marking.iter_mut().flat_map(|marking| &mut marking.parties).collect();
    match &mut draft.content {
        Content::Marked(marked) => names.extend(&mut marked.marking.parties),
        Content::Remarked(marked) => names.extend(&mut marked.marking.parties),
        Content::PartyMoved(moved) => names.push(&mut moved.party),
        Content::RoleMoved(moved) => names.push(&mut moved.party),
        Content::HostHeld(held) => names.push(&mut held.party),
        Content::TellingHeld(held) => names.push(&mut held.party),
        Content::TellingOrdered(order) => names.extend(&mut order.parties),
        Content::Effort(effort) => names.push(&mut effort.party),
        Content::NeighbourNamed(named) => names.push(&mut named.party),
        Content::MessageKept(message) => names.push(&mut message.party),
        Content::ClockStarted(clock) => names.push(&mut clock.party),
        Content::Started(started) => names.push(&mut started.party),
        Content::ClockMet(met) => names.push(&mut met.party),
        Content::Release(release) => names.push(&mut release.party),
        Content::Custody(custody) if custody.act == Act::Received => names.push(&mut custody.whom),
        _ => {}
    }
    names
}

impl Incidents {
    /// Names parties in drafts as they are known, in this incident or a new one.
    pub(super) async fn name_parties(
        &self,
        person: &Person,
        incident: Option<&str>,
        drafts: &mut [Draft],
    ) -> Result<(), Refused> {
        let names: Vec<&mut String> = drafts.iter_mut().flat_map(names_in).collect();
        self.name_all(person, incident, names).await
    }

    /// The same in how an incident is marked that is to be opened, with what is written into it.
    pub(super) async fn name_parties_of_new(
        &self,
        person: &Person,
        marking: &mut Marking,
        drafts: &mut [Draft],
    ) -> Result<(), Refused> {
        // Whoever takes part from the beginning is known to the marking.
        let names = drafts.iter_mut().flat_map(names_in).chain(&mut marking.parties).collect();
        self.name_all(person, None, names).await
    }

    /// A message to a party as it is known.
    pub(super) async fn named(&self, person: &Person, incident: &str, new: &NewMessage) -> Result<NewMessage, Refused> {
        let mut new = new.clone();
        let mut names = vec![&mut new.party];
        names.extend(new.marking.iter_mut().flat_map(|marking| &mut marking.parties));
        self.name_all(person, Some(incident), names).await?;
        Ok(new)
    }

    /// The name of a party that somebody asks for.
    pub(super) async fn party_named(&self, person: &Person, incident: &str, name: &str) -> Result<String, Refused> {
        let mut name = name.to_owned();
        self.name_all(person, Some(incident), vec![&mut name]).await?;
        Ok(name)
    }

    async fn name_all(&self, person: &Person, incident: Option<&str>, names: Vec<&mut String>) -> Result<(), Refused> {
        if names.is_empty() {
            return Ok(());
        }
        // Whoever may not see the incident is told so where it is written.
        let found = match incident {
            Some(incident) => self.found(person, incident).await?,
            None => None,
        };
        let (mut state, mut new) = (None::<Arc<Incident>>, Vec::<String>::new());
        for name in names {
            let given = name.trim().to_owned();
            let is_known = |case: &super::Case| case.head.parties.contains_key(&given);
            let is_exact = self.constituents.named(&given).or_else(|| self.teams.named(&given)).is_some();
            if !given.is_empty() && !is_exact && !found.as_ref().is_some_and(|(case, _)| is_known(case)) {
                if let (Some((case, circle)), None) = (&found, &state) {
                    state = Some(self.joint(person, (case, circle)).await?);
                }
                let takes_part = state
                    .iter()
                    .flat_map(|state| state.parties.keys().chain(state.speakers.keys()).chain(state.hosts.values()));
                let takes_part = takes_part.chain(&new).find(|known| is_same_name(known, &given)).cloned();
                *name = takes_part.or_else(|| self.listed_as(person, &given)).unwrap_or(given);
            } else {
                *name = given;
            }
            new.push(name.clone());
        }
        Ok(())
    }

    /// What is told of parties that take part from now on and do not stand in the contact book, as far as a person sees
    /// the book: a name that is only misspelt would be a party of its own.
    pub(super) async fn new_parties(
        &self,
        person: &Person,
        incident: Option<&str>,
        drafts: &[Draft],
    ) -> Result<Vec<Problem>, Refused> {
        let moved = drafts.iter().filter_map(|draft| match &draft.content {
            Content::PartyMoved(moved) if moved.party != super::REPORTER => Some(moved.party.as_str()),
            _ => None,
        });
        let names: BTreeSet<&str> = moved.filter(|name| !name.is_empty()).collect();
        let Ok(reach) = self.reach(person, Kept::Contacts) else { return Ok(Vec::new()) };
        let all = self.constituents.parties().iter().chain(self.teams.parties());
        let book: Vec<&str> = all.map(|party| party.name.as_str()).filter(|name| reach.has(name)).collect();
        // Who keeps no book is not told of each name that it is not there.
        if names.is_empty() || book.is_empty() {
            return Ok(Vec::new());
        }
        let state = match incident {
            None => None,
            Some(incident) => match self.found(person, incident).await? {
                Some((case, circle)) => Some(self.joint(person, (&case, &circle)).await?),
                None => return Ok(Vec::new()),
            },
        };
        let here: Vec<&str> = state.iter().flat_map(|state| state.parties.keys()).map(String::as_str).collect();
        let new = names.into_iter().filter(|name| !book.contains(name) && !here.contains(name));
        Ok(new
            .map(|name| {
                let problem = Problem::new(format!("`{name}` is a new party, not in the contact book"));
                problem.hint(match nearest(name, here.iter().chain(&book).copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "messages to it take an address that somebody gives".to_owned(),
                })
            })
            .collect())
    }

    /// The party of the contact book that is called so, as far as a person may know of it.
    pub(super) fn listed_as(&self, person: &Person, given: &str) -> Option<String> {
        let reach = self.reach(person, Kept::Contacts).ok()?;
        let all = self.constituents.parties().iter().chain(self.teams.parties());
        all.map(|party| &party.name).find(|name| is_same_name(name, given) && reach.has(name)).cloned()
    }
}
