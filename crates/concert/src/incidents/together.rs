//! An incident put together with what others show in it: those that were merged into it, and what was split off for it.
//!
//! Readers get what they see of both. Rules that hold for everybody get all of it: a step that could not be done in one of
//! two incidents cannot be done because they were merged.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Action, Circle, Object, Person, may};
use concert_model::incident::fold::{Incident, Letter, place};
use concert_store::records::Change;

use super::case::{Case, Kept};
use super::{Incidents, merged};

/// Incidents that one shows, over all steps.
pub(super) const SHOWN_MAX: usize = 200;

/// What of an incident shows in another.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) case: Arc<Case>,
    pub(super) circle: Circle,
    /// Some entries, or all.
    pub(super) only: Option<BTreeSet<String>>,
}

/// Where journals are read.
enum Journals<'j, 'c> {
    Kept,
    Within(&'j mut Change<'c>),
}

/// What others show in one incident: as a person sees it, and all of it.
#[derive(Default)]
pub(super) struct Together {
    seen: Vec<Source>,
    all: Vec<Source>,
}

impl Together {
    /// The state of the incident as a person sees it.
    pub(super) fn seen(&self, person: &Person, (case, circle): (&Case, &Circle)) -> Incident {
        seen_with((case, circle), person, &self.seen)
    }

    /// Entries that were split off others for it, as the person sees them.
    pub(super) fn parts(&self) -> impl Iterator<Item = Arc<Kept>> {
        let parts = self.seen.iter().filter_map(|Source { case, only, .. }| Some(case.part(only.as_ref()?)));
        parts.flatten()
    }

    /// The state of the incident by all that is written in it and shows in it.
    pub(super) fn whole(&self, case: &Case) -> Incident {
        let mut all = case.whole();
        for Source { case, only, .. } in &self.all {
            all.include(case.whole_shown(only.as_ref()), &case.head.number);
        }
        all
    }
}

/// The state of an incident as a person sees it, with what these show in it.
pub(super) fn seen_with((case, circle): (&Case, &Circle), person: &Person, sources: &[Source]) -> Incident {
    let mut all = case.state_for(circle, person);
    for Source { case, circle, only } in sources {
        all.include(case.shown_for(circle, person, only.as_ref()), &case.head.number);
    }
    all
}

/// Messages of a conversation that goes on in the incident that shows them: of a party that was split off it goes on
/// there. `state` is that of the incident in which they are.
fn going_on(case: &Case, only: Option<&BTreeSet<String>>, state: &Incident) -> Vec<Arc<Letter>> {
    let moved = only.cloned().unwrap_or_else(|| case.head.moved());
    if moved.is_empty() {
        return state.messages.clone();
    }
    let parties = merged::parts(case, &moved);
    let is_moved = |letter: &&Arc<Letter>| parties.contains(&letter.message.party);
    let is_here = |letter: &&Arc<Letter>| !is_moved(letter) || case.head.parties.contains_key(&letter.message.party);
    match only {
        Some(_) => state.messages.iter().filter(is_moved).cloned().collect(),
        None => state.messages.iter().filter(is_here).cloned().collect(),
    }
}

/// What others show in one, by its own entries.
fn shown_of(case: &Case) -> Vec<(String, Option<BTreeSet<String>>)> {
    let of = |(how, id): &(String, String)| match how.as_str() {
        "merged" => Some((id.clone(), None)),
        "split-from" => Some((id.clone(), case.head.split.get(&(how.clone(), id.clone())).cloned())),
        _ => None,
    };
    // A split without entries shows nothing, where a merge shows all.
    case.head
        .joined
        .iter()
        .filter_map(of)
        .filter(|(id, only)| only.is_some() || case.head.joined.contains(&("merged".to_owned(), id.clone())))
        .collect()
}

impl Incidents {
    /// What other incidents show in this one, as far as a person may see them, over all steps.
    pub(super) async fn sources(&self, person: &Person, case: &Case) -> Result<Vec<Source>, Problem> {
        let others = self.journals(Journals::Kept, case).await?;
        Ok(self.among(&others, case, Some(person)))
    }

    /// The same and all that they show, as a change sees it.
    pub(super) async fn together_in(
        &self,
        change: &mut Change<'_>,
        person: &Person,
        case: &Case,
    ) -> Result<Together, Problem> {
        let others = self.journals(Journals::Within(change), case).await?;
        Ok(Together { seen: self.among(&others, case, Some(person)), all: self.among(&others, case, None) })
    }

    /// The state of an incident by all that is written in it and shows in it, whoever may see that.
    pub(super) async fn whole(&self, case: &Case) -> Result<Incident, Problem> {
        let others = self.journals(Journals::Kept, case).await?;
        Ok(Together { seen: Vec::new(), all: self.among(&others, case, None) }.whole(case))
    }

    /// The same for what is to be done: a conversation with a party that was split off goes on where the party is. With
    /// what shows in it.
    pub(super) async fn whole_to_do(&self, case: &Case) -> Result<(Incident, Vec<Source>), Problem> {
        let others = self.journals(Journals::Kept, case).await?;
        let together = Together { seen: Vec::new(), all: self.among(&others, case, None) };
        let mut state = together.whole(case);
        if !case.joins.is_empty() {
            state.messages = going_on(case, None, &case.whole());
            for Source { case, only, .. } in &together.all {
                state.messages.extend(going_on(case, only.as_ref(), &case.whole()));
            }
            state.messages.sort_by_key(|letter| letter.stamp);
        }
        Ok((state, together.all))
    }

    /// What is to be done in an incident as a person sees it, with what shows in it.
    pub(super) async fn to_do(
        &self,
        person: &Person,
        (case, circle): (&Case, &Circle),
    ) -> Result<(Arc<Incident>, Vec<Source>), super::Refused> {
        let (state, sources) = self.put_together(person, (case, circle)).await?;
        if case.joins.is_empty() {
            return Ok((state, sources));
        }
        let mut state = Incident::clone(&state);
        state.messages = going_on(case, None, &self.states.of(case, circle, person));
        for Source { case, circle, only } in &sources {
            state.messages.extend(going_on(case, only.as_ref(), &self.states.of(case, circle, person)));
        }
        state.messages.sort_by_key(|letter| letter.stamp);
        Ok((Arc::new(state), sources))
    }

    /// The incident that has a thing which shows in this one: this one, or one that was merged into it.
    pub(super) async fn home_of(
        &self,
        person: &Person,
        name: &str,
        has: impl Fn(&Incident) -> bool,
    ) -> Result<String, super::Refused> {
        let (case, circle) = self.find(person, name).await?;
        if case.joins.is_empty() || has(&self.states.of(&case, &circle, person)) {
            return Ok(case.id.clone());
        }
        let sources = self.sources(person, &case).await?;
        let merged = sources.iter().filter(|source| source.only.is_none());
        let home = merged.into_iter().find(|source| has(&self.states.of(&source.case, &source.circle, person)));
        Ok(home.map_or(&case.id, |source| &source.case.id).clone())
    }

    /// The last entry of an incident or of those that show in it, by its number.
    pub(super) async fn last_shown(&self, case: &Case) -> Result<u64, Problem> {
        let others = self.journals(Journals::Kept, case).await?;
        Ok(others.values().map(|other| other.last).fold(case.last, u64::max))
    }

    /// The journals that show in one, over all steps, by identity.
    async fn journals(
        &self,
        mut journals: Journals<'_, '_>,
        case: &Case,
    ) -> Result<BTreeMap<String, Arc<Case>>, Problem> {
        let mut all = BTreeMap::new();
        let mut at = shown_of(case);
        while let Some((id, only)) = at.pop() {
            if all.len() >= SHOWN_MAX || id == case.id {
                continue;
            }
            let other = match (all.get(&id), &mut journals) {
                (Some(known), _) => Arc::clone(known),
                (None, Journals::Kept) => self.case(&id).await?,
                (None, Journals::Within(change)) => Arc::new(self.case_in(change, &id).await?),
            };
            // What was merged into the other shows where all of the other does.
            if only.is_none() {
                at.extend(shown_of(&other).into_iter().filter(|(id, _)| !all.contains_key(id)));
            }
            all.insert(id, other);
        }
        Ok(all)
    }

    /// What these show in one, as far as a person may see them; all of it where nobody is asked.
    fn among(&self, others: &BTreeMap<String, Arc<Case>>, case: &Case, person: Option<&Person>) -> Vec<Source> {
        let (mut sources, mut seen) = (BTreeMap::new(), BTreeSet::from([case.id.clone()]));
        let mut at = shown_of(case);
        while let Some((id, only)) = at.pop() {
            if sources.len() >= SHOWN_MAX || only.is_none() && !seen.insert(id.clone()) {
                continue;
            }
            let Some(other) = others.get(&id) else { continue };
            let mut circle = self.circle(other);
            // Whoever saw what a split moved by a role that is limited to one of its parties goes on seeing it.
            if let Some(entries) = &only {
                let parties = merged::parts(other, entries);
                circle.constituencies.extend(parties.iter().flat_map(|party| self.constituencies(party)));
            }
            if person.is_some_and(|person| !may(person, Action::See, Object::Incident(&circle)).allowed) {
                continue;
            }
            if only.is_none() {
                at.extend(shown_of(other));
            }
            let source = Source { case: Arc::clone(other), circle, only: only.clone() };
            sources.insert((id, only.unwrap_or_default()), source);
        }
        // By identity, so that the same incidents give the same whatever order they were joined in.
        sources.into_values().collect()
    }
}

/// Entries that show in an incident, of its own and of others, each with the journal that has it: all, or those that a
/// person sees. What was split off shows elsewhere.
pub(super) fn shown<'c>(
    (case, circle): (&'c Case, &'c Circle),
    sources: &'c [Source],
    person: Option<&'c Person>,
) -> impl Iterator<Item = (&'c Case, &'c Arc<Kept>)> {
    let of = move |source: &'c Source| {
        let (case, circle) = (&*source.case, &source.circle);
        entries((case, circle), source.only.as_ref(), person).map(move |kept| (case, kept))
    };
    let own = entries((case, circle), None, person).map(move |kept| (case, kept));
    sources.iter().flat_map(of).chain(own)
}

/// Entries of an incident that show in another: these, or all but what was split off.
fn entries<'c>(
    (case, circle): (&'c Case, &'c Circle),
    only: Option<&'c BTreeSet<String>>,
    person: Option<&'c Person>,
) -> Box<dyn Iterator<Item = &'c Arc<Kept>> + 'c> {
    let moved = case.head.moved();
    let shows = move |kept: &&Arc<Kept>| match only {
        Some(only) => only.contains(&place(&kept.header)),
        None => moved.is_empty() || !moved.contains(&place(&kept.header)),
    };
    match person {
        Some(person) => Box::new(case.seen_by(circle, person).filter(shows)),
        None => Box::new(case.entries.iter().filter(shows)),
    }
}
